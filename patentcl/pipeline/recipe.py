"""Recipes: one YAML file for a whole run, one section of settings for each stage."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, model_validator

from patentcl.classification.settings import ClassifierSettings, TextSettings
from patentcl.core import resources
from patentcl.core.errors import ConfigError, did_you_mean
from patentcl.core.settings import Settings, Whole, apply_overrides, make_settings, read_yaml
from patentcl.data.settings import DataSettings, SplitSettings
from patentcl.encoders.settings import EncoderSettings, TrainingSettings
from patentcl.evaluation.settings import ReportSettings
from patentcl.maps.settings import MapSettings
from patentcl.search.settings import IndexSettings
from patentcl.triplets.settings import MiningRules


class Recipe(Settings):
    """A whole run: one section per stage."""

    name: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_-]*$")]
    """Name of the recipe, and of the folder of its runs."""
    description: str = ""
    """What it is for, in one sentence."""
    learns_from: Literal["vectors", "texts"] = "vectors"
    """texts: the classifier is trained on texts, without graph, triplets and vectors."""
    seed: Whole = 0
    """Decides everything random."""
    data: DataSettings = DataSettings()
    """What to read."""
    split: SplitSettings = SplitSettings()
    """How patents are divided."""
    mining: MiningRules = MiningRules()
    """Which triplets to mine."""
    encoder: EncoderSettings = EncoderSettings()
    """Which model makes vectors."""
    training: TrainingSettings = TrainingSettings()
    """How the encoder is tuned."""
    classifier: ClassifierSettings = ClassifierSettings()
    """How the classifier learns."""
    text: TextSettings = TextSettings()
    """How a classifier reads texts."""
    index: IndexSettings = IndexSettings()
    """How vectors are indexed."""
    map: MapSettings = MapSettings()
    """How the map is drawn."""
    report: ReportSettings = ReportSettings()
    """What the evaluation looks at."""

    @model_validator(mode="after")
    def _one_encoder(self) -> Recipe:
        if self.text.model is not None or self.text.max_length is not None:
            raise ValueError("the model and its max_length in the section encoder, not in text")
        return self


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
