"""Two coordinates for each patent: similar ones lie together, and two maps can be compared.

Everything random is seeded, and no sum depends on how many threads share it: see `provenance`.
"""

from __future__ import annotations

import platform
import warnings
from collections.abc import Callable
from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from typing import Any, NamedTuple

import numpy as np
from scipy.linalg import orthogonal_procrustes
from threadpoolctl import threadpool_limits

from patentcl.core.arrays import blocks, check_matrix, nearest, unit_rows
from patentcl.core.devices import find_device
from patentcl.core.errors import ConfigError, DataError, MissingExtra, TooFew, choose
from patentcl.maps.settings import MapSettings


class Near(NamedTuple):
    """Nearest vectors of each, ascending: arrays (n, count)."""

    ids: np.ndarray
    """Positions, int64."""
    distances: np.ndarray
    """Cosine distances, float32."""


METHODS = ("umap", "pca")
FIT_ROWS = 150_000
"""Up to this many vectors `project` lays all of them out, above it a sample of 100,000."""

_FIT_SAMPLE = 100_000
_EXACT_ROWS = 20_000  # neighbours are found exactly up to here
_BLOCK = 8_192
_PACKAGES = ("numpy", "scipy", "umap-learn", "numba")


def project(
    vectors: Any,
    seed: int = 0,
    n_neighbors: int = 15,
    min_dist: float = 0.1,
    method: str = "umap",
    fit_sample: int | None = None,
    start: Any = None,
    near: Near | None = None,
) -> np.ndarray:
    """Lay vectors out in two dimensions so that similar ones lie together.

    UMAP works on cosine distances and starts from the first two principal components, which keep
    the large-scale order of the data. Above `fit_sample` rows, a random sample is laid out, and
    every other vector is placed among its nearest in the sample, each pulling by its similarity.

    Parameters
    ----------
    vectors : array_like, shape (n, d)
    n_neighbors : int
        How many neighbours count: fewer show detail, more the large picture. At most n - 1.
    min_dist : float
        How tightly points may be packed, in 0 to 1.
    method : {"umap", "pca"}
        ``pca`` takes the first two principal components of the normalised vectors.
    fit_sample : int, optional
        How many vectors to lay out by themselves; by default all up to `FIT_ROWS`, else 100,000.
    start : array_like, shape (n, 2), optional
        Another map of the same patents. The layout starts there instead of from the principal
        components, and is turned, scaled and shifted onto it (Procrustes), so that a patent whose
        neighbours are the same on both maps stays about where it is.
    near : Near, optional
        What `neighbours` found for these vectors and `n_neighbors`, so that it is not found again.

    Returns
    -------
    ndarray of float32, shape (n, 2)
        The same on every run and with any number of threads; `provenance` says what it depends on.

    Raises
    ------
    DataError
        For nan, zero vectors, wrong shapes, or fewer than 3 vectors.
    ConfigError
        For an unknown method or settings out of range.

    References
    ----------
    McInnes, Healy and Melville, UMAP: Uniform Manifold Approximation and Projection, 2018.

    Examples
    --------
    >>> project([[1, 0, 0], [0, 1, 0], [0, 0, 1], [1, 1, 0]], method="pca").shape
    (4, 2)
    """
    unit = unit_rows(vectors)
    return _project(unit, seed, n_neighbors, min_dist, method, fit_sample, start, near)


def neighbours(vectors: Any, count: int = 15, seed: int = 0) -> Near:
    """Each vector's nearest, itself first: what UMAP lays out, and what a reader wants to see.

    Exact up to 20,000 vectors; above, 98 to 99 of 100 are found.

    Parameters
    ----------
    vectors : array_like, shape (n, d)
    count : int
        How many, itself counted; at most n - 1.

    Examples
    --------
    >>> neighbours([[1, 0], [0.9, 0.1], [0, 1]], 2).ids.tolist()
    [[0, 1], [1, 0], [2, 1]]
    """
    unit = unit_rows(vectors)
    _check_settings(len(unit), count)
    return _neighbours(unit, min(count, len(unit) - 1), seed)


