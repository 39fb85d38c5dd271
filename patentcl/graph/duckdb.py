"""The patent graph in an embedded DuckDB file: nothing to install, nothing to start.

Nodes and relations: patents (number, id, date, year, type; no text), symbols with titles,
``classified`` and ``cites``. Parquet is the truth; the file is a cache that can be built again.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa

from patentcl.core.errors import GraphError
from patentcl.core.progress import StageProgress
from patentcl.data.corpus import Corpus
from patentcl.data.files import as_pattern
from patentcl.graph.database import Database, by_direction
from patentcl.graph.tables import fill_from_tables


class DuckDBGraph(Database):
    """A graph store in one file.

    Parameters
    ----------
    path : path
        The DuckDB file, or ``:memory:``.
    read_only : bool
        Open an existing file for queries only; several processes may then share it.
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

    def load(self, corpus: str | Path, progress: StageProgress | None = None) -> dict[str, int]:
        """Build the graph of a ``corpus.parquet`` (with ``cpc.parquet`` beside it for titles).

        An older content of the file is replaced, or stays as it is if this fails. The counts are
        those of `stats`.

        Raises
        ------
        DataError
            If there is no such file, or it is not a corpus.
        GraphError
            If the graph was opened for queries only.
        """
        corpus = Path(corpus)
        cpc = corpus.with_name("cpc.parquet")
        self._refuse_read_only()
        patents = Corpus(corpus)
        # Graphs keep duplicate groups under this name, so that those written before can be read.
        keys = pa.table(
            {"patent_id": pa.array(patents.ids, pa.string()), "text_key": patents.duplicate_group}
        )
        with self.registered("text_keys", keys), self._replacing():
            for name in ("load_patent", "load_classified", "load_cites"):
                self.run(name, corpus=as_pattern(corpus))
            self.create("coded")
            self._con.execute(
                "CREATE VIEW code_count AS SELECT p, count(*) AS codes FROM classified GROUP BY p"
            )
            if cpc.is_file():
                self.run("load_cpc", cpc=as_pattern(cpc))
            else:
                self._con.execute("CREATE TABLE cpc (symbol VARCHAR, level VARCHAR, title VARCHAR)")
        if progress:
            progress("load graph", 1, 1)
        return self.stats()

    def load_tables(self, source: str | Path) -> dict[str, int]:
        """Build the graph of a folder of PatentsView tables, without their texts.

        For all of PatentsView at once: a graph to mine in and to query, not to embed. Near-copies
        are not told apart without texts; families are (``g_us_rel_doc``).

        Raises
        ------
        DataError
            If a table is missing or cannot be read; names the file, and line or column.
        """
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
            with self.explained("load"):
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

    def stats(self) -> dict[str, int]:
        """Count nodes and relations: patents, dated, with_codes, symbols, classified_as, cites."""
        return {name: int(value) for name, value in self.table("stats").to_pylist()[0].items()}

    def neighbourhood(self, patent_id: str, coupled: int = 20) -> dict[str, list[dict[str, Any]]]:
        """Return a patent's codes (with titles), what it cites, what cites it, what is coupled.

        Parameters
        ----------
        patent_id : str
        coupled : int
            At most this many patents that cite what it cites, most references in common first.

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
        with self.explained("neighbourhood"):
            query = "SELECT 1 FROM patent WHERE patent_id = $id"
            known = self._con.execute(query, {"id": patent_id}).fetchall()
        if not known:
            raise GraphError("no such patent in the graph", where=self.path, got=patent_id)
        codes, cites = (
            self.table(f"neighbourhood_{what}", patent_id=patent_id).to_pylist()
            for what in ("codes", "cites")
        )
        near = self.table("neighbourhood_coupled", patent_id=patent_id, limit=coupled)
        return {"codes": codes, **by_direction(cites), "coupled": near.to_pylist()}

    @contextmanager
    def mining_source(self) -> Iterator[Database]:
        """Give the tables that mining asks: here, the graph's own; it adds only temporary ones."""
        yield self
