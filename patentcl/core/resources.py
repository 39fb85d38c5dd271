"""Finds what ships beside the code: recipes, graph queries and index specifications.

Each kind has one home at the top of the repository and travels in the wheel as
``patentcl._resources.<kind>``. The installed place is looked in first, then the checkout.
"""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

from patentcl.core.errors import ConfigError, choose, did_you_mean

KINDS = {"pipelines": "recipe", "graph": "query", "indexes": "index specification"}
"""Kinds of resources, and what one of them is called."""


def folder(kind: str) -> Path:
    """Return the folder of a kind; ConfigError if it is unknown or the installation lacks it."""
    choose(kind, KINDS, "kind of resource")
    try:
        spec = find_spec(f"patentcl._resources.{kind}")
    except ModuleNotFoundError:  # an editable installation
        spec = None
    installed = list(spec.submodule_search_locations or []) if spec is not None else []
    for place in [*map(Path, installed), Path(__file__).resolve().parents[2] / kind]:
        if place.is_dir():
            return place
    raise ConfigError(
        "resources are missing from this installation", where=kind, fix="Install patentcl again"
    )


def names(kind: str, suffix: str = ".yaml") -> list[str]:
    """List the resources of a kind by name, without the suffix."""
    return sorted(p.name.removesuffix(suffix) for p in folder(kind).glob(f"*{suffix}"))


def path(kind: str, name: str, suffix: str = ".yaml") -> Path:
    """Return the path of a resource, named with or without the suffix, or raise ConfigError."""
    stem = name.removesuffix(suffix)
    found = folder(kind) / f"{stem}{suffix}"
    if "/" in stem or not found.is_file():
        fix = did_you_mean(stem, names(kind, suffix))
        raise ConfigError(f"no such {KINDS[kind]}", got=name, fix=fix)
    return found


def read(kind: str, name: str, suffix: str = ".yaml") -> str:
    """Return the text of one resource."""
    return path(kind, name, suffix).read_text(encoding="utf-8")
