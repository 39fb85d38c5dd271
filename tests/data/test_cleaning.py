"""Values of plain files and DataFrames: what is read, what is left out, how it is told."""

from __future__ import annotations

import datetime
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from patentcl.core.errors import DataError, DataWarning
from patentcl.data.cleaning import Counts
from patentcl.data.corpus import Corpus
from patentcl.data.dates import SERIAL
from patentcl.data.options import ReadOptions
from patentcl.data.reading import read_patents


def read(folder: Path, frame: pd.DataFrame, **options: Any) -> tuple[Counts, pd.DataFrame]:
    """Counts and rows of a DataFrame, which are those of the CSV file that it makes, too."""
    frame.to_csv(folder / "f.csv", index=False)
    out: list[tuple[Counts, pd.DataFrame]] = []
    for source in (folder / "f.csv", frame):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DataWarning)
            counts = read_patents(source, folder, ReadOptions(**options))
        out.append((counts, pd.read_parquet(folder / "corpus.parquet")))
    pd.testing.assert_frame_equal(out[0][1], out[1][1])
    assert (out[0][0], out[0][0].examples) == (out[1][0], out[1][0].examples)
    return out[0]


def table(**columns: list[Any]) -> pd.DataFrame:
    n = len(next(iter(columns.values())))
    return pd.DataFrame({"id": [f"P{i}" for i in range(n)], "title": ["Pump"] * n} | columns)


def days(got: tuple[Counts, pd.DataFrame]) -> list[str | None]:
    return [None if d is None else str(d) for d in got[1]["date"]]


def test_dates(tmp_path: Path) -> None:
    one = "2010-05-04"
    forms = {one: one, "20100504": one, "4.5.2010": one, "2010/5/4": one, "2010-05-04 12:30": one}
    forms |= {"2010-05-04T00:00:00Z": one, "4 May 2010": one, "May 4, 2010": one}
    forms |= {"Tue, 4 May 2010": one, "Tuesday, May. 4, 2010": one, "2010-05-04 (Tue)": one}
    forms |= {"4th May 2010": one, "May-04-2010": one, "May 2010": "2010-05-01"}
    forms |= {"05/2010": "2010-05-01", "Tue May 04 2010 00:00:00 GMT+0200": one}
    forms |= {"2010年5月4日": one, "1272931200000": one, "-86400000": "1969-12-31"}
    forms |= {"2010": "2010-01-01", "2010.0": "2010-01-01", "20100504.0": one, "1900": "1900-01-01"}
    got = read(tmp_path, table(date=list(forms)))
    assert days(got) == list(forms.values()) and not got[0].examples
    got = read(tmp_path, table(date=["40302", "40302.0"]))
    assert days(got) == [one] * 2
    assert got[0].examples[SERIAL] == ["P0: 40302", "P1: 40302.0"]
    none = ["0", "0000-00-00", "9999-12-31", "1900-01-01", "-", "NaT", "", "NULL"]
    ahead = f"{datetime.date.today().year + 2}-01-01"
    got = read(tmp_path, table(date=[*none, ahead, "4/5/10", "soon", "2010-02-30"]))
    assert days(got) == [None] * 12
    assert got[0]["dates that stand for none, left out"] == 4
    assert got[0].examples["dates in the future, left out"] == [f"P8: {ahead}"]
    assert got[0].examples["dates with years of two digits, left out"] == ["P9: 4/5/10"]
    assert got[0].examples["dates that cannot be read"] == ["P10: soon", "P11: 2010-02-30"]


