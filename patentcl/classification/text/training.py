"""Training a head together with what reads the texts, from which a cut-off takes nothing away."""

from __future__ import annotations

import hashlib
import json
import logging
import tempfile
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
from scipy import sparse
from torch import Tensor

from patentcl.classification.heads import Head
from patentcl.classification.settings import TextSettings
from patentcl.classification.text.backbones import TextModel, decay_groups
from patentcl.classification.text.network import Feed, TextNet, feed, halved, predict_texts
from patentcl.classification.training import (
    WATCHED,
    FitSettings,
    Model,
    Objective,
    autocast,
    finite,
    judge_scores,
    own_randomness,
    rate_factor,
)
from patentcl.core.artifacts import fingerprint
from patentcl.core.errors import DataError
from patentcl.encoders.tokens import Tokens, batches

log = logging.getLogger("patentcl")

PAUSE = 300.0
"""Seconds between two checkpoints."""


@dataclass(frozen=True)
class TextRun:
    """How a network is trained on texts, and who is told.

    Parameters
    ----------
    fit : FitSettings
    text : TextSettings
    half : torch.dtype, optional
    checkpoint : Path, optional
        File that holds the state of an unfinished training, and from which one is taken up.
    on_epoch : callable, optional
        Called with each row of the history.
    progress : callable, optional
        Called with (steps done, steps in all).
    """

    fit: FitSettings
    text: TextSettings
    half: torch.dtype | None = None
    checkpoint: Path | None = None
    on_epoch: Callable[[dict[str, Any]], None] | None = None
    progress: Callable[[int, int], None] | None = None


def train_on_texts(
    text: TextModel,
    make_head: Callable[[int], Head],
    train_set: tuple[Tokens, sparse.csr_matrix],
    dev_set: tuple[Tokens, sparse.csr_matrix],
    run: TextRun,
    device: torch.device,
    start: Model | None = None,
) -> tuple[TextNet, list[dict[str, Any]]]:
    """Train reader, document vectors and head together, and keep the best weights.

    Parameters
    ----------
    text : TextModel
    make_head : callable
        Returns the untrained head for a width.
    train_set, dev_set : (Tokens, csr_matrix of bool (n, n_nodes))
        Labels closed under ancestors.
    run : TextRun
    device : torch.device
    start : Model, optional
        A head that was trained on the vectors of the reader as it is, in place of a new one.

    Returns
    -------
    net : TextNet
        In evaluation mode, on the device.
    history : list of dict
        As of `patentcl.classification.training.train`.
    """
    tokens, labels = train_set
    with (
        tempfile.TemporaryDirectory(prefix="patentcl-fit-") as place,
        own_randomness(run.fit.seed, device),
    ):
        text.to(device)
        data = feed(text, tokens, device, run.half, Path(place))
        watched = np.arange(min(len(dev_set[0]), WATCHED))
        dev = feed(text, dev_set[0].take(watched), device, run.half, Path(place))
        rate = (np.asarray(labels.sum(axis=0)).ravel() + 0.5) / (len(tokens) + 1.0)
        if start is None:
            head = make_head(text.dim)
            head.start_at(rate)
            net = TextNet(text, Model(head)).to(device)
            _measure(net, data, device, run.half)
        else:
            net = TextNet(text, start).to(device)
        trainer = _Trainer(net, data, labels, rate, run, device)
        trainer.resume()
        trainer.train((dev, dev_set[1][watched]))
    net.load_state_dict(trainer.best)
    return net.eval(), trainer.history


def _measure(net: TextNet, data: Feed, device: torch.device, half: torch.dtype | None) -> None:
    """Scale the head's inputs by what untrained document vectors look like."""
    if net.text.sequence or net.core is None:
        return
    some = Feed(data.tokens.take(np.arange(min(len(data), 512))), data.pad)
    vectors = next(predict_texts(TextNet(net.text, None), some, device, half))[2]
    net.core.measure(vectors)


