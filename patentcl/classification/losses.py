"""Losses for many labels at once, by name.

A loss gives one number for each patent and node, from logits and 0/1 targets. What is averaged over
which nodes, and how much a level counts, is up to the training.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from patentcl.core.errors import choose


@dataclass(frozen=True, eq=False)
class LossSettings:
    """What losses may depend on besides logits and targets."""

    alpha: float
    """Weight of a true label against a false one (Mueller & Stone: 2)."""
    rate: Tensor
    """Share of the training patents that carry each node, in (0, 1), float (n_columns,)."""
    level: Tensor
    """Depth of each node, int64 (n_columns,)."""


Loss = Callable[[Tensor, Tensor, LossSettings], Tensor]


def bce(logits: Tensor, targets: Tensor, settings: LossSettings) -> Tensor:
    """Binary cross-entropy in which true labels weigh `alpha`."""
    weight = torch.as_tensor(settings.alpha, device=logits.device)
    return F.binary_cross_entropy_with_logits(logits, targets, reduction="none", pos_weight=weight)


def frequency(logits: Tensor, targets: Tensor, settings: LossSettings) -> Tensor:
    """`bce` in which a rare node's true labels weigh more than those of a common node of its level.

    The weight is ``alpha * sqrt(m / rate)`` with ``m`` the harmonic mean of the level's rates, at
    most ``10 * alpha``: the square root, because the full inverse drowns the common nodes.
    """
    inverse = 1 / settings.rate
    n_levels = int(settings.level.max()) + 1
    total = inverse.new_zeros(n_levels).index_add_(0, settings.level, inverse)
    count = inverse.new_zeros(n_levels).index_add_(0, settings.level, torch.ones_like(inverse))
    mean = (total / count.clamp(min=1))[settings.level]
    weight = settings.alpha * (inverse / mean).sqrt().clamp(max=10.0)
    return F.binary_cross_entropy_with_logits(logits, targets, reduction="none", pos_weight=weight)


LOSSES: dict[str, Loss] = {"bce": bce, "frequency": frequency}


def find_loss(name: str) -> Loss:
    """Look a loss up; an unknown name raises ConfigError with the nearest ones."""
    return LOSSES[choose(name, LOSSES, "loss")]
