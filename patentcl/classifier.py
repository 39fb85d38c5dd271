"""`PatentClassifier`: hierarchical multi-label classification of embeddings, scikit-learn style.

Fitting trains a head, tunes thresholds on a dev split, and keeps both with the tree. Predictions
are coherent (a child is never likelier than its parent), predicted sets closed under ancestors.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
from scipy import sparse
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.exceptions import NotFittedError

from patentcl.artifacts import fingerprint, fingerprint_path, library_versions
from patentcl.cpc import CpcTree
from patentcl.decisions import Rules, answered_level, choose, fit_thresholds
from patentcl.errors import ConfigError, DataError, did_you_mean
from patentcl.fitting import FitSettings, find_device, predict_blocks, train
from patentcl.heads import HEADS, HeadSettings, build_head

if TYPE_CHECKING:
    import pandas as pd

FORMAT = 1
FILES = ("model.safetensors", "tree.parquet", "thresholds.npz")

Labels: TypeAlias = Any
"""A matrix of bool (n_patents, n_nodes), sparse or dense, or a list of symbols for each patent."""


class PatentClassifier(ClassifierMixin, BaseEstimator):
    """Predict the nodes of a label tree from embeddings.

    Parameters
    ----------
    head : {"levels", "flat", "tmm", "thmm"}
        ``levels``: a linear layer for each level; ``flat``: leaves only, ancestors by maximum;
        ``tmm``: a network for each node; ``thmm``: that also sees its parent's hidden vector.
    mask : {"soft", "hard", "none"}
        How a node depends on its parent: product of probabilities along the path; dropped where the
        parent is not predicted; not at all.
    hidden : int, optional
        Width of the hidden layers; 0 for none. None is 1024, and 64 for ``tmm`` and ``thmm``.
    layers : int
        Number of hidden layers before the levels (or leaves).
    dropout : float, optional
        Share of hidden units dropped in training. None is 0.5, and 0.25 for ``tmm`` and ``thmm``.
    input_dropout : float
        Share of the embeddings' entries dropped in training.
    policy : {"path", "siblings", "all"}, optional
        What a node is trained on; see `patentcl.heads.HeadSettings`. None is the head's own.
    loss : str
        A name in `patentcl.losses.LOSSES`.
    alpha : float
        Weight of a true label against a false one; above 1 raises recall.
    level_weights : sequence of float, optional
        What a node of each level counts in the loss.
    epochs, batch_size : int
    learning_rate, weight_decay : float
    patience : int
        Stop after so many epochs without a gain on dev; 0 never does.
    monitor : {"average_precision", "hier_f1", "none"}
        The dev figure by which the best epoch is found.
    threshold : {"level", "global", "label"} or float
        Tuned on dev for F1, per level, for all nodes together or per label; or a fixed number.
    shrinkage : float
        With ``threshold="label"``: see `patentcl.decisions.fit_thresholds`.
    at_least_one : bool or str
        Give every patent a label at every level, or down to the level named.
    back_off : float
        A label that is only there because of `at_least_one` must be this likely; otherwise the
        answer ends at the level above.
    top_k : int, optional
        At most so many labels at each level.
    prune : float
        Below a node less likely than this ``tmm`` and ``thmm`` compute no further nodes: their
        probabilities, which could not be higher, are given as 0.
    dev_fraction : float
        Share of the training patents held out when `fit` is given no dev set.
    precision : {"auto", "fp32", "bf16", "fp16"}
    device : str
        ``auto`` is a GPU if there is one.
    seed : int

    Attributes
    ----------
    tree_ : CpcTree
    thresholds_ : ndarray of float32, shape (n_nodes,)
    classes_ : ndarray of str, shape (n_nodes,)
        The tree's symbols.
    n_features_in_ : int
    history_ : list of dict
        For each epoch: loss, average precision and hierarchical F1 on dev, seconds.
    unlabelled_ : dict
        Patents of ``train`` and ``dev`` that were left out because they have no label.
    encoder_ : str or None
        Fingerprint of the encoder of the embeddings, if it was given.

    Examples
    --------
    >>> import numpy as np
    >>> rng = np.random.default_rng(0)
    >>> X = np.repeat(np.eye(3, 8, dtype=np.float32), 40, axis=0)
    >>> X += rng.normal(0, 0.05, X.shape).astype(np.float32)
    >>> Y = [["A01B"]] * 40 + [["A01C"]] * 40 + [["B60K", "A01C"]] * 40
    >>> model = PatentClassifier(hidden=32, epochs=60, batch_size=16).fit(X, Y)
    >>> model.predict_symbols(X[[0, 50, 110]])
    [['A01B'], ['A01C'], ['A01C', 'B60K']]
    """

    # More arguments than a function should have: a scikit-learn estimator carries its settings
    # flat, so that get_params, clone and grid search reach every one of them.
    def __init__(self, head: str = "levels", mask: str = "soft", hidden: int | None = None,
                 layers: int = 1, dropout: float | None = None, input_dropout: float = 0.2,
                 policy: str | None = None, loss: str = "bce", alpha: float = 1.0,
                 level_weights: Sequence[float] | None = None, epochs: int = 20,
                 batch_size: int = 256, learning_rate: float = 2e-3,
                 weight_decay: float = 0.01, patience: int = 5,
                 monitor: str = "average_precision", threshold: str | float = "level",
                 shrinkage: float = 20.0, at_least_one: bool | str = True,
                 back_off: float = 0.0, top_k: int | None = None, prune: float = 0.01,
                 dev_fraction: float = 0.1, precision: str = "auto", device: str = "auto",
                 seed: int = 0) -> None:
        self.head = head
        self.mask = mask
        self.hidden = hidden
        self.layers = layers
        self.dropout = dropout
        self.input_dropout = input_dropout
        self.policy = policy
        self.loss = loss
        self.alpha = alpha
        self.level_weights = level_weights
        self.epochs = epochs
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.weight_decay = weight_decay
        self.patience = patience
        self.monitor = monitor
        self.threshold = threshold
        self.shrinkage = shrinkage
        self.at_least_one = at_least_one
        self.back_off = back_off
        self.top_k = top_k
        self.prune = prune
        self.dev_fraction = dev_fraction
        self.precision = precision
        self.device = device
        self.seed = seed

    # ---- fitting ----------------------------------------------------------------------------

    def fit(self, X: np.ndarray, Y: Labels, tree: CpcTree | None = None,
            dev: tuple[np.ndarray, Labels] | None = None, *, encoder: str | None = None,
            on_epoch: Callable[[dict[str, Any]], None] | None = None) -> PatentClassifier:
        """Train the head and tune the thresholds.

        Parameters
        ----------
        X : ndarray of float, shape (n_patents, dim)
            Embeddings; may be memory-mapped.
        Y : matrix of bool (n_patents, n_nodes), or list of lists of str
            Labels with columns in tree order, closed here if they are not; or symbols. A patent
            without labels is left out and counted in `unlabelled_`.
        tree : CpcTree, optional
            Needed with a matrix; from symbols it is built, those of the dev set included.
        dev : (X, Y), optional
            For early stopping and thresholds; a seeded share of the patents is held out if None.
        encoder : str, optional
            Fingerprint of the encoder, saved with the classifier and checked when it is loaded.
        on_epoch : callable, optional
            Called with each row of `history_` as it is made.

        Returns
        -------
        PatentClassifier
            Itself.

        Raises
        ------
        DataError
            If rows or columns do not match, a value is not finite, a symbol is outside the tree, or
            train or dev has no label.
        ConfigError
            For a setting that is not known or out of range.
        """
        head, settings = self._head_settings(), self._fit_settings()
        vectors = _vectors(X, "X")
        tree = tree if tree is not None else _build_tree(Y, None if dev is None else dev[1])
        self._rules(tree)  # complains before training does its work
        labels = _labels(Y, tree, len(vectors), "Y")
        train_rows = _labelled(labels, "the training set")
        if dev is None:
            train_rows, dev_rows = self._hold_out(train_rows)
            dev_set = (vectors[dev_rows], labels[dev_rows])
            left_out = 0
        else:
            dev_vectors = _vectors(dev[0], "dev X", vectors.shape[1])
            dev_labels = _labels(dev[1], tree, len(dev_vectors), "dev Y")
            dev_rows = _labelled(dev_labels, "the dev set")
            dev_set = (_take(dev_vectors, dev_rows), dev_labels[dev_rows])
            left_out = len(dev_vectors) - len(dev_rows)
        train_set = (_take(vectors, train_rows), labels[train_rows])
        self.unlabelled_ = {"train": int(np.count_nonzero(np.diff(labels.indptr) == 0)),
                            "dev": int(left_out)}
        self._model, self.history_ = train(
            lambda: build_head(self.head, tree, vectors.shape[1], head), train_set, dev_set,
            settings, on_epoch)
        self._device = find_device(self.device)
        self._set_tree(tree, vectors.shape[1])
        self.encoder_ = encoder
        self.thresholds_ = self._tune(*dev_set)
        return self

    def _head_settings(self) -> HeadSettings:
        if self.head not in HEADS:
            raise ConfigError("unknown head", got=self.head, fix=did_you_mean(self.head, HEADS))
        return HeadSettings(self.hidden, self.layers, self.dropout, self.input_dropout, self.mask,
                            self.policy)

    def _fit_settings(self) -> FitSettings:
        if not 0 < self.dev_fraction < 1:
            raise ConfigError("dev_fraction out of range", got=self.dev_fraction,
                              wanted="above 0 and below 1")
        if not isinstance(self.threshold, str) and not 0 <= self.threshold <= 1:
            raise ConfigError("threshold out of range", got=self.threshold, wanted="0 to 1")
        weights = None if self.level_weights is None else tuple(map(float, self.level_weights))
        return FitSettings(self.epochs, self.batch_size, self.learning_rate, self.weight_decay,
                           self.loss, self.alpha, weights, self.patience, self.monitor, self.prune,
                           self.precision, self.device, self.seed)

    def _rules(self, tree: CpcTree) -> Rules:
        if isinstance(self.at_least_one, str):
            if self.at_least_one not in tree.levels:
                raise ConfigError("at_least_one names no level of the tree", got=self.at_least_one,
                                  fix=did_you_mean(self.at_least_one, tree.levels))
            at_least = tree.levels.index(self.at_least_one)
        else:
            at_least = len(tree.levels) - 1 if self.at_least_one else -1
        return Rules(self._hard, at_least, self.back_off, self.top_k)

    @property
    def _hard(self) -> bool:
        return self.mask == "hard" and self.head != "flat"

    def _hold_out(self, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        if len(rows) < 2:
            raise DataError("too few patents with labels to hold some out", got=len(rows),
                            wanted="at least 2", fix="Pass dev=(X, Y)")
        mixed = np.random.default_rng(self.seed).permutation(rows)
        n_dev = min(max(1, round(self.dev_fraction * len(rows))), len(rows) - 1)
        return np.sort(mixed[n_dev:]), np.sort(mixed[:n_dev])

    def _set_tree(self, tree: CpcTree, dim: int) -> None:
        self.tree_ = tree
        self.classes_ = np.array(tree.symbols)
        self.n_features_in_ = dim

    def _tune(self, vectors: np.ndarray, labels: sparse.csr_matrix) -> np.ndarray:
        if not isinstance(self.threshold, str):
            return np.full(len(self.tree_), self.threshold, dtype=np.float32)
        scores = np.concatenate([block for _, block in self._blocks(vectors)])
        return fit_thresholds(labels, scores, self.tree_, self.threshold, self._hard,
                              self.shrinkage)

    # ---- predicting -------------------------------------------------------------------------

    def _blocks(self, vectors: np.ndarray) -> Iterator[tuple[int, np.ndarray]]:
        """Coherent probabilities before any hard mask."""
        return predict_blocks(self._model, vectors, self._device, self.prune)

    def _checked(self, X: np.ndarray) -> np.ndarray:
        if not hasattr(self, "thresholds_"):
            raise NotFittedError("This PatentClassifier is not fitted yet. Call fit, or load one.")
        return _vectors(X, "X", self.n_features_in_, empty=True)

    def _decided(self, vectors: np.ndarray) -> Iterator[tuple[int, np.ndarray, np.ndarray]]:
        """Yield first row, probabilities and chosen labels of each block of checked embeddings."""
        rules = self._rules(self.tree_)
        for start, scores in self._blocks(vectors):
            chosen = choose(scores, self.thresholds_, self.tree_, rules)
            if rules.hard:
                scores = self._masked(scores)
            yield start, scores, chosen

    def _masked(self, scores: np.ndarray) -> np.ndarray:
        """Put probabilities below a parent that its threshold drops to 0."""
        passed = choose(scores, self.thresholds_, self.tree_, Rules(hard=True))
        inner = self.tree_.parent >= 0
        scores[:, inner] *= passed[:, self.tree_.parent[inner]]
        return scores

    def predict_proba(self, X: np.ndarray) -> np.ndarray:
        """Probability of each node.

        Parameters
        ----------
        X : ndarray of float, shape (n_patents, dim)

        Returns
        -------
        ndarray of float32, shape (n_patents, n_nodes)
            Coherent: a child is never above its parent. With mask ``hard``, 0 below a parent that
            its threshold drops.

        Raises
        ------
        DataError
            If the width is not that of the training embeddings, or a value is not finite.
        """
        vectors = self._checked(X)
        out = np.empty((len(vectors), len(self.tree_)), dtype=np.float32)
        for start, scores in self._blocks(vectors):
            out[start:start + len(scores)] = self._masked(scores) if self._hard else scores
        return out

    def predict(self, X: np.ndarray) -> sparse.csr_matrix:
        """Labels of each patent: bool CSR (n_patents, n_nodes), closed under ancestors."""
        vectors = self._checked(X)
        counts, columns = [np.zeros(1, dtype=np.int64)], [np.empty(0, dtype=np.int32)]
        for _, _, chosen in self._decided(vectors):
            counts.append(np.count_nonzero(chosen, axis=1))
            columns.append((np.flatnonzero(chosen) % len(self.tree_)).astype(np.int32))
        indptr, indices = np.cumsum(np.concatenate(counts)), np.concatenate(columns)
        return sparse.csr_matrix((np.ones(len(indices), dtype=bool), indices, indptr),
                                 shape=(len(indptr) - 1, len(self.tree_)))

    def predict_symbols(self, X: np.ndarray, deepest: bool = True) -> list[list[str]]:
        """Labels of each patent as symbols; see `CpcTree.decode`."""
        return self.tree_.decode(self.predict(X), deepest=deepest)

    def decide(self, X: np.ndarray, ids: Sequence[str] | None = None, top: int = 0) -> pd.DataFrame:
        """What is predicted for each patent, as a table for people.

        Parameters
        ----------
        X : ndarray of float, shape (n_patents, dim)
        ids : sequence of str, optional
            Names of the patents; row numbers if None.
        top : int
            List at least so many of the likeliest nodes of the deepest level, predicted or not.

        Returns
        -------
        DataFrame
            Patent by patent, children below their parents: ``patent_id``, ``symbol``, ``level``,
            ``title``, ``probability``, ``threshold``, ``predicted``, ``sure`` (predicted by its own
            threshold, not only to give the patent a label).
        """
        import pandas as pd

        vectors, tree = self._checked(X), self.tree_
        if ids is not None and len(ids) != len(vectors):
            raise DataError("ids and X differ in length", got=f"{len(ids)} ids",
                            wanted=len(vectors))
        if top < 0:
            raise ConfigError("top is negative", got=top)
        rows, nodes, probability, predicted = [], [], [], []
        deepest = tree.at_level(len(tree.levels) - 1)
        for start, scores, chosen in self._decided(vectors):
            listed = chosen.copy()
            if top:
                best = np.argsort(-scores[:, deepest], axis=1, kind="stable")[:, :top]
                listed[np.arange(len(listed))[:, None], deepest[best]] = True
            row, node = np.nonzero(listed)
            rows.append(row + start)
            nodes.append(node)
            probability.append(scores[row, node])
            predicted.append(chosen[row, node])
        row, node = _join(rows, np.int64), _join(nodes, np.int64)
        score, said = _join(probability, np.float32), _join(predicted, bool)
        names = np.asarray(ids if ids is not None else np.arange(len(vectors)), dtype=object)
        table = pd.DataFrame({
            "patent_id": names[row], "symbol": np.array(tree.symbols, dtype=object)[node],
            "level": np.array(tree.levels, dtype=object)[tree.depth[node]],
            "title": np.array(tree.titles, dtype=object)[node], "probability": score,
            "threshold": self.thresholds_[node], "predicted": said,
            "sure": said & (score >= self.thresholds_[node])})
        place = _outline(tree)
        return table.iloc[np.lexsort((place[node], row))].reset_index(drop=True)

    def answered(self, X: np.ndarray) -> list[str]:
        """Level of each patent's most specific predicted label; an empty string without any."""
        vectors = self._checked(X)
        names = (*self.tree_.levels, "")  # the last is also number -1
        return [names[d] for _, _, chosen in self._decided(vectors)
                for d in answered_level(chosen, self.tree_)]

    def score(self, X: np.ndarray, Y: Labels, sample_weight: None = None) -> float:
        """Micro hierarchical F1: ``2 |T & P| / (|T| + |P|)`` over all patents' closed sets.

        Parameters
        ----------
        X : ndarray of float, shape (n_patents, dim)
        Y : matrix of bool (n_patents, n_nodes), or list of lists of str
        sample_weight : None
            Not supported; there because scikit-learn passes it by that name.
        """
        if sample_weight is not None:
            raise ConfigError("score takes no sample weights")
        vectors = self._checked(X)
        truth = _labels(Y, self.tree_, len(vectors), "Y", unknown="drop")
        predicted = self.predict(vectors)
        total = truth.nnz + predicted.nnz
        return 2.0 * truth.multiply(predicted).nnz / total if total else float("nan")

    # ---- files ------------------------------------------------------------------------------

    def save(self, folder: str | Path) -> None:
        """Write config.json, model.safetensors, tree.parquet and thresholds.npz into a folder.

        Raises
        ------
        NotFittedError
            Before `fit`.
        """
        from safetensors.torch import save_file

        if not hasattr(self, "thresholds_"):
            raise NotFittedError("This PatentClassifier is not fitted yet: nothing to save.")
        folder = Path(folder)
        folder.mkdir(parents=True, exist_ok=True)
        state = {k: v.detach().cpu().contiguous() for k, v in self._model.state_dict().items()}
        save_file(state, str(folder / "model.safetensors"))
        self.tree_.save(folder / "tree.parquet")
        np.savez(folder / "thresholds.npz", thresholds=self.thresholds_)
        record = {
            "format": FORMAT, "kind": "PatentClassifier", "params": self.get_params(deep=False),
            "dim": int(self.n_features_in_), "n_nodes": len(self.tree_), "encoder": self.encoder_,
            "unlabelled": self.unlabelled_, "history": self.history_,
            "libraries": library_versions(),
            "files": {name: fingerprint_path(folder / name) for name in FILES}}
        record = json.loads(json.dumps(record))  # tuples as lists, as they will be read
        record["fingerprint"] = fingerprint(record)
        text = json.dumps(record, indent=1, ensure_ascii=False)
        (folder / "config.json").write_text(text + "\n", encoding="utf-8")

    @classmethod
    def load(cls, folder: str | Path, device: str | None = None,
             encoder: str | None = None) -> PatentClassifier:
        """Read a classifier written by `save`.

        Parameters
        ----------
        folder : path
        device : str, optional
            Where it shall run; by default a GPU if there is one, whatever it was trained on.
        encoder : str, optional
            Fingerprint of the encoder that embeds what is to be classified; must be the one the
            classifier was fitted with.

        Raises
        ------
        DataError
            If a file is missing or changed, the format is newer than this version reads, or the
            encoder is another one.
        """
        from safetensors.torch import load_file

        folder = Path(folder)
        record = _read_config(folder, encoder)
        model = cls(**record["params"])
        tree = CpcTree.load(folder / "tree.parquet")
        dim = int(record["dim"])
        model._set_tree(tree, dim)
        model._device = find_device(device or "auto")
        model._model = _restore(model, tree, dim, load_file(str(folder / "model.safetensors")))
        with np.load(folder / "thresholds.npz", allow_pickle=False) as stored:
            model.thresholds_ = stored["thresholds"]
        model.history_, model.unlabelled_ = record["history"], record["unlabelled"]
        model.encoder_ = record["encoder"]
        return model


