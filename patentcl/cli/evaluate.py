"""The command evaluate."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from patentcl.cli.options import Json, note, out, steps, verb


@verb()
def evaluate(
    folder: Annotated[Path, typer.Argument(help="A classifier, an encoder or an index.")],
    corpus: Annotated[
        Path | None, typer.Option(help="Folder of the corpus; by default the one beside.")
    ] = None,
    vectors: Annotated[
        Path | None, typer.Option(help="Folder of the vectors; by default the one beside.")
    ] = None,
    split: Annotated[str, typer.Option(help="Whose patents to judge by.")] = "test",
    metrics: Annotated[
        list[str], typer.Option("--metric", help="A metric by name. May be repeated.")
    ] = [],
    report: Annotated[
        Path | None, typer.Option(help="For a classifier: all metrics, tables and pictures here.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Judge a classifier, an encoder or an index on a held-out split."""
    from patentcl.evaluation.folders import evaluate_folder, report_folder

    place = corpus or folder.parent
    with steps("embed") as progress:
        title, result = evaluate_folder(folder, place, vectors, split, metrics, progress)
    if report is not None:
        report_folder(folder, report, place, vectors, split)
        note(f"report written to {report}")
    if as_json:
        out(json.dumps(result))
        return
    from patentcl.evaluation.report import figures_table

    for name, systems in result.items():
        out(f"{title}: {name} ({split} split)")
        out(figures_table(systems))
