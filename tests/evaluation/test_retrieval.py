"""What a run is judged by: baselines and tasks against naive transcriptions, verdicts, the page."""

from __future__ import annotations

import json
import math
import re
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import snowballstemmer
from conftest import Loaded
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from making import make
from scipy import sparse
from sklearn.metrics import average_precision_score, f1_score
from tiny import write_tiny_encoder

from patentcl.classification.estimator import PatentClassifier
from patentcl.core import artifacts
from patentcl.core.arrays import top_k
from patentcl.core.errors import ConfigError, DataError
from patentcl.core.tables import one_line
from patentcl.cpc import truncate_symbol
from patentcl.data.corpus import Corpus
from patentcl.evaluation import report as reporting
from patentcl.evaluation.classifiers import evaluate_classifiers, usable_metrics
from patentcl.evaluation.folders import evaluate_folder
from patentcl.evaluation.report import (
    evaluate_run,
    examples,
    figures_table,
    render_page,
    uses_text,
    verdict_text,
)
from patentcl.evaluation.retrieval import (
    ENOUGH,
    RetrievalTask,
    bm25_run,
    chance_run,
    dense_run,
    evaluate_retrieval,
    main_task,
    retrieval_tasks,
)
from patentcl.evaluation.search import by_domain
from patentcl.evaluation.settings import ReportSettings
from patentcl.pipeline.stages import EMBED, FIT, INDEX
from patentcl.search.bm25 import BM25
from patentcl.search.index import PatentIndex
from patentcl.workspace import folders

QUICK = {"hidden": 32, "epochs": 4, "batch_size": 64, "learning_rate": 5e-3}


def stored(matrix: sparse.csr_matrix) -> list[dict[int, float]]:
    """Stored entries of each row, zeros included."""
    return [
        dict(zip(matrix.indices[a:b].tolist(), matrix.data[a:b].tolist(), strict=True))
        for a, b in zip(matrix.indptr[:-1], matrix.indptr[1:], strict=True)
    ]


# ---- BM25 -----------------------------------------------------------------------------------

words = st.sampled_from(
    [
        "mower",
        "mowers",
        "mowing",
        "blade",
        "a",
        "Kettle",
        "über",
        "x1",
        "co-op",
        "don't",
        ",",
        "3.5",
    ]
)
texts = st.lists(words, min_size=1, max_size=12).map(" ".join)


def naive_bm25(documents: Sequence[str], query: str, k1: float, b: float) -> list[float]:
    """The formula, stem by stem; each of the query's once."""
    stem = snowballstemmer.stemmer("english").stemWords
    split = [stem(re.findall(r"\w+", d.lower())) for d in documents]
    mean = sum(map(len, split)) / len(split)
    scores = []
    for words in split:
        tf, score = Counter(words), 0.0
        for word in set(stem(re.findall(r"\w+", query.lower()))):
            df = sum(word in other for other in split)
            if tf[word]:
                idf = math.log(1 + (len(split) - df + 0.5) / (df + 0.5))
                score += (
                    idf * tf[word] * (k1 + 1) / (tf[word] + k1 * (1 - b + b * len(words) / mean))
                )
        scores.append(score)
    return scores


@given(st.lists(texts, min_size=1, max_size=8), texts, st.floats(0, 3), st.floats(0, 1))
def test_bm25_is_its_formula(documents: list[str], query: str, k1: float, b: float) -> None:
    documents = [*documents, "mower"]
    found = BM25(documents, k1, b).search([query], k=len(documents))
    np.testing.assert_allclose(
        found.toarray()[0], naive_bm25(documents, query, k1, b), rtol=1e-5, atol=1e-6
    )


def test_bm25_in_blocks_and_without_the_query_itself() -> None:
    documents = [
        "a mower with a blade",
        "a kettle",
        "a blade",
        "",
        "a mower with a blade",
        "kettle",
    ]
    whole = np.array([naive_bm25(documents, q, 0.8, 0.75) for q in documents])
    np.fill_diagonal(whole, 0)
    for block in (1, 2, 64):
        found = BM25(documents).search(documents, 3, without=np.arange(6), block=block)
        for row, mine in zip(stored(found), whole, strict=True):
            best = sorted((j for j in range(6) if mine[j] > 0), key=lambda j: (-mine[j], j))[:3]
            assert row == {j: pytest.approx(mine[j], rel=1e-5) for j in best}
    assert (bm25_run(documents, np.arange(6), 3) != found).nnz == 0


def test_bm25_of_nothing() -> None:
    found = BM25(["a mower", "a kettle"]).search(["", "zzz", "kettle"], k=5)
    assert stored(found)[:2] == [{}, {}]
    assert list(stored(found)[2]) == [1]
    assert BM25(["a mower"]).search([]).shape == (0, 1)
    for empty in ([], ["", "?!"]):
        with pytest.raises(DataError, match="no text to index has a word"):
            BM25(empty)


@pytest.mark.parametrize("bad", [{"k1": -0.1}, {"b": 1.1}, {"b": -0.1}, {"k1": float("nan")}])
def test_bm25_parameters(bad: dict[str, float]) -> None:
    with pytest.raises(ConfigError, match="BM25 parameters out of range"):
        BM25(["a"], **bad)


@given(
    hnp.arrays(
        np.float32,
        hnp.array_shapes(min_dims=2, max_dims=2, min_side=0, max_side=8),
        elements=st.integers(-1, 3).map(float),
    ),
    st.integers(1, 10),
)
def test_top_k_by_sorting_with_ties_to_the_left(scores: np.ndarray, k: int) -> None:
    before = scores.copy()
    found = stored(top_k(scores, k))
    for row, mine in zip(found, scores, strict=True):
        best = sorted((j for j in range(len(mine)) if mine[j] > 0), key=lambda j: (-mine[j], j))[:k]
        assert row == {j: mine[j] for j in best}
    assert (scores == before).all()