def test_a_column_shows_what_is_the_day(tmp_path: Path) -> None:
    assert days(read(tmp_path, table(date=["5/4/2010", "13/4/2010"])))[0] == "2010-04-05"
    assert days(read(tmp_path, table(date=["5/4/2010", "5/13/2010"])))[0] == "2010-05-04"
    assert days(read(tmp_path, table(date=["5/5/2010"]))) == ["2010-05-05"]
    with pytest.raises(DataError, match=r"5/4/2010, which is 2010-05-04 or 2010-04-05.*dates=mdy"):
        read(tmp_path, table(date=["5/4/2010"]))
    with pytest.raises(DataError, match=r"13/4/2010 and 5/13/2010"):
        read(tmp_path, table(date=["5/13/2010", "13/4/2010"]))
    assert days(read(tmp_path, table(date=["5/4/2010"]), dates="dmy")) == ["2010-04-05"]
    assert Corpus.read(table(date=["5/4/2010"]), dates="mdy").dates[0] == np.datetime64(
        "2010-05-04"
    )


@pytest.mark.parametrize(
    "word",
    [
        "NA",
        "N/A",
        "NULL",
        "null",
        "NaN",
        "None",
        r"\N",
        "-",
        "#N/A",
        "[]",
        "(null)",
        "#NUM!",
        "Unknown",
        "?",
    ],
)
def test_words_for_nothing(tmp_path: Path, word: str) -> None:
    frame = table(abstract=[word, "Lifts."], date=word, codes=word, citations=word)
    frame["title"] = [word, "Pump"]
    counts, rows = read(tmp_path, frame)
    assert counts["without text, left out"] == counts["patents"] == 1
    assert rows.iloc[0]["patent_id"] == "P1" and not len(rows.iloc[0]["codes"])
    assert rows.iloc[0]["date"] is None and counts["citations"] == 0
    frame["id"] = [word, "P1"]
    with pytest.raises(DataError, match=r"without an id.*1 row \(row 1\)"):
        read(tmp_path, frame)


