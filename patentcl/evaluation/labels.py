"""What a classifier is given to learn from: labels of each split, label counts, lengths of texts.

statistics.json, version 1:

    format     "patentcl-labels"
    version    1
    splits     [{split, patents, with_codes, words_mean, words_median, words_95}]
    labels     [{level, split, labels, patents, assignments, mean_per_patent, most_per_patent,
               median_patents, largest, unseen}]; `unseen` labels of the split are not in train
    pictures   [file name]
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.compute as pc
from scipy import sparse

from patentcl.core.errors import DataError
from patentcl.cpc import CpcTree
from patentcl.data.corpus import SPLITS, Corpus
from patentcl.evaluation import pictures
from patentcl.evaluation.tables import frame_table, records, write_page

VERSION = 1


def label_statistics(labels: sparse.csr_matrix, split: np.ndarray, tree: CpcTree) -> pd.DataFrame:
    """Labels of each level in each split, and in ``all`` three together.

    Of closed labels, bool CSR (n_patents, n_nodes), and the split of each patent; other splits than
    train, dev and test do not count. Columns: ``labels`` that occur, ``patents`` with a label of
    the level, ``assignments``, ``mean_per_patent`` and ``most_per_patent`` among those patents,
    ``median_patents`` of a label that occurs, ``largest`` (patents of the most frequent label),
    ``unseen`` (labels not in train).

    Examples
    --------
    >>> tree = CpcTree.from_symbols(["A01B", "A01C", "B60K"])
    >>> labels = tree.encode([["A01B"], ["A01B", "B60K"], ["A01C"]])
    >>> table = label_statistics(labels, np.array(["train", "train", "test"]), tree)
    >>> table[table["level"] == "subclass"][["split", "labels", "assignments", "unseen"]].values
    array([['train', 2, 3, 0],
           ['test', 1, 1, 1],
           ['all', 3, 4, 1]], dtype=object)
    """
    masks = {name: split == name for name in SPLITS if (split == name).any()}
    masks["all"] = np.isin(split, SPLITS)
    rows = []
    for depth, level in enumerate(tree.levels):
        part = labels[:, tree.at_level(depth)]
        trained = np.asarray(part[np.flatnonzero(split == "train")].sum(axis=0)).ravel() > 0
        for name, mask in masks.items():
            mine = part[np.flatnonzero(mask)]
            by_label = np.asarray(mine.sum(axis=0)).ravel().astype(int)
            by_patent = np.diff(mine.indptr)
            there, with_one = by_label > 0, by_patent[by_patent > 0]
            rows.append(
                {
                    "level": level,
                    "split": name,
                    "labels": int(there.sum()),
                    "patents": len(with_one),
                    "assignments": int(by_label.sum()),
                    "mean_per_patent": float(with_one.mean()) if len(with_one) else float("nan"),
                    "most_per_patent": int(by_patent.max(initial=0)),
                    "median_patents": float(np.median(by_label[there])) if there.any() else 0.0,
                    "largest": int(by_label.max(initial=0)),
                    "unseen": int((there & ~trained).sum()),
                }
            )
    return pd.DataFrame(rows)


def word_counts(corpus: Corpus) -> np.ndarray:
    """Words of title and abstract of each patent, separated by spaces: int (n_patents,)."""
    table = corpus.table(["title", "abstract"])
    total = np.zeros(len(corpus), dtype=np.int64)
    for name in ("title", "abstract"):
        words = pc.count_substring_regex(pc.fill_null(table[name], ""), r"\S+")
        total += words.to_numpy()
    return total


def split_statistics(corpus: Corpus, words: np.ndarray) -> pd.DataFrame:
    """Patents of each split, those with codes, and the lengths of their texts in words."""
    coded = np.diff(corpus.labels.indptr) > 0
    rows = []
    for name in SPLITS:
        mine = corpus.split == name
        if mine.any():
            rows.append(
                {
                    "split": name,
                    "patents": int(mine.sum()),
                    "with_codes": int((mine & coded).sum()),
                    "words_mean": float(words[mine].mean()),
                    "words_median": float(np.median(words[mine])),
                    "words_95": float(np.percentile(words[mine], 95)),
                }
            )
    return pd.DataFrame(rows)


def write_label_report(corpus: Corpus, folder: str | Path) -> pd.DataFrame:
    """Write statistics.json, statistics.md and pictures into a folder; returns `label_statistics`.

    Raises
    ------
    DataError
        If no patent is in a split.
    """
    target = Path(folder)
    if not np.isin(corpus.split, SPLITS).any():
        raise DataError("the corpus is not divided into splits", where=corpus.path)
    target.mkdir(parents=True, exist_ok=True)
    words = word_counts(corpus)
    splits = split_statistics(corpus, words)
    table = label_statistics(corpus.labels, corpus.split, corpus.tree)
    drawn = pictures.Album(target)
    for level in corpus.tree.levels:
        columns = corpus.tree.at_level(level)
        counts = np.asarray(corpus.labels[:, columns].sum(axis=0)).ravel()
        names = [corpus.tree.symbols[i] for i in columns]
        drawn.add(
            pictures.patents_per_label(counts, names, level),
            f"patents_per_{level}.png",
            f"Patents of each {level}, and their mean",
        )
    drawn.add(
        pictures.words_per_patent({str(n): words[corpus.split == n] for n in splits["split"]}),
        "words.png",
        "Words of title and abstract",
    )
    page = {
        "format": "patentcl-labels",
        "version": VERSION,
        "splits": records(splits),
        "labels": records(table),
        "pictures": drawn.names,
    }
    parts = [
        "# Labels and texts",
        frame_table(splits),
        "## Labels of each split",
        "Means are over patents with a label of the level; unseen labels are not in train.",
        frame_table(table),
        *drawn.markdown(),
    ]
    write_page(target, "statistics", page, parts)
    return table
