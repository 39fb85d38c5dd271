"""Results from candidates: every mode against brute force, families by hand."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from patentcl.core.arrays import unit_rows
from patentcl.core.errors import ConfigError, DataError
from patentcl.search.bm25 import BM25
from patentcl.search.index import PatentIndex
from patentcl.search.ranking import Question, families, rank

N, D = 90, 6
RNG = np.random.default_rng(0)
VECTORS = unit_rows(RNG.normal(size=(N, D)))
WORDS = [f"w{i}" for i in range(30)]
TEXTS = [" ".join(RNG.choice(WORDS, 12)) for _ in range(N)]
IDS = [f"P{i:03d}" for i in range(N)]
INDEX = PatentIndex.build(VECTORS, IDS, texts=TEXTS)
ASKED = unit_rows(RNG.normal(size=(3, D)))
SAID = ["w1 w2 w2 w7", "w29", "w3 w4 unknown"]
KEEP = np.arange(N) % 3 > 0


def order(scores: np.ndarray, k: int, allowed: np.ndarray) -> list[int]:
    rows = [i for i in np.argsort(-scores, kind="stable") if allowed[i]]
    return [int(i) for i in rows[:k]]


@pytest.mark.parametrize("keep", [None, KEEP])
@pytest.mark.parametrize("mode", ["dense", "bm25", "hybrid"])
def test_every_mode_is_brute_force(mode: str, keep: np.ndarray | None) -> None:
    asked = [Question(i, ASKED[i : i + 1], [SAID[i]]) for i in range(3)]
    found = rank(INDEX, asked, 8, mode, keep=keep)
    words = BM25(TEXTS).scores(SAID)
    allowed = np.ones(N, dtype=bool) if keep is None else keep
    for i in range(3):
        cosine = VECTORS.astype(np.float64) @ ASKED[i]
        word = np.where(allowed, words[i], 0)
        score = {"dense": cosine, "bm25": word, "hybrid": 0.8 * cosine + 0.2 * word / word.max()}[
            mode
        ]
        mine = found[found["query"] == i]
        right = order(score, 8, allowed & (score > 0 if mode == "bm25" else True))
        assert mine["position"].tolist() == right
        np.testing.assert_allclose(mine["score"], score[right], atol=1e-5)
        np.testing.assert_allclose(mine["similarity"], cosine[right], atol=1e-5)


def test_ranks_of_each_side() -> None:
    asked = [Question(i, ASKED[i : i + 1], [SAID[i]], np.array([i])) for i in range(3)]
    found, words = rank(INDEX, asked, 8, "hybrid"), BM25(TEXTS).scores(SAID)
    for i in range(3):
        others = np.arange(N) != i
        near = order(VECTORS.astype(np.float64) @ ASKED[i], N, others)
        worded = order(words[i], N, others & (words[i] > 0))
        mine = found[found["query"] == i]
        assert mine["dense_rank"].tolist() == [near.index(p) + 1 for p in mine["position"]]
        ranks = [worded.index(p) + 1 if p in worded else 0 for p in mine["position"]]
        assert mine["bm25_rank"].tolist() == ranks


def test_the_best_of_several_and_those_that_ask() -> None:
    own = np.array([4, 9])
    [asked] = [Question("both", VECTORS[own], TEXTS[4:10:5], own)]
    found = rank(INDEX, [asked], 10)
    score = (VECTORS.astype(np.float64) @ VECTORS[own].T).max(axis=1)
    assert found["position"].tolist() == order(score, 10, ~np.isin(np.arange(N), own))
    assert rank(INDEX, [asked], 500)["position"].nunique() == N - 2


def test_words_without_a_hit_and_no_questions() -> None:
    assert rank(INDEX, [Question(0, ASKED[:1], ["unknown"])], 3, "bm25").empty
    assert len(rank(INDEX, [Question(0, ASKED[:1], ["unknown"])], 3, "hybrid")) == 3
    assert rank(INDEX, [], 3).empty


META = pd.DataFrame(
    {
        "id": ["EP1A1", "US2B1", "US3A1", "WO4A1", "US5B2"],
        "date": ["2001-01-01", "2003-01-01", "2000-01-01", None, "2004-01-01"],
        "family": ["f", "f", "f", "g", None],
        "duplicate_group": [0, 1, 2, 3, 3],
    }
)
# By the first axis: US2B1, EP1A1, US3A1, US5B2, WO4A1
MEMBERS = PatentIndex.build([[3, 1], [4, 1], [2, 1], [0.5, 1], [1, 1]], META["id"], meta=META)
EAST = [Question(0, np.array([[1.0, 0.0]], dtype=np.float32))]


@pytest.mark.parametrize(
    ("rule", "ids"),
    [
        ("first", ["US2B1", "US5B2"]),
        ("earliest", ["US3A1", "US5B2"]),
        ("granted", ["US2B1", "US5B2"]),
        ("WO,EP,US", ["EP1A1", "WO4A1"]),
        ("JP", ["US2B1", "US5B2"]),
    ],
)
def test_one_hit_a_family(rule: str, ids: list[str]) -> None:
    found = rank(MEMBERS, EAST, 5, family=rule)
    assert MEMBERS.ids[found["position"]].tolist() == ids
    assert found["others"].tolist() == [2, 1]
    assert (found["similarity"].diff().dropna() < 0).all()


def test_members_that_do_not_pass_are_neither_shown_nor_counted() -> None:
    keep = np.array([True, False, True, True, False])
    found = rank(MEMBERS, EAST, 5, family="first", keep=keep)
    assert MEMBERS.ids[found["position"]].tolist() == ["EP1A1", "WO4A1"]
    assert found["others"].tolist() == [1, 0]


def test_families_join_near_copies_and_leave_out_the_asking_one() -> None:
    keys = families(META)
    assert len(set(keys[:3])) == 1 and keys[3] == keys[4] != keys[0]
    asked = Question("US2B1", MEMBERS.nearest.vectors(np.array([1])), own=np.array([1]))
    found = rank(MEMBERS, [asked], 5, family="first")
    assert MEMBERS.ids[found["position"]].tolist() == ["US5B2"]


def test_enough_families_where_one_is_large() -> None:
    meta = pd.DataFrame({"id": [str(i) for i in range(300)], "family": [0] * 290 + [*range(1, 11)]})
    angles = np.linspace(0, 1, 300)
    index = PatentIndex.build(np.c_[np.cos(angles), np.sin(angles)], meta["id"], meta=meta)
    found = rank(index, EAST, 5, family="first")
    assert found["position"].tolist() == [0, 290, 291, 292, 293]


def test_what_is_refused(tmp_path: Path) -> None:
    bare = PatentIndex.build(VECTORS, IDS)
    for call, match in (
        (lambda: rank(bare, [], 3, "hybrid"), "without words"),
        (lambda: rank(bare, [], 3, "fuzzy"), "unknown mode"),
        (lambda: rank(bare, EAST, 3, family="first"), "knows no families"),
        (lambda: rank(MEMBERS, EAST, 3, family="youngest"), "unknown rule"),
    ):
        with pytest.raises(ConfigError, match=match):
            call()
    with pytest.raises(DataError, match="texts and vectors differ"):
        PatentIndex.build(VECTORS, IDS, texts=TEXTS[1:])


def test_words_are_kept_with_the_index(tmp_path: Path) -> None:
    INDEX.save(tmp_path / "index")
    again = PatentIndex.load(tmp_path / "index")
    assert np.array_equal(again.words.scores(SAID), BM25(TEXTS).scores(SAID))
    assert again.words.weight == INDEX.words.weight
    assert INDEX.words.terms(TEXTS[5], 5, 3) == again.words.terms(TEXTS[5], 5, 3) != []
    path = tmp_path / "index" / "words.npz"
    path.write_bytes(path.read_bytes()[:-50])
    with pytest.raises(DataError):
        PatentIndex.load(tmp_path / "index")
    with pytest.raises(DataError, match="arrays cannot be read"):
        BM25.load(path, N)
