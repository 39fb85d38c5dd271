"""Metrics of hierarchical multi-label classification, retrieval and embedding spaces: numbers only.

`evaluate` computes any set of metrics by name, `evaluate_ranking` does so for retrieval runs, and
`compare` tests two systems against each other. Each metric has a value for each item, an aggregate
with a bootstrap interval, and the number of undefined items. Imports core and cpc.
"""

from __future__ import annotations

from patentcl.core.lazy import lazily

_HOME = {
    "DEFINITIONS": "names",
    "Comparison": "comparison",
    "Evaluation": "suite",
    "Metric": "result",
    "Metrics": "result",
    "alignment": "space",
    "best_threshold": "thresholds",
    "chance_purity": "space",
    "cluster_agreement": "space",
    "compare": "comparison",
    "evaluate": "suite",
    "evaluate_ranking": "retrieval",
    "known_names": "names",
    "neighbour_purity": "space",
    "pearson": "space",
    "run_matrices": "retrieval",
    "spearman": "space",
    "tree_correlation": "space",
    "triplet_accuracy": "space",
    "triplet_margin": "space",
    "uniformity": "space",
}
__all__ = list(_HOME)
__getattr__, __dir__ = lazily(__name__, _HOME)
