"""Calibration, Brier score and log loss against scikit-learn and brute force."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from metrics_cases import random_labels, random_scores, small_tree
from scipy import sparse
from sklearn import metrics as sk

from patentcl.core.errors import DataError
from patentcl.metrics import evaluate
from patentcl.metrics.inputs import Scores
from patentcl.metrics.probability import reliability

AREAS = ("average_precision", "roc_auc")


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
