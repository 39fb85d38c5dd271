"""Opens the files that patents come in: unpacks them, reads their headers, explains what is wrong.

What DuckDB reports about a file becomes one line that names the file and the line in it.
"""

from __future__ import annotations

import bz2
import errno
import gzip
import json
import lzma
import re
import shutil
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import IO, Any

import duckdb

from patentcl.core.errors import DataError

_OPEN: dict[str, Callable[[Path], IO[bytes]]] = {
    "gz": gzip.open,  # type: ignore[dict-item]
    "bz2": bz2.open,  # type: ignore[dict-item]
    "xz": lzma.open,  # type: ignore[dict-item]
}
PACKED = (*(f".{kind}" for kind in _OPEN), ".zip")
ARCHIVES = (".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tar.xz")


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
    # DuckDB would import these while it works, and lose a Ctrl-C that comes meanwhile.
    import pyarrow.dataset  # noqa: F401

    return duckdb.connect(str(path), read_only=read_only, config=config)


def explain_duckdb(
    error: duckdb.Error,
    where: object,
    place_of: Callable[[int], str] = "row {}".format,
    json_file: Path | None = None,
) -> DataError:
    """Turn DuckDB's report on a file into one line; `where` is its name as the user knows it.

    DuckDB counts the rows of a table, of which one may have several lines: `place_of` says where a
    row begins. What is wrong in JSON is looked for in the file itself.
    """
    text = str(error)
    if json_file is not None:
        return _explain_json(error, where, json_file)
    row = re.search(r"CSV Error on Line: (\d+)", text)
    place = f"{where}" + (f", {place_of(int(row.group(1)))}" if row else "")
    if re.search("not utf-8|unicode|not valid UTF8", text, re.I):
        fix = "Name its encoding with --encoding, or convert it, e.g. with iconv"
        return DataError("the file is not UTF-8", where=place, fix=fix)
    if columns := re.search(r"Expected Number of Columns: (\d+) Found: (\d+)", text):
        got, wanted, fix = columns[2], columns[1], "Check delimiter and quotes on that line"
        what = "a row has the wrong number of columns"
        return DataError(what, where=place, got=got, wanted=wanted, fix=fix)
    if "unterminated quote" in text:
        return DataError("a quoted field is never closed", where=place)
    if "state machine reached an invalid state" in text:
        what = "line ends are mixed, or one stands in a field without quotes"
        return DataError(what, where=place, fix="Put fields that have line ends in quotes")
    if any(sign in text for sign in ("No space left", "xceeds disk", "max_temp_directory_size")):
        what = "the disk is full, nothing was kept"
        return DataError(what, where=where, got=text.splitlines()[0])
    return DataError("the data cannot be read", where=place, got=text.splitlines()[0])


def _explain_json(error: duckdb.Error, where: object, plain: Path) -> DataError:
    """Name the first line that is not a JSON object; of other forms, where JSON ends."""
    if plain.suffix.lower() == ".json":
        try:
            json.loads(plain.read_bytes())
        except ValueError as problem:
            return DataError("the file is not JSON", where=where, got=str(problem))
        return DataError("the data cannot be read", where=where, got=str(error).splitlines()[0])
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


def unpack(
    path: Path, work: Path, kinds: tuple[str, ...] = (".tsv", ".csv"), most: int | None = None
) -> Path:
    """Return the plain file of a packed one, unpacked into a folder; or a plain file as it is.

    DuckDB reads plain files in parallel; and of a gz that was cut off it may take what there is.
    A zip must hold one file of these `kinds`. With `most`, only so many bytes are unpacked.
    """
    kind = path.suffix.lower().removeprefix(".")
    if f".{kind}" not in PACKED:
        return path
    target = work / path.with_suffix("").name
    try:
        if kind in _OPEN:
            with _OPEN[kind](path) as packed, target.open("wb") as plain:
                _copy(packed, plain, most)
            return target
        with zipfile.ZipFile(path) as archive:
            names = [n for n in archive.namelist() if not n.startswith("__MACOSX/")]
            names = [n for n in names if n.lower().endswith(kinds)]
            if len(names) > 1:  # what is to be read first is no table
                names = [n for n in names if not n.lower().endswith(".txt")]
            if len(names) != 1:
                got = f"{len(names)} tables"
                raise DataError("the zip must hold one table", where=path, got=got)
            if not target.name.lower().endswith(kinds):
                target = work / Path(names[0]).name
            with archive.open(names[0]) as packed, target.open("wb") as plain:
                _copy(packed, plain, most)
    except (zipfile.BadZipFile, gzip.BadGzipFile, zlib.error, lzma.LZMAError, EOFError) as error:
        what, fix = f"the {kind} is damaged or cut off", "Download it again"
        raise DataError(what, where=path, got=str(error), fix=fix) from error
    except OSError as error:
        full = error.errno in (errno.ENOSPC, errno.EDQUOT)
        what = "the disk is full, nothing was kept" if full else "the file cannot be unpacked"
        raise DataError(what, where=path, got=error.strerror or str(error)) from error
    except (NotImplementedError, RuntimeError) as error:  # Deflate64, or a password
        got, fix = str(error), "Unpack it with another program, the plain file will do"
        raise DataError("the zip cannot be unpacked", where=path, got=got, fix=fix) from error
    return target


