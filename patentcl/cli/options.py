"""What all verbs of the command line share: the app, common options, results, notes, progress.

Results go to stdout, progress and notes to stderr. Heavy libraries are imported inside functions.
"""

from __future__ import annotations

import dataclasses
import inspect
import json
import logging
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeVar, get_type_hints

import typer

from patentcl.core.errors import ConfigError
from patentcl.core.progress import Progress, ProgressLines, StageProgress
from patentcl.core.reading import explain

if TYPE_CHECKING:
    from patentcl.data.corpus import Corpus
    from patentcl.pipeline.recipe import Recipe
    from patentcl.workspace.run import Run

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
    help="Embeddings, classification, similarity search and maps for patents.",
)

Sets = Annotated[
    list[str],
    typer.Option(
        "--set", help="A setting, section.key=value; see `patentcl settings`. May be repeated."
    ),
]
Seed = Annotated[int | None, typer.Option(help="Random seed. [default: 0]")]
FromRecipe = Annotated[
    str | None, typer.Option("--recipe", help="Start from the settings of this recipe.")
]
Limit = Annotated[int | None, typer.Option(help="Read only N patents, for a quick try.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Level = Annotated[
    str | None,
    typer.Option(help="Deepest level of labels. [default: subclass, or as the corpus was loaded]"),
]
EncoderNow = Annotated[
    str | None, typer.Option(help="Where the encoder is now, if it has been moved.")
]
ColumnNames = Annotated[
    list[str],
    typer.Option(
        "--columns",
        help="For plain files: ours=theirs, where ours is patent_id, title, abstract, date, "
        "codes, ipc, citations, family, split or claims. May be repeated.",
    ),
]
Encoding = Annotated[
    str | None, typer.Option(help="Of text files, e.g. cp1252; recognised if not given.")
]
RUN = Path("artifacts/quickstart")
INTERRUPTED = "interrupted: finished work is kept, and the next run resumes from there"


@dataclass(frozen=True)
class Common:
    """Options of every command that makes something from settings."""

    sets: Sets = field(default_factory=list)
    recipe: FromRecipe = None
    as_json: Json = False

    def settings(self, section: str, *more: str, **options: Any) -> Recipe:
        """Settings from a recipe, from options, and from ``--set``."""
        from patentcl.pipeline.recipe import stage_recipe

        return stage_recipe(self.sets, section, (section, *more), self.recipe, **options)


@dataclass(frozen=True)
class Seeded(Common):
    """The same, where the result depends on chance."""

    seed: Seed = None

    def settings(self, section: str, *more: str, **options: Any) -> Recipe:
        """Settings from a recipe, from options, and from ``--set``."""
        return super().settings(section, *more, seed=self.seed, **options)


@dataclass(frozen=True)
class Question:
    """What to look at: a text, or each patent of a file."""

    text: Annotated[str | None, typer.Argument(help="An abstract; - reads it from stdin.")] = None
    file: Annotated[
        Path | None, typer.Option(help="A table of patents: CSV, TSV, XLSX, JSONL, Parquet ...")
    ] = None
    columns: ColumnNames = field(default_factory=list)
    encoding: Encoding = None

    def abstract(self) -> str:
        """The text, or what stdin holds."""
        from patentcl.data.characters import whole_text

        text = sys.stdin.read().strip() if self.text == "-" else self.text or ""
        return whole_text(text)  # the system's bytes may not be UTF-8

    def read(self, run: Run, limit: int | None = None) -> Corpus | None:
        """The patents of the file, read as those of the run were."""
        if self.file is None:
            return None
        return run.read(self.file, limit, columns_of(self.columns), self.encoding)


def one_of(*given: Any, names: str) -> None:
    """Exactly one of some options must be given; otherwise the call is a usage error."""
    if sum(x is not None for x in given) != 1:
        raise typer.BadParameter(f"give exactly one of {names}")


# ---- verbs ----------------------------------------------------------------------------------

F = TypeVar("F", bound=Callable[..., None])


def verb(name: str | None = None) -> Callable[[F], F]:
    """Register a function as a verb; a parameter of a dataclass stands for options, its fields."""

    def register(function: F) -> F:
        hints = get_type_hints(function, include_extras=True)
        groups: dict[str, Any] = {}
        parameters: list[inspect.Parameter] = []
        common_last = sorted(
            inspect.signature(function).parameters.values(),
            key=lambda p: hints[p.name] in (Common, Seeded),
        )
        for p in common_last:
            kind = hints[p.name]
            if dataclasses.is_dataclass(kind):
                groups[p.name] = kind
                parameters += map(partial(_parameter, kind), dataclasses.fields(kind))
            else:
                parameters.append(p.replace(annotation=kind, kind=p.KEYWORD_ONLY))

        # parts of a run, for which its own folder may stand
        paths = {p.name: p.default for p in parameters if isinstance(p.default, Path)}
        parts = {name: path.name for name, path in paths.items() if path.parent == RUN}

        def call(**given: Any) -> None:
            from patentcl.core.artifacts import part

            for own, kind in groups.items():
                of_kind = [f.name for f in dataclasses.fields(kind)]
                given[own] = kind(**{f: given.pop(f) for f in of_kind})
            for name, usual in parts.items():
                given[name] = part(given[name], usual)
            try:
                function(**given)
            except KeyboardInterrupt:  # typer would end the program without a word
                note(INTERRUPTED)
                raise typer.Exit(130) from None
            except EOFError as error:  # typer would say no more than "Aborted!"
                raise explain(error) from error

        call.__doc__, call.__name__ = function.__doc__, function.__name__
        call.__module__ = function.__module__
        call.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
        call.__annotations__ = {p.name: p.annotation for p in parameters}
        app.command(name)(call)
        return function

    return register


def _parameter(kind: Any, of: dataclasses.Field[Any]) -> inspect.Parameter:
    default = inspect.Parameter.empty
    if of.default is not dataclasses.MISSING:
        default = of.default
    elif of.default_factory is not dataclasses.MISSING:
        default = of.default_factory()
    return inspect.Parameter(
        of.name,
        inspect.Parameter.KEYWORD_ONLY,
        default=default,
        annotation=get_type_hints(kind, include_extras=True)[of.name],
    )


# ---- talking --------------------------------------------------------------------------------


def out(text: str) -> None:
    """A line of results."""
    sys.stdout.write(text + "\n")


def note(text: str) -> None:
    """A line of notes."""
    sys.stderr.write(text + "\n")
    sys.stderr.flush()


def tell_about_files() -> None:
    """Say at length what is found in files of patents."""
    logging.getLogger("patentcl.data").setLevel(logging.INFO)


@contextmanager
def bar() -> Iterator[StageProgress]:
    """A progress bar with rate and time left; a line a minute where stderr is no terminal."""
    from rich.console import Console

    console = Console(stderr=True)
    if not console.is_terminal:
        yield ProgressLines(note)
        return
    from rich.progress import BarColumn, MofNCompleteColumn, ProgressColumn, TimeRemainingColumn
    from rich.progress import Progress as Bar
    from rich.text import Text

    class Rate(ProgressColumn):
        def render(self, task: Any) -> Text:
            return Text(f"{task.speed:,.1f}/s" if task.speed else "")

    columns = ("{task.description}", BarColumn(), MofNCompleteColumn(), Rate())
    with Bar(*columns, TimeRemainingColumn(), console=console, transient=True) as progress:
        tasks: dict[str, Any] = {}

        def update(name: str, done: int, total: int) -> None:
            if name not in tasks:
                tasks[name] = progress.add_task(name, total=total)
            progress.update(tasks[name], completed=done, visible=done < total)

        yield update


@contextmanager
def steps(name: str) -> Iterator[Progress]:
    """The bar of one piece of work, called with (done, total)."""
    with bar() as progress:
        yield partial(progress, name)


def show_counts(
    counts: dict[str, Any], as_json: bool, left_out: Mapping[str, Any] | None = None
) -> None:
    """Names and numbers, one to a line, and examples of what was left out; or one JSON object."""
    if as_json:
        out(json.dumps(counts))
        return
    width = max(map(len, counts))
    for name, value in counts.items():
        number = f"{value:,}" if isinstance(value, int) else value
        out(f"{name:<{width}}  {number:>12}")
        for text in (left_out or {}).get(name, {}).get("examples", ()):
            out(f"  e.g. {text}")


def columns_of(texts: list[str]) -> dict[str, str]:
    """What --columns says: our name of a column -> the file's."""
    found = {}
    for text in texts:
        name, sign, theirs = text.partition("=")
        if not sign:
            raise ConfigError(
                "a column must be given as ours=theirs",
                got=text,
                fix="For example --columns abstract=summary",
            )
        found[name.strip()] = theirs.strip()
    return found
