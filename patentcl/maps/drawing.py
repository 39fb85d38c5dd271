"""Pictures of maps, from the coordinates of `project` and the groups of `cluster`."""

from __future__ import annotations

import html
import io
import textwrap
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from matplotlib import rc_context
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure

from patentcl.core.arrays import check_matrix
from patentcl.core.errors import ConfigError, DataError, choose
from patentcl.core.tables import counted
from patentcl.maps.clusters import UNLABELLED
from patentcl.maps.colours import group_colours
from patentcl.maps.fonts import plain_text
from patentcl.maps.framing import compact, place_names
from patentcl.maps.page import make_page
from patentcl.maps.projection import Near

FORMATS = ("png", "svg", "html", "pdf")
_INLINE = 4_000_000  # characters of a page that a notebook carries along
GREY, DARK_GREY = "#bdbdc4", "#4a4b52"


@dataclass(frozen=True)
class MapStyle:
    """How maps look."""

    title: str = ""
    """Empty: the number of patents."""
    subtitle: str = ""
    """Empty: the number of groups."""
    headings: tuple[str, str] = ("untuned encoder", "tuned encoder")
    """Above the two maps of a comparison."""
    dark: bool = False
    """White on black."""
    formats: tuple[str, ...] = FORMATS[:3]
    """What to write besides the coordinates."""
    max_labels: int = 32
    """Most names on the pictures, those of the largest groups; the page shows more when zoomed."""
    size: tuple[float, float] = (14.0, 12.0)
    """Width and most height of the pictures in inches; of a wide map they are less high."""
    dpi: int = 150

    def __post_init__(self) -> None:
        for name in self.formats:
            choose(name, FORMATS, "map format")
        if self.max_labels < 0 or self.dpi < 1 or min(self.size) <= 0:
            raise ConfigError("map style out of range", got=self, wanted="positive sizes")

    @property
    def ink(self) -> str:
        return "#eeeeee" if self.dark else "#222222"

    @property
    def grey(self) -> str:
        return DARK_GREY if self.dark else GREY


class MapFigure(Figure):
    """A figure that notebooks show without pyplot: its page, or the picture where that is large.

    Its `files` are the paths written, by format, and ``"coordinates"`` for the table (iterating
    gives their names); `page` is the text of the page, empty where there is none.
    """

    def __init__(self, width: float, height: float, dpi: int) -> None:
        super().__init__(figsize=(width, height), dpi=dpi, layout="constrained")
        FigureCanvasAgg(self)
        self.files: dict[str, Path] = {}
        self.page = ""

    def __iter__(self) -> Iterator[str]:
        return iter(self.files)

    def _repr_html_(self) -> str | None:
        if not 0 < len(self.page) < _INLINE:
            return None
        style = "width:100%;height:640px;border:0;outline:1px solid #888;outline-offset:-1px"
        return f'<iframe srcdoc="{html.escape(self.page)}" style="{style}" title="Map"></iframe>'

    def _repr_png_(self) -> bytes:
        stream = io.BytesIO()
        self.savefig(stream, format="png", dpi=80, bbox_inches="tight")
        return stream.getvalue()

    def write(self, stem: Path, style: MapStyle) -> None:
        """Write pictures as the style asks; only the points of SVG and PDF are pixels."""
        for axes in self.axes:
            for artist in axes.collections:
                artist.set_rasterized(True)
        # A fixed salt and no date: the same map gives the same file.
        with rc_context({"svg.hashsalt": "patentcl", "svg.fonttype": "none"}):
            for kind in [kind for kind in style.formats if kind != "html"]:
                self.files[kind] = stem.with_suffix(f".{kind}")
                about = {"svg": {"Date": None}, "pdf": {"CreationDate": None}}.get(kind)
                self.savefig(self.files[kind], dpi=style.dpi, bbox_inches="tight", metadata=about)


