"""Text encoders: any sentence-transformers model, made quick for patents.

Texts are sorted by length and encoded in small batches on a CPU (padding costs more there than
short batches do) and in large ones on a GPU, in bfloat16 where the processor is faster in it.
"""

from __future__ import annotations

import copy
import hashlib
from collections.abc import Generator, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, closing
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import numpy as np
from sklearn.base import BaseEstimator, TransformerMixin

from patentcl.core.arrays import blocks
from patentcl.core.devices import dtype_of, find_precision, halved
from patentcl.core.errors import ConfigError, DataError
from patentcl.core.files import settle
from patentcl.core.progress import Progress, progress_bar
from patentcl.encoders.checks import behaviour, is_static, token_numbers, transformer_of
from patentcl.encoders.models import load_model, positions, quiet_bars
from patentcl.encoders.tokens import STOP, join_texts

if TYPE_CHECKING:
    import torch
    from sentence_transformers import SentenceTransformer

_CHUNK = 8192  # texts tokenised and sorted at a time: bounds memory, and hides tokenising on a GPU
Features = dict[str, list[int]]
Encoded = Generator[tuple[np.ndarray, np.ndarray], None, None]
"""Row numbers, and the vectors of these rows."""


class PatentEncoder(TransformerMixin, BaseEstimator):
    """A sentence-transformers model that reads patents; also a transformer of scikit-learn.

    The text of a patent is its title and abstract joined by the tokenizer's separator:
    ``title + " [SEP] " + abstract`` with most models.

    Parameters
    ----------
    source : str, path or SentenceTransformer
        ``minilm`` or ``mpnet`` (all-MiniLM-L6-v2 and all-mpnet-base-v2 from packages), a folder
        that patentcl or sentence-transformers has written, any name on the model hub, or a model in
        memory. It is loaded when it is first needed; `load` loads it at once.
    name : str, optional
        What reports call the encoder; by default what it is loaded from.
    max_length : int, optional
        Tokens read of each text; longer texts are truncated. The model's own limit by default. A
        static model (see `distill_encoder`) reads whole texts and has None.
    device : str, optional
        ``cpu``, ``cuda``, ...; a GPU where there is one by default.
    precision : {"auto", "fp32", "bf16", "fp16"}
        ``auto`` is bf16 where that is faster, fp16 on other GPUs, else fp32.
    batch_size : int, optional
        8 on a CPU and 256 on a GPU by default. On a GPU that runs out of memory it is halved, and
        a warning is logged.

    Attributes
    ----------
    name, max_length, device
        Once the model is loaded, what holds for it, in place of defaults.

    Examples
    --------
    >>> encoder = PatentEncoder.load("minilm")
    >>> encoder.encode(["A mower with a blade", "A method of brewing coffee"]).shape
    (2, 384)
    >>> encoder.encode("A mower with a blade").shape
    (384,)
    """

    def __init__(
        self,
        source: str | Path | SentenceTransformer = "minilm",
        name: str | None = None,
        max_length: int | None = None,
        device: str | None = None,
        precision: str = "auto",
        batch_size: int | None = None,
    ) -> None:
        self.source, self.name, self.max_length = source, name, max_length
        self.device, self.precision, self.batch_size = device, precision, batch_size
        self._forget()
        if not isinstance(source, str | Path):
            self._open()

    def _forget(self) -> None:
        self._model: SentenceTransformer | None = None
        self._reduced: dict[str, Any] = {}  # copies of the model by precision
        self._fingerprint: str | None = None

    # ---- loading and saving -----------------------------------------------------------------

    @classmethod
    def load(
        cls, name: str | Path, max_length: int | None = None, device: str | None = None
    ) -> PatentEncoder:
        """Load an encoder: ``minilm``, a folder, or a name on the model hub.

        Raises
        ------
        MissingExtra
            If ``minilm`` is asked for and its package is not installed.
        DataError
            If there is no such folder, or it holds no model.
        ConfigError
            If the hub cannot be reached or has no such model, or `max_length` is below 1.
        """
        return cls(str(name), max_length=max_length, device=device).fit()

    @property
    def model(self) -> SentenceTransformer:
        """The model, in float32, as it will be saved."""
        return cast("SentenceTransformer", self.fit()._model)

    def _open(self) -> None:
        """Load the model, and put what holds for it in place of defaults."""
        if self.max_length is not None and self.max_length < 1:
            raise ConfigError("max_length must be at least 1", got=self.max_length)
        if isinstance(self.source, str | Path):
            model = load_model(str(self.source), self.device)
        else:
            model = self.source if self.device is None else self.source.to(self.device)
        if is_static(model):
            self.max_length = None
        else:
            limit = model.max_seq_length or 512
            self.max_length = min(self.max_length or limit, positions(model, limit))
            model.max_seq_length = self.max_length
        self.name = self.name or str(self.source)
        self.device = self.device or str(model.device)
        self._model = model

    def save(self, folder: str | Path) -> None:
        """Write a plain sentence-transformers folder."""
        with quiet_bars():
            self.model.save(str(folder), create_model_card=False)
        settle(Path(folder))

    @property
    def dim(self) -> int:
        """Width of the vectors."""
        return int(self.model.get_embedding_dimension() or 0)

    @property
    def separator(self) -> str:
        """What joins title and abstract, such as ``" [SEP] "``."""
        return f" {getattr(self.model.tokenizer, 'sep_token', None) or STOP} "

    @property
    def fingerprint(self) -> str:
        """Hash of all that shapes a vector; vectors of equal fingerprints can be compared.

        Weights and length come before the hyphen, tokenizer, configuration, pooling and the like
        after it.
        """
        if self._fingerprint is None:
            import torch

            state = self.model.state_dict()
            digest = hashlib.blake2b(f"{self.max_length}".encode(), digest_size=16)
            for key, value in sorted(state.items()):
                digest.update(key.encode())
                flat = value.detach().cpu().contiguous().reshape(-1)
                digest.update(flat.view(torch.uint8).numpy().tobytes())
            self._fingerprint = f"{digest.hexdigest()}-{self._behaviour()}"
        return self._fingerprint

    def _behaviour(self) -> str:
        model = self.model
        tokenizer, config = model.tokenizer, getattr(transformer_of(model), "config", None)
        modules: list[Any] = []
        for module in model:
            kind = type(module).__name__
            plain = kind in ("Transformer", "Normalize")
            facts: Any = {} if plain else getattr(module, "get_config_dict", dict)()
            modules.append([kind, facts.get("pooling_mode", facts)])
        return behaviour(
            {"model_type": config.model_type, **config.to_diff_dict()} if config else {},
            modules,
            tokenizer.get_vocab(),
            (
                partial(token_numbers, tokenizer)
                if is_static(model)
                else lambda t: tokenizer(t, truncation=True, max_length=self.max_length)[
                    "input_ids"
                ]
            ),
            getattr(tokenizer, "sep_token", None),
            model.prompts.get(model.default_prompt_name or ""),
        )

    # ---- scikit-learn -----------------------------------------------------------------------

    def set_params(self, **params: Any) -> PatentEncoder:
        """Change parameters; the model is loaded anew, another one with its own name and length."""
        if "source" in params:
            params = {"name": None, "max_length": None, **params}
        super().set_params(**params)
        self._forget()
        return self

    def fit(self, X: Any = None, y: Any = None) -> PatentEncoder:
        """Load the model; nothing is learned from the data."""
        if self._model is None:
            self._open()
        return self

    def transform(self, X: Any) -> np.ndarray:
        """Encode texts; see `encode`."""
        return self.encode(X)

    def __sklearn_is_fitted__(self) -> bool:
        return True

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.requires_fit, tags.input_tags.string, tags.input_tags.two_d_array = False, True, False
        return tags

    # ---- encoding ---------------------------------------------------------------------------

    def texts(self, items: Any) -> list[str]:
        """The texts that the model reads, titles and abstracts joined; takes what `encode` does."""
        return join_texts(items, self.separator.strip())

    def encode(
        self,
        items: Any,
        batch_size: int | None = None,
        precision: str | None = None,
        progress: Progress | None = None,
        out: np.ndarray | None = None,
        show_progress_bar: bool = False,
    ) -> np.ndarray:
        """Encode texts.

        Where the model normalises its vectors, they have length 1 to 1e-6 in any precision, so that
        a dot product is a cosine.

        Parameters
        ----------
        items : str, sequence of str, sequence of (title, abstract), Corpus, or DataFrame
            A DataFrame needs the columns title and abstract.
        batch_size, precision : optional
            In place of the encoder's own.
        progress : callable, optional
            Called with (done, total).
        out : ndarray of shape (n, d), optional
            Written into instead of a new array; may be a memory map of float16.
        show_progress_bar : bool
            Draw a bar on stderr, as sentence-transformers does.

        Returns
        -------
        ndarray of float32 (or `out`), shape (n, d); (d,) for one text
            In the order of the items.

        Raises
        ------
        DataError
            If `items` are no texts, one is empty, or `out` has the wrong shape.
        """
        if isinstance(items, str):
            return self.encode([items], batch_size, precision, progress, out, show_progress_bar)[0]
        size = self.batch_size if batch_size is None else batch_size
        if size is not None and size < 1:
            raise ConfigError("batch_size must be at least 1", got=size)
        device = self.model.device
        kind = find_precision(precision or self.precision, device)
        texts = self.texts(items)
        result = np.empty((len(texts), self.dim), dtype=np.float32) if out is None else out
        if result.shape != (len(texts), self.dim):
            raise DataError(
                "the array to write into has the wrong shape",
                got=result.shape,
                wanted=(len(texts), self.dim),
            )
        encode = self._on_cores if device.type == "cpu" else self._on_gpu
        if is_static(self.model):
            encode = self._looked_up
        size = size or (8 if device.type == "cpu" else 256)
        done = 0
        with ExitStack() as stack:
            parts = stack.enter_context(closing(encode(kind, texts, size)))
            if show_progress_bar:
                bar = stack.enter_context(progress_bar(total=len(texts), unit=" texts"))
            for rows, vectors in parts:
                result[rows] = vectors
                done += len(rows)
                if progress:
                    progress(done, len(texts))
                if show_progress_bar:
                    bar.update(len(rows))
        return result

    def _vectors(self, kind: str, features: list[Features]) -> torch.Tensor:
        """Encode one batch; the result stays on the device."""
        import torch

        model = self._ready(kind)
        columns = {k: [f[k] for f in features] for k in features[0]}
        batch = self.model.tokenizer.pad(columns, return_tensors="pt")
        with torch.inference_mode():
            moved = {k: v.to(model.device) for k, v in batch.items()}
            vectors = cast("torch.Tensor", model(moved)["sentence_embedding"].float())
            # In half precision the model's own normalising leaves lengths off by up to 0.2 %.
            if kind != "fp32" and any(type(module).__name__ == "Normalize" for module in model):
                vectors = torch.nn.functional.normalize(vectors)
            return vectors

    def _looked_up(self, kind: str, texts: list[str], size: int) -> Encoded:
        """Encode by a static model, whose tokenizer uses all cores."""
        import torch

        for span in blocks(len(texts), _CHUNK):
            first: Any = self.model[0]
            features = first.preprocess(texts[span])
            with torch.inference_mode():
                moved = {k: v.to(self.model.device) for k, v in features.items()}
                vectors = self.model(moved)["sentence_embedding"]
            yield np.arange(span.start, span.stop), vectors.cpu().numpy()

    def _on_cores(self, kind: str, texts: list[str], size: int) -> Encoded:
        """Encode on a CPU, a batch on each core.

        Batches are too small for two cores to share one well, and cores that wait for each other
        lose most of their time on a busy machine.
        """
        import torch

        self._ready(kind)
        threads = torch.get_num_threads()
        torch.set_num_threads(1)
        try:
            with ThreadPoolExecutor(threads) as pool:
                for rows, features in self._tokenised(texts):
                    parts = [slice(i, i + size) for i in range(0, len(rows), size)]
                    batches = (features[part] for part in parts)
                    found = pool.map(partial(self._vectors, kind), batches)
                    for part, vectors in zip(parts, found, strict=True):
                        yield rows[part], vectors.numpy()
        finally:
            torch.set_num_threads(threads)

    def _on_gpu(self, kind: str, texts: list[str], size: int) -> Encoded:
        """Encode on a GPU, in smaller batches once its memory is full."""
        import torch

        for rows, features in self._tokenised(texts):
            found: list[torch.Tensor] = []  # left on the device: reading them waits for the GPU
            start = 0
            while start < len(rows):
                try:
                    found.append(self._vectors(kind, features[start : start + size]))
                except torch.OutOfMemoryError as error:
                    size = halved(size, error, "encoding", fix="Lower encoder.max_length")
                    continue
                start += size
            yield rows, torch.cat(found).cpu().numpy()

    def _tokenised(self, texts: list[str]) -> Iterator[tuple[np.ndarray, list[Features]]]:
        """Yield chunks of (rows, tokens), each longest first, one chunk ahead of the encoding."""
        by_chars = np.argsort([-len(t) for t in texts], kind="stable")

        def tokenise(rows: np.ndarray) -> tuple[np.ndarray, list[Features]]:
            encoded = self.model.tokenizer(
                [texts[i] for i in rows], truncation=True, max_length=self.max_length, padding=False
            )
            lengths = np.array([len(x) for x in encoded["input_ids"]])
            order = np.argsort(-lengths, kind="stable")
            return rows[order], [{k: encoded[k][j] for k in encoded} for j in order]

        with ThreadPoolExecutor(1) as pool:
            ahead: Future[tuple[np.ndarray, list[Features]]] | None = None
            for start in range(0, len(texts), _CHUNK):
                ready, ahead = ahead, pool.submit(tokenise, by_chars[start : start + _CHUNK])
                if ready is not None:
                    yield ready.result()
            if ahead is not None:
                yield ahead.result()

    def _ready(self, kind: str) -> SentenceTransformer:
        """The model in the precision to compute in; a copy, so that saving stays exact."""
        if kind == "fp32":
            return self.model.eval()
        if kind not in self._reduced:
            self._reduced[kind] = copy.deepcopy(self.model).to(dtype_of(kind)).eval()
        return self._reduced[kind]
