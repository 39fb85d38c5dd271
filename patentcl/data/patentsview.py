"""Reads PatentsView's tables, of today's and older layouts, into raw tables."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import duckdb

from patentcl.core.errors import DataError
from patentcl.data.characters import note_odd
from patentcl.data.delimited import Delimited, open_delimited
from patentcl.data.files import count, explain_duckdb, name_of, pick_columns, unpack
from patentcl.data.options import ReadOptions


@dataclass(frozen=True)
class _Table:
    """A PatentsView table: names its file has had, and names its columns have had, "a|b"."""

    files: tuple[str, ...]
    columns: Mapping[str, tuple[str, ...]]
    optional: frozenset[str]


def _table(files: str, columns: str) -> _Table:
    """Names as texts; a column is ours=theirs, or one name for both; ours? may be absent."""
    pairs = [column.partition("=") for column in columns.split()]
    theirs = {ours.rstrip("?"): tuple((to or ours.rstrip("?")).split("|")) for ours, _, to in pairs}
    optional = frozenset(ours[:-1] for ours, _, _ in pairs if ours.endswith("?"))
    return _Table(tuple(files.split("|")), theirs, optional)


_PATENTSVIEW = {
    "patent": _table(
        "g_patent|patent",
        "patent_id=patent_id|id date=patent_date|date type?=patent_type|type "
        "title=patent_title|title abstract?=patent_abstract|abstract withdrawn?",
    ),
    "abstract": _table(
        "g_patent_abstract|patent_abstract", "patent_id abstract=patent_abstract|abstract"
    ),
    "citation": _table(
        "g_us_patent_citation|uspatentcitation",
        "citing=patent_id cited=citation_patent_id|citation_id",
    ),
    "cpc": _table(
        "g_cpc_current|cpc_current|g_cpc_at_issue",
        "patent_id seq?=cpc_sequence|sequence symbol=cpc_group|subgroup_id",
    ),
    "ipc": _table(
        "g_ipc_at_issue|ipcr",
        "patent_id seq?=ipc_sequence|sequence section class=ipc_class subclass "
        "group=main_group subgroup",
    ),
    "title": _table(
        "g_cpc_title",
        "class=cpc_class class_title=cpc_class_title subclass=cpc_subclass "
        "subclass_title=cpc_subclass_title group=cpc_group group_title=cpc_group_title",
    ),
    "claims": _table(
        "g_claims|claims|claim",
        "patent_id seq=claim_sequence|sequence text=claim_text|text dependent?",
    ),
    "description": _table(
        "g_detail_desc_text|detail_desc_text", "patent_id text=description_text|text"
    ),
    "related": _table(
        "g_us_rel_doc|usreldoc",
        "patent_id related=related_doc_number|rel_doc_number|reldocno|doc_number",
    ),
}
_OLD_TITLES = ("cpc_subsection", "cpc_group", "cpc_subgroup")  # before 2022: one for each level
_PATENTSVIEW |= {name: _table(name, "id title") for name in _OLD_TITLES}


def _find_file(folder: Path, names: Iterable[str]) -> Path | None:
    files = [f"{n}{s}".lower() for n in names for s in (".tsv", ".tsv.gz", ".tsv.zip")]
    there = {p.name.lower(): p for p in folder.iterdir() if p.name.lower() in files}
    return next((there[f] for f in files if f in there and there[f].is_file()), None)


def _find_table(folder: Path, name: str) -> Path | None:
    return _find_file(folder, _PATENTSVIEW[name].files)


def find_tables(folder: Path, name: str) -> list[Path]:
    """The files of a table that is cut by years: NAME_2001, NAME_2002 ..., or one NAME."""
    wanted = re.compile(rf"(?:{'|'.join(_PATENTSVIEW[name].files)})(?:_\d{{4}})?")
    stems = {path.name.partition(".")[0] for path in folder.iterdir()}
    found = (_find_file(folder, [s]) for s in sorted(stems) if wanted.fullmatch(s))
    return [path for path in found if path is not None]


def has_table(source: Path, name: str) -> bool:
    """Whether a folder has a PatentsView table: patent, citation, cpc, title, related ..."""
    return _find_table(source, name) is not None


@contextmanager
def table_scan(
    source: Path, name: str, work: Path, path: Path | None = None
) -> Iterator[tuple[str, dict[str, str]]]:
    """A FROM clause for a PatentsView table, all text, and our names of columns -> the file's.

    `path` is one of its files, where it has several. The unpacked copy goes afterwards.
    """
    spec, path = _PATENTSVIEW[name], path or _find_table(source, name)
    if path is None:
        wanted = f"{spec.files[0]}.tsv.zip or {spec.files[0]}.tsv"
        raise DataError(f"table {spec.files[0]} is missing", where=source, wanted=wanted)
    plain = unpack(path, work)
    table = None
    try:
        table, columns = _open(name, path, plain, work)
        yield table.scan, {ours: name_of(theirs) for ours, theirs in columns.items()}
    except duckdb.Error as error:
        place_of = table.place_of if table else str
        raise explain_duckdb(error, path.name, place_of) from error
    finally:
        for copy in {plain, table.plain if table else plain} - {path}:
            copy.unlink()


def _open(name: str, path: Path, plain: Path, work: Path) -> tuple[Delimited, dict[str, str]]:
    """Open a table, and find our names of columns -> its own; old tables quote nothing."""
    spec, quoted = _PATENTSVIEW[name], path.name.startswith("g_")
    table = open_delimited(plain, work, path, ReadOptions(), tables=True, quoted=quoted)
    return table, pick_columns(table.header, spec.columns, spec.optional, path)


def check_patentsview(source: Path, work: Path, options: ReadOptions) -> None:
    """Look at the headers of a folder's tables: what is wrong there is an error, as in reading."""
    found = {}
    for name in _PATENTSVIEW:
        if (path := _find_table(source, name)) is not None:
            found[name] = _open(name, path, unpack(path, work, most=1 << 20), work)[1]
    if "abstract" not in {*found, *found["patent"]}:
        with table_scan(source, "abstract", work):
            pass
    _schemes(source, options)


