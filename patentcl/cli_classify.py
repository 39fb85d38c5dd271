"""The verb classify."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from patentcl.cli_base import RUN, EncoderNow, Json, Limit, Question, one_of, out, steps, verb


@verb()
def classify(
    question: Question,
    model: Annotated[Path, typer.Option(help="Folder of the classifier.")] = RUN / "classifier",
    encoder: EncoderNow = None,
    all_scores: Annotated[bool, typer.Option("--all-scores", help="Scores of all nodes.")] = False,
    limit: Limit = None,
    as_json: Json = False,
) -> None:
    """Predict the codes of an abstract, or of each patent in a file."""
    from patentcl import stages
    from patentcl.artifacts import require
    from patentcl.classifier import PatentClassifier

    one_of(question.text, question.file, names="a text and --file")
    require(model, "classifier", "fit VECTORS")
    ids, items = question.items(limit)
    loaded = PatentClassifier.load(model)
    reader = stages.encoder_for(model, encoder)
    with steps("classify") as progress:
        for start in range(0, len(items), 1024):
            X = reader.encode(items[start : start + 1024])
            _print_codes(loaded, X, ids[start : start + 1024], as_json, all_scores)
            progress(start + len(X), len(items))


def _print_codes(model: Any, X: Any, ids: list[str], as_json: bool, all_scores: bool) -> None:
    table = model.decide(X, ids)
    if not as_json:
        from patentcl.reporting import short

        depth = {level: i for i, level in enumerate(model.tree_.levels)}
        for pid in ids:
            out(pid)
            rows = table[table["patent_id"] == pid]
            for r in rows.itertuples():
                unsure = "" if r.sure else "  (unsure)"
                indent = "  " * (1 + depth[r.level])
                out(f"{indent}{r.symbol:<12} {r.probability:.2f}  {short(r.title)}{unsure}")
            if rows.empty:
                out("  no code is likely enough")
        return
    proba = model.predict_proba(X) if all_scores else None
    levels = model.answered(X)
    groups = dict(tuple(table.groupby("patent_id", sort=False)))
    for i, pid in enumerate(ids):
        rows = groups.get(pid, table.iloc[:0])
        kept = rows[rows["predicted"]]
        scores = (
            dict(zip(model.tree_.symbols, map(float, proba[i].round(5)), strict=True))
            if proba is not None
            else {
                s: round(float(p), 5)
                for s, p in zip(kept["symbol"], kept["probability"], strict=True)
            }
        )
        out(
            json.dumps(
                {
                    "patent_id": pid,
                    "predicted": kept["symbol"].tolist(),
                    "scores": scores,
                    "level": levels[i] or None,
                }
            )
        )
