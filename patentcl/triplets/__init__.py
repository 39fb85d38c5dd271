"""Training triplets: mining them from the graph, and auditing what was mined.

Imports core, cpc, data, graph and encoders.
"""

from __future__ import annotations

from patentcl.core.lazy import lazily

__all__, __getattr__, __dir__ = lazily(
    __name__, {"mining": "MiningResult mine_triplets", "settings": "MiningRules"}
)
