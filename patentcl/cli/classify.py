"""The command classify."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from patentcl.cli.options import (
    RUN,
    EncoderNow,
    Json,
    Limit,
    Question,
    note,
    one_of,
    out,
    steps,
    verb,
)
from patentcl.core.errors import ConfigError, DataError
from patentcl.core.progress import Progress
from patentcl.core.tables import one_line

if TYPE_CHECKING:
    from patentcl.data.corpus import Corpus
    from patentcl.workspace.predictions import Prediction, Predictor

STEP = 512
"""Patents classified, and written, at a time."""


@dataclass(frozen=True)
class EvidenceOptions:
    """Where evidence comes from, and how much of it."""

    index: Annotated[
        Path | None,
        typer.Option(
            help="Index of labelled patents; by default the one beside the classifier, or else "
            "the corpus there, by its words."
        ),
    ] = None
    evidence: Annotated[
        int, typer.Option(help="Labelled patents to show for each code; 0 for none.")
    ] = 3


@verb()
def classify(
    question: Question,
    source: EvidenceOptions,
    model: Annotated[Path, typer.Option(help="Folder of the classifier.")] = RUN / "classifier",
    encoder: EncoderNow = None,
    all_scores: Annotated[
        bool, typer.Option("--all-scores", help="Give probabilities of all codes.")
    ] = False,
    to: Annotated[
        Path | None,
        typer.Option(
            "--out", help="Write to a .jsonl or .csv file; resumes after an interruption."
        ),
    ] = None,
    limit: Limit = None,
    as_json: Json = False,
) -> None:
    """Predict the codes of an abstract, or of each patent of a file, with evidence.

    Codes are shown as a tree with their probabilities; those below their own threshold are marked
    unsure. Below each most specific code stand the most similar labelled patents that carry it.

    Example: patentcl classify "a lawn mower with a camera that finds the edge of the lawn"

    Example: patentcl classify --file new.csv --out codes.csv
    """
    from patentcl.workspace.run import Run

    one_of(question.text, question.file, names="a text and --file")
    if to is not None:
        _check_target(to, question)
    if source.evidence < 0:
        raise ConfigError("evidence is negative", got=source.evidence, wanted="0 or more")
    run = Run(model.parent, classifier=model, index=source.index, encoder=encoder)
    run.require("classifier")
    if source.evidence and run.evidence_folder is None:
        note(
            "no index and no corpus beside the classifier, so no evidence: make an index with "
            "patentcl index, or name one with --index"
        )
    patents = question.read(run, limit)
    with steps("classify") as progress:
        predictor = run.predictor(source.evidence, all_scores)
        if patents is None:
            _show(predictor.predict(["text"], [question.abstract()]), as_json)
        elif to is None:
            for ids, texts in _parts(patents, 0, progress):
                _show(predictor.predict(ids, texts), as_json)
        else:
            named = [x for x in (question.columns, question.encoding) if x]
            about = _about(run, question, [all_scores, source.evidence, limit, *named])
            _write(predictor, patents, to, about, progress)


def _check_target(to: Path, question: Question) -> None:
    """Complain of a file that cannot be written before anything is loaded."""
    if to.suffix not in FORMS:
        raise ConfigError("unknown kind of file", got=to, wanted=" or ".join(FORMS))
    if question.file is None:
        raise typer.BadParameter("--out is for the patents of a file: give --file")
    if to.exists():
        raise DataError("the file is there already", where=to, fix="Choose another, or remove it")


def _about(run: Any, question: Question, options: list[Any]) -> dict[str, Any]:
    """What an interrupted file is about: it is resumed only by the same call."""
    from patentcl.core.artifacts import fingerprint_path

    place = run.evidence_folder if options[1] else None
    return {
        "input": fingerprint_path(question.file or ""),
        "classifier": fingerprint_path(run.where("classifier") / "config.json"),
        "index": None if place is None else fingerprint_path(place / "manifest.json"),
        "options": options,
    }


def _parts(
    patents: Corpus, start: int, progress: Progress
) -> Iterator[tuple[list[str], list[tuple[str, str]]]]:
    """Yield ids and texts of a step at a time, from a row on."""
    done, total = start, len(patents)
    progress(done, total)
    for table in patents.batches(["patent_id", "title", "abstract"], STEP, start):
        titles, abstracts = table["title"].to_pylist(), table["abstract"].to_pylist()
        yield table["patent_id"].to_pylist(), list(zip(titles, abstracts, strict=True))
        done += len(table)
        progress(done, total)


def _write(
    predictor: Predictor, patents: Corpus, to: Path, about: dict[str, Any], progress: Progress
) -> None:
    from patentcl.core.resumable import ResumableFile
    from patentcl.workspace.predictions import unlike

    form = FORMS[to.suffix]
    strange: list[Prediction] = []
    with ResumableFile(to, about) as file:
        if file.items:
            note(f"resuming after {file.items:,} of {len(patents):,} patents")
        for ids, texts in _parts(patents, file.items, progress):
            first = not file.items
            found = list(predictor.predict(ids, texts))
            strange += [p for p in found if p.warning]
            file.add(form(found, first), len(ids))
        file.finish()
    if about_them := unlike(strange):
        note(f"warning: {about_them}")
    note(f"codes of {len(patents):,} patents written to {to}")


# ---- forms ----------------------------------------------------------------------------------


def _json_line(prediction: Prediction) -> str:
    return json.dumps(prediction.record(), ensure_ascii=False)


def _as_jsonl(predictions: Iterable[Prediction], first: bool) -> str:
    return "".join(f"{_json_line(p)}\n" for p in predictions)


def _as_csv(predictions: Iterable[Prediction], first: bool) -> str:
    """One line for each predicted code; a patent without any has one line, without a symbol."""
    from patentcl.workspace.predictions import as_rows

    stream = io.StringIO()
    lines = csv.writer(stream, lineterminator="\n")
    if first:
        head = ("patent_id", "symbol", "level", "title", "probability", "sure", "evidence")
        lines.writerow(head)
    for pid, symbol, level, title, probability, confident, evidence in as_rows(predictions):
        score = "" if probability is None else f"{probability:.5f}"
        lines.writerow((pid, symbol, level, title, score, confident, " ".join(evidence)))
    return stream.getvalue()


FORMS: dict[str, Callable[[Iterable[Prediction], bool], str]] = {
    ".jsonl": _as_jsonl,
    ".csv": _as_csv,
}


def _show(predictions: Iterable[Prediction], as_json: bool) -> None:
    for prediction in predictions:
        out(_json_line(prediction) if as_json else "\n".join(page_of(prediction)))


def page_of(prediction: Prediction) -> list[str]:
    """A prediction as lines for a person: how deep it is confident, codes as a tree, evidence."""
    from patentcl.cpc import LEVELS
    from patentcl.maps.naming import short_title

    codes = prediction.codes
    lines = [
        f"{prediction.patent_id}  {one_line(prediction.title, 90)}".rstrip(),
        *([f"  warning: {prediction.warning}"] if prediction.warning else []),
        f"  {_confidence(prediction)}",
    ]
    depths = [LEVELS.index(code.level) for code in codes]
    for code, depth, following in zip(codes, depths, [*depths[1:], -1], strict=False):
        indent = "  " * (1 + depth)
        title = short_title(code.title, 70) if code.title else ""
        unsure = "" if code.confident else "  (unsure)"
        lines.append(f"{indent}{code.symbol:<12} {code.probability:.2f}  {title}{unsure}".rstrip())
        for near in prediction.evidence.get(code.symbol, []) if following <= depth else []:
            title = one_line(near.title, 60) or "(no title)"
            lines.append(f"{indent}    like {near.similarity:.2f}  {near.patent_id:<12} {title}")
    return lines


def _confidence(prediction: Prediction) -> str:
    if prediction.predicted_level is None:
        return "no code is likely enough"
    if prediction.confident_level is None:
        text = "confident of none of these; they are the likeliest"
    else:
        text = f"confident down to {prediction.confident_level}"
        if prediction.confident_level != prediction.predicted_level:
            text += "; below it the likeliest"
    stopped = prediction.stopped_before
    return f"{text}; no {stopped} is likely enough" if stopped else text
