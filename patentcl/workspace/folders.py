"""Opens single folders that stages wrote, and checks that they belong together."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from patentcl.core import artifacts
from patentcl.core.errors import DataError
from patentcl.data.corpus import FILES, Corpus
from patentcl.encoders.checks import same_encoder

if TYPE_CHECKING:
    from patentcl.encoders.encoder import PatentEncoder

Record = dict[str, Any]


def manifest_of(folder: Path) -> Record:
    """The manifest of a folder; empty where it has none."""
    return artifacts.read_manifest(folder) or {}


def open_corpus(path: str | Path, level: str = "subclass") -> Corpus:
    """Open a corpus that `load` wrote, its folder or its ``corpus.parquet``, if it is complete."""
    path = Path(path)
    if path.suffix != ".parquet" or path.name == "corpus.parquet":
        folder = path if path.suffix != ".parquet" else path.parent
        path = folder / "corpus.parquet"
        artifacts.require(folder, "corpus", "load DATA --graph duckdb://FILE", FILES)
    return Corpus(path, level)


def aligned_vectors(folder: Path, corpus: Corpus, encoder: str | None = None) -> np.ndarray:
    """Vectors of a folder, checked to be those of a corpus in its order: a memory map (n, d).

    With a fingerprint in `encoder`, vectors of another encoder are refused.
    """
    from patentcl.encoders.vectors import read_vectors

    made_with = artifacts.require(folder, "vectors", "embed CORPUS").get("encoder")
    if encoder is not None and not same_encoder(made_with, encoder):
        raise DataError(
            "the vectors are of another encoder", where=folder, got=made_with, wanted=encoder
        )
    vectors, ids = read_vectors(folder)
    if len(ids) != len(corpus) or not np.array_equal(ids, corpus.ids):
        what, got = "the vectors are of another corpus", f"{len(ids)} for {len(corpus)} patents"
        fix = "Write them again with: patentcl embed"
        raise DataError(what, where=folder, got=got, fix=fix)
    return vectors


def vectors_beside(folder: Path) -> Path | None:
    """The sibling folder whose vectors were made with the encoder that a folder was made with."""
    wanted = manifest_of(folder).get("encoder")
    siblings = (folder.parent / name for name in ("vectors", "vectors-base"))
    return next(
        (s for s in siblings if (m := manifest_of(s)) and same_encoder(m.get("encoder"), wanted)),
        None,
    )


def encoder_name(folder: Path, given: str | None = None) -> str:
    """The folder or name of the encoder that a folder was made with; `given` comes first."""
    manifest = manifest_of(folder)
    beside = folder.parent / "encoder"  # found there even when a run's folder has been moved
    tuned = manifest_of(beside).get("encoder")
    name = given or (
        str(beside)
        if tuned and same_encoder(tuned, manifest.get("encoder"))
        else manifest.get("model")
    )
    if not name:
        what = "the folder does not say which encoder it was made with"
        raise DataError(what, where=folder, fix="Name it with --encoder")
    return str(name)


def encoder_for(folder: Path, given: str | None = None) -> PatentEncoder:
    """Load the encoder that texts must pass through for a classifier, an index or vectors.

    The folder's manifest names it; `given`, a folder or a name, is used instead of that name. An
    encoder other than the one that the folder was made with is refused.
    """
    from patentcl.encoders.encoder import PatentEncoder

    manifest, name = manifest_of(folder), encoder_name(folder, given)
    encoder = PatentEncoder.load(name, manifest.get("max_length"))
    made_with = manifest.get("encoder")
    if made_with and not same_encoder(made_with, encoder.fingerprint):
        what = "the encoder is not the one that this was made with"
        got = f"{name}, fingerprint {encoder.fingerprint}"
        fix = "Name the encoder that was used with --encoder, or embed again"
        raise DataError(what, where=folder, got=got, wanted=made_with, fix=fix)
    return encoder


def origin(manifest: Record) -> Record:
    """Which encoder made some vectors, for the manifests of what is built on them."""
    return {key: manifest.get(key) for key in ("encoder", "model", "max_length")}
