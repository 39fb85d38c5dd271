"""What a classifier says of patents, for people: codes with titles, how sure it is, and evidence.

Evidence for a code are the nearest labelled patents that carry it, found exactly, however rare the
code: nearest in an index of vectors, or, where there is none, by the words of their texts.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from scipy import sparse

from patentcl.classification.decisions import answered_level, outline
from patentcl.core.errors import ConfigError, DataError

if TYPE_CHECKING:
    from patentcl.classification.estimator import PatentClassifier
    from patentcl.cpc import CpcTree
    from patentcl.data.corpus import Corpus
    from patentcl.search.index import PatentIndex

REACH = 100
"""Neighbours looked at for all codes of a patent together; a code that too few of them carry is
looked for on its own."""


@dataclass(frozen=True)
class Neighbour:
    """A labelled patent that speaks for a code."""

    patent_id: str
    title: str
    similarity: float


@dataclass(frozen=True)
class Code:
    """A predicted node of the tree; sure where its own threshold is passed."""

    symbol: str
    level: str
    title: str
    probability: float
    sure: bool


@dataclass(frozen=True)
class Answer:
    """What is said of one patent.

    Attributes
    ----------
    patent_id : str
    title : str
        The patent's own; may be empty.
    codes : list of Code
        Predicted ones, children below their parents.
    level : str or None
        Deepest level at which a code passes its own threshold; None where none does.
    answered : str or None
        Deepest level with a predicted code; below `level` where the likeliest code was given
        though it is not sure.
    stopped_before : str or None
        The level at which no code was likely enough, where the answer ends above the leaves.
    scores : dict of str to float
        Probability of each predicted symbol, or of every symbol of the tree.
    evidence : dict of str to list of Neighbour
        For each predicted symbol the nearest labelled patents that carry it.
    """

    patent_id: str
    title: str
    codes: list[Code]
    level: str | None
    answered: str | None
    stopped_before: str | None
    scores: dict[str, float]
    evidence: dict[str, list[Neighbour]] = field(default_factory=dict)

    def record(self) -> dict[str, Any]:
        """Plain data: patent_id, predicted, scores, level, evidence."""
        return {
            "patent_id": self.patent_id,
            "predicted": [c.symbol for c in self.codes],
            "scores": self.scores,
            "level": self.level,
            "evidence": {s: [vars(n) for n in of] for s, of in self.evidence.items()},
        }


class Evidence:
    """Finds, for a patent and its predicted codes, labelled patents like it that carry them.

    Parameters
    ----------
    index : PatentIndex
        With ``codes``, and perhaps ``title``, of the labelled patents.
    tree : CpcTree
        The classifier's; codes of the index that lie outside it do not count.
    per_code : int
        At most so many for each code.
    """

    def __init__(self, index: PatentIndex, tree: CpcTree, per_code: int = 3) -> None:
        if per_code < 1:
            raise ConfigError("evidence needs at least one patent for each code", got=per_code)
        if "codes" not in index.meta:
            raise DataError(
                "the index has no codes, so it holds no evidence",
                fix="Build it with meta=corpus.frame()",
            )
        self.index, self.tree, self.per_code = index, tree, per_code
        self._carries = tree.encode(index.meta["codes"].tolist(), unknown="drop")
        self._titles = (
            index.meta["title"].fillna("").astype(str).to_numpy()
            if "title" in index.meta
            else np.full(len(index), "")
        )
        self._row_of = pd.Index(index.ids)

    def find(
        self, vectors: np.ndarray, chosen: np.ndarray, ids: Sequence[str]
    ) -> list[dict[str, list[Neighbour]]]:
        """Neighbours for each predicted symbol of each patent.

        Parameters
        ----------
        vectors : ndarray of float, shape (n_patents, d)
            Of the index's encoder.
        chosen : ndarray of bool, shape (n_patents, n_nodes)
        ids : sequence of str
            A patent of the same id is no evidence for itself.

        Returns
        -------
        list of dict of str to list of Neighbour
            From most to least similar; fewer than `per_code` only where fewer carry the code.
        """
        out: list[dict[str, list[Neighbour]]] = [
            {self.tree.symbols[j]: [] for j in np.flatnonzero(row)} for row in chosen
        ]
        short = chosen.copy()
        reach = min(REACH, len(self.index))
        for i, rows, similarity in self._nearest(vectors, ids, reach):
            carried = self._carries[rows]
            for j in np.flatnonzero(chosen[i]):
                found = self._pick(carried, rows, similarity, int(j))
                out[i][self.tree.symbols[j]] = found
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
                out[asking[a]][self.tree.symbols[j]] = self._neighbours(rows, similarity)
        return out

    def _nearest(
        self, vectors: np.ndarray, ids: Sequence[str], k: int, among: np.ndarray | None = None
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

    def _pick(
        self, carried: sparse.csr_matrix, rows: np.ndarray, similarity: np.ndarray, node: int
    ) -> list[Neighbour]:
        at = np.sort(carried[:, [node]].nonzero()[0])
        return self._neighbours(rows[at], similarity[at])

    def _neighbours(self, rows: np.ndarray, similarity: np.ndarray) -> list[Neighbour]:
        return [
            Neighbour(str(self.index.ids[row]), str(self._titles[row]), round(float(s), 4))
            for row, s in zip(rows[: self.per_code], similarity[: self.per_code], strict=True)
        ]


class WordEvidence:
    """Finds labelled patents that carry a code by the words of their texts.

    Similarity is the cosine of TF-IDF weights, in which a word that stands often in a text counts
    by the logarithm.

    Parameters
    ----------
    corpus : Corpus
        Patents without codes do not count.
    tree : CpcTree
        The classifier's; codes outside it do not count.
    per_code : int
        At most so many for each code.
    """

    def __init__(self, corpus: Corpus, tree: CpcTree, per_code: int = 3) -> None:
        from sklearn.feature_extraction.text import TfidfVectorizer

        if per_code < 1:
            raise ConfigError("evidence needs at least one patent for each code", got=per_code)
        labels = tree.encode(corpus.codes, unknown="drop")
        rows = np.flatnonzero(np.diff(labels.indptr))
        if not rows.size:
            raise DataError(
                "no patent of the corpus has a code of the classifier", where=corpus.path
            )
        texts = corpus.texts
        self.tree, self.per_code = tree, per_code
        self._carriers = sparse.csc_matrix(labels[rows])
        self._ids = corpus.ids[rows]
        self._titles = [texts[i][0] for i in rows]
        self._words = TfidfVectorizer(sublinear_tf=True, dtype=np.float32)
        self._documents = sparse.csr_matrix(
            self._words.fit_transform([_joined(texts[i]) for i in rows]).T
        )

    def find(
        self, texts: Sequence[Any], chosen: np.ndarray, ids: Sequence[str]
    ) -> list[dict[str, list[Neighbour]]]:
        """Neighbours for each predicted symbol of each patent, as from `Evidence.find`.

        Parameters
        ----------
        texts : sequence of str or of (title, abstract)
        chosen : ndarray of bool, shape (n_patents, n_nodes)
        ids : sequence of str
            A patent of the same id is no evidence for itself. Nor is one without a common word.
        """
        words = sparse.csr_matrix(self._words.transform([_joined(text) for text in texts]))
        out: list[dict[str, list[Neighbour]]] = []
        for i, row in enumerate(chosen):
            score = (words[i] @ self._documents).toarray().ravel()
            score[self._ids == ids[i]] = 0
            out.append(
                {self.tree.symbols[j]: self._best(score, int(j)) for j in np.flatnonzero(row)}
            )
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


def _joined(text: Any) -> str:
    return text if isinstance(text, str) else " ".join(text)


class Answerer:
    """A classifier with what turns texts into its inputs, and a source of evidence.

    Parameters
    ----------
    model : PatentClassifier
    encode : callable, optional
        From (title, abstract) pairs to the classifier's inputs; None where it takes texts.
    evidence : Evidence or WordEvidence, optional
    encode_evidence : callable, optional
        From texts to what `evidence` looks at, where that is not the classifier's inputs.
    all_scores : bool
        Give scores of all nodes, not of the predicted ones only.
    """

    def __init__(
        self,
        model: PatentClassifier,
        encode: Callable[[Sequence[Any]], Any] | None,
        evidence: Evidence | WordEvidence | None = None,
        encode_evidence: Callable[[Sequence[Any]], Any] | None = None,
        all_scores: bool = False,
    ) -> None:
        self.model, self.encode, self.evidence = model, encode, evidence
        self.encode_evidence, self.all_scores = encode_evidence, all_scores
        self._order = np.argsort(outline(model.tree_))

    def answers(self, ids: Sequence[str], texts: Sequence[Any]) -> Iterator[Answer]:
        """Yield an answer for each patent.

        Parameters
        ----------
        ids : sequence of str
        texts : sequence of (title, abstract), or of str
        """
        X: Any = self.encode(texts) if self.encode is not None else texts
        near = X
        if self.evidence is not None and self.encode_evidence is not None:
            near = self.encode_evidence(texts)
        tree, thresholds = self.model.tree_, self.model.thresholds_
        for start, scores, chosen in self.model.decisions(X):
            part = slice(start, start + len(scores))
            passed = scores >= thresholds.astype(scores.dtype)
            found = (
                self.evidence.find(near[part], chosen, ids[part])
                if self.evidence is not None
                else [{}] * len(scores)
            )
            sure, deepest = (answered_level(c, tree) for c in (chosen & passed, chosen))
            levels = [*tree.levels, None]  # the last is also number -1
            for i, (pid, text) in enumerate(zip(ids[part], texts[part], strict=True)):
                codes = [
                    Code(
                        tree.symbols[j],
                        tree.levels[tree.depth[j]],
                        tree.titles[j],
                        float(scores[i, j]),
                        bool(passed[i, j]),
                    )
                    for j in self._order[chosen[i, self._order]]
                ]
                at_end = chosen[i] & (tree.depth == deepest[i])
                stopped = deepest[i] + 1 < len(tree.levels) and not (at_end & tree.is_leaf).any()
                yield Answer(
                    pid,
                    "" if isinstance(text, str) else text[0],
                    codes,
                    levels[sure[i]],
                    levels[deepest[i]],
                    levels[deepest[i] + 1] if stopped else None,
                    self._scores(scores[i], codes),
                    {c.symbol: found[i][c.symbol] for c in codes} if found[i] else {},
                )

    def _scores(self, scores: np.ndarray, codes: list[Code]) -> dict[str, float]:
        if not self.all_scores:
            return {c.symbol: round(c.probability, 5) for c in codes}
        symbols = self.model.tree_.symbols
        return dict(zip(symbols, scores.astype(float).round(5).tolist(), strict=True))
