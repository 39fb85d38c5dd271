"""Fetches PatentsView tables: from the open-data portal with a key, or from a frozen copy without.

A file is written as ``NAME.part`` and gets its name when size and checksum are right, so a folder
never holds half a table under its full name. What was cut off resumes where it stopped.
"""

from __future__ import annotations

import errno
import hashlib
import http.client
import json
import re
import time
import urllib.error
import urllib.parse
import urllib.request
import zipfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from patentcl.core.errors import DataError, choose
from patentcl.core.progress import StageProgress

PORTAL = "https://api.uspto.gov/api/v1/datasets/products/pvgpatdis"
MIRROR = "https://zenodo.org/api/records/15783125"
KEY = "USPTO_API_KEY"
TABLES = ("g_patent", "g_patent_abstract", "g_us_patent_citation", "g_cpc_current", "g_cpc_title")
"""What a run reads; g_ipc_at_issue and g_us_rel_doc can be asked for, too."""
_DOMAINS = ("uspto.gov", "zenodo.org")
_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,199}")
_LIST = 1 << 24  # bytes of a list of files; a real one has less than 1 MB
_BLOCK = 1 << 20
_TRIES = 6
_LONGEST_WAIT = 120.0  # seconds; a server that asks for more is not waited for


@dataclass(frozen=True)
class RemoteFile:
    """A file that a server offers: name, address, size in bytes and MD5 where they are told."""

    name: str
    address: str
    size: int | None = None
    md5: str | None = None


class _Redirects(urllib.request.HTTPRedirectHandler):
    """Follows redirects to places that `check` allows; only the own host is told the key."""

    def __init__(self, check: Callable[[str], object]) -> None:
        self._check = check

    def redirect_request(
        self, req: urllib.request.Request, fp: Any, code: int, msg: str, headers: Any, newurl: str
    ) -> urllib.request.Request | None:
        self._check(newurl)
        new = super().redirect_request(req, fp, code, msg, headers, newurl)
        if new is not None and _host(newurl) != _host(req.full_url):
            new.headers.pop("X-api-key", None)
        return new


def _host(address: str) -> tuple[str, str]:
    """Scheme, and host with port."""
    parts = urllib.parse.urlsplit(address)
    return parts.scheme, parts.netloc.lower()


