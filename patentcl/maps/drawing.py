"""Maps of patents: pictures, a page that opens without a network, and two encoders side by side.

The coordinates come from `project` or `project_pair`, the groups and their names from `cluster`.
"""

from __future__ import annotations

import base64
import gzip
import html
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from patentcl.core.errors import ConfigError, DataError, MissingExtra, did_you_mean
from patentcl.maps.clusters import UNLABELLED, Clusters, checked_points, cluster, short_title
from patentcl.maps.projection import project, project_pair

__all__ = [
    "FORMATS",
    "SECTIONS",
    "Clusters",
    "MapStyle",
    "cluster",
    "plot_compare",
    "plot_map",
    "project",
    "project_pair",
    "short_title",
]

FORMATS = ("png", "svg", "html")
_GREY, _DARK_GREY = "#bdbdc4", "#4a4b52"
SECTIONS = {
    "A": "Human necessities",
    "B": "Operations; transporting",
    "C": "Chemistry; metallurgy",
    "D": "Textiles; paper",
    "E": "Fixed constructions",
    "F": "Mechanical engineering",
    "G": "Physics",
    "H": "Electricity",
    "Y": "New and cross-sectional",
}
"""Sections of the classification, in short."""


# ---- pictures -------------------------------------------------------------------------------


@dataclass(frozen=True)
class MapStyle:
    """How maps look.

    Parameters
    ----------
    title, subtitle : str
    dark : bool
        White on black.
    formats : tuple of {"png", "svg", "html"}
        What to write besides the coordinates.
    max_labels : int
        Most names on the pictures: the largest groups have theirs. The page shows all by and by.
    size : tuple of float
        Width and height of the pictures in inches.
    dpi : int
        Pixels to the inch.
    """

    title: str = ""
    subtitle: str = ""
    dark: bool = False
    formats: tuple[str, ...] = FORMATS
    max_labels: int = 32
    size: tuple[float, float] = (14.0, 12.0)
    dpi: int = 150

    def __post_init__(self) -> None:
        for name in self.formats:
            if name not in FORMATS:
                raise ConfigError("unknown map format", got=name, fix=did_you_mean(name, FORMATS))
        if self.max_labels < 0 or self.dpi < 1 or min(self.size) <= 0:
            raise ConfigError("map style out of range", got=self, wanted="positive sizes")


def plot_map(
    coordinates: Any,
    labels: Sequence[str | None],
    path: str | Path,
    *,
    meta: pd.DataFrame | None = None,
    clusters: Any = None,
    style: MapStyle | None = None,
) -> dict[str, Path]:
    """Draw a map: pictures, a page to explore it without a network, and its coordinates.

    Parameters
    ----------
    coordinates : array_like, shape (n, 2)
        From `project`.
    labels : sequence of str, length n
        Name of each point's group; empty or None for points in none, which are drawn grey.
    path : str or Path
        Folder, made where it is missing, for ``map.png``, ``map.svg``, ``map.html`` and
        ``coordinates.parquet`` (id, x, y, label, cluster).
    meta : DataFrame, optional
        One row for each point, in order: ``id``, and for the page ``title``, ``date``, ``codes``.
    clusters : sequence of int, optional
        Number of each point's group; numbered by the order of labels where left out.
    style : MapStyle, optional

    Returns
    -------
    dict of str to Path
        The files, by format; ``"coordinates"`` for the table.

    Raises
    ------
    DataError
        For nan, wrong shapes, lists of other lengths, or no point with a label.
    """
    style = style or MapStyle()
    points, names, table = _checked_map(coordinates, labels, meta, clusters)
    folder = Path(path)
    folder.mkdir(parents=True, exist_ok=True)
    colours = _palette(points, names, style.dark)
    written = {}
    if "png" in style.formats or "svg" in style.formats:
        written = _draw(points, names, colours, folder, style)
    if "html" in style.formats:
        written["html"] = folder / "map.html"
        written["html"].write_text(_page(points, names, colours, table, style), encoding="utf-8")
    written["coordinates"] = folder / "coordinates.parquet"
    table[["id", "x", "y", "label", "cluster"]].to_parquet(written["coordinates"], index=False)
    return written


