"""Folders of saved classifiers: config.json, model.safetensors, tree.parquet, thresholds.npz.

Plain state only: settings and facts, tensors, a tree, arrays.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from patentcl.classification.losses import LOSSES
from patentcl.core.artifacts import fingerprint, fingerprint_path, library_versions
from patentcl.core.errors import DataError
from patentcl.core.files import write_whole
from patentcl.core.reading import read_npz, read_record, reading
from patentcl.cpc import CpcTree
from patentcl.encoders.checks import same_encoder

FORMAT = 4
"""1: embeddings only. 2: perhaps with a folder ``encoder`` that reads texts. 3: perhaps several
heads, and a folder ``untuned``, the encoder before it was tuned. 4: perhaps stacked members."""
_AGAIN = "Fit and save the classifier again"
FILES = ("model.safetensors", "tree.parquet", "thresholds.npz")


def write_classifier(
    folder: Path,
    record: dict[str, Any],
    state: dict[str, Tensor],
    tree: CpcTree,
    arrays: dict[str, np.ndarray],
) -> None:
    """Write the four files, config.json last, with a fingerprint of each and of the encoders.

    `record` is plain data for config.json, `arrays` go into thresholds.npz. The folder is made if
    it is not there.
    """
    folder.mkdir(parents=True, exist_ok=True)
    write_tensors(folder / "model.safetensors", state)
    tree.save(folder / "tree.parquet")
    np.savez(folder / "thresholds.npz", **arrays)  # type: ignore[arg-type]
    record = {
        "format": FORMAT,
        "kind": "PatentClassifier",
        **record,
        "libraries": library_versions(),
        "files": {name: fingerprint_path(folder / name) for name in (*FILES, *_encoders(record))},
    }
    record = json.loads(json.dumps(record))  # tuples as lists, as they will be read
    record["fingerprint"] = fingerprint(record)
    write_whole(folder / "config.json", json.dumps(record, indent=1, ensure_ascii=False) + "\n")


def write_tensors(
    path: Path, state: dict[str, Tensor], about: dict[str, str] | None = None
) -> None:
    """Write a safetensors file whole or not at all, readable as the umask allows."""
    from safetensors.torch import save

    # clones: safetensors takes no two tensors that share memory
    plain = {k: v.detach().cpu().clone().contiguous() for k, v in state.items()}
    write_whole(path, save(plain, about))


def read_arrays(folder: Path) -> tuple[dict[str, Tensor], CpcTree, dict[str, np.ndarray]]:
    """State, tree and arrays of a folder whose config.json has been read."""
    from safetensors.torch import load_file

    arrays = read_npz(folder / "thresholds.npz")
    with reading(folder / "model.safetensors", "the weights cannot be read"):
        state = load_file(str(folder / "model.safetensors"))
    for name, values in (*state.items(), *arrays.items()):
        tensor = torch.as_tensor(values)
        # The bias of a node that no training patent has is minus infinity.
        if torch.isnan(tensor).any() or (not name.endswith("bias") and torch.isinf(tensor).any()):
            what = "the classifier holds nan or infinity"
            raise DataError(what, where=folder, got=name, fix=_AGAIN)
    return state, CpcTree.load(folder / "tree.parquet"), arrays


def read_config(folder: Path, encoder: str | None) -> dict[str, Any]:
    """Read config.json, and check that the folder is whole and fits the encoder.

    Raises
    ------
    DataError
        If a file is missing or changed, the format is newer than this version reads, a setting is
        gone, or the encoder is another one.
    """
    path = folder / "config.json"
    if not path.is_file():
        raise DataError(
            "no classifier in this folder",
            where=folder,
            wanted="config.json",
            fix="Make one with PatentClassifier.save or patentcl fit",
        )
    record = read_record(path, "config.json cannot be read")
    found, kind = record.get("format"), record.get("kind")
    if kind != "PatentClassifier":
        raise DataError("not a classifier", where=path, got=kind, wanted="PatentClassifier")
    if not isinstance(found, int) or found > FORMAT:
        raise DataError(
            "the classifier was saved by a newer patentcl",
            where=path,
            got=f"format {found}",
            wanted=f"at most {FORMAT}",
            fix="Upgrade patentcl",
        )
    _check_whole(folder, record)
    if encoder is not None and record["encoder"] and not same_encoder(encoder, record["encoder"]):
        raise DataError(
            "the classifier was fitted on embeddings of another encoder",
            where=folder,
            got=encoder,
            wanted=record["encoder"],
            fix="Embed with that encoder, or fit again",
        )
    record["params"] = _supported(record["params"], folder)
    return record


def _check_whole(folder: Path, record: dict[str, Any]) -> None:
    """Hold the record and all files against their fingerprints."""
    stated = record.pop("fingerprint", None)
    if stated != fingerprint(record):
        raise DataError(
            "config.json has been changed",
            where=folder / "config.json",
            got=fingerprint(record),
            wanted=stated,
            fix=_AGAIN,
        )
    for name in (*FILES, *_encoders(record)):
        if not (folder / name).exists():
            raise DataError(
                "a file of the classifier is missing",
                where=folder,
                wanted=name,
                fix="Copy the whole folder, or save the classifier again",
            )
        seen = fingerprint_path(folder / name)
        if seen != record["files"][name]:
            raise DataError(
                "a file of the classifier has been changed or is cut off",
                where=folder / name,
                got=f"content {seen}",
                wanted=record["files"][name],
            )


def _supported(params: dict[str, Any], folder: Path) -> dict[str, Any]:
    """The saved settings without `rank`, which is gone; refuse those that need what is gone."""
    rank, loss = params.pop("rank", None), params["loss"]
    gone = f"rank {rank}" if rank is not None else f"loss {loss}" if loss not in LOSSES else None
    if gone is not None:
        raise DataError(
            "the classifier was fitted with a setting that patentcl no longer has",
            where=folder,
            got=gone,
            fix="Fit it again without that setting",
        )
    return params


def _encoders(record: dict[str, Any]) -> list[str]:
    """The folders of what reads texts, if the classifier was trained on texts."""
    return [name for key, name in (("text", "encoder"), ("untuned", "untuned")) if record.get(key)]
