"""Reads patents of every supported format into one Parquet table, with DuckDB.

Each format only fills raw tables (patents, codes, citations, titles, relatives); cleaning,
counting, checks and writing are the same for all. No file passes through Python row by row.
"""

from __future__ import annotations

import logging
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import duckdb
import pandas as pd
import pyarrow as pa

from patentcl.core.errors import DataError
from patentcl.core.locks import Scratch
from patentcl.cpc import own_titles
from patentcl.data.characters import ODD
from patentcl.data.cleaning import Counts, clean
from patentcl.data.codes import MACROS
from patentcl.data.duplicates import FAMILIES, write_families
from patentcl.data.files import connect, count, explain_duckdb, name_of, quote
from patentcl.data.flat import Source, look_into, read_flat
from patentcl.data.fulltext import create_tables, read_texts
from patentcl.data.opening import find_records, find_splits, kind_of
from patentcl.data.options import FULL_TEXT, ReadOptions
from patentcl.data.patentsview import check_patentsview, has_table, read_patentsview
from patentcl.data.scheme import add_parents, find_scheme

log = logging.getLogger(__name__)

_RAW_TABLES = """
CREATE TABLE raw_patent (patent_id VARCHAR, date VARCHAR, type VARCHAR, title VARCHAR,
                         abstract VARCHAR, withdrawn VARCHAR, split VARCHAR, place BIGINT);
CREATE TABLE raw_code (patent_id VARCHAR, symbol VARCHAR, seq INTEGER, scheme VARCHAR);
CREATE TABLE raw_citation (citing VARCHAR, cited VARCHAR);
CREATE TABLE raw_title (symbol VARCHAR, title VARCHAR);
CREATE TABLE raw_related (patent_id VARCHAR, document VARCHAR);
"""


def read_patents(
    source: str | Path | pd.DataFrame,
    folder: Path,
    options: ReadOptions,
    about: dict[str, Any] | None = None,
) -> Counts:
    """Read a source and write ``corpus.parquet`` and ``cpc.parquet`` into an existing folder.

    Sources are those of `Corpus.read`. Where one says who continues whom, ``family.parquet`` is
    written, too; a ``cpc_scheme.parquet`` (csv, tsv) in its folder gives symbols their parents by
    dots. `folder` is also used for unpacking and spilling. Returns counts of what was kept and left
    out, with examples; `about` is told the profile of a plain file, and which column was used for
    what.

    Raises
    ------
    DataError
        If something is missing or cannot be read; names the file, and line or column.
    """
    source, where = _found(source)
    work = Path(tempfile.mkdtemp(prefix=".reading-", dir=folder))
    con = connect(work=work, memory=options.memory)
    try:
        con.execute(MACROS)
        con.execute(f"{_RAW_TABLES}; {ODD}")
        create_tables(con)
        extra: dict[str, str] = {}
        sources = _sources(source, options)
        if sources:
            extra, columns = read_flat(con, sources, work, options)
            if about is not None:
                about |= {"profile": columns.profile.name, "columns": columns.shown()}
        elif isinstance(source, Path):
            read_patentsview(con, source, work, options)
        counts = clean(con, where, options)
        if isinstance(source, Path) and not sources:
            read_texts(con, source, work)
        for column, what in (("first_claim", "claims"), ("description", "description")):
            of = f"{FULL_TEXT[column]} t SEMI JOIN patent p ON p.patent_id = number_of(t.patent_id)"
            if number := count(con, of, f"len({column}) > 0"):
                counts[f"patents with {what}"] = number
        _say_what_for(con, counts)
        _write(con, work, extra)
        scheme = find_scheme(source) if isinstance(source, Path) and source.is_dir() else None
        if scheme is not None:
            counts["symbols placed by dots"] = add_parents(work / "cpc.parquet", scheme)
        if count(con, "raw_related"):
            counts["patents of a family"] = _write_families(con, work / FAMILIES)
        for name in ("corpus.parquet", "cpc.parquet", FAMILIES):  # complete by now
            if (work / name).is_file():
                (work / name).replace(folder / name)
        counts.warn(where)
        return counts
    except duckdb.Error as error:
        raise explain_duckdb(error, where) from error
    finally:
        con.close()
        shutil.rmtree(work, ignore_errors=True)


def look(source: str | Path, options: ReadOptions) -> None:
    """Refuse a source that `read_patents` would refuse for its form or its header; read no rows."""
    path = Path(_found(source)[0])  # type: ignore[arg-type]
    with Scratch() as work, connect() as con:
        sources = _sources(path, options)
        for each in sources.values():
            look_into(con, each, Path(work), options)
        if not sources:
            check_patentsview(path, Path(work), options)


def _found(source: str | Path | pd.DataFrame) -> tuple[Path | pd.DataFrame, object]:
    """A source that is there, and what errors call it."""
    if isinstance(source, pd.DataFrame):
        return source, "the DataFrame"
    path = Path(source)
    if not path.exists():
        fix = "Give a folder of PatentsView tables, or one CSV, TSV, JSONL, Parquet or XLSX file"
        raise DataError("no such file or folder", got=path, fix=fix)
    return path, path


