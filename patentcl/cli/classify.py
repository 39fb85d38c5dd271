"""The verb classify."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Iterator, Sequence
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
from patentcl.core.errors import ConfigError

if TYPE_CHECKING:
    from patentcl.data.corpus import Corpus
    from patentcl.workspace.predictions import Prediction, Predictor

STEP = 512
"""Patents classified, and written, at a time."""
Progress = Callable[[int, int], None]


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
    all_scores: Annotated[bool, typer.Option("--all-scores", help="Scores of all nodes.")] = False,
    to: Annotated[
        Path | None,
        typer.Option("--out", help="Write to a .jsonl or .csv file; goes on after a cut-off."),
    ] = None,
    limit: Limit = None,
    as_json: Json = False,
) -> None:
    """Predict the codes of an abstract, or of each patent in a file, with evidence.

    Codes are shown as a tree with their probabilities; those below their own threshold are marked.
    Below each most specific code stand the labelled patents that carry it and are most alike.
    Patents of a file come in the order of their ids.
    """
    from patentcl.core.artifacts import fingerprint_path
    from patentcl.workspace.run import Run

    one_of(question.text, question.file, names="a text and --file")
    if to is not None and to.suffix not in FORMS:
        raise ConfigError("unknown kind of file", got=to, wanted=" or ".join(FORMS))
    run = Run(model.parent, classifier=model, index=source.index, encoder=encoder)
    run.require("classifier")
    place = run.evidence_folder if source.evidence else None
    if place is None and source.evidence:
        note(
            "no index and no corpus beside the classifier, so no evidence: make an index with "
            "patentcl index, or name one with --index"
        )
    with steps("classify") as progress:
        predictor = run.predictor(source.evidence, all_scores)
        if question.file is None:
            assert question.text is not None
            _show(predictor.predict(["text"], [question.text]), as_json)
            return
        from patentcl.data.corpus import Corpus

        patents = Corpus.read(question.file, limit=limit)
        if to is None:
            for ids, texts in _parts(patents, 0, progress):
                _show(predictor.predict(ids, texts), as_json)
            return
        about = {
            "input": fingerprint_path(question.file),
            "classifier": fingerprint_path(model / "config.json"),
            "index": None if place is None else fingerprint_path(place / "manifest.json"),
            "options": [all_scores, source.evidence, limit],
        }
        _write(predictor, patents, to, about, progress)


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

    form = FORMS[to.suffix]
    with ResumableFile(to, about) as file:
        if file.items:
            note(f"going on after {file.items:,} of {len(patents):,} patents")
        for ids, texts in _parts(patents, file.items, progress):
            first = not file.items
            file.add(form(predictor.predict(ids, texts), first), len(ids))
        file.finish()
    note(f"codes of {len(patents):,} patents written to {to}")


# ---- forms ----------------------------------------------------------------------------------


def _json_line(prediction: Prediction) -> str:
    return json.dumps(prediction.record(), ensure_ascii=False)


def _as_jsonl(predictions: Iterator[Prediction], first: bool) -> str:
    return "".join(f"{_json_line(a)}\n" for a in predictions)


def _as_csv(predictions: Iterator[Prediction], first: bool) -> str:
    """One line for each predicted code; a patent without any has one line, without a symbol."""
    stream = io.StringIO()
    lines = csv.writer(stream, lineterminator="\n")
    if first:
        head = ("patent_id", "symbol", "level", "title", "probability", "sure", "evidence")
        lines.writerow(head)
    for prediction in predictions:
        for code in prediction.codes:
            near = " ".join(n.patent_id for n in prediction.evidence.get(code.symbol, []))
            probability = f"{code.probability:.5f}"
            lines.writerow(
                (
                    prediction.patent_id,
                    code.symbol,
                    code.level,
                    code.title,
                    probability,
                    code.confident,
                    near,
                )
            )
        if not prediction.codes:
            lines.writerow((prediction.patent_id, "", "", "", "", "", ""))
    return stream.getvalue()


FORMS: dict[str, Callable[[Iterator[Prediction], bool], str]] = {
    ".jsonl": _as_jsonl,
    ".csv": _as_csv,
}


def _show(predictions: Iterator[Prediction], as_json: bool) -> None:
    for prediction in predictions:
        out(_json_line(prediction) if as_json else "\n".join(page_of(prediction)))


def page_of(prediction: Prediction) -> list[str]:
    """A prediction as lines for a person: how deep it is confident, codes as a tree, evidence."""
    from patentcl.evaluation.report import short

    lines = [
        f"{prediction.patent_id}  {_cut(prediction.title, 90)}".rstrip(),
        f"  {_confidence(prediction)}",
    ]
    levels: list[str] = []
    for i, code in enumerate(prediction.codes):
        if code.level not in levels:
            levels.append(code.level)
        depth = levels.index(code.level)
        unsure = "" if code.confident else "  (unsure)"
        indent = "  " * (1 + depth)
        name = f"{indent}{code.symbol:<12}"
        lines.append(f"{name} {code.probability:.2f}  {short(code.title)}{unsure}".rstrip())
        following = prediction.codes[i + 1] if i + 1 < len(prediction.codes) else None
        inner = following is not None and levels_below(levels, following.level, depth)
        for near in () if inner else prediction.evidence.get(code.symbol, []):
            title = _cut(near.title, 60) or "(no title)"
            lines.append(f"{indent}    like {near.similarity:.2f}  {near.patent_id:<12} {title}")
    return lines


def levels_below(levels: Sequence[str], level: str, depth: int) -> bool:
    """Whether a level lies below a depth; one not met yet does, since codes come top-down."""
    return level not in levels or list(levels).index(level) > depth


def _confidence(prediction: Prediction) -> str:
    if prediction.predicted_level is None:
        return "no code is likely enough"
    if prediction.confident_level is None:
        text = "confident of none of these; they are the likeliest"
    elif prediction.confident_level == prediction.predicted_level:
        text = f"confident down to {prediction.confident_level}"
    else:
        text = f"confident down to {prediction.confident_level}; below it the likeliest"
    stopped = prediction.stopped_before
    return f"{text}; no {stopped} is likely enough" if stopped else text


def _cut(text: str, width: int) -> str:
    return text if len(text) <= width else f"{text[: width - 3].rstrip()}..."
