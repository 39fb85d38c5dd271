"""Reads PatentsView's tables, of today's and older layouts, into raw tables."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import duckdb

from patentcl.core.errors import DataError
from patentcl.data.files import (
    count,
    csv_scan,
    explain_duckdb,
    name_of,
    pick_columns,
    read_header,
    unpack,
)
from patentcl.data.options import ReadOptions


@dataclass(frozen=True)
class _Table:
    """A PatentsView table: names its file has had, and names its columns have had."""

    files: tuple[str, ...]
    columns: Mapping[str, tuple[str, ...]]
    optional: frozenset[str] = field(default_factory=frozenset)


_PATENTSVIEW = {
    "patent": _Table(
        ("g_patent", "patent"),
        {
            "patent_id": ("patent_id", "id"),
            "date": ("patent_date", "date"),
            "type": ("patent_type", "type"),
            "title": ("patent_title", "title"),
            "abstract": ("patent_abstract", "abstract"),
            "withdrawn": ("withdrawn",),
        },
        frozenset({"abstract", "withdrawn", "type"}),
    ),
    "abstract": _Table(
        ("g_patent_abstract", "patent_abstract"),
        {"patent_id": ("patent_id",), "abstract": ("patent_abstract", "abstract")},
    ),
    "citation": _Table(
        ("g_us_patent_citation", "uspatentcitation"),
        {"citing": ("patent_id",), "cited": ("citation_patent_id", "citation_id")},
    ),
    "cpc": _Table(
        ("g_cpc_current", "cpc_current", "g_cpc_at_issue"),
        {
            "patent_id": ("patent_id",),
            "seq": ("cpc_sequence", "sequence"),
            "symbol": ("cpc_group", "subgroup_id"),
        },
        frozenset({"seq"}),
    ),
    "ipc": _Table(
        ("g_ipc_at_issue", "ipcr"),
        {
            "patent_id": ("patent_id",),
            "seq": ("ipc_sequence", "sequence"),
            "section": ("section",),
            "class": ("ipc_class",),
            "subclass": ("subclass",),
            "group": ("main_group",),
            "subgroup": ("subgroup",),
        },
        frozenset({"seq"}),
    ),
    "title": _Table(
        ("g_cpc_title",),
        {
            "class": ("cpc_class",),
            "class_title": ("cpc_class_title",),
            "subclass": ("cpc_subclass",),
            "subclass_title": ("cpc_subclass_title",),
            "group": ("cpc_group",),
            "group_title": ("cpc_group_title",),
        },
    ),
    "related": _Table(
        ("g_us_rel_doc", "usreldoc"),
        {
            "patent_id": ("patent_id",),
            "related": ("related_doc_number", "rel_doc_number", "reldocno", "doc_number"),
        },
    ),
}
# Titles before 2022, one table for each level.
_OLD_TITLES = tuple(
    _Table((stem,), {"id": ("id",), "title": ("title",)})
    for stem in ("cpc_subsection", "cpc_group", "cpc_subgroup")
)
_SUFFIXES = (".tsv", ".tsv.gz", ".tsv.zip")


def _find(folder: Path, stem: str) -> Path | None:
    return next((p for s in _SUFFIXES if (p := folder / f"{stem}{s}").is_file()), None)


def _find_table(folder: Path, spec: _Table) -> Path | None:
    return next((p for stem in spec.files if (p := _find(folder, stem))), None)


@contextmanager
def _table(source: Path, spec: _Table, work: Path) -> Iterator[tuple[str, dict[str, str]]]:
    """A FROM clause and columns of one PatentsView table; the unpacked copy goes afterwards."""
    path = _find_table(source, spec)
    if path is None:
        wanted = f"{spec.files[0]}.tsv.zip or {spec.files[0]}.tsv"
        raise DataError(f"table {spec.files[0]} is missing", where=source, wanted=wanted)
    plain = unpack(path, work)
    try:
        header = read_header(plain, "\t", path)
        columns = pick_columns(header, spec.columns, spec.optional, path)
        yield (
            csv_scan(plain, header, "\t"),
            {ours: name_of(theirs) for ours, theirs in columns.items()},
        )
    except duckdb.Error as error:
        raise explain_duckdb(error, path.name, plain) from error
    finally:
        if plain != path:
            plain.unlink()


def has_table(source: Path, name: str) -> bool:
    """Whether a folder has a PatentsView table: patent, citation, cpc, title, related ..."""
    return _find_table(source, _PATENTSVIEW[name]) is not None


def table_scan(
    source: Path, name: str, work: Path
) -> AbstractContextManager[tuple[str, dict[str, str]]]:
    """A FROM clause for a PatentsView table, all text, and our names of columns -> the file's."""
    return _table(source, _PATENTSVIEW[name], work)


