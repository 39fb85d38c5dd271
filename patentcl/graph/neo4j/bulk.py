"""Whole tables into Neo4j: files for ``neo4j-admin database import full``, the quick way.

The tool fills a database whose server is stopped. Numbers of patents and symbols stand for their
ids, headers are files of their own, and a citation whose patent is not there is not written.
"""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from patentcl.core.errors import DataError, GraphError
from patentcl.core.locks import Scratch
from patentcl.core.progress import StageProgress
from patentcl.graph.database import Database
from patentcl.graph.neo4j.staging import Stage

_HEADERS = {
    "patent": ":ID(Patent),patent_id:string,date:date,year:int,type:string,text_key:long",
    "cpc": ":ID(Cpc),symbol:string,level:string,title:string",
    "load": ":ID(Load),id:string,fingerprint:string,part:string,rows:long",
    "child_of": ":START_ID(Cpc),:END_ID(Cpc)",
    "classified": ":START_ID(Patent),:END_ID(Cpc),sequence:int",
    "cites": ":START_ID(Patent),:END_ID(Patent)",
}
_NODES = {"patent": "Patent", "cpc": "Cpc", "load": "GraphLoad"}
_RELATIONS = {"child_of": "CHILD_OF", "classified": "CLASSIFIED_AS", "cites": "CITES"}
_QUERIES = {
    "patent": "import_patent",
    "cpc": "import_cpc",
    "load": "import_load",
    "child_of": "import_child_of",
    "classified": "import_classified",
    "cites": "import_cites",
}


@dataclass(frozen=True)
class ImportFiles:
    """What `write_import` wrote.

    Attributes
    ----------
    folder : Path
    arguments : tuple of str
        Of ``neo4j-admin``.
    """

    folder: Path
    arguments: tuple[str, ...]

    @property
    def command(self) -> str:
        """The command as one types it."""
        return shlex.join(["neo4j-admin", *self.arguments])


def write_import(
    tables: Database,
    folder: str | Path,
    database: str = "neo4j",
    overwrite: bool = False,
    progress: StageProgress | None = None,
) -> ImportFiles:
    """Write what a graph holds as CSV files (gzip) with headers, and the command that reads them.

    Parameters
    ----------
    tables : Database
        A loaded graph.
    folder : path
        New or empty.
    database : str
        To be filled. Neo4j Community has one, named neo4j.
    overwrite : bool
        Let the command replace what the database holds.
    progress : callable, optional
        Is told the part, 0 or 1, and 1.

    Returns
    -------
    ImportFiles

    Raises
    ------
    DataError
        If the folder holds something else.
    """
    folder = Path(folder).absolute()
    ours = {f"{part}{end}" for part in _HEADERS for end in ("_header.csv", ".csv.gz")}
    strange = ["a file"] * folder.exists()
    if folder.is_dir():
        strange = [p.name for p in folder.iterdir() if p.name not in ours]
    if strange:
        raise DataError(
            "the folder for import files holds something else",
            where=folder,
            got=strange[0],
            fix="Name a new folder",
        )
    folder.mkdir(parents=True, exist_ok=True)
    stage = Stage(tables)
    # The tool reads a file in one piece, not in many at a time, where fields may hold line ends.
    lines = bool(tables.table("import_lines").num_rows)
    for part, query in _QUERIES.items():
        (folder / f"{part}_header.csv").write_text(_HEADERS[part] + "\n", encoding="utf-8")
        given = {"fingerprint": stage.fingerprint} if part == "load" else {}
        tables.copy(query, folder / f"{part}.csv.gz", **given)
        if progress:
            progress(f"write {part}", 1, 1)

    def files(part: str) -> str:
        return f"{folder / f'{part}_header.csv'},{folder / f'{part}.csv.gz'}"

    arguments = [
        "database",
        "import",
        "full",
        "--id-type=integer",
        f"--multiline-fields={str(lines).lower()}",
        *(f"--nodes={label}={files(part)}" for part, label in _NODES.items()),
        *(f"--relationships={kind}={files(part)}" for part, kind in _RELATIONS.items()),
        *(["--overwrite-destination"] if overwrite else []),
        "--",
        database,
    ]
    return ImportFiles(folder, tuple(arguments))


def run_import(files: ImportFiles, home: str | Path | None = None) -> str:
    """Run the command of `write_import`; the server must be stopped.

    Parameters
    ----------
    files : ImportFiles
    home : path, optional
        Folder of Neo4j; by default NEO4J_HOME. Where it has no ``bin/neo4j-admin`` it is that of
        ``patentcl neo4j``. Without either, ``neo4j-admin`` is looked for on the PATH.

    Returns
    -------
    str
        What the tool printed.

    Raises
    ------
    GraphError
        If there is no such tool, or it fails.
    """
    from patentcl.graph.neo4j.server import Neo4jServer

    home = home or os.environ.get("NEO4J_HOME")
    tool: str | None = shutil.which("neo4j-admin")
    if home is not None:
        inside = Path(home) / "bin" / "neo4j-admin"
        if not inside.is_file():
            return Neo4jServer(home).admin(files.arguments)
        tool = str(inside)
    if tool is None:
        raise GraphError(
            "neo4j-admin is not there",
            wanted="NEO4J_HOME, or neo4j-admin on the PATH",
            fix=f"Run it where Neo4j is: {files.command}",
        )
    with Scratch() as work:
        # Else it leaves its report where one happens to be.
        report = f"--report-file={Path(work) / 'import.report'}"
        done = subprocess.run(
            [tool, *files.arguments[:3], report, *files.arguments[3:]],
            capture_output=True,
            text=True,
            check=False,
            stdin=subprocess.DEVNULL,
        )
    if done.returncode:
        lines = [s for s in (done.stderr + done.stdout).splitlines() if s.strip()]
        raise GraphError("neo4j-admin failed", where=tool, got=(lines or ["no message"])[0][:400])
    return done.stdout
