"""Matrices of vectors: the checks on them, rows of unit length, and exact nearest neighbours.

All of it works block by block, so that a memory map stays on disk and nothing as large as the
matrix is copied unless it is the result.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from patentcl.core.errors import ConfigError, DataError

if TYPE_CHECKING:
    from scipy import sparse

BLOCK = 1 << 14
"""Rows looked at together."""
SCORES = 1 << 24
"""Dot products held at a time: 64 MB in float32."""
_UNIT = 1e-6  # how far from 1 the length of a float32 row may be that counts as unit already


def blocks(rows: int, size: int = BLOCK) -> Iterator[slice]:
    """Yield slices of at most `size` that cover the rows in order."""
    return (slice(start, min(start + size, rows)) for start in range(0, rows, size))


def check_matrix(
    X: Any,
    what: str = "vectors",
    width: int | None = None,
    empty: bool = False,
    whole: bool = True,
    fix: str | None = None,
) -> np.ndarray:
    """Return vectors (n, d) as an array of finite floats, or raise DataError.

    Float arrays come back as they are, memory maps included; whole numbers become float32, and with
    ``whole=False`` are refused (token numbers where embeddings are wanted). `width` is the only d
    that is accepted, `empty` accepts n = 0, `fix` is what errors of type and width advise.
    """
    shape = "(n, d)" if width is None else f"(n, {width})"
    try:
        array = X if isinstance(X, np.ndarray) else np.asarray(X)
    except ValueError as error:
        raise DataError(
            f"{what} must be a matrix", got="rows of different lengths", wanted=shape
        ) from error
    if array.dtype.kind not in ("fiu" if whole else "f"):
        raise DataError(
            f"{what} must hold real numbers",
            got=f"dtype {array.dtype}",
            wanted=f"float32 {shape}",
            fix=fix,
        )
    if array.ndim != 2:
        raise DataError(f"{what} must be a matrix", got=f"shape {array.shape}", wanted=shape)
    if width is not None and array.shape[1] != width:
        raise DataError(
            f"{what} must have {width} columns", got=f"shape {array.shape}", wanted=shape, fix=fix
        )
    if array.shape[1] == 0 or (len(array) == 0 and not empty):
        raise DataError(f"{what} must not be empty", got=f"shape {array.shape}")
    if array.dtype.kind != "f":
        return array.astype(np.float32)
    _check_finite(array, what)
    return array


def _check_finite(array: np.ndarray, what: str) -> None:
    first, count = None, 0
    for block in blocks(len(array)):
        finite = np.isfinite(array[block])
        if finite.all():
            continue
        if first is None:
            row, column = (int(i) for i in np.argwhere(~finite)[0])
            first = (block.start + row, column, array[block][row, column])
        count += int((~finite).any(axis=1).sum())
    if first is not None:
        row, column, value = first
        raise DataError(
            f"{what} must be finite",
            where=f"row {row}, column {column}",
            got=f"{value} ({count:,} such rows)",
            fix="Encode these texts again",
        )


def unit_rows(
    X: Any, what: str = "vectors", dtype: Any = np.float32, zeros: bool = False
) -> np.ndarray:
    """Return a copy of vectors (n, d) in which each row has length 1.

    Lengths are computed in float64. A float32 row that is of unit length already stays as it is to
    the bit, so normalising twice changes nothing. With a dtype of None float64 stays float64 and
    all else becomes float32. With `zeros` rows of zeros stay, and are similar to nothing.

    Raises
    ------
    DataError
        If they are no matrix of finite numbers, or a row is zero; the row is named.

    Examples
    --------
    >>> unit_rows([[3, 4]]).tolist()
    [[0.6000000238418579, 0.800000011920929]]
    """
    array = check_matrix(X, what, empty=True)
    if dtype is None:
        dtype = np.float64 if array.dtype == np.float64 else np.float32
    out = np.empty(array.shape, dtype=dtype)
    first, count = None, 0
    for block in blocks(len(array)):
        wide = np.asarray(array[block], dtype=np.float64)
        with np.errstate(over="ignore", under="ignore"):
            norm = np.linalg.norm(wide, axis=1, keepdims=True)
        odd = np.flatnonzero((norm == 0) | ~np.isfinite(norm))
        if odd.size:  # zero, or so small or large that the squares are lost: scale these first
            peak = np.abs(wide[odd]).max(axis=1, keepdims=True)
            wide[odd] /= np.where(peak == 0, 1, peak)
            norm[odd] = np.linalg.norm(wide[odd], axis=1, keepdims=True)
            zero = odd[peak[:, 0] == 0]
            first = block.start + int(zero[0]) if first is None and zero.size else first
            count += zero.size
        norm[norm == 0] = 1
        if array.dtype.itemsize <= 4:
            norm[np.abs(norm - 1) < _UNIT] = 1
        out[block] = wide / norm
    if first is not None and not zeros:
        raise DataError(
            f"{what} must not hold zero vectors, which have no direction",
            where=f"row {first}",
            got=f"{count:,} such rows",
            fix="Leave empty texts out",
        )
    return out


def cosines(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Cosine of each row of `a` with the same row of `b`, float64 (n,); nan for a zero row."""
    out = np.empty(len(a))
    for block in blocks(len(a)):
        x, y = (np.asarray(rows[block], dtype=np.float64) for rows in (a, b))
        with np.errstate(invalid="ignore", divide="ignore"):
            lengths = np.linalg.norm(x, axis=1) * np.linalg.norm(y, axis=1)
            out[block] = np.einsum("ij,ij->i", x, y) / lengths
    return out


