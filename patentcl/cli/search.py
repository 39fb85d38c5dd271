"""The command similar."""

from __future__ import annotations

import json
import shutil
import warnings
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any

import typer

from patentcl.cli.options import RUN, EncoderNow, Json, Question, note, one_of, out, verb
from patentcl.core.errors import ConfigError
from patentcl.core.tables import counted, one_line, title_or_start

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


@dataclass(frozen=True)
class Ways:
    """How it is looked for, and what is shown."""

    like: Annotated[
        Listed, typer.Option(metavar="ID", help="Patents of the index: near their mean. *")
    ] = field(default_factory=list)
    unlike: Annotated[
        Listed, typer.Option(metavar="ID", help="Patents of the index: away from these. *")
    ] = field(default_factory=list)
    pool: Annotated[
        str | None,
        typer.Option(help="One question of all: near their mean, or to the nearest: mean, best."),
    ] = None
    mode: Annotated[
        str, typer.Option(help="By meaning, by words, or both: dense, bm25, hybrid.")
    ] = "dense"
    family: Annotated[
        str | None,
        typer.Option(
            help="One hit a family: the first, earliest or granted member, or of US,EP,WO."
        ),
    ] = None
    why: Annotated[
        bool, typer.Option("--why", help="Show shared codes, citations, words and a sentence.")
    ] = False

    def as_arguments(self) -> dict[str, Any]:
        """Arguments of a search; what is misspelt is refused before anything is loaded."""
        from patentcl.core.errors import choose
        from patentcl.search.ranking import MODES

        choose(self.mode, MODES, "mode of search")
        return {name: value for name, value in vars(self).items() if value}


@verb()
def similar(
    question: Question,
    ways: Ways,
    filters: Filters,
    id_: Annotated[Listed, typer.Option("--id", help="A patent of the index. *")] = [],
    folder: Annotated[
        Path, typer.Option("--index", help="Folder of the index, or of its run.")
    ] = RUN / "index",
    encoder: EncoderNow = None,
    k: Annotated[int, typer.Option("-k", help="Number of patents to find.")] = 10,
    to: Annotated[
        Path | None,
        typer.Option(
            "--out", help="Write .csv, .xlsx, .jsonl, .parquet, or .html: a page to hand on."
        ),
    ] = None,
    as_json: Json = False,
    as_csv: Annotated[bool, typer.Option("--csv", help="Print CSV.")] = False,
) -> None:
    """Find the patents most similar to a text, to a patent, or to each patent of a file.

    Options marked * may be repeated: any of the values will do.

    Example: patentcl similar "a battery pack with a cooling plate" --cpc H01M --before 2020

    Example: patentcl similar --id 7000001 --before-patent 7000001 --family earliest --why

    Example: patentcl similar --file new.csv -k 3 --out similar.xlsx
    """
    from patentcl.cli import found as files
    from patentcl.workspace.run import Run

    given = ways.as_arguments()
    if not ways.pool and not ways.like:
        one_of(question.text, id_ or None, question.file, names="a text, --id and --file")
    if k < 1:
        raise ConfigError("k is not a positive whole number", got=k, wanted="1 or more")
    if to is not None:
        files.check_target(to)
    arguments = filters.as_arguments()
    run = Run(folder.parent, index=folder, encoder=encoder)
    queries: Any = None
    asked: list[Any] = []
    if question.text is not None:
        queries = [question.abstract()]
    elif question.file is not None:
        run.require("index")
        queries = question.read(run)
        asked = queries.ids.tolist()
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", UserWarning)
        found = run.similar(queries, k, ids=id_ or None, **given, **arguments)
    for each in caught:
        note(str(each.message))
    if to is not None:
        texts = {0: queries[0]} if question.text is not None else {}
        if asked:
            texts = {i: " ".join(t).strip() for i, t in zip(asked, queries.texts, strict=True)}
        said = {"questions": ", ".join(id_)} | given | arguments
        files.write(found, to, lambda: _page(run, found, said, texts), _record)
        note(f"{counted(len(found), 'similar patents')} written to {to}")
    elif as_csv:
        out(files.as_csv(found))
    else:
        from patentcl.workspace.similar import texts_of

        bare = found["id"][~found["title"].fillna("").astype(bool)].unique().tolist()
        said = {} if as_json else {i: text for i, (_, text) in texts_of(run, bare).items()}
        _show(found, asked, as_json, said)


