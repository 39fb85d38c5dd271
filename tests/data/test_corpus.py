"""Corpora: columns by value, parts of parts, near-copies, divisions into train, dev and test."""

from __future__ import annotations

import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from copies import copies
from hypothesis import given, settings
from hypothesis import strategies as st

from patentcl.core.errors import ConfigError, DataError
from patentcl.cpc import own_titles, parse_symbol
from patentcl.data.corpus import SPLITS, Corpus
from patentcl.data.duplicates import SIMILARITY, near_copies
from patentcl.data.splits import make_splits, write_splits

if TYPE_CHECKING:
    from conftest import Loaded

RECORDS: list[dict[str, Any]] = [
    {
        "patent_id": "3",
        "title": "Pump",
        "abstract": "Lifts water.",
        "date": datetime.date(2001, 2, 3),
        "type": "utility",
        "codes": ["F04B1/02", "A01G"],
        "citations": ["1", "9"],
    },
    {"patent_id": "1", "title": "Mower", "codes": ("A01D34/00",)},
    {"patent_id": 2, "title": "Chair", "date": "2019"},
]


# ---- columns --------------------------------------------------------------------------------


def test_records() -> None:
    corpus = Corpus.from_records(RECORDS)
    assert len(corpus) == 3 and corpus.ids.tolist() == ["3", "1", "2"]
    assert corpus.texts == [("Pump", "Lifts water."), ("Mower", ""), ("Chair", "")]
    assert corpus.titles == ["Pump", "Mower", "Chair"]
    assert corpus.dates.tolist() == [datetime.date(2001, 2, 3), None, datetime.date(2019, 1, 1)]
    assert corpus.dates.dtype == "datetime64[D]"
    assert corpus.codes == [["F04B1/02", "A01G"], ["A01D34/00"], []]
    assert corpus.citations == [["1", "9"], [], []]
    assert corpus.split.tolist() == ["", "", ""]
    assert corpus.tree.symbols == ("A", "F", "A01", "F04", "A01D", "A01G", "F04B")
    assert corpus.labels.toarray().astype(int).tolist() == [
        [1, 1, 1, 1, 0, 1, 1],
        [1, 0, 1, 0, 1, 0, 0],
        [0] * 7,
    ]
    assert corpus.frame().to_dict("list")["codes"] == corpus.codes
    assert corpus.code_titles == {s: own_titles()[s] for s in corpus.tree.symbols}
    assert repr(corpus) == "Corpus(3 patents, labels down to subclass)"


def test_bad_records() -> None:
    with pytest.raises(DataError, match=r"unknown field.*Did you mean abstract"):
        Corpus.from_records([{"patent_id": "1", "abstrct": "x"}])
    with pytest.raises(DataError, match="empty"):
        Corpus.from_records([])
    python = r"is missing.* --columns patent_id=NAME, in Python columns=\{'patent_id': 'NAME'\}"
    with pytest.raises(DataError, match=f"column 'patent_id' {python}"):
        Corpus.from_records([{"title": "Pump"}])
    with pytest.raises(DataError, match="without an id"):
        Corpus.from_records([{"patent_id": None, "title": "Pump"}])
    for none in (None, [None], {"patent_id": 1, "title": "Pump"}, "Pump"):
        with pytest.raises(DataError, match=r"no record of a patent: got a (NoneType|str)"):
            Corpus.from_records(none)  # type: ignore[arg-type]
    with pytest.raises(DataError, match="got 1 2 times; wanted"):
        Corpus.from_records([{"patent_id": "1", "title": "Pump"}] * 2)
    with pytest.raises(DataError, match="two columns have one name"):
        Corpus.from_frame(pd.DataFrame([["1", "2", "a"]], columns=["id", "ID", "title"]))


