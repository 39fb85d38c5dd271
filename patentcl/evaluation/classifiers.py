"""A report on one evaluation: metrics.json, metrics.md and pictures in a folder.

metrics.json, version 1. Numbers that are undefined are null; keys are never left out, and a table
that cannot be made (no tree, no scores, no training counts) is an empty list.

    format        "patentcl-metrics"
    version       1
    title         str
    data          {patents, labels, levels: [str],
                  threshold: number | "per label" | "decided elsewhere"}
    metrics       {name: {value, low, high, items, undefined, unit, resampled, higher_is_better}};
                  low and high are the ends of the 95 % bootstrap interval
    levels        [{level, labels, labels_in_truth, precision, recall, f1, f1_macro,
                  true_per_patent, predicted_per_patent, no_truth, no_prediction}]
    sections      [{section, title, patents, true, predicted, right, precision, recall, f1}]
    frequency     [{group, labels, train_from, train_to, true, predicted, right, precision,
                  recall, f1, f1_macro}]; labels of the deepest level
    labels        [{symbol, level, title, train, true, predicted, right, precision, recall, f1}]
    reliability   [{level, edges: [number], count: [int], mean_probability: [number],
                  share_true: [number], error}]
    pictures      [file name]

A later version adds keys and keeps these.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from patentcl.evaluation import pictures
from patentcl.metrics import breakdown
from patentcl.metrics.names import parse_names
from patentcl.metrics.probability import Reliability, reliability
from patentcl.metrics.result import Metrics, markdown_table, number
from patentcl.metrics.suite import EVERY, Evaluation

VERSION = 1


def default_names(work: Evaluation) -> list[str]:
    """The metrics of a report: those that its inputs allow.

    Parameters
    ----------
    work : Evaluation
    """
    names = [f"{m}:{a}" for m in ("precision", "recall", "f1") for a in ("micro", "macro_true")]
    if work.tree is not None:
        levels = work.tree.levels
        names = [
            f"hier_{m}:{a}"
            for a in ("micro", "macro", "samples")
            for m in ("precision", "recall", "f1")
        ]
        names += [f"f1:{a}@{level}" for level in levels for a in ("micro", "macro_true")]
        names += ["lca_f1", "violations", f"hops@{levels[-1]}", f"hops_sd@{levels[-1]}"]
        names += [f"no_prediction@{level}" for level in levels]
    names += ["subset_accuracy", "hamming_loss"]
    if work.scores is not None:
        names += [
            "average_precision:micro",
            "average_precision:macro",
            "lrap",
            "precision@1",
            "recall@5",
            "hit@3",
            "ndcg@10",
            "r_precision",
        ]
        if _are_probabilities(work):
            names += ["ece", "brier", "log_loss"]
            if work.tree is not None:
                names += [f"ece@{level}" for level in work.tree.levels]
    return names


def _are_probabilities(work: Evaluation) -> bool:
    return work.scores is not None and all(
        block.min() >= 0 and block.max() <= 1 for _, block in work.scores.blocks(unranked=0.0)
    )


def write_report(
    folder: str | Path,
    work: Evaluation,
    names: str | Iterable[str] | None = None,
    *,
    train_counts: Any = None,
    title: str = "Evaluation",
    seed: int = 0,
) -> Metrics:
    """Write metrics.json, metrics.md and pictures into a folder, which is made if need be.

    Parameters
    ----------
    folder : str or Path
    work : Evaluation
    names : str or iterable of str, optional
        `default_names` unless given.
    train_counts : array_like of int, shape (n_labels,), optional
        How often each label occurs in the training data; without it, the frequency picture counts
        occurrences in truth, and the head / middle / tail table is left out.
    title : str
    seed : int
        Of the bootstrap.

    Returns
    -------
    Metrics

    Examples
    --------
    >>> import tempfile
    >>> truth = np.eye(3)[np.arange(30) % 3]
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     result = write_report(folder, Evaluation(truth, truth * 0.8))
    ...     sorted(p.name for p in Path(folder).glob("metrics.*"))
    ['metrics.json', 'metrics.md']
    """
    target = Path(folder)
    target.mkdir(parents=True, exist_ok=True)
    chosen = default_names(work) if names is None else [n.text for n in parse_names(names)]
    metrics = work.metrics(chosen, seed)
    tables = _tables(work, train_counts)
    curves = _reliability(work)
    drawn = _draw(target, work, tables, curves, train_counts)
    facts = _facts(work)
    page = {
        "format": "patentcl-metrics",
        "version": VERSION,
        "title": title,
        "data": facts,
        "metrics": metrics.as_dict(),
        **{name: _records(frame) for name, frame in tables.items()},
        "reliability": [_curve_record(level, curve) for level, curve in curves.items()],
        "pictures": [name for name, _ in drawn],
    }
    (target / "metrics.json").write_text(
        json.dumps(page, indent=2, allow_nan=False) + "\n", encoding="utf-8"
    )
    (target / "metrics.md").write_text(
        _markdown(title, facts, metrics, tables, drawn), encoding="utf-8"
    )
    return metrics


# ---- the parts --------------------------------------------------------------------------------


def _facts(work: Evaluation) -> dict[str, Any]:
    if work.decided_elsewhere:
        threshold: Any = "decided elsewhere"
    else:
        limits = np.unique(np.asarray(work.threshold, dtype=float))
        threshold = float(limits[0]) if limits.size == 1 else "per label"
    return {
        "patents": work.truth.shape[0],
        "labels": work.truth.shape[1],
        "levels": list(work.tree.levels) if work.tree else [],
        "threshold": threshold,
    }


def _tables(work: Evaluation, train_counts: Any) -> dict[str, pd.DataFrame]:
    empty = pd.DataFrame()
    out = {"levels": empty, "sections": empty, "frequency": empty, "labels": empty}
    truth, predicted, tree = work.truth, work.predicted, work.tree
    if tree is not None:
        out["levels"] = breakdown.by_level(truth, predicted, tree)
        out["sections"] = breakdown.by_section(truth, predicted, tree)
        out["labels"] = breakdown.by_label(truth, predicted, tree, train_counts)
        if train_counts is None:
            out["labels"].insert(3, "train", None)
    if train_counts is not None:
        counts = work.counts(work.deepest)
        columns = work.columns(work.deepest)
        train = breakdown.as_counts(train_counts, truth.shape[1])
        out["frequency"] = breakdown.by_frequency(
            counts.truth, counts.predicted, train if columns is None else train[columns]
        )
    return out


def _reliability(work: Evaluation) -> dict[str, Reliability]:
    if work.scores is None or not _are_probabilities(work):
        return {}
    levels = work.tree.levels if work.tree is not None else (EVERY,)
    return {level: reliability(work.truth, work.scores, work.columns(level)) for level in levels}


def _json(value: Any) -> Any:
    if isinstance(value, (np.integer, np.bool_)):
        return value.item()
    if isinstance(value, (float, np.floating)):
        return float(value) if math.isfinite(value) else None
    return value


def _records(frame: pd.DataFrame) -> list[dict[str, Any]]:
    return [
        {key: _json(value) for key, value in row.items()} for row in frame.to_dict(orient="records")
    ]


def _curve_record(level: str, curve: Reliability) -> dict[str, Any]:
    return {
        "level": level,
        "edges": curve.edges.tolist(),
        "count": curve.count.tolist(),
        "mean_probability": [_json(v) for v in curve.mean_probability],
        "share_true": [_json(v) for v in curve.share_true],
        "error": curve.error,
    }


def _draw(
    target: Path,
    work: Evaluation,
    tables: dict[str, pd.DataFrame],
    curves: dict[str, Reliability],
    train_counts: Any,
) -> list[tuple[str, str]]:
    """Draw what can be drawn; returns file names with a caption each."""
    made: list[tuple[str, str]] = []

    def keep(figure: Any, name: str, caption: str) -> None:
        pictures.save(figure, target / name)
        made.append((name, caption))

    levels = work.tree.levels if work.tree is not None else (EVERY,)
    if work.tree is not None:
        keep(_level_picture(work), "f1_per_level.png", "F1 per level; whiskers are 95 % intervals")
        keep(
            pictures.section_bars(tables["sections"]),
            "sections.png",
            f"Precision, recall and F1 by section, labels of level {work.tree.levels[-1]}",
        )
    counts = work.counts(work.deepest)
    columns = work.columns(work.deepest)
    if train_counts is None:
        frequency, what = counts.label_true, "patents with the label (this data)"
    else:
        train = breakdown.as_counts(train_counts, work.truth.shape[1])
        frequency = train if columns is None else train[columns]
        what = "patents with the label in training"
    f1 = breakdown.MEASURES["f1"](counts.label_tp, counts.label_predicted, counts.label_true)
    keep(
        pictures.f1_by_frequency(frequency, f1, what),
        "f1_by_frequency.png",
        "F1 of each label against its frequency",
    )
    if work.scores is not None:
        keep(
            _curve_picture(work, levels),
            "precision_recall.png",
            "Precision against recall; the dot is the threshold in use",
        )
    if curves:
        keep(
            pictures.reliability_diagram(curves),
            "reliability.png",
            "Reliability of the probabilities",
        )
    keep(
        pictures.label_counts(
            {
                level: (work.counts(level).row_true, work.counts(level).row_predicted)
                for level in levels
            }
        ),
        "label_counts.png",
        "Labels per patent, true and predicted",
    )
    return made


def _level_picture(work: Evaluation) -> Any:
    assert work.tree is not None
    kinds = {"F1 micro": "f1:micro", "F1 macro (labels in truth)": "f1:macro_true"}
    levels = work.tree.levels
    found = work.metrics([f"{name}@{level}" for name in kinds.values() for level in levels])
    ends = found.intervals()
    return pictures.level_bars(
        levels,
        {label: [found[f"{name}@{level}"] for level in levels] for label, name in kinds.items()},
        {label: [ends[f"{name}@{level}"] for level in levels] for label, name in kinds.items()},
    )


def _curve_picture(work: Evaluation, levels: Iterable[str]) -> Any:
    names = {level: parse_names(f"average_precision:micro@{level}")[0] for level in levels}
    rates = {
        level: work.metrics([f"recall:micro@{level}", f"precision:micro@{level}"])
        for level in names
    }
    points = {
        level: (pair[f"recall:micro@{level}"], pair[f"precision:micro@{level}"])
        for level, pair in rates.items()
    }
    return pictures.precision_recall(
        {level: work.micro(name, level) for level, name in names.items()}, points
    )


def _markdown(
    title: str,
    facts: dict[str, Any],
    metrics: Metrics,
    tables: dict[str, pd.DataFrame],
    drawn: list[tuple[str, str]],
) -> str:
    threshold = facts["threshold"]
    parts = [
        f"# {title}",
        f"{facts['patents']:,} patents, {facts['labels']:,} labels; threshold "
        f"{threshold if isinstance(threshold, str) else number(threshold)}. Intervals are "
        "95 %, by bootstrap. Undefined items (nothing true and nothing predicted, or nothing "
        "relevant) are left out of means.",
        metrics.to_markdown(),
    ]
    heads = {"levels": "By level", "sections": "By section", "frequency": "By training frequency"}
    for key, head in heads.items():
        if len(tables[key]):
            parts += [f"## {head}", _frame_markdown(tables[key])]
    parts += [f"![{caption}]({name})\n\n{caption}." for name, caption in drawn]
    return "\n\n".join(parts) + "\n"


def _frame_markdown(frame: pd.DataFrame) -> str:
    shown = frame.loc[:, [not (c == "title" and not frame[c].any()) for c in frame.columns]]
    rows = [
        [
            number(v)
            if isinstance(v, float)
            else f"{v:,}"
            if isinstance(v, (int, np.integer))
            else str(v)
            for v in row
        ]
        for row in shown.itertuples(index=False)
    ]
    return markdown_table([c.replace("_", " ") for c in shown.columns], rows)
