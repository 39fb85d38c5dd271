"""Settings of encoders and of fine-tuning them."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from patentcl.core.settings import AboveZero, Positive, Precision, Settings, Share, Switch, Whole


class EncoderSettings(Settings):
    """Which model turns text into vectors, and how fast."""

    model: str = "minilm"
    """minilm or mpnet (packages), a name on the model hub, or a sentence-transformers folder."""
    static: Switch = False
    """Runs distil the model into a look-up of tokens, and tune and use that: no GPU is needed."""
    max_length: Positive = 256
    """Tokens read of each text."""
    batch_size: Positive | None = None
    """Texts encoded together; None: 8 on a CPU, 256 on a GPU."""
    precision: Precision = "auto"
    """Precision to encode in."""
    store: Literal["float16", "float32"] = "float16"
    """Type of the vectors on disk."""


Objective = Literal["triplets", "views", "cites", "coupled", "labels"]


class TrainingSettings(Settings):
    """Contrastive fine-tuning."""

    objectives: dict[Objective, Share] = {"triplets": 1.0}
    """Shares: mined triplets, two parts of a patent, citations, common citations, subclasses."""
    loss: Literal["triplet", "mnr", "gist"] = "triplet"
    """Margin to a negative; or all of a batch are negatives (gist: but those nearer untuned)."""
    tune: Literal["layers", "map"] = "layers"
    """The encoder's layers; or a linear map behind it, for which each text is encoded only once."""
    label_loss: Literal["batch-all", "batch-hard"] = "batch-all"
    """Loss of the objective labels: all triplets of a batch, or the hardest of each patent."""
    matryoshka: tuple[Positive, ...] = ()
    """Widths at which the first numbers of a vector are tuned to serve alone; () for none."""
    epochs: AboveZero = 1.0
    """Passes over the examples; may be a fraction."""
    minutes: AboveZero | None = None
    """Train only as long as this, on as many steps as the measured speed allows."""
    batch_size: Positive = 16
    """Examples in one step."""
    learning_rate: AboveZero = 2e-5
    """Highest learning rate."""
    warmup: Share = 0.1
    """Share of the steps in which the rate rises."""
    margin: AboveZero = 0.2
    """How much nearer a positive must be than a negative."""
    distance: Literal["cosine", "euclidean"] = "cosine"
    """Distance of the losses with a margin."""
    temperature: AboveZero = 0.05
    """Divides the cosines in mnr and gist: the lower, the more the nearest negatives count."""
    max_length: Positive = 128
    """Tokens read of each text while tuning."""
    dropout: Switch = True
    """Whether the encoder drops what it was made to drop."""
    frozen_layers: Whole = 0
    """This many of the lowest layers, and the embeddings below them, stay as they are."""
    cache_frozen: Switch = True
    """Compute the frozen layers once a text and keep the result on disk while training."""
    blend: Annotated[float, Field(gt=0, le=1, strict=True)] = 1.0
    """Share of the change that is kept: 1 is the tuned weights, 0.5 halfway to them."""
    precision: Precision = "auto"
    """Precision to train in."""

    @model_validator(mode="after")
    def _agree(self) -> TrainingSettings:
        if self.tune == "map" and self.frozen_layers:
            raise ValueError("frozen_layers 0 where a map is tuned: all layers stay as they are")
        if abs(sum(self.objectives.values()) - 1) > 1e-6:
            raise ValueError(
                f"shares of objectives that sum to 1, not {sum(self.objectives.values()):g}"
            )
        return self


class DistillSettings(Settings):
    """A static encoder, which is a look-up, from the vectors of another."""

    texts: Positive = 50_000
    """Texts that teach, at most: the other encoder must encode each."""
