"""From texts to document vectors, with gradients: a reader of tokens, and what stands for the text.

A *reader* turns texts into token numbers and these into vectors: any sentence-transformers or
transformers model, or static word vectors. A `TextModel` puts on top of it what makes one vector of
a text: the encoder's own pooling, its first token, the mean, or a convolution. It knows nothing of
labels.
"""

from __future__ import annotations

import contextlib
import copy
import logging
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from patentcl.classification.settings import TextSettings
from patentcl.classification.text.words import (
    PAD,
    WORDS,
    Vocabulary,
    is_words,
    read_glove,
    train_vectors,
)
from patentcl.core.devices import cpu_has_bf16 as cpu_has_bf16
from patentcl.core.errors import ConfigError, DataError
from patentcl.encoders.encoder import PatentEncoder
from patentcl.encoders.tokens import Padded, Tokens, join_texts

log = logging.getLogger("patentcl")

LENGTH = 256
"""Tokens read of a text where the settings do not say."""
_CHUNK = 8192  # texts tokenised at a time


class Reader(nn.Module):
    """What turns texts into numbers, and numbers into a vector for each token.

    Attributes
    ----------
    dim : int
        Width of the token vectors.
    pooled_dim : int
        Width of `pooled`.
    limit : int
        Tokens read of each text.
    pad : int
        The number that fills up.
    separator : str
        Between title and abstract.
    """

    dim: int
    pooled_dim: int
    limit: int
    pad: int
    separator: str

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
    """A sentence-transformers model.

    Parameters
    ----------
    encoder : PatentEncoder
        Copied, so that training leaves it as it is.
    layers : int
        Token vectors are the sum of so many of the last layers.
    dropout : float, optional
        Of the encoder's layers in training, in place of their own.
    """

    def __init__(
        self, encoder: PatentEncoder, layers: int = 1, dropout: float | None = None
    ) -> None:
        super().__init__()
        self.model = copy.deepcopy(encoder.model).float()
        if dropout is not None:
            _drop(self.model, dropout)
        self.name, self.layers = encoder.name, layers
        self.limit = encoder.max_length
        self.dim = int(self._inner.config.hidden_size)
        self.pooled_dim = encoder.dim
        tokenizer = self.model.tokenizer
        self.pad = int(tokenizer.pad_token_id or 0)
        self.separator = getattr(tokenizer, "sep_token", None) or "."
        if layers > len(self._blocks):
            raise ConfigError(
                "text.layers asks for more layers than the encoder has",
                got=layers,
                wanted=f"at most {len(self._blocks)}",
            )

    @property
    def _inner(self) -> Any:
        """The transformer itself."""
        first = self.model[0]
        return getattr(first, "auto_model", None) or first.model

    @property
    def _blocks(self) -> nn.ModuleList:
        """The layers, found as the longest list of modules."""
        lists = [m for m in self._inner.modules() if isinstance(m, nn.ModuleList)]
        return max(lists, key=len, default=nn.ModuleList())

    def tokens(self, texts: list[str]) -> Tokens:
        """Numbers of each text's tokens, the special ones among them."""
        tokenizer = self.model.tokenizer
        rows: list[np.ndarray] = []
        cut: list[bool] = []
        for start in range(0, len(texts), _CHUNK):
            found = tokenizer(
                texts[start : start + _CHUNK],
                truncation=True,
                padding=False,
                max_length=self.limit,
                return_attention_mask=False,
                return_token_type_ids=False,
            )
            rows += [np.array(r, dtype=np.int32) for r in found["input_ids"]]
            if found.encodings is not None:
                cut += [bool(e.overflowing) for e in found.encodings]
            else:  # a tokenizer in Python does not tell
                cut += [len(r) >= self.limit for r in found["input_ids"]]
        return Tokens(rows, np.array(cut, dtype=bool))

    def states(self, ids: Tensor, mask: Tensor) -> Tensor:
        """Sum of the last layers' token vectors (n, t, dim)."""
        out = self._inner(
            input_ids=ids, attention_mask=mask.long(), output_hidden_states=self.layers > 1
        )
        if self.layers == 1:
            return cast(Tensor, out.last_hidden_state)
        return torch.stack(out.hidden_states[-self.layers :]).sum(dim=0)

    def pooled(self, ids: Tensor, mask: Tensor) -> Tensor:
        """The model's sentence embedding."""
        found = self.model({"input_ids": ids, "attention_mask": mask.long()})
        return cast(Tensor, found["sentence_embedding"])

    def stack(self) -> list[list[nn.Parameter]]:
        """Embeddings first, then layer by layer; what lies beside or above goes with the top."""
        blocks = [list(b.parameters()) for b in self._blocks]
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


