"""Finds out how a text table is written: encoding, separator, quotes, and where its header is.

A table that DuckDB would not read as it is, is written again as UTF-8 from its header on.
"""

from __future__ import annotations

import codecs
import contextlib
import csv
import io
import re
import shutil
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from patentcl.core.errors import DataError
from patentcl.data.characters import HALVES, has_halves, without_halves
from patentcl.data.columns import known_names
from patentcl.data.files import name_of, numbered, quote, scan_of
from patentcl.data.options import ReadOptions, plain_name

SEPARATORS = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "bars"}
_RARE = "^~¦§#\x01\x1f: "  # separators that count where no header is seen with another one
_HEAD = 1 << 20  # bytes that are looked at
_ROWS = 30  # in which the header is looked for
_BLOCK = 1 << 22
_MARKS = {
    codecs.BOM_UTF8: "utf-8-sig",
    codecs.BOM_UTF32_LE: "utf-32",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}


@dataclass(frozen=True)
class Delimited:
    """A text table that can be read: `plain` is UTF-8 and begins with the header."""

    plain: Path
    columns: list[tuple[str, bool]]
    """Names of all columns, and whether they are the table's own."""
    delimiter: str
    quote: str
    """What encloses fields; "" if nothing does."""
    above: str
    """What the file has above the header."""
    notes: list[str]
    """What is unusual."""

    @property
    def header(self) -> list[str]:
        """Names of columns; those without a name are left out."""
        return [name for name, named in self.columns if named]

    @property
    def scan(self) -> str:
        """A FROM clause: every column as text (ids such as D1000 appear late in a file)."""
        return _scan(self.plain, self.columns, self.delimiter, self.quote)

    def place_of(self, row: int) -> str:
        """Where a row of `plain` begins: "line N", or "row N" where that cannot be told."""
        try:
            with self.plain.open(encoding="utf-8", errors="replace", newline="") as stream:
                rows = _reader(stream, self.delimiter, self.quote)
                for _ in range(row - 1):
                    next(rows)
                return f"line {rows.line_num + 1 + self.above.count(chr(10))}"
        except (OSError, csv.Error, StopIteration):
            return f"row {row}"


def open_delimited(
    plain: Path,
    work: Path,
    shown: Path,
    options: ReadOptions,
    tables: bool = False,
    quoted: bool = True,
) -> Delimited:
    """Find out how a CSV or TSV file is written.

    `shown` is what errors call it. The header is the row with the most names that are known; of
    PatentsView's `tables` it is the first line, with tabs. Quotes are as `quoted` says where the
    content does not.
    """
    usual = "\t" if plain.suffix.lower() == ".tsv" else ","
    likely = options.like.get("encoding")
    encoding = options.encoding or find_encoding(plain, shown, likely, whole=not tables)
    if encoding == HALVES:
        plain, encoding = without_halves(plain, work), "utf-8"
    with plain.open("rb") as stream:
        raw = stream.read(_HEAD)
    text = codecs.getincrementaldecoder(encoding)("replace").decode(raw).removeprefix("\ufeff")
    old_mac = "\r" in text and "\n" not in text
    text = text.replace("\r", "\n") if old_mac else text
    if not text.strip():
        raise DataError("the table is empty", where=shown, got="no header line")
    separators = "\t" if tables else "".join(dict.fromkeys([usual, *SEPARATORS, *_RARE]))
    start = 0
    if excel := re.match(r'"?sep=(.)"?\r?\n', text, re.IGNORECASE):  # a line for Excel
        separators, start = excel[1], excel.end()
    rows, known = 1 if tables else _ROWS, known_names(options)
    before, row, delimiter = _find_header(text[start:], separators, known, rows)
    start += before
    if len(row) == 1 and text.startswith('"', start) and any(s in row[0] for s in SEPARATORS):
        copy = work / f"{plain.name}.rows"  # each row was taken for a field
        write_again(plain, copy, shown, encoding, old_mac, start)
        with copy.open(encoding="utf-8", newline="") as source:
            lines = [",".join(row) for row in csv.reader(source)]
        copy.write_text("\n".join(lines), "utf-8")
        return open_delimited(copy, work, shown, replace(options, encoding="utf-8"), tables, quoted)
    line = text[start:].split("\n", 1)[0]
    wide = re.search(r'[\w"]([|~^#§:¦$@!&*+]{2,4})["\w]', line)  # a separator of several characters
    if wide and line.count(delimiter) == wide[1].count(delimiter) * line.count(wide[1]) > 0:
        copy = work / f"{plain.name}.narrow"
        write_again(plain, copy, shown, encoding, old_mac, start)
        copy.write_text(copy.read_text("utf-8").replace(wide[1], "\x1f"), "utf-8")
        table = open_delimited(
            copy, work, shown, replace(options, encoding="utf-8"), tables, quoted
        )
        return replace(table, notes=[n.replace(r"\x1f", wide[1]) for n in table.notes])
    if tables and len(row) == 1 and (other := next((s for s in ",;|" if s in row[0]), None)):
        what, where = "the columns are not separated as expected", f"{shown}, line 1"
        raise DataError(what, where=where, got=repr(other), wanted=repr(delimiter))
    above, text = text[:start], text[start:]
    if len(raw) == _HEAD:  # cut off in the middle of a line
        text = text[: text.rfind("\n") + 1] or text
    mark = _quote_of(text, delimiter, quoted)
    records, doubled = _records(text, delimiter, mark), text.replace('\\"', '""')
    loose = doubled != text and len(_records(doubled, delimiter, mark)) > len(records)
    columns = _columns(row := (records or [row])[0], records)
    target, is_utf8 = plain, encoding.lower().replace("_", "-") in ("utf-8", "utf8", "utf-8-sig")
    if not is_utf8 or old_mac or start:
        target = work / f"{plain.name}.utf8"
        write_again(plain, target, shown, encoding, old_mac, start)
    notes = [] if is_utf8 else [f"read as {encoding}"]
    by = SEPARATORS.get(delimiter, repr(delimiter))
    notes += [f"columns are separated by {by}"] * (delimiter != usual)
    notes += [f"the header is in line {above.count(chr(10)) + 1}"] * bool(above)
    notes += ["quotes are characters like others"] * (not mark and '"' in text)
    table = Delimited(target, columns, delimiter, mark, above, notes)
    if loose or any("\n" in cell for cell in row):  # DuckDB takes that for how lines end
        return even_rows(table, work, loose) or table
    return table


