"""Real processes at one output: one of two, one generation, and nothing of the dead."""

from __future__ import annotations

import json
import logging
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
from artifact_cases import fill, record, version_of, write, write_beside

from patentcl.core import files, locks
from patentcl.core.artifacts import writing
from patentcl.core.errors import DataError
from patentcl.core.locks import Scratch, lock_of, locked, owner_of, tidy
from patentcl.core.resumable import ResumableFile

CASES = Path(__file__).parents[1] / "race_cases.py"
OTHERS = ["unshare", "--user", "--map-root-user", "--pid", "--fork", "--kill-child", "--mount-proc"]


@contextmanager
def holder(target: Path, kind: str = "write", before: list[str] | None = None) -> Iterator:
    """Another process in the middle of writing version 2; ends well when its stdin is closed."""
    command = [*(before or []), sys.executable, str(CASES), str(target), "hold", kind]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "in it\n"
        try:
            yield process
        finally:
            process.kill()


def namespaces() -> list[str]:
    """A command that runs another in a PID namespace of its own, where that is allowed."""
    with suppress(FileNotFoundError):
        if not subprocess.run([*OTHERS, "true"], capture_output=True, check=False).returncode:
            return OTHERS
    pytest.skip("no PID namespaces here")


def hidden(folder: Path) -> list[str]:
    return sorted(p.name for p in folder.rglob(".*"))


@pytest.mark.parametrize("apart", [False, True], ids=["same container", "two containers"])
@pytest.mark.parametrize(("kind", "again"), [("write", write), ("write_beside", write_beside)])
def test_the_second_writer_is_refused_at_once_and_the_first_ends_well(
    tmp_path: Path, kind: str, again: object, apart: bool
) -> None:
    with holder(tmp_path / "v", kind, namespaces() if apart else None) as process:
        wanted = r"another process is writing there \(in .*v\): got .*@.*, process \d+ \(race_cases"
        for _ in range(2):
            with pytest.raises(DataError, match=wanted):
                again(tmp_path / "v", 3)  # type: ignore[operator]
        process.communicate("")
        assert process.returncode == 0
    assert version_of(tmp_path / "v") == 2
    assert hidden(tmp_path) == []
    again(tmp_path / "v", 3)  # type: ignore[operator]
    assert version_of(tmp_path / "v") == 3


@pytest.mark.parametrize("apart", [False, True], ids=["same container", "two containers"])
def test_the_lock_of_the_dead_is_taken_over_with_a_word(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, apart: bool
) -> None:
    with holder(tmp_path / "v", "write", namespaces() if apart else None) as process:
        inside = int(json.loads((tmp_path / ".v.lock" / locks.OWNER).read_text())["pid"])
        process.kill()
        process.wait()
        for _ in range(100):  # a namespace dies a little later
            if not owner_of(tmp_path / ".v.lock")["alive"]:  # type: ignore[index]
                break
            time.sleep(0.05)
    with caplog.at_level(logging.WARNING):
        write(tmp_path / "v", 3)
    assert "cleared what is left of" in caplog.text and f"process {inside} " in caplog.text
    assert version_of(tmp_path / "v") == 3
    assert hidden(tmp_path) == []


def test_a_child_that_outlives_its_parent_holds_nothing(tmp_path: Path) -> None:
    """Workers are forked while a result is written; the parent is killed, a worker is not."""
    with holder(tmp_path / "v", "fork") as process:
        assert process.stdout is not None
        child = int(process.stdout.readline())
        process.kill()
        process.wait()
        try:
            write(tmp_path / "v", 3)
        finally:
            os.kill(child, signal.SIGKILL)
    assert version_of(tmp_path / "v") == 3


def foreign(lock: Path, age: float) -> None:
    """The lock of a process on another machine that touched it so many seconds ago."""
    lock.mkdir()
    about = {"token": "0" * 16, "who": "u@far", "pid": 1, "command": "c", "since": "then"}
    (lock / locks.OWNER).write_text(json.dumps({**about, "machine": "another"}))
    os.utime(lock / locks.OWNER, (time.time() - age,) * 2)


def test_an_owner_on_another_machine_lives_as_long_as_it_touches_its_file(tmp_path: Path) -> None:
    foreign(tmp_path / ".v.lock", locks.PATIENCE - 30)
    with pytest.raises(DataError, match=r"got u@far, process 1 \(c\), since then. Wait"):
        write(tmp_path / "v", 1)
    shutil.rmtree(tmp_path / ".v.lock")
    foreign(tmp_path / ".v.lock", locks.PATIENCE + 30)
    write(tmp_path / "v", 1)
    assert version_of(tmp_path / "v") == 1 and hidden(tmp_path) == []


