"""Settings: recipes, strict keys and values, overrides, agreement with the estimator."""

from __future__ import annotations

import dataclasses
import inspect
import pydoc
import re
from pathlib import Path
from typing import Any, Literal, get_args

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, ValidationError

from patentcl.classification.estimator import PatentClassifier
from patentcl.classification.losses import LOSSES
from patentcl.classification.settings import ClassifierSettings, EstimatorSettings
from patentcl.core import resources
from patentcl.core.errors import ConfigError
from patentcl.core.settings import (
    Level,
    Positive,
    Settings,
    Share,
    apply_overrides,
    describe,
    make_settings,
    read_yaml,
)
from patentcl.cpc import CpcTree, level_index
from patentcl.data.settings import DataSettings, SplitSettings
from patentcl.pipeline.recipe import Recipe, load_recipe
from patentcl.triplets.settings import MiningRules

SECTIONS = {
    name: field.annotation
    for name, field in Recipe.model_fields.items()
    if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel)
}
BASE = {"name": "mine"}


def refused(values: dict[str, Any]) -> str:
    with pytest.raises(ConfigError) as caught:
        make_settings(Recipe, BASE | values, where="mine.yaml")
    assert str(caught.value).count("(in mine.yaml)") == 1
    return str(caught.value)


# ---- recipes --------------------------------------------------------------------------------


@pytest.mark.parametrize("name", resources.names("pipelines"))
def test_every_recipe_loads_and_bears_its_file_name(name: str) -> None:
    recipe = load_recipe(name)
    assert recipe.name == name
    assert recipe.description
    assert load_recipe(resources.path("pipelines", name)) == recipe


def test_the_two_recipes_of_the_project_are_there() -> None:
    assert {"quickstart", "patentcl"} <= set(resources.names("pipelines"))
    assert load_recipe("quickstart").encoder.model == "minilm"
    assert load_recipe("patentcl").encoder.model == "AI-Growth-Lab/PatentSBERTa"


def test_a_recipe_says_back_what_it_holds() -> None:
    recipe = load_recipe("quickstart")
    assert Recipe.model_validate(recipe.model_dump()) == recipe
    assert Recipe.model_validate_json(recipe.model_dump_json()) == recipe


