"""DuckDB, in a file or in memory, asked with the queries of ``graph/``: one statement a file."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Self
from weakref import WeakValueDictionary

import duckdb
import pyarrow as pa

from patentcl.core import resources
from patentcl.core.errors import GraphError
from patentcl.core.locks import Scratch

_spills: WeakValueDictionary[Path, Scratch] = WeakValueDictionary()


def _spill_of(path: Path) -> Scratch:
    """Where DuckDB puts what does not fit into memory, until the last user of it is gone.

    Each process has its own for a file, as DuckDB's names there are the same; and only one, as
    DuckDB shares a file that is opened twice, if that is done in the same way.
    """
    spill = _spills.get(path)
    if spill is None:
        spill = _spills[path] = Scratch(path.parent)
    return spill


class Database:
    """Tables in DuckDB; see `patentcl.DuckDBGraph` for the parameters."""

    def __init__(self, path: str | Path, read_only: bool = False, memory: str = "2GB") -> None:
        self.path, self.read_only = str(path), read_only
        self._spill: Scratch | None = None
        config: dict[str, Any] = {
            "memory_limit": memory,
            "autoinstall_known_extensions": False,
            "autoload_known_extensions": False,
        }
        if self.path != ":memory:":
            if read_only and not Path(self.path).is_file():
                raise GraphError(
                    "no such graph",
                    got=self.path,
                    fix="Make one with: patentcl load DATA --graph duckdb://FILE",
                )
            if "?" in self.path and not read_only:  # DuckDB takes what follows for options
                raise GraphError(
                    "a graph cannot lie below a name with a question mark",
                    got=self.path,
                    fix="Choose another folder",
                )
            Path(self.path).parent.mkdir(parents=True, exist_ok=True)
            self._spill = _spill_of(Path(self.path).resolve())
            config["temp_directory"] = self._spill.name
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
        self._spill = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    # ---- queries of graph/ ------------------------------------------------------------------

    def run(self, query: str, **parameters: Any) -> None:
        """Run one statement."""
        with self.explained(query):
            self._con.execute(_text(query), parameters)

    def table(self, query: str, **parameters: Any) -> pa.Table:
        """Return the rows of one query."""
        with self.explained(query):
            return self._con.sql(_text(query), params=parameters or None).to_arrow_table()

    def batches(self, query: str, rows: int = 100_000) -> pa.RecordBatchReader:
        """Return the rows of one query a batch at a time."""
        with self.explained(query):
            return self._con.sql(_text(query)).to_arrow_reader(rows)

    def copy(self, query: str, path: Path, **parameters: Any) -> None:
        """Write the rows of one query into a CSV file (gzip), without a header."""
        target = str(path).replace("'", "''")
        with self.explained(query):
            self._con.execute(
                f"COPY ({_text(query)}) TO '{target}' (FORMAT csv, HEADER false, COMPRESSION gzip)",
                parameters or None,
            )

    def create(self, query: str, temporary: bool = False, name: str | None = None) -> None:
        """Make a table from the rows of one query, as a rule of the same name."""
        kind = "TEMP TABLE" if temporary else "TABLE"
        with self.explained(query):
            self._con.execute(f"CREATE {kind} {name or query} AS\n{_text(query)}")

    @contextmanager
    def explained(self, query: str) -> Iterator[None]:
        """Turn what DuckDB raises inside the block into a GraphError."""
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
            text = str(error)
            full = "No space left" in text or "max_temp_directory_size" in text
            what = "the disk is full" if full else f"query {query} failed"
            raise GraphError(what, where=self.path, got=text.splitlines()[0]) from error

    # ---- tables -----------------------------------------------------------------------------

    def execute(self, sql: str) -> duckdb.DuckDBPyConnection:
        """Run a statement that needs no file of its own, such as one on temporary tables."""
        return self._con.execute(sql)

    def count(self, table: str) -> int:
        """Number of rows of a table."""
        [row] = self._con.execute(f"SELECT count(*) FROM {table}").fetchall()
        return int(row[0])

    def has(self, table: str) -> bool:
        """Whether there is a table of this name."""
        query = "SELECT 1 FROM duckdb_tables() WHERE table_name = $name"
        return bool(self._con.execute(query, {"name": table}).fetchall())

    @contextmanager
    def registered(self, name: str, table: pa.Table) -> Iterator[None]:
        """Let queries see an Arrow table under a name."""
        self._con.register(name, table)
        try:
            yield
        finally:
            with suppress(duckdb.Error):  # within a transaction that failed: it goes with that
                self._con.unregister(name)

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

    def allow(self, ids: Sequence[str] | None) -> None:
        """Fill table allowed: the patents that may be in a triplet; None for all.

        Raises
        ------
        GraphError
            If the graph does not have one of them.
        """
        make = "CREATE OR REPLACE TEMP TABLE allowed AS SELECT"
        with self.explained("allow"):
            if ids is None:
                self._con.execute(f"{make} p FROM patent")
                return
            table = pa.table({"patent_id": pa.array(list(ids), pa.string())})
            with self.registered("allowed_ids", table):
                self._con.execute(f"{make} p FROM patent SEMI JOIN allowed_ids USING (patent_id)")
                unknown = self._con.execute(
                    "SELECT DISTINCT patent_id FROM allowed_ids ANTI JOIN patent USING (patent_id) "
                    "ORDER BY patent_id"
                ).fetchall()
        if unknown:
            more = f" and {len(unknown) - 1} more" if len(unknown) > 1 else ""
            raise GraphError(
                "no such patent in the graph",
                where=self.path,
                got=unknown[0][0] + more,
                fix="Load the graph from the corpus that the ids are of",
            )


def by_direction(rows: Sequence[Mapping[str, Any]]) -> dict[str, list[dict[str, Any]]]:
    """Rows of a query neighbourhood_cites (patent_id, date, direction) as cites and cited_by."""
    return {
        way: [{k: row[k] for k in ("patent_id", "date")} for row in rows if row["direction"] == way]
        for way in ("cites", "cited_by")
    }


def _text(query: str) -> str:
    return resources.read("graph", query, ".sql")
