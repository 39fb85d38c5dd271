"""A static encoder: one vector for each token, learned from the vectors that a model gives texts.

The mean of its tokens' vectors stands for a text. Reading is a look-up, so that millions of patents
can be encoded without a GPU.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy import sparse

from patentcl.core.arrays import nearest, unit_rows
from patentcl.core.errors import DataError, TooFew
from patentcl.core.locks import Scratch
from patentcl.core.progress import Progress
from patentcl.data.corpus import Corpus
from patentcl.encoders.encoder import PatentEncoder
from patentcl.encoders.tokens import STOP, join_texts
from patentcl.encoders.vectors import KeptVectors

if TYPE_CHECKING:
    from tokenizers import Tokenizer

FEWEST = 100
"""Texts that are needed; many thousands are needed for good vectors."""
_HELD_OUT = 0.05
_JUDGED = 1000
"""Most texts that are held out to judge the result."""
_PULL = 3e-3
"""How firmly a token that few texts have stays at the mean of all; .001 to .01 differ little."""
_ROUNDS = 20
"""Of conjugate gradients; the held-out cosine changes in the fourth place afterwards."""


@dataclass(frozen=True)
class DistilledEncoder:
    """A static encoder, and how near it is to the model that it learned from.

    Attributes
    ----------
    encoder : PatentEncoder
    facts : dict
        Counts, seconds, and on texts that taught nothing the mean cosine to the model's vectors
        and the share of the model's ten nearest texts that are among its own ten.
    """

    encoder: PatentEncoder
    facts: dict[str, Any]


def distill_encoder(
    encoder: PatentEncoder | str | Path,
    corpus: Corpus,
    texts: int = 50_000,
    seed: int = 0,
    progress: Progress | None = None,
    vectors: str | Path | None = None,
    checkpoint: str | Path | None = None,
) -> DistilledEncoder:
    """Learn a static encoder, which is a look-up, from the vectors of an encoder.

    The vectors of the tokens are those whose means are nearest to the model's vectors of texts, by
    least squares with a pull to the overall mean.

    Parameters
    ----------
    encoder : PatentEncoder, or what `PatentEncoder.load` takes
        It must have a fast tokenizer, as all BERT-like models have.
    corpus : Corpus
        Its texts teach, but those of the dev and test splits.
    texts : int
        As many of them at most, drawn at random: the model must encode each.
    seed : int
    progress : callable, optional
        Called with (texts encoded, texts in all).
    vectors : path, optional
        Folder that ``patentcl embed`` wrote: what the same encoder has encoded there is taken over.
    checkpoint : path, optional
        Folder that keeps the vectors of a call that is cut off, for the next one.

    Returns
    -------
    DistilledEncoder

    Raises
    ------
    TooFew, DataError
        If fewer than `FEWEST` texts can teach, or the model has no fast tokenizer.

    References
    ----------
    Tulkens and van Dongen, Model2Vec, 2024, whose "tokenlearn" also fits means to vectors of texts;
    Hestenes and Stiefel, Methods of conjugate gradients for solving linear systems, 1952.
    """
    started = time.perf_counter()
    if not isinstance(encoder, PatentEncoder):
        encoder = PatentEncoder.load(encoder)
    tokenizer = _tokenizer(encoder)
    rows = np.flatnonzero(~np.isin(corpus.split, ("dev", "test")))
    if len(rows) < FEWEST:
        raise TooFew(
            "too few texts to learn a vector for each token from",
            where=corpus.path,
            got=len(rows),
            wanted=f"{FEWEST} or more outside dev and test, better 10,000",
        )
    rng = np.random.default_rng(seed)
    rows = np.sort(rng.choice(rows, min(texts, len(rows)), replace=False))
    with Scratch() as place:
        known = KeptVectors(Path(checkpoint or place), encoder)
        if vectors is not None:
            known.keep(Path(vectors))
        some = corpus.select(rows)
        wanted = unit_rows(known.encode(encoder.texts(some), progress=progress))
    judged = np.zeros(len(rows), bool)
    judged[rng.choice(len(rows), min(_JUDGED, int(_HELD_OUT * len(rows))), replace=False)] = True
    bags = _bags(tokenizer, join_texts(some, STOP))
    weights = _fitted(bags[~judged], wanted[~judged])
    result = PatentEncoder(_static(tokenizer, weights), name=f"static of {encoder.name}")
    found = unit_rows(bags[judged] @ weights)
    facts = {
        "base model": encoder.name,
        "texts": len(rows) - int(judged.sum()),
        "held out": int(judged.sum()),
        "tokens": int((np.diff(bags.tocsc().indptr) > 0).sum()),
        "cosine to the model": round(float((found * wanted[judged]).sum(axis=1).mean()), 4),
        "of its ten nearest": round(_kept(wanted[judged], found), 4),
        "seconds": round(time.perf_counter() - started, 1),
    }
    return DistilledEncoder(result, facts)


def _tokenizer(encoder: PatentEncoder) -> Tokenizer:
    """A copy of a model's tokenizer that neither pads nor truncates."""
    from tokenizers import Tokenizer

    inner = getattr(encoder.model.tokenizer, "backend_tokenizer", None)
    if not isinstance(inner, Tokenizer):
        raise DataError(
            "only a model with a fast tokenizer can be distilled",
            got=type(encoder.model.tokenizer).__name__,
            fix="Name a BERT-like model, such as minilm",
        )
    copy: Tokenizer = Tokenizer.from_str(inner.to_str())
    copy.no_padding()
    copy.no_truncation()
    return copy


