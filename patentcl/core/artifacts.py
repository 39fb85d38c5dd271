"""Folders that are either complete or not there: fingerprints, atomic writing, manifests.

A stage writes into the lock of its folder; ``manifest.json`` goes in last, and then the whole is
put into place in one step. So a folder with a manifest is complete, and whatever a cut-off run
leaves behind carries a name that nothing reads, and is cleared away by the next one.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import logging
import os
import platform
import shutil
import time
from collections.abc import Callable, Collection, Iterator
from datetime import date
from importlib import metadata
from pathlib import Path
from typing import Any, TypeVar

from patentcl.core.digests import contents, damaged
from patentcl.core.errors import DataError
from patentcl.core.files import explained, replacing, settle, switch, write_whole
from patentcl.core.locks import OLD, lock_of, owner_of
from patentcl.core.reading import reading

T = TypeVar("T")
FORMAT = 2
"""1: without digests of the files, and of the manifest itself."""
MANIFEST = "manifest.json"
_PART = f".{MANIFEST}.part"
_CARD = "README.md"  # of a model: people edit it, and nothing reads it
_TRIES = 50
_noted: set[Path] = set()
log = logging.getLogger(__name__)
_LIBRARIES = """patentcl torch transformers sentence-transformers faiss-cpu faiss-gpu duckdb pyarrow
    numpy scipy scikit-learn umap-learn fast-hdbscan""".split()  # noqa: SIM905


def _plain(value: Any) -> Any:
    if isinstance(value, (set, frozenset)):
        return sorted(value, key=repr)
    if isinstance(value, (Path, date)):
        return str(value)
    raise TypeError(f"{type(value).__name__} is not plain data")


def fingerprint(value: Any) -> str:
    """Hash plain data (dicts, lists, strings, numbers, paths) whatever the order of keys.

    Raises
    ------
    TypeError
        For anything else: its text could differ from one process to the next.

    Examples
    --------
    >>> fingerprint({"a": 1, "b": [2]}) == fingerprint({"b": [2], "a": 1})
    True
    """
    text = json.dumps(value, sort_keys=True, ensure_ascii=False, default=_plain)
    return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()


def fingerprint_path(path: str | Path) -> str:
    """Hash the names and contents of a file, or of all files below a folder.

    Hidden files and temporary siblings do not count; manifests do not either, because they hold
    times that differ between equal results.
    """
    path = Path(path)
    if not path.exists():
        raise DataError("no such file or folder", got=path)
    files = {path.name: path}
    if path.is_dir():
        below = {p.relative_to(path): p for p in sorted(path.rglob("*")) if p.is_file()}
        files = {
            name.as_posix(): p
            for name, p in below.items()
            if p.name != MANIFEST and not any(part.startswith(".") for part in name.parts)
        }
    digest = hashlib.blake2b(digest_size=16)
    for name, file in files.items():
        digest.update(f"{name}\0{file.stat().st_size}\0".encode())
        with file.open("rb") as stream:
            while block := stream.read(1 << 22):
                digest.update(block)
    return digest.hexdigest()


def library_versions() -> dict[str, str]:
    """Versions of Python and of the installed libraries that results depend on."""
    found = {"python": platform.python_version()}
    for name in _LIBRARIES:
        with contextlib.suppress(metadata.PackageNotFoundError):
            found[name] = metadata.version(name)
    return found


def read_manifest(folder: str | Path) -> dict[str, Any] | None:
    """Return a folder's manifest, or None where there is none: the folder is then not complete.

    Raises
    ------
    DataError
        If the manifest is not JSON or was written by a newer patentcl.
    """
    path, again = Path(folder) / MANIFEST, "Delete the folder and run the stage again"
    try:
        text = _manifest_text(Path(folder))
        if text is None:
            return None
        manifest = json.loads(text)
    except (ValueError, OSError, RecursionError) as error:
        raise DataError(
            "the manifest cannot be read", where=path, got=str(error), fix=again
        ) from error
    version = manifest.get("format") if isinstance(manifest, dict) else None
    if not isinstance(version, int):
        raise DataError(
            "not a manifest of patentcl", where=path, got=f"format {version!r}", fix=again
        )
    if version > FORMAT:
        raise DataError(
            "the folder was written by a newer patentcl",
            where=path,
            got=f"format {version}",
            wanted=f"format {FORMAT} or older",
            fix="Upgrade patentcl",
        )
    if version > 1 and manifest.get("digest") != _digest(manifest):
        raise DataError("the manifest has been changed or is damaged", where=path, fix=again)
    return manifest


def _manifest_text(folder: Path) -> bytes | None:
    """The manifest's text; None without one, but not while a living process puts one there."""
    for left in reversed(range(_TRIES)):
        with reading(folder / MANIFEST, "the manifest cannot be read"):
            try:
                return (folder / MANIFEST).read_bytes()
            except (FileNotFoundError, NotADirectoryError):
                if not left or not _in_a_gap(folder):
                    return None
        time.sleep(0.02)
    return None


