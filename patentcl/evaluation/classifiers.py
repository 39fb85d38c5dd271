"""Classifiers on a held-out split: figures beside guessing, and the full report on one of them.

A report is metrics.json, metrics.md and pictures, training curves, and in ``labels`` what
`patentcl.evaluation.labels` writes. metrics.json, version 1; numbers that are undefined are null,
keys are never left out, and a table that cannot be made (no tree, no scores, no training counts) is
an empty list:

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
                  share_true: [number], error, error_likely}]; the calibration error of all
                  decisions, and of those with a probability of .05 and more
    pictures      [file name]

A later version adds keys and keeps these.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from scipy import sparse

from patentcl.core.tables import number
from patentcl.cpc import LEVELS
from patentcl.data.corpus import Corpus
from patentcl.evaluation import pictures
from patentcl.evaluation.labels import write_label_report
from patentcl.evaluation.settings import ReportSettings
from patentcl.evaluation.tables import frame_table, plain, records, write_page
from patentcl.metrics import Metrics, breakdown, evaluate
from patentcl.metrics.names import parse_names
from patentcl.metrics.probability import Reliability, reliability
from patentcl.metrics.suite import EVERY, Evaluation

if TYPE_CHECKING:
    from patentcl.classification.estimator import PatentClassifier

VERSION = 1
LIKELY_BINS = 20
"""Bins of the calibration error among likely decisions: the first, below .05, is left out."""

# ---- figures --------------------------------------------------------------------------------


def usable_metrics(names: Sequence[str], levels: Sequence[str]) -> list[str]:
    """Leave out metrics of a level that the labels do not reach."""
    return [n for n in names if n.rpartition("@")[2] not in set(LEVELS) - set(levels)]


def evaluate_classifiers(
    corpus: Corpus,
    systems: Mapping[str, tuple[PatentClassifier, np.ndarray | None]],
    settings: ReportSettings,
    seed: int = 0,
    split: str = "test",
) -> dict[str, Metrics]:
    """Figures of classifiers on a held-out split, beside guessing.

    Systems are classifiers with the vectors (n_patents, d) of the whole corpus, or None where one
    reads texts. ``chance`` gives every patent the most frequent code of the train split and ranks
    labels by their frequency there; it is left out without a train split. Nothing is returned where
    no patent of the split has a code.
    """
    test, train = _labelled(corpus, split), _labelled(corpus, "train")
    if not test.size:
        return {}
    tree, truth = corpus.tree, corpus.labels[test]
    names = usable_metrics(settings.metrics, tree.levels)
    out = {}
    for name, (model, vectors) in systems.items():
        scores, predicted = _predictions(corpus, model, vectors, test)
        out[name] = evaluate(truth, scores, names, tree, predicted=predicted, seed=seed)
    if not train.size:
        return out
    share = np.asarray(corpus.labels[train].mean(axis=0), dtype=np.float32).ravel()
    guess = np.zeros(truth.shape[1], dtype=bool)
    guess[tree.path(int(np.argmax(np.where(tree.is_leaf, share, -1))))] = True
    out["chance"] = evaluate(
        truth,
        np.tile(share, (len(test), 1)),
        names,
        tree,
        predicted=sparse.csr_matrix(np.tile(guess, (len(test), 1))),
        seed=seed,
    )
    return out


def _labelled(corpus: Corpus, split: str) -> np.ndarray:
    return np.flatnonzero((corpus.split == split) & (np.diff(corpus.labels.indptr) > 0))


def _predictions(
    corpus: Corpus, model: PatentClassifier, vectors: np.ndarray | None, rows: np.ndarray
) -> tuple[np.ndarray, sparse.csr_matrix]:
    """Probabilities and labels at once: reading texts takes longer than all else."""
    X: Any = corpus.select(rows)
    if vectors is not None:
        X = np.asarray(vectors[rows], dtype=np.float32)
    parts = [(scores, sparse.csr_matrix(chosen)) for _, scores, chosen in model.decisions(X)]
    return (
        np.concatenate([scores for scores, _ in parts]),
        sparse.csr_matrix(sparse.vstack([chosen for _, chosen in parts])),
    )


# ---- the full report ------------------------------------------------------------------------


def classifier_report(
    corpus: Corpus,
    model: PatentClassifier,
    vectors: np.ndarray | None,
    folder: Path,
    split: str = "test",
    title: str = "Codes of held-out patents",
    seed: int = 0,
) -> bool:
    """Write the full report on a classifier, as described at the top of this module.

    `vectors` (n_patents, d) are of the whole corpus; None where the classifier reads texts. Returns
    False, and writes nothing, where no patent of the split has a code.
    """
    rows = _labelled(corpus, split)
    if not rows.size:
        return False
    scores, predicted = _predictions(corpus, model, vectors, rows)
    work = Evaluation(corpus.labels[rows], scores, tree=corpus.tree, predicted=predicted)
    train = np.asarray(corpus.labels[_labelled(corpus, "train")].sum(axis=0)).ravel()
    write_report(folder, work, train_counts=train, title=title, seed=seed, data=f"{split} split")
    if write_history(model.history_, folder):
        with (folder / "metrics.md").open("a", encoding="utf-8") as page:
            page.write(
                "\n![Training](training.png)\n\nLoss, F1 by level and hierarchical F1 on "
                "dev after each epoch.\n"
            )
    write_label_report(corpus, folder / "labels")
    return True


def write_history(history: Sequence[Mapping[str, Any]], folder: str | Path) -> bool:
    """Write history.json and training.png; False, and nothing, where nothing was trained."""
    if not history:
        return False
    target = Path(folder)
    target.mkdir(parents=True, exist_ok=True)
    text = json.dumps(list(history), indent=1)
    (target / "history.json").write_text(text + "\n", encoding="utf-8")
    pictures.Album(target).add(pictures.training_curves(history), "training.png", "Training")
    return True


def default_names(work: Evaluation) -> list[str]:
    """The metrics of a report: those that its inputs allow."""
    names = [f"{m}:{a}" for m in ("precision", "recall", "f1") for a in ("micro", "macro_true")]
    levels = () if work.tree is None else work.tree.levels
    if levels:
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
        names += ["average_precision:micro", "average_precision:macro", "lrap", "precision@1"]
        names += ["recall@5", "hit@3", "ndcg@10", "r_precision"]
    if _are_probabilities(work):
        names += ["ece", "brier", "log_loss", *(f"ece@{level}" for level in levels)]
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
    data: str = "",
) -> Metrics:
    """Write metrics.json, metrics.md and pictures into a folder, which is made if need be.

    `names` are `default_names` unless given. `train_counts`, int (n_labels,), says how often each
    label occurs in training; without it the frequency picture counts occurrences in truth, and the
    table of frequent and rare labels is left out. `seed` is that of the bootstrap; `data` says in
    the pictures' titles what was evaluated.

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
    counts = work.counts(work.deepest)
    if train_counts is not None:
        columns = work.columns(work.deepest)
        train_counts = breakdown.as_counts(train_counts, work.truth.shape[1])
        deepest = train_counts if columns is None else train_counts[columns]
    tables = _tables(work, train_counts)
    tables["frequency"] = pd.DataFrame()
    frequency, what = counts.label_true, "patents with the label (this data)"
    if train_counts is not None:
        tables["frequency"] = breakdown.by_frequency(counts.truth, counts.predicted, deepest)
        frequency, what = deepest, "patents with the label in training"
    curves, likely = _reliability(work)
    drawn = pictures.Album(target)
    _draw_rates(drawn, work, tables["sections"], data)
    f1 = breakdown.MEASURES["f1"](counts.label_tp, counts.label_predicted, counts.label_true)
    noun = work.deepest if work.tree is not None else "label"
    drawn.add(
        pictures.f1_by_frequency(frequency, f1, what, _title(f"F1 of each {noun}", data)),
        "f1_by_frequency.png",
        "F1 of each label against its frequency",
    )
    _draw_scores(drawn, work, curves, likely, data)
    facts = _facts(work)
    page = {
        "format": "patentcl-metrics",
        "version": VERSION,
        "title": title,
        "data": facts,
        "metrics": metrics.as_dict(),
        **{name: records(tables[name]) for name in ("levels", "sections", "frequency", "labels")},
        "reliability": [
            {
                "level": level,
                "edges": curve.edges.tolist(),
                "count": curve.count.tolist(),
                "mean_probability": [plain(v) for v in curve.mean_probability],
                "share_true": [plain(v) for v in curve.share_true],
                "error": curve.error,
                "error_likely": plain(likely[level]),
            }
            for level, curve in curves.items()
        ],
        "pictures": drawn.names,
    }
    write_page(target, "metrics", page, _markdown(title, facts, metrics, tables, drawn))
    return metrics