def _restore(model: PatentClassifier, tree: CpcTree, dim: int, state: dict[str, Any]) -> Any:
    import torch

    from patentcl.fitting import Model

    with torch.random.fork_rng(devices=[]):  # weights drawn here are thrown away at once
        out = Model(build_head(model.head, tree, dim, model._head_settings()))
    out.load_state_dict(state)
    return out.to(model._device).eval()


def _read_config(folder: Path, encoder: str | None) -> dict[str, Any]:
    path = folder / "config.json"
    if not path.is_file():
        raise DataError("no classifier in this folder", where=folder, wanted="config.json",
                        fix="Make one with PatentClassifier.save or patentcl fit")
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
        found, kind = record["format"], record["kind"]
    except (ValueError, KeyError, TypeError) as error:
        raise DataError("config.json cannot be read", where=path, got=repr(error)) from error
    if kind != "PatentClassifier":
        raise DataError("not a classifier", where=path, got=kind, wanted="PatentClassifier")
    if found > FORMAT:
        raise DataError("the classifier was saved by a newer patentcl", where=path,
                        got=f"format {found}", wanted=f"at most {FORMAT}", fix="Upgrade patentcl")
    stated = record.pop("fingerprint", None)
    if stated != fingerprint(record):
        raise DataError("config.json has been changed", where=path, got=fingerprint(record),
                        wanted=stated, fix="Fit and save the classifier again")
    for name in FILES:
        if not (folder / name).is_file():
            raise DataError("a file of the classifier is missing", where=folder, wanted=name,
                            fix="Copy the whole folder, or save the classifier again")
        seen = fingerprint_path(folder / name)
        if seen != record["files"][name]:
            raise DataError("a file of the classifier has been changed or is cut off",
                            where=folder / name, got=f"content {seen}",
                            wanted=record["files"][name])
    if encoder is not None and record["encoder"] is not None and encoder != record["encoder"]:
        raise DataError("the classifier was fitted on embeddings of another encoder", where=folder,
                        got=encoder, wanted=record["encoder"],
                        fix="Embed with that encoder, or fit again")
    return record


