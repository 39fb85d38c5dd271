"""`Run`: what it opens, what it refuses, and its answers against those of the parts themselves."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from conftest import Loaded
from making import make
from matplotlib.figure import Figure
from shown import shown
from tiny import write_tiny_encoder

from patentcl import Corpus, PatentClassifier, PatentIndex, open_run
from patentcl.core import artifacts
from patentcl.core.errors import ConfigError, DataError
from patentcl.maps import footprint, growth
from patentcl.pipeline.stages import EMBED, FIT, INDEX
from patentcl.workspace import Run, folders
from patentcl.workspace.mapping import RunMap


@pytest.fixture(scope="module")
def place(loaded: Loaded, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run's folder of a small encoder that was not tuned."""
    root = tmp_path_factory.mktemp("runs") / "run"
    with artifacts.writing_files(root, {"stage": "load"}) as inner:
        for name in ("corpus.parquet", "cpc.parquet", "splits.parquet"):
            (inner / name).write_bytes((loaded.folder / name).read_bytes())
    corpus = folders.open_corpus(root)
    model = write_tiny_encoder(root.parent / "tiny", [f"{t} {a}" for t, a in corpus.texts])
    given = {"corpus": root, "vectors": root / "vectors"}
    make(EMBED, root / "vectors", "encoder.max_length=64", corpus=root, encoder=model)
    settings = ("fit.hidden=32", "fit.epochs=2", "fit.batch_size=64")
    make(FIT, root / "classifier", *settings, **given)
    make(INDEX, root / "index", "index.spec=flat", **given)
    return root


@pytest.fixture(scope="module")
def run(place: Path) -> Run:
    return open_run(place)


TEXTS = ["a battery with a housing", "a mower with a blade"]


def test_parts_are_what_the_folders_hold(run: Run, place: Path, loaded: Loaded) -> None:
    assert run.corpus.ids.tolist() == loaded.corpus.ids.tolist() and run.level == "subclass"
    assert run.vectors.shape == (len(loaded.corpus), 32)
    assert run.index.encoder == run.encoder.fingerprint == run.encoder_of("classifier").fingerprint
    assert run.classifier.tree_ == run.corpus.tree
    assert run.corpus is run.corpus and run.base is None
    assert repr(run).endswith("corpus, vectors, index, classifier)")


def test_similar_is_the_index_s(run: Run) -> None:
    found = run.similar(TEXTS, k=4, before="2015", cpc="H")
    assert list(found)[:7] == ["query", "rank", "id", "similarity", "date", "title", "codes"]
    by_hand = run.index.search(run.encoder.encode(TEXTS), 4, before="2015", cpc="H")
    for column in ("query", "rank", "id"):
        assert found[column].tolist() == by_hand[column].tolist()
    np.testing.assert_allclose(found["similarity"], by_hand["similarity"], atol=1e-2)  # fp32, bf16
    ids = run.corpus.ids[[5, 3]].tolist()
    like = run.similar(ids=ids, k=2)
    assert like["query"].tolist() == [ids[0], ids[0], ids[1], ids[1]]
    assert like["id"].tolist() == run.index.similar_to(ids, 2)["id"].tolist()
    assert run.similar(ids=ids[0], k=2)["id"].tolist() == like["id"].tolist()[:2]
    assert run.similar(TEXTS, before="1800").empty


