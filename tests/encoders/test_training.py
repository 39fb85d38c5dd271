"""Fine-tuning: it learns, repeats exactly, leaves all else as it was, and refuses bad triplets."""

from __future__ import annotations

import copy
import io
import random
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
import torch
from tiny import write_tiny_encoder

from patentcl.core.errors import ConfigError, DataError, PatentclError
from patentcl.data.corpus import Corpus
from patentcl.encoders.encoder import PatentEncoder
from patentcl.encoders.settings import TrainingSettings
from patentcl.encoders.training import train_encoder

TOPICS = (
    ("blade", "grass", "mower", "lawn"),
    ("anode", "cathode", "cell", "battery"),
    ("gear", "shaft", "bearing", "clutch"),
)
COMMON = ("a", "the", "of", "with", "device", "method", "system", "and")
PER_TOPIC = 8
# A random model must move far to learn anything: much faster than a pretrained one should be tuned.
FAST = TrainingSettings(
    learning_rate=1e-3,
    batch_size=8,
    epochs=10,
    max_length=64,
    precision="fp32",
    warmup=0.0,
    margin=0.5,
)


@pytest.fixture(scope="module")
def corpus() -> Corpus:
    rng = np.random.default_rng(0)
    records = []
    for t, words in enumerate(TOPICS):
        for i in range(PER_TOPIC):
            body = rng.permutation([*rng.choice(words, 3), *rng.choice(COMMON, 8)])
            records.append(
                {
                    "patent_id": f"{t}{i}",
                    "title": str(rng.choice(words)),
                    "abstract": " ".join(body),
                    "codes": [],
                }
            )
    return Corpus.from_records(records)


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> PatentEncoder:
    words = [w for topic in TOPICS for w in topic] + list(COMMON)
    folder = write_tiny_encoder(tmp_path_factory.mktemp("tiny") / "encoder", words)
    return PatentEncoder.load(folder, device="cpu")


@pytest.fixture(scope="module")
def triplets() -> pa.Table:
    rng = np.random.default_rng(1)
    rows = []
    for _ in range(64):
        t = int(rng.integers(3))
        a, b = rng.choice(PER_TOPIC, 2, replace=False)
        other = (t + int(rng.integers(1, 3))) % 3
        rows.append(
            {
                "anchor_id": f"{t}{a}",
                "positive_id": f"{t}{b}",
                "negative_id": f"{other}{rng.integers(PER_TOPIC)}",
            }
        )
    return pa.Table.from_pylist(rows)


def gap(encoder: PatentEncoder, corpus: Corpus) -> float:
    """How much more alike patents of one topic are than patents of two, in cosine."""
    x = encoder.encode(corpus, precision="fp32")
    x /= np.linalg.norm(x, axis=1, keepdims=True)
    topic = np.array([i[0] for i in corpus.ids])
    same = topic[:, None] == topic[None]
    return float((x @ x.T)[same].mean() - (x @ x.T)[~same].mean())


