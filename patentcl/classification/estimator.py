"""`PatentClassifier`: hierarchical multi-label classification of patents, scikit-learn style."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from scipy import sparse
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.exceptions import NotFittedError

from patentcl.classification.calibration import Calibration
from patentcl.classification.decisions import (
    Rules,
    choose,
    fit_thresholds,
    predicted_depth,
    tabulate,
)
from patentcl.classification.ensemble import Ensemble
from patentcl.classification.files import read_arrays, read_config, write_classifier
from patentcl.classification.inputs import (
    Labels,
    as_labels,
    build_tree,
    hold_out,
    labelled_rows,
    take,
)
from patentcl.classification.settings import EstimatorSettings
from patentcl.classification.text.export import export_encoder
from patentcl.classification.training import Hooks, bar
from patentcl.core import artifacts
from patentcl.core.devices import find_device
from patentcl.core.errors import ConfigError, DataError, did_you_mean
from patentcl.core.progress import Progress
from patentcl.core.settings import describe, make_settings
from patentcl.cpc import CpcTree
from patentcl.encoders.encoder import PatentEncoder

if TYPE_CHECKING:
    import pandas as pd

_DEFAULTS = {name: field.default for name, field in EstimatorSettings.model_fields.items()}


class PatentClassifier(ClassifierMixin, BaseEstimator):
    """Predict the nodes of a label tree from embeddings, or from texts.

    Fitting, on embeddings or on texts together with what reads them, trains a head or an ensemble,
    tunes thresholds on a dev split, and keeps all with the tree. Predictions are coherent (a child
    is never likelier than its parent), predicted sets closed under ancestors.

    PARAMETERS

    Attributes
    ----------
    tree_ : CpcTree
    thresholds_ : ndarray of float32, shape (n_nodes,)
    classes_ : ndarray of str, shape (n_nodes,)
        The tree's symbols.
    n_features_in_ : int
        Width of the embeddings or document vectors.
    weights_ : dict of str to float
        Weight of each part of `head`; they add up to 1. Empty with mixing ``stacked``.
    history_ : list of dict
        For each epoch of the first head: loss, dev figures, learning_rate, seconds, best.
    unlabelled_ : dict
        Patents of ``train`` and ``dev`` that were left out because they have no label.
    truncated_ : dict
        Texts of ``train`` and ``dev`` that were longer than what is read of them; 0 without texts.
    encoder_ : str or None
        Fingerprint of the encoder of the embeddings, if it was given.

    Notes
    -----
    scikit-learn refuses sparse labels and cannot split lists of symbols by itself. What works in
    `cross_validate`, `GridSearchCV` and pipelines: a DataFrame of 0 and 1 with symbols as columns;
    a dense array with the tree that its columns belong to (``params={"tree": tree}``); lists of
    symbols with a splitter (``cv=KFold(5)``).

    Examples
    --------
    >>> import numpy as np
    >>> import pandas as pd
    >>> from sklearn.model_selection import cross_validate
    >>> rng = np.random.default_rng(0)
    >>> X = np.repeat(np.eye(3, 8, dtype=np.float32), 40, axis=0)
    >>> X += rng.normal(0, 0.05, X.shape).astype(np.float32)
    >>> Y = [["A01B"]] * 40 + [["A01C"]] * 40 + [["B60K", "A01C"]] * 40
    >>> model = PatentClassifier(hidden=32, epochs=60, batch_size=16).fit(X, Y)
    >>> model.predict_symbols(X[[0, 50, 110]])
    [['A01B'], ['A01C'], ['A01C', 'B60K']]
    >>> frame = pd.DataFrame({s: [s in row for row in Y] for s in ("A01B", "A01C", "B60K")})
    >>> order = rng.permutation(len(X))
    >>> found = cross_validate(model, X[order], frame.iloc[order], cv=2)
    >>> bool((found["test_score"] > 0.9).all())
    True
    """

    # The parameters are the fields of `EstimatorSettings`; as of every scikit-learn estimator they
    # are kept as they are given, and checked in `fit`.
    def __init__(self, head: str = "levels", **settings: Any) -> None:
        unknown = next((name for name in settings if name not in _DEFAULTS), None)
        if unknown is not None:
            raise TypeError(
                f"PatentClassifier got an unknown parameter {unknown!r}. "
                f"{did_you_mean(unknown, _DEFAULTS)}"
            )
        for name, value in {**_DEFAULTS, **settings, "head": head}.items():
            setattr(self, name, value)

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
        progress: Progress | None = None,
        checkpoint: str | Path | None = None,
    ) -> PatentClassifier:
        """Train the head, or all from the words up, and tune the thresholds.

        Parameters
        ----------
        X : ndarray of float (n_patents, dim), Corpus, or sequence of str or (title, abstract)
            Embeddings, which may be memory-mapped; or texts.
        Y : matrix of bool (n_patents, n_nodes), DataFrame, or list of lists of str
            A matrix has its columns in tree order; a DataFrame has symbols as columns. Ancestors
            are added. A patent without labels is left out and counted in `unlabelled_`.
        tree : CpcTree, optional
            Needed with a matrix. From symbols it is built, those of the dev set included, down to
            the parameter `level`; a warning says how many lie below.
        dev : (X, Y), optional
            For early stopping and thresholds; a seeded share of the patents is held out if None.
        encoder : str, optional
            Fingerprint of the encoder, saved with the classifier and checked when it is loaded.
        on_epoch : callable, optional
            Called with each row of `history_` as it is made.
        progress : callable, optional
            Called with (steps done, steps in all), in place of the bar that `verbose` shows.
        checkpoint : path, optional
            A file that keeps the state of the first head's training every few minutes. If it is
            there, an interrupted training of the same data and settings is resumed from it.

        Raises
        ------
        DataError
            If rows or columns do not match, a value is not finite, a text is empty or no text, a
            symbol is outside the tree, or train or dev has no label.
        ConfigError
            For a setting that is not known or out of range.
        """
        settings = self._settings()
        if tree is None:
            tree = build_tree(Y, None if dev is None else dev[1], settings.level)
        _rules(settings, tree)  # complains before training does its work
        ensemble = Ensemble.on(X, settings, tree)
        inputs = ensemble.read(X, "X")
        labels = as_labels(Y, tree, len(inputs), "Y")
        rows = labelled_rows(labels, "the training set")
        unlabelled = {"train": len(inputs) - len(rows), "dev": 0}
        truncated = {"train": ensemble.truncated, "dev": 0}
        if dev is None:
            rows, dev_rows = hold_out(rows, settings.dev_fraction, settings.seed)
            dev_set = (take(inputs, dev_rows), labels[dev_rows])
        else:
            width = None if ensemble.reads_texts else inputs.shape[1]
            dev_inputs = ensemble.read(dev[0], "dev X", width)
            dev_labels = as_labels(dev[1], tree, len(dev_inputs), "dev Y")
            dev_rows = labelled_rows(dev_labels, "the dev set")
            dev_set = (take(dev_inputs, dev_rows), dev_labels[dev_rows])
            unlabelled["dev"] = len(dev_inputs) - len(dev_rows)
            truncated["dev"] = ensemble.truncated
        with bar(progress, settings.verbose) as told:
            hooks = Hooks(on_epoch, told, None if checkpoint is None else Path(checkpoint))
            train_set = (take(inputs, rows), labels[rows])
            width, history, scores = ensemble.fit(train_set, dev_set, hooks)
        self._take(ensemble, width)
        self.history_, self.encoder_ = history, encoder
        self.unlabelled_, self.truncated_ = unlabelled, truncated
        self._decide_by(scores, dev_set[1], settings)
        return self

    def _take(self, ensemble: Ensemble, width: int) -> None:
        """Take over what has been trained or loaded."""
        self._ensemble = ensemble
        self.tree_, self.classes_ = ensemble.tree, np.array(ensemble.tree.symbols)
        self.n_features_in_, self.weights_ = width, ensemble.weights

    def _decide_by(
        self, scores: np.ndarray, labels: sparse.csr_matrix, settings: EstimatorSettings
    ) -> None:
        """Calibration and thresholds, from combined probabilities and labels of dev."""
        self._calibration = None
        if settings.calibration is not None:
            self._calibration = Calibration.fit(settings.calibration, labels, scores, self.tree_)
            scores = self._calibration.apply(scores, self.tree_)
        kind = settings.threshold
        if isinstance(kind, str):
            hard = _is_hard(settings)
            self.thresholds_ = fit_thresholds(
                labels, scores, self.tree_, kind, hard, settings.shrinkage
            )
        else:
            self.thresholds_ = np.full(len(self.tree_), kind, dtype=np.float32)

    def _settings(self) -> EstimatorSettings:
        """The parameters, checked."""
        given = {name: _plain(value) for name, value in self.get_params(deep=False).items()}
        return make_settings(EstimatorSettings, given, "PatentClassifier")

    @property
    def device_(self) -> torch.device:
        """Where it runs."""
        return self._ensemble.device

    @property
    def reads_texts(self) -> bool:
        """Whether it was fitted on texts, and takes these rather than embeddings."""
        return self._ensemble.reads_texts

    # ---- predicting -------------------------------------------------------------------------

    def _check_fitted(self) -> None:
        if not hasattr(self, "thresholds_"):
            raise NotFittedError("This PatentClassifier is not fitted yet. Call fit, or load one.")

    def _checked(self, X: Any) -> Any:
        self._check_fitted()
        width = None if self.reads_texts else self.n_features_in_
        return self._ensemble.read(X, "X", width, empty=True)

    def _scores(self, inputs: Any) -> Iterator[tuple[int, np.ndarray]]:
        """Yield first row and coherent probabilities before any hard mask."""
        for start, scores in self._ensemble.scores(inputs, self._settings().prune):
            if self._calibration is not None:
                scores = self._calibration.apply(scores, self.tree_)
            yield start, scores

    def _decided(self, inputs: Any) -> Iterator[tuple[int, np.ndarray, np.ndarray]]:
        """Yield first row, probabilities and chosen labels of some patents at a time."""
        rules = _rules(self._settings(), self.tree_)
        for start, scores in self._scores(inputs):
            chosen = choose(scores, self.thresholds_, self.tree_, rules)
            yield start, self._masked(scores) if rules.hard else scores, chosen

    def decisions(self, X: Any) -> Iterator[tuple[int, np.ndarray, np.ndarray]]:
        """Yield probabilities and labels together, some patents at a time.

        Each time the number of the first patent, what `predict_proba` gives, float32, and what
        `predict` gives, dense bool.
        """
        yield from self._decided(self._checked(X))

    def _masked(self, scores: np.ndarray) -> np.ndarray:
        """Put probabilities below a parent that its threshold drops to 0."""
        passed = choose(scores, self.thresholds_, self.tree_, Rules(hard=True))
        inner = self.tree_.parent >= 0
        scores[:, inner] *= passed[:, self.tree_.parent[inner]]
        return scores

    def predict_proba(self, X: Any) -> np.ndarray:
        """Probability of each node: float32 (n_patents, n_nodes).

        Coherent: a child is never above its parent. With mask ``hard``, 0 below a parent that its
        threshold drops. X is as in `fit`.

        Raises
        ------
        DataError
            If the width is not that of the training embeddings, or a value is not finite.
        """
        inputs, hard = self._checked(X), _is_hard(self._settings())
        out = np.empty((len(inputs), len(self.tree_)), dtype=np.float32)
        for start, scores in self._scores(inputs):
            out[start : start + len(scores)] = self._masked(scores) if hard else scores
        return out

    def predict(self, X: Any) -> sparse.csr_matrix:
        """Labels of each patent: bool CSR (n_patents, n_nodes), closed under ancestors."""
        return self._predicted(self._checked(X))

    def _predicted(self, inputs: Any) -> sparse.csr_matrix:
        counts, columns = [np.zeros(1, dtype=np.int64)], [np.empty(0, dtype=np.int32)]
        for chosen in self._labels(inputs):
            counts.append(np.count_nonzero(chosen, axis=1))
            columns.append((np.flatnonzero(chosen) % len(self.tree_)).astype(np.int32))
        indptr, indices = np.cumsum(np.concatenate(counts)), np.concatenate(columns)
        return sparse.csr_matrix(
            (np.ones(len(indices), dtype=bool), indices, indptr),
            shape=(len(indptr) - 1, len(self.tree_)),
        )

    def _labels(self, inputs: Any) -> Iterator[np.ndarray]:
        """Yield chosen labels of each block, bool (rows, n_nodes)."""
        if self._ensemble.one_of_nodes and self._calibration is None:
            settings = self._settings()
            rules = _rules(settings, self.tree_)
            yield from self._ensemble.labels(inputs, self.thresholds_, rules, settings.prune)
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
        X : as in `fit`
        ids : sequence of str, optional
            Names of the patents; row numbers if None.
        top : int
            List at least this many of the likeliest nodes of the deepest level, predicted or not.

        Returns
        -------
        DataFrame
            Patent by patent, children below their parents: ``patent_id``, ``symbol``, ``level``,
            ``title``, ``probability``, ``threshold``, ``predicted``, ``confident`` (predicted by
            its own threshold, not only to give the patent a label).
        """
        inputs = self._checked(X)
        if ids is not None and len(ids) != len(inputs):
            raise DataError("ids and X differ in length", got=f"{len(ids)} ids", wanted=len(inputs))
        if top < 0:
            raise ConfigError("top is negative", got=top)
        names = np.asarray(ids if ids is not None else np.arange(len(inputs)), dtype=object)
        return tabulate(self._decided(inputs), names, self.thresholds_, self.tree_, top)

    def answered(self, X: Any) -> list[str]:
        """Level of each patent's most specific predicted label; an empty string without any."""
        inputs = self._checked(X)
        names = (*self.tree_.levels, "")  # the last is also number -1
        return [
            names[d]
            for _, _, chosen in self._decided(inputs)
            for d in predicted_depth(chosen, self.tree_)
        ]

    def score(self, X: Any, Y: Labels, sample_weight: None = None) -> float:
        """Micro hierarchical F1: ``2 |T & P| / (|T| + |P|)`` over all patents' closed sets.

        X and Y are as in `fit`; symbols outside the tree are dropped. There are no sample weights;
        the parameter is there because scikit-learn passes it by that name.
        """
        if sample_weight is not None:
            raise ConfigError("score takes no sample weights")
        inputs = self._checked(X)
        truth = as_labels(Y, self.tree_, len(inputs), "Y", unknown="drop")
        predicted = self._predicted(inputs)
        total = truth.nnz + predicted.nnz
        return 2.0 * truth.multiply(predicted).nnz / total if total else float("nan")

    # ---- files ------------------------------------------------------------------------------

    def text_encoder(self) -> PatentEncoder:
        """The encoder that was tuned for this classifier, for search and maps.

        With pooling ``encoder``, ``cls`` and ``mean`` its vectors are the classifier's own
        document vectors. ``harnn`` and a convolution read tokens: there the mean of the last
        layer's token vectors stands for a text. It is a copy, and `PatentEncoder.save` writes a
        plain sentence-transformers folder.

        Raises
        ------
        DataError
            If there is none, and why: it was fitted on embeddings, or reads words alone.
        """
        self._check_fitted()
        if self._ensemble.text is None:
            reads = "words" if self.reads_texts else "embeddings"
            raise DataError(
                "the classifier holds no text encoder",
                got=f"{self._settings().head}, fitted on {reads}",
                wanted="a classifier fitted on texts that an encoder reads",
            )
        return export_encoder(self._ensemble.text.model)

    def save(self, folder: str | Path) -> None:
        """Write config.json, model.safetensors, tree.parquet and thresholds.npz into a folder.

        A classifier of texts also writes what reads them, into the folder ``encoder``.
        """
        self._check_fitted()
        facts, state = self._ensemble.save(Path(folder))
        arrays = {"thresholds": self.thresholds_}
        if self._calibration is not None:
            arrays |= {f"calibration_{d}": m for d, m in enumerate(self._calibration.maps)}
        settings = self._settings()
        params = settings.model_dump()
        params["text"] = settings.reading.model_dump() if facts["text"] else None
        record = {
            "params": params,
            **facts,
            "dim": int(self.n_features_in_),
            "n_nodes": len(self.tree_),
            "encoder": self.encoder_,
            "unlabelled": self.unlabelled_,
            "truncated": self.truncated_,
            "history": self.history_,
        }
        write_classifier(Path(folder), record, state, self.tree_, arrays)

    @classmethod
    def load(
        cls, folder: str | Path, device: str | None = None, encoder: str | None = None
    ) -> PatentClassifier:
        """Read a classifier written by `save`, or that of a run.

        `device` is where it shall run, by default a GPU if there is one. `encoder`, the fingerprint
        of what embeds the texts to classify, must be the one that it was fitted with.

        Raises
        ------
        DataError
            If a file is missing or changed, the format is newer than this version reads, or the
            encoder is another one.
        """
        folder = artifacts.part(folder, "classifier")
        return artifacts.opened(folder, partial(cls._load, folder, device, encoder))

    @classmethod
    def _load(cls, folder: Path, device: str | None, encoder: str | None) -> PatentClassifier:
        record = read_config(folder, encoder)
        state, tree, arrays = read_arrays(folder)
        out = cls(**record["params"])
        settings = out._settings()
        where = find_device(device)
        out._take(Ensemble.load(folder, settings, record, state, tree, where), int(record["dim"]))
        out.thresholds_, out._calibration = arrays["thresholds"], None
        if settings.calibration is not None:
            maps = [arrays[f"calibration_{d}"] for d in range(len(tree.levels))]
            out._calibration = Calibration(settings.calibration, maps)
        out.history_, out.unlabelled_ = record["history"], record["unlabelled"]
        out.truncated_ = record.get("truncated", {"train": 0, "dev": 0})
        out.encoder_ = record["encoder"]
        return out


