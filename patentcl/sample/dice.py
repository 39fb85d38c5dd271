"""Random choices that come out the same in every Python."""

from __future__ import annotations

import random
from bisect import bisect
from collections.abc import Sequence
from typing import TypeVar

T = TypeVar("T")


class Dice:
    """Random choices made from ``random.random()`` alone.

    That one method is promised to give the same numbers in every Python for the same seed; those
    built on it (choice, shuffle, sample) have changed between releases.
    """

    def __init__(self, seed: int) -> None:
        self.roll = random.Random(seed).random

    def below(self, n: int) -> int:
        """An integer from 0 to n - 1."""
        return int(self.roll() * n)

    def between(self, low: int, high: int) -> int:
        """An integer from low to high, both included."""
        return low + int(self.roll() * (high - low + 1))

    def chance(self, p: float) -> bool:
        """True with probability p."""
        return self.roll() < p

    def pick(self, items: Sequence[T]) -> T:
        """One of the items, each as likely."""
        return items[int(self.roll() * len(items))]

    def weighted(self, cumulative: Sequence[float]) -> int:
        """An index, drawn by the increments of a rising sequence."""
        return min(bisect(cumulative, self.roll() * cumulative[-1]), len(cumulative) - 1)

    def shuffled(self, items: Sequence[T]) -> list[T]:
        """The items in another order."""
        out = list(items)
        for i in range(len(out) - 1, 0, -1):
            j = int(self.roll() * (i + 1))
            out[i], out[j] = out[j], out[i]
        return out
