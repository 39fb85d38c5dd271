"""Device, precision, randomness and dropout."""

from __future__ import annotations

import logging
import random
from pathlib import Path

import numpy as np
import pytest
import torch

from patentcl.core import devices
from patentcl.core.devices import (
    PRECISIONS,
    autocast,
    cpu_has_bf16,
    dtype_of,
    find_device,
    find_precision,
    halved,
    own_randomness,
    set_dropout,
)
from patentcl.core.errors import ConfigError

CPU, GPU = torch.device("cpu"), torch.device("cuda")


def test_devices_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    assert find_device("cpu") == find_device(CPU) == CPU
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert find_device() == find_device("auto") == find_device(None) == CPU
    with pytest.raises(ConfigError, match=r"no GPU can be reached: got cuda\. Use device='auto'"):
        find_device("cuda")
    with pytest.raises(ConfigError, match="unknown device: got gpu; wanted auto, cpu, cuda"):
        find_device("gpu")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    assert find_device() == GPU
    assert find_device("cuda:0") == torch.device("cuda:0")
    with pytest.raises(ConfigError, match=r"no such GPU can be reached: got cuda:1; wanted cuda:0"):
        find_device("cuda:1")


@pytest.mark.parametrize(
    ("device", "native", "training", "wanted"),
    [
        (GPU, True, False, "bf16"),
        (GPU, True, True, "bf16"),
        (GPU, False, False, "fp16"),
        (GPU, False, True, "fp16"),
        (CPU, True, False, "bf16"),
        (CPU, True, True, "fp32"),
        (CPU, False, False, "fp32"),
        (CPU, False, True, "fp32"),
        (torch.device("mps"), True, False, "fp32"),
    ],
)
def test_auto_has_one_meaning(
    device: torch.device, native: bool, training: bool, wanted: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda: native)
    monkeypatch.setattr(devices, "bf16_is_faster", lambda: native)
    assert find_precision("auto", device, training) == wanted


def test_a_precision_that_is_named_is_taken() -> None:
    for name in ("fp32", "bf16", "fp16"):
        assert find_precision(name, CPU) == find_precision(name, GPU, training=True) == name
    assert find_precision("bf16", CPU, training=True) == "bf16"
    with pytest.raises(ConfigError, match=r"fp16 is for GPUs: got precision=fp16 on cpu"):
        find_precision("fp16", CPU, training=True)
    with pytest.raises(ConfigError, match=r"unknown precision: got bf15. Did you mean bf16"):
        find_precision("bf15", CPU)
    assert PRECISIONS == ("auto", "fp32", "bf16", "fp16")


def test_bf16_is_read_from_the_flags_of_the_processor(monkeypatch: pytest.MonkeyPatch) -> None:
    for flags, wanted in (
        ("flags : sse avx512_bf16", True),
        ("flags : amx_bf16", True),
        ("flags : avx2", False),
        ("other : amx_bf16", False),
    ):
        monkeypatch.setattr(Path, "is_file", lambda self: True)
        monkeypatch.setattr(Path, "read_text", lambda self, flags=flags: f"a: b\n{flags}\n")
        assert cpu_has_bf16() is wanted
    monkeypatch.setattr(Path, "is_file", lambda self: False)
    assert cpu_has_bf16() is False


