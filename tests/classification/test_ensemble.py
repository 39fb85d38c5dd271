"""The head ``local-svm``: the published rule by value, files, the recipe, mistakes."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from scipy import sparse
from sklearn.base import clone
from sklearn.model_selection import KFold, cross_validate

from patentcl import Corpus, CpcTree, PatentClassifier, run_pipeline
from patentcl.classification.local_svm import PUBLISHED_MARGIN, PUBLISHED_THRESHOLD, LocalSVM
from patentcl.cli.app import main
from patentcl.core.errors import ConfigError, DataError
from patentcl.pipeline.recipe import load_recipe

WORDS = {
    "A01B": "plough soil share",
    "A01C": "seed soil drill",
    "B60K": "car engine shaft",
    "B60L": "car battery motor",
    "C07C": "acid ester solvent",
}
TREE = CpcTree.from_symbols(WORDS)
PUBLISHED = {
    "head": "local-svm",
    "mask": "hard",
    "threshold": PUBLISHED_THRESHOLD,
    "prune": PUBLISHED_THRESHOLD,
    "at_least_one": False,
}


def make(n: int, seed: int) -> tuple[list[tuple[str, str]], list[list[str]]]:
    rng = np.random.default_rng(seed)
    texts, codes = [], []
    for _ in range(n):
        own = list(rng.choice(list(WORDS), rng.integers(1, 3), replace=False))
        words = [w for leaf in own for w in rng.choice(WORDS[leaf].split(), 2)]
        words += list(rng.choice(" ".join(WORDS.values()).split(), 3))
        texts.append((words[0], " ".join(words[1:])))
        codes.append(own)
    return texts, codes


TEXTS, CODES = make(200, 0)
NEW, NEW_CODES = make(60, 1)


@pytest.fixture(scope="module")
def published() -> PatentClassifier:
    dev = (NEW, NEW_CODES)
    return PatentClassifier(**PUBLISHED).fit(TEXTS, CODES, TREE, dev)


def test_labels_are_those_of_the_published_rule(published: PatentClassifier) -> None:
    plain = LocalSVM(TREE).fit([f"{t} {a}" for t, a in TEXTS], TREE.encode(CODES))
    margins = plain.margins([f"{t} {a}" for t, a in NEW])
    want = margins > PUBLISHED_MARGIN
    for node, parent in enumerate(TREE.parent):  # top-down: parents stand before their children
        if parent >= 0:
            want[:, node] &= want[:, parent]
    assert want.any(axis=0).all() and not want.all(axis=0).any()
    assert np.array_equal(published.predict(NEW).toarray(), want)
    proba = published.predict_proba(NEW)
    inner = TREE.parent >= 0
    assert not proba[:, inner][~want[:, TREE.parent[inner]]].any()  # not tested there
    assert (proba[:, inner] <= proba[:, TREE.parent[inner]]).all()


def test_tuned_calibrated_and_with_a_label_for_each(tmp_path: Path) -> None:
    model = PatentClassifier("local-svm", calibration="isotonic", seed=3).fit(TEXTS, CODES, TREE)
    assert model.predict(NEW).toarray()[:, TREE.at_level("subclass")].any(axis=1).all()
    assert model.score(NEW, NEW_CODES) > 0.7
    model.save(tmp_path / "m")
    again = PatentClassifier.load(tmp_path / "m")
    assert np.array_equal(again.predict_proba(NEW), model.predict_proba(NEW))
    assert (again.predict(NEW) != model.predict(NEW)).nnz == 0
    assert again.get_params() == model.get_params() and again.reads_texts
    assert sorted(p.name for p in (tmp_path / "m").iterdir()) == [
        "config.json",
        "model.safetensors",
        "thresholds.npz",
        "tree.parquet",
    ]
    assert model.history_ == []


def test_tampered_and_newer_files(published: PatentClassifier, tmp_path: Path) -> None:
    published.save(tmp_path)
    weights = tmp_path / "model.safetensors"
    whole = weights.read_bytes()
    weights.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
    with pytest.raises(DataError, match="changed or is cut off"):
        PatentClassifier.load(tmp_path)
    weights.write_bytes(whole)
    config = json.loads((tmp_path / "config.json").read_text())
    (tmp_path / "config.json").write_text(json.dumps({**config, "format": 99}))
    with pytest.raises(DataError, match="newer patentcl"):
        PatentClassifier.load(tmp_path)


def test_as_an_estimator() -> None:
    model = clone(PatentClassifier(**PUBLISHED, cost=0.3))
    assert model.cost == 0.3
    texts = [f"{t} {a}" for t, a in TEXTS]
    found = cross_validate(model, texts, CODES, cv=KFold(3), error_score="raise")
    assert (found["test_score"] > 0.6).all()
    assert model.fit(texts, CODES).n_features_in_ == len({w for t in texts for w in t.split()})


def test_what_costs_less_fits_less() -> None:
    loose, tight = (
        PatentClassifier(**PUBLISHED, cost=c).fit(TEXTS, CODES, TREE, (NEW, NEW_CODES))
        for c in (0.001, 10)
    )
    assert loose.score(TEXTS, CODES) < tight.score(TEXTS, CODES)


def test_labels_without_an_example_and_texts_without_known_words() -> None:
    tree = CpcTree.from_symbols([*WORDS, "H01M"])
    model = PatentClassifier("local-svm").fit(TEXTS, CODES, tree)
    proba = model.predict_proba([*NEW, ("unheard", "of")])
    for symbol in ("H", "H01", "H01M"):
        assert not proba[:, tree.index[symbol]].any()
    assert np.isfinite(proba).all() and not model.predict(NEW)[:, tree.index["H"]].nnz


@pytest.mark.parametrize(
    "head", ["flat+knn+svm", "levels+svm", "knn+svm", "levels+flat+svm", "tmm+levels+flat+knn+svm"]
)
def test_words_beside_other_members(head: str, tmp_path: Path) -> None:
    """By value: the average of the probabilities of head, neighbours and words."""
    text = {"model": "words", "pooling": "mean", "frozen": True, "word_width": 8}
    settings = {"epochs": 4, "neighbors": 5, "calibration": None, "prune": 0.0, "text": text}
    dev = (NEW, NEW_CODES)
    model = PatentClassifier(head, **settings).fit(TEXTS, CODES, TREE, dev)
    parts = [p for p in head.split("+") if p != "svm"]
    members = [
        PatentClassifier(p, **settings).fit(TEXTS, CODES, TREE, dev).predict_proba(NEW)
        for p in parts
    ]
    members.append(
        LocalSVM(TREE)
        .fit([f"{t}. {a}" for t, a in TEXTS], TREE.encode(CODES))
        .scores([f"{t}. {a}" for t, a in NEW])
    )
    assert list(model.weights_) == head.split("+")
    assert sum(model.weights_.values()) == pytest.approx(1) and model.weights_["svm"] > 0
    want = sum(w * p for w, p in zip(model.weights_.values(), members, strict=True))
    found = model.predict_proba(NEW)
    np.testing.assert_allclose(found, want, atol=1e-6)
    inner = TREE.parent >= 0
    assert (found[:, inner] <= found[:, TREE.parent[inner]]).all()
    model.save(tmp_path / "m")
    np.testing.assert_array_equal(PatentClassifier.load(tmp_path / "m").predict_proba(NEW), found)
    with pytest.raises(DataError, match="learns from words, but X holds no texts"):
        PatentClassifier(head).fit(np.ones((2, 3), np.float32), [["A01B"]] * 2, TREE)


@pytest.mark.parametrize(
    ("x", "y", "error", "text"),
    [
        (np.ones((2, 3), np.float32), [["A01B"]] * 2, DataError, "learns from words"),
        (["a plough", ""], [["A01B"]] * 2, DataError, "a text is empty"),
        (["a plough", 3], [["A01B"]] * 2, DataError, "neither a string nor a pair"),
        (["a plough", "an engine"], [["A01B"]], DataError, "differ in length"),
        (["a plough", "a share"], [["H04L"], ["A01B"]], DataError, "outside the tree"),
        (["!", "?"], [["A01B"]] * 2, DataError, "has a word"),
    ],
)
def test_mistakes_in_data(x: object, y: list[list[str]], error: type[Exception], text: str) -> None:
    with pytest.raises(error, match=text):
        PatentClassifier("local-svm").fit(x, y, TREE, (NEW, NEW_CODES))


def test_mistakes_in_settings_and_use(published: PatentClassifier) -> None:
    with pytest.raises(ConfigError, match=r"'cost'.*got 0; wanted greater than 0"):
        PatentClassifier("local-svm", cost=0).fit(TEXTS, CODES, TREE)
    with pytest.raises(ConfigError, match=r"got 'local-svm\+knn'; wanted one or more"):
        PatentClassifier("local-svm+knn").fit(TEXTS, CODES, TREE)
    with pytest.raises(DataError, match="texts"):
        published.predict(np.ones((2, 5), np.float32))


def test_the_recipes_have_the_published_settings() -> None:
    recipe = load_recipe("twistbytes")
    assert recipe.learns_from == "texts" and recipe.fit.head == "local-svm"
    assert recipe.fit.threshold == pytest.approx(PUBLISHED_THRESHOLD, abs=1e-7)
    assert recipe.fit.prune == recipe.fit.threshold
    assert recipe.fit.mask == "hard" and recipe.fit.at_least_one is False
    knn = load_recipe("patentsberta-knn", ["encoder.model=minilm"])
    assert (knn.fit.head, knn.fit.sharpness, knn.text.frozen) == ("knn", 1.0, True)


def test_the_recipe_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    result = run_pipeline("twistbytes", out=tmp_path, overrides=["data.sample_patents=300"])
    status = {o.stage: o.status for o in result.outcomes}
    assert [s for s, how in status.items() if how == "done"] == [
        "sample",
        "load",
        "fit",
        "evaluate",
    ]
    assert {status[s] for s in ("encoder", "embed", "index", "map")} == {"unable"}
    model = PatentClassifier.load(tmp_path / "classifier")
    corpus = Corpus.read(tmp_path)
    test = corpus.select("test")
    predicted = model.predict(test)
    assert isinstance(predicted, sparse.csr_matrix) and corpus.tree.is_closed(predicted)
    assert "hierarchical F1" in result.page
    again = run_pipeline("twistbytes", out=tmp_path, overrides=["data.sample_patents=300"])
    assert {o.status for o in again.outcomes} == {"skipped", "unable"}
    # classify takes texts as they are, and evidence from the corpus beside the classifier.
    monkeypatch.setattr("patentcl.cli.app._quiet_libraries", lambda: None)
    monkeypatch.setattr(
        "sys.argv",
        [
            "patentcl",
            "classify",
            "A battery with a housing",
            "--model",
            str(tmp_path / "classifier"),
            "--json",
        ],
    )
    with pytest.raises(SystemExit) as end:
        main()
    assert not end.value.code
    row = json.loads(capsys.readouterr().out)
    assert row["predicted"] and set(row["evidence"]) == set(row["predicted"])
    assert all(0 < n["similarity"] <= 1 for near in row["evidence"].values() for n in near)
