"""Typed settings and the recipes that hold them, with strict keys.

A recipe is one YAML file: what to read, how to split, mine, train, classify, index and draw. Unknown
keys raise and offer the nearest known ones; values are checked before anything runs.
"""

from __future__ import annotations

import typing
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from patentcl import resources
from patentcl.errors import ConfigError, did_you_mean

Level = Literal["section", "class", "subclass", "group", "subgroup"]
Share = Annotated[float, Field(ge=0, le=1)]
Positive = Annotated[int, Field(ge=1)]
Date = Annotated[str, Field(pattern=r"^\d{4}-\d{2}-\d{2}$")]


class Settings(BaseModel):
    """Base of all settings: frozen, and strict about unknown keys."""

    model_config = ConfigDict(extra="forbid", frozen=True, protected_namespaces=())

    @model_validator(mode="before")
    @classmethod
    def _empty_section(cls, value: Any) -> Any:
        return {} if value is None else value  # `map:` with nothing below it


class DataSettings(Settings):
    """What to read. Without a source, a synthetic sample is written and read."""

    source: str | None = None
    sample_patents: Annotated[int, Field(ge=100)] = 5000
    scheme: Literal["cpc", "ipc", "both"] = "both"
    level: Level = "subclass"
    """Deepest level of the labels that the classifier learns."""
    limit: Positive | None = None
    columns: dict[str, str] = Field(default_factory=dict)
    """For CSV, TSV, JSONL and Parquet: our column name -> the file's."""


class SplitSettings(Settings):
    """How patents are divided into train, dev and test; a division that the data bring wins."""

    method: Literal["stratified", "random", "date"] = "stratified"
    dev: Share = 0.1
    test: Share = 0.1

    @model_validator(mode="after")
    def _some_train(self) -> SplitSettings:
        if self.dev + self.test >= 1:
            raise ValueError("dev + test must leave something to train on")
        return self


class MiningRules(Settings):
    """Which triplets to look for; see `patentcl.mining.mine_triplets`."""

    relations: tuple[Literal["cites", "class"], ...] = ("cites", "class")
    """Where positives come from, in order of preference."""
    shared_level: Level = "subclass"
    """Anchor and positive must share a symbol of this level."""
    negatives: dict[Literal["easy", "medium", "hard"], Share] = Field(
        default_factory=lambda: {"easy": 0.2, "medium": 0.3, "hard": 0.5})
    """Shares of negatives from another section, another class, the same subclass."""
    triplets: Positive = 10_000
    per_anchor: Positive = 1
    """At most so many triplets of one anchor and relation."""
    within_years: Annotated[int, Field(ge=0)] | None = 5
    """Negatives are looked for at most so many years from the anchor; None for any time."""

    @model_validator(mode="after")
    def _shares(self) -> MiningRules:
        if abs(sum(self.negatives.values()) - 1) > 1e-6:
            raise ValueError(f"shares of negatives must sum to 1, not {sum(self.negatives.values()):g}")
        if not self.relations:
            raise ValueError("at least one relation is needed")
        return self


class EncoderSettings(Settings):
    """Which model turns text into vectors, and how fast."""

    model: str = "minilm"
    """``minilm``, a Hub name, or a local sentence-transformers folder."""
    max_length: Positive = 256
    batch_size: Positive | None = None
    """None: 8 on a CPU, where short batches of like length are fastest, and 256 on a GPU."""
    precision: Literal["auto", "fp32", "bf16", "fp16"] = "auto"
    store: Literal["float16", "float32"] = "float16"


class TrainingSettings(Settings):
    """Contrastive fine-tuning with TripletLoss."""

    epochs: Annotated[float, Field(gt=0)] = 1
    batch_size: Positive = 16
    learning_rate: Annotated[float, Field(gt=0)] = 2e-5
    warmup: Share = 0.1
    margin: Annotated[float, Field(gt=0)] = 0.2
    distance: Literal["cosine", "euclidean"] = "cosine"
    max_length: Positive = 128
    precision: Literal["auto", "fp32", "bf16", "fp16"] = "auto"


