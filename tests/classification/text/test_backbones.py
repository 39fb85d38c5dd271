"""What reads texts: tokens, word vectors, convolutions and attention by value; bad files."""

from __future__ import annotations

import logging
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from tiny import write_tiny_encoder

from patentcl.classification.heads import HeadSettings, build_head
from patentcl.classification.heads.harnn import SHARE, HarnnHead
from patentcl.classification.settings import TextSettings
from patentcl.classification.text.backbones import (
    TransformerReader,
    WordReader,
    load_reader,
    make_reader,
    mean_of,
)
from patentcl.classification.text.pooling import TextCnn, TextModel
from patentcl.classification.text.words import NEAR, Vocabulary, read_glove, train_vectors, words_of
from patentcl.core.errors import ConfigError, DataError
from patentcl.cpc import CpcTree
from patentcl.encoders.encoder import PatentEncoder
from patentcl.encoders.tokens import Padded, Tokens, batches, is_texts, join_texts

TEXTS = ["a plough for soil", "a car engine with a wheel", "seed drill", "soil"] * 3


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_tiny_encoder(tmp_path_factory.mktemp("tiny") / "encoder", TEXTS)


# ---- tokens ---------------------------------------------------------------------------------


@settings(deadline=None)
@given(
    st.lists(st.integers(1, 40), min_size=1, max_size=300), st.integers(1, 40), st.integers(0, 9)
)
def test_batches_hold_each_text_once_and_differ_by_one(
    lengths: list[int], size: int, seed: int
) -> None:
    found = batches(np.array(lengths), size, np.random.default_rng(seed))
    assert sorted(np.concatenate(found).tolist()) == list(range(len(lengths)))
    sizes = [len(b) for b in found]
    assert max(sizes) <= size and max(sizes) - min(sizes) <= 1
    again = batches(np.array(lengths), size, np.random.default_rng(seed))
    assert all(np.array_equal(a, b) for a, b in zip(found, again, strict=True))


def test_batches_of_like_length_need_little_filling() -> None:
    lengths = np.random.default_rng(0).integers(10, 200, 1000)
    found = batches(lengths, 16, np.random.default_rng(1))
    filled = sum(len(b) * lengths[b].max() for b in found)
    assert filled < 1.1 * lengths.sum() < 0.8 * len(lengths) * lengths.max()


def test_tokens_are_cut_to_the_longest_of_the_batch() -> None:
    tokens = Tokens([[1, 2, 3], [4], [], [5, 6]], np.array([True, False, False, False]))
    ids, mask = tokens.padded(np.array([1, 3]), pad=9)
    assert ids.tolist() == [[4, 9], [5, 6]] and mask.tolist() == [[True, False], [True, True]]
    some = tokens.take(np.array([3, 0]))
    assert some[0].tolist() == [5, 6] and some.truncated.tolist() == [False, True]
    assert tokens.padded(np.array([2]), 0)[1].tolist() == [[False]]


def test_what_counts_as_texts() -> None:
    assert is_texts(["a"]) and is_texts([("t", "a")]) and is_texts(np.array(["a"]))
    assert is_texts([3, "a"])  # so that the 3 is complained about
    for vectors in (np.ones((2, 3)), [[1.0, 2.0]], [], np.ones(3), [["a", "b", "c"]]):
        assert not is_texts(vectors)


@pytest.mark.parametrize(
    "items,message",
    [
        ("one", "list of texts"),
        (["a", 3], r"item 1\): got int"),
        (["a", " "], r"empty \(in item 1"),
        ([("", "")], r"empty \(in item 0"),
        ([("a", None)], r"item 0\): got tuple"),
        ([None], r"item 0\): got NoneType"),
    ],
)
def test_bad_texts(items: object, message: str) -> None:
    with pytest.raises(DataError, match=message):
        join_texts(items, ".")


# ---- word vectors ---------------------------------------------------------------------------


