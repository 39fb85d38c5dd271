"""Synthetic PatentsView tables of any size, for measuring loads and mining (text left out).

    python benchmarks/scale.py FOLDER [--patents 200000] [--citations N] [--codes N] [--seed 0]

Writes g_patent.tsv, g_us_patent_citation.tsv, g_cpc_current.tsv, g_cpc_title.tsv and
g_us_rel_doc.tsv with the columns, quotes and dirt of the published ones: ids with letters that come
late in the file, cited documents from before 1976 that have no row, designs without codes, a few
withdrawn patents. Degrees are skewed: a tenth of the subclasses has half of the patents, citations
follow topic and recency with a heavy tail (in both directions), and few patents have many codes.
All values follow from a hash of seeded counters, so the same arguments write the same tables.
"""

from __future__ import annotations

import argparse
import time
from dataclasses import dataclass
from pathlib import Path

import duckdb

SUBCLASSES = 660
_FIRST = 3_930_271  # the first patent number of 1976


@dataclass(frozen=True)
class Scale:
    """How large the tables are.

    Attributes
    ----------
    patents : int
    citations, codes : int, optional
        About so many rows; by default in PatentsView's proportions, 12.5 and 6.25 a patent.
    seed : int
    """

    patents: int = 200_000
    citations: int | None = None
    codes: int | None = None
    seed: int = 0

    @property
    def citation_rows(self) -> int:
        return self.citations if self.citations is not None else self.patents * 25 // 2

    @property
    def code_rows(self) -> int:
        return self.codes if self.codes is not None else self.patents * 25 // 4


def write_tables(
    folder: str | Path, scale: Scale, threads: int | None = None, memory: str = "4GB"
) -> dict[str, int]:
    """Write the tables into a folder that may exist; return their numbers of rows."""
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    work = folder / ".scale.duckdb"
    work.unlink(missing_ok=True)
    config: dict[str, str | int | bool] = {"memory_limit": memory, "temp_directory": f"{work}.tmp"}
    if threads is not None:
        config["threads"] = threads
    con = duckdb.connect(str(work), config=config)
    try:
        # u('name', i, ...): a number in [0, 1) that depends on its arguments and the seed alone
        con.execute(f"""
            CREATE MACRO u(what, i, j := 0) AS
                (hash({scale.seed}, what, i, j) >> 11)::DOUBLE / 9007199254740992.0;
            CREATE MACRO below(x, n) AS least(floor(x * n)::BIGINT, n - 1);
            CREATE TABLE size AS SELECT {scale.patents} AS n;""")
        _symbols(con)
        _patents(con, scale.patents)
        written = {
            "g_patent": _copy(con, folder / "g_patent.tsv", _PATENT, "num_claims, withdrawn"),
            "g_us_patent_citation": _copy(
                con,
                folder / "g_us_patent_citation.tsv",
                _CITATION.format(mean=scale.citation_rows / scale.patents),
                "citation_sequence",
            ),
            "g_cpc_current": _copy(
                con,
                folder / "g_cpc_current.tsv",
                _CODE.format(mean=scale.code_rows / scale.patents / 0.93),
                "cpc_sequence",
            ),
            "g_cpc_title": _copy(con, folder / "g_cpc_title.tsv", _TITLE, ""),
            "g_us_rel_doc": _copy(
                con, folder / "g_us_rel_doc.tsv", _FAMILY, "related_doc_sequence"
            ),
        }
    finally:
        con.close()
        work.unlink(missing_ok=True)
    return written


