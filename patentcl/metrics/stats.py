"""Resampling: bootstrap intervals, paired tests, Holm's correction.

All of it works on sums. A unit (a patent, a query) contributes a row of sufficient statistics; a
resample is a vector of how often each unit was drawn; its statistics are one matrix product for all
resamples. """

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from scipy import sparse

from patentcl.errors import ConfigError

GROUPS = 4000
"""Above this many units, random groups of them are resampled instead: the spread of a sum over
groups of independent units is that of the sum over units, and 4,000 groups tell it to about 1 %."""


def _check(resamples: int, level: float = 0.95) -> None:
    if resamples < 1:
        raise ConfigError("too few resamples", got=resamples, wanted="at least 1")
    if not 0 < level < 1:
        raise ConfigError("a confidence level must lie between 0 and 1", got=level)


def group(parts: Sequence[Any], seed: int
          ) -> list[Any]:
    """Sum units into at most `GROUPS` random groups, the same ones for every part and seed.

    Parameters
    ----------
    parts : sequence of ndarray (n,) or csr_matrix (n, m)

    Returns
    -------
    list of ndarray (g,) float64 or csr_matrix (g, m) float64
    """
    n = parts[0].shape[0]
    if n <= GROUPS:
        return [p.astype(np.float64) for p in parts]
    # Equal sizes, members at random.
    ids = np.random.default_rng(seed).permutation(n) % GROUPS
    member: sparse.csr_matrix | None = None
    out: list[Any] = []
    for part in parts:
        if sparse.issparse(part):
            if member is None:
                member = sparse.csr_matrix((np.ones(n), (ids, np.arange(n))), shape=(GROUPS, n))
            out.append(sparse.csr_matrix(member @ part.astype(np.float64)))
        else:
            out.append(np.bincount(ids, weights=part, minlength=GROUPS))
    return out


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


def totals(weights: np.ndarray, parts: Sequence[Any]) -> list[np.ndarray]:
    """Column sums of each part under each weight vector: (b,) for vectors, (b, m) for matrices."""
    return [np.ascontiguousarray((part.T @ weights.T).T) if sparse.issparse(part)
            else weights @ part for part in parts]


def interval(parts: Sequence[Any], formula: Callable[..., np.ndarray],
             value: float, *, level: float = 0.95, resamples: int = 1000,
             seed: int = 0) -> tuple[float, float]:
    """Bootstrap interval of a function of sums.

    Parameters
    ----------
    parts : sequence of ndarray (n,) or csr_matrix (n, m)
        Sufficient statistics by unit.
    formula : callable
        From the sums to the statistic, over a leading axis of resamples.
    value : float
        The statistic itself.
    level : float
    resamples : int
    seed : int

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
    grouped = group(parts, seed)
    n = grouped[0].shape[0]
    step = max(1, (1 << 22) // n)
    found = [formula(*totals(weights, grouped))
             for weights in _chunks(draws(n, resamples, seed), step)]
    drawn = np.concatenate(found)
    drawn = drawn[np.isfinite(drawn)]
    if drawn.size == 0:
        return (np.nan, np.nan)
    low, high = np.quantile(drawn - drawn.mean(), [(1 - level) / 2, (1 + level) / 2])
    return (float(value + low), float(value + high))


def _chunks(rows: np.ndarray, step: int) -> list[np.ndarray]:
    return [rows[i:i + step] for i in range(0, len(rows), step)]


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
