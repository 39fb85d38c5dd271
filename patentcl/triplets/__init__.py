"""Training triplets: mining them from the graph, and auditing what was mined.

Imports core, cpc, data, graph and encoders.
"""

from __future__ import annotations

from patentcl.core.lazy import lazily

_HOME = {"MiningResult": "mining", "MiningRules": "settings", "mine_triplets": "mining"}
__all__ = list(_HOME)
__getattr__, __dir__ = lazily(__name__, _HOME)