def _page(run: Any, found: Any, said: dict[str, Any], texts: dict[Any, str]) -> str:
    """The page of a result: `said` is how it was looked for, `texts` what by the question's name.

    Titles of codes are those that the index knows.
    """
    from patentcl.cli.found import page

    symbols, titles = run.index.symbols, {}
    if symbols is not None:
        titles = dict(zip(symbols["symbol"], symbols["title"], strict=True))
    names = dict.fromkeys([*(texts if 0 not in texts else ()), *found["query"]])
    asked = [(name, texts.get(name, str(name))) for name in names]
    if 0 in texts and 0 not in names:
        said = {"text": texts[0]} | said
    return page(found, asked, {"index": counted(len(run.index), "patents")} | said, titles)


def _show(found: Any, asked: list[Any], as_json: bool, texts: dict[str, str]) -> None:
    """What was found for each query; one of a file without a result says so.

    `texts` are abstracts of patents without a title, whose first words stand for it.
    """
    wide = max((len(str(i)) for i in found["id"]), default=0)
    rows_of = dict(iter(found.groupby("query", sort=False)))
    asked = asked or list(rows_of)
    for query in asked:
        if len(asked) > 1 and not as_json:
            out(str(query))
        rows = rows_of.get(query, found[:0])
        if rows.empty and len(asked) > 1:
            nothing = dict.fromkeys(("rank", "patent_id", "similarity", "date", "title"))
            out(json.dumps({"query": query, **nothing, "codes": []}) if as_json else "  nothing")
        for row in rows.to_dict("records"):
            out(_record(row) if as_json else "\n".join(_lines(row, wide, texts)))


def _more(row: dict[str, Any]) -> dict[str, Any]:
    """What some ways to search add to a result."""
    from pandas import NA

    names = ["score", "bm25", "dense_rank", "bm25_rank", "others"]
    names += ["shared_codes", "relation", "terms", "sentence"]
    found = {name: row[name] for name in names if name in row}
    return {k: None if v is NA else v for k, v in found.items()}


def _record(row: dict[str, Any]) -> str:
    date = _date(row)
    record = {
        "query": row["query"] if isinstance(row["query"], str) else "text",
        "rank": int(row["rank"]),
        "patent_id": row["id"],
        "similarity": round(float(row["similarity"]), 5),
        "date": date or None,
        "title": row["title"],
        "codes": [str(c) for c in row["codes"]],
        **_more(row),
    }
    return json.dumps(record, ensure_ascii=False)


def _date(row: dict[str, Any]) -> str:
    date = row["date"]
    return "" if date is None or date != date else str(date)[:10]


def _lines(row: dict[str, Any], wide: int, texts: dict[str, str]) -> list[str]:
    """A result as lines that fit the terminal: the first, and below it why it was found."""
    more, width = _more(row), shutil.get_terminal_size((120, 24)).columns
    codes = ", ".join(str(c) for c in list(row["codes"])[:4])
    others = f"  +{more['others']} of its family" if more.get("others") else ""
    head = f"{row['rank']:>3}  {row['similarity']:.3f}  {row['id']:<{wide}}  {_date(row):<10}  "
    room = max(20, min(60, width - len(head) - 2))
    title = title_or_start(row["title"], texts.get(row["id"], ""), room) or "(no title)"
    lines = [_fitted(f"{head}{title:<{room}}  {codes}{others}".rstrip(), width)]
    said = {
        "shares": "; ".join(more.get("shared_codes", [])),
        "relation": more.get("relation"),
        "words": ", ".join(more.get("terms", [])),
        "says": more.get("sentence"),
    }
    return lines + [f"{'':>5}{n}: {one_line(t, width - 15)}" for n, t in said.items() if t]


def _fitted(text: str, width: int) -> str:
    """A line as it is, or cut with an ellipsis."""
    return text if len(text) <= width else f"{text[: width - 3].rstrip()}..."
