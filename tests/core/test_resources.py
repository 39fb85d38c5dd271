"""What ships beside the code: found by name, and each of it sound."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import get_args

import pytest

from patentcl.core import resources
from patentcl.core.errors import ConfigError
from patentcl.core.settings import read_yaml
from patentcl.pipeline.recipe import load_recipe
from patentcl.search.specification import IndexSpec
from patentcl.triplets.settings import MiningRules

ROOT = Path(__file__).resolve().parents[2]
SUFFIX = {"pipelines": ".yaml", "graph": ".sql", "indexes": ".yaml"}


@pytest.mark.parametrize("kind", resources.KINDS)
def test_names_paths_and_texts_agree(kind: str) -> None:
    suffix = SUFFIX[kind]
    names = resources.names(kind, suffix)
    assert names == sorted(p.stem for p in (ROOT / kind).glob(f"*{suffix}"))
    assert names
    for name in names:
        path = resources.path(kind, name, suffix)
        assert path == resources.path(kind, f"{name}{suffix}", suffix)
        assert path == resources.folder(kind) / f"{name}{suffix}"
        assert resources.read(kind, name, suffix) == path.read_text(encoding="utf-8")
        assert resources.read(kind, name, suffix).endswith("\n")


@pytest.mark.parametrize("kind", resources.KINDS)
def test_a_folder_holds_nothing_but_what_ships(kind: str) -> None:
    kinds = {".yaml"} if kind != "graph" else {".sql", ".cypher", ".yaml", ".xml"}
    shipped = {p.name for p in (ROOT / kind).iterdir() if p.suffix in kinds}
    assert {p.name for p in (ROOT / kind).iterdir()} - shipped <= {"README.md"}


@pytest.mark.parametrize(
    ("kind", "name", "message"),
    [
        ("pipelines", "quickstat", r"^no such recipe: got quickstat\. Did you mean quickstart\?$"),
        ("indexes", "hnws", r"^no such index specification: got hnws\. Did you mean hnsw\?$"),
        (
            "indexes",
            "zzzzzz",
            r"^no such index specification: got zzzzzz\. Known: .*flat, gpu, hnsw",
        ),
        ("graph", "load_patents", r"^no such query: got load_patents\. Did you mean load_pat"),
        ("pipelines", "../pyproject", "no such recipe"),
        ("pipelines", "/etc/passwd", "no such recipe"),
        ("pipelines", "..", "no such recipe"),
        ("pipelines", "", "no such recipe"),
    ],
)
def test_unknown_names(kind: str, name: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        resources.path(kind, name, SUFFIX[kind])
    with pytest.raises(ConfigError, match=message):
        resources.read(kind, name, SUFFIX[kind])


@pytest.mark.parametrize(
    "use", [resources.folder, resources.names, lambda kind: resources.path(kind, "x")]
)
def test_unknown_kinds(use: Callable[[str], object]) -> None:
    with pytest.raises(ConfigError, match=r"unknown kind of resource: got index\. Did you mean in"):
        use("index")


def test_an_installation_without_its_resources(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(resources, "__file__", str(tmp_path / "patentcl" / "core" / "resources.py"))
    monkeypatch.setattr(resources, "find_spec", lambda name: None)
    with pytest.raises(ConfigError, match=r"missing from this installation \(in graph\).*again"):
        resources.folder("graph")


@pytest.mark.parametrize("name", resources.names("pipelines"))
def test_recipes_are_sound(name: str) -> None:
    assert load_recipe(name).name == name
    assert len(load_recipe(name).description) < 120


@pytest.mark.parametrize("name", resources.names("indexes"))
def test_index_specifications_are_sound(name: str) -> None:
    spec = IndexSpec.read(name)
    assert spec.name == name
    assert read_yaml(resources.path("indexes", name))["description"].strip().endswith(".")
    factory = spec.resolve(1_000_000, 384)
    assert "{" not in factory
    if spec.device == "cpu":
        import faiss

        assert faiss.index_factory(384, factory, faiss.METRIC_INNER_PRODUCT).d == 384


@pytest.mark.parametrize("name", resources.names("graph", ".sql"))
def test_queries_parse(name: str) -> None:
    """DuckDB's own parser takes each of them; placeholders of the engine stand for names."""
    import duckdb

    text = resources.read("graph", name, ".sql")
    assert text.lstrip().startswith("--"), "a query says what it does"
    filled = re.sub(r"\{\w+\}", "placeholder", text)
    statements = duckdb.extract_statements(filled)
    assert statements
    code = "".join(p.read_text(encoding="utf-8") for p in (ROOT / "patentcl").rglob("*.py"))
    relations = get_args(get_args(MiningRules.model_fields["relations"].annotation)[0])
    of_relation = name in {f"mine_{r}" for r in relations}
    short = name.removeprefix("tables_")  # read as tables_NAME
    assert f'"{name}"' in code or of_relation or f'"{short}"' in code, "no code runs it"


@pytest.mark.parametrize("name", resources.names("graph", ".cypher"))
def test_statements_for_a_server(name: str) -> None:
    """One statement a file, a header that names what goes in, and nothing pasted into it."""
    text = resources.read("graph", name, ".cypher")
    head = "".join(re.findall(r"^//.*\n", text, re.MULTILINE))
    body = text.removeprefix(head)
    assert text.startswith(head) and body.strip()
    assert not re.search(r"[;`]|//|%s|\{\w+\}", body)
    assert set(re.findall(r"\$\w+", body)) == set(re.findall(r"\$\w+", head))
    code = "".join(p.read_text(encoding="utf-8") for p in (ROOT / "patentcl").rglob("*.py"))
    assert f'"{name}"' in code, "no code runs it"
