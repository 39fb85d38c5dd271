"""Evaluating what a search retrieved: runs as sparse scores, judgements as sparse relevance.

The metrics and their rules are those of `patentcl.metrics.ranking`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
from scipy import sparse

from patentcl.core.errors import ConfigError, DataError
from patentcl.metrics.inputs import BLOCK_CELLS, as_scores, as_sparse_scores, contains, row_ids
from patentcl.metrics.names import DEFINITIONS, parse_names
from patentcl.metrics.ranking import UNRANKED, Ranks, label_ranks, rank_metric
from patentcl.metrics.result import Metrics, named


def retrieval_ranks(relevant: sparse.csr_matrix, run: sparse.csr_matrix) -> Ranks:
    """Ranks of relevant items among the stored entries of sparse scores (n_queries, n_items).

    What is stored was retrieved; the order within a row does not matter.
    """
    rows = row_ids(relevant)
    rank = np.full(relevant.nnz, UNRANKED, dtype=np.int32)
    at_least = np.zeros(relevant.nnz, dtype=np.int32)
    run_rows = row_ids(run)
    # Which retrieved entries are relevant, and which relevant item each is.
    hit = np.flatnonzero(contains(relevant, run_rows, run.indices))
    width = run.shape[1]
    keys = rows * width + relevant.indices
    target = np.searchsorted(keys, run_rows[hit] * width + run.indices[hit])
    longest = int(np.diff(run.indptr)[run_rows[hit]].max(initial=1))
    step = max(1, BLOCK_CELLS // 2 // longest)
    for low in range(0, len(hit), step):
        at, to = hit[low : low + step], target[low : low + step]
        rank[to], at_least[to] = _ranks_in_rows(run, run_rows[at], at)
    return Ranks(rows, rank, at_least, relevant.data.astype(np.float64), *relevant.shape)


def _ranks_in_rows(
    run: sparse.csr_matrix, rows: np.ndarray, at: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Rank and count-at-least of some stored entries, given by position, within their rows."""
    starts, stops = run.indptr[rows].astype(np.int64), run.indptr[rows + 1].astype(np.int64)
    size = stops - starts
    own, column = run.data[at], run.indices[at]
    if np.all(size == size[0]):  # rows of one length: a matrix, no bookkeeping
        cells = starts[:, None] + np.arange(size[0])
        others = run.data[cells]
        above = np.count_nonzero(others > own[:, None], axis=1)
        at_least = np.count_nonzero(others >= own[:, None], axis=1)
        rank = above.copy()
        tied = np.flatnonzero(at_least > above + 1)
        same = (others[tied] == own[tied, None]) & (run.indices[cells[tied]] < column[tied, None])
        rank[tied] += np.count_nonzero(same, axis=1)
        return rank, at_least
    begin = np.cumsum(size) - size
    cells = np.arange(int(size.sum())) + np.repeat(starts - begin, size)
    others, mine = run.data[cells], np.repeat(own, size)
    earlier = run.indices[cells] < np.repeat(column, size)
    before = (others > mine) | ((others == mine) & earlier)
    return (
        np.add.reduceat(before, begin, dtype=np.int64),
        np.add.reduceat(others >= mine, begin, dtype=np.int64),
    )


def as_relevant(relevant: Any) -> sparse.csr_matrix:
    """Check relevance: finite, not negative; stored zeros (judged, not relevant) are left out."""
    matrix = sparse.csr_matrix(relevant)
    if 0 in matrix.shape:
        raise DataError(
            "relevance is empty",
            got=f"shape {matrix.shape}",
            wanted="at least one query and one item",
        )
    if matrix.dtype != bool:
        bad = np.flatnonzero(~np.isfinite(matrix.data) | (matrix.data < 0))
        if bad.size:
            raise DataError("relevance must be finite and not negative", got=matrix.data[bad[0]])
    if not matrix.has_canonical_format or not np.all(matrix.data):
        matrix = matrix.copy()
        matrix.sum_duplicates()
        matrix.eliminate_zeros()
    if matrix.nnz == 0:
        raise DataError(
            "no query has a relevant item", fix="Check that the ids of queries and items match"
        )
    return matrix


