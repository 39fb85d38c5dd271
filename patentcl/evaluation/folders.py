"""Evaluates one folder that a stage wrote: a classifier, an encoder or an index."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from scipy import sparse

from patentcl.core import artifacts
from patentcl.core.errors import ConfigError, DataError, choose
from patentcl.core.progress import Progress
from patentcl.data.corpus import SPLITS, Corpus
from patentcl.evaluation.classifiers import classifier_report, evaluate_classifiers
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
from patentcl.workspace import Run, folders

Result = dict[str, dict[str, dict[str, Any]]]
"""task -> system -> metric -> value and interval."""
KINDS = {"fit": "classifier", "train": "encoder", "encoder": "encoder", "index": "index"}


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
) -> tuple[str, Result]:
    """Evaluate what a folder holds on a held-out split, beside chance; returns its kind, too.

    The folder's manifest says what it is. `vectors` are by default those beside it that were made
    with the same encoder; an encoder without any encodes the corpus. `metrics` are by default those
    of a run's report.
    """
    choose(split, SPLITS, "split")
    kind = kind_of(folder)
    settings = ReportSettings()
    if kind == "classifier":
        run, X = _opened_classifier(folder, corpus, vectors)
        chosen = ReportSettings(metrics=tuple(metrics)) if metrics else settings
        found = evaluate_classifiers(run.corpus, {kind: (run.classifier, X)}, chosen, split=split)
        if not found:
            raise DataError(f"no patent of the {split} split has a code", where=corpus)
        return kind, {"codes": {k: m.as_dict() for k, m in found.items()}}
    if export is not None and kind != "index":
        raise ConfigError("a task is exported with an index only", got=folder)
    patents = folders.open_corpus(corpus)
    tasks = retrieval_tasks(patents, settings.queries, split=split)
    main_task(tasks, split)  # complains where there is none
    chosen_metrics = metrics or settings.retrieval
    if kind == "index":
        return kind, _evaluate_index(folder, patents, tasks, chosen_metrics, export)
    find = _encoder_run(folder, patents, vectors, progress)
    result: Result = {}
    for task in tasks:
        runs = {kind: find(task.queries), "chance": chance_run(len(patents), task.queries)}
        by = evaluate_retrieval(task, runs, chosen_metrics)
        result[task.name] = {k: m.as_dict() for k, m in by.items()}
    return kind, result


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


Find = Callable[[np.ndarray], sparse.csr_matrix]


def _encoder_run(
    folder: Path, patents: Corpus, vectors: Path | None, progress: Progress | None
) -> Find:
    from patentcl.encoders.encoder import PatentEncoder

    place = vectors or folders.vectors_beside(folder)
    if place is None:
        X = PatentEncoder.load(folder).encode(patents, progress=progress)
    else:
        made_with = folders.manifest_of(folder).get("encoder")
        X = folders.aligned_vectors(place, patents, made_with)
    return lambda queries: dense_run(X, queries)
