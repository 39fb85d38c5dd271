"""Families: patents that continue, divide or reissue one another, from pairs of relatives.

A family is a connected component: a patent, the documents that it names as its parents, other
patents that name the same, and so on. Near-copies of a text are joined to them where it matters
that the same invention never stands on both sides.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from scipy import sparse
from scipy.sparse.csgraph import connected_components

FILE = "family.parquet"
"""Beside ``corpus.parquet`` where the source names relatives: patent_id, family."""


def components(left: np.ndarray, right: np.ndarray, n: int) -> np.ndarray:
    """Number n things so that linked ones, and those linked to them, have the same number.

    Parameters
    ----------
    left, right : ndarray of int, shape (m,)
        Pairs that are linked.
    n : int

    Returns
    -------
    ndarray of int64, shape (n,)
        The least of each component stands for it.

    Examples
    --------
    >>> import numpy as np
    >>> components(np.array([4, 2]), np.array([2, 1]), 5).tolist()
    [0, 1, 1, 3, 1]
    """
    links = sparse.coo_matrix((np.ones(len(left), dtype=bool), (left, right)), shape=(n, n))
    of = connected_components(links, directed=False)[1]
    least = np.full(of.max() + 1 if n else 0, n, dtype=np.int64)
    np.minimum.at(least, of, np.arange(n))
    return least[of]


def united(keys: np.ndarray, families: np.ndarray) -> np.ndarray:
    """Join groups of near-copies that have a family in common, and families that share a text.

    Parameters
    ----------
    keys : ndarray of int, shape (n,)
        Equal for near-copies.
    families : ndarray of int, shape (n,)
        Equal within a family; -1 for none.

    Returns
    -------
    ndarray of int64, shape (n,)
        Numbers from 0, in the order in which they first appear.

    Examples
    --------
    >>> import numpy as np
    >>> united(np.array([0, 0, 1, 2]), np.array([-1, 7, 7, -1])).tolist()
    [0, 0, 0, 1]
    """
    groups = pd.factorize(keys)[0].astype(np.int64)
    inside = families >= 0
    if inside.any():
        n = int(groups.max()) + 1
        of = n + pd.factorize(families[inside])[0]
        groups = components(groups[inside], of, int(of.max()) + 1)[groups]
    return pd.factorize(groups)[0].astype(np.int64)


def write_families(path: Path, relatives: pa.Table, ids: pa.ChunkedArray) -> int:
    """Write the families of two patents and more; returns how many patents are in one.

    Parameters
    ----------
    path : Path
    relatives : pyarrow.Table
        patent_id, document: a patent, and what it continues, divides or reissues, which may be a
        patent, or an application that others name too.
    ids : pyarrow.ChunkedArray of string
        Patents of the corpus: only they are written.
    """
    pairs = relatives.to_pandas()
    nodes, names = pd.factorize(pd.concat([pairs["patent_id"], pairs["document"]]))
    family = components(nodes[: len(pairs)], nodes[len(pairs) :], len(names))
    table = pd.DataFrame({"patent_id": names, "family": family})
    table = table[table["patent_id"].isin(ids.to_pandas())]
    table = table[table.groupby("family")["patent_id"].transform("size") > 1]
    pq.write_table(pa.Table.from_pandas(table.sort_values("patent_id"), preserve_index=False), path)
    return len(table)


def read_families(corpus: Path, ids: pa.ChunkedArray) -> np.ndarray:
    """Families of patents, from the file beside a corpus.

    Returns
    -------
    ndarray of int64, shape (n,)
        Equal within a family; -1 for a patent without one, or where there is no such file.
    """
    path = corpus.with_name(FILE)
    if not path.is_file():
        return np.full(len(ids), -1, dtype=np.int64)
    table = pq.read_table(path).to_pandas()
    found = pd.Series(table["family"].to_numpy(), index=table["patent_id"])
    return found.reindex(ids.to_pandas()).fillna(-1).to_numpy().astype(np.int64)
