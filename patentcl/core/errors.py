"""The exceptions that patentcl raises on purpose, and the one form their messages take.

Every message answers the same five questions in one line: what went wrong, where, what was found,
what was wanted, and how to put it right. Parts that add nothing are left out.
"""

from __future__ import annotations

import difflib
import functools
import re
from collections.abc import Iterable
from typing import Any, TypeVar

T = TypeVar("T")


class PatentclError(Exception):
    """Base of all errors that a user can act on; the command line prints it without a traceback.

    Parameters
    ----------
    what : str
        The problem in one clause, without a full stop.
    where : object, optional
        File, line, setting or argument that it concerns.
    got, wanted : object, optional
        What was found, and what would have been accepted.
    fix : str, optional
        What to do about it, in the imperative.

    Examples
    --------
    >>> print(DataError("column missing", where="g_patent.tsv", got="id", wanted="patent_id"))
    column missing (in g_patent.tsv): got id; wanted patent_id.
    """

    def __init__(
        self,
        what: str,
        *,
        where: object = None,
        got: object = None,
        wanted: object = None,
        fix: str | None = None,
    ) -> None:
        self.what, self.where, self.got, self.wanted, self.fix = what, where, got, wanted, fix
        text = what if where is None else f"{what} (in {where})"
        facts = [
            f"{name} {value}"
            for name, value in (("got", got), ("wanted", wanted))
            if value is not None
        ]
        if facts:
            text += ": " + "; ".join(facts)
        text += "."
        if fix:
            text += f" {fix}" if fix.endswith("?") else f" {fix.rstrip('.')}."
        super().__init__(re.sub(r"\s*[\r\n]+\s*", " ", text).strip())

    def __reduce__(self) -> tuple[Any, tuple[()]]:
        # For errors in worker processes: the inherited way would pass the whole text as `what`.
        return functools.partial(
            type(self), self.what, where=self.where, got=self.got, wanted=self.wanted, fix=self.fix
        ), ()


class ConfigError(PatentclError):
    """A setting, option or name that patentcl does not know or cannot accept."""


class DataError(PatentclError):
    """Input data, or a folder written by an earlier stage, that cannot be used as it is."""


class TooFew(DataError):
    """Too few patents for a stage; a run leaves the stage out and says why."""


class GraphError(PatentclError):
    """A graph store that cannot be reached, opened, loaded or queried."""


class MissingExtra(PatentclError):
    """A package that only some uses need is not installed."""


class DataWarning(UserWarning):
    """Something of the input data was left out; the command line shows it as a note."""


def did_you_mean(name: str, known: Iterable[str], n: int = 3) -> str:
    """Return ``"Did you mean a, b?"`` for the nearest known names, or a list of all of them.

    Upper and lower case do not count; where nothing is known, the answer is empty.

    Examples
    --------
    >>> did_you_mean("epoch", ["epochs", "batch_size"])
    'Did you mean epochs?'
    """
    names = sorted(map(str, known))
    folded: dict[str, list[str]] = {}
    for each in names:
        folded.setdefault(each.casefold(), []).append(each)
    near = [
        each
        for match in difflib.get_close_matches(str(name).casefold(), folded, n, cutoff=0.5)
        for each in folded[match]
    ][:n]
    if near:
        return f"Did you mean {', '.join(near)}?"
    return f"Known: {', '.join(names)}" if names else ""


def choose(value: T, known: Iterable[T], what: str, where: object = None) -> T:
    """Return a value that is one of the known ones.

    Raises
    ------
    ConfigError
        ``unknown WHAT: got VALUE. Did you mean ...?``, or a list of all known ones.

    Examples
    --------
    >>> choose("pca", ("umap", "pca"), "projection method")
    'pca'
    """
    names = list(known)
    if value not in names:
        raise ConfigError(
            f"unknown {what}",
            where=where,
            got=str(value),
            fix=did_you_mean(str(value), map(str, names)),
        )
    return value
