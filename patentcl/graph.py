"""What both graph stores can do, and how one is named: ``duckdb://FILE`` or ``neo4j://HOST:PORT``."""

from __future__ import annotations

from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, Protocol

from patentcl.graph_duckdb import DuckDBGraph


class Graph(Protocol):
    """Patents, symbols, and what cites or classifies what.

    For the same corpus every store gives the same answers, row for row.
    """

    def load(self, corpus: str | Path) -> dict[str, int]:
        """Build the graph of a ``corpus.parquet``; an older content is replaced."""

    def stats(self) -> dict[str, int]:
        """Count nodes and relations."""

    def neighbourhood(self, patent_id: str, coupled: int = 20) -> dict[str, list[dict[str, Any]]]:
        """Return a patent's codes (with titles), what it cites, what cites it, what is coupled."""

    def mining_source(self) -> AbstractContextManager[DuckDBGraph]:
        """Give the tables that mining asks, from one consistent state of the graph."""

    def close(self) -> None:
        """Let go of the file or the server."""
