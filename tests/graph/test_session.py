"""One protocol, two stores: every operation of Neo4j and DuckDB side by side, row by row.

A real Neo4j server is started for these tests where Java 17 and Maven are there, or named by
NEO4J_URI; otherwise they are skipped.
"""

from __future__ import annotations

import gzip
import shutil
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import neo4j
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from calling import call
from tiny import write_tiny_encoder

from patentcl.cli import doctor
from patentcl.core.errors import DataError, GraphError
from patentcl.data.corpus import Corpus
from patentcl.graph.duckdb import DuckDBGraph
from patentcl.graph.neo4j.store import Neo4jGraph
from patentcl.graph.session import Graph
from patentcl.triplets.mining import mine_triplets
from patentcl.triplets.settings import MiningRules

if TYPE_CHECKING:
    from conftest import Loaded, Neo4jAddress

STRANGE = [
    {"patent_id": "D1000", "title": "Chair", "citations": ["RE5", "PP7", "1' OR '1'='1"]},
    {
        "patent_id": "RE5",
        "title": "Plough",
        "codes": ["A01B1/02", "A01B1/00"],
        "date": "1999",
        "citations": ["D1000", "PP7", "D1000"],
    },
    {
        "patent_id": "PP7",
        "title": "Rose",
        "codes": ["A01H5/02"],
        "type": "plant 'x' \"y\"",
        "citations": ["3000000", "RE5"],
    },
    {
        "patent_id": "1' OR '1'='1",
        "title": "Pump",
        "codes": ["F04B1/00"],
        "date": "2001-02-03",
        "citations": ["D1000"],
    },
    {
        "patent_id": "}) DETACH DELETE n //",
        "title": "Saw",
        "codes": ["B27B"],
        "citations": ["$rows", "`backtick`"],
    },
    {"patent_id": "$rows", "title": "Hammer", "codes": ["B25D1/00", "B27B"]},
    {"patent_id": "`backtick`", "title": "Nail \\", "citations": ["PP7", "RE5", "D1000"]},
    {"patent_id": "\u00c4 1\u2028", "title": "Umlaut", "codes": ["A01B1/02"]},
]


class Both:
    """A store of each kind with the same corpus in it."""

    def __init__(self, one: DuckDBGraph, other: Neo4jGraph) -> None:
        self.duckdb, self.neo4j = one, other

    def load(self, corpus: Path) -> dict[str, int]:
        wanted = self.duckdb.load(corpus)
        assert self.neo4j.load(corpus) == wanted
        assert self.neo4j.stats() == wanted == self.duckdb.stats()
        return wanted

    def agree(self, ids: Any) -> None:
        for i in ids:
            assert self.neo4j.neighbourhood(i) == self.duckdb.neighbourhood(i), i


def connect(address: Neo4jAddress, **options: Any) -> Neo4jGraph:
    return Neo4jGraph(address.uri, address.user, address.password, **options)


@pytest.fixture
def both(neo4j_address: Neo4jAddress) -> Iterator[Both]:
    with DuckDBGraph(":memory:") as one, connect(neo4j_address, batch=150, chunk=90) as other:
        yield Both(one, other)


@pytest.fixture
def sampled(both: Both, loaded: Loaded) -> Both:
    both.load(loaded.corpus.path)
    return both


@pytest.fixture(scope="module")
def strange() -> Corpus:
    return Corpus.from_records(STRANGE)


@pytest.fixture
def driver(neo4j_address: Neo4jAddress) -> Iterator[neo4j.Driver]:
    with neo4j.GraphDatabase.driver(
        neo4j_address.uri, auth=(neo4j_address.user, neo4j_address.password)
    ) as driver:
        yield driver


def ask(driver: neo4j.Driver, query: str, **parameters: Any) -> list[list[Any]]:
    return [list(r) for r in driver.execute_query(query, parameters, database_="neo4j").records]


# ---- the same answers -----------------------------------------------------------------------


def test_both_are_stores(both: Both) -> None:
    stores: list[Graph] = [both.duckdb, both.neo4j]  # as mypy sees it, too
    for store in stores:
        for name in ("load", "stats", "neighbourhood", "mining_source", "close"):
            assert callable(getattr(store, name))


