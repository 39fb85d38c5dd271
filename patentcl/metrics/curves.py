"""Average precision and ROC AUC, exact, from scores that need not fit in memory.

Both need only, for each true label, how many scores are at or above its own. So the scores of true
labels are gathered first; then each block of scores is sorted and all of them are looked up in it.
Memory is that of one block plus the true labels, and the result is that of one sort of everything.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import sparse

from patentcl.metrics.inputs import BLOCK_CELLS, Scores, row_ids, select_columns
from patentcl.metrics.result import Metric, mean_metric, ratio, ratio_metric

SORT_CELLS = 1 << 24
"""Scores sorted at a time: fewer blocks mean fewer look-ups, more of them slower sorts."""


@dataclass(frozen=True, eq=False)
class Curve:
    """Counts at each of the m distinct scores of true labels, from the lowest up.

    ``true`` (int64) counts the true labels with exactly that score; ``at_least`` and ``above``
    count all scores at or above, and strictly above, it. ``n_true`` counts all true labels, also
    those never retrieved, and ``n_scores`` all scores.
    """

    threshold: np.ndarray
    true: np.ndarray
    at_least: np.ndarray
    above: np.ndarray
    n_true: int
    n_scores: int

    @property
    def true_at_least(self) -> np.ndarray:
        """int64 (m,): true labels at or above each threshold."""
        return np.cumsum(self.true[::-1])[::-1]

    @property
    def precision(self) -> np.ndarray:
        """float64 (m,): precision when everything at or above a threshold is predicted."""
        return ratio(self.true_at_least, self.at_least)

    @property
    def recall(self) -> np.ndarray:
        """float64 (m,): recall when everything at or above a threshold is predicted."""
        return ratio(self.true_at_least, np.float64(self.n_true))

    @property
    def f1(self) -> np.ndarray:
        """float64 (m,): F1 when everything at or above a threshold is predicted."""
        return ratio(2.0 * self.true_at_least, self.at_least + float(self.n_true))

    @property
    def average_precision(self) -> float:
        """Sum over thresholds of precision times the step in recall; nan without true labels."""
        if self.n_true == 0:
            return float("nan")
        return float((self.true * self.precision).sum() / self.n_true)

    @property
    def roc_auc(self) -> float:
        """Chance that a true label scores above a false one, ties half; nan unless both occur."""
        n_false = self.n_scores - self.n_true
        if self.n_true == 0 or n_false == 0:
            return float("nan")
        true_above = self.true_at_least - self.true
        false_at_least = self.at_least - self.true_at_least
        false_above = self.above - true_above
        below = n_false - 0.5 * (false_at_least + false_above)
        return float((self.true * below).sum() / (float(self.n_true) * n_false))


def true_scores(
    truth: sparse.csr_matrix, scores: Scores, columns: np.ndarray | None = None
) -> np.ndarray:
    """Score of each true label, in the order of the stored entries; -inf where not retrieved."""
    blocks = scores.true_blocks(select_columns(truth, columns), columns, cells=4 * BLOCK_CELLS)
    return np.concatenate([block[rows, cols] for _, block, rows, cols in blocks])


def _distinct(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    found, counts = np.unique(values, return_counts=True)
    ranked = found > -np.inf
    return found[ranked], counts[ranked]


def micro_curve(
    truth: sparse.csr_matrix, scores: Scores, columns: np.ndarray | None = None
) -> Curve:
    """One curve over all (patent, label) decisions of some labels, all by default."""
    positives = true_scores(truth, scores, columns)
    threshold, counts = _distinct(positives)
    at_least = np.zeros(len(threshold), dtype=np.int64)
    above = np.zeros(len(threshold), dtype=np.int64)
    width = scores.shape[1] if columns is None else len(columns)
    # Look-ups cost as much as sorting once there are as many thresholds as scores: wait for more.
    enough = min(max(SORT_CELLS, 8 * len(threshold)), 8 * SORT_CELLS)
    waiting: list[np.ndarray] = []

    def count_waiting() -> None:
        flat = np.concatenate(waiting or [threshold[:0]])
        waiting.clear()
        flat.sort()
        for total, more in zip((at_least, above), _counts(flat, threshold), strict=True):
            total += more

    for _, block in scores.blocks(columns) if len(threshold) else ():
        # Below the lowest true label nothing is looked up: most scores need no sorting.
        waiting.append(block[block >= threshold[0]])
        if sum(map(len, waiting)) >= enough:
            count_waiting()
    count_waiting()
    return Curve(threshold, counts, at_least, above, len(positives), scores.shape[0] * width)


def _counts(ordered: np.ndarray, threshold: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Scores at or above, and strictly above, each threshold; both arrays ascending."""
    n = len(ordered)
    place = np.searchsorted(ordered, threshold, side="left")
    at_least = n - place
    above = at_least.copy()
    # Most thresholds are the score of one patent elsewhere; only those met here have equals.
    met = np.flatnonzero(place < n)
    met = met[ordered[place[met]] == threshold[met]]
    above[met] = n - np.searchsorted(ordered, threshold[met], side="right")
    return at_least, above


