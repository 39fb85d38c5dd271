"""Reports made from folders: retrieval, classifiers, labels, pictures, the page of a run.

Imports workspace and what it may import.
"""

from __future__ import annotations
