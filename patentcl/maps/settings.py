"""Settings of the map."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from patentcl.core.settings import Positive, Settings, Share


class MapSettings(Settings):
    """The picture of the embedding space."""

    method: Literal["umap", "pca"] = "umap"
    neighbors: Annotated[int, Field(ge=2, strict=True)] = 15
    min_dist: Share = 0.1
    fit_sample: Positive | None = None
    """UMAP is fitted on so many patents and places the rest; None: on all up to 150,000."""
