"""The page of a map, which opens without a network: a template with the points' data packed in."""

from __future__ import annotations

import base64
import gzip
import html
import json
from collections.abc import Mapping
from importlib import resources
from typing import Any

import numpy as np
import pandas as pd

from patentcl.maps.colours import SECTIONS, section_colours


def make_page(
    table: pd.DataFrame, colours: Mapping[str, str], title: str, note: str, dark: bool
) -> str:
    """The page of a table of id, x, y, label and, where known, title, date and codes."""
    points = table[["x", "y"]].to_numpy()
    unique = sorted(colours)
    low, high = points.min(axis=0).astype(np.float64), points.max(axis=0).astype(np.float64)
    span = float(max(high - low)) or 1.0
    grid = np.round((points - low) / span * 65535).astype("<u2")
    place = {name: i for i, name in enumerate(unique)}
    label = np.array([place.get(name, 65535) for name in table["label"]], dtype="<u2")
    data = {
        "n": len(points),
        "labels": unique,
        "colours": [colours[name] for name in unique],
        "sections": {key: [SECTIONS[key], c] for key, c in section_colours(dark).items()},
        "xy": base64.b64encode(grid.tobytes()).decode(),
        "label": base64.b64encode(label.tobytes()).decode(),
        "id": table["id"].astype(str).tolist(),
        "title": _texts(table, "title"),
        "date": _texts(table, "date"),
        "codes": [_shown_codes(value) for value in table["codes"]] if "codes" in table else None,
        "heading": title,
        "note": note,
        "dark": dark,
    }
    text = json.dumps(data, ensure_ascii=False, separators=(",", ":"))
    packed = gzip.compress(text.encode(), compresslevel=6, mtime=0)
    template = (resources.files("patentcl.maps") / "page.html").read_text(encoding="utf-8")
    template = template.replace("{{TITLE}}", html.escape(title))
    return template.replace("{{DATA}}", base64.b64encode(packed).decode())


def _texts(table: pd.DataFrame, column: str) -> list[str] | None:
    if column not in table:
        return None
    values = table[column]
    if pd.api.types.is_datetime64_any_dtype(values):
        values = values.dt.strftime("%Y-%m-%d")
    return ["" if none else str(value) for value, none in zip(values, values.isna(), strict=True)]


def _shown_codes(value: Any, most: int = 8) -> str:
    """A patent's first codes as one text; the page takes the section from the first letter."""
    if value is None or isinstance(value, float):
        return ""
    codes = [str(code) for code in ([value] if isinstance(value, str) else value)]
    return " ".join(codes[:most]) + (f" +{len(codes) - most}" if len(codes) > most else "")
