"""Classifiers trained on texts: parts of batches, cut-offs, full memory, files, recipes."""

from __future__ import annotations

import json
import logging
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from calling import call as in_process
from conftest import Loaded
from sklearn.base import clone
from sklearn.model_selection import cross_validate
from tiny import write_tiny_encoder

from patentcl.classification import training as fitting
from patentcl.classification.estimator import PatentClassifier
from patentcl.classification.local_svm import LocalSVM
from patentcl.classification.neighbours import NeighbourVote
from patentcl.classification.settings import TextSettings
from patentcl.classification.text import network as text_net
from patentcl.classification.text.backbones import make_reader
from patentcl.classification.text.pooling import TextModel
from patentcl.core import artifacts
from patentcl.core.artifacts import fingerprint
from patentcl.core.errors import ConfigError, DataError
from patentcl.cpc import CpcTree
from patentcl.data.corpus import Corpus
from patentcl.encoders import states
from patentcl.encoders.encoder import PatentEncoder
from patentcl.pipeline.recipe import load_recipe
from patentcl.pipeline.runner import run_pipeline

WORDS = {
    "A01B": ["plough", "soil", "furrow"],
    "A01C": ["seed", "row", "drill"],
    "B60K": ["engine", "car", "gear"],
    "B60L": ["battery", "car", "charge"],
}
TREE = CpcTree.from_symbols(WORDS)


def draw(n: int, seed: int) -> tuple[list[tuple[str, str]], list[list[str]]]:
    """Texts whose words tell their codes, among words that tell nothing."""
    rng = np.random.default_rng(seed)
    texts, codes = [], []
    for _ in range(n):
        own = sorted(rng.choice(list(WORDS), rng.integers(1, 3), replace=False).tolist())
        words = [w for c in own for w in WORDS[c]] + ["a", "the", "of"] * int(rng.integers(1, 5))
        mixed = rng.permutation(words).tolist()
        texts.append((mixed[0], " ".join(mixed[1:])))
        codes.append(own)
    return texts, codes


X, Y = draw(160, 0)
DEV = draw(60, 1)


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> str:
    texts = [f"{t} {a}" for t, a in X]
    return str(write_tiny_encoder(tmp_path_factory.mktemp("tiny") / "encoder", texts))


@pytest.fixture(scope="module")
def deep(tmp_path_factory: pytest.TempPathFactory) -> str:
    texts = [f"{t} {a}" for t, a in X]
    return str(write_tiny_encoder(tmp_path_factory.mktemp("deep") / "encoder", texts, layers=3))


@pytest.fixture(scope="module")
def still(tmp_path_factory: pytest.TempPathFactory, tiny: str) -> str:
    """The same encoder without dropout."""
    folder = tmp_path_factory.mktemp("still") / "encoder"
    shutil.copytree(tiny, folder)
    path = next(folder.rglob("config.json"))
    config = json.loads(path.read_text())
    config |= {"hidden_dropout_prob": 0.0, "attention_probs_dropout_prob": 0.0}
    path.write_text(json.dumps(config))
    return str(folder)


def make(
    model: str, head: str = "levels", text: dict[str, Any] | None = None, **settings: Any
) -> PatentClassifier:
    given = {
        "hidden": 16,
        "epochs": 2,
        "batch_size": 16,
        "learning_rate": 5e-3,
        "precision": "fp32",
        "device": "cpu",
        "monitor": "none",
        "patience": 0,
        **settings,
    }
    return PatentClassifier(
        head=head,
        **given,
        text={"model": model, "learning_rate": 1e-3, "max_length": 32, **(text or {})},
    )


def fit(model: PatentClassifier, **kwargs: Any) -> PatentClassifier:
    return model.fit(X, Y, TREE, DEV, **kwargs)


def weights(model: PatentClassifier) -> dict[str, torch.Tensor]:
    assert model._ensemble.text is not None
    return {k: v.clone() for k, v in model._ensemble.text.net.state_dict().items()}


def assert_same(a: PatentClassifier, b: PatentClassifier, **near: float) -> None:
    one, two = weights(a), weights(b)
    assert one.keys() == two.keys()
    for name in one:
        torch.testing.assert_close(
            one[name],
            two[name],
            msg=lambda m, name=name: f"{name}: {m}",
            **(near or {"rtol": 0, "atol": 0}),
        )


