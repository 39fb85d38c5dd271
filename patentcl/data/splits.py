"""Divides a corpus into train, dev and test, and keeps the division in ``splits.parquet``."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from patentcl.core.errors import ConfigError, DataError, TooFew, choose
from patentcl.cpc import level_index
from patentcl.data.corpus import SPLITS, Corpus

METHODS = ("stratified", "random", "date", "family")


def make_splits(
    corpus: Corpus, method: str = "stratified", dev: float = 0.1, test: float = 0.1, seed: int = 0
) -> np.ndarray:
    """Divide a corpus into train, dev and test.

    Near-copies of one text and patents of one family (continuations, divisions and the like, where
    the data name them) fall on the same side, so no held-out patent's invention is trained on.

    Parameters
    ----------
    method : {"stratified", "random", "date", "family"}
        ``stratified`` keeps each label's share (iterative stratification, Sechidis et al. 2011);
        ``date`` takes the newest patents for test, the next newest for dev, undated ones for train;
        ``family`` is another name of ``stratified``, since each of these divides by family.
    dev, test : float
        Shares of patents.

    Returns
    -------
    ndarray of object, shape (n,)
        "train", "dev" or "test". A division that the data bring is kept: where they bring no test
        split, their dev split becomes test and a new dev split is drawn from train, so that
        thresholds are never tuned on the patents they are judged by.
    """
    if not (0 <= dev < 1 and 0 <= test < 1 and dev + test < 1):
        raise ConfigError("dev + test must leave something to train on", got=f"{dev} and {test}")
    choose(method, METHODS, "way to split")
    order = np.argsort(corpus.ids, kind="stable")
    out = np.empty(len(corpus), dtype=object)
    out[order] = _divide(corpus.select(order), method, dev, test, seed)
    return out


def _divide(corpus: Corpus, method: str, dev: float, test: float, seed: int) -> np.ndarray:
    """Divide a corpus whose rows are in the order of their ids: no other order changes a draw."""
    given = corpus.split
    out = np.full(len(corpus), "train", dtype=object)
    keys = pd.factorize(corpus.duplicate_group)[0]
    if (given != "").any() and (given != "train").any():
        unknown = sorted(set(given) - set(SPLITS))
        if unknown:
            wanted = ", ".join(SPLITS)
            raise DataError("unknown split in the data", got=unknown[0] or "empty", wanted=wanted)
        out[:] = given
        if (out == "test").any() and (out == "dev").any():
            return out
        if not (out == "test").any():
            out[out == "dev"] = "test"
        pool = np.flatnonzero(out == "train")
        out[pool[_draw(corpus, pool, keys, dev, method, seed)]] = "dev"
        return out
    pool = np.arange(len(corpus))
    chosen = _draw(corpus, pool, keys, test, method, seed)
    out[pool[chosen]] = "test"
    pool = pool[~chosen]
    out[pool[_draw(corpus, pool, keys, dev / (1 - test), method, seed + 1)]] = "dev"
    return out


def _draw(
    corpus: Corpus, pool: np.ndarray, keys: np.ndarray, share: float, method: str, seed: int
) -> np.ndarray:
    """Choose a share of some rows, whole groups of near-copies at a time; a mask over `pool`."""
    if share == 0 or len(pool) < 2:  # a single patent stays to train on
        return np.zeros(len(pool), dtype=bool)
    _, first, keys = np.unique(keys[pool], return_index=True, return_inverse=True)
    # From here on keys count from 0, and first holds one patent for each group of near-copies.
    if method == "date":
        fix = "Use split.method=random or stratified"
        dates = corpus.dates[pool]
        known = ~np.isnat(dates)
        if known.sum() < len(pool) / 2:
            got = f"{known.sum()} of {len(pool)} patents dated"
            raise DataError("cannot split by date", got=got, fix=fix)
        newest = np.full(keys.max() + 1, np.datetime64("0001-01-01", "D"))
        np.maximum.at(newest, keys[known], dates[known])
        order = np.argsort(newest[keys], kind="stable")
        cut = newest[keys][order[-max(1, round(share * len(pool)))]]
        if not (newest[keys] < cut).any():
            got = f"no patent older than {cut} is left to train on"
            raise DataError("cannot split by date", got=got, fix=fix)
        return newest[keys] >= cut
    if method == "random":
        return _random(len(first), share, np.random.default_rng(seed))[keys]
    return _stratified(corpus, pool[first], share, seed)[keys]


def _random(n: int, share: float, rng: np.random.Generator) -> np.ndarray:
    """A mask with a share of n set."""
    picked = np.zeros(n, dtype=bool)
    picked[rng.permutation(n)[: round(share * n)]] = True
    return picked


def _stratified(corpus: Corpus, rows: np.ndarray, share: float, seed: int) -> np.ndarray:
    """Iterative stratification over the deepest labels, at most subclasses; the rest at random.

    Groups are so many that most have one patent or two: their shares cannot be kept, and a dense
    matrix of them, which the stratifier needs, would not fit.
    """
    from iterstrat.ml_stratifiers import MultilabelStratifiedShuffleSplit

    rng = np.random.default_rng(seed)
    if not any(corpus.codes):
        return _random(len(rows), share, rng)
    tree = corpus.tree
    last = min(level_index("subclass"), len(tree.levels) - 1)
    deepest = (tree.depth == last) | (tree.is_leaf & (tree.depth < last))
    labels = corpus.labels[rows][:, np.flatnonzero(deepest)]
    labelled = np.flatnonzero(np.diff(labels.indptr) > 0)
    counts = np.asarray(labels[labelled].sum(axis=0)).ravel()
    # Labels on every patent, or on one alone, say nothing about where a patent should go.
    y = labels[labelled][:, (counts > 1) & (counts < len(labelled))].toarray().astype(np.int8)
    if len(labelled) < 2 or y.shape[1] == 0:
        return _random(len(rows), share, rng)
    if y.shape[1] == 1:  # the stratifier takes no single column: patents with the label and without
        y = np.hstack([y, 1 - y])
    splitter = MultilabelStratifiedShuffleSplit(n_splits=1, test_size=share, random_state=seed)
    _, chosen = next(splitter.split(np.zeros((len(labelled), 1)), y))
    picked = np.zeros(len(rows), dtype=bool)
    picked[labelled[chosen]] = True
    rest = np.setdiff1d(np.arange(len(rows)), labelled)
    picked[rest] = _random(len(rest), share, rng)
    return picked


def write_splits(path: str | Path, corpus: Corpus, split: np.ndarray) -> None:
    """Write ``splits.parquet``: patent_id, split and duplicate_group, in the corpus's row order."""
    ids, sides = pa.array(corpus.ids, pa.string()), pa.array(split, pa.string())
    groups = pa.array(corpus.duplicate_group, pa.int64())
    pq.write_table(pa.table({"patent_id": ids, "split": sides, "duplicate_group": groups}), path)


def labelled_splits(corpus: Corpus) -> dict[str, np.ndarray]:
    """Rows with codes by split; train and dev must have some."""
    labelled = np.diff(corpus.labels.indptr) > 0
    rows = {name: np.flatnonzero((corpus.split == name) & labelled) for name in SPLITS}
    for name in ("train", "dev"):
        if not rows[name].size:
            got = ", ".join(f"{k} {len(v)}" for k, v in rows.items())
            what = f"no patent of the {name} split has a code"
            fix = "Give more patents with codes, or other split shares"
            raise TooFew(what, where=corpus.path, got=got, fix=fix)
    return rows
