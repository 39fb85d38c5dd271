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
    """Where positives come from: the anchor cites them, cites the same documents, or shares codes
    with them. Each relation gets an equal part; what one lacks goes to the others."""
    shared_level: Level = "subclass"
    """Anchor and positive must share a symbol of this level."""
    coupled_by: Positive = 2
    """Patents that cite so many documents in common are coupled: positives of the relation
    ``coupled``, and never negatives of each other."""
    negatives: dict[Hardness, Share] = {"easy": 0.2, "medium": 0.3, "hard": 0.5}
    """Shares of negatives from another section, another class, the same subclass."""
    triplets: Positive = 10_000
    per_anchor: Positive = 1
    """At most so many triplets of one anchor and relation."""
    within_years: Whole | None = 5
    """Negatives are looked for at most so many years from the anchor; None for any time."""
    before: Annotated[str, Field(pattern=r"^\d{4}-\d\d-\d\d$")] | None = None
    """Patents of this day or later are in no triplet; None for all."""

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
