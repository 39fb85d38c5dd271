"""Encoder: equal to the library's own encoding, in any order and batch; scikit-learn; saving."""

from __future__ import annotations

import io
import pickle
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.base import clone
from sklearn.model_selection import cross_validate
from sklearn.pipeline import Pipeline
from tiny import RECORDS, WORDS, write_tiny_encoder

from patentcl import PatentClassifier
from patentcl.core.errors import ConfigError, DataError
from patentcl.data.corpus import Corpus
from patentcl.encoders import encoder as module
from patentcl.encoders.encoder import PatentEncoder


@pytest.fixture(scope="module")
def minilm() -> PatentEncoder:
    return PatentEncoder.load("minilm", device="cpu")


def some_texts(n: int, seed: int = 0) -> list[str]:
    rng = np.random.default_rng(seed)
    return [" ".join(rng.choice(WORDS, rng.integers(1, 90))) for _ in range(n)]


# ---- values ---------------------------------------------------------------------------------


@pytest.mark.parametrize("batch_size", [1, 3, 8, 64])
def test_equals_the_library_in_fp32_whatever_the_batch(
    tiny: PatentEncoder, batch_size: int
) -> None:
    texts = some_texts(41)
    wanted = tiny.model.encode(texts, batch_size=32, show_progress_bar=False)
    np.testing.assert_allclose(tiny.encode(texts, batch_size, "fp32"), wanted, atol=1e-5, rtol=0)


def test_equals_the_library_on_a_real_model(minilm: PatentEncoder) -> None:
    texts = [*some_texts(6), "Ein Mäher 草坪 " * 3, "a" * 400, "x"]
    vectors = minilm.encode(texts, precision="fp32")
    assert vectors.dtype == np.float32 and vectors.shape == (9, 384)
    wanted = minilm.model.encode(texts, show_progress_bar=False)
    np.testing.assert_allclose(vectors, wanted, atol=1e-5, rtol=0)
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)


@settings(max_examples=15, deadline=None)
@given(st.permutations(range(12)), st.integers(1, 13))
def test_a_vector_does_not_depend_on_order_or_company(
    tiny: PatentEncoder, order: list[int], batch_size: int
) -> None:
    texts = some_texts(12, seed=3)
    alone = np.vstack([tiny.encode([t], precision="fp32") for t in texts])
    together = tiny.encode([texts[i] for i in order], batch_size, "fp32")
    np.testing.assert_allclose(together, alone[list(order)], atol=1e-5, rtol=0)


def test_many_chunks_keep_their_rows(tiny: PatentEncoder, monkeypatch: pytest.MonkeyPatch) -> None:
    texts = some_texts(50, seed=5)
    whole = tiny.encode(texts, precision="fp32")
    monkeypatch.setattr(module, "_CHUNK", 7)
    seen: list[tuple[int, int]] = []
    vectors = tiny.encode(texts, 4, "fp32", progress=lambda done, total: seen.append((done, total)))
    np.testing.assert_allclose(vectors, whole, atol=1e-5, rtol=0)
    assert [d for d, _ in seen] == sorted({d for d, _ in seen}), "progress only goes up"
    assert seen[-1] == (50, 50)


def test_bf16_is_close_and_leaves_the_model_exact(
    tiny: PatentEncoder, minilm: PatentEncoder
) -> None:
    for one in (tiny, minilm):
        before, texts = one.fingerprint, some_texts(8, seed=7)
        exact, quick = one.encode(texts, precision="fp32"), one.encode(texts, precision="bf16")
        lengths = np.linalg.norm(exact, axis=1) * np.linalg.norm(quick, axis=1)
        cosine = (exact * quick).sum(1) / lengths
        assert (cosine > 0.999).all()
        if one is minilm:  # which normalises: a dot product is a cosine
            assert np.linalg.norm(quick, axis=1) == pytest.approx(1, abs=1e-6)
        assert not np.array_equal(exact, quick), "bf16 was not used"
        assert all(p.dtype == torch.float32 for p in one.model.parameters())
        one._fingerprint = None
        assert one.fingerprint == before


