"""Typed settings and the recipes that hold them, with strict keys.

A recipe is one YAML file: what to read, how to split, mine, train, classify, index and draw.
Unknown keys raise and offer the nearest known ones; values are checked before anything runs.
"""

from __future__ import annotations

import re
import typing
from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, model_validator

from patentcl import resources
from patentcl.errors import ConfigError, did_you_mean
from patentcl.voices import split_name

Level = Literal["section", "class", "subclass", "group", "subgroup"]
Hardness = Literal["easy", "medium", "hard"]
Precision = Literal["auto", "fp32", "bf16", "fp16"]
# Strict numbers: `yes` is not 1, and "3" is not 3.
Whole = Annotated[int, Field(ge=0, strict=True)]
Positive = Annotated[int, Field(ge=1, strict=True)]
NotNegative = Annotated[float, Field(ge=0, strict=True)]
AboveZero = Annotated[float, Field(gt=0, strict=True)]
Share = Annotated[float, Field(ge=0, le=1, strict=True)]
PartShare = Annotated[float, Field(ge=0, lt=1, strict=True)]


def _known_head(name: str) -> str:
    try:
        split_name(name)
    except ConfigError as error:
        raise ValueError(error.wanted) from None
    return name


HeadName = Annotated[str, AfterValidator(_known_head)]


class Settings(BaseModel):
    """Base of all settings: frozen, and strict about unknown keys."""

    model_config = ConfigDict(
        extra="forbid", frozen=True, protected_namespaces=(), allow_inf_nan=False
    )

    @model_validator(mode="before")
    @classmethod
    def _empty_section(cls, value: Any) -> Any:
        return {} if value is None else value  # `map:` with nothing below it


class DataSettings(Settings):
    """What to read. Without a source, a synthetic sample is written and read."""

    source: str | None = None
    sample_patents: Annotated[int, Field(ge=100, strict=True)] = 5000
    scheme: Literal["cpc", "ipc", "both"] = "both"
    level: Level = "subclass"
    """Deepest level of the labels that the classifier learns."""
    limit: Positive | None = None
    columns: dict[str, str] = Field(default_factory=dict)
    """For CSV, TSV, JSONL and Parquet: our column name -> the file's."""
    graph: str | None = None
    """``neo4j://HOST:PORT`` to load and mine in that server; None for a DuckDB file of the run."""


class SplitSettings(Settings):
    """How patents are divided into train, dev and test; a division that the data bring wins."""

    method: Literal["stratified", "random", "date", "family"] = "stratified"
    """None divides near-copies of a text or a family: ``family`` is ``stratified`` by that name."""
    dev: Share = 0.1
    test: Share = 0.1

    @model_validator(mode="after")
    def _some_train(self) -> SplitSettings:
        if self.dev + self.test >= 1:
            raise ValueError("dev + test below 1, so that something is left to train on")
        return self


class MiningRules(Settings):
    """Which triplets to look for; see `patentcl.mining.mine_triplets`."""

    relations: tuple[Literal["cites", "coupled", "class"], ...] = ("cites", "class")
    """Where positives come from: the anchor cites them, cites the same documents, or shares codes
    with them. Each relation gets an equal part; what one lacks goes to the others."""
    shared_level: Level = "subclass"
    """Anchor and positive must share a symbol of this level."""
    coupled_by: Positive = 2
    """Patents that cite so many documents in common are coupled: positives of the relation
    ``coupled``, and never negatives of each other."""
    negatives: dict[Hardness, Share] = {"easy": 0.2, "medium": 0.3, "hard": 0.5}
    """Shares of negatives from another section, another class, the same subclass."""
    triplets: Positive = 10_000
    per_anchor: Positive = 1
    """At most so many triplets of one anchor and relation."""
    within_years: Whole | None = 5
    """Negatives are looked for at most so many years from the anchor; None for any time."""
    before: Annotated[str, Field(pattern=r"^\d{4}-\d\d-\d\d$")] | None = None
    """Patents of this day or later are in no triplet; None for all."""

    @model_validator(mode="after")
    def _shares(self) -> MiningRules:
        if abs(sum(self.negatives.values()) - 1) > 1e-6:
            raise ValueError(
                f"shares of negatives that sum to 1, not {sum(self.negatives.values()):g}"
            )
        if not self.relations:
            raise ValueError("at least one relation")
        try:
            date.fromisoformat(self.before or "2000-01-01")
        except ValueError:
            raise ValueError("a day such as 2015-01-01") from None
        return self


class EncoderSettings(Settings):
    """Which model turns text into vectors, and how fast."""

    model: str = "minilm"
    """``minilm``, a Hub name, or a local sentence-transformers folder."""
    max_length: Positive = 256
    batch_size: Positive | None = None
    """None: 8 on a CPU, where short batches of like length are fastest, and 256 on a GPU."""
    precision: Precision = "auto"
    store: Literal["float16", "float32"] = "float16"