def test_every_form_of_a_question(run: Run, tmp_path: Path) -> None:
    frame = pd.DataFrame({"patent_id": ["b", "a"], "title": ["", ""], "abstract": TEXTS})
    frame.to_csv(tmp_path / "two.csv", index=False)
    texts = run.similar(TEXTS, k=3)
    wanted = {name: texts[texts["query"] == i]["id"].tolist() for i, name in enumerate("ba")}
    for form in (frame, tmp_path / "two.csv", str(tmp_path / "two.csv")):
        found = run.similar(form, k=3)
        assert {q: g["id"].tolist() for q, g in found.groupby("query")} == wanted
    assert run.similar(TEXTS[0], k=3)["id"].tolist() == wanted["b"]
    frame.loc[2] = ["c", None, " "]  # neither lost nor embedded
    assert run.similar(frame, k=3)["query"].drop_duplicates().tolist() == ["b", "a"]
    with pytest.warns(UserWarning, match="1 without title and abstract, so without codes: c"):
        codes = run.classify(frame, evidence=0)
    assert codes["query"].drop_duplicates().tolist() == ["b", "a", "c"]
    assert codes.loc[codes["query"] == "c", "symbol"].isna().tolist() == [True]
    with pytest.raises(DataError, match="a text is empty: got 2 of 2"):
        run.similar(["", " "])
    part = run.corpus.select([7, 2])
    assert run.similar(part, k=1)["query"].tolist() == part.ids.tolist()
    missing = [TEXTS[0], None, float("nan"), pd.NA, ("", None)]  # as a column of a table has them
    for form in (missing, pd.Series(missing, index=[3, 3, 1, 0, 9])):
        assert run.similar(form, k=3)["id"].tolist() == wanted["b"]
        codes = run.classify(form, evidence=0)
        assert codes["query"].drop_duplicates().tolist() == [0, 1, 2, 3, 4]
        assert codes["symbol"].isna().tolist()[-4:] == [True] * 4 and codes["symbol"][0]
    pairs = frame[["title", "abstract"]].to_numpy()
    assert run.similar(pairs, k=3)["id"].tolist() == wanted["b"] + wanted["a"]
    for call in (run.similar, run.classify):
        with pytest.raises(DataError, match="nothing that can be read as texts: got int"):
            call(7)
        with pytest.raises(DataError, match="nothing that can be read as texts: got dict"):
            call({"title": "Pump"})
        with pytest.raises(DataError, match=r"neither a string nor a pair .*item 1\): got int"):
            call(["Pump", 5])
    (tmp_path / "two.csv").rename(tmp_path / "my two.csv")
    named = str(tmp_path / "my two.csv")
    assert run.similar(named, k=1)["query"].tolist() == ["b", "a"]
    assert run.similar("a reader of my two.csv", k=1)["query"].tolist() == [0]
    with pytest.raises(DataError, match=r"no such file or folder: got nowhere\.csv"):
        run.classify("nowhere.csv")
    for call in (run.similar, run.classify):
        with pytest.raises(ConfigError, match="either queries or ids"):
            call()


def test_questions_of_several(run: Run) -> None:
    ids = run.corpus.ids[[5, 3, 9]].tolist()
    a, b, c = (run.index.vector(i).astype(float) for i in ids)
    toward = (a + b) / 2 - 0.5 * c
    found = run.similar(like=ids[:2], unlike=ids[2], k=6)
    by_hand = run.index.search(toward, 9)
    by_hand = by_hand[~by_hand["id"].isin(ids)]["id"].tolist()[:6]
    assert found["id"].tolist() == by_hand and found["query"].nunique() == 1
    nearest = run.similar(ids=ids[:2], pool="best", k=4)
    each = run.similar(ids=ids[:2], k=6)
    each = each[~each["id"].isin(ids[:2])].groupby("id")["similarity"].max()
    assert nearest["similarity"].tolist() == each.sort_values(ascending=False).tolist()[:4]
    vector = run.index.vector(ids[0])
    assert run.similar(vector, k=1)["id"].tolist() == [ids[0]]
    text_and_patent = run.similar(TEXTS[0], ids=ids[0], pool="mean", k=3)
    assert len(text_and_patent) == 3 and ids[0] not in text_and_patent["id"].tolist()


def test_long_and_empty_texts_are_said(run: Run) -> None:
    long = " ".join([TEXTS[0]] * 40)
    with pytest.warns(UserWarning, match=r"^1 text longer than the encoder reads \(64 tokens\)"):
        found = run.similar([long, TEXTS[1]], k=2)
    assert found["query"].tolist() == [0, 0, 1, 1]
    with pytest.warns(UserWarning, match="1 without title and abstract.*: 1"):
        assert run.similar([TEXTS[0], " "], k=2)["query"].tolist() == [0, 0]
    with pytest.raises(DataError, match="a text is empty"):
        run.similar("")


