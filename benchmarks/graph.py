"""The embedded graph at PatentsView's size: time and memory of loads and of mining.

    python benchmarks/graph.py --work DIR [--sizes 500000 2000000 8000000] [--run DIR] [--threads 2]

For each size it writes synthetic tables (see scale.py; kept in DIR, 9.3 GB for 8 million patents),
loads them as TSV and mines an eighth as many triplets, with all guards and the default shares of
negatives (a half hard), each in a process of its own whose peak memory is the system's count.
Beside it a loop over csv.reader and dicts does the same on 200,000 patents. With --run, the folder
of a run on real patents (graph.duckdb, splits.parquet, vectors-base), our negatives are compared
with those of the original design, whose query ends in LIMIT 1. Writes graph.md beside this file.
"""

from __future__ import annotations

import argparse
import csv
import json
import random
import resource
import subprocess
import sys
import time
from collections import defaultdict
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from scale import Scale, write_tables

from patentcl import DuckDBGraph, MiningRules, mine_triplets
from patentcl.triplets.audit import cosines, leak_report, read_vectors
from patentcl.triplets.mining import write_triplets

LOOP = 200_000


def measured(work: Path, what: str, size: int, threads: int) -> dict[str, Any]:
    """Load or mine in a process of its own."""
    done = subprocess.run(
        [
            sys.executable,
            __file__,
            "--child",
            what,
            "--work",
            str(work),
            "--sizes",
            str(size),
            "--threads",
            str(threads),
        ],
        check=True,
        stdout=subprocess.PIPE,
        text=True,
    )
    return json.loads(done.stdout.splitlines()[-1])


