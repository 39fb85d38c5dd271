"""Heads of one hidden trunk that all nodes share: `levels` for all nodes, `flat` for the leaves."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn

from patentcl.classification.heads.base import Head, HeadSettings, MaskedHead
from patentcl.cpc import CpcTree


class _OnTrunk(Head):
    """Logits of hidden layers that all nodes share; of none with `hidden` 0."""

    def __init__(self, tree: CpcTree, dim: int, settings: HeadSettings) -> None:
        super().__init__(tree, dim, settings)
        parts: list[nn.Module] = [nn.Dropout(self.input_dropout)]
        for _ in range(settings.layers if self.hidden else 0):
            parts += [nn.Linear(dim, self.hidden), nn.GELU(), nn.Dropout(self.dropout)]
            dim = self.hidden
        self.trunk, self.out = nn.Sequential(*parts), nn.Linear(dim, len(self.columns))

    def raw(self, x: Tensor) -> Tensor:
        """Logits (n, len(columns))."""
        logits: Tensor = self.out(self.trunk(x))
        return logits

    def start_at(self, rate: np.ndarray) -> None:
        """Set the biases to the nodes' rates."""
        with torch.no_grad():
            self.out.bias.copy_(self.start_logits(rate)[self.columns])


class FlatHead(_OnTrunk):
    """One logit for each leaf; an inner node is as likely as its likeliest leaf.

    A label that is no leaf gives this head nothing to learn from. Mask and policy have no effect.
    """

    leaves_only = True

    def probabilities(self, raw: Tensor) -> Tensor:
        """Coherent probabilities (n, n_nodes): sigmoid at the leaves, maxima above them."""
        scores = np.zeros((len(raw), len(self.tree)), dtype=np.float32)
        scores[:, self.columns] = torch.sigmoid(raw.detach().float()).cpu().numpy()
        return torch.from_numpy(self.tree.lift(scores))


class LevelsHead(_OnTrunk, MaskedHead):
    """A linear layer for each level, on the embedding or on hidden layers that all levels share.

    The levels' layers stand side by side in one matrix, so all of them are one product.
    """
