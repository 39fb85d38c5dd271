"""Texts as numbers: token lists of any length in one array, and batches of texts of like length."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pandas as pd

from patentcl.core.arrays import blocks
from patentcl.core.errors import DataError
from patentcl.data.characters import whole_text
from patentcl.data.corpus import Corpus

if TYPE_CHECKING:
    from torch import Tensor

WINDOW = 50
"""Batches among which texts are sorted by length; more would make the order less random."""
STOP = "."
"""Joins title and abstract for a model that has no separator of its own."""
_WANTED = (
    "a list of texts, a list of (title, abstract) pairs, a Corpus, or a DataFrame with the columns "
    "title and abstract"
)


class Tokens:
    """Token numbers of many texts, end to end.

    `truncated`, a bool for each text, says which were longer than the limit.

    Examples
    --------
    >>> tokens = Tokens([[5, 6, 7], [8]])
    >>> ids, mask = tokens.padded(np.array([0, 1]), pad=0)
    >>> ids.tolist(), mask.tolist()
    ([[5, 6, 7], [8, 0, 0]], [[True, True, True], [True, False, False]])
    """

    def __init__(
        self, numbers: Iterable[Sequence[int] | np.ndarray], truncated: np.ndarray | None = None
    ) -> None:
        parts = [np.asarray(row, dtype=np.int32) for row in numbers]
        self.lengths = np.array([len(p) for p in parts], dtype=np.int64)
        self.starts = np.concatenate([[0], np.cumsum(self.lengths)])
        self.flat = np.concatenate(parts) if parts else np.empty(0, dtype=np.int32)
        self.truncated = np.zeros(len(parts), dtype=bool) if truncated is None else truncated

    def __len__(self) -> int:
        return len(self.lengths)

    def __getitem__(self, row: int) -> np.ndarray:
        return self.flat[self.starts[row] : self.starts[row + 1]]

    def take(self, rows: np.ndarray) -> Tokens:
        """Some of the texts."""
        return Tokens((self[int(i)] for i in rows), self.truncated[rows])

    def joined(self, others: Tokens) -> Tokens:
        """These texts, and others after them."""
        found = (each[row] for each in (self, others) for row in range(len(each)))
        return Tokens(found, np.concatenate([self.truncated, others.truncated]))

    def padded(self, rows: np.ndarray, pad: int) -> tuple[np.ndarray, np.ndarray]:
        """A batch of texts, int64 (len(rows), longest), and a mask that is False at the padding."""
        lengths = self.lengths[rows]
        longest = max(1, int(lengths.max(initial=0)))
        mask = np.arange(longest) < lengths[:, None]
        ids = np.full(mask.shape, pad, dtype=np.int64)
        if len(rows):
            ids[mask] = np.concatenate([self[int(i)] for i in rows])
        return ids, mask


def tokenised(tokenizer: Any, texts: Sequence[str], limit: int) -> Tokens:
    """Numbers of each text's tokens, the special ones among them, `limit` at most."""
    rows: list[np.ndarray] = []
    truncated: list[bool] = []
    for span in blocks(len(texts)):
        found = tokenizer(
            list(texts[span]),
            truncation=True,
            padding=False,
            max_length=limit,
            return_attention_mask=False,
            return_token_type_ids=False,
        )
        rows += [np.array(r, dtype=np.int32) for r in found["input_ids"]]
        if found.encodings is not None:
            truncated += [bool(e.overflowing) for e in found.encodings]
        else:  # a tokenizer in Python does not tell
            truncated += [len(r) >= limit for r in found["input_ids"]]
    return Tokens(rows, np.array(truncated, dtype=bool))


class Padded(NamedTuple):
    """Vectors of the tokens of n texts, padded to the longest of t tokens."""

    states: Tensor
    """Float, shape (n, t, d)."""
    mask: Tensor
    """Bool, shape (n, t): False where there is no token."""


