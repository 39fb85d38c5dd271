"""Precision, recall and F1 of label sets: by patent, by label, and averaged.

Everything follows from three counts: true and predicted (tp), predicted, and true; by patent, and
by label. One sweep over the two sparse matrices gives them all.

The rule for 0 / 0: an item (a patent or a label) with neither truth nor prediction is undefined; it
is nan, stays out of means, and is counted. Where only one of the two is empty there was something
to find or something was claimed, so precision, recall and F1 are all 0. That differs from
scikit-learn (``zero_division=0``) only for items that are empty on both sides.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy import sparse

from patentcl.core.errors import choose
from patentcl.metrics.inputs import same_shape
from patentcl.metrics.result import Metric, mean_metric, ratio, summed

CHUNK = 1 << 16
"""Patents taken in one step."""


@dataclass(frozen=True, eq=False)
class SetCounts:
    """Sizes of true, predicted and common label sets.

    Both matrices are bool csr (n_patents, n_labels) in the form that `as_labels` gives.

    Examples
    --------
    >>> from scipy import sparse
    >>> counts = SetCounts(sparse.csr_matrix([[True, True]]), sparse.csr_matrix([[True, False]]))
    >>> counts.row_tp.tolist(), counts.row_true.tolist()
    ([1], [2])
    """

    truth: sparse.csr_matrix
    predicted: sparse.csr_matrix

    def __post_init__(self) -> None:
        same_shape(self.truth.shape, self.predicted.shape, "predictions")

    @cached_property
    def hits(self) -> sparse.csr_matrix:
        """bool csr_matrix (n_patents, n_labels): labels both true and predicted."""
        # Some rows at a time: the product of all would first reserve room for both
        # matrices, and fresh memory costs more than the arithmetic.
        n, width = self.truth.shape
        indices, pointers = [], [np.zeros(1, dtype=np.int64)]
        for start in range(0, n, CHUNK):
            stop = min(n, start + CHUNK)
            common = _rows(self.truth, start, stop).multiply(_rows(self.predicted, start, stop))
            indices.append(common.indices)
            pointers.append(pointers[-1][-1] + common.indptr[1:].astype(np.int64))
        found = np.concatenate(indices)
        out = sparse.csr_matrix(
            (np.ones(len(found), dtype=bool), found, np.concatenate(pointers)), shape=(n, width)
        )
        out.has_canonical_format = True
        return out

    @cached_property
    def row_tp(self) -> np.ndarray:
        """int (n_patents,): labels both true and predicted."""
        return np.diff(self.hits.indptr)

    @cached_property
    def row_predicted(self) -> np.ndarray:
        """int (n_patents,): predicted labels."""
        return np.diff(self.predicted.indptr)

    @cached_property
    def row_true(self) -> np.ndarray:
        """int (n_patents,): true labels."""
        return np.diff(self.truth.indptr)

    @cached_property
    def label_tp(self) -> np.ndarray:
        """int64 (n_labels,): patents where a label is both true and predicted."""
        return _count_columns(self.hits)

    @cached_property
    def label_predicted(self) -> np.ndarray:
        """int64 (n_labels,): patents where a label is predicted."""
        return _count_columns(self.predicted)

    @cached_property
    def label_true(self) -> np.ndarray:
        """int64 (n_labels,): patents where a label is true."""
        return _count_columns(self.truth)

    @property
    def by_row(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """tp, predicted and true of each patent."""
        return self.row_tp, self.row_predicted, self.row_true

    @property
    def by_label(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """tp, predicted and true of each label."""
        return self.label_tp, self.label_predicted, self.label_true

    @cached_property
    def row_rates(self) -> dict[str, np.ndarray]:
        """Precision, recall and F1 of each patent, float64 (n_patents,)."""
        return rates(*self.by_row)


def _rows(matrix: sparse.csr_matrix, start: int, stop: int) -> sparse.csr_matrix:
    """Rows of a matrix without a copy of its entries."""
    low, high = matrix.indptr[start], matrix.indptr[stop]
    out = sparse.csr_matrix(
        (matrix.data[low:high], matrix.indices[low:high], matrix.indptr[start : stop + 1] - low),
        shape=(stop - start, matrix.shape[1]),
    )
    out.has_canonical_format = True
    return out


def _count_columns(matrix: sparse.csr_matrix) -> np.ndarray:
    """Stored entries of each column: int64 (n_columns,)."""
    out = np.zeros(matrix.shape[1], dtype=np.int64)
    for low in range(0, matrix.nnz, 4 * CHUNK):
        out += np.bincount(matrix.indices[low : low + 4 * CHUNK], minlength=len(out))
    return out


# ---- formulas over sums -------------------------------------------------------------------------


def _share(tp: np.ndarray, own: np.ndarray, other: np.ndarray) -> np.ndarray:
    """tp / own; 0 where only this side is empty, nan where both are."""
    out = ratio(tp, own)
    out[(np.asarray(own) == 0) & (np.asarray(other) > 0)] = 0.0
    return out


def precision(tp: np.ndarray, predicted: np.ndarray, true: np.ndarray) -> np.ndarray:
    """tp / predicted.

    Examples
    --------
    >>> import numpy as np
    >>> precision(np.array([1, 0, 0]), np.array([2, 0, 0]), np.array([1, 3, 0])).tolist()
    [0.5, 0.0, nan]
    """
    return _share(tp, predicted, true)


def recall(tp: np.ndarray, predicted: np.ndarray, true: np.ndarray) -> np.ndarray:
    """tp / true."""
    return _share(tp, true, predicted)


def f1(tp: np.ndarray, predicted: np.ndarray, true: np.ndarray) -> np.ndarray:
    """2 tp / (predicted + true), the harmonic mean of precision and recall."""
    return ratio(2.0 * np.asarray(tp), np.asarray(predicted) + np.asarray(true))


MEASURES = {"precision": precision, "recall": recall, "f1": f1}


def rates(tp: np.ndarray, predicted: np.ndarray, true: np.ndarray) -> dict[str, np.ndarray]:
    """Precision, recall and F1 of some counts."""
    return {name: measure(tp, predicted, true) for name, measure in MEASURES.items()}


@dataclass(frozen=True)
class MacroFormula:
    """Mean over labels of a measure of their counts.

    ``weighting`` is "all" (labels alike), "true" (only labels that occur in truth) or "support"
    (labels by how often they do).
    """

    measure: str
    weighting: str

    def items(self, tp: np.ndarray, predicted: np.ndarray, true: np.ndarray) -> np.ndarray:
        """Value of each label, nan where it is undefined or passed over."""
        values = MEASURES[self.measure](tp, predicted, true)
        return np.where(true > 0, values, np.nan) if self.weighting == "true" else values

    def __call__(self, tp: np.ndarray, predicted: np.ndarray, true: np.ndarray) -> np.ndarray:
        values = self.items(tp, predicted, true)
        if self.weighting == "support":
            return ratio((np.where(true > 0, values, 0.0) * true).sum(axis=-1), true.sum(axis=-1))
        kept = ~np.isnan(values)
        return ratio(np.where(kept, values, 0.0).sum(axis=-1), kept.sum(axis=-1))


_WEIGHTING = {"macro": "all", "macro_true": "true", "weighted": "support"}


def set_metric(measure: str, average: str, counts: SetCounts) -> Metric:
    """Precision, recall or F1 under one average.

    ``micro``: one quotient of sums. ``macro``: mean over labels (those with neither truth nor
    prediction are undefined). ``macro_true``: mean over labels that occur in truth. ``weighted``:
    mean over labels by how often they are true. ``samples``: mean over patents. Items are labels
    for the macro and weighted averages, else patents; the interval resamples patents.

    References
    ----------
    M.-L. Zhang, Z.-H. Zhou, A review on multi-label learning algorithms, IEEE TKDE 26(8), 2014.
    """
    if average == "samples":
        return mean_metric(counts.row_rates[measure], "patents")
    if average == "micro":
        return summed(counts.by_row, MEASURES[measure], "patents", counts.row_rates[measure])
    macro = MacroFormula(measure, _WEIGHTING[choose(average, _WEIGHTING, "average")])
    return summed(
        (counts.hits, counts.predicted, counts.truth),
        macro,
        "labels",
        macro.items(*counts.by_label),
        totals=counts.by_label,
        resampled="patents",
    )


def count_metric(name: str, counts: SetCounts) -> Metric:
    """The mean over patents of what needs only the sizes of their label sets."""
    if name == "subset_accuracy":  # two empty sets agree
        same = (counts.row_tp == counts.row_true) & (counts.row_tp == counts.row_predicted)
        return mean_metric(same, "patents")
    if name == "hamming_loss":
        wrong = counts.row_true + counts.row_predicted - 2 * counts.row_tp
        return mean_metric(wrong / counts.truth.shape[1], "patents")
    if name == "no_prediction":
        return mean_metric(counts.row_predicted == 0, "patents")
    sizes = {"labels_true": "row_true", "labels_predicted": "row_predicted"}
    return mean_metric(getattr(counts, sizes[choose(name, sizes, "metric")]), "patents")
