"""Names for groups of patents, of what sets each apart.

That is the classification symbol that is over-represented in it, by its title, and the terms that
its titles use more than the others do.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from functools import cache

import numpy as np
import pandas as pd
from scipy import sparse

from patentcl.cpc import LEVELS, is_symbol, level_index, truncate_symbol

_NAMING_SHARE = 0.2  # a code names a group where at least this share of its coded patents has it
_BOILERPLATE = """
    a an and apparatus apparatuses arrangement assembly based by circuit comprising composition
    compositions configured device devices embodiment first for from having improved improvement in
    including into invention its manufacturing method methods making means new of on or process
    processes producing product products same second system systems technique techniques the their
    thereby therefor therefore therefrom thereof thereto to type unit use using used utilizing
    various via wherein which with within without""".split()  # noqa: SIM905
# A phrase ends before one of these; commas and "and" may join adjectives.
_PHRASE_END = re.compile(
    r",? (?=(?:as|at|between|by|for|from|having|in|into|of|on|onto|per|relating|specially"
    r"|specifically|using|which|with|within|e\.g|i\.e)\b)",
    re.IGNORECASE,
)


def short_title(title: str, width: int = 46) -> str:
    """Shorten the title of a classification symbol to its first idea.

    A title still longer than `width` characters ends where a phrase does, unless little more than
    `width` holds all of it; where no phrase ends in time, at a word and with an ellipsis.

    >>> short_title("SOIL WORKING IN AGRICULTURE OR FORESTRY; PARTS (making furrows A01C5/00)")
    'Soil working in agriculture or forestry'
    """
    text = title
    while (bare := re.sub(r"\{[^{}]*\}|\([^()]*\)|\[[^][]*\]", " ", text)) != text:
        text = bare
    text = re.split(r"[;:]", text.replace("{", " ").replace("}", " "))[0]
    text = re.sub(r"(?i)\bin general\b|,?\s*\bnot\b[^,]*\b(provided|covered)\b[^,]*", "", text)
    text = re.sub(r"\s+([,.])", r"\1", " ".join(text.split())).strip(" ,.")
    if not text:
        return ""
    if sum(map(str.isupper, text)) > sum(map(str.islower, text)):
        text = text.lower()
    if len(text) > width * 1.25:
        ends = [match.start() for match in _PHRASE_END.finditer(text) if match.start() <= width]
        whole = text[:width].rpartition(" ")[0] or text[: width - 1]
        text = text[: ends[-1]] if ends else whole.rstrip(" ,.") + "…"
        text = re.sub(r"(,? (and|or|the|an?))+$", "", text)
    return text[0].upper() + text[1:]


def name_groups(
    number: np.ndarray,
    codes: Sequence[Iterable[str]] | None,
    texts: Sequence[str | None] | None,
    titles: Mapping[str, str],
    level: str,
) -> pd.DataFrame:
    """The table of `Clusters` for numbered groups, -1 for points in none."""
    groups = int(number.max(initial=-1)) + 1
    below = LEVELS[min(level_index(level) + 1, len(LEVELS) - 1)]
    best = _over_represented(number, groups, codes, level)
    finer = _over_represented(number, groups, codes, below)
    terms = [", ".join(words) for words in _terms(number, groups, texts)]

    def names(table: pd.DataFrame) -> list[str]:
        sure = table["code"].where(table["share"] >= _NAMING_SHARE, "")
        return [short_title(titles.get(code, "")) for code in sure]

    return pd.DataFrame(
        {
            "cluster": np.arange(groups),
            "size": np.bincount(number[number >= 0], minlength=groups),
            "label": _labels(names(best), names(finer), [x[:1].upper() + x[1:] for x in terms]),
            "code": best["code"],
            "title": [titles.get(code, "") for code in best["code"]],
            "share": best["share"],
            "lift": best["lift"],
            "terms": terms,
        }
    )


def _over_represented(
    number: np.ndarray, groups: int, codes: Sequence[Iterable[str]] | None, level: str
) -> pd.DataFrame:
    """For each group the code that most sets it apart, its share inside, and its lift.

    Codes are ranked by the group's share of the log-likelihood ratio, share * log(lift): high only
    where a code is both common inside and rare outside. A group without one has "" and nan.
    """

    @cache
    def at_level(code: str) -> str | None:
        return truncate_symbol(code, level) if is_symbol(code) else None

    pairs = pd.DataFrame(
        [
            (row, symbol)
            for row, items in enumerate(codes if codes is not None else ())
            if items is not None and not isinstance(items, float)
            for symbol in {at_level(code) for code in items}
            if symbol is not None
        ],
        columns=["row", "code"],
    )
    pairs["group"] = number[pairs["row"].to_numpy(dtype=np.int64)]
    coded = pairs.drop_duplicates("row")
    overall = pairs["code"].value_counts() / max(1, len(coded))
    size = coded["group"].value_counts()
    found = pairs[pairs["group"] >= 0].value_counts(["group", "code"]).reset_index(name="count")
    inside = found["group"].map(size)
    # Half a patent of doubt keeps a handful of coded patents from naming a large group.
    doubted = found["count"] / (inside + 0.5)
    found["share"] = found["count"] / inside
    found["lift"] = doubted / found["code"].map(overall)
    found["gain"] = doubted * np.log(found["lift"])
    best = found.sort_values(["gain", "code"], ascending=[False, True]).drop_duplicates("group")
    best = best[(best["count"] >= 3) & (best["lift"] > 1)].set_index("group")
    out = best[["code", "share", "lift"]].reindex(range(groups))
    return out.assign(code=out["code"].fillna("")).astype({"share": float, "lift": float})


def _terms(
    number: np.ndarray, groups: int, texts: Sequence[str | None] | None, top: int = 3
) -> list[list[str]]:
    """For each group the terms with the highest class-based TF-IDF.

    The weight is tf * log(1 + A / f): the frequency of a term in the group's titles, the mean
    number of terms in a group (A) and the term's frequency over all groups (f).
    """
    from sklearn.feature_extraction.text import CountVectorizer

    none: list[list[str]] = [[] for _ in range(groups)]
    if texts is None or groups == 0:
        return none
    rows = np.flatnonzero(number >= 0)
    words, stop = r"(?u)\b[^\W\d_]{3,}\b", _BOILERPLATE
    vectorizer = CountVectorizer(
        token_pattern=words, binary=True, stop_words=stop, ngram_range=(1, 2)
    )
    inside = [texts[i] for i in rows.tolist()]
    try:
        counts = vectorizer.fit_transform([x if isinstance(x, str) else "" for x in inside])
    except ValueError:  # no words but stop words
        return none
    member = sparse.csr_matrix(
        (np.ones(len(rows), dtype=np.int64), (number[rows], np.arange(len(rows)))),
        shape=(groups, len(rows)),
    )
    frequency = sparse.csr_matrix(member @ counts)
    total = np.asarray(frequency.sum(axis=0)).ravel()
    mean = frequency.sum() / groups
    names = vectorizer.get_feature_names_out()
    out = []
    for group in range(groups):
        line = frequency[group]
        weight = line.data / max(1, int(line.sum())) * np.log1p(mean / total[line.indices])
        order = np.lexsort((line.indices, -weight))
        out.append(_distinct([str(names[line.indices[i]]) for i in order[:12]], top))
    return out


def _distinct(words: list[str], top: int) -> list[str]:
    """Drop terms that share a word with a better one (plurals count as the same)."""
    out: list[str] = []
    seen: set[str] = set()
    for word in words:
        stems = {part.rstrip("s") for part in word.split()}
        if not stems & seen:
            out.append(word)
            seen |= stems
    return out[:top]


def _labels(titles: list[str], finer: list[str], terms: list[str]) -> list[str]:
    """One name for each group: its code's title, or the finer code's where groups share one.

    Groups without a code that stands out, and those that share the finer title too, are named by
    their terms; at last by a number.
    """
    out = [title or words for title, words in zip(titles, terms, strict=True)]
    for choices in (finer, terms):
        double = _doubles(out)
        out = [
            new or name if name in double else name for name, new in zip(out, choices, strict=True)
        ]
    double, count = _doubles(out), dict.fromkeys(out, 0)
    for i, name in enumerate(out):
        count[name] += 1
        if not name:
            out[i] = f"Group {i + 1}"
        elif name in double:
            out[i] = f"{name} ({count[name]})"
    return out


def _doubles(names: list[str]) -> set[str]:
    return {name for name in names if names.count(name) > 1}
