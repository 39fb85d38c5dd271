"""Search against bare FAISS on one thread: overhead, filters, recall and speed at equal recall.

    python -m benchmarks.search --rows 100000 --spec flat hnsw --others --out benchmarks/search.md

Vectors are clustered, or those of a file (--vectors, .npy), and the same for all. Queries a second
are of processor time, the best of several rounds in which the contestants take turns, so that a
busy machine disturbs them alike. hnswlib and usearch (--others) build graphs of as many links, with
as much effort, as our specification hnsw; vicinity answers with hnswlib's graph.
"""

from __future__ import annotations

import argparse
import os
import platform
import resource
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np

from patentcl.core.arrays import nearest, unit_rows
from patentcl.core.tables import markdown_table
from patentcl.search import backend
from patentcl.search.index import PatentIndex
from patentcl.search.specification import IndexSpec

EFFORTS = (16, 32, 64, 128, 256)
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
    rows = []
    for size in dict.fromkeys((len(queries), 100, 1)):
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


def curves(
    index: PatentIndex, vectors: np.ndarray, queries: np.ndarray, k: int, rounds: int, others: bool
) -> list[list]:
    """Recall and queries a second of graphs at several efforts, and seconds that building took."""
    truth, ours = nearest(queries, vectors, k)[0], index.nearest
    chosen, few = ours.effort, queries[:100]
    by = {
        "patentcl": (lambda e: ours.set_effort("efSearch", e), lambda q: ours.search(q, k)[1]),
        "bare FAISS": (lambda e: None, lambda q: ours.index.search(q, k)[1]),
    }
    built = {"patentcl": "", "bare FAISS": ""}
    if others:
        import hnswlib
        from usearch.index import Index
        from vicinity import Vicinity
        from vicinity.backends.hnsw import HNSWArgs, HNSWBackend

        rows, width = vectors.shape
        start = time.process_time()
        other = hnswlib.Index("ip", width)
        other.init_index(rows, M=32, ef_construction=200)
        other.add_items(vectors, num_threads=1)
        built["hnswlib"] = round(time.process_time() - start, 1)
        other.set_num_threads(1)
        by["hnswlib"] = (other.set_ef, lambda q: other.knn_query(q, k)[0].astype(int))
        args = HNSWArgs(dim=width, ef_construction=200, m=32)
        fourth = Vicinity(list(range(rows)), HNSWBackend(other, args))
        by["vicinity"] = (
            other.set_ef,
            lambda q: np.array([[i for i, _ in hits] for hits in fourth.query(q, k)]),
        )
        built["vicinity"] = built["hnswlib"]
        start = time.process_time()
        third = Index(ndim=width, metric="ip", dtype="f32", connectivity=32, expansion_add=200)
        third.add(np.arange(rows), vectors, threads=1)
        built["usearch"] = round(time.process_time() - start, 1)
        by["usearch"] = (
            lambda e: setattr(third, "expansion_search", e),
            lambda q: third.search(q, k, threads=1).keys.astype(int),
        )
    table = []
    for effort in EFFORTS:
        for set_effort, _ in by.values():
            set_effort(effort)
        calls = {n: lambda of=of: of(queries) for n, (_, of) in by.items()}
        singly = {n: lambda of=of: [of(q[None]) for q in few] for n, (_, of) in by.items()}
        many, one = speeds(calls, len(queries), rounds), speeds(singly, len(few), rounds)
        for name, batch, alone in zip(by, many, one, strict=True):
            found = by[name][1](queries).reshape(len(queries), k)
            line = [name, effort, round(recall(found, truth), 4), batch, alone, built[name]]
            table.append(line)
    ours.set_effort("efSearch", chosen)
    return table


def report(args: argparse.Namespace, vectors: np.ndarray, queries: np.ndarray) -> list[str]:
    """Tables of every specification."""
    parts = []
    for name in args.spec:
        start = time.process_time()
        index = PatentIndex.build(vectors, map(str, range(len(vectors))), IndexSpec.read(name))
        seconds = time.process_time() - start
        if args.memory:
            index.save(args.memory / name)
            index = PatentIndex.load(args.memory / name)
        rows, width = vectors.shape
        search = index.measured()
        said = f"chosen: {search['search']}, recall@10 {search['recall@10']}; " if search else ""
        parts.append(f"## {name}, {rows:,} x {width}\n\n{said}built in {seconds:.1f} s")
        head = ["queries/s", "bare FAISS", "arrays", "DataFrame"]
        parts.append(markdown_table(head, overhead(index, queries, args.k, args.rounds)))
        head = ["passing", f"batch {len(queries)}", "batch 1", "recall@10"]
        parts.append(markdown_table(head, filtered(index, queries, args.k, args.rounds)))
        if name == "hnsw":
            head = ["", "efSearch", "recall@10", f"batch {len(queries)}", "batch 1", "built in s"]
            table = curves(index, vectors, queries, args.k, args.rounds, args.others)
            parts.append(markdown_table(head, table))
        print("\n\n".join(parts[-4:]), flush=True)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
    return [*parts, f"Peak of resident memory, with the vectors and all indexes: {peak:.1f} GB."]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--dimension", type=int, default=384)
    parser.add_argument("--vectors", type=Path, help="a .npy file; its last rows are the queries")
    parser.add_argument("--queries", type=int, default=1000)
    parser.add_argument("-k", type=int, default=10)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--spec", nargs="+", default=["flat"])
    parser.add_argument("--others", action="store_true", help="hnswlib, usearch and vicinity, too")
    parser.add_argument("--memory", type=Path, help="save indexes there and search them as loaded")
    parser.add_argument("--out", type=Path, help="a Markdown file to write")
    args = parser.parse_args()
    backend.import_faiss().omp_set_num_threads(1)
    if args.vectors:
        every = unit_rows(np.load(args.vectors, mmap_mode="r"))
        vectors, queries = every[: -args.queries], every[-args.queries :]
    else:
        vectors = clustered(args.rows, args.dimension, 1)
        queries = clustered(args.queries, args.dimension, 2)
    parts = report(args, vectors, queries)
    if args.out:
        faiss = backend.import_faiss().__version__
        about = f"One thread, k = {args.k}, FAISS {faiss}, Python {platform.python_version()}."
        command = f"python -m benchmarks.search {' '.join(sys.argv[1:])}"
        head = f"# Search\n\n{about} Made by:\n\n    {command}"
        args.out.write_text("\n\n".join([head, *parts]) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