def _symbols(con: duckdb.DuckDBPyConnection) -> None:
    """660 subclasses in 8 sections, 15 groups each on average, 25 symbols in a group."""
    con.execute(f"""
        CREATE TABLE subclass AS
        SELECT (157 * k) % {SUBCLASSES} AS t,  -- order of size: large ones in every section
               'ABCDEFGH'[k * 8 // {SUBCLASSES} + 1] AS section,
               k - (k * 8 // {SUBCLASSES}) * {SUBCLASSES} // 8 AS j,
               section || lpad((1 + j // 6)::VARCHAR, 2, '0') AS class,
               class || 'BCDFGH'[j % 6 + 1] AS subclass,
               4 + below(u('groups', k), 24) AS groups
        FROM range({SUBCLASSES}) s(k)""")
    con.execute("""
        CREATE TABLE symbol AS
        SELECT t, g, s, section, class, subclass,
               subclass || (1 + 2 * g) || '/' || CASE WHEN s = 0 THEN '00'
                   ELSE lpad((2 * s)::VARCHAR, 2, '0') END AS symbol
        FROM subclass, range(groups) x(g), range(25) y(s)""")


def _patents(con: duckdb.DuckDBPyConnection, n: int) -> None:
    """Patents in the order of their dates, with a topic: a subclass and a group of it."""
    con.execute(f"""
        CREATE TABLE patent AS
        SELECT i, CASE WHEN kind < 0.93 THEN ({_FIRST} + i)::VARCHAR
                       WHEN kind < 0.99 THEN 'D' || (240000 + i)
                       WHEN kind < 0.995 THEN 'RE' || (28000 + i) ELSE 'PP' || (4000 + i) END AS id,
               CASE WHEN kind < 0.93 THEN 'utility' WHEN kind < 0.99 THEN 'design'
                    WHEN kind < 0.995 THEN 'reissue' ELSE 'plant' END AS type,
               -- letters come late, as they do in the published table
               DATE '1976-01-06' + (i * 2557 // {n})::INTEGER * 7 AS date,
               below(pow(u('topic', i), 2.2), {SUBCLASSES}) AS t,
               u('group', i) AS of_group,
               row_number() OVER (PARTITION BY t ORDER BY i) - 1 AS place
        FROM (SELECT i, u('kind', i) * least(1, 0.93 + i / {n} * 0.2) AS kind FROM range({n}) r(i))
        ORDER BY i""")


_PATENT = """
    SELECT id AS patent_id, type AS patent_type, date AS patent_date,
           'Invention ' || id AS patent_title,
           'B2' AS wipo_kind, 1 + below(u('claims', i), 25) AS num_claims,
           CASE WHEN u('withdrawn', i) < 0.001 THEN 1 ELSE 0 END AS withdrawn,
           'ipg' || strftime(date, '%y%m%d') || '.xml' AS filename
    FROM patent"""

# A Weibull tail: many cite few, few cite hundreds. Of a patent's citations 15 % go to documents of
# before 1976, 10 % anywhere, 12 % to the classics of its topic and the rest to its recent ones.
_CITATION = """
    WITH one AS (
        SELECT id, date, t, place, i, unnest(range(least(400, floor(
            {mean} / 1.43 * pow(-ln(1 - u('cites', i)), 1.6) + u('part', i))::BIGINT))) AS k
        FROM patent),
    aim AS (
        SELECT *, u('way', i, k) AS way, u('far', i, k) AS far,
               CASE WHEN way < 0.25 OR place = 0 THEN -1
                    WHEN way < 0.37 THEN below(pow(far, 3), place)
                    ELSE below(sqrt(far), place) END AS aimed
        FROM one)
    SELECT a.id AS patent_id, k AS citation_sequence,
           CASE WHEN a.way < 0.15 OR (a.aimed < 0 AND a.i = 0)
                THEN (1000000 + below(far, 2900000))::VARCHAR ELSE coalesce(b.id, c.id) END
               AS citation_patent_id,
           strftime(coalesce(b.date, c.date, DATE '1960-01-01'), '%Y-%m-01') AS citation_date,
           'Name' AS record_name, 'A' AS wipo_kind,
           CASE WHEN a.date < DATE '2002-01-01' THEN '' ELSE 'cited by examiner' END
               AS citation_category
    FROM aim a
    LEFT JOIN patent b ON b.t = a.t AND b.place = a.aimed
    LEFT JOIN patent c ON a.aimed < 0 AND a.way >= 0.15 AND c.i = below(far, greatest(a.i, 1))"""

