"""patentcl: embeddings, classification, similarity search and maps for patents.

Public names are resolved on first use, so that ``import patentcl`` loads no heavy library.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

_HOME = {
    "Corpus": "corpus",
    "CpcTree": "cpc",
    "DuckDBGraph": "graph_duckdb",
    "Neo4jGraph": "graph_neo4j",
    "MiningRules": "config",
    "mine_triplets": "mining",
    "PatentEncoder": "encoder",
    "train_encoder": "training",
    "PatentClassifier": "classifier",
    "PatentIndex": "search",
    "evaluate": "metrics",
    "compare": "metrics",
    "plot_map": "maps",
    "run_pipeline": "pipeline",
    "PatentclError": "errors",
}

__all__ = ["__version__", *_HOME]

if TYPE_CHECKING:
    from patentcl.classifier import PatentClassifier as PatentClassifier
    from patentcl.config import MiningRules as MiningRules
    from patentcl.corpus import Corpus as Corpus
    from patentcl.cpc import CpcTree as CpcTree
    from patentcl.encoder import PatentEncoder as PatentEncoder
    from patentcl.errors import PatentclError as PatentclError
    from patentcl.graph_duckdb import DuckDBGraph as DuckDBGraph
    from patentcl.graph_neo4j import Neo4jGraph as Neo4jGraph
    from patentcl.maps import plot_map as plot_map
    from patentcl.metrics import compare as compare
    from patentcl.metrics import evaluate as evaluate
    from patentcl.mining import mine_triplets as mine_triplets
    from patentcl.pipeline import run_pipeline as run_pipeline
    from patentcl.search import PatentIndex as PatentIndex
    from patentcl.training import train_encoder as train_encoder


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'patentcl' has no attribute {name!r}")
    return getattr(importlib.import_module(f"patentcl.{_HOME[name]}"), name)


def __dir__() -> list[str]:
    return sorted(__all__)
