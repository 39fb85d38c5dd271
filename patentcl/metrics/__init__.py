"""Metrics for hierarchical multi-label classification, retrieval and embedding spaces.

`evaluate` computes any set of metrics by name; `evaluate_ranking` does so for retrieval runs;
`compare` tests two systems against each other; `best_threshold` chooses decision thresholds.
Everything is computed for each item first; aggregates come with a bootstrap interval and the number
of undefined items.
"""

from __future__ import annotations

from patentcl.metrics.compare import Comparison, compare
from patentcl.metrics.names import DEFINITIONS, known_names
from patentcl.metrics.result import Metric, Metrics
from patentcl.metrics.retrieval import evaluate_ranking, run_matrices
from patentcl.metrics.space import (
    alignment,
    chance_purity,
    cluster_agreement,
    neighbour_purity,
    pearson,
    spearman,
    tree_correlation,
    triplet_accuracy,
    triplet_margin,
    uniformity,
)
from patentcl.metrics.suite import Evaluation, evaluate
from patentcl.metrics.thresholds import best_threshold

__all__ = [
    "DEFINITIONS",
    "Comparison",
    "Evaluation",
    "Metric",
    "Metrics",
    "alignment",
    "best_threshold",
    "chance_purity",
    "cluster_agreement",
    "compare",
    "evaluate",
    "evaluate_ranking",
    "known_names",
    "neighbour_purity",
    "pearson",
    "run_matrices",
    "spearman",
    "tree_correlation",
    "triplet_accuracy",
    "triplet_margin",
    "uniformity",
]
