"""Maps of patents: two coordinates for each, pictures, and a page that opens without a network.

Everything random is seeded, and maps to be compared share their layout: see `project_pair`.
"""

from __future__ import annotations

import base64
import gzip
import html
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from patentcl.errors import ConfigError, DataError, MissingExtra, did_you_mean
from patentcl.map_labels import UNLABELLED, Clusters, checked_points, cluster, short_title

__all__ = ["Clusters", "MapStyle", "cluster", "plot_compare", "plot_map", "project", "project_pair",
           "short_title"]

METHODS = ("umap", "pca")
FORMATS = ("png", "svg", "html")
FIT_ROWS = 150_000
"""Up to this many vectors `project` fits all of them, above it a sample of 100,000."""

_FIT_SAMPLE = 100_000
_EXACT_ROWS = 20_000  # neighbours are found exactly up to here
_BLOCK = 8_192
_GREY = "#bdbdc4"
SECTIONS = {"A": "Human necessities", "B": "Operations; transporting", "C": "Chemistry; metallurgy",
            "D": "Textiles; paper", "E": "Fixed constructions", "F": "Mechanical engineering",
            "G": "Physics", "H": "Electricity", "Y": "New and cross-sectional"}
"""Sections of the classification, in short."""


# ---- coordinates ----------------------------------------------------------------------------


def project(vectors: Any, seed: int = 0, n_neighbors: int = 15, min_dist: float = 0.1,
            method: str = "umap", fit_sample: int | None = None) -> np.ndarray:
    """Lay vectors out in two dimensions so that similar ones lie together.

    UMAP works on cosine distances. It starts from the first two principal components, so that the
    map keeps the large-scale order of the data and does not depend on chance. Above `fit_sample`
    rows, a random sample is laid out, and every other vector is placed among its nearest neighbours
    in the sample, each pulling by its similarity. (On two cores, laying 87,000 vectors of length 384
    out in full takes about a minute; UMAP's own way of adding points takes ten times as long for them.)

    Parameters
    ----------
    vectors : array_like, shape (n, d)
    seed : int
    n_neighbors : int
        How many neighbours count: fewer show detail, more the large picture.
    min_dist : float
        How tightly points may be packed, in 0 to 1.
    method : {"umap", "pca"}
        ``pca`` takes the first two principal components of the normalised vectors.
    fit_sample : int, optional
        How many vectors to lay out by themselves; by default all up to `FIT_ROWS`, else 100,000.

    Returns
    -------
    ndarray of float32, shape (n, 2)
        The same on every run with the same versions and machine.

    Raises
    ------
    DataError
        For nan, zero vectors, wrong shapes, or no more vectors than neighbours.
    ConfigError
        For an unknown method or settings out of range.

    Examples
    --------
    >>> project([[1, 0, 0], [0, 1, 0], [0, 0, 1], [1, 1, 0]], method="pca").shape
    (4, 2)
    """
    unit = _unit(vectors)
    _check_settings(len(unit), n_neighbors, min_dist, method)
    if method == "pca":
        return _pca(unit)
    sample = _sample(len(unit), seed, fit_sample, n_neighbors)
    if sample is None:
        return _umap(unit, seed, n_neighbors, min_dist, _pca(unit))
    placed = _umap(unit[sample], seed, n_neighbors, min_dist, _pca(unit[sample]))
    return _place(unit, sample, placed, seed)


def project_pair(base: Any, tuned: Any, seed: int = 0, n_neighbors: int = 15,
                 min_dist: float = 0.1, method: str = "umap") -> tuple[np.ndarray, np.ndarray]:
    """Lay the vectors of two encoders out so that the two maps can be compared.

    The first map is made as by `project`. The second starts from the first one's coordinates, with
    the same seed and settings, and is then turned, scaled and shifted onto it (Procrustes). A patent
    whose neighbours are the same in both therefore stays where it is, and what moves has other
    neighbours. Two maps fitted apart differ by chance as much as by the encoders.

    Parameters
    ----------
    base, tuned : array_like, shapes (n, d) and (n, e)
        The same patents in the same order; the dimensions may differ.
    seed, n_neighbors, min_dist, method
        As in `project`.

    Returns
    -------
    tuple of two ndarrays of float32, shape (n, 2)

    Examples
    --------
    >>> a, b = project_pair([[1, 0], [0, 1], [1, 1]], [[0, 1], [1, 0], [1, 1]], method="pca")
    >>> a.shape == b.shape
    True
    """
    first, second = _unit(base, "base vectors"), _unit(tuned, "tuned vectors")
    if len(first) != len(second):
        raise DataError("the two encoders' vectors differ in number", got=f"{len(second)} tuned",
                        wanted=f"{len(first)}, as in base")
    _check_settings(len(first), n_neighbors, min_dist, method)
    if method == "pca":
        one, two = _pca(first), _pca(second)
        return one, _procrustes(one, two)
    sample = _sample(len(first), seed, None, n_neighbors)
    rows = np.arange(len(first)) if sample is None else sample
    one = _umap(first[rows], seed, n_neighbors, min_dist, _pca(first[rows]))
    two = _procrustes(one, _umap(second[rows], seed, n_neighbors, min_dist, one))
    if sample is None:
        return one, two
    return _place(first, rows, one, seed), _place(second, rows, two, seed)