class Server:
    """One of the two places, or another address of the same layout.

    With a key the open-data portal is asked, without it the frozen copy. `wait` is in seconds
    before the first new try, and doubles from try to try; `timeout` in seconds without an answer.
    Only https is spoken, http too with the host of an http `address` that was named. The list may
    name files of that host and of the two places; only the host of the list is told the key.
    """

    def __init__(
        self,
        key: str | None = None,
        address: str | None = None,
        wait: float = 1.0,
        timeout: float = 60.0,
    ) -> None:
        self.key, self.wait, self.timeout = key, wait, timeout
        self.address = address or (PORTAL if key else MIRROR)
        self._opener = urllib.request.build_opener(_Redirects(self._check_scheme))

    def _check_scheme(self, address: str) -> str:
        """The host of an address that may be asked, or DataError."""
        try:
            parts, own = (urllib.parse.urlsplit(a) for a in (address, self.address))
            host = (parts.hostname or "").encode("idna").decode()
            plain = parts.scheme == own.scheme == "http" and parts.hostname == own.hostname
            odd = not host or parts.port == 0 or set("@\\") & set(parts.netloc)
            if not odd and (parts.scheme == "https" or plain):
                return host
        except ValueError:  # no address at all
            pass
        got, fix = repr(address)[:120], "Name another place with --address"
        raise DataError("an address that is not asked", got=got, wanted="https", fix=fix)

    def _check_host(self, address: str) -> None:
        """Raise DataError if the list names a file of a host that it has nothing to do with."""
        host, own = self._check_scheme(address), urllib.parse.urlsplit(self.address).hostname
        if host != own and not any(host == d or host.endswith(f".{d}") for d in _DOMAINS):
            what, got = "the server's list names a file of another host", repr(address)[:120]
            wanted = f"{own}, {', '.join(_DOMAINS)}"
            raise DataError(what, where=self.address, got=got, wanted=wanted)

    def files(self) -> list[RemoteFile]:
        """List what the server offers."""
        with self._retrying(self.address) as answer:
            text = answer.read(_LIST + 1)
        try:
            if len(text) > _LIST:
                raise ValueError("too long")
            found = json.loads(text)
            if self.key:
                bag = found["bulkDataProductBag"][0]["productFileBag"]["fileDataBag"]
                parts = ((f["fileName"], f["fileDownloadURI"], f.get("fileSize")) for f in bag)
                return [RemoteFile(str(n), str(place), _whole(size)) for n, place, size in parts]
            out = []
            for f in found["files"]:
                name, md5 = str(f["key"]), _md5(f.get("checksum"))
                place = f"{self.address}/files/{urllib.parse.quote(name)}/content"
                out.append(RemoteFile(name, place, _whole(f.get("size")), md5))
            return out
        except (ValueError, LookupError, TypeError, AttributeError, RecursionError) as error:
            what = "the server's list of files cannot be read"
            got = text[:80].decode("utf-8", "replace")
            fix = "Its layout may have changed: see the place in a browser"
            raise DataError(what, where=self.address, got=got, fix=fix) from error

    def fetch(self, file: RemoteFile, target: Path, progress: StageProgress | None = None) -> None:
        """Fetch one file, from where an earlier call was cut off, and check it.

        Where it fails, what has come so far is kept, but for a wrong checksum.
        """
        self._check_host(file.address)
        part = target.with_name(f"{target.name}.part")
        for attempt in range(_TRIES):
            have = part.stat().st_size if part.is_file() else 0
            if file.size is not None and have == file.size:
                break
            if file.size is not None and have > file.size:
                part.unlink()
                have = 0
            try:
                if self._rest(file, part, have, progress):
                    break
            except (OSError, http.client.HTTPException) as error:
                if getattr(error, "errno", None) in (errno.ENOSPC, errno.EDQUOT):
                    got, fix = str(error), "Free some space and run it again: it resumes there"
                    raise DataError("the disk is full", where=part, got=got, fix=fix) from error
                if isinstance(error, PermissionError):
                    raise DataError("no permission", where=part, got=str(error)) from error
                lost = str(error) or type(error).__name__
            else:
                lost = "the connection ended early"
            if attempt + 1 == _TRIES:
                what = "the file could not be fetched whole"
                fix = "Run it again: it resumes where it stopped"
                raise DataError(what, where=file.address, got=f"{lost}, {_TRIES} times", fix=fix)
            time.sleep(self.wait * 2**attempt)
        _check(file, part)
        part.replace(target)

    def _rest(
        self, file: RemoteFile, part: Path, have: int, progress: StageProgress | None
    ) -> bool:
        """Fetch what is missing; whether the file is whole now, as far as that is told."""
        with self._retrying(file.address, have) as answer:
            begin = _begin(answer.headers.get("Content-Range")) if answer.status == 206 else 0
            if begin not in (0, have):
                raise http.client.HTTPException(f"bytes from {begin} instead of {have}")
            length = _whole(answer.headers.get("Content-Length"))
            told = None if length is None else begin + length
            total = told if file.size is None else file.size
            done = begin
            with part.open("ab" if begin else "wb") as stream:
                while block := answer.read(_BLOCK):
                    stream.write(block)
                    done += len(block)
                    if total is not None and done > total:
                        return True  # the check of the file says it
                    if progress:
                        progress(file.name, done, total or done)
            return total is None or done >= total

    def _retrying(self, address: str, begin: int = 0) -> Any:
        """Open an address; a busy server is asked again, a refusal is explained."""
        self._check_scheme(address)
        headers = {"User-Agent": "patentcl", "Accept": "*/*"}
        if self.key and _host(address) == _host(self.address):
            headers["X-api-key"] = self.key
        if begin:
            headers["Range"] = f"bytes={begin}-"
        for attempt in range(_TRIES):
            try:
                request = urllib.request.Request(address, headers=headers)
                return self._opener.open(request, timeout=self.timeout)
            except urllib.error.HTTPError as error:
                busy = error.code == 429 or error.code >= 500
                wait = _seconds(error.headers.get("Retry-After"), self.wait * 2**attempt)
                if error.code == 416 and begin:  # there is nothing from there on
                    begin = 0
                    headers.pop("Range")
                    continue
                if not busy or attempt + 1 == _TRIES or wait > _LONGEST_WAIT:
                    raise self._refused(error, address, wait) from error
            except (urllib.error.URLError, OSError, http.client.HTTPException) as error:
                if attempt + 1 == _TRIES:
                    got, what = getattr(error, "reason", error), "the server cannot be reached"
                    fix = "Check the network, and a proxy that it may need"
                    raise DataError(what, where=address, got=str(got), fix=fix) from error
                wait = self.wait * 2**attempt
            time.sleep(wait)
        raise AssertionError

    def _refused(self, error: urllib.error.HTTPError, address: str, wait: float) -> DataError:
        wait = max(1, round(wait))
        moved = "It may have moved: see the place in a browser"
        refusals = {
            401: ("the server wants a key", f"Set {KEY}, or fetch by hand"),
            403: ("access is forbidden", "Try again later, or another network"),
            404: ("no such file or product on the server", moved),
            429: ("too many requests", f"Try again in {wait:,} seconds"),
        }
        if self.key:
            what, fix = f"the server does not accept the key in {KEY}", f"Set {KEY} to a valid key"
            refusals[401] = what, f"{fix} of the open-data portal"
            fix = f"Check that the key in {KEY} may use this product, and that its yearly number of"
            refusals[403] = "access is forbidden", f"{fix} downloads is not used up"
        other = "the server answers with an error", "Try again later"
        what, fix = refusals.get(error.code, other)
        return DataError(what, where=address, got=f"{error.code} {error.reason}", fix=fix)


