"""Near-copies among plain texts."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pyarrow as pa

from patentcl.data.duplicates import near_copies


def copies(texts: Sequence[tuple[str, str]]) -> np.ndarray:
    """Number pairs of title and abstract so that near-copies have the same number."""
    titles, abstracts = ([t[i] for t in texts] for i in (0, 1))
    return near_copies(
        pa.chunked_array([pa.array(titles, pa.string())]),
        pa.chunked_array([pa.array(abstracts, pa.string())]),
    )
