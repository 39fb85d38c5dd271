"""Local classifiers without a network: a linear SVM for each node of the tree, over words.

Every node is trained against its siblings: on the patents that carry its parent, those with the
node against those without. To predict, the tree is walked top-down, and a node is tested only
where its parent passed. Published with labels kept from a margin of -0.25 up.

References
----------
F. Benites, TwistBytes: hierarchical classification at GermEval 2019, walking the fine line
(of recall and precision), KONVENS 2019.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import torch
from scipy import sparse
from scipy.special import expit
from torch import Tensor

from patentcl.core.errors import ConfigError, DataError
from patentcl.cpc import CpcTree

CHUNK = 2048
"""Texts predicted at a time."""
PUBLISHED_MARGIN = -0.25
PUBLISHED_THRESHOLD = float(expit(PUBLISHED_MARGIN))
"""The published margin as the threshold of a probability, 0.4378."""


class LocalSVM:
    """A linear SVM for each node, on TF-IDF weights of single words.

    The margin of a node, squeezed by the logistic function, stands for its probability given its
    parent: with mask ``soft`` it is multiplied with the parent's, otherwise lowered to it. An only
    child is as likely as its parent; a node without a training patent has probability 0. `cost` is
    liblinear's C, and the seed is for liblinear's random order of patents.

    Examples
    --------
    >>> tree = CpcTree.from_symbols(["A01B", "A01C", "B60K"])
    >>> texts = ["plough soil", "seed soil", "car engine", "plough share", "seed row", "engine"]
    >>> labels = tree.encode([["A01B"], ["A01C"], ["B60K"]] * 2)
    >>> model = LocalSVM(tree).fit(texts, labels)
    >>> scores = model.scores(["a plough", "an engine"], least=PUBLISHED_THRESHOLD)
    >>> [[tree.symbols[j] for j in np.flatnonzero(row >= PUBLISHED_THRESHOLD)] for row in scores]
    [['A', 'A01', 'A01B'], ['B', 'B60', 'B60K']]
    """

    def __init__(self, tree: CpcTree, cost: float = 1.0, mask: str = "hard", seed: int = 0) -> None:
        if not cost > 0:
            raise ConfigError("the cost of an error must be above 0", got=cost)
        self.tree, self.cost, self.mask, self.seed = tree, cost, mask, seed
        self._families = [(p, np.flatnonzero(tree.parent == p)) for p in np.unique(tree.parent)]

    @property
    def n_words(self) -> int:
        """Words that the training texts have."""
        return len(self._words.vocabulary_)

    # ---- fitting ----------------------------------------------------------------------------

    def fit(self, texts: Sequence[str], labels: sparse.csr_matrix) -> LocalSVM:
        """Weigh the words, and train a classifier for each node; returns itself.

        Labels are bool CSR (n_texts, n_nodes), closed under ancestors.

        Raises
        ------
        DataError
            If texts and labels differ in length, or no text has a word.
        """
        from sklearn.feature_extraction.text import TfidfVectorizer

        if len(texts) != labels.shape[0]:
            raise DataError(
                "texts and labels differ in length",
                got=f"{labels.shape[0]} labels",
                wanted=f"{len(texts)}, one row for each text",
            )
        self._words = TfidfVectorizer(dtype=np.float64)
        try:
            X = sparse.csr_matrix(self._words.fit_transform(texts))
        except ValueError as error:
            raise DataError("no text to train on has a word", got=str(error)) from error
        carries = sparse.csc_matrix(labels, dtype=bool)
        self._bias = np.zeros(len(self.tree), dtype=np.float32)
        rows: list[sparse.csr_matrix] = [sparse.csr_matrix((1, X.shape[1]))] * len(self.tree)
        for parent, nodes in self._families:
            among = np.arange(X.shape[0]) if parent < 0 else _rows_of(carries, int(parent))
            part = X[among]
            for node in nodes:
                y = np.zeros(X.shape[0], dtype=bool)
                y[_rows_of(carries, int(node))] = True
                rows[node], self._bias[node] = self._fit_node(part, y[among])
        self._set_weights(sparse.csr_matrix(sparse.vstack(rows), dtype=np.float32))
        return self

    def _fit_node(self, X: sparse.csr_matrix, y: np.ndarray) -> tuple[sparse.csr_matrix, float]:
        """Weights (1, n_words) and bias of a node; an infinite bias where there is one class."""
        from sklearn.svm import LinearSVC

        if not y.any() or y.all():
            return sparse.csr_matrix((1, X.shape[1])), np.inf if len(y) and y.all() else -np.inf
        # Other words would only be carried along with a weight of 0.
        used = np.unique(X.indices)
        model = LinearSVC(C=self.cost, random_state=self.seed, dual="auto").fit(X[:, used], y)
        weights = sparse.csr_matrix(
            (model.coef_[0], (np.zeros(len(used), dtype=np.int64), used)), shape=(1, X.shape[1])
        )
        return weights, float(model.intercept_[0])

    def _set_weights(self, weights: sparse.csr_matrix) -> None:
        """Keep the weights as they are stored, and for each family as they are multiplied."""
        self._weights = weights
        self._blocks = [weights[nodes].T.tocsr() for _, nodes in self._families]

    # ---- predicting -------------------------------------------------------------------------

    def margins(self, texts: Sequence[str], least: float = -np.inf) -> np.ndarray:
        """Distance of each text from each node's dividing plane, float32 (n_texts, n_nodes).

        A node is tested only where its parent, itself tested, has at least the margin `least`; the
        rest is ``-inf``.
        """
        X = sparse.csr_matrix(self._words.transform(texts), dtype=np.float32)
        out = np.full((X.shape[0], len(self.tree)), -np.inf, dtype=np.float32)
        for (parent, nodes), weights in zip(self._families, self._blocks, strict=True):
            everywhere = parent < 0 or not np.isfinite(least)
            rows = np.arange(X.shape[0])
            if not everywhere:
                rows = np.flatnonzero(out[:, parent] >= least)
            if rows.size:
                part = X if len(rows) == X.shape[0] else X[rows]
                out[np.ix_(rows, nodes)] = (part @ weights).toarray() + self._bias[nodes]
        return out

    def scores(self, texts: Sequence[str], least: float = 0.0) -> np.ndarray:
        """Coherent probabilities, float32 (n_texts, n_nodes).

        A node is tested only where its parent is at least as likely as `least`, and 0 elsewhere.
        """
        with np.errstate(divide="ignore"):
            margin = np.log(least) - np.log1p(-least) if least > 0 else -np.inf
        out = expit(self.margins(texts, margin)).astype(np.float32)
        for depth in range(1, len(self.tree.levels)):
            columns = self.tree.at_level(depth)
            own, above = out[:, columns], out[:, self.tree.parent[columns]]
            out[:, columns] = own * above if self.mask == "soft" else np.minimum(own, above)
        return out

    def blocks(self, texts: Sequence[str], least: float = 0.0) -> Iterator[tuple[int, np.ndarray]]:
        """Yield first row and `scores` of some texts at a time."""
        for start in range(0, len(texts), CHUNK):
            yield start, self.scores(texts[start : start + CHUNK], least)

    # ---- files ------------------------------------------------------------------------------

    def state(self) -> dict[str, Tensor]:
        """What must be stored, as tensors by name."""
        words = sorted(self._words.vocabulary_, key=self._words.vocabulary_.__getitem__)
        text = "\n".join(words).encode()  # a word holds no line end
        return {
            "svm.words": torch.from_numpy(np.frombuffer(text, dtype=np.uint8).copy()),
            "svm.idf": torch.from_numpy(np.asarray(self._words.idf_, dtype=np.float64)),
            "svm.bias": torch.from_numpy(self._bias),
            "svm.indptr": torch.from_numpy(self._weights.indptr.astype(np.int64)),
            "svm.indices": torch.from_numpy(self._weights.indices.astype(np.int32)),
            "svm.data": torch.from_numpy(self._weights.data),
        }

    @classmethod
    def from_state(
        cls,
        state: dict[str, Tensor],
        tree: CpcTree,
        cost: float = 1.0,
        mask: str = "hard",
        seed: int = 0,
    ) -> LocalSVM:
        """Rebuild from `state`."""
        from sklearn.feature_extraction.text import TfidfVectorizer

        words = state["svm.words"].numpy().tobytes().decode().split("\n")
        out = cls(tree, cost, mask, seed)
        out._words = TfidfVectorizer(
            dtype=np.float64, vocabulary={word: i for i, word in enumerate(words)}
        )
        out._words.idf_ = state["svm.idf"].numpy()
        out._bias = state["svm.bias"].numpy()
        out._set_weights(
            sparse.csr_matrix(
                (
                    state["svm.data"].numpy(),
                    state["svm.indices"].numpy(),
                    state["svm.indptr"].numpy(),
                ),
                shape=(len(tree), len(words)),
            )
        )
        return out


def _rows_of(matrix: sparse.csc_matrix, column: int) -> np.ndarray:
    rows: np.ndarray = matrix.indices[matrix.indptr[column] : matrix.indptr[column + 1]]
    return rows
