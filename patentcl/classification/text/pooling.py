"""From token vectors to document vectors: what stands for a text, with gradients."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Iterator, Sequence
from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from patentcl.classification.settings import TextSettings
from patentcl.classification.text.backbones import Reader, TransformerReader, mean_of
from patentcl.core.errors import ConfigError
from patentcl.encoders.tokens import Padded, Tokens, join_texts

log = logging.getLogger("patentcl")


class TextCnn(nn.Module):
    """Convolutions over the tokens, each filter's largest value, and perhaps a dense layer.

    A filter of kernel k sees the windows of k tokens that lie inside the text; a shorter text is
    filled up with zeros. So a text's vector does not depend on what it is batched with.

    References
    ----------
    Y. Kim, Convolutional neural networks for sentence classification, EMNLP 2014.
    """

    def __init__(
        self, dim: int, kernels: Sequence[int], filters: int, dense: int = 0, dropout: float = 0.0
    ) -> None:
        super().__init__()
        self.kernels = tuple(kernels)
        self.convolutions = nn.ModuleList(nn.Conv1d(dim, filters, k) for k in self.kernels)
        found = filters * len(self.kernels)
        self.dense = nn.Linear(found, dense) if dense else None
        self.norm = nn.BatchNorm1d(dense) if dense else None
        self.dropout = dropout
        self.dim = dense or found

    def forward(self, states: Tensor, mask: Tensor) -> Tensor:
        """Vectors (n, dim) of token vectors (n, t, d)."""
        x = (states * mask.unsqueeze(2).to(states.dtype)).transpose(1, 2)
        missing = max(self.kernels) - x.shape[2]
        if missing > 0:
            x = F.pad(x, (0, missing))
        lengths = mask.sum(dim=1, keepdim=True)
        found = []
        for kernel, convolution in zip(self.kernels, self.convolutions, strict=True):
            values = convolution(x)  # (n, filters, windows)
            place = torch.arange(values.shape[2], device=x.device)
            outside = place > (lengths - kernel).clamp(min=0)  # (n, windows)
            found.append(values.masked_fill(outside.unsqueeze(1), -torch.inf).amax(dim=2))
        vectors = F.relu(torch.cat(found, dim=1)).float()
        if self.dense is None or self.norm is None:
            return vectors
        hidden = self.dense(vectors).float()
        if self.training and len(hidden) > 1:
            hidden = self.norm(hidden)
        else:  # a single text has no spread of its own
            norm = self.norm
            hidden = F.batch_norm(
                hidden, norm.running_mean, norm.running_var, norm.weight, norm.bias, eps=norm.eps
            )
        return F.dropout(F.relu(hidden), self.dropout, self.training)


class TextModel(nn.Module):
    """Texts to document vectors (n, dim); with `sequence`, to token vectors, for `harnn`."""

    def __init__(self, reader: Reader, settings: TextSettings, sequence: bool = False) -> None:
        super().__init__()
        self.reader, self.settings, self.sequence = reader, settings, sequence
        self.cnn: TextCnn | None = None
        if settings.pooling == "cnn" and not sequence:
            self.cnn = TextCnn(
                reader.dim, settings.kernels, settings.filters, settings.dense, settings.dropout
            )
        self.by_token = sequence or self.cnn is not None
        whole = settings.pooling == "encoder" and not sequence
        self.dim = (
            self.cnn.dim if self.cnn is not None else reader.pooled_dim if whole else reader.dim
        )
        self._freeze()

    def _freeze(self) -> None:
        stack = self.reader.stack()
        held = len(stack) if self.settings.frozen else 0
        if self.settings.frozen_layers:
            held = max(held, self.settings.frozen_layers + 1)  # and the embeddings below them
            if not self.settings.frozen and held >= len(stack):
                raise ConfigError(
                    "text.frozen_layers leaves no layer to tune",
                    got=self.settings.frozen_layers,
                    wanted=f"fewer than {len(stack) - 1}",
                    fix="Or set text.frozen",
                )
        for parameter in (p for layer in stack[:held] for p in layer):
            parameter.requires_grad_(False)
        if self.settings.checkpointing and isinstance(self.reader, TransformerReader):
            self.reader.checkpoint()

    def train(self, mode: bool = True) -> TextModel:
        """Switch training on or off; a frozen reader never drops anything."""
        super().train(mode)
        if self.settings.frozen:
            self.reader.eval()
        return self

    def read(self, items: Any, what: str = "the texts") -> Tokens:
        """Token numbers of texts; a warning counts those that are truncated."""
        tokens = self.reader.tokens(join_texts(items, self.reader.separator))
        if tokens.truncated.any():
            log.warning(
                "%d of %d in %s are longer than %d tokens and were truncated",
                int(tokens.truncated.sum()),
                len(tokens),
                what,
                self.reader.limit,
            )
        return tokens

    def forward(self, ids: Tensor, mask: Tensor) -> Tensor | Padded:
        """Document vectors (n, dim), or token vectors, of numbers and mask (n, t)."""
        if self.settings.pooling == "encoder" and not self.by_token:
            return self.reader.pooled(ids, mask).float()
        return self.of_states(self.states(ids, mask), mask)

    def states(self, ids: Tensor, mask: Tensor) -> Tensor:
        """Token vectors (n, t, d), without gradients where the reader is frozen."""
        with torch.no_grad() if self.settings.frozen else contextlib.nullcontext():
            return self.reader.states(ids, mask)

    def of_states(self, states: Tensor, mask: Tensor) -> Tensor | Padded:
        """Document vectors of token vectors (n, t, d)."""
        if self.sequence:
            return Padded(states.float(), mask)
        if self.cnn is not None:
            return cast(Tensor, self.cnn(states, mask))
        if self.settings.pooling == "cls":
            return states[:, 0].float()
        return mean_of(states.float(), mask)

    def groups(self, learning_rate: float, weight_decay: float) -> list[dict[str, Any]]:
        """Parameter groups for an optimiser: falling rates down the reader's layers.

        Layer i of n, counted from the words, learns at ``text.learning_rate * decay ** (n - 1 -
        i)``; convolutions at `learning_rate`. Biases and norms do not decay.
        """
        stack = self.reader.stack()
        top = self.settings.learning_rate
        groups = [
            (f"layer {i}", layer, top * self.settings.layer_decay ** (len(stack) - 1 - i))
            for i, layer in enumerate(stack)
        ]
        if self.cnn is not None:
            groups.append(("cnn", list(self.cnn.parameters()), learning_rate))
        return [
            g for name, layer, rate in groups for g in decay_groups(name, layer, rate, weight_decay)
        ]


def decay_groups(
    name: str, parameters: Sequence[nn.Parameter], rate: float, weight_decay: float
) -> Iterator[dict[str, Any]]:
    """Parameter groups of one rate: matrices, which decay, and the rest, which does not."""
    free = [p for p in parameters if p.requires_grad]
    for decay, wanted in ((weight_decay, True), (0.0, False)):
        some = [p for p in free if (p.ndim > 1) == wanted]
        if some:
            yield {"params": some, "lr": rate, "weight_decay": decay, "name": name}
