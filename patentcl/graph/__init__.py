"""The graph of patents, citations and codes: one protocol, in DuckDB or in Neo4j.

Imports core, cpc and data.
"""

from __future__ import annotations

from patentcl.core.lazy import lazily

__all__, __getattr__, __dir__ = lazily(
    __name__, {"duckdb": "DuckDBGraph", "neo4j.store": "Neo4jGraph", "session": "open_graph"}
)
