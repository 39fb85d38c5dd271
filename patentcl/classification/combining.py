"""One probability from those of an ensemble: an average, or a regression; both tuned on dev.

References
----------
D. Wolpert, Stacked generalization, Neural Networks 1992.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy import sparse
from scipy.special import expit, logit

from patentcl.cpc import CpcTree
from patentcl.metrics.curves import micro_curve
from patentcl.metrics.inputs import Scores

_LEAST, _RAREST = 1e-3, 1e-5
"""Probabilities and shares of patents nearer to 0 or 1 count as these."""
_PAIRS = 3_000_000
"""Of a patent and a node, from which the regression of a level is measured."""


def average(members: Sequence[np.ndarray], shares: Sequence[float]) -> np.ndarray:
    """Average of coherent probabilities (n_patents, n_nodes), which is coherent.

    One after the other: each member after the first has its share of all up to it.
    """
    scores = members[0]
    for member, share in zip(members[1:], shares, strict=True):
        scores = _mean(scores, member, share)
    return scores


def _mean(own: np.ndarray, other: np.ndarray, share: float) -> np.ndarray:
    if own is other or share == 0:
        return own
    # Written as two monotone terms: rounding cannot lift a child above its parent.
    part = np.float32(share)
    return other if share == 1 else (1 - part) * own + part * other


def find_shares(
    members: Sequence[np.ndarray], labels: sparse.csr_matrix, given: Sequence[float | str]
) -> list[float]:
    """Shares for `average`: for each member after the first as given, or, where that is ``auto``,
    of the best average precision of all up to it.
    """
    shares: list[float] = []
    scores = members[0]
    for member, share in zip(members[1:], given, strict=True):
        if isinstance(share, str):
            grid = np.linspace(0, 1, 11)
            found = [
                micro_curve(labels, Scores(_mean(scores, member, w), labels.shape)) for w in grid
            ]
            share = float(grid[int(np.argmax([curve.average_precision for curve in found]))])
        shares.append(float(share))
        scores = _mean(scores, member, shares[-1])
    return shares


class Stack:
    """A logistic regression of labels on the members' probabilities, one for each level.

    The log odds of a node are ``a + sum_v (b_v + c_v r) z_v + d r + e (m - m_top)``: with ``z_v``
    those by member v, ``r`` those of the share of training patents that carry the node, ``m``
    those by the members' mean, and ``m_top`` the largest ``m`` of the patent at that level. So
    rare nodes may trust other members than common ones, and a node counts less beside a likelier
    one. `maps` (n_levels, 2 * n_members + 3) holds a, b, c, d, e of each level, `rate` (n_nodes,)
    the share of the training patents that carry each node.
    """

    def __init__(self, maps: np.ndarray, rate: np.ndarray) -> None:
        self.maps, self.rate = maps, rate
        self._frequency = _log_odds(rate, _RAREST)

    @classmethod
    def fit(
        cls,
        members: Sequence[np.ndarray],
        labels: sparse.csr_matrix,
        tree: CpcTree,
        rate: np.ndarray,
        seed: int = 0,
    ) -> Stack:
        """Measure the regressions on labelled patents, on a seeded part of very many."""
        from sklearn.linear_model import LogisticRegression

        n = len(members)
        # Where a level has no false label, or no true one: the mean of the log odds.
        plain = np.array([0.0, *[1 / n] * n, *[0.0] * (n + 2)])
        out = cls(np.tile(plain, (len(tree.levels), 1)), rate)
        for depth in range(len(tree.levels)):
            columns = tree.at_level(depth)
            rows = np.random.default_rng(seed).permutation(labels.shape[0])
            rows = np.sort(rows[: max(1, _PAIRS // len(columns))])
            y = labels[rows][:, columns].toarray().ravel()
            if y.all() or not y.any():
                continue
            features = out._features([m[np.ix_(rows, columns)] for m in members], columns)
            x = np.stack([f.ravel() for f in features], axis=1)
            spread = np.maximum(x.std(axis=0), 1e-6)  # what does not vary has no weight
            found = LogisticRegression(max_iter=1000).fit(x / spread, y)
            out.maps[depth] = [found.intercept_[0], *(found.coef_[0] / spread)]
        return out

    def _features(self, members: Sequence[np.ndarray], columns: np.ndarray) -> list[np.ndarray]:
        """All that is weighed, each (n_patents, n_columns), for nodes of one level."""
        each = [_log_odds(m) for m in members]
        mean = _log_odds(sum(members[1:], start=members[0]) / np.float32(len(members)))
        often = np.broadcast_to(self._frequency[columns], mean.shape)
        return [*each, *(z * often for z in each), often, mean - mean.max(axis=1, keepdims=True)]

    def apply(self, members: Sequence[np.ndarray], tree: CpcTree) -> np.ndarray:
        """Coherent probabilities, float32 (n_patents, n_nodes), of the members'."""
        out = np.empty_like(members[0])
        for depth, (start, *weights) in enumerate(self.maps.astype(np.float32)):
            columns = tree.at_level(depth)
            z = np.full((len(out), len(columns)), start, dtype=np.float32)
            features = self._features([m[:, columns] for m in members], columns)
            for weight, feature in zip(weights, features, strict=True):
                z += weight * feature
            out[:, columns] = expit(z)
        return tree.cohere(out)


def _log_odds(p: np.ndarray, least: float = _LEAST) -> np.ndarray:
    odds: np.ndarray = logit(np.clip(p, least, 1 - least).astype(np.float32))
    return odds
