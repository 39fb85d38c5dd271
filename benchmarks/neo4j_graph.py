"""Loading a real Neo4j in both ways, and mining through it, against DuckDB on the same tables.

    python benchmarks/neo4j_graph.py [--patents 100000 --patents 1000000] [--triplets 100000]
                                     [--online-up-to N] [--work FOLDER] [--out FILE]

Tables are synthetic (benchmarks/scale.py), the server is started here (Java 17 or 21, Maven) and
shares the cores with Python. Triplets from both stores are compared row by row.
"""

from __future__ import annotations

import argparse
import os
import platform
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import neo4j as driver
from scale import Scale, write_tables

from patentcl.graph.duckdb import DuckDBGraph
from patentcl.graph.neo4j.bulk import run_import, write_import
from patentcl.graph.neo4j.server import Neo4jServer, version
from patentcl.graph.neo4j.staging import PARTS
from patentcl.graph.neo4j.store import Neo4jGraph
from patentcl.triplets.mining import mine_triplets
from patentcl.triplets.settings import MiningRules

HEAP, PAGECACHE, BATCH, PASSWORD = "2g", "1g", 50_000, "benchmarks-only"


class Clock:
    """Seconds by name, each name also told as it happens."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}

    @contextmanager
    def __call__(self, name: str) -> Iterator[None]:
        start = time.perf_counter()
        yield
        self.seconds[name] = time.perf_counter() - start
        print(f"  {name}: {self.seconds[name]:.1f} s", flush=True)


class Watched(Neo4jGraph):
    """A store that says how long it waited for the server while mining."""

    clock: Clock
    turn = ""

    def _fetch(self, folder: Path) -> None:
        with self.clock(f"mining{self.turn}: read from the server"):
            super()._fetch(folder)


def server(home: Path) -> Neo4jServer:
    return Neo4jServer(home, password=PASSWORD, heap=HEAP, pagecache=PAGECACHE)


def measure(
    patents: int, triplets: int, work: Path, online_too: bool
) -> tuple[dict[str, int], Clock, bool]:
    """One size: counts, seconds, and whether both stores gave the same triplets."""
    clock = Clock()
    print(f"{patents:,} patents", flush=True)
    with clock("tables written"):
        write_tables(work / "tables", Scale(patents))
    with DuckDBGraph(work / "graph.duckdb") as tables:
        with clock("DuckDB: load"):
            counts = tables.load_tables(work / "tables")
        shutil.rmtree(work / "tables")
        rules = MiningRules(triplets=triplets, per_anchor=2)
        with clock("DuckDB: mine"):
            ours = mine_triplets(tables, rules)
        with clock("import: files written"):
            files = write_import(tables, work / "csv")
        bulk = server(work / "bulk")
        with clock("import: neo4j-admin"):
            run_import(files, bulk.home)
        with clock("import: server started"):
            bulk.start()
        with bulk, Watched(bulk.uri, password=PASSWORD) as graph:
            graph.clock = clock
            with clock("import: constraints and indexes"):
                graph.load_from(tables)
            with clock("mining: all"):
                theirs = mine_triplets(graph, rules)
            graph.turn = " again"  # the server has warmed up
            with clock("mining again: all"):
                mine_triplets(graph, rules)
        shutil.rmtree(bulk.home)
        if not online_too:
            return counts, clock, ours.triplets.equals(theirs.triplets)
        online = server(work / "online")
        with online.start(), Neo4jGraph(online.uri, password=PASSWORD, batch=BATCH) as graph:
            _load_online(graph, tables, clock)
        shutil.rmtree(online.home)
    return counts, clock, ours.triplets.equals(theirs.triplets)


def _load_online(graph: Neo4jGraph, tables: DuckDBGraph, clock: Clock) -> None:
    starts: dict[str, float] = {}
    begin = last = time.perf_counter()

    def progress(part: str, done: int, total: int) -> None:
        nonlocal last
        starts.setdefault(part, last)
        last = time.perf_counter()
        clock.seconds[f"online: {part.removeprefix('load ')}"] = last - starts[part]

    with clock("online: all"):
        graph.load_from(tables, progress)
    clock.seconds["online: staged"] = min(starts.values()) - begin


def page(results: list[tuple[dict[str, int], Clock, bool]], triplets: int) -> str:
    """The table as Markdown."""
    cores = len(os.sched_getaffinity(0))
    heads = [f"{counts['patents']:,} patents" for counts, _, _ in results]

    def row(name: str, cells: list[str]) -> str:
        return f"| {name} | {' | '.join(cells)} |"

    def seconds(name: str) -> str:
        return row(
            name, [f"{c.seconds[name]:.1f} s" if name in c.seconds else "" for _, c, _ in results]
        )

    def rate(name: str, total: str, *of: str) -> str:
        return row(
            name,
            [
                f"{sum(n[k] for k in of) / c.seconds[total]:,.0f} /s" if total in c.seconds else ""
                for n, c, _ in results
            ],
        )

    rows = ("patents", "symbols", "classified_as", "cites")
    names = [n for n in results[0][1].seconds if not n.startswith("tables")]
    order = [n for n in names if not n.startswith("online")]
    order += ["online: staged", *(f"online: {part}" for part in PARTS), "online: all"]
    files = ("import: files written", "import: neo4j-admin", "import: constraints and indexes")
    for _, clock, _ in results:
        clock.seconds["import: all but the start"] = sum(clock.seconds[n] for n in files)
    lines = [
        "# Neo4j: loading in both ways, and mining through it",
        "",
        "`python benchmarks/neo4j_graph.py`: synthetic tables of `benchmarks/scale.py`, Neo4j "
        f"{version()} ({HEAP} heap, {PAGECACHE} page cache) and driver {driver.__version__} "
        f"{'with' if _rust() else 'without'} neo4j-rust-ext, on {cores} "
        f"{'core' if cores == 1 else 'cores'} of a {platform.machine()} machine that the server "
        f"shares with Python; batches of {BATCH:,}.",
        "",
        row("", heads),
        row("---", ["---:"] * len(heads)),
        *(
            row(name.replace("_", " "), [f"{counts[name]:,}" for counts, _, _ in results])
            for name in rows
        ),
        *map(seconds, order),
        rate("rate of import (nodes and relations)", "import: all but the start", *rows),
        rate("rate of loading online (nodes and relations)", "online: all", *rows),
        *(
            row(
                f"mining {triplets:,} triplets, Neo4j to DuckDB{when}",
                [f"{c.seconds[name] / c.seconds['DuckDB: mine']:.1f} x" for _, c, _ in results],
            )
            for name, when in (("mining: all", ""), ("mining again: all", ", again"))
        ),
        row("the same triplets, row for row", ["yes" if same else "NO" for _, _, same in results]),
        "",
    ]
    return "\n".join(lines)


def _rust() -> bool:
    from importlib import util

    return util.find_spec("neo4j._rust") is not None


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--patents", type=int, action="append")
    parser.add_argument("--triplets", type=int, default=100_000)
    parser.add_argument("--online-up-to", type=int, help="patents: loading online takes longest")
    parser.add_argument("--work", type=Path)
    parser.add_argument("--out", type=Path, default=Path(__file__).with_name("neo4j.md"))
    given = parser.parse_args()
    results = []
    for patents in given.patents or [100_000, 1_000_000]:
        with tempfile.TemporaryDirectory(dir=given.work) as work:
            online = given.online_up_to is None or patents <= given.online_up_to
            results.append(measure(patents, given.triplets, Path(work), online))
    given.out.write_text(page(results, given.triplets), encoding="utf-8")
    print(given.out.read_text(encoding="utf-8"))
    assert all(same for _, _, same in results)


if __name__ == "__main__":
    main()
