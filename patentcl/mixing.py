"""Averages of several voices' probabilities, in shares that are found on dev."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy import sparse

from patentcl.metrics.curves import micro_curve
from patentcl.metrics.inputs import Scores


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


def find_shares(voices: Sequence[np.ndarray], labels: sparse.csr_matrix,
                given: Sequence[float | str]) -> list[float]:
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
            found = [micro_curve(labels, Scores(mix(scores, voice, w), labels.shape)
                                 ).average_precision for w in grid]
            share = float(grid[int(np.argmax(found))])
        shares.append(float(share))
        scores = mix(scores, voice, shares[-1])
    return shares
