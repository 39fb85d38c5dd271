"""Reads patents from plain files of any kind, or a DataFrame, into raw tables.

Codes and citations may be lists, lists written as text, or separated text. Rows keep their order,
and columns that are not known travel along.
"""

from __future__ import annotations

import datetime
import difflib
import json
import logging
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pandas as pd
import pyarrow as pa

from patentcl.core.errors import DataError
from patentcl.data.characters import note_odd, whole_text, whole_value
from patentcl.data.columns import JSON_LIST, MACROS, Columns, check_columns, choose_columns, text_of
from patentcl.data.delimited import even_rows
from patentcl.data.files import count, explain_duckdb, name_of, numbered, quote
from patentcl.data.fulltext import take_texts
from patentcl.data.opening import JSON, SPLITS, Opened, kind_of, open_files
from patentcl.data.options import FULL_TEXT, ITEM_END, NAMES, ReadOptions
from patentcl.data.profiles import OWN_NAMES

Source = Sequence[Path] | pd.DataFrame
log = logging.getLogger(__name__)

_ROW_A_CODE = ("ipc_class_symbol", "cpc_class_symbol")
"""PATSTAT has one row for each code: a patent's rows differ in the code alone."""


def read_flat(
    con: duckdb.DuckDBPyConnection, sources: Mapping[str, Source], work: Path, options: ReadOptions
) -> tuple[dict[str, str], Columns]:
    """Fill the raw tables from each source, by the name of its split; "" where it has none.

    Returns columns of the one source that are not ours -> their names in a corpus, and what was
    used for what. The source stays as the table ``flat``, whose row numbers are the places of
    patents.
    """
    con.execute(MACROS)
    for split, source in sources.items():
        opened, columns = look_into(con, source, work, options)
        try:
            _take(con, opened, work, place_of(source))
            extra = _read(con, split, place_of(source), opened, columns, keep=len(sources) == 1)
        except duckdb.Error as error:
            raise _explained(error, source, opened) from error
    return extra, columns


def place_of(source: Source) -> object:
    """What errors call a source."""
    return "the DataFrame" if isinstance(source, pd.DataFrame) else source[0]


def look_into(
    con: duckdb.DuckDBPyConnection, source: Source, work: Path, options: ReadOptions
) -> tuple[Opened, Columns]:
    """Open a source, and find out which column is used for what; its rows are not read."""
    if isinstance(source, pd.DataFrame):
        table, columns = _as_table(source, options)
        con.register("frame", table)
        check_columns(columns, table.column_names, place_of(source))
        return Opened("frame", table.column_names), columns
    try:
        opened = open_files(con, source, work, options)
    except duckdb.Error as error:
        raise _explained(error, source) from error
    columns = choose_columns(opened.header, options, place_of(source))
    check_columns(columns, opened.header, place_of(source))
    _say(source[0], opened, columns)
    return opened, columns


def _explained(error: duckdb.Error, source: Source, opened: Opened | None = None) -> DataError:
    where = place_of(source)
    if opened is not None and opened.text is not None:
        return explain_duckdb(error, where, opened.text.place_of)
    if not isinstance(where, Path) or kind_of(where) not in JSON:
        return explain_duckdb(error, where)
    if len(source) > 1:  # a file for each patent
        where = next((p for p in map(Path, source) if not _is_json(p)), where)  # type: ignore[arg-type]
    plain = opened.plain if opened is not None and len(source) == 1 else None
    return explain_duckdb(error, where, json_file=plain or where)


def _is_json(path: Path) -> bool:
    try:
        json.loads(path.read_bytes())
    except ValueError:
        return False
    return True


def _say(path: Path, opened: Opened, columns: Columns) -> None:
    """Say what was found where, before it is read; at length only to those who load."""
    by_row = columns.used["patent_id"][0][0][0] == ""
    notes = [*opened.notes, *["rows are numbered: no column holds ids"] * by_row]
    if notes:
        log.warning("%s: %s", path.name, "; ".join(notes))
    used = "; ".join(f"{ours} = {theirs}" for ours, theirs in columns.shown().items())
    log.info("%s: %s; %s", path.name, columns.profile.name, used)
    kept = [n for n in opened.header if n not in columns.names()]
    if columns.profile.note:
        log.info("%s: this export never has %s", path.name, columns.profile.note)
    if kept:
        more = f" and {len(kept) - 20} more" if len(kept) > 20 else ""
        log.info("%s: kept as they are: %s%s", path.name, ", ".join(kept[:20]), more)


