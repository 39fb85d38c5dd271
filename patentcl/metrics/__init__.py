"""Metrics of hierarchical multi-label classification, retrieval and embedding spaces: numbers only.

`evaluate` computes any set of metrics by name, `evaluate_ranking` does so for retrieval runs, and
`compare` tests two systems against each other. Each metric has a value for each item, an aggregate
with a bootstrap interval, and the number of undefined items. Imports core and cpc.
"""

from __future__ import annotations

from patentcl.core.lazy import lazily

__all__, __getattr__, __dir__ = lazily(
    __name__,
    {
        "names": "DEFINITIONS known_names",
        "comparison": "Comparison compare",
        "suite": "Evaluation evaluate",
        "result": "Metric Metrics",
        "space": "alignment chance_purity cluster_agreement neighbour_purity pearson spearman "
        "tree_correlation triplet_accuracy triplet_margin uniformity",
        "thresholds": "best_threshold",
        "retrieval": "evaluate_ranking run_matrices",
    },
)
