"""Similarity search: by value against brute force, filters against pandas, and every bad input."""

from __future__ import annotations

import os
import re
import shutil
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from patentcl.core import resources
from patentcl.core.arrays import unit_rows
from patentcl.core.errors import ConfigError, DataError
from patentcl.cpc import parse_symbol
from patentcl.search import index as index_module
from patentcl.search import tuning
from patentcl.search.filters import Filters, day, days
from patentcl.search.index import PatentIndex
from patentcl.search.specification import AUTO_FLAT_ROWS, IndexSpec, choose_spec, spec_names

faiss = pytest.importorskip("faiss")

CODES = ["A01D34/00", "A01D34/68", "A01B33/08", "B60K1/00", "G06F16/00", "G06F16/22", "H01M10/44"]


def make(n: int = 400, d: int = 16, seed: int = 0) -> tuple[np.ndarray, pd.DataFrame]:
    rng = np.random.default_rng(seed)
    centres = rng.normal(size=(8, d))
    vectors = (centres[rng.integers(0, 8, n)] + 0.7 * rng.normal(size=(n, d))).astype(np.float32)
    days_ = pd.Timestamp("2000-01-01") + pd.to_timedelta(rng.integers(0, 7000, n), unit="D")
    dates = days_.strftime("%Y-%m-%d").to_numpy(dtype=object)
    dates[::17] = None
    codes = [list(rng.choice(CODES, rng.integers(0, 3), replace=False)) for _ in range(n)]
    meta = pd.DataFrame(
        {
            "id": [f"US{i:05d}" for i in range(n)],
            "date": dates,
            "codes": codes,
            "title": [f"Patent {i}" for i in range(n)],
        }
    )
    return vectors, meta


def brute(
    vectors: np.ndarray, query: np.ndarray, k: int, keep: np.ndarray | None = None
) -> tuple[list[int], list[float]]:
    """Positions and cosines of the k nearest, in double precision, ties by position."""
    a = vectors.astype(np.float64)
    q = query.astype(np.float64)
    cosine = np.array([row @ q / np.sqrt((row @ row) * (q @ q)) for row in a])
    rows = [i for i in range(len(a)) if keep is None or keep[i]]
    rows.sort(key=lambda i: (-cosine[i], i))
    return rows[:k], [cosine[i] for i in rows[:k]]


def passes(
    row: pd.Series,
    before: str | None,
    after: str | None,
    cpc: list[str] | None,
    exclude: list[str] | None,
) -> bool:
    """The meaning of the filters, patent by patent."""
    have = {s for code in row["codes"] for s in parse_symbol(code)}
    if before is not None and not (isinstance(row["date"], str) and row["date"] < before):
        return False
    if after is not None and not (isinstance(row["date"], str) and row["date"] >= after):
        return False
    if cpc is not None and not have & set(cpc):
        return False
    return exclude is None or not have & set(exclude)


VECTORS, META = make()
QUERIES = make(30, seed=1)[0] * 3
INDEXES = {name: PatentIndex.build(VECTORS, META["id"], name, META) for name in ("flat", "hnsw")}
INDEXES["ivf"] = PatentIndex.build(
    VECTORS, META["id"], IndexSpec(name="own", factory="IVF8,Flat", search={"nprobe": 2}), META
)


# ---- results by value -----------------------------------------------------------------------


@pytest.mark.parametrize("k", [1, 10, 399, 400])
def test_flat_equals_brute_force(k: int) -> None:
    found = INDEXES["flat"].search(QUERIES, k)
    assert list(found.columns) == ["query", "rank", "id", "similarity", "date", "codes", "title"]
    assert found["similarity"].dtype == np.float32
    for q, rows in found.groupby("query"):
        position, cosine = brute(VECTORS, QUERIES[q], k)
        assert rows["id"].tolist() == META["id"].iloc[position].tolist()
        assert rows["rank"].tolist() == list(range(1, k + 1))
        np.testing.assert_allclose(rows["similarity"], cosine, atol=2e-6)


def test_columns_of_meta_belong_to_the_id() -> None:
    found = INDEXES["hnsw"].search(QUERIES[:3], 5)
    right = META.set_index("id").loc[found["id"]].reset_index()
    pd.testing.assert_frame_equal(found[["id", "date", "codes", "title"]], right)


def test_meta_may_be_in_another_order_and_hold_more() -> None:
    mixed = META.sample(frac=1, random_state=0)
    index = PatentIndex.build(VECTORS[:50], META["id"][:50], meta=mixed)
    assert index.meta["title"].tolist() == META["title"][:50].tolist()