def test_a_file_of_word_vectors(tmp_path: Path) -> None:
    file = tmp_path / "v.txt"
    file.write_text("the 1 2\nof 3 4\nplough 5 6\nsoil 7 8.5\n", encoding="utf-8")
    words, vectors = read_glove(file, most=3, wanted=["soil", "missing"])
    assert words == ["the", "soil"] and vectors.tolist() == [[1, 2], [7, 8.5]]
    file.write_text("4 2\nthe 1 2\n", encoding="utf-8")  # word2vec's head
    assert read_glove(file, 10)[0] == ["the"]
    for text, message in (
        ("a 1 2\nb 1\n", r"line 2\): got 1; wanted 2"),
        ("a 1 x\n", "not made of numbers"),
        ("", "no word vectors"),
        ("a\n", r"line 1\): got 0"),
    ):
        file.write_text(text, encoding="utf-8")
        with pytest.raises(DataError, match=message):
            read_glove(file, 10)
    with pytest.raises(DataError, match="no such file"):
        read_glove(tmp_path / "none.txt", 10)


def test_vocabulary_counts_cuts_and_knows_what_it_does_not_know() -> None:
    vocabulary = Vocabulary.of(["b a a", "a b c"], least=2)
    assert vocabulary.words == ["a", "b"] and len(vocabulary) == 4
    tokens = vocabulary.read(["a c b b", "...", "b"], limit=3)
    assert [tokens[i].tolist() for i in range(3)] == [[2, 1, 3], [1], [3]]
    assert tokens.truncated.tolist() == [True, False, False]
    with pytest.raises(DataError, match="min_count"):
        Vocabulary.of(["a b"], least=2)


def test_trained_word_vectors_are_a_factorisation_of_ppmi() -> None:
    rng = np.random.default_rng(0)
    texts = [rng.integers(1, 12, rng.integers(1, 20)).tolist() for _ in range(30)]
    n = 12
    near = np.zeros((n, n))
    for text in texts:
        for i, a in enumerate(text):
            for j, b in enumerate(text):
                if i != j and abs(i - j) <= NEAR and a > 1 and b > 1:
                    near[a, b] += 1 / abs(i - j)
    count = near.sum(axis=1)
    chance = count**0.75 / (count**0.75).sum()
    with np.errstate(divide="ignore", invalid="ignore"):
        ppmi = np.maximum(np.log(near / (count[:, None] * chance[None])), 0)
    ppmi[~np.isfinite(ppmi)] = 0
    u, s, _ = np.linalg.svd(ppmi)
    want = u[:, :4] * np.sqrt(s[:4])
    got = train_vectors(Tokens(texts), n, 4, seed=1)
    scale = np.linalg.norm(want[2:], axis=1).mean()
    np.testing.assert_allclose(got @ got.T * scale**2, want @ want.T, atol=1e-4)
    assert not got[:2].any()
    assert np.array_equal(got, train_vectors(Tokens(texts), n, 4, seed=1))
    assert train_vectors(Tokens(texts), n, 50).shape == (n, 50)  # more than there are words


def test_words_in_like_company_are_alike() -> None:
    rng = np.random.default_rng(1)
    farm, cars = ["plough", "soil", "seed", "field"], ["engine", "wheel", "brake", "gear"]
    texts = [" ".join(rng.choice(farm if i % 2 else cars, 12)) for i in range(60)]
    vocabulary = Vocabulary.of(texts)
    vectors = train_vectors(vocabulary.read(texts, 99), len(vocabulary), 2)
    unit = vectors[2:] / np.linalg.norm(vectors[2:], axis=1, keepdims=True)
    same = np.array(
        [[(a in farm) == (b in farm) for a in vocabulary.words] for b in vocabulary.words]
    )
    cosine = unit @ unit.T
    assert cosine[same].min() > cosine[~same].max() + 0.5


# ---- convolutions ---------------------------------------------------------------------------


def naive_cnn(cnn: TextCnn, text: np.ndarray) -> np.ndarray:
    """Filter by filter, window by window, for one text (t, d)."""
    out = []
    for kernel, convolution in zip(cnn.kernels, cnn.convolutions, strict=True):
        weight = convolution.weight.detach().numpy()  # (filters, d, kernel)
        bias = convolution.bias.detach().numpy()
        x = np.concatenate([text, np.zeros((max(0, kernel - len(text)), text.shape[1]))])
        for f in range(len(weight)):
            windows = [
                sum(weight[f, :, k] @ x[start + k] for k in range(kernel)) + bias[f]
                for start in range(len(x) - kernel + 1)
            ]
            out.append(max(0.0, max(windows)))
    return np.array(out)


