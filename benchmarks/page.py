"""How a page with many points moves: seconds until it is drawn, and frames in a second of panning.

    python benchmarks/page.py WORK/map --points 86747 1000000

Takes the folder of a map, repeats its patents with a little noise up to each number of points, and
opens the page in a headless Chromium that draws in software (no graphics card). The map is dragged
by ten pixels in every frame for some seconds; frames are counted by the browser itself.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pandas as pd

from patentcl.maps.drawing import MapStyle, plot_map

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
from browser import Browser

PAN = """new Promise(done => {{
  const canvas = document.getElementById('text'), times = [];
  const send = (kind, x) => canvas.dispatchEvent(new PointerEvent(kind,
    {{ clientX: x, clientY: 400, pointerId: 1, bubbles: true, buttons: 1 }}));
  canvas.setPointerCapture = () => {{}};
  send('pointerdown', 300);
  const frame = now => {{
    times.push(now);
    send('pointermove', 300 + 10 * (times.length % 40));
    if (now - times[0] < {seconds} * 1000) requestAnimationFrame(frame);
    else {{ send('pointerup', 300); done(times); }}
  }};
  requestAnimationFrame(frame);
}})"""


def repeated(table: pd.DataFrame, points: int) -> pd.DataFrame:
    """The table's rows again and again, each time with a little noise."""
    rng = np.random.default_rng(0)
    rows = np.arange(points) % len(table)
    out = table.iloc[rows].reset_index(drop=True)
    spread = np.ptp(out[["x", "y"]].to_numpy(), axis=0) / 300
    out[["x", "y"]] += (
        rng.normal(size=(points, 2)) * spread * (np.arange(points) >= len(table))[:, None]
    )
    return out.assign(id=[str(i) for i in range(points)])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("map", type=Path, help="folder with coordinates.parquet")
    parser.add_argument("--points", type=int, nargs="+", default=[86_747, 1_000_000])
    parser.add_argument("--seconds", type=float, default=10)
    parser.add_argument("--pictures", type=Path, help="folder for a screenshot of each")
    options = parser.parse_args()
    columns = ["x", "y", "label", "text", "names_0"]
    table = pd.read_parquet(options.map / "coordinates.parquet", columns=columns)
    print("| points | file, MB | shown after, s | frames/s, median | slowest frame, ms |")
    print("|---|---|---|---|---|")
    for points in options.points:
        with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
            view = repeated(table, points)
            meta = view.rename(columns={"text": "title"})[["id", "title"]]
            page = Path(folder) / "page.html"
            figure = plot_map(
                view[["x", "y"]].to_numpy(),
                view["label"].tolist(),
                meta=meta,
                style=MapStyle(formats=("html",)),
            )
            page.write_text(figure.page, encoding="utf-8")
            with Browser(Path(folder) / "profile") as browser:
                started = time.perf_counter()
                browser.open(page)
                browser.js(
                    "new Promise(r => requestAnimationFrame(() => requestAnimationFrame(r)))"
                )
                shown = time.perf_counter() - started
                gaps = np.diff(browser.js(PAN.format(seconds=options.seconds)))
                if options.pictures:
                    browser.picture(options.pictures / f"{points}.png")
            cells = [f"{points:,}", f"{page.stat().st_size / 1e6:.1f}", f"{shown:.1f}"]
            cells += [f"{1000 / np.median(gaps):.1f}", f"{gaps.max():.0f}"]
            print("| " + " | ".join(cells) + " |", flush=True)


if __name__ == "__main__":
    main()