def plot_map(
    coordinates: Any,
    labels: Sequence[str | None],
    out: str | Path | None = None,
    *,
    meta: pd.DataFrame | None = None,
    clusters: Any = None,
    layers: Sequence[np.ndarray] = (),
    marks: pd.DataFrame | None = None,
    style: MapStyle | None = None,
) -> MapFigure:
    """Draw a map; with a folder, also write a page to explore it without a network.

    Parameters
    ----------
    coordinates : array_like, shape (n, 2)
        From `project`.
    labels : sequence of str, length n
        Name of each point's group; empty or None for points in none, which are drawn grey.
    out : str or Path, optional
        Folder, made where it is missing, for ``map.png``, ``map.svg``, ``map.html`` and
        ``coordinates.parquet`` (id, x, y, label, cluster, names_0 ... of `layers`, and text and
        neighbors, where meta has title and neighbors, as embedding-atlas reads them).
    meta : DataFrame, optional
        One row for each point, in order: ``id``, and for the page ``title``, ``date``, ``codes``
        and whatever else it may colour by; ``neighbors`` from `neighbours_column`.
    clusters : sequence of int, optional
        Number of each point's group; numbered by the order of labels where left out.
    layers : sequence of arrays of str, optional
        Names at several resolutions, as `Clusters.layers`, for the page's zoom; one is `labels`.
    marks : DataFrame, optional
        Further points to mark: ``name``, ``x``, ``y``, for example from `place`.
    style : MapStyle, optional

    Returns
    -------
    MapFigure
        A matplotlib figure, which a notebook shows; its `files` are those written.

    Raises
    ------
    DataError
        For nan, wrong shapes, lists of other lengths, or no point with a label.

    Examples
    --------
    >>> figure = plot_map([[0, 0], [0, 1], [9, 9], [9, 8]], ["mowers", "mowers", "cells", None])
    >>> figure.files
    {}
    """
    style = style or MapStyle()
    table = _checked_table(coordinates, labels, meta, clusters)
    names = table["label"].to_numpy(dtype=object)
    colours = group_colours(table[["x", "y"]].to_numpy(), names, style.dark)
    title = style.title or counted(len(table), "patents")
    note = style.subtitle or _count_groups(names, len(colours))
    marks = pd.DataFrame(columns=["name", "x", "y"]) if marks is None else marks
    given = marks[["x", "y"]].to_numpy(np.float32)
    shown = compact(np.vstack([table[["x", "y"]].to_numpy(), given]).astype(np.float64))
    starred = [(str(m), *at) for m, at in zip(marks["name"], shown[len(table) :], strict=True)]
    view = table.assign(x=shown[: len(table), 0], y=shown[: len(table), 1])
    with plain_text([title, note, *colours, *(name for name, *_ in starred)]):
        figure = _draw(view, colours, title, note, starred, style)
    if "html" in style.formats:
        figure.page = make_page(view, colours, title, note, style.dark, layers, starred)
    if out is not None:
        folder = Path(out)
        folder.mkdir(parents=True, exist_ok=True)
        figure.write(folder / "map", style)
        if "html" in style.formats:
            figure.files["html"] = folder / "map.html"
            figure.files["html"].write_text(figure.page, encoding="utf-8")
        figure.files["coordinates"] = folder / "coordinates.parquet"
        kept = table[["id", "x", "y", "label", "cluster"]]
        kept = kept.assign(**{f"names_{i}": names for i, names in enumerate(layers)})
        also = {"title": "text", "neighbors": "neighbors"}
        kept = kept.join(table[[name for name in also if name in table]].rename(columns=also))
        rows = pa.Table.from_pandas(kept, preserve_index=False)
        # pandas cannot read back its own note of the neighbours' type
        pq.write_table(rows.replace_schema_metadata(None), figure.files["coordinates"])
    return figure


def neighbours_column(near: Near) -> pd.Series:
    """Neighbours as structs of ``ids`` (row numbers from 0) and ``distances``, lists of equal size.

    embedding-atlas shows them: ``embedding-atlas coordinates.parquet --x x --y y --text text
    --neighbors neighbors``.
    """
    n, count = near.ids.shape
    ends = np.arange(0, n * count + 1, count, dtype=np.int64)
    lists = [pa.LargeListArray.from_arrays(ends, pa.array(part.ravel())) for part in near]
    found = pa.StructArray.from_arrays(lists, names=list(near._fields))
    return pd.Series(found, dtype=pd.ArrowDtype(found.type))


def _count_groups(names: np.ndarray, groups: int) -> str:
    alone = int((names == UNLABELLED).sum())
    text = counted(groups, "groups")
    return f"{text}, {counted(alone, 'patents')} in none" if alone else text


def _checked_table(
    coordinates: Any, labels: Sequence[str | None], meta: pd.DataFrame | None, clusters: Any
) -> pd.DataFrame:
    """Columns id, x, y, label and cluster, and those of meta."""
    points = check_matrix(coordinates, "coordinates", width=2).astype(np.float32)
    n = len(points)
    names = checked_labels(labels, n)
    table = pd.DataFrame({"id": [str(i) for i in range(n)]})
    if meta is not None:
        if len(meta) != n or "id" not in meta.columns:
            wanted = f"{n} rows with an id"
            got = f"{len(meta)} rows with {', '.join(map(str, meta.columns))}"
            raise DataError("meta does not fit the coordinates", wanted=wanted, got=got)
        own = [c for c in meta.columns if c in ("x", "y", "label", "cluster")]
        table = meta.drop(columns=own).reset_index(drop=True)
    if clusters is None:  # 0, 1, ... in order of appearance, -1 for none
        clusters = pd.factorize(pd.Series(names).where(names != UNLABELLED))[0]
    number = np.asarray(clusters)
    if number.shape != (n,) or number.dtype.kind not in "iu":
        got = f"{number.dtype} {number.shape}"
        raise DataError("clusters and coordinates differ", got=got, wanted=f"integers ({n},)")
    return table.assign(
        x=points[:, 0], y=points[:, 1], label=names, cluster=number.astype(np.int32)
    )


