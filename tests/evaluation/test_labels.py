"""Label statistics against counting by hand; what is written, and the pictures."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from patentcl import Corpus
from patentcl.core.errors import DataError
from patentcl.data.corpus import SPLITS
from patentcl.evaluation.classifiers import write_history
from patentcl.evaluation.labels import label_statistics, word_counts, write_label_report
from patentcl.evaluation.pictures import training_curves, words_per_patent
from patentcl.sample.writer import write_sample


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Corpus:
    from patentcl.data.splits import make_splits, write_splits

    folder = tmp_path_factory.mktemp("labels")
    write_sample(folder / "tables", patents=300, seed=5)
    whole = Corpus.read(folder / "tables")
    write_splits(whole.path.with_name("splits.parquet"), whole, make_splits(whole))
    out = Corpus(whole.path)
    out._keep = whole._keep  # the folder must live on
    return out


def test_statistics_are_those_of_counting_by_hand(corpus: Corpus) -> None:
    table = label_statistics(corpus.labels, corpus.split, corpus.tree).set_index(["level", "split"])
    cut = {"section": 1, "class": 3, "subclass": 4}
    of_split = {
        name: [
            {c[:4] for c in codes}
            for codes, s in zip(corpus.codes, corpus.split, strict=True)
            if s == name
        ]
        for name in SPLITS
    }
    of_split["all"] = [codes for name in SPLITS for codes in of_split[name]]
    for level, width in cut.items():
        trained = {c[:width] for codes in of_split["train"] for c in codes}
        for name, patents in of_split.items():
            sets = [{c[:width] for c in codes} for codes in patents]
            count = Counter(c for s in sets for c in s)
            row = table.loc[(level, name)]
            filled = [s for s in sets if s]
            assert row["labels"] == len(count)
            assert row["patents"] == len(filled)
            assert row["assignments"] == sum(count.values())
            assert row["mean_per_patent"] == pytest.approx(np.mean([len(s) for s in filled]))
            assert row["most_per_patent"] == max(map(len, sets))
            assert row["median_patents"] == np.median(list(count.values()))
            assert row["largest"] == max(count.values())
            assert row["unseen"] == len(set(count) - trained)


def test_words_are_what_stands_between_spaces(corpus: Corpus) -> None:
    want = [len(f"{t} {a}".split()) for t, a in corpus.texts]
    assert word_counts(corpus).tolist() == want


def test_a_report_is_complete(corpus: Corpus, tmp_path: Path) -> None:
    from PIL import Image

    table = write_label_report(corpus, tmp_path / "report")
    page = json.loads((tmp_path / "report" / "statistics.json").read_text())
    assert page["format"] == "patentcl-labels" and len(page["labels"]) == len(table)
    assert sum(row["patents"] for row in page["splits"]) == len(corpus)
    assert page["pictures"] == [
        "patents_per_section.png",
        "patents_per_class.png",
        "patents_per_subclass.png",
        "words.png",
    ]
    for name in page["pictures"]:
        with Image.open(tmp_path / "report" / name) as picture:
            assert min(picture.size) > 500
            assert len(set(picture.convert("L").resize((50, 50)).get_flattened_data())) > 5
    text = (tmp_path / "report" / "statistics.md").read_text()
    assert "mean per patent" in text and "| subclass | test |" in text


def test_without_splits_there_is_no_report(tmp_path: Path) -> None:
    bare = Corpus.from_records([{"patent_id": "1", "title": "x", "codes": ["A01B1/00"]}])
    with pytest.raises(DataError, match="not divided into splits"):
        write_label_report(bare, tmp_path)


def test_training_curves(tmp_path: Path) -> None:
    history = [
        {
            "epoch": e,
            "loss": 5 / e,
            "dev_loss": 6 / e,
            "hier_f1": 0.5 + e / 100,
            "hier_f1_fixed": 0.3 + e / 100,
            "f1@section": 0.7,
            "f1@class": 0.5,
            "best": e == 4,
        }
        for e in range(1, 6)
    ]
    labels = [
        [text.get_text() for text in ax.get_legend().get_texts()]
        for ax in training_curves(history).axes
    ]
    assert labels == [
        ["train", "dev"],
        ["section", "class"],
        ["tuned threshold", "threshold 0.5", "epoch kept"],
    ]
    assert write_history(history, tmp_path / "a")
    assert json.loads((tmp_path / "a" / "history.json").read_text()) == history
    assert (tmp_path / "a" / "training.png").stat().st_size > 10_000
    assert not write_history([], tmp_path / "b") and not (tmp_path / "b").exists()
    older = [{"epoch": 1, "loss": 1.0, "hier_f1": 0.5, "best": True}]  # saved by earlier versions
    assert len(training_curves(older).axes) == 3


def test_the_picture_of_lengths_shows_nearly_all_texts() -> None:
    rng = np.random.default_rng(0)
    for mean, spread in ((104, 20), (20, 3), (800, 300), (1, 0)):
        values = np.maximum(1, rng.normal(mean, spread, 2000)).astype(int)
        (ax,) = words_per_patent({"train": values}).axes
        heights = ax.patches[0].get_data().values
        assert heights.sum() >= 0.98 and (heights[-1] < 0.1 or len(heights) < 3)
