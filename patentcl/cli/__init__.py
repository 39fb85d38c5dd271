"""The command line: parses options and renders results. Only here is anything printed.

May import everything; heavy libraries inside functions.
"""

from __future__ import annotations

from patentcl.core.lazy import lazily

__all__, __getattr__, __dir__ = lazily(__name__, {"app": "main"})
