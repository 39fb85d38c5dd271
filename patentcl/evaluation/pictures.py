"""Pictures of an evaluation, made for print: no global state, no display."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from patentcl.metrics.curves import Curve
from patentcl.metrics.probability import Reliability

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# Okabe and Ito's colours: told apart by readers with any kind of colour vision, and in grey.
COLOURS = ("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00")
GREY = "#777777"
DPI = 200


def figure_of(
    width: float = 6.4, height: float = 3.8, panels: int = 1
) -> tuple[Figure, list[Axes]]:
    """A figure, size in inches, and its panels side by side, in the style of all pictures here."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), dpi=DPI, layout="constrained")
    axes = [figure.add_subplot(1, panels, i + 1) for i in range(panels)]
    for ax in axes:
        ax.spines[["top", "right"]].set_visible(False)
        ax.tick_params(labelsize=9)
    return figure, axes


def _rate_axis(ax: Axes, label: str) -> None:
    ax.set_ylim(0, 1)
    ax.set_ylabel(label)
    ax.grid(axis="y", color="#DDDDDD", linewidth=0.6)
    ax.set_axisbelow(True)


def legend_of(ax: Axes, **more: Any) -> None:
    """A legend without a frame."""
    ax.legend(frameon=False, fontsize=8.5, **more)


def save(figure: Figure, path: str | Path) -> None:
    """Write a figure as PNG (or whatever the ending says)."""
    figure.savefig(path, dpi=DPI)


def level_bars(
    levels: Sequence[str],
    values: dict[str, Sequence[float]],
    errors: dict[str, Sequence[tuple[float, float]]] | None = None,
) -> Figure:
    """Bars of several measures for each level, with intervals where there are any.

    Parameters
    ----------
    levels : sequence of str
    values : dict of str to sequence of float
        One bar in each level for each entry.
    errors : dict of str to sequence of (low, high), optional
    """
    figure, (ax,) = figure_of(1.8 + 1.5 * len(levels), 3.8)
    width = 0.8 / len(values)
    x = np.arange(len(levels))
    for i, (name, heights) in enumerate(values.items()):
        at = x + (i - (len(values) - 1) / 2) * width
        tall = np.nan_to_num(np.asarray(heights, dtype=float))
        ax.bar(at, tall, width * 0.92, color=COLOURS[i], label=name)
        whiskers = np.zeros(len(levels))
        if errors and name in errors:
            ends = np.array(errors[name], dtype=float)
            spread = np.nan_to_num(np.abs(ends - tall[:, None]).T)
            ax.errorbar(
                at, tall, yerr=spread, fmt="none", ecolor="#333333", elinewidth=0.9, capsize=2
            )
            whiskers = spread[1]
        for xi, height, up in zip(at, tall, whiskers, strict=True):
            ax.annotate(
                f"{height:.2f}",
                (xi, height + up),
                (0, 2),
                textcoords="offset points",
                ha="center",
                fontsize=7,
            )
    ax.set_xticks(x, levels)
    _rate_axis(ax, "score")
    ax.set_ylim(0, 1.08)
    ax.set_yticks(np.linspace(0, 1, 6))
    legend_of(ax, ncols=len(values), loc="lower center", bbox_to_anchor=(0.5, 1.0))
    return figure


def section_bars(sections: pd.DataFrame) -> Figure:
    """Precision, recall and F1 of each section, with the number of patents below.

    Parameters
    ----------
    sections : DataFrame
        From `patentcl.metrics.breakdown.by_section`.
    """
    figure, (ax,) = figure_of(max(5.0, 1.6 + 0.75 * len(sections)), 3.8)
    x = np.arange(len(sections))
    for i, name in enumerate(("precision", "recall", "f1")):
        ax.bar(
            x + (i - 1) * 0.27,
            sections[name].fillna(0),
            0.25,
            color=COLOURS[i],
            label=name.replace("f1", "F1"),
        )
    ax.set_xticks(
        x,
        [f"{s}\n{n:,}" for s, n in zip(sections["section"], sections["patents"], strict=True)],
        fontsize=8,
    )
    ax.set_xlabel("section, and patents with a true label in it")
    _rate_axis(ax, "score (micro)")
    legend_of(ax, ncols=3, loc="lower center", bbox_to_anchor=(0.5, 1.0))
    return figure


def f1_by_frequency(frequency: np.ndarray, f1: np.ndarray, what: str) -> Figure:
    """F1 of each label against how often it occurs, with the mean along the way.

    Parameters
    ----------
    frequency : ndarray of int, shape (n_labels,)
    f1 : ndarray of float, shape (n_labels,)
        Labels with nan or with frequency 0 are left out.
    what : str
        Label of the horizontal axis.
    """
    from matplotlib.ticker import FuncFormatter

    figure, (ax,) = figure_of()
    keep = (frequency > 0) & ~np.isnan(f1)
    x, y = frequency[keep], f1[keep]
    ax.scatter(x, y, s=12, color=COLOURS[0], alpha=0.45, linewidths=0)
    if len(x) >= 30:
        order = np.argsort(x, kind="stable")
        pieces = np.array_split(order, 10)
        middle = [np.exp(np.log(x[p]).mean()) for p in pieces]
        ax.plot(
            middle,
            [y[p].mean() for p in pieces],
            color=COLOURS[5],
            marker="o",
            markersize=4,
            linewidth=1.6,
            label="mean of ten groups of equally many labels",
        )
        legend_of(ax, loc="lower center", bbox_to_anchor=(0.5, 1.0))
    ax.set_xscale("log")
    ax.xaxis.set_major_formatter(FuncFormatter(lambda v, _: f"{v:,.0f}"))
    ax.set_xlabel(what)
    _rate_axis(ax, "F1 of the label")
    ax.set_ylim(-0.03, 1.03)
    return figure


