"""Losses by their formulas, and frozen layers that are computed once."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from tiny import write_tiny_encoder

from patentcl.core import artifacts
from patentcl.core.errors import ConfigError
from patentcl.data.corpus import Corpus
from patentcl.encoders import trainer as loop
from patentcl.encoders.encoder import PatentEncoder
from patentcl.encoders.training import train_encoder
from patentcl.encoders.vectors import write_vectors

WORDS = [*"abcdefghijkl"]
ONE = {"batch_size": 64, "epochs": 1.0, "dropout": False, "precision": "fp32"}


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> PatentEncoder:
    return PatentEncoder.load(write_tiny_encoder(tmp_path_factory.mktemp("tiny") / "e", WORDS))


@pytest.fixture(scope="module")
def corpus() -> Corpus:
    rng = np.random.default_rng(0)
    codes = ["A01B1/00"] * 3 + ["H01M4/00"] * 3
    return Corpus.from_records(
        {
            "patent_id": str(i),
            "title": "",
            "abstract": " ".join(rng.choice(WORDS, 12)),
            "codes": [code],
        }
        for i, code in enumerate(codes)
    )


TRIPLETS = pd.DataFrame(
    [("0", "1", "3"), ("4", "5", "2")], columns=["anchor_id", "positive_id", "negative_id"]
)


def test_a_map_learns_from_vectors_that_are_there(
    base: PatentEncoder, corpus: Corpus, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    options = {**ONE, "tune": "map", "loss": "mnr", "max_length": base.max_length}
    expected = train_encoder(base, TRIPLETS, corpus, options)
    record = {"stage": "embed", "encoder": base.fingerprint, "precision": "fp32"}
    with artifacts.writing(tmp_path / "vectors-base", record) as place:
        write_vectors(place, base, corpus, precision="fp32", store="float32")
    monkeypatch.setattr(PatentEncoder, "encode", None)
    given = {"checkpoint": tmp_path / "unfinished", "vectors": tmp_path / "vectors-base"}
    result = train_encoder(base, TRIPLETS, corpus, options, **given)
    assert result.losses == pytest.approx(expected.losses, rel=1e-6)
    assert result.facts["vectors used"] == "vectors-base"
    with pytest.raises(TypeError):  # another length: these are other vectors
        train_encoder(base, TRIPLETS, corpus, {**options, "max_length": 5}, **given)


def unit(x: np.ndarray) -> np.ndarray:
    return x / np.linalg.norm(x, axis=1, keepdims=True)


def first(base: PatentEncoder, corpus: Corpus, **settings: object) -> float:
    return train_encoder(base, TRIPLETS, corpus, {**ONE, **settings}).losses[0]


def cross_entropy(scores: np.ndarray, right: np.ndarray) -> float:
    return float(np.mean(np.log(np.exp(scores).sum(1)) - scores[np.arange(len(right)), right]))


def test_a_map_is_tuned_behind_an_encoder_that_stays(
    base: PatentEncoder, corpus: Corpus, tmp_path: Path
) -> None:
    from sentence_transformers import SentenceTransformer

    x = unit(base.encode(corpus, precision="fp32").astype(float))
    right = np.arange(2)
    expected = cross_entropy(x[[0, 4]] @ x[[1, 5, 3, 2]].T / 0.05, right)
    options = {**ONE, "tune": "map", "loss": "mnr", "learning_rate": 1e-2, "epochs": 20.0}
    whole = train_encoder(base, TRIPLETS, corpus, options)
    half = train_encoder(base, TRIPLETS, corpus, {**options, "blend": 0.5})
    assert whole.losses[0] == pytest.approx(expected, rel=1e-4)
    assert whole.losses[-1] < 0.5 * whole.losses[0] and whole.facts["tuned"] == "map"
    tuned, before = whole.encoder.model.state_dict(), base.model.state_dict()
    assert all(torch.equal(tuned[name], value) for name, value in before.items())
    way = {k: v for k, v in half.encoder.model.state_dict().items() if k not in before}
    start = {1: torch.zeros(32), 2: torch.eye(32)}
    for name, value in way.items():
        torch.testing.assert_close(value, (tuned[name] + start[value.dim()]) / 2)
    weight, bias = (
        next(v.numpy() for k, v in tuned.items() if k.endswith(end) and k[0] == "3")
        for end in ("weight", "bias")
    )
    mapped = unit(x @ weight.T + bias)
    np.testing.assert_allclose(whole.encoder.encode(corpus, precision="fp32"), mapped, atol=1e-5)
    whole.encoder.save(tmp_path / "tuned")
    plain = SentenceTransformer(str(tmp_path / "tuned"), device="cpu")
    np.testing.assert_allclose(plain.encode([t for _, t in corpus.texts]), mapped, atol=1e-5)
    with pytest.raises(ConfigError, match="frozen_layers 0 where a map is tuned"):
        train_encoder(base, TRIPLETS, corpus, {**options, "frozen_layers": 1})


def test_mnr_with_its_temperature_and_within_matryoshka(
    base: PatentEncoder, corpus: Corpus
) -> None:
    x = base.encode(corpus, precision="fp32").astype(float)
    rows = TRIPLETS.to_numpy().astype(int).T

    def wanted(width: int, temperature: float) -> float:
        a, p, n = (unit(x[r, :width]) for r in rows)
        return cross_entropy(a @ np.concatenate([p, n]).T / temperature, np.arange(2))

    assert first(base, corpus, loss="mnr") == pytest.approx(wanted(32, 0.05), rel=1e-4)
    found = first(base, corpus, loss="mnr", temperature=0.1, matryoshka=[8, 16])
    assert found == pytest.approx(sum(wanted(w, 0.1) for w in (32, 16, 8)), rel=1e-4)
    with pytest.raises(ConfigError, match=r"matryoshka asks for more.*got 64; wanted at most 32"):
        first(base, corpus, matryoshka=[64])


def test_near_copies_are_no_negatives_of_mnr(base: PatentEncoder, corpus: Corpus) -> None:
    records = [
        {"patent_id": i, "title": "", "abstract": a} for i, (_, a) in enumerate(corpus.texts)
    ]
    records.append({**records[1], "patent_id": 6})  # the positive of 0 once more, as that of 4
    twice = Corpus.from_records(records)
    rows = np.array([(0, 1, 3), (4, 6, 2)])
    triplets = pd.DataFrame(rows.astype(str), columns=TRIPLETS.columns)
    x = unit(base.encode(twice, precision="fp32").astype(float))
    a, p, n = (x[r] for r in rows.T)
    scores = a @ np.concatenate([p, n]).T / 0.05
    scores[[0, 1], [1, 0]] = -np.inf
    found = train_encoder(base, triplets, twice, {**ONE, "loss": "mnr"}).losses[0]
    assert found == pytest.approx(cross_entropy(scores, np.arange(2)), rel=1e-4)


def test_gist_leaves_out_what_is_nearer_than_the_positive(
    base: PatentEncoder, corpus: Corpus
) -> None:
    x = unit(base.encode(corpus, precision="fp32").astype(float))
    a, p, n = (x[r] for r in TRIPLETS.to_numpy().astype(int).T)
    scores = np.concatenate([a @ p.T, a @ a.T, p @ p.T, a @ n.T], axis=1)
    positive = (a * p).sum(1)[:, None]
    out = scores > positive
    out[[0, 1], [0, 1]] = False
    assert out[:, [1, 4, 5]].any() or out[:, [6, 7]].any()  # besides each with itself
    scores[out] = -np.inf
    found = first(base, corpus, loss="gist", temperature=0.2)
    assert found == pytest.approx(cross_entropy(scores / 0.2, np.arange(2)), rel=1e-4)


@pytest.mark.parametrize("name", ["batch-all", "batch-hard"])
def test_losses_on_labels(base: PatentEncoder, corpus: Corpus, name: str) -> None:
    settings = {"objectives": {"labels": 1.0}, "label_loss": name, "margin": 0.3}
    numbers = np.repeat([0, 1], 3)
    alone = {"labels": np.arange(6)[:, None]}
    [plan] = loop.plan_epoch(
        loop.Examples([], np.arange(6), alone, numbers, np.arange(6)), 64, 0, 0
    )
    rows = plan[1]  # two of each label
    x = unit(base.encode(corpus, precision="fp32").astype(float)[rows])
    label = numbers[rows]
    d = 1 - x @ x.T
    same = (label[:, None] == label) & ~np.eye(4, dtype=bool)
    other = label[:, None] != label
    if name == "batch-hard":
        hardest = np.where(same, d, -np.inf).max(1) - np.where(other, d, np.inf).min(1)
        wanted = np.maximum(hardest + 0.3, 0).mean()
    else:
        each = np.array(
            [
                d[a, p] - d[a, n] + 0.3
                for a in range(4)
                for p in np.flatnonzero(same[a])
                for n in np.flatnonzero(other[a])
            ]
        )
        wanted = each[each > 0].sum() / (each > 0).sum()  # easy triplets do not count
    assert first(base, corpus, **settings) == pytest.approx(wanted, rel=1e-3)


def mpnet(folder: Path, base: PatentEncoder) -> PatentEncoder:
    """A random MPNet with the tokenizer of another model."""
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.sentence_transformer import modules
    from transformers import MPNetConfig, MPNetModel

    base.model.tokenizer.save_pretrained(folder)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        config = MPNetConfig(
            vocab_size=len(base.model.tokenizer),
            hidden_size=32,
            intermediate_size=32,
            num_hidden_layers=3,
            num_attention_heads=2,
            max_position_embeddings=80,
            pad_token_id=0,
        )
        MPNetModel(config).save_pretrained(folder)
    parts = [modules.Transformer(str(folder)), modules.Pooling(32)]
    return PatentEncoder(SentenceTransformer(modules=parts, device="cpu"))


@pytest.mark.parametrize("kind", ["bert", "mpnet"])
def test_layers_computed_once_give_the_same_training(
    base: PatentEncoder, corpus: Corpus, tmp_path: Path, kind: str
) -> None:
    encoder = base if kind == "bert" else mpnet(tmp_path, base)
    settings = {
        **ONE,
        "epochs": 4.0,
        "batch_size": 1,
        "learning_rate": 1e-3,
        "loss": "triplet",
        "frozen_layers": 1,
    }
    cached = train_encoder(encoder, TRIPLETS, corpus, settings)
    whole = train_encoder(encoder, TRIPLETS, corpus, {**settings, "cache_frozen": False})
    assert len(set(whole.losses)) == 8
    assert cached.losses == pytest.approx(whole.losses, abs=1e-3)
    a, b = (r.encoder.encode(corpus, precision="fp32") for r in (cached, whole))
    untuned = encoder.encode(corpus, precision="fp32")
    assert np.abs(a - b).max() < 0.02 * np.abs(b - untuned).max()
    state = cached.encoder.model.state_dict()
    assert state.keys() == encoder.model.state_dict().keys()
    moved = {k for k, v in encoder.model.state_dict().items() if not torch.equal(v, state[k])}
    assert moved and not any(".layer.0." in k or "embeddings" in k for k in moved)


def test_several_objectives_have_a_loss_each(base: PatentEncoder, corpus: Corpus) -> None:
    shares = {"triplets": 0.25, "views": 0.5, "labels": 0.25}
    with pytest.raises(Exception, match="no examples of the objective views"):
        first(base, corpus, objectives=shares)  # abstracts of twelve words
    result = train_encoder(
        base, TRIPLETS, corpus, {**ONE, "objectives": {"triplets": 0.25, "labels": 0.75}}
    )
    assert (result.facts["triplets"], result.facts["labels"]) == (2, 6)
    assert result.facts["loss"] == "batch-all, triplet" and len(result.losses) == 2
