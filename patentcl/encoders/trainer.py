"""The loop of fine-tuning: the trainer of transformers, fed by number of step."""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset
from transformers import PrinterCallback, Trainer, TrainerCallback, TrainingArguments

from patentcl.core.devices import autocast
from patentcl.core.errors import DataError
from patentcl.core.files import explained, write_whole
from patentcl.core.progress import Progress
from patentcl.encoders.checkpoints import Checkpoints
from patentcl.encoders.examples import Examples, plan_epoch
from patentcl.encoders.frozen import Inputs
from patentcl.encoders.settings import TrainingSettings

PAUSE = 240.0
"""Seconds between two checkpoints."""
_TRIED = 3  # batches whose speed tells that of all
_WEIGHTS = "model.safetensors"


class Batches(Dataset[dict[str, Any]]):
    """The batch of each step; `steps` is set before training."""

    steps = 0

    def __init__(
        self, examples: Examples, inputs: Inputs, losses: Mapping[str, str], size: int, seed: int
    ) -> None:
        self.examples, self.inputs, self.size, self.seed = examples, inputs, size, seed
        self.grouped = {k: loss == "mnr" for k, loss in losses.items()}
        self._epoch, self._plan = 0, self._planned(0)
        self.per_epoch = len(self._plan)

    def _planned(self, epoch: int) -> list[tuple[str, np.ndarray]]:
        return plan_epoch(self.examples, self.size, self.seed, epoch)

    def at(self, step: int) -> tuple[str, np.ndarray]:
        """Objective, and numbers of texts (n, k), of a step."""
        epoch, place = divmod(step, self.per_epoch)
        if epoch != self._epoch:
            self._epoch, self._plan = epoch, self._planned(epoch)
        name, rows = self._plan[place]
        return name, self.examples.tables[name][rows]

    def __len__(self) -> int:
        return self.steps

    def __getitem__(self, step: int) -> dict[str, Any]:
        name, texts = self.at(step)
        labels = self.examples.labels[texts[:, 0]]
        label = self.examples.groups[texts] if self.grouped[name] else labels
        return {
            "objective": name,
            "features": [self.inputs.features(column) for column in texts.T],
            "label": torch.from_numpy(label),
        }


def loss_names(examples: Examples, settings: TrainingSettings) -> dict[str, str]:
    """The loss of each objective: pairs have no negative of their own, as triplet wants one."""
    names: dict[str, str] = {}
    for name, table in examples.tables.items():
        pairs = "mnr" if settings.loss == "triplet" else settings.loss
        names[name] = {1: settings.label_loss, 2: pairs, 3: settings.loss}[table.shape[1]]
    return names


def time_of_a_step(
    batches: Batches, losses: Mapping[str, nn.Module], device: torch.device, precision: str
) -> float:
    """Seconds of one step, forwards and backwards, as the median of a few."""
    seconds = []
    for step in range(_TRIED):
        started = time.perf_counter()
        batch = _moved(batches[step], device)
        with autocast(device, precision):
            loss = losses[batch["objective"]](batch["features"], batch["label"])
        loss.backward()
        losses[batch["objective"]].zero_grad()
        seconds.append(time.perf_counter() - started)
    return float(np.median(seconds))


def _moved(value: Any, device: torch.device) -> Any:
    if isinstance(value, dict):
        return {k: _moved(v, device) for k, v in value.items()}
    if isinstance(value, list):
        return [_moved(v, device) for v in value]
    return value.to(device) if isinstance(value, torch.Tensor) else value


