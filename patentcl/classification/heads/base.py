"""Neural heads: from embeddings to one probability for each node of a label tree.

A head maps embeddings ``(n, d)`` to *raw* logits, one for each node (or each leaf), and raw logits
to probabilities that are coherent: a child is never likelier than its parent. How the second step
treats a node's parent is the head's mask:

``none``
    Each node answers for itself; a child is lowered to its parent where it is above.
``hard``
    The same numbers; whoever decides drops a child whose parent is not predicted.
``soft``
    A node's logit is about patents that carry its parent, and its probability is the product of the
    sigmoids along its path.

Heads take tensors and know nothing of texts, encoders, thresholds or files.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

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
    """Shape of a head.

    Parameters
    ----------
    hidden : int, optional
        Width of the hidden layers; 0 for none (``flat`` and ``levels`` only). None is 1024, 64 for
        ``tmm`` and ``thmm``, which have hidden layers for each node, and 512 for ``harnn``.
    layers : int
        Number of hidden layers that all nodes share (``flat`` and ``levels``).
    dropout : float, optional
        Share of hidden units dropped in training. None is 0.5, and 0.25 for ``tmm`` and ``thmm``.
    input_dropout : float
        Share of the entries of an embedding dropped in training.
    mask : {"none", "hard", "soft"}
        How a node depends on its parent; see the module. ``flat`` and ``harnn`` have no use for it.
    policy : {"path", "siblings", "all"}, optional
        What a node's logit is trained on: its probability as it is predicted, product and all
        (``path``); only the patents that carry its parent (``siblings``); every patent (``all``).
        Without the product, ``path`` and ``all`` are the same. None is ``path``, and ``siblings``
        for ``tmm`` and ``thmm``, which then compute a twentieth of their nodes in training.
    rank : int, optional
        For ``tmm`` and ``thmm``: the first matrix of each node is the product of a matrix of this
        width that the level shares and a small one of its own; far fewer weights. None for none.
    """

    hidden: int | None = None
    layers: int = 1
    dropout: float | None = None
    input_dropout: float = 0.2
    mask: str = "soft"
    policy: str | None = None
    rank: int | None = None

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
        if self.rank is not None and self.rank < 1:
            raise ConfigError("rank is too small", got=self.rank, wanted="at least 1, or None")
        for name in ("dropout", "input_dropout"):
            if not 0 <= (getattr(self, name) or 0) < 1:
                raise ConfigError(
                    f"{name} out of range", got=getattr(self, name), wanted="0 or more, below 1"
                )

    def filled(self, own: HeadSettings) -> HeadSettings:
        """The same with a head's own settings where they are None."""
        return replace(
            self,
            hidden=own.hidden if self.hidden is None else self.hidden,
            dropout=own.dropout if self.dropout is None else self.dropout,
            policy=self.policy or own.policy,
        )


class Layout:
    """The nodes of a tree sorted by depth, so that every level is one slice of the columns.

    Parameters
    ----------
    tree : CpcTree

    Attributes
    ----------
    order : ndarray of int64, shape (n_nodes,) or None
        Tree column of each sorted column; None where the tree is sorted already, as nearly all are.
    bounds : list of (int, int)
        First and last + 1 sorted column of each depth.
    parents : list of ndarray of int64
        For each depth, the place of each node's parent within the slice above; empty for the roots.

    Examples
    --------
    >>> layout = Layout(CpcTree.from_symbols(["A01B", "A01C", "B60K"]))
    >>> layout.bounds, [p.tolist() for p in layout.parents]
    ([(0, 2), (2, 4), (4, 7)], [[], [0, 1], [0, 0, 1]])
    """

    def __init__(self, tree: CpcTree) -> None:
        depth = tree.depth
        order = np.argsort(depth, kind="stable")
        self.order = None if np.array_equal(order, np.arange(len(tree))) else order
        stops = np.cumsum(np.bincount(depth))
        self.bounds = [(int(a), int(b)) for a, b in zip([0, *stops[:-1]], stops, strict=True)]
        place = np.empty(len(tree), dtype=np.int64)  # within its own level
        for start, stop in self.bounds:
            place[order[start:stop]] = np.arange(stop - start)
        self.parents = [np.empty(0, dtype=np.int64)]
        self.parents += [place[tree.parent[order[start:stop]]] for start, stop in self.bounds[1:]]