# Codes follow the topic: nearly half in its group, a quarter in its subclass, the rest nearby or
# anywhere. The first is the topic's own.
_CODE = """
    WITH one AS (
        SELECT id, i, t, of_group, unnest(range(least(60, 1 + floor(
            -({mean} - 0.5) * ln(1 - u('codes', i)))::BIGINT))) AS k
        FROM patent WHERE type <> 'design'),
    aim AS (
        SELECT *, CASE WHEN k = 0 THEN 0 ELSE u('kin', i, k) END AS kin,
               CASE WHEN kin < 0.7 THEN t
                    WHEN kin < 0.9 THEN (t + 1 + below(u('near', i, k), 5)) % 660
                    ELSE below(pow(u('any', i, k), 2.2), 660) END AS topic,
               CASE WHEN kin < 0.45 THEN of_group ELSE u('other', i, k) END AS inner_group,
               below(pow(u('sub', i, k), 1.5), 25) AS s
        FROM one)
    SELECT id AS patent_id, k AS cpc_sequence, y.section AS cpc_section, y.class AS cpc_class,
           y.subclass AS cpc_subclass, y.symbol AS cpc_group,
           CASE WHEN kin < 0.7 THEN 'inventional' ELSE 'additional' END AS cpc_type
    FROM aim
    JOIN subclass x ON x.t = topic
    JOIN symbol y ON y.t = topic AND y.g = below(inner_group * inner_group, x.groups)
                 AND y.s = aim.s"""

_TITLE = """
    SELECT subclass AS cpc_subclass, 'Subclass ' || subclass AS cpc_subclass_title,
           symbol AS cpc_group, 'Symbol ' || symbol AS cpc_group_title,
           class AS cpc_class, 'Class ' || class AS cpc_class_title
    FROM symbol"""

# One patent in twelve continues an earlier one of its topic.
_FAMILY = """
    SELECT a.id AS patent_id, 0 AS related_doc_sequence, 'continuation' AS related_doc_type,
           '' AS wipo_kind, b.id AS related_doc_number, '' AS published_country,
           strftime(b.date, '%Y-%m-%d') AS related_doc_date, 'granted' AS related_doc_status
    FROM patent a
    JOIN patent b ON b.t = a.t AND b.place = a.place - 1 - below(u('family', a.i), 8)
    WHERE u('continues', a.i) < 0.083"""


def _copy(con: duckdb.DuckDBPyConnection, path: Path, query: str, bare: str) -> int:
    """Write a query as published: tabs, text in double quotes, numbers bare; returns its rows."""
    names = [d[0] for d in con.execute(f"SELECT * FROM ({query}) LIMIT 0").description or []]
    quoted = ", ".join(n for n in names if n not in bare.split(", "))
    row = con.execute(f"""
        COPY ({query}) TO '{str(path).replace("'", "''")}'
        (FORMAT csv, DELIMITER '\t', HEADER, FORCE_QUOTE ({quoted}))""").fetchone()
    return int(row[0]) if row else 0


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--patents", type=int, default=200_000)
    parser.add_argument("--citations", type=int)
    parser.add_argument("--codes", type=int)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--threads", type=int)
    options = parser.parse_args()
    started = time.perf_counter()
    scale = Scale(options.patents, options.citations, options.codes, options.seed)
    for name, rows in write_tables(options.folder, scale, options.threads).items():
        size = (options.folder / f"{name}.tsv").stat().st_size
        print(f"{name:<22}{rows:>14,} rows {size / 1e6:>10,.1f} MB")
    print(f"in {time.perf_counter() - started:.1f} s")


if __name__ == "__main__":
    main()
