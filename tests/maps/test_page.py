"""The page of a map: what it holds, that it fetches nothing, and that it opens."""

from __future__ import annotations

import base64
import gzip
import json
import re
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from map_cases import GROUP, META


def unpacked(page: Path) -> dict:
    text = page.read_text(encoding="utf-8")
    packed = re.search(r'<script type="text/plain" id="data">([^<]*)</script>', text)
    assert packed
    return json.loads(gzip.decompress(base64.b64decode(packed[1])))


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
