"""Ranking metrics against scikit-learn, trec_eval (ir-measures) and a naive transcription."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from metrics_cases import random_labels, random_scores, small_tree
from scipy import sparse
from sklearn import metrics as sk

from patentcl.core.errors import ConfigError, DataError
from patentcl.metrics import evaluate, evaluate_ranking, run_matrices
from patentcl.metrics.inputs import Scores, row_ids
from patentcl.metrics.ranking import UNRANKED, _ranks_by_counting, _ranks_by_sorting, label_ranks

NAMES = [
    "ndcg",
    "ndcg@3",
    "ndcg@50",
    "map",
    "map@3",
    "mrr",
    "mrr@2",
    "recall@1",
    "recall@5",
    "precision@1",
    "precision@4",
    "precision@50",
    "f1@3",
    "hit@1",
    "hit@3",
    "r_precision",
    "first_rank",
]


def naive(relevance: dict[int, float], scored: dict[int, float], name: str) -> float:
    """One query, by the book: sort by score, ties by column, and look."""
    order = sorted(scored, key=lambda d: (-scored[d], d))
    metric, _, cut = name.partition("@")
    k = int(cut) if cut else max(1, len(order))
    good = [relevance.get(d, 0) > 0 for d in order]
    n = sum(g > 0 for g in relevance.values())
    if n == 0:
        return float("nan")
    hits = sum(good[:k])
    if metric == "first_rank":
        return good.index(True) + 1 if any(good) else float("nan")
    if metric == "ndcg":

        def dcg(gains: list[float]) -> float:
            return sum(g / np.log2(i + 2) for i, g in enumerate(gains[: int(cut) if cut else None]))

        return dcg([relevance.get(d, 0) for d in order]) / dcg(
            sorted(relevance.values(), reverse=True)
        )
    return {
        "precision": hits / k,
        "recall": hits / n,
        "f1": 2 * hits / (k + n),
        "hit": float(hits > 0),
        "map": sum(sum(good[: i + 1]) / (i + 1) for i in range(min(k, len(good))) if good[i]) / n,
        "mrr": next((1 / (i + 1) for i, g in enumerate(good[:k]) if g), 0.0),
        "r_precision": sum(good[:n]) / n,
    }[metric]


def random_run(
    n: int, items: int, seed: int, ties: bool, ragged: bool
) -> tuple[sparse.csr_matrix, sparse.csr_matrix]:
    rng = np.random.default_rng(seed)
    relevant = rng.integers(1, 4, (n, items)) * (rng.random((n, items)) < 0.15)
    scores = rng.random((n, items))
    if ties:
        scores = np.round(scores, 1)
    taken = (
        rng.random((n, items)) < 0.4
        if ragged
        else np.argsort(rng.random((n, items)), axis=1) < items // 2
    )
    run = sparse.csr_matrix((scores[taken], np.nonzero(taken)), shape=(n, items))  # keeps zeros
    return sparse.csr_matrix(relevant), run


def _dicts(matrix: sparse.csr_matrix) -> list[dict[int, float]]:
    return [
        dict(zip(matrix.indices[a:b].tolist(), matrix.data[a:b].tolist(), strict=True))
        for a, b in zip(matrix.indptr[:-1], matrix.indptr[1:], strict=True)
    ]


@pytest.mark.parametrize("ties", [False, True])
@pytest.mark.parametrize("ragged", [False, True])
def test_retrieval_equals_its_transcription(ties: bool, ragged: bool) -> None:
    relevant, run = random_run(60, 30, 0, ties, ragged)
    found = evaluate_ranking(relevant, run, NAMES)
    for name in NAMES:
        wanted = [naive(r, s, name) for r, s in zip(_dicts(relevant), _dicts(run), strict=True)]
        np.testing.assert_allclose(found.detail[name].items, wanted, rtol=1e-12, err_msg=name)
        assert found[name] == pytest.approx(np.nanmean(wanted), rel=1e-12)
    assert found.detail["map"].undefined == (relevant.getnnz(axis=1) == 0).sum()


def test_dense_scores_equal_the_transcription() -> None:
    relevant, run = random_run(60, 30, 1, True, False)
    scores = np.round(np.random.default_rng(1).random(run.shape), 1).astype(np.float32)
    found = evaluate_ranking(relevant, scores, NAMES)
    for name in NAMES:
        wanted = [
            naive(r, dict(enumerate(s.tolist())), name)
            for r, s in zip(_dicts(relevant), scores, strict=True)
        ]
        np.testing.assert_allclose(found.detail[name].items, wanted, rtol=1e-12, err_msg=name)


@pytest.mark.parametrize("ties", [False, True])
def test_retrieval_equals_trec_eval(ties: bool) -> None:
    import ir_measures as ir

    relevant, run = random_run(80, 40, 2, ties, True)
    keep = (relevant.getnnz(axis=1) > 0) & (run.getnnz(axis=1) > 0)
    relevant, run = relevant[keep], run[keep]
    # trec_eval settles ties by the item's name, the last in the alphabet first.
    names = [f"d{999 - j}" for j in range(run.shape[1])]
    qrels = {
        f"q{i}": {names[j]: int(g) for j, g in row.items()}
        for i, row in enumerate(_dicts(relevant))
    }
    runs = {
        f"q{i}": {names[j]: float(s) for j, s in row.items()} for i, row in enumerate(_dicts(run))
    }
    pairs = {
        "ndcg": ir.nDCG,
        "ndcg@5": ir.nDCG @ 5,
        "map": ir.AP,
        "map@5": ir.AP @ 5,
        "mrr": ir.RR,
        "precision@5": ir.P @ 5,
        "recall@10": ir.R @ 10,
        "r_precision": ir.Rprec,
        "hit@3": ir.Success @ 3,
    }
    theirs = ir.pytrec_eval.calc_aggregate(list(pairs.values()), qrels, runs)
    found = evaluate_ranking(relevant, run, list(pairs))
    for name, measure in pairs.items():
        assert found[name] == pytest.approx(theirs[measure], rel=1e-6), name
    if not ties:
        matrices = run_matrices(qrels, runs)
        assert dict(evaluate_ranking(*matrices[:2], list(pairs))) == pytest.approx(dict(found))


@pytest.mark.parametrize("ties", [False, True])
def test_label_ranking_equals_scikit_learn(ties: bool) -> None:
    tree = small_tree()
    truth = random_labels(tree, 120, 0.1, 0)
    truth = truth[truth.getnnz(axis=1) > 0]
    scores = random_scores(truth, 0, ties)
    found = evaluate(truth, scores, ["lrap", "coverage_error", "ranking_loss", "ndcg@5@all"])
    dense = truth.toarray()
    scores = scores.astype(np.float64)  # the oracle may count in the precision of what it is given
    assert found["lrap"] == pytest.approx(
        sk.label_ranking_average_precision_score(dense, scores), rel=1e-12
    )
    assert found["coverage_error"] == pytest.approx(sk.coverage_error(dense, scores), rel=1e-12)
    alone = evaluate(truth, scores, "coverage_error")  # takes a path of its own
    np.testing.assert_array_equal(
        alone.detail["coverage_error"].items, found.detail["coverage_error"].items
    )
    some = ~dense.all(axis=1)
    assert found["ranking_loss"] == pytest.approx(
        sk.label_ranking_loss(dense[some], scores[some]), rel=1e-12
    )
    if not ties:
        assert found["ndcg@5@all"] == pytest.approx(
            sk.ndcg_score(dense, scores, k=5, ignore_ties=True), rel=1e-12
        )


def test_top_k_looks_at_the_deepest_level_unless_told() -> None:
    tree = small_tree()
    truth = random_labels(tree, 40, 0.1, 2)
    scores = random_scores(truth, 2)
    columns = tree.at_level("subclass")
    found = evaluate(truth, scores, ["precision@1", "precision@1@class", "precision@1@all"], tree)
    part = truth[:, columns], scores[:, columns]
    assert found["precision@1"] == evaluate(*part, "precision@1")["precision@1"]
    best = truth.toarray()[np.arange(40), scores.argmax(axis=1)]
    has = truth.getnnz(axis=1) > 0
    assert found["precision@1@all"] == pytest.approx(best[has].mean())
    assert found["precision@1"] != found["precision@1@class"]


def test_k_larger_than_n_divides_by_k() -> None:
    found = evaluate(np.array([[1, 0]]), np.array([[0.9, 0.1]]), ["precision@10", "recall@10"])
    assert (found["precision@10"], found["recall@10"]) == (0.1, 1.0)


def test_all_labels_true_and_one_label() -> None:
    names = ["lrap", "coverage_error", "ranking_loss", "map", "ndcg", "r_precision"]
    found = evaluate(np.ones((2, 3)), np.array([[0.1, 0.2, 0.3]] * 2), names)
    assert found["lrap"] == found["map"] == found["ndcg"] == found["r_precision"] == 1
    assert found["coverage_error"] == 3
    assert np.isnan(found["ranking_loss"]) and found.detail["ranking_loss"].undefined == 2
    one = evaluate(np.array([[1], [0]]), np.array([[0.3], [0.4]]), ["precision@1", "lrap"])
    assert one["precision@1"] == 1 and one.detail["precision@1"].undefined == 1


def test_sorting_and_counting_agree() -> None:
    rng = np.random.default_rng(0)
    for digits in (1, 6):
        block = np.round(rng.random((40, 30)), digits).astype(np.float32)
        truth = sparse.csr_matrix(rng.random((40, 30)) < 0.5)
        a = _ranks_by_counting(block, truth.indptr, truth.indices)
        b = _ranks_by_sorting(block, row_ids(truth), truth.indices)
        np.testing.assert_array_equal(a[0], b[0])
        np.testing.assert_array_equal(a[1], b[1])


def test_many_true_labels_take_the_sorting_path_and_agree() -> None:
    rng = np.random.default_rng(1)
    truth = sparse.csr_matrix(rng.random((20, 90)) < 0.6)
    scores = rng.random((20, 90)).astype(np.float32)
    ranks = label_ranks(truth, Scores(scores, truth.shape))
    wanted = np.argsort(np.argsort(-scores, axis=1), axis=1)
    np.testing.assert_array_equal(ranks.rank, wanted[truth.nonzero()])


def test_sparse_scores_of_labels_rank_only_what_is_stored() -> None:
    truth = np.array([[1, 1, 0]])
    scores = sparse.csr_matrix(([0.5, 0.4], ([0, 0], [0, 2])), shape=(1, 3))
    found = evaluate(truth, scores, ["recall@3", "map", "f1:micro"], threshold=0.45)
    assert (found["recall@3"], found["map"]) == (0.5, 0.5)
    assert found["f1:micro"] == pytest.approx(2 / 3)
    ranks = label_ranks(sparse.csr_matrix(truth).astype(bool), Scores(scores, (1, 3)))
    assert ranks.rank.tolist() == [0, UNRANKED]


def test_a_retrieved_item_with_score_zero_is_retrieved() -> None:
    run = sparse.csr_matrix(([0.0], ([0], [1])), shape=(1, 3))
    assert run.nnz == 1
    assert evaluate_ranking(np.array([[0, 1, 0]]), run, "hit@1")["hit@1"] == 1


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10_000))
def test_more_is_never_less(seed: int) -> None:
    relevant, run = random_run(12, 15, seed, True, True)
    if relevant.nnz == 0:
        return
    found = evaluate_ranking(
        relevant,
        run,
        ["recall@1", "recall@2", "recall@9", "hit@1", "hit@4", "map", "mrr", "ndcg@3"],
    )
    assert found["recall@1"] <= found["recall@2"] <= found["recall@9"] <= 1
    assert found["hit@1"] <= found["hit@4"]
    assert found["hit@1"] <= found["mrr"] <= 1
    order = np.random.default_rng(seed).permutation(relevant.shape[0])
    again = evaluate_ranking(relevant[order], run[order], "ndcg@3")
    assert again["ndcg@3"] == pytest.approx(found["ndcg@3"], nan_ok=True)
    doubled = run.copy()
    doubled.data = doubled.data * 2
    assert dict(evaluate_ranking(relevant, doubled, "map")) == {"map": found["map"]}


def test_queries_on_one_side_only() -> None:
    relevant, scores, queries = run_matrices({"p": {"a": 1}}, {"q": {"b": 0.5, "a": 0.5}})
    assert queries == ["p", "q"]
    found = evaluate_ranking(relevant, scores, "map").detail["map"]
    np.testing.assert_array_equal(found.items, [0.0, np.nan])
    with pytest.raises(DataError, match="no query or no item"):
        run_matrices({}, {})


@pytest.mark.parametrize(
    ("relevant", "run", "message"),
    [
        (np.zeros((2, 3)), np.zeros((2, 3)), "no query has a relevant item"),
        (np.array([[1, -1]]), np.zeros((1, 2)), "not negative"),
        (np.array([[1, np.nan]]), np.zeros((1, 2)), "finite"),
        (np.eye(2), np.eye(3), "differ in shape"),
        (np.eye(2), sparse.eye(3, format="csr"), "differ in shape"),
        (np.eye(2), sparse.csr_matrix([[np.nan, 0], [0, 1]]), "finite"),
        (np.eye(2), np.array([[np.inf, 0], [0, 1]]), "finite"),
        (np.eye(2), sparse.csr_matrix(([1.0, 2.0], [0, 0], [0, 2, 2]), shape=(2, 2)), "twice"),
        (np.zeros((0, 3)), np.zeros((0, 3)), "empty"),
    ],
)
def test_bad_runs(relevant, run, message: str) -> None:
    with pytest.raises(DataError, match=message):
        evaluate_ranking(relevant, run, "map")


@pytest.mark.parametrize("name", ["f1:micro", "lrap", "ndcg@5@class"])
def test_names_that_are_not_of_retrieval(name: str) -> None:
    with pytest.raises(ConfigError, match="not a retrieval metric"):
        evaluate_ranking(np.eye(2), np.eye(2), name)
