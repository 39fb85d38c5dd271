"""Figures of an epoch on dev patents, by which training is followed and stopped."""

from __future__ import annotations

import numpy as np
from scipy import sparse

from patentcl.cpc import CpcTree
from patentcl.metrics.curves import micro_curve
from patentcl.metrics.inputs import Scores


def dev_figures(
    scores: np.ndarray, labels: sparse.csr_matrix, tree: CpcTree | None = None
) -> dict[str, float]:
    """Micro figures of coherent probabilities and closed labels, both (n_patents, n_nodes).

    ``average_precision``; ``hier_f1`` at the best single threshold, which is ``threshold``;
    ``hier_f1_fixed`` at 0.5; ``dev_loss``, the cross-entropy of a patent summed over nodes; with a
    tree ``f1@<level>`` at the best threshold.
    """
    curve = micro_curve(labels, Scores(scores, labels.shape))
    best = int(curve.f1.argmax())
    limit = curve.threshold[best]
    rows, columns = labels.nonzero()
    of_true = scores[rows, columns]
    out = {
        "average_precision": curve.average_precision,
        "hier_f1": float(curve.f1[best]),
        "threshold": float(limit),
        "hier_f1_fixed": _f1(of_true >= 0.5, int(np.count_nonzero(scores >= 0.5))),
        "dev_loss": _cross_entropy(scores, of_true),
    }
    if tree is not None:
        for depth, level in enumerate(tree.levels):
            out[f"f1@{level}"] = _f1(
                of_true[tree.depth[columns] == depth] >= limit,
                int(np.count_nonzero(scores[:, tree.at_level(depth)] >= limit)),
            )
    return out


def _f1(found: np.ndarray, predicted: int) -> float:
    """F1 from which of the true labels are predicted, and how many are predicted in all."""
    total = len(found) + predicted
    return 2.0 * float(np.count_nonzero(found)) / total if total else float("nan")


def _cross_entropy(scores: np.ndarray, of_true: np.ndarray) -> float:
    """Binary cross-entropy of a patent, summed over nodes; certainty ends at one in 10^7."""
    least = 1e-7
    if_all_false = -np.log1p(-np.minimum(scores, 1 - least)).sum(dtype=np.float64)
    true = np.clip(of_true.astype(np.float64), least, 1 - least)
    return float((if_all_false + (np.log1p(-true) - np.log(true)).sum()) / len(scores))
