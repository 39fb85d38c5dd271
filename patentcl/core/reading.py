"""Reading files that may be damaged: one clear error, and no memory for sizes that are only stated.

Libraries meet a damaged file with errors of many kinds, some of them after they have asked for as
much memory as the file says that it holds.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from patentcl.core.errors import DataError, PatentclError

if TYPE_CHECKING:
    import pyarrow as pa

AGAIN = "Write it again, or copy it again from where it is whole"
_ROWS = 64  # rows that a byte of Parquet may hold; our tables have ids, which cannot be so few

_PARSERS = {
    "json",
    "yaml",
    "pyarrow",
    "duckdb",
    "_duckdb",
    "zipfile",
    "zlib",
    "safetensors",
    "pyo3_runtime",
}


@contextlib.contextmanager
def reading(
    where: object, what: str = "the file cannot be read", fix: str = AGAIN
) -> Iterator[None]:
    """Turn whatever is raised over a damaged file inside the block into one DataError."""
    try:
        yield
    except (PatentclError, KeyboardInterrupt, SystemExit, GeneratorExit):
        raise
    except BaseException as error:  # what Rust libraries panic with is no Exception
        if interrupted(error):
            raise KeyboardInterrupt from error
        raise DataError(what, where=where, got=said(error), fix=fix) from error


def said(error: BaseException) -> str:
    """What an error says, in one line; the plain ones of Python with their names."""
    text = (getattr(error, "strerror", None) or str(error)).strip().splitlines()
    first = text[0][:160] if text else ""
    if first and not isinstance(error, LookupError | TypeError | AttributeError):
        return first
    return f"{type(error).__name__}: {first}".removesuffix(": ")


def interrupted(error: BaseException) -> bool:
    """Whether Ctrl-C is behind an error: DuckDB has words of its own for it."""
    return isinstance(error, KeyboardInterrupt) or "Query interrupted" in (
        str(error),
        str(error.__cause__),
    )


def explain(error: BaseException) -> DataError:
    """The one line for what a library raised and nothing on the way explained."""
    kinds = (*type(error).__mro__, *type(error.__cause__).__mro__)
    libraries = {kind.__module__.partition(".")[0] for kind in kinds}
    what, fix = "patentcl failed on this input", "Report it with what --debug shows"
    if isinstance(error, OSError):
        what, fix = "a file or folder cannot be used", "Check that it is there and may be used"
    elif isinstance(error, MemoryError):
        what, fix = "the memory is full", "Use less data (--limit), or smaller batches"
    elif isinstance(error, UnicodeError):
        what, fix = "a text or a file's name is not UTF-8", "Convert it to UTF-8"
    elif isinstance(error, RecursionError):
        what, fix = "the input is nested too deeply", AGAIN
    elif isinstance(error, EOFError) or libraries & _PARSERS or "faiss" in str(error):
        what, fix = "a file is damaged or of another kind", AGAIN
    return DataError(what, where=getattr(error, "filename", None), got=said(error), fix=fix)


def read_record(
    path: Path, what: str = "the file cannot be read", fix: str = AGAIN
) -> dict[str, Any]:
    """Read a JSON file that holds one object; DataError if it does not."""
    with reading(path, what, fix):
        record = json.loads(path.read_text(encoding="utf-8"))
        if not isinstance(record, dict):
            raise TypeError(f"{type(record).__name__} instead of an object")
        return record


def read_table(path: Path, columns: Sequence[str] | None = None, fix: str = AGAIN) -> pa.Table:
    """Read a Parquet file, or some columns of it; DataError if it is damaged or states too much."""
    import pyarrow.parquet as pq

    with reading(path, "the table cannot be read", fix):
        rows, size = pq.read_metadata(path).num_rows, path.stat().st_size
        if not 0 <= rows <= _ROWS * size:
            raise ValueError(f"{rows:,} rows stated in {size:,} bytes")
        names = None if columns is None else list(columns)
        table = pq.read_table(path, columns=names, partitioning=None, memory_map=True)
        table.validate(full=True)  # lengths of lists, and texts that are UTF-8
        return table


def unique_ids(table: pa.Table, where: object) -> np.ndarray:
    """Ids (n,), objects of str, from the column patent_id, where each must stand once."""
    ids = np.asarray(table["patent_id"].to_pylist(), dtype=object)
    if len(set(ids)) != len(ids) or not all(isinstance(i, str) for i in ids):
        raise DataError("ids are missing or stand twice", where=where, fix=AGAIN)
    return ids


def read_npz(path: Path, fix: str = AGAIN) -> dict[str, np.ndarray]:
    """Read arrays that ``numpy.savez`` wrote; DataError if one is larger than the file."""
    with (
        reading(path, "the arrays cannot be read", fix),
        np.load(path, allow_pickle=False) as stored,
    ):
        for member in stored.zip.infolist():
            with stored.zip.open(member) as stream:
                header = np.lib.format.read_array_header_1_0
                if np.lib.format.read_magic(stream) == (2, 0):
                    header = np.lib.format.read_array_header_2_0
                shape, _, dtype = header(stream)
                stated = stream.tell() + int(np.prod(shape, dtype=object)) * dtype.itemsize
            if not member.file_size == stated <= path.stat().st_size:
                raise ValueError(f"{member.filename} states {stated:,} bytes")
        return {name: stored[name] for name in stored.files}
