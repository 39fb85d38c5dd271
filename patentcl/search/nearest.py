"""The nearest rows of a FAISS index among those that pass a filter, in an order that is no chance.

FAISS proposes candidates. Where its own similarities cannot tell them apart, or depend on how many
queries are asked at once, they are computed again in double precision: equal vectors keep the order
of the index.
"""

from __future__ import annotations

import math
import mmap
import os
from functools import cached_property
from typing import Any, BinaryIO

import numpy as np

from patentcl.core.arrays import blocks
from patentcl.core.errors import DataError
from patentcl.search import backend
from patentcl.search.specification import IndexSpec

TIE = 4e-6  # float32 inner products of unit vectors differ by this much with the order of adding
_CHUNK = 1024  # queries handled at a time
_GPU_REACH = 2048  # FAISS finds no more than this many at a time on a GPU
_FEW = 4  # from this many queries on products of matrices are quicker than one after the other
_ROWS_FEW, _ROWS_MANY = 2048, 32_768  # rows that are gathered at a time, to stay in the cache
_MOST = 0.25  # where more than this share passes, one query looks at all rows where they lie
_SCANNED_FEW, _SCANNED_MANY = 90, 1000  # rows that are compared in the time of a step of HNSW
_GATHERED = 0.25  # up to this share, rows of lists are compared without the lists, for the recall
_PRODUCT, _GATHER = 0.05, 4.6  # a row in a product, and to gather it, beside one read in its list
_READ = 4096  # so many rows of a memory map are read for one query

Hits = tuple[np.ndarray, np.ndarray, np.ndarray]
"""Query, position and similarity of results, one entry each."""


