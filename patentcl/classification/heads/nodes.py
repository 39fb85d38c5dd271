"""TMM and THMM: a small network for each node of the tree, computed level by level.

The weights of a level are one array, and there are two ways through it: *all nodes*, a batched
product for every patent and node; and *pairs*, only the (patent, node) pairs that are wanted,
sorted by node, one product for each node's own patents. In training those are the nodes below a
patent's true labels, a twentieth of all; in prediction, the children of nodes that are likely
enough.

References
----------
S. Pujari, A. Friedrich, J. Strötgen, A multi-task approach to neural multi-label hierarchical
patent classification using transformers, ECIR 2021.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator
from typing import Any, ClassVar, NamedTuple, cast

import numpy as np
import torch
from threadpoolctl import ThreadpoolController
from torch import Tensor, nn
from torch.nn import functional as F

from patentcl.classification.decisions import Rules, choose, needed
from patentcl.classification.heads.base import Defaults, HeadSettings, MaskedHead
from patentcl.core.errors import ConfigError
from patentcl.cpc import CpcTree

# ---- products of groups of rows -------------------------------------------------------------


class GroupedProduct(torch.autograd.Function):
    """Rows times the matrix of their group: ``out[a:b] = rows[a:b] @ weight[g]`` for each group.

    Rows are sorted by group. On a CPU each group is one product on views, in the backward pass too;
    on a GPU groups of like size are padded and go together, because launches would dominate.
    """

    @staticmethod
    def forward(ctx: Any, rows: Tensor, weight: Tensor, counts: tuple[int, ...]) -> Tensor:
        """``rows`` (p, a), ``weight`` (groups, a, b), ``counts`` per group -> (p, b)."""
        ctx.save_for_backward(rows, weight)
        ctx.counts = counts
        return _grouped(rows, weight, counts)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, Tensor | None, None]:
        """Gradients of the rows and of the weights."""
        rows, weight = ctx.saved_tensors
        grad, (of_rows, of_weight, _) = grads[0].contiguous(), ctx.needs_input_grad
        return (
            _grouped(grad, weight.transpose(1, 2), ctx.counts) if of_rows else None,
            _grouped_outer(rows, grad, ctx.counts) if of_weight else None,
            None,
        )


def grouped_product(rows: Tensor, weight: Tensor, counts: tuple[int, ...]) -> Tensor:
    """`GroupedProduct`, in the autocast dtype inside an autocast block, like any other product."""
    kind = rows.device.type
    if torch.is_autocast_enabled(kind):
        dtype = torch.get_autocast_dtype(kind)
        rows, weight = rows.to(dtype), weight.to(dtype)
    with torch.autocast(kind, enabled=False):
        return cast(Tensor, GroupedProduct.apply(rows, weight, counts))


def _grouped(rows: Tensor, weight: Tensor, counts: tuple[int, ...]) -> Tensor:
    """Each group's rows times its matrix, (p, b)."""
    out = rows.new_empty(len(rows), weight.shape[2])
    if rows.device.type == "cpu":
        for group, part in _spans(counts):
            torch.mm(rows[part], weight[group], out=out[part])
        return out
    for groups, index, real in _buckets(counts, rows.device):
        out[index[real]] = torch.bmm(rows[index], weight[groups])[real]
    return out


def _grouped_outer(rows: Tensor, grad: Tensor, counts: tuple[int, ...]) -> Tensor:
    """Each group's rows, transposed, times its gradients, (groups, a, b)."""
    out = rows.new_zeros(len(counts), rows.shape[1], grad.shape[1])
    if rows.device.type == "cpu":
        for group, part in _spans(counts):
            torch.mm(rows[part].T, grad[part], out=out[group])
        return out
    for groups, index, real in _buckets(counts, rows.device):
        padded = rows[index] * real.unsqueeze(-1)
        out[groups] = torch.bmm(padded.transpose(1, 2), grad[index])
    return out


def _spans(counts: tuple[int, ...]) -> Iterator[tuple[int, slice]]:
    """Number and rows of each group that has any."""
    start = 0
    for group, count in enumerate(counts):
        if count:
            yield group, slice(start, start + count)
            start += count