def test_frames_as_people_have_them(tmp_path: Path) -> None:
    frame = pd.DataFrame(
        {
            "id": [9, 8, 70],
            "Abstract": ["Lifts water.", np.nan, "Cuts."],
            "title": [None, "Chair", pd.NA],
            "year": [2001, np.nan, 2003],
            "cpc": ["A01D34/00; A01B1/00", None, ["F04B", "F04B1/02"]],
            "cited": [np.nan, np.array(["1", "9"]), ("1", None)],
            "applicant": ["X", "Y", None],
            "claims": [3, 4, 5],
        }
    )
    corpus = Corpus.read(frame)
    assert corpus.ids.tolist() == ["9", "8", "70"]  # neither as numbers nor as text
    assert corpus.texts == [("", "Lifts water."), ("Chair", ""), ("", "Cuts.")]
    years = [None if d is None else d.year for d in corpus.dates.tolist()]
    assert years == [2001, None, 2003]
    assert corpus.codes == [["A01D34/00", "A01B1/00"], [], ["F04B", "F04B1/02"]]
    assert corpus.citations == [[], ["1", "9"], ["1"]]
    assert corpus.extra.index.tolist() == ["9", "8", "70"]
    assert corpus.extra["claims"].tolist() == [3, 4, 5]
    assert corpus.select(["70", "9"]).extra["applicant"].fillna("none").tolist() == ["none", "X"]
    for other in (
        Corpus.from_frame(frame.set_index("id")),
        Corpus.from_records(frame.to_dict("records")),
        Corpus.read(frame, columns={"abstract": "Abstract"}),
    ):
        assert other.ids.tolist() == corpus.ids.tolist() and other.texts == corpus.texts
        assert other.codes == corpus.codes and other.dates.tolist() == corpus.dates.tolist()
    lines = frame.assign(cpc=frame["cpc"].map(str), cited="").to_csv(index=False)
    (tmp_path / "f.csv").write_text(lines)
    file = Corpus.read(tmp_path / "f.csv")
    assert file.ids.tolist() == corpus.ids.tolist() and file.texts == corpus.texts
    assert file.extra["claims"].tolist() == ["3", "4", "5"]
    with pytest.raises(DataError, match=r"unknown field \(in the DataFrame\).*Did you mean title"):
        Corpus.read(frame.rename(columns={"title": "titlle"}))
    with pytest.raises(DataError, match=r"'Abstrakt' is missing \(in the DataFrame\)"):
        Corpus.read(frame, columns={"abstract": "Abstrakt"})


def test_targets_for_scikit_learn(loaded: Loaded) -> None:
    part = loaded.corpus.select("dev")
    dense = part.targets(dense=True)
    assert dense.dtype == np.int8 and (dense == part.labels.toarray()).all()
    assert part.targets() is part.labels


def test_a_division_does_not_depend_on_the_order_of_rows(loaded: Loaded) -> None:
    order = np.random.default_rng(1).permutation(len(loaded.corpus))
    whole = Corpus.read(loaded.tables)
    for method in ("stratified", "random", "date"):
        split = make_splits(whole, method, 0.1, 0.2, 3)
        again = make_splits(whole.select(order), method, 0.1, 0.2, 3)
        assert again.tolist() == split[order].tolist()


@pytest.mark.parametrize("size", [1, 7, 50, 400, 10_000])
@pytest.mark.parametrize("start", [0, 13])
def test_batches(
    loaded: Loaded, monkeypatch: pytest.MonkeyPatch, size: int, start: int, tmp_path: Path
) -> None:
    monkeypatch.setattr("patentcl.data.corpus._AT_ONCE", 32)
    groups = tmp_path / "corpus.parquet"
    pq.write_table(pq.read_table(loaded.corpus.path), groups, row_group_size=60)
    whole = Corpus(groups)
    rng = np.random.default_rng(2)
    mask = rng.random(len(whole)) < 0.4
    reads = 0

    def counted(*args: Any, **kwargs: Any) -> Any:
        nonlocal reads
        reads += 1
        return read_table(*args, **kwargs)

    read_table = pq.read_table
    monkeypatch.setattr("patentcl.data.corpus.pq.read_table", counted)
    for corpus in (whole, whole.select(mask), whole.select(rng.permutation(len(whole))[:99])):
        ids = corpus.ids.tolist()[start:]
        reads = 0
        got = [b["patent_id"].to_pylist() for b in corpus.batches(["patent_id"], size, start)]
        assert reads <= 1  # not once a batch
        assert got == [ids[i : i + size] for i in range(0, len(ids), size)]


