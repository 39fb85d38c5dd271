"""Finding similar patents: the index, its specifications and filters, BM25.

Imports core and cpc.
"""

from __future__ import annotations

from patentcl.core.lazy import lazily

_HOME = {"PatentIndex": "index", "IndexSpec": "specification"}
__all__ = list(_HOME)
__getattr__, __dir__ = lazily(__name__, _HOME)
