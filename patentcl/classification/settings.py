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
    """What learns: a head, or an ensemble such as levels+knn."""
    mask: Literal["none", "hard", "soft"] = "soft"
    """How a parent's probability limits its children's."""
    hidden: Whole | None = None
    """Width of the hidden layers, 0 for none; None is the head's own."""
    layers: Positive = 1
    """Number of hidden layers."""
    dropout: PartShare | None = None
    """Share of hidden units dropped in training; None is the head's own."""
    input_dropout: PartShare = 0.2
    """Share of the entries of an embedding dropped in training."""
    policy: Literal["path", "siblings", "all"] | None = None
    """Which patents a node is trained on; None is the head's own."""
    loss: Literal["bce", "frequency"] = "bce"
    """What is minimised."""
    alpha: AboveZero = 1.0
    """Weight of a true label against a false one; above 1 raises recall."""
    level_weights: tuple[NotNegative, ...] | None = None
    """What a node of each level counts in the loss; None: all alike."""
    epochs: Positive = 20
    """Passes over the training patents, at most."""
    batch_size: Positive = 256
    """Patents in one step."""
    learning_rate: AboveZero = 2e-3
    """Highest learning rate of the head."""
    weight_decay: NotNegative = 0.01
    """Weight decay of AdamW."""
    patience: Whole = 5
    """Stop after this many epochs without a gain on dev; 0 never stops early."""
    monitor: Literal["average_precision", "hier_f1", "none"] = "average_precision"
    """Dev figure by which the best epoch is found; with none the last one is kept."""
    threshold: Literal["global", "level", "label"] | Share = "label"
    """Tuned on dev for F1 by label, by level or globally; or a fixed number."""
    shrinkage: NotNegative = 20.0
    """With threshold label: how strongly rare labels are drawn to their level's threshold."""
    at_least_one: Annotated[bool, Field(strict=True)] | Level = True
    """Predict a label for every patent at every level, or down to the level named."""
    back_off: Share = 0.0
    """A label that only at_least_one adds must be this likely."""
    top_k: Positive | None = None
    """At most this many labels at each level; None: no limit."""
    calibration: Literal["temperature", "isotonic"] | None = None
    """How probabilities of each level are corrected on dev; None: not at all."""
    mixing: Literal["mean", "stacked"] = "mean"
    """How ensemble members are combined: an average, or a regression that knows frequencies."""
    neighbors: Positive = 40
    """With knn: number of neighbours that vote."""
    sharpness: NotNegative = 8.0
    """With knn: a vote weighs the cosine to this power."""
    neighbor_weight: Literal["auto"] | Share = "auto"
    """With knn and mixing mean: weight of the vote; auto is the best on dev."""
    prune: PartShare = 0.01
    """With tmm and thmm: nodes below a node less likely than this are given 0."""
    dev_fraction: Annotated[float, Field(gt=0, lt=1, strict=True)] = 0.1
    """Share of the training patents held out where there is no dev set."""
    precision: Precision = "auto"
    """Precision of the products in training."""
    device: str = "auto"
    """auto (a GPU if there is one), cpu or cuda."""
    cost: AboveZero = 1.0
    """With local-svm and svm: what an error costs, liblinear's C."""


class TextSettings(Settings):
    """How a classifier that is trained on texts reads them, and how its reader is trained.

    The seed and the rate of all that is new (the head, convolutions) are the classifier's own
    settings.
    """

    model: str | None = None
    """As encoder.model; words or a .txt or .vec file for word vectors; None is minilm."""
    max_length: Positive | None = None
    """Tokens read of each text; None is 256."""
    pooling: Literal["encoder", "cls", "mean", "cnn"] = "encoder"
    """What stands for a text: the encoder's own vector, first token, mean, or a convolution."""
    layers: Positive = 1
    """Token vectors are the sum of this many of the last layers."""
    kernels: Annotated[tuple[Positive, ...], Field(min_length=1)] = (2, 3, 4, 5)
    """Widths of the convolutions, in tokens."""
    filters: Positive = 512
    """Convolutions of each width."""
    dense: Whole = 0
    """Width of a layer between convolutions and head; 0 for none."""
    dropout: PartShare = 0.0
    """Share dropped after that layer."""
    word_width: Positive = 100
    """Width of word vectors trained here."""
    min_count: Positive = 2
    """Words found less often are one unknown word."""
    vocabulary: Positive = 100_000
    """At most this many words."""
    frozen: Annotated[bool, Field(strict=True)] = False
    """Encoder or word vectors stay as they are."""
    frozen_layers: Whole = 0
    """This many of the lowest layers, and the embeddings below them, stay as they are."""
    untuned: Annotated[bool, Field(strict=True)] = False
    """Heads after the first, and neighbours, also use the vectors of the untuned encoder."""
    head_first: Annotated[bool, Field(strict=True)] = False
    """Train the head alone first, on vectors of the untuned encoder."""
    epochs: Positive | None = None
    """Epochs of the training on texts; None: those of the classifier."""
    batch_size: Positive | None = None
    """Batch size of the training on texts; None: that of the classifier."""
    learning_rate: AboveZero = 2e-5
    """Highest rate of the encoder's top layer, or of the word vectors."""
    layer_decay: Annotated[float, Field(gt=0, le=1, strict=True)] = 1.0
    """A layer's rate is that of the layer above times this."""
    warmup: Share = 0.1
    """Share of the steps in which the rate rises."""
    accumulate: Positive = 1
    """A batch is computed in this many parts, which saves memory."""
    encoder_dropout: PartShare | None = None
    """Dropout of the encoder while it is tuned; None is its own, 0 is faster."""
    checkpointing: Annotated[bool, Field(strict=True)] = False
    """Compute again in the backward pass: a third slower, far less memory."""
