"""Areas under curves against scikit-learn and brute force."""

from __future__ import annotations

import numpy as np
import pytest
from metrics_cases import random_labels, random_scores, small_tree
from scipy import sparse
from sklearn import metrics as sk

from patentcl.metrics import curves, evaluate

AREAS = ("average_precision", "roc_auc")


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
