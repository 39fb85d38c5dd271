"""What an encoder learns from: mined triplets, views of one patent, citations, subclasses."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from patentcl.core.errors import DataError
from patentcl.cpc import truncate_symbol
from patentcl.data.corpus import Corpus
from patentcl.encoders.settings import TrainingSettings

COLUMNS = ("anchor_id", "positive_id", "negative_id")
_CROWD = 64  # documents with more citing patents say little of what these have in common
_WORDS = 20  # an abstract with fewer has no two halves
_PARTNERS = 8  # of a patent: those that cite much would be in most of the pairs


@dataclass(frozen=True)
class Examples:
    """Examples by objective, as numbers of texts.

    Attributes
    ----------
    texts : list of str
    owners : ndarray of int64, shape (n_texts,)
        Row in the corpus of the patent that a text is of.
    tables : dict of ndarray of int64, shape (n, k)
        Anchor, positive and negative; anchor and positive; or one text alone.
    labels : ndarray of int64, shape (n_texts,)
        Main subclass where the objective labels is learned; -1 for none.
    groups : ndarray of int64, shape (n_texts,)
        Equal for near-copies and families: never each other's negatives.
    """

    texts: list[str]
    owners: np.ndarray
    tables: dict[str, np.ndarray]
    labels: np.ndarray
    groups: np.ndarray


def make_examples(
    corpus: Corpus,
    triplets: Any,
    settings: TrainingSettings,
    seed: int,
    join: Callable[[Any], list[str]],
) -> Examples:
    """Find the examples of each objective, in the chosen proportions.

    All but the triplets, which name their patents, are looked for outside dev and test. The
    scarcest objective decides how many of the others there are. `join` makes texts of titles and
    abstracts.
    """
    rng = np.random.default_rng(seed)
    rows = np.flatnonzero(~np.isin(corpus.split, ("dev", "test")))
    labels = np.full(len(corpus), -1)
    tables: dict[str, np.ndarray] = {}
    for name in sorted(settings.objectives):
        if name == "triplets":
            tables[name] = _rows_of(triplets, corpus)
        elif name == "labels":
            labels = _main_subclasses(corpus, rows)
            tables[name] = np.flatnonzero(labels >= 0)[:, None]
        elif name == "views":
            tables[name] = rows[_has_views(corpus)[rows]][:, None]
        else:
            tables[name] = _related(corpus, rows, name, rng)
        if not len(tables[name]):
            raise DataError(
                f"there are no examples of the objective {name}",
                where=corpus.path,
                fix="Leave it out of train.objectives",
            )
    tables = _in_proportion(tables, settings.objectives, rng)
    whole = [t.ravel() for name, t in tables.items() if name != "views"]
    used = np.unique(np.concatenate(whole)) if whole else np.zeros(0, np.int64)
    texts = join(corpus.select(used)) if len(used) else []
    tables = {k: t if k == "views" else np.searchsorted(used, t) for k, t in tables.items()}
    owners = used
    if "views" in tables:
        seen = tables["views"][:, 0]
        pairs = [_views(*each, rng.random() < 0.5) for each in corpus.select(seen).texts]
        tables["views"] = len(texts) + np.arange(2 * len(seen)).reshape(-1, 2)
        texts += join([part for pair in pairs for part in pair])
        owners = np.concatenate([used, np.repeat(seen, 2)])
    return Examples(texts, owners, tables, labels[owners], corpus.duplicate_group[owners])


def triplet_table(triplets: Any) -> pa.Table:
    """Triplets as an Arrow table of ids, which is checked to have rows."""
    table = getattr(triplets, "triplets", triplets)  # a MiningResult
    if isinstance(table, pd.DataFrame):
        table = pa.Table.from_pandas(table, preserve_index=False)
    if not isinstance(table, pa.Table):
        raise DataError(
            "these are not triplets",
            got=type(triplets).__name__,
            wanted="what mine_triplets returns, or a table with the columns " + ", ".join(COLUMNS),
        )
    missing = [c for c in COLUMNS if c not in table.column_names]
    if missing:
        raise DataError(
            f"column {missing[0]!r} is missing", where="triplets", got=", ".join(table.column_names)
        )
    if table.num_rows == 0:
        raise DataError("there are no triplets to train on")
    return table.select(COLUMNS).cast(pa.schema([(name, pa.string()) for name in COLUMNS]))


def _rows_of(triplets: Any, corpus: Corpus) -> np.ndarray:
    """Rows of the corpus (n, 3) that triplets name."""
    table, index = triplet_table(triplets), pd.Index(corpus.ids)
    rows = np.empty((table.num_rows, 3), dtype=np.int64)
    for i, name in enumerate(COLUMNS):
        ids = table[name].to_pandas()
        rows[:, i] = index.get_indexer(ids)
        if (rows[:, i] < 0).any():
            missing = ids[rows[:, i] < 0].iloc[0]
            raise DataError(
                "a triplet names a patent that the corpus lacks", where=name, got=missing
            )
    return rows


def _related(corpus: Corpus, rows: np.ndarray, name: str, rng: np.random.Generator) -> np.ndarray:
    """Pairs of rows (n, 2) of patents of which one cites the other, or that cite one document.

    For each document that a patent cites, it is paired with one of the others that cite it, but
    with no more than `_PARTNERS` in all.
    """
    listed = pd.Series(corpus.citations)[rows].explode().dropna()
    citing, cited = listed.index.to_numpy(np.int64), listed.to_numpy()
    if name == "cites":
        other = pd.Index(corpus.ids).get_indexer(cited)
        pairs = np.stack([citing, other], axis=1)[np.isin(other, rows)]
    else:
        links = np.unique(np.stack([pd.factorize(cited)[0], citing], axis=1), axis=0)
        count = np.unique(links[:, 0], return_counts=True)[1]
        links = links[np.repeat((count > 1) & (count <= _CROWD), count)]
        first, count = np.unique(links[:, 0], return_index=True, return_counts=True)[1:]
        size, begin = np.repeat(count, count), np.repeat(first, count)
        further = 1 + rng.integers(size - 1)  # seats from one's own, round the citing patents
        other = begin + (np.arange(len(links)) - begin + further) % size
        pairs = rng.permutation(np.stack([links[:, 1], links[other, 1]], axis=1))
        pairs = pairs[pd.Series(pairs[:, 0]).groupby(pairs[:, 0]).cumcount() < _PARTNERS]
        pairs = np.unique(np.sort(pairs, axis=1), axis=0)
    groups = corpus.duplicate_group
    return pairs[groups[pairs[:, 0]] != groups[pairs[:, 1]]]


def _main_subclasses(corpus: Corpus, rows: np.ndarray) -> np.ndarray:
    """Number of the first code's subclass, or -1 where fewer than two patents have it."""
    codes, out = corpus.codes, np.full(len(corpus), -1)
    first = [truncate_symbol(codes[i][0], "subclass") if codes[i] else None for i in rows]
    numbers, names = pd.factorize(np.array(first, dtype=object))
    counts = np.bincount(numbers[numbers >= 0], minlength=len(names))
    if (counts > 1).sum() < 2:
        raise DataError(
            "labels need two subclasses of two patents each",
            where=corpus.path,
            got=f"{(counts > 1).sum()} such subclasses",
            fix="Leave labels out of train.objectives",
        )
    kept = (numbers >= 0) & (counts[numbers] > 1)
    out[rows[kept]] = numbers[kept]
    return out


