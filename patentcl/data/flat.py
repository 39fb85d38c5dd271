"""Reads patents from one CSV, TSV, JSONL or Parquet file, or a DataFrame, into raw tables.

Codes and citations may be lists, lists written as text, or separated text. Rows keep their order,
and columns that are not known travel along.
"""

from __future__ import annotations

import datetime
import difflib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import duckdb
import pandas as pd
import pyarrow as pa

from patentcl.core.errors import DataError, did_you_mean
from patentcl.data.files import (
    count,
    csv_scan,
    explain_duckdb,
    name_of,
    pick_columns,
    quote,
    read_header,
    unpack,
)
from patentcl.data.fulltext import take_texts
from patentcl.data.options import FULL_TEXT, ITEM_END, NAMES, ReadOptions

SUFFIXES = (".parquet", ".csv", ".tsv", ".jsonl", ".ndjson", ".csv.gz", ".tsv.gz", ".jsonl.gz")
_OPTIONAL = frozenset(NAMES) - {"patent_id"}
_ROW_A_CODE = ("ipc_class_symbol", "cpc_class_symbol")
"""PATSTAT has one row for each code: a patent's rows differ in the code alone."""


def read_flat(
    con: duckdb.DuckDBPyConnection,
    sources: Mapping[str, Path | pd.DataFrame],
    work: Path,
    options: ReadOptions,
) -> list[str]:
    """Fill the raw tables from each source, by the name of its split; "" where it has none.

    Returns columns of the one source that are not ours: it stays as the table ``flat``, whose row
    numbers are the places of patents.
    """
    extra: list[str] = []
    for split, source in sources.items():
        where = "the DataFrame" if isinstance(source, pd.DataFrame) else source
        try:
            if isinstance(source, pd.DataFrame):
                table = _as_table(source, options)
                con.register("frame", table)
                scan, header = "frame", table.column_names
            else:
                scan, header = _scan(con, source, work)
            extra = _read(con, split, where, scan, header, options, keep=len(sources) == 1)
        except duckdb.Error as error:
            plain = None
            if isinstance(source, Path):
                plain = work / source.with_suffix("").name if source.suffix == ".gz" else source
            raise explain_duckdb(error, where, plain) from error
    return extra


def _scan(con: duckdb.DuckDBPyConnection, path: Path, work: Path) -> tuple[str, list[str]]:
    """A FROM clause for a plain file, and its columns; all text, except in Parquet."""
    name = path.name.lower()
    if not name.endswith(SUFFIXES):
        raise DataError("unknown kind of file", got=path, wanted=", ".join(SUFFIXES))
    plain = unpack(path, work)
    if not plain.stat().st_size:
        raise DataError("the file is empty", where=path, got="0 bytes")
    name = plain.name.lower()
    if name.endswith((".csv", ".tsv")):
        delimiter = "\t" if name.endswith(".tsv") else ","
        header = read_header(plain, delimiter, path)
        return csv_scan(plain, header, delimiter), header
    if name.endswith(".parquet"):
        scan = f"read_parquet({quote(plain)})"
        return scan, [r[0] for r in con.execute(f"DESCRIBE SELECT * FROM {scan}").fetchall()]
    how = f"{quote(plain)}, format='newline_delimited', maximum_object_size=67108864"
    # Types are not guessed from the first rows (an id D1000 may come late); names from all rows.
    names = [
        r[0]
        for r in con.execute(f"DESCRIBE SELECT * FROM read_json({how}, sample_size=-1)").fetchall()
    ]
    columns = ", ".join(f"{quote(n)}: 'JSON'" for n in names)
    texts = ", ".join(f"{name_of(n)} ->> '$' AS {name_of(n)}" for n in names)
    return f"(SELECT {texts} FROM read_json({how}, columns={{{columns}}}))", names


def _columns(header: list[str], options: ReadOptions, where: object) -> dict[str, str]:
    """Our names of the columns that a source has -> its own."""
    for theirs in options.columns.values():
        if theirs not in header:
            raise DataError(
                f"column {theirs!r} is missing",
                where=where,
                got=", ".join(header)[:200],
                fix=did_you_mean(theirs, header),
            )
    return pick_columns(header, options.names(), _OPTIONAL, where)


