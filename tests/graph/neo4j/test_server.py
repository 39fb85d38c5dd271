"""What a Neo4j of one's own needs, and what is said where it is missing; no server is started."""

from __future__ import annotations

import os
import socket
import stat
from collections.abc import Callable
from pathlib import Path

import pytest

from patentcl.core.errors import GraphError
from patentcl.graph.neo4j import server as neo4j_server
from patentcl.graph.neo4j.server import Neo4jServer, cache, find_java, jars, version, why_not

Tool = Callable[[str, str], Path]


@pytest.fixture
def tool(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Tool:
    """Puts a shell script on a PATH where nothing else is but the shell's own tools."""
    place = tmp_path / "bin"
    place.mkdir()
    monkeypatch.setenv("PATH", str(place))
    monkeypatch.delenv("JAVA_HOME", raising=False)
    monkeypatch.setenv("PATENTCL_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(neo4j_server, "_PAUSES", (0, 0))

    def write(name: str, text: str) -> Path:
        script = place / name
        script.write_text(f"#!/bin/sh\nPATH=/usr/bin:/bin\n{text}\n")
        script.chmod(script.stat().st_mode | stat.S_IXUSR)
        return script

    return write


@pytest.mark.parametrize(
    ("told", "fine"),
    [
        ('openjdk version "17.0.15" 2025-04-15', True),
        ('java version "21" 2023-09-19', True),
        ('openjdk version "11.0.2" 2019-01-15', False),
        ('java version "1.8.0_402"', False),
        ('openjdk version "25" 2025-09-16', False),
        ("no java at all", False),
        ("", False),
    ],
)
def test_java(tool: Tool, told: str, fine: bool) -> None:
    path = tool("java", f"echo '{told}' >&2")
    if fine:
        assert find_java() == str(path)
    else:
        with pytest.raises(GraphError, match=r"this Java does not run Neo4j.*Java 17 or 21.*JAVA"):
            find_java()


def test_java_of_java_home_comes_first(
    tool: Tool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tool("java", "echo 'openjdk version \"11\"' >&2")
    home = tmp_path / "jdk" / "bin"
    home.mkdir(parents=True)
    tool("java17", "echo 'openjdk version \"17\"' >&2").rename(home / "java")
    monkeypatch.setenv("JAVA_HOME", str(home.parent))
    assert find_java() == str(home / "java")


def test_what_is_missing_is_told(tool: Tool, tmp_path: Path) -> None:
    assert "Java is not installed" in (why_not() or "")
    tool("java", "echo 'openjdk version \"17\"' >&2")
    assert (why_not() or "").startswith("Maven (mvn) is not installed")
    with pytest.raises(GraphError, match=r"Maven \(mvn\) is not installed.*compose"):
        jars()
    cache().mkdir(parents=True)  # fetched earlier: Maven is not needed any more
    assert why_not() is None
    assert jars() == cache() == tmp_path / "cache" / f"neo4j-{version()}"


GOOD = (
    'for a in "$@"; do case "$a" in -DoutputDirectory=*) d="${a#*=}";; esac; done; '
    'mkdir -p "$d" && echo jar > "$d/neo4j.jar"'
)


def test_jars_are_fetched_once_and_again_after_too_many_requests(
    tool: Tool, tmp_path: Path
) -> None:
    count = tmp_path / "count"
    tool(
        "mvn",
        f"echo . >> {count}; if [ $(wc -l < {count}) -lt 3 ]; then "
        'echo "[ERROR] Could not transfer x: status code: 429, reason phrase: '
        f'Too Many Requests (429)"; exit 1; fi; {GOOD}',
    )
    notes: list[str] = []
    folder = jars(notes.append)
    assert (folder / "neo4j.jar").read_text() == "jar\n"
    assert len(count.read_text().split()) == 3
    assert [n.split()[0] for n in notes] == ["fetching", "Maven", "Maven"]
    assert jars(notes.append) == folder
    assert len(notes) == 3
    assert sorted(p.name for p in (tmp_path / "cache").iterdir()) == [
        f".{folder.name}.lock",
        folder.name,
    ]


@pytest.mark.parametrize(
    ("said", "tries"),
    [
        ("[ERROR] status code: 503 Service Unavailable, Could not transfer", 3),
        ("[ERROR] Failed to read the project: no such plugin", 1),
    ],
)
def test_maven_that_fails_leaves_nothing(tool: Tool, tmp_path: Path, said: str, tries: int) -> None:
    count = tmp_path / "count"
    tool("mvn", f"echo . >> {count}; echo '{said}'; exit 1")
    with pytest.raises(GraphError, match=r"Maven could not fetch Neo4j: got \[ERROR\].*Docker"):
        jars()
    assert len(count.read_text().split()) == tries
    assert not cache().exists()


def test_a_java_that_ends_at_once_is_told(tool: Tool, tmp_path: Path) -> None:
    tool(
        "java",
        'case "$*" in -version) echo \'openjdk version "17"\' >&2;; '
        '*) echo "ERROR no room for a heap"; exit 1;; esac',
    )
    cache().mkdir(parents=True)
    server = Neo4jServer(tmp_path / "home")
    with pytest.raises(GraphError, match=r"Neo4j did not start.*console\.log.*no room for a heap"):
        server.start()
    assert not server.running
    server.stop()  # nothing happens
    with pytest.raises(GraphError, match="neo4j-admin dbms info failed"):
        server.admin(["dbms", "info"])
    conf = (tmp_path / "home" / "conf" / "neo4j.conf").read_text()
    for line in (
        "server.default_listen_address=127.0.0.1",
        "server.http.enabled=false",
        f"server.bolt.listen_address=127.0.0.1:{server.port}",
        "dbms.security.auth_enabled=false",
        "dbms.usage_report.enabled=false",
    ):
        assert line in conf.splitlines()


def test_a_port_that_is_taken(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(GraphError, match=f"something else listens on the port: got {port}"):
            Neo4jServer(tmp_path, port=port).start()
    assert os.listdir(tmp_path) == []
