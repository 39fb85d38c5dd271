"""From coherent probabilities to sets of labels: thresholds, and further rules.

A label needs its node's threshold, tuned on labelled data for F1. On top of that a patent can be
given at least one label down to some level, at most k labels at each level, or a less specific
label where nothing specific is likely enough.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy import sparse

from patentcl.core.errors import ConfigError, did_you_mean
from patentcl.cpc import CpcTree
from patentcl.metrics.thresholds import best_threshold

if TYPE_CHECKING:
    import pandas as pd

THRESHOLDS = ("global", "level", "label")


@dataclass(frozen=True)
class Rules:
    """How probabilities become labels."""

    hard: bool = False
    """Drop a node whose parent is not predicted; otherwise a node brings its ancestors."""
    at_least: int = -1
    """Depth down to which a patent gets at least one label; -1 for none, 0 for the roots only."""
    back_off: float = 0.0
    """How likely a label must be that is only there because of `at_least`, roots excepted;
    otherwise the labels end at the level above."""
    top_k: int | None = None
    """At most k labels at each level, the likeliest."""

    def __post_init__(self) -> None:
        if self.top_k is not None and self.top_k < 1:
            raise ConfigError("top_k is too small", got=self.top_k, wanted="at least 1, or None")
        if not 0 <= self.back_off <= 1:
            raise ConfigError("back_off out of range", got=self.back_off, wanted="0 to 1")


# ---- thresholds -----------------------------------------------------------------------------


def fit_thresholds(
    truth: sparse.csr_matrix,
    scores: np.ndarray,
    tree: CpcTree,
    per: str,
    hard: bool = False,
    shrinkage: float = 20.0,
) -> np.ndarray:
    """Thresholds, float32 (n_nodes,), that maximise micro F1 on labelled patents.

    From closed labels and coherent probabilities, both (n_patents, n_nodes). `per` is ``global``
    (which maximises hierarchical F1), ``level``, or ``label``: each node's own best, pulled towards
    its level's, half-way for a node with `shrinkage` true labels. With `hard`, a level is tuned on
    what the thresholds above it let through.
    """
    if per not in THRESHOLDS:
        raise ConfigError(
            "unknown kind of threshold",
            got=per,
            fix=did_you_mean(per, THRESHOLDS) + " Or give a number",
        )
    if shrinkage < 0:
        raise ConfigError("shrinkage is negative", got=shrinkage, wanted="0 or more")
    out = best_threshold(truth, scores, per="all")
    if per == "global":
        return out.astype(np.float32)
    passed = np.ones(scores.shape, dtype=bool)
    for columns in _levels(tree):
        part = scores[:, columns]
        if hard and tree.depth[columns[0]]:
            part = np.where(passed[:, tree.parent[columns]], part, part.dtype.type(0))
        labels = truth[:, columns]
        if labels.nnz:
            # In a hard mask 0 would also let through what was left out.
            lowest = np.nextafter(np.float32(0), np.float32(1)) if hard else 0
            out[columns] = np.maximum(best_threshold(labels, part), lowest)
        passed[:, columns] = part >= out[columns].astype(part.dtype)
    if per == "label":
        own = best_threshold(truth, scores, per="label")
        count = np.asarray(truth.sum(axis=0)).ravel().astype(np.float64)
        trust = count / np.maximum(count + shrinkage, 1e-9)
        # Without a true label nothing is known of a node, whatever the shrinkage.
        out = np.where(count > 0, trust * own + (1 - trust) * out, out)
    return out.astype(np.float32)


def needed(thresholds: np.ndarray, tree: CpcTree, hard: bool = False) -> np.ndarray:
    """How likely a node must be for any node below it to reach its threshold, float32 (n_nodes,).

    Infinite for leaves. With `hard`, a node below counts only where this one is predicted too.

    Examples
    --------
    >>> tree = CpcTree.from_symbols(["A01B", "A01C"])
    >>> needed(np.array([0.9, 0.5, 0.4, 0.3]), tree).tolist()
    [0.30000001192092896, 0.30000001192092896, inf, inf]
    """
    out = np.full(len(tree), np.inf, dtype=np.float32)
    for columns in _levels(tree)[:0:-1]:
        here = np.minimum(thresholds[columns].astype(np.float32), out[columns])
        np.minimum.at(out, tree.parent[columns], here)
    return np.maximum(out, thresholds.astype(np.float32)) if hard else out


def _levels(tree: CpcTree) -> list[np.ndarray]:
    """Columns of each depth."""
    return [tree.at_level(depth) for depth in range(int(tree.depth.max()) + 1)]


# ---- labels ---------------------------------------------------------------------------------


def choose(scores: np.ndarray, thresholds: np.ndarray, tree: CpcTree, rules: Rules) -> np.ndarray:
    """Labels of each patent, bool (n_patents, n_nodes), closed under ancestors.

    Takes coherent probabilities (n_patents, n_nodes) and the threshold of each node (n_nodes,).

    Examples
    --------
    >>> tree = CpcTree.from_symbols(["A01B", "B60K"])
    >>> scores = np.array([[0.9, 0.2, 0.3, 0.1, 0.2, 0.1]])
    >>> choose(scores, np.full(6, 0.5), tree, Rules()).astype(int).tolist()
    [[1, 0, 0, 0, 0, 0]]
    >>> choose(scores, np.full(6, 0.5), tree, Rules(at_least=2)).astype(int).tolist()
    [[1, 0, 1, 0, 1, 0]]
    >>> choose(scores, np.full(6, 0.5), tree, Rules(at_least=2, back_off=0.25)).astype(int).tolist()
    [[1, 0, 1, 0, 0, 0]]
    """
    chosen = scores >= thresholds.astype(scores.dtype)
    levels = _levels(tree)
    if rules.hard:
        _drop_orphans(chosen, tree, levels)
    else:
        for columns in levels[:0:-1]:
            rows, at = np.nonzero(chosen[:, columns])
            chosen[rows, tree.parent[columns][at]] = True
    if rules.top_k is not None:
        for columns in levels:
            _keep_best(chosen, scores, columns, rules.top_k)
        _drop_orphans(chosen, tree, levels)
    for depth, columns in enumerate(levels[: rules.at_least + 1]):
        _at_least_one(chosen, scores, tree, columns, rules.back_off if depth else 0.0)
    return chosen


def _drop_orphans(chosen: np.ndarray, tree: CpcTree, levels: list[np.ndarray]) -> None:
    for columns in levels[1:]:
        chosen[:, columns] &= chosen[:, tree.parent[columns]]


def _keep_best(chosen: np.ndarray, scores: np.ndarray, columns: np.ndarray, k: int) -> None:
    """Leave the k likeliest of a level's chosen labels; the first in the tree among equals."""
    for row in np.flatnonzero(chosen[:, columns].sum(axis=1) > k):
        mine = columns[chosen[row, columns]]
        order = np.argsort(-scores[row, mine], kind="stable")
        chosen[row, mine[order[k:]]] = False


