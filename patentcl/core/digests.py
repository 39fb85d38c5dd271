"""Sizes and SHA-256 digests of files, as ``sha256sum`` gives them; each file is read once.

Reading costs about one second for each GB on one core (files are read in parallel), and nothing
the second time in a process.
"""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

Stated = dict[str, Any]
"""``bytes`` and ``sha256`` of a file."""
_seen: dict[tuple[object, ...], str] = {}
_SMALL = 1 << 20  # bytes: starting threads takes longer
_SETTLED = 2.0  # seconds: a younger file could change again within one tick of the disk's clock


def digest_of(path: Path) -> str:
    """SHA-256 of a file, remembered until the file changes."""
    with path.open("rb") as stream:
        about = os.fstat(stream.fileno())
        key = (
            os.path.realpath(path),
            about.st_ino,
            about.st_size,
            about.st_mtime_ns,
            about.st_ctime_ns,
        )
        if key not in _seen:
            found = hashlib.file_digest(stream, "sha256").hexdigest()
            if abs(time.time() - about.st_ctime) < _SETTLED:
                return found
            _seen[key] = found
    return _seen[key]


def contents(folder: Path) -> dict[str, Stated]:
    """Size and digest of every file below a folder but hidden ones, by relative name."""
    files = {p.relative_to(folder): p for p in sorted(folder.rglob("*")) if p.is_file()}
    names = [n for n in files if not any(part.startswith(".") for part in n.parts)]
    digests = _digests([files[n] for n in names])
    return {
        name.as_posix(): {"bytes": files[name].stat().st_size, "sha256": digest}
        for name, digest in zip(names, digests, strict=True)
    }


def damaged(folder: Path, stated: dict[str, Stated]) -> tuple[str, str] | None:
    """The first file that is not as stated and what is wrong with it; None where all are."""
    for name, about in stated.items():
        if not (folder / name).is_file():
            return name, "no such file"
        size = (folder / name).stat().st_size
        if size != about["bytes"]:
            return name, f"{size} bytes instead of {about['bytes']}"
    try:
        digests = _digests([folder / name for name in stated])
    except OSError as error:
        return os.path.relpath(error.filename or folder, folder), str(error.strerror)
    for (name, about), digest in zip(stated.items(), digests, strict=True):
        if digest != about["sha256"]:
            return name, "other content"
    return None


def _digests(paths: Sequence[Path]) -> list[str]:
    if sum(p.stat().st_size for p in paths) < _SMALL:
        return [digest_of(p) for p in paths]
    with ThreadPoolExecutor(min(8, os.cpu_count() or 1)) as pool:
        return list(pool.map(digest_of, paths))
