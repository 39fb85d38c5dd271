"""One network from words to probabilities: batches of texts, and prediction with it."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from pathlib import Path
from typing import cast

import numpy as np
import torch
from torch import Tensor, nn

from patentcl.classification.text.backbones import TextModel, cpu_has_bf16, mean_of
from patentcl.classification.training import CHUNK, Model, autocast
from patentcl.core.errors import ConfigError
from patentcl.encoders.tokens import Padded, Tokens

log = logging.getLogger("patentcl")

CACHE = 16e9
"""Bytes of token vectors of a frozen reader that are kept on disk; more are computed each time."""
BATCH = {"cpu": 16, "cuda": 256}
"""Texts read at a time in prediction."""


def find_half(name: str, device: torch.device) -> torch.dtype | None:
    """The type of autocast products in reading texts; None for plain float32.

    ``auto`` is bf16 wherever the processor multiplies it natively, a CPU too.

    Raises
    ------
    ConfigError
        If fp16 is asked for on a CPU.
    """
    if name == "fp32":
        return None
    if device.type == "cuda":
        if name == "auto":
            return torch.bfloat16 if torch.cuda.is_bf16_supported() else torch.float16
        return torch.bfloat16 if name == "bf16" else torch.float16
    if name == "fp16":
        raise ConfigError(
            "fp16 is for GPUs",
            got=f"precision=fp16 on {device}",
            fix="Use precision='auto', 'bf16' or 'fp32'",
        )
    return torch.bfloat16 if name == "bf16" or (device.type == "cpu" and cpu_has_bf16()) else None


class TextNet(nn.Module):
    """What reads texts, and a scaled head on its vectors.

    Parameters
    ----------
    text : TextModel
    core : Model, optional
        None where only the vectors are wanted.
    """

    def __init__(self, text: TextModel, core: Model | None) -> None:
        super().__init__()
        self.text, self.core = text, core

    def documents(self, x: Tensor, mask: Tensor) -> Tensor | Padded:
        """Document vectors, or token vectors for a head that reads these.

        Parameters
        ----------
        x : Tensor of int64, shape (n, t), or of float, shape (n, t, d)
            Token numbers, or token vectors computed before.
        mask : Tensor of bool, shape (n, t)
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
            return self.core.head.predict(documents, least)  # type: ignore[arg-type]
        return self.core.predict(documents, least)


# ---- batches --------------------------------------------------------------------------------


class Feed:
    """Texts as the network takes them: token numbers, or the vectors of a frozen reader's tokens.

    Parameters
    ----------
    tokens : Tokens
    pad : int
    states : ndarray of float16, shape (n_tokens, d), optional
    """

    def __init__(self, tokens: Tokens, pad: int, states: np.ndarray | None = None) -> None:
        self.tokens, self.pad, self.states = tokens, pad, states

    def __len__(self) -> int:
        return len(self.tokens)

    def batch(self, rows: np.ndarray, device: torch.device) -> tuple[Tensor, Tensor]:
        """Input and mask of some texts."""
        ids, mask = self.tokens.padded(rows, self.pad)
        if self.states is None:
            return torch.from_numpy(ids).to(device), torch.from_numpy(mask).to(device)
        x = np.zeros((*mask.shape, self.states.shape[1]), dtype=np.float32)
        for i, row in enumerate(rows):
            start, stop = self.tokens.starts[row], self.tokens.starts[row + 1]
            x[i, : stop - start] = self.states[start:stop]
        return torch.from_numpy(x).to(device), torch.from_numpy(mask).to(device)


