"""The graph in a Neo4j server: store, staging, bulk import, and a server of one's own.

Imports what `patentcl.graph` may.
"""

from __future__ import annotations

from patentcl.core.lazy import lazily

_HOME = {"Neo4jGraph": "store", "Neo4jServer": "server"}
__all__ = list(_HOME)
__getattr__, __dir__ = lazily(__name__, _HOME)
