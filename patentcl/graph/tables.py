"""Loads PatentsView tables straight into the graph, without texts: for all of PatentsView at once.

Where texts are wanted, `data.reading` makes a corpus of them and the graph is loaded from that;
here only what the graph holds passes through, so that memory stays bounded at any size. Every
statement is one pass over a table or over some patents at a time.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import duckdb
import numpy as np
import pandas as pd
import pyarrow as pa

from patentcl.core import resources
from patentcl.core.errors import DataError
from patentcl.core.locks import Scratch
from patentcl.cpc import own_titles
from patentcl.data.codes import MACROS
from patentcl.data.duplicates import components
from patentcl.data.patentsview import has_table, table_scan
from patentcl.graph.database import Database

_TITLED = ("class", "subclass", "group")
_COLUMNS = {
    "patent": {name: name for name in ("patent_id", "date", "type", "withdrawn")},
    "related": {"patent_id": "patent_id", "related": "related"},
    "citation": {"citing": "citing", "cited": "cited"},
    "title": {f'"{c}"': c for level in _TITLED for c in (level, f"{level}_title")},
    "cpc": {"patent_id": "patent_id", "raw": "symbol", "seq": "seq"},
}
"""Our columns of each PatentsView table -> those of `table_scan`."""
_ONCE = 1_000_000  # patents sorted out at a time; more leave the cache


def fill_from_tables(graph: Database, source: Path) -> None:
    """Fill the graph's empty place with tables patent, cites, classified, coded and cpc.

    Raises
    ------
    DataError
        If a table is missing or cannot be read; names the file, and line or column.
    """
    graph.execute(MACROS)
    # Keeping rows in the order of a file of gigabytes would cost memory, and nobody asks for it.
    graph.execute("SET preserve_insertion_order = false")
    # Trying every way to compress numbers takes longer than it spares.
    graph.execute("SET force_compression = 'bitpacking'")
    with Scratch() as work:
        _patents(graph, source, Path(work))
        patents = graph.count("patent")
        _citations(graph, source, Path(work), patents)
        _codes(graph, source, Path(work), patents)


@contextmanager
def _view(graph: Database, source: Path, work: Path, table: str) -> Iterator[None]:
    """A view raw_TABLE on a table's file, with its columns as text under our names."""
    with table_scan(source, table, work) as (scan, found):
        chosen = ", ".join(
            f"{found.get(theirs, 'NULL::VARCHAR')} AS {ours}"
            for ours, theirs in _COLUMNS[table].items()
        )
        graph.execute(f"CREATE OR REPLACE TEMP VIEW raw_{table} AS SELECT {chosen} FROM {scan}")
        try:
            yield
        finally:
            with suppress(duckdb.Error):  # a transaction that failed takes its own away
                graph.execute(f"DROP VIEW raw_{table}")


def _create(
    graph: Database, source: Path, work: Path, table: str, name: str, kind: str = "TEMP TABLE"
) -> None:
    """Make a table of what query tables_NAME reads from a table's file.

    The file streams past tables in memory: how many rows it has is not known beforehand, and DuckDB
    would build a hash table of all its rows. Errors of the file pass as they are.
    """
    query = resources.read("graph", f"tables_{name}", ".sql")
    with _view(graph, source, work, table), graph.as_written():
        graph.execute(f"CREATE {kind} {name} AS\n{query}")


