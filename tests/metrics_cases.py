"""Random label data and naive transcriptions of definitions, for the tests of the metrics."""

from __future__ import annotations

import numpy as np
from scipy import sparse

from patentcl.cpc import CpcTree

SYMBOLS = [f"{a}{b:02d}{c}" for a in "ABC" for b in (1, 2, 3) for c in "BCD"][:-2]


def small_tree() -> CpcTree:
    """Three sections, nine classes, 25 subclasses; C03 has one child only."""
    return CpcTree.from_symbols(SYMBOLS)


def odd_forest() -> CpcTree:
    """A forest that is no classification: a lone root, a chain of single children, uneven
    depths."""
    return CpcTree.from_edges(
        [
            ("lone", None),
            ("r", None),
            ("s", None),
            ("r1", "r"),
            ("r2", "r"),
            ("r11", "r1"),
            ("r111", "r11"),
            ("s1", "s"),
            ("s2", "s"),
        ]
    )


def random_labels(tree: CpcTree, n: int, share: float, seed: int) -> sparse.csr_matrix:
    """Closed labels; some rows are empty and some nodes never occur."""
    rng = np.random.default_rng(seed)
    raw = rng.random((n, len(tree))) < share * tree.is_leaf
    if n > 3:
        raw[0] = False
        raw[1] = True
    raw[:, -1] = False
    return tree.close(sparse.csr_matrix(raw))


def random_scores(truth: sparse.csr_matrix, seed: int, ties: bool = False) -> np.ndarray:
    """float32 scores in [0, 1] that know something about the truth."""
    rng = np.random.default_rng(seed)
    scores = 0.75 * rng.random(truth.shape) + 0.25 * truth.toarray()
    return (np.round(scores, 1) if ties else scores).astype(np.float32)


def as_sets(labels: sparse.csr_matrix) -> list[set[int]]:
    """Rows as Python sets of columns."""
    dense = labels.toarray()
    return [set(np.flatnonzero(row).tolist()) for row in dense]


def ancestors(tree: CpcTree, labels: set[int]) -> set[int]:
    """Close a set one parent at a time."""
    out = set()
    for node in labels:
        while node >= 0:
            out.add(node)
            node = int(tree.parent[node])
    return out


def naive_rates(tp: float, predicted: float, true: float) -> tuple[float, float, float]:
    """Precision, recall, F1 under the 0 / 0 rule of the suite."""
    if predicted == 0 and true == 0:
        return (float("nan"),) * 3
    p = tp / predicted if predicted else 0.0
    r = tp / true if true else 0.0
    return p, r, 2 * p * r / (p + r) if p + r else 0.0


def naive_averages(
    truth: list[set[int]], predicted: list[set[int]], n_labels: int
) -> dict[str, tuple[float, float, float]]:
    """All averages of (precision, recall, F1), set by set."""

    def mean(rows: list[tuple[float, float, float]]) -> tuple[float, float, float]:
        kept = [r for r in rows if not np.isnan(r[0])]
        return tuple(
            float(np.mean([r[i] for r in kept])) if kept else float("nan") for i in range(3)
        )

    pairs = list(zip(truth, predicted, strict=True))
    by_label = []
    for j in range(n_labels):
        t = sum(j in a for a, _ in pairs)
        p = sum(j in b for _, b in pairs)
        tp = sum(j in a and j in b for a, b in pairs)
        by_label.append((naive_rates(tp, p, t), t))
    support = sum(t for _, t in by_label)
    weighted = tuple(
        sum(r[i] * t for r, t in by_label if t) / support if support else float("nan")
        for i in range(3)
    )
    return {
        "micro": naive_rates(
            sum(len(a & b) for a, b in pairs),
            sum(len(b) for _, b in pairs),
            sum(len(a) for a, _ in pairs),
        ),
        "samples": mean([naive_rates(len(a & b), len(b), len(a)) for a, b in pairs]),
        "macro": mean([r for r, _ in by_label]),
        "macro_true": mean([r for r, t in by_label if t]),
        "weighted": weighted,
    }
