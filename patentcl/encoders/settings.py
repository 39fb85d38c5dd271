"""Settings of encoders and of fine-tuning them."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from patentcl.core.settings import AboveZero, Positive, Precision, Settings, Share, Whole


class EncoderSettings(Settings):
    """Which model turns text into vectors, and how fast."""

    model: str = "minilm"
    """``minilm``, a Hub name, or a local sentence-transformers folder."""
    max_length: Positive = 256
    batch_size: Positive | None = None
    """None: 8 on a CPU, where short batches of like length are fastest, and 256 on a GPU."""
    precision: Precision = "auto"
    store: Literal["float16", "float32"] = "float16"


class TrainingSettings(Settings):
    """Contrastive fine-tuning on triplets."""

    loss: Literal["triplet", "mnr"] = "triplet"
    """TripletLoss; or MultipleNegativesRankingLoss, to which all other patents of a batch are
    negatives too."""
    epochs: AboveZero = 1.0
    batch_size: Positive = 16
    learning_rate: AboveZero = 2e-5
    warmup: Share = 0.1
    margin: AboveZero = 0.2
    distance: Literal["cosine", "euclidean"] = "cosine"
    max_length: Positive = 128
    dropout: Annotated[bool, Field(strict=True)] = True
    frozen_layers: Whole = 0
    """So many of the lowest layers, and the embeddings below them, stay as they are."""
    blend: Annotated[float, Field(gt=0, le=1, strict=True)] = 1.0
    """Share of the change that is kept: 1 the tuned weights, 0.5 halfway between them and the
    untuned ones."""
    precision: Precision = "auto"
