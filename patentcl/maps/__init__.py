"""Maps of embeddings: projection, clusters and their names, pictures, the page.

Imports core, cpc and metrics.
"""

from __future__ import annotations

from patentcl.core.lazy import lazily

_HOME = {
    "MapSettings": "settings",
    "MapStyle": "drawing",
    "plot_map": "drawing",
    "compare_maps": "comparison",
    "project": "projection",
    "project_pair": "projection",
    "neighbours": "projection",
    "provenance": "projection",
    "cluster": "clusters",
    "place": "projection",
    "map_quality": "quality",
    "landscape": "analysis",
    "footprint": "analysis",
    "growth": "analysis",
    "white_space": "analysis",
    "plot_parts": "analysis",
}
__all__ = list(_HOME)
__getattr__, __dir__ = lazily(__name__, _HOME)
