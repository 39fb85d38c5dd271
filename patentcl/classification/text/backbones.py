"""Readers: what turns texts into token numbers, and these into token vectors, with gradients.

Any sentence-transformers or transformers model, or static word vectors. A reader knows nothing of
labels.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
from torch import Tensor, nn

from patentcl.classification.settings import TextSettings
from patentcl.classification.text.words import (
    PAD,
    WORDS,
    Vocabulary,
    is_words,
    read_glove,
    train_vectors,
)
from patentcl.core.devices import set_dropout
from patentcl.core.errors import ConfigError, DataError
from patentcl.encoders.checks import is_static
from patentcl.encoders.encoder import PatentEncoder
from patentcl.encoders.frozen import layers_of
from patentcl.encoders.tokens import Tokens, tokenised

LENGTH = 256
"""Tokens read of a text where the settings do not say."""


class Reader(nn.Module):
    """What turns texts into numbers, and numbers into a vector for each token."""

    dim: int
    """Width of the token vectors."""
    pooled_dim: int
    """Width of `pooled`."""
    limit: int
    """Tokens read of each text."""
    pad: int
    """The number that fills up."""
    separator: str
    """Between title and abstract."""

    def tokens(self, texts: list[str]) -> Tokens:
        """Numbers of each text's tokens."""
        raise NotImplementedError

    def states(self, ids: Tensor, mask: Tensor) -> Tensor:
        """Token vectors (n, t, dim) of numbers and mask (n, t)."""
        raise NotImplementedError

    def pooled(self, ids: Tensor, mask: Tensor) -> Tensor:
        """The reader's own vector of each text, (n, pooled_dim)."""
        raise NotImplementedError

    def stack(self) -> list[list[nn.Parameter]]:
        """Weights by layer, from the words upwards."""
        raise NotImplementedError

    def save(self, folder: Path) -> None:
        """Write what is needed to read texts again, into a new folder."""
        raise NotImplementedError


class TransformerReader(Reader):
    """A copy of an encoder's sentence-transformers model.

    Token vectors are the sum of the last `layers`; `dropout` replaces the model's own.
    """

    def __init__(
        self, encoder: PatentEncoder, layers: int = 1, dropout: float | None = None
    ) -> None:
        super().__init__()
        if is_static(encoder.model):
            raise ConfigError(
                "a static encoder has no layers to read texts with",
                got=encoder.name,
                fix="Fit on its vectors: patentcl embed, then patentcl fit VECTORS",
            )
        self.model = copy.deepcopy(encoder.model).float()
        if dropout is not None:
            set_dropout(self.model, dropout)
        self.name, self.layers = encoder.name, layers
        self.limit = encoder.max_length or LENGTH
        self.dim = int(self._inner.config.hidden_size)
        self.pooled_dim = encoder.dim
        tokenizer = self.model.tokenizer
        self.pad = int(tokenizer.pad_token_id or 0)
        self.separator = getattr(tokenizer, "sep_token", None) or "."
        if layers > (depth := len(layers_of(self.model))):
            raise ConfigError(
                "text.layers asks for more layers than the encoder has",
                got=layers,
                wanted=f"at most {depth}",
            )

    @property
    def _inner(self) -> Any:
        """The transformer itself."""
        first = self.model[0]
        return getattr(first, "auto_model", None) or first.model

    def tokens(self, texts: list[str]) -> Tokens:
        """Numbers of each text's tokens, the special ones among them."""
        return tokenised(self.model.tokenizer, texts, self.limit)

    def states(self, ids: Tensor, mask: Tensor) -> Tensor:
        """Sum of the last layers' token vectors (n, t, dim)."""
        out = self._inner(**_features(ids, mask), output_hidden_states=self.layers > 1)
        if self.layers == 1:
            return cast(Tensor, out.last_hidden_state)
        return torch.stack(out.hidden_states[-self.layers :]).sum(dim=0)

    def pooled(self, ids: Tensor, mask: Tensor) -> Tensor:
        """The model's sentence embedding."""
        found = self.model(_features(ids, mask))
        return cast(Tensor, found["sentence_embedding"])

    def stack(self) -> list[list[nn.Parameter]]:
        """Embeddings first, then layer by layer; what lies beside or above goes with the top."""
        blocks = [list(b.parameters()) for b in layers_of(self.model)]
        inside = {id(p) for b in blocks for p in b}
        words = getattr(self._inner, "embeddings", None)
        below = list(words.parameters()) if isinstance(words, nn.Module) else []
        inside |= {id(p) for p in below}
        rest = [p for p in self.model.parameters() if id(p) not in inside]
        if not blocks:
            return [below + rest]
        return [below, *blocks[:-1], blocks[-1] + rest]

    def checkpoint(self) -> None:
        """Keep less for the backward pass and compute it again."""
        inner = self._inner
        # The name that transformers has used until now; its sixth version knows the new one only.
        enable = getattr(inner, "activation_checkpointing_enable", None)
        if enable is not None:
            enable()
        else:
            inner.gradient_checkpointing_enable(
                gradient_checkpointing_kwargs={"use_reentrant": False}
            )

    def save(self, folder: Path) -> None:
        """Write a plain sentence-transformers folder."""
        PatentEncoder(self.model, self.name, self.limit).save(folder)


