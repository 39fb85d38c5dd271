"""Two coordinates for each patent: similar ones lie together, and two maps can be compared.

Everything random is seeded, and maps to be compared share their layout: see `project_pair`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from patentcl.core.errors import ConfigError, DataError, MissingExtra, did_you_mean
from patentcl.maps.clusters import checked_points

METHODS = ("umap", "pca")
FIT_ROWS = 150_000
"""Up to this many vectors `project` lays all of them out, above it a sample of 100,000."""

_FIT_SAMPLE = 100_000
_EXACT_ROWS = 20_000  # neighbours are found exactly up to here
_BLOCK = 8_192


def project(
    vectors: Any,
    seed: int = 0,
    n_neighbors: int = 15,
    min_dist: float = 0.1,
    method: str = "umap",
    fit_sample: int | None = None,
) -> np.ndarray:
    """Lay vectors out in two dimensions so that similar ones lie together.

    UMAP works on cosine distances. It starts from the first two principal components, so that the
    map keeps the large-scale order of the data and does not depend on chance. Above `fit_sample`
    rows, a random sample is laid out, and every other vector is placed among its nearest neighbours
    in the sample, each pulling by its similarity: far quicker than UMAP's own way of adding points,
    which for most numbers of patents takes longer than laying them all out.

    Parameters
    ----------
    vectors : array_like, shape (n, d)
    seed : int
    n_neighbors : int
        How many neighbours count: fewer show detail, more the large picture.
    min_dist : float
        How tightly points may be packed, in 0 to 1.
    method : {"umap", "pca"}
        ``pca`` takes the first two principal components of the normalised vectors.
    fit_sample : int, optional
        How many vectors to lay out by themselves; by default all up to `FIT_ROWS`, else 100,000.

    Returns
    -------
    ndarray of float32, shape (n, 2)
        The same on every run with the same versions and machine.

    Raises
    ------
    DataError
        For nan, zero vectors, wrong shapes, or no more vectors than neighbours.
    ConfigError
        For an unknown method or settings out of range.

    Examples
    --------
    >>> project([[1, 0, 0], [0, 1, 0], [0, 0, 1], [1, 1, 0]], method="pca").shape
    (4, 2)
    """
    unit = _unit(vectors)
    _check_settings(len(unit), n_neighbors, min_dist, method)
    if method == "pca":
        return _pca(unit)
    sample = _sample(len(unit), seed, fit_sample, n_neighbors)
    if sample is None:
        return _umap(unit, seed, n_neighbors, min_dist, _pca(unit))
    placed = _umap(unit[sample], seed, n_neighbors, min_dist, _pca(unit[sample]))
    return _place(unit, sample, placed, seed)


def project_pair(
    base: Any,
    tuned: Any,
    seed: int = 0,
    n_neighbors: int = 15,
    min_dist: float = 0.1,
    method: str = "umap",
) -> tuple[np.ndarray, np.ndarray]:
    """Lay the vectors of two encoders out so that the two maps can be compared.

    The first map is made as by `project`. The second starts from the first one's coordinates, with
    the same seed and settings, and is then turned, scaled and shifted onto it (Procrustes). So a
    patent whose neighbours are the same in both stays about where it is, and what moves far has
    other neighbours. Two maps fitted apart differ by chance as much as by the encoders.

    Parameters
    ----------
    base, tuned : array_like, shapes (n, d) and (n, e)
        The same patents in the same order; the dimensions may differ.
    seed, n_neighbors, min_dist, method
        As in `project`.

    Returns
    -------
    tuple of two ndarrays of float32, shape (n, 2)

    Examples
    --------
    >>> a, b = project_pair([[1, 0], [0, 1], [1, 1]], [[0, 1], [1, 0], [1, 1]], method="pca")
    >>> a.shape == b.shape
    True
    """
    first, second = _unit(base, "base vectors"), _unit(tuned, "tuned vectors")
    if len(first) != len(second):
        raise DataError(
            "the two encoders' vectors differ in number",
            got=f"{len(second)} tuned",
            wanted=f"{len(first)}, as in base",
        )
    _check_settings(len(first), n_neighbors, min_dist, method)
    if method == "pca":
        one, two = _pca(first), _pca(second)
        return one, _procrustes(one, two)
    sample = _sample(len(first), seed, None, n_neighbors)
    rows = np.arange(len(first)) if sample is None else sample
    one = _umap(first[rows], seed, n_neighbors, min_dist, _pca(first[rows]))
    two = _procrustes(one, _umap(second[rows], seed, n_neighbors, min_dist, one))
    if sample is None:
        return one, two
    return _place(first, rows, one, seed), _place(second, rows, two, seed)


def _unit(vectors: Any, what: str = "vectors") -> np.ndarray:
    array = checked_points(vectors, what)
    norm = np.linalg.norm(array.astype(np.float64, copy=False), axis=1, keepdims=True)
    if (norm == 0).any():
        raise DataError(
            f"{what} hold zero vectors, which have no direction",
            where=f"row {int(np.argmin(norm))}",
            got=f"{int((norm == 0).sum())} such rows",
            fix="Leave empty texts out",
        )
    return (array / norm).astype(np.float32)


def _check_settings(rows: int, n_neighbors: int, min_dist: float, method: str) -> None:
    if method not in METHODS:
        raise ConfigError(
            "unknown projection method", got=method, fix=did_you_mean(method, METHODS)
        )
    if isinstance(n_neighbors, bool) or not isinstance(n_neighbors, int) or n_neighbors < 2:
        raise ConfigError("n_neighbors is not a whole number above 1", got=repr(n_neighbors))
    if not 0 <= min_dist <= 1:
        raise ConfigError("min_dist is out of range", got=min_dist, wanted="0 to 1")
    least = n_neighbors + 1 if method == "umap" else 3
    if rows < least:
        raise DataError(
            "too few vectors for a map",
            got=rows,
            wanted=f"{least} or more",
            fix="Lower n_neighbors" if method == "umap" and rows > 3 else None,
        )


def _sample(rows: int, seed: int, fit_sample: int | None, n_neighbors: int) -> np.ndarray | None:
    """Rows to lay out, in order; None for all."""
    if fit_sample is None:
        fit_sample = rows if rows <= FIT_ROWS else _FIT_SAMPLE
    elif (
        isinstance(fit_sample, bool) or not isinstance(fit_sample, int) or fit_sample <= n_neighbors
    ):
        raise ConfigError(
            "fit_sample is not a whole number above n_neighbors", got=repr(fit_sample)
        )
    if fit_sample >= rows:
        return None
    return np.sort(np.random.default_rng(seed).choice(rows, fit_sample, replace=False))


def _pca(unit: np.ndarray) -> np.ndarray:
    """First two principal components (n, 2), signs such that the largest loading is positive."""
    centred = unit - unit.mean(axis=0)
    values, axes = np.linalg.eigh((centred.T @ centred).astype(np.float64))
    axes = axes[:, np.argsort(-values, kind="stable")[:2]]
    axes = axes * np.sign(axes[np.abs(axes).argmax(axis=0), np.arange(axes.shape[1])])
    out = np.zeros((len(unit), 2), dtype=np.float32)
    out[:, : axes.shape[1]] = centred @ axes
    return out


def _neighbours(unit: np.ndarray, count: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Positions and cosine distances (n, count) of each row's nearest, itself first."""
    own = np.arange(len(unit))[:, None]
    parts = []
    ask = _finder(unit, count, seed)
    for i in range(0, len(unit), _BLOCK):
        found, similarity = ask(unit[i : i + _BLOCK])
        # Itself to the front, wherever it came out among equal vectors, or in place of the last.
        front = np.argsort(found != own[i : i + _BLOCK], axis=1, kind="stable")
        missing = (found != own[i : i + _BLOCK]).all(axis=1)
        front[missing] = np.roll(np.arange(count), 1)
        found = np.take_along_axis(found, front, axis=1)
        similarity = np.take_along_axis(similarity, front, axis=1)
        found[:, 0], similarity[:, 0] = own[i : i + _BLOCK, 0], 1.0
        parts.append((found, similarity))
    found, similarity = (np.concatenate(part) for part in zip(*parts, strict=True))
    return found, np.clip(1 - similarity, 0, 2).astype(np.float32)


