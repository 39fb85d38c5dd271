"""Filters on any column: by hand-computed rows, against pandas, and every bad value."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from patentcl.core.errors import ConfigError, DataError
from patentcl.search.filters import FILTERS, Filters, as_symbol
from patentcl.search.index import PatentIndex
from patentcl.search.spelling import Ids
from patentcl.search.where import rows_where

META = pd.DataFrame(
    {
        "id": ["US11886193B1", "US9254383B2", "EP1000000A1", "US2019012345A1"],
        "date": ["2024-01-30", "2016-02-09", "2000-05-17", None],
        "filing_date": ["2020-03-01", "2014-06-05", "1999-11-12", "2018-07-01"],
        "priority_date": ["2019-03-01", None, "1998-11-12", "2017-07-01"],
        "codes": [["A61B17/3468"], ["A61B17/34", "H01M10/44"], ["A61B18/00"], []],
        "applicants": ["Acme Corp; Böse GmbH", "Other Inc.", None, "acme corporation"],
        "country": ["US", "US", "EP", "US"],
        "kind": ["B1", "B2", "A1", "A1"],
        "status": ["Active", "Expired", "Expired", None],
        "family": [7, 8, 7, 9],
    }
)
PARENTS = {
    "A": None,
    "A61": "A",
    "A61B": "A61",
    "A61B17/00": "A61B",
    "A61B17/34": "A61B17/00",
    "A61B17/3468": "A61B17/34",
    "A61B18/00": "A61B",
}
FOUND = Filters(META, PARENTS)


@pytest.mark.parametrize(
    ("filters", "rows"),
    [
        ({"cpc": "A61B17"}, [0, 1]),
        ({"cpc": "a61b 17/34"}, [0, 1]),
        ({"cpc": "A61B17/3468"}, [0]),
        ({"exclude_cpc": ["A61B17", "H"]}, [2, 3]),
        ({"before": 2016}, [2]),
        ({"before": "2015", "by": "filing"}, [1, 2]),
        ({"after": "1998-11-12", "by": "priority"}, [0, 2, 3]),
        ({"before_patent": "US 11886193 B1"}, [1, 2]),
        ({"before_patent": "US11886193B1", "by": "filing"}, [1, 2, 3]),
        ({"applicant": "ACME"}, [0, 3]),
        ({"applicant": ["böse", "other"]}, [0, 1]),
        ({"exclude_applicant": "acme"}, [1, 2]),
        ({"country": "ep"}, [2]),
        ({"kind": "B"}, [0, 1]),
        ({"kind": ["a1"]}, [2, 3]),
        ({"status": "expired"}, [1, 2]),
        ({"in_family": "7"}, [0, 2]),
        ({"ids": ["EP-1000000-A1", "9254383"]}, [1, 2]),
        ({"where": "country = 'US' AND year >= 2015"}, [0, 1]),
        ({"where": "status IS NULL OR len(codes) > 1"}, [1, 3]),
        ({"cpc": "A61B", "country": "US", "kind": "B2"}, [1]),
        ({"country": "JP"}, []),
    ],
)
def test_rows_by_hand(filters: dict, rows: list[int]) -> None:
    assert np.flatnonzero(FOUND.mask(**filters)).tolist() == rows


def test_columns_of_lists_are_as_texts_with_semicolons() -> None:
    lists = [["Acme Corp", "Böse GmbH"], ["Other Inc."], np.array([]), None]
    found = Filters(META.assign(applicants=lists))
    assert found.mask(applicant="acme").tolist() == [True, False, False, False]


def test_every_filter_has_a_meaning() -> None:
    assert FOUND.mask(**dict.fromkeys(FILTERS)) is None
    for name in FILTERS:
        with pytest.raises((ConfigError, DataError)):
            Filters(META[["id"]]).mask(**{name: "none"})


def test_without_a_scheme_syntax_decides() -> None:
    assert Filters(META).mask(cpc="A61B17/34").tolist() == [False, True, False, False]
    assert Filters(META).mask(cpc="A61B17").tolist() == [True, True, False, False]


def test_the_index_keeps_its_symbols(tmp_path: Path) -> None:
    symbols = pd.DataFrame({"symbol": list(PARENTS), "parent": list(PARENTS.values())})
    index = PatentIndex.build(np.eye(4), META["id"], meta=META, symbols=symbols.assign(title=""))
    index.save(tmp_path / "index")
    again = PatentIndex.load(tmp_path / "index")
    assert set(again.search(np.ones(4), cpc="A61B17/34")["id"]) == set(META["id"][:2])


def test_sql_in_a_value_is_a_value() -> None:
    for name in ("applicant", "country", "kind", "status", "in_family"):
        assert not FOUND.mask(**{name: "x' OR '1'='1"}).any()
        assert FOUND.mask(country="US", applicant="x'; DROP TABLE patents; --").sum() == 0


def test_filters_that_contradict_each_other_are_named() -> None:
    assert FOUND.explain(after="2020", before="2010") == (
        "0 of 4 patents pass all filters (1 pass after 2020, 1 pass before 2010)"
    )


def test_what_left_nothing_is_named() -> None:
    said = FOUND.explain(before="1990", country="US")
    assert said == "0 of 4 patents pass all filters (0 pass before 1990, 3 pass country US)"
    undated = Filters(META.assign(filing_date=None))
    assert undated.explain(before="1990", by="filing") == (
        "none of the 4 patents of this index has a filing date"
    )


@pytest.mark.parametrize(
    ("expression", "match"),
    [
        ("applicant = 'x'", "does not fit the columns.*There are the columns id, date"),
        ("family", "not true or false but BIGINT"),
        ("country = 'US'; DROP TABLE patents", "cannot be read"),
        ("true) OR (true", "cannot be read"),
        ("true, false", "cannot be read"),
        ("family > 1 ORDER BY 1", "cannot be read"),
        ("max(family) > 7", "does not fit"),
        ("family = (SELECT 7)", "may not hold a subquery"),
        ("EXISTS (FROM read_text('/etc/hostname'))", "may not hold a subquery"),
        ("country = 'US", "cannot be read"),
        ("family > 'x'", "cannot be read"),
        ("  ", "is empty"),
        (5, "is empty"),
    ],
)
def test_expressions_that_are_refused(expression: object, match: str) -> None:
    with pytest.raises(ConfigError, match=match):
        rows_where(META.assign(applicants=""), expression)


def test_a_text_that_speaks_of_a_subquery_is_a_text() -> None:
    frame = pd.DataFrame({"a": ['"class":"SUBQUERY"', "b"]})
    assert rows_where(frame, """a = '"class":"SUBQUERY"'""").tolist() == [True, False]


@pytest.mark.parametrize(
    ("filters", "match"),
    [
        ({"by": "publication", "before": "2010"}, "kind of date"),
        ({"cpc": "17/34"}, "not a CPC"),
        ({"cpc": []}, "empty list"),
        ({"before_patent": "US1"}, "not in the index"),
        ({"colour": "red"}, "unknown filter"),
    ],
)
def test_values_that_are_refused(filters: dict, match: str) -> None:
    with pytest.raises((ConfigError, DataError), match=match):
        FOUND.mask(**filters)


def test_symbols_as_people_write_them() -> None:
    assert [as_symbol(s) for s in ("h01m", "A61B17", "a61b 017/", "A61B 17/34")] == [
        "H01M",
        "A61B17/00",
        "A61B17/00",
        "A61B17/34",
    ]


IDS = Ids(["US11886193B1", "EP1000000A1", "EP1000000B1", "7000001", "text-id"])


@pytest.mark.parametrize(
    ("asked", "row"),
    [
        ("US11886193B1", 0),
        ("us-11886193-b1", 0),
        ("11,886,193", 0),
        ("US 11886193", 0),
        (11886193, 0),
        ("EP1000000 B1", 2),
        ("US7000001B2", 3),
        ("7,000,001", 3),
        ("text-id", 4),
    ],
)
def test_spellings_of_a_number(asked: object, row: int) -> None:
    assert IDS.rows([asked]).tolist() == [row]


@pytest.mark.parametrize(
    ("asked", "match"),
    [
        ("EP1000000", "fits several ids.*EP1000000A1, EP1000000B1"),
        ("EP7000001", "not in the index"),
        ("US11886193A1", "not in the index.*Did you mean US11886193B1"),
        ("US11886194B1", "Did you mean US11886193B1"),
        ("zzz", "not in the index: got zzz"),
        (None, "not in the index"),
    ],
)
def test_numbers_that_are_not_there(asked: object, match: str) -> None:
    with pytest.raises(DataError, match=match):
        IDS.rows([asked])


def test_a_subgroup_without_a_scheme_is_itself_alone_and_says_so(caplog) -> None:
    found = Filters(META)
    assert np.flatnonzero(found.with_code(["A61B17", "H01M"])).tolist() == [0, 1]
    assert not caplog.messages
    assert np.flatnonzero(found.with_code("A61B17/34")).tolist() == [1]
    assert caplog.messages == [
        "cpc A61B17/34: groups below it by dots are not known here, so it alone"
    ]
