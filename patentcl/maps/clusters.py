"""Groups of points on a map; points between the groups belong to none."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from patentcl.core.arrays import blocks, check_matrix
from patentcl.core.errors import ConfigError, DataError, choose
from patentcl.cpc import level_index
from patentcl.maps.naming import name_groups

METHODS = ("hdbscan", "kmeans")
UNLABELLED = ""
"""The label of points that belong to no group."""

_FIT_ROWS = 30_000  # HDBSCAN is quadratic: more points than this take the label of their neighbours


@dataclass(frozen=True)
class Clusters:
    """Groups of points and their names."""

    cluster: np.ndarray
    """int32 (n,): number of each point's group, 0 the largest; -1 for points in none."""
    labels: np.ndarray
    """str (object), (n,): name of each point's group; `UNLABELLED` for points in none."""
    table: pd.DataFrame
    """One row for each group: cluster, size, label, code, title, share (of the group's patents with
    codes that have the code), lift (share over the share in the whole) and terms."""


def cluster(
    points: Any,
    *,
    codes: Sequence[Iterable[str]] | None = None,
    texts: Sequence[str | None] | None = None,
    titles: Mapping[str, str] | None = None,
    method: str = "hdbscan",
    size: int | None = None,
    level: str = "subclass",
    seed: int = 0,
) -> Clusters:
    """Find groups of points and name them.

    A group is named by the title of the symbol that is over-represented in it, or by the terms that
    its titles use more than the others do.

    Parameters
    ----------
    points : array_like, shape (n, d)
        Coordinates on a map, or vectors.
    codes : sequence of iterables of str, optional
        Classification symbols of each point, none for some.
    texts : sequence of str, optional
        Title of each point, empty for some.
    titles : mapping of str to str, optional
        Titles of symbols of `level`, and of the level below for groups that share a symbol.
    method : {"hdbscan", "kmeans"}
        Dense regions of any shape, with points in none; or as many round groups as fit.
    size : int, optional
        Fewest points of a group (hdbscan) or about how many (kmeans): n / 150, at least 15, by
        default.
    level : str
        Level of the symbols that name groups.
    seed : int
        Of the sample that hdbscan looks at above 30,000 points, and of kmeans.

    Raises
    ------
    DataError
        For nan, wrong shapes, or lists of another length than the points.
    ConfigError
        For an unknown method or level, or a size that does not fit.

    Examples
    --------
    >>> found = cluster([[0, 0], [0, 1], [1, 0], [9, 9], [9, 8], [8, 9]], method="kmeans", size=3,
    ...                 texts=["mower", "mower blade", "mower", "battery", "battery", "cell"])
    >>> sorted(found.table["label"])
    ['Battery, cell', 'Mower, blade']
    """
    array = check_matrix(points, "points")
    n = len(array)
    choose(method, METHODS, "clustering method")
    level_index(level)  # checks it
    for name, values in (("codes", codes), ("texts", texts)):
        if values is not None and len(values) != n:
            raise DataError(f"{name} and points differ in number", got=len(values), wanted=n)
    if size is None:
        size = max(15, n // 150)
    if not 2 <= size <= n:
        raise ConfigError("the size of a group does not fit", got=size, wanted=f"2 to {n}")
    found = _hdbscan(array, size, seed) if method == "hdbscan" else _kmeans(array, size, seed)
    number = _by_size(found)
    table = name_groups(number, codes, texts, titles or {}, level)
    names = np.array([*table["label"], UNLABELLED], dtype=object)
    return Clusters(number, names[number], table)


def _hdbscan(points: np.ndarray, size: int, seed: int) -> np.ndarray:
    from sklearn.cluster import HDBSCAN
    from sklearn.neighbors import KNeighborsClassifier

    n = len(points)
    sample = np.arange(n)
    if n > _FIT_ROWS:
        sample = np.sort(np.random.default_rng(seed).choice(n, _FIT_ROWS, replace=False))
    least = max(2, round(size * len(sample) / n))

    def fit(most: int | None) -> np.ndarray:
        model = HDBSCAN(
            min_cluster_size=least, min_samples=min(10, least), copy=True, max_cluster_size=most
        )
        return np.asarray(model.fit(points[sample]).labels_)

    found, most = fit(None), len(sample) // 5
    if np.bincount(found + 1)[1:].max(initial=0) > most >= 2 * least:
        found = _divided(points[sample], found, fit(max(2 * least, most // 2)), most)
    if len(sample) == n:
        return found
    near = KNeighborsClassifier(n_neighbors=5).fit(points[sample], found)
    return np.concatenate([near.predict(points[block]) for block in blocks(n)])


def _divided(points: np.ndarray, found: np.ndarray, parts: np.ndarray, most: int) -> np.ndarray:
    """Divide groups of more than `most` points among the denser parts that they consist of.

    Where dense regions touch, one group can swallow half of the map. A group that is dense all
    through, without parts, stays as it is.
    """
    from sklearn.neighbors import KNeighborsClassifier

    out, fresh = found.copy(), int(found.max(initial=-1)) + 1
    for group in np.flatnonzero(np.bincount(found[found >= 0]) > most):
        inside = np.flatnonzero(found == group)
        core = inside[parts[inside] >= 0]
        if len(np.unique(parts[core])) < 2:
            continue
        near = KNeighborsClassifier(n_neighbors=min(5, len(core))).fit(points[core], parts[core])
        out[inside] = fresh + near.predict(points[inside])
    return np.unique(out, return_inverse=True)[1] - int((out < 0).any())


def _kmeans(points: np.ndarray, size: int, seed: int) -> np.ndarray:
    from sklearn.cluster import KMeans

    count = min(max(1, round(len(points) / size)), len(np.unique(points, axis=0)))
    return np.asarray(KMeans(count, n_init=3, random_state=seed).fit(points).labels_)


def _by_size(found: np.ndarray) -> np.ndarray:
    """Number groups from the largest to the smallest; -1 stays."""
    inside = found >= 0
    count = np.bincount(found[inside]) if inside.any() else np.empty(0, dtype=int)
    order = np.argsort(-count, kind="stable")
    rank = np.empty(len(order) + 1, dtype=np.int32)
    rank[order] = np.arange(len(order))
    rank[-1] = -1
    return rank[found]
