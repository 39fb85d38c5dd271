"""Intervals, comparisons, breakdowns, the report and its pictures."""

from __future__ import annotations

import json
import re

import numpy as np
import pandas as pd
import pytest
from metrics_cases import as_sets, naive_rates, random_labels, random_scores, small_tree
from scipy import sparse, stats

from patentcl.core.errors import ConfigError, DataError
from patentcl.evaluation.classifiers import write_report
from patentcl.metrics import (
    DEFINITIONS,
    Evaluation,
    breakdown,
    compare,
    evaluate,
    evaluate_ranking,
    known_names,
)
from patentcl.metrics import stats as resampling
from patentcl.metrics.names import parse_name
from patentcl.metrics.result import mean_metric, named

# ---- names --------------------------------------------------------------------------------------


def test_every_known_name_parses_and_is_computed() -> None:
    tree = small_tree()
    truth = random_labels(tree, 30, 0.1, 0)
    names = known_names()
    found = evaluate(truth, random_scores(truth, 0), names, tree)
    assert list(found) == names
    assert {parse_name(n).metric for n in names} == set(DEFINITIONS)
    for name, value in found.items():
        assert isinstance(value, float) and np.isfinite(value), name
        detail = found.detail[name]
        assert len(detail.items) == detail.n > 0
        low, high = detail.interval(resamples=50)
        assert low <= value <= high, name


# ---- intervals ----------------------------------------------------------------------------------


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


# ---- comparisons --------------------------------------------------------------------------------


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


def test_holm_against_its_definition() -> None:
    p = np.array([0.011, 0.02, 0.5, np.nan, 0.0004])
    np.testing.assert_allclose(resampling.holm(p), [0.033, 0.04, 0.5, np.nan, 0.0016])
    assert resampling.holm([0.9, 0.8]).tolist() == [1.0, 1.0]
    assert resampling.holm([]).size == 0


# ---- breakdowns ---------------------------------------------------------------------------------


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


def test_cooccurrence_by_hand(case: tuple) -> None:
    tree, truth, guess = case
    label = "A01B"
    frame = breakdown.cooccurrence(truth, guess, tree, label).set_index("symbol")
    me = tree.index[label]
    rows = list(zip(as_sets(truth), as_sets(guess), strict=True))
    for symbol in [s for s in tree.symbols if len(s) == 4 and s != label]:
        other = tree.index[symbol]
        wanted = [
            sum(me in t and other in t for t, _ in rows),
            sum(me in p and other in p for _, p in rows),
            sum(me in t and me in p and other in t for t, p in rows),
            sum(me not in t and me in p and other in t for t, p in rows),
        ]
        if any(wanted):
            assert frame.loc[symbol, ["truth", "predicted", "right", "wrong"]].tolist() == wanted
        else:
            assert symbol not in frame.index
    with pytest.raises(ConfigError, match="outside the tree"):
        breakdown.cooccurrence(truth, guess, tree, "Z99Z")


# ---- report -------------------------------------------------------------------------------------

PICTURES = [
    "f1_per_level.png",
    "sections.png",
    "f1_by_frequency.png",
    "precision_recall.png",
    "reliability.png",
    "label_counts.png",
]


def _strict(text: str) -> dict:
    def refuse(token: str) -> None:
        raise AssertionError(f"{token} is not JSON")

    return json.loads(text, parse_constant=refuse)


def test_a_full_report(tmp_path) -> None:
    from PIL import Image

    tree = small_tree()
    truth = random_labels(tree, 60, 0.1, 0)
    scores = random_scores(truth, 0)
    train = np.arange(len(tree))
    found = write_report(
        tmp_path / "deep" / "report",
        Evaluation(truth, scores, tree=tree),
        train_counts=train,
        title="A test",
    )
    folder = tmp_path / "deep" / "report"
    page = _strict((folder / "metrics.json").read_text())
    assert list(page) == [
        "format",
        "version",
        "title",
        "data",
        "metrics",
        "levels",
        "sections",
        "frequency",
        "labels",
        "reliability",
        "pictures",
    ]
    assert (page["format"], page["version"], page["title"]) == ("patentcl-metrics", 1, "A test")
    assert page["data"] == {
        "patents": 60,
        "labels": len(tree),
        "threshold": 0.5,
        "levels": ["section", "class", "subclass"],
    }
    assert {k: v["value"] for k, v in page["metrics"].items()} == dict(found)
    assert set(page["metrics"]["hier_f1:micro"]) == {
        "value",
        "low",
        "high",
        "items",
        "undefined",
        "unit",
        "resampled",
        "higher_is_better",
    }
    assert [r["level"] for r in page["levels"]] == ["section", "class", "subclass"]
    assert {g["group"] for g in page["frequency"]} <= {"head", "middle", "tail", "unseen"}
    assert len(page["labels"]) == len(tree) and page["labels"][3]["train"] == 3
    assert page["pictures"] == PICTURES
    for name in PICTURES:
        with Image.open(folder / name) as picture:
            assert min(picture.size) > 500
            assert np.asarray(picture.convert("L")).std() > 5  # something is drawn
    text = (folder / "metrics.md").read_text()
    assert all(
        part in text
        for part in (
            "# A test",
            "## By level",
            "## By section",
            "## By training frequency",
            "hier_f1:micro",
        )
    )
    assert all(f"]({name})" in text for name in PICTURES)


def test_reports_of_less(tmp_path) -> None:
    truth = np.eye(4)[np.arange(40) % 4]
    write_report(tmp_path / "a", Evaluation(truth, truth * 5 - 2))  # no tree, no probabilities
    page = _strict((tmp_path / "a" / "metrics.json").read_text())
    assert page["levels"] == page["reliability"] == page["frequency"] == []
    assert "ece" not in page["metrics"] and "f1:micro" in page["metrics"]
    tree = small_tree()
    labels = random_labels(tree, 20, 0.1, 0)
    work = Evaluation(labels, tree=tree, predicted=labels)  # decisions only
    write_report(tmp_path / "b", work, "hier_f1:micro")
    page = _strict((tmp_path / "b" / "metrics.json").read_text())
    assert list(page["metrics"]) == ["hier_f1:micro"]
    assert page["data"]["threshold"] == "decided elsewhere"
    assert "precision_recall.png" not in page["pictures"]
    per_label = Evaluation(truth, truth, threshold=np.array([0.1, 0.2, 0.3, 0.4]))
    write_report(tmp_path / "c", per_label, "f1:micro", train_counts=[4, 3, 2, 1])
    page = _strict((tmp_path / "c" / "metrics.json").read_text())
    assert page["data"]["threshold"] == "per label" and page["frequency"]


def test_metrics_print_in_three_forms_and_join() -> None:
    truth = np.array([[1, 0], [0, 0]])
    a = evaluate(truth, truth, "lrap")
    b = evaluate(truth, truth, "coverage_error")
    both = a | b
    assert list(both) == ["lrap", "coverage_error"]
    assert "1.0000" in both.to_text() and "2 patents" in both.to_text()
    assert both.to_markdown().count("\n") == 3
    assert r"\toprule" in both.to_latex() and r"coverage\_error" in both.to_latex()
    assert json.loads(both.to_json())["lrap"]["undefined"] == 1
    with pytest.raises(KeyError, match="Did you mean lrap"):
        both["lrapp"]
    assert isinstance(pd.Series(dict(both)).sum(), float)
