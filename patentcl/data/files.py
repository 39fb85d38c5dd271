"""Opens the files that patents come in: unpacks them, reads their headers, explains what is wrong.

What DuckDB reports about a file becomes one line that names the file and the line in it.
"""

from __future__ import annotations

import csv
import errno
import gzip
import json
import re
import shutil
import zipfile
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import duckdb

from patentcl.core.errors import DataError

_ROWS_TO_COUNT = 20_000_000  # after an error; further on, the row is named and not the line


def connect(
    path: str | Path = ":memory:",
    work: Path | None = None,
    memory: str = "2GB",
    read_only: bool = False,
) -> duckdb.DuckDBPyConnection:
    """Open DuckDB with bounded memory; it spills to `work` when that is not enough."""
    config: dict[str, Any] = {
        "memory_limit": memory,
        "preserve_insertion_order": False,
        "autoinstall_known_extensions": False,
        "autoload_known_extensions": False,
    }
    if work is not None:
        config["temp_directory"] = str(work)
    return duckdb.connect(str(path), read_only=read_only, config=config)


def explain_duckdb(error: duckdb.Error, where: object, plain: Path | None = None) -> DataError:
    """Turn DuckDB's report on a file into one line; `where` is its name as the user knows it.

    The line is looked for in `plain`, the file that DuckDB read: it counts rows, of which one may
    have several lines.
    """
    text = str(error)
    if plain is not None and plain.name.endswith((".jsonl", ".ndjson")):
        return _explain_json(error, where, plain)
    row = re.search(r"CSV Error on Line: (\d+)", text)
    place = f"{where}" + (f", {_line_of_row(plain, int(row.group(1)))}" if row else "")
    if "not utf-8" in text or "Invalid unicode" in text or "unicode" in text.lower():
        return DataError("the file is not UTF-8", where=place, fix="Convert it, e.g. with iconv")
    columns = re.search(r"Expected Number of Columns: (\d+) Found: (\d+)", text)
    if columns:
        return DataError(
            "a row has the wrong number of columns",
            where=place,
            got=columns.group(2),
            wanted=columns.group(1),
            fix="Check delimiter and quotes on that line",
        )
    if "unterminated quote" in text:
        return DataError("a quoted field is never closed", where=place)
    if "state machine reached an invalid state" in text:
        return DataError(
            "line ends are mixed, or one stands in a field without quotes",
            where=place,
            fix="Put fields that have line ends in quotes",
        )
    if any(sign in text for sign in ("No space left", "xceeds disk", "max_temp_directory_size")):
        return DataError(
            "the disk is full, nothing was kept", where=where, got=text.splitlines()[0]
        )
    return DataError("the data cannot be read", where=place, got=text.splitlines()[0])


def _line_of_row(plain: Path | None, row: int) -> str:
    """Where a row of a CSV or TSV file begins: "line N", or "row N" where that cannot be told."""
    if plain is not None and row <= _ROWS_TO_COUNT:
        try:
            with plain.open(encoding="utf-8", errors="replace", newline="") as stream:
                rows = csv.reader(stream, delimiter="\t" if plain.suffix == ".tsv" else ",")
                for _ in range(row - 1):
                    next(rows)
                return f"line {rows.line_num + 1}"
        except (OSError, csv.Error, StopIteration):
            pass
    return f"row {row}"


def _explain_json(error: duckdb.Error, where: object, plain: Path) -> DataError:
    """Name the first line that is not a JSON object."""
    with plain.open("rb") as stream:
        for number, line in enumerate(stream, 1):
            place = f"{where}, line {number}"
            try:
                if line.strip() and not isinstance(json.loads(line), dict):
                    return DataError("the line is not a JSON object", where=place)
            except UnicodeDecodeError as problem:
                fix = "Convert it, e.g. with iconv"
                return DataError("the file is not UTF-8", where=place, got=str(problem), fix=fix)
            except ValueError as problem:
                return DataError("the line is not JSON", where=place, got=str(problem))
    return DataError("the data cannot be read", where=where, got=str(error).splitlines()[0])