def _sources(source: Path | pd.DataFrame, options: ReadOptions) -> dict[str, Source]:
    """The tables of a source by their splits; none where it is a folder of PatentsView tables."""
    if isinstance(source, pd.DataFrame):
        return {"": source}
    if source.is_file():
        return {"": [source]}
    if has_table(source, "patent"):
        if options.columns or options.encoding:
            got, fix = str(source), "Leave --columns and --encoding out"
            raise DataError("PatentsView tables have columns that are known", got=got, fix=fix)
        return {}
    if found := find_splits(source) or {"": find_records(source)}:
        read = [path for files in found.values() for path in files]
        rest = {p for place in {path.parent for path in read} for p in place.iterdir()} - {*read}
        names = sorted(p.name for p in rest if kind_of(p) and p != find_scheme(source))
        if names:
            log.warning("%s: not read, as named like no split or part: %s", source, names)
        if read:
            return dict(found)
    tables = [path.name for path in sorted(source.iterdir()) if kind_of(path)]
    wanted = "g_patent.tsv.zip (or .tsv), train.parquet and dev.parquet, or a .json or .xml each"
    name_one = f"Name one of its files, e.g. {source / tables[0]}" if tables else None
    raise DataError("no patents found in the folder", got=source, wanted=wanted, fix=name_one)


def _say_what_for(con: duckdb.DuckDBPyConnection, counts: Mapping[str, int]) -> None:
    """Say what can be done with the patents, and what cannot."""
    texts = (
        "" if count(con, "patent", "abstract <> ''") else ", by their titles: none has an abstract"
    )
    codes = "a classifier can learn from them"
    if not counts["patents with codes"]:
        codes = "no classifier can learn from them: none has a code"
    log.info("the patents can be searched and mapped%s; %s", texts, codes)
    if not counts["citations"]:
        log.info("no citations: triplets and the evaluation of retrieval go by codes alone")
    if not count(con, "patent", "date IS NOT NULL"):
        log.info("no dates: no filter and no split by date")


def _write(con: duckdb.DuckDBPyConnection, folder: Path, extra: Mapping[str, str]) -> None:
    """One source keeps its order, and columns that are not ours; of several, ids give the order."""
    texts = {c: table for c, table in FULL_TEXT.items() if count(con, table, f"len({c}) > 0")}
    empty = {c: "[]" if c == "claims" else "''" for c in texts}
    tables = sorted({*texts.values()})
    joins = " ".join(f"LEFT JOIN {t} ON number_of({t}.patent_id) = p.patent_id" for t in tables)
    there = {*map(str.lower, extra.values())}  # else of ids, where those have such parts
    parts = [
        p for p in ("country", "kind") if p not in there and count(con, "number", f"{p} <> ''")
    ]
    con.execute(f"""
        COPY (
            SELECT p.patent_id, p.date, p.type, p.title, p.abstract,
                   coalesce(c.codes, []) AS codes, coalesce(r.cited, []) AS citations,
                   p.split{"".join(f", nullif(n.{part}, '') AS {part}" for part in parts)}
                   {"".join(f", coalesce({texts[c]}.{c}, {empty[c]}) AS {c}" for c in texts)}
                   {"".join(f", f.{name_of(c)} AS {name_of(n)}" for c, n in extra.items())}
            FROM patent p
            LEFT JOIN (SELECT patent_id, list(symbol ORDER BY seq, symbol) AS codes
                       FROM code GROUP BY patent_id) c USING (patent_id)
            LEFT JOIN (SELECT citing, list(cited ORDER BY cited) AS cited FROM citation
                       WHERE citing <> cited GROUP BY citing) r ON r.citing = p.patent_id
            {joins}
            {"LEFT JOIN number n ON n.patent_id = p.patent_id" if parts else ""}
            {"LEFT JOIN flat f ON f.rowid = p.place" if extra else ""}
            ORDER BY {"p.place" if count(con, "patent", "place IS NOT NULL") else "p.patent_id"}
        ) TO {quote(folder / "corpus.parquet")}
          (FORMAT parquet, COMPRESSION zstd, COMPRESSION_LEVEL 1,
           ROW_GROUP_SIZE {5_000 if texts else 50_000})""")
    # Titles of the symbols that occur, and of their ancestors: the data's, else our own.
    own = own_titles()
    con.register("own_title", pa.table({"symbol": list(own), "title": list(own.values())}))
    con.execute(f"""
        COPY (
            WITH used AS (
                SELECT DISTINCT unnest([symbol[1], symbol[1:3], symbol[1:4],
                    CASE WHEN contains(symbol, '/') THEN split_part(symbol, '/', 1) || '/00' END,
                    symbol]) AS symbol FROM code),
            titled AS (SELECT clean_symbol(symbol) AS symbol, max(title) AS title
                       FROM raw_title WHERE trim(title) <> '' GROUP BY 1)
            SELECT u.symbol, CASE WHEN length(u.symbol) = 1 THEN 'section'
                    WHEN length(u.symbol) = 3 THEN 'class' WHEN length(u.symbol) = 4 THEN 'subclass'
                    WHEN ends_with(u.symbol, '/00') THEN 'group' ELSE 'subgroup' END AS level,
                   coalesce(t.title, o.title, '') AS title
            FROM used u LEFT JOIN titled t USING (symbol) LEFT JOIN own_title o USING (symbol)
            WHERE u.symbol IS NOT NULL AND u.symbol <> '' ORDER BY u.symbol
        ) TO {quote(folder / "cpc.parquet")} (FORMAT parquet)""")


def _write_families(con: duckdb.DuckDBPyConnection, path: Path) -> int:
    """Families of the patents; document numbers lose what is no letter or digit (14/123,456)."""
    con.execute("""
        CREATE TABLE relative AS SELECT DISTINCT patent_id, document FROM (
            SELECT number_of(patent_id) AS patent_id,
                   upper(regexp_replace(document, '[^A-Za-z0-9]', '', 'g')) AS document
            FROM raw_related)
        SEMI JOIN patent USING (patent_id)
        WHERE length(document) >= 5""")
    own = con.cursor()  # what was executed last on `con` may not have been fetched
    relatives = own.sql("FROM relative ORDER BY ALL").to_arrow_table()
    ids = own.sql("SELECT patent_id FROM patent").to_arrow_table()["patent_id"]
    return write_families(path, relatives, ids)
