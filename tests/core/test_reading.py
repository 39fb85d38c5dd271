"""Damaged files give one error; sizes that are only stated take no memory."""

from __future__ import annotations

import io
import json
import tracemalloc
import zipfile
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from patentcl.core.errors import ConfigError, DataError
from patentcl.core.reading import explain, read_npz, read_record, read_table, reading


class Panic(BaseException):
    """As Rust libraries raise it."""


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (KeyError("a"), "got KeyError: 'a'"),
        (EOFError(), "got EOFError"),
        (MemoryError(), "got MemoryError"),
        (Panic("index out of\nbounds"), "got index out of"),
        (OSError(5, "Input/output error"), "got Input/output error"),
    ],
)
def test_whatever_is_raised_is_one_error(error: BaseException, text: str) -> None:
    with pytest.raises(DataError) as caught, reading("x.bin"):
        raise error
    assert str(caught.value).startswith(f"the file cannot be read (in x.bin): {text}. ")


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (OSError(13, "Permission denied", "x.csv"), "cannot be used (in x.csv): got Permission"),
        (MemoryError(), "the memory is full: got MemoryError. Use less data"),
        ("\ud800".encode, "is not UTF-8: got 'utf-8' codec can't encode"),
        (RecursionError("maximum"), "nested too deeply"),
        (EOFError(), "damaged or of another kind: got EOFError"),
        (lambda: json.loads("{"), "damaged or of another kind: got Expecting property name"),
        (lambda: pq.read_table(io.BytesIO(b"x")), "damaged or of another kind: got Could not open"),
        (lambda: duckdb.sql("SELECT * FROM 'no.parquet'"), "damaged or of another kind"),
        (KeyError("a"), "patentcl failed on this input: got KeyError: 'a'. Report it"),
    ],
)
def test_what_nothing_explained(error: Any, text: str) -> None:
    if not isinstance(error, BaseException):
        with pytest.raises(Exception) as caught:
            error()
        error = caught.value
    said = str(explain(error))
    assert text in said and "\n" not in said


@pytest.mark.parametrize("error", [KeyboardInterrupt(), SystemExit(3), ConfigError("own")])
def test_what_is_no_damage_passes(error: BaseException) -> None:
    with pytest.raises(type(error)) as caught, reading("x.bin"):
        raise error
    assert caught.value is error


@pytest.mark.parametrize("text", ["", "[]", "7", "{", "[" * 100_000, "\udcff"])
def test_records(tmp_path: Path, text: str) -> None:
    path = tmp_path / "r.json"
    path.write_text('{"a": 1}')
    assert read_record(path) == {"a": 1}
    path.write_bytes(text.encode("utf-8", "surrogateescape"))
    with pytest.raises(DataError, match=r"cannot be read \(in .*r.json\)"):
        read_record(path)


def test_arrays(tmp_path: Path) -> None:
    path = tmp_path / "a.npz"
    arrays = {"x": np.arange(6.0).reshape(2, 3), "none": np.zeros((0, 4)), "one": np.float32(2)}
    np.savez(path, **arrays)  # type: ignore[arg-type]
    found = read_npz(path)
    assert set(found) == set(arrays)
    assert all(np.array_equal(found[k], v) for k, v in arrays.items())


def packed(path: Path, shape: tuple[int, ...], data: bytes, method: int) -> Path:
    header = io.BytesIO()
    about = {"descr": "<f8", "fortran_order": False, "shape": shape}
    np.lib.format.write_array_header_1_0(header, about)  # type: ignore[arg-type]
    with zipfile.ZipFile(path, "w", method) as archive:
        archive.writestr("x.npy", header.getvalue() + data)
    return path


@pytest.mark.parametrize(
    ("shape", "size", "method"),
    [
        ((10**9, 10), 80, zipfile.ZIP_STORED),  # a header that promises 80 GB
        ((10**12, 10**12), 80, zipfile.ZIP_STORED),
        ((-1, 10), 80, zipfile.ZIP_STORED),
        ((8 << 20,), 64 << 20, zipfile.ZIP_DEFLATED),  # 64 MB of zeros in 64 KB
    ],
)
def test_arrays_that_are_larger_than_their_file(
    tmp_path: Path, shape: tuple[int, ...], size: int, method: int
) -> None:
    path = packed(tmp_path / "a.npz", shape, bytes(size), method)
    tracemalloc.start()
    with pytest.raises(DataError, match=r"arrays cannot be read"):
        read_npz(path)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 4 << 20


def test_tables(tmp_path: Path) -> None:
    folder = tmp_path / "id=9"  # a name, no partition
    folder.mkdir()
    pq.write_table(pa.table({"id": ["1", "2"], "x": [3, 4]}), folder / "t.parquet")
    assert read_table(folder / "t.parquet").to_pydict() == {"id": ["1", "2"], "x": [3, 4]}
    assert read_table(folder / "t.parquet", ["x"]).to_pydict() == {"x": [3, 4]}
    with pytest.raises(DataError, match="cannot be read"):
        read_table(folder / "t.parquet", ["y"])
    pq.write_table(pa.table({"x": pa.nulls(1 << 22)}), folder / "many.parquet")
    with pytest.raises(DataError, match=r"4,194,304 rows stated in .* bytes"):
        read_table(folder / "many.parquet")
