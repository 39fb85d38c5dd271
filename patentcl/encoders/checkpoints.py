"""Checkpoints of a training: written now and then, and taken up again only by the same training."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from patentcl.core.errors import DataError
from patentcl.core.files import make_folder, write_whole

_ABOUT, _WHOLE = "about.json", "whole"


class Checkpoints:
    """A folder with the checkpoints of one training.

    `about` is plain data that decides its result; `decided` what was found out as it began, such as
    the number of steps, and is read back when it resumes.

    Raises
    ------
    DataError
        If the folder holds a training that was about something else.
    """

    def __init__(self, folder: Path, about: Mapping[str, Any]) -> None:
        self.folder, self.about = folder, json.loads(json.dumps(about))
        self.decided: dict[str, Any] = {}
        file = folder / _ABOUT
        if not file.is_file():
            return
        try:
            kept = json.loads(file.read_text(encoding="utf-8"))
            before, self.decided = kept["about"], kept["decided"]
        except (ValueError, KeyError, TypeError) as error:
            raise DataError(
                "the notes on an unfinished training cannot be read",
                where=file,
                got=error,
                fix="Remove the folder, and training begins anew",
            ) from error
        differing = [
            f"{key} {self.about.get(key)} (was {before.get(key)})"
            for key in sorted({*before, *self.about})
            if before.get(key) != self.about.get(key)
        ]
        if differing:
            raise DataError(
                "an unfinished training was begun in another way",
                where=folder,
                got=", ".join(differing),
                fix="Finish it as it was begun, or remove the folder",
            )

    def begin(self, decided: Mapping[str, Any]) -> None:
        """Note what was decided, before the first step."""
        self.decided = dict(decided)
        make_folder(self.folder)
        text = json.dumps({"about": self.about, "decided": self.decided}, indent=2)
        write_whole(self.folder / _ABOUT, text + "\n")

    @property
    def last(self) -> Path | None:
        """The newest checkpoint that was written to its end."""
        whole = [mark.parent for mark in self.folder.glob(f"checkpoint-*/{_WHOLE}")]
        return max(whole, key=lambda p: int(p.name.rpartition("-")[2]), default=None)

    @staticmethod
    def settle(checkpoint: Path) -> None:
        """Mark a checkpoint as written to its end."""
        write_whole(checkpoint / _WHOLE, "")
