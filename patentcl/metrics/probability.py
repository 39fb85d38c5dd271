"""Whether probabilities mean what they say: calibration, Brier score, log loss.

Every (patent, label) pair is one decision. Scores must lie in [0, 1].

References
----------
C. Guo et al., On calibration of modern neural networks, ICML 2017.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from scipy import sparse

from patentcl.core.errors import ConfigError, DataError, did_you_mean
from patentcl.metrics.curves import float_keys, key_floor
from patentcl.metrics.inputs import Scores, select_columns
from patentcl.metrics.result import Metric, mean_metric, ratio
from patentcl.metrics.stats import GROUPS

BINS = 15
"""Bins of a calibration error unless told otherwise."""


def _blocks(
    truth: sparse.csr_matrix, scores: Scores, columns: np.ndarray | None
) -> Iterator[tuple[int, np.ndarray, np.ndarray, np.ndarray]]:
    """First row, probabilities, and the positions of true labels (row in block, column)."""
    picked = select_columns(truth, columns)
    for start, block in scores.blocks(columns, unranked=0.0):
        if block.min() < 0 or block.max() > 1:
            row, col = np.argwhere((block < 0) | (block > 1))[0]
            raise DataError(
                "a probability lies outside [0, 1]",
                where=f"row {start + row}",
                got=block[row, col],
                fix="Apply the sigmoid to raw scores first",
            )
        pointers = picked.indptr[start : start + len(block) + 1]
        rows = np.repeat(np.arange(len(block)), np.diff(pointers))
        yield start, block, rows, picked.indices[pointers[0] : pointers[-1]]


def brier(truth: sparse.csr_matrix, scores: Scores, columns: np.ndarray | None = None) -> Metric:
    """Mean squared difference between probability and truth, over all decisions.

    Parameters
    ----------
    truth : csr_matrix of bool, shape (n_patents, n_labels)
    scores : Scores
    columns : ndarray of int, optional
        Only these labels.
    """
    items = np.empty(truth.shape[0])
    for start, p, rows, cols in _blocks(truth, scores, columns):
        total = np.einsum("ij,ij->i", p, p, dtype=np.float64)
        # (1 - p)^2 = p^2 + 1 - 2p where the label is true
        total += np.bincount(rows, weights=1.0 - 2.0 * p[rows, cols], minlength=len(p))
        items[start : start + len(p)] = total / p.shape[1]
    return mean_metric(items, "patents")


def log_loss(truth: sparse.csr_matrix, scores: Scores, columns: np.ndarray | None = None) -> Metric:
    """Mean negative log-likelihood over all decisions.

    Probabilities are kept one machine epsilon (of their own type) away from 0 and 1.
    """
    items = np.empty(truth.shape[0])
    for start, p, rows, cols in _blocks(truth, scores, columns):
        eps = np.finfo(p.dtype).eps
        own = np.clip(p[rows, cols], eps, 1 - eps).astype(np.float64)
        rest = np.log1p(-np.clip(p, eps, 1 - eps))
        total = -rest.sum(axis=1, dtype=np.float64)
        total += np.bincount(rows, weights=np.log1p(-own) - np.log(own), minlength=len(p))
        items[start : start + len(p)] = total / p.shape[1]
    return mean_metric(items, "patents")


@dataclass(frozen=True, eq=False)
class Reliability:
    """Decisions grouped by their probability.

    Parameters
    ----------
    edges : ndarray of float64, shape (n_bins + 1,)
    count : ndarray of int64, shape (n_bins,)
        Decisions in each bin.
    mean_probability, share_true : ndarray of float64, shape (n_bins,)
        nan in an empty bin.
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


@dataclass(frozen=True, eq=False)
class _Binned:
    """Sums by group of patents (for resampling) and by bin, each float64 (n_groups, n_bins)."""

    edges: np.ndarray
    count: np.ndarray
    probability: np.ndarray
    true: np.ndarray


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


def _binned(
    truth: sparse.csr_matrix, scores: Scores, columns: np.ndarray | None, edges: np.ndarray
) -> _Binned:
    n, bins = truth.shape[0], len(edges) - 1
    groups = min(n, GROUPS)
    member = np.random.default_rng(0).permutation(n) % groups if n > groups else np.arange(n)
    sums = np.zeros((3, groups * bins))
    for start, p, rows, cols in _blocks(truth, scores, columns):
        own = member[start : start + len(p)]
        cell = _bin_of(p, edges) + (own * bins).astype(np.int32)[:, None]
        sums[0] += np.bincount(cell.ravel(), minlength=groups * bins)
        sums[1] += np.bincount(cell.ravel(), weights=p.ravel(), minlength=groups * bins)
        sums[2] += np.bincount(cell[rows, cols], minlength=groups * bins)
    count, probability, true = sums.reshape(3, groups, bins)
    return _Binned(edges, count, probability, true)


