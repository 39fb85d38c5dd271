"""TMM and THMM: a small network for each node of the tree, computed level by level.

Both give a node two hidden layers and a decision of its own; in THMM the first layer also sees the
parent's second hidden vector. Written node by node that is one small network for each of hundreds
of nodes. Here the weights of a level are one array, and there are two ways through it:

- *all nodes*: a level is a batched product, for every patent and node;
- *active pairs*: only the (patent, node) pairs that are wanted, sorted by node, one product for
  each node's own patents. In training those are the nodes below a patent's true labels, a twentieth
  of all; in prediction, the children of nodes that are likely enough.

References
----------
S. Pujari, A. Friedrich, J. Strötgen, A multi-task approach to neural multi-label hierarchical
patent classification using transformers, ECIR 2021.
"""

from __future__ import annotations

import functools
from typing import Any, cast

import numpy as np
import torch
from threadpoolctl import ThreadpoolController
from torch import Tensor, nn
from torch.nn import functional as F

from patentcl.classification.heads.base import Head, HeadSettings, given_parent, logit
from patentcl.core.errors import ConfigError
from patentcl.cpc import CpcTree


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
        grad = grads[0].contiguous()
        grad_rows = (
            _grouped(grad, weight.transpose(1, 2), ctx.counts) if ctx.needs_input_grad[0] else None
        )
        grad_weight = _grouped_outer(rows, grad, ctx.counts) if ctx.needs_input_grad[1] else None
        return grad_rows, grad_weight, None


def grouped_product(rows: Tensor, weight: Tensor, counts: tuple[int, ...]) -> Tensor:
    """`GroupedProduct`, in half precision inside an autocast block, like any other product."""
    kind = rows.device.type
    if torch.is_autocast_enabled(kind):
        half = torch.get_autocast_dtype(kind)
        rows, weight = rows.to(half), weight.to(half)
    with torch.autocast(kind, enabled=False):
        return cast(Tensor, GroupedProduct.apply(rows, weight, counts))


def _grouped(rows: Tensor, weight: Tensor, counts: tuple[int, ...]) -> Tensor:
    out = rows.new_empty(len(rows), weight.shape[2])
    if rows.device.type == "cpu":
        start = 0
        for group, count in enumerate(counts):
            if count:
                torch.mm(rows[start : start + count], weight[group], out=out[start : start + count])
                start += count
        return out
    for groups, index, real in _buckets(counts, rows.device):
        out[index[real]] = torch.bmm(rows[index], weight[groups])[real]
    return out


def _grouped_outer(rows: Tensor, grad: Tensor, counts: tuple[int, ...]) -> Tensor:
    out = rows.new_zeros(len(counts), rows.shape[1], grad.shape[1])
    if rows.device.type == "cpu":
        start = 0
        for group, count in enumerate(counts):
            if count:
                part = slice(start, start + count)
                torch.mm(rows[part].T, grad[part], out=out[group])
                start += count
        return out
    for groups, index, real in _buckets(counts, rows.device):
        padded = rows[index] * real.unsqueeze(-1)
        out[groups] = torch.bmm(padded.transpose(1, 2), grad[index])
    return out


def _buckets(counts: tuple[int, ...], device: torch.device) -> list[tuple[Tensor, Tensor, Tensor]]:
    """Groups of like size: their numbers (g,), row numbers (g, m) and which of these are real.

    Sizes are rounded up to a power of two, so at most half of a bucket is padding.
    """
    count = np.asarray(counts)
    start = np.concatenate([[0], np.cumsum(count)[:-1]])
    size = np.zeros(len(count), dtype=np.int64)
    size[count > 0] = 2 ** np.ceil(np.log2(count[count > 0])).astype(np.int64)
    out = []
    for width in np.unique(size[size > 0]):
        groups = np.flatnonzero(size == width)
        place = np.arange(width)[None, :]
        real = place < count[groups, None]
        index = np.where(real, start[groups, None] + place, start[groups, None])
        out.append(
            (
                torch.from_numpy(groups).to(device),
                torch.from_numpy(index).to(device),
                torch.from_numpy(real).to(device),
            )
        )
    return out


