"""Search against bare FAISS on one thread: overhead, filters, recall and speed at equal recall.

    python -m benchmarks.search --rows 100000 --dimension 384 [--spec flat hnsw] [--others]

Vectors are clustered, and the same for all. Queries a second are of processor time, the best of
several rounds in which the contestants take turns, so that a busy machine disturbs them alike.
"""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Callable, Mapping

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np

from patentcl.core.arrays import nearest, unit_rows
from patentcl.core.tables import text_table
from patentcl.search import backend
from patentcl.search.index import PatentIndex
from patentcl.search.specification import IndexSpec

SHARES = (0.001, 0.01, 0.1, 0.5, 0.9, 1.0)


def clustered(rows: int, dimension: int, seed: int) -> np.ndarray:
    """Unit vectors (rows, dimension) around a few hundred centres, as embeddings of texts are."""
    rng = np.random.default_rng(0)
    centres = rng.normal(size=(400, dimension)).astype(np.float32)
    rng = np.random.default_rng(seed)
    noise = rng.normal(size=(rows, dimension)).astype(np.float32)
    return unit_rows(centres[rng.integers(0, len(centres), rows)] + noise)


def speeds(contestants: Mapping[str, Callable[[], object]], queries: int, rounds: int) -> list:
    """Queries a second of each contestant: the best of the rounds."""
    best = dict.fromkeys(contestants, np.inf)
    for _ in range(rounds):
        for name, call in contestants.items():
            start = time.process_time()
            call()
            best[name] = min(best[name], time.process_time() - start)
    return [round(queries / seconds, 1) for seconds in best.values()]


def recall(found: np.ndarray, truth: np.ndarray) -> float:
    """Share of the true nearest (m, k) that were found (m, k)."""
    return float(np.mean([np.isin(f, t).mean() for f, t in zip(found, truth, strict=True)]))


def overhead(index: PatentIndex, queries: np.ndarray, k: int, rounds: int) -> list[list]:
    """Ours against the same FAISS index, in a batch and one at a time."""
    bare = index.nearest.index
    effort = index.spec.search.get("efSearch")
    if effort:
        bare.hnsw.efSearch = effort
    rows = []
    for size in (len(queries), 100, 1):
        some = queries[: len(queries) if size > 1 else 20]

        def each(call: Callable[[np.ndarray], object], some=some, size=size) -> None:
            for i in range(0, len(some), size):
                call(some[i : i + size])

        names = {
            "bare FAISS": lambda each=each: each(lambda q: bare.search(q, k)),
            "arrays": lambda each=each: each(lambda q: index.nearest.search(q, k)),
            "DataFrame": lambda each=each: each(lambda q: index.search(q, k)),
        }
        rows.append([f"batch {size}", *speeds(names, len(some), rounds)])
    return rows


def filtered(index: PatentIndex, queries: np.ndarray, k: int, rounds: int) -> list[list]:
    """Queries a second and recall where a share of the rows passes a filter."""
    rng, stored, rows = np.random.default_rng(3), index.nearest.vectors(np.arange(len(index))), []
    for share in SHARES:
        keep = rng.random(len(index)) < share if share < 1 else None
        chosen = np.arange(len(index)) if keep is None else np.flatnonzero(keep)
        some = queries[:200]
        truth = chosen[nearest(some, stored[chosen], k)[0]]
        found = index.nearest.search(some, k, keep)[1].reshape(len(some), -1)
        many = {"": lambda keep=keep: index.nearest.search(queries, k, keep)}
        one = {"": lambda keep=keep: [index.nearest.search(q[None], k, keep) for q in queries[:10]]}
        line = [*speeds(many, len(queries), rounds), *speeds(one, 10, rounds)]
        rows.append([f"{share:.1%}", *line, round(recall(found, truth[:, : found.shape[1]]), 4)])
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--dimension", type=int, default=384)
    parser.add_argument("--queries", type=int, default=1000)
    parser.add_argument("-k", type=int, default=10)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--spec", nargs="+", default=["flat"])
    args = parser.parse_args()
    backend.import_faiss().omp_set_num_threads(1)
    vectors = clustered(args.rows, args.dimension, 1)
    queries = clustered(args.queries, args.dimension, 2)
    for name in args.spec:
        start = time.process_time()
        index = PatentIndex.build(vectors, map(str, range(args.rows)), IndexSpec.read(name))
        print(f"\n{name}: {args.rows:,} x {args.dimension}, {time.process_time() - start:.1f} s")
        print(
            text_table(
                ["queries/s", "bare FAISS", "arrays", "DataFrame"],
                overhead(index, queries, args.k, args.rounds),
            )
        )
        print(
            text_table(
                ["passing", f"batch {args.queries}", "batch 1", "recall"],
                filtered(index, queries, args.k, args.rounds),
            )
        )


if __name__ == "__main__":
    main()