def _in_a_gap(folder: Path) -> bool:
    """Whether a result of this folder is just being replaced, in more than one step."""
    beside, inside = lock_of(Path(os.path.realpath(folder))), lock_of(folder, inside=True)
    return any(
        sign.exists() and (owner_of(lock) or {}).get("alive", False)
        for lock, sign in ((beside, beside / OLD), (inside, folder / _PART))
    )


def _digest(manifest: dict[str, Any]) -> str:
    return fingerprint({k: v for k, v in manifest.items() if k != "digest"})


def verify(folder: str | Path, names: Collection[str] | None = None) -> dict[str, Any] | None:
    """Return the manifest of a folder whose files are as they were written; None without one.

    All files that the manifest lists are read once in a process, or only those of `names`. Older
    folders have no digests: a note says so.

    Raises
    ------
    DataError
        If a file is missing or has been changed, or the manifest cannot be used.
    """
    folder = Path(folder)
    manifest = read_manifest(folder)
    if manifest is None:
        return None
    if manifest["format"] < 2:
        if folder not in _noted:
            log.warning("%s is of an older patentcl: its files are not checked", folder)
        _noted.add(folder)
        return manifest
    stated = {
        name: about
        for name, about in manifest["contents"].items()
        if name != _CARD and (names is None or name in names)
    }
    wrong = damaged(folder, stated)
    if wrong is not None:
        raise DataError(
            "a file is not as it was written",
            where=folder / wrong[0],
            got=wrong[1],
            fix=f"Run the stage {manifest.get('stage')} again, or copy the folder again",
        )
    return manifest


def opened(folder: str | Path, read: Callable[[], T], names: Collection[str] | None = None) -> T:
    """What `read` gives of a folder that `verify` finds as it was written, of one generation.

    Where the folder is replaced meanwhile, it is read again.
    """
    for left in reversed(range(_TRIES)):
        before = _manifest_text(Path(folder))
        try:
            verify(folder, names)
            found = read()
        except Exception:
            if not left or _manifest_text(Path(folder)) == before:
                raise
        else:
            if not left or _manifest_text(Path(folder)) == before:
                return found
    raise AssertionError("not reached")


def part(folder: str | Path, name: str) -> Path:
    """A run's part of that name, where the folder is a run: people name the run."""
    run = Path(folder)
    is_run = (run / name / MANIFEST).is_file() or (run / "corpus.parquet").is_file()
    return run / name if is_run else run


def require(
    folder: str | Path, what: str, verb: str, names: Collection[str] | None = None
) -> dict[str, Any]:
    """`verify` a folder that must be complete, or say which verb writes it."""
    if not Path(folder).exists():
        raise DataError(f"no {what} there", got=folder, fix=f"Make one with: patentcl {verb}")
    manifest = verify(folder, names)
    if manifest is None:
        raise DataError(
            f"the {what} folder is not complete",
            where=folder,
            got=f"no {MANIFEST}",
            fix=f"Write it again with: patentcl {verb}",
        )
    return manifest


def stage_of(record: dict[str, Any]) -> tuple[str, str | None]:
    """Stage and variant that a manifest names; older ones join the two, as in ``embed-base``."""
    stage = str(record.get("stage"))
    plain = stage.removesuffix("-base")
    return plain, "base" if plain != stage else record.get("variant")


# ---- writing --------------------------------------------------------------------------------


@contextlib.contextmanager
def writing(target: str | Path, record: dict[str, Any]) -> Iterator[Path]:
    """Write a folder that appears complete or not at all; yields a hidden one to write into.

    An older one of the same stage is replaced once the new one is complete, and kept if that fails.
    `record` is what the manifest says, and may still be changed inside the block.

    Raises
    ------
    DataError
        If the place is taken by something else, the disk is full, or writing is not allowed.
    """
    target, started = Path(os.path.realpath(target)), time.perf_counter()
    with explained(target), replacing(target) as (fresh, lock):
        if target.exists():
            _check_own(target, record)
        yield fresh
        lock.check()
        settle(fresh)
        _write_manifest(fresh, MANIFEST, record, started)
        switch(fresh, target, lock)


