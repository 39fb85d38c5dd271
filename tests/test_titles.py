"""Our own titles of sections, classes and subclasses."""

from __future__ import annotations

import re
import zipfile
from collections import defaultdict
from pathlib import Path

import duckdb
import pytest

import patentcl
from patentcl.cpc import CpcTree, is_symbol, own_titles

LINES = (Path(patentcl.__file__).parent / "cpc.tsv").read_text(encoding="utf-8").splitlines()


def test_the_file() -> None:
    rows = [line.split("\t") for line in LINES]
    assert all(len(row) == 2 for row in rows)
    symbols = [symbol for symbol, _ in rows]
    assert symbols == sorted(set(symbols))
    assert [sum(len(s) == n for s in symbols) for n in (1, 3, 4)] == [9, 137, 696]
    assert all(is_symbol(s) and len(s) <= 4 for s in symbols)
    parents = {s[:3] for s in symbols if len(s) == 4} | {s[0] for s in symbols}
    assert parents <= set(symbols)
    assert {s[:3] for s in symbols if len(s) == 4} == {s for s in symbols if len(s) == 3}


def test_the_words() -> None:
    within: dict[str, list[str]] = defaultdict(list)
    for symbol, title in own_titles().items():
        assert 3 < len(title) <= 60 and title == title.strip() and title.isascii(), symbol
        assert title[0].isupper() and not title.endswith((".", ";", ",")), symbol
        assert title.upper() != title or symbol == "", symbol
        within[symbol[: {1: 0, 3: 1, 4: 3}[len(symbol)]]].append(title.lower())
    for parent, titles in within.items():
        assert len(set(titles)) == len(titles), parent


def test_all_subclasses_of_the_scheme_have_one(real_data: Path) -> None:
    """And their words are not those of the offices, but for a few of two words or three."""
    with zipfile.ZipFile(real_data / "patentsview-sample" / "g_cpc_title.tsv.zip") as archive:
        lines = archive.read("g_cpc_title.tsv").decode().splitlines()[1:]
    official = {
        symbol: title
        for row in (re.findall(r'"((?:[^"]|"")*)"', line) for line in lines)
        for symbol, title in ((row[0], row[1]), (row[4], row[5]))
    }
    scheme = real_data / "classification" / "cpc_scheme_2022_02.parquet"
    known = duckdb.sql(f"SELECT replace(symbol, ' ', '') FROM '{scheme}'").fetchall()
    assert {s for (s,) in known if len(s) <= 4} | set(official) <= set(own_titles())
    same = {s for s, title in official.items() if title.lower() == own_titles()[s].lower()}
    assert max(len(official[s].split()) for s in same) <= 4


@pytest.mark.parametrize("titles", [None, {"A01": "", "A01B": "Theirs"}])
def test_trees_have_titles(titles: dict[str, str] | None) -> None:
    tree = CpcTree.from_symbols(["A01B33/08", "H10K"], titles=titles)
    named = dict(zip(tree.symbols, tree.titles, strict=True))
    assert named["A01B"] == ("Theirs" if titles else own_titles()["A01B"])
    assert named["A01"] == own_titles()["A01"] and named["H10K"] == own_titles()["H10K"]
    assert named["A01B33/00"] == named["A01B33/08"] == ""