def _drop(model: nn.Module, share: float) -> None:
    """Set what the layers of a model drop in training."""
    for module in model.modules():
        if isinstance(module, nn.Dropout):
            module.p = share
        elif isinstance(getattr(module, "attention_dropout", None), float):  # in newer models
            module.attention_dropout = share  # type: ignore[assignment]


class WordReader(Reader):
    """Static word vectors.

    Parameters
    ----------
    vocabulary : Vocabulary
    vectors : ndarray of float32, shape (len(vocabulary), width)
    limit : int
    """

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
    """Make the reader that some settings name.

    Parameters
    ----------
    settings : TextSettings
    texts : sequence of str, optional
        Training texts; word vectors are trained on them, or kept for their words.
    seed : int
    """
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
    """Read what `Reader.save` wrote; the weights of word vectors come with the other weights.

    Parameters
    ----------
    folder : Path
    settings : TextSettings
    width : int
        Of the token vectors, to which the other weights fit.

    Raises
    ------
    DataError
        If the encoder in the folder has another width.
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


# ---- what stands for a text -----------------------------------------------------------------


def mean_of(states: Tensor, mask: Tensor) -> Tensor:
    """Mean over the tokens of each text, (n, d)."""
    weight = mask.unsqueeze(2).to(states.dtype)
    return (states * weight).sum(dim=1) / weight.sum(dim=1).clamp(min=1)


class TextCnn(nn.Module):
    """Convolutions over the tokens, each filter's largest answer, and perhaps a dense layer.

    A filter of kernel k sees the windows of k tokens that lie inside the text; a shorter text is
    filled up with zeros. So a text's vector does not depend on what it is batched with.

    Parameters
    ----------
    dim : int
    kernels : sequence of int
        One may stand more than once.
    filters : int
        For each kernel.
    dense : int
        Width of a layer with batch normalisation, 0 for none.
    dropout : float
        After the dense layer.

    References
    ----------
    Y. Kim, Convolutional neural networks for sentence classification, EMNLP 2014.
    """

    def __init__(
        self, dim: int, kernels: Sequence[int], filters: int, dense: int = 0, dropout: float = 0.0
    ) -> None:
        super().__init__()
        self.kernels = tuple(kernels)
        self.convolutions = nn.ModuleList(nn.Conv1d(dim, filters, k) for k in self.kernels)
        found = filters * len(self.kernels)
        self.dense = nn.Linear(found, dense) if dense else None
        self.norm = nn.BatchNorm1d(dense) if dense else None
        self.dropout = dropout
        self.dim = dense or found

    def forward(self, states: Tensor, mask: Tensor) -> Tensor:
        """Vectors (n, dim) of token vectors (n, t, d)."""
        x = (states * mask.unsqueeze(2).to(states.dtype)).transpose(1, 2)
        missing = max(self.kernels) - x.shape[2]
        if missing > 0:
            x = F.pad(x, (0, missing))
        lengths = mask.sum(dim=1, keepdim=True)
        found = []
        for kernel, convolution in zip(self.kernels, self.convolutions, strict=True):
            answers = convolution(x)  # (n, filters, windows)
            place = torch.arange(answers.shape[2], device=x.device)
            outside = place > (lengths - kernel).clamp(min=0)  # (n, windows)
            found.append(answers.masked_fill(outside.unsqueeze(1), -torch.inf).amax(dim=2))
        vectors = F.relu(torch.cat(found, dim=1)).float()
        if self.dense is None or self.norm is None:
            return vectors
        hidden = self.dense(vectors).float()
        if self.training and len(hidden) > 1:
            hidden = self.norm(hidden)
        else:  # a single text has no spread of its own
            hidden = F.batch_norm(
                hidden,
                self.norm.running_mean,
                self.norm.running_var,
                self.norm.weight,
                self.norm.bias,
                eps=self.norm.eps,
            )
        return F.dropout(F.relu(hidden), self.dropout, self.training)


class TextModel(nn.Module):
    """Texts to document vectors, or to token vectors for a head that reads these.

    Parameters
    ----------
    reader : Reader
    settings : TextSettings
    sequence : bool
        Give the token vectors themselves, as `Padded`.

    Attributes
    ----------
    dim : int
        Width of what it gives.
    """

    def __init__(self, reader: Reader, settings: TextSettings, sequence: bool = False) -> None:
        super().__init__()
        self.reader, self.settings, self.sequence = reader, settings, sequence
        self.cnn: TextCnn | None = None
        if settings.pooling == "cnn" and not sequence:
            self.cnn = TextCnn(
                reader.dim, settings.kernels, settings.filters, settings.dense, settings.dropout
            )
        self.by_token = sequence or self.cnn is not None
        whole = settings.pooling == "encoder" and not sequence
        self.dim = (
            self.cnn.dim if self.cnn is not None else reader.pooled_dim if whole else reader.dim
        )
        self._hold()

    def _hold(self) -> None:
        """Freeze what the settings freeze."""
        stack = self.reader.stack()
        held = len(stack) if self.settings.frozen else 0
        if self.settings.frozen_layers:
            held = max(held, self.settings.frozen_layers + 1)  # and the embeddings below them
            if not self.settings.frozen and held >= len(stack):
                raise ConfigError(
                    "text.frozen_layers leaves no layer to tune",
                    got=self.settings.frozen_layers,
                    wanted=f"fewer than {len(stack) - 1}",
                    fix="Or set text.frozen",
                )
        for parameter in (p for layer in stack[:held] for p in layer):
            parameter.requires_grad_(False)
        if self.settings.checkpointing and isinstance(self.reader, TransformerReader):
            self.reader.checkpoint()

    def train(self, mode: bool = True) -> TextModel:
        """Switch training on or off; a frozen reader never drops anything."""
        super().train(mode)
        if self.settings.frozen:
            self.reader.eval()
        return self

    def read(self, items: Any, what: str = "the texts") -> Tokens:
        """Token numbers of texts; those that are cut are counted in a warning.

        Parameters
        ----------
        items : Corpus, sequence of str, or sequence of (title, abstract)
        what : str
            What the warning calls them.
        """
        tokens = self.reader.tokens(join_texts(items, self.reader.separator))
        if tokens.truncated.any():
            log.warning(
                "%d of %d in %s are longer than %d tokens and were cut",
                int(tokens.truncated.sum()),
                len(tokens),
                what,
                self.reader.limit,
            )
        return tokens

    def forward(self, ids: Tensor, mask: Tensor) -> Tensor | Padded:
        """Document vectors (n, dim), or token vectors, of numbers and mask (n, t)."""
        if self.settings.pooling == "encoder" and not self.by_token:
            return self.reader.pooled(ids, mask).float()
        return self.of_states(self.states(ids, mask), mask)

    def states(self, ids: Tensor, mask: Tensor) -> Tensor:
        """Token vectors (n, t, d), without gradients where the reader is frozen."""
        with torch.no_grad() if self.settings.frozen else contextlib.nullcontext():
            return self.reader.states(ids, mask)

    def of_states(self, states: Tensor, mask: Tensor) -> Tensor | Padded:
        """Document vectors of token vectors."""
        if self.sequence:
            return Padded(states.float(), mask)
        if self.cnn is not None:
            return cast(Tensor, self.cnn(states, mask))
        if self.settings.pooling == "cls":
            return states[:, 0].float()
        return mean_of(states.float(), mask)

    def rates(self, learning_rate: float, weight_decay: float) -> list[dict[str, Any]]:
        """Parameter groups for an optimizer: falling rates down the reader's layers.

        Layer i of n, counted from the words, learns at ``text.learning_rate * decay ** (n - 1 -
        i)``; convolutions at `learning_rate`. Biases and norms do not decay.

        Parameters
        ----------
        learning_rate, weight_decay : float
        """
        stack = self.reader.stack()
        top = self.settings.learning_rate
        groups = [
            (f"layer {i}", layer, top * self.settings.layer_decay ** (len(stack) - 1 - i))
            for i, layer in enumerate(stack)
        ]
        if self.cnn is not None:
            groups.append(("cnn", list(self.cnn.parameters()), learning_rate))
        return [
            g for name, layer, rate in groups for g in decay_groups(name, layer, rate, weight_decay)
        ]


def decay_groups(
    name: str, parameters: Sequence[nn.Parameter], rate: float, weight_decay: float
) -> Iterator[dict[str, Any]]:
    """Parameter groups of one rate: matrices, which decay, and the rest, which does not."""
    free = [p for p in parameters if p.requires_grad]
    for decay, wanted in ((weight_decay, True), (0.0, False)):
        some = [p for p in free if (p.ndim > 1) == wanted]
        if some:
            yield {"params": some, "lr": rate, "weight_decay": decay, "name": name}