class _Trainer(Trainer):
    """Takes batches as they come, and keeps what is trained and no more."""

    def __init__(
        self, losses: Mapping[str, nn.Module], patents: np.ndarray, kept: bool, **given: Any
    ) -> None:
        super().__init__(**given)
        self.losses, self.patents, self.kept = losses, patents, kept

    def get_train_dataloader(self) -> DataLoader[Any]:
        # A generator of its own: the loader would draw from torch's, and dropout with it.
        return DataLoader(
            self.train_dataset,  # type: ignore[arg-type]
            batch_size=1,
            collate_fn=lambda items: items[0],
            generator=torch.Generator(),
        )

    def compute_loss(self, model: nn.Module, inputs: dict[str, Any], *_: Any, **__: Any) -> Any:
        loss = self.losses[inputs["objective"]](inputs["features"], inputs["label"])
        if not torch.isfinite(loss):
            step = self.state.global_step
            name, texts = self.train_dataset.at(step)  # type: ignore[union-attr]
            ids = list(dict.fromkeys(self.patents[texts.ravel()]))
            raise DataError(
                "training has diverged",
                where=f"step {step + 1}, objective {name}, patents {', '.join(ids[:5])} ...",
                got=f"loss {float(loss.detach())}",
                fix="Lower train.learning_rate"
                + ("; the last checkpoint before it is kept" if self.kept else ""),
            )
        return loss

    def _save(self, output_dir: str | None = None, state_dict: Any = None) -> None:
        from safetensors.torch import save

        place = Path(output_dir or str(self.args.output_dir))
        tuned = {k: p.detach().cpu() for k, p in self._tuned().items()}
        write_whole(place / _WEIGHTS, save(tuned))

    def _load_from_checkpoint(self, resume_from_checkpoint: str, model: Any = None) -> None:
        from safetensors.torch import load_file

        weights = load_file(Path(resume_from_checkpoint) / _WEIGHTS)
        with torch.no_grad():
            for name, parameter in self._tuned().items():
                parameter.copy_(weights[name])

    def _tuned(self) -> dict[str, torch.Tensor]:
        assert self.model is not None
        return {k: p for k, p in self.model.named_parameters() if p.requires_grad}


class _Watcher(TrainerCallback):
    """Reports progress, and asks for checkpoints now and then."""

    def __init__(self, progress: Progress | None, kept: Checkpoints | None) -> None:
        self.progress, self.kept, self.saved = progress, kept, time.perf_counter()

    def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        if self.progress:
            self.progress(state.global_step, state.max_steps)
        control.should_save = (
            self.kept is not None
            and state.global_step < state.max_steps
            and time.perf_counter() - self.saved >= PAUSE
        )

    def on_save(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        assert self.kept is not None
        self.kept.settle(self.kept.folder / f"checkpoint-{state.global_step}")
        self.saved = time.perf_counter()


def train(
    model: Any,
    losses: Mapping[str, nn.Module],
    batches: Batches,
    settings: TrainingSettings,
    precision: str,
    seed: int,
    patents: np.ndarray,
    place: Path,
    kept: Checkpoints | None,
    progress: Progress | None,
) -> list[float]:
    """Take the steps that are left; tunes the model in place, and returns the loss of every step.

    `patents` are the ids of the texts, which errors name.
    """
    arguments = TrainingArguments(
        output_dir=str(place if kept is None else kept.folder),
        max_steps=batches.steps,
        per_device_train_batch_size=1,  # a whole batch
        learning_rate=settings.learning_rate,
        warmup_steps=round(settings.warmup * batches.steps),
        bf16=precision == "bf16",
        fp16=precision == "fp16",
        use_cpu=model.device.type == "cpu",
        save_strategy="no",  # the watcher asks for it
        save_total_limit=2,
        logging_strategy="steps",
        logging_steps=1,
        logging_nan_inf_filter=False,
        report_to="none",
        disable_tqdm=True,
        remove_unused_columns=False,
        seed=seed,
        dataloader_pin_memory=False,
    )
    trainer = _Trainer(
        losses,
        patents,
        kept is not None,
        model=model,
        args=arguments,
        train_dataset=batches,
        callbacks=[_Watcher(progress, kept)],
    )
    trainer.remove_callback(PrinterCallback)  # it prints every step
    last = None if kept is None else kept.last
    with explained(Path(str(arguments.output_dir)), "the last checkpoint is kept"):
        trainer.train(resume_from_checkpoint=None if last is None else str(last))
    return [float(row["loss"]) for row in trainer.state.log_history if "loss" in row]