class TrainingSettings(Settings):
    """Contrastive fine-tuning on triplets."""

    loss: Literal["triplet", "mnr"] = "triplet"
    """TripletLoss; or MultipleNegativesRankingLoss, to which all other patents of a batch are
    negatives too."""
    epochs: AboveZero = 1.0
    batch_size: Positive = 16
    learning_rate: AboveZero = 2e-5
    warmup: Share = 0.1
    margin: AboveZero = 0.2
    distance: Literal["cosine", "euclidean"] = "cosine"
    max_length: Positive = 128
    dropout: Annotated[bool, Field(strict=True)] = True
    frozen_layers: Whole = 0
    """So many of the lowest layers, and the embeddings below them, stay as they are."""
    blend: Annotated[float, Field(gt=0, le=1, strict=True)] = 1.0
    """Share of the change that is kept: 1 the tuned weights, 0.5 halfway between them and the
    untuned ones."""
    precision: Precision = "auto"


class ClassifierSettings(Settings):
    """Arguments of `patentcl.PatentClassifier` but its seed, with its defaults."""

    head: HeadName = "levels"
    mask: Literal["none", "hard", "soft"] = "soft"
    hidden: Whole | None = None
    """None for this and the next two: the head's own."""
    layers: Positive = 1
    dropout: PartShare | None = None
    input_dropout: PartShare = 0.2
    policy: Literal["path", "siblings", "all"] | None = None
    rank: Positive | None = None
    """With tmm and thmm: a first matrix of this rank, its larger half shared within a level."""
    loss: Literal["bce", "frequency", "asymmetric", "adjusted"] = "bce"
    alpha: AboveZero = 1.0
    level_weights: tuple[NotNegative, ...] | None = None
    epochs: Positive = 20
    batch_size: Positive = 256
    learning_rate: AboveZero = 2e-3
    weight_decay: NotNegative = 0.01
    patience: Whole = 5
    monitor: Literal["average_precision", "hier_f1", "none"] = "average_precision"
    threshold: Literal["global", "level", "label"] | Share = "label"
    shrinkage: NotNegative = 20.0
    at_least_one: Annotated[bool, Field(strict=True)] | Level = True
    back_off: Share = 0.0
    top_k: Positive | None = None
    calibration: Literal["temperature", "isotonic"] | None = None
    mixing: Literal["mean", "stacked"] = "mean"
    """Of several voices: an average, or a regression that also knows how frequent a node is."""
    neighbors: Positive = 40
    sharpness: NotNegative = 8.0
    neighbor_weight: Literal["auto"] | Share = "auto"
    prune: PartShare = 0.01
    dev_fraction: Annotated[float, Field(gt=0, lt=1, strict=True)] = 0.1
    precision: Precision = "auto"
    device: str = "auto"
    cost: AboveZero = 1.0


class TextSettings(Settings):
    """How a classifier that is trained on texts reads them, and how its reader is trained.

    The seed and the rate of all that is new (the head, convolutions) are the classifier's own
    settings.
    """

    model: str | None = None
    """As `EncoderSettings.model`, which is taken in a recipe; ``words`` for word vectors trained on
    the training texts; a .txt or .vec file in GloVe's format. None is ``minilm``."""
    max_length: Positive | None = None
    """Tokens read of each text; None is 256, and the encoder section's in a recipe."""
    pooling: Literal["encoder", "cls", "mean", "cnn"] = "encoder"
    """What stands for a text: the encoder's own vector, its first token's, the mean of all tokens',
    or a convolution over them. The head ``harnn`` looks at each token instead."""
    layers: Positive = 1
    """Token vectors are the sum of so many of the last layers (but with pooling ``encoder``)."""
    kernels: Annotated[tuple[Positive, ...], Field(min_length=1)] = (2, 3, 4, 5)
    filters: Positive = 512
    dense: Whole = 0
    """Width of a layer with batch normalisation between convolution and head; 0 for none."""
    dropout: PartShare = 0.0
    """After that layer."""
    word_width: Positive = 100
    min_count: Positive = 2
    vocabulary: Positive = 100_000
    frozen: Annotated[bool, Field(strict=True)] = False
    """The encoder, or the word vectors, stay as they are; what they give is computed once."""
    frozen_layers: Whole = 0
    """So many of the lowest layers, and the embeddings below them, stay as they are."""
    untuned: Annotated[bool, Field(strict=True)] = False
    """Beside an encoder that is tuned, the same one as it was speaks too: heads after the first
    learn on its vectors, and its neighbours vote besides those of the tuned one."""
    head_first: Annotated[bool, Field(strict=True)] = False
    """The head is trained alone first, on the vectors of the encoder as it is, then both together,
    at the rate below: a head that knows nothing yet spoils what the encoder knows (linear probing,
    then fine-tuning: A. Kumar et al., ICLR 2022)."""
    epochs: Positive | None = None
    """Of the training on texts, if other than the classifier's, of which further heads have theirs.
    """
    batch_size: Positive | None = None
    """Likewise."""
    learning_rate: AboveZero = 2e-5
    """Highest rate of the encoder's top layer, or of the word vectors."""
    layer_decay: Annotated[float, Field(gt=0, le=1, strict=True)] = 1.0
    """A layer's rate is that of the layer above times this."""
    warmup: Share = 0.1
    accumulate: Positive = 1
    """A batch is computed in so many parts, of which the gradients are added up."""
    encoder_dropout: PartShare | None = None
    """Of the encoder's own layers while it is tuned; None is what it was made with. Without any, a
    CPU is a quarter faster."""
    checkpointing: Annotated[bool, Field(strict=True)] = False
    """Compute again in the backward pass instead of keeping: a third slower, far less memory."""