def test_what_is_owned_is_touched(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(locks, "BEAT", 0.05)
    monkeypatch.setattr(locks, "_beating", [])  # a thread of its own, at that pace
    with locked(tmp_path / "v"):
        file = tmp_path / ".v.lock" / locks.OWNER
        os.utime(file, (1, 1))
        for _ in range(100):
            if file.stat().st_mtime > 1:
                break
            time.sleep(0.05)
        assert time.time() - file.stat().st_mtime < 30


def test_who_lost_its_lock_does_not_write(tmp_path: Path) -> None:
    write(tmp_path / "v", 1)
    with pytest.raises(DataError, match="lock was lost"), writing(tmp_path / "v", record(2)) as at:
        fill(at, 2)
        (tmp_path / ".v.lock").rename(tmp_path / "aside")  # as who takes over does
        with ThreadPoolExecutor(1) as pool:
            pool.submit(write, tmp_path / "v", 3).result()
    assert version_of(tmp_path / "v") == 3


def test_a_thread_may_hold_a_lock_twice_and_no_other_thread_may(tmp_path: Path) -> None:
    with locked(tmp_path / "v") as outer:
        with locked(tmp_path / "v") as inner:
            assert inner is outer
        with ThreadPoolExecutor(1) as pool, pytest.raises(DataError, match="another process"):
            pool.submit(write, tmp_path / "v", 1).result()
        assert lock_of(tmp_path / "v").is_dir()
    assert hidden(tmp_path) == []


def test_a_file_where_a_lock_goes(tmp_path: Path) -> None:
    (tmp_path / ".v.lock").write_text("mine")
    with pytest.raises(DataError, match="a file is where a lock goes"):
        write(tmp_path / "v", 1)
    assert hidden(tmp_path) == [".v.lock"]


def test_a_file_that_is_written_in_steps_has_one_writer(tmp_path: Path) -> None:
    about = {"of": "letters"}
    with ResumableFile(tmp_path / "out", about) as file:
        file.add("a\n", 1)
        code = "import sys; from patentcl.core.resumable import *; ResumableFile(sys.argv[1], {})"
        done = subprocess.run(
            [sys.executable, "-c", code, tmp_path / "out"],
            capture_output=True,
            text=True,
            check=False,
        )
        assert "another process is writing there" in done.stderr
        file.add("b\n", 1)
        file.finish()
    assert (tmp_path / "out").read_text() == "a\nb\n"
    assert os.listdir(tmp_path) == ["out"]


def test_what_the_dead_were_writing_anywhere_in_a_run_is_cleared(tmp_path: Path) -> None:
    """Also that of results which the next run does not write, and folders taken away for them."""
    write(tmp_path / "run" / "vectors", 1)
    for lock in ("run/.a.lock", "run/reports/.map.lock", "run/reports/.patentcl-lock"):
        (tmp_path / lock).parent.mkdir(exist_ok=True)
        foreign(tmp_path / lock, 1000)
        (tmp_path / lock / "new-1").mkdir()
    (tmp_path / "run" / "vectors").rename(tmp_path / "run" / ".a.lock" / files.OLD)
    foreign(tmp_path / "run" / ".living.lock", 0)
    tidy(tmp_path / "run")
    assert hidden(tmp_path) == [".living.lock", locks.OWNER]
    assert version_of(tmp_path / "run" / "a") == 1


def test_scratch_folders_of_the_dead_go_and_others_stay(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr("tempfile.tempdir", None)
    code = "import os; from patentcl.core.locks import *; s = Scratch(); os.kill(os.getpid(), 9)"
    subprocess.run([sys.executable, "-c", code], check=False)
    [left] = os.listdir(tmp_path)
    (tmp_path / "patentcl-of-mine").mkdir()
    with Scratch() as mine, Scratch() as other:
        assert left not in os.listdir(tmp_path)
        assert {Path(mine).name, Path(other).name} < set(os.listdir(tmp_path))
    Scratch()  # forgotten: gone with its last reference
    assert os.listdir(tmp_path) == ["patentcl-of-mine"]
    assert not [o for o in locks._owned if o.pid != os.getpid()]


def test_readers_never_see_a_gap_or_a_mixture(tmp_path: Path) -> None:
    """Writers replace a folder, in one step and in two, and files beside others, under readers."""
    for kind in ("write", "write_beside", "two steps"):
        target = tmp_path / kind
        (write_beside if kind == "write_beside" else write)(target, 1)
        done = subprocess.run(
            [sys.executable, str(CASES), str(target), "race", kind, "20"],
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        found = json.loads(done.stdout)
        assert found["wrong"] == [], found
        assert found["reads"] > 10 and found["writes"] > 10, found


def test_two_writers_at_the_same_moment(tmp_path: Path) -> None:
    for kind in ("write", "write_beside"):
        done = subprocess.run(
            [sys.executable, str(CASES), str(tmp_path / kind), "two", kind, "15"],
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        found = json.loads(done.stdout)
        assert found["wrong"] == [] and found["won"] >= 15, found
        assert not [n for n in hidden(tmp_path / kind) if "lock" in n]
