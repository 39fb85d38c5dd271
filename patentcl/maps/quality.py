"""How much of what vectors say is kept by a map."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from patentcl.core.arrays import check_matrix, nearest, unit_rows
from patentcl.core.errors import DataError, TooFew
from patentcl.maps.clusters import UNLABELLED

_ASKED = 5_000  # patents that are looked at: a sample says as much
_COMPARED = 2_000  # for trustworthiness, which compares all pairs


def map_quality(
    vectors: Any, coordinates: Any, labels: Iterable[str | None], k: int = 10, seed: int = 0
) -> dict[str, float]:
    """Figures of a map: do near points share labels, and were they near before?

    Parameters
    ----------
    vectors : array_like, shape (n, d)
    coordinates : array_like, shape (n, 2)
    labels : sequence of str, length n
        Class of each patent that the map was not made from; empty or None for none.
    k : int
        Nearest patents that are looked at.

    Returns
    -------
    dict
        Of at most 5,000 patents with a label, drawn at random: ``purity``, the share of their `k`
        nearest on the map that have their label; ``full_purity``, the same by the vectors;
        ``v_measure`` of k-means on the map against the labels; and ``trustworthiness`` of 2,000 of
        them: 1 where points that are near on the map were near before.

    Raises
    ------
    DataError
        For wrong shapes; `TooFew` for fewer patents with a label than 2 k + 1.

    References
    ----------
    Venna and Kaski, Neighborhood preservation in nonlinear projection methods, ICANN 2001;
    Rosenberg and Hirschberg, V-measure, EMNLP-CoNLL 2007.
    """
    from scipy.spatial import cKDTree
    from sklearn.cluster import KMeans
    from sklearn.manifold import trustworthiness

    from patentcl.metrics.space import cluster_agreement

    unit, points = unit_rows(vectors), check_matrix(coordinates, "coordinates", width=2)
    names = np.array([UNLABELLED if x is None or x != x else x for x in labels], dtype=object)
    if not len(unit) == len(points) == len(names):
        got = f"{len(unit)}, {len(points)} and {len(names)}"
        raise DataError("vectors, coordinates and labels differ in number", got=got)
    rows = np.random.default_rng(seed).permutation(np.flatnonzero(names != UNLABELLED))[:_ASKED]
    if len(rows) <= 2 * k:
        raise TooFew("too few patents with a label", got=len(rows), wanted=f"above {2 * k}")
    unit, points, names = unit[rows], points[rows], names[rows]
    beside = cKDTree(points).query(points, k=k + 1)[1]
    own = beside == np.arange(len(rows))[:, None]
    own[~own.any(axis=1), -1] = True  # hidden by equal points
    beside = beside[~own].reshape(len(rows), k)
    before, _ = nearest(unit, unit, k, own=np.arange(len(rows)))
    means = KMeans(
        min(len(set(names)), len(np.unique(points, axis=0))), n_init=3, random_state=seed
    )
    few = slice(_COMPARED)
    return {
        "purity": float((names[beside] == names[:, None]).mean()),
        "full_purity": float((names[before] == names[:, None]).mean()),
        "v_measure": cluster_agreement(names, means.fit_predict(points))["v_measure"],
        "trustworthiness": float(
            trustworthiness(unit[few], points[few], n_neighbors=k, metric="cosine")
        ),
    }
