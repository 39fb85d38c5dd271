"""Classification: the estimator, its ensemble members, calibration and decisions.

Imports core, cpc, data, metrics, encoders and search.
"""

from __future__ import annotations

from patentcl.core.lazy import lazily

__all__, __getattr__, __dir__ = lazily(__name__, {"estimator": "PatentClassifier"})
