"""What is asked of FAISS, and the folder that an index is kept in."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Literal, NamedTuple

import numpy as np
import pandas as pd
import yaml

from patentcl.core.arrays import blocks
from patentcl.core.digests import digest_of
from patentcl.core.errors import ConfigError, DataError, MissingExtra
from patentcl.core.reading import read_table, reading
from patentcl.core.settings import Settings, make_settings, read_yaml
from patentcl.search.bm25 import BM25
from patentcl.search.specification import IndexSpec

FORMAT = 1
INDEX_FILE: Literal["index.faiss"] = "index.faiss"
IDS_FILE: Literal["ids.parquet"] = "ids.parquet"
SPEC_FILE = "spec.yaml"
SYMBOLS_FILE: Literal["symbols.parquet"] = "symbols.parquet"
WORDS_FILE: Literal["words.npz"] = "words.npz"
EXACT_FILE: Literal["vectors.npy"] = "vectors.npy"
_AGAIN = "Build the index again"
_UNIT = 1e-3  # how far from 1 the length of a stored vector may be


File = Literal["index.faiss", "ids.parquet", "symbols.parquet", "words.npz", "vectors.npy"]


class Stored(NamedTuple):
    """What the folder of an index holds, but its words."""

    index: Any
    meta: pd.DataFrame
    spec: IndexSpec
    encoder: str | None
    symbols: pd.DataFrame | None = None
    exact: np.ndarray | None = None
    """Unit vectors (n, d), float32, from which candidates are chosen."""
    recall: float | None = None


class _Record(Settings):
    """What ``spec.yaml`` holds."""

    format: Literal[1] = 1
    rows: int
    dimension: int
    metric: Literal["cosine"] = "cosine"
    encoder: str | None
    """Fingerprint of the encoder."""
    ids: str
    """Digest of the ids in their order."""
    bytes: int
    """Size of the FAISS file."""
    recall: float | None = None
    """Recall@10 against exact search, as measured; older records have none."""
    files: dict[File, str] | None = None
    """SHA-256 of the files; older records have none."""
    spec: IndexSpec


def import_faiss() -> Any:
    try:
        import faiss
    except ImportError as error:
        fix = "Install patentcl[cpu], or patentcl[gpu] on a machine with a GPU"
        raise MissingExtra("faiss is not installed", fix=fix) from error
    return faiss


# ---- indexes --------------------------------------------------------------------------------


def family_of(index: Any) -> str:
    """HNSW, IVF or Flat (codes without structure): these can be filtered, others are refused."""
    faiss = import_faiss()
    index = faiss.downcast_index(index)
    if isinstance(index, faiss.IndexHNSW):
        return "HNSW"
    if isinstance(index, faiss.IndexIVF):
        return "IVF"
    if isinstance(index, faiss.IndexFlat | faiss.IndexScalarQuantizer | faiss.IndexPQ):
        return "Flat"
    raise ConfigError(
        "this kind of FAISS index cannot be filtered",
        got=type(index).__name__,
        wanted="Flat, SQ, PQ, HNSW or IVF",
    )


def new_index(spec: IndexSpec, rows: int, dimension: int) -> Any:
    """An empty index as the specification describes it."""
    faiss = import_faiss()
    factory = spec.resolve(rows, dimension)
    try:
        index = faiss.index_factory(dimension, factory, faiss.METRIC_INNER_PRODUCT)
    except RuntimeError as error:
        raise ConfigError(
            "FAISS does not accept the factory string",
            where=f"index {spec.name!r}",
            got=f"{factory} at dimension {dimension}",
            fix=_reason(error),
        ) from error
    if family_of(index) == "IVF":
        index.make_direct_map()  # so that vectors can be read back by position
        lists = faiss.extract_index_ivf(index)
        lists.cp.max_points_per_centroid = 64  # FAISS takes 256: longer, and finds no more
        if hasattr(lists, "do_polysemous_training"):  # minutes for an order of codes not used here
            lists.do_polysemous_training = False
    for name, value in spec.build.items():
        faiss.ParameterSpace().set_index_parameter(index, name, value)
    return index


def to_gpus(index: Any) -> Any:
    """A copy of the index that is shared out among all GPUs."""
    faiss = import_faiss()
    if getattr(faiss, "get_num_gpus", lambda: 0)() == 0:
        built = "GPUs" if hasattr(faiss, "StandardGpuResources") else "the CPU"
        got = f"faiss {faiss.__version__} for {built}"
        wanted = "a GPU and the extra 'gpu'"
        fix = "Use the index flat instead"
        raise ConfigError("no GPU that FAISS can use", got=got, wanted=wanted, fix=fix)
    options = faiss.GpuMultipleClonerOptions()
    options.shard = True
    return faiss.index_cpu_to_all_gpus(index, co=options)


def _reason(error: Exception) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return f"FAISS says: {lines[-1]}" if lines else "See the FAISS documentation"


# ---- files ----------------------------------------------------------------------------------


def write_folder(folder: Path, stored: Stored, words: BM25 | None = None) -> None:
    """Write the files of an index into a folder that has none of them."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in (INDEX_FILE, IDS_FILE, SPEC_FILE):
        if (folder / name).exists():
            fix = "Name a new folder"
            raise DataError("there is an index already", where=folder / name, fix=fix)
    import_faiss().write_index(stored.index, str(folder / INDEX_FILE))
    try:
        stored.meta.to_parquet(folder / IDS_FILE, index=False)
    except (ValueError, TypeError) as error:
        raise DataError(
            "a column of meta cannot be stored",
            where=folder / IDS_FILE,
            got=str(error).splitlines()[0],
        ) from error
    names: list[File] = [INDEX_FILE, IDS_FILE]
    if stored.symbols is not None:
        stored.symbols.to_parquet(folder / SYMBOLS_FILE, index=False)
        names.append(SYMBOLS_FILE)
    if words is not None:
        words.save(folder / WORDS_FILE)
        names.append(WORDS_FILE)
    if stored.exact is not None:
        np.save(folder / EXACT_FILE, stored.exact)
        names.append(EXACT_FILE)
    record = _Record(
        rows=len(stored.meta),
        dimension=int(stored.index.d),
        encoder=stored.encoder,
        ids=_digest(stored.meta["id"]),
        bytes=(folder / INDEX_FILE).stat().st_size,
        recall=stored.recall,
        files={name: digest_of(folder / name) for name in names},
        spec=stored.spec,
    )
    with (folder / SPEC_FILE).open("w", encoding="utf-8") as stream:
        yaml.safe_dump(record.model_dump(), stream, sort_keys=False, allow_unicode=True)