def test_a_long_text_is_cut_at_max_length(tiny: PatentEncoder, tmp_path: Path) -> None:
    tiny.save(tmp_path / "copy")
    short = PatentEncoder.load(tmp_path / "copy", max_length=10, device="cpu")
    words = some_texts(1, seed=11)[0].split() + ["motor"] * 40
    # Two of the ten tokens are [CLS] and [SEP].
    np.testing.assert_allclose(
        short.encode([" ".join(words)], precision="fp32"),
        short.encode([" ".join(words[:8])], precision="fp32"),
        atol=1e-6,
    )
    assert short.max_length == short.model.max_seq_length == 10
    assert PatentEncoder.load(tmp_path / "copy", max_length=9999, device="cpu").max_length == 128
    with pytest.raises(ConfigError, match="max_length must be at least 1: got 0"):
        PatentEncoder.load(tmp_path / "copy", max_length=0)


def test_positions_are_counted_from_the_padding_index_where_a_model_does_so(tmp_path: Path) -> None:
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.sentence_transformer import modules
    from transformers import MPNetConfig, MPNetModel

    inner = write_tiny_encoder(tmp_path / "bert", WORDS).with_name("bert-inner")
    (inner / "model.safetensors").unlink()
    config = MPNetConfig(
        vocab_size=60,
        hidden_size=16,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=16,
        max_position_embeddings=34,
        pad_token_id=1,
    )
    MPNetModel(config).save_pretrained(inner)
    model = SentenceTransformer(
        modules=[modules.Transformer(str(inner)), modules.Pooling(16)], device="cpu"
    )
    encoder = PatentEncoder(model, "mpnet", 512)
    assert encoder.max_length == 32
    assert np.isfinite(encoder.encode(["motor " * 200], precision="fp32")).all()


# ---- texts ----------------------------------------------------------------------------------


def test_title_and_abstract_are_joined_by_the_separator(tiny: PatentEncoder) -> None:
    corpus = Corpus.from_records(RECORDS)
    wanted = ["Mower [SEP] A blade cuts grass.", "Battery cell", "The sensor reads soil moisture."]
    assert tiny.texts(corpus) == wanted
    assert tiny.texts([("Mower", "A blade cuts grass."), ("Battery cell", ""), wanted[2]]) == wanted
    np.testing.assert_array_equal(
        tiny.encode(corpus, precision="fp32"), tiny.encode(wanted, precision="fp32")
    )


def test_a_table_of_titles_and_abstracts(tiny: PatentEncoder) -> None:
    table = pd.DataFrame(RECORDS)[["abstract", "title"]]
    table.index = [7, 7, 8]
    table.loc[7, "date"] = "2020-01-01"
    wanted = tiny.encode(Corpus.from_records(RECORDS), precision="fp32")
    np.testing.assert_array_equal(tiny.encode(table, precision="fp32"), wanted)
    gaps = table.replace("", np.nan)
    np.testing.assert_array_equal(tiny.encode(gaps, precision="fp32"), wanted)
    texts = pd.Series(tiny.texts(table), index=[3, 1, 2], dtype="string")
    np.testing.assert_array_equal(tiny.encode(texts, precision="fp32"), wanted)
    np.testing.assert_array_equal(tiny.encode(iter(texts), precision="fp32"), wanted)


def test_one_text_is_one_vector(tiny: PatentEncoder) -> None:
    vector = tiny.encode("motor of wheel", precision="fp32")
    assert vector.shape == tiny.model.encode("motor of wheel", show_progress_bar=False).shape
    np.testing.assert_array_equal(vector, tiny.encode(["motor of wheel"], precision="fp32")[0])


def test_a_progress_bar_is_drawn_when_asked_for(tiny: PatentEncoder) -> None:
    err = io.StringIO()
    with redirect_stderr(err):
        tiny.encode(some_texts(9), show_progress_bar=True)
    assert "9/9" in err.getvalue()


def test_no_texts_give_no_vectors(tiny: PatentEncoder) -> None:
    assert tiny.encode([]).shape == (0, 32)


