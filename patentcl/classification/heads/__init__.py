"""Heads: networks from a vector to probabilities of the nodes of a tree.

Imports what `patentcl.classification` may.
"""

from __future__ import annotations