@pytest.mark.parametrize("k", [0, -1])
def test_k_must_be_positive_everywhere(k: int) -> None:
    X, one = np.eye(3), np.array([0])
    for call in (
        lambda: top_k(X, k),
        lambda: dense_run(X, one, k),
        lambda: chance_run(3, one, k),
        lambda: BM25(["a"]).search(["a"], k),
        lambda: bm25_run(["a", "a"], one, k),
    ):
        with pytest.raises(ConfigError, match=f"k must be at least 1: got {k}"):
            call()


# ---- runs -----------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", [np.float32, np.float16])
@pytest.mark.parametrize("k", [1, 5, 39, 100])
def test_dense_run_by_brute_force(dtype: type, k: int) -> None:
    X = np.random.default_rng(0).normal(size=(40, 6)).astype(dtype)
    queries = np.array([3, 39, 0, 17, 8])
    exact = X.astype(np.float64)
    exact /= np.linalg.norm(exact, axis=1, keepdims=True)
    exactly = 1e-6 if dtype is np.float32 else 1e-3  # as well as the number of its digits allows
    for block in (2, 256):
        found = stored(dense_run(X, queries, k, block))
        for row, q in zip(found, queries, strict=True):
            cosine = exact @ exact[q]
            best = [j for j in np.argsort(-cosine, kind="stable") if j != q][:k]
            assert set(row) == set(best)  # negative similarities are results too
            for j in best:
                assert row[j] == pytest.approx(cosine[j], abs=exactly)


def test_dense_run_keeps_results_of_similarity_zero() -> None:
    found = stored(dense_run(np.eye(3), np.array([1]), 2))
    assert found == [{0: 0.0, 2: 0.0}]
    assert dense_run(np.ones((1, 2)), np.array([0])).nnz == 0
    with pytest.raises(DataError, match="zero"):
        dense_run(np.zeros((2, 2)), np.array([0]))


@given(st.integers(1, 30), st.integers(1, 40), st.integers(0, 5))
def test_chance_run_draws_others_in_random_order(n: int, k: int, seed: int) -> None:
    queries = np.arange(n)
    found = chance_run(n, queries, k, seed)
    most = min(k, n - 1)
    for row, own in zip(stored(found), queries, strict=True):
        assert own not in row
        assert sorted(row.values()) == list(range(1, most + 1))
    again = chance_run(n, queries, k, seed)
    assert (found.indices == again.indices).all()
    assert (found.data == again.data).all()


def test_chance_run_is_even() -> None:
    n, k, rounds = 12, 4, 3000
    found = chance_run(n, np.full(rounds, 5), k, seed=1)
    drawn = np.bincount(found.indices, minlength=n)
    assert drawn[5] == 0
    expected = rounds * k / (n - 1)
    others = np.delete(drawn, 5)
    assert ((others - expected) ** 2 / expected).sum() < 29.6  # chi-square, 10 degrees, p = 0.001
    first = np.bincount(found.indices[found.data == k], minlength=n)
    expected = rounds / (n - 1)
    assert ((np.delete(first, 5) - expected) ** 2 / expected).sum() < 29.6
    assert (
        chance_run(n, np.full(9, 5), k, seed=2).indices
        != chance_run(n, np.full(9, 5), k, seed=3).indices
    ).any()


# ---- tasks ----------------------------------------------------------------------------------


def naive_tasks(corpus: Corpus, split: str) -> dict[str, dict[int, set[int]]]:
    """Rows that each row of a split should find, by loops over sets."""
    row = {pid: i for i, pid in enumerate(corpus.ids)}
    groups = [{truncate_symbol(c, "group") for c in codes} - {None} for codes in corpus.codes]
    cites: dict[int, set[int]] = {i: set() for i in range(len(corpus))}
    for i, cited in enumerate(corpus.citations):
        for pid in cited:
            if pid in row:
                cites[i].add(row[pid])
                cites[row[pid]].add(i)
    held_out = [i for i in range(len(corpus)) if corpus.split[i] == split]
    like = {i: {j for j in range(len(corpus)) if groups[i] & groups[j]} for i in held_out}
    tasks = {
        "citations": {i: cites[i] - {i} for i in held_out},
        "same group": {i: like[i] - {i} for i in held_out},
    }
    return {name: {i: found for i, found in by.items() if found} for name, by in tasks.items()}


@pytest.mark.parametrize("split", ["test", "dev", "train"])
def test_tasks_by_sets(loaded: Loaded, split: str) -> None:
    corpus = loaded.corpus
    tasks = {t.name: t for t in retrieval_tasks(corpus, split=split)}
    expected = naive_tasks(corpus, split)
    assert set(tasks) == {"citations", "same group"}
    for name, task in tasks.items():
        assert task.relevant.dtype == bool
        assert task.relevant.shape == (len(task.queries), len(corpus))
        assert task.queries.tolist() == list(expected[name])
        for q, found in zip(task.queries, stored(task.relevant), strict=True):
            assert set(found) == expected[name][q]
            assert all(found.values())


def test_tasks_are_capped_by_a_seeded_sample(loaded: Loaded) -> None:
    corpus = loaded.corpus
    whole = {t.name: t for t in retrieval_tasks(corpus)}
    few = {t.name: t for t in retrieval_tasks(corpus, most=7, seed=1)}
    for name, task in few.items():
        assert len(task.queries) == 7
        assert (np.diff(task.queries) > 0).all()
        where = np.searchsorted(whole[name].queries, task.queries)
        assert (whole[name].queries[where] == task.queries).all()
        assert (whole[name].relevant[where] != task.relevant).nnz == 0
    again = {t.name: t for t in retrieval_tasks(corpus, most=7, seed=1)}
    other = {t.name: t for t in retrieval_tasks(corpus, most=7, seed=2)}
    for name, task in few.items():
        assert (again[name].queries == task.queries).all()
        assert (other[name].queries != task.queries).any()


def small(*patents: tuple[str, str, list[str], list[str]]) -> Corpus:
    """A corpus of (id, split, codes, citations)."""
    return Corpus.from_records(
        [
            {
                "patent_id": pid,
                "title": f"Thing {pid}",
                "abstract": f"A thing {pid}.",
                "codes": codes,
                "citations": cited,
                "split": split,
            }
            for pid, split, codes, cited in patents
        ]
    )


