"""The patent graph in a Neo4j server, version 5.26 or later.

    (:Patent {patent_id, date, year, type, text_key})-[:CITES]->(:Patent)
    (:Patent)-[:CLASSIFIED_AS {sequence}]->(:Cpc {symbol, level, title})-[:CHILD_OF]->(:Cpc)
    (:GraphLoad {fingerprint, part, rows})   what has been loaded, and how far

The same corpus gives the same answers as in `patentcl.DuckDBGraph`, row for row: its tables are
staged in DuckDB and go to the server from there, and mining reads them back from the server in
chunks of patents. Statements live in ``graph/``, with parameters only.
"""

from __future__ import annotations

import itertools
import os
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from patentcl.core import resources
from patentcl.core.errors import GraphError, MissingExtra
from patentcl.core.locks import Scratch
from patentcl.core.progress import StageProgress
from patentcl.data.files import as_pattern
from patentcl.graph.database import Database, by_direction
from patentcl.graph.duckdb import DuckDBGraph
from patentcl.graph.neo4j.errors import explained
from patentcl.graph.neo4j.staging import PARTS, Stage

OLDEST = (5, 26)
"""The oldest version of the server that the statements are written for and tested with."""

_WORKERS = 2  # chunks that are read at a time: one is being unpacked while the server makes another
_SOURCE = pa.schema(
    [
        ("node", pa.int64()),
        ("patent_id", pa.string()),
        ("date", pa.string()),
        ("year", pa.int16()),
        ("type", pa.string()),
        ("text_key", pa.int64()),
        ("codes", pa.list_(pa.int64())),
        ("cites", pa.list_(pa.int64())),
    ]
)
_SYMBOLS = pa.schema(
    [("node", pa.int64()), *((name, pa.string()) for name in ("symbol", "level", "title"))]
)
_SOURCES = {
    "source_patent": "patents-*.parquet",
    "source_node": "patents-*.parquet",
    "source_symbol": "cpc-*.parquet",
    "source_classified": "patents-*.parquet",
    "source_cites": "patents-*.parquet",
    "source_cpc": None,
}
_LOADS = {
    "patent": "load_patent",
    "cpc": "load_cpc",
    "child_of": "load_child_of",
    "classified": "load_classified",
    "cites": "load_cites",
}


