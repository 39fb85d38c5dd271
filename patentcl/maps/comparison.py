"""Two encoders on one map: the same patents side by side, in coordinates that can be compared."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from patentcl.core.arrays import check_matrix, nearest, unit_rows
from patentcl.core.errors import TooFew
from patentcl.core.tables import counted
from patentcl.maps.clusters import UNLABELLED
from patentcl.maps.colours import oklch
from patentcl.maps.drawing import MapFigure, MapStyle, checked_labels, draw_points
from patentcl.maps.fonts import plain_text
from patentcl.maps.framing import compact
from patentcl.maps.projection import check_pair, project, project_pair
from patentcl.maps.quality import map_quality
from patentcl.maps.settings import MapSettings

_COLOURED = 10  # labels with a colour of their own
_NEAREST, _ASKED = 10, 1000


class Comparison(NamedTuple):
    """Two maps of the same patents: the figure, and the coordinates, float32 (n, 2) each."""

    figure: MapFigure
    base: np.ndarray
    tuned: np.ndarray


def compare_maps(
    base_vectors: Any,
    tuned_vectors: Any,
    labels: Sequence[str | None],
    out: str | Path | None = None,
    *,
    coordinates: Any = None,
    settings: MapSettings | None = None,
    seed: int = 0,
    style: MapStyle | None = None,
) -> Comparison:
    """Draw the maps of two encoders side by side, one colour for a label in both.

    The maps share their layout: one starts from the other and is turned onto it, so that a patent
    whose neighbours are the same for both encoders stays about where it is.

    Parameters
    ----------
    base_vectors, tuned_vectors : array_like, shapes (n, d) and (n, e)
        The same patents in the same order; the dimensions may differ.
    labels : sequence of str, length n
        Group or section of each patent; empty or None for none. The ten most frequent get colours.
    out : str or Path, optional
        Folder, made where it is missing, for ``compare.png`` and ``compare.svg``.
    coordinates : array_like, shape (n, 2), optional
        The map of the tuned vectors, where it is made already: it is shown as it is, and the base
        vectors are laid out from it.
    style : MapStyle, optional
        Its `headings` stand above the maps.

    Raises
    ------
    DataError
        For nan, wrong shapes, vectors of different patents, or no patent with a label.
    """
    style, settings = style or MapStyle(), settings or MapSettings()
    base = unit_rows(base_vectors, "base vectors")
    tuned = unit_rows(tuned_vectors, "tuned vectors")
    check_pair(base, tuned)
    groups = checked_labels(labels, len(base))
    options = (seed, settings.neighbors, settings.min_dist, settings.method, settings.fit_sample)
    if coordinates is None:
        first, second = project_pair(base, tuned, *options)
    else:
        second = check_matrix(coordinates, "coordinates", width=2).astype(np.float32)
        first = project(base, *options, start=second)
    title = style.title or counted(len(base), "patents")
    kept = f"of {_NEAREST} nearest patents, {_neighbours_kept(base, tuned):.1f} are the same"
    note = style.subtitle or kept
    headings = [
        f"{heading}\n{_figures(unit, points, groups)}".rstrip()
        for heading, unit, points in zip(
            style.headings, (base, tuned), (first, second), strict=True
        )
    ]
    with plain_text([title, note, *headings, *groups]):
        figure = _draw((first, second), groups, title, note, headings, style)
    if out is not None:
        folder = Path(out)
        folder.mkdir(parents=True, exist_ok=True)
        figure.write(folder / "compare", style)
    return Comparison(figure, first, second)


def _figures(unit: np.ndarray, points: np.ndarray, groups: np.ndarray) -> str:
    """Figures of a map as a line; empty where too few patents have a label."""
    try:
        found = map_quality(unit, points, groups)
    except TooFew:
        return ""
    full = f"{found['full_purity']:.2f} in {unit.shape[1]} dimensions"
    return (
        f"purity {found['purity']:.2f} ({full}), V-measure {found['v_measure']:.2f}, "
        f"trustworthiness {found['trustworthiness']:.2f}"
    )


def _neighbours_kept(base: np.ndarray, tuned: np.ndarray) -> float:
    """How many of a patent's nearest the encoders have in common, the mean of a sample."""
    asked = np.random.default_rng(0).permutation(len(base))[:_ASKED]
    one, two = (nearest(unit[asked], unit, _NEAREST, asked)[0] for unit in (base, tuned))
    return float(np.mean([len(np.intersect1d(a, b)) for a, b in zip(one, two, strict=True)]))


def _draw(
    maps: tuple[np.ndarray, np.ndarray],
    groups: np.ndarray,
    title: str,
    note: str,
    headings: Sequence[str],
    style: MapStyle,
) -> MapFigure:
    count = pd.Series(groups[groups != UNLABELLED]).value_counts().sort_index()
    top = sorted(count.sort_values(ascending=False, kind="stable").index[:_COLOURED])
    levels = (0.72, 0.80) if style.dark else (0.58, 0.70)
    colours = {name: oklch(levels[i % 2], 0.15, i / len(top)) for i, name in enumerate(top)}
    figure = MapFigure(style.size[0], style.size[0] * 0.56, style.dpi)
    figure.set_facecolor("black" if style.dark else "white")
    panels = figure.subplots(1, 2)
    shades = [colours.get(group, style.grey) for group in groups]
    for axes, points, heading in zip(panels, maps, headings, strict=True):
        draw_points(axes, compact(points), shades, np.isin(groups, list(colours)), style)
        axes.set_title(heading, fontsize=11, color=style.ink)
    legend = dict(colours)
    if len(count) > len(top) or UNLABELLED in groups:
        legend["other or none"] = style.grey
    figure.legend(
        handles=[panels[0].scatter([], [], s=40, color=c, label=x) for x, c in legend.items()],
        title=note,
        loc="outside lower center",
        ncols=5,
        frameon=False,
        fontsize=10,
        labelcolor=style.ink,
    )
    figure.suptitle(title, fontsize=16, fontweight="bold", color=style.ink)
    return figure