def _unit(vectors: Any, what: str = "vectors") -> np.ndarray:
    array = checked_points(vectors, what)
    norm = np.linalg.norm(array.astype(np.float64, copy=False), axis=1, keepdims=True)
    if (norm == 0).any():
        raise DataError(f"{what} hold zero vectors, which have no direction",
                        where=f"row {int(np.argmin(norm))}", got=f"{int((norm == 0).sum())} such rows",
                        fix="Leave empty texts out")
    return (array / norm).astype(np.float32)


def _check_settings(rows: int, n_neighbors: int, min_dist: float, method: str) -> None:
    if method not in METHODS:
        raise ConfigError("unknown projection method", got=method, fix=did_you_mean(method, METHODS))
    if isinstance(n_neighbors, bool) or not isinstance(n_neighbors, int) or n_neighbors < 2:
        raise ConfigError("n_neighbors is not a whole number above 1", got=repr(n_neighbors))
    if not 0 <= min_dist <= 1:
        raise ConfigError("min_dist is out of range", got=min_dist, wanted="0 to 1")
    least = n_neighbors + 1 if method == "umap" else 3
    if rows < least:
        raise DataError("too few vectors for a map", got=rows, wanted=f"{least} or more",
                        fix="Lower n_neighbors" if method == "umap" and rows > 3 else None)


def _sample(rows: int, seed: int, fit_sample: int | None, n_neighbors: int) -> np.ndarray | None:
    """Rows to lay out, in order; None for all."""
    if fit_sample is None:
        fit_sample = rows if rows <= FIT_ROWS else _FIT_SAMPLE
    elif isinstance(fit_sample, bool) or not isinstance(fit_sample, int) or fit_sample <= n_neighbors:
        raise ConfigError("fit_sample is not a whole number above n_neighbors", got=repr(fit_sample))
    if fit_sample >= rows:
        return None
    return np.sort(np.random.default_rng(seed).choice(rows, fit_sample, replace=False))


def _pca(unit: np.ndarray) -> np.ndarray:
    """First two principal components (n, 2), signs fixed so that the largest loading is positive."""
    centred = unit - unit.mean(axis=0)
    values, axes = np.linalg.eigh((centred.T @ centred).astype(np.float64))
    axes = axes[:, np.argsort(-values, kind="stable")[:2]]
    axes = axes * np.sign(axes[np.abs(axes).argmax(axis=0), np.arange(axes.shape[1])])
    out = np.zeros((len(unit), 2), dtype=np.float32)
    out[:, :axes.shape[1]] = centred @ axes
    return out