class IndexSettings(Settings):
    """A specification from ``indexes/`` by name, or a YAML file of one's own."""

    spec: str = "auto"


class MapSettings(Settings):
    """The picture of the embedding space."""

    method: Literal["umap", "pca"] = "umap"
    neighbors: Annotated[int, Field(ge=2, strict=True)] = 15
    min_dist: Share = 0.1
    fit_sample: Positive | None = None
    """UMAP is fitted on so many patents and places the rest; None: on all up to 150,000."""


class ReportSettings(Settings):
    """What the evaluation looks at."""

    metrics: Annotated[tuple[str, ...], Field(min_length=1)] = (
        "hier_precision:micro",
        "hier_recall:micro",
        "hier_f1:micro",
        "hier_f1:macro",
        "f1:micro@section",
        "f1:micro@class",
        "f1:micro@subclass",
        "f1:macro@subclass",
        "average_precision:micro",
        "precision@1",
        "recall@5",
        "hit@3",
    )
    retrieval: Annotated[tuple[str, ...], Field(min_length=1)] = (
        "ndcg@10",
        "recall@10",
        "recall@100",
        "mrr",
    )
    queries: Positive = 2000
    """At most so many held-out patents ask for what they cite or share a group with."""
    example: str = (
        "A robotic lawn mower detects the boundary of a lawn with a camera, and a control unit "
        "steers the wheel motors so that the cutting blade stays inside it."
    )
    """A new abstract for the page to classify and to look up."""


class Recipe(Settings):
    """A whole run: one section per stage."""

    name: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_-]*$")]
    description: str = ""
    learns_from: Literal["vectors", "texts"] = "vectors"
    """``texts``: the classifier is trained on texts, without a graph, triplets and vectors."""
    seed: Whole = 0
    data: DataSettings = DataSettings()
    split: SplitSettings = SplitSettings()
    mining: MiningRules = MiningRules()
    encoder: EncoderSettings = EncoderSettings()
    training: TrainingSettings = TrainingSettings()
    classifier: ClassifierSettings = ClassifierSettings()
    text: TextSettings = TextSettings()
    index: IndexSettings = IndexSettings()
    map: MapSettings = MapSettings()
    report: ReportSettings = ReportSettings()

    @model_validator(mode="after")
    def _one_encoder(self) -> Recipe:
        if self.text.model is not None or self.text.max_length is not None:
            raise ValueError("the model and its max_length in the section encoder, not in text")
        return self


def _fields(model: type[BaseModel], path: Sequence[Any]) -> list[str]:
    """Names of the settings that the section at a path of keys has; none if it is no section."""
    for key in path:
        info = model.model_fields.get(str(key))
        inner = info.annotation if info is not None else None
        if not (isinstance(inner, type) and issubclass(inner, BaseModel)):
            return []
        model = inner
    return list(model.model_fields)


def _keys(location: Sequence[Any], values: Any, missing: bool) -> tuple[Any, ...]:
    """The keys of a pydantic location that stand in the values; the others name types."""
    keys = []
    for i, key in enumerate(location):
        try:
            values = values[key]
        except (KeyError, IndexError, TypeError):
            if not (missing and i == len(location) - 1):
                continue
        keys.append(key)
    return tuple(keys)


def _wanted(message: str) -> str:
    """What pydantic would have accepted, from its sentence about what it was given."""
    for start in ("Value error, ", "Input should be ", "String should "):
        message = message.removeprefix(start)
    return "lines of the form name: value" if message.startswith("a valid dictionary") else message


