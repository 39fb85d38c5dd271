"""Groups of a map over time, in part of the patents, and beside one another."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from patentcl.core.arrays import check_matrix
from patentcl.core.errors import DataError
from patentcl.core.tables import counted
from patentcl.maps.clusters import UNLABELLED
from patentcl.maps.colours import group_colours
from patentcl.maps.drawing import MapFigure, MapStyle, checked_labels, draw_points
from patentcl.maps.fonts import plain_text
from patentcl.maps.framing import compact

_SHOWN = 24  # groups of the chart of growth: as many that grow as that shrink
_NAMED = 4  # groups named above a period


class Landscape(NamedTuple):
    """What `landscape` finds."""

    growth: pd.DataFrame
    """By group: patents in each period, and the columns of `footprint` of the last period against
    the first."""
    white_space: pd.DataFrame
    periods: MapFigure
    """The map once for each period."""
    chart: MapFigure
    """The groups that grow and shrink most, with intervals."""


def footprint(labels: Iterable[str | None], rows: Any) -> pd.DataFrame:
    """How much more of a selection than of the rest lies in each group.

    Parameters
    ----------
    labels : sequence of str, length n
        Group of each patent, as in `Clusters.labels`; empty or None for none.
    rows : array_like of bool, shape (n,)
        The selection: an applicant's patents, those of the last years.

    Returns
    -------
    DataFrame
        By group, the largest lift first: ``size``; ``selected``, how many of the selection are in
        it; ``share`` of the selection and ``rest`` of the others that are in it; ``lift``, the one
        over the other, with half a patent added to each count; ``low`` and ``high``, its 95 %
        interval (Katz).

    Raises
    ------
    DataError
        If the selection or the rest is empty, or lengths differ.

    References
    ----------
    Katz et al., Obtaining confidence intervals for the risk ratio, Biometrics 34, 1978.

    Examples
    --------
    >>> footprint(["pumps", "pumps", "cells", "cells"], [True, True, True, False])["lift"].round(2)
    pumps    2.5
    cells    0.5
    Name: lift, dtype: float64
    """
    names = _groups(labels)
    inside = np.asarray(rows)
    if inside.shape != names.shape or inside.dtype != bool:
        got = f"{inside.dtype} {inside.shape}"
        raise DataError("the selection does not fit", got=got, wanted=f"bool ({len(names)},)")
    if inside.all() or not inside.any():
        raise DataError("the selection holds all patents or none", got=f"{int(inside.sum()):,}")
    size = pd.Series(names[names != UNLABELLED]).value_counts()
    selected = pd.Series(names[inside]).value_counts().reindex(size.index, fill_value=0)
    total, others = inside.sum(), (~inside).sum()
    a, b = selected + 0.5, size - selected + 0.5
    lift = (a / (total + 1)) / (b / (others + 1))
    margin = np.exp(1.96 * np.sqrt(1 / a - 1 / (total + 1) + 1 / b - 1 / (others + 1)))
    table = pd.DataFrame(
        {
            "size": size,
            "selected": selected,
            "share": selected / total,
            "rest": (size - selected) / others,
            "lift": lift,
            "low": lift / margin,
            "high": lift * margin,
        }
    )
    return table.sort_values(["lift", "size"], ascending=False, kind="stable")


def _groups(labels: Iterable[str | None]) -> np.ndarray:
    every = list(labels)
    return checked_labels(every, len(every))


def periods_of(dates: Any, periods: int = 4) -> pd.Series:
    """Runs of whole years that hold about as many patents each: ordered names, (n,), or missing.

    Raises
    ------
    DataError
        If the dates are of one year, or there are none.

    Examples
    --------
    >>> periods_of(["2001-05-01", "2002-01-01", "2003-01-01", None, "2003-07-07"], 2).tolist()
    ['2001 to 2002', '2001 to 2002', '2003', nan, '2003']
    """
    years = pd.to_datetime(pd.Series(dates), errors="coerce").dt.year
    found = np.sort(years.dropna().to_numpy(dtype=int))
    if not found.size or found[0] == found[-1]:
        got = f"{found.size:,} dates" + (f" of {found[0]}" if found.size else "")
        raise DataError("no periods to compare", got=got, wanted="dates of two years or more")
    ends = np.quantile(found, np.arange(1, periods + 1) / periods, method="higher")
    edges = np.unique([found[0] - 1, *ends[:-1], found[-1]]).astype(int)
    if len(edges) == 2:  # the last year alone holds most
        edges = np.array([found[0] - 1, found[found < found[-1]][-1], found[-1]])
    spans = [f"{a + 1} to {b}" if a + 1 < b else f"{b}" for a, b in pairwise(edges)]
    return pd.Series(pd.cut(years, edges.tolist(), labels=spans), index=years.index)


def growth(labels: Iterable[str | None], dates: Any, periods: int = 4) -> pd.DataFrame:
    """Patents of each group by period, and how its share grew from the first to the last.

    Shares, since the number of patents in all changes too. Patents without a date are left out.

    Returns
    -------
    DataFrame
        By group, the fastest first: a column of counts for each of `periods_of`, then ``share``,
        ``rest``, ``lift``, ``low`` and ``high`` as in `footprint`: the last period against the
        first.
    """
    return _growth(_groups(labels), periods_of(dates, periods))


def _growth(names: np.ndarray, spans: pd.Series) -> pd.DataFrame:
    if len(spans) != len(names):
        raise DataError("dates and labels differ in number", got=len(spans), wanted=len(names))
    first, *_, last = spans.cat.categories
    ends = spans.isin([first, last]).to_numpy()
    change = footprint(names[ends], (spans == last).to_numpy()[ends])
    counts = pd.crosstab(names, spans.astype(object))[list(spans.cat.categories)]
    return (
        counts.rename_axis(index=None, columns=None)
        .join(change.drop(columns=["size", "selected"]), how="inner")
        .loc[change.index]
    )


def white_space(points: Any, labels: Iterable[str | None], near: int = 3) -> pd.DataFrame:
    """Thin groups beside dense ones: where few patents lie next to much activity.

    Parameters
    ----------
    points : array_like, shape (n, d)
        Coordinates or vectors.
    labels : sequence of str, length n
    near : int
        How many groups, by the distance of their middles, count as beside.

    Returns
    -------
    DataFrame
        By group, the thinnest first: ``size``, ``beside`` (names), ``beside_size`` (their mean
        size) and ``ratio`` of the two sizes.

    Examples
    --------
    >>> white_space([[0, 0], [1, 0], [1, 1], [9, 9]], ["a", "b", "b", "c"], near=1)["beside"]["a"]
    'b'
    """
    names, array = _groups(labels), check_matrix(points, "points")
    if len(array) != len(names):
        raise DataError("points and labels differ in number", got=len(array), wanted=len(names))
    groups = pd.DataFrame(array).groupby(names)
    middle = groups.median().drop(UNLABELLED, errors="ignore")
    size = pd.Series(groups.size()).drop(UNLABELLED, errors="ignore")
    apart = ((middle.to_numpy()[:, None] - middle.to_numpy()) ** 2).sum(axis=-1)
    np.fill_diagonal(apart, np.inf)
    beside = np.argsort(apart, axis=1, kind="stable")[:, : min(near, len(size) - 1)]
    table = pd.DataFrame({"size": size})
    table["beside"] = ["; ".join(size.index[row]) for row in beside]
    table["beside_size"] = size.to_numpy()[beside].mean(axis=1) if beside.size else np.nan
    table["ratio"] = table["size"] / table["beside_size"]
    return table.rename_axis(None).sort_values("ratio", kind="stable")


def landscape(
    coordinates: Any,
    labels: Iterable[str | None],
    dates: Any,
    out: str | Path | None = None,
    *,
    periods: int = 4,
    style: MapStyle | None = None,
) -> Landscape:
    """How the groups of a map change over time, and where little lies beside much.

    Parameters
    ----------
    coordinates : array_like, shape (n, 2)
        From `project`.
    labels : sequence of str, length n
        From `cluster`.
    dates : array_like of dates, length n
        Missing ones are left out of what goes by time.
    out : str or Path, optional
        Folder for growth.csv, white_space.csv, periods.png and growth.png, and the other formats
        of the style.
    periods : int
        Most periods; they hold about as many patents each.

    Raises
    ------
    DataError
        For dates of one year, lists of other lengths, or no point with a label.
    """
    style = style or MapStyle()
    points = check_matrix(coordinates, "coordinates", width=2)
    names = checked_labels(labels, len(points))
    spans = periods_of(dates, periods)
    table, parts = _growth(names, spans), plot_parts(points, names, spans, style)
    with plain_text([style.title, *table.index]):
        found = Landscape(table, white_space(points, names), parts, _draw_growth(table, style))
    if out is not None:
        folder = Path(out)
        folder.mkdir(parents=True, exist_ok=True)
        found.growth.to_csv(folder / "growth.csv", index_label="group")
        found.white_space.to_csv(folder / "white_space.csv", index_label="group")
        found.periods.write(folder / "periods", style)
        found.chart.write(folder / "growth", style)
    return found


def plot_parts(
    coordinates: Any, labels: Iterable[str | None], parts: Any, style: MapStyle | None = None
) -> MapFigure:
    """The map once for each part of its patents: these in colour, the rest grey.

    Below each stand groups that hold more of the part than of the rest, beyond chance.

    Parameters
    ----------
    coordinates, labels
        As in `landscape`.
    parts : array_like of str, length n
        The part of each patent, in the order of a categorical; missing for none.
    """
    style = style or MapStyle()
    points = check_matrix(coordinates, "coordinates", width=2).astype(np.float64)
    names, part = checked_labels(labels, len(points)), pd.Series(parts).astype("category")
    if len(part) != len(points):
        raise DataError("parts and points differ in number", got=len(part), wanted=len(points))
    shown, colours = compact(points), group_colours(points, names, style.dark)
    every = list(part.cat.categories)
    across = min(len(every), 2 if len(every) == 4 else 3)
    down = -(-len(every) // across)
    wide, high = np.maximum(np.ptp(shown, axis=0), 1e-12)
    width = style.size[0] * (0.6 if across == 1 else 1)  # one panel needs no full page
    panel = width / across * float(np.clip(high / wide, 0.4, 1.4 if across > 1 else 1)) + 0.9
    figure = MapFigure(width, panel * down + 0.6, style.dpi)
    figure.set_facecolor("black" if style.dark else "white")
    panels = np.ravel(figure.subplots(down, across))
    for axes in panels[len(every) :]:
        axes.set_axis_off()
    shades = np.array([colours.get(name, style.grey) for name in names], dtype=object)
    with plain_text([style.title, *every, *colours]):
        for axes, each in zip(panels, every, strict=False):
            inside = (part == each).to_numpy()
            draw_points(axes, shown, np.where(inside, shades, style.grey), inside, style)
            axes.set_title(
                f"{each}: {counted(inside.sum(), 'patents')}", fontsize=14, color=style.ink
            )
            if inside.all():
                continue
            more = "; ".join(footprint(names, inside).query("low > 1").index[:_NAMED])
            below = (
                textwrap.fill(f"above average: {more}", int(11.4 * width / across)) if more else ""
            )
            axes.text(
                *(0.5, -0.01, below), transform=axes.transAxes, ha="center", va="top", fontsize=10
            ).set_color(style.ink)
        title = style.title or counted(len(points), "patents")
        if len(every) > 1 and (none := int(part.isna().sum())):
            title += f", {none:,} in no part"
        figure.suptitle(title, fontsize=18, fontweight="bold", color=style.ink)
    return figure


def _draw_growth(table: pd.DataFrame, style: MapStyle) -> MapFigure:
    """Lift and interval of the groups that grow and shrink most, on a logarithmic scale."""
    half = _SHOWN // 2
    shown = table if len(table) <= _SHOWN else pd.concat([table[:half], table[-half:]])
    shown = shown[::-1]
    first, *_, last = table.columns[: table.columns.get_loc("share")]
    figure = MapFigure(style.size[0] * 0.8, 1.8 + 0.32 * len(shown), style.dpi)
    figure.set_facecolor("black" if style.dark else "white")
    axes = figure.subplots()
    axes.set_facecolor("none")
    at = np.arange(len(shown))
    sure = ((shown["low"] > 1) | (shown["high"] < 1)).to_numpy()
    colours = np.where(sure, "#117733", style.grey).astype(object)
    colours[sure & (shown["lift"] < 1).to_numpy()] = "#cc6677"
    axes.axvline(1, color=style.ink, linewidth=0.8)
    axes.hlines(at, shown["low"], shown["high"], color=colours, linewidth=2)
    axes.scatter(shown["lift"], at, c=colours, s=36, zorder=3)
    axes.set_xscale("log")
    low, high = min(shown["low"].min(), 1), max(shown["high"].max(), 1)
    ticks = [t for t in (0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 20) if low <= t <= high]
    axes.set_xticks(ticks, [f"{t:g} x" for t in ticks])
    axes.minorticks_off()
    axes.set_yticks(at, [f"{name} ({int(n):,})" for name, n in shown[last].items()])
    title = f"{style.title or 'Growth of groups'}: share in {last} against {first}, 95 % intervals"
    title += f"\n(in brackets: patents of {last})"
    figure.suptitle(title, fontsize=13, fontweight="bold", color=style.ink)
    axes.tick_params(colors=style.ink)
    for side in ("top", "right", "left"):
        axes.spines[side].set_visible(False)
    axes.spines["bottom"].set_color(style.ink)
    axes.margins(y=0.02)
    return figure