class _Trainer:
    """What changes during training, and the file that keeps it."""

    def __init__(
        self,
        net: TextNet,
        data: Feed,
        labels: sparse.csr_matrix,
        rate: np.ndarray,
        run: TextRun,
        device: torch.device,
    ) -> None:
        assert net.core is not None
        self.net, self.data, self.labels, self.run, self.device = net, data, labels, run, device
        self.settings = run.fit
        self.objective = Objective(net.core.head, run.fit, rate, device)
        groups = [
            *net.text.rates(run.fit.learning_rate, run.fit.weight_decay),
            *decay_groups(
                "head",
                list(net.core.head.parameters()),
                run.fit.learning_rate,
                run.fit.weight_decay,
            ),
        ]
        self.rates = [g["lr"] for g in groups]
        self.optimizer = torch.optim.AdamW(groups, lr=run.fit.learning_rate, fused=True)
        self.scaler = torch.amp.GradScaler(device.type, enabled=run.half == torch.float16)
        self.per_epoch = -(-len(data) // run.fit.batch_size)
        self.steps = run.fit.epochs * self.per_epoch
        self.parts = run.text.accumulate
        self.epoch, self.at, self.loss, self.seconds = 1, 0, 0.0, 0.0
        self.history: list[dict[str, Any]] = []
        self.best_value, self.best_epoch = -np.inf, 0
        self.best: dict[str, Tensor] = {}
        self.saved = time.perf_counter()

    def train(self, dev: tuple[Feed, sparse.csr_matrix]) -> None:
        """Go through the epochs that are left, until dev gains no more."""
        patience = self.settings.patience
        while self.epoch <= self.settings.epochs:
            if patience and self.history and self.epoch - 1 - self.best_epoch >= patience:
                break
            started = time.perf_counter()
            self._epoch(started)
            row: dict[str, Any] = {
                "epoch": self.epoch,
                "loss": self.loss / len(self.data),
                **self._watch(dev),
            }
            row["learning_rate"] = self.settings.learning_rate * self._factor()
            row["seconds"] = self.seconds + time.perf_counter() - started
            row["best"] = self._keep(row)
            self.history.append(row)
            if self.run.on_epoch is not None:
                self.run.on_epoch(dict(row))
            self.epoch, self.at, self.loss, self.seconds = self.epoch + 1, 0, 0.0, 0.0
            self._save(PAUSE / 10)
        for row in self.history:
            row["best"] = row["epoch"] == self.best_epoch

    def _factor(self) -> float:
        step = (self.epoch - 1) * self.per_epoch + self.at
        return rate_factor(step, self.steps, self.run.text.warmup)

    def _epoch(self, started: float) -> None:
        self.net.train()
        rng = np.random.default_rng([self.settings.seed, self.epoch])
        order = batches(self.data.tokens.lengths, self.settings.batch_size, rng)
        before = self.seconds
        for rows in order[self.at :]:
            self.loss += self._step(rows) * len(rows)
            self.at += 1
            self.seconds = before + time.perf_counter() - started
            if self.run.progress is not None:
                self.run.progress((self.epoch - 1) * self.per_epoch + self.at, self.steps)
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
                value = sum(self._gradients(part, len(rows)) for part in parts)
                break
            except torch.OutOfMemoryError as error:
                self.optimizer.zero_grad(set_to_none=True)
                halved(len(parts[0]), error, "training goes on")
                self.parts = 2 * len(parts)
        self.scaler.step(self.optimizer)
        self.scaler.update()
        return finite(value, self.settings)

    def _gradients(self, rows: np.ndarray, whole: int) -> float:
        """Add one part's gradients of the batch's mean loss; returns its share of that loss."""
        x, mask = self.data.batch(rows, self.device)
        y = self.objective.targets(self.labels[rows])
        active = cast(Model, self.net.core).head.active(y)
        with autocast(self.device, self.run.half):
            documents = self.net.documents(x, mask)
        # A CPU computes small products in float32 as fast, and more exactly.
        with autocast(self.device, self.run.half if self.device.type == "cuda" else None):
            logits = self.net.logits(documents, active)
        loss = self.objective(logits, y, active) / whole
        self.scaler.scale(loss).backward()
        return float(loss.detach())

    def _watch(self, dev: tuple[Feed, sparse.csr_matrix]) -> dict[str, float]:
        scores = np.concatenate(
            [
                cast(np.ndarray, s)
                for _, s, _ in predict_texts(
                    self.net, dev[0], self.device, self.run.half, self.settings.least
                )
            ]
        )
        assert self.net.core is not None
        return judge_scores(scores, dev[1], self.net.core.head.tree)

    def _keep(self, row: dict[str, Any]) -> bool:
        """Copy the weights if the monitored figure is the best so far; of equals the later."""
        monitor = self.settings.monitor
        value = row["epoch"] if monitor == "none" else row[monitor]
        if not value >= self.best_value:
            return False
        self.best_value, self.best_epoch = float(value), int(row["epoch"])
        self.best = {k: v.detach().clone() for k, v in self.net.state_dict().items()}
        return True

    # ---- taking up an unfinished training ---------------------------------------------------

    def _fingerprint(self) -> str:
        """Of all that the result depends on, but not of how often it is interrupted."""
        tokens, labels = self.data.tokens, self.labels
        parts = [
            asdict(self.settings),
            self.run.text.model_dump(),
            str(self.run.half),
            [
                f"{a.dtype}{a.shape}{_digest(a)}"
                for a in (tokens.flat, tokens.lengths, labels.indices, labels.indptr)
            ],
            [f"{k}{tuple(v.shape)}" for k, v in self.net.state_dict().items()],
        ]
        return fingerprint(json.loads(json.dumps(parts, default=str)))

    def _save(self, pause: float) -> None:
        """Write the state, if so many seconds have passed since the last time."""
        path = self.run.checkpoint
        if path is None or time.perf_counter() - self.saved < pause:
            return
        from safetensors.torch import save_file

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
        path.parent.mkdir(parents=True, exist_ok=True)
        part = path.with_name(f"{path.name}.part")
        save_file(
            {k: v.detach().cpu().clone().contiguous() for k, v in state.items()},
            str(part),
            {"facts": json.dumps(facts), "fingerprint": self._fingerprint()},
        )
        part.replace(path)
        self.saved = time.perf_counter()

    def resume(self) -> None:
        """Go on from the checkpoint, if there is one of this very training."""
        path = self.run.checkpoint
        if path is None or not path.is_file():
            return
        from safetensors import SafetensorError, safe_open

        try:
            with safe_open(str(path), framework="pt") as file:
                about = file.metadata() or {}
                if about.get("fingerprint") != self._fingerprint():
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
        log.info("training goes on from %s: epoch %d, batch %d", path, self.epoch, self.at)


def _below(state: dict[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {k[len(prefix) :]: v for k, v in state.items() if k.startswith(prefix)}


def _digest(array: np.ndarray) -> str:
    return hashlib.blake2b(np.ascontiguousarray(array).tobytes(), digest_size=16).hexdigest()