def _explain(
    error: ValidationError, model: type[BaseModel], values: Any, where: object
) -> ConfigError:
    """Turn pydantic's report into one line about its first finding."""
    found: dict[tuple[Any, ...], list[Any]] = {}
    for each in error.errors(include_url=False):
        found.setdefault(_keys(each["loc"], values, each["type"] == "missing"), []).append(each)
    path, about = next(iter(found.items()))
    name = f"setting {'.'.join(map(str, path))!r}" if path else "these settings"
    more = f" ({len(found) - 1} more)" if len(found) > 1 else ""
    first = about[0]
    if first["type"] in ("extra_forbidden", "invalid_key"):
        return ConfigError(
            f"unknown {name}{more}",
            where=where,
            fix=did_you_mean(str(path[-1]), _fields(model, path[:-1])),
        )
    if first["type"] == "missing":
        return ConfigError(f"{name} is missing{more}", where=where)
    if first["loc"][-1:] == ("[key]",):
        return ConfigError(f"unknown {name}{more}", where=where, wanted=_wanted(first["msg"]))
    got = None if isinstance(first["input"], dict) else repr(first["input"])[:80]
    return ConfigError(
        f"{name} cannot be used{more}",
        where=where,
        got=got,
        wanted=", or ".join(_wanted(each["msg"]) for each in about),
    )


S = typing.TypeVar("S", bound=Settings)


def make_settings(model: type[S], values: Any, where: object = None) -> S:
    """Check plain values against a settings class.

    Raises
    ------
    ConfigError
        For an unknown key (with the nearest known ones), a missing one, or a value out of range.
    """
    if not isinstance(values, dict):
        raise ConfigError(
            "settings must be a mapping",
            where=where,
            got=type(values).__name__,
            wanted="lines of the form name: value",
        )
    try:
        return model.model_validate(values)
    except ValidationError as error:
        raise _explain(error, model, values, where) from None


class _Loader(yaml.SafeLoader):
    """Plain YAML in which no key may stand twice, 1e-3 is a number and a date is a text."""

    yaml_implicit_resolvers: typing.ClassVar = {
        first: [(tag, pattern) for tag, pattern in pairs if tag != "tag:yaml.org,2002:timestamp"]
        for first, pairs in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }

    def construct_mapping(self, node: Any, deep: bool = False) -> dict[Any, Any]:
        seen = set()
        for key, _ in node.value:
            if isinstance(key, yaml.ScalarNode) and key.tag != "tag:yaml.org,2002:merge":
                if key.value in seen:
                    raise yaml.constructor.ConstructorError(
                        None, None, f"the key {key.value!r} stands twice", key.start_mark
                    )
                seen.add(key.value)
        return super().construct_mapping(node, deep)


_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:float",
    re.compile(r"[-+]?(\d+\.?\d*|\.\d+)[eE][-+]?\d+$"),
    list("-+.0123456789"),
)


def _parse_yaml(text: str) -> Any:
    loader = _Loader(text)
    try:
        return loader.get_single_data()
    finally:
        loader.dispose()


def read_yaml(path: str | Path) -> Any:
    """Read a YAML file safely; a syntax error names the line.

    Raises
    ------
    ConfigError
        If there is no such file, it cannot be read, is not YAML, or has a key twice.
    """
    try:
        return _parse_yaml(Path(path).read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ConfigError("no such file", got=path) from None
    except OSError as error:
        raise ConfigError("the file cannot be read", where=path, got=error.strerror) from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        mark = getattr(error, "problem_mark", None)
        line = f", line {mark.line + 1}" if mark is not None else ""
        raise ConfigError(
            "not valid YAML", where=f"{path}{line}", got=getattr(error, "problem", None) or error
        ) from None


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
        *sections, last = key.strip().split(".")
        if not sign or not all([*sections, last]):
            raise ConfigError(
                "a setting must be given as name=value",
                got=repr(text),
                fix="For example --set training.epochs=2",
            )
        place = out
        for section in sections:
            inner = place.get(section)
            if inner is not None and not isinstance(inner, dict):
                raise ConfigError(f"{section!r} is not a section of settings", where=f"--set {key}")
            place[section] = inner = dict(inner or {})
            place = inner
        try:
            place[last] = _parse_yaml(raw)
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
            raise ConfigError(
                "no such recipe file",
                got=path,
                fix=did_you_mean(path.stem, resources.names("pipelines")),
            )
    else:
        path = resources.path("pipelines", str(name))
    values = read_yaml(path)
    if not isinstance(values, dict):
        raise ConfigError(
            "a recipe must be a mapping",
            where=path,
            got="nothing" if values is None else type(values).__name__,
            wanted="lines of the form name: value",
        )
    return make_settings(Recipe, apply_overrides(values, overrides), where=path.name)
