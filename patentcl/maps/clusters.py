"""Groups of points on a map, and names for them.

A group is named by what sets it apart: the classification symbol that is over-represented in it, by
its title, and the terms that its titles use more than the others do. Points between the groups stay
without a name.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from patentcl.core.errors import ConfigError, DataError, did_you_mean
from patentcl.cpc import LEVELS, is_symbol, level_index, parse_symbol

METHODS = ("hdbscan", "kmeans")
UNLABELLED = ""
"""The label of points that belong to no group."""

_FIT_ROWS = 30_000  # HDBSCAN is quadratic: more points than this take the label of their neighbours
_BLOCK = 65_536
_NAMING_SHARE = 0.2  # a code names a group where at least so many of its coded patents have it
_BOILERPLATE = frozenset(
    re.findall(
        r"\w+",
        """
    a an and apparatus apparatuses arrangement assembly based by circuit comprising composition
    compositions configured device devices embodiment first for from having improved improvement in
    including into invention its manufacturing method methods making means new of on or process
    processes producing product products same second system systems technique techniques the their
    thereby therefor therefore therefrom thereof thereto to type unit use using used utilizing
    various via wherein which with within without""",
    )
)
_JOINING = frozenset(
    re.findall(
        r"\S+",
        """
    a an and as at between by e.g for from having i.e in into of on onto or per relating specially
    specifically supplying than the their to using which with within""",
    )
)


@dataclass(frozen=True)
class Clusters:
    """Groups of points and their names.

    Attributes
    ----------
    cluster : ndarray of int32, shape (n,)
        Number of each point's group; -1 for points in none. Group 0 is the largest.
    labels : ndarray of str (object), shape (n,)
        Name of each point's group; `UNLABELLED` for points in none.
    table : DataFrame
        One row for each group: cluster, size, label, code, title, share (of the group's patents
        with codes that have the code), lift (share over the share in the whole) and terms.
    """

    cluster: np.ndarray
    labels: np.ndarray
    table: pd.DataFrame


def cluster(
    points: Any,
    *,
    codes: Sequence[Iterable[str]] | None = None,
    texts: Sequence[str | None] | None = None,
    titles: Mapping[str, str] | None = None,
    method: str = "hdbscan",
    size: int | None = None,
    level: str = "subclass",
    seed: int = 0,
) -> Clusters:
    """Find groups of points and name them.

    Parameters
    ----------
    points : array_like, shape (n, d)
        Coordinates on a map, or vectors.
    codes : sequence of iterables of str, optional
        Classification symbols of each point, none for some.
    texts : sequence of str, optional
        Title of each point, empty for some.
    titles : mapping of str to str, optional
        Titles of symbols of `level`, and of the level below for groups that share a symbol.
    method : {"hdbscan", "kmeans"}
        Dense regions of any shape, with points in none; or as many round groups as fit.
    size : int, optional
        Fewest points of a group (hdbscan) or about how many (kmeans): n / 150, at least 15, by
        default.
    level : str
        Level of the symbols that name groups.
    seed : int
        Of the sample that hdbscan looks at above 30,000 points, and of kmeans.

    Returns
    -------
    Clusters

    Raises
    ------
    DataError
        For nan, wrong shapes, or lists of another length than the points.
    ConfigError
        For an unknown method or level, or a size that does not fit.

    Examples
    --------
    >>> found = cluster([[0, 0], [0, 1], [1, 0], [9, 9], [9, 8], [8, 9]], method="kmeans", size=3,
    ...                 texts=["mower", "mower blade", "mower", "battery", "battery", "cell"])
    >>> sorted(found.table["label"])
    ['Battery, cell', 'Mower, blade']
    """
    array = checked_points(points)
    n = len(array)
    if method not in METHODS:
        raise ConfigError(
            "unknown clustering method", got=method, fix=did_you_mean(method, METHODS)
        )
    level_index(level)
    for name, values in (("codes", codes), ("texts", texts)):
        if values is not None and len(values) != n:
            raise DataError(f"{name} and points differ in number", got=len(values), wanted=n)
    if size is None:
        size = max(15, n // 150)
    if not 2 <= size <= n:
        raise ConfigError("the size of a group does not fit", got=size, wanted=f"2 to {n}")
    found = _hdbscan(array, size, seed) if method == "hdbscan" else _kmeans(array, size, seed)
    number = _by_size(found)
    table = _named(number, codes, texts, titles or {}, level)
    names = np.array([*table["label"], UNLABELLED], dtype=object)
    return Clusters(number, names[number], table)


def checked_points(points: Any, what: str = "points", width: int | None = None) -> np.ndarray:
    """Return points as a float array (n, d) of finite numbers, or raise DataError."""
    array = np.asarray(points)
    shape = "(n, d)" if width is None else f"(n, {width})"
    if array.dtype.kind not in "fiu":
        raise DataError(f"{what} are not numbers", got=f"dtype {array.dtype}", wanted=shape)
    if array.ndim != 2 or array.shape[1] == 0 or (width is not None and array.shape[1] != width):
        raise DataError(f"{what} have the wrong shape", got=array.shape, wanted=shape)
    if len(array) == 0:
        raise DataError(f"there are no {what}")
    if array.dtype.kind != "f" or array.dtype.itemsize < 4:
        array = array.astype(np.float32)
    finite = np.isfinite(array).all(axis=1)
    if not finite.all():
        raise DataError(
            f"{what} hold nan or infinity",
            where=f"row {int(np.argmin(finite))}",
            got=f"{int((~finite).sum())} such rows",
        )
    return array


# ---- finding groups -------------------------------------------------------------------------


def _hdbscan(points: np.ndarray, size: int, seed: int) -> np.ndarray:
    from sklearn.cluster import HDBSCAN
    from sklearn.neighbors import KNeighborsClassifier

    n = len(points)
    sample = np.arange(n)
    if n > _FIT_ROWS:
        sample = np.sort(np.random.default_rng(seed).choice(n, _FIT_ROWS, replace=False))
    least = max(2, round(size * len(sample) / n))

    def fit(most: int | None) -> np.ndarray:
        model = HDBSCAN(
            min_cluster_size=least, min_samples=min(10, least), copy=True, max_cluster_size=most
        )
        return np.asarray(model.fit(points[sample]).labels_)

    found, most = fit(None), len(sample) // 5
    if np.bincount(found + 1)[1:].max(initial=0) > most >= 2 * least:
        found = _divided(points[sample], found, fit(max(2 * least, most // 2)), most)
    if len(sample) == n:
        return found
    near = KNeighborsClassifier(n_neighbors=5).fit(points[sample], found)
    return np.concatenate([near.predict(points[i : i + _BLOCK]) for i in range(0, n, _BLOCK)])


def _divided(points: np.ndarray, found: np.ndarray, parts: np.ndarray, most: int) -> np.ndarray:
    """Divide groups of more than `most` points among the denser parts that they consist of.

    Where dense regions touch, one group can swallow half of the map. A group that is dense all
    through, without parts, stays as it is.
    """
    from sklearn.neighbors import KNeighborsClassifier

    out, fresh = found.copy(), int(found.max(initial=-1)) + 1
    for group in np.flatnonzero(np.bincount(found[found >= 0]) > most):
        inside = np.flatnonzero(found == group)
        core = inside[parts[inside] >= 0]
        if len(np.unique(parts[core])) < 2:
            continue
        near = KNeighborsClassifier(n_neighbors=min(5, len(core))).fit(points[core], parts[core])
        out[inside] = fresh + near.predict(points[inside])
    return np.unique(out, return_inverse=True)[1] - int((out < 0).any())


def _kmeans(points: np.ndarray, size: int, seed: int) -> np.ndarray:
    from sklearn.cluster import KMeans

    count = min(max(1, round(len(points) / size)), len(np.unique(points, axis=0)))
    return KMeans(count, n_init=3, random_state=seed).fit(points).labels_


def _by_size(found: np.ndarray) -> np.ndarray:
    """Number groups from the largest to the smallest; -1 stays."""
    inside = found >= 0
    count = np.bincount(found[inside]) if inside.any() else np.empty(0, dtype=int)
    order = np.argsort(-count, kind="stable")
    rank = np.empty(len(order) + 1, dtype=np.int32)
    rank[order] = np.arange(len(order))
    rank[-1] = -1
    return rank[found]


# ---- naming them ----------------------------------------------------------------------------


def short_title(title: str, width: int = 46) -> str:
    """Shorten the title of a classification symbol to its first idea.

    Examples
    --------
    >>> short_title("SOIL WORKING IN AGRICULTURE OR FORESTRY; PARTS (making furrows A01C5/00)")
    'Soil working in agriculture or forestry'
    >>> short_title("PICTORIAL COMMUNICATION, e.g. TELEVISION")
    'Pictorial communication, e.g. television'
    """
    text = title
    while (bare := re.sub(r"\{[^{}]*\}|\([^()]*\)|\[[^][]*\]", " ", text)) != text:
        text = bare
    text = re.split(r"[;:]", text.replace("{", " ").replace("}", " "))[0]
    text = re.sub(
        r"\bin general\b|,?\s*\bnot\b[^,]*\b(provided|covered)\b[^,]*",
        "",
        text,
        flags=re.IGNORECASE,
    )
    text = re.sub(r"\s+([,.])", r"\1", " ".join(text.split())).strip(" ,.")
    if not text:
        return ""
    if sum(map(str.isupper, text)) > sum(map(str.islower, text)):
        text = text.lower()
    if len(text) > width:
        words = text[: width + 1].split(" ")[:-1] or [text[:width]]
        while len(words) > 1 and words[-1].strip(",.").lower() in _JOINING:
            words.pop()
        text = " ".join(words).rstrip(" ,.")
    return text[0].upper() + text[1:]


def _named(
    number: np.ndarray,
    codes: Sequence[Iterable[str]] | None,
    texts: Sequence[str | None] | None,
    titles: Mapping[str, str],
    level: str,
) -> pd.DataFrame:
    groups = int(number.max(initial=-1)) + 1
    size = np.bincount(number[number >= 0], minlength=groups)
    below = LEVELS[min(level_index(level) + 1, len(LEVELS) - 1)]
    best = _over_represented(number, groups, codes, level)
    finer = _over_represented(number, groups, codes, below)
    terms = _terms(number, groups, texts)
    table = pd.DataFrame({"cluster": np.arange(groups), "size": size})
    table["label"] = _labels(
        [
            short_title(titles.get(code, "")) if share >= _NAMING_SHARE else ""
            for code, share, _ in best
        ],
        [
            short_title(titles.get(code, "")) if share >= _NAMING_SHARE else ""
            for code, share, _ in finer
        ],
        terms,
    )
    table["code"] = [code for code, _, _ in best]
    table["title"] = [titles.get(code, "") for code in table["code"]]
    table["share"] = np.array([share for _, share, _ in best], dtype=np.float64)
    table["lift"] = np.array([lift for _, _, lift in best], dtype=np.float64)
    table["terms"] = [", ".join(words) for words in terms]
    return table


def _over_represented(
    number: np.ndarray, groups: int, codes: Sequence[Iterable[str]] | None, level: str
) -> list[tuple[str, float, float]]:
    """For each group the code that most sets it apart, its share inside, and its lift.

    Codes are ranked by the group's share of the log-likelihood ratio, share * log(lift): high only
    where a code is both common inside and rare outside.
    """
    none = ("", float("nan"), float("nan"))
    if codes is None or groups == 0:
        return [none] * groups
    depth = level_index(level)
    row, symbol = [], []
    known: dict[str, str | None] = {}
    for i, items in enumerate(codes):
        for code in () if items is None or isinstance(items, float) else items:
            if code not in known:
                chain = parse_symbol(code) if is_symbol(code) else ()
                known[code] = chain[depth] if len(chain) > depth else None
            if known[code] is not None:
                row.append(i)
                symbol.append(known[code])
    pairs = pd.DataFrame({"row": row, "code": symbol}).drop_duplicates()
    if pairs.empty:
        return [none] * groups
    pairs["group"] = number[pairs["row"].to_numpy()]
    coded = pairs.drop_duplicates("row")
    total = len(coded)
    overall = pairs["code"].value_counts() / total
    inside = pairs[pairs["group"] >= 0].groupby(["group", "code"]).size()
    size = coded.groupby("group").size()
    out = [none] * groups
    for group, counts in inside.groupby(level="group"):
        count = counts.droplevel("group")
        # Half a patent of doubt keeps a handful of coded patents from naming a large group.
        share = count / (size[group] + 0.5)
        lift = share / overall[count.index]
        gain = share * np.log(lift.clip(lower=1e-9))
        code = min(gain.index, key=lambda c: (-gain[c], c))
        if count[code] >= 3 and lift[code] > 1:
            out[int(group)] = (str(code), float(count[code] / size[group]), float(lift[code]))
    return out


def _terms(
    number: np.ndarray, groups: int, texts: Sequence[str | None] | None, top: int = 3
) -> list[list[str]]:
    """For each group the terms with the highest class-based TF-IDF.

    The weight is tf * log(1 + A / f): the frequency of a term in the group's titles, the mean
    number of terms in a group (A) and the term's frequency over all groups (f).
    """
    if texts is None or groups == 0:
        return [[] for _ in range(groups)]
    from scipy import sparse
    from sklearn.feature_extraction.text import CountVectorizer

    words = [text if isinstance(text, str) else "" for text in texts]
    rows = np.flatnonzero(number >= 0)
    vectorizer = CountVectorizer(
        token_pattern=r"(?u)\b[^\W\d_]{3,}\b",
        binary=True,
        stop_words=sorted(_BOILERPLATE),
        ngram_range=(1, 2),
    )
    try:
        counts = vectorizer.fit_transform([words[i] for i in rows.tolist()])
    except ValueError:  # no words but stop words
        return [[] for _ in range(groups)]
    ones = np.ones(len(rows), dtype=np.int64)
    member = sparse.csr_matrix(
        (ones, (number[rows], np.arange(len(rows)))), shape=(groups, len(rows))
    )
    frequency = (member @ counts).tocsr()
    total = np.asarray(frequency.sum(axis=0)).ravel()
    mean = frequency.sum() / groups
    names = vectorizer.get_feature_names_out()
    out = []
    for group in range(groups):
        line = frequency[group]
        size = max(1, int(line.sum()))
        weight = line.data / size * np.log1p(mean / total[line.indices])
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
        if len(out) == top:
            break
    return out


def _labels(titles: list[str], finer: list[str], terms: list[list[str]]) -> list[str]:
    """One name for each group: its code's title, or the finer code's where groups share one.

    Groups without a code that stands out, and those that share the finer title too, are named by
    their terms; at last by a number.
    """
    out = [title or _sentence(words) for title, words in zip(titles, terms, strict=True)]
    for choices in (finer, [_sentence(words) for words in terms]):
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


def _sentence(words: list[str]) -> str:
    text = ", ".join(words)
    return text[:1].upper() + text[1:]


def _doubles(names: list[str]) -> set[str]:
    return {name for name in names if names.count(name) > 1}