def _features(x: Tensor, mask: Tensor) -> dict[str, Tensor]:
    """Token numbers as a transformer takes them, or what its frozen layers made of them."""
    name = "inputs_embeds" if x.is_floating_point() else "input_ids"
    return {name: x, "attention_mask": mask.long()}


class WordReader(Reader):
    """Static word vectors, float32 (len(vocabulary), width)."""

    def __init__(self, vocabulary: Vocabulary, vectors: np.ndarray, limit: int) -> None:
        super().__init__()
        self.vocabulary, self.limit = vocabulary, limit
        self.dim = self.pooled_dim = vectors.shape[1]
        self.pad, self.separator = PAD, "."
        self.vectors = nn.Embedding.from_pretrained(
            torch.from_numpy(vectors.astype(np.float32)), freeze=False, padding_idx=PAD
        )

    def tokens(self, texts: list[str]) -> Tokens:
        """Numbers of each text's words."""
        return self.vocabulary.read(texts, self.limit)

    def states(self, ids: Tensor, mask: Tensor) -> Tensor:
        """Word vectors (n, t, dim)."""
        return cast(Tensor, self.vectors(ids))

    def pooled(self, ids: Tensor, mask: Tensor) -> Tensor:
        """Mean of the word vectors."""
        return mean_of(self.states(ids, mask), mask)

    def stack(self) -> list[list[nn.Parameter]]:
        """One layer."""
        return [list(self.parameters())]

    def save(self, folder: Path) -> None:
        """Write the words, one a line; their vectors are saved with all other weights."""
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "words.txt").write_text("\n".join(self.vocabulary.words) + "\n", encoding="utf-8")


def make_reader(settings: TextSettings, texts: Sequence[str] | None, seed: int = 0) -> Reader:
    """Make the reader that settings name; word vectors are trained on texts, or kept for them."""
    name, limit = settings.model or "minilm", settings.max_length or LENGTH
    if not is_words(name):
        return TransformerReader(
            PatentEncoder.load(name, limit, device="cpu"), settings.layers, settings.encoder_dropout
        )
    if texts is None:
        raise DataError("word vectors need texts to find their words in", got=name)
    vocabulary = Vocabulary.of(texts, settings.min_count, settings.vocabulary)
    if name == WORDS:
        vectors = train_vectors(
            vocabulary.read(texts, 10**6), len(vocabulary), settings.word_width, seed
        )
    else:
        words, found = read_glove(name, settings.vocabulary, vocabulary.words)
        vocabulary = Vocabulary(words)
        vectors = np.concatenate([np.zeros((2, found.shape[1]), dtype=np.float32), found])
    # Entries near 1, as dense layers and an LSTM like them; all alike, so that angles stay.
    spread = float(vectors[2:].std()) or 1.0
    return WordReader(vocabulary, vectors / spread, limit)


def load_reader(folder: Path, settings: TextSettings, width: int) -> Reader:
    """Read what `Reader.save` wrote, or raise DataError if its token vectors have another width.

    The weights of word vectors come with the classifier's other weights.
    """
    limit = settings.max_length or LENGTH
    if (folder / "words.txt").is_file():
        words = (folder / "words.txt").read_text(encoding="utf-8").split("\n")[:-1]
        vocabulary = Vocabulary(words)
        return WordReader(vocabulary, np.zeros((len(vocabulary), width), np.float32), limit)
    reader = TransformerReader(PatentEncoder.load(folder, limit, device="cpu"), settings.layers)
    if reader.dim != width:
        raise DataError(
            "the encoder has another width than the classifier",
            where=folder,
            got=reader.dim,
            wanted=width,
            fix="Save the classifier again",
        )
    return reader


def mean_of(states: Tensor, mask: Tensor) -> Tensor:
    """Mean over the tokens of each text, (n, d)."""
    weight = mask.unsqueeze(2).to(states.dtype)
    return (states * weight).sum(dim=1) / weight.sum(dim=1).clamp(min=1)
