"""The map of a run, drawn again: with new patents on it, over time, in part."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from patentcl.core.arrays import check_matrix
from patentcl.core.errors import DataError
from patentcl.core.reading import read_table, reading
from patentcl.core.tables import one_line, title_or_start
from patentcl.data.corpus import Corpus
from patentcl.maps.analysis import Landscape, footprint, landscape, plot_parts
from patentcl.maps.drawing import MapFigure, MapStyle, plot_map
from patentcl.maps.projection import place
from patentcl.search.where import rows_where
from patentcl.workspace.indexing import index_table


class Footprint(NamedTuple):
    """Where a selection lies on a map."""

    table: pd.DataFrame
    """By group, as `patentcl.maps.footprint`."""
    figure: MapFigure


def map_table(corpus: Corpus) -> pd.DataFrame:
    """What a map's page tells of its patents; the first words of a text for a missing title."""
    frame = corpus.frame().assign(split=corpus.split, abstract=[text for _, text in corpus.texts])
    bare = np.flatnonzero(frame["title"].fillna("") == "")
    if bare.size:
        starts = [title_or_start("", text, 100) for text in frame.loc[bare, "abstract"]]
        frame.loc[bare, "title"] = starts
    return frame


class RunMap:
    """The map in a folder, of a corpus: `points` (n, 2), and the `table` of its groups."""

    def __init__(self, folder: Path, corpus: Corpus) -> None:
        path = folder / "coordinates.parquet"
        table = read_table(path)
        own = [name for name in table.column_names if name not in ("text", "neighbors")]
        self.corpus, self.table = corpus, table.select(own).to_pandas()
        near = table["neighbors"] if "neighbors" in table.column_names else None
        self.near = (
            {} if near is None else {"neighbors": pd.Series(near, dtype=pd.ArrowDtype(near.type))}
        )
        with reading(path):
            self.table[["id", "x", "y", "label", "cluster"]]
        if self.table["id"].tolist() != corpus.ids.tolist():
            raise DataError(
                "the map is of another corpus", where=folder, fix="Draw it again with: patentcl map"
            )
        coordinates = self.table[["x", "y"]].to_numpy()
        self.points = check_matrix(coordinates, f"the coordinates in {path}")
        self.labels = self.table["label"].tolist()

    def place(self, names: Sequence[Any], texts: Sequence[Any], new: Any, vectors: Any) -> Any:
        """New patents as marks: among their nearest of the map's vectors."""
        at = place(new, vectors, self.points)
        said = [text if isinstance(text, str) else text[0] or text[1] for text in texts]
        named = zip(names, said, strict=True)  # texts go by numbers, which say nothing
        shown = [one_line(t if isinstance(n, int) else f"{n}: {t}", 60) for n, t in named]
        return pd.DataFrame({"name": shown, "x": at[:, 0], "y": at[:, 1]})

    def draw(self, out: str | Path | None, title: str, marks: pd.DataFrame | None) -> MapFigure:
        """The map, perhaps with marks."""
        table = self.table
        return plot_map(
            self.points,
            self.labels,
            out,
            meta=map_table(self.corpus).assign(**self.near),
            clusters=table["cluster"],
            layers=[table[c].to_numpy(dtype=object) for c in table.filter(like="names_")],
            marks=marks,
            style=MapStyle(title=title),
        )

    def landscape(self, out: str | Path | None, periods: int) -> Landscape:
        """Growth of groups and white space."""
        return landscape(self.points, self.labels, self.corpus.dates, out, periods=periods)

    def footprint(self, where: str | Sequence[bool]) -> Footprint:
        """Where a selection lies; an expression is its name too."""
        named = isinstance(where, str)
        rows = rows_where(index_table(self.corpus), str(where)) if named else np.asarray(where)
        name = str(where) if named else "the selection"
        found = footprint(self.labels, rows)
        part = pd.Categorical([name if row else None for row in rows], categories=[name])
        style = MapStyle(title=f"{int(rows.sum()):,} of {len(rows):,} patents")
        return Footprint(found, plot_parts(self.points, self.labels, part, style))
