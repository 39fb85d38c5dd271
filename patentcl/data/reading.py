"""Reads patents of every supported format into one Parquet table, with DuckDB.

Each format only fills four raw tables (patents, codes, citations, titles); cleaning, counting,
checks and writing are the same for all. No table passes through Python row by row.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import duckdb

from patentcl.core.errors import ConfigError, DataError, did_you_mean
from patentcl.data.duplicates import FAMILIES, write_families
from patentcl.data.files import (
    connect,
    csv_scan,
    explain_duckdb,
    name_of,
    pick_columns,
    quote,
    read_header,
    unpack,
)

SCHEMES = ("cpc", "ipc", "both")
SECTION_TITLES = {
    "A": "Human necessities",
    "B": "Performing operations; transporting",
    "C": "Chemistry; metallurgy",
    "D": "Textiles; paper",
    "E": "Fixed constructions",
    "F": "Mechanical engineering; lighting; heating; weapons",
    "G": "Physics",
    "H": "Electricity",
    "Y": "New technological developments; cross-sectional technologies",
}


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

_FLAT = {
    "patent_id": ("patent_id", "id", "publication_number", "No", "number", "appln_id"),
    "title": ("title", "patent_title", "Title", "appln_title"),
    "abstract": ("abstract", "patent_abstract", "Abstract", "appln_abstract", "text"),
    "date": ("date", "patent_date", "grant_date", "publication_date", "year"),
    "type": ("type", "patent_type"),
    "codes": (
        "codes",
        "labels",
        "cpc",
        "ipc",
        "cpc_codes",
        "ipc_codes",
        "Subclass_labels",
        "subclasses",
        "ipc_class_symbol",
        "cpc_class_symbol",
    ),
    "citations": ("citations", "cited", "cites", "references"),
    "split": ("split",),
}
_FLAT_SCHEME = {
    "cpc": ("cpc", "cpc_codes", "cpc_class_symbol"),
    "ipc": ("ipc", "ipc_codes", "ipc_class_symbol"),
}
_FLAT_SUFFIXES = (
    ".parquet",
    ".csv",
    ".tsv",
    ".jsonl",
    ".ndjson",
    ".csv.gz",
    ".tsv.gz",
    ".jsonl.gz",
)

# A symbol with its groups normalised (main group without zeros, no spaces), or NULL.
CLEAN_SYMBOL = r"""
CREATE OR REPLACE TEMP MACRO clean_symbol(s) AS (
    SELECT CASE
        WHEN x.a IS NULL OR x.a = '' THEN NULL
        WHEN trim(x.d, '0') <> '' THEN x.a || x.b || x.c || ltrim(x.d, '0') || '/'
            || CASE WHEN trim(x.e, '0') = '' THEN '00' ELSE x.e END
        ELSE x.a || x.b || x.c END  -- group 0 stands for none
    FROM (SELECT regexp_extract(upper(replace(s, chr(11), ' ')),
        '^\s*([A-HY])(?:\s*(\d{2})(?:\s*([A-Z])(?:\s*(\d{1,4})\s*/\s*(\d{2,6}))?)?)?\s*$',
        ['a', 'b', 'c', 'd', 'e']) AS x))