def test_counts_and_neighbourhoods(sampled: Both, loaded: Loaded) -> None:
    assert sampled.neo4j.stats()["cites"] == loaded.counts["citations inside the corpus"]
    ids = loaded.corpus.ids
    sampled.agree(ids[::7])
    most = max(ids, key=lambda i: len(sampled.duckdb.neighbourhood(i)["coupled"]))
    for limit in (0, 1, 3, 500):
        found = sampled.neo4j.neighbourhood(most, coupled=limit)
        assert found == sampled.duckdb.neighbourhood(most, coupled=limit)
        assert len(found["coupled"]) <= limit
    for store in (sampled.duckdb, sampled.neo4j):
        with pytest.raises(GraphError, match=r"no such patent in the graph.*nobody"):
            store.neighbourhood("nobody")


def test_the_graph_in_the_server(sampled: Both, driver: neo4j.Driver) -> None:
    """Labels, relations and properties, as those see them who ask in Cypher."""
    count = {
        label: ask(driver, f"MATCH (n:{label}) RETURN count(n)")[0][0]
        for label in ("Patent", "Cpc", "GraphLoad")
    }
    stats = sampled.duckdb.stats()
    assert count == {"Patent": stats["patents"], "Cpc": stats["symbols"], "GraphLoad": 1}
    assert ask(driver, "MATCH ()-[r]->() RETURN type(r), count(r) ORDER BY type(r)") == [
        [
            "CHILD_OF",
            stats["symbols"] - len(ask(driver, "MATCH (c:Cpc {level: 'section'}) RETURN c.symbol")),
        ],
        ["CITES", stats["cites"]],
        ["CLASSIFIED_AS", stats["classified_as"]],
    ]
    for below, above, of_below, of_above in ask(
        driver, "MATCH (a:Cpc)-[:CHILD_OF]->(b:Cpc) RETURN a.symbol, b.symbol, a.level, b.level"
    ):
        assert below.startswith(above.removesuffix("00").removesuffix("/"))
        assert (of_below, of_above) in {
            ("class", "section"),
            ("subclass", "class"),
            ("group", "subclass"),
            ("subgroup", "group"),
        }
    theirs = sampled.duckdb.execute(
        "SELECT patent_id, date, year, type, text_key FROM patent ORDER BY p"
    ).fetchall()
    ours = ask(
        driver,
        "MATCH (p:Patent) RETURN p.patent_id, p.date, p.year, p.type, p.text_key "
        "ORDER BY p.patent_id",
    )
    assert [(i, day.to_native(), *rest) for i, day, *rest in ours] == theirs
    states = {row[0] for row in ask(driver, "SHOW CONSTRAINTS YIELD name RETURN name")}
    assert {"patentcl_patent_id", "patentcl_cpc_symbol", "patentcl_load_id"} <= states


@pytest.mark.parametrize(
    "rules",
    [
        {},
        {"relations": ("cites",), "negatives": {"hard": 1.0}},
        {"relations": ("class",), "shared_level": "group", "per_anchor": 3},
        {"relations": ("class", "cites"), "shared_level": "section", "within_years": None},
        {"negatives": {"easy": 1.0}, "within_years": 1, "per_anchor": 2},
        {"relations": ("coupled", "cites"), "coupled_by": 1, "shared_level": "class"},
        {"before": "2015-01-01", "negatives": {"medium": 0.5, "hard": 0.5}},
    ],
    ids=["default", "cites-hard", "class-group", "section", "easy-near", "coupled", "before"],
)
def test_the_same_triplets_row_for_row(
    sampled: Both, loaded: Loaded, rules: dict[str, Any]
) -> None:
    corpus = Corpus(loaded.folder / "corpus.parquet")
    train = corpus.select("train").ids.tolist()
    for seed, among in ((0, None), (3, train)):
        mined = [
            mine_triplets(store, MiningRules(triplets=150, **rules), seed, among)
            for store in (sampled.duckdb, sampled.neo4j)
        ]
        assert mined[0].triplets.num_rows > 30
        assert mined[0].triplets.equals(mined[1].triplets)
        assert mined[0].counts == mined[1].counts


