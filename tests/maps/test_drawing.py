"""Maps: coordinates by value and by neighbourhood, groups and names, pictures, the page."""

from __future__ import annotations

import base64
import gzip
import json
import re
import shutil
import subprocess
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from patentcl.core.errors import ConfigError, DataError
from patentcl.maps.clusters import _over_represented, _terms
from patentcl.maps.drawing import (
    MapStyle,
    cluster,
    plot_compare,
    plot_map,
    project,
    project_pair,
    short_title,
)
from patentcl.maps.projection import _place, _procrustes

TOPICS = ["mower", "battery", "antenna", "protein", "valve", "camera"]
SYMBOLS = ["A01D34/68", "H01M10/44", "H01Q1/00", "C07K14/00", "F16K1/00", "H04N23/00"]
TITLES = {
    "A01D": "HARVESTING; MOWING",
    "H01M": "BATTERIES, FOR THE CONVERSION OF ENERGY",
    "H01Q": "ANTENNAS, i.e. RADIO AERIALS",
    "C07K": "PEPTIDES (beta-lactams C07D)",
    "F16K": "VALVES; TAPS; COCKS",
    "H04N": "PICTORIAL COMMUNICATION, e.g. TELEVISION",
}


def topics(n: int = 600, d: int = 12, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Vectors in six groups, and the number of each one's group."""
    rng = np.random.default_rng(seed)
    centres = 3 * np.eye(6, d)
    group = rng.integers(0, 6, n)
    return (centres[group] + 0.35 * rng.normal(size=(n, d))).astype(np.float32), group


VECTORS, GROUP = topics()
META = pd.DataFrame(
    {
        "id": [f"US{i}" for i in range(600)],
        "title": [f"{TOPICS[g].title()} device <b>& {i}</b>" for i, g in enumerate(GROUP)],
        "date": ["2001-02-03" if i % 5 else None for i in range(600)],
        "codes": [[SYMBOLS[g], "B60K1/00"] if i % 3 else [] for i, g in enumerate(GROUP)],
    }
)


@pytest.fixture(scope="module")
def coordinates() -> np.ndarray:
    return project(VECTORS)


def purity(points: np.ndarray, group: np.ndarray, k: int = 10) -> float:
    """Share of each point's k nearest on the map that are of its group."""
    gap = np.linalg.norm(points[:, None] - points[None], axis=2)
    np.fill_diagonal(gap, np.inf)
    return float(np.mean(group[np.argsort(gap, axis=1)[:, :k]] == group[:, None]))


# ---- coordinates ----------------------------------------------------------------------------


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
    unit = np.array([[1, 0], [0, 1], [0.8, 0.6]], dtype=np.float32)
    placed = np.array([[0, 0], [1, 2]], dtype=np.float32)
    out = _place(unit, np.array([0, 1]), placed, seed=0, count=2)
    weight = np.exp((0.6 - 0.8) / 0.05)
    np.testing.assert_allclose(out[2], np.array([1, 2]) * weight / (1 + weight), rtol=1e-5)
    np.testing.assert_array_equal(out[:2], placed)


def test_neighbours_above_the_exact_number(monkeypatch: pytest.MonkeyPatch) -> None:
    from patentcl.maps import projection

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
        (np.where(np.arange(600)[:, None] == 4, np.nan, VECTORS), {}, DataError, "nan.*row 4"),
        (np.where(np.arange(600)[:, None] == 4, 0, VECTORS), {}, DataError, "zero vectors.*row 4"),
        (VECTORS[0], {}, DataError, "wrong shape"),
        (VECTORS[:0], {}, DataError, "no vectors"),
        (VECTORS.astype(str), {}, DataError, "not numbers"),
        (VECTORS[:15], {}, DataError, "got 15; wanted 16"),
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
    with pytest.raises(DataError, match="tuned vectors hold nan"):
        project_pair(VECTORS, VECTORS * np.nan)


# ---- groups and names -----------------------------------------------------------------------


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


def test_groups_are_the_same_on_every_run(
    coordinates: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = cluster(coordinates, texts=META["title"])
    assert np.array_equal(cluster(coordinates, texts=META["title"]).cluster, first.cluster)
    monkeypatch.setattr("patentcl.maps.clusters._FIT_ROWS", 300)
    sampled = cluster(coordinates, texts=META["title"])
    both = (sampled.cluster >= 0) & (first.cluster >= 0)
    assert both.mean() > 0.7
    pairs = pd.crosstab(sampled.cluster[both], first.cluster[both])
    assert pairs.max().sum() / pairs.to_numpy().sum() > 0.95


def test_lift_by_hand() -> None:
    codes = [
        ["A01B1/00"],
        ["A01B1/00", "A01B3/00"],
        ["A01B1/00"],
        ["H01M4/00"],
        ["H01M4/00"],
        [],
        ["A01B1/00"],
        ["C12N1/00"],
    ]
    number = np.array([0, 0, 0, 0, 1, 0, 1, -1])
    (code, share, lift), other = _over_represented(number, 2, codes, "subclass")
    assert (code, share) == ("A01B", 3 / 4)
    assert lift == pytest.approx((3 / 4.5) / (4 / 7))
    assert other[0] == ""  # fewer than three patents say nothing


def test_terms_by_a_naive_transcription() -> None:
    texts = ["blue widget", "widget", "widget frame", "frame", "frame house", None]
    number = np.array([0, 0, 0, 1, 1, 1])
    counts = [
        {"blue": 1, "widget": 3, "blue widget": 1, "frame": 1, "widget frame": 1},
        {"frame": 2, "house": 1, "frame house": 1},
    ]
    total: dict[str, int] = {}
    for group in counts:
        for term, count in group.items():
            total[term] = total.get(term, 0) + count
    mean = sum(total.values()) / 2
    for group, found in zip(counts, _terms(number, 2, texts), strict=True):
        weight = {t: c / sum(group.values()) * np.log1p(mean / total[t]) for t, c in group.items()}
        assert found[0] == max(sorted(weight), key=lambda t: weight[t])
    assert _terms(number, 2, texts)[0][0] == "widget"


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
    ("title", "short"),
    [
        ("SEMICONDUCTOR DEVICES; ELECTRIC SOLID STATE DEVICES", "Semiconductor devices"),
        ("Hand tools (edge trimmers {for lawns (A01G3/06)} A01B)", "Hand tools"),
        (
            "HEAT-EXCHANGE APPARATUS, NOT PROVIDED FOR IN ANOTHER SUBCLASS, IN WHICH MEDIA",
            "Heat-exchange apparatus, in which media",
        ),
        ("PICTORIAL COMMUNICATION, e.g. TELEVISION", "Pictorial communication, e.g. television"),
        (
            "Preparations for the treatment of whatever ails patients and their animals",
            "Preparations for the treatment of whatever",
        ),
        ("", ""),
        ("(nothing)", ""),
        ("A" * 80, "A" + "a" * 45),
    ],
)
def test_short_titles(title: str, short: str) -> None:
    assert short_title(title) == short


@pytest.mark.parametrize(
    ("points", "options", "error", "match"),
    [
        (VECTORS * np.nan, {}, DataError, "points hold nan"),
        (VECTORS[0], {}, DataError, "shape"),
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


# ---- pictures and the page ------------------------------------------------------------------


@pytest.fixture(scope="module")
def drawn(coordinates: np.ndarray, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    groups = cluster(coordinates, codes=META["codes"], texts=META["title"], titles=TITLES)
    style = MapStyle(title="Six topics & <more>", subtitle="600 patents", size=(6, 5), dpi=60)
    return plot_map(
        coordinates,
        groups.labels,
        tmp_path_factory.mktemp("map"),
        meta=META,
        clusters=groups.cluster,
        style=style,
    )


def unpacked(page: Path) -> dict:
    text = page.read_text(encoding="utf-8")
    packed = re.search(r'<script type="text/plain" id="data">([^<]*)</script>', text)
    assert packed
    return json.loads(gzip.decompress(base64.b64decode(packed[1])))


def test_files_of_a_map(drawn: dict[str, Path], coordinates: np.ndarray) -> None:
    assert {path.name for path in drawn.values()} == {
        "map.png",
        "map.svg",
        "map.html",
        "coordinates.parquet",
    }
    table = pd.read_parquet(drawn["coordinates"])
    assert list(table.columns) == ["id", "x", "y", "label", "cluster"]
    assert table["id"].tolist() == META["id"].tolist()
    np.testing.assert_array_equal(table[["x", "y"]].to_numpy(), coordinates)
    assert (table["label"] == "").equals(table["cluster"] == -1)


def test_the_picture_is_not_empty(drawn: dict[str, Path]) -> None:
    from matplotlib.image import imread

    picture = imread(drawn["png"])
    assert min(picture.shape[:2]) > 200
    assert len(np.unique(picture.reshape(-1, picture.shape[2]), axis=0)) > 200
    text = drawn["svg"].read_text(encoding="utf-8")
    ElementTree.fromstring(text)
    assert "Harvesting" in text
    assert drawn["svg"].stat().st_size < 1_000_000


def test_the_page_holds_the_data(drawn: dict[str, Path], coordinates: np.ndarray) -> None:
    data = unpacked(drawn["html"])
    assert data["id"] == META["id"].tolist()
    assert data["title"] == META["title"].tolist()
    assert data["date"][:2] == ["", "2001-02-03"]
    assert data["codes"][1] == " ".join(META["codes"][1])
    xy = np.frombuffer(base64.b64decode(data["xy"]), dtype="<u2").reshape(-1, 2) / 65535
    span = np.ptp(coordinates, axis=0).max()
    np.testing.assert_allclose(xy * span, coordinates - coordinates.min(axis=0), atol=span / 5e4)
    label = np.frombuffer(base64.b64decode(data["label"]), dtype="<u2")
    expected = pd.read_parquet(drawn["coordinates"])["label"]
    assert [data["labels"][i] if i < 65535 else "" for i in label] == expected.tolist()


def test_the_page_fetches_nothing(drawn: dict[str, Path]) -> None:
    text = drawn["html"].read_text(encoding="utf-8")
    code = re.sub(r'id="data">[^<]*<', 'id="data"><', text)
    assert "{{" not in code
    assert "<title>Six topics &amp; &lt;more&gt;</title>" in code
    assert not re.search(r"""https?:|//[\w.-]+\.\w|\b(src|href)\s*=|url\(|@import|import\(""", code)
    assert not re.search(r"fetch\(|XMLHttpRequest|WebSocket|sendBeacon|innerHTML", code)
    assert "default-src 'none'" in code


@pytest.mark.skipif(shutil.which("chromium") is None, reason="no chromium here to open the page in")
def test_the_page_opens_and_finds(drawn: dict[str, Path], tmp_path: Path) -> None:
    command = [
        "chromium",
        "--headless",
        "--no-sandbox",
        "--disable-gpu",
        "--virtual-time-budget=4000",
        f"--user-data-dir={tmp_path}",
        "--host-resolver-rules=MAP * ~NOTFOUND",
        "--dump-dom",
        f"{drawn['html'].resolve().as_uri()}#mower",
    ]
    shown = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True).stdout
    assert f"{int((GROUP == 0).sum())} of 600 patents" in shown
    assert 'id="heading">Six topics &amp; &lt;more&gt;<' in shown
    assert "could not be shown" not in shown.split("<script>")[0]
    assert shown.count("<i style=") >= 6


def test_the_same_map_gives_the_same_files(coordinates: np.ndarray, tmp_path: Path) -> None:
    style = MapStyle(size=(4, 4), dpi=40, max_labels=2, dark=True)
    labels = [TOPICS[g] if g else None for g in GROUP]
    files = [plot_map(coordinates, labels, tmp_path / name, style=style) for name in "ab"]
    for kind in files[0]:
        assert files[0][kind].read_bytes() == files[1][kind].read_bytes(), kind
    table = pd.read_parquet(files[0]["coordinates"])
    assert table["id"].tolist() == [str(i) for i in range(600)]
    assert table.groupby("cluster")["label"].nunique().tolist() == [1] * 6
    assert set(table["label"][table["cluster"] == -1]) == {""}
    assert "mower" not in files[0]["svg"].read_text()


def test_only_the_formats_asked_for(coordinates: np.ndarray, tmp_path: Path) -> None:
    plot_map(coordinates, ["x"] * 600, tmp_path, style=MapStyle(formats=("html",)))
    assert {p.name for p in tmp_path.iterdir()} == {"map.html", "coordinates.parquet"}


def test_drawing_leaves_pyplot_alone(coordinates: np.ndarray, tmp_path: Path) -> None:
    import matplotlib.pyplot as plt

    before = plt.get_fignums(), dict(plt.rcParams)
    plot_map(coordinates, ["x"] * 600, tmp_path, style=MapStyle(size=(4, 4), dpi=40))
    assert (plt.get_fignums(), dict(plt.rcParams)) == before
    assert ">x<" in (tmp_path / "map.svg").read_text()  # the name of the only group


def test_compare(coordinates: np.ndarray, tmp_path: Path) -> None:
    labels = [f"topic {g}" if g else None for g in GROUP]
    style = MapStyle(title="Two encoders", size=(8, 5), dpi=60)
    files = plot_compare(
        coordinates, coordinates[:, ::-1], labels, tmp_path, style=style, notes=("before", "after")
    )
    text = files["svg"].read_text()
    for words in (
        "Two encoders",
        "base encoder",
        "tuned encoder",
        "before",
        "after",
        "topic 5",
        "other or none",
    ):
        assert words in text
    assert {p.name for p in tmp_path.iterdir()} == {"compare.png", "compare.svg"}


@pytest.mark.parametrize(
    ("change", "match"),
    [
        ({"coordinates": np.full((600, 2), np.nan)}, "coordinates hold nan.*row 0"),
        ({"coordinates": np.zeros((600, 3))}, r"wrong shape.*\(n, 2\)"),
        ({"coordinates": np.zeros((0, 2))}, "no coordinates"),
        ({"labels": ["a"] * 599}, "got 599; wanted 600"),
        ({"labels": [""] * 600}, "no point has"),
        ({"labels": [None] * 600}, "no point has"),
        ({"labels": [3] * 600}, "not a text.*row 0"),
        ({"meta": META[:-1]}, "meta does not fit"),
        ({"meta": META.drop(columns="id")}, "does not fit"),
        ({"clusters": [1, 2]}, "clusters and coordinates differ"),
        ({"clusters": [0.5] * 600}, "clusters and coordinates differ"),
    ],
)
def test_bad_maps(coordinates: np.ndarray, tmp_path: Path, change: dict, match: str) -> None:
    arguments = {"coordinates": coordinates, "labels": ["x"] * 600, "path": tmp_path} | change
    with pytest.raises(DataError, match=match):
        plot_map(**arguments)
    assert not list(tmp_path.iterdir())


def test_bad_comparisons(coordinates: np.ndarray, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="number of points"):
        plot_compare(coordinates, coordinates[:-1], ["x"] * 600, tmp_path)
    with pytest.raises(DataError, match="tuned coordinates hold nan"):
        plot_compare(coordinates, coordinates * np.nan, ["x"] * 600, tmp_path)
    with pytest.raises(DataError, match="no point has a label"):
        plot_compare(coordinates, coordinates, [""] * 600, tmp_path)


@pytest.mark.parametrize(
    "options", [{"formats": ("pdf",)}, {"max_labels": -1}, {"dpi": 0}, {"size": (0, 5)}]
)
def test_bad_styles(options: dict) -> None:
    with pytest.raises(ConfigError):
        MapStyle(**options)
