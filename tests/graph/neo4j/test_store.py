"""A real Neo4j that is not there, refuses, is too old, full, read-only, or killed in a load."""

from __future__ import annotations

import os
import secrets
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from patentcl.core.errors import ConfigError, GraphError, MissingExtra
from patentcl.data.corpus import Corpus
from patentcl.graph.duckdb import DuckDBGraph
from patentcl.graph.neo4j import store as graph_neo4j
from patentcl.graph.neo4j.bulk import run_import, write_import
from patentcl.graph.neo4j.server import Neo4jServer, free_port, why_not
from patentcl.graph.neo4j.store import Neo4jGraph
from patentcl.graph.session import open_graph
from patentcl.triplets.mining import mine_triplets
from patentcl.triplets.settings import MiningRules

if TYPE_CHECKING:
    from conftest import Loaded

PASSWORD = '-"two words" \\ #' + secrets.token_hex(8)  # a hard one to pass on


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Neo4jServer]:
    """A server that may be killed, with little memory for one transaction."""
    reason = why_not()
    if reason:
        pytest.skip(f"no Neo4j can be started here: {reason}")
    if os.environ.get("NEO4J_URI"):
        pytest.skip("a server of NEO4J_URI is not killed, filled and started again")
    server = Neo4jServer(
        tmp_path_factory.mktemp("neo4j"),
        password=PASSWORD,
        heap="512m",
        pagecache="64m",
        settings={"db.memory.transaction.max": "10m"},
    )
    yield server
    server.kill()


def running(server: Neo4jServer) -> Neo4jServer:
    if not server.running:
        server.start()
    return server


def connect(server: Neo4jServer, password: str = PASSWORD, **options: Any) -> Neo4jGraph:
    return Neo4jGraph(server.uri, password=password, **options)


@pytest.fixture(scope="module")
def many(tmp_path_factory: pytest.TempPathFactory) -> DuckDBGraph:
    """Tables of 30,000 patents: more than one transaction of that server can hold."""
    graph = DuckDBGraph(":memory:")
    corpus = Corpus.from_records([{"patent_id": "x", "title": "x"}])
    graph.load(corpus.path)
    graph.execute("""
        INSERT INTO patent SELECT i, printf('US%08d', i), DATE '2000-01-01' + (i % 7000)::INT, 2000,
                                  'utility', i FROM range(1, 30001) t(i)""")
    graph.execute("DELETE FROM patent WHERE patent_id = 'x'")
    graph.execute("UPDATE patent SET p = p - 1")
    return graph


# ---- what needs no server -------------------------------------------------------------------


def test_no_server() -> None:
    uri = f"neo4j://127.0.0.1:{free_port()}"
    with pytest.raises(GraphError, match=rf"server cannot be reached \(in {uri}\).*make neo4j"):
        Neo4jGraph(uri, password="x")


@pytest.mark.parametrize(
    "answer",
    [b"HTTP/1.1 400 Bad Request\r\n\r\n", b"\0\0\0\0", b""],
    ids=["http", "no-version-in-common", "hangs-up"],
)
def test_something_else_listens(answer: bytes) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            while True:
                try:
                    connection, _ = listener.accept()
                except OSError:
                    return
                with connection:
                    connection.recv(64)
                    connection.sendall(answer)

        threading.Thread(target=serve, daemon=True).start()
        uri = f"bolt://127.0.0.1:{listener.getsockname()[1]}"
        message = "version of the server" if answer == bytes(4) else "server cannot be reached"
        with pytest.raises(GraphError, match=message):
            Neo4jGraph(uri, password="x")
        listener.shutdown(socket.SHUT_RDWR)


@pytest.mark.parametrize("address", ["neo4j://", "neo4j://host:port", "bolt://host:99999"])
def test_no_address(address: str) -> None:
    with pytest.raises(GraphError, match=r"server cannot be reached|not an address") as caught:
        Neo4jGraph(address, password="x")
    assert address in str(caught.value)


def test_addresses(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"unknown kind of graph.*postgres://x.*neo4j://HOST"):
        open_graph("postgres://x")
    with pytest.raises(ConfigError, match="user and password do not belong") as caught:
        open_graph("neo4j://me:secret@localhost:7687")
    assert "secret" not in str(caught.value)
    with open_graph(f"duckdb://{tmp_path}/g.duckdb", read_only=False) as graph:
        assert isinstance(graph, DuckDBGraph)
    for name in ("batch", "chunk"):
        with pytest.raises(GraphError, match=f"{name} must be at least 1"):
            Neo4jGraph("neo4j://localhost", **{name: 0})


def test_without_the_driver(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "neo4j", None)
    with pytest.raises(MissingExtra, match=r"driver of Neo4j.*pip install 'patentcl\[neo4j\]'"):
        Neo4jGraph("neo4j://localhost")


