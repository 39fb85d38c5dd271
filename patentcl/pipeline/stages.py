"""The stages of a run as data: what each reads, which settings it depends on, what it writes."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import lru_cache, partial
from pathlib import Path
from typing import Any

import numpy as np

from patentcl.core import artifacts
from patentcl.cpc import own_titles
from patentcl.data.corpus import SPLITS, Corpus, read_splits
from patentcl.data.options import ReadOptions
from patentcl.data.settings import DataSettings
from patentcl.data.splits import labelled_splits, make_splits, write_splits
from patentcl.graph.session import graph_file, is_server
from patentcl.pipeline.recipe import Recipe
from patentcl.workspace.folders import aligned_vectors, encoder_for, open_corpus, origin

Record = dict[str, Any]
StageProgress = Callable[[str, int, int], None]


@dataclass(frozen=True)
class Stage:
    """A kind of step.

    Attributes
    ----------
    name : str
    folder : str
        Where it writes in a run.
    sections : mapping of str to (set of str or None)
        Sections of a recipe that its result depends on, and which of their settings; None for all.
    write : callable
        Writes the results of a step into a folder, and adds to the record for its manifest.
    seeded, beside : bool
        Its result depends on the seed; its files lie beside the folders of other stages.
    edition : int
        Raised where the same settings give other results now.
    """

    name: str
    folder: str
    sections: Mapping[str, frozenset[str] | None]
    write: Callable[[Step, Path, Record, StageProgress], None]
    seeded: bool = True
    beside: bool = False
    edition: int = 1


@dataclass(frozen=True)
class Step:
    """A stage with its inputs, settings and the folder that it writes.

    Attributes
    ----------
    stage : Stage
    out : Path
    recipe : Recipe
    inputs : mapping of str to (str or Path)
        Folders, files, addresses of servers, and names of models.
    variant : str
        ``base`` for what is made with the encoder before fine-tuning.
    options : mapping
        ``level`` of the labels if not the corpus's own, and ``batch``, rows in one transaction.
    unable : str
        Why it cannot run, if it cannot.
    """

    stage: Stage
    out: Path
    recipe: Recipe
    inputs: Mapping[str, str | Path] = field(default_factory=dict)
    variant: str = ""
    options: Mapping[str, Any] = field(default_factory=dict)
    unable: str = ""

    @property
    def name(self) -> str:
        """The stage's name, and the variant's."""
        return f"{self.stage.name}-{self.variant}" if self.variant else self.stage.name

    @property
    def settings(self) -> dict[str, Any]:
        """The settings that the result depends on, as plain data by section."""
        out: dict[str, Any] = {
            name: getattr(self.recipe, name).model_dump(mode="json", include=keys)
            for name, keys in self.stage.sections.items()
        }
        if out.get("data", {}).get("encoding", "") is None:
            del out["data"]["encoding"]  # as before there was such a setting
        if self.stage.seeded:
            out["seed"] = self.recipe.seed
        if "level" in self.options:
            out["level"] = self.options["level"]
        return out

    def path(self, name: str) -> Path:
        """An input as a path."""
        return Path(self.inputs[name])

    def corpus(self) -> Corpus:
        """The corpus among the inputs; its labels go as deep as it was loaded for."""
        manifest = artifacts.read_manifest(place := self.path("corpus").absolute()) or {}
        level = self.options.get("level") or level_of(manifest)
        return _opened(place, level, f"{manifest.get('fingerprint')} {manifest.get('written')}")


def level_of(manifest: Record) -> str:
    """The deepest level of labels that a corpus was loaded for, by its manifest."""
    settings = manifest.get("settings", {})
    return str(settings.get("data", settings).get("level", "subclass"))


@lru_cache(maxsize=1)
def _opened(folder: Path, level: str, made: str) -> Corpus:
    """A corpus that several steps of a run read, made of what, and when."""
    return open_corpus(folder, level)


def _sample(step: Step, place: Path, record: Record, progress: StageProgress) -> None:
    from patentcl.sample.writer import write_sample

    record["counts"] = write_sample(place, step.recipe.data.sample_patents, step.recipe.seed)


def graph_of(recipe: Recipe) -> str:
    """Address of a server, or the name of a file in the folder of the corpus."""
    graph = recipe.data.graph
    if graph is None or is_server(graph):
        return graph or "graph.duckdb"
    return graph_file(graph).name


def read_options(data: DataSettings) -> ReadOptions:
    """What the settings say about reading."""
    return ReadOptions(data.scheme, data.limit, data.columns, data.dates, data.encoding)


def _load(step: Step, place: Path, record: Record, progress: StageProgress) -> None:
    """A server is reached before anything is read; if it goes away later, nothing is kept here."""
    from patentcl.data.reading import read_patents
    from patentcl.graph.session import open_graph

    data, split, graph = step.recipe.data, step.recipe.split, graph_of(step.recipe)
    if is_server(graph):
        open_graph(graph).close()
    about: Record = {}
    counts = read_patents(step.inputs["source"], place, read_options(data), about)
    record |= {"reading": about} if about else {}
    corpus = Corpus(place / "corpus.parquet", data.level)
    division = make_splits(corpus, split.method, split.dev, split.test, step.recipe.seed)
    write_splits(place / "splits.parquet", corpus, division)
    counts |= {f"{name} split": int((division == name).sum()) for name in SPLITS}
    address = graph if is_server(graph) else str(place / graph)
    batch = {k: v for k, v in step.options.items() if k == "batch" and v and is_server(graph)}
    with open_graph(address, read_only=False, **batch) as store:
        record["graph"] = store.load(place / "corpus.parquet", progress)
    record["hierarchy"] = "dots" if "symbols placed by dots" in counts else "syntax"
    record |= {"counts": dict(counts), "left_out": counts.left_out()}


def _load_graph(step: Step, place: Path, record: Record, progress: StageProgress) -> None:
    """The graph alone, straight from PatentsView tables: no corpus, no splits, no texts."""
    from patentcl.graph.duckdb import DuckDBGraph

    with DuckDBGraph(place / graph_of(step.recipe)) as store:
        record["graph"] = store.load_tables(step.path("source"))
    record["counts"] = {}


def _mine(step: Step, place: Path, record: Record, progress: StageProgress) -> None:
    """Triplets among the training patents, and a report on leaks and quality beside them."""
    from patentcl.graph.session import open_graph
    from patentcl.triplets.audit import write_report
    from patentcl.triplets.mining import write_triplets

    graph, corpus = step.inputs["graph"], step.path("corpus")
    splits, among = corpus / "splits.parquet", None
    if splits.is_file():
        table = read_splits(splits)
        among = table.loc[table["split"] == "train", "patent_id"].tolist()
    with open_graph(graph) as store:
        counts = write_triplets(
            store, step.recipe.mine, place / "triplets.parquet", step.recipe.seed, among
        )
    vectors = step.path("vectors") if "vectors" in step.inputs else None
    record["counts"] = counts
    record["results"] = write_report(place, counts, corpus, vectors)


def _train(step: Step, place: Path, record: Record, progress: StageProgress) -> None:
    from patentcl.encoders.encoder import PatentEncoder
    from patentcl.encoders.models import write_encoder
    from patentcl.encoders.training import train_encoder
    from patentcl.triplets.audit import read_triplets

    corpus, table = step.corpus(), None
    if "triplets" in step.inputs:
        artifacts.require(step.path("triplets"), "triplets", "mine GRAPH")
        table = read_triplets(step.path("triplets"))
    base = PatentEncoder.load(str(step.inputs["model"]), step.recipe.encoder.max_length)
    result = train_encoder(
        base,
        table,
        corpus,
        step.recipe.train,
        step.recipe.seed,
        lambda done, total: progress(step.name, done, total),
        checkpoint=step.out.with_name(f".{step.out.name}.unfinished"),
        vectors=step.out.with_name("vectors-base"),
    )
    np.save(place / "losses.npy", np.array(result.losses, dtype=np.float32))
    record |= write_encoder(result, base, place, step.out, step.name)


def _distill(step: Step, place: Path, record: Record, progress: StageProgress) -> None:
    from patentcl.encoders.distilled import distill_encoder
    from patentcl.encoders.encoder import PatentEncoder
    from patentcl.encoders.models import write_encoder

    base = PatentEncoder.load(str(step.inputs["model"]), step.recipe.encoder.max_length)
    result = distill_encoder(
        base,
        step.corpus(),
        step.recipe.distill.texts,
        step.recipe.seed,
        partial(progress, step.name),
        vectors=step.path("corpus") / "vectors",
        checkpoint=step.out.with_name(f".{step.out.name}.unfinished"),
    )
    record |= write_encoder(result, base, place, step.out, step.name)


def _embed(step: Step, place: Path, record: Record, progress: StageProgress) -> None:
    from patentcl.core.devices import find_precision
    from patentcl.encoders.encoder import PatentEncoder
    from patentcl.encoders.vectors import write_vectors

    settings, corpus, model = step.recipe.encoder, step.corpus(), str(step.inputs["encoder"])
    encoder = PatentEncoder.load(model, settings.max_length)
    size, precision, told = settings.batch_size, settings.precision, partial(progress, step.name)
    made = artifacts.read_manifest(model) or {}
    before = made["base"]["fingerprint"] if made.get("results", {}).get("tuned") == "map" else None
    used = write_vectors(
        place, encoder, corpus, size, precision, settings.store, told, step.out, before
    )
    record |= {"vectors used": used} if used else {}
    record |= {
        "model": model,
        "encoder": encoder.fingerprint,
        "max_length": encoder.max_length,
        "device": str(encoder.device),
        "counts": {"vectors": len(corpus), "width": encoder.dim},
        "precision": find_precision(settings.precision, encoder.model.device),
    }


def _fit(step: Step, place: Path, record: Record, progress: StageProgress) -> None:
    """Train on the train split and tune on the dev split; what is cut off on texts resumes."""
    from patentcl.classification.estimator import PatentClassifier
    from patentcl.classification.familiarity import KnownWords

    corpus, recipe = step.corpus(), step.recipe
    rows = labelled_splits(corpus)
    settings = {**recipe.fit.model_dump(), "seed": recipe.seed, "verbose": 0}
    if "model" in step.inputs:
        text = recipe.reading.model_copy(update={"model": str(step.inputs["model"])})
        model = PatentClassifier(**settings, text=text)
        train, dev = (corpus.select(rows[name]) for name in ("train", "dev"))
        told: dict[str, Any] = {
            "progress": lambda done, total: progress(step.name, done, total),
            "checkpoint": step.out.with_name(f".{step.out.name}.unfinished"),
        }
        model.fit(train, train.labels, corpus.tree, (dev, dev.labels), **told)
        record["device"] = str(model.device_)
    else:
        X = aligned_vectors(step.path("vectors"), corpus)
        made_with = origin(artifacts.read_manifest(step.path("vectors")) or {})
        model = PatentClassifier(**settings)
        model.fit(
            np.asarray(X[rows["train"]], np.float32),
            corpus.labels[rows["train"]],
            corpus.tree,
            (np.asarray(X[rows["dev"]], np.float32), corpus.labels[rows["dev"]]),
            encoder=made_with["encoder"],
            on_epoch=lambda row: progress(step.name, int(row["epoch"]), recipe.fit.epochs),
        )
        record |= made_with
    model.save(place)
    texts = [" ".join(pair) for pair in corpus.texts]
    KnownWords.of(*([texts[i] for i in rows[name]] for name in ("train", "dev"))).save(place)
    read = f"truncated to {recipe.encoder.max_length} tokens"
    record["counts"] = {
        **{f"{k} patents with codes": len(v) for k, v in rows.items()},
        "labels": len(model.tree_),
        "epochs": len(model.history_),
        **{f"{k} texts {read}": n for k, n in model.truncated_.items() if model.reads_texts},
    }


def _encoder(step: Step, place: Path, record: Record, progress: StageProgress) -> None:
    """The encoder that a classifier was trained with, as a folder of its own."""
    from patentcl.classification.estimator import PatentClassifier

    encoder = PatentClassifier.load(step.path("classifier")).text_encoder()
    encoder.save(place)
    record |= {"encoder": encoder.fingerprint, "counts": {"width": encoder.dim}}


def _index(step: Step, place: Path, record: Record, progress: StageProgress) -> None:
    from patentcl.evaluation.retrieval import hybrid_weight
    from patentcl.workspace.indexing import index_corpus

    corpus = step.corpus()
    X = aligned_vectors(step.path("vectors"), corpus)
    made_with = origin(artifacts.read_manifest(step.path("vectors")) or {})
    built = index_corpus(corpus, X, step.recipe.index.spec, made_with["encoder"])
    if built.words is not None and (chosen := hybrid_weight(corpus, built)) is not None:
        built.words.weight, queries = chosen
        record["hybrid"] = {"weight": chosen[0], "queries": queries}
    built.save(place)
    record |= made_with | ({"why": built.why} if built.why else {})
    record["counts"] = {"patents": len(built), "spec": built.spec.name, **built.measured()}


def _map(step: Step, place: Path, record: Record, progress: StageProgress) -> None:
    """PNG, SVG, a page that opens without a network, coordinates; perhaps two encoders compared."""
    from patentcl.maps.clusters import cluster
    from patentcl.maps.comparison import compare_maps
    from patentcl.maps.drawing import MapStyle, neighbours_column, plot_map
    from patentcl.maps.projection import neighbours, project, provenance
    from patentcl.workspace.mapping import map_table

    settings, seed, corpus = step.recipe.map, step.recipe.seed, step.corpus()
    X = aligned_vectors(step.path("vectors"), corpus)
    how = provenance(len(X), settings, seed)
    whole = how.get("laid out") == len(X)  # UMAP of all needs the neighbours of all
    near = neighbours(X, settings.neighbors, seed) if whole else None
    options = (settings.neighbors, settings.min_dist, settings.method, settings.fit_sample)
    points = project(X, seed, *options, near=near)
    frame, codes = map_table(corpus), corpus.codes
    if near is not None:
        frame["neighbors"] = neighbours_column(near)
    groups = cluster(points, codes=codes, texts=frame.title, titles=corpus.code_titles, seed=seed)
    none = "" if any(codes) else "Without codes"
    sections = [own_titles()[row[0][0]] if row else none for row in codes]
    dense = bool((groups.cluster >= 0).any())
    plot_map(
        points,
        groups.labels.tolist() if dense else sections,
        place,
        meta=frame,
        clusters=groups.cluster if dense else None,
        layers=groups.layers if dense else (),
        style=MapStyle(title=settings.title or ""),
    )
    groups.table.to_parquet(place / "clusters.parquet", index=False)
    if "base" in step.inputs:
        base = aligned_vectors(step.path("base"), corpus)
        compare_maps(base, X, sections, place, coordinates=points, settings=settings, seed=seed)
    record["counts"] = {"patents": len(corpus), "groups": len(groups.table)}
    record["coordinates"] = how


def _evaluate(step: Step, place: Path, record: Record, progress: StageProgress) -> None:
    """Figures of the run's encoders and classifiers beside baselines, and examples."""
    from patentcl.classification.estimator import PatentClassifier
    from patentcl.evaluation.classifiers import classifier_report
    from patentcl.evaluation.report import evaluate_run, examples
    from patentcl.search.index import PatentIndex

    corpus, recipe, given = step.corpus(), step.recipe, step.inputs
    models = {
        name: PatentClassifier.load(step.path(name))
        for name in ("classifier", "classifier-base")
        if name in given
    }
    vectors = {
        name: aligned_vectors(step.path(name), corpus)
        for name in ("vectors", "vectors-base")
        if name in given
    }
    model = models.get("classifier")
    reads_texts = model is not None and model.reads_texts
    alone = "encoder" if reads_texts else "untuned"
    names = ("tuned", "untuned") if "vectors-base" in given else (alone,)
    every = dict(zip(names, models.values(), strict=False))
    systems = {model.head: model} if model is not None and reads_texts else every
    encoders = dict(zip(names, vectors.values(), strict=False))
    result = evaluate_run(corpus, encoders, systems, place, recipe.evaluate, recipe.seed)
    if model is not None:
        X = None if reads_texts else vectors["vectors"]
        classifier_report(corpus, model, X, place / "classifier")
    if "index" in given:
        index, encoder = PatentIndex.load(step.path("index")), encoder_for(step.path("index"))
        shown = examples(corpus, index, encoder.encode, model, recipe.evaluate, recipe.seed)
        text = json.dumps(shown, indent=2, ensure_ascii=False)
        (place / "examples.json").write_text(text + "\n", encoding="utf-8")
    record["results"] = {"verdict": result["verdict"]}


