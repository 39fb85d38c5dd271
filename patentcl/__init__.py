"""patentcl: embeddings, classification, similarity search and maps for patents.

Public names are resolved on first use, so that ``import patentcl`` loads no heavy library.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from patentcl.core.caches import provide_caches
from patentcl.core.lazy import lazily

provide_caches()
__version__ = "0.1.0"

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

__all__, __getattr__, __dir__ = lazily(
    __name__,
    {
        "": "__version__",
        "data.corpus": "Corpus",
        "cpc": "CpcTree",
        "graph.duckdb": "DuckDBGraph",
        "graph.neo4j.store": "Neo4jGraph",
        "triplets.settings": "MiningRules",
        "triplets.mining": "mine_triplets",
        "encoders.encoder": "PatentEncoder",
        "encoders.distilled": "distill_encoder",
        "encoders.training": "train_encoder",
        "encoders.settings": "TrainingSettings",
        "classification.estimator": "PatentClassifier",
        "search.index": "PatentIndex",
        "metrics": "evaluate compare",
        "maps.drawing": "plot_map",
        "maps.comparison": "compare_maps",
        "pipeline.runner": "run_pipeline",
        "pipeline.build": "Run open_run",
        "core.errors": "PatentclError",
    },
)
