"""Hierarchical metrics against hiclass and naive transcriptions."""

from __future__ import annotations

import numpy as np
import pytest
from metrics_cases import (
    ancestors,
    as_sets,
    naive_averages,
    odd_forest,
    random_labels,
    random_scores,
    small_tree,
)
from scipy import sparse

from patentcl.metrics import evaluate
from patentcl.metrics.hierarchy import hop_counts, lca_credit

MEASURES = ("precision", "recall", "f1")
FLAT = ("micro", "macro", "macro_true", "weighted", "samples")


def _same(got: float, wanted: float) -> None:
    np.testing.assert_allclose(got, wanted, rtol=1e-12, atol=1e-15)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("make", [small_tree, odd_forest])
def test_hierarchical_metrics_equal_their_transcription(make, seed: int) -> None:
    tree = make()
    truth = random_labels(tree, 40, 0.15, seed)
    guess = sparse.csr_matrix(random_scores(truth, seed + 9) > 0.7)  # not closed
    closed = [ancestors(tree, s) for s in as_sets(guess)]
    wanted = naive_averages(as_sets(truth), closed, len(tree))
    translate = {
        "micro": "micro",
        "macro": "macro_true",
        "macro_all": "macro",
        "weighted": "weighted",
        "samples": "samples",
    }
    for average, plain in translate.items():
        names = [f"hier_{m}:{average}" for m in MEASURES]
        found = evaluate(truth, None, names, tree, predicted=guess)
        _same(list(found.values()), wanted[plain])


def test_hierarchical_micro_equals_hiclass_where_each_patent_has_one_path() -> None:
    from hiclass.metrics import f1, precision, recall

    tree = small_tree()
    rng = np.random.default_rng(0)
    leaves = np.flatnonzero(tree.is_leaf & (tree.depth == 2))
    pick, said = rng.choice(leaves, 100), rng.choice(leaves, 100)
    said[:40] = pick[:40]

    def paths(nodes: np.ndarray) -> np.ndarray:
        return np.array([[tree.symbols[i] for i in tree.path(n)] for n in nodes])

    truth = tree.encode([[tree.symbols[i]] for i in pick])
    guess = tree.encode([[tree.symbols[i]] for i in said])
    found = evaluate(truth, None, [f"hier_{m}:micro" for m in MEASURES], tree, predicted=guess)
    for name, theirs in zip(MEASURES, (precision, recall, f1), strict=True):
        _same(found[f"hier_{name}:micro"], theirs(paths(pick), paths(said)))


def test_labels_outside_the_tree_count_against_recall() -> None:
    tree = small_tree()
    truth = tree.encode([["A01B"], ["A01C", "B01B"], ["C01B"]])
    guess = tree.encode([["A01B"], ["A01C"], ["C01C"]])
    outside = np.array([[1, 0], [0, 0], [1, 1]])
    names = ["hier_precision:micro", "hier_recall:micro", "hier_recall:samples", "hier_f1:macro"]
    found = evaluate(truth, None, names, tree, predicted=guess, outside=outside)
    _same([found[n] for n in names[:3]], [8 / 9, 8 / 15, (3 / 4 + 3 / 6 + 2 / 5) / 3])
    wide_truth = [
        s | {100 + j for j in np.flatnonzero(o)}
        for s, o in zip(as_sets(truth), outside, strict=True)
    ]
    wanted = naive_averages(wide_truth, as_sets(guess), 102)
    _same(found["hier_f1:macro"], wanted["macro_true"][2])
    without = evaluate(truth, None, names, tree, predicted=guess)
    assert without["hier_recall:micro"] > found["hier_recall:micro"]


def test_a_parent_with_one_child_counts_both() -> None:
    tree = small_tree()
    truth, guess = tree.encode([["C03B"]]), tree.encode([["C03"]])
    found = evaluate(
        truth, None, ["hier_precision:micro", "hier_recall:micro"], tree, predicted=guess
    )
    _same(list(found.values()), [1.0, 2 / 3])


def _naive_hops(tree, truth: set[int], predicted: set[int], columns: list[int]) -> list[float]:
    there = truth & set(columns)
    return [
        min((tree.distance(c, t) for t in there), default=float("nan"))
        for c in sorted(predicted & set(columns) - truth)
    ]


@pytest.mark.parametrize("make", [small_tree, odd_forest])
def test_hops_equal_the_shortest_path(make) -> None:
    tree = make()
    truth = random_labels(tree, 50, 0.08, 1)
    guess = random_labels(tree, 50, 0.1, 2)
    for depth, level in enumerate(tree.levels):
        columns = tree.at_level(depth)
        rows, hops = hop_counts(truth, guess, tree, columns)
        pairs = zip(as_sets(truth), as_sets(guess), strict=True)
        wanted = [
            (i, h)
            for i, (t, p) in enumerate(pairs)
            for h in _naive_hops(tree, t, p, columns.tolist())
        ]
        np.testing.assert_array_equal(rows, [i for i, _ in wanted])
        np.testing.assert_array_equal(hops, [h for _, h in wanted])
        found = evaluate(truth, None, [f"hops@{level}", f"hops_sd@{level}"], tree, predicted=guess)
        known = np.array([h for _, h in wanted if h == h])
        if known.size:
            _same(list(found.values()), [known.mean(), known.std()])
        with_some = {i for i, h in wanted if h == h}
        detail = found.detail[f"hops@{level}"]
        assert detail.n - detail.undefined == len(with_some)


@pytest.mark.parametrize("make", [small_tree, odd_forest])
def test_lca_credit_equals_its_transcription(make) -> None:
    tree = make()
    truth, guess = random_labels(tree, 50, 0.08, 1), random_labels(tree, 50, 0.1, 2)
    wanted = []
    for t, p in zip(as_sets(truth), as_sets(guess), strict=True):
        deepest = [c for c in p if not any(int(tree.parent[d]) == c for d in p)]
        credit = [len(ancestors(tree, {c}) & t) / (tree.depth[c] + 1) for c in deepest]
        wanted.append(np.mean(credit) if credit else np.nan)
    np.testing.assert_allclose(lca_credit(guess, truth, tree), wanted, rtol=1e-12)
    found = evaluate(truth, None, ["lca_precision", "lca_recall", "lca_f1"], tree, predicted=guess)
    assert 0 < found["lca_f1"] < 1
    perfect = evaluate(
        truth, None, ["lca_precision", "lca_recall", "lca_f1"], tree, predicted=truth
    )
    _same(list(perfect.values()), [1, 1, 1])


def test_violations_count_labels_without_their_parent() -> None:
    tree = small_tree()
    truth = random_labels(tree, 30, 0.1, 0)
    guess = sparse.csr_matrix(np.random.default_rng(0).random(truth.shape) < 0.2)
    wanted = [
        sum(1 for c in s if tree.parent[c] >= 0 and int(tree.parent[c]) not in s)
        for s in as_sets(guess)
    ]
    found = evaluate(truth, None, "violations", tree, predicted=guess).detail["violations"]
    np.testing.assert_array_equal(found.items, wanted)
    assert evaluate(truth, None, "violations", tree, predicted=truth)["violations"] == 0
