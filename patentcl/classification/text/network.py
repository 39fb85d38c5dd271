"""One network from words to probabilities: batches of texts, and prediction with it."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import cast

import numpy as np
import torch
from torch import Tensor, nn

from patentcl.classification.scaling import CHUNK, ScaledHead
from patentcl.classification.text.backbones import TransformerReader, mean_of
from patentcl.classification.text.pooling import TextModel
from patentcl.core.arrays import blocks
from patentcl.core.devices import autocast, halved
from patentcl.encoders.frozen import Inputs, layers_of, texts_at_once, upper_layers
from patentcl.encoders.states import States, by_length
from patentcl.encoders.tokens import Padded, Tokens

CACHE = 16e9
"""Bytes of what frozen layers give that are kept on disk; more are computed each time."""


class TextNet(nn.Module):
    """What reads texts, and a scaled head on its vectors; None where only these are wanted."""

    def __init__(self, text: TextModel, core: ScaledHead | None) -> None:
        super().__init__()
        self.text, self.core = text, core

    def documents(self, x: Tensor, mask: Tensor) -> Tensor | Padded:
        """Document vectors, or token vectors for a head that reads these.

        `x` holds token numbers int64 (n, t), or what frozen layers made of them, float (n, t, d).
        """
        if x.is_floating_point() and self.text.settings.frozen:
            return self.text.of_states(x, mask)
        return cast("Tensor | Padded", self.text(x, mask))

    def logits(self, documents: Tensor | Padded, active: Tensor | None = None) -> Tensor:
        """Training logits; see `patentcl.classification.heads.base.Head.forward`."""
        assert self.core is not None
        if isinstance(documents, Padded):  # token vectors are near 1 as they are
            return cast(Tensor, self.core.head(documents, active))
        return cast(Tensor, self.core(documents, active))

    def predict(self, documents: Tensor | Padded, least: float) -> Tensor:
        """Coherent probabilities (n, n_nodes)."""
        assert self.core is not None
        if isinstance(documents, Padded):
            return self.core.head.predict(documents, least)
        return self.core.predict(documents, least)


# ---- batches --------------------------------------------------------------------------------


class TextBatches:
    """Texts as the network takes them: token numbers, or what frozen layers make of them.

    The first text is text number `first` of `states`.
    """

    def __init__(
        self, tokens: Tokens, pad: int, states: States | None = None, first: int = 0
    ) -> None:
        self.tokens, self.pad, self.states, self.first = tokens, pad, states, first

    def __len__(self) -> int:
        return len(self.tokens)

    def batch(self, rows: np.ndarray, device: torch.device) -> tuple[Tensor, Tensor]:
        """Input and mask of some texts."""
        if self.states is None:
            x, mask = self.tokens.padded(rows, self.pad)
        else:
            x, mask = self.states.padded(rows + self.first)
        return torch.from_numpy(x).to(device), torch.from_numpy(mask).to(device)


@contextmanager
def computed_once(
    text: TextModel, train: Tokens, dev: Tokens, device: torch.device, precision: str, folder: Path
) -> Iterator[tuple[TextBatches, TextBatches]]:
    """Batches for training; what frozen layers of a transformer give is computed into a folder.

    Inside the block the model is what lies above these layers. It stays whole where its vectors
    do not fit on the disk, or its upper layers cannot run alone.
    """
    settings, reader, pad = text.settings, text.reader, text.reader.pad
    states, count, file = None, text.settings.frozen_layers, folder / "states.npy"
    size = (len(train.flat) + len(dev.flat)) * reader.dim * 2
    fits = size <= min(CACHE, shutil.disk_usage(folder).free / 2)
    with ExitStack() as cut:
        if isinstance(reader, TransformerReader) and (settings.frozen or count) and fits:
            both = train.joined(dev)
            if settings.frozen and text.by_token:
                whole = TextBatches(both, pad)
                text.eval()

                def states_of(rows: np.ndarray) -> np.ndarray:
                    ids, mask = whole.batch(rows, device)
                    with torch.inference_mode(), autocast(device, precision):
                        return text.states(ids, mask).to(torch.float16).cpu().numpy()

                states = States.compute(file, both, reader.dim, states_of, texts_at_once(device))
            elif not settings.frozen and count + reader.layers <= len(layers_of(reader.model)) + 1:
                upper = upper_layers(reader.model, count, Inputs(both, pad), file, precision)
                states = cut.enter_context(upper).states
        yield TextBatches(train, pad, states), TextBatches(dev, pad, states, len(train))


# ---- prediction -----------------------------------------------------------------------------


def predict_texts(
    net: TextNet, batches: TextBatches, device: torch.device, precision: str, least: float = 0.0
) -> Iterator[tuple[int, np.ndarray | None, np.ndarray]]:
    """Yield first row, probabilities (rows, n_nodes) and document vectors (rows, dim).

    Without a head, the probabilities are None.
    """
    net.eval()
    size = texts_at_once(device)
    for span in blocks(len(batches), CHUNK):  # sorted by length within
        documents = np.empty((span.stop - span.start, net.text.dim), dtype=np.float32)
        scores: np.ndarray | None = None
        waiting = list(by_length(batches.tokens.lengths, span, size))
        while waiting:
            rows = waiting.pop(0)
            try:
                found, vectors = _predict_batch(net, batches, rows, device, precision, least)
            except torch.OutOfMemoryError as error:
                size = halved(len(rows), error, "prediction", "Lower text.max_length or hidden")
                waiting[:0] = np.array_split(rows, 2)
                continue
            documents[rows - span.start] = vectors
            if found is not None:
                if scores is None:
                    scores = np.empty((len(documents), found.shape[1]), dtype=np.float32)
                scores[rows - span.start] = found
        if net.core is not None and not net.text.sequence:
            with torch.inference_mode():
                x = torch.from_numpy(documents).to(device)
                scores = net.predict(x, least).cpu().numpy()
        yield span.start, scores, documents


def _predict_batch(
    net: TextNet,
    batches: TextBatches,
    rows: np.ndarray,
    device: torch.device,
    precision: str,
    least: float,
) -> tuple[np.ndarray | None, np.ndarray]:
    """Probabilities, if the head reads tokens, and document vectors of one batch."""
    x, mask = batches.batch(rows, device)
    with torch.inference_mode():
        with autocast(device, precision):
            documents = net.documents(x, mask)
        if not isinstance(documents, Padded):
            return None, documents.float().cpu().numpy()
        found = None if net.core is None else net.predict(documents, least).cpu().numpy()
        return found, mean_of(*documents).cpu().numpy()
