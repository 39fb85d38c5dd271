"""Cuts runs off at moments of chance and runs them again: they must end as undisturbed ones do.

``PYTHONPATH=tests python tests/kills.py 40`` kills 40 runs (SIGKILL), ``--how interrupt`` presses
Ctrl-C, and ``--how full`` lets the disk fill up (on a small tmpfs, which takes root). Each must end
as its way says it does, and the run after it must end well, with the same results, and leave no
litter. Prints what was wrong and a table of the stages in which runs were cut off.
"""

from __future__ import annotations

import argparse
import collections
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import damage
from tiny import write_tiny_encoder

from patentcl import Corpus
from patentcl.cli.app import main as patentcl
from patentcl.sample.writer import write_sample

USES = (
    "corpus",
    "graph",
    "triplets",
    "encoder",
    "vectors",
    "classifier",
    "index",
    "map",
    "answers",
)


def started(arguments: list[str], said: Path) -> int:
    """A process that runs the command line on some arguments and writes what it says to a file."""
    said.write_text("")
    child = os.fork()
    if child == 0:
        out = os.open(said, os.O_WRONLY)
        os.dup2(out, 1)
        os.dup2(out, 2)
        signal.signal(signal.SIGINT, signal.default_int_handler)
        sys.argv = ["patentcl", *arguments]
        code = 0
        try:
            patentcl()
        except SystemExit as end:
            code = int(end.code or 0)
        finally:
            os._exit(code)
    return child


def ended(child: int) -> int:
    """Its exit status; below 0 the signal that ended it."""
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def wait_for(stage: str, said: Path) -> None:
    """Return when a stage has begun."""
    while f"{stage}: running" not in said.read_text(errors="replace"):
        time.sleep(0.005)


def litter(place: Path) -> list[str]:
    """Hidden files and temporary folders that are left."""
    names = (p for p in place.rglob("*") if re.match(r"\..|patentcl-", p.name))
    return sorted(str(p.relative_to(place)) for p in names)


@contextmanager
def disk(place: Path, size: int | None) -> Iterator[None]:
    """A file system of so many bytes in a folder, or the folder as it is."""
    if size is not None:
        options = f"size={size}"
        subprocess.run(["mount", "-t", "tmpfs", "-o", options, "tmpfs", place], check=True)
    try:
        yield
    finally:
        if size is not None:
            subprocess.run(["umount", place], check=True)


def trial(how: str, root: Path, place: Path, stages: list, rng: random.Random) -> list:
    """The stage in which a run was cut off, and all that was wrong."""
    wrong, run, said = [], place / "a", root / "said"
    stage, seconds = stages[rng.randrange(len(stages))]
    size = sum(p.stat().st_size for p in (root / "a").rglob("*") if p.is_file())
    os.environ["TMPDIR"] = tempfile.tempdir = str(place / "tmp")
    arguments = command(root, run)
    with disk(place, rng.randrange(size // 50, size) if how == "full" else None):
        (place / "tmp").mkdir()
        child = started(arguments, said)
        if how != "full":
            wait_for(stage, said)
            time.sleep(rng.random() * float(seconds))
            os.kill(child, signal.SIGINT if how == "interrupt" else signal.SIGKILL)
        code, text = ended(child), said.read_text(errors="replace")
        seen = re.findall(r"^(\S+): running", text, re.M)
        last = text.strip().splitlines()[-1:]
        clear = {
            "kill": code in (-signal.SIGKILL, 0),
            "interrupt": code == 0 or (code == 130 and "interrupted" in text),
            "full": code == 0 or (code == 1 and re.search("No space left|disk is full", text)),
        }[how]
        if not clear or "Traceback" in text or "failed on this input" in text:
            wrong.append(f"ended with {code}: {last}")
        if how == "full":
            subprocess.run(["mount", "-o", "remount,size=4g", place], check=True)
        if (code := ended(started(arguments, said))) != 0:
            wrong.append(f"again: {code}: {said.read_text(errors='replace').splitlines()[-1:]}")
        if left := litter(place):
            wrong.append(f"left: {left}")
        for use in USES if not wrong else ():
            wanted, got = (damage._forked(of, None, use, 0, False) for of in (root, place))
            if wanted != got:
                wrong.append(f"{use}: {got[0]}, and not the results of an undisturbed run")
    return [seen[-1] if seen else "before", wrong]


def command(root: Path, run: Path) -> list[str]:
    sets = [*damage._LESS, f"encoder.model={root / 'model'}"]
    given = [part for value in sets for part in ("--set", value)]
    return ["run", "quickstart", "--data", str(root / "tables"), "--out", str(run), *given]


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("trials", type=int, nargs="?", default=40)
    parser.add_argument("--how", choices=("kill", "interrupt", "full"), default="kill")
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    damage.warm()
    found, failed = collections.Counter[str](), 0
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        if (child := os.fork()) == 0:
            write_sample(root / "tables", patents=120, seed=0)
            texts = [f"{t} {a}" for t, a in Corpus.read(root / "tables").texts]
            write_tiny_encoder(root / "model", texts, seed=0)
            os._exit(0)
        ended(child)
        code = ended(started(command(root, root / "a"), root / "said"))
        text = (root / "said").read_text()
        assert code == 0, text
        stages = re.findall(r"^(\S+): done in ([\d.]+) s", text, re.M)
        for number in range(given.trials):
            place = root / f"trial-{number}"
            place.mkdir()
            rng = random.Random(f"{given.seed} {number}")
            stage, wrong = trial(given.how, root, place, stages, rng)
            shutil.rmtree(place)
            found[stage] += 1
            failed += bool(wrong)
            for line in wrong:
                print(number, stage, line, flush=True)
    print("\n".join(f"{stage}  {n}" for stage, n in found.most_common()))
    print(f"{given.trials} runs, {failed} wrong")
    sys.exit(int(failed > 0))


if __name__ == "__main__":
    main()
