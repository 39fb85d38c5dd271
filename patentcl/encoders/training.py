"""Contrastive fine-tuning of an encoder, with the losses of sentence-transformers.

Examples, batches and dropout depend on seed and step alone, so that a training resumed from its
checkpoint ends as one without interruption.
"""

from __future__ import annotations

import copy
import hashlib
import logging
import math
import shutil
import time
from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from patentcl.core.devices import find_precision, own_randomness, set_dropout
from patentcl.core.errors import DataError
from patentcl.core.locks import Scratch
from patentcl.core.progress import Progress, duration
from patentcl.core.settings import make_settings
from patentcl.data.corpus import Corpus
from patentcl.encoders.checkpoints import Checkpoints
from patentcl.encoders.checks import is_static, token_numbers
from patentcl.encoders.encoder import PatentEncoder
from patentcl.encoders.examples import Examples, make_examples
from patentcl.encoders.settings import TrainingSettings
from patentcl.encoders.tokens import Tokens, tokenised
from patentcl.encoders.vectors import KeptVectors

if TYPE_CHECKING:
    import torch
    from sentence_transformers import SentenceTransformer
    from torch import nn

    from patentcl.encoders.frozen import Inputs
    from patentcl.encoders.trainer import Batches

log = logging.getLogger("patentcl")

_MANY = 50  # steps, from which a few are tried to tell how long all take
_LONG = 120.0  # seconds: a longer training says so before it starts


@dataclass(frozen=True)
class TrainingResult:
    """A tuned encoder and how the training went.

    Attributes
    ----------
    encoder : PatentEncoder
    facts : dict
        Examples, steps, seconds, precision, device, and the mean loss of the first and last tenth.
    losses : list of float
        Loss of every step.
    """

    encoder: PatentEncoder
    facts: dict[str, Any]
    losses: list[float]


def train_encoder(
    encoder: PatentEncoder | str | Path,
    triplets: Any,
    corpus: Corpus,
    settings: TrainingSettings | Mapping[str, Any] | None = None,
    seed: int = 0,
    progress: Progress | None = None,
    checkpoint: str | Path | None = None,
    vectors: str | Path | None = None,
) -> TrainingResult:
    """Fine-tune a copy of an encoder on mined triplets, or on the objectives of the settings.

    Parameters
    ----------
    encoder : PatentEncoder, or what `PatentEncoder.load` takes
        Left as it is.
    triplets : MiningResult, pyarrow.Table, DataFrame or None
        With the columns anchor_id, positive_id and negative_id; None without that objective.
    corpus : Corpus
        Where the texts are. Other objectives look for examples outside its dev and test splits.
    settings : TrainingSettings or mapping, optional
        Such as ``{"epochs": 2, "objectives": {"views": 0.5, "cites": 0.5}}``.
    seed : int
        Decides the examples, their order and the dropout.
    progress : callable, optional
        Called with (steps done, steps in all).
    checkpoint : path, optional
        Folder that keeps an unfinished training, every few minutes; the next call resumes it. It is
        removed at the end.
    vectors : path, optional
        Folder of vectors that a map may learn from (``tune="map"``): those of texts that this
        encoder made as for learning, to as many tokens, are not made again.

    Returns
    -------
    TrainingResult

    Raises
    ------
    DataError
        If there are no examples, a column is missing, a triplet names a patent that the corpus
        lacks, the loss is no number, or the checkpoint is of another training.
    ConfigError
        If a setting is not accepted, or all layers would be frozen.

    References
    ----------
    Schroff et al., FaceNet, CVPR 2015 (triplet loss); Reimers and Gurevych, Sentence-BERT, EMNLP
    2019; Henderson et al., Efficient natural language response suggestion, 2017 (the loss ``mnr``);
    Solatorio, GISTEmbed, 2024; Kusupati et al., Matryoshka representation learning, NeurIPS 2022;
    Wortsman et al., Robust fine-tuning of zero-shot models, CVPR 2022 (``blend``).
    """
    settings = make_settings(TrainingSettings, settings or {}, "training settings")
    if not isinstance(corpus, Corpus):
        raise DataError(
            "train_encoder needs the corpus that the triplets are of",
            got=type(corpus).__name__,
            wanted="a Corpus",
            fix="Make one with Corpus.read",
        )
    if not isinstance(encoder, PatentEncoder):
        encoder = PatentEncoder.load(encoder)
    with Scratch() as place, own_randomness(None):
        examples = make_examples(corpus, triplets, settings, seed, encoder.texts)
        folder = Path(checkpoint) if checkpoint is not None else None
        kept = _checkpoints(folder, encoder, examples, settings, seed)
        facts: dict[str, Any] = {}
        if (
            vectors is not None
            and settings.tune == "map"
            and _known(encoder, settings, folder or Path(place)).keep(Path(vectors))
        ):
            facts["vectors used"] = Path(vectors).name
        result = _fit(encoder, corpus, examples, settings, seed, progress, Path(place), kept)
    result.facts.update(facts)
    if folder is not None:
        shutil.rmtree(folder, ignore_errors=True)
    return result


