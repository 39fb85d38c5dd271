"""Limits of size: of a module, a function, and all together; comments and docstrings count."""

from __future__ import annotations

import ast
import io
import statistics
import tokenize

from sources import SOURCES, each_source, tree_of

MODULE, FUNCTION, MEDIAN, TOTAL = 500, 60, 180, 34_300
"""To come down to 500, 60, 160 and 17,000."""
LENGTHS = {
    name: len(path.read_text(encoding="utf-8").splitlines()) for name, path in SOURCES.items()
}


def code_lines(name: str) -> set[int]:
    """Numbers of the lines that hold code: no blank ones, comments and docstrings."""
    text = SOURCES[name].read_text(encoding="utf-8")
    tokens = tokenize.generate_tokens(io.StringIO(text).readline)
    lines = {
        number
        for token in tokens
        if token.type != tokenize.COMMENT and token.string.strip()
        for number in range(token.start[0], token.end[0] + 1)
    }
    for node in ast.walk(tree_of(SOURCES[name])):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            lines -= set(range(node.lineno, (node.end_lineno or node.lineno) + 1))
    return lines


@each_source
def test_modules_and_bodies_of_functions_are_small(name: str) -> None:
    assert LENGTHS[name] <= MODULE
    lines = code_lines(name)
    for node in ast.walk(tree_of(SOURCES[name])):
        if isinstance(node, ast.FunctionDef):
            own = lines & set(range(node.body[0].lineno, (node.end_lineno or 0) + 1))
            assert len(own) <= FUNCTION, f"{node.name}: {len(own)} lines"


def test_the_whole_is_small() -> None:
    assert sum(LENGTHS.values()) <= TOTAL
    assert statistics.median(LENGTHS.values()) <= MEDIAN


def test_what_counts_as_code() -> None:
    """So that the limit of functions is known to see something."""
    lines = code_lines("core.lazy")
    text = SOURCES["core.lazy"].read_text(encoding="utf-8").splitlines()
    assert {n for n, line in enumerate(text, 1) if line.strip() and '"""' not in line} == lines