def test_tasks_that_a_corpus_does_not_allow() -> None:
    base = ("1", "train", ["A01B1/02"], [])
    alone = small(base, ("2", "test", ["B60K1/00"], ["99"]))  # cites out of the corpus only
    assert retrieval_tasks(alone) == []
    assert retrieval_tasks(alone, split="dev") == []
    with pytest.raises(DataError, match="nothing can be looked up"):
        main_task([])
    cited = retrieval_tasks(small(("1", "train", [], ["2"]), ("2", "test", [], [])))
    assert [(t.name, t.queries.tolist(), t.relevant.indices.tolist()) for t in cited] == [
        ("citations", [1], [0])
    ]  # being cited counts
    like = retrieval_tasks(small(base, ("2", "test", ["A01B1/00", "B60K1/00"], [])))
    assert [(t.name, t.relevant.indices.tolist()) for t in like] == [("same group", [0])]
    shallow = small(("1", "train", ["A01B"], []), ("2", "test", ["A01B"], []))
    assert retrieval_tasks(shallow) == []  # no main group in common


def task(name: str, n: int) -> RetrievalTask:
    return RetrievalTask(name, np.arange(n), sparse.csr_matrix(np.ones((n, n), dtype=bool)))


@pytest.mark.parametrize(
    ("sizes", "chosen"),
    [
        ([ENOUGH, 999], 0),
        ([ENOUGH - 1, 999], 1),
        ([ENOUGH - 1, ENOUGH - 2], 0),
        ([3, 4], 1),
        ([5], 0),
    ],
)
def test_the_task_that_a_run_is_judged_by(sizes: list[int], chosen: int) -> None:
    tasks = [task(str(i), n) for i, n in enumerate(sizes)]
    assert main_task(tasks) is tasks[chosen]


def test_chance_finds_what_chance_must_find(loaded: Loaded) -> None:
    corpus = loaded.corpus
    (asked,) = [t for t in retrieval_tasks(corpus) if t.name == "same group"]
    runs = {str(s): chance_run(len(corpus), asked.queries, 50, s) for s in range(30)}
    found = evaluate_retrieval(asked, runs, ["recall@50"])
    mean = np.mean([m["recall@50"] for m in found.values()])
    assert mean == pytest.approx(50 / (len(corpus) - 1), rel=0.1)


# ---- classifiers ----------------------------------------------------------------------------


def informative(corpus: Corpus, noise: float, seed: int) -> np.ndarray:
    """Vectors in which the labels can be seen through noise."""
    rng = np.random.default_rng(seed)
    axes = rng.normal(size=(corpus.labels.shape[1], 24))
    X = corpus.labels @ axes
    return (X + rng.normal(0, noise, X.shape)).astype(np.float32)


@pytest.fixture(scope="module")
def vectors(loaded: Loaded) -> dict[str, np.ndarray]:
    return {"tuned": informative(loaded.corpus, 1, 0), "untuned": informative(loaded.corpus, 6, 1)}


@pytest.fixture(scope="module")
def classifiers(loaded: Loaded, vectors: dict[str, np.ndarray]) -> dict[str, PatentClassifier]:
    corpus = loaded.corpus
    train = np.flatnonzero((corpus.split == "train") & (np.diff(corpus.labels.indptr) > 0))
    return {
        name: PatentClassifier(**QUICK).fit(X[train], corpus.labels[train], corpus.tree)
        for name, X in vectors.items()
    }


def test_the_chance_row_by_value(
    loaded: Loaded, vectors: dict[str, np.ndarray], classifiers: dict[str, PatentClassifier]
) -> None:
    corpus = loaded.corpus
    labels, tree = corpus.labels.toarray(), corpus.tree
    has = labels.any(axis=1)
    truth = labels[(corpus.split == "test") & has]
    train = labels[(corpus.split == "train") & has]
    share = train.mean(axis=0)
    leaf = max(np.flatnonzero(tree.is_leaf), key=lambda j: (train[:, j].sum(), -j))
    guess = np.zeros_like(truth)
    guess[:, tree.path(int(leaf))] = True
    settings = ReportSettings(
        metrics=(
            "f1:micro@subclass",
            "f1:macro@section",
            "precision@1",
            "average_precision:micro",
            "hier_f1:micro",
        )
    )
    found = evaluate_classifiers(
        corpus, {"tuned": (classifiers["tuned"], vectors["tuned"])}, settings
    )
    assert list(found) == ["tuned", "chance"]
    chance = found["chance"]
    subclass, section = tree.at_level("subclass"), tree.at_level("section")
    assert chance["f1:micro@subclass"] == pytest.approx(
        f1_score(truth[:, subclass], guess[:, subclass], average="micro")
    )
    assert chance["f1:macro@section"] == pytest.approx(
        f1_score(truth[:, section], guess[:, section], average="macro", zero_division=0), abs=0.05
    )
    both = (truth & guess).sum()
    assert chance["hier_f1:micro"] == pytest.approx(2 * both / (truth.sum() + guess.sum()))
    scores = np.tile(share.astype(np.float32), (len(truth), 1))
    assert chance["average_precision:micro"] == pytest.approx(
        average_precision_score(truth.ravel(), scores.ravel()), abs=1e-6
    )
    for name in settings.metrics:
        assert found["tuned"][name] > chance[name]


def test_classifiers_on_splits_that_lack_something() -> None:
    settings = ReportSettings(metrics=("f1:micro",))
    corpus = small(("1", "train", ["A01B1/02"], []), ("2", "test", [], []))
    assert evaluate_classifiers(corpus, {}, settings) == {}
    corpus = small(("1", "test", ["A01B1/02"], []), ("2", "dev", ["A01B1/02"], []))
    assert list(evaluate_classifiers(corpus, {}, settings)) == []  # no train split, so no chance