def _checked_map(
    coordinates: Any, labels: Sequence[str | None], meta: pd.DataFrame | None, clusters: Any
) -> tuple[np.ndarray, np.ndarray, pd.DataFrame]:
    points = checked_points(coordinates, "coordinates", width=2).astype(np.float32)
    n = len(points)
    names = _checked_labels(labels, n)
    table = pd.DataFrame({"id": [str(i) for i in range(n)]})
    if meta is not None:
        if len(meta) != n or "id" not in meta.columns:
            raise DataError(
                "meta does not fit the coordinates",
                wanted=f"{n} rows with an id",
                got=f"{len(meta)} rows with {', '.join(map(str, meta.columns))}",
            )
        shown = [c for c in ("id", "title", "date", "codes") if c in meta.columns]
        table = meta[shown].reset_index(drop=True)
    if clusters is None:
        some = names.copy()
        some[names == UNLABELLED] = None
        clusters = pd.factorize(some)[0]  # 0, 1, ... in order of appearance, -1 for none
    number = np.asarray(clusters)
    if number.shape != (n,) or number.dtype.kind not in "iu":
        raise DataError(
            "clusters and coordinates differ",
            got=f"{number.dtype} {number.shape}",
            wanted=f"integers ({n},)",
        )
    return (
        points,
        names,
        table.assign(x=points[:, 0], y=points[:, 1], label=names, cluster=number.astype(np.int32)),
    )


def _checked_labels(labels: Iterable[str | None], rows: int) -> np.ndarray:
    """Labels as texts (rows,), empty where there is none; at least one is not."""
    found = [UNLABELLED if x is None or x != x else x for x in labels]
    if len(found) != rows:
        raise DataError("labels and coordinates differ in number", got=len(found), wanted=rows)
    odd = [i for i, x in enumerate(found) if not isinstance(x, str)]
    if odd:
        raise DataError("a label is not a text", where=f"row {odd[0]}", got=repr(found[odd[0]]))
    if not any(found):
        raise DataError("no point has a label", fix="Name groups with patentcl.maps.cluster")
    out = np.empty(rows, dtype=object)
    out[:] = [x.strip() for x in found]
    return out


def _palette(points: np.ndarray, names: np.ndarray, dark: bool) -> dict[str, str]:
    """A colour for each label: hue by direction from the centre, so that neighbours go together."""
    unique = sorted(set(names) - {UNLABELLED})
    centre = np.median(points, axis=0)
    middle = np.array([np.median(points[names == name], axis=0) for name in unique]) - centre
    order = np.argsort(np.arctan2(middle[:, 1], middle[:, 0]), kind="stable")
    # Lightness differs between groups side by side, whose hues are near.
    levels = (0.70, 0.80, 0.75) if dark else (0.58, 0.70, 0.64)
    return {
        unique[int(i)]: _oklch(levels[rank % 3], 0.14, rank / len(order))
        for rank, i in enumerate(order)
    }


def _oklch(lightness: float, chroma: float, turn: float) -> str:
    """Hex colour of OKLCH coordinates, in which equal steps look equal; hue in turns."""
    a, b = chroma * np.cos(2 * np.pi * turn), chroma * np.sin(2 * np.pi * turn)
    long = (lightness + 0.3963377774 * a + 0.2158037573 * b) ** 3
    middle = (lightness - 0.1055613458 * a - 0.0638541728 * b) ** 3
    short = (lightness - 0.0894841775 * a - 1.2914855480 * b) ** 3
    linear = np.array(
        [
            4.0767416621 * long - 3.3077115913 * middle + 0.2309699292 * short,
            -1.2684380046 * long + 2.6097574011 * middle - 0.3413193965 * short,
            -0.0041960863 * long - 0.7034186147 * middle + 1.7076147010 * short,
        ]
    )
    linear = np.clip(linear, 0, 1)
    screen = np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)
    return "#" + "".join(f"{round(255 * float(c)):02x}" for c in screen)


def _frame(points: np.ndarray) -> np.ndarray:
    """Bool (n,): points near enough to the bulk for a picture; islands far out would shrink it."""
    low, high = np.percentile(points, [0.25, 99.75], axis=0)
    margin = 0.08 * (high - low)
    return ((points >= low - margin) & (points <= high + margin)).all(axis=1)


def _axes(width: float, height: float, dpi: int, columns: int = 1) -> tuple[Any, list[Any]]:
    """A figure of its own, outside pyplot's list of figures, and its axes."""
    try:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
    except ImportError as error:
        raise MissingExtra("matplotlib is not installed", fix="Install matplotlib") from error
    figure = Figure(figsize=(width, height), dpi=dpi, layout="constrained")
    FigureCanvasAgg(figure)
    return figure, list(np.atleast_1d(figure.subplots(1, columns)))


