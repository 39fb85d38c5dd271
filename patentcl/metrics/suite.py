"""`evaluate`: any set of metrics by name, with shared work done once."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, TypeVar

import numpy as np
from scipy import sparse

from patentcl.core.errors import ConfigError, DataError, choose
from patentcl.cpc import CpcTree
from patentcl.metrics import hierarchy
from patentcl.metrics.curves import Curve, curve_metric, label_curves, micro_curve, micro_metric
from patentcl.metrics.inputs import (
    Scores,
    as_labels,
    as_scores,
    check_closed,
    check_columns,
    check_width,
    column_names,
    decide,
    same_shape,
    select_columns,
)
from patentcl.metrics.labels import SetCounts, count_metric, set_metric
from patentcl.metrics.names import Name, parse_names
from patentcl.metrics.probability import probability_metric
from patentcl.metrics.ranking import Ranks, label_coverage, label_ranks, rank_metric
from patentcl.metrics.result import Metric, Metrics, mean_metric, named

EVERY = "all"
"""The level that stands for every node."""
T = TypeVar("T")


class Evaluation:
    """Checked inputs of one evaluation, and what several metrics share.

    Arguments are those of `evaluate`, and ``labels``: names of the columns, to be checked against
    the tree (those of DataFrames always are).
    """

    def __init__(
        self,
        truth: Any,
        scores: Any = None,
        *,
        tree: CpcTree | None = None,
        threshold: float | np.ndarray = 0.5,
        predicted: Any = None,
        labels: Sequence[str] | None = None,
        outside: Any = None,
    ) -> None:
        self.truth = as_labels(truth, "truth")
        self.tree, self.threshold, self.outside = tree, threshold, outside
        if scores is None and predicted is None:
            raise ConfigError("nothing to evaluate", wanted="scores, predicted, or both")
        self.scores: Scores | None = None if scores is None else as_scores(scores, self.truth.shape)
        self._kept: dict[tuple[str, str], Any] = {}
        self.decided_elsewhere = predicted is not None
        if predicted is not None:
            decisions = as_labels(predicted, "predicted")
            same_shape(self.truth.shape, decisions.shape, "predicted")
            self._kept["predicted", EVERY] = decisions
        self._check_tree(labels, truth, scores, predicted)

    def _check_tree(self, labels: Sequence[str] | None, *matrices: Any) -> None:
        all_names = [n for n in (labels, *map(column_names, matrices)) if n is not None]
        if self.tree is None:
            if any(list(other) != list(all_names[0]) for other in all_names[1:]):
                raise DataError("matrices differ in the order of their labels")
            return
        check_width(self.truth.shape[1], self.tree)
        for names in all_names:
            check_columns(names, self.tree)
        check_closed(self.truth, self.tree)

    # ---- what the metrics ask for ---------------------------------------------------------------

    def _once(self, what: str, level: str, make: Callable[[], T]) -> T:
        """Make something for a level when it is first asked for."""
        if (what, level) not in self._kept:
            self._kept[what, level] = make()
        kept: T = self._kept[what, level]
        return kept

    def need_tree(self, name: Name) -> CpcTree:
        """The tree, or an error that names the metric which needs it."""
        if self.tree is None:
            raise ConfigError(
                "this metric needs the label tree", got=repr(name.text), fix="Pass tree="
            )
        return self.tree

    def need_scores(self, name: Name) -> Scores:
        """The scores, or an error that names the metric which needs them."""
        if self.scores is None:
            raise ConfigError(
                "this metric needs scores, not only decisions",
                got=repr(name.text),
                fix="Pass scores=",
            )
        return self.scores

    def level(self, name: Name) -> str:
        """Key of the level a name asks for: `EVERY` or a level of the tree."""
        if name.level == EVERY:
            return EVERY
        if name.level is not None:
            known = [*self.need_tree(name).levels, EVERY]
            return choose(name.level, known, "level", where=repr(name.text))
        deepest = name.family == "topk" or name.metric in ("hops", "hops_sd")
        return self.deepest if deepest else EVERY

    @property
    def deepest(self) -> str:
        """The level that top-k metrics look at unless told otherwise."""
        return self.tree.levels[-1] if self.tree is not None else EVERY

    def columns(self, level: str) -> np.ndarray | None:
        """Columns of a level; None for all."""
        if level == EVERY or self.tree is None:
            return None
        return self.tree.at_level(level)

    @property
    def predicted(self) -> sparse.csr_matrix:
        """Decisions: those given, else scores at or above the threshold."""

        def make() -> sparse.csr_matrix:
            assert self.scores is not None
            return decide(self.scores, self.threshold)

        return self._once("predicted", EVERY, make)

    def counts(self, level: str) -> SetCounts:
        """Set sizes at a level."""
        pair, columns = (self.truth, self.predicted), self.columns(level)
        return self._once(
            "counts", level, lambda: SetCounts(*(select_columns(each, columns) for each in pair))
        )

    def closed(self, tree: CpcTree) -> sparse.csr_matrix:
        """Decisions with all their ancestors."""
        return self._once("closed", EVERY, lambda: tree.close(self.predicted))

    def micro(self, name: Name, level: str) -> Curve:
        """The precision-recall counts over all decisions of a level."""
        given = self.truth, self.need_scores(name), self.columns(level)
        return self._once("micro", level, lambda: micro_curve(*given))

    # ---- metrics --------------------------------------------------------------------------------

    def metrics(self, names: str | Iterable[str], seed: int = 0) -> Metrics:
        """Compute metrics by name; see `evaluate`."""
        return Metrics(
            named(
                _FAMILIES[name.family](self, name),
                name.text,
                seed,
                name.definition.higher_is_better,
            )
            for name in parse_names(names)
        )

    def _set(self, name: Name) -> Metric:
        counts = self.counts(self.level(name))
        if name.average is not None:
            return set_metric(name.metric, name.average, counts)
        return count_metric(name.metric, counts)

    def _hierarchical(self, name: Name) -> Metric:
        tree = self.need_tree(name)
        if name.level not in (None, EVERY):
            raise ConfigError(
                "a hierarchical metric looks at the whole tree and takes no level",
                got=repr(name.text),
                wanted=name.text.replace(f"@{name.level}", ""),
            )
        assert name.average is not None
        counts = self._once(
            "hier",
            EVERY,
            lambda: hierarchy.closed_counts(self.truth, self.closed(tree), self.outside),
        )
        return hierarchy.hier_metric(name.metric.removeprefix("hier_"), name.average, counts)

    def _tree(self, name: Name) -> Metric:
        tree = self.need_tree(name)
        level = self.level(name)
        if name.metric in ("hops", "hops_sd"):
            if level == EVERY:
                raise ConfigError(
                    "hops are counted within one level",
                    got=repr(name.text),
                    wanted=f"hops@{tree.levels[-1]}",
                )
            columns, spread = tree.at_level(level), name.metric == "hops_sd"
            return hierarchy.hops(self.truth, self.predicted, tree, columns, spread)
        if level != EVERY:
            raise ConfigError(
                "this metric looks at the whole tree and takes no level",
                got=repr(name.text),
                wanted=name.metric,
            )
        if name.metric == "violations":
            return hierarchy.violations(self.predicted, tree)
        measure = name.metric.removeprefix("lca_")
        return hierarchy.lca_metric(measure, self.truth, self.closed(tree), tree)

    def _curve(self, name: Name) -> Metric:
        level = self.level(name)
        given = self.truth, self.need_scores(name), self.columns(level)
        if name.average == "micro":
            return micro_metric(name.metric, self.micro(name, level), *given)
        assert name.average is not None
        curves = self._once("curves", level, lambda: label_curves(*given))
        return curve_metric(name.metric, name.average, curves)

    def _rank(self, name: Name) -> Metric:
        level = self.level(name)
        scores = self.need_scores(name)
        given = self.truth, scores, self.columns(level)
        known = ("ranks", level) in self._kept
        if name.metric == "coverage_error" and not known and not scores.is_sparse:
            return mean_metric(label_coverage(*given), "patents")
        ranks: Ranks = self._once("ranks", level, lambda: label_ranks(*given))
        return rank_metric(name.metric, name.k, ranks)

    def _probability(self, name: Name) -> Metric:
        columns = self.columns(self.level(name))
        return probability_metric(name.metric, self.truth, self.need_scores(name), columns)


_FAMILIES = {
    "set": Evaluation._set,
    "hier": Evaluation._hierarchical,
    "tree": Evaluation._tree,
    "curve": Evaluation._curve,
    "rank": Evaluation._rank,
    "topk": Evaluation._rank,
    "probability": Evaluation._probability,
}


def evaluate(
    truth: Any,
    scores: Any,
    names: str | Iterable[str],
    tree: CpcTree | None = None,
    threshold: float | np.ndarray = 0.5,
    *,
    predicted: Any = None,
    outside: Any = None,
    seed: int = 0,
) -> Metrics:
    """Evaluate predictions of labels under metrics asked for by name.

    Parameters
    ----------
    truth : matrix of 0 and 1, shape (n_patents, n_labels)
        Sparse, dense, or a DataFrame whose columns are checked. With a tree: closed under
        ancestors, columns in tree order.
    scores : matrix, shape (n_patents, n_labels)
        Dense, memory-mapped, sparse (stored means retrieved), or a function that returns an
        iterator over blocks of rows. May be None where ``predicted`` is given and no metric needs
        scores.
    names : str or iterable of str
        ``metric[@k][:average][@level]``, for example ``"hier_f1:micro"``, ``"f1:macro@subclass"``,
        ``"average_precision:micro"``, ``"precision@1"``, ``"ndcg@10@class"``, ``"ece@class"``. All
        are in `patentcl.metrics.names.DEFINITIONS`. Without a level, metrics of the first k labels
        (and hops) are of the deepest level, all others of every node; ``@all`` is every node.
    tree : CpcTree, optional
        Needed for hierarchical metrics and for levels.
    threshold : float or ndarray of float, shape (n_labels,)
        A label is predicted where its score is at or above it.
    predicted : matrix of 0 and 1, shape (n_patents, n_labels), optional
        Decisions made elsewhere; the threshold is then not used.
    outside : matrix of 0 and 1, shape (n_patents, n_outside), optional
        True labels outside the tree; they count against hierarchical recall.
    seed : int
        Of the bootstrap.

    Returns
    -------
    Metrics
        A mapping from name to value; ``.detail[name]`` has the value of each item, the number of
        undefined ones and a bootstrap interval.

    Raises
    ------
    ConfigError
        For an unknown name or level, or a metric whose needs are not met.
    DataError
        If shapes differ, truth is empty, not binary or not closed, labels are not in the order of
        the tree, a score is not finite, or a probability lies outside [0, 1].

    Examples
    --------
    >>> from patentcl.cpc import CpcTree
    >>> tree = CpcTree.from_symbols(["A01B", "A01C", "B60K"])
    >>> truth = tree.encode([["A01B"], ["B60K"]])
    >>> guess = tree.encode([["A01C"], ["B60K"]])
    >>> names = ["hier_f1:micro", "f1:micro@subclass"]
    >>> result = evaluate(truth, None, names, tree, predicted=guess)
    >>> round(result["hier_f1:micro"], 3), result["f1:micro@subclass"]
    (0.833, 0.5)
    """
    parse_names(names := [names] if isinstance(names, str) else list(names))
    return Evaluation(
        truth, scores, tree=tree, threshold=threshold, predicted=predicted, outside=outside
    ).metrics(names, seed)
