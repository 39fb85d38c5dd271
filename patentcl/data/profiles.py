"""Exports of known tools, one entry each: how to know it, and which column is used for what.

In an entry, "A | B" is A or, where it is empty, B; "A & B" is A with B; "a.b" lies inside of a.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Profile:
    """How a tool writes its tables."""

    name: str
    signature: str = ""
    """Columns that only this tool has together."""
    roles: Mapping[str, str] = field(default_factory=dict)
    """Our column -> the tool's, where `NAMES` does not tell; "members" are numbers of a family."""
    kept: Mapping[str, str] = field(default_factory=dict)
    """Columns that a corpus keeps under a name of its own, where `options.KEPT` does not say so."""
    by_family: bool = False
    """A row is a family: of several numbers and dates the first ones count."""
    month_first: bool = False
    """1/2/2003 is the second of January."""
    note: str = ""
    """What the export never has."""


OWN_NAMES = Profile("own names")
"""A table of the user's, with columns by the names in `options.NAMES`."""

PROFILES = (
    Profile(
        "Lens CSV",
        "Lens ID & Display Key",
        {"date": "Publication Date | Publication Year", "members": "Simple Family Members"},
        note="the patents that are cited",
    ),
    Profile(
        "Lens JSONL",
        "lens_id & biblio / doc_number",
        {
            "patent_id": "jurisdiction & doc_number & kind",
            "title": "biblio.invention_title",
            "codes": "biblio.classifications_cpc",
            "ipc": "biblio.classifications_ipcr",
            "citations": "biblio.references_cited",
            "members": "families.simple_family",
        },
        {
            "applicants": "biblio.parties.applicants",
            "inventors": "biblio.parties.inventors",
            "status": "legal_status.patent_status",
            "filing_date": "biblio.application_reference.date",
            "priority_date": "biblio.priority_claims.earliest_claim.date",
        },
    ),
    Profile(
        "Google Patents CSV",
        "id & result link",
        {"patent_id": "id", "date": "publication date | grant date"},
        note="abstracts, codes and citations",
    ),
    Profile(
        "Espacenet",
        "Publication number & Earliest priority",
        {"patent_id": "Publication number", "date": "Publication date | Earliest publication"},
        by_family=True,
        note="abstracts and citations",
    ),
    Profile(
        "USPTO Patent Public Search CSV",
        "Document ID / Document/Patent number & CPCI",
        {
            "patent_id": "Document ID | Document/Patent number",
            "date": "Date Published",
            "codes": "CPCI & CPCA",
        },
        {"applicants": "Assignee | Applicant Name", "filing_date": "Filing Date"},
        month_first=True,
        note="abstracts and citations",
    ),
    Profile(
        "Derwent Innovation",
        "Publication Number & Title - DWPI / CPC - Current",
        {
            "title": "Title | Title - DWPI",
            "abstract": "Abstract | Abstract - DWPI",
            "members": "DWPI Family Members",
        },
        {"applicants": "Assignee/Applicant | Assignee - DWPI", "inventors": "Inventor"},
    ),
    Profile(
        "Derwent Innovations Index",
        "PN & TI & IP / DC",
        {"patent_id": "PN", "title": "TI", "abstract": "AB", "date": "PD", "ipc": "IP"},
        {"applicants": "AE", "inventors": "AU"},
        by_family=True,
        note="CPC codes",
    ),
    Profile(
        "Orbit",
        "Questel unique family ID (FAN)",
        {
            "patent_id": "Publication numbers | Publication number",
            "title": "English title | Title",
            "abstract": "English abstract | Abstract",
            "date": "Publication dates | Publication date",
            "family": "Questel unique family ID (FAN)",
        },
        {"applicants": "Current assignees | Applicants", "status": "Legal status"},
        by_family=True,
    ),
    Profile("J-PlatPat", "文献番号 & FI", {"ipc": "FI"}, note="CPC codes"),
    Profile(
        "PATSTAT",
        "appln_id",
        {"patent_id": "appln_id", "date": "publn_date | earliest_publn_date | appln_filing_date"},
    ),
    Profile(
        "BigQuery patents",
        "publication_number & title_localized",
        {"patent_id": "publication_number", "date": "publication_date"},
        {
            "applicants": "assignee | assignee_harmonized",
            "inventors": "inventor | inventor_harmonized",
        },
    ),
    Profile(
        "PatentsView API",
        "patent_id & cpc_current / us_patent_citations",
        kept={"applicants": "assignees | assignees_at_grant"},
    ),
    Profile(
        "HUPD",
        "cpc_labels & main_cpc_label / full_description",
        {
            "patent_id": "publication_number | application_number",
            "codes": "main_cpc_label & cpc_labels",
            "ipc": "main_ipcr_label & ipcr_labels",
        },
        {"inventors": "inventor_list"},
        note="citations",
    ),
)
"""The first one whose signature a header has; in a signature, "A / B" is one of both."""
