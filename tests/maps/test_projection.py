"""Coordinates by value and by neighbourhood, whatever the number of threads."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from map_cases import GROUP, VECTORS, purity, topics

from patentcl.core.errors import ConfigError, DataError
from patentcl.maps import projection
from patentcl.maps.drawing import neighbours_column, plot_map
from patentcl.maps.projection import (
    _procrustes,
    neighbours,
    place,
    project,
    project_pair,
    provenance,
)
from patentcl.maps.settings import MapSettings


def test_umap_keeps_groups_together(coordinates: np.ndarray) -> None:
    assert coordinates.shape == (600, 2)
    assert coordinates.dtype == np.float32
    assert purity(coordinates, GROUP) > 0.98


def test_umap_is_the_same_on_every_run(coordinates: np.ndarray) -> None:
    before = np.random.get_state()[1].copy()  # noqa: NPY002 - the global state is what is tested
    assert np.array_equal(project(VECTORS), coordinates)
    assert np.array_equal(np.random.get_state()[1], before)  # noqa: NPY002
    assert np.array_equal(project(VECTORS * 4), coordinates)
    assert not np.array_equal(project(VECTORS, seed=1), coordinates)


def test_coordinates_do_not_depend_on_the_number_of_threads() -> None:
    import faiss
    import numba
    from threadpoolctl import threadpool_limits

    vectors = topics(1200, 96, seed=3)[0]
    found, before = [], (faiss.omp_get_max_threads(), numba.get_num_threads())
    for threads in (1, min(2, numba.config.NUMBA_NUM_THREADS)):
        with threadpool_limits(threads):
            faiss.omp_set_num_threads(threads)
            numba.set_num_threads(threads)
            found.append(np.hstack([project(vectors), project(vectors, fit_sample=900)]))
    faiss.omp_set_num_threads(before[0])
    numba.set_num_threads(before[1])
    assert np.ptp(found[0], axis=0).min() > 1
    assert np.array_equal(*found)


def test_a_start_is_kept_to() -> None:
    start = project(VECTORS, method="pca")
    turned = start @ np.array([[0, 2], [-2, 0]]) + 7
    np.testing.assert_allclose(project(VECTORS, method="pca", start=turned), turned, atol=1e-4)
    with pytest.raises(DataError, match="of other patents: got 599; wanted 600"):
        project(VECTORS, method="pca", start=turned[:-1])


def test_what_coordinates_depend_on() -> None:
    found = provenance(5000, MapSettings(neighbors=20), seed=3)
    assert found["seed"] == 3
    assert (found["laid out"], found["neighbours found"]) == (5000, "exactly")
    assert set(found["versions"]) == {"numpy", "scipy", "umap-learn", "numba"}
    large = provenance(400_000)
    assert (large["laid out"], large["neighbours found"]) == (100_000, "approximately")
    assert {"faiss-cpu", "faiss-gpu"} & set(large["versions"])
    assert set(provenance(50, MapSettings(method="pca"))["versions"]) == {"numpy", "scipy"}


def test_input_is_not_changed() -> None:
    vectors = VECTORS.copy()
    project(vectors, method="pca")
    assert np.array_equal(vectors, VECTORS)


def test_pca_equals_scikit_learn() -> None:
    from sklearn.decomposition import PCA

    unit = VECTORS / np.linalg.norm(VECTORS, axis=1, keepdims=True)
    expected = PCA(2, svd_solver="full").fit(unit).transform(unit)
    found = project(VECTORS, method="pca")
    for axis in range(2):
        sign = np.sign(expected[:, axis] @ found[:, axis])
        np.testing.assert_allclose(found[:, axis], sign * expected[:, axis], atol=1e-5)


def test_pca_of_one_dimension_and_of_equal_vectors() -> None:
    assert project(np.ones((5, 1)), method="pca").tolist() == [[0, 0]] * 5
    assert np.abs(project(np.ones((5, 3)), method="pca")).max() < 1e-6


def test_equal_vectors_do_not_break_umap() -> None:
    points = project(np.vstack([VECTORS[:60], np.tile(VECTORS[:1], (60, 1))]), n_neighbors=5)
    assert np.isfinite(points).all()


def test_points_beside_the_sample_go_to_their_group() -> None:
    points = project(VECTORS, fit_sample=200)
    assert purity(points, GROUP) > 0.97
    assert np.array_equal(project(VECTORS, fit_sample=200), points)


def test_placing_by_value() -> None:
    out = place([[8, 6]], [[1, 0], [0, 2]], [[0, 0], [1, 2]])
    weight = np.exp((0.6 - 0.8) / 0.05)
    np.testing.assert_allclose(out, [np.array([1, 2]) * weight / (1 + weight)], rtol=1e-5)


def test_neighbours_above_the_exact_number(monkeypatch: pytest.MonkeyPatch) -> None:
    vectors = topics(3000, 16, seed=2)[0]
    unit = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    exact, distance = projection._neighbours(unit, 10, 0)
    assert (exact[:, 0] == np.arange(3000)).all()
    truth = np.argsort(-(unit @ unit.T), axis=1)[:, :10]
    assert np.mean([len(set(a) & set(b)) for a, b in zip(exact, truth, strict=True)]) > 9.99
    np.testing.assert_allclose(distance, 1 - np.take_along_axis(unit @ unit.T, exact, 1), atol=1e-5)
    monkeypatch.setattr(projection, "_EXACT_ROWS", 100)
    near, _ = projection._neighbours(unit, 10, 0)
    assert (near[:, 0] == np.arange(3000)).all()
    assert all(len(set(row)) == 10 for row in near)
    assert np.mean([len(set(a) & set(b)) for a, b in zip(near, exact, strict=True)]) > 9.5


def test_neighbours_given_are_those_found(coordinates: np.ndarray) -> None:
    near = neighbours(VECTORS)
    unit = VECTORS / np.linalg.norm(VECTORS, axis=1, keepdims=True)
    expected = np.sort(1 - unit @ unit.T, axis=1)[:, :15]
    np.testing.assert_allclose(near.distances, expected, atol=1e-5)
    assert np.array_equal(project(VECTORS, near=near), coordinates)
    with pytest.raises(
        DataError, match=r"neighbours do not fit: got \(600, 15\); wanted \(600, 9\)"
    ):
        project(VECTORS, n_neighbors=9, near=near)


def test_neighbours_in_the_form_of_embedding_atlas(tmp_path: Path) -> None:
    """Its option --neighbors: structs of ids, row numbers from 0 by distance, and distances."""
    near = neighbours(VECTORS[:40], 4)
    titles = [f"<b>{i}" for i in range(40)]
    meta = pd.DataFrame({"id": range(40), "title": titles, "neighbors": neighbours_column(near)})
    files = plot_map(VECTORS[:40, :2], ["x"] * 40, tmp_path, meta=meta).files
    table = pd.read_parquet(files["coordinates"])
    assert {"x", "y", "text", "neighbors"} <= set(table.columns)
    assert table["text"].tolist() == titles
    assert [set(row) for row in table["neighbors"]] == [{"ids", "distances"}] * 40
    assert np.array_equal(np.stack([row["ids"] for row in table["neighbors"]]), near.ids)
    assert np.array_equal(np.stack([r["distances"] for r in table["neighbors"]]), near.distances)


CUML = """
import numpy as np
calls = []
class UMAP:
    def __init__(self, **options):
        calls.append(options)
    def fit_transform(self, X):
        return calls[-1]["init"] * 2
