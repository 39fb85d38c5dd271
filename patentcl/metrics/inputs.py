"""What the metrics accept: label matrices, score matrices, and the checks on them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
from scipy import sparse

from patentcl.core.errors import DataError
from patentcl.cpc import CpcTree

BLOCK_CELLS = 1 << 22
"""Scores looked at in one step: 16 MB of float32, so that a step stays near the caches."""
ROWS = 1 << 16
"""Rows of labels looked at in one step."""


# ---- labels -------------------------------------------------------------------------------------


def _two_dimensional(shape: tuple[int, ...], what: str) -> None:
    if len(shape) != 2:
        raise DataError(
            f"{what} must be a matrix of patents by labels",
            got=f"{len(shape)} dimension{'s' if len(shape) != 1 else ''}",
            wanted="2",
        )
    if 0 in shape:
        raise DataError(
            f"{what} is empty", got=f"shape {shape}", wanted="at least one patent and one label"
        )


def as_labels(labels: Any, what: str) -> sparse.csr_matrix:
    """Check a label matrix of booleans or 0 and 1, and bring it into one form.

    Returns a bool csr_matrix (n_patents, n_labels) with sorted indices and no stored zeros: the
    argument itself where it is of that form already. ``what`` is its name in errors.

    Raises
    ------
    DataError
        If it is not a matrix, is empty, or holds anything but 0 and 1.
    """
    if not sparse.issparse(labels):
        labels = np.asarray(labels)
    _two_dimensional(labels.shape, what)
    if labels.dtype != bool:
        data = labels.data if sparse.issparse(labels) else labels
        if not (np.issubdtype(data.dtype, np.number) or data.dtype == object):
            raise DataError(f"{what} is not a matrix of 0 and 1", got=f"{data.dtype}")
        odd = np.flatnonzero(~((data == 0) | (data == 1)).ravel())
        if odd.size:
            raise DataError(
                f"{what} is not binary",
                got=f"{np.ravel(data)[odd[0]]} and {odd.size - 1} more",
                wanted="only 0 and 1, or booleans",
            )
    if isinstance(labels, sparse.csr_matrix) and labels.dtype == bool:
        return _canonical(labels)  # itself, so that what scipy found out about it is kept
    return _canonical(sparse.csr_matrix(labels, dtype=bool))


def _canonical(matrix: sparse.csr_matrix) -> sparse.csr_matrix:
    if not matrix.has_canonical_format or not matrix.data.all():
        matrix = matrix.copy()
        matrix.sum_duplicates()
        matrix.eliminate_zeros()
    return matrix


def same_shape(a: tuple[int, ...], b: tuple[int, ...], what: str) -> None:
    """Raise DataError unless two shapes agree."""
    if tuple(a) != tuple(b):
        raise DataError(
            f"{what} and truth differ in shape", got=f"{tuple(b)}", wanted=f"{tuple(a)}"
        )


def check_width(width: int, tree: CpcTree) -> None:
    """Raise DataError unless there is one column for each node."""
    if width != len(tree):
        raise DataError(
            "labels do not match the tree",
            got=f"{width} columns",
            wanted=f"{len(tree)}, one for each node",
        )


def check_columns(labels: Sequence[str], tree: CpcTree) -> None:
    """Raise DataError unless column names are the tree's symbols, in the tree's order."""
    names = [str(label) for label in labels]
    check_width(len(names), tree)
    pairs = enumerate(zip(names, tree.symbols, strict=True))
    odd = next(((i, *pair) for i, pair in pairs if pair[0] != pair[1]), None)
    if odd is not None:
        moved = set(names) == set(tree.symbols)
        raise DataError(
            "label order differs from the tree" if moved else "labels do not match the tree",
            where=f"column {odd[0]}",
            got=repr(odd[1]),
            wanted=repr(odd[2]),
            fix="Reorder the columns as tree.symbols" if moved else None,
        )


def column_names(matrix: Any) -> list[str] | None:
    """Column names of a DataFrame; None for what has none."""
    names = getattr(matrix, "columns", None)
    return None if names is None else [str(n) for n in names]


def check_closed(labels: sparse.csr_matrix, tree: CpcTree, what: str = "truth") -> None:
    """Raise DataError unless each label comes with its parent (and so with all its ancestors)."""
    for start in range(0, labels.shape[0], ROWS):
        part = labels[start : start + ROWS]
        inner = np.flatnonzero(tree.parent[part.indices] >= 0)
        rows, columns = row_ids(part)[inner], part.indices[inner]
        alone = np.flatnonzero(~contains(part, rows, tree.parent[columns]))
        if alone.size:
            row, column = int(rows[alone[0]]), int(columns[alone[0]])
            raise DataError(
                f"{what} is not closed under ancestors",
                where=f"row {start + row}",
                got=f"{tree.symbols[column]} without its parent "
                f"{tree.symbols[tree.parent[column]]}",
                fix="Use CpcTree.close, or check that columns are in tree order",
            )


def row_ids(matrix: sparse.csr_matrix) -> np.ndarray:
    """Row of each stored entry, int64 (nnz,)."""
    return np.repeat(np.arange(matrix.shape[0]), np.diff(matrix.indptr))


def contains(matrix: sparse.csr_matrix, rows: np.ndarray, cols: np.ndarray) -> np.ndarray:
    """Whether each (row, column) is stored in a matrix without stored zeros: bool (m,)."""
    if not len(rows):  # scipy would return a sparse matrix
        return np.zeros(0, dtype=bool)
    return np.asarray(matrix[rows, cols]).ravel().astype(bool)


def keep_entries(matrix: sparse.csr_matrix, keep: np.ndarray) -> sparse.csr_matrix:
    """The matrix with only some of its stored entries, given by a mask over them."""
    indptr = np.concatenate([[0], np.cumsum(keep)])[matrix.indptr]
    return sparse.csr_matrix((matrix.data[keep], matrix.indices[keep], indptr), matrix.shape)


def select_columns(matrix: sparse.csr_matrix, columns: np.ndarray | None) -> sparse.csr_matrix:
    """Columns of a label matrix, in the order given; all of them for None."""
    if columns is None:
        return matrix
    place = np.full(matrix.shape[1], -1, dtype=np.int32)
    place[columns] = np.arange(len(columns), dtype=np.int32)
    moved = place[matrix.indices]
    keep = moved >= 0
    indptr = np.concatenate([[0], np.cumsum(keep)])[matrix.indptr]
    out = sparse.csr_matrix(
        (matrix.data[keep], moved[keep], indptr), shape=(matrix.shape[0], len(columns))
    )
    out.has_sorted_indices = bool(np.all(np.diff(columns) > 0)) and matrix.has_sorted_indices
    if not out.has_sorted_indices:
        out.sort_indices()
    return out


# ---- scores -------------------------------------------------------------------------------------


class Scores:
    """Scores that are read in blocks of rows, wherever they are.

    The source has shape (n_patents, n_labels): an array, a memory map, a DataFrame, a sparse
    matrix, a sequence of arrays, or a function that returns a new iterator over blocks of rows
    each time it is called (a generator would not do: some metrics read the scores twice). In a
    sparse matrix only stored entries count as retrieved; others are below every score.

    Raises
    ------
    DataError
        If the shape is not the one given, or (while reading) a score is NaN or infinite.
    """

    def __init__(self, source: Any, shape: tuple[int, int]) -> None:
        self.shape = (int(shape[0]), int(shape[1]))
        self._open: Callable[[], Iterator[np.ndarray]]
        self.is_sparse = sparse.issparse(source)
        if callable(source):
            self._open = source
        elif isinstance(source, Iterator):
            raise DataError(
                "scores from an iterator can be read only once",
                got=type(source).__name__,
                wanted="a function that returns a new one each time",
            )
        elif self.is_sparse:
            matrix = as_sparse_scores(source, self.shape)
            self._open = lambda: iter([matrix])
        elif isinstance(source, (list, tuple)) and source and np.ndim(source[0]) == 2:
            self._open = lambda: iter(source)
        else:
            array = source if isinstance(source, np.ndarray) else np.asarray(source)
            _two_dimensional(array.shape, "scores")
            same_shape(self.shape, array.shape, "scores")
            if array.dtype != bool and not np.issubdtype(array.dtype, np.number):
                raise DataError("scores are not numbers", got=str(array.dtype))
            self._open = lambda: iter([array])

    def blocks(
        self, columns: np.ndarray | None = None, cells: int = BLOCK_CELLS, unranked: float = -np.inf
    ) -> Iterator[tuple[int, np.ndarray]]:
        """Yield (first row, float block) until all rows have been seen.

        ``cells`` is the size of a block over all columns, of which only ``columns`` are kept;
        ``unranked`` stands where a sparse matrix stores nothing.
        """
        step = max(1, cells // self.shape[1])
        seen = 0
        for piece in self._open():
            if len(piece.shape) != 2 or piece.shape[1] != self.shape[1]:
                raise DataError(
                    "a block of scores has the wrong shape",
                    where=f"row {seen}",
                    got=str(piece.shape),
                    wanted=f"(any, {self.shape[1]})",
                )
            for start in range(0, piece.shape[0], step):
                part = piece[start : start + step]
                yield seen + start, self._block(part, columns, seen + start, unranked)
            seen += piece.shape[0]
        if seen != self.shape[0]:
            raise DataError(
                "scores and truth differ in shape",
                got=f"({seen}, {self.shape[1]})",
                wanted=f"{self.shape}",
            )

    def true_blocks(
        self, truth: sparse.csr_matrix, columns: np.ndarray | None = None, **how: Any
    ) -> Iterator[tuple[int, np.ndarray, np.ndarray, np.ndarray]]:
        """Yield as `blocks`, and for the true labels of a block their rows in it and columns.

        ``truth`` has only the columns selected.
        """
        for start, block in self.blocks(columns, **how):
            pointers = truth.indptr[start : start + len(block) + 1]
            rows = np.repeat(np.arange(len(block)), np.diff(pointers))
            yield start, block, rows, truth.indices[pointers[0] : pointers[-1]]

    def _block(
        self, part: Any, columns: np.ndarray | None, row: int, unranked: float
    ) -> np.ndarray:
        if sparse.issparse(part):
            kind = np.float32 if part.dtype.itemsize <= 4 else np.float64
            dense = np.full(part.shape, unranked, dtype=kind)
            dense[row_ids(part), part.indices] = part.data
        else:
            dense = np.asarray(part)
            if dense.dtype not in (np.float32, np.float64):
                dense = dense.astype(np.float32 if dense.dtype.itemsize <= 2 else np.float64)
            _finite(dense, row)
        if columns is None:
            return dense
        if len(columns) and np.array_equal(columns, np.arange(columns[0], columns[-1] + 1)):
            return dense[:, columns[0] : columns[-1] + 1]  # a level of the tree: a view, no copy
        return dense[:, columns]


def as_sparse_scores(source: Any, shape: tuple[int, ...]) -> sparse.csr_matrix:
    """Check sparse scores: shape, finite, each entry once. Stored zeros stay: they are scores."""
    matrix = sparse.csr_matrix(source)
    same_shape(shape, matrix.shape, "scores")
    _finite(matrix.data, 0)
    if not matrix.has_canonical_format:
        ordered = matrix.copy()
        ordered.sum_duplicates()
        if ordered.nnz != matrix.nnz:
            raise DataError(
                "sparse scores hold an entry twice", got=f"{matrix.nnz - ordered.nnz} repeated"
            )
        matrix = ordered
    return matrix


def _finite(values: np.ndarray, row: int) -> None:
    if values.size == 0:
        return
    # The sum is finite unless some score is not (or they are absurdly large): one fast pass.
    with np.errstate(over="ignore", invalid="ignore"):
        total = values.sum(dtype=np.float64 if values.dtype == np.float64 else np.float32)
    if np.isfinite(total):
        return
    bad = np.argwhere(~np.isfinite(values))
    if bad.size:
        at = tuple(bad[0])
        where = f"row {row + at[0]}, column {at[1]}" if len(at) == 2 else f"entry {at[0]}"
        raise DataError(
            "scores must be finite",
            where=where,
            got=f"{values[at]}",
            wanted="no NaN and no infinity",
        )


def as_scores(scores: Any, shape: tuple[int, int]) -> Scores:
    """Wrap scores for reading in blocks; see `Scores`."""
    return scores if isinstance(scores, Scores) else Scores(scores, shape)


def decide(scores: Scores, threshold: float | np.ndarray) -> sparse.csr_matrix:
    """Labels whose score is at or above a threshold, one or one for each label: bool csr."""
    limits = np.asarray(threshold, dtype=np.float64)
    n, width = scores.shape
    if limits.ndim > 1 or (limits.ndim == 1 and limits.shape[0] != width):
        raise DataError(
            "thresholds do not match the labels",
            got=f"shape {limits.shape}",
            wanted=f"one number, or {width}",
        )
    if np.isnan(limits).any():
        raise DataError("a threshold is not a number", got="nan")
    counts, columns = [np.zeros(1, dtype=np.int64)], [np.empty(0, dtype=np.int32)]
    for _, block in scores.blocks():
        # The threshold takes the scores' type: 0.1 as float32 is above 0.1 as float64, and a score
        # that was printed as the threshold must pass.
        hit = block >= limits.astype(block.dtype)
        if scores.is_sparse:
            hit &= block > -np.inf
        flat = np.flatnonzero(hit)
        counts.append(np.count_nonzero(hit, axis=1))
        columns.append((flat % width).astype(np.int32))
    indices = np.concatenate(columns)
    out = sparse.csr_matrix(
        (np.ones(len(indices), dtype=bool), indices, np.cumsum(np.concatenate(counts))),
        shape=(n, width),
    )
    out.has_canonical_format = True
    return out
