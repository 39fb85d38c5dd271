"""Results in versions, for the tests of `patentcl.core.artifacts`; and the process that is killed.

Run as a program: ``artifact_cases.py ROOT KIND OLD STEPS`` writes version 2 into ``ROOT/1/v``,
``ROOT/2/v`` and so on, killed with signal 9 before its first, second, ... touch of the disk, until
it comes through.
"""

from __future__ import annotations

import itertools
import os
import signal
import sys
from pathlib import Path
from typing import Any

from patentcl.core import artifacts, files
from patentcl.core.artifacts import read_manifest, writing, writing_files

NAMES = ("a.txt", "b.bin")


def record(version: int) -> dict[str, Any]:
    return {"stage": "embed", "version": version}


def fill(place: Path, version: int, names: tuple[str, ...] = NAMES) -> None:
    for name in names:
        (place / name).write_text(f"{name} {version}\n" * 100, encoding="utf-8")


def write(target: Path, version: int) -> None:
    with writing(target, record(version)) as place:
        fill(place, version)


def write_beside(folder: Path, version: int, names: tuple[str, ...] = NAMES) -> None:
    with writing_files(folder, record(version)) as place:
        fill(place, version, names)


def version_of(folder: Path, names: tuple[str, ...] = NAMES) -> int | None:
    """The version that a folder holds completely, None if its manifest does not say so."""
    manifest = read_manifest(folder)
    if manifest is None:
        return None
    for name in names:
        expected = f"{name} {manifest['version']}\n" * 100
        assert (folder / name).read_text(encoding="utf-8") == expected
    return manifest["version"]


def _write_until(kind: str, root: Path, moment: int) -> None:
    """In a child process: write version 2, and be killed before the n-th touch of the disk."""
    seen = 0

    def hook(event: str, arguments: tuple[Any, ...]) -> None:
        nonlocal seen
        if event in _TOUCHES and str(arguments[0]).startswith(str(root)):
            seen += 1
            if seen == moment:
                os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(hook)
    {"write": write, "write_beside": write_beside}[kind](root / "v", 2)


_TOUCHES = ("open", "os.mkdir", "os.rename", "os.remove", "os.rmdir", "os.scandir", "os.listdir")


def main(base: str, kind: str, old: str, exchange: str) -> None:
    if exchange == "two steps":
        files._exchanged = lambda one, other: False
    versions = artifacts.library_versions()
    artifacts.library_versions = lambda: versions
    for moment in itertools.count(1):
        root = Path(base) / str(moment)
        root.mkdir(parents=True)
        if old == "old":
            if kind == "write":
                write(root / "v", 1)
            else:
                write_beside(root / "v", 1, (*NAMES, "old.txt"))
                (root / "v" / "notes.txt").write_text("mine", encoding="utf-8")
        child = os.fork()
        if child == 0:
            _write_until(kind, root, moment)
            os._exit(0)
        status = os.waitpid(child, 0)[1]
        if not os.WIFSIGNALED(status):
            sys.exit(os.waitstatus_to_exitcode(status))


if __name__ == "__main__":
    main(*sys.argv[1:])
