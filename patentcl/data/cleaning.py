"""Turns raw tables, as each format fills them, into patents, codes and citations, with DuckDB.

What is left out is counted, by reason.
"""

from __future__ import annotations

import duckdb

from patentcl.core.errors import DataError
from patentcl.data.files import count
from patentcl.data.options import ReadOptions

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


def clean(con: duckdb.DuckDBPyConnection, where: object, options: ReadOptions) -> dict[str, int]:
    """Fill patent, code and citation from the raw tables; count what is left out and why."""
    counts = {"patents read": count(con, "raw_patent")}
    no_id = count(con, "raw_patent", "trim(coalesce(patent_id, '')) = ''")
    if no_id:
        raise DataError("patents without an id", where=where, got=f"{no_id} rows")
    twice = con.execute("""SELECT id, times, count(*) OVER () FROM (
                               SELECT trim(patent_id) AS id, count(*) AS times FROM raw_patent
                               GROUP BY id HAVING times > 1) ORDER BY id LIMIT 1""").fetchone()
    if twice:
        got = f"{twice[0]} {twice[1]} times, and {twice[2] - 1} more ids"
        wanted = "one row for each patent"
        raise DataError("duplicate patent ids", where=where, got=got, wanted=wanted)
    withdrawn = "lower(trim(coalesce(withdrawn, '0'))) IN ('1', 'true')"
    no_text = "trim(coalesce(title, '')) = '' AND trim(coalesce(abstract, '')) = ''"
    counts["withdrawn, left out"] = count(con, "raw_patent", withdrawn)
    counts["without text, left out"] = count(con, "raw_patent", f"NOT {withdrawn} AND {no_text}")
    limit = f"ORDER BY md5(patent_id), patent_id LIMIT {options.limit}" if options.limit else ""
    con.execute(f"""
        CREATE TABLE patent AS
        SELECT trim(patent_id) AS patent_id,
               CASE WHEN regexp_matches(date, '^\\s*\\d{{4}}\\s*$') THEN make_date(date::INT, 1, 1)
                    WHEN regexp_matches(date, '^\\s*\\d{{8}}\\s*$')
                    THEN try_strptime(trim(date), '%Y%m%d')::DATE
                    ELSE TRY_CAST(nullif(trim(date), '') AS DATE) END AS date,
               nullif(trim(type), '') AS type, trim(coalesce(title, '')) AS title,
               trim(coalesce(abstract, '')) AS abstract, split, date AS raw_date, place
        FROM raw_patent
        WHERE NOT {withdrawn} AND NOT ({no_text})
        {limit}""")
    counts["patents"] = count(con, "patent")
    if counts["patents"] == 0:
        raise DataError("no patent is left", where=where, got=str(counts))
    counts["dates that cannot be read"] = count(
        con, "patent", "date IS NULL AND trim(coalesce(raw_date, '')) <> ''"
    )
    con.execute("""
        CREATE TABLE code AS
        SELECT patent_id, symbol, scheme, min(seq) AS seq, min(raw) AS raw
        FROM (SELECT trim(patent_id) AS patent_id, clean_symbol(symbol) AS symbol, scheme,
                     coalesce(seq, 0) AS seq, trim(symbol) AS raw FROM raw_code)
        SEMI JOIN patent USING (patent_id)
        GROUP BY patent_id, symbol, scheme, CASE WHEN symbol IS NULL THEN raw END""")
    _check_codes(con, where, counts)
    con.execute("""
        CREATE TABLE citation AS
        SELECT DISTINCT trim(citing) AS citing, trim(cited) AS cited
        FROM raw_citation c SEMI JOIN patent p ON p.patent_id = trim(c.citing)
        WHERE trim(coalesce(cited, '')) <> ''""")
    counts["citations"] = count(con, "citation", "citing <> cited")
    counts["citations of oneself, left out"] = count(con, "citation", "citing = cited")
    inside = "citation c JOIN patent p ON p.patent_id = c.cited"
    counts["citations inside the corpus"] = count(con, inside, "citing <> cited")
    return counts


def _check_codes(con: duckdb.DuckDBPyConnection, where: object, counts: dict[str, int]) -> None:
    bad = count(con, "code", "symbol IS NULL")
    if bad and not count(con, "code", "symbol IS NOT NULL"):
        row = con.execute("SELECT raw FROM code ORDER BY raw LIMIT 1").fetchone()
        raise DataError(
            "none of the codes is a CPC or IPC symbol",
            where=where,
            got=repr(row[0]) if row else None,
            wanted="e.g. A01B33/08 or A01B",
        )
    counts["codes that are not symbols, left out"] = bad
    con.execute("DELETE FROM code WHERE symbol IS NULL")
    con.execute("""
        DELETE FROM code WHERE scheme = 'ipc'
        AND patent_id IN (SELECT patent_id FROM code WHERE scheme = 'cpc')""")
    counts["codes"] = count(con, "code")
    counts["patents with codes"] = count(con, "(SELECT DISTINCT patent_id FROM code)")
