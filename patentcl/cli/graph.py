"""Commands about the graph: graph, neo4j."""

from __future__ import annotations

import json
import os
import secrets
import signal
import sys
import time
from pathlib import Path
from typing import Annotated, Any

import typer

from patentcl.cli.options import RUN, Json, note, out, verb
from patentcl.core.tables import one_line


@verb()
def graph(
    patent: Annotated[str, typer.Argument(help="Id of a patent.")],
    address: Annotated[
        str, typer.Option("--graph", help="duckdb://FILE or neo4j://HOST:PORT.")
    ] = f"duckdb://{RUN}/graph.duckdb",
    coupled: Annotated[
        int, typer.Option(min=0, help="Show at most N patents that cite the same documents.")
    ] = 20,
    corpus: Annotated[
        Path | None,
        typer.Option(help="Corpus that has the titles. [default: the one beside the graph's file]"),
    ] = None,
    as_json: Json = False,
) -> None:
    """Show a patent's codes with titles, what it cites, what cites it and what cites the same.

    Example: patentcl graph 10005747 --graph duckdb://work/graph.duckdb
    """
    from patentcl.graph.session import open_graph

    with open_graph(address) as store:
        found = store.neighbourhood(patent, coupled)
    near = [p for key in ("cites", "cited_by", "coupled") for p in found[key]]
    titles = _titles(address, corpus, [patent, *(p["patent_id"] for p in near)])
    for p in near:
        p["title"] = titles.get(p["patent_id"])
    if as_json:
        record = {"patent_id": patent, "title": titles.get(patent), **found}
        out(json.dumps(record, ensure_ascii=False, default=str))
        return
    out(f"{patent}  {one_line(titles.get(patent, ''), 90)}".rstrip())
    width = max([len(c["symbol"]) for c in found["codes"]], default=0)
    codes = [f"{c['symbol']:<{width}}  {one_line(c['title'] or '')}" for c in found["codes"]]
    _section("codes", codes)
    for name, key in (("cites", "cites"), ("cited by", "cited_by")):
        _section(name, [_line(p) for p in found[key]])
    _section(
        "cites the same", [_line(p, f"{p['shared']:>3} in common  ") for p in found["coupled"]]
    )


def _titles(address: str, corpus: Path | None, ids: list[str]) -> dict[str, str]:
    """Titles by id from a corpus; from none where a graph has none beside it."""
    from patentcl.data.corpus import Corpus
    from patentcl.graph.session import graph_file, is_server
    from patentcl.workspace.folders import open_corpus

    if corpus is not None:
        return open_corpus(corpus).titles_of(ids)
    if is_server(address):
        return {}
    beside = graph_file(address).with_name("corpus.parquet")
    return Corpus(beside).titles_of(ids) if beside.is_file() else {}


def _line(patent: dict[str, Any], more: str = "") -> str:
    date = str(patent["date"] or "no date")
    title = one_line(patent["title"] or "", 70)
    return f"{patent['patent_id']:<12} {date:<10}  {more}{title}"


def _section(name: str, lines: list[str]) -> None:
    out(f"  {name}: {len(lines) or 'none'}")
    for line in lines:
        out(f"    {line}".rstrip())


@verb()
def neo4j(
    home: Annotated[Path, typer.Argument(help="Folder of the server and its data.")] = Path(
        "artifacts/neo4j"
    ),
    port: Annotated[int, typer.Option(help="Port, on this machine only.")] = 7687,
    heap: Annotated[str, typer.Option(help="Memory for queries.")] = "2g",
    pagecache: Annotated[str, typer.Option(help="Memory for the store.")] = "1g",
) -> None:
    """Fetch and run a Neo4j server without Docker (Java 17 or 21, Maven); Ctrl-C stops it.

    Example: patentcl neo4j artifacts/neo4j --heap 4g
    """
    from patentcl.graph.neo4j.server import Neo4jServer, version

    password, told = _password(home)
    server = Neo4jServer(home, port, password, heap, pagecache)
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # as Ctrl-C: the server ends, too
    try:
        server.start(note=note)
        note(f"Neo4j {version()} is running; Ctrl-C stops it. In another shell:")
        out(f"export NEO4J_URI={server.uri}")
        out(f"export NEO4J_PASSWORD={told}")
        sys.stdout.flush()  # who reads it through a pipe waits for these lines
        while server.running:
            time.sleep(0.5)
        note(f"the server stopped by itself; see {home}/logs")
        raise typer.Exit(1)
    except KeyboardInterrupt:
        note("stopping the server")
    finally:
        server.stop()


def _password(home: Path) -> tuple[str, str]:
    """The password of a server's folder, and how a shell gets at it; nobody else can read it."""
    given, file = os.environ.get("NEO4J_PASSWORD"), home / "password"
    if given:
        return given, '"$NEO4J_PASSWORD"  # as in this shell'
    if not file.is_file():
        home.mkdir(parents=True, exist_ok=True)
        with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as stream:
            stream.write(secrets.token_hex(16) + "\n")
    return file.read_text(encoding="utf-8").strip(), f'"$(cat {file.absolute()})"'
