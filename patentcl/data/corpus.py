"""A corpus: patents with text, date, codes and citations, kept as one Parquet table.

Columns of ``corpus.parquet``: patent_id, date, type, title, abstract, codes (list), citations
(list), split; and claims (list), first_claim and description where the source has them. Beside it,
``cpc.parquet`` holds titles of symbols and ``splits.parquet`` a division.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from scipy import sparse

from patentcl.core import artifacts
from patentcl.core.errors import DataError, choose
from patentcl.core.locks import Scratch
from patentcl.core.reading import read_table, reading, unique_ids
from patentcl.core.tables import counted
from patentcl.cpc import CpcTree, is_symbol, level_index, own_titles, parse_symbol
from patentcl.data.characters import whole_value
from patentcl.data.duplicates import duplicate_groups, read_families
from patentcl.data.options import FULL_TEXT
from patentcl.data.reading import ReadOptions, read_patents

COLUMNS = ("patent_id", "date", "type", "title", "abstract", "codes", "citations", "split")
_TYPES = {"codes": ("list",), "citations": ("list",), "date": ("date32", "timestamp", "null")}
SPLITS = ("train", "dev", "test")
FILES = ("corpus.parquet", "cpc.parquet", "splits.parquet", "family.parquet")
"""What a corpus reads, beside each other."""
_AT_ONCE = 8192  # rows that are read from the file at a time


class Corpus:
    """Patents in a fixed row order: that of one file or DataFrame, else sorted by id.

    Make one with `Corpus.read`, `from_frame` or `from_records`; ``Corpus(path)`` opens a
    ``corpus.parquet``. Attributes are in row order: ``ids``, ``dates``, ``titles``, ``texts``,
    ``codes``, ``citations``, ``labels`` (closed under ancestors, columns of ``tree``), ``split``,
    ``duplicate_group``. They are read when asked for, so a corpus can be larger than memory.

    Parameters
    ----------
    path : path
        A ``corpus.parquet``.
    level : str
        Deepest level of `tree` and `labels`: section, class, subclass, group or subgroup.

    Raises
    ------
    DataError
        If there is no such file, or it is not a corpus.
    ConfigError
        If the level is unknown.

    Examples
    --------
    >>> corpus = Corpus.from_records([
    ...     {"patent_id": 2, "title": "Mower", "codes": "A01D34/00; A01B1/00"},
    ...     {"patent_id": 1, "title": "Pump", "abstract": float("nan")}])
    >>> corpus.ids.tolist(), corpus.codes
    (['2', '1'], [['A01D34/00', 'A01B1/00'], []])
    >>> corpus.tree.symbols
    ('A', 'A01', 'A01B', 'A01D')
    """

    def __init__(self, path: str | Path, level: str = "subclass") -> None:
        level_index(level)
        self.path = Path(path)
        self.level = level
        self._rows: np.ndarray | None = None
        self._keep: Any = None  # a temporary folder that must live as long as the corpus
        self._whole = self  # what this is a part of
        if not self.path.is_file():
            raise DataError("no such corpus", got=self.path)
        if self.path.name == FILES[0]:
            artifacts.verify(self.path.parent, FILES)
        with reading(self.path, "not a Parquet file"):
            schema = pq.read_schema(self.path)
        names = schema.names
        missing = [c for c in COLUMNS if c not in names]
        if missing:
            got, fix = ", ".join(sorted(names)), "Make a corpus with: patentcl load DATA"
            raise DataError(f"column {missing[0]!r} is missing", where=self.path, got=got, fix=fix)
        for name in COLUMNS:
            kind = str(schema.field(name).type).replace("large_", "")
            if kind.partition("<")[0].partition("[")[0] not in _TYPES.get(name, ("string", "null")):
                raise DataError(f"column {name!r} is of another type", where=self.path, got=kind)

    # ---- making -----------------------------------------------------------------------------

    @classmethod
    def read(
        cls,
        source: str | Path | pd.DataFrame,
        level: str = "subclass",
        scheme: str = "both",
        limit: int | None = None,
        columns: Mapping[str, str] | None = None,
        dates: str = "auto",
        encoding: str | None = None,
        like: Mapping[str, Any] | None = None,
        every_row: bool = False,
    ) -> Corpus:
        """Read patents of any supported format.

        Parameters
        ----------
        source : path or DataFrame
            A folder of PatentsView tables; a CSV, TSV, XLSX, JSON, JSONL or Parquet file, also an
            export of a tool that is known; a DataFrame; a folder with train.parquet and
            validation.parquet, or with a JSON or XML file a patent; or a folder or file that
            patentcl has written. Rows of one file or DataFrame keep their order, and further
            columns travel along: see `extra`.
        level : str
            Deepest level of the labels: section, class, subclass, group or subgroup.
        scheme : {"cpc", "ipc", "both"}
            Which codes; ``both`` takes IPC for patents without CPC.
        limit : int, optional
            A fixed sample of this many patents.
        columns : mapping, optional
            For plain files and DataFrames: our column name -> the file's.
        dates : {"auto", "dmy", "mdy"}
            What comes first in dates such as 05/04/2010; ``auto``: what a day above 12 shows.
        encoding : str, optional
            Of a text file; recognised if not given.
        like : mapping, optional
            ``columns`` and ``encoding`` of an earlier file, used where this one has such columns.
        every_row : bool
            Keep patents without title and abstract, which are left out otherwise.

        Raises
        ------
        DataError
            If something is missing or cannot be read.
        """
        options = ReadOptions(scheme, limit, columns or {}, dates, encoding, like or {}, every_row)
        if not isinstance(source, pd.DataFrame):
            if not isinstance(source, (str, Path)):
                got = f"a {type(source).__name__}"
                raise DataError("no table of patents", got=got, wanted="a DataFrame or a path")
            path = Path(source)
            ready = path / "corpus.parquet" if path.is_dir() else path
            if ready.is_file():
                source = ready
                if ready.suffix == ".parquet" and limit is None and set(COLUMNS) <= _names(ready):
                    return cls(ready, level)
        keep = Scratch()
        read_patents(source, Path(keep.name), options)
        corpus = cls(Path(keep.name) / "corpus.parquet", level)
        corpus._keep = keep
        return corpus

    @classmethod
    def from_frame(
        cls, frame: pd.DataFrame, level: str = "subclass", columns: Mapping[str, str] | None = None
    ) -> Corpus:
        """Make a corpus of a DataFrame, cleaned as files are; rows keep their order.

        It needs a column or named index patent_id, and title or abstract, and may have date, type,
        codes, citations and split, by any name that plain files may use; `columns` maps our names
        to the frame's. Codes and citations are lists, or texts such as ``"A01D34/00; A01B1/00"``;
        None, NaN and NaT are empty. Other columns travel along.

        Raises
        ------
        DataError
            If a needed column is missing, one is nearly named like a missing one, or ids are
            missing or repeated.
        """
        return cls.read(frame, level, columns=columns)

    @classmethod
    def from_records(cls, records: Iterable[Mapping[str, Any]], level: str = "subclass") -> Corpus:
        """Make a corpus of dicts, with fields as the columns of `from_frame`; any may be absent."""
        if isinstance(records, pd.DataFrame):
            return cls.from_frame(records, level)
        rows = list(records) if isinstance(records, Iterable) else [records]
        if odd := [r for r in rows if not isinstance(r, Mapping)]:
            got = f"a {type(odd[0]).__name__}: {odd[0]!r:.60}"
            raise DataError("no record of a patent", got=got, wanted="a dict for each patent")
        try:
            frame = pd.DataFrame(rows, dtype=object)
        except UnicodeEncodeError:  # names of fields
            frame = pd.DataFrame(whole_value(rows), dtype=object)
        return cls.from_frame(frame, level)

    def select(self, which: str | np.ndarray | Sequence[str]) -> Corpus:
        """Return part of the corpus, with the same tree.

        `which` is a split's name, a mask, row numbers, or patent ids (in the order given), which
        may be numbers that are no row numbers.

        Raises
        ------
        DataError
            If an id is unknown, or the part is empty.
        """
        if isinstance(which, str):
            rows = np.flatnonzero(self.split == choose(which, SPLITS, "split"))
        else:
            array = np.asarray(which)
            if array.dtype == bool:
                if array.shape != (len(self),):
                    what, wanted = "mask does not match the corpus", f"({len(self)},)"
                    raise DataError(what, got=array.shape, wanted=wanted)
                rows = np.flatnonzero(array)
            elif array.dtype.kind in "iu" and not ((array < 0) | (array >= len(self))).any():
                rows = np.atleast_1d(array).astype(np.int64)
            else:
                ids = np.atleast_1d(array).astype(str)
                rows = pd.Index(self.ids).get_indexer(pd.Index(ids))
                if (rows < 0).any():
                    got, wanted = ids[rows < 0][0], f"an id, or a row from 0 to {len(self) - 1}"
                    raise DataError("no such patent in the corpus", got=got, wanted=wanted)
        if rows.size == 0:
            got = which if isinstance(which, str) else None
            raise DataError("that part of the corpus is empty", got=got)
        part = Corpus(self.path, self.level)
        part._rows = rows if self._rows is None else self._rows[rows]
        part._keep, part._whole = self._keep, self._whole
        return part

    # ---- columns ----------------------------------------------------------------------------

    def __len__(self) -> int:
        return int(pq.read_metadata(self.path).num_rows) if self._rows is None else len(self._rows)

    def __repr__(self) -> str:
        return f"Corpus({counted(len(self), 'patents')}, labels down to {self.level})"

    def _repr_html_(self) -> str:
        from patentcl.data.summary import corpus_html

        return corpus_html(self, sorted(_names(self.path) - set(COLUMNS)))

    def table(self, columns: Sequence[str]) -> pa.Table:
        """Read some columns as an Arrow table in row order."""
        table = read_table(self.path, columns)
        return table if self._rows is None else table.take(pa.array(self._rows))

    def batches(self, columns: Sequence[str], size: int, start: int = 0) -> Iterator[pa.Table]:
        """Yield some columns, from row `start`, as Arrow tables of `size` rows (the last: fewer).

        The file is read once, and only a part of it is in memory, unless rows were selected in
        another order than the file's.
        """
        rows = self._rows
        if rows is not None and (np.diff(rows) <= 0).any():
            table = self.table(columns)
            yield from (table.slice(i, size) for i in range(start, len(self), size))
            return
        before, held = 0, None  # rows of the file that have passed; those not yet yielded
        with pq.ParquetFile(self.path, memory_map=True) as file:
            for batch in file.iter_batches(max(size, _AT_ONCE), columns=list(columns)):
                part, upto = pa.Table.from_batches([batch]), before + len(batch)
                if rows is None:
                    part = part.slice(min(max(start - before, 0), len(batch)))
                else:
                    low, high = np.searchsorted(rows, [before, upto])
                    part = part.take(pa.array(rows[max(low, start) : high] - before))
                before = upto
                held = part if held is None else pa.concat_tables([held, part])
                while len(held) >= size:
                    yield held.slice(0, size)
                    held = held.slice(size)
        if held is not None and len(held):
            yield held

    @cached_property
    def ids(self) -> np.ndarray:
        """Patent ids: object array of str, shape (n,)."""
        return unique_ids(self.table(["patent_id"]), self.path)

    @cached_property
    def dates(self) -> np.ndarray:
        """Grant dates: datetime64[D], shape (n,); NaT where unknown."""
        return self.table(["date"])["date"].to_numpy(zero_copy_only=False).astype("datetime64[D]")

    @property
    def titles(self) -> list[str]:
        """Titles; empty where a patent has none."""
        return self.table(["title"])["title"].to_pylist()

    def titles_of(self, ids: Sequence[str]) -> dict[str, str]:
        """Titles of some patents by id, without reading the others into memory."""
        of, names = [("patent_id", "in", list(ids))], ["patent_id", "title"]
        rows = pq.read_table(self.path, columns=names, filters=of, partitioning=None)
        return dict(zip(rows["patent_id"].to_pylist(), rows["title"].to_pylist(), strict=True))

    @property
    def texts(self) -> list[tuple[str, str]]:
        """Pairs of title and abstract; either may be empty."""
        table = self.table(["title", "abstract"])
        return list(zip(table["title"].to_pylist(), table["abstract"].to_pylist(), strict=True))

    @cached_property
    def codes(self) -> list[list[str]]:
        """Symbols of each patent, in the order of the source."""
        return self.table(["codes"])["codes"].to_pylist()

    def _has(self, column: str) -> bool:
        """Whether there is such a column of full text; ``claims`` may also be a user's number."""
        schema = pq.read_schema(self.path)
        is_list = column in schema.names and pa.types.is_list(schema.field(column).type)
        return column in FULL_TEXT and column in schema.names and is_list == (column == "claims")

    def _texts(self, column: str) -> list[Any]:
        if self._has(column):
            return self.table([column])[column].to_pylist()
        return [[] if column == "claims" else "" for _ in range(len(self))]

    @property
    def claims(self) -> list[list[str]]:
        """Claims of each patent in their order, without their numbers; [] where there are none."""
        return self._texts("claims")

    @property
    def first_claims(self) -> list[str]:
        """The first independent claim of each patent; "" where there is none."""
        return self._texts("first_claim")

    @property
    def descriptions(self) -> list[str]:
        """Descriptions; "" where there is none."""
        return self._texts("description")

    @property
    def citations(self) -> list[list[str]]:
        """Ids that each patent cites, inside the corpus or not."""
        return self.table(["citations"])["citations"].to_pylist()

    @cached_property
    def code_titles(self) -> dict[str, str]:
        """Titles by symbol, from ``cpc.parquet`` beside the corpus; else of `own_titles`."""
        own = own_titles()
        titled = ((s, title or own.get(s)) for s, title in self._of_symbols("title").items())
        return {symbol: title for symbol, title in titled if title}

    def _of_symbols(self, column: str) -> dict[str, str | None]:
        """A column of ``cpc.parquet`` by symbol; empty where there is none."""
        path = self.path.with_name("cpc.parquet")
        if not path.is_file() or column not in _names(path):
            return {}
        table = read_table(path, ["symbol", column])
        return dict(zip(table["symbol"].to_pylist(), table[column].to_pylist(), strict=True))

    def symbols(self) -> pd.DataFrame:
        """``symbol``, ``parent`` (by a scheme, else None) and ``title`` of all codes and above."""
        titles, parents = self.code_titles, self._of_symbols("parent")
        todo = set(pc.unique(pc.list_flatten(self.table(["codes"])["codes"])).to_pylist())
        seen: set[str] = set()
        while todo:
            seen |= todo
            above = {parents.get(s) for s in todo}
            above |= {x for s in todo - set(parents) if is_symbol(s) for x in parse_symbol(s)}
            todo = {s for s in above if s is not None} - seen
        rows = [(s, parents.get(s), titles.get(s, "")) for s in sorted(seen)]
        return pd.DataFrame(rows, columns=["symbol", "parent", "title"], dtype=object)

    @cached_property
    def tree(self) -> CpcTree:
        """Tree of all symbols in the corpus down to `level`; parts share the whole's tree.

        Down to subgroups it has the dot levels among them, if the source came with a scheme.
        """
        if self._rows is not None:
            return self._whole.tree
        with reading(self.path, "the codes make no tree"):
            return self._grown()

    def _grown(self) -> CpcTree:
        flat = pc.unique(pc.list_flatten(self.table(["codes"])["codes"])).to_pylist()
        if not flat:
            fix = "Give data with CPC or IPC codes: classifiers learn from them"
            raise DataError("no patent of the corpus has a code", where=self.path, fix=fix)
        parents = self._of_symbols("parent") if self.level == "subgroup" else {}
        if not parents:
            return CpcTree.from_symbols(flat, titles=self.code_titles, level=self.level)
        edges: dict[str, str | None] = {}
        for symbol in flat:
            node = symbol
            while node is not None and node not in edges:
                edges[node] = parents[node]
                node = parents[node]
        return CpcTree.from_edges(edges.items(), titles=self.code_titles)

    @cached_property
    def labels(self) -> sparse.csr_matrix:
        """Labels closed under ancestors: bool CSR, shape (n, len(tree))."""
        return self.tree.encode(self.codes)

    @cached_property
    def split(self) -> np.ndarray:
        """Split of each patent ("train", "dev", "test", or "" where undecided), shape (n,)."""
        if self._rows is not None:
            return self._whole.split[self._rows]
        path = self.path.with_name("splits.parquet")
        if not path.is_file():
            return np.asarray(pc.fill_null(self.table(["split"])["split"], "").to_pylist(), object)
        kept = read_splits(path)
        if not np.array_equal(kept["patent_id"], self.ids):
            fix = "Load the patents again with: patentcl load"
            raise DataError("the splits are of another corpus", where=path, fix=fix)
        return kept["split"].to_numpy(dtype=object)

    @cached_property
    def duplicate_group(self) -> np.ndarray:
        """Equal for near-copies of a text and within a family: int64, shape (n,).

        Read from ``splits.parquet``; found anew where that is absent or of other patents.
        """
        if self._rows is not None:
            return self._whole.duplicate_group[self._rows]
        path = self.path.with_name("splits.parquet")
        if path.is_file():
            kept = read_splits(path)
            if "duplicate_group" in kept and np.array_equal(kept["patent_id"], self.ids):
                return kept["duplicate_group"].to_numpy()
        text = self.table(["patent_id", "title", "abstract"])
        families = read_families(self.path, text["patent_id"])
        return duplicate_groups(text["title"], text["abstract"], families)

    def targets(self, dense: bool = False) -> sparse.csr_matrix | np.ndarray:
        """Labels as scikit-learn takes them: 0 or 1, shape (n, len(tree)).

        With `dense`, as an int8 array, which ``cross_validate`` needs.

        Examples
        --------
        >>> corpus = Corpus.from_records([{"id": "1", "title": "Mower", "codes": "A01D"}])
        >>> corpus.targets(dense=True)
        array([[1, 1, 1]], dtype=int8)
        """
        return self.labels.toarray().astype(np.int8) if dense else self.labels

    @property
    def extra(self) -> pd.DataFrame:
        """Columns of the source that are not patentcl's own, with ids as the index."""
        names = pq.read_schema(self.path).names
        names = [n for n in names if n not in COLUMNS and not self._has(n)]
        return self.table(["patent_id", *names]).to_pandas().set_index("patent_id")

    def filled(self) -> list[str]:
        """Names of columns: all of the source's own, and ours that hold a value."""

        def values(name: str) -> Iterator[Any]:
            for table in self.batches([name], _AT_ONCE):
                yield from table[name].to_pylist()

        names = pq.read_schema(self.path).names
        nothing: tuple[Any, ...] = (None, "", [])
        return [n for n in names if n not in COLUMNS or any(v not in nothing for v in values(n))]

    def frame(self) -> pd.DataFrame:
        """Ids, dates, titles and codes as a DataFrame: the ``meta`` of an index."""
        dates = self.dates.astype("datetime64[s]")
        columns = {"id": self.ids, "date": dates, "codes": self.codes, "title": self.titles}
        return pd.DataFrame(columns)


def read_splits(path: Path) -> pd.DataFrame:
    """A ``splits.parquet``: patent_id, split and, but for the oldest files, duplicate_group."""
    table = read_table(path).to_pandas().rename(columns={"kin": "duplicate_group"})
    for column, known in (("split", (*SPLITS, "")), ("patent_id", None)):
        if column not in table or not (known is None or table[column].isin(known).all()):
            raise DataError("not a table of splits", where=path, wanted=f"column {column}")
    return table


def _names(path: Path) -> set[str]:
    """Columns of a Parquet file."""
    with reading(path, "not a Parquet file"):
        return set(pq.read_schema(path).names)
