"""One stage executed as a command or a recipe does it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from patentcl.core.artifacts import read_manifest
from patentcl.pipeline.recipe import stage_recipe
from patentcl.pipeline.runner import execute
from patentcl.pipeline.stages import Stage, Step


def make(stage: Stage, out: Path, *overrides: str, **inputs: Any) -> dict[str, Any]:
    """Execute a stage and return the manifest of its folder."""
    recipe = stage_recipe(overrides, None, list(stage.sections))
    execute(Step(stage, out, recipe, inputs))
    return read_manifest(out) or {}