@pytest.mark.parametrize("name", ["hnsw", "ivf-flat", "ivf-pq"])
def test_recall_of_approximate_indexes(name: str, tmp_path: Path) -> None:
    vectors, meta = make(10_000 if name == "ivf-pq" else 4_000, 32, seed=3)
    queries = make(100, 32, seed=4)[0] + vectors[:100]
    index = PatentIndex.build(vectors, meta["id"], name)
    unit, asked = unit_rows(vectors), unit_rows(queries)
    truth = np.argsort(-(asked @ unit.T), axis=1)[:, :10]
    found = index.search(queries, 10)["id"].str[2:].astype(int).to_numpy().reshape(100, 10)
    recall = np.mean([len(set(a) & set(b)) / 10 for a, b in zip(found, truth, strict=True)])
    assert recall >= 0.95 and index.spec.target <= index.recall <= 1
    assert index.measured()["recall@10"] == round(index.recall, 4)
    if name != "ivf-pq":
        return
    index.save(tmp_path / "pq")
    again = PatentIndex.load(tmp_path / "pq")
    assert isinstance(again.nearest.exact, np.memmap) and again.recall == index.recall
    pd.testing.assert_frame_equal(again.search(queries, 10), index.search(queries, 10))
    cosine = (asked.astype(float)[:, None] * unit[found]).sum(axis=2).ravel()
    np.testing.assert_allclose(again.search(queries, 10)["similarity"], cosine, atol=2e-6)
    for share in (0.001, 0.01, 0.1, 0.5, 0.9):
        keep = np.random.default_rng(7).random(len(unit)) < share
        _, position, _ = again.nearest.search(asked[:50], 10, keep)
        scores = np.where(keep, asked[:50] @ unit.T, -2)
        k = min(10, int(keep.sum()))
        best = np.argsort(-scores, axis=1)[:, :k]
        got = position.reshape(50, k)
        assert np.mean([len(set(a) & set(b)) / k for a, b in zip(got, best, strict=True)]) >= 0.95
    path = tmp_path / "pq" / "vectors.npy"
    path.write_bytes(path.read_bytes()[:-1] + b"\1")
    with pytest.raises(DataError, match=r"has been changed.*vectors\.npy"):
        PatentIndex.load(tmp_path / "pq")
    os.truncate(path, 1000)  # beneath an index that is open
    with pytest.raises(DataError, match=r"have been cut off.*vectors\.npy.*wanted"):
        again.search(queries, 10)


