"""The small language in which metrics are asked for.

A name is ``metric[@k][:average][@level]``, for example ``f1:macro@subclass``, ``precision@1``,
``ndcg@10@class`` or ``hier_f1:micro``. Without a level, the top-k metrics look at the deepest level
of the tree and all others at every node; ``@all`` means every node for any of them.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from patentcl.core.errors import ConfigError

FLAT_AVERAGES = ("micro", "macro", "macro_true", "weighted", "samples")
HIER_AVERAGES = ("micro", "macro", "macro_all", "weighted", "samples")
CURVE_AVERAGES = ("micro", "macro", "weighted")


@dataclass(frozen=True)
class Definition:
    """What one metric is called, takes and needs.

    Parameters
    ----------
    name : str
    family : {"set", "hier", "tree", "curve", "rank", "topk", "probability"}
        Which part of the suite computes it.
    meaning : str
        One line, for the list of metrics.
    averages : tuple of str
        The averages to choose from; empty where there is nothing to choose.
    cutoff : {"none", "may", "must"}
        Whether ``@k`` is refused, allowed or required.
    higher_is_better : bool or None
        None where neither is.
    """

    name: str
    family: str
    meaning: str
    averages: tuple[str, ...] = ()
    cutoff: str = "none"
    higher_is_better: bool | None = True

    def examples(self) -> list[str]:
        """Complete names that this definition allows, with cut-off 10 standing for any."""
        heads = {"none": [""], "may": ["", "@10"], "must": ["@10"]}[self.cutoff]
        tails = [f":{a}" for a in self.averages] or [""]
        return [f"{self.name}{head}{tail}" for head in heads for tail in tails]


def _table(*rows: Definition) -> dict[str, Definition]:
    return {row.name: row for row in rows}


DEFINITIONS = _table(
    Definition("precision", "set", "share of predicted labels that are true", FLAT_AVERAGES, "may"),
    Definition("recall", "set", "share of true labels that are predicted", FLAT_AVERAGES, "may"),
    Definition("f1", "set", "harmonic mean of precision and recall", FLAT_AVERAGES, "may"),
    Definition("subset_accuracy", "set", "share of patents whose label set is exactly right"),
    Definition(
        "hamming_loss", "set", "share of label decisions that are wrong", higher_is_better=False
    ),
    Definition("hier_precision", "hier", "precision over ancestor-closed sets", HIER_AVERAGES),
    Definition("hier_recall", "hier", "recall over ancestor-closed sets", HIER_AVERAGES),
    Definition("hier_f1", "hier", "F1 over ancestor-closed sets", HIER_AVERAGES),
    Definition(
        "lca_precision",
        "tree",
        "credit of a predicted label by its lowest common ancestor with the truth",
    ),
    Definition(
        "lca_recall",
        "tree",
        "credit of a true label by its lowest common ancestor with the prediction",
    ),
    Definition("lca_f1", "tree", "harmonic mean of the two, for each patent"),
    Definition(
        "hops",
        "tree",
        "mean tree hops from a false positive to the nearest true label of its level",
        higher_is_better=False,
    ),
    Definition("hops_sd", "tree", "standard deviation of those hops", higher_is_better=None),
    Definition(
        "violations",
        "tree",
        "predicted labels whose parent is not predicted, per patent",
        higher_is_better=False,
    ),
    Definition(
        "no_prediction",
        "set",
        "share of patents without any predicted label",
        higher_is_better=False,
    ),
    Definition("labels_true", "set", "true labels per patent", higher_is_better=None),
    Definition("labels_predicted", "set", "predicted labels per patent", higher_is_better=None),
    Definition(
        "average_precision",
        "curve",
        "area under the precision-recall curve as a sum of steps",
        CURVE_AVERAGES,
    ),
    Definition(
        "roc_auc", "curve", "chance that a true label scores above a false one", CURVE_AVERAGES
    ),
    Definition("lrap", "rank", "label ranking average precision"),
    Definition(
        "coverage_error",
        "rank",
        "how far down the ranking the last true label is",
        higher_is_better=False,
    ),
    Definition(
        "ranking_loss",
        "rank",
        "share of (true, false) label pairs in the wrong order",
        higher_is_better=False,
    ),
    Definition("hit", "topk", "whether one of the first k is right", (), "must"),
    Definition("ndcg", "topk", "discounted cumulative gain over the best possible", (), "may"),
    Definition("map", "topk", "mean over relevant items of the precision at their rank", (), "may"),
    Definition("mrr", "topk", "reciprocal rank of the first relevant item", (), "may"),
    Definition("r_precision", "topk", "precision at the number of relevant items"),
    Definition(
        "first_rank", "topk", "rank of the first relevant item, from 1", higher_is_better=False
    ),
    Definition(
        "ece",
        "probability",
        "expected calibration error, bins of equal width",
        higher_is_better=False,
    ),
    Definition(
        "ece_mass",
        "probability",
        "expected calibration error, bins of equal mass",
        higher_is_better=False,
    ),
    Definition(
        "brier", "probability", "mean squared error of the probabilities", higher_is_better=False
    ),
    Definition(
        "log_loss",
        "probability",
        "mean negative log-likelihood of the decisions",
        higher_is_better=False,
    ),
)
"""Every metric that `evaluate` knows, by name."""


@dataclass(frozen=True)
class Name:
    """A metric name taken apart.

    Parameters
    ----------
    text : str
        As it was asked for.
    metric : str
    family : str
        Of the `Definition`; ``precision@k`` and its like are of family ``"topk"``.
    k : int or None
    average : str or None
    level : str or None
        None where none was named.
    """

    text: str
    metric: str
    family: str
    k: int | None
    average: str | None
    level: str | None

    @property
    def definition(self) -> Definition:
        """The entry of `DEFINITIONS`."""
        return DEFINITIONS[self.metric]


def known_names() -> list[str]:
    """Complete names of all metrics (any number may stand for 10).

    Examples
    --------
    >>> "f1:macro" in known_names(), "ndcg@10" in known_names()
    (True, True)
    """
    names: list[str] = []
    for definition in DEFINITIONS.values():
        if definition.averages and definition.cutoff == "may":
            names += [f"{definition.name}:{a}" for a in definition.averages]
            names.append(f"{definition.name}@10")
        else:
            names += definition.examples()
    return names


def _unknown(text: str) -> ConfigError:
    # Three suggestions always, however far off the name is: the full list is too long for one line.
    near = difflib.get_close_matches(text.lower(), known_names(), n=3, cutoff=0.0)
    return ConfigError("unknown metric", got=repr(text), fix=f"Did you mean {', '.join(near)}?")


def parse_name(text: str) -> Name:
    """Take a metric name apart.

    Raises
    ------
    ConfigError
        If the name is unknown (with the nearest three), has an average or a cut-off that the metric
        does not take, lacks one that it needs, or ``k < 1``.

    Examples
    --------
    >>> name = parse_name("f1:macro@subclass")
    >>> name.metric, name.average, name.level
    ('f1', 'macro', 'subclass')
    >>> parse_name("ndcg@10").k
    10
    """
    if not isinstance(text, str):
        raise ConfigError("a metric name is not text", got=repr(text), wanted="e.g. 'f1:macro'")
    match = re.fullmatch(r"([a-z0-9_]+)((?:[:@][^:@\s]+)*)", text)
    if match is None or match[1] not in DEFINITIONS:
        raise _unknown(text)
    definition = DEFINITIONS[match[1]]
    k: int | None = None
    average = level = None
    for mark, word in re.findall(r"([:@])([^:@]+)", match[2]):
        if mark == ":" and average is None:
            average = word
        elif mark == "@" and k is None and re.fullmatch(r"[+-]?\d+(\.\d+)?", word):
            k = _cutoff(word, text)
        elif mark == "@" and level is None:
            level = word
        else:
            raise _unknown(text)
    return _checked(definition, text, k, average, level)


def _cutoff(word: str, text: str) -> int:
    if not word.isdigit() or int(word) < 1:
        raise ConfigError(
            "a cut-off must be a whole number of at least 1", where=repr(text), got=word
        )
    return int(word)


def _checked(
    definition: Definition, text: str, k: int | None, average: str | None, level: str | None
) -> Name:
    family = definition.family
    if definition.cutoff == "may" and definition.averages and k is not None:
        if average is not None:
            raise ConfigError(
                "a metric at a cut-off is a mean over patents and takes no average",
                got=repr(text),
                wanted=f"{definition.name}@{k}",
            )
        return Name(text, definition.name, "topk", k, None, level)
    if k is not None and definition.cutoff == "none":
        raise ConfigError(
            "this metric takes no cut-off",
            got=repr(text),
            wanted=" or ".join(definition.examples()),
        )
    if k is None and definition.cutoff == "must":
        raise ConfigError(
            "this metric needs a cut-off", got=repr(text), wanted=f"e.g. {definition.name}@10"
        )
    if definition.averages and average not in definition.averages:
        wanted = ", ".join(f"{definition.name}:{a}" for a in definition.averages)
        if definition.cutoff == "may":
            wanted += f" or {definition.name}@10"
        raise ConfigError("this metric needs one of its averages", got=repr(text), wanted=wanted)
    if average is not None and not definition.averages:
        raise ConfigError("this metric takes no average", got=repr(text), wanted=definition.name)
    return Name(text, definition.name, family, k, average, level)


def parse_names(names: str | Iterable[str]) -> list[Name]:
    """Parse one name or several; an empty list and repeated names raise ConfigError."""
    texts: Sequence[str] = [names] if isinstance(names, str) else list(names)
    if not texts:
        raise ConfigError("no metric was asked for", wanted="at least one name, e.g. 'f1:micro'")
    if len(set(texts)) != len(texts):
        twice = next(t for t in texts if list(texts).count(t) > 1)
        raise ConfigError("a metric was asked for twice", got=repr(twice))
    return [parse_name(t) for t in texts]