def _title(what: str, data: str) -> str:
    return f"{what}, {data}" if data else what


def _facts(work: Evaluation) -> dict[str, Any]:
    limits = np.unique(np.asarray(work.threshold, dtype=float))
    threshold: Any = float(limits[0]) if limits.size == 1 else "per label"
    return {
        "patents": work.truth.shape[0],
        "labels": work.truth.shape[1],
        "levels": list(work.tree.levels) if work.tree else [],
        "threshold": "decided elsewhere" if work.decided_elsewhere else threshold,
    }


def _tables(work: Evaluation, train_counts: Any) -> dict[str, pd.DataFrame]:
    truth, predicted, tree = work.truth, work.predicted, work.tree
    if tree is None:
        return {name: pd.DataFrame() for name in ("levels", "sections", "labels")}
    labels = breakdown.by_label(truth, predicted, tree, train_counts)
    if train_counts is None:
        labels.insert(3, "train", None)
    return {
        "levels": breakdown.by_level(truth, predicted, tree),
        "sections": breakdown.by_section(truth, predicted, tree),
        "labels": labels,
    }


def _levels(work: Evaluation) -> Sequence[str]:
    return work.tree.levels if work.tree is not None else (EVERY,)


def _reliability(work: Evaluation) -> tuple[dict[str, Reliability], dict[str, float]]:
    """Curves by level, and the calibration error of decisions of .05 and more."""
    if work.scores is None or not _are_probabilities(work):
        return {}, {}
    curves, likely = {}, {}
    for level in _levels(work):
        columns = work.columns(level)
        curves[level] = reliability(work.truth, work.scores, columns)
        fine = reliability(work.truth, work.scores, columns, bins=LIKELY_BINS)
        used = (fine.count > 0) & (fine.edges[:-1] > 0)
        gap = np.abs(fine.mean_probability - fine.share_true)[used]
        weight = fine.count[used]
        likely[level] = float((gap * weight).sum() / weight.sum()) if used.any() else float("nan")
    return curves, likely


