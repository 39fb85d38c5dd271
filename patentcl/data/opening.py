"""Opens a table of any kind of file for DuckDB: text, JSON, Parquet, spreadsheets, WIPO-alpha."""

from __future__ import annotations

import codecs
import datetime
import json
import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import product
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import duckdb
import pyarrow as pa

from patentcl.core.errors import DataError
from patentcl.core.tables import counted
from patentcl.data.characters import without_halves
from patentcl.data.columns import known_names
from patentcl.data.delimited import Delimited, find_encoding, open_delimited, write_again
from patentcl.data.files import PACKED, name_of, numbered, quote, scan_of, unpack, unpack_all
from patentcl.data.options import NAMES, ReadOptions, plain_name

TEXT, JSON, PARQUET = (".csv", ".tsv", ".txt"), (".jsonl", ".ndjson", ".json"), (".parquet",)
SHEETS, XML = (".xlsx", ".xlsm", ".xls", ".ods"), (".xml",)
KINDS = (*TEXT, *JSON, *PARQUET, *SHEETS, *XML)
SPLITS = {"train": "train", "training": "train", "test": "test", "testing": "test"}
SPLITS |= dict.fromkeys(("dev", "val", "valid", "validation", "eval"), "dev")
"""Names that splits go by -> ours."""
_BINARY = (b"PK\3\4", b"\xd0\xcf\x11\xe0", b"\x1f\x8b", b"BZh", b"\xfd7zXZ", b"PAR1", b"%PDF")
"""How files begin that are no text: spreadsheets, packed files, Parquet."""
_SHARD = re.compile(r"-\d{5}-of-\d{5}(-[0-9a-f]+)?$")


@dataclass(frozen=True)
class Opened:
    """A table that can be read."""

    scan: str
    """A FROM clause."""
    header: list[str]
    nested: frozenset[str] = frozenset()
    """Columns of JSON as text."""
    lists: frozenset[str] = frozenset()
    """Columns of lists of single values, as JSON."""
    plain: Path | None = None
    """The file that DuckDB reads, where that is one."""
    text: Delimited | None = None
    notes: list[str] = field(default_factory=list)


def kind_of(path: Path) -> str:
    """The suffix of a file, small and without that of a packing; "" if it is of no known kind."""
    name = path.name.lower()
    for packed in PACKED:
        name = name.removesuffix(packed)
    return next((kind for kind in KINDS if name.endswith(kind)), "")


def find_splits(folder: Path) -> dict[str, list[Path]]:
    """The files of a folder that are named as splits, also in shards, by our names of splits."""
    for whole, inner in product((True, False), ("", "data", "default")):
        found: dict[str, list[Path]] = {}
        place = folder / inner
        for path in sorted(place.iterdir()) if place.is_dir() else ():
            stem = _SHARD.sub("", path.name.partition(".")[0]).lower()
            words = [stem] if whole else re.split(r"[-_ 0-9]+", stem)  # also patents-train
            split = next((SPLITS[w] for w in words if w in SPLITS), "")
            files = sorted(path.iterdir()) if split and path.is_dir() else [path]
            files = [p for p in files if kind_of(p) in (*PARQUET, *TEXT, *JSON) and p.is_file()]
            if split and files:
                found.setdefault(split, []).extend(files)
        if "train" in found and (whole or len(found) > 1):
            return found
    return {}


def find_records(folder: Path) -> list[Path]:
    """The files of a folder that has a file for each patent, or parts that are numbered."""
    for kinds in (PARQUET, TEXT[:2], JSON):
        found = sorted(p for p in folder.iterdir() if kind_of(p) in kinds)
        if len({re.sub(r"\d", "", p.name) for p in found}) == 1 < len(found):
            return found
    for kind in (".json", ".xml"):
        if found := sorted(p for p in folder.rglob("*") if p.name.lower().endswith(kind)):
            return found
    return []