"""


@dataclass(frozen=True)
class ReadOptions:
    """What to take from the source.

    Attributes
    ----------
    scheme : {"cpc", "ipc", "both"}
        ``both`` takes IPC only for patents without CPC.
    limit : int, optional
        A sample of this many patents, drawn by a hash of their ids, so always the same.
    columns : mapping
        For plain files: our column name -> the file's.
    memory : str
        What DuckDB may use before it spills to disk.
    """

    scheme: str = "both"
    limit: int | None = None
    columns: Mapping[str, str] = field(default_factory=dict)
    memory: str = "2GB"

    def __post_init__(self) -> None:
        if self.scheme not in SCHEMES:
            raise ConfigError(
                "unknown scheme", got=self.scheme, fix=did_you_mean(self.scheme, SCHEMES)
            )
        if self.limit is not None and self.limit < 1:
            raise ConfigError("limit must be at least 1", got=self.limit)
        unknown = set(self.columns) - set(_FLAT)
        if unknown:
            name = sorted(unknown)[0]
            raise ConfigError(
                "unknown column role", where="columns", got=name, fix=did_you_mean(name, _FLAT)
            )


def read_patents(source: str | Path, folder: Path, options: ReadOptions) -> dict[str, int]:
    """Read a source and write ``corpus.parquet`` and ``cpc.parquet`` into an existing folder.

    Where the source says who continues whom, also ``family.parquet``.

    Parameters
    ----------
    source : path
        A folder of PatentsView tables; one CSV, TSV, JSONL or Parquet file; or a folder with
        ``train.parquet`` and ``dev.parquet`` (and ``test.parquet``).
    folder : Path
        Where to write; also used for unpacking and spilling.
    options : ReadOptions

    Returns
    -------
    dict of str to int
        What was kept and what was left out.

    Raises
    ------
    DataError
        If something is missing or cannot be read; names the file, and line or column.
    """
    source = Path(source)
    if not source.exists():
        raise DataError(
            "no such file or folder",
            got=source,
            fix="Give a folder of PatentsView tables, or one CSV, TSV, JSONL or Parquet file",
        )
    work = Path(tempfile.mkdtemp(prefix=".reading-", dir=folder))
    con = connect(work=work, memory=options.memory)
    try:
        con.execute(CLEAN_SYMBOL)
        _raw_tables(con)
        if source.is_file():
            _read_flat(con, {"": source}, work, options)
        elif _find_table(source, _PATENTSVIEW["patent"]):
            _read_patentsview(con, source, work, options)
        elif splits := _split_files(source):
            _read_flat(con, splits, work, options)
        else:
            raise DataError(
                "no patents found in the folder",
                got=source,
                wanted="g_patent.tsv.zip (or .tsv), or train.parquet and dev.parquet",
            )
        counts = _clean(con, source, options)
        _write(con, work)
        if _count(con, "raw_related"):
            counts["patents of a family"] = _write_families(con, work / FAMILIES)
        for name in ("corpus.parquet", "cpc.parquet", FAMILIES):  # complete by now
            if (work / name).is_file():
                (work / name).replace(folder / name)
        return counts
    except duckdb.Error as error:
        raise explain_duckdb(error, source) from error
    finally:
        con.close()
        shutil.rmtree(work, ignore_errors=True)


def _find(folder: Path, stem: str) -> Path | None:
    return next((p for s in _SUFFIXES if (p := folder / f"{stem}{s}").is_file()), None)


def _find_table(folder: Path, spec: _Table) -> Path | None:
    return next((p for stem in spec.files if (p := _find(folder, stem))), None)


def _split_files(folder: Path) -> dict[str, Path]:
    found = {s: folder / f"{s}.parquet" for s in ("train", "dev", "test")}
    return {s: p for s, p in found.items() if p.is_file()} if found["train"].is_file() else {}


# ---- the raw tables -------------------------------------------------------------------------


def _raw_tables(con: duckdb.DuckDBPyConnection) -> None:
    con.execute("""
        CREATE TABLE raw_patent (patent_id VARCHAR, date VARCHAR, type VARCHAR, title VARCHAR,
                                 abstract VARCHAR, withdrawn VARCHAR, split VARCHAR);
        CREATE TABLE raw_code (patent_id VARCHAR, symbol VARCHAR, seq INTEGER, scheme VARCHAR);
        CREATE TABLE raw_citation (citing VARCHAR, cited VARCHAR);
        CREATE TABLE raw_title (symbol VARCHAR, title VARCHAR);
        CREATE TABLE raw_related (patent_id VARCHAR, document VARCHAR);
    """)


@contextmanager
def _table(source: Path, spec: _Table, work: Path) -> Iterator[tuple[str, dict[str, str]]]:
    """A FROM clause and columns of one PatentsView table; the unpacked copy goes afterwards."""
    path = _find_table(source, spec)
    if path is None:
        raise DataError(
            f"table {spec.files[0]} is missing",
            where=source,
            wanted=f"{spec.files[0]}.tsv.zip or {spec.files[0]}.tsv",
        )
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


def _read_patentsview(
    con: duckdb.DuckDBPyConnection, source: Path, work: Path, options: ReadOptions
) -> None:
    tables = _PATENTSVIEW
    with _table(source, tables["patent"], work) as (scan, c):
        inline = "abstract" in c
        con.execute(f"""
            INSERT INTO raw_patent SELECT {c["patent_id"]}, {c["date"]}, {c.get("type", "NULL")},
                {c["title"]}, {c.get("abstract", "NULL")}, {c.get("withdrawn", "NULL")}, NULL
            FROM {scan}""")
    if _count(con, "raw_patent") == 0:
        raise DataError(
            "the table is empty", where=_find_table(source, tables["patent"]), got="no rows"
        )
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
                       withdrawn, split
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


def _flat_scan(con: duckdb.DuckDBPyConnection, path: Path, work: Path) -> tuple[str, list[str]]:
    """A FROM clause for a plain file, and its columns; all text, except in Parquet."""
    name = path.name.lower()
    if not name.endswith(_FLAT_SUFFIXES):
        raise DataError("unknown kind of file", got=path, wanted=", ".join(_FLAT_SUFFIXES))
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


def _flat_aliases(options: ReadOptions) -> dict[str, tuple[str, ...]]:
    """Names that columns may have: the user's own; none for codes of a scheme not wanted."""
    out = dict(_FLAT)
    for scheme, names in _FLAT_SCHEME.items():
        if options.scheme not in (scheme, "both"):
            out["codes"] = tuple(n for n in out["codes"] if n not in names)
    for ours, theirs in options.columns.items():
        out[ours] = (theirs,)
    return out


