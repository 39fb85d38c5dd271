"""Evaluates one folder that a stage wrote: a classifier, an encoder or an index."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from patentcl.classification.estimator import PatentClassifier
from patentcl.core import artifacts
from patentcl.core.errors import ConfigError, DataError, TooFew, choose
from patentcl.core.progress import Progress
from patentcl.data.corpus import SPLITS, Corpus
from patentcl.data.splits import labelled_splits
from patentcl.encoders.checks import same_encoder
from patentcl.evaluation.classifiers import classifier_report, evaluate_classifiers
from patentcl.evaluation.report import neighbour_figures
from patentcl.evaluation.retrieval import (
    RetrievalTask,
    chance_run,
    dense_run,
    evaluate_retrieval,
    main_task,
    retrieval_tasks,
)
from patentcl.evaluation.search import by_domain, differences, export_task, index_runs
from patentcl.evaluation.settings import ReportSettings
from patentcl.metrics import Metrics
from patentcl.workspace import Run, folders

Result = dict[str, dict[str, dict[str, Any]]]
"""task -> system -> metric -> value and interval."""
_VOTE = ("hier_f1:micro", "hier_f1:macro", "average_precision:micro", "precision@1", "recall@5")
KINDS = {
    "fit": "classifier",
    "train": "encoder",
    "distill": "encoder",
    "encoder": "encoder",
    "index": "index",
}


def kind_of(folder: Path) -> str:
    """Whether a folder holds a classifier, an encoder or an index; others are refused."""
    stage = artifacts.require(folder, "classifier, encoder or index", "run RECIPE").get("stage", "")
    kind = KINDS.get(str(stage).removesuffix("-base"))
    if kind is None:
        raise DataError(
            "nothing to evaluate in the folder",
            where=folder,
            got=f"the stage {stage!r}",
            wanted="a classifier, an encoder or an index",
        )
    return kind


def evaluate_folder(
    folder: Path,
    corpus: Path,
    vectors: Path | None = None,
    split: str = "test",
    metrics: Sequence[str] = (),
    progress: Progress | None = None,
    export: Path | None = None,
    against: str | None = None,
) -> tuple[str, Result]:
    """Evaluate what a folder holds on a held-out split, beside chance; returns its kind, too.

    The folder's manifest says what it is. `vectors` are by default those beside it that were made
    with the same encoder; an encoder without any encodes the corpus. `metrics` are by default those
    of a run's report. A classifier or an encoder is compared with what `against` names: the folder
    of another, or an encoder's name.
    """
    choose(split, SPLITS, "split")
    kind = kind_of(folder)
    settings = ReportSettings()
    if kind == "classifier":
        run, X = _opened_classifier(folder, corpus, vectors)
        systems = {kind: (run.classifier, X)}
        if against is not None:
            other, Y = _opened_classifier(Path(against), corpus, None)
            systems[against] = (other.classifier, Y)
        chosen = ReportSettings(metrics=tuple(metrics)) if metrics else settings
        found = evaluate_classifiers(run.corpus, systems, chosen, split=split)
        if not found:
            raise DataError(f"no patent of the {split} split has a code", where=corpus)
        return kind, {"codes": _shown(found, against)}
    if against is not None and kind == "index":
        raise ConfigError("an index is not compared with another", got=against)
    if export is not None and kind != "index":
        raise ConfigError("a task is exported with an index only", got=folder)
    patents = folders.open_corpus(corpus)
    tasks = retrieval_tasks(patents, settings.queries, split=split)
    main_task(tasks, split)  # complains where there is none
    chosen_metrics = metrics or settings.retrieval
    if kind == "index":
        return kind, _evaluate_index(folder, patents, tasks, chosen_metrics, export)
    every = {kind: _vectors_of(str(folder), corpus, patents, vectors, progress)}
    if against is not None:
        every[against] = _vectors_of(against, corpus, patents, None, progress)
    result: Result = {}
    for task in tasks:
        runs = {name: dense_run(X, task.queries) for name, X in every.items()}
        runs["chance"] = chance_run(len(patents), task.queries)
        for part, kept in (
            by_domain(task, patents, runs) if task.name == "citations" else [(task, runs)]
        ):
            result[part.name] = _shown(evaluate_retrieval(part, kept, chosen_metrics), against)
    for use, by in () if metrics else encoder_uses(patents, every, split):
        result[use] = _shown(by, against)
    return kind, result


def encoder_uses(
    patents: Corpus, vectors: Mapping[str, np.ndarray], split: str
) -> Iterator[tuple[str, dict[str, Metrics]]]:
    """What encoders are worth beside search, by the vectors (n, d) that each gives the patents.

    Codes by the vote of the nearest training patents, where there are any with codes, and how many
    of a patent's nearest share its code.
    """
    rows: dict[str, np.ndarray] = {}
    with contextlib.suppress(TooFew):
        rows = labelled_splits(patents) if any(patents.codes) else {}
    if len(rows.get(split, ())):
        systems = {}
        for name, X in vectors.items():
            train, dev = (np.asarray(X[rows[k]], np.float32) for k in ("train", "dev"))
            model = PatentClassifier(head="knn", verbose=0)
            known = (dev, patents.labels[rows["dev"]])
            model.fit(train, patents.labels[rows["train"]], patents.tree, known)
            systems[name] = (model, X)
        chosen = ReportSettings(metrics=_VOTE)
        yield (
            "codes by the vote of the nearest",
            evaluate_classifiers(patents, systems, chosen, split=split),
        )
    if by := neighbour_figures(patents, vectors, split):
        yield "neighbours", by


def _shown(by: Mapping[str, Metrics], against: str | None) -> dict[str, Any]:
    """Figures of systems, and how the first differs from the one that it is compared with."""
    first, others = next(iter(by)), [] if against is None else [against]
    return {k: m.as_dict() for k, m in by.items()} | differences(by, first, others)


def _evaluate_index(
    folder: Path,
    patents: Corpus,
    tasks: list[RetrievalTask],
    metrics: Sequence[str],
    export: Path | None,
) -> Result:
    """Every mode of search, and hybrid less its sides; citations also inside a class and across."""
    index, result = Run(folder.parent, index=folder).index, {}
    for task in tasks:
        runs = index_runs(index, patents, task.queries)
        runs["chance"] = chance_run(len(patents), task.queries)
        cited = task.name == "citations"
        if cited and export is not None:
            export_task(export, patents, task)
        for part, kept in by_domain(task, patents, runs) if cited else [(task, runs)]:
            by = evaluate_retrieval(part, kept, metrics)
            result[part.name] = {k: m.as_dict() for k, m in by.items()} | differences(by)
    if export is not None and "citations" not in result:
        raise DataError("no held-out patent cites another, so there is nothing to export")
    return result


def report_folder(
    folder: Path, to: Path, corpus: Path, vectors: Path | None = None, split: str = "test"
) -> None:
    """Write the full report on a classifier into the folder `to`: metrics, tables, pictures."""
    if kind_of(folder) != "classifier":
        raise ConfigError("a report is made of a classifier only", got=folder)
    run, X = _opened_classifier(folder, corpus, vectors)
    record = {
        "stage": "report",
        "settings": {"split": split},
        "inputs": {"classifier": str(folder)},
    }
    title = f"{folder}, {split} split"
    with artifacts.writing(to, record) as place:
        if not classifier_report(run.corpus, run.classifier, X, place, split, title):
            raise DataError(f"no patent of the {split} split has a code", where=corpus)


def _opened_classifier(
    folder: Path, corpus: Path, vectors: Path | None
) -> tuple[Run, np.ndarray | None]:
    """A classifier with the corpus it was fitted on, and its vectors; none if it reads texts."""
    run = Run(corpus, classifier=folder)
    if run.corpus.tree != run.classifier.tree_:
        raise DataError(
            "the classifier was fitted on another corpus",
            where=folder,
            got=f"{len(run.classifier.tree_)} labels",
            wanted=f"the {len(run.corpus.tree)} labels of {corpus}",
        )
    if run.classifier.reads_texts:
        return run, None
    place = vectors or folders.vectors_beside(folder)
    if place is None:
        raise DataError(
            "no vectors of the same encoder beside it", where=folder, fix="Name them with --vectors"
        )
    made_with = folders.manifest_of(folder).get("encoder")
    return run, folders.aligned_vectors(place, run.corpus, made_with)


def _vectors_of(
    model: str, folder: Path, patents: Corpus, given: Path | None, progress: Progress | None
) -> np.ndarray:
    """The vectors (n, d) of a corpus by an encoder: those given, or there already, or new ones."""
    from patentcl.encoders.encoder import PatentEncoder

    place = given or folders.vectors_beside(Path(model))
    if place is not None:
        made_with = folders.manifest_of(Path(model)).get("encoder")
        return folders.aligned_vectors(place, patents, made_with)
    for place in sorted(folder.glob("vectors*")):
        made = folders.manifest_of(place)
        encoder = PatentEncoder.load(model, made.get("max_length"))
        if same_encoder(made.get("encoder"), encoder.fingerprint):
            return folders.aligned_vectors(place, patents)
    return PatentEncoder.load(model).encode(patents, progress=progress)
