"""Names for groups of patents, of what sets each apart.

That is the classification symbol that is over-represented in it, by its title, and the terms that
its titles use more than the others do.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from functools import cache, cached_property

import numpy as np
import pandas as pd
from scipy import sparse

from patentcl.cpc import LEVELS, is_symbol, level_index, own_titles, truncate_symbol

_NAMING_SHARE = 0.2  # a code names a group where at least this share of its coded patents has it
_NO_TOPIC = "Y10"  # only says how the patent was classified before
_BOILERPLATE = """
    a an and apparatus apparatuses arrangement assembly based by circuit comprising composition
    compositions configured device devices embodiment first for from having improved improvement in
    including into invention its manufacturing method methods making means new of on or process
    processes producing product products same second system systems technique techniques the their
    thereby therefor therefore therefrom thereof thereto to type unit use using used utilizing
    various via wherein which with within without are is one present plurality includes comprises
    said according least capable that this these those such when while where whereby than then also
    more most each other another both between during along before after has have been being can may
    not only some two three generally""".split()  # noqa: SIM905
# Words that say nothing by themselves: a title of such words alone names no group.
_EMPTY = {
    word.rstrip("s")
    for word in """
    accessories additional any aspect auxiliary circuit component constructional control detail
    element equipment feature function general individual installation kind machine manufacture
    material measure member operation other particular part plant preparation provision purpose
    relating service similar special specially specific structural structure such suitable tool
    treatment
    """.split()  # noqa: SIM905
    + _BOILERPLATE
}
# A phrase ends before one of these, but not before "of", which belongs to what it follows; commas
# and "and" may join adjectives.
_PHRASE_END = re.compile(
    r",? (?=(?:as|at|between|by|for|from|having|in|into|on|onto|(?:and|or) of|per|relating"
    r"|specially|specifically|using|which|with|within|e\.g|i\.e)\b)",
    re.IGNORECASE,
)
_DANGLING = re.compile(
    r"(?:,? (?:and|or|the|an?|to|be|is|are|that|specially|when|where|(?!infrared)\w{3,}ed))+$"
)
_PHRASE = 64  # characters of the longest title that names a group
_STEM = 6  # letters by which words are the same: prosthesis, prostheses


def short_title(title: str, width: int = 46) -> str:
    """Shorten the title of a classification symbol to its first idea.

    A title still longer than `width` characters ends where a phrase does, unless little more than
    `width` holds all of it; where no phrase ends in time, at a word and with an ellipsis.

    >>> short_title("SOIL WORKING IN AGRICULTURE OR FORESTRY; PARTS (making furrows A01C5/00)")
    'Soil working in agriculture or forestry'
    """
    text = next(iter(_ideas(title)), "")
    if len(text) > width * 1.25:
        whole = text[:width].rpartition(" ")[0] or text[: width - 1]
        text = _phrase(text, width) or _DANGLING.sub("", whole.rstrip(" ,.")) + "…"
    return text


def group_title(code: str, titles: Mapping[str, str], words: Counter[str]) -> str:
    """A title that can stand for a group: patentcl's own, or a whole phrase of the symbol's.

    That is the first phrase, unless the group's titles have the `words` of another twice as often.
    Where none says anything by itself, patentcl's own title of the subclass.

    >>> group_title("A61F2/00", {"A61F2/00": "Filters implantable into blood vessels; Prostheses"},
    ...     Counter(prosth=40, vessel=10))
    'Prostheses'
    """
    own = own_titles()
    if code in own:
        return own[code]
    found = [p for idea in _ideas(titles.get(code, "")) if (p := _phrase(idea, _PHRASE))]
    if not found:
        return own.get(code[:4], "")
    heard = [np.mean([words[w[:_STEM]] for w in _words(p) - _EMPTY] or [0]) for p in found]
    return found[heard.index(max(heard)) if max(heard) > 2 * heard[0] else 0]


def _ideas(title: str) -> list[str]:
    """The parts of a title between semicolons, without references, in lower case."""
    text = title
    while (bare := re.sub(r"\{[^{}]*\}|\([^()]*\)|\[[^][]*\]", " ", text)) != text:
        text = bare
    out = []
    for part in re.split(r"[;:]", text.replace("{", " ").replace("}", " ")):
        idea = re.sub(r"(?i)\bin general\b|,?\s*\bnot\b[^,]*\b(provided|covered)\b[^,]*", "", part)
        idea = re.sub(r"(?:\s*([,.]))+", r"\1", " ".join(idea.split())).strip(" ,.")
        if sum(map(str.isupper, idea)) > sum(map(str.islower, idea)):
            idea = idea.lower()
        if idea:
            out.append(idea[0].upper() + idea[1:])
    return out


def _phrase(idea: str, width: int) -> str:
    """The longest whole phrase of at most `width` characters that says something, or nothing."""
    if re.match(r"(?i)(other|subject[- ]matter|indexing schemes?)\b|.*\b(such|there\w+)\b", idea):
        return ""
    if len(idea) <= width and _words(idea) - _EMPTY:
        return idea
    for match in reversed(list(_PHRASE_END.finditer(idea))):
        text = _DANGLING.sub("", idea[: match.start()])
        # "Accessing, allocating" lacks what it is done to.
        said = {word for word in _words(text) if not word.endswith(("ing", "ed"))}
        if len(text) <= width and said - _EMPTY:
            return text
    return ""


def _words(text: str) -> set[str]:
    """Words without the s of a plural."""
    return {word.rstrip("s") for word in re.findall(r"[^\W\d_]{2,}", text.lower())}


class Names:
    """Names groups of patents by their codes and titles; either may be missing.

    Parameters
    ----------
    codes : sequence of iterables of str, optional
        Symbols of each patent, none for some.
    texts : sequence of str, optional
        Title of each patent, empty for some.
    titles : mapping of str to str
        Titles of symbols.
    """

    def __init__(
        self,
        codes: Sequence[Iterable[str]] | None,
        texts: Collection[str | None] | None,
        titles: Mapping[str, str],
    ) -> None:
        self._codes, self._texts, self._titles = codes, () if texts is None else texts, titles
        self._pairs: dict[str, pd.DataFrame] = {}

    def table(self, number: np.ndarray, level: str) -> pd.DataFrame:
        """The table of `Clusters` for numbered groups, -1 for points in none."""
        groups = int(number.max(initial=-1)) + 1
        depth = level_index(level)
        below = LEVELS[min(depth + 1, len(LEVELS) - 1)]
        found = {
            name: self.over_represented(number, name) for name in {*LEVELS[:depth], level, below}
        }
        best = found[level].groupby(level=0).head(1).reindex(range(groups))
        best["code"] = best["code"].fillna("")
        ideas: list[list[str]] = [[] for _ in range(groups)]
        terms, words = self.terms(number), self.words(number)
        # A coarser level names only groups that are too mixed for a finer one.
        for names in ((level, below), *((name,) for name in reversed(LEVELS[:depth]))):
            ranked = pd.concat([found[name] for name in names])
            ranked = ranked.sort_values("gain", ascending=False, kind="stable")
            ranked = ranked[ranked["gain"] >= ranked.groupby(level=0)["gain"].transform("max") / 2]
            ranked = ranked[ranked["share"] >= _NAMING_SHARE]
            ranked = ranked[~ranked["code"].str.startswith(_NO_TOPIC)]
            open_ = [not titles for titles in ideas]
            for group, code in zip(ranked.index, ranked["code"], strict=True):
                title = group_title(code, self._titles, words[group])
                if open_[group] and title and title not in ideas[group]:
                    ideas[group].append(title)
        return pd.DataFrame(
            {
                "cluster": np.arange(groups),
                "size": np.bincount(number[number >= 0], minlength=groups),
                "label": _labels(ideas, terms),
                "code": best["code"],
                "title": [self._titles.get(code, "") for code in best["code"]],
                "share": best["share"],
                "lift": best["lift"],
                "terms": [", ".join(words) for words in terms],
            }
        )

    def _at_level(self, level: str) -> pd.DataFrame:
        """Every pair of a patent's row and a code of one level."""
        if level not in self._pairs:

            @cache
            def at_level(code: str) -> str | None:
                return truncate_symbol(code, level) if is_symbol(code) else None

            self._pairs[level] = pd.DataFrame(
                [
                    (row, symbol)
                    for row, items in enumerate(self._codes if self._codes is not None else ())
                    if items is not None and not isinstance(items, float)
                    for symbol in {at_level(code) for code in items}
                    if symbol is not None
                ],
                columns=["row", "code"],
            )
        return self._pairs[level]

    def over_represented(self, number: np.ndarray, level: str) -> pd.DataFrame:
        """Codes that set groups apart, best first, by group: code, share inside, lift and gain.

        The gain is the group's share of the log-likelihood ratio, share * log(lift): high only
        where a code is both common inside and rare outside.
        """
        pairs = self._at_level(level)
        pairs = pairs.assign(group=number[pairs["row"].to_numpy(dtype=np.int64)])
        coded = pairs.drop_duplicates("row")
        overall = pairs["code"].value_counts() / max(1, len(coded))
        size = coded["group"].value_counts()
        found = pairs[pairs["group"] >= 0].value_counts(["group", "code"]).reset_index(name="count")
        inside = found["group"].map(size)
        # Half a patent of doubt keeps a handful of coded patents from naming a large group.
        doubted = found["count"] / (inside + 0.5)
        found["share"] = found["count"] / inside
        found["lift"] = doubted / overall.reindex(found["code"]).to_numpy()
        found["gain"] = doubted * np.log(found["lift"])
        found = found.sort_values(["gain", "code"], ascending=[False, True])
        found = found[(found["count"] >= 3) & (found["lift"] > 1)].set_index("group")
        return found[["code", "share", "lift", "gain"]]

    @cached_property
    def _counted(self) -> tuple[sparse.csr_matrix, np.ndarray] | None:
        """Terms of each title, and what they are."""
        from sklearn.feature_extraction.text import CountVectorizer

        vectorizer = CountVectorizer(
            token_pattern=r"(?u)\b[^\W\d_]{3,}\b",
            binary=True,
            stop_words=_BOILERPLATE,
            ngram_range=(1, 2),
        )
        texts = [x if isinstance(x, str) else "" for x in self._texts]
        try:
            return vectorizer.fit_transform(texts), vectorizer.get_feature_names_out()
        except ValueError:  # no words but stop words
            return None

    def _frequency(self, number: np.ndarray) -> tuple[sparse.csr_matrix, np.ndarray]:
        """How many titles of each group have each term, and what the terms are."""
        groups = int(number.max(initial=-1)) + 1
        if groups == 0 or self._counted is None:
            return sparse.csr_matrix((groups, 0), dtype=np.int64), np.empty(0, dtype=object)
        counts, names = self._counted
        rows = np.flatnonzero(number >= 0)
        member = sparse.csr_matrix(
            (np.ones(len(rows), dtype=np.int64), (number[rows], rows)), shape=(groups, len(number))
        )
        return sparse.csr_matrix(member @ counts), names

    def words(self, number: np.ndarray) -> list[Counter[str]]:
        """For each group how many of its titles have each word, by its first letters."""
        frequency, names = self._frequency(number)
        out: list[Counter[str]] = [Counter() for _ in range(frequency.shape[0])]
        for group, term, count in zip(*sparse.find(frequency), strict=True):
            out[group][names[term].rstrip("s")[:_STEM]] += count * (" " not in names[term])
        return out

    def terms(self, number: np.ndarray, top: int = 3) -> list[list[str]]:
        """For each group the terms with the highest class-based TF-IDF.

        The weight is tf * log(1 + A / f): the frequency of a term in the group's titles, the mean
        number of terms in a group (A) and the term's frequency over all groups (f).
        """
        frequency, names = self._frequency(number)
        groups = frequency.shape[0]
        total = np.asarray(frequency.sum(axis=0)).ravel()
        mean = frequency.sum() / max(1, groups)
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
        stems = _words(word)
        if not stems & seen:
            out.append(word)
            seen |= stems
    return out[:top]


def _labels(ideas: list[list[str]], terms: list[list[str]]) -> list[str]:
    """One name for each group, the largest first: a title that is not yet taken.

    Where all are, the best one and a term that sets the group apart; without a title, its terms; at
    last a number.
    """
    out: list[str] = []
    taken: set[str] = set()
    for titles, words in zip(ideas, terms, strict=True):
        apart = [
            f"{title}: {word}"
            for title in titles[:1]
            for word in words
            if not _words(title) & _words(word)
        ]
        plain = ", ".join(words)
        choices = [*titles, *apart, plain[:1].upper() + plain[1:], f"Group {len(out) + 1}"]
        name = next(c for c in choices if c and c.lower() not in taken)
        taken.add(name.lower())
        out.append(name)
    return out
