"""What of an encoder learns nothing, and is computed once for each text: lower layers, or all.

Where all of it stays as it is, a linear map behind it learns.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import nn

from patentcl.core.arrays import blocks
from patentcl.core.devices import autocast
from patentcl.core.errors import ConfigError
from patentcl.encoders.states import States
from patentcl.encoders.tokens import Tokens

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer

Features = dict[str, torch.Tensor]


def texts_at_once(device: torch.device) -> int:
    """Texts that a transformer reads at a time where it does not learn."""
    return 16 if device.type == "cpu" else 256


def layers_of(model: SentenceTransformer) -> nn.ModuleList:
    """The layers of a transformer: its longest list of modules."""
    lists = (m for m in model[0].modules() if isinstance(m, nn.ModuleList))
    return max(lists, key=len, default=nn.ModuleList())


def freeze(model: SentenceTransformer, count: int) -> None:
    """Freeze the lowest layers and the embeddings below them."""
    layers = layers_of(model)
    if count >= len(layers):
        raise ConfigError(
            "train.frozen_layers leaves no layer to tune",
            got=count,
            wanted=f"fewer than {len(layers)}"
            if layers
            else "0, as a static encoder has no layers",
        )
    tuned = {id(p) for layer in layers[count:] for p in layer.parameters()}
    for parameter in model.parameters():
        parameter.requires_grad_(id(parameter) in tuned)


def can_be_cut(model: SentenceTransformer) -> bool:
    """Whether the upper layers can run alone: those of BERT, MPNet, RoBERTa and alike."""
    inner = getattr(model[0], "auto_model", None)
    layers = getattr(getattr(inner, "encoder", None), "layer", None)
    return layers is layers_of(model) and hasattr(inner, "embeddings")


class _Given(nn.Module):
    """Takes the place of the embeddings where what comes out of the frozen layers is given."""

    def forward(self, inputs_embeds: torch.Tensor, **_: Any) -> torch.Tensor:
        return inputs_embeds


class Inputs:
    """Texts as a model takes them: token numbers, or what its frozen layers make of them."""

    def __init__(self, tokens: Tokens, pad: int, states: States | None = None) -> None:
        self.tokens, self.pad, self.states = tokens, pad, states

    def features(self, rows: np.ndarray) -> Features:
        """A batch of texts."""
        if self.states is None:
            name, (x, mask) = "input_ids", self.tokens.padded(rows, self.pad)
        else:
            name, (x, mask) = "inputs_embeds", self.states.padded(rows)
        return {
            name: torch.from_numpy(x),
            "attention_mask": torch.from_numpy(mask.astype(np.int64)),
        }


class Vectors(Inputs):
    """Texts as the vectors (n, d) that an encoder has made of them."""

    def __init__(self, vectors: np.ndarray) -> None:
        self.vectors = vectors

    def features(self, rows: np.ndarray) -> Features:
        """A batch of vectors."""
        return {"given": nn.functional.normalize(torch.from_numpy(self.vectors[rows]))}


class Bags(Inputs):
    """Texts as a static model takes them: token numbers end to end, and where each text begins."""

    def features(self, rows: np.ndarray) -> Features:
        """A batch of texts."""
        some = self.tokens.take(rows)
        return {
            "input_ids": torch.from_numpy(some.flat.astype(np.int64)),
            "offsets": torch.from_numpy(some.starts[:-1]),
        }


class _Encoded(nn.Module):
    """Takes the place of an encoder where its vectors are given."""

    def __init__(self, first: Any) -> None:
        super().__init__()
        self.tokenizer, self.max_seq_length = first.tokenizer, first.max_seq_length

    def forward(self, features: Features, **_: Any) -> Features:
        return {"sentence_embedding": features["given"]}


def add_map(model: SentenceTransformer) -> None:
    """Put a linear map behind a model, at first the identity, between vectors of length 1."""
    from sentence_transformers.sentence_transformer.modules import Dense, Normalize

    width = model.get_embedding_dimension() or 0
    if not isinstance(model[-1], Normalize):
        model.append(Normalize())
    eye, zeros = torch.eye(width), torch.zeros(width)
    dense = Dense(width, width, True, None, init_weight=eye, init_bias=zeros)
    model.append(dense.to(model.device))
    model.append(Normalize())


def mapped(model: SentenceTransformer, vectors: np.ndarray) -> np.ndarray:
    """What the map behind a model makes of vectors (n, d) of before it, float32 (n, d)."""
    out = np.empty(vectors.shape, np.float32)
    with torch.inference_mode():
        for rows in blocks(len(vectors)):
            x = torch.from_numpy(np.asarray(vectors[rows], np.float32)).to(model.device)
            features = {"sentence_embedding": nn.functional.normalize(x)}
            for module in list(model)[-2:]:
                features = module(features)
            out[rows] = features["sentence_embedding"].cpu().numpy()
    return out


@contextmanager
def only_map(model: SentenceTransformer, vectors: np.ndarray) -> Iterator[Inputs]:
    """Inside the block a model is the map behind it, and the inputs are vectors of before it."""
    whole = dict(model._modules)
    try:
        for name in list(whole)[:-2]:
            del model._modules[name]
        model._modules = {"0": _Encoded(whole["0"]), **model._modules}
        yield Vectors(vectors)
    finally:
        model._modules = whole


@contextmanager
def upper_layers(
    model: SentenceTransformer, count: int, inputs: Inputs, file: Path, precision: str
) -> Iterator[Inputs]:
    """Inside the block the model is its upper layers, and the inputs are what these take.

    Where nothing is frozen, or the model cannot be cut, it stays whole.
    """
    if not count or not can_be_cut(model):
        yield inputs
        return
    inner: Any = model[0].auto_model
    layers, embeddings = inner.encoder.layer, inner.embeddings

    def states_of(rows: np.ndarray) -> np.ndarray:
        features = {k: v.to(model.device) for k, v in inputs.features(rows).items()}
        with torch.inference_mode(), autocast(model.device, precision):
            found: torch.Tensor = inner(**features).last_hidden_state
        return found.to(torch.float16).cpu().numpy()

    size = texts_at_once(model.device)
    try:
        model.eval()
        inner.encoder.layer = layers[:count]
        states = States.compute(file, inputs.tokens, inner.config.hidden_size, states_of, size)
        inner.encoder.layer, inner.embeddings = layers[count:], _Given()
        yield Inputs(inputs.tokens, inputs.pad, states)
    finally:
        inner.encoder.layer, inner.embeddings = layers, embeddings
