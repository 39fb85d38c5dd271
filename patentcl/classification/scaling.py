"""A head behind a scaling of its inputs, and prediction with it."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor, nn

from patentcl.classification.heads import Head
from patentcl.core.arrays import blocks

CHUNK = 1024
"""Patents predicted at a time, so that what is computed on stays near the caches."""


class ScaledHead(nn.Module):
    """A head behind a scaling of its inputs that was measured on the training embeddings.

    Encoders differ in the length of their vectors, and those of unit length have entries near
    ``d ** -0.5``: a head learns several times faster when they are brought near 1.
    """

    center: Tensor
    scale: Tensor

    def __init__(self, head: Head) -> None:
        super().__init__()
        self.head = head
        self.register_buffer("center", torch.zeros(head.dim))
        self.register_buffer("scale", torch.ones(head.dim))

    def measure(self, vectors: np.ndarray) -> None:
        """Take the mean of each entry, and one spread over all entries, from embeddings."""
        total = np.zeros(self.head.dim)
        square = np.zeros(self.head.dim)
        for span in blocks(len(vectors), CHUNK):
            block = np.asarray(vectors[span], dtype=np.float64)
            total += block.sum(axis=0)
            square += (block**2).sum(axis=0)
        mean = total / len(vectors)
        spread = np.sqrt(max(float((square / len(vectors) - mean**2).mean()), 0.0))
        self.center.copy_(torch.from_numpy(mean))
        # One spread for all entries: distances between patents keep their proportions.
        self.scale.fill_(1 / spread if spread > 1e-12 else 1.0)

    def scaled(self, x: Tensor) -> Tensor:
        """Inputs (n, dim) as the head takes them."""
        return (x - self.center) * self.scale

    def forward(self, x: Tensor, active: Tensor | None = None) -> Tensor:
        """Training logits of embeddings (n, dim); see `Head.forward`."""
        logits: Tensor = self.head(self.scaled(x), active)
        return logits

    def predict(self, x: Tensor, least: float = 0.0) -> Tensor:
        """Coherent probabilities (n, n_nodes) of embeddings (n, dim); see `Head.predict`."""
        return self.head.predict(self.scaled(x), least)


def predict_blocks(
    model: ScaledHead, vectors: np.ndarray, device: torch.device, least: float = 0.0
) -> Iterator[tuple[int, np.ndarray]]:
    """Yield first row and probabilities float32 (rows, n_nodes) over embeddings (n, dim)."""
    model.eval()
    for span in blocks(len(vectors), CHUNK):
        block = np.array(vectors[span], dtype=np.float32)  # own, writable memory
        with torch.inference_mode():
            out = model.predict(torch.from_numpy(block).to(device), least).cpu().numpy()
        yield span.start, out
