"""The patent graph in an embedded DuckDB file: nothing to install, nothing to start.

Nodes and relations: patents (number, id, date, year, type; no text), symbols with titles,
``classified`` and ``cites``. Parquet is the truth; the file is a cache that can be built again.
Queries live in ``graph/``, one statement per file, with named parameters only.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from types import TracebackType
from typing import Any

import duckdb
import pyarrow as pa

from patentcl.core import resources
from patentcl.core.errors import GraphError
from patentcl.data.corpus import Corpus


class DuckDBGraph:
    """A graph store in one file.

    Parameters
    ----------
    path : path
        The DuckDB file, or ``:memory:``.
    read_only : bool
        Open an existing file for asking only; several processes may then share it.
    memory : str
        What DuckDB may use before it spills beside the file.

    Examples
    --------
    >>> from patentcl import Corpus
    >>> corpus = Corpus.from_records([{"patent_id": "1", "title": "a", "citations": ["2"]},
    ...                               {"patent_id": "2", "title": "b"}])
    >>> with DuckDBGraph(":memory:") as graph:
    ...     graph.load(corpus.path)["cites"]
    1
    """

    def __init__(self, path: str | Path, read_only: bool = False, memory: str = "2GB") -> None:
        self.path, self.read_only = str(path), read_only
        file = Path(self.path)
        if self.path != ":memory:":
            if read_only and not file.is_file():
                raise GraphError(
                    "no such graph",
                    got=self.path,
                    fix="Make one with: patentcl load DATA --graph duckdb://FILE",
                )
            file.parent.mkdir(parents=True, exist_ok=True)
        config: dict[str, Any] = {
            "memory_limit": memory,
            "autoinstall_known_extensions": False,
            "autoload_known_extensions": False,
        }
        if self.path != ":memory:":
            config["temp_directory"] = f"{self.path}.tmp"
        try:
            self._con = duckdb.connect(self.path, read_only=read_only, config=config)
        except duckdb.Error as error:
            raise GraphError(
                "the graph file cannot be opened",
                where=self.path,
                got=str(error).splitlines()[0],
                fix="If another program has it open, close that; else load it again: "
                "the file is a cache",
            ) from error
        self.run("code_of")

    def close(self) -> None:
        """Close the file."""
        self._con.close()

    def __enter__(self) -> DuckDBGraph:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def load(
        self, corpus: str | Path, progress: Callable[[str, int, int], None] | None = None
    ) -> dict[str, int]:
        """Build the graph of a ``corpus.parquet`` (with ``cpc.parquet`` beside it for titles).

        An older content of the file is replaced, or stays as it is if this fails.

        Parameters
        ----------
        corpus : path
        progress : callable, optional
            Is told the part, and how many of how many are done: here, of the one part there is.

        Returns
        -------
        dict of str to int
            As `stats`.

        Raises
        ------
        DataError
            If there is no such file, or it is not a corpus.
        GraphError
            If the graph was opened for asking only.
        """
        corpus = Path(corpus)
        cpc = corpus.with_name("cpc.parquet")
        self._refuse_read_only()
        patents = Corpus(corpus)
        keys = pa.table(
            {"patent_id": pa.array(patents.ids, pa.string()), "text_key": patents.duplicate_group}
        )
        with self.registered("text_keys", keys), self._replacing():
            for name in ("load_patent", "load_classified", "load_cites"):
                self.run(name, corpus=str(corpus))
            self.create("coded")
            self._con.execute(
                "CREATE VIEW code_count AS SELECT p, count(*) AS codes FROM classified GROUP BY p"
            )
            if cpc.is_file():
                self.run("load_cpc", cpc=str(cpc))
            else:
                self._con.execute("CREATE TABLE cpc (symbol VARCHAR, level VARCHAR, title VARCHAR)")
        if progress:
            progress("load graph", 1, 1)
        return self.stats()

    def load_tables(self, source: str | Path) -> dict[str, int]:
        """Build the graph of a folder of PatentsView tables, without their texts.

        For all of PatentsView at once: a graph to mine in and to ask, not to embed. Near-copies are
        not told apart without texts; families are (``g_us_rel_doc``).

        Returns
        -------
        dict of str to int
            As `stats`.

        Raises
        ------
        DataError
            If a table is missing or cannot be read; names the file, and line or column.
        """
        from patentcl.graph.tables import fill_from_tables

        self._refuse_read_only()
        try:
            with self._replacing():
                fill_from_tables(self, Path(source))
        finally:
            for name in ("preserve_insertion_order", "force_compression"):
                self._con.execute(f"RESET {name}")
        return self.stats()

    def _refuse_read_only(self) -> None:
        if self.read_only:
            raise GraphError(
                "the graph was opened for asking only",
                where=self.path,
                fix="Open it with read_only=False",
            )

    @contextmanager
    def _replacing(self) -> Iterator[None]:
        """Take the old content away; it is back if the block fails."""
        self._con.begin()
        try:
            for table, kind in self._con.execute(
                "SELECT table_name, table_type FROM information_schema.tables "
                "WHERE table_catalog = current_database()"
            ).fetchall():
                self._con.execute(f'DROP {"VIEW" if kind == "VIEW" else "TABLE"} "{table}"')
            yield
            with self._explained("load"):
                self._con.commit()
        except BaseException:
            with suppress(duckdb.Error):  # a commit that failed has rolled back
                self._con.rollback()
            raise
        try:
            # Closing would swallow a full disk, and leave a log file.
            self._con.execute("CHECKPOINT")
        except duckdb.Error as error:
            raise GraphError(
                "the graph cannot be written", where=self.path, got=str(error).splitlines()[0]
            ) from error

    @contextmanager
    def registered(self, name: str, table: pa.Table) -> Iterator[None]:
        """Let queries see an Arrow table under a name."""
        self._con.register(name, table)
        try:
            yield
        finally:
            with suppress(duckdb.Error):  # within a transaction that failed: it goes with that
                self._con.unregister(name)

    def run(self, query: str, **parameters: Any) -> None:
        """Run one statement from ``graph/`` with named parameters."""
        with self._explained(query):
            self._con.execute(resources.read("graph", query, ".sql"), parameters)

    def table(self, query: str, **parameters: Any) -> pa.Table:
        """Run one query from ``graph/`` and return its rows as an Arrow table."""
        with self._explained(query):
            return self._con.sql(
                resources.read("graph", query, ".sql"), params=parameters or None
            ).to_arrow_table()

    def batches(self, query: str, rows: int = 100_000) -> pa.RecordBatchReader:
        """Run one query from ``graph/`` and return its rows a batch at a time."""
        with self._explained(query):
            return self._con.sql(resources.read("graph", query, ".sql")).to_arrow_reader(rows)

    def copy(self, query: str, path: Path, **parameters: Any) -> None:
        """Write the rows of one query from ``graph/`` into a CSV file (gzip), without a header."""
        inner = resources.read("graph", query, ".sql")
        target = str(path).replace("'", "''")
        with self._explained(query):
            self._con.execute(
                f"COPY ({inner}) TO '{target}' (FORMAT csv, HEADER false, COMPRESSION gzip)",
                parameters or None,
            )

    @contextmanager
    def _explained(self, query: str) -> Iterator[None]:
        try:
            yield
        except duckdb.CatalogException as error:
            raise GraphError(
                "the graph has not been loaded",
                where=self.path,
                got=str(error).splitlines()[0],
                fix="Load it with: patentcl load DATA --graph duckdb://FILE",
            ) from error
        except duckdb.Error as error:
            text = str(error).splitlines()[0]
            if "No space left" in str(error) or "max_temp_directory_size" in str(error):
                raise GraphError("the disk is full", where=self.path, got=text) from error
            raise GraphError(f"query {query} failed", where=self.path, got=text) from error

    def stats(self) -> dict[str, int]:
        """Count nodes and relations: patents, dated, with_codes, symbols, classified_as, cites."""
        return {name: int(value) for name, value in self.table("stats").to_pylist()[0].items()}

    def neighbourhood(self, patent_id: str, coupled: int = 20) -> dict[str, list[dict[str, Any]]]:
        """Return a patent's codes (with titles), what it cites, what cites it, what is coupled.

        Parameters
        ----------
        patent_id : str
        coupled : int
            At most so many patents that cite what it cites, most references in common first.

        Returns
        -------
        dict of str to list of dict
            codes (symbol, level, title), cites and cited_by (patent_id, date), coupled (patent_id,
            date, shared).

        Raises
        ------
        GraphError
            If the graph has no such patent.
        """
        with self._explained("neighbourhood"):
            known = self._con.execute(
                "SELECT 1 FROM patent WHERE patent_id = $id", {"id": patent_id}
            ).fetchall()
        if not known:
            raise GraphError("no such patent in the graph", where=self.path, got=patent_id)
        codes = self.table("neighbourhood_codes", patent_id=patent_id).to_pylist()
        cites = self.table("neighbourhood_cites", patent_id=patent_id).to_pylist()
        near = self.table("neighbourhood_coupled", patent_id=patent_id, limit=coupled).to_pylist()
        return {
            "codes": codes,
            "cites": [
                {k: r[k] for k in ("patent_id", "date")} for r in cites if r["direction"] == "cites"
            ],
            "cited_by": [
                {k: r[k] for k in ("patent_id", "date")}
                for r in cites
                if r["direction"] == "cited_by"
            ],
            "coupled": near,
        }

    @contextmanager
    def mining_source(self) -> Iterator[DuckDBGraph]:
        """Give the tables that mining asks: here, the graph's own.

        Yields
        ------
        DuckDBGraph
            With tables patent, classified, cites and cpc. Mining adds only temporary ones.
        """
        yield self

    def allow(self, ids: Sequence[str] | None) -> None:
        """Say which patents may be in a triplet; None for all.

        Raises
        ------
        GraphError
            If the graph does not have one of them.
        """
        make = "CREATE OR REPLACE TEMP TABLE allowed AS SELECT"
        with self._explained("allow"):
            if ids is None:
                self._con.execute(f"{make} p FROM patent")
                return
            table = pa.table({"patent_id": pa.array(list(ids), pa.string())})
            with self.registered("allowed_ids", table):
                self._con.execute(f"{make} p FROM patent SEMI JOIN allowed_ids USING (patent_id)")
                strange = self._con.execute(
                    "SELECT DISTINCT patent_id FROM allowed_ids ANTI JOIN patent USING (patent_id) "
                    "ORDER BY patent_id"
                ).fetchall()
        if strange:
            raise GraphError(
                "no such patent in the graph",
                where=self.path,
                got=strange[0][0] + (f" and {len(strange) - 1} more" if len(strange) > 1 else ""),
                fix="Load the graph from the corpus that the ids are of",
            )

    def has(self, table: str) -> bool:
        """Whether there is a table of this name."""
        return bool(
            self._con.execute(
                "SELECT 1 FROM duckdb_tables() WHERE table_name = $name", {"name": table}
            ).fetchall()
        )

    @contextmanager
    def as_written(self) -> Iterator[None]:
        """Do the joins of the block in the order of their queries, what is on the right in memory.

        For queries that know better than DuckDB's estimates which side is the large one.
        """
        self._con.execute("SET disabled_optimizers = 'join_order,build_side_probe_side'")
        try:
            yield
        finally:
            with suppress(duckdb.Error):  # within a transaction that failed nothing runs any more
                self._con.execute("RESET disabled_optimizers")

    def create(self, query: str, temporary: bool = False, name: str | None = None) -> None:
        """Make a table from a query in ``graph/``, as a rule of the same name."""
        kind = "TEMP TABLE" if temporary else "TABLE"
        with self._explained(query):
            self._con.execute(
                f"CREATE {kind} {name or query} AS\n" + resources.read("graph", query, ".sql")
            )

    def execute(self, sql: str) -> duckdb.DuckDBPyConnection:
        """Run a statement that needs no file of its own (temporary tables of a mining run)."""
        return self._con.execute(sql)

    def count(self, table: str) -> int:
        """Number of rows of a table."""
        [row] = self._con.execute(f"SELECT count(*) FROM {table}").fetchall()
        return int(row[0])
