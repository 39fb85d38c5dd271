"""Two runs with other settings in one folder at the same moment."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path


def test_no_run_skips_over_the_results_of_another(tmp_path: Path) -> None:
    program = Path(__file__).parents[1] / "race_cases.py"
    done = subprocess.run(
        [sys.executable, program, tmp_path / "run", "runs", "-", "20"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found["wrong"] == []

    assert found["seen"]["done"] + found["seen"].get("skipped", 0) >= 20
