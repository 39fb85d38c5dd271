"""Nearest patents by cosine similarity, with exact filters by date, classification and id.

The vectors live in a FAISS index that a specification in ``indexes/`` describes. FAISS proposes
candidates; their similarities are then computed again in double precision and put in order, so that
results do not depend on how many queries were asked at once, and equal vectors come out in the order
in which they were indexed.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Hashable, Iterable, Sequence
from dataclasses import asdict, dataclass, field
from datetime import date, datetime
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import yaml

from patentcl import resources
from patentcl.cpc import is_symbol, parse_symbol
from patentcl.errors import ConfigError, DataError, MissingExtra, did_you_mean

AUTO_FLAT_ROWS = 200_000
"""Up to this many vectors ``spec="auto"`` takes the exact index, above it the HNSW graph."""

FORMAT = 1
INDEX_FILE, IDS_FILE, SPEC_FILE = "index.faiss", "ids.parquet", "spec.yaml"
RESULT_COLUMNS = ("query", "rank", "id", "similarity")

_EXACT_SHARE = 0.1  # a filter that leaves less than this share of the rows is answered exactly
_TIE = 4e-6  # float32 inner products of unit vectors may differ by this much with the order of adding
_CHUNK = 1024  # queries handled at a time: bounds the memory of the candidates' vectors
_SEARCH_KEYS = {"efSearch": "HNSW", "nprobe": "IVF"}


# ---- specifications -------------------------------------------------------------------------


@dataclass(frozen=True)
class IndexSpec:
    """What kind of FAISS index to build and how to search it.

    Parameters
    ----------
    name : str
        Name of the file it was read from, without the suffix.
    factory : str
        FAISS factory string of the families Flat, SQ, PQ, HNSW and IVF. ``{lists}`` becomes about
        four square roots of the number of rows (a power of two, at least 39 rows to a list), and
        ``{bytes}`` the dimension over eight, or the next smaller divisor of the dimension.
    description : str
        What it is for.
    build : dict of str to int
        ``efConstruction`` for HNSW.
    search : dict of str to int
        ``efSearch`` for HNSW, ``nprobe`` for IVF.
    min_rows : int
        Fewest vectors for which it makes sense.
    device : {"cpu", "gpu"}
        Where to search.

    Examples
    --------
    >>> IndexSpec.read("hnsw").search
    {'efSearch': 128}
    """

    name: str
    factory: str
    description: str = ""
    build: dict[str, int] = field(default_factory=dict)
    search: dict[str, int] = field(default_factory=dict)
    min_rows: int = 1
    device: str = "cpu"

    @classmethod
    def read(cls, spec: str | Path) -> IndexSpec:
        """Read a specification by its name in ``indexes/``, or from a YAML file of one's own.

        Raises
        ------
        ConfigError
            If there is none of that name, or the file does not hold a specification.
        """
        path = Path(spec)
        own = isinstance(spec, Path) or path.suffix in (".yaml", ".yml") or len(path.parts) > 1
        if not own:
            path = resources.path("indexes", str(spec))
        elif not path.is_file():
            raise ConfigError("no such index specification", got=path,
                              fix=f"Name a YAML file, or one of {', '.join(spec_names())}")
        try:
            values = yaml.safe_load(path.read_text(encoding="utf-8"))
        except (yaml.YAMLError, UnicodeDecodeError) as error:
            raise ConfigError("not a YAML file", where=path, got=" ".join(str(error).split())) from error
        return cls.from_mapping(values, name=path.stem, where=path)

    @classmethod
    def from_mapping(cls, values: Any, name: str, where: object = None) -> IndexSpec:
        """Check plain data and make a specification of it; every key is known or refused."""
        where = where or f"index specification {name!r}"
        if not isinstance(values, dict):
            raise ConfigError("an index specification is a mapping", where=where,
                              got=type(values).__name__, wanted="keys such as description and factory")
        known = ("description", "factory", "build", "search", "min_rows", "device")
        for key in values:
            if key not in known:
                raise ConfigError("unknown setting", where=where, got=key,
                                  fix=did_you_mean(str(key), known))
        factory = values.get("factory")
        if not isinstance(factory, str) or not factory.strip():
            raise ConfigError("an index specification needs a factory string", where=where,
                              got=repr(factory), wanted="e.g. Flat or HNSW32,Flat")
        if not isinstance(values.get("description", ""), str):
            raise ConfigError("the description is not text", where=where,
                              got=repr(values["description"]))
        device = values.get("device", "cpu")
        if device not in ("cpu", "gpu"):
            raise ConfigError("unknown device", where=where, got=repr(device), wanted="cpu or gpu")
        min_rows = _positive(values.get("min_rows", 1), "min_rows", where)
        build = _numbers(values.get("build"), {"efConstruction": "HNSW"}, factory, f"{where}: build")
        search = _numbers(values.get("search"), _SEARCH_KEYS, factory, f"{where}: search")
        return cls(name, factory.strip(), str(values.get("description", "")).strip(), build, search,
                   min_rows, device)

    def resolve(self, rows: int, dimension: int) -> str:
        """Fill the factory string in for a number of vectors and their dimension.

        Examples
        --------
        >>> IndexSpec.read("ivf-pq").resolve(100_000, 384)
        'IVF1024,PQ48'
        """
        lists = 2 ** round(math.log2(4 * math.sqrt(rows)))
        while lists > 1 and lists * 39 > rows:  # FAISS wants 39 training vectors for each centre
            lists //= 2
        codes = max(1, dimension // 8)
        while dimension % codes:
            codes -= 1
        return self.factory.replace("{lists}", str(lists)).replace("{bytes}", str(codes))


def spec_names() -> list[str]:
    """Names of the index specifications that come with patentcl."""
    return resources.names("indexes")


def _positive(value: Any, name: str, where: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int | np.integer) or value < 1:
        raise ConfigError(f"{name} is not a positive whole number", where=where, got=repr(value))
    return int(value)


def _numbers(values: Any, known: dict[str, str], factory: str, where: object) -> dict[str, int]:
    if values is None:
        return {}
    if not isinstance(values, dict):
        raise ConfigError("index parameters are a mapping", where=where, got=type(values).__name__,
                          wanted=", ".join(known))
    for key in values:
        if key not in known:
            raise ConfigError("unknown index parameter", where=where, got=key,
                              fix=did_you_mean(str(key), known))
        if known[key] not in factory:
            raise ConfigError(f"{key} is for {known[key]} indexes", where=where, got=factory)
    return {key: _positive(value, key, where) for key, value in values.items()}


# ---- checking input -------------------------------------------------------------------------


def _unit_rows(vectors: Any, what: str) -> np.ndarray:
    """Return a normalised float32 copy (n, d) of finite, non-zero rows, or name the bad row."""
    array = np.asarray(vectors)
    if array.dtype.kind not in "fiu":
        raise DataError(f"{what} are not numbers", got=f"dtype {array.dtype}", wanted="float32 (n, d)")
    if array.ndim != 2 or array.shape[1] == 0:
        raise DataError(f"{what} have the wrong shape", got=array.shape, wanted="(n, d) with d > 0")
    out = np.array(array, dtype=np.float32, order="C", copy=True)
    bad = np.flatnonzero(~np.isfinite(out).all(axis=1))
    if bad.size:
        raise DataError(f"{what} hold nan or infinity", where=f"row {bad[0]}",
                        got=f"{bad.size} such rows", fix="Encode these texts again")
    # The largest entry comes out first, so that neither tiny nor huge rows under- or overflow.
    peak = np.abs(out).max(axis=1, keepdims=True, initial=0)
    zero = np.flatnonzero(peak[:, 0] == 0)
    if zero.size:
        raise DataError(f"{what} hold zero vectors, which have no direction", where=f"row {zero[0]}",
                        got=f"{zero.size} such rows", fix="Leave empty texts out")
    out /= peak
    out /= np.sqrt(np.einsum("ij,ij->i", out, out, dtype=np.float64)).astype(np.float32)[:, None]
    return out


def _checked_ids(ids: Iterable[Any], rows: int) -> np.ndarray:
    out = np.array(list(ids), dtype=object)
    if out.shape != (rows,):
        raise DataError("ids and vectors differ in number", got=f"{len(out)} ids",
                        wanted=f"{rows}, one for each vector")
    for position, value in enumerate(out):
        if not isinstance(value, str) or not value:
            raise DataError("an id is not a text", where=f"row {position}", got=repr(value),
                            wanted="publication numbers as str")
    double = pd.Index(out).duplicated()
    if double.any():
        raise DataError("duplicate ids", where=f"row {int(np.argmax(double))}",
                        got=repr(out[np.argmax(double)]))
    return out


def _checked_meta(meta: pd.DataFrame | None, ids: np.ndarray) -> pd.DataFrame:
    """Rows of meta in the order of ids, with the id as the first column."""
    if meta is None:
        return pd.DataFrame({"id": ids})
    if "id" not in meta.columns:
        raise DataError("meta has no column 'id'", got=", ".join(map(str, meta.columns)),
                        wanted="id, date, codes and any more")
    taken = [c for c in meta.columns if c in RESULT_COLUMNS and c != "id"]
    if taken:
        raise DataError("a column of meta has the name of a result column", got=taken[0],
                        fix="Rename it")
    if meta["id"].duplicated().any():
        raise DataError("duplicate ids in meta", got=repr(meta["id"][meta["id"].duplicated()].iloc[0]))
    place = pd.Index(meta["id"]).get_indexer(pd.Index(ids))
    if (place < 0).any():
        raise DataError("meta lacks some of the ids", got=repr(ids[np.argmax(place < 0)]),
                        wanted="a row for every vector", fix=f"{int((place < 0).sum())} are missing")
    rest = [c for c in meta.columns if c != "id"]
    out = meta[["id", *rest]].iloc[place].reset_index(drop=True)
    if "codes" in out:
        codes = [_code_list(value, i) for i, value in enumerate(out["codes"])]
        out["codes"] = pd.Series(codes, dtype=object)
    return out


def _code_list(value: Any, row: int) -> list[str]:
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return []
    if isinstance(value, str) or not isinstance(value, Iterable):
        raise DataError("codes are not a list", where=f"meta, row {row}", got=repr(value),
                        wanted="a list of symbols", fix="Split the text first")
    return [str(code) for code in value]


def _day(value: Any, where: str) -> np.datetime64:
    """Read a day; a year or a month alone stands for its first day."""
    if isinstance(value, pd.Timestamp | datetime):
        value = value.date()
    try:
        if isinstance(value, date):
            return np.datetime64(value, "D")
        if isinstance(value, int) and not isinstance(value, bool):
            value = f"{value:04d}"
        if isinstance(value, str) and len(value) in (4, 7, 10):
            return np.datetime64(value, "D")
    except ValueError:
        pass
    raise DataError("not a date", where=where, got=repr(value), wanted="YYYY-MM-DD, YYYY-MM or YYYY")


def _days(column: pd.Series) -> np.ndarray:
    """datetime64[D] (n,): NaT where a patent has no date."""
    if pd.api.types.is_datetime64_any_dtype(column):
        return column.to_numpy(dtype="datetime64[D]")
    codes, unique = pd.factorize(column, use_na_sentinel=True)
    days = [np.datetime64("NaT") if value == "" or value is pd.NaT
            else _day(value, f"meta, row {int(np.argmax(codes == i))}")
            for i, value in enumerate(unique)]
    return np.array([*days, np.datetime64("NaT")], dtype="datetime64[D]")[codes]


# ---- the index ------------------------------------------------------------------------------


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
        Fingerprint of the encoder that made the vectors, for whoever encodes the queries to compare.

    Examples
    --------
    >>> import pandas as pd
    >>> meta = pd.DataFrame({"id": ["US1", "US2", "US3"],
    ...                      "date": ["2001-05-08", "2010-01-05", "2015-03-31"],
    ...                      "codes": [["A01D34/00"], ["A01D34/68", "G05D1/02"], ["H01M10/44"]]})
    >>> index = PatentIndex.build([[1, 0], [1, 1], [0, 1]], meta["id"], meta=meta)
    >>> index.search([[1, 0.1]], k=1, cpc="G05D")[["id", "similarity"]].round(3).values.tolist()
    [['US2', 0.774]]
    """

    def __init__(self, index: Any, meta: pd.DataFrame, spec: IndexSpec, encoder: str | None) -> None:
        self._index = index
        self.meta = meta
        self.ids: np.ndarray = meta["id"].to_numpy(dtype=object)
        self.spec = spec
        self.encoder = encoder
        self._family = _family(index)
        self._fast = _to_gpus(index) if spec.device == "gpu" else index

    def __len__(self) -> int:
        return len(self.ids)

    def __repr__(self) -> str:
        return f"PatentIndex({len(self):,} x {self.dimension}, spec={self.spec.name!r})"

    @property
    def dimension(self) -> int:
        """Length of the vectors."""
        return int(self._index.d)

    # ---- building and files -----------------------------------------------------------------

    @classmethod
    def build(cls, vectors: Any, ids: Iterable[str], spec: str | Path | IndexSpec = "auto",
              meta: pd.DataFrame | None = None, encoder: str | None = None) -> PatentIndex:
        """Build an index.

        Parameters
        ----------
        vectors : array_like, shape (n, d)
            Any lengths; a normalised copy is stored.
        ids : iterable of str
            Unique, one for each vector.
        spec : str, Path or IndexSpec
            ``"auto"`` (flat up to `AUTO_FLAT_ROWS` vectors, then hnsw), a name in ``indexes/``, or the
            path of a YAML file.
        meta : DataFrame, optional
            ``id``, ``date`` (for `before` and `after`), ``codes`` (lists of symbols, for `cpc`) and
            any more columns to show with the results. May hold more patents than `ids`.
        encoder : str, optional
            Fingerprint of the encoder, kept in ``spec.yaml``.

        Raises
        ------
        DataError
            For zero or non-finite vectors, ids that repeat or do not fit, dates that are none.
        ConfigError
            If the specification is unknown or does not suit the vectors.
        """
        unit = _unit_rows(vectors, "vectors")
        rows, dimension = unit.shape
        if rows == 0:
            raise DataError("there are no vectors to index")
        names = _checked_ids(ids, rows)
        table = _checked_meta(meta, names)
        if spec == "auto":
            spec = "flat" if rows <= AUTO_FLAT_ROWS else "hnsw"
        chosen = spec if isinstance(spec, IndexSpec) else IndexSpec.read(spec)
        if rows < chosen.min_rows:
            raise ConfigError(f"too few vectors for the index {chosen.name!r}", got=rows,
                              wanted=f"{chosen.min_rows} or more", fix="Take flat instead")
        out = cls(_new_index(chosen, rows, dimension), table, chosen, encoder)
        if "date" in table:
            out._days  # noqa: B018 - a bad date is better found now than in the first filtered search
        if not out._index.is_trained:
            out._index.train(unit)
        out._index.add(unit)
        if chosen.device == "gpu":
            out._fast = _to_gpus(out._index)
        return out

    def save(self, folder: str | Path) -> None:
        """Write ``index.faiss``, ``ids.parquet`` and ``spec.yaml`` into a new or empty folder.

        Raises
        ------
        DataError
            If an index is already there.
        """
        faiss = _faiss()
        folder = Path(folder)
        folder.mkdir(parents=True, exist_ok=True)
        for name in (INDEX_FILE, IDS_FILE, SPEC_FILE):
            if (folder / name).exists():
                raise DataError("there is an index already", where=folder / name,
                                fix="Name a new folder")
        faiss.write_index(self._index, str(folder / INDEX_FILE))
        self.meta.to_parquet(folder / IDS_FILE, index=False)
        record = {"format": FORMAT, "rows": len(self), "dimension": self.dimension,
                  "metric": "cosine", "encoder": self.encoder, "ids": _digest(self.ids),
                  "bytes": (folder / INDEX_FILE).stat().st_size, "spec": asdict(self.spec)}
        with (folder / SPEC_FILE).open("w", encoding="utf-8") as stream:
            yaml.safe_dump(record, stream, sort_keys=False, allow_unicode=True)

    @classmethod
    def load(cls, folder: str | Path) -> PatentIndex:
        """Read an index written by `save`, after checking that its files belong together.

        Raises
        ------
        DataError
            If a file is missing, damaged, or of another index.
        """
        folder = Path(folder)
        record = _read_record(folder)
        spec = dict(record["spec"])
        name = str(spec.pop("name", "own"))
        chosen = IndexSpec.from_mapping(spec, name=name, where=folder / SPEC_FILE)
        try:
            meta = pd.read_parquet(folder / IDS_FILE)
        except (OSError, ValueError) as error:
            raise DataError("the table of ids cannot be read", where=folder / IDS_FILE,
                            got=str(error).splitlines()[0]) from error
        if "id" not in meta:
            raise DataError("the table of ids has no column 'id'", where=folder / IDS_FILE,
                            got=", ".join(meta.columns))
        index = _read_index(folder / INDEX_FILE, int(record["bytes"]))
        for what, got, wanted in (
                ("rows in index.faiss", index.ntotal, record["rows"]),
                ("rows in ids.parquet", len(meta), record["rows"]),
                ("dimension of index.faiss", index.d, record["dimension"]),
                ("ids in ids.parquet", _digest(meta["id"]), record["ids"])):
            if got != wanted:
                raise DataError(f"the index folder does not hold together: {what}", where=folder,
                                got=got, wanted=f"{wanted} as in {SPEC_FILE}",
                                fix="Build the index again")
        meta = _checked_meta(meta, _checked_ids(meta["id"], len(meta)))
        return cls(index, meta, chosen, record["encoder"])

    # ---- searching --------------------------------------------------------------------------

    def search(self, queries: Any, k: int = 10, before: Any = None, after: Any = None,
               cpc: str | Sequence[str] | None = None, exclude_cpc: str | Sequence[str] | None = None,
               ids: Iterable[str] | None = None) -> pd.DataFrame:
        """Find the nearest patents of each query among those that pass all filters.

        A patent that does not pass is never returned, and k are returned wherever k pass.

        Parameters
        ----------
        queries : array_like, shape (m, d)
            Of any length (they are normalised); one vector of shape (d,) will do.
        k : int
            How many for each query; fewer come back only where fewer pass the filters.
        before, after : str, int or date, optional
            Dates from `after` on (included) and before `before` (excluded); a year or year and month
            stand for their first day. Patents without a date do not pass.
        cpc : str or list of str, optional
            Keep patents with a code at or below any of these symbols, of any level: ``"A01D"``.
        exclude_cpc : str or list of str, optional
            Drop patents with a code at or below any of these.
        ids : iterable of str, optional
            Search among these patents only.

        Returns
        -------
        DataFrame
            ``query`` (position), ``rank`` (from 1), ``id``, ``similarity`` (cosine, float32) and the
            columns of `meta`; by query, then similarity from high to low, then order in the index.

        Raises
        ------
        DataError
            For queries of another dimension, zero or nan; unknown ids; dates and symbols that are none.
        ConfigError
            If k < 1, or the index has no dates or codes to filter by.
        """
        array = np.asarray(queries)
        unit = self._checked_queries(array[None, :] if array.ndim == 1 else array)
        keep = self._mask(before, after, cpc, exclude_cpc, ids)
        return self._frame(*self._nearest(unit, _checked_k(k), keep))

    def similar_to(self, ids: str | Iterable[str], k: int = 10, **filters: Any) -> pd.DataFrame:
        """Find the nearest patents of patents in the index, each without itself.

        Parameters
        ----------
        ids : str or iterable of str
        k : int
        **filters
            `before`, `after`, `cpc`, `exclude_cpc` and `ids` as in `search`.

        Returns
        -------
        DataFrame
            As from `search`, ``query`` being the position in `ids`.
        """
        own = self._positions([ids] if isinstance(ids, str) else ids)
        known = ("before", "after", "cpc", "exclude_cpc", "ids")
        for name in filters:
            if name not in known:
                raise ConfigError("unknown filter", got=name, fix=did_you_mean(name, known))
        keep = self._mask(*(filters.get(name) for name in known))
        query, position, similarity = self._nearest(self._vectors(own), _checked_k(k) + 1, keep)
        other = own[query] != position
        query, position, similarity = query[other], position[other], similarity[other]
        rank = _rank(query)
        return self._frame(query[rank < k], position[rank < k], similarity[rank < k])

    def neighbours(self, k: int = 10) -> pd.DataFrame:
        """Find the nearest patents of every patent: ``id``, ``rank``, ``neighbour``, ``similarity``."""
        found = self.similar_to(self.ids, k)
        return pd.DataFrame({"id": self.ids[found["query"]], "rank": found["rank"],
                             "neighbour": found["id"], "similarity": found["similarity"]})

    def vector(self, id: str) -> np.ndarray:
        """Return the normalised vector of a patent, float32 (d,); approximate where it is stored so."""
        return self._vectors(self._positions([id]))[0]

    # ---- filters ----------------------------------------------------------------------------

    @cached_property
    def _place(self) -> pd.Index:
        return pd.Index(self.ids)

    @cached_property
    def _days(self) -> np.ndarray:
        return _days(self.meta["date"])

    @cached_property
    def _codes(self) -> tuple[np.ndarray, np.ndarray, dict[str, np.ndarray]]:
        """Row and code number of every (patent, code) pair, and the code numbers at or below a symbol."""
        lists = self.meta["codes"]
        row = np.repeat(np.arange(len(self)), lists.map(len).to_numpy(dtype=np.int64))
        number, unique = pd.factorize(np.array([c for codes in lists for c in codes], dtype=object))
        below: dict[str, list[int]] = {}
        for i, code in enumerate(unique):
            for symbol in parse_symbol(code) if is_symbol(code) else (code,):
                below.setdefault(symbol, []).append(i)
        return row, number, {symbol: np.array(items) for symbol, items in below.items()}

    def _positions(self, ids: Iterable[Hashable]) -> np.ndarray:
        if isinstance(ids, str):
            raise DataError("ids is one text", got=repr(ids), wanted="a list of ids")
        wanted = pd.Index(list(ids), dtype=object)
        place = self._place.get_indexer(wanted)
        if (place < 0).any():
            missing = wanted[place < 0]
            raise DataError("ids that are not in the index",
                            got=f"{', '.join(map(str, missing[:3]))} ({len(missing)} in all)")
        return place

    def _with_code(self, symbols: str | Sequence[str], name: str) -> np.ndarray:
        wanted = [symbols] if isinstance(symbols, str) else list(symbols)
        if not wanted:
            raise DataError("an empty list of symbols", where=name, fix=f"Leave {name} out instead")
        row, number, below = self._codes
        hit = np.zeros(int(number.max(initial=-1)) + 1, dtype=bool)
        for symbol in wanted:
            key = symbol if symbol in below else parse_symbol(symbol)[-1]
            hit[below.get(key, np.empty(0, dtype=int))] = True
        out = np.zeros(len(self), dtype=bool)
        out[row[hit[number]]] = True
        return out

    def _mask(self, before: Any, after: Any, cpc: Any, exclude_cpc: Any, ids: Any) -> np.ndarray | None:
        """bool (n,): the rows that pass all filters; None where there is no filter."""
        for value, name, column in ((before, "before", "date"), (after, "after", "date"),
                                    (cpc, "cpc", "codes"), (exclude_cpc, "exclude_cpc", "codes")):
            if value is not None and column not in self.meta:
                raise ConfigError(f"this index has no {column} to filter by", where=name,
                                  fix=f"Build it with a column {column!r} in meta")
        masks = []
        if before is not None:  # NaT compares false both ways
            masks.append(self._days < _day(before, "before"))
        if after is not None:
            masks.append(self._days >= _day(after, "after"))
        if cpc is not None:
            masks.append(self._with_code(cpc, "cpc"))
        if exclude_cpc is not None:
            masks.append(~self._with_code(exclude_cpc, "exclude_cpc"))
        if ids is not None:
            mask = np.zeros(len(self), dtype=bool)
            mask[self._positions(ids)] = True
            masks.append(mask)
        return np.logical_and.reduce(masks) if masks else None

    # ---- candidates -------------------------------------------------------------------------

    def _checked_queries(self, queries: np.ndarray) -> np.ndarray:
        if queries.ndim == 2 and queries.shape[1] != self.dimension:
            raise DataError("the queries' dimension is not the index's", got=queries.shape[1],
                            wanted=self.dimension,
                            fix="Encode the queries with the encoder that the index was made with")
        return _unit_rows(queries, "queries")

    def _vectors(self, positions: np.ndarray) -> np.ndarray:
        return np.asarray(self._index.reconstruct_batch(np.ascontiguousarray(positions, np.int64)))

    def _nearest(self, queries: np.ndarray, k: int,
                 keep: np.ndarray | None) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Query, position and similarity of all results, flat and in order."""
        parts = [self._nearest_chunk(queries[i:i + _CHUNK], k, keep, i)
                 for i in range(0, len(queries), _CHUNK)]
        if not parts:
            return np.empty(0, np.int64), np.empty(0, np.int64), np.empty(0, np.float32)
        query, position, similarity = (np.concatenate(column) for column in zip(*parts, strict=True))
        return query, position, similarity

    def _nearest_chunk(self, queries: np.ndarray, k: int, keep: np.ndarray | None,
                       first: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        count = len(self) if keep is None else int(keep.sum())
        k = min(k, count)
        if k == 0:
            return np.empty(0, np.int64), np.empty(0, np.int64), np.empty(0, np.float32)
        exact = count < _EXACT_SHARE * len(self) or 2 * k > count
        todo, reach, out = np.arange(len(queries)), min(k + 8, count), []
        while todo.size:
            score, found = self._candidates(queries[todo], reach, keep, count, exact)
            short = found[:, k - 1] < 0
            # Equal similarities across the cut: look further, so that the order decides, not chance.
            tied = ~short & (found[:, -1] >= 0) & (score[:, k - 1] - score[:, -1] <= _TIE)
            done = ~short & ~(tied & (reach < count))
            out.append(self._ordered(queries, todo[done], found[done], k))
            exact = exact or (bool(short.any()) and not bool((tied & ~done).any()))
            if short.any() and not exact:
                score, found = self._candidates(queries[todo[short]], reach, keep, count, True)
                out.append(self._ordered(queries, todo[short], found, k))
                done |= short
            todo, reach = todo[~done], min(4 * reach, count)
        query, position, similarity = (np.concatenate(c) for c in zip(*out, strict=True))
        order = np.argsort(query, kind="stable")
        return query[order] + first, position[order], similarity[order]

    def _candidates(self, queries: np.ndarray, reach: int, keep: np.ndarray | None, count: int,
                    exact: bool) -> tuple[np.ndarray, np.ndarray]:
        """Scores and positions (m, reach) from FAISS, best first; -1 where it found no more."""
        faiss = _faiss()
        if keep is None and self._fast is not self._index:
            return self._fast.search(queries, reach)
        chosen: dict[str, Any] = {}
        if keep is not None:
            chosen["sel"] = faiss.IDSelectorBitmap(np.packbits(keep, bitorder="little"))
        index, share = self._index, count / len(self)
        if self._family == "IVF":
            # Fewer of the rows in a list pass, so more lists are read, by as much.
            lists = math.ceil(self.spec.search.get("nprobe", index.nprobe) / share)
            chosen["nprobe"] = index.nlist if exact else min(lists, index.nlist)
            return index.search(queries, reach, params=faiss.SearchParametersIVF(**chosen))
        if self._family == "HNSW" and not exact:
            width = self.spec.search.get("efSearch", index.hnsw.efSearch)
            chosen["efSearch"] = max(math.ceil(width / share), reach)
            return index.search(queries, reach, params=faiss.SearchParametersHNSW(**chosen))
        if self._family == "HNSW":
            index = faiss.downcast_index(index.storage)
        return index.search(queries, reach,
                            params=faiss.SearchParameters(**chosen) if chosen else None)

    def _ordered(self, queries: np.ndarray, which: np.ndarray, found: np.ndarray,
                 k: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """The k best of each query's candidates by similarity in double precision, then by position."""
        m, reach = found.shape
        if m == 0:
            return np.empty(0, np.int64), np.empty(0, np.int64), np.empty(0, np.float32)
        stored = self._vectors(np.where(found < 0, 0, found).ravel()).reshape(m, reach, -1)
        similarity = np.empty((m, reach), dtype=np.float32)
        for i in range(m):  # row by row: a whole batch in double precision would be large
            product = stored[i].astype(np.float64) * queries[which[i]].astype(np.float64)
            similarity[i] = product.sum(axis=1)
        similarity[found < 0] = -np.inf
        order = np.lexsort((found, -similarity), axis=1)[:, :k]
        position = np.take_along_axis(found, order, axis=1)
        similarity = np.take_along_axis(similarity, order, axis=1)
        return np.repeat(which, k), position.ravel(), similarity.ravel()

    def _frame(self, query: np.ndarray, position: np.ndarray, similarity: np.ndarray) -> pd.DataFrame:
        rows = self.meta.iloc[position].reset_index(drop=True)
        head = pd.DataFrame({"query": query.astype(np.int64), "rank": _rank(query) + 1,
                             "id": rows["id"], "similarity": similarity.astype(np.float32)})
        return pd.concat([head, rows.drop(columns="id")], axis=1)


