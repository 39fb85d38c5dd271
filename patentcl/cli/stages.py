"""Commands that make a folder, from sample and download to index and map.

Each executes one stage, exactly as a recipe does: a folder that is up to date is left alone.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from patentcl.cli.options import (
    RUN,
    ColumnNames,
    Common,
    Encoding,
    Json,
    Level,
    Limit,
    Seeded,
    bar,
    columns_of,
    note,
    one_of,
    out,
    show_counts,
    tell_about_files,
    verb,
)
from patentcl.core.artifacts import part
from patentcl.core.errors import DataError

if TYPE_CHECKING:
    from patentcl.pipeline.recipe import Recipe
    from patentcl.pipeline.stages import Step

ModelName = Annotated[
    str | None, typer.Option(help="minilm, a Hub name, or a folder. [default: minilm]")
]
CorpusFolder = Annotated[
    Path | None, typer.Option(help="Folder of the corpus; by default the one that the input is in.")
]


def _out(what: str) -> Any:
    return typer.Option("--out", help=f"Folder for the {what}; by default beside the input.")


def make(step: Step, common: Common, what: str, more: str = "") -> dict[str, Any]:
    """Execute a step, say what became of it, and return the manifest that is there now."""
    from patentcl.core.artifacts import read_manifest
    from patentcl.pipeline.runner import execute

    with bar() as progress:
        outcome, _ = execute(step, note, progress)
    if outcome.status == "done":
        note(f"{what} written to {step.out}{more}")
    return read_manifest(step.out) or {}


@verb()
def sample(
    folder: Annotated[Path, typer.Argument(help="Where to write the tables.")],
    common: Seeded,
    patents: Annotated[int | None, typer.Option(help="Number of patents. [default: 5000]")] = None,
) -> None:
    """Write a synthetic corpus in PatentsView's own file layout.

    Example: patentcl sample tables --patents 400
    """
    from patentcl.pipeline.stages import SAMPLE, Step

    recipe = common.settings("data", data__sample_patents=patents)
    manifest = make(Step(SAMPLE, folder, recipe), common, "synthetic patents")
    show_counts(manifest["counts"], common.as_json)
    note("synthetic patents are for trying things, not for findings")


@verb()
def download(
    folder: Annotated[Path, typer.Argument(help="Where to write the tables.")],
    table: Annotated[
        list[str], typer.Option(help="Only this table, e.g. g_patent. May be repeated.")
    ] = [],
    address: Annotated[str | None, typer.Option(help="Another server of the same layout.")] = None,
    as_json: Json = False,
) -> None:
    """Fetch PatentsView tables: from the open-data portal with USPTO_API_KEY, else a frozen copy.

    Resumes after an interruption; compares sizes and checksums.

    Example: patentcl download tables --table g_patent --table g_cpc_current
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
class ServerFiles:
    """Options for filling a Neo4j from files."""

    csv: Annotated[
        Path | None,
        typer.Option(help="Also write files for neo4j-admin here, and print the command."),
    ] = None
    import_: Annotated[
        bool, typer.Option("--import", help="Run that command; the server must be stopped.")
    ] = False
    overwrite: Annotated[
        bool, typer.Option(help="Let it replace what the server's database holds.")
    ] = False
    batch: Annotated[
        int | None, typer.Option(min=1, help="Rows in one transaction of a running server.")
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


@dataclass(frozen=True)
class Patents:
    """Options of what is read, and how."""

    data: Annotated[
        Path,
        typer.Argument(
            help="A folder of PatentsView tables; a CSV, TSV, XLSX, JSONL or Parquet file; a "
            "folder with train/dev Parquet."
        ),
    ]
    scheme: Annotated[
        str | None, typer.Option(help="cpc, ipc or both (IPC where CPC is absent). [default: both]")
    ] = None
    level: Level = None
    limit: Limit = None
    without_texts: Annotated[
        bool,
        typer.Option(
            "--without-texts",
            help="Only the graph, straight from PatentsView tables: for all of them at once.",
        ),
    ] = False
    columns: ColumnNames = field(default_factory=list)
    encoding: Encoding = None

    def settings(self, common: Common, graph: str | None) -> Recipe:
        """The same as settings."""
        return common.settings(
            "split",
            "data",
            data__scheme=self.scheme,
            data__level=self.level,
            data__limit=self.limit,
            data__columns=columns_of(self.columns) or None,
            data__encoding=self.encoding,
            data__graph=graph,
        )


@verb()
def load(
    common: Seeded,
    files: ServerFiles,
    patents: Patents,
    graph: Annotated[
        str | None,
        typer.Option(
            help="duckdb://FILE; the corpus is written beside it. Or neo4j://HOST:PORT, with the "
            "password in NEO4J_PASSWORD. [default: graph.duckdb in --out]"
        ),
    ] = None,
    to: Annotated[
        Path | None, typer.Option("--out", help=f"Folder of the corpus. [default: {RUN}]")
    ] = None,
) -> None:
    """Read patents into a corpus and its graph.

    Example: patentcl load tables --graph duckdb://work/graph.duckdb

    Example: patentcl load mine.csv --columns abstract=summary --columns codes=cpc_codes
    """
    from patentcl.graph.session import graph_file, is_server
    from patentcl.pipeline.stages import LOAD, LOAD_GRAPH, Step

    tell_about_files()
    graph = graph or f"duckdb://{to or RUN}/graph.duckdb"
    server = is_server(graph)
    path = (to or RUN) / "graph.duckdb" if server else graph_file(graph)
    if to is not None and path.parent.absolute() != to.absolute():
        raise typer.BadParameter("--graph duckdb://FILE and --out name two folders: give one")
    if (files.import_ or files.overwrite) and files.csv is None:
        raise typer.BadParameter("--import and --overwrite need --csv DIR")
    if server and files.csv is not None:
        raise typer.BadParameter("--csv goes with a graph in a file: --graph duckdb://FILE")
    if patents.without_texts and (
        server or patents.limit or patents.columns or patents.encoding or patents.scheme == "ipc"
    ):
        raise typer.BadParameter("--without-texts goes with tables, --graph duckdb://FILE and CPC")
    other_name = None if path.name == "graph.duckdb" else f"duckdb://{path.name}"
    recipe = patents.settings(common, graph if server else other_name)
    stage = LOAD_GRAPH if patents.without_texts else LOAD
    inputs, batch = {"source": patents.data}, {"batch": files.batch}
    step = Step(stage, path.parent, recipe, inputs, options=batch)
    also = f", graph to {graph}" if server else ""
    what = "graph" if patents.without_texts else "corpus" if server else "corpus and graph"
    manifest = make(step, common, what, also)
    tables = {f"graph: {k}": v for k, v in manifest["graph"].items()}
    shown = manifest["graph"] if patents.without_texts else {**manifest["counts"], **tables}
    show_counts(shown, common.as_json, manifest.get("left_out", {}))
    files.write(path)


@verb()
def mine(
    common: Seeded,
    graph: Annotated[
        str | None, typer.Argument(help="duckdb://FILE or neo4j://HOST:PORT, as filled by load.")
    ] = None,
    address: Annotated[str | None, typer.Option("--graph", help="The same, as an option.")] = None,
    corpus: Annotated[
        Path | None,
        typer.Option(
            help=f"Folder of the corpus with its splits; by default that of the file, and {RUN} "
            "for a server."
        ),
    ] = None,
    vectors: Annotated[
        Path | None,
        typer.Option(help="Vectors for the report on how near positives and negatives are."),
    ] = None,
    to: Annotated[Path | None, _out("triplets")] = None,
) -> None:
    """Mine triplets (anchor, positive, negative) among the training patents.

    Prints a summary of report.md, which counts leaks into held-out patents and describes quality.

    Example: patentcl mine duckdb://work/graph.duckdb --set mine.triplets=10000
    """
    from patentcl.graph.session import graph_file, is_server
    from patentcl.pipeline.stages import MINE, Step

    if graph is not None and address is not None:
        raise typer.BadParameter("give the graph once: as an argument or as --graph")
    recipe = common.settings("mine")
    store = graph or address or f"{RUN}/graph.duckdb"
    folder = corpus or (RUN if is_server(store) else graph_file(store).parent)
    if is_server(store) and not (folder / "splits.parquet").is_file():
        raise DataError(
            "no splits beside the corpus",
            got=folder / "splits.parquet",
            fix="Name the folder that `patentcl load` wrote: --corpus DIR",
        )
    inputs: dict[str, str | Path] = {"graph": store, "corpus": folder}
    if vectors is not None:
        inputs["vectors"] = vectors
    manifest = make(Step(MINE, to or folder / "triplets", recipe, inputs), common, "triplets")
    if common.as_json:
        show_counts(manifest["counts"], True)
    for name, value in () if common.as_json else manifest["results"].items():
        out(f"{name:<26}{value}")


@verb()
def train(
    common: Seeded,
    triplets: Annotated[Path, typer.Argument(help="Folder of triplets, or a run.")] = RUN
    / "triplets",
    corpus: CorpusFolder = None,
    model: ModelName = None,
    to: Annotated[Path | None, _out("encoder")] = None,
) -> None:
    """Fine-tune an encoder on triplets.

    Example: patentcl train work/triplets --model minilm --set train.epochs=2
    """
    from patentcl.pipeline.stages import TRAIN, Step

    recipe = common.settings("train", "encoder", encoder__model=model)
    triplets = part(triplets, "triplets")
    inputs: dict[str, str | Path] = {"triplets": triplets, "corpus": corpus or triplets.parent}
    if "triplets" not in recipe.train.objectives:
        del inputs["triplets"]
    inputs["model"] = recipe.encoder.model
    step = Step(TRAIN, to or triplets.parent / "encoder", recipe, inputs)
    show_counts(make(step, common, "encoder")["results"], common.as_json)


@verb()
def distill(
    common: Seeded,
    corpus: Annotated[Path, typer.Argument(help="Folder of the corpus.")] = RUN,
    encoder: ModelName = None,
    to: Annotated[Path | None, _out("static encoder")] = None,
) -> None:
    """Make an encoder that is a look-up: a hundred times as fast, and not as good.

    It learns from the vectors that another encoder gives texts of the corpus, those that are beside
    the corpus included. Use it as any other: patentcl embed work --encoder work/static

    Example: patentcl distill work --encoder work/encoder --set distill.texts=20000
    """
    from patentcl.pipeline.stages import DISTILL, Step

    recipe = common.settings("distill", "encoder", encoder__model=encoder)
    inputs: dict[str, str | Path] = {"corpus": corpus, "model": recipe.encoder.model}
    step = Step(DISTILL, to or corpus / "static", recipe, inputs)
    show_counts(make(step, common, "static encoder")["results"], common.as_json)


@verb()
def embed(
    common: Common,
    corpus: Annotated[Path, typer.Argument(help="Folder of the corpus.")] = RUN,
    encoder: ModelName = None,
    to: Annotated[Path | None, _out("vectors")] = None,
) -> None:
    """Turn a corpus into vectors.

    Example: patentcl embed work --encoder work/encoder
    """
    from patentcl.pipeline.stages import EMBED, Step

    recipe = common.settings("encoder", encoder__model=encoder)
    inputs: dict[str, str | Path] = {"corpus": corpus, "encoder": recipe.encoder.model}
    folder = corpus.parent if corpus.suffix == ".parquet" else corpus
    manifest = make(Step(EMBED, to or folder / "vectors", recipe, inputs), common, "vectors")
    rate = manifest["counts"]["vectors"] / max(manifest["seconds"], 0.01)
    show_counts({**manifest["counts"], "per second": round(rate, 1)}, common.as_json)


@verb()
def fit(
    common: Seeded,
    vectors: Annotated[Path | None, typer.Argument(help="Folder of vectors, or a run.")] = None,
    texts: Annotated[
        str | None,
        typer.Option(help="Learn from texts: an encoder, words, or a file of word vectors."),
    ] = None,
    corpus: CorpusFolder = None,
    to: Annotated[Path | None, _out("classifier")] = None,
    level: Level = None,
) -> None:
    """Train a classifier on the train split and tune it on the dev split.

    With --texts it learns from texts; --set text.KEY=VALUE says how they are read.

    Example: patentcl fit work/vectors --set fit.head=thmm

    Example: patentcl fit --texts minilm --corpus work --set text.pooling=cls
    """
    from patentcl.core.artifacts import read_manifest
    from patentcl.pipeline.stages import FIT, FIT_TEXTS, Step, level_of

    one_of(vectors, texts, names="a folder of vectors and --texts")
    vectors = vectors and part(vectors, "vectors")
    folder = corpus or (vectors.parent if vectors is not None else RUN)
    inputs: dict[str, str | Path] = {}  # the one that was named is missed first
    if vectors is not None:
        recipe = common.settings("fit")
        inputs["vectors"] = vectors
    else:
        recipe = common.settings("fit", "text", "encoder", encoder__model=texts)
        inputs["model"] = recipe.encoder.model
    inputs["corpus"] = folder
    other = level is not None and level != level_of(read_manifest(folder) or {})
    step = Step(
        FIT if vectors is not None else FIT_TEXTS,
        to or folder / "classifier",
        recipe,
        inputs,
        options={"level": level} if other else {},
    )
    show_counts(make(step, common, "classifier")["counts"], common.as_json)


@verb()
def index(
    common: Common,
    vectors: Annotated[Path, typer.Argument(help="Folder of vectors, or a run.")] = RUN / "vectors",
    corpus: CorpusFolder = None,
    spec: Annotated[
        str | None, typer.Option(help="auto, a name from indexes/, or a YAML file. [default: auto]")
    ] = None,
    to: Annotated[Path | None, _out("index")] = None,
) -> None:
    """Build a similarity index.

    Example: patentcl index work/vectors --spec hnsw
    """
    from patentcl.pipeline.stages import INDEX, Step

    recipe, vectors = common.settings("index", index__spec=spec), part(vectors, "vectors")
    inputs: dict[str, str | Path] = {"vectors": vectors, "corpus": corpus or vectors.parent}
    step = Step(INDEX, to or vectors.parent / "index", recipe, inputs)
    made = make(step, common, "index")
    if why := made.get("why"):
        note(f"auto chose {made['counts']['spec']}: {why}")
    show_counts(made["counts"], common.as_json)


@verb("map")
def map_(
    common: Seeded,
    vectors: Annotated[Path, typer.Argument(help="Folder of vectors, or a run.")] = RUN / "vectors",
    corpus: CorpusFolder = None,
    base: Annotated[
        Path | None,
        typer.Option(help="Vectors of another encoder, drawn on the same map for comparison."),
    ] = None,
    to: Annotated[
        Path | None,
        typer.Option(
            "--out", help="Folder for the map; by default reports/map beside the vectors."
        ),
    ] = None,
    title: Annotated[str | None, typer.Option(help="Above the picture.")] = None,
) -> None:
    """Draw a map: PNG, SVG, a page that opens without a network, and coordinates.

    Example: patentcl map work/vectors --set map.neighbors=30
    """
    from patentcl.pipeline.stages import MAP, Step

    recipe, vectors = common.settings("map", map__title=title), part(vectors, "vectors")
    inputs: dict[str, str | Path] = {"vectors": vectors, "corpus": corpus or vectors.parent}
    if base is not None:
        inputs["base"] = base
    step = Step(MAP, to or vectors.parent / "reports" / "map", recipe, inputs)
    files = ": map.png, map.svg, map.html, coordinates.parquet"
    show_counts(make(step, common, "map", files)["counts"], common.as_json)