class ClassifierSettings(Settings):
    """Arguments of `patentcl.PatentClassifier`, with its defaults."""

    head: str = "levels"
    mask: Literal["none", "hard", "soft"] = "soft"
    hidden: Annotated[int, Field(ge=0)] = 512
    layers: Positive = 1
    dropout: Annotated[float, Field(ge=0, lt=1)] = 0.25
    policy: Literal["path", "siblings", "all"] = "path"
    loss: str = "bce"
    alpha: Annotated[float, Field(gt=0)] = 1.0
    level_weights: tuple[float, ...] | None = None
    epochs: Positive = 20
    batch_size: Positive = 128
    learning_rate: Annotated[float, Field(gt=0)] = 1e-3
    weight_decay: Annotated[float, Field(ge=0)] = 0.01
    patience: Annotated[int, Field(ge=0)] = 5
    monitor: Literal["average_precision", "hier_f1", "none"] = "average_precision"
    threshold: Literal["global", "level", "label"] | Share = "level"
    shrinkage: Annotated[float, Field(ge=0)] = 20.0
    at_least_one: bool | str = True
    back_off: Share = 0.0
    top_k: Positive | None = None
    dev_fraction: Annotated[float, Field(gt=0, lt=1)] = 0.1
    precision: Literal["auto", "fp32", "bf16", "fp16"] = "auto"
    device: str = "auto"


class IndexSettings(Settings):
    """A specification from ``indexes/`` by name, or a YAML file of one's own."""

    spec: str = "auto"


class MapSettings(Settings):
    """The picture of the embedding space."""

    method: Literal["umap", "pca"] = "umap"
    neighbors: Annotated[int, Field(ge=2)] = 15
    min_dist: Share = 0.1
    fit_sample: Positive = 20_000
    """With more patents than this, UMAP is fitted on a sample and places the rest."""


class ReportSettings(Settings):
    """What the evaluation looks at."""

    metrics: tuple[str, ...] = (
        "hier_precision:micro", "hier_recall:micro", "hier_f1:micro", "hier_f1:macro",
        "f1:micro@section", "f1:micro@class", "f1:micro@subclass", "f1:macro@subclass",
        "average_precision:micro", "precision@1", "recall@5", "hit@3")
    retrieval: tuple[str, ...] = ("ndcg@10", "recall@10", "recall@100", "mrr")
    queries: Positive = 2000
    """At most so many held-out patents ask for what they cite or share a group with."""
    example: str = ("A robotic lawn mower detects the boundary of a lawn with a camera, and a "
                    "control unit steers the wheel motors so that the cutting blade stays inside it.")
    """A new abstract for the page to classify and to look up."""


class Recipe(Settings):
    """A whole run: one section per stage."""

    name: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_-]*$")]
    description: str = ""
    seed: Annotated[int, Field(ge=0)] = 0
    data: DataSettings = DataSettings()
    split: SplitSettings = SplitSettings()
    mining: MiningRules = MiningRules()
    encoder: EncoderSettings = EncoderSettings()
    training: TrainingSettings = TrainingSettings()
    classifier: ClassifierSettings = ClassifierSettings()
    index: IndexSettings = IndexSettings()
    map: MapSettings = MapSettings()
    report: ReportSettings = ReportSettings()


def _section_of(model: type[BaseModel], path: Sequence[Any]) -> type[BaseModel] | None:
    """Follow a path of keys down through nested settings classes."""
    for key in path:
        info = model.model_fields.get(str(key))
        if info is None:
            return None
        inner = info.annotation
        if not (isinstance(inner, type) and issubclass(inner, BaseModel)):
            return None
        model = inner
    return model