def _rank(query: np.ndarray) -> np.ndarray:
    """Position of each entry within its run of equal values, from 0."""
    if query.size == 0:
        return np.empty(0, dtype=np.int64)
    start = np.flatnonzero(np.r_[True, query[1:] != query[:-1]])
    return np.arange(query.size) - np.repeat(start, np.diff(np.r_[start, query.size]))


def _checked_k(k: Any) -> int:
    if isinstance(k, bool) or not isinstance(k, int | np.integer) or k < 1:
        raise ConfigError("k is not a positive whole number", got=repr(k), wanted="1 or more")
    return int(k)


# ---- FAISS ----------------------------------------------------------------------------------


def _faiss() -> Any:
    try:
        import faiss
    except ImportError as error:
        raise MissingExtra("faiss is not installed",
                           fix="Install patentcl[cpu], or patentcl[gpu] on a machine with a GPU") from error
    return faiss


def _family(index: Any) -> str:
    """HNSW, IVF or Flat (codes without structure): these can be filtered, others are refused."""
    faiss = _faiss()
    index = faiss.downcast_index(index)
    if isinstance(index, faiss.IndexHNSW):
        return "HNSW"
    if isinstance(index, faiss.IndexIVF):
        return "IVF"
    if isinstance(index, faiss.IndexFlat | faiss.IndexScalarQuantizer | faiss.IndexPQ):
        return "Flat"
    raise ConfigError("this kind of FAISS index cannot be filtered", got=type(index).__name__,
                      wanted="Flat, SQ, PQ, HNSW or IVF")


