"""Decision thresholds that maximise F1, found in one sorted pass.

The F1 of one label set only changes for the better where a threshold passes the score of a true
label, so those scores are the only candidates, and `Curve` has the counts at each of them. For
means of F1 (macro, samples) every label or patent changes at its own scores; the changes are sorted
once and summed up.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy import sparse

from patentcl.core.errors import ConfigError, DataError, choose
from patentcl.cpc import CpcTree
from patentcl.metrics.curves import Curve, label_curves, micro_curve, true_scores
from patentcl.metrics.inputs import (
    Scores,
    as_labels,
    as_scores,
    check_closed,
    check_width,
    select_columns,
)
from patentcl.metrics.result import ratio

SCOPES = ("all", "level", "label")
AVERAGES = ("micro", "macro", "macro_true", "samples")
COLUMN_CELLS = 1 << 26
"""Scores held at once while whole columns are looked at: 256 MB of float32."""


def _peak(curve: Curve) -> float:
    """The highest threshold with the best F1; nan where nothing true was retrieved."""
    if not len(curve.threshold):
        return float("nan")
    best = curve.f1
    return float(curve.threshold[np.flatnonzero(best == best.max())[-1]])


def best_threshold(
    truth: Any,
    scores: Any,
    per: str = "all",
    average: str = "micro",
    tree: CpcTree | None = None,
    min_true: int = 1,
) -> np.ndarray:
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
    ConfigError, DataError
        For an unknown scope or average; for bad matrices, and where no true label has a score.

    Examples
    --------
    >>> truth = np.array([[1, 0], [1, 0], [0, 1]])
    >>> scores = np.array([[0.9, 0.2], [0.6, 0.1], [0.3, 0.4]])
    >>> best_threshold(truth, scores).tolist()
    [0.4, 0.4]
    """
    choose(per, SCOPES, "scope for a threshold")
    choose(average, AVERAGES, "average for a threshold")
    if min_true < 1:
        raise ConfigError("min_true is too small", got=min_true, wanted="at least 1")
    labels = as_labels(truth, "truth")
    matrix = as_scores(scores, labels.shape)
    if labels.nnz == 0:
        raise DataError("there is no true label to choose a threshold by")
    if tree is not None:
        check_width(labels.shape[1], tree)
        check_closed(labels, tree)
    out = np.full(labels.shape[1], np.nan)
    if per == "level":
        if tree is None:
            raise ConfigError("thresholds per level need a tree")
        for depth in range(len(tree.levels)):
            columns = tree.at_level(depth)
            out[columns] = _shared(labels, matrix, average, columns)
    elif per == "label":
        average = "micro"
        for j, curve in enumerate(label_curves(labels, matrix)):
            if curve.n_true >= min_true:
                out[j] = _peak(curve)
    missing = np.isnan(out)
    if missing.any():
        out[missing] = _shared(labels, matrix, average, None)
        if np.isnan(out).any():
            raise DataError(
                "no true label was retrieved: there is no score to choose a threshold by"
            )
    return out


def _shared(
    truth: sparse.csr_matrix, scores: Scores, average: str, columns: np.ndarray | None
) -> float:
    if average == "micro":
        return _peak(micro_curve(truth, scores, columns))
    picked = select_columns(truth, columns)
    positives = true_scores(truth, scores, columns)
    candidates = np.unique(positives[positives > -np.inf])
    if not candidates.size:
        return float("nan")
    if average == "samples":
        mean = _mean_over_patents(picked, scores, columns, candidates)
    else:
        mean = _mean_over_labels(
            picked, scores, columns, candidates, positives, only_true=average == "macro_true"
        )
    # Sums in another order differ in the last digits; what is equal up to them is a tie.
    return float(candidates[np.flatnonzero(mean >= mean.max() - 1e-12)[-1]])


def _mean_over_labels(
    truth: sparse.csr_matrix,
    scores: Scores,
    columns: np.ndarray | None,
    candidates: np.ndarray,
    positives: np.ndarray,
    only_true: bool,
) -> np.ndarray:
    """Macro F1 at each candidate threshold: each label's scores are sorted once and looked up."""
    everything = np.arange(scores.shape[1]) if columns is None else columns
    by_label = np.argsort(truth.indices, kind="stable")
    bounds = np.concatenate([[0], np.cumsum(np.bincount(truth.indices, minlength=len(everything)))])
    total, defined = np.zeros(len(candidates)), np.zeros(len(candidates))
    # As many whole columns at a time as fit; a matrix in memory is cut at no cost.
    step = max(1, COLUMN_CELLS // scores.shape[0])
    for low in range(0, len(everything), step):
        chunk = everything[low : low + step]
        upright = np.concatenate([block.T.copy() for _, block in scores.blocks(chunk)], axis=1)
        upright.sort(axis=1)
        for j, column in enumerate(upright, start=low):
            own = np.sort(positives[by_label[bounds[j] : bounds[j + 1]]])
            predicted = len(column) - np.searchsorted(column, candidates)
            tp = len(own) - np.searchsorted(own, candidates)
            size = predicted + len(own)
            if only_true and len(own) == 0:
                continue
            total += np.divide(2.0 * tp, size, out=np.zeros(len(candidates)), where=size > 0)
            defined += size > 0
    return ratio(total, defined)


def _mean_over_patents(
    truth: sparse.csr_matrix, scores: Scores, columns: np.ndarray | None, candidates: np.ndarray
) -> np.ndarray:
    """Samples F1 at each candidate: each patent's scores are sorted once, the changes added up."""
    change = np.zeros(len(candidates) + 1)
    opened = np.zeros(len(candidates) + 1)
    for _, block, rows, cols in scores.true_blocks(truth, columns):
        flag = np.zeros(block.shape, dtype=bool)
        flag[rows, cols] = True
        order = np.argsort(-block, axis=1, kind="stable")
        value = np.take_along_axis(block, order, axis=1)
        tp = np.cumsum(np.take_along_axis(flag, order, axis=1), axis=1)
        size = np.bincount(rows, minlength=len(block))[:, None]
        f1 = 2.0 * tp / (np.arange(1, block.shape[1] + 1) + size)
        step = np.diff(f1, axis=1, prepend=0.0)
        keep = value >= candidates[0]
        # A score takes effect at the highest candidate that is not above it.
        at = np.searchsorted(candidates, value[keep], side="right") - 1
        change += np.bincount(at, weights=step[keep], minlength=len(change))
        # A patent with neither truth nor prediction is undefined; its first label makes it a 0.
        empty = np.flatnonzero((size[:, 0] == 0) & keep[:, 0])
        first = np.searchsorted(candidates, value[empty, 0], side="right") - 1
        opened += np.bincount(first, minlength=len(change))
    total = np.cumsum(change[::-1])[::-1][:-1]
    count = np.count_nonzero(np.diff(truth.indptr)) + np.cumsum(opened[::-1])[::-1][:-1]
    return total / count
