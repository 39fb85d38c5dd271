"""A tiny encoder that the tests of this folder share."""

from __future__ import annotations

import pytest
from tiny import WORDS, write_tiny_encoder

from patentcl.encoders.encoder import PatentEncoder


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> PatentEncoder:
    folder = write_tiny_encoder(tmp_path_factory.mktemp("tiny") / "encoder", WORDS)
    return PatentEncoder.load(folder, device="cpu")