def _umap(
    unit: np.ndarray, seed: int, n_neighbors: int, min_dist: float, start: np.ndarray
) -> np.ndarray:
    """UMAP by its parts: neighbours, their fuzzy graph, then the layout from given coordinates."""
    umap = _umap_module()
    found, distance = _neighbours(unit, n_neighbors, seed)
    graph, _, _ = umap.fuzzy_simplicial_set(
        unit,
        n_neighbors,
        np.random.RandomState(seed),
        "cosine",
        knn_indices=found,
        knn_dists=distance,
        angular=True,
    )
    a, b = umap.find_ab_params(1.0, min_dist)
    # UMAP's own scale for given coordinates, and a hair of noise that parts equal vectors.
    spread = np.abs(start - start.mean(axis=0)).max() or 1.0
    begin = (start - start.mean(axis=0)) / spread * 10
    begin = begin + np.random.default_rng(seed).normal(scale=1e-3, size=begin.shape)
    layout, _ = umap.simplicial_set_embedding(
        unit,
        graph,
        2,
        1.0,
        a,
        b,
        1.0,
        5,
        500 if len(unit) <= 10_000 else 200,
        begin.astype(np.float32),
        np.random.RandomState(seed),
        "cosine",
        {},
        False,
        {},
        False,
    )
    return np.asarray(layout, dtype=np.float32)


