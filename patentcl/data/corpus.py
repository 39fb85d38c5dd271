"""A corpus: patents with text, date, codes and citations, kept as one Parquet table.

Columns of ``corpus.parquet``: patent_id, date, type, title, abstract, codes (list), citations
(list), split. Beside it, ``cpc.parquet`` holds titles of symbols and ``splits.parquet`` a division
into train, dev and test. Columns are read when they are asked for, so a corpus can be larger than
memory.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from scipy import sparse

from patentcl.core.errors import ConfigError, DataError, did_you_mean
from patentcl.cpc import CpcTree, level_index
from patentcl.data.families import read_families, united
from patentcl.data.duplicates import near_copies
from patentcl.data.reading import ReadOptions, read_patents

COLUMNS = ("patent_id", "date", "type", "title", "abstract", "codes", "citations", "split")
SPLITS = ("train", "dev", "test")
METHODS = ("stratified", "random", "date", "family")


class Corpus:
    """Patents in a fixed row order.

    Use `Corpus.read`. Attributes are in row order: ``ids``, ``dates``, ``texts``, ``codes``,
    ``labels`` (closed under ancestors, columns of ``tree``), ``split``.

    Parameters
    ----------
    path : path
        A ``corpus.parquet``.
    level : str
        Deepest level of `tree` and `labels`.

    Examples
    --------
    >>> corpus = Corpus.from_records([{"patent_id": "1", "title": "Mower", "codes": ["A01D34/00"]}])
    >>> corpus.ids.tolist(), corpus.tree.symbols
    (['1'], ('A', 'A01', 'A01D'))
    """

    def __init__(self, path: str | Path, level: str = "subclass") -> None:
        level_index(level)
        self.path = Path(path)
        self.level = level
        self._rows: np.ndarray | None = None
        self._keep: Any = None  # a temporary folder that must live as long as the corpus
        self._parent: Corpus | None = None
        if not self.path.is_file():
            raise DataError("no such corpus", got=self.path)
        try:
            names = set(pq.read_schema(self.path).names)
        except (pa.ArrowInvalid, OSError) as error:
            raise DataError("not a Parquet file", where=self.path, got=str(error)) from error
        missing = [c for c in COLUMNS if c not in names]
        if missing:
            raise DataError(
                f"column {missing[0]!r} is missing", where=self.path, got=", ".join(sorted(names))
            )

    # ---- making -----------------------------------------------------------------------------

    @classmethod
    def read(
        cls,
        source: str | Path,
        level: str = "subclass",
        scheme: str = "both",
        limit: int | None = None,
        columns: Mapping[str, str] | None = None,
    ) -> Corpus:
        """Read patents of any supported format.

        Parameters
        ----------
        source : path
            A folder of PatentsView tables; a CSV, TSV, JSONL or Parquet file; a folder with
            train.parquet and dev.parquet; or a folder or file that patentcl has written.
        level : str
            Deepest level of the labels: section, class, subclass, group or subgroup.
        scheme : {"cpc", "ipc", "both"}
            Which codes; ``both`` takes IPC for patents without CPC.
        limit : int, optional
            A fixed sample of this many patents.
        columns : mapping, optional
            For plain files: our column name -> the file's.

        Returns
        -------
        Corpus

        Raises
        ------
        DataError
            If something is missing or cannot be read.
        """
        options = ReadOptions(scheme, limit, columns or {})
        path = Path(source)
        ready = path / "corpus.parquet" if path.is_dir() else path
        if ready.is_file() and ready.suffix == ".parquet" and limit is None:
            try:
                if set(COLUMNS) <= set(pq.read_schema(ready).names):
                    return cls(ready, level)
            except (pa.ArrowInvalid, OSError) as error:
                raise DataError("not a Parquet file", where=ready, got=str(error)) from error
        keep = tempfile.TemporaryDirectory(prefix="patentcl-")
        read_patents(ready if ready.is_file() else path, Path(keep.name), options)
        corpus = cls(Path(keep.name) / "corpus.parquet", level)
        corpus._keep = keep
        return corpus

    @classmethod
    def from_records(cls, records: Sequence[Mapping[str, Any]], level: str = "subclass") -> Corpus:
        """Make a corpus of dicts, with fields as `COLUMNS`; all but patent_id may be absent."""
        unknown = sorted({k for r in records for k in r} - set(COLUMNS))
        if unknown:
            raise DataError(
                "unknown field in a record", got=unknown[0], fix=did_you_mean(unknown[0], COLUMNS)
            )
        keep = tempfile.TemporaryDirectory(prefix="patentcl-")
        source = Path(keep.name) / "records.parquet"
        text = pa.string()
        many = ("codes", "citations")
        schema = pa.schema([(c, pa.list_(text) if c in many else text) for c in COLUMNS])
        rows = [
            {c: v if c in many else str(v) for c, v in r.items() if v is not None} for r in records
        ]
        pq.write_table(pa.Table.from_pylist(rows, schema), source)
        target = Path(keep.name) / "read"
        target.mkdir()
        read_patents(source, target, ReadOptions())
        corpus = cls(target / "corpus.parquet", level)
        corpus._keep = keep
        return corpus

    def select(self, which: str | np.ndarray | Sequence[str]) -> Corpus:
        """Return part of the corpus, with the same tree.

        Parameters
        ----------
        which : str, ndarray of bool or int, or sequence of str
            A split's name, a mask, row numbers, or patent ids (in the order given).

        Raises
        ------
        DataError
            If an id is unknown, or the part is empty.
        """
        if isinstance(which, str):
            if which not in SPLITS:
                raise ConfigError("unknown split", got=which, fix=did_you_mean(which, SPLITS))
            rows = np.flatnonzero(self.split == which)
        else:
            array = np.asarray(which)
            if array.dtype == bool:
                if array.shape != (len(self),):
                    raise DataError(
                        "mask does not match the corpus", got=array.shape, wanted=f"({len(self)},)"
                    )
                rows = np.flatnonzero(array)
            elif array.dtype.kind in "iu":
                rows = array.astype(np.int64)
                outside = rows[(rows < 0) | (rows >= len(self))]
                if outside.size:
                    raise DataError(
                        "no such row in the corpus",
                        got=int(outside[0]),
                        wanted=f"0 to {len(self) - 1}",
                    )
            else:
                position = pd.Index(self.ids).get_indexer(pd.Index(array.astype(str)))
                if (position < 0).any():
                    raise DataError("no such patent in the corpus", got=array[position < 0][0])
                rows = position
        if rows.size == 0:
            raise DataError(
                "that part of the corpus is empty", got=which if isinstance(which, str) else None
            )
        part = Corpus(self.path, self.level)
        part._rows = rows if self._rows is None else self._rows[rows]
        part._keep, part._parent = self._keep, self
        return part

    # ---- columns ----------------------------------------------------------------------------

    def __len__(self) -> int:
        return int(pq.read_metadata(self.path).num_rows) if self._rows is None else len(self._rows)

    def __repr__(self) -> str:
        return f"Corpus({len(self):,} patents, labels down to {self.level})"

    def table(self, columns: Sequence[str]) -> pa.Table:
        """Read some columns as an Arrow table in row order."""
        table = pq.read_table(self.path, columns=list(columns), memory_map=True)
        return table if self._rows is None else table.take(pa.array(self._rows))

    def batches(self, columns: Sequence[str], size: int, start: int = 0) -> Iterator[pa.Table]:
        """Yield some columns as Arrow tables of at most `size` rows, in row order.

        Parameters
        ----------
        columns : sequence of str
        size : int
        start : int
            The first row wanted.
        """
        if self._rows is not None:
            for first in range(start, len(self), size):
                part = self._rows[first : first + size]
                yield pq.read_table(self.path, columns=list(columns), memory_map=True).take(
                    pa.array(part)
                )
            return
        before = 0
        for batch in pq.ParquetFile(self.path, memory_map=True).iter_batches(size, columns=columns):
            skip = min(max(start - before, 0), len(batch))
            before += len(batch)
            if skip < len(batch):
                yield pa.Table.from_batches([batch.slice(skip)])

    @cached_property
    def ids(self) -> np.ndarray:
        """Patent ids: object array of str, shape (n,)."""
        return np.asarray(self.table(["patent_id"])["patent_id"].to_pylist(), dtype=object)

    @cached_property
    def dates(self) -> np.ndarray:
        """Grant dates: datetime64[D], shape (n,); NaT where unknown."""
        return self.table(["date"])["date"].to_numpy(zero_copy_only=False).astype("datetime64[D]")

    @property
    def titles(self) -> list[str]:
        """Titles; empty where a patent has none."""
        return self.table(["title"])["title"].to_pylist()

    @property
    def texts(self) -> list[tuple[str, str]]:
        """Pairs of title and abstract; either may be empty."""
        table = self.table(["title", "abstract"])
        return list(zip(table["title"].to_pylist(), table["abstract"].to_pylist(), strict=True))

    @cached_property
    def codes(self) -> list[list[str]]:
        """Symbols of each patent, in the order of the source."""
        return self.table(["codes"])["codes"].to_pylist()

    @property
    def citations(self) -> list[list[str]]:
        """Ids that each patent cites, inside the corpus or not."""
        return self.table(["citations"])["citations"].to_pylist()

    @cached_property
    def code_titles(self) -> dict[str, str]:
        """Titles by symbol, from ``cpc.parquet`` beside the corpus; empty where there is none."""
        path = self.path.with_name("cpc.parquet")
        if not path.is_file():
            return {}
        table = pq.read_table(path, columns=["symbol", "title"])
        pairs = zip(table["symbol"].to_pylist(), table["title"].to_pylist(), strict=True)
        return {symbol: title for symbol, title in pairs if title}

    @cached_property
    def tree(self) -> CpcTree:
        """Tree of all symbols in the corpus down to `level`; parts share the whole's tree."""
        if self._parent is not None:
            return self._parent.tree
        flat = pc.unique(pc.list_flatten(self.table(["codes"])["codes"])).to_pylist()
        if not flat:
            raise DataError(
                "no patent of the corpus has a code",
                where=self.path,
                fix="Give data with CPC or IPC codes: classifiers learn from them",
            )
        return CpcTree.from_symbols(flat, titles=self.code_titles, level=self.level)

    @cached_property
    def labels(self) -> sparse.csr_matrix:
        """Labels closed under ancestors: bool CSR, shape (n, len(tree))."""
        return self.tree.encode(self.codes)

    @cached_property
    def split(self) -> np.ndarray:
        """Split of each patent ("train", "dev", "test", or "" where undecided), shape (n,)."""
        if self._parent is not None and self._rows is not None:
            return self._split_of_all(self._parent)[self._rows]
        return self._split_of_all(self)

    def _split_of_all(self, whole: Corpus) -> np.ndarray:
        path = self.path.with_name("splits.parquet")
        source = path if path.is_file() else self.path
        column = pq.read_table(source, columns=["split"])["split"]
        return np.asarray(pc.fill_null(column, "").to_pylist(), dtype=object)

    def frame(self) -> pd.DataFrame:
        """Ids, dates, titles and codes as a DataFrame: the ``meta`` of an index."""
        return pd.DataFrame(
            {
                "id": self.ids,
                "date": self.dates.astype("datetime64[s]"),
                "codes": self.codes,
                "title": self.titles,
            }
        )


