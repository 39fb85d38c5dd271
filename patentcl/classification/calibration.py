"""Probabilities that mean what they say: one correction for each level of the tree.

References
----------
C. Guo, G. Pleiss, Y. Sun, K. Weinberger, On calibration of modern neural networks, ICML 2017.
"""

from __future__ import annotations

import numpy as np
from scipy import sparse
from scipy.optimize import minimize_scalar
from scipy.special import expit

from patentcl.core.errors import choose
from patentcl.cpc import CpcTree

METHODS = ("temperature", "isotonic")
_EPS = 1e-7


class Calibration:
    """A monotone map of probabilities for each level.

    ``temperature`` divides a level's log odds by one number and leaves all rankings within the
    level as they are; ``isotonic`` is the best monotone step function, which ties some. `maps`
    holds for each depth the inverse temperature (1,), or knots and their values (2, m).
    """

    def __init__(self, method: str, maps: list[np.ndarray]) -> None:
        self.method, self.maps = choose(method, METHODS, "calibration"), maps

    @classmethod
    def fit(
        cls, method: str, truth: sparse.csr_matrix, scores: np.ndarray, tree: CpcTree
    ) -> Calibration:
        """Fit the maps to labels and coherent probabilities (n_patents, n_nodes)."""
        found = cls(method, [])
        for depth in range(len(tree.levels)):
            columns = tree.at_level(depth)
            p = scores[:, columns].ravel().astype(np.float64)
            y = truth[:, columns].toarray().ravel()
            found.maps.append(_temperature(p, y) if method == "temperature" else _isotonic(p, y))
        return found

    def apply(self, scores: np.ndarray, tree: CpcTree) -> np.ndarray:
        """Corrected probabilities (n_patents, n_nodes), coherent again; what was 0 stays 0."""
        out = np.empty_like(scores)
        for depth, knots in enumerate(self.maps):
            columns = tree.at_level(depth)
            p = scores[:, columns]
            if self.method == "temperature":
                corrected = expit(_log_odds(p.astype(np.float64)) * knots[0])
            else:
                corrected = np.interp(p, knots[0], knots[1])
            out[:, columns] = np.where(p > 0, corrected, 0.0)
        return tree.cohere(out)


def _log_odds(p: np.ndarray) -> np.ndarray:
    p = np.clip(p, _EPS, 1 - _EPS)
    odds: np.ndarray = np.log(p) - np.log1p(-p)
    return odds


def _temperature(p: np.ndarray, y: np.ndarray) -> np.ndarray:
    z = _log_odds(p)
    z_true = z[y].sum()

    def loss(log_scale: float) -> float:
        scaled = np.exp(log_scale) * z
        return float(np.logaddexp(0.0, scaled).sum() - np.exp(log_scale) * z_true)

    best = minimize_scalar(loss, bounds=(-3.0, 3.0), method="bounded")
    return np.array([np.exp(best.x)])


def _isotonic(p: np.ndarray, y: np.ndarray) -> np.ndarray:
    from sklearn.isotonic import IsotonicRegression

    model = IsotonicRegression(y_min=0.0, y_max=1.0).fit(p, y)
    return np.stack([model.X_thresholds_, model.y_thresholds_])
