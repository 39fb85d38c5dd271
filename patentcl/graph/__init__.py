"""The graph of patents, citations and codes: one protocol, in DuckDB or in Neo4j.

Imports core, cpc and data.
"""

from __future__ import annotations

from patentcl.core.lazy import lazily

_HOME = {"DuckDBGraph": "duckdb", "Neo4jGraph": "neo4j.store", "open_graph": "session"}
__all__ = list(_HOME)
__getattr__, __dir__ = lazily(__name__, _HOME)