def _checkpoints(
    folder: Path | None,
    encoder: PatentEncoder,
    examples: Examples,
    settings: TrainingSettings,
    seed: int,
) -> Checkpoints | None:
    """Where an unfinished training is kept; refused if it was begun in another way."""
    if folder is None:
        return None
    digest = hashlib.blake2b(digest_size=8)
    for name, table in examples.tables.items():
        digest.update(name.encode() + table.tobytes() + examples.labels.tobytes())
    digest.update("\0".join(examples.texts).encode())
    about = {
        **settings.model_dump(mode="json"),
        "seed": seed,
        "base model": encoder.fingerprint,
        "examples": digest.hexdigest(),
    }
    return Checkpoints(folder, about)


def _fit(
    encoder: PatentEncoder,
    corpus: Corpus,
    examples: Examples,
    settings: TrainingSettings,
    seed: int,
    progress: Progress | None,
    place: Path,
    kept: Checkpoints | None,
) -> TrainingResult:
    from patentcl.encoders.frozen import add_map, freeze
    from patentcl.encoders.losses import make_loss
    from patentcl.encoders.trainer import Batches, loss_names, train

    started = time.perf_counter()
    plain = copy.deepcopy(encoder.model).float()
    if settings.tune == "map":
        add_map(plain)
    model = copy.deepcopy(plain)
    if settings.frozen_layers:
        freeze(model, settings.frozen_layers)
    if not settings.dropout:
        set_dropout(model, 0.0)
    # `auto` is as in encoding: bf16 where that is faster; a named fp16 is refused on a CPU.
    named = settings.precision != "auto"
    precision = find_precision(settings.precision, model.device, training=named)
    with _learning(model, encoder, examples, settings, precision, place, kept) as inputs:
        names = loss_names(examples, settings)
        guide = copy.deepcopy(model) if "gist" in names.values() else model
        losses = {k: make_loss(name, model, guide, settings) for k, name in names.items()}
        batches = Batches(examples, inputs, names, settings.batch_size, seed)
        batches.steps = _steps(batches, losses, settings, model.device, precision, started, kept)
        ids = corpus.ids[examples.owners]
        history = train(
            model, losses, batches, settings, precision, seed, ids, place, kept, progress
        )
    # Into a copy without what was frozen or switched off to train.
    plain.load_state_dict(_blended(plain.state_dict(), model.state_dict(), settings.blend))
    tuned = PatentEncoder(plain.eval(), encoder.name, encoder.max_length).fit()
    seconds = time.perf_counter() - started
    facts = _facts(encoder, examples, settings, precision, names, history, seconds)
    return TrainingResult(tuned, facts, history)


