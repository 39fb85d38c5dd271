"""Pictures of maps, from the coordinates of `project` and the groups of `cluster`."""

from __future__ import annotations

import io
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from matplotlib import rc_context
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from patentcl.core.arrays import check_matrix
from patentcl.core.errors import ConfigError, DataError, choose
from patentcl.maps.clusters import UNLABELLED
from patentcl.maps.colours import group_colours
from patentcl.maps.page import make_page

FORMATS = ("png", "svg", "html")
GREY, DARK_GREY = "#bdbdc4", "#4a4b52"
_NONE = "Unlabelled"  # what datamapplot is told of points in no group


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
    formats: tuple[str, ...] = FORMATS
    """What to write besides the coordinates."""
    max_labels: int = 32
    """Most names on the pictures, those of the largest groups; the page shows more when zoomed."""
    size: tuple[float, float] = (14.0, 12.0)
    """Width and height of the pictures in inches."""
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
    """A figure that notebooks show without pyplot.

    Its `files` are the paths written, by format, and ``"coordinates"`` for the table.
    """

    def __init__(self, width: float, height: float, dpi: int) -> None:
        super().__init__(figsize=(width, height), dpi=dpi, layout="constrained")
        FigureCanvasAgg(self)
        self.files: dict[str, Path] = {}

    def _repr_png_(self) -> bytes:
        stream = io.BytesIO()
        self.savefig(stream, format="png", dpi=80, bbox_inches="tight")
        return stream.getvalue()

    def write(self, stem: Path, style: MapStyle) -> None:
        """Write PNG and SVG as the style asks; only the points of an SVG are a picture."""
        for axes in self.axes:
            for artist in axes.collections:
                artist.set_rasterized(True)
        # A fixed salt and no date: the same map gives the same file.
        with rc_context({"svg.hashsalt": "patentcl", "svg.fonttype": "none"}):
            for kind in [kind for kind in style.formats if kind != "html"]:
                self.files[kind] = stem.with_suffix(f".{kind}")
                about = {"Date": None} if kind == "svg" else None
                self.savefig(self.files[kind], dpi=style.dpi, bbox_inches="tight", metadata=about)


def plot_map(
    coordinates: Any,
    labels: Sequence[str | None],
    out: str | Path | None = None,
    *,
    meta: pd.DataFrame | None = None,
    clusters: Any = None,
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
        ``coordinates.parquet`` (id, x, y, label, cluster).
    meta : DataFrame, optional
        One row for each point, in order: ``id``, and for the page ``title``, ``date``, ``codes``.
    clusters : sequence of int, optional
        Number of each point's group; numbered by the order of labels where left out.
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
    title = style.title or f"{len(table):,} patents"
    note = style.subtitle or _count_groups(names, len(colours))
    figure = _draw(table, colours, title, note, style)
    if out is not None:
        folder = Path(out)
        folder.mkdir(parents=True, exist_ok=True)
        figure.write(folder / "map", style)
        if "html" in style.formats:
            figure.files["html"] = folder / "map.html"
            page = make_page(table, colours, title, note, style.dark)
            figure.files["html"].write_text(page, encoding="utf-8")
        figure.files["coordinates"] = folder / "coordinates.parquet"
        kept = table[["id", "x", "y", "label", "cluster"]]
        kept.to_parquet(figure.files["coordinates"], index=False)
    return figure


def _count_groups(names: np.ndarray, groups: int) -> str:
    alone = int((names == UNLABELLED).sum())
    text = f"{groups} group{'s' if groups > 1 else ''}"
    return f"{text}, {alone:,} patents in none" if alone else text


def _checked_table(
    coordinates: Any, labels: Sequence[str | None], meta: pd.DataFrame | None, clusters: Any
) -> pd.DataFrame:
    """Columns id, x, y, label, cluster, and title, date, codes where meta has them."""
    points = check_matrix(coordinates, "coordinates", width=2).astype(np.float32)
    n = len(points)
    names = checked_labels(labels, n)
    table = pd.DataFrame({"id": [str(i) for i in range(n)]})
    if meta is not None:
        if len(meta) != n or "id" not in meta.columns:
            wanted = f"{n} rows with an id"
            got = f"{len(meta)} rows with {', '.join(map(str, meta.columns))}"
            raise DataError("meta does not fit the coordinates", wanted=wanted, got=got)
        shown = [c for c in ("id", "title", "date", "codes") if c in meta.columns]
        table = meta[shown].reset_index(drop=True)
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


def in_frame(points: np.ndarray) -> np.ndarray:
    """Bool (n,): points near enough to the bulk for a picture; islands far out would shrink it."""
    low, high = np.percentile(points, [0.25, 99.75], axis=0)
    margin = 0.08 * (high - low)
    return ((points >= low - margin) & (points <= high + margin)).all(axis=1)


def _draw(
    table: pd.DataFrame, colours: Mapping[str, str], title: str, note: str, style: MapStyle
) -> MapFigure:
    import datamapplot

    inside = in_frame(table[["x", "y"]].to_numpy())
    if not inside.all():
        note += f" · {int((~inside).sum()):,} points lie outside the frame"
    sizes = table["label"][table["label"] != UNLABELLED].value_counts().sort_index()
    named = set(sizes.sort_values(ascending=False, kind="stable").index[: style.max_labels])
    names = table["label"].to_numpy(dtype=object)[inside]
    points = table[["x", "y"]].to_numpy()[inside]
    shown = np.array([name if name in named and name != _NONE else _NONE for name in names])
    figure = MapFigure(*style.size, style.dpi)
    axes = figure.subplots()
    datamapplot.create_plot(
        points,
        shown,
        ax=axes,
        figsize=style.size,
        dpi=style.dpi,
        noise_label=_NONE,
        noise_color=style.grey,
        marker_color_array=np.array([colours.get(name, style.grey) for name in names]),
        label_color_map={**colours, _NONE: style.grey},
        title=title,
        sub_title=note,
        darkmode=style.dark,
        use_system_fonts=True,
        font_family="DejaVu Sans",
        label_font_size=9.5,
        label_wrap_width=18,
        color_label_arrows=True,
        arrowprops={"linewidth": 0.7, "alpha": 0.6},
        # datamapplot arranges names around their common centre: a single one has no direction.
        show_labels=len(set(shown) - {_NONE}) > 1,
        title_keywords={"fontsize": 24, "fontweight": "bold"},
        sub_title_keywords={"fontsize": 13},
    )
    only = set(shown) - {_NONE}
    if len(only) == 1:
        x, y = np.median(points[shown == min(only)], axis=0)
        axes.text(x, y, min(only), ha="center", va="center", fontsize=12, color=style.ink)
    return figure
