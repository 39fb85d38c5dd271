"""Exact filters over a table of patents: by date, by classification symbol, by any column.

A filter becomes one boolean for each row, so that a search can leave out what does not pass before
it looks, and not among the few that it found.
"""

from __future__ import annotations

import logging
import math
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date, datetime
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd

from patentcl.core.errors import ConfigError, DataError, choose
from patentcl.cpc import LEVELS, is_symbol, parse_symbol
from patentcl.search.spelling import Ids
from patentcl.search.where import rows_where

log = logging.getLogger(__name__)

FILTERS = (
    "before",
    "after",
    "before_patent",
    "cpc",
    "exclude_cpc",
    "applicant",
    "exclude_applicant",
    "country",
    "kind",
    "status",
    "in_family",
    "ids",
    "where",
)
"""Names of the filters; `Filters.parts` says what they mean."""
DATES = {"grant": "date", "filing": "filing_date", "priority": "priority_date"}
"""Columns of the kinds of dates."""
VALUES: dict[str, tuple[tuple[str, ...], Callable[[str, str], bool]]] = {
    "applicant": (("applicants", "applicant", "assignees", "assignee"), str.__contains__),
    "country": (("country",), str.__eq__),
    "kind": (("kind",), str.startswith),
    "status": (("status",), str.__eq__),
    "in_family": (("family",), str.__eq__),
}
"""Columns that a filter by value looks into, and when a value fits one that is asked for."""
_GROUP = re.compile(r"([A-HY]\d\d[A-Z])\s*0*([1-9]\d{0,3})/?", re.ASCII)

RESULT_COLUMNS = ("query", "rank", "id", "similarity")
"""Columns that a search result has of its own."""


def checked_ids(ids: Iterable[Any], rows: int) -> np.ndarray:
    """Return ids as an object array (rows,) of unique, non-empty texts, or raise DataError."""
    out = np.empty(rows, dtype=object)
    found = [str(i) if isinstance(i, int | np.integer) else i for i in ids]
    if len(found) != rows:
        wanted = f"{rows}, one for each vector"
        raise DataError("ids and vectors differ in number", got=f"{len(found)} ids", wanted=wanted)
    out[:] = found
    for position, value in enumerate(found):
        if not isinstance(value, str) or not value:
            where, wanted = f"row {position}", "publication numbers as str"
            raise DataError("an id is not a text", where=where, got=repr(value), wanted=wanted)
    double = pd.Index(out).duplicated()
    if double.any():
        row = int(np.argmax(double))
        raise DataError("duplicate ids", where=f"row {row}", got=repr(out[row]))
    return out


def checked_meta(meta: pd.DataFrame | None, ids: np.ndarray) -> pd.DataFrame:
    """Return the rows of meta in the order of ids, the id first, or raise DataError."""
    if meta is None:
        return pd.DataFrame({"id": ids})
    if "id" not in meta.columns:
        got = ", ".join(map(str, meta.columns))
        raise DataError("meta has no column 'id'", got=got, wanted="id, date, codes and any more")
    taken = [c for c in meta.columns if c in RESULT_COLUMNS and c != "id"]
    if taken:
        fix = "Rename it"
        raise DataError("a column of meta has the name of a result column", got=taken[0], fix=fix)
    if pd.api.types.is_integer_dtype(meta["id"]):
        meta = meta.assign(id=meta["id"].astype(str))
    again = meta["id"].duplicated()
    if again.any():
        raise DataError("duplicate ids in meta", got=repr(meta["id"][again].iloc[0]))
    place = pd.Index(meta["id"]).get_indexer(pd.Index(ids))
    if (place < 0).any():
        got = f"none for {ids[np.argmax(place < 0)]!r} and {int((place < 0).sum()) - 1} more"
        raise DataError("meta lacks some of the ids", wanted="a row for every vector", got=got)
    rest = [c for c in meta.columns if c != "id"]
    out = meta[["id", *rest]].iloc[place].reset_index(drop=True)
    if "codes" in out:
        codes = [_code_list(value, row) for row, value in enumerate(out["codes"])]
        out["codes"] = pd.Series(codes, dtype=object)
    return out


def _code_list(value: Any, row: int) -> list[str]:
    if value is None or value is pd.NA or (isinstance(value, float) and math.isnan(value)):
        return []
    if isinstance(value, str) or not isinstance(value, Iterable):
        where, wanted = f"meta, row {row}", "a list of symbols; split the text first"
        raise DataError("codes are not a list", where=where, got=repr(value), wanted=wanted)
    return list(map(str, value))


def day(value: Any, where: str) -> np.datetime64:
    """Read a day; a year, or a year and month, stand for their first day."""
    if isinstance(value, datetime):
        value = "NaT" if pd.isna(value) else value.date()
    try:
        if isinstance(value, date):
            return np.datetime64(value, "D")
        if isinstance(value, int | np.integer) and not isinstance(value, bool):
            value = f"{value:04d}"
        if isinstance(value, np.datetime64) and not np.isnat(value):
            return value.astype("datetime64[D]")
        if isinstance(value, str) and len(value) in (4, 7, 10):
            found = np.datetime64(value, "D")
            if not np.isnat(found):
                return found
    except ValueError:
        pass
    got = repr(value)
    raise DataError("not a date", where=where, got=got, wanted="YYYY-MM-DD, YYYY-MM or YYYY")


