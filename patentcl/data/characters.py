"""Characters that no text can hold, half surrogates and NUL: files and values without them."""

from __future__ import annotations

import codecs
import json
import re
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

import duckdb

from patentcl.data.files import name_of

LOST, NUL = "characters that were lost, as U+FFFD", "NUL characters, removed"
ODD = "CREATE TABLE raw_odd (patent_id VARCHAR, text VARCHAR, what VARCHAR)"
"""Texts with one of both."""
_HALVES = rb"(?:\xed[\xa0-\xbf][\x80-\xbf])+"
_ESCAPED = rb"\\\\|(?:\\u[dD][89a-fA-F][0-9a-fA-F]{2})+"  # what a backslash hides is no escape


def whole_text(text: str) -> str:
    """A text with U+FFFD in place of each half surrogate."""
    if text.isascii():
        return text
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def whole_value(value: Any) -> Any:
    """A value with whole texts in it, however deep."""
    if isinstance(value, str):
        return whole_text(value)
    if isinstance(value, Mapping):
        return {whole_value(k): whole_value(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return (tuple if isinstance(value, tuple) else list)(map(whole_value, value))
    return value


def _replaced(error: UnicodeError) -> tuple[str, int]:
    """Decode half a surrogate of UTF-16 as U+FFFD; anything else that is wrong stays an error."""
    if isinstance(error, UnicodeDecodeError) and "surrogate" in error.reason:
        return "\ufffd", error.start + 2
    raise error


HALVES = "patentcl-halves"
"""How to decode a file that may have half surrogates, for ``open(..., errors=HALVES)``."""
codecs.register_error(HALVES, _replaced)


def has_halves(block: bytes) -> bool:
    """Whether bytes are UTF-8 but for half surrogates."""
    try:
        return bool(re.search(_HALVES, block)) and bool(block.decode("utf-8", "surrogatepass"))
    except UnicodeDecodeError:
        return False


def without_halves(plain: Path, work: Path, escapes: bool = False) -> Path:
    """A copy of a UTF-8 file with U+FFFD in place of half surrogates, also of those of JSON."""
    pattern = re.compile(_HALVES + (b"|" + _ESCAPED if escapes else b""))

    def mended(match: re.Match[bytes]) -> bytes:
        if not match[0].startswith(b"\\"):
            return whole_text(match[0].decode("utf-8", "surrogatepass")).encode()
        return json.dumps(whole_text(json.loads(b'"%b"' % match[0])))[1:-1].encode()

    target = work / f"whole-{plain.name}"
    with plain.open("rb") as source, target.open("wb") as copy:
        copy.writelines(pattern.sub(mended, line) for line in source)
    return target


def note_odd(
    con: duckdb.DuckDBPyConnection,
    table: str,
    patent: str,
    kinds: Mapping[str, str],
    nested: Collection[str] = (),
) -> bool:
    """Take texts with such characters into raw_odd; whether one has NUL, to be removed.

    `kinds` are the types of the columns to look into; those in `nested` are JSON as text.
    """
    for name, kind in kinds.items():
        if kind == "VARCHAR" or name in nested:
            text = name_of(name)
        elif kind == "VARCHAR[]":
            text = f"array_to_string({name_of(name)}, ' ')"
        elif "VARCHAR" in kind:
            text = f"to_json({name_of(name)})::VARCHAR"
        else:
            continue
        marks = [(NUL, "chr(0)"), (NUL, r"'\u0000'"), (LOST, "chr(65533)"), (LOST, r"'\ufffd'")]
        if name not in nested and kind in ("VARCHAR", "VARCHAR[]"):
            marks = marks[::2]  # without escapes
        found = " OR ".join(f"contains({text}, {mark})" for _, mark in marks)
        whens = " ".join(f"WHEN contains({text}, {mark}) THEN '{what}'" for what, mark in marks)
        shown = f"replace({text}, chr(0), '\\0')"
        at = r"instr(replace(shown, chr(65533), '\0'), '\0')"
        con.execute(f"""
            INSERT INTO raw_odd SELECT patent, substr(shown, greatest(1, {at} - 20), 40), what
            FROM (SELECT replace({patent}, chr(0), '') AS patent, {shown} AS shown,
                         CASE {whens} END AS what FROM {table} WHERE {found})""")
    [[nul]] = con.execute(f"SELECT count(*) FROM raw_odd WHERE what = '{NUL}'").fetchall()
    return bool(nul)
