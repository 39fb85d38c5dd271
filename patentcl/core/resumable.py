"""A long result file that is written in steps, complete or not there, and resumes after a cut.

Lines are appended to ``FILE.part``; after each step ``FILE.part.json`` says how many bytes and
items are settled, and what they are of. Whatever came after the last settled step is cut off.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from patentcl.core.errors import DataError
from patentcl.core.files import explained, settle
from patentcl.core.locks import locked

_KEPT = "what was settled is kept"


class ResumableFile:
    """Appends steps of text to a file that gets its name when it is complete.

    `path` must not be there yet. `about` is plain data on what is written, such as fingerprints of
    inputs: an unfinished file is resumed only if it was about the same. `items` counts what is
    settled already.

    Raises
    ------
    DataError
        If the file is there, another process is writing it, an unfinished one is about something
        else, or the disk is full.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder) / "out.txt"
    ...     with ResumableFile(path, {"of": "letters"}) as out:
    ...         out.add("a\\n", 1)
    ...     with ResumableFile(path, {"of": "letters"}) as out:
    ...         out.add("b\\n" if out.items == 1 else "?", 1)
    ...         out.finish()
    ...     path.read_text()
    'a\\nb\\n'
    """

    def __init__(self, path: Path, about: Mapping[str, Any]) -> None:
        self.path, self.about = Path(path), json.loads(json.dumps(about))
        self.part = self.path.with_name(f"{self.path.name}.part")
        self.state = self.path.with_name(f"{self.path.name}.part.json")
        self.items, self._bytes = 0, 0
        if not self.path.parent.is_dir():
            raise DataError("no such folder for the file", got=self.path.parent)
        with ExitStack() as stack, explained(self.path, _KEPT):
            self._lock = stack.enter_context(locked(Path(os.path.realpath(path))))
            if self.path.exists():
                raise DataError(
                    "the file is there already", where=self.path, fix="Choose another, or remove it"
                )
            self._find_settled()
            self._stream = stack.enter_context(self.part.open("ab"))
            # Whatever a cut-off step left behind the settled ones is not in the way.
            self._stream.truncate(self._bytes)
            self._open = stack.pop_all()

    def _find_settled(self) -> None:
        if not (self.part.is_file() and self.state.is_file()):
            return
        try:
            state = json.loads(self.state.read_text(encoding="utf-8"))
            about, items, size = state["about"], int(state["items"]), int(state["bytes"])
        except (ValueError, KeyError, TypeError) as error:
            raise DataError(
                "the notes on an unfinished file cannot be read",
                where=self.state,
                got=error,
                fix=f"Remove it and {self.part.name}",
            ) from error
        if about != self.about:
            changed = sorted(k for k in {*about, *self.about} if about.get(k) != self.about.get(k))
            raise DataError(
                "an unfinished file of something else is in the way",
                where=self.part,
                got=f"another {', '.join(changed)}",
                fix="Finish it with what it was begun with, or remove it",
            )
        there = self.part.stat().st_size
        if there < size:
            raise DataError(
                "an unfinished file is shorter than it was",
                where=self.part,
                got=f"{there} bytes",
                wanted=f"at least {size}",
                fix=f"Remove it and {self.state.name}",
            )
        self.items, self._bytes = items, size

    def add(self, text: str, items: int) -> None:
        """Append a step and settle it: it will still be there after a cut."""
        data = text.encode("utf-8")
        with explained(self.path, _KEPT):
            self._stream.write(data)
            self._stream.flush()
            os.fsync(self._stream.fileno())
            self._bytes += len(data)
            self.items += items
            state = {"about": self.about, "items": self.items, "bytes": self._bytes}
            notes = self._lock.folder / self.state.name
            notes.write_text(json.dumps(state) + "\n", encoding="utf-8")
            settle(notes)
            self._lock.check()
            notes.replace(self.state)

    def finish(self, make: Callable[[Path, Path], None] | None = None) -> None:
        """Put the file into its place; `make` turns the text, first path, into the second."""
        self._stream.close()
        with explained(self.path, _KEPT):
            whole = self.part
            if make is not None:
                whole = self._lock.folder / "whole"
                make(self.part, whole)
                settle(whole)
            self._lock.check()
            os.replace(whole, self.path)
            for left in (self.part, self.state):
                left.unlink(missing_ok=True)
        self._open.close()

    def __enter__(self) -> ResumableFile:
        return self

    def __exit__(self, *error: object) -> None:
        self._open.close()
