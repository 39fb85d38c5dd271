"""What the classifier accepts as labels and texts, and the checks on them."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from scipy import sparse

from patentcl.core.errors import DataError
from patentcl.cpc import CpcTree, level_index, parse_symbol
from patentcl.encoders.tokens import Tokens
from patentcl.metrics.inputs import column_names

log = logging.getLogger("patentcl")

Labels: TypeAlias = Any
"""A matrix of bool (n_patents, n_nodes), sparse or dense; a DataFrame of 0 and 1 with symbols as
columns; or a list of symbols for each patent."""


def build_tree(labels: Labels, dev: Labels | None, level: str | None) -> CpcTree:
    """The tree of all symbols in training and dev labels, down to a level.

    A warning counts the symbols below that level, which stand for their ancestors there.
    """
    symbols = set(_symbols(labels))
    if not symbols:
        raise DataError("the training set has no label")
    if dev is not None and (_is_symbols(dev) or column_names(dev) is not None):
        symbols |= set(_symbols(dev))
    tree = CpcTree.from_symbols(symbols, level=level)
    if level is not None:
        below = sum(len(parse_symbol(symbol)) > level_index(level) + 1 for symbol in symbols)
        if below:
            log.warning(
                "%s of %s symbols are below the level %s and count as their %s; "
                "set level to learn them (None: all as they are)",
                f"{below:,}",
                f"{len(symbols):,}",
                level,
                level,
            )
    return tree


def _symbols(labels: Labels) -> list[str]:
    names = column_names(labels)
    if names is not None:
        return names
    if not _is_symbols(labels):
        raise DataError(
            "labels given as a matrix need the tree of its columns",
            fix="Pass tree=CpcTree, symbols, or a DataFrame with symbols as columns",
        )
    return [symbol for row in labels for symbol in row]


def _is_symbols(labels: Any) -> bool:
    if sparse.issparse(labels) or column_names(labels) is not None:
        return False
    if isinstance(labels, np.ndarray) and (labels.dtype != object or labels.ndim != 1):
        return False
    for row in labels:
        if isinstance(row, str) or not np.iterable(row):
            raise DataError(
                "labels must be a list of symbols for each patent",
                got=repr(row),
                wanted=f"[{row!r}]" if isinstance(row, str) else "[] where there are none",
            )
    return not any(isinstance(v, (bool, int, float, np.number)) for row in labels for v in row)


def as_labels(
    labels: Labels, tree: CpcTree, n: int, what: str, unknown: str = "raise"
) -> sparse.csr_matrix:
    """Closed labels (n, n_nodes), bool CSR, of a matrix, of symbols or of a DataFrame.

    A symbol deeper than the tree counts as its nearest ancestor there.
    """
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
    if names is None:
        return tree.close(labels)
    given = sparse.csr_matrix(labels.to_numpy() != 0)
    used = np.unique(given.indices)  # what nobody has may be outside the tree
    nodes = tree.encode([[names[i]] for i in used], unknown=unknown)
    return tree.close(given[:, used].astype(np.int32) @ nodes.astype(np.int32))


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


def hold_out(rows: np.ndarray, share: float, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Rows to train on, and a seeded share to tune on."""
    if len(rows) < 2:
        raise DataError(
            "too few patents with labels to hold some out",
            got=len(rows),
            wanted="at least 2",
            fix="Pass dev=(X, Y)",
        )
    mixed = np.random.default_rng(seed).permutation(rows)
    n_dev = min(max(1, round(share * len(rows))), len(rows) - 1)
    return np.sort(mixed[n_dev:]), np.sort(mixed[:n_dev])


@dataclass(frozen=True)
class TextInputs:
    """Texts as an ensemble takes them."""

    texts: list[str]
    """As they are, for words."""
    inputs: np.ndarray | Tokens
    """Vectors or token numbers that were made of them; of width 0 where only words are used."""
    untuned: np.ndarray | None
    """Vectors of an encoder that stays as it is, beside one that is tuned."""

    def __len__(self) -> int:
        return len(self.texts)

    def take(self, rows: np.ndarray) -> TextInputs:
        """Some of them."""
        untuned = None if self.untuned is None else self.untuned[rows]
        return TextInputs([self.texts[int(i)] for i in rows], take(self.inputs, rows), untuned)


def take(inputs: Any, rows: np.ndarray) -> Any:
    """Some rows of embeddings or texts; themselves, perhaps memory-mapped, where it is all."""
    if len(rows) == len(inputs):
        return inputs
    return inputs.take(rows) if isinstance(inputs, (Tokens, TextInputs)) else inputs[rows]
