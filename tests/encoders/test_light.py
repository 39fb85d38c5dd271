"""The light encoder against the full one, and what it leaves to it."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from tiny import write_tiny_encoder

from patentcl import PatentEncoder
from patentcl.encoders.frozen import add_map
from patentcl.encoders.light import LightEncoder

TEXTS = ["a mower with a blade", ("Pump", "A pump with a seal, and a mower. " * 30), "blade"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_tiny_encoder(tmp_path_factory.mktemp("light") / "tiny", [" ".join(TEXTS[1])])


def change(folder: Path, to: Path, name: str, **values: object) -> Path:
    """A copy of a model's folder with other values in one of its files."""
    import shutil

    shutil.copytree(folder, to)
    of = json.loads((to / name).read_text())
    (to / name).write_text(json.dumps({**of, **values}))
    return to


@pytest.mark.parametrize("pooling", ["mean", "cls"])
def test_vectors_are_the_full_encoder_s(folder: Path, tmp_path: Path, pooling: str) -> None:
    model = change(folder, tmp_path / "m", "1_Pooling/config.json", pooling_mode=pooling)
    full = PatentEncoder.load(model, 16)
    light = LightEncoder.load(str(model), 16, full.fingerprint)
    assert light is not None
    np.testing.assert_allclose(light.encode(TEXTS), full.encode(TEXTS, precision="fp32"), atol=1e-5)


def test_the_small_model_of_the_package() -> None:
    full = PatentEncoder.load("minilm", 32)
    light = LightEncoder.load("minilm", 32, full.fingerprint)
    assert light is not None
    np.testing.assert_allclose(light.encode(TEXTS), full.encode(TEXTS, precision="fp32"), atol=1e-5)


def test_a_tuned_map_is_covered(folder: Path, tmp_path: Path) -> None:
    base = PatentEncoder.load(folder, 16)
    add_map(base.model)
    with torch.no_grad():
        for i, p in enumerate(base.model[3].parameters()):
            p.add_(torch.randn(p.shape, generator=torch.Generator().manual_seed(i)) / 4)
    base.save(tmp_path / "m")
    full = PatentEncoder.load(tmp_path / "m", 16)
    light = LightEncoder.load(str(tmp_path / "m"), 16, full.fingerprint)
    assert light is not None
    np.testing.assert_allclose(light.encode(TEXTS), full.encode(TEXTS, precision="fp32"), atol=1e-5)
    bent = change(tmp_path / "m", tmp_path / "b", "3_Dense/config.json", activation_function="x")
    assert LightEncoder.load(str(bent), 16, full.fingerprint) is None


def test_what_it_does_not_cover_is_left_to_the_full_one(folder: Path, tmp_path: Path) -> None:
    print_ = PatentEncoder.load(folder, 16).fingerprint
    assert LightEncoder.load(str(folder), 16, "another") is None
    assert LightEncoder.load(str(folder), 17, print_) is None
    assert LightEncoder.load(str(folder), None, print_) is None
    assert LightEncoder.load(str(tmp_path / "nowhere"), 16, print_) is None
    for i, (name, values) in enumerate(
        (
            ("1_Pooling/config.json", {"pooling_mode": "max"}),
            ("config.json", {"model_type": "mpnet"}),
            ("config.json", {"hidden_act": "relu"}),
            ("config_sentence_transformers.json", {"default_prompt_name": "query"}),
        )
    ):
        changed = change(folder, tmp_path / str(i), name, **values)
        assert LightEncoder.load(str(changed), 16, print_) is None
