"""Heads: networks from embeddings to one probability for each node of a label tree, by name.

Imports core, cpc, and of classification the decisions alone.
"""

from __future__ import annotations

from patentcl.classification.heads.base import Head, HeadSettings
from patentcl.classification.heads.harnn import HarnnHead
from patentcl.classification.heads.levels import FlatHead, LevelsHead
from patentcl.classification.heads.nodes import ThmmHead, TmmHead
from patentcl.core.errors import choose
from patentcl.cpc import CpcTree

__all__ = ["HEADS", "Head", "HeadSettings", "build_head"]

HEADS: dict[str, type[Head]] = {
    "flat": FlatHead,
    "levels": LevelsHead,
    "tmm": TmmHead,
    "thmm": ThmmHead,
    "harnn": HarnnHead,
}
"""The heads by name; `patentcl.classification.members` has the names without the classes."""


def build_head(name: str, tree: CpcTree, dim: int, settings: HeadSettings | None = None) -> Head:
    """Make an untrained head for embeddings of width `dim`.

    Raises
    ------
    ConfigError
        If the name is not known.

    Examples
    --------
    >>> import torch
    >>> tree = CpcTree.from_symbols(["A01B", "A01C", "B60K"])
    >>> head = build_head("levels", tree, dim=8, settings=HeadSettings(hidden=0))
    >>> head.predict(torch.zeros(2, 8)).shape
    torch.Size([2, 7])
    """
    return HEADS[choose(name, HEADS, "head")](tree, dim, settings or HeadSettings())
