"""Finds what ships beside the code: recipes, graph queries and index specifications.

Each kind has one home at the top of the repository and travels in the wheel as
``patentcl._resources.<kind>``. The installed place is looked in first, then the checkout.
"""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

from patentcl.core.errors import ConfigError, did_you_mean

KINDS = ("pipelines", "graph", "indexes")
_ONE = {"pipelines": "recipe", "graph": "graph query", "indexes": "index specification"}


def folder(kind: str) -> Path:
    """Return the folder of a kind of resource.

    Parameters
    ----------
    kind : {"pipelines", "graph", "indexes"}

    Raises
    ------
    ConfigError
        If the kind is unknown, or the installation lacks it.
    """
    if kind not in KINDS:
        raise ConfigError("unknown kind of resource", got=kind, fix=did_you_mean(kind, KINDS))
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
    """Return the path of one resource, by its name with or without the suffix.

    Raises
    ------
    ConfigError
        If there is none of that name; the nearest names are offered.
    """
    stem = name.removesuffix(suffix)
    found = folder(kind) / f"{stem}{suffix}"
    if "/" in stem or not found.is_file():
        what = {"pipelines": "recipe", "graph": "query", "indexes": "index specification"}[kind]
        raise ConfigError(f"no such {what}", got=name, fix=did_you_mean(stem, names(kind, suffix)))
    return found


def read(kind: str, name: str, suffix: str = ".yaml") -> str:
    """Return the text of one resource."""
    return path(kind, name, suffix).read_text(encoding="utf-8")