def test_a_convolution_is_its_windows_one_by_one() -> None:
    torch.manual_seed(0)
    cnn = TextCnn(5, (2, 3, 4, 2), filters=3)
    lengths = [6, 1, 3, 9]
    states = torch.randn(4, 9, 5)  # what lies behind a text's end must not matter
    mask = torch.arange(9) < torch.tensor(lengths)[:, None]
    got = cnn(states, mask).detach().numpy()
    for i, n in enumerate(lengths):
        want = naive_cnn(cnn, states[i, :n].numpy().astype(np.float64))
        np.testing.assert_allclose(got[i], want, rtol=1e-4, atol=1e-5)
        alone = cnn(states[i : i + 1, :n], mask[i : i + 1, :n])
        np.testing.assert_allclose(alone.detach().numpy()[0], got[i], rtol=1e-5, atol=1e-6)
    assert cnn.dim == got.shape[1] == 12


def test_dense_layer_over_a_convolution_takes_a_single_text() -> None:
    torch.manual_seed(0)
    cnn = TextCnn(5, (2,), filters=3, dense=4, dropout=0.5).train()
    mask = torch.ones(6, 7, dtype=torch.bool)
    x = torch.randn(6, 7, 5)
    assert cnn(x, mask).shape == (6, 4)
    assert torch.isfinite(cnn(x[:1], mask[:1])).all()
    cnn.eval()
    vectors = cnn(x, mask)
    torch.testing.assert_close(cnn(x[:1], mask[:1]), vectors[:1])
    hidden = cnn.dense(
        torch.from_numpy(
            np.stack([naive_cnn(cnn, t.numpy().astype(np.float64)) for t in x])
        ).float()
    )
    torch.testing.assert_close(vectors, torch.relu(cnn.norm(hidden)), rtol=1e-4, atol=1e-5)


# ---- HARNN ----------------------------------------------------------------------------------

TREE = CpcTree.from_symbols(["A01B", "A01C", "B60K"])


def sigmoid(z: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-z))


def naive_harnn(head: HarnnHead, text: np.ndarray) -> np.ndarray:
    """Probabilities of one text (t, d), from the reader's outputs as the paper's formulas go."""
    with torch.no_grad():
        reader = head.reader(torch.from_numpy(text)[None].float())[0][0].numpy().astype(np.float64)
    weights = {k: v.detach().numpy().astype(np.float64) for k, v in head.named_parameters()}
    w, hidden = np.ones(len(text)), []
    local = np.zeros(len(head.tree))
    for depth, (start, stop) in enumerate(head.layout.bounds):

        def of(name: str, depth: int = depth) -> np.ndarray:
            return weights[f"units.{depth}.{name}"]

        seen = reader * w[:, None]
        attention = np.zeros((stop - start, len(text)))
        for c in range(stop - start):
            scores = np.array(
                [of("labels.weight")[c] @ np.tanh(of("attend.weight") @ v) for v in seen]
            )
            attention[c] = np.exp(scores) / np.exp(scores).sum()
        found = np.mean([a @ seen for a in attention], axis=0)
        dense = np.maximum(
            of("dense.weight") @ np.concatenate([reader.mean(axis=0), found]) + of("dense.bias"), 0
        )
        p = sigmoid(of("out.weight") @ dense + of("out.bias"))
        local[start:stop] = p
        hidden.append(dense)
        w = np.mean([p[c] * attention[c] for c in range(stop - start)], axis=0)
        w *= len(text) / w.sum()
    joined = np.maximum(weights["whole.weight"] @ np.concatenate(hidden) + weights["whole.bias"], 0)
    whole = sigmoid(weights["out.weight"] @ joined + weights["out.bias"])
    mixed = (1 - SHARE) * local + SHARE * whole
    return np.array([min(mixed[k] for k in head.tree.path(n)) for n in range(len(head.tree))])


