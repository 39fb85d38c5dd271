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
    from patentcl.workspace.predictions import Answer, Answerer

STEP = 512
"""Patents classified, and written, at a time."""
Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class Proof:
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

    def place(self, model: Path) -> Path | None:
        """Folder of the index, or of the corpus where there is none; None for no evidence."""
        from patentcl.core.artifacts import read_manifest

        if self.evidence < 0:
            raise ConfigError("evidence is negative", got=self.evidence, wanted="0 or more")
        if self.evidence == 0:
            return None
        if self.index is not None:
            return self.index
        beside = model.parent / "index"
        if read_manifest(beside) is not None:
            return beside
        if read_manifest(model.parent) is not None:
            return model.parent
        note(
            "no index and no corpus beside the classifier, so no evidence: make an index with "
            "patentcl index, or name one with --index"
        )
        return None


@verb()
def classify(
    question: Question,
    proof: Proof,
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
    from patentcl.core.artifacts import fingerprint_path, require

    one_of(question.text, question.file, names="a text and --file")
    if to is not None and to.suffix not in FORMS:
        raise ConfigError("unknown kind of file", got=to, wanted=" or ".join(FORMS))
    require(model, "classifier", "fit VECTORS")
    place = proof.place(model)
    with steps("classify") as progress:
        answerer = _answerer(model, encoder, place, proof.evidence, all_scores)
        if question.file is None:
            assert question.text is not None
            _show(answerer.answers(["text"], [question.text]), as_json)
            return
        from patentcl.data.corpus import Corpus

        patents = Corpus.read(question.file, limit=limit)
        if to is None:
            for ids, texts in _parts(patents, 0, progress):
                _show(answerer.answers(ids, texts), as_json)
            return
        about = {
            "input": fingerprint_path(question.file),
            "classifier": fingerprint_path(model / "config.json"),
            "index": None if place is None else fingerprint_path(place / "manifest.json"),
            "options": [all_scores, proof.evidence, limit],
        }
        _write(answerer, patents, to, about, progress)


def _answerer(
    model: Path, encoder: str | None, index: Path | None, per_code: int, all_scores: bool
) -> Answerer:
    """The classifier, its encoder, and evidence: an index, of any encoder, or a corpus."""
    from patentcl.classification.estimator import PatentClassifier
    from patentcl.core.artifacts import read_manifest, require
    from patentcl.workspace import folders
    from patentcl.workspace.predictions import Answerer, Evidence, WordEvidence

    loaded = PatentClassifier.load(model)
    encode = None
    if not loaded.reads_texts:
        encode = folders.encoder_for(model, encoder).encode
    if index is None:
        return Answerer(loaded, encode, all_scores=all_scores)
    if (index / "corpus.parquet").is_file():
        words = WordEvidence(folders.open_corpus(index), loaded.tree_, per_code)
        return Answerer(loaded, encode, words, lambda texts: texts, all_scores)
    from patentcl.search.index import PatentIndex

    made_with = require(index, "index", "index VECTORS").get("encoder")
    evidence = Evidence(PatentIndex.load(index), loaded.tree_, per_code)
    same = made_with == (read_manifest(model) or {}).get("encoder")
    if same and not loaded.reads_texts:
        return Answerer(loaded, encode, evidence, all_scores=all_scores)
    other = folders.encoder_for(index)
    return Answerer(loaded, encode, evidence, other.encode, all_scores)


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
    answerer: Answerer, patents: Corpus, to: Path, about: dict[str, Any], progress: Progress
) -> None:
    from patentcl.core.resumable import ResumableFile

    form = FORMS[to.suffix]
    with ResumableFile(to, about) as file:
        if file.items:
            note(f"going on after {file.items:,} of {len(patents):,} patents")
        for ids, texts in _parts(patents, file.items, progress):
            first = not file.items
            file.add(form(answerer.answers(ids, texts), first), len(ids))
        file.finish()
    note(f"codes of {len(patents):,} patents written to {to}")


# ---- forms ----------------------------------------------------------------------------------


def _json_line(answer: Answer) -> str:
    return json.dumps(answer.record(), ensure_ascii=False)


def _as_jsonl(answers: Iterator[Answer], first: bool) -> str:
    return "".join(f"{_json_line(a)}\n" for a in answers)


def _as_csv(answers: Iterator[Answer], first: bool) -> str:
    """One line for each predicted code; a patent without any has one line, without a symbol."""
    stream = io.StringIO()
    lines = csv.writer(stream, lineterminator="\n")
    if first:
        head = ("patent_id", "symbol", "level", "title", "probability", "sure", "evidence")
        lines.writerow(head)
    for answer in answers:
        for code in answer.codes:
            near = " ".join(n.patent_id for n in answer.evidence.get(code.symbol, []))
            probability = f"{code.probability:.5f}"
            lines.writerow(
                (
                    answer.patent_id,
                    code.symbol,
                    code.level,
                    code.title,
                    probability,
                    code.sure,
                    near,
                )
            )
        if not answer.codes:
            lines.writerow((answer.patent_id, "", "", "", "", "", ""))
    return stream.getvalue()


FORMS: dict[str, Callable[[Iterator[Answer], bool], str]] = {".jsonl": _as_jsonl, ".csv": _as_csv}


def _show(answers: Iterator[Answer], as_json: bool) -> None:
    for answer in answers:
        out(_json_line(answer) if as_json else "\n".join(page_of(answer)))


def page_of(answer: Answer) -> list[str]:
    """An answer as lines for a person: how sure it is, codes as a tree, evidence."""
    from patentcl.evaluation.report import short

    lines = [f"{answer.patent_id}  {_cut(answer.title, 90)}".rstrip(), f"  {_sureness(answer)}"]
    levels: list[str] = []
    for i, code in enumerate(answer.codes):
        if code.level not in levels:
            levels.append(code.level)
        depth = levels.index(code.level)
        unsure = "" if code.sure else "  (unsure)"
        indent = "  " * (1 + depth)
        name = f"{indent}{code.symbol:<12}"
        lines.append(f"{name} {code.probability:.2f}  {short(code.title)}{unsure}".rstrip())
        following = answer.codes[i + 1] if i + 1 < len(answer.codes) else None
        inner = following is not None and levels_below(levels, following.level, depth)
        for near in () if inner else answer.evidence.get(code.symbol, []):
            title = _cut(near.title, 60) or "(no title)"
            lines.append(f"{indent}    like {near.similarity:.2f}  {near.patent_id:<12} {title}")
    return lines


def levels_below(levels: Sequence[str], level: str, depth: int) -> bool:
    """Whether a level lies below a depth; one not met yet does, since codes come top-down."""
    return level not in levels or list(levels).index(level) > depth


def _sureness(answer: Answer) -> str:
    if answer.answered is None:
        return "no code is likely enough"
    if answer.level is None:
        text = "sure of none of these; they are the likeliest"
    elif answer.level == answer.answered:
        text = f"sure down to {answer.level}"
    else:
        text = f"sure down to {answer.level}; below it the likeliest"
    stopped = answer.stopped_before
    return f"{text}; no {stopped} is likely enough" if stopped else text


def _cut(text: str, width: int) -> str:
    return text if len(text) <= width else f"{text[: width - 3].rstrip()}..."
