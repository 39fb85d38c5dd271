"""Breakdowns by level, section, label and frequency, counted by hand."""

from __future__ import annotations

import numpy as np
import pytest
from metrics_cases import as_sets, naive_rates, random_labels, random_scores, small_tree
from scipy import sparse

from patentcl.core.errors import ConfigError, DataError
from patentcl.metrics import breakdown, evaluate


@pytest.fixture
def case() -> tuple:
    tree = small_tree()
    truth = random_labels(tree, 80, 0.08, 0)
    return tree, truth, tree.close(sparse.csr_matrix(random_scores(truth, 0) > 0.72))


def test_by_section_counts_by_hand(case: tuple) -> None:
    tree, truth, guess = case
    frame = breakdown.by_section(truth, guess, tree).set_index("section")
    for section in "ABC":
        columns = {i for i in tree.at_level("subclass") if tree.symbols[i][0] == section}
        t, p = ([row & columns for row in as_sets(m)] for m in (truth, guess))
        counts = [
            sum(len(a & b) for a, b in zip(t, p, strict=True)),
            sum(map(len, p)),
            sum(map(len, t)),
        ]
        row = frame.loc[section]
        assert [row.right, row.predicted, row.true] == counts
        assert row.patents == sum(bool(a) for a in t)
        assert (row.precision, row.recall, row.f1) == pytest.approx(naive_rates(*counts))


def test_by_level_agrees_with_evaluate(case: tuple) -> None:
    tree, truth, guess = case
    frame = breakdown.by_level(truth, guess, tree).set_index("level")
    for level in tree.levels:
        found = evaluate(
            truth,
            None,
            [
                f"f1:micro@{level}",
                f"f1:macro_true@{level}",
                f"labels_true@{level}",
                f"no_prediction@{level}",
            ],
            tree,
            predicted=guess,
        )
        row = frame.loc[level]
        assert [row.f1, row.f1_macro, row.true_per_patent, row.no_prediction / 80] == pytest.approx(
            list(found.values())
        )


def test_by_label_and_by_frequency(case: tuple) -> None:
    tree, truth, guess = case
    train = np.arange(len(tree)) % 9
    frame = breakdown.by_label(truth, guess, tree, train)
    detail = evaluate(truth, None, "f1:macro", predicted=guess).detail["f1:macro"]
    np.testing.assert_array_equal(frame["f1"], detail.items)
    np.testing.assert_array_equal(frame["train"], train)
    groups = breakdown.by_frequency(truth, guess, train).set_index("group")
    assert groups["labels"].sum() == len(tree)
    assert groups.loc["unseen", "labels"] == (train == 0).sum()
    assert groups["true"].sum() == truth.nnz and groups["right"].sum() == frame["right"].sum()
    assert groups.loc["head", "train_from"] >= groups.loc["middle", "train_to"]
    with pytest.raises(ConfigError, match="rising shares"):
        breakdown.by_frequency(truth, guess, train, cuts=(0.5, 0.1))
    for bad in (train[:3], train - 1, train + 0.5):
        with pytest.raises(DataError, match="training counts"):
            breakdown.by_frequency(truth, guess, bad)
