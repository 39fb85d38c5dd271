"""What an evaluation returns: per-item values first, then the aggregate, its interval and its
gaps.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from patentcl.core.errors import ConfigError, did_you_mean
from patentcl.metrics.stats import Resampler, interval

Formula = Callable[..., np.ndarray]


def ratio(numerator: ArrayLike, denominator: ArrayLike) -> np.ndarray:
    """Quotient of float64 arrays, nan where the denominator is 0."""
    with np.errstate(divide="ignore", invalid="ignore"):
        out = np.asarray(np.true_divide(numerator, denominator, dtype=np.float64))
    zero = np.equal(denominator, 0)
    if zero.any():
        out = np.where(zero, np.nan, out)
    return out


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

    def interval(self, level: float = 0.95, resamples: int = 1000) -> tuple[float, float]:
        """Bootstrap confidence interval of the value, computed once and kept.

        Parameters
        ----------
        level : float
            Coverage.
        resamples : int

        Returns
        -------
        tuple of float
            Lower and upper end; nan where the value is nan.
        """
        return self._interval(level, resamples, None)

    def _interval(
        self, level: float, resamples: int, resampler: Resampler | None
    ) -> tuple[float, float]:
        key = (level, resamples)
        if key not in self._intervals:
            self._intervals[key] = interval(
                self.parts,
                self.formula,
                self.value,
                level=level,
                resamples=resamples,
                seed=self.seed,
                resampler=resampler,
            )
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


def plain(value: float) -> float | None:
    """A float for JSON: None where it is not finite."""
    return float(value) if math.isfinite(value) else None


def _ratio_formula(top: np.ndarray, bottom: np.ndarray) -> np.ndarray:
    return ratio(top, bottom)


def mean_metric(items: np.ndarray, unit: str) -> Metric:
    """Mean over the defined items."""
    values = np.asarray(items, dtype=np.float64)
    defined = ~np.isnan(values)
    top = values if defined.all() else np.where(defined, values, 0.0)
    return ratio_metric(top, defined, unit, items=values)


def ratio_metric(
    top: np.ndarray,
    bottom: np.ndarray,
    unit: str,
    items: np.ndarray | None = None,
    formula: Formula = _ratio_formula,
) -> Metric:
    """Quotient of two sums over items ("micro" average); items are the quotients of each."""
    values = ratio(top, bottom) if items is None else items
    value = float(formula(np.array([top.sum()]), np.array([bottom.sum()]))[0])
    return Metric("", value, values, unit, (top, bottom), formula)


def named(metric: Metric, name: str, seed: int = 0, higher_is_better: bool | None = True) -> Metric:
    """The same metric under a name, with the seed of its bootstrap."""
    return Metric(
        name,
        metric.value,
        metric.items,
        metric.unit,
        metric.parts,
        metric.formula,
        metric.resampled,
        higher_is_better,
        seed,
    )


class Metrics(Mapping[str, float]):
    """A mapping from metric name to value, with everything else in ``detail``.

    Parameters
    ----------
    detail : iterable of Metric

    Attributes
    ----------
    detail : dict of str to Metric
        Per-item values, intervals and undefined counts.

    Examples
    --------
    >>> import numpy as np
    >>> from patentcl.metrics import evaluate
    >>> truth = np.array([[1, 0], [0, 1]])
    >>> scores = np.array([[0.9, 0.2], [0.6, 0.4]])
    >>> result = evaluate(truth, scores, ["precision:micro", "precision:samples"])
    >>> result["precision:micro"]
    0.5
    >>> result.detail["precision:samples"].items.tolist()
    [1.0, 0.0]
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
            n = metric.parts[0].shape[0]
            key = (n, metric.seed)
            if n and key not in shared:
                shared[key] = Resampler.bootstrap(n, resamples, metric.seed)
            metric._interval(level, resamples, shared.get(key))
        return {name: metric.interval(level, resamples) for name, metric in self.detail.items()}

    def as_dict(self) -> dict[str, dict[str, Any]]:
        """Name to the fields of `Metric.as_dict`."""
        self.intervals()
        return {name: metric.as_dict() for name, metric in self.detail.items()}

    def to_json(self) -> str:
        """The `as_dict` form as JSON text."""
        return json.dumps(self.as_dict(), indent=2)

    def _rows(self) -> tuple[list[str], list[list[str]]]:
        self.intervals()
        head = ["metric", "value", "95 % interval", "items", "undefined"]
        return head, [
            [
                name,
                number(m.value),
                f"{number(m.low)} to {number(m.high)}",
                f"{m.n:,} {m.unit}",
                f"{m.undefined:,}",
            ]
            for name, m in self.detail.items()
        ]

    def to_text(self) -> str:
        """A table in plain text."""
        return text_table(*self._rows())

    def to_markdown(self) -> str:
        """A table in Markdown."""
        return markdown_table(*self._rows())

    def to_latex(self) -> str:
        """A table in LaTeX (needs the package booktabs)."""
        return latex_table(*self._rows())


# ---- tables -------------------------------------------------------------------------------------


def number(value: float) -> str:
    """Four decimals below 10, fewer above; a dash for nan."""
    if not math.isfinite(value):
        return "-"
    return f"{value:.4f}" if abs(value) < 10 else f"{value:,.2f}"


def text_table(head: list[str], rows: list[list[str]]) -> str:
    """Columns padded to one width; the first flush left, the others flush right."""
    widths = [max(len(row[i]) for row in [head, *rows]) for i in range(len(head))]
    lines = []
    for row in [head, ["-" * w for w in widths], *rows]:
        cells = [row[0].ljust(widths[0])] + [
            c.rjust(w) for c, w in zip(row[1:], widths[1:], strict=True)
        ]
        lines.append("  ".join(cells).rstrip())
    return "\n".join(lines)


def markdown_table(head: list[str], rows: list[list[str]]) -> str:
    """A pipe table, numbers to the right."""
    rule = ["---"] + ["---:"] * (len(head) - 1)
    return "\n".join(
        "| " + " | ".join(c.replace("|", "\\|") for c in row) + " |" for row in [head, rule, *rows]
    )


_LATEX = str.maketrans(
    {"%": r"\%", "_": r"\_", "&": r"\&", "#": r"\#", "$": r"\$", "{": r"\{", "}": r"\}"}
)


def latex_table(head: list[str], rows: list[list[str]]) -> str:
    """A tabular environment with the rules of booktabs."""
    body = [" & ".join(cell.translate(_LATEX) for cell in row) + r" \\" for row in [head, *rows]]
    return "\n".join(
        [
            rf"\begin{{tabular}}{{l{'r' * (len(head) - 1)}}}",
            r"\toprule",
            body[0],
            r"\midrule",
            *body[1:],
            r"\bottomrule",
            r"\end{tabular}",
        ]
    )


def table(head: list[str], rows: list[list[str]], form: str) -> str:
    """One of the three forms: ``"text"``, ``"markdown"`` or ``"latex"``."""
    forms = {"text": text_table, "markdown": markdown_table, "latex": latex_table}
    if form not in forms:
        raise ConfigError("unknown form of table", got=form, fix=did_you_mean(form, forms))
    return forms[form](head, rows)
