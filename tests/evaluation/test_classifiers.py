"""The report on one evaluation and its pictures."""

from __future__ import annotations

import json

import numpy as np
from metrics_cases import random_labels, random_scores, small_tree

from patentcl.evaluation.classifiers import write_report
from patentcl.metrics import Evaluation

PICTURES = [
    "f1_per_level.png",
    "sections.png",
    "f1_by_frequency.png",
    "precision_recall.png",
    "reliability.png",
    "label_counts.png",
]


def _strict(text: str) -> dict:
    def refuse(token: str) -> None:
        raise AssertionError(f"{token} is not JSON")

    return json.loads(text, parse_constant=refuse)


def test_a_full_report(tmp_path) -> None:
    from PIL import Image

    tree = small_tree()
    truth = random_labels(tree, 60, 0.1, 0)
    scores = random_scores(truth, 0)
    train = np.arange(len(tree))
    found = write_report(
        tmp_path / "deep" / "report",
        Evaluation(truth, scores, tree=tree),
        train_counts=train,
        title="A test",
    )
    folder = tmp_path / "deep" / "report"
    page = _strict((folder / "metrics.json").read_text())
    assert list(page) == [
        "format",
        "version",
        "title",
        "data",
        "metrics",
        "levels",
        "sections",
        "frequency",
        "labels",
        "reliability",
        "pictures",
    ]
    assert (page["format"], page["version"], page["title"]) == ("patentcl-metrics", 1, "A test")
    assert page["data"] == {
        "patents": 60,
        "labels": len(tree),
        "threshold": 0.5,
        "levels": ["section", "class", "subclass"],
    }
    assert {k: v["value"] for k, v in page["metrics"].items()} == dict(found)
    assert set(page["metrics"]["hier_f1:micro"]) == {
        "value",
        "low",
        "high",
        "items",
        "undefined",
        "unit",
        "resampled",
        "higher_is_better",
    }
    assert [r["level"] for r in page["levels"]] == ["section", "class", "subclass"]
    assert {g["group"] for g in page["frequency"]} <= {"head", "middle", "tail", "unseen"}
    assert len(page["labels"]) == len(tree) and page["labels"][3]["train"] == 3
    assert page["pictures"] == PICTURES
    for name in PICTURES:
        with Image.open(folder / name) as picture:
            assert min(picture.size) > 500
            assert np.asarray(picture.convert("L")).std() > 5  # something is drawn
    text = (folder / "metrics.md").read_text()
    assert all(
        part in text
        for part in (
            "# A test",
            "## By level",
            "## By section",
            "## By training frequency",
            "hier_f1:micro",
        )
    )
    assert all(f"]({name})" in text for name in PICTURES)


def test_reports_of_less(tmp_path) -> None:
    truth = np.eye(4)[np.arange(40) % 4]
    write_report(tmp_path / "a", Evaluation(truth, truth * 5 - 2))  # no tree, no probabilities
    page = _strict((tmp_path / "a" / "metrics.json").read_text())
    assert page["levels"] == page["reliability"] == page["frequency"] == []
    assert "ece" not in page["metrics"] and "f1:micro" in page["metrics"]
    tree = small_tree()
    labels = random_labels(tree, 20, 0.1, 0)
    work = Evaluation(labels, tree=tree, predicted=labels)  # decisions only
    write_report(tmp_path / "b", work, "hier_f1:micro")
    page = _strict((tmp_path / "b" / "metrics.json").read_text())
    assert list(page["metrics"]) == ["hier_f1:micro"]
    assert page["data"]["threshold"] == "decided elsewhere"
    assert "precision_recall.png" not in page["pictures"]
    per_label = Evaluation(truth, truth, threshold=np.array([0.1, 0.2, 0.3, 0.4]))
    write_report(tmp_path / "c", per_label, "f1:micro", train_counts=[4, 3, 2, 1])
    page = _strict((tmp_path / "c" / "metrics.json").read_text())
    assert page["data"]["threshold"] == "per label" and page["frequency"]
