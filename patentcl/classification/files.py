"""Folders of saved classifiers: config.json, model.safetensors, tree.parquet, thresholds.npz."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from torch import Tensor

from patentcl.classification.calibration import Calibration
from patentcl.classification.ensemble import Mixture
from patentcl.classification.losses import LOSSES
from patentcl.classification.text.inputs import text_settings
from patentcl.classification.training import find_device
from patentcl.core.artifacts import fingerprint, fingerprint_path, library_versions
from patentcl.core.errors import DataError
from patentcl.cpc import CpcTree

if TYPE_CHECKING:
    from patentcl.classification.estimator import PatentClassifier

FORMAT = 4
"""1: embeddings only. 2: perhaps with a folder ``encoder`` that reads texts. 3: perhaps several
heads, and a folder ``untuned``, the encoder before it was tuned. 4: perhaps stacked voices."""
FILES = ("model.safetensors", "tree.parquet", "thresholds.npz")
# Of names of weights: of the first head and the neighbours, and of those beside them.
_PREFIXES = ("", "second.", "third.", "fourth.", "fifth.")


def save_classifier(model: PatentClassifier, folder: Path) -> None:
    """Write all that `load_classifier` needs."""
    facts, state = model._mixture.save(folder)
    arrays = {"thresholds": model.thresholds_}
    if model._calibration is not None:
        arrays |= {f"calibration_{d}": m for d, m in enumerate(model._calibration.maps)}
    params = model.get_params(deep=False)
    params["text"] = text_settings(model.text).model_dump() if facts["text"] else None
    write_classifier(
        folder,
        {
            "params": params,
            **facts,
            "dim": int(model.n_features_in_),
            "n_nodes": len(model.tree_),
            "encoder": model.encoder_,
            "unlabelled": model.unlabelled_,
            "truncated": model.truncated_,
            "history": model.history_,
        },
        state,
        model.tree_,
        arrays,
    )


def load_classifier(
    kind: type[PatentClassifier], folder: Path, device: str | None, encoder: str | None
) -> PatentClassifier:
    """Read a folder; see `patentcl.PatentClassifier.load`."""
    record = read_config(folder, encoder)
    state, tree, arrays = read_arrays(folder)
    out = kind(**_supported(record["params"], folder))
    mixture = Mixture.load(
        folder,
        out._settings(),
        text_settings(out.text),
        record,
        state,
        tree,
        find_device(device or "auto"),
    )
    out._take(mixture, int(record["dim"]))
    out.thresholds_, out._calibration = arrays["thresholds"], None
    if out.calibration is not None:
        maps = [arrays[f"calibration_{d}"] for d in range(len(tree.levels))]
        out._calibration = Calibration(out.calibration, maps)
    out.history_, out.unlabelled_ = record["history"], record["unlabelled"]
    out.truncated_ = record.get("truncated", {"train": 0, "dev": 0})
    out.encoder_ = record["encoder"]
    return out


def write_classifier(
    folder: Path,
    record: dict[str, Any],
    state: dict[str, Tensor],
    tree: CpcTree,
    arrays: dict[str, np.ndarray],
) -> None:
    """Write the four files, config.json last, with a fingerprint of each and of the encoders.

    Parameters
    ----------
    folder : Path
        Made if it is not there.
    record : dict
        Plain data for config.json.
    state : dict of Tensor
    tree : CpcTree
    arrays : dict of ndarray
        For thresholds.npz.
    """
    from safetensors.torch import save_file

    folder.mkdir(parents=True, exist_ok=True)
    # clones: safetensors takes no two tensors that share memory
    save_file(
        {k: v.detach().cpu().clone().contiguous() for k, v in state.items()},
        str(folder / "model.safetensors"),
    )
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
    text = json.dumps(record, indent=1, ensure_ascii=False)
    (folder / "config.json").write_text(text + "\n", encoding="utf-8")


def read_arrays(folder: Path) -> tuple[dict[str, Tensor], CpcTree, dict[str, np.ndarray]]:
    """State, tree and arrays of a folder whose config.json has been read."""
    from safetensors.torch import load_file

    with np.load(folder / "thresholds.npz", allow_pickle=False) as stored:
        arrays = {name: stored[name] for name in stored.files}
    state = load_file(str(folder / "model.safetensors"))
    return state, CpcTree.load(folder / "tree.parquet"), arrays


def read_config(folder: Path, encoder: str | None) -> dict[str, Any]:
    """Read config.json, and check that the folder is whole and fits the encoder.

    Raises
    ------
    DataError
        If a file is missing or changed, the format is newer than this version reads, or the
        encoder is another one.
    """
    path = folder / "config.json"
    if not path.is_file():
        raise DataError(
            "no classifier in this folder",
            where=folder,
            wanted="config.json",
            fix="Make one with PatentClassifier.save or patentcl fit",
        )
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
        found, kind = record["format"], record["kind"]
    except (ValueError, KeyError, TypeError) as error:
        raise DataError("config.json cannot be read", where=path, got=repr(error)) from error
    if kind != "PatentClassifier":
        raise DataError("not a classifier", where=path, got=kind, wanted="PatentClassifier")
    if found > FORMAT:
        raise DataError(
            "the classifier was saved by a newer patentcl",
            where=path,
            got=f"format {found}",
            wanted=f"at most {FORMAT}",
            fix="Upgrade patentcl",
        )
    stated = record.pop("fingerprint", None)
    if stated != fingerprint(record):
        raise DataError(
            "config.json has been changed",
            where=path,
            got=fingerprint(record),
            wanted=stated,
            fix="Fit and save the classifier again",
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
    if encoder is not None and record["encoder"] is not None and encoder != record["encoder"]:
        raise DataError(
            "the classifier was fitted on embeddings of another encoder",
            where=folder,
            got=encoder,
            wanted=record["encoder"],
            fix="Embed with that encoder, or fit again",
        )
    return record


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
