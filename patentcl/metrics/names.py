"""The small language in which metrics are asked for.

A name is ``metric[@k][:average][@level]``, for example ``f1:macro@subclass``, ``precision@1``,
``ndcg@10@class`` or ``hier_f1:micro``. Without a level, the top-k metrics look at the deepest level
of the tree and all others at every node; ``@all`` means every node for any of them.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable
from dataclasses import dataclass

from patentcl.core.errors import ConfigError

FLAT = ("micro", "macro", "macro_true", "weighted", "samples")
CLOSED = ("micro", "macro", "macro_all", "weighted", "samples")
AREA = ("micro", "macro", "weighted")
HIGHER, LOWER, NEITHER = True, False, None


@dataclass(frozen=True)
class Definition:
    """What one metric is called, takes and needs.

    ``family`` is the part of the suite that computes it. ``averages`` are those to choose from.
    ``cutoff`` says whether ``@k`` is refused ("none"), allowed ("may") or required ("must").
    """

    name: str
    family: str
    meaning: str
    higher_is_better: bool | None = HIGHER
    averages: tuple[str, ...] = ()
    cutoff: str = "none"

    def examples(self) -> list[str]:
        """Complete names that this definition allows, with cut-off 10 standing for any."""
        plain = [f"{self.name}:{a}" for a in self.averages] or [self.name]
        at_k = [f"{self.name}@10"]
        return {"none": plain, "may": plain + at_k, "must": at_k}[self.cutoff]


_ROWS = (
    Definition("precision", "set", "share of predicted labels that are true", HIGHER, FLAT, "may"),
    Definition("recall", "set", "share of true labels that are predicted", HIGHER, FLAT, "may"),
    Definition("f1", "set", "harmonic mean of precision and recall", HIGHER, FLAT, "may"),
    Definition("subset_accuracy", "set", "share of patents whose label set is exactly right"),
    Definition("hamming_loss", "set", "share of label decisions that are wrong", LOWER),
    Definition("hier_precision", "hier", "precision over ancestor-closed sets", HIGHER, CLOSED),
    Definition("hier_recall", "hier", "recall over ancestor-closed sets", HIGHER, CLOSED),
    Definition("hier_f1", "hier", "F1 over ancestor-closed sets", HIGHER, CLOSED),
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
        LOWER,
    ),
    Definition("hops_sd", "tree", "standard deviation of those hops", NEITHER),
    Definition(
        "violations", "tree", "predicted labels whose parent is not predicted, per patent", LOWER
    ),
    Definition("no_prediction", "set", "share of patents without any predicted label", LOWER),
    Definition("labels_true", "set", "true labels per patent", NEITHER),
    Definition("labels_predicted", "set", "predicted labels per patent", NEITHER),
    Definition(
        "average_precision",
        "curve",
        "area under the precision-recall curve as a sum of steps",
        HIGHER,
        AREA,
    ),
    Definition(
        "roc_auc", "curve", "chance that a true label scores above a false one", HIGHER, AREA
    ),
    Definition("lrap", "rank", "label ranking average precision"),
    Definition("coverage_error", "rank", "how far down the ranking the last true label is", LOWER),
    Definition(
        "ranking_loss", "rank", "share of (true, false) label pairs in the wrong order", LOWER
    ),
    Definition("hit", "topk", "whether one of the first k is right", HIGHER, (), "must"),
    Definition(
        "ndcg", "topk", "discounted cumulative gain over the best possible", HIGHER, (), "may"
    ),
    Definition(
        "map", "topk", "mean over relevant items of the precision at their rank", HIGHER, (), "may"
    ),
    Definition("mrr", "topk", "reciprocal rank of the first relevant item", HIGHER, (), "may"),
    Definition("r_precision", "topk", "precision at the number of relevant items"),
    Definition("first_rank", "topk", "rank of the first relevant item, from 1", LOWER),
    Definition("ece", "probability", "expected calibration error, bins of equal width", LOWER),
    Definition("ece_mass", "probability", "expected calibration error, bins of equal mass", LOWER),
    Definition("brier", "probability", "mean squared error of the probabilities", LOWER),
    Definition("log_loss", "probability", "mean negative log-likelihood of the decisions", LOWER),
)
DEFINITIONS = {row.name: row for row in _ROWS}
"""Every metric that `evaluate` knows, by name."""


@dataclass(frozen=True)
class Name:
    """A metric name taken apart; ``precision@k`` and its like are of family "topk"."""

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
    return [name for row in _ROWS for name in row.examples()]


def _unknown(text: str) -> ConfigError:
    # Three suggestions always, however far off the name is: the full list is too long for one line.
    near = difflib.get_close_matches(text.lower(), known_names(), n=3, cutoff=0.0)
    return ConfigError("unknown metric", got=repr(text), fix=f"Did you mean {', '.join(near)}?")


def parse_name(text: str) -> Name:
    """Take a metric name apart; one that is unknown or incomplete raises ConfigError.

    Examples
    --------
    >>> name = parse_name("f1:macro@subclass")
    >>> name.metric, name.average, name.level
    ('f1', 'macro', 'subclass')
    """
    if not isinstance(text, str):
        raise ConfigError("a metric name is not text", got=repr(text), wanted="e.g. 'f1:macro'")
    match = re.fullmatch(r"([a-z0-9_]+)((?:[:@][^:@\s]+)*)", text)
    if match is None or match[1] not in DEFINITIONS:
        raise _unknown(text)
    k: int | None = None
    average = level = None
    for mark, word in re.findall(r"([:@])([^:@]+)", match[2]):
        if mark == ":" and average is None:
            average = word
        elif mark == "@" and k is None and re.fullmatch(r"[+-]?\d+(\.\d+)?", word):
            if not word.isdigit() or int(word) < 1:
                raise ConfigError(
                    "a cut-off must be a whole number of at least 1", where=repr(text), got=word
                )
            k = int(word)
        elif mark == "@" and level is None:
            level = word
        else:
            raise _unknown(text)
    definition = DEFINITIONS[match[1]]
    _check(definition, text, k, average)
    family = definition.family if k is None else "topk"
    return Name(text, definition.name, family, k, average, level)


def _check(definition: Definition, text: str, k: int | None, average: str | None) -> None:
    """Raise ConfigError unless a metric takes this cut-off and this average."""
    needs_average = bool(definition.averages) and k is None
    wanted = ", ".join(definition.examples())
    if k is not None and definition.cutoff == "none":
        problem = "this metric takes no cut-off"
    elif k is None and definition.cutoff == "must":
        problem = "this metric needs a cut-off"
    elif needs_average and average not in definition.averages:
        problem = "this metric needs one of its averages"
    elif average is not None and not needs_average:
        problem = "this metric takes no average"
        if k is not None and definition.averages:
            problem = "a metric at a cut-off is a mean over patents and takes no average"
            wanted = f"{definition.name}@{k}"
    else:
        return
    raise ConfigError(problem, got=repr(text), wanted=wanted)


def parse_names(names: str | Iterable[str]) -> list[Name]:
    """Parse one name or several; an empty list and repeated names raise ConfigError."""
    texts = [names] if isinstance(names, str) else list(names)
    if not texts:
        raise ConfigError("no metric was asked for", wanted="at least one name, e.g. 'f1:micro'")
    twice = next((text for text in texts if texts.count(text) > 1), None)
    if twice is not None:
        raise ConfigError("a metric was asked for twice", got=repr(twice))
    return [parse_name(text) for text in texts]
