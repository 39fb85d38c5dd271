"""Vectors on disk: as encoded, with their ids; damaged or foreign files are refused."""

from __future__ import annotations

import copy
from pathlib import Path

import numpy as np
import pytest
import torch
from tiny import RECORDS

from patentcl.core import artifacts
from patentcl.core.errors import DataError
from patentcl.data.corpus import Corpus
from patentcl.encoders import vectors as module
from patentcl.encoders.encoder import PatentEncoder
from patentcl.encoders.frozen import add_map
from patentcl.encoders.vectors import KeptVectors, read_vectors, write_vectors


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


def count(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The texts that are encoded from here on."""
    seen: list[str] = []
    plain = PatentEncoder.encode

    def encode(self: PatentEncoder, items: list[str], *given: object, **named: object):
        seen.extend(items)
        return plain(self, items, *given, **named)

    monkeypatch.setattr(PatentEncoder, "encode", encode)
    return seen


def test_a_killed_encoding_goes_on_where_it_was(
    tiny: PatentEncoder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    texts = ["a mower", "the motor of a mower turns", "wheel and motor", "a mower", "grass"]
    whole = KeptVectors(tmp_path / "whole", tiny, "fp32").encode(texts)
    np.testing.assert_allclose(whole, tiny.encode(texts, precision="fp32"), atol=1e-6)
    monkeypatch.setitem(module._STEP, "cpu", 1)

    def kill(done: int, total: int) -> None:
        if done == 4:  # one of them the second "a mower", which is not encoded
            raise KeyboardInterrupt

    kept = KeptVectors(tmp_path / "kept", tiny, "fp32")
    with pytest.raises(KeyboardInterrupt):
        kept.encode(texts, progress=kill)
    for file in (tmp_path / "kept").iterdir():  # half of a row was being written
        with file.open("ab") as stream:
            stream.write(b"abc")
    seen, told = count(monkeypatch), []
    again = KeptVectors(tmp_path / "kept", tiny, "fp32")
    found = again.encode(texts, progress=lambda done, total: told.append((done, total)))
    np.testing.assert_allclose(found, whole, atol=1e-6)
    assert seen == ["wheel and motor", "a mower"] and told == [(4, 5), (5, 5)]
    other = PatentEncoder(tiny.model, max_length=4)
    assert np.abs(KeptVectors(tmp_path / "kept", other, "fp32").encode(texts) - whole).max() > 1e-3
    tiny.model.max_seq_length = tiny.max_length


@pytest.mark.parametrize("change", ["", "precision", "store", "damaged"])
def test_only_new_patents_are_encoded_when_a_corpus_grows(
    tiny: PatentEncoder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, change: str
) -> None:
    out, texts = tmp_path / "vectors", tiny.texts(Corpus.from_records(RECORDS))

    def write(records: list[dict], precision: str = "fp32", store: str = "float16") -> np.ndarray:
        record = {"stage": "embed", "encoder": tiny.fingerprint, "precision": precision}
        with artifacts.writing(out, record) as place:
            corpus = Corpus.from_records(records)
            write_vectors(place, tiny, corpus, None, precision, store, target=out)
        return np.array(read_vectors(out)[0])

    first = write(RECORDS[:2])
    if change == "damaged":
        (out / "vectors.npy").write_bytes(b"cut off")
    seen = count(monkeypatch)
    given = {"precision": {"precision": "bf16"}, "store": {"store": "float32"}}.get(change, {})
    second = write(RECORDS[::-1], **given)
    assert sorted(seen) == sorted(texts[2:] if not change else texts)
    if not change:
        np.testing.assert_array_equal(second[:0:-1], first)
    assert not out.with_name(".vectors.unfinished").exists()


def test_a_tuned_map_takes_the_vectors_of_before_it(
    tiny: PatentEncoder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each text is encoded once for the untuned and the tuned encoder; new ones are encoded."""
    model = copy.deepcopy(tiny.model)
    add_map(model)
    with torch.no_grad():
        for i, p in enumerate(model[-2].parameters()):
            p.add_(torch.randn(p.shape, generator=torch.Generator().manual_seed(i)) / 4)
    tuned = PatentEncoder(model, max_length=tiny.max_length)
    record = {"stage": "embed", "encoder": tiny.fingerprint, "precision": "fp32"}
    with artifacts.writing(tmp_path / "vectors-base", record) as place:
        write_vectors(place, tiny, Corpus.from_records(RECORDS[:2]), precision="fp32")
    whole, corpus = tuned.encode(Corpus.from_records(RECORDS), precision="fp32"), RECORDS[::-1]
    for before, texts in ((tiny.fingerprint, 1), (None, 3), ("another", 3)):
        place = tmp_path / f"{before}"
        place.mkdir()
        with monkeypatch.context() as patch:
            seen = count(patch)
            used = write_vectors(
                place,
                tuned,
                Corpus.from_records(corpus),
                precision="fp32",
                target=tmp_path / "vectors",
                before=before,
            )
        assert len(seen) == texts and used == ["vectors-base"] * (texts == 1)
        np.testing.assert_allclose(read_vectors(place)[0][::-1], whole, atol=1e-3)
    assert np.abs(whole - tiny.encode(Corpus.from_records(RECORDS), precision="fp32")).max() > 0.01


def test_pickled_vectors_are_not_loaded(tiny: PatentEncoder, tmp_path: Path) -> None:
    write_vectors(tmp_path, tiny, Corpus.from_records(RECORDS))
    np.save(tmp_path / "vectors.npy", np.array([{"a": 1}], dtype=object), allow_pickle=True)
    with pytest.raises(DataError, match="cannot be read"):
        read_vectors(tmp_path)
