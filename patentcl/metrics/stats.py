"""Resampling: bootstrap, random swaps, Holm's correction.

All of it works on sums. A unit (a patent, a query) contributes a row of sufficient statistics; a
resample is a vector of how often each unit was drawn; its statistics are one matrix product for all
resamples.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from scipy import sparse

from patentcl.core.errors import ConfigError

GROUPS = 4000
"""Above this many units, random groups of them are resampled instead: the spread of a sum over
groups of independent units is that of the sum over units, and 4,000 groups tell it to about 1 %.
"""


class Resampler:
    """Sums of units under many weightings, each distinct array summed once.

    ``weights`` is float64 (resamples, g), one column for each unit, or for each group of units
    where ``ids``, int (n,), names the group of each. Metrics of one evaluation share their
    statistics; summing each of them once is what makes a page of intervals cheap.
    """

    def __init__(self, weights: np.ndarray, ids: np.ndarray | None = None) -> None:
        self.weights, self.ids = weights, ids
        self._member: sparse.csr_matrix | None = None
        # By identity; the array is kept so that its identity is not taken by another.
        self._totals: dict[int, tuple[Any, np.ndarray]] = {}

    @classmethod
    def bootstrap(cls, n: int, resamples: int, seed: int) -> Resampler:
        """Draw n units with replacement, ``resamples`` times; each row of weights sums to n."""
        _check(resamples)
        rng, size = np.random.default_rng([seed, 1]), min(n, GROUPS)
        weights = np.empty((resamples, size))
        for row in weights:
            row[:] = np.bincount(rng.integers(0, size, size), minlength=size)
        return cls(weights, group_ids(n, seed))

    @classmethod
    def swaps(cls, n: int, resamples: int, seed: int) -> Resampler:
        """Choose each unit or not, with probability one half."""
        _check(resamples)
        shape = (resamples, min(n, GROUPS))
        chosen = np.random.default_rng([seed, 2]).integers(0, 2, shape).astype(np.float64)
        return cls(chosen, group_ids(n, seed))

    def _grouped(self, part: Any) -> Any:
        """Sum a part into groups: float64 (g,) or (g, m), sparse if it was."""
        if self.ids is None or part.shape[0] <= GROUPS:
            return part.astype(np.float64)
        if not sparse.issparse(part):
            return np.bincount(self.ids, weights=part, minlength=GROUPS)
        if self._member is None:
            n = len(self.ids)
            self._member = sparse.csr_matrix(
                (np.ones(n), (self.ids, np.arange(n))), shape=(GROUPS, n)
            )
        return sparse.csr_matrix(self._member @ part.astype(np.float64))

    def totals(self, part: Any) -> np.ndarray:
        """Column sums under each weighting: (b,) for a vector, (b, m) for a matrix."""
        if id(part) not in self._totals:
            small = self._grouped(part)
            total = (
                np.ascontiguousarray((small.T @ self.weights.T).T)
                if sparse.issparse(small)
                else self.weights @ small
            )
            self._totals[id(part)] = (part, total)
        return self._totals[id(part)][1]


def _check(resamples: int) -> None:
    if resamples < 1:
        raise ConfigError("too few resamples", got=resamples, wanted="at least 1")


def group_ids(n: int, seed: int) -> np.ndarray | None:
    """Random groups of equal size, the same for each seed; None where units need no groups."""
    return np.random.default_rng(seed).permutation(n) % GROUPS if n > GROUPS else None


def about(value: float, drawn: np.ndarray, level: float = 0.95) -> tuple[float, float]:
    """A value plus the quantiles of resampled ones about their own mean; nan where none is finite.

    Centring takes out the bias that resampling has for macro averages, where rare labels vanish
    from a resample.
    """
    drawn = drawn[np.isfinite(drawn)]
    if drawn.size == 0:
        return (np.nan, np.nan)
    low, high = np.quantile(drawn - drawn.mean(), [(1 - level) / 2, (1 + level) / 2])
    return (float(value + low), float(value + high))


def holm(p: Sequence[float]) -> np.ndarray:
    """Holm's step-down correction of p-values: float64, in the order given, at most 1.

    A nan is passed over and does not count as a test.

    Examples
    --------
    >>> holm([0.01, 0.04, 0.03]).tolist()
    [0.03, 0.06, 0.06]
    """
    values = np.asarray(p, dtype=np.float64)
    out = np.full(values.shape, np.nan)
    order = np.argsort(values, kind="stable")[: np.count_nonzero(~np.isnan(values))]  # nan is last
    scaled = values[order] * np.arange(len(order), 0, -1)
    out[order] = np.minimum(1.0, np.maximum.accumulate(scaled))
    return out
