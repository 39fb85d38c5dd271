"""The command landscape."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from patentcl.cli.options import RUN, Json, note, out, verb

_SHOWN = 8  # rows of a table on the screen


@verb()
def landscape(
    folder: Annotated[Path, typer.Argument(help="Folder of a run.")] = RUN,
    to: Annotated[
        Path | None,
        typer.Option("--out", help="For tables and pictures; by default landscape in the run."),
    ] = None,
    periods: Annotated[
        int, typer.Option(min=2, help="Most periods; they hold about as many patents each.")
    ] = 4,
    where: Annotated[
        str | None,
        typer.Option(
            help="Also where the patents lie for which this SQL expression over the corpus's "
            "columns is true."
        ),
    ] = None,
    as_json: Json = False,
) -> None:
    """Show how the groups of a map grow, where little lies beside much, and where a part lies.

    Writes growth.csv, white_space.csv, periods and growth as PNG and SVG, and with --where
    footprint.csv and footprint.png.

    Example: patentcl landscape work --where "applicant ILIKE '%siemens%'"
    """
    from patentcl.maps.drawing import MapStyle
    from patentcl.workspace.run import Run

    run = Run(folder)
    run.require("map")
    place = to or folder / "landscape"
    part = None if where is None else run.footprint(where)
    found = run.landscape(place, periods)
    tables = {"growth": found.growth, "white space": found.white_space}
    if part is not None:
        part.table.to_csv(place / "footprint.csv", index_label="group")
        part.figure.write(place / "footprint", MapStyle())
        tables["footprint"] = part.table
    if as_json:
        named = {name: _records(table) for name, table in tables.items()}
        out(json.dumps(named, ensure_ascii=False))
        return
    for name, table in tables.items():
        _show(name, table)
    note(f"written to {place}")


def _records(table: Any) -> list[dict[str, Any]]:
    kept = table.rename_axis("group").reset_index()
    return list(json.loads(kept.to_json(orient="records")))


def _show(name: str, table: Any) -> None:
    from patentcl.core.tables import one_line, text_table

    head = ["", *map(str, table.columns)]
    rows = [
        [one_line(str(group), 44), *(one_line(x, 44) if isinstance(x, str) else x for x in row)]
        for group, row in zip(table.index, table.itertuples(index=False), strict=True)
    ]
    if len(rows) > 2 * _SHOWN:
        rows = [*rows[:_SHOWN], ["...", *[""] * (len(head) - 1)], *rows[-_SHOWN:]]
    out(f"{name}:")
    out(text_table(head, rows))
    out("")
