"""Retrieval of held-out patents: what they cite and whom they share a group with, and baselines."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from scipy import sparse

from patentcl.core.arrays import as_csr, nearest, unit_rows
from patentcl.core.errors import ConfigError, DataError
from patentcl.cpc import truncate_symbol
from patentcl.data.corpus import Corpus
from patentcl.metrics import Metrics, evaluate_ranking
from patentcl.metrics.ranking import ndcg_at
from patentcl.metrics.retrieval import retrieval_ranks
from patentcl.search.bm25 import BM25
from patentcl.search.ranking import Question, candidates, fused

if TYPE_CHECKING:
    from patentcl.search.index import PatentIndex

ENOUGH = 30
"""Queries that a task needs before a run is judged by it."""
DEPTH = 100
"""Patents that a run finds for each query."""
WEIGHTS = (0.5, 0.6, 0.7, 0.8, 0.9)
"""Shares of the cosine that are tried."""


@dataclass(frozen=True, eq=False)
class RetrievalTask:
    """Queries from a held-out split, and what they should find among all patents.

    `queries` are rows of the corpus, int (n_queries,); `relevant` is bool CSR (n_queries,
    n_patents).
    """

    name: str
    queries: np.ndarray
    relevant: sparse.csr_matrix


def retrieval_tasks(
    corpus: Corpus, most: int = 2000, seed: int = 0, split: str = "test"
) -> list[RetrievalTask]:
    """Make the tasks that a corpus allows: those with at least one query.

    ``citations``: find what a held-out patent cites and what cites it. ``same group``: find the
    patents that share a main group with it. A query is never its own answer. Where a task has more
    than `most` queries, a seeded sample of them is taken.
    """
    held_out = np.flatnonzero(corpus.split == split)
    member = groups_of(corpus)
    tasks = []
    for name, found in (
        ("citations", _citation_pairs(corpus)[held_out]),
        ("same group", member[held_out] @ member.T),
    ):
        entries = sparse.coo_matrix(found)
        others = entries.col != held_out[entries.row]
        pairs = (np.ones(int(others.sum()), dtype=bool), (entries.row[others], entries.col[others]))
        relevant = sparse.csr_matrix(pairs, shape=found.shape)
        asked = np.flatnonzero(np.diff(relevant.indptr) > 0)
        if len(asked) > most:
            asked = np.sort(np.random.default_rng(seed).choice(asked, most, replace=False))
        if len(asked):
            tasks.append(RetrievalTask(name, held_out[asked], relevant[asked]))
    return tasks


def _citation_pairs(corpus: Corpus) -> sparse.csr_matrix:
    """Symmetric bool CSR (n, n) of citations inside the corpus."""
    cited, n = corpus.citations, len(corpus)
    flat = pd.Index([c for row in cited for c in row], dtype=object)
    column = pd.Index(corpus.ids).get_indexer(flat)
    row = np.repeat(np.arange(n), [len(c) for c in cited])
    inside = column >= 0
    ones = np.ones(int(inside.sum()), dtype=bool)
    cites = sparse.csr_matrix((ones, (row[inside], column[inside])), shape=(n, n))
    return sparse.csr_matrix(cites + cites.T)


def groups_of(corpus: Corpus, level: str = "group") -> sparse.csr_matrix:
    """Symbols of one level of each patent, int32 CSR (n, n_symbols)."""
    groups = [
        sorted({g for c in codes if (g := truncate_symbol(c, level))}) for codes in corpus.codes
    ]
    column, names = pd.factorize(np.array([g for row in groups for g in row], dtype=object))
    row = np.repeat(np.arange(len(corpus)), [len(g) for g in groups])
    return sparse.csr_matrix(
        (np.ones(len(row), dtype=np.int32), (row, column)), shape=(len(corpus), max(1, len(names)))
    )


def dense_run(
    vectors: np.ndarray, queries: np.ndarray, k: int = DEPTH, block: int = 256
) -> sparse.csr_matrix:
    """Exact cosine search of some rows among all (n, d), without the row itself.

    Returns CSR of float32, shape (n_queries, n): the k nearest, scored by similarity.
    """
    unit = unit_rows(vectors)
    return as_csr(*nearest(unit[queries], unit, k, own=queries, block=block), len(unit))


def chance_run(n: int, queries: np.ndarray, k: int = DEPTH, seed: int = 0) -> sparse.csr_matrix:
    """A run that finds k other patents at random, in random order: scored k, k - 1, ... 1."""
    if k < 1:
        raise ConfigError("k must be at least 1", got=k)
    rng, k = np.random.default_rng(seed), min(k, n - 1)
    columns = np.empty((len(queries), k), dtype=np.int64)
    for i, own in enumerate(queries):
        found = rng.choice(n - 1, k, replace=False)
        columns[i] = found + (found >= own)
    return as_csr(columns, np.tile(np.arange(k, 0, -1, dtype=np.float32), (len(queries), 1)), n)


def bm25_run(texts: Sequence[str], queries: np.ndarray, k: int = DEPTH) -> sparse.csr_matrix:
    """BM25 with the whole text as query, without the patent itself."""
    return BM25(texts).search([texts[i] for i in queries], k, without=queries)


def evaluate_retrieval(
    task: RetrievalTask, runs: Mapping[str, sparse.csr_matrix], names: Sequence[str], seed: int = 0
) -> dict[str, Metrics]:
    """Metrics of several runs on one task."""
    return {
        system: evaluate_ranking(task.relevant, run, names, seed) for system, run in runs.items()
    }


def hybrid_weight(
    corpus: Corpus, index: PatentIndex, most: int = 300, seed: int = 0
) -> tuple[float, int] | None:
    """The share of the cosine in hybrid search, by nDCG@10 on citations outside the test split.

    Returns it with the number of queries; None where there are fewer than `ENOUGH`, or no words.
    """
    open_ = corpus.split != "test"
    pairs = sparse.coo_matrix(_citation_pairs(corpus))
    inside = open_[pairs.row] & open_[pairs.col] & (pairs.row != pairs.col)
    ends = (pairs.row[inside], pairs.col[inside])
    relevant = sparse.csr_matrix((np.ones(len(ends[0])), ends), shape=pairs.shape)
    rows = np.flatnonzero(np.diff(relevant.indptr) > 0)
    if index.words is None or len(rows) < ENOUGH:
        return None
    if len(rows) > most:
        rows = np.sort(np.random.default_rng(seed).choice(rows, most, replace=False))
    texts, vectors = corpus.select(rows).texts, index.nearest.vectors(rows)
    asked = [
        Question(i, vectors[i : i + 1], [" ".join(text)], rows[i : i + 1])
        for i, text in enumerate(texts)
    ]
    found = candidates(index, asked, DEPTH, "hybrid", open_)
    found = found[rows[found["query"]] != found["position"]]
    query, position, similarity, bm25 = (
        found[name].to_numpy() for name in ("query", "position", "similarity", "bm25")
    )

    def figure(weight: float) -> float:
        score = fused(query, similarity, bm25, weight, len(rows))
        run = sparse.csr_matrix((score, (query, position)), shape=(len(rows), len(corpus)))
        return float(np.nanmean(ndcg_at(retrieval_ranks(relevant[rows], run), 10)))

    return max(WEIGHTS, key=figure), len(rows)


def main_task(tasks: Sequence[RetrievalTask], split: str = "test") -> RetrievalTask:
    """The task a run is judged by: the first with enough queries, else the one with most."""
    if not tasks:
        raise DataError(
            f"nothing can be looked up: no patent of the {split} split has a citation or a "
            "group in common with another"
        )
    return next(
        (t for t in tasks if len(t.queries) >= ENOUGH), max(tasks, key=lambda t: len(t.queries))
    )