class NodeLevel(nn.Module):
    """The networks of one level's nodes.

    Parameters
    ----------
    n_nodes, dim, hidden : int
    above : int
        Width of the parent's hidden vector that the first layer also takes; 0 for none.
    rank : int
        If above 0, a node's first matrix is the product of one that all nodes of the level share,
        ``(dim, rank)``, and one of its own, ``(rank, hidden)``.
    """

    def __init__(self, n_nodes: int, dim: int, hidden: int, above: int, rank: int = 0) -> None:
        super().__init__()

        def drawn(*shape: int, fan_in: int) -> nn.Parameter:
            bound = fan_in**-0.5  # as nn.Linear draws them
            return nn.Parameter(torch.empty(*shape).uniform_(-bound, bound))

        self.shared = None
        if rank:  # drawn so that what it gives is as large as what it is given
            self.shared = nn.Parameter(torch.empty(dim, rank).uniform_(-1, 1) * (3 / dim) ** 0.5)
            dim = rank
        self.first = drawn(n_nodes, dim, hidden, fan_in=dim + above)
        self.first_bias = drawn(n_nodes, hidden, fan_in=dim + above)
        self.above = drawn(n_nodes, above, hidden, fan_in=dim + above) if above else None
        self.second = drawn(n_nodes, hidden, hidden, fan_in=hidden)
        self.second_bias = drawn(n_nodes, hidden, fan_in=hidden)
        # A softmax over two outputs is the sigmoid of their difference: the difference is kept.
        self.out = drawn(n_nodes, hidden, fan_in=hidden)
        self.out_bias = drawn(n_nodes, fan_in=hidden)

    def narrow(self, x: Tensor) -> Tensor:
        """Embeddings as the nodes' own matrices take them, (n, dim) or (n, rank)."""
        return x if self.shared is None else x @ self.shared

    def all_nodes(self, x: Tensor, parent: Tensor | None, dropout: float) -> tuple[Tensor, Tensor]:
        """Logits (n, n_nodes) and hidden vectors (n_nodes, n, hidden) of every patent.

        Parameters
        ----------
        x : Tensor, shape (n, dim) or (n, rank)
            As `narrow` gives them.
        parent : Tensor, shape (n_nodes, n, hidden), optional
            Hidden vectors of each node's parent.
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

        Parameters
        ----------
        x : Tensor, shape (n, dim) or (n, rank)
            Embeddings, as `narrow` gives them.
        row, node : Tensor of int64, shape (p,)
            Patent and node of each pair; nodes ascend, and are numbered within the level.
        parent : (Tensor, shape (q, hidden), Tensor of int64, shape (p,)), optional
            Hidden vectors of the level above, and which of them is that of each pair's parent.
        """
        counts = tuple(torch.bincount(node, minlength=len(self.out)).tolist())
        if x.device.type == "cpu" and not torch.is_grad_enabled():
            return self._in_turn(x, row, counts, parent)
        first = grouped_product(x[row], self.first, counts) + self.first_bias[node]
        if parent is not None and self.above is not None:
            first = first + grouped_product(parent[0][parent[1]], self.above, counts)
        hidden = F.dropout(F.relu(first), dropout, self.training)
        second = grouped_product(hidden, self.second, counts) + self.second_bias[node]
        hidden = F.dropout(F.relu(second), dropout, self.training)
        return (hidden * self.out[node]).sum(dim=1) + self.out_bias[node], hidden

    def _in_turn(
        self, x: Tensor, row: Tensor, counts: tuple[int, ...], parent: tuple[Tensor, Tensor] | None
    ) -> tuple[Tensor, Tensor]:
        """`pairs` without gradients, each node's patents through its whole network in turn.

        What a node needs stays in a core's cache; all pairs at once would go through memory at
        each step, which takes most of the time. In NumPy, because calls of PyTorch take as long as
        products of this size.
        """
        first, bias, second, second_bias, out, out_bias = (
            t.detach().float().numpy()
            for t in (
                self.first,
                self.first_bias,
                self.second,
                self.second_bias,
                self.out,
                self.out_bias,
            )
        )
        above = self.above.detach().float().numpy() if self.above is not None else None
        up, which = (t.numpy() for t in parent) if parent is not None else (None, None)
        vectors, rows = x.float().numpy(), row.numpy()
        hidden = np.empty((len(rows), second.shape[2]), dtype=np.float32)
        logits = np.empty(len(rows), dtype=np.float32)
        start = 0
        with _blas().limit(limits=1, user_api="blas"):  # threads would wait for each other
            for k, count in enumerate(counts):
                if not count:
                    continue
                part = slice(start, start + count)
                inner = vectors[rows[part]] @ first[k]
                if above is not None and up is not None and which is not None:
                    inner += up[which[part]] @ above[k]
                inner += bias[k]
                np.maximum(inner, 0, out=inner)
                np.matmul(inner, second[k], out=hidden[part])
                hidden[part] += second_bias[k]
                np.maximum(hidden[part], 0, out=hidden[part])
                np.matmul(hidden[part], out[k], out=logits[part])
                logits[part] += out_bias[k]
                start += count
        return torch.from_numpy(logits), torch.from_numpy(hidden)


@functools.cache
def _blas() -> ThreadpoolController:
    return ThreadpoolController()