def _whole(value: object) -> int | None:
    try:
        return size if (size := int(str(value))) >= 0 else None
    except ValueError:
        return None


def _seconds(value: str | None, otherwise: float) -> float:
    try:
        return max(0.0, float(value)) if value is not None else otherwise
    except ValueError:  # a date: rare, and the waits double anyway
        return otherwise


def _md5(value: object) -> str | None:
    kind, _, digest = str(value).partition(":")
    return digest if kind == "md5" and digest else None


def _begin(value: str | None) -> int:
    """First byte of a Content-Range such as ``bytes 100-199/200``."""
    return _whole(str(value).removeprefix("bytes ").partition("-")[0]) or 0


def _check(file: RemoteFile, path: Path) -> None:
    """Compare size and MD5; without an MD5, the directory at the end of a zip must be there."""
    size, got, wanted, fix = path.stat().st_size, None, None, "Run it again"
    if file.size is not None and size != file.size:
        what, got, wanted = "the file has the wrong size", f"{size:,} bytes", f"{file.size:,} bytes"
    elif file.md5 is not None:
        with path.open("rb") as stream:
            digest = hashlib.file_digest(stream, lambda: hashlib.md5(usedforsecurity=False))
        if digest.hexdigest() == file.md5:
            return
        what = "the file was damaged on its way: wrong checksum, thrown away"
        got, wanted = digest.hexdigest(), file.md5
    elif file.name.endswith(".zip") and not zipfile.is_zipfile(path):
        what, fix = "the file is no zip, thrown away", "Run it again, or see the place in a browser"
    else:
        return
    path.unlink()
    raise DataError(what, where=file.address, got=got, wanted=wanted, fix=fix)


def download(
    folder: str | Path,
    tables: Sequence[str] = TABLES,
    server: Server | None = None,
    progress: StageProgress | None = None,
) -> dict[str, int]:
    """Fetch PatentsView tables into a folder; those that are there and right are left alone.

    `tables` are names such as ``g_patent``; `server` is by default the frozen copy, which needs no
    key; `progress` is called with (file, bytes done, bytes in all). Returns bytes of each table.
    """
    folder, server = Path(folder), server or Server()
    offered: dict[str, RemoteFile] = {}
    for file in server.files():
        offered.setdefault(file.name.split(".")[0], file)
    for name in tables:
        choose(name, offered, "table", where=server.address)
    folder.mkdir(parents=True, exist_ok=True)
    out = {}
    for name in tables:
        file = offered[name]
        if not _NAME.fullmatch(file.name):
            what = "the server gives a file a name that is none"
            raise DataError(what, where=server.address, got=repr(file.name))
        target = folder / file.name
        if not (target.is_file() and target.stat().st_size == (file.size or -1)):
            server.fetch(file, target, progress)
        out[name] = target.stat().st_size
    return out