def _bags(tokenizer: Tokenizer, texts: list[str]) -> sparse.csr_matrix:
    """Share of each token in a text: float32 (n, tokens); a text without any is empty."""
    numbers = [e.ids for e in tokenizer.encode_batch_fast(texts, add_special_tokens=False)]
    lengths = np.array([len(row) for row in numbers])
    flat = np.concatenate([np.array(row, np.int32) for row in numbers])
    data = np.repeat((1 / np.maximum(lengths, 1)).astype(np.float32), lengths)
    shape = (len(texts), tokenizer.get_vocab_size())
    bags = sparse.csr_matrix((data, flat, np.concatenate([[0], np.cumsum(lengths)])), shape=shape)
    bags.sum_duplicates()
    return bags


def _fitted(bags: sparse.csr_matrix, wanted: np.ndarray) -> np.ndarray:
    """Vectors of tokens, float32 (tokens, d), by conjugate gradients for all columns at once."""
    mean = wanted.mean(axis=0)
    turned = bags.T.tocsr()
    away = np.zeros((bags.shape[1], wanted.shape[1]), np.float32)
    left = turned @ (wanted - np.asarray(bags.sum(axis=1)) * mean)
    scale = 1 / (np.asarray(bags.multiply(bags).sum(axis=0)).reshape(-1, 1) + _PULL)
    step = scale * left
    size = (left * step).sum(axis=0)
    for _ in range(_ROUNDS):
        curved = turned @ (bags @ step) + np.float32(_PULL) * step
        length = size / np.maximum((step * curved).sum(axis=0), np.finfo(np.float32).tiny)
        away += length * step
        left -= length * curved
        scaled = scale * left
        new = (left * scaled).sum(axis=0)
        step = scaled + new / np.maximum(size, np.finfo(np.float32).tiny) * step
        size = new
    return np.asarray(mean + away, np.float32)


def _static(tokenizer: Tokenizer, weights: np.ndarray) -> Any:
    """A sentence-transformers model that averages vectors of tokens to length 1."""
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.sentence_transformer.modules import Normalize, StaticEmbedding

    return SentenceTransformer(
        modules=[StaticEmbedding(tokenizer, embedding_weights=weights), Normalize()], device="cpu"
    )


def _kept(wanted: np.ndarray, found: np.ndarray) -> float:
    """Share of the ten nearest by one set of vectors that are among the ten by another."""
    self = np.arange(len(wanted))
    a, b = (nearest(x, x, 10, own=self)[0] for x in (wanted, found))
    return float((a[:, :, None] == b[:, None]).any(axis=2).mean())
