"""The README's code runs, and prints what the README says; the cells of the notebooks run."""

from __future__ import annotations

import ast
import io
import json
import re
import runpy
import shlex
import subprocess
from collections.abc import Iterator
from contextlib import redirect_stdout
from pathlib import Path

import pytest
from calling import call

from patentcl import run_pipeline

ROOT = Path(__file__).resolve().parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
BLOCKS = [(kind, body) for kind, body in re.findall(r"```(\w+)\n(.*?)```", README, re.DOTALL)]
COMMANDS = [
    line for kind, body in BLOCKS if kind == "console" for line in body.splitlines() if line
]


@pytest.fixture(scope="module")
def here(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder with a finished run of the quickstart, smaller, and the files the README names."""
    place = tmp_path_factory.mktemp("readme")
    (place / "new.csv").write_text("id,title,abstract\na,Battery pack,Cells in a housing\n")
    (place / "mine.csv").write_text("id,title,summary,cpc_codes\na,Battery,Cells,H01M10/04\n")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(place)
        run_pipeline(
            "quickstart",
            overrides=[
                "data.sample_patents=300",
                "mining.triplets=32",
                "training.max_length=32",
                "classifier.epochs=4",
            ],
        )
        yield place


@pytest.mark.parametrize("line", [c for c in COMMANDS if c.startswith("make")])
def test_make_targets_exist(line: str) -> None:
    target = shlex.split(line, comments=True)[1]
    done = subprocess.run(
        ["make", "-n", target, "FAISS=cpu"], cwd=ROOT, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr


def test_commands_run_in_order(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lines = [c for c in COMMANDS if c.startswith("patentcl")]
    # The --dry lines come last: they ask about tables which a later block writes.
    for line in sorted(lines, key=lambda c: "--dry" in c):
        arguments = shlex.split(line, comments=True)
        if "tables" in arguments and arguments[1] != "sample":
            assert (here / "tables").is_dir()
        done = call(*arguments[1:], cwd=here)
        assert done.returncode == 0, line
        assert done.stdout or "--dry" in line, line


def test_python_prints_what_the_readme_says(here: Path) -> None:
    position = next(i for i, (kind, _) in enumerate(BLOCKS) if kind == "python")
    code, shown = BLOCKS[position][1], BLOCKS[position + 1][1]
    statements = [x for x in code.splitlines() if x and not x.startswith(("from ", "import "))]
    assert len(statements) == 7
    with redirect_stdout(io.StringIO()) as printed:
        exec(compile(code, "README.md", "exec"), {})
    assert printed.getvalue().split() == shown.split()


def test_every_command_is_in_the_readme_or_its_help() -> None:
    verbs = {shlex.split(c)[1] for c in COMMANDS if c.startswith("patentcl")}
    assert {
        "sample",
        "load",
        "mine",
        "train",
        "distill",
        "embed",
        "fit",
        "evaluate",
        "index",
        "similar",
        "classify",
        "map",
        "run",
        "doctor",
        "settings",
    } == verbs


def test_the_file_tree_is_true() -> None:
    tree = next(body for kind, body in BLOCKS if kind == "text" and "pipelines/" in body)
    ours = tree.split("artifacts/<recipe>/")[0]
    for name in re.findall(r"\b[\w-]+\.(?:py|yaml|ipynb|md)\b", ours):
        assert list(ROOT.glob(f"**/{name}")), f"{name} is not there"
    for folder in re.findall(r"^(\w+)/", ours, re.MULTILINE):
        assert (ROOT / folder).is_dir()


def test_tables_are_those_of_the_benchmarks() -> None:
    names = runpy.run_path(str(ROOT / "benchmarks" / "readme.py"))
    assert len(names["MARK"].findall(README)) == 1
    assert names["filled"](README) == README


@pytest.mark.parametrize("path", sorted((ROOT / "docs").glob("*.md")), ids=lambda p: p.stem)
def test_commands_of_the_pages_have_their_options(path: Path, tmp_path: Path) -> None:
    text = path.read_text(encoding="utf-8").replace("\\\n", " ")  # one command on two lines
    for line in re.findall(r"^patentcl .*$", text, re.MULTILINE):
        verb, *rest = shlex.split(line, comments=True)[1:]
        known = call(verb, "--help", cwd=tmp_path).stdout
        for option in (word for word in rest if re.match(r"-{1,2}[a-z]", word)):
            assert re.search(rf"(?<![\w-]){option}(?![\w-])", known), line


def test_the_readme_is_of_a_readable_length() -> None:
    assert len(README.splitlines()) <= 250


@pytest.mark.parametrize("path", sorted((ROOT / "notebooks").glob("*.ipynb")), ids=lambda p: p.stem)
def test_notebook_cells_run(here: Path, path: Path) -> None:
    """The last expression of each cell is what a reader sees."""
    names: dict[str, object] = {}
    for number, cell in enumerate(json.loads(path.read_text(encoding="utf-8"))["cells"]):
        if cell["cell_type"] != "code":
            continue
        assert not cell["outputs"], "notebooks are kept without outputs"
        *body, last = ast.parse("".join(cell["source"])).body
        where = f"{path.name}, cell {number}"
        exec(compile(ast.Module(body, []), where, "exec"), names)
        assert isinstance(last, ast.Expr), where
        shown = eval(compile(ast.Expression(last.value), where, "eval"), names)
        if hasattr(shown, "__len__"):
            assert len(shown), where
