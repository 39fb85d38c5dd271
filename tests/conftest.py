"""Fixtures that several test files share."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from patentcl.data.corpus import Corpus
from patentcl.data.options import ReadOptions
from patentcl.data.reading import read_patents
from patentcl.data.splits import make_splits, write_splits
from patentcl.graph.duckdb import DuckDBGraph
from patentcl.graph.neo4j.server import Neo4jServer, why_not
from patentcl.sample.writer import write_sample

# Servers of a minute or two are up sooner, and cost about half, without the slower compiler and
# without verification of their classes.
os.environ.setdefault(
    "JDK_JAVA_OPTIONS",
    "-XX:TieredStopAtLevel=1 -XX:+UnlockDiagnosticVMOptions -XX:-BytecodeVerificationRemote",
)


@dataclass(frozen=True)
class Loaded:
    """A sample and what was loaded from it; for reading only."""

    tables: Path
    """PatentsView tables, NAME.tsv.zip."""
    folder: Path
    """corpus.parquet, cpc.parquet, splits.parquet, graph.duckdb."""
    counts: dict[str, int]

    @property
    def corpus(self) -> Corpus:
        return Corpus(self.folder / "corpus.parquet")

    @property
    def graph(self) -> Path:
        return self.folder / "graph.duckdb"


@pytest.fixture(scope="session")
def loaded(tmp_path_factory: pytest.TempPathFactory) -> Loaded:
    """A sample of 400 patents with its corpus, splits and graph."""
    base = tmp_path_factory.mktemp("loaded")
    write_sample(base / "tables", patents=400, seed=1)
    folder = base / "load"
    folder.mkdir()
    counts = read_patents(base / "tables", folder, ReadOptions())
    corpus = Corpus(folder / "corpus.parquet")
    write_splits(folder / "splits.parquet", corpus, make_splits(corpus, seed=1))
    with DuckDBGraph(folder / "graph.duckdb") as graph:
        graph.load(corpus.path)
    return Loaded(base / "tables", folder, counts)


@pytest.fixture(scope="session")
def real_data() -> Path:
    """The folder of real patents; tests that ask for it are skipped where it is absent."""
    beside = Path(__file__).resolve().parents[2] / "shared" / "data"
    path = Path(os.environ.get("PATENTCL_TEST_DATA") or beside)
    if not path.is_dir():
        pytest.skip(f"no real patents at {path}; PATENTCL_TEST_DATA names another place")
    return path


@dataclass(frozen=True)
class Neo4jAddress:
    """Where a real Neo4j is, and how to get in."""

    uri: str
    user: str
    password: str


@pytest.fixture(scope="session")
def neo4j_address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Neo4jAddress]:
    """A real Neo4j: the empty one at NEO4J_URI, or else one that is started here."""
    given = os.environ.get("NEO4J_URI")
    if given:
        address = Neo4jAddress(
            given,
            os.environ.get("NEO4J_USERNAME") or "neo4j",
            os.environ.get("NEO4J_PASSWORD") or "",
        )
        with emptied(address):
            yield address
        return
    reason = why_not()
    if reason:
        pytest.skip(f"no Neo4j can be started here: {reason}")
    password = secrets.token_hex(12)
    server = Neo4jServer(
        tmp_path_factory.mktemp("neo4j"), password=password, heap="512m", pagecache="64m"
    )
    try:
        yield Neo4jAddress(server.start().uri, "neo4j", password)
    finally:
        server.kill()  # nobody needs its data any more


@contextmanager
def emptied(address: Neo4jAddress) -> Iterator[None]:
    """Refuse a server with data on it, and leave it without."""
    from neo4j import GraphDatabase

    database = os.environ.get("NEO4J_DATABASE") or "neo4j"
    with GraphDatabase.driver(address.uri, auth=(address.user, address.password)) as driver:
        [[number]] = driver.execute_query("MATCH (n) RETURN count(n)", database_=database).records
        if number:
            pytest.skip(
                f"tests write to the server at NEO4J_URI, and it holds {number} nodes: "
                "give an empty one"
            )
        yield
        driver.execute_query("MATCH (n) DETACH DELETE n", database_=database)
