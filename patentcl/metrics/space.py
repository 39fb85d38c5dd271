"""How good an embedding space is: neighbours, distances, clusters.

Vectors are float arrays ``(n, d)``; similarity is the cosine.

References
----------
T. Wang, P. Isola, Understanding contrastive representation learning through alignment and
uniformity on the hypersphere, ICML 2020.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy import sparse
from scipy.stats import rankdata

from patentcl.core.arrays import nearest, unit_rows
from patentcl.core.errors import ConfigError, DataError
from patentcl.cpc import CpcTree
from patentcl.metrics.inputs import as_labels, check_closed, check_width
from patentcl.metrics.result import Metric, mean_metric, named, ratio

PAIR_CELLS = 1 << 22


def _units(**vectors: Any) -> list[np.ndarray]:
    """Vectors of equal shape, each row brought to length 1."""
    out = [unit_rows(rows, name, dtype=None) for name, rows in vectors.items()]
    if len({rows.shape for rows in out}) > 1:
        raise DataError(
            "vectors differ in shape", got=" and ".join(str(rows.shape) for rows in out)
        )
    return out


def _cosine(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    return np.einsum("ij,ij->i", a, b).astype(np.float64)


def _margins(anchors: Any, positives: Any, negatives: Any) -> np.ndarray:
    """Cosine of (anchor, positive) minus that of (anchor, negative): float64 (n,)."""
    a, p, q = _units(anchors=anchors, positives=positives, negatives=negatives)
    return _cosine(a, p) - _cosine(a, q)


def triplet_accuracy(anchor: Any, positive: Any, negative: Any, seed: int = 0) -> Metric:
    """Share of triplets whose anchor is closer to the positive than to the negative; ties are half.

    Each argument is a float array ``(n, d)``.

    Examples
    --------
    >>> a = [[1.0, 0.0], [0.0, 1.0]]
    >>> triplet_accuracy(a, [[0.9, 0.1], [0.1, 0.9]], [[0.0, 1.0], [0.1, 0.95]]).value
    0.5
    """
    margins = _margins(anchor, positive, negative)
    return named(mean_metric((np.sign(margins) + 1) / 2, "triplets"), "triplet_accuracy", seed)


def triplet_margin(anchor: Any, positive: Any, negative: Any, seed: int = 0) -> Metric:
    """Mean of cosine (anchor, positive) minus cosine (anchor, negative); arguments ``(n, d)``."""
    margins = _margins(anchor, positive, negative)
    return named(mean_metric(margins, "triplets"), "triplet_margin", seed)


def alignment(first: Any, second: Any, seed: int = 0) -> Metric:
    """Mean squared distance between unit vectors of matching pairs, ``(n, d)``; lower is better."""
    a, b = _units(vectors=first, pairs=second)
    squared = ((a - b).astype(np.float64) ** 2).sum(axis=1)
    return named(mean_metric(squared, "pairs"), "alignment", seed, higher_is_better=False)


def _log_mean(total: np.ndarray, count: np.ndarray) -> np.ndarray:
    mean = ratio(total, count)
    return np.log(np.where(mean > 0, mean, np.nan))


def uniformity(vectors: Any, t: float = 2.0, seed: int = 0) -> Metric:
    """Log of the mean of exp(-t * squared distance) over all pairs; lower is better.

    Needs two vectors or more, ``(n, d)``, and ``t`` above 0. All pairs are looked at, in blocks:
    quadratic in time, not in memory. Items are the log means of each vector's own pairs.
    """
    (x,) = _units(vectors=vectors)
    n = len(x)
    if n < 2:
        raise DataError("uniformity needs pairs", got="1 vector", wanted="at least 2")
    if not t > 0:
        raise ConfigError("t must be above 0", got=t)
    sums = np.empty(n)
    step = max(1, PAIR_CELLS // n)
    for start in range(0, n, step):
        block = x[start : start + step]
        squared = np.maximum(0.0, 2.0 - 2.0 * (block @ x.T).astype(np.float64))
        kernel = np.exp(-t * squared)
        kernel[np.arange(len(block)), start + np.arange(len(block))] = 0.0
        sums[start : start + step] = kernel.sum(axis=1)
    own = sums / (n - 1)
    # Each pair belongs to two vectors, so one vector moves the mean by twice its own deviation.
    pseudo = 2 * own - own.mean()
    metric = Metric(
        "", float(np.log(own.mean())), np.log(own), "vectors", (pseudo, np.ones(n)), _log_mean
    )
    return named(metric, "uniformity", seed, higher_is_better=False)


# ---- labels of neighbours -----------------------------------------------------------------------


def neighbour_purity(
    vectors: Any, labels: Any, k: int = 10, neighbours: Any = None, seed: int = 0
) -> Metric:
    """Share of a patent's k nearest others that carry at least one of its labels.

    Parameters
    ----------
    vectors : array_like of float, shape (n, d)
        May be None where ``neighbours`` is given.
    labels : matrix of 0 and 1, shape (n, n_labels)
        Pass the labels of one level: at the root level almost everything is shared.
    k : int
        Below n.
    neighbours : array_like of int, shape (n, at least k), optional
        Rows of the nearest others, nearest first, as an index finds them; else they are found
        exactly.
    seed : int
        Of the bootstrap.

    Returns
    -------
    Metric
        Items are patents; one without labels is undefined. Compare with `chance_purity`.
    """
    marks = as_labels(labels, "labels")
    n = marks.shape[0]
    if k < 1:
        raise ConfigError("k must be at least 1", got=k)
    if k >= n:
        raise DataError(
            "k is too large for the number of patents", got=f"k = {k}", wanted=f"below {n}"
        )
    if neighbours is None:
        x = _labelled(vectors, marks)
        near, _ = nearest(x, x, k, own=np.arange(n))
    else:
        near = np.asarray(neighbours)
        if near.ndim != 2 or near.shape[0] != n or near.shape[1] < k:
            raise DataError(
                "neighbours have the wrong shape",
                got=str(near.shape),
                wanted=f"({n}, at least {k})",
            )
        near = near[:, :k]
        if near.min() < 0 or near.max() >= n or (near == np.arange(n)[:, None]).any():
            raise DataError(
                "neighbours must be rows of other patents", wanted=f"0 to {n - 1}, not itself"
            )
    counts = marks.astype(np.int32)
    shared = np.zeros(n)
    for j in range(k):
        common = counts.multiply(counts[near[:, j]])
        shared += np.asarray(common.sum(axis=1)).ravel() > 0
    purity = np.where(np.diff(marks.indptr) > 0, shared / k, np.nan)
    return named(mean_metric(purity, "patents"), f"neighbour_purity@{k}", seed)


def _labelled(vectors: Any, marks: sparse.csr_matrix) -> np.ndarray:
    """Unit vectors of as many items as there are rows of labels."""
    (x,) = _units(vectors=vectors)
    if len(x) != marks.shape[0]:
        raise DataError("vectors and labels differ in length", got=f"{len(x)} and {marks.shape[0]}")
    return x


def chance_purity(labels: Any) -> float:
    """Purity expected of neighbours drawn at random, exactly, over patents with labels."""
    marks = as_labels(labels, "labels").astype(np.int32)
    labelled = np.flatnonzero(np.diff(marks.indptr))
    n = marks.shape[0]
    if len(labelled) == 0 or n < 2:
        return float("nan")
    total = 0
    step = max(1, PAIR_CELLS // n)
    for start in range(0, len(labelled), step):
        common = marks[labelled[start : start + step]] @ marks.T
        total += common.nnz
    return float((total - len(labelled)) / (len(labelled) * (n - 1.0)))


# ---- correlations -------------------------------------------------------------------------------


def _pearson(
    n: np.ndarray, x: np.ndarray, y: np.ndarray, xx: np.ndarray, yy: np.ndarray, xy: np.ndarray
) -> np.ndarray:
    spread = np.sqrt(np.maximum((n * xx - x * x) * (n * yy - y * y), 0.0))
    return ratio(n * xy - x * y, spread)


def pearson(x: Any, y: Any, name: str = "pearson", seed: int = 0) -> Metric:
    """Pearson correlation of scored pairs, ``(n,)`` each; nan where one side does not vary.

    Items are each pair's product of standard scores, whose mean is the correlation.
    """
    a, b = np.asarray(x, dtype=np.float64), np.asarray(y, dtype=np.float64)
    if a.ndim != 1 or a.shape != b.shape:
        raise DataError("scored pairs differ in length", got=f"{a.shape} and {b.shape}")
    if a.size == 0:
        raise DataError("there are no scored pairs")
    if not (np.isfinite(a).all() and np.isfinite(b).all()):
        raise DataError("scored pairs must be finite", wanted="no NaN and no infinity")
    a, b = a - a.mean(), b - b.mean()
    deviation = a.std() * b.std()
    # A constant leaves rounding noise behind when its mean is taken off.
    flat = min(np.ptp(a), np.ptp(b)) == 0
    items = np.full(len(a), np.nan) if flat else a * b / deviation
    value = float("nan") if flat else float(np.clip(items.mean(), -1.0, 1.0))
    sums = (np.ones(len(a)), a, b, a * a, b * b, a * b)
    return Metric(name, value, items, "pairs", sums, _pearson, seed=seed)


def spearman(x: Any, y: Any, name: str = "spearman", seed: int = 0) -> Metric:
    """Spearman correlation: Pearson's on ranks, ties at their mean rank.

    The interval resamples pairs with the ranks of the full data.
    """
    a, b = np.asarray(x, dtype=np.float64), np.asarray(y, dtype=np.float64)
    if a.shape == b.shape and a.ndim == 1 and np.isfinite(a).all() and np.isfinite(b).all():
        a, b = rankdata(a), rankdata(b)
    return pearson(a, b, name, seed)


def _set_distances(labels: sparse.csr_matrix, first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Jaccard distance of the closed label sets of pairs of rows: float64 (m,)."""
    counts = labels.astype(np.int32)
    size = np.diff(labels.indptr)
    common = np.asarray(counts[first].multiply(counts[second]).sum(axis=1)).ravel()
    return 1.0 - ratio(common, size[first] + size[second] - common)