class Head(nn.Module):
    """What all heads share: which columns their logits stand for, and the way to probabilities.

    Parameters
    ----------
    tree : CpcTree
    dim : int
        Width of the embeddings.
    settings : HeadSettings

    Notes
    -----
    A subclass defines ``raw(x)``: logits ``(n, len(columns))`` in the order of `columns`.
    """

    columns: np.ndarray
    """Tree columns (int64) that the logits stand for."""
    own = HeadSettings(hidden=1024, dropout=0.5, policy="path")
    """What holds where the settings leave it open."""

    def __init__(self, tree: CpcTree, dim: int, settings: HeadSettings) -> None:
        super().__init__()
        self.tree, self.dim = tree, dim
        self.settings = settings.filled(self.own)
        self.layout = Layout(tree)
        self.columns = np.arange(len(tree))
        for depth, parents in enumerate(self.layout.parents):
            self.register_buffer(f"parents_{depth}", torch.from_numpy(parents), persistent=False)

    def raw(self, x: Tensor) -> Tensor:
        """Logits (n, len(columns)) of embeddings (n, dim)."""
        raise NotImplementedError

    def start_at(self, rate: np.ndarray) -> None:
        """Let the untrained head predict the share of patents that carry each node.

        Parameters
        ----------
        rate : ndarray of float, shape (n_nodes,)
            In (0, 1).
        """
        raise NotImplementedError

    # ---- logits for the loss ----------------------------------------------------------------

    def forward(self, x: Tensor, active: Tensor | None = None) -> Tensor:
        """Logits to train on, (n, len(columns)); with soft mask and path policy, the products'.

        Parameters
        ----------
        x : Tensor of float, shape (n, dim)
        active : Tensor of bool, shape (n, len(columns)), optional
            What the loss will look at; a head may leave out the rest.
        """
        raw = self.raw(x)
        if self.settings.mask == "soft" and self.settings.policy == "path":
            return self._path_logits(raw)
        return raw

    def active(self, targets: Tensor) -> Tensor | None:
        """Which nodes learn from which patents, bool (n, len(columns)); None for all of them.

        Parameters
        ----------
        targets : Tensor of float, shape (n, len(columns))
        """
        if self.settings.policy != "siblings":
            return None
        up = torch.from_numpy(np.maximum(self.tree.parent, 0).astype(np.int64)).to(targets.device)
        root = torch.from_numpy(self.tree.parent < 0).to(targets.device)
        return (targets > 0)[:, up] | root

    def _slices(self, scores: Tensor) -> list[Tensor]:
        if self.layout.order is not None:
            scores = scores[:, torch.from_numpy(self.layout.order).to(scores.device)]
        return [scores[:, start:stop] for start, stop in self.layout.bounds]

    def _join(self, levels: Sequence[Tensor]) -> Tensor:
        joined = torch.cat(list(levels), dim=1)
        if self.layout.order is None:
            return joined
        back = torch.from_numpy(np.argsort(self.layout.order)).to(joined.device)
        return joined[:, back]

    def _down(self, levels: list[Tensor], meet: Callable[[Tensor, Tensor], Tensor]) -> Tensor:
        """Meet each level with its parents' finished values, from the roots down."""
        done = [levels[0]]
        for depth in range(1, len(levels)):
            parents = getattr(self, f"parents_{depth}")
            done.append(meet(levels[depth], done[-1].index_select(1, parents)))
        return self._join(done)

    def _path_logits(self, raw: Tensor) -> Tensor:
        """Logits of the products of sigmoids along each path, in log space."""
        logs = self._down([F.logsigmoid(part) for part in self._slices(raw.float())], torch.add)
        return logs - _log1mexp(logs)

    # ---- probabilities ----------------------------------------------------------------------

    def probabilities(self, raw: Tensor) -> Tensor:
        """Coherent probabilities, float32 (n, n_nodes), of raw logits (n, len(columns))."""
        levels = self._slices(torch.sigmoid(raw.float()))
        return self._down(levels, torch.mul if self.settings.mask == "soft" else torch.minimum)

    def predict(self, x: Tensor, least: float = 0.0) -> Tensor:
        """Coherent probabilities (n, n_nodes) of embeddings (n, dim).

        Parameters
        ----------
        x : Tensor of float, shape (n, dim)
        least : float
            Below a node less likely than this a head may give 0 instead of computing.
        """
        return self.probabilities(self.raw(x))


def _log1mexp(x: Tensor) -> Tensor:
    """``log(1 - exp(x))`` for x < 0, exact near 0 and far below it."""
    x = x.clamp(max=-1e-7)
    near = x > -0.6931
    # Both branches are differentiated, so each is fed a harmless value where the other is used.
    close = torch.log(-torch.expm1(torch.where(near, x, torch.full_like(x, -0.5))))
    far = torch.log1p(-torch.exp(torch.where(near, torch.full_like(x, -1.0), x)))
    return torch.where(near, close, far)


def logit(rate: np.ndarray) -> Tensor:
    """Log odds of rates in (0, 1), as float32."""
    return torch.from_numpy(np.log(rate / (1 - rate))).float()