def text_keys(texts: Sequence[tuple[str, str]]) -> np.ndarray:
    """Number patents by their text: equal numbers mean near-copies (as continuations are).

    See `patentcl.data.duplicates.near_copies`, which takes Arrow columns.

    Parameters
    ----------
    texts : sequence of (title, abstract)

    Returns
    -------
    ndarray of int64, shape (n,)

    Examples
    --------
    >>> text_keys([("Mower", ""), ("Pump", ""), ("MOWER.", "")]).tolist()
    [0, 1, 0]
    """
    titles = pa.chunked_array([pa.array([t for t, _ in texts], pa.string())])
    return near_copies(titles, pa.chunked_array([pa.array([a for _, a in texts], pa.string())]))


def kin(corpus: Corpus) -> np.ndarray:
    """Number patents so that near-copies of a text and patents of one family have the same number.

    Returns
    -------
    ndarray of int64, shape (n,)
        Numbers from 0, in the order in which they first appear.
    """
    texts = corpus.table(["title", "abstract"])
    return united(
        near_copies(texts["title"], texts["abstract"]),
        read_families(corpus.path, pa.chunked_array([pa.array(corpus.ids, pa.string())])),
    )


def make_splits(
    corpus: Corpus, method: str = "stratified", dev: float = 0.1, test: float = 0.1, seed: int = 0
) -> np.ndarray:
    """Divide a corpus into train, dev and test.

    Near-copies of one text and patents of one family (continuations, divisions and the like, where
    the data name them) fall on the same side, so no held-out patent's invention is trained on.

    Parameters
    ----------
    corpus : Corpus
    method : {"stratified", "random", "date", "family"}
        ``stratified`` keeps each label's share (iterative stratification, Sechidis et al. 2011);
        ``date`` takes the newest patents for test, the next newest for dev, undated ones for train;
        ``family`` is another name of ``stratified``, since each of these divides by family.
    dev, test : float
        Shares of patents.
    seed : int

    Returns
    -------
    ndarray of object, shape (n,)
        "train", "dev" or "test". A division that the data bring is kept: where they bring no test
        split, their dev split becomes test and a new dev split is drawn from train, so that
        thresholds are never tuned on the patents they are judged by.
    """
    if not (0 <= dev < 1 and 0 <= test < 1 and dev + test < 1):
        raise ConfigError("dev + test must leave something to train on", got=f"{dev} and {test}")
    if method not in METHODS:
        raise ConfigError("unknown way to split", got=method, fix=did_you_mean(method, METHODS))
    given = corpus.split
    out = np.full(len(corpus), "train", dtype=object)
    keys = kin(corpus)
    if (given != "").any() and (given != "train").any():
        unknown = sorted(set(given) - set(SPLITS))
        if unknown:
            raise DataError(
                "unknown split in the data", got=unknown[0] or "empty", wanted=", ".join(SPLITS)
            )
        out[:] = given
        if (out == "test").any() and (out == "dev").any():
            return out
        if not (out == "test").any():
            out[out == "dev"] = "test"
        pool = np.flatnonzero(out == "train")
        out[pool[_draw(corpus, pool, keys, dev, method, seed)]] = "dev"
        return out
    pool = np.arange(len(corpus))
    chosen = _draw(corpus, pool, keys, test, method, seed)
    out[pool[chosen]] = "test"
    pool = pool[~chosen]
    out[pool[_draw(corpus, pool, keys, dev / (1 - test), method, seed + 1)]] = "dev"
    return out