_ENCODING = frozenset({"max_length", "batch_size", "precision", "store"})
_LENGTH = frozenset({"max_length"})
_READING = frozenset({"scheme", "level", "limit", "columns", "dates", "encoding", "graph"})

SAMPLE = Stage("sample", "sample", {"data": frozenset({"sample_patents"})}, _sample)
LOAD = Stage("load", ".", {"data": _READING, "split": None}, _load, beside=True)
LOAD_GRAPH = Stage("load", ".", {}, _load_graph, seeded=False, beside=True)
MINE = Stage("mine", "triplets", {"mine": None}, _mine)
TRAIN = Stage("train", "encoder", {"encoder": _LENGTH, "train": None}, _train)
DISTILL = Stage("distill", "static", {"encoder": _LENGTH, "distill": None}, _distill)
EMBED = Stage("embed", "vectors", {"encoder": _ENCODING}, _embed, seeded=False)
FIT = Stage("fit", "classifier", {"fit": None}, _fit)
FIT_TEXTS = Stage("fit", "classifier", {"fit": None, "text": None, "encoder": _LENGTH}, _fit)
ENCODER = Stage("encoder", "encoder", {}, _encoder, seeded=False)
INDEX = Stage("index", "index", {"index": None}, _index, seeded=False)
EVALUATE = Stage("evaluate", "reports", {"evaluate": None}, _evaluate, beside=True)
MAP = Stage("map", "reports/map", {"map": None}, _map, edition=3)


