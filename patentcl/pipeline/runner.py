"""Executes steps: one by one for a command, in order for a recipe; skips what is up to date.

The fingerprint of a step is that of its settings and of its inputs. It is kept in the manifest of
the folder that the step writes; a folder whose manifest has the same fingerprint is up to date,
whether a command or a recipe made it.
"""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from patentcl.core import artifacts
from patentcl.core.errors import ConfigError, DataError, TooFew, did_you_mean
from patentcl.core.files import explained, holding
from patentcl.core.locks import lock_of, tidy
from patentcl.data.corpus import FILES
from patentcl.data.reading import look
from patentcl.encoders.packaged import NAMED
from patentcl.graph.session import graph_file, is_server, open_graph
from patentcl.pipeline.recipe import Recipe, load_recipe
from patentcl.pipeline.stages import StageProgress, Step, plan, read_options

Say = Callable[[str], None]

VERSION = 2
"""Raised when a stage's result changes for the same settings and inputs."""

_MADE_BY = {
    "corpus": ("corpus", "load DATA --graph duckdb://FILE"),
    "triplets": ("triplets", "mine GRAPH"),
    "vectors": ("vectors", "embed CORPUS"),
    "base": ("vectors", "embed CORPUS"),
    "vectors-base": ("vectors", "embed CORPUS"),
    "classifier": ("classifier", "fit VECTORS"),
    "classifier-base": ("classifier", "fit VECTORS"),
    "index": ("index", "index VECTORS"),
}


@dataclass(frozen=True)
class Outcome:
    """What became of a step: status is done, skipped, unable or planned, and why."""

    stage: str
    status: str
    why: str
    seconds: float = 0.0

    def __str__(self) -> str:
        text = {
            "done": f"done in {self.seconds:.1f} s",
            "skipped": f"skipped, {self.why}",
            "unable": f"cannot run, {self.why}",
            "planned": f"would run, {self.why}",
        }[self.status]
        return f"{self.stage}: {text}"


@dataclass
class RunResult:
    """A run: where it wrote, what its stages did, and its page."""

    folder: Path
    outcomes: list[Outcome] = field(default_factory=list)
    page: str = ""


# ---- one step -------------------------------------------------------------------------------


def execute(
    step: Step,
    say: Say | None = None,
    progress: StageProgress | None = None,
    again: str = "",
    dry: bool = False,
    planned: Mapping[Path, str] | None = None,
    before: Callable[[], None] | None = None,
) -> tuple[Outcome, str]:
    """Make what a step makes, unless its folder is up to date; the only maker of manifests.

    Parameters
    ----------
    step : Step
    say : callable, optional
        Called with a line before and after.
    progress : callable, optional
        Called with (stage, done, total).
    again : str
        Why the step must run even though nothing has changed.
    dry : bool
        Only find out whether it would run, and why.
    planned : mapping of Path to str, optional
        Fingerprints of folders that earlier steps have written, or would write.
    before : callable, optional
        Called once it is known that the step must run; may raise.

    Returns
    -------
    tuple of (Outcome, fingerprint)
    """
    say = say or (lambda line: None)

    def find() -> dict[str, str]:
        return {name: _input_print(name, at, planned or {}) for name, at in step.inputs.items()}

    # Inputs that are missing come before a folder is made; others cannot change under the lock.
    known = find() if dry or not step.out.parent.is_dir() else None
    with contextlib.nullcontext() if dry else _locked(step):
        inputs = known or find()
        made = [step.stage.edition] if step.stage.edition > 1 else []
        fingerprint = artifacts.fingerprint(
            [VERSION, step.stage.name, step.settings, inputs, *made]
        )
        why = again or _reason(step, fingerprint, inputs)
        if why is None:
            when = (artifacts.read_manifest(step.out) or {}).get("written", "")
            since = f"same settings and inputs as on {when[:16].replace('T', ' ')}"
            outcome = Outcome(step.name, "skipped", since)
        elif dry:
            outcome = Outcome(step.name, "planned", why)
        else:
            if before is not None:
                before()
            _verify_inputs(step)
            say(f"{step.name}: running ({why})")
            started = time.perf_counter()
            record = {
                "stage": step.stage.name,
                "variant": step.variant,
                "recipe": step.recipe.name,
                "version": VERSION,
                "fingerprint": fingerprint,
                "settings": step.settings,
                "seed": step.recipe.seed,
                "inputs": {
                    name: {"path": str(step.inputs[name]), "fingerprint": inputs[name]}
                    for name in inputs
                },
            }
            writing = (
                artifacts.writing_files(step.out, record)
                if step.stage.beside
                else artifacts.writing(step.out, record)
            )
            with writing as place:
                step.stage.write(step, place, record, progress or (lambda stage, done, total: None))
            outcome = Outcome(step.name, "done", why, time.perf_counter() - started)
        say(str(outcome))
        return outcome, fingerprint


