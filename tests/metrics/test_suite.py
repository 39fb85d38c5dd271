"""`evaluate`: properties that hold for any data, and requests that cannot be met."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from metrics_cases import random_labels, random_scores, small_tree
from scipy import sparse

from patentcl.core.errors import ConfigError
from patentcl.metrics import evaluate

MEASURES = ("precision", "recall", "f1")
FLAT = ("micro", "macro", "macro_true", "weighted", "samples")


def _same(got: float, wanted: float) -> None:
    np.testing.assert_allclose(got, wanted, rtol=1e-12, atol=1e-15)


label_sets = st.lists(
    st.sets(st.integers(0, len(small_tree()) - 1), max_size=6), min_size=1, max_size=12
)


def _matrix(tree, rows: list[set[int]]) -> sparse.csr_matrix:
    dense = np.zeros((len(rows), len(tree)), dtype=bool)
    for i, row in enumerate(rows):
        dense[i, list(row)] = True
    return tree.close(sparse.csr_matrix(dense))


@settings(max_examples=40, deadline=None)
@given(label_sets, st.integers(0, 1000))
def test_row_order_does_not_matter_and_perfect_is_one(rows: list[set[int]], seed: int) -> None:
    tree = small_tree()
    truth = _matrix(tree, rows)
    rng = np.random.default_rng(seed)
    guess = _matrix(tree, [rows[i] for i in rng.permutation(len(rows))])
    names = [
        "hier_f1:micro",
        "hier_f1:macro",
        "f1:samples",
        "f1:weighted",
        "lca_f1",
        "subset_accuracy",
    ]
    order = rng.permutation(len(rows))
    a = evaluate(truth, None, names, tree, predicted=guess)
    b = evaluate(truth[order], None, names, tree, predicted=guess[order])
    np.testing.assert_allclose(list(a.values()), list(b.values()), rtol=1e-12)
    perfect = evaluate(truth, None, names, tree, predicted=truth)
    assert all(v == 1 or np.isnan(v) for v in perfect.values())
    assert all(np.isnan(v) or 0 <= v <= 1 for v in a.values())
    # Swapping the sides swaps precision and recall.
    p = evaluate(truth, None, "hier_precision:micro", tree, predicted=guess)
    r = evaluate(guess, None, "hier_recall:micro", tree, predicted=truth)
    np.testing.assert_equal(list(p.values()), list(r.values()))


@settings(max_examples=30, deadline=None)
@given(label_sets)
def test_closing_a_prediction_twice_changes_nothing(rows: list[set[int]]) -> None:
    tree = small_tree()
    truth = _matrix(tree, rows)
    raw = sparse.csr_matrix(np.random.default_rng(len(rows)).random(truth.shape) < 0.1)
    once = evaluate(truth, None, "hier_f1:samples", tree, predicted=raw)
    twice = evaluate(truth, None, "hier_f1:samples", tree, predicted=tree.close(raw))
    np.testing.assert_equal(dict(once), dict(twice))


def test_arguments_are_not_changed() -> None:
    tree = small_tree()
    truth = random_labels(tree, 20, 0.1, 0)
    scores = random_scores(truth, 0)
    before = truth.toarray(), scores.copy()
    evaluate(truth, scores, ["hier_f1:micro", "average_precision:micro", "ndcg@3", "ece"], tree)
    np.testing.assert_array_equal(truth.toarray(), before[0])
    np.testing.assert_array_equal(scores, before[1])


def test_a_float_threshold_is_taken_in_the_type_of_the_scores() -> None:
    scores = np.array([[0.1, 0.3]], dtype=np.float32)  # 0.1 as float32 is above 0.1 as float64
    found = evaluate(np.array([[1, 0]]), scores, "recall:micro", threshold=0.1)
    assert found["recall:micro"] == 1
    per_label = evaluate(np.array([[1, 0]]), scores, "f1:micro", threshold=np.array([0.1, 0.5]))
    assert per_label["f1:micro"] == 1


def test_bad_requests() -> None:
    tree = small_tree()
    truth = random_labels(tree, 5, 0.1, 0)
    with pytest.raises(ConfigError, match="Did you mean subclass"):
        evaluate(truth, None, "f1:micro@subclas", tree, predicted=truth)
    with pytest.raises(ConfigError, match="takes no level"):
        evaluate(truth, None, "hier_f1:micro@class", tree, predicted=truth)
    with pytest.raises(ConfigError, match="takes no level"):
        evaluate(truth, None, "violations@class", tree, predicted=truth)
    with pytest.raises(ConfigError, match="within one level"):
        evaluate(truth, None, "hops@all", tree, predicted=truth)
    with pytest.raises(ConfigError, match="needs scores"):
        evaluate(truth, None, "ndcg@5", tree, predicted=truth)
    with pytest.raises(ConfigError, match="nothing to evaluate"):
        evaluate(truth, None, "f1:micro", tree)
    with pytest.raises(ConfigError, match="no metric was asked for"):
        evaluate(truth, None, [], tree, predicted=truth)
    with pytest.raises(ConfigError, match="asked for twice"):
        evaluate(truth, None, ["f1:micro", "f1:micro"], tree, predicted=truth)
    with pytest.raises(ConfigError, match="not text"):
        evaluate(truth, None, [3], tree, predicted=truth)
