"""One lock for each output: who is writing it, where, since when; and whether they still live.

A lock is a hidden folder beside the output, or in it, which appears by renaming, so that one of two
takers fails. Its file ``owner`` says who holds it. That file is locked with ``flock`` and touched
every few seconds: on the same machine, and in all its containers, the kernel says at once whether
an owner lives, whatever its number there; of other machines the touches tell. What an owner writes
lies in its lock, so what is left by one that was killed is known by it.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import getpass
import glob
import json
import logging
import os
import re
import secrets
import shutil
import socket
import sys
import tempfile
import threading
import time
import weakref
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from patentcl.core.errors import DataError

log = logging.getLogger(__name__)
BEAT = 5.0
"""Seconds between two touches of what this process owns."""
PATIENCE = 120.0
"""An owner on another machine that has not touched its file for so many seconds is gone."""
OWNER = ".owner"
OLD = "old"
"""In a lock: the folder that is being replaced, where that takes two steps."""
SPILL = ".spill-"
"""How the names of temporary folders begin that lie in a folder of results."""
_TRIES = 200


@cache
def _machine() -> str:
    """Names the running kernel: what `flock` reaches."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        return socket.gethostname()


class Owner:
    """The mark of this process in a folder, until `release` or the end of the process."""

    def __init__(self, folder: Path) -> None:
        self.token, self.pid = secrets.token_hex(8), os.getpid()
        program = Path(sys.argv[0])
        program = program.parent if program.name == "__main__.py" else program
        try:
            user = getpass.getuser()
        except (KeyError, OSError):
            user = str(os.getuid())
        about = {
            "token": self.token,
            "who": f"{user}@{socket.gethostname()}",
            "pid": self.pid,
            "command": " ".join([program.name, *sys.argv[1:]])[:200],
            "since": time.strftime("%Y-%m-%d %H:%M:%S %Z"),
            "machine": _machine(),
        }
        self._file = os.open(folder / OWNER, os.O_RDWR | os.O_CREAT, 0o666)
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:  # a file system without such locks: the touches alone will tell
            about["machine"] = None
        os.write(self._file, json.dumps(about).encode())
        with _guard:
            _owned[self] = self._file
            if not _beating:
                _beating.append(threading.Thread(target=_beat, daemon=True))
                _beating[0].start()

    def release(self) -> None:
        """Own the folder no longer."""
        with _guard:
            if _owned.pop(self, None) is not None:
                os.close(self._file)


_owned: dict[Owner, int] = {}
_beating: list[threading.Thread] = []
_guard = threading.RLock()


def _beat() -> None:
    while True:
        time.sleep(BEAT)
        with _guard:  # so that no number is closed, and another file's, when it is used
            for file in _owned.values():
                with contextlib.suppress(OSError):
                    os.utime(file)


def _in_child() -> None:
    """After a fork the parent alone is the owner: a child that outlives it does not hold it."""
    global _guard
    _guard = threading.RLock()
    for file in _owned.values():
        os.close(file)
    _owned.clear()
    _held.clear()
    _beating.clear()


def owner_of(folder: Path) -> dict[str, Any] | None:
    """What the owner of a folder says of itself, and whether it is ``alive``; None without one."""
    try:
        file = os.open(folder / OWNER, os.O_RDONLY)
    except (FileNotFoundError, NotADirectoryError):
        return None
    try:
        about: dict[str, Any] = json.loads(os.read(file, 10_000) or b"{}")
        return {**about, "alive": _alive(file, about.get("machine"), folder)}
    except ValueError:  # cut off in writing it
        return {"alive": _alive(file, None, folder)}
    finally:
        os.close(file)


def _alive(file: int, machine: str | None, folder: Path) -> bool:
    if machine == _machine():
        try:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except OSError:
            return True
        return False
    try:
        # The disk's clock on both sides: those of two machines differ.
        with tempfile.TemporaryFile(dir=folder.parent) as probe:
            now = os.fstat(probe.fileno()).st_mtime
    except OSError:
        now = time.time()
    return now - os.fstat(file).st_mtime < PATIENCE


def _abandoned(folder: Path) -> bool:
    """Whether a folder's owner is gone; one without an owner may be in the making."""
    about = owner_of(folder)
    return about is not None and not about["alive"]


def described(about: dict[str, Any]) -> str:
    """Who holds a lock, for messages."""
    if "who" not in about:
        return "an unknown process"
    return f"{about['who']}, process {about['pid']} ({about['command']}), since {about['since']}"


# ---- locks ----------------------------------------------------------------------------------


@dataclass
class Lock:
    """A lock that this process holds; `folder` is for what it is writing."""

    output: Path
    folder: Path
    owner: Owner
    thread: int = field(default_factory=threading.get_ident)
    depth: int = 1

    def check(self) -> None:
        """Raise if the lock was taken away, from a process that had stopped for minutes."""
        if (owner_of(self.folder) or {}).get("token") != self.owner.token:
            raise DataError(
                "the lock was lost: another process has taken over",
                where=self.output,
                fix="Run it again",
            )


_held: dict[Path, Lock] = {}


def lock_of(output: Path, inside: bool = False) -> Path:
    """The lock of a file or folder: beside it, or inside a folder of many outputs."""
    return output / ".patentcl-lock" if inside else output.with_name(f".{output.name}.lock")


