"""The graph straight from PatentsView tables is the graph of the corpus that is read from them."""

from __future__ import annotations

import csv
import datetime
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from patentcl.cli.app import app
from patentcl.core.errors import DataError, GraphError
from patentcl.data.corpus import Corpus
from patentcl.data.duplicates import components, read_families, united
from patentcl.data.options import ReadOptions
from patentcl.data.reading import read_patents
from patentcl.data.splits import make_splits
from patentcl.graph.duckdb import DuckDBGraph
from patentcl.triplets.mining import mine_triplets
from patentcl.triplets.settings import MiningRules

if TYPE_CHECKING:
    from conftest import Loaded


def put(folder: Path, **tables: list[list[Any]]) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for name, rows in tables.items():
        with (folder / f"{name}.tsv").open("w", encoding="utf-8", newline="") as stream:
            csv.writer(stream, delimiter="\t", lineterminator="\n").writerows(rows)
    return folder


PATENTS = [
    ["patent_id", "patent_type", "patent_date", "patent_title", "withdrawn"],
    ["10", "utility", "2001-02-03", 'A "pump",\twith\na piston', "0"],
    ["9", "utility", "2001-02-30", "Valve", "0"],
    ["D1000", "design", "", "Chair", "0"],
    ["7", "utility", "1999-01-05", "Gone", "1"],
    ["RE5", "reissue", "2010-01-05", "Pump", "0"],
]
CITATIONS = [
    ["patent_id", "citation_sequence", "citation_id", "citation_date"],
    *[["10", i, c, "1950-01-01"] for i, c in enumerate(["9", "9", "7", "10", "3900000", "D1000"])],
    ["9", 0, "10", "1999-01-01"],
    ["7", 0, "9", "1999-01-01"],
    ["nobody", 0, "9", "1999-01-01"],
]
CODES = [
    ["patent_id", "cpc_sequence", "cpc_section", "cpc_group"],
    ["10", 1, "F", "F04B1/00"],
    ["10", 0, "F", "F04B 1/02"],
    ["10", 2, "F", "F04B1/02"],
    ["9", 0, "Y", "Y10T74/18288"],
    ["9", "", "A", "A01B0033/00"],
    ["9", 3, "?", "nonsense"],
    ["7", 0, "A", "A01B1/00"],
]
TITLES = [
    [
        "cpc_subclass",
        "cpc_subclass_title",
        "cpc_group",
        "cpc_group_title",
        "cpc_class",
        "cpc_class_title",
    ],
    ["F04B", "Pumps", "F04B1/00", "Multi-cylinder", "F04", "Machines"],
]
RELATED = [
    ["patent_id", "related_doc_number", "related_doc_type"],
    ["RE5", "10", "reissue"],
    ["9", "14/123,456", "continuation"],
    ["D1000", "14123456", "division"],
    ["10", "", "continuation"],
]


def test_by_value(tmp_path: Path) -> None:
    source = put(
        tmp_path / "in",
        g_patent=PATENTS,
        g_us_patent_citation=CITATIONS,
        g_cpc_current=CODES,
        g_cpc_title=TITLES,
        g_us_rel_doc=RELATED,
    )
    with DuckDBGraph(tmp_path / "g.duckdb") as graph:
        stats = graph.load_tables(source)
        assert stats == {
            "patents": 4,
            "dated": 2,
            "with_codes": 2,
            "symbols": 14,
            "classified_as": 4,
            "cites": 3,
        }
        rows = graph.execute("SELECT patent_id, date, year, type, text_key FROM patent ORDER BY p")
        found = rows.fetchall()
        assert [r[:4] for r in found] == [
            ("10", datetime.date(2001, 2, 3), 2001, "utility"),
            ("9", None, None, "utility"),
            ("D1000", None, None, "design"),
            ("RE5", datetime.date(2010, 1, 5), 2010, "reissue"),
        ]
        keys = [r[4] for r in found]
        assert keys[1] == keys[2] and len(set(keys)) == 3  # "10" is too short to name a document
        near = graph.neighbourhood("10")
        assert [(c["symbol"], c["level"], c["title"]) for c in near["codes"]] == [
            ("F04B1/02", "subgroup", ""),
            ("F04B1/00", "group", "Multi-cylinder"),
        ]
        assert [c["patent_id"] for c in near["cites"]] == ["9", "D1000"]
        assert [c["patent_id"] for c in near["cited_by"]] == ["9"]
        assert [c["symbol"] for c in graph.neighbourhood("9")["codes"]] == [
            "A01B33/00",
            "Y10T74/18288",
        ]
    with DuckDBGraph(tmp_path / "g.duckdb", read_only=True) as again:
        assert again.stats() == stats