def test_why_and_words_and_families(run: Run) -> None:
    asking = next(i for i, c in zip(run.corpus.ids, run.corpus.citations, strict=True) if c)
    cited = [c for c in run.corpus.select([asking]).citations[0] if c in set(run.corpus.ids)]
    found = run.similar(ids=asking, k=len(run.corpus), mode="hybrid", why=True)
    row = found.set_index("id")
    for other in cited:
        assert row.loc[other, "relation"] == "cites it"
    codes = run.corpus.select([asking]).codes[0]
    first = found.iloc[0]
    for shared in first["shared_codes"]:
        symbol = shared.split()[0]
        chains = [run.index.filters.chain(c) for c in codes]
        assert any(symbol in c for c in chains)
        assert any(symbol in run.index.filters.chain(c) for c in first["codes"])
    title, abstract = run.corpus.select([first["id"]]).texts[0]
    assert first["sentence"] in (abstract or title) and first["sentence"]
    text = " ".join(run.corpus.select([first["id"]]).texts[0]).lower()
    assert first["terms"] and all(t in text for t in first["terms"])
    assert found["score"].is_monotonic_decreasing
    grouped = run.similar(TEXTS, k=5, family="first")
    assert grouped["others"].ge(0).all() and "duplicate_group" not in grouped


def test_classify_is_the_classifier_s(run: Run) -> None:
    found = run.classify(TEXTS)
    decided = run.classifier.decide(run.encoder.encode(TEXTS), ids=[0, 1])
    assert found["query"].tolist() == decided["patent_id"].tolist()
    for column in ("symbol", "level", "title"):
        assert found[column].tolist() == decided[column].tolist()
    np.testing.assert_allclose(
        found["probability"].astype(float), decided["probability"], 1e-5, 1e-2
    )
    assert found["evidence"].map(len).eq(3).all()
    codes = dict(zip(run.corpus.ids, run.corpus.codes, strict=True))
    for symbol, near in zip(found["symbol"], found["evidence"], strict=True):
        assert all(any(c.startswith(symbol) for c in codes[i]) for i in near)
    ids = run.corpus.ids[[9, 4]].tolist()
    of_patents = run.classify(ids=ids, evidence=0)
    assert of_patents["query"].drop_duplicates().tolist() == ids
    assert not any(of_patents["evidence"])


def test_evidence_without_an_index_is_by_words(run: Run, place: Path, tmp_path: Path) -> None:
    alone = tmp_path / "classifier"
    with artifacts.writing(alone, folders.origin(folders.manifest_of(place / "classifier"))) as to:
        run.classifier.save(to)
    moved = Run(tmp_path, classifier=alone, corpus=place)
    assert moved.evidence_folder == place
    assert moved.classify(TEXTS)["symbol"].tolist() == run.classify(TEXTS)["symbol"].tolist()
    assert Run(tmp_path, classifier=alone).evidence_folder is None
    with_index = Run(tmp_path, classifier=alone, index=place / "index")
    pd.testing.assert_frame_equal(with_index.classify(TEXTS), run.classify(TEXTS))


def test_what_is_missing_names_the_command(place: Path, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"no run there: got .* patentcl run RECIPE"):
        open_run(tmp_path)
    with pytest.raises(DataError, match=r"no index there: got .*index.* patentcl index VECTORS"):
        Run(tmp_path).similar("x")
    with pytest.raises(DataError, match=r"no classifier there.*patentcl fit VECTORS"):
        _ = Run(tmp_path).classifier
    with pytest.raises(DataError, match="no corpus there"):
        _ = Run(tmp_path / "nowhere").corpus
    with pytest.raises(DataError, match="no report there"):
        _ = open_run(place).report
    with pytest.raises(ConfigError, match="unknown part of a run: got indexes"):
        Run(place, indexes=place)


def test_a_run_of_a_recipe_without_an_encoder_says_so(place: Path, tmp_path: Path) -> None:
    with artifacts.writing_files(tmp_path, {"stage": "load", "recipe": "twistbytes"}):
        pass
    with artifacts.writing(tmp_path / "classifier", {"stage": "fit"}) as to:
        PatentClassifier.load(place / "classifier").save(to)
    run = open_run(tmp_path)
    for part in ("index", "vectors", "encoder"):
        with pytest.raises(DataError, match=r"reads texts without an encoder.*recipe twistbytes"):
            getattr(run, part)


