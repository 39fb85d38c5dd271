"""Ranking metrics, for labels of a patent and for patents of a query alike.

All of them follow from one thing: the rank of each relevant item among what was retrieved. So the
scores are not sorted; for each relevant item the scores above it are counted.

Rules. Ties: the item with the lower column comes first. In sparse scores a stored entry means
"retrieved", and what is not stored has no rank. Precision at k divides by k, also where fewer than
k items exist or were retrieved (as trec_eval does). A row without relevant items is undefined: nan,
left out of means, and counted. Gains of nDCG are linear: the relevance itself over log2(rank + 1).

A caveat for patents: labels and citations name what is known to be relevant. An unlabelled item
ranked high may be right and unlisted, so precision and nDCG are lower bounds.

References
----------
K. Järvelin, J. Kekäläinen, Cumulated gain-based evaluation of IR techniques, ACM TOIS 20(4), 2002.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import sparse

from patentcl.core.errors import choose
from patentcl.metrics.inputs import BLOCK_CELLS, Scores, row_ids, select_columns
from patentcl.metrics.result import Metric, mean_metric, ratio

RANK_CELLS = 1 << 20
"""Scores ranked at a time: 4 MB of float32, compared several times while near the cache."""
UNRANKED = np.iinfo(np.int32).max
"""Rank of a relevant item that was not retrieved."""


@dataclass(frozen=True, eq=False)
class Ranks:
    """Ranks of the relevant items of each row, one entry for each of m items.

    ``row`` (int64) ascends. ``rank`` (int32) counts from 0 and is `UNRANKED` where the item was not
    retrieved. ``at_least`` (int32) counts the items that score as high or higher, itself included.
    ``gain`` (float64) is the relevance, above 0.
    """

    row: np.ndarray
    rank: np.ndarray
    at_least: np.ndarray
    gain: np.ndarray
    n_rows: int
    n_columns: int

    @property
    def n_relevant(self) -> np.ndarray:
        """int64 (n_rows,): relevant items of each row."""
        return np.bincount(self.row, minlength=self.n_rows)

    def sum(self, values: np.ndarray, row: np.ndarray | None = None) -> np.ndarray:
        """Sum values of relevant items by row: float64 (n_rows,)."""
        rows = self.row if row is None else row
        return np.bincount(rows, weights=values, minlength=self.n_rows)

    def in_order(self, key: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Permutation by (row, key), and the place of each item in its row, from 0."""
        order = np.lexsort((key, self.row))
        starts = np.concatenate([[0], np.cumsum(self.n_relevant)])
        return order, np.arange(len(order)) - starts[self.row[order]]

    def extreme(self, of: np.ufunc, values: np.ndarray, missing: float) -> np.ndarray:
        """Smallest or largest value of each row (``np.minimum``, ``np.maximum``)."""
        out = np.full(self.n_rows, missing)
        if len(self.row):
            rows, starts = np.unique(self.row, return_index=True)
            out[rows] = of.reduceat(values, starts)
        return out


# ---- ranks --------------------------------------------------------------------------------------


def label_ranks(
    truth: sparse.csr_matrix, scores: Scores, columns: np.ndarray | None = None
) -> Ranks:
    """Ranks of true labels among the scores of some labels (all by default), block by block."""
    truth = select_columns(truth, columns)
    rank = np.empty(truth.nnz, dtype=np.int32)
    at_least = np.empty(truth.nnz, dtype=np.int32)
    for start, block, rows, cols in scores.true_blocks(truth, columns, cells=RANK_CELLS):
        pointers = truth.indptr[start : start + len(block) + 1]
        span = slice(pointers[0], pointers[-1])
        if len(cols) > 32 * len(block):
            rank[span], at_least[span] = _ranks_by_sorting(block, rows, cols)
        else:
            rank[span], at_least[span] = _ranks_by_counting(block, pointers - pointers[0], cols)
        if scores.is_sparse:
            rank[span][block[rows, cols] == -np.inf] = UNRANKED
    return Ranks(row_ids(truth), rank, at_least, np.ones(truth.nnz), *truth.shape)