def open_files(
    con: duckdb.DuckDBPyConnection, paths: Sequence[Path], work: Path, options: ReadOptions
) -> Opened:
    """Open one file, or several of one kind as one table.

    Raises
    ------
    DataError
        If the kind is unknown, or a file is damaged, empty or of another encoding.
    """
    path = paths[0]
    if len(paths) == 1 and (folder := unpack_all(path, work, (*JSON, *XML, *TEXT[:2]))):
        paths = find_records(folder) or [p for p in folder.rglob("*") if kind_of(p)]
        if not paths:
            raise DataError("no table in the archive", where=path, wanted=", ".join(KINDS))
    elif not kind_of(path) and path.suffix.lower() != ".zip":
        raise DataError("unknown kind of file", got=path, wanted=", ".join(KINDS))
    plains = [unpack(path, work, KINDS) for path in paths]
    kind = kind_of(plains[0])
    if len({kind_of(plain) for plain in plains}) > 1:
        raise DataError("files of several kinds", got=", ".join(map(str, paths[:3])))
    for plain, shown in zip(plains, paths, strict=True):
        if not plain.stat().st_size:
            raise DataError("the file is empty", where=shown, got="0 bytes")
        with plain.open("rb") as stream:
            is_binary = stream.read(6).startswith(_BINARY)
        if kind not in PARQUET and is_binary != (kind in SHEETS):
            what, fix = "the file is of another kind than its name says", "Name it as what it is"
            got = "a spreadsheet, a packed file, Parquet or PDF" if is_binary else "text"
            raise DataError(what, where=shown, got=got, fix=fix)
    if kind in PARQUET:
        # Text without a mark that it is UTF-8, as BigQuery and old Spark write it, is text.
        how = ["binary_as_string=true", *["union_by_name=true"] * (len(paths) > 1)]
        scan = scan_of("read_parquet", plains, *how)
        return Opened(scan, [r[0] for r in _describe(con, scan)], plain=plains[0])
    if kind in JSON:
        return _open_json(con, plains, path, work, options)
    if kind in XML:
        return _register(con, [dict(_record(p)) for p in plains])
    if len(paths) > 1 and (kind in SHEETS or not find_records(path.parent)):
        raise DataError("several files of this kind", got=", ".join(map(str, paths[:3])))
    if kind in SHEETS:
        return _open_sheet(con, plains[0], path, known_names(options))
    both = zip(plains, paths, strict=True)
    texts = [open_delimited(plain, work, shown, options) for plain, shown in both]
    if len(texts) > 1:
        scan = " UNION ALL BY NAME ".join(f"SELECT * FROM {t.scan}" for t in texts)
        return Opened(f"({scan})", list(dict.fromkeys(n for t in texts for n in t.header)))
    text = texts[0]
    return Opened(text.scan, text.header, plain=text.plain, text=text, notes=text.notes)


def _describe(con: duckdb.DuckDBPyConnection, scan: str) -> list[tuple[str, str]]:
    rows = con.execute(f"DESCRIBE SELECT * FROM {scan}").fetchall()
    return [(str(r[0]), str(r[1])) for r in rows]


_NONE = rb'\s*(\[|\{([^][{}]*"(data|results|hits|patents)"\s*:\s*\[\s*\][^][{}]*)?)\s*[]}]\s*'
"""JSON without records, as [] or {"total": 0, "data": []}."""


# ---- JSON -------------------------------------------------------------------------------------