def tree_correlation(
    vectors: Any, labels: Any, tree: CpcTree, pairs: int = 100_000, seed: int = 0
) -> Metric:
    """Spearman correlation between cosine distance and distance in the classification.

    Parameters
    ----------
    vectors : array_like of float, shape (n, d)
    labels : matrix of 0 and 1, shape (n, n_nodes)
        Closed under ancestors.
    tree : CpcTree
    pairs : int
        Random pairs of different patents; all pairs where there are fewer.
    seed : int
        Of the pairs and of the bootstrap.

    Returns
    -------
    Metric
        Above 0 where vectors of related patents are nearer. Distance in the classification is the
        Jaccard distance of label sets with all their ancestors, from 0 (same) to 1 (nothing
        shared): sharing a subclass counts for more than sharing a section. The interval takes the
        pairs for independent, which they nearly are while there are more patents than pairs; with
        fewer patents it is too narrow.
    """
    marks = as_labels(labels, "labels")
    x = _labelled(vectors, marks)
    check_width(marks.shape[1], tree)
    check_closed(marks, tree, "labels")
    first, second = sample_pairs(np.flatnonzero(np.diff(marks.indptr)), pairs, seed)
    far = 1.0 - _cosine(x[first], x[second])
    return spearman(far, _set_distances(marks, first, second), "tree_correlation", seed)