def _ranks_by_counting(
    block: np.ndarray, pointers: np.ndarray, cols: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Count higher scores for the j-th true label of all rows at once; best for few true labels."""
    above = np.empty(len(cols), dtype=np.int32)
    at_least = np.empty(len(cols), dtype=np.int32)
    counts = np.diff(pointers)
    mask = np.empty(block.shape, dtype=bool)
    kind = np.uint16 if block.shape[1] < 65_536 else np.int64  # the narrow sum is 4 times faster
    for j in range(int(counts.max(initial=0))):
        rows = np.flatnonzero(counts > j)
        at = pointers[rows] + j
        part = block if len(rows) == len(block) else block[rows]
        own = block[rows, cols[at]][:, None]
        flag = mask[: len(rows)]
        for compare, counted in ((np.greater, above), (np.greater_equal, at_least)):
            compare(part, own, out=flag)
            counted[at] = np.add.reduce(flag.view(np.uint8), axis=1, dtype=kind)
    rank = above.copy()
    tied = np.flatnonzero(at_least > above + 1)
    if tied.size:
        rows = np.searchsorted(pointers, tied, side="right") - 1
        step = max(1, BLOCK_CELLS // 4 // block.shape[1])
        place = np.arange(block.shape[1])
        for low in range(0, len(tied), step):
            at, here = tied[low : low + step], rows[low : low + step]
            same = block[here] == block[here, cols[at]][:, None]
            same &= place < cols[at][:, None]
            rank[at] += same.sum(axis=1, dtype=np.int32)
    return rank, at_least


def _ranks_by_sorting(
    block: np.ndarray, rows: np.ndarray, cols: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """The same by sorting rows; best for many true labels."""
    n, width = block.shape
    order = np.argsort(-block, axis=1, kind="stable")  # ties keep the order of columns
    rank = np.empty((n, width), dtype=np.int32)
    np.put_along_axis(rank, order, np.arange(width, dtype=np.int32)[None], axis=1)
    ordered = np.take_along_axis(block, order, axis=1)
    last = np.full((n, width), width, dtype=np.int32)
    # Where the next score is lower, a run of ties ends; carry that end back over the run.
    last[:, :-1] = np.where(
        ordered[:, :-1] != ordered[:, 1:], np.arange(1, width, dtype=np.int32), width
    )
    last = np.minimum.accumulate(last[:, ::-1], axis=1)[:, ::-1]
    own = rank[rows, cols]
    return own, last[rows, own]


def label_coverage(
    truth: sparse.csr_matrix, scores: Scores, columns: np.ndarray | None = None
) -> np.ndarray:
    """`coverage_error` from dense scores: only the lowest true label is looked up."""
    truth = select_columns(truth, columns)
    out = np.full(truth.shape[0], np.nan)
    for start, block, row, cols in scores.true_blocks(truth, columns, cells=RANK_CELLS):
        if len(row):
            rows, first = np.unique(row, return_index=True)
            lowest = np.minimum.reduceat(block[row, cols], first)[:, None]
            covered = (block if len(rows) == len(block) else block[rows]) >= lowest
            out[start + rows] = np.add.reduce(covered.view(np.uint8), axis=1, dtype=np.int32)
    return out


# ---- metrics over ranks: float64 (n_rows,) ------------------------------------------------------


def _limit(k: int | None) -> int:
    return UNRANKED if k is None else k


def _hits(ranks: Ranks, k: int | None) -> np.ndarray:
    return ranks.sum(ranks.rank < _limit(k))


def _defined(ranks: Ranks, values: np.ndarray) -> np.ndarray:
    return np.where(ranks.n_relevant > 0, values, np.nan)


def precision_at(ranks: Ranks, k: int | None) -> np.ndarray:
    """Relevant items among the first k, over k.

    What is not labelled counts as wrong, also where it is right and merely unlisted, and a row with
    fewer than k relevant items cannot reach 1: compare with `r_precision`.
    """
    return _defined(ranks, _hits(ranks, k) / (k or 1))


def recall_at(ranks: Ranks, k: int | None) -> np.ndarray:
    """Relevant items among the first k, over all relevant items."""
    return ratio(_hits(ranks, k), ranks.n_relevant)


def f1_at(ranks: Ranks, k: int | None) -> np.ndarray:
    """2 hits / (k + relevant items): the harmonic mean of precision and recall at k."""
    return _defined(ranks, 2 * _hits(ranks, k) / ((k or 1) + ranks.n_relevant))


def hit_at(ranks: Ranks, k: int | None) -> np.ndarray:
    """1 where any of the first k is relevant: "one of three guesses right" for k = 3."""
    return _defined(ranks, (_hits(ranks, k) > 0).astype(np.float64))


def ndcg_at(ranks: Ranks, k: int | None) -> np.ndarray:
    """Sum of gain / log2(rank + 1) over the first k, over that of the best possible order.

    Items without a label have gain 0, whether they were judged or not.
    """
    inside = ranks.rank < _limit(k)
    discount = np.zeros(len(ranks.rank))
    discount[inside] = 1.0 / np.log2(ranks.rank[inside] + 2.0)
    order, place = ranks.in_order(-ranks.gain)
    best = np.where(place < _limit(k), 1.0 / np.log2(place + 2.0), 0.0)
    ideal = ranks.sum(ranks.gain[order] * best, ranks.row[order])
    return ratio(ranks.sum(ranks.gain * discount), ideal)


def map_at(ranks: Ranks, k: int | None) -> np.ndarray:
    """Sum of the precision at each relevant item among the first k, over all relevant items."""
    order, place = ranks.in_order(ranks.rank)
    rank = ranks.rank[order]
    precision = np.where(rank < _limit(k), (place + 1.0) / (rank + 1.0), 0.0)
    return ratio(ranks.sum(precision, ranks.row[order]), ranks.n_relevant)


def mrr_at(ranks: Ranks, k: int | None) -> np.ndarray:
    """1 / rank of the first relevant item; 0 where there is none among the first k."""
    first = ranks.extreme(np.minimum, ranks.rank, UNRANKED)
    return _defined(ranks, np.where(first < _limit(k), 1.0 / (first + 1.0), 0.0))


def first_rank(ranks: Ranks, k: int | None = None) -> np.ndarray:
    """Rank of the first relevant item, from 1; nan where none was retrieved."""
    first = ranks.extreme(np.minimum, ranks.rank, UNRANKED)
    return np.where(first < UNRANKED, first + 1.0, np.nan)


def r_precision(ranks: Ranks, k: int | None = None) -> np.ndarray:
    """Precision at R, the number of relevant items of the row."""
    return ratio(ranks.sum(ranks.rank < ranks.n_relevant[ranks.row]), ranks.n_relevant)


def _true_above(ranks: Ranks) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Row and ``at_least`` of true labels, ordered by them, and the true ones among the latter.

    A tie counts against the label: the whole run of equal scores is taken as ranked before it.
    """
    order, place = ranks.in_order(ranks.at_least)
    row, at_least = ranks.row[order], ranks.at_least[order]
    # True labels scored at least as high: the place of the last one of a run of ties.
    ends = np.ones(len(order), dtype=bool)
    ends[:-1] = (row[1:] != row[:-1]) | (at_least[1:] != at_least[:-1])
    run_end = np.flatnonzero(ends)
    return row, at_least, place[run_end[np.searchsorted(run_end, np.arange(len(order)))]] + 1.0


def lrap(ranks: Ranks, k: int | None = None) -> np.ndarray:
    """Mean over true labels of the share of true ones among labels scored at least as high."""
    row, at_least, true = _true_above(ranks)
    return ratio(ranks.sum(true / at_least, row), ranks.n_relevant)


def coverage_error(ranks: Ranks, k: int | None = None) -> np.ndarray:
    """Labels scored at least as high as the lowest true one."""
    return ranks.extreme(np.maximum, ranks.at_least, np.nan)


def ranking_loss(ranks: Ranks, k: int | None = None) -> np.ndarray:
    """Share of (true, false) pairs where the false label scores at least as high.

    nan where a row has no true label, or no false one.
    """
    row, at_least, true = _true_above(ranks)
    n = ranks.n_relevant
    return ratio(ranks.sum(at_least - true, row), n * (ranks.n_columns - n))


METRICS = {
    "precision": precision_at,
    "recall": recall_at,
    "f1": f1_at,
    "hit": hit_at,
    "ndcg": ndcg_at,
    "map": map_at,
    "mrr": mrr_at,
    "first_rank": first_rank,
    "r_precision": r_precision,
    "lrap": lrap,
    "coverage_error": coverage_error,
    "ranking_loss": ranking_loss,
}


def rank_metric(metric: str, k: int | None, ranks: Ranks, unit: str = "patents") -> Metric:
    """One of `METRICS` as a mean over rows."""
    of = METRICS[choose(metric, METRICS, "ranking metric")]
    return mean_metric(of(ranks, k), unit)
