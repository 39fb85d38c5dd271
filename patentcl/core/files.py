"""Files and folders that appear whole or not at all, and the errors of full disks.

What is being written lies in a hidden sibling whose name says which process writes it, so that the
next writer can tell the leftovers of a process that is gone from the work of another.
"""

from __future__ import annotations

import contextlib
import errno
import itertools
import os
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

from patentcl.core.errors import DataError

_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
# What libraries say that lose the number: safetensors, faiss, DuckDB; numpy of a short write.
_FULL_TEXT = re.compile(
    "No space left|Disk quota exceeded|File too large"
    r"|^\d+ requested and \d+ written$"
)


def since(pid: int) -> str | None:
    """When a process of this machine began ("0" where that is not told), None if it is gone.

    Numbers of processes are used again, in containers all the time; number and beginning are not.
    """
    try:
        state, *fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        return None if state in "ZX" else fields[18]
    except OSError:  # gone, hidden from us, or a system without /proc
        pass
    try:
        os.kill(pid, 0)  # sends nothing, only asks
    except ProcessLookupError:
        return None
    except OSError:
        pass
    return "0"


def sweep(target: Path) -> None:
    """Clear away what processes that are gone left beside a target, or put its content back."""
    name = re.compile(rf"\.{re.escape(target.name)}\.(tmp|old)-(\d+)-(\d+)-\d+")
    for left in list(target.parent.iterdir()):
        match = name.fullmatch(left.name)
        if match is None or since(int(match[2])) in (match[3], "0"):
            continue
        if match[1] == "old" and not target.exists():
            with contextlib.suppress(FileNotFoundError):  # another process was quicker
                left.rename(target)  # a replacement was cut off between its two renames
        else:
            shutil.rmtree(left, ignore_errors=True)


@contextlib.contextmanager
def hidden_folder(target: Path) -> Iterator[tuple[Path, Path]]:
    """An empty hidden folder beside a target, and a name for what is to be replaced.

    Leftovers are swept before, and the folder is removed at the end of the block.
    """
    make_folder(target.parent)
    sweep(target)
    for number in itertools.count():
        mark = f"{os.getpid()}-{since(os.getpid())}-{number}"
        fresh = target.with_name(f".{target.name}.tmp-{mark}")
        with contextlib.suppress(FileExistsError):  # of another thread
            fresh.mkdir()
            break
    try:
        yield fresh, target.with_name(f".{target.name}.old-{mark}")
    finally:
        shutil.rmtree(fresh, ignore_errors=True)


def swap_folders(fresh: Path, target: Path, old: Path) -> None:
    """Put a finished folder in the place of an older one, which stands again where that fails."""
    try:
        if target.exists():
            target.rename(old)
        fresh.rename(target)
    except BaseException:
        if target.exists():  # another writer was quicker, and its result stands
            shutil.rmtree(old, ignore_errors=True)
        elif old.exists():
            old.rename(target)
        raise
    shutil.rmtree(old, ignore_errors=True)


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
    """Put a file, or all files below a folder, on the disk; some say only now that it is full."""
    for file in [path] if path.is_file() else [p for p in path.rglob("*") if p.is_file()]:
        with file.open("rb") as stream:
            os.fsync(stream.fileno())


@contextlib.contextmanager
def whole_file(path: str | Path, kept: str = "nothing was kept") -> Iterator[Path]:
    """Write one file that appears whole or not at all, in place of an older one.

    Yields the place to write instead, of the same name in a hidden folder. Folders above the file
    are made; `kept` is what the error of a full disk says about earlier work.

    Raises
    ------
    DataError
        If a folder has that name, the disk is full, or writing is not allowed.
    """
    target = Path(os.path.realpath(path))
    with explained(target, kept), hidden_folder(target) as (place, _):
        if target.is_dir():
            raise DataError("a folder is where a file is to be written", where=target)
        yield place / target.name
        settle(place / target.name)
        os.replace(place / target.name, target)


def write_whole(path: str | Path, data: str | bytes, kept: str = "nothing was kept") -> None:
    """Write text, as UTF-8, or bytes to a file that appears whole or not at all."""
    with whole_file(path, kept) as part:
        part.write_bytes(data.encode() if isinstance(data, str) else data)
