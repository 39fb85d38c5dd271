"""Claims and descriptions, of plain files and of PatentsView's tables of each year."""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import duckdb

from patentcl.data.files import count
from patentcl.data.options import ITEM_END
from patentcl.data.patentsview import find_tables, table_scan

REFERENCE = (
    r"(?i)\b(?:claims?|anspr(?:uch|üchen?)|revendications?)\s+(?:nos?\.?\s*)?\d"
    r"|\b(?:preceding|previous|foregoing|prior|above)\s+claims?\b"
    r"|\bclaims?\s+(?:above|before)\b|\b(?:any|one)\s+of\s+(?:the\s+)?claims?\b"
)
"""What a claim says that depends on another one: a pattern for Python and for DuckDB."""
_NUMBER = re.compile(r"(?<!\S)(\d{1,4})\s*(?:\.?\s*[-–]\s*(\d{1,4})\s*)?[.)]+(?=\s|[^\W\d])")
_NO_END = re.compile(r"(?i)\b(claims?|nos?|figs?|and|or|to|of|ca|vs)\W*$")
_AT_ONCE = 1_000_000  # claims that are made into lists at a time: those are held in memory

_SQL = rf"""
CREATE TABLE raw_claims (patent_id VARCHAR, claims VARCHAR[], first_claim VARCHAR);
CREATE TABLE raw_description (patent_id VARCHAR, description VARCHAR);
CREATE TEMP MACRO depends(s) AS regexp_matches(s, '{REFERENCE}');
-- A number goes where it only says which claim of the list it is.
CREATE TEMP MACRO unnumbered(claims) AS list_transform(claims, lambda s, i:
    CASE WHEN TRY_CAST(regexp_extract(s, '^(\d+)\s*[.)]', 1) AS INTEGER) = i
         THEN regexp_replace(s, '^\d+\s*[.)]+\s*', '') ELSE s END);
CREATE TEMP MACRO first_of(claims, depend) AS claims[greatest(1, coalesce(list_position(
    list_transform(claims, lambda s, i:
        depend[i] OR regexp_matches(s, '(?i)^[\d\W]*(cancel|withdrawn)')), false), 1))];
"""


def create_tables(con: duckdb.DuckDBPyConnection) -> None:
    """Make the raw tables of full text, empty, and the functions that fill them."""
    con.execute(_SQL)
    con.create_function("split_claims", split_claims, ["VARCHAR"], "VARCHAR[]")
    con.create_function("as_json", _as_json, ["VARCHAR"], "VARCHAR")


def _parsed(text: str) -> Any:
    """The value that a text is, as JSON or as Python shows it; None if it is none."""
    for parse in (json.loads, _from_python):
        try:
            return parse(text.strip())
        except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError):
            continue
    return None


def _from_python(text: str) -> Any:
    """A value as Python shows it; numpy writes no commas, its own names, and nan."""
    plain = re.sub(r"\barray\((\[.*?\])(?:,\s*dtype=\w+)?\)", r"\1", text, flags=re.DOTALL)
    plain = re.sub(r"(': )nan\b", r"\1None", re.sub(r"([}'\"])\s+(?=[{'\"])", r"\1, ", plain))
    return ast.literal_eval(plain)


def _as_json(text: str) -> str:
    """A nested value that is written as text, as JSON; "" where it cannot be read."""
    found = _parsed(text)
    return "" if found is None else json.dumps(found)


