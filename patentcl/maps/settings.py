"""Settings of the map."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from patentcl.core.settings import Positive, Settings, Share, Switch


class MapSettings(Settings):
    """The picture of the embedding space."""

    method: Literal["umap", "pca"] = "umap"
    """How vectors become two coordinates."""
    neighbors: Annotated[int, Field(ge=2, strict=True)] = 15
    """Neighbours that count: fewer show detail, more the large picture."""
    min_dist: Share = 0.1
    """How tightly UMAP may pack points."""
    fit_sample: Positive | None = None
    """UMAP is fitted on that many patents and places the rest; None: on all up to 150,000."""
    title: str | None = None
    """Above the picture; None for a title from the data."""
    compare: Switch = False
    """Also draw the vectors before fine-tuning, side by side with those after it."""
