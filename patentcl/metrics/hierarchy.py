"""Metrics that know the tree: closed sets, hops, partial credit, coherence.

Hierarchical precision, recall and F1 are those of `patentcl.metrics.labels` on ancestor-closed
sets. What is here adds the distances that closed sets do not show.

References
----------
A. Kosmopoulos et al., Evaluation measures for hierarchical classification, DMKD 29, 2015.
S. Kiritchenko et al., Learning and evaluation in the presence of class hierarchies, Canadian AI,
2006.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy import sparse

from patentcl.core.errors import DataError
from patentcl.cpc import CpcTree
from patentcl.metrics.inputs import as_labels, contains, keep_entries, row_ids
from patentcl.metrics.labels import SetCounts, set_metric
from patentcl.metrics.result import Metric, mean_metric, ratio, ratio_metric, summed


def closed_counts(
    truth: sparse.csr_matrix, closed: sparse.csr_matrix, outside: Any = None
) -> SetCounts:
    """Set sizes of true and predicted labels, both closed under ancestors.

    ``outside``, bool (n_patents, n_outside), are true labels that the tree does not have. Nothing
    can predict them, so they count against recall; in macro averages each is a label of its own.
    """
    if outside is not None:
        extra = as_labels(outside, "labels outside the tree")
        if extra.shape[0] != truth.shape[0]:
            raise DataError(
                "labels outside the tree and truth differ in length",
                got=f"{extra.shape[0]} rows",
                wanted=f"{truth.shape[0]}",
            )
        nothing = sparse.csr_matrix(extra.shape, dtype=bool)
        truth, closed = (
            sparse.csr_matrix(sparse.hstack(pair, format="csr"), dtype=bool)
            for pair in ([truth, extra], [closed, nothing])
        )
        truth.sort_indices()
        closed.sort_indices()
    return SetCounts(truth, closed)


def hier_metric(measure: str, average: str, counts: SetCounts) -> Metric:
    """Hierarchical precision, recall or F1 from `closed_counts`.

    ``macro`` is over labels that occur in truth, as in the literature; ``macro_all`` over all
    labels (where one with neither truth nor prediction is undefined).

    References
    ----------
    J. Risch et al., Hierarchical document classification as a sequence generation task, JCDL 2020;
    S. Pujari et al., A multi-task approach to neural multi-label hierarchical patent
    classification using transformers, ECIR 2021.
    """
    names = {"macro": "macro_true", "macro_all": "macro"}
    return set_metric(measure, names.get(average, average), counts)


def violations(predicted: sparse.csr_matrix, tree: CpcTree) -> Metric:
    """Predicted labels whose parent is not predicted, per patent."""
    rows = row_ids(predicted)
    parents = tree.parent[predicted.indices]
    inner = parents >= 0
    broken = rows[inner][~contains(predicted, rows[inner], parents[inner])]
    return mean_metric(np.bincount(broken, minlength=predicted.shape[0]), "patents")


def hop_counts(
    truth: sparse.csr_matrix, predicted: sparse.csr_matrix, tree: CpcTree, columns: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Tree hops from each false positive of a level to the nearest true label of that level.

    Truth is closed under ancestors, and ``columns`` are the nodes of the level. Returns the patent
    of each false positive, int64 (m,), and its hops, float64 (m,): 2 for siblings, twice the depth
    (counted from 1) under another root, nan where the patent has no true label at that level.
    """
    at_level = np.zeros(len(tree), dtype=bool)
    at_level[columns] = True
    candidates = at_level[predicted.indices]
    rows, cols = row_ids(predicted)[candidates], predicted.indices[candidates]
    wrong = ~contains(truth, rows, cols)
    rows, cols = rows[wrong], cols[wrong]
    # Nodes above (or at) a true label of the level.
    touched = tree.close(keep_entries(truth, at_level[truth.indices]))
    hops = np.full(len(rows), np.nan)
    node = cols.copy()
    open_ = np.arange(len(rows))
    for up in range(1, int(tree.depth.max()) + 2):
        node = np.where(node >= 0, tree.parent[node], -1)
        here, at = rows[open_], node[open_]
        inside = at >= 0
        met = np.zeros(len(open_), dtype=bool)
        met[inside] = contains(touched, here[inside], at[inside])
        # Above the roots there is one common root: everything with a true label meets there.
        met[~inside] = np.diff(touched.indptr)[here[~inside]] > 0
        hops[open_[met]] = 2.0 * up
        open_ = open_[~met & inside]
    return rows, hops