def test_the_same_as_through_a_corpus(loaded: Loaded, tmp_path: Path) -> None:
    """But for texts: near-copies are not told apart here, so both are mined without them."""
    with DuckDBGraph(":memory:") as straight, DuckDBGraph(":memory:") as through:
        stats = straight.load_tables(loaded.tables)
        through.load(loaded.corpus.path)
        # IPC stands in for absent CPC in the corpus only
        with_cpc = "SELECT patent_id FROM coded JOIN patent USING (p)"
        assert {k: stats[k] for k in ("patents", "dated", "cites")} == {
            k: through.stats()[k] for k in ("patents", "dated", "cites")
        }
        both = sorted({r[0] for r in straight.execute(with_cpc).fetchall()})
        for query in (
            "SELECT patent_id, date, year, type FROM patent ORDER BY ALL",
            "SELECT a.patent_id, b.patent_id FROM cites JOIN patent a ON a.p = citing "
            "JOIN patent b ON b.p = cited ORDER BY ALL",
            "SELECT patent_id, symbol FROM classified JOIN patent USING (p) "
            f"WHERE patent_id IN {tuple(both)} ORDER BY ALL",
            f"SELECT patent_id, codes FROM coded JOIN patent USING (p) "
            f"WHERE patent_id IN {tuple(both)} ORDER BY patent_id",
        ):
            assert straight.execute(query).fetchall() == through.execute(query).fetchall()
        through.execute("UPDATE patent SET text_key = p")
        rules = MiningRules(triplets=200, per_anchor=2)
        assert mine_triplets(straight, rules, 1, both).triplets.equals(
            mine_triplets(through, rules, 1, both).triplets
        )


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"g_patent": [*PATENTS, PATENTS[1]]}, r"duplicate patent ids.*got 10"),
        ({"g_patent": [PATENTS[0], [" ", "utility", "2001-01-01", "x", "0"]]}, "without an id"),
        ({"g_patent": [PATENTS[0], PATENTS[4]]}, "no patent is left"),
        ({"g_patent": [PATENTS[0][1:], PATENTS[1][1:]]}, r"column 'patent_id' is missing"),
        ({"g_cpc_current": [CODES[0], ["10", 0, "?", "nonsense"]]}, "none of the codes"),
        ({"g_us_patent_citation": [CITATIONS[0], ["10", 0]]}, r"wrong number of columns.*got 2"),
    ],
    ids=["twice", "no-id", "withdrawn", "no-column", "no-symbol", "short-row"],
)
def test_bad_tables(tmp_path: Path, change: dict[str, Any], message: str) -> None:
    good = {"g_patent": PATENTS, "g_us_patent_citation": CITATIONS, "g_cpc_current": CODES}
    with DuckDBGraph(tmp_path / "g.duckdb") as graph:
        before = graph.load_tables(put(tmp_path / "good", **good))
        with pytest.raises(DataError, match=message):
            graph.load_tables(put(tmp_path / "bad", **(good | change)))
        assert graph.stats() == before  # as it was
        assert graph.neighbourhood("10")["cites"]
        assert graph.load_tables(tmp_path / "good") == before


def test_tables_that_are_missing(tmp_path: Path) -> None:
    with DuckDBGraph(tmp_path / "g.duckdb") as graph:
        with pytest.raises(DataError, match="table g_patent is missing"):
            graph.load_tables(tmp_path)
        put(tmp_path, g_patent=PATENTS)
        with pytest.raises(DataError, match="table g_cpc_current is missing"):
            graph.load_tables(tmp_path)
        put(tmp_path, g_cpc_current=CODES)
        assert graph.load_tables(tmp_path)["cites"] == 0
    with (
        DuckDBGraph(tmp_path / "g.duckdb", read_only=True) as graph,
        pytest.raises(GraphError, match="opened for asking only"),
    ):
        graph.load_tables(tmp_path)


def test_the_command_line(loaded: Loaded, tmp_path: Path) -> None:
    address = f"duckdb://{tmp_path}/work/g.duckdb"
    run = CliRunner().invoke
    done = run(app, ["load", str(loaded.tables), "--graph", address, "--without-texts", "--json"])
    assert done.exit_code == 0, done.output
    assert sorted(p.name for p in (tmp_path / "work").iterdir()) == ["g.duckdb", "manifest.json"]
    assert json.loads(done.stdout)["patents"] == len(loaded.corpus)
    done = run(app, ["mine", address, "--out", str(tmp_path / "t"), "--set", "triplets=50"])
    assert done.exit_code == 0, done.output
    assert "leaks                     not told: there are no splits" in done.stdout
    assert len(pq.read_table(tmp_path / "t" / "triplets.parquet")) == 50
    done = run(app, ["load", str(loaded.tables), "--without-texts", "--limit", "5"])
    assert done.exit_code == 2 and "--without-texts goes with tables" in done.output