def _draw(
    points: np.ndarray, names: np.ndarray, colours: Mapping[str, str], folder: Path, style: MapStyle
) -> dict[str, Path]:
    """Write map.png and map.svg."""
    try:
        import datamapplot
    except ImportError as error:
        raise MissingExtra(
            "datamapplot is not installed", fix="Install datamapplot, or leave png and svg out"
        ) from error
    inside = _frame(points)
    outside = int((~inside).sum())
    sizes = pd.Series(names[names != UNLABELLED]).value_counts()
    named = set(
        sizes.sort_index().sort_values(ascending=False, kind="stable").index[: style.max_labels]
    )
    none = "Unlabelled"
    shown = np.array([name if name in named and name != none else none for name in names[inside]])
    note = f"{outside:,} points lie outside the frame" if outside else ""
    lines = " · ".join(part for part in (style.subtitle, note) if part)
    grey = _DARK_GREY if style.dark else _GREY
    figure, (axes,) = _axes(*style.size, style.dpi)
    datamapplot.create_plot(
        points[inside],
        shown,
        ax=axes,
        figsize=style.size,
        dpi=style.dpi,
        noise_label=none,
        noise_color=grey,
        marker_color_array=np.array([colours.get(name, grey) for name in names[inside]]),
        label_color_map={**colours, none: grey},
        title=style.title or None,
        sub_title=lines or None,
        darkmode=style.dark,
        use_system_fonts=True,
        font_family="DejaVu Sans",
        label_font_size=9.5,
        label_wrap_width=18,
        color_label_arrows=True,
        arrowprops={"linewidth": 0.7, "alpha": 0.6},
        # datamapplot arranges names around their common centre: a single one has no direction.
        show_labels=len(set(shown) - {none}) > 1,
        title_keywords={"fontsize": 24, "fontweight": "bold"},
        sub_title_keywords={"fontsize": 13},
    )
    for name in set(shown) - {none} if len(set(shown) - {none}) == 1 else ():
        middle = np.median(points[inside][shown == name], axis=0)
        axes.text(
            *middle,
            name,
            ha="center",
            va="center",
            fontsize=12,
            fontweight="bold",
            color="white" if style.dark else "black",
        )
    return _save(figure, folder / "map", style)


def _save(figure: Any, stem: Path, style: MapStyle) -> dict[str, Path]:
    """Write a figure in the formats asked for; an SVG's points are a picture, its text is text."""
    from matplotlib import rc_context

    for axes in figure.axes:
        for artist in axes.collections:
            artist.set_rasterized(True)
    written = {}
    # A fixed salt and no date: the same map gives the same file.
    with rc_context({"svg.hashsalt": "patentcl", "svg.fonttype": "none"}):
        for kind in style.formats:
            if kind in ("png", "svg"):
                written[kind] = stem.with_suffix(f".{kind}")
                figure.savefig(
                    written[kind],
                    dpi=style.dpi,
                    bbox_inches="tight",
                    metadata={"Date": None} if kind == "svg" else None,
                )
    return written


# ---- the page -------------------------------------------------------------------------------


def _page(
    points: np.ndarray,
    names: np.ndarray,
    colours: Mapping[str, str],
    table: pd.DataFrame,
    style: MapStyle,
) -> str:
    """The page: a template with the points' data packed in, compressed."""
    unique = sorted(colours)
    place = {name: i for i, name in enumerate(unique)}
    low, high = points.min(axis=0).astype(np.float64), points.max(axis=0).astype(np.float64)
    span = float(max(high - low)) or 1.0
    grid = np.round((points - low) / span * 65535).astype("<u2")
    label = np.array([place.get(name, 65535) for name in names], dtype="<u2")
    codes = [_shown_codes(value) for value in table["codes"]] if "codes" in table else None
    data = {
        "n": len(points),
        "labels": unique,
        "colours": [colours[name] for name in unique],
        "sections": {
            key: [text, _oklch(0.72 if style.dark else 0.62, 0.15, i / len(SECTIONS))]
            for i, (key, text) in enumerate(SECTIONS.items())
        },
        "xy": base64.b64encode(grid.tobytes()).decode(),
        "label": base64.b64encode(label.tobytes()).decode(),
        "id": table["id"].astype(str).tolist(),
        "title": _texts(table, "title"),
        "date": _texts(table, "date"),
        "codes": codes,
        "heading": style.title,
        "note": style.subtitle,
        "dark": style.dark,
    }
    packed = gzip.compress(
        json.dumps(data, ensure_ascii=False, separators=(",", ":")).encode(),
        compresslevel=6,
        mtime=0,
    )
    template = (resources.files("patentcl.maps") / "page.html").read_text(encoding="utf-8")
    for key, value in (
        ("TITLE", html.escape(style.title or "Patent map")),
        ("DATA", base64.b64encode(packed).decode()),
    ):
        template = template.replace(f"{{{{{key}}}}}", value)
    return template