def unpack_all(path: Path, work: Path, kinds: tuple[str, ...]) -> Path | None:
    """The folder of an unpacked tar, or of a zip with several files of these `kinds`; else None."""
    target = work / "unpacked"
    try:
        if path.name.lower().endswith(ARCHIVES):
            with tarfile.open(path) as tar:
                tar.extractall(target, filter="data")
            return target
        if path.suffix.lower() == ".zip":
            with zipfile.ZipFile(path) as archive:
                names = [n for n in archive.namelist() if not n.startswith("__MACOSX/")]
                if sum(n.lower().endswith(kinds) for n in names) > 1:
                    archive.extractall(target, names)
                    return target
    except zipfile.BadZipFile:  # said better by `unpack`
        return None
    except (tarfile.TarError, EOFError, zlib.error, OSError, lzma.LZMAError) as error:
        what, fix = "the archive is damaged or cut off", "Download it again"
        raise DataError(what, where=path, got=str(error), fix=fix) from error
    return None


def _copy(packed: IO[bytes] | gzip.GzipFile, plain: IO[bytes], most: int | None) -> None:
    if most is None:
        shutil.copyfileobj(packed, plain, 1 << 22)
    else:
        plain.write(packed.read(most))


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
            got, wanted = ", ".join(header)[:200], " or ".join(names)
            raise DataError(f"column {names[0]!r} is missing", where=where, got=got, wanted=wanted)
    refuse_doubled(found.values(), header, where)
    return found


def numbered(names: Sequence[str]) -> list[str]:
    """Names of columns, of which a doubled one also says where it is."""
    lower = [name.lower() for name in names]
    first = [lower.index(name) == i for i, name in enumerate(lower)]
    return [n if first[i] else f"{n} (column {i + 1})" for i, n in enumerate(names)]


def refuse_doubled(used: Iterable[str], header: list[str], where: object) -> None:
    """Refuse a column that is used and whose name another one has, too (`numbered` marks it)."""
    for name in used:
        twice = re.compile(re.escape(name) + r" \(column \d+\)", re.IGNORECASE)
        if any(map(twice.fullmatch, header)):
            raise DataError("two columns have one name", where=where, got=repr(name))


def quote(text: object) -> str:
    """A SQL literal."""
    return "'" + str(text).replace("'", "''") + "'"


def as_pattern(path: Path) -> str:
    """The pattern that stands for one path, where DuckDB takes patterns.

    Absolute, so that neither a scheme nor a home folder is seen in it.
    """
    return re.sub(r"[*?\[]", r"[\g<0>]", str(path.absolute()))


def scan_of(reader: str, paths: Sequence[Path], *options: str) -> str:
    """A FROM clause for files, whose names and folders are taken as they are."""
    files = ", ".join(quote(as_pattern(path)) for path in paths)
    return f"{reader}({', '.join([f'[{files}]', 'hive_partitioning=false', *options])})"


def name_of(text: str) -> str:
    """A SQL identifier."""
    return '"' + text.replace('"', '""') + '"'


def count(con: duckdb.DuckDBPyConnection, table: str, where: str = "true") -> int:
    """Number of rows of a table, or of those that a condition holds for."""
    [row] = con.execute(f"SELECT count(*) FROM {table} WHERE {where}").fetchall()
    return int(row[0])