def find_encoding(path: Path, shown: Path, likely: str | None = None, whole: bool = True) -> str:
    """UTF-8, UTF-16, UTF-32, or what is `likely`, GB18030 or cp1252.

    Not `whole`: UTF-8 unless its first bytes say something else.

    Raises
    ------
    DataError
        If it is none of them, or UTF-8 with a few bytes of something else.
    """
    with path.open("rb") as stream:
        block = stream.read(_BLOCK)
        for mark, name in _MARKS.items():
            if block.startswith(mark):
                return name
        sample = block[: 1 << 16]
        for name, zeros in (("utf-16-le", sample[1::2]), ("utf-16-be", sample[::2])):
            if zeros.count(0) > len(sample) // 6:
                return name
        decoder, lines = codecs.getincrementaldecoder("utf-8")(), 1
        while whole and block:
            try:
                if decoder.getstate()[0] or not block.isascii():
                    decoder.decode(block)
            except UnicodeDecodeError as error:
                lines += block.count(b"\n", 0, error.start)
                return _guess(block, f"{shown}, line {lines}", likely)
            lines += block.count(b"\n")
            block = stream.read(_BLOCK)
    return "utf-8"


def _guess(block: bytes, where: str, likely: str | None) -> str:
    """The encoding of bytes that are not UTF-8."""
    if has_halves(block):
        return HALVES
    as_utf8 = block.decode("utf-8", "replace")
    wrong = as_utf8.count("\ufffd")
    right = sum(not c.isascii() for c in as_utf8) - wrong
    for name in (likely, _asian(block) or "cp1252"):
        try:
            if name is not None and right <= wrong:
                codecs.getincrementaldecoder(name)().decode(block)
                return name
        except UnicodeDecodeError:
            continue
    got = "mostly UTF-8, with bytes that are not" if right > wrong else "no encoding that is known"
    fix = "Name it, e.g. --encoding shift_jis, or convert the file, e.g. with iconv"
    raise DataError("the file is not UTF-8", where=where, got=got, fix=fix)


