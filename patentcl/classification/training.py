"""Training a head on embeddings: batches, schedule, early stopping, the best weights kept."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from scipy import sparse
from torch import Tensor, nn

from patentcl.classification.heads import Head
from patentcl.classification.losses import LossSettings, find_loss
from patentcl.core.errors import ConfigError, DataError, did_you_mean
from patentcl.cpc import CpcTree
from patentcl.metrics.curves import micro_curve
from patentcl.metrics.inputs import Scores

MONITORS = ("average_precision", "hier_f1", "none")
PRECISIONS = ("auto", "fp32", "bf16", "fp16")
WATCHED = 4096
"""Dev patents looked at after each epoch; more would say the same and take longer."""
CHUNK = 1024
"""Patents predicted at a time, so that what is computed on stays near the caches."""


@dataclass(frozen=True)
class FitSettings:
    """How a head is trained.

    Parameters
    ----------
    epochs, batch_size : int
    learning_rate : float
        Highest rate of AdamW; it rises over the first tenth of the steps and falls to nearly 0.
    weight_decay : float
    loss : str
        A name in `patentcl.classification.losses.LOSSES`.
    alpha : float
        Weight of a true label against a false one.
    level_weights : sequence of float, optional
        What a node of each depth counts, in the loss; all the same if None.
    patience : int
        Stop when the monitored figure has not risen for so many epochs; 0 never stops early.
    monitor : {"average_precision", "hier_f1", "none"}
        Dev figure that decides which epoch's weights are kept; with ``none`` the last one's are.
    least : float
        Below a node less likely than this, dev probabilities need not be computed.
    precision : {"auto", "fp32", "bf16", "fp16"}
        Of the products in training; other than fp32 on a GPU only. ``auto`` is bf16 on a GPU that
        has it, fp32 elsewhere.
    device : str
        ``auto`` is a GPU if there is one.
    seed : int
    """

    epochs: int = 20
    batch_size: int = 256
    learning_rate: float = 2e-3
    weight_decay: float = 0.01
    loss: str = "bce"
    alpha: float = 1.0
    level_weights: tuple[float, ...] | None = None
    patience: int = 5
    monitor: str = "average_precision"
    least: float = 0.0
    precision: str = "auto"
    device: str = "auto"
    seed: int = 0

    def __post_init__(self) -> None:
        find_loss(self.loss)
        for name, value, known in (
            ("monitor", self.monitor, MONITORS),
            ("precision", self.precision, PRECISIONS),
        ):
            if value not in known:
                raise ConfigError(f"unknown {name}", got=value, fix=did_you_mean(value, known))
        for name, low in (("epochs", 1), ("batch_size", 1), ("patience", 0), ("weight_decay", 0)):
            if getattr(self, name) < low:
                raise ConfigError(
                    f"{name} is too small", got=getattr(self, name), wanted=f"at least {low}"
                )
        if not 0 <= self.least < 1:
            raise ConfigError("prune out of range", got=self.least, wanted="0 or more, below 1")
        for name in ("learning_rate", "alpha"):
            if not getattr(self, name) > 0:
                raise ConfigError(f"{name} must be positive", got=getattr(self, name))


def find_device(name: str) -> torch.device:
    """The device that a name stands for, ``auto`` being the GPU if there is one.

    Raises
    ------
    ConfigError
        If torch does not know the name or cannot reach the device.
    """
    gpu = torch.cuda.is_available()
    if name == "auto":
        return torch.device("cuda" if gpu else "cpu")
    try:
        device = torch.device(name)
    except (RuntimeError, TypeError) as error:
        raise ConfigError("unknown device", got=name, wanted="auto, cpu, cuda or cuda:0") from error
    if device.type == "cuda" and not gpu:
        raise ConfigError("no GPU can be reached", got=name, fix="Use device='auto' or 'cpu'")
    return device


def find_precision(name: str, device: torch.device) -> torch.dtype | None:
    """The type of autocast products; None for plain float32.

    Raises
    ------
    ConfigError
        If a half precision is asked for on a CPU.
    """
    if name == "fp32" or (name == "auto" and device.type != "cuda"):
        return None
    if device.type != "cuda":
        raise ConfigError(
            "half precision is for GPUs",
            got=f"precision={name} on {device}",
            fix="Use precision='auto' or 'fp32'",
        )
    if name == "auto":
        return torch.bfloat16 if torch.cuda.is_bf16_supported() else None
    return torch.bfloat16 if name == "bf16" else torch.float16


class Model(nn.Module):
    """A head behind a scaling of its inputs that was measured on the training embeddings.

    Encoders differ in the length of their vectors, and those of unit length have entries near
    ``d ** -0.5``: a head learns several times faster when they are brought near 1.
    """

    center: Tensor
    scale: Tensor

    def __init__(self, head: Head) -> None:
        super().__init__()
        self.head = head
        self.register_buffer("center", torch.zeros(head.dim))
        self.register_buffer("scale", torch.ones(head.dim))

    def measure(self, vectors: np.ndarray) -> None:
        """Take the mean of each entry, and one spread over all entries, from embeddings."""
        total = np.zeros(self.head.dim)
        square = np.zeros(self.head.dim)
        for start in range(0, len(vectors), CHUNK):
            block = np.asarray(vectors[start : start + CHUNK], dtype=np.float64)
            total += block.sum(axis=0)
            square += (block**2).sum(axis=0)
        mean = total / len(vectors)
        spread = np.sqrt(max(float((square / len(vectors) - mean**2).mean()), 0.0))
        self.center.copy_(torch.from_numpy(mean))
        # One spread for all entries: distances between patents keep their proportions.
        self.scale.fill_(1 / spread if spread > 1e-12 else 1.0)

    def scaled(self, x: Tensor) -> Tensor:
        """Inputs as the head takes them."""
        return (x - self.center) * self.scale

    def forward(self, x: Tensor, active: Tensor | None = None) -> Tensor:
        """Training logits of embeddings (n, dim); see `Head.forward`."""
        logits: Tensor = self.head(self.scaled(x), active)
        return logits

    def predict(self, x: Tensor, least: float = 0.0) -> Tensor:
        """Coherent probabilities (n, n_nodes) of embeddings (n, dim); see `Head.predict`."""
        return self.head.predict(self.scaled(x), least)


@contextmanager
def own_randomness(seed: int, device: torch.device) -> Iterator[None]:
    """Initial weights and dropout from a seed, the caller's random state left as it was."""
    devices = [device] if device.type == "cuda" else []
    with torch.random.fork_rng(devices=devices):
        torch.manual_seed(seed)
        yield


