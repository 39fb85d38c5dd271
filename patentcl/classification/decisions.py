"""From coherent probabilities to sets of labels: thresholds, and what else a decision may ask for.

A threshold for each node, tuned on labelled data for F1, is the rule; on top of it a patent can be
given at least one label down to some level, at most k labels a level, or a less specific answer
where nothing specific is likely enough.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

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
    """How probabilities become labels.

    Parameters
    ----------
    hard : bool
        Drop a node whose parent is not predicted; otherwise a predicted node brings its ancestors.
    at_least : int
        Depth down to which a patent gets at least one label; -1 for none, 0 for the roots only.
    back_off : float
        A label that is only there because of `at_least` must be this likely, roots excepted;
        otherwise the answer ends at the level above.
    top_k : int, optional
        At most so many labels at each level, the likeliest.
    """

    hard: bool = False
    at_least: int = -1
    back_off: float = 0.0
    top_k: int | None = None

    def __post_init__(self) -> None:
        if self.top_k is not None and self.top_k < 1:
            raise ConfigError("top_k is too small", got=self.top_k, wanted="at least 1, or None")
        if not 0 <= self.back_off <= 1:
            raise ConfigError("back_off out of range", got=self.back_off, wanted="0 to 1")


def fit_thresholds(
    truth: sparse.csr_matrix,
    scores: np.ndarray,
    tree: CpcTree,
    per: str,
    hard: bool = False,
    shrinkage: float = 20.0,
) -> np.ndarray:
    """Thresholds that maximise micro F1 on labelled patents.

    Parameters
    ----------
    truth : csr_matrix of bool, shape (n_patents, n_nodes)
        Closed under ancestors.
    scores : ndarray of float, shape (n_patents, n_nodes)
        Coherent probabilities.
    tree : CpcTree
    per : {"global", "level", "label"}
        One threshold for all nodes (which maximises hierarchical F1), one for each level, or one
        for each node: its own best, drawn towards its level's where it has few true labels.
    hard : bool
        Tune a level on what the thresholds above it leave.
    shrinkage : float
        With ``per="label"``: a node with this many true labels stands half-way between its own
        best threshold and its level's.

    Returns
    -------
    ndarray of float32, shape (n_nodes,)

    Raises
    ------
    ConfigError
        If `per` is not known or `shrinkage` negative.
    DataError
        If no patent has a label.
    """
    if per not in THRESHOLDS:
        raise ConfigError(
            "unknown kind of threshold",
            got=per,
            fix=did_you_mean(per, THRESHOLDS) + " Or give a number",
        )
    if shrinkage < 0:
        raise ConfigError("shrinkage is negative", got=shrinkage, wanted="0 or more")
    if per == "global":
        return best_threshold(truth, scores, per="all").astype(np.float32)
    if hard:
        level = _top_down(truth, scores, tree)
    else:
        level = best_threshold(truth, scores, per="level", tree=tree)
    if per == "level":
        return level.astype(np.float32)
    own = best_threshold(truth, scores, per="label")
    count = np.asarray(truth.sum(axis=0)).ravel().astype(np.float64)
    trust = count / np.maximum(count + shrinkage, 1e-9)
    # Zero true labels: nothing is known, whatever the shrinkage.
    return np.where(count > 0, trust * own + (1 - trust) * level, level).astype(np.float32)


def _top_down(truth: sparse.csr_matrix, scores: np.ndarray, tree: CpcTree) -> np.ndarray:
    """Thresholds per level, each tuned on the scores whose parents passed."""
    out = best_threshold(truth, scores, per="all")
    passed = np.zeros(scores.shape, dtype=bool)
    for depth in range(int(tree.depth.max()) + 1):
        columns = tree.at_level(depth)
        part = scores[:, columns].copy()
        if depth:
            part[~passed[:, tree.parent[columns]]] = 0
        labels = truth[:, columns]
        if labels.nnz:
            best = best_threshold(labels, part)
            # 0 would also let the masked ones pass
            out[columns] = np.maximum(best, np.nextafter(np.float32(0), np.float32(1)))
        passed[:, columns] = part >= out[columns].astype(part.dtype)
    return out


def choose(scores: np.ndarray, thresholds: np.ndarray, tree: CpcTree, rules: Rules) -> np.ndarray:
    """Labels of each patent.

    Parameters
    ----------
    scores : ndarray of float, shape (n_patents, n_nodes)
        Coherent probabilities.
    thresholds : ndarray of float, shape (n_nodes,)
        A label needs at least this.
    tree : CpcTree
    rules : Rules

    Returns
    -------
    ndarray of bool, shape (n_patents, n_nodes)
        Closed under ancestors.

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
    levels = [tree.at_level(d) for d in range(int(tree.depth.max()) + 1)]
    if rules.hard:
        for columns in levels[1:]:
            chosen[:, columns] &= chosen[:, tree.parent[columns]]
    else:
        _close(chosen, tree, levels)
    if rules.top_k is not None:
        for columns in levels:
            _keep_best(chosen, scores, columns, rules.top_k)
        for columns in levels[1:]:
            chosen[:, columns] &= chosen[:, tree.parent[columns]]
    for depth in range(min(rules.at_least, len(levels) - 1) + 1):
        _at_least_one(chosen, scores, tree, levels[depth], rules.back_off if depth else 0.0)
    return chosen


