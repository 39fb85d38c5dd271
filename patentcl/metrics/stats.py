"""Resampling: bootstrap intervals, paired tests, Holm's correction.

All of it works on sums. A unit (a patent, a query) contributes a row of sufficient statistics; a
resample is a vector of how often each unit was drawn; its statistics are one matrix product for all
resamples.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from scipy import sparse

from patentcl.core.errors import ConfigError

GROUPS = 4000
"""Above this many units, random groups of them are resampled instead: the spread of a sum over
groups of independent units is that of the sum over units, and 4,000 groups tell it to about 1 %.
"""


def _check(resamples: int, level: float = 0.95) -> None:
    if resamples < 1:
        raise ConfigError("too few resamples", got=resamples, wanted="at least 1")
    if not 0 < level < 1:
        raise ConfigError("a confidence level must lie between 0 and 1", got=level)


class Resampler:
    """Sums of units under many weightings, each distinct array summed once.

    Parameters
    ----------
    weights : ndarray of float64, shape (resamples, g)
        One row for each resample, one column for each unit or group of units.
    ids : ndarray of int, shape (n,), optional
        Group of each unit, where there are more than `GROUPS` of them.

    Notes ----- Metrics of one evaluation share their sufficient statistics; summing each of them
    once is what makes a page of intervals cheap.
    """

    def __init__(self, weights: np.ndarray, ids: np.ndarray | None = None) -> None:
        self.weights, self.ids = weights, ids
        self._member: sparse.csr_matrix | None = None
        # By identity; the array is kept so that its identity is not taken by another.
        self._totals: dict[int, tuple[Any, np.ndarray]] = {}

    @classmethod
    def bootstrap(cls, n: int, resamples: int, seed: int) -> Resampler:
        """Draw n units with replacement, so many times."""
        ids = group_ids(n, seed)
        return cls(draws(min(n, GROUPS), resamples, seed), ids)

    @classmethod
    def swaps(cls, n: int, resamples: int, seed: int) -> Resampler:
        """Choose each unit or not, with probability one half."""
        shape = (resamples, min(n, GROUPS))
        chosen = np.random.default_rng([seed, 2]).integers(0, 2, shape).astype(np.float64)
        return cls(chosen, group_ids(n, seed))

    def grouped(self, part: Any) -> Any:
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
            small = self.grouped(part)
            total = (
                np.ascontiguousarray((small.T @ self.weights.T).T)
                if sparse.issparse(small)
                else self.weights @ small
            )
            self._totals[id(part)] = (part, total)
        return self._totals[id(part)][1]


def group_ids(n: int, seed: int) -> np.ndarray | None:
    """Random groups of equal size, the same for each seed; None where units need no groups."""
    return np.random.default_rng(seed).permutation(n) % GROUPS if n > GROUPS else None


def draws(n: int, resamples: int, seed: int) -> np.ndarray:
    """How often each of n units is drawn in each resample, with replacement.

    Returns
    -------
    ndarray of float64, shape (resamples, n)
        Each row sums to n.
    """
    rng = np.random.default_rng([seed, 1])
    out = np.empty((resamples, n))
    for b in range(resamples):
        out[b] = np.bincount(rng.integers(0, n, n), minlength=n)
    return out


def interval(
    parts: Sequence[Any],
    formula: Callable[..., np.ndarray],
    value: float,
    *,
    level: float = 0.95,
    resamples: int = 1000,
    seed: int = 0,
    resampler: Resampler | None = None,
) -> tuple[float, float]:
    """Bootstrap interval of a function of sums.

    Parameters
    ----------
    parts : sequence of ndarray (n,) or matrix (n, m)
        Sufficient statistics by unit.
    formula : callable
        From the sums to the statistic, over a leading axis of resamples.
    value : float
        The statistic itself.
    level : float
    resamples : int
    seed : int
    resampler : Resampler, optional
        To be shared between statistics of the same units; else a new one from the seed.

    Returns
    -------
    tuple of float
        ``value`` plus the quantiles of the resampled statistics about their own mean. Centring
        takes out the bias that resampling has for macro averages, where rare labels vanish from a
        resample.
    """
    _check(resamples, level)
    if not np.isfinite(value) or parts[0].shape[0] == 0:
        return (np.nan, np.nan)
    source = resampler or Resampler.bootstrap(parts[0].shape[0], resamples, seed)
    drawn = formula(*(source.totals(part) for part in parts))
    return about(value, drawn, level)


def about(value: float, drawn: np.ndarray, level: float = 0.95) -> tuple[float, float]:
    """A value plus the quantiles of resampled ones about their own mean; nan where none is
    finite.
    """
    drawn = drawn[np.isfinite(drawn)]
    if drawn.size == 0:
        return (np.nan, np.nan)
    low, high = np.quantile(drawn - drawn.mean(), [(1 - level) / 2, (1 + level) / 2])
    return (float(value + low), float(value + high))


def holm(p: Sequence[float]) -> np.ndarray:
    """Holm's step-down correction of p-values for the number of tests.

    Parameters
    ----------
    p : sequence of float
        Not-a-number entries are passed over and do not count as tests.

    Returns
    -------
    ndarray of float64
        In the order given, at most 1.

    Examples
    --------
    >>> holm([0.01, 0.04, 0.03]).tolist()
    [0.03, 0.06, 0.06]
    """
    values = np.asarray(p, dtype=np.float64)
    out = np.full(values.shape, np.nan)
    tested = np.flatnonzero(~np.isnan(values))
    order = tested[np.argsort(values[tested], kind="stable")]
    scaled = values[order] * np.arange(len(order), 0, -1)
    out[order] = np.minimum(1.0, np.maximum.accumulate(scaled)) if len(order) else []
    return out