def _equal_mass_edges(
    truth: sparse.csr_matrix, scores: Scores, columns: np.ndarray | None, bins: int
) -> np.ndarray:
    """Edges that put about the same number of decisions in each bin.

    They lie on a grid of 65,536 float values, so that one pass over any number of decisions finds
    them.
    """
    histogram = np.zeros(65536, dtype=np.int64)
    for _, p, _, _ in _blocks(truth, scores, columns):
        histogram += np.bincount(float_keys(p).ravel(), minlength=65536)
    before = np.cumsum(histogram) - histogram
    target = np.arange(1, bins) * histogram.sum() / bins
    at = np.searchsorted(before + histogram, target, side="left")
    inner = key_floor(np.unique(at))
    inner = inner[(inner > 0) & (inner < 1)]
    return np.concatenate([[0.0], inner, [1.0]])


def _ece_formula(count: np.ndarray, probability: np.ndarray, true: np.ndarray) -> np.ndarray:
    return np.abs(probability - true).sum(axis=-1) / count.sum(axis=-1)


def reliability(
    truth: sparse.csr_matrix,
    scores: Scores,
    columns: np.ndarray | None = None,
    bins: int = BINS,
    equal_mass: bool = False,
) -> Reliability:
    """Group decisions by probability: the points of a reliability curve.

    Parameters
    ----------
    truth : csr_matrix of bool, shape (n_patents, n_labels)
    scores : Scores
    columns : ndarray of int, optional
        Only these labels.
    bins : int
    equal_mass : bool
        Bins with about the same number of decisions, instead of equal width. Where many decisions
        share one probability, bins merge.
    """
    sums = _sums(truth, scores, columns, bins, equal_mass)
    count, p, true = (x.sum(axis=0) for x in (sums.count, sums.probability, sums.true))
    return Reliability(sums.edges, count.astype(np.int64), ratio(p, count), ratio(true, count))


def _sums(
    truth: sparse.csr_matrix,
    scores: Scores,
    columns: np.ndarray | None,
    bins: int,
    equal_mass: bool,
) -> _Binned:
    if bins < 1:
        raise ConfigError("too few bins", got=bins, wanted="at least 1")
    edges = (
        _equal_mass_edges(truth, scores, columns, bins)
        if equal_mass
        else np.linspace(0.0, 1.0, bins + 1)
    )
    return _binned(truth, scores, columns, edges)


def calibration_error(
    truth: sparse.csr_matrix,
    scores: Scores,
    columns: np.ndarray | None = None,
    bins: int = BINS,
    equal_mass: bool = False,
) -> Metric:
    """Expected calibration error: mean gap between probability and share of true, over decisions.

    Parameters
    ----------
    truth, scores, columns, bins, equal_mass
        As for `reliability`.

    Returns
    -------
    Metric
        Items are the gaps of the bins, nan in an empty one; the interval resamples patents.
    """
    sums = _sums(truth, scores, columns, bins, equal_mass)
    parts = (sums.count, sums.probability, sums.true)
    count, p, true = (x.sum(axis=0) for x in parts)
    value = float(_ece_formula(count, p, true))
    return Metric(
        "", value, np.abs(ratio(p - true, count)), "bins", parts, _ece_formula, resampled="patents"
    )


def probability_metric(
    metric: str, truth: sparse.csr_matrix, scores: Scores, columns: np.ndarray | None = None
) -> Metric:
    """One of ``brier``, ``log_loss``, ``ece`` (equal width) and ``ece_mass`` (equal mass)."""
    if metric in ("ece", "ece_mass"):
        return calibration_error(truth, scores, columns, equal_mass=metric == "ece_mass")
    if metric not in ("brier", "log_loss"):
        raise ConfigError(
            "unknown probability metric",
            got=metric,
            fix=did_you_mean(metric, ["brier", "log_loss", "ece", "ece_mass"]),
        )
    return (brier if metric == "brier" else log_loss)(truth, scores, columns)