def _draw(
    corpus: Corpus, pool: np.ndarray, keys: np.ndarray, share: float, method: str, seed: int
) -> np.ndarray:
    """Choose a share of some rows, whole groups of near-copies at a time; a mask over `pool`."""
    if share == 0 or len(pool) < 2:  # a single patent stays to train on
        return np.zeros(len(pool), dtype=bool)
    _, first, keys = np.unique(keys[pool], return_index=True, return_inverse=True)
    # From here on keys count from 0, and first holds one patent for each group of near-copies.
    if method == "date":
        dates = corpus.dates[pool]
        known = ~np.isnat(dates)
        if known.sum() < len(pool) / 2:
            raise DataError(
                "cannot split by date",
                got=f"{known.sum()} of {len(pool)} patents dated",
                fix="Use split.method=random or stratified",
            )
        newest = np.full(keys.max() + 1, np.datetime64("0001-01-01", "D"))
        np.maximum.at(newest, keys[known], dates[known])
        order = np.argsort(newest[keys], kind="stable")
        cut = newest[keys][order[-max(1, round(share * len(pool)))]]
        if not (newest[keys] < cut).any():
            raise DataError(
                "cannot split by date",
                got=f"no patent older than {cut} is left to train on",
                fix="Use split.method=random or stratified",
            )
        return newest[keys] >= cut
    if method == "random":
        return _random(len(first), share, np.random.default_rng(seed))[keys]
    return _stratified(corpus, pool[first], share, seed)[keys]


