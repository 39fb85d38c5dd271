"""Settings of the classifier, and of how it reads texts."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, model_validator

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
    Switch,
    Whole,
)

Fraction = Annotated[float, Field(gt=0, lt=1, strict=True)]


def _known_head(name: str) -> str:
    try:
        split_name(name)
    except ConfigError as error:
        raise ValueError(error.wanted) from None
    return name


class ClassifierSettings(Settings):
    """What learns, how it is trained, and how labels are chosen."""

    head: Annotated[str, AfterValidator(_known_head)] = "levels"
    """levels, flat, tmm, thmm, harnn, knn, local-svm; an ensemble, such as levels+flat+knn+svm."""
    mask: Literal["none", "hard", "soft"] = "soft"
    """A node's parent: ignored, must be predicted (hard), or multiplies its probability (soft)."""
    hidden: Whole | None = None
    """Width of the hidden layers, 0 for none; None is 1024, 64 (tmm, thmm) or 512 (harnn)."""
    layers: Positive = 1
    """Hidden layers below the levels or leaves."""
    dropout: PartShare | None = None
    """Share of hidden units dropped in training; None is 0.5, and 0.25 for tmm and thmm."""
    input_dropout: PartShare = 0.2
    """Share of the entries of embeddings dropped in training."""
    policy: Literal["path", "siblings", "all"] | None = None
    """What a node learns from: its whole path, patents with its parent, or all; None by head."""
    loss: Literal["bce", "frequency"] = "bce"
    """Cross-entropy, or the same with rare labels weighing more."""
    alpha: AboveZero = 1.0
    """Weight of a true label against a false one; above 1 raises recall."""
    level_weights: tuple[NotNegative, ...] | None = None
    """Weight of each level in the loss."""
    epochs: Positive = 20
    """Passes over the training patents, at most."""
    batch_size: Positive = 256
    """Patents in one step of training."""
    learning_rate: AboveZero = 2e-3
    """Highest rate of AdamW, reached after a tenth of the steps; of the head, on texts."""
    weight_decay: NotNegative = 0.01
    """Weight decay of AdamW."""
    patience: Whole = 5
    """Epochs without a gain on dev after which training stops; 0 never stops early."""
    monitor: Literal["average_precision", "hier_f1", "none"] = "average_precision"
    """Dev figure that decides which epoch is kept; with none, the last one."""
    threshold: Literal["global", "level", "label"] | Share = "label"
    """Tuned on dev for all nodes, by level or by label; or a fixed probability."""
    shrinkage: NotNegative = 20.0
    """How strongly a rare label's threshold is drawn towards its level's."""
    at_least_one: Switch | Level = True
    """Every patent gets a label on each level, or down to the level named."""
    back_off: Share = 0.0
    """Probability that a label given only by at_least_one must have."""
    top_k: Positive | None = None
    """Labels of a patent on one level, at most."""
    calibration: Literal["temperature", "isotonic"] | None = None
    """Correction of the probabilities of each level, fitted on dev."""
    mixing: Literal["mean", "stacked"] = "mean"
    """How members of an ensemble are combined: an average, or a regression fitted on dev."""
    neighbors: Positive = 40
    """knn: patents that vote."""
    sharpness: NotNegative = 8.0
    """knn: power of the cosine similarity by which a vote weighs."""
    neighbor_weight: Literal["auto"] | Share = "auto"
    """knn beside heads, mixing mean: weight of the vote; auto is the best on dev."""
    prune: PartShare = 0.01
    """tmm, thmm, svm: below a node less likely than this, probabilities are 0."""
    dev_fraction: Fraction = 0.1
    """Share of the training patents held out where no dev set is given."""
    precision: Precision = "auto"
    """Of products: bf16 or fp16 on a GPU; on a CPU bf16 in reading texts, if faster; or fp32."""
    device: str = "auto"
    """auto (a GPU if there is one), cpu, cuda, cuda:1."""
    cost: AboveZero = 1.0
    """local-svm, svm: what an error costs, liblinear's C."""

    @model_validator(mode="before")
    @classmethod
    def _forget_rank(cls, value: Any) -> Any:
        if isinstance(value, dict) and value.get("rank", 0) is None:  # files of before say null
            return {name: each for name, each in value.items() if name != "rank"}
        return value

    @model_validator(mode="after")
    def _agree(self) -> ClassifierSettings:
        if self.mixing == "stacked" and self.neighbor_weight != "auto":
            raise ValueError("neighbor_weight auto, or mixing mean")
        return self