def test_harnn_is_its_formulas() -> None:
    torch.manual_seed(0)
    head = build_head("harnn", TREE, 4, HeadSettings(hidden=6)).eval()
    assert isinstance(head, HarnnHead)
    for p in head.parameters():  # larger than drawn, so that nothing vanishes
        p.data.mul_(2)
    lengths = [5, 1, 3]
    states = torch.randn(3, 5, 4)
    mask = torch.arange(5) < torch.tensor(lengths)[:, None]
    got = head.predict(Padded(states, mask)).detach().numpy()
    for i, n in enumerate(lengths):
        want = naive_harnn(head, states[i, :n].numpy())
        np.testing.assert_allclose(got[i], want, rtol=1e-4, atol=1e-5)
    # embeddings are texts of one token
    one = head.predict(states[:, 0]).detach().numpy()
    np.testing.assert_allclose(one[1], naive_harnn(head, states[1, :1].numpy()), rtol=1e-4)
    assert head.columns.tolist() == [*range(len(TREE))] * 2
    with pytest.raises(ConfigError, match="hidden width"):
        build_head("harnn", TREE, 4, HeadSettings(hidden=0))


# ---- readers --------------------------------------------------------------------------------


def batch(model: TextModel, texts: list[str]) -> tuple[torch.Tensor, torch.Tensor]:
    ids, mask = model.read(texts).padded(np.arange(len(texts)), model.reader.pad)
    return torch.from_numpy(ids), torch.from_numpy(mask)


def test_what_stands_for_a_text(tiny: Path) -> None:
    texts = TEXTS[:4]
    encoder = PatentEncoder.load(tiny)
    inner = encoder.model[0].auto_model.eval()

    def model(**kwargs: object) -> TextModel:
        given = TextSettings(model=str(tiny), **kwargs)
        return TextModel(make_reader(given, None), given).eval()

    with torch.no_grad():
        ids, mask = batch(model(), texts)
        out = inner(input_ids=ids, attention_mask=mask.long(), output_hidden_states=True)
        want = {
            "encoder": torch.from_numpy(encoder.encode(texts, precision="fp32")),
            "cls": out.last_hidden_state[:, 0],
            "mean": mean_of(out.last_hidden_state, mask),
        }
        for pooling, vectors in want.items():
            got = model(pooling=pooling)(ids, mask)
            torch.testing.assert_close(got, vectors, rtol=1e-4, atol=1e-5)
        both = model(pooling="cls", layers=2)(ids, mask)
        torch.testing.assert_close(
            both, out.hidden_states[-1][:, 0] + out.hidden_states[-2][:, 0], rtol=1e-4, atol=1e-5
        )
        cnn = model(pooling="cnn", kernels=(2, 3), filters=4)
        torch.testing.assert_close(
            cnn(ids, mask), cnn.cnn(out.last_hidden_state, mask), rtol=1e-4, atol=1e-5
        )
    with pytest.raises(ConfigError, match=r"text.layers.*got 3; wanted at most 2"):
        model(layers=3)
    assert encoder.model[0].auto_model is not model().reader._inner


@pytest.mark.parametrize(("share", "same"), [(None, False), (0.0, True), (0.5, False)])
def test_dropout_of_the_encoder(tiny: Path, share: float | None, same: bool) -> None:
    """In training alone, and nowhere in it where it is 0, attention included."""
    given = TextSettings(model=str(tiny), encoder_dropout=share)
    model = TextModel(make_reader(given, None), given)
    ids, mask = model.read(["one two three", "two"]).padded(np.arange(2), model.reader.pad)
    batch = torch.from_numpy(ids), torch.from_numpy(mask)
    plain = TextSettings(model=str(tiny))
    still = TextModel(make_reader(plain, None), plain).eval()(*batch)
    assert torch.equal(model.eval()(*batch), still)
    model.train()
    assert torch.equal(model(*batch), model(*batch)) == same


def test_layers_learn_at_falling_rates(tiny: Path) -> None:
    given = TextSettings(
        model=str(tiny), pooling="cnn", filters=2, learning_rate=1e-3, layer_decay=0.5
    )
    model = TextModel(make_reader(given, None), given)
    groups = model.groups(0.01, 0.1)
    rate = {id(p): g["lr"] for g in groups for p in g["params"]}
    decay = {id(p): g["weight_decay"] for g in groups for p in g["params"]}
    assert len(rate) == sum(len(g["params"]) for g in groups) == len(list(model.parameters()))
    for name, p in model.named_parameters():
        want = (
            0.01
            if name.startswith("cnn")
            else 2.5e-4
            if ".embeddings." in name
            else 5e-4
            if ".layer.0." in name
            else 1e-3
        )
        assert rate[id(p)] == pytest.approx(want), name
        assert decay[id(p)] == (0.1 if p.ndim > 1 else 0.0), name
    held = TextSettings(model=str(tiny), frozen_layers=1)
    model = TextModel(make_reader(held, None), held)
    for name, p in model.named_parameters():
        assert p.requires_grad == (".embeddings." not in name and ".layer.0." not in name), name
    assert all(p.requires_grad for g in model.groups(0.1, 0) for p in g["params"])
    for wrong in (2, 9):
        with pytest.raises(ConfigError, match="leaves no layer to tune"):
            bad = TextSettings(model=str(tiny), frozen_layers=wrong)
            TextModel(make_reader(bad, None), bad)
    frozen = TextSettings(model=str(tiny), frozen=True)
    assert TextModel(make_reader(frozen, None), frozen).groups(0.1, 0) == []


