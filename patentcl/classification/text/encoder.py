"""What reads texts for a classifier: how it is made, trained, stored and read again."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from patentcl.classification.heads import Head
from patentcl.classification.scaling import ScaledHead
from patentcl.classification.settings import EstimatorSettings, TextSettings
from patentcl.classification.text.backbones import load_reader, make_reader
from patentcl.classification.text.network import TextBatches, TextNet, predict_texts
from patentcl.classification.text.pooling import TextModel
from patentcl.classification.text.training import train_on_texts
from patentcl.classification.training import Hooks, Labelled
from patentcl.core.devices import own_randomness
from patentcl.encoders.tokens import Tokens, join_texts

TUNED, UNTUNED = "encoder", "untuned"
"""Where, in a classifier's folder, lie what reads texts, and the same as it was before."""


class TextEncoder:
    """Reads texts for a head, on a device and in a precision."""

    def __init__(self, model: TextModel, device: torch.device, precision: str) -> None:
        self.net = TextNet(model.to(device), None)
        self.device, self.precision = device, precision
        self.truncated = 0
        """How many of the texts read last were longer than the limit."""

    @classmethod
    def make(
        cls,
        items: Any,
        settings: EstimatorSettings,
        device: torch.device,
        precision: str,
        tuned: bool = True,
    ) -> TextEncoder:
        """Make one for training texts, untrained but for what its encoder has learnt before.

        Word vectors find their words in the texts; the head ``harnn`` reads token by token. With
        `tuned` False the encoder stays as it is, to be used beside one that is tuned.
        """
        text = settings.reading if tuned else as_it_is(settings.reading)
        with own_randomness(settings.seed, torch.device("cpu")):
            reader = make_reader(text, join_texts(items, "."), settings.seed)
            model = TextModel(reader, text, sequence=tuned and settings.head.startswith("harnn"))
        return cls(model, device, precision)

    @property
    def model(self) -> TextModel:
        """What makes document vectors of texts."""
        return self.net.text

    @property
    def fixed(self) -> bool:
        """Whether nothing before the head is trained, so that vectors can be made once."""
        return self.model.settings.frozen and not self.model.by_token

    def read(self, items: Any, what: str) -> Tokens:
        """Texts as numbers; those that are truncated are counted, and told in a warning."""
        tokens = self.model.read(items, what)
        self.truncated = int(tokens.truncated.sum())
        return tokens

    def predict(
        self, tokens: Tokens, least: float = 0.0
    ) -> Iterator[tuple[int, np.ndarray | None, np.ndarray]]:
        """Yield first row, probabilities (None without a head) and document vectors."""
        batches = TextBatches(tokens, self.model.reader.pad)
        return predict_texts(self.net, batches, self.device, self.precision, least)

    def vectors(self, tokens: Tokens) -> np.ndarray:
        """Document vectors, float32 (n, dim); the token mean where a head reads tokens."""
        batches = TextBatches(tokens, self.model.reader.pad)
        bare = TextNet(self.model, None)
        found = [v for _, _, v in predict_texts(bare, batches, self.device, self.precision)]
        return np.concatenate(found) if found else np.empty((0, self.model.dim), dtype=np.float32)

    def train(
        self,
        head: ScaledHead | Callable[[int], Head],
        sets: tuple[Labelled, Labelled],
        settings: EstimatorSettings,
        hooks: Hooks,
    ) -> tuple[ScaledHead, list[dict[str, Any]]]:
        """Train all there is, with a head; see `train_on_texts`."""
        return train_on_texts(self.model, head, sets, settings, self.precision, self.device, hooks)

    def attach(self, head: ScaledHead | None) -> None:
        """Put a trained head on top."""
        self.net = TextNet(self.model, head)

    # ---- files ------------------------------------------------------------------------------

    def save(self, folder: Path, name: str = TUNED) -> dict[str, Tensor]:
        """Write what reads texts into a folder; the other weights are returned."""
        self.model.reader.save(folder / name)
        # An encoder's weights are in its own folder.
        return {
            f"{_prefix(name)}{k}": v
            for k, v in self.model.state_dict().items()
            if not k.startswith("reader.model.")
        }

    @classmethod
    def load(
        cls,
        place: Path,
        settings: TextSettings,
        state: dict[str, Tensor],
        facts: Any,
        device: torch.device,
        precision: str,
    ) -> TextEncoder:
        """Read what `save` wrote into a folder that is named `TUNED` or `UNTUNED`.

        `facts` holds the ``width`` of token vectors, and whether a ``sequence`` of them is given
        to the head; `state` holds weights by name, others among them.
        """
        with own_randomness(None, torch.device("cpu")):  # weights drawn here are thrown away
            reader = load_reader(place, settings, int(facts["width"]))
            model = TextModel(reader, settings, sequence=bool(facts["sequence"]))
        start = _prefix(place.name)
        own = {k[len(start) :]: v for k, v in state.items() if k.startswith(start)}
        kept = {k: v for k, v in model.state_dict().items() if k.startswith("reader.model.")}
        model.load_state_dict({**kept, **own})
        return cls(model.eval(), device, precision)

    @property
    def facts(self) -> dict[str, Any]:
        """What `load` must know besides the settings."""
        return {"width": self.model.reader.dim, "sequence": self.model.sequence}


def as_it_is(settings: TextSettings) -> TextSettings:
    """Settings of an encoder that is not tuned."""
    return settings.model_copy(update={"frozen": True, "frozen_layers": 0, "pooling": "encoder"})


def _prefix(name: str) -> str:
    return "text." if name == TUNED else f"{name}."