@pytest.mark.parametrize(
    ("items", "message"),
    [
        (
            pd.DataFrame({"title": ["a"], "text": ["b"]}),
            "a table without texts: got a DataFrame with the columns title, text; wanted a list of",
        ),
        (pd.Series([1.5, 2.0]), "these are not texts: got Series of shape (2,); wanted a list of"),
        (np.zeros((2, 3)), "these are not texts: got ndarray of shape (2, 3); wanted a list"),
        ({"title": "a", "abstract": "b"}, "these are not texts: got dict; wanted a list of texts,"),
        (7000001, "these are not texts: got int; wanted a list of texts, a list of (title, abs"),
        (None, "these are not texts: got NoneType"),
        ("", "a text is empty (in item 0)"),
        (["motor", " \n"], "a text is empty (in item 1)"),
        ([("", "")], "a text is empty (in item 0)"),
        (["motor", 5], "neither a string nor a pair of title and abstract (in item 1): got int"),
        ([None], "neither a string nor a pair of title and abstract (in item 0): got NoneType"),
        (
            [("a", "b", "c")],
            "neither a string nor a pair of title and abstract (in item 0): got tuple",
        ),
        ([("a", None)], "neither a string nor a pair of title and abstract (in item 0): got tuple"),
    ],
)
def test_what_is_not_a_text_is_refused(tiny: PatentEncoder, items: list, message: str) -> None:
    with pytest.raises(DataError) as error:
        tiny.encode(items)
    assert message in str(error.value)


def test_bad_settings_are_refused(tiny: PatentEncoder) -> None:
    with pytest.raises(ConfigError, match="batch_size must be at least 1: got 0"):
        tiny.encode(["motor"], batch_size=0)
    with pytest.raises(ConfigError, match=r"unknown precision: got bf61.*bf16"):
        tiny.encode(["motor"], precision="bf61")


# ---- scikit-learn ---------------------------------------------------------------------------


def test_clones_and_pickles_encode_the_same(tiny: PatentEncoder) -> None:
    texts = some_texts(5)
    wanted = tiny.encode(texts, precision="fp32")
    in_memory = PatentEncoder(tiny.model, "in memory", precision="fp32")
    for one in (clone(tiny), clone(in_memory), clone(in_memory.fit()), clone(clone(tiny).fit())):
        np.testing.assert_array_equal(one.encode(texts, precision="fp32"), wanted)
    copied = pickle.loads(pickle.dumps(in_memory))
    assert copied.get_params().keys() == tiny.get_params().keys() and copied.name == "in memory"
    np.testing.assert_array_equal(copied.fit_transform(texts), wanted)


def test_parameters_can_be_changed(tiny: PatentEncoder, tmp_path: Path) -> None:
    tiny.save(tmp_path / "other")
    one, text = clone(tiny), " ".join(["motor", *WORDS, "blade"] * 2)
    assert one.set_params(max_length=5, precision="fp32") is one
    np.testing.assert_array_equal(one.transform([text]), one.transform(["motor a mower"]))
    assert one.fingerprint != tiny.fingerprint
    one.set_params(source=tmp_path / "other")
    assert (one.fit().max_length, one.name) == (64, str(tmp_path / "other"))
    assert one.fingerprint == tiny.fingerprint
    with pytest.raises(ValueError, match="Invalid parameter 'length'"):
        one.set_params(length=5)


def test_in_a_pipeline_with_a_classifier(tiny: PatentEncoder) -> None:
    rng = np.random.default_rng(0)
    kinds = ("a mower blade cuts grass", "battery cell with anode cathode")
    rows = [
        {
            "patent_id": f"{i:02}",
            "title": " ".join(rng.permutation(kinds[i % 2].split())),
            "abstract": str(rng.choice(WORDS)),
            "codes": [("A01D34/00", "H01M10/00")[i % 2]],
        }
        for i in range(24)
    ]
    corpus = Corpus.from_records(rows)
    classifier = PatentClassifier(epochs=10, patience=0, seed=0)
    pipeline = Pipeline([("encoder", clone(tiny)), ("clf", classifier)])
    found = cross_validate(
        pipeline,
        corpus.texts,
        corpus.labels.toarray(),
        params={"clf__tree": corpus.tree},
        cv=2,
        error_score="raise",
    )
    assert found["test_score"].min() > 0.9


# ---- where vectors go -----------------------------------------------------------------------


def test_an_array_to_write_into(tiny: PatentEncoder, tmp_path: Path) -> None:
    texts = some_texts(9)
    wanted = tiny.encode(texts, precision="fp32")
    out = np.lib.format.open_memmap(tmp_path / "x.npy", "w+", dtype=np.float16, shape=(9, 32))
    assert tiny.encode(texts, precision="fp32", out=out) is out
    np.testing.assert_array_equal(out, wanted.astype(np.float16))
    with pytest.raises(DataError, match=r"wrong shape: got \(9, 31\); wanted \(9, 32\)"):
        tiny.encode(texts, out=np.empty((9, 31), np.float32))


