"""Labels by a vote of the nearest labelled patents.

The probability of a node is the share of similarity that the neighbours carrying it have among all
neighbours. Votes of closed label sets are coherent: whoever votes for a child votes for its parent.

References
----------
H. Bekamiri, D. S. Hain, R. Jurowetzki, PatentSBERTa: a deep NLP based hybrid model for patent
distance and classification using augmented SBERT, 2021.
"""

from __future__ import annotations

import numpy as np
import torch
from scipy import sparse
from torch import Tensor

from patentcl.core.arrays import nearest, unit_rows
from patentcl.core.errors import ConfigError, DataError


class NeighbourVote:
    """Labelled patents, and the vote of the k most similar ones.

    Takes embeddings (n_labelled, dim), made unit length here, and their labels, bool CSR
    (n_labelled, n_nodes), closed under ancestors. A vote weighs
    ``max(cosine, 0) ** sharpness``; 1 is the published rule.

    Examples
    --------
    >>> labels = sparse.csr_matrix(np.array([[1, 0], [1, 0], [0, 1]], dtype=bool))
    >>> vote = NeighbourVote(np.array([[1.0, 0], [0.8, 0.6], [0, 1]]), labels, k=2, sharpness=1)
    >>> vote.scores(np.array([[0.0, 2.0]])).round(3).tolist()
    [[0.375, 0.625]]
    """

    def __init__(
        self,
        vectors: np.ndarray,
        labels: sparse.csr_matrix,
        k: int = 40,
        sharpness: float = 8.0,
        device: torch.device | str = "cpu",
    ) -> None:
        if k < 1:
            raise ConfigError("k is too small", got=k, wanted="at least 1")
        if sharpness < 0:
            raise ConfigError("sharpness is negative", got=sharpness, wanted="0 or more")
        if vectors.shape[0] != labels.shape[0]:
            raise DataError(
                "embeddings and labels differ in length",
                got=f"{labels.shape[0]} rows of labels",
                wanted=vectors.shape[0],
            )
        self.labels = sparse.csr_matrix(labels, dtype=np.float32)
        self.k, self.sharpness = min(k, vectors.shape[0]), sharpness
        self.vectors = _unit(vectors).to(device)

    def nearest(self, queries: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Cosines (m, k), largest first, and rows (m, k) of the nearest labelled patents."""
        rows, cosines = nearest(_unit(queries).to(self.vectors.device), self.vectors, self.k)
        return cosines, rows

    def scores(self, queries: np.ndarray) -> np.ndarray:
        """Share of the vote for each node, float32 (m, n_nodes); 0 where none is similar."""
        similarity, rows = self.nearest(queries)
        weight = np.maximum(similarity, 0.0) ** self.sharpness
        weight[similarity <= 0] = 0.0  # also where 0 ** 0 would be 1
        total = weight.sum(axis=1, keepdims=True)
        weight = weight / np.where(total > 0, total, 1.0)
        votes = sparse.csr_matrix(
            (weight.ravel(), rows.ravel(), np.arange(0, rows.size + 1, max(rows.shape[1], 1))),
            shape=(len(queries), self.labels.shape[0]),
        )
        shares: np.ndarray = (votes @ self.labels).toarray().astype(np.float32)
        return np.minimum(shares, 1.0)

    def state(self) -> dict[str, Tensor]:
        """What must be stored, as tensors by name."""
        return {
            "neighbours.vectors": self.vectors.cpu(),
            "neighbours.indptr": torch.from_numpy(self.labels.indptr.astype(np.int64)),
            "neighbours.indices": torch.from_numpy(self.labels.indices.astype(np.int32)),
        }

    @classmethod
    def from_state(
        cls,
        state: dict[str, Tensor],
        n_nodes: int,
        k: int,
        sharpness: float,
        device: torch.device | str,
    ) -> NeighbourVote:
        """Rebuild from `state`."""
        indices = state["neighbours.indices"].numpy()
        vectors = state["neighbours.vectors"].numpy()
        labels = sparse.csr_matrix(
            (np.ones(len(indices), dtype=bool), indices, state["neighbours.indptr"].numpy()),
            shape=(len(vectors), n_nodes),
        )
        return cls(vectors, labels, k, sharpness, device)


def _unit(vectors: np.ndarray) -> Tensor:
    """Rows of unit length, float32; a row of zeros stays so, and is similar to nothing."""
    return torch.from_numpy(unit_rows(vectors, zeros=True))
