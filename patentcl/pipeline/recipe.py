"""Recipes: one YAML file for a whole run, with one section of settings for each stage."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from patentcl.classification.members import split_name
from patentcl.classification.settings import ClassifierSettings, TextSettings
from patentcl.core import resources
from patentcl.core.errors import ConfigError, did_you_mean
from patentcl.core.settings import (
    Settings,
    Switch,
    Whole,
    apply_overrides,
    make_settings,
    read_yaml,
)
from patentcl.data.settings import DataSettings, SplitSettings
from patentcl.encoders.settings import DistillSettings, EncoderSettings, TrainingSettings
from patentcl.evaluation.settings import ReportSettings
from patentcl.maps.settings import MapSettings
from patentcl.search.settings import IndexSettings
from patentcl.triplets.settings import MiningRules

FORMER = {"mining": "mine", "training": "train", "classifier": "fit", "report": "evaluate"}
"""Former names of sections, which are still read -> their names now, those of the commands."""


class Recipe(Settings):
    """A whole run: one section of settings for each stage."""

    name: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_-]*$")]
    """Name of the run's folder below ``artifacts``."""
    description: str = ""
    """One line on what the recipe is for."""
    learns_from: Literal["vectors", "texts"] = "vectors"
    """``texts``: the classifier is trained on texts, and its encoder makes the vectors."""
    tune: Switch = True
    """Fine-tune the encoder on triplets; false uses the model as it is, which is much faster."""
    seed: Whole = 0
    """Random seed of every stage."""
    data: DataSettings = DataSettings()
    """What to read."""
    split: SplitSettings = SplitSettings()
    """Division into train, dev and test."""
    mine: MiningRules = MiningRules()
    """Which triplets to mine."""
    encoder: EncoderSettings = EncoderSettings()
    """Which model encodes texts."""
    train: TrainingSettings = TrainingSettings()
    """Fine-tuning the encoder on triplets."""
    distill: DistillSettings = DistillSettings()
    """The static encoder of `patentcl distill`, and of runs with encoder.static."""
    fit: ClassifierSettings = ClassifierSettings()
    """The classifier."""
    text: TextSettings = TextSettings()
    """How a classifier that learns from texts reads them."""
    index: IndexSettings = IndexSettings()
    """The similarity index."""
    map: MapSettings = MapSettings()
    """The map."""
    evaluate: ReportSettings = ReportSettings()
    """What the evaluation reports."""

    @model_validator(mode="after")
    def _one_encoder(self) -> Recipe:
        if self.text.model is not None or self.text.max_length is not None:
            raise ValueError("the model and its max_length in the section encoder, not in text")
        return self

    @property
    def reading(self) -> TextSettings:
        """How texts are read, with the model and length of the section encoder."""
        return self.text.model_copy(
            update={"model": self.encoder.model, "max_length": self.encoder.max_length}
        )

    @property
    def without_encoder(self) -> str | None:
        """Why the run has no encoder, if it has none."""
        from patentcl.classification.text.words import is_words

        if self.learns_from == "vectors":
            return None
        if not split_name(self.fit.head).heads and not split_name(self.fit.head).neighbors:
            return f"the classifier {self.fit.head} reads words: it has no encoder"
        if is_words(self.encoder.model):
            return "the classifier reads word vectors: it has no encoder"
        return None


def load_recipe(name: str | Path, overrides: Sequence[str] = ()) -> Recipe:
    """Read a recipe by name (from ``pipelines/``) or by path, and apply overrides.

    Parameters
    ----------
    name : str or path
        ``quickstart``, or a YAML file.
    overrides : sequence of str
        ``section.key=value``; former names of sections are understood.

    Raises
    ------
    ConfigError
        If there is no such recipe, or a key or value is not accepted.

    Examples
    --------
    >>> load_recipe("quickstart", ["seed=3", "mining.triplets=50"]).mine.triplets
    50
    """
    values, path = _read(name, ())
    given = apply_overrides(values, [_renamed(text) for text in overrides])
    return make_settings(Recipe, given, where=path.name)


