"""Reads patents from one CSV, TSV, JSONL or Parquet file, or a DataFrame, into raw tables.

Codes and citations may be lists, lists written as text, or separated text. Rows keep their order,
and columns that are not known travel along.
"""

from __future__ import annotations

import datetime
import difflib
import re
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
from patentcl.data.options import NAMES, ReadOptions

SUFFIXES = (".parquet", ".csv", ".tsv", ".jsonl", ".ndjson", ".csv.gz", ".tsv.gz", ".jsonl.gz")
_OPTIONAL = frozenset(NAMES) - {"patent_id"}
_SEPARATORS = r"[\[\]\(\)'\",;|]+"
"""Between the codes of a patent that are one text."""
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
    row_a_code = found.get("codes", "").lower() in _ROW_A_CODE
    place = ("min(rowid)" if row_a_code else "rowid") if keep else "NULL"
    text = {k: f"CAST({c.get(k, 'NULL')} AS VARCHAR)" for k in NAMES}
    con.execute(f"""
        INSERT INTO raw_patent SELECT {text["patent_id"]}, {text["date"]}, {text["type"]},
            {text["title"]}, {text["abstract"]}, NULL, {quote(split) if split else text["split"]},
            {place}
        FROM flat {"GROUP BY ALL" if row_a_code else ""}""")
    for ours, target in (("codes", "raw_code"), ("citations", "raw_citation")):
        if ours not in c:
            continue
        [(kind,)] = con.execute(f"SELECT typeof({c[ours]}) FROM flat LIMIT 1").fetchall()
        as_list = c[ours]
        if not kind.endswith("[]"):
            as_list = f"regexp_split_to_array({text[ours]}, {quote(_SEPARATORS)})"
        con.execute(f"""
            INSERT INTO {target}
            SELECT patent_id, item{", i, NULL" if ours == "codes" else ""} FROM (
                SELECT {text["patent_id"]} AS patent_id, unnest({as_list}) AS item,
                       generate_subscripts({as_list}, 1) AS i FROM flat)
            WHERE trim(CAST(item AS VARCHAR)) <> ''""")
    used = {*found.values(), *NAMES, "rowid"}
    extra = [n for n in header if n not in used and n.lower() not in NAMES]
    return extra if keep and not row_a_code else []


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
    absent = [role for role in NAMES if role not in found]
    columns = {}
    for i, name in enumerate(header):
        values = frame.iloc[:, i]
        role = roles.get(name)
        if role in ("codes", "citations"):
            columns[name] = pa.array([_items(v) for v in values], pa.list_(pa.string()))
        elif role is not None:
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
    """One cell as text: None where it is missing, days without a time, whole numbers as such."""
    if pd.api.types.is_scalar(value) and pd.isna(value):
        return None
    if isinstance(value, datetime.datetime):
        return value.date().isoformat()
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value)


def _items(value: Any) -> list[str]:
    """The codes or citations of one patent: a list, or one text with separators."""
    if isinstance(value, str):
        return [item.strip() for item in re.split(_SEPARATORS, value) if item.strip()]
    if pd.api.types.is_list_like(value):
        return [text for item in value if (text := _text(item)) is not None]
    text = _text(value)
    return [] if text is None else [text]
