"""Files and folders that appear whole or not at all, and the errors of full disks.

What is being written lies in the lock of its place: see `patentcl.core.locks`.
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import os
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

from patentcl.core.errors import DataError
from patentcl.core.locks import OLD, Lock, locked

_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
# What libraries say that lose the number: safetensors, faiss, DuckDB; numpy of a short write.
_FULL_TEXT = re.compile(
    "No space left|Disk quota exceeded|File too large"
    r"|^\d+ requested and \d+ written$"
)


def user_cache(name: str) -> Path:
    """A folder below PATENTCL_CACHE, or else below the user's cache."""
    base = os.environ.get("PATENTCL_CACHE")
    if not base:
        home = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
        base = str(Path(home) / "patentcl")
    return Path(base) / name


def make_folder(folder: Path) -> None:
    """Make a folder for results and those above it; a file in the way is one clear error."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except (FileExistsError, NotADirectoryError) as error:
        raise DataError(
            "the place for the results is taken by a file",
            where=error.filename,
            fix="Name another place, or remove it",
        ) from error


@contextlib.contextmanager
def explained(target: Path, kept: str = "nothing was kept") -> Iterator[None]:
    """Turn a full disk or a forbidden place into one clear error, whichever library met it."""
    try:
        yield
    except Exception as error:
        code, text = getattr(error, "errno", None), " ".join(str(error).split())
        if code in _FULL or _FULL_TEXT.search(text):
            fix = "Free some space and run it again"
            raise DataError(f"the disk is full, {kept}", where=target, got=text, fix=fix) from error
        if isinstance(error, PermissionError) or code == errno.EROFS:
            place = getattr(error, "filename", None) or target
            raise DataError("no permission", where=place, got=text) from error
        raise


def settle(path: Path) -> None:
    """Put a file, or all files below a folder, on the disk; some say only now that it is full.

    Their modes become what the umask allows, as the folder's already is: some libraries write files
    that only their owner may read.
    """
    files = [path] if path.is_file() else [p for p in path.rglob("*") if p.is_file()]
    mode = 0o666 & (path.parent if path.is_file() else path).stat().st_mode
    for file in files:
        with file.open("rb") as stream:
            if os.fstat(stream.fileno()).st_mode & 0o777 != mode:
                file.chmod(mode)
            os.fsync(stream.fileno())


@contextlib.contextmanager
def holding(target: Path, inside: bool = False) -> Iterator[Lock]:
    """Hold the lock of an output; folders are made for it, and go again if they stay empty."""
    folder = target if inside else target.parent
    made = [p for p in (folder, *folder.parents) if not p.exists()]
    make_folder(folder)
    try:
        with locked(target, inside) as lock:
            yield lock
    finally:
        with contextlib.suppress(OSError):
            for empty in made:
                empty.rmdir()


@contextlib.contextmanager
def replacing(target: Path, inside: bool = False) -> Iterator[tuple[Path, Lock]]:
    """Hold the lock of an output; yields an empty folder in it to write into, and the lock."""
    with holding(target, inside) as lock:
        fresh = lock.folder / f"new-{lock.depth}"
        fresh.mkdir()
        try:
            yield fresh, lock
        finally:
            shutil.rmtree(fresh, ignore_errors=True)


def switch(fresh: Path, target: Path, lock: Lock) -> None:
    """Put a finished folder in the place of an older one, in one step where the system can.

    Else the older one is away for a moment, and back where that fails.
    """
    lock.check()
    if target.exists() and _exchanged(fresh, target):
        return
    old = lock.folder / OLD
    try:
        if target.exists():
            target.rename(old)
        fresh.rename(target)
    except BaseException:
        if old.exists():
            old.rename(target)
        raise
    shutil.rmtree(old, ignore_errors=True)


def _exchanged(one: Path, other: Path) -> bool:
    """Exchange two names; False where kernel or file system cannot."""
    here, exchange = -100, 2
    with contextlib.suppress(AttributeError):  # only Linux has it
        rename = ctypes.CDLL(None).renameat2
        return rename(here, os.fsencode(one), here, os.fsencode(other), exchange) == 0
    return False


@contextlib.contextmanager
def whole_file(path: str | Path, kept: str = "nothing was kept") -> Iterator[Path]:
    """Write one file that appears whole or not at all, in place of an older one.

    Yields the place to write instead, of the same name in a hidden folder. Folders above the file
    are made; `kept` is what the error of a full disk says about earlier work.

    Raises
    ------
    DataError
        If a folder has that name, another process is writing it, the disk is full, or writing is
        not allowed.
    """
    target = Path(os.path.realpath(path))
    with explained(target, kept), replacing(target) as (place, lock):
        if target.is_dir():
            raise DataError("a folder is where a file is to be written", where=target)
        yield place / target.name
        lock.check()
        settle(place / target.name)
        os.replace(place / target.name, target)


def write_whole(path: str | Path, data: str | bytes, kept: str = "nothing was kept") -> None:
    """Write text, as UTF-8, or bytes to a file that appears whole or not at all."""
    with whole_file(path, kept) as part:
        part.write_bytes(data.encode() if isinstance(data, str) else data)
