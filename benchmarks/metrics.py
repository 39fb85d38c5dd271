"""How fast are the metrics, beside scikit-learn and ranx?

Random labels in the shape of a patent data set: 400,000 patents, 650 subclasses with a long tail,
786 nodes, 1.9 subclasses to a patent. One thread for everybody, the contestants take turns, medians
are compared, and values must agree before times are looked at. Peak memory is that of a run of its
own under tracemalloc, which sees what numpy and scipy allocate.

    python benchmarks/metrics.py                    all but "huge"; writes benchmarks/metrics.md
    python benchmarks/metrics.py --parts huge       10,000,000 x 650 scores from a generator
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import resource
import statistics
import time
import tracemalloc
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

for _name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS"):
    os.environ.setdefault(_name, "1")

import numpy as np  # noqa: E402
import sklearn  # noqa: E402
from scipy import sparse  # noqa: E402
from sklearn import metrics as sk  # noqa: E402

from patentcl.cpc import CpcTree  # noqa: E402
from patentcl.metrics import best_threshold, evaluate, evaluate_ranking  # noqa: E402

HERE = Path(__file__).parent
AVERAGES = ("micro", "macro", "weighted", "samples")
SET_NAMES = [f"{m}:{a}" for a in AVERAGES for m in ("precision", "recall", "f1")] + [
    "subset_accuracy",
    "hamming_loss",
]
Call = Callable[[], Any]


def make_tree() -> CpcTree:
    """650 subclasses in 127 classes and nine sections."""
    symbols = [
        f"{a}{b:02d}{c}"
        for a in "ABCDEFGHY"
        for b in range(1, 16)
        for c in ("BCDFGH" if b % 6 == 0 else "BCDFG")
    ]
    return CpcTree.from_symbols(symbols[:650])


def make_labels(
    tree: CpcTree, n: int, seed: int = 0
) -> tuple[sparse.csr_matrix, sparse.csr_matrix]:
    """True and predicted labels, closed; three in five predictions are right."""
    rng = np.random.default_rng(seed)
    leaves = tree.at_level("subclass")
    weight = 1 / np.arange(1, len(leaves) + 1) ** 0.8
    weight = rng.permutation(weight / weight.sum())
    rows = np.repeat(np.arange(n), 1 + rng.poisson(0.9, n))
    true = leaves[rng.choice(len(leaves), len(rows), p=weight)]
    said = np.where(
        rng.random(len(rows)) < 0.6, true, leaves[rng.choice(len(leaves), len(rows), p=weight)]
    )
    return tuple(
        tree.close(
            sparse.csr_matrix((np.ones(len(rows), bool), (rows, cols)), shape=(n, len(tree)))
        )
        for cols in (true, said)
    )


def make_scores(truth: sparse.csr_matrix, seed: int = 0) -> np.ndarray:
    """Dense float32 scores in [0, 1], most of them near 0, higher where a label is true."""
    rng = np.random.default_rng(seed)
    scores = rng.random(truth.shape, dtype=np.float32)
    scores *= scores
    scores *= scores * 0.6
    rows, cols = truth.nonzero()
    scores[rows, cols] += rng.random(len(rows), dtype=np.float32) * np.float32(0.4)
    return scores


def take_turns(calls: dict[str, Call], rounds: int) -> dict[str, float]:
    """Median seconds of each call, interleaved."""
    seconds: dict[str, list[float]] = {name: [] for name in calls}
    for _ in range(rounds):
        for name, call in calls.items():
            start = time.perf_counter()
            call()
            seconds[name].append(time.perf_counter() - start)
    return {name: statistics.median(values) for name, values in seconds.items()}


def peak(call: Call) -> float:
    """Megabytes allocated at most during a call."""
    tracemalloc.start()
    call()
    high = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return high / 1e6


def agree(ours: float, theirs: float, what: str, relative: float = 1e-6) -> None:
    """Stop unless two values agree."""
    if not np.isclose(ours, theirs, rtol=relative):
        raise SystemExit(f"{what}: {ours} is not {theirs}")


def row(
    task: str,
    size: str,
    ours: float,
    theirs: float | None,
    other: str = "scikit-learn",
    memory: str = "",
) -> dict[str, Any]:
    """One line of the table."""
    return {
        "task": task,
        "size": size,
        "ours": ours,
        "theirs": theirs,
        "other": other,
        "memory": memory,
    }


def part_sets(rounds: int) -> list[dict[str, Any]]:
    """Set metrics from sparse matrices."""
    tree = make_tree()
    n = 400_000
    truth, said = make_labels(tree, n)

    def theirs(t: Any, p: Any) -> list[float]:
        # The cheapest way to ask for all of them: one call for each average.
        out = [
            v
            for a in AVERAGES
            for v in sk.precision_recall_fscore_support(t, p, average=a, zero_division=0)[:3]
        ]
        return [*out, sk.accuracy_score(t, p), sk.hamming_loss(t, p)]

    for name, value in zip(SET_NAMES, theirs(truth, said), strict=True):
        agree(evaluate(truth, None, SET_NAMES, predicted=said)[name], value, name)
    light = truth.astype(np.float32), said.astype(np.float32)

    def fresh(pair: Any) -> list[sparse.csr_matrix]:
        # New objects around the same arrays, so that no check is remembered from the last round.
        return [sparse.csr_matrix((m.data, m.indices, m.indptr), shape=m.shape) for m in pair]

    def ours(tree: CpcTree | None = None) -> Any:
        t, p = fresh((truth, said))
        return evaluate(t, None, SET_NAMES, tree, predicted=p)

    found = take_turns(
        {
            "ours": ours,
            "tree": lambda: ours(tree),
            "bool": lambda: theirs(*fresh((truth, said))),
            "float": lambda: theirs(*fresh(light)),
        },
        rounds,
    )
    used = (
        peak(ours),
        peak(lambda: theirs(*fresh((truth, said)))),
        peak(lambda: theirs(*fresh(light))),
    )
    size = f"{n:,} x {len(tree)}"
    hier = ["hier_precision:micro", "hier_f1:micro", "hier_f1:macro", "hier_f1:samples"]
    start = time.perf_counter()
    evaluate(truth, None, hier, tree, predicted=said)
    alone = time.perf_counter() - start
    return [
        row(
            "14 set metrics, the same boolean CSR",
            size,
            found["ours"],
            found["bool"],
            memory=f"{used[0]:.0f} against {used[1]:.0f} MB",
        ),
        row(
            "the same, scikit-learn given float32",
            size,
            found["ours"],
            found["float"],
            memory=f"{used[0]:.0f} against {used[2]:.0f} MB",
        ),
        row("14 set metrics, closure of truth checked too", size, found["tree"], found["bool"]),
        row("hierarchical P and F1, prediction closed first", size, alone, None),
    ]


def part_ranking(rounds: int) -> list[dict[str, Any]]:
    """Metrics of dense scores."""
    tree = make_tree()
    leaves = tree.at_level("subclass")
    n = 40_000
    truth = make_labels(tree, n)[0][:, leaves]
    scores = make_scores(truth)
    dense = truth.toarray().astype(np.int8)
    pairs: list[tuple[str, str, Callable[[], float]]] = [
        (
            "average precision, micro",
            "average_precision:micro",
            lambda: sk.average_precision_score(dense, scores, average="micro"),
        ),
        (
            "average precision, macro",
            "average_precision:macro",
            lambda: sk.average_precision_score(dense, scores, average="macro"),
        ),
        (
            "ROC AUC, micro",
            "roc_auc:micro",
            lambda: sk.roc_auc_score(dense, scores, average="micro"),
        ),
        ("LRAP", "lrap", lambda: sk.label_ranking_average_precision_score(dense, scores)),
        ("coverage error", "coverage_error", lambda: sk.coverage_error(dense, scores)),
        ("ranking loss", "ranking_loss", lambda: sk.label_ranking_loss(dense, scores)),
        ("nDCG@10", "ndcg@10", lambda: sk.ndcg_score(dense, scores, k=10, ignore_ties=True)),
    ]
    out = []
    for task, name, theirs in pairs:
        values: dict[str, float] = {}

        def ours(name: str = name, values: dict[str, float] = values) -> None:
            values["ours"] = evaluate(truth, scores, name)[name]

        def other(theirs: Any = theirs, values: dict[str, float] = values) -> None:
            values["theirs"] = theirs()

        found = take_turns({"ours": ours, "theirs": other}, min(rounds, 3))
        agree(values["ours"], values["theirs"], name, 1e-5)
        out.append(row(task, f"{n:,} x 650", found["ours"], found["theirs"]))
    return out


def part_large() -> list[dict[str, Any]]:
    """On 400,000 patents; scikit-learn once, where it has the same, for it takes minutes."""
    tree = make_tree()
    leaves = tree.at_level("subclass")
    truth = make_labels(tree, 400_000)[0][:, leaves]
    scores = make_scores(truth)
    calls: dict[str, Call] = {
        name: (lambda name=name: evaluate(truth, scores, name))
        for name in ("average_precision:micro", "average_precision:macro", "lrap", "ndcg@10", "ece")
    }
    calls["threshold, best micro F1"] = lambda: best_threshold(truth, scores)
    calls["threshold for each label"] = lambda: best_threshold(truth, scores, per="label")
    dense = truth.toarray().astype(np.int8)
    precision = sk.average_precision_score
    others: dict[str, Callable[[], float]] = {
        "average_precision:micro": lambda: precision(dense, scores, average="micro"),
        "average_precision:macro": lambda: precision(dense, scores, average="macro"),
        "lrap": lambda: sk.label_ranking_average_precision_score(dense, scores),
        "ndcg@10": lambda: sk.ndcg_score(dense, scores, k=10, ignore_ties=True),
    }
    out = []
    for name, call in calls.items():
        found = take_turns({"ours": call}, 1)
        if name in others:
            start = time.perf_counter()
            value = others[name]()
            found["theirs"] = time.perf_counter() - start
            agree(call()[name], value, name, 1e-5)
        out.append(
            row(
                name,
                "400,000 x 650",
                found["ours"],
                found.get("theirs"),
                memory=f"{peak(call):.0f} MB" if name in ("lrap", "ndcg@10") else "",
            )
        )
    return out


def part_retrieval(rounds: int) -> list[dict[str, Any]]:
    """Retrieval metrics beside ranx, whose objects are built before the clock starts."""
    import ranx

    queries, k, items = 100_000, 100, 200_000
    rng = np.random.default_rng(0)
    taken = np.sort(rng.integers(0, items, (queries, k)), axis=1) + np.arange(k)
    items += k
    score = rng.random((queries, k))
    run = sparse.csr_matrix(
        (score.ravel(), taken.ravel().astype(np.int32), np.arange(0, queries * k + 1, k)),
        shape=(queries, items),
    )
    inside = np.take_along_axis(taken, np.argsort(rng.random((queries, k)), axis=1)[:, :3], axis=1)
    good = np.concatenate([inside, rng.integers(0, items, (queries, 2))], axis=1)
    relevant = sparse.csr_matrix(
        (np.ones(good.size), (np.repeat(np.arange(queries), 5), good.ravel())),
        shape=(queries, items),
    )
    relevant.sum_duplicates()
    relevant.data = rng.integers(1, 4, relevant.nnz).astype(float)

    def dicts(matrix: sparse.csr_matrix, kind: type) -> dict[str, dict[str, Any]]:
        return {
            f"q{i}": {
                f"d{j}": kind(v) for j, v in zip(matrix.indices[a:b], matrix.data[a:b], strict=True)
            }
            for i, (a, b) in enumerate(pairwise(matrix.indptr))
        }

    start = time.perf_counter()
    qrels, runs = ranx.Qrels(dicts(relevant, int)), ranx.Run(dicts(run, float))
    built = time.perf_counter() - start
    names = {
        "ndcg@10": "ndcg@10",
        "map@100": "map@100",
        "mrr@10": "mrr@10",
        "recall@100": "recall@100",
        "precision@10": "precision@10",
        "hit@10": "hit_rate@10",
    }
    theirs = ranx.evaluate(qrels, runs, list(names.values()), threads=1)  # compiles, too
    ours = evaluate_ranking(relevant, run, list(names))
    for a, b in names.items():
        agree(ours[a], theirs[b], a)
    found = take_turns(
        {
            "ours": lambda: evaluate_ranking(relevant, run, list(names)),
            "theirs": lambda: ranx.evaluate(qrels, runs, list(names.values()), threads=1),
        },
        rounds,
    )
    return [
        row(
            "6 retrieval metrics",
            f"{queries:,} x {k}",
            found["ours"],
            found["theirs"],
            f"ranx (and {built:.0f} s to build its objects)",
        )
    ]


def part_huge(millions: int) -> list[dict[str, Any]]:
    """Some million patents, scores from a generator."""
    tree = make_tree()
    leaves = tree.at_level("subclass")
    n, step = 1_000_000 * millions, 50_000
    truth = sparse.vstack(
        [make_labels(tree, 1_000_000, seed)[0][:, leaves] for seed in range(millions)], format="csr"
    )

    def blocks() -> Iterator[np.ndarray]:
        base = make_scores(sparse.csr_matrix((step, len(leaves)), dtype=bool))
        rng = np.random.default_rng(1)
        for start in range(0, n, step):
            # Other numbers in every block, at the price of an addition.
            block = np.abs(base - rng.random(dtype=np.float32) * np.float32(0.01))
            part = truth[start : start + step]
            block[part.nonzero()] += rng.random(part.nnz, dtype=np.float32) * np.float32(0.4)
            yield block

    names = ["average_precision:micro", "lrap", "ndcg@10", "precision@1", "hit@3"]
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    start_time = time.perf_counter()
    evaluate(truth, blocks, names)
    seconds = time.perf_counter() - start_time
    high = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return [
        row(
            "micro average precision, LRAP, nDCG@10, P@1, hit@3 from a generator",
            f"{n:,} x 650",
            seconds,
            None,
            memory=f"{high / 1e6:.1f} GB resident at most ({before / 1e6:.1f} before)",
        )
    ]


def render(results: dict[str, list[dict[str, Any]]]) -> str:
    """The page."""
    lines = [
        "# Speed of the metrics",
        "",
        f"{platform.machine()}, Python {platform.python_version()}, numpy {np.__version__}, "
        f"scikit-learn {sklearn.__version__}; one thread, turns taken, medians. Made by "
        "`python benchmarks/metrics.py`; values were compared before times.",
        "",
        "| task | size | patentcl, s | other, s | times faster | other | memory |",
        "| --- | --- | ---: | ---: | ---: | --- | --- |",
    ]
    for part in ("sets", "ranking", "retrieval", "large", "huge"):
        for r in results.get(part, []):
            other = r["theirs"]
            lines.append(
                f"| {r['task']} | {r['size']} | {r['ours']:.3g} | "
                + (f"{other:.3g} | {other / r['ours']:.1f} | {r['other']}" if other else " | | ")
                + f" | {r['memory']} |"
            )
    return "\n".join(lines) + "\n"


def main() -> None:
    """Run the parts asked for and write the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--parts",
        nargs="+",
        default=["sets", "ranking", "retrieval", "large"],
        choices=["sets", "ranking", "retrieval", "large", "huge"],
    )
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--millions", type=int, default=10, help="of patents in the part huge")
    parser.add_argument(
        "--keep",
        type=Path,
        default=HERE.parent / "artifacts" / "metrics-bench.json",
        help="results of earlier parts, so that parts can be run one by one",
    )
    args = parser.parse_args()
    results = json.loads(args.keep.read_text()) if args.keep.exists() else {}
    parts: dict[str, Callable[[], list[dict[str, Any]]]] = {
        "sets": lambda: part_sets(args.rounds),
        "ranking": lambda: part_ranking(args.rounds),
        "retrieval": lambda: part_retrieval(args.rounds),
        "large": part_large,
        "huge": lambda: part_huge(args.millions),
    }
    args.keep.parent.mkdir(parents=True, exist_ok=True)
    for part in args.parts:
        results[part] = parts[part]()
        args.keep.write_text(json.dumps(results, indent=2))
        (HERE / "metrics.md").write_text(render(results))
    print((HERE / "metrics.md").read_text())


if __name__ == "__main__":
    main()
