"""Folders that are either complete or not there: fingerprints, atomic writing, manifests.

A stage writes into a temporary sibling of its folder; ``manifest.json`` goes in last, and then the
whole is renamed into place. So a folder with a manifest is complete, and whatever a cut-off run
leaves behind carries a name that nothing reads.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import json
import os
import platform
import shutil
import time
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path
from typing import Any

from patentcl.errors import DataError

FORMAT = 1
MANIFEST = "manifest.json"
_LIBRARIES = ("patentcl", "torch", "transformers", "sentence-transformers", "faiss-cpu", "faiss-gpu",
              "duckdb", "pyarrow", "numpy", "scipy", "scikit-learn", "umap-learn", "datamapplot")
_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


def fingerprint(value: Any) -> str:
    """Hash plain data (dicts, lists, strings, numbers) independently of the order of keys.

    Examples
    --------
    >>> fingerprint({"a": 1, "b": [2]}) == fingerprint({"b": [2], "a": 1})
    True
    """
    text = json.dumps(value, sort_keys=True, ensure_ascii=False, default=str)
    return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()


def fingerprint_path(path: str | Path) -> str:
    """Hash the names and contents of a file, or of all files below a folder.

    Hidden files and temporary siblings do not count; manifests do not either, because they hold
    times that differ between equal results.
    """
    path = Path(path)
    if not path.exists():
        raise DataError("no such file or folder", got=path)
    files = [path] if path.is_file() else sorted(
        p for p in path.rglob("*")
        if p.is_file() and p.name != MANIFEST
        and not any(part.startswith(".") for part in p.relative_to(path).parts))
    digest = hashlib.blake2b(digest_size=16)
    for file in files:
        name = file.name if path.is_file() else file.relative_to(path).as_posix()
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
    path = Path(folder) / MANIFEST
    try:
        manifest = json.loads(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, NotADirectoryError):
        return None
    except ValueError as error:
        raise DataError("the manifest cannot be read", where=path, got=str(error),
                        fix="Delete the folder and run the stage again") from error
    if not isinstance(manifest, dict) or manifest.get("format", 0) > FORMAT:
        got = manifest.get("format") if isinstance(manifest, dict) else type(manifest).__name__
        raise DataError("the folder was written by a newer patentcl", where=path, got=f"format {got}",
                        wanted=f"format {FORMAT} or older", fix="Upgrade patentcl")
    return manifest


def require(folder: str | Path, what: str, verb: str) -> dict[str, Any]:
    """Return the manifest of a folder that must be complete, or say which verb writes it."""
    folder = Path(folder)
    if not folder.exists():
        raise DataError(f"no {what} there", got=folder, fix=f"Make one with: patentcl {verb}")
    manifest = read_manifest(folder)
    if manifest is None:
        raise DataError(f"the {what} folder is not complete", where=folder, got=f"no {MANIFEST}",
                        fix=f"Write it again with: patentcl {verb}")
    return manifest


def _write_manifest(folder: Path, record: dict[str, Any], started: float) -> None:
    full = {"format": FORMAT, **record, "seconds": round(time.perf_counter() - started, 2),
            "written": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
            "libraries": library_versions()}
    part = folder / f".{MANIFEST}.part"
    with part.open("w", encoding="utf-8") as stream:
        json.dump(full, stream, indent=2, ensure_ascii=False, default=str)
        stream.write("\n")
        stream.flush()
        os.fsync(stream.fileno())
    part.replace(folder / MANIFEST)


def _temporary(target: Path, label: str) -> Path:
    """Make an empty hidden sibling, after sweeping away those of processes that are gone."""
    target.parent.mkdir(parents=True, exist_ok=True)
    for old in target.parent.glob(f".{label}.*-[0-9]*"):
        pid = int(old.name.rsplit("-", 1)[1])
        if pid != os.getpid() and Path("/proc").is_dir() and Path(f"/proc/{pid}").exists():
            continue
        if ".old-" in old.name and not target.exists() and label == target.name:
            old.rename(target)  # a replacement was cut off between its two renames
        else:
            shutil.rmtree(old)
    temporary = target.parent / f".{label}.tmp-{os.getpid()}"
    temporary.mkdir()
    return temporary


@contextlib.contextmanager
def _explained(target: Path) -> Iterator[None]:
    """Turn a full disk or a forbidden place into one clear error, whichever library met it."""
    try:
        yield
    except Exception as error:
        code = getattr(error, "errno", None)
        text = str(error)
        if code in _FULL or "No space left" in text or "File too large" in text:
            raise DataError("the disk is full, nothing was kept", where=target, got=text,
                            fix="Free some space and run it again") from error
        if isinstance(error, PermissionError) or code == errno.EROFS:
            raise DataError("no permission to write there", where=target, got=text) from error
        raise


@contextlib.contextmanager
def writing(target: str | Path, record: dict[str, Any]) -> Iterator[Path]:
    """Write a folder that appears complete or not at all.

    Parameters
    ----------
    target : path
        The folder. An older one is replaced once the new one is complete; anything else of that name
        is refused.
    record : dict
        What the manifest says; may still be changed inside the ``with`` block.

    Yields
    ------
    Path
        A temporary sibling to write into.

    Raises
    ------
    DataError
        If the place is taken by something else, the disk is full, or writing is not allowed.
    """
    target = Path(os.path.abspath(target))
    if target.exists() and (not target.is_dir() or (any(target.iterdir())
                                                    and read_manifest(target) is None)):
        raise DataError("the place for the results is taken by something else", where=target,
                        got="a file" if target.is_file() else f"a folder without {MANIFEST}",
                        fix="Name another place, or remove it")
    started = time.perf_counter()
    with _explained(target):
        temporary = _temporary(target, target.name)
        try:
            yield temporary
            _write_manifest(temporary, record, started)
            old = target.parent / f".{target.name}.old-{os.getpid()}"
            if target.exists():
                target.rename(old)
            temporary.rename(target)
            shutil.rmtree(old, ignore_errors=True)
        finally:
            shutil.rmtree(temporary, ignore_errors=True)


@contextlib.contextmanager
def writing_files(folder: str | Path, record: dict[str, Any], label: str = "files") -> Iterator[Path]:
    """Like `writing`, for files that live beside other stages' folders.

    The old manifest goes first and the new one comes last, so that a cut in between leaves no
    manifest and the files count as not written.
    """
    folder = Path(os.path.abspath(folder))
    started = time.perf_counter()
    with _explained(folder):
        if folder.exists() and not folder.is_dir():
            raise DataError("the place for the results is taken by a file", where=folder)
        folder.mkdir(parents=True, exist_ok=True)
        temporary = _temporary(folder / label, label)
        try:
            yield temporary
            (folder / MANIFEST).unlink(missing_ok=True)
            for item in sorted(temporary.iterdir()):
                item.replace(folder / item.name)
            _write_manifest(folder, record, started)
        finally:
            shutil.rmtree(temporary, ignore_errors=True)
