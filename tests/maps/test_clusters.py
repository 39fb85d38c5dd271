"""Groups of points: found, numbered, named, and every bad input."""

from __future__ import annotations

import numpy as np
import pytest
from map_cases import GROUP, META, SYMBOLS, TITLES, TOPICS, VECTORS

from patentcl.core.errors import ConfigError, DataError
from patentcl.maps import clusters
from patentcl.maps.clusters import cluster


@pytest.mark.parametrize("method", ["hdbscan", "kmeans"])
def test_groups_are_found_and_named(coordinates: np.ndarray, method: str) -> None:
    size = 100 if method == "kmeans" else None
    found = cluster(
        coordinates,
        codes=META["codes"],
        texts=META["title"],
        titles=TITLES,
        method=method,
        size=size,
    )
    inside = found.cluster >= 0
    assert inside.mean() > 0.8
    assert sorted(found.table["size"], reverse=True) == found.table["size"].tolist()
    assert (np.bincount(found.cluster[inside]) == found.table["size"]).all()
    assert set(found.labels[~inside]) <= {""}
    assert (found.table["label"].to_numpy()[found.cluster[inside]] == found.labels[inside]).all()
    assert found.table["label"].is_unique
    for _, row in found.table.iterrows():
        group = np.bincount(GROUP[found.cluster == row["cluster"]]).argmax()
        assert row["code"] == SYMBOLS[group][:4]
        assert row["title"] == TITLES[row["code"]]
        assert TOPICS[group] in row["terms"]
        assert row["lift"] > 3


def test_groups_are_the_same_on_every_run_and_with_any_number_of_threads(
    coordinates: np.ndarray,
) -> None:
    numba = pytest.importorskip("numba")
    first = cluster(coordinates, texts=META["title"])
    assert np.array_equal(cluster(coordinates, texts=META["title"]).cluster, first.cluster)
    before = numba.get_num_threads()
    numba.set_num_threads(1)
    try:
        assert np.array_equal(cluster(coordinates).cluster, first.cluster)
    finally:
        numba.set_num_threads(before)


def test_layers_go_from_coarse_to_fine(coordinates: np.ndarray) -> None:
    found = cluster(coordinates, texts=META["title"])
    count = [len(set(names) - {""}) for names in found.layers]
    assert count == sorted(count) and len(count) <= 3
    assert any(np.array_equal(names, found.labels) for names in found.layers)


@pytest.mark.parametrize("n", [2, 3, 9, 12])
def test_few_or_equal_points_are_in_no_group_or_in_one(n: int) -> None:
    for points in (np.zeros((n, 2)), np.random.default_rng(0).normal(size=(n, 2))):
        found = cluster(points)
        assert found.cluster.shape == (n,) and found.cluster.max() < 3


def test_groups_without_anything_to_name_them(coordinates: np.ndarray) -> None:
    found = cluster(coordinates, method="kmeans", size=200)
    assert found.table["label"].tolist() == ["Group 1", "Group 2", "Group 3"]
    found = cluster(coordinates, method="kmeans", size=200, texts=["the of"] * 600)
    assert found.table["label"].tolist() == ["Group 1", "Group 2", "Group 3"]


def test_groups_that_share_a_code_take_the_finer_title(coordinates: np.ndarray) -> None:
    codes = [["G06F16/00"] if g < 3 else ["G06F3/01"] for g in GROUP]
    found = cluster(
        codes=codes,
        points=GROUP[:, None] // 3,
        method="kmeans",
        size=300,
        titles={
            "G06F": "ELECTRIC DIGITAL DATA PROCESSING",
            "G06F16/00": "Information retrieval; Databases",
            "G06F3/00": "Input arrangements",
        },
    )
    assert set(found.table["label"]) == {"Information retrieval", "Input arrangements"}


@pytest.mark.parametrize(
    ("points", "options", "error", "match"),
    [
        (VECTORS * np.nan, {}, DataError, "points must be finite"),
        (VECTORS[0], {}, DataError, "must be a matrix"),
        (VECTORS, {"method": "dbscan"}, ConfigError, "Did you mean hdbscan"),
        (VECTORS, {"level": "klass"}, ConfigError, "unknown level"),
        (VECTORS, {"size": 1}, ConfigError, "2 to 600"),
        (VECTORS, {"size": 601}, ConfigError, "2 to"),
        (VECTORS, {"codes": [["A01B"]]}, DataError, "codes and points differ"),
        (VECTORS, {"texts": ["a"]}, DataError, "texts and points differ"),
    ],
)
def test_bad_groups(points: np.ndarray, options: dict, error: type, match: str) -> None:
    with pytest.raises(error, match=match):
        cluster(points, **options)


def test_few_patents_have_small_groups() -> None:
    rng = np.random.default_rng(0)
    group = np.repeat(np.arange(8), 9)
    points = rng.normal(size=(72, 2)) + 40 * rng.permutation(64)[:8, None][group] @ [[1.0, 0.3]]
    found = cluster(points, texts=[f"word{'abcdefgh'[g]}" for g in group])
    assert len(found.table) == 8 and (found.cluster >= 0).mean() > 0.9
    for number in range(8):
        assert len(set(group[found.cluster == number])) == 1


def test_points_between_groups_join_a_near_one(monkeypatch: pytest.MonkeyPatch) -> None:
    group = np.random.default_rng(0).normal(scale=0.3, size=(300, 2))
    groups = np.vstack([group, [2, 0] - group * [1, -1]])  # the other one mirrored
    beside = [[-0.9, 0], [2.9, 0], [-0.9, 0.1]]
    alone = [[1, 0], [0, 30], [30, 0]]  # between two, and far from all
    layer = np.repeat([1, 0, -1], [300, 300, 6])
    monkeypatch.setattr(clusters, "_hdbscan", lambda points, size: ([layer], 0))
    texts = ["mower"] * 300 + ["cell"] * 300 + ["gear"] * 6
    found = cluster(np.vstack([groups, beside, alone]), texts=texts)
    assert found.labels[600:].tolist() == ["Mower", "Cell", "Mower", "", "", ""]
    assert found.table["size"].tolist() == [302, 301]  # and the terms are of those before
    assert found.table["terms"].tolist() == ["mower", "cell"]