def _take(con: duckdb.DuckDBPyConnection, opened: Opened, work: Path, where: object) -> None:
    """Make the table ``flat``; of a text table that is uneven, what `even_rows` can do with it."""
    con.execute("SET preserve_insertion_order = true")
    # Every table has a rowid of its own: the place of a patent.
    rename = "RENAME (rowid AS row_id)" if "rowid" in map(str.lower, opened.header) else ""
    create = f"CREATE OR REPLACE TEMP TABLE flat AS SELECT * {rename} FROM "
    try:
        con.execute(create + opened.scan)
    except duckdb.Error as error:
        even = None
        if opened.text is not None and "CSV" in str(error):
            even = even_rows(opened.text, work) or even_rows(opened.text, work, loose=True)
        if even is None:
            raise
        con.execute(create + even.scan)
        log.warning("%s: %s", where, "; ".join(even.notes[len(opened.notes) :]))


def _read(
    con: duckdb.DuckDBPyConnection,
    split: str,
    where: object,
    opened: Opened,
    columns: Columns,
    keep: bool,
) -> dict[str, str]:
    used = columns.used
    rows = con.execute("DESCRIBE flat").fetchall()
    kinds = {str(r[0]): str(r[1]) for r in rows} | dict.fromkeys(opened.lists, JSON_LIST)
    nul = False

    def text(role: str) -> str:
        found = text_of(columns, role, kinds, nested)
        if role == "patent_id" and not used[role][0][0][0] and not keep:  # each file begins with 1
            found = f"{quote(split + '-')} || {found}"
        return f"replace({found}, chr(0), '')" if nul else found

    if count(con, "flat") == 0:
        raise DataError("the table is empty", where=where, got="no rows")
    plain = {n: kind for n, kind in kinds.items() if n not in opened.nested}
    nested = opened.nested | _nested_texts(con, where, columns, plain)
    if kept := "".join(f", {text(role)} AS {name_of(_kept(role))}" for role in columns.kept):
        con.execute(f"CREATE OR REPLACE TEMP TABLE flat AS SELECT *{kept} FROM flat")
    for column in nested - {*opened.lists}:
        of = [text(r) for r, a in used.items() if any((column, "") in parts for parts in a)]
        has = f"contains({name_of(column)}::VARCHAR, '{{')"
        if of and count(con, "flat", has) and not count(con, "flat", f"{has} AND {of[0]} <> ''"):
            log.warning("%s: nothing that is known is in the nested column %r", where, column)
    if nul := note_odd(con, "flat", text("patent_id"), kinds, {*nested, *opened.lists}):
        texts = [str(r[0]) for r in con.execute("DESCRIBE flat").fetchall() if r[1] == "VARCHAR"]
        names = ", ".join(f"replace({name_of(n)}, chr(0), '') AS {name_of(n)}" for n in texts)
        con.execute(f"CREATE OR REPLACE TEMP TABLE flat AS SELECT * REPLACE ({names}) FROM flat")
    _leave_out_headers(con, where, columns)
    con.execute("SET preserve_insertion_order = false")
    if "claims" in used and not count(
        con, "flat", f"regexp_matches({text('claims')}, '\\pL{{5}}')"
    ):
        del used["claims"]  # how many there are, not what they say
    row_a_code = any(
        c.lower() in _ROW_A_CODE for r in ("codes", "ipc") for a in used.get(r, ()) for c, _ in a
    )
    place = ("min(rowid)" if row_a_code else "rowid") if keep else "NULL"
    con.execute(f"""
        INSERT INTO raw_patent SELECT {text("patent_id")}, {text("date")}, {text("type")},
            {text("title")}, {text("abstract")}, NULL,
            {quote(split) if split else _split_of(text("split"))}, {place}
        FROM flat {"GROUP BY ALL" if row_a_code else ""}""")
    for role, scheme in (("codes", "cpc"), ("ipc", "ipc")):
        if role in used:
            con.execute(f"""
                INSERT INTO raw_code
                SELECT id, unnest(codes), generate_subscripts(codes, 1) + seq, '{scheme}'
                FROM (SELECT {text("patent_id")} AS id, split_codes({text(role)}) AS codes,
                             {"rowid" if row_a_code else 0} AS seq FROM flat)""")
    if "citations" in used:
        con.execute(f"""
            INSERT INTO raw_citation
            SELECT {text("patent_id")}, unnest(split_numbers({text("citations")})) FROM flat""")
    take_texts(con, {role: text(role) for role in used}, row_a_code)
    _relatives(con, columns, text)
    if not keep:
        return {}
    extra = {_kept(role): role for role in columns.kept}
    ours = {*NAMES, "rowid"} - ({"claims"} if "claims" not in used else set())
    own = [n for n in opened.header if n not in columns.names() and n.lower() not in ours]
    if row_a_code:
        own = _constant(con, own, text("patent_id"), where)
    return extra | {name: name for name in own}


