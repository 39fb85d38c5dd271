"""Verbs about the embedding space: index, similar, map."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any

import typer

from patentcl.cli.options import RUN, EncoderNow, Json, Question, one_of, out, verb


@dataclass(frozen=True)
class Filters:
    """Which patents may be found."""

    before: Annotated[str | None, typer.Option(help="Only older than this date.")] = None
    after: Annotated[str | None, typer.Option(help="Only from this date on.")] = None
    cpc: Annotated[
        list[str], typer.Option(help="Only with a code below this. May be repeated.")
    ] = field(default_factory=list)
    exclude_cpc: Annotated[list[str], typer.Option(help="None with a code below this.")] = field(
        default_factory=list
    )

    def as_arguments(self) -> dict[str, Any]:
        """Arguments of a search."""
        return {
            "before": self.before,
            "after": self.after,
            "cpc": self.cpc or None,
            "exclude_cpc": self.exclude_cpc or None,
        }


@verb()
def similar(
    question: Question,
    filters: Filters,
    id_: Annotated[str | None, typer.Option("--id", help="A patent of the index.")] = None,
    folder: Annotated[Path, typer.Option("--index", help="Folder of the index.")] = RUN / "index",
    encoder: EncoderNow = None,
    k: Annotated[int, typer.Option("-k", help="How many.")] = 10,
    as_json: Json = False,
) -> None:
    """Find the nearest patents of a text, of a patent, or of each patent in a file."""
    from patentcl.workspace.run import Run

    one_of(question.text, id_, question.file, names="a text, --id and --file")
    run = Run(folder.parent, index=folder, encoder=encoder)
    if id_ is not None:
        found = run.similar(ids=id_, k=k, **filters.as_arguments())
    else:
        found = run.similar(question.file or [question.text], k, **filters.as_arguments())
    _print_neighbours(found, as_json)


def _print_neighbours(found: Any, as_json: bool) -> None:
    several = found["query"].nunique() > 1
    for query, rows in found.groupby("query", sort=False):
        if several and not as_json:
            out(str(query))
        for r in rows.itertuples():
            date = "" if r.date is None or r.date != r.date else str(r.date)[:10]
            codes = [str(c) for c in r.codes]
            if as_json:
                out(
                    json.dumps(
                        {
                            "query": "text" if query == 0 else query,
                            "rank": int(r.rank),
                            "patent_id": r.id,
                            "similarity": round(float(r.similarity), 5),
                            "date": date or None,
                            "title": r.title,
                            "codes": codes,
                        },
                        ensure_ascii=False,
                    )
                )
            else:
                out(
                    f"{r.rank:>3}  {r.similarity:.3f}  {r.id:<12} {date:<10}  "
                    f"{(r.title or '(no title)')[:60]:<60}  {', '.join(codes[:4])}".rstrip()
                )