def _open_json(
    con: duckdb.DuckDBPyConnection, plains: list[Path], path: Path, work: Path, options: ReadOptions
) -> Opened:
    """Every value is text, so that no type is guessed from the first rows (D1000 may come late)."""
    marks = (codecs.BOM_UTF8, codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
    with plains[0].open("rb") as stream:
        marked = len(plains) == 1 and stream.read(4).startswith(marks)
    if options.encoding or marked:
        code = options.encoding or find_encoding(plains[0], path)
        write_again(plains[0], copy := work / f"{plains[0].name}.utf8", path, code)
        plains = [copy]
    form = _form_of(plains[0], path)
    if plains[0].stat().st_size < 999 and re.fullmatch(_NONE, plains[0].read_bytes()):
        raise DataError("the table is empty", where=path, got="no rows")
    notes = []
    if len(plains) == 1 and (inside := _one_value(plains[0], form, known_names(options))):
        plains, form = [work / "records.json"], "array"
        notes = [f"the file is one JSON value, with {counted(len(inside), 'records')} in it"]
        plains[0].write_text(json.dumps(inside))
    how = [f"format='{form}'", "maximum_object_size=268435456"]
    try:
        columns = _describe(con, scan_of("read_json", plains, *how, "sample_size=-1"))
    except duckdb.Error as error:
        if "surrogate in string" not in str(error) and "UTF-8 encoding in string" not in str(error):
            raise
        plains = [without_halves(plain, work, escapes=True) for plain in plains]
        columns = _describe(con, scan_of("read_json", plains, *how, "sample_size=-1"))
    if any(re.search(r'"\$(oid|date|number)', kind) for _, kind in columns):
        for i, plain in enumerate(plains):
            plains[i] = _unwrapped(plain, work / f"values-{i}.json", form == "newline_delimited")
        columns = _describe(con, scan_of("read_json", plains, *how, "sample_size=-1"))
    names = [name for name, _ in columns]
    types = ", ".join(f"{quote(n)}: 'JSON'" for n in names)
    texts = ", ".join(f"{name_of(n)} ->> '$' AS {name_of(n)}" for n in names)
    scan = f"(SELECT {texts} FROM {scan_of('read_json', plains, *how, f'columns={{{types}}}')})"
    nested = {n for n, kind in columns if re.search("STRUCT|JSON|MAP", kind)}
    if plains[0].suffix.lower() in (".jsonl", ".ndjson") and form == "array":
        notes = ["the file is one JSON list, not one object a line"]
    lists = {n for n, kind in columns if re.fullmatch(r"[^\[]+\[\]", kind)} - nested
    return Opened(scan, names, frozenset(nested), frozenset(lists), plains[0], notes=notes)


def _unwrapped(plain: Path, target: Path, by_line: bool) -> Path:
    """A copy of a JSON file with plain values for those of MongoDB, as {"$date": "2001-02-03"}."""
    wrapped = rb'\{\s*"\$(?:oid|date|number\w+)"\s*:\s*("(?:[^"\\]|\\.)*"|-?[\d.]+)\s*\}'
    with plain.open("rb") as source, target.open("wb") as copy:
        for part in source if by_line else [source.read()]:
            copy.write(re.sub(wrapped, rb"\1", re.sub(wrapped, rb"\1", part)))
    return target


def _one_value(plain: Path, form: str, known: set[str]) -> list[dict[str, Any]] | None:
    """The records in a file of one JSON value that is no patent itself."""
    with plain.open("rb") as stream:
        start = stream.readline(1 << 28)
        more = stream.read(1 << 16).strip()
    rows = form == "array" and re.match(rb"\s*\[\s*\[", start + more)
    if not rows and (form == "array" or (form == "newline_delimited" and more)):
        return None
    try:
        return _records_in(json.loads(plain.read_bytes()), known)[1]
    except (ValueError, RecursionError):
        return None


def _records_in(value: Any, known: set[str], depth: int = 3) -> tuple[int, list[dict[str, Any]]]:
    """The records in a JSON value, and how many of their names are known; none, if it is one.

    They are a list, a list of lists below a header, by their ids, or column by column.
    """

    def names(record: Any) -> set[str]:
        return {plain_name(str(n)) for n in record} & known

    inner = list(value.values()) if isinstance(value, dict) else value
    if not isinstance(inner, list) or len(inner) == 0:
        return 0, []
    dicts = all(isinstance(v, dict) for v in inner)
    if isinstance(value, list):
        if all(isinstance(v, list) for v in value):
            header = list(map(str, value[0]))
            return len(names(header)), [dict(zip(header, row, strict=False)) for row in value[1:]]
        hits = (v["row"] if isinstance(v.get("row"), dict) else v for v in value)
        hits = ({"_id": v.get("_id")} | v["_source"] if "_source" in v else v for v in hits)
        value = list(hits) if dicts else [()]
        return len(names(value[0])), value if dicts else []
    texts = (n for n in value if plain_name(n) in (*NAMES["title"], *NAMES["abstract"]))
    own = 99 if any(isinstance(value[n], str) for n in texts) else len(names(value))
    found: list[tuple[int, list[dict[str, Any]]]] = [(own, [])]
    if isinstance(value.get("columns"), list) and isinstance(value.get("data"), list):
        found.append(_records_in([value["columns"], *value["data"]], known))
    below = {k: _records_in(v, known, depth - 1) for k, v in value.items()} if depth else {}
    if below := {k: f for k, f in below.items() if f[1]}:
        most, (first, *_) = max(below.values(), key=lambda f: f[0])
        alike = {k: f[1] for k, f in below.items() if names(f[1][0]) == names(first)}
        split = ("split",) if alike.keys() <= SPLITS.keys() else ()
        found.append((most, [dict.fromkeys(split, k) | r for k, rs in alike.items() for r in rs]))
    columns = [dict(enumerate(v)) if isinstance(v, list) else v for v in inner]
    if all(isinstance(c, dict) and c and c.keys() == columns[0].keys() for c in columns):
        rows = zip(*(c.values() for c in columns), strict=True)
        found.append((len(names(value)) + 1, [dict(zip(value, row, strict=True)) for row in rows]))
    if dicts:
        ids = {n for n in map(plain_name, inner[0]) if n in NAMES["patent_id"]}
        numbered = ids or list(value) == list(map(str, range(len(value))))
        by_id = inner if numbered else [{"patent_id": k} | v for k, v in value.items()]
        found.append((len(names(inner[0])), by_id))
    return max(found, key=lambda f: f[0])


def _form_of(plain: Path, shown: Path) -> str:
    """DuckDB's name for the form of a JSON file: a list, objects line by line, or just objects."""
    with plain.open("rb") as stream:
        while line := stream.readline(1 << 26):
            if not line.strip():
                continue
            if line.lstrip().startswith(b"["):
                return "array"
            try:
                return "newline_delimited" if json.loads(line) else "unstructured"
            except ValueError:
                return "unstructured"
    raise DataError("the file is empty", where=shown, got="only blanks")


# ---- spreadsheets -----------------------------------------------------------------------------


def _open_sheet(
    con: duckdb.DuckDBPyConnection, plain: Path, shown: Path, known: Collection[str]
) -> Opened:
    """The sheet whose header has the most known names, the first of equals; and those like it."""
    from python_calamine import CalamineError, CalamineWorkbook

    found: dict[str, tuple[int, int, list[list[Any]]]] = {}
    try:
        book = CalamineWorkbook.from_path(str(plain))
        for name in book.sheet_names:
            rows = book.get_sheet_by_name(name).to_python()
            heads = [{plain_name(str(cell)) for cell in row} for row in rows[:30]]
            scores = [(len(h & set(known)), -at) for at, h in enumerate(heads) if h - {""}]
            if scores:
                found[name] = (*max(scores), rows)
    except (CalamineError, OSError, ValueError) as error:
        what = "the spreadsheet cannot be read"
        raise DataError(what, where=shown, got=str(error).split("\n")[0]) from error
    if not found:
        raise DataError("the table is empty", where=shown, got="no header line")
    name = max(found, key=lambda n: found[n][0])
    at, rows = -found[name][1], found[name][2]
    titles = [" ".join(str(cell).split()) for cell in rows[at]]
    header = {name: i for i, name in enumerate(numbered(titles)) if titles[i]}
    same = [n for n, (_, i, others) in found.items() if others[-i] == rows[at]]
    records = [
        {n: _cell(row[i]) for n, i in header.items()}
        for sheet in same
        for row in found[sheet][2][1 - found[sheet][1] :]
        if any(row)
    ]
    notes = []
    if len(found) > 1:
        others = ", ".join(map(repr, set(found) - set(same))) or "none"
        notes = [f"read: {', '.join(map(repr, same))}; other sheets: {others}"]
    notes += [f"the header is in row {at + 1}"] * bool(at)
    return replace(_register(con, records, header), notes=notes)


def _cell(value: Any) -> str | None:
    """A cell as text; whole numbers as such, days without a time."""
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, datetime.datetime) and value.time() == datetime.time():
        value = value.date()
    return None if value in (None, "") else str(value)