def test_metrics_of_levels_that_are_not_there_are_left_out() -> None:
    names = ["f1:micro@section", "f1:micro@group", "precision@1", "ndcg@10", "hier_f1:micro"]
    assert usable_metrics(names, ("section", "class", "subclass")) == [
        n for n in names if n != "f1:micro@group"
    ]
    assert usable_metrics(names, ("section", "class", "subclass", "group")) == names


# ---- a whole evaluation ---------------------------------------------------------------------

FIGURE = {"value", "low", "high", "items", "undefined", "unit", "resampled", "higher_is_better"}


@pytest.fixture(scope="module")
def evaluated(
    loaded: Loaded,
    vectors: dict[str, np.ndarray],
    classifiers: dict[str, PatentClassifier],
    tmp_path_factory: pytest.TempPathFactory,
) -> tuple[Path, dict[str, Any]]:
    folder = tmp_path_factory.mktemp("reports")
    return folder, evaluate_run(loaded.corpus, vectors, classifiers, folder, ReportSettings(), 0)


def test_the_schema_of_metrics_json(evaluated: tuple[Path, dict[str, Any]]) -> None:
    folder, result = evaluated
    text = (folder / "metrics.json").read_text(encoding="utf-8")
    assert json.loads(text) == result
    assert "NaN" not in text
    assert "Infinity" not in text
    assert list(result) == ["format", "classifier", "retrieval", "verdict", "uses"]
    assert result["format"] == 1
    settings = ReportSettings()
    assert list(result["classifier"]) == ["tuned", "untuned", "chance"]
    assert list(result["retrieval"]) == ["citations", "same group"]
    for systems in result["retrieval"].values():
        assert list(systems) == ["tuned", "untuned", "BM25", "chance"]
        for metrics in systems.values():
            assert list(metrics) == list(settings.retrieval)
    for metrics in result["classifier"].values():
        assert list(metrics) == list(settings.metrics)
    for systems in [result["classifier"], *result["retrieval"].values()]:
        for metrics in systems.values():
            for figure in metrics.values():
                assert set(figure) == FIGURE
                assert 0 <= figure["low"] <= figure["value"] <= figure["high"] <= 1
    assert set(result["verdict"]) == {
        "task",
        "metric",
        "higher_is_better",
        "untuned",
        "tuned",
        "difference",
        "low",
        "high",
        "p",
        "queries",
    }


def test_the_verdict_agrees_with_the_figures(evaluated: tuple[Path, dict[str, Any]]) -> None:
    result = evaluated[1]
    verdict = result["verdict"]
    by = result["retrieval"][verdict["task"]]
    assert verdict["metric"] == ReportSettings().retrieval[0]
    for name in ("tuned", "untuned"):
        assert verdict[name] == by[name][verdict["metric"]]["value"]
    assert verdict["difference"] == pytest.approx(verdict["tuned"] - verdict["untuned"])
    assert verdict["low"] <= verdict["difference"] <= verdict["high"]
    assert verdict["queries"] == by["tuned"][verdict["metric"]]["items"]
    assert "is better than" in verdict_text(verdict)  # its vectors have a sixth of the noise


def uses_purity(corpus: Corpus, X: np.ndarray) -> float:
    """Of a test patent's ten nearest, the share with a code of its deepest level, on average."""
    some = np.flatnonzero((corpus.split == "test") & (corpus.labels.sum(axis=1).A1 > 0))
    deep = corpus.labels[some][:, corpus.tree.depth == corpus.tree.depth.max()].toarray()
    unit = X[some] / np.linalg.norm(X[some], axis=1, keepdims=True)
    near = np.argsort(-(unit @ unit.T - 9 * np.eye(len(some))), axis=1)[:, :10]
    shares = [(deep[n] & deep[i]).any(axis=1).mean() for i, n in enumerate(near) if deep[i].any()]
    return float(np.mean(shares))


def test_the_first_line_says_for_which_uses_tuning_paid(
    evaluated: tuple[Path, dict[str, Any]], loaded: Loaded, vectors: dict[str, np.ndarray]
) -> None:
    corpus, uses = loaded.corpus, evaluated[1]["uses"]
    assert list(uses) == ["search", "classes", "neighbours on maps"]
    for name in ("tuned", "untuned"):
        assert uses["neighbours on maps"][name] == pytest.approx(uses_purity(corpus, vectors[name]))
    given = {"metric": "ndcg@10", "untuned": 0.2, "tuned": 0.3, "higher_is_better": True}
    rows = {
        "search": {**given, "difference": 0.1, "low": 0.05, "high": 0.15},
        "classes": {**given, "difference": 0.1, "low": -0.05, "high": 0.15},
        "maps": {**given, "difference": -0.1, "low": -0.2, "high": -0.05},
        "none": {**given, "difference": None, "low": None, "high": None},
    }
    said = "nDCG@10 0.200 to 0.300"
    assert uses_text(rows) == (
        f"Tuned beside untuned encoder: better for search ({said}, +0.050 to +0.150); "
        f"equal for classes ({said}, -0.050 to +0.150); worse for maps ({said}, -0.200 to -0.050). "
        "Equal: the 95 % interval includes 0."
    )


def test_an_evaluation_is_the_same_again(
    evaluated: tuple[Path, dict[str, Any]],
    loaded: Loaded,
    vectors: dict[str, np.ndarray],
    classifiers: dict[str, PatentClassifier],
    tmp_path: Path,
) -> None:
    evaluate_run(loaded.corpus, vectors, classifiers, tmp_path, ReportSettings(), 0)
    for name in ("metrics.json", "metrics.md"):
        assert (tmp_path / name).read_bytes() == (evaluated[0] / name).read_bytes()


def test_the_markdown_shows_the_same_figures(evaluated: tuple[Path, dict[str, Any]]) -> None:
    folder, result = evaluated
    text = (folder / "metrics.md").read_text(encoding="utf-8")
    figure = result["classifier"]["tuned"]["hier_f1:micro"]
    assert "## Codes of held-out patents\n\n|  | tuned | untuned | chance |\n| --- |" in text
    assert (
        f"| `hier_f1:micro` | {figure['value']:.3f} ({figure['low']:.3f} to {figure['high']:.3f}) |"
    ) in text
    assert "## Retrieval: citations" in text