class Nearest:
    """Finds the nearest rows of a FAISS index.

    `exact`, an array or memory map (n, d) of unit rows, is what similarities are computed from
    where the index itself holds less exact ones.
    """

    def __init__(self, index: Any, spec: IndexSpec, exact: np.ndarray | None = None) -> None:
        self.index, self.spec, self.exact = index, spec, exact
        self._file = _file_of(exact)
        self.family = backend.family_of(index)
        self.fast = backend.to_gpus(index) if spec.device == "gpu" else index
        self._use_products()
        for name, value in spec.search.items():
            self.set_effort(name, value)

    @property
    def effort(self) -> int:
        """``efSearch`` of an HNSW index, ``nprobe`` of an IVF index."""
        return int(self.index.hnsw.efSearch if self.family == "HNSW" else self.index.nprobe)

    def set_effort(self, name: str, value: int) -> None:
        """Search with another ``efSearch`` or ``nprobe`` from now on."""
        setattr(self.index.hnsw if name == "efSearch" else self.index, name, value)

    def __len__(self) -> int:
        return int(self.index.ntotal)

    def vectors(self, positions: np.ndarray) -> np.ndarray:
        """Rows (m, d) as exactly as they are stored, float32."""
        rows = self._rows
        if rows is None:
            positions = np.ascontiguousarray(positions, np.int64)
            return np.asarray(self.index.reconstruct_batch(positions))
        if self._file is None:
            return np.asarray(np.take(rows, positions, axis=0))
        # Read, not mapped: what the system keeps of the file is no memory of this process.
        found = np.empty((len(positions), rows.shape[1]), rows.dtype)
        width, start = found.itemsize * found.shape[1], rows.offset  # type: ignore[attr-defined]
        file, places = self._file.fileno(), (positions * width + start).tolist()
        got = sum(os.preadv(file, [row], at) for at, row in zip(places, found, strict=True))
        if got < found.nbytes:
            what, where = "the vectors beside the index have been cut off", self._file.name
            raise DataError(what, where=where, got=got, wanted=found.nbytes)
        return found

    @cached_property
    def _rows(self) -> np.ndarray | None:
        """All rows (n, d), float32, where they lie in one piece."""
        if self.exact is not None:
            return self.exact
        faiss = backend.import_faiss()
        index = faiss.downcast_index(self.index)
        flat = faiss.downcast_index(index.storage) if self.family == "HNSW" else index
        if not isinstance(flat, faiss.IndexFlat):
            return None
        return faiss.rev_swig_ptr(flat.get_xb(), flat.ntotal * flat.d).reshape(-1, flat.d)

    def _use_products(self) -> None:
        """Let FAISS multiply matrices from a few queries on; its own limit is some hundreds."""
        limits = backend.import_faiss().cvar
        if limits.distance_compute_blas_threshold > 1000:  # of numbers; before 1.13, of queries
            limits.distance_compute_blas_threshold = max(1001, _FEW * self.index.d)

    def search(self, queries: np.ndarray, k: int, keep: np.ndarray | None = None) -> Hits:
        """The k best of each unit query (m, d) among the rows of a mask, by query, then in order.

        Fewer come back only where fewer rows pass.
        """
        chosen = None if keep is None else np.flatnonzero(keep)
        count = len(self) if chosen is None else len(chosen)
        k = min(k, count)
        if k == 0 or len(queries) == 0:
            return np.empty(0, np.int64), np.empty(0, np.int64), np.empty(0, np.float32)
        size = max(1, min(_CHUNK, 2**24 // (k + 8)))
        if len(queries) <= size:
            return self._chunk(queries, k, chosen)
        parts = []
        for part in blocks(len(queries), size):
            query, position, similarity = self._chunk(queries[part], k, chosen)
            parts.append((query + part.start, position, similarity))
        return _joined(parts)

    def _chunk(self, queries: np.ndarray, k: int, chosen: np.ndarray | None) -> Hits:
        """Ask FAISS for a few more than k, and again where that did not settle the k best."""
        count = len(self) if chosen is None else len(chosen)
        exact = self._scans(len(queries), k, count)
        packed = self.exact is not None and chosen is None  # what FAISS compares
        reach = k + 8 if exact and not packed else k * self.spec.rerank + 8
        todo = [(np.arange(len(queries)), min(reach, count), exact)]
        parts = []
        while todo:
            which, reach, exact = todo.pop()
            asked = queries if len(which) == len(queries) else queries[which]
            score, found = self._candidates(asked, reach, chosen, exact)
            if self._tells_apart and not exact and reach > k:
                clear = (score[:, :k] - score[:, 1 : k + 1] > TIE).all(axis=1)
                clear &= found[:, k] >= 0
                if clear.all():
                    parts.append(_first(which, found, score, k))
                    continue
                if clear.any():
                    parts.append(_first(which[clear], found[clear], score[clear], k))
                    which, score, found = which[~clear], score[~clear], found[~clear]
            short = found[:, k - 1] < 0
            if exact and short.any():
                got, fix = f"less than {k}", "Build the index again"
                raise DataError("the index finds fewer vectors than it holds", got=got, fix=fix)
            # Equal similarities across the cut: look further, so that order decides, not chance.
            tied = ~short & (found[:, -1] >= 0) & (score[:, k - 1] - score[:, -1] <= TIE)
            tied &= reach < count
            done = ~(short | tied)
            if done.any():
                parts.append(self._ordered(queries, which[done], found[done], k))
            if short.any():  # an approximate index lost its way among filtered rows
                todo.append((which[short], min(k + 8, count), True))
            if tied.any():
                todo.append((which[tied], min(4 * reach, count), exact))
        if len(parts) == 1:
            return parts[0]
        query, position, similarity = _joined(parts)
        order = np.argsort(query, kind="stable")
        return query[order], position[order], similarity[order]

    @property
    def exhaustive(self) -> bool:
        """Whether every search compares all rows, as exactly as they were given."""
        return self.family == "Flat" and self.exact is None and self._rows is not None

    @cached_property
    def _tells_apart(self) -> bool:
        """Whether the scores of candidates are those of the best rows known, and of one query."""
        return self.family != "Flat" and self.exact is None and self.fast is self.index

    def _scans(self, queries: int, k: int, count: int) -> bool:
        """Whether all rows that pass are compared, as that is quicker than to search among them."""
        if self.family == "Flat" or 2 * k > count:
            return True
        share = count / len(self)
        if self.exact is not None:  # rows on the disk: few enough to read them all
            return count <= _READ
        if self.family == "IVF":
            read = self._lists(share) / self.index.nlist * len(self)
            cost = count * (_PRODUCT + _GATHER / queries)
            return share <= _GATHERED or (share < 1 and cost <= read)
        rows = _SCANNED_FEW if queries < _FEW else _SCANNED_MANY
        return count * share <= self.effort * rows and share < 1

    def _lists(self, share: float) -> int:
        """How many lists are read: more by a filter, and by more than fewer rows of each pass."""
        lists = math.ceil(self.effort if share == 1 else 2 * self.effort / share)
        return min(lists, int(self.index.nlist))

    def _candidates(
        self, queries: np.ndarray, reach: int, chosen: np.ndarray | None, exact: bool
    ) -> tuple[np.ndarray, np.ndarray]:
        """Scores and positions (m, reach), best first; -1 where FAISS found no more."""
        faiss = backend.import_faiss()
        if chosen is None and self.fast is not self.index and reach <= _GPU_REACH:
            score, found = self.fast.search(queries, reach)
            return score, found
        if chosen is None and not exact:
            score, found = self.index.search(queries, reach)
            return score, found
        index, share = self.index, 1.0
        asked: dict[str, Any] = {}
        if chosen is not None:
            if exact:
                return self._scanned(queries, reach, chosen)
            share = len(chosen) / len(self)
            keep = np.zeros(len(self), dtype=bool)
            keep[chosen] = True
            asked["sel"] = faiss.IDSelectorBitmap(np.packbits(keep, bitorder="little"))
        parameters: Any = faiss.SearchParameters
        if self.family == "IVF":
            asked["nprobe"] = index.nlist if exact else self._lists(share)
            parameters = faiss.SearchParametersIVF
        elif self.family == "HNSW" and exact:
            index = faiss.downcast_index(index.storage)
        elif self.family == "HNSW":
            asked["efSearch"] = max(math.ceil(self.effort / share), reach)
            parameters = faiss.SearchParametersHNSW
        score, found = index.search(queries, reach, params=parameters(**asked) if asked else None)
        return score, found

    def _scanned(
        self, queries: np.ndarray, reach: int, chosen: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """Compare the chosen rows, gathered a block at a time: as quick as if there were no more.

        FAISS's own filter looks at one row after the other, without products of matrices.
        """
        faiss = backend.import_faiss()
        stored: Any = self._rows
        size = _ROWS_FEW if len(queries) < _FEW else _ROWS_MANY
        plain = stored is not None and not isinstance(stored, np.memmap)
        if plain and len(queries) == 1 and len(chosen) > _MOST * len(self):
            return _among(queries, stored, chosen, reach)
        buffer = np.empty((min(size, len(chosen)), self.index.d), dtype=np.float32)
        scores, found = [], []
        for part in blocks(len(chosen), size):
            rows = chosen[part]
            if plain:
                gathered = np.take(stored, rows, axis=0, out=buffer[: len(rows)], mode="clip")
            else:
                gathered = self.vectors(rows)
            metric = faiss.METRIC_INNER_PRODUCT
            score, place = faiss.knn(queries, gathered, min(reach, len(rows)), metric=metric)
            scores.append(score)
            found.append(rows[place])
        score, position = np.concatenate(scores, axis=1), np.concatenate(found, axis=1)
        if len(scores) > 1:
            best = np.argsort(-score, axis=1, kind="stable")[:, :reach]
            score = np.take_along_axis(score, best, axis=1)
            position = np.take_along_axis(position, best, axis=1)
        return score, position

    def _ordered(self, queries: np.ndarray, which: np.ndarray, found: np.ndarray, k: int) -> Hits:
        """The k best of each query's candidates by exact similarity, then by position."""
        position = np.empty((len(which), k), dtype=np.int64)
        similarity = np.empty((len(which), k), dtype=np.float32)
        # A few at a time stay in the cache.
        for part in blocks(len(which), max(1, 1024 // found.shape[1])):
            # In the order of the index: a stable sort then leaves equal similarities in that order.
            rows = np.sort(found[part], axis=1)
            value = self.similarity(queries[which[part]], np.maximum(rows, 0))
            value[rows < 0] = -2
            best = np.argsort(-value, axis=1, kind="stable")[:, :k]
            line = np.arange(len(best))[:, None]  # take_along_axis costs one query 20 µs more
            position[part], similarity[part] = rows[line, best], value[line, best]
        return np.repeat(which, k), position.ravel(), similarity.ravel()

    def similarity(self, queries: np.ndarray, positions: np.ndarray) -> np.ndarray:
        """Cosines (m, r) of each unit query (m, d) with its own rows (m, r), float32."""
        rows = self.vectors(positions.ravel()).astype(np.float64)
        rows = rows.reshape(*positions.shape, queries.shape[1])
        rows *= queries[:, None, :]
        return np.clip(rows.sum(axis=2), -1, 1).astype(np.float32)


def _file_of(rows: Any) -> BinaryIO | None:
    """The file of a memory map, to read rows of, where the system can."""
    whole = isinstance(rows, np.memmap) and isinstance(rows.base, mmap.mmap)
    return open(rows.filename, "rb") if whole and hasattr(os, "preadv") else None


def _first(which: np.ndarray, found: np.ndarray, score: np.ndarray, k: int) -> Hits:
    """The first k of each query's candidates."""
    return which.repeat(k), found[:, :k].ravel(), np.minimum(score[:, :k], 1).ravel()


def _among(
    query: np.ndarray, stored: Any, chosen: np.ndarray, reach: int
) -> tuple[np.ndarray, np.ndarray]:
    """Scores and positions (1, reach) of one query (1, d) among the chosen of all rows (n, d)."""
    faiss = backend.import_faiss()
    every = np.empty(len(stored), dtype=np.float32)
    ours = map(faiss.swig_ptr, (every, query, stored))
    faiss.fvec_inner_products_ny(*ours, query.shape[1], len(stored))
    score = every[chosen]
    best = np.argpartition(score, len(score) - reach)[-reach:]
    best = best[np.argsort(-score[best])]
    return score[None, best], chosen[None, best]


def _joined(parts: list[Hits]) -> Hits:
    query, position, similarity = (np.concatenate(c) for c in zip(*parts, strict=True))
    return query, position, similarity
