"""The graph in a Neo4j server: store, staging, bulk import, and a server of one's own.

Imports what `patentcl.graph` may.
"""

from __future__ import annotations

from patentcl.core.lazy import lazily

__all__, __getattr__, __dir__ = lazily(__name__, {"store": "Neo4jGraph", "server": "Neo4jServer"})
