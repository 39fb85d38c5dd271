"""The losses of fine-tuning, by name, from sentence-transformers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from patentcl.core.errors import ConfigError
from patentcl.encoders.settings import TrainingSettings

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer
    from torch import nn


def make_loss(
    name: str, model: SentenceTransformer, guide: SentenceTransformer, settings: TrainingSettings
) -> nn.Module:
    """A loss: triplet, mnr, gist, batch-all or batch-hard.

    `guide` is the untuned model, which only gist asks.
    """
    from sentence_transformers.sentence_transformer import losses

    loss: nn.Module
    if name == "mnr":
        loss = losses.MultipleNegativesRankingLoss(model, scale=1 / settings.temperature)
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