# ---- it learns ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"distance": "euclidean", "margin": 2.0},
        {"loss": "mnr"},
        {"dropout": False},
        {"frozen_layers": 1},
        {"precision": "bf16"},
    ],
)
def test_loss_falls_and_topics_are_learnt(
    base: PatentEncoder, corpus: Corpus, triplets: pa.Table, changes: dict
) -> None:
    settings = FAST.model_copy(update=changes)
    result = train_encoder(base, triplets, corpus, settings, seed=0)
    tenth = max(1, len(result.losses) // 10)
    assert np.mean(result.losses[-tenth:]) < 0.6 * np.mean(result.losses[:tenth])
    assert gap(base, corpus) < 0.1 and gap(result.encoder, corpus) > 0.3


def test_the_first_loss_is_the_formula(
    base: PatentEncoder, corpus: Corpus, triplets: pa.Table
) -> None:
    one_step = {"batch_size": 64, "epochs": 1, "dropout": False, "max_length": 64}
    x = dict(zip(corpus.ids, base.encode(corpus, precision="fp32").astype(float), strict=True))
    a, p, n = (
        np.array([x[i] for i in triplets[c].to_pylist()])
        for c in ("anchor_id", "positive_id", "negative_id")
    )

    def cosine(u: np.ndarray, v: np.ndarray) -> np.ndarray:
        return (u * v).sum(-1) / np.linalg.norm(u, axis=-1) / np.linalg.norm(v, axis=-1)

    for distance, margin, d in (
        ("cosine", 0.2, lambda u, v: 1 - cosine(u, v)),
        ("euclidean", 5.0, lambda u, v: np.linalg.norm(u - v, axis=-1)),
    ):
        settings = FAST.model_copy(update={**one_step, "distance": distance, "margin": margin})
        losses = train_encoder(base, triplets, corpus, settings).losses
        assert losses == pytest.approx([np.maximum(d(a, p) - d(a, n) + margin, 0).mean()], rel=1e-4)

    def distinct(row: dict) -> bool:
        return len(set(row.values())) == 3

    rows, seen = [], set()
    for row in filter(distinct, triplets.to_pylist()):  # a batch holds no patent twice
        if not seen & set(row.values()):
            rows.append(row)
            seen |= set(row.values())
    few = pa.Table.from_pylist(rows[:4])
    a, p, n = (
        np.array([x[i] for i in few[c].to_pylist()])
        for c in ("anchor_id", "positive_id", "negative_id")
    )
    scores = 20 * cosine(a[:, None], np.concatenate([p, n])[None])
    wanted = np.mean(np.log(np.exp(scores).sum(1)) - np.diag(scores[:, : len(a)]))
    settings = FAST.model_copy(update={**one_step, "loss": "mnr", "batch_size": len(few)})
    assert train_encoder(base, few, corpus, settings).losses == pytest.approx([wanted], rel=1e-4)


def test_facts_and_progress(base: PatentEncoder, corpus: Corpus, triplets: pa.Table) -> None:
    seen: list[tuple[int, int]] = []
    result = train_encoder(
        base,
        triplets,
        corpus,
        FAST.model_copy(update={"epochs": 1.5, "batch_size": 10}),
        progress=lambda done, total: seen.append((done, total)),
    )
    # 64 triplets in batches of 10 are 7 steps an epoch, the last of 4.
    assert seen == [(i, 11) for i in range(1, 12)] and len(result.losses) == 11
    facts = result.facts
    assert (facts["triplets"], facts["steps"], facts["batch size"], facts["precision"]) == (
        64,
        11,
        10,
        "fp32",
    )
    assert facts["loss, first tenth"] == round(result.losses[0], 4)


# ---- exactly again --------------------------------------------------------------------------


def test_the_same_seed_gives_the_same_encoder(
    base: PatentEncoder, corpus: Corpus, triplets: pa.Table
) -> None:
    short = FAST.model_copy(update={"epochs": 2})
    runs = [train_encoder(base, triplets, corpus, short, seed) for seed in (3, 3, 4)]
    assert runs[0].losses == runs[1].losses != runs[2].losses
    assert runs[0].encoder.fingerprint == runs[1].encoder.fingerprint != runs[2].encoder.fingerprint


def test_state_left_by_others_does_not_matter(
    base: PatentEncoder, corpus: Corpus, triplets: pa.Table
) -> None:
    short = FAST.model_copy(update={"epochs": 1})
    first = train_encoder(base, triplets, corpus, short)
    torch.rand(7), np.random.rand(3), random.random()  # noqa: NPY002
    assert train_encoder(base, triplets, corpus, short).losses == first.losses


# ---- what stays as it was -------------------------------------------------------------------


def test_the_base_and_the_global_generators_stay_as_they_were(
    base: PatentEncoder, corpus: Corpus, triplets: pa.Table
) -> None:
    before = copy.deepcopy(base.model.state_dict())
    training, length = base.model.training, base.model.max_seq_length
    torch_state, python_state = torch.get_rng_state(), random.getstate()
    numpy_state = np.random.get_state()  # noqa: NPY002
    table = triplets.slice(0)
    settings = FAST.model_copy(update={"epochs": 1, "frozen_layers": 1, "dropout": False})
    tuned = train_encoder(base, triplets, corpus, settings).encoder
    for key, value in base.model.state_dict().items():
        assert torch.equal(value, before[key]), key
    assert (base.model.training, base.model.max_seq_length) == (training, length)
    assert torch.equal(torch.get_rng_state(), torch_state) and random.getstate() == python_state
    after = np.random.get_state()  # noqa: NPY002
    assert after[0] == numpy_state[0] and (after[1] == numpy_state[1]).all()
    assert after[2:] == numpy_state[2:]
    assert triplets.equals(table)
    # Nor does the tuned model keep anything of how it was tuned.
    assert all(p.requires_grad for p in tuned.model.parameters()) and not tuned.model.training
    assert [m.p for m in tuned.model.modules() if isinstance(m, torch.nn.Dropout)] == [
        m.p for m in base.model.modules() if isinstance(m, torch.nn.Dropout)
    ]
    assert tuned.max_length == base.max_length


def test_frozen_layers_do_not_move_and_others_do(
    base: PatentEncoder, corpus: Corpus, triplets: pa.Table
) -> None:
    settings = FAST.model_copy(update={"epochs": 1, "frozen_layers": 1})
    tuned = train_encoder(base, triplets, corpus, settings).encoder.model.state_dict()
    moved = {k for k, v in base.model.state_dict().items() if not torch.equal(v, tuned[k])}
    assert moved and all(".layer.1." in k for k in moved)


def test_a_blend_lies_between_both_models(
    base: PatentEncoder, corpus: Corpus, triplets: pa.Table
) -> None:
    halfway = FAST.model_copy(update={"blend": 0.25, "epochs": 1})
    whole = FAST.model_copy(update={"epochs": 1})
    untuned = base.model.state_dict()
    tuned = train_encoder(base, triplets, corpus, whole, seed=3).encoder.model.state_dict()
    mixed = train_encoder(base, triplets, corpus, halfway, seed=3).encoder.model.state_dict()
    moved = 0
    for name, weight in mixed.items():
        expected = 0.75 * untuned[name].double() + 0.25 * tuned[name].double()
        np.testing.assert_allclose(weight.double().numpy(), expected.numpy(), atol=1e-6)
        moved += not torch.equal(weight, untuned[name])
    assert moved > 10


def test_nothing_is_printed(base: PatentEncoder, corpus: Corpus, triplets: pa.Table) -> None:
    out, err = io.StringIO(), io.StringIO()
    with redirect_stdout(out), redirect_stderr(err):
        train_encoder(base, triplets, corpus, FAST.model_copy(update={"epochs": 1}))
    assert out.getvalue() == "" and err.getvalue() == ""


def test_without_dropout_chance_decides_nothing_where_attention_drops_by_a_number(
    base: PatentEncoder, corpus: Corpus, triplets: pa.Table, tmp_path: Path
) -> None:
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.sentence_transformer import modules
    from transformers import ModernBertConfig, ModernBertModel

    base.model.tokenizer.save_pretrained(tmp_path)
    config = ModernBertConfig(
        vocab_size=len(base.model.tokenizer),
        hidden_size=16,
        intermediate_size=16,
        num_hidden_layers=1,
        num_attention_heads=2,
        attention_dropout=0.5,
        pad_token_id=0,
    )
    torch.manual_seed(0)  # weights by chance may feel no dropout
    ModernBertModel(config).save_pretrained(tmp_path)
    parts = [modules.Transformer(str(tmp_path)), modules.Pooling(16)]
    encoder = PatentEncoder(SentenceTransformer(modules=parts, device="cpu"))
    for dropout in (True, False):
        settings = {**FAST.model_dump(), "batch_size": 64, "epochs": 1.0, "dropout": dropout}
        [[first], [second]] = (
            train_encoder(encoder, triplets, corpus, settings, seed).losses for seed in (0, 1)
        )
        assert (first == pytest.approx(second, rel=1e-5)) is not dropout


# ---- what callers try -----------------------------------------------------------------------


@dataclass
class Mined:
    """As `patentcl.triplets.mining.MiningResult`."""

    triplets: pa.Table


def test_triplets_settings_and_encoder_in_any_form(
    base: PatentEncoder, corpus: Corpus, triplets: pa.Table, tmp_path: Path
) -> None:
    base.save(tmp_path / "base")
    wanted = train_encoder(base, triplets, corpus, FAST.model_copy(update={"epochs": 1})).losses
    settings = {**FAST.model_dump(), "epochs": 1}
    table = triplets.to_pandas()
    table.insert(0, "rule", "why")
    for given in (Mined(triplets), table):
        assert train_encoder(base, given, corpus, settings).losses == wanted
    numbers = table.drop(columns="rule").astype(int)  # ids of patents are often read as numbers
    unpadded = Corpus.from_records(
        [
            {"patent_id": str(int(i)), "title": t, "abstract": a}
            for i, (t, a) in zip(corpus.ids, corpus.texts, strict=True)
        ]
    )
    named = train_encoder(str(tmp_path / "base"), numbers, unpadded, settings)
    assert named.losses == pytest.approx(wanted, rel=1e-5)


# ---- bad input ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (
            {"triplets": [("1", "2", "3")]},
            "these are not triplets: got list; wanted what mine_triplets returns, or a table with",
        ),
        ({"corpus": ["a text"]}, "train_encoder needs the corpus that the triplets are of: got li"),
        ({"settings": {"epoch": 1}}, "unknown setting 'epoch' (in training settings). Did you mea"),
        ({"settings": 3}, "settings must be a mapping (in training settings): got int"),
    ],
)
def test_what_cannot_be_taken(
    base: PatentEncoder, corpus: Corpus, triplets: pa.Table, given: dict, message: str
) -> None:
    with pytest.raises(PatentclError) as error:
        train_encoder(base, **{"triplets": triplets, "corpus": corpus, **given})
    assert message in str(error.value)


