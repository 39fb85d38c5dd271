"""Naming the package and asking for help load nothing heavy; public names are found on demand."""

from __future__ import annotations

import ast
import importlib
import re
import subprocess
import sys

import pytest
from sources import PACKAGE, tree_of

HEAVY = (
    "torch",
    "transformers",
    "sentence_transformers",
    "datasets",
    "faiss",
    "umap",
    "numba",
    "neo4j",
    "matplotlib",
    "fast_hdbscan",
    "sklearn",
    "pandas",
    "duckdb",
    "pyarrow",
    "scipy",
)
REPORT = f"\nimport sys\nprint([m for m in {HEAVY!r} if m in sys.modules], file=sys.stderr)\n"


def loaded_after(code: str) -> tuple[str, str]:
    done = subprocess.run(
        [sys.executable, "-c", code + REPORT], capture_output=True, text=True, check=True
    )
    return done.stdout, done.stderr.strip().splitlines()[-1]


def run_help(*arguments: str) -> str:
    return (
        f"import sys\nsys.argv = ['patentcl', *{arguments!r}]\nfrom patentcl.cli.app import main\n"
        "try:\n    main()\nexcept SystemExit as end:\n    assert not end.code, end.code\n"
    )


def test_importing_the_package_loads_nothing_heavy() -> None:
    assert loaded_after("import patentcl\npatentcl.__version__, dir(patentcl)")[1] == "[]"


def test_help_loads_nothing_heavy() -> None:
    stdout, loaded = loaded_after(run_help("--help"))
    assert loaded == "[]"
    for verb in (
        "sample",
        "load",
        "mine",
        "train",
        "embed",
        "fit",
        "evaluate",
        "index",
        "similar",
        "classify",
        "map",
        "run",
        "doctor",
    ):
        assert re.search(rf"^\W*{verb}\b", stdout, re.MULTILINE), verb


def test_help_of_a_verb_and_errors_of_settings_load_nothing_heavy() -> None:
    assert loaded_after(run_help("run", "--help"))[1] == "[]"
    code = (
        "from patentcl.pipeline.recipe import load_recipe\n"
        "from patentcl.core.errors import ConfigError\n"
        "try:\n    load_recipe('quickstart', ['seeds=1'])\n"
        "except ConfigError as error:\n    print(error)\n"
    )
    stdout, loaded = loaded_after(code)
    assert "Did you mean seed" in stdout
    assert loaded == "[]"


def test_public_names_are_found_on_demand() -> None:
    import patentcl

    for name in patentcl.__all__:
        assert getattr(patentcl, name) is not None
        assert name in dir(patentcl)
    with pytest.raises(AttributeError, match="no attribute 'Corpsu'"):
        patentcl.Corpsu  # noqa: B018
    for_types = {
        alias.asname
        for node in ast.walk(tree_of(PACKAGE / "__init__.py"))
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    } - {None}
    assert for_types == set(patentcl.__all__) - {"__version__"}  # what editors see is what is there


FOLDERS = sorted(p.parent.name for p in PACKAGE.glob("*/__init__.py"))


@pytest.mark.parametrize("folder", FOLDERS)
def test_public_names_of_a_folder_are_there_and_loaded_lazily(folder: str) -> None:
    package = importlib.import_module(f"patentcl.{folder}")
    assert package.__doc__
    for name in getattr(package, "__all__", ()):
        assert getattr(package, name) is not None
        assert name in dir(package)
    if hasattr(package, "__all__"):
        with pytest.raises(AttributeError, match="no attribute 'nothing'"):
            package.nothing  # noqa: B018


def test_naming_the_folders_loads_nothing_heavy() -> None:
    code = "".join(f"import patentcl.{folder}\n" for folder in FOLDERS)
    assert loaded_after(code)[1] == "[]"
