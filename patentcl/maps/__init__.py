"""Maps of embeddings: projection, clusters and their names, pictures, the page.

Imports core, cpc and metrics.
"""

from __future__ import annotations

from patentcl.core.lazy import lazily

__all__, __getattr__, __dir__ = lazily(
    __name__,
    {
        "settings": "MapSettings",
        "drawing": "MapStyle plot_map",
        "comparison": "compare_maps",
        "projection": "project project_pair neighbours provenance place",
        "clusters": "cluster",
        "quality": "map_quality",
        "analysis": "landscape footprint growth white_space plot_parts",
    },
)