def test_parts_that_do_not_belong_together(run: Run, place: Path, tmp_path: Path) -> None:
    other = write_tiny_encoder(tmp_path / "other", TEXTS, seed=1)
    with pytest.raises(DataError, match=r"not the one that this was made with .*--encoder"):
        open_run(place, encoder=other).similar("a mower")
    index = PatentIndex.build(np.eye(3), list("abc"))
    with artifacts.writing(tmp_path / "index", {"stage": "index"}) as to:
        index.save(to)
    with pytest.raises(DataError, match="does not say which encoder"):
        Run(place, index=tmp_path / "index").similar("a mower")
    nameless = Run(place, index=tmp_path / "index").similar(ids="a", k=1)
    assert nameless["codes"].tolist() == [[]] and nameless["date"].tolist() == [None]


def test_the_map_is_a_figure(run: Run, place: Path, tmp_path: Path) -> None:
    n = len(run.corpus)
    points = np.random.default_rng(0).normal(size=(n, 2)).astype(np.float32)
    labels = [f"group {i % 3}" for i in range(n)]
    table = pd.DataFrame({"id": run.corpus.ids, "x": points[:, 0], "y": points[:, 1]})
    table["label"], table["cluster"] = labels, [i % 3 for i in range(n)]
    for name, frame in (("map", table), ("other", table[::-1])):
        with artifacts.writing(tmp_path / name, {"stage": "map"}) as to:
            frame.to_parquet(to / "coordinates.parquet", index=False)
    figure = Run(place, map=tmp_path / "map").map(tmp_path / "drawn", title="All of them")
    assert isinstance(figure, Figure) and (tmp_path / "drawn" / "map.html").is_file()
    marks = RunMap(tmp_path / "map", run.corpus).place(
        ["US1", 0], [("Pump " * 30, ""), "A mower"], np.eye(2, 3), np.ones((n, 3))
    )
    assert marks["name"].tolist() == ["US1: " + "Pump " * 10 + "Pu...", "A mower"]
    with pytest.raises(DataError, match="the map is of another corpus"):
        Run(place, map=tmp_path / "other").map()
    drawn = Run(place, map=tmp_path / "map")
    dates = run.corpus.dates
    assert drawn.landscape(periods=3).growth.equals(growth(labels, dates, 3))
    early = run.corpus.frame()["date"].dt.year < 2010
    for where in ("year < 2010", early.tolist()):
        found = drawn.footprint(where)
        assert found.table.equals(footprint(labels, early.to_numpy()))
        assert found.figure.get_suptitle() == f"{early.sum():,} of {n:,} patents"
        assert found.figure.get_figwidth() < 10  # one panel is no full page


def test_a_notebook_shows_parts_and_what_to_call(run: Run, place: Path, tmp_path: Path) -> None:
    text, (parts, *figures) = shown(run)
    assert text == f"Run: {run.folder}"
    held = {name: (holds, call) for name, holds, call in parts[1:]}
    assert held["index"][0].startswith(f"{len(run.corpus)} patents")
    assert held["index"][1] == "run.similar(text, k=5)"
    assert figures == []  # no report
    none = {name: row for name, *row in shown(Run(tmp_path))[1][0][1:]}
    assert none["classifier"] == ["missing", "patentcl fit VECTORS"]


def test_the_map_shows_the_first_words_of_what_has_no_title() -> None:
    from patentcl.workspace.mapping import map_table

    rows = [
        {"id": "1", "title": "Mower", "abstract": "A mower."},
        {"id": "2", "abstract": "A pump"},
    ]
    table = map_table(Corpus.from_records([*rows, {"id": "3", "title": "", "abstract": "x " * 99}]))
    assert table["title"].tolist()[:2] == ["Mower", "[A pump]"]
    assert table["title"][2].startswith("[x x") and len(table["title"][2]) <= 100
    assert table["split"].notna().all()