def _read_flat(
    con: duckdb.DuckDBPyConnection, files: Mapping[str, Path], work: Path, options: ReadOptions
) -> None:
    """Read plain files; codes and citations may be lists, lists as text, or separated text."""
    for split, path in files.items():
        try:
            _read_flat_file(con, split, path, work, options)
        except duckdb.Error as error:
            plain = work / path.with_suffix("").name if path.suffix == ".gz" else path
            raise explain_duckdb(error, path, plain) from error


def _read_flat_file(
    con: duckdb.DuckDBPyConnection, split: str, path: Path, work: Path, options: ReadOptions
) -> None:
    scan, header = _flat_scan(con, path, work)
    for theirs in options.columns.values():
        if theirs not in header:
            raise DataError(
                f"column {theirs!r} is missing",
                where=path,
                got=", ".join(header)[:200],
                fix=did_you_mean(theirs, header),
            )
    found = pick_columns(header, _flat_aliases(options), frozenset(_FLAT) - {"patent_id"}, path)
    c = {ours: name_of(theirs) for ours, theirs in found.items()}
    if "title" not in c and "abstract" not in c:
        raise DataError(
            "no text column",
            where=path,
            got=", ".join(header)[:200],
            wanted="title or abstract",
            fix="Name it, e.g. --columns abstract=summary",
        )
    # PATSTAT has one row per code: a patent's rows differ in the code alone.
    rowwise = found.get("codes", "").lower() in ("ipc_class_symbol", "cpc_class_symbol")
    con.execute(f"CREATE OR REPLACE TEMP TABLE flat AS SELECT * FROM {scan}")
    if _count(con, "flat") == 0:
        raise DataError("the table is empty", where=path, got="no rows")
    con.execute(f"""
        INSERT INTO raw_patent SELECT {"DISTINCT" if rowwise else ""}
            CAST({c["patent_id"]} AS VARCHAR), CAST({c.get("date", "NULL")} AS VARCHAR),
            CAST({c.get("type", "NULL")} AS VARCHAR), CAST({c.get("title", "NULL")} AS VARCHAR),
            CAST({c.get("abstract", "NULL")} AS VARCHAR), NULL,
            {quote(split) if split else f"CAST({c.get('split', 'NULL')} AS VARCHAR)"} FROM flat""")
    for ours, target in (("codes", "raw_code"), ("citations", "raw_citation")):
        if ours not in c:
            continue
        kind = con.execute(f"SELECT typeof({c[ours]}) FROM flat LIMIT 1").fetchone()
        as_list = (
            f"{c[ours]}"
            if kind and kind[0].endswith("[]")
            else f"regexp_split_to_array(CAST({c[ours]} AS VARCHAR), '[\\[\\]\\(\\)''\",;|]+')"
        )
        con.execute(f"""
            INSERT INTO {target}
            SELECT patent_id, item{", i, NULL" if ours == "codes" else ""} FROM (
                SELECT CAST({c["patent_id"]} AS VARCHAR) AS patent_id, unnest({as_list}) AS item,
                       generate_subscripts({as_list}, 1) AS i FROM flat)
            WHERE trim(CAST(item AS VARCHAR)) <> ''""")
    con.execute("DROP TABLE flat")