@contextlib.contextmanager
def locked(output: Path, inside: bool = False) -> Iterator[Lock]:
    """Hold the lock of an output, whose folder is there; the same thread may hold it again.

    Raises
    ------
    DataError
        If another process, or thread, holds it: says who, where and since when.
    """
    place = lock_of(output, inside)
    lock = _held.get(place)
    if lock is None or lock.thread != threading.get_ident():
        lock = _held[place] = _acquire(output, place)
        lock.depth = 0
    lock.depth += 1
    try:
        yield lock
    finally:
        lock.depth -= 1
        if not lock.depth and lock.owner.pid == os.getpid():
            _held.pop(place, None)
            _release(lock)


def _acquire(output: Path, place: Path) -> Lock:
    fresh = place.with_name(f"{place.name}-{secrets.token_hex(8)}")
    owner = _claim(fresh)
    try:
        for left in reversed(range(_TRIES)):
            try:
                fresh.rename(place)  # fails where there is one, for that is not empty
                break
            except OSError as error:
                if error.errno == errno.ENOTDIR:
                    fix = "Remove it"
                    raise DataError("a file is where a lock goes", where=place, fix=fix) from error
                if error.errno not in (errno.EEXIST, errno.ENOTEMPTY):
                    raise
                _make_way(output, place, patient=left > 0)
        _sweep(output, place)
        return Lock(output, place, owner)
    except BaseException:
        _clear(fresh)
        owner.release()
        raise


def _claim(fresh: Path) -> Owner:
    for _ in range(_TRIES):
        with contextlib.suppress(FileNotFoundError):  # swept away while it was empty
            fresh.mkdir(parents=True)
            return Owner(fresh)
    raise DataError("hidden folders vanish as they are made", where=fresh)


def _clear(folder: Path) -> None:
    """Remove a folder, last of all the file that says whose it is."""
    with contextlib.suppress(OSError):
        for inner in folder.iterdir():
            if inner.is_dir():
                shutil.rmtree(inner, ignore_errors=True)
            elif inner.name != OWNER:
                inner.unlink(missing_ok=True)
        shutil.rmtree(folder)


def _make_way(output: Path, place: Path, patient: bool) -> None:
    """Move a lock aside whose owner is gone; raise where it lives."""
    about = owner_of(place) or {"alive": False}
    if about["alive"] or not patient:
        raise DataError(
            "another process is writing there",
            where=output,
            got=described(about),
            fix="Wait until it has finished, or name another place"
            if about["alive"]
            else f"Remove {place}",
        )
    if "token" not in about or not _moved(place, about):
        time.sleep(0.01)  # it is just being released, judged or taken over
        return
    log.warning("%s: cleared what is left of %s, which is gone", output, described(about))


def _moved(place: Path, about: dict[str, Any]) -> bool:
    """Rename the lock of a dead owner, and nobody else's."""
    with contextlib.suppress(OSError), (place / OWNER).open("r+b") as file:
        if about["machine"] == _machine():  # of two that would take over, one goes on
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if os.stat(place / OWNER).st_ino == os.fstat(file.fileno()).st_ino and (
            json.load(file)["token"] == about["token"]
        ):
            place.rename(place.with_name(f"{place.name}-{about['token']}"))
            return True
    return False


def _sweep(output: Path, place: Path) -> None:
    """Under the lock: clear away the locks of the dead; a cut-off switch of folders is undone."""
    for left in place.parent.glob(f"{glob.escape(place.name)}-*"):
        with contextlib.suppress(OSError):
            left.rmdir()  # empty: cut off in the making
        if not _abandoned(left):
            continue
        if (left / OLD).exists() and not output.exists():
            (left / OLD).rename(output)
        _clear(left)


def tidy(folder: Path) -> None:
    """Clear away what dead processes were writing in a folder and in those right below it."""
    below = [p for p in folder.iterdir() if p.is_dir() and not p.name.startswith(".")]
    for left in [p for place in (folder, *below) for p in place.glob(".*lock*")]:
        name = re.fullmatch(r"\.(?:(.+)\.lock|patentcl-lock)(-[0-9a-f]{16})?", left.name)
        if name and _abandoned(left):
            output = left.with_name(name[1]) if name[1] else left.parent
            with contextlib.suppress(DataError), locked(output, inside=not name[1]):
                pass
    for place in (folder, *below):
        _sweep_scratch(place, SPILL)


def _release(lock: Lock) -> None:
    """The lock goes in one step, and then what lies in it."""
    gone = lock.folder.with_name(f"{lock.folder.name}-{lock.owner.token}")
    if (owner_of(lock.folder) or {}).get("token") == lock.owner.token:
        with contextlib.suppress(OSError):
            lock.folder.rename(gone)
    _clear(gone)
    lock.owner.release()


def _sweep_scratch(folder: Path, prefix: str) -> None:
    for left in folder.glob(f"{prefix}*"):
        with contextlib.suppress(OSError):  # another user's
            if _abandoned(left):
                shutil.rmtree(left, ignore_errors=True)


class Scratch(tempfile.TemporaryDirectory[str]):
    """A temporary folder, hidden `within` another one if that may be written to.

    Of those that killed processes left, the next one clears away.
    """

    def __init__(self, within: Path | None = None) -> None:
        if within is not None and not os.access(within, os.W_OK):
            within = None
        prefix = "patentcl-" if within is None else SPILL
        _sweep_scratch(within or Path(tempfile.gettempdir()), prefix)
        super().__init__(prefix=prefix, dir=within)
        self._release = weakref.finalize(self, Owner(Path(self.name)).release)

    def cleanup(self) -> None:
        """Remove the folder."""
        super().cleanup()
        self._release()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_in_child)