def _read(
    con: duckdb.DuckDBPyConnection,
    split: str,
    where: object,
    scan: str,
    header: list[str],
    options: ReadOptions,
    keep: bool,
) -> list[str]:
    found = _columns(header, options, where)
    c = {ours: name_of(theirs) for ours, theirs in found.items()}
    if "title" not in c and "abstract" not in c:
        raise DataError(
            "no text column",
            where=where,
            got=", ".join(header)[:200],
            wanted="title or abstract",
            fix="Name it, e.g. --columns abstract=summary",
        )
    con.execute("SET preserve_insertion_order = true")
    # Every table has a rowid of its own: the place of a patent.
    rename = "RENAME (rowid AS row_id)" if "rowid" in map(str.lower, header) else ""
    con.execute(f"CREATE OR REPLACE TEMP TABLE flat AS SELECT * {rename} FROM {scan}")
    con.execute("SET preserve_insertion_order = false")
    if count(con, "flat") == 0:
        raise DataError("the table is empty", where=where, got="no rows")
    if options.scheme == "ipc" and "ipc" in c and "codes" not in options.columns:
        c.pop("codes", None)  # of any scheme
    if "claims" in c and not count(
        con, "flat", f"regexp_matches({c['claims']}::VARCHAR, '\\pL{{5}}')"
    ):
        del c["claims"], found["claims"]  # how many there are, not what they say
    row_a_code = any(found.get(role, "").lower() in _ROW_A_CODE for role in ("codes", "ipc"))
    place = ("min(rowid)" if row_a_code else "rowid") if keep else "NULL"
    kinds = {r[0].lower(): str(r[1]) for r in con.execute("DESCRIBE flat").fetchall()}
    text = {
        role: _text_of(c.get(role), kinds.get(found.get(role, "").lower(), "")) for role in NAMES
    }
    con.execute(f"""
        INSERT INTO raw_patent SELECT {text["patent_id"]}, {text["date"]}, {text["type"]},
            {text["title"]}, {text["abstract"]}, NULL, {quote(split) if split else text["split"]},
            {place}
        FROM flat {"GROUP BY ALL" if row_a_code else ""}""")
    for role, scheme in (("codes", "cpc"), ("ipc", "ipc")):
        if role in c:
            con.execute(f"""
                INSERT INTO raw_code SELECT id, unnest(codes), generate_subscripts(codes, 1),
                    '{scheme}' FROM (SELECT {text["patent_id"]} AS id,
                                            split_codes({text[role]}) AS codes FROM flat)""")
    if "citations" in c:
        con.execute(f"""
            INSERT INTO raw_citation
            SELECT {text["patent_id"]}, unnest(split_numbers({text["citations"]})) FROM flat""")
    take_texts(con, {role: text[role] for role in c}, row_a_code)
    roles = {*NAMES, "rowid"} - ({"claims"} if "claims" not in c else set())
    extra = [n for n in header if n not in found.values() and n.lower() not in roles]
    return extra if keep and not row_a_code else []


def _text_of(column: str | None, kind: str) -> str:
    """A SQL expression for a column as text; the items of a list are joined."""
    if column is None:
        return "NULL::VARCHAR"
    if kind.endswith("[]"):
        return f"array_to_string({column}::VARCHAR[], {quote(ITEM_END)})"
    return f"{column}::VARCHAR"


# ---- DataFrames -----------------------------------------------------------------------------


def _as_table(frame: pd.DataFrame, options: ReadOptions) -> pa.Table:
    """A DataFrame as text and lists of text, as a file of the same patents would be read."""
    where = "the DataFrame"
    if frame.index.name is not None:  # ids are often the index
        frame = frame.reset_index()
    header = [str(name) for name in frame.columns]
    lower = [name.lower() for name in header]
    if len(set(lower)) < len(lower):
        twice = next(n for n in header if lower.count(n.lower()) > 1)
        raise DataError("two columns have one name", where=where, got=repr(twice))
    if frame.empty:
        raise DataError("the table is empty", where=where, got="no rows")
    found = _columns(header, options, where)
    roles = {theirs: ours for ours, theirs in found.items()}
    absent = [role for role in NAMES if role not in (*found, *FULL_TEXT)]
    columns = {}
    for i, name in enumerate(header):
        values = frame.iloc[:, i]
        is_count = roles.get(name) == "claims" and pd.api.types.is_numeric_dtype(values)
        if name in roles and not is_count:
            columns[name] = pa.array([_text(v) for v in values], pa.string())
        elif near := difflib.get_close_matches(name.lower(), absent, 1, cutoff=0.8):
            raise DataError("unknown field", where=where, got=name, fix=f"Did you mean {near[0]}?")
        else:
            try:
                columns[name] = pa.array(values, from_pandas=True)
            except (pa.ArrowInvalid, pa.ArrowTypeError, pa.ArrowNotImplementedError):
                columns[name] = pa.array([_text(v) for v in values], pa.string())
    return pa.table(columns)


def _text(value: Any) -> str | None:
    """One cell as text: None where it is missing; days without a time; the items of a list."""
    if pd.api.types.is_list_like(value) and not isinstance(value, dict):
        return ITEM_END.join(t for item in value if (t := _text(item)) is not None)
    if not isinstance(value, dict) and pd.isna(value):
        return None
    if isinstance(value, datetime.datetime):
        return value.date().isoformat()
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value).encode("utf-8", "replace").decode()  # half a surrogate cannot be written
