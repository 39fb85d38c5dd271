"""One network from words to probabilities: batches of texts, and prediction with it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import cast

import numpy as np
import torch
from torch import Tensor, nn

from patentcl.classification.scaling import CHUNK, ScaledHead
from patentcl.classification.text.backbones import WordReader, mean_of
from patentcl.classification.text.pooling import TextModel
from patentcl.core.arrays import blocks
from patentcl.core.devices import autocast, halved
from patentcl.encoders.states import States, by_length
from patentcl.encoders.tokens import Padded, Tokens

CACHE = 16e9
"""Bytes of token vectors of a frozen reader that are kept on disk; more are computed each time."""
BATCH = {"cpu": 16, "cuda": 256}
"""Texts read at a time in prediction."""


class TextNet(nn.Module):
    """What reads texts, and a scaled head on its vectors; None where only these are wanted."""

    def __init__(self, text: TextModel, core: ScaledHead | None) -> None:
        super().__init__()
        self.text, self.core = text, core

    def documents(self, x: Tensor, mask: Tensor) -> Tensor | Padded:
        """Document vectors, or token vectors for a head that reads these.

        `x` holds token numbers int64 (n, t), or token vectors computed before, float (n, t, d).
        """
        if x.is_floating_point():
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
    """Texts as the network takes them: token numbers, or vectors of a frozen reader's tokens."""

    def __init__(self, tokens: Tokens, pad: int, states: States | None = None) -> None:
        self.tokens, self.pad, self.states = tokens, pad, states

    def __len__(self) -> int:
        return len(self.tokens)

    def batch(self, rows: np.ndarray, device: torch.device) -> tuple[Tensor, Tensor]:
        """Input and mask of some texts."""
        x, mask = (
            self.tokens.padded(rows, self.pad) if self.states is None else self.states.padded(rows)
        )
        return torch.from_numpy(x).to(device), torch.from_numpy(mask).to(device)


def make_batches(
    text: TextModel, tokens: Tokens, device: torch.device, precision: str, folder: Path
) -> TextBatches:
    """Texts for training; a frozen transformer computes its token vectors once, into a folder."""
    reader = text.reader
    size = int(tokens.lengths.sum()) * reader.dim * 2
    looked_up = isinstance(reader, WordReader)
    if not text.settings.frozen or not text.by_token or looked_up or size > CACHE:
        return TextBatches(tokens, reader.pad)
    plain = TextBatches(tokens, reader.pad)
    text.eval()

    def states_of(rows: np.ndarray) -> np.ndarray:
        ids, mask = plain.batch(rows, device)
        with torch.inference_mode(), autocast(device, precision):
            return text.states(ids, mask).to(torch.float16).cpu().numpy()

    file = folder / f"states-{len(list(folder.iterdir()))}.npy"
    states = States.compute(file, tokens, reader.dim, states_of, _batch_size(device))
    return TextBatches(tokens, reader.pad, states)


def _batch_size(device: torch.device) -> int:
    return BATCH["cpu" if device.type == "cpu" else "cuda"]


# ---- prediction -----------------------------------------------------------------------------


def predict_texts(
    net: TextNet, batches: TextBatches, device: torch.device, precision: str, least: float = 0.0
) -> Iterator[tuple[int, np.ndarray | None, np.ndarray]]:
    """Yield first row, probabilities (rows, n_nodes) and document vectors (rows, dim).

    Without a head, the probabilities are None.
    """
    net.eval()
    size = _batch_size(device)
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
