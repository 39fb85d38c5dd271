"""The map that several tests look at, and the files drawn of it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from map_cases import META, TITLES, VECTORS

from patentcl.maps import MapStyle, cluster, plot_map, project


@pytest.fixture(scope="package")
def coordinates() -> np.ndarray:
    return project(VECTORS)


@pytest.fixture(scope="package")
def drawn(coordinates: np.ndarray, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    groups = cluster(coordinates, codes=META["codes"], texts=META["title"], titles=TITLES)
    style = MapStyle(title="Six topics & <more>", subtitle="600 patents", size=(6, 5), dpi=60)
    figure = plot_map(
        coordinates,
        groups.labels,
        tmp_path_factory.mktemp("map"),
        meta=META,
        clusters=groups.cluster,
        style=style,
    )
    return figure.files