def precision_recall(
    curves: dict[str, Curve], points: dict[str, tuple[float, float]] | None = None
) -> Figure:
    """Precision against recall as the threshold falls, one line for each entry.

    Parameters
    ----------
    curves : dict of str to Curve
    points : dict of str to (recall, precision), optional
        Where the decisions lie; drawn as dots.
    """
    figure, (ax,) = figure_of(4.8, 4.4)
    for i, (name, curve) in enumerate(curves.items()):
        if not len(curve.threshold):
            continue
        # From the highest threshold down; a few thousand points are all that a page can show.
        at = np.unique(np.linspace(0, len(curve.threshold) - 1, 3000).astype(int))[::-1]
        ax.plot(
            curve.recall[at],
            curve.precision[at],
            color=COLOURS[i % 6],
            linewidth=1.6,
            label=f"{name} ({curve.average_precision:.3f})",
        )
        if points and name in points and np.isfinite(points[name]).all():
            ax.plot(
                *points[name],
                marker="o",
                markersize=6,
                color=COLOURS[i % 6],
                markeredgecolor="white",
            )
    ax.set_xlim(0, 1.01)
    ax.set_xlabel("recall")
    _rate_axis(ax, "precision")
    ax.set_ylim(0, 1.02)
    legend_of(ax, title="average precision (micro)", title_fontsize=8.5, loc="lower left")
    return figure


def reliability_diagram(curves: dict[str, Reliability]) -> Figure:
    """Share of true labels against probability, and how many decisions each bin has.

    Parameters
    ----------
    curves : dict of str to Reliability
    """
    figure, (ax, histogram) = figure_of(8.6, 4.3, panels=2)
    ax.plot([0, 1], [0, 1], color=GREY, linewidth=0.9, linestyle="--")
    for i, (name, curve) in enumerate(curves.items()):
        used = curve.count > 0
        ax.plot(
            curve.mean_probability[used],
            curve.share_true[used],
            color=COLOURS[i % 6],
            marker="o",
            markersize=4,
            linewidth=1.4,
            label=f"{name} (ECE {curve.error:.3f})",
        )
        histogram.stairs(
            np.maximum(curve.count, 0.5),
            curve.edges,
            color=COLOURS[i % 6],
            linewidth=1.4,
            label=name,
        )
    ax.set_xlim(0, 1)
    ax.set_xlabel("probability")
    _rate_axis(ax, "share that is true")
    ax.set_ylim(0, 1.02)
    figure.legend(
        *ax.get_legend_handles_labels(),
        ncols=len(curves),
        frameon=False,
        fontsize=9,
        loc="outside upper center",
    )
    histogram.set_yscale("log")
    histogram.set_ylim(bottom=0.8)
    histogram.set_xlim(0, 1)
    histogram.set_xlabel("probability")
    histogram.set_ylabel("decisions")
    return figure


def label_counts(counts: dict[str, tuple[np.ndarray, np.ndarray]], most: int = 8) -> Figure:
    """How many labels patents have and how many they are given, one panel for each level.

    Parameters
    ----------
    counts : dict of str to (true, predicted)
        int arrays ``(n_patents,)``.
    most : int
        Patents with more labels are counted here.
    """
    figure, axes = figure_of(1.2 + 2.4 * len(counts), 3.2, panels=len(counts))
    for ax, (name, (true, predicted)) in zip(axes, counts.items(), strict=True):
        top = max(1, min(most, int(max(true.max(), predicted.max()))))
        x = np.arange(top + 1)
        for i, (values, label) in enumerate(((true, "true"), (predicted, "predicted"))):
            share = np.bincount(np.minimum(values, top), minlength=top + 1) / len(values)
            ax.bar(
                x + (i - 0.5) * 0.4,
                share,
                0.38,
                color=COLOURS[i],
                label=f"{label}, mean {values.mean():.2f}",
            )
        ends = [str(i) for i in x]
        if max(true.max(), predicted.max()) > top:
            ends[-1] += "+"
        ax.set_xticks(x, ends)
        ax.set_title(name, fontsize=10)
        ax.set_xlabel("labels of a patent")
        ax.grid(axis="y", color="#DDDDDD", linewidth=0.6)
        ax.set_axisbelow(True)
        # Room for the legend above the tallest bar.
        ax.set_ylim(0, ax.get_ylim()[1] * 1.25)
        legend_of(ax, loc="upper right")
    axes[0].set_ylabel("share of patents")
    return figure