def test_without_tuning_classifiers_or_tasks(
    loaded: Loaded, vectors: dict[str, np.ndarray], tmp_path: Path
) -> None:
    one = evaluate_run(
        loaded.corpus, {"untuned": vectors["untuned"]}, {}, tmp_path, ReportSettings(queries=20), 0
    )
    assert one["classifier"] == {}
    assert one["verdict"] is None
    assert list(one["retrieval"]["citations"]) == ["untuned", "BM25", "chance"]
    alone = small(("1", "train", [], []), ("2", "test", [], []))
    none = evaluate_run(alone, {"untuned": np.eye(2)}, {}, tmp_path, ReportSettings(), 0)
    assert none == {"format": 1, "classifier": {}, "retrieval": {}, "verdict": None, "uses": {}}
    assert json.loads((tmp_path / "metrics.json").read_text(encoding="utf-8")) == none


# ---- verdicts -------------------------------------------------------------------------------


def verdict(
    difference: float | None, low: float | None, high: float | None, higher: bool = True
) -> dict[str, Any]:
    return {
        "task": "citations",
        "metric": "ndcg@10",
        "higher_is_better": higher,
        "untuned": 0.5,
        "tuned": 0.5 + (difference or 0),
        "difference": difference,
        "low": low,
        "high": high,
        "p": 0.5,
        "queries": 1234,
    }


@pytest.mark.parametrize(
    ("given", "start", "end"),
    [
        (
            verdict(-0.1, -0.15, -0.05),
            "The tuned encoder is WORSE than the untuned one: nDCG@10 0.400 "
            "against 0.500 (citations, 1,234 queries; difference -0.100, "
            "95 % interval -0.150 to -0.050).",
            "-0.050).",
        ),
        (
            verdict(-0.01, -0.05, 0.03),
            "The tuned encoder is WORSE",
            "(the interval includes no change).",
        ),
        (
            verdict(-0.01, -0.05, 0.0),
            "The tuned encoder is WORSE",
            "the interval includes no change).",
        ),
        (verdict(0.1, 0.05, 0.15), "The tuned encoder is better than the untuned one", "+0.150)."),
        (
            verdict(0.01, -0.03, 0.05),
            "The tuned encoder is not significantly better than the untuned one: ",
            "+0.050).",
        ),
        (verdict(0.0, 0.0, 0.0), "The tuned encoder is not significantly better", "+0.000)."),
        (verdict(0.1, 0.05, 0.15, higher=False), "The tuned encoder is WORSE", "+0.150)."),
        (verdict(-0.1, -0.15, -0.05, higher=False), "The tuned encoder is better", "-0.050)."),
        (
            verdict(0.1, -0.05, 0.15, higher=False),
            "The tuned encoder is WORSE",
            "includes no change).",
        ),
        (verdict(None, None, None), "The tuned encoder cannot be compared", "has an answer."),
        (None, "There is no tuned encoder to compare.", "compare."),
    ],
)
def test_verdicts_in_plain_words(given: dict[str, Any] | None, start: str, end: str) -> None:
    text = verdict_text(given)
    assert text.startswith(start)
    assert text.endswith(end)


# ---- the page -------------------------------------------------------------------------------


def test_tables_line_up() -> None:
    systems = {
        "a": {"mrr": {"value": 0.51234}, "odd": {"value": None}},
        "b": {"mrr": {"value": 1.0}, "odd": {"value": 0.0}},
    }
    assert figures_table(systems).split("\n") == [
        "                            a      b",
        "  mean reciprocal rank  0.512  1.000",
        "  odd                       -  0.000",
    ]


def test_a_page_of_nothing(tmp_path: Path) -> None:
    assert render_page(tmp_path, "Run", []) == (
        "Run\n===\n\nData\n\nStages\n  in all      0.0 seconds\n"
    )


def test_a_page_by_hand(tmp_path: Path) -> None:
    with artifacts.writing_files(
        tmp_path,
        {
            "stage": "load",
            "counts": {
                "patents": 12345,
                "patents with codes": 0,
                "design": 0,
                "citations inside the corpus": 0,
            },
        },
    ):
        pass
    with artifacts.writing(tmp_path / "triplets", {"stage": "mine", "counts": {"cites": 1000}}):
        pass
    reports = tmp_path / "reports"
    (reports / "map").mkdir(parents=True)
    (reports / "map" / "map.html").write_text("<html>", encoding="utf-8")
    figure = {"value": 0.25, "low": None, "high": None, "items": 1500}
    found = {
        "format": 1,
        "classifier": {"tuned": {"precision@1": figure}},
        "retrieval": {"citations": {"tuned": {"mrr": figure}, "BM25": {"mrr": figure}}},
        "verdict": verdict(0.1, 0.05, 0.15),
    }
    (reports / "metrics.json").write_text(json.dumps(found), encoding="utf-8")
    near = {"id": "77", "similarity": 0.5, "title": "", "date": "", "codes": []}
    shown = {
        "patent": {"id": "1", "title": "Mower", "codes": ["A01D34/00", "B60K1/00"]},
        "nearest": [{**near, "title": "T" * 80, "date": "2001-02-03", "codes": ["A01D1/00"]}],
        "new": {
            "text": "A lawn mower. " * 12,
            "nearest": [near],
            "codes": [
                {
                    "symbol": "A01D",
                    "level": "subclass",
                    "probability": 0.9,
                    "title": "HARVESTING; MOWING",
                    "sure": False,
                }
            ],
        },
    }
    (reports / "examples.json").write_text(json.dumps(shown), encoding="utf-8")
    page = render_page(
        tmp_path,
        "patentcl run hand",
        [("load", "done", 1.25), ("mine", "skipped", 0), ("map", "done", 2.0)],
    )
    lines = page.splitlines()
    for line in (
        "  patents                      12,345",
        "  patents with codes                0",
        "  citations inside the corpus       0",
        "  cites  1,000",
        "  load     done      1.2",
        "  mine  skipped      0.0",
        "  in all      3.2 seconds",
        "Retrieval: citations (1,500 queries)",
        "  mean reciprocal rank  0.250  0.250",
        "  first code right  0.250",
        "The five nearest to 1: Mower",
        "  [A01D34/00, B60K1/00]",
        "Map",
        f"  {reports / 'map' / 'map.png'}",
    ):
        assert line in lines, line
    assert not any("design" in line for line in lines)  # counts of 0 that say nothing
    assert "The tuned encoder is better" in page
    assert re.search(r"A01D +0\.90  .*\(unsure\)", page)
    assert re.search(r"0\.50  77 .*\(no title\)$", page, re.MULTILINE)
    assert f"0.50  77           2001-02-03  {'T' * 57}...  A01D1/00" in page
    assert max(map(len, (x for x in lines if str(tmp_path) not in x))) <= 120
    assert page.endswith("\n")


