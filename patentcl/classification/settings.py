"""Settings of the classifier and of reading texts for it."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from patentcl.classification.members import split_name
from patentcl.core.errors import ConfigError
from patentcl.core.settings import (
    AboveZero,
    Level,
    NotNegative,
    PartShare,
    Positive,
    Precision,
    Settings,
    Share,
    Whole,
)


def _known_head(name: str) -> str:
    try:
        split_name(name)
    except ConfigError as error:
        raise ValueError(error.wanted) from None
    return name


HeadName = Annotated[str, AfterValidator(_known_head)]


class ClassifierSettings(Settings):
    """Arguments of `patentcl.PatentClassifier` but its seed, with its defaults."""

    head: HeadName = "levels"
    mask: Literal["none", "hard", "soft"] = "soft"
    hidden: Whole | None = None
    """None for this and the next two: the head's own."""
    layers: Positive = 1
    dropout: PartShare | None = None
    input_dropout: PartShare = 0.2
    policy: Literal["path", "siblings", "all"] | None = None
    rank: Positive | None = None
    """With tmm and thmm: a first matrix of this rank, its larger half shared within a level."""
    loss: Literal["bce", "frequency", "asymmetric", "adjusted"] = "bce"
    alpha: AboveZero = 1.0
    level_weights: tuple[NotNegative, ...] | None = None
    epochs: Positive = 20
    batch_size: Positive = 256
    learning_rate: AboveZero = 2e-3
    weight_decay: NotNegative = 0.01
    patience: Whole = 5
    monitor: Literal["average_precision", "hier_f1", "none"] = "average_precision"
    threshold: Literal["global", "level", "label"] | Share = "label"
    shrinkage: NotNegative = 20.0
    at_least_one: Annotated[bool, Field(strict=True)] | Level = True
    back_off: Share = 0.0
    top_k: Positive | None = None
    calibration: Literal["temperature", "isotonic"] | None = None
    mixing: Literal["mean", "stacked"] = "mean"
    """Of several voices: an average, or a regression that also knows how frequent a node is."""
    neighbors: Positive = 40
    sharpness: NotNegative = 8.0
    neighbor_weight: Literal["auto"] | Share = "auto"
    prune: PartShare = 0.01
    dev_fraction: Annotated[float, Field(gt=0, lt=1, strict=True)] = 0.1
    precision: Precision = "auto"
    device: str = "auto"
    cost: AboveZero = 1.0


class TextSettings(Settings):
    """How a classifier that is trained on texts reads them, and how its reader is trained.

    The seed and the rate of all that is new (the head, convolutions) are the classifier's own
    settings.
    """

    model: str | None = None
    """As `EncoderSettings.model`, which is taken in a recipe; ``words`` for word vectors trained on
    the training texts; a .txt or .vec file in GloVe's format. None is ``minilm``."""
    max_length: Positive | None = None
    """Tokens read of each text; None is 256, and the encoder section's in a recipe."""
    pooling: Literal["encoder", "cls", "mean", "cnn"] = "encoder"
    """What stands for a text: the encoder's own vector, its first token's, the mean of all tokens',
    or a convolution over them. The head ``harnn`` looks at each token instead."""
    layers: Positive = 1
    """Token vectors are the sum of so many of the last layers (but with pooling ``encoder``)."""
    kernels: Annotated[tuple[Positive, ...], Field(min_length=1)] = (2, 3, 4, 5)
    filters: Positive = 512
    dense: Whole = 0
    """Width of a layer with batch normalisation between convolution and head; 0 for none."""
    dropout: PartShare = 0.0
    """After that layer."""
    word_width: Positive = 100
    min_count: Positive = 2
    vocabulary: Positive = 100_000
    frozen: Annotated[bool, Field(strict=True)] = False
    """The encoder, or the word vectors, stay as they are; what they give is computed once."""
    frozen_layers: Whole = 0
    """So many of the lowest layers, and the embeddings below them, stay as they are."""
    untuned: Annotated[bool, Field(strict=True)] = False
    """Beside an encoder that is tuned, the same one as it was speaks too: heads after the first
    learn on its vectors, and its neighbours vote besides those of the tuned one."""
    head_first: Annotated[bool, Field(strict=True)] = False
    """The head is trained alone first, on the vectors of the encoder as it is, then both together,
    at the rate below: a head that knows nothing yet spoils what the encoder knows (linear probing,
    then fine-tuning: A. Kumar et al., ICLR 2022)."""
    epochs: Positive | None = None
    """Of the training on texts, if other than the classifier's, of which further heads have theirs.
    """
    batch_size: Positive | None = None
    """Likewise."""
    learning_rate: AboveZero = 2e-5
    """Highest rate of the encoder's top layer, or of the word vectors."""
    layer_decay: Annotated[float, Field(gt=0, le=1, strict=True)] = 1.0
    """A layer's rate is that of the layer above times this."""
    warmup: Share = 0.1
    accumulate: Positive = 1
    """A batch is computed in so many parts, of which the gradients are added up."""
    encoder_dropout: PartShare | None = None
    """Of the encoder's own layers while it is tuned; None is what it was made with. Without any, a
    CPU is a quarter faster."""
    checkpointing: Annotated[bool, Field(strict=True)] = False
    """Compute again in the backward pass instead of keeping: a third slower, far less memory."""
