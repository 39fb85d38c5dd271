"""A Neo4j of one's own without Docker: fetched from Maven Central, started, stopped.

Java 17 or 21 runs it, and Maven fetches its jars once into the user's cache. The server listens on
this machine alone and keeps everything in one folder. ``graph/pom.xml`` names the version.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import re
import shutil
import socket
import subprocess
import tempfile
import time
import weakref
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

from patentcl.core import resources
from patentcl.core.errors import GraphError
from patentcl.core.files import user_cache

JAVA = (17, 21)
"""Versions of Java that Neo4j 5.26 runs on."""

_OPEN = ("java.nio", "java.io", "sun.nio.ch", "java.util.concurrent")
_PASSING = re.compile(
    r"429|Too Many Requests|timed? ?out|Connection reset|50[0234] |Unknown host"
    r"|temporarily|Premature end|Could not transfer",
    re.IGNORECASE,
)
_PAUSES = (5, 15, 30, 60)  # seconds before another try; Maven Central asks for patience by 429


def version() -> str:
    """Return the version of Neo4j that ``graph/pom.xml`` names.

    Examples
    --------
    >>> version().split(".")[:2]
    ['5', '26']
    """
    [found] = re.findall(r"<neo4j.version>(.+?)</", resources.read("graph", "pom", ".xml"))
    return str(found)


def cache() -> Path:
    """Return the folder of the jars: below PATENTCL_CACHE, or else the user's cache."""
    return user_cache(f"neo4j-{version()}")


def find_java() -> str:
    """Return the path of a Java that Neo4j runs on.

    Raises
    ------
    GraphError
        If there is none, or only others.
    """
    home = os.environ.get("JAVA_HOME")
    named = Path(home) / "bin" / "java" if home else None
    java = str(named) if named is not None and named.is_file() else shutil.which("java")
    wanted = f"Java {JAVA[0]} or {JAVA[1]}"
    if java is None:
        raise GraphError(
            "Java is not installed",
            wanted=wanted,
            fix="Install it, or use graph/compose.yaml with Docker",
        )
    try:
        told = subprocess.run(
            [java, "-version"], capture_output=True, text=True, timeout=60, check=False
        ).stderr
    except (OSError, subprocess.TimeoutExpired) as error:
        raise GraphError("Java cannot be run", got=str(error), wanted=wanted) from error
    match = re.search(r'version "(\d+)', told)
    if match is None or int(match[1]) not in JAVA:
        first = (told.splitlines() or ["nothing"])[0]
        raise GraphError(
            "this Java does not run Neo4j",
            where=java,
            got=first,
            wanted=wanted,
            fix="Set JAVA_HOME to the folder of such a Java",
        )
    return java


def why_not() -> str | None:
    """Say why no Neo4j can be started here; None where one can.

    Looks for Java, and for Maven where the jars have not been fetched yet; fetches nothing.
    """
    try:
        find_java()
    except GraphError as error:
        return str(error)
    if not cache().is_dir() and shutil.which("mvn") is None:
        return "Maven (mvn) is not installed, and the jars of Neo4j are not in the cache"
    return None