@contextlib.contextmanager
def writing_files(folder: str | Path, record: dict[str, Any]) -> Iterator[Path]:
    """Like `writing`, for files that live beside other stages' folders.

    The old manifest goes first and the new one comes last, so that a cut in between leaves no
    manifest and the files count as not written. Files of an earlier result that the new one does
    not have are removed; files that no manifest lists are never overwritten.
    """
    folder, started = Path(os.path.realpath(folder)), time.perf_counter()
    with explained(folder), replacing(folder, inside=True) as (fresh, lock):
        earlier = _files_of(folder, record)
        yield fresh
        lock.check()
        names = sorted(p.name for p in fresh.iterdir())
        taken = [n for n in names if (folder / n).exists() and n not in earlier]
        if taken:
            raise DataError(
                "a file that patentcl did not write would be overwritten",
                where=folder / taken[0],
                fix="Name another place, or move it",
            )
        settle(fresh)
        listed = {"files": names, "removed": sorted(earlier - set(names))}
        _write_manifest(fresh, _PART, {**record, **listed}, started)
        lock.check()
        # Until the last rename this says which files are ours, should we be cut off here.
        (fresh / _PART).replace(folder / _PART)
        (folder / MANIFEST).unlink(missing_ok=True)
        for path in (folder / name for name in sorted(earlier | set(names))):
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path)
            elif path.name not in names:
                path.unlink(missing_ok=True)
            if path.name in names:
                (fresh / path.name).replace(path)
        (folder / _PART).replace(folder / MANIFEST)


def _check_own(target: Path, record: dict[str, Any]) -> None:
    """Raise unless a folder is empty or holds an earlier result of the same stage and no other."""
    if not target.is_dir():
        raise _taken(target, "a file")
    manifest = read_manifest(target)
    if manifest is None and any(target.iterdir()):
        raise _taken(target, f"a folder without {MANIFEST}")
    _check_stage(target, manifest, record)
    if any((inner / MANIFEST).exists() for inner in target.iterdir()):
        raise _taken(target, "a folder with results of other stages in it")


def _check_stage(target: Path, manifest: dict[str, Any] | None, record: dict[str, Any]) -> None:
    if manifest is not None and stage_of(manifest)[0] != stage_of(record)[0]:
        raise _taken(target, f"a folder of the stage {manifest.get('stage')!r}")


def _taken(target: Path, got: str) -> DataError:
    what = "the place for the results is taken by something else"
    return DataError(what, where=target, got=got, fix="Name another place, or remove it")


def _files_of(folder: Path, record: dict[str, Any]) -> set[str]:
    """Files in a folder that earlier results of the same stage left, complete or cut off."""
    manifest = read_manifest(folder)
    _check_stage(folder, manifest, record)
    try:
        cut = json.loads((folder / _PART).read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        cut = None  # none, the usual case
    found: set[str] = set()
    for about in (manifest, cut):
        for key in ("files", "removed"):
            listed = about.get(key) if isinstance(about, dict) else None
            found |= (
                {n for n in listed if isinstance(n, str)} if isinstance(listed, list) else set()
            )
    return {n for n in found if n not in ("", "..") and Path(n).name == n}


def amend(folder: Path, **more: Any) -> None:
    """Add to the manifest of a complete folder."""
    manifest = {**(read_manifest(folder) or {}), **more}
    write_whole(folder / MANIFEST, _signed(manifest))


def _signed(manifest: dict[str, Any]) -> str:
    """A manifest as text, with its digest."""
    full = json.loads(json.dumps(manifest, ensure_ascii=False, default=str))
    full["digest"] = _digest(full)
    return json.dumps(full, indent=2, ensure_ascii=False) + "\n"


def _write_manifest(fresh: Path, name: str, record: dict[str, Any], started: float) -> None:
    full = {
        "format": FORMAT,
        **record,
        "seconds": round(time.perf_counter() - started, 2),
        "written": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "libraries": library_versions(),
        "contents": contents(fresh),
    }
    (fresh / name).write_text(_signed(full), encoding="utf-8")
    settle(fresh / name)
