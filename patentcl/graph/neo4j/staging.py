"""What goes to Neo4j, in what order: the tables of a `Database` in batches.

Symbols of Neo4j are those of the titles, those that patents carry, and all above them. A part is
cut at any row and goes on from there, so its order is fixed.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pyarrow as pa

from patentcl.graph.database import Database

PARTS = ("patent", "cpc", "child_of", "classified", "cites")
"""Nodes first, then relations."""

_QUERIES = {
    "patent": "stage_patent",
    "cpc": "stage_symbol",
    "child_of": "stage_child_of",
    "classified": "stage_classified",
    "cites": "stage_cites",
}


class Stage:
    """The tables of a graph, ready to go to a server.

    Parameters
    ----------
    tables : Database
        A loaded graph; a temporary table is added to it.

    Attributes
    ----------
    fingerprint : str
        Of all that would be loaded; the same data have the same.
    """

    def __init__(self, tables: Database) -> None:
        self.tables = tables
        tables.run("stage_cpc")
        [self._sizes] = tables.table("stage_sizes").to_pylist()
        [sums] = tables.table("stage_fingerprint").to_pylist()
        self.fingerprint = "-".join(f"{int(value or 0):x}" for value in sums.values())

    def rows(self, part: str) -> int:
        """Number of rows of a part: patents or symbols."""
        return int(self._sizes["symbols" if part in ("cpc", "child_of") else "patents"])

    def batches(self, part: str, done: int, batch: int) -> Iterator[tuple[int, list[list[Any]]]]:
        """Yield what is left of a part: the row that a batch reaches up to, and the batch.

        Parameters
        ----------
        part : str
            One of `PARTS`.
        done : int
            Rows that are there already.
        batch : int
            About so many nodes or relations at a time.
        """
        for upto, table in self.arrow(part, done, batch):
            columns = [column.to_pylist() for column in table.columns]
            yield upto, [list(row) for row in zip(*columns, strict=True)]

    def arrow(self, part: str, done: int, batch: int) -> Iterator[tuple[int, pa.Table]]:
        """As `batches`, but as Arrow tables."""
        total = self.rows(part)
        each = self._sizes[part] / max(1, total) if part in ("classified", "cites") else 1.0
        step = max(1, int(batch / max(each, 1.0)))
        while done < total:
            upto = min(done + step, total)
            yield upto, self.tables.table(_QUERIES[part], **{"from": done}, upto=upto)
            done = upto