def _buckets(counts: tuple[int, ...], device: torch.device) -> Iterator[tuple[Tensor, ...]]:
    """Groups of like size: their numbers (g,), row numbers (g, m) and which of these are real.

    Sizes are rounded up to a power of two, so at most half of a bucket is padding.
    """
    count = np.asarray(counts)
    start = np.cumsum(count) - count
    size = np.zeros(len(count), dtype=np.int64)
    size[count > 0] = 2 ** np.ceil(np.log2(count[count > 0])).astype(np.int64)
    for width in np.unique(size[size > 0]):
        groups = np.flatnonzero(size == width)
        place = np.arange(width)[None, :]
        real = place < count[groups, None]
        index = start[groups, None] + np.where(real, place, 0)
        yield tuple(torch.from_numpy(a).to(device) for a in (groups, index, real))


# ---- the networks of a level ----------------------------------------------------------------


class NodeLevel(nn.Module):
    """The networks of one level's nodes.

    With `above`, the first layer also takes the parent's hidden vector, of that width.
    """

    def __init__(self, n_nodes: int, dim: int, hidden: int, above: int) -> None:
        super().__init__()

        def weight(*shape: int, fan_in: int) -> nn.Parameter:
            bound = fan_in**-0.5  # as nn.Linear draws them
            return nn.Parameter(torch.empty(*shape).uniform_(-bound, bound))

        self.first = weight(n_nodes, dim, hidden, fan_in=dim + above)
        self.first_bias = weight(n_nodes, hidden, fan_in=dim + above)
        self.above = weight(n_nodes, above, hidden, fan_in=dim + above) if above else None
        self.second = weight(n_nodes, hidden, hidden, fan_in=hidden)
        self.second_bias = weight(n_nodes, hidden, fan_in=hidden)
        # A softmax over two outputs is the sigmoid of their difference: the difference is kept.
        self.out = weight(n_nodes, hidden, fan_in=hidden)
        self.out_bias = weight(n_nodes, fan_in=hidden)

    def all_nodes(self, x: Tensor, parent: Tensor | None, dropout: float) -> tuple[Tensor, Tensor]:
        """Logits (n, n_nodes) and hidden vectors (n_nodes, n, hidden) of embeddings (n, dim).

        `parent` holds the hidden vectors of each node's parent, (n_nodes, n, hidden).
        """
        first = torch.matmul(x, self.first) + self.first_bias.unsqueeze(1)
        if parent is not None and self.above is not None:
            first = torch.baddbmm(first, parent, self.above)
        hidden = F.dropout(F.relu(first), dropout, self.training)
        second = torch.baddbmm(self.second_bias.unsqueeze(1), hidden, self.second)
        hidden = F.dropout(F.relu(second), dropout, self.training)
        logits = torch.bmm(hidden, self.out.unsqueeze(2)).squeeze(2) + self.out_bias.unsqueeze(1)
        return logits.T, hidden

    def pairs(
        self,
        x: Tensor,
        row: Tensor,
        node: Tensor,
        parent: tuple[Tensor, Tensor] | None,
        dropout: float,
    ) -> tuple[Tensor, Tensor]:
        """Logits (p,) and hidden vectors (p, hidden) of p pairs sorted by node.

        `x` is (n, dim); `row` and `node`, int64 (p,), are each pair's patent and node, numbered
        within the level and ascending. `parent` holds hidden vectors (q, hidden) of the level
        above, and which of them, int64 (p,), is that of each pair's parent.
        """
        counts = tuple(torch.bincount(node, minlength=len(self.out)).tolist())
        if x.device.type == "cpu" and not torch.is_grad_enabled():
            return self._node_by_node(x, row, counts, parent)
        first = grouped_product(x[row], self.first, counts) + self.first_bias[node]
        if parent is not None and self.above is not None:
            first = first + grouped_product(parent[0][parent[1]], self.above, counts)
        hidden = F.dropout(F.relu(first), dropout, self.training)
        second = grouped_product(hidden, self.second, counts) + self.second_bias[node]
        hidden = F.dropout(F.relu(second), dropout, self.training)
        return (hidden * self.out[node]).sum(dim=1) + self.out_bias[node], hidden

    def _node_by_node(
        self, x: Tensor, row: Tensor, counts: tuple[int, ...], parent: tuple[Tensor, Tensor] | None
    ) -> tuple[Tensor, Tensor]:
        """`pairs` without gradients, each node's patents through its whole network in turn.

        What a node needs stays in a core's cache; all pairs at once would go through memory at
        each step, which takes most of the time. In NumPy, because calls of PyTorch take as long as
        products of this size.
        """
        w = {name: p.detach().float().numpy() for name, p in self.named_parameters()}
        vectors, rows = x.float().numpy(), row.numpy()
        up, which = (t.numpy() for t in parent) if parent is not None else (None, None)
        first, first_bias, above = w["first"], w["first_bias"], w.get("above")
        second, second_bias, out, out_bias = (
            w[k] for k in ("second", "second_bias", "out", "out_bias")
        )
        hidden = np.empty((len(rows), second.shape[2]), dtype=np.float32)
        logits = np.empty(len(rows), dtype=np.float32)
        with _blas().limit(limits=1, user_api="blas"):  # threads would wait for each other
            for k, part in _spans(counts):
                inner = vectors[rows[part]] @ first[k]
                if above is not None and up is not None and which is not None:
                    inner += up[which[part]] @ above[k]
                inner += first_bias[k]
                np.maximum(inner, 0, out=inner)
                np.matmul(inner, second[k], out=hidden[part])
                hidden[part] += second_bias[k]
                np.maximum(hidden[part], 0, out=hidden[part])
                np.matmul(hidden[part], out[k], out=logits[part])
                logits[part] += out_bias[k]
        return torch.from_numpy(logits), torch.from_numpy(hidden)


