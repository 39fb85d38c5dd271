"""Reading: every format into one corpus, its splits, near copies and families, downloads.

Imports core, cpc and sample.
"""

from __future__ import annotations

from patentcl.core.lazy import lazily

_HOME = {
    "Corpus": "corpus",
    "make_splits": "splits",
    "write_splits": "splits",
    "read_patents": "reading",
    "ReadOptions": "options",
}
__all__ = list(_HOME)
__getattr__, __dir__ = lazily(__name__, _HOME)