def _describe_parameters() -> None:
    """Give `PatentClassifier` the signature and the documentation of its settings."""
    kind = inspect.Parameter.KEYWORD_ONLY
    head, *others = (
        inspect.Parameter(name, kind, default=default) for name, default in _DEFAULTS.items()
    )
    own = inspect.Parameter("self", inspect.Parameter.POSITIONAL_ONLY)
    head = head.replace(kind=inspect.Parameter.POSITIONAL_OR_KEYWORD)
    signature = inspect.Signature([own, head, *others])
    PatentClassifier.__init__.__signature__ = signature  # type: ignore[attr-defined]
    rows = [
        f"{each.key} : {each.type}, default {each.default!r}\n        {each.meaning}"
        for each in describe(EstimatorSettings)
        if "." not in each.key
    ]
    text = "\n    ".join(["Parameters", "----------", *rows])
    PatentClassifier.__doc__ = str(PatentClassifier.__doc__).replace("PARAMETERS", text)


_describe_parameters()


def _plain(value: Any) -> Any:
    """NumPy's numbers, as grid searches pass them, as Python's."""
    return value.tolist() if isinstance(value, np.generic | np.ndarray) else value


def _is_hard(settings: EstimatorSettings) -> bool:
    return settings.mask == "hard" and settings.head != "flat"


def _rules(settings: EstimatorSettings, tree: CpcTree) -> Rules:
    least = settings.at_least_one
    if isinstance(least, str):
        if least not in tree.levels:
            raise ConfigError(
                "at_least_one names no level of the tree",
                got=least,
                fix=did_you_mean(least, tree.levels),
            )
        at_least = tree.levels.index(least)
    else:
        at_least = len(tree.levels) - 1 if least else -1
    return Rules(_is_hard(settings), at_least, settings.back_off, settings.top_k)