# ---- learning -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "head,text",
    [
        ("levels", {}),
        ("thmm", {"pooling": "cls"}),
        ("flat", {"pooling": "mean", "frozen_layers": 1}),
        ("levels", {"pooling": "cnn", "filters": 8, "dense": 8, "layers": 2}),
        ("tmm", {"pooling": "cnn", "filters": 16, "frozen": True}),
        ("levels+knn", {"frozen": True}),
        ("harnn", {}),
        ("knn", {}),
        ("harnn+knn", {"model": "words"}),
        ("flat", {"model": "words", "pooling": "cnn", "filters": 8, "kernels": (1, 2)}),
        ("levels+flat+knn+svm", {"untuned": True}),
        ("harnn+flat", {"untuned": True}),
    ],
)
def test_learns_from_texts_and_comes_back_from_a_folder(
    head: str, text: dict[str, Any], tiny: str, tmp_path: Path
) -> None:
    model = make(tiny, head, {**text, "learning_rate": 3e-3}, epochs=10, batch_size=8)
    before = torch.random.get_rng_state()
    fit(model)
    assert torch.equal(torch.random.get_rng_state(), before)
    scores = model.predict_proba(DEV[0])
    assert scores.shape == (60, len(TREE)) and np.isfinite(scores).all()
    inner = TREE.parent >= 0
    assert (scores[:, inner] <= scores[:, TREE.parent[inner]]).all()
    assert model.score(*DEV) > (0.6 if head in ("knn", "levels+knn", "thmm") else 0.8)
    # in any order, and one by one
    order = np.random.default_rng(0).permutation(60)
    np.testing.assert_allclose(
        model.predict_proba([DEV[0][i] for i in order]), scores[order], atol=1e-4
    )
    np.testing.assert_allclose(model.predict_proba(DEV[0][:1]), scores[:1], atol=1e-4)
    assert model.predict_proba([]).shape == (0, len(TREE))
    model.save(tmp_path / "m")
    assert {p.suffix for p in (tmp_path / "m").rglob("*") if p.is_file()} <= {
        ".json",
        ".safetensors",
        ".parquet",
        ".npz",
        ".txt",
        ".md",
    }
    back = PatentClassifier.load(tmp_path / "m")
    assert back.reads_texts and back.truncated_ == {"train": 0, "dev": 0}
    np.testing.assert_array_equal(back.predict_proba(DEV[0]), scores)
    assert (back.predict(DEV[0]) != model.predict(DEV[0])).nnz == 0


@pytest.mark.parametrize("untuned", [True, False])
def test_several_members_by_value(untuned: bool, tiny: str) -> None:
    """One head with the encoder that it tunes, the others and the neighbours apart, and words."""
    text = {"untuned": untuned, "epochs": 1, "batch_size": 8}
    model = fit(make(tiny, "levels+flat+knn+svm", text, epochs=6))
    assert len(model.history_) == 1
    first = fit(make(tiny, epochs=1, batch_size=8))
    as_it_was = make(tiny, "levels", {"frozen": True}, epochs=1)
    beside = fit(as_it_was) if untuned else first
    sides = [side._ensemble.text for side in (first, beside)]
    train, dev = (
        [side.vectors(side.read(items, "texts")) for side in sides] for items in (X, DEV[0])
    )
    flat = make(tiny, "flat", epochs=6)
    flat.fit(train[1], Y, TREE, (dev[1], DEV[1]))
    votes = [
        NeighbourVote(v, TREE.encode(Y), 40, 8.0).scores(d) for v, d in zip(train, dev, strict=True)
    ]
    words = (
        LocalSVM(TREE)
        .fit([f"{t}. {a}" for t, a in X], TREE.encode(Y))
        .scores([f"{t}. {a}" for t, a in DEV[0]], model.prune)
    )
    members = [
        first.predict_proba(DEV[0]),
        flat.predict_proba(dev[1]),
        np.mean(votes, axis=0),
        words,
    ]
    assert model.weights_.keys() == {"levels", "flat", "knn", "svm"}
    want = sum(w * p for w, p in zip(model.weights_.values(), members, strict=True))
    np.testing.assert_allclose(model.predict_proba(DEV[0]), want, atol=1e-5)