@contextlib.contextmanager
def _locked(step: Step) -> Iterator[None]:
    """Hold the locks of a step's folder, and of the run that it is in."""
    out = Path(os.path.realpath(step.out))
    with contextlib.ExitStack() as stack:
        for folder in (out.parent.parent, out.parent):
            if _is_run(folder):
                stack.enter_context(locked_run(folder))
        stack.enter_context(explained(out))
        stack.enter_context(holding(out, step.stage.beside))
        yield


def _is_run(folder: Path) -> bool:
    with contextlib.suppress(DataError):
        record = artifacts.read_manifest(folder) or {}
        return artifacts.stage_of(record)[0] == "load" or lock_of(folder, inside=True).is_dir()
    return False


@contextlib.contextmanager
def locked_run(folder: Path) -> Iterator[None]:
    """Hold the lock of a run's folder, in which nothing is left then of processes that are gone."""
    folder = Path(os.path.realpath(folder))
    with explained(folder, "finished stages are kept"), holding(folder, inside=True):
        tidy(folder)
        yield


def _input_print(name: str, at: str | Path, planned: Mapping[Path, str]) -> str:
    """What an input is: the fingerprint of the step that wrote it, its content, or its name."""
    place = Path(at)
    if place in planned:
        return planned[place]
    if name == "graph":
        if is_server(at):
            return str(at)
        place = graph_file(at)
        if place.parent in planned:
            return f"{place.name} of {planned[place.parent]}"
        if not place.is_file():
            open_graph(at).close()  # says what is wrong
        beside = artifacts.read_manifest(place.parent)
        if beside is not None and place.name in beside.get("files", ()):
            return f"{place.name} of {beside.get('fingerprint')}"
    if name in ("model", "encoder") and not (place.is_dir() and str(at) not in NAMED):
        return str(at)
    if name == "corpus" and place.name == "corpus.parquet":
        place = place.parent
    manifest = (
        artifacts.require(place, *_MADE_BY[name])
        if name in _MADE_BY and place.suffix != ".parquet"
        else artifacts.read_manifest(place)
    )
    if manifest is not None and "fingerprint" in manifest:
        return str(manifest["fingerprint"])
    return artifacts.fingerprint_path(place)


def _verify_inputs(step: Step) -> None:
    for place in map(Path, step.inputs.values()):
        if place.is_dir():
            artifacts.verify(place, FILES if place == step.inputs.get("corpus") else None)


def _reason(step: Step, fingerprint: str, inputs: Mapping[str, str]) -> str | None:
    """Why a step must run, or None where its folder is up to date."""
    manifest = artifacts.read_manifest(step.out)
    if manifest is None or artifacts.stage_of(manifest)[0] != step.stage.name:
        left = step.out.is_dir() and not step.stage.beside and any(step.out.iterdir())
        return "an earlier run was cut off" if left else "not there yet"
    if manifest.get("fingerprint") == fingerprint:
        try:
            artifacts.verify(step.out)
        except DataError as error:
            return f"damaged: {error.where}, {error.got}"
        return None
    if manifest.get("version") != VERSION:
        return "written by an earlier version"
    before, now = (dict(_flat(s)) for s in (manifest.get("settings", {}), step.settings))
    changed = sorted(k for k in {*before, *now} if before.get(k) != now.get(k))
    reasons = ["settings changed: " + ", ".join(changed)] if changed else []
    earlier = manifest.get("inputs", {})
    other = [k for k, v in inputs.items() if earlier.get(k, {}).get("fingerprint") != v]
    other += [f"no {k}: it" for k in earlier if k not in inputs]
    reasons += [f"{' and '.join(other)} changed"] if other else []
    return "; ".join(reasons) or "written by an earlier version"


def _flat(values: Mapping[str, Any], above: str = "") -> Iterator[tuple[str, Any]]:
    for key, value in values.items():
        if isinstance(value, Mapping) and value:
            yield from _flat(value, f"{above}{key}.")
        else:
            yield above + key, value


# ---- a recipe -------------------------------------------------------------------------------