def test_empty_sections_mean_defaults(tmp_path: Path) -> None:
    (tmp_path / "r.yaml").write_text("name: mine\nmap:\ntraining: {}\n", encoding="utf-8")
    assert load_recipe(tmp_path / "r.yaml") == Recipe(name="mine")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"name: [mine", r"not valid YAML \(in .*r.yaml, line 1\)"),
        (b"name: mine\n\tseed: 1\n", r"not valid YAML \(in .*r.yaml, line 2\)"),
        (b"name: m\xff\n", r"not valid YAML \(in .*r.yaml\): got 'utf-8' codec"),
        (b"name: a\n---\nname: b\n", "not valid YAML"),
        (b"name: mine\nseed: 1\nseed: 2\n", r"line 3\): got the key 'seed' stands twice"),
        (b"name: mine\nmap: {min_dist: 0, min_dist: 1}\n", "'min_dist' stands twice"),
        (b"name: !!python/object/apply:os.system [ls]\n", "not valid YAML"),
        (b"- name\n- mine\n", "a recipe must be a mapping .*got list"),
        (b"mine", "a recipe must be a mapping .*got str"),
        (b"", "a recipe must be a mapping .*got nothing"),
        (b"seed: 1\n", "setting 'name' is missing"),
        (b"name: mine\n? [a, b]\n: 1\n", "not valid YAML"),
    ],
)
def test_bad_recipe_files_give_one_clear_error(
    tmp_path: Path, content: bytes, message: str
) -> None:
    (tmp_path / "r.yaml").write_bytes(content)
    with pytest.raises(ConfigError, match=message) as caught:
        load_recipe(tmp_path / "r.yaml")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("quickstrat", r"no such recipe: got quickstrat. Did you mean quickstart\?"),
        ("quickstrat.yaml", r"no such recipe file: got quickstrat.yaml. Did you mean quickstart\?"),
        ("nowhere/mine.yml", "no such recipe file"),
        ("../pipelines/quickstart", "no such recipe"),
        ("", "no such recipe"),
    ],
)
def test_missing_recipes(name: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        load_recipe(name)


def test_a_folder_in_place_of_a_file(tmp_path: Path) -> None:
    (tmp_path / "r.yaml").mkdir()
    with pytest.raises(ConfigError, match="no such recipe file"):
        load_recipe(tmp_path / "r.yaml")
    with pytest.raises(ConfigError, match="the file cannot be read"):
        read_yaml(tmp_path / "r.yaml")
    with pytest.raises(ConfigError, match="no such file"):
        read_yaml(tmp_path / "other.yaml")


# ---- unknown keys ---------------------------------------------------------------------------


PLACES = [((), name) for name in Recipe.model_fields] + [
    ((section,), name) for section, model in SECTIONS.items() for name in model.model_fields
]


def at(path: tuple[str, ...], name: str, value: Any) -> dict[str, Any]:
    return {path[0]: {name: value}} if path else {name: value}


@pytest.mark.parametrize(("path", "name"), PLACES, ids=lambda x: x if isinstance(x, str) else "")
def test_a_slip_in_any_key_is_answered_with_the_right_one(path: tuple[str, ...], name: str) -> None:
    for slip in (name + "x", name.upper(), f"x{name}"):
        message = refused(at(path, slip, 1))
        assert f"unknown setting {'.'.join([*path, slip])!r}" in message
        offered = message.split("Did you mean ")[1].rstrip("?").split(", ")
        assert name in offered


def test_a_key_like_no_other_lists_all() -> None:
    assert refused({"zzzzzz": 1}).endswith("Known: " + ", ".join(sorted(Recipe.model_fields)) + ".")


def test_the_first_of_several_slips_is_told_and_the_others_counted() -> None:
    assert "unknown setting 'train.epoch' (2 more)" in refused(
        {"train": {"epoch": 1}, "maps": {}, "seeds": 0}
    )


def test_keys_of_mappings_are_checked_too() -> None:
    message = refused({"mine": {"negatives": {"esay": 1.0}}})
    assert "unknown setting 'mine.negatives.esay'" in message
    assert "'easy', 'medium' or 'hard'" in message


def test_keys_that_are_no_text() -> None:
    assert "unknown setting '3'" in refused({3: 1})


# ---- values ---------------------------------------------------------------------------------


BAD = [
    ("seed", -1, "greater than or equal to 0"),
    ("seed", 1.5, "a valid integer"),
    ("seed", True, "a valid integer"),
    ("seed", "1", "a valid integer"),
    ("seed", None, "a valid integer"),
    ("name", "Mine", "match pattern"),
    ("name", 3, "a valid string"),
    ("train", 3, "lines of the form name: value"),
    ("train", [1], "lines of the form name: value"),
    ("data.sample_patents", 99, "greater than or equal to 100"),
    ("data.scheme", "epc", "'cpc', 'ipc' or 'both'"),
    ("data.level", "maingroup", "'section', 'class'"),
    ("data.limit", 0, "greater than or equal to 1"),
    ("data.limit", True, "a valid integer"),
    ("data.columns", ["a"], "lines of the form"),
    ("data.columns.abstract", 3, "a valid string"),
    ("data.source", 3, "a valid string"),
    ("split.method", "randomly", "'stratified', 'random', 'date' or 'family'"),
    ("split.dev", -0.1, "greater than or equal to 0"),
    ("split.dev", 1.1, "or equal to 1"),
    ("split.test", -0.1, "greater than or equal to 0"),
    ("split.dev", "10%", "a valid number"),
    ("split.dev", float("nan"), "a finite number"),
    ("mine.relations", "cites", "a valid tuple"),
    ("mine.relations", [], "one relation"),
    ("mine.relations.0", ["cite"], "'cites', 'coupled' or 'class'"),
    ("mine.shared_level", "x", "'section', 'class'"),
    ("mine.negatives", {"easy": 0.5}, "sum to 1, not 0.5"),
    ("mine.negatives.easy", 2, "less than or equal to 1"),
    ("mine.triplets", 0, "greater than or equal to 1"),
    ("mine.per_anchor", 0.5, "a valid integer"),
    ("mine.within_years", -1, "equal to 0"),
    ("encoder.model", None, "a valid string"),
    ("encoder.max_length", 0, "equal to 1"),
    ("encoder.batch_size", 0, "equal to 1"),
    ("encoder.precision", "fp8", "'auto', 'fp32'"),
    ("encoder.store", "float64", "'float16' or 'float32'"),
    ("train.epochs", 0, "greater than 0"),
    ("train.epochs", float("inf"), "a finite number"),
    ("train.batch_size", 0, "equal to 1"),
    ("train.learning_rate", 0, "greater than 0"),
    ("train.warmup", 1.5, "equal to 1"),
    ("train.margin", -1, "greater than 0"),
    ("train.distance", "cosin", "'cosine' or 'euclidean'"),
    ("train.max_length", 0, "to 1"),
    ("fit.head", "level", "one or more of 'levels'"),
    ("fit.head", "knn+levels", "in this order"),
    ("fit.head", "levels+levels", "joined by"),
    ("fit.head", "svm", "'local-svm'"),
    ("fit.head", "flat+harnn", "'harnn' first"),
    ("fit.mask", "medium", "'none', 'hard'"),
    ("fit.hidden", -1, "equal to 0"),
    ("fit.layers", 0, "equal to 1"),
    ("fit.dropout", 1, "less than 1"),
    ("fit.input_dropout", -1, "equal to 0"),
    ("fit.policy", "most", "'path', 'siblings' or 'all'"),
    ("fit.loss", "bec", "'bce'"),
    ("fit.calibration", "platt", "'temperature' or"),
    ("fit.epochs", 0, "equal to 1"),
    ("fit.batch_size", 1.5, "a valid integer"),
    ("fit.learning_rate", 0, "greater than 0"),
    ("fit.patience", -1, "equal to 0"),
    ("fit.weight_decay", -1, "equal to 0"),
    ("fit.precision", "tf32", "'auto'"),
    ("fit.neighbors", 0, "equal to 1"),
    ("fit.sharpness", -1, "equal to 0"),
    ("fit.neighbor_weight", 2, "'auto', or less than or equal to 1"),
    ("fit.prune", 1, "less than 1"),
    ("fit.device", 0, "a valid string"),
    ("train.loss", "cosine", "'triplet', 'mnr' or 'gist'"),
    ("train.dropout", 0.1, "a valid boolean"),
    ("train.frozen_layers", -1, "equal to 0"),
    ("train.precision", "x", "'auto'"),
    ("fit.alpha", 0, "greater than 0"),
    ("fit.level_weights.1", [1.0, -2.0], "equal to 0"),
    ("fit.monitor", "f1", "'average_precision'"),
    ("fit.threshold", 2, "'label', or less than or equal to 1"),
    ("fit.threshold", "lable", "'label', or a valid number"),
    ("fit.at_least_one", 1, "a valid boolean, or 'section'"),
    ("fit.at_least_one", "subclas", "a valid boolean, or 'section'"),
    ("fit.back_off", 1.1, "to 1"),
    ("fit.top_k", 0, "to 1"),
    ("fit.dev_fraction", 0, "greater than 0"),
    ("fit.shrinkage", -1, "to 0"),
    ("index.spec", None, "a valid string"),
    ("map.method", "tsne", "'umap' or 'pca'"),
    ("map.neighbors", 1, "equal to 2"),
    ("map.min_dist", 2, "to 1"),
    ("map.fit_sample", 2e4, "a valid integer"),
    ("evaluate.metrics", [], "at least 1 item"),
    ("evaluate.retrieval", [], "at least 1 item"),
    ("evaluate.queries", 0, "equal to 1"),
    ("evaluate.example", 3, "a valid string"),
]


@pytest.mark.parametrize(
    ("key", "value", "wanted"), BAD, ids=[f"{key}={value!r}" for key, value, _ in BAD]
)
def test_wrong_types_and_ranges_name_the_setting_and_what_would_do(
    key: str, value: Any, wanted: str
) -> None:
    parts = [p for p in key.split(".") if not p.isdigit()]
    for part in reversed(parts):
        value = {part: value}
    message = refused(value)
    name = key if "sum to 1" not in wanted and wanted != "one relation" else "mine"
    assert f"setting {name!r} cannot be used (in mine.yaml)" in message
    assert wanted in message.split("wanted ")[1]


def test_settings_that_do_not_go_together() -> None:
    message = refused({"split": {"dev": 0.5, "test": 0.5}})
    assert "setting 'split' cannot be used" in message
    assert "dev + test below 1" in message
    with pytest.raises(ConfigError, match="these settings cannot be used"):
        make_settings(SplitSettings, {"dev": 0.5, "test": 0.5})


@pytest.mark.parametrize("values", [None, [1], "x", 3])
def test_settings_must_be_a_mapping(values: Any) -> None:
    with pytest.raises(ConfigError, match="settings must be a mapping"):
        make_settings(Recipe, values)


def test_nothing_is_taken_for_something_else() -> None:
    """YAML's 1.1 corners: yes is not 1, a quoted number is no number, 1e-3 is one."""
    values = yaml.safe_load("{a: yes, b: '3', c: 1e-3}")
    assert values == {"a": True, "b": "3", "c": "1e-3"}  # what plain YAML reads
    recipe = load_recipe("quickstart", ["train.learning_rate=1e-3", "train.margin=5E-1"])
    assert (recipe.train.learning_rate, recipe.train.margin) == (1e-3, 0.5)


# ---- overrides ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("k=1", 1),
        ("k=1.5", 1.5),
        ("k=2e-5", 2e-5),
        ("k=-1E+3", -1e3),
        ("k=true", True),
        ("k=null", None),
        ("k=~", None),
        ("k=", None),
        ("k= ", None),
        ("k='1'", "1"),
        ("k=a=b", "a=b"),
        ("k=[1, a]", [1, "a"]),
        ("k={a: 1}", {"a": 1}),
        ("k=2015-01-01", "2015-01-01"),
        ("k=/data/patents", "/data/patents"),
        (" k =x", "x"),
        ("k=über", "über"),
    ],
)
def test_override_values_are_read_as_yaml(text: str, value: Any) -> None:
    found = apply_overrides({}, [text])
    assert found == {"k": value}
    assert type(found["k"]) is type(value)