"""


def test_cuml_lays_out_where_it_and_a_gpu_are(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "cuml").mkdir()
    (tmp_path / "cuml" / "__init__.py").write_text("__version__ = '26.02'")
    (tmp_path / "cuml" / "manifold.py").write_text(CUML)
    monkeypatch.syspath_prepend(str(tmp_path))
    before = project(VECTORS[:60], n_neighbors=5)  # no GPU: not by cuml
    assert "laid out by" not in provenance(60)
    monkeypatch.setattr(projection, "find_device", lambda: torch.device("cuda"))
    found = project(VECTORS[:60], n_neighbors=5, seed=3)
    assert provenance(60)["laid out by"] == "cuml 26.02"
    (call,) = importlib.import_module("cuml.manifold").calls
    near = neighbours(VECTORS[:60], 5)
    assert np.array_equal(call["precomputed_knn"][0], near.ids)
    assert np.array_equal(call["precomputed_knn"][1], near.distances)
    assert (call["metric"], call["random_state"], call["n_neighbors"]) == ("cosine", 3, 5)
    assert "n_jobs" not in call and found.dtype == np.float32
    assert not np.array_equal(found, before)
    assert np.array_equal(found, call["init"] * 2)
    for name in ("cuml", "cuml.manifold"):
        monkeypatch.delitem(sys.modules, name)


def test_procrustes_undoes_turning_mirroring_and_scaling() -> None:
    rng = np.random.default_rng(0)
    points = rng.normal(size=(50, 2))
    turn = np.array([[np.cos(1), -np.sin(1)], [np.sin(1), np.cos(1)]]) @ np.diag([1, -1])
    np.testing.assert_allclose(_procrustes(points, 3 * points @ turn + 5), points, atol=1e-5)


def test_a_pair_of_like_encoders_gives_like_maps() -> None:
    rng = np.random.default_rng(1)
    near = VECTORS + 0.02 * rng.normal(size=VECTORS.shape)
    turned = near @ np.linalg.qr(rng.normal(size=(12, 12)))[0]  # the same neighbours, other numbers
    one, two = project_pair(VECTORS, turned)
    apart = project(turned, seed=5)
    assert np.array_equal(one, project(VECTORS))
    moved = np.median(np.linalg.norm(one - two, axis=1))
    assert moved < 0.35 * np.median(np.linalg.norm(one - apart, axis=1))
    for points in (one, two):
        assert purity(points, GROUP) > 0.98


def test_a_pair_may_have_other_dimensions() -> None:
    one, two = project_pair(VECTORS, VECTORS[:, :8], method="pca")
    assert one.shape == two.shape == (600, 2)


@pytest.mark.parametrize(
    ("vectors", "options", "error", "match"),
    [
        (np.where(np.arange(600)[:, None] == 4, np.nan, VECTORS), {}, DataError, "finite.*row 4"),
        (np.where(np.arange(600)[:, None] == 4, 0, VECTORS), {}, DataError, "zero.*row 4"),
        (VECTORS[0], {}, DataError, "must be a matrix"),
        (VECTORS[:0], {}, DataError, "too few vectors.*got 0; wanted 3"),
        (VECTORS.astype(str), {}, DataError, "real numbers"),
        (VECTORS[:2], {"method": "pca"}, DataError, "too few"),
        (VECTORS, {"method": "umpa"}, ConfigError, "Did you mean umap"),
        (VECTORS, {"n_neighbors": 1}, ConfigError, "n_neighbors"),
        (VECTORS, {"n_neighbors": 2.5}, ConfigError, "n_neighbors"),
        (VECTORS, {"min_dist": 2}, ConfigError, "min_dist"),
        (VECTORS, {"fit_sample": 15}, ConfigError, "fit_sample"),
    ],
)
def test_bad_vectors_and_settings(
    vectors: np.ndarray, options: dict, error: type, match: str
) -> None:
    with pytest.raises(error, match=match):
        project(vectors, **options)


def test_bad_pairs() -> None:
    with pytest.raises(DataError, match="got 599 tuned; wanted 600"):
        project_pair(VECTORS, VECTORS[:-1])
    with pytest.raises(DataError, match="tuned vectors must be finite"):
        project_pair(VECTORS, VECTORS * np.nan)


def test_new_vectors_are_placed_among_their_nearest() -> None:
    points = project(VECTORS[:500])
    found = place(VECTORS[500:], VECTORS[:500], points)
    unit = VECTORS / np.linalg.norm(VECTORS, axis=1, keepdims=True)
    cosine = unit[500:] @ unit[:500].T
    nearest = np.argsort(-cosine, axis=1)[:, :5]
    similarity = np.take_along_axis(cosine, nearest, axis=1)
    weight = np.exp((similarity - similarity[:, :1]) / 0.05)
    expected = (weight[:, :, None] * points[nearest]).sum(axis=1) / weight.sum(axis=1)[:, None]
    np.testing.assert_allclose(found, expected, atol=1e-3)
    with pytest.raises(DataError, match="another encoder"):
        place([[1.0, 2.0]], VECTORS[:500], points)


@pytest.mark.parametrize("rows", [3, 6, 15])
def test_few_vectors_have_fewer_neighbours(rows: int) -> None:
    few = VECTORS[:rows]
    points = project(few)
    assert np.isfinite(points).all()
    np.testing.assert_array_equal(points, project(few, n_neighbors=rows - 1))
    assert provenance(rows)["neighbors"] == rows - 1
