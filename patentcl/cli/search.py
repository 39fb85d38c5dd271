"""The command similar."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from patentcl.cli.options import RUN, EncoderNow, Json, Question, note, one_of, out, verb
from patentcl.core.errors import ConfigError
from patentcl.core.tables import one_line

if TYPE_CHECKING:
    from patentcl.search.index import PatentIndex


@dataclass(frozen=True)
class Filters:
    """Which patents may be found."""

    before: Annotated[str | None, typer.Option(help="Only patents before this date.")] = None
    after: Annotated[str | None, typer.Option(help="Only patents from this date on.")] = None
    cpc: Annotated[
        list[str], typer.Option(help="Only patents with a code at or below this. May be repeated.")
    ] = field(default_factory=list)
    exclude_cpc: Annotated[
        list[str], typer.Option(help="No patents with a code at or below this. May be repeated.")
    ] = field(default_factory=list)

    def as_arguments(self) -> dict[str, Any]:
        """Arguments of a search, those that were given; dates and symbols are checked."""
        from patentcl.cpc import parse_symbol
        from patentcl.search.filters import day

        given = {name: value for name, value in vars(self).items() if value}
        for name, value in given.items():
            if name in ("before", "after"):
                day(value, name)
            else:
                for symbol in value:
                    parse_symbol(symbol)
        return given


@verb()
def similar(
    question: Question,
    filters: Filters,
    id_: Annotated[str | None, typer.Option("--id", help="A patent of the index.")] = None,
    folder: Annotated[Path, typer.Option("--index", help="Folder of the index.")] = RUN / "index",
    encoder: EncoderNow = None,
    k: Annotated[int, typer.Option("-k", help="Number of patents to find.")] = 10,
    as_json: Json = False,
) -> None:
    """Find the patents most similar to a text, to a patent, or to each patent of a file.

    Example: patentcl similar "a battery pack with a cooling plate" --cpc H01M --before 2020

    Example: patentcl similar --file new.csv -k 3 --json
    """
    from patentcl.workspace.run import Run

    one_of(question.text, id_, question.file, names="a text, --id and --file")
    if k < 1:
        raise ConfigError("k is not a positive whole number", got=k, wanted="1 or more")
    arguments = filters.as_arguments()
    run = Run(folder.parent, index=folder, encoder=encoder)
    if id_ is not None:
        found = run.similar(ids=id_, k=k, **arguments)
    else:
        found = run.similar(question.file or [question.abstract()], k, **arguments)
    if found.empty and arguments:
        note(f"nothing found: {_passing(run.index, arguments)}")
    _show(found, as_json)


def _passing(index: PatentIndex, filters: dict[str, Any]) -> str:
    """How many patents pass all filters and each of them."""
    if {"before", "after"} & set(filters) and index.meta["date"].isna().all():
        return f"none of the {len(index):,} patents of this index has a date"
    each = ", ".join(
        f"{index.count(**{name: value}):,} pass --{name.replace('_', '-')} "
        + (value if isinstance(value, str) else " ".join(value))
        for name, value in filters.items()
    )
    text = f"{index.count(**filters):,} of {len(index):,} patents pass"
    return f"{text} all filters ({each})" if len(filters) > 1 else f"{text} ({each})"


def _show(found: Any, as_json: bool) -> None:
    several = found["query"].nunique() > 1
    for query, rows in found.groupby("query", sort=False):
        if several and not as_json:
            out(str(query))
        for row in rows.itertuples():
            date = "" if row.date is None or row.date != row.date else str(row.date)[:10]
            codes = [str(c) for c in row.codes]
            if not as_json:
                title = one_line(row.title or "", 60) or "(no title)"
                out(
                    f"{row.rank:>3}  {row.similarity:.3f}  {row.id:<12} {date:<10}  "
                    f"{title:<60}  {', '.join(codes[:4])}".rstrip()
                )
                continue
            record = {
                "query": query if isinstance(query, str) else "text",
                "rank": int(row.rank),
                "patent_id": row.id,
                "similarity": round(float(row.similarity), 5),
                "date": date or None,
                "title": row.title,
                "codes": codes,
            }
            out(json.dumps(record, ensure_ascii=False))
