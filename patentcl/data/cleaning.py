"""Turns raw tables, as each format fills them, into patents, codes and citations, with DuckDB.

What is left out is counted, by reason, and shown by examples.
"""

from __future__ import annotations

import warnings

import duckdb

from patentcl.core.errors import DataError, DataWarning
from patentcl.core.tables import counted
from patentcl.data.characters import LOST, NUL
from patentcl.data.dates import NO_DATES, SERIAL, read_dates
from patentcl.data.files import count
from patentcl.data.options import ReadOptions

EMPTY = "rows without a number and a text, left out"
BELOW = "rows below the last number, left out"
BAD_CODES = "codes that are not symbols, left out"


class Counts(dict[str, int]):
    """How much was kept and left out, by name.

    Attributes
    ----------
    examples : dict of str to list of str
        Up to three of what was left out, as ``"patent: text"``, by the same names.
    """

    def __init__(self) -> None:
        super().__init__()
        self.examples: dict[str, list[str]] = {}

    def note(
        self, con: duckdb.DuckDBPyConnection, name: str, rows: str, always: bool = False
    ) -> None:
        """Count what a query gives, columns patent_id and text, and keep the first three."""
        found = con.execute(f"""
            SELECT count(*) OVER (), patent_id, left(text, 60) FROM ({rows})
            ORDER BY patent_id, text LIMIT 3""").fetchall()
        if found or always:
            self[name] = int(found[0][0]) if found else 0
        if found:
            self.examples[name] = [" ".join(f"{i}: {text}".split()) for _, i, text in found]

    def left_out(self) -> dict[str, dict[str, object]]:
        """Counts and examples of what was left out, for a manifest."""
        return {n: {"count": self[n], "examples": texts} for n, texts in self.examples.items()}

    def warn(self, where: object) -> None:
        """Say once what was left out; not what the source itself marks as nothing."""
        codes = self["codes"] + self[BAD_CODES]
        share = {BAD_CODES: f" of {codes:,} ({self[BAD_CODES] / max(1, codes):.1%})"}
        shown = [(n, texts) for n, texts in self.examples.items() if self[n] and n != NO_DATES]
        parts = [f"{n}: {self[n]:,}{share.get(n, '')}, e.g. {texts[0]}" for n, texts in shown]
        if parts:
            warnings.warn(f"{where}: {'; '.join(parts)}", DataWarning, stacklevel=4)


def clean(con: duckdb.DuckDBPyConnection, where: object, options: ReadOptions) -> Counts:
    """Fill patent, code and citation from the raw tables; count what is left out and why."""
    counts = Counts()
    _leave_out_rows(con, counts)
    counts["patents read"] = count(con, "raw_patent")
    _check_ids(con, where)
    withdrawn = "lower(trim(coalesce(withdrawn, '0'))) IN ('1', 'true')"
    no_text = "text_of(title) IS NULL AND text_of(abstract) IS NULL"
    if options.every_row:
        no_text = "false"
    counts["withdrawn, left out"] = count(con, "raw_patent", withdrawn)
    rows = f"SELECT patent_id, coalesce(title, '') AS text FROM raw_patent WHERE {no_text}"
    counts.note(con, "without text, left out", f"{rows} AND NOT {withdrawn}", always=True)
    read_dates(con, where, options.dates)
    limit = f"ORDER BY md5(patent_id), patent_id LIMIT {options.limit}" if options.limit else ""
    con.execute(f"""
        CREATE TABLE patent AS
        SELECT number_of(patent_id) AS patent_id, day.date, value_of(type) AS type,
               coalesce(line_of(title), '') AS title,
               coalesce(text_of(abstract), '') AS abstract, split, why, raw AS raw_date, place
        FROM raw_patent LEFT JOIN day ON raw_patent.date = raw
        WHERE NOT {withdrawn} AND NOT ({no_text})
        {limit}""")
    counts["patents"] = count(con, "patent")
    if counts["patents"] == 0:
        raise DataError("no patent is left", where=where, got=str(dict(counts)))
    counts["dates that cannot be read"] = 0
    whys = "SELECT DISTINCT why FROM patent WHERE why IS NOT NULL ORDER BY 1"
    for (why,) in con.execute(whys).fetchall():
        counts.note(con, why, f"SELECT patent_id, raw_date AS text FROM patent WHERE why = '{why}'")
    serial = r"date IS NOT NULL AND regexp_full_match(value_of(raw_date), '\d{5}(\.0)?')"
    counts.note(con, SERIAL, f"SELECT patent_id, raw_date AS text FROM patent WHERE {serial}")
    for what in (NUL, LOST):
        odd = f"SELECT patent_id, text FROM raw_odd WHERE what = '{what}'"
        counts.note(con, f"texts with {what}", odd)
    _clean_codes(con, where, counts)
    _clean_citations(con, where, counts)
    return counts


