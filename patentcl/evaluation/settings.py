"""Settings of the evaluation of a run."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from patentcl.core.settings import Positive, Settings


class ReportSettings(Settings):
    """What the evaluation looks at."""

    metrics: Annotated[tuple[str, ...], Field(min_length=1)] = (
        "hier_precision:micro",
        "hier_recall:micro",
        "hier_f1:micro",
        "hier_f1:macro",
        "f1:micro@section",
        "f1:micro@class",
        "f1:micro@subclass",
        "f1:macro@subclass",
        "average_precision:micro",
        "precision@1",
        "recall@5",
        "hit@3",
    )
    """Metrics of the classifier."""
    retrieval: Annotated[tuple[str, ...], Field(min_length=1)] = (
        "ndcg@10",
        "recall@10",
        "recall@100",
        "mrr",
    )
    """Metrics of retrieval."""
    queries: Positive = 2000
    """At most this many held-out patents search for what they cite or share a group with."""
    example: str | None = None
    """An abstract for the page to classify and to look up; None: a held-out patent of the run."""
