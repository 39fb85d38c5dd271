"""Whether a model on disk is whole, and what shapes its vectors besides its weights."""

from __future__ import annotations

import contextlib
import json
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from patentcl.core.artifacts import fingerprint
from patentcl.core.errors import DataError

_TEXT = "Zahnräder №7, ΔT=3.5°C; the BLADE (12a) isn't 電池 не-нож — fl/h² 1,000 m²\t<x> "
_PROBES = (_TEXT, _TEXT * 64)  # the longer one shows from which end texts are truncated
# What does not shape a vector. Sizes follow from the weights.
_IDLE = """_name_or_path architectures dtype torch_dtype transformers_version use_cache
    gradient_checkpointing initializer_range id2label label2id""".split()  # noqa: SIM905
_BERT = {
    "hidden_act": "gelu",
    "is_decoder": False,
    "layer_norm_eps": 1e-12,
    "num_attention_heads": 12,
    "num_hidden_layers": 12,
    "position_embedding_type": "absolute",
}
_SPARE = 1 << 26  # parameters that may be declared beyond twice the bytes of the weights
_AGAIN = "Copy or download the whole model again"
_loading = threading.Lock()


def behaviour(
    config: Mapping[str, Any],
    modules: Sequence[Any],
    vocabulary: Mapping[str, int],
    tokens: Callable[[str], list[int]],
    separator: str | None,
    prompt: str | None,
) -> str:
    """Hash everything but weights and length that shapes the vectors of a model.

    `config` is that of the transformer, `modules` plain data on each module, and `tokens` the
    function that turns a text into token numbers.
    """
    if config.get("model_type") == "bert":
        shape = {key: config.get(key, value) for key, value in _BERT.items()}
    else:
        shape = {key: value for key, value in config.items() if key not in _IDLE}
    words = "\n".join(f"{i} {word}" for word, i in sorted(vocabulary.items()))
    parts = [shape, modules, words, [tokens(text) for text in _PROBES], separator, prompt]
    return fingerprint(json.loads(json.dumps(parts, default=str)))[:16]


def same_encoder(a: str | None, b: str | None) -> bool:
    """Whether two fingerprints of encoders are of the same one.

    Those of patentcl 0.1.0 and earlier cover weights and length alone, and are compared by these.
    """
    (x, _, more), (y, _, other) = (str(each).partition("-") for each in (a, b))
    return x == y and (not more or not other or more == other)


@contextlib.contextmanager
def whole_models(place: str) -> Iterator[None]:
    """Refuse models of transformers that are loaded inside the block without all of their weights.

    A pooler may be missing, because patentcl never uses it.
    """
    from transformers import PreTrainedModel

    plain = PreTrainedModel.__dict__["from_pretrained"]

    def checked(cls: Any, *args: Any, **kwargs: Any) -> Any:
        model, info = plain.__func__(cls, *args, **{**kwargs, "output_loading_info": True})
        lost = sorted(k for k in info["missing_keys"] if "pooler" not in k.split("."))
        if lost:
            some = ", ".join(lost[:3]) + (", ..." if len(lost) > 3 else "")
            raise DataError(
                "weights are missing from the model",
                where=place,
                got=f"no {some} ({len(lost):,} tensors)",
                fix=_AGAIN,
            )
        return model

    with _loading:
        setattr(PreTrainedModel, "from_pretrained", classmethod(checked))  # noqa: B010
        try:
            yield
        finally:
            setattr(PreTrainedModel, "from_pretrained", plain)  # noqa: B010


def check_folder(folder: Path) -> None:
    """Raise DataError unless a model's folder is whole, before anything is allocated for it."""
    modules = folder / "modules.json"
    if not modules.is_file():
        extra = next(folder.glob("[0-9]_*"), None)
        if extra is not None:
            raise _lost(modules, f"it says how {extra.name} is used")
        _check_sizes(folder)
        return
    for part in _json(modules):
        place, kind = folder / part["path"], part["type"].rpartition(".")[2]
        if kind == "Transformer":
            _check_sizes(place)
        elif kind == "StaticEmbedding":
            _there(place / "tokenizer.json")
            _weights(place)
        elif kind != "Normalize":  # which has nothing to keep, and some tools leave its folder out
            _check_module(place)