def test_checkpointing_gives_the_same_gradients(tiny: Path) -> None:
    found = []
    for on in (False, True):
        given = TextSettings(model=str(tiny), checkpointing=on)
        model = TextModel(make_reader(given, None), given)
        for module in model.modules():
            if isinstance(module, torch.nn.Dropout):
                module.p = 0.0
        model.train()(*batch(model, TEXTS[:4])).square().sum().backward()
        found.append([p.grad for p in model.parameters() if p.grad is not None])
    for a, b in zip(*found, strict=True):
        torch.testing.assert_close(a, b)


def test_long_texts_are_cut_and_told(tiny: Path, caplog: pytest.LogCaptureFixture) -> None:
    given = TextSettings(model=str(tiny), max_length=6)
    model = TextModel(make_reader(given, None), given)
    with caplog.at_level(logging.WARNING, logger="patentcl"):
        tokens = model.read(["a plough", "a plough for soil " * 50], "my texts")
    assert tokens.lengths.tolist() == [4, 6] and tokens.truncated.tolist() == [False, True]
    assert "1 of 2 in my texts are longer than 6 tokens and were truncated" in caplog.text


def test_word_vectors_as_reader(tmp_path: Path) -> None:
    given = TextSettings(model="words", word_width=3, pooling="mean", min_count=1)
    reader = make_reader(given, TEXTS)
    assert isinstance(reader, WordReader)
    model = TextModel(reader, given)
    got = model(*batch(model, ["soil seed"])).detach().numpy()
    table = reader.vectors.weight.detach().numpy()
    rows = [2 + reader.vocabulary.words.index(w) for w in ("soil", "seed")]
    np.testing.assert_allclose(got[0], table[rows].mean(axis=0), rtol=1e-5)
    assert not table[:2].any() and table[2:].std() == pytest.approx(1, rel=1e-5)
    file = tmp_path / "g.txt"
    file.write_text("soil 1 2\nseed 3 5\n", encoding="utf-8")
    given = TextSettings(model=str(file), pooling="mean", min_count=1)
    model = TextModel(make_reader(given, TEXTS), given)
    got = model(*batch(model, ["soil seed"])).detach().numpy()
    np.testing.assert_allclose(got[0], np.array([2, 3.5]) / np.std([1, 2, 3, 5]), rtol=1e-5)
    with pytest.raises(DataError, match="word vectors need texts"):
        make_reader(given, None)


def test_readers_come_back_from_a_folder(tiny: Path, tmp_path: Path) -> None:
    given = TextSettings(model=str(tiny))
    reader = make_reader(given, None)
    reader.save(tmp_path / "t")
    back = load_reader(tmp_path / "t", given, 32)
    assert isinstance(back, TransformerReader)
    ids, mask = torch.tensor([[2, 5, 6]]), torch.ones(1, 3, dtype=torch.bool)
    torch.testing.assert_close(back.eval().states(ids, mask), reader.eval().states(ids, mask))
    with pytest.raises(DataError, match=r"another width than the classifier.*got 32; wanted 64"):
        load_reader(tmp_path / "t", given, 64)
    given = TextSettings(model="words", word_width=3)
    words = make_reader(given, TEXTS)
    words.save(tmp_path / "w")
    read = load_reader(tmp_path / "w", given, 3)
    assert isinstance(read, WordReader) and isinstance(words, WordReader)
    assert read.vocabulary.words == words.vocabulary.words


def test_words_are_lower_case_runs() -> None:
    assert words_of("Über-2nd A_b") == ["über", "2nd", "a", "b"]