class TmmHead(Head):
    """A network of two hidden layers for each node, on the embedding alone."""

    own = HeadSettings(hidden=64, dropout=0.25, policy="siblings")
    linked = False
    """Whether a node also sees its parent's hidden vector."""

    def __init__(self, tree: CpcTree, dim: int, settings: HeadSettings) -> None:
        super().__init__(tree, dim, settings)
        width = self.settings.hidden or 0
        if width < 1:
            raise ConfigError(
                "a head with a network for each node needs a hidden width",
                got=width,
                wanted="at least 1",
            )
        self.rate = self.settings.dropout or 0.0
        self.levels = nn.ModuleList(
            NodeLevel(
                stop - start,
                dim,
                width,
                width if self.linked and depth else 0,
                self.settings.rank or 0,
            )
            for depth, (start, stop) in enumerate(self.layout.bounds)
        )

    def _level(self, depth: int) -> NodeLevel:
        return cast(NodeLevel, self.levels[depth])

    def _parents(self, depth: int) -> Tensor:
        return getattr(self, f"parents_{depth}")

    def _inputs(self, x: Tensor) -> Tensor:
        return F.dropout(x, self.settings.input_dropout, self.training)

    def start_at(self, rate: np.ndarray) -> None:
        """Set the last biases to the nodes' rates, given the parent where a logit means that."""
        given = self.settings.mask == "soft" and self.settings.policy != "all"
        start = logit(given_parent(rate, self.tree) if given else rate)
        with torch.no_grad():
            for depth, part in enumerate(self._slices(start[None])):
                self._level(depth).out_bias.copy_(part[0])

    def raw(self, x: Tensor) -> Tensor:
        """Logits (n, n_nodes) of every node."""
        x = self._inputs(x)
        out, hidden = [], None
        for depth in range(len(self.levels)):
            parent = None
            if self.linked and hidden is not None:
                parent = hidden.index_select(0, self._parents(depth))
            level = self._level(depth)
            logits, hidden = level.all_nodes(level.narrow(x), parent, self.rate)
            out.append(logits)
        return self._join(out)

    def forward(self, x: Tensor, active: Tensor | None = None) -> Tensor:
        """Logits to train on; with active nodes given, only those are computed, 0 elsewhere."""
        if active is None:
            return super().forward(x)
        x = self._inputs(x)
        out: list[Tensor] = []
        last = _Above()
        for depth, wanted in enumerate(self._slices(active)):
            logits, last = self._pairs(depth, x, wanted, last)
            out.append(last.spread(logits, wanted, 0.0))
        return self._join(out)

    def _pairs(self, depth: int, x: Tensor, wanted: Tensor, above: _Above) -> tuple[Tensor, _Above]:
        """Logits of a level's wanted pairs, bool (n, nodes), whose parents were wanted too."""
        node, row = wanted.T.nonzero(as_tuple=True)
        parent = None
        if self.linked and depth:
            parent = above.hidden, above.place[row, self._parents(depth)[node]]
        level = self._level(depth)
        logits, hidden = level.pairs(level.narrow(x), row, node, parent, self.rate)
        return logits, _Above(row, node, hidden, wanted.shape, self.linked)

    def predict(self, x: Tensor, least: float | Tensor = 0.0, best: float = 2.0) -> Tensor:
        """Coherent probabilities (n, n_nodes), top-down: below a node under ``least`` they are 0.

        A child is never likelier than its parent, so what is left out is under ``least`` too.

        Parameters
        ----------
        x : Tensor, shape (n, dim)
        least : float, or Tensor of shape (n_nodes,)
            For all nodes, or for each.
        best : float
            The same for the likeliest of each patent's nodes on a level, if that is less; above 1
            it is like the others.
        """
        if isinstance(least, float | int) and least <= 0:
            return super().predict(x)
        limits = self._slices(torch.as_tensor(least, device=x.device).expand(1, len(self.tree)))
        out: list[Tensor] = []
        above = _Above()
        for depth in range(len(self.levels)):
            if depth == 0:
                shape = (len(x), len(self._level(0).out))
                wanted = torch.ones(shape, dtype=torch.bool, device=x.device)
            else:
                up = self._parents(depth)
                parents = out[-1].index_select(1, up)
                wanted = parents >= limits[depth - 1].index_select(1, up)
                if best <= 1:
                    value, first = out[-1].max(dim=1, keepdim=True)
                    wanted |= (up == first) & (value >= best)
            logits, above = self._pairs(depth, x, wanted, above)
            own = above.spread(torch.sigmoid(logits.float()), wanted, 0.0)
            if depth:
                own = own * parents if self.settings.mask == "soft" else torch.minimum(own, parents)
            out.append(own)
        return self._join(out)


class _Above:
    """Hidden vectors of one level's computed pairs, and where to find each."""

    def __init__(
        self,
        row: Tensor | None = None,
        node: Tensor | None = None,
        hidden: Tensor | None = None,
        shape: tuple[int, ...] = (0, 0),
        linked: bool = False,
    ) -> None:
        self.row, self.node = row, node
        if hidden is not None and row is not None and linked:
            self.hidden = hidden
            self.place = torch.zeros(shape, dtype=torch.int64, device=row.device)
            self.place[row, node] = torch.arange(len(row), device=row.device)

    def spread(self, values: Tensor, wanted: Tensor, rest: float) -> Tensor:
        """Pair values as a matrix (n, nodes)."""
        out = torch.full(wanted.shape, rest, dtype=values.dtype, device=values.device)
        return out.index_put((self.row, self.node), values)


class ThmmHead(TmmHead):
    """`TmmHead` whose nodes also see their parent's second hidden vector.

    ``h1 = relu(W [h2(parent); x] + b)``, with x alone at the roots.
    """

    linked = True
