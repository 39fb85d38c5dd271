"""The command line, called in this process: importing torch anew for each call takes seconds."""

from __future__ import annotations

import io
import sys
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from typing import NamedTuple

import pytest

from patentcl.cli.app import main


class Done(NamedTuple):
    """What a call left."""

    returncode: int
    stdout: str
    stderr: str


def call(*arguments: object, cwd: Path) -> Done:
    """Run ``patentcl`` with some arguments in a folder."""
    stdout, stderr, status = io.StringIO(), io.StringIO(), 0
    with pytest.MonkeyPatch.context() as patch, redirect_stdout(stdout), redirect_stderr(stderr):
        patch.chdir(cwd)
        patch.setattr(sys, "argv", ["patentcl", *map(str, arguments)])
        patch.setattr("patentcl.cli.app._quiet_libraries", lambda: None)
        try:
            main()
        except SystemExit as end:
            status = int(end.code or 0)
    return Done(status, stdout.getvalue(), stderr.getvalue())