@pytest.mark.parametrize("column", ["anchor_id", "positive_id", "negative_id"])
def test_a_patent_that_the_corpus_lacks(
    base: PatentEncoder, corpus: Corpus, triplets: pa.Table, column: str
) -> None:
    ids = triplets[column].to_pylist()
    ids[5] = "4711"
    bad = triplets.set_column(triplets.column_names.index(column), column, pa.array(ids))
    with pytest.raises(DataError, match=f"the corpus lacks \\(in {column}\\): got 4711"):
        train_encoder(base, bad, corpus)


def test_no_triplets(base: PatentEncoder, corpus: Corpus, triplets: pa.Table) -> None:
    with pytest.raises(DataError, match="there are no triplets to train on"):
        train_encoder(base, triplets.slice(0, 0), corpus)


def test_a_column_is_missing(base: PatentEncoder, corpus: Corpus, triplets: pa.Table) -> None:
    with pytest.raises(DataError, match=r"column 'negative_id' is missing.*anchor_id, positive_id"):
        train_encoder(base, triplets.drop_columns(["negative_id"]), corpus)


def test_no_layer_is_left_to_tune(base: PatentEncoder, corpus: Corpus, triplets: pa.Table) -> None:
    message = r"frozen_layers leaves no layer.*got 2; wanted fewer than 2"
    with pytest.raises(ConfigError, match=message):
        train_encoder(base, triplets, corpus, TrainingSettings(frozen_layers=2))
