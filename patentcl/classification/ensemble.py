"""The voices of a classifier, heads, neighbours and words, and the mixture of what they say."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
from scipy import sparse
from torch import Tensor

from patentcl.classification.combining import Stack, find_shares, mix_all
from patentcl.classification.decisions import Rules
from patentcl.classification.heads import Head, HeadSettings, build_head
from patentcl.classification.heads.nodes import TmmHead
from patentcl.classification.inputs import Worded, as_vectors
from patentcl.classification.local_svm import LocalSVM
from patentcl.classification.members import LOCAL_SVM, split_name
from patentcl.classification.neighbours import NeighbourVote
from patentcl.classification.settings import TextSettings
from patentcl.classification.text.inputs import UNTUNED, TextSide
from patentcl.classification.text.network import find_half
from patentcl.classification.text.training import TextRun
from patentcl.classification.training import CHUNK, FitSettings, Model, predict_blocks, train
from patentcl.core.errors import ConfigError, DataError
from patentcl.cpc import CpcTree
from patentcl.encoders.tokens import Tokens, is_texts, join_texts

Labelled = tuple[Any, sparse.csr_matrix]
"""What `Mixture.read` returned, and labels (n, n_nodes)."""

# Of names of weights: of the first head and the neighbours, and of those beside them.
_PREFIXES = ("", "second.", "third.", "fourth.", "fifth.")


@dataclass(frozen=True)
class MixtureSettings:
    """Who speaks, and how each learns; see the parameters of `patentcl.PatentClassifier`.

    Parameters
    ----------
    name : str
        The voices, joined by ``+``.
    fit : FitSettings
    head : HeadSettings
    neighbors : int
    sharpness : float
    neighbor_weight : float or "auto"
    cost : float
    mixing : {"mean", "stacked"}
    """

    name: str
    fit: FitSettings
    head: HeadSettings
    neighbors: int
    sharpness: float
    neighbor_weight: float | str
    cost: float
    mixing: str


class Mixture:
    """Several voices on the same patents.

    The first head is trained together with what reads texts, where that is to be tuned; the others
    learn on vectors: of the encoder as it was, if it is kept, else of the tuned one. Neighbours
    vote under both.

    Parameters
    ----------
    settings : MixtureSettings
    tree : CpcTree
    device : torch.device
    text, untuned : TextSide, optional
        What reads texts, and the same as it was before it was tuned.

    Attributes
    ----------
    models : list of Model
        The heads.
    votes : list of NeighbourVote
        Under the encoder, and under the untuned one.
    words : LocalSVM or None
    shares : list of float
        For `patentcl.classification.combining.mix_all`, if the voices are averaged.
    stack : Stack or None
        If they are not.
    """

    def __init__(
        self,
        settings: MixtureSettings,
        tree: CpcTree,
        device: torch.device,
        text: TextSide | None = None,
        untuned: TextSide | None = None,
    ) -> None:
        self.settings, self.tree, self.device = settings, tree, device
        self.text, self.untuned = text, untuned
        self.names = split_name(settings.name)
        self.models: list[Model] = []
        self.votes: list[NeighbourVote] = []
        self.words: LocalSVM | None = None
        self.shares: list[float] = []
        self.stack: Stack | None = None

    @classmethod
    def on(
        cls,
        X: Any,
        settings: MixtureSettings,
        tree: CpcTree,
        device: torch.device,
        text: TextSettings,
    ) -> Mixture:
        """An untrained one for embeddings or texts, whichever X is.

        Raises
        ------
        DataError
            If words shall be heard and X holds none.
        ConfigError
            If a head shall be trained first that stands on something untrained.
        """
        heads, neighbors, words = split_name(settings.name)
        if words and not is_texts(X):
            raise DataError(
                f"{settings.name} learns from words, but X holds no texts",
                got=type(X).__name__,
                wanted="strings, or (title, abstract) pairs",
            )
        if not is_texts(X) or not (heads or neighbors):
            return cls(settings, tree, device)
        half, seed = find_half(settings.fit.precision, device), settings.fit.seed
        side = TextSide.make(text, X, settings.name, device, half, seed)
        if text.head_first and heads and side.by_token:
            raise ConfigError(
                "text.head_first needs a vector for each text without training",
                got=f"head {heads[0]}, text.pooling {text.pooling}",
                wanted="text.pooling encoder, cls or mean, and no harnn",
            )
        beside = None
        if text.untuned and not side.fixed and (heads[1:] or neighbors):
            beside = TextSide.untuned(text, X, device, half, seed)
        return cls(settings, tree, device, side, beside)

    @property
    def reads_texts(self) -> bool:
        """Whether it takes texts rather than embeddings."""
        return self.text is not None or self.names.words

    @property
    def half(self) -> torch.dtype | None:
        """Precision of reading texts."""
        return self.text.half if self.text is not None else None

    @property
    def cut(self) -> int:
        """How many of the texts read last were longer than what is read of them."""
        return self.text.cut if self.text is not None else 0

    @property
    def weights(self) -> dict[str, float]:
        """Weight of each kind of voice in the average; they add up to 1."""
        if self.stack is not None:
            return {}
        # Each share is one of all up to it.
        left = np.cumprod([1.0, *(1 - share for share in self.shares[::-1])])[::-1]
        own = [1.0, *self.shares] * left
        kinds = [*self.names.heads, *["knn"] * self.names.neighbors, *["svm"] * self.names.words]
        return {kind: float(w) for kind, w in zip(kinds, own, strict=True)}

    def read(self, X: Any, what: str, width: int | None = None, empty: bool = False) -> Any:
        """Checked embeddings; or texts as numbers, or as vectors where nothing changes these."""
        if not self.reads_texts:
            if is_texts(X):
                raise DataError(
                    f"{what} holds texts, but the classifier was fitted on embeddings",
                    fix="Embed them with PatentEncoder.encode first",
                )
            return as_vectors(X, what, width, empty)
        if not is_texts(X) and len(X):
            raise DataError(
                f"{what} holds no texts, but the classifier was fitted on texts",
                got=type(X).__name__,
                wanted="strings, or pairs of title and abstract",
            )
        inputs: Any = None
        if self.text is not None:
            inputs = self.text.read(X, what)
            if self.text.fixed:
                inputs = self.text.vectors(inputs)
        if self.untuned is None and not self.names.words:
            return inputs
        # Both encoders have the same words, and take the same numbers.
        untuned = None if self.untuned is None else self.untuned.vectors(inputs)
        return Worded(join_texts(X, "."), inputs, untuned)

    # ---- fitting ----------------------------------------------------------------------------

    def fit(
        self, train_set: Labelled, dev_set: Labelled, run: TextRun
    ) -> tuple[int, list[dict[str, Any]], np.ndarray]:
        """Train the voices, and find on dev how they are mixed.

        Returns
        -------
        width : int
            Of the vectors that the first voice takes.
        history : list of dict
            Of the first head.
        scores : ndarray of float32, shape (n_dev, n_nodes)
            The mixtures on dev.
        """
        width, history = self._train(train_set, dev_set, run)
        return width, history, self._tune(*dev_set, np.asarray(train_set[1].mean(axis=0)).ravel())

    def _train(
        self, train_set: Labelled, dev_set: Labelled, run: TextRun
    ) -> tuple[int, list[dict[str, Any]]]:
        """Train heads and reader as far as there are any, and keep neighbours and words."""
        heads, votes, words = self.names
        (inputs, beside), (dev, dev_beside) = _apart(train_set[0]), _apart(dev_set[0])
        labels, dev_labels = train_set[1], dev_set[1]
        width = self.text.dim if self.text is not None else inputs.shape[1]
        history: list[dict[str, Any]] = []
        if words:
            self.words = LocalSVM(self.tree, *self._word_settings()).fit(train_set[0].texts, labels)
            width = width or self.words.n_words
        if heads:
            first = (inputs, labels), (dev, dev_labels)
            if self.text is None or self.text.fixed:
                model, history = train(
                    self._maker(heads[0], width), *first, self._for_vectors(), run.on_epoch
                )
            else:
                start = None
                if run.text.head_first:
                    start = self._start((inputs, beside, labels), (dev, dev_beside, dev_labels))
                model, history = self._fit_text(first, run, start)
            self.models.append(model)
        if self.text is not None:
            self.text.attach(self.models[0] if heads else None)
        if not heads[1:] and not votes:
            return width, history
        vectors = [] if beside is not None and not votes else [self._vectors(inputs)]
        vectors += [] if beside is None else [beside]
        if heads[1:]:
            dev_vectors = self._vectors(dev) if dev_beside is None else dev_beside
        for name in heads[1:]:
            make = self._maker(name, vectors[-1].shape[1])
            self.models.append(
                train(make, (vectors[-1], labels), (dev_vectors, dev_labels), self._for_vectors())[
                    0
                ]
            )
        if votes:
            self.votes = [
                NeighbourVote(
                    each, labels, self.settings.neighbors, self.settings.sharpness, self.device
                )
                for each in vectors
            ]
        return width, history

    def _start(self, *sets: tuple[Any, np.ndarray | None, sparse.csr_matrix]) -> Model:
        """The first head, trained alone on vectors of the encoder as it is."""
        assert self.text is not None
        same = self.text.net.text.settings.pooling == "encoder"
        given = [
            (beside if same and beside is not None else self._vectors(inputs), labels)
            for inputs, beside, labels in sets
        ]
        make = self._maker(self.names.heads[0], self.text.dim)
        return train(make, given[0], given[1], self._for_vectors())[0]

    def _fit_text(
        self, sets: tuple[Labelled, Labelled], run: TextRun, start: Model | None
    ) -> tuple[Model, list[dict[str, Any]]]:
        """Train the first head together with what reads the texts."""
        assert self.text is not None
        rate = run.fit.learning_rate if start is None else run.text.learning_rate
        fit = replace(
            run.fit,
            epochs=run.text.epochs or run.fit.epochs,
            learning_rate=rate,
            batch_size=run.text.batch_size or run.fit.batch_size,
        )
        name = self.names.heads[0]
        return self.text.train(
            lambda width: self._maker(name, width)(), *sets, replace(run, fit=fit), start
        )

    def _maker(self, name: str, width: int) -> Callable[[], Head]:
        return lambda: build_head(name, self.tree, width, self.settings.head)

    def _for_vectors(self) -> FitSettings:
        """With texts, the precision is that of reading them; a CPU trains a head in float32."""
        reads = self.text is not None and self.device.type == "cpu"
        return replace(self.settings.fit, precision="auto") if reads else self.settings.fit

    def _vectors(self, inputs: Any) -> np.ndarray:
        """Vectors of what has been read, under the encoder as it is now."""
        if isinstance(inputs, Tokens):
            assert self.text is not None
            return self.text.vectors(inputs)
        vectors: np.ndarray = inputs
        return vectors

    def _word_settings(self) -> tuple[float, str, int]:
        # Beside other voices the hard mask is better: a product of many doubts ranks badly.
        alone = self.settings.name == LOCAL_SVM
        return (
            self.settings.cost,
            self.settings.head.mask if alone else "hard",
            self.settings.fit.seed,
        )

    def _tune(self, inputs: Any, labels: sparse.csr_matrix, rate: np.ndarray) -> np.ndarray:
        """Find on dev how the voices are mixed; the mixtures (n, n_nodes) there."""
        voices = [
            np.concatenate(each)
            for each in zip(
                *(parts for _, parts in self.parts(inputs, self.settings.fit.least)), strict=True
            )
        ]
        if self.settings.mixing == "stacked":
            self.stack = Stack.fit(voices, labels, self.tree, rate, self.settings.fit.seed)
            return self.stack.apply(voices, self.tree)
        voices = self._averaged(voices)
        given = [
            *["auto"] * len(self.names.heads),
            *[self.settings.neighbor_weight] * self.names.neighbors,
            *["auto"] * self.names.words,
        ]
        self.shares = find_shares(voices, labels, given[1:])
        return mix_all(voices, self.shares)

    # ---- predicting -------------------------------------------------------------------------

    def blocks(self, inputs: Any, least: float) -> Iterator[tuple[int, np.ndarray]]:
        """Yield first row and mixed probabilities, some patents at a time.

        Parameters
        ----------
        inputs : as returned by `read`
        least : float
            Below a node less likely than this, node heads and words compute no further nodes.
        """
        for start, parts in self.parts(inputs, least):
            yield (
                start,
                (
                    mix_all(self._averaged(parts), self.shares)
                    if self.stack is None
                    else self.stack.apply(parts, self.tree)
                ),
            )

    def _averaged(self, parts: list[np.ndarray]) -> list[np.ndarray]:
        """The same with one vote of neighbours: those under both encoders count the same."""
        first, last = len(self.models), len(self.models) + len(self.votes)
        votes = parts[first:last]
        return [
            *parts[:first],
            *([mix_all(votes, [0.5] * (len(votes) - 1))] if votes else []),
            *parts[last:],
        ]

    def parts(self, inputs: Any, least: float) -> Iterator[tuple[int, list[np.ndarray]]]:
        """Yield first row and probabilities of each voice: heads, neighbours, words.

        Neighbours under the untuned encoder come after those under the tuned one.
        """
        texts = inputs.texts if isinstance(inputs, Worded) else None
        inputs, untuned = _apart(inputs)
        for start, own, vectors in self._first(inputs, least):
            rows = slice(start, start + len(vectors))
            beside = vectors if untuned is None else untuned[rows]
            parts = [] if own is None else [own]
            for model in self.models[1:]:
                parts.append(
                    np.concatenate(
                        [p for _, p in predict_blocks(model, beside, self.device, least)]
                    )
                )
            parts += [
                vote.scores(v) for vote, v in zip(self.votes, (vectors, beside), strict=False)
            ]
            if self.words is not None:
                assert texts is not None
                parts.append(self.words.scores(texts[rows], least))
            yield start, parts

    def _first(
        self, inputs: Any, least: float
    ) -> Iterator[tuple[int, np.ndarray | None, np.ndarray]]:
        """Yield first row, the first head's probabilities if there is one, and vectors."""
        if isinstance(inputs, Tokens):
            assert self.text is not None
            yield from self.text.parts(inputs, least)
        elif not self.models:
            for start in range(0, len(inputs), CHUNK):
                yield start, None, inputs[start : start + CHUNK]
        else:
            for start, scores in predict_blocks(self.models[0], inputs, self.device, least):
                yield start, scores, inputs[start : start + len(scores)]

    def labels(
        self, inputs: Any, thresholds: np.ndarray, rules: Rules, least: float
    ) -> Iterator[np.ndarray]:
        """Of node heads: labels (rows, n_nodes) by thresholds, without all probabilities."""
        model = self.models[0].eval()
        head = cast(TmmHead, model.head)
        for start in range(0, len(inputs), CHUNK):
            block = np.array(inputs[start : start + CHUNK], dtype=np.float32)
            with torch.inference_mode():
                x = model.scaled(torch.from_numpy(block).to(self.device))
                yield head.labels(x, thresholds, rules, least)

    @property
    def one_of_nodes(self) -> bool:
        """Whether it is one head of nodes on embeddings, for which `labels` is there."""
        return self.settings.name in ("tmm", "thmm") and not self.reads_texts and self.stack is None

    # ---- files ------------------------------------------------------------------------------

    def save(self, folder: Path) -> tuple[dict[str, Any], dict[str, Tensor]]:
        """Write encoders into a folder; return what `load` must know and all other weights."""
        state: dict[str, Tensor] = {}
        for prefix, model in zip(_PREFIXES, self.models, strict=False):
            state |= {prefix + k: v for k, v in model.state_dict().items()}
        for prefix, vote in zip(_PREFIXES, self.votes, strict=False):
            state |= {prefix + k: v for k, v in vote.state().items()}
        if self.text is not None:
            state |= self.text.save(folder)
        if self.untuned is not None:
            state |= self.untuned.save(folder, UNTUNED)
        if self.words is not None:
            state |= self.words.state()
        if self.stack is not None:
            state |= {
                "stack.maps": torch.from_numpy(self.stack.maps),
                "stack.rate": torch.from_numpy(self.stack.rate),
            }
        return {
            "text": self.text.facts if self.text else None,
            "untuned": self.untuned.facts if self.untuned else None,
            "shares": self.shares,
        }, state

    @classmethod
    def load(
        cls,
        folder: Path,
        settings: MixtureSettings,
        text: TextSettings,
        facts: dict[str, Any],
        state: dict[str, Tensor],
        tree: CpcTree,
        device: torch.device,
    ) -> Mixture:
        """Put together again what `save` took apart."""
        out = cls(settings, tree, device)
        if out.names.words:
            out.words = LocalSVM.from_state(state, tree, *out._word_settings())
        for prefix in _PREFIXES:
            own = {k.removeprefix(prefix): v for k, v in state.items() if k.startswith(prefix)}
            if out.names.neighbors and any(k.startswith("neighbours.") for k in own):
                out.votes.append(
                    NeighbourVote.from_state(
                        own, len(tree), settings.neighbors, settings.sharpness, device
                    )
                )
        for prefix, name in zip(_PREFIXES, out.names.heads, strict=False):
            own = {
                k.removeprefix(prefix): v
                for k, v in state.items()
                if k.startswith((f"{prefix}head.", f"{prefix}center", f"{prefix}scale"))
            }
            with torch.random.fork_rng(devices=[]):  # weights drawn here are thrown away at once
                model = Model(out._maker(name, len(own["center"]))())
            model.load_state_dict(own)
            out.models.append(model.to(device).eval())
        precision = settings.fit.precision
        # What was trained in fp16 on a GPU may run on a CPU.
        half = find_half(
            "auto" if device.type != "cuda" and precision == "fp16" else precision, device
        )
        if facts.get("text"):
            out.text = TextSide.load(folder, text, state, facts["text"], device, half)
            out.text.attach(out.models[0] if out.models else None)
        if facts.get("untuned"):
            out.untuned = TextSide.load(
                folder, text, state, facts["untuned"], device, half, UNTUNED
            )
        if "stack.maps" in state:
            out.stack = Stack(state["stack.maps"].numpy(), state["stack.rate"].numpy())
        out.shares = list(facts["shares"] if "shares" in facts else _older_shares(facts, out.names))
        return out


def _older_shares(facts: dict[str, Any], names: Sequence[Any]) -> list[float]:
    """Shares of a format that named them one by one."""
    heads, votes, words = names
    given = [*[facts["neighbor_weight"]] * votes, *[facts.get("word_weight", 0.0)] * words]
    return given if heads else given[1:]


def _apart(inputs: Any) -> tuple[Any, np.ndarray | None]:
    """What the first head learns on, and vectors of the untuned encoder."""
    return (inputs.inputs, inputs.untuned) if isinstance(inputs, Worded) else (inputs, None)
