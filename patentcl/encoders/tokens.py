"""Texts as numbers: token lists of any length in one array, and batches of texts of like length."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from patentcl.core.errors import DataError
from patentcl.data.corpus import Corpus

if TYPE_CHECKING:
    from torch import Tensor

WINDOW = 50
"""Batches among which texts are sorted by length; more would make the order less random."""


class Tokens:
    """Token numbers of many texts, end to end.

    Parameters
    ----------
    numbers : sequence of sequence of int
        For each text.
    cut : ndarray of bool, shape (n_texts,), optional
        Which texts were longer than the limit.

    Examples
    --------
    >>> tokens = Tokens([[5, 6, 7], [8]])
    >>> ids, mask = tokens.padded(np.array([0, 1]), pad=0)
    >>> ids.tolist(), mask.tolist()
    ([[5, 6, 7], [8, 0, 0]], [[True, True, True], [True, False, False]])
    """

    def __init__(
        self, numbers: Iterable[Sequence[int] | np.ndarray], cut: np.ndarray | None = None
    ) -> None:
        parts = [np.asarray(row, dtype=np.int32) for row in numbers]
        self.lengths = np.array([len(p) for p in parts], dtype=np.int64)
        self.starts = np.concatenate([[0], np.cumsum(self.lengths)])
        self.flat = np.concatenate(parts) if parts else np.empty(0, dtype=np.int32)
        self.cut = np.zeros(len(parts), dtype=bool) if cut is None else cut

    def __len__(self) -> int:
        return len(self.lengths)

    def __getitem__(self, row: int) -> np.ndarray:
        return self.flat[self.starts[row] : self.starts[row + 1]]

    def take(self, rows: np.ndarray) -> Tokens:
        """Some of the texts."""
        return Tokens((self[int(i)] for i in rows), self.cut[rows])

    def padded(self, rows: np.ndarray, pad: int) -> tuple[np.ndarray, np.ndarray]:
        """A batch cut to its longest text.

        Returns
        -------
        ids : ndarray of int64, shape (len(rows), longest)
        mask : ndarray of bool, same shape
            False where `ids` is `pad` only to fill up.
        """
        lengths = self.lengths[rows]
        longest = max(1, int(lengths.max(initial=0)))
        mask = np.arange(longest) < lengths[:, None]
        ids = np.full(mask.shape, pad, dtype=np.int64)
        if len(rows):
            ids[mask] = np.concatenate([self[int(i)] for i in rows])
        return ids, mask


class Padded(NamedTuple):
    """Vectors of the tokens of each text, filled up to the longest.

    Attributes
    ----------
    states : Tensor of float, shape (n, t, d)
    mask : Tensor of bool, shape (n, t)
        False where there is no token.
    """

    states: Tensor
    mask: Tensor


def batches(lengths: np.ndarray, size: int, rng: np.random.Generator) -> list[np.ndarray]:
    """Cut texts into random batches of like length: padding costs as much as words do.

    Texts are shuffled; windows of some batches are sorted by length and cut; the order of the
    batches is shuffled. Batches differ in size by at most one, so that none is tiny.

    Parameters
    ----------
    lengths : ndarray of int, shape (n_texts,)
    size : int
        At most so many texts in a batch.
    rng : numpy.random.Generator

    Returns
    -------
    list of ndarray of int64
        Row numbers, each row once.
    """
    order = rng.permutation(len(lengths))
    n_batches = -(-len(order) // size)
    n_windows = max(1, round(n_batches / WINDOW))
    edges = np.linspace(0, len(order), n_batches + 1).astype(np.int64)
    for window in np.array_split(np.arange(n_batches), n_windows):
        part = order[edges[window[0]] : edges[window[-1] + 1]]  # a view: sorted where it lies
        part[:] = part[np.argsort(-lengths[part], kind="stable")]
    return [order[edges[i] : edges[i + 1]] for i in rng.permutation(n_batches)]


def is_texts(items: Any) -> bool:
    """Whether something is a corpus or a sequence of texts, rather than a matrix.

    A list counts as texts if any of its items is a string, or a pair of strings.
    """
    if isinstance(items, (Corpus, str)):
        return True
    if isinstance(items, np.ndarray):
        return items.ndim == 1 and items.dtype.kind in "OU"
    if hasattr(items, "dtype") and hasattr(items, "to_numpy"):  # a pandas Series
        return getattr(items, "ndim", 0) == 1 and is_texts(items.to_numpy())
    return isinstance(items, (list, tuple)) and any(_is_text(each) for each in items)


def _is_text(item: Any) -> bool:
    return isinstance(item, str) or (
        isinstance(item, (list, tuple))
        and len(item) == 2
        and all(isinstance(part, str) for part in item)
    )


def join_texts(items: Any, separator: str) -> list[str]:
    """Titles and abstracts as one text each.

    Parameters
    ----------
    items : Corpus, or sequence of str or of (title, abstract)
    separator : str
        Between title and abstract.

    Raises
    ------
    DataError
        If it is one text instead of a list, an item is not a text, or a text is empty.

    Examples
    --------
    >>> join_texts([("Mower", "A blade."), "Cutter"], "[SEP]")
    ['Mower [SEP] A blade.', 'Cutter']
    """
    if isinstance(items, str):
        raise DataError("a list of texts is wanted, not one text", got=repr(items[:40]))
    return list(_joined(items.texts if isinstance(items, Corpus) else items, separator))


def _joined(items: Iterable[Any], separator: str) -> Iterator[str]:
    for i, item in enumerate(items):
        if not _is_text(item):
            raise DataError(
                "a text is neither a string nor a pair of title and abstract",
                where=f"item {i}",
                got=type(item).__name__,
            )
        text = item if isinstance(item, str) else f" {separator} ".join(p for p in item if p)
        if not text.strip():
            raise DataError("a text is empty", where=f"item {i}")
        yield text