def project_pair(
    base: Any,
    tuned: Any,
    seed: int = 0,
    n_neighbors: int = 15,
    min_dist: float = 0.1,
    method: str = "umap",
    fit_sample: int | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    """Lay the vectors of two encoders out so that the two maps can be compared.

    The first map is made as by `project`, the second starts from it (`start`): what moves far has
    other neighbours. Two maps fitted apart differ by chance as much as by the encoders.

    Parameters
    ----------
    base, tuned : array_like, shapes (n, d) and (n, e)
        The same patents in the same order; the dimensions may differ.
    seed, n_neighbors, min_dist, method, fit_sample
        As in `project`, whose float32 (n, 2) come back twice.

    Examples
    --------
    >>> a, b = project_pair([[1, 0], [0, 1], [1, 1]], [[0, 1], [1, 0], [1, 1]], method="pca")
    >>> a.shape == b.shape
    True
    """
    first, second = unit_rows(base, "base vectors"), unit_rows(tuned, "tuned vectors")
    check_pair(first, second)
    options = (seed, n_neighbors, min_dist, method, fit_sample)
    one = _project(first, *options)
    return one, _project(second, *options, start=one)


def place(new: Any, vectors: Any, coordinates: Any, seed: int = 0) -> np.ndarray:
    """Put new vectors on a map that is made: each among its five nearest, the nearer the more.

    Parameters
    ----------
    new : array_like, shape (m, d)
        Of the encoder that the map's vectors are of.
    vectors, coordinates : array_like, shapes (n, d) and (n, 2)
        The map's vectors and points.

    Returns
    -------
    ndarray of float32, shape (m, 2)

    Raises
    ------
    DataError
        For nan, zero vectors, or shapes that do not fit.

    Examples
    --------
    >>> place([[1, 0.01]], [[1, 0], [0, 1]], [[5, 5], [9, 9]]).round(1).tolist()
    [[5.0, 5.0]]
    """
    unit, fresh = unit_rows(vectors), unit_rows(new, "new vectors")
    if fresh.shape[1] != unit.shape[1]:
        raise DataError(
            "the new vectors are of another encoder",
            got=f"{fresh.shape[1]} dimensions",
            wanted=unit.shape[1],
        )
    return _among(fresh, _finder(unit, seed), _checked_start(coordinates, len(unit)))


def check_pair(base: np.ndarray, tuned: np.ndarray) -> None:
    """Raise DataError unless there is a tuned vector for each base vector."""
    if len(base) != len(tuned):
        got, wanted = f"{len(tuned)} tuned", f"{len(base)}, as in base"
        raise DataError("the two encoders' vectors differ in number", got=got, wanted=wanted)


def provenance(rows: int, settings: MapSettings | None = None, seed: int = 0) -> dict[str, Any]:
    """What the coordinates of `rows` patents depend on besides their vectors, for a manifest.

    The same values give the same coordinates on one kind of processor. The number of threads has
    no part in it.
    """
    settings = settings or MapSettings()
    out: dict[str, Any] = {"method": settings.method, "seed": seed}
    packages: tuple[str, ...] = _PACKAGES[:2]
    if settings.method == "umap":
        sample = _sample(rows, seed, settings.fit_sample, settings.neighbors)
        fitted = rows if sample is None else len(sample)
        exact = fitted <= _EXACT_ROWS
        packages = _PACKAGES if exact else (*_PACKAGES, "faiss-cpu", "faiss-gpu")
        if _cuml():
            out["laid out by"] = f"cuml {import_module('cuml').__version__}"
        out |= {
            "neighbors": min(settings.neighbors, rows - 1),
            "min_dist": settings.min_dist,
            "laid out": fitted,
            "neighbours found": "exactly" if exact else "approximately",
        }
    found = {}
    for name in packages:
        try:
            found[name] = version(name)
        except PackageNotFoundError:  # one of the two builds of faiss
            continue
    return out | {"versions": found, "machine": platform.machine()}


def _project(
    unit: np.ndarray,
    seed: int,
    n_neighbors: int,
    min_dist: float,
    method: str,
    fit_sample: int | None,
    start: Any = None,
    near: Near | None = None,
) -> np.ndarray:
    _check_settings(len(unit), n_neighbors, min_dist, method)
    n_neighbors = min(n_neighbors, len(unit) - 1)
    onto = None if start is None else _checked_start(start, len(unit))
    if method == "pca":
        out = _pca(unit)
        return out if onto is None else _procrustes(onto, out)
    sample = _sample(len(unit), seed, fit_sample, n_neighbors)
    if sample is not None or near is None:
        near = _neighbours(unit if sample is None else unit[sample], n_neighbors, seed)
    elif near.ids.shape != (len(unit), n_neighbors):
        wanted = f"({len(unit)}, {n_neighbors})"
        raise DataError("the neighbours do not fit", got=near.ids.shape, wanted=wanted)
    rows = slice(None) if sample is None else sample
    begin = _pca(unit[rows]) if onto is None else onto[rows]
    out = _umap(unit[rows], seed, min_dist, begin, near)
    if onto is not None:
        out = _procrustes(begin, out)
    if sample is None:
        return out
    every = np.empty((len(unit), 2), dtype=np.float32)
    every[sample] = out
    rest = np.setdiff1d(np.arange(len(unit)), sample)
    every[rest] = _among(unit[rest], _finder(unit[sample], seed), out)
    return every


def _checked_start(start: Any, rows: int) -> np.ndarray:
    onto = check_matrix(start, "coordinates to start from", width=2)
    if len(onto) != rows:
        raise DataError(
            "the coordinates to start from are of other patents", got=len(onto), wanted=rows
        )
    return onto


def _check_settings(
    rows: int, n_neighbors: int, min_dist: float = 0.1, method: str = "umap"
) -> None:
    choose(method, METHODS, "projection method")
    if isinstance(n_neighbors, bool) or not isinstance(n_neighbors, int) or n_neighbors < 2:
        raise ConfigError("n_neighbors is not a whole number above 1", got=repr(n_neighbors))
    if not 0 <= min_dist <= 1:
        raise ConfigError("min_dist is out of range", got=min_dist, wanted="0 to 1")
    if rows < 3:
        raise TooFew("too few vectors for a map", got=rows, wanted="3 or more")


def _sample(rows: int, seed: int, fit_sample: int | None, n_neighbors: int) -> np.ndarray | None:
    """Rows to lay out, in order; None for all."""
    if fit_sample is None:
        fit_sample = rows if rows <= FIT_ROWS else _FIT_SAMPLE
    elif (
        isinstance(fit_sample, bool) or not isinstance(fit_sample, int) or fit_sample <= n_neighbors
    ):
        got = repr(fit_sample)
        wanted = f"a whole number above {n_neighbors}, the number of neighbors"
        raise ConfigError("fit_sample does not fit", got=got, wanted=wanted)
    if fit_sample >= rows:
        return None
    return np.sort(np.random.default_rng(seed).choice(rows, fit_sample, replace=False))


def _pca(unit: np.ndarray) -> np.ndarray:
    """First two principal components (n, 2), signs such that the largest loading is positive."""
    mean = unit.mean(axis=0, dtype=np.float64)
    out = np.zeros((len(unit), 2), dtype=np.float32)
    # Sums that threads share differ in the last bit, and UMAP makes wholly different maps of that.
    with threadpool_limits(1):
        spread = np.zeros((unit.shape[1], unit.shape[1]))
        for block in blocks(len(unit)):
            centred = unit[block] - mean
            spread += centred.T @ centred
        values, axes = np.linalg.eigh(spread)
        axes = axes[:, np.argsort(-values, kind="stable")[:2]]
        axes = axes * np.sign(axes[np.abs(axes).argmax(axis=0), np.arange(axes.shape[1])])
        for block in blocks(len(unit)):
            out[block, : axes.shape[1]] = (unit[block] - mean) @ axes
    return out


def _umap(
    unit: np.ndarray, seed: int, min_dist: float, start: np.ndarray, near: Near
) -> np.ndarray:
    """UMAP from given coordinates and neighbours: in one thread, or on a GPU by cuml."""
    # UMAP's own scale for given coordinates, and a hair of noise that parts equal vectors.
    begin = start - start.mean(axis=0)
    begin = begin / (np.abs(begin).max() or 1.0) * 10
    begin = begin + np.random.default_rng(seed).normal(scale=1e-3, size=begin.shape)
    gpu = _cuml()
    if gpu is None:
        from umap import UMAP

        # else few rows are compared again
        own: dict[str, Any] = {"n_jobs": 1, "force_approximation_algorithm": True}
    else:
        UMAP, own = gpu.UMAP, {"output_type": "numpy"}
    model = UMAP(
        n_neighbors=near.ids.shape[1],
        min_dist=min_dist,
        metric="cosine",
        n_epochs=500 if len(unit) <= 10_000 else 200,
        init=begin.astype(np.float32),
        random_state=seed,
        precomputed_knn=tuple(near),
        **own,
    )
    with warnings.catch_warnings(), threadpool_limits(1):
        warnings.simplefilter("ignore", UserWarning)  # that new vectors cannot be added to it
        return np.asarray(model.fit_transform(unit), dtype=np.float32)


def _cuml() -> Any:
    """The module that has cuml's UMAP, where that is installed and there is a GPU; else None."""
    if find_spec("cuml") is None or find_device().type != "cuda":
        return None
    return import_module("cuml.manifold")


def _neighbours(unit: np.ndarray, count: int, seed: int) -> Near:
    """Positions and cosine distances (n, count) of each row's nearest, itself first."""
    own = np.arange(len(unit))[:, None]
    find = _finder(unit, seed)
    parts = [find(unit[block], count) for block in blocks(len(unit), _BLOCK)]
    found, similarity = (np.concatenate(part) for part in zip(*parts, strict=True))
    # Itself may come after equal vectors, or not at all: then the last one goes for it.
    others = np.argsort(found == own, axis=1, kind="stable")[:, : count - 1]
    found, similarity = (np.take_along_axis(each, others, axis=1) for each in (found, similarity))
    distance = np.clip(1 - similarity, 0, 2).astype(np.float32)
    return Near(np.hstack([own, found]), np.hstack([np.zeros_like(distance[:, :1]), distance]))


_Find = Callable[[np.ndarray, int], tuple[np.ndarray, np.ndarray]]


def _among(unit: np.ndarray, find: _Find, placed: np.ndarray, count: int = 5) -> np.ndarray:
    """The weighted mean of the places of each row's nearest."""
    out = np.empty((len(unit), 2), dtype=np.float32)
    for block in blocks(len(unit), _BLOCK):
        found, similarity = find(unit[block], min(count, len(placed)))
        # Relative to the best, so that the nearest lead alike in dense regions and in thin ones.
        weight = np.exp((similarity - similarity.max(axis=1, keepdims=True)) / 0.05)
        weight /= weight.sum(axis=1, keepdims=True)
        out[block] = np.einsum("ij,ijk->ik", weight, placed[found])
    return out


def _finder(unit: np.ndarray, seed: int) -> _Find:
    """A function of queries and k: positions and cosines (m, k) of the nearest rows of `unit`.

    Exact up to `_EXACT_ROWS`; above, among the lists of an inverted file (98 to 99 of 100 found).
    """

    def exact(queries: np.ndarray, count: int) -> tuple[np.ndarray, np.ndarray]:
        with threadpool_limits(1):
            return nearest(queries, unit, count)

    if len(unit) <= _EXACT_ROWS:
        return exact
    try:
        import faiss
    except ImportError as error:
        fix = "Install patentcl[cpu] or patentcl[gpu], or use method='pca'"
        raise MissingExtra("faiss is not installed", fix=fix) from error
    lists = 2 ** round(np.log2(4 * np.sqrt(len(unit))))
    centres = faiss.IndexFlatIP(unit.shape[1])
    index = faiss.IndexIVFFlat(centres, unit.shape[1], lists, faiss.METRIC_INNER_PRODUCT)
    index.cp.seed = seed
    index.nprobe = max(16, lists // 32)
    with threadpool_limits(1):
        index.train(unit)
        index.add(unit)

    def near(queries: np.ndarray, count: int) -> tuple[np.ndarray, np.ndarray]:
        with threadpool_limits(1):
            score, chosen = centres.search(queries, index.nprobe)
        # Threads share the queries out here, and each query is read by one of them.
        preassigned: Any = index.search_preassigned  # the stubs know the method of C++ alone
        similarity, found = preassigned(queries, count, chosen, score)
        short = found[:, -1] < 0
        if short.any():
            found[short], similarity[short] = exact(queries[short], count)
        return found, similarity

    return near


def _procrustes(onto: np.ndarray, points: np.ndarray) -> np.ndarray:
    """Turn, mirror, scale and shift points (n, 2) so that they lie as near as can be to others."""
    a = onto - onto.mean(axis=0, dtype=np.float64)
    b = points - points.mean(axis=0, dtype=np.float64)
    with threadpool_limits(1):
        turn, size = orthogonal_procrustes(b, a)
    scale = size / ((b**2).sum() or 1.0)
    return (scale * b @ turn + onto.mean(axis=0)).astype(np.float32)
