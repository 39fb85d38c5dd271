"""Publication numbers as people write them, matched to the ids of an index."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd

from patentcl.core.errors import DataError, did_you_mean

_NUMBER = re.compile(r"([A-Z]{2})?([A-Z]{0,2}\d+)([A-Z]\d?)?")  # country, number, kind


def _split(text: str) -> tuple[str, str, str] | None:
    """Country, number without leading zeros, and kind code; None where it is no number."""
    found = _NUMBER.fullmatch(re.sub(r"[\s,./-]+", "", text).upper())
    if found is None:
        return None
    country, number, kind = (part or "" for part in found.groups())
    letters = number.rstrip("0123456789")
    return country, letters + number[len(letters) :].lstrip("0"), kind


class Ids:
    """Ids by row, found by their own spelling or by another one of the same number.

    Examples
    --------
    >>> ids = Ids(["US11886193B1", "EP1000000A1"])
    >>> ids.rows(["US 11886193 B1", "11,886,193", "ep-1000000"]).tolist()
    [0, 0, 1]
    """

    def __init__(self, ids: Sequence[str] | np.ndarray) -> None:
        self._index = pd.Index(np.asarray(ids, dtype=object))

    @cached_property
    def _by_number(self) -> dict[str, list[tuple[int, tuple[str, str, str]]]]:
        out: dict[str, list[tuple[int, tuple[str, str, str]]]] = {}
        for row, text in enumerate(self._index):
            if parts := _split(text):
                out.setdefault(parts[1], []).append((row, parts))
        return out

    def rows(self, asked: Sequence[Any]) -> np.ndarray:
        """Rows (int64) of ids, whole numbers standing for their digits.

        Raises
        ------
        DataError
            If one is unknown (the nearest are named), or a spelling fits several.
        """
        texts = [str(i) if isinstance(i, int | np.integer) else i for i in asked]
        rows = self._index.get_indexer(pd.Index(texts, dtype=object))
        unknown = []
        for i in np.flatnonzero(rows < 0):
            fits = self._other_spellings(texts[i]) if isinstance(texts[i], str) else []
            if len(fits) > 1:
                some = ", ".join(self._index[fits[:3]])
                raise DataError("a number fits several ids", got=texts[i], fix=f"Name one: {some}")
            if fits:
                rows[i] = fits[0]
            else:
                unknown.append(texts[i])
        if unknown:
            got = f"{', '.join(map(str, unknown[:3]))} ({len(unknown)} in all)"
            fix = self._nearest(str(unknown[0]))
            raise DataError("ids that are not in the index", got=got, fix=fix)
        return rows.astype(np.int64)

    def _other_spellings(self, text: str) -> list[int]:
        """Rows of the same number whose country and kind are the same, or absent on one side.

        An id without a country is taken to be of the United States.
        """
        parts = _split(text)
        if parts is None:
            return []
        country, number, kind = parts
        found = []
        for row, (own, _, own_kind) in self._by_number.get(number, []):
            same_country = country in (own, "") or (not own and country == "US")
            if same_country and (not kind or not own_kind or kind == own_kind):
                found.append(row)
        return found

    def _nearest(self, text: str) -> str | None:
        """The nearest of the ids that begin or end like a text."""
        alike = [i for i in self._index if i[:4] == text[:4] or i[-4:] == text[-4:]][:2000]
        return did_you_mean(text, alike) if alike else None
