"""The page of a map: what it holds, that it fetches nothing, and that it opens."""

from __future__ import annotations

import base64
import gzip
import json
import re
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from browser import CHROMIUM, Browser
from map_cases import GROUP, META

from patentcl.maps.drawing import MapStyle, plot_map
from patentcl.maps.framing import compact


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
    shown = compact(coordinates)
    span = np.ptp(shown, axis=0).max()
    np.testing.assert_allclose(xy * span, shown - shown.min(axis=0), atol=span / 5e4)
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


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    if CHROMIUM is None:
        pytest.skip("no chromium here to open the page in")
    with Browser(tmp_path_factory.mktemp("browser")) as found:
        yield found


def typed(browser: Browser, words: str) -> str:
    """What the page says was found."""
    code = f"field = document.getElementById('find'); field.value = {json.dumps(words)}; "
    browser.js(
        code + "field.dispatchEvent(new Event('input')); new Promise(r => setTimeout(r, 300))"
    )
    return browser.js("document.getElementById('found').textContent")


def test_the_page_opens_without_a_request(browser: Browser, drawn: dict[str, Path]) -> None:
    browser.requests.clear()
    browser.open(drawn["html"])
    assert [url for url in browser.requests if not url.startswith("file:")] == []
    assert browser.js("document.getElementById('heading').textContent") == "Six topics & <more>"
    assert browser.js("document.getElementById('fail')") is None
    assert browser.js("document.querySelectorAll('#legend button').length") >= 6


HOSTILE = ["<script>attacked = 1</script>", "<img src=x onerror='attacked = 1'>"]
FOREIGN = ["מכסחת דשא עם להב", "آلة قص العشب", "割草机和刀片"]


def test_scripts_other_writing_and_500_labels(browser: Browser, tmp_path: Path) -> None:
    """Markup stays text, foreign titles are found as they are, a long legend scrolls."""
    titles = HOSTILE + FOREIGN + [f"pump {i}" for i in range(495)]
    labels = [*HOSTILE, *(f"group {i} of many</script>" for i in range(498))]
    meta = pd.DataFrame({"id": [f"US{i}" for i in range(500)], "title": titles})
    meta["abstract"] = [f"A <b onclick=x>sprocket{i}q</b>." for i in range(500)]
    style = MapStyle(formats=("html",), size=(3, 3))
    points = np.random.default_rng(0).normal(size=(500, 2))
    files = plot_map(points, labels, tmp_path, meta=meta, style=style).files
    browser.open(files["html"])
    for i, title in enumerate(HOSTILE + FOREIGN):
        assert typed(browser, title.split()[0]).startswith("1 of 500"), title
        hits = browser.js("document.getElementById('hits').textContent")
        assert f"US{i}" in hits and title[:20] in hits
        x, y = browser.js(f"patents.at({i})")
        browser.mouse("mouseMoved", x, y)
    assert typed(browser, "sprocket44q") == "1 of 500 patents"  # a word of the abstract alone
    browser.js("document.querySelector('#hits button').click()")
    assert browser.js("document.querySelector('#tip p').textContent") == meta["abstract"][44]
    assert browser.js("window.attacked") is None
    tall = browser.js("""[...document.querySelectorAll('#legend button')].map(b => {
        const r = b.getBoundingClientRect(); return [r.top, r.bottom, r.left, r.right] })""")
    assert len(tall) == 500
    top, bottom, left, right = np.array(tall).T
    assert (bottom - top).min() >= 16 and (top[1:] >= bottom[:-1] - 0.5).all()
    assert left.min() > 0 and right.max() <= 1400
    assert browser.js("""(e => { while (e && e.scrollHeight <= e.clientHeight + 1)
        e = e.parentElement; return !!e && getComputedStyle(e).overflowY })(
        document.getElementById('legend'))""") in ("auto", "scroll")


def test_search_finds_words_and_lists_of_ids(browser: Browser, drawn: dict[str, Path]) -> None:
    browser.open(drawn["html"])
    assert typed(browser, "mower") == f"{int((GROUP == 0).sum())} of 600 patents"
    ids = META["id"].tolist()
    assert typed(browser, f"{ids[3]}, {ids[500]}") == "2 of 600 patents"
    names = browser.js("[...document.querySelectorAll('#hits button')].map(b => b.textContent)")
    assert [name.split()[0] for name in names] == [ids[3], ids[500]]
    assert typed(browser, "nosuchword") == "Nothing found"


