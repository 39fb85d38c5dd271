"""Paired tests of two systems, against scipy's."""

from __future__ import annotations

import json
import re

import numpy as np
import pytest
from metrics_cases import random_labels, random_scores, small_tree
from scipy import stats

from patentcl.core.errors import ConfigError, DataError
from patentcl.metrics import compare, evaluate, evaluate_ranking
from patentcl.metrics.result import mean_metric, named


def test_the_randomisation_test_equals_scipys() -> None:
    rng = np.random.default_rng(3)
    x = rng.random(40)
    y = x + rng.normal(0.04, 0.15, 40)
    a, b = (evaluate_ranking(np.ones((40, 1)), np.ones((40, 1)), "map") for _ in range(2))
    a.detail["map"] = named(mean_metric(x, "queries"), "map")
    b.detail["map"] = named(mean_metric(y, "queries"), "map")
    row = compare(a, b, resamples=20_000)["map"]
    wanted = stats.permutation_test(
        (y, x),
        lambda u, v, axis: (u - v).mean(axis=axis),
        permutation_type="samples",
        n_resamples=20_000,
        vectorized=True,
        rng=np.random.default_rng(0),
    )
    assert row.p_randomisation == pytest.approx(wanted.pvalue, abs=0.02)
    t = stats.ttest_rel(y, x)
    assert row.p_bootstrap == pytest.approx(t.pvalue, abs=0.03)
    ends = t.confidence_interval()
    assert (row.low, row.high) == pytest.approx((ends.low, ends.high), abs=0.006)
    assert row.difference == pytest.approx((y - x).mean())


def test_compare_finds_what_is_there_and_not_what_is_not() -> None:
    tree = small_tree()
    truth = random_labels(tree, 200, 0.1, 0)
    good, noise = random_scores(truth, 3), random_scores(truth, 4)
    worse = (0.6 * good + 0.4 * np.random.default_rng(9).random(good.shape)).astype(np.float32)
    names = [
        "average_precision:micro",
        "average_precision:macro",
        "hier_f1:micro",
        "f1:macro",
        "ndcg@5",
        "lrap",
    ]
    a, b, c = (evaluate(truth, s, names, tree, 0.6) for s in (good, worse, noise))
    found = compare(a, b)
    assert all(row.p < 0.05 for n, row in found.items() if "f1" not in n)
    assert found["lrap"].high < 0
    alike = compare(a, c)
    assert all(row.p > 0.01 for row in alike.values())
    same = compare(a, a)
    assert all(row.difference == 0 and row.p == 1 for row in same.values())
    assert compare(a, b)["lrap"] == found["lrap"]  # seeded
    back = compare(b, a)
    assert back["lrap"].p_randomisation == pytest.approx(found["lrap"].p_randomisation, abs=0.01)


def test_compare_prints_in_three_forms() -> None:
    truth = np.eye(4)[np.arange(40) % 4]
    a = evaluate(truth, np.roll(truth, 1, axis=0), ["f1:micro", "lrap"])
    b = evaluate(truth, truth, ["f1:micro", "lrap"])
    found = compare(a, b, labels=("old", "new_one"))
    assert re.search(r"f1:micro +0.0000 +1.0000 +\+1.0000", found.to_text())
    assert found.to_markdown().splitlines()[1].startswith("| --- | ---:")
    latex = found.to_latex()
    assert r"new\_one" in latex and r"95 \% interval" in latex and latex.count(r"\\") == 3
    assert json.loads(found.to_json())["lrap"]["b"] == 1
    with pytest.raises(KeyError, match="Did you mean lrap"):
        found["lrapp"]


def test_comparisons_that_cannot_be_made() -> None:
    truth = np.eye(4)
    a = evaluate(truth, truth, ["f1:micro"])
    with pytest.raises(DataError, match="different metrics"):
        compare(a, evaluate(truth, truth, ["lrap"]))
    with pytest.raises(DataError, match="different items"):
        compare(a, evaluate(truth[:3], truth[:3], ["f1:micro"]))
    with pytest.raises(ConfigError, match="too few resamples"):
        compare(a, a, resamples=0)
    nothing = evaluate(np.zeros((4, 4)), truth, "average_precision:micro")
    assert np.isnan(compare(nothing, nothing)["average_precision:micro"].p)