def _constant(
    con: duckdb.DuckDBPyConnection, names: list[str], patent: str, where: object
) -> list[str]:
    """Those columns of ``flat`` that have one value in all rows of a patent."""
    several = "(SELECT count(DISTINCT {}) AS n FROM flat GROUP BY {})"
    differ = [n for n in names if count(con, several.format(name_of(n), patent), "n > 1")]
    if differ:
        log.warning("%s: left out, for a patent has several: %s", where, ", ".join(differ))
    return [n for n in names if n not in differ]


def _leave_out_headers(con: duckdb.DuckDBPyConnection, where: object, columns: Columns) -> None:
    """Leave out rows that repeat the header, as those of tables that were joined."""
    roles = ("patent_id", "title", "date", "abstract")
    there = [columns.used[role][0][0][0] for role in roles if role in columns.used]
    names = [n for n in there if n][:2]
    same = [f"lower(trim({name_of(n)}::VARCHAR)) = {quote(n.lower())}" for n in names]
    same_all = f"CASE WHEN {same[0]} THEN {same[-1]} ELSE false END"
    [[rows]] = con.execute(f"DELETE FROM flat WHERE {same_all}").fetchall() if names[1:] else [[0]]
    if rows:
        log.warning("%s: rows that repeat the header, left out: %d", where, rows)


def _nested_texts(
    con: duckdb.DuckDBPyConnection, where: object, columns: Columns, kinds: Mapping[str, str]
) -> set[str]:
    """Columns of text that holds nested values, as JSON or as Python shows them: made JSON."""
    found = set()
    roles = [*columns.used.values(), *columns.kept.values()]
    lists = {c for a in columns.kept.values() for parts in a for c, _ in parts}
    for column in {c for alternatives in roles for parts in alternatives for c, _ in parts}:
        name = name_of(column)
        begins = f"(prefix({name}, '[') OR prefix({name}, '{{'))"  # quick also on long texts
        shape = rf"""regexp_matches({name}, '^\[?\s*\{{\s*[''"]\w+[''"]\s*:')"""
        if column in lists:
            shape = rf"({shape} OR regexp_matches({name}, '^\[\s*[''\"]'))"
        if kinds.get(column) != "VARCHAR" or not count(con, "flat", f"{begins} AND {shape}"):
            continue
        if broken := count(con, "flat", f"{begins} AND {shape} AND as_json({name}) = ''"):
            log.warning("%s: nested values that are broken, in %r: %d", where, column, broken)
        made = f"coalesce(nullif(as_json({name}), ''), {name})"
        con.execute(f"UPDATE flat SET {name} = {made} WHERE {begins}")
        found.add(column)
    return found


def _kept(role: str) -> str:
    """The column of ``flat`` that is to be kept under a name of our own."""
    return f"kept as {role}"


def _split_of(text: str) -> str:
    """Our name of a split; one that is not known stays as it is, to be refused later."""
    whens = " ".join(f"WHEN {quote(theirs)} THEN {quote(ours)}" for theirs, ours in SPLITS.items())
    return f"CASE lower(trim({text})) {whens} ELSE {text} END"