def _at_least_one(
    chosen: np.ndarray, scores: np.ndarray, tree: CpcTree, columns: np.ndarray, least: float
) -> None:
    """Give patents without a label at a level the likeliest below their predicted parents."""
    rows = np.flatnonzero(~chosen[:, columns].any(axis=1))
    if not rows.size:
        return
    part = scores[np.ix_(rows, columns)].astype(np.float64)
    parents = tree.parent[columns]
    if (parents >= 0).any():
        part[(parents >= 0) & ~chosen[np.ix_(rows, np.maximum(parents, 0))]] = -1.0
    best = part.argmax(axis=1)
    enough = part[np.arange(len(rows)), best] >= max(least, 0.0)
    chosen[rows[enough], columns[best[enough]]] = True


def predicted_depth(chosen: np.ndarray, tree: CpcTree) -> np.ndarray:
    """Depth of each patent's most specific label, int (n_patents,); -1 without any."""
    depth: np.ndarray = np.where(chosen, tree.depth, -1).max(axis=1)
    return depth


# ---- tables ---------------------------------------------------------------------------------


def tabulate(
    blocks: Iterable[tuple[int, np.ndarray, np.ndarray]],
    names: np.ndarray,
    thresholds: np.ndarray,
    tree: CpcTree,
    top: int = 0,
) -> pd.DataFrame:
    """What is predicted for each patent: the table that `PatentClassifier.decide` describes.

    `blocks` gives the first row, probabilities and chosen labels (rows, n_nodes) of some patents at
    a time. With `top`, that many of the likeliest nodes of the deepest level are listed too.
    """
    import pandas as pd

    deepest, order = tree.at_level(len(tree.levels) - 1), outline(tree)
    empty = np.empty(0, dtype=np.int64)
    parts = [(empty, empty, empty.astype(np.float32), empty.astype(bool))]
    for start, scores, chosen in blocks:
        listed = chosen.copy()
        if top:
            best = np.argsort(-scores[:, deepest], axis=1, kind="stable")[:, :top]
            listed[np.arange(len(listed))[:, None], deepest[best]] = True
        row, place = np.nonzero(listed[:, order])
        node = order[place]
        parts.append((row + start, node, scores[row, node], chosen[row, node]))
    row, node, score, predicted = map(np.concatenate, zip(*parts, strict=True))
    return pd.DataFrame(
        {
            "patent_id": names[row],
            "symbol": np.array(tree.symbols, dtype=object)[node],
            "level": np.array(tree.levels, dtype=object)[tree.depth[node]],
            "title": np.array(tree.titles, dtype=object)[node],
            "probability": score,
            "threshold": thresholds[node],
            "predicted": predicted,
            "confident": predicted & (score >= thresholds[node]),
        }
    )


def outline(tree: CpcTree) -> np.ndarray:
    """Nodes top-down, children right below their parent, int64 (n_nodes,)."""
    return np.array(sorted(range(len(tree)), key=tree.path), dtype=np.int64)
