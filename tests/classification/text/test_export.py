"""The encoder inside a classifier of texts gives the classifier's own document vectors."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from tiny import write_tiny_encoder

from patentcl import CpcTree, PatentClassifier, PatentEncoder
from patentcl.core.errors import DataError

TEXTS = [("plough", "a plough for soil"), ("car", "the engine of a car"), ("seed", "a seed drill")]
CODES = [["A01B"], ["B60K"], ["A01C"]]
TREE = CpcTree.from_symbols(["A01B", "A01C", "B60K"])


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = tmp_path_factory.mktemp("tiny") / "encoder"
    return str(write_tiny_encoder(folder, [" ".join(t) for t in TEXTS]))


def fit(head: str, **text: Any) -> PatentClassifier:
    settings: dict[str, Any] = {"hidden": 4, "epochs": 1, "precision": "fp32", "device": "cpu"}
    model = PatentClassifier(head, **settings, text={"learning_rate": 0.01, **text})
    return model.fit(TEXTS * 4, CODES * 4, TREE, (TEXTS, CODES))


@pytest.mark.parametrize(
    ("head", "text"),
    [
        ("levels", {}),
        ("thmm", {"pooling": "cls"}),
        ("flat", {"pooling": "mean", "max_length": 6}),
        ("flat+knn", {"pooling": "mean", "layers": 2}),
        ("levels", {"pooling": "cls", "layers": 2}),
        ("knn", {"pooling": "cls"}),
        ("harnn", {}),
    ],
)
def test_vectors_are_the_classifiers_own(
    head: str, text: dict[str, Any], tiny: str, tmp_path: Path
) -> None:
    model = fit(head, model=tiny, **text)
    side = model._ensemble.text
    want = side.vectors(side.read(TEXTS, "texts"))
    model.text_encoder().save(tmp_path / "encoder")
    model.save(tmp_path / "classifier")
    again = PatentClassifier.load(tmp_path / "classifier").text_encoder()
    for encoder in (PatentEncoder.load(tmp_path / "encoder"), model.text_encoder(), again):
        assert encoder.max_length == text.get("max_length", 128)
        np.testing.assert_allclose(encoder.encode(TEXTS, precision="fp32"), want, atol=1e-5)
    if head != "knn":  # which tunes nothing
        assert abs(PatentEncoder.load(tiny).encode(TEXTS, precision="fp32") - want).max() > 1e-3


def test_a_convolution_leaves_the_mean_of_the_tuned_token_vectors(tiny: str) -> None:
    model = fit("flat", model=tiny, pooling="cnn", filters=4, layers=2)
    reader = model._ensemble.text.model.reader
    tokens = reader.tokens([f"{t} [SEP] {a}" for t, a in TEXTS])
    found = model.text_encoder().encode(TEXTS, precision="fp32")
    for i, vector in enumerate(found):
        ids, mask = tokens.padded(np.array([i]), reader.pad)
        inner = reader.model[0].model
        with torch.inference_mode():
            states = inner(torch.from_numpy(ids), torch.from_numpy(mask).long()).last_hidden_state
        np.testing.assert_allclose(vector, states[0].mean(dim=0).numpy(), atol=1e-5)


def test_where_there_is_none_the_reason_is_given(tiny: str) -> None:
    with pytest.raises(DataError, match="holds no text encoder: got word vectors"):
        fit("flat", model="words", min_count=1).text_encoder()
    with pytest.raises(DataError, match="got local-svm, fitted on words"):
        PatentClassifier("local-svm").fit(TEXTS * 4, CODES * 4, TREE).text_encoder()
    X = np.eye(6, dtype=np.float32)
    with pytest.raises(DataError, match="got knn, fitted on embeddings"):
        PatentClassifier("knn").fit(X, CODES * 2, TREE).text_encoder()
