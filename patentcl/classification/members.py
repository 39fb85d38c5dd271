"""Names of classifiers: the members of an ensemble, joined by ``+``."""

from __future__ import annotations

from typing import NamedTuple

from patentcl.core.errors import ConfigError, did_you_mean

HEAD_NAMES = ("levels", "flat", "tmm", "thmm", "harnn")
LOCAL_SVM = "local-svm"
WANTED = (
    "one or more of " + ", ".join(map(repr, HEAD_NAMES)) + ", 'knn' and 'svm', in this order "
    f"and joined by +; or '{LOCAL_SVM}'"
)


class Members(NamedTuple):
    """Trained heads, and whether neighbours and word SVMs are among the members."""

    heads: tuple[str, ...]
    neighbors: bool
    words: bool


def split_name(name: str) -> Members:
    """The members that the name of a classifier stands for.

    Raises
    ------
    ConfigError
        For a part that is not known, stands twice or in the wrong place.

    Examples
    --------
    >>> split_name("levels+flat+knn")
    Members(heads=('levels', 'flat'), neighbors=True, words=False)
    >>> split_name("local-svm")
    Members(heads=(), neighbors=False, words=True)
    """
    if name == LOCAL_SVM:
        return Members((), False, True)
    parts = str(name).split("+")
    heads = tuple(part for part in parts if part in HEAD_NAMES)
    votes, words = "knn" in parts, "svm" in parts
    known = {*HEAD_NAMES, "knn", "svm", LOCAL_SVM}
    strange = next((part for part in parts if part not in known), None)
    if strange is not None:
        raise ConfigError("unknown head", got=name, wanted=WANTED, fix=did_you_mean(strange, known))
    in_order = parts == [*heads, *["knn"] * votes, *["svm"] * words]
    if not in_order or len(set(heads)) < len(heads) or name == "svm" or "harnn" in heads[1:]:
        raise ConfigError(
            "parts of a head stand twice or in the wrong place",
            got=name,
            wanted=WANTED + ("; 'harnn' first" if "harnn" in heads else ""),
        )
    return Members(heads, votes, words)
