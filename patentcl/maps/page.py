"""The page of a map, which opens without a network: a template with the points' data packed in."""

from __future__ import annotations

import base64
import gzip
import html
import json
from collections.abc import Mapping, Sequence
from importlib import resources
from typing import Any

import numpy as np
import pandas as pd

from patentcl.cpc import own_titles
from patentcl.maps.colours import ramp, section_colours, value_colours

_OWN = ("id", "x", "y", "label", "cluster", "title", "abstract", "date", "codes", "neighbors")
_ABSTRACTS = 80_000_000  # characters of abstracts that a page carries along, packed in a third
_COLUMN = ("title", "names", "colours", "of", "rest", "sorted", "shown")
_VALUES = 11  # values of a column with a colour of their own; the others share one
_STEPS = 6  # into which numbers are divided
LINK = "https://patents.google.com/patent/"


def make_page(
    table: pd.DataFrame,
    colours: Mapping[str, str],
    title: str,
    note: str,
    dark: bool,
    layers: Sequence[np.ndarray] = (),
    marks: Sequence[tuple[str, float, float]] = (),
) -> str:
    """The page of a table of id, x, y, label and, where known, title, date, codes and others."""
    points = table[["x", "y"]].to_numpy()
    unique = sorted(colours)
    low, high = (np.asarray(f(points, axis=0), dtype=np.float64) for f in (np.min, np.max))
    span = float(max(high - low)) or 1.0
    grid = np.round((points - low) / span * 65535).astype("<u2")
    place = {name: i for i, name in enumerate(unique)}
    label = np.array([place.get(name, 65535) for name in table["label"]], dtype="<u2")
    data = {
        "n": len(points),
        "labels": unique,
        "colours": [colours[name] for name in unique],
        "sections": {key: [own_titles()[key], c] for key, c in section_colours(dark).items()},
        "layers": _layers(table["label"].to_numpy(dtype=object), layers),
        "columns": _columns(table, dark),
        "marks": [
            {"name": name, "x": float((x - low[0]) / span), "y": float((y - low[1]) / span)}
            for name, x, y in marks
        ],
        "link": LINK,
        "xy": _packed(grid),
        "label": _packed(label),
        "id": table["id"].astype(str).tolist(),
        "title": _texts(table, "title"),
        "date": _texts(table, "date"),
        "codes": [_shown_codes(value) for value in table["codes"]] if "codes" in table else None,
        "heading": title,
        "note": note,
        "dark": dark,
    }
    abstracts = _texts(table, "abstract") or []
    if 0 < sum(map(len, abstracts)) <= _ABSTRACTS:
        data["abstract"] = abstracts
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


def _packed(numbers: np.ndarray) -> str:
    return base64.b64encode(np.ascontiguousarray(numbers, dtype="<u2").tobytes()).decode()


def _layers(labels: np.ndarray, layers: Sequence[np.ndarray]) -> list[dict[str, Any]]:
    """Names and their points at each resolution; the main one is that of the labels."""
    out = []
    for names in layers if any(np.array_equal(x, labels) for x in layers) else [labels]:
        unique, number = np.unique(names.astype(str), return_inverse=True)
        number = np.where(names == "", 65535, number - int(unique[0] == ""))
        main = bool(np.array_equal(names, labels))
        held = [x for x in unique.tolist() if x]
        out.append({"names": held, "of": _packed(number), "main": main})
    return out


def _columns(table: pd.DataFrame, dark: bool) -> list[dict[str, Any]]:
    """What the page can colour by: years, and other columns with few enough values."""
    found = []
    if "date" in table:
        years = pd.to_numeric(pd.Series(_texts(table, "date")).str[:4], errors="coerce")
        found.append(_number_column("Year", years.to_numpy(float), dark, whole=True))
    for name in (c for c in table.columns if c not in _OWN):
        values, title = table[name], str(name).replace("_", " ").capitalize()
        plain = pd.api.types.is_numeric_dtype(values) and not pd.api.types.is_bool_dtype(values)
        if plain and values.nunique() > _VALUES:
            found.append(_number_column(title, values.to_numpy(float, na_value=np.nan), dark))
        else:
            found.append(_text_column(title, values, dark))
    return [column for column in found if column]


def _number_column(
    title: str, values: np.ndarray, dark: bool, whole: bool = False
) -> dict[str, Any] | None:
    """A column of numbers in steps that hold about as many patents each."""
    known = values[np.isfinite(values)]
    edges = np.unique(np.quantile(known, np.linspace(0, 1, _STEPS + 1))) if known.size else known
    if whole:
        edges = np.unique(np.round(edges))
    if len(edges) < 3:
        return None
    number = np.clip(np.searchsorted(edges, values, side="right") - 1, 0, len(edges) - 2)
    form = "{:.0f}" if whole else "{:.3g}"
    ends = [*(edges[1:-1] - int(whole)), edges[-1]]
    names = [f"{form.format(a)} to {form.format(b)}" for a, b in zip(edges, ends, strict=False)]
    shades = [ramp(i / max(1, len(names) - 1), dark) for i in range(len(names))]
    of = _packed(np.where(np.isfinite(values), number, 65535))
    return dict(zip(_COLUMN, (title, names, shades, of, "unknown", True, False), strict=True))


def _text_column(title: str, values: pd.Series, dark: bool) -> dict[str, Any] | None:
    """A column of texts, or of lists by their first; the commonest have colours of their own."""
    lists = (list, tuple, np.ndarray)
    first = [v[0] if isinstance(v, lists) and len(v) else v for v in values]
    said = ["" if isinstance(v, lists) or pd.isna(v) else str(v) for v in first]
    plain = pd.Series(said, dtype=object)
    count = plain[plain != ""].value_counts()
    if len(count) < 2 or len(count) >= 65_000 or count.iloc[0] < 2:
        return None
    names = count.sort_index().sort_values(ascending=False, kind="stable").index.tolist()
    place = {name: i for i, name in enumerate(names)}
    number = np.array([place.get(v, 65535) for v in plain])
    palette = value_colours(min(len(names), _VALUES), dark)
    palette += ["#8a8d99"] * (len(names) - len(palette))
    values_of = (title, names, palette, _packed(number), "unknown", False, True)
    return dict(zip(_COLUMN, values_of, strict=True))
