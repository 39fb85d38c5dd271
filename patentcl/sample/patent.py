"""One patent of the synthetic corpus while it is made."""

from __future__ import annotations

import datetime
from dataclasses import dataclass, field

FIRST_DAY = datetime.date(1995, 1, 3)
"""A Tuesday, as all days of grant."""


@dataclass
class Patent:
    """One patent while it is made."""

    id: str
    type: str
    week: int
    kind: str
    inventor: str
    title: str = ""
    abstract: str = ""
    claims: int = 1
    withdrawn: int = 0
    codes: list[tuple[str, str]] = field(default_factory=list)
    topics: tuple[str, ...] = ()
    """Subgroup, group, subclass and section of the main code, then other subgroups; '' for none."""
    parent: int = -1
    """Position of the patent that this one continues."""

    @property
    def date(self) -> datetime.date:
        """Day of grant, a Tuesday."""
        return FIRST_DAY + datetime.timedelta(weeks=self.week)
