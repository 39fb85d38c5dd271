"""The wheel: what it holds, and that it works where there is no checkout."""

from __future__ import annotations

import fnmatch
import json
import os
import re
import shutil
import subprocess
import sys
import sysconfig
import tomllib
import zipfile
from email.parser import HeaderParser
from importlib.util import find_spec
from pathlib import Path

import pytest

import patentcl

ROOT = Path(__file__).resolve().parents[2]
KINDS = {
    "pipelines": ("*.yaml",),
    "graph": ("*.sql", "*.cypher", "compose.yaml", "pom.xml"),
    "indexes": ("*.yaml",),
}
STRAY = [
    "patentcl/notes.txt",
    "patentcl/model.safetensors",
    "patentcl/sample.tsv",
    "patentcl/metrics/results.json",
    "patentcl/scratch/try.py",
    "patentcl/.secret",
    "pipelines/private.txt",
    "pipelines/old/quickstart.yaml",
    "graph/graph.duckdb",
    "indexes/index.faiss",
    "tests/test_x.py",
    "benchmarks/b.py",
    "data/g_patent.tsv",
    "artifacts/run/manifest.json",
    ".venv/lib/x.py",
    "notebooks/n.ipynb",
]


def run(*command: str | Path, cwd: Path) -> str:
    # Variables that would lead Python or pip back to this checkout or environment are left out.
    clean = {k: v for k, v in os.environ.items() if not k.startswith(("PYTHON", "COV_"))}
    done = subprocess.run(
        [str(c) for c in command], cwd=cwd, env=clean, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel of a copy of the checkout in which all sorts of things lie about."""
    base = tmp_path_factory.mktemp("packaging")
    copy = base / "copy"
    skip = shutil.ignore_patterns("__pycache__")
    for name in ("patentcl", *KINDS):
        shutil.copytree(ROOT / name, copy / name, ignore=skip)
    for name in ("pyproject.toml", "README.md"):
        shutil.copy(ROOT / name, copy / name)
    for name in STRAY:
        (copy / name).parent.mkdir(parents=True, exist_ok=True)
        (copy / name).write_text("# stray\n", encoding="utf-8")
    if find_spec("setuptools") and find_spec("build"):
        command = ["build", "--wheel", "--no-isolation", "--outdir", base / "dist", copy]
    else:
        command = ["pip", "wheel", "--quiet", "--no-deps", "--wheel-dir", base / "dist", copy]
    run(sys.executable, "-m", *command, cwd=base)
    (found,) = (base / "dist").iterdir()
    shutil.rmtree(copy)
    return found


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A fresh environment with the wheel, and with the other packages of this one."""
    base = tmp_path_factory.mktemp("installed")
    environment = base / "env"
    run(sys.executable, "-m", "venv", "--without-pip", environment, cwd=base)
    python = environment / "bin" / "python"
    place = Path(
        run(
            python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))", cwd=base
        ).strip()
    )
    # A line in a .pth file adds a folder, but not the .pth files in it: so not the checkout.
    (place / "others.pth").write_text(sysconfig.get_path("purelib") + "\n", encoding="utf-8")
    run(
        sys.executable,
        "-m",
        "pip",
        "--python",
        python,
        "install",
        "--quiet",
        "--no-deps",
        "--no-index",
        "--ignore-installed",
        "--disable-pip-version-check",
        wheel,
        cwd=base,
    )
    return environment


def in_git(*folders: str) -> set[str]:
    """Files below some folders that git holds, or would hold: those it ignores are left out."""
    command = ("git", "ls-files", "--cached", "--others", "--exclude-standard", "--", *folders)
    return {name for name in run(*command, cwd=ROOT).splitlines() if (ROOT / name).is_file()}


def test_packages_are_the_folders_that_git_holds() -> None:
    """By hand in pyproject, since setuptools finds none beside packages mapped to other places."""
    tool = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]
    declared = set(tool["setuptools"]["packages"])
    folders = {Path(name).parent for name in in_git("patentcl") if name.endswith(".py")}
    assert all((ROOT / folder / "__init__.py").is_file() for folder in folders)
    assert declared == {".".join(folder.parts) for folder in folders} | {
        f"patentcl._resources.{kind}" for kind in KINDS
    }
    mapped = tool["setuptools"]["package-dir"]
    assert mapped == {"patentcl": "patentcl"} | {f"patentcl._resources.{k}": k for k in KINDS}