def days(column: pd.Series, name: str = "date") -> np.ndarray:
    """Read a column of dates as datetime64[D] (n,); NaT where it is empty."""
    if pd.api.types.is_datetime64_any_dtype(column):
        return column.to_numpy(dtype="datetime64[D]")
    codes, unique = pd.factorize(column.to_numpy(dtype=object), use_na_sentinel=True)
    never = np.datetime64("NaT", "D")
    found = [
        never
        if value == ""
        else day(value, f"meta, column {name}, row {int(np.argmax(codes == i))}")
        for i, value in enumerate(unique)
    ]
    return np.array([*found, never], dtype="datetime64[D]")[codes]


class Filters:
    """Turns filters into masks over the rows of a table that `checked_meta` returned.

    `parents` gives the symbol above a symbol by the scheme's dots, where these are known.
    """

    def __init__(self, meta: pd.DataFrame, parents: Mapping[str, str | None] | None = None) -> None:
        self._meta = meta
        self._parents = parents or {}

    @cached_property
    def _ids(self) -> Ids:
        return Ids(self._meta["id"].to_numpy(dtype=object))

    @cached_property
    def _codes(self) -> tuple[np.ndarray, np.ndarray, dict[str, np.ndarray]]:
        """Row and code number of every (patent, code) pair; numbers of the codes below a symbol."""
        row, number, unique = _entries(self._meta["codes"])
        below: dict[str, list[int]] = {}
        for i, code in enumerate(unique):
            for symbol in self.chain(code):
                below.setdefault(symbol, []).append(i)
        return row, number, {symbol: np.array(items) for symbol, items in below.items()}

    def chain(self, code: str) -> tuple[str, ...]:
        """A code and what is above it, from the section down."""
        if code not in self._parents:
            return parse_symbol(code) if is_symbol(code) else (code,)
        out: list[str] = []
        node: str | None = code
        while node is not None and node not in out:
            out.append(node)
            node = self._parents.get(node)
        return tuple(reversed(out))

    def check(self) -> None:
        """Read the dates now, so that a bad one is found before the first filtered search."""
        if "date" in self._meta:
            days(self._meta["date"])

    def positions(self, ids: Iterable[str | int]) -> np.ndarray:
        """Rows (int64) of ids, in any spelling of a number; unknown ones raise."""
        if isinstance(ids, str | int | np.integer):
            raise DataError("ids is one text", got=repr(ids), wanted="a list of ids")
        return self._ids.rows(list(ids))

    # ---- one filter -------------------------------------------------------------------------

    def _column(self, filter_: str, *names: str) -> pd.Series:
        """The first of some columns that the table has."""
        for name in names:
            if name in self._meta:
                return self._meta[name]
        raise ConfigError(
            f"this index has no {names[0]} to filter by",
            where=filter_,
            got=f"columns {', '.join(map(str, self._meta.columns))}",
            fix=f"Build it with a column {names[0]!r} in meta",
        )

    def _dates(self, filter_: str, by: str) -> np.ndarray:
        name = DATES[choose(by, DATES, "kind of date")]
        return days(self._column(filter_, name), name)

    def _own_date(self, patent: str | int) -> np.datetime64:
        """The earliest date that is known of a patent."""
        [row] = self._ids.rows([patent])
        there = [name for name in DATES.values() if name in self._meta]
        own = [d for name in there for d in days(self._meta[name].iloc[[row]], name)]
        own = [d for d in own if not np.isnat(d)]
        if not own:
            what = "the patent has no date in this index"
            raise DataError(what, where="before_patent", got=patent)
        return min(own)

    def with_code(self, symbols: str | Sequence[str], name: str = "cpc") -> np.ndarray:
        """Bool (n,): rows with a code at or below any of the symbols."""
        self._column(name, "codes")
        row, number, below = self._codes
        hit = np.zeros(int(number.max(initial=-1)) + 1, dtype=bool)
        for symbol in _listed(symbols, name):
            key = symbol if symbol in below else as_symbol(symbol)
            hit[below.get(key, np.empty(0, dtype=np.int64))] = True
            if not self._parents and is_symbol(key) and len(parse_symbol(key)) == len(LEVELS):
                log.warning(
                    "%s %s: groups below it by dots are not known here, so it alone", name, key
                )
        out = np.zeros(len(self._meta), dtype=bool)
        out[row[hit[number]]] = True
        return out

    def _with_value(self, name: str, values: str | Sequence[str]) -> np.ndarray:
        """Bool (n,): rows with a value that fits one of those asked for; case does not count."""
        columns, fits = VALUES[name]
        row, number, unique = _entries(self._column(name, *columns))
        asked = [str(v).casefold().strip() for v in _listed(values, name)]
        hit = np.array([any(fits(str(u).casefold(), v) for v in asked) for u in unique], dtype=bool)
        out = np.zeros(len(self._meta), dtype=bool)
        out[row[hit[number]]] = True
        return out

    def _one(self, name: str, value: Any, by: str) -> np.ndarray:
        """Bool (n,): the rows that pass one filter; no date (NaT) passes no filter by date."""
        if name == "before":
            return self._dates(name, by) < day(value, name)
        if name == "after":
            return self._dates(name, by) >= day(value, name)
        if name == "before_patent":
            return self._dates(name, by) < self._own_date(value)
        if name == "ids":
            out = np.zeros(len(self._meta), dtype=bool)
            out[self.positions(value)] = True
            return out
        if name == "where":
            return rows_where(self._meta, value)
        kind = name.removeprefix("exclude_")
        found = self.with_code(value, name) if kind == "cpc" else self._with_value(kind, value)
        return found if kind == name else ~found

    # ---- all of them ------------------------------------------------------------------------

    def parts(self, by: str = "grant", **filters: Any) -> dict[str, np.ndarray]:
        """Bool (n,) of each filter that is given (not None): the rows that pass it.

        Parameters
        ----------
        before, after : str, int or date
            Dates from `after` on (included) and before `before` (excluded); a year, or a year and
            month, stand for their first day. Patents without a date do not pass.
        before_patent : str
            Dates before the earliest one of this patent.
        by : {"grant", "filing", "priority"}
            The date that these three look at.
        cpc, exclude_cpc : str or list of str
            Patents with, and without, a code at or below any of these symbols. ``A61B17`` is the
            main group; where the index knows the scheme, ``A61B17/34`` holds what its dots say,
            else itself alone, with a note.
        applicant, exclude_applicant : str or list of str
            Part of a name; case does not count.
        country, status, in_family : str or list of str
            The whole value; case does not count.
        kind : str or list of str
            Kind codes, or how they begin.
        ids : iterable of str
            These patents only.
        where : str
            One SQL expression over the columns, such as ``"country = 'US' AND year >= 2015"``.
        """
        given = {name: value for name, value in filters.items() if value is not None}
        for name in given:
            choose(name, FILTERS, "filter")
        return {name: self._one(name, value, by) for name, value in given.items()}

    def mask(self, **filters: Any) -> np.ndarray | None:
        """Bool (n,): the rows that pass all filters of `parts`; None where there is no filter."""
        masks = list(self.parts(**filters).values())
        return np.logical_and.reduce(masks) if masks else None

    def explain(self, **filters: Any) -> str:
        """How many patents pass all filters, and each of them."""
        parts, total = self.parts(**filters), len(self._meta)
        dates = DATES[filters.get("by", "grant")]
        if {"before", "after", "before_patent"} & set(parts) and self._meta[dates].isna().all():
            return f"none of the {total:,} patents of this index has a {dates.replace('_', ' ')}"

        def said(name: str) -> str:
            value = filters[name]
            text = value if isinstance(value, str) else " ".join(map(str, list(value)[:5]))
            return f"{int(parts[name].sum()):,} pass {name.replace('_', '-')} {text}"

        text = f"{int(np.logical_and.reduce(list(parts.values())).sum()):,} of {total:,} patents"
        return f"{text} pass all filters ({', '.join(map(said, parts))})"


