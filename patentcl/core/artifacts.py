"""Folders that are either complete or not there: fingerprints, atomic writing, manifests.

A stage writes into a temporary sibling of its folder; ``manifest.json`` goes in last, and then the
whole is renamed into place. So a folder with a manifest is complete, and whatever a cut-off run
leaves behind carries a name that nothing reads, and is cleared away by the next one.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import platform
import shutil
import time
from collections.abc import Iterator
from datetime import date
from importlib import metadata
from pathlib import Path
from typing import Any

from patentcl.core.errors import DataError
from patentcl.core.files import explained, hidden_folder, settle, swap_folders

FORMAT = 1
MANIFEST = "manifest.json"
_PART = f".{MANIFEST}.part"
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
        manifest = json.loads(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, NotADirectoryError):
        return None
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
    return manifest


def require(folder: str | Path, what: str, verb: str) -> dict[str, Any]:
    """Return the manifest of a folder that must be complete, or say which verb writes it."""
    if not Path(folder).exists():
        raise DataError(f"no {what} there", got=folder, fix=f"Make one with: patentcl {verb}")
    manifest = read_manifest(folder)
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
    with explained(target), hidden_folder(target) as (fresh, old):
        if target.exists():
            _check_own(target, record)
        yield fresh
        settle(fresh)
        _write_manifest(fresh / MANIFEST, record, started)
        swap_folders(fresh, target, old)


@contextlib.contextmanager
def writing_files(
    folder: str | Path, record: dict[str, Any], label: str = "files"
) -> Iterator[Path]:
    """Like `writing`, for files that live beside other stages' folders.

    The old manifest goes first and the new one comes last, so that a cut in between leaves no
    manifest and the files count as not written. Files of an earlier result that the new one does
    not have are removed; files that no manifest lists are never overwritten.
    """
    folder, started = Path(os.path.realpath(folder)), time.perf_counter()
    with explained(folder), hidden_folder(folder / label) as (fresh, _):
        earlier = _files_of(folder, record)
        yield fresh
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
        _write_manifest(fresh / _PART, {**record, **listed}, started)
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


def _write_manifest(path: Path, record: dict[str, Any], started: float) -> None:
    full = {
        "format": FORMAT,
        **record,
        "seconds": round(time.perf_counter() - started, 2),
        "written": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "libraries": library_versions(),
    }
    text = json.dumps(full, indent=2, ensure_ascii=False, default=str)
    path.write_text(text + "\n", encoding="utf-8")
    settle(path)
