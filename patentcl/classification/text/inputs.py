"""The half of a classifier that reads texts: what it is made of, how it is trained and stored."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from scipy import sparse
from torch import Tensor

from patentcl.classification.heads import Head
from patentcl.classification.settings import TextSettings
from patentcl.classification.text.backbones import TextModel, load_reader, make_reader
from patentcl.classification.text.network import Feed, TextNet, predict_texts
from patentcl.classification.text.training import TextRun, train_on_texts
from patentcl.classification.training import Model
from patentcl.core.errors import ConfigError
from patentcl.core.settings import make_settings
from patentcl.encoders.tokens import Tokens, join_texts

TUNED, UNTUNED = "encoder", "untuned"
"""Where, in a classifier's folder, lie what reads texts, and the same as it was before."""


def text_settings(given: Any) -> TextSettings:
    """Settings as such, or as a mapping; None is the defaults.

    Raises
    ------
    ConfigError
        If a key or value is not accepted, or it is something else.
    """
    if given is None:
        return TextSettings()
    if isinstance(given, TextSettings):
        return given
    if not isinstance(given, Mapping):
        raise ConfigError(
            "text must be settings",
            got=type(given).__name__,
            wanted="TextSettings, or a mapping of its fields",
        )
    return make_settings(TextSettings, dict(given), "text")


class TextSide:
    """Reads texts for a head.

    Parameters
    ----------
    model : TextModel
    device : torch.device
    half : torch.dtype, optional
        Precision of reading.

    Attributes
    ----------
    dim : int
        Width of the document vectors.
    cut : int
        How many of the texts read last were longer than the limit.
    """

    def __init__(self, model: TextModel, device: torch.device, half: torch.dtype | None) -> None:
        self.net = TextNet(model.to(device), None)
        self.device, self.half = device, half
        self.cut = 0

    @classmethod
    def make(
        cls,
        settings: TextSettings,
        items: Any,
        head: str,
        device: torch.device,
        half: torch.dtype | None,
        seed: int,
    ) -> TextSide:
        """Make one for training texts, untrained but for what its encoder has learnt before.

        Parameters
        ----------
        settings : TextSettings
        items : Corpus, sequence of str, or sequence of (title, abstract)
            Where word vectors find their words.
        head : str
            Of the classifier; ``harnn`` reads token by token.
        device : torch.device
        half : torch.dtype, optional
        seed : int
        """
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            reader = make_reader(settings, join_texts(items, "."), seed)
            model = TextModel(reader, settings, sequence=head.startswith("harnn"))
        return cls(model, device, half)

    @classmethod
    def untuned(
        cls,
        settings: TextSettings,
        items: Any,
        device: torch.device,
        half: torch.dtype | None,
        seed: int,
    ) -> TextSide:
        """Make one whose encoder stays as it is, to speak beside one that is tuned."""
        return cls.make(_as_it_is(settings), items, "", device, half, seed)

    @property
    def dim(self) -> int:
        return self.net.text.dim

    @property
    def by_token(self) -> bool:
        """Whether what is above the reader looks at token vectors, and must be trained itself."""
        return self.net.text.by_token

    @property
    def fixed(self) -> bool:
        """Whether nothing before the head is trained, so that vectors can be made once."""
        return self.net.text.settings.frozen and not self.by_token

    def read(self, items: Any, what: str) -> Tokens:
        """Texts as numbers; those that are cut are counted, and told in a warning."""
        tokens = self.net.text.read(items, what)
        self.cut = int(tokens.truncated.sum())
        return tokens

    def parts(
        self, tokens: Tokens, least: float = 0.0
    ) -> Iterator[tuple[int, np.ndarray | None, np.ndarray]]:
        """Yield first row, probabilities (None without a head) and document vectors."""
        feed = Feed(tokens, self.net.text.reader.pad)
        return predict_texts(self.net, feed, self.device, self.half, least)

    def vectors(self, tokens: Tokens) -> np.ndarray:
        """Document vectors, float32 (n, dim); the token mean where a head reads tokens."""
        bare = TextNet(self.net.text, None)
        feed = Feed(tokens, self.net.text.reader.pad)
        found = [v for _, _, v in predict_texts(bare, feed, self.device, self.half)]
        return np.concatenate(found) if found else np.empty((0, self.dim), dtype=np.float32)

    def train(
        self,
        make_head: Callable[[int], Head],
        train_set: tuple[Tokens, sparse.csr_matrix],
        dev_set: tuple[Tokens, sparse.csr_matrix],
        run: TextRun,
        start: Model | None = None,
    ) -> tuple[Model, list[dict[str, Any]]]:
        """Train all there is, with a head; see `train_on_texts`."""
        self.net, history = train_on_texts(
            self.net.text, make_head, train_set, dev_set, run, self.device, start
        )
        assert self.net.core is not None
        return self.net.core, history

    def attach(self, model: Model | None) -> None:
        """Put a trained head on top."""
        self.net = TextNet(self.net.text, model)

    # ---- files ------------------------------------------------------------------------------

    def save(self, folder: Path, name: str = TUNED) -> dict[str, Tensor]:
        """Write what reads texts into a folder; the other weights are returned."""
        self.net.text.reader.save(folder / name)
        # An encoder's weights are in its own folder.
        return {
            f"{_prefix(name)}{k}": v
            for k, v in self.net.text.state_dict().items()
            if not k.startswith("reader.model.")
        }

    @classmethod
    def load(
        cls,
        folder: Path,
        settings: TextSettings,
        state: dict[str, Tensor],
        facts: Any,
        device: torch.device,
        half: torch.dtype | None,
        name: str = TUNED,
    ) -> TextSide:
        """Read what `save` wrote.

        Parameters
        ----------
        folder : Path
        settings : TextSettings
        state : dict of Tensor
            Weights by name, others among them.
        facts : mapping
            ``width`` of token vectors, and whether a ``sequence`` of them is given to the head.
        device : torch.device
        half : torch.dtype, optional
        name : str
            `TUNED` or `UNTUNED`.
        """
        if name == UNTUNED:
            settings = _as_it_is(settings)
        with torch.random.fork_rng(devices=[]):  # weights drawn here are thrown away at once
            reader = load_reader(folder / name, settings, int(facts["width"]))
            model = TextModel(reader, settings, sequence=bool(facts["sequence"]))
        start = _prefix(name)
        own = {k[len(start) :]: v for k, v in state.items() if k.startswith(start)}
        kept = {k: v for k, v in model.state_dict().items() if k.startswith("reader.model.")}
        model.load_state_dict({**kept, **own})
        return cls(model.eval(), device, half)

    @property
    def facts(self) -> dict[str, Any]:
        """What `load` must know besides the settings."""
        return {"width": self.net.text.reader.dim, "sequence": self.net.text.sequence}


def _prefix(name: str) -> str:
    return "text." if name == TUNED else f"{name}."


def _as_it_is(settings: TextSettings) -> TextSettings:
    return settings.model_copy(update={"frozen": True, "frozen_layers": 0, "pooling": "encoder"})
