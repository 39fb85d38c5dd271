"""Decision thresholds that maximise F1, found in one sorted pass.

The F1 of one label set only changes for the better where a threshold passes the score of a true
label, so those scores are the only candidates, and `Curve` has the counts at each of them. For
means of F1 (macro, samples) every label or patent changes at its own scores; the changes are sorted
once and summed up. """

from __future__ import annotations

from typing import Any

import numpy as np
from scipy import sparse

from patentcl.cpc import CpcTree
from patentcl.errors import ConfigError, DataError, did_you_mean
from patentcl.metrics.curves import Curve, label_curves, micro_curve
from patentcl.metrics.inputs import Scores, as_labels, as_scores, check_closed, row_ids

SCOPES = ("all", "level", "label")
AVERAGES = ("micro", "macro", "macro_true", "samples")


def _peak(curve: Curve) -> float:
    """The highest threshold with the best F1; nan where nothing true was retrieved."""
    if not len(curve.threshold):
        return float("nan")
    best = curve.f1
    return float(curve.threshold[np.flatnonzero(best == best.max())[-1]])


def best_threshold(truth: Any, scores: Any, per: str = "all", average: str = "micro",
                   tree: CpcTree | None = None, min_true: int = 1) -> np.ndarray:
    """Thresholds that maximise F1 on labelled data.

    Parameters
    ----------
    truth : matrix of 0 and 1, shape (n_patents, n_labels)
    scores : matrix, shape (n_patents, n_labels)
        Or anything that `Scores` reads in blocks.
    per : {"all", "level", "label"}
        One threshold for everything, one for each level of the tree, or one for each label.
    average : {"micro", "macro", "macro_true", "samples"}
        Which F1 a shared threshold maximises. With ``per="label"`` each label's own F1 is
        maximised, which maximises any macro average. Hierarchical F1 is F1 on
        ``tree.lift(scores)``.
    tree : CpcTree, optional
        Needed for ``per="level"``.
    min_true : int
        A label that is true less often than this takes the threshold of all labels together, as
        does a level or label whose true labels were never retrieved.

    Returns
    -------
    ndarray of float64, shape (n_labels,)
        To be used as ``score >= threshold``. Among equally good thresholds the highest.

    Raises
    ------
    ConfigError
        For an unknown scope or average, or ``per="level"`` without a tree.
    DataError
        If shapes differ, truth is not binary, or there is no true label.

    Examples
    --------
    >>> truth = np.array([[1, 0], [1, 0], [0, 1]])
    >>> scores = np.array([[0.9, 0.2], [0.6, 0.1], [0.3, 0.4]])
    >>> best_threshold(truth, scores).tolist()
    [0.4, 0.4]
    >>> best_threshold(truth, scores, per="label").tolist()
    [0.6, 0.4]
    """
    for value, known, what in ((per, SCOPES, "scope"), (average, AVERAGES, "average")):
        if value not in known:
            raise ConfigError(f"unknown {what} for a threshold", got=value,
                              fix=did_you_mean(value, known))
    if min_true < 1:
        raise ConfigError("min_true is too small", got=min_true, wanted="at least 1")
    labels = as_labels(truth, "truth")
    matrix = as_scores(scores, labels.shape)
    if labels.nnz == 0:
        raise DataError("there is no true label to choose a threshold by")
    width = labels.shape[1]
    if tree is not None:
        if len(tree) != width:
            raise DataError("labels do not match the tree", got=f"{width} columns",
                            wanted=f"{len(tree)}, one for each node")
        check_closed(labels, tree)
    if per == "level":
        if tree is None:
            raise ConfigError("thresholds per level need a tree")
        out = np.full(width, _shared(labels, matrix, average, None))
        for depth in range(int(tree.depth.max()) + 1):
            columns = tree.at_level(depth)
            found = _shared(labels, matrix, average, columns)
            if np.isfinite(found):
                out[columns] = found
        return out
    shared = _shared(labels, matrix, average if per == "all" else "micro", None)
    out = np.full(width, shared)
    if per == "label":
        for j, curve in enumerate(label_curves(labels, matrix)):
            if curve.n_true >= min_true and len(curve.threshold):
                out[j] = _peak(curve)
    return out


def _shared(truth: sparse.csr_matrix, scores: Scores, average: str,
            columns: np.ndarray | None) -> float:
    if average == "micro":
        return _peak(micro_curve(truth, scores, columns))
    return _mean_peak(truth, scores, average, columns)


def _mean_peak(truth: sparse.csr_matrix, scores: Scores, average: str,
               columns: np.ndarray | None) -> float:
    """Threshold with the best mean F1 over labels or patents, from all score events at once.

    The events of scores at or above the lowest true one are held in memory: about 30 bytes each.
    """
    true = sparse.csr_matrix(truth)
    groups: list[np.ndarray] = []
    values: list[np.ndarray] = []
    hits: list[np.ndarray] = []
    for start, block in scores.blocks(columns):
        stop = start + len(block)
        part = true[start:stop]
        if columns is not None:
            part = part[:, columns]
        flag = np.zeros(block.shape, dtype=bool)
        flag[row_ids(part), part.indices] = True
        ranked = block > -np.inf
        rows, cols = np.nonzero(ranked)
        groups.append(rows + start if average == "samples" else cols)
        values.append(block[ranked])
        hits.append(flag[ranked])
    group, value, hit = np.concatenate(groups), np.concatenate(values), np.concatenate(hits)
    if not hit.any():
        return float("nan")
    keep = value >= value[hit].min()
    group, value, hit = group[keep], value[keep], hit[keep]
    sizes = _true_sizes(true, columns, average)
    order = np.lexsort((-value, group))
    group, value, hit = group[order], value[order], hit[order]
    first = np.concatenate([[True], group[1:] != group[:-1]])
    start_at = np.maximum.accumulate(np.where(first, np.arange(len(group)), 0))
    seen = np.cumsum(hit)
    tp = seen - (seen - hit)[start_at]
    f1 = 2.0 * tp / (np.arange(len(group)) - start_at + 1 + sizes[group])
    step = f1 - np.where(first, 0.0, np.concatenate([[0.0], f1[:-1]]))
    # A group with neither truth nor prediction is undefined; its first event makes it a 0 that
    # counts.
    opened = first & (sizes[group] == 0)
    if average == "macro_true":
        step, opened = np.where(sizes[group] > 0, step, 0.0), np.zeros_like(opened)
    down = np.argsort(-value, kind="stable")
    value = value[down]
    total = np.cumsum(step[down])
    mean = total / (np.count_nonzero(sizes) + np.cumsum(opened[down]))
    last = np.concatenate([value[1:] != value[:-1], [True]])  # ties pass together
    at = np.flatnonzero(last)
    return float(value[at[np.argmax(np.round(mean[at], 12))]])


def _true_sizes(truth: sparse.csr_matrix, columns: np.ndarray | None, average: str) -> np.ndarray:
    part = truth if columns is None else truth[:, columns]
    return (np.diff(part.indptr) if average == "samples"
            else np.bincount(part.indices, minlength=part.shape[1]))
