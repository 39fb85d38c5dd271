"""Where and in which precision models compute, and what they must leave as it was.

torch is imported inside the functions.
"""

from __future__ import annotations

import logging
import os
import random
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from patentcl.core.errors import ConfigError, choose

if TYPE_CHECKING:
    import torch

log = logging.getLogger("patentcl")

PRECISIONS = ("auto", "fp32", "bf16", "fp16")


def memory_of_machine() -> int:
    """Bytes of memory of this machine, or what its container may use of them."""
    found = [os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")]
    for name in ("memory.max", "memory/memory.limit_in_bytes"):
        with suppress(OSError, ValueError):  # no such file, or "max"
            found.append(int((Path("/sys/fs/cgroup") / name).read_text()))
    return min(found)


def find_device(name: str | torch.device | None = "auto") -> torch.device:
    """The device that a name stands for; ``auto`` and None are the GPU if there is one.

    Raises
    ------
    ConfigError
        If torch does not know the name or cannot reach the device.
    """
    import torch

    gpus = torch.cuda.device_count() if torch.cuda.is_available() else 0
    if name in (None, "auto"):
        return torch.device("cuda" if gpus else "cpu")
    try:
        device = torch.device(name)  # type: ignore[arg-type]
    except (RuntimeError, TypeError) as error:
        raise ConfigError("unknown device", got=name, wanted="auto, cpu, cuda or cuda:0") from error
    if device.type == "cuda" and (device.index or 0) >= gpus:
        raise ConfigError(
            "no such GPU can be reached" if gpus else "no GPU can be reached",
            got=name,
            wanted=f"cuda:0 to cuda:{gpus - 1}" if gpus else None,
            fix="Use device='auto' or 'cpu'",
        )
    return device


def find_precision(name: str, device: torch.device, training: bool = False) -> str:
    """The precision to compute in: ``fp32``, ``bf16`` or ``fp16``.

    ``auto`` has one meaning everywhere: on a GPU bf16 where it is supported, else fp16; on a CPU
    bf16 for encoders where that is faster; fp32 in all other cases, such as the training of a
    classifier.

    Raises
    ------
    ConfigError
        If the name is unknown, or fp16 is asked for in training on a CPU.
    """
    import torch

    choose(name, PRECISIONS, "precision")
    if name == "fp16" and training and device.type == "cpu":
        raise ConfigError(
            "fp16 is for GPUs",
            got=f"precision=fp16 on {device}",
            fix="Use precision='auto', 'bf16' or 'fp32'",
        )
    if name != "auto":
        return name
    if device.type == "cuda":
        return "bf16" if torch.cuda.is_bf16_supported() else "fp16"
    return "bf16" if device.type == "cpu" and not training and bf16_is_faster() else "fp32"


def cpu_has_bf16() -> bool:
    """Whether this processor multiplies bfloat16 natively (AVX512-BF16 or AMX)."""
    info = Path("/proc/cpuinfo")
    if not info.is_file():
        return False
    flags = next((line for line in info.read_text().splitlines() if line.startswith("flags")), "")
    return "avx512_bf16" in flags or "amx_bf16" in flags


@cache
def bf16_is_faster() -> bool:
    """Whether bfloat16 is clearly faster: with AMX it is, with AVX512-BF16 alone it may not be."""
    if not cpu_has_bf16():
        return False
    import torch

    seconds = dict.fromkeys((torch.float32, torch.bfloat16), float("inf"))
    with torch.inference_mode():
        for _ in range(6):  # in turn, the best of each: other work on the machine counts for little
            for kind, best in seconds.items():
                x = torch.ones(512, 768, dtype=kind)
                started = time.perf_counter()
                torch.nn.functional.linear(x, x[:384])
                seconds[kind] = min(best, time.perf_counter() - started)
    return seconds[torch.float32] > 1.25 * seconds[torch.bfloat16]


def dtype_of(precision: str) -> torch.dtype:
    """The torch type of a precision that `find_precision` returned."""
    import torch

    return {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}[precision]


def autocast(device: torch.device, precision: str) -> AbstractContextManager[Any]:
    """Compute products in a precision inside the block; nothing changes for ``fp32``."""
    import torch

    if precision == "fp32":
        return nullcontext()
    return torch.autocast(device.type, dtype=dtype_of(precision))


@contextmanager
def own_randomness(seed: int | None, device: torch.device | None = None) -> Iterator[None]:
    """Seed torch inside the block, and put every global random state back after it.

    Those of Python and NumPy too, since the trainer of transformers seeds all. Without a seed
    nothing is seeded; `device` is the GPU whose state is kept, all of them if it is None.
    """
    import torch

    states = random.getstate(), np.random.get_state()  # noqa: NPY002
    devices = None if device is None else [device] if device.type == "cuda" else []
    with torch.random.fork_rng(devices=devices):
        if seed is not None:
            torch.manual_seed(seed)
        try:
            yield
        finally:
            random.setstate(states[0])
            np.random.set_state(states[1])  # noqa: NPY002


def set_dropout(model: torch.nn.Module, share: float = 0.0) -> None:
    """Set what all layers of a model drop in training; 0 switches dropout off.

    Some models (ModernBERT, BART) keep the share of their attention's dropout as a number in the
    layer, without a module for it: these are set too. With 0, whole layers are not dropped either.
    """
    from torch.nn.modules.dropout import _DropoutNd

    for module in model.modules():
        if isinstance(module, _DropoutNd):
            module.p = share
            continue
        for name, value in vars(module).items():
            if isinstance(value, float) and ("dropout" in name or ("drop" in name and share == 0)):
                setattr(module, name, share)


def halved(size: int, error: Exception, what: str, fix: str = "Lower max_length") -> int:
    """Half of a batch of `size` texts that did not fit into memory, which a warning says.

    `what` is what is being done, such as ``encoding``; a single text that does not fit is an error.
    """
    import torch

    if size <= 1:
        raise ConfigError(
            "the memory of the device is full", where=what, got="a single text", fix=fix
        ) from error
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
    log.warning(
        "the memory of the device is full: %s continues with %d texts at a time", what, size // 2
    )
    return size // 2
