"""Evidence for predicted codes: the nearest labelled patents that carry them.

They are found exactly, however rare a code is: by vectors in an index, or by the words of texts.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from scipy import sparse

from patentcl.core.errors import ConfigError, DataError

if TYPE_CHECKING:
    from patentcl.cpc import CpcTree
    from patentcl.data.corpus import Corpus
    from patentcl.search.index import PatentIndex

REACH = 100
"""Neighbours looked at for all codes of a patent together; a code that too few of them carry is
looked for on its own."""


@dataclass(frozen=True)
class Neighbour:
    """A labelled patent that carries a predicted code, and the cosine similarity to it."""

    patent_id: str
    title: str
    similarity: float


Found = dict[str, list[Neighbour]]
"""For each predicted symbol of a patent its neighbours, from most to least similar."""


class VectorEvidence:
    """Finds evidence among the patents of an index, which needs ``codes`` and shows ``title``.

    At most `per_code` patents are given for a code. `encode` turns texts into vectors of the
    index's encoder; None where the classifier's own inputs are such vectors. Codes of the index
    that lie outside `tree`, the classifier's, do not count.
    """

    def __init__(
        self,
        index: PatentIndex,
        tree: CpcTree,
        per_code: int = 3,
        encode: Callable[[Sequence[Any]], np.ndarray] | None = None,
    ) -> None:
        _check_number(per_code)
        if "codes" not in index.meta:
            fix = "Build it with meta=corpus.frame()"
            raise DataError("the index has no codes, so it holds no evidence", fix=fix)
        self.index, self.tree, self.per_code, self.encode = index, tree, per_code, encode
        self._carries = tree.encode(index.meta["codes"].tolist(), unknown="drop")
        self._titles = (
            index.meta["title"].fillna("").astype(str).to_numpy()
            if "title" in index.meta
            else np.full(len(index), "")
        )
        self._row_of = pd.Index(index.ids)

    def find(self, vectors: np.ndarray, chosen: np.ndarray, ids: Sequence[Any]) -> list[Found]:
        """Neighbours for the predicted symbols of each patent.

        Of vectors (n_patents, d) and predictions, bool (n_patents, n_nodes). A patent of the same
        id is no evidence for itself. Fewer than `per_code` come only where fewer carry the code.
        """
        symbols = self.tree.symbols
        out: list[Found] = [{symbols[j]: [] for j in np.flatnonzero(row)} for row in chosen]
        short = chosen.copy()
        for i, rows, similarity in self._nearest(vectors, ids, min(REACH, len(self.index))):
            carried = self._carries[rows]
            for j in np.flatnonzero(chosen[i]):
                at = np.sort(carried[:, [j]].nonzero()[0])
                found = self._neighbours(rows[at], similarity[at])
                out[i][symbols[j]] = found
                short[i, j] = len(found) < self.per_code
        for j in np.flatnonzero(short.any(axis=0)):
            carriers = self._carries[:, [j]].nonzero()[0]
            if not carriers.size:
                continue
            asking = np.flatnonzero(short[:, j])
            names = [ids[int(i)] for i in asking]
            k = min(self.per_code + 1, len(carriers))  # one more: the patent itself may be there
            among = self.index.ids[carriers]
            for a, rows, similarity in self._nearest(vectors[asking], names, k, among):
                out[asking[a]][symbols[j]] = self._neighbours(rows, similarity)
        return out

    def _nearest(
        self, vectors: np.ndarray, ids: Sequence[Any], k: int, among: np.ndarray | None = None
    ) -> Iterator[tuple[int, np.ndarray, np.ndarray]]:
        """Yield query, rows of the index and similarities, the patent itself left out."""
        found = self.index.search(vectors, k, ids=among)
        rows = self._row_of.get_indexer(pd.Index(found["id"]))
        query, similarity = found["query"].to_numpy(), found["similarity"].to_numpy()
        own = self._row_of.get_indexer(pd.Index(np.asarray(ids, dtype=object)))
        for i in range(len(ids)):
            start, stop = np.searchsorted(query, [i, i + 1])
            other = rows[start:stop] != own[i]
            yield i, rows[start:stop][other], similarity[start:stop][other]

    def _neighbours(self, rows: np.ndarray, similarity: np.ndarray) -> list[Neighbour]:
        return [
            Neighbour(str(self.index.ids[row]), str(self._titles[row]), round(float(s), 4))
            for row, s in zip(rows[: self.per_code], similarity[: self.per_code], strict=True)
        ]


class WordEvidence:
    """Finds evidence among the patents of a corpus that have codes of `tree`, by their words.

    Similarity is the cosine of TF-IDF weights, with the logarithm of a word's count in the text.
    """

    def __init__(self, corpus: Corpus, tree: CpcTree, per_code: int = 3) -> None:
        from sklearn.feature_extraction.text import TfidfVectorizer

        _check_number(per_code)
        labels = tree.encode(corpus.codes, unknown="drop")
        rows = np.flatnonzero(np.diff(labels.indptr))
        if not rows.size:
            what = "no patent of the corpus has a code of the classifier"
            raise DataError(what, where=corpus.path)
        texts = corpus.texts
        self.tree, self.per_code = tree, per_code
        self._carriers = sparse.csc_matrix(labels[rows])
        self._ids = corpus.ids[rows]
        self._titles = [texts[i][0] for i in rows]
        self._words = TfidfVectorizer(sublinear_tf=True, dtype=np.float32)
        documents = self._words.fit_transform([_joined(texts[i]) for i in rows])
        self._documents = sparse.csr_matrix(documents.T)

    def encode(self, texts: Sequence[Any]) -> sparse.csr_matrix:
        """Weights of the words of texts or (title, abstract) pairs: CSR (n_texts, n_words)."""
        return sparse.csr_matrix(self._words.transform([_joined(text) for text in texts]))

    def find(self, words: sparse.csr_matrix, chosen: np.ndarray, ids: Sequence[Any]) -> list[Found]:
        """Neighbours as from `VectorEvidence.find`; none that has no word in common."""
        out: list[Found] = []
        for i, row in enumerate(chosen):
            score = (words[i] @ self._documents).toarray().ravel()
            score[self._ids == ids[i]] = 0
            symbols = self.tree.symbols
            out.append({symbols[j]: self._best(score, int(j)) for j in np.flatnonzero(row)})
        return out

    def _best(self, score: np.ndarray, node: int) -> list[Neighbour]:
        start, stop = self._carriers.indptr[node : node + 2]
        rows = self._carriers.indices[start:stop]
        best = rows[np.argsort(-score[rows], kind="stable")[: self.per_code]]
        return [
            Neighbour(str(self._ids[i]), self._titles[i], round(float(score[i]), 4))
            for i in best
            if score[i] > 0
        ]


Evidence = VectorEvidence | WordEvidence


def _check_number(per_code: int) -> None:
    if per_code < 1:
        raise ConfigError("evidence needs at least one patent for each code", got=per_code)


def _joined(text: Any) -> str:
    return text if isinstance(text, str) else " ".join(text)
