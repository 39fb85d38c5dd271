"""Set metrics against scikit-learn and naive transcriptions."""

from __future__ import annotations

import numpy as np
import pytest
from metrics_cases import as_sets, naive_averages, random_labels, random_scores, small_tree
from scipy import sparse
from sklearn import metrics as sk

from patentcl.metrics import evaluate

MEASURES = ("precision", "recall", "f1")
FLAT = ("micro", "macro", "macro_true", "weighted", "samples")


def _same(got: float, wanted: float) -> None:
    np.testing.assert_allclose(got, wanted, rtol=1e-12, atol=1e-15)


@pytest.mark.parametrize("average", ["micro", "macro", "weighted", "samples"])
def test_flat_metrics_equal_scikit_learn(average: str) -> None:
    rng = np.random.default_rng(0)
    truth, guess = rng.random((200, 17)) < 0.15, rng.random((200, 17)) < 0.2
    guess[truth & (rng.random(truth.shape) < 0.6)] = True
    both_empty = ~truth.any(axis=1) & ~guess.any(axis=1)
    if average == "samples":  # the suite leaves such rows out and counts them
        truth, guess = truth[~both_empty], guess[~both_empty]
    found = evaluate(truth, None, [f"{m}:{average}" for m in MEASURES], predicted=guess)
    wanted = sk.precision_recall_fscore_support(truth, guess, average=average, zero_division=0)
    _same(list(found.values()), wanted[:3])


def test_exact_match_and_hamming_equal_scikit_learn() -> None:
    rng = np.random.default_rng(1)
    truth, guess = rng.random((300, 4)) < 0.2, rng.random((300, 4)) < 0.2
    found = evaluate(truth, None, ["subset_accuracy", "hamming_loss"], predicted=guess)
    _same(found["subset_accuracy"], sk.accuracy_score(truth, guess))
    _same(found["hamming_loss"], sk.hamming_loss(truth, guess))


@pytest.mark.parametrize("seed", range(4))
def test_every_average_equals_its_transcription(seed: int) -> None:
    tree = small_tree()
    truth = random_labels(tree, 40, 0.08, seed)
    guess = sparse.csr_matrix(random_scores(truth, seed) > 0.6)
    wanted = naive_averages(as_sets(truth), as_sets(guess), len(tree))
    for average in FLAT:
        found = evaluate(truth, None, [f"{m}:{average}" for m in MEASURES], predicted=guess)
        _same(list(found.values()), wanted[average])


def test_a_level_is_its_columns_alone() -> None:
    tree = small_tree()
    truth = random_labels(tree, 60, 0.1, 3)
    scores = random_scores(truth, 3)
    columns = tree.at_level("class")
    found = evaluate(truth, scores, ["f1:macro@class", "precision:micro@class"], tree, 0.6)
    there = truth.toarray()[:, columns], scores[:, columns] >= np.float32(0.6)
    _same(found["f1:macro@class"], sk.f1_score(*there, average="macro"))
    _same(found["precision:micro@class"], sk.precision_score(*there, average="micro"))


@pytest.mark.parametrize(
    ("truth", "guess", "wanted", "undefined"),
    [
        ([[0, 0]], [[0, 0]], np.nan, 1),  # nothing true, nothing predicted: undefined, counted
        ([[0, 0]], [[1, 0]], 0.0, 0),  # something claimed where nothing is true
        ([[1, 0]], [[0, 0]], 0.0, 0),  # something true and nothing claimed
        ([[1, 1]], [[1, 1]], 1.0, 0),  # all labels
    ],
)
def test_empty_sides(truth: list, guess: list, wanted: float, undefined: int) -> None:
    for measure in MEASURES:
        found = evaluate(np.array(truth), None, f"{measure}:samples", predicted=np.array(guess))
        _same(found[f"{measure}:samples"], wanted)
        assert found.detail[f"{measure}:samples"].undefined == undefined


def test_one_label_and_a_label_absent_from_truth() -> None:
    one = evaluate(np.array([[1], [0], [1]]), None, "f1:macro", predicted=np.array([[1], [1], [0]]))
    _same(one["f1:macro"], 0.5)
    truth, guess = np.array([[1, 0, 0], [1, 0, 0]]), np.array([[1, 1, 0], [1, 0, 0]])
    names = ["f1:macro", "f1:macro_true", "precision:macro"]
    found = evaluate(truth, None, names, predicted=guess)
    _same([found[n] for n in names], [0.5, 1.0, 0.5])
    # The second label was claimed and is wrong; the third is neither true nor claimed.
    assert found.detail["f1:macro"].items.tolist()[:2] == [1.0, 0.0]
    assert found.detail["f1:macro"].undefined == 1
    assert found.detail["f1:macro_true"].undefined == 2


def test_counts_per_patent_and_per_label() -> None:
    tree = small_tree()
    truth = random_labels(tree, 30, 0.1, 5)
    guess = random_labels(tree, 30, 0.05, 6)
    found = evaluate(
        truth,
        None,
        ["labels_true", "labels_predicted@class", "no_prediction"],
        tree,
        predicted=guess,
    )
    _same(found["labels_true"], truth.sum(axis=1).mean())
    _same(
        found["labels_predicted@class"],
        guess.toarray()[:, tree.at_level("class")].sum(axis=1).mean(),
    )
    _same(found["no_prediction"], (np.asarray(guess.sum(axis=1)) == 0).mean())
