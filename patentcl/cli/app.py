"""The command line. Its modules are the only ones that print or exit.

Exit codes: 0 done, 1 the user's data or settings (one line), 2 usage, 130 interrupted.
"""

from __future__ import annotations

import codecs
import io
import json
import logging
import os
import sys
import textwrap
from pathlib import Path
from typing import Annotated

import typer

from patentcl.cli import classify, evaluate, graph, landscape, search, stages
from patentcl.cli.options import (
    INTERRUPTED,
    ColumnNames,
    Encoding,
    Json,
    Limit,
    Sets,
    app,
    bar,
    columns_of,
    note,
    out,
    tell_about_files,
    verb,
)
from patentcl.core.errors import DataWarning, PatentclError
from patentcl.core.reading import explain, interrupted

COMMANDS = [m.__name__ for m in (stages, graph, evaluate, classify, search, landscape)]
"""Importing these registered their commands; help lists them in this order, then those below."""


def main() -> None:
    """Run the command line; the entry point of ``patentcl``."""
    arguments = [a for a in sys.argv[1:] if a != "--debug"]
    debug = len(arguments) < len(sys.argv) - 1
    _quiet_libraries()
    codecs.register_error("patentcl", _escaped)
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="patentcl")
    try:
        app(args=arguments, prog_name="patentcl")
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # `patentcl ... | head`
        sys.exit(0)
    except SystemExit:
        raise
    except BaseException as error:  # libraries in Rust panic with what is no Exception
        if interrupted(error):
            note(INTERRUPTED)
            sys.exit(130)
        if debug:
            raise
        note(f"error: {error if isinstance(error, PatentclError) else explain(error)}")
        sys.exit(1)


def _escaped(error: UnicodeError) -> tuple[str, int]:
    r"""What the encoding of the output lacks as \uXXXX, which JSON reads back."""
    assert isinstance(error, UnicodeEncodeError)
    return json.dumps(error.object[error.start : error.end])[1:-1], error.end


def _quiet_libraries() -> None:
    """Keep other libraries' bars and warnings off the screen; ours is the only output."""
    import warnings

    os.environ.setdefault("HF_HUB_DISABLE_PROGRESS_BARS", "1")
    os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "true")
    if not sys.warnoptions:
        warnings.simplefilter("ignore")
        warnings.simplefilter("always", DataWarning)
    warnings.showwarning = lambda message, *_: note(f"warning: {message}")
    logging.basicConfig(level=logging.WARNING, format="note: %(message)s", stream=sys.stderr)
    logging.getLogger("sentence_transformers").setLevel(logging.ERROR)


def _version(wanted: bool) -> None:
    if wanted:
        import patentcl

        out(f"patentcl {patentcl.__version__}")
        raise typer.Exit()


@app.callback()
def _options(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Embeddings, classification, similarity search and maps for patents."""


@verb()
def run(
    recipe: Annotated[str, typer.Argument(help="A name, such as quickstart, or a YAML file.")],
    data: Annotated[
        Path | None, typer.Option(help="What to read instead of the recipe's source.")
    ] = None,
    to: Annotated[Path | None, typer.Option("--out", help="Folder of the run.")] = None,
    sets: Sets = [],
    columns: ColumnNames = [],
    encoding: Encoding = None,
    limit: Limit = None,
    start: Annotated[
        str | None, typer.Option("--from", help="Repeat this stage and all that depend on it.")
    ] = None,
    dry: Annotated[bool, typer.Option("--dry", help="Only print the plan.")] = False,
    as_json: Json = False,
) -> None:
    """Run a recipe: all of its stages that are not up to date.

    Example: patentcl run quickstart

    Example: patentcl run quickstart --data mine.csv --out artifacts/mine --set train.epochs=2
    """
    from patentcl.pipeline.runner import run_pipeline

    tell_about_files()
    overrides = [*sets, *([f"data.limit={limit}"] if limit else [])]
    if columns:
        overrides.append(f"data.columns={json.dumps(columns_of(columns))}")
    if encoding:
        overrides.append(f"data.encoding={encoding}")
    with bar() as progress:
        result = run_pipeline(recipe, data, to, overrides, start, dry, note, progress)
    if as_json:
        out(
            json.dumps({"folder": str(result.folder), "stages": [vars(o) for o in result.outcomes]})
        )
    elif not dry:
        out("\n" + result.page.rstrip())


@verb()
def settings(
    section: Annotated[
        str | None, typer.Argument(help="Only this section of a recipe, such as train.")
    ] = None,
    as_json: Json = False,
) -> None:
    """List settings with their defaults and meanings, for --set and for recipes.

    Example: patentcl settings train
    """
    from patentcl.core.errors import choose
    from patentcl.core.settings import describe
    from patentcl.pipeline.recipe import FORMER, Recipe

    rows = describe(Recipe)
    if section is not None:
        sections = [row.key for row in rows if row.type == "section"]
        name = choose(FORMER.get(section, section), sections, "section")
        rows = [row for row in rows if row.key.startswith(f"{name}.")]
    if as_json:
        out(json.dumps([row._asdict() for row in rows], default=str))
        return
    for row in rows:
        if row.type == "section":
            out(f"\n{row.key}: {row.meaning}")
        else:
            default = json.dumps(row.default, ensure_ascii=False, default=str)
            out(f"  {row.key} = {default}  ({row.type})")
            out(textwrap.fill(row.meaning, 96, initial_indent="      ", subsequent_indent="      "))


@verb()
def doctor(as_json: Json = False) -> None:
    """Show versions, processor, GPU, models and resources, and say what is missing.

    Example: patentcl doctor --json
    """
    from patentcl.cli.doctor import examine

    rows = examine()
    if as_json:
        out(json.dumps([{"what": w, "found": f, "ok": ok} for w, f, ok in rows]))
        return
    width = max(len(w) for w, _, _ in rows)
    for what, found, ok in rows:
        out(f"{'ok ' if ok else '-- '} {what:<{width}}  {found}")
    if not all(ok for _, _, ok in rows):
        note("-- marks what is missing; only uses that need it are affected")


app.registered_commands.sort(
    key=lambda c: COMMANDS.index(m) if (m := c.callback.__module__) in COMMANDS else 99
)

if __name__ == "__main__":
    main()
