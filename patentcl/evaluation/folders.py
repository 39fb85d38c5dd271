"""Judges one folder that a stage wrote: a classifier, an encoder or an index."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from scipy import sparse

from patentcl.core import artifacts
from patentcl.core.errors import ConfigError, DataError, did_you_mean
from patentcl.data.corpus import SPLITS, Corpus
from patentcl.evaluation.retrieval import chance_run, dense_run, judge_retrieval, retrieval_tasks
from patentcl.evaluation.settings import ReportSettings
from patentcl.search.index import PatentIndex
from patentcl.workspace import folders

if TYPE_CHECKING:
    from patentcl.classification.estimator import PatentClassifier

Result = dict[str, dict[str, dict[str, Any]]]


def judge_folder(
    folder: Path,
    corpus: Path,
    vectors: Path | None = None,
    split: str = "test",
    metrics: Sequence[str] = (),
    progress: Callable[[int, int], None] | None = None,
) -> tuple[str, Result]:
    """Judge what a folder holds on a held-out split, beside chance.

    Parameters
    ----------
    folder : Path
        As written by the stages train, fit or index; its manifest says which.
    corpus : Path
        Folder of the corpus.
    vectors : Path, optional
        Folder of the vectors; by default the one beside that was made with the same encoder. An
        encoder without any encodes the corpus.
    split : {"test", "dev", "train"}
    metrics : sequence of str
        Names; those of a run's report by default.
    progress : callable, optional

    Returns
    -------
    tuple of (title, {task: {system: {metric: values}}})
    """
    if split not in SPLITS:
        raise ConfigError("unknown split", got=split, fix=did_you_mean(split, SPLITS))
    kind = artifacts.require(folder, "classifier, encoder or index", "run RECIPE").get("stage", "")
    judges = {"fit": _classifier, "train": _encoder, "index": _index}
    judge = judges.get(str(kind).removesuffix("-base"))
    if judge is None:
        raise DataError(
            "nothing to judge in the folder",
            where=folder,
            got=f"the stage {kind!r}",
            wanted="a classifier, an encoder or an index",
        )
    return judge(folder, corpus, vectors, split, metrics, progress)


def report_folder(
    folder: Path, to: Path, corpus: Path, vectors: Path | None = None, split: str = "test"
) -> None:
    """Write the full report on a classifier into a folder: metrics, tables, pictures.

    Parameters
    ----------
    folder : Path
        The classifier.
    to : Path
    corpus, vectors, split
        As for `judge_folder`.
    """
    from patentcl.evaluation.report import classifier_report

    stage = artifacts.require(folder, "classifier", "fit VECTORS").get("stage")
    if stage not in ("fit", "fit-base"):
        raise ConfigError("a report is made of a classifier only", got=folder)
    model, patents, X = _open_classifier(folder, corpus, vectors)
    record = {
        "stage": "report",
        "settings": {"split": split},
        "inputs": {"classifier": str(folder)},
    }
    with artifacts.writing(to, record) as place:
        if not classifier_report(patents, model, X, place, split, f"{folder}, {split} split"):
            raise DataError(f"no patent of the {split} split has a code", where=corpus)


def _open_classifier(
    folder: Path, corpus: Path, vectors: Path | None
) -> tuple[PatentClassifier, Corpus, np.ndarray | None]:
    """A classifier, the corpus it was fitted on, and its vectors; none if it reads texts."""
    from patentcl.classification.estimator import PatentClassifier

    model = PatentClassifier.load(folder)
    patents = folders.open_corpus(corpus, model.tree_.levels[-1])
    if patents.tree != model.tree_:
        raise DataError(
            "the classifier was fitted on another corpus",
            where=folder,
            got=f"{len(model.tree_)} labels",
            wanted=f"the {len(patents.tree)} labels of {corpus}",
        )
    if model.reads_texts:
        return model, patents, None
    place = vectors or folders.vectors_beside(folder)
    if place is None:
        raise DataError(
            "no vectors of the same encoder beside it", where=folder, fix="Name them with --vectors"
        )
    return model, patents, folders.aligned_vectors(place, patents, _encoder_of(folder))


def _encoder_of(folder: Path) -> str | None:
    return folders.manifest_of(folder).get("encoder")


def _classifier(
    folder: Path,
    corpus: Path,
    vectors: Path | None,
    split: str,
    metrics: Sequence[str],
    progress: Any,
) -> tuple[str, Result]:
    from patentcl.evaluation.report import judge_classifiers

    model, patents, X = _open_classifier(folder, corpus, vectors)
    settings = ReportSettings(metrics=tuple(metrics)) if metrics else ReportSettings()
    result = judge_classifiers(patents, {"classifier": (model, X)}, settings, split=split)
    if not result:
        raise DataError(f"no patent of the {split} split has a code", where=corpus)
    return "classifier", {"codes": {k: m.as_dict() for k, m in result.items()}}


def _encoder(
    folder: Path,
    corpus: Path,
    vectors: Path | None,
    split: str,
    metrics: Sequence[str],
    progress: Any,
) -> tuple[str, Result]:
    from patentcl.encoders.encoder import PatentEncoder

    patents = folders.open_corpus(corpus)
    place = vectors or folders.vectors_beside(folder)
    X = (
        folders.aligned_vectors(place, patents, _encoder_of(folder))
        if place
        else PatentEncoder.load(folder).encode(patents, progress=progress)
    )
    return "encoder", _retrieval(patents, "encoder", lambda q: dense_run(X, q), split, metrics)


def _index(
    folder: Path,
    corpus: Path,
    vectors: Path | None,
    split: str,
    metrics: Sequence[str],
    progress: Any,
) -> tuple[str, Result]:
    built = PatentIndex.load(folder)
    patents = folders.open_corpus(corpus)
    row_of = pd.Index(patents.ids)

    def run(queries: np.ndarray) -> sparse.csr_matrix:
        found = built.similar_to(patents.ids[queries], 100)
        columns = row_of.get_indexer(pd.Index(found["id"]))
        kept = columns >= 0
        return sparse.csr_matrix(
            (
                found["similarity"].to_numpy()[kept],
                (found["query"].to_numpy()[kept], columns[kept]),
            ),
            shape=(len(queries), len(patents)),
        )

    return "index", _retrieval(patents, "index", run, split, metrics)


def _retrieval(
    patents: Corpus,
    name: str,
    run: Callable[[np.ndarray], sparse.csr_matrix],
    split: str,
    metrics: Sequence[str],
) -> Result:
    settings = ReportSettings()
    tasks = retrieval_tasks(patents, settings.queries, split=split)
    if not tasks:
        raise DataError(
            f"nothing can be looked up: no patent of the {split} split has a citation "
            "or a group in common with another"
        )
    return {
        task.name: {
            k: m.as_dict()
            for k, m in judge_retrieval(
                task,
                {name: run(task.queries), "chance": chance_run(len(patents), task.queries)},
                metrics or settings.retrieval,
            ).items()
        }
        for task in tasks
    }
