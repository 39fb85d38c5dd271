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
from patentcl.search.specification import IndexSpec, choose_spec
from patentcl.search.tuning import effort_text, held_out, tuned


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
    recall : float or None
        Recall@10 against exact search, as measured on some of the vectors when it was built.
    why : str
        Why ``auto`` chose this specification, when it did.

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

    def __init__(self, stored: backend.Stored) -> None:
        self._stored = stored
        self.nearest = Nearest(stored.index, stored.spec, stored.exact)
        self.meta = stored.meta
        self._columns = {c: stored.meta[c].array for c in stored.meta.columns}
        self.ids: np.ndarray = stored.meta["id"].to_numpy(dtype=object)
        self.spec, self.encoder, self.symbols = stored.spec, stored.encoder, stored.symbols
        self.recall = stored.recall
        self.why = ""
        self.words: BM25 | None = None
        self.filters = Filters(stored.meta, parents_of(stored.symbols))

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
            ``"auto"`` (by number and memory: flat, hnsw or ivf-pq; ivf-flat where hnsw misses its
            target), a name in ``indexes/``, or the path of a YAML file.
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
            If the specification is unknown, does not suit the vectors, or misses its target.
        """
        unit = unit_rows(check_matrix(vectors))
        rows, dimension = unit.shape
        names = checked_ids(ids, rows)
        table = checked_meta(meta, names)
        why = ""
        if spec == "auto":
            spec, why = choose_spec(rows, dimension)
        chosen = spec if isinstance(spec, IndexSpec) else IndexSpec.read(spec)
        if rows < chosen.min_rows:
            raise ConfigError(
                f"too few vectors for the index {chosen.name!r}",
                got=rows,
                wanted=f"{chosen.min_rows} or more",
                fix="Use flat instead",
            )
        Filters(table).check()
        exact = unit if chosen.rerank > 1 else None
        try:
            built = _searchable(unit, chosen, exact)
        except ConfigError as error:
            if not why or chosen.name != "hnsw":
                raise
            why, built = f"{why.split(';')[0]}; hnsw has only {error.got}", None
        # More of its lists can always be read, up to all: this one reaches its target.
        index, chosen, recall = built or _searchable(unit, IndexSpec.read("ivf-flat"), exact)
        out = cls(backend.Stored(index, table, chosen, encoder, symbols, exact, recall))
        out.why = why
        if texts is not None:
            if len(texts) != rows:
                got = f"{len(texts)} texts"
                raise DataError("texts and vectors differ in number", got=got, wanted=rows)
            out.words = BM25(texts)
        return out

    def add(
        self,
        vectors: Any,
        ids: Iterable[str],
        meta: pd.DataFrame | None = None,
        texts: Sequence[str] | None = None,
    ) -> PatentIndex:
        """An index of these patents and more; this one stays as it is.

        The arguments are those of `build`. Columns of `meta` that only one side has are empty on
        the other; an index with words needs texts. The recall is measured again.

        Raises
        ------
        DataError
            For ids that are in the index already, and as in `build`.
        ConfigError
            If the specification now misses its target: build the index anew.
        """
        unit = unit_rows(check_matrix(vectors, width=self.dimension))
        names = checked_ids(ids, len(unit))
        known = pd.Index(self.ids).get_indexer(pd.Index(names)) >= 0
        if known.any():
            got = f"{names[known][0]} ({int(known.sum())} in all)"
            raise DataError("ids that are in the index already", got=got, fix="Remove them first")
        if self.words is not None and (texts is None or len(texts) != len(unit)):
            got = "none" if texts is None else f"{len(texts)} texts"
            raise DataError("this index needs the texts of what is added", got=got)
        more = checked_meta(meta, names)
        Filters(more).check()
        table = pd.concat([self.meta, more], ignore_index=True)
        rows = self.nearest.vectors(np.arange(len(self)))
        exact = np.concatenate([rows, unit])
        index = backend.import_faiss().clone_index(self.nearest.index)
        kept = exact if self.spec.rerank > 1 else None
        spec, recall = tuned(Nearest(index, self.spec, kept), exact)
        index.add(unit)
        given = self._stored._replace(
            index=index, meta=checked_meta(table, table["id"].to_numpy(dtype=object)), spec=spec
        )
        out = PatentIndex(given._replace(exact=kept, recall=recall))
        if self.words is not None:
            out.words = self.words.changed(np.ones(len(self), dtype=bool), texts or ())
        return out

    def remove(self, ids: Iterable[str | int]) -> PatentIndex:
        """An index without some patents, built anew from the others; this one stays as it is."""
        keep = np.ones(len(self), dtype=bool)
        keep[self.filters.positions(ids)] = False
        if not keep.any():
            raise DataError("no patent would be left in the index", got=f"{len(self)} to remove")
        rows, meta = self.nearest.vectors(np.flatnonzero(keep)), self.meta[keep]
        out = PatentIndex.build(rows, self.ids[keep], self.spec, meta, self.encoder, self.symbols)
        out.words = None if self.words is None else self.words.changed(keep)
        return out

    def save(self, folder: str | Path, replace: bool = False) -> None:
        """Write the index into a folder; never over another one, unless that is to be replaced.

        Replaced is the whole folder, in one step: whoever reads it has the old index or the new
        one, and if writing is cut off the old one stays. It must hold an index that was written so,
        or by ``patentcl index``, or not be there yet.
        """
        if not replace:
            backend.write_folder(Path(folder), self._stored, self.words)
            return
        before = artifacts.read_manifest(folder) or {"stage": "index"}
        counts = before.get("counts", {}) | {"patents": len(self)} | self.measured()
        with artifacts.writing(folder, before | {"counts": counts}) as place:
            backend.write_folder(place, self._stored, self.words)

    def measured(self) -> dict[str, Any]:
        """Search effort and recall@10 of an approximate index, for the manifest of its folder."""
        if self.nearest.exhaustive or self.recall is None:
            return {}
        return {"search": effort_text(self.spec), "recall@10": round(self.recall, 4)}

    @classmethod
    def load(cls, folder: str | Path) -> PatentIndex:
        """Read an index written by `save`, or that of a run.

        Raises
        ------
        DataError
            If files are missing, damaged, or do not belong together.
        """
        folder = artifacts.part(folder, "index")
        return artifacts.opened(folder, partial(cls._load, folder))

    @classmethod
    def _load(cls, folder: Path) -> PatentIndex:
        stored = backend.read_folder(folder)
        names = checked_ids(stored.meta["id"], len(stored.meta))
        meta = checked_meta(stored.meta, names)
        out = cls(stored._replace(meta=meta))
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
            got = repr(str(array.ravel()[0]))[:60]
            fix = "Encode the texts with the index's encoder first, or use Run.similar"
            raise DataError("an index searches by vector, not by text", got=got, fix=fix)
        array = array[None, :] if array.ndim == 1 else array
        if array.ndim == 2 and array.shape[1] != self.dimension:
            what, got = "the queries' dimension is not the index's", array.shape[1]
            fix = "Encode the queries with the encoder that the index was made with"
            raise DataError(what, got=got, wanted=self.dimension, fix=fix)
        return unit_rows(array, "queries")

    def _frame(
        self, query: np.ndarray, position: np.ndarray, similarity: np.ndarray
    ) -> pd.DataFrame:
        columns = {
            "query": query.astype(np.int64),
            "rank": _rank(query) + 1,
            "id": self._columns["id"].take(position),
            "similarity": similarity,
            **{c: values.take(position) for c, values in self._columns.items() if c != "id"},
        }
        return pd.DataFrame(columns, copy=False)


def _rank(query: np.ndarray) -> np.ndarray:
    """Position of each entry within its run of equal values, from 0."""
    first = np.ones(query.size, dtype=bool)
    np.not_equal(query[1:], query[:-1], out=first[1:])
    return np.arange(query.size) - np.flatnonzero(first)[first.cumsum() - 1]


def checked_k(k: Any) -> int:
    """A number of results, or ConfigError."""
    if isinstance(k, bool) or not isinstance(k, int | np.integer) or k < 1:
        raise ConfigError("k is not a positive whole number", got=repr(k), wanted="1 or more")
    return int(k)


def _searchable(
    unit: np.ndarray, spec: IndexSpec, exact: np.ndarray | None
) -> tuple[Any, IndexSpec, float]:
    """A FAISS index of unit vectors (n, d), its specification with the effort, and its recall."""
    index = backend.new_index(spec, *unit.shape)
    if not index.is_trained:
        index.train(unit)
    before = len(unit) - (0 if Nearest(index, spec).exhaustive else held_out(len(unit)))
    index.add(unit[:before])
    spec, recall = tuned(Nearest(index, spec, exact), unit)
    index.add(unit[before:])
    return index, spec, recall