def _umap_module() -> Any:
    try:
        from umap import umap_
    except ImportError as error:
        raise MissingExtra(
            "umap-learn is not installed", fix="Install umap-learn, or take method='pca'"
        ) from error
    return umap_


def _place(
    unit: np.ndarray, sample: np.ndarray, placed: np.ndarray, seed: int, count: int = 5
) -> np.ndarray:
    """Coordinates of all rows: those of the sample, and for the rest the mean of their nearest."""
    out = np.empty((len(unit), 2), dtype=np.float32)
    out[sample] = placed
    rest = np.setdiff1d(np.arange(len(unit)), sample)
    ask = _finder(unit[sample], min(count, len(sample)), seed)
    for i in range(0, len(rest), _BLOCK):
        rows = rest[i : i + _BLOCK]
        found, similarity = ask(unit[rows])
        # Relative to the best, so that the nearest lead alike in dense regions and in thin ones.
        weight = np.exp((similarity - similarity.max(axis=1, keepdims=True)) / 0.05)
        weight /= weight.sum(axis=1, keepdims=True)
        out[rows] = np.einsum("ij,ijk->ik", weight, placed[found])
    return out


def _finder(
    unit: np.ndarray, count: int, seed: int
) -> Callable[[np.ndarray], tuple[np.ndarray, np.ndarray]]:
    """A function that gives positions and cosine similarities of the nearest rows of `unit`.

    Exact up to `_EXACT_ROWS`; above, among the lists of an inverted file (98 to 99 of 100 found).
    """
    try:
        import faiss
    except ImportError as error:
        raise MissingExtra(
            "faiss is not installed",
            fix="Install patentcl[cpu] or patentcl[gpu], or take method='pca'",
        ) from error
    flat = faiss.IndexFlatIP(unit.shape[1])
    flat.add(unit)
    if len(unit) <= _EXACT_ROWS:
        return lambda queries: flat.search(queries, count)[::-1]
    lists = 2 ** round(np.log2(4 * np.sqrt(len(unit))))
    index = faiss.IndexIVFFlat(
        faiss.IndexFlatIP(unit.shape[1]), unit.shape[1], lists, faiss.METRIC_INNER_PRODUCT
    )
    index.cp.seed = seed
    index.train(unit)
    index.add(unit)
    index.nprobe = max(16, lists // 32)

    def near(queries: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        similarity, found = index.search(queries, count)
        short = found[:, -1] < 0
        if short.any():
            similarity[short], found[short] = flat.search(queries[short], count)
        return found, similarity

    return near


def _procrustes(onto: np.ndarray, points: np.ndarray) -> np.ndarray:
    """Turn, mirror, scale and shift points (n, 2) so that they lie as near as can be to others."""
    a = onto - onto.mean(axis=0, dtype=np.float64)
    b = points - points.mean(axis=0, dtype=np.float64)
    left, size, right = np.linalg.svd(b.T @ a)
    total = float((b**2).sum())
    scale = float(size.sum()) / total if total > 0 else 1.0
    return (scale * b @ (left @ right) + onto.mean(axis=0)).astype(np.float32)