# ---- families ---------------------------------------------------------------------------------


def naive(pairs: list[tuple[int, int]], n: int) -> list[int]:
    of = list(range(n))
    for _ in range(n):
        for a, b in pairs:
            of[a] = of[b] = min(of[a], of[b])
    return of


@given(st.lists(st.tuples(st.integers(0, 8), st.integers(0, 8)), max_size=9))
def test_components(pairs: list[tuple[int, int]]) -> None:
    left, right = (np.array([p[i] for p in pairs], dtype=np.int64) for i in (0, 1))
    assert components(left, right, 9).tolist() == naive(pairs, 9)


@given(st.lists(st.tuples(st.integers(0, 4), st.integers(-1, 3)), max_size=12))
def test_united(rows: list[tuple[int, int]]) -> None:
    keys, families = (np.array([r[i] for r in rows], dtype=np.int64) for i in (0, 1))
    got = united(keys, families)
    n = len(rows)
    pairs = [
        (i, j)
        for i in range(n)
        for j in range(n)
        if keys[i] == keys[j] or families[i] == families[j] >= 0
    ]
    expected = naive(pairs, n)
    assert [[a == b for b in got] for a in got] == [[a == b for b in expected] for a in expected]


def test_families_of_a_corpus(tmp_path: Path) -> None:
    source = put(
        tmp_path / "in",
        g_patent=PATENTS,
        g_cpc_current=CODES,
        g_us_rel_doc=[RELATED[0], *RELATED[1:], ["RE5", "X99999", "reissue"]],
        g_patent_abstract=[["patent_id", "patent_abstract"]],
    )
    counts = read_patents(source, tmp_path, ReadOptions())
    assert counts["patents of a family"] == 2
    corpus = Corpus(tmp_path / "corpus.parquet")
    ids = pa.chunked_array([pa.array(corpus.ids, pa.string())])
    family = dict(zip(corpus.ids, read_families(corpus.path, ids), strict=True))
    assert family["9"] == family["D1000"] >= 0 and family["10"] == family["RE5"] == -1
    key = dict(zip(corpus.ids, corpus.duplicate_group, strict=True))
    assert key["9"] == key["D1000"] and len(set(key.values())) == 3
    with DuckDBGraph(":memory:") as graph:
        graph.load(corpus.path)
        rows = dict(graph.execute("SELECT patent_id, text_key FROM patent").fetchall())
        assert rows["9"] == rows["D1000"] and len(set(rows.values())) == 3


def test_families_are_on_one_side(tmp_path: Path) -> None:
    n = 60
    source = put(
        tmp_path / "in",
        g_patent=[
            PATENTS[0],
            *(
                [
                    str(100_000 + i),
                    "utility",
                    f"20{i % 20:02d}-01-01",
                    f"Invention {i} of word{i}",
                    "0",
                ]
                for i in range(n)
            ),
        ],
        g_us_rel_doc=[
            RELATED[0],
            *([str(100_000 + i), str(100_000 + i - 1), "continuation"] for i in range(n) if i % 3),
        ],
        g_patent_abstract=[["patent_id", "patent_abstract"]],
    )
    assert read_patents(source, tmp_path, ReadOptions())["patents of a family"] == n
    corpus = Corpus(tmp_path / "corpus.parquet")
    for method in ("random", "stratified", "date"):
        division = make_splits(corpus, method, 0.2, 0.2, seed=3)
        assert {len(set(division[i : i + 3])) for i in range(0, n, 3)} == {1}
    assert len(set(make_splits(corpus, "random", 0.2, 0.2))) == 3


def test_a_family_is_no_triplet(tmp_path: Path) -> None:
    """Without the family d would be a negative of a and b a positive."""
    codes = [
        ("a", "A01B1/00"),
        ("b", "A01B1/02"),
        ("c", "A01B1/04"),
        ("d", "H01L1/00"),
        ("e", "H01L3/00"),
    ]
    records = [{"patent_id": i, "title": f"Invention {i}", "codes": [c]} for i, c in codes]
    corpus = Corpus.from_records(records)
    rules = MiningRules(relations=("class",), negatives={"easy": 1.0}, per_anchor=4)
    pq.write_table(
        pa.table({"patent_id": ["a", "b", "d"], "family": [3, 3, 3]}),
        corpus.path.with_name("family.parquet"),
    )
    with DuckDBGraph(":memory:") as graph:
        graph.load(corpus.path)
        rows = mine_triplets(graph, rules).triplets.to_pylist()
    kin_ = {"a", "b", "d"}
    assert rows
    for r in rows:
        assert not {r["anchor_id"], r["positive_id"]} <= kin_
        assert not {r["anchor_id"], r["negative_id"]} <= kin_
        assert not {r["positive_id"], r["negative_id"]} <= kin_
