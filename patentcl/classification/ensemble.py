"""The members of a classifier, heads, neighbours and words, and how they become one."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
from scipy import sparse
from torch import Tensor

from patentcl.classification.combining import Stack, average, find_shares
from patentcl.classification.decisions import Rules
from patentcl.classification.heads import Head, HeadSettings, build_head
from patentcl.classification.heads.nodes import TmmHead
from patentcl.classification.inputs import TextInputs
from patentcl.classification.local_svm import LocalSVM
from patentcl.classification.members import LOCAL_SVM, Members, split_name
from patentcl.classification.neighbours import NeighbourVote
from patentcl.classification.scaling import CHUNK, ScaledHead, predict_blocks
from patentcl.classification.settings import EstimatorSettings
from patentcl.classification.text.encoder import TUNED, UNTUNED, TextEncoder, as_it_is
from patentcl.classification.training import Hooks, Labelled, train_head
from patentcl.core.arrays import blocks, check_matrix
from patentcl.core.devices import find_device, find_precision, own_randomness
from patentcl.core.errors import ConfigError, DataError
from patentcl.cpc import CpcTree
from patentcl.encoders.tokens import Tokens, is_texts, join_texts

# Of names of weights: of the first head and the neighbours, and of those beside them.
_PREFIXES = ("", "second.", "third.", "fourth.", "fifth.")


class Ensemble:
    """Several members on the same patents.

    The first head is trained together with what reads texts, where that is to be tuned; the others
    learn on vectors: of the encoder as it was, if it is kept, else of the tuned one. Neighbours
    vote under both.
    """

    def __init__(
        self,
        settings: EstimatorSettings,
        tree: CpcTree,
        device: torch.device,
        text: TextEncoder | None = None,
        untuned: TextEncoder | None = None,
    ) -> None:
        self.settings, self.tree, self.device = settings, tree, device
        self.text, self.untuned = text, untuned
        self.names = split_name(settings.head)
        self.heads: list[ScaledHead] = []
        self.votes: list[NeighbourVote] = []
        """Under the encoder, and under the untuned one."""
        self.words: LocalSVM | None = None
        self.shares: list[float] = []
        """Of `average`, where the members are averaged."""
        self.stack: Stack | None = None

    @classmethod
    def on(cls, X: Any, settings: EstimatorSettings, tree: CpcTree) -> Ensemble:
        """An untrained one for embeddings or texts, whichever X is.

        Raises
        ------
        DataError
            If a member needs words and X holds none.
        ConfigError
            If a head shall be trained first that stands on something untrained.
        """
        device = find_device(settings.device)
        heads, neighbors, words = split_name(settings.head)
        if words and not is_texts(X):
            raise DataError(
                f"{settings.head} learns from words, but X holds no texts",
                got=type(X).__name__,
                wanted="strings, or (title, abstract) pairs",
            )
        if not is_texts(X) or not (heads or neighbors):
            return cls(settings, tree, device)
        text, name = settings.reading, settings.precision
        # On a CPU, auto is bf16 as in all encoding: the head's own products stay in float32.
        precision = find_precision(name, device, training=name == "fp16")
        encoder = TextEncoder.make(X, settings, device, precision)
        if text.head_first and heads and encoder.model.by_token:
            raise ConfigError(
                "text.head_first needs a vector for each text without training",
                got=f"head {heads[0]}, text.pooling {text.pooling}",
                wanted="text.pooling encoder, cls or mean, and no harnn",
            )
        untuned = None
        if text.untuned and not encoder.fixed and (heads[1:] or neighbors):
            untuned = TextEncoder.make(X, settings, device, precision, tuned=False)
        return cls(settings, tree, device, encoder, untuned)

    @property
    def reads_texts(self) -> bool:
        """Whether it takes texts rather than embeddings."""
        return self.text is not None or self.names.words

    @property
    def truncated(self) -> int:
        """How many of the texts read last were longer than what is read of them."""
        return self.text.truncated if self.text is not None else 0

    @property
    def weights(self) -> dict[str, float]:
        """Weight of each kind of member in the average; they add up to 1."""
        if self.stack is not None:
            return {}
        # Each share is one of all up to it.
        remaining = np.cumprod([1.0, *(1 - share for share in self.shares[::-1])])[::-1]
        own = [1.0, *self.shares] * remaining
        kinds = [*self.names.heads, *["knn"] * self.names.neighbors, *["svm"] * self.names.words]
        return {kind: float(w) for kind, w in zip(kinds, own, strict=True)}

    def read(self, X: Any, what: str, width: int | None = None, empty: bool = False) -> Any:
        """Checked embeddings; or texts as numbers, or as vectors where nothing changes these."""
        if not self.reads_texts:
            fix = "Embed texts with PatentEncoder.encode, as those trained on"
            if is_texts(X):
                raise DataError(
                    f"{what} holds texts, but the classifier was fitted on embeddings", fix=fix
                )
            return check_matrix(X, what, width, empty, whole=False, fix=fix)
        if not is_texts(X) and len(X):
            raise DataError(
                f"{what} holds no texts, but the classifier was fitted on texts",
                got=type(X).__name__,
                wanted="strings, or pairs of title and abstract",
            )
        inputs: Any = np.empty((len(X), 0), dtype=np.float32)
        if self.text is not None:
            inputs = self.text.read(X, what)
            if self.text.fixed:
                inputs = self.text.vectors(inputs)
        if self.untuned is None and not self.names.words:
            return inputs
        # Both encoders have the same words, and take the same numbers.
        untuned = None if self.untuned is None else self.untuned.vectors(inputs)
        return TextInputs(join_texts(X, "."), inputs, untuned)

    # ---- fitting ----------------------------------------------------------------------------

    def fit(
        self, train_set: Labelled, dev_set: Labelled, hooks: Hooks
    ) -> tuple[int, list[dict[str, Any]], np.ndarray]:
        """Train the members, and find on dev how they are combined.

        Returns the width of the vectors that the first member takes, the history of the first head,
        and the probabilities on dev, float32 (n_dev, n_nodes).
        """
        heads, votes, words = self.names
        (inputs, beside), (dev, dev_beside) = _apart(train_set[0]), _apart(dev_set[0])
        labels, dev_labels = train_set[1], dev_set[1]
        width = self.text.model.dim if self.text is not None else inputs.shape[1]
        history: list[dict[str, Any]] = []
        if words:
            self.words = self._new_words().fit(train_set[0].texts, labels)
            width = width or self.words.n_words
        if heads:
            first, history = self._fit_first(train_set, dev_set, width, hooks)
            self.heads.append(first)
        if self.text is not None:
            self.text.attach(self.heads[0] if heads else None)
        if heads[1:] or votes:
            vectors = [] if beside is not None and not votes else [self._vectors(inputs)]
            vectors += [] if beside is None else [beside]
            if heads[1:]:
                known = (self._vectors(dev) if dev_beside is None else dev_beside, dev_labels)
            for name in heads[1:]:
                make = self._maker(name, vectors[-1].shape[1])
                trained = train_head(make, (vectors[-1], labels), known, self._on_vectors())
                self.heads.append(trained[0])
            if votes:
                k, sharpness = self.settings.neighbors, self.settings.sharpness
                self.votes = [
                    NeighbourVote(each, labels, k, sharpness, self.device) for each in vectors
                ]
        rate = np.asarray(labels.mean(axis=0)).ravel()
        return width, history, self._tune(dev_set[0], dev_labels, rate)

    def _fit_first(
        self, train_set: Labelled, dev_set: Labelled, width: int, hooks: Hooks
    ) -> tuple[ScaledHead, list[dict[str, Any]]]:
        """Train the first head, together with what reads texts where that is to be tuned."""
        name, text, settings = self.names.heads[0], self.settings.reading, self.settings
        (inputs, beside), (dev, dev_beside) = _apart(train_set[0]), _apart(dev_set[0])
        sets = (inputs, train_set[1]), (dev, dev_set[1])
        if self.text is None or self.text.fixed:
            return train_head(self._maker(name, width), *sets, self._on_vectors(), hooks)
        head: ScaledHead | Callable[[int], Head] = lambda dim: self._maker(name, dim)()  # noqa: E731
        rate = settings.learning_rate
        if text.head_first:  # alone, on vectors of the encoder as it is
            same = text.pooling == "encoder"
            both = [
                (known if same and known is not None else self._vectors(tokens), labels)
                for tokens, known, labels in (
                    (inputs, beside, train_set[1]),
                    (dev, dev_beside, dev_set[1]),
                )
            ]
            make = self._maker(name, width)
            head, _ = train_head(make, both[0], both[1], self._on_vectors())
            rate = text.learning_rate
        changed = {
            "epochs": text.epochs or settings.epochs,
            "batch_size": text.batch_size or settings.batch_size,
            "learning_rate": rate,
        }
        return self.text.train(head, sets, settings.model_copy(update=changed), hooks)

    def _maker(self, name: str, width: int) -> Callable[[], Head]:
        given = {f: getattr(self.settings, f) for f in HeadSettings.__dataclass_fields__}
        return lambda: build_head(name, self.tree, width, HeadSettings(**given))

    def _on_vectors(self) -> EstimatorSettings:
        """With texts, the precision is that of reading them; a CPU trains a head in float32."""
        reads = self.text is not None and self.device.type == "cpu"
        return self.settings.model_copy(update={"precision": "auto"}) if reads else self.settings

    def _vectors(self, inputs: Any) -> np.ndarray:
        """Vectors of what has been read, under the encoder as it is now."""
        if isinstance(inputs, Tokens):
            return cast(TextEncoder, self.text).vectors(inputs)
        return cast(np.ndarray, inputs)

    def _new_words(self, state: dict[str, Tensor] | None = None) -> LocalSVM:
        settings = self.settings
        # Beside other members the hard mask is better: a product of many doubts ranks badly.
        mask = settings.mask if settings.head == LOCAL_SVM else "hard"
        if state is None:
            return LocalSVM(self.tree, settings.cost, mask, settings.seed)
        return LocalSVM.from_state(state, self.tree, settings.cost, mask, settings.seed)

    def _tune(self, inputs: Any, labels: sparse.csr_matrix, rate: np.ndarray) -> np.ndarray:
        """Find on dev how the members are combined; the probabilities (n, n_nodes) there."""
        found = zip(*(parts for _, parts in self.parts(inputs, self.settings.prune)), strict=True)
        members = [np.concatenate(each) for each in found]
        if self.settings.mixing == "stacked":
            self.stack = Stack.fit(members, labels, self.tree, rate, self.settings.seed)
            return self.stack.apply(members, self.tree)
        members = self._one_vote(members)
        given = [
            *["auto"] * len(self.names.heads),
            *[self.settings.neighbor_weight] * self.names.neighbors,
            *["auto"] * self.names.words,
        ]
        self.shares = find_shares(members, labels, given[1:])
        return average(members, self.shares)

    # ---- predicting -------------------------------------------------------------------------

    def scores(self, inputs: Any, least: float) -> Iterator[tuple[int, np.ndarray]]:
        """Yield first row and combined probabilities, some patents at a time.

        Below a node less likely than `least`, node heads and words compute no further nodes.
        """
        for start, parts in self.parts(inputs, least):
            if self.stack is None:
                yield start, average(self._one_vote(parts), self.shares)
            else:
                yield start, self.stack.apply(parts, self.tree)

    def _one_vote(self, parts: list[np.ndarray]) -> list[np.ndarray]:
        """The same with one vote of neighbours: those under both encoders count the same."""
        first, last = len(self.heads), len(self.heads) + len(self.votes)
        votes = parts[first:last]
        vote = [average(votes, [0.5] * (len(votes) - 1))] if votes else []
        return [*parts[:first], *vote, *parts[last:]]

    def parts(self, inputs: Any, least: float) -> Iterator[tuple[int, list[np.ndarray]]]:
        """Yield first row and probabilities of each member: heads, neighbours, words.

        Neighbours under the untuned encoder come after those under the tuned one.
        """
        texts = inputs.texts if isinstance(inputs, TextInputs) else []
        inputs, untuned = _apart(inputs)
        for start, own, vectors in self._first(inputs, least):
            rows = slice(start, start + len(vectors))
            beside = vectors if untuned is None else untuned[rows]
            parts = [] if own is None else [own]
            for head in self.heads[1:]:
                found = predict_blocks(head, beside, self.device, least)
                parts.append(np.concatenate([p for _, p in found]))
            parts += [
                vote.scores(v) for vote, v in zip(self.votes, (vectors, beside), strict=False)
            ]
            if self.words is not None:
                parts.append(self.words.scores(texts[rows], least))
            yield start, parts

    def _first(
        self, inputs: Any, least: float
    ) -> Iterator[tuple[int, np.ndarray | None, np.ndarray]]:
        """Yield first row, the first head's probabilities if there is one, and vectors."""
        if isinstance(inputs, Tokens):
            yield from cast(TextEncoder, self.text).predict(inputs, least)
        elif not self.heads:
            for span in blocks(len(inputs), CHUNK):
                yield span.start, None, inputs[span]
        else:
            for start, scores in predict_blocks(self.heads[0], inputs, self.device, least):
                yield start, scores, inputs[start : start + len(scores)]

    @property
    def one_of_nodes(self) -> bool:
        """Whether it is one head of nodes on embeddings, for which `labels` is there."""
        alone = self.settings.head in ("tmm", "thmm")
        return alone and not self.reads_texts and self.stack is None

    def labels(
        self, inputs: np.ndarray, thresholds: np.ndarray, rules: Rules, least: float
    ) -> Iterator[np.ndarray]:
        """Of node heads: labels (rows, n_nodes) by thresholds, without all probabilities."""
        model = self.heads[0].eval()
        head = cast(TmmHead, model.head)
        for span in blocks(len(inputs), CHUNK):
            block = np.array(inputs[span], dtype=np.float32)
            with torch.inference_mode():
                x = model.scaled(torch.from_numpy(block).to(self.device))
                yield head.labels(x, thresholds, rules, least)

    # ---- files ------------------------------------------------------------------------------

    def save(self, folder: Path) -> tuple[dict[str, Any], dict[str, Tensor]]:
        """Write encoders into a folder; return what `load` must know and all other weights."""
        state: dict[str, Tensor] = {}
        for prefix, head in zip(_PREFIXES, self.heads, strict=False):
            state |= {prefix + k: v for k, v in head.state_dict().items()}
        for prefix, vote in zip(_PREFIXES, self.votes, strict=False):
            state |= {prefix + k: v for k, v in vote.state().items()}
        if self.text is not None:
            state |= self.text.save(folder)
        if self.untuned is not None:
            state |= self.untuned.save(folder, UNTUNED)
        if self.words is not None:
            state |= self.words.state()
        if self.stack is not None:
            state["stack.maps"] = torch.from_numpy(self.stack.maps)
            state["stack.rate"] = torch.from_numpy(self.stack.rate)
        return {
            "text": self.text.facts if self.text else None,
            "untuned": self.untuned.facts if self.untuned else None,
            "shares": self.shares,
        }, state

    @classmethod
    def load(
        cls,
        folder: Path,
        settings: EstimatorSettings,
        facts: dict[str, Any],
        state: dict[str, Tensor],
        tree: CpcTree,
        device: torch.device,
    ) -> Ensemble:
        """Put together again what `save` took apart."""
        out = cls(settings, tree, device)
        if out.names.words:
            out.words = out._new_words(state)
        k, sharpness = settings.neighbors, settings.sharpness
        for prefix in _PREFIXES:
            own = {k.removeprefix(prefix): v for k, v in state.items() if k.startswith(prefix)}
            if out.names.neighbors and any(name.startswith("neighbours.") for name in own):
                vote = NeighbourVote.from_state(own, len(tree), k, sharpness, device)
                out.votes.append(vote)
        for prefix, name in zip(_PREFIXES, out.names.heads, strict=False):
            starts = (f"{prefix}head.", f"{prefix}center", f"{prefix}scale")
            own = {k.removeprefix(prefix): v for k, v in state.items() if k.startswith(starts)}
            with own_randomness(None, torch.device("cpu")):  # weights drawn here are thrown away
                head = ScaledHead(out._maker(name, len(own["center"]))())
            head.load_state_dict(own)
            out.heads.append(head.to(device).eval())
        # What was trained in fp16 on a GPU may run on a CPU.
        fp16 = device.type != "cuda" and settings.precision == "fp16"
        precision = find_precision("auto" if fp16 else settings.precision, device)
        for name, read in (("text", settings.reading), ("untuned", as_it_is(settings.reading))):
            if facts.get(name):
                place = folder / (TUNED if name == "text" else UNTUNED)
                found = TextEncoder.load(place, read, state, facts[name], device, precision)
                setattr(out, name, found)
        if out.text is not None:
            out.text.attach(out.heads[0] if out.heads else None)
        if "stack.maps" in state:
            out.stack = Stack(state["stack.maps"].numpy(), state["stack.rate"].numpy())
        out.shares = list(facts["shares"] if "shares" in facts else _older_shares(facts, out.names))
        return out


def _older_shares(facts: dict[str, Any], names: Members) -> list[float]:
    """Shares of a format that named them one by one."""
    heads, votes, words = names
    given = [*[facts["neighbor_weight"]] * votes, *[facts.get("word_weight", 0.0)] * words]
    return given if heads else given[1:]


def _apart(inputs: Any) -> tuple[Any, np.ndarray | None]:
    """What the first head learns on, and vectors of the untuned encoder."""
    return (inputs.inputs, inputs.untuned) if isinstance(inputs, TextInputs) else (inputs, None)