def test_the_effort_is_the_least_that_reaches_the_target() -> None:
    vectors, meta = make(2_000, 24, seed=8)
    ivf = {"name": "own", "factory": "IVF32,Flat"}
    index = PatentIndex.build(vectors, meta["id"], IndexSpec(**ivf, target=0.9))
    effort = index.spec.search["nprobe"]
    assert index.recall >= 0.9 and effort > 1
    less = PatentIndex.build(vectors, meta["id"], IndexSpec(**ivf, search={"nprobe": effort // 2}))
    assert less.recall < 0.9 and less.spec.search == {"nprobe": effort // 2}
    for spec, got in (
        (IndexSpec(**ivf, search={"nprobe": 1}, target=0.9), "with nprobe 1"),
        (IndexSpec(name="pq", factory="PQ2", target=0.99), "with this search"),
    ):
        with pytest.raises(ConfigError, match=f"misses its target.*{got}; wanted recall@10"):
            PatentIndex.build(vectors, meta["id"], spec)
    packed = IndexSpec(name="own", factory="IVF8,PQ2", rerank=2, target=0.9)
    index = PatentIndex.build(vectors, meta["id"], packed)
    assert index.recall >= 0.9 and index.spec.rerank > 2  # else too few candidates, in all lists
    assert INDEXES["flat"].recall == 1 and INDEXES["flat"].measured() == {}


def test_results_do_not_depend_on_the_batch() -> None:
    together = INDEXES["flat"].search(QUERIES, 7)
    for q in range(len(QUERIES)):
        alone = INDEXES["flat"].search(QUERIES[q], 7)
        assert (
            alone["similarity"].tolist() == together[together["query"] == q]["similarity"].tolist()
        )
        assert alone["id"].tolist() == together[together["query"] == q]["id"].tolist()


@pytest.mark.parametrize("spec", ["flat", "hnsw", "own"])
def test_equal_vectors_come_in_the_order_of_the_index(spec: str) -> None:
    rng = np.random.default_rng(0)
    vectors = np.vstack(
        [
            rng.normal(size=(100, 8)),
            np.tile(rng.normal(size=8), (120, 1)),
            rng.normal(size=(100, 8)),
        ]
    )
    chosen = (
        IndexSpec(name="own", factory="IVF4,Flat", search={"nprobe": 4}) if spec == "own" else spec
    )
    index = PatentIndex.build(vectors, map(str, range(320)), chosen)
    asked = np.vstack([vectors[100]] * 25 + [vectors[150] + 0.01])
    for k in (1, 5, 30):
        found = index.search(asked, k)
        expected = list(map(str, range(100, 100 + k)))
        assert [rows["id"].tolist() for _, rows in found.groupby("query")] == [expected] * 26


def test_k_above_the_number_of_rows_gives_all() -> None:
    for index in INDEXES.values():
        found = index.search(QUERIES[:2], 10_000)
        assert found.groupby("query")["id"].nunique().tolist() == [400, 400]


def test_one_vector_and_no_queries() -> None:
    one = INDEXES["flat"].search(QUERIES[0], 3)
    pd.testing.assert_frame_equal(one, INDEXES["flat"].search(QUERIES[:1], 3))
    none = INDEXES["flat"].search(np.empty((0, 16)), 3)
    assert none.empty
    assert list(none.columns) == list(one.columns)
    assert none["similarity"].dtype == np.float32


def test_input_is_not_changed_and_scale_does_not_matter() -> None:
    vectors, queries = VECTORS.copy(), QUERIES.copy()
    index = PatentIndex.build(vectors, META["id"], meta=META)
    found = index.search(queries, 5)
    assert (vectors == VECTORS).all()
    assert (queries == QUERIES).all()
    tiny = PatentIndex.build(VECTORS.astype(np.float64) * 1e-200, META["id"], meta=META)
    pd.testing.assert_frame_equal(
        tiny.search(queries.astype(np.float64) * 1e200, 5), found, check_exact=False, atol=1e-6
    )


def test_vector_and_similar_to() -> None:
    index = INDEXES["flat"]
    np.testing.assert_allclose(
        index.vector("US00007"), VECTORS[7] / np.linalg.norm(VECTORS[7]), atol=1e-6
    )
    found = index.similar_to(["US00007", "US00003"], 5)
    for q, own in enumerate((7, 3)):
        keep = np.arange(400) != own
        position, cosine = brute(VECTORS, VECTORS[own], 5, keep)
        rows = found[found["query"] == q]
        assert rows["id"].tolist() == META["id"].iloc[position].tolist()
        assert rows["rank"].tolist() == [1, 2, 3, 4, 5]
        np.testing.assert_allclose(rows["similarity"], cosine, atol=2e-6)
    assert (
        index.similar_to("US00007", 5, cpc="A01D")["codes"]
        .map(lambda codes: any(c.startswith("A01D") for c in codes))
        .all()
    )
    assert len(index.similar_to("US00007", 1000)) == 399


def test_ids_that_look_like_numbers_may_be_given_as_numbers() -> None:
    index = PatentIndex.build(VECTORS[:3], ["7000001", "7000002", "7000003"])
    expected = index.similar_to("7000001", 2)
    for asked in (7000001, np.int64(7000001), [7000001], ["7000001"], np.array([7000001])):
        pd.testing.assert_frame_equal(index.similar_to(asked, 2), expected)
    assert np.array_equal(index.vector(7000002), index.vector("7000002"))
    assert set(index.search(VECTORS[0], ids=[7000002, "7000003"])["id"]) == {"7000002", "7000003"}
    with pytest.raises(DataError, match="not in the index: got 5"):
        index.similar_to(5)


def test_similar_to_leaves_itself_out_among_copies() -> None:
    index = PatentIndex.build([[1.0, 2.0]] * 40, map(str, range(40)))
    assert index.similar_to("35", 3)["id"].tolist() == ["0", "1", "2"]
    assert index.similar_to("0", 3)["id"].tolist() == ["1", "2", "3"]


def test_neighbours_of_all() -> None:
    found = INDEXES["flat"].neighbours(3)
    assert list(found.columns) == ["id", "rank", "neighbour", "similarity"]
    assert len(found) == 1200
    assert (found["id"] != found["neighbour"]).all()
    position, _ = brute(VECTORS, VECTORS[11], 3, np.arange(400) != 11)
    mine = found[found["id"] == "US00011"]
    assert mine["neighbour"].tolist() == META["id"].iloc[position].tolist()


# ---- filters --------------------------------------------------------------------------------

SYMBOLS = sorted({s for code in CODES for s in parse_symbol(code)} | {"C", "D01F", "G06F3/00"})
some_date = st.none() | st.dates(date(1999, 1, 1), date(2020, 1, 1)).map(str)
some_codes = st.none() | st.lists(st.sampled_from(SYMBOLS), min_size=1, max_size=3)


@settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    name=st.sampled_from(sorted(INDEXES)),
    before=some_date,
    after=some_date,
    cpc=some_codes,
    exclude=some_codes,
    k=st.integers(1, 30),
    subset=st.none() | st.integers(0, 400),
)
def test_filters_equal_brute_force(
    name: str,
    before: str | None,
    after: str | None,
    cpc: list[str] | None,
    exclude: list[str] | None,
    k: int,
    subset: int | None,
) -> None:
    keep = np.array([passes(row, before, after, cpc, exclude) for _, row in META.iterrows()])
    ids = None
    if subset is not None:
        keep &= np.arange(400) < subset
        ids = META["id"][:subset]
    found = INDEXES[name].search(
        QUERIES[:4], k, before=before, after=after, cpc=cpc, exclude_cpc=exclude, ids=ids
    )
    assert set(found["id"]) <= set(META["id"][keep])
    assert len(found) == 4 * min(k, int(keep.sum()))
    if name == "flat" or keep.sum() < 40:  # few rows: answered exactly by every index
        for q, rows in found.groupby("query"):
            position, _ = brute(VECTORS, QUERIES[q], k, keep)
            assert rows["id"].tolist() == META["id"].iloc[position].tolist()


@pytest.mark.parametrize("name", ["hnsw", "ivf"])
def test_filtered_recall_of_approximate_indexes(name: str) -> None:
    vectors, meta = make(6_000, 24, seed=5)
    spec = (
        IndexSpec(name="own", factory="IVF64,Flat", search={"nprobe": 16})
        if name == "ivf"
        else "hnsw"
    )
    index = PatentIndex.build(vectors, meta["id"], spec, meta)
    for share in (0.02, 0.12, 0.5):
        keep = np.random.default_rng(7).random(6_000) < share
        found = index.search(vectors[:50], 10, ids=meta["id"][keep])
        scores = unit_rows(vectors[:50]) @ unit_rows(vectors).T
        scores[:, ~keep] = -2
        truth = np.argsort(-scores, axis=1)[:, :10]
        got = found["id"].str[2:].astype(int).to_numpy().reshape(50, 10)
        recall = np.mean([len(set(a) & set(b)) / 10 for a, b in zip(got, truth, strict=True)])
        assert recall >= 0.95


@pytest.mark.parametrize("share", [0.001, 0.05, 0.3, 0.9])
@pytest.mark.parametrize("queries", [1, 3, 40])
def test_gathered_rows_give_what_all_rows_give(queries: int, share: float) -> None:
    """Every way to look at the rows that pass, some of them twice the size of a gathered block."""
    vectors, meta = make(40_000, 8, seed=9)
    index = PatentIndex.build(vectors, meta["id"], "flat")
    keep = np.random.default_rng(2).random(len(vectors)) < share
    asked = unit_rows(make(queries, 8, seed=10)[0])
    query, position, similarity = index.nearest.search(asked, 12, keep)
    scores = asked.astype(np.float64) @ unit_rows(vectors).astype(np.float64).T
    scores[:, ~keep] = -2
    truth = np.argsort(-scores, axis=1, kind="stable")[:, :12]
    assert position.reshape(queries, 12).tolist() == truth.tolist()
    np.testing.assert_allclose(similarity, np.take_along_axis(scores, truth, 1).ravel(), atol=2e-6)
    assert query.tolist() == np.repeat(np.arange(queries), 12).tolist()


def test_a_filter_that_leaves_a_far_corner_is_still_answered() -> None:
    rng = np.random.default_rng(0)
    near, far = rng.normal(size=(3000, 8)) + 6, rng.normal(size=(450, 8)) - 6
    index = PatentIndex.build(np.vstack([near, far]), map(str, range(3450)), "hnsw")
    found = index.search(near[:5], 20, ids=[str(i) for i in range(3000, 3450)])
    assert found["query"].value_counts().tolist() == [20] * 5
    assert found["id"].astype(int).min() >= 3000


def test_nothing_passes() -> None:
    found = INDEXES["hnsw"].search(QUERIES, 5, before="1950")
    assert found.empty
    assert "title" in found.columns
    assert INDEXES["hnsw"].search(QUERIES, 5, cpc="C12N").empty
    assert INDEXES["hnsw"].search(QUERIES, 5, ids=[]).empty


@pytest.mark.parametrize(
    "value",
    [
        "2010",
        "2010-01",
        "2010-01-01",
        2010,
        date(2010, 1, 1),
        pd.Timestamp("2010-01-01 00:00"),
        np.datetime64("2010-01-01"),
    ],
)
def test_dates_in_many_forms(value: object) -> None:
    assert day(value, "before") == np.datetime64("2010-01-01")


def test_before_is_exclusive_and_after_inclusive() -> None:
    meta = pd.DataFrame({"id": list("abcd"), "date": ["2009-12-31", "2010-01-01", None, ""]})
    index = PatentIndex.build(np.eye(4), meta["id"], meta=meta)
    assert set(index.search(np.ones(4), before="2010")["id"]) == {"a"}
    assert set(index.search(np.ones(4), after="2010")["id"]) == {"b"}


@pytest.mark.parametrize(
    "column",
    [
        pd.Series(pd.to_datetime(["2009-12-31", "2010-05-01", None])),
        pd.Series([date(2009, 12, 31), date(2010, 5, 1), None], dtype=object),
        pd.Series(["2009-12-31", "2010-05-01", ""]),
        pd.Series(["2009-12-31", "2010-05-01", None], dtype="string"),
        pd.Series([pd.Timestamp("2009-12-31"), pd.Timestamp("2010-05-01"), pd.NaT], dtype=object),
    ],
)
def test_date_columns_of_many_types(column: pd.Series) -> None:
    found = days(column)
    assert found[:2].tolist() == [date(2009, 12, 31), date(2010, 5, 1)]
    assert np.isnat(found[2])


def test_codes_outside_the_classification_match_as_they_are() -> None:
    meta = pd.DataFrame({"id": ["a", "b", "c"], "codes": [["robots"], ["A01B1/00"], None]})
    filters = Filters(PatentIndex.build(np.eye(3), meta["id"], meta=meta).meta)
    assert filters.mask(cpc="robots").tolist() == [True, False, False]
    assert filters.mask(cpc=["A01B  1/00", "robots"]).tolist() == [True, True, False]
    assert filters.mask(exclude_cpc="A").tolist() == [True, False, True]


# ---- files ----------------------------------------------------------------------------------


@pytest.mark.parametrize("name", sorted(INDEXES))
def test_save_and_load_give_the_same_results(name: str, tmp_path: Path) -> None:
    index = PatentIndex.build(VECTORS, META["id"], INDEXES[name].spec, META, encoder="abc123")
    index.save(tmp_path / "index")
    assert sorted(p.name for p in (tmp_path / "index").iterdir()) == [
        "ids.parquet",
        "index.faiss",
        "spec.yaml",
    ]
    again = PatentIndex.load(tmp_path / "index")
    assert again.encoder == "abc123"
    assert again.spec == index.spec
    pd.testing.assert_frame_equal(again.meta, index.meta)
    for filters in ({}, {"cpc": "A01D", "before": "2012"}):
        pd.testing.assert_frame_equal(
            again.search(QUERIES, 10, **filters), index.search(QUERIES, 10, **filters)
        )


def test_save_without_meta_beside_other_files(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    PatentIndex.build(VECTORS, META["id"]).save(tmp_path)
    assert PatentIndex.load(tmp_path).encoder is None
    with pytest.raises(DataError, match="there is an index already"):
        INDEXES["flat"].save(tmp_path)


def test_a_column_that_cannot_be_stored(tmp_path: Path) -> None:
    meta = META.assign(odd=[object()] * len(META))
    with pytest.raises(DataError, match="cannot be stored"):
        PatentIndex.build(VECTORS, META["id"], meta=meta).save(tmp_path)


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    INDEXES["flat"].save(tmp_path / "index")
    return tmp_path / "index"


@pytest.mark.parametrize("name", ["index.faiss", "ids.parquet", "spec.yaml"])
def test_a_missing_file_is_named(saved: Path, name: str) -> None:
    (saved / name).unlink()
    with pytest.raises(DataError, match=name):
        PatentIndex.load(saved)


@pytest.mark.parametrize("name", ["index.faiss", "ids.parquet", "spec.yaml"])
def test_a_file_cut_short_is_refused(saved: Path, name: str) -> None:
    data = (saved / name).read_bytes()
    (saved / name).write_bytes(data[: len(data) // 2])
    with pytest.raises(DataError):
        PatentIndex.load(saved)


def without_digests(folder: Path) -> None:
    """Make the record of an index as older ones are."""
    record = yaml.safe_load((folder / "spec.yaml").read_text())
    del record["files"]
    (folder / "spec.yaml").write_text(yaml.safe_dump(record))


@pytest.mark.parametrize("name", ["index.faiss", "ids.parquet"])
def test_a_changed_byte_is_found(saved: Path, name: str) -> None:
    data = bytearray((saved / name).read_bytes())
    data[len(data) // 2] ^= 1
    (saved / name).write_bytes(data)
    with pytest.raises(DataError, match=rf"has been changed.*{name}.*Build the index again"):
        PatentIndex.load(saved)


def broken_list(index: Any) -> None:
    lists = faiss.downcast_InvertedLists(index.invlists)
    full = next(i for i in range(lists.nlist) if lists.list_size(i))
    faiss.rev_swig_ptr(lists.get_ids(full), 1)[0] = 400


def broken_vector(index: Any) -> None:
    faiss.rev_swig_ptr(index.get_xb(), 1)[0] = np.nan


@pytest.mark.parametrize(
    ("factory", "damage", "match"),
    [
        ("IVF4,Flat", broken_list, "a vector in no list or in two"),
        ("Flat", broken_vector, "a vector that is not of length 1"),
    ],
)
def test_an_index_that_contradicts_itself(
    tmp_path: Path, factory: str, damage: Any, match: str
) -> None:
    index = PatentIndex.build(VECTORS, META["id"], IndexSpec(name="own", factory=factory))
    damage(index.nearest.index)
    index.save(tmp_path / "index")
    with pytest.raises(DataError, match=f"the index is damaged.*{match}"):
        PatentIndex.load(tmp_path / "index")


def test_a_damaged_index_of_the_right_size(saved: Path) -> None:
    without_digests(saved)
    path = saved / "index.faiss"
    path.write_bytes(b"\0" * path.stat().st_size)
    with pytest.raises(DataError, match="cannot be read"):
        PatentIndex.load(saved)


def test_no_folder_at_all(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="missing"):
        PatentIndex.load(tmp_path / "nowhere")


def test_ids_of_another_index(saved: Path, tmp_path: Path) -> None:
    without_digests(saved)
    META.iloc[:399].to_parquet(saved / "ids.parquet")
    with pytest.raises(DataError, match=r"rows in ids.parquet.*399.*400"):
        PatentIndex.load(saved)
    META.iloc[::-1].to_parquet(saved / "ids.parquet")
    with pytest.raises(DataError, match="ids in ids"):
        PatentIndex.load(saved)
    META.rename(columns={"id": "number"}).to_parquet(saved / "ids.parquet")
    with pytest.raises(DataError, match="no column 'id'"):
        PatentIndex.load(saved)


def test_index_of_another_size_or_dimension(saved: Path, tmp_path: Path) -> None:
    without_digests(saved)
    other = tmp_path / "other"
    for vectors, match in (
        (VECTORS[:, :8], "dimension of index.faiss.*8.*16"),
        (np.vstack([VECTORS, VECTORS[:1]]), "rows in index.faiss.*401.*400"),
    ):
        ids = [str(i) for i in range(len(vectors))]
        PatentIndex.build(vectors, ids).save(other)
        record = yaml.safe_load((saved / "spec.yaml").read_text())
        record["bytes"] = (other / "index.faiss").stat().st_size
        (saved / "spec.yaml").write_text(yaml.safe_dump(record))
        shutil.copy(other / "index.faiss", saved / "index.faiss")
        with pytest.raises(DataError, match=match):
            PatentIndex.load(saved)
        shutil.rmtree(other)


@pytest.mark.parametrize(
    ("change", "match"),
    [
        ({"format": 99}, "index of format 1.*got 99; wanted 1.*Build the index again"),
        ({"metric": "l2"}, "index of format 1.*wanted 'cosine'"),
        ({"extra": 1}, "not the record.*unknown setting 'extra'"),
        ({"spec": "flat"}, "not the record"),
        ({"spec": {"name": "x", "factory": "Flat", "colour": 1}}, "unknown setting"),
    ],
)
def test_a_changed_record_is_refused(saved: Path, change: dict, match: str) -> None:
    record = yaml.safe_load((saved / "spec.yaml").read_text()) | change
    (saved / "spec.yaml").write_text(yaml.safe_dump(record))
    with pytest.raises((DataError, ConfigError), match=match):
        PatentIndex.load(saved)


def test_an_index_of_another_metric(saved: Path) -> None:
    without_digests(saved)
    other = faiss.IndexFlatL2(16)
    other.add(VECTORS)
    faiss.write_index(other, str(saved / "index.faiss"))
    record = yaml.safe_load((saved / "spec.yaml").read_text())
    record["bytes"] = (saved / "index.faiss").stat().st_size
    (saved / "spec.yaml").write_text(yaml.safe_dump(record))
    with pytest.raises(DataError, match="another metric"):
        PatentIndex.load(saved)


# ---- specifications -------------------------------------------------------------------------


@pytest.mark.parametrize("name", spec_names())
def test_every_specification_reads_and_says_what_it_is_for(name: str) -> None:
    spec = IndexSpec.read(name)
    assert spec.name == name
    assert len(spec.description) > 40
    for rows, dimension in ((1_000, 384), (100_000, 768)):
        factory = spec.resolve(rows, dimension)
        assert faiss.index_factory(dimension, factory, faiss.METRIC_INNER_PRODUCT).d == dimension


def test_specifications_that_come_along() -> None:
    assert spec_names() == ["flat", "gpu", "hnsw", "ivf-flat", "ivf-pq"]
    assert all(resources.path("indexes", name).is_file() for name in spec_names())


@pytest.mark.parametrize(
    ("rows", "dimension", "factory"),
    [
        (100_000, 384, "IVF1024,PQ48"),
        (10_000, 100, "IVF256,PQ10"),
        (1_000_000, 768, "IVF4096,PQ96"),
        (39, 7, "IVF1,PQ1"),
    ],
)
def test_placeholders(rows: int, dimension: int, factory: str) -> None:
    assert IndexSpec(name="x", factory="IVF{lists},PQ{bytes}").resolve(rows, dimension) == factory


def test_auto_chooses_by_number_and_memory() -> None:
    assert PatentIndex.build(VECTORS, META["id"]).spec.name == "flat"
    assert AUTO_FLAT_ROWS > 87_000
    for rows, memory, name, why in (
        (AUTO_FLAT_ROWS, 8 << 30, "flat", "exact search is quick for 200,000 vectors of 384"),
        (AUTO_FLAT_ROWS, 4 << 27, "ivf-pq", "do not fit into half of the memory"),
        (10**6, 8 << 30, "hnsw", r"with links \(1.8 GB\) in half of the memory \(4.3 GB\)"),
        (10**6, 2 << 30, "ivf-pq", r"\(1.5 GB\) and links do not fit into half of the memory"),
    ):
        chosen = choose_spec(rows, 384, memory)
        assert chosen[0] == name and re.search(why, chosen[1])


def test_auto_takes_lists_where_a_graph_misses_its_target(monkeypatch: pytest.MonkeyPatch) -> None:
    vectors, meta = make(3_000, 48, seed=5)
    efforts = tuning._efforts

    def few(found: Any) -> Any:
        return [{"efSearch": 1}] if found.family == "HNSW" else efforts(found)

    monkeypatch.setattr(tuning, "_efforts", few)
    monkeypatch.setattr(
        index_module, "choose_spec", lambda *_: ("hnsw", "exact is slow; links fit")
    )
    index = PatentIndex.build(vectors, meta["id"])
    assert index.spec.name == "ivf-flat" and index.recall >= index.spec.target
    assert re.fullmatch(r"exact is slow; hnsw has only recall@10 0\.\d+ with efSearch 1", index.why)
    with pytest.raises(ConfigError, match="'hnsw' misses its target"):
        PatentIndex.build(vectors, meta["id"], "hnsw")


def test_own_file(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text("factory: HNSW8,SQ8\nsearch: {efSearch: 64}\nbuild: {efConstruction: 80}\n")
    index = PatentIndex.build(VECTORS, META["id"], path)
    assert index.spec.name == "mine"
    truth = INDEXES["flat"].search(QUERIES, 10)["id"]
    found = index.search(QUERIES, 10)["id"]
    assert (
        np.mean(
            [len(set(found[i : i + 10]) & set(truth[i : i + 10])) / 10 for i in range(0, 300, 10)]
        )
        > 0.9
    )
    assert PatentIndex.build(VECTORS, META["id"], str(path)).spec == index.spec


@pytest.mark.parametrize(
    ("text", "match"),
    [
        ("factory: Flat\nfactry: x", "Did you mean factory"),
        ("description: nothing", "'factory' is missing"),
        ("factory: 3", "'factory' cannot be used.*got 3; wanted a valid string"),
        ("- Flat", "must be a mapping"),
        ("factory: [", "not valid YAML"),
        ("factory: Flat\nsearch: {efSearch: 5}", "efSearch is for HNSW"),
        (
            "factory: HNSW8,Flat\nsearch: {efsearch: 5}",
            "unknown setting 'search.efsearch'.*wanted 'efSearch' or 'nprobe'",
        ),
        (
            "factory: HNSW8,Flat\nsearch: {efSearch: 0}",
            "'search.efSearch' cannot be used.*greater than or equal to 1",
        ),
        (
            "factory: HNSW8,Flat\nsearch: {efSearch: true}",
            "'search.efSearch' cannot be used.*valid integer",
        ),
        ("factory: HNSW8,Flat\nsearch: 5", "'search' cannot be used"),
        ("factory: Flat\nmin_rows: none", "'min_rows' cannot be used.*valid integer"),
        ("factory: Flat\ndevice: tpu", "'device' cannot be used.*'cpu' or 'gpu'"),
        ("factory: Flat\ndescription: 5", "'description' cannot be used.*valid string"),
    ],
)
def test_bad_specification_files(tmp_path: Path, text: str, match: str) -> None:
    path = tmp_path / "bad.yaml"
    path.write_text(text)
    with pytest.raises(ConfigError, match=match):
        PatentIndex.build(VECTORS, META["id"], path)


@pytest.mark.parametrize(
    ("spec", "match"),
    [
        ("hsnw", "Did you mean hnsw"),
        ("nowhere/own.yaml", "no such index specification"),
        (IndexSpec(name="x", factory="Flatt"), "does not accept the factory"),
        (IndexSpec(name="x", factory="PQ5"), "PQ5 at dimension 16"),
        (IndexSpec(name="x", factory="LSH"), "cannot be filtered|does not accept"),
        (IndexSpec(name="x", factory="PCA8,Flat"), "cannot be filtered"),
        (IndexSpec(name="x", factory="Flat", min_rows=401), "got 400; wanted 401"),
    ],
)
def test_specifications_that_do_not_fit(spec: object, match: str) -> None:
    with pytest.raises(ConfigError, match=match):
        PatentIndex.build(VECTORS, META["id"], spec)


@pytest.mark.skipif(getattr(faiss, "get_num_gpus", lambda: 0)() > 0, reason="there is a GPU")
def test_gpu_without_a_gpu() -> None:
    with pytest.raises(ConfigError, match="no GPU"):
        PatentIndex.build(VECTORS, META["id"], "gpu")


@pytest.mark.skipif(getattr(faiss, "get_num_gpus", lambda: 0)() == 0, reason="no GPU here")
def test_gpu_equals_flat(tmp_path: Path) -> None:
    index = PatentIndex.build(VECTORS, META["id"], "gpu", META)
    for filters in ({}, {"cpc": "A01D"}):
        pd.testing.assert_frame_equal(
            index.search(QUERIES, 10, **filters), INDEXES["flat"].search(QUERIES, 10, **filters)
        )
    index.save(tmp_path)
    pd.testing.assert_frame_equal(
        PatentIndex.load(tmp_path).search(QUERIES, 10), INDEXES["flat"].search(QUERIES, 10)
    )


# ---- bad input ------------------------------------------------------------------------------


def spoiled(row: int, value: float) -> np.ndarray:
    out = VECTORS.copy()
    out[row] = value
    return out


@pytest.mark.parametrize(
    ("vectors", "match"),
    [
        (spoiled(3, 0), "zero vectors.*row 3"),
        (spoiled(5, np.nan), "must be finite.*row 5"),
        (spoiled(5, np.inf), "must be finite.*row 5"),
        (VECTORS[0], "must be a matrix"),
        (VECTORS[None], "must be a matrix"),
        (VECTORS[:, :0], "must not be empty"),
        (VECTORS[:0], "must not be empty"),
        (VECTORS.astype(str), "real numbers"),
        (VECTORS > 0, "real numbers"),
    ],
)
def test_bad_vectors(vectors: np.ndarray, match: str) -> None:
    with pytest.raises(DataError, match=match):
        PatentIndex.build(vectors, META["id"][: len(vectors)])


@pytest.mark.parametrize(
    ("ids", "match"),
    [
        (META["id"][:-1], "got 399 ids; wanted 400"),
        (["a"] * 400, "duplicate ids.*row 1"),
        ([0.5, *META["id"][1:]], "not a text.*row 0"),
        ([*META["id"][:-1], ""], "not a text.*row 399"),
    ],
)
def test_bad_ids(ids: object, match: str) -> None:
    with pytest.raises(DataError, match=match):
        PatentIndex.build(VECTORS, ids)


@pytest.mark.parametrize(
    ("meta", "match"),
    [
        (META.drop(columns="id"), "no column 'id'"),
        (META[:-2], "lacks some of the ids.*US00398"),
        (META.assign(rank=1), "result column: got rank"),
        (pd.concat([META, META[:1]]), "duplicate ids in meta"),
        (META.assign(codes="A01B"), "codes are not a list"),
        (META.assign(date="soon"), "not a date"),
        (META.assign(date=3.5), "not a date"),
        (META.assign(date="2010-13-01"), "not a date"),
    ],
)
def test_bad_meta(meta: pd.DataFrame, match: str) -> None:
    with pytest.raises(DataError, match=match):
        PatentIndex.build(VECTORS, META["id"], meta=meta)


@pytest.mark.parametrize(
    ("queries", "match"),
    [
        (QUERIES[:, :8], "got 8; wanted 16"),
        (QUERIES * 0, "queries must not hold zero vectors.*row 0"),
        (QUERIES * np.nan, "must be finite"),
        (["a lawn mower"], "by vector, not by text: got 'a lawn mower'.*or use Run.similar"),
        ("a lawn mower", "by vector, not by text"),
        (pd.Series(["a lawn mower"]), "by vector, not by text"),
        ([["a"] * 16], "by vector, not by text: got 'a'.*Encode the texts"),
        (5.0, "must be a matrix"),
    ],
)
def test_bad_queries(queries: object, match: str) -> None:
    with pytest.raises(DataError, match=match):
        INDEXES["flat"].search(queries)


@pytest.mark.parametrize("k", [0, -1, 2.5, True, "5", None])
def test_bad_k(k: object) -> None:
    with pytest.raises(ConfigError, match="k is not a positive whole number"):
        INDEXES["flat"].search(QUERIES, k)
    with pytest.raises(ConfigError, match="k is not a positive whole number"):
        INDEXES["flat"].similar_to("US00001", k)


@pytest.mark.parametrize(
    ("filters", "match"),
    [
        ({"before": "yesterday"}, "not a date.*before"),
        ({"after": 3.2}, "not a date.*after"),
        ({"cpc": "A1"}, "not a CPC or IPC symbol"),
        ({"cpc": []}, "empty list"),
        ({"exclude_cpc": ["A", "Z99"]}, "not a CPC or IPC symbol"),
        ({"ids": "US00001"}, "one text"),
        ({"ids": 5}, "wanted a list of ids"),
        ({"ids": ["US00001", "XX1", "XX2"]}, r"not in the index.*XX1, XX2 \(2 in all\)"),
    ],
)
def test_bad_filters(filters: dict, match: str) -> None:
    with pytest.raises(DataError, match=match):
        INDEXES["flat"].search(QUERIES, 5, **filters)


@pytest.mark.parametrize(
    ("filters", "column"),
    [
        ({"before": "2010"}, "date"),
        ({"after": "2010"}, "date"),
        ({"cpc": "A"}, "codes"),
        ({"exclude_cpc": "A"}, "codes"),
    ],
)
def test_filters_without_their_column(filters: dict, column: str) -> None:
    index = PatentIndex.build(VECTORS, META["id"])
    with pytest.raises(ConfigError, match=f"no {column} to filter by"):
        index.search(QUERIES, 5, **filters)


def test_unknown_ids_and_filters_of_similar_to() -> None:
    with pytest.raises(DataError, match="not in the index"):
        INDEXES["flat"].similar_to("XX")
    with pytest.raises(DataError, match="not in the index"):
        INDEXES["flat"].vector("XX")
    with pytest.raises(ConfigError, match="Did you mean before"):
        INDEXES["flat"].similar_to("US00001", befor="2010")
