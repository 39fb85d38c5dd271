"""Vectors on disk: as encoded, with their ids; damaged or foreign files are refused."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from tiny import RECORDS

from patentcl.core.errors import DataError
from patentcl.data.corpus import Corpus
from patentcl.encoders.encoder import PatentEncoder
from patentcl.encoders.vectors import read_vectors, write_vectors


def test_vectors_on_disk(tiny: PatentEncoder, tmp_path: Path) -> None:
    corpus = Corpus.from_records(RECORDS)
    write_vectors(tmp_path, tiny, corpus, precision="fp32", store="float32")
    vectors, ids = read_vectors(tmp_path)
    np.testing.assert_array_equal(vectors, tiny.encode(corpus, precision="fp32"))
    assert ids.tolist() == ["1", "2", "3"] and isinstance(vectors, np.memmap)
    np.save(tmp_path / "vectors.npy", np.zeros((2, 32), np.float32))
    with pytest.raises(DataError, match=r"do not match.*\(2, 32\) and 3 ids"):
        read_vectors(tmp_path)
    (tmp_path / "vectors.npy").write_bytes(b"cut off")
    with pytest.raises(DataError, match="cannot be read"):
        read_vectors(tmp_path)


def test_pickled_vectors_are_not_loaded(tiny: PatentEncoder, tmp_path: Path) -> None:
    write_vectors(tmp_path, tiny, Corpus.from_records(RECORDS))
    np.save(tmp_path / "vectors.npy", np.array([{"a": 1}], dtype=object), allow_pickle=True)
    with pytest.raises(DataError, match="cannot be read"):
        read_vectors(tmp_path)
