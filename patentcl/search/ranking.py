"""From candidates to results: by meaning, by words or both; the best of several; one a family."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from scipy import sparse
from scipy.sparse.csgraph import connected_components

from patentcl.core.arrays import best_columns
from patentcl.core.errors import ConfigError, choose
from patentcl.search.filters import days

if TYPE_CHECKING:
    from patentcl.search.index import PatentIndex

MODES = ("dense", "bm25", "hybrid")
_WORDS_AT_ONCE = 32
_DEEP = 100  # candidates that each side of a hybrid search gives at least


@dataclass(frozen=True)
class Question:
    """What is looked for: the best of some unit vectors (v, d), and texts (v) for its words.

    `own` are rows of the index that ask, and are not found.
    """

    name: Any
    vectors: np.ndarray
    texts: Sequence[str] = ()
    own: np.ndarray = field(default_factory=lambda: np.empty(0, np.int64))


def rank(
    index: PatentIndex,
    questions: Sequence[Question],
    k: int,
    mode: str = "dense",
    family: str | None = None,
    keep: np.ndarray | None = None,
) -> pd.DataFrame:
    """The k best of each question among the rows of a mask.

    Returns ``query`` (number of the question), ``position``, ``score``, ``similarity`` (cosine),
    ``bm25``, and where both sides are asked ``dense_rank`` and ``bm25_rank``, from 1 (0 beyond the
    candidates of a side); with a rule for families also ``others``, how many more of the family
    pass.
    """
    choose(mode, MODES, "mode of search")
    if mode != "dense" and index.words is None:
        fix = "Build it again with: patentcl index"
        raise ConfigError("this index was built without words", got=f"mode {mode}", fix=fix)
    keys = None if family is None else families(index.meta)
    count = len(index) if keep is None else int(keep.sum())
    parts, todo = [], np.arange(len(questions))
    reach = k + max((len(q.own) for q in questions), default=0)
    reach = min(count, reach if keys is None else 4 * reach)
    while len(todo):
        some = [questions[int(i)] for i in todo]
        found = candidates(index, some, reach, mode, keep)
        found = _best(found, some, keys)
        found = found[found.groupby("query").cumcount() < k]
        found = found.assign(query=todo[found["query"]])
        full = found["query"].value_counts().reindex(todo, fill_value=0).to_numpy() >= k
        settled = full | (reach >= count)
        parts.append(found[found["query"].isin(todo[settled])])
        todo, reach = todo[~settled], min(count, 4 * reach)
    if not parts:
        parts = [_frame([], [], [], [], [])]
    out = pd.concat(parts).sort_values("query", kind="stable").reset_index(drop=True)
    if keys is not None:
        out = _represented(out, index.meta, keys, str(family), keep)
    return out


def _frame(query: Any, position: Any, score: Any, similarity: Any, bm25: Any) -> pd.DataFrame:
    kinds = (np.int64, np.int64, np.float32, np.float32, np.float32)
    names = ("query", "position", "score", "similarity", "bm25")
    values = (query, position, score, similarity, bm25)
    return pd.DataFrame(
        {n: np.asarray(v, dtype=t) for n, v, t in zip(names, values, kinds, strict=True)}
    ).assign(dense_rank=0, bm25_rank=0)


def _ranks(query: np.ndarray, position: np.ndarray, among: np.ndarray, n: int) -> np.ndarray:
    """Place, from 1, of candidates in a list by query, best first; 0 where they are not in it.

    `among` holds the keys query * n + position of the list.
    """
    first = np.searchsorted(among // n, among // n, side="left")
    place, keys = np.argsort(among, kind="stable"), query * n + position
    at = np.minimum(np.searchsorted(among[place], keys), max(len(among) - 1, 0))
    if not len(among):
        return np.zeros(len(keys), dtype=np.int64)
    found = place[at]
    return np.where(among[found] == keys, found - first[found] + 1, 0)


def candidates(
    index: PatentIndex, questions: list[Question], reach: int, mode: str, keep: np.ndarray | None
) -> pd.DataFrame:
    """Candidates of every vector of the questions, `query` being the question's number.

    Those that ask are among them.
    """
    of = np.repeat(np.arange(len(questions)), [len(q.vectors) for q in questions])
    vectors = np.concatenate([q.vectors for q in questions])
    if mode == "dense":
        query, position, similarity = index.nearest.search(vectors, reach, keep)
        return _frame(of[query], position, similarity, similarity, np.full(len(query), np.nan))
    texts = [(text, q.own) for q in questions for text in q.texts]
    parts = [
        _worded(
            index, vectors[i : i + _WORDS_AT_ONCE], texts[i : i + _WORDS_AT_ONCE], reach, mode, keep
        )
        for i in range(0, len(vectors), _WORDS_AT_ONCE)
    ]
    return pd.concat(
        part.assign(query=of[part["query"] + i * _WORDS_AT_ONCE]) for i, part in enumerate(parts)
    )


def _worded(
    index: PatentIndex,
    vectors: np.ndarray,
    texts: list[tuple[str, np.ndarray]],
    reach: int,
    mode: str,
    keep: np.ndarray | None,
) -> pd.DataFrame:
    assert index.words is not None
    words = index.words.scores([text for text, _ in texts])
    for row, (_, own) in zip(words, texts, strict=True):
        row[own] = 0  # a patent's own score would make all others small
    if keep is not None:
        words[:, ~keep] = 0
    deep = reach if mode == "bm25" else max(reach, _DEEP)
    columns, best = best_columns(words, deep)
    query, place = np.nonzero(best > 0)
    position, n = columns[query, place], len(index)
    if mode == "hybrid":
        other, near, _ = index.nearest.search(vectors, deep, keep)
        asking = [i * n + own for i, (_, own) in enumerate(texts)]
        dense = other * n + near
        dense = dense[~np.isin(dense, np.concatenate(asking))]
        worded = query * n + position
        pairs = np.unique(np.r_[worded, dense])
        query, position = pairs // n, pairs % n
    bm25 = words[query, position]
    similarity = index.nearest.similarity(vectors[query], position[:, None])[:, 0]
    score = (
        bm25 if mode == "bm25" else fused(query, similarity, bm25, index.words.weight, len(texts))
    )
    out = _frame(query, position, score, similarity, bm25)
    if mode == "hybrid":
        out["dense_rank"] = _ranks(query, position, dense, n)
        out["bm25_rank"] = _ranks(query, position, worded, n)
    return out


def fused(
    query: np.ndarray, similarity: np.ndarray, bm25: np.ndarray, weight: float, queries: int
) -> np.ndarray:
    """Hybrid scores of candidates: cosine, and BM25 over the highest of the query, by weight."""
    highest = np.zeros(queries, dtype=np.float32)
    np.maximum.at(highest, query, bm25)
    return weight * similarity + (1 - weight) * bm25 / np.maximum(highest[query], 1e-9)


def _best(found: pd.DataFrame, questions: list[Question], keys: np.ndarray | None) -> pd.DataFrame:
    """Each patent, or family, once a question and by its best score; those that ask left out."""
    own = np.concatenate([q.own for q in questions])
    of = np.repeat(np.arange(len(questions)), [len(q.own) for q in questions])
    found = found.sort_values(
        ["query", "score", "position"], ascending=[True, False, True], kind="stable"
    )
    found = found.assign(key=found["position"] if keys is None else keys[found["position"]])
    asking = pd.MultiIndex.from_arrays([of, own if keys is None else keys[own]])
    left = ~pd.MultiIndex.from_frame(found[["query", "key"]]).isin(asking)
    return found[left].drop_duplicates(["query", "key"]).drop(columns="key")


# ---- families -------------------------------------------------------------------------------


def families(meta: pd.DataFrame) -> np.ndarray:
    """Int (n,), equal within a family and among near-copies, as far as these are known."""
    names = [name for name in ("duplicate_group", "family") if name in meta]
    if not names:
        wanted = "a column family or duplicate_group"
        raise ConfigError("this index knows no families", where="family", wanted=wanted)
    rows, n = np.arange(len(meta)), len(meta)
    left, right, nodes = [], [], n
    for name in names:
        number, unique = pd.factorize(meta[name])
        left.append(rows[number >= 0])
        right.append(number[number >= 0] + nodes)
        nodes += len(unique)
    link = (np.concatenate(left), np.concatenate(right))
    links = sparse.coo_matrix((np.ones(len(link[0])), link), shape=(nodes, nodes))
    return connected_components(links, directed=False)[1][:n]


def _represented(
    found: pd.DataFrame, meta: pd.DataFrame, keys: np.ndarray, rule: str, keep: np.ndarray | None
) -> pd.DataFrame:
    """Put in the place of each hit the member of its family that a rule names."""
    allowed = np.arange(len(meta)) if keep is None else np.flatnonzero(keep)
    allowed = allowed[np.isin(keys[allowed], keys[found["position"]])]
    members = {key: allowed[rows] for key, rows in _groups(keys[allowed]).items()}
    prefer = _preference(rule, meta)
    position = [
        min((*prefer(row), row != hit, row) for row in members[keys[hit]])[-1]
        for hit in found["position"]
    ]
    others = [len(members[keys[p]]) - 1 for p in found["position"]]
    return found.assign(position=np.array(position, dtype=np.int64), others=others)


def _groups(keys: np.ndarray) -> dict[int, np.ndarray]:
    order = np.argsort(keys, kind="stable")
    unique, start = np.unique(keys[order], return_index=True)
    return dict(zip(unique.tolist(), np.split(order, start[1:]), strict=True))


def _preference(rule: str, meta: pd.DataFrame) -> Any:
    """A key of rows by which the least is shown; equal ones leave it to the best of the hits."""
    if rule == "first":
        return lambda row: ()
    if rule == "earliest":
        if "date" not in meta:
            raise ConfigError("this index has no dates", where="family earliest")
        when = days(meta["date"])
        return lambda row: (bool(np.isnat(when[row])), str(when[row]))
    ids = meta["id"].astype(str).str.upper()
    if rule == "granted":
        kind = meta["kind"] if "kind" in meta else ids.str.extract(r"([A-Z]\d?)$")[0]
        granted = kind.astype(str).str.upper().str.match("[BCE]").to_numpy()
        return lambda row: (not granted[row],)
    wanted = [part.strip().upper() for part in rule.split(",")]
    if not all(len(c) == 2 and c.isalpha() for c in wanted):
        known = "first, earliest, granted, or countries such as US,EP,WO"
        raise ConfigError("unknown rule for families", got=rule, wanted=known)
    country = meta["country"].astype(str).str.upper() if "country" in meta else ids.str[:2]
    place = {c: i for i, c in enumerate(wanted)}
    order = [place.get(c, len(place)) for c in country]
    return lambda row: (order[row],)
