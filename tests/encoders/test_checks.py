"""Models with missing or foreign parts are refused; fingerprints cover what shapes a vector."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from safetensors.torch import load_file, save_file
from tiny import WORDS, write_tiny_encoder

from patentcl.core.errors import DataError
from patentcl.encoders.checks import same_encoder
from patentcl.encoders.encoder import PatentEncoder
from patentcl.encoders.light import LightEncoder

WEIGHTS, POOLING = "model.safetensors", "1_Pooling/config.json"


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_tiny_encoder(tmp_path_factory.mktemp("whole") / "model", WORDS)


@pytest.fixture
def model(whole: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(whole, tmp_path / "model"))


def keep(folder: Path, wanted: Callable[[str], bool]) -> None:
    weights = {k: v for k, v in load_file(folder / WEIGHTS).items() if wanted(k)}
    save_file(weights, folder / WEIGHTS, metadata={"format": "pt"})


def put(path: Path, **values: Any) -> None:
    path.write_text(json.dumps({**json.loads(path.read_text()), **values}))


def as_transformers(folder: Path) -> None:
    for name in ("modules.json", "sentence_bert_config.json", "config_sentence_transformers.json"):
        (folder / name).unlink(missing_ok=True)
    shutil.rmtree(folder / "1_Pooling")


@pytest.mark.parametrize("plain", [False, True])
def test_a_missing_layer_is_refused_and_a_missing_pooler_is_not(model: Path, plain: bool) -> None:
    before = PatentEncoder.load(model, device="cpu").encode(WORDS, precision="fp32")
    if plain:
        as_transformers(model)
    keep(model, lambda name: "pooler" not in name)
    after = PatentEncoder.load(model, device="cpu").encode(WORDS, precision="fp32")
    assert (before == after).all()
    keep(model, lambda name: "layer.1.output.dense" not in name)
    missing = r"weights are missing.*encoder\.layer\.1\.output\.dense\.bias, .*\(2 tensors\)"
    with pytest.raises(DataError, match=missing):
        PatentEncoder.load(model)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("tokenizer.json", "tokenizer of the model is missing or damaged: it knows no words"),
        (POOLING, r"a file of the model is missing.*1_Pooling.config\.json"),
        ("modules.json", r"modules\.json.*says how 1_Pooling is used"),
        ("config.json", r"a file of the model is missing.*config\.json"),
        (WEIGHTS, r"a file of the model is missing.*model\.safetensors"),
    ],
)
def test_a_missing_file_is_named(model: Path, name: str, message: str) -> None:
    (model / name).unlink()
    with pytest.raises(DataError, match=message):
        PatentEncoder.load(model)


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("config.json", {"hidden_size": 10**9}),
        ("config.json", {"num_hidden_layers": 10**9}),
        ("config.json", {"vocab_size": 10**9}),
        ("config.json", {"max_position_embeddings": 10**9}),
        ("config.json", {"hidden_size": 64}),
        ("config.json", {"num_hidden_layers": 3}),
        (POOLING, {"embedding_dimension": 33}),
    ],
)
def test_sizes_that_the_weights_do_not_have_are_refused(
    model: Path, name: str, values: dict[str, int]
) -> None:
    put(model / name, **values)
    with pytest.raises(DataError, match=r"do not belong together|missing|no model can be loaded"):
        PatentEncoder.load(model)


def test_a_tokenizer_of_another_model_and_weights_that_are_nan(model: Path, tmp_path: Path) -> None:
    other = write_tiny_encoder(tmp_path / "other", [*WORDS, "many more words than before"])
    shutil.copy(other / "tokenizer.json", tmp_path / "kept")
    (model / "tokenizer.json").rename(tmp_path / "own")
    (tmp_path / "kept").rename(model / "tokenizer.json")
    with pytest.raises(DataError, match="tokenizer and weights of the model do not belong"):
        PatentEncoder.load(model)
    (tmp_path / "own").rename(model / "tokenizer.json")
    weights = load_file(model / WEIGHTS)
    weights["encoder.layer.0.output.dense.bias"][3] = float("nan")
    save_file(weights, model / WEIGHTS, metadata={"format": "pt"})
    with pytest.raises(DataError, match="weights of the model are damaged"):
        PatentEncoder.load(model)


def swap_words(folder: Path) -> None:
    """Give two words each other's numbers."""
    path = folder / "tokenizer.json"
    state = json.loads(path.read_text())
    words = state["model"]["vocab"]
    words["motor"], words["grass"] = words["grass"], words["motor"]
    path.write_text(json.dumps(state))


def cased(folder: Path) -> None:
    path = folder / "tokenizer.json"
    state = json.loads(path.read_text())
    state["normalizer"]["lowercase"] = False
    path.write_text(json.dumps(state))
    put(folder / "tokenizer_config.json", do_lower_case=False)


@pytest.mark.parametrize(
    "change",
    [
        swap_words,
        cased,
        lambda folder: put(folder / POOLING, pooling_mode="cls"),
        lambda folder: put(folder / "config.json", hidden_act="relu"),
        lambda folder: put(folder / "config.json", num_attention_heads=4),
        lambda folder: put(folder / "config.json", layer_norm_eps=0.1),
        lambda folder: put(
            folder / "config_sentence_transformers.json",
            prompts={"query": "Find: "},
            default_prompt_name="query",
        ),
    ],
)
def test_what_changes_vectors_changes_the_fingerprint(
    model: Path, change: Callable[[Path], None]
) -> None:
    before = PatentEncoder.load(model, 16).fingerprint
    assert LightEncoder.load(str(model), 16, before) is not None
    change(model)
    after = PatentEncoder.load(model, 16).fingerprint
    assert after.partition("-")[0] == before.partition("-")[0]
    assert not same_encoder(before, after)
    assert LightEncoder.load(str(model), 16, before) is None


def test_fingerprints_of_before_are_compared_by_weights_and_length() -> None:
    assert same_encoder("abc", "abc-1") and same_encoder("abc-1", "abc")
    assert same_encoder("abc-1", "abc-1") and not same_encoder("abc-1", "abc-2")
    assert not same_encoder("abd", "abc-1") and not same_encoder(None, "abc-1")