def read_patentsview(
    con: duckdb.DuckDBPyConnection, source: Path, work: Path, options: ReadOptions
) -> None:
    tables = _PATENTSVIEW
    with _table(source, tables["patent"], work) as (scan, c):
        inline = "abstract" in c
        con.execute(f"""
            INSERT INTO raw_patent SELECT {c["patent_id"]}, {c["date"]}, {c.get("type", "NULL")},
                {c["title"]}, {c.get("abstract", "NULL")}, {c.get("withdrawn", "NULL")}, NULL, NULL
            FROM {scan}""")
    if count(con, "raw_patent") == 0:
        got = "no rows"
        raise DataError("the table is empty", where=_find_table(source, tables["patent"]), got=got)
    if not inline or _find_table(source, tables["abstract"]):
        with _table(source, tables["abstract"], work) as (scan, c):
            # The dates and titles stay; texts join by id. A second text of one patent would double
            # it; min, not any, so that the same one is taken every time.
            con.execute(f"""
                CREATE TABLE text AS
                SELECT {c["patent_id"]} AS patent_id, min({c["abstract"]}) AS abstract
                FROM {scan} GROUP BY 1""")
            con.execute("""
                CREATE TABLE joined AS
                SELECT p.patent_id, date, type, title, coalesce(t.abstract, p.abstract) AS abstract,
                       withdrawn, split, place
                FROM raw_patent p LEFT JOIN text t USING (patent_id);
                DROP TABLE raw_patent; DROP TABLE text; ALTER TABLE joined RENAME TO raw_patent""")
    if _find_table(source, tables["citation"]):
        with _table(source, tables["citation"], work) as (scan, c):
            con.execute(f"INSERT INTO raw_citation SELECT {c['citing']}, {c['cited']} FROM {scan}")
    if _find_table(source, tables["related"]):
        with _table(source, tables["related"], work) as (scan, c):
            con.execute(
                f"INSERT INTO raw_related SELECT {c['patent_id']}, {c['related']} FROM {scan}"
            )
    _read_patentsview_codes(con, source, work, options)
    if _find_table(source, tables["title"]):
        with _table(source, tables["title"], work) as (scan, c):
            con.execute(f"""
                INSERT INTO raw_title
                SELECT {c["group"]}, max({c["group_title"]}) FROM {scan} GROUP BY 1
                UNION ALL
                SELECT {c["subclass"]}, max({c["subclass_title"]}) FROM {scan} GROUP BY 1
                UNION ALL
                SELECT {c["class"]}, max({c["class_title"]}) FROM {scan} GROUP BY 1""")
    for spec in _OLD_TITLES:
        if _find_table(source, spec):
            with _table(source, spec, work) as (scan, c):
                con.execute(f"INSERT INTO raw_title SELECT {c['id']}, {c['title']} FROM {scan}")


def _read_patentsview_codes(
    con: duckdb.DuckDBPyConnection, source: Path, work: Path, options: ReadOptions
) -> None:
    wanted = ("cpc", "ipc") if options.scheme == "both" else (options.scheme,)
    present = [s for s in wanted if _find_table(source, _PATENTSVIEW[s])]
    if options.scheme != "both" and not present:
        raise DataError(
            f"no {options.scheme.upper()} codes to read",
            where=source,
            wanted=f"{_PATENTSVIEW[options.scheme].files[0]}.tsv.zip",
            fix="Add the table, or choose another --scheme",
        )
    for scheme in present:
        with _table(source, _PATENTSVIEW[scheme], work) as (scan, c):
            if scheme == "cpc":
                symbol = c["symbol"]
            else:
                # lpad would cut a class of three digits, which is no class, to two
                symbol = (
                    f"{c['section']} || "
                    f"CASE WHEN length({c['class']}) = 1 THEN '0' ELSE '' END || "
                    f"{c['class']} || {c['subclass']} || "
                    f"coalesce(nullif({c['group']}, ''), '0') || '/' || "
                    f"coalesce(nullif({c['subgroup']}, ''), '00')"
                )
            con.execute(f"""
                INSERT INTO raw_code SELECT {c["patent_id"]}, {symbol},
                    TRY_CAST({c.get("seq", "NULL")} AS INTEGER), '{scheme}' FROM {scan}""")