def test_the_tables_that_mining_asks(sampled: Both) -> None:
    """The whole content comes back from the server, whatever the rules ask of it."""
    with sampled.neo4j.mining_source() as theirs:
        for table, columns in (
            ("patent", "*"),
            ("cites", "*"),
            ("cpc", "*"),
            ("classified", "p, symbol"),
        ):
            query = f"SELECT {columns} FROM {table} ORDER BY ALL"
            ours = sampled.duckdb.execute(query).fetchall()
            assert theirs.execute(query).fetchall() == ours, table


@pytest.mark.parametrize("chunk", [1, 7, 394, 395, 396, 100_000])
def test_chunks_of_any_size(
    sampled: Both, neo4j_address: Neo4jAddress, chunk: int, strange: Corpus
) -> None:
    wanted = sampled.duckdb.execute("SELECT * FROM cites ORDER BY ALL").fetchall()
    if chunk == 1:
        sampled.load(strange.path)
        wanted = sampled.duckdb.execute("SELECT * FROM cites ORDER BY ALL").fetchall()
    with connect(neo4j_address, chunk=chunk) as other, other.mining_source() as tables:
        assert tables.execute("SELECT * FROM cites ORDER BY ALL").fetchall() == wanted


def test_tables_without_texts(both: Both, loaded: Loaded) -> None:
    """As for all of PatentsView, where there is no corpus to load from."""
    wanted = both.duckdb.load_tables(loaded.tables)
    assert both.neo4j.load_from(both.duckdb) == wanted
    both.agree(loaded.corpus.ids[::40])
    mined = [mine_triplets(store, MiningRules(triplets=150)) for store in (both.duckdb, both.neo4j)]
    assert mined[0].triplets.equals(mined[1].triplets)


def test_real_patents(both: Both, real_data: Path) -> None:
    corpus = Corpus.read(real_data / "patentsview-sample", limit=1500)
    stats = both.load(corpus.path)
    assert stats["patents"] > 1000
    both.agree(corpus.ids[::200])
    mined = [mine_triplets(store, MiningRules(triplets=300)) for store in (both.duckdb, both.neo4j)]
    assert mined[0].triplets.equals(mined[1].triplets)


# ---- strange ids, other data, no data -------------------------------------------------------


def test_quotes_cypher_and_letters_are_values(
    both: Both, driver: neo4j.Driver, strange: Corpus
) -> None:
    assert both.load(strange.path)["cites"] == 12
    both.agree(strange.ids)
    assert both.neo4j.neighbourhood("D1000")["cited_by"]  # both ways: D1000 and RE5 cite each other
    assert ask(
        driver,
        "MATCH (a)-[:CITES]->(b)-[:CITES]->(a) RETURN DISTINCT a.patent_id ORDER BY a.patent_id",
    ) == [["1' OR '1'='1"], ["D1000"], ["PP7"], ["RE5"]]
    with both.neo4j.mining_source() as tables:
        assert (
            tables.execute("SELECT patent_id FROM patent ORDER BY p").fetchall()
            == both.duckdb.execute("SELECT patent_id FROM patent ORDER BY p").fetchall()
        )
    for text in ("x' OR 1=1 //", "`", "$patent_id", "\\", '"'):
        with pytest.raises(GraphError, match="no such patent"):
            both.neo4j.neighbourhood(text)


def test_symbols_are_values(both: Both, tmp_path: Path, strange: Corpus) -> None:
    """Whatever stands in a corpus that another program has written."""
    table = pq.read_table(strange.path)
    codes = [["A01B'", 'A01B"}) DETACH DELETE n //', "$row"] for _ in range(len(table))]
    spoilt = table.set_column(table.column_names.index("codes"), "codes", pa.array(codes))
    pq.write_table(spoilt, tmp_path / "corpus.parquet")
    stats = both.load(tmp_path / "corpus.parquet")
    assert (stats["patents"], stats["classified_as"], stats["symbols"]) == (8, 24, 0)
    both.agree(strange.ids)