def test_a_full_gpu_makes_batches_smaller(
    tiny: PatentEncoder, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    texts, sizes = some_texts(20), []
    wanted, forward = tiny.encode(texts, precision="fp32"), tiny.model.forward

    def full_above_five(features: dict[str, torch.Tensor], **rest: object) -> object:
        sizes.append(len(features["input_ids"]))
        if sizes[-1] > 5:
            raise torch.cuda.OutOfMemoryError("full")
        return forward(features, **rest)

    monkeypatch.setattr(PatentEncoder, "_on_cores", PatentEncoder._on_gpu)
    monkeypatch.setattr(tiny.model, "forward", full_above_five)
    np.testing.assert_allclose(tiny.encode(texts, 16, "fp32"), wanted, atol=1e-5)
    assert sizes[:3] == [16, 8, 4] and max(sizes[2:]) == 4
    assert "4 texts at a time" in caplog.text

    def always_full(features: dict[str, torch.Tensor], **rest: object) -> object:
        raise torch.cuda.OutOfMemoryError("full")

    monkeypatch.setattr(tiny.model, "forward", always_full)
    with pytest.raises(ConfigError, match=r"a single text.*Lower encoder.max_length"):
        tiny.encode(texts, 2, "fp32")


def test_cores_share_the_work_and_the_number_of_threads_is_put_back(
    tiny: PatentEncoder, monkeypatch: pytest.MonkeyPatch
) -> None:
    texts, before = some_texts(50), torch.get_num_threads()
    wanted = tiny.encode(texts, 4, "fp32")
    torch.set_num_threads(3)
    try:
        np.testing.assert_allclose(tiny.encode(texts, 4, "fp32"), wanted, atol=1e-5)
        assert torch.get_num_threads() == 3

        def broken(features: dict[str, torch.Tensor], **rest: object) -> object:
            raise ValueError("broken")

        monkeypatch.setattr(tiny.model, "forward", broken)
        with pytest.raises(ValueError, match="broken"):
            tiny.encode(texts, 4, "fp32")
        assert torch.get_num_threads() == 3
    finally:
        torch.set_num_threads(before)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="this machine has no GPU")
def test_a_gpu_gives_what_the_cpu_gives(tiny: PatentEncoder, tmp_path: Path) -> None:
    tiny.save(tmp_path / "copy")
    texts = some_texts(600)
    fast = PatentEncoder.load(tmp_path / "copy", device="cuda")
    wanted = tiny.encode(texts, precision="fp32")
    np.testing.assert_allclose(fast.encode(texts, precision="fp32"), wanted, atol=1e-4)
    quick = fast.encode(texts, precision="bf16")
    lengths = np.linalg.norm(quick, axis=1) * np.linalg.norm(wanted, axis=1)
    assert ((quick * wanted).sum(1) / lengths > 0.999).all()


# ---- finding, loading, saving ----------------------------------------------------------------


def test_save_and_load_give_the_same_encoder(tiny: PatentEncoder, tmp_path: Path) -> None:
    tiny.save(tmp_path / "copy")
    again = PatentEncoder.load(tmp_path / "copy", device="cpu")
    assert again.fingerprint == tiny.fingerprint and again.max_length == tiny.max_length == 64
    np.testing.assert_array_equal(
        again.encode(WORDS, precision="fp32"), tiny.encode(WORDS, precision="fp32")
    )
    with torch.no_grad():
        next(iter(again.model.parameters()))[0, 0] += 1
    again._fingerprint = None
    assert again.fingerprint != tiny.fingerprint
    other_length = PatentEncoder.load(tmp_path / "copy", max_length=63, device="cpu")
    assert other_length.fingerprint != tiny.fingerprint


def test_loading_and_saving_print_nothing(tiny: PatentEncoder, tmp_path: Path) -> None:
    from transformers.utils import logging as bars

    out, err, shown = io.StringIO(), io.StringIO(), bars.is_progress_bar_enabled()
    with redirect_stdout(out), redirect_stderr(err):
        tiny.save(tmp_path / "copy")
        PatentEncoder.load(tmp_path / "copy", device="cpu").encode(["motor"])
    assert out.getvalue() == "" and err.getvalue() == ""
    assert bars.is_progress_bar_enabled() == shown