@pytest.mark.parametrize("slower", [torch.float32, torch.bfloat16])
def test_bf16_must_be_faster_than_float32_to_be_taken(
    slower: torch.dtype, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = [0.0]

    def multiply(x: torch.Tensor, weight: torch.Tensor) -> None:
        clock[0] += 2.0 if weight.dtype == x.dtype == slower else 1.0

    monkeypatch.setattr(devices, "cpu_has_bf16", lambda: True)
    monkeypatch.setattr(devices.time, "perf_counter", lambda: clock[0])
    monkeypatch.setattr(torch.nn.functional, "linear", multiply)
    assert devices.bf16_is_faster.__wrapped__() is (slower is torch.float32)
    monkeypatch.setattr(devices, "cpu_has_bf16", lambda: False)
    assert devices.bf16_is_faster.__wrapped__() is False


def test_autocast_changes_products_and_nothing_for_fp32() -> None:
    x = torch.ones(2, 2)
    with autocast(CPU, "bf16"):
        assert (x @ x).dtype == torch.bfloat16
    with autocast(CPU, "fp32"):
        assert (x @ x).dtype == torch.float32
    assert dtype_of("fp16") == torch.float16


def test_randomness_is_seeded_and_put_back() -> None:
    def state() -> tuple[float, float, float]:
        with torch.random.fork_rng():
            before = random.getstate(), np.random.get_state()  # noqa: NPY002
            found = random.random(), float(np.random.random()), float(torch.rand(1))  # noqa: NPY002
            random.setstate(before[0])
            np.random.set_state(before[1])  # noqa: NPY002
            return found

    before, drawn = state(), []
    for seed in (1, 1, 2, None):
        with own_randomness(seed, CPU):
            drawn.append(float(torch.rand(1)))
            random.seed(7)
            np.random.seed(7)  # noqa: NPY002
        assert state() == before
    assert drawn[0] == drawn[1] != drawn[2]
    assert drawn[3] == before[2]  # without a seed it goes on from where it was
    with pytest.raises(RuntimeError, match="stop"), own_randomness(3):
        random.seed(9)
        raise RuntimeError("stop")
    assert state() == before


def bert(kind: str) -> torch.nn.Module:
    """Two small layers that drop half of everything, in both ways that models do it."""
    from transformers import BertConfig, BertModel, ModernBertConfig, ModernBertModel

    sizes = {
        "vocab_size": 12,
        "hidden_size": 16,
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
        "intermediate_size": 16,
        "pad_token_id": 0,
    }
    if kind == "bert":
        return BertModel(
            BertConfig(**sizes, hidden_dropout_prob=0.5, attention_probs_dropout_prob=0.5)
        )
    config = ModernBertConfig(
        **sizes,
        attention_dropout=0.5,
        embedding_dropout=0.5,
        mlp_dropout=0.5,
        bos_token_id=1,
        eos_token_id=2,
        cls_token_id=1,
        sep_token_id=2,
    )
    config._attn_implementation = "eager"
    return ModernBertModel(config)


def varies(model: torch.nn.Module) -> bool:
    ids = torch.arange(1, 9)[None]
    model.train()
    first, second = (model(input_ids=ids).last_hidden_state for _ in range(2))
    return not torch.equal(first, second)


@pytest.mark.parametrize("kind", ["bert", "modernbert"])
def test_all_dropout_is_off(kind: str) -> None:
    with own_randomness(0, CPU):
        model = bert(kind)
        assert varies(model)
        set_dropout(model)
        assert not varies(model)
        set_dropout(model, 0.25)
        assert varies(model)


def test_attention_dropout_needs_more_than_its_modules() -> None:
    """Why `set_dropout` looks at numbers too: without that, attention goes on dropping."""
    with own_randomness(0, CPU):
        model = bert("modernbert")
        for module in model.modules():
            if isinstance(module, torch.nn.Dropout):
                module.p = 0.0
        assert varies(model)
        set_dropout(model)
        assert not varies(model)


def test_dropout_of_layers_without_a_module_for_it() -> None:
    lstm = torch.nn.LSTM(4, 4, num_layers=2, dropout=0.5)
    attention = torch.nn.MultiheadAttention(4, 2, dropout=0.5)
    attention.layerdrop = 0.5  # type: ignore[assignment]
    both = torch.nn.ModuleList([lstm, attention, torch.nn.Dropout1d(0.5)])
    set_dropout(both, 0.1)
    assert (lstm.dropout, attention.dropout, both[2].p) == (0.1, 0.1, 0.1)
    assert attention.layerdrop == 0.5
    set_dropout(both)
    assert (lstm.dropout, attention.dropout, both[2].p, attention.layerdrop) == (0, 0, 0, 0)


def test_a_batch_that_does_not_fit_is_halved(caplog: pytest.LogCaptureFixture) -> None:
    error = torch.OutOfMemoryError("full")
    with caplog.at_level(logging.WARNING, logger="patentcl"):
        assert halved(9, error, "encoding") == 4
    assert caplog.messages == [
        "the memory of the device is full: encoding continues with 4 texts at a time"
    ]
    with pytest.raises(ConfigError) as caught:
        halved(1, error, "encoding", fix="Lower encoder.max_length")
    assert str(caught.value) == (
        "the memory of the device is full (in encoding): got a single text. "
        "Lower encoder.max_length."
    )
    assert caught.value.__cause__ is error
