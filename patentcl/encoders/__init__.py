"""Encoders: finding and loading a model, encoding texts, fine-tuning, vectors on disk.

Imports core, cpc, data, search, maps and metrics.
"""

from __future__ import annotations

from patentcl.core.lazy import lazily

__all__, __getattr__, __dir__ = lazily(
    __name__,
    {
        "settings": "EncoderSettings TrainingSettings",
        "encoder": "PatentEncoder",
        "training": "TrainingResult train_encoder",
        "vectors": "read_vectors",
        "distilled": "distill_encoder",
    },
)