def _read(name: str | Path, seen: tuple[Path, ...]) -> tuple[dict[str, Any], Path]:
    """Plain values of a recipe and of the one that it extends."""
    path = Path(name)
    if path.suffix in (".yaml", ".yml"):
        path = path if path.is_absolute() or not seen else seen[-1].parent / path
        if not path.is_file():
            raise ConfigError(
                "no such recipe file",
                got=path,
                fix=did_you_mean(path.stem, resources.names("pipelines")),
            )
    else:
        path = resources.path("pipelines", str(name))
    if path in seen:
        raise ConfigError("recipes extend each other", where=path.name)
    values = read_yaml(path)
    if not isinstance(values, dict):
        raise ConfigError(
            "a recipe must be a mapping",
            where=path,
            got="nothing" if values is None else type(values).__name__,
            wanted="lines of the form name: value",
        )
    values = _current(values, path.name)
    base = values.pop("extends", None)
    if base is None:
        return values, path
    if not isinstance(base, str):
        raise ConfigError(
            "setting 'extends' cannot be used", where=path.name, got=base, wanted="a recipe"
        )
    return _merged(_read(base, (*seen, path))[0], values), path


def _current(values: Mapping[str, Any], where: str) -> dict[str, Any]:
    """Values with the former names of sections replaced."""
    both = [old for old, new in FORMER.items() if old in values and new in values]
    if both:
        raise ConfigError(
            f"the sections {both[0]!r} and {FORMER[both[0]]!r} are the same",
            where=where,
            fix=f"Keep {FORMER[both[0]]!r}",
        )
    return {FORMER.get(key, key): value for key, value in values.items()}


def _renamed(text: str) -> str:
    """An override with the former name of its section replaced."""
    section, rest = re.match(r"\s*(\w*)(.*)", text, re.DOTALL).groups()  # type: ignore[union-attr]
    return FORMER.get(section, section) + rest if rest[:1] in (".", "=") else text


def _merged(base: Mapping[str, Any], own: Mapping[str, Any]) -> dict[str, Any]:
    """Two recipes: sections are merged key by key, anything else is replaced."""
    out = dict(base)
    for key, value in own.items():
        inner = out.get(key)
        out[key] = (
            {**inner, **value} if isinstance(inner, dict) and isinstance(value, dict) else value
        )
    return out


def stage_recipe(
    overrides: Sequence[str],
    section: str | None,
    among: Sequence[str],
    recipe: str | None = None,
    **options: Any,
) -> Recipe:
    """Settings of one stage: a recipe's or the defaults, then options, then overrides.

    Parameters
    ----------
    overrides : sequence of str
        ``section.key=value``, as for a whole recipe, or ``key=value`` of the stage's own section.
    section : str or None
        The stage's own section.
    among : sequence of str
        Sections that the stage reads; others are refused, since they would have no effect.
    recipe : str, optional
        Name or file of a recipe to start from.
    options
        Values by ``section__key``; None leaves the recipe's.
    """
    values: dict[str, Any] = {"name": "command"}
    if recipe is not None:
        values = _read(recipe, ())[0]
    for key, value in options.items():
        part, _, last = key.rpartition("__")
        if value is not None and part:
            values[part] = {**(values.get(part) or {}), last: value}
        elif value is not None:
            values[last] = value
    given: list[str] = []
    for text in overrides:
        text = re.sub(r"^\s*text\.(model|max_length)(?=\s*=)", r"encoder.\1", text)
        name = _renamed(text).partition("=")[0].strip()
        first = name.partition(".")[0]
        if "." not in name and section is not None and name not in Recipe.model_fields:
            given.append(f"{section}.{text}")
        elif first in among or first == "seed" or first not in Recipe.model_fields:
            given.append(_renamed(text))
        else:
            raise ConfigError(
                f"the setting {name!r} has no effect here",
                where="--set",
                wanted="one of the sections " + ", ".join(among),
            )
    return make_settings(Recipe, apply_overrides(values, given), where="--set")
