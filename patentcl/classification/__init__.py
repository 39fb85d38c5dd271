"""Classification: the estimator, its ensemble members, calibration and decisions.

Imports core, cpc, data, metrics, encoders and search.
"""

from __future__ import annotations

from patentcl.core.lazy import lazily

_HOME = {"PatentClassifier": "estimator"}
__all__ = list(_HOME)
__getattr__, __dir__ = lazily(__name__, _HOME)
