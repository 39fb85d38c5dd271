"""The command evaluate."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from patentcl.cli.options import Seeded, note, out, steps, verb
from patentcl.cli.stages import make


@verb()
def evaluate(
    common: Seeded,
    folder: Annotated[
        Path, typer.Argument(help="A classifier, an encoder or an index; or the folder of a run.")
    ],
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
    against: Annotated[
        str | None,
        typer.Option(help="Compare a classifier or an encoder with this: a folder or a name."),
    ] = None,
    report: Annotated[
        Path | None, typer.Option(help="For a classifier: all metrics, tables and pictures here.")
    ] = None,
    export: Annotated[
        Path | None,
        typer.Option(help="For an index: write its citation task here, as BEIR and mteb read it."),
    ] = None,
) -> None:
    """Evaluate a classifier, an encoder or an index on a held-out split, beside chance.

    For the folder of a run, writes its reports, as the run does.

    Example: patentcl evaluate artifacts/quickstart/classifier --report work/report

    Example: patentcl evaluate artifacts/quickstart/encoder --against minilm

    Example: patentcl evaluate artifacts/quickstart/index --metric ndcg@10 --metric mrr
    """
    from patentcl.core.artifacts import read_manifest, stage_of
    from patentcl.evaluation.folders import evaluate_folder, report_folder

    if stage_of(read_manifest(folder) or {})[0] == "load":
        _show("run", _evaluate_run(folder, common), "test", common.as_json)
        return
    place = corpus or folder.parent
    if report is not None:
        report_folder(folder, report, place, vectors, split)
        note(f"report written to {report}")
    with steps("embed") as progress:
        kind, result = evaluate_folder(
            folder, place, vectors, split, metrics, progress, export, against
        )
    _show(kind, result, split, common.as_json)


def _evaluate_run(folder: Path, common: Seeded) -> dict[str, Any]:
    """The figures of a run, made by its stage."""
    from patentcl.core.artifacts import read_manifest
    from patentcl.core.reading import read_record
    from patentcl.pipeline.stages import EVALUATE, Step

    parts = ("classifier", "vectors", "index", "classifier-base", "vectors-base")
    inputs: dict[str, str | Path] = {p: folder / p for p in parts if read_manifest(folder / p)}
    recipe = common.settings("evaluate")
    make(
        Step(EVALUATE, folder / "reports", recipe, {"corpus": folder, **inputs}), common, "reports"
    )
    result = read_record(folder / "reports" / "metrics.json")
    return {"codes": result["classifier"], **result["retrieval"]}


def _show(kind: str, result: dict[str, Any], split: str, as_json: bool) -> None:
    from patentcl.evaluation.report import figures_table

    if as_json:
        out(json.dumps(result))
        return
    for task, systems in result.items():
        if systems:
            apart = {k: v for k, v in systems.items() if " less " in k}
            out(f"{kind}: {task} ({split} split)")
            out(figures_table({k: v for k, v in systems.items() if k not in apart}))
            for name, by in apart.items():
                for metric, of in by.items():
                    if None in of.values():
                        continue
                    ends = f"{of['low']:+.3f} to {of['high']:+.3f}"
                    out(f"  {name}, {metric}: {of['value']:+.3f} ({ends})")
