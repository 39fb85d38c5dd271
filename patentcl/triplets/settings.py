"""Settings of mining triplets."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Literal

from pydantic import Field, model_validator

from patentcl.core.settings import Level, Positive, Settings, Share, Whole

Hardness = Literal["easy", "medium", "hard"]


class MiningRules(Settings):
    """Which triplets to look for; see `patentcl.triplets.mining.mine_triplets`."""

    relations: tuple[Literal["cites", "coupled", "class"], ...] = ("cites", "class")
    """Where positives come from: cited, citing the same documents, or sharing codes."""
    shared_level: Level = "subclass"
    """Anchor and positive must share a symbol of this level."""
    coupled_by: Positive = 2
    """Patents that cite this many documents in common are coupled."""
    negatives: dict[Hardness, Share] = {"easy": 0.2, "medium": 0.3, "hard": 0.5}
    """Shares of negatives from another section, another class, the same subclass."""
    triplets: Positive = 10_000
    """Number of triplets to mine."""
    per_anchor: Positive = 1
    """At most this many triplets of one anchor and relation."""
    within_years: Whole | None = 5
    """Negatives are at most this many years from the anchor; None: any time."""
    before: Annotated[str, Field(pattern=r"^\d{4}-\d\d-\d\d$")] | None = None
    """Patents of this day or later are in no triplet; None: all may be."""

    @model_validator(mode="after")
    def _shares(self) -> MiningRules:
        if abs(sum(self.negatives.values()) - 1) > 1e-6:
            raise ValueError(
                f"shares of negatives that sum to 1, not {sum(self.negatives.values()):g}"
            )
        if not self.relations:
            raise ValueError("at least one relation")
        try:
            date.fromisoformat(self.before or "2000-01-01")
        except ValueError:
            raise ValueError("a day such as 2015-01-01") from None
        return self