def _asian(block: bytes) -> str | None:
    """The encoding of Japanese, Korean or Chinese, by the first bytes of its usual characters."""
    runs = re.findall(rb"[\x80-\xff]+", block)
    pairs = sum(len(run) % 2 == 0 for run in runs) > 0.7 * len(runs)
    for name, low, high, share, least in (
        ("cp932", 0x82, 0x83, 0.05, 2),  # kana
        ("cp949", 0xB0, 0xC8, 0.97, 12),  # hangul
        ("gb18030", 0xB0, 0xD7, 0.9 if pairs else 2, 1),
        ("big5", 0xA4, 0xC6, 0.95, 12),
    ):
        try:
            text = codecs.getincrementaldecoder(name)().decode(block)
        except UnicodeDecodeError:
            continue
        letters = [c.encode(name)[0] for c in text if c > "\u2fff" and c.isalpha()]
        usual = sum(low <= first <= high for first in letters)
        usual -= sum("\uff60" < c < "\uffa0" for c in text)  # halves of others read as cp932
        if len(letters) >= least and usual >= share * len(letters):
            return name
    return None


def write_again(
    plain: Path, target: Path, shown: Path, encoding: str, old_mac: bool = False, start: int = 0
) -> None:
    """Write a file as UTF-8 with line ends that DuckDB knows, without its first characters."""
    try:
        with (
            plain.open(encoding=encoding, errors=HALVES, newline=None if old_mac else "") as source,
            target.open("w", encoding="utf-8", newline="") as copy,
        ):
            mark = source.read(1)
            copy.write((mark.removeprefix("\ufeff") + source.read(start))[start:])
            shutil.copyfileobj(source, copy, _BLOCK)
    except UnicodeError as error:
        fix = "Name another one with --encoding"
        what = f"the file cannot be read as {encoding}"
        raise DataError(what, where=shown, got=str(error), fix=fix) from error


def even_rows(table: Delimited, work: Path, loose: bool = False) -> Delimited | None:
    """The table without lines of remarks, and with short rows filled up; None if that is uncertain.

    A row may be short for a line end in a field without quotes: then the next one is short, too. If
    `loose`, quotes in fields stand behind backslashes, or are not doubled.
    """
    width, mark, target = len(table.columns), table.delimiter, work / f"{table.plain.name}.even"
    tops = {line.partition(mark)[0] for line in table.above.splitlines()} - {""}
    remarks: list[str] = []
    filled: list[str] = []
    before = 0  # cells of the row above, if it was short
    csv.field_size_limit(max(csv.field_size_limit(), 1 << 24))
    with (
        table.plain.open(encoding="utf-8", newline="") as source,
        target.open("w", encoding="utf-8", newline="") as copy,
    ):
        rows = _reader(_lines(source, mark, loose), mark, table.quote)
        write = csv.writer(copy, delimiter=mark, quoting=csv.QUOTE_ALL).writerow
        try:
            next(rows)
            write([name for name, _ in table.columns])
            for row in filter(None, rows):
                short = len(row) < width
                if short and row[0] in tops:  # of exports that were joined
                    continue
                if len(row) <= width / 2 and re.search(r"[^\W\d_]{3}|^\D*$", row[0]):
                    remarks.append(" ".join(row))
                    continue
                if remarks or any(row[width:]) or (short and before and before + len(row) > width):
                    return None
                if short:
                    filled.append(f"line {rows.line_num + table.above.count(chr(10))}: {row}")
                before = len(row) * short
                write((row + [""] * width)[:width])
        except (csv.Error, UnicodeDecodeError):
            return None
    found = {"lines that are no patents, left out": remarks, "short rows, filled up": filled}
    notes = [f"{n}: {len(rows):,}, e.g. {rows[0][:60]!r}" for n, rows in found.items() if rows]
    notes += ["quotes in fields were not doubled"] * loose
    return replace(table, plain=target, quote='"', notes=table.notes + notes)


def _lines(source: Iterable[str], delimiter: str, loose: bool) -> Iterator[str]:
    """Lines that do not end in a carriage return alone; if `loose`, with quotes in fields doubled.

    Those stand behind a backslash, or neither begin nor end a field.
    """
    d = re.escape(delimiter)
    inside = re.compile(rf'(?<=[^{d}"])(?<!{d} )"(?=[^{d}"\r\n])')
    for line in source:
        if line.endswith("\r"):
            raise csv.Error
        yield inside.sub('""', line.replace('\\"', '""')) if loose else line


# ---- header, quotes, columns ------------------------------------------------------------------


