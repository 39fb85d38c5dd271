"""Maps of embeddings: projection, clusters and their names, pictures, the page.

Imports core and cpc.
"""

from __future__ import annotations

from patentcl.core.lazy import lazily

_HOME = {
    "plot_map": "drawing",
    "compare_maps": "drawing",
    "project": "projection",
    "project_pair": "projection",
    "cluster": "clusters",
}
__all__ = list(_HOME)
__getattr__, __dir__ = lazily(__name__, _HOME)
