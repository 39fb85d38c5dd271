"""Bootstrap intervals, and Holm's correction."""

from __future__ import annotations

import numpy as np
import pytest
from metrics_cases import random_labels, random_scores, small_tree
from scipy import sparse, stats

from patentcl.core.errors import ConfigError
from patentcl.metrics import evaluate
from patentcl.metrics import stats as resampling
from patentcl.metrics.result import mean_metric, named


def test_the_interval_of_a_mean_equals_scipys() -> None:
    values = np.random.default_rng(0).gamma(2.0, size=200)
    metric = named(mean_metric(values, "things"), "mean", 1)
    wanted = stats.bootstrap(
        (values,), np.mean, n_resamples=5000, method="percentile", rng=np.random.default_rng(0)
    ).confidence_interval
    assert metric.interval(resamples=5000) == pytest.approx((wanted.low, wanted.high), rel=0.01)


def test_the_interval_of_a_macro_average_resamples_patents() -> None:
    tree = small_tree()
    truth = random_labels(tree, 200, 0.2, 1)
    guess = random_labels(tree, 200, 0.2, 1).multiply(random_scores(truth, 1) > 0.6)
    detail = evaluate(truth, None, "f1:macro", predicted=guess).detail["f1:macro"]
    low, high = detail.interval(resamples=4000)
    rng, drawn = np.random.default_rng(0), []
    t, g = truth.toarray(), guess.toarray()
    for _ in range(2000):
        rows = rng.integers(0, 200, 200)
        tp, size = (t[rows] & g[rows]).sum(0), t[rows].sum(0) + g[rows].sum(0)
        drawn.append(np.mean(2 * tp[size > 0] / size[size > 0]))
    assert high - low == pytest.approx(np.subtract(*np.quantile(drawn, [0.975, 0.025])), rel=0.08)


def test_groups_have_the_spread_of_their_units(monkeypatch: pytest.MonkeyPatch) -> None:
    values = np.random.default_rng(0).random(3000)
    whole = mean_metric(values, "things").interval()
    monkeypatch.setattr(resampling, "GROUPS", 500)
    grouped = mean_metric(values, "things").interval()
    assert np.subtract(*grouped) == pytest.approx(np.subtract(*whole), rel=0.12)
    truth = sparse.csr_matrix(values[:, None] < [[0.3, 0.6]])
    guess = sparse.csr_matrix(values[:, None] < [[0.2, 0.7]])
    detail = evaluate(truth, None, "f1:macro", predicted=guess).detail["f1:macro"]
    assert detail.low < detail.value < detail.high


def test_seeds_decide_and_one_by_one_equals_all_at_once() -> None:
    tree = small_tree()
    truth = random_labels(tree, 40, 0.1, 0)
    scores = random_scores(truth, 0)
    names = ["f1:micro", "f1:macro", "ndcg@3", "ece", "average_precision:macro"]
    a, b = (evaluate(truth, scores, names, tree, seed=5) for _ in range(2))
    together = a.intervals()
    for name in names:
        np.testing.assert_allclose(together[name], b.detail[name].interval(), rtol=1e-9)
    other = evaluate(truth, scores, names, tree, seed=6)
    assert other.detail["f1:micro"].interval() != together["f1:micro"]
    with pytest.raises(ConfigError, match="at least 1"):
        other.detail["f1:micro"].interval(resamples=0)
    with pytest.raises(ConfigError, match="between 0 and 1"):
        other.detail["f1:micro"].interval(level=1.5)


def test_holm_against_its_definition() -> None:
    p = np.array([0.011, 0.02, 0.5, np.nan, 0.0004])
    np.testing.assert_allclose(resampling.holm(p), [0.033, 0.04, 0.5, np.nan, 0.0016])
    assert resampling.holm([0.9, 0.8]).tolist() == [1.0, 1.0]
    assert resampling.holm([]).size == 0
