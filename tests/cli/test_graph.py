"""The command graph: dates and titles of neighbours, and where the titles come from."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from calling import call

LINES = """\
1  Pump with impeller
  codes: 1
    F04D1/00
  cites: 1
    2            2001-02-03  Saw
  cited by: 1
    3            no date     Hammer
  cites the same: 1
    3            no date       1 in common  Hammer
"""


@pytest.fixture(scope="module")
def here(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("graph")
    (folder / "mine.csv").write_text(
        "patent_id,title,date,codes,citations\n"
        '1,"Pump\nwith  impeller",1999-09-09,F04D1/00,2\n'
        "2,Saw,2001-02-03,,\n3,Hammer,,,1;2\n"
    )
    assert call("load", "mine.csv", "--graph", "duckdb://a/g.duckdb", cwd=folder).returncode == 0
    (folder / "alone").mkdir()
    (folder / "alone" / "g.duckdb").write_bytes((folder / "a" / "g.duckdb").read_bytes())
    return folder


def _graph(here: Path, *options: str) -> str:
    done = call("graph", "1", *options, cwd=here)
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


def test_dates_and_titles_one_line_each(here: Path) -> None:
    shown = _graph(here, "--graph", "duckdb://a/g.duckdb")
    assert (
        re.sub("(F04D1/00).*", r"\1", shown) == LINES
    )  # which title the code has is told elsewhere
    record = json.loads(_graph(here, "--graph", "duckdb://a/g.duckdb", "--json"))
    assert record["title"] == "Pump with impeller"
    assert record["cites"] == [{"patent_id": "2", "date": "2001-02-03", "title": "Saw"}]


def test_a_graph_without_a_corpus_takes_titles_from_one_that_is_named(here: Path) -> None:
    alone = ("--graph", "duckdb://alone/g.duckdb")
    assert "    2            2001-02-03\n" in _graph(here, *alone)
    assert _graph(here, *alone, "--corpus", "a") == _graph(here, "--graph", "duckdb://a/g.duckdb")


def test_load_writes_where_out_says(here: Path) -> None:
    done = call("load", "mine.csv", "--out", "o", cwd=here)
    assert done.returncode == 0 and "corpus and graph written to o\n" in done.stderr
    assert (here / "o" / "corpus.parquet").is_file() and (here / "o" / "graph.duckdb").is_file()
    assert not (here / "artifacts").exists()
    both = ("load", "mine.csv", "--graph", "duckdb://o/graph.duckdb", "--out")
    assert "skipped" in call(*both, "o", cwd=here).stderr
    refused = call(*both, "other", cwd=here)
    assert refused.returncode == 2 and "name two folders" in refused.stderr
    assert not (here / "other").exists()