def test_examples_of_a_run(
    loaded: Loaded, vectors: dict[str, np.ndarray], classifiers: dict[str, PatentClassifier]
) -> None:
    corpus, X = loaded.corpus, vectors["tuned"]
    index = PatentIndex.build(X, corpus.ids, "flat", corpus.frame())
    row_of = {text: i for i, text in enumerate(corpus.texts)}
    asked: list[Any] = []

    def encode(texts: Sequence[Any]) -> np.ndarray:
        asked.extend(texts)
        return X[[row_of.get(text, 0) for text in texts]]

    model = classifiers["tuned"]
    shown = examples(corpus, index, encode, model, ReportSettings(), seed=3)
    assert json.loads(json.dumps(shown)) == shown
    assert shown == examples(corpus, index, encode, model, ReportSettings(), seed=3)
    ids = corpus.ids.tolist()
    own, other = ids.index(shown["patent"]["id"]), ids.index(shown["new"]["id"])
    assert own != other and corpus.split[own] == corpus.split[other] == "test"
    assert shown["patent"]["title"] == corpus.titles[own] != ""
    assert shown["patent"]["codes"]
    assert [r["id"] for r in shown["nearest"]] == index.similar_to(ids[own], 5)["id"].tolist()
    new = shown["new"]
    assert asked[0] == corpus.texts[other] == (new["title"], new["text"])
    assert [r["id"] for r in new["nearest"]] == index.similar_to(ids[other], 5)["id"].tolist()
    keys = {"symbol", "level", "title", "probability", "sure", "predicted", "true"}
    assert all(set(row) == keys and (row["predicted"] or row["true"]) for row in new["codes"])
    tree, predicted = corpus.tree, model.predict(X[[other]]).toarray()[0]
    truth = {tree.symbols[j] for j in corpus.labels[other].indices}
    assert {r["symbol"] for r in new["codes"] if r["true"]} == truth
    assert {r["symbol"] for r in new["codes"] if r["predicted"]} == {
        tree.symbols[j] for j in np.flatnonzero(predicted)
    }
    others = {
        examples(corpus, index, encode, None, ReportSettings(), s)["new"]["id"] for s in range(9)
    }
    assert len(others) > 1


def test_an_example_of_one_s_own(
    loaded: Loaded, vectors: dict[str, np.ndarray], classifiers: dict[str, PatentClassifier]
) -> None:
    corpus, X = loaded.corpus, vectors["tuned"]
    index = PatentIndex.build(X, corpus.ids, "flat", corpus.frame())
    settings = ReportSettings(example="A mower")
    new = examples(corpus, index, lambda t: X[: len(t)], classifiers["tuned"], settings)["new"]
    assert new["text"] == "A mower" and "id" not in new
    assert len(new["nearest"]) == 5
    assert new["nearest"][0]["id"] == corpus.ids[0]  # the vector that stood for the text
    bare = PatentIndex.build(X, corpus.ids, "flat", corpus.frame().assign(title=""))
    near = examples(corpus, bare, lambda t: X[: len(t)], None, settings)["new"]["nearest"][0]
    assert near["title"] == f"[{one_line(corpus.texts[0][1], 60)}]" != "[]"
    assert {"symbol", "level", "title", "probability", "sure"} == set(new["codes"][0])
    assert "codes" not in examples(corpus, index, lambda t: X[:1], None, settings)["new"]


def test_the_page_marks_true_and_missed_codes() -> None:
    row = {"level": "section", "title": "", "probability": 0.5}
    new = {
        "id": "9",
        "title": "Saw",
        "text": "A saw with teeth. " * 60,
        "nearest": [],
        "codes": [
            {**row, "symbol": "A", "sure": True, "predicted": True, "true": True},
            {**row, "symbol": "B", "sure": False, "predicted": True, "true": False},
            {**row, "symbol": "C", "sure": False, "predicted": False, "true": True},
        ],
    }
    lines = reporting._example_lines(new)
    assert lines[1] == "A held-out patent, classified: 9  Saw" and "  ..." in lines
    marks = [line.partition("0.50")[2].strip() for line in lines if "0.50" in line]
    assert marks == ["(true)", "(unsure, not true)", "(missed)"]


# ---- judging folders ------------------------------------------------------------------------


