"""What no module may do: print, exit, change what all share, run what it reads."""

from __future__ import annotations

import ast
import re

from sources import SOURCES, calls, each_source, imports, own_imports, tree_of

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


@each_source
def test_only_the_command_line_prints_exits_or_changes_what_all_share(name: str) -> None:
    if name.startswith("cli"):
        return
    for node, text in calls(name):
        put_back = (name, text) in PUT_BACK
        assert put_back or not ONLY_CLI.match(text), f"patentcl.{name}, line {node.lineno}: {text}"
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
    ("core.caches", "os.environ.setdefault"),  # for the command line, before libraries are loaded
    ("maps.projection", "warnings.simplefilter"),  # by catch_warnings around it
    ("encoders.encoder", "torch.set_num_threads"),  # at the end of the block: test_encoder
    ("classification.training", "torch.set_rng_state"),
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