def checked_labels(labels: Iterable[str | None], rows: int) -> np.ndarray:
    """Labels as texts (rows,), empty where there is none; at least one is not."""
    found = [UNLABELLED if x is None or x != x else x for x in labels]
    if len(found) != rows:
        raise DataError("labels and coordinates differ in number", got=len(found), wanted=rows)
    for row, label in enumerate(found):
        if not isinstance(label, str):
            raise DataError("a label is not a text", where=f"row {row}", got=repr(label))
    if not any(found):
        raise DataError("no point has a label", fix="Name groups with patentcl.maps.cluster")
    out = np.empty(rows, dtype=object)
    out[:] = [x.strip() for x in found]
    return out


def _draw(
    table: pd.DataFrame,
    colours: Mapping[str, str],
    title: str,
    note: str,
    marks: Sequence[tuple[str, float, float]],
    style: MapStyle,
) -> MapFigure:
    points, names = table[["x", "y"]].to_numpy(), table["label"].to_numpy(dtype=object)
    width, height = style.size
    across, up = np.ptp(points, axis=0)
    height = min(height, 1.3 + width * float(np.clip(up / max(across, 1e-9), 0.4, 1)))
    figure = MapFigure(width, height, style.dpi)
    figure.set_facecolor("black" if style.dark else "white")
    around = {"left": 0.01, "right": 0.99, "bottom": 0.01, "top": 1 - 1.1 / height}
    axes = figure.subplots(gridspec_kw=around)
    draw_points(axes, points, [colours.get(name, style.grey) for name in names], names != "", style)
    axes.set_title(title, loc="left", fontsize=22, fontweight="bold", color=style.ink, pad=30)
    axes.text(0, 1.012, note, transform=axes.transAxes, fontsize=12, color=style.ink, alpha=0.75)
    sizes = pd.Series(names[names != UNLABELLED]).value_counts().sort_index()
    largest = sizes.sort_values(ascending=False, kind="stable").index[: style.max_labels]
    halo = "black" if style.dark else "white"
    for _, x, y in marks:
        axes.plot(x, y, "*", markersize=16, color=style.ink, markeredgecolor=style.grey, zorder=5)
    cores = [(name, *_core(points[names == name])) for name in largest]
    place_names(
        axes,
        [textwrap.fill(name, 20, break_long_words=False) for name, *_ in (*marks, *cores)],
        np.array([spot for _, *spot in (*marks, *cores)]).reshape(-1, 2),
        points[names != UNLABELLED],
        stars=len(marks),
        colours=[style.ink] * len(marks) + [_ink_of(colours[name], style) for name in largest],
        fontsize=9.5,
        fontweight="bold",
        linespacing=1.0,
        halo=halo,
    )
    return figure


def draw_points(
    axes: Any, points: np.ndarray, colours: Any, named: np.ndarray, style: MapStyle
) -> None:
    """Points of a map, in one shuffled layer: drawn group by group, the last would cover others."""
    size = float(np.clip(60_000 / len(points), 2, 14))
    order = np.random.default_rng(0).permutation(len(points))
    order = order[np.argsort(named[order], kind="stable")]  # grey ones below
    alpha = np.where(named, 0.75, 0.35)[order] * min(1.0, (30_000 / len(points)) ** 0.25)
    shades = np.asarray(colours, dtype=object)[order]
    axes.scatter(*points[order].T, s=size, c=shades.tolist(), alpha=alpha, linewidths=0)
    axes.set_aspect("equal", adjustable="datalim")
    axes.margins(0.03)
    axes.set_axis_off()


def _core(points: np.ndarray) -> np.ndarray:
    """The point of a group that is nearest to its middle: a middle may lie outside of it."""
    middle = np.median(points, axis=0)
    return points[np.argmin(((points - middle) ** 2).sum(axis=1))]


def _ink_of(colour: str, style: MapStyle) -> tuple[float, float, float]:
    """A group's colour, dark or light enough to be read."""
    plain = np.array(to_rgb(colour))
    return tuple(plain * 0.35 + 0.65 if style.dark else plain * 0.55)