# ---- cleaning and writing -------------------------------------------------------------------


def _count(con: duckdb.DuckDBPyConnection, table: str, where: str = "true") -> int:
    row = con.execute(f"SELECT count(*) FROM {table} WHERE {where}").fetchone()
    return int(row[0]) if row else 0


def _clean(con: duckdb.DuckDBPyConnection, source: Path, options: ReadOptions) -> dict[str, int]:
    """Fill patent, code and citation from the raw tables; count what is left out and why."""
    counts = {"patents read": _count(con, "raw_patent")}
    no_id = _count(con, "raw_patent", "trim(coalesce(patent_id, '')) = ''")
    if no_id:
        raise DataError("patents without an id", where=source, got=f"{no_id} rows")
    twice = con.execute("""SELECT trim(patent_id), count(*) FROM raw_patent GROUP BY 1
                           HAVING count(*) > 1 ORDER BY 1 LIMIT 1""").fetchone()
    if twice:
        total = con.execute("""SELECT count(*) FROM (
                               SELECT 1 FROM raw_patent GROUP BY trim(patent_id)
                               HAVING count(*) > 1)""").fetchone()
        raise DataError(
            "duplicate patent ids",
            where=source,
            got=f"{twice[0]} {twice[1]} times, and {int(total[0]) - 1 if total else 0} more ids",
            wanted="one row for each patent",
        )
    withdrawn = "lower(trim(coalesce(withdrawn, '0'))) IN ('1', 'true')"
    no_text = "trim(coalesce(title, '')) = '' AND trim(coalesce(abstract, '')) = ''"
    counts["withdrawn, left out"] = _count(con, "raw_patent", withdrawn)
    counts["without text, left out"] = _count(con, "raw_patent", f"NOT {withdrawn} AND {no_text}")
    limit = f"ORDER BY md5(patent_id), patent_id LIMIT {options.limit}" if options.limit else ""
    con.execute(f"""
        CREATE TABLE patent AS
        SELECT trim(patent_id) AS patent_id,
               CASE WHEN regexp_matches(date, '^\\s*\\d{{4}}\\s*$') THEN make_date(date::INT, 1, 1)
                    WHEN regexp_matches(date, '^\\s*\\d{{8}}\\s*$')
                    THEN try_strptime(trim(date), '%Y%m%d')::DATE
                    ELSE TRY_CAST(nullif(trim(date), '') AS DATE) END AS date,
               nullif(trim(type), '') AS type, trim(coalesce(title, '')) AS title,
               trim(coalesce(abstract, '')) AS abstract, split, date AS raw_date
        FROM raw_patent
        WHERE NOT {withdrawn} AND NOT ({no_text})
        {limit}""")
    counts["patents"] = _count(con, "patent")
    if counts["patents"] == 0:
        raise DataError("no patent is left", where=source, got=str(counts))
    counts["dates that cannot be read"] = _count(
        con, "patent", "date IS NULL AND trim(coalesce(raw_date, '')) <> ''"
    )
    con.execute("""
        CREATE TABLE code AS
        SELECT patent_id, symbol, scheme, min(seq) AS seq, min(raw) AS raw
        FROM (SELECT trim(patent_id) AS patent_id, clean_symbol(symbol) AS symbol, scheme,
                     coalesce(seq, 0) AS seq, trim(symbol) AS raw FROM raw_code)
        SEMI JOIN patent USING (patent_id)
        GROUP BY patent_id, symbol, scheme, CASE WHEN symbol IS NULL THEN raw END""")
    _check_codes(con, source, counts)
    con.execute("""
        CREATE TABLE citation AS
        SELECT DISTINCT trim(citing) AS citing, trim(cited) AS cited
        FROM raw_citation c SEMI JOIN patent p ON p.patent_id = trim(c.citing)
        WHERE trim(coalesce(cited, '')) <> ''""")
    counts["citations"] = _count(con, "citation", "citing <> cited")
    counts["citations of oneself, left out"] = _count(con, "citation", "citing = cited")
    inside = con.execute("""SELECT count(*) FROM citation c JOIN patent p ON p.patent_id = c.cited
                            WHERE citing <> cited""").fetchone()
    counts["citations inside the corpus"] = int(inside[0]) if inside else 0
    return counts


