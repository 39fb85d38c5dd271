"""The embedded graph: counts and neighbourhoods by value, and when it cannot be used."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from copies import copies

from patentcl.core.errors import DataError, GraphError
from patentcl.cpc import parse_symbol
from patentcl.data.corpus import Corpus
from patentcl.graph.duckdb import DuckDBGraph
from patentcl.triplets.mining import mine_triplets
from patentcl.triplets.settings import MiningRules

if TYPE_CHECKING:
    from conftest import Loaded


@pytest.fixture
def graph(loaded: Loaded) -> Iterator[DuckDBGraph]:
    with DuckDBGraph(loaded.graph, read_only=True) as store:
        yield store


def naive_stats(corpus: Corpus) -> dict[str, int]:
    ids, codes, citations = set(corpus.ids), corpus.codes, corpus.citations
    return {
        "patents": len(corpus),
        "dated": sum(d is not None for d in corpus.dates.tolist()),
        "with_codes": sum(map(bool, codes)),
        "symbols": len({s for row in codes for c in row for s in parse_symbol(c)}),
        "classified_as": sum(map(len, codes)),
        "cites": sum(
            c in ids and c != i for i, row in zip(corpus.ids, citations, strict=True) for c in row
        ),
    }


def test_stats(loaded: Loaded, graph: DuckDBGraph) -> None:
    assert graph.stats() == naive_stats(loaded.corpus)
    assert graph.stats()["cites"] == loaded.counts["citations inside the corpus"]
    assert graph.stats()["cites"] > 100


def test_neighbourhoods(loaded: Loaded, graph: DuckDBGraph) -> None:
    corpus = loaded.corpus
    day = dict(zip(corpus.ids, corpus.dates.tolist(), strict=True))
    cites = {
        i: [c for c in row if c in day] for i, row in zip(corpus.ids, corpus.citations, strict=True)
    }
    titles = corpus.code_titles
    levels = ("section", "class", "subclass", "group", "subgroup")
    for i, codes in list(zip(corpus.ids, corpus.codes, strict=True))[::9]:
        assert graph.neighbourhood(i) == {
            "codes": [
                {"symbol": c, "level": levels[len(parse_symbol(c)) - 1], "title": titles.get(c, "")}
                for c in codes
            ],
            "cites": [{"patent_id": c, "date": day[c]} for c in sorted(cites[i])],
            "cited_by": [{"patent_id": c, "date": day[c]} for c in sorted(cites) if i in cites[c]],
            "coupled": [
                {"patent_id": c, "date": day[c], "shared": shared}
                for shared, c in sorted(
                    (-len(set(cites[i]) & set(row)), c) for c, row in cites.items() if c != i
                )[:20]
                for shared in [-shared]
                if shared
            ],
        }
    with pytest.raises(GraphError, match=r"no such patent in the graph.*nobody"):
        graph.neighbourhood("nobody")


def test_near_copies_share_a_key(loaded: Loaded, graph: DuckDBGraph) -> None:
    rows = graph.execute("SELECT patent_id, text_key FROM patent ORDER BY p").fetchall()
    assert [i for i, _ in rows] == loaded.corpus.ids.tolist()
    assert [k for _, k in rows] == copies(loaded.corpus.texts).tolist()


def test_in_memory_and_reload(loaded: Loaded, tmp_path: Path) -> None:
    small = Corpus.from_records(
        [
            {"patent_id": "2", "title": "b", "codes": ["A01B"], "citations": ["1", "2", "7"]},
            {"patent_id": "1", "title": "a", "date": "2001", "citations": ["2"]},
        ]
    )
    for path in (":memory:", tmp_path / "new" / "g.duckdb"):
        with DuckDBGraph(path) as graph:
            assert graph.load(loaded.corpus.path) == naive_stats(loaded.corpus)
            assert graph.load(small.path) == {
                "patents": 2,
                "dated": 1,
                "with_codes": 1,
                "symbols": 3,
                "classified_as": 1,
                "cites": 2,
            }
            assert graph.load(small.path) == graph.stats()
            assert [r["patent_id"] for r in graph.neighbourhood("2")["cites"]] == ["1"]
    assert sorted(p.name for p in (tmp_path / "new").iterdir()) == ["g.duckdb"]
    with DuckDBGraph(tmp_path / "new" / "g.duckdb", read_only=True) as graph:
        assert graph.stats()["patents"] == 2


def test_without_titles(loaded: Loaded, tmp_path: Path) -> None:
    shutil.copy(loaded.corpus.path, tmp_path / "corpus.parquet")
    with DuckDBGraph(":memory:") as graph:
        assert graph.load(tmp_path / "corpus.parquet") == naive_stats(loaded.corpus) | {
            "symbols": 0
        }
        patent = next(i for i, c in zip(loaded.corpus.ids, loaded.corpus.codes, strict=True) if c)
        assert graph.neighbourhood(patent)["codes"][0]["title"] is None


def test_a_load_that_fails_leaves_the_graph_as_it_was(loaded: Loaded, tmp_path: Path) -> None:
    table = pq.read_table(loaded.corpus.path)
    spoilt = table.set_column(
        table.column_names.index("citations"), "citations", pa.array(["not a list"] * len(table))
    )
    pq.write_table(spoilt, tmp_path / "spoilt.parquet")
    pq.write_table(table.drop_columns("codes"), tmp_path / "half.parquet")
    (tmp_path / "text.parquet").write_text("hello")
    with DuckDBGraph(tmp_path / "g.duckdb") as graph:
        before = graph.load(loaded.corpus.path)
        for name, error, message in (
            ("spoilt", DataError, "column 'citations' is of another type"),
            ("text", DataError, "not a Parquet file"),
            ("half", DataError, "column 'codes' is missing"),
            ("none", DataError, "no such corpus"),
        ):
            with pytest.raises(error, match=message):
                graph.load(tmp_path / f"{name}.parquet")
            assert graph.stats() == before
            assert graph.neighbourhood(loaded.corpus.ids[5])


@pytest.mark.parametrize(
    "ask",
    [
        lambda g: g.stats(),
        lambda g: g.neighbourhood("1"),
        lambda g: g.allow(None),
        lambda g: g.allow(["1"]),
        lambda g: mine_triplets(g, MiningRules()),
    ],
    ids=["stats", "neighbourhood", "allow", "allow-ids", "mine"],
)
def test_not_loaded(ask: Any) -> None:
    with (
        DuckDBGraph(":memory:") as graph,
        pytest.raises(GraphError, match=r"has not been loaded.*patentcl load"),
    ):
        ask(graph)


def test_ids_of_another_corpus(graph: DuckDBGraph, loaded: Loaded) -> None:
    with pytest.raises(GraphError, match=r"no such patent in the graph.*got a and 1 more"):
        graph.allow([*loaded.corpus.ids[:5], "b", "a"])
    graph.allow([*loaded.corpus.ids[:5], *loaded.corpus.ids[:3]])
    assert graph.count("allowed") == 5


def test_files_that_cannot_be_opened(tmp_path: Path) -> None:
    with pytest.raises(GraphError, match=r"no such graph.*none.duckdb.*patentcl load"):
        DuckDBGraph(tmp_path / "none.duckdb", read_only=True)
    assert list(tmp_path.iterdir()) == []
    (tmp_path / "text.duckdb").write_text("hello, this is not a database" * 100)
    for path in (tmp_path / "text.duckdb", tmp_path):
        with pytest.raises(GraphError, match="the graph file cannot be opened"):
            DuckDBGraph(path)
    assert (tmp_path / "text.duckdb").read_text().startswith("hello")


def test_a_file_that_another_process_has_open(loaded: Loaded, tmp_path: Path) -> None:
    path = tmp_path / "g.duckdb"
    shutil.copy(loaded.graph, path)
    holder = subprocess.Popen(
        [
            sys.executable,
            "-c",
            "import sys; from patentcl.graph.duckdb import DuckDBGraph\n"
            "g = DuckDBGraph(sys.argv[1]); print('open', flush=True); sys.stdin.readline()",
            str(path),
        ],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert holder.stdout is not None and holder.stdout.readline() == "open\n"
        for read_only in (False, True):
            with pytest.raises(GraphError, match=r"cannot be opened.*another program has it open"):
                DuckDBGraph(path, read_only=read_only)
    finally:
        holder.communicate("\n", timeout=60)
    with DuckDBGraph(path, read_only=True) as one, DuckDBGraph(path, read_only=True) as two:
        assert one.stats() == two.stats()


def test_read_only_refuses_to_load(loaded: Loaded, graph: DuckDBGraph) -> None:
    with pytest.raises(GraphError, match="opened for asking only"):
        graph.load(loaded.corpus.path)
    assert graph.stats() == naive_stats(loaded.corpus)


def test_values_go_in_as_parameters(graph: DuckDBGraph) -> None:
    with pytest.raises(GraphError, match="no such patent"):
        graph.neighbourhood("1' OR '1'='1")


def test_what_a_killed_reader_spilled_is_cleared_by_the_next(
    loaded: Loaded, tmp_path: Path
) -> None:
    shutil.copy(loaded.graph, tmp_path / "graph.duckdb")
    code = f"""
import os
from patentcl.graph.duckdb import DuckDBGraph
graph = DuckDBGraph({str(tmp_path / "graph.duckdb")!r}, read_only=True, memory="20MB")
query = "SELECT hash(range) AS a, md5(range::VARCHAR) AS b FROM range(900000)"
graph.execute(f"CREATE TEMP TABLE t AS {{query}}")
os.kill(os.getpid(), 9)
"""
    subprocess.run([sys.executable, "-c", code], check=False)
    [left] = tmp_path.glob(".spill-*")
    assert list(left.glob("duckdb_temp*"))
    with (
        DuckDBGraph(tmp_path / "graph.duckdb", read_only=True),
        DuckDBGraph(tmp_path / "graph.duckdb", read_only=True),
    ):
        assert not left.exists()
        assert len(list(tmp_path.glob(".spill-*"))) == 1
    assert [p.name for p in tmp_path.iterdir()] == ["graph.duckdb"]
