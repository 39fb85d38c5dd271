"""What may be asked of a reader, and the names that columns of plain files are known by."""

from __future__ import annotations

import codecs
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib import resources
from typing import Any

from patentcl.core.errors import ConfigError, choose
from patentcl.data.dates import ORDERS

SCHEMES = ("cpc", "ipc", "both")

_TEXT = (resources.files("patentcl") / "data" / "names.txt").read_text(encoding="utf-8")
_ALL = {
    role: tuple(names.split(", "))
    for role, _, names in (row.partition(": ") for row in _TEXT.splitlines()[1:])
}
_ROLES = "patent_id title abstract date type codes ipc citations split claims first_claim"
NAMES = {role: _ALL.pop(role) for role in [*_ROLES.split(), "description"]}
FAMILY = _ALL.pop("family")
"""Names of the number of a family: its patents are one invention, and stay in one split."""
KEPT = _ALL
"""Columns that known exports have under different names, and a corpus under one."""
ITEM_END = "\x1f"
"""Joins the items of a list; no text holds it."""
FULL_TEXT = {"claims": "raw_claims", "first_claim": "raw_claims", "description": "raw_description"}
"""Columns of a corpus that are there only if the source has them, and their raw tables."""


def plain_name(name: str) -> str:
    """A column's name as names are compared: "Publication Number" is publication_number."""
    words = re.sub("(?<=[a-z])(?=[A-Z])", "_", name)
    return re.sub(r"[\W_]+", "_", words.lower()).strip("_")


@dataclass(frozen=True)
class ReadOptions:
    """What to take from the source."""

    scheme: str = "both"
    """cpc, ipc or both, which takes IPC only for patents without CPC."""
    limit: int | None = None
    """A sample of this many patents, drawn by a hash of their ids, so always the same."""
    columns: Mapping[str, str] = field(default_factory=dict)
    """For plain files and DataFrames: our column name -> the file's."""
    dates: str = "auto"
    """mdy or dmy: what comes first in 05/04/2010; auto: what a day above 12 shows."""
    encoding: str | None = None
    """Of text files; None: UTF-8, or what is recognised."""
    like: Mapping[str, Any] = field(default_factory=dict)
    """`columns` and `encoding` of an earlier file: they hold where this one has such columns."""
    every_row: bool = False
    """Keep patents without text too, for a result for every row of a file."""
    memory: str = "2GB"
    """What DuckDB may use before it spills to disk."""

    def __post_init__(self) -> None:
        choose(self.scheme, SCHEMES, "scheme")
        choose(self.dates, ORDERS, "order of dates")
        names = {ours: str(theirs) for ours, theirs in self.columns.items()}  # in frames: numbers
        object.__setattr__(self, "columns", names)
        if self.limit is not None and self.limit < 1:
            raise ConfigError("limit must be at least 1", got=self.limit)
        for role in self.columns:
            choose(role, (*NAMES, "family"), "column role", where="columns")
        if self.encoding is not None:
            try:
                codecs.lookup(self.encoding)
            except LookupError:
                wanted = "e.g. utf-8, cp1252, gb18030, utf-16 or shift_jis"
                raise ConfigError("unknown encoding", got=self.encoding, wanted=wanted) from None

    def names(self) -> dict[str, tuple[str, ...]]:
        """Names of each column: the user's own; none for codes of a scheme not wanted."""
        out: dict[str, tuple[str, ...]] = {**NAMES, "family": FAMILY}
        if self.scheme == "cpc":
            del out["ipc"]
        elif self.scheme == "ipc":
            out["codes"] = tuple(n for n in out["codes"] if not n.lower().startswith("cpc"))
        return out | {ours: (theirs,) for ours, theirs in self.columns.items()}
