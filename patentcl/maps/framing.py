"""What goes into the frame of a picture: points without wide gaps, and names side by side."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.patheffects import withStroke

_STRIP = 0.04  # an empty strip wider than this share of the map is drawn as wide as this
_FAR = 0.006  # this share of the points at each end of an axis is drawn in one such strip
_ROUND = [(0.0, 0.0)] + [
    (r * np.cos(t), r * np.sin(t))
    for r in (1.0, 1.8, 2.8, 4.0)
    for t in np.linspace(np.pi / 2, 5 * np.pi / 2, 16, endpoint=False)
]
"""Where a name is tried around its group, in its own heights: the middle, then ever further out."""


def compact(points: np.ndarray) -> np.ndarray:
    """Draw points (n, 2) nearer where nothing lies between: islands far out would shrink the rest.

    UMAP says nothing of the distance between islands. Order along each axis stays, and so do
    distances within a region; 6 of 1,000 points at each end take no more than a strip together.

    Examples
    --------
    >>> compact(np.array([[0.0, 0], [1, 1], [2, 2], [3, 3], [100, 4]]))[:, 0].tolist()
    [0.0, 1.0, 2.0, 3.0, 6.0]
    """
    out = np.empty_like(points)
    for axis in (0, 1):
        order = np.argsort(points[:, axis], kind="stable")
        step = np.diff(points[order, axis], prepend=points[order[0], axis])
        # Of the map that there will be: what is left once wide strips are gone.
        least = max(3 * float(np.median(step)), 1e-12)  # of few points every gap is wide
        wide = max(_STRIP * float(step.sum()), least)
        for _ in range(8):
            wide = max(_STRIP * float(np.minimum(step, wide).sum()), least)
        step, far = np.minimum(step, wide), int(_FAR * len(points))
        for end in (slice(1, far + 1), slice(len(points) - far, None)):
            step[end] *= min(1.0, wide / max(float(step[end].sum()), wide))
        out[order, axis] = step.cumsum() + points[order[0], axis]
    return out


def place_names(
    axes: Any,
    names: Sequence[str],
    spots: np.ndarray,
    points: np.ndarray,
    halo: str,
    stars: int = 0,
    **style: Any,
) -> list[Any]:
    """Write names near their spots (n, 2), the first first, so that none covers another.

    A name goes where the fewest points are hidden; one that has no room is left out. Those that do
    not stand on their spot get a short line to it. `halo` is the colour around the letters; no name
    covers the first `stars` spots. Returns the texts.
    """
    figure = axes.figure
    renderer = figure.canvas.get_renderer()
    figure.draw_without_rendering()
    frame, to_screen = axes.get_window_extent(renderer), axes.transData.transform
    dots, written, around = to_screen(points), [], 8 * figure.dpi / 72
    taken = np.hstack([f(to_screen(spots[:stars]), around) for f in (np.subtract, np.add)])
    for name, spot, colour in zip(names, to_screen(spots), style.pop("colours"), strict=True):
        text = axes.text(0, 0, name, ha="center", va="center", color=colour, zorder=4, **style)
        box = text.get_window_extent(renderer)
        half, unit = np.array([box.width, box.height]) / 2 + 2, box.height * 0.75 + 4
        best, least = None, np.inf
        for far, offset in enumerate(_ROUND):
            middle = spot + unit * np.array(offset) * (1.25 if half[0] > 2 * half[1] else 1, 1)
            low, high = middle - half, middle + half
            if (low < frame.min).any() or (high > frame.max).any():
                continue
            if ((low < taken[:, 2:]) & (high > taken[:, :2])).all(axis=1).any():
                continue
            hidden = ((dots > low) & (dots < high)).all(axis=1).sum()
            cost = min(3 * hidden / max(1, len(dots)) ** 0.5, 1.5) + far / 16
            if cost < least:
                best, least = (middle, low, high), cost
        if best is None:
            text.remove()
            continue
        middle, low, high = best
        taken = np.vstack([taken, [*low, *high]])
        place = axes.transData.inverted().transform(middle)
        text.set_position(place)
        written.append(text)
        # Apart from the text: with an effect of its own it would be no text in an SVG.
        around = [withStroke(linewidth=3, foreground=halo, alpha=0.85)]
        behind = {**style, "ha": "center", "va": "center", "path_effects": around}
        axes.text(*place, name, color=halo, zorder=3.5, **behind)
        if (np.abs(spot - middle) > half + 4).any():
            end = np.clip(spot, low, high)
            line = axes.transData.inverted().transform([spot, end])
            axes.plot(*line.T, color=colour, linewidth=0.8, alpha=0.7, zorder=3)
    return written
