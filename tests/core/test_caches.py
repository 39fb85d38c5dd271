"""Caches of other libraries where no home can be written."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from patentcl.core.caches import provide_caches

NAMES = ("NUMBA_CACHE_DIR", "MPLCONFIGDIR", "HF_HOME")


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in NAMES:
        monkeypatch.delenv(name, raising=False)
        monkeypatch.setenv(name, "")  # restored whatever the test leaves
        monkeypatch.delenv(name)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))


def _named() -> list[str | None]:
    return [os.environ.get(name) for name in NAMES]


def test_a_home_that_can_be_written_stays(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "new"))
    provide_caches()
    assert _named() == [None, None, None]


def test_without_a_home_temporary_folders_are_named(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("")  # root too can make no folder below a file
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file" / "cache"))
    monkeypatch.setenv("MPLCONFIGDIR", "mine")
    provide_caches()
    numba, matplotlib, models = _named()
    own = Path(str(numba)).parent
    assert (matplotlib, models) == ("mine", str(own / "huggingface"))
    assert own.parent == tmp_path and stat.S_IMODE(own.stat().st_mode) == 0o700
    monkeypatch.delenv("NUMBA_CACHE_DIR")
    provide_caches()
    assert os.environ["NUMBA_CACHE_DIR"] == numba  # the same folder for the next process
    monkeypatch.delenv("NUMBA_CACHE_DIR")
    own.chmod(0o777)
    provide_caches()
    other = Path(os.environ["NUMBA_CACHE_DIR"]).parent
    assert other != own and stat.S_IMODE(other.stat().st_mode) == 0o700


def test_models_that_can_only_be_read_are_read(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "cache" / "huggingface").mkdir(parents=True)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(os, "access", lambda path, mode: False)
    provide_caches()
    assert os.environ["NUMBA_CACHE_DIR"] and "HF_HOME" not in os.environ


def test_numba_compiles_into_the_temporary_folder(tmp_path: Path) -> None:
    """As in a container without a home: the installation's own folder is not written, either."""
    (tmp_path / "file").write_text("")
    (tmp_path / "module.py").write_text(
        "import patentcl, numba\n"
        "@numba.njit(cache=True)\ndef one(x):\n    return x + 1\nassert one(1) == 2\n"
    )
    home = {"HOME": str(tmp_path / "file"), "TMPDIR": str(tmp_path), "PATH": os.environ["PATH"]}
    root = str(Path(__file__).parents[2])
    subprocess.run(
        [sys.executable, "module.py"], cwd=tmp_path, env=home | {"PYTHONPATH": root}, check=True
    )
    assert list(tmp_path.glob("cache-of-patentcl-*/numba/**/*.nbi"))
