"""Nearest patents by cosine similarity, with exact filters on any column."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from patentcl.core import artifacts
from patentcl.core.arrays import check_matrix, unit_rows
from patentcl.core.errors import ConfigError, DataError
from patentcl.search import backend
from patentcl.search.bm25 import BM25
from patentcl.search.filters import Filters, checked_ids, checked_meta, parents_of
from patentcl.search.nearest import Nearest
from patentcl.search.specification import IndexSpec

AUTO_FLAT_ROWS = 200_000
"""Up to this many vectors ``spec="auto"`` is the exact index, above it the HNSW graph."""


class PatentIndex:
    """Vectors of patents, searchable by cosine similarity with exact filters.

    Use `build` or `load`; the constructor is for them.

    Attributes
    ----------
    ids : ndarray of str, shape (n,)
    meta : DataFrame
        ``id`` and whatever came with it, in the order of `ids`.
    spec : IndexSpec
    encoder : str or None
        Fingerprint of the encoder that made the vectors, for whoever encodes queries to compare.

    Examples
    --------
    >>> import pandas as pd
    >>> meta = pd.DataFrame({"id": ["US1", "US2", "US3"],
    ...                      "date": ["2001-05-08", "2010-01-05", "2015-03-31"],
    ...                      "codes": [["A01D34/00"], ["A01D34/68", "G05D1/02"], ["H01M10/44"]]})
    >>> index = PatentIndex.build([[1, 0], [1, 1], [0, 1]], meta["id"], meta=meta)
    >>> found = index.search([[1, 0.1]], k=1, cpc="G05D")
    >>> found["id"][0], round(float(found["similarity"][0]), 3)
    ('US2', 0.774)
    """

    def __init__(
        self,
        index: Any,
        meta: pd.DataFrame,
        spec: IndexSpec,
        encoder: str | None,
        symbols: pd.DataFrame | None = None,
    ) -> None:
        self.nearest = Nearest(index, spec)
        self.meta = meta
        self.ids: np.ndarray = meta["id"].to_numpy(dtype=object)
        self.spec = spec
        self.encoder = encoder
        self.symbols = symbols
        self.words: BM25 | None = None
        self.filters = Filters(meta, parents_of(symbols))

    def __len__(self) -> int:
        return len(self.ids)

    def __repr__(self) -> str:
        return f"PatentIndex({len(self):,} x {self.dimension}, spec={self.spec.name!r})"

    @property
    def dimension(self) -> int:
        """Length of the vectors."""
        return int(self.nearest.index.d)

    # ---- building and files -----------------------------------------------------------------

    @classmethod
    def build(
        cls,
        vectors: Any,
        ids: Iterable[str],
        spec: str | Path | IndexSpec = "auto",
        meta: pd.DataFrame | None = None,
        encoder: str | None = None,
        symbols: pd.DataFrame | None = None,
        texts: Sequence[str] | None = None,
    ) -> PatentIndex:
        """Build an index.

        Parameters
        ----------
        vectors : array_like, shape (n, d)
            Any lengths; a normalised copy is stored.
        ids : iterable of str
            Unique, one for each vector.
        spec : str, Path or IndexSpec
            ``"auto"`` (flat up to `AUTO_FLAT_ROWS` vectors, then hnsw), a name in ``indexes/``, or
            the path of a YAML file.
        meta : DataFrame, optional
            ``id``, ``date`` (for `before` and `after`), ``codes`` (lists of symbols, for `cpc`) and
            any more columns to show with the results. May hold more patents than `ids`.
        encoder : str, optional
            Fingerprint of the encoder, kept in ``spec.yaml``.
        symbols : DataFrame, optional
            ``symbol``, ``title`` and ``parent`` (by the dots of the scheme, None where these are
            not known), so that ``cpc="A61B17/34"`` finds what stands below it.
        texts : sequence of str, optional
            One for each vector, for search by words.

        Raises
        ------
        DataError
            For zero or non-finite vectors, ids that repeat or do not fit, dates that are none.
        ConfigError
            If the specification is unknown or does not suit the vectors.
        """
        unit = unit_rows(check_matrix(vectors))
        rows, dimension = unit.shape
        names = checked_ids(ids, rows)
        table = checked_meta(meta, names)
        if spec == "auto":
            spec = "flat" if rows <= AUTO_FLAT_ROWS else "hnsw"
        chosen = spec if isinstance(spec, IndexSpec) else IndexSpec.read(spec)
        if rows < chosen.min_rows:
            raise ConfigError(
                f"too few vectors for the index {chosen.name!r}",
                got=rows,
                wanted=f"{chosen.min_rows} or more",
                fix="Use flat instead",
            )
        index = backend.new_index(chosen, rows, dimension)
        Filters(table).check()
        if not index.is_trained:
            index.train(unit)
        index.add(unit)
        out = cls(index, table, chosen, encoder, symbols)
        if texts is not None:
            if len(texts) != rows:
                got = f"{len(texts)} texts"
                raise DataError("texts and vectors differ in number", got=got, wanted=rows)
            out.words = BM25(texts)
        return out

    def save(self, folder: str | Path) -> None:
        """Write ``index.faiss``, ``ids.parquet`` and ``spec.yaml``; never over another index."""
        backend.write_folder(
            Path(folder),
            self.nearest.index,
            self.meta,
            self.spec,
            self.encoder,
            self.symbols,
            self.words,
        )

    @classmethod
    def load(cls, folder: str | Path) -> PatentIndex:
        """Read an index written by `save`; files that do not belong together raise DataError."""
        return artifacts.opened(folder, partial(cls._load, Path(folder)))

    @classmethod
    def _load(cls, folder: Path) -> PatentIndex:
        index, meta, spec, encoder, symbols = backend.read_folder(folder)
        meta = checked_meta(meta, checked_ids(meta["id"], len(meta)))
        out = cls(index, meta, spec, encoder, symbols)
        words = folder / backend.WORDS_FILE
        out.words = BM25.load(words, len(meta)) if words.is_file() else None
        return out

    # ---- searching --------------------------------------------------------------------------

    def search(self, queries: Any, k: int = 10, **filters: Any) -> pd.DataFrame:
        """Find the nearest patents of each query among those that pass all filters.

        A patent that does not pass is never returned, and k are returned wherever k pass.

        Parameters
        ----------
        queries : array_like, shape (m, d)
            Of any length (they are normalised); one vector of shape (d,) will do. Texts must be
            encoded first, by the encoder that the index was made with.
        k : int
            How many for each query; fewer come back only where fewer pass the filters.
        **filters
            before, after, before_patent, by, cpc, exclude_cpc, applicant, exclude_applicant,
            country, kind, status, in_family, ids, where: as in `Filters.parts`.

        Returns
        -------
        DataFrame
            ``query`` (position), ``rank`` (from 1), ``id``, ``similarity`` (cosine, float32) and
            the columns of `meta`; by query, then similarity from high to low, then order in the
            index.

        Raises
        ------
        DataError
            For queries of another dimension, zero or nan; unknown ids; what is no date or symbol.
        ConfigError
            If k < 1, or the index lacks a column to filter by.
        """
        unit = self._checked_queries(queries)
        keep = self.filters.mask(**filters)
        return self._frame(*self.nearest.search(unit, checked_k(k), keep))

    def similar_to(
        self, ids: str | int | Iterable[str | int], /, k: int = 10, **filters: Any
    ) -> pd.DataFrame:
        """Find the nearest patents of patents in the index, each without itself.

        Ids are texts; a whole number stands for its digits. The filters are those of `search`, and
        so is the result, ``query`` being the position in `ids`.
        """
        own = self.filters.positions([ids] if isinstance(ids, str | int | np.integer) else ids)
        keep = self.filters.mask(**filters)
        query, position, similarity = self.nearest.search(
            self.nearest.vectors(own), checked_k(k) + 1, keep
        )
        other = own[query] != position
        query, position, similarity = query[other], position[other], similarity[other]
        rank = _rank(query)
        return self._frame(query[rank < k], position[rank < k], similarity[rank < k])

    def count(self, **filters: Any) -> int:
        """How many patents pass some filters, which are as in `search`."""
        keep = self.filters.mask(**filters)
        return len(self) if keep is None else int(keep.sum())

    def neighbours(self, k: int = 10) -> pd.DataFrame:
        """Find the nearest patents of every patent: ``id, rank, neighbour, similarity``."""
        found = self.similar_to(self.ids, k)
        found = found[["query", "rank", "id", "similarity"]].rename(columns={"id": "neighbour"})
        found.insert(0, "id", self.ids[found.pop("query")])
        return found

    def vector(self, id: str | int) -> np.ndarray:
        """Return the normalised vector of a patent, float32 (d,), as exactly as it is stored."""
        return self.nearest.vectors(self.filters.positions([id]))[0]

    # ---- candidates -------------------------------------------------------------------------

    def _checked_queries(self, queries: Any) -> np.ndarray:
        array = np.asarray(queries)
        if array.dtype.kind in "USO" and any(isinstance(x, str) for x in array.ravel()[:1]):
            raise DataError(
                "an index searches by vector, not by text",
                got=repr(str(array.ravel()[0]))[:60],
                fix="Encode the texts with the index's encoder first, or use Run.similar",
            )
        array = array[None, :] if array.ndim == 1 else array
        if array.ndim == 2 and array.shape[1] != self.dimension:
            raise DataError(
                "the queries' dimension is not the index's",
                got=array.shape[1],
                wanted=self.dimension,
                fix="Encode the queries with the encoder that the index was made with",
            )
        return unit_rows(array, "queries")

    def _frame(
        self, query: np.ndarray, position: np.ndarray, similarity: np.ndarray
    ) -> pd.DataFrame:
        columns = {
            "query": query.astype(np.int64),
            "rank": _rank(query) + 1,
            "id": self.ids[position],
            "similarity": similarity,
            **{c: self.meta[c].array.take(position) for c in self.meta.columns if c != "id"},
        }
        return pd.DataFrame(columns, copy=False)


def _rank(query: np.ndarray) -> np.ndarray:
    """Position of each entry within its run of equal values, from 0."""
    if query.size == 0:
        return np.empty(0, dtype=np.int64)
    start = np.flatnonzero(np.r_[True, query[1:] != query[:-1]])
    return np.arange(query.size) - np.repeat(start, np.diff(np.r_[start, query.size]))


def checked_k(k: Any) -> int:
    """A number of results, or ConfigError."""
    if isinstance(k, bool) or not isinstance(k, int | np.integer) or k < 1:
        raise ConfigError("k is not a positive whole number", got=repr(k), wanted="1 or more")
    return int(k)