def test_overrides_reach_down_and_the_last_one_wins() -> None:
    given = {"a": {"b": {"c": 1, "d": 2}}, "e": None}
    found = apply_overrides(given, ["a.b.c=5", "a.b.c=6", "e.f=7", "g.h.i=8", "a.x=null"])
    assert found == {"a": {"b": {"c": 6, "d": 2}, "x": None}, "e": {"f": 7}, "g": {"h": {"i": 8}}}
    assert given == {"a": {"b": {"c": 1, "d": 2}}, "e": None}  # arguments stay as they are


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("seed", "must be given as name=value: got 'seed'"),
        ("=1", "must be given as name=value"),
        (".seed=1", "must be given as"),
        ("data.=1", "must be given as"),
        ("a..b=1", "must be given as"),
        ("seed=[1", r"the value cannot be read \(in --set seed\): got \[1"),
        ("seed={a: 1, a: 2}", "the value cannot be read"),
        ("seed.more=1", "'seed' is not a section of settings"),
        ("Seed=1", r"unknown setting 'Seed' .*Did you mean seed\?"),
        ("tran.epochs=1", r"unknown setting 'tran' .*Did you mean train, tune\?"),
        ("train.epocs=1", r"unknown setting 'train.epocs' .*Did you mean epochs\?"),
        ("train.epochs=many", "setting 'train.epochs' cannot be used"),
        ("data=5", "setting 'data' cannot be used"),
    ],
)
def test_bad_overrides(text: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        load_recipe("quickstart", [text])


def test_null_takes_a_setting_back_to_nothing() -> None:
    recipe = load_recipe("quickstart", ["mine.within_years=null", "data.limit=10", "data.limit="])
    assert recipe.mine.within_years is None
    assert recipe.data.limit is None


@given(st.integers(0, 10**9), st.floats(1e-9, 1e9), st.sampled_from(["umap", "pca"]))
def test_what_is_set_is_what_is_there(seed: int, rate: float, method: str) -> None:
    recipe = load_recipe(
        "quickstart", [f"seed={seed}", f"train.learning_rate={rate!r}", f"map.method={method}"]
    )
    assert (recipe.seed, recipe.train.learning_rate, recipe.map.method) == (seed, rate, method)


# ---- agreement ------------------------------------------------------------------------------

OWN = ("seed", "text", "level", "verbose")
"""Parameters of the classifier that a recipe sets elsewhere, or has no use for."""


def test_the_classifiers_parameters_are_its_settings_with_the_same_defaults() -> None:
    parameters = inspect.signature(PatentClassifier).parameters
    fields = {name: field.default for name, field in EstimatorSettings.model_fields.items()}
    assert {name: p.default for name, p in parameters.items()} == fields
    assert list(parameters) == list(fields) == [*ClassifierSettings.model_fields, *OWN]
    assert PatentClassifier().get_params() == fields
    assert PatentClassifier(**ClassifierSettings().model_dump()).get_params() == fields
    for name, field in EstimatorSettings.model_fields.items():
        assert f"    {name} : " in str(PatentClassifier.__doc__)
        assert str(field.description) in str(PatentClassifier.__doc__)
    with pytest.raises(TypeError, match=r"unknown parameter 'epoch'\. Did you mean epochs"):
        PatentClassifier(epoch=3)


def test_settings_that_are_gone_may_stand_as_null() -> None:
    """As in recipes and saved classifiers of before."""
    assert make_settings(ClassifierSettings, {"rank": None}) == ClassifierSettings()
    with pytest.raises(ConfigError, match="unknown setting 'rank'"):
        make_settings(ClassifierSettings, {"rank": 16})


def choices(field: str) -> set[Any]:
    """Texts that a setting of the classifier accepts."""
    found: set[Any] = set()
    parts = [ClassifierSettings.model_fields[field].annotation]
    while parts:
        part = parts.pop()
        found |= {part} if isinstance(part, str) else set()
        parts += get_args(part)
    return found


def test_names_in_the_settings_are_the_names_that_the_classifier_knows() -> None:
    from patentcl.classification.calibration import METHODS
    from patentcl.classification.heads import HEADS
    from patentcl.classification.heads.base import MASKS, POLICIES
    from patentcl.classification.members import HEAD_NAMES

    assert set(HEAD_NAMES) == set(HEADS)
    for field, known in (
        ("loss", LOSSES),
        ("mask", MASKS),
        ("policy", POLICIES),
        ("calibration", METHODS),
    ):
        assert choices(field) == set(known), field


def test_levels_are_those_of_the_classification() -> None:
    assert [level_index(name) for name in get_args(Level)] == [0, 1, 2, 3, 4]
    assert CpcTree.from_symbols(["A01B1/02"], level="subgroup").levels == get_args(Level)


def test_settings_are_frozen_and_apart_from_each_other() -> None:
    recipe = Recipe(name="mine")
    with pytest.raises(ValidationError):
        recipe.seed = 1  # type: ignore[misc]
    with pytest.raises(ValidationError):
        recipe.data.limit = 1  # type: ignore[misc]
    assert MiningRules().negatives is not MiningRules().negatives
    assert DataSettings().columns is not DataSettings().columns


def test_every_settings_class_is_strict_and_explained() -> None:
    for model in [Recipe, *SECTIONS.values()]:
        assert issubclass(model, Settings)
        assert model.model_config["extra"] == "forbid"
        assert model.model_config["frozen"]
        assert model.__doc__
        assert not dataclasses.is_dataclass(model)


def test_every_setting_has_a_short_meaning() -> None:
    rows = describe(Recipe)
    assert len(rows) > 80 and len({row.key for row in rows}) == len(rows)
    for row in rows:
        assert re.fullmatch(r"\S.{5,95}\.", row.meaning), row
        assert row.type and "<class" not in row.type, row


def test_settings_are_described_by_key_type_default_and_meaning() -> None:
    class Inner(Settings):
        """What is inside."""

        share: Share | None = None
        """A share."""

    class Outer(Settings):
        """All of it."""

        name: str
        """Its name."""
        kinds: tuple[Literal["a", "b"], ...] = ("a",)
        """Its kinds."""
        parts: dict[str, Positive] = {}  # noqa: RUF012
        """Its parts."""
        flag: bool = True
        """Its flag."""
        inner: Inner = Inner()
        """What is in it."""

    assert list(map(tuple, describe(Outer))) == [
        ("name", "text", "(needed)", "Its name."),
        ("kinds", "list of a | b", ("a",), "Its kinds."),
        ("parts", "mapping of text to whole number >= 1", {}, "Its parts."),
        ("flag", "true | false", True, "Its flag."),
        ("inner", "section", None, "What is in it."),
        ("inner.share", "number >= 0 and <= 1 | null", None, "A share."),
    ]


@pytest.mark.parametrize("model", [Recipe, *SECTIONS.values()])
def test_help_on_settings_explains_each_and_little_else(model: type[Settings]) -> None:
    text = pydoc.plain(pydoc.render_doc(model))
    for name, field in model.model_fields.items():
        assert f"{name} : " in text
        assert str(field.description) in text
    assert len(text) < 6_000 and "model_dump" not in text
    assert dir(model) == sorted(model.model_fields)
    arguments = inspect.signature(model).parameters
    assert list(arguments) == list(model.model_fields)
    assert all(each.annotation is each.empty for each in arguments.values())


BOMB = "\n".join(
    ["k0: &a0 [x]", *(f"k{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 9)}]" for i in range(1, 40))]
)


@pytest.mark.parametrize("text", [BOMB, "a: &a [*a]", "[" * 20_000, "a: !!int x"])
def test_yaml_that_grows_or_never_ends(tmp_path: Path, text: str) -> None:
    path = tmp_path / "x.yaml"
    path.write_text(text)
    with pytest.raises(ConfigError, match="not valid YAML"):
        read_yaml(path)
    with pytest.raises(ConfigError, match="the value cannot be read"):
        apply_overrides({}, [f"a={text}"])