@functools.cache
def _blas() -> ThreadpoolController:
    return ThreadpoolController()


# ---- the heads ------------------------------------------------------------------------------


class _Pairs(NamedTuple):
    """The (patent, node) pairs of one level that were computed, and what their children need."""

    row: Tensor
    """Patent of each pair, int64 (p,)."""
    node: Tensor
    hidden: Tensor
    """float (p, hidden)."""
    place: Tensor | None
    """Number of each pair, int64 (n, nodes), where children see hidden vectors."""

    def spread(self, values: Tensor, shape: torch.Size) -> Tensor:
        """Values of the pairs as a matrix (n, nodes), 0 elsewhere."""
        return values.new_zeros(shape).index_put((self.row, self.node), values)


class TmmHead(MaskedHead):
    """A network of two hidden layers for each node, on the embedding alone."""

    defaults: ClassVar = Defaults(hidden=64, dropout=0.25, policy="siblings")
    linked: ClassVar[bool] = False
    """Whether a node also sees its parent's hidden vector."""

    def __init__(self, tree: CpcTree, dim: int, settings: HeadSettings) -> None:
        super().__init__(tree, dim, settings)
        if self.hidden < 1:
            raise ConfigError(
                "a head with a network for each node needs a hidden width",
                got=self.hidden,
                wanted="at least 1",
            )
        self.levels = nn.ModuleList(
            NodeLevel(stop - start, dim, self.hidden, self.hidden if self.linked and depth else 0)
            for depth, (start, stop) in enumerate(self.layout.bounds)
        )

    def _level(self, depth: int) -> NodeLevel:
        return cast(NodeLevel, self.levels[depth])

    def start_at(self, rate: np.ndarray) -> None:
        """Set the last biases to the nodes' rates."""
        with torch.no_grad():
            for depth, part in enumerate(self.slices(self.start_logits(rate)[None])):
                self._level(depth).out_bias.copy_(part[0])

    def raw(self, x: Tensor) -> Tensor:
        """Logits (n, n_nodes) of every node."""
        x = F.dropout(x, self.input_dropout, self.training)
        out, hidden = [], None
        for depth in range(len(self.levels)):
            parent = None
            if self.linked and hidden is not None:
                parent = hidden.index_select(0, self.parents(depth))
            logits, hidden = self._level(depth).all_nodes(x, parent, self.dropout)
            out.append(logits)
        return self.join(out)

    def forward(self, x: Tensor, active: Tensor | None = None) -> Tensor:
        """Logits to train on; with active nodes given, only those are computed, 0 elsewhere."""
        if active is None:
            return super().forward(x)
        x = F.dropout(x, self.input_dropout, self.training)
        out: list[Tensor] = []
        pairs = None
        for depth, wanted in enumerate(self.slices(active)):
            logits, pairs = self._pairs(depth, x, wanted, pairs)
            out.append(pairs.spread(logits, wanted.shape))
        return self.join(out)

    def _pairs(
        self, depth: int, x: Tensor, wanted: Tensor, above: _Pairs | None
    ) -> tuple[Tensor, _Pairs]:
        """Logits of a level's wanted pairs, bool (n, nodes), whose parents were wanted too."""
        node, row = wanted.T.nonzero(as_tuple=True)
        parent = place = None
        if above is not None and above.place is not None:
            parent = above.hidden, above.place[row, self.parents(depth)[node]]
        logits, hidden = self._level(depth).pairs(x, row, node, parent, self.dropout)
        if self.linked:
            place = torch.zeros(wanted.shape, dtype=torch.int64, device=row.device)
            place[row, node] = torch.arange(len(row), device=row.device)
        return logits, _Pairs(row, node, hidden, place)

    def predict(self, x: Tensor, least: float | Tensor = 0.0, best: float = 2.0) -> Tensor:
        """Coherent probabilities (n, n_nodes), top-down: below a node under `least` they are 0.

        A child is never likelier than its parent, so what is left out is under `least` (for all
        nodes, or (n_nodes,)) too. `best` is the same for the likeliest of each patent's nodes on a
        level, if that is less; above 1 it is like the others.
        """
        if isinstance(least, float | int) and least <= 0:
            return super().predict(x)
        limits = self.slices(torch.as_tensor(least, device=x.device).expand(1, len(self.tree)))
        out: list[Tensor] = []
        wanted = torch.ones(len(x), limits[0].shape[1], dtype=torch.bool, device=x.device)
        pairs = None
        for depth in range(len(limits)):
            if depth:
                up = self.parents(depth)
                above = out[-1].index_select(1, up)
                wanted = above >= limits[depth - 1].index_select(1, up)
                if best <= 1:
                    value, first = out[-1].max(dim=1, keepdim=True)
                    wanted |= (up == first) & (value >= best)
            logits, pairs = self._pairs(depth, x, wanted, pairs)
            own = pairs.spread(torch.sigmoid(logits.float()), wanted.shape)
            out.append(self.meet(own, above) if depth else own)
        return self.join(out)

    def labels(self, x: Tensor, thresholds: np.ndarray, rules: Rules, prune: float) -> np.ndarray:
        """The labels that `choose` makes of all probabilities, bool (n, n_nodes), from few.

        A node is computed where one below it can reach its threshold, or be the one label that a
        patent is given at least; below nodes less likely than `prune` none is in any case.
        `thresholds` are float32 (n_nodes,).
        """
        tree = self.tree
        below = needed(thresholds, tree, rules.hard)
        least = np.maximum(np.minimum(below, thresholds), prune)
        best = prune if rules.at_least > 0 else np.inf
        scores = self.predict(x, torch.from_numpy(least), best).cpu().numpy()
        chosen = choose(scores, thresholds, tree, rules)
        # Chosen, but nothing below it has been computed: only by the rule of at least one.
        bare = chosen & (tree.depth < rules.at_least) & np.isfinite(below) & (scores < least)
        for depth in range(max(rules.at_least, 0)):
            columns = tree.at_level(depth)
            bare[np.arange(len(bare)), columns[scores[:, columns].argmax(axis=1)]] = False
        again = np.flatnonzero(bare.any(axis=1))
        if again.size:
            scores = self.predict(x[torch.from_numpy(again).to(x.device)], prune).cpu().numpy()
            chosen[again] = choose(scores, thresholds, tree, rules)
        return chosen


class ThmmHead(TmmHead):
    """`TmmHead` whose nodes also see their parent's second hidden vector.

    ``h1 = relu(W [h2(parent); x] + b)``, with x alone at the roots.
    """

    linked = True
