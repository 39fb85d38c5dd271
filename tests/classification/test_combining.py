"""One probability from several members, by value."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse
from sklearn.linear_model import LogisticRegression

from patentcl.classification.combining import Stack, average
from patentcl.classification.estimator import PatentClassifier
from patentcl.core.errors import ConfigError
from patentcl.cpc import CpcTree
from patentcl.metrics import evaluate

TREE = CpcTree.from_symbols(["A01B", "A01C", "A21B", "B60K", "B60L", "H04W"])


def draw(n: int, seed: int, members: int = 3) -> tuple[list[np.ndarray], sparse.csr_matrix]:
    """Labels, and members that each know something of them; coherent, with zeros among them."""
    rng = np.random.default_rng(seed)
    leaves = TREE.at_level("subclass")
    truth = np.zeros((n, len(TREE)), dtype=bool)
    truth[:, leaves] = rng.random((n, len(leaves))) < [0.4, 0.3, 0.2, 0.1, 0.05, 0.02]
    truth[:, leaves[0]] |= ~truth.any(axis=1)
    labels = TREE.close(sparse.csr_matrix(truth))
    given = []
    for v in range(members):
        z = 2 * labels.toarray() - 1.5 + rng.normal(0, 1 + v / 2, labels.shape)
        p = (1 / (1 + np.exp(-z))).astype(np.float32)
        p[p < 0.05] = 0
        given.append(TREE.cohere(p))
    return given, labels


def log_odds(p: float, least: float = 1e-3) -> float:
    p = min(max(p, least), 1 - least)
    return float(np.log(p / (1 - p)))


def told(members: list[np.ndarray], rate: np.ndarray, row: int, node: int) -> list[float]:
    """The definition's features of one patent and node, written out."""
    z = [log_odds(float(v[row, node])) for v in members]
    r = log_odds(float(rate[node]), 1e-5)
    mean = [
        log_odds(float(np.mean([v[row, j] for v in members])))
        for j in TREE.at_level(TREE.depth[node])
    ]
    own = log_odds(float(np.mean([v[row, node] for v in members])))
    return [*z, *(each * r for each in z), r, own - max(mean)]


def test_a_stack_is_the_regression_of_its_definition() -> None:
    members, labels = draw(80, 0)
    rate = np.linspace(0.001, 0.6, len(TREE))
    stack = Stack.fit(members, labels, TREE, rate)
    dense = labels.toarray()
    new, _ = draw(9, 1)
    scores = stack.apply(new, TREE)
    for depth, level in enumerate(TREE.levels):
        nodes = TREE.at_level(level)
        x = np.array([told(members, rate, i, j) for i in range(80) for j in nodes])
        y = dense[:, nodes].ravel()
        spread = x.std(axis=0)
        model = LogisticRegression(max_iter=1000).fit(x / spread, y)
        np.testing.assert_allclose(stack.maps[depth][1:], model.coef_[0] / spread, atol=2e-3)
        asked = np.array([told(new, rate, i, j) for i in range(9) for j in nodes])
        want = model.predict_proba(asked / spread)[:, 1].reshape(9, -1)
        if depth == 0:  # below, a child is held under its parent
            np.testing.assert_allclose(scores[:, nodes], want, atol=2e-3)
        else:
            above = scores[:, TREE.parent[nodes]]
            np.testing.assert_allclose(scores[:, nodes], np.minimum(want, above), atol=2e-3)


@given(st.integers(0, 10_000), st.integers(1, 4))
@settings(max_examples=25, deadline=None)
def test_stacks_are_coherent_probabilities(seed: int, n: int) -> None:
    members, labels = draw(40, seed, n)
    rate = np.asarray(labels.mean(axis=0)).ravel()
    scores = Stack.fit(members, labels, TREE, rate).apply(members, TREE)
    assert scores.dtype == np.float32 and ((scores >= 0) & (scores <= 1)).all()
    inner = TREE.parent >= 0
    assert (scores[:, inner] <= scores[:, TREE.parent[inner]]).all()