def _texts(table: pd.DataFrame, column: str) -> list[str] | None:
    if column not in table:
        return None
    values = table[column]
    if pd.api.types.is_datetime64_any_dtype(values):
        values = values.dt.strftime("%Y-%m-%d")
    return [
        "" if missing else str(value) for value, missing in zip(values, values.isna(), strict=True)
    ]


def _shown_codes(value: Any, most: int = 8) -> str:
    """A patent's first codes as one text; the page takes the section from the first letter."""
    if value is None or isinstance(value, float):
        return ""
    codes = [str(code) for code in ([value] if isinstance(value, str) else value)]
    return " ".join(codes[:most]) + (f" +{len(codes) - most}" if len(codes) > most else "")


# ---- two maps side by side ------------------------------------------------------------------


def plot_compare(
    base: Any,
    tuned: Any,
    labels: Sequence[str | None],
    path: str | Path,
    *,
    names: tuple[str, str] = ("base encoder", "tuned encoder"),
    notes: tuple[str, str] = ("", ""),
    style: MapStyle | None = None,
) -> dict[str, Path]:
    """Draw two maps of the same patents side by side, one colour for a label in both.

    Parameters
    ----------
    base, tuned : array_like, shape (n, 2)
        From `project_pair`: coordinates fitted apart differ by chance and say nothing.
    labels : sequence of str, length n
        Group or section of each point; empty or None for none. The ten most frequent get colours.
    path : str or Path
        Folder for ``compare.png`` and ``compare.svg``.
    names, notes : tuple of two str
        Heading of each map, and a line below it.
    style : MapStyle, optional

    Returns
    -------
    dict of str to Path

    Raises
    ------
    DataError
        For nan, wrong shapes, maps of different patents, or no point with a label.
    """
    style = style or MapStyle()
    maps = [
        checked_points(points, what, width=2).astype(np.float32)
        for points, what in ((base, "base coordinates"), (tuned, "tuned coordinates"))
    ]
    if len(maps[0]) != len(maps[1]):
        raise DataError(
            "the two maps differ in their number of points", got=len(maps[1]), wanted=len(maps[0])
        )
    groups = _checked_labels(labels, len(maps[0]))
    count = pd.Series(groups[groups != UNLABELLED]).value_counts().sort_index()
    top = sorted(count.sort_values(ascending=False, kind="stable").index[:10])
    levels = (0.72, 0.80) if style.dark else (0.58, 0.70)
    colours = {name: _oklch(levels[i % 2], 0.15, i / len(top)) for i, name in enumerate(top)}
    folder = Path(path)
    folder.mkdir(parents=True, exist_ok=True)
    figure, panels = _axes(style.size[0], style.size[0] * 0.56, style.dpi, columns=2)
    ink = "#eeeeee" if style.dark else "#222222"
    figure.set_facecolor("black" if style.dark else "white")
    for axes, points, name, note in zip(panels, maps, names, notes, strict=True):
        _panel(axes, points, groups, colours, f"{name}\n{note}" if note else name, ink)
    handles = [
        panels[0].scatter([], [], s=40, color=colour, label=name)
        for name, colour in colours.items()
    ]
    if set(groups) - set(top):
        handles.append(panels[0].scatter([], [], s=40, color=_GREY, label="other or none"))
    figure.legend(
        handles=handles,
        loc="outside lower center",
        ncols=5,
        frameon=False,
        fontsize=10,
        labelcolor=ink,
    )
    if style.title:
        figure.suptitle(style.title, fontsize=18, fontweight="bold", color=ink)
    return _save(figure, folder / "compare", style)


def _panel(
    axes: Any,
    points: np.ndarray,
    groups: np.ndarray,
    colours: Mapping[str, str],
    name: str,
    ink: str,
) -> None:
    inside = _frame(points)
    coloured = np.array([group in colours for group in groups]) & inside
    size = float(np.clip(40_000 / len(points), 0.6, 12))
    axes.scatter(*points[inside & ~coloured].T, s=size * 0.6, c=_GREY, alpha=0.35, linewidths=0)
    # In one shuffled layer: drawn group by group, the last would cover the others.
    order = np.random.default_rng(0).permutation(np.flatnonzero(coloured))
    axes.scatter(
        *points[order].T,
        s=size,
        c=[colours[group] for group in groups[order]],
        alpha=0.75,
        linewidths=0,
    )
    axes.set_title(name, fontsize=13, color=ink)
    axes.set_aspect("equal", adjustable="datalim")
    axes.set_axis_off()
