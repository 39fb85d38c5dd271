"""Where other libraries keep compiled code, fonts and models when there is no home to write in."""

from __future__ import annotations

import os
import stat
import tempfile
from pathlib import Path

_FOLDERS = {"NUMBA_CACHE_DIR": "numba", "MPLCONFIGDIR": "matplotlib", "HF_HOME": "huggingface"}


def provide_caches() -> None:
    """Name temporary folders for the libraries' caches where the user's own cannot be written.

    Must come before those libraries are imported. Variables that are set stay as they are, and so
    does a folder of models that can only be read.
    """
    home = Path(os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache"))
    if _writable(home):
        return
    for variable, name in _FOLDERS.items():
        if variable not in os.environ and not (name == "huggingface" and (home / name).is_dir()):
            os.environ.setdefault(variable, str(_own_folder() / name))


def _writable(folder: Path) -> bool:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError:
        return False
    return os.access(folder, os.W_OK | os.X_OK)


def _own_folder() -> Path:
    """A folder that nobody else can write: what lies there is run as code.

    The same one next time, so that nothing is compiled twice.
    """
    user = os.getuid() if hasattr(os, "getuid") else os.getpid()
    folder = Path(tempfile.gettempdir()) / f"cache-of-patentcl-{user}"
    try:
        folder.mkdir(mode=0o700, exist_ok=True)
        found = folder.lstat()
    except OSError:
        return Path(tempfile.mkdtemp(prefix="cache-of-patentcl-"))
    private = stat.S_ISDIR(found.st_mode) and not found.st_mode & 0o077
    if private and found.st_uid == getattr(os, "getuid", lambda: 0)():
        return folder
    return Path(tempfile.mkdtemp(prefix="cache-of-patentcl-"))