def _leave_out_rows(con: duckdb.DuckDBPyConnection, counts: Counts) -> None:
    """Leave out rows without a number that say nothing, or, at the end, what all others are."""
    nameless = "regexp_full_match(coalesce(trim(patent_id), ''), '(?i)|(\\w+ )?total[: \\d]*')"
    if not count(con, "raw_patent", nameless):
        return
    what = f"max(place) FILTER (NOT {nameless}), count(nullif(trim(concat(date, abstract)), ''))"
    [[last, known]] = con.execute(f"SELECT {what} FROM raw_patent").fetchall()
    total = r"regexp_matches(title, '(?i)^\W*(\w+ )?(total|sum|summe)\b')"
    total += " OR trim(concat(date, abstract)) = ''" if known else ""
    for name, rows in (
        (EMPTY, "trim(concat(title, abstract), chr(10) || ' ') = ''"),
        (BELOW, f"place > {'NULL' if last is None else last} AND ({total})"),
    ):
        rows = f"FROM raw_patent WHERE {nameless} AND ({rows})"
        shown = "'row ' || (place + 1) AS patent_id, coalesce(title, '') AS text"
        counts.note(con, name, f"SELECT {shown} {rows}")
        con.execute(f"DELETE {rows}")


def _check_ids(con: duckdb.DuckDBPyConnection, where: object) -> None:
    """Raise unless every patent has an id of its own, which no spreadsheet has rounded."""
    rounded = "regexp_full_match(trim({}), '\\d([.,]\\d+)?[Ee]\\+\\d+')"
    for what, bad in (
        ("patents without an id", "number_of(patent_id) IS NULL"),
        ("ids that a spreadsheet has rounded", rounded.format("patent_id")),
    ):
        n, rows, first = (
            con.execute(f"""
            SELECT count(*), string_agg(place + 1, ', ' ORDER BY place) FILTER (nth <= 3),
                   min(patent_id) FROM (SELECT patent_id, place, row_number() OVER (ORDER BY place)
                                        AS nth FROM raw_patent WHERE {bad})""").fetchone()
            or (0,) * 3
        )
        if n:
            got = counted(n, "rows") + (f" (row {rows}{' ...' if n > 3 else ''})" if rows else "")
            fix = None if "without" in what else "Export the column as text"
            raise DataError(what, where=where, got=f"{first} in {got}" if fix else got, fix=fix)
    twice = con.execute("""SELECT id, times, count(*) OVER () FROM (
                               SELECT number_of(patent_id) AS id, count(*) AS times FROM raw_patent
                               GROUP BY id HAVING times > 1) ORDER BY id LIMIT 1""").fetchone()
    if twice:
        got = f"{twice[0]} {twice[1]} times"
        got += f", and {counted(twice[2] - 1, 'more ids')}" * (twice[2] > 1)
        wanted = "one row for each patent"
        raise DataError("duplicate patent ids", where=where, got=got, wanted=wanted)
    cited = con.execute(f"""
        SELECT citing, cited FROM raw_citation
        WHERE contains(upper(cited), 'E+') AND {rounded.format("cited")}
        ORDER BY ALL LIMIT 1""").fetchone()
    if cited:
        got, fix = f"{cited[1]}, cited by {cited[0]}", "Export the column as text"
        raise DataError("citations that a spreadsheet has rounded", where=where, got=got, fix=fix)


