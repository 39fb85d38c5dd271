"""Processes that write and read one output at the same time, for the tests of locks.

``race_cases.py TARGET hold KIND`` waits in the middle of writing. ``race_cases.py TARGET
(race|two|runs) KIND ROUNDS`` prints what it saw as JSON; with 300 rounds it is a hunt for faults.
"""

from __future__ import annotations

import json
import mmap
import multiprocessing
import os
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

from artifact_cases import NAMES, fill, record, version_of, write, write_beside

from patentcl.core import artifacts, files
from patentcl.core.errors import DataError

WRITERS = {"write": write, "two steps": write, "write_beside": write_beside}
BUSY = "another process is writing there"


def hold(target: Path, kind: str) -> None:
    """Write version 2, slowly; ``fork`` leaves a child behind."""
    of = artifacts.writing_files if kind == "write_beside" else artifacts.writing
    with of(target, record(2)) as place:
        fill(place, 2)
        if kind != "fork":
            print("in it", flush=True)
        elif os.fork() == 0:
            print(f"in it\n{os.getpid()}", flush=True)
            time.sleep(600)
        sys.stdin.read()


def attempt(target: Path, kind: str, version: int, at: float = 0.0) -> str:
    """Write a version at a moment: ``won``, ``busy``, or what went wrong."""
    while time.time() < at:
        pass
    try:
        WRITERS[kind](target, version)
    except DataError as error:
        return "busy" if BUSY in str(error) else repr(error)
    except BaseException as error:
        return repr(error)
    return "won"


def many(target: Path, kind: str, versions: range) -> list[str]:
    """Write one version after the other, each until it is there."""
    found: list[str] = []
    for version in versions:
        while (now := attempt(target, kind, version)) == "busy":
            time.sleep(0.001)
        found.append(now)
    return found


def watch(target: Path, done: Path) -> dict[str, Any]:
    """Read as loaders do until writing is over."""
    reads, wrong = 0, []

    def read() -> tuple[set[str], mmap.mmap]:
        seen = set()
        for name in NAMES:
            with (target / name).open("rb") as stream:
                mapped = mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ)
            seen.add(mapped[:].decode().split()[-1])
        return seen, mapped

    while not done.exists():
        try:
            seen, mapped = artifacts.opened(target, read)
            time.sleep(0.002)  # it stays what it was while others replace it
            seen |= set(mapped[:].decode().split()[1::2])
            reads += 1
            if len(seen) != 1:
                wrong.append(f"mixed: {seen}")
        except BaseException as error:
            wrong.append(repr(error))
    return {"reads": reads, "wrong": wrong}


def race(target: Path, kind: str, rounds: int) -> dict[str, Any]:
    """Two writers and two readers."""
    if kind == "two steps":
        files._exchanged = lambda one, other: False
    done = target.with_name(f"{target.name}.done")
    with pool(4) as workers:
        readers = [workers.submit(watch, target, done) for _ in range(2)]
        writers = [
            workers.submit(many, target, kind, range(first, first + rounds)) for first in (2, 5000)
        ]
        written = [w for future in writers for w in future.result()]
        done.touch()
        seen = [future.result() for future in readers]
    wrong = [w for s in seen for w in s["wrong"]] + [w for w in written if w != "won"]
    return {"reads": sum(s["reads"] for s in seen), "writes": len(written), "wrong": wrong[:5]}


def two(target: Path, kind: str, rounds: int) -> dict[str, Any]:
    """Two writers that begin at the same moment, again and again."""
    wrong, won = [], 0
    with pool(2) as workers:
        for number in range(rounds):
            at, versions = time.time() + 0.005, (2 * number + 1, 2 * number + 2)
            found = list(workers.map(partial(attempt, target, kind, at=at), versions))
            winners = [v for v, f in zip(versions, found, strict=True) if f == "won"]
            won += len(winners)
            wrong += [f for f in found if f not in ("won", "busy")]
            if not winners or version_of(target) not in winners:
                wrong.append(f"{found}: {version_of(target)}")
    return {"won": won, "wrong": wrong[:5]}


def step_once(target: Path, seed: int, at: float) -> str:
    """Execute a stage in a run's folder, as `run` does, and look what is there then."""
    from patentcl.pipeline.recipe import Recipe
    from patentcl.pipeline.runner import execute, locked_run
    from patentcl.pipeline.stages import Stage, Step

    stage = Stage("embed", "vectors", {}, lambda step, place, *_: fill(place, step.recipe.seed))
    step = Step(stage, target / "vectors", Recipe(name="race", seed=seed))
    while time.time() < at:
        pass
    try:
        with locked_run(target):
            status = execute(step)[0].status
            seen = (step.out / NAMES[0]).read_text().split()[1]
    except DataError as error:
        return "busy" if BUSY in str(error) else repr(error)
    except BaseException as error:
        return repr(error)
    return status if seen == str(seed) else f"{status} over the results of {seen}"


def runs(target: Path, _: str, rounds: int) -> dict[str, Any]:
    """Two runs with other settings in one folder."""
    seen: dict[str, int] = {}
    with pool(2) as workers:
        for number in range(rounds):
            at = time.time() + 0.005
            seeds = (number % 3, (number + 1) % 3)
            for found in workers.map(partial(step_once, target, at=at), seeds):
                seen[found] = seen.get(found, 0) + 1
    return {"seen": seen, "wrong": [s for s in seen if s not in ("done", "skipped", "busy")]}


def pool(size: int) -> ProcessPoolExecutor:
    return ProcessPoolExecutor(size, multiprocessing.get_context("fork"))


if __name__ == "__main__":
    place, what, kind, *rounds = sys.argv[1:]
    versions_of_libraries = artifacts.library_versions()
    artifacts.library_versions = lambda: versions_of_libraries
    if what == "hold":
        hold(Path(place), kind)
    else:
        kinds = {"race": race, "two": two, "runs": runs}
        print(json.dumps(kinds[what](Path(place), kind, int(rounds[0]))))