def _patents(graph: Database, source: Path, work: Path) -> None:
    _create(graph, source, work, "patent", "patent", "TABLE")
    if not graph.count("patent"):
        raise DataError("no patent is left", where=source, got="none that is not withdrawn")
    twice = graph.execute(
        "SELECT patent_id FROM patent GROUP BY 1 HAVING count(*) > 1 ORDER BY 1 LIMIT 1"
    ).fetchall()
    if twice or graph.count("patent WHERE coalesce(patent_id, '') = ''"):
        raise DataError(
            "duplicate patent ids" if twice else "patents without an id",
            where=source,
            got=twice[0][0] if twice else None,
            wanted="one row for each patent",
        )
    if not has_table(source, "related"):
        return
    _create(graph, source, work, "related", "related")
    pairs = graph.execute("SELECT p, document FROM related").fetchnumpy()
    graph.execute("DROP TABLE related")
    left, right = pairs["p"], pairs["document"]
    if len(left):
        known = np.sort(pd.unique(np.concatenate([left, right])))  # np.unique: ten times as long
        of = known[
            components(np.searchsorted(known, left), np.searchsorted(known, right), len(known))
        ]
        inside = known < graph.count("patent")
        family = pa.table({"p": known[inside].astype(np.int32), "first": of[inside]})
        with graph.registered("family", family):
            graph.run("tables_family")


def _in_parts(graph: Database, query: str, patents: int) -> None:
    for start in range(0, patents, _ONCE):
        graph.run(query, **{"from": start, "upto": start + _ONCE})


def _citations(graph: Database, source: Path, work: Path, patents: int) -> None:
    graph.execute("CREATE TABLE cites (citing INTEGER, cited INTEGER)")
    if not has_table(source, "citation"):
        return
    _create(graph, source, work, "citation", "citations")
    _in_parts(graph, "tables_cites", patents)
    graph.execute("DROP TABLE citations")


def _codes(graph: Database, source: Path, work: Path, patents: int) -> None:
    """Symbols go through a table of the different ones: cleaning each row would take minutes."""
    graph.execute("CREATE TEMP TABLE titled (raw VARCHAR, title VARCHAR)")
    graph.execute("CREATE TEMP TABLE symbol_number (raw VARCHAR, symbol VARCHAR, code BIGINT)")
    if has_table(source, "title"):
        with _view(graph, source, work, "title"):
            for level in _TITLED:
                graph.execute(
                    f'INSERT INTO titled SELECT "{level}", max("{level}_title") '
                    f"FROM raw_title WHERE \"{level}_title\" <> '' GROUP BY 1"
                )
    own = own_titles()
    with graph.registered("own", pa.table({"raw": list(own), "title": list(own.values())})):
        graph.execute(
            "INSERT INTO titled FROM own WHERE raw NOT IN "
            "(SELECT clean_symbol(raw) FROM titled WHERE clean_symbol(raw) IS NOT NULL)"
        )
    _number_symbols(graph, "SELECT DISTINCT raw FROM titled")
    _create(graph, source, work, "cpc", "codes")
    _number_symbols(graph, "SELECT DISTINCT raw FROM codes WHERE raw IS NOT NULL")
    graph.execute("CREATE TABLE coded (p INTEGER, codes BIGINT[], places SMALLINT[])")
    _in_parts(graph, "tables_coded", patents)
    if not graph.count("coded"):
        raise DataError(
            "none of the codes is a CPC symbol", where=source, wanted="e.g. A01B33/08 or A01B"
        )
    graph.execute(
        "CREATE TABLE symbol AS SELECT code, min(symbol) AS symbol FROM symbol_number "
        "SEMI JOIN (SELECT unnest(codes) AS code FROM coded) USING (code) GROUP BY code"
    )
    graph.execute(
        "CREATE VIEW classified AS SELECT p, symbol, place AS sequence FROM (SELECT p, "
        "unnest(codes) AS code, unnest(places) AS place FROM coded) "
        "JOIN symbol USING (code)"
    )
    graph.execute("CREATE VIEW code_count AS SELECT p, len(codes) AS codes FROM coded")
    graph.create("tables_cpc", name="cpc")
    for name in ("codes", "titled", "symbol_number"):
        graph.execute(f"DROP TABLE {name}")


def _number_symbols(graph: Database, query: str) -> None:
    graph.execute(f"CREATE OR REPLACE TEMP TABLE raw_symbol AS {query}")
    graph.run("tables_symbol")
    graph.execute("DROP TABLE raw_symbol")
