"""Baselines that need no training: BM25 over words."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy import sparse

from patentcl.core.errors import ConfigError, DataError


class BM25:
    """Okapi BM25 over lower-cased words and their number of occurrences.

    Each query word weighs ``idf * tf (k1 + 1) / (tf + k1 (1 - b + b length / mean length))`` in a
    document, with ``idf = ln(1 + (N - df + 0.5) / (df + 0.5))``; a word that stands twice in the
    query counts twice.

    Parameters
    ----------
    texts : sequence of str
        The documents.
    k1, b : float
        How soon repetition stops to count, and how much long documents are held back.

    References
    ----------
    Robertson and Zaragoza, The Probabilistic Relevance Framework, FnTIR 2009.

    Examples
    --------
    >>> BM25(["a mower", "a brewing kettle"]).search(["mower blade"], k=1).indices.tolist()
    [0]
    """

    def __init__(self, texts: Sequence[str], k1: float = 1.2, b: float = 0.75) -> None:
        from sklearn.feature_extraction.text import CountVectorizer

        if not k1 >= 0 or not 0 <= b <= 1:
            raise ConfigError(
                "BM25 parameters out of range",
                got=f"k1={k1}, b={b}",
                wanted="k1 >= 0 and b in [0, 1]",
            )
        self._words = CountVectorizer(token_pattern=r"(?u)\b\w+\b", dtype=np.float32)
        try:
            counts = self._words.fit_transform(texts)
        except ValueError as error:
            raise DataError("no text to index has a word", got=str(error)) from error
        counts = sparse.csr_matrix(counts)
        length = np.asarray(counts.sum(axis=1)).ravel()
        document_frequency = np.bincount(counts.indices, minlength=counts.shape[1])
        idf = np.log1p((len(length) - document_frequency + 0.5) / (document_frequency + 0.5))
        norm = k1 * (1 - b + b * length / length.mean())
        row = np.repeat(np.arange(len(length)), np.diff(counts.indptr))
        counts.data = (
            counts.data * (k1 + 1) / (counts.data + norm[row]) * idf[counts.indices]
        ).astype(np.float32)
        self._weights = counts.T.tocsr()  # words x documents

    def search(
        self,
        queries: Sequence[str],
        k: int = 10,
        without: np.ndarray | None = None,
        block: int = 64,
    ) -> sparse.csr_matrix:
        """Score the k best documents of each query.

        Parameters
        ----------
        queries : sequence of str
        k : int
        without : ndarray of int, shape (n_queries,), optional
            One document for each query that must not be among its results: the query itself.
        block : int
            Queries at a time, which bounds the memory used.

        Returns
        -------
        csr_matrix of float32, shape (n_queries, n_documents)
            Stored entries are the results; ties go to the earlier document.

        Raises
        ------
        ConfigError
            If k is below 1.
        """
        counts = sparse.csr_matrix(self._words.transform(queries))
        rows = [top_k(np.empty((0, self._weights.shape[1]), dtype=np.float32), k)]
        for start in range(0, counts.shape[0], block):
            scores = (counts[start : start + block] @ self._weights).toarray()
            if without is not None:
                scores[np.arange(len(scores)), without[start : start + block]] = 0
            rows.append(top_k(scores, k))
        return sparse.csr_matrix(sparse.vstack(rows))


def top_k(scores: np.ndarray, k: int) -> sparse.csr_matrix:
    """Keep the k largest scores above 0 of each row; ties go to the lower column.

    Examples
    --------
    >>> top_k(np.array([[1.0, 3.0, 1.0, 0.0]]), k=2).toarray().tolist()
    [[1.0, 3.0, 0.0, 0.0]]
    """
    if k < 1:
        raise ConfigError("k must be at least 1", got=k)
    if scores.size == 0:
        return sparse.csr_matrix(scores.shape, dtype=scores.dtype)
    k = min(k, scores.shape[1])
    best = np.argpartition(-scores, k - 1, axis=1)[:, :k]
    floor = np.take_along_axis(scores, best, axis=1).min(axis=1)
    rows, columns = [], []
    for i, least in enumerate(floor):
        above = np.flatnonzero(scores[i] > least)
        equal = np.flatnonzero(scores[i] == least)[: k - len(above)]
        kept = np.sort(np.concatenate([above, equal]))
        kept = kept[scores[i, kept] > 0]
        rows.append(np.full(len(kept), i))
        columns.append(kept)
    row, column = np.concatenate(rows), np.concatenate(columns)
    return sparse.csr_matrix((scores[row, column], (row, column)), shape=scores.shape)
