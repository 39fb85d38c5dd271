"""Heads of one hidden trunk that all nodes share: `levels` for all nodes, `flat` for the leaves."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn

from patentcl.classification.heads.base import Head, HeadSettings, MaskedHead, log_odds
from patentcl.cpc import CpcTree


def _trunk(head: Head, layers: int) -> tuple[nn.Sequential, int]:
    """Hidden layers that all nodes share, and their width at the end; none with `hidden` 0."""
    parts: list[nn.Module] = [nn.Dropout(head.input_dropout)]
    width = head.dim
    for _ in range(layers if head.hidden else 0):
        parts += [nn.Linear(width, head.hidden), nn.GELU(), nn.Dropout(head.dropout)]
        width = head.hidden
    return nn.Sequential(*parts), width


class FlatHead(Head):
    """One logit for each leaf; an inner node is as likely as its likeliest leaf.

    A label that is no leaf gives this head nothing to learn from. Mask and policy have no effect.
    """

    def __init__(self, tree: CpcTree, dim: int, settings: HeadSettings) -> None:
        super().__init__(tree, dim, settings)
        self.columns = np.flatnonzero(tree.is_leaf)
        self.trunk, width = _trunk(self, settings.layers)
        self.out = nn.Linear(width, len(self.columns))

    def raw(self, x: Tensor) -> Tensor:
        """Logits (n, n_leaves)."""
        logits: Tensor = self.out(self.trunk(x))
        return logits

    def start_at(self, rate: np.ndarray) -> None:
        """Set the biases to the leaves' rates."""
        with torch.no_grad():
            self.out.bias.copy_(log_odds(rate[self.columns]))

    def probabilities(self, raw: Tensor) -> Tensor:
        """Coherent probabilities (n, n_nodes): sigmoid at the leaves, maxima above them."""
        scores = np.zeros((len(raw), len(self.tree)), dtype=np.float32)
        scores[:, self.columns] = torch.sigmoid(raw.detach().float()).cpu().numpy()
        return torch.from_numpy(self.tree.lift(scores))


class LevelsHead(MaskedHead):
    """A linear layer for each level, on the embedding or on hidden layers that all levels share.

    The levels' layers stand side by side in one matrix, so all of them are one product.
    """

    def __init__(self, tree: CpcTree, dim: int, settings: HeadSettings) -> None:
        super().__init__(tree, dim, settings)
        self.trunk, width = _trunk(self, settings.layers)
        self.out = nn.Linear(width, len(tree))

    def raw(self, x: Tensor) -> Tensor:
        """Logits (n, n_nodes) in tree order."""
        logits: Tensor = self.out(self.trunk(x))
        return logits

    def start_at(self, rate: np.ndarray) -> None:
        """Set the biases to the nodes' rates."""
        with torch.no_grad():
            self.out.bias.copy_(self.start_logits(rate))
