"""Settings of encoders and of fine-tuning them."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from patentcl.core.settings import AboveZero, Positive, Precision, Settings, Share, Whole


class EncoderSettings(Settings):
    """Which model turns text into vectors, and how fast."""

    model: str = "minilm"
    """minilm, a name on the model hub, or a local sentence-transformers folder."""
    max_length: Positive = 256
    """Tokens read of each text."""
    batch_size: Positive | None = None
    """Texts encoded together; None: 8 on a CPU, 256 on a GPU."""
    precision: Precision = "auto"
    """Precision to encode in."""
    store: Literal["float16", "float32"] = "float16"
    """Type of the vectors on disk."""


class TrainingSettings(Settings):
    """Contrastive fine-tuning on triplets."""

    loss: Literal["triplet", "mnr"] = "triplet"
    """TripletLoss; or mnr, to which all other patents of a batch are negatives too."""
    epochs: AboveZero = 1.0
    """Passes over the triplets; may be a fraction."""
    batch_size: Positive = 16
    """Triplets in one step."""
    learning_rate: AboveZero = 2e-5
    """Highest learning rate."""
    warmup: Share = 0.1
    """Share of the steps in which the rate rises."""
    margin: AboveZero = 0.2
    """How much nearer a positive must be than a negative."""
    distance: Literal["cosine", "euclidean"] = "cosine"
    """Distance of the triplet loss."""
    max_length: Positive = 128
    """Tokens read of each text while tuning."""
    dropout: Annotated[bool, Field(strict=True)] = True
    """Whether the encoder drops what it was made to drop."""
    frozen_layers: Whole = 0
    """This many of the lowest layers, and the embeddings below them, stay as they are."""
    blend: Annotated[float, Field(gt=0, le=1, strict=True)] = 1.0
    """Share of the change that is kept: 1 is the tuned weights, 0.5 halfway to them."""
    precision: Precision = "auto"
    """Precision to train in."""
