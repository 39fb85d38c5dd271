"""Patents added to an index and removed from it: as if it had been built so, and atomically."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from patentcl.core.errors import DataError
from patentcl.search import backend
from patentcl.search.bm25 import BM25
from patentcl.search.index import PatentIndex

RNG = np.random.default_rng(0)
N, D = 150, 12
VECTORS = RNG.normal(size=(N, D)).astype(np.float32)
IDS = [f"P{i:03d}" for i in range(N)]
META = pd.DataFrame({"id": IDS, "codes": [["A01B1/00"]] * N, "date": ["2001-01-01"] * N})
TEXTS = [" ".join(RNG.choice([f"Wort{i} ß" for i in range(40)], 9)) for _ in range(N)]
FIRST = 100


def built(of: slice, spec: str = "flat") -> PatentIndex:
    return PatentIndex.build(VECTORS[of], IDS[of], spec, META[of], texts=TEXTS[of])


@pytest.mark.parametrize("spec", ["flat", "hnsw"])
def test_added_and_removed_is_as_built(spec: str) -> None:
    part, rest = built(slice(0, FIRST), spec), slice(FIRST, N)
    more = part.add(VECTORS[rest], IDS[rest], META[rest].assign(status="new"), TEXTS[rest])
    whole, queries = built(slice(None), spec), VECTORS[:20] + VECTORS[20:40]
    pd.testing.assert_frame_equal(
        more.search(queries, 5).drop(columns="status"), whole.search(queries, 5)
    )
    assert more.meta["status"].isna().sum() == FIRST and len(part) == FIRST
    assert set(part.search(queries, 5)["id"]) <= set(IDS[:FIRST])
    asked = ["wort3 wort17 ß", "wort39"]
    assert np.array_equal(more.words.scores(asked), BM25(TEXTS).scores(asked))
    less = more.remove(IDS[FIRST:])
    pd.testing.assert_frame_equal(
        less.search(queries, 5).drop(columns="status"), part.search(queries, 5)
    )
    assert np.array_equal(less.words.scores(asked), BM25(TEXTS[:FIRST]).scores(asked))
    assert len(more) == N


def test_words_of_changed_documents(tmp_path: Path) -> None:
    texts = ["a b agreed", "", "c c c agreed c a", "b"]  # no stem of a stem
    old = BM25(texts, k1=1.5, b=0.4)
    old.save(tmp_path / "words.npz")
    keep = np.array([True, True, True, False])
    new = BM25.load(tmp_path / "words.npz", 4).changed(keep, ["d c", "?"])
    fresh = BM25([*texts[:3], "d c", "?"], k1=1.5, b=0.4)
    asked = ["a b c d agreed", "c"]
    assert np.array_equal(new.scores(asked), fresh.scores(asked)) and fresh.scores(asked).any()
    old._length = np.empty(0)
    with pytest.raises(DataError, match=r"older index.*Build the index again"):
        old.changed(keep)


def test_what_cannot_be_added_or_removed() -> None:
    index, one = built(slice(0, FIRST)), VECTORS[FIRST : FIRST + 1]
    for call, match in (
        (lambda: index.add(one, ["P003"], texts=["x"]), r"in the index already: got P003 \(1"),
        (lambda: index.add(one, ["a", "b"], texts=["x"]), "got 2 ids; wanted 1"),
        (lambda: index.add(np.r_[one, one], ["a", "a"], texts=["x"] * 2), "duplicate ids"),
        (lambda: index.add(one[:, :3], ["a"], texts=["x"]), "must have 12 columns"),
        (lambda: index.add(one * 0, ["a"], texts=["x"]), "zero vectors"),
        (lambda: index.add(one, ["a"]), "needs the texts"),
        (lambda: index.remove(["nobody"]), "not in the index"),
        (lambda: index.remove(IDS[:FIRST]), "no patent would be left"),
    ):
        with pytest.raises(DataError, match=match):
            call()


def test_killed_while_adding_the_old_one_loads(tmp_path: Path) -> None:
    folder = tmp_path / "index"
    part = built(slice(0, FIRST))
    part.save(folder, replace=True)
    reader = PatentIndex.load(folder)
    more = part.add(VECTORS[FIRST:], IDS[FIRST:], META[FIRST:], TEXTS[FIRST:])
    child = os.fork()
    if not child:
        original = backend.digest_of
        backend.digest_of = lambda path: os._exit(9) if path.suffix == ".npz" else original(path)
        more.save(folder, replace=True)
        os._exit(0)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 9
    assert len(PatentIndex.load(folder)) == FIRST
    more.save(folder, replace=True)
    assert len(PatentIndex.load(folder)) == N
    assert len(reader.search(VECTORS[:1], 500)) == FIRST
    assert sorted(p.name for p in tmp_path.iterdir()) == ["index"]
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "notes.txt").write_text("x")
    with pytest.raises(DataError, match="taken by something else"):
        more.save(tmp_path / "mine", replace=True)
