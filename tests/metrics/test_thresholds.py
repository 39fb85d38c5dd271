"""Thresholds against brute force."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from metrics_cases import random_labels, random_scores, small_tree
from scipy import sparse

from patentcl.core.errors import ConfigError, DataError
from patentcl.metrics import best_threshold, evaluate, thresholds

AREAS = ("average_precision", "roc_auc")


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
