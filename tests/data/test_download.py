"""Downloads, against a local server that misbehaves in each way that servers do."""

from __future__ import annotations

import hashlib
import io
import json
import threading
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from patentcl.cli.app import app
from patentcl.core.errors import ConfigError, DataError
from patentcl.data.download import Server, download


def packed(size: int) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_STORED) as archive:
        archive.writestr("g_patent.tsv", bytes(i * 7919 % 251 for i in range(size)))
    return out.getvalue()


CONTENT = {"g_patent.tsv.zip": packed(300_000), "g_cpc_title.tsv.zip": packed(20)}


@dataclass
class Site:
    """What the server does, and what it was asked."""

    address: str = ""
    codes: list[int] = field(default_factory=list)
    """Answers to the next requests for files, before it behaves."""
    retry_after: str | None = None
    cut: list[int] = field(default_factory=list)
    """After so many bytes the next answers end."""
    ranges: bool = True
    spoil: dict[str, Any] = field(default_factory=dict)
    """Changes to what the list says about each file."""
    listing: bytes | None = None
    elsewhere: str | None = None
    asked: list[tuple[str, str | None, str | None]] = field(default_factory=list)

    def list(self, portal: bool) -> bytes:
        if self.listing is not None:
            return self.listing
        files: list[dict[str, Any]] = []
        for name, content in CONTENT.items():
            if portal:
                own = {
                    "fileName": name,
                    "fileSize": len(content),
                    "fileDownloadURI": f"{self.address}/portal/{name}",
                }
            else:
                own = {
                    "key": name,
                    "size": len(content),
                    "checksum": f"md5:{hashlib.md5(content).hexdigest()}",
                }
            files.append(own | self.spoil)
        whole = {"bulkDataProductBag": [{"productFileBag": {"fileDataBag": files}}]}
        return json.dumps(whole if portal else {"files": files}).encode()


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    site: Site

    def log_message(self, *_: Any) -> None:
        pass

    def answer(self, code: int, body: bytes, cut: int | None = None, **headers: str) -> None:
        self.send_response(code)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body if cut is None else body[:cut])
        if cut is not None:
            self.close_connection = True

    def do_GET(self) -> None:
        site = self.site
        begin = self.headers.get("Range")
        site.asked.append((self.path, begin, self.headers.get("X-api-key")))
        if self.path in ("/record", "/product"):
            if site.codes and site.codes[0] in (401, 403, 404):
                self.answer(site.codes.pop(0), b"no")
            else:
                self.answer(200, site.list(self.path == "/product"))
            return
        if site.elsewhere and self.path.startswith("/portal/"):
            self.answer(302, b"", Location=site.elsewhere + self.path.replace("portal", "other"))
            return
        if site.codes:
            code = site.codes.pop(0)
            extra = {"Retry_After": site.retry_after} if site.retry_after else {}
            self.answer(code, b"no", **extra)
            return
        name = next(n for n in CONTENT if n in self.path)
        content, cut = CONTENT[name], site.cut.pop(0) if site.cut else None
        if begin and site.ranges:
            start = int(begin.removeprefix("bytes=").rstrip("-"))
            if start >= len(content):
                self.answer(416, b"")
                return
            self.answer(
                206,
                content[start:],
                cut,
                Content_Range=(f"bytes {start}-{len(content) - 1}/{len(content)}"),
            )
        else:
            self.answer(200, content, cut)


def serve(site: Site) -> ThreadingHTTPServer:
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Own", (Handler,), {"site": site}))
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    site.address = f"http://127.0.0.1:{server.server_address[1]}"
    return server


@pytest.fixture
def site() -> Iterator[Site]:
    own = Site()
    server = serve(own)
    yield own
    server.shutdown()
    server.server_close()


def mirror(site: Site) -> Server:
    return Server(None, f"{site.address}/record", wait=0.01)


def portal(site: Site, key: str = "secret") -> Server:
    return Server(key, f"{site.address}/product", wait=0.01)


TWO = ("g_patent", "g_cpc_title")


def test_the_frozen_copy(site: Site, tmp_path: Path) -> None:
    seen: list[tuple[str, int, int]] = []
    sizes = download(tmp_path / "new", TWO, mirror(site), lambda *told: seen.append(told))
    assert sizes == {n.split(".")[0]: len(c) for n, c in CONTENT.items()}
    assert {p.name: p.read_bytes() for p in (tmp_path / "new").iterdir()} == CONTENT
    size = len(CONTENT["g_patent.tsv.zip"])
    assert ("g_patent.tsv.zip", size, size) in seen
    assert all(key is None for _, _, key in site.asked)
    before = len(site.asked)
    assert download(tmp_path / "new", TWO, mirror(site)) == sizes  # they are there
    assert len(site.asked) == before + 1


