"""Training: batches, schedule, early stopping, the best weights kept, unfinished ones resumed."""

from __future__ import annotations

import contextlib
import hashlib
import json
import logging
import math
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch
from scipy import sparse
from torch import Tensor, nn

from patentcl.classification.files import write_tensors
from patentcl.classification.heads import Head
from patentcl.classification.losses import LossSettings, find_loss
from patentcl.classification.monitoring import dev_figures
from patentcl.classification.scaling import ScaledHead, predict_blocks
from patentcl.classification.settings import EstimatorSettings
from patentcl.core.arrays import blocks
from patentcl.core.artifacts import fingerprint
from patentcl.core.devices import autocast, find_device, find_precision, halved, own_randomness
from patentcl.core.errors import ConfigError, DataError
from patentcl.core.progress import Progress, progress_bar

log = logging.getLogger("patentcl")

Labelled = tuple[Any, sparse.csr_matrix]
"""Embeddings or texts, and their closed labels, bool (n, n_nodes)."""
WATCHED = 4096
"""Dev patents looked at after each epoch; more would say the same and take longer."""
PAUSE = 300.0
"""Seconds between two checkpoints."""


@dataclass(frozen=True)
class Hooks:
    """Who is told of a training, and the file that keeps an unfinished one."""

    on_epoch: Callable[[dict[str, Any]], None] | None = None
    progress: Progress | None = None
    checkpoint: Path | None = None


@contextlib.contextmanager
def bar(progress: Progress | None, verbose: int) -> Iterator[Progress | None]:
    """What is told of the steps of a training: the caller's, else a bar if it takes long."""
    if progress is not None or not verbose:
        yield progress
        return
    with progress_bar(desc="fit", unit="step", delay=5) as shown:

        def show(done: int, total: int) -> None:
            shown.total = total
            shown.update(done - shown.n)

        yield show


def train_head(
    make_head: Callable[[], Head],
    train_set: tuple[np.ndarray, sparse.csr_matrix],
    dev_set: tuple[np.ndarray, sparse.csr_matrix],
    settings: EstimatorSettings,
    hooks: Hooks | None = None,
) -> tuple[ScaledHead, list[dict[str, Any]]]:
    """Train a head on embeddings (n, dim) and closed labels (n, n_nodes); keep its best weights.

    Returns the head in evaluation mode on the device of the settings, and for each epoch: epoch,
    loss, the dev figures of `dev_figures`, learning_rate, seconds, best (whether it was kept).
    """
    vectors, labels = train_set
    with own_randomness(settings.seed, find_device(settings.device)):
        head = make_head()
        head.start_at(label_rates(labels))
        model = ScaledHead(head)
        model.measure(vectors)
        trainer = VectorTrainer(model, vectors, labels, settings, hooks or Hooks())
        return model, trainer.train(dev_set[0][:WATCHED], dev_set[1][:WATCHED])


def label_rates(labels: sparse.csr_matrix) -> np.ndarray:
    """Share of patents that carry each node, kept inside (0, 1)."""
    rates: np.ndarray = (np.asarray(labels.sum(axis=0)).ravel() + 0.5) / (labels.shape[0] + 1.0)
    return rates


def rate_factor(step: int, steps: int, warmup: float = 0.1) -> float:
    """Linear rise over the first steps (a share of them), then half a cosine down to nothing."""
    warm = max(1, int(steps * warmup))
    if step < warm:
        return (step + 1) / warm
    done = min(1.0, (step - warm) / max(1, steps - warm))
    return 0.5 * (1 + math.cos(math.pi * done))


