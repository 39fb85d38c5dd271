"""Training a head together with what reads the texts."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
from scipy import sparse
from torch import Tensor

from patentcl.classification.heads import Head
from patentcl.classification.scaling import ScaledHead
from patentcl.classification.settings import EstimatorSettings
from patentcl.classification.text.network import TextBatches, TextNet, computed_once, predict_texts
from patentcl.classification.text.pooling import TextModel, decay_groups
from patentcl.classification.training import WATCHED, Hooks, Labelled, Trainer, label_rates
from patentcl.core.devices import autocast, own_randomness
from patentcl.core.locks import Scratch
from patentcl.encoders.tokens import batches as batches_of

MEASURED = 512
"""Texts on whose untrained vectors the scaling of a head's inputs is measured."""


class TextTrainer(Trainer):
    """Trains reader, document vectors and head together, each layer at its own rate."""

    net: TextNet

    def __init__(
        self,
        net: TextNet,
        batches: TextBatches,
        labels: sparse.csr_matrix,
        settings: EstimatorSettings,
        precision: str,
        hooks: Hooks,
    ) -> None:
        self.batches, self.precision = batches, precision
        super().__init__(net, labels, settings, hooks)
        self.warmup, self.parts = settings.reading.warmup, settings.reading.accumulate

    @property
    def head(self) -> Head:
        return cast(ScaledHead, self.net.core).head

    def groups(self) -> list[dict[str, Any]]:
        """The reader's layers at falling rates, and the head at the classifier's."""
        rate, decay = self.settings.learning_rate, self.settings.weight_decay
        own = list(self.head.parameters())
        return [*self.net.text.groups(rate, decay), *decay_groups("head", own, rate, decay)]

    def order(self, epoch: int) -> list[np.ndarray]:
        """Random batches of texts of like length."""
        rng = np.random.default_rng([self.settings.seed, epoch])
        return batches_of(self.batches.tokens.lengths, self.settings.batch_size, rng)

    def logits(self, rows: np.ndarray, active: Tensor | None) -> Tensor:
        x, mask = self.batches.batch(rows, self.device)
        with autocast(self.device, self.precision):
            documents = self.net.documents(x, mask)
        # A CPU computes small products in float32 as fast, and more exactly.
        with autocast(self.device, self.precision if self.device.type == "cuda" else "fp32"):
            return self.net.logits(documents, active)

    def scores(self, dev: TextBatches) -> np.ndarray:
        found = predict_texts(self.net, dev, self.device, self.precision, self.settings.prune)
        return np.concatenate([cast(np.ndarray, scores) for _, scores, _ in found])

    def inputs(self) -> list[np.ndarray]:
        return [self.batches.tokens.flat, self.batches.tokens.lengths]


def train_on_texts(
    text: TextModel,
    head: ScaledHead | Callable[[int], Head],
    sets: tuple[Labelled, Labelled],
    settings: EstimatorSettings,
    precision: str,
    device: torch.device,
    hooks: Hooks,
) -> tuple[ScaledHead, list[dict[str, Any]]]:
    """Train what reads texts, in place, and a head on it; keep the best weights.

    The head is one that was trained before, or a function that makes one for a width. `sets` are
    `Tokens` and closed labels (n, n_nodes) of train and dev. Returns as
    `patentcl.classification.training.train_head`.
    """
    (tokens, labels), (dev_tokens, dev_labels) = sets
    with Scratch() as place, own_randomness(settings.seed, device):
        text.to(device)
        watched = np.arange(min(len(dev_tokens), WATCHED))
        if isinstance(head, ScaledHead):
            core = head
        else:
            new = head(text.dim)
            new.start_at(label_rates(labels))
            core = ScaledHead(new)
            if not text.sequence:
                some = tokens.take(np.arange(min(len(tokens), MEASURED)))
                bare, first = TextNet(text, None), TextBatches(some, text.reader.pad)
                core.measure(next(predict_texts(bare, first, device, precision))[2])
        with computed_once(
            text, tokens, dev_tokens.take(watched), device, precision, Path(place)
        ) as (data, dev):
            trainer = TextTrainer(TextNet(text, core), data, labels, settings, precision, hooks)
            return core, trainer.train(dev, dev_labels[watched])
