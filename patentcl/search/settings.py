"""Settings of the similarity index."""

from __future__ import annotations

from patentcl.core.settings import Settings


class IndexSettings(Settings):
    """A specification from ``indexes/`` by name, or a YAML file of one's own."""

    spec: str = "auto"
    """auto, a name in indexes/, or a YAML file."""