def _draw_rates(drawn: pictures.Album, work: Evaluation, sections: pd.DataFrame, data: str) -> None:
    if work.tree is None:
        return
    kinds = {"F1 micro": "f1:micro", "F1 macro (labels in truth)": "f1:macro_true"}
    levels = work.tree.levels
    found = work.metrics([f"{name}@{level}" for name in kinds.values() for level in levels])
    ends = found.intervals()
    figure = pictures.level_bars(
        levels,
        {label: [found[f"{name}@{level}"] for level in levels] for label, name in kinds.items()},
        {label: [ends[f"{name}@{level}"] for level in levels] for label, name in kinds.items()},
        _title("F1 by level", data),
    )
    drawn.add(figure, "f1_per_level.png", "F1 per level; whiskers are 95 % intervals")
    drawn.add(
        pictures.section_bars(sections, _title(f"{levels[-1].capitalize()} by section", data)),
        "sections.png",
        f"Precision, recall and F1 by section, labels of level {levels[-1]}",
    )


def _draw_scores(
    drawn: pictures.Album,
    work: Evaluation,
    curves: Mapping[str, Reliability],
    likely: Mapping[str, float],
    data: str,
) -> None:
    """Precision against recall, reliability, and numbers of labels."""
    levels = _levels(work)
    if work.scores is not None:
        lines, points = {}, {}
        for level in levels:
            name = parse_names(f"average_precision:micro@{level}")[0]
            pair = work.metrics([f"recall:micro@{level}", f"precision:micro@{level}"])
            lines[level] = work.micro(name, level)
            points[level] = (pair[f"recall:micro@{level}"], pair[f"precision:micro@{level}"])
        drawn.add(
            pictures.precision_recall(lines, points, _title("Precision and recall", data)),
            "precision_recall.png",
            "Precision against recall; the dot is the threshold in use",
        )
    if curves:
        drawn.add(
            pictures.reliability_diagram(
                curves, likely, _title("Reliability of the probabilities", data)
            ),
            "reliability.png",
            "Reliability of the probabilities",
        )
    counts = {
        level: (work.counts(level).row_true, work.counts(level).row_predicted) for level in levels
    }
    drawn.add(
        pictures.labels_per_patent(counts, title=_title("Labels of a patent", data)),
        "label_counts.png",
        "Labels per patent, true and predicted",
    )


def _markdown(
    title: str,
    facts: Mapping[str, Any],
    metrics: Metrics,
    tables: Mapping[str, pd.DataFrame],
    drawn: pictures.Album,
) -> list[str]:
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
            parts += [f"## {head}", frame_table(tables[key])]
    return [*parts, *drawn.markdown()]
