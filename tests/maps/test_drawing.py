"""Pictures of maps and the files written with them."""

from __future__ import annotations

import os
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from map_cases import GROUP, META, TOPICS
from matplotlib.text import Text

from patentcl.core.errors import ConfigError, DataError
from patentcl.maps import fonts
from patentcl.maps.comparison import compare_maps
from patentcl.maps.drawing import MapStyle, plot_map
from patentcl.maps.settings import MapSettings

SVG = "http://www.w3.org/2000/svg"


def test_files_of_a_map(drawn: dict[str, Path], coordinates: np.ndarray) -> None:
    assert {path.name for path in drawn.values()} == {
        "map.png",
        "map.svg",
        "map.html",
        "coordinates.parquet",
    }
    table = pd.read_parquet(drawn["coordinates"])
    assert list(table.columns) == ["id", "x", "y", "label", "cluster", "text"]
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


def test_the_same_map_gives_the_same_files(coordinates: np.ndarray, tmp_path: Path) -> None:
    style = MapStyle(size=(4, 4), dpi=40, max_labels=2, dark=True)
    labels = [TOPICS[g] if g else None for g in GROUP]
    files = [plot_map(coordinates, labels, tmp_path / x, style=style).files for x in "ab"]
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


def test_no_display_is_needed(tmp_path: Path) -> None:
    code = "from patentcl.maps import plot_map; plot_map([[0, 0], [0, 1], [1, 1]], ['a'] * 3, '.')"
    env = {k: v for k, v in os.environ.items() if k not in ("DISPLAY", "WAYLAND_DISPLAY")}
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, env=env | {"MPLBACKEND": "tkagg"}
    )
    assert done.returncode == 0 and (tmp_path / "map.png").is_file()


@pytest.mark.parametrize(
    ("change", "match"),
    [
        ({"coordinates": np.full((600, 2), np.nan)}, "coordinates must be finite.*row 0"),
        ({"coordinates": np.zeros((600, 3))}, "must have 2 columns"),
        ({"coordinates": np.zeros((0, 2))}, "must not be empty"),
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
    arguments = {"coordinates": coordinates, "labels": ["x"] * 600, "out": tmp_path} | change
    with pytest.raises(DataError, match=match):
        plot_map(**arguments)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    "options", [{"formats": ("gif",)}, {"max_labels": -1}, {"dpi": 0}, {"size": (0, 5)}]
)
def test_bad_styles(options: dict) -> None:
    with pytest.raises(ConfigError):
        MapStyle(**options)


def test_without_a_folder_a_figure_for_a_notebook(
    coordinates: np.ndarray, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    labels = [TOPICS[g] if g else None for g in GROUP]
    figure = plot_map(coordinates, labels, style=MapStyle(size=(4, 4), dpi=40))
    assert figure.files == {}
    assert not list(tmp_path.iterdir())
    assert figure._repr_png_().startswith(b"\x89PNG")
    texts = [artist.get_text() for artist in figure.findobj(Text)]
    assert any("600 patents" in text for text in texts)
    alone = int((GROUP == 0).sum())
    assert any(f"5 groups, {alone} patents in none" in text for text in texts)


def test_texts_are_drawn_as_they_are(tmp_path: Path) -> None:
    """Dollar signs start no formula, and line breaks or signs of XML break no file."""
    title, label = "Cost $5_a_b to $10", "$x_a_b$ <pumps>"
    points = np.random.default_rng(0).normal(size=(30, 2))
    labels = [label] * 15 + ["saws"] * 15
    style = MapStyle(title=title, dpi=30, formats=("svg", "png"))
    plot_map(points, labels, tmp_path, style=style)
    text = ElementTree.parse(tmp_path / "map.svg").getroot()
    drawn = [" ".join("".join(t.itertext()).split()) for t in text.iter(f"{{{SVG}}}text")]
    assert title in drawn and any("$x_a_b$" in t for t in drawn)
    compare_maps(
        points,
        points,
        labels,
        tmp_path,
        coordinates=points,
        settings=MapSettings(method="pca"),
        style=style,
    )
    text = ElementTree.parse(tmp_path / "compare.svg").getroot()
    assert {title, label} <= {"".join(t.itertext()) for t in text.iter(f"{{{SVG}}}text")}


def test_letters_that_no_font_has_are_told(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fonts.fontManager, "ttflist", [])
    fonts._families.cache_clear()
    with fonts.plain_text(["水泵 pump", "ポンプ"]) as families:
        assert families == ["DejaVu Sans"]
    assert "no installed font has 5 characters of the map" in caplog.text
    with fonts.plain_text(["水泵 pump", "ポンプ"]):
        assert len(caplog.records) == 1  # once


def test_fonts_that_have_missing_letters_are_found(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    symbols = [f for f in fonts.fontManager.ttflist if f.name in ("STIXGeneral", "DejaVu Sans")]
    monkeypatch.setattr(fonts.fontManager, "ttflist", symbols)
    fonts._families.cache_clear()
    only_there = "\u2315"  # of STIX, which comes with matplotlib, and not of DejaVu Sans
    with fonts.plain_text([f"pump {only_there}"]) as families:
        assert families == ["DejaVu Sans", "STIXGeneral"]
    fonts._families.cache_clear()
    assert not caplog.records
