"""Verbs about data: sample, load, mine."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from patentcl.cli_base import (
    RUN,
    Common,
    Json,
    LevelName,
    Limit,
    Seed,
    finish,
    note,
    pairs_of,
    settings_of,
    show_counts,
    verb,
)
from patentcl.errors import ConfigError


def graph_path(url: str) -> Path:
    """The file of a graph's address."""
    scheme, sign, rest = url.partition("://")
    if not sign:
        return Path(url)
    if scheme != "duckdb":
        raise ConfigError("unknown kind of graph", got=url, wanted="duckdb://FILE")
    if not rest:
        raise ConfigError("the graph needs a file", got=url, wanted="duckdb://FILE")
    return Path(rest)


@verb()
def sample(
    folder: Path,
    patents: Annotated[int, typer.Option(help="How many.")] = 5000,
    seed: Seed = 0,
    as_json: Json = False,
) -> None:
    """Write a synthetic corpus in PatentsView's own file layout."""
    from patentcl.sample import write_sample

    counts = write_sample(folder, patents, seed)
    show_counts(counts, as_json)
    note(f"synthetic patents written to {folder}: for trying things, not for findings")


@verb()
def load(
    common: Common,
    data: Annotated[
        Path,
        typer.Argument(
            help="A folder of PatentsView tables; a CSV, TSV, JSONL "
            "or Parquet file; a folder with train/dev Parquet."
        ),
    ],
    graph: Annotated[
        str, typer.Option(help="duckdb://FILE; the corpus is written beside it.")
    ] = "duckdb://artifacts/graph.duckdb",
    scheme: Annotated[
        str, typer.Option(help="cpc, ipc or both (IPC where CPC is absent).")
    ] = "both",
    level: LevelName = "subclass",
    limit: Limit = None,
    columns: Annotated[
        list[str],
        typer.Option(
            help="For plain files: ours=theirs, where ours is "
            "patent_id, title, abstract, date, codes, citations "
            "or split. May be repeated."
        ),
    ] = [],
) -> None:
    """Read patents into a corpus and its graph."""
    from patentcl import stages
    from patentcl.artifacts import fingerprint_path, read_manifest
    from patentcl.config import DataSettings, SplitSettings

    path = graph_path(graph)
    names = pairs_of(columns, "--columns", "abstract=summary")
    settings = settings_of(DataSettings, [], scheme=scheme, level=level, limit=limit, columns=names)
    split = common.settings(SplitSettings)
    record = common.record(
        "load",
        {**settings.model_dump(), "split": split.model_dump()},
        source=fingerprint_path(data),
    )
    stages.load(data, path.parent, settings, split, common.seed, record, path.name)
    manifest = read_manifest(path.parent) or {}
    show_counts(
        {**manifest["counts"], **{f"graph: {k}": v for k, v in manifest["graph"].items()}},
        common.as_json,
    )
    note(f"corpus and graph written to {path.parent} in {manifest['seconds']} s")


@verb()
def mine(
    common: Common,
    graph: Annotated[
        str, typer.Argument(help="duckdb://FILE, as written by load.")
    ] = f"{RUN}/graph.duckdb",
    to: Annotated[Path, typer.Option("--out", help="Folder for the triplets.")] = Path("triplets"),
) -> None:
    """Mine triplets (anchor, positive, negative) among the training patents."""
    from patentcl import stages
    from patentcl.config import MiningRules

    rules = common.settings(MiningRules)
    path = graph_path(graph)
    stages.mine(path, to, rules, common.seed, common.record("mine", rules, graph=path))
    finish(to, "triplets", common.as_json)
