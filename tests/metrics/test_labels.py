"""Set metrics, flat and hierarchical, against scikit-learn, hiclass and naive transcriptions."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
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
from sklearn import metrics as sk

from patentcl.core.errors import ConfigError, DataError
from patentcl.metrics import evaluate
from patentcl.metrics.hierarchy import hop_counts, lca_credit
from patentcl.metrics.inputs import check_closed, contains, row_ids, select_columns

MEASURES = ("precision", "recall", "f1")
FLAT = ("micro", "macro", "macro_true", "weighted", "samples")


def _same(got: float, wanted: float) -> None:
    np.testing.assert_allclose(got, wanted, rtol=1e-12, atol=1e-15)


# ---- flat ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("average", ["micro", "macro", "weighted", "samples"])
def test_flat_metrics_equal_scikit_learn(average: str) -> None:
    rng = np.random.default_rng(0)
    truth, guess = rng.random((200, 17)) < 0.15, rng.random((200, 17)) < 0.2
    guess[truth & (rng.random(truth.shape) < 0.6)] = True
    both_empty = ~truth.any(axis=1) & ~guess.any(axis=1)
    if average == "samples":  # the suite leaves such rows out and counts them
        truth, guess = truth[~both_empty], guess[~both_empty]
    found = evaluate(truth, None, [f"{m}:{average}" for m in MEASURES], predicted=guess)
    wanted = sk.precision_recall_fscore_support(truth, guess, average=average, zero_division=0)
    _same(list(found.values()), wanted[:3])


def test_exact_match_and_hamming_equal_scikit_learn() -> None:
    rng = np.random.default_rng(1)
    truth, guess = rng.random((300, 4)) < 0.2, rng.random((300, 4)) < 0.2
    found = evaluate(truth, None, ["subset_accuracy", "hamming_loss"], predicted=guess)
    _same(found["subset_accuracy"], sk.accuracy_score(truth, guess))
    _same(found["hamming_loss"], sk.hamming_loss(truth, guess))


@pytest.mark.parametrize("seed", range(4))
def test_every_average_equals_its_transcription(seed: int) -> None:
    tree = small_tree()
    truth = random_labels(tree, 40, 0.08, seed)
    guess = sparse.csr_matrix(random_scores(truth, seed) > 0.6)
    wanted = naive_averages(as_sets(truth), as_sets(guess), len(tree))
    for average in FLAT:
        found = evaluate(truth, None, [f"{m}:{average}" for m in MEASURES], predicted=guess)
        _same(list(found.values()), wanted[average])


def test_a_level_is_its_columns_alone() -> None:
    tree = small_tree()
    truth = random_labels(tree, 60, 0.1, 3)
    scores = random_scores(truth, 3)
    columns = tree.at_level("class")
    found = evaluate(truth, scores, ["f1:macro@class", "precision:micro@class"], tree, 0.6)
    there = truth.toarray()[:, columns], scores[:, columns] >= np.float32(0.6)
    _same(found["f1:macro@class"], sk.f1_score(*there, average="macro"))
    _same(found["precision:micro@class"], sk.precision_score(*there, average="micro"))


@pytest.mark.parametrize(
    ("truth", "guess", "wanted", "undefined"),
    [
        ([[0, 0]], [[0, 0]], np.nan, 1),  # nothing true, nothing predicted: undefined, counted
        ([[0, 0]], [[1, 0]], 0.0, 0),  # something claimed where nothing is true
        ([[1, 0]], [[0, 0]], 0.0, 0),  # something true and nothing claimed
        ([[1, 1]], [[1, 1]], 1.0, 0),  # all labels
    ],
)
def test_empty_sides(truth: list, guess: list, wanted: float, undefined: int) -> None:
    for measure in MEASURES:
        found = evaluate(np.array(truth), None, f"{measure}:samples", predicted=np.array(guess))
        _same(found[f"{measure}:samples"], wanted)
        assert found.detail[f"{measure}:samples"].undefined == undefined


def test_one_label_and_a_label_absent_from_truth() -> None:
    one = evaluate(np.array([[1], [0], [1]]), None, "f1:macro", predicted=np.array([[1], [1], [0]]))
    _same(one["f1:macro"], 0.5)
    truth, guess = np.array([[1, 0, 0], [1, 0, 0]]), np.array([[1, 1, 0], [1, 0, 0]])
    names = ["f1:macro", "f1:macro_true", "precision:macro"]
    found = evaluate(truth, None, names, predicted=guess)
    _same([found[n] for n in names], [0.5, 1.0, 0.5])
    # The second label was claimed and is wrong; the third is neither true nor claimed.
    assert found.detail["f1:macro"].items.tolist()[:2] == [1.0, 0.0]
    assert found.detail["f1:macro"].undefined == 1
    assert found.detail["f1:macro_true"].undefined == 2


def test_counts_per_patent_and_per_label() -> None:
    tree = small_tree()
    truth = random_labels(tree, 30, 0.1, 5)
    guess = random_labels(tree, 30, 0.05, 6)
    found = evaluate(
        truth,
        None,
        ["labels_true", "labels_predicted@class", "no_prediction"],
        tree,
        predicted=guess,
    )
    _same(found["labels_true"], truth.sum(axis=1).mean())
    _same(
        found["labels_predicted@class"],
        guess.toarray()[:, tree.at_level("class")].sum(axis=1).mean(),
    )
    _same(found["no_prediction"], (np.asarray(guess.sum(axis=1)) == 0).mean())


# ---- hierarchical -------------------------------------------------------------------------------


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


# ---- properties ---------------------------------------------------------------------------------

label_sets = st.lists(
    st.sets(st.integers(0, len(small_tree()) - 1), max_size=6), min_size=1, max_size=12
)


def _matrix(tree, rows: list[set[int]]) -> sparse.csr_matrix:
    dense = np.zeros((len(rows), len(tree)), dtype=bool)
    for i, row in enumerate(rows):
        dense[i, list(row)] = True
    return tree.close(sparse.csr_matrix(dense))


@settings(max_examples=40, deadline=None)
@given(label_sets, st.integers(0, 1000))
def test_row_order_does_not_matter_and_perfect_is_one(rows: list[set[int]], seed: int) -> None:
    tree = small_tree()
    truth = _matrix(tree, rows)
    rng = np.random.default_rng(seed)
    guess = _matrix(tree, [rows[i] for i in rng.permutation(len(rows))])
    names = [
        "hier_f1:micro",
        "hier_f1:macro",
        "f1:samples",
        "f1:weighted",
        "lca_f1",
        "subset_accuracy",
    ]
    order = rng.permutation(len(rows))
    a = evaluate(truth, None, names, tree, predicted=guess)
    b = evaluate(truth[order], None, names, tree, predicted=guess[order])
    np.testing.assert_allclose(list(a.values()), list(b.values()), rtol=1e-12)
    perfect = evaluate(truth, None, names, tree, predicted=truth)
    assert all(v == 1 or np.isnan(v) for v in perfect.values())
    assert all(np.isnan(v) or 0 <= v <= 1 for v in a.values())
    # Swapping the sides swaps precision and recall.
    p = evaluate(truth, None, "hier_precision:micro", tree, predicted=guess)
    r = evaluate(guess, None, "hier_recall:micro", tree, predicted=truth)
    np.testing.assert_equal(list(p.values()), list(r.values()))


@settings(max_examples=30, deadline=None)
@given(label_sets)
def test_closing_a_prediction_twice_changes_nothing(rows: list[set[int]]) -> None:
    tree = small_tree()
    truth = _matrix(tree, rows)
    raw = sparse.csr_matrix(np.random.default_rng(len(rows)).random(truth.shape) < 0.1)
    once = evaluate(truth, None, "hier_f1:samples", tree, predicted=raw)
    twice = evaluate(truth, None, "hier_f1:samples", tree, predicted=tree.close(raw))
    np.testing.assert_equal(dict(once), dict(twice))


def test_arguments_are_not_changed() -> None:
    tree = small_tree()
    truth = random_labels(tree, 20, 0.1, 0)
    scores = random_scores(truth, 0)
    before = truth.toarray(), scores.copy()
    evaluate(truth, scores, ["hier_f1:micro", "average_precision:micro", "ndcg@3", "ece"], tree)
    np.testing.assert_array_equal(truth.toarray(), before[0])
    np.testing.assert_array_equal(scores, before[1])


# ---- the parts underneath -----------------------------------------------------------------------


@pytest.mark.parametrize("width", [7, 100_000])
def test_contains_by_bitmap_and_by_key(width: int) -> None:
    rng = np.random.default_rng(0)
    a = sparse.random(300, width, 0.0005 if width > 10 else 0.3, "csr", rng=rng).astype(bool)
    b = sparse.random(300, width, 0.0005 if width > 10 else 0.3, "csr", rng=rng).astype(bool)
    b = sparse.csr_matrix(b + a.multiply(a))
    found = contains(a, row_ids(b), b.indices)
    have = set(zip(*a.nonzero(), strict=True))
    assert found.tolist() == [pair in have for pair in zip(row_ids(b), b.indices, strict=True)]
    empty = sparse.csr_matrix(a.shape, dtype=bool)
    assert not contains(empty, row_ids(b), b.indices).any()


def test_select_columns_in_any_order() -> None:
    matrix = sparse.csr_matrix(np.random.default_rng(0).random((20, 9)) < 0.4)
    for columns in (np.array([2, 3, 4]), np.array([8, 0, 5])):
        np.testing.assert_array_equal(
            select_columns(matrix, columns).toarray(), matrix.toarray()[:, columns]
        )


def test_a_float_threshold_is_taken_in_the_type_of_the_scores() -> None:
    scores = np.array([[0.1, 0.3]], dtype=np.float32)  # 0.1 as float32 is above 0.1 as float64
    found = evaluate(np.array([[1, 0]]), scores, "recall:micro", threshold=0.1)
    assert found["recall:micro"] == 1
    per_label = evaluate(np.array([[1, 0]]), scores, "f1:micro", threshold=np.array([0.1, 0.5]))
    assert per_label["f1:micro"] == 1


# ---- bad input ----------------------------------------------------------------------------------

GOOD = np.array([[1, 0], [0, 1]])
SCORES = np.array([[0.9, 0.1], [0.2, 0.7]])


@pytest.mark.parametrize(
    ("truth", "scores", "message"),
    [
        (GOOD, SCORES[:1], "differ in shape"),
        (GOOD, SCORES[:, :1], "differ in shape"),
        (GOOD, SCORES * np.nan, "finite"),
        (GOOD, SCORES * np.inf, "finite"),
        (np.array([[2, 0], [0, 1]]), SCORES, "not binary"),
        (np.array([[0.5, 0], [0, 1]]), SCORES, "not binary"),
        (np.array([[np.nan, 0], [0, 1]]), SCORES, "not binary"),
        (np.array([["a", "b"]]), SCORES, "not a matrix of 0 and 1"),
        (np.zeros((0, 2)), np.zeros((0, 2)), "empty"),
        (np.zeros((2, 0)), np.zeros((2, 0)), "empty"),
        (np.array([1, 0]), SCORES, "must be a matrix"),
        (GOOD, np.array([["a", "b"], ["c", "d"]]), "not numbers"),
        (GOOD, iter([SCORES]), "only once"),
        (GOOD, lambda: iter([SCORES[:1]]), "differ in shape"),
        (GOOD, lambda: iter([SCORES[:, :1]]), "wrong shape"),
    ],
)
def test_bad_matrices(truth, scores, message: str) -> None:
    with pytest.raises(DataError, match=message):
        evaluate(truth, scores, "f1:micro")


def test_bad_shapes_elsewhere() -> None:
    with pytest.raises(DataError, match="predicted and truth differ in shape"):
        evaluate(GOOD, None, "f1:micro", predicted=GOOD[:1])
    with pytest.raises(DataError, match="thresholds do not match"):
        evaluate(GOOD, SCORES, "f1:micro", threshold=np.array([0.1, 0.2, 0.3]))
    with pytest.raises(DataError, match="threshold is not a number"):
        evaluate(GOOD, SCORES, "f1:micro", threshold=float("nan"))
    tree = small_tree()
    with pytest.raises(DataError, match="labels do not match the tree"):
        evaluate(GOOD, SCORES, "f1:micro", tree)
    truth = random_labels(tree, 5, 0.1, 0)
    with pytest.raises(DataError, match="outside the tree and truth differ in length"):
        evaluate(truth, None, "hier_f1:micro", tree, predicted=truth, outside=np.ones((2, 1)))


def test_truth_that_is_not_closed_is_refused() -> None:
    tree = small_tree()
    truth = np.zeros((2, len(tree)), dtype=bool)
    truth[1, tree.index["A01B"]] = truth[1, tree.index["A"]] = True
    with pytest.raises(DataError, match=r"not closed.*row 1.*A01B without its parent A01"):
        evaluate(truth, None, "hier_f1:micro", tree, predicted=truth)
    check_closed(tree.close(truth), tree)


def test_label_order_that_differs_from_the_tree_is_refused() -> None:
    import pandas as pd

    tree = small_tree()
    truth = random_labels(tree, 5, 0.1, 0).toarray()
    symbols = list(tree.symbols)
    good = pd.DataFrame(truth, columns=symbols)
    assert evaluate(good, good.astype(float), "hier_f1:micro", tree)["hier_f1:micro"] == 1
    shuffled = good[symbols[::-1]]
    with pytest.raises(DataError, match="label order differs from the tree"):
        evaluate(good, shuffled.astype(float), "hier_f1:micro", tree)
    with pytest.raises(DataError, match="labels do not match the tree"):
        evaluate(good.rename(columns={"A": "Z"}), good, "hier_f1:micro", tree)
    with pytest.raises(DataError, match="order of their labels"):
        evaluate(good, shuffled.astype(float), "f1:micro")


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


def test_bad_requests() -> None:
    tree = small_tree()
    truth = random_labels(tree, 5, 0.1, 0)
    with pytest.raises(ConfigError, match="Did you mean subclass"):
        evaluate(truth, None, "f1:micro@subclas", tree, predicted=truth)
    with pytest.raises(ConfigError, match="takes no level"):
        evaluate(truth, None, "hier_f1:micro@class", tree, predicted=truth)
    with pytest.raises(ConfigError, match="takes no level"):
        evaluate(truth, None, "violations@class", tree, predicted=truth)
    with pytest.raises(ConfigError, match="within one level"):
        evaluate(truth, None, "hops@all", tree, predicted=truth)
    with pytest.raises(ConfigError, match="needs scores"):
        evaluate(truth, None, "ndcg@5", tree, predicted=truth)
    with pytest.raises(ConfigError, match="nothing to evaluate"):
        evaluate(truth, None, "f1:micro", tree)
    with pytest.raises(ConfigError, match="no metric was asked for"):
        evaluate(truth, None, [], tree, predicted=truth)
    with pytest.raises(ConfigError, match="asked for twice"):
        evaluate(truth, None, ["f1:micro", "f1:micro"], tree, predicted=truth)
    with pytest.raises(ConfigError, match="not text"):
        evaluate(truth, None, [3], tree, predicted=truth)


def test_an_unknown_name_offers_three() -> None:
    with pytest.raises(ConfigError) as caught:
        evaluate(GOOD, SCORES, "ndgc@10")
    offered = str(caught.value).split("Did you mean ")[1]
    assert offered.count(",") == 2 and "ndcg@10" in offered
