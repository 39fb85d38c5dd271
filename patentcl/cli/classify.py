"""The command classify."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from patentcl.cli.codes import CodesTable, as_csv, as_jsonl, check_suffix, write_sheet
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
from patentcl.core.tables import counted, one_line

if TYPE_CHECKING:
    import pyarrow as pa

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
    model: Annotated[Path, typer.Option(help="Folder of the classifier, or of its run.")] = RUN
    / "classifier",
    encoder: EncoderNow = None,
    all_scores: Annotated[
        bool, typer.Option("--all-scores", help="Give probabilities of all codes.")
    ] = False,
    to: Annotated[
        Path | None,
        typer.Option(
            "--out", help="Write to a .csv, .xlsx or .jsonl file; resumes after an interruption."
        ),
    ] = None,
    long: Annotated[
        bool, typer.Option("--long", help="In a .csv or .xlsx file: a row a code, not a patent.")
    ] = False,
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
        _check_target(to, question, long)
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
    with _reserved(to), steps("classify") as progress:
        predictor = run.predictor(source.evidence, all_scores)
        if patents is None:
            _show(predictor.predict(["text"], [question.abstract()]), as_json)
        elif to is None:
            for _, ids, texts in _parts(patents, 0, progress):
                _show(predictor.predict(ids, texts), as_json)
        else:
            named = [x for x in (question.columns, question.encoding) if x]
            about = _about(run, question, [all_scores, source.evidence, limit, long, *named])
            levels = predictor.model.tree_.levels
            table = CodesTable(patents, levels, long, bool(source.evidence))
            _write(predictor, patents, to, about, table, progress)


def _check_target(to: Path, question: Question, long: bool) -> None:
    """Complain of a file that cannot be written before anything is loaded."""
    check_suffix(to, long)
    if question.file is None:
        raise typer.BadParameter("--out is for the patents of a file: give --file")
    if to.exists():
        raise DataError("the file is there already", where=to, fix="Choose another, or remove it")


@contextlib.contextmanager
def _reserved(to: Path | None) -> Iterator[None]:
    """Hold the lock of a file: a second call is refused before it loads anything."""
    from patentcl.core.files import explained
    from patentcl.core.locks import locked

    if to is None or not to.parent.is_dir():
        yield
        return
    with explained(to, "what was settled is kept"), locked(Path(os.path.realpath(to))):
        yield


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
    patents: Corpus, start: int, progress: Progress, more: Sequence[str] = ()
) -> Iterator[tuple[pa.Table, list[str], list[tuple[str, str]]]]:
    """Yield columns, ids and texts of a step at a time, from a row on."""
    done, total = start, len(patents)
    progress(done, total)
    columns = list(dict.fromkeys(["patent_id", "title", "abstract", *more]))
    for table in patents.batches(columns, STEP, start):
        titles, abstracts = table["title"].to_pylist(), table["abstract"].to_pylist()
        yield table, table["patent_id"].to_pylist(), list(zip(titles, abstracts, strict=True))
        done += len(table)
        progress(done, total)


def _write(
    predictor: Predictor,
    patents: Corpus,
    to: Path,
    about: dict[str, Any],
    table: CodesTable,
    progress: Progress,
) -> None:
    from patentcl.core.resumable import ResumableFile
    from patentcl.workspace.predictions import complaints

    suffix = to.suffix.lower()
    strange: list[Prediction] = []
    with ResumableFile(to, about) as file:
        if file.items:
            note(f"resuming after {file.items:,} of {len(patents):,} patents")
        for given, ids, texts in _parts(patents, file.items, progress, table.given):
            found = list(predictor.predict(ids, texts))
            strange += [p for p in found if p.warning]
            if suffix == ".jsonl":
                file.add(as_jsonl(p.record() for p in found), len(ids))
                continue
            rows = [*([] if file.items else [table.head]), *table.rows(found, given)]
            file.add((as_csv if suffix == ".csv" else as_jsonl)(rows), len(ids))
        file.finish(write_sheet if suffix == ".xlsx" else None)
    for complaint in complaints(strange):
        note(f"warning: {complaint}")
    note(f"codes of {counted(len(patents), 'patents')} written to {to}")


# ---- on the screen ------------------------------------------------------------------------


def _show(predictions: Iterable[Prediction], as_json: bool) -> None:
    for prediction in predictions:
        out(as_jsonl([prediction.record()])[:-1] if as_json else "\n".join(page_of(prediction)))


def page_of(prediction: Prediction) -> list[str]:
    """A prediction as lines for a person: how deep it is confident, codes as a tree, evidence."""
    from patentcl.maps.naming import short_title
    from patentcl.workspace.predictions import NO_TEXT

    codes = prediction.codes
    if prediction.warning == NO_TEXT:
        return [str(prediction.patent_id), f"  no codes: {NO_TEXT}"]
    lines = [
        f"{prediction.patent_id}  {one_line(prediction.title, 90)}".rstrip(),
        *([f"  warning: {prediction.warning}"] if prediction.warning else []),
        f"  {_confidence(prediction)}",
    ]
    for code in codes:
        indent = "  " * (1 + code.depth)
        title = short_title(code.title, 70) if code.title else ""
        unsure = "" if code.confident else "  (unsure)"
        lines.append(f"{indent}{code.symbol:<12} {code.probability:.2f}  {title}{unsure}".rstrip())
        for near in prediction.evidence.get(code.symbol, []) if code in prediction.leaves else []:
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
