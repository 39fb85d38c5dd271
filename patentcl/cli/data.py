"""Verbs about data: sample, download, load, mine."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, cast

import typer

from patentcl.cli.options import (
    RUN,
    Common,
    Json,
    LevelName,
    Limit,
    Seed,
    bar,
    finish,
    note,
    out,
    pairs_of,
    settings_of,
    show_counts,
    verb,
)

if TYPE_CHECKING:
    from patentcl.data.settings import DataSettings


@dataclass(frozen=True)
class ServerFiles:
    """Options for filling a Neo4j from files."""

    csv: Annotated[
        Path | None,
        typer.Option(help="Also write files for neo4j-admin here, and say the command."),
    ] = None
    import_: Annotated[
        bool, typer.Option("--import", help="Run that command; the server must be stopped.")
    ] = False
    overwrite: Annotated[
        bool, typer.Option(help="Let it replace what the server's database holds.")
    ] = False
    batch: Annotated[
        int | None, typer.Option(min=1, help="Rows in one transaction of a server that is up.")
    ] = None

    def write(self, graph: Path) -> None:
        """Write the files of a graph's tables, and run the command if that is wanted."""
        if self.csv is None:
            return
        from patentcl.graph.duckdb import DuckDBGraph
        from patentcl.graph.neo4j.bulk import run_import, write_import

        with bar() as progress, DuckDBGraph(graph, read_only=True) as tables:
            files = write_import(tables, self.csv, overwrite=self.overwrite, progress=progress)
        if self.import_:
            run_import(files)
            note(f"imported from {self.csv}; start the server, then load once more for its indexes")
        else:
            note(f"files for Neo4j written to {self.csv}; with the server stopped, run:")
            out(files.command)


@verb()
def sample(
    folder: Path,
    patents: Annotated[int, typer.Option(help="How many.")] = 5000,
    seed: Seed = 0,
    as_json: Json = False,
) -> None:
    """Write a synthetic corpus in PatentsView's own file layout."""
    from patentcl.sample.writer import write_sample

    counts = write_sample(folder, patents, seed)
    show_counts(counts, as_json)
    note(f"synthetic patents written to {folder}: for trying things, not for findings")


@verb()
def download(
    folder: Path,
    table: Annotated[
        list[str], typer.Option(help="Only this table, e.g. g_patent. May be repeated.")
    ] = [],
    address: Annotated[str | None, typer.Option(help="Another address of the same layout.")] = None,
    as_json: Json = False,
) -> None:
    """Fetch PatentsView tables: from the open-data portal with USPTO_API_KEY, else a frozen copy.

    What was cut off goes on where it stopped; sizes and checksums are compared.
    """
    from patentcl.data.download import KEY, TABLES, Server
    from patentcl.data.download import download as fetch

    server = Server(os.environ.get(KEY) or None, address)
    note(f"from {server.address}" + ("" if server.key else f" (no key in {KEY})"))
    with bar() as progress:
        sizes = fetch(folder, table or TABLES, server, progress)
    show_counts({f"{name}, bytes": size for name, size in sizes.items()}, as_json)
    note(f"tables written to {folder}")


@dataclass(frozen=True)
class Patents:
    """Options of what is read, and how."""

    data: Annotated[
        Path,
        typer.Argument(
            help="A folder of PatentsView tables; a CSV, TSV, JSONL "
            "or Parquet file; a folder with train/dev Parquet."
        ),
    ]
    scheme: Annotated[str, typer.Option(help="cpc, ipc or both (IPC where CPC is absent).")] = (
        "both"
    )
    level: LevelName = "subclass"
    limit: Limit = None
    without_texts: Annotated[
        bool,
        typer.Option(
            "--without-texts",
            help="Only the graph, straight from PatentsView tables: for all of them at once.",
        ),
    ] = False
    columns: Annotated[
        list[str],
        typer.Option(
            help="For plain files: ours=theirs, where ours is "
            "patent_id, title, abstract, date, codes, citations "
            "or split. May be repeated."
        ),
    ] = field(default_factory=list)

    @property
    def settings(self) -> DataSettings:
        """The same, as a recipe has them."""
        from patentcl.data.settings import DataSettings

        names = pairs_of(self.columns, "--columns", "abstract=summary")
        given = {"scheme": self.scheme, "level": self.level, "limit": self.limit, "columns": names}
        return cast(DataSettings, settings_of(DataSettings, [], **given))


