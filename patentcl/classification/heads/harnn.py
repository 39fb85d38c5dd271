"""HARNN: a recurrent reader whose attention goes down the levels of the tree.

References
----------
W. Huang et al., Hierarchical multi-label text classification: an attention-based recurrent network
approach, CIKM 2019.
"""

from __future__ import annotations

from typing import ClassVar, cast

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from patentcl.classification.heads.base import Defaults, Head, HeadSettings, log_odds
from patentcl.core.errors import ConfigError
from patentcl.cpc import CpcTree
from patentcl.encoders.tokens import Padded

ATTENTION = 200
"""Width of the attention, as published."""
SHARE = 0.5
"""Weight of the global prediction against the local ones, as published."""


class AttentionUnit(nn.Module):
    """One level: which tokens speak for which label, and what the labels say to the next level.

    With ``V`` the reader's outputs, ``w`` the weights that the level above gives to the tokens::

        A = softmax over tokens of S tanh(W (w V)),  r = mean over labels of A (w V)
        h = relu(U [mean(V); r] + b),                p = sigmoid(L h + c)
        next w = mean over labels of p A,            scaled to a mean of 1 over the text's tokens

    The scaling is ours: as printed, w is about one over the numbers of labels and tokens, and the
    next level, fed with what is nearly zero, attends to all tokens alike.
    """

    def __init__(self, n_labels: int, width: int, hidden: int) -> None:
        super().__init__()
        self.attend = nn.Linear(width, ATTENTION, bias=False)
        self.labels = nn.Linear(ATTENTION, n_labels, bias=False)
        self.dense = nn.Linear(2 * width, hidden)
        self.out = nn.Linear(hidden, n_labels)

    def forward(
        self, reader: Tensor, mask: Tensor, weight: Tensor, mean: Tensor
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Logits (n, labels), the dense layer (n, hidden), and the next level's weights (n, t).

        Takes the reader's outputs (n, t, width), which tokens are real (n, t), their weights
        (n, t), and the mean output (n, width).
        """
        seen = reader * weight.unsqueeze(2)
        scores = self.labels(torch.tanh(self.attend(seen)))  # (n, t, labels)
        scores = scores.float().masked_fill(~mask.unsqueeze(2), -torch.inf)
        attention = torch.softmax(scores, dim=1)
        # The mean over labels commutes with the product: no array (n, labels, width) is needed.
        found = torch.bmm(attention.mean(dim=2).unsqueeze(1).to(seen.dtype), seen).squeeze(1)
        hidden = F.relu(self.dense(torch.cat([mean, found], dim=1)))
        logits = self.out(hidden)
        passed = torch.bmm(attention, torch.sigmoid(logits.float()).unsqueeze(2)).squeeze(2)
        passed = passed / passed.sum(dim=1, keepdim=True) * mask.sum(dim=1, keepdim=True)
        return logits, hidden, passed


class HarnnHead(Head):
    """BiLSTM, an `AttentionUnit` for each level, and a global prediction from all of them.

    Local and global logits stand side by side and are trained alike; a probability is the mean of
    the two. A matrix of embeddings is read as texts of one token.
    """

    defaults: ClassVar = Defaults(hidden=512, dropout=0.5, policy="all")

    def __init__(self, tree: CpcTree, dim: int, settings: HeadSettings) -> None:
        super().__init__(tree, dim, settings)
        hidden = self.hidden
        if hidden < 2:
            raise ConfigError(
                "the head harnn needs a hidden width", got=hidden, wanted="at least 2"
            )
        width = hidden // 2  # in each direction
        self.columns = np.concatenate([np.arange(len(tree))] * 2)
        self.reader = nn.LSTM(dim, width, batch_first=True, bidirectional=True)
        self.units = nn.ModuleList(
            AttentionUnit(stop - start, 2 * width, hidden) for start, stop in self.layout.bounds
        )
        self.whole = nn.Linear(hidden * len(self.units), hidden)
        self.out = nn.Linear(hidden, len(tree))

    def raw(self, x: Tensor | Padded) -> Tensor:
        """Logits (n, 2 n_nodes): the levels' in tree order, then the global ones."""
        if not isinstance(x, Padded):
            x = Padded(x.unsqueeze(1), torch.ones(len(x), 1, dtype=torch.bool, device=x.device))
        states = F.dropout(x.states, self.input_dropout, self.training)
        reader = self._read(states, x.mask)
        mask = x.mask[:, : reader.shape[1]]
        weight = mask.to(reader.dtype)
        mean = reader.sum(dim=1) / mask.sum(dim=1, keepdim=True)
        local, hidden = [], []
        for unit in self.units:
            logits, dense, weight = cast(AttentionUnit, unit)(reader, mask, weight, mean)
            local.append(logits)
            hidden.append(dense)
        joined = F.relu(self.whole(torch.cat(hidden, dim=1)))
        joined = F.dropout(joined, self.dropout, self.training)
        return torch.cat([self.join(local), self.out(joined)], dim=1)

    def _read(self, states: Tensor, mask: Tensor) -> Tensor:
        """Outputs of the BiLSTM (n, t, width), 0 where there is no token."""
        if not len(states):
            return states.new_zeros(0, states.shape[1], 2 * self.reader.hidden_size)
        lengths = mask.sum(dim=1).cpu()
        packed = nn.utils.rnn.pack_padded_sequence(
            states, lengths, batch_first=True, enforce_sorted=False
        )
        out, _ = nn.utils.rnn.pad_packed_sequence(self.reader(packed)[0], batch_first=True)
        return out

    def start_at(self, rate: np.ndarray) -> None:
        """Set the biases to the nodes' rates."""
        start = log_odds(rate)
        with torch.no_grad():
            self.out.bias.copy_(start)
            for unit, part in zip(self.units, self.slices(start[None]), strict=True):
                cast(AttentionUnit, unit).out.bias.copy_(part[0])

    def probabilities(self, raw: Tensor) -> Tensor:
        """Coherent probabilities (n, n_nodes): local and global mixed, capped by the parent."""
        local, whole = torch.sigmoid(raw.float()).chunk(2, dim=1)
        mixed = (1 - SHARE) * local + SHARE * whole
        return self.descend(mixed, torch.minimum)
