"""The synthetic corpus: patents written from templates, in PatentsView's own file layout.

Imports core and cpc-free word lists only.
"""

from __future__ import annotations

from patentcl.core.lazy import lazily

__all__, __getattr__, __dir__ = lazily(__name__, {"writer": "write_sample"})