def test_abstracts_of_very_many_patents_stay_out_and_the_page_says_so(
    browser: Browser, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("patentcl.maps.page._ABSTRACTS", 30)
    meta = pd.DataFrame({"id": ["1", "2"], "title": ["Pump", "Cell"], "abstract": ["x" * 16] * 2})
    for kept, shown in (
        (meta[:1], "Find words, ids or a code"),
        (meta, "Find titles, ids or a code"),
    ):
        points = np.eye(2)[: len(kept)]
        style = MapStyle(formats=("html",), size=(3, 3))
        files = plot_map(points, ["a"] * len(kept), tmp_path, meta=kept, style=style).files
        browser.open(files["html"])
        assert browser.js("document.getElementById('find').placeholder").startswith(shown)
        assert ("abstract" in unpacked(files["html"])) == (len(kept) == 1)


def test_hover_shows_a_title(browser: Browser, drawn: dict[str, Path]) -> None:
    browser.open(drawn["html"])
    x, y = browser.js("patents.at(7)")
    browser.mouse("mouseMoved", x, y)
    shown = browser.js("document.querySelector('#tip b').textContent")
    near = browser.js(f"""patents.data.id.map((_, i) => i).filter(i => {{
        const [u, v] = patents.at(i); return Math.hypot(u - {x}, v - {y}) < 1 }})""")
    assert shown in {META["title"][i] or META["id"][i] for i in near}


def test_a_lasso_gives_a_file_of_what_it_holds(
    browser: Browser, drawn: dict[str, Path], tmp_path: Path
) -> None:
    browser.open(drawn["html"])
    browser.call(
        "Browser.setDownloadBehavior", behavior="allow", downloadPath=str(tmp_path.resolve())
    )
    places = np.array(browser.js("patents.data.id.map((_, i) => patents.at(i))"))
    west, north = np.median(places, axis=0) - 150
    east, south = west + 260, north + 240
    browser.mouse("mousePressed", west, north, modifiers=8)  # with Shift
    for x, y in ((east, north), (east, south), (west, south)):
        browser.mouse("mouseMoved", x, y, modifiers=8, buttons=1)
    browser.mouse("mouseReleased", west, south, modifiers=8)
    inside = ((places > (west, north)) & (places < (east, south))).all(axis=1)
    assert 0 < inside.sum() < 600
    browser.js("document.getElementById('save').click()")
    for _ in range(100):
        if (tmp_path / "patents.csv").is_file():
            break
        time.sleep(0.05)
    table = pd.read_csv(tmp_path / "patents.csv", dtype=str, keep_default_na=False)
    assert table["patent_id"].tolist() == META["id"][inside].tolist()
    assert table["codes"].tolist() == [" ".join(c) for c in META["codes"][inside]]


def test_the_bars_choose_years(browser: Browser, drawn: dict[str, Path]) -> None:
    browser.open(drawn["html"])
    years = META["date"].astype(str).str[:4]
    year = years[years.str.isdigit()].iloc[0]
    browser.js(f"patents.between({year}, {year})")
    shown = browser.js("patents.data.id.filter((_, i) => patents.shown(i))")
    assert shown == META["id"][years == year].tolist()


@pytest.mark.skipif(CHROMIUM is None, reason="no chromium here to open the page in")
def test_without_webgl_a_plain_picture(drawn: dict[str, Path], tmp_path: Path) -> None:
    with Browser(tmp_path, options=("--disable-3d-apis",)) as browser:
        browser.open(drawn["html"])
        assert "without WebGL" in browser.js("document.getElementById('note').textContent")
        assert browser.js("""[...document.getElementById('points').getContext('2d')
            .getImageData(0, 0, 1400, 900).data].some(v => v)""")


@pytest.mark.skipif(CHROMIUM is None, reason="no chromium here to open the page in")
def test_a_slow_picture_moves_along_and_is_drawn_anew(
    drawn: dict[str, Path], tmp_path: Path
) -> None:
    with Browser(tmp_path) as browser:
        slow = "let now = 0; performance.now = () => now += 1000;"
        browser.call("Page.addScriptToEvaluateOnNewDocument", source=slow)
        browser.open(drawn["html"])
        browser.js("""seen = []; dots = document.getElementById('points');
            new MutationObserver(() => seen.push(dots.style.transform)).observe(
                dots, { attributes: true })""")
        before = browser.js("patents.at(0)")
        browser.mouse("mousePressed", 500, 300, buttons=1)
        browser.mouse("mouseMoved", 540, 330, buttons=1)
        browser.mouse("mouseReleased", 540, 330)
        wait = "seen.at(-1) === '' ? r(1) : setTimeout(go, 50)"
        browser.js(f"new Promise(r => {{ const go = () => {wait}; go(); }})")
        assert browser.js("seen") == ["translate(40px, 30px) scale(1)", ""]
        assert browser.js("patents.at(0)") == pytest.approx([before[0] + 40, before[1] + 30])