@pytest.mark.parametrize("text", [{}, {"pooling": "mean"}, {"untuned": True}], ids=str)
def test_a_head_first_starts_where_a_frozen_encoder_ends(text: dict[str, Any], tiny: str) -> None:
    """With rates too small to move anything, the head's too, what follows changes nothing."""
    head = "levels+knn" if "untuned" in text else "levels"
    settings = {"epochs": 6, "weight_decay": 0.0}
    frozen = fit(make(tiny, head, {**text, "frozen": True}, **settings))
    started = make(tiny, head, {**text, "head_first": True, "learning_rate": 1e-30}, **settings)
    np.testing.assert_allclose(
        fit(started).predict_proba(DEV[0]), frozen.predict_proba(DEV[0]), atol=1e-5
    )
    learns = make(tiny, head, {**text, "head_first": True, "learning_rate": 1e-3}, **settings)
    assert abs(fit(learns).predict_proba(DEV[0]) - frozen.predict_proba(DEV[0])).max() > 0.01


def test_corpora_and_lists_of_symbols(tiny: str) -> None:
    records = [
        {"patent_id": str(1000 + i), "title": t, "abstract": a, "codes": c}
        for i, ((t, a), c) in enumerate(zip(X, Y, strict=True))
    ]
    corpus = Corpus.from_records(records)
    one = make(tiny, epochs=1).fit(corpus, corpus.labels, corpus.tree)
    two = make(tiny, epochs=1).fit(corpus.texts, corpus.codes)
    np.testing.assert_array_equal(one.predict_proba(X[:5]), two.predict_proba(X[:5]))


def test_scikit_learn_clones_and_cross_validates(tiny: str) -> None:
    model = make(tiny, text={"frozen": True}, epochs=3)
    copy = clone(model)
    assert copy.get_params() == model.get_params()
    found = cross_validate(
        copy,
        np.array([f"{t} {a}" for t, a in X]),
        TREE.encode(Y).toarray(),
        cv=2,
        params={"tree": TREE},
    )
    assert np.isfinite(found["test_score"]).all()


# ---- the same result by other ways ----------------------------------------------------------


def test_parts_of_a_batch_add_up_to_the_batch(still: str) -> None:
    settings: dict[str, Any] = {"dropout": 0.0, "input_dropout": 0.0, "head": "thmm"}
    whole = fit(make(still, **settings))
    parts = fit(make(still, text={"accumulate": 3}, **settings))
    # Adam divides by the size of a gradient: rounding is all that is seen of one near 0.
    assert_same(whole, parts, rtol=1e-3, atol=2e-4)
    np.testing.assert_allclose(whole.predict_proba(X), parts.predict_proba(X), atol=1e-3)
    assert whole.history_[-1]["loss"] == pytest.approx(parts.history_[-1]["loss"], rel=1e-4)


class Cut(Exception):
    """The machine goes down."""


@pytest.mark.parametrize("after", [3, 10, 17])
@pytest.mark.parametrize("text", [{"layer_decay": 0.9}, {"head_first": True}], ids=str)
def test_a_training_that_was_cut_off_ends_as_if_it_had_not_been(
    after: int, text: dict[str, Any], tiny: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fitting, "PAUSE", 0.0)
    settings: dict[str, Any] = {"monitor": "average_precision", "text": text}
    whole = fit(make(tiny, **settings))
    file = tmp_path / "unfinished"

    def stop(done: int, total: int) -> None:
        assert total == 20
        if done == after:
            raise Cut

    with pytest.raises(Cut):
        fit(make(tiny, **settings), progress=stop, checkpoint=file)
    assert file.is_file()
    steps: list[int] = []
    resumed = fit(
        make(tiny, **settings), checkpoint=file, progress=lambda done, total: steps.append(done)
    )
    assert steps[0] == after and steps[-1] == 20
    assert_same(whole, resumed)
    kept = [{k: v for k, v in row.items() if k != "seconds"} for row in whole.history_]
    assert kept == [{k: v for k, v in row.items() if k != "seconds"} for row in resumed.history_]
    assert np.array_equal(whole.thresholds_, resumed.thresholds_)


