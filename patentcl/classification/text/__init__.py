"""Classifiers that read texts: backbones, pooling, word vectors, training on texts.

Imports what `patentcl.classification` may.
"""

from __future__ import annotations
