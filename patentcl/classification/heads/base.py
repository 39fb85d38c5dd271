"""What heads share: the columns of a level, masks, and the way from logits to probabilities.

A head maps embeddings to *raw* logits, and these to coherent probabilities: a child is never
likelier than its parent. Heads take tensors and know nothing of texts, thresholds or files.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from patentcl.core.errors import ConfigError, did_you_mean
from patentcl.cpc import CpcTree

MASKS = ("none", "hard", "soft")
POLICIES = ("path", "siblings", "all")


@dataclass(frozen=True)
class HeadSettings:
    """Shape of a head; see the parameters of `patentcl.PatentClassifier` of the same names."""

    hidden: int | None = None
    layers: int = 1
    dropout: float | None = None
    input_dropout: float = 0.2
    mask: str = "soft"
    policy: str | None = None

    def __post_init__(self) -> None:
        for name, value, known in (("mask", self.mask, MASKS), ("policy", self.policy, POLICIES)):
            if value is not None and value not in known:
                raise ConfigError(
                    f"unknown {name}",
                    got=value,
                    wanted=", ".join(known),
                    fix=did_you_mean(value, known),
                )
        if (self.hidden or 0) < 0 or self.layers < 1:
            raise ConfigError(
                "a head needs hidden >= 0 and layers >= 1",
                got=f"hidden={self.hidden}, layers={self.layers}",
            )
        for name in ("dropout", "input_dropout"):
            if not 0 <= (getattr(self, name) or 0) < 1:
                raise ConfigError(
                    f"{name} out of range", got=getattr(self, name), wanted="0 or more, below 1"
                )


class Defaults(NamedTuple):
    """A head's own values of the settings that may be None."""

    hidden: int
    dropout: float
    policy: str


class Layout:
    """The nodes of a tree sorted by depth, so that every level is one slice of the columns.

    `order` is the tree column of each sorted one, int64 (n_nodes,), or None where the tree is
    sorted already, as nearly all are; `bounds` the first and last + 1 sorted column of each depth;
    `parents` the place of each node's parent within the slice above, int64, empty for the roots.

    Examples
    --------
    >>> layout = Layout(CpcTree.from_symbols(["A01B", "A01C", "B60K"]))
    >>> layout.bounds, [p.tolist() for p in layout.parents]
    ([(0, 2), (2, 4), (4, 7)], [[], [0, 1], [0, 0, 1]])
    """

    def __init__(self, tree: CpcTree) -> None:
        order = np.argsort(tree.depth, kind="stable")
        self.order = None if np.array_equal(order, np.arange(len(tree))) else order
        stops = np.cumsum(np.bincount(tree.depth)).tolist()
        self.bounds = list(zip([0, *stops[:-1]], stops, strict=True))
        place = np.empty(len(tree), dtype=np.int64)  # within its own level
        for start, stop in self.bounds:
            place[order[start:stop]] = np.arange(stop - start)
        self.parents = [np.empty(0, dtype=np.int64)]
        self.parents += [place[tree.parent[order[start:stop]]] for start, stop in self.bounds[1:]]


