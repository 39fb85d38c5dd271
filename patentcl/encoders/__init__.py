"""Encoders: finding and loading a model, encoding texts, fine-tuning, vectors on disk.

Imports core, cpc, data, search, maps and metrics.
"""

from __future__ import annotations

from patentcl.core.lazy import lazily

_HOME = {
    "EncoderSettings": "settings",
    "PatentEncoder": "encoder",
    "TrainingResult": "training",
    "TrainingSettings": "settings",
    "read_vectors": "vectors",
    "distill_encoder": "distilled",
    "train_encoder": "training",
}
__all__ = list(_HOME)
__getattr__, __dir__ = lazily(__name__, _HOME)
