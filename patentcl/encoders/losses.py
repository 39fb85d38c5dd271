"""The losses of fine-tuning, by name: those of sentence-transformers, and one of our own."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import torch
from torch import nn
from torch.nn import functional as F

from patentcl.core.errors import ConfigError
from patentcl.encoders.settings import TrainingSettings

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer


class InBatchNegatives(nn.Module):
    """Cross entropy of each positive among all positives and negatives of its batch.

    Unlike sentence-transformers' MultipleNegativesRankingLoss it takes the groups of the texts, int
    (n, k), as labels: near-copies and families of an anchor or its positive are no negatives.
    """

    def __init__(self, model: SentenceTransformer, temperature: float) -> None:
        super().__init__()
        self.model, self.temperature = model, temperature

    def forward(
        self, sentence_features: Iterable[dict[str, Any]], labels: torch.Tensor
    ) -> torch.Tensor:
        """The loss of a batch; a column of features is of all anchors, positives or negatives."""
        columns = [self.model(each)["sentence_embedding"] for each in sentence_features]
        anchors, others = F.normalize(columns[0]), F.normalize(torch.cat(columns[1:]))
        others_of = labels[:, 1:].T.reshape(1, -1)
        same = (labels[:, :1] == others_of) | (labels[:, 1:2] == others_of)
        same.fill_diagonal_(False)  # each with its own positive
        cosines = (anchors @ others.T).masked_fill(same, -torch.inf)
        return F.cross_entropy(cosines / self.temperature, torch.arange(len(anchors)).to(labels))


def make_loss(
    name: str, model: SentenceTransformer, guide: SentenceTransformer, settings: TrainingSettings
) -> nn.Module:
    """A loss: triplet, mnr, gist, batch-all or batch-hard.

    `guide` is the untuned model, which only gist asks.
    """
    from sentence_transformers.sentence_transformer import losses

    loss: nn.Module
    if name == "mnr":
        loss = InBatchNegatives(model, settings.temperature)
    elif name == "gist":
        loss = losses.GISTEmbedLoss(model, guide.eval(), temperature=settings.temperature)
    elif name == "triplet":
        metric = getattr(losses.TripletDistanceMetric, settings.distance.upper())
        loss = losses.TripletLoss(model, distance_metric=metric, triplet_margin=settings.margin)
    else:
        kind = {"batch-all": losses.BatchAllTripletLoss, "batch-hard": losses.BatchHardTripletLoss}
        distances = losses.BatchHardTripletLossDistanceFunction
        metric = {"cosine": distances.cosine_distance, "euclidean": distances.eucledian_distance}
        loss = kind[name](model, distance_metric=metric[settings.distance], margin=settings.margin)
    if not settings.matryoshka:
        return loss
    width = model.get_embedding_dimension() or 0
    if max(settings.matryoshka) > width:
        raise ConfigError(
            "train.matryoshka asks for more numbers than a vector has",
            got=max(settings.matryoshka),
            wanted=f"at most {width}",
        )
    return losses.MatryoshkaLoss(model, loss, sorted({*settings.matryoshka, width}, reverse=True))