def test_the_portal(site: Site, tmp_path: Path) -> None:
    download(tmp_path, TWO, portal(site))
    assert {p.name: p.read_bytes() for p in tmp_path.iterdir()} == CONTENT
    assert all(key == "secret" for _, _, key in site.asked)


def test_the_key_is_for_one_host(site: Site, tmp_path: Path) -> None:
    other = Site()
    server = serve(other)
    site.elsewhere = other.address
    download(tmp_path, ("g_patent",), portal(site))
    server.shutdown()
    server.server_close()
    assert (tmp_path / "g_patent.tsv.zip").read_bytes() == CONTENT["g_patent.tsv.zip"]
    assert [key for _, _, key in other.asked] == [None]


@pytest.mark.parametrize(
    "place",
    [
        "file:///etc/hostname",
        "ftp://127.0.0.1/g_patent.tsv.zip",
        "http://localhost:9/g_patent.tsv.zip",  # plain http, and not the host that was named
        "https://example.org/g_patent.tsv.zip",
        "https://uspto.gov.example.org/g_patent.tsv.zip",
        "https://user@example.org\\@zenodo.org/x",
        "https://[::1",
        "//example.org/x",
        "data:,x",
        17,
    ],
)
def test_places_that_a_list_may_not_name(site: Site, tmp_path: Path, place: object) -> None:
    site.spoil = {"fileDownloadURI": place}
    with pytest.raises(DataError, match=r"address that is not asked|file of another host"):
        download(tmp_path, ("g_patent",), portal(site))
    assert list(tmp_path.iterdir()) == [] and len(site.asked) == 1


@pytest.mark.parametrize("place", ["file:///etc", "ftp://127.0.0.1", "http://localhost:9"])
def test_redirects_that_are_not_followed(site: Site, tmp_path: Path, place: str) -> None:
    site.elsewhere = place
    with pytest.raises(DataError, match=r"that is not asked.*wanted https|is not allowed"):
        download(tmp_path, ("g_patent",), portal(site))
    assert list(tmp_path.iterdir()) == [] and len(site.asked) == 2


def test_a_list_may_name_another_host_but_it_is_not_told_the_key(
    site: Site, tmp_path: Path
) -> None:
    other = Site()
    server = serve(other)
    site.spoil = {"fileDownloadURI": f"{other.address}/other/g_patent.tsv.zip", "fileSize": None}
    download(tmp_path, ("g_patent",), portal(site))
    server.shutdown()
    server.server_close()
    assert [key for _, _, key in other.asked] == [None]


@pytest.mark.parametrize("address", ["file:///tmp/list", "ftp://x/list", "list", ""])
def test_an_address_that_is_none(tmp_path: Path, address: str) -> None:
    server = Server(None, address, wait=0.001)
    server.address = address
    with pytest.raises(DataError, match=r"address that is not asked"):
        download(tmp_path, ("g_patent",), server)


def test_goes_on_after_cuts(site: Site, tmp_path: Path) -> None:
    site.cut = [100_000, 50_000]
    download(tmp_path, ("g_patent",), mirror(site))
    assert (tmp_path / "g_patent.tsv.zip").read_bytes() == CONTENT["g_patent.tsv.zip"]
    assert [r for _, r, _ in site.asked] == [None, None, "bytes=100000-", "bytes=150000-"]


def test_goes_on_in_another_run(site: Site, tmp_path: Path) -> None:
    site.cut = [100_000, *[0] * 5]
    with pytest.raises(DataError, match=r"fetched whole.*ended early.*resumes where it stopped"):
        download(tmp_path, ("g_patent",), mirror(site))
    assert [p.name for p in tmp_path.iterdir()] == ["g_patent.tsv.zip.part"]
    download(tmp_path, ("g_patent",), mirror(site))
    assert site.asked[-1][1] == "bytes=100000-"
    assert {p.name: p.read_bytes() for p in tmp_path.iterdir()} == {
        "g_patent.tsv.zip": CONTENT["g_patent.tsv.zip"]
    }


def test_a_server_without_ranges_begins_anew(site: Site, tmp_path: Path) -> None:
    site.cut, site.ranges = [100_000], False
    download(tmp_path, ("g_patent",), mirror(site))
    assert (tmp_path / "g_patent.tsv.zip").read_bytes() == CONTENT["g_patent.tsv.zip"]


def test_a_part_of_another_file(site: Site, tmp_path: Path) -> None:
    part = tmp_path / "g_cpc_title.tsv.zip.part"
    part.write_bytes(b"x" * 50)
    with pytest.raises(DataError, match="wrong checksum, thrown away"):
        download(tmp_path, ("g_cpc_title",), mirror(site))
    assert not part.exists()
    part.write_bytes(b"x" * 5000)  # longer than it may be
    download(tmp_path, ("g_cpc_title",), mirror(site))
    assert (tmp_path / "g_cpc_title.tsv.zip").read_bytes() == CONTENT["g_cpc_title.tsv.zip"]


