"""The encoder inside a classifier of texts, as an encoder of its own."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

import torch

from patentcl.classification.text.backbones import TransformerReader
from patentcl.classification.text.pooling import TextModel
from patentcl.core.errors import DataError
from patentcl.encoders.encoder import PatentEncoder

if TYPE_CHECKING:
    from torch import nn


def export_encoder(text: TextModel) -> PatentEncoder:
    """The document vectors of a text classifier, from a plain sentence-transformers model.

    With pooling ``encoder``, ``cls`` and ``mean`` they are the classifier's own. ``harnn`` and a
    convolution read tokens: there the mean of the last layer's token vectors stands for a text.

    Raises
    ------
    DataError
        If the classifier reads texts by word vectors.
    """
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.sentence_transformer import modules

    reader, pooling = text.reader, text.settings.pooling
    if not isinstance(reader, TransformerReader):
        raise DataError(
            "the classifier holds no text encoder",
            got="word vectors",
            wanted="a transformer",
            fix="Set text.model to an encoder and fit again",
        )
    model: Any = copy.deepcopy(reader.model).eval()
    if pooling != "encoder" or text.by_token:
        mode = "cls" if pooling == "cls" and not text.by_token else "mean"
        parts: list[nn.Module] = [model[0], modules.Pooling(reader.dim, mode)]
        if reader.layers > 1 and not text.by_token:
            model[0].model.config.output_hidden_states = True
            n = model[0].model.config.num_hidden_layers
            last = modules.WeightedLayerPooling(reader.dim, n, n + 1 - reader.layers)
            # It gives the mean of the last layers; the classifier takes their sum.
            scale = modules.Dense(
                reader.dim, reader.dim, False, None, reader.layers * torch.eye(reader.dim)
            )
            parts = [parts[0], last, parts[1], scale]
        model = SentenceTransformer(modules=parts, device=str(model.device))
    return PatentEncoder(model, reader.name, reader.limit)
