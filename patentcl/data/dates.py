"""Reads dates of every form that is certain; what a day and what a month is, a column must show."""

from __future__ import annotations

import re

import duckdb

from patentcl.core.errors import DataError

ORDERS = ("auto", "dmy", "mdy")
NO_DATES = "dates that stand for none, left out"
SERIAL = "dates that were a spreadsheet's numbers of days"
_EITHER = r"^(\d{1,2})[/-](\d{1,2})[/-](\d{4})$"
_END = r"(\.0|\.|[T ]+\d\d?:\d\d.*|日|\s*\(.*\))$"  # a time of day, the name of the day
_AROUND = r"^(?i:mon|tue|wed|thu|fri|sat|sun)[a-z]*,?\s+|([A-Za-z])\.(\s)|(\d)(?:st|nd|rd|th)\b"
_WORDS = ["%d %b %Y", "%b %d %Y", "%b %d, %Y", "%b %Y", "%m/%Y", "%d-%b-%Y", "%b-%d-%Y", "%d%b%Y"]
_WORDS += [form.replace("%b", "%B") for form in _WORDS]


def read_dates(con: duckdb.DuckDBPyConnection, where: object, order: str) -> None:
    """Make a table day of the dates in raw_patent: raw, date, and why where there is none.

    Raises
    ------
    DataError
        If 05/04/2010 may be two days, and neither `order` nor another row of the column decides.
    """
    con.execute(rf"""
        CREATE TEMP TABLE text_of_day AS
        SELECT raw, translate(regexp_replace(regexp_replace(
            regexp_replace(value_of(raw), '(\d\.) +', '\1', 'g'), '{_END}', ''),
            '{_AROUND}', '\1\2\3', 'g'), '年月', '--') AS x
        FROM (SELECT DISTINCT date AS raw FROM raw_patent) WHERE value_of(raw) IS NOT NULL""")
    parts = [f"regexp_extract(x, '{_EITHER}', {i})" for i in (1, 2, 3)]
    if order == "auto":
        order = _order(con, where, parts)
    day, month = parts[:2] if order == "dmy" else (parts[1], parts[0])
    con.execute(rf"""
        CREATE TEMP TABLE day AS
        SELECT raw, CASE WHEN why IS NULL THEN date END AS date, why FROM (
            SELECT raw, date, CASE
                WHEN regexp_full_match(x, '[0/. -]+') OR date = '9999-12-31'
                    OR (date = '1900-01-01' AND length(x) > 4)
                    THEN '{NO_DATES}'
                WHEN year(date) > year(current_date) + 1 THEN 'dates in the future, left out'
                WHEN regexp_full_match(x, '\d{{1,2}}[-/. ](\d{{1,2}}|[A-Za-z]{{3}})[-/. ]\d{{2}}')
                    THEN 'dates with years of two digits, left out'
                WHEN date IS NULL OR year(date) < 1400 THEN 'dates that cannot be read' END AS why
            FROM (SELECT raw, x, CASE
                WHEN regexp_full_match(x, '\d{{4}}([-/.]\d{{1,2}})?')
                    THEN TRY_CAST(x[:4] || '-' || coalesce(nullif(x[6:], ''), '1') || '-1' AS DATE)
                WHEN regexp_full_match(x, '\d{{5}}') THEN DATE '1899-12-30' + x::INT
                -- Milliseconds since 1970, as pandas writes a day to JSON, and MongoDB a time.
                WHEN regexp_full_match(x, '-?\d{{8,14}}') AND x::BIGINT % 86400000 = 0
                    AND NOT regexp_full_match(x, '0+') OR regexp_full_match(x, '1\d{{12}}')
                    THEN make_timestamp(x::BIGINT * 1000)::DATE
                WHEN regexp_full_match(x, '\d{{8}}(0{{6}})?')
                    THEN TRY_CAST(x[:4] || '-' || x[5:6] || '-' || x[7:8] AS DATE)
                WHEN regexp_full_match(x, '\d{{4}}([/.])\d{{1,2}}[/.]\d{{1,2}}')
                    THEN TRY_CAST(translate(x, '/.', '--') AS DATE)
                WHEN regexp_full_match(x, '\d{{1,2}}\.\d{{1,2}}\.\d{{4}}')
                    THEN try_strptime(x, '%d.%m.%Y')::DATE
                WHEN regexp_matches(x, '{_EITHER}')
                    THEN TRY_CAST({parts[2]} || '-' || {month} || '-' || {day} AS DATE)
                ELSE coalesce(TRY_CAST(x AS DATE), try_strptime(x, {_WORDS})::DATE) END AS date
                FROM text_of_day))""")


def _order(con: duckdb.DuckDBPyConnection, where: object, parts: list[str]) -> str:
    """Whether the day or the month comes first in a column, by a number above 12."""
    first, second, differ = (
        con.execute(f"""
        SELECT arg_max(x, {parts[0]}::INT) FILTER ({parts[0]}::INT BETWEEN 13 AND 31),
               arg_max(x, {parts[1]}::INT) FILTER ({parts[1]}::INT BETWEEN 13 AND 31),
               min(x) FILTER ({parts[0]}::INT <> {parts[1]}::INT)
        FROM text_of_day WHERE regexp_matches(x, '{_EITHER}')""").fetchone()
        or (None,) * 3
    )
    if (first and second) or (differ and not first and not second):
        got = f"{first} and {second}"
        if not first:
            a, b, year = re.split("[/-]", differ)
            got = f"{differ}, which is {year}-{a:0>2}-{b:0>2} or {year}-{b:0>2}-{a:0>2}"
        fix = "Say what comes first: --set data.dates=mdy or dmy (in Python dates='mdy')"
        raise DataError("dates with an uncertain order", where=where, got=got, fix=fix)
    return "dmy" if first else "mdy"