def _learning(
    model: SentenceTransformer,
    encoder: PatentEncoder,
    examples: Examples,
    settings: TrainingSettings,
    precision: str,
    place: Path,
    kept: Checkpoints | None,
) -> AbstractContextManager[Inputs]:
    """Cut a model down to what learns, where the rest can be computed once a text."""
    from patentcl.encoders.frozen import Bags, Inputs, only_map, upper_layers

    if settings.tune == "map":
        log.warning("the map learns from %s texts, each encoded once", f"{len(examples.texts):,}")
        known = _known(encoder, settings, place if kept is None else kept.folder)
        return only_map(model, known.encode(examples.texts))
    if is_static(model):  # it reads whole texts
        numbers = (token_numbers(model.tokenizer, text) for text in examples.texts)
        return nullcontext(Bags(Tokens(numbers), 0))
    model.max_seq_length = min(settings.max_length, encoder.max_length or settings.max_length)
    tokens = tokenised(model.tokenizer, examples.texts, model.max_seq_length)
    whole = Inputs(tokens, int(model.tokenizer.pad_token_id or 0))
    frozen = settings.frozen_layers if settings.cache_frozen else 0
    return upper_layers(model, frozen, whole, place / "states.npy", precision)


def _known(encoder: PatentEncoder, settings: TrainingSettings, folder: Path) -> KeptVectors:
    """Vectors of the encoder as a map learns from them."""
    length = min(settings.max_length, encoder.max_length or settings.max_length)
    before = type(encoder)(copy.deepcopy(encoder.model), max_length=length)
    return KeptVectors(folder, before, settings.precision)


def _steps(
    batches: Batches,
    losses: Mapping[str, nn.Module],
    settings: TrainingSettings,
    device: torch.device,
    precision: str,
    started: float,
    kept: Checkpoints | None,
) -> int:
    """How many steps to take: those of the epochs, or fewer where minutes are given.

    Decided once: a training that resumes takes the steps that it was begun with.
    """
    from patentcl.encoders.trainer import time_of_a_step

    if kept is not None and kept.decided:
        return int(kept.decided["steps"])
    steps = math.ceil(settings.epochs * batches.per_epoch)
    if settings.minutes is not None or steps >= _MANY:
        seconds = time_of_a_step(batches, losses, device, precision)
        if settings.minutes is not None:
            left = 60 * settings.minutes - (time.perf_counter() - started)
            steps = max(1, min(steps, int(left / seconds)))
        if settings.minutes is not None or steps * seconds > _LONG:
            columns = np.mean([t.shape[1] for t in batches.examples.tables.values()])
            log.warning(
                "training reads %.0f texts/s: %d steps, about %s",
                columns * settings.batch_size / seconds,
                steps,
                duration(steps * seconds),
            )
    if kept is not None:
        kept.begin({"steps": steps})
    return steps


def _facts(
    encoder: PatentEncoder,
    examples: Examples,
    settings: TrainingSettings,
    precision: str,
    names: Mapping[str, str],
    losses: list[float],
    seconds: float,
) -> dict[str, Any]:
    """What reports and the model card say of a training."""
    tenth, sizes = max(1, len(losses) // 10), {k: len(t) for k, t in examples.tables.items()}
    return {
        "base model": encoder.name,
        "tuned": settings.tune,
        **sizes,
        "steps": len(losses),
        "loss": ", ".join(dict.fromkeys(names.values())),
        "epochs": settings.epochs,
        "batch size": settings.batch_size,
        "learning rate": settings.learning_rate,
        "margin": settings.margin,
        "distance": settings.distance,
        "temperature": settings.temperature,
        "frozen layers": settings.frozen_layers,
        "blend": settings.blend,
        "precision": precision,
        "device": str(encoder.device),
        "seconds": round(seconds, 1),
        "examples per second": round(len(losses) * settings.batch_size / seconds, 1),
        "loss, first tenth": round(float(np.mean(losses[:tenth])), 4),
        "loss, last tenth": round(float(np.mean(losses[-tenth:])), 4),
    }


def _blended(
    untuned: Mapping[str, torch.Tensor], tuned: Mapping[str, torch.Tensor], share: float
) -> dict[str, torch.Tensor]:
    """Weights on the line between both models: much of what was learned, less of what was lost."""
    import torch

    return {
        name: torch.lerp(untuned[name].to(new), new, share) if new.is_floating_point() else new
        for name, new in tuned.items()
    }
