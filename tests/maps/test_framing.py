"""Frames of pictures: gaps closed, names that cover nothing."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from patentcl.maps.drawing import MapFigure
from patentcl.maps.framing import compact, place_names

_POINTS = arrays(
    np.float64, st.tuples(st.integers(1, 40), st.just(2)), elements=st.floats(-1e3, 1e3)
)


@given(_POINTS)
def test_order_stays_and_nothing_moves_apart(points: np.ndarray) -> None:
    shown = compact(points)
    for axis in (0, 1):
        order = np.argsort(points[:, axis], kind="stable")
        before, after = np.diff(points[order, axis]), np.diff(shown[order, axis])
        assert (after >= -1e-9).all() and (after <= before + 1e-9).all()


def test_an_island_far_out_comes_near() -> None:
    bulk = np.random.default_rng(0).uniform(0, 10, (500, 2))
    shown = compact(np.vstack([bulk, [[1000.0, -1000.0]] * 3]))
    np.testing.assert_allclose(shown[:500] - shown[0], bulk - bulk[0], atol=1e-9)
    island = shown[500:] - [0, shown[:500, 1].min()]
    assert (island[:, 0] > 10).all() and (island[:, 0] < 11).all()
    assert (island[:, 1] > -1).all() and (island[:, 1] < 0).all()


def test_a_few_scattered_points_do_not_set_the_height() -> None:
    bulk = np.random.default_rng(0).uniform(0, 10, (5000, 2))
    far = np.column_stack([np.full(12, 5.0), np.arange(11.0, 23)])  # no gap wider than 1
    shown = compact(np.vstack([bulk, far]))
    assert np.ptp(shown[:, 0]) <= 10 < np.ptp(shown[:, 1]) < 11
    np.testing.assert_array_equal(np.argsort(shown[5000:, 1]), np.arange(12))


def test_names_do_not_cover_each_other_and_stay_inside() -> None:
    rng = np.random.default_rng(1)
    points = rng.normal(size=(400, 2))
    figure = MapFigure(6, 5, 80)
    axes = figure.subplots()
    axes.scatter(*points.T)
    names = [f"Group number {i}" for i in range(25)]
    texts = place_names(
        axes, names, points[:25], points, halo="white", colours=["black"] * 25, fontsize=8
    )
    renderer = figure.canvas.get_renderer()
    boxes = [text.get_window_extent(renderer) for text in texts]
    frame = axes.get_window_extent(renderer)
    assert len(texts) > 10 and texts[0].get_text() == names[0]
    place = axes.transData.transform(points[:2])  # where stars are
    starred = place_names(
        axes, names, points[:25], points, "white", 2, colours=["black"] * 25, fontsize=8
    )
    around = np.array([t.get_window_extent(renderer).extents for t in starred])
    assert {"Group number 0", "Group number 1"} <= {t.get_text() for t in starred}
    for x, y in place:
        over = (around[:, 0] < x) & (x < around[:, 2]) & (around[:, 1] < y) & (y < around[:, 3])
        assert not over.any()
    for i, one in enumerate(boxes):
        assert frame.x0 <= one.x0 and one.x1 <= frame.x1
        assert frame.y0 <= one.y0 and one.y1 <= frame.y1
        assert not any(one.overlaps(other) for other in boxes[:i])