def test_the_wheel_holds_what_git_holds_and_nothing_else(wheel: Path) -> None:
    expected = in_git("patentcl")
    resources = in_git(*KINDS)
    for name in resources:
        kind, file = Path(name).parts
        assert any(fnmatch.fnmatch(file, pattern) for pattern in KINDS[kind]), name
    expected |= {f"patentcl/_resources/{name}" for name in resources}
    about = f"patentcl-{patentcl.__version__}.dist-info"
    expected |= {
        f"{about}/{name}"
        for name in ("METADATA", "RECORD", "WHEEL", "entry_points.txt", "top_level.txt")
    }
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
        held = {n for n in names if not n.startswith(f"{about}/licenses/")}
    assert len(names) == len(set(names))
    assert held == expected
    assert wheel.name == f"patentcl-{patentcl.__version__}-py3-none-any.whl"
    assert wheel.stat().st_size < 1_000_000


def test_what_the_wheel_says_of_itself(wheel: Path) -> None:
    about = f"patentcl-{patentcl.__version__}.dist-info"
    with zipfile.ZipFile(wheel) as archive:
        text = archive.read(f"{about}/METADATA").decode()
        entry = archive.read(f"{about}/entry_points.txt").decode()
    head = HeaderParser().parsestr(text)
    assert head["Name"] == "patentcl"
    assert head["Version"] == patentcl.__version__  # said in two places
    assert head["Requires-Python"] == ">=3.11"
    assert {"cpu", "gpu", "minilm", "dev"} <= set(head.get_all("Provides-Extra", []))
    assert "patentcl = patentcl.cli.app:main" in entry
    assert not re.search(r"index-url|file://| @ http", text)


def test_every_module_and_resource_is_there_without_a_checkout(
    installed: Path, tmp_path: Path
) -> None:
    code = """
import importlib, json, pathlib, pkgutil, sys
import patentcl
from patentcl.core import resources
from patentcl.pipeline.recipe import load_recipe
from patentcl.search.specification import IndexSpec

for module in pkgutil.walk_packages(patentcl.__path__, "patentcl."):
    if not module.name.startswith("patentcl._resources"):
        importlib.import_module(module.name)
print(json.dumps({
    "home": patentcl.__file__,
    "folders": {k: str(resources.folder(k)) for k in resources.KINDS},
    "texts": {f"{k}/{n}{s}": resources.read(k, n, s) for k in resources.KINDS
              for s in (".yaml", ".sql", ".cypher", ".xml") for n in resources.names(k, s)},
    "recipes": [load_recipe(n).name for n in resources.names("pipelines")],
    "specs": [IndexSpec.read(n).name for n in resources.names("indexes")],
    "page": (pathlib.Path(patentcl.__file__).parent / "maps" / "page.html").stat().st_size,
    "path": sys.path}))
"""
    found = json.loads(run(installed / "bin" / "python", "-c", code, cwd=tmp_path))
    inside = str(installed.resolve())
    assert os.path.realpath(found["home"]).startswith(inside)
    for kind, folder in found["folders"].items():
        assert os.path.realpath(folder).startswith(inside)
        assert folder.endswith(f"patentcl/_resources/{kind}")
    assert not {os.path.realpath(p) for p in found["path"] if p} & {str(ROOT), str(ROOT.parent)}
    assert found["texts"] == {
        f"{kind}/{p.name}": p.read_text(encoding="utf-8")
        for kind in KINDS
        for p in (ROOT / kind).iterdir()
        if p.suffix in (".yaml", ".sql", ".cypher", ".xml")
    }
    assert found["recipes"] == sorted(p.stem for p in (ROOT / "pipelines").glob("*.yaml"))
    assert found["specs"] == sorted(p.stem for p in (ROOT / "indexes").glob("*.yaml"))
    assert found["page"] == (ROOT / "patentcl" / "maps" / "page.html").stat().st_size


def test_the_command_works_without_a_checkout(installed: Path, tmp_path: Path) -> None:
    command = installed / "bin" / "patentcl"
    assert "Embeddings, classification" in run(command, "--help", cwd=tmp_path)
    rows = {r["what"]: r for r in json.loads(run(command, "doctor", "--json", cwd=tmp_path))}
    assert rows["patentcl"]["found"] == patentcl.__version__
    for kind in KINDS:
        assert rows[f"{kind}/"]["ok"]
        number = len(list((ROOT / kind).glob("*.sql" if kind == "graph" else "*.yaml")))
        assert rows[f"{kind}/"]["found"].split()[0] == str(number)
    planned = subprocess.run(
        [command, "run", "quickstart", "--dry"],
        cwd=tmp_path,
        text=True,
        capture_output=True,
        check=False,
    )
    assert planned.returncode == 0, planned.stderr
    assert "map: would run" in planned.stderr
    assert os.listdir(tmp_path) == []


def test_there_is_no_second_home_for_resources_in_the_checkout() -> None:
    assert not (ROOT / "patentcl" / "_resources").exists()
