"""Stages, recipes, and the runner that skips what is up to date.

Imports everything but the command line.
"""

from __future__ import annotations

from patentcl.core.lazy import lazily

_HOME = {"run_pipeline": "runner"}
__all__ = list(_HOME)
__getattr__, __dir__ = lazily(__name__, _HOME)