@pytest.fixture(scope="module")
def run_folder(
    loaded: Loaded, vectors: dict[str, np.ndarray], tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """A run's folder: corpus, an encoder with its vectors, a classifier and an index on others."""
    root = tmp_path_factory.mktemp("run")
    with artifacts.writing_files(root, {"stage": "load"}) as place:
        for name in ("corpus.parquet", "cpc.parquet", "splits.parquet"):
            (place / name).write_bytes((loaded.folder / name).read_bytes())
    corpus = folders.open_corpus(root)
    write_vectors(root / "vectors", corpus, vectors["tuned"], "first")
    write_vectors(root / "others", corpus, vectors["untuned"], "second")
    vectors_of = {"corpus": root, "vectors": root / "vectors"}
    make(FIT, root / "classifier", *(f"fit.{k}={v}" for k, v in QUICK.items()), **vectors_of)
    make(INDEX, root / "index", "index.spec=flat", **vectors_of)
    return root


def write_vectors(folder: Path, corpus: Corpus, X: np.ndarray, encoder: str) -> None:
    with artifacts.writing(folder, {"stage": "embed", "encoder": encoder}) as place:
        np.save(place / "vectors.npy", X)
        pq.write_table(
            pa.table({"patent_id": pa.array(corpus.ids, pa.string())}), place / "ids.parquet"
        )


def test_judging_a_classifier(
    run_folder: Path, loaded: Loaded, vectors: dict[str, np.ndarray]
) -> None:
    title, result = evaluate_folder(run_folder / "classifier", run_folder)
    assert title == "classifier"
    assert list(result["codes"]) == ["classifier", "chance"]
    model = PatentClassifier.load(run_folder / "classifier")
    by_hand = evaluate_classifiers(
        loaded.corpus, {"classifier": (model, vectors["tuned"])}, ReportSettings()
    )
    assert result["codes"] == {k: m.as_dict() for k, m in by_hand.items()}
    _, dev = evaluate_folder(
        run_folder / "classifier", run_folder, split="dev", metrics=["f1:micro"]
    )
    assert list(dev["codes"]["classifier"]) == ["f1:micro"]


def test_judging_an_index_gives_what_its_vectors_give(
    run_folder: Path, loaded: Loaded, vectors: dict[str, np.ndarray], tmp_path: Path
) -> None:
    beir, names = tmp_path / "beir", ["ndcg@10", "recall@100"]
    title, result = evaluate_folder(run_folder / "index", run_folder, metrics=names, export=beir)
    assert title == "index"
    for asked in retrieval_tasks(loaded.corpus):
        exact = evaluate_retrieval(
            asked, {"x": dense_run(vectors["tuned"], asked.queries)}, ["ndcg@10", "recall@100"]
        )["x"]
        for name, value in exact.items():
            assert result[asked.name]["dense"][name]["value"] == pytest.approx(value, abs=1e-6)
        texts = [" ".join(pair) for pair in loaded.corpus.texts]
        words = evaluate_retrieval(asked, {"x": bm25_run(texts, asked.queries)}, names)["x"]
        for name, value in words.items():
            assert result[asked.name]["bm25"][name]["value"] == pytest.approx(value, abs=1e-6)
        less = ["hybrid less dense", "hybrid less bm25"]
        assert list(result[asked.name]) == ["dense", "bm25", "hybrid", "chance", *less]
        by = result[asked.name]
        gap = by["hybrid"]["ndcg@10"]["value"] - by["bm25"]["ndcg@10"]["value"]
        found = by["hybrid less bm25"]["ndcg@10"]
        assert found["value"] == pytest.approx(gap) and found["low"] <= gap <= found["high"]
    kinds = ["citations", "citations in the same class", "citations in other classes"]
    assert set(result) - {"same group"} <= set(kinds)
    corpus = [json.loads(line) for line in (beir / "corpus.jsonl").read_text().splitlines()]
    assert [row["_id"] for row in corpus] == loaded.corpus.ids.tolist()
    queries = [json.loads(line) for line in (beir / "queries.jsonl").read_text().splitlines()]
    head, *pairs = (beir / "qrels" / "test.tsv").read_text().splitlines()
    [task] = [t for t in retrieval_tasks(loaded.corpus) if t.name == "citations"]
    assert head == "query-id\tcorpus-id\tscore" and len(pairs) == task.relevant.nnz
    assert {row["_id"] for row in queries} == {pair.split("\t")[0] for pair in pairs}


def test_pairs_by_their_classes() -> None:
    codes = [["A01B1/00"], ["A01B3/00"], ["H01M2/00"], ["A01C1/00", "H01M2/00"]]
    corpus = Corpus.from_records(
        [{"patent_id": f"P{i}", "title": "x", "codes": c} for i, c in enumerate(codes)]
    )
    relevant = sparse.csr_matrix(np.array([[0, 1, 1, 0], [0, 0, 1, 0]], dtype=bool))
    run = sparse.csr_matrix(np.array([[0, 1.0, 3.0, 2.0], [4.0, 0, 0, 0]]))
    task = RetrievalTask("citations", np.array([0, 1]), relevant)
    whole, same, other = by_domain(task, corpus, {"x": run})
    assert whole[0] is task and same[0].queries.tolist() == [0]
    assert same[0].relevant.toarray().tolist() == [[False, True, False, False]]
    assert same[1]["x"].toarray().tolist() == [[0, 1, 0, 2]]
    assert other[0].queries.tolist() == [0, 1]
    assert other[1]["x"].toarray().tolist() == [[0, 0, 3, 2], [4, 0, 0, 0]]


def test_judging_an_encoder_with_and_without_vectors(run_folder: Path, tmp_path: Path) -> None:
    corpus = folders.open_corpus(run_folder)
    model = write_tiny_encoder(tmp_path / "tiny", [f"{t} {a}" for t, a in corpus.texts])
    place = tmp_path / "vectors"
    about = make(EMBED, place, "encoder.max_length=64", corpus=run_folder, encoder=model)
    encoder = tmp_path / "encoder"
    with artifacts.writing(encoder, {"stage": "train", "encoder": about["encoder"]}) as place:
        folders.encoder_for(tmp_path / "vectors").save(place)
    beside = evaluate_folder(encoder, run_folder, metrics=["mrr"])
    assert beside[0] == "encoder"
    (tmp_path / "vectors").rename(tmp_path / "away")
    encoded = evaluate_folder(encoder, run_folder, metrics=["mrr"])
    for name, systems in beside[1].items():
        assert encoded[1][name]["encoder"]["mrr"]["value"] == pytest.approx(
            systems["encoder"]["mrr"]["value"], abs=0.02
        )  # stored as float16, read longer
    with pytest.raises(DataError, match="the vectors are of another encoder"):
        evaluate_folder(encoder, run_folder, run_folder / "vectors")


def test_encoders_beside_each_other(
    run_folder: Path, loaded: Loaded, vectors: dict[str, np.ndarray], tmp_path: Path
) -> None:
    """Every use by the values that its own functions give, and the paired difference of the two."""
    both, corpus, split = ("tuned", "untuned"), loaded.corpus, "test"
    for name in both:
        write_vectors(tmp_path / name / "vectors", corpus, vectors[name], name)
        with artifacts.writing(tmp_path / name / "encoder", {"stage": "train", "encoder": name}):
            pass
    other = str(tmp_path / "untuned" / "encoder")
    _, result = evaluate_folder(tmp_path / "tuned" / "encoder", run_folder, against=other)
    assert "citations in other classes" in result
    by = {"encoder": vectors["tuned"], other: vectors["untuned"]}
    for task in retrieval_tasks(corpus):
        systems = result[task.name]
        assert list(systems) == ["encoder", other, "chance", f"encoder less {other}"]
        runs = {name: dense_run(X, task.queries) for name, X in by.items()}
        for name, found in evaluate_retrieval(task, runs, ["mrr"]).items():
            assert systems[name]["mrr"]["value"] == found["mrr"]
    votes = result["codes by the vote of the nearest"]
    rows = {s: np.flatnonzero(corpus.split == s) for s in ("train", "dev", split)}
    rows = {s: r[corpus.labels[r].sum(axis=1).A1 > 0] for s, r in rows.items()}
    for name, X in by.items():
        model = PatentClassifier(head="knn", verbose=0)
        parts = [(X[rows[s]].astype(np.float32), corpus.labels[rows[s]]) for s in ("train", "dev")]
        model.fit(*parts[0], corpus.tree, parts[1])
        chosen = model.predict(X[rows[split]].astype(np.float32))
        truth = corpus.labels[rows[split]]
        wanted = f1_score(truth.toarray() > 0, chosen.toarray() > 0, average="micro")
        assert votes[name]["hier_f1:micro"]["value"] == pytest.approx(wanted)
    near = result["neighbours"]
    for systems in (votes, near):
        for metric, row in systems[f"encoder less {other}"].items():
            gap = systems["encoder"][metric]["value"] - systems[other][metric]["value"]
            assert row["value"] == pytest.approx(gap) and row["low"] <= gap <= row["high"]
    purity = [near[name]["neighbour_purity@10"]["value"] for name in by]
    assert purity == pytest.approx([uses_purity(corpus, X) for X in by.values()])
    with pytest.raises(ConfigError, match="an index is not compared with another"):
        evaluate_folder(run_folder / "index", run_folder, against="minilm")


def test_classifiers_beside_each_other(run_folder: Path) -> None:
    own = run_folder / "classifier"
    _, result = evaluate_folder(own, run_folder, metrics=["f1:micro"], against=str(own))
    same = result["codes"][f"classifier less {own}"]["f1:micro"]
    assert same == {"value": 0, "low": 0, "high": 0}


def test_what_cannot_be_judged(run_folder: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"unknown split: got tset. Did you mean test\?"):
        evaluate_folder(run_folder / "index", run_folder, split="tset")
    with pytest.raises(DataError, match=r"nothing to evaluate in the folder .*the stage 'embed'"):
        evaluate_folder(run_folder / "vectors", run_folder)
    with pytest.raises(DataError, match="no classifier, encoder or index there"):
        evaluate_folder(tmp_path / "nowhere", run_folder)
    with pytest.raises(DataError, match="no corpus there"):
        evaluate_folder(run_folder / "classifier", tmp_path / "nowhere")
    with pytest.raises(DataError, match=r"of another encoder .*got second; wanted first"):
        evaluate_folder(run_folder / "classifier", run_folder, run_folder / "others")
    with pytest.raises(ConfigError, match="wanted f1:micro"):
        evaluate_folder(run_folder / "classifier", run_folder, metrics=["f1:mikro"])
    with pytest.raises(ConfigError, match="not a retrieval metric"):
        evaluate_folder(run_folder / "index", run_folder, metrics=["f1:micro"])


def test_a_classifier_away_from_its_vectors(run_folder: Path, tmp_path: Path) -> None:
    with artifacts.writing(tmp_path / "classifier", {"stage": "fit", "encoder": "first"}) as place:
        PatentClassifier.load(run_folder / "classifier").save(place)
    with pytest.raises(DataError, match=r"no vectors of the same encoder beside it .*--vectors"):
        evaluate_folder(tmp_path / "classifier", run_folder)
    _, found = evaluate_folder(tmp_path / "classifier", run_folder, run_folder / "vectors")
    assert found["codes"] == evaluate_folder(run_folder / "classifier", run_folder)[1]["codes"]


def test_splits_with_nothing_to_look_up_or_to_classify(run_folder: Path, tmp_path: Path) -> None:
    folder = tmp_path / "load"
    with artifacts.writing_files(folder, {"stage": "load"}) as place:
        table = pq.read_table(run_folder / "splits.parquet")
        everything = pa.array(["train"] * len(table))
        at = table.schema.get_field_index("split")
        pq.write_table(table.set_column(at, "split", everything), place / "splits.parquet")
        for name in ("corpus.parquet", "cpc.parquet"):
            (place / name).write_bytes((run_folder / name).read_bytes())
    with pytest.raises(DataError, match="no patent of the test split has a code"):
        evaluate_folder(run_folder / "classifier", folder)
    with pytest.raises(DataError, match="nothing can be looked up: no patent of the test split"):
        evaluate_folder(run_folder / "index", folder)


def test_labels_of_the_page_are_those_of_metrics_that_exist() -> None:
    from patentcl.metrics.names import parse_names

    settings = ReportSettings()
    assert parse_names([*settings.metrics, *settings.retrieval])
    assert parse_names(list(reporting.NAMES))
