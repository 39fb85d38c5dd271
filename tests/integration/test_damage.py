"""A fixed sample of the damages of ``tests/damage.py``: none is accepted with other results."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

PROGRAM = Path(__file__).resolve().parents[1] / "damage.py"


def test_damaged_files_are_refused(tmp_path: Path) -> None:
    command = [sys.executable, PROGRAM, "30", "--seed", "7", "--built", tmp_path / "built"]
    for more, trials in (([], 30), (["--old"], 20)):
        command[2] = str(trials)
        done = subprocess.run([*command, *more], capture_output=True, text=True, timeout=600)
        assert done.returncode == 0, done.stdout + done.stderr[-2000:]
        assert "refused" in done.stdout, "no damage was noticed at all"


def test_what_is_wrong_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The program itself: it tells other results, unclear errors, crashes and hangs apart."""
    import os
    import signal
    import time

    import damage

    def use(run: Path) -> object:
        text = (run / "x.json").read_text()
        if text == "[]":
            raise KeyError("x")
        if text == "crash":
            os.kill(os.getpid(), signal.SIGKILL)
        if text == "hang":
            time.sleep(30)
        return text

    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "x.json").write_text("{}")
    monkeypatch.setitem(damage.USES, "x", ("x.json", use))
    monkeypatch.setattr(damage, "SECONDS", 1)
    ways = {"keep": "{}", "other": "{1}", "error": "[]", "crash": "crash", "hang": "hang"}
    for name, text in ways.items():
        monkeypatch.setitem(
            damage.ANY, name, lambda path, other, rng, text=text: path.write_text(text)
        )
    found = {
        name: damage.outcome_of(tmp_path, damage.Trial(0, "x", "x.json", name), 0, False)[0]
        for name in ways
    }
    wanted = {
        "keep": "same",
        "other": "other",
        "error": "unclear",
        "crash": "crash",
        "hang": "hang",
    }
    assert found == wanted