class Head(nn.Module):
    """A head of a tree for embeddings of width `dim`.

    A subclass defines `raw` and `probabilities`, and `start_at` through `start_logits`.
    """

    defaults: ClassVar = Defaults(hidden=1024, dropout=0.5, policy="path")
    leaves_only: ClassVar = False

    def __init__(self, tree: CpcTree, dim: int, settings: HeadSettings) -> None:
        super().__init__()
        own = self.defaults
        self.tree, self.dim = tree, dim
        self.hidden = own.hidden if settings.hidden is None else settings.hidden
        self.dropout = own.dropout if settings.dropout is None else settings.dropout
        self.input_dropout = settings.input_dropout
        self.mask, self.policy = settings.mask, settings.policy or own.policy
        self.layout = Layout(tree)
        self.columns = np.flatnonzero(tree.is_leaf) if self.leaves_only else np.arange(len(tree))
        """Tree columns (int64) that the logits stand for."""
        for depth, parents in enumerate(self.layout.parents):
            self.register_buffer(f"parents_{depth}", torch.from_numpy(parents), persistent=False)

    def raw(self, x: Any) -> Tensor:
        """Logits (n, len(columns)) of embeddings (n, dim)."""
        raise NotImplementedError

    def probabilities(self, raw: Tensor) -> Tensor:
        """Coherent probabilities, float32 (n, n_nodes), of raw logits (n, len(columns))."""
        raise NotImplementedError

    def start_at(self, rate: np.ndarray) -> None:
        """Let the untrained head predict the share of patents that carry each node.

        `rate` is float (n_nodes,), in (0, 1).
        """
        raise NotImplementedError

    def start_logits(self, rate: np.ndarray) -> Tensor:
        """Log odds (n_nodes,) of rates."""
        return log_odds(rate)

    def forward(self, x: Any, active: Tensor | None = None) -> Tensor:
        """Logits to train on, (n, len(columns)), of embeddings (n, dim).

        `active`, bool of the same shape, says what the loss will look at: a head may leave out the
        rest.
        """
        return self.raw(x)

    def active(self, targets: Tensor) -> Tensor | None:
        """Which nodes learn from which patents, bool (n, len(columns)); None for all of them.

        `targets` are 0 and 1, float (n, len(columns)).
        """
        return None

    def predict(self, x: Any, least: float = 0.0) -> Tensor:
        """Coherent probabilities (n, n_nodes) of embeddings (n, dim).

        Below a node less likely than `least` a head may give 0 instead of computing.
        """
        return self.probabilities(self.raw(x))

    # ---- levels -----------------------------------------------------------------------------

    def parents(self, depth: int) -> Tensor:
        """Place of each node's parent within the level above, int64; empty for the roots."""
        return getattr(self, f"parents_{depth}")

    def slices(self, scores: Tensor) -> list[Tensor]:
        """Split columns in tree order (n, n_nodes) into levels."""
        if self.layout.order is not None:
            scores = scores[:, torch.from_numpy(self.layout.order).to(scores.device)]
        return [scores[:, start:stop] for start, stop in self.layout.bounds]

    def join(self, levels: Sequence[Tensor]) -> Tensor:
        """Put levels together again, (n, n_nodes) in tree order."""
        joined = torch.cat(list(levels), dim=1)
        if self.layout.order is None:
            return joined
        return joined[:, torch.from_numpy(np.argsort(self.layout.order)).to(joined.device)]

    def descend(self, scores: Tensor, meet: Callable[[Tensor, Tensor], Tensor]) -> Tensor:
        """Combine each level (n, n_nodes in all) with its parents' results, from the roots down."""
        levels = self.slices(scores)
        for depth in range(1, len(levels)):
            above = levels[depth - 1].index_select(1, self.parents(depth))
            levels[depth] = meet(levels[depth], above)
        return self.join(levels)


class MaskedHead(Head):
    """A head with one logit for each node, which depends on its parent as the mask says.

    With mask ``soft`` a logit is about patents that carry the node's parent, and a probability is
    the product of the sigmoids along its path; otherwise a node is at most as likely as its
    parent. (``hard`` differs from ``none`` in decisions only.)

    The policy says what a logit is trained on: the probability as it is predicted, product and all
    (``path``); only the patents that carry the parent (``siblings``); every patent (``all``).
    Without the product ``path`` and ``all`` are the same.
    """

    def start_logits(self, rate: np.ndarray) -> Tensor:
        """Log odds (n_nodes,) of rates, given the parent where that is what a logit means."""
        if self.mask == "soft" and self.policy != "all":
            parent = self.tree.parent
            above = np.where(parent >= 0, rate[np.maximum(parent, 0)], 1.0)
            rate = np.clip(rate / above, 1e-6, 0.99)
        return log_odds(rate)

    def forward(self, x: Any, active: Tensor | None = None) -> Tensor:
        """Logits to train on, (n, n_nodes); with soft mask and path policy, the products'."""
        raw = self.raw(x)
        return self.path_logits(raw) if self.mask == "soft" and self.policy == "path" else raw

    def path_logits(self, raw: Tensor) -> Tensor:
        """Logits of the products of sigmoids along each path, in log space."""
        logs = self.descend(F.logsigmoid(raw.float()), torch.add)
        return logs - log1mexp(logs)

    def active(self, targets: Tensor) -> Tensor | None:
        """With policy ``siblings``, the children of a patent's nodes, and all roots."""
        if self.policy != "siblings":
            return None
        up = torch.from_numpy(np.maximum(self.tree.parent, 0).astype(np.int64)).to(targets.device)
        root = torch.from_numpy(self.tree.parent < 0).to(targets.device)
        return (targets > 0)[:, up] | root

    def probabilities(self, raw: Tensor) -> Tensor:
        """Coherent probabilities, float32 (n, n_nodes), of raw logits (n, n_nodes)."""
        return self.descend(torch.sigmoid(raw.float()), self.meet)

    def meet(self, own: Tensor, above: Tensor) -> Tensor:
        """A node's probability from its own and its parent's."""
        return own * above if self.mask == "soft" else torch.minimum(own, above)


def log_odds(rate: np.ndarray) -> Tensor:
    """Log odds of rates in (0, 1), as float32."""
    return torch.from_numpy(np.log(rate / (1 - rate))).float()


def log1mexp(x: Tensor) -> Tensor:
    """``log(1 - exp(x))`` for x < 0, exact near 0 and far below it."""
    x = x.clamp(max=-1e-7)
    near = x > -0.6931
    # Both branches are differentiated, so each is fed a harmless value where the other is used.
    close = torch.log(-torch.expm1(torch.where(near, x, torch.full_like(x, -0.5))))
    far = torch.log1p(-torch.exp(torch.where(near, torch.full_like(x, -1.0), x)))
    return torch.where(near, close, far)
