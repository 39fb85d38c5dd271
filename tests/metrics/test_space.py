"""Embedding-space metrics against scikit-learn, scipy and brute force."""

from __future__ import annotations

import numpy as np
import pytest
from metrics_cases import random_labels, small_tree
from scipy import sparse, stats
from sklearn import metrics as sk
from sklearn.neighbors import NearestNeighbors

from patentcl.core.errors import ConfigError, DataError
from patentcl.metrics import space


def vectors(n: int, d: int = 5, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(n, d)).astype(np.float32)


def test_triplets() -> None:
    a, p, n = (vectors(50, seed=s) for s in range(3))
    unit = [v / np.linalg.norm(v, axis=1, keepdims=True) for v in (a, p, n)]
    margin = (unit[0] * unit[1]).sum(axis=1) - (unit[0] * unit[2]).sum(axis=1)
    found = space.triplet_margin(a, p, n)
    np.testing.assert_allclose(found.items, margin, atol=1e-6)
    assert space.triplet_accuracy(a, p, n).value == (margin > 0).mean()
    assert space.triplet_accuracy(a, p, p).value == 0.5  # ties
    assert space.triplet_accuracy(a, 3 * a, n).value == 1


def test_alignment_and_uniformity() -> None:
    a, b = vectors(40), vectors(40, seed=1)
    ua, ub = (v / np.linalg.norm(v, axis=1, keepdims=True) for v in (a, b))
    assert space.alignment(a, b).value == pytest.approx(
        ((ua - ub) ** 2).sum(axis=1).mean(), rel=1e-5
    )
    from scipy.spatial.distance import pdist

    wanted = np.log(np.exp(-2 * pdist(ua.astype(float), "sqeuclidean")).mean())
    found = space.uniformity(a)
    assert found.value == pytest.approx(wanted, rel=1e-5)
    low, high = found.interval()
    assert low < found.value < high
    # The interval follows the jackknife, pairs shared between vectors and all.
    left_out = [
        np.log(np.exp(-2 * pdist(np.delete(ua, i, 0).astype(float), "sqeuclidean")).mean())
        for i in range(40)
    ]
    spread = np.sqrt(39 / 40 * ((left_out - np.mean(left_out)) ** 2).sum())
    assert (high - low) / (2 * 1.96) == pytest.approx(spread, rel=0.15)


def test_neighbour_purity_equals_brute_force() -> None:
    tree = small_tree()
    labels = random_labels(tree, 60, 0.05, 0)[:, tree.at_level("subclass")]
    x = vectors(60)
    near = (
        NearestNeighbors(n_neighbors=6, metric="cosine")
        .fit(x)
        .kneighbors(x, return_distance=False)[:, 1:]
    )
    dense = labels.toarray().astype(bool)
    wanted = [
        np.mean([(dense[i] & dense[j]).any() for j in near[i]]) if dense[i].any() else np.nan
        for i in range(60)
    ]
    found = space.neighbour_purity(x, labels, k=5)
    np.testing.assert_allclose(found.items, wanted)
    assert found.undefined == (~dense.any(axis=1)).sum() > 0
    given = space.neighbour_purity(None, labels, k=5, neighbours=near)
    np.testing.assert_allclose(given.items, wanted)
    shared = (dense.astype(int) @ dense.T.astype(int)) > 0
    np.fill_diagonal(shared, False)
    has = dense.any(axis=1)
    assert space.chance_purity(labels) == pytest.approx(shared[has].sum(axis=1).mean() / 59)


def test_correlations_equal_scipy() -> None:
    rng = np.random.default_rng(0)
    x = np.round(rng.normal(size=300), 1)
    y = np.round(x + rng.normal(size=300), 1)
    assert space.pearson(x, y).value == pytest.approx(stats.pearsonr(x, y)[0], rel=1e-12)
    found = space.spearman(x, y)
    assert found.value == pytest.approx(stats.spearmanr(x, y)[0], rel=1e-12)
    low, high = space.pearson(x, y).interval()
    wanted = stats.pearsonr(x, y).confidence_interval()
    assert (low, high) == pytest.approx((wanted.low, wanted.high), abs=0.03)
    flat = space.pearson(x, np.full(300, 0.1))
    assert np.isnan(flat.value) and flat.undefined == 300


