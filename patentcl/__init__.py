"""patentcl: embeddings, classification, similarity search and maps for patents.

Public names are resolved on first use, so that ``import patentcl`` loads no heavy library.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from patentcl.core.caches import provide_caches
from patentcl.core.lazy import lazily

provide_caches()
__version__ = "0.1.0"

_HOME = {
    "Corpus": "data.corpus",
    "CpcTree": "cpc",
    "DuckDBGraph": "graph.duckdb",
    "Neo4jGraph": "graph.neo4j.store",
    "MiningRules": "triplets.settings",
    "mine_triplets": "triplets.mining",
    "PatentEncoder": "encoders.encoder",
    "distill_encoder": "encoders.distilled",
    "train_encoder": "encoders.training",
    "TrainingSettings": "encoders.settings",
    "PatentClassifier": "classification.estimator",
    "PatentIndex": "search.index",
    "evaluate": "metrics",
    "compare": "metrics",
    "plot_map": "maps.drawing",
    "compare_maps": "maps.comparison",
    "run_pipeline": "pipeline.runner",
    "Run": "pipeline.build",
    "open_run": "pipeline.build",
    "PatentclError": "core.errors",
}

__all__ = ["__version__", *_HOME]

if TYPE_CHECKING:
    from patentcl.classification.estimator import PatentClassifier as PatentClassifier
    from patentcl.core.errors import PatentclError as PatentclError
    from patentcl.cpc import CpcTree as CpcTree
    from patentcl.data.corpus import Corpus as Corpus
    from patentcl.encoders.distilled import distill_encoder as distill_encoder
    from patentcl.encoders.encoder import PatentEncoder as PatentEncoder
    from patentcl.encoders.settings import TrainingSettings as TrainingSettings
    from patentcl.encoders.training import train_encoder as train_encoder
    from patentcl.graph.duckdb import DuckDBGraph as DuckDBGraph
    from patentcl.graph.neo4j.store import Neo4jGraph as Neo4jGraph
    from patentcl.maps.comparison import compare_maps as compare_maps
    from patentcl.maps.drawing import plot_map as plot_map
    from patentcl.metrics import compare as compare
    from patentcl.metrics import evaluate as evaluate
    from patentcl.pipeline.build import Run as Run
    from patentcl.pipeline.build import open_run as open_run
    from patentcl.pipeline.runner import run_pipeline as run_pipeline
    from patentcl.search.index import PatentIndex as PatentIndex
    from patentcl.triplets.mining import mine_triplets as mine_triplets
    from patentcl.triplets.settings import MiningRules as MiningRules

__getattr__, _listed = lazily(__name__, _HOME)


def __dir__() -> list[str]:
    return sorted(__all__)
