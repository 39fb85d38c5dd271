"""Finding a model: what is on this machine, what is refused before a download; its card."""

from __future__ import annotations

import shutil
import socket
from pathlib import Path

import pytest

from patentcl.core.errors import ConfigError, DataError, MissingExtra
from patentcl.encoders import packaged
from patentcl.encoders.encoder import PatentEncoder
from patentcl.encoders.models import find_model, model_card, quiet_bars


@pytest.mark.parametrize("shown", [True, False])
def test_progress_bars_are_as_before_afterwards(shown: bool) -> None:
    from transformers.utils import logging as bars

    before = bars.is_progress_bar_enabled()
    try:
        (bars.enable_progress_bar if shown else bars.disable_progress_bar)()
        with pytest.raises(KeyError), quiet_bars():
            assert not bars.is_progress_bar_enabled()
            raise KeyError
        assert bars.is_progress_bar_enabled() == shown
    finally:
        (bars.enable_progress_bar if before else bars.disable_progress_bar)()


def test_minilm_is_on_this_machine() -> None:
    place, local = find_model("minilm")
    assert local and (Path(place) / "modules.json").is_file()


def test_minilm_without_its_package(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(packaged.util, "find_spec", lambda name: None)
    with pytest.raises(MissingExtra, match=r"not installed.*pip install"):
        find_model("minilm")


def test_a_folder_without_a_model(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"the folder holds no model.*modules.json"):
        PatentEncoder.load(tmp_path)
    (tmp_path / "modules.json").write_text("[")
    with pytest.raises(DataError, match="no model can be loaded from there"):
        PatentEncoder.load(tmp_path)


def test_damaged_weights(tiny: PatentEncoder, tmp_path: Path) -> None:
    tiny.save(tmp_path / "copy")
    (tmp_path / "copy" / "model.safetensors").write_bytes(b"cut")
    with pytest.raises(DataError, match=r"config.json and weights of the model do not belong"):
        PatentEncoder.load(tmp_path / "copy")


@pytest.mark.parametrize("name", ["./nowhere", "~/no-such-folder-here", "/no/such/folder", "a/b/c"])
def test_no_such_folder(name: str) -> None:
    with pytest.raises(DataError, match="no such encoder folder"):
        find_model(name)


def test_a_file_is_no_model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "model.bin").write_bytes(b"")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(DataError, match=r"no such encoder folder: got model.bin"):
        find_model("model.bin")


def without_network(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(address: object, timeout: object = None) -> None:
        raise OSError("Network is unreachable")

    for name in ("HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(socket, "create_connection", refuse)


def test_a_hub_name_without_a_network_says_how_to_name_a_folder(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    without_network(monkeypatch)
    with pytest.raises(ConfigError) as error:
        find_model("nobody-9f2c/no-such-model")
    text = str(error.value)
    assert "\n" not in text
    for part in (
        "cannot be reached",
        "Network is unreachable",
        "nobody-9f2c/no-such-model",
        "Name a local copy: --set encoder.model=FOLDER",
    ):
        assert part in text


def test_a_hub_name_when_the_hub_is_switched_off(monkeypatch: pytest.MonkeyPatch) -> None:
    from huggingface_hub import constants

    without_network(monkeypatch)
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    with pytest.raises(ConfigError, match=r"HF_HUB_OFFLINE is set.*encoder.model=FOLDER"):
        find_model("nobody-9f2c/no-such-model")


def test_a_model_in_the_hubs_cache_needs_no_network(
    tiny: PatentEncoder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from huggingface_hub import constants

    without_network(monkeypatch)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path))
    snapshot = tmp_path / "models--someone--tiny" / "snapshots" / ("0" * 40)
    tiny.save(tmp_path / "copy")
    shutil.copytree(tmp_path / "copy", snapshot)
    (snapshot.parent.parent / "refs").mkdir()
    (snapshot.parent.parent / "refs" / "main").write_text("0" * 40)
    assert find_model("someone/tiny") == ("someone/tiny", True)


def test_the_card_has_its_facts_and_readable_front_matter() -> None:
    import yaml

    card = model_card("quick", "minilm", {"triplets": 64, "loss": "triplet"}, " </s> ")
    head = yaml.safe_load(card.split("---")[1])
    assert (head["base_model"], head["tags"][1]) == ("minilm", "patents")
    assert '"A title" + " </s> " + "An abstract ..."' in card
    assert "| triplets | 64 |" in card and "# quick" in card