def run_matrices(
    qrels: Mapping[str, Mapping[str, float]], run: Mapping[str, Mapping[str, float]]
) -> tuple[sparse.csr_matrix, sparse.csr_matrix, list[str]]:
    """Turn judgements and a run, as dictionaries by query and item, into two matrices.

    Parameters
    ----------
    qrels : mapping of query to mapping of item to relevance
    run : mapping of query to mapping of item to score

    Returns
    -------
    relevant, scores : csr_matrix of float64, shape (n_queries, n_items)
        For `evaluate_ranking`. Items are in alphabetical order, which settles ties.
    queries : list of str
        Those of ``qrels``, then those of the run alone (which are undefined: nothing is relevant).

    Examples
    --------
    >>> relevant, scores, _ = run_matrices({"q": {"a": 1}}, {"q": {"a": 0.1, "b": 0.7}})
    >>> evaluate_ranking(relevant, scores, "mrr")["mrr"]
    0.5
    """
    queries = list(dict.fromkeys([*qrels, *run]))
    items = sorted({item for table in (qrels, run) for row in table.values() for item in row})
    if not queries or not items:
        raise DataError("there is no query or no item in the judgements and the run")
    place = {item: j for j, item in enumerate(items)}

    def matrix(table: Mapping[str, Mapping[str, float]]) -> sparse.csr_matrix:
        rows = [table.get(query, {}) for query in queries]
        pointers = np.concatenate([[0], np.cumsum([len(row) for row in rows])])
        columns = np.array([place[item] for row in rows for item in row], dtype=np.int32)
        data = np.array([value for row in rows for value in row.values()], dtype=np.float64)
        out = sparse.csr_matrix((data, columns, pointers), shape=(len(queries), len(items)))
        out.sort_indices()
        return out

    return matrix(qrels), matrix(run), queries


def evaluate_ranking(
    relevant: Any, scores: Any, names: str | Iterable[str], seed: int = 0
) -> Metrics:
    """Evaluate a retrieval run.

    Parameters
    ----------
    relevant : matrix, shape (n_queries, n_items)
        Relevance above 0 (graded for nDCG; other metrics ask only whether it is above 0).
    scores : sparse matrix or ndarray, shape (n_queries, n_items)
        In a sparse matrix a stored entry means "retrieved", whatever its score.
    names : str or iterable of str
        For example ``"ndcg@10"``, ``"map"``, ``"mrr@10"``, ``"recall@100"``, ``"precision@5"``,
        ``"hit@1"``, ``"first_rank"``, ``"r_precision"``.
    seed : int
        Of the bootstrap.

    Returns
    -------
    Metrics
        Items are queries; a query without relevant items is undefined.

    Raises
    ------
    DataError
        If shapes differ, a score is NaN or infinite, relevance is negative, or nothing is relevant.
    ConfigError
        If a name is not that of a retrieval metric.

    Examples
    --------
    >>> from scipy import sparse
    >>> relevant = sparse.csr_matrix([[1, 0, 0], [0, 0, 1]])
    >>> run = sparse.csr_matrix([[0.9, 0.5, 0.0], [0.8, 0.0, 0.3]])
    >>> evaluate_ranking(relevant, run, ["mrr", "hit@1"])
    Metrics(mrr=0.7500, hit@1=0.5000)
    """
    parsed = parse_names(names)
    for name in parsed:
        if name.family != "topk" or name.level is not None:
            known = [
                d.name for d in DEFINITIONS.values() if d.family == "topk" or d.cutoff != "none"
            ]
            raise ConfigError(
                "not a retrieval metric",
                got=repr(name.text),
                wanted=f"one of {', '.join(known)}, with @k",
            )
    gain = as_relevant(relevant)
    if sparse.issparse(scores):
        ranks = retrieval_ranks(gain, as_sparse_scores(scores, gain.shape))
    else:
        ranks = label_ranks(gain.astype(bool), as_scores(scores, gain.shape))
        ranks = replace(ranks, gain=gain.data.astype(np.float64))
    return Metrics(
        named(
            rank_metric(name.metric, name.k, ranks, "queries"),
            name.text,
            seed,
            name.definition.higher_is_better,
        )
        for name in parsed
    )
