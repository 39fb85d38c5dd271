"""What a classifier predicts for patents: codes with titles, how deep it is confident, evidence."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from patentcl.classification.decisions import outline, predicted_depth
from patentcl.core.tables import counted
from patentcl.workspace.queries import with_text

if TYPE_CHECKING:
    import pandas as pd

    from patentcl.classification.estimator import PatentClassifier
    from patentcl.classification.familiarity import KnownWords
    from patentcl.workspace.evidence import Evidence, Found

NO_TEXT = "it has neither title nor abstract"


@dataclass(frozen=True)
class Code:
    """A predicted node of the tree; confident where it passes its own threshold."""

    symbol: str
    level: str
    title: str
    probability: float
    confident: bool
    depth: int


@dataclass(frozen=True)
class Prediction:
    """What is predicted for one patent.

    `title` is the patent's own and may be empty. `codes` stand children below their parents.
    `confident_level` is the deepest level at which a code passes its own threshold, and
    `predicted_level` the deepest with any code: it lies below where the likeliest code was given
    although it does not pass. `stopped_before` is the level at which no code was likely enough,
    where the prediction ends above the leaves. Levels are None where there is none. `scores` holds
    the probability of each predicted symbol, or of every symbol of the tree; `evidence` the nearest
    labelled patents that carry a predicted symbol. `warning` says that the text is empty, or
    unlike those of the training.
    """

    patent_id: Any
    title: str = ""
    codes: list[Code] = field(default_factory=list)
    confident_level: str | None = None
    predicted_level: str | None = None
    stopped_before: str | None = None
    scores: dict[str, float] = field(default_factory=dict)
    evidence: Found = field(default_factory=dict)
    warning: str | None = None

    @property
    def leaves(self) -> list[Code]:
        """Codes with no predicted code below them."""
        below = [*(code.depth for code in self.codes[1:]), -1]
        return [c for c, depth in zip(self.codes, below, strict=False) if depth <= c.depth]

    def record(self) -> dict[str, Any]:
        """Plain data: patent_id, predicted, scores, level, evidence, perhaps a warning."""
        return {
            "patent_id": self.patent_id,
            "predicted": [c.symbol for c in self.codes],
            "scores": self.scores,
            "level": self.confident_level,
            "evidence": {s: [vars(n) for n in of] for s, of in self.evidence.items()},
            **({"warning": self.warning} if self.warning else {}),
        }


class Predictor:
    """A classifier with what turns texts into its inputs, and a source of evidence.

    `encode` goes from (title, abstract) pairs to the classifier's inputs; None where it takes
    texts. With `all_scores` predictions give probabilities of all nodes. `known` finds texts unlike
    those of the training.
    """

    def __init__(
        self,
        model: PatentClassifier,
        encode: Callable[[Sequence[Any]], Any] | None,
        evidence: Evidence | None = None,
        all_scores: bool = False,
        known: KnownWords | None = None,
    ) -> None:
        self.model, self.encode, self.evidence = model, encode, evidence
        self.all_scores, self.known = all_scores, known
        self._order = outline(model.tree_)

    def predict(self, ids: Sequence[Any], texts: Sequence[Any]) -> Iterator[Prediction]:
        """Yield a prediction for each text or (title, abstract) pair, in their order.

        An empty one has no codes, and a warning.
        """
        full = with_text(texts)
        made = self._predict([ids[i] for i in full], [texts[i] for i in full]) if full else None
        there = set(full)
        for i, pid in enumerate(ids):
            yield next(made) if made and i in there else Prediction(pid, warning=NO_TEXT)

    def _predict(self, ids: Sequence[Any], texts: Sequence[Any]) -> Iterator[Prediction]:
        X: Any = texts if self.encode is None else self.encode(texts)
        near = X
        if self.evidence is not None and self.evidence.encode is not None:
            near = self.evidence.encode(texts)
        tree, thresholds = self.model.tree_, self.model.thresholds_
        levels = [*tree.levels, None]  # the last is also number -1
        for start, scores, chosen in self.model.decisions(X):
            part = slice(start, start + len(scores))
            passed = scores >= thresholds.astype(scores.dtype)
            found: list[Found] = [{}] * len(scores)
            if self.evidence is not None:
                found = self.evidence.find(near[part], chosen, ids[part])
            confident, deepest = (predicted_depth(c, tree) for c in (chosen & passed, chosen))
            at_end = chosen & (tree.depth == deepest[:, None])
            stopped = (deepest + 1 < len(tree.levels)) & ~(at_end & tree.is_leaf).any(axis=1)
            for i, (pid, text) in enumerate(zip(ids[part], texts[part], strict=True)):
                codes = [
                    Code(
                        tree.symbols[j],
                        tree.levels[tree.depth[j]],
                        tree.titles[j],
                        float(scores[i, j]),
                        bool(passed[i, j]),
                        int(tree.depth[j]),
                    )
                    for j in self._order[chosen[i, self._order]]
                ]
                yield Prediction(
                    pid,
                    "" if isinstance(text, str) else text[0],
                    codes,
                    levels[confident[i]],
                    levels[deepest[i]],
                    levels[deepest[i] + 1] if stopped[i] else None,
                    self._scores(scores[i], codes),
                    {c.symbol: found[i][c.symbol] for c in codes} if found[i] else {},
                    self._complaint(text),
                )

    def _complaint(self, text: Any) -> str | None:
        if self.known is None:
            return None
        return self.known.complaint(text if isinstance(text, str) else " ".join(text))

    def _scores(self, scores: np.ndarray, codes: list[Code]) -> dict[str, float]:
        if not self.all_scores:
            return {c.symbol: round(c.probability, 5) for c in codes}
        symbols = self.model.tree_.symbols
        return dict(zip(symbols, scores.astype(float).round(5).tolist(), strict=True))


def complaints(predictions: Iterable[Prediction]) -> list[str]:
    """How many texts are empty or unlike those of the training, each with three of them."""
    found = [p for p in predictions if p.warning]
    empty = [str(p.patent_id) for p in found if p.warning == NO_TEXT]
    strange = [f"{p.patent_id}: {p.warning}" for p in found if p.warning != NO_TEXT]
    out = []
    if empty:
        some = ", ".join(empty[:3])
        out.append(f"{len(empty):,} without title and abstract, so without codes: {some}")
    if strange:
        some = "; ".join(strange[:3])
        out.append(f"{counted(len(strange), 'texts')} unlike the training texts: {some}")
    return out


COLUMNS = ("query", "symbol", "level", "title", "probability", "confident", "evidence")


def as_rows(predictions: Iterable[Prediction]) -> Iterator[tuple[Any, ...]]:
    """One row of `COLUMNS` for each predicted code; evidence is a list of patent ids.

    A patent without a code has one row, with None in place of a symbol.
    """
    for p in predictions:
        if not p.codes:
            yield p.patent_id, None, None, None, None, None, []
        for c in p.codes:
            near = [n.patent_id for n in p.evidence.get(c.symbol, [])]
            yield p.patent_id, c.symbol, c.level, c.title, c.probability, c.confident, near


def as_frame(predictions: Iterable[Prediction]) -> pd.DataFrame:
    """Predictions as a table with `COLUMNS`, one row a code, in their order."""
    import pandas as pd

    return pd.DataFrame(list(as_rows(predictions)), columns=list(COLUMNS))