def feed(
    text: TextModel, tokens: Tokens, device: torch.device, half: torch.dtype | None, folder: Path
) -> Feed:
    """Texts for training; a frozen transformer computes its token vectors here, once.

    Parameters
    ----------
    text : TextModel
    tokens : Tokens
    device : torch.device
    half : torch.dtype, optional
    folder : Path
        Where the token vectors are kept, as float16.
    """
    reader = text.reader
    size = int(tokens.lengths.sum()) * reader.dim * 2
    looked_up = any(isinstance(m, nn.Embedding) for m in reader.children())
    if not text.settings.frozen or not text.by_token or looked_up or size > CACHE:
        return Feed(tokens, reader.pad)
    file = folder / f"states-{len(list(folder.iterdir()))}.npy"
    states = np.lib.format.open_memmap(
        file, "w+", dtype=np.float16, shape=(len(tokens.flat), reader.dim)
    )
    if hasattr(os, "posix_fallocate"):
        with file.open("rb+") as stream:  # a full disk says so here, not as a broken map
            os.posix_fallocate(stream.fileno(), 0, file.stat().st_size)
    plain = Feed(tokens, reader.pad)
    text.eval()
    for rows in in_order(tokens, len(tokens), BATCH[_kind(device)]):
        ids, mask = plain.batch(rows, device)
        with torch.inference_mode(), autocast(device, half):
            found = text.states(ids, mask).to(torch.float16).cpu().numpy()
        for i, row in enumerate(rows):
            states[tokens.starts[row] : tokens.starts[row + 1]] = found[i, : tokens.lengths[row]]
    return Feed(tokens, reader.pad, states)


def _kind(device: torch.device) -> str:
    return "cpu" if device.type == "cpu" else "cuda"


def in_order(tokens: Tokens, stop: int, size: int, start: int = 0) -> Iterator[np.ndarray]:
    """Batches of texts of like length, longest first, so that a full memory shows at once."""
    order = start + np.argsort(-tokens.lengths[start:stop], kind="stable")
    for at in range(0, len(order), size):
        yield order[at : at + size]


# ---- prediction -----------------------------------------------------------------------------


def predict_texts(
    net: TextNet,
    feed: Feed,
    device: torch.device,
    half: torch.dtype | None,
    least: float = 0.0,
    chunk: int = CHUNK,
) -> Iterator[tuple[int, np.ndarray | None, np.ndarray]]:
    """Yield (first row, probabilities (rows, n_nodes), document vectors (rows, dim)).

    Parameters
    ----------
    net : TextNet
        Without a head, the probabilities are None.
    feed : Feed
    device : torch.device
    half : torch.dtype, optional
    least : float
        See `patentcl.classification.heads.base.Head.predict`.
    chunk : int
        Texts sorted by length at a time.
    """
    net.eval()
    size = BATCH[_kind(device)]
    for start in range(0, len(feed), chunk):
        stop = min(start + chunk, len(feed))
        documents = np.empty((stop - start, net.text.dim), dtype=np.float32)
        scores: np.ndarray | None = None
        waiting = list(in_order(feed.tokens, stop, size, start))
        while waiting:
            rows = waiting.pop(0)
            try:
                found, vectors = _predict_batch(net, feed, rows, device, half, least)
            except torch.OutOfMemoryError as error:
                size = halved(len(rows), error, "prediction goes on")
                waiting[:0] = np.array_split(rows, 2)
                continue
            documents[rows - start] = vectors
            if found is not None:
                if scores is None:
                    scores = np.empty((stop - start, found.shape[1]), dtype=np.float32)
                scores[rows - start] = found
        if net.core is not None and not net.text.sequence:
            with torch.inference_mode():
                x = torch.from_numpy(documents).to(device)
                scores = net.predict(x, least).cpu().numpy()
        yield start, scores, documents


def _predict_batch(
    net: TextNet,
    feed: Feed,
    rows: np.ndarray,
    device: torch.device,
    half: torch.dtype | None,
    least: float,
) -> tuple[np.ndarray | None, np.ndarray]:
    """Probabilities, if the head reads tokens, and document vectors of one batch."""
    x, mask = feed.batch(rows, device)
    with torch.inference_mode():
        with autocast(device, half):
            documents = net.documents(x, mask)
        if not isinstance(documents, Padded):
            return None, documents.float().cpu().numpy()
        found = None if net.core is None else net.predict(documents, least).cpu().numpy()
        return found, mean_of(*documents).cpu().numpy()


def halved(size: int, error: Exception, what: str) -> int:
    """Half of a batch that the memory had no room for; said in a warning.

    Raises
    ------
    ConfigError
        If it was a single text.
    """
    if size <= 1:
        raise ConfigError(
            "the memory of the device is full",
            got="a single text",
            fix="Lower max_length or the head's hidden width",
        ) from error
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
    log.warning("the memory of the device is full: %s with %d texts at a time", what, size // 2)
    return size // 2
