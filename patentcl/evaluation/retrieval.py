"""Held-out tasks that a run judges itself by: retrieval of citations and of like patents, codes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy import sparse

from patentcl.core.errors import ConfigError, DataError
from patentcl.cpc import truncate_symbol
from patentcl.data.corpus import Corpus
from patentcl.metrics import Metrics, evaluate_ranking
from patentcl.search.bm25 import BM25
from patentcl.search.index import unit_rows

ENOUGH = 30
"""Queries that a task needs before a run is judged by it."""


@dataclass(frozen=True, eq=False)
class RetrievalTask:
    """Queries from the test split, and what they should find among all patents.

    Attributes
    ----------
    name : str
    queries : ndarray of int, shape (n_queries,)
        Rows of the corpus.
    relevant : csr_matrix of bool, shape (n_queries, n_patents)
    """

    name: str
    queries: np.ndarray
    relevant: sparse.csr_matrix


def retrieval_tasks(
    corpus: Corpus, most: int = 2000, seed: int = 0, split: str = "test"
) -> list[RetrievalTask]:
    """Make the tasks that a corpus allows.

    ``citations``: find what a held-out patent cites and what cites it. ``same group``: find the
    patents that share a main group with it. A query is never its own answer.

    Parameters
    ----------
    corpus : Corpus
    most : int
        Queries per task; a seeded sample where there are more.
    seed : int
    split : str
        Whose patents ask.

    Returns
    -------
    list of RetrievalTask
        Those with at least one query.
    """
    held_out = np.flatnonzero(corpus.split == split)
    pairs = {"citations": _citation_pairs(corpus), "same group": None}
    tasks = []
    for name, matrix in pairs.items():
        relevant = matrix[held_out] if matrix is not None else _same_group(corpus, held_out)
        relevant = _without(sparse.csr_matrix(relevant), held_out)
        asked = np.flatnonzero(np.diff(relevant.indptr) > 0)
        if len(asked) > most:
            asked = np.sort(np.random.default_rng(seed).choice(asked, most, replace=False))
        if len(asked):
            tasks.append(RetrievalTask(name, held_out[asked], relevant[asked].astype(bool)))
    return tasks


def _without(matrix: sparse.csr_matrix, own: np.ndarray) -> sparse.csr_matrix:
    """The same rows without the entry of column ``own[i]`` in row i."""
    entries = matrix.tocoo()
    keep = entries.col != own[entries.row]
    return sparse.csr_matrix(
        (entries.data[keep], (entries.row[keep], entries.col[keep])), shape=matrix.shape
    )


def _citation_pairs(corpus: Corpus) -> sparse.csr_matrix:
    """Symmetric bool CSR (n, n) of citations inside the corpus."""
    cited = corpus.citations
    n = len(corpus)
    counts = np.array([len(c) for c in cited])
    flat = [c for row in cited for c in row]
    column = (
        pd.Index(corpus.ids).get_indexer(pd.Index(flat, dtype=object))
        if flat
        else np.empty(0, dtype=np.int64)
    )
    row = np.repeat(np.arange(n), counts)
    inside = column >= 0
    ones = np.ones(int(inside.sum()), dtype=bool)
    half = sparse.csr_matrix((ones, (row[inside], column[inside])), shape=(n, n))
    return sparse.csr_matrix(half + half.T)


def _same_group(corpus: Corpus, test: np.ndarray) -> sparse.csr_matrix:
    groups: dict[str, int] = {}
    rows, columns = [], []
    for i, codes in enumerate(corpus.codes):
        for group in {truncate_symbol(c, "group") for c in codes} - {None}:
            rows.append(i)
            columns.append(groups.setdefault(str(group), len(groups)))
    member = sparse.csr_matrix(
        (np.ones(len(rows), dtype=np.int32), (rows, columns)),
        shape=(len(corpus), max(1, len(groups))),
    )
    return sparse.csr_matrix((member[test] @ member.T).astype(bool))


def dense_run(
    vectors: np.ndarray, queries: np.ndarray, k: int = 100, block: int = 256
) -> sparse.csr_matrix:
    """Exact cosine search of some rows among all, without the row itself.

    Parameters
    ----------
    vectors : ndarray of float, shape (n, d)
    queries : ndarray of int, shape (n_queries,)
        Rows.
    k : int
    block : int
        Queries at a time, which bounds the memory used.

    Returns
    -------
    csr_matrix of float32, shape (n_queries, n)
        The k nearest, scored by similarity.
    """
    unit = unit_rows(vectors)
    n, k = len(unit), _at_most(k, len(unit) - 1)
    columns = np.empty((len(queries), k), dtype=np.int64)
    scores = np.empty((len(queries), k), dtype=np.float32)
    for start in range(0, len(queries), block):
        own = queries[start : start + block]
        similarity = unit[own] @ unit.T
        similarity[np.arange(len(own)), own] = -np.inf
        best = np.argpartition(-similarity, k - 1, axis=1)[:, :k]
        columns[start : start + block] = best
        scores[start : start + block] = np.take_along_axis(similarity, best, axis=1)
    return _stored(columns, scores, n)


def chance_run(n: int, queries: np.ndarray, k: int = 100, seed: int = 0) -> sparse.csr_matrix:
    """A run that picks k other patents at random, in random order.

    Returns
    -------
    csr_matrix of float32, shape (n_queries, n)
        Scored k, k - 1, ... 1.
    """
    rng = np.random.default_rng(seed)
    k = _at_most(k, n - 1)
    columns = np.empty((len(queries), k), dtype=np.int64)
    for i, own in enumerate(queries):
        drawn = rng.choice(n - 1, k, replace=False)
        columns[i] = drawn + (drawn >= own)
    scores = np.broadcast_to(np.arange(k, 0, -1, dtype=np.float32), columns.shape)
    return _stored(columns, scores, n)


def bm25_run(texts: Sequence[str], queries: np.ndarray, k: int = 100) -> sparse.csr_matrix:
    """BM25 with the whole text as query, without the patent itself."""
    return BM25(texts).search([texts[i] for i in queries], k, without=queries)


def _at_most(k: int, others: int) -> int:
    if k < 1:
        raise ConfigError("k must be at least 1", got=k)
    return min(k, others)


def _stored(columns: np.ndarray, scores: np.ndarray, n: int) -> sparse.csr_matrix:
    rows, k = columns.shape
    run = sparse.csr_matrix(
        (np.array(scores).ravel(), columns.ravel(), np.arange(rows + 1) * k), shape=(rows, n)
    )
    run.sort_indices()
    return run


def judge_retrieval(
    task: RetrievalTask, runs: dict[str, sparse.csr_matrix], names: Sequence[str], seed: int = 0
) -> dict[str, Metrics]:
    """Evaluate several runs on one task."""
    return {
        system: evaluate_ranking(task.relevant, run, names, seed) for system, run in runs.items()
    }


def main_task(tasks: Sequence[RetrievalTask]) -> RetrievalTask:
    """The task a run is judged by: the first with enough queries, else the one with most."""
    if not tasks:
        raise DataError(
            "nothing can be looked up: no patent of the split has a citation or a "
            "group in common with another"
        )
    return next(
        (t for t in tasks if len(t.queries) >= ENOUGH), max(tasks, key=lambda t: len(t.queries))
    )
