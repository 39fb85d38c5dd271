"""What a classifier is given to learn from: labels of each split, label counts, lengths of texts.

`write_label_report` writes statistics.json, statistics.md, one picture of label counts for each
level, and one of word counts; `write_history` draws a classifier's training curves.

statistics.json, version 1:

    format     "patentcl-labels"
    version    1
    splits     [{split, patents, with_codes, words_mean, words_median, words_95}]
    labels     [{level, split, labels, patents, assignments, mean_per_patent, most_per_patent,
               median_patents, largest, unseen}]; `unseen` labels of the split are not in train
    pictures   [file name]
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pyarrow.compute as pc
from scipy import sparse

from patentcl.core.errors import DataError
from patentcl.cpc import CpcTree
from patentcl.data.corpus import SPLITS, Corpus
from patentcl.evaluation.pictures import COLOURS, GREY, figure_of, legend_of, save
from patentcl.metrics.result import markdown_table

if TYPE_CHECKING:
    from matplotlib.figure import Figure

VERSION = 1
NAMED = 24
"""So many labels of a level can be named below their bars; more are drawn as one area."""


def label_statistics(labels: sparse.csr_matrix, split: np.ndarray, tree: CpcTree) -> pd.DataFrame:
    """Labels of each level in each split.

    Parameters
    ----------
    labels : csr_matrix of bool, shape (n_patents, n_nodes)
        Closed under ancestors.
    split : ndarray of str, shape (n_patents,)
        Only "train", "dev" and "test" are counted.
    tree : CpcTree

    Returns
    -------
    DataFrame
        For each level and split (``all`` is the three together): ``labels`` that occur,
        ``patents`` with a label of the level, ``assignments``, ``mean_per_patent`` and
        ``most_per_patent`` among those patents, ``median_patents`` of a label that occurs,
        ``largest`` (patents of the commonest label), ``unseen`` (labels not in train).

    Examples
    --------
    >>> tree = CpcTree.from_symbols(["A01B", "A01C", "B60K"])
    >>> labels = tree.encode([["A01B"], ["A01B", "B60K"], ["A01C"]])
    >>> table = label_statistics(labels, np.array(["train", "train", "test"]), tree)
    >>> table[table["level"] == "subclass"][["split", "labels", "assignments", "unseen"]].values
    array([['train', 2, 3, 0],
           ['test', 1, 1, 1],
           ['all', 3, 4, 1]], dtype=object)
    """
    masks = {name: split == name for name in SPLITS if (split == name).any()}
    masks["all"] = np.isin(split, SPLITS)
    rows = []
    for depth, level in enumerate(tree.levels):
        columns = tree.at_level(depth)
        part = labels[:, columns]
        trained = np.asarray(part[np.flatnonzero(split == "train")].sum(axis=0)).ravel() > 0
        for name, mask in masks.items():
            mine = part[np.flatnonzero(mask)]
            by_label = np.asarray(mine.sum(axis=0)).ravel().astype(int)
            by_patent = np.diff(mine.indptr)
            there, with_one = by_label > 0, by_patent[by_patent > 0]
            rows.append(
                {
                    "level": level,
                    "split": name,
                    "labels": int(there.sum()),
                    "patents": len(with_one),
                    "assignments": int(by_label.sum()),
                    "mean_per_patent": float(with_one.mean()) if len(with_one) else float("nan"),
                    "most_per_patent": int(by_patent.max(initial=0)),
                    "median_patents": float(np.median(by_label[there])) if there.any() else 0.0,
                    "largest": int(by_label.max(initial=0)),
                    "unseen": int((there & ~trained).sum()),
                }
            )
    return pd.DataFrame(rows)


def word_counts(corpus: Corpus) -> np.ndarray:
    """Words of title and abstract of each patent, separated by spaces: int (n_patents,)."""
    table = corpus.table(["title", "abstract"])
    total = np.zeros(len(corpus), dtype=np.int64)
    for name in ("title", "abstract"):
        words = pc.count_substring_regex(pc.fill_null(table[name], ""), r"\S+")
        total += words.to_numpy()
    return total


def split_statistics(corpus: Corpus, words: np.ndarray) -> pd.DataFrame:
    """Patents of each split, those with codes, and the lengths of their texts in words."""
    coded = np.diff(corpus.labels.indptr) > 0
    rows = []
    for name in SPLITS:
        mine = corpus.split == name
        if mine.any():
            rows.append(
                {
                    "split": name,
                    "patents": int(mine.sum()),
                    "with_codes": int((mine & coded).sum()),
                    "words_mean": float(words[mine].mean()),
                    "words_median": float(np.median(words[mine])),
                    "words_95": float(np.percentile(words[mine], 95)),
                }
            )
    return pd.DataFrame(rows)


def write_label_report(corpus: Corpus, folder: str | Path) -> pd.DataFrame:
    """Write statistics.json, statistics.md and pictures into a folder, which is made if need be.

    Parameters
    ----------
    corpus : Corpus
        With codes, and divided into splits.
    folder : path

    Returns
    -------
    DataFrame
        As from `label_statistics`.

    Raises
    ------
    DataError
        If no patent is in a split.
    """
    target = Path(folder)
    if not np.isin(corpus.split, SPLITS).any():
        raise DataError("the corpus is not divided into splits", where=corpus.path)
    target.mkdir(parents=True, exist_ok=True)
    words = word_counts(corpus)
    splits = split_statistics(corpus, words)
    table = label_statistics(corpus.labels, corpus.split, corpus.tree)
    drawn = []
    for level in corpus.tree.levels:
        columns = corpus.tree.at_level(level)
        counts = np.asarray(corpus.labels[:, columns].sum(axis=0)).ravel()
        names = [corpus.tree.symbols[i] for i in columns]
        name = f"patents_per_{level}.png"
        save(label_picture(counts, names, level), target / name)
        drawn.append((name, f"Patents of each {level}, and their mean"))
    save(
        word_picture({str(n): words[corpus.split == n] for n in splits["split"]}),
        target / "words.png",
    )
    drawn.append(("words.png", "Words of title and abstract"))
    page = {
        "format": "patentcl-labels",
        "version": VERSION,
        "splits": _plain(splits),
        "labels": _plain(table),
        "pictures": [name for name, _ in drawn],
    }
    (target / "statistics.json").write_text(
        json.dumps(page, indent=2, allow_nan=False) + "\n", encoding="utf-8"
    )
    parts = [
        "# Labels and texts",
        _markdown(splits),
        "## Labels of each split",
        "Means are over patents with a label of the level; unseen labels are not in train.",
        _markdown(table),
        *(f"![{caption}]({name})\n\n{caption}." for name, caption in drawn),
    ]
    (target / "statistics.md").write_text("\n\n".join(parts) + "\n", encoding="utf-8")
    return table


def _plain(frame: pd.DataFrame) -> list[dict[str, Any]]:
    return json.loads(frame.to_json(orient="records"))  # nan becomes null


def _markdown(frame: pd.DataFrame) -> str:
    rows = [
        [
            f"{v:,.2f}".rstrip("0").rstrip(".")
            if isinstance(v, float)
            else f"{v:,}"
            if isinstance(v, int)
            else str(v)
            for v in row
        ]
        for row in frame.astype(object).itertuples(index=False)
    ]
    return markdown_table([c.replace("_", " ") for c in frame.columns], rows)


# ---- pictures -------------------------------------------------------------------------------


def label_picture(counts: np.ndarray, names: Sequence[str], level: str) -> Figure:
    """Patents of each label of a level, the commonest first, and the mean.

    Parameters
    ----------
    counts : ndarray of int, shape (n_labels,)
    names : sequence of str
    level : str
    """
    order = np.argsort(-counts, kind="stable")
    sorted_counts = counts[order]
    few = len(counts) <= NAMED
    figure, (ax,) = figure_of(max(4.0, 1.6 + 0.36 * len(counts)) if few else 6.4, 3.6)
    mean = float(counts.mean())
    if few:
        ax.bar(np.arange(len(counts)), sorted_counts, 0.8, color=COLOURS[0])
        ax.set_xticks(
            np.arange(len(counts)),
            [names[i] for i in order],
            rotation=0 if len(counts) <= 10 else 90,
        )
        ax.set_xlim(-0.6, len(counts) - 0.4)
        ax.set_xlabel(level)
    else:
        edges = np.arange(len(counts) + 1) + 0.5
        ax.stairs(np.maximum(sorted_counts, 0.5), edges, fill=True, color=COLOURS[0], baseline=0.5)
        ax.set_yscale("log")
        ax.set_ylim(bottom=0.8)
        ax.set_xlim(0.5, len(counts) + 0.5)
        ax.set_xlabel(f"{level}, the commonest first ({len(counts):,} in all)")
    ax.axhline(
        mean,
        color=COLOURS[5],
        linewidth=1.4,
        linestyle="--",
        label=f"mean {mean:,.0f}, median {np.median(counts):,.0f}",
    )
    _counting_axis(ax, "y")
    ax.set_ylabel("patents")
    legend_of(ax, loc="upper right")
    return figure


def word_picture(words: Mapping[str, np.ndarray]) -> Figure:
    """How long texts are, one line for each split.

    Parameters
    ----------
    words : mapping of str to ndarray of int
        Words of each patent, by split.
    """
    figure, (ax,) = figure_of()
    together = np.concatenate(list(words.values()))
    width = max(1, round(float(np.percentile(together, 99.5)) / 50))  # words are whole
    edges = np.arange(51) * width
    top = edges[-1] - 0.5
    for i, (name, values) in enumerate(words.items()):
        share = np.histogram(np.minimum(values, top), edges)[0] / max(1, len(values))
        ax.stairs(
            share,
            edges,
            color=COLOURS[i],
            linewidth=1.5,
            label=f"{name}: mean {values.mean():,.0f}, median {np.median(values):,.0f}",
        )
    ax.set_xlim(0, edges[-1])
    ax.set_ylim(bottom=0)
    ax.set_xlabel("words of title and abstract (the longest in the last bin)")
    ax.set_ylabel("share of patents")
    ax.grid(axis="y", color="#DDDDDD", linewidth=0.6)
    ax.set_axisbelow(True)
    legend_of(ax, loc="upper right")
    return figure


def history_picture(history: Sequence[Mapping[str, Any]]) -> Figure:
    """Training curves: loss; F1 of each level; hierarchical F1 at fixed and tuned thresholds.

    Parameters
    ----------
    history : sequence of mapping
        ``PatentClassifier.history_``: rows with ``epoch``, ``loss`` and ``hier_f1``, and where
        they are known ``dev_loss``, ``hier_f1_fixed`` and ``f1@<level>``.
    """
    from matplotlib.ticker import MaxNLocator

    figure, (losses, levels, hierarchical) = figure_of(10.4, 3.6, panels=3)
    epochs = [int(row["epoch"]) for row in history]
    best = next((int(row["epoch"]) for row in history if row.get("best")), None)
    _lines(losses, epochs, history, {"loss": "train", "dev_loss": "dev"})
    losses.set_ylabel("loss of a patent")
    names = [key for key in history[0] if str(key).startswith("f1@")]
    _lines(levels, epochs, history, {key: key.removeprefix("f1@") for key in names})
    levels.set_ylabel("F1 on dev (micro, tuned threshold)")
    _lines(
        hierarchical,
        epochs,
        history,
        {"hier_f1": "tuned threshold", "hier_f1_fixed": "threshold 0.5"},
    )
    hierarchical.set_ylabel("hierarchical F1 on dev")
    for ax in (losses, levels, hierarchical):
        ax.set_xlabel("epoch")
        ax.xaxis.set_major_locator(MaxNLocator(integer=True))
        ax.grid(axis="y", color="#DDDDDD", linewidth=0.6)
        ax.set_axisbelow(True)
        if best is not None:
            ax.axvline(
                best,
                color=GREY,
                linewidth=0.9,
                linestyle=":",
                label="kept" if ax is hierarchical else None,
            )
        if ax.get_legend_handles_labels()[0]:
            legend_of(ax, loc="best")
    return figure


def _lines(
    ax: Any, epochs: list[int], history: Sequence[Mapping[str, Any]], names: Mapping[str, str]
) -> None:
    marker = "o" if len(epochs) < 30 else None
    known = {key: label for key, label in names.items() if key in history[0]}
    for i, (key, label) in enumerate(known.items()):
        values = [float("nan") if row.get(key) is None else float(row[key]) for row in history]
        ax.plot(
            epochs,
            values,
            color=COLOURS[i % len(COLOURS)],
            linewidth=1.5,
            marker=marker,
            markersize=3.5,
            label=label,
        )


def write_history(history: Sequence[Mapping[str, Any]], folder: str | Path) -> bool:
    """Write history.json and training.png; False, and nothing, where nothing was trained."""
    if not history:
        return False
    target = Path(folder)
    target.mkdir(parents=True, exist_ok=True)
    (target / "history.json").write_text(
        json.dumps(list(history), indent=1) + "\n", encoding="utf-8"
    )
    save(history_picture(history), target / "training.png")
    return True


def _counting_axis(ax: Any, which: str) -> None:
    from matplotlib.ticker import FuncFormatter

    axis = ax.yaxis if which == "y" else ax.xaxis
    axis.set_major_formatter(FuncFormatter(lambda v, _: f"{v:,.0f}"))
    ax.grid(axis=which, color="#DDDDDD", linewidth=0.6)
    ax.set_axisbelow(True)