def _find_header(
    text: str, separators: str, known: Collection[str], among: int
) -> tuple[int, list[str], str]:
    """Characters before the header, its cells, and the separator."""
    best: tuple[int, int, int] | None = None
    found: tuple[int, list[str], str] = (0, [text.split("\n", 1)[0][:200]], separators[0])
    for delimiter in separators:
        if delimiter in _RARE and best is not None and best[0] > 1:
            break
        for i, (start, row) in enumerate(_starts(text, delimiter, among)):
            score = len({plain_name(cell) for cell in row} & set(known))
            rank = (score, -i, len(row) if score == 0 else 0)
            if row and (best is None or rank > best):
                best, found = rank, (start, row, delimiter)
    return found


def _starts(text: str, delimiter: str, among: int) -> Iterator[tuple[int, list[str]]]:
    """The first rows, each with the number of characters before it."""
    taken = 0

    def lines() -> Iterator[str]:
        nonlocal taken
        for line in io.StringIO(text, newline=""):
            taken += len(line)
            yield line

    rows = csv.reader(lines(), delimiter=delimiter, skipinitialspace=True)
    for _ in range(among):
        start = taken
        try:
            row = next(rows)
        except (StopIteration, csv.Error):  # an error: the line is too long for a header
            return
        yield start, row


def _quote_of(text: str, delimiter: str, default: bool) -> str:
    """What encloses fields; "" where a quote is a character like others.

    Without quoting every line has the same number of fields. With it, a field may hold a separator
    or a line end, or a quote that is doubled.
    """
    head, *lines = [line for line in text.split("\n") if line.strip()]
    if head.startswith('"') or re.search(rf'{re.escape(delimiter)} *"', head):
        return '"'
    uneven = any(line.count(delimiter) != head.count(delimiter) for line in lines)
    if uneven and f"{delimiter}'" in text and _is_even(_records(text, delimiter, "'")):
        return '"' if _is_even(_records(text, delimiter, '"')) else "'"
    if '"' not in text:
        return '"' if default else ""
    if uneven or sum(f'"{delimiter}"' in line for line in lines) > len(lines) / 2:
        return '"'
    records = _records(text, delimiter, '"')
    if len(records) < 1 + len(lines) or not _is_even(records):
        return ""
    doubled = rf'(?:^|{re.escape(delimiter)})"[^"]*""(?:[^"]|"")*"(?:\r?$|{re.escape(delimiter)})'
    return '"' if default or any(re.search(doubled, line) for line in lines) else ""


def _is_even(records: list[list[str]]) -> bool:
    return len(records) > 1 and all(len(r) == len(records[0]) for r in records)


def _reader(lines: Iterable[str], delimiter: str, quotes: str) -> Any:
    """Rows of cells, and an error where quotes do not fit."""
    how: Any = {"quotechar": quotes or None, "skipinitialspace": True, "strict": True}
    return csv.reader(lines, delimiter=delimiter, **how)


def _records(text: str, delimiter: str, quotes: str) -> list[list[str]]:
    """The rows of a text, up to the first one that is not well formed."""
    found: list[list[str]] = []
    with contextlib.suppress(csv.Error):
        found.extend(filter(None, _reader(io.StringIO(text, newline=""), delimiter, quotes)))
    return found


def _columns(row: list[str], records: list[list[str]]) -> list[tuple[str, bool]]:
    """Names of all columns, and whether they are the table's own; a doubled one says where it is.

    Rows may have a number more than the header (R), or an empty field at their end.
    """
    names = [" ".join(cell.replace("\0", "").split()) for cell in row]
    widths = {len(record) for record in records[1:]}
    if widths == {len(names) + 1}:
        if all(record[-1] == "" for record in records[1:]):
            names.append("")
        elif all(record[0].isdigit() and len(record[0]) < 6 for record in records[1:]):
            names.insert(0, "")
    elif names[-1] == "" and widths == {len(names) - 1}:
        names.pop()
    both = enumerate(zip(numbered(names), names, strict=True), 1)
    return [(own or f"column {i} without a name", bool(name)) for i, (own, name) in both]


def _scan(path: Path, columns: list[tuple[str, bool]], delimiter: str, quotes: str) -> str:
    types = ", ".join(f"{quote(name)}: 'VARCHAR'" for name, _ in columns)
    mark = quote(quotes)
    how = f"delim={quote(delimiter)}, quote={mark}, escape={mark}, header=true, auto_detect=false"
    more = f"max_line_size=16000000, buffer_size=32000000, columns={{{types}}}"
    scan = scan_of("read_csv", [path], how, more)
    nameless = [name_of(name) for name, named in columns if not named]
    return f"(SELECT * EXCLUDE ({', '.join(nameless)}) FROM {scan})" if nameless else scan