def _check_codes(con: duckdb.DuckDBPyConnection, source: Path, counts: dict[str, int]) -> None:
    bad = _count(con, "code", "symbol IS NULL")
    if bad and not _count(con, "code", "symbol IS NOT NULL"):
        row = con.execute("SELECT raw FROM code ORDER BY raw LIMIT 1").fetchone()
        raise DataError(
            "none of the codes is a CPC or IPC symbol",
            where=source,
            got=repr(row[0]) if row else None,
            wanted="e.g. A01B33/08 or A01B",
        )
    counts["codes that are not symbols, left out"] = bad
    con.execute("DELETE FROM code WHERE symbol IS NULL")
    con.execute("""
        DELETE FROM code WHERE scheme = 'ipc'
        AND patent_id IN (SELECT patent_id FROM code WHERE scheme = 'cpc')""")
    counts["codes"] = _count(con, "code")
    row = con.execute("SELECT count(DISTINCT patent_id) FROM code").fetchone()
    counts["patents with codes"] = int(row[0]) if row else 0


def _write(con: duckdb.DuckDBPyConnection, folder: Path) -> None:
    con.execute(f"""
        COPY (
            SELECT p.patent_id, p.date, p.type, p.title, p.abstract,
                   coalesce(c.codes, []) AS codes, coalesce(r.cited, []) AS citations, p.split
            FROM patent p
            LEFT JOIN (SELECT patent_id, list(symbol ORDER BY seq, symbol) AS codes
                       FROM code GROUP BY patent_id) c USING (patent_id)
            LEFT JOIN (SELECT citing, list(cited ORDER BY cited) AS cited FROM citation
                       WHERE citing <> cited GROUP BY citing) r ON r.citing = p.patent_id
            ORDER BY p.patent_id
        ) TO {quote(folder / "corpus.parquet")}
          (FORMAT parquet, COMPRESSION zstd, ROW_GROUP_SIZE 50000)""")
    # Titles of the symbols that occur, and of their ancestors; sections have no row in the tables.
    con.execute("CREATE TEMP TABLE section_title (symbol VARCHAR, title VARCHAR)")
    con.executemany("INSERT INTO section_title VALUES (?, ?)", list(SECTION_TITLES.items()))
    con.execute(f"""
        COPY (
            WITH used AS (
                SELECT DISTINCT unnest([symbol[1], symbol[1:3], symbol[1:4],
                    CASE WHEN contains(symbol, '/') THEN split_part(symbol, '/', 1) || '/00' END,
                    symbol]) AS symbol FROM code),
            titled AS (SELECT clean_symbol(symbol) AS symbol, max(title) AS title
                       FROM (SELECT * FROM raw_title WHERE length(trim(symbol)) > 1
                             UNION ALL SELECT * FROM section_title) GROUP BY 1)
            SELECT u.symbol, CASE WHEN length(u.symbol) = 1 THEN 'section'
                    WHEN length(u.symbol) = 3 THEN 'class' WHEN length(u.symbol) = 4 THEN 'subclass'
                    WHEN ends_with(u.symbol, '/00') THEN 'group' ELSE 'subgroup' END AS level,
                   coalesce(t.title, '') AS title
            FROM used u LEFT JOIN titled t USING (symbol)
            WHERE u.symbol IS NOT NULL AND u.symbol <> '' ORDER BY u.symbol
        ) TO {quote(folder / "cpc.parquet")} (FORMAT parquet)""")


def _write_families(con: duckdb.DuckDBPyConnection, path: Path) -> int:
    """Families of the patents; document numbers lose what is no letter or digit (14/123,456)."""
    own = con.cursor()  # what was executed last on `con` may not have been fetched
    relatives = own.sql("""
        SELECT DISTINCT patent_id, document FROM (
            SELECT trim(patent_id) AS patent_id,
                   upper(regexp_replace(document, '[^A-Za-z0-9]', '', 'g')) AS document
            FROM raw_related)
        SEMI JOIN patent USING (patent_id)
        WHERE length(document) >= 5 ORDER BY ALL""").to_arrow_table()
    ids = own.sql("SELECT patent_id FROM patent").to_arrow_table()["patent_id"]
    return write_families(path, relatives, ids)