def check_loaded(model: Any, place: str) -> None:
    """Raise DataError if a model's tokenizer knows no words, or its parts do not fit together."""
    import torch

    tokenizer = model.tokenizer
    vocabulary = tokenizer.get_vocab()
    special = getattr(tokenizer, "all_special_tokens", [])
    words = sorted(set(vocabulary) - set(special))
    some = [w.strip("▁Ġ#") for w in words[:: max(1, len(words) // 50)]]
    found = set(token_numbers(tokenizer, " ".join(some)))
    if not found - {vocabulary[word] for word in special}:
        raise DataError(
            "the tokenizer of the model is missing or damaged: it knows no words",
            where=place,
            wanted="tokenizer.json, or the vocabulary that the model was trained with",
            fix=_AGAIN,
        )
    inner = transformer_of(model)
    rows = max(found) + 1
    if inner is not None:
        rows = len(inner.get_input_embeddings().weight)
    elif is_static(model):
        rows = model[0].num_embeddings
    if max(vocabulary.values()) >= rows:
        got, wanted = f"token number {max(vocabulary.values()):,}", f"at most {rows - 1:,}"
        raise _unfit("tokenizer and weights", place, got, wanted)
    with torch.inference_mode():
        read = model[0].preprocess if is_static(model) else partial(tokenizer, return_tensors="pt")
        batch = read([some[0]])
        vector = model({k: v.to(model.device) for k, v in batch.items()})["sentence_embedding"]
    if vector.shape[1] != model.get_embedding_dimension():
        wanted = str(model.get_embedding_dimension())
        raise _unfit("modules", place, f"vectors of {vector.shape[1]} numbers", wanted)
    if not torch.isfinite(vector).all():
        raise DataError("the weights of the model are damaged", where=place, got="nan or infinity")


def transformer_of(model: Any) -> Any:
    """The transformer in a sentence-transformers model; None where there is none."""
    return getattr(model[0], "auto_model", None) or getattr(model[0], "model", None)


def is_static(model: Any) -> bool:
    """Whether a sentence-transformers model averages vectors of tokens, without a transformer."""
    return type(model[0]).__name__ == "StaticEmbedding"


def token_numbers(tokenizer: Any, text: str) -> list[int]:
    """Numbers of the tokens of a text, by a tokenizer of transformers or of a static model."""
    if hasattr(tokenizer, "encode_batch"):
        return list(tokenizer.encode(text, add_special_tokens=False).ids)
    return list(tokenizer(text, add_special_tokens=False)["input_ids"])


def _check_sizes(folder: Path) -> None:
    """Hold the sizes that a transformer's config.json declares against its weights."""
    config, size = _json(_there(folder / "config.json")), _weights(folder)
    layers = max((v for k, v in config.items() if "layer" in k and type(v) is int), default=0)
    if layers > size // 64:  # building even an empty model would take for ever
        got = f"{layers:,} layers declared"
    else:
        import torch
        from transformers import AutoConfig, AutoModel

        with torch.device("meta"):
            model = AutoModel.from_config(AutoConfig.from_pretrained(folder))
        declared = sum(p.numel() for p in model.parameters())
        if declared <= 2 * size + _SPARE:
            return
        got = f"{declared:,} weights declared"
    raise _unfit("config.json and weights", folder, got, f"no more than {size:,} bytes hold")


def _check_module(folder: Path) -> None:
    """Hold the sizes that the config.json of another module declares against its weights."""
    config = _json(_there(folder / "config.json"))
    sides = [config.get(key, 0) for key in ("in_features", "out_features")]
    if all(sides) and sides[0] * sides[1] > _weights(folder):
        raise _unfit("config.json and weights", folder, f"{sides[0]:,} x {sides[1]:,}")


def _weights(folder: Path) -> int:
    """Bytes of the weights in a folder, of which there must be some."""
    files = [p for kind in ("safetensors", "bin") for p in folder.glob(f"*.{kind}")]
    if not files:
        raise _lost(folder / "model.safetensors")
    return sum(p.stat().st_size for p in files)


def _there(path: Path) -> Path:
    if not path.is_file():
        raise _lost(path)
    return path


def _json(path: Path) -> Any:
    return json.loads(path.read_text(encoding="utf-8"))


def _lost(path: Path, why: str | None = None) -> DataError:
    return DataError("a file of the model is missing", got=path, wanted=why, fix=_AGAIN)


def _unfit(what: str, where: object, got: str, wanted: str | None = None) -> DataError:
    return DataError(
        f"{what} of the model do not belong together",
        where=where,
        got=got,
        wanted=wanted,
        fix=_AGAIN,
    )