def hops(
    truth: sparse.csr_matrix,
    predicted: sparse.csr_matrix,
    tree: CpcTree,
    columns: np.ndarray,
    spread: bool = False,
) -> Metric:
    """Mean (or standard deviation) of `hop_counts` over all false positives.

    Items are patents: the mean hops of a patent's false positives, nan where it has none or has no
    true label at the level, so ``n - undefined`` is the number of patents concerned.
    """
    n = truth.shape[0]
    rows, values = hop_counts(truth, predicted, tree, columns)
    known = ~np.isnan(values)
    count = np.bincount(rows[known], minlength=n).astype(np.float64)
    total = np.bincount(rows[known], weights=values[known], minlength=n)
    if not spread:
        return ratio_metric(total, count, "patents")
    square = np.bincount(rows[known], weights=values[known] ** 2, minlength=n)
    return summed((count, total, square), _deviation, "patents", ratio(total, count))


def _deviation(count: np.ndarray, total: np.ndarray, square: np.ndarray) -> np.ndarray:
    mean = ratio(total, count)
    return np.sqrt(np.maximum(ratio(square, count) - mean**2, 0.0))


def _deepest(labels: sparse.csr_matrix, tree: CpcTree) -> tuple[np.ndarray, np.ndarray]:
    """Rows and columns of labels that have no descendant in the same row (labels closed)."""
    rows, cols = row_ids(labels), labels.indices
    parents = tree.parent[cols]
    inner = parents >= 0
    ones = np.ones(int(inner.sum()), dtype=bool)
    covered = sparse.csr_matrix((ones, (rows[inner], parents[inner])), shape=labels.shape)
    covered.sum_duplicates()
    keep = ~contains(covered, rows, cols)
    return rows[keep], cols[keep]


def lca_credit(labels: sparse.csr_matrix, others: sparse.csr_matrix, tree: CpcTree) -> np.ndarray:
    """Mean credit of each patent's deepest labels: the depth that they share over their own.

    Depths count from 1 at a root, so a wrong section earns 0, a right label 1, and a wrong subclass
    of the right class 2/3. Both matrices are closed under ancestors. The result, float64
    (n_patents,), is nan where ``labels`` has none and 0 where only ``others`` has none.
    """
    rows, cols = _deepest(labels, tree)
    credit = np.zeros(len(rows))
    node = cols.astype(np.int64)
    open_ = np.arange(len(rows))
    while open_.size:
        met = contains(others, rows[open_], node[open_])
        found = open_[met]
        credit[found] = (tree.depth[node[found]] + 1) / (tree.depth[cols[found]] + 1)
        open_ = open_[~met]
        node[open_] = tree.parent[node[open_]]
        open_ = open_[node[open_] >= 0]
    n = labels.shape[0]
    return ratio(np.bincount(rows, weights=credit, minlength=n), np.bincount(rows, minlength=n))


def lca_metric(
    measure: str, truth: sparse.csr_matrix, closed: sparse.csr_matrix, tree: CpcTree
) -> Metric:
    """Partial credit by lowest common ancestor, averaged over patents.

    Precision credits the deepest predicted labels, recall the deepest true ones. Both matrices are
    closed under ancestors.
    """
    p, r = lca_credit(closed, truth, tree), lca_credit(truth, closed, tree)
    # The rule of `labels`: undefined only where both are empty.
    p, r = (np.where(np.isnan(a) & ~np.isnan(b), 0.0, a) for a, b in ((p, r), (r, p)))
    both = np.where(p + r == 0, 0.0, ratio(2 * p * r, p + r))
    f1 = np.where(np.isnan(p), np.nan, both)
    return mean_metric({"precision": p, "recall": r, "f1": f1}[measure], "patents")
