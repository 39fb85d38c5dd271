"""Predictions: codes and confidence against the classifier, evidence against brute force."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from patentcl import Corpus, CpcTree, PatentClassifier, PatentIndex
from patentcl.classification.familiarity import KnownWords
from patentcl.cli.classify import page_of
from patentcl.core.errors import ConfigError, DataError
from patentcl.workspace.evidence import VectorEvidence, WordEvidence
from patentcl.workspace.predictions import Prediction, Predictor, as_frame, complaints

LEAVES = ["A01B", "A01C", "A21B", "B60K", "B60L"]


@pytest.fixture(scope="module")
def parts() -> tuple[np.ndarray, list[list[str]], PatentClassifier, PatentIndex]:
    rng = np.random.default_rng(1)
    codes = [list(rng.choice(LEAVES, rng.integers(1, 3), replace=False)) for _ in range(300)]
    codes[7] = ["H01M"]  # carried by one patent alone
    centre = dict(zip([*LEAVES, "H01M"], np.eye(6, 12), strict=True))
    X = np.stack([sum(centre[c] for c in row) for row in codes]) + rng.normal(0, 0.3, (300, 12))
    X = X.astype(np.float32)
    model = PatentClassifier(head="levels", hidden=16, epochs=10, batch_size=32, seed=2)
    tree = CpcTree.from_symbols([*LEAVES, "H01M"], titles={"A01B": "Soil working"})
    model.fit(X[:250], codes[:250], tree)
    meta = pd.DataFrame(
        {
            "id": [f"p{i}" for i in range(300)],
            "title": [f"Title {i}" for i in range(299)] + [None],
            "codes": [[f"{c}1/00" for c in row] for row in codes],
        }
    )
    return X, codes, model, PatentIndex.build(X, meta["id"], meta=meta)


Parts = tuple[np.ndarray, list[list[str]], PatentClassifier, PatentIndex]


def predictions(
    parts: Parts, rows: np.ndarray, per_code: int = 3, **more: object
) -> list[Prediction]:
    X, _, model, index = parts
    evidence = VectorEvidence(index, model.tree_, per_code)
    predictor = Predictor(model, lambda texts: X[rows], evidence, **more)  # type: ignore[arg-type]
    return list(predictor.predict([f"p{i}" for i in rows], [(f"T{i}", "") for i in rows]))


def test_codes_scores_and_levels_are_the_classifier_s(parts: Parts) -> None:
    X, _, model, _ = parts
    rows = np.arange(200, 300)
    found = predictions(parts, rows)
    tree, proba = model.tree_, model.predict_proba(X[rows])
    predicted = model.predict(X[rows]).toarray()
    for a, p, chosen in zip(found, proba, predicted, strict=True):
        assert {c.symbol for c in a.codes} == {tree.symbols[j] for j in np.flatnonzero(chosen)}
        for c in a.codes:
            j = tree.index[c.symbol]
            assert c.probability == p[j] and c.confident == (p[j] >= model.thresholds_[j])
            assert a.scores[c.symbol] == pytest.approx(p[j], abs=1e-5)
        confident = [tree.levels.index(c.level) for c in a.codes if c.confident]
        assert a.confident_level == (tree.levels[max(confident)] if confident else None)
        assert a.predicted_level == "subclass" and a.stopped_before is None
    symbols = [c.symbol for c in found[0].codes]
    assert symbols == sorted(symbols)  # children below their parents
    whole = predictions(parts, rows[:3], all_scores=True)
    assert list(whole[0].scores) == list(tree.symbols)
    assert found[0].title == "T200"


def test_evidence_is_that_of_brute_force(parts: Parts, monkeypatch: pytest.MonkeyPatch) -> None:
    X, codes, _, _ = parts
    monkeypatch.setattr(
        "patentcl.workspace.evidence.REACH", 10
    )  # so that rare codes are looked for apart
    rows = np.arange(0, 60)
    unit = X / np.linalg.norm(X, axis=1, keepdims=True)
    similarity = unit @ unit.T
    looked_at = 0
    for i, a in zip(rows, predictions(parts, rows), strict=True):
        assert set(a.evidence) == {c.symbol for c in a.codes}
        for symbol, near in a.evidence.items():
            carriers = [
                j for j in range(300) if j != i and any(c.startswith(symbol) for c in codes[j])
            ]
            best = sorted(carriers, key=lambda j: -similarity[i, j])[:3]
            assert [n.patent_id for n in near] == [f"p{j}" for j in best]
            assert [n.similarity for n in near] == pytest.approx(
                [similarity[i, j] for j in best], abs=1e-4
            )
            looked_at += len(near)
    assert looked_at > 200


def test_fewer_carry_the_code_than_asked_for(parts: Parts) -> None:
    _, _, model, index = parts
    evidence = VectorEvidence(index, model.tree_)
    chosen = np.zeros((2, len(model.tree_)), dtype=bool)
    chosen[:, model.tree_.index["H01M"]] = True
    own, other = evidence.find(parts[0][[7, 8]], chosen, ["p7", "new"])
    assert own["H01M"] == []  # the only one is the patent itself
    assert [n.patent_id for n in other["H01M"]] == ["p7"]


def test_records_are_plain_and_titles_never_missing(parts: Parts) -> None:
    import json

    record = predictions(parts, np.array([299]))[0].record()
    assert set(record) == {"patent_id", "predicted", "scores", "level", "evidence"}
    assert json.loads(json.dumps(record)) == record
    assert all(isinstance(n["title"], str) for near in record["evidence"].values() for n in near)


def test_evidence_from_another_encoder(parts: Parts) -> None:
    X, _, model, index = parts
    predictor = Predictor(
        model, lambda t: X[:2], VectorEvidence(index, model.tree_, encode=lambda t: X[2:4])
    )
    near = next(iter(predictor.predict(["a", "b"], ["x", "y"]))).evidence
    first = index.search(X[2:3], 1)["id"].iloc[0]
    assert first == "p2" and any(n.patent_id == "p2" for of in near.values() for n in of)


def test_back_off_is_said(parts: Parts) -> None:
    X, codes, _, _ = parts
    model = PatentClassifier(
        head="levels", hidden=16, epochs=3, batch_size=32, threshold=0.97, back_off=0.97, seed=2
    ).fit(X[:250], codes[:250])
    noise = np.random.default_rng(0).normal(0, 0.2, (50, 12)).astype(np.float32)
    found = list(Predictor(model, lambda t: noise).predict([str(i) for i in range(50)], ["x"] * 50))
    stopped = [a for a in found if a.stopped_before]
    assert stopped
    for a in stopped:
        levels = model.tree_.levels
        assert levels.index(a.stopped_before or "") == levels.index(a.predicted_level or "") + 1
        assert f"no {a.stopped_before} is likely enough" in page_of(a)[1]
    assert all(a.evidence == {} for a in found)


def test_a_page_for_people(parts: Parts) -> None:
    found = predictions(parts, np.array([0]))[0]
    lines = page_of(found)
    assert lines[0] == "p0  T0" and "confident" in lines[1]
    shown = [line.split()[0] for line in lines[2:] if " like " not in line]
    assert shown == [c.symbol for c in found.codes]
    leaves = [c for c in found.codes if c.level == "subclass"]
    assert sum(" like " in line for line in lines) == 3 * len(leaves)
    assert any(line.startswith("          like ") for line in lines)  # below the subclass
    assert page_of(Prediction("x", "", [], None, None, None, {})) == [
        "x",
        "  no code is likely enough",
    ]


def test_texts_unlike_the_training_are_reported(parts: Parts) -> None:
    known = KnownWords.of(["T0 T1 pump"], ["T0"])
    X, _, model, _ = parts
    texts = [("T0", "pump"), ("Ein Messer", "zum Schneiden")]
    found = list(Predictor(model, lambda t: X[: len(t)], known=known).predict(["a", "b"], texts))
    complaint = "the training texts have none of its 4 words: nonsense, or another language?"
    assert [p.warning for p in found] == [None, complaint]
    assert page_of(found[1])[:2] == ["b  Ein Messer", f"  warning: {complaint}"]
    assert "warning" not in found[0].record() and found[1].record()["warning"] == complaint
    said = f"1 text unlike the training texts: b: {complaint}"
    assert complaints(found) == [said] and complaints(found[:1]) == []


def test_empty_texts_have_no_codes_and_the_others_theirs(parts: Parts) -> None:
    X, _, model, index = parts
    evidence = VectorEvidence(index, model.tree_, encode=lambda t: X[: len(t)])
    predictor = Predictor(model, lambda t: X[: len(t)], evidence)
    texts: list[object] = ["", ("a", "pump"), (" ", ""), "a mower"]
    found = list(predictor.predict(["w", "x", "y", "z"], texts))
    assert [p.patent_id for p in found] == ["w", "x", "y", "z"]
    assert found[1::2] == list(predictor.predict(["x", "z"], texts[1::2]))
    assert found[1].codes and [p.codes for p in found[::2]] == [[], []]
    assert complaints(found) == ["2 without title and abstract, so without codes: w, y"]
    assert page_of(found[0]) == ["w", "  no codes: it has neither title nor abstract"]
    assert as_frame(found)["query"].drop_duplicates().tolist() == ["w", "x", "y", "z"]
    assert len(list(predictor.predict(["w"], [""]))) == 1


def test_mistakes(parts: Parts) -> None:
    X, _, model, index = parts
    with pytest.raises(ConfigError, match="at least one patent"):
        VectorEvidence(index, model.tree_, 0)
    with pytest.raises(DataError, match="no codes"):
        VectorEvidence(PatentIndex.build(X, [str(i) for i in range(300)]), model.tree_)


def test_evidence_by_words_is_that_of_brute_force() -> None:
    from sklearn.feature_extraction.text import TfidfVectorizer

    rng = np.random.default_rng(3)
    words = np.array(["plough", "soil", "share", "seed", "drill", "oven", "car", "engine", "motor"])
    records = [
        {
            "patent_id": f"{i:02}",
            "title": str(rng.choice(words)),
            "abstract": " ".join(rng.choice(words, 5)),
            "codes": [f"{LEAVES[i % 5]}1/00"] if i else [],
        }
        for i in range(40)
    ]
    corpus = Corpus.from_records(records)
    tree = CpcTree.from_symbols(LEAVES)
    queries, ids = [("Seed drill", "for a car"), ("Unheard", "of")], ["05", "new"]
    chosen = tree.encode([["A01B", "B60K"], ["A01B"]]).toarray()
    evidence = WordEvidence(corpus, tree, 2)
    found = evidence.find(evidence.encode(queries), chosen, ids)
    model = TfidfVectorizer(sublinear_tf=True)
    X = model.fit_transform([f"{t} {a}" for t, a in corpus.texts[1:]])  # the first has no code
    score = (model.transform(["Seed drill for a car"]) @ X.T).toarray()[0]
    for symbol, near in found[0].items():
        rows = [
            i
            for i in range(39)
            if corpus.codes[i + 1][0].startswith(symbol) and corpus.ids[i + 1] != "05"
        ]
        best = sorted(rows, key=lambda i: -score[i])[:2]
        assert [n.similarity for n in near] == pytest.approx(score[best], abs=1e-4)
        assert {n.patent_id for n in near} <= {corpus.ids[i + 1] for i in rows}
    assert set(found[0]) == {"A", "A01", "A01B", "B", "B60", "B60K"}
    assert all(near == [] for near in found[1].values())  # no word in common
    with pytest.raises(DataError, match="no patent of the corpus has a code"):
        WordEvidence(corpus.select([0]), tree)
    with pytest.raises(ConfigError, match="at least one patent"):
        WordEvidence(corpus, tree, 0)
