"""Two encoders side by side."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from map_cases import GROUP, VECTORS

from patentcl.core.errors import DataError
from patentcl.maps.comparison import compare_maps
from patentcl.maps.drawing import MapStyle
from patentcl.maps.projection import project, project_pair
from patentcl.maps.settings import MapSettings

STYLE = MapStyle(title="Two encoders", size=(8, 5), dpi=60, headings=("as it was", "as it is"))
LABELS = [f"topic {g}" if g else None for g in GROUP]
PCA = MapSettings(method="pca")
OTHER = VECTORS + 0.5 * np.random.default_rng(1).normal(size=VECTORS.shape)


def test_two_maps_in_one_picture(tmp_path: Path) -> None:
    found = compare_maps(OTHER, VECTORS, LABELS, tmp_path, settings=PCA, style=STYLE)
    base, tuned = project_pair(OTHER, VECTORS, method="pca")
    assert np.array_equal(found.base, base)
    assert np.array_equal(found.tuned, tuned)
    text = found.figure.files["svg"].read_text()
    for words in ("Two encoders", "as it was", "as it is", "topic 5", "other or none"):
        assert words in text
    assert {p.name for p in tmp_path.iterdir()} == {"compare.png", "compare.svg"}


def test_the_tuned_map_may_be_made_already() -> None:
    tuned = project(VECTORS, method="pca")
    found = compare_maps(OTHER, VECTORS, LABELS, coordinates=tuned, settings=PCA, style=STYLE)
    assert np.array_equal(found.tuned, tuned)
    assert np.array_equal(found.base, project(OTHER, method="pca", start=tuned))
    assert found.figure.files == {}


def test_the_note_counts_what_the_encoders_share(tmp_path: Path) -> None:
    for other, shared in ((VECTORS * 3, "10.0"), (VECTORS[:, [*range(6, 12)]], None)):
        found = compare_maps(other, VECTORS, LABELS, tmp_path, settings=PCA)
        text = found.figure.files["svg"].read_text()
        assert "of 10 nearest patents" in text
        assert (f"{shared} are the same" in text) == (shared is not None)


@pytest.mark.parametrize(
    ("change", "match"),
    [
        ({"tuned_vectors": VECTORS[:-1]}, "got 599 tuned; wanted 600"),
        ({"base_vectors": VECTORS * np.nan}, "base vectors must be finite"),
        ({"coordinates": np.zeros((599, 2))}, "of other patents: got 599; wanted 600"),
        ({"coordinates": np.zeros((600, 3))}, "2 columns"),
        ({"labels": [""] * 600}, "no point has a label"),
        ({"labels": ["x"] * 599}, "got 599; wanted 600"),
    ],
)
def test_bad_comparisons(tmp_path: Path, change: dict, match: str) -> None:
    arguments = {"base_vectors": OTHER, "tuned_vectors": VECTORS, "labels": LABELS} | change
    with pytest.raises(DataError, match=match):
        compare_maps(**arguments, out=tmp_path / "out", settings=PCA)
    assert not (tmp_path / "out").exists()