def child(work: Path, what: str, size: int, threads: int) -> dict[str, Any]:
    folder, file = work / str(size), work / f"{size}.duckdb"
    for path in [file] if what == "mine" else folder.glob("*.tsv"):
        with path.open("rb", buffering=0) as stream:  # from memory then, not from a disk
            while stream.read(2**24):
                pass
    started = time.perf_counter()
    with DuckDBGraph(file, read_only=what == "mine", memory="3GB") as graph:
        graph.execute(f"SET threads = {threads}")
        if what == "load":
            counts = graph.load_tables(folder)
        else:
            rules = MiningRules(triplets=size // 8)
            counts = write_triplets(graph, rules, work / "triplets.parquet")
    seconds = time.perf_counter() - started
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return {"seconds": seconds, "peak": peak, "counts": counts}


# ---- the loop -----------------------------------------------------------------------------------


def rows(path: Path) -> Any:
    with path.open(encoding="utf-8", newline="") as stream:
        yield from csv.DictReader(stream, delimiter="\t")


def loop(folder: Path, triplets: int) -> dict[str, float]:
    """What one would write at first: dicts and sets, a random try after the other."""
    started = time.perf_counter()
    year = {
        r["patent_id"]: int(r["patent_date"][:4])
        for r in rows(folder / "g_patent.tsv")
        if r["withdrawn"] == "0"
    }
    codes, members = defaultdict(set), defaultdict(list)
    for r in rows(folder / "g_cpc_current.tsv"):
        if r["patent_id"] in year:
            codes[r["patent_id"]].add(r["cpc_group"])
    for patent, symbols in codes.items():
        for subclass in {s[:4] for s in symbols}:
            members[subclass].append(patent)
    cites, cited_by = defaultdict(set), defaultdict(set)
    for r in rows(folder / "g_us_patent_citation.tsv"):
        if r["patent_id"] in year and r["citation_patent_id"] in year:
            cites[r["patent_id"]].add(r["citation_patent_id"])
            cited_by[r["citation_patent_id"]].add(r["patent_id"])
    loaded = time.perf_counter()
    dice, found = random.Random(0), 0
    anchors = list(codes)
    dice.shuffle(anchors)
    for anchor in anchors:
        own = {s[:4] for s in codes[anchor]}
        groups = {s.split("/")[0] for s in codes[anchor]}
        positive = next((c for c in cites[anchor] if own & {s[:4] for s in codes.get(c, ())}), None)
        if positive is None:
            continue
        pool = members[dice.choice(sorted(own))]
        for _ in range(100):
            n = dice.choice(pool)
            if (
                n not in (anchor, positive)
                and abs(year[n] - year[anchor]) <= 5
                and n not in cites[anchor]
                and n not in cited_by[anchor]
                and not groups & {s.split("/")[0] for s in codes[n]}
                and len(cites[n] & cites[anchor]) < 2
            ):
                found += 1
                break
        if found == triplets:
            break
    return {"load": loaded - started, "mine": time.perf_counter() - loaded, "triplets": found}


# ---- the original's negative --------------------------------------------------------------------


def limit_one(graph: DuckDBGraph, triplets: pa.Table) -> pa.Table:
    """The same anchors and positives, with the negative that a query with LIMIT 1 gives them.

    The first patent, as the store lists them, with codes and none of the anchor's subclasses.
    """
    codes = defaultdict(set)
    for patent, symbol in graph.execute(
        "SELECT patent_id, symbol FROM classified JOIN patent USING (p) ORDER BY p"
    ).fetchall():
        codes[patent].add(symbol[:4])
    order = list(codes)
    negatives = [
        next(n for n in order if not codes[n] & codes[a]) for a in triplets["anchor_id"].to_pylist()
    ]
    place = triplets.column_names.index("negative_id")
    return triplets.set_column(place, "negative_id", pa.array(negatives, pa.string()))


def real(run: Path, seed: int) -> list[str]:
    splits = pq.read_table(run / "splits.parquet").to_pandas()
    among = splits.loc[splits["split"] == "train", "patent_id"].tolist()
    X, ids = read_vectors(run / "vectors-base")
    lines = [
        "| negatives | triplets | distinct per 10,000 | cosine of negatives | of positives | "
        "positive nearer | leaks by id | by near-copy or family |",
        "|---|---|---|---|---|---|---|---|",
    ]
    with DuckDBGraph(run / "graph.duckdb", read_only=True) as graph:
        ours = {
            "ours, a half hard": MiningRules(),
            "ours, all hard": MiningRules(negatives={"hard": 1.0}),
        }
        tables = {
            name: mine_triplets(graph, rules, seed, among).triplets for name, rules in ours.items()
        }
        first = next(iter(tables.values()))
        for name, table in {"the original's, LIMIT 1": limit_one(graph, first), **tables}.items():
            near, n = cosines(table, X, ids), len(table)
            distinct = len(table["negative_id"].unique()) / n * 10_000
            leaks = leak_report(table, splits)
            by = [
                "not told" if leaks["test"][w] is None else sum(leaks[s][w] or 0 for s in leaks)
                for w in ("by id", "by near-copy or family")
            ]
            lines.append(
                f"| {name} | {n:,} | {distinct:,.0f} | {near['negative']:.3f} | "
                f"{near['positive']:.3f} | {near['nearer']:.1%} | {by[0]} | {by[1]} |"
            )
    pairs = np.random.default_rng(seed).integers(0, len(ids), (20_000, 2))
    some = [np.asarray(X[pairs[:, i]], np.float32) for i in (0, 1)]
    chance = float(
        np.mean(
            np.einsum("ij,ij->i", *some)
            / np.linalg.norm(some[0], axis=1)
            / np.linalg.norm(some[1], axis=1)
        )
    )
    return [*lines, "", f"Two patents at random: cosine {chance:.3f}."]


def scales(work: Path, sizes: list[int], threads: int) -> list[str]:
    lines = [
        "| patents | citations | CPC rows | TSV | load | peak | triplets | mining | peak | "
        "load a million | mining 100,000 |",
        "|" + "---|" * 11,
    ]
    for size in sizes:
        folder = work / str(size)
        if not (folder / "g_us_rel_doc.tsv").is_file():
            write_tables(folder, Scale(size), threads)
        loaded = measured(work, "load", size, threads)
        mined = measured(work, "mine", size, threads)
        count = mined["counts"]["triplets"]
        lines.append(
            f"| {size:,} | {Scale(size).citation_rows:,} | {Scale(size).code_rows:,} "
            f"| {sum(p.stat().st_size for p in folder.glob('*.tsv')) / 1e9:.1f} GB "
            f"| {loaded['seconds']:.1f} s | {loaded['peak'] / 1024:.2f} GB "
            f"| {count:,} | {mined['seconds']:.1f} s | {mined['peak'] / 1024:.2f} GB "
            f"| {loaded['seconds'] / size * 1e6:.1f} s | {mined['seconds'] / count * 1e5:.1f} s |"
        )
        print(lines[-1], file=sys.stderr, flush=True)
    return lines


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--sizes", type=int, nargs="*", default=[500_000, 2_000_000, 8_000_000])
    parser.add_argument("--run", type=Path)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--child", choices=["load", "mine"])
    parser.add_argument("--out", type=Path, default=Path(__file__).with_suffix(".md"))
    options = parser.parse_args()
    options.work.mkdir(parents=True, exist_ok=True)
    if options.child:
        print(json.dumps(child(options.work, options.child, options.sizes[0], options.threads)))
        return
    page = [
        "# The embedded graph at PatentsView's size",
        "",
        f"`python benchmarks/graph.py`, {options.threads} threads, files read once before, "
        "DuckDB's memory setting 3 GB; synthetic tables without texts "
        "(benchmarks/scale.py). Peak is the memory of the whole process.",
        "",
    ]
    if options.sizes:
        page += [*scales(options.work, options.sizes, options.threads), ""]
        small = options.work / str(LOOP)
        if not (small / "g_us_rel_doc.tsv").is_file():
            write_tables(small, Scale(LOOP), options.threads)
        naive = loop(small, LOOP // 8)
        ours = {w: measured(options.work, w, LOOP, 1) for w in ("load", "mine")}
        page += [
            f"Of {LOOP:,} patents, one thread: a loop over csv and dicts loads in "
            f"{naive['load']:.1f} s and mines {naive['triplets']:,} hard triplets in "
            f"{naive['mine']:.1f} s (citations only, negatives not distinct); ours loads in "
            f"{ours['load']['seconds']:.1f} s and mines "
            f"{ours['mine']['counts']['triplets']:,} in {ours['mine']['seconds']:.1f} s.",
            "",
        ]
    if options.run:
        page += [
            "## Against the original's negatives, on real patents",
            "",
            *real(options.run, options.seed),
            "",
        ]
    options.out.write_text("\n".join(page), encoding="utf-8")


if __name__ == "__main__":
    main()
