"""Local SVMs in the place of a network: what a classifier of the head ``local-svm`` is made of."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from scipy import sparse
from torch import Tensor

from patentcl.cpc import CpcTree
from patentcl.errors import ConfigError
from patentcl.local_svm import LocalSVM
from patentcl.tokens import Tokens, join_texts

NAME = "local-svm"


class Strings(Tokens):
    """Texts as they are, in the place of token numbers."""

    def __init__(self, texts: Sequence[str]) -> None:
        self.texts = list(texts)
        self.cut = np.zeros(len(self.texts), dtype=bool)

    def __len__(self) -> int:
        return len(self.texts)

    def take(self, rows: np.ndarray) -> Strings:
        """Some of the texts."""
        return Strings([self.texts[int(i)] for i in rows])


class WordSide:
    """Reads texts as bags of words; stands where `patentcl.classifier_texts.TextSide` does.

    Parameters
    ----------
    cost : float
        liblinear's C.
    mask : str
    seed : int
    """

    fixed = False
    cut = 0  # every text is read whole
    half = None
    facts = None

    def __init__(self, cost: float, mask: str, seed: int) -> None:
        if not cost > 0:
            raise ConfigError("cost must be positive", got=cost)
        self._settings = (cost, mask, seed)
        self._model: LocalSVM | None = None

    @property
    def dim(self) -> int:
        """Words known; 0 before training."""
        return 0 if self._model is None else self._model.n_words

    def read(self, items: Any, what: str) -> Strings:
        """Texts as they are, title and abstract in one."""
        return Strings(join_texts(items, "."))

    def fit(self, texts: Strings, labels: sparse.csr_matrix, tree: CpcTree) -> None:
        """Train a classifier for each node."""
        self._model = LocalSVM(tree, *self._settings).fit(texts.texts, labels)

    def parts(self, tokens: Tokens, least: float = 0.0,
              ) -> Iterator[tuple[int, np.ndarray | None, np.ndarray]]:
        """Yield first row, probabilities, and vectors, which are empty."""
        assert isinstance(tokens, Strings) and self._model is not None
        for start, scores in self._model.blocks(tokens.texts, least):
            yield start, scores, np.empty((len(scores), 0), dtype=np.float32)

    def vectors(self, tokens: Tokens) -> np.ndarray:
        """There are none: words have no neighbours here."""
        raise ConfigError("local-svm has no vectors")

    def save(self, folder: Path) -> dict[str, Tensor]:
        """What must be stored, as tensors by name; no files besides."""
        assert self._model is not None
        return self._model.state()

    def restore(self, state: dict[str, Tensor], tree: CpcTree) -> WordSide:
        """Take up what `save` gave."""
        self._model = LocalSVM.from_state(state, tree, *self._settings)
        return self