@pytest.mark.parametrize(
    ("agent", "message"),
    [
        ("Neo4j/4.4.38", r"got Neo4j/4.4.38; wanted Neo4j 5.26 or later"),
        ("Neo4j/5.25.1", "wanted Neo4j 5.26"),
        ("Memgraph/2.0", "got Memgraph"),
        ("", "not supported"),
    ],
)
def test_versions_that_are_too_old(agent: str, message: str) -> None:
    with pytest.raises(GraphError, match=message):
        graph_neo4j._check_version(agent, "neo4j://x")


@pytest.mark.parametrize("agent", ["Neo4j/5.26.0", "Neo4j/5.26.31", "Neo4j/2025.10.1"])
def test_versions_that_will_do(agent: str) -> None:
    graph_neo4j._check_version(agent, "neo4j://x")


# ---- files for neo4j-admin ------------------------------------------------------------------


def test_import_gives_the_same_graph(server: Neo4jServer, loaded: Loaded, tmp_path: Path) -> None:
    """Before the server has ever been started: the tool makes the database."""
    with DuckDBGraph(loaded.graph, read_only=True) as tables:
        files = write_import(tables, tmp_path / "csv")
        assert files.command.startswith("neo4j-admin database import full ")
        assert files.command.endswith(" -- neo4j")
        assert "IMPORT DONE" in run_import(files, server.home)
        again = write_import(tables, tmp_path / "csv", overwrite=True)
        assert set(again.arguments) - set(files.arguments) == {"--overwrite-destination"}
        with connect(running(server)) as graph:
            assert graph.stats() == tables.stats()
            for i in loaded.corpus.ids[::9]:
                assert graph.neighbourhood(i) == tables.neighbourhood(i)
            calls: list[Any] = []
            graph.load(loaded.corpus.path, lambda *told: calls.append(told))
            assert not calls  # only constraints were missing
            mined = [mine_triplets(g, MiningRules(triplets=100)) for g in (tables, graph)]
            assert mined[0].triplets.equals(mined[1].triplets)


