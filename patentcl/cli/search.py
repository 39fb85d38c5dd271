"""The command similar."""

from __future__ import annotations

import json
import warnings
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any

import typer

from patentcl.cli.options import RUN, EncoderNow, Json, Question, note, one_of, out, verb
from patentcl.core.errors import ConfigError
from patentcl.core.tables import one_line

Listed = list[str]


@dataclass(frozen=True)
class Filters:
    """Which patents may be found."""

    before: Annotated[str | None, typer.Option(help="Only patents before this date.")] = None
    after: Annotated[str | None, typer.Option(help="Only patents from this date on.")] = None
    before_patent: Annotated[
        str | None, typer.Option(metavar="ID", help="Only patents before this one's first date.")
    ] = None
    by: Annotated[str, typer.Option(help="The date these look at: grant, filing, priority.")] = (
        "grant"
    )
    cpc: Annotated[
        Listed,
        typer.Option(help="Only patents with a code at or below this; A61B17 is the main group. *"),
    ] = field(default_factory=list)
    exclude_cpc: Annotated[
        Listed, typer.Option(help="No patents with a code at or below this. *")
    ] = field(default_factory=list)
    applicant: Annotated[Listed, typer.Option(help="Only of applicants so named, in part. *")] = (
        field(default_factory=list)
    )
    exclude_applicant: Annotated[Listed, typer.Option(help="None of applicants so named. *")] = (
        field(default_factory=list)
    )
    country: Annotated[Listed, typer.Option(help="Only of this country. *")] = field(
        default_factory=list
    )
    kind: Annotated[Listed, typer.Option(help="Only of this kind code: B, B1. *")] = field(
        default_factory=list
    )
    status: Annotated[Listed, typer.Option(help="Only of this status. *")] = field(
        default_factory=list
    )
    in_family: Annotated[Listed, typer.Option(help="Only of this family. *")] = field(
        default_factory=list
    )
    among: Annotated[Listed, typer.Option(metavar="ID", help="Only among these patents. *")] = (
        field(default_factory=list)
    )
    where: Annotated[
        str | None,
        typer.Option(help="Only where this SQL expression over the index's columns is true."),
    ] = None

    def as_arguments(self) -> dict[str, Any]:
        """Arguments of a search, those that were given; dates and symbols are checked."""
        from patentcl.search.filters import as_symbol, day

        given = {name: value for name, value in vars(self).items() if value}
        for name in {"before", "after"} & set(given):
            day(given[name], name)
        for name in {"cpc", "exclude_cpc"} & set(given):
            for symbol in given[name]:
                as_symbol(symbol)
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

    Options marked * may be repeated: any of the values will do.

    Example: patentcl similar "a battery pack with a cooling plate" --cpc H01M --before 2020

    Example: patentcl similar --file new.csv -k 3 --json
    """
    from patentcl.workspace.run import Run

    one_of(question.text, id_, question.file, names="a text, --id and --file")
    if k < 1:
        raise ConfigError("k is not a positive whole number", got=k, wanted="1 or more")
    arguments = filters.as_arguments()
    run = Run(folder.parent, index=folder, encoder=encoder)
    patents = question.read(run)
    asked: list[Any] = [0] if patents is None else patents.ids.tolist()
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", UserWarning)
        if id_ is not None:
            asked, found = [id_], run.similar(ids=id_, k=k, **arguments)
        else:
            found = run.similar(patents or [question.abstract()], k, **arguments)
    for each in caught:
        note(str(each.message))
    _show(found, asked, as_json)


def _show(found: Any, asked: list[Any], as_json: bool) -> None:
    """What was found for each query; one without a row says so."""
    rows_of = dict(iter(found.groupby("query", sort=False)))
    for query in asked:
        if len(asked) > 1 and not as_json:
            out(str(query))
        rows = rows_of.get(query, found[:0])
        if rows.empty and len(asked) > 1:
            nothing = dict.fromkeys(("rank", "patent_id", "similarity", "date", "title"))
            out(json.dumps({"query": query, **nothing, "codes": []}) if as_json else "  nothing")
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