def _vectors(X: Any, what: str, width: int | None = None, empty: bool = False) -> np.ndarray:
    """Check embeddings; memory-mapped ones stay on disk."""
    vectors = X if isinstance(X, np.ndarray) else np.asarray(X)
    if vectors.ndim != 2:
        raise DataError(f"{what} must be a matrix of embeddings", got=f"{vectors.ndim} dimensions",
                        wanted="2: patents by entries")
    if not np.issubdtype(vectors.dtype, np.floating):
        raise DataError(f"{what} must hold real numbers", got=str(vectors.dtype), wanted="float32",
                        fix="Embed texts with PatentEncoder.encode first")
    if width is not None and vectors.shape[1] != width:
        raise DataError(f"{what} has another width than the classifier was trained on",
                        got=vectors.shape[1], wanted=width,
                        fix="Embed with the encoder that the classifier was trained with")
    if 0 in vectors.shape and not (empty and vectors.shape[1]):
        raise DataError(f"{what} is empty", got=f"shape {vectors.shape}")
    for start in range(0, len(vectors), 1 << 14):
        block = vectors[start:start + (1 << 14)]
        if not np.isfinite(block).all():
            row, column = np.argwhere(~np.isfinite(block))[0]
            raise DataError(f"{what} holds a value that is not finite",
                            where=f"row {start + row}, column {column}", got=block[row, column])
    return vectors