class Objective:
    """The loss of a head's logits, and the targets that they are held against."""

    def __init__(
        self, head: Head, settings: EstimatorSettings, rate: np.ndarray, device: torch.device
    ) -> None:
        self.columns, self.device = head.columns, device
        depth = head.tree.depth[self.columns]
        self.loss = find_loss(settings.loss)
        self.loss_settings = LossSettings(
            settings.alpha,
            torch.from_numpy(rate[self.columns]).float().to(device),
            torch.from_numpy(depth.astype(np.int64)).to(device),
        )
        self.weights: Tensor | None = None
        given = settings.level_weights
        if given is not None:
            levels = len(head.tree.levels)
            if len(given) != levels or not max(given) > 0:
                raise ConfigError(
                    "level_weights do not fit the tree",
                    got=list(given),
                    wanted=f"{levels} numbers >= 0, not all 0",
                )
            self.weights = torch.tensor(given, dtype=torch.float32)[depth].to(device)

    def targets(self, labels: sparse.csr_matrix) -> Tensor:
        """Labels (n, n_nodes) as 0 and 1 for each logit, float32 (n, len(columns))."""
        dense = torch.from_numpy(labels.toarray()[:, self.columns])
        return dense.to(self.device).float()

    def __call__(self, logits: Tensor, targets: Tensor, active: Tensor | None = None) -> Tensor:
        """The loss summed over patents and nodes, those that are not active left out."""
        parts = self.loss(logits.float(), targets, self.loss_settings)
        if self.weights is not None:
            parts = parts * self.weights
        return (parts if active is None else parts * active).sum()