def test_without_titles_codes_or_citations(both: Both, loaded: Loaded, tmp_path: Path) -> None:
    shutil.copy(loaded.corpus.path, tmp_path / "corpus.parquet")
    assert both.load(tmp_path / "corpus.parquet")["symbols"] == 0
    both.agree(loaded.corpus.ids[:20])
    alone = Corpus.from_records([{"patent_id": "1", "title": "a"}])
    assert both.load(alone.path) == {**dict.fromkeys(both.duckdb.stats(), 0), "patents": 1}
    both.agree(["1"])
    for store in (both.duckdb, both.neo4j):
        with pytest.raises(DataError, match="no patent has a code"):
            mine_triplets(store, MiningRules())


def test_loading_again_changes_nothing_and_other_data_replace(
    sampled: Both, loaded: Loaded, driver: neo4j.Driver, strange: Corpus
) -> None:
    before = ask(driver, "MATCH (n) RETURN elementId(n) ORDER BY elementId(n)")
    calls: list[tuple[str, int, int]] = []
    sampled.neo4j.load(loaded.corpus.path, lambda *told: calls.append(told))
    assert calls == []
    assert ask(driver, "MATCH (n) RETURN elementId(n) ORDER BY elementId(n)") == before
    sampled.neo4j.load(strange.path, lambda *told: calls.append(told))
    assert [c for c in calls if c[0] == "load patent"] == [("load patent", 8, 8)]
    assert sampled.neo4j.stats() == sampled.duckdb.load(strange.path)


def test_progress_in_batches(both: Both, loaded: Loaded, strange: Corpus) -> None:
    both.load(strange.path)
    calls: list[tuple[str, int, int]] = []
    both.neo4j.load(loaded.corpus.path, lambda *told: calls.append(told))
    parts = {}
    for part, done, total in calls:
        assert parts.get(part, 0) < done <= total
        parts[part] = done
    assert list(parts) == [
        "load patent",
        "load cpc",
        "load child_of",
        "load classified",
        "load cites",
    ]
    assert calls.count(("load patent", 150, len(loaded.corpus))) == 1


# ---- on the command line --------------------------------------------------------------------


