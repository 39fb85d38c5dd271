"""Colours of groups and sections, from OKLCH, in which equal steps look equal."""

from __future__ import annotations

import numpy as np


def oklch(lightness: float, chroma: float, turn: float) -> str:
    """Hex colour of OKLCH coordinates; hue in turns."""
    a, b = chroma * np.cos(2 * np.pi * turn), chroma * np.sin(2 * np.pi * turn)
    long = (lightness + 0.3963377774 * a + 0.2158037573 * b) ** 3
    middle = (lightness - 0.1055613458 * a - 0.0638541728 * b) ** 3
    short = (lightness - 0.0894841775 * a - 1.2914855480 * b) ** 3
    linear = np.array(
        [
            4.0767416621 * long - 3.3077115913 * middle + 0.2309699292 * short,
            -1.2684380046 * long + 2.6097574011 * middle - 0.3413193965 * short,
            -0.0041960863 * long - 0.7034186147 * middle + 1.7076147010 * short,
        ]
    )
    linear = np.clip(linear, 0, 1)
    screen = np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)
    return "#" + "".join(f"{round(255 * float(c)):02x}" for c in screen)


# Told apart by people who do not see red and green: Paul Tol, Colour schemes, SRON 2021.
_LIGHT = (
    "#cc6677",
    "#332288",
    "#b5a44c",
    "#117733",
    "#55a8d0",
    "#882255",
    "#44aa99",
    "#999933",
    "#aa4499",
    "#661100",
    "#6699cc",
)
_DARK = (
    "#ee8866",
    "#77aadd",
    "#eedd88",
    "#44bb99",
    "#99ddff",
    "#ffaabb",
    "#bbcc33",
    "#aaaa00",
    "#dddddd",
    "#cc99bb",
    "#88ccee",
)


def value_colours(count: int, dark: bool) -> list[str]:
    """Colours of up to eleven values."""
    return list((_DARK if dark else _LIGHT)[:count])


def section_colours(dark: bool) -> dict[str, str]:
    """A colour for each section of the classification."""
    return dict(zip("ABCDEFGHY", value_colours(9, dark), strict=True))


def ramp(share: float, dark: bool) -> str:
    """A colour for a number, from 0 to 1: lighter or darker all the way, so readable in grey."""
    lightness = 0.45 + 0.45 * share if dark else 0.82 - 0.45 * share
    return oklch(lightness, 0.12, 0.3 + 0.42 * share)


def group_colours(points: np.ndarray, names: np.ndarray, dark: bool) -> dict[str, str]:
    """A colour for each label: hue by direction from the centre, so that neighbours go together."""
    unique = sorted(set(names) - {""})
    centre = np.median(points, axis=0)
    middle = np.array([np.median(points[names == name], axis=0) for name in unique]) - centre
    order = np.argsort(np.arctan2(middle[:, 1], middle[:, 0]), kind="stable")
    # Lightness differs between groups side by side, whose hues are near.
    levels = (0.70, 0.80, 0.75) if dark else (0.58, 0.70, 0.64)
    return {
        unique[int(i)]: oklch(levels[rank % 3], 0.14, rank / len(order))
        for rank, i in enumerate(order)
    }
