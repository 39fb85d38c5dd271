"""Groups over time, in a selection, and beside one another; figures of a map."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from map_cases import GROUP, VECTORS
from scipy.stats import fisher_exact

from patentcl.core.errors import DataError, TooFew
from patentcl.maps import MapStyle, footprint, growth, landscape, map_quality, white_space
from patentcl.maps.analysis import periods_of
from patentcl.maps.projection import project

SMALL = MapStyle(size=(6, 5), dpi=50)


@given(st.lists(st.tuples(st.sampled_from("abc"), st.booleans()), min_size=2, max_size=60))
def test_a_footprint_counts(patents: list[tuple[str, bool]]) -> None:
    labels, rows = [p for p, _ in patents], np.array([r for _, r in patents])
    if rows.all() or not rows.any():
        with pytest.raises(DataError, match="all patents or none"):
            footprint(labels, rows)
        return
    table = footprint(labels, rows)
    for name, row in table.iterrows():
        inside = np.array(labels) == name
        assert row["size"] == inside.sum() and row["selected"] == (inside & rows).sum()
        assert np.isclose(row["share"], inside[rows].mean())
        assert np.isclose(row["rest"], inside[~rows].mean())
        assert row["low"] < row["lift"] < row["high"]
    assert set(table.index) == set(labels) and table["lift"].is_monotonic_decreasing


def test_an_interval_excludes_one_where_fisher_sees_a_difference() -> None:
    labels = np.repeat(["a", "b"], 200)
    for many in (100, 105, 120, 130, 160):
        rows = np.arange(400) < 0
        rows[:many] = rows[200 : 200 + 200 - many] = True
        low = footprint(labels.tolist(), rows).loc["a", "low"]
        p = fisher_exact([[many, 200 - many], [200 - many, many]]).pvalue
        assert (low > 1) == (p < 0.05), many


@given(
    st.lists(st.integers(1990, 2020), min_size=2, max_size=80).filter(lambda y: len(set(y)) > 1),
    st.integers(2, 6),
)
def test_periods_are_whole_years_in_order(years: list[int], count: int) -> None:
    spans = periods_of([f"{y}-06-01" for y in years], count)
    assert spans.notna().all() and 2 <= len(spans.cat.categories) <= count
    for year, span in zip(years, spans, strict=True):
        first, last = span.split(" to ")[0], span.split(" to ")[-1]
        assert int(first) <= year <= int(last)
    assert set(spans) == set(spans.cat.categories)  # none is empty
    edges = [int(x) for s in spans.cat.categories for x in s.split(" to ")]
    assert edges == sorted(edges)


def test_growth_is_of_shares() -> None:
    dates = ["2001-01-01"] * 100 + ["2002-01-01"] * 200 + [None]
    labels = ["old"] * 50 + ["new"] * 50 + ["old"] * 50 + ["new"] * 150 + ["new"]
    table = growth(labels, dates, 2)
    assert table.index.tolist() == ["new", "old"]
    assert table.loc["new", ["2001", "2002"]].tolist() == [50, 150]
    assert table.loc["new", "share"] == 0.75 and table.loc["new", "rest"] == 0.5
    assert np.isclose(table.loc["old", "lift"], (50.5 / 201) / (50.5 / 101))


def test_white_space_is_thin_beside_dense() -> None:
    points = np.array(
        [[0.0, 0]] * 2 + [[1.0, 0]] * 20 + [[0, 1.0]] * 10 + [[50.0, 50]] * 9 + [[9, 9]]
    )
    labels = ["thin"] * 2 + ["dense"] * 20 + ["next"] * 10 + ["far"] * 9 + [None]
    table = white_space(points, labels, near=2)
    assert table.index[0] == "thin"
    assert table.loc["thin", ["size", "beside", "beside_size"]].tolist() == [2, "dense; next", 15]
    assert table.loc["dense", "ratio"] == 20 / 6
    assert np.isnan(white_space([[0, 0], [1, 1]], ["a", "a"])["ratio"]["a"])


def test_tables_and_pictures(tmp_path: Path) -> None:
    points = project(VECTORS, method="pca")
    years = np.where(
        np.arange(len(GROUP)) % 7 == 0, None, [f"{2000 + i % 9}-01-01" for i in range(len(GROUP))]
    )
    labels = [f"topic $x_{g}$ <b> 泵" if g else None for g in GROUP]
    found = landscape(points, labels, years, tmp_path, periods=3, style=SMALL)
    again = pd.read_csv(tmp_path / "growth.csv", index_col="group")
    assert (
        again.index.tolist()
        == found.growth.index.tolist()
        == growth(labels, years, 3).index.tolist()
    )
    assert pd.read_csv(tmp_path / "white_space.csv")["group"].tolist() == list(
        found.white_space.index
    )
    written = {p.name for p in tmp_path.glob("*.*g")}
    assert written == {"periods.png", "periods.svg", "growth.png", "growth.svg"}
    text = (tmp_path / "periods.svg").read_text()
    for name, count in periods_of(years, 3).value_counts().items():
        assert f"{name}: {count} patents" in text
    none = sum(y is None for y in years)
    assert f"600 patents, {none} in no part" in text


@pytest.mark.parametrize(
    ("dates", "match"),
    [
        (["2001-01-01"] * 3, "3 dates of 2001"),
        ([None] * 3, "0 dates"),
        (["2001-01-01", "2002-01-01"], "dates and labels differ in number: got 2; wanted 3"),
    ],
)
def test_dates_that_do_not_serve(dates: list[str | None], match: str) -> None:
    with pytest.raises(DataError, match=match):
        growth(["a", "b", "b"], dates)


def test_figures_of_a_map() -> None:
    labels = [f"topic {g}" if g else None for g in GROUP]
    points = project(VECTORS, method="pca")
    good = map_quality(VECTORS, points, labels)
    shuffled = map_quality(VECTORS, np.random.default_rng(0).permutation(points), labels)
    assert good["full_purity"] == shuffled["full_purity"] > 0.9
    for name in ("purity", "v_measure", "trustworthiness"):
        assert good[name] > shuffled[name] + 0.2
    flat = map_quality(points, points, labels)
    assert flat["trustworthiness"] <= 1
    same = map_quality(VECTORS, np.zeros((len(VECTORS), 2)), labels)  # all points equal
    assert same["v_measure"] == 0
    with pytest.raises(TooFew, match="got 5; wanted above 20"):
        map_quality(VECTORS, points, ["x"] * 5 + [None] * (len(GROUP) - 5))
    with pytest.raises(DataError, match="600, 599 and 600"):
        map_quality(VECTORS, points[:-1], labels)
