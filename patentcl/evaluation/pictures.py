"""Pictures of an evaluation and of what it stands on, made for print: no global state, no display.

Counts are int arrays and rates float arrays, one entry for each label, patent or level.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
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
NAMED = 24
"""Labels of a level that can be named below their bars; more are drawn as one area."""


class Album:
    """Pictures written into a folder, with their captions."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.captions: dict[str, str] = {}

    def add(self, figure: Figure, name: str, caption: str) -> None:
        """Write a picture under a file name."""
        figure.savefig(self.folder / name, dpi=DPI)
        self.captions[name] = caption

    @property
    def names(self) -> list[str]:
        """File names in the order in which they were added."""
        return list(self.captions)

    def markdown(self) -> list[str]:
        """Each picture with its caption."""
        return [f"![{text}]({name})\n\n{text}." for name, text in self.captions.items()]


# ---- what all share -------------------------------------------------------------------------


def _figure(
    width: float = 6.4, height: float = 3.8, panels: int = 1, title: str = ""
) -> tuple[Figure, list[Axes]]:
    """A figure, size in inches, and its panels side by side, in the style of all pictures."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), dpi=DPI, layout="constrained")
    axes = [figure.add_subplot(1, panels, i + 1) for i in range(panels)]
    for ax in axes:
        ax.spines[["top", "right"]].set_visible(False)
        ax.tick_params(labelsize=9)
        ax.grid(axis="y", color="#DDDDDD", linewidth=0.6)
        ax.set_axisbelow(True)
    if title:
        figure.suptitle(title, fontsize=11)
    return figure, axes


def _rate_axis(ax: Axes, label: str, low: float = 0.0, high: float = 1.02) -> None:
    ax.set_ylim(low, high)
    ax.set_yticks(np.linspace(0, 1, 6))
    ax.set_ylabel(label)


def _counting(axis: Any) -> None:
    from matplotlib.ticker import FuncFormatter

    axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.0f}"))


def _legend(ax: Axes, **more: Any) -> None:
    ax.legend(frameon=False, fontsize=8.5, **more)


ABOVE = {"loc": "lower center", "bbox_to_anchor": (0.5, 1.0)}

# ---- classifiers ----------------------------------------------------------------------------


def level_bars(
    levels: Sequence[str],
    values: Mapping[str, Sequence[float]],
    errors: Mapping[str, Sequence[tuple[float, float]]] | None = None,
    title: str = "",
) -> Figure:
    """Bars of several measures at each level, with (low, high) of their intervals if given."""
    figure, (ax,) = _figure(1.8 + 1.5 * len(levels), 4.0, title=title)
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
    _rate_axis(ax, "score", high=1.08)
    _legend(ax, ncols=len(values), **ABOVE)
    return figure


def section_bars(sections: pd.DataFrame, title: str = "") -> Figure:
    """Precision, recall and F1 of each section, of `patentcl.metrics.breakdown.by_section`."""
    figure, (ax,) = _figure(max(5.0, 1.6 + 0.75 * len(sections)), 4.0, title=title)
    x = np.arange(len(sections))
    for i, (name, label) in enumerate(
        {"precision": "precision", "recall": "recall", "f1": "F1"}.items()
    ):
        heights = sections[name].fillna(0)
        ax.bar(x + (i - 1) * 0.27, heights, 0.25, color=COLOURS[i], label=label)
    below = [f"{s}\n{n:,}" for s, n in zip(sections["section"], sections["patents"], strict=True)]
    ax.set_xticks(x, below, fontsize=8)
    ax.set_xlabel("section, and patents with a true label in it")
    _rate_axis(ax, "score (micro)")
    _legend(ax, ncols=3, **ABOVE)
    return figure


def f1_by_frequency(frequency: np.ndarray, f1: np.ndarray, what: str, title: str = "") -> Figure:
    """F1 of each label against how often it occurs, with the mean along the way.

    Labels with nan or with frequency 0 are left out; `what` names the horizontal axis.
    """
    from matplotlib.ticker import LogLocator, NullFormatter

    figure, (ax,) = _figure(title=title)
    keep = (frequency > 0) & ~np.isnan(f1)
    x, y = frequency[keep], f1[keep]
    ax.scatter(x, y, s=12, color=COLOURS[0], alpha=0.45, linewidths=0)
    if len(x) >= 30:
        pieces = np.array_split(np.argsort(x, kind="stable"), 10)
        ax.plot(
            [np.exp(np.log(x[p]).mean()) for p in pieces],
            [y[p].mean() for p in pieces],
            color=COLOURS[5],
            marker="o",
            markersize=4,
            linewidth=1.6,
            label="mean of ten groups of equal size",
        )
        _legend(ax, **ABOVE)
    ax.set_xscale("log")
    _counting(ax.xaxis)
    ax.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    ax.xaxis.set_minor_formatter(NullFormatter())
    ax.set_xlabel(what)
    _rate_axis(ax, "F1 of the label", -0.03, 1.03)
    return figure


def precision_recall(
    curves: Mapping[str, Curve],
    points: Mapping[str, tuple[float, float]] | None = None,
    title: str = "",
) -> Figure:
    """Precision against recall as the threshold falls; dots for (recall, precision) of decisions.

    One line for each entry.
    """
    figure, (ax,) = _figure(4.8, 4.6, title=title)
    for i, (name, curve) in enumerate(curves.items()):
        if not len(curve.threshold):
            continue
        # From the highest threshold down; a few thousand points are all that a page can show.
        at = np.unique(np.linspace(0, len(curve.threshold) - 1, 3000).astype(int))[::-1]
        colour = COLOURS[i % 6]
        ax.plot(
            curve.recall[at],
            curve.precision[at],
            color=colour,
            linewidth=1.6,
            label=f"{name} ({curve.average_precision:.3f})",
        )
        if points and name in points and np.isfinite(points[name]).all():
            ax.plot(*points[name], marker="o", markersize=6, color=colour, markeredgecolor="white")
    ax.set_xlim(0, 1.01)
    ax.set_xlabel("recall")
    _rate_axis(ax, "precision")
    _legend(ax, title="average precision (micro)", title_fontsize=8.5, loc="lower left")
    return figure


def reliability_diagram(
    curves: Mapping[str, Reliability], likely: Mapping[str, float], title: str = ""
) -> Figure:
    """Share of true labels against probability, and how many decisions each bin has.

    The legend gives the calibration error over all decisions and, from `likely`, over those of .05
    and more: nearly all decisions are near 0 and would hide it.
    """
    figure, (ax, histogram) = _figure(8.6, 4.6, panels=2, title=title)
    ax.plot([0, 1], [0, 1], color=GREY, linewidth=0.9, linestyle="--")
    for i, (name, curve) in enumerate(curves.items()):
        used, colour = curve.count > 0, COLOURS[i % 6]
        ax.plot(
            curve.mean_probability[used],
            curve.share_true[used],
            color=colour,
            marker="o",
            markersize=4,
            linewidth=1.4,
            label=f"{name}: {curve.error:.3f}, {likely[name]:.3f}",
        )
        tall = np.maximum(curve.count, 0.5)
        histogram.stairs(tall, curve.edges, color=colour, linewidth=1.4)
    ax.set_xlim(0, 1)
    ax.set_xlabel("probability")
    _rate_axis(ax, "share of true labels")
    figure.legend(
        *ax.get_legend_handles_labels(),
        title="calibration error of all decisions, and of those with a probability of .05 and more",
        title_fontsize=8.5,
        ncols=len(curves),
        frameon=False,
        fontsize=8.5,
        loc="outside lower center",
    )
    histogram.set_yscale("log")
    histogram.set_ylim(bottom=0.8)
    histogram.set_xlim(0, 1)
    histogram.set_xlabel("probability")
    histogram.set_ylabel("decisions")
    return figure


def labels_per_patent(
    counts: Mapping[str, tuple[np.ndarray, np.ndarray]], most: int = 8, title: str = ""
) -> Figure:
    """How many true and predicted labels patents have, one panel for each level.

    Patents with more than `most` labels are counted there.
    """
    figure, axes = _figure(1.2 + 2.4 * len(counts), 3.4, panels=len(counts), title=title)
    for ax, (name, pair) in zip(axes, counts.items(), strict=True):
        longest = int(max(values.max() for values in pair))
        top = max(1, min(most, longest))
        x = np.arange(top + 1)
        for i, (values, label) in enumerate(zip(pair, ("true", "predicted"), strict=True)):
            share = np.bincount(np.minimum(values, top), minlength=top + 1) / len(values)
            text = f"{label}, mean {values.mean():.2f}"
            ax.bar(x + (i - 0.5) * 0.4, share, 0.38, color=COLOURS[i], label=text)
        ends = [*map(str, x[:-1]), f"{top}+" if longest > top else str(top)]
        ax.set_xticks(x, ends)
        ax.set_title(name, fontsize=10)
        ax.set_xlabel("labels of a patent")
        # Room for the legend above the tallest bar.
        ax.set_ylim(0, ax.get_ylim()[1] * 1.25)
        _legend(ax, loc="upper right")
    axes[0].set_ylabel("share of patents")
    return figure


def training_curves(history: Sequence[Mapping[str, Any]]) -> Figure:
    """Training curves: loss; F1 of each level; hierarchical F1 at fixed and tuned thresholds.

    Of ``PatentClassifier.history_``: rows with ``epoch``, ``loss`` and ``hier_f1``, and where they
    are known ``dev_loss``, ``hier_f1_fixed`` and ``f1@<level>``.
    """
    from matplotlib.ticker import MaxNLocator

    figure, axes = _figure(10.4, 3.8, panels=3, title="Training, epoch by epoch")
    epochs = [int(row["epoch"]) for row in history]
    best = next((int(row["epoch"]) for row in history if row.get("best")), None)
    levels = {key: key.removeprefix("f1@") for key in history[0] if str(key).startswith("f1@")}
    panels = (
        ("loss per patent", {"loss": "train", "dev_loss": "dev"}),
        ("F1 on dev (micro, tuned threshold)", levels),
        (
            "hierarchical F1 on dev",
            {"hier_f1": "tuned threshold", "hier_f1_fixed": "threshold 0.5"},
        ),
    )
    for ax, (what, names) in zip(axes, panels, strict=True):
        known = {key: label for key, label in names.items() if key in history[0]}
        for i, (key, label) in enumerate(known.items()):
            ax.plot(
                epochs,
                [float("nan") if row.get(key) is None else float(row[key]) for row in history],
                color=COLOURS[i % len(COLOURS)],
                linewidth=1.5,
                marker="o" if len(epochs) < 30 else None,
                markersize=3.5,
                label=label,
            )
        ax.set_ylabel(what)
        ax.set_xlabel("epoch")
        ax.xaxis.set_major_locator(MaxNLocator(integer=True))
        if best is not None:
            kept = "epoch kept" if ax is axes[-1] else None
            ax.axvline(best, color=GREY, linewidth=0.9, linestyle=":", label=kept)
        if ax.get_legend_handles_labels()[0]:
            _legend(ax, loc="best")
    return figure


# ---- labels and texts -----------------------------------------------------------------------


def patents_per_label(counts: np.ndarray, names: Sequence[str], level: str) -> Figure:
    """Patents of each label of a level, the most frequent first, and their mean."""
    n = len(counts)
    order = np.argsort(-counts, kind="stable")
    width = max(4.0, 1.6 + 0.36 * n) if n <= NAMED else 6.4
    figure, (ax,) = _figure(width, 3.8, title=f"Patents of each {level}, all splits")
    if n <= NAMED:
        ax.bar(np.arange(n), counts[order], 0.8, color=COLOURS[0])
        ax.set_xticks(np.arange(n), [names[i] for i in order], rotation=0 if n <= 10 else 90)
        ax.set_xlim(-0.6, n - 0.4)
        ax.set_xlabel(level)
    else:
        edges = np.arange(n + 1) + 0.5
        tall = np.maximum(counts[order], 0.5)
        ax.stairs(tall, edges, fill=True, color=COLOURS[0], baseline=0.5)
        ax.set_yscale("log")
        ax.set_ylim(bottom=0.8)
        ax.set_xlim(0.5, n + 0.5)
        ax.set_xlabel(f"{level}, the most frequent first ({n:,} in all)")
    label = f"mean {counts.mean():,.0f}, median {np.median(counts):,.0f}"
    ax.axhline(float(counts.mean()), color=COLOURS[5], linewidth=1.4, linestyle="--", label=label)
    _counting(ax.yaxis)
    ax.set_ylabel("patents")
    _legend(ax, loc="upper right")
    return figure


def words_per_patent(words: Mapping[str, np.ndarray]) -> Figure:
    """How long texts are in words, one line for each split.

    The axis reaches the 99th percentile; the share of longer texts is told, not drawn as a bin.
    """
    figure, (ax,) = _figure(title="Length of the texts by split")
    together = np.concatenate(list(words.values()))
    end = max(1.0, float(np.percentile(together, 99)))
    width = max(1, round(end / 40))  # words are whole
    edges = np.arange(0, end + 1 + width, width)
    for i, (name, values) in enumerate(words.items()):
        share = np.histogram(values, edges - 0.5)[0] / max(1, len(values))
        text = f"{name}: mean {values.mean():,.0f}, median {np.median(values):,.0f}"
        ax.stairs(share, edges - 0.5, color=COLOURS[i], linewidth=1.5, label=text)
    longer = float((together >= edges[-1] - 0.5).mean())
    ax.set_xlim(0, edges[-1])
    ax.set_ylim(bottom=0)
    more = f" ({longer:.1%} are longer, up to {together.max():,})" if longer else ""
    ax.set_xlabel(f"words of title and abstract{more}")
    ax.set_ylabel("share of patents")
    _legend(ax, ncols=2, **ABOVE)
    return figure
