"""Groups of points on a map; points between the groups belong to none."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from scipy.spatial import cKDTree

from patentcl.core.arrays import check_matrix
from patentcl.core.errors import ConfigError, DataError, choose
from patentcl.cpc import level_index
from patentcl.maps.naming import Names

METHODS = ("hdbscan", "kmeans")
UNLABELLED = ""
"""The label of points that belong to no group."""

_LAYERS = 3  # resolutions that are kept, so that names can change with the zoom


@dataclass(frozen=True)
class Clusters:
    """Groups of points and their names."""

    cluster: np.ndarray
    """int32 (n,): number of each point's group, 0 the largest; -1 for points in none."""
    labels: np.ndarray
    """str (object), (n,): name of each point's group; `UNLABELLED` for points in none."""
    table: pd.DataFrame
    """One row for each group: cluster, size, label, code, title, share (of the group's patents with
    codes that have the code), lift (share over the share in the whole) and terms; all but the size
    are of its dense part, without points that joined it."""
    layers: tuple[np.ndarray, ...] = ()
    """Names (n,) as `labels`, of up to three resolutions from coarse to fine; one is `labels`."""


def cluster(
    points: Any,
    *,
    codes: Sequence[Iterable[str]] | None = None,
    texts: Collection[str | None] | None = None,
    titles: Mapping[str, str] | None = None,
    method: str = "hdbscan",
    size: int | None = None,
    level: str = "subclass",
    seed: int = 0,
) -> Clusters:
    """Find groups of points and name them.

    A group is named by the title of the symbol that is over-represented in it, or by the terms that
    its titles use more than the others do. Dense groups are found at several resolutions (PLSCAN);
    the main one lasts longest, with about ``sqrt(n) / 2`` groups, 4 to 60. A point between groups
    joins the nearest one, unless it is far from all or between two.

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
        Fewest points of a group (hdbscan) or about how many (kmeans, n / 150 and at least 15 by
        default). With it, hdbscan's finest resolution is the main one.
    level : str
        Level of the symbols that name groups.
    seed : int
        Of kmeans.

    References
    ----------
    Bot et al., Persistent multiscale density-based clustering, 2025; McInnes and Healy, Accelerated
    hierarchical density based clustering, ICDMW 2017.

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
    if size is not None and not 2 <= size <= n:
        raise ConfigError("the size of a group does not fit", got=size, wanted=f"2 to {n}")
    if method == "hdbscan":
        found, main = _hdbscan(array, size)
    else:
        found, main = [_kmeans(array, min(size or max(15, n // 150), n), seed)], 0
    numbers = [_by_size(_joined(array, layer)) for layer in found]
    names = Names(codes, texts, titles or {})
    tables = []
    for layer, number in zip(found, numbers, strict=True):  # named by those that did not just join
        table = names.table(np.where(layer < 0, -1, number), level)
        tables.append(table.assign(size=np.bincount(number[number >= 0], minlength=len(table))))
    layers = tuple(
        np.array([*table["label"], UNLABELLED], dtype=object)[number]
        for number, table in zip(numbers, tables, strict=True)
    )
    return Clusters(numbers[main], layers[main], tables[main], layers)


def _hdbscan(points: np.ndarray, size: int | None) -> tuple[list[np.ndarray], int]:
    """Groups at up to `_LAYERS` resolutions from coarse to fine, and which is the main one."""
    from fast_hdbscan import PLSCAN

    n = len(points)
    least = size or max(5, min(10, n // 60), n // 600)
    none = np.full(n, -1)
    if n < 2 * least:
        return [none], 0
    model = PLSCAN(min_samples=min(10, least), base_min_cluster_size=least, reproducible=True)
    model.fit(np.ascontiguousarray(points, dtype=np.float64))
    every = zip(model.cluster_layers_, model.layer_persistence_scores_, strict=True)
    found = [(layer, lasting) for layer, lasting in every if layer.max() > 0][::-1]
    if not found:
        return [none], 0
    layers = [layer for layer, _ in found]
    count = np.array([layer.max() + 1 for layer in layers])
    # What lasts over many sizes of groups, and has about as many as a map can name.
    apart = np.abs(np.log(count / np.clip(np.sqrt(n) / 2, 4, 60)))
    lasting = np.array([score for _, score in found]) / n
    main = int(count.argmax() if size else (lasting - apart).argmax())
    first = max(0, min(main - 1, len(layers) - _LAYERS))
    return layers[first : first + _LAYERS], main - first


def _joined(points: np.ndarray, found: np.ndarray) -> np.ndarray:
    """Points in no group join one that has 7 of the 10 nearest points in groups, if these are near.

    Near is 6 times as far as in groups, in the median.
    """
    alone, inside = np.flatnonzero(found < 0), np.flatnonzero(found >= 0)
    near = min(10, len(inside) - 1)
    if not alone.size or near < 1:
        return found
    tree, out = cKDTree(points[inside]), found.copy()
    usual = np.median(tree.query(points[inside], k=[near + 1])[0])
    far, beside = tree.query(points[alone], k=range(1, near + 1))
    votes = np.apply_along_axis(np.bincount, 1, found[inside][beside], minlength=found.max() + 1)
    sure = (votes.max(axis=1) >= 0.7 * near) & (far[:, -1] <= 6 * usual)
    out[alone[sure]] = votes.argmax(axis=1)[sure]
    return out


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