def run_pipeline(
    recipe: str | Path | Recipe,
    data: str | Path | None = None,
    out: str | Path | None = None,
    overrides: Sequence[str] = (),
    start: str | None = None,
    dry: bool = False,
    say: Say | None = None,
    progress: StageProgress | None = None,
) -> RunResult:
    """Run a recipe, or the part of it that is not up to date.

    Parameters
    ----------
    recipe : str, path or Recipe
        A name from ``pipelines/``, a YAML file, or settings.
    data : path, optional
        What to read instead of the recipe's source.
    out : path, optional
        Folder of the run; ``artifacts/<recipe>`` by default.
    overrides : sequence of str
        ``section.key=value``.
    start : str, optional
        Run this stage and all that depend on it again, changed or not.
    dry : bool
        Only say what would run, and why.
    say : callable, optional
        Called with one line for each stage.
    progress : callable, optional
        Called with (stage, done, total).

    Returns
    -------
    RunResult

    Raises
    ------
    ConfigError, DataError, GraphError
        With what went wrong in which stage; stages that were complete stay so.
    """
    chosen = recipe if isinstance(recipe, Recipe) else load_recipe(recipe, overrides)
    if data is not None:
        source = chosen.data.model_copy(update={"source": str(data)})
        chosen = chosen.model_copy(update={"data": source})
    root = Path(out) if out is not None else Path("artifacts") / chosen.name
    say = say or (lambda line: None)
    steps = plan(chosen, root)
    if start is not None and start not in [s.name for s in steps]:
        names = [s.name for s in steps]
        raise ConfigError("unknown stage", got=start, fix=did_you_mean(start, names))
    with contextlib.nullcontext() if dry else locked_run(root):
        result = RunResult(root)
        planned: dict[Path, str] = {}
        forced: dict[Path, str] = {}
        check: Callable[[], None] | None = partial(_check_ahead, chosen)
        counts: Mapping[str, int] | None = None
        failed: dict[str, str] = {}
        done = 0
        while done < len(steps):  # the plan may change once the corpus is there
            step = steps[done]
            done += 1
            if step.unable:
                outcome = Outcome(step.name, "unable", step.unable)
                say(str(outcome))
                result.outcomes.append(outcome)
                continue
            again = "asked for with --from" if step.name == start else ""
            behind = [forced[p] for p in map(Path, step.inputs.values()) if p in forced]
            if behind:
                again = f"{' and '.join(behind)} ran again"
            if again:
                forced[step.out] = step.name
            try:
                outcome, planned[step.out] = execute(
                    step, say, progress, again, dry, planned, check
                )
            except TooFew as error:
                outcome = Outcome(step.name, "unable", str(error).rstrip("."))
                say(str(outcome))
                failed[step.name] = outcome.why
                steps = plan(chosen, root, counts, failed)
            check = None if outcome.status == "done" else check
            if dry and step.name == "load" and outcome.status == "planned" and chosen.data.source:
                look(chosen.data.source, read_options(chosen.data))
            result.outcomes.append(outcome)
            if step.name == "load" and outcome.status != "planned":
                counts = (artifacts.read_manifest(root) or {}).get("counts", {})
                steps = plan(chosen, root, counts)
        if not dry:
            result.page = _page(chosen, root, result.outcomes)
        return result


def _check_ahead(recipe: Recipe) -> None:
    """Refuse what only a late step would notice before the first one spends any time."""
    from patentcl.classification.text.words import find_words, is_words
    from patentcl.encoders.models import find_model
    from patentcl.metrics.names import parse_names
    from patentcl.search.specification import IndexSpec

    words = recipe.encoder.model
    if recipe.learns_from == "vectors" or not is_words(words):
        find_model(words)
    else:
        find_words(words)
    parse_names([*recipe.evaluate.metrics, *recipe.evaluate.retrieval])
    if recipe.index.spec != "auto":
        IndexSpec.read(recipe.index.spec)


def _page(recipe: Recipe, root: Path, outcomes: Sequence[Outcome]) -> str:
    from patentcl.evaluation.report import render_page

    rows = [(o.stage, o.status, o.seconds) for o in outcomes]
    page = render_page(root, f"patentcl run {recipe.name}", rows)
    (root / "reports").mkdir(exist_ok=True)
    (root / "reports" / "page.txt").write_text(page, encoding="utf-8")
    if artifacts.read_manifest(root / "reports"):
        artifacts.amend(root / "reports", page=page)  # the file is for people, and has no digest
    return page
