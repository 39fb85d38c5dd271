"""Exact filters over a table of patents: by date, by classification symbol, by id.

A filter becomes one boolean for each row, so that a search can leave out what does not pass before
it looks, and not among the few that it found.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from datetime import date, datetime
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd

from patentcl.core.errors import ConfigError, DataError
from patentcl.cpc import is_symbol, parse_symbol

RESULT_COLUMNS = ("query", "rank", "id", "similarity")
"""Columns that a search result has of its own."""


def checked_ids(ids: Iterable[Any], rows: int) -> np.ndarray:
    """Return ids as an object array (rows,) of unique, non-empty texts, or raise DataError."""
    out = np.empty(rows, dtype=object)
    found = list(ids)
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
    return [str(code) for code in value]


def day(value: Any, where: str) -> np.datetime64:
    """Read a day; a year, or a year and month, stand for their first day."""
    if isinstance(value, datetime):
        value = value.date()
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


def days(column: pd.Series) -> np.ndarray:
    """Read a column of dates as datetime64[D] (n,); NaT where it is empty."""
    if pd.api.types.is_datetime64_any_dtype(column):
        return column.to_numpy(dtype="datetime64[D]")
    codes, unique = pd.factorize(column.to_numpy(dtype=object), use_na_sentinel=True)
    never = np.datetime64("NaT", "D")
    found = [
        never if value == "" else day(value, f"meta, column date, row {int(np.argmax(codes == i))}")
        for i, value in enumerate(unique)
    ]
    return np.array([*found, never], dtype="datetime64[D]")[codes]


class Filters:
    """Turns filters into masks over the rows of a table that `checked_meta` returned."""

    def __init__(self, meta: pd.DataFrame) -> None:
        self._meta = meta

    @cached_property
    def _place(self) -> pd.Index:
        return pd.Index(self._meta["id"].to_numpy(dtype=object))

    @cached_property
    def _days(self) -> np.ndarray:
        return days(self._meta["date"])

    @cached_property
    def _codes(self) -> tuple[np.ndarray, np.ndarray, dict[str, np.ndarray]]:
        """Row and code number of every (patent, code) pair; numbers of the codes below a symbol."""
        lists = self._meta["codes"]
        row = np.repeat(np.arange(len(lists)), lists.map(len).to_numpy(dtype=np.int64))
        flat = np.array([code for codes in lists for code in codes], dtype=object)
        number, unique = pd.factorize(flat)
        below: dict[str, list[int]] = {}
        for i, code in enumerate(unique):
            for symbol in parse_symbol(code) if is_symbol(code) else (code,):
                below.setdefault(symbol, []).append(i)
        return row, number, {symbol: np.array(items) for symbol, items in below.items()}

    def check(self) -> None:
        """Read the dates now, so that a bad one is found before the first filtered search."""
        if "date" in self._meta:
            _ = self._days

    def positions(self, ids: Iterable[str | int]) -> np.ndarray:
        """Rows (int64) of ids, whole numbers standing for their digits; unknown ones raise."""
        whole = (int, np.integer)
        if isinstance(ids, (str, *whole)):
            raise DataError("ids is one text", got=repr(ids), wanted="a list of ids")
        wanted = pd.Index([str(i) if isinstance(i, whole) else i for i in ids], dtype=object)
        place = self._place.get_indexer(wanted)
        if (place < 0).any():
            missing = wanted[place < 0]
            got = f"{', '.join(map(str, missing[:3]))} ({len(missing)} in all)"
            raise DataError("ids that are not in the index", got=got)
        return place.astype(np.int64)

    def with_code(self, symbols: str | Sequence[str], name: str = "cpc") -> np.ndarray:
        """Bool (n,): rows with a code at or below any of the symbols."""
        wanted = [symbols] if isinstance(symbols, str) else list(symbols)
        if not wanted:
            raise DataError("an empty list of symbols", where=name, fix=f"Leave {name} out instead")
        row, number, below = self._codes
        hit = np.zeros(int(number.max(initial=-1)) + 1, dtype=bool)
        for symbol in wanted:
            key = symbol if symbol in below else parse_symbol(symbol)[-1]
            hit[below.get(key, np.empty(0, dtype=np.int64))] = True
        out = np.zeros(len(self._meta), dtype=bool)
        out[row[hit[number]]] = True
        return out

    def mask(
        self,
        before: Any = None,
        after: Any = None,
        cpc: str | Sequence[str] | None = None,
        exclude_cpc: str | Sequence[str] | None = None,
        ids: Iterable[str] | None = None,
    ) -> np.ndarray | None:
        """Bool (n,): the rows that pass all filters; None where there is no filter."""
        for value, name, column in (
            (before, "before", "date"),
            (after, "after", "date"),
            (cpc, "cpc", "codes"),
            (exclude_cpc, "exclude_cpc", "codes"),
        ):
            if value is not None and column not in self._meta:
                fix = f"Build it with a column {column!r} in meta"
                raise ConfigError(f"this index has no {column} to filter by", where=name, fix=fix)
        masks = []
        if before is not None:  # no date (NaT) compares false both ways
            masks.append(self._days < day(before, "before"))
        if after is not None:
            masks.append(self._days >= day(after, "after"))
        if cpc is not None:
            masks.append(self.with_code(cpc, "cpc"))
        if exclude_cpc is not None:
            masks.append(~self.with_code(exclude_cpc, "exclude_cpc"))
        if ids is not None:
            mask = np.zeros(len(self._meta), dtype=bool)
            mask[self.positions(ids)] = True
            masks.append(mask)
        return np.logical_and.reduce(masks) if masks else None
