"""Verbs about models: train, embed, fit, evaluate."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from patentcl.cli.options import (
    RUN,
    Common,
    CorpusFolder,
    Json,
    LevelName,
    Sets,
    finish,
    note,
    one_of,
    out,
    record_of,
    settings_of,
    show_counts,
    steps,
    verb,
)

Model = Annotated[str, typer.Option(help="minilm, a hub name, or a folder.")]


@verb()
def train(
    common: Common,
    triplets: Path,
    corpus: CorpusFolder = RUN,
    model: Model = "minilm",
    to: Annotated[Path, typer.Option("--out", help="Folder for the encoder.")] = Path("encoder"),
) -> None:
    """Fine-tune an encoder on triplets."""
    from patentcl.encoders.settings import EncoderSettings, TrainingSettings
    from patentcl.pipeline import stages
    from patentcl.workspace import folders

    settings = common.settings(TrainingSettings)
    encoder = settings_of(EncoderSettings, [], model=model)
    patents = folders.open_corpus(corpus)
    record = common.record("train", settings, triplets=triplets, model=model)
    with steps("train") as progress:
        stages.train(triplets, patents, to, encoder, settings, common.seed, record, progress)
    finish(to, "encoder", common.as_json, part="results")


@verb()
def embed(
    corpus: Annotated[Path, typer.Argument(help="Folder of the corpus.")] = RUN,
    encoder: Model = "minilm",
    to: Annotated[Path, typer.Option("--out", help="Folder for the vectors.")] = Path("vectors"),
    sets: Sets = [],
    as_json: Json = False,
) -> None:
    """Turn a corpus into vectors."""
    from patentcl.core.artifacts import read_manifest
    from patentcl.encoders.settings import EncoderSettings
    from patentcl.pipeline import stages
    from patentcl.workspace import folders

    settings = settings_of(EncoderSettings, sets, model=encoder)
    patents = folders.open_corpus(corpus)
    with steps("embed") as progress:
        record = record_of("embed", settings, corpus=corpus)
        stages.embed(patents, encoder, to, settings, record, progress)
    manifest = read_manifest(to) or {}
    rate = manifest["counts"]["vectors"] / max(manifest["seconds"], 0.01)
    show_counts({**manifest["counts"], "per second": round(rate, 1)}, as_json)
    note(f"vectors written to {to}")


@verb()
def fit(
    common: Common,
    vectors: Annotated[Path | None, typer.Argument(help="Folder of vectors.")] = None,
    texts: Annotated[
        str | None,
        typer.Option(help="Learn from texts: an encoder, words, or a file of word vectors."),
    ] = None,
    corpus: CorpusFolder = RUN,
    to: Annotated[Path, typer.Option("--out", help="Folder for the classifier.")] = Path(
        "classifier"
    ),
    level: LevelName = "subclass",
) -> None:
    """Train a classifier on the train split and tune it on the dev split.

    With --texts it is trained from the words up; --set text.KEY=VALUE says how texts are read.
    """
    from patentcl.classification.settings import ClassifierSettings, TextSettings
    from patentcl.pipeline import stages
    from patentcl.workspace import folders

    one_of(vectors, texts, names="a folder of vectors and --texts")
    of_texts = [s.removeprefix("text.") for s in common.sets if s.startswith("text.")]
    settings = settings_of(
        ClassifierSettings, [s for s in common.sets if not s.startswith("text.")]
    )
    reading = settings_of(TextSettings, of_texts, model=texts)
    everything = settings.model_dump() | ({"text": reading.model_dump()} if texts else {})
    record = common.record("fit", everything, vectors=vectors or "texts", corpus=corpus)
    patents = folders.open_corpus(corpus, level)
    with steps("fit") as progress:
        stages.fit(vectors or reading, patents, to, settings, common.seed, record, progress)
    finish(to, "classifier", common.as_json)


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
    from patentcl.evaluation.folders import judge_folder, report_folder

    place = corpus or folder.parent
    with steps("embed") as progress:
        title, result = judge_folder(folder, place, vectors, split, metrics, progress)
    if report is not None:
        report_folder(folder, report, place, vectors, split)
        note(f"report written to {report}")
    if as_json:
        out(json.dumps(result))
        return
    from patentcl.evaluation.report import cells, plain_table

    for name, systems in result.items():
        out(f"{title}: {name} ({split} split)")
        out("\n".join(plain_table(*cells(systems))))
