"""BM25 over words: search that needs no training, and the baseline of all that does."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy import sparse

from patentcl.core.arrays import blocks, top_k
from patentcl.core.errors import ConfigError, DataError


class BM25:
    """Okapi BM25 over lower-cased words (Robertson and Zaragoza, FnTIR 2009).

    Each query word weighs ``idf * tf (k1 + 1) / (tf + k1 (1 - b + b length / mean length))`` in a
    document, with ``idf = ln(1 + (N - df + 0.5) / (df + 0.5))``; a word that stands twice in the
    query counts twice.
    """

    def __init__(self, texts: Sequence[str], k1: float = 1.2, b: float = 0.75) -> None:
        from sklearn.feature_extraction.text import CountVectorizer

        if not k1 >= 0 or not 0 <= b <= 1:
            wanted = "k1 >= 0 and b in [0, 1]"
            raise ConfigError("BM25 parameters out of range", got=f"k1={k1}, b={b}", wanted=wanted)
        self._words = CountVectorizer(token_pattern=r"(?u)\b\w+\b", dtype=np.float32)
        try:
            counts = sparse.csr_matrix(self._words.fit_transform(texts))
        except ValueError as error:
            raise DataError("no text to index has a word", got=str(error)) from error
        length = np.asarray(counts.sum(axis=1)).ravel()
        document_frequency = np.bincount(counts.indices, minlength=counts.shape[1])
        idf = np.log1p((len(length) - document_frequency + 0.5) / (document_frequency + 0.5))
        norm = np.repeat(k1 * (1 - b + b * length / length.mean()), np.diff(counts.indptr))
        weight = counts.data * (k1 + 1) / (counts.data + norm) * idf[counts.indices]
        counts.data = weight.astype(np.float32)
        self._weights = counts.T.tocsr()  # words x documents

    def search(
        self,
        queries: Sequence[str],
        k: int = 10,
        without: np.ndarray | None = None,
        block: int = 64,
    ) -> sparse.csr_matrix:
        """Scores of the k best documents, float32 CSR (n_queries, n_documents).

        Ties go to the earlier document. `without` names one document for each query that must not
        be among its results: the query itself. `block` queries at a time bound the memory.
        """
        counts = sparse.csr_matrix(self._words.transform(queries))
        rows = [top_k(np.empty((0, self._weights.shape[1]), dtype=np.float32), k)]
        for part in blocks(counts.shape[0], block):
            scores = (counts[part] @ self._weights).toarray()
            if without is not None:
                scores[np.arange(len(scores)), without[part]] = 0
            rows.append(top_k(scores, k))
        return sparse.csr_matrix(sparse.vstack(rows))