def _relatives(
    con: duckdb.DuckDBPyConnection, columns: Columns, text: Callable[[str], str]
) -> None:
    """Fill raw_related: patents with the number of one family, or with a document in common."""
    patent = text("patent_id")
    if "family" in columns.used:
        con.execute(f"""
            INSERT INTO raw_related SELECT {patent}, 'FAMILY' || trim({text("family")}) FROM flat
            WHERE coalesce(trim({text("family")}), '') NOT IN ('', '0', '-1')""")
    if "members" in columns.used:
        con.execute(f"""
            INSERT INTO raw_related SELECT {patent}, unnest(split_numbers({text("members")}))
            FROM flat UNION ALL SELECT {patent}, {patent} FROM flat""")
    elif columns.profile.by_family:  # all numbers of the row
        numbers = " || ';' || ".join(
            f"{name_of(c)}::VARCHAR" for [(c, _)] in columns.used["patent_id"][:1]
        )
        pairs = f"{patent}, unnest(split_numbers({numbers}))"
        con.execute(f"INSERT INTO raw_related SELECT {pairs} FROM flat")


# ---- DataFrames -----------------------------------------------------------------------------


def _as_table(frame: pd.DataFrame, options: ReadOptions) -> tuple[pa.Table, Columns]:
    """A DataFrame as text and lists of text, as a file of the same patents would be read."""
    where = "the DataFrame"
    frame = _with_index(frame)
    header = numbered([whole_text(str(name)).replace("\0", "") for name in frame.columns])
    if frame.empty:
        raise DataError("the table is empty", where=where, got="no rows")
    found = choose_columns(header, options, where)
    other = {"cpc": "ipc", "ipc": "codes"}.get(options.scheme)  # left out on purpose
    absent = [role for role in NAMES if role not in (*found.used, *FULL_TEXT, other)]
    counts = {n for a in found.used.get("claims", ()) for n, _ in a}  # unless they are texts
    numbers = {n for a in found.used.get("citations", ()) for n, _ in a}
    columns = {}
    for i, name in enumerate(header):
        values = frame.iloc[:, i]
        is_plain = not any(isinstance(v, dict) for v in map(_first, values))
        is_plain &= not (name in counts and pd.api.types.is_numeric_dtype(values))
        is_bytes = any(isinstance(v, bytes) for v in map(_first, values))
        if (name in found.names() or is_bytes) and is_plain:
            end = ITEM_END if name in numbers else ""
            columns[name] = pa.array([_text(v, end) for v in values], pa.string())
        elif (
            found.profile is OWN_NAMES
            and name not in found.names()
            and (near := difflib.get_close_matches(name.lower(), absent, 1, cutoff=0.8))
        ):
            raise DataError("unknown field", where=where, got=name, fix=f"Did you mean {near[0]}?")
        else:
            try:
                columns[name] = pa.array(values, from_pandas=True)
            except UnicodeEncodeError:
                columns[name] = pa.array([whole_value(v) for v in values], from_pandas=True)
            except (pa.ArrowInvalid, pa.ArrowTypeError, pa.ArrowNotImplementedError):
                columns[name] = pa.array([_text(v) for v in values], pa.string())
    return pa.table(columns), found


def _with_index(frame: pd.DataFrame) -> pd.DataFrame:
    """A DataFrame with the named levels of its index, which are often ids, as columns."""
    for name in [n for n in frame.index.names if n is not None]:
        there = [frame.iloc[:, i] for i, n in enumerate(frame.columns) if n == name]
        values = frame.index.get_level_values(frame.index.names.index(name))
        if not any(values.equals(pd.Index(c)) for c in there):
            frame = frame.reset_index(level=name, allow_duplicates=True)
    return frame


def _first(value: Any) -> Any:
    """The first item of a list, or the value itself."""
    return value[0] if isinstance(value, list | tuple | np.ndarray) and len(value) else value


def _text(value: Any, end: str = "") -> str | None:
    """One cell as text: None where it is missing; days without a time; the items of a list."""
    if pd.api.types.is_list_like(value) and not isinstance(value, dict):
        return ITEM_END.join(t for item in value if (t := _text(item)) is not None) + end
    if not isinstance(value, dict) and pd.isna(value):
        return None
    if isinstance(value, bytes):
        value = value.decode("utf-8", "replace")
    if isinstance(value, datetime.datetime):
        return value.date().isoformat()
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return whole_text(str(value))