def parents_of(symbols: pd.DataFrame | None) -> dict[str, str | None]:
    """Parents by symbol of a table of symbols; empty where it does not have them."""
    if symbols is None or "parent" not in symbols or symbols["parent"].isna().all():
        return {}
    above = symbols["parent"].astype(object).where(symbols["parent"].notna(), None)
    return dict(zip(symbols["symbol"], above, strict=True))


def _listed(values: str | Sequence[str], name: str) -> list[str]:
    out = [values] if isinstance(values, str) else list(values)
    if not out:
        raise DataError("an empty list of values", where=name, fix=f"Leave {name} out instead")
    return out


def _entries(column: pd.Series) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Row and number of every value of a column of lists, or of texts with ``;``; the values."""
    lists = [
        [part for p in cell.split(";") if (part := p.strip())]
        if isinstance(cell, str)
        else list(cell)
        if isinstance(cell, list | tuple | np.ndarray)
        else []
        if pd.isna(cell)
        else [str(cell)]
        for cell in column
    ]
    row = np.repeat(np.arange(len(lists)), [len(values) for values in lists])
    flat = np.array([value for values in lists for value in values], dtype=object)
    number, unique = pd.factorize(flat)
    return row, number, unique


def as_symbol(text: str) -> str:
    """A symbol as analysts write it: in lower case too, and a main group without ``/00``.

    Examples
    --------
    >>> as_symbol("a61b17"), as_symbol("A61B 17/34")
    ('A61B17/00', 'A61B17/34')
    """
    upper = text.strip().upper() if isinstance(text, str) else text
    group = _GROUP.fullmatch(upper) if isinstance(upper, str) else None
    return parse_symbol(f"{group[1]}{group[2]}/00" if group else upper)[-1]