@pytest.mark.parametrize("level", ["section", "class", "subclass", "group", "subgroup"])
def test_tree_and_labels_of_the_sample(loaded: Loaded, level: str) -> None:
    corpus = Corpus(loaded.corpus.path, level=level)
    depth = ["section", "class", "subclass", "group", "subgroup"].index(level) + 1
    wanted = [{s for c in row for s in parse_symbol(c)[:depth]} for row in corpus.codes]
    assert set(corpus.tree.symbols) == set().union(*wanted)
    assert corpus.tree.levels[-1] == level
    got = [{corpus.tree.symbols[c] for c in corpus.labels[i].indices} for i in range(len(corpus))]
    assert got == wanted
    assert any(corpus.tree.titles)


def test_reading_again_what_was_written(loaded: Loaded) -> None:
    by_folder, by_file = Corpus.read(loaded.folder), Corpus.read(loaded.folder / "corpus.parquet")
    fresh = Corpus.read(loaded.tables)
    assert by_folder.path == by_file.path == loaded.corpus.path
    for corpus in (by_folder, fresh):
        assert corpus.ids.tolist() == loaded.corpus.ids.tolist()
        assert corpus.texts == loaded.corpus.texts and corpus.codes == loaded.corpus.codes
    some = [Corpus.read(place, limit=50) for place in (loaded.tables, loaded.folder)]
    assert some[0].ids.tolist() == some[1].ids.tolist() and len(some[0]) == 50


def test_no_corpus(tmp_path: Path, loaded: Loaded) -> None:
    with pytest.raises(DataError, match="no such corpus"):
        Corpus(tmp_path / "none.parquet")
    (tmp_path / "text.parquet").write_text("hello")
    with pytest.raises(DataError, match="not a Parquet file"):
        Corpus(tmp_path / "text.parquet")
    with pytest.raises(DataError, match="not a Parquet file"):
        Corpus.read(tmp_path / "text.parquet")
    pq.write_table(pa.table({"patent_id": ["1"]}), tmp_path / "half.parquet")
    with pytest.raises(DataError, match="column 'date' is missing"):
        Corpus(tmp_path / "half.parquet")
    with pytest.raises(ConfigError, match="unknown level"):
        Corpus(loaded.corpus.path, level="subclas")


def test_no_labels() -> None:
    corpus = Corpus.from_records([{"patent_id": "1", "title": "Pump"}])
    with pytest.raises(DataError, match="no patent of the corpus has a code"):
        _ = corpus.tree
    assert corpus.codes == [[]] and corpus.code_titles == {}


# ---- parts ----------------------------------------------------------------------------------


def check_part(part: Corpus, whole: Corpus, rows: np.ndarray) -> None:
    """Every column of a part is that of the whole at some rows, with the whole's tree."""
    texts, titles, codes, citations = whole.texts, whole.titles, whole.codes, whole.citations
    assert len(part) == len(rows)
    assert part.ids.tolist() == whole.ids[rows].tolist()
    assert part.texts == [texts[i] for i in rows]
    assert part.titles == [titles[i] for i in rows]
    assert part.codes == [codes[i] for i in rows]
    assert part.citations == [citations[i] for i in rows]
    np.testing.assert_array_equal(part.dates, whole.dates[rows])
    assert part.split.tolist() == whole.split[rows].tolist()
    assert part.tree is whole.tree
    assert (part.labels != whole.labels[rows]).nnz == 0
    assert part.frame().equals(whole.frame().iloc[rows].reset_index(drop=True))


def test_select(loaded: Loaded) -> None:
    whole = loaded.corpus
    rng = np.random.default_rng(0)
    mask = rng.random(len(whole)) < 0.3
    check_part(whole.select(mask), whole, np.flatnonzero(mask))
    rows = rng.permutation(len(whole))[:40]
    check_part(whole.select(rows), whole, rows)
    check_part(whole.select(whole.ids[rows]), whole, rows)
    check_part(whole.select(list(whole.ids[rows])), whole, rows)
    for name in SPLITS:
        check_part(whole.select(name), whole, np.flatnonzero(whole.split == name))