def read_folder(folder: Path) -> Stored:
    """Read what `write_folder` wrote, after checking that the files belong together."""
    record = _read_record(folder)
    for name, digest in (record.files or {}).items():
        with reading(folder / name, "a file of the index cannot be read", _AGAIN):
            found = digest_of(folder / name)
        if found != digest:
            what = "a file of the index has been changed"
            raise DataError(what, where=folder / name, fix=_AGAIN)
    meta = read_table(folder / IDS_FILE, fix=_AGAIN).to_pandas()
    if "id" not in meta:
        raise DataError(
            "the table of ids has no column 'id'",
            where=folder / IDS_FILE,
            got=", ".join(meta.columns),
        )
    index = _read_index(folder / INDEX_FILE, record)
    for what, got, wanted in (
        ("rows in index.faiss", index.ntotal, record.rows),
        ("rows in ids.parquet", len(meta), record.rows),
        ("dimension of index.faiss", index.d, record.dimension),
        ("ids in ids.parquet", _digest(meta["id"]), record.ids),
    ):
        if got != wanted:
            raise DataError(
                f"the index folder does not hold together: {what}",
                where=folder,
                got=got,
                wanted=f"{wanted} as in {SPEC_FILE}",
                fix=_AGAIN,
            )
    with reading(folder / INDEX_FILE, "the index is damaged", _AGAIN):
        _check_structure(index, record)
    symbols = None
    if (folder / SYMBOLS_FILE).is_file():
        symbols = read_table(
            folder / SYMBOLS_FILE, ("symbol", "parent", "title"), _AGAIN
        ).to_pandas()
    exact = None
    if record.spec.rerank > 1 and (record.files or {}).get(EXACT_FILE):
        exact = _read_exact(folder / EXACT_FILE, record)
    return Stored(index, meta, record.spec, record.encoder, symbols, exact, record.recall)


