"""Where a classifier is good and where it is not: by level, section, label, frequency,
co-occurrence.

All functions return a DataFrame whose rates follow the 0 / 0 rule of `patentcl.metrics.labels`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from scipy import sparse

from patentcl.core.errors import ConfigError, DataError, did_you_mean
from patentcl.cpc import CpcTree
from patentcl.metrics.inputs import select_columns
from patentcl.metrics.labels import MEASURES, SetCounts, set_metric

RATES = ("precision", "recall", "f1")


def _rates(tp: np.ndarray, predicted: np.ndarray, true: np.ndarray) -> dict[str, np.ndarray]:
    return {name: MEASURES[name](tp, predicted, true) for name in RATES}


def _at_level(
    truth: sparse.csr_matrix, predicted: sparse.csr_matrix, columns: np.ndarray
) -> SetCounts:
    return SetCounts(select_columns(truth, columns), select_columns(predicted, columns))


def by_level(truth: sparse.csr_matrix, predicted: sparse.csr_matrix, tree: CpcTree) -> pd.DataFrame:
    """One row for each level of the tree.

    Parameters
    ----------
    truth, predicted : csr_matrix of bool, shape (n_patents, n_nodes)
    tree : CpcTree

    Returns
    -------
    DataFrame
        level; labels (in the tree), labels_in_truth; micro precision, recall and f1; f1_macro
        (labels in truth); true_per_patent, predicted_per_patent; no_truth and no_prediction,
        numbers of patents.

    Examples
    --------
    >>> tree = CpcTree.from_symbols(["A01B", "B60K"])
    >>> truth, guess = tree.encode([["A01B"], ["B60K"]]), tree.encode([["A01B"], ["A01B"]])
    >>> by_level(truth, guess, tree)[["level", "f1"]].values.tolist()
    [['section', 0.5], ['class', 0.5], ['subclass', 0.5]]
    """
    rows = []
    for level in tree.levels:
        columns = tree.at_level(level)
        counts = _at_level(truth, predicted, columns)
        rows.append(
            {
                "level": level,
                "labels": len(columns),
                "labels_in_truth": int((counts.label_true > 0).sum()),
                **{name: set_metric(name, "micro", counts).value for name in RATES},
                "f1_macro": set_metric("f1", "macro_true", counts).value,
                "true_per_patent": float(counts.row_true.mean()),
                "predicted_per_patent": float(counts.row_predicted.mean()),
                "no_truth": int((counts.row_true == 0).sum()),
                "no_prediction": int((counts.row_predicted == 0).sum()),
            }
        )
    return pd.DataFrame(rows)


def roots(tree: CpcTree) -> np.ndarray:
    """Root above each node: int64 (n_nodes,)."""
    root = np.arange(len(tree))
    for i, parent in enumerate(tree.parent):
        if parent >= 0:
            root[i] = root[parent]  # parents come first
    return root


def by_section(
    truth: sparse.csr_matrix, predicted: sparse.csr_matrix, tree: CpcTree, level: str | None = None
) -> pd.DataFrame:
    """One row for each root of the tree (each section of a patent classification).

    Parameters
    ----------
    truth, predicted : csr_matrix of bool, shape (n_patents, n_nodes)
    tree : CpcTree
    level : str, optional
        The labels to count, the deepest level by default.

    Returns
    -------
    DataFrame
        section, title; patents (with a true label there); true, predicted and right labels; micro
        precision, recall, f1.
    """
    columns = tree.at_level(tree.levels[-1] if level is None else level)
    counts = _at_level(truth, predicted, columns)
    root = roots(tree)
    section = root[columns]
    where = np.unique(root)
    sums = [
        np.bincount(section, weights=x, minlength=len(tree)).astype(np.int64)[where]
        for x in (counts.label_tp, counts.label_predicted, counts.label_true)
    ]
    own = sparse.csr_matrix(
        (np.ones(len(columns)), (np.arange(len(columns)), section)), shape=(len(columns), len(tree))
    )
    patents = np.bincount((counts.truth.astype(np.float64) @ own).indices, minlength=len(tree))
    return pd.DataFrame(
        {
            "section": [tree.symbols[i] for i in where],
            "title": [tree.titles[i] for i in where],
            "patents": patents[where],
            "true": sums[2],
            "predicted": sums[1],
            "right": sums[0],
            **_rates(*sums),
        }
    )


def by_label(
    truth: sparse.csr_matrix, predicted: sparse.csr_matrix, tree: CpcTree, train_counts: Any = None
) -> pd.DataFrame:
    """One row for each node of the tree, in tree order.

    Parameters
    ----------
    truth, predicted : csr_matrix of bool, shape (n_patents, n_nodes)
    tree : CpcTree
    train_counts : array_like of int, shape (n_nodes,), optional
        How often each label occurs in the training data.

    Returns
    -------
    DataFrame
        symbol, level, title, [train]; true, predicted, right; precision, recall, f1.
    """
    counts = SetCounts(truth, predicted)
    columns: dict[str, Any] = {
        "symbol": list(tree.symbols),
        "level": [tree.levels[d] for d in tree.depth],
        "title": list(tree.titles),
    }
    if train_counts is not None:
        columns["train"] = as_counts(train_counts, len(tree))
    sums = (counts.label_tp, counts.label_predicted, counts.label_true)
    return pd.DataFrame(
        {**columns, "true": sums[2], "predicted": sums[1], "right": sums[0], **_rates(*sums)}
    )


def as_counts(train_counts: Any, n: int) -> np.ndarray:
    """Check label counts: int64 (n,), not negative."""
    counts = np.asarray(train_counts)
    if counts.shape != (n,):
        raise DataError(
            "training counts do not match the labels", got=str(counts.shape), wanted=f"({n},)"
        )
    if not np.isfinite(counts).all() or counts.min() < 0 or (counts % 1).any():
        raise DataError("training counts must be whole numbers of at least 0")
    return counts.astype(np.int64)


def by_frequency(
    truth: sparse.csr_matrix,
    predicted: sparse.csr_matrix,
    train_counts: Any,
    cuts: Sequence[float] = (0.1, 0.5),
) -> pd.DataFrame:
    """Head, middle and tail of the labels by how often they occur in training.

    Parameters
    ----------
    truth, predicted : csr_matrix of bool, shape (n_patents, n_labels)
        Usually of one level.
    train_counts : array_like of int, shape (n_labels,)
    cuts : sequence of two floats
        The head is this share of the labels seen in training, the most frequent ones; the middle
        goes on to the second share; the tail is the rest. Among equally frequent labels the lower
        column comes first.

    Returns
    -------
    DataFrame
        group (head, middle, tail, unseen), labels, train_from and train_to, true, predicted, right;
        micro precision, recall, f1; f1_macro over labels that occur in truth.
    """
    counts = SetCounts(truth, predicted)
    train = as_counts(train_counts, truth.shape[1])
    if len(cuts) != 2 or not 0 < cuts[0] < cuts[1] < 1:
        raise ConfigError("cuts must be two rising shares between 0 and 1", got=tuple(cuts))
    order = np.argsort(-train, kind="stable")
    seen = order[: np.count_nonzero(train)]
    first, second = (int(np.ceil(cut * len(seen))) for cut in cuts)
    rows = []
    for name, columns in (
        ("head", seen[:first]),
        ("middle", seen[first:second]),
        ("tail", seen[second:]),
        ("unseen", order[len(seen) :]),
    ):
        if not len(columns):
            continue
        sums = [x[columns] for x in (counts.label_tp, counts.label_predicted, counts.label_true)]
        total = [np.array(x.sum()) for x in sums]
        each = MEASURES["f1"](*sums)[sums[2] > 0]
        rows.append(
            {
                "group": name,
                "labels": len(columns),
                "train_from": int(train[columns].min()),
                "train_to": int(train[columns].max()),
                "true": int(total[2]),
                "predicted": int(total[1]),
                "right": int(total[0]),
                **{key: float(value) for key, value in _rates(*total).items()},
                "f1_macro": float(each.mean()) if len(each) else float("nan"),
            }
        )
    return pd.DataFrame(rows)


def cooccurrence(
    truth: sparse.csr_matrix, predicted: sparse.csr_matrix, tree: CpcTree, label: str
) -> pd.DataFrame:
    """With which other labels of its level a label occurs.

    Parameters
    ----------
    truth, predicted : csr_matrix of bool, shape (n_patents, n_nodes)
    tree : CpcTree
    label : str
        A symbol of the tree.

    Returns
    -------
    DataFrame
        One row for each other label of the level that occurs at all, the most frequent in truth
        first: symbol, title; ``truth``, patents that truly have both; ``predicted``, patents
        predicted to have both; ``right``, patents that truly have the other and have the label both
        predicted and true; ``wrong``, patents that truly have the other and have the label
        predicted but not true. What stands out under ``wrong`` is what the label is mistaken for.
    """
    if label not in tree.index:
        raise ConfigError(
            "label outside the tree", got=repr(label), fix=did_you_mean(label, tree.symbols)
        )
    node = tree.index[label]
    columns = tree.at_level(int(tree.depth[node]))
    columns = columns[columns != node]
    is_true = np.asarray(truth[:, [node]].todense()).ravel().astype(bool)
    is_said = np.asarray(predicted[:, [node]].todense()).ravel().astype(bool)
    true, said = select_columns(truth, columns), select_columns(predicted, columns)

    def count(matrix: sparse.csr_matrix, rows: np.ndarray) -> np.ndarray:
        return np.bincount(matrix[np.flatnonzero(rows)].indices, minlength=len(columns))

    frame = pd.DataFrame(
        {
            "symbol": [tree.symbols[c] for c in columns],
            "title": [tree.titles[c] for c in columns],
            "truth": count(true, is_true),
            "predicted": count(said, is_said),
            "right": count(true, is_true & is_said),
            "wrong": count(true, is_said & ~is_true),
        }
    )
    frame = frame[frame[["truth", "predicted", "right", "wrong"]].any(axis=1)]
    return frame.sort_values(
        ["truth", "predicted", "symbol"], ascending=[False, False, True]
    ).reset_index(drop=True)