def read_patentsview(
    con: duckdb.DuckDBPyConnection, source: Path, work: Path, options: ReadOptions
) -> None:
    with table_scan(source, "patent", work) as (scan, c):
        inline = "abstract" in c
        con.execute(f"""
            INSERT INTO raw_patent SELECT {c["patent_id"]}, {c["date"]}, {c.get("type", "NULL")},
                {c["title"]}, {c.get("abstract", "NULL")}, {c.get("withdrawn", "NULL")}, NULL, NULL
            FROM {scan}""")
    note_odd(con, "raw_patent", "patent_id", dict.fromkeys(("title", "abstract"), "VARCHAR"))
    if count(con, "raw_patent") == 0:
        got = "no rows"
        raise DataError("the table is empty", where=_find_table(source, "patent"), got=got)
    if not inline or has_table(source, "abstract"):
        with table_scan(source, "abstract", work) as (scan, c):
            # The dates and titles stay; texts join by id. A second text of one patent would double
            # it; min, not any, so that the same one is taken every time.
            con.execute(f"""
                CREATE TABLE text AS
                SELECT {c["patent_id"]} AS patent_id, min({c["abstract"]}) AS abstract
                FROM {scan} GROUP BY 1""")
            note_odd(con, "text", "patent_id", {"abstract": "VARCHAR"})
            con.execute("""
                CREATE TABLE joined AS
                SELECT p.patent_id, date, type, title, coalesce(t.abstract, p.abstract) AS abstract,
                       withdrawn, split, place
                FROM raw_patent p LEFT JOIN text t USING (patent_id);
                DROP TABLE raw_patent; DROP TABLE text; ALTER TABLE joined RENAME TO raw_patent""")
    if has_table(source, "citation"):
        with table_scan(source, "citation", work) as (scan, c):
            con.execute(f"INSERT INTO raw_citation SELECT {c['citing']}, {c['cited']} FROM {scan}")
    if has_table(source, "related"):
        with table_scan(source, "related", work) as (scan, c):
            pair = f"{c['patent_id']}, {c['related']}"
            con.execute(f"INSERT INTO raw_related SELECT {pair} FROM {scan}")
    _read_patentsview_codes(con, source, work, options)
    if has_table(source, "title"):
        with table_scan(source, "title", work) as (scan, c):
            for level in ("group", "subclass", "class"):
                pair = f"{c[level]}, max({c[f'{level}_title']})"
                con.execute(f"INSERT INTO raw_title SELECT {pair} FROM {scan} GROUP BY 1")
    for name in _OLD_TITLES:
        if has_table(source, name):
            with table_scan(source, name, work) as (scan, c):
                con.execute(f"INSERT INTO raw_title SELECT {c['id']}, {c['title']} FROM {scan}")


def _read_patentsview_codes(
    con: duckdb.DuckDBPyConnection, source: Path, work: Path, options: ReadOptions
) -> None:
    for scheme in _schemes(source, options):
        with table_scan(source, scheme, work) as (scan, c):
            if scheme == "cpc":
                symbol = c["symbol"]
            else:  # lpad would cut a class of three digits, which is no class, to two
                symbol = f"""{c["section"]}
                    || CASE WHEN length({c["class"]}) = 1 THEN '0' ELSE '' END || {c["class"]}
                    || {c["subclass"]} || coalesce(nullif({c["group"]}, ''), '0')
                    || '/' || coalesce(nullif({c["subgroup"]}, ''), '00')"""
            con.execute(f"""
                INSERT INTO raw_code SELECT {c["patent_id"]}, {symbol},
                    TRY_CAST({c.get("seq", "NULL")} AS INTEGER), '{scheme}' FROM {scan}""")


def _schemes(source: Path, options: ReadOptions) -> list[str]:
    """The schemes whose codes are there and wanted."""
    wanted = ("cpc", "ipc") if options.scheme == "both" else (options.scheme,)
    present = [s for s in wanted if has_table(source, s)]
    if options.scheme != "both" and not present:
        table = f"{_PATENTSVIEW[options.scheme].files[0]}.tsv.zip"
        what = f"no {options.scheme.upper()} codes to read"
        fix = "Add the table, or choose another --scheme"
        raise DataError(what, where=source, wanted=table, fix=fix)
    return present