def test_exactly_the_bad_codes_are_counted(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    bad = rng.random(200) < 0.2
    alone = bad & (rng.random(200) < 0.5)
    codes = [
        "no code" if a else "F04D1/00; no code" if b else "F04D1/00"
        for a, b in zip(alone, bad, strict=True)
    ]
    counts, rows = read(tmp_path, table(codes=codes))
    assert counts["codes that are not symbols, left out"] == bad.sum()
    assert counts["patents that lost all their codes"] == alone.sum()
    assert [len(c) for c in rows["codes"]] == list((~alone).astype(int))
    first = [f"{i}: no code" for i in sorted(f"P{i}" for i in np.flatnonzero(bad))[:3]]
    assert counts.examples["codes that are not symbols, left out"] == first
    with pytest.warns(DataWarning, match=rf"{bad.sum()} of {200 - alone.sum() + bad.sum()} \("):
        Corpus.from_frame(table(codes=codes))


def test_ipc_stands_in_for_cpc(tmp_path: Path) -> None:
    counts, rows = read(tmp_path, table(cpc=["F04D1/00", "-", "bad"], ipc=["A01B", "B23D", "H02K"]))
    assert [list(c) for c in rows["codes"]] == [["F04D1/00"], ["B23D"], ["H02K"]]
    assert "patents that lost all their codes" not in counts


def test_a_code_without_a_slash_is_noted(tmp_path: Path) -> None:
    counts, rows = read(tmp_path, table(codes=["A61M51723"]))
    assert list(rows["codes"][0]) == ["A61M"]
    assert counts.examples["codes without a slash, kept as their subclass"] == ["P0: A61M51723"]


def test_citations_meet_ids_in_any_form(tmp_path: Path) -> None:
    ids = ["US 7000001 B2", "7000002", "US-D345678-S", "10,000,003", "US 7000005 A1", "US7000005B2"]
    cites = "7000001; US7000002B1 | USD345678; US 10,000,003 B2; US-7000005-B2; 7000005; EP7000001"
    frame = table(citations=["", *[cites] * 5])
    counts, rows = read(tmp_path, frame.assign(id=ids))
    wanted = {*ids[:4], ids[5], "7000005", "EP7000001"}  # the last: two would fit, and none
    assert {c for row in rows["citations"] for c in row} == wanted
    assert list(rows["country"].fillna("")) == ["US", "", "US", "", "US", "US"]
    assert list(rows["kind"].fillna("")) == ["B2", "", "S", "", "A1", "B2"]
    assert counts["citations inside the corpus"] == 5 * 5 - 4


def test_where_no_citation_meets_an_id_both_are_shown(tmp_path: Path) -> None:
    counts, _ = read(tmp_path, table(citations=["US7000003"]))
    assert counts.examples["citations inside the corpus"] == ["P0 cites US7000003"]


def test_a_number_alone_is_of_the_us_where_ids_have_several_countries(tmp_path: Path) -> None:
    frame = table(citations=["7000001; 7000002 7000003", "7000001 7000002", "7000009"])
    _, rows = read(tmp_path, frame.assign(id=["EP7000001A1", "US7000001B2", '="7000002"']))
    found = [list(c) for c in rows["citations"]]
    assert found[1] == ["7000002"] and found[0] == ["7000002 7000003", "US7000001B2"]
    assert list(rows["patent_id"])[2] == "7000002"


def test_numbers_that_were_floats(tmp_path: Path) -> None:
    frame = table(citations=[7000002.0, np.nan]).assign(id=[7000001.0, 7000002.0])
    _, rows = read(tmp_path, frame)
    assert list(rows["patent_id"]) == ["7000001", "7000002"]
    assert list(rows["citations"][0]) == ["7000002"]
    with pytest.raises(DataError, match=r"rounded.*1\.19E\+07 in 1 row \(row 2\)"):
        read(tmp_path, frame.assign(id=["7000001", "1.19E+07"]))
    with pytest.raises(
        DataError, match=r"citations that a spreadsheet.*1\.0E\+07, cited by 7000001"
    ):
        read(tmp_path, frame.assign(citations=["1.0E+07", ""]))


def test_texts(tmp_path: Path) -> None:
    frame = table(abstract=["Lifts.\nAnd  more.", " x\t"]).assign(
        title=["A\r\n pump\t of  two", "B"]
    )
    _, rows = read(tmp_path, frame)
    assert list(rows["title"]) == ["A pump of two", "B"]
    assert list(rows["abstract"]) == ["Lifts.\nAnd  more.", "x"]


def test_frames_of_any_types() -> None:
    frame = pd.DataFrame(
        {
            "id": [3, 1, 2],
            "title": pd.Categorical(["Pump", None, "Saw\0"]),
            "abstract": [np.nan, "A mower.", pd.NA],
            "date": pd.to_datetime(["2010-05-04", None, "2011-01-01"]),
            "codes": [np.array(["F04D 1/00", "H02K7/14"]), None, ("B23D",)],
            "citations": [[1, 2.0], float("nan"), "3; 9"],
        }
    )
    corpus = Corpus.from_frame(frame)
    assert corpus.ids.tolist() == ["3", "1", "2"]
    assert corpus.texts == [("Pump", ""), ("", "A mower."), ("Saw", "")]
    assert corpus.codes == [["F04D1/00", "H02K7/14"], [], ["B23D"]]
    assert corpus.citations == [["1", "2"], [], ["3", "9"]]
    assert str(corpus.dates[0]) == "2010-05-04" and np.isnat(corpus.dates[1])
    assert Corpus.from_records(frame).codes == corpus.codes
    assert corpus.select([7, 3][1:]).ids.tolist() == ["3"]  # no row has that number
    assert corpus.select(3).ids.tolist() == ["3"]
    assert Corpus.from_records([{"id": 1, "title": "a\ud800b"}]).titles == ["a\ufffdb"]


@pytest.mark.parametrize("source", [["id", "title"], {"id": 1}, 7, None])
def test_what_is_no_table_is_refused(source: Any) -> None:
    with pytest.raises(DataError, match="no table of patents"):
        Corpus.read(source)
    if source is not None and source != 7:
        with pytest.raises(DataError, match="no record of a patent"):
            Corpus.from_records(source)