def sample_pairs(rows: np.ndarray, pairs: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Random pairs of different rows; all of them where there are no more than asked for."""
    n = len(rows)
    if n < 2:
        raise DataError("too few labelled patents to pair", got=n, wanted="at least 2")
    if pairs < 1:
        raise ConfigError("too few pairs", got=pairs, wanted="at least 1")
    if n * (n - 1) // 2 <= pairs:
        i, j = np.triu_indices(n, 1)
    else:
        rng = np.random.default_rng(seed)
        i = rng.integers(0, n, pairs)
        j = (i + rng.integers(1, n, pairs)) % n
    return rows[i], rows[j]


# ---- clusterings --------------------------------------------------------------------------------


def cluster_agreement(classes: Any, clusters: Any) -> dict[str, float]:
    """Agreement of a clustering with known classes, ``(n,)`` each, as numbers or text.

    Returns ``homogeneity``, ``completeness``, ``v_measure`` (their harmonic mean; equal to
    normalised mutual information with the arithmetic mean, ``nmi``) and ``ari``, the adjusted Rand
    index.

    References
    ----------
    A. Rosenberg, J. Hirschberg, V-measure, EMNLP-CoNLL 2007. L. Hubert, P. Arabie, Comparing
    partitions, Journal of Classification 2, 1985.

    Examples
    --------
    >>> cluster_agreement(["a", "a", "b"], [0, 0, 1])["ari"]
    1.0
    """
    from sklearn.metrics import adjusted_rand_score, homogeneity_completeness_v_measure

    a, b = np.asarray(classes), np.asarray(clusters)
    if a.ndim != 1 or a.shape != b.shape:
        raise DataError("classes and clusters differ in length", got=f"{a.shape} and {b.shape}")
    if a.size == 0:
        raise DataError("there is nothing to compare clusters on")
    a, b = (np.unique(each, return_inverse=True)[1] for each in (a, b))
    homogeneity, completeness, v = map(float, homogeneity_completeness_v_measure(a, b))
    return {
        "homogeneity": homogeneity,
        "completeness": completeness,
        "v_measure": v,
        "nmi": v,
        "ari": float(adjusted_rand_score(a, b)),
    }