def predict_blocks(
    model: Model, vectors: np.ndarray, device: torch.device, least: float = 0.0, chunk: int = CHUNK
) -> Iterator[tuple[int, np.ndarray]]:
    """Yield (first row, probabilities float32 (rows, n_nodes)) over embeddings (n, dim)."""
    model.eval()
    for start in range(0, len(vectors), chunk):
        block = np.array(vectors[start : start + chunk], dtype=np.float32)  # own, writable memory
        with torch.inference_mode():
            out = model.predict(torch.from_numpy(block).to(device), least).cpu().numpy()
        yield start, out


def train(
    make_head: Callable[[], Head],
    train_set: tuple[np.ndarray, sparse.csr_matrix],
    dev_set: tuple[np.ndarray, sparse.csr_matrix],
    settings: FitSettings,
    on_epoch: Callable[[dict[str, Any]], None] | None = None,
) -> tuple[Model, list[dict[str, Any]]]:
    """Train a head and keep its best weights.

    Parameters
    ----------
    make_head : callable
        Returns the untrained head; called where weights are drawn from the seed.
    train_set, dev_set : (ndarray (n, dim), csr_matrix of bool (n, n_nodes))
        Labels closed under ancestors.
    settings : FitSettings
    on_epoch : callable, optional
        Called with each row of the history as it is made.

    Returns
    -------
    model : Model
        In evaluation mode, on the device of the settings.
    history : list of dict
        For each epoch: epoch, loss, the dev figures of `judge_scores`, learning_rate, seconds,
        best (whether its weights were kept).
    """
    device = find_device(settings.device)
    half = find_precision(settings.precision, device)
    vectors, labels = train_set
    with own_randomness(settings.seed, device):
        head = make_head()
        rate = (np.asarray(labels.sum(axis=0)).ravel() + 0.5) / (len(vectors) + 1.0)
        head.start_at(rate)
        model = Model(head)
        model.measure(vectors)
        model.to(device)
        run = _Run(model, settings, rate, device, half, len(vectors))
        watched = (dev_set[0][:WATCHED], dev_set[1][:WATCHED])
        for epoch in range(1, settings.epochs + 1):
            started = time.perf_counter()
            try:
                loss = run.epoch(vectors, labels)
            except torch.OutOfMemoryError as error:
                raise ConfigError(
                    "the memory of the device is full",
                    where=device,
                    got=f"batch_size {settings.batch_size}",
                    fix="Lower batch_size or hidden",
                ) from error
            row: dict[str, Any] = {"epoch": epoch, "loss": loss, **run.watch(watched)}
            row["learning_rate"] = run.schedule.get_last_lr()[0]
            row["seconds"] = time.perf_counter() - started
            row["best"] = run.keep(epoch, row)
            run.history.append(row)
            if on_epoch is not None:
                on_epoch(dict(row))
            if settings.patience and epoch - run.best_epoch >= settings.patience:
                break
    model.load_state_dict(run.best)
    model.eval()
    for row in run.history:
        row["best"] = row["epoch"] == run.best_epoch
    return model, run.history


