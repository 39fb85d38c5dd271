"""What may be asked of a reader, and the names that columns of plain files are known by."""

from __future__ import annotations

import codecs
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from patentcl.core.errors import ConfigError, choose
from patentcl.data.dates import ORDERS

SCHEMES = ("cpc", "ipc", "both")

_OF = (
    "",
    "_codes",
    "_class_symbol",
    "_code",
    "_classification",
    "_classifications",
    "_label",
    "_current",
)
_CPC, _IPC = (*(f"cpc{x}" for x in _OF), "cpc_group"), (*(f"ipc{x}" for x in _OF), "ipcr")
_ID = ("patent_id", "id", "publication_number", "appln_id", "patent_number", "patent_no", "pub_no")
_DATE = ("date", "patent_date", "grant_date", "publication_date", "issue_date", "date_published")
_CITED = ("citations", "cited", "cites", "references", "citation", "us_patent_citations")
_TEXT = ("abstract", "patent_abstract", "appln_abstract", "abstract_localized", "abstract_text")
_CODES = ("cpc_cooperative_classification", "Subclass_labels", "subclasses", "cpc_class")
NAMES = {
    "patent_id": (*_ID, "publication_no", "document_id", "display_key", "number", "No"),
    "title": ("title", "patent_title", "appln_title", "title_localized"),
    "abstract": (*_TEXT, "text"),
    "date": (*_DATE, "publn_date", "pub_date", "year", "publication_year"),
    "type": ("type", "patent_type"),
    "codes": ("codes", "labels", *_CPC, *_CODES),
    "ipc": (
        *_IPC,
        "ipcr_classifications",
        "ipc_international_classification",
        "i_p_c",
        "ipc_class",
    ),
    "citations": (*_CITED, "cited_patents", "cited_refs_patent"),
    "split": ("split",),
    "claims": ("claims", "claims_text", "claim_text", "claims_localized"),
    "first_claim": ("first_claim", "First Claim", "independent_claim"),
    "description": ("description", "description_text", "full_description", "description_localized"),
}
ITEM_END = "\x1f"
"""Joins the items of a list; no text holds it."""
FULL_TEXT = {"claims": "raw_claims", "first_claim": "raw_claims", "description": "raw_description"}
"""Columns of a corpus that are there only if the source has them, and their raw tables."""

KEPT = {
    "applicants": ("applicants", "applicant", "assignee", "assignees", "psn_name"),
    "inventors": ("inventors", "inventor", "inventor/author"),
    "country": ("country", "jurisdiction", "country_code", "appln_auth"),
    "kind": ("kind", "kind_code", "appln_kind"),
    "status": ("status", "legal_status", "decision"),
    "priority_date": ("priority_date", "earliest_priority_date", "earliest_priority"),
    "filing_date": ("filing_date", "application_date", "filing/creation date", "appln_filing_date"),
}
"""Columns that known exports have under different names, and a corpus under one."""
FAMILY = ("family_id", "family_number", "docdb_family_id", "simple_family_id", "inpadoc_family_id")
"""Names of the number of a family: its patents are one invention, and stay in one split."""


def plain_name(name: str) -> str:
    """A column's name as names are compared: "Publication Number" is publication_number."""
    return re.sub(r"[\W_]+", "_", name.lower()).strip("_")


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
            out["codes"] = tuple(n for n in out["codes"] if not n.startswith("cpc"))
        return out | {ours: (theirs,) for ours, theirs in self.columns.items()}
