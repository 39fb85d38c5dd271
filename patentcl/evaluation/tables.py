"""DataFrames in the pages of a report: as plain data for JSON, and as Markdown."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from patentcl.core.tables import markdown_table


def plain(value: Any) -> Any:
    """A value as JSON holds it: numbers that are not finite become None."""
    if isinstance(value, np.generic):
        value = value.item()
    return None if isinstance(value, float) and not math.isfinite(value) else value


def records(frame: pd.DataFrame) -> list[dict[str, Any]]:
    """Rows as plain data."""
    return [{str(k): plain(v) for k, v in row.items()} for row in frame.to_dict(orient="records")]


def frame_table(frame: pd.DataFrame) -> str:
    """A frame in Markdown, without a column of titles that is empty."""
    shown = [str(c) for c in frame if c != "title" or frame[c].any()]
    return markdown_table(
        [str(c).replace("_", " ") for c in shown],
        frame[shown].astype(object).itertuples(index=False),
    )


def write_page(folder: Path, name: str, page: dict[str, Any], parts: list[str]) -> None:
    """Write NAME.json and, of its parts, NAME.md."""
    text = json.dumps(page, indent=2, allow_nan=False)
    (folder / f"{name}.json").write_text(text + "\n", encoding="utf-8")
    (folder / f"{name}.md").write_text("\n\n".join(parts) + "\n", encoding="utf-8")