def test_a_checkpoint_of_something_else_is_left_aside(
    tiny: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(fitting, "PAUSE", 0.0)
    file = tmp_path / "unfinished"
    fit(make(tiny, epochs=1), checkpoint=file)
    with caplog.at_level(logging.WARNING, logger="patentcl"):
        other = fit(make(tiny, epochs=1, learning_rate=1e-3), checkpoint=file)
    assert "other settings or data" in caplog.text
    assert_same(other, fit(make(tiny, epochs=1, learning_rate=1e-3)))
    file.write_bytes(b"nonsense")
    with pytest.raises(DataError, match=r"checkpoint cannot be read.*Delete it"):
        fit(make(tiny, epochs=1), checkpoint=file)


def test_token_vectors_of_a_frozen_encoder_are_computed_once(
    tiny: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = {"pooling": "cnn", "filters": 4, "frozen": True}
    cached = fit(make(tiny, text=text))
    monkeypatch.setattr(text_net, "CACHE", 0)
    anew = fit(make(tiny, text=text))
    np.testing.assert_allclose(cached.predict_proba(X), anew.predict_proba(X), atol=0.02)
    encoder = PatentEncoder.load(tiny).model.state_dict()
    own = weights(cached)
    for name, value in encoder.items():
        assert torch.equal(own[f"text.reader.model.{name}"], value), name


# ---- memory and precision -------------------------------------------------------------------


def test_full_memory_makes_parts_smaller(
    still: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    settings: dict[str, Any] = {"dropout": 0.0, "input_dropout": 0.0, "epochs": 1}
    whole = fit(make(still, **settings))
    real = fitting.Trainer._gradients

    def scarce(self: Any, rows: np.ndarray, n: int) -> float:
        value = real(self, rows, n)
        if len(rows) > 4:  # after the gradients: what a first part has left must go
            raise torch.OutOfMemoryError("CUDA out of memory")
        return value

    monkeypatch.setattr(fitting.Trainer, "_gradients", scarce)
    with caplog.at_level(logging.WARNING, logger="patentcl"):
        parts = fit(make(still, **settings))
    assert "training continues with 8 texts at a time" in caplog.text
    assert "training continues with 4 texts at a time" in caplog.text
    assert_same(whole, parts, rtol=1e-3, atol=2e-4)

    def none(self: Any, rows: np.ndarray, n: int) -> float:
        raise torch.OutOfMemoryError("CUDA out of memory")

    monkeypatch.setattr(fitting.Trainer, "_gradients", none)
    with pytest.raises(ConfigError, match=r"memory of the device is full .*got a single text"):
        fit(make(still, **settings))


def test_full_memory_in_prediction(
    tiny: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    model = fit(make(tiny, epochs=1))
    scores = model.predict_proba(X)
    real = text_net._predict_batch

    def scarce(net: Any, batches: Any, rows: np.ndarray, *rest: Any) -> Any:
        if len(rows) > 5:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return real(net, batches, rows, *rest)

    monkeypatch.setattr(text_net, "_predict_batch", scarce)
    with caplog.at_level(logging.WARNING, logger="patentcl"):
        np.testing.assert_allclose(model.predict_proba(X), scores, atol=1e-5)
    assert "prediction continues with 8 texts at a time" in caplog.text


def test_precision_of_reading(tiny: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"fp16 is for GPUs"):
        fit(make(tiny, precision="fp16"))
    model = fit(make(tiny, epochs=3, precision="bf16"))
    assert model.history_[-1]["loss"] < model.history_[0]["loss"]
    model.precision = "fp16"  # as if it had been trained on a GPU
    model.save(tmp_path)
    assert np.isfinite(PatentClassifier.load(tmp_path).predict_proba(X[:3])).all()


@pytest.mark.parametrize(
    ("pooling", "layers", "frozen"),
    [("encoder", 1, 1), ("encoder", 1, 2), ("mean", 3, 1), ("cnn", 1, 1), ("cls", 2, 2)],
)
def test_above_layers_that_ran_once_documents_are_the_same(
    pooling: str, layers: int, frozen: int, deep: str, tmp_path: Path
) -> None:
    cpu = torch.device("cpu")
    settings = TextSettings(model=deep, frozen_layers=frozen, pooling=pooling, layers=layers)
    text = TextModel(make_reader(settings, None), settings).eval()
    sets = [text.read(items) for items in (X, DEV[0])]
    rows = np.arange(20)

    def documents(batches: text_net.TextBatches) -> torch.Tensor:
        with torch.inference_mode():
            return text_net.TextNet(text, None).documents(*batches.batch(rows, cpu))

    whole = [documents(text_net.TextBatches(tokens, text.reader.pad)) for tokens in sets]
    with text_net.computed_once(text, *sets, cpu, "fp32", tmp_path) as cut:
        for found, wanted in zip(map(documents, cut), whole, strict=True):
            torch.testing.assert_close(found, wanted, rtol=0, atol=4e-3)  # kept in float16
            assert not torch.equal(found, wanted), "nothing was kept"
    assert torch.equal(documents(text_net.TextBatches(sets[0], text.reader.pad)), whole[0])


def test_only_layers_above_the_frozen_ones_move(deep: str, monkeypatch: pytest.MonkeyPatch) -> None:
    runs: list[int] = []
    whole = states.States.compute
    monkeypatch.setattr(
        states.States, "compute", lambda *args: runs.append(len(args[1])) or whole(*args)
    )
    model = fit(make(deep, text={"frozen_layers": 2}, monitor="average_precision"))
    assert runs == [len(X) + len(DEV[0])]
    before = PatentEncoder.load(deep).model.state_dict()
    after = {k.removeprefix("text.reader.model."): v for k, v in weights(model).items()}
    moved = {k for k, v in before.items() if not torch.equal(v, after[k])}
    assert moved and all("layer.2." in k for k in moved if "pooler" not in k)


def test_layers_that_the_vectors_of_tokens_need_are_run_each_time(
    deep: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(states.States, "compute", lambda *_: pytest.fail("layers were cut off"))
    fit(make(deep, text={"frozen_layers": 2, "pooling": "mean", "layers": 3}))


def test_progress_epochs_and_early_stopping(tiny: str) -> None:
    seen: list[tuple[int, int]] = []
    rows: list[dict[str, Any]] = []
    model = make(
        tiny,
        text={"frozen_layers": 1},
        epochs=30,
        patience=2,
        monitor="average_precision",
        learning_rate=1e-6,
    )
    fit(model, progress=lambda *at: seen.append(at), on_epoch=rows.append)
    assert len(rows) < 30 and seen[0] == (1, 300) and seen[-1] == (10 * len(rows), 300)
    best = [row["average_precision"] for row in model.history_]
    assert [row["best"] for row in model.history_].count(True) == 1
    assert model.history_[-3]["best"] and max(best) == best[-3]


# ---- bad input ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "items,message",
    [
        ([*X[:-1], ("", " ")], r"a text is empty \(in item 159\)"),
        ([*X[:-1], 3], r"neither a string nor a pair.*item 159\): got int"),
        ([*X[:-1], None], "got NoneType"),
        ("a text", "list of texts"),
        (X[:-1], "differ in length"),
    ],
)
def test_bad_texts_are_refused(items: Any, message: str, tiny: str) -> None:
    with pytest.raises(DataError, match=message):
        make(tiny).fit(items, Y, TREE, DEV)


def test_long_texts_are_cut_counted_and_told(tiny: str, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING, logger="patentcl"):
        model = fit(make(tiny, text={"max_length": 8}, epochs=1))
    assert model.truncated_["train"] > 100 and model.truncated_["dev"] > 40
    assert f"{model.truncated_['train']} of 160 in X are longer than 8 tokens" in caplog.text


def test_texts_and_embeddings_are_not_mixed_up(tiny: str) -> None:
    model = fit(make(tiny, epochs=1))
    vectors = np.ones((3, 32), dtype=np.float32)
    with pytest.raises(DataError, match=r"X holds no texts.*fitted on texts: got ndarray"):
        model.predict(vectors)
    with pytest.raises(DataError, match="dev X holds no texts"):
        make(tiny).fit(X, Y, TREE, (vectors, DEV[1][:3]))
    on_vectors = PatentClassifier(epochs=1, hidden=4).fit(
        np.eye(8, 4, dtype=np.float32), Y[:8], TREE
    )
    with pytest.raises(DataError, match=r"fitted on embeddings.*PatentEncoder.encode"):
        on_vectors.predict(["a text"])


@pytest.mark.parametrize(
    "text,message",
    [
        ({"pooling": "clss"}, "text.*pooling|pooling.*text"),
        ({"pool": "cls"}, "Did you mean pooling"),
        ({"pooling": "cnn", "head_first": True}, "head_first needs a vector for each text"),
        ({"layers": 5}, "wanted at most 2"),
        ({"model": "no/such/place/at/all"}, "no such encoder"),
        (3, r"'text' cannot be used.*got 3"),
    ],
)
def test_bad_settings_of_reading(text: Any, message: str, tiny: str) -> None:
    given = {"model": tiny, **text} if isinstance(text, dict) else text
    with pytest.raises((ConfigError, DataError), match=message):
        PatentClassifier(text=given).fit(X, Y, TREE, DEV)


def test_an_older_format(tiny: str, tmp_path: Path) -> None:
    """Format 2 named the shares of neighbours and words one by one."""
    model = fit(make(tiny, "levels+knn+svm", epochs=1))
    model.save(tmp_path)
    path = tmp_path / "config.json"
    record = json.loads(path.read_text())
    del record["fingerprint"], record["untuned"]
    neighbors, words = record.pop("shares")
    record |= {"format": 2, "neighbor_weight": neighbors, "word_weight": words}
    path.write_text(json.dumps({**record, "fingerprint": fingerprint(record)}))
    back = PatentClassifier.load(tmp_path)
    assert back.weights_ == model.weights_
    np.testing.assert_array_equal(back.predict_proba(DEV[0]), model.predict_proba(DEV[0]))


def test_changed_missing_and_newer_files(tiny: str, tmp_path: Path) -> None:
    fit(make(tiny, epochs=1)).save(tmp_path / "m")

    def broken(name: str) -> Path:
        shutil.copytree(tmp_path / "m", tmp_path / name)
        return tmp_path / name

    folder = broken("changed")
    weight = next((folder / "encoder").rglob("model.safetensors"))
    data = bytearray(weight.read_bytes())
    data[-1] ^= 1
    weight.write_bytes(bytes(data))
    with pytest.raises(DataError, match=r"changed or is cut off \(in .*encoder\)"):
        PatentClassifier.load(folder)
    folder = broken("gone")
    shutil.rmtree(folder / "encoder")
    with pytest.raises(DataError, match=r"file of the classifier is missing.*wanted encoder"):
        PatentClassifier.load(folder)
    folder = broken("newer")
    record = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({**record, "format": 9}))
    with pytest.raises(DataError, match=r"newer patentcl.*got format 9"):
        PatentClassifier.load(folder)


def test_an_encoder_of_another_width_is_refused(tiny: str, tmp_path: Path) -> None:
    from patentcl.core.artifacts import fingerprint

    fit(make(tiny, epochs=1)).save(tmp_path / "m")
    shutil.rmtree(tmp_path / "m" / "encoder")
    write_tiny_encoder(tmp_path / "wide", [t for t, _ in X], width=48).rename(
        tmp_path / "m" / "encoder"
    )
    path = tmp_path / "m" / "config.json"
    record = json.loads(path.read_text())
    del record["fingerprint"]  # whoever changed the folder has also covered it up
    record["files"]["encoder"] = artifacts.fingerprint_path(tmp_path / "m" / "encoder")
    path.write_text(json.dumps({**record, "fingerprint": fingerprint(record)}))
    with pytest.raises(DataError, match=r"another width than the classifier.*got 48; wanted 32"):
        PatentClassifier.load(tmp_path / "m")


# ---- recipes --------------------------------------------------------------------------------

NEURAL = {
    "sheffield": ("levels", "cls"),
    "mueller-stone-glove": ("flat", "cnn"),
    "mueller-stone-bert": ("flat", "cnn"),
    "tmm-cls": ("tmm", "cls"),
    "thmm-cls": ("thmm", "cls"),
    "tmm-cnn": ("tmm", "cnn"),
    "thmm-cnn": ("thmm", "cnn"),
    "flat-cls": ("flat", "cls"),
    "flat-cnn": ("flat", "cnn"),
    "harnn": ("harnn", "encoder"),
}


@pytest.mark.parametrize("name", NEURAL)
def test_recipes_say_what_the_papers_say(name: str) -> None:
    recipe = load_recipe(name)
    assert recipe.learns_from == "texts"
    assert (recipe.fit.head, recipe.text.pooling) == NEURAL[name]
    if name.endswith("-cnn"):
        cnn = ((3, 4, 5), 512, 1) if name == "flat-cnn" else ((2, 3, 4, 5, 2), 256, 4)
        assert (recipe.text.kernels, recipe.text.filters, recipe.text.layers) == cnn
    with pytest.raises(ConfigError, match="section encoder"):
        load_recipe(name, ["text.model=minilm"])


@pytest.mark.parametrize("name", ["thmm-cls", "sheffield", "harnn", "best"])
def test_recipes_run(name: str, tiny: str, loaded: Loaded, tmp_path: Path) -> None:
    model = "words" if name == "harnn" else tiny
    overrides = [
        f"encoder.model={model}",
        "encoder.max_length=24",
        "classifier.epochs=1",
        "data.limit=120",
        "split.method=random",
        "classifier.device=cpu",
        *(["text.word_width=8", "classifier.hidden=8"] if name == "harnn" else []),
        *(["classifier.hidden=8"] if name == "thmm-cls" else []),
        *(["text.epochs=1", "text.frozen_layers=1"] if name == "best" else []),
        *(["data.scheme=both"] if name == "sheffield" else []),
    ]
    done = run_pipeline(name, loaded.tables, tmp_path / "run", overrides)
    there = "unable" if name == "harnn" else "done"  # only word vectors: no encoder
    assert [(o.stage, o.status) for o in done.outcomes] == [
        ("load", "done"),
        ("fit", "done"),
        ("encoder", there),
        ("embed", there),
        ("index", there),
        ("evaluate", "done"),
        ("map", there),
    ]
    assert "Codes of held-out patents" in done.page
    assert ("Retrieval" in done.page) == (there == "done")
    folder = tmp_path / "run"
    counts = (artifacts.read_manifest(folder / "classifier") or {})["counts"]
    assert counts["train texts truncated to 24 tokens"] > 0
    assert not list(folder.glob(".classifier*"))
    figures = json.loads((folder / "reports" / "metrics.json").read_text())
    assert set(figures["classifier"]) == {load_recipe(name).fit.head, "chance"}
    again = run_pipeline(name, loaded.tables, folder, overrides)
    assert {o.status for o in again.outcomes} == {"skipped", there} - {"done"}


def test_a_missing_file_of_word_vectors_is_noticed_first(loaded: Loaded, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"no such file of word vectors: got glove.6B.100d.txt"):
        run_pipeline(
            "mueller-stone-glove",
            loaded.tables,
            tmp_path / "run",
            ["encoder.model=glove.6B.100d.txt"],
        )
    assert not (tmp_path / "run" / "corpus.parquet").exists()


def test_the_verb_fit_takes_texts_and_evaluate_and_classify_read_what_it_wrote(
    tiny: str, loaded: Loaded, tmp_path: Path
) -> None:
    def call(*arguments: object, code: int = 0) -> str:
        done = in_process(*arguments, cwd=tmp_path)
        assert done.returncode == code, done.stderr
        return done.stdout

    work = tmp_path / "work"
    call("load", loaded.tables, "--graph", f"duckdb://{work / 'graph.duckdb'}", "--limit", 120)
    folder = work / "classifier"
    settings = (
        "epochs=1",
        "hidden=8",
        "head=thmm",
        "device=cpu",
        "text.pooling=cls",
        "text.max_length=16",
    )
    call(
        "fit",
        "--texts",
        tiny,
        "--corpus",
        work,
        "--out",
        folder,
        *(part for s in settings for part in ("--set", s)),
    )
    record = artifacts.read_manifest(folder) or {}
    assert record["settings"]["text"]["pooling"] == "cls"
    assert record["counts"]["train texts truncated to 16 tokens"] > 0
    assert "hierarchical F1" in call("evaluate", folder)
    line = call("classify", "A plough for soil", "--model", folder, "--json")
    assert json.loads(line)["predicted"]
    call("fit", "--corpus", work, code=2)
    call("fit", tmp_path, "--texts", tiny, code=2)