def label_curves(
    truth: sparse.csr_matrix, scores: Scores, columns: np.ndarray | None = None
) -> list[Curve]:
    """One curve for each label."""
    positives = true_scores(truth, scores, columns)
    picked = select_columns(truth, columns)
    by_label = np.argsort(picked.indices, kind="stable")
    bounds = np.cumsum([0, *np.bincount(picked.indices, minlength=picked.shape[1])])
    groups = [
        _distinct(positives[by_label[bounds[j] : bounds[j + 1]]]) for j in range(picked.shape[1])
    ]
    at_least = [np.zeros(len(t), dtype=np.int64) for t, _ in groups]
    above = [np.zeros(len(t), dtype=np.int64) for t, _ in groups]
    for _, block in scores.blocks(columns, cells=SORT_CELLS):
        upright = np.sort(np.ascontiguousarray(block.T), axis=1)
        for j, (threshold, _) in enumerate(groups):
            if len(threshold):
                higher, strictly = _counts(upright[j], threshold)
                at_least[j] += higher
                above[j] += strictly
    return [
        Curve(t, c, at_least[j], above[j], int(bounds[j + 1] - bounds[j]), scores.shape[0])
        for j, (t, c) in enumerate(groups)
    ]


def curve_metric(metric: str, average: str, curves: list[Curve]) -> Metric:
    """Macro or weighted average, over labels, of an area: a property of `Curve`.

    Weights are true labels. A label without truth (for ROC, also one that is always true) is
    undefined. The interval resamples labels.
    """
    values = np.array([getattr(c, metric) for c in curves])
    if average == "macro":
        return mean_metric(values, "labels")
    weight = np.array([c.n_true for c in curves], dtype=np.float64)
    known = ~np.isnan(values)
    return ratio_metric(
        np.where(known, values * weight, 0.0), np.where(known, weight, 0.0), "labels", items=values
    )


# ---- per-patent values of a micro curve ---------------------------------------------------------


def float_keys(values: np.ndarray) -> np.ndarray:
    """Order-preserving 16-bit keys of floats, int32 from 0: the upper half of the float32 bits."""
    bits = np.ascontiguousarray(values, dtype=np.float32).view(np.int32)
    return ((bits ^ ((bits >> 31) & 0x7FFFFFFF)) >> 16) + 32768


def key_floor(keys: np.ndarray) -> np.ndarray:
    """The smallest float32 with each key, as float64."""
    bits = (np.asarray(keys, dtype=np.int64) - 32768) << 16
    bits = np.where(bits < 0, bits ^ 0x7FFFFFFF, bits)
    return bits.astype(np.int32).view(np.float32).astype(np.float64)


def _steps(keys: np.ndarray, heights: np.ndarray) -> np.ndarray:
    """Table over keys of the sum of heights at lower keys, plus half of those at the same key."""
    at = np.bincount(keys, weights=heights, minlength=65536)
    return (np.cumsum(at) - 0.5 * at).astype(np.float32)


def _bin_means(keys: np.ndarray, values: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Table over keys of the weighted mean of values; 0 where there is none."""
    total = np.bincount(keys, weights=values * weights, minlength=65536)
    return np.asarray(total / np.maximum(1, np.bincount(keys, weights=weights, minlength=65536)))


def micro_metric(
    metric: str,
    curve: Curve,
    truth: sparse.csr_matrix,
    scores: Scores,
    columns: np.ndarray | None = None,
) -> Metric:
    """Micro area of a curve (from `micro_curve` of the same data) with a value for each patent.

    The area is not a mean over patents, so items are pseudo-values: the area plus n times its
    derivative with respect to the weight of one patent. Their mean is the area, their spread that
    of the estimate, and their differences between two systems can be tested pair by pair. The
    derivative is read from a table of 65,536 score bins; the area itself is exact.
    """
    value = float(getattr(curve, metric))
    n = truth.shape[0]
    if not np.isfinite(value):
        return Metric("", value, np.full(n, np.nan), "patents", (np.zeros(n), np.zeros(n)), ratio)
    picked = select_columns(truth, columns)
    positives = true_scores(truth, scores, columns)
    own, cells = _influence_tables(metric, curve)
    keys = float_keys(np.where(positives > -np.inf, positives, 0))
    gain = np.where(positives > -np.inf, own[keys], 0.0)
    rows = row_ids(picked)
    influence = np.bincount(rows, weights=gain, minlength=n)
    for start, block in scores.blocks(columns):
        table = cells[float_keys(block)]
        if scores.is_sparse:
            table[block == -np.inf] = 0
        influence[start : start + len(block)] += table.sum(axis=1, dtype=np.float64)
    # The area does not change when all weights grow alike: derivatives must sum to zero.
    n_true = np.diff(picked.indptr)
    influence -= n_true * (influence.sum() / max(1, n_true.sum()))
    items = value + n * influence
    return Metric("", value, items, "patents", (items, np.ones(n)), ratio)


def _influence_tables(metric: str, curve: Curve) -> tuple[np.ndarray, np.ndarray]:
    """What a true label of some score, and any label of some score, add to the derivative."""
    keys = float_keys(curve.threshold)
    n_true = float(curve.n_true)
    if metric == "average_precision":
        at_least = curve.at_least.astype(np.float64)
        lower = _steps(keys, curve.true / at_least)
        own = _bin_means(keys, curve.precision, curve.true)
        below = _steps(keys, curve.true * curve.true_at_least / at_least**2)
        return (own + lower) / n_true, -below / np.float32(n_true)
    n_false = float(curve.n_scores - curve.n_true)
    true_above = curve.true_at_least - curve.true
    false_below = n_false - 0.5 * (curve.at_least + curve.above - curve.true_at_least - true_above)
    own = _bin_means(keys, false_below, curve.true)
    # A false label loses for each true one above it: total minus those below.
    above = (n_true - _steps(keys, curve.true)).astype(np.float32)
    scale = n_true * n_false
    return (own - above) / scale, ((above - curve.roc_auc * n_true) / np.float32(scale))
