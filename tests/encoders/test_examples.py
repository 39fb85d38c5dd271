"""What an encoder learns from: right pairs, right proportions, batches of all of them."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from patentcl.core.errors import ConfigError, DataError
from patentcl.core.settings import make_settings
from patentcl.data.corpus import Corpus
from patentcl.encoders.examples import Examples, make_examples, plan_epoch
from patentcl.encoders.settings import TrainingSettings
from patentcl.encoders.tokens import join_texts

LONG = " ".join(f"word{i}" for i in range(30))


def record(number: str, title: str, abstract: str, **more: object) -> dict:
    return {"patent_id": number, "title": title, "abstract": abstract, "codes": [], **more}


def examples(records: list[dict], triplets: object = None, seed: int = 0, **shares: float):
    settings = make_settings(TrainingSettings, {"objectives": shares})
    corpus = Corpus.from_records(records)
    return make_examples(
        corpus, triplets, settings, seed, lambda items: join_texts(items, "|")
    ), corpus


def pairs(found: Examples, corpus: Corpus, name: str) -> set[frozenset[str]]:
    return {frozenset(corpus.ids[found.owners[row]]) for row in found.tables[name]}


def distinct(numbers: str, **more: dict) -> list[dict]:
    """Patents with texts that have nothing in common."""
    return [
        record(i, f"title {i}{i}", " ".join(f"{i}{k}" for k in range(9)), **more.get(i, {}))
        for i in numbers
    ]


def test_views_are_two_parts_of_one_patent() -> None:
    records = [
        record("a", "Mower", "A blade cuts grass."),
        record("b", "", LONG),
        record("c", "Only a title", ""),
        record("d", "", "Too short for two halves."),
    ]
    found, corpus = examples(records, views=1.0)
    texts = [(found.texts[i], found.texts[j]) for i, j in found.tables["views"]]
    words = LONG.split()
    halves = (" ".join(words[:15]), " ".join(words[15:]))
    assert texts == [("Mower", "A blade cuts grass."), halves]
    assert corpus.ids[found.owners].tolist() == ["a", "a", "b", "b"]
    # A title may stand with the first half in place of the whole abstract: by chance.
    kinds = {
        found.texts[found.tables["views"][0, 0]]
        for seed in range(20)
        for found, _ in [examples([record("e", "Mower", LONG)], seed=seed, views=1.0)]
    }
    assert kinds == {"Mower", f"Mower | {halves[0]}"}


def test_citations_and_common_documents() -> None:
    cited = {
        "a": {"citations": ["b", "x", "nowhere"]},
        "c": {"citations": ["x", "b"]},
        "d": {"citations": ["y"]},
        "e": {"citations": ["z", "a"]},
        "f": {"citations": ["y"]},
    }
    found, corpus = examples(distinct("abcdef", **cited), cites=1.0)
    wanted = {frozenset(p) for p in ("ab", "bc", "ae")}
    assert pairs(found, corpus, "cites") == wanted and len(found.tables["cites"]) == 3
    found, corpus = examples(distinct("abcdef", **cited), coupled=1.0)
    assert pairs(found, corpus, "coupled") == {frozenset("ac"), frozenset("df")}
    # Of many that cite one document, each is paired with one other.
    many = {i: {"citations": ["x", "x"]} for i in "abcdef"}
    found, corpus = examples(distinct("abcdef", **many), coupled=1.0)
    assert 3 <= len(found.tables["coupled"]) <= 6
    assert set().union(*pairs(found, corpus, "coupled")) == set("abcdef")
    # Of one that shares a document with each of 20 others, all these are partners, once.
    hub = {"a": {"citations": [*"BCDEFGHIJKLMNOPQRSTU"]}}
    others = {i: {"citations": [i.upper()]} for i in "bcdefghijklmnopqrstu"}
    found, corpus = examples(distinct("abcdefghijklmnopqrstu", **hub, **others), coupled=1.0)
    assert pairs(found, corpus, "coupled") == {frozenset(("a", i)) for i in others}
    assert len(found.tables["coupled"]) == 20


def test_near_copies_are_no_pair() -> None:
    records = distinct("abcd", **{i: {"citations": ["x"]} for i in "abcd"})
    records[1] = {**records[0], "patent_id": "b"}
    found, corpus = examples(records, coupled=1.0)
    assert frozenset("ab") not in pairs(found, corpus, "coupled")


def test_held_out_patents_teach_nothing(tmp_path) -> None:
    cited = {i: {"citations": ["x", "a"]} for i in "bcdef"}
    corpus = Corpus.from_records(distinct("abcdef", **cited))
    splits = ["train", "dev", "test", "train", "train", "train"]
    (tmp_path / "corpus.parquet").write_bytes(corpus.path.read_bytes())
    pd.DataFrame({"patent_id": list("abcdef"), "split": splits}).to_parquet(
        tmp_path / "splits.parquet"
    )
    corpus = Corpus(tmp_path / "corpus.parquet")
    shares = {"cites": 0.4, "coupled": 0.3, "views": 0.3}
    settings = make_settings(TrainingSettings, {"objectives": shares})
    found = make_examples(corpus, None, settings, 0, lambda items: join_texts(items, "|"))
    assert set(corpus.ids[found.owners]) <= set("adef")


def test_proportions_and_labels() -> None:
    codes = {i: {"codes": ["A01B1/00", "H04L1/00"]} for i in "abc"}
    codes |= {i: {"codes": ["H01M4/02"]} for i in "defghij"} | {"k": {"codes": ["G06F1/00"]}}
    found, corpus = examples(distinct("abcdefghijkl", **codes), labels=0.5, views=0.5)
    rows = found.owners[found.tables["labels"][:, 0]]
    assert corpus.ids[rows].tolist() == list("abcdefghij")  # k stands alone, l has no code
    numbers = found.labels[found.tables["labels"][:, 0]]
    assert (numbers == [0] * 3 + [1] * 7).all()
    assert len(found.tables["views"]) == 10  # of 12, as many as there are labels
    plan = plan_epoch(found, 4, 1, 0)
    assert all(len(batch) <= 4 for _, batch in plan)
    batches = [rows for name, rows in plan if name == "labels"]
    assert sorted(len(b) for b in batches) == [4, 4]  # one of three and of seven stays over
    for batch in batches:
        assert (np.unique(numbers[batch], return_counts=True)[1] % 2 == 0).all()


@given(
    st.lists(st.tuples(st.integers(0, 6), st.integers(0, 6)), min_size=1, max_size=40),
    st.integers(1, 6),
    st.integers(0, 3),
)
def test_every_example_is_in_one_batch(table: list[tuple[int, int]], size: int, epoch: int) -> None:
    rows = np.array(table)
    found = Examples([], np.arange(7), {"cites": rows}, np.full(7, -1), np.arange(7))
    batches = plan_epoch(found, size, 0, epoch)
    assert sorted(np.concatenate([b for _, b in batches]).tolist()) == list(range(len(rows)))
    assert sorted({len(b) for _, b in batches})[-1] <= size
    again = plan_epoch(found, size, 0, epoch)
    assert all((a[1] == b[1]).all() for a, b in zip(batches, again, strict=True))


@pytest.mark.parametrize("name", ["cites", "coupled", "views"])
def test_an_objective_without_examples(name: str) -> None:
    records = [record("a", "Mower", ""), record("b", "Pump", "")]
    with pytest.raises(DataError, match=f"no examples of the objective {name}"):
        examples(records, **{name: 1.0})


def test_one_class_alone_and_shares_that_are_none() -> None:
    codes = {i: {"codes": ["A01B1/00"]} for i in "abc"}
    with pytest.raises(DataError, match=r"two subclasses of two patents.*got 1 such"):
        examples(distinct("abc", **codes), labels=1.0)
    with pytest.raises(ConfigError, match=r"sum to 1, not 0\.7"):
        examples(distinct("ab"), views=0.7)
    with pytest.raises(ConfigError, match=r"unknown setting 'objectives\.citations'"):
        examples(distinct("ab"), citations=1.0)
