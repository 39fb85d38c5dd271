"""Where a classifier is good and where it is not: by level, section, label and frequency.

All functions take bool csr matrices (n_patents, n_nodes) and return a DataFrame whose rates follow
the 0 / 0 rule of `patentcl.metrics.labels`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from scipy import sparse

from patentcl.core.errors import ConfigError, DataError
from patentcl.cpc import CpcTree
from patentcl.metrics.inputs import select_columns
from patentcl.metrics.labels import MEASURES, SetCounts, rates, set_metric


def _at_level(
    truth: sparse.csr_matrix, predicted: sparse.csr_matrix, columns: np.ndarray
) -> SetCounts:
    return SetCounts(select_columns(truth, columns), select_columns(predicted, columns))


def _columns(tp: np.ndarray, predicted: np.ndarray, true: np.ndarray) -> dict[str, np.ndarray]:
    """The columns that all but one of the tables end with."""
    return {"true": true, "predicted": predicted, "right": tp, **rates(tp, predicted, true)}


def by_level(truth: sparse.csr_matrix, predicted: sparse.csr_matrix, tree: CpcTree) -> pd.DataFrame:
    """One row for each level of the tree.

    level; labels (in the tree), labels_in_truth; micro precision, recall and f1; f1_macro (labels
    in truth); true_per_patent, predicted_per_patent; no_truth and no_prediction, numbers of
    patents.

    Examples
    --------
    >>> tree = CpcTree.from_symbols(["A01B", "B60K"])
    >>> truth, guess = tree.encode([["A01B"], ["B60K"]]), tree.encode([["A01B"], ["A01B"]])
    >>> by_level(truth, guess, tree)[["level", "f1"]].values.tolist()
    [['section', 0.5], ['class', 0.5], ['subclass', 0.5]]
    """
    rows = []
    for level in tree.levels:
        counts = _at_level(truth, predicted, tree.at_level(level))
        rows.append(
            {
                "level": level,
                "labels": len(counts.label_true),
                "labels_in_truth": int((counts.label_true > 0).sum()),
                **{name: set_metric(name, "micro", counts).value for name in MEASURES},
                "f1_macro": set_metric("f1", "macro_true", counts).value,
                "true_per_patent": float(counts.row_true.mean()),
                "predicted_per_patent": float(counts.row_predicted.mean()),
                "no_truth": int((counts.row_true == 0).sum()),
                "no_prediction": int((counts.row_predicted == 0).sum()),
            }
        )
    return pd.DataFrame(rows)


def _roots(tree: CpcTree) -> np.ndarray:
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

    section, title; patents (with a true label there); true, predicted and right labels of the
    level, by default the deepest; micro precision, recall, f1.
    """
    columns = tree.at_level(tree.levels[-1] if level is None else level)
    counts = _at_level(truth, predicted, columns)
    root = _roots(tree)
    section, where = root[columns], np.unique(root)
    sums = [
        np.bincount(section, weights=x, minlength=len(tree)).astype(np.int64)[where]
        for x in counts.by_label
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
            **_columns(*sums),
        }
    )


def by_label(
    truth: sparse.csr_matrix, predicted: sparse.csr_matrix, tree: CpcTree, train_counts: Any = None
) -> pd.DataFrame:
    """One row for each node of the tree, in tree order.

    symbol, level, title; train, where the labels were counted in the training data, int (n_nodes,);
    true, predicted, right; precision, recall, f1.
    """
    columns: dict[str, Any] = {
        "symbol": list(tree.symbols),
        "level": [tree.levels[d] for d in tree.depth],
        "title": list(tree.titles),
    }
    if train_counts is not None:
        columns["train"] = as_counts(train_counts, len(tree))
    return pd.DataFrame({**columns, **_columns(*SetCounts(truth, predicted).by_label)})


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

    The head is the first share in ``cuts`` of the labels seen in training, the most frequent ones;
    the middle goes on to the second share; the tail is the rest. Among equally frequent labels the
    lower column comes first. Columns: group (head, middle, tail, unseen), labels, train_from,
    train_to; true, predicted, right; micro precision, recall, f1; f1_macro over labels in truth.
    """
    counts = SetCounts(truth, predicted)
    train = as_counts(train_counts, truth.shape[1])
    if len(cuts) != 2 or not 0 < cuts[0] < cuts[1] < 1:
        raise ConfigError("cuts must be two rising shares between 0 and 1", got=tuple(cuts))
    order = np.argsort(-train, kind="stable")
    seen = np.count_nonzero(train)
    ends = np.ceil([*(cut * seen for cut in cuts), seen]).astype(int)
    rows = []
    for group, columns in zip(
        ("head", "middle", "tail", "unseen"), np.split(order, ends), strict=True
    ):
        if not len(columns):
            continue
        sums = [x[columns] for x in counts.by_label]
        each = MEASURES["f1"](*sums)[sums[2] > 0]
        rows.append(
            {
                "group": group,
                "labels": len(columns),
                "train_from": int(train[columns].min()),
                "train_to": int(train[columns].max()),
                **{k: v.item() for k, v in _columns(*(np.array(x.sum()) for x in sums)).items()},
                "f1_macro": float(each.mean()) if len(each) else float("nan"),
            }
        )
    return pd.DataFrame(rows)
