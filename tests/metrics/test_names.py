"""The names of metrics."""

from __future__ import annotations

import numpy as np
import pytest
from metrics_cases import random_labels, random_scores, small_tree

from patentcl.core.errors import ConfigError
from patentcl.metrics import DEFINITIONS, evaluate, known_names
from patentcl.metrics.names import parse_name


def test_every_known_name_parses_and_is_computed() -> None:
    tree = small_tree()
    truth = random_labels(tree, 30, 0.1, 0)
    names = known_names()
    found = evaluate(truth, random_scores(truth, 0), names, tree)
    assert list(found) == names
    assert {parse_name(n).metric for n in names} == set(DEFINITIONS)
    for name, value in found.items():
        assert isinstance(value, float) and np.isfinite(value), name
        detail = found.detail[name]
        assert len(detail.items) == detail.n > 0
        low, high = detail.interval(resamples=50)
        assert low <= value <= high, name


GOOD = np.array([[1, 0], [0, 1]])
SCORES = np.array([[0.9, 0.1], [0.2, 0.7]])


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("f1:mikro", "needs one of its averages"),
        ("f1", "needs one of its averages"),
        ("hier_f2:micro", "Did you mean hier_f1:micro"),
        ("zzz", "Did you mean"),
        ("precision@0", "at least 1"),
        ("precision@-1", "at least 1"),
        ("precision@1.5", "at least 1"),
        ("hit", "needs a cut-off"),
        ("lrap@5", "takes no cut-off"),
        ("lrap:micro", "takes no average"),
        ("precision@3:micro", "takes no average"),
        ("f1:micro@species", "needs the label tree"),
        ("hier_f1:micro", "needs the label tree"),
        ("f1:micro:macro", "unknown metric"),
        ("f1 :micro", "unknown metric"),
        ("", "unknown metric"),
    ],
)
def test_bad_names(name: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        evaluate(GOOD, SCORES, name)


def test_an_unknown_name_offers_three() -> None:
    with pytest.raises(ConfigError) as caught:
        evaluate(GOOD, SCORES, "ndgc@10")
    offered = str(caught.value).split("Did you mean ")[1]
    assert offered.count(",") == 2 and "ndcg@10" in offered