def _read_exact(path: Path, record: _Record) -> np.ndarray:
    """A memory map of the vectors, which the digest has shown to be as they were written."""
    with reading(path, "the vectors cannot be read", _AGAIN):
        found = np.load(path, mmap_mode="r", allow_pickle=False)
        _agree("shape", found.shape, (record.rows, record.dimension))
        _agree("numbers", found.dtype, np.dtype(np.float32))
    return found  # type: ignore[no-any-return]


def _read_record(folder: Path) -> _Record:
    for name in (SPEC_FILE, IDS_FILE, INDEX_FILE):
        if not (folder / name).is_file():
            raise DataError("a file of the index is missing", got=folder / name, fix=_AGAIN)
    try:
        return make_settings(_Record, read_yaml(folder / SPEC_FILE), folder / SPEC_FILE)
    except ConfigError as error:
        what, where = f"not the record of an index of format {FORMAT}: {error.what}", error.where
        raise DataError(
            what, where=where, got=error.got, wanted=error.wanted, fix=_AGAIN
        ) from error


def _read_index(path: Path, record: _Record) -> Any:
    faiss = import_faiss()
    if path.stat().st_size != record.bytes:
        got, wanted = f"{path.stat().st_size} bytes", f"{record.bytes}"
        raise DataError("the index is damaged", where=path, got=got, wanted=wanted, fix=_AGAIN)
    with reading(path, "the index cannot be read", _AGAIN):
        index = faiss.read_index(str(path))
    if index.metric_type != faiss.METRIC_INNER_PRODUCT:
        got = f"metric {index.metric_type}"
        raise DataError("the index has another metric", where=path, got=got, wanted="inner product")
    return index


def _check_structure(index: Any, record: _Record) -> None:
    """Raise ValueError where the inside of an index contradicts itself or its record.

    FAISS itself checks the links of HNSW graphs.
    """
    faiss = import_faiss()
    whole, n = index, record.rows  # these own what is looked at below
    fresh = new_index(record.spec, n, record.dimension)
    index, empty = faiss.downcast_index(whole), faiss.downcast_index(fresh)
    if isinstance(index, faiss.IndexHNSW):
        index, empty = (faiss.downcast_index(each.storage) for each in (index, empty))
    elif isinstance(index, faiss.IndexIVF):
        _check_lists(index, n)
    _agree("kind", family_of(index), family_of(empty))
    for name in ("d", "code_size", "nlist", "metric_type"):
        _agree(name, getattr(index, name, None), getattr(empty, name, None))
    _agree("vectors", index.ntotal, n)
    if not hasattr(index, "codes"):
        return
    _agree("bytes of codes", index.codes.size(), n * empty.code_size)
    if isinstance(index, faiss.IndexFlat):
        for rows in blocks(n):
            part = index.reconstruct_n(rows.start, rows.stop - rows.start)
            lengths = np.linalg.norm(part, axis=1)
            if not (np.abs(lengths - 1) < _UNIT).all():
                raise ValueError("a vector that is not of length 1")


def _check_lists(index: Any, n: int) -> None:
    """The lists of an IVF index hold each vector once."""
    faiss = import_faiss()
    lists = faiss.downcast_InvertedLists(index.invlists)
    _agree("lists", lists.nlist, index.nlist)
    _agree("bytes of a vector", lists.code_size, index.code_size)
    _agree("centres", index.quantizer.ntotal, index.nlist)
    sizes = [lists.list_size(i) for i in range(lists.nlist)]
    _agree("vectors in lists", sum(sizes), n)
    parts = [faiss.rev_swig_ptr(lists.get_ids(i), size) for i, size in enumerate(sizes) if size]
    if not np.array_equal(np.sort(np.concatenate(parts)), np.arange(n)):
        raise ValueError("a vector in no list or in two")


def _agree(what: str, got: Any, wanted: Any) -> None:
    if got != wanted:
        raise ValueError(f"{what}: {got} instead of {wanted}")


def _digest(ids: Iterable[str]) -> str:
    return hashlib.blake2b("\n".join(map(str, ids)).encode(), digest_size=16).hexdigest()
