"""Is one system better than another, or is it chance?"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from patentcl.core.errors import DataError, did_you_mean
from patentcl.core.tables import number
from patentcl.metrics.result import Metric, Metrics, Printed, plain
from patentcl.metrics.stats import Resampler, about, holm


@dataclass(frozen=True)
class Difference:
    """Two systems under one metric.

    ``difference`` is b - a, with a 95 % interval by paired bootstrap. ``p_bootstrap`` is two-sided:
    how often the resampled difference, centred on zero, is as far from zero as the one observed.
    ``p_randomisation`` is that of the test which swaps the two systems on each item at random, and
    ``p`` the same, corrected for the number of metrics by Holm's method. ``undefined`` counts items
    that are undefined for either system.
    """

    name: str
    a: float
    b: float
    difference: float = float("nan")
    low: float = float("nan")
    high: float = float("nan")
    p_bootstrap: float = float("nan")
    p_randomisation: float = float("nan")
    p: float = float("nan")
    undefined: int = 0


class Comparison(Printed, Mapping[str, Difference]):
    """A mapping from metric name to `Difference`, which prints as text, Markdown or LaTeX.

    ``labels`` are the names of the two systems in tables.
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

    def _rows(self) -> tuple[list[str], list[list[str]]]:
        tests = ["p bootstrap", "p randomisation", "p Holm"]
        head = ["metric", *self.labels, "difference", "95 % interval", *tests]
        return head, [
            [
                r.name,
                number(r.a),
                number(r.b),
                _signed(r.difference),
                f"{_signed(r.low)} to {_signed(r.high)}",
                *map(number, (r.p_bootstrap, r.p_randomisation, r.p)),
            ]
            for r in self.rows
        ]


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
        Of the bootstrap, and of the randomisation test; the smallest possible p is
        1 / (resamples + 1).
    seed : int
        Of both.

    Raises
    ------
    DataError
        If the names or the numbers of items differ.

    Notes
    -----
    Both tests work on whatever the metric sums over patents, so macro averages and average
    precision are tested over patents as well. Average precision enters by its pseudo-values (see
    `patentcl.metrics.curves.micro_metric`).

    References
    ----------
    T. Sakai, Statistical reform in information retrieval?, SIGIR Forum 48(1), 2014. M. D. Smucker
    et al., A comparison of statistical significance tests for information retrieval evaluation,
    CIKM 2007. S. Holm, A simple sequentially rejective multiple test procedure, Scand. J.
    Statistics 6, 1979.

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
    shared: dict[int, tuple[Resampler, Resampler]] = {}
    rows = []
    for name in a:
        n = a.detail[name].parts[0].shape[0]
        if n not in shared:
            shared[n] = (
                Resampler.bootstrap(n, resamples, seed),
                Resampler.swaps(n, resamples, seed),
            )
        rows.append(_difference(a.detail[name], b.detail[name], *shared[n]))
    corrected = holm([row.p_randomisation for row in rows])
    return Comparison(
        [replace(row, p=float(p)) for row, p in zip(rows, corrected, strict=True)], labels
    )


def _difference(a: Metric, b: Metric, boot: Resampler, swap: Resampler) -> Difference:
    shapes = [[part.shape for part in m.parts] for m in (a, b)]
    if a.n != b.n or shapes[0] != shapes[1]:
        raise DataError(
            "the two evaluations are of different items",
            where=a.name,
            got=f"{a.n} and {b.n} {a.unit}",
        )
    undefined = int((np.isnan(a.items) | np.isnan(b.items)).sum())
    row = Difference(a.name, a.value, b.value, undefined=undefined)
    if not (np.isfinite(a.value) and np.isfinite(b.value)):
        return row
    observed = b.value - a.value
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
    return replace(
        row,
        difference=observed,
        low=low,
        high=high,
        p_bootstrap=float(p_boot),
        p_randomisation=float(p_rand),
    )


def _sum(part: Any) -> np.ndarray:
    return np.asarray(part.sum(axis=0), dtype=np.float64).ravel()