def _trunk(dim: int, settings: HeadSettings) -> tuple[nn.Sequential, int]:
    """Hidden layers that all nodes share, and their width at the end."""
    hidden, dropout = settings.hidden or 0, settings.dropout or 0.0
    parts: list[nn.Module] = [nn.Dropout(settings.input_dropout)]
    width = dim
    for _ in range(settings.layers if hidden else 0):
        parts += [nn.Linear(width, hidden), nn.GELU(), nn.Dropout(dropout)]
        width = hidden
    return nn.Sequential(*parts), width


class FlatHead(Head):
    """Hidden layers and one logit for each leaf; an inner node is as likely as its likeliest leaf.

    A label that is no leaf gives this head nothing to learn from.
    """

    def __init__(self, tree: CpcTree, dim: int, settings: HeadSettings) -> None:
        super().__init__(tree, dim, settings)
        self.columns = np.flatnonzero(tree.is_leaf)
        self.trunk, width = _trunk(dim, self.settings)
        self.out = nn.Linear(width, len(self.columns))

    def raw(self, x: Tensor) -> Tensor:
        """Logits (n, n_leaves)."""
        logits: Tensor = self.out(self.trunk(x))
        return logits

    def start_at(self, rate: np.ndarray) -> None:
        """Set the biases to the leaves' rates."""
        with torch.no_grad():
            self.out.bias.copy_(logit(rate[self.columns]))

    def forward(self, x: Tensor, active: Tensor | None = None) -> Tensor:
        """Logits (n, n_leaves); leaves do not depend on one another."""
        return self.raw(x)

    def active(self, targets: Tensor) -> Tensor | None:
        """None: every leaf learns from every patent."""
        return None

    def probabilities(self, raw: Tensor) -> Tensor:
        """Coherent probabilities (n, n_nodes): sigmoid at the leaves, maxima above them."""
        scores = np.zeros((len(raw), len(self.tree)), dtype=np.float32)
        scores[:, self.columns] = torch.sigmoid(raw.detach().float()).cpu().numpy()
        return torch.from_numpy(self.tree.lift(scores))


class LevelsHead(Head):
    """One linear layer for each level, on the embedding or on hidden layers that all levels share.

    The levels' layers stand side by side in one matrix, so all of them are one product.
    """

    def __init__(self, tree: CpcTree, dim: int, settings: HeadSettings) -> None:
        super().__init__(tree, dim, settings)
        self.trunk, width = _trunk(dim, self.settings)
        self.out = nn.Linear(width, len(tree))

    def raw(self, x: Tensor) -> Tensor:
        """Logits (n, n_nodes) in tree order."""
        logits: Tensor = self.out(self.trunk(x))
        return logits

    def start_at(self, rate: np.ndarray) -> None:
        """Set the biases to the nodes' rates, given the parent where a logit means that."""
        given = self.settings.mask == "soft" and self.settings.policy != "all"
        with torch.no_grad():
            self.out.bias.copy_(logit(given_parent(rate, self.tree) if given else rate))


def given_parent(rate: np.ndarray, tree: CpcTree) -> np.ndarray:
    """Rates among the patents that carry the parent, kept inside (0, 1)."""
    parent = tree.parent
    above = np.where(parent >= 0, rate[np.maximum(parent, 0)], 1.0)
    return np.clip(rate / above, 1e-6, 0.99)


HEADS = ("flat", "levels", "tmm", "thmm", "harnn")
"""Names of the heads."""


def _head_class(name: str) -> type[Head]:
    from patentcl.classification.heads.harnn import HarnnHead  # which build on this module
    from patentcl.classification.heads.nodes import ThmmHead, TmmHead

    classes: dict[str, type[Head]] = {
        "flat": FlatHead,
        "levels": LevelsHead,
        "tmm": TmmHead,
        "thmm": ThmmHead,
        "harnn": HarnnHead,
    }
    if name not in classes:
        raise ConfigError("unknown head", got=name, fix=did_you_mean(name, HEADS))
    return classes[name]


def build_head(name: str, tree: CpcTree, dim: int, settings: HeadSettings | None = None) -> Head:
    """Make an untrained head.

    Parameters
    ----------
    name : {"flat", "levels", "tmm", "thmm", "harnn"}
    tree : CpcTree
    dim : int
        Width of the embeddings.
    settings : HeadSettings, optional

    Raises
    ------
    ConfigError
        If the name is not known.

    Examples
    --------
    >>> tree = CpcTree.from_symbols(["A01B", "A01C", "B60K"])
    >>> head = build_head("levels", tree, dim=8, settings=HeadSettings(hidden=0))
    >>> head.probabilities(head.raw(torch.zeros(2, 8))).shape
    torch.Size([2, 7])
    """
    return _head_class(name)(tree, dim, settings or HeadSettings())
