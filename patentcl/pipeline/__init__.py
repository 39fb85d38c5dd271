"""Stages, recipes, and the runner that skips what is up to date.

Imports everything but the command line.
"""

from __future__ import annotations

from patentcl.core.lazy import lazily

__all__, __getattr__, __dir__ = lazily(__name__, {"runner": "run_pipeline"})