def _is_symbols(labels: Any) -> bool:
    if sparse.issparse(labels) or (isinstance(labels, np.ndarray) and labels.dtype != object):
        return False
    if isinstance(labels, np.ndarray) and labels.ndim != 1:
        return False
    odd = next((row for row in labels if isinstance(row, str)), None)
    if odd is not None:
        raise DataError("labels must be a list of symbols for each patent", got=repr(odd),
                        wanted=f"[{odd!r}]")
    return not any(isinstance(v, (bool, int, float, np.number)) for row in labels for v in row)


def _build_tree(labels: Labels, dev: Labels | None) -> CpcTree:
    if not _is_symbols(labels):
        raise DataError("labels given as a matrix need the tree of its columns",
                        fix="Pass tree=CpcTree, or symbols instead of a matrix")
    rows = [*labels, *(dev if dev is not None and _is_symbols(dev) else [])]
    symbols = {symbol for row in rows for symbol in row}
    if not symbols:
        raise DataError("the training set has no label")
    return CpcTree.from_symbols(symbols)


def _labels(labels: Labels, tree: CpcTree, n: int, what: str,
            unknown: str = "raise") -> sparse.csr_matrix:
    count = labels.shape[0] if hasattr(labels, "shape") else len(labels)
    if count != n:
        raise DataError(f"{what} and the embeddings differ in length",
                        got=f"{count} rows of labels", wanted=f"{n}, one for each embedding")
    if _is_symbols(labels):
        return tree.encode(labels, unknown=unknown)
    return tree.close(labels)


def _labelled(labels: sparse.csr_matrix, what: str) -> np.ndarray:
    rows = np.flatnonzero(np.diff(labels.indptr))
    if not rows.size:
        raise DataError(f"{what} has no label", got=f"{labels.shape[0]} patents without any",
                        wanted="at least one patent with a label")
    return rows


def _take(vectors: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """Some rows; the array itself, perhaps memory-mapped, where it is all of them."""
    return vectors if len(rows) == len(vectors) else vectors[rows]


def _join(parts: list[np.ndarray], dtype: Any) -> np.ndarray:
    return np.concatenate(parts) if parts else np.empty(0, dtype=dtype)


def _outline(tree: CpcTree) -> np.ndarray:
    """Place of each node when the tree is written top-down, children below their parent."""
    children: dict[int, list[int]] = {}
    for node, parent in enumerate(tree.parent.tolist()):
        children.setdefault(parent, []).append(node)
    place = np.empty(len(tree), dtype=np.int64)
    stack = children[-1][::-1]
    for i in range(len(tree)):
        node = stack.pop()
        place[node] = i
        stack += children.get(node, [])[::-1]
    return place
