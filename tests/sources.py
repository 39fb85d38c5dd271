"""The source of patentcl, parsed: shared by the tests of its architecture."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = ROOT / "patentcl"

SOURCES = {
    ".".join(p.relative_to(PACKAGE).with_suffix("").parts): p for p in sorted(PACKAGE.rglob("*.py"))
}
each_source = pytest.mark.parametrize("name", SOURCES)


@cache
def tree_of(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"), str(path))


def only_for_types(tree: ast.Module) -> set[ast.AST]:
    """Everything below ``if TYPE_CHECKING:``."""
    return {
        inner
        for node in ast.walk(tree)
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"
        for statement in node.body
        for inner in ast.walk(statement)
    }


def imports(path: Path, types: bool = True) -> Iterator[str]:
    """Full names of what a file imports, at its top or inside a function."""
    tree = tree_of(path)
    left_out = set() if types else only_for_types(tree)
    for node in ast.walk(tree):
        if node in left_out:
            continue
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: a relative import"
            if node.module != "patentcl":
                yield str(node.module)
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def own_imports(path: Path, types: bool = True) -> set[str]:
    """Folders of patentcl that a file imports."""
    return {name.split(".")[1] for name in imports(path, types) if name.startswith("patentcl.")}


def calls(name: str) -> Iterator[tuple[ast.Call, str]]:
    for node in ast.walk(tree_of(SOURCES[name])):
        if isinstance(node, ast.Call):
            yield node, ast.unparse(node.func)
