"""What an evaluation returns: values of items, the aggregate, its interval and its gaps."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from patentcl.core.errors import ConfigError, did_you_mean
from patentcl.core.tables import html_summary, number, table
from patentcl.metrics.stats import Resampler, about

Formula = Callable[..., np.ndarray]


def ratio(numerator: ArrayLike, denominator: ArrayLike) -> np.ndarray:
    """Quotient of float64 arrays, nan where the denominator is 0."""
    with np.errstate(divide="ignore", invalid="ignore"):
        out = np.asarray(np.true_divide(numerator, denominator, dtype=np.float64))
    zero = np.equal(denominator, 0)
    return np.where(zero, np.nan, out) if zero.any() else out


def plain(value: float) -> float | None:
    """A float for JSON: None where it is not finite."""
    return float(value) if math.isfinite(value) else None


@dataclass(frozen=True, eq=False)
class Metric:
    """One metric: a value, the items that it is made of, and how sure it is.

    Parameters
    ----------
    name : str
    value : float
        The aggregate; nan where no item is defined.
    items : ndarray of float64, shape (n_items,)
        One value for each patent, label, query, triplet or pair; nan where undefined.
    unit : str
        What the items are, in the plural.
    parts : tuple of ndarray (n,) or csr_matrix (n, m)
        Sufficient statistics of each resampled unit: the value is a function of their column sums.
    formula : callable
        From the column sums, arrays of shape ``(b,)`` or ``(b, m)``, to values of shape ``(b,)``.
    resampled : str
        What the bootstrap draws anew; usually the items.
    seed : int
        Of the bootstrap.

    Notes
    -----
    Every aggregate is a function of sums over patents, which is why macro averages can be resampled
    over patents too (their items are labels), and why an interval costs one matrix product.
    """

    name: str
    value: float
    items: np.ndarray
    unit: str
    parts: tuple[Any, ...] = field(repr=False)
    formula: Formula = field(repr=False)
    resampled: str = ""
    higher_is_better: bool | None = True
    seed: int = 0
    _intervals: dict[tuple[float, int], tuple[float, float]] = field(
        default_factory=dict, init=False, repr=False
    )

    def __float__(self) -> float:
        return self.value

    @property
    def n(self) -> int:
        """Number of items, undefined ones included."""
        return len(self.items)

    @property
    def undefined(self) -> int:
        """Number of items whose value is nan; they are left out of means."""
        return int(np.isnan(self.items).sum())

    def interval(
        self, level: float = 0.95, resamples: int = 1000, resampler: Resampler | None = None
    ) -> tuple[float, float]:
        """Bootstrap confidence interval of the value, nan where that is; computed once and kept.

        A ``resampler`` is shared between metrics of the same units; else one is made from the seed.
        """
        if not 0 < level < 1:
            raise ConfigError("a confidence level must lie between 0 and 1", got=level)
        key = (level, resamples)
        if key not in self._intervals:
            n, ends = self.parts[0].shape[0], (np.nan, np.nan)
            if n and np.isfinite(self.value):
                source = resampler or Resampler.bootstrap(n, resamples, self.seed)
                ends = about(self.value, self.formula(*map(source.totals, self.parts)), level)
            self._intervals[key] = ends
        return self._intervals[key]

    @property
    def low(self) -> float:
        """Lower end of the 95 % interval."""
        return self.interval()[0]

    @property
    def high(self) -> float:
        """Upper end of the 95 % interval."""
        return self.interval()[1]

    def as_dict(self) -> dict[str, Any]:
        """The row of this metric in metrics.json; nan becomes None."""
        return {
            "value": plain(self.value),
            "low": plain(self.low),
            "high": plain(self.high),
            "items": self.n,
            "undefined": self.undefined,
            "unit": self.unit,
            "resampled": self.resampled or self.unit,
            "higher_is_better": self.higher_is_better,
        }


def summed(
    parts: tuple[Any, ...],
    formula: Formula,
    unit: str,
    items: np.ndarray,
    totals: tuple[np.ndarray, ...] | None = None,
    resampled: str = "",
) -> Metric:
    """A metric from its parts: the value is the formula of their column sums.

    ``totals`` are these sums, float (m,) each, where they are known already.
    """
    sums = totals or tuple(part.sum(axis=0) for part in parts)
    value = float(formula(*(np.asarray(total)[None] for total in sums))[0])
    return Metric("", value, items, unit, parts, formula, resampled)


def ratio_metric(
    top: np.ndarray, bottom: np.ndarray, unit: str, items: np.ndarray | None = None
) -> Metric:
    """Quotient of two sums over items ("micro" average); items are the quotients of each."""
    return summed((top, bottom), ratio, unit, ratio(top, bottom) if items is None else items)


def mean_metric(items: np.ndarray, unit: str) -> Metric:
    """Mean over the defined items."""
    values = np.asarray(items, dtype=np.float64)
    defined = ~np.isnan(values)
    return ratio_metric(
        values if defined.all() else np.where(defined, values, 0.0), defined, unit, values
    )


def named(metric: Metric, name: str, seed: int = 0, higher_is_better: bool | None = True) -> Metric:
    """The same metric under a name, with the seed of its bootstrap."""
    return replace(metric, name=name, seed=seed, higher_is_better=higher_is_better)


class Printed:
    """Prints as text, Markdown, LaTeX or JSON; a subclass gives ``_rows`` and ``as_dict``."""

    def _rows(self) -> tuple[list[str], list[list[str]]]:
        raise NotImplementedError

    def as_dict(self) -> dict[str, dict[str, Any]]:
        """Name to fields, as plain data; nan becomes None."""
        raise NotImplementedError

    def __str__(self) -> str:
        return self.to_text()

    def to_text(self) -> str:
        """A table in plain text."""
        return table(*self._rows(), "text")

    def to_markdown(self) -> str:
        """A table in Markdown."""
        return table(*self._rows(), "markdown")

    def to_latex(self) -> str:
        """A table in LaTeX (needs the package booktabs)."""
        return table(*self._rows(), "latex")

    def _repr_html_(self) -> str:
        form = table(*(rows := self._rows()), "html")
        return html_summary(type(self).__name__, f"{len(rows[1]):,} figures", form)

    def to_json(self) -> str:
        """The `as_dict` form as JSON text."""
        return json.dumps(self.as_dict(), indent=2)


class Metrics(Printed, Mapping[str, float]):
    """A mapping from metric name to value; ``detail`` maps it to the `Metric` with everything else.

    Examples
    --------
    >>> import numpy as np
    >>> from patentcl.metrics import evaluate
    >>> truth = np.array([[1, 0], [0, 1]])
    >>> scores = np.array([[0.9, 0.2], [0.6, 0.4]])
    >>> result = evaluate(truth, scores, ["precision:micro", "precision:samples"])
    >>> result["precision:micro"], result.detail["precision:samples"].items.tolist()
    (0.5, [1.0, 0.0])
    """

    def __init__(self, detail: Iterable[Metric]) -> None:
        self.detail: dict[str, Metric] = {m.name: m for m in detail}

    def __getitem__(self, name: str) -> float:
        if name not in self.detail:
            raise KeyError(f"{name!r} was not evaluated. {did_you_mean(name, self.detail)}")
        return self.detail[name].value

    def __iter__(self) -> Iterator[str]:
        return iter(self.detail)

    def __len__(self) -> int:
        return len(self.detail)

    def __repr__(self) -> str:
        values = ", ".join(f"{name}={metric.value:.4f}" for name, metric in self.detail.items())
        return f"Metrics({values})"

    def __or__(self, other: Metrics) -> Metrics:
        return Metrics([*self.detail.values(), *other.detail.values()])

    def intervals(
        self, level: float = 0.95, resamples: int = 1000
    ) -> dict[str, tuple[float, float]]:
        """Intervals of all metrics; cheaper than one by one, because they share their resamples."""
        shared: dict[tuple[int, int], Resampler] = {}
        for metric in self.detail.values():
            key = (metric.parts[0].shape[0], metric.seed)
            if key[0] and key not in shared:
                shared[key] = Resampler.bootstrap(key[0], resamples, metric.seed)
            metric.interval(level, resamples, shared.get(key))
        return {name: metric.interval(level, resamples) for name, metric in self.detail.items()}

    def as_dict(self) -> dict[str, dict[str, Any]]:
        """Name to the fields of `Metric.as_dict`."""
        self.intervals()
        return {name: metric.as_dict() for name, metric in self.detail.items()}

    def _rows(self) -> tuple[list[str], list[list[str]]]:
        ends = self.intervals()
        head = ["metric", "value", "95 % interval", "items", "undefined"]
        return head, [
            [
                name,
                number(m.value),
                f"{number(ends[name][0])} to {number(ends[name][1])}",
                f"{m.n:,} {m.unit}",
                f"{m.undefined:,}",
            ]
            for name, m in self.detail.items()
        ]
