"""What the metrics accept, and the sparse helpers underneath."""

from __future__ import annotations

import numpy as np
import pytest
from metrics_cases import random_labels, small_tree
from scipy import sparse

from patentcl.core.errors import DataError
from patentcl.metrics import evaluate
from patentcl.metrics.inputs import check_closed, contains, row_ids, select_columns

MEASURES = ("precision", "recall", "f1")
FLAT = ("micro", "macro", "macro_true", "weighted", "samples")


@pytest.mark.parametrize("width", [7, 100_000])
def test_contains_in_narrow_and_wide_matrices(width: int) -> None:
    rng = np.random.default_rng(0)
    a = sparse.random(300, width, 0.0005 if width > 10 else 0.3, "csr", rng=rng).astype(bool)
    b = sparse.random(300, width, 0.0005 if width > 10 else 0.3, "csr", rng=rng).astype(bool)
    b = sparse.csr_matrix(b + a.multiply(a))
    found = contains(a, row_ids(b), b.indices)
    have = set(zip(*a.nonzero(), strict=True))
    assert found.tolist() == [pair in have for pair in zip(row_ids(b), b.indices, strict=True)]
    empty = sparse.csr_matrix(a.shape, dtype=bool)
    assert not contains(empty, row_ids(b), b.indices).any()


def test_select_columns_in_any_order() -> None:
    matrix = sparse.csr_matrix(np.random.default_rng(0).random((20, 9)) < 0.4)
    for columns in (np.array([2, 3, 4]), np.array([8, 0, 5])):
        np.testing.assert_array_equal(
            select_columns(matrix, columns).toarray(), matrix.toarray()[:, columns]
        )


GOOD = np.array([[1, 0], [0, 1]])
SCORES = np.array([[0.9, 0.1], [0.2, 0.7]])


@pytest.mark.parametrize(
    ("truth", "scores", "message"),
    [
        (GOOD, SCORES[:1], "differ in shape"),
        (GOOD, SCORES[:, :1], "differ in shape"),
        (GOOD, SCORES * np.nan, "finite"),
        (GOOD, SCORES * np.inf, "finite"),
        (np.array([[2, 0], [0, 1]]), SCORES, "not binary"),
        (np.array([[0.5, 0], [0, 1]]), SCORES, "not binary"),
        (np.array([[np.nan, 0], [0, 1]]), SCORES, "not binary"),
        (np.array([["a", "b"]]), SCORES, "not a matrix of 0 and 1"),
        (np.zeros((0, 2)), np.zeros((0, 2)), "empty"),
        (np.zeros((2, 0)), np.zeros((2, 0)), "empty"),
        (np.array([1, 0]), SCORES, "must be a matrix"),
        (GOOD, np.array([["a", "b"], ["c", "d"]]), "not numbers"),
        (GOOD, iter([SCORES]), "only once"),
        (GOOD, lambda: iter([SCORES[:1]]), "differ in shape"),
        (GOOD, lambda: iter([SCORES[:, :1]]), "wrong shape"),
    ],
)
def test_bad_matrices(truth, scores, message: str) -> None:
    with pytest.raises(DataError, match=message):
        evaluate(truth, scores, "f1:micro")


def test_bad_shapes_elsewhere() -> None:
    with pytest.raises(DataError, match="predicted and truth differ in shape"):
        evaluate(GOOD, None, "f1:micro", predicted=GOOD[:1])
    with pytest.raises(DataError, match="thresholds do not match"):
        evaluate(GOOD, SCORES, "f1:micro", threshold=np.array([0.1, 0.2, 0.3]))
    with pytest.raises(DataError, match="threshold is not a number"):
        evaluate(GOOD, SCORES, "f1:micro", threshold=float("nan"))
    tree = small_tree()
    with pytest.raises(DataError, match="labels do not match the tree"):
        evaluate(GOOD, SCORES, "f1:micro", tree)
    truth = random_labels(tree, 5, 0.1, 0)
    with pytest.raises(DataError, match="outside the tree and truth differ in length"):
        evaluate(truth, None, "hier_f1:micro", tree, predicted=truth, outside=np.ones((2, 1)))


def test_truth_that_is_not_closed_is_refused() -> None:
    tree = small_tree()
    truth = np.zeros((2, len(tree)), dtype=bool)
    truth[1, tree.index["A01B"]] = truth[1, tree.index["A"]] = True
    with pytest.raises(DataError, match=r"not closed.*row 1.*A01B without its parent A01"):
        evaluate(truth, None, "hier_f1:micro", tree, predicted=truth)
    check_closed(tree.close(truth), tree)


def test_label_order_that_differs_from_the_tree_is_refused() -> None:
    import pandas as pd

    tree = small_tree()
    truth = random_labels(tree, 5, 0.1, 0).toarray()
    symbols = list(tree.symbols)
    good = pd.DataFrame(truth, columns=symbols)
    assert evaluate(good, good.astype(float), "hier_f1:micro", tree)["hier_f1:micro"] == 1
    shuffled = good[symbols[::-1]]
    with pytest.raises(DataError, match="label order differs from the tree"):
        evaluate(good, shuffled.astype(float), "hier_f1:micro", tree)
    with pytest.raises(DataError, match="labels do not match the tree"):
        evaluate(good.rename(columns={"A": "Z"}), good, "hier_f1:micro", tree)
    with pytest.raises(DataError, match="order of their labels"):
        evaluate(good, shuffled.astype(float), "f1:micro")
