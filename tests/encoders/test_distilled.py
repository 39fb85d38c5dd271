"""A static encoder is the least-squares fit to a model's vectors, and reads as others do."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from tiny import WORDS, write_tiny_encoder
from typer.testing import CliRunner

from patentcl.classification.text.backbones import TransformerReader
from patentcl.cli.app import app
from patentcl.core.arrays import unit_rows
from patentcl.core.errors import ConfigError, DataError, TooFew
from patentcl.data.corpus import Corpus
from patentcl.encoders import distilled
from patentcl.encoders.checks import token_numbers
from patentcl.encoders.distilled import distill_encoder
from patentcl.encoders.encoder import PatentEncoder
from patentcl.encoders.frozen import Bags
from patentcl.encoders.light import LightEncoder
from patentcl.encoders.tokens import Tokens
from patentcl.encoders.training import train_encoder

KNOWN = [w for w in dict.fromkeys(WORDS) if w.isalpha()]


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> PatentEncoder:
    return PatentEncoder.load(write_tiny_encoder(tmp_path_factory.mktemp("tiny") / "e", WORDS))


@pytest.fixture(scope="module")
def corpus() -> Corpus:
    rng = np.random.default_rng(0)
    return Corpus.from_records(
        {
            "patent_id": str(i),
            "title": "" if i % 3 else "a mower",
            "abstract": " ".join(rng.choice(KNOWN, 8)),
            "codes": [],
        }
        for i in range(240)
    )


def test_it_is_the_ridge_solution_and_nears_the_model(
    model: PatentEncoder, corpus: Corpus, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(distilled, "_ROUNDS", 60)  # to the end: there are 30 words
    rows = np.arange(len(corpus))
    result = distill_encoder(model, corpus)
    static = result.encoder
    tokenizer = static.model.tokenizer
    texts = [" . ".join(t for t in pair if t) for pair in corpus.select(rows).texts]
    bags = np.zeros((len(texts), tokenizer.get_vocab_size()))
    for row, text in zip(bags, texts, strict=True):
        ids = tokenizer.encode(text, add_special_tokens=False).ids
        np.add.at(row, ids, 1 / len(ids))
    wanted = unit_rows(model.encode(corpus.select(rows), precision="fp32"))
    held = np.zeros(len(rows), bool)
    rng = np.random.default_rng(0)
    rng.choice(rows, len(rows), replace=False)
    held[rng.choice(len(rows), int(0.05 * len(rows)), replace=False)] = True
    a, t = bags[~held], wanted[~held].astype(float)
    mean = t.mean(axis=0)
    gram = a.T @ a + 3e-3 * np.eye(a.shape[1])
    right = mean + np.linalg.solve(gram, a.T @ (t - a.sum(axis=1, keepdims=True) * mean))
    found = static.model.state_dict()["0.embedding.weight"].numpy()
    np.testing.assert_allclose(found, right, atol=2e-4)
    own = unit_rows(bags[held] @ right)
    cosine = (own * wanted[held]).sum(axis=1).mean()
    assert result.facts["cosine to the model"] == pytest.approx(cosine, abs=1e-3)
    assert result.facts["held out"] == held.sum() and result.facts["texts"] == (~held).sum()
    apart = unit_rows(wanted.mean(axis=0)[None]) @ wanted[held].T
    assert cosine > apart.mean()  # than the mean of all would be


def test_it_is_saved_and_read_as_any_encoder(
    model: PatentEncoder, corpus: Corpus, tmp_path: Path
) -> None:
    from sentence_transformers import SentenceTransformer

    static = distill_encoder(model, corpus, texts=150, seed=1).encoder
    static.save(tmp_path / "static")
    again = PatentEncoder.load(tmp_path / "static", max_length=16)  # reads whole texts
    assert again.fingerprint == static.fingerprint and again.max_length is None
    vectors = again.encode(corpus)
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-6)
    plain = SentenceTransformer(str(tmp_path / "static"), device="cpu")
    np.testing.assert_allclose(plain.encode(static.texts(corpus)), vectors, atol=1e-6)
    assert (
        np.abs(
            distill_encoder(model, corpus, texts=150, seed=2).encoder.encode(corpus) - vectors
        ).max()
        > 1e-3
    )
    (tmp_path / "static" / "model.safetensors").unlink()
    with pytest.raises(DataError, match="a file of the model is missing"):
        PatentEncoder.load(tmp_path / "static")


@pytest.mark.parametrize("tune", ["layers", "map"])
def test_it_is_tuned_as_any_encoder_is(model: PatentEncoder, tmp_path: Path, tune: str) -> None:
    """Two words that always stand in the two parts of one patent come nearer to each other."""
    rng = np.random.default_rng(3)
    pairs = np.array([KNOWN[i : i + 2] for i in range(0, 20, 2)])
    drawn = rng.integers(0, len(pairs), (240, 4))
    corpus = Corpus.from_records(
        {"patent_id": str(i), "title": " ".join(a), "abstract": " ".join(b), "codes": []}
        for i, (a, b) in enumerate(zip(pairs[drawn, 0], pairs[drawn, 1], strict=True))
    )
    static = distill_encoder(model, corpus, seed=1).encoder
    settings = {
        "objectives": {"views": 1.0},
        "loss": "mnr",
        "tune": tune,
        "epochs": 8,
        "learning_rate": 0.05,
        "batch_size": 32,
    }
    tuned = train_encoder(static, None, corpus, settings).encoder
    tuned.save(tmp_path / "tuned")
    again = PatentEncoder.load(tmp_path / "tuned")
    np.testing.assert_allclose(again.encode(corpus), tuned.encode(corpus), atol=1e-6)

    def gap(encoder: PatentEncoder) -> float:
        a, b = (encoder.encode(side.tolist()) for side in pairs.T)
        own = (a * b).sum(axis=1)
        return float(own.mean() - (a @ b.T).mean())

    assert gap(again) > gap(static) + 0.3


def test_texts_are_learned_from_as_they_are_encoded(model: PatentEncoder, corpus: Corpus) -> None:
    static = distill_encoder(model, corpus, seed=1).encoder
    texts = static.texts(corpus)
    numbers = [token_numbers(static.model.tokenizer, text) for text in texts]
    rows = np.array([5, 0, 5, 7])
    given = Bags(Tokens(numbers), 0).features(rows)
    found = static.model(given)["sentence_embedding"].detach().numpy()
    np.testing.assert_allclose(found, static.encode(corpus)[rows], atol=1e-6)


def test_what_cannot_be_distilled(model: PatentEncoder, corpus: Corpus) -> None:
    with pytest.raises(TooFew, match=r"too few texts .*got 80; wanted 100 or more"):
        distill_encoder(model, corpus.select(np.arange(80)))
    static = distill_encoder(model, corpus).encoder
    views = {"objectives": {"views": 1.0}, "loss": "mnr"}
    with pytest.raises(ConfigError, match=r"got 1; wanted 0, as a static encoder has no layers"):
        train_encoder(static, None, corpus, {**views, "frozen_layers": 1})
    with pytest.raises(ConfigError, match="a static encoder has no layers to read texts"):
        TransformerReader(static)


def test_the_command_takes_over_vectors_and_its_encoder_serves(
    model: PatentEncoder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rng = np.random.default_rng(1)
    table = pd.DataFrame(
        {
            "patent_id": range(200),
            "title": "",
            "abstract": [" ".join(rng.choice(KNOWN, 9)) for _ in range(200)],
        }
    )
    table.to_csv(tmp_path / "mine.csv", index=False)
    work, folder = tmp_path / "work", str(model.source)

    def run(*words: str) -> str:
        result = CliRunner().invoke(app, [*words])
        assert result.exit_code == 0, result.output
        return result.output

    run("load", str(tmp_path / "mine.csv"), "--graph", f"duckdb://{work}/graph.duckdb")
    run("embed", str(work), "--encoder", folder)
    monkeypatch.setattr(PatentEncoder, "encode", None)  # all is there already
    assert "cosine to the model" in run("distill", str(work), "--encoder", folder)
    monkeypatch.undo()
    assert "one vector for each token" in (work / "static" / "README.md").read_text()
    assert "200" in run("embed", str(work), "--encoder", str(work / "static"))
    run("index", str(work / "vectors"))
    full = PatentEncoder.load(work / "static")
    light = LightEncoder.load(str(work / "static"), None, full.fingerprint)
    assert light is not None
    some = ["the motor of a mower", ("A pump", "with a seal"), "123 456 " * 400]
    np.testing.assert_allclose(light.encode(some), full.encode(some), atol=1e-6)
    assert LightEncoder.load(str(work / "static"), None, "another") is None
    monkeypatch.setattr(PatentEncoder, "load", None)  # neither PyTorch nor windows are needed
    long = "the motor of a mower " * 200
    assert "windows" not in run("similar", long, "--index", str(work / "index"), "--json")
