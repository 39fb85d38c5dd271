"""Recipes: sections, their former names, recipes that extend others, settings of one stage."""

from __future__ import annotations

from pathlib import Path

import pytest

from patentcl.core import resources
from patentcl.core.errors import ConfigError
from patentcl.pipeline.recipe import Recipe, load_recipe, stage_recipe
from patentcl.pipeline.stages import plan


def _write(folder: Path, **texts: str) -> None:
    for name, text in texts.items():
        (folder / f"{name}.yaml").write_text(text, encoding="utf-8")


@pytest.mark.parametrize("name", resources.names("pipelines"))
def test_every_recipe_is_named_after_its_file(name: str) -> None:
    recipe = load_recipe(name)
    assert recipe.name == name and recipe.description


def test_former_names_of_sections_are_read(tmp_path: Path) -> None:
    _write(
        tmp_path,
        old="name: old\nmining: {triplets: 7}\ntraining: {epochs: 2}\nclassifier: {head: flat}\n"
        "report: {queries: 5}\n",
        new="name: old\nmine: {triplets: 7}\ntrain: {epochs: 2}\nfit: {head: flat}\n"
        "evaluate: {queries: 5}\n",
        both="name: both\nmine: {triplets: 7}\nmining: {triplets: 8}\n",
    )
    old, new = (load_recipe(tmp_path / f"{n}.yaml") for n in ("old", "new"))
    assert old == new and old.mine.triplets == 7 and old.fit.head == "flat"
    assert load_recipe(tmp_path / "new.yaml", ["mining.triplets=9"]).mine.triplets == 9
    assert load_recipe(tmp_path / "old.yaml", ["classifier={head: knn}"]).fit.head == "knn"
    with pytest.raises(ConfigError, match=r"'mining' and 'mine' are the same \(in both.yaml\)"):
        load_recipe(tmp_path / "both.yaml")


def test_a_recipe_extends_another_section_by_section(tmp_path: Path) -> None:
    _write(
        tmp_path,
        base="extends: quickstart\nname: base\ntraining: {epochs: 3}\nseed: 5\n",
        own="extends: base.yaml\nname: own\ntrain: {margin: 0.5}\nmine: {relations: [class]}\n",
        round="extends: round.yaml\nname: round\n",
        number="extends: 3\nname: number\n",
        lost="extends: quikstart\nname: lost\n",
    )
    own, quick = load_recipe(tmp_path / "own.yaml"), load_recipe("quickstart")
    assert (own.name, own.seed, own.train.epochs, own.train.margin) == ("own", 5, 3, 0.5)
    assert own.mine == quick.mine.model_copy(update={"relations": ("class",)})
    assert own.fit == quick.fit and own.encoder == quick.encoder
    with pytest.raises(ConfigError, match="extend each other"):
        load_recipe(tmp_path / "round.yaml")
    with pytest.raises(ConfigError, match="'extends' cannot be used"):
        load_recipe(tmp_path / "number.yaml")
    with pytest.raises(
        ConfigError, match=r"no such recipe: got quikstart.*Did you mean quickstart"
    ):
        load_recipe(tmp_path / "lost.yaml")


def test_settings_of_one_stage() -> None:
    quick = load_recipe("quickstart")
    assert stage_recipe([], "mine", ["mine"], "quickstart").mine == quick.mine
    assert stage_recipe([], "mine", ["mine"]).mine == Recipe(name="x").mine
    recipe = stage_recipe(["epochs=2", "train.margin=0.3"], "train", ["train", "encoder"], seed=4)
    assert (recipe.train.epochs, recipe.train.margin, recipe.seed) == (2, 0.3, 4)
    recipe = stage_recipe(["epochs=2"], "train", ["train", "encoder"], encoder__model="1: #")
    assert recipe.encoder.model == "1: #"  # an option is a value, not YAML
    assert stage_recipe(["text.max_length=9"], "fit", ["fit", "encoder"]).encoder.max_length == 9
    with pytest.raises(ConfigError, match=r"'map.method' has no effect here.*train, encoder"):
        stage_recipe(["map.method=pca"], "train", ["train", "encoder"])
    with pytest.raises(ConfigError, match=r"unknown setting 'train.epoch'.*epochs"):
        stage_recipe(["epoch=2"], "train", ["train", "encoder"])


def test_recipes_without_an_encoder_say_so() -> None:
    assert "reads words" in str(load_recipe("twistbytes").without_encoder)
    assert "word vectors" in str(load_recipe("harnn").without_encoder)
    for name in ("best", "sheffield", "tmm-cls", "patentsberta-knn", "quickstart", "pretrained"):
        assert load_recipe(name).without_encoder is None


def test_a_map_is_tuned_after_its_vectors_are_there(tmp_path: Path) -> None:
    """It learns from the vectors of the untuned encoder; layers need none."""
    names = {}
    for tune in ("map", "layers"):
        steps = plan(load_recipe("patentcl-best", [f"train.tune={tune}"]), tmp_path)
        names[tune] = [step.name for step in steps]
    at = {tune: (found.index("embed-base"), found.index("train")) for tune, found in names.items()}
    assert at["map"][0] < at["map"][1] and at["layers"][0] > at["layers"][1]
    assert sorted(names["map"]) == sorted(names["layers"])
