"""An index on held-out citations: by vectors, by words and by both; inside a field and across."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from scipy import sparse

from patentcl.core import artifacts
from patentcl.data.corpus import Corpus
from patentcl.evaluation.retrieval import DEPTH, RetrievalTask, groups_of
from patentcl.metrics import Metrics, compare
from patentcl.search.ranking import MODES, Question, rank

if TYPE_CHECKING:
    from patentcl.search.index import PatentIndex

Runs = dict[str, sparse.csr_matrix]


def index_runs(index: PatentIndex, corpus: Corpus, queries: np.ndarray) -> Runs:
    """What each mode of search finds for some rows of the corpus, scored from the last place up."""
    rows = index.filters.positions(corpus.ids[queries].tolist())
    vectors, texts = index.nearest.vectors(rows), corpus.select(queries).texts
    asked = [
        Question(i, vectors[i : i + 1], [" ".join(text)], rows[i : i + 1])
        for i, text in enumerate(texts)
    ]
    column = pd.Index(corpus.ids).get_indexer(pd.Index(index.ids))
    out = {}
    for mode in MODES if index.words is not None else MODES[:1]:
        found = rank(index, asked, DEPTH, mode)
        found = found.assign(column=column[found["position"]])
        place = DEPTH - found.groupby("query").cumcount()
        known = found["column"] >= 0
        ends = (found["query"][known], found["column"][known])
        shape = (len(queries), len(corpus))
        out[mode] = sparse.csr_matrix((place[known].astype(np.float32), ends), shape=shape)
    return out


def by_domain(
    task: RetrievalTask, corpus: Corpus, runs: Runs
) -> Iterator[tuple[RetrievalTask, Runs]]:
    """The task as it is, and its pairs that share a class and that share none, each apart.

    What is right for the other of these two parts is left out of the lists of one.
    """
    yield task, runs
    member = groups_of(corpus, "class")
    relevant = task.relevant.astype(np.int32)
    inside = relevant.multiply((member[task.queries] @ member.T) > 0).tocsr()
    for name, part in (("in the same class", inside), ("in other classes", relevant - inside)):
        part.eliminate_zeros()
        some = np.flatnonzero(np.diff(part.indptr) > 0)
        other = (relevant - part)[some]
        kept = {k: run[some] - run[some].multiply(other > 0) for k, run in runs.items()}
        for run in kept.values():
            run.eliminate_zeros()
        if len(some):
            about = (f"{task.name} {name}", task.queries[some], part[some].astype(bool))
            yield RetrievalTask(*about), {k: sparse.csr_matrix(run) for k, run in kept.items()}


def differences(
    by: Mapping[str, Metrics], one: str = "hybrid", others: Sequence[str] = ("dense", "bm25")
) -> dict[str, dict[str, Any]]:
    """One system less each of some others, with paired intervals, by metric."""
    out = {}
    for other in others if one in by else ():
        rows = compare(by[other], by[one]).as_dict()
        out[f"{one} less {other}"] = {
            name: {"value": row["difference"], "low": row["low"], "high": row["high"]}
            for name, row in rows.items()
        }
    return out


def export_task(folder: Path, corpus: Corpus, task: RetrievalTask) -> None:
    """Write a task as BEIR and mteb read it: corpus.jsonl, queries.jsonl, qrels/test.tsv.

    Queries have the ids of their patents, which are in the corpus, too: leave equal ids out.
    """
    record = {"stage": "export", "task": task.name, "counts": {"queries": len(task.queries)}}
    with artifacts.writing(folder, record) as place:
        with (place / "corpus.jsonl").open("w", encoding="utf-8") as stream:
            for name, (title, abstract) in zip(corpus.ids, corpus.texts, strict=True):
                row = {"_id": name, "title": title, "text": abstract}
                stream.write(json.dumps(row, ensure_ascii=False) + "\n")
        asked = corpus.select(task.queries)
        with (place / "queries.jsonl").open("w", encoding="utf-8") as stream:
            for name, text in zip(asked.ids, asked.texts, strict=True):
                row = {"_id": name, "text": " ".join(text).strip()}
                stream.write(json.dumps(row, ensure_ascii=False) + "\n")
        (place / "qrels").mkdir()
        pairs = sparse.coo_matrix(task.relevant)
        table = pd.DataFrame(
            {"query-id": asked.ids[pairs.row], "corpus-id": corpus.ids[pairs.col], "score": 1}
        )
        table.to_csv(place / "qrels" / "test.tsv", sep="\t", index=False, lineterminator="\n")
