"""Vectors of a corpus on disk: ``vectors.npy`` and ``ids.parquet`` in one folder.

A text is known by a digest, so that what is encoded already, by an encoding that was cut off or
before a corpus has grown, is not encoded again.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from patentcl.core import artifacts
from patentcl.core.arrays import blocks, check_matrix
from patentcl.core.devices import find_precision
from patentcl.core.errors import DataError
from patentcl.core.files import explained, make_folder
from patentcl.core.progress import Progress
from patentcl.core.reading import read_table, reading, unique_ids
from patentcl.data.corpus import Corpus

if TYPE_CHECKING:
    from patentcl.encoders.encoder import PatentEncoder


_STEP = {"cpu": 512, "cuda": 16384}
"""Texts encoded between two writings: what a kill can cost."""
_TEXT = "text"


class KeptVectors:
    """Vectors by the digests of their texts, in two files of a folder that only grow.

    Vectors of other encoders and precisions lie in files of their own. What a killed writer left
    half written is cut off.
    """

    def __init__(self, folder: Path, encoder: PatentEncoder, precision: str = "auto") -> None:
        self.encoder, self.width = encoder, encoder.dim
        self.precision = find_precision(precision, encoder.model.device)
        make_folder(folder)
        name = f"{encoder.fingerprint}-{self.precision}"
        self._keys, self._values = folder / f"{name}.keys", folder / f"{name}.vectors"
        sizes = {self._keys: 8, self._values: 4 * self.width}
        for file in sizes:
            file.touch()
        rows = min(file.stat().st_size // size for file, size in sizes.items())
        for file, size in sizes.items():
            os.truncate(file, rows * size)
        self._known = pd.Index(np.fromfile(self._keys, np.uint64))

    def add(self, keys: np.ndarray, vectors: np.ndarray) -> None:
        """Append vectors, float (n, d), by keys, uint64 (n,), that are not known yet."""
        new = ~pd.Index(keys).duplicated() & (self._known.get_indexer(pd.Index(keys)) < 0)
        keys, vectors = keys[new], vectors[new]
        with explained(self._values, "what was encoded is kept"):
            for file, rows in ((self._values, np.float32(vectors)), (self._keys, keys)):
                with file.open("ab") as stream:
                    rows.tofile(stream)
                    stream.flush()
                    os.fsync(stream.fileno())
        self._known = self._known.append(pd.Index(keys))

    def keep(self, folder: Path, store: str = "", before: str | None = None) -> bool:
        """Add the vectors of a folder, if they were made alike; what is damaged is left out.

        `store` is the dtype that they must have on disk; any by default. With the fingerprint of
        the encoder `before` its tuned map, vectors of that are taken, too, and the map applied.
        """
        from patentcl.encoders.frozen import mapped

        with contextlib.suppress(DataError, pa.ArrowInvalid):
            record = artifacts.read_manifest(folder) or {}
            own = record.get("encoder") == self.encoder.fingerprint
            same = record.get("precision") == self.precision and record.get("encoder") is not None
            same = same and (own or record["encoder"] == before)
            if same and _TEXT in pq.read_schema(folder / "ids.parquet").names:
                vectors, _ = read_vectors(folder)
                keys = pq.read_table(folder / "ids.parquet", columns=[_TEXT])[_TEXT].to_numpy()
                if vectors.dtype == (store or vectors.dtype):
                    model = self.encoder.model
                    self.add(keys, vectors if own else mapped(model, vectors))
                    return True
        return False

    def encode(
        self,
        texts: Sequence[str],
        batch_size: int | None = None,
        progress: Progress | None = None,
        out: np.ndarray | None = None,
    ) -> np.ndarray:
        """Encode the texts that are not known and return the vectors of all.

        Texts of like length go together; the longest first, which need the most memory, then others
        by chance, so that the time left can be told. `batch_size`, `progress` and `out` are those
        of `PatentEncoder.encode`.
        """
        keys = digests(texts)
        new = np.flatnonzero(
            ~pd.Index(keys).duplicated() & (self._known.get_indexer(pd.Index(keys)) < 0)
        )
        new = new[np.argsort([-len(texts[i]) for i in new.tolist()], kind="stable")]
        done = len(texts) - len(new)
        device = self.encoder.model.device.type
        spans = [*blocks(len(new), _STEP.get(device, _STEP["cuda"]))]
        order = 1 + np.random.default_rng(0).permutation(max(len(spans) - 1, 0))
        for number in [0, *order.tolist()][: len(spans)]:
            some = new[spans[number]]
            more = None
            if progress is not None:
                more = partial(_further, progress, done, len(texts))
            part = [texts[i] for i in some.tolist()]
            self.add(keys[some], self.encoder.encode(part, batch_size, self.precision, more))
            done += len(some)
        shape = (len(texts), self.width)
        result = np.empty(shape, np.float32) if out is None else out
        if len(texts):
            rows = self._known.get_indexer(pd.Index(keys))
            there = np.memmap(self._values, np.float32, "r").reshape(-1, self.width)
            for span in blocks(len(rows)):
                result[span] = there[rows[span]]
        return result


def _further(progress: Progress, before: int, total: int, done: int, _: int) -> None:
    progress(before + done, total)


def digests(texts: Sequence[str]) -> np.ndarray:
    """A number for each text, uint64 (n,): equal texts have equal ones."""
    each = (hashlib.blake2b(t.encode("utf-8", "replace"), digest_size=8).digest() for t in texts)
    return np.frombuffer(b"".join(each), np.uint64)


def write_vectors(
    folder: Path,
    encoder: PatentEncoder,
    corpus: Corpus,
    batch_size: int | None = None,
    precision: str = "auto",
    store: str = "float16",
    progress: Progress | None = None,
    target: Path | None = None,
    before: str | None = None,
) -> list[str]:
    """Encode a corpus into ``vectors.npy`` (n, d) and ``ids.parquet`` in an existing folder.

    `store` is the dtype on disk, float16 or float32; `batch_size`, `precision` and `progress` are
    those of `encode`. The folder will replace `target`: vectors of this encoder that are there or
    beside, in a folder or of a writing that was cut off, are taken over. Where `encoder` is another
    with a tuned map behind it, `before` is that one's fingerprint: its vectors go through the map.
    Returns the names of folders whose vectors were used.
    """
    texts = encoder.texts(corpus)
    path = folder / "vectors.npy"
    vectors = np.lib.format.open_memmap(
        path, "w+", dtype=np.dtype(store), shape=(len(corpus), encoder.dim)
    )
    if hasattr(os, "posix_fallocate"):
        # A map over a file with holes ends the process, without a word, when the disk fills up.
        with path.open("rb+") as stream:
            os.posix_fallocate(stream.fileno(), 0, path.stat().st_size)
    used: list[str] = []
    if target is None:
        encoder.encode(texts, batch_size, precision, progress, out=vectors)
    else:
        unfinished = target.with_name(f".{target.name}.unfinished")
        kept = KeptVectors(unfinished, encoder, precision)
        beside = [target.with_name(n) for n in ("vectors-base", "vectors")]
        used = [p.name for p in dict.fromkeys([target, *beside]) if kept.keep(p, store, before)]
        kept.encode(texts, batch_size, progress, out=vectors)
        shutil.rmtree(unfinished)
    vectors.flush()
    ids = pa.table({"patent_id": pa.array(corpus.ids, pa.string()), _TEXT: digests(texts)})
    pq.write_table(ids, folder / "ids.parquet")
    return used


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
