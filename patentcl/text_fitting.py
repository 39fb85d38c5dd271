"""Training a head together with what reads the texts: one network from words to probabilities."""

from __future__ import annotations

import json
import logging
import os
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
from scipy import sparse
from torch import Tensor, nn

from patentcl.artifacts import fingerprint
from patentcl.config import TextSettings
from patentcl.errors import ConfigError, DataError
from patentcl.fitting import (
    CHUNK,
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
from patentcl.heads import Head
from patentcl.text_model import TextModel, cpu_has_bf16, decay_groups, mean_of
from patentcl.tokens import Padded, Tokens, batches

log = logging.getLogger("patentcl")

PAUSE = 300.0
"""Seconds between two checkpoints."""
CACHE = 16e9
"""Bytes of token vectors of a frozen reader that are kept on disk; more are computed each time."""
BATCH = {"cpu": 16, "cuda": 256}
"""Texts read at a time in prediction."""


def find_half(name: str, device: torch.device) -> torch.dtype | None:
    """The type of autocast products in reading texts; None for plain float32.

    ``auto`` is bf16 wherever the processor multiplies it natively, a CPU too.

    Raises
    ------
    ConfigError
        If fp16 is asked for on a CPU.
    """
    if name == "fp32":
        return None
    if device.type == "cuda":
        if name == "auto":
            return torch.bfloat16 if torch.cuda.is_bf16_supported() else torch.float16
        return torch.bfloat16 if name == "bf16" else torch.float16
    if name == "fp16":
        raise ConfigError("fp16 is for GPUs", got=f"precision=fp16 on {device}",
                          fix="Use precision='auto', 'bf16' or 'fp32'")
    return torch.bfloat16 if name == "bf16" or (device.type == "cpu" and cpu_has_bf16()) else None


class TextNet(nn.Module):
    """What reads texts, and a scaled head on its vectors.

    Parameters
    ----------
    text : TextModel
    core : Model, optional
        None where only the vectors are wanted.
    """

    def __init__(self, text: TextModel, core: Model | None) -> None:
        super().__init__()
        self.text, self.core = text, core

    def documents(self, x: Tensor, mask: Tensor) -> Tensor | Padded:
        """Document vectors, or token vectors for a head that reads these.

        Parameters
        ----------
        x : Tensor of int64, shape (n, t), or of float, shape (n, t, d)
            Token numbers, or token vectors computed before.
        mask : Tensor of bool, shape (n, t)
        """
        if x.is_floating_point():
            return self.text.of_states(x, mask)
        return cast("Tensor | Padded", self.text(x, mask))

    def logits(self, documents: Tensor | Padded, active: Tensor | None = None) -> Tensor:
        """Training logits; see `patentcl.heads.Head.forward`."""
        assert self.core is not None
        if isinstance(documents, Padded):  # token vectors are near 1 as they are
            return cast(Tensor, self.core.head(documents, active))
        return cast(Tensor, self.core(documents, active))

    def predict(self, documents: Tensor | Padded, least: float) -> Tensor:
        """Coherent probabilities (n, n_nodes)."""
        assert self.core is not None
        if isinstance(documents, Padded):
            return self.core.head.predict(documents, least)  # type: ignore[arg-type]
        return self.core.predict(documents, least)


# ---- batches --------------------------------------------------------------------------------


class Feed:
    """Texts as the network takes them: token numbers, or the vectors of a frozen reader's tokens.

    Parameters
    ----------
    tokens : Tokens
    pad : int
    states : ndarray of float16, shape (n_tokens, d), optional
    """

    def __init__(self, tokens: Tokens, pad: int, states: np.ndarray | None = None) -> None:
        self.tokens, self.pad, self.states = tokens, pad, states

    def __len__(self) -> int:
        return len(self.tokens)

    def batch(self, rows: np.ndarray, device: torch.device) -> tuple[Tensor, Tensor]:
        """Input and mask of some texts."""
        ids, mask = self.tokens.padded(rows, self.pad)
        if self.states is None:
            return torch.from_numpy(ids).to(device), torch.from_numpy(mask).to(device)
        x = np.zeros((*mask.shape, self.states.shape[1]), dtype=np.float32)
        for i, row in enumerate(rows):
            start, stop = self.tokens.starts[row], self.tokens.starts[row + 1]
            x[i, :stop - start] = self.states[start:stop]
        return torch.from_numpy(x).to(device), torch.from_numpy(mask).to(device)


def feed(text: TextModel, tokens: Tokens, device: torch.device, half: torch.dtype | None,
         folder: Path) -> Feed:
    """Texts for training; a frozen transformer computes its token vectors here, once.

    Parameters
    ----------
    text : TextModel
    tokens : Tokens
    device : torch.device
    half : torch.dtype, optional
    folder : Path
        Where the token vectors are kept, as float16.
    """
    reader = text.reader
    size = int(tokens.lengths.sum()) * reader.dim * 2
    looked_up = any(isinstance(m, nn.Embedding) for m in reader.children())
    if not text.settings.frozen or not text.by_token or looked_up or size > CACHE:
        return Feed(tokens, reader.pad)
    file = folder / f"states-{len(list(folder.iterdir()))}.npy"
    states = np.lib.format.open_memmap(file, "w+", dtype=np.float16,
                                       shape=(len(tokens.flat), reader.dim))
    if hasattr(os, "posix_fallocate"):
        with file.open("rb+") as stream:  # a full disk says so here, not as a broken map
            os.posix_fallocate(stream.fileno(), 0, file.stat().st_size)
    plain = Feed(tokens, reader.pad)
    text.eval()
    for rows in in_order(tokens, len(tokens), BATCH[_kind(device)]):
        ids, mask = plain.batch(rows, device)
        with torch.inference_mode(), autocast(device, half):
            found = text.states(ids, mask).to(torch.float16).cpu().numpy()
        for i, row in enumerate(rows):
            states[tokens.starts[row]:tokens.starts[row + 1]] = found[i, :tokens.lengths[row]]
    return Feed(tokens, reader.pad, states)


def _kind(device: torch.device) -> str:
    return "cpu" if device.type == "cpu" else "cuda"


def in_order(tokens: Tokens, stop: int, size: int, start: int = 0) -> Iterator[np.ndarray]:
    """Batches of texts of like length, longest first, so that a full memory shows at once."""
    order = start + np.argsort(-tokens.lengths[start:stop], kind="stable")
    for at in range(0, len(order), size):
        yield order[at:at + size]


# ---- prediction -----------------------------------------------------------------------------


def predict_texts(net: TextNet, feed: Feed, device: torch.device, half: torch.dtype | None,
                  least: float = 0.0, chunk: int = CHUNK,
                  ) -> Iterator[tuple[int, np.ndarray | None, np.ndarray]]:
    """Yield (first row, probabilities (rows, n_nodes), document vectors (rows, dim)).

    Parameters
    ----------
    net : TextNet
        Without a head, the probabilities are None.
    feed : Feed
    device : torch.device
    half : torch.dtype, optional
    least : float
        See `patentcl.heads.Head.predict`.
    chunk : int
        Texts sorted by length at a time.
    """
    net.eval()
    size = BATCH[_kind(device)]
    for start in range(0, len(feed), chunk):
        stop = min(start + chunk, len(feed))
        documents = np.empty((stop - start, net.text.dim), dtype=np.float32)
        scores: np.ndarray | None = None
        waiting = list(in_order(feed.tokens, stop, size, start))
        while waiting:
            rows = waiting.pop(0)
            try:
                found, vectors = _predict_batch(net, feed, rows, device, half, least)
            except torch.OutOfMemoryError as error:
                size = halved(len(rows), error, "prediction goes on")
                waiting[:0] = np.array_split(rows, 2)
                continue
            documents[rows - start] = vectors
            if found is not None:
                if scores is None:
                    scores = np.empty((stop - start, found.shape[1]), dtype=np.float32)
                scores[rows - start] = found
        if net.core is not None and not net.text.sequence:
            with torch.inference_mode():
                x = torch.from_numpy(documents).to(device)
                scores = net.predict(x, least).cpu().numpy()
        yield start, scores, documents


def _predict_batch(net: TextNet, feed: Feed, rows: np.ndarray, device: torch.device,
                   half: torch.dtype | None, least: float) -> tuple[np.ndarray | None, np.ndarray]:
    """Probabilities, if the head reads tokens, and document vectors of one batch."""
    x, mask = feed.batch(rows, device)
    with torch.inference_mode():
        with autocast(device, half):
            documents = net.documents(x, mask)
        if not isinstance(documents, Padded):
            return None, documents.float().cpu().numpy()
        found = None if net.core is None else net.predict(documents, least).cpu().numpy()
        return found, mean_of(*documents).cpu().numpy()


def halved(size: int, error: Exception, what: str) -> int:
    """Half of a batch that the memory had no room for; said in a warning.

    Raises
    ------
    ConfigError
        If it was a single text.
    """
    if size <= 1:
        raise ConfigError("the memory of the device is full", got="a single text",
                          fix="Lower max_length or the head's hidden width") from error
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
    log.warning("the memory of the device is full: %s with %d texts at a time", what, size // 2)
    return size // 2


# ---- training -------------------------------------------------------------------------------


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


def train_on_texts(text: TextModel, make_head: Callable[[int], Head],
                   train_set: tuple[Tokens, sparse.csr_matrix],
                   dev_set: tuple[Tokens, sparse.csr_matrix], run: TextRun,
                   device: torch.device) -> tuple[TextNet, list[dict[str, Any]]]:
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

    Returns
    -------
    net : TextNet
        In evaluation mode, on the device.
    history : list of dict
        As of `patentcl.fitting.train`.
    """
    tokens, labels = train_set
    with tempfile.TemporaryDirectory(prefix="patentcl-fit-") as place, \
            own_randomness(run.fit.seed, device):
        text.to(device)
        data = feed(text, tokens, device, run.half, Path(place))
        watched = np.arange(min(len(dev_set[0]), WATCHED))
        dev = feed(text, dev_set[0].take(watched), device, run.half, Path(place))
        rate = (np.asarray(labels.sum(axis=0)).ravel() + 0.5) / (len(tokens) + 1.0)
        head = make_head(text.dim)
        head.start_at(rate)
        net = TextNet(text, Model(head)).to(device)
        _measure(net, data, device, run.half)
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

    def __init__(self, net: TextNet, data: Feed, labels: sparse.csr_matrix, rate: np.ndarray,
                 run: TextRun, device: torch.device) -> None:
        assert net.core is not None
        self.net, self.data, self.labels, self.run, self.device = net, data, labels, run, device
        self.settings = run.fit
        self.objective = Objective(net.core.head, run.fit, rate, device)
        groups = [*net.text.rates(run.fit.learning_rate, run.fit.weight_decay),
                  *decay_groups("head", list(net.core.head.parameters()), run.fit.learning_rate,
                                run.fit.weight_decay)]
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
            row: dict[str, Any] = {"epoch": self.epoch, "loss": self.loss / len(self.data),
                                   **self._watch(dev)}
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
        for rows in order[self.at:]:
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
        scores = np.concatenate([cast(np.ndarray, s) for _, s, _ in predict_texts(
            self.net, dev[0], self.device, self.run.half, self.settings.least)])
        return judge_scores(scores, dev[1])

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
        parts = [asdict(self.settings), self.run.text.model_dump(), str(self.run.half),
                 [f"{a.dtype}{a.shape}{_digest(a)}" for a in (
                     tokens.flat, tokens.lengths, labels.indices, labels.indptr)],
                 [f"{k}{tuple(v.shape)}" for k, v in self.net.state_dict().items()]]
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
        facts = {"epoch": self.epoch, "at": self.at, "loss": self.loss, "seconds": self.seconds,
                 "history": self.history, "best_value": self.best_value,
                 "best_epoch": self.best_epoch, "parts": self.parts,
                 "scaler": self.scaler.state_dict()}
        path.parent.mkdir(parents=True, exist_ok=True)
        part = path.with_name(f"{path.name}.part")
        save_file({k: v.detach().cpu().clone().contiguous() for k, v in state.items()}, str(part),
                  {"facts": json.dumps(facts), "fingerprint": self._fingerprint()})
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
            raise DataError("the checkpoint cannot be read", where=path, got=str(error),
                            fix="Delete it, and training begins anew") from error
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
    return {k[len(prefix):]: v for k, v in state.items() if k.startswith(prefix)}


def _digest(array: np.ndarray) -> str:
    import hashlib

    return hashlib.blake2b(np.ascontiguousarray(array).tobytes(), digest_size=16).hexdigest()
