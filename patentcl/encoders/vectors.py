"""Vectors of a corpus on disk: ``vectors.npy`` and ``ids.parquet`` in one folder."""

from __future__ import annotations

import os
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from patentcl.core import artifacts
from patentcl.core.arrays import check_matrix
from patentcl.core.errors import DataError
from patentcl.core.progress import Progress
from patentcl.core.reading import read_table, reading, unique_ids
from patentcl.data.corpus import Corpus

if TYPE_CHECKING:
    from patentcl.encoders.encoder import PatentEncoder


def write_vectors(
    folder: Path,
    encoder: PatentEncoder,
    corpus: Corpus,
    batch_size: int | None = None,
    precision: str = "auto",
    store: str = "float16",
    progress: Progress | None = None,
) -> None:
    """Encode a corpus into ``vectors.npy`` (n, d) and ``ids.parquet`` in an existing folder.

    `store` is the dtype on disk, float16 or float32; the others are those of `encode`.
    """
    path = folder / "vectors.npy"
    vectors = np.lib.format.open_memmap(
        path, "w+", dtype=np.dtype(store), shape=(len(corpus), encoder.dim)
    )
    if hasattr(os, "posix_fallocate"):
        # A map over a file with holes ends the process, without a word, when the disk fills up.
        with path.open("rb+") as stream:
            os.posix_fallocate(stream.fileno(), 0, path.stat().st_size)
    encoder.encode(corpus, batch_size, precision, progress, out=vectors)
    vectors.flush()
    ids = pa.table({"patent_id": pa.array(corpus.ids, pa.string())})
    pq.write_table(ids, folder / "ids.parquet")


def read_vectors(folder: str | Path) -> tuple[np.ndarray, np.ndarray]:
    """Open the vectors that ``patentcl embed`` wrote, and their ids.

    Returns
    -------
    vectors : ndarray of float16 or float32, shape (n, d)
        A memory map.
    ids : ndarray of str objects, shape (n,)

    Raises
    ------
    DataError
        If a file is missing or damaged, or the counts differ.
    """
    return artifacts.opened(folder, partial(_read, Path(folder)))


def _read(folder: Path) -> tuple[np.ndarray, np.ndarray]:
    fix = "Write them again with: patentcl embed"
    with reading(folder, "the vectors cannot be read", fix):
        vectors = np.load(folder / "vectors.npy", mmap_mode="r", allow_pickle=False)
        if vectors.dtype not in (np.float16, np.float32) or vectors.ndim != 2:
            raise ValueError(f"{vectors.dtype} {vectors.shape}")
    ids = unique_ids(read_table(folder / "ids.parquet", ["patent_id"], fix), folder)
    if len(ids) != len(vectors):
        raise DataError(
            "vectors and ids do not match", where=folder, got=f"{vectors.shape} and {len(ids)} ids"
        )
    return check_matrix(vectors, f"the vectors in {folder}", empty=True), ids
