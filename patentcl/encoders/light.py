"""A few texts through a small BERT with NumPy: importing PyTorch takes longer than a query.

Covers sentence-transformers models on this machine that are a BERT with absolute positions, pooled
by the mean or the first token, perhaps with a tuned map behind it, and static encoders that
patentcl has written. Vectors are those of `PatentEncoder` in fp32 (tested to 1e-5).
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from patentcl.core import artifacts
from patentcl.encoders.checks import behaviour, same_encoder
from patentcl.encoders.models import find_model
from patentcl.encoders.tokens import STOP, join_texts

FEW = 8
"""Texts up to which this is quicker than loading PyTorch."""
_PARTS = (
    ["Transformer", "Pooling"],
    ["Transformer", "Pooling", "Normalize"],
    ["Transformer", "Pooling", "Normalize", "Dense", "Normalize"],
)
_STATIC = ["StaticEmbedding", "Normalize"]
_MAP = "3_Dense"
_LINEAR = "torch.nn.modules.linear.Identity"
_POOLED = {"mean": "pooling_mode_mean_tokens", "cls": "pooling_mode_cls_token"}


class LightEncoder:
    """Encodes texts as a folder's model does. Use `load`."""

    def __init__(self, folder: Path, max_length: int, pooling: str, normalized: bool) -> None:
        from safetensors.numpy import load_file
        from tokenizers import Tokenizer

        self.max_length, self._pooling, self._normalized = max_length, pooling, normalized
        config, self._separator = _json(folder / "config.json"), _separator(folder)
        self._config = config
        self._heads, self._layers = config["num_attention_heads"], config["num_hidden_layers"]
        self._eps = config.get("layer_norm_eps", 1e-12)
        self._weights = load_file(folder / "model.safetensors")
        self._map, self._map_config = {}, None
        if (folder / _MAP).is_dir():
            self._map = load_file(folder / _MAP / "model.safetensors")
            self._map_config = _json(folder / _MAP / "config.json")
        self._tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
        self._tokenizer.no_padding()
        self._tokenizer.enable_truncation(max_length)

    @classmethod
    def load(
        cls, name: str, max_length: int | None, fingerprint: str | None
    ) -> LightEncoder | None:
        """The encoder of a model's name or folder; None where this module does not cover it.

        None, too, where its fingerprint is another than that of `PatentEncoder` given.
        """
        try:
            place, local = find_model(name)
            if not local or fingerprint is None:
                return None
            read = partial(cls._load, Path(place), max_length, fingerprint)
            return artifacts.opened(place, read)
        except Exception:  # whatever is the matter, the full encoder says it better
            return None

    @classmethod
    def _load(cls, folder: Path, max_length: int | None, fingerprint: str) -> LightEncoder | None:
        parts = [m["type"].rpartition(".")[2] for m in _json(folder / "modules.json")]
        # What wrote the folder has noted the fingerprint, and its files have been checked.
        known = artifacts.verify(folder) or {}
        same = known.get("contents") and known.get("encoder") == fingerprint
        if max_length is None:
            return _LightStatic(folder) if same and parts == _STATIC else None
        config, more = (_json(folder / "config.json"), folder / "config_sentence_transformers.json")
        pooling = _pooling(_json(folder / "1_Pooling" / "config.json"))
        plain = (
            parts in _PARTS
            and config["model_type"] == "bert"
            and config["hidden_act"] == "gelu"
            and config.get("position_embedding_type", "absolute") == "absolute"
            and ("Dense" not in parts or _is_linear(_json(folder / _MAP / "config.json")))
            and not _json(folder / "sentence_bert_config.json").get("do_lower_case")
            and not (more.is_file() and _json(more).get("default_prompt_name"))
        )
        if not plain or pooling is None:
            return None
        found = cls(folder, max_length, pooling, "Normalize" in parts)
        return found if same or found._is(fingerprint) else None

    def _is(self, fingerprint: str) -> bool:
        """Whether `PatentEncoder` has this fingerprint for the same folder and length."""
        modules: list[Any] = [["Transformer", {}], ["Pooling", self._pooling]]
        end: list[Any] = [["Normalize", {}]] if self._normalized else []
        if self._map:
            end += [["Dense", self._map_config], *end]
        rest = behaviour(
            self._config,
            [*modules, *end],
            self._tokenizer.get_vocab(),
            lambda text: self._tokenizer.encode(text).ids,
            self._separator,
            None,
        )
        for inner in ("model", "auto_model"):  # of newer and older sentence-transformers
            digest = hashlib.blake2b(f"{self.max_length}".encode(), digest_size=16)
            for key in sorted(k for k in self._weights if not k.endswith("position_ids")):
                digest.update(f"0.{inner}.{key}".encode())
                digest.update(np.ascontiguousarray(self._weights[key]).data)
            for key in sorted(self._map):
                digest.update(f"3.{key}".encode())
                digest.update(np.ascontiguousarray(self._map[key]).data)
            if same_encoder(f"{digest.hexdigest()}-{rest}", fingerprint):
                return True
        return False

    def encode(self, items: Sequence[Any]) -> np.ndarray:
        """Vectors of texts or (title, abstract) pairs: float32 (n, d)."""
        texts = join_texts(items, self._separator)
        out = np.stack([self._pooled(self._tokenizer.encode(text).ids) for text in texts])
        if self._normalized:
            out /= np.linalg.norm(out, axis=1, keepdims=True)
        if self._map:
            out = out @ self._map["linear.weight"].T + self._map["linear.bias"]
            out /= np.linalg.norm(out, axis=1, keepdims=True)
        return out

    def _pooled(self, tokens: list[int]) -> np.ndarray:
        from scipy.special import erf

        n, w = len(tokens), self._weights
        x = w["embeddings.word_embeddings.weight"][tokens]
        x = x + w["embeddings.position_embeddings.weight"][:n]
        x = self._norm(x + w["embeddings.token_type_embeddings.weight"][0], "embeddings.LayerNorm")
        for i in range(self._layers):
            at = f"encoder.layer.{i}"
            q, k, v = (
                self._linear(x, f"{at}.attention.self.{name}")
                .reshape(n, self._heads, -1)
                .transpose(1, 0, 2)
                for name in ("query", "key", "value")
            )
            score = q @ k.transpose(0, 2, 1) / np.float32(np.sqrt(q.shape[2]))
            score = np.exp(score - score.max(axis=2, keepdims=True))
            seen = (score / score.sum(axis=2, keepdims=True) @ v).transpose(1, 0, 2).reshape(n, -1)
            seen = self._linear(seen, f"{at}.attention.output.dense")
            x = self._norm(x + seen, f"{at}.attention.output.LayerNorm")
            inner = self._linear(x, f"{at}.intermediate.dense")
            inner = inner * np.float32(0.5) * (1 + erf(inner / np.float32(np.sqrt(2))))
            x = self._norm(x + self._linear(inner, f"{at}.output.dense"), f"{at}.output.LayerNorm")
        return x.mean(axis=0) if self._pooling == "mean" else x[0]

    def _linear(self, x: np.ndarray, name: str) -> np.ndarray:
        return x @ self._weights[f"{name}.weight"].T + self._weights[f"{name}.bias"]

    def _norm(self, x: np.ndarray, name: str) -> np.ndarray:
        x = x - x.mean(axis=1, keepdims=True)
        x /= np.sqrt((x * x).mean(axis=1, keepdims=True) + np.float32(self._eps))
        return x * self._weights[f"{name}.weight"] + self._weights[f"{name}.bias"]