def split_claims(text: str) -> list[str]:
    """Split claims that are one text: a list written as text, or numbers counting up from 1.

    Items that are parted by `ITEM_END` are claims as they are.

    >>> split_claims("We claim: 1. A pump as in Fig. 2. 2. The pump of claim 1.")
    ['A pump as in Fig. 2.', 'The pump of claim 1.']
    """
    if ITEM_END in text:
        return text.split(ITEM_END)
    if text.lstrip().startswith("[") and isinstance(found := _parsed(text), list):
        found = [str(claim) for claim in found if claim is not None]
        return split_claims(found[0]) if len(found) == 1 else found
    starts: list[re.Match[str]] = []
    wanted = 1
    for match in _NUMBER.finditer(text):
        if int(match[1]) != wanted:
            continue
        before = text[max(0, match.start() - 100) : match.start()]
        after = text[match.end() : match.end() + 9].lstrip()
        if wanted == 1:
            begins = not before.strip() or (match.start() < 100 and "claim" in before.lower())
        else:
            new_line = before.rstrip(" \t").endswith(("\n", "\r")) and not after[:1].islower()
            begins = new_line or before.rstrip().endswith((".", ")", '"', "”", "|"))
            begins = begins and not _NO_END.search(before)
        if begins:
            starts.append(match)
            wanted = int(match[2] or match[1]) + 1
    if not starts:
        return [text]
    ends = [*(m.start() for m in starts[1:]), len(text)]
    return [  # of several at a time ("1-9. (canceled)") the numbers stay
        text[m.start() if m[2] else m.end() : end].strip(" \t\r\n|")
        for m, end in zip(starts, ends, strict=True)
    ]


def take_texts(con: duckdb.DuckDBPyConnection, text: Mapping[str, str], again: bool) -> None:
    """Take those of the table ``flat``; `text`: SQL by role; `again`: patents have several rows."""
    once = f"QUALIFY row_number() OVER (PARTITION BY {text['patent_id']}) = 1" if again else ""
    if "claims" in text or "first_claim" in text:
        con.execute(f"""
            INSERT INTO raw_claims
            SELECT id, claims, coalesce(unnumbered([text_of(first)])[1],
                       first_of(claims, list_transform(claims, lambda s: depends(s))))
            FROM (SELECT {text["patent_id"]} AS id, {text.get("first_claim", "NULL")} AS first,
                         unnumbered(list_filter(list_transform(
                             split_claims({text.get("claims", "NULL::VARCHAR")}),
                             lambda s: text_of(s)), lambda s: s IS NOT NULL)) AS claims
                  FROM flat {once})""")
    if "description" in text:
        con.execute(f"""
            INSERT INTO raw_description
            SELECT id, text_of(t)
            FROM (SELECT {text["patent_id"]} AS id, {text["description"]} AS t FROM flat {once})""")


def read_texts(con: duckdb.DuckDBPyConnection, source: Path, work: Path) -> None:
    """Take those of the table ``patent`` from PatentsView's tables, one file at a time."""
    for path in find_tables(source, "claims"):
        with table_scan(source, "claims", work, path) as (scan, c):
            depends = f"depends({c['text']})"
            if "dependent" in c:
                depends = f"trim(coalesce({c['dependent']}, '')) NOT IN ('', '-1', 'NULL')"
            con.execute(f"""
                CREATE OR REPLACE TABLE claim AS
                SELECT number_of({c["patent_id"]}) AS id, TRY_CAST({c["seq"]} AS INTEGER) AS seq,
                       text_of({c["text"]}) AS text, {depends} AS depends
                FROM {scan} WHERE number_of({c["patent_id"]}) IN (SELECT patent_id FROM patent)""")
        parts = 1 + count(con, "claim") // _AT_ONCE
        for part in range(parts):
            con.execute(f"""
                INSERT INTO raw_claims SELECT id, claims, first_of(claims, depend) FROM (
                    SELECT id, unnumbered(list_transform(items, lambda x: x.text)) AS claims,
                           list_transform(items, lambda x: x.depends) AS depend
                    FROM (SELECT id, list({{'text': text, 'depends': depends}}
                                          ORDER BY seq, text) AS items
                          FROM claim ANTI JOIN raw_claims r ON r.patent_id = id
                          WHERE text IS NOT NULL AND hash(id) % {parts} = {part} GROUP BY id))""")
        con.execute("DROP TABLE claim")
    for path in find_tables(source, "description"):
        with table_scan(source, "description", work, path) as (scan, c):
            con.execute(f"""
                INSERT INTO raw_description
                SELECT number_of({c["patent_id"]}) AS id, min(text_of({c["text"]})) FROM {scan}
                WHERE number_of({c["patent_id"]}) IN (SELECT patent_id FROM patent)
                    AND number_of({c["patent_id"]}) NOT IN (SELECT patent_id FROM raw_description)
                GROUP BY 1""")