@verb()
def load(
    common: Common,
    files: ServerFiles,
    patents: Patents,
    graph: Annotated[
        str,
        typer.Option(
            help="duckdb://FILE; the corpus is written beside it. Or neo4j://HOST:PORT, with the "
            "password in NEO4J_PASSWORD; the corpus goes to --out."
        ),
    ] = "duckdb://artifacts/graph.duckdb",
    to: Annotated[
        Path, typer.Option("--out", help="Folder of the corpus where the graph is in a server.")
    ] = Path("artifacts"),
) -> None:
    """Read patents into a corpus and its graph."""
    from patentcl.core.artifacts import fingerprint_path, read_manifest
    from patentcl.data.settings import SplitSettings
    from patentcl.graph.session import graph_file, is_server
    from patentcl.pipeline import stages

    server = is_server(graph)
    path = to / "graph" if server else graph_file(graph)
    if (files.import_ or files.overwrite) and files.csv is None:
        raise typer.BadParameter("--import and --overwrite need --csv DIR")
    if server and files.csv is not None:
        raise typer.BadParameter("--csv goes with a graph in a file: --graph duckdb://FILE")
    if patents.without_texts and (
        server or patents.limit or patents.columns or patents.scheme == "ipc"
    ):
        raise typer.BadParameter("--without-texts goes with tables, --graph duckdb://FILE and CPC")
    settings, split = patents.settings, common.settings(SplitSettings)
    record = common.record(
        "load",
        {**settings.model_dump(), "split": split.model_dump()},
        source=fingerprint_path(patents.data),
    )
    if patents.without_texts:
        record["settings"] = {"without_texts": True}
        stages.load_graph(patents.data, path.parent, record, path.name)
        finish(path.parent, f"graph {path.name}", common.as_json, "graph")
        files.write(path)
        return
    place = graph if server else path.name
    with bar() as progress:
        stages.load(
            patents.data,
            path.parent,
            settings,
            split,
            common.seed,
            record,
            place,
            progress,
            files.batch,
        )
    manifest = read_manifest(path.parent) or {}
    tables = {f"graph: {k}": v for k, v in manifest["graph"].items()}
    show_counts({**manifest["counts"], **tables}, common.as_json)
    what = "corpus" if server else "corpus and graph"
    also = f", graph to {graph}," if server else ""
    note(f"{what} written to {path.parent}{also} in {manifest['seconds']} s")
    files.write(path)


@verb()
def mine(
    common: Common,
    graph: Annotated[
        str | None, typer.Argument(help="duckdb://FILE or neo4j://HOST:PORT, as filled by load.")
    ] = None,
    address: Annotated[str | None, typer.Option("--graph", help="The same, as an option.")] = None,
    corpus: Annotated[
        Path | None,
        typer.Option(
            help="Folder of the corpus with its splits; by default that of the file, "
            "and artifacts for a server."
        ),
    ] = None,
    vectors: Annotated[
        Path | None,
        typer.Option(
            help="Vectors by which the report tells how near positives and negatives are."
        ),
    ] = None,
    to: Annotated[Path, typer.Option("--out", help="Folder for the triplets.")] = Path("triplets"),
) -> None:
    """Mine triplets (anchor, positive, negative) among the training patents.

    Prints the short of what report.md says about leaks into held-out patents and about quality.
    """
    from patentcl.core.artifacts import read_manifest
    from patentcl.graph.session import is_server
    from patentcl.pipeline import stages
    from patentcl.triplets.settings import MiningRules

    if graph is not None and address is not None:
        raise typer.BadParameter("give the graph once: as an argument or as --graph")
    rules = common.settings(MiningRules)
    store = graph or address or f"{RUN}/graph.duckdb"
    if corpus is None and is_server(store):
        corpus = Path("artifacts")
    record = common.record("mine", rules, graph=store)
    stages.mine(store, to, rules, common.seed, record, corpus, vectors)
    if not common.as_json:
        for name, value in (read_manifest(to) or {})["results"].items():
            out(f"{name:<26}{value}")
    finish(to, "triplets", common.as_json, "counts" if common.as_json else None)
