"""What the folders of a run hold, opened, and questions answered on them.

Imports all that makes those folders: data, graph, encoders, search, maps, classification.
"""

from __future__ import annotations

from patentcl.core.lazy import lazily

__all__, __getattr__, __dir__ = lazily(__name__, {"run": "Run open_run"})
