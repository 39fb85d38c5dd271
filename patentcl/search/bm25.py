"""BM25 over words: search that needs no training, and the baseline of all that does."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cache, cached_property, lru_cache
from pathlib import Path
from threading import Lock
from typing import Any

import numpy as np
from scipy import sparse

from patentcl.core.arrays import blocks, top_k
from patentcl.core.errors import ConfigError, DataError
from patentcl.core.reading import read_npz, reading

WEIGHT = 0.8
"""Share of the cosine in a hybrid score; the rest is BM25 over the highest of the query."""
_ONE_AT_A_TIME = Lock()  # a stemmer keeps the word that it works on


class BM25:
    """Okapi BM25 over the English stems of words (Robertson and Zaragoza, FnTIR 2009; Porter).

    Each stem of a query weighs ``idf * tf (k1 + 1) / (tf + k1 (1 - b + b length / mean length))``
    in a document, with ``idf = ln(1 + (N - df + 0.5) / (df + 0.5))``, and counts once however often
    the query has it (k3 = 0): queries are whole abstracts. `weight` is the share of the cosine
    where both are mixed. A text is a str, or a list of stems.
    """

    def __init__(self, texts: Sequence[str | list[str]], k1: float = 0.8, b: float = 0.75) -> None:
        if not k1 >= 0 or not 0 <= b <= 1:
            wanted = "k1 >= 0 and b in [0, 1]"
            raise ConfigError("BM25 parameters out of range", got=f"k1={k1}, b={b}", wanted=wanted)
        self._words = _counter()
        try:
            counts = sparse.csr_matrix(self._words.fit_transform(texts))
        except ValueError as error:
            raise DataError("no text to index has a word", got=str(error)) from error
        self._k1, self._b = k1, b
        self._length = length = np.asarray(counts.sum(axis=1)).ravel()
        document_frequency = np.bincount(counts.indices, minlength=counts.shape[1])
        idf = np.log1p((len(length) - document_frequency + 0.5) / (document_frequency + 0.5))
        norm = np.repeat(k1 * (1 - b + b * length / length.mean()), np.diff(counts.indptr))
        weight = counts.data * (k1 + 1) / (counts.data + norm) * idf[counts.indices]
        counts.data = weight.astype(np.float32)
        self._weights = counts.T.tocsr()  # words x documents
        self.weight = WEIGHT

    _vocabulary: list[str]

    @cached_property
    def _words(self) -> Any:
        """Counts the words of texts. Made when first used: search by vectors has no use for it."""
        return _counter(self._vocabulary, self._stemmed)

    _stemmed = True

    def changed(self, keep: np.ndarray, texts: Sequence[str] = ()) -> BM25:
        """The same of the documents of a mask (n,) and of more texts after them.

        How often a word stands in a document follows from its weight.
        """
        if not self._length.size or not self._stemmed:
            fix = "Build the index again"
            raise DataError("the words of an older index cannot be changed", fix=fix)
        weights, length = self._weights.T.tocsr(), self._length / self._length.mean()
        n, found = weights.shape[0], np.bincount(weights.indices, minlength=weights.shape[1])
        most = np.log1p((n - found + 0.5) / (found + 0.5))[weights.indices] * (self._k1 + 1)
        norm = np.repeat(self._k1 * (1 - self._b + self._b * length), np.diff(weights.indptr))
        times = np.rint(weights.data * norm / (most - weights.data)).astype(np.int64)
        words = np.repeat(self._words.get_feature_names_out()[weights.indices], times)
        ends = np.r_[0, times.cumsum()][weights.indptr]
        old = [words[ends[i] : ends[i + 1]].tolist() for i in np.flatnonzero(keep)]
        out = BM25([*old, *texts], self._k1, self._b)
        out.weight = self.weight
        return out

    def save(self, path: Path) -> None:
        """Write words and weights into one ``.npz`` file."""
        words = "\n".join(self._words.get_feature_names_out()).encode()
        w = self._weights
        np.savez(
            path,
            words=np.frombuffer(words, np.uint8),
            data=w.data,
            indices=w.indices,
            indptr=w.indptr,
            documents=w.shape[1],
            weight=self.weight,
            parameters=(self._k1, self._b),
            stemmed=self._stemmed,
            length=self._length,
        )

    @classmethod
    def load(cls, path: Path, documents: int) -> BM25:
        """Read what `save` wrote for so many documents."""
        out, fix = object.__new__(cls), "Build the index again"
        kept = read_npz(path, fix)
        with reading(path, "the words cannot be read", fix):
            words = kept["words"].tobytes().decode().split("\n")
            shape = (len(words), int(kept["documents"]))
            out.weight = float(kept["weight"])
            parts = (kept["data"], kept["indices"], kept["indptr"])
            out._weights = sparse.csr_matrix(parts, shape=shape)
            out._weights.check_format()
            if not (0 <= out.weight <= 1 and np.isfinite(out._weights.data).all()):
                raise ValueError("a weight out of range")
            if len(set(words)) < len(words):
                raise ValueError("a word twice")
            out._vocabulary = words
            out._length = kept.get("length", np.empty(0))  # older files have none
            out._stemmed = bool(kept.get("stemmed", False))
            out._k1, out._b = map(float, kept.get("parameters", (1.2, 0.75)))
            if out._length.shape not in (shape[1:], (0,)):
                raise ValueError("lengths of other documents")
        if shape[1] != documents:
            got, wanted = f"{shape[1]} documents", documents
            raise DataError("the words are of another index", where=path, got=got, wanted=wanted)
        return out

    def _counted(self, queries: Sequence[str]) -> sparse.csr_matrix:
        """Which words stand in which query, float32 (n_queries, n_words) of 1."""
        counts = sparse.csr_matrix(self._words.transform(queries))
        counts.data[:] = 1
        return counts

    def scores(self, queries: Sequence[str]) -> np.ndarray:
        """Scores of all documents, float32 (n_queries, n_documents)."""
        return np.asarray((self._counted(queries) @ self._weights).toarray())

    def terms(self, query: str, document: int, most: int = 5) -> list[str]:
        """The words of a query that weigh most in a document, the heaviest first."""
        counts, column = self._counted([query]), self._words.vocabulary_
        weight = self._weights[counts.indices, document].toarray().ravel()
        found = dict(zip(counts.indices, weight, strict=True))
        words = {column.get(stem(w) if self._stemmed else w): w for w in _words_of(query)[::-1]}
        best = sorted(found, key=lambda c: (-found[c], c))[:most]
        return [words[c] for c in best if found[c] > 0]

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
        rows = [top_k(np.empty((0, self._weights.shape[1]), dtype=np.float32), k)]
        for part in blocks(len(queries), block):
            scores = self.scores(queries[part])
            if without is not None:
                scores[np.arange(len(scores)), without[part]] = 0
            rows.append(top_k(scores, k))
        return sparse.csr_matrix(sparse.vstack(rows))


def _counter(words: Sequence[str] | None = None, stemmed: bool = True) -> Any:
    from sklearn.feature_extraction.text import CountVectorizer

    of = stems if stemmed else _words_of
    return CountVectorizer(analyzer=of, dtype=np.float32, vocabulary=words)


def _words_of(text: str) -> list[str]:
    return re.findall(r"\w+", text.lower())


def stems(text: str | list[str]) -> list[str]:
    """The English stems of a text's words; a list holds stems already.

    Examples
    --------
    >>> stems("Batteries of a battery")
    ['batteri', 'of', 'a', 'batteri']
    """
    return text if isinstance(text, list) else [stem(word) for word in _words_of(text)]


@lru_cache(1 << 20)
def stem(word: str) -> str:
    """The English stem of a lower-cased word."""
    with _ONE_AT_A_TIME:
        return str(_stemmer().stemWord(word))


@cache
def _stemmer() -> Any:
    import snowballstemmer

    return snowballstemmer.stemmer("english")