def _new_index(spec: IndexSpec, rows: int, dimension: int) -> Any:
    faiss = _faiss()
    factory = spec.resolve(rows, dimension)
    try:
        index = faiss.index_factory(dimension, factory, faiss.METRIC_INNER_PRODUCT)
    except RuntimeError as error:
        raise ConfigError("FAISS does not accept the factory string", where=f"index {spec.name!r}",
                          got=f"{factory} at dimension {dimension}",
                          fix=_faiss_reason(error)) from error
    if _family(index) == "IVF":
        index.make_direct_map()  # so that vectors can be read back by position
    for name, value in spec.build.items():
        faiss.ParameterSpace().set_index_parameter(index, name, value)
    return index


def _faiss_reason(error: Exception) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return f"FAISS says: {lines[-1]}" if lines else "See the FAISS documentation"


def _to_gpus(index: Any) -> Any:
    faiss = _faiss()
    count = faiss.get_num_gpus() if hasattr(faiss, "get_num_gpus") else 0
    if count == 0:
        built = "built for the CPU" if not hasattr(faiss, "StandardGpuResources") else "built for GPUs"
        raise ConfigError("no GPU that FAISS can use", got=f"faiss {faiss.__version__}, {built}",
                          wanted="a GPU and the extra 'gpu'", fix="Take the index flat instead")
    options = faiss.GpuMultipleClonerOptions()
    options.shard = True
    return faiss.index_cpu_to_all_gpus(index, co=options)


