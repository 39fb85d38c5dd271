"""Is one system better than another, or is it chance?"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from patentcl.core.errors import ConfigError, DataError, did_you_mean
from patentcl.metrics.result import Metric, Metrics, number, plain, table
from patentcl.metrics.stats import Resampler, about, holm


@dataclass(frozen=True)
class Difference:
    """Two systems under one metric.

    Parameters
    ----------
    name : str
    a, b : float
        Values of the two systems.
    difference : float
        ``b - a``.
    low, high : float
        95 % interval of the difference, by paired bootstrap.
    p_bootstrap : float
        Two-sided p-value of the paired bootstrap: how often the resampled difference, centred on
        zero, is as far from zero as the one observed.
    p_randomisation : float
        Two-sided p-value of the randomisation test, which swaps the two systems on each item at
        random.
    p : float
        ``p_randomisation`` corrected for the number of metrics by Holm's method.
    undefined : int
        Items that are undefined for either system.
    """

    name: str
    a: float
    b: float
    difference: float
    low: float
    high: float
    p_bootstrap: float
    p_randomisation: float
    p: float
    undefined: int


class Comparison(Mapping[str, Difference]):
    """A mapping from metric name to `Difference`, which prints as text, Markdown or LaTeX.

    Parameters
    ----------
    rows : list of Difference
    labels : tuple of str
        What to call the two systems.
    """

    def __init__(self, rows: list[Difference], labels: tuple[str, str] = ("a", "b")) -> None:
        self.rows, self.labels = rows, labels
        self._by_name = {row.name: row for row in rows}

    def __getitem__(self, name: str) -> Difference:
        if name not in self._by_name:
            raise KeyError(f"{name!r} was not compared. {did_you_mean(name, self._by_name)}")
        return self._by_name[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._by_name)

    def __len__(self) -> int:
        return len(self.rows)

    def _table(self, form: str) -> str:
        head = [
            "metric",
            *self.labels,
            "difference",
            "95 % interval",
            "p bootstrap",
            "p randomisation",
            "p Holm",
        ]
        rows = [
            [
                r.name,
                number(r.a),
                number(r.b),
                _signed(r.difference),
                f"{_signed(r.low)} to {_signed(r.high)}",
                number(r.p_bootstrap),
                number(r.p_randomisation),
                number(r.p),
            ]
            for r in self.rows
        ]
        return table(head, rows, form)

    def to_text(self) -> str:
        """A table in plain text."""
        return self._table("text")

    def to_markdown(self) -> str:
        """A table in Markdown."""
        return self._table("markdown")

    def to_latex(self) -> str:
        """A table in LaTeX (needs the package booktabs)."""
        return self._table("latex")

    def as_dict(self) -> dict[str, dict[str, Any]]:
        """Name to the fields of `Difference`; nan becomes None."""
        return {
            row.name: {
                key: plain(value) if isinstance(value, float) else value
                for key, value in vars(row).items()
                if key != "name"
            }
            for row in self.rows
        }

    def to_json(self) -> str:
        """The `as_dict` form as JSON text."""
        return json.dumps(self.as_dict(), indent=2)


def _signed(value: float) -> str:
    return ("+" if value > 0 else "") + number(value)


def compare(
    a: Metrics,
    b: Metrics,
    *,
    labels: tuple[str, str] = ("a", "b"),
    resamples: int = 2000,
    seed: int = 0,
) -> Comparison:
    """Test two evaluations of the same items against each other, metric by metric.

    Parameters
    ----------
    a, b : Metrics
        Of the same metrics on the same patents (or queries) in the same order.
    labels : tuple of str
        What to call them in tables.
    resamples : int
        Of the bootstrap, and of the randomisation test; the smallest possible p is 1 / (resamples +
        1).
    seed : int

    Returns
    -------
    Comparison

    Raises
    ------
    DataError
        If the names or the numbers of items differ.

    Notes ----- Both tests work on whatever the metric sums over patents, so macro averages and
    average precision are tested over patents as well. Average precision enters by its pseudo-values
    (see `patentcl.metrics.curves.micro_metric`).

    References ---------- T. Sakai, Statistical reform in information retrieval?, SIGIR Forum 48(1),
    2014. M. D. Smucker et al., A comparison of statistical significance tests for information
    retrieval evaluation, CIKM 2007. S. Holm, A simple sequentially rejective multiple test
    procedure, Scand. J. Statistics 6, 1979.

    Examples
    --------
    >>> from patentcl.metrics import evaluate
    >>> truth = np.eye(4)[np.arange(40) % 4]
    >>> worse = evaluate(truth, np.roll(truth, 1, axis=0), "f1:micro")
    >>> better = evaluate(truth, truth, "f1:micro")
    >>> compare(worse, better)["f1:micro"].difference
    1.0
    """
    if list(a) != list(b):
        odd = sorted(set(a) ^ set(b))
        raise DataError(
            "the two evaluations are of different metrics",
            got=", ".join(odd) or "another order",
            wanted="the same names in the same order",
        )
    if resamples < 1:
        raise ConfigError("too few resamples", got=resamples, wanted="at least 1")
    shared: dict[tuple[int, int, int], tuple[Resampler, Resampler]] = {}
    rows = [_difference(a.detail[name], b.detail[name], resamples, seed, shared) for name in a]
    corrected = holm([row.p_randomisation for row in rows])
    return Comparison(
        [replace(row, p=float(p)) for row, p in zip(rows, corrected, strict=True)], labels
    )


def _difference(
    a: Metric,
    b: Metric,
    resamples: int,
    seed: int,
    shared: dict[tuple[int, int, int], tuple[Resampler, Resampler]],
) -> Difference:
    shapes = [[part.shape for part in m.parts] for m in (a, b)]
    if a.n != b.n or shapes[0] != shapes[1]:
        raise DataError(
            "the two evaluations are of different items",
            where=a.name,
            got=f"{a.n} and {b.n} {a.unit}",
        )
    undefined = int((np.isnan(a.items) | np.isnan(b.items)).sum())
    if not (np.isfinite(a.value) and np.isfinite(b.value)):
        nan = float("nan")
        return Difference(a.name, a.value, b.value, nan, nan, nan, nan, nan, nan, undefined)
    observed = b.value - a.value
    n = a.parts[0].shape[0]
    key = (n, resamples, seed)
    if key not in shared:
        shared[key] = (Resampler.bootstrap(*key), Resampler.swaps(*key))
    boot, swap = shared[key]
    drawn = b.formula(*map(boot.totals, b.parts)) - a.formula(*map(boot.totals, a.parts))
    low, high = about(observed, drawn)
    left, right = [], []
    for x, y in zip(a.parts, b.parts, strict=True):
        moved = swap.totals(y) - swap.totals(x)
        left.append(_sum(x) + moved)
        right.append(_sum(y) - moved)
    null = b.formula(*right) - a.formula(*left)
    centred = drawn[np.isfinite(drawn)]
    centred = centred - centred.mean()
    # A hair of slack: swaps that change nothing reproduce the observed value up to rounding.
    limit = abs(observed) * (1 - 1e-9) - 1e-12
    p_boot = (1 + np.count_nonzero(np.abs(centred) >= limit)) / (len(centred) + 1)
    p_rand = (1 + np.count_nonzero(np.abs(null) >= limit)) / (len(null) + 1)
    return Difference(
        a.name,
        a.value,
        b.value,
        observed,
        low,
        high,
        float(p_boot),
        float(p_rand),
        float("nan"),
        undefined,
    )


def _sum(part: Any) -> np.ndarray:
    return np.asarray(part.sum(axis=0), dtype=np.float64).ravel()
