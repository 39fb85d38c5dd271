"""One probability from those of several voices: an average, or a regression; both tuned on dev.

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


def mix(own: np.ndarray, other: np.ndarray, share: float) -> np.ndarray:
    """Average of two coherent sets of probabilities, which is coherent.

    Parameters
    ----------
    own, other : ndarray of float32, shape (n_patents, n_nodes)
    share : float
        Of the second, from 0 to 1.
    """
    if own is other or share == 0:
        return own
    # Written as two monotone terms: rounding cannot lift a child above its parent.
    part = np.float32(share)
    return other if share == 1 else (1 - part) * own + part * other


def mix_all(voices: Sequence[np.ndarray], shares: Sequence[float]) -> np.ndarray:
    """Average of several, one after the other: each further one with its share of all up to it."""
    scores = voices[0]
    for voice, share in zip(voices[1:], shares, strict=True):
        scores = mix(scores, voice, share)
    return scores


def find_shares(
    voices: Sequence[np.ndarray], labels: sparse.csr_matrix, given: Sequence[float | str]
) -> list[float]:
    """Shares for `mix_all`: as given, or one after the other those of the best average precision.

    Parameters
    ----------
    voices : sequence of ndarray of float32, shape (n_patents, n_nodes)
    labels : csr_matrix of bool, shape (n_patents, n_nodes)
    given : sequence of float or "auto"
        For each voice after the first.
    """
    shares: list[float] = []
    scores = voices[0]
    for voice, share in zip(voices[1:], given, strict=True):
        if isinstance(share, str):
            grid = np.linspace(0, 1, 11)
            found = [
                micro_curve(labels, Scores(mix(scores, voice, w), labels.shape)).average_precision
                for w in grid
            ]
            share = float(grid[int(np.argmax(found))])
        shares.append(float(share))
        scores = mix(scores, voice, shares[-1])
    return shares


class Stack:
    """A logistic regression of labels on what the voices say, one for each level.

    The log odds of a node are ``a + sum_v (b_v + c_v r) z_v + d r + e (m - m_top)``: with ``z_v``
    those by voice v, ``r`` those of the share of training patents that carry the node, ``m`` those
    by the voices' mean, and ``m_top`` the largest ``m`` of the patent at that level. So rare nodes
    may trust other voices than common ones, and a node counts less beside a likelier one.

    Parameters
    ----------
    maps : ndarray of float, shape (n_levels, 2 * n_voices + 3)
        For each level: a, b, c, d, e.
    rate : ndarray of float, shape (n_nodes,)
        Share of the training patents that carry each node.
    """

    def __init__(self, maps: np.ndarray, rate: np.ndarray) -> None:
        self.maps, self.rate = maps, rate
        self._frequency = _log_odds(rate, _RAREST)

    @classmethod
    def fit(
        cls,
        voices: Sequence[np.ndarray],
        labels: sparse.csr_matrix,
        tree: CpcTree,
        rate: np.ndarray,
        seed: int = 0,
    ) -> Stack:
        """Measure the regressions on labelled patents.

        Parameters
        ----------
        voices : sequence of ndarray of float32, shape (n_patents, n_nodes)
        labels : csr_matrix of bool, shape (n_patents, n_nodes)
        tree : CpcTree
        rate : ndarray of float, shape (n_nodes,)
        seed : int
            Decides which patents are looked at where there are very many.
        """
        from sklearn.linear_model import LogisticRegression

        n = len(voices)
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
            x = np.stack(
                [
                    f.ravel()
                    for f in out._features([v[np.ix_(rows, columns)] for v in voices], columns)
                ],
                axis=1,
            )
            spread = np.maximum(x.std(axis=0), 1e-6)  # what does not vary has no say
            found = LogisticRegression(max_iter=1000).fit(x / spread, y)
            out.maps[depth] = [found.intercept_[0], *(found.coef_[0] / spread)]
        return out

    def _features(self, voices: Sequence[np.ndarray], columns: np.ndarray) -> list[np.ndarray]:
        """All that is weighed, each (n_patents, n_columns), for nodes of one level."""
        each = [_log_odds(v) for v in voices]
        mean = _log_odds(sum(voices[1:], start=voices[0]) / np.float32(len(voices)))
        often = np.broadcast_to(self._frequency[columns], mean.shape)
        return [*each, *(z * often for z in each), often, mean - mean.max(axis=1, keepdims=True)]

    def apply(self, voices: Sequence[np.ndarray], tree: CpcTree) -> np.ndarray:
        """Coherent probabilities, float32 (n_patents, n_nodes), of the voices'."""
        out = np.empty_like(voices[0])
        for depth, (start, *weights) in enumerate(self.maps.astype(np.float32)):
            columns = tree.at_level(depth)
            z = np.full((len(out), len(columns)), start, dtype=np.float32)
            for weight, feature in zip(
                weights, self._features([v[:, columns] for v in voices], columns), strict=True
            ):
                z += weight * feature
            out[:, columns] = expit(z)
        return tree.cohere(out)


def _log_odds(p: np.ndarray, least: float = _LEAST) -> np.ndarray:
    odds: np.ndarray = logit(np.clip(p, least, 1 - least).astype(np.float32))
    return odds