def _clean_codes(con: duckdb.DuckDBPyConnection, where: object, counts: Counts) -> None:
    con.execute(r"""
        CREATE TEMP TABLE meaning AS
        SELECT *, CASE WHEN symbol IS NULL THEN trim(raw) END AS bad,
               CASE WHEN length(symbol) = 4 AND regexp_matches(raw, '[A-Za-z]\s*\d+\s*$')
                    THEN trim(raw) END AS cut
        FROM (SELECT symbol AS raw, clean_symbol(symbol) AS symbol
              FROM (SELECT DISTINCT symbol FROM raw_code));
        CREATE TABLE code AS
        SELECT p.patent_id, m.symbol, scheme, min(coalesce(seq, 0)) AS seq, bad, min(cut) AS cut
        FROM raw_code c JOIN meaning m ON c.symbol = m.raw
        JOIN patent p ON p.patent_id = number_of(c.patent_id)
        GROUP BY p.patent_id, m.symbol, scheme, bad""")
    if count(con, "code") and not count(con, "code", "symbol IS NOT NULL"):
        [(bad,)] = con.execute("SELECT bad FROM code ORDER BY bad LIMIT 1").fetchall()
        what, wanted = "none of the codes is a CPC or IPC symbol", "e.g. A01B33/08 or A01B"
        raise DataError(what, where=where, got=repr(bad), wanted=wanted)
    bad = "SELECT patent_id, bad AS text FROM code WHERE symbol IS NULL"
    counts.note(con, BAD_CODES, bad, always=True)
    lost = """SELECT patent_id, string_agg(bad, '; ' ORDER BY seq) AS text FROM code
              GROUP BY patent_id HAVING count(symbol) = 0"""
    if counts[BAD_CODES]:
        counts.note(con, "patents that lost all their codes", lost)
    con.execute("DELETE FROM code WHERE symbol IS NULL")
    con.execute("""
        DELETE FROM code WHERE scheme = 'ipc'
        AND patent_id IN (SELECT patent_id FROM code WHERE scheme = 'cpc')""")
    without = "SELECT patent_id, cut AS text FROM code WHERE cut IS NOT NULL"
    counts.note(con, "codes without a slash, kept as their subclass", without)
    counts["codes"] = count(con, "code")
    counts["patents with codes"] = count(con, "(SELECT DISTINCT patent_id FROM code)")


def _clean_citations(con: duckdb.DuckDBPyConnection, where: object, counts: Counts) -> None:
    con.execute("""
        CREATE TABLE citation AS
        SELECT DISTINCT p.patent_id AS citing, number_of(cited) AS cited
        FROM raw_citation c JOIN patent p ON p.patent_id = number_of(c.citing);
        DELETE FROM citation WHERE cited IS NULL""")
    _find_cited(con)
    counts["citations"] = count(con, "citation", "citing <> cited")
    counts["citations of oneself, left out"] = count(con, "citation", "citing = cited")
    inside = "citation c JOIN patent p ON p.patent_id = c.cited"
    counts["citations inside the corpus"] = count(con, inside, "citing <> cited")
    if counts["citations"] and not counts["citations inside the corpus"]:
        row = con.execute("SELECT min(citing || ' cites ' || cited) FROM citation").fetchone()
        counts.examples["citations inside the corpus"] = [str(row[0])] if row else []


def _find_cited(con: duckdb.DuckDBPyConnection) -> None:
    """Name cited patents by their ids here: US-7000003-B2 is 7000003, if only one patent fits.

    Fills the table number, of the parts of ids, where any number has another form than 7000003. One
    without a country is of the only country that ids have, else of the US.
    """
    con.execute(
        "CREATE TABLE number (patent_id VARCHAR, country VARCHAR, digits VARCHAR, kind VARCHAR)"
    )
    parts = "INSERT INTO number SELECT patent_id, unnest(number_parts(patent_id)) FROM patent"
    odd = count(con, "patent", "NOT bare_number(patent_id)")
    if odd:
        con.execute(parts)
    con.execute("""
        CREATE TEMP TABLE elsewhere AS SELECT DISTINCT cited FROM citation
        ANTI JOIN patent ON patent_id = cited WHERE NOT bare_number(cited)
        OR cited IN (SELECT digits FROM number WHERE digits <> patent_id)""")
    if not count(con, "elsewhere"):
        return
    if not odd:
        con.execute(parts)
    con.execute("""
        CREATE TEMP TABLE met AS
        WITH home AS (SELECT CASE count(DISTINCT country) WHEN 1 THEN min(country) ELSE 'US' END
                      AS home FROM number WHERE country <> ''),
        fits AS (
            SELECT cited, patent_id, rank() OVER (PARTITION BY cited ORDER BY CASE
                WHEN n.kind = e.kind THEN 0 WHEN n.kind = '' OR e.kind = '' THEN 1 ELSE 2 END) AS r
            FROM (SELECT cited, unnest(number_parts(cited)) FROM elsewhere) e, home
            JOIN number n ON n.digits = e.digits AND e.digits <> ''
            AND coalesce(nullif(n.country, ''), home) = coalesce(nullif(e.country, ''), home))
        SELECT cited, min(patent_id) AS patent_id FROM fits WHERE r = 1
        GROUP BY cited HAVING count(*) = 1""")
    if count(con, "met"):
        con.execute("""
            CREATE TABLE found AS SELECT DISTINCT citing, coalesce(patent_id, cited) AS cited
            FROM citation LEFT JOIN met USING (cited);
            DROP TABLE citation; ALTER TABLE found RENAME TO citation""")