# ---- the k best -----------------------------------------------------------------------------


def best_columns(scores: Any, k: int) -> tuple[np.ndarray, np.ndarray]:
    """Columns and values (m, min(k, n)) of the largest scores of each row of a matrix (m, n).

    Largest first; equal ones in the order of the columns, also where only some of them fit. A torch
    tensor is searched on its own device.

    Examples
    --------
    >>> columns, values = best_columns(np.array([[1.0, 3.0, 1.0, 1.0]]), 3)
    >>> columns.tolist(), values.tolist()
    ([[1, 0, 2]], [[3.0, 1.0, 1.0]])
    """
    if k < 1:
        raise ConfigError("k must be at least 1", got=k)
    m, n = scores.shape
    k = min(k, n)
    if m == 0 or n == 0:
        return np.empty((m, k), dtype=np.int64), np.empty((m, k), dtype=_numpy(scores).dtype)
    more = min(k + 1, n)  # the next one shows where equal scores stand on both sides of the border
    if not isinstance(scores, np.ndarray):
        found = scores.topk(more, dim=1)
        columns, values = _numpy(found.indices), _numpy(found.values)
    else:
        if more < n:
            columns = np.argpartition(-scores, k, axis=1)[:, :more]
        else:
            columns = np.broadcast_to(np.arange(n), (m, n))
        values = np.take_along_axis(scores, columns, axis=1)
    order = np.lexsort((columns, -values), axis=1)
    columns, values = (np.take_along_axis(part, order, axis=1) for part in (columns, values))
    # There, which of the equal ones were taken was chance.
    tied = np.flatnonzero(values[:, k - 1] == values[:, k]) if more > k else ()
    columns, values = columns[:, :k], values[:, :k]
    for i in tied:
        row = _numpy(scores[i])
        columns[i] = np.argsort(-row, kind="stable")[:k]
        values[i] = row[columns[i]]
    return columns, values


def _numpy(values: Any) -> np.ndarray:
    return values if isinstance(values, np.ndarray) else values.cpu().numpy()


def nearest(
    queries: Any, store: Any, k: int, own: np.ndarray | None = None, block: int = 1024
) -> tuple[np.ndarray, np.ndarray]:
    """Rows (m, min(k, n)) of `store` with the largest dot product with each query, and these.

    Exact, nearest first, of equal products the earlier row first. Queries (m, d) and store (n, d)
    are arrays, or tensors that are compared on their device; unit rows give cosines. `own` names a
    row for each query that must not be among its results (the query itself), which leaves at most
    n - 1. A block of queries is compared with `SCORES` / block rows at a time.

    Examples
    --------
    >>> x = np.array([[1.0, 0], [0.8, 0.6], [0, 1]])
    >>> nearest(x, x, 1, own=np.arange(3))[0].tolist()
    [[1], [0], [1]]
    """
    if k < 1:
        raise ConfigError("k must be at least 1", got=k)
    m, n = len(queries), len(store)
    k = min(k, n - (own is not None))
    dtype = _numpy(queries[:0]).dtype
    rows, products = np.empty((m, max(k, 0)), np.int64), np.empty((m, max(k, 0)), dtype)
    if k < 1:
        return rows, products
    for part in blocks(m, block):
        best = np.empty((part.stop - part.start, 0), np.int64)
        value = np.empty(best.shape, dtype)
        for span in blocks(n, max(k, SCORES // block)):
            scores = queries[part] @ store[span].T
            if own is not None:
                inside = np.flatnonzero((own[part] >= span.start) & (own[part] < span.stop))
                scores[inside, own[part][inside] - span.start] = -np.inf
            columns, found = best_columns(scores, k)
            best = np.concatenate([best, columns + span.start], axis=1)
            value = np.concatenate([value, found], axis=1)
            if not span.start:
                continue
            # Those found before are of earlier rows: a stable sort keeps ties in their order.
            order = np.argsort(-value, axis=1, kind="stable")[:, :k]
            best, value = (np.take_along_axis(each, order, axis=1) for each in (best, value))
        rows[part], products[part] = best, value
    return rows, products


def as_csr(columns: np.ndarray, scores: np.ndarray, n: int) -> sparse.csr_matrix:
    """Store the k best columns (m, k) of each row and their scores as a CSR matrix (m, n)."""
    from scipy import sparse

    m, k = columns.shape
    out = sparse.csr_matrix(
        (np.array(scores).ravel(), columns.ravel(), np.arange(m + 1) * k), shape=(m, n)
    )
    out.sort_indices()
    return out


def top_k(scores: np.ndarray, k: int) -> sparse.csr_matrix:
    """Keep the k largest scores above 0 of each row; ties go to the lower column."""
    columns, values = best_columns(scores, k)
    out = as_csr(columns, np.maximum(values, 0), scores.shape[1])
    out.eliminate_zeros()
    return out
