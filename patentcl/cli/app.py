"""The command line. Its modules are the only ones that print or exit.

Exit codes: 0 done, 1 the user's data or settings (one line), 2 usage, 130 interrupted. The verbs
stand in ``cli_data``, ``cli_graph``, ``cli_models``, ``cli_classify``, ``cli_space`` and, for
whole runs, here.
"""

from __future__ import annotations

import json
import logging
import os
import sys
from pathlib import Path
from typing import Annotated

import typer

from patentcl.cli import classify as cli_classify
from patentcl.cli import data as cli_data
from patentcl.cli import graph as cli_graph
from patentcl.cli import models as cli_models
from patentcl.cli import space as cli_space
from patentcl.cli.options import INTERRUPTED, Json, Limit, Sets, app, bar, note, out, verb
from patentcl.core.errors import PatentclError

VERBS = [m.__name__ for m in (cli_data, cli_graph, cli_models, cli_classify, cli_space)]
"""Importing these registered their verbs; help lists them in this order, then those below."""


def main() -> None:
    """Run the command line; the entry point of ``patentcl``."""
    arguments = [a for a in sys.argv[1:] if a != "--debug"]
    debug = len(arguments) < len(sys.argv) - 1
    _quiet_libraries()
    try:
        app(args=arguments, prog_name="patentcl")
    except PatentclError as error:
        if debug:
            raise
        note(f"error: {error}")
        sys.exit(1)
    except KeyboardInterrupt:
        note(INTERRUPTED)
        sys.exit(130)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # `patentcl ... | head`
        sys.exit(0)
    except Exception as error:
        if debug:
            raise
        text = (str(error).splitlines() or [""])[0][:300]
        note(f"error: {type(error).__name__}: {text} (--debug shows where)")
        sys.exit(1)


def _quiet_libraries() -> None:
    """Keep other libraries' bars and warnings off the screen; ours is the only output."""
    import warnings

    os.environ.setdefault("HF_HUB_DISABLE_PROGRESS_BARS", "1")
    os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "true")
    if not sys.warnoptions:
        warnings.simplefilter("ignore")
    logging.basicConfig(level=logging.WARNING, format="note: %(message)s", stream=sys.stderr)
    logging.getLogger("sentence_transformers").setLevel(logging.ERROR)


@verb()
def run(
    recipe: Annotated[str, typer.Argument(help="A name from pipelines/, or a YAML file.")],
    data: Annotated[
        Path | None, typer.Option(help="What to read instead of the recipe's source.")
    ] = None,
    to: Annotated[Path | None, typer.Option("--out", help="Folder of the run.")] = None,
    sets: Sets = [],
    limit: Limit = None,
    start: Annotated[
        str | None, typer.Option("--from", help="Run this stage and what depends on it again.")
    ] = None,
    dry: Annotated[bool, typer.Option("--dry", help="Only say what would run, and why.")] = False,
    as_json: Json = False,
) -> None:
    """Run a recipe: all of its stages that are not up to date."""
    from patentcl.pipeline.runner import run_pipeline

    overrides = [*sets, *([f"data.limit={limit}"] if limit else [])]
    with bar() as progress:
        result = run_pipeline(recipe, data, to, overrides, start, dry, note, progress)
    if as_json:
        out(
            json.dumps({"folder": str(result.folder), "stages": [vars(o) for o in result.outcomes]})
        )
    elif not dry:
        out("\n" + result.page.rstrip())


@verb()
def doctor(as_json: Json = False) -> None:
    """Show versions, processor, GPU, models and resources, and say what is missing."""
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
    key=lambda c: VERBS.index(c.callback.__module__) if c.callback.__module__ in VERBS else 99
)

if __name__ == "__main__":
    main()
