"""What both graph stores can do, and how one is named: ``duckdb://FILE`` or ``neo4j://HOST:PORT``."""

from __future__ import annotations

from contextlib import AbstractContextManager
from functools import partial
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import urlsplit

from patentcl.core import artifacts
from patentcl.core.errors import ConfigError
from patentcl.core.progress import StageProgress
from patentcl.graph.database import Database
from patentcl.graph.duckdb import DuckDBGraph

SERVERS = ("neo4j", "neo4j+s", "neo4j+ssc", "bolt", "bolt+s", "bolt+ssc")
_WANTED = "duckdb://FILE or neo4j://HOST:PORT"


class Graph(Protocol):
    """Patents, symbols, and what cites or classifies what.

    For the same corpus every store gives the same answers, row for row.
    """

    def load(self, corpus: str | Path, progress: StageProgress | None = None) -> dict[str, int]:
        """Build the graph of a ``corpus.parquet``; an older content is replaced."""

    def stats(self) -> dict[str, int]:
        """Count nodes and relations."""

    def neighbourhood(self, patent_id: str, coupled: int = 20) -> dict[str, list[dict[str, Any]]]:
        """Return a patent's codes (with titles), what it cites, what cites it, what is coupled."""

    def mining_source(self) -> AbstractContextManager[Database]:
        """Give the tables that mining asks, from one consistent state of the graph."""

    def close(self) -> None:
        """Let go of the file or the server."""

    def __enter__(self) -> Graph: ...

    def __exit__(self, *of_error: Any) -> None: ...


def is_server(address: str | Path) -> bool:
    """Whether an address is that of a Neo4j server, and not a file.

    Examples
    --------
    >>> is_server("neo4j://localhost:7687"), is_server("duckdb://graph.duckdb")
    (True, False)
    """
    return str(address).partition("://")[0] in SERVERS and "://" in str(address)


def graph_file(address: str | Path) -> Path:
    """Return the file of a DuckDB graph's address; a plain path is one, too, and a run's folder.

    Raises
    ------
    ConfigError
        If it is the address of something else.

    Examples
    --------
    >>> graph_file("duckdb://artifacts/graph.duckdb").as_posix()
    'artifacts/graph.duckdb'
    """
    scheme, sign, rest = str(address).partition("://")
    if isinstance(address, Path) or not sign:
        path = Path(address)
        return path / "graph.duckdb" if path.is_dir() else path
    if scheme in SERVERS:
        raise ConfigError("this needs the graph in a file", got=address, wanted="duckdb://FILE")
    if scheme != "duckdb":
        raise ConfigError("unknown kind of graph", got=address, wanted=_WANTED)
    if not rest:
        raise ConfigError("the graph needs a file", got=address, wanted="duckdb://FILE")
    return Path(rest)


def open_graph(address: str | Path, read_only: bool = True, **options: Any) -> Graph:
    """Open a graph by its address.

    Parameters
    ----------
    address : str or Path
        ``duckdb://FILE``, a path, or ``neo4j://HOST:PORT`` (user and password from
        NEO4J_USERNAME and NEO4J_PASSWORD).
    read_only : bool
        Of a file.
    **options
        Of `patentcl.Neo4jGraph`.

    Raises
    ------
    ConfigError
        If it is no such address, or has a password in it.
    GraphError
        If the file or the server cannot be opened.
    """
    if not is_server(address):
        file = graph_file(address)
        read = partial(DuckDBGraph, file, read_only=read_only)
        return artifacts.opened(file.parent, read, (file.name,)) if read_only else read()
    if "@" in urlsplit(str(address)).netloc:
        raise ConfigError(
            "user and password do not belong into the address of a graph",
            wanted="neo4j://HOST:PORT",
            fix="Set NEO4J_USERNAME and NEO4J_PASSWORD",
        )
    from patentcl.graph.neo4j.store import Neo4jGraph

    return Neo4jGraph(str(address), **options)
