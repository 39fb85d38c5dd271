"""Whether probabilities mean what they say: calibration, Brier score, log loss.

Every (patent, label) pair is one decision. Scores must lie in [0, 1].

References
----------
C. Guo et al., On calibration of modern neural networks, ICML 2017.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial

import numpy as np
from scipy import sparse

from patentcl.core.errors import ConfigError, DataError, choose
from patentcl.metrics.curves import float_keys, key_floor
from patentcl.metrics.inputs import Scores, select_columns
from patentcl.metrics.result import Metric, mean_metric, ratio, summed
from patentcl.metrics.stats import group_ids

BINS = 15
"""Bins of a calibration error unless told otherwise."""
Columns = np.ndarray | None
Loss = Callable[[np.ndarray, np.ndarray, np.ndarray], np.ndarray]


def _blocks(
    truth: sparse.csr_matrix, scores: Scores, columns: Columns
) -> Iterator[tuple[int, np.ndarray, np.ndarray, np.ndarray]]:
    """First row, probabilities, and the positions of true labels (row in block, column)."""
    picked = select_columns(truth, columns)
    for start, block, rows, cols in scores.true_blocks(picked, columns, unranked=0.0):
        if block.min() < 0 or block.max() > 1:
            row, col = np.argwhere((block < 0) | (block > 1))[0]
            raise DataError(
                "a probability lies outside [0, 1]",
                where=f"row {start + row}",
                got=block[row, col],
                fix="Apply the sigmoid to raw scores first",
            )
        yield start, block, rows, cols


# ---- losses -------------------------------------------------------------------------------------


def _squared(p: np.ndarray, rows: np.ndarray, cols: np.ndarray) -> np.ndarray:
    """Sum of squared differences between probability and truth, by row."""
    total = np.einsum("ij,ij->i", p, p, dtype=np.float64)
    # (1 - p)^2 = p^2 + 1 - 2p where the label is true
    return total + np.bincount(rows, weights=1.0 - 2.0 * p[rows, cols], minlength=len(p))


def _negative_log(p: np.ndarray, rows: np.ndarray, cols: np.ndarray) -> np.ndarray:
    """Sum of negative log-likelihoods, by row.

    Probabilities are kept one machine epsilon (of their own type) away from 0 and 1.
    """
    eps = np.finfo(p.dtype).eps
    own = np.clip(p[rows, cols], eps, 1 - eps).astype(np.float64)
    total = -np.log1p(-np.clip(p, eps, 1 - eps)).sum(axis=1, dtype=np.float64)
    return total + np.bincount(rows, weights=np.log1p(-own) - np.log(own), minlength=len(p))


def _mean_loss(loss: Loss, truth: sparse.csr_matrix, scores: Scores, columns: Columns) -> Metric:
    """Mean of a loss over all decisions; items are patents."""
    items = np.empty(truth.shape[0])
    for start, p, rows, cols in _blocks(truth, scores, columns):
        items[start : start + len(p)] = loss(p, rows, cols) / p.shape[1]
    return mean_metric(items, "patents")


# ---- calibration --------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class Reliability:
    """Decisions grouped by their probability, into n bins.

    ``edges`` is float64 (n + 1,), ``count`` int64 (n,); ``mean_probability`` and ``share_true``,
    float64 (n,), are nan in an empty bin.
    """

    edges: np.ndarray
    count: np.ndarray
    mean_probability: np.ndarray
    share_true: np.ndarray

    @property
    def error(self) -> float:
        """Expected calibration error: mean gap between the two, weighted by count."""
        gap = np.abs(self.mean_probability - self.share_true)
        used = self.count > 0
        return float((gap[used] * self.count[used]).sum() / self.count.sum())


def _bin_of(p: np.ndarray, edges: np.ndarray) -> np.ndarray:
    """Bin of each probability: lower edge included, upper not, but 1 belongs to the last bin."""
    n = len(edges) - 1
    if np.allclose(edges, np.linspace(0, 1, n + 1), rtol=0, atol=1e-12):
        found = (p * n).astype(np.int32)
        # Rounding may put a probability that lies next to an edge on the wrong side of it.
        found -= p < edges[np.minimum(found, n)].astype(p.dtype)
        found += p >= edges[np.minimum(found + 1, n)].astype(p.dtype)
    else:
        found = (np.searchsorted(edges.astype(p.dtype), p, side="right") - 1).astype(np.int32)
    return np.minimum(np.maximum(found, 0), n - 1)


def _equal_mass_edges(
    truth: sparse.csr_matrix, scores: Scores, columns: Columns, bins: int
) -> np.ndarray:
    """Edges that put about the same number of decisions in each bin.

    They lie on a grid of 65,536 float values, so that one pass over any number of decisions finds
    them. Where many decisions share one probability, bins merge.
    """
    histogram = np.zeros(65536, dtype=np.int64)
    for _, p, _, _ in _blocks(truth, scores, columns):
        histogram += np.bincount(float_keys(p).ravel(), minlength=65536)
    target = np.arange(1, bins) * histogram.sum() / bins
    at = np.searchsorted(np.cumsum(histogram), target, side="left")
    inner = key_floor(np.unique(at))
    return np.concatenate([[0.0], inner[(inner > 0) & (inner < 1)], [1.0]])


def _binned(
    truth: sparse.csr_matrix, scores: Scores, columns: Columns, bins: int, equal_mass: bool
) -> tuple[np.ndarray, tuple[np.ndarray, ...]]:
    """Edges of the bins; and decisions, probability and true labels summed by bin.

    Each sum is float64 (n_groups, n_bins), by groups of patents, for resampling.
    """
    if bins < 1:
        raise ConfigError("too few bins", got=bins, wanted="at least 1")
    edges = (
        _equal_mass_edges(truth, scores, columns, bins)
        if equal_mass
        else np.linspace(0.0, 1.0, bins + 1)
    )
    bins = len(edges) - 1
    ids = group_ids(truth.shape[0], 0)
    member = np.arange(truth.shape[0]) if ids is None else ids
    shape = (int(member.max()) + 1, bins)
    count, probability, true = sums = np.zeros((3, shape[0] * bins))
    for start, p, rows, cols in _blocks(truth, scores, columns):
        own = member[start : start + len(p)]
        cell = _bin_of(p, edges) + (own * bins).astype(np.int32)[:, None]
        count += np.bincount(cell.ravel(), minlength=len(count))
        probability += np.bincount(cell.ravel(), weights=p.ravel(), minlength=len(count))
        true += np.bincount(cell[rows, cols], minlength=len(count))
    return edges, tuple(each.reshape(shape) for each in sums)


def reliability(
    truth: sparse.csr_matrix,
    scores: Scores,
    columns: Columns = None,
    bins: int = BINS,
    equal_mass: bool = False,
) -> Reliability:
    """Group decisions by probability, in bins of equal width or of about equal mass."""
    edges, sums = _binned(truth, scores, columns, bins, equal_mass)
    count, p, true = (x.sum(axis=0) for x in sums)
    return Reliability(edges, count.astype(np.int64), ratio(p, count), ratio(true, count))


def _error(count: np.ndarray, probability: np.ndarray, true: np.ndarray) -> np.ndarray:
    return np.abs(probability - true).sum(axis=-1) / count.sum(axis=-1)


def _calibration_error(
    equal_mass: bool, truth: sparse.csr_matrix, scores: Scores, columns: Columns
) -> Metric:
    """Mean gap between probability and share of true, over decisions.

    Items are the gaps of the bins, nan in an empty one; the interval resamples patents.
    """
    _, sums = _binned(truth, scores, columns, BINS, equal_mass)
    count, p, true = (x.sum(axis=0) for x in sums)
    return summed(sums, _error, "bins", np.abs(ratio(p - true, count)), resampled="patents")


METRICS = {
    "brier": partial(_mean_loss, _squared),
    "log_loss": partial(_mean_loss, _negative_log),
    "ece": partial(_calibration_error, False),
    "ece_mass": partial(_calibration_error, True),
}


def probability_metric(
    metric: str, truth: sparse.csr_matrix, scores: Scores, columns: Columns = None
) -> Metric:
    """One of `METRICS`, over the decisions of some labels (all by default)."""
    return METRICS[choose(metric, METRICS, "probability metric")](truth, scores, columns)