def test_tree_correlation_over_all_pairs() -> None:
    tree = small_tree()
    labels = random_labels(tree, 30, 0.05, 1)
    x = vectors(30)
    has = np.flatnonzero(labels.getnnz(axis=1))
    dense = labels.toarray().astype(bool)
    far, apart = [], []
    for a, i in enumerate(has):
        for j in has[a + 1 :]:
            far.append(1 - np.dot(x[i], x[j]) / np.linalg.norm(x[i]) / np.linalg.norm(x[j]))
            apart.append(1 - (dense[i] & dense[j]).sum() / (dense[i] | dense[j]).sum())
    found = space.tree_correlation(x, labels, tree)
    assert found.n == len(far)
    assert found.value == pytest.approx(stats.spearmanr(far, apart)[0], abs=1e-3)
    few = space.tree_correlation(x, labels, tree, pairs=50, seed=3)
    assert few.n == 50 and few.value == space.tree_correlation(x, labels, tree, 50, seed=3).value
    # Vectors that are the labels themselves must correlate strongly.
    own = labels[has].toarray().astype(float)
    assert space.tree_correlation(own, labels[has], tree).value > 0.95


def test_sampled_pairs_are_of_different_rows() -> None:
    first, second = space.sample_pairs(np.arange(1000), 5000, 0)
    assert (first != second).all() and len(first) == 5000


@pytest.mark.parametrize("seed", range(3))
def test_cluster_agreement_equals_scikit_learn(seed: int) -> None:
    rng = np.random.default_rng(seed)
    classes = rng.integers(0, 5, 200)
    clusters = np.where(rng.random(200) < 0.5, classes, rng.integers(0, 7, 200))
    found = space.cluster_agreement(classes, clusters)
    h, c, v = sk.homogeneity_completeness_v_measure(classes, clusters)
    assert (found["homogeneity"], found["completeness"], found["v_measure"]) == pytest.approx(
        (h, c, v)
    )
    assert found["nmi"] == pytest.approx(sk.normalized_mutual_info_score(classes, clusters))
    assert found["ari"] == pytest.approx(sk.adjusted_rand_score(classes, clusters))


@pytest.mark.parametrize(
    ("classes", "clusters"),
    [
        ([0, 0, 0], [0, 0, 0]),
        ([0, 1, 2], [0, 0, 0]),
        ([0, 0, 0], [0, 1, 2]),
        ([0, 1, 2], [2, 1, 0]),
        ([0], [0]),
    ],
)
def test_cluster_corners_equal_scikit_learn(classes: list, clusters: list) -> None:
    found = space.cluster_agreement(classes, clusters)
    assert found["v_measure"] == pytest.approx(sk.v_measure_score(classes, clusters))
    assert found["ari"] == pytest.approx(sk.adjusted_rand_score(classes, clusters))


def test_bad_input() -> None:
    x = vectors(5)
    labels = sparse.eye(5, format="csr")
    with pytest.raises(DataError, match=r"zero vector.*row 2"):
        space.triplet_accuracy(np.where(np.arange(5)[:, None] == 2, 0, x), x, x)
    with pytest.raises(DataError, match=r"finite.*row 0"):
        space.uniformity(x * np.nan)
    with pytest.raises(DataError, match="differ in shape"):
        space.alignment(x, x[:3])
    with pytest.raises(DataError, match="at least 2"):
        space.uniformity(x[:1])
    with pytest.raises(ConfigError, match="above 0"):
        space.uniformity(x, t=0)
    with pytest.raises(DataError, match="must be a matrix"):
        space.uniformity(x[0])
    with pytest.raises(ConfigError, match="k must be at least 1"):
        space.neighbour_purity(x, labels, k=0)
    with pytest.raises(DataError, match="k is too large"):
        space.neighbour_purity(x, labels, k=5)
    with pytest.raises(DataError, match="differ in length"):
        space.neighbour_purity(x[:4], labels, k=2)
    with pytest.raises(DataError, match="wrong shape"):
        space.neighbour_purity(x, labels, k=2, neighbours=np.zeros((5, 1), int))
    with pytest.raises(DataError, match="other patents"):
        space.neighbour_purity(x, labels, k=1, neighbours=np.zeros((5, 1), int))
    with pytest.raises(DataError, match="differ in length"):
        space.pearson([1, 2], [1, 2, 3])
    with pytest.raises(DataError, match="no scored pairs"):
        space.spearman([], [])
    with pytest.raises(DataError, match="finite"):
        space.spearman([1, np.nan], [1, 2])
    with pytest.raises(DataError, match="differ in length"):
        space.cluster_agreement([1, 2], [1])
    with pytest.raises(DataError, match="nothing to compare"):
        space.cluster_agreement([], [])
    tree = small_tree()
    closed = random_labels(tree, 5, 0.1, 0)
    with pytest.raises(DataError, match="differ in length"):
        space.tree_correlation(x[:3], closed, tree)
    with pytest.raises(DataError, match="do not match the tree"):
        space.tree_correlation(x, labels, tree)
    with pytest.raises(DataError, match="too few labelled"):
        space.tree_correlation(x, sparse.csr_matrix(closed.shape, dtype=bool), tree)
    with pytest.raises(ConfigError, match="too few pairs"):
        space.tree_correlation(x, random_labels(tree, 5, 0.9, 0), tree, pairs=0)