def plan(
    recipe: Recipe,
    root: Path,
    counts: Mapping[str, int] | None = None,
    failed: Mapping[str, str] = {},
) -> list[Step]:
    """The steps of a recipe in the order in which they run.

    With the counts of the corpus, once it is there, the steps that it does not allow are marked;
    so are those in `failed`, which holds why by name, and those that need their results.
    """
    needed = ("patents with codes", "citations inside the corpus")
    codes, citations = (counts is None or bool(counts.get(name)) for name in needed)
    no_codes = "" if codes else "no patent has a code"
    steps: list[Step] = []

    def add(stage: Stage, variant: str = "", unable: str = "", **inputs: str | Path) -> Path:
        folder = f"{stage.folder}-{variant}" if variant else stage.folder
        step = Step(stage, root / folder, recipe, inputs, variant, unable=unable)
        steps.append(replace(step, unable=failed.get(step.name, unable)))
        return root / folder

    source = add(SAMPLE) if recipe.data.source is None else recipe.data.source
    corpus = add(LOAD, source=source)
    model, graph = recipe.encoder.model, graph_of(recipe)
    none = lost = ""
    if recipe.encoder.static:
        static = add(DISTILL, corpus=corpus, model=model)
        lost = steps[-1].unable and "distill cannot run, so there is no static encoder to tune"
        model = model if lost else str(static)
    judged: dict[str, Any] = {}
    if recipe.learns_from == "texts":
        fitted = add(FIT_TEXTS, unable=no_codes, corpus=corpus, model=model)
        if not steps[-1].unable:
            judged["classifier"] = fitted
        none = recipe.without_encoder or (steps[-1].unable and (no_codes or "fit cannot run"))
        encoder = add(ENCODER, unable=none, classifier=fitted)
        vectors = add(EMBED, unable=none, corpus=corpus, encoder=encoder)
    elif recipe.tune:
        store = graph if is_server(graph) else corpus / graph
        teaches = codes or not {"triplets", "labels"} & set(recipe.train.objectives)
        why = lost or ("" if teaches else f"{no_codes} to learn from")
        given: dict[str, Any] = {"corpus": corpus, "model": model}
        if "triplets" in recipe.train.objectives:
            given["triplets"] = add(MINE, unable=no_codes, graph=store, corpus=corpus)
            why = why or (steps[-1].unable and "mine cannot run, so there are no triplets")
        tuned = add(TRAIN, unable=why, **given)
        untuned = steps[-1].unable and "the encoder is not tuned: {} its vectors"
        base = add(EMBED, "base", untuned.format("embed writes"), corpus=corpus, encoder=model)
        if recipe.train.tune == "map":  # which learns from these vectors
            steps[-2], steps[-1] = steps[-1], steps[-2]
        vectors = add(EMBED, corpus=corpus, encoder=model if untuned else tuned)
        unable = no_codes or untuned.format("fit uses")
        fitted = add(FIT, "base", unable, corpus=corpus, vectors=base)
        if not untuned:
            judged["vectors-base"] = base
        if not steps[-1].unable:
            judged["classifier-base"] = fitted
    else:
        vectors = add(EMBED, corpus=corpus, encoder=model)
    if recipe.learns_from == "vectors":
        fitted = add(FIT, unable=no_codes, corpus=corpus, vectors=vectors)
        if not steps[-1].unable:
            judged["classifier"] = fitted
    index = add(INDEX, unable=none, corpus=corpus, vectors=vectors)
    if not none:
        judged |= {"vectors": vectors, "index": index}
    nothing = "" if codes or citations else f"{no_codes} and none cites another"
    add(EVALUATE, unable=nothing, corpus=corpus, **judged)
    compared = {"base": judged["vectors-base"]} if "vectors-base" in judged else {}
    add(MAP, unable=none, corpus=corpus, vectors=vectors, **compared if recipe.map.compare else {})
    return steps
