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
    split: Annotated[str, typer.Option(help="Split to evaluate on.")] = "test",
    metrics: Annotated[
        list[str], typer.Option("--metric", help="A metric by name. May be repeated.")
    ] = [],
    report: Annotated[
        Path | None, typer.Option(help="For a classifier: all metrics, tables and pictures here.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Evaluate a classifier, an encoder or an index on a held-out split, beside chance.

    Example: patentcl evaluate artifacts/quickstart/classifier --report work/report

    Example: patentcl evaluate artifacts/quickstart/index --metric ndcg@10 --metric mrr
    """
    from patentcl.evaluation.folders import evaluate_folder, report_folder
    from patentcl.evaluation.report import figures_table

    place = corpus or folder.parent
    if report is not None:
        report_folder(folder, report, place, vectors, split)
        note(f"report written to {report}")
    with steps("embed") as progress:
        kind, result = evaluate_folder(folder, place, vectors, split, metrics, progress)
    if as_json:
        out(json.dumps(result))
        return
    for task, systems in result.items():
        out(f"{kind}: {task} ({split} split)")
        out(figures_table(systems))
