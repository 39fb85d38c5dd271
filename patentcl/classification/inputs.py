"""What the classifier accepts as embeddings and labels, and the checks on them."""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np
from scipy import sparse

from patentcl.core.errors import DataError
from patentcl.cpc import CpcTree
from patentcl.encoders.tokens import Tokens
from patentcl.metrics.inputs import check_columns, column_names

Labels: TypeAlias = Any
"""A matrix of bool (n_patents, n_nodes), sparse or dense, or a list of symbols for each patent."""


def as_vectors(X: Any, what: str, width: int | None = None, empty: bool = False) -> np.ndarray:
    """Check embeddings; memory-mapped ones stay on disk."""
    vectors = X if isinstance(X, np.ndarray) else np.asarray(X)
    if vectors.ndim != 2:
        raise DataError(
            f"{what} must be a matrix of embeddings",
            got=f"{vectors.ndim} dimensions",
            wanted="2: patents by entries",
        )
    if not np.issubdtype(vectors.dtype, np.floating):
        raise DataError(
            f"{what} must hold real numbers",
            got=str(vectors.dtype),
            wanted="float32",
            fix="Embed texts with PatentEncoder.encode first",
        )
    if width is not None and vectors.shape[1] != width:
        raise DataError(
            f"{what} has another width than the classifier was trained on",
            got=vectors.shape[1],
            wanted=width,
            fix="Embed with the encoder that the classifier was trained with",
        )
    if 0 in vectors.shape and not (empty and vectors.shape[1]):
        raise DataError(f"{what} is empty", got=f"shape {vectors.shape}")
    for start in range(0, len(vectors), 1 << 14):
        block = vectors[start : start + (1 << 14)]
        if not np.isfinite(block).all():
            row, column = np.argwhere(~np.isfinite(block))[0]
            raise DataError(
                f"{what} holds a value that is not finite",
                where=f"row {start + row}, column {column}",
                got=block[row, column],
            )
    return vectors


def _is_symbols(labels: Any) -> bool:
    if sparse.issparse(labels) or column_names(labels) is not None:
        return False
    if isinstance(labels, np.ndarray) and (labels.dtype != object or labels.ndim != 1):
        return False
    odd = next((row for row in labels if isinstance(row, str)), None)
    if odd is not None:
        raise DataError(
            "labels must be a list of symbols for each patent", got=repr(odd), wanted=f"[{odd!r}]"
        )
    return not any(isinstance(v, (bool, int, float, np.number)) for row in labels for v in row)


def build_tree(labels: Labels, dev: Labels | None) -> CpcTree:
    """The tree of all symbols in training and dev labels."""
    if not _is_symbols(labels):
        raise DataError(
            "labels given as a matrix need the tree of its columns",
            fix="Pass tree=CpcTree, or symbols instead of a matrix",
        )
    rows = [*labels, *(dev if dev is not None and _is_symbols(dev) else [])]
    symbols = {symbol for row in rows for symbol in row}
    if not symbols:
        raise DataError("the training set has no label")
    return CpcTree.from_symbols(symbols)


def as_labels(
    labels: Labels, tree: CpcTree, n: int, what: str, unknown: str = "raise"
) -> sparse.csr_matrix:
    """Closed labels (n, n_nodes), bool CSR, of a matrix or of symbols."""
    count = labels.shape[0] if hasattr(labels, "shape") else len(labels)
    if count != n:
        raise DataError(
            f"{what} and the embeddings differ in length",
            got=f"{count} rows of labels",
            wanted=f"{n}, one for each embedding",
        )
    if _is_symbols(labels):
        return tree.encode(labels, unknown=unknown)
    names = column_names(labels)
    if names is not None:
        check_columns(names, tree)
        labels = labels.to_numpy()
    return tree.close(labels)


def labelled_rows(labels: sparse.csr_matrix, what: str) -> np.ndarray:
    """Rows with at least one label; DataError if there is none."""
    rows = np.flatnonzero(np.diff(labels.indptr))
    if not rows.size:
        raise DataError(
            f"{what} has no label",
            got=f"{labels.shape[0]} patents without any",
            wanted="at least one patent with a label",
        )
    return rows


class Worded:
    """Texts as they are, beside the vectors or token numbers that were made of them.

    Parameters
    ----------
    texts : list of str
    inputs : ndarray or Tokens, optional
        Nothing where only words are looked at.
    untuned : ndarray, optional
        Vectors of an encoder that stays as it is, beside one that is tuned.
    """

    def __init__(
        self,
        texts: list[str],
        inputs: np.ndarray | Tokens | None = None,
        untuned: np.ndarray | None = None,
    ) -> None:
        self.texts, self.untuned = texts, untuned
        self.inputs = np.empty((len(texts), 0), dtype=np.float32) if inputs is None else inputs

    def __len__(self) -> int:
        return len(self.texts)

    def take(self, rows: np.ndarray) -> Worded:
        """Some of them."""
        return Worded(
            [self.texts[int(i)] for i in rows],
            take(self.inputs, rows),
            None if self.untuned is None else self.untuned[rows],
        )


def take(inputs: Any, rows: np.ndarray) -> Any:
    """Some rows of embeddings or texts; themselves, perhaps memory-mapped, where it is all."""
    if len(rows) == len(inputs):
        return inputs
    return inputs.take(rows) if isinstance(inputs, (Tokens, Worded)) else inputs[rows]