def test_parts_of_parts(loaded: Loaded) -> None:
    whole = loaded.corpus
    train = np.flatnonzero(whole.split == "train")
    part = whole.select("train")
    inner = part.select(np.arange(10, 60)[::-1])
    check_part(inner, whole, train[np.arange(10, 60)[::-1]])
    third = inner.select(inner.ids[[3, 1]])
    check_part(third, whole, train[np.arange(10, 60)[::-1]][[3, 1]])
    check_part(third.select("train"), whole, train[np.arange(10, 60)[::-1]][[3, 1]])
    with pytest.raises(DataError, match="no such patent"):
        part.select([whole.ids[np.flatnonzero(whole.split == "test")[0]]])
    with pytest.raises(DataError, match="empty"):
        part.select("test")


@pytest.mark.parametrize(
    ("which", "error", "message"),
    [
        ("tset", ConfigError, "Did you mean test"),
        (["nobody"], DataError, "no such patent.*nobody"),
        (np.array([True]), DataError, "mask does not match"),
        ([400_000], DataError, "no such patent.*row from 0"),
        ([-1], DataError, "no such patent"),
        ([], DataError, "empty"),
        ([0.5], DataError, "no such patent"),
    ],
)
def test_bad_parts(loaded: Loaded, which: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        loaded.corpus.select(which)
    with pytest.raises(DataError, match="empty"):
        loaded.corpus.select(np.zeros(len(loaded.corpus), dtype=bool))


# ---- near-copies ----------------------------------------------------------------------------


def pairs(text: str) -> set[tuple[str, str]]:
    """Neighbouring words, naively; the last word is followed by nothing."""
    words = "".join(c if c.isalnum() else " " for c in text.lower()).split()
    return set(zip(words, [*words[1:], ""], strict=False))


def alike(a: str, b: str) -> float:
    """Share of word pairs in common."""
    one, two = pairs(a), pairs(b)
    return len(one & two) / len(one | two) if one | two else 0.0


def test_near_copies_against_all_pairs(loaded: Loaded) -> None:
    texts = [abstract or title for title, abstract in loaded.corpus.texts]
    keys = copies(loaded.corpus.texts)
    sets = [pairs(t) for t in texts]  # none is empty
    found = 0
    for i in range(len(texts)):
        for j in range(i):
            share = len(sets[i] & sets[j]) / len(sets[i] | sets[j])
            if share > SIMILARITY + 0.2:  # well above: found; well below: apart
                assert keys[i] == keys[j], (texts[i], texts[j])
                found += 1
            elif share < SIMILARITY - 0.2:
                assert keys[i] != keys[j], (texts[i], texts[j])
    assert found > 5


def test_what_does_not_count() -> None:
    keys = copies(
        [
            ("Mower", "A mower, with blades!"),
            ("other", "a  MOWER with\nblades"),
            ("Mower", "A mower."),
            ("Mower", ""),
            ("mower!", ""),
            ("", ""),
            ("", "..."),
            ("Mäher", ""),
            ("Möher", ""),
            ("芝刈り機", ""),
            ("ポンプ", ""),
        ]
    )
    assert keys.tolist() == [0, 0, 1, 2, 2, 3, 4, 5, 6, 7, 8]


@settings(max_examples=15, deadline=None)
@given(
    st.lists(
        st.tuples(st.text(max_size=6), st.sampled_from(["", "a b c", "A, b; c", "x y z w", "x"])),
        max_size=12,
    ),
    st.randoms(),
)
def test_near_copies_do_not_depend_on_order(texts: list[tuple[str, str]], random: Any) -> None:
    order = list(range(len(texts)))
    random.shuffle(order)
    first, second = copies(texts), copies([texts[i] for i in order])
    assert sorted(set(first.tolist())) == list(range(len(set(first.tolist()))))
    for a in range(len(texts)):
        for b in range(a):
            assert (first[order[a]] == first[order[b]]) == (second[a] == second[b])
            if pairs(texts[a][1] or texts[a][0]) == pairs(texts[b][1] or texts[b][0]) != set():
                assert first[a] == first[b]


def test_near_copies_across_chunks_and_nulls() -> None:
    n = 45_000
    titles = pa.chunked_array(
        [pa.array([f"Pump number {i}" for i in range(n)]), pa.array([None] * 2, pa.string())]
    )
    abstracts = pa.chunked_array([pa.array([""] * n + ["pump NUMBER 7", None])])
    keys = near_copies(titles, abstracts)
    assert keys[n] == keys[7] and keys[n + 1] not in keys[: n + 1]
    assert len(set(keys.tolist())) == n + 1


# ---- divisions ------------------------------------------------------------------------------


def families(corpus: Corpus, split: np.ndarray) -> None:
    """No two near-copies are on different sides."""
    keys = copies(corpus.texts)
    for key in np.flatnonzero(np.bincount(keys) > 1):
        assert len(set(split[keys == key])) == 1


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> Corpus:
    from patentcl.sample.writer import write_sample

    folder = tmp_path_factory.mktemp("large")
    write_sample(folder / "tables", patents=1500, seed=5)
    return Corpus.read(folder / "tables")


@pytest.mark.parametrize("method", ["stratified", "random", "date"])
def test_shares_seeds_and_families(large: Corpus, method: str) -> None:
    one, again, other = (make_splits(large, method, 0.15, 0.2, seed) for seed in (0, 0, 1))
    assert one.tolist() == again.tolist()
    assert (one.tolist() == other.tolist()) == (method == "date")
    shares = [np.mean(one == name) for name in SPLITS]
    np.testing.assert_allclose(shares, [0.65, 0.15, 0.2], atol=0.02)
    families(large, one)
    keys = copies(large.texts)
    assert (np.bincount(keys) > 1).sum() > 10


def test_continuations_that_are_reworded_stay_together(large: Corpus) -> None:
    by_title: dict[str, list[int]] = {}
    texts = large.texts
    for i, (title, abstract) in enumerate(texts):
        if abstract:
            by_title.setdefault(" ".join(title.replace('"', "").split()), []).append(i)
    split = make_splits(large, "random", seed=3)
    reworded = 0
    for rows in by_title.values():
        for a in rows:
            for b in rows:
                one, two = texts[a][1], texts[b][1]
                if a < b and alike(one, two) > 0.75:
                    assert split[a] == split[b]
                    reworded += one.lower().split() != two.lower().split()
    assert reworded > 5


def test_stratified_keeps_shares_of_labels_better_than_chance(large: Corpus) -> None:
    leaves = large.labels[:, large.tree.at_level("subclass")].toarray()
    leaves = leaves[:, leaves.sum(axis=0) >= 10]

    def error(method: str, seed: int) -> float:
        test = make_splits(large, method, 0.1, 0.2, seed) == "test"
        return float(np.abs(leaves[test].sum(axis=0) / leaves.sum(axis=0) - 0.2).mean())

    stratified = [error("stratified", s) for s in range(2)]
    random = [error("random", s) for s in range(4)]
    assert max(stratified) < 0.7 * min(random)


def test_by_date_the_newest_are_held_out(large: Corpus) -> None:
    split = make_splits(large, "date", 0.1, 0.2)
    keys = copies(large.texts)
    newest = np.array([large.dates[keys == k].max() for k in keys])  # a family goes by its newest
    assert newest[split == "train"].max() < newest[split == "dev"].min()
    assert newest[split == "dev"].max() < newest[split == "test"].min()


def dated(dates: list[str | None]) -> Corpus:
    return Corpus.from_records(
        [
            {"patent_id": f"{i:03}", "title": f"Pump {i} of {d}", "date": d}
            for i, d in enumerate(dates)
        ]
    )


def test_dates_that_do_not_divide() -> None:
    with pytest.raises(DataError, match=r"cannot split by date.*20 of 50 patents dated"):
        make_splits(dated([*["2001-01-01"] * 20, *[None] * 30]), "date")
    with pytest.raises(DataError, match=r"cannot split by date.*no patent older than 2007-11-20"):
        make_splits(dated(["2007-11-20"] * 30), "date")
    split = make_splits(
        dated([*[f"20{y:02}-01-01" for y in range(20)], *[None] * 10]), "date", 0.1, 0.1
    )
    assert split.tolist() == ["train"] * 14 + ["dev"] * 3 + ["test"] * 3 + ["train"] * 10


def test_a_division_that_the_data_bring(loaded: Loaded, tmp_path: Path) -> None:
    def given_as(names: list[str], seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
        records = [
            {"patent_id": f"{i:03}", "title": f"Pump {i}", "split": s} for i, s in enumerate(names)
        ]
        corpus = Corpus.from_records(records)
        return corpus.split, make_splits(corpus, "random", 0.1, 0.1, seed)

    given_, made = given_as(["train"] * 50 + ["dev"] * 20 + ["test"] * 30)
    assert made.tolist() == given_.tolist()
    given_, made = given_as(["train"] * 70 + ["test"] * 30)
    assert (made == "test").tolist() == (given_ == "test").tolist() and (made == "dev").sum() == 7
    given_, made = given_as(["train"] * 80 + ["dev"] * 20)
    assert (made == "test").tolist() == (given_ == "dev").tolist() and (made == "dev").sum() == 8
    given_, made = given_as(["train"] * 100)  # nothing held out: as if nothing were said
    assert [(made == s).sum() for s in SPLITS] == [80, 10, 10]
    with pytest.raises(DataError, match="unknown split in the data: got held"):
        given_as(["train"] * 5 + ["held"])
    with pytest.raises(DataError, match="got empty"):
        given_as(["train"] * 5 + ["test", ""])


def test_no_labels_and_few_patents() -> None:
    bare = Corpus.from_records([{"patent_id": f"{i:03}", "title": f"Pump {i}"} for i in range(100)])
    split = make_splits(bare, "stratified", 0.1, 0.2)
    assert [(split == s).sum() for s in SPLITS] == [70, 10, 20]
    one_label = Corpus.from_records(
        [{"patent_id": f"{i:03}", "title": f"Pump {i}", "codes": ["F04B"]} for i in range(100)]
    )
    assert (make_splits(one_label, "stratified", 0.1, 0.2) == "test").sum() == 20
    one_varies = Corpus.from_records(  # and keeps its share
        [
            {"id": f"{i:03}", "title": f"Pump {i}", "codes": ["F04B"] + ["Y02E"] * (i % 4 == 0)}
            for i in range(100)
        ]
    )
    test = make_splits(one_varies, "stratified", 0.1, 0.2) == "test"
    assert test.sum() == 20 and test[::4].sum() == 5
    for n in (1, 2, 3):
        for method in ("stratified", "random"):
            few = Corpus.from_records(
                [
                    {"patent_id": str(i), "title": f"Pump {i}", "codes": [f"F04{'BCD'[i]}"]}
                    for i in range(n)
                ]
            )
            assert (make_splits(few, method, 0.1, 0.1) == "train").any()
    copies = Corpus.from_records([{"patent_id": str(i), "title": "Pump"} for i in range(50)])
    assert len(set(make_splits(copies, "random", seed=0))) == 1


@pytest.mark.parametrize(
    ("dev", "test"), [(0.5, 0.5), (-0.1, 0.1), (0.1, 1.0), (float("nan"), 0.1)]
)
def test_shares_are_checked(loaded: Loaded, dev: float, test: float) -> None:
    with pytest.raises(ConfigError, match="something to train on"):
        make_splits(loaded.corpus, "random", dev, test)


def test_none_held_out_and_unknown_methods(loaded: Loaded) -> None:
    whole = Corpus.read(loaded.tables)
    assert set(make_splits(whole, "random", 0, 0)) == {"train"}
    with pytest.raises(ConfigError, match="Did you mean stratified"):
        make_splits(whole, "stratfied", 0, 0)


def test_splits_on_disk(loaded: Loaded, tmp_path: Path) -> None:
    whole = Corpus.read(loaded.tables)
    assert set(whole.split) == {""}
    split = make_splits(whole, "random", seed=9)
    write_splits(whole.path.with_name("splits.parquet"), whole, split)
    assert whole.path.with_name("splits.parquet").is_file()
    again = Corpus(whole.path)
    assert again.split.tolist() == split.tolist()
    assert again.select("dev").ids.tolist() == whole.ids[split == "dev"].tolist()


WORDS = [
    "pump",
    "valve",
    "rotor",
    "seal",
    "gear",
    "shaft",
    "lamp",
    "lens",
    "cable",
    "motor",
    "brake",
    "clutch",
    "filter",
    "nozzle",
    "piston",
    "spring",
    "hinge",
    "bolt",
    "cutter",
]


def relatives(n: int) -> tuple[Corpus, np.ndarray]:
    """Patents of unlike texts in families of one to five, but two texts that two families share."""
    rng = np.random.default_rng(4)
    family = np.repeat(np.arange(n), rng.integers(1, 6, n))[:n]
    texts = [" ".join(rng.choice(WORDS, 12)) for _ in range(n)]
    last = np.flatnonzero(family == family[0])[-1]
    texts[last + 1] = texts[last]  # the first two families become one
    records = [
        {"patent_id": f"{i:04}", "title": text, "codes": [f"{'ABCD'[i % 4]}01B1/00"]}
        for i, text in enumerate(texts)
    ]
    corpus = Corpus.from_records(records)
    shuffled = rng.permutation(n)
    pq.write_table(
        pa.table({"patent_id": [f"{i:04}" for i in shuffled], "family": family[shuffled] + 17}),
        corpus.path.with_name("family.parquet"),
    )
    joined = np.where(family == family[last + 1], family[0], family)
    return corpus, joined


@pytest.mark.parametrize("method", ["family", "stratified", "random"])
def test_no_family_is_in_two_splits(method: str) -> None:
    corpus, family = relatives(600)
    split = make_splits(corpus, method, 0.15, 0.2, 5)
    assert [len(set(split[family == f])) for f in np.unique(family)] == [1] * len(set(family))
    assert len(set(family)) < 200  # many patents stand in families of several
    for name, share in (("dev", 0.15), ("test", 0.2)):
        assert abs((split == name).mean() - share) < 0.05
        counts = [
            np.mean(
                [
                    codes[0][0] == s
                    for codes, mine in zip(corpus.codes, split == name, strict=True)
                    if mine
                ]
            )
            for s in "ABCD"
        ]
        # Families are of mixed sections here; those that are drawn as one keep their shares.
        assert max(counts) - min(counts) < 0.2
    assert np.array_equal(split, make_splits(corpus, method, 0.15, 0.2, 5))
    corpus.path.with_name("family.parquet").unlink()
    apart = make_splits(Corpus(corpus.path), method, 0.15, 0.2, 5)
    assert any(len(set(apart[family == f])) > 1 for f in family)  # it was that file


def test_by_family_is_stratified(large: Corpus) -> None:
    assert np.array_equal(
        make_splits(large, "family", 0.1, 0.2, 3), make_splits(large, "stratified", 0.1, 0.2, 3)
    )


def test_a_part_of_a_corpus_without_columns_of_its_own() -> None:
    corpus = Corpus.from_records([{"id": str(i), "title": f"Mower {i}"} for i in range(5)])
    for part, ids in ((corpus, list("01234")), (corpus.select(np.array([3, 1])), ["3", "1"])):
        assert part.extra.index.tolist() == ids and part.extra.columns.tolist() == []


def test_indexes_and_doubled_columns_of_frames() -> None:
    frame = pd.DataFrame(
        {"patent_id": ["b", "a"], "title": ["Pump", "Saw"], "country": ["US", "EP"]}
    )
    forms = [
        frame.set_index(["country", "patent_id"]),
        frame.set_index("patent_id", drop=False),
        frame.rename(columns={"patent_id": 0, "title": 1}),
    ]
    for form, columns in zip(forms, ({}, {}, {"patent_id": 0, "title": 1}), strict=True):
        corpus = Corpus.from_frame(form, columns=columns)
        assert (corpus.ids.tolist(), corpus.titles) == (["b", "a"], ["Pump", "Saw"])
        assert corpus.extra.to_dict("list") == {"country": ["US", "EP"]}
    with pytest.raises(DataError, match=r"two columns have one name .*got 'patent_id'"):
        Corpus.from_frame(frame.rename_axis("patent_id"))  # 0, 1
    doubled = frame.assign(x=[1, 2], y=[3, 4]).set_axis([*frame, "n", "N"], axis=1)
    extra = Corpus.from_frame(doubled).extra.to_dict("list")
    assert extra == {"country": ["US", "EP"], "n": [1, 2], "N (column 5)": [3, 4]}