def needed(thresholds: np.ndarray, tree: CpcTree, hard: bool = False) -> np.ndarray:
    """How likely a node must be for any node below it to reach its threshold.

    Parameters
    ----------
    thresholds : ndarray of float, shape (n_nodes,)
    tree : CpcTree
    hard : bool
        A node below counts only where this one is predicted too.

    Returns
    -------
    ndarray of float32, shape (n_nodes,)
        Infinite for leaves.

    Examples
    --------
    >>> tree = CpcTree.from_symbols(["A01B", "A01C"])
    >>> needed(np.array([0.9, 0.5, 0.4, 0.3]), tree).tolist()
    [0.30000001192092896, 0.30000001192092896, inf, inf]
    """
    out = np.full(len(tree), np.inf, dtype=np.float32)
    for depth in range(int(tree.depth.max()), 0, -1):
        columns = tree.at_level(depth)
        here = np.minimum(thresholds[columns].astype(np.float32), out[columns])
        np.minimum.at(out, tree.parent[columns], here)
    return np.maximum(out, thresholds.astype(np.float32)) if hard else out


def _close(chosen: np.ndarray, tree: CpcTree, levels: list[np.ndarray]) -> None:
    for columns in reversed(levels[1:]):
        rows, at = np.nonzero(chosen[:, columns])
        chosen[rows, tree.parent[columns][at]] = True


def _keep_best(chosen: np.ndarray, scores: np.ndarray, columns: np.ndarray, k: int) -> None:
    """Leave the k likeliest of a level's chosen labels; the first in the tree among equals."""
    rows = np.flatnonzero(chosen[:, columns].sum(axis=1) > k)
    for row in rows:
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


def answered_level(chosen: np.ndarray, tree: CpcTree) -> np.ndarray:
    """Depth of each patent's most specific label, int (n_patents,); -1 without any.

    Parameters
    ----------
    chosen : ndarray of bool, shape (n_patents, n_nodes)
    """
    depth: np.ndarray = np.where(chosen, tree.depth, -1).max(axis=1)
    return depth


def tabulate(
    blocks: Iterable[tuple[int, np.ndarray, np.ndarray]],
    names: np.ndarray,
    thresholds: np.ndarray,
    tree: CpcTree,
    top: int = 0,
) -> pd.DataFrame:
    """What is predicted for each patent, as a table for people.

    Parameters
    ----------
    blocks : iterable of (int, ndarray, ndarray)
        First row, probabilities (rows, n_nodes) and chosen labels (rows, n_nodes).
    names : ndarray of object, shape (n_patents,)
    thresholds : ndarray of float, shape (n_nodes,)
    tree : CpcTree
    top : int
        Also list so many of the likeliest nodes of the deepest level, chosen or not.

    Returns
    -------
    DataFrame
        Patent by patent, children below their parents; columns as in `PatentClassifier.decide`.
    """
    import pandas as pd

    rows, nodes, probability, predicted = [], [], [], []
    deepest = tree.at_level(len(tree.levels) - 1)
    for start, scores, chosen in blocks:
        listed = chosen.copy()
        if top:
            best = np.argsort(-scores[:, deepest], axis=1, kind="stable")[:, :top]
            listed[np.arange(len(listed))[:, None], deepest[best]] = True
        row, node = np.nonzero(listed)
        rows.append(row + start)
        nodes.append(node)
        probability.append(scores[row, node])
        predicted.append(chosen[row, node])
    row, node = _join(rows, np.int64), _join(nodes, np.int64)
    score, said = _join(probability, np.float32), _join(predicted, bool)
    table = pd.DataFrame(
        {
            "patent_id": names[row],
            "symbol": np.array(tree.symbols, dtype=object)[node],
            "level": np.array(tree.levels, dtype=object)[tree.depth[node]],
            "title": np.array(tree.titles, dtype=object)[node],
            "probability": score,
            "threshold": thresholds[node],
            "predicted": said,
            "sure": said & (score >= thresholds[node]),
        }
    )
    return table.iloc[np.lexsort((outline(tree)[node], row))].reset_index(drop=True)


def _join(parts: list[np.ndarray], dtype: Any) -> np.ndarray:
    return np.concatenate(parts) if parts else np.empty(0, dtype=dtype)


def outline(tree: CpcTree) -> np.ndarray:
    """Place of each node when the tree is written top-down, children below their parent."""
    children: dict[int, list[int]] = {}
    for node, parent in enumerate(tree.parent.tolist()):
        children.setdefault(parent, []).append(node)
    place = np.empty(len(tree), dtype=np.int64)
    stack = children[-1][::-1]
    for i in range(len(tree)):
        node = stack.pop()
        place[node] = i
        stack += children.get(node, [])[::-1]
    return place
