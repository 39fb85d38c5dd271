"""Names of classifiers: whose probabilities are averaged, joined by ``+``.

First the heads, which are trained, then the vote of neighbours, then what words alone say.
"""

from __future__ import annotations

from typing import NamedTuple

from patentcl.core.errors import ConfigError, did_you_mean

HEAD_NAMES = ("levels", "flat", "tmm", "thmm", "harnn")
LOCAL_SVM = "local-svm"
WANTED = (
    "one or more of " + ", ".join(map(repr, HEAD_NAMES)) + ", 'knn' and 'svm', in this order "
    f"and joined by +; or '{LOCAL_SVM}'"
)


class Voices(NamedTuple):
    """Whose probabilities are averaged: trained heads', the neighbours', and those of words."""

    heads: tuple[str, ...]
    neighbors: bool
    words: bool


def split_name(name: str) -> Voices:
    """What the name of a head, or of several and more, stands for.

    Raises
    ------
    ConfigError
        For a part that is not known, stands twice or in the wrong place.

    Examples
    --------
    >>> split_name("levels+flat+knn")
    Voices(heads=('levels', 'flat'), neighbors=True, words=False)
    >>> split_name("local-svm")
    Voices(heads=(), neighbors=False, words=True)
    """
    if name == LOCAL_SVM:
        return Voices((), False, True)
    parts = str(name).split("+")
    heads = tuple(part for part in parts if part in HEAD_NAMES)
    votes, words = "knn" in parts, "svm" in parts
    known = {*HEAD_NAMES, "knn", "svm", LOCAL_SVM}
    strange = next((part for part in parts if part not in known), None)
    if strange is not None:
        raise ConfigError("unknown head", got=name, wanted=WANTED, fix=did_you_mean(strange, known))
    if (
        parts != [*heads, *["knn"] * votes, *["svm"] * words]
        or len(set(heads)) < len(heads)
        or name == "svm"
        or "harnn" in heads[1:]
    ):
        raise ConfigError(
            "parts of a head stand twice or in the wrong place",
            got=name,
            wanted=WANTED + ("; 'harnn' first" if "harnn" in heads else ""),
        )
    return Voices(heads, votes, words)