def _has_views(corpus: Corpus) -> np.ndarray:
    """Whether `_views` finds two parts: bool (n,)."""
    table = corpus.table(["title", "abstract"])
    titled, told = (pc.greater(pc.utf8_length(table[c]), 0) for c in ("title", "abstract"))
    long = pc.greater_equal(pc.count_substring(table["abstract"], " "), _WORDS - 1)
    return pc.or_(pc.and_(titled, told), long).to_numpy(zero_copy_only=False)


def _views(title: str, abstract: str, cut: bool) -> tuple[Any, Any]:
    """Two parts of a patent, each as `join` takes it.

    Title and abstract; or, with `cut` or without a title, the first half of the abstract (behind
    the title) and the second, if it is long enough.
    """
    long = abstract.count(" ") >= _WORDS - 1
    if title and not (cut and long):
        return title, abstract
    words = abstract.split(" ")
    middle = len(words) // 2
    return (title, " ".join(words[:middle])), " ".join(words[middle:])


def _in_proportion(
    tables: dict[str, np.ndarray], shares: dict[Any, float], rng: np.random.Generator
) -> dict[str, np.ndarray]:
    """As many examples of each objective as its share allows, in their order."""
    total = min(len(table) / shares[name] for name, table in tables.items() if shares[name])
    out = {}
    for name, table in tables.items():
        count = round(total * shares[name])
        chosen = np.sort(rng.choice(len(table), count, replace=False))
        out[name] = table if count == len(table) else table[chosen]
    return out


# ---- batches --------------------------------------------------------------------------------


def plan_epoch(
    examples: Examples, size: int, seed: int, epoch: int
) -> list[tuple[str, np.ndarray]]:
    """The batches of an epoch: objective, and rows of its table; the same at each call."""
    out: list[tuple[str, np.ndarray]] = []
    rng = np.random.default_rng([seed, epoch])
    for name, table in examples.tables.items():
        order = rng.permutation(len(table))
        if name == "labels":
            order = _two_by_two(examples.labels[table[order, 0]], order, rng)
        out += [(name, order[i : i + size]) for i in range(0, len(order), size)]
    return [out[i] for i in rng.permutation(len(out))]


def _two_by_two(labels: np.ndarray, order: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """A random order in which each patent has one of its label beside it."""
    by_label = np.argsort(labels, kind="stable")
    sorted_labels = labels[by_label]
    place = np.arange(len(labels)) - np.searchsorted(sorted_labels, sorted_labels)
    first = np.flatnonzero((place[:-1] % 2 == 0) & (sorted_labels[:-1] == sorted_labels[1:]))
    first = rng.permutation(first)
    return order[by_label[np.stack([first, first + 1], axis=1).ravel()]]