def batches(lengths: np.ndarray, size: int, rng: np.random.Generator) -> list[np.ndarray]:
    """Divide texts into random batches of like length: padding costs as much as words do.

    Texts are shuffled; windows of some batches are sorted by length and divided; the order of the
    batches is shuffled. Batches hold at most `size` row numbers (int64), each row once, and differ
    in size by at most one, so that none is tiny.
    """
    order = rng.permutation(len(lengths))
    n_batches = -(-len(order) // size)
    n_windows = max(1, round(n_batches / WINDOW))
    edges = np.linspace(0, len(order), n_batches + 1).astype(np.int64)
    for window in np.array_split(np.arange(n_batches), n_windows):
        part = order[edges[window[0]] : edges[window[-1] + 1]]  # a view: sorted where it lies
        part[:] = part[np.argsort(-lengths[part], kind="stable")]
    return [order[edges[i] : edges[i + 1]] for i in rng.permutation(n_batches)]


# ---- what counts as texts -------------------------------------------------------------------


def is_texts(items: Any) -> bool:
    """Whether something is a corpus, texts, or a table of them, rather than a matrix.

    A list counts as texts if any of its items is a string, or a pair of strings.
    """
    if isinstance(items, pd.DataFrame):
        return {"title", "abstract"} <= set(items.columns)
    if isinstance(items, np.ndarray | pd.Series | pd.Index):
        values = np.asarray(items)
        return values.ndim == 1 and values.dtype.kind in "OUT"
    if isinstance(items, list | tuple):
        return any(_is_text(each) for each in items)
    return isinstance(items, Corpus | str)


def _is_text(item: Any) -> bool:
    return isinstance(item, str) or (
        isinstance(item, list | tuple)
        and len(item) == 2
        and all(isinstance(part, str) for part in item)
    )


def no_text(number: int, item: Any) -> DataError:
    """The error for an item that is no text."""
    what = "a text is neither a string nor a pair of title and abstract"
    return DataError(what, where=f"item {number}", got=type(item).__name__)


def join_texts(items: Any, separator: str) -> list[str]:
    """Titles and abstracts as one text each.

    Parameters
    ----------
    items : Corpus, DataFrame with title and abstract, or sequence of str or of (title, abstract)
    separator : str
        Between title and abstract, with a space on both sides.

    Raises
    ------
    DataError
        If it is none of these, an item is not a text, or a text is empty.

    Examples
    --------
    >>> join_texts([("Mower", "A blade."), "Cutter"], "[SEP]")
    ['Mower [SEP] A blade.', 'Cutter']
    """
    if isinstance(items, str):
        raise DataError("a list of texts is wanted, not one text", got=repr(items[:40]))
    if isinstance(items, Corpus):
        items = items.texts
    elif isinstance(items, pd.DataFrame):
        missing = {"title", "abstract"} - set(items.columns)
        if missing:
            got = f"a DataFrame with the columns {', '.join(map(str, items.columns[:8]))}"
            fix = "Name its columns title and abstract, or give one column: table['text']"
            raise DataError("a table without texts", got=got, wanted=_WANTED, fix=fix)
        columns = (items[name].astype(object) for name in ("title", "abstract"))
        items = list(zip(*(c.where(c.notna(), "") for c in columns), strict=True))
    elif (
        isinstance(items, Mapping | Set | bytes)
        or not isinstance(items, Iterable)
        or (hasattr(items, "shape") and not is_texts(items))
    ):
        shape = getattr(items, "shape", None)
        got = type(items).__name__ + (f" of shape {shape}" if shape is not None else "")
        raise DataError("these are not texts", got=got, wanted=_WANTED)
    return list(_joined(items, separator))


def _joined(items: Iterable[Any], separator: str) -> Iterator[str]:
    for i, item in enumerate(items):
        if not _is_text(item):
            raise no_text(i, item)
        text = item if isinstance(item, str) else f" {separator} ".join(p for p in item if p)
        if not text.strip():
            raise DataError("a text is empty", where=f"item {i}")
        yield whole_text(text)
