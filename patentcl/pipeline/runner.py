"""Runs recipes: named stages with inputs and settings, skipped when nothing has changed.

A stage's fingerprint is that of its settings and of the stages it reads; it is kept in the manifest
of the folder that the stage writes. A folder whose manifest has the same fingerprint is up to date.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from patentcl.core import artifacts
from patentcl.core.errors import ConfigError, did_you_mean
from patentcl.pipeline.recipe import Recipe, load_recipe

Say = Callable[[str], None]
StageProgress = Callable[[str, int, int], None]

_VERSION = 1  # raised when a stage's result changes for the same settings


@dataclass(frozen=True)
class Stage:
    """One step of a recipe.

    Attributes
    ----------
    name : str
    folder : str
        Where it writes, below the run's folder.
    needs : tuple of str
        Stages whose results it reads.
    settings : dict
        All that its result depends on besides.
    run : callable
        Called with the record for the manifest.
    """

    name: str
    folder: str
    needs: tuple[str, ...]
    settings: dict[str, Any]
    run: Callable[[dict[str, Any]], None]


@dataclass(frozen=True)
class Outcome:
    """What became of a stage: status is done, skipped, unable or planned, and why."""

    stage: str
    status: str
    why: str
    seconds: float = 0.0


@dataclass
class RunResult:
    """A run: where it wrote, what its stages did, and its page."""

    folder: Path
    outcomes: list[Outcome] = field(default_factory=list)
    page: str = ""


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
        chosen = chosen.model_copy(
            update={"data": chosen.data.model_copy(update={"source": str(data)})}
        )
    root = Path(out) if out is not None else Path("artifacts") / chosen.name
    return _Run(
        chosen,
        root,
        start,
        dry,
        say or (lambda line: None),
        progress or (lambda stage, done, total: None),
    ).run()


class _Run:
    def __init__(
        self,
        recipe: Recipe,
        root: Path,
        start: str | None,
        dry: bool,
        say: Say,
        progress: StageProgress,
    ) -> None:
        self.recipe, self.root, self.dry, self.say, self.progress = recipe, root, dry, say, progress
        self.result = RunResult(root)
        self.stages = {s.name: s for s in self._stages()}
        if start is not None and start not in self.stages:
            raise ConfigError("unknown stage", got=start, fix=did_you_mean(start, self.stages))
        self.forced = {start} if start else set()
        self.prints: dict[str, str] = {}
        self.stale: set[str] = set()
        self.unable: dict[str, str] = {}
        self._corpus: Any = None

    # ---- the plan ---------------------------------------------------------------------------

    def _stages(self) -> list[Stage]:
        on_texts = self.recipe.learns_from == "texts"
        return [*self._loading(), *(self._on_texts() if on_texts else self._on_vectors())]

    def _loading(self) -> list[Stage]:
        """From tables, of one's own or written here, to a corpus."""
        r, seed = self.recipe, {"seed": self.recipe.seed}
        settings = {
            "data": r.data.model_dump(exclude={"source", "sample_patents"}),
            "split": r.split.model_dump(),
            **seed,
        }
        if r.data.source is None:
            sample = {"patents": r.data.sample_patents, **seed}
            return [
                Stage("sample", "sample", (), sample, self._sample),
                Stage("load", ".", ("sample",), settings, self._load),
            ]
        source = {"source": artifacts.fingerprint_path(r.data.source)}
        return [Stage("load", ".", (), {**source, **settings}, self._load)]

    def _on_texts(self) -> list[Stage]:
        """A classifier that reads texts itself."""
        r, seed = self.recipe, {"seed": self.recipe.seed}
        text = {**r.text.model_dump(), **r.encoder.model_dump(include={"model", "max_length"})}
        fit = {**r.classifier.model_dump(), "text": text, **seed}
        report = {**r.report.model_dump(), **seed}
        return [
            Stage("fit", "classifier", ("load",), fit, self._fit),
            Stage("evaluate", "reports", ("fit",), report, self._evaluate_texts),
        ]

    def _on_vectors(self) -> list[Stage]:
        """An encoder tuned on triplets, and all that stands on its vectors and on those before."""
        r, seed = self.recipe, {"seed": self.recipe.seed}
        encoder, fit = r.encoder.model_dump(), {**r.classifier.model_dump(), **seed}
        train = {
            **r.encoder.model_dump(include={"model", "max_length"}),
            **r.training.model_dump(),
            **seed,
        }
        judged, report = ("fit", "fit-base", "index"), {**r.report.model_dump(), **seed}
        return [
            Stage("mine", "triplets", ("load",), {**r.mining.model_dump(), **seed}, self._mine),
            Stage("train", "encoder", ("mine",), train, self._train),
            Stage("embed-base", "vectors-base", ("load",), encoder, self._embed_base),
            Stage("embed", "vectors", ("train",), encoder, self._embed),
            Stage("fit-base", "classifier-base", ("embed-base",), fit, self._fit_base),
            Stage("fit", "classifier", ("embed",), fit, self._fit),
            Stage("index", "index", ("embed",), r.index.model_dump(), self._index),
            Stage("evaluate", "reports", judged, report, self._evaluate),
            Stage("map", "reports/map", ("embed",), {**r.map.model_dump(), **seed}, self._map),
        ]

    def _fingerprint(self, stage: Stage) -> str:
        inputs = {n: self.prints[n] for n in stage.needs if n in self.prints}
        return artifacts.fingerprint([_VERSION, stage.name, stage.settings, inputs])

    def _reason(self, stage: Stage) -> str | None:
        """Why a stage must run, or None where its folder is up to date."""
        if stage.name in self.forced:
            return "asked for with --from"
        behind = [n for n in stage.needs if n in self.stale]
        if behind and any(n in self.forced for n in behind):
            self.forced.add(stage.name)
            return f"{' and '.join(behind)} ran again"
        folder = self.root / stage.folder
        manifest = artifacts.read_manifest(folder)
        if manifest is None or manifest.get("stage") != stage.name:
            cut = folder.exists() and stage.folder != "." and stage.name != "evaluate"
            return "an earlier run was cut off" if cut else "not there yet"
        if manifest.get("fingerprint") == self.prints[stage.name]:
            return None
        before, now = (
            manifest.get("settings", {}),
            json.loads(json.dumps(stage.settings, default=str)),
        )
        changed = sorted(k for k in {*before, *now} if before.get(k) != now.get(k))
        if changed:
            return "settings changed: " + ", ".join(changed)
        return f"{' and '.join(behind) if behind else 'its input'} changed"

    # ---- running ----------------------------------------------------------------------------

    def run(self) -> RunResult:
        checked = False
        for stage in self.stages.values():
            if stage.name in self.unable:
                self._note(stage, "unable", self.unable[stage.name])
                continue
            self.prints[stage.name] = self._fingerprint(stage)
            why = self._reason(stage)
            if why is None:
                when = (artifacts.read_manifest(self.root / stage.folder) or {}).get("written", "")
                self._note(
                    stage,
                    "skipped",
                    f"same settings and inputs as on {when[:16].replace('T', ' ')}",
                )
            elif self.dry:
                self.stale.add(stage.name)
                self._note(stage, "planned", why)
            else:
                if not checked:
                    self._check_ahead()
                    checked = True
                self.stale.add(stage.name)
                self._run_stage(stage, why)
            if stage.name == "load" and not self.dry:
                self._find_unable()
        if not self.dry:
            from patentcl.evaluation.report import render_page

            rows = [(o.stage, o.status, o.seconds) for o in self.result.outcomes]
            self.result.page = render_page(self.root, f"patentcl run {self.recipe.name}", rows)
            (self.root / "reports").mkdir(exist_ok=True)
            (self.root / "reports" / "page.txt").write_text(self.result.page, encoding="utf-8")
        return self.result

    def _check_ahead(self) -> None:
        """Refuse what only a late stage would notice before the first one spends any time."""
        from patentcl.classification.text.words import WORDS, is_words
        from patentcl.encoders.encoder import find_model
        from patentcl.metrics.names import parse_names
        from patentcl.search.specification import IndexSpec

        words = self.recipe.encoder.model
        if self.recipe.learns_from == "vectors" or not is_words(words):
            find_model(words)
        elif words != WORDS and not Path(words).is_file():
            raise ConfigError(
                "no such file of word vectors",
                got=words,
                fix="Name one in GloVe's format, or train some: --set encoder.model=words",
            )
        parse_names([*self.recipe.report.metrics, *self.recipe.report.retrieval])
        if self.recipe.index.spec != "auto":
            IndexSpec.read(self.recipe.index.spec)

    def _run_stage(self, stage: Stage, why: str) -> None:
        self.say(f"{stage.name}: running ({why})")
        record: dict[str, Any] = {
            "stage": stage.name,
            "recipe": self.recipe.name,
            "fingerprint": self.prints[stage.name],
            "settings": stage.settings,
            "inputs": {n: self.prints[n] for n in stage.needs if n in self.prints},
            "seed": self.recipe.seed,
        }
        started = time.perf_counter()
        stage.run(record)
        self._note(stage, "done", why, time.perf_counter() - started)

    def _note(self, stage: Stage, status: str, why: str, seconds: float = 0.0) -> None:
        self.result.outcomes.append(Outcome(stage.name, status, why, seconds))
        text = {
            "done": f"done in {seconds:.1f} s",
            "skipped": f"skipped, {why}",
            "unable": f"cannot run, {why}",
            "planned": f"would run, {why}",
        }[status]
        self.say(f"{stage.name}: {text}")

    def _find_unable(self) -> None:
        """Which stages the corpus does not allow, and why; the others still run."""
        counts = (artifacts.read_manifest(self.root) or {}).get("counts", {})
        if counts.get("patents with codes", 0):
            return
        no_codes = "no patent has a code"
        self.unable = {
            "mine": no_codes,
            "train": f"{no_codes}, so there are no triplets",
            "embed-base": "the encoder is not tuned: embed writes its vectors",
            "fit-base": no_codes,
            "fit": no_codes,
        }
        if not counts.get("citations inside the corpus", 0):
            self.unable["evaluate"] = f"{no_codes} and none cites another"

    # ---- the stages -------------------------------------------------------------------------

    def _path(self, stage: str) -> Path:
        return self.root / self.stages[stage].folder

    @property
    def corpus(self) -> Any:
        if self._corpus is None:
            from patentcl.workspace.folders import open_corpus

            self._corpus = open_corpus(self.root, self.recipe.data.level)
        return self._corpus

    def _bar(self, stage: str) -> Callable[[int, int], None]:
        return lambda done, total: self.progress(stage, done, total)

    def _sample(self, record: dict[str, Any]) -> None:
        from patentcl.pipeline import stages

        stages.sample(
            self._path("sample"), self.recipe.data.sample_patents, self.recipe.seed, record
        )

    def _load(self, record: dict[str, Any]) -> None:
        from patentcl.pipeline import stages

        r = self.recipe
        source = Path(r.data.source) if r.data.source else self._path("sample") / "tables"
        stages.load(
            source,
            self.root,
            r.data,
            r.split,
            r.seed,
            record,
            r.data.graph or "graph.duckdb",
            self.progress,
        )

    def _mine(self, record: dict[str, Any]) -> None:
        from patentcl.pipeline import stages

        stages.mine(
            self.recipe.data.graph or self.root / "graph.duckdb",
            self._path("mine"),
            self.recipe.mining,
            self.recipe.seed,
            record,
            self.root,
        )

    def _train(self, record: dict[str, Any]) -> None:
        from patentcl.pipeline import stages

        r = self.recipe
        stages.train(
            self._path("mine"),
            self.corpus,
            self._path("train"),
            r.encoder,
            r.training,
            r.seed,
            record,
            self._bar("train"),
        )

    def _embed_base(self, record: dict[str, Any]) -> None:
        from patentcl.pipeline import stages

        r = self.recipe
        stages.embed(
            self.corpus,
            r.encoder.model,
            self._path("embed-base"),
            r.encoder,
            record,
            self._bar("embed-base"),
        )

    def _embed(self, record: dict[str, Any]) -> None:
        from patentcl.pipeline import stages

        r = self.recipe
        model = r.encoder.model if "train" in self.unable else self._path("train")
        stages.embed(self.corpus, model, self._path("embed"), r.encoder, record, self._bar("embed"))

    def _fit_base(self, record: dict[str, Any]) -> None:
        from patentcl.pipeline import stages

        stages.fit(
            self._path("embed-base"),
            self.corpus,
            self._path("fit-base"),
            self.recipe.classifier,
            self.recipe.seed,
            record,
            self._bar("fit-base"),
        )

    def _fit(self, record: dict[str, Any]) -> None:
        from patentcl.pipeline import stages

        r = self.recipe
        text = r.text.model_copy(
            update={"model": r.encoder.model, "max_length": r.encoder.max_length}
        )
        stages.fit(
            text if r.learns_from == "texts" else self._path("embed"),
            self.corpus,
            self._path("fit"),
            self.recipe.classifier,
            self.recipe.seed,
            record,
            self._bar("fit"),
        )

    def _index(self, record: dict[str, Any]) -> None:
        from patentcl.pipeline import stages

        stages.index(
            self._path("embed"), self.corpus, self._path("index"), self.recipe.index, record
        )

    def _evaluate(self, record: dict[str, Any]) -> None:
        from patentcl.classification.estimator import PatentClassifier
        from patentcl.evaluation.report import classifier_report, evaluate_run, examples
        from patentcl.search.index import PatentIndex
        from patentcl.workspace import folders as opened

        tuned = "train" not in self.unable
        folders = {"tuned": "embed", "untuned": "embed-base"} if tuned else {"untuned": "embed"}
        vectors = {
            k: opened.aligned_vectors(self._path(v), self.corpus) for k, v in folders.items()
        }
        fitted = {"tuned": "fit", "untuned": "fit-base"} if tuned else {}
        models = {k: PatentClassifier.load(self._path(v)) for k, v in fitted.items()}
        index = PatentIndex.load(self._path("index"))
        encoder = opened.encoder_for(self._path("index"))
        with artifacts.writing_files(self._path("evaluate"), record, "evaluate") as place:
            result = evaluate_run(
                self.corpus, vectors, models, place, self.recipe.report, self.recipe.seed
            )
            if tuned:
                classifier_report(
                    self.corpus, models["tuned"], vectors["tuned"], place / "classifier"
                )
            shown = examples(
                self.corpus, index, encoder.encode, models.get("tuned"), self.recipe.report
            )
            (place / "examples.json").write_text(
                json.dumps(shown, indent=2, ensure_ascii=False) + "\n", encoding="utf-8"
            )
            record["results"] = {"verdict": result["verdict"]}

    def _evaluate_texts(self, record: dict[str, Any]) -> None:
        from patentcl.classification.estimator import PatentClassifier
        from patentcl.evaluation.report import classifier_report, evaluate_run

        model = PatentClassifier.load(self._path("fit"))
        r = self.recipe
        with artifacts.writing_files(self._path("evaluate"), record, "evaluate") as place:
            evaluate_run(self.corpus, {}, {r.classifier.head: model}, place, r.report, r.seed)
            classifier_report(self.corpus, model, None, place / "classifier")

    def _map(self, record: dict[str, Any]) -> None:
        from patentcl.pipeline import stages

        stages.draw(
            self._path("embed"),
            self.corpus,
            self._path("map"),
            self.recipe.map,
            self.recipe.seed,
            f"Patents by {self.recipe.name}",
            record,
        )