def _explain(error: ValidationError, model: type[BaseModel], where: object) -> ConfigError:
    """Turn pydantic's report into one line about its first finding."""
    first = error.errors(include_url=False)[0]
    path = [p for p in first["loc"] if not (isinstance(p, str) and p[:1].isupper())]
    name = ".".join(map(str, path)) or "the whole"
    more = f" ({error.error_count() - 1} more)" if error.error_count() > 1 else ""
    if first["type"] == "extra_forbidden":
        section = _section_of(model, path[:-1])
        known = list(section.model_fields) if section else []
        return ConfigError(f"unknown setting {name!r}{more}", where=where,
                           fix=did_you_mean(str(path[-1]), known))
    if first["type"] == "missing":
        return ConfigError(f"setting {name!r} is missing{more}", where=where)
    wanted = first["msg"].removeprefix("Value error, ").removeprefix("Input should be ")
    return ConfigError(f"setting {name!r} cannot be used{more}", where=where,
                       got=repr(first["input"])[:80], wanted=wanted)


S = typing.TypeVar("S", bound=Settings)


def make_settings(model: type[S], values: Any, where: object = None) -> S:
    """Check plain values against a settings class.

    Raises
    ------
    ConfigError
        For an unknown key (with the nearest known ones), a missing one, or a value out of range.
    """
    if not isinstance(values, dict):
        raise ConfigError("settings must be a mapping", where=where, got=type(values).__name__,
                          wanted="lines of the form name: value")
    try:
        return model.model_validate(values)
    except ValidationError as error:
        raise _explain(error, model, where) from None


def read_yaml(path: str | Path) -> Any:
    """Read a YAML file safely; a syntax error names the line."""
    try:
        return yaml.safe_load(Path(path).read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ConfigError("no such file", got=path) from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        mark = getattr(error, "problem_mark", None)
        line = f", line {mark.line + 1}" if mark is not None else ""
        raise ConfigError("not valid YAML", where=f"{path}{line}",
                          got=str(getattr(error, "problem", error))) from None


def apply_overrides(values: dict[str, Any], overrides: Sequence[str]) -> dict[str, Any]:
    """Return settings with ``section.key=value`` texts applied; values are read as YAML.

    Examples
    --------
    >>> apply_overrides({"seed": 0}, ["training.epochs=2", "seed=7"])
    {'seed': 7, 'training': {'epochs': 2}}
    """
    out = _copy(values)
    for text in overrides:
        key, sign, raw = text.partition("=")
        if not sign or not key.strip():
            raise ConfigError("a setting must be given as name=value", got=repr(text),
                              fix="For example --set training.epochs=2")
        *sections, last = key.strip().split(".")
        place = out
        for section in sections:
            inner = place.get(section)
            if inner is not None and not isinstance(inner, dict):
                raise ConfigError(f"{section!r} is not a section of settings", where=f"--set {key}")
            place[section] = inner = dict(inner or {})
            place = inner
        try:
            place[last] = yaml.safe_load(raw) if raw.strip() else None
        except yaml.YAMLError:
            raise ConfigError("the value cannot be read", where=f"--set {key}", got=raw) from None
    return out


def _copy(value: Any) -> Any:
    return {k: _copy(v) for k, v in value.items()} if isinstance(value, dict) else value


def load_recipe(name: str | Path, overrides: Sequence[str] = ()) -> Recipe:
    """Read a recipe by name (from ``pipelines/``) or by path, and apply overrides.

    Parameters
    ----------
    name : str or path
        ``quickstart``, or a YAML file.
    overrides : sequence of str
        ``section.key=value``.

    Returns
    -------
    Recipe

    Raises
    ------
    ConfigError
        If there is no such recipe, or a key or value is not accepted.

    Examples
    --------
    >>> load_recipe("quickstart", ["seed=3"]).seed
    3
    """
    path = Path(name)
    if path.suffix in (".yaml", ".yml"):
        if not path.is_file():
            raise ConfigError("no such recipe file", got=path)
    else:
        path = resources.path("pipelines", str(name))
    values = read_yaml(path)
    if not isinstance(values, dict):
        raise ConfigError("a recipe must be a mapping", where=path, got=type(values).__name__)
    return make_settings(Recipe, apply_overrides(values, overrides), where=path.name)