class Neo4jGraph:
    """A graph store in a Neo4j server.

    Parameters
    ----------
    uri : str
        ``neo4j://HOST:PORT``, or with bolt, neo4j+s, neo4j+ssc, bolt+s, bolt+ssc for neo4j.
    user, password : str, optional
        By default NEO4J_USERNAME (or neo4j) and NEO4J_PASSWORD; without a password, none is sent.
    database : str, optional
        By default NEO4J_DATABASE (or neo4j).
    batch : int
        Rows (nodes or relations) that are written in one transaction.
    chunk : int
        Patents that mining reads in one transaction.
    memory : str
        What DuckDB may use for staging and mining before it spills to disk.
    patience : float
        For so many seconds, what may pass by itself (a cut connection) is tried again.

    Raises
    ------
    MissingExtra
        If the driver is not installed.
    GraphError
        If the server cannot be reached, refuses the password, or is too old.
    """

    def __init__(
        self,
        uri: str,
        user: str | None = None,
        password: str | None = None,
        database: str | None = None,
        batch: int = 20_000,
        chunk: int = 20_000,
        memory: str = "2GB",
        patience: float = 20.0,
    ) -> None:
        try:
            import neo4j
        except ImportError as error:
            raise MissingExtra(
                "the driver of Neo4j is not installed", fix="pip install 'patentcl[neo4j]'"
            ) from error
        for name, value in (("batch", batch), ("chunk", chunk)):
            if value < 1:
                raise GraphError(f"{name} must be at least 1", got=value)
        self.uri, self.batch, self.chunk, self.memory = uri, batch, chunk, memory
        self.database = database or os.environ.get("NEO4J_DATABASE") or "neo4j"
        user = user or os.environ.get("NEO4J_USERNAME") or "neo4j"
        password = os.environ.get("NEO4J_PASSWORD") if password is None else password
        with explained(uri, "connect"):
            self._driver = neo4j.GraphDatabase.driver(
                uri,
                auth=(user, password) if password else None,
                connection_timeout=10,
                connection_acquisition_timeout=20,
                max_transaction_retry_time=patience,
                fetch_size=5000,
                notifications_min_severity="OFF",
            )
        try:
            with explained(uri, "connect"):
                agent = self._driver.get_server_info().agent
            _check_version(agent, uri)
        except BaseException:
            self._driver.close()
            raise

    def close(self) -> None:
        """Close the connections."""
        self._driver.close()

    def __enter__(self) -> Neo4jGraph:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    # ---- loading ----------------------------------------------------------------------------

    def load(self, corpus: str | Path, progress: StageProgress | None = None) -> dict[str, int]:
        """Build the graph of a ``corpus.parquet`` (with ``cpc.parquet`` beside it for titles).

        Each batch is one transaction that also notes how far the load has come: what was cut off
        goes on from there when it is called again, and a second load of the same data changes
        nothing. Other data of an earlier load are removed first.

        Parameters
        ----------
        corpus : path
        progress : callable, optional
            Is told the part, and how many of how many rows of it are there.

        Returns
        -------
        dict of str to int
            As `stats`.

        Raises
        ------
        DataError
            If there is no such file, or it is not a corpus.
        GraphError
            If the database holds patents that patentcl did not load, or the server fails.
        """
        with (
            Scratch() as work,
            DuckDBGraph(Path(work) / "stage.duckdb", memory=self.memory) as tables,
        ):
            tables.load(corpus)
            return self.load_from(tables, progress)

    def load_from(
        self, tables: DuckDBGraph, progress: StageProgress | None = None
    ) -> dict[str, int]:
        """Load what another store holds; as `load` otherwise."""
        wanted = tables.stats()
        stage = Stage(tables)
        for name in ("schema_patent", "schema_cpc", "schema_load"):
            self._write(name)
        state = self._state()
        if state is None and self._rows("load_foreign")[0]["found"]:
            raise GraphError(
                "the database holds patents that patentcl did not load",
                where=self.uri,
                fix="Give an empty database",
            )
        if state is None or state["fingerprint"] != stage.fingerprint:
            first = PARTS[0] if state is None else "clear"
            self._write("load_begin", fingerprint=stage.fingerprint, part=first)
            state = {"part": first, "rows": 0}
        if state["part"] == "clear":
            self._clear(stage.fingerprint)
            state = {"part": PARTS[0], "rows": 0}
        if state["part"] != "done":
            following = PARTS[PARTS.index(state["part"]) :]
            for part, then in zip(following, [*following[1:], "done"], strict=True):
                self._load_part(stage, part, state["rows"], progress)
                self._write("load_next", fingerprint=stage.fingerprint, part=part, next=then)
                state = {"part": then, "rows": 0}
        found = self.stats()
        if found != wanted:
            differ = ", ".join(f"{k} {v}" for k, v in found.items() if v != wanted[k])
            raise GraphError(
                "the graph has other counts than what was loaded",
                where=self.uri,
                got=differ,
                wanted=", ".join(f"{k} {wanted[k]}" for k in found if found[k] != wanted[k]),
                fix="Something else has changed it: empty the database, load again",
            )
        return found

    def _load_part(
        self, stage: Stage, part: str, done: int, progress: StageProgress | None
    ) -> None:
        for upto, rows in stage.batches(part, done, self.batch):
            self._write(
                _LOADS[part], fingerprint=stage.fingerprint, rows=rows, **{"from": done}, upto=upto
            )
            done = upto
            if progress:
                progress(f"load {part}", done, stage.rows(part))

    def _clear(self, fingerprint: str) -> None:
        for name in ("load_clear_patent", "load_clear_cpc"):
            with explained(self.uri, name, self.batch), self._session() as session:
                # Its transactions are the server's own, so it cannot run inside one of ours.
                session.run(_query(name), batch=self.batch).consume()
        self._write("load_next", fingerprint=fingerprint, part="clear", next=PARTS[0])

    def _state(self) -> dict[str, Any] | None:
        return next(iter(self._rows("load_state")), None)

    def _complete(self) -> str:
        """The fingerprint of what has been loaded; raises where that is nothing, or not whole."""
        state = self._state()
        fix = "Load it with: patentcl load DATA --graph neo4j://HOST:PORT"
        if state is None:
            raise GraphError("the graph has not been loaded", where=self.uri, fix=fix)
        if state["part"] != "done":
            raise GraphError(
                "the graph has not been loaded to its end",
                where=self.uri,
                got=f"a load that was cut off at {state['part']}",
                fix=f"{fix}; it goes on from there",
            )
        return str(state["fingerprint"])

    # ---- asking -----------------------------------------------------------------------------

    def stats(self) -> dict[str, int]:
        """Count nodes and relations: patents, dated, with_codes, symbols, classified_as, cites."""
        self._complete()
        [row] = self._rows("stats")
        return {name: int(value) for name, value in row.items()}

    def neighbourhood(self, patent_id: str, coupled: int = 20) -> dict[str, list[dict[str, Any]]]:
        """Return a patent's codes (with titles), what it cites, what cites it, what is coupled.

        See `patentcl.DuckDBGraph.neighbourhood`.
        """
        self._complete()
        if not self._rows("neighbourhood_patent", patent_id=patent_id):
            raise GraphError("no such patent in the graph", where=self.uri, got=patent_id)
        cites = self._rows("neighbourhood_cites", patent_id=patent_id)
        near = self._rows("neighbourhood_coupled", patent_id=patent_id, limit=coupled)
        return {
            "codes": self._rows("neighbourhood_codes", patent_id=patent_id),
            **by_direction(_dated(cites)),
            "coupled": _dated(near),
        }

    @contextmanager
    def mining_source(self) -> Iterator[Database]:
        """Read the graph into tables patent, classified, cites and cpc, in a temporary folder.

        Each chunk of patents comes in one transaction, collected by the server, and is written as
        one Parquet file once it is complete: memory follows `chunk`, not the graph.

        Raises
        ------
        GraphError
            If the graph is not complete, or is loaded anew while it is being read.
        """
        before = self._complete()
        with Scratch() as work:
            folder = Path(work)
            self._fetch(folder)
            if self._complete() != before:
                raise GraphError(
                    "the graph was loaded anew while it was being read",
                    where=self.uri,
                    fix="Run it again",
                )
            with Database(folder / "mining.duckdb", memory=self.memory) as tables:
                for query, files in _SOURCES.items():
                    tables.run(
                        query, **({"files": f"{as_pattern(folder)}/{files}"} if files else {})
                    )
                yield tables

    def _fetch(self, folder: Path) -> None:
        """Write all patents and symbols into Parquet files."""
        bounds = self._bounds()
        with ThreadPoolExecutor(_WORKERS) as pool:
            waiting = [
                pool.submit(self._fetch_chunk, folder / f"patents-{i:06d}.parquet", *ends)
                for i, ends in enumerate(bounds)
            ]
            try:
                for each in waiting:
                    each.result()
            finally:
                for each in waiting:
                    each.cancel()
        [row] = self._rows("mine_cpc")
        _write_lists(folder / "cpc-0.parquet", row["symbols"], _SYMBOLS)

    def _bounds(self) -> Iterator[tuple[str, str | None]]:
        """Ends of chunks: the first id is left out, the last belongs to the chunk."""
        after = ""
        while True:
            found = self._rows("mine_bounds", after=after, count=self.chunk - 1)
            if not found:
                yield after, None
                return
            yield after, found[0]["patent_id"]
            after = found[0]["patent_id"]

    def _fetch_chunk(self, path: Path, after: str, upto: str | None) -> None:
        [row] = self._rows("mine_patents", after=after, upto=upto)
        _write_lists(path, row["patents"], _SOURCE)

    # ---- statements -------------------------------------------------------------------------

    def _session(self) -> Any:
        return self._driver.session(database=self.database)

    def _write(self, name: str, **parameters: Any) -> None:
        """Run one statement from ``graph/`` in a transaction of its own."""
        statement = _query(name)

        def work(tx: Any) -> None:
            # Inside, so that the driver does not try the hopeless again (no memory, read-only).
            with explained(self.uri, name, self.batch, passing=True):
                tx.run(statement, parameters).consume()

        with explained(self.uri, name, self.batch), self._session() as session:
            session.execute_write(work)

    def _rows(self, name: str, **parameters: Any) -> list[dict[str, Any]]:
        statement = _query(name)

        def work(tx: Any) -> list[dict[str, Any]]:
            with explained(self.uri, name, self.chunk, passing=True):
                return [dict(record) for record in tx.run(statement, parameters)]

        with explained(self.uri, name, self.chunk), self._session() as session:
            return session.execute_read(work)


def _query(name: str) -> str:
    return resources.read("graph", name, ".cypher")


def _write_lists(path: Path, rows: list[list[Any]], schema: pa.Schema) -> None:
    """Write rows as a Parquet file."""
    columns = list(zip(*rows, strict=True)) or [()] * len(schema)
    arrays = [pa.array(c, f.type) for c, f in zip(columns, schema, strict=True)]
    pq.write_table(pa.table(arrays, schema=schema), path, compression="lz4")


def _dated(rows: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    return [
        {**row, "date": date.fromisoformat(row["date"]) if row["date"] else None} for row in rows
    ]


def _check_version(agent: str, uri: str) -> None:
    """Raise unless a server is a Neo4j that the statements are written for."""
    product, _, told = agent.partition("/")
    parts = tuple(int(n) for n in itertools.takewhile(str.isdigit, told.split(".")[:2]))
    if product != "Neo4j" or parts < OLDEST:
        raise GraphError(
            "this version of the server is not supported",
            where=uri,
            got=agent,
            wanted=f"Neo4j {OLDEST[0]}.{OLDEST[1]} or later",
        )