def _read_index(path: Path, size: int) -> Any:
    faiss = _faiss()
    if not path.is_file():
        raise DataError("a file of the index is missing", got=path, fix="Build the index again")
    if path.stat().st_size != size:
        raise DataError("the index is damaged", where=path, got=f"{path.stat().st_size:,} bytes",
                        wanted=f"{size:,}", fix="Build the index again")
    try:
        index = faiss.read_index(str(path))
    except (RuntimeError, MemoryError) as error:
        raise DataError("the index cannot be read", where=path, got=_faiss_reason(error),
                        fix="Build the index again") from error
    if index.metric_type != faiss.METRIC_INNER_PRODUCT:
        raise DataError("the index has another metric", where=path, got=f"metric {index.metric_type}",
                        wanted="inner product")
    return index


def _read_record(folder: Path) -> dict[str, Any]:
    path = folder / SPEC_FILE
    for name in (SPEC_FILE, IDS_FILE):
        if not (folder / name).is_file():
            raise DataError("a file of the index is missing", got=folder / name,
                            fix="Build the index again")
    try:
        record = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise DataError("not a YAML file", where=path, got=" ".join(str(error).split())) from error
    wanted = {"format", "rows", "dimension", "metric", "encoder", "ids", "bytes", "spec"}
    if not isinstance(record, dict) or set(record) != wanted or not isinstance(record["spec"], dict):
        raise DataError("not the record of an index", where=path,
                        got=", ".join(record) if isinstance(record, dict) else type(record).__name__,
                        wanted=", ".join(sorted(wanted)))
    if record["format"] != FORMAT or record["metric"] != "cosine":
        raise DataError("an index of another format", where=path,
                        got=f"format {record['format']}, metric {record['metric']}",
                        wanted=f"format {FORMAT}, metric cosine", fix="Build the index again")
    return record


def _digest(ids: Iterable[str]) -> str:
    return hashlib.blake2b("\n".join(map(str, ids)).encode(), digest_size=16).hexdigest()