def jars(note: Callable[[str], None] | None = None) -> Path:
    """Return the folder of Neo4j's jars; the first time, fetch them (about 120 MB).

    Parameters
    ----------
    note : callable, optional
        Is told what is going on, in words.

    Raises
    ------
    GraphError
        If Maven is missing, or gives up after several tries.
    """
    target = cache()
    if target.is_dir():
        return target
    maven = shutil.which("mvn")
    if maven is None:
        raise GraphError(
            "Maven (mvn) is not installed",
            wanted="Maven, to fetch Neo4j",
            fix="Install it, or use graph/compose.yaml with Docker",
        )
    target.parent.mkdir(parents=True, exist_ok=True)
    with (target.parent / f".{target.name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # of two that need the jars, one fetches them
        if target.is_dir():
            return target
        if note:
            note(f"fetching Neo4j {version()} from Maven Central into {target}")
        with tempfile.TemporaryDirectory(dir=target.parent) as work:
            _fetch(maven, Path(work), note)
            (Path(work) / "lib").rename(target)
    return target


def _fetch(maven: str, work: Path, note: Callable[[str], None] | None) -> None:
    shutil.copy(resources.path("graph", "pom", ".xml"), work / "pom.xml")
    command = [
        maven,
        "-B",
        "-q",
        "-U",
        "-f",
        str(work / "pom.xml"),
        "-Dmaven.wagon.http.retryHandler.count=5",  # Maven 3.8; the next is 3.9's
        "-Daether.connector.http.retryHandler.count=5",
        "dependency:copy-dependencies",
        f"-DoutputDirectory={work / 'lib'}",
        "-DincludeScope=runtime",
    ]
    for pause in (*_PAUSES, None):
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode == 0:
            return
        lines = [s for s in done.stdout.splitlines() if "ERROR" in s] or ["no message"]
        if pause is None or not _PASSING.search(done.stdout):
            raise GraphError(
                "Maven could not fetch Neo4j",
                got=lines[0][:400],
                fix="Try again later, or use graph/compose.yaml with Docker",
            )
        if note:
            note(f"Maven Central does not answer as it should; trying again in {pause} s")
        time.sleep(pause)


def free_port() -> int:
    """Return a port of this machine that nobody listens on at the moment."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


class Neo4jServer:
    """A Neo4j server in one folder, listening on this machine alone.

    Parameters
    ----------
    home : path
        Its folder: configuration, data and logs. One that exists is started again.
    port : int, optional
        For Bolt; by default a free one.
    password : str, optional
        Of the user neo4j, 8 characters or more, set when the folder is new. None: no password is
        asked for, so that every user of this machine can come in.
    heap, pagecache : str
        Memory for queries and for pages of the store.
    settings : mapping
        More lines of neo4j.conf.

    Examples
    --------
    >>> server = Neo4jServer("work/neo4j", port=17687)
    >>> server.uri, server.running
    ('neo4j://127.0.0.1:17687', False)
    """

    def __init__(
        self,
        home: str | Path,
        port: int | None = None,
        password: str | None = None,
        heap: str = "1g",
        pagecache: str = "512m",
        settings: Mapping[str, str] | None = None,
    ) -> None:
        self.home = Path(home).absolute()
        self.port = free_port() if port is None else port
        self.password, self.heap, self.pagecache = password, heap, pagecache
        self.settings = dict(settings or {})
        self._process: subprocess.Popen[bytes] | None = None
        self._finalizer: weakref.finalize | None = None

    @property
    def uri(self) -> str:
        """Address for `patentcl.Neo4jGraph`."""
        return f"neo4j://127.0.0.1:{self.port}"

    @property
    def running(self) -> bool:
        """Whether this object has started a server that is still there."""
        return self._process is not None and self._process.poll() is None

    @property
    def _log(self) -> Path:
        return self.home / "logs" / "console.log"

    def start(self, timeout: float = 180, note: Callable[[str], None] | None = None) -> Neo4jServer:
        """Start the server and wait until it takes connections.

        Raises
        ------
        GraphError
            If it does not start; says what its log says.
        """
        if self.running:
            raise GraphError("the server is running already", where=self.home)
        try:
            socket.create_server(("127.0.0.1", self.port)).close()
        except OSError as error:
            raise GraphError(
                "something else listens on the port", got=self.port, fix="Choose another one"
            ) from error
        java, folder = find_java(), jars(note)
        self._configure(java, folder)
        command = [
            java,
            f"-Xms{self.heap}",
            f"-Xmx{self.heap}",
            "-XX:+UseSerialGC",
            *_opens(),
            "-cp",
            f"{folder}/*",
            "org.neo4j.server.CommunityEntryPoint",
            f"--home-dir={self.home}",
            f"--config-dir={self.home / 'conf'}",
            "--console-mode",
        ]
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env=self._environment(),
                start_new_session=True,
            )
        # Also when Python ends without stop().
        self._finalizer = weakref.finalize(self, _end, self._process, 20.0)
        until = time.monotonic() + timeout
        while not self._answers():
            text = self._log.read_text(encoding="utf-8", errors="replace")
            if not self.running or time.monotonic() > until:
                self.kill()
                lines = [s for s in text.splitlines() if "ERROR" in s] or text.splitlines()[-1:]
                raise GraphError(
                    "Neo4j did not start", where=self._log, got=(lines or ["an empty log"])[0][:400]
                )
            time.sleep(0.1)
        return self

    def _answers(self) -> bool:
        if not self.running or b"Started." not in self._log.read_bytes():
            return False
        try:
            socket.create_connection(("127.0.0.1", self.port), timeout=1).close()
        except OSError:
            return False
        return True

    def stop(self) -> None:
        """Stop the server in order; nothing happens if it does not run."""
        self._finish(20.0)

    def kill(self) -> None:
        """End the server on the spot, as a power cut would."""
        self._finish(0.0)

    def _finish(self, patience: float) -> None:
        if self._finalizer is not None:
            self._finalizer.detach()
        if self._process is not None:
            _end(self._process, patience)
        self._process = self._finalizer = None

    def __enter__(self) -> Neo4jServer:
        return self if self.running else self.start()

    def __exit__(self, *error: object) -> None:
        self.stop()

    def admin(self, arguments: Sequence[str]) -> str:
        """Run a ``neo4j-admin`` command on this server's folder, and return what it printed.

        Raises
        ------
        GraphError
            If it fails.
        """
        java, folder = find_java(), jars()
        self._configure(java, folder, password=False)
        return self._admin(java, folder, arguments)

    def _admin(self, java: str, folder: Path, arguments: Sequence[str]) -> str:
        command = [
            java,
            f"-Xmx{self.heap}",
            *_opens(),
            "-cp",
            f"{folder}/*",
            "org.neo4j.cli.AdminTool",
            *arguments,
        ]
        done = subprocess.run(
            command,
            capture_output=True,
            text=True,
            check=False,
            stdin=subprocess.DEVNULL,
            env=self._environment(),
            cwd=self.home,
        )
        if done.returncode:
            lines = [s for s in (done.stderr + done.stdout).splitlines() if s.strip()]
            raise GraphError(
                f"neo4j-admin {' '.join(arguments[:2])} failed",
                where=self.home,
                got=(lines or ["no message"])[0][:400],
            )
        return done.stdout

    def _environment(self) -> dict[str, str]:
        return {**os.environ, "NEO4J_HOME": str(self.home), "NEO4J_CONF": str(self.home / "conf")}

    def _configure(self, java: str, folder: Path, password: bool = True) -> None:
        for name in ("conf", "logs", "data", "run", "import"):
            (self.home / name).mkdir(parents=True, exist_ok=True)
        lines = {
            "server.directories.neo4j_home": str(self.home),
            "server.default_listen_address": "127.0.0.1",
            "server.bolt.enabled": "true",
            "server.bolt.listen_address": f"127.0.0.1:{self.port}",
            "server.bolt.advertised_address": f"127.0.0.1:{self.port}",
            "server.http.enabled": "false",
            "server.https.enabled": "false",
            "server.memory.heap.initial_size": self.heap,
            "server.memory.heap.max_size": self.heap,
            "server.memory.pagecache.size": self.pagecache,
            "dbms.security.auth_enabled": str(self.password is not None).lower(),
            "dbms.usage_report.enabled": "false",
            "db.shutdown_transaction_end_timeout": "0s",
            **self.settings,
        }
        text = "".join(f"{key}={value}\n" for key, value in lines.items())
        (self.home / "conf" / "neo4j.conf").write_text(text, encoding="utf-8")
        if (
            password
            and self.password is not None
            and not any((self.home / "data").glob("dbms/auth*"))
            and not (self.home / "data" / "databases" / "system").exists()
        ):
            self._set_password(java, folder, self.password)

    def _set_password(self, java: str, folder: Path, password: str) -> None:
        """By a file that the tool reads: arguments are there for all to see."""
        quoted = password.replace("\\", "\\\\").replace('"', '\\"')
        with tempfile.TemporaryDirectory() as private:
            file = Path(private) / "password"
            file.write_text(f'"{quoted}"\n', encoding="utf-8")
            self._admin(java, folder, ["dbms", "set-initial-password", "--", f"@{file}"])


def _opens() -> Iterator[str]:
    return (f"--add-opens=java.base/{name}=ALL-UNNAMED" for name in _OPEN)


def _end(process: subprocess.Popen[bytes], patience: float) -> None:
    """Ask a process to end, and make it end where it does not listen."""
    if process.poll() is None:
        if patience:
            process.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(patience)
        if process.poll() is None:
            process.kill()
    process.wait()