def test_import_files_go_into_a_folder_of_their_own(loaded: Loaded, tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("mine")
    with (
        DuckDBGraph(loaded.graph, read_only=True) as tables,
        pytest.raises(Exception, match=r"holds something else.*thesis\.txt"),
    ):
        write_import(tables, tmp_path)
    assert [p.name for p in tmp_path.iterdir()] == ["thesis.txt"]


def test_values_with_line_ends_and_quotes_are_imported(tmp_path: Path) -> None:
    with DuckDBGraph(":memory:") as tables:
        corpus = Corpus.from_records([{"patent_id": "1", "title": "a", "type": 'x "y"\\ z'}])
        tables.load(corpus.path)
        plain = write_import(tables, tmp_path / "plain")
        tables.execute("INSERT INTO cpc VALUES ('A', 'section', 'two\nlines')")
        lines = write_import(tables, tmp_path / "lines")
    assert "--multiline-fields=false" in plain.arguments
    assert "--multiline-fields=true" in lines.arguments


def test_no_tool_to_import_with(
    loaded: Loaded, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("NEO4J_HOME", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    with DuckDBGraph(loaded.graph, read_only=True) as tables:
        files = write_import(tables, tmp_path / "csv")
    with pytest.raises(GraphError, match=r"neo4j-admin is not there.*Run it where Neo4j is: neo4j"):
        run_import(files)
    tool = tmp_path / "neo4j-admin"
    tool.write_text('#!/bin/sh\necho "$@" ; exit 3\n')
    tool.chmod(0o755)
    with pytest.raises(GraphError, match=r"neo4j-admin failed.*database import full"):
        run_import(files)
    tool.write_text('#!/bin/sh\necho done: "$@"\n')
    assert run_import(files).startswith("done: database import full")


# ---- a server that does not do what one wants ----------------------------------------------


def test_wrong_password(server: Neo4jServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NEO4J_PASSWORD", "not-the-password")
    with pytest.raises(GraphError, match=r"refuses user and password.*NEO4J_PASSWORD") as caught:
        Neo4jGraph(running(server).uri)
    assert "not-the-password" not in str(caught.value)
    monkeypatch.delenv("NEO4J_PASSWORD")
    with pytest.raises(GraphError, match="refuses user and password"):
        Neo4jGraph(server.uri)
    monkeypatch.setenv("NEO4J_PASSWORD", PASSWORD)
    Neo4jGraph(server.uri).close()


def test_too_old_for_what_is_asked(server: Neo4jServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(graph_neo4j, "OLDEST", (9999, 1))
    with pytest.raises(GraphError, match=r"got Neo4j/5\.26\.\d+; wanted Neo4j 9999.1 or later"):
        connect(running(server))


def test_no_such_database(server: Neo4jServer) -> None:
    with (
        connect(running(server), database="other") as graph,
        pytest.raises(GraphError, match=r"no such database.*NEO4J_DATABASE"),
    ):
        graph.stats()


def test_out_of_memory_suggests_smaller_batches(server: Neo4jServer, many: DuckDBGraph) -> None:
    with (
        connect(running(server), batch=30_000) as graph,
        pytest.raises(GraphError, match=r"server is out of memory.*--batch 7500"),
    ):
        graph.load_from(many)
    with connect(server, batch=500) as graph:
        assert graph.load_from(many) == many.stats()


def test_killed_in_the_middle_of_a_load(server: Neo4jServer, loaded: Loaded) -> None:
    seen: list[tuple[str, int]] = []
    other = Corpus.from_records([{"patent_id": "1", "title": "a"}])

    def cut(part: str, done: int, total: int) -> None:
        seen.append((part, done))
        if part == "load classified" and done > total / 2:
            server.kill()

    with connect(running(server), batch=50, patience=1) as graph:
        graph.load(other.path)
        with pytest.raises(GraphError, match=r"cut|cannot be reached"):
            graph.load(loaded.corpus.path, cut)
    before = len([s for s in seen if s[0] == "load classified"])
    server.start()
    with connect(server, batch=50) as graph, DuckDBGraph(loaded.graph, read_only=True) as tables:
        with pytest.raises(GraphError, match="not been loaded to its end"):
            graph.stats()
        later: list[tuple[str, int]] = []
        assert (
            graph.load(loaded.corpus.path, lambda p, d, t: later.append((p, d))) == tables.stats()
        )
        assert later[0][0] == "load classified"
        assert before > 1
        assert later[0][1] > seen[-1][1] - 100  # nothing of what was there came again
        for i in loaded.corpus.ids[::40]:
            assert graph.neighbourhood(i) == tables.neighbourhood(i)


def test_read_only(server: Neo4jServer, loaded: Loaded, many: DuckDBGraph) -> None:
    """What is there can be asked and mined; loading something else is refused."""
    with connect(running(server)) as graph:
        wanted = graph.load(loaded.corpus.path)
    server.stop()
    read_only = Neo4jServer(
        server.home,
        password=PASSWORD,
        heap="512m",
        pagecache="64m",
        settings={"server.databases.read_only": "neo4j"},
    )
    with read_only.start(), connect(read_only) as graph:
        assert graph.stats() == wanted
        assert graph.neighbourhood(loaded.corpus.ids[0])["codes"]
        with DuckDBGraph(loaded.graph, read_only=True) as tables:
            mined = [mine_triplets(g, MiningRules(triplets=50)) for g in (tables, graph)]
        assert mined[0].triplets.equals(mined[1].triplets)
        with pytest.raises(GraphError, match="server does not allow writing"):
            graph.load_from(many)


def test_a_server_that_does_not_start(server: Neo4jServer) -> None:
    other = Neo4jServer(
        server.home.with_name("second"),
        heap="64m",
        pagecache="8m",
        settings={"server.memory.pagecache.size": "much"},
    )
    with pytest.raises(GraphError, match=r"Neo4j did not start.*console\.log"):
        other.start()
    assert not other.running
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(GraphError, match=f"something else listens on the port: got {port}"):
            Neo4jServer(server.home.with_name("second"), port=port).start()


def test_the_verb_runs_a_server_until_it_is_told_to_stop(
    server: Neo4jServer, tmp_path: Path
) -> None:
    """As `make neo4j` calls it; its password is in a file that nobody else can read."""
    environment = {k: v for k, v in os.environ.items() if not k.startswith("NEO4J_")}
    port = free_port()
    process = subprocess.Popen(
        [
            sys.executable,
            "-m",
            "patentcl.cli.app",
            "neo4j",
            str(tmp_path),
            "--port",
            str(port),
            "--heap",
            "256m",
            "--pagecache",
            "16m",
        ],
        stdout=subprocess.PIPE,
        text=True,
        env=environment,
    )
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == f"export NEO4J_URI=neo4j://127.0.0.1:{port}\n"
        file = tmp_path / "password"
        assert process.stdout.readline() == f'export NEO4J_PASSWORD="$(cat {file})"\n'
        assert file.stat().st_mode & 0o077 == 0
        with (
            Neo4jGraph(f"neo4j://127.0.0.1:{port}", password=file.read_text().strip()) as graph,
            pytest.raises(GraphError, match="has not been loaded"),
        ):
            graph.stats()
        process.terminate()
        assert process.wait(60) == 0
    finally:
        process.kill()
        process.wait()
    with pytest.raises(OSError):
        socket.create_connection(("127.0.0.1", port), timeout=5)
