"""Finding a model by name, and the card of one that was tuned."""

from __future__ import annotations

import contextlib
import json
import os
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from patentcl.core import artifacts
from patentcl.core.errors import ConfigError, DataError, PatentclError
from patentcl.encoders.checks import check_folder, check_loaded, transformer_of, whole_models
from patentcl.encoders.packaged import NAMED, packaged_model

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer

_PROXIES = ("HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy")


def find_model(name: str) -> tuple[str, bool]:
    """Return a model's folder or hub name, and whether it is on this machine.

    Nothing is loaded, so that a long run can be refused before it starts.

    Raises
    ------
    MissingExtra, DataError, ConfigError
        If the model is neither on this machine nor within reach; says how to name a local folder.
    """
    if name in NAMED:
        return str(packaged_model(name)), True
    path = Path(name).expanduser()
    if path.is_dir():
        if not (path / "modules.json").is_file() and not (path / "config.json").is_file():
            raise DataError(
                "the folder holds no model",
                got=path,
                wanted="modules.json (sentence-transformers) or config.json (transformers)",
            )
        return str(path), True
    if path.is_absolute() or name.startswith((".", "~")) or name.count("/") > 1 or path.is_file():
        raise DataError("no such encoder folder", got=name)
    from huggingface_hub import constants, try_to_load_from_cache

    repo = name if "/" in name else f"sentence-transformers/{name}"
    if isinstance(try_to_load_from_cache(repo, "config.json"), str):
        return name, True
    host = urlsplit(constants.ENDPOINT)
    try:
        # The hub's own client retries for minutes before it says that there is no network.
        if constants.HF_HUB_OFFLINE:
            raise OSError("HF_HUB_OFFLINE is set")
        if not any(os.environ.get(k) for k in _PROXIES):
            socket.create_connection((host.hostname or "", host.port or 443), timeout=10).close()
    except OSError as error:
        raise ConfigError(
            "the model is not on this machine and the model hub cannot be reached",
            got=name,
            where=str(error),
            fix="Name a local copy: --set encoder.model=FOLDER",
        ) from error
    return name, False


def load_model(name: str, device: str | None = None) -> SentenceTransformer:
    """Load a model by name; the errors are those of `find_model`, or say why it cannot be read."""
    place, local = find_model(name)
    from sentence_transformers import SentenceTransformer

    def read() -> SentenceTransformer:
        if Path(place).is_dir():
            check_folder(Path(place))
        model = SentenceTransformer(place, device=device, local_files_only=local)
        check_loaded(model, place)
        return model

    try:
        # A download may show its bar.
        with quiet_bars() if local else contextlib.nullcontext(), whole_models(place):
            return artifacts.opened(place, read)
    except PatentclError:
        raise
    except Exception as error:
        first = (str(error).splitlines() or [""])[0][:160]
        raise DataError(
            "no model can be loaded from there", where=place, got=f"{type(error).__name__}: {first}"
        ) from error


@contextlib.contextmanager
def quiet_bars() -> Iterator[None]:
    """Hide the progress bars of transformers inside the block."""
    from huggingface_hub import constants
    from transformers.utils import logging as bars

    # Where HF_HUB_DISABLE_PROGRESS_BARS is set, the user has decided, and the hub refuses changes.
    if constants.HF_HUB_DISABLE_PROGRESS_BARS is not None or not bars.is_progress_bar_enabled():
        yield
        return
    bars.disable_progress_bar()
    try:
        yield
    finally:
        bars.enable_progress_bar()


def positions(model: SentenceTransformer, default: int) -> int:
    """The number of tokens that a model has positions for."""
    config = getattr(transformer_of(model), "config", None)
    limit = getattr(config, "max_position_embeddings", None)
    if not limit:
        return default
    # These number positions from the padding index up, so that many of them are never used.
    shifted = getattr(config, "model_type", "") in ("mpnet", "roberta", "xlm-roberta", "camembert")
    return int(limit) - (1 + int(getattr(config, "pad_token_id", 0) or 0) if shifted else 0)


_CARD = """\
---
library_name: sentence-transformers
pipeline_tag: sentence-similarity
base_model: {base}
tags: ["sentence-transformers", "patents", "feature-extraction"]
---

# {name}

A patent encoder: {how}.

```python
from patentcl import PatentEncoder

encoder = PatentEncoder.load("THIS_FOLDER")
vectors = encoder.encode([("A title", "An abstract ...")])
```

The text of a patent is its title and abstract joined by the tokenizer's separator. Without \
patentcl, join them the same way:

```python
from sentence_transformers import SentenceTransformer

model = SentenceTransformer("THIS_FOLDER")
vectors = model.encode(["A title" + {separator} + "An abstract ..."])
```

| | |
|---|---|
{facts}
"""


_HOW = {
    "train": "`{}`, fine-tuned by patentcl on pairs and triplets of patents",
    "distill": "one vector for each token, learned by patentcl from those that `{}` gives patents",
}


def model_card(
    name: str, base: str, facts: dict[str, Any], separator: str = " [SEP] ", made: str = "train"
) -> str:
    """Render the README.md of an encoder folder from what its manifest records.

    `made` is train or distill.
    """
    return _CARD.format(
        name=name,
        how=_HOW[made].format(base),
        base=json.dumps(base),
        separator=json.dumps(separator),
        facts="\n".join(f"| {k} | {v} |" for k, v in facts.items()),
    )


def write_encoder(result: Any, base: Any, folder: Path, target: Path, made: str) -> dict[str, Any]:
    """Write an encoder and its card into a folder that will be `target`; returns its record.

    `result` has the attributes encoder and facts; `made` is train or distill.
    """
    encoder, model = result.encoder, str(base.source)
    encoder.save(folder)
    name = target.resolve().parent.name or "encoder"
    card = model_card(name, model, result.facts, encoder.separator, made)
    (folder / "README.md").write_text(card, encoding="utf-8")
    return {
        "results": result.facts,
        "base": {"model": model, "fingerprint": base.fingerprint},
        "encoder": encoder.fingerprint,
    }
