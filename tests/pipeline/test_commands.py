"""A folder is the same however it was made: by commands one by one, or by a recipe."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from calling import Done, call
from tiny import write_tiny_encoder

from patentcl import Corpus, run_pipeline
from patentcl.core.artifacts import read_manifest
from patentcl.sample import write_sample

RECIPE = """
extends: quickstart
name: tiny
seed: 3
data: {{sample_patents: 300}}
mine: {{triplets: 48}}
train: {{max_length: 32}}
encoder: {{model: {model}, max_length: 64}}
fit: {{epochs: 3, hidden: 32}}
map: {{method: pca}}
"""


@pytest.fixture(scope="module")
def here(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a model, and a run made by commands with the settings of a recipe."""
    root = tmp_path_factory.mktemp("commands")
    write_sample(root / "words", patents=300, seed=3)
    texts = [f"{t} {a}" for t, a in Corpus.read(root / "words").texts]
    write_tiny_encoder(root / "model", texts)
    (root / "tiny.yaml").write_text(RECIPE.format(model=root / "model"), encoding="utf-8")
    for command in (
        ["sample", "run/sample"],
        ["load", "run/sample", "--graph", "duckdb://run/graph.duckdb"],
        ["mine", "duckdb://run/graph.duckdb"],
        ["train", "run/triplets"],
        ["embed", "run", "--encoder", "run/encoder"],
        ["embed", "run", "--out", "run/vectors-base"],
        ["fit", "run/vectors"],
        ["fit", "run/vectors-base", "--out", "run/classifier-base"],
        ["index", "run/vectors"],
        ["map", "run/vectors"],
        ["evaluate", "run"],
    ):
        done = _call(root, *command, "--recipe", "tiny.yaml")
        assert ": running (not there yet)" in done.stderr, done.stderr
    return root


def _call(root: Path, *arguments: object, code: int = 0) -> Done:
    done = call(*arguments, cwd=root)
    assert done.returncode == code, done.stderr
    return done


def test_a_recipe_skips_what_commands_have_made(here: Path, tmp_path: Path) -> None:
    shutil.copytree(here / "run", tmp_path / "run")
    result = run_pipeline(here / "tiny.yaml", out=tmp_path / "run")
    status = {o.stage: o.status for o in result.outcomes}
    assert len(status) == 11 and set(status.values()) == {"skipped"}, status


def test_a_command_skips_what_a_recipe_has_made(here: Path, tmp_path: Path) -> None:
    result = run_pipeline(here / "tiny.yaml", out=tmp_path / "run")
    assert {o.status for o in result.outcomes} == {"done"}
    (tmp_path / "tiny.yaml").write_text((here / "tiny.yaml").read_text())
    for command in (["train", "run/triplets"], ["fit", "run/vectors"], ["map", "run/vectors"]):
        done = _call(tmp_path, *command, "--recipe", "tiny.yaml")
        assert f"{command[0]}: skipped, same settings and inputs" in done.stderr


def test_the_same_settings_give_the_same_manifests(here: Path, tmp_path: Path) -> None:
    run_pipeline(here / "tiny.yaml", out=tmp_path / "run")
    for folder in ("sample", ".", "triplets", "encoder", "vectors", "classifier", "index"):
        ours, theirs = (read_manifest(r / "run" / folder) or {} for r in (here, tmp_path))
        for key in ("stage", "settings", "fingerprint", "seed", "counts"):
            assert ours.get(key) == theirs.get(key), (folder, key)


def test_a_command_runs_again_where_its_input_has_changed(here: Path, tmp_path: Path) -> None:
    """Under the same path: a corpus loaded anew, a file edited, a model replaced."""
    rows = ["id,title,abstract,codes"]
    rows += [
        f"p{i},A pump {i},It pumps {'ABCDEFGH'[i % 8]},{'ABCDEFGH'[i % 8]}01B" for i in range(40)
    ]
    (tmp_path / "mine.csv").write_text("\n".join(rows) + "\n")
    load = ("load", "mine.csv", "--graph", "duckdb://work/graph.duckdb")
    embed = ("embed", "work", "--encoder", "model")
    shutil.copytree(here / "model", tmp_path / "model")
    for command in (load, embed):
        assert "running (not there yet)" in _call(tmp_path, *command).stderr
        assert "skipped" in _call(tmp_path, *command).stderr
    (tmp_path / "mine.csv").write_text("\n".join(rows[:-1]) + "\n")
    assert "load: running (source changed)" in _call(tmp_path, *load).stderr
    assert "embed: running (corpus changed)" in _call(tmp_path, *embed).stderr
    assert read_manifest(tmp_path / "work" / "vectors")["counts"]["vectors"] == 39  # type: ignore[index]
    texts = [f"{t} {a}" for t, a in Corpus.read(tmp_path / "work").texts]
    shutil.rmtree(tmp_path / "model")
    write_tiny_encoder(tmp_path / "model", texts, seed=1)
    assert "embed: running (encoder changed)" in _call(tmp_path, *embed).stderr
    changed = _call(tmp_path, *embed, "--set", "max_length=16")
    assert "running (settings changed: encoder.max_length)" in changed.stderr


def test_former_keys_are_read_and_useless_ones_refused(here: Path, tmp_path: Path) -> None:
    shutil.copytree(here / "run", tmp_path / "run")
    (tmp_path / "tiny.yaml").write_text((here / "tiny.yaml").read_text())
    fit = ("fit", "run/vectors", "--recipe", "tiny.yaml")
    for key in ("epochs=3", "fit.epochs=3", "classifier.epochs=3"):
        assert "skipped" in _call(tmp_path, *fit, "--set", key).stderr
    line = _call(tmp_path, *fit, "--set", "map.method=pca", code=1).stderr
    assert "'map.method' has no effect here" in line and "fit" in line
    line = _call(tmp_path, *fit, "--set", "fit.epoch=3", code=1).stderr
    assert "unknown setting 'fit.epoch'" in line and "epochs" in line


def test_a_run_loaded_for_another_level_is_fitted_for_it(here: Path, tmp_path: Path) -> None:
    shutil.copytree(here / "run", tmp_path / "run")
    load = ("load", "run/sample", "--graph", "duckdb://run/graph.duckdb", "--recipe")
    shutil.copy(here / "tiny.yaml", tmp_path / "tiny.yaml")
    assert "data.level" in _call(tmp_path, *load, "tiny.yaml", "--level", "class").stderr
    _call(tmp_path, "embed", "run", "--recipe", "tiny.yaml")
    _call(tmp_path, "fit", "run/vectors", "--recipe", "tiny.yaml")
    config = (tmp_path / "run" / "classifier" / "manifest.json").read_text()
    labels = read_manifest(tmp_path / "run" / "classifier")["counts"]["labels"]  # type: ignore[index]
    assert labels == len(Corpus(tmp_path / "run" / "corpus.parquet", "class").tree), config
