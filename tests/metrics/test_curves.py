"""Curves, probabilities and thresholds against scikit-learn and brute force."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from metrics_cases import random_labels, random_scores, small_tree
from scipy import sparse
from sklearn import metrics as sk

from patentcl.core.errors import ConfigError, DataError
from patentcl.metrics import best_threshold, curves, evaluate, thresholds
from patentcl.metrics.inputs import Scores
from patentcl.metrics.probability import reliability

AREAS = ("average_precision", "roc_auc")


# ---- areas --------------------------------------------------------------------------------------


@pytest.mark.parametrize("ties", [False, True])
@pytest.mark.parametrize("average", ["micro", "macro", "weighted"])
def test_areas_equal_scikit_learn(average: str, ties: bool) -> None:
    tree = small_tree()
    truth = random_labels(tree, 150, 0.08, 0)
    truth = truth[:, truth.getnnz(axis=0) > 0]
    scores = random_scores(truth, 0, ties)
    found = evaluate(truth, scores, [f"{a}:{average}" for a in AREAS])
    dense = truth.toarray()
    assert found[f"average_precision:{average}"] == pytest.approx(
        sk.average_precision_score(dense, scores, average=average), rel=1e-9
    )
    assert found[f"roc_auc:{average}"] == pytest.approx(
        sk.roc_auc_score(dense, scores, average=average), rel=1e-9
    )


def test_labels_that_have_no_area_are_counted() -> None:
    truth = np.array([[1, 0, 1], [0, 0, 1]])
    scores = np.array([[0.9, 0.2, 0.3], [0.1, 0.4, 0.6]])
    found = evaluate(truth, scores, ["average_precision:macro", "roc_auc:macro"])
    assert found.detail["average_precision:macro"].undefined == 1  # never true
    assert found.detail["roc_auc:macro"].undefined == 2  # never true, always true
    assert found["average_precision:macro"] == found["roc_auc:macro"] == 1
    nothing = evaluate(np.zeros((2, 2)), scores[:, :2], ["average_precision:micro", "f1:micro"])
    assert np.isnan(nothing["average_precision:micro"]) and nothing["f1:micro"] == 0
    assert np.isnan(nothing.detail["average_precision:micro"].interval()).all()


def test_negative_scores_and_double_precision() -> None:
    rng = np.random.default_rng(0)
    truth, scores = rng.random((80, 9)) < 0.3, rng.normal(size=(80, 9))
    for kind in (np.float64, np.float32, np.float16):
        s = scores.astype(kind)
        found = evaluate(truth, s, [f"{a}:micro" for a in AREAS])
        assert found["average_precision:micro"] == pytest.approx(
            sk.average_precision_score(truth, s.astype(float), average="micro"), rel=1e-9
        )
        assert found["roc_auc:micro"] == pytest.approx(
            sk.roc_auc_score(truth, s.astype(float), average="micro"), rel=1e-9
        )


def test_scores_in_any_form_give_the_same(tmp_path, monkeypatch: pytest.MonkeyPatch) -> None:
    tree = small_tree()
    truth = random_labels(tree, 60, 0.1, 3)
    scores = random_scores(truth, 3)
    np.save(tmp_path / "scores.npy", scores)
    mapped = np.load(tmp_path / "scores.npy", mmap_mode="r")
    names = [
        "average_precision:micro",
        "roc_auc:macro",
        "lrap",
        "ndcg@5",
        "f1:micro",
        "ece",
        "ece_mass",
        "brier",
        "log_loss",
        "average_precision:weighted@class",
    ]
    wanted = evaluate(truth, scores, names, tree)
    pieces = [scores[:7], scores[7:50], scores[50:]]
    forms = [
        mapped,
        pieces,
        list(scores[:, None]),
        lambda: iter(pieces),
        lambda: (p for p in pieces),
    ]
    for form in forms:
        np.testing.assert_allclose(
            list(evaluate(truth, form, names, tree).values()), list(wanted.values()), rtol=1e-9
        )
    # Sorting a few rows at a time: nothing may depend on where a block ends.
    monkeypatch.setattr(curves, "SORT_CELLS", 5 * len(tree))
    np.testing.assert_allclose(
        list(evaluate(truth, mapped, names, tree).values()), list(wanted.values()), rtol=1e-9
    )


@pytest.mark.parametrize("metric", AREAS)
def test_pseudo_values_are_the_derivative(metric: str) -> None:
    tree = small_tree()
    truth = random_labels(tree, 60, 0.1, 1)
    scores = random_scores(truth, 1)
    detail = evaluate(truth, scores, f"{metric}:micro").detail[f"{metric}:micro"]
    assert detail.items.mean() == pytest.approx(detail.value, abs=1e-9)
    score = {"average_precision": sk.average_precision_score, "roc_auc": sk.roc_auc_score}[metric]
    eps, dense = 1e-4, truth.toarray()
    numeric = []
    for i in range(60):
        weight = np.ones(60)
        weight[i] += eps
        moved = score(dense.ravel(), scores.ravel(), sample_weight=np.repeat(weight, len(tree)))
        numeric.append((moved - detail.value) / eps * 60)
    influence = detail.items - detail.value
    assert np.corrcoef(influence, numeric)[0, 1] > 0.999
    assert influence.std() == pytest.approx(np.std(numeric), rel=0.02)


def test_a_micro_interval_covers_what_a_plain_bootstrap_covers() -> None:
    tree = small_tree()
    truth = random_labels(tree, 150, 0.1, 2)
    scores = random_scores(truth, 2)
    low, high = (
        evaluate(truth, scores, "average_precision:micro")
        .detail["average_precision:micro"]
        .interval()
    )
    rng = np.random.default_rng(0)
    dense, drawn = truth.toarray(), []
    for _ in range(300):
        rows = rng.integers(0, 150, 150)
        drawn.append(sk.average_precision_score(dense[rows].ravel(), scores[rows].ravel()))
    plain = np.quantile(drawn, [0.025, 0.975])
    assert high - low == pytest.approx(plain[1] - plain[0], rel=0.15)
    assert abs(low - plain[0]) < 0.2 * (high - low)


def test_the_curve_of_sparse_scores_leaves_out_what_was_not_retrieved() -> None:
    truth = np.array([[1, 1, 0]])
    scores = sparse.csr_matrix(([0.5, 0.7], ([0, 0], [0, 2])), shape=(1, 3))
    found = evaluate(truth, scores, "average_precision:micro")
    # Found second of two that were retrieved, and one of two that are true.
    assert found["average_precision:micro"] == pytest.approx(0.25)


# ---- probabilities ------------------------------------------------------------------------------


def test_brier_and_log_loss_equal_scikit_learn() -> None:
    tree = small_tree()
    truth = random_labels(tree, 100, 0.1, 0)
    scores = random_scores(truth, 0).astype(np.float64)
    scores[0, 0], scores[0, 1] = 0.0, 1.0
    found = evaluate(truth, scores, ["brier", "log_loss", "brier@class"], tree)
    dense = truth.toarray()
    assert found["log_loss"] == pytest.approx(sk.log_loss(dense.ravel(), scores.ravel()), rel=1e-9)
    assert found["brier"] == pytest.approx(sk.brier_score_loss(dense.ravel(), scores.ravel()))
    columns = tree.at_level("class")
    assert found["brier@class"] == pytest.approx(
        np.mean((dense[:, columns] - scores[:, columns]) ** 2)
    )


def _naive_ece(p: np.ndarray, y: np.ndarray, edges: np.ndarray) -> float:
    total = 0.0
    for i, (low, high) in enumerate(pairwise(edges)):
        last = i == len(edges) - 2
        inside = (p >= low) & ((p <= high) if last else (p < high))
        if inside.any():
            total += inside.sum() * abs(p[inside].mean() - y[inside].mean())
    return total / p.size


@pytest.mark.parametrize("ties", [False, True])
def test_calibration_error_equals_its_transcription(ties: bool) -> None:
    tree = small_tree()
    truth = random_labels(tree, 100, 0.1, 4)
    scores = random_scores(truth, 4, ties).astype(np.float64)
    found = evaluate(truth, scores, ["ece", "ece_mass", "ece@class"], tree)
    y = truth.toarray()
    assert found["ece"] == pytest.approx(_naive_ece(scores, y, np.linspace(0, 1, 16)), rel=1e-9)
    columns = tree.at_level("class")
    assert found["ece@class"] == pytest.approx(
        _naive_ece(scores[:, columns], y[:, columns], np.linspace(0, 1, 16)), rel=1e-9
    )
    mass = reliability(truth, Scores(scores, truth.shape), equal_mass=True)
    assert found["ece_mass"] == pytest.approx(_naive_ece(scores, y, mass.edges), rel=1e-9)
    assert mass.count.sum() == scores.size
    if not ties:
        assert mass.count.max() < 1.2 * scores.size / 15
    assert found["ece_mass"] == pytest.approx(mass.error)


def test_probabilities_on_the_edge_of_a_bin() -> None:
    p = np.linspace(0, 1, 16).astype(np.float32)[:, None]
    curve = reliability(sparse.csr_matrix(p > 2), Scores(p, p.shape))
    assert curve.count.tolist() == [1] * 14 + [2]


@pytest.mark.parametrize("name", ["ece", "ece_mass", "brier", "log_loss"])
@pytest.mark.parametrize("bad", [1.5, -0.1])
def test_probabilities_outside_the_unit_interval(name: str, bad: float) -> None:
    with pytest.raises(DataError, match=r"outside \[0, 1\].*row 1"):
        evaluate(np.eye(2), np.array([[0.5, 0.5], [0.5, bad]]), name)


# ---- thresholds ---------------------------------------------------------------------------------


def _brute(truth: np.ndarray, scores: np.ndarray, average: str) -> float:
    """The best F1 over every distinct score as threshold."""
    return max(
        evaluate(truth, None, f"f1:{average}", predicted=scores >= t)[f"f1:{average}"]
        for t in np.unique(scores)
    )


@pytest.mark.parametrize("ties", [False, True])
@pytest.mark.parametrize("average", ["micro", "macro", "macro_true", "samples"])
def test_a_shared_threshold_is_as_good_as_the_best_of_all(average: str, ties: bool) -> None:
    tree = small_tree()
    truth = random_labels(tree, 25, 0.1, 5)
    scores = random_scores(truth, 5, ties)
    found = best_threshold(truth, scores, average=average)
    assert found.shape == (len(tree),) and np.unique(found).size == 1
    reached = evaluate(truth, scores, f"f1:{average}", threshold=found)[f"f1:{average}"]
    assert reached == pytest.approx(_brute(truth.toarray(), scores, average), rel=1e-12)


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 10_000), st.sampled_from(["micro", "macro", "macro_true", "samples"]))
def test_thresholds_on_any_small_data(seed: int, average: str) -> None:
    rng = np.random.default_rng(seed)
    truth, scores = rng.random((6, 4)) < 0.3, np.round(rng.random((6, 4)), 1)
    if not truth.any():
        return
    found = best_threshold(truth, scores, average=average)
    reached = evaluate(truth, scores, f"f1:{average}", threshold=found)[f"f1:{average}"]
    assert reached == pytest.approx(_brute(truth, scores, average), rel=1e-12)


def test_thresholds_per_label_and_per_level() -> None:
    tree = small_tree()
    truth = random_labels(tree, 60, 0.1, 6)
    scores = random_scores(truth, 6)
    each = best_threshold(truth, scores, per="label")
    dense = truth.toarray()
    for j in np.flatnonzero(dense.any(axis=0)):
        tried = scores[:, [j]] >= np.append(scores[:, j], np.float32(each[j]))
        tp = (tried & dense[:, [j]]).sum(axis=0)
        f1 = 2 * tp / (tried.sum(axis=0) + dense[:, j].sum())
        assert f1[-1] == pytest.approx(f1.max())
    shared = best_threshold(truth, scores)
    never = ~dense.any(axis=0)
    assert never.any() and (each[never] == shared[0]).all()
    levels = best_threshold(truth, scores, per="level", tree=tree)
    for level in tree.levels:
        columns = tree.at_level(level)
        assert np.unique(levels[columns]).size == 1
        alone = best_threshold(truth[:, columns], scores[:, columns])
        assert levels[columns[0]] == alone[0]
    rare = best_threshold(truth, scores, per="label", min_true=1000)
    assert (rare == shared[0]).all()


def test_thresholds_in_column_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    tree = small_tree()
    truth = random_labels(tree, 30, 0.1, 7)
    scores = random_scores(truth, 7)
    wanted = best_threshold(truth, scores, average="macro")
    monkeypatch.setattr(thresholds, "COLUMN_CELLS", 100)
    np.testing.assert_array_equal(best_threshold(truth, scores, average="macro"), wanted)


def test_bad_requests_for_thresholds() -> None:
    good, scores = np.eye(3), np.eye(3)
    with pytest.raises(ConfigError, match="Did you mean label"):
        best_threshold(good, scores, per="labels")
    with pytest.raises(ConfigError, match="unknown average"):
        best_threshold(good, scores, average="median")
    with pytest.raises(ConfigError, match="need a tree"):
        best_threshold(good, scores, per="level")
    with pytest.raises(ConfigError, match="at least 1"):
        best_threshold(good, scores, min_true=0)
    with pytest.raises(DataError, match="no true label to choose"):
        best_threshold(np.zeros((3, 3)), scores)
    with pytest.raises(DataError, match="finite"):
        best_threshold(good, scores * np.nan)
    with pytest.raises(DataError, match="no true label was retrieved"):
        best_threshold(np.array([[1, 0]]), sparse.csr_matrix(([0.5], ([0], [1])), shape=(1, 2)))