class Trainer:
    """One training of a network; what it learns from is the subclass's."""

    precision: str
    warmup = 0.1
    """Share of the steps in which the rates rise."""
    parts = 1
    """Into which a batch is divided; more when the memory is full."""

    def __init__(
        self, net: nn.Module, labels: sparse.csr_matrix, settings: EstimatorSettings, hooks: Hooks
    ) -> None:
        self.device = find_device(settings.device)
        self.net, self.labels = net.to(self.device), labels
        self.settings, self.hooks = settings, hooks
        self.objective = Objective(self.head, settings, label_rates(labels), self.device)
        groups = self.groups()
        self.rates = [group["lr"] for group in groups]
        # fused: one pass over the weights; written out, Adam took half the time of `thmm` on a CPU
        self.optimizer = torch.optim.AdamW(groups, lr=settings.learning_rate, fused=True)
        self.scaler = torch.amp.GradScaler(self.device.type, enabled=self.precision == "fp16")
        self.per_epoch = -(-labels.shape[0] // settings.batch_size)
        self.steps = settings.epochs * self.per_epoch
        self.epoch, self.at, self.loss, self.seconds = 1, 0, 0.0, 0.0
        self.history: list[dict[str, Any]] = []
        self.best_value, self.best_epoch = -np.inf, 0
        self.best: dict[str, Tensor] = {}
        self.saved = time.perf_counter()

    # ---- what is trained on what ------------------------------------------------------------

    @property
    def head(self) -> Head:
        """The head of the network."""
        raise NotImplementedError

    def groups(self) -> list[dict[str, Any]]:
        """Parameter groups of the optimiser, each with its highest rate ``lr``."""
        raise NotImplementedError

    def order(self, epoch: int) -> Sequence[np.ndarray]:
        """Rows of each batch of an epoch, the same at each call."""
        raise NotImplementedError

    def logits(self, rows: np.ndarray, active: Tensor | None) -> Tensor:
        """Training logits of some patents."""
        raise NotImplementedError

    def scores(self, dev: Any) -> np.ndarray:
        """Probabilities of dev patents, float32 (n, n_nodes)."""
        raise NotImplementedError

    def inputs(self) -> list[np.ndarray]:
        """The arrays that the network learns from."""
        raise NotImplementedError

    # ---- the loop ---------------------------------------------------------------------------

    def train(self, dev: Any, dev_labels: sparse.csr_matrix) -> list[dict[str, Any]]:
        """Go through the epochs until dev gains no more; leave the best weights, return history."""
        self._resume()
        patience = self.settings.patience
        while self.epoch <= self.settings.epochs:
            if patience and self.history and self.epoch - 1 - self.best_epoch >= patience:
                break
            started = time.perf_counter()
            self._pass(started)
            row: dict[str, Any] = {"epoch": self.epoch, "loss": self.loss / self.labels.shape[0]}
            row |= dev_figures(self.scores(dev), dev_labels, self.head.tree)
            row["learning_rate"] = self.settings.learning_rate * self._factor()
            row["seconds"] = self.seconds + time.perf_counter() - started
            row["best"] = self._keep(row)
            self.history.append(row)
            if self.hooks.on_epoch is not None:
                self.hooks.on_epoch(dict(row))
            self.epoch, self.at, self.loss, self.seconds = self.epoch + 1, 0, 0.0, 0.0
            self._save(PAUSE / 10)
        self.net.load_state_dict(self.best)
        self.net.eval()
        for row in self.history:
            row["best"] = row["epoch"] == self.best_epoch
        return self.history

    def _factor(self) -> float:
        step = (self.epoch - 1) * self.per_epoch + self.at
        return rate_factor(step, self.steps, self.warmup)

    def _pass(self, started: float) -> None:
        """The batches of the epoch that are left; `loss` adds up to the sum over patents."""
        self.net.train()
        before = self.seconds
        for rows in self.order(self.epoch)[self.at :]:
            self.loss += self._step(rows) * len(rows)
            self.at += 1
            self.seconds = before + time.perf_counter() - started
            if self.hooks.progress is not None:
                self.hooks.progress((self.epoch - 1) * self.per_epoch + self.at, self.steps)
            self._save(PAUSE)
        self.seconds = before

    def _step(self, rows: np.ndarray) -> float:
        """One step on a batch, computed in parts; a full memory makes the parts smaller."""
        for group, rate in zip(self.optimizer.param_groups, self.rates, strict=True):
            group["lr"] = rate * self._factor()
        while True:
            self.optimizer.zero_grad(set_to_none=True)
            parts = np.array_split(rows, min(self.parts, len(rows)))
            try:
                loss = sum(self._gradients(part, len(rows)) for part in parts)
                break
            except torch.OutOfMemoryError as error:
                self.optimizer.zero_grad(set_to_none=True)
                halved(len(parts[0]), error, "training", "Lower hidden or text.max_length")
                self.parts = 2 * len(parts)
        self.scaler.step(self.optimizer)
        self.scaler.update()
        if not np.isfinite(loss):
            raise DataError(
                "training has diverged",
                got=f"loss {loss}",
                fix=f"Lower learning_rate (now {self.settings.learning_rate:g})",
            )
        return loss

    def _gradients(self, rows: np.ndarray, whole: int) -> float:
        """Add one part's gradients of the batch's mean loss; returns its share of that loss."""
        targets = self.objective.targets(self.labels[rows])
        active = self.head.active(targets)
        loss = self.objective(self.logits(rows, active), targets, active) / whole
        self.scaler.scale(loss).backward()
        return float(loss.detach())

    def _keep(self, row: dict[str, Any]) -> bool:
        """Copy the weights if the monitored figure is the best so far.

        Of equals the later: where a small dev set is soon ranked perfectly, the loss still falls.
        """
        monitor = self.settings.monitor
        value = row["epoch"] if monitor == "none" else row[monitor]
        if not value >= self.best_value:
            return False
        self.best_value, self.best_epoch = float(value), int(row["epoch"])
        self.best = {k: v.detach().clone() for k, v in self.net.state_dict().items()}
        return True

    # ---- unfinished trainings ---------------------------------------------------------------

    @cached_property
    def _fingerprint(self) -> str:
        """Of all that the result depends on, but not of how often it is interrupted."""
        arrays = [*self.inputs(), self.labels.indices, self.labels.indptr]
        parts = [
            self.settings.model_dump(exclude={"verbose"}),
            self.precision,
            [f"{a.dtype}{a.shape}{_digest(a)}" for a in arrays],
            [f"{k}{tuple(v.shape)}" for k, v in self.net.state_dict().items()],
        ]
        return fingerprint(json.loads(json.dumps(parts, default=str)))

    def _save(self, pause: float) -> None:
        """Write the state, if so many seconds have passed since the last time."""
        path = self.hooks.checkpoint
        if path is None or time.perf_counter() - self.saved < pause:
            return
        state = {f"net.{k}": v for k, v in self.net.state_dict().items()}
        state |= {f"best.{k}": v for k, v in self.best.items()}
        for number, moments in self.optimizer.state_dict()["state"].items():
            state |= {f"optimizer.{number}.{k}": v for k, v in moments.items()}
        state["random"] = torch.get_rng_state()
        if self.device.type == "cuda":
            state["random.cuda"] = torch.cuda.get_rng_state(self.device)
        facts = {
            "epoch": self.epoch,
            "at": self.at,
            "loss": self.loss,
            "seconds": self.seconds,
            "history": self.history,
            "best_value": self.best_value,
            "best_epoch": self.best_epoch,
            "parts": self.parts,
            "scaler": self.scaler.state_dict(),
        }
        about = {"facts": json.dumps(facts), "fingerprint": self._fingerprint}
        write_tensors(path, state, about)
        self.saved = time.perf_counter()

    def _resume(self) -> None:
        """Continue from the checkpoint, if there is one of this very training."""
        path = self.hooks.checkpoint
        if path is None or not path.is_file():
            return
        from safetensors import SafetensorError, safe_open

        try:
            with safe_open(str(path), framework="pt") as file:
                about = file.metadata() or {}
                if about.get("fingerprint") != self._fingerprint:
                    log.warning("%s is of other settings or data: training begins anew", path)
                    return
                state = {k: file.get_tensor(k) for k in file.keys()}  # noqa: SIM118
        except SafetensorError as error:
            raise DataError(
                "the checkpoint cannot be read",
                where=path,
                got=str(error),
                fix="Delete it, and training begins anew",
            ) from error
        facts = json.loads(about["facts"])
        self.net.load_state_dict(_below(state, "net."))
        self.best = {k: v.to(self.device) for k, v in _below(state, "best.").items()}
        moments: dict[int, dict[str, Tensor]] = {}
        for name, value in _below(state, "optimizer.").items():
            number, key = name.split(".")
            moments.setdefault(int(number), {})[key] = value
        groups = self.optimizer.state_dict()["param_groups"]
        self.optimizer.load_state_dict({"state": moments, "param_groups": groups})
        self.scaler.load_state_dict(facts.pop("scaler"))
        torch.set_rng_state(state["random"])
        if self.device.type == "cuda":
            torch.cuda.set_rng_state(state["random.cuda"], self.device)
        for name, value in facts.items():
            setattr(self, name, value)
        log.info("training resumes from %s: epoch %d, batch %d", path, self.epoch, self.at)


class VectorTrainer(Trainer):
    """Trains a head on embeddings, which may be memory-mapped."""

    net: ScaledHead

    def __init__(
        self,
        net: ScaledHead,
        vectors: np.ndarray,
        labels: sparse.csr_matrix,
        settings: EstimatorSettings,
        hooks: Hooks,
    ) -> None:
        self.vectors = vectors
        device = find_device(settings.device)
        self.precision = find_precision(settings.precision, device, training=True)
        super().__init__(net, labels, settings, hooks)

    @property
    def head(self) -> Head:
        return self.net.head

    def groups(self) -> list[dict[str, Any]]:
        """All weights at one rate."""
        settings = self.settings
        return [
            {
                "params": list(self.net.parameters()),
                "lr": settings.learning_rate,
                "weight_decay": settings.weight_decay,
            }
        ]

    def order(self, epoch: int) -> list[np.ndarray]:
        """Shuffled batches; within one, rows in the order in which they lie on disk."""
        random = torch.Generator().manual_seed(self.settings.seed)
        for _ in range(epoch):  # each epoch's order is drawn after those before it
            order = torch.randperm(len(self.vectors), generator=random)
        rows = order.numpy()
        return [np.sort(rows[span]) for span in blocks(len(rows), self.settings.batch_size)]

    def logits(self, rows: np.ndarray, active: Tensor | None) -> Tensor:
        x = torch.from_numpy(np.asarray(self.vectors[rows], dtype=np.float32)).to(self.device)
        with autocast(self.device, self.precision):
            logits: Tensor = self.net(x, active)
        return logits

    def scores(self, dev: np.ndarray) -> np.ndarray:
        found = predict_blocks(self.net, dev, self.device, self.settings.prune)
        return np.concatenate([scores for _, scores in found])

    def inputs(self) -> list[np.ndarray]:
        return [self.vectors]


def _below(state: dict[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {k[len(prefix) :]: v for k, v in state.items() if k.startswith(prefix)}


def _digest(array: np.ndarray) -> str:
    digest = hashlib.blake2b(digest_size=16)
    for span in blocks(len(array)):
        digest.update(np.ascontiguousarray(array[span]).tobytes())
    return digest.hexdigest()
