"""Reading: every format into one corpus, its splits, near copies and families, downloads.

Imports core, cpc and sample.
"""

from __future__ import annotations

from patentcl.core.lazy import lazily

__all__, __getattr__, __dir__ = lazily(
    __name__,
    {
        "corpus": "Corpus",
        "splits": "make_splits write_splits",
        "reading": "read_patents",
        "options": "ReadOptions",
    },
)