def _random(n: int, share: float, rng: np.random.Generator) -> np.ndarray:
    """A mask with a share of n set."""
    picked = np.zeros(n, dtype=bool)
    picked[rng.permutation(n)[: round(share * n)]] = True
    return picked


def _stratified(corpus: Corpus, rows: np.ndarray, share: float, seed: int) -> np.ndarray:
    """Iterative stratification over the deepest labels, at most subclasses; the rest at random.

    Groups are so many that most have one patent or two: their shares cannot be kept, and a dense
    matrix of them, which the stratifier needs, would not fit.
    """
    from iterstrat.ml_stratifiers import MultilabelStratifiedShuffleSplit

    rng = np.random.default_rng(seed)
    if not any(corpus.codes):
        return _random(len(rows), share, rng)
    tree = corpus.tree
    last = min(level_index("subclass"), len(tree.levels) - 1)
    deepest = (tree.depth == last) | (tree.is_leaf & (tree.depth < last))
    labels = corpus.labels[rows][:, np.flatnonzero(deepest)]
    labelled = np.flatnonzero(np.diff(labels.indptr) > 0)
    counts = np.asarray(labels[labelled].sum(axis=0)).ravel()
    # Labels on every patent, or on one alone, say nothing about where a patent should go.
    y = labels[labelled][:, (counts > 1) & (counts < len(labelled))].toarray().astype(np.int8)
    if len(labelled) < 2 or y.shape[1] == 0:
        return _random(len(rows), share, rng)
    splitter = MultilabelStratifiedShuffleSplit(n_splits=1, test_size=share, random_state=seed)
    _, chosen = next(splitter.split(np.zeros((len(labelled), 1)), y))
    picked = np.zeros(len(rows), dtype=bool)
    picked[labelled[chosen]] = True
    rest = np.setdiff1d(np.arange(len(rows)), labelled)
    picked[rest] = _random(len(rest), share, rng)
    return picked


def write_splits(path: str | Path, corpus: Corpus, split: np.ndarray) -> None:
    """Write ``splits.parquet``: patent_id, split and kin, in the corpus's row order."""
    pq.write_table(
        pa.table(
            {
                "patent_id": pa.array(corpus.ids, pa.string()),
                "split": pa.array(split, pa.string()),
                "kin": pa.array(kin(corpus), pa.int64()),
            }
        ),
        path,
    )
