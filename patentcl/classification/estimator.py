"""`PatentClassifier`: hierarchical multi-label classification of patents, scikit-learn style.

Fitting, on embeddings or on texts together with what reads them, trains a head, tunes thresholds on
a dev split, and keeps both with the tree. Predictions are coherent (a child is never likelier than
its parent), predicted sets closed under ancestors.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from scipy import sparse
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.exceptions import NotFittedError

from patentcl.classification.calibration import METHODS, Calibration
from patentcl.classification.decisions import (
    Rules,
    choose,
    fit_thresholds,
    predicted_depth,
    tabulate,
)
from patentcl.classification.ensemble import Mixture, MixtureSettings
from patentcl.classification.files import load_classifier, save_classifier
from patentcl.classification.heads import HeadSettings
from patentcl.classification.inputs import Labels, as_labels, build_tree, labelled_rows, take
from patentcl.classification.members import split_name
from patentcl.classification.settings import TextSettings
from patentcl.classification.text.export import export_encoder
from patentcl.classification.text.inputs import text_settings
from patentcl.classification.text.training import TextRun
from patentcl.classification.training import FitSettings, find_device
from patentcl.core.errors import ConfigError, DataError, did_you_mean
from patentcl.cpc import CpcTree
from patentcl.encoders.encoder import PatentEncoder
from patentcl.encoders.tokens import Tokens

if TYPE_CHECKING:
    import pandas as pd


class PatentClassifier(ClassifierMixin, BaseEstimator):
    """Predict the nodes of a label tree from embeddings, or from texts.

    Parameters
    ----------
    head : {"levels", "flat", "tmm", "thmm", "harnn", "knn", "levels+flat+knn+svm", ...}
        ``levels``: a linear layer for each level; ``flat``: leaves only, ancestors by maximum;
        ``tmm``: a network for each node; ``thmm``: that also sees its parent's hidden vector;
        ``harnn``: an attention for each level, over the tokens of texts; ``knn``: the vote of the
        nearest training patents; ``local-svm``: a linear SVM for each node, on the words of texts
        (`local_svm`). Joined by ``+``, first heads, then ``knn``, then ``svm``, their
        probabilities are mixed.
    mask : {"soft", "hard", "none"}
        How a node depends on its parent: product of probabilities along the path; dropped where the
        parent is not predicted; not at all.
    hidden : int, optional
        Width of the hidden layers; 0 for none. None is 1024, 64 for ``tmm`` and ``thmm``, and 512
        for ``harnn``.
    layers : int
        Number of hidden layers before the levels (or leaves).
    dropout : float, optional
        Share of hidden units dropped in training. None is 0.5, and 0.25 for ``tmm`` and ``thmm``.
    input_dropout : float
        Share of the embeddings' entries dropped in training.
    policy : {"path", "siblings", "all"}, optional
        What a node is trained on; see `HeadSettings`. None is the head's own.
    loss : str
        A name in `patentcl.classification.losses.LOSSES`.
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
    threshold : {"label", "level", "global"} or float
        Tuned on dev for F1, per label, per level or for all nodes together; or a fixed number.
    shrinkage : float
        With ``threshold="label"``: see `patentcl.classification.decisions.fit_thresholds`.
    at_least_one : bool or str
        Give every patent a label at every level, or down to the level named.
    back_off : float
        A label that is only there because of `at_least_one` must be this likely; otherwise the
        answer ends at the level above.
    top_k : int, optional
        At most so many labels at each level.
    calibration : {"temperature", "isotonic"}, optional
        Correct the probabilities of each level on dev; see `Calibration`.
    mixing : {"mean", "stacked"}
        How several voices become one: an average, in shares that are tuned on dev; or a logistic
        regression for each level, fitted on dev, that also sees how frequent a node is
        (`patentcl.classification.combining.Stack`).
    neighbors : int
        With ``knn``: how many neighbours vote.
    sharpness : float
        With ``knn``: a vote weighs cosine similarity to this power.
    neighbor_weight : float or "auto"
        With ``+knn`` and mixing ``mean``: weight of the vote against the heads; ``auto`` is the
        best on dev.
    prune : float
        Below a node less likely than this ``tmm`` and ``thmm`` compute no further nodes: their
        probabilities, which could not be higher, are given as 0.
    dev_fraction : float
        Share of the training patents held out when `fit` is given no dev set.
    precision : {"auto", "fp32", "bf16", "fp16"}
    device : str
        ``auto`` is a GPU if there is one.
    cost : float
        With ``local-svm`` and ``+svm``: what an error costs, liblinear's C.
    seed : int
    text : TextSettings or mapping, optional
        For a classifier that is fitted on texts: how these are read, and how what reads them is
        trained. The learning rate above is then that of the head.

    Attributes
    ----------
    tree_ : CpcTree
    thresholds_ : ndarray of float32, shape (n_nodes,)
    classes_ : ndarray of str, shape (n_nodes,)
        The tree's symbols.
    n_features_in_ : int
    weights_ : dict of str to float
        Weight of each part of `head`; they add up to 1. Empty with mixing ``stacked``.
    history_ : list of dict
        For each epoch of the first head: loss, the dev figures of
        `patentcl.classification.training.judge_scores`, seconds.
    unlabelled_ : dict
        Patents of ``train`` and ``dev`` that were left out because they have no label.
    truncated_ : dict
        Texts of ``train`` and ``dev`` that were longer than what is read of them; 0 without texts.
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
    def __init__(
        self,
        head: str = "levels",
        mask: str = "soft",
        hidden: int | None = None,
        layers: int = 1,
        dropout: float | None = None,
        input_dropout: float = 0.2,
        policy: str | None = None,
        loss: str = "bce",
        alpha: float = 1.0,
        level_weights: Sequence[float] | None = None,
        epochs: int = 20,
        batch_size: int = 256,
        learning_rate: float = 2e-3,
        weight_decay: float = 0.01,
        patience: int = 5,
        monitor: str = "average_precision",
        threshold: str | float = "label",
        shrinkage: float = 20.0,
        at_least_one: bool | str = True,
        back_off: float = 0.0,
        top_k: int | None = None,
        calibration: str | None = None,
        mixing: str = "mean",
        neighbors: int = 40,
        sharpness: float = 8.0,
        neighbor_weight: float | str = "auto",
        prune: float = 0.01,
        dev_fraction: float = 0.1,
        precision: str = "auto",
        device: str = "auto",
        cost: float = 1.0,
        seed: int = 0,
        text: TextSettings | Mapping[str, Any] | None = None,
    ) -> None:
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
        self.calibration = calibration
        self.mixing = mixing
        self.neighbors = neighbors
        self.sharpness = sharpness
        self.neighbor_weight = neighbor_weight
        self.prune = prune
        self.dev_fraction = dev_fraction
        self.precision = precision
        self.device = device
        self.cost = cost
        self.seed = seed
        self.text = text

    # ---- fitting ----------------------------------------------------------------------------

    def fit(
        self,
        X: Any,
        Y: Labels,
        tree: CpcTree | None = None,
        dev: tuple[Any, Labels] | None = None,
        *,
        encoder: str | None = None,
        on_epoch: Callable[[dict[str, Any]], None] | None = None,
        progress: Callable[[int, int], None] | None = None,
        checkpoint: str | Path | None = None,
    ) -> PatentClassifier:
        """Train the head, or all from the words up, and tune the thresholds.

        Parameters
        ----------
        X : ndarray of float (n_patents, dim), Corpus, or sequence of str or (title, abstract)
            Embeddings, which may be memory-mapped; or texts.
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
        progress : callable, optional
            With texts: called with (steps done, steps in all).
        checkpoint : path, optional
            With texts: a file in which the state of the training is kept every few minutes. If it
            is there, an interrupted training of the same data and settings is taken up from it.

        Returns
        -------
        PatentClassifier
            Itself.

        Raises
        ------
        DataError
            If rows or columns do not match, a value is not finite, a text is empty or no text, a
            symbol is outside the tree, or train or dev has no label.
        ConfigError
            For a setting that is not known or out of range.
        """
        settings = self._settings()
        tree = tree if tree is not None else build_tree(Y, None if dev is None else dev[1])
        self._rules(tree)  # complains before training does its work
        device, text = find_device(self.device), text_settings(self.text)
        mixture = Mixture.on(X, settings, tree, device, text)
        inputs = mixture.read(X, "X")
        labels = as_labels(Y, tree, len(inputs), "Y")
        rows = labelled_rows(labels, "the training set")
        unlabelled = {"train": len(inputs) - len(rows), "dev": 0}
        truncated = {"train": mixture.cut, "dev": 0}
        if dev is None:
            rows, dev_rows = self._hold_out(rows)
            dev_set = (take(inputs, dev_rows), labels[dev_rows])
        else:
            width = None if mixture.reads_texts else inputs.shape[1]
            dev_inputs = mixture.read(dev[0], "dev X", width)
            dev_labels = as_labels(dev[1], tree, len(dev_inputs), "dev Y")
            dev_rows = labelled_rows(dev_labels, "the dev set")
            dev_set = (take(dev_inputs, dev_rows), dev_labels[dev_rows])
            unlabelled["dev"], truncated["dev"] = len(dev_inputs) - len(dev_rows), mixture.cut
        run = TextRun(
            settings.fit,
            text,
            mixture.half,
            None if checkpoint is None else Path(checkpoint),
            on_epoch,
            progress,
        )
        width, history, scores = mixture.fit((take(inputs, rows), labels[rows]), dev_set, run)
        self._take(mixture, width)
        self.history_, self.encoder_ = history, encoder
        self.unlabelled_, self.truncated_ = unlabelled, truncated
        self._decide_by(scores, dev_set[1])
        return self

    def _take(self, mixture: Mixture, width: int) -> None:
        """Take over what has been trained or loaded."""
        self._mixture = mixture
        self.tree_, self.classes_ = mixture.tree, np.array(mixture.tree.symbols)
        self.n_features_in_, self.weights_ = width, mixture.weights

    def _decide_by(self, scores: np.ndarray, labels: sparse.csr_matrix) -> None:
        """Calibration and thresholds, from mixed probabilities and labels of dev."""
        self._calibration = None
        if self.calibration is not None:
            self._calibration = Calibration.fit(self.calibration, labels, scores, self.tree_)
            scores = self._calibration.apply(scores, self.tree_)
        if isinstance(self.threshold, str):
            self.thresholds_ = fit_thresholds(
                labels, scores, self.tree_, self.threshold, self._hard, self.shrinkage
            )
        else:
            self.thresholds_ = np.full(len(self.tree_), self.threshold, dtype=np.float32)

    def _settings(self) -> MixtureSettings:
        """What the voices learn by; complains of what cannot be."""
        split_name(self.head)
        if not 0 < self.dev_fraction < 1:
            raise ConfigError(
                "dev_fraction out of range", got=self.dev_fraction, wanted="above 0 and below 1"
            )
        if not isinstance(self.threshold, str) and not 0 <= self.threshold <= 1:
            raise ConfigError("threshold out of range", got=self.threshold, wanted="0 to 1")
        if self.calibration is not None and self.calibration not in METHODS:
            raise ConfigError(
                "unknown calibration",
                got=self.calibration,
                fix=did_you_mean(self.calibration, METHODS),
            )
        share = self.neighbor_weight
        if share != "auto" and (isinstance(share, str) or not 0 <= share <= 1):
            raise ConfigError("neighbor_weight out of range", got=share, wanted="0 to 1, or auto")
        if self.mixing not in ("mean", "stacked"):
            raise ConfigError(
                "unknown mixing",
                got=self.mixing,
                wanted="mean or stacked",
                fix=did_you_mean(str(self.mixing), ("mean", "stacked")),
            )
        if self.mixing == "stacked" and share != "auto":
            raise ConfigError(
                "neighbor_weight is for mixing mean",
                got=share,
                wanted="auto",
                fix="Or set mixing to mean",
            )
        if not self.cost > 0:
            raise ConfigError("cost must be positive", got=self.cost)
        weights = None if self.level_weights is None else tuple(map(float, self.level_weights))
        fit = FitSettings(
            self.epochs,
            self.batch_size,
            self.learning_rate,
            self.weight_decay,
            self.loss,
            self.alpha,
            weights,
            self.patience,
            self.monitor,
            self.prune,
            self.precision,
            self.device,
            self.seed,
        )
        head = HeadSettings(
            self.hidden, self.layers, self.dropout, self.input_dropout, self.mask, self.policy
        )
        return MixtureSettings(
            self.head, fit, head, self.neighbors, self.sharpness, share, self.cost, self.mixing
        )

    def _rules(self, tree: CpcTree) -> Rules:
        if isinstance(self.at_least_one, str):
            if self.at_least_one not in tree.levels:
                raise ConfigError(
                    "at_least_one names no level of the tree",
                    got=self.at_least_one,
                    fix=did_you_mean(self.at_least_one, tree.levels),
                )
            at_least = tree.levels.index(self.at_least_one)
        else:
            at_least = len(tree.levels) - 1 if self.at_least_one else -1
        return Rules(self._hard, at_least, self.back_off, self.top_k)

    @property
    def device_(self) -> torch.device:
        """Where it runs."""
        return self._mixture.device

    @property
    def reads_texts(self) -> bool:
        """Whether it was fitted on texts, and takes these rather than embeddings."""
        return self._mixture.reads_texts

    @property
    def _hard(self) -> bool:
        return self.mask == "hard" and self.head != "flat"

    def _hold_out(self, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        if len(rows) < 2:
            raise DataError(
                "too few patents with labels to hold some out",
                got=len(rows),
                wanted="at least 2",
                fix="Pass dev=(X, Y)",
            )
        mixed = np.random.default_rng(self.seed).permutation(rows)
        n_dev = min(max(1, round(self.dev_fraction * len(rows))), len(rows) - 1)
        return np.sort(mixed[n_dev:]), np.sort(mixed[:n_dev])

    # ---- predicting -------------------------------------------------------------------------

    def _blocks(self, inputs: Any) -> Iterator[tuple[int, np.ndarray]]:
        """Yield first row and coherent probabilities before any hard mask."""
        for start, scores in self._mixture.blocks(inputs, self.prune):
            if self._calibration is not None:
                scores = self._calibration.apply(scores, self.tree_)
            yield start, scores

    def _checked(self, X: Any) -> np.ndarray | Tokens:
        if not hasattr(self, "thresholds_"):
            raise NotFittedError("This PatentClassifier is not fitted yet. Call fit, or load one.")
        return self._mixture.read(X, "X", self.n_features_in_, empty=True)

    def _decided(self, inputs: np.ndarray | Tokens) -> Iterator[tuple[int, np.ndarray, np.ndarray]]:
        """Yield first row, probabilities and chosen labels of each block of checked embeddings."""
        rules = self._rules(self.tree_)
        for start, scores in self._blocks(inputs):
            chosen = choose(scores, self.thresholds_, self.tree_, rules)
            if rules.hard:
                scores = self._masked(scores)
            yield start, scores, chosen

    def decisions(self, X: np.ndarray) -> Iterator[tuple[int, np.ndarray, np.ndarray]]:
        """Probabilities and labels together, some patents at a time.

        Parameters
        ----------
        X : ndarray of float, shape (n_patents, dim)

        Yields
        ------
        (int, ndarray of float32, ndarray of bool)
            Number of the first patent; as `predict_proba`; as `predict`, dense.
        """
        yield from self._decided(self._checked(X))

    def _masked(self, scores: np.ndarray) -> np.ndarray:
        """Put probabilities below a parent that its threshold drops to 0."""
        passed = choose(scores, self.thresholds_, self.tree_, Rules(hard=True))
        inner = self.tree_.parent >= 0
        scores[:, inner] *= passed[:, self.tree_.parent[inner]]
        return scores

    def predict_proba(self, X: Any) -> np.ndarray:
        """Probability of each node.

        Parameters
        ----------
        X : ndarray of float, shape (n_patents, dim); or texts
            As in `fit`.

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
            out[start : start + len(scores)] = self._masked(scores) if self._hard else scores
        return out

    def predict(self, X: Any) -> sparse.csr_matrix:
        """Labels of each patent: bool CSR (n_patents, n_nodes), closed under ancestors."""
        return self._predicted(self._checked(X))

    def _predicted(self, inputs: np.ndarray | Tokens) -> sparse.csr_matrix:
        counts, columns = [np.zeros(1, dtype=np.int64)], [np.empty(0, dtype=np.int32)]
        for chosen in self._labels(inputs):
            counts.append(np.count_nonzero(chosen, axis=1))
            columns.append((np.flatnonzero(chosen) % len(self.tree_)).astype(np.int32))
        indptr, indices = np.cumsum(np.concatenate(counts)), np.concatenate(columns)
        return sparse.csr_matrix(
            (np.ones(len(indices), dtype=bool), indices, indptr),
            shape=(len(indptr) - 1, len(self.tree_)),
        )

    def _labels(self, inputs: np.ndarray | Tokens) -> Iterator[np.ndarray]:
        """Yield chosen labels of each block, bool (rows, n_nodes)."""
        if self._mixture.one_of_nodes and self._calibration is None:
            yield from self._mixture.labels(
                inputs, self.thresholds_, self._rules(self.tree_), self.prune
            )
        else:
            for _, _, chosen in self._decided(inputs):
                yield chosen

    def predict_symbols(self, X: Any, deepest: bool = True) -> list[list[str]]:
        """Labels of each patent as symbols; see `CpcTree.decode`."""
        return self.tree_.decode(self.predict(X), deepest=deepest)

    def decide(self, X: Any, ids: Sequence[str] | None = None, top: int = 0) -> pd.DataFrame:
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
            ``title``, ``probability``, ``threshold``, ``predicted``, ``confident`` (predicted by
            its own threshold, not only to give the patent a label).
        """
        vectors = self._checked(X)
        if ids is not None and len(ids) != len(vectors):
            raise DataError(
                "ids and X differ in length", got=f"{len(ids)} ids", wanted=len(vectors)
            )
        if top < 0:
            raise ConfigError("top is negative", got=top)
        names = np.asarray(ids if ids is not None else np.arange(len(vectors)), dtype=object)
        return tabulate(self._decided(vectors), names, self.thresholds_, self.tree_, top)

    def answered(self, X: Any) -> list[str]:
        """Level of each patent's most specific predicted label; an empty string without any."""
        vectors = self._checked(X)
        names = (*self.tree_.levels, "")  # the last is also number -1
        return [
            names[d]
            for _, _, chosen in self._decided(vectors)
            for d in predicted_depth(chosen, self.tree_)
        ]

    def score(self, X: Any, Y: Labels, sample_weight: None = None) -> float:
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
        truth = as_labels(Y, self.tree_, len(vectors), "Y", unknown="drop")
        predicted = self._predicted(vectors)
        total = truth.nnz + predicted.nnz
        return 2.0 * truth.multiply(predicted).nnz / total if total else float("nan")

    # ---- files ------------------------------------------------------------------------------

    def text_encoder(self) -> PatentEncoder:
        """The encoder that was tuned for this classifier, for search and maps.

        With pooling ``encoder``, ``cls`` and ``mean`` its vectors are the classifier's own
        document vectors. ``harnn`` and a convolution read tokens: there the mean of the last
        layer's token vectors stands for a text.

        Returns
        -------
        PatentEncoder
            A copy; `PatentEncoder.save` writes a plain sentence-transformers folder.

        Raises
        ------
        DataError
            If there is none, and why: it was fitted on embeddings, or reads words alone.
        """
        if not hasattr(self, "thresholds_"):
            raise NotFittedError("This PatentClassifier is not fitted yet. Call fit, or load one.")
        if self._mixture.text is None:
            raise DataError(
                "the classifier holds no text encoder",
                got=f"{self.head}, fitted on {'words' if self.reads_texts else 'embeddings'}",
                wanted="a classifier fitted on texts that an encoder reads",
            )
        return export_encoder(self._mixture.text.net.text)

    def save(self, folder: str | Path) -> None:
        """Write config.json, model.safetensors, tree.parquet and thresholds.npz into a folder.

        Raises
        ------
        NotFittedError
            Before `fit`.
        """
        if not hasattr(self, "thresholds_"):
            raise NotFittedError("This PatentClassifier is not fitted yet: nothing to save.")
        save_classifier(self, Path(folder))

    @classmethod
    def load(
        cls, folder: str | Path, device: str | None = None, encoder: str | None = None
    ) -> PatentClassifier:
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
        return load_classifier(cls, Path(folder), device, encoder)