def rate_factor(step: int, steps: int, warmup: float = 0.1) -> float:
    """Linear rise over the first steps (a share of them), then half a cosine down to nothing."""
    warm = max(1, int(steps * warmup))
    if step < warm:
        return (step + 1) / warm
    done = min(1.0, (step - warm) / max(1, steps - warm))
    return 0.5 * (1 + math.cos(math.pi * done))


class Objective:
    """The loss of a head's logits, and the targets that they are held against.

    Parameters
    ----------
    head : Head
    settings : FitSettings
    rate : ndarray of float, shape (n_nodes,)
        Share of the training patents that carry each node, in (0, 1).
    device : torch.device
    """

    def __init__(
        self, head: Head, settings: FitSettings, rate: np.ndarray, device: torch.device
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
            if len(given) != levels or min(given) < 0 or not max(given) > 0:
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


def autocast(device: torch.device, half: torch.dtype | None) -> AbstractContextManager[Any]:
    """Products in half precision inside the block; None for plain float32."""
    return nullcontext() if half is None else torch.autocast(device.type, dtype=half)


def finite(loss: float, settings: FitSettings) -> float:
    """The loss, or DataError if training has diverged."""
    if not np.isfinite(loss):
        raise DataError(
            "training has diverged",
            got=f"loss {loss}",
            fix=f"Lower learning_rate (now {settings.learning_rate:g})",
        )
    return loss


def judge_scores(
    scores: np.ndarray, labels: sparse.csr_matrix, tree: CpcTree | None = None
) -> dict[str, float]:
    """Figures of one epoch, on dev patents.

    Parameters
    ----------
    scores : ndarray of float32, shape (n_patents, n_nodes)
        Coherent probabilities.
    labels : csr_matrix of bool, shape (n_patents, n_nodes)
        Closed under ancestors.
    tree : CpcTree, optional
        For F1 by level.

    Returns
    -------
    dict
        ``average_precision``; ``hier_f1`` at the best single threshold, which is ``threshold``;
        ``hier_f1_fixed`` at 0.5; ``dev_loss``, the cross-entropy of a patent summed over nodes;
        with a tree ``f1@<level>`` at the best threshold. All F1 are micro.
    """
    curve = micro_curve(labels, Scores(scores, labels.shape))
    best = int(curve.f1.argmax())
    limit = curve.threshold[best]
    rows, columns = labels.nonzero()
    of_true = scores[rows, columns]
    out = {
        "average_precision": curve.average_precision,
        "hier_f1": float(curve.f1[best]),
        "threshold": float(limit),
        "hier_f1_fixed": _f1(of_true >= 0.5, int(np.count_nonzero(scores >= 0.5))),
        "dev_loss": _cross_entropy(scores, of_true),
    }
    for depth, level in enumerate(tree.levels if tree is not None else ()):
        assert tree is not None
        out[f"f1@{level}"] = _f1(
            of_true[tree.depth[columns] == depth] >= limit,
            int(np.count_nonzero(scores[:, tree.at_level(depth)] >= limit)),
        )
    return out


def _f1(found: np.ndarray, predicted: int) -> float:
    """F1 from which of the true labels are predicted, and how many are predicted in all."""
    total = len(found) + predicted
    return 2.0 * float(np.count_nonzero(found)) / total if total else float("nan")


def _cross_entropy(scores: np.ndarray, of_true: np.ndarray) -> float:
    """Binary cross-entropy of a patent, summed over nodes; certainty ends at one in 10^7."""
    least = 1e-7
    if_all_false = -np.log1p(-np.minimum(scores, 1 - least)).sum(dtype=np.float64)
    true = np.clip(of_true.astype(np.float64), least, 1 - least)
    return float((if_all_false + (np.log1p(-true) - np.log(true)).sum()) / len(scores))


class _Run:
    """What changes during training."""

    def __init__(
        self,
        model: Model,
        settings: FitSettings,
        rate: np.ndarray,
        device: torch.device,
        half: torch.dtype | None,
        n: int,
    ) -> None:
        self.model, self.settings, self.device, self.half = model, settings, device, half
        self.objective = Objective(model.head, settings, rate, device)
        # fused: one pass over the weights; written out, Adam took half the time of `thmm` on a CPU
        self.optimizer = torch.optim.AdamW(
            model.parameters(),
            lr=settings.learning_rate,
            weight_decay=settings.weight_decay,
            fused=True,
        )
        steps = settings.epochs * -(-n // settings.batch_size)
        self.schedule = torch.optim.lr_scheduler.LambdaLR(
            self.optimizer, lambda step: rate_factor(step, steps)
        )
        self.scaler = torch.amp.GradScaler(device.type, enabled=half == torch.float16)
        self.order = torch.Generator().manual_seed(settings.seed)
        self.history: list[dict[str, Any]] = []
        self.best_value, self.best_epoch = -np.inf, 0
        self.best: dict[str, Tensor] = {}

    def epoch(self, vectors: np.ndarray, labels: sparse.csr_matrix) -> float:
        """One pass over the training patents; the mean loss of a patent, summed over nodes."""
        self.model.train()
        order = torch.randperm(len(vectors), generator=self.order).numpy()
        total = 0.0
        for start in range(0, len(order), self.settings.batch_size):
            rows = np.sort(
                order[start : start + self.settings.batch_size]
            )  # memory-mapped: in order
            total += self._step(vectors[rows], labels[rows]) * len(rows)
        return total / len(order)

    def _step(self, vectors: np.ndarray, labels: sparse.csr_matrix) -> float:
        x = torch.from_numpy(np.asarray(vectors, dtype=np.float32)).to(self.device)
        y = self.objective.targets(labels)
        active = self.model.head.active(y)
        with autocast(self.device, self.half):
            logits = self.model(x, active)
        loss = self.objective(logits, y, active) / len(x)
        self.optimizer.zero_grad(set_to_none=True)
        self.scaler.scale(loss).backward()
        self.scaler.step(self.optimizer)
        self.scaler.update()
        self.schedule.step()
        return finite(float(loss.detach()), self.settings)

    def watch(self, dev: tuple[np.ndarray, sparse.csr_matrix]) -> dict[str, float]:
        """Figures of the model as it is now on dev patents; see `judge_scores`."""
        vectors, labels = dev
        scores = np.concatenate(
            [p for _, p in predict_blocks(self.model, vectors, self.device, self.settings.least)]
        )
        return judge_scores(scores, labels, self.model.head.tree)

    def keep(self, epoch: int, row: dict[str, Any]) -> bool:
        """Copy the weights if the monitored figure is the best so far.

        Of equals the later: where a small dev set is soon ranked perfectly, the loss still falls.
        """
        value = epoch if self.settings.monitor == "none" else row[self.settings.monitor]
        if not value >= self.best_value:
            return False
        self.best_value, self.best_epoch = value, epoch
        self.best = {k: v.detach().clone() for k, v in self.model.state_dict().items()}
        return True