class TextSettings(Settings):
    """How a classifier that is trained on texts reads them, and how that reading is trained.

    The seed and the rate of all that is new (the head, convolutions) are the classifier's own
    settings.
    """

    model: str | None = None
    """Encoder; words (vectors trained here), glove, or GloVe's .txt or .vec; None is minilm."""
    max_length: Positive | None = None
    """Tokens read of each text; None is 256, and the encoder section's in a recipe."""
    pooling: Literal["encoder", "cls", "mean", "cnn"] = "encoder"
    """Document vector: the encoder's own, of the first token, the mean, or a convolution."""
    layers: Positive = 1
    """Last layers whose sum is a token's vector (not with pooling encoder)."""
    kernels: Annotated[tuple[Positive, ...], Field(min_length=1)] = (2, 3, 4, 5)
    """cnn: tokens that a filter sees."""
    filters: Positive = 512
    """cnn: filters of each kernel."""
    dense: Whole = 0
    """cnn: width of a layer with batch normalisation above it; 0 for none."""
    dropout: PartShare = 0.0
    """cnn: share of the dense layer dropped in training."""
    word_width: Positive = 100
    """words: width of the vectors."""
    min_count: Positive = 2
    """words: occurrences that a word must have."""
    vocabulary: Positive = 100_000
    """words: number of words, at most."""
    frozen: Switch = False
    """The encoder or the word vectors stay as they are; what they give is computed once."""
    frozen_layers: Whole = 0
    """Lowest layers that stay as they are, with the embeddings below them."""
    untuned: Switch = False
    """Heads after the first, and neighbours, also use the encoder as it was before tuning."""
    head_first: Switch = False
    """Train the head alone first, then both (A. Kumar et al., ICLR 2022)."""
    epochs: Positive | None = None
    """Epochs of the training on texts, if other than the classifier's."""
    batch_size: Positive | None = None
    """Texts in one step, if other than the classifier's."""
    learning_rate: AboveZero = 2e-5
    """Highest rate of the encoder's top layer, or of the word vectors."""
    layer_decay: Annotated[float, Field(gt=0, le=1, strict=True)] = 1.0
    """A layer's rate is that of the layer above times this."""
    warmup: Share = 0.1
    """Share of the steps in which the rates rise."""
    accumulate: Positive = 1
    """Parts in which a batch is computed; their gradients are added up."""
    encoder_dropout: PartShare | None = None
    """Dropout of the encoder while it is tuned; None is its own, 0 is faster on a CPU."""
    checkpointing: Switch = False
    """Compute again in the backward pass instead of keeping: slower, far less memory."""


class EstimatorSettings(ClassifierSettings):
    """All parameters of `patentcl.PatentClassifier`."""

    at_least_one: Switch | str = True  # type: ignore[assignment]  # any tree names its levels
    """Every patent gets a label on each level, or down to the level named."""
    seed: Whole = 0
    """Random seed of held-out patents, initial weights, dropout and the order of training."""
    text: TextSettings | None = None
    """How texts are read, and how that is trained; for classifiers fitted on texts."""
    level: Level | None = "subclass"
    """Labels given as symbols are cut to this level; None keeps them as they are."""
    verbose: Whole = 1
    """Show a progress bar for fits that take more than some seconds; 0 for none."""

    @property
    def reading(self) -> TextSettings:
        """How texts are read, by default if nothing else is said."""
        return self.text or TextSettings()