def test_a_stack_trusts_whom_it_should() -> None:
    """Of a member that knows, one that raves and one that says the opposite."""
    members, labels = draw(400, 0, 1)
    rng = np.random.default_rng(1)
    raves = TREE.cohere(rng.random(labels.shape).astype(np.float32))
    odd = TREE.cohere((1 - members[0]) * np.float32(0.9))
    rate = np.asarray(labels.mean(axis=0)).ravel()
    stack = Stack.fit([members[0], raves, odd], labels, TREE, rate)
    new, truth = draw(400, 2, 1)
    said = [
        new[0],
        TREE.cohere(rng.random(truth.shape).astype(np.float32)),
        TREE.cohere((1 - new[0]) * np.float32(0.9)),
    ]
    both = stack.apply(said, TREE)
    alone = Stack.fit(members, labels, TREE, rate).apply(new, TREE)
    name = "average_precision:micro"
    found = [
        evaluate(truth, s, [name], TREE)[name] for s in (both, alone, average(said, [0.5, 1 / 3]))
    ]
    assert found[0] == pytest.approx(found[1], abs=0.02)
    assert found[0] > found[2] + 0.1  # the plain mean trusts them all


@pytest.mark.parametrize("constant", [True, False])
def test_a_level_without_a_choice_is_the_mean_of_the_log_odds(constant: bool) -> None:
    members, _ = draw(20, 0)
    labels = sparse.csr_matrix(np.full((20, len(TREE)), constant))
    scores = Stack.fit(members, labels, TREE, np.full(len(TREE), 0.5)).apply(members, TREE)
    top = TREE.at_level("section")
    z = np.mean(
        [[[log_odds(float(v[i, j])) for j in top] for i in range(20)] for v in members], axis=0
    )
    np.testing.assert_allclose(scores[:, top], 1 / (1 + np.exp(-z)), atol=1e-5)


# ---- in a classifier ------------------------------------------------------------------------


@pytest.fixture(scope="module")
def vectors() -> tuple[np.ndarray, list[list[str]], np.ndarray, list[list[str]]]:
    rng = np.random.default_rng(0)
    names = np.array(TREE.symbols)[TREE.at_level("subclass")]
    centres = rng.normal(0, 1, (len(names), 16))

    def some(n: int) -> tuple[np.ndarray, list[list[str]]]:
        own = [sorted(rng.choice(len(names), rng.integers(1, 3), replace=False)) for _ in range(n)]
        x = np.array([centres[o].sum(axis=0) for o in own]) + rng.normal(0, 1.5, (n, 16))
        return x.astype(np.float32), [names[o].tolist() for o in own]

    return (*some(300), *some(150))


def fit(data: tuple, **given: object) -> PatentClassifier:
    x, y, x_dev, y_dev = data
    quick = {"hidden": 16, "epochs": 5, "neighbors": 10, "mixing": "stacked", **given}
    return PatentClassifier(**quick).fit(x, y, TREE, dev=(x_dev, y_dev))


def test_a_classifier_stacks_its_members(vectors: tuple, tmp_path: Path) -> None:
    model = fit(vectors, head="levels+flat+knn")
    _, y, x_dev, y_dev = vectors
    members = [
        fit(vectors, head=name, mixing="mean").predict_proba(x_dev)
        for name in ("levels", "flat", "knn")
    ]
    rate = np.asarray(TREE.encode(y).mean(axis=0)).ravel()
    want = Stack.fit(members, TREE.encode(y_dev), TREE, rate).apply(members, TREE)
    np.testing.assert_allclose(model.predict_proba(x_dev), want, atol=1e-4)
    assert model.weights_ == {}
    model.save(tmp_path / "m")
    back = PatentClassifier.load(tmp_path / "m")
    assert np.array_equal(back.predict_proba(x_dev), model.predict_proba(x_dev))
    assert (back.predict(x_dev) != model.predict(x_dev)).nnz == 0


@pytest.mark.parametrize("head", ["thmm", "levels"])
def test_one_member_is_stacked_too(head: str, vectors: tuple) -> None:
    model = fit(vectors, head=head, calibration="isotonic")
    scores, labels = model.predict_proba(vectors[2]), model.predict(vectors[2]).toarray()
    plain = fit(vectors, head=head, mixing="mean")
    assert abs(scores - plain.predict_proba(vectors[2])).max() > 0.01
    sure = scores >= model.thresholds_
    assert (labels[:, TREE.at_level("section")] >= sure[:, TREE.at_level("section")]).all()


@pytest.mark.parametrize(
    "given,message",
    [
        ({"mixing": "stack"}, "'mixing'.*got 'stack'; wanted 'mean' or 'stacked'"),
        (
            {"neighbor_weight": 0.5, "head": "levels+knn"},
            "wanted neighbor_weight auto, or mixing mean",
        ),
    ],
)
def test_bad_settings_of_mixing(given: dict, message: str, vectors: tuple) -> None:
    with pytest.raises(ConfigError, match=message):
        fit(vectors, **given)