class _LightStatic(LightEncoder):
    """The mean of the vectors of a text's tokens."""

    def __init__(self, folder: Path) -> None:
        from safetensors.numpy import load_file
        from tokenizers import Tokenizer

        self._table = load_file(folder / "model.safetensors")["embedding.weight"]
        self._tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))

    def encode(self, items: Sequence[Any]) -> np.ndarray:
        texts = join_texts(items, STOP)
        found = self._tokenizer.encode_batch(texts, add_special_tokens=False)
        out = np.stack([self._table[e.ids].sum(axis=0) for e in found])
        return out / np.maximum(np.linalg.norm(out, axis=1, keepdims=True), 1e-12)


def _json(path: Path) -> Any:
    return json.loads(path.read_text(encoding="utf-8"))


def _pooling(config: dict[str, Any]) -> str | None:
    """How tokens become one vector, if in one of the two ways that are covered."""
    if "pooling_mode" in config:
        return config["pooling_mode"] if config["pooling_mode"] in _POOLED else None
    chosen = [k for k, v in config.items() if k.startswith("pooling_mode_") and v is True]
    return next((name for name, key in _POOLED.items() if chosen == [key]), None)


def _is_linear(config: dict[str, Any]) -> bool:
    """Whether a Dense module is the map that training puts behind a model."""
    from_, to = config.get("module_input_name"), config.get("module_output_name")
    plain = {from_, to} <= {None, "sentence_embedding"} and not config.get("use_residual")
    return plain and bool(config["bias"]) and config["activation_function"] == _LINEAR


def _separator(folder: Path) -> str:
    """What joins title and abstract: the tokenizer's separator."""
    token = _json(folder / "tokenizer_config.json")["sep_token"]
    return token if isinstance(token, str) else token["content"]
