"""Contrastive fine-tuning of an encoder on triplets, with the trainer of sentence-transformers."""

from __future__ import annotations

import copy
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pyarrow as pa

from patentcl.core.devices import find_precision, own_randomness, set_dropout
from patentcl.core.errors import ConfigError, DataError
from patentcl.core.progress import Progress
from patentcl.core.settings import make_settings
from patentcl.data.corpus import Corpus
from patentcl.encoders.encoder import PatentEncoder
from patentcl.encoders.settings import TrainingSettings

if TYPE_CHECKING:
    import datasets
    import torch
    from sentence_transformers import SentenceTransformer, SentenceTransformerTrainer

_COLUMNS = ("anchor_id", "positive_id", "negative_id")
_ROWS = 20_000  # triplets whose texts are in memory at a time while the training file is written


@dataclass(frozen=True)
class TrainingResult:
    """A tuned encoder and how the training went.

    Attributes
    ----------
    encoder : PatentEncoder
    facts : dict
        Triplets, steps, seconds, precision, device, and the mean loss of the first and last tenth.
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
) -> TrainingResult:
    """Fine-tune a copy of an encoder with TripletLoss, or the loss that the settings name.

    Parameters
    ----------
    encoder : PatentEncoder, or what `PatentEncoder.load` takes
        Left as it is.
    triplets : MiningResult, pyarrow.Table or DataFrame
        With the columns anchor_id, positive_id and negative_id.
    corpus : Corpus
        Where the texts are.
    settings : TrainingSettings or mapping, optional
        Such as ``{"epochs": 2, "batch_size": 32}``.
    seed : int
        Decides the order of triplets and the dropout.
    progress : callable, optional
        Called with (steps done, steps in all).

    Returns
    -------
    TrainingResult

    Raises
    ------
    DataError
        If there are no triplets, a column is missing, or one names a patent that the corpus lacks.
    ConfigError
        If a setting is not accepted, or all layers would be frozen.

    References
    ----------
    Schroff et al., FaceNet, CVPR 2015 (triplet loss); Reimers and Gurevych, Sentence-BERT, EMNLP
    2019; Henderson et al., Efficient natural language response suggestion, 2017 (the loss ``mnr``);
    Wortsman et al., Robust fine-tuning of zero-shot models, CVPR 2022 (``blend``).
    """
    settings = make_settings(TrainingSettings, settings or {}, "training settings")
    table = _triplet_table(triplets)
    if not isinstance(corpus, Corpus):
        raise DataError(
            "train_encoder needs the corpus that the triplets are of",
            got=type(corpus).__name__,
            wanted="a Corpus",
            fix="Make one with Corpus.read",
        )
    if not isinstance(encoder, PatentEncoder):
        encoder = PatentEncoder.load(encoder)
    with tempfile.TemporaryDirectory(prefix="patentcl-train-") as place, own_randomness(None):
        dataset = _text_dataset(encoder, table, corpus, Path(place))
        return _fit(encoder, dataset, settings, seed, progress, place)


def _triplet_table(triplets: Any) -> pa.Table:
    """Triplets as an Arrow table of ids, which is checked to have rows."""
    table = getattr(triplets, "triplets", triplets)  # a MiningResult
    if isinstance(table, pd.DataFrame):
        table = pa.Table.from_pandas(table, preserve_index=False)
    if not isinstance(table, pa.Table):
        raise DataError(
            "these are not triplets",
            got=type(triplets).__name__,
            wanted="what mine_triplets returns, or a table with the columns " + ", ".join(_COLUMNS),
        )
    missing = [c for c in _COLUMNS if c not in table.column_names]
    if missing:
        raise DataError(
            f"column {missing[0]!r} is missing", where="triplets", got=", ".join(table.column_names)
        )
    if table.num_rows == 0:
        raise DataError("there are no triplets to train on")
    return table.select(_COLUMNS).cast(pa.schema([(name, pa.string()) for name in _COLUMNS]))


def _fit(
    encoder: PatentEncoder,
    dataset: datasets.Dataset,
    settings: TrainingSettings,
    seed: int,
    progress: Progress | None,
    place: str,
) -> TrainingResult:
    from transformers import PrinterCallback

    model = copy.deepcopy(encoder.model).float()  # loads it, which settles its length
    model.max_seq_length = min(settings.max_length, encoder.max_length or settings.max_length)
    if settings.frozen_layers:
        _freeze(model, settings.frozen_layers)
    if not settings.dropout:
        set_dropout(model, 0.0)
    # `auto` is as in encoding: bf16 where the processor has it; a named fp16 is refused on a CPU.
    named = settings.precision != "auto"
    precision = find_precision(settings.precision, model.device, training=named)
    steps = int(np.ceil(settings.epochs * np.ceil(len(dataset) / settings.batch_size)))
    arguments = _arguments(settings, steps, precision, model.device.type == "cpu", seed, place)
    watcher = _watch(progress)
    trainer = _trainer_class()(
        model=model,
        args=arguments,
        train_dataset=dataset,
        loss=_loss(model, settings),
        callbacks=[watcher],
    )
    trainer.remove_callback(PrinterCallback)  # it prints every step
    started = time.perf_counter()
    trainer.train()
    seconds = time.perf_counter() - started
    losses = watcher.losses
    plain = copy.deepcopy(encoder.model).float()  # without what was frozen or switched off to train
    plain.load_state_dict(_blended(plain.state_dict(), model.state_dict(), settings.blend))
    tuned = PatentEncoder(plain.eval(), encoder.name, encoder.max_length).fit()
    tenth = max(1, len(losses) // 10)
    facts = {
        "base model": encoder.name,
        "triplets": len(dataset),
        "steps": steps,
        "loss": settings.loss,
        "epochs": settings.epochs,
        "batch size": settings.batch_size,
        "learning rate": settings.learning_rate,
        "margin": settings.margin,
        "distance": settings.distance,
        "blend": settings.blend,
        "precision": precision,
        "device": str(encoder.device),
        "seconds": round(seconds, 1),
        "triplets per second": round(steps * settings.batch_size / seconds, 1),
        "loss, first tenth": round(float(np.mean(losses[:tenth])), 4),
        "loss, last tenth": round(float(np.mean(losses[-tenth:])), 4),
    }
    return TrainingResult(tuned, facts, losses)


def _arguments(
    settings: TrainingSettings, steps: int, precision: str, on_cpu: bool, seed: int, place: str
) -> Any:
    from sentence_transformers import SentenceTransformerTrainingArguments

    return SentenceTransformerTrainingArguments(
        output_dir=place,
        max_steps=steps,
        per_device_train_batch_size=settings.batch_size,
        learning_rate=settings.learning_rate,
        warmup_steps=round(settings.warmup * steps),
        bf16=precision == "bf16",
        fp16=precision == "fp16",
        use_cpu=on_cpu,
        # A patent twice in a batch would be its own negative.
        batch_sampler="no_duplicates" if settings.loss == "mnr" else "batch_sampler",
        save_strategy="no",
        logging_strategy="steps",
        logging_steps=1,
        report_to="none",
        disable_tqdm=True,
        seed=seed,
        data_seed=seed,
        dataloader_pin_memory=False,
    )


def _loss(model: SentenceTransformer, settings: TrainingSettings) -> torch.nn.Module:
    from sentence_transformers.sentence_transformer.losses import (
        MultipleNegativesRankingLoss,
        TripletDistanceMetric,
        TripletLoss,
    )

    if settings.loss == "mnr":
        return MultipleNegativesRankingLoss(model)
    metric = getattr(TripletDistanceMetric, settings.distance.upper())
    return TripletLoss(model, distance_metric=metric, triplet_margin=settings.margin)


def _trainer_class() -> type[SentenceTransformerTrainer]:
    from sentence_transformers import SentenceTransformerTrainer

    class Trainer(SentenceTransformerTrainer):
        """Without the library's model card: ours is written from the manifest."""

        def add_model_card_callback(self, default_args_dict: dict[str, Any]) -> None:
            """Not wanted: it looks for examples in the data, with a progress bar."""

    return Trainer