def unpack(path: Path, work: Path) -> Path:
    """Return the plain file of a zip or gz, unpacked into a folder; or a plain file as it is.

    DuckDB reads plain files in parallel; and of a gz that was cut off it may take what there is.
    """
    kind = path.suffix.removeprefix(".")
    if kind not in ("zip", "gz"):
        return path
    target = work / path.with_suffix("").name
    try:
        if kind == "gz":
            with gzip.open(path) as packed, target.open("wb") as plain:
                shutil.copyfileobj(packed, plain, 1 << 22)
            return target
        with zipfile.ZipFile(path) as archive:
            members = [
                m
                for m in archive.infolist()
                if m.filename.endswith((".tsv", ".csv")) and not m.filename.startswith("__MACOSX/")
            ]
            if len(members) != 1:
                got = f"{len(members)} tables"
                raise DataError("the zip must hold one table", where=path, got=got)
            with archive.open(members[0]) as packed, target.open("wb") as plain:
                shutil.copyfileobj(packed, plain, 1 << 22)
    except (zipfile.BadZipFile, gzip.BadGzipFile, zlib.error, EOFError) as error:
        raise DataError(
            f"the {kind} is damaged or cut off", where=path, got=str(error), fix="Download it again"
        ) from error
    except OSError as error:
        full = error.errno in (errno.ENOSPC, errno.EDQUOT)
        what = "the disk is full, nothing was kept" if full else "the file cannot be unpacked"
        raise DataError(what, where=path, got=error.strerror or str(error)) from error
    except (NotImplementedError, RuntimeError) as error:  # Deflate64, or a password
        got, fix = str(error), "Unpack it with another program, the plain file will do"
        raise DataError("the zip cannot be unpacked", where=path, got=got, fix=fix) from error
    return target


def read_header(path: Path, delimiter: str, shown: Path) -> list[str]:
    """Names of the columns of a plain CSV or TSV file; `shown` is what errors call it."""
    try:
        with path.open("rb") as stream:  # bytes: text is decoded in blocks, past the first line
            line = stream.readline(1 << 20).decode("utf-8-sig")
    except UnicodeDecodeError as error:
        where, fix = f"{shown}, line 1", "Convert it, e.g. with iconv"
        raise DataError("the file is not UTF-8", where=where, got=str(error), fix=fix) from None
    if not line.strip():
        raise DataError("the table is empty", where=shown, got="no header line")
    names = next(csv.reader([line], delimiter=delimiter))
    if len(names) == 1:
        other = next((d for d in ",;|\t" if d in names[0]), None)
        if other is not None:
            what, where = "the columns are not separated as expected", f"{shown}, line 1"
            raise DataError(what, where=where, got=repr(other), wanted=repr(delimiter))
    names = [n.strip() for n in names]
    lower = [n.lower() for n in names]
    twice = next((n for n in names if lower.count(n.lower()) > 1), None)
    if twice is not None:
        raise DataError("two columns have one name", where=f"{shown}, line 1", got=repr(twice))
    return names


def pick_columns(
    header: list[str],
    aliases: Mapping[str, tuple[str, ...]],
    optional: frozenset[str],
    where: object,
) -> dict[str, str]:
    """Map our names to the header's; a required one that is absent is named with its aliases."""
    lower = {h.lower(): h for h in header}
    found = {}
    for ours, names in aliases.items():
        hit = next((lower[n.lower()] for n in names if n.lower() in lower), None)
        if hit is not None:
            found[ours] = hit
        elif ours not in optional:
            raise DataError(
                f"column {names[0]!r} is missing",
                where=where,
                got=", ".join(header)[:200],
                wanted=" or ".join(names),
            )
    return found


def quote(text: object) -> str:
    """A SQL literal."""
    return "'" + str(text).replace("'", "''") + "'"


def name_of(text: str) -> str:
    """A SQL identifier."""
    return '"' + text.replace('"', '""') + '"'


def csv_scan(path: Path, header: list[str], delimiter: str) -> str:
    """A FROM clause that reads every column as text (ids such as D1000 appear late in a file)."""
    columns = ", ".join(f"{quote(h)}: 'VARCHAR'" for h in header)
    return (
        f"read_csv({quote(path)}, delim={quote(delimiter)}, quote='\"', escape='\"', "
        f"header=true, auto_detect=false, max_line_size=16000000, "
        f"buffer_size=32000000, columns={{{columns}}})"
    )


def count(con: duckdb.DuckDBPyConnection, table: str, where: str = "true") -> int:
    """Number of rows of a table, or of those that a condition holds for."""
    [row] = con.execute(f"SELECT count(*) FROM {table} WHERE {where}").fetchall()
    return int(row[0])
