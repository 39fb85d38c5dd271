"""Vectors of the tokens of many texts, computed once and kept in a memory-mapped file."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

from patentcl.core.arrays import blocks
from patentcl.core.files import explained
from patentcl.encoders.tokens import Tokens


class States:
    """Float16 vectors (n_tokens, d) of the tokens of texts."""

    def __init__(self, tokens: Tokens, flat: np.ndarray) -> None:
        self.tokens, self.flat = tokens, flat

    @classmethod
    def compute(
        cls,
        file: Path,
        tokens: Tokens,
        width: int,
        states_of: Callable[[np.ndarray], np.ndarray],
        size: int,
    ) -> States:
        """Fill a file with what `states_of` makes of at most `size` rows of texts: (n, t, d)."""
        with explained(file):
            shape = (len(tokens.flat), width)
            flat = np.lib.format.open_memmap(file, "w+", dtype=np.float16, shape=shape)
            if hasattr(os, "posix_fallocate"):
                with file.open("rb+") as stream:  # a full disk says so here, not as a broken map
                    os.posix_fallocate(stream.fileno(), 0, file.stat().st_size)
        for rows in by_length(tokens.lengths, slice(0, len(tokens)), size):
            found = states_of(rows)
            for i, row in enumerate(rows):
                flat[tokens.starts[row] : tokens.starts[row + 1]] = found[i, : tokens.lengths[row]]
        return cls(tokens, flat)

    def padded(self, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """A batch of texts, float32 (n, t, d), and a mask (n, t) that is False at the padding."""
        lengths = self.tokens.lengths[rows]
        mask = np.arange(max(1, int(lengths.max(initial=0)))) < lengths[:, None]
        x = np.zeros((*mask.shape, self.flat.shape[1]), dtype=np.float32)
        for i, row in enumerate(rows):
            x[i, : lengths[i]] = self.flat[self.tokens.starts[row] : self.tokens.starts[row + 1]]
        return x, mask


def by_length(lengths: np.ndarray, span: slice, size: int) -> Iterator[np.ndarray]:
    """Batches of texts of like length, longest first, so that a full memory shows at once."""
    order = span.start + np.argsort(-lengths[span], kind="stable")
    return (order[part] for part in blocks(len(order), size))
