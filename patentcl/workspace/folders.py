"""Opens the folders that stages wrote, and checks that they belong together."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from patentcl.core import artifacts
from patentcl.core.errors import DataError
from patentcl.data.corpus import Corpus

Record = dict[str, Any]


def open_corpus(path: str | Path, level: str = "subclass") -> Corpus:
    """Open a corpus that `load` wrote, its folder or its ``corpus.parquet``, if it is complete."""
    path = Path(path)
    if path.suffix != ".parquet" or path.name == "corpus.parquet":
        folder = path if path.suffix != ".parquet" else path.parent
        artifacts.require(folder, "corpus", "load DATA --graph duckdb://FILE")
        return Corpus(folder / "corpus.parquet", level)
    return Corpus(path, level)


def aligned_vectors(folder: Path, corpus: Corpus) -> np.ndarray:
    """Vectors of a folder, checked to be those of a corpus in its order."""
    from patentcl.encoders.encoder import read_vectors

    artifacts.require(folder, "vectors", "embed CORPUS")
    vectors, ids = read_vectors(folder)
    if len(ids) != len(corpus) or not np.array_equal(ids, corpus.ids):
        raise DataError(
            "the vectors are of another corpus",
            where=folder,
            got=f"{len(ids)} vectors for {len(corpus)} patents",
            fix="Write them again with: patentcl embed",
        )
    return vectors


def encoder_for(folder: Path, given: str | None = None) -> Any:
    """Load the encoder that texts must pass through for a classifier, an index or vectors.

    Parameters
    ----------
    folder : Path
        A folder whose manifest names its encoder.
    given : str, optional
        A folder or name to use instead of where the manifest says it was.

    Raises
    ------
    DataError
        If the encoder found is not the one that the folder was made with.
    """
    from patentcl.encoders.encoder import PatentEncoder

    manifest = artifacts.read_manifest(folder) or {}
    beside = folder.parent / "encoder"  # found there even when a run's folder has been moved
    tuned = (artifacts.read_manifest(beside) or {}).get("encoder")
    name = given or (
        str(beside) if tuned and tuned == manifest.get("encoder") else manifest.get("model")
    )
    if not name:
        raise DataError(
            "the folder does not say which encoder it was made with",
            where=folder,
            fix="Name it with --encoder",
        )
    encoder = PatentEncoder.load(name, manifest.get("max_length"))
    if manifest.get("encoder") not in (None, encoder.fingerprint):
        raise DataError(
            "the encoder is not the one that this was made with",
            where=folder,
            got=f"{name}, fingerprint {encoder.fingerprint}",
            wanted=manifest["encoder"],
            fix="Name the encoder that was used with --encoder, or embed again",
        )
    return encoder


def origin(manifest: Record) -> Record:
    """Which encoder made some vectors, for the manifests of what is built on them."""
    return {key: manifest.get(key) for key in ("encoder", "model", "max_length")}
