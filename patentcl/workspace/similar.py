"""Similar patents: questions made of texts and patents, and why a patent was found.

`run` is always the `Run` that is asked.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import numpy as np
import pandas as pd

from patentcl.core.arrays import unit_rows
from patentcl.core.errors import ConfigError, DataError, choose
from patentcl.core.tables import counted
from patentcl.cpc import LEVELS
from patentcl.search.ranking import Question
from patentcl.workspace.queries import full_texts

POOLS = ("mean", "best")
UNLIKE = 0.5
"""Weight of what is not wanted against what is (Rocchio, 1971)."""


def questions(
    run: Any,
    queries: Any,
    ids: Any,
    like: Any = None,
    unlike: Any = None,
    pool: str | None = None,
    words: bool = False,
) -> list[Question]:
    """One question for each query or id, or one of all of them where they are pooled.

    `like` is pooled by its mean with the queries, and the mean of `unlike` is taken off it. With
    `words`, patents of the index also give their texts, from the corpus.
    """
    if pool is not None:
        choose(pool, POOLS, "way to pool")
    if queries is None and ids is None and like is None:
        raise ConfigError("similar takes either queries or ids", got="none")
    if queries is not None and ids is not None and pool is None:
        raise ConfigError("similar takes either queries or ids", got="both", fix="Name a pool")
    if unlike is not None and pool == "best":
        raise ConfigError("unlike needs the mean of a pool", got="pool best", wanted="mean")
    asked = _of_texts(run, queries) if queries is not None else []
    for given in (ids, like):
        asked += [] if given is None else _of_patents(run, given, words)
    if not asked or (pool is None and like is None and unlike is None):
        return asked
    vectors = np.concatenate([q.vectors for q in asked])
    texts = [text for q in asked for text in q.texts]
    own = np.concatenate([q.own for q in asked])
    if pool != "best":
        mean = vectors.mean(axis=0)
        if unlike is not None:
            not_wanted = _of_patents(run, unlike, False)
            mean = mean - UNLIKE * np.concatenate([q.vectors for q in not_wanted]).mean(axis=0)
            own = np.concatenate([own, *(q.own for q in not_wanted)])
        vectors, texts = unit_rows(mean[None], "pooled queries"), [" ".join(texts)]
    name = " + ".join(str(q.name) for q in asked[:5]) + (" + ..." if len(asked) > 5 else "")
    return [Question(name, vectors, texts if words else [""] * len(vectors), np.unique(own))]


def _of_texts(run: Any, queries: Any) -> list[Question]:
    """Questions of texts, or of vectors (m, d); a long text is read in windows."""
    if isinstance(queries, np.ndarray) and queries.dtype.kind == "f":
        unit = unit_rows(np.atleast_2d(queries), "queries")
        if unit.shape[1] != run.index.dimension:
            got, wanted = unit.shape[1], run.index.dimension
            raise DataError("the queries' dimension is not the index's", got=got, wanted=wanted)
        return [Question(i, row[None], [""]) for i, row in enumerate(unit)]
    names, texts = full_texts(queries, run.read, 5)
    _ = run.index  # a folder that is not there costs no loading of the encoder
    if not texts:
        return []
    pairs = [("", t) if isinstance(t, str) else t for t in texts]
    limit = run.limit_of("index")
    cut = [_windows(pair, text, limit) for pair, text in zip(pairs, texts, strict=True)]
    long = sum(len(windows) > 1 for windows in cut)
    if long:
        warnings.warn(
            f"{counted(long, 'texts')} longer than the encoder reads ({limit} tokens): read in "
            "windows, and the mean of these is looked for",
            stacklevel=4,
        )
    vectors = unit_rows(run.encode("index", [w for windows in cut for w in windows], run.given))
    ends = np.cumsum([len(windows) for windows in cut])
    return [
        Question(name, p if len(p) == 1 else unit_rows(p.mean(axis=0)[None]), [" ".join(pair)])
        for name, pair, p in zip(names, pairs, np.split(vectors, ends[:-1]), strict=True)
    ]


def _windows(pair: tuple[str, str], text: Any, limit: float) -> list[Any]:
    """A text as it is, or, where it has more words than the encoder reads tokens, parts of it."""
    title, words = pair[0], pair[1].split()
    if len(title.split()) + len(words) <= limit:
        return [text]
    size = max(8, 2 * int(limit) // 3 - len(title.split()))  # three tokens for two words
    return [(title, " ".join(words[i : i + size])) for i in range(0, len(words), size)]


def _of_patents(run: Any, ids: str | int | Iterable[Any], words: bool) -> list[Question]:
    names: list[Any] = [ids] if isinstance(ids, str | int | np.integer) else list(ids)
    rows = run.index.filters.positions(names)
    texts = [""] * len(rows)
    if words:
        pairs = run.corpus.select([str(run.index.ids[row]) for row in rows]).texts
        texts = [" ".join(pair) for pair in pairs]
    vectors = run.index.nearest.vectors(rows)
    return [
        Question(str(name), vectors[i : i + 1], [texts[i]], rows[i : i + 1])
        for i, name in enumerate(names)
    ]


# ---- why ------------------------------------------------------------------------------------


def explained(run: Any, found: pd.DataFrame, asked: Sequence[Question]) -> pd.DataFrame:
    """Add why each patent was found: ``shared_codes``, ``relation``, ``terms`` and ``sentence``.

    `found` has ``query`` (number of the question) and ``position``. Codes and citations are those
    of the patents that ask; terms and the best sentence need the texts of the question, and a
    corpus that still has the patent.
    """
    index = run.index
    codes = index.meta.get("codes")
    texts = texts_of(run, index.ids[found["position"].unique()])
    cited = _cited(run, [*found["position"], *(row for q in asked for row in q.own)])
    titles = _titles(index)
    rows = []
    for question, position in zip(found["query"], found["position"], strict=True):
        q, hit = asked[question], str(index.ids[position])
        shared: list[str] = []
        if codes is not None and len(q.own):
            own = {s for row in q.own for code in codes[row] for s in index.filters.chain(code)}
            shared = _shared(own, codes[position], index.filters.chain, titles)
        asking = " ".join(q.texts)
        terms = index.words.terms(asking, position) if index.words and asking.strip() else []
        relation = _relation([str(index.ids[row]) for row in q.own], hit, cited)
        rows.append((shared, relation, terms))
    out = found.assign(
        **{
            name: pd.Series([row[i] for row in rows], index=found.index, dtype=object)
            for i, name in enumerate(("shared_codes", "relation", "terms"))
        }
    )
    return out.assign(sentence=_sentences(run, found, asked, texts))


def _titles(index: Any) -> dict[str, str]:
    if index.symbols is None or "title" not in index.symbols:
        return {}
    return dict(zip(index.symbols["symbol"], index.symbols["title"], strict=True))


def _shared(own: set[str], codes: Iterable[str], chain: Any, titles: dict[str, str]) -> list[str]:
    """The deepest symbols that two patents share, each with its level and title."""
    chains = [chain(code) for code in codes]
    both = {s for c in chains for s in c} & own
    above = {a for c in chains for i, s in enumerate(c) if s in both for a in c[:i]}
    depth = {s: min(i, len(LEVELS) - 1) for c in chains for i, s in enumerate(c)}
    deepest = sorted(both - above, key=lambda s: (-depth[s], s))
    return [f"{s} ({LEVELS[depth[s]]}) {titles.get(s, '')}".rstrip() for s in deepest]


def _cited(run: Any, rows: Iterable[int]) -> dict[str, set[str]]:
    """What some rows of the index cite, where the run still has its corpus."""
    if not run.has("corpus"):
        return {}
    ids = sorted({str(run.index.ids[row]) for row in rows})
    part = run.corpus.select(ids)
    return {i: set(c) for i, c in zip(ids, part.citations, strict=True)}


def _relation(own: Sequence[str], hit: str, cited: dict[str, set[str]]) -> str:
    """How the patents that ask and a hit cite each other, or how many citations they share."""
    theirs = cited.get(hit, set())
    if any(hit in cited.get(i, ()) for i in own):
        return "cites it"
    if theirs & set(own):
        return "cited by it"
    shared = max((len(cited.get(i, set()) & theirs) for i in own), default=0)
    return f"{counted(shared, 'citations')} in common" if shared else ""


def texts_of(run: Any, ids: Sequence[str]) -> dict[str, tuple[str, str]]:
    """Titles and abstracts of patents of the index, where the run still has its corpus."""
    if not run.has("corpus") or not len(ids):
        return {}
    return dict(zip(ids, run.corpus.select(list(ids)).texts, strict=True))


def _sentences(
    run: Any, found: pd.DataFrame, asked: Sequence[Question], texts: dict[str, tuple[str, str]]
) -> list[str]:
    """The sentence of each hit that is nearest to its question."""
    cut = [list(_split(*texts.get(str(i), ("", "")))) for i in run.index.ids[found["position"]]]
    flat = sorted({s for sentences in cut for s in sentences})
    if not flat:
        return [""] * len(cut)
    place = {s: i for i, s in enumerate(flat)}
    vectors = unit_rows(run.encode("index", flat, run.given))
    out = []
    for question, sentences in zip(found["query"], cut, strict=True):
        rows = vectors[[place[s] for s in sentences]]
        near = (rows @ asked[question].vectors.T).max(axis=1) if len(rows) else []
        out.append(sentences[int(np.argmax(near))] if len(rows) else "")
    return out


def _split(title: str, abstract: str) -> Iterator[str]:
    sentences = re.split(r"(?<=[.!?;])\s+(?=[A-Z(])", abstract.strip())
    yield from (s for s in sentences if len(s.split()) > 2)
    if not abstract.strip() and title.strip():
        yield title
