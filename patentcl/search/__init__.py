"""Finding similar patents: the index, its specifications and filters, BM25.

Imports core and cpc.
"""

from __future__ import annotations

from patentcl.core.lazy import lazily

__all__, __getattr__, __dir__ = lazily(
    __name__, {"index": "PatentIndex", "specification": "IndexSpec"}
)