def _freeze(model: SentenceTransformer, count: int) -> None:
    """Freeze the lowest layers and the embeddings below them."""
    import torch

    lists = (m for m in model[0].modules() if isinstance(m, torch.nn.ModuleList))
    layers = max(lists, key=len, default=torch.nn.ModuleList())  # the longest list of modules
    if count >= len(layers):
        raise ConfigError(
            "training.frozen_layers leaves no layer to tune",
            got=count,
            wanted=f"fewer than {len(layers)}",
        )
    tuned = {id(p) for layer in layers[count:] for p in layer.parameters()}
    for parameter in model.parameters():
        parameter.requires_grad_(id(parameter) in tuned)


def _blended(
    untuned: Mapping[str, torch.Tensor], tuned: Mapping[str, torch.Tensor], share: float
) -> dict[str, torch.Tensor]:
    """Weights on the line between both models: much of what was learned, less of what was lost."""
    import torch

    return {
        name: torch.lerp(untuned[name].to(new), new, share) if new.is_floating_point() else new
        for name, new in tuned.items()
    }


def _watch(progress: Progress | None) -> Any:
    from transformers import TrainerCallback

    class Watcher(TrainerCallback):
        """Collects losses and reports progress."""

        def __init__(self) -> None:
            self.losses: list[float] = []

        def on_log(self, args: Any, state: Any, control: Any, **given: Any) -> None:
            if "loss" in (given.get("logs") or {}):
                self.losses.append(float(given["logs"]["loss"]))

        def on_step_end(self, args: Any, state: Any, control: Any, **given: Any) -> None:
            if progress:
                progress(state.global_step, state.max_steps)

    return Watcher()


def _text_dataset(
    encoder: PatentEncoder, triplets: pa.Table, corpus: Corpus, place: Path
) -> datasets.Dataset:
    """Write the triplets' texts to an Arrow file and map it: millions of them need no memory."""
    import datasets

    index = pd.Index(corpus.ids)
    rows = {}
    for name in _COLUMNS:
        ids = triplets[name].to_pandas()
        rows[name] = index.get_indexer(ids)
        if (rows[name] < 0).any():
            missing = ids[rows[name] < 0].iloc[0]
            raise DataError(
                "a triplet names a patent that the corpus lacks", where=name, got=missing
            )
    used = np.unique(np.concatenate(list(rows.values())))
    texts = np.array(encoder.texts(corpus.select(used)), dtype=object)
    schema = pa.schema([(name.removesuffix("_id"), pa.string()) for name in _COLUMNS])
    file = place / "triplets.arrow"
    with pa.OSFile(str(file), "wb") as sink, pa.ipc.new_stream(sink, schema) as writer:
        for start in range(0, triplets.num_rows, _ROWS):
            parts = (np.searchsorted(used, rows[name][start : start + _ROWS]) for name in _COLUMNS)
            arrays = [pa.array(texts[part], pa.string()) for part in parts]
            writer.write_batch(pa.record_batch(arrays, schema=schema))
    return datasets.Dataset.from_file(str(file))