def _record(path: Path) -> Iterable[tuple[str, str]]:
    """The fields of one patent of WIPO-alpha, in English where there is a choice."""
    try:
        root = ElementTree.parse(path).getroot()
    except ElementTree.ParseError as error:
        raise DataError("the file is not XML", where=path, got=str(error)) from None
    record = root if root.tag == "record" else root.find(".//record")
    if record is None:
        raise DataError("no patent in the file", where=path, got=f"<{root.tag}>", wanted="<record>")
    yield "patent_id", record.get("pn") or record.get("an") or path.stem
    for name, t in (("title", "ti"), ("abstract", "ab"), ("claims", "cl"), ("description", "txt")):
        texts = [e for e in record.iter(t) if "".join(e.itertext()).strip()]
        english = [e for e in texts if re.search("lang': 'en", str(e.attrib), re.IGNORECASE)]
        if texts:
            yield name, "".join((english or texts)[0].itertext()).strip()
    codes = [e.get(key) for e in record.iter() for key in ("mc", "ic") if e.get(key)]
    # Three digits of the group, then those of the subgroup; "01B" after a letter is no group.
    parts = (re.sub(r"^([A-H]\d\d[A-Z])(0\d\d)(\d\d+)$", r"\1\2/\3", str(c)) for c in codes)
    yield "ipc", ";".join(parts)
    for name, key in (("country", "cy"), ("kind", "kind"), ("date", "pd")):
        if value := record.get(key):
            yield name, value


def _register(
    con: duckdb.DuckDBPyConnection, records: Sequence[Mapping[str, Any]], header: Any = None
) -> Opened:
    """Rows in memory as a table of texts."""
    names = list(header or dict.fromkeys(n for record in records for n in record))
    columns = {n: pa.array([r.get(n) for r in records], pa.string()) for n in names}
    con.register("frame", pa.table(columns))
    return Opened("frame", names)