@pytest.fixture
def cli(
    neo4j_address: Neo4jAddress, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[..., tuple[int, str, str]]:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("NEO4J_USERNAME", neo4j_address.user)
    monkeypatch.setenv("NEO4J_PASSWORD", neo4j_address.password)
    return partial(call, cwd=tmp_path)


def test_verbs_with_either_store(
    cli: Callable[..., tuple[int, str, str]],
    loaded: Loaded,
    neo4j_address: Neo4jAddress,
    tmp_path: Path,
) -> None:
    uri = neo4j_address.uri
    in_file = cli("load", loaded.tables, "--graph", "duckdb://file/graph.duckdb", "--json")
    in_server = cli("load", loaded.tables, "--graph", uri, "--out", "served", "--json")
    assert in_file[0] == in_server[0] == 0
    assert in_server[1] == in_file[1]
    assert sorted(p.name for p in (tmp_path / "served").iterdir()) == sorted(
        p.name for p in (tmp_path / "file").iterdir() if p.name != "graph.duckdb"
    )
    rules = ("--set", "triplets=60", "--seed", "4")
    assert cli("mine", "file/graph.duckdb", "--out", "one", *rules)[0] == 0
    assert cli("mine", "--graph", uri, "--corpus", "served", "--out", "other", *rules)[0] == 0
    assert pq.read_table("one/triplets.parquet").equals(pq.read_table("other/triplets.parquet"))
    patent = loaded.corpus.ids[3]
    for options in ((), ("--json",), ("--coupled", "0")):
        said = [
            cli("graph", patent, "--graph", graph, "--corpus", "served", *options)
            for graph in ("duckdb://file/graph.duckdb", uri)
        ]
        assert said[0] == said[1]
        assert said[0][0] == 0
        assert patent in said[0][1]
    code, _, err = cli("mine", uri, "--out", "third")
    assert (code, "no splits beside the corpus" in err) == (1, True)
    code, _, err = cli("graph", "nobody", "--graph", uri)
    assert (code, "no such patent in the graph" in err) == (1, True)


def test_files_for_import_on_the_command_line(
    cli: Callable[..., tuple[int, str, str]], loaded: Loaded, tmp_path: Path
) -> None:
    code, out, err = cli("load", loaded.tables, "--graph", "duckdb://f/g.duckdb", "--csv", "csv")
    assert code == 0
    assert "with the server stopped, run:" in err
    assert out.splitlines()[-1].startswith("neo4j-admin database import full --id-type=integer")
    assert (tmp_path / "csv" / "cites.csv.gz").is_file()
    for wrong in (("--import",), ("--graph", "neo4j://x", "--csv", "csv")):
        assert cli("load", loaded.tables, *wrong)[0] == 2


def test_files_of_a_graph_without_texts(
    cli: Callable[..., tuple[int, str, str]], loaded: Loaded, tmp_path: Path
) -> None:
    """The same rows as through a corpus: both number patents and symbols in their order."""
    graphs = ("--scheme", "cpc", "--graph", "duckdb://f/g.duckdb", "--csv")
    assert cli("load", loaded.tables, *graphs, "with")[0] == 0
    code, out, err = cli("load", loaded.tables, "--without-texts", *graphs, "without")
    assert code == 0, err
    assert out.splitlines()[-1].startswith("neo4j-admin database import full --id-type=integer")
    names = [sorted(p.name for p in (tmp_path / f).iterdir()) for f in ("with", "without")]
    assert names[0] == names[1]
    for name in ("cites.csv.gz", "classified.csv.gz", "cpc.csv.gz"):
        rows = [
            sorted(gzip.decompress((tmp_path / f / name).read_bytes()).splitlines())
            for f in ("with", "without")
        ]
        assert rows[0] == rows[1] != []


def test_a_recipe_with_its_graph_in_the_server(
    cli: Callable[..., tuple[int, str, str]],
    loaded: Loaded,
    neo4j_address: Neo4jAddress,
    tmp_path: Path,
    driver: neo4j.Driver,
) -> None:
    """`data.graph` in a recipe: every stage runs, the triplets are those of the file."""
    texts = [f"{title} {abstract}" for title, abstract in loaded.corpus.texts]
    model = write_tiny_encoder(tmp_path / "model", texts)
    quick = [
        f"encoder.model={model}",
        "mining.triplets=32",
        "training.max_length=16",
        "classifier.epochs=1",
        "classifier.hidden=8",
        "map.method=pca",
    ]
    options = [part for setting in quick for part in ("--set", setting)]
    for out, graph in (("served", ["--set", f"data.graph={neo4j_address.uri}"]), ("file", [])):
        code, _, err = cli(
            "run", "quickstart", "--data", loaded.tables, "--out", out, *options, *graph
        )
        assert code == 0, err
    assert not (tmp_path / "served" / "graph.duckdb").exists()
    [[patents]] = ask(driver, "MATCH (p:Patent) RETURN count(p)")
    assert patents == len(loaded.corpus)
    tables = [
        pq.read_table(tmp_path / out / "triplets" / "triplets.parquet")
        for out in ("served", "file")
    ]
    assert len(tables[0]) == 32
    assert tables[0].equals(tables[1])
    assert (tmp_path / "served" / "reports" / "page.txt").is_file()


def test_doctor(
    cli: Callable[..., tuple[int, str, str]],
    sampled: Both,
    neo4j_address: Neo4jAddress,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("NEO4J_URI", neo4j_address.uri)
    row = doctor._neo4j()
    assert (row[1].endswith("answers and holds 395 patents"), row[2]) == (True, True)
    monkeypatch.setenv("NEO4J_PASSWORD", "wrong-password")
    row = doctor._neo4j()
    assert ("refuses user and password" in row[1], row[2]) == (True, False)


# ---- what a load that was cut off leaves, and what others did to the graph -------------------


class Cut(Exception):
    pass


@pytest.mark.parametrize(
    "at", ["load patent", "load cpc", "load child_of", "load classified", "load cites"]
)
def test_a_load_that_was_cut_off_goes_on(
    both: Both,
    loaded: Loaded,
    driver: neo4j.Driver,
    neo4j_address: Neo4jAddress,
    at: str,
    strange: Corpus,
) -> None:
    def cut(part: str, done: int, total: int) -> None:
        if part == at:
            raise Cut

    both.load(strange.path)
    with pytest.raises(Cut):
        both.neo4j.load(loaded.corpus.path, cut)
    for asking in (
        both.neo4j.stats,
        lambda: both.neo4j.neighbourhood("1"),
        lambda: mine_triplets(both.neo4j, MiningRules()),
    ):
        with pytest.raises(GraphError, match=r"has not been loaded to its end.*goes on from there"):
            asking()
    kept = ask(driver, "MATCH (n:Patent) RETURN elementId(n) ORDER BY elementId(n)")
    assert kept
    calls: list[tuple[str, int, int]] = []
    with connect(neo4j_address, batch=61) as again:  # batches need not be the same
        assert again.load(loaded.corpus.path, lambda *told: calls.append(told)) == both.duckdb.load(
            loaded.corpus.path
        )
    assert calls[0][0] in (at, "load cpc", "load child_of", "load classified", "load cites")
    assert at == "load patent" or not any(part == "load patent" for part, _, _ in calls)
    now = ask(driver, "MATCH (n:Patent) RETURN elementId(n) ORDER BY elementId(n)")
    assert [i for i in kept if i not in now] == []
    both.agree(loaded.corpus.ids[::40])


def test_a_batch_that_is_sent_twice_is_there_once(
    both: Both, loaded: Loaded, monkeypatch: pytest.MonkeyPatch, strange: Corpus
) -> None:
    """As when the answer to a commit is lost, and the driver sends all of it again."""
    both.load(strange.path)
    write = both.neo4j._write

    def twice(name: str, **parameters: Any) -> None:
        write(name, **parameters)
        write(name, **parameters)

    monkeypatch.setattr(both.neo4j, "_write", twice)
    both.load(loaded.corpus.path)
    both.agree(loaded.corpus.ids[::40])


def test_patents_of_others_are_not_touched(
    both: Both, loaded: Loaded, driver: neo4j.Driver
) -> None:
    ask(driver, "MATCH (n) DETACH DELETE n")
    with pytest.raises(GraphError, match=r"the graph has not been loaded.*patentcl load"):
        both.neo4j.stats()
    ask(driver, "CREATE (:Person {name: 'Ada'})")
    both.load(loaded.corpus.path)
    assert ask(driver, "MATCH (n:Person) RETURN n.name") == [["Ada"]]
    ask(driver, "MATCH (n) DETACH DELETE n")
    ask(driver, "CREATE (:Patent {patent_id: '1', note: 'not yours'})")
    with pytest.raises(GraphError, match=r"holds patents that patentcl did not load.*empty data"):
        both.neo4j.load(loaded.corpus.path)
    assert ask(driver, "MATCH (n) RETURN n.note") == [["not yours"]]
    ask(driver, "MATCH (n) DETACH DELETE n")


def test_a_graph_that_others_changed(sampled: Both, loaded: Loaded, driver: neo4j.Driver) -> None:
    ask(driver, "MATCH (p:Patent {patent_id: $id}) DETACH DELETE p", id=loaded.corpus.ids[0])
    with pytest.raises(GraphError, match=r"other counts than what was loaded.*got patents 39"):
        sampled.neo4j.load(loaded.corpus.path)
    ask(driver, "MATCH (n) DETACH DELETE n")


def test_loaded_anew_while_it_is_read(
    sampled: Both, monkeypatch: pytest.MonkeyPatch, strange: Corpus
) -> None:
    fetch = sampled.neo4j._fetch

    def and_then(folder: Path) -> None:
        fetch(folder)
        sampled.neo4j.load(strange.path)

    monkeypatch.setattr(sampled.neo4j, "_fetch", and_then)
    with (
        pytest.raises(GraphError, match="loaded anew while it was being read"),
        sampled.neo4j.mining_source(),
    ):
        pass


def test_bad_corpora_change_nothing(sampled: Both, tmp_path: Path) -> None:
    before = sampled.neo4j.stats()
    (tmp_path / "text.parquet").write_text("hello")
    for name, message in (("text", "not a Parquet file"), ("none", "no such corpus")):
        with pytest.raises(DataError, match=message):
            sampled.neo4j.load(tmp_path / f"{name}.parquet")
    assert sampled.neo4j.stats() == before


def test_ids_of_another_corpus(sampled: Both) -> None:
    for store in (sampled.duckdb, sampled.neo4j):
        with pytest.raises(GraphError, match=r"no such patent in the graph.*got a and 1 more"):
            mine_triplets(store, MiningRules(), among=["a", "b"])