def _neighbours(unit: np.ndarray, count: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Positions and cosine distances (n, count) of each row's nearest, itself first."""
    own = np.arange(len(unit))[:, None]
    parts = []
    ask = _finder(unit, count, seed)
    for i in range(0, len(unit), _BLOCK):
        found, similarity = ask(unit[i:i + _BLOCK])
        # Itself to the front, wherever it came out among equal vectors, or in place of the last.
        front = np.argsort(found != own[i:i + _BLOCK], axis=1, kind="stable")
        missing = (found != own[i:i + _BLOCK]).all(axis=1)
        front[missing] = np.roll(np.arange(count), 1)
        found = np.take_along_axis(found, front, axis=1)
        similarity = np.take_along_axis(similarity, front, axis=1)
        found[:, 0], similarity[:, 0] = own[i:i + _BLOCK, 0], 1.0
        parts.append((found, similarity))
    found, similarity = (np.concatenate(part) for part in zip(*parts, strict=True))
    return found, np.clip(1 - similarity, 0, 2).astype(np.float32)


def _umap(unit: np.ndarray, seed: int, n_neighbors: int, min_dist: float,
          start: np.ndarray) -> np.ndarray:
    """UMAP by its parts: neighbours, their fuzzy graph, then the layout from given coordinates."""
    umap = _umap_module()
    found, distance = _neighbours(unit, n_neighbors, seed)
    graph, _, _ = umap.fuzzy_simplicial_set(
        unit, n_neighbors, np.random.RandomState(seed), "cosine", knn_indices=found,
        knn_dists=distance, angular=True)
    a, b = umap.find_ab_params(1.0, min_dist)
    # UMAP's own scale for given coordinates, and a hair of noise that parts equal vectors.
    spread = np.abs(start - start.mean(axis=0)).max() or 1.0
    begin = (start - start.mean(axis=0)) / spread * 10
    begin = begin + np.random.default_rng(seed).normal(scale=1e-3, size=begin.shape)
    layout, _ = umap.simplicial_set_embedding(
        unit, graph, 2, 1.0, a, b, 1.0, 5, 500 if len(unit) <= 10_000 else 200,
        begin.astype(np.float32), np.random.RandomState(seed), "cosine", {}, False, {}, False)
    return np.asarray(layout, dtype=np.float32)


def _umap_module() -> Any:
    try:
        from umap import umap_
    except ImportError as error:
        raise MissingExtra("umap-learn is not installed", fix="Install umap-learn, or take "
                           "method='pca'") from error
    return umap_


def _place(unit: np.ndarray, sample: np.ndarray, placed: np.ndarray, seed: int,
           count: int = 5) -> np.ndarray:
    """Coordinates of all rows: those of the sample, and for the rest the mean of their nearest."""
    out = np.empty((len(unit), 2), dtype=np.float32)
    out[sample] = placed
    rest = np.setdiff1d(np.arange(len(unit)), sample)
    ask = _finder(unit[sample], min(count, len(sample)), seed)
    for i in range(0, len(rest), _BLOCK):
        rows = rest[i:i + _BLOCK]
        found, similarity = ask(unit[rows])
        # Relative to the best, so that the nearest lead by as much in dense regions as in thin ones.
        weight = np.exp((similarity - similarity.max(axis=1, keepdims=True)) / 0.05)
        weight /= weight.sum(axis=1, keepdims=True)
        out[rows] = np.einsum("ij,ijk->ik", weight, placed[found])
    return out


def _finder(unit: np.ndarray, count: int,
            seed: int) -> Callable[[np.ndarray], tuple[np.ndarray, np.ndarray]]:
    """A function that gives positions and cosine similarities of the nearest rows of `unit`.

    Exact up to `_EXACT_ROWS`; above, among the lists of an inverted file (98 to 99 of 100 found).
    """
    try:
        import faiss
    except ImportError as error:
        raise MissingExtra("faiss is not installed", fix="Install patentcl[cpu] or patentcl[gpu], "
                           "or take method='pca'") from error
    flat = faiss.IndexFlatIP(unit.shape[1])
    flat.add(unit)
    if len(unit) <= _EXACT_ROWS:
        return lambda queries: flat.search(queries, count)[::-1]
    lists = 2 ** round(np.log2(4 * np.sqrt(len(unit))))
    index = faiss.IndexIVFFlat(faiss.IndexFlatIP(unit.shape[1]), unit.shape[1], lists,
                               faiss.METRIC_INNER_PRODUCT)
    index.cp.seed = seed
    index.train(unit)
    index.add(unit)
    index.nprobe = max(16, lists // 32)

    def near(queries: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        similarity, found = index.search(queries, count)
        short = found[:, -1] < 0
        if short.any():
            similarity[short], found[short] = flat.search(queries[short], count)
        return found, similarity

    return near


def _procrustes(onto: np.ndarray, points: np.ndarray) -> np.ndarray:
    """Turn, mirror, scale and shift points (n, 2) so that they lie as near as can be to others."""
    a = onto - onto.mean(axis=0, dtype=np.float64)
    b = points - points.mean(axis=0, dtype=np.float64)
    left, size, right = np.linalg.svd(b.T @ a)
    total = float((b ** 2).sum())
    scale = float(size.sum()) / total if total > 0 else 1.0
    return (scale * b @ (left @ right) + onto.mean(axis=0)).astype(np.float32)


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


def plot_map(coordinates: Any, labels: Sequence[str | None], path: str | Path, *,
             meta: pd.DataFrame | None = None, clusters: Any = None,
             style: MapStyle | None = None) -> dict[str, Path]:
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


def _checked_map(coordinates: Any, labels: Sequence[str | None], meta: pd.DataFrame | None,
                 clusters: Any) -> tuple[np.ndarray, np.ndarray, pd.DataFrame]:
    points = checked_points(coordinates, "coordinates", width=2).astype(np.float32)
    n = len(points)
    names = _checked_labels(labels, n)
    table = pd.DataFrame({"id": [str(i) for i in range(n)]})
    if meta is not None:
        if len(meta) != n or "id" not in meta.columns:
            raise DataError("meta does not fit the coordinates", wanted=f"{n} rows with an id",
                            got=f"{len(meta)} rows with {', '.join(map(str, meta.columns))}")
        shown = [c for c in ("id", "title", "date", "codes") if c in meta.columns]
        table = meta[shown].reset_index(drop=True)
    if clusters is None:
        order, _ = pd.factorize(np.where(names == UNLABELLED, None, names))
        clusters = order
    number = np.asarray(clusters)
    if number.shape != (n,) or number.dtype.kind not in "iu":
        raise DataError("clusters and coordinates differ", got=f"{number.dtype} {number.shape}",
                        wanted=f"integers ({n},)")
    return points, names, table.assign(x=points[:, 0], y=points[:, 1], label=names,
                                       cluster=number.astype(np.int32))


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
    levels = (0.70, 0.80, 0.75) if dark else (0.58, 0.70, 0.64)  # differ between groups side by side
    return {unique[int(i)]: _oklch(levels[rank % 3], 0.14, rank / len(order))
            for rank, i in enumerate(order)}


def _oklch(lightness: float, chroma: float, turn: float) -> str:
    """Hex colour of OKLCH coordinates, in which equal steps look equal; hue in turns."""
    a, b = chroma * np.cos(2 * np.pi * turn), chroma * np.sin(2 * np.pi * turn)
    long = (lightness + 0.3963377774 * a + 0.2158037573 * b) ** 3
    middle = (lightness - 0.1055613458 * a - 0.0638541728 * b) ** 3
    short = (lightness - 0.0894841775 * a - 1.2914855480 * b) ** 3
    linear = np.array([4.0767416621 * long - 3.3077115913 * middle + 0.2309699292 * short,
                       -1.2684380046 * long + 2.6097574011 * middle - 0.3413193965 * short,
                       -0.0041960863 * long - 0.7034186147 * middle + 1.7076147010 * short])
    linear = np.clip(linear, 0, 1)
    screen = np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)
    return "#" + "".join(f"{round(255 * float(c)):02x}" for c in screen)


def _frame(points: np.ndarray) -> np.ndarray:
    """bool (n,): points near enough to the bulk for a picture; islands far out would shrink it."""
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


def _draw(points: np.ndarray, names: np.ndarray, colours: Mapping[str, str], folder: Path,
          style: MapStyle) -> dict[str, Path]:
    """Write map.png and map.svg."""
    try:
        import datamapplot
    except ImportError as error:
        raise MissingExtra("datamapplot is not installed",
                           fix="Install datamapplot, or leave png and svg out") from error
    inside = _frame(points)
    outside = int((~inside).sum())
    sizes = pd.Series(names[names != UNLABELLED]).value_counts()
    named = set(sizes.sort_index().sort_values(ascending=False, kind="stable")
                .index[:style.max_labels])
    none = "Unlabelled"
    shown = np.array([name if name in named and name != none else none for name in names[inside]])
    note = f"{outside:,} points lie outside the frame" if outside else ""
    lines = " · ".join(part for part in (style.subtitle, note) if part)
    figure, (axes,) = _axes(*style.size, style.dpi)
    datamapplot.create_plot(
        points[inside], shown, ax=axes, figsize=style.size, dpi=style.dpi,
        noise_label=none, noise_color=_GREY if not style.dark else "#55555c",
        marker_color_array=np.array([colours.get(name, _GREY) for name in names[inside]]),
        label_color_map={**colours, none: _GREY},
        title=style.title or None, sub_title=lines or None, darkmode=style.dark,
        use_system_fonts=True, font_family="DejaVu Sans", label_font_size=9.5, label_wrap_width=18,
        color_label_arrows=True, arrowprops={"linewidth": 0.7, "alpha": 0.6},
        title_keywords={"fontsize": 24, "fontweight": "bold"},
        sub_title_keywords={"fontsize": 13})
    return _save(figure, folder / "map", style)


def _save(figure: Any, stem: Path, style: MapStyle) -> dict[str, Path]:
    """Write a figure in the formats asked for; in the SVG the points are a picture, the text is text."""
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
                figure.savefig(written[kind], dpi=style.dpi, bbox_inches="tight",
                               metadata={"Date": None} if kind == "svg" else None)
    return written


# ---- the page -------------------------------------------------------------------------------


def _page(points: np.ndarray, names: np.ndarray, colours: Mapping[str, str], table: pd.DataFrame,
          style: MapStyle) -> str:
    """The page: a template with the points' data packed in, compressed."""
    unique = sorted(colours)
    place = {name: i for i, name in enumerate(unique)}
    low, high = points.min(axis=0).astype(np.float64), points.max(axis=0).astype(np.float64)
    span = float(max(high - low)) or 1.0
    grid = np.round((points - low) / span * 65535).astype("<u2")
    label = np.array([place.get(name, 65535) for name in names], dtype="<u2")
    codes = [_shown_codes(value) for value in table["codes"]] if "codes" in table else None
    data = {
        "n": len(points), "labels": unique, "colours": [colours[name] for name in unique],
        "sections": {key: [text, _oklch(0.72 if style.dark else 0.62, 0.15, i / len(SECTIONS))]
                     for i, (key, text) in enumerate(SECTIONS.items())},
        "xy": base64.b64encode(grid.tobytes()).decode(),
        "label": base64.b64encode(label.tobytes()).decode(),
        "id": table["id"].astype(str).tolist(),
        "title": _texts(table, "title"), "date": _texts(table, "date"), "codes": codes,
        "heading": style.title, "note": style.subtitle, "dark": style.dark,
    }
    packed = gzip.compress(json.dumps(data, ensure_ascii=False, separators=(",", ":")).encode(),
                           compresslevel=6, mtime=0)
    template = (resources.files("patentcl") / "map_page.html").read_text(encoding="utf-8")
    for key, value in (("TITLE", html.escape(style.title or "Patent map")),
                       ("DATA", base64.b64encode(packed).decode())):
        template = template.replace(f"{{{{{key}}}}}", value)
    return template


def _texts(table: pd.DataFrame, column: str) -> list[str] | None:
    if column not in table:
        return None
    values = table[column]
    if pd.api.types.is_datetime64_any_dtype(values):
        values = values.dt.strftime("%Y-%m-%d")
    return ["" if missing else str(value) for value, missing in zip(values, values.isna(), strict=True)]


def _shown_codes(value: Any, most: int = 8) -> str:
    """A patent's first codes as one text; the page takes the section from the first letter."""
    if value is None or isinstance(value, float):
        return ""
    codes = [str(code) for code in ([value] if isinstance(value, str) else value)]
    return " ".join(codes[:most]) + (f" +{len(codes) - most}" if len(codes) > most else "")


# ---- two maps side by side ------------------------------------------------------------------


def plot_compare(base: Any, tuned: Any, labels: Sequence[str | None], path: str | Path, *,
                 names: tuple[str, str] = ("base encoder", "tuned encoder"),
                 notes: tuple[str, str] = ("", ""),
                 style: MapStyle | None = None) -> dict[str, Path]:
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
    maps = [checked_points(points, what, width=2).astype(np.float32)
            for points, what in ((base, "base coordinates"), (tuned, "tuned coordinates"))]
    if len(maps[0]) != len(maps[1]):
        raise DataError("the two maps differ in their number of points", got=len(maps[1]),
                        wanted=len(maps[0]))
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
    handles = [panels[0].scatter([], [], s=40, color=colour, label=name)
               for name, colour in colours.items()]
    handles.append(panels[0].scatter([], [], s=40, color=_GREY, label="others, without"))
    figure.legend(handles=handles, loc="outside lower center", ncols=4, frameon=False, fontsize=10,
                  labelcolor=ink)
    if style.title:
        figure.suptitle(style.title, fontsize=18, fontweight="bold", color=ink)
    return _save(figure, folder / "compare", style)


def _panel(axes: Any, points: np.ndarray, groups: np.ndarray, colours: Mapping[str, str], name: str,
           ink: str) -> None:
    inside = _frame(points)
    coloured = np.array([group in colours for group in groups]) & inside
    size = float(np.clip(40_000 / len(points), 0.6, 12))
    axes.scatter(*points[inside & ~coloured].T, s=size * 0.6, c=_GREY, alpha=0.35, linewidths=0)
    # In one shuffled layer: drawn group by group, the last would cover the others.
    order = np.random.default_rng(0).permutation(np.flatnonzero(coloured))
    axes.scatter(*points[order].T, s=size, c=[colours[group] for group in groups[order]],
                 alpha=0.75, linewidths=0)
    axes.set_title(name, fontsize=13, color=ink)
    axes.set_aspect("equal", adjustable="datalim")
    axes.set_axis_off()