@pytest.mark.parametrize("code", [429, 503])
def test_busy_for_a_while(site: Site, tmp_path: Path, code: int) -> None:
    site.codes, site.retry_after = [code, code], "0"
    download(tmp_path, ("g_patent",), mirror(site))
    assert len(site.asked) == 4


@pytest.mark.parametrize(
    ("codes", "wait", "message"),
    [
        ([429] * 9, None, r"too many requests.*429.*Try again in"),
        ([429], "3600", r"too many requests.*Try again in 3,600 seconds"),
        ([500] * 9, None, r"answers with an error.*500"),
        ([404], None, r"no such file or product.*404"),
    ],
)
def test_refused_files(
    site: Site, tmp_path: Path, codes: list[int], wait: str | None, message: str
) -> None:
    site.codes, site.retry_after = codes, wait
    if codes[0] == 404:  # the list is there, the file is not
        site.codes = []
        site.spoil = {"key": "g_other.tsv.zip"}
        site.codes = []
    with pytest.raises(DataError, match=message):
        if codes[0] == 404:
            site.codes = [404]
        download(tmp_path, ("g_patent",), mirror(site))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("code", "message"),
    [
        (401, r"does not accept the key in USPTO_API_KEY.*401.*valid key"),
        (403, r"access is forbidden.*403.*yearly number"),
        (404, r"no such file or product.*404"),
    ],
)
def test_refused_with_a_key(site: Site, tmp_path: Path, code: int, message: str) -> None:
    site.codes = [code]
    with pytest.raises(DataError, match=message) as caught:
        download(tmp_path, ("g_patent",), portal(site))
    assert "secret" not in str(caught.value)


def test_a_key_is_wanted(site: Site, tmp_path: Path) -> None:
    site.codes = [401]
    with pytest.raises(DataError, match=r"wants a key.*Set USPTO_API_KEY"):
        download(tmp_path, ("g_patent",), mirror(site))


def test_wrong_checksum(site: Site, tmp_path: Path) -> None:
    site.spoil = {"checksum": "md5:" + "0" * 32}
    with pytest.raises(DataError, match=r"wrong checksum, thrown away.*wanted 0{32}"):
        download(tmp_path, ("g_patent",), mirror(site))
    assert list(tmp_path.iterdir()) == []


def test_wrong_size(site: Site, tmp_path: Path) -> None:
    site.spoil = {"size": 999}
    with pytest.raises(DataError, match=r"wrong size.*wanted 999 bytes"):
        download(tmp_path, ("g_patent",), mirror(site))
    assert list(tmp_path.iterdir()) == []


def test_no_zip(site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(CONTENT, "g_patent.tsv.zip", b"<html>Please log in</html>")
    with pytest.raises(DataError, match="no zip"):
        download(tmp_path, ("g_patent",), portal(site))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "listing",
    [
        b"<html>",
        b"{}",
        b"[]",
        b'{"files": [{}]}',
        b'{"files": [7]}',
        b"[" * 100_000,
        b" " * (1 << 24) + b"{}",
        b"\xff\xfe",
    ],
)
def test_a_list_that_is_none(site: Site, tmp_path: Path, listing: bytes) -> None:
    site.listing = listing
    with pytest.raises(DataError, match="list of files cannot be read"):
        download(tmp_path, ("g_patent",), mirror(site))


def test_a_name_that_leaves_the_folder(site: Site, tmp_path: Path) -> None:
    site.listing = b'{"files": [{"key": "../g_patent.zip", "size": 3}]}'
    with pytest.raises(ConfigError, match="unknown table"):
        download(tmp_path, ("g_patent",), mirror(site))
    for key in ("g_patent./../../x", "g_patent.\\x", "g_patent.\0", "g_patent." + "x" * 300):
        site.listing = json.dumps({"files": [{"key": key, "size": 3}]}).encode()
        with pytest.raises(DataError, match="a name that is none"):
            download(tmp_path, ("g_patent",), mirror(site))


def test_unknown_table(site: Site, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"unknown table.*got g_patnet.*Did you mean g_patent"):
        download(tmp_path, ("g_patnet",), mirror(site))


def test_nobody_there(tmp_path: Path) -> None:
    server = Server(None, "http://127.0.0.1:9/record", wait=0.001)
    with pytest.raises(DataError, match=r"cannot be reached.*refused"):
        download(tmp_path, ("g_patent",), server)


def test_the_command_line(site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("USPTO_API_KEY", "secret")
    address = f"{site.address}/product"
    arguments = ["download", str(tmp_path), "--table", "g_patent", "--address", address, "--json"]
    done = CliRunner().invoke(app, arguments)
    assert done.exit_code == 0, done.output
    assert json.loads(done.stdout) == {"g_patent, bytes": len(CONTENT["g_patent.tsv.zip"])}
    assert {key for _, _, key in site.asked} == {"secret"} and "secret" not in done.output
