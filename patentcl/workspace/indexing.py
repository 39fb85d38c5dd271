"""An index of a corpus: with its columns to filter by, its symbols, and its duplicate groups."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from patentcl.data.corpus import Corpus
from patentcl.search.filters import RESULT_COLUMNS

if TYPE_CHECKING:
    from patentcl.search.index import PatentIndex


def index_corpus(
    corpus: Corpus, vectors: np.ndarray, spec: str | Path, encoder: str | None
) -> PatentIndex:
    """Build the index of a corpus from its vectors (n, d), in its order."""
    from patentcl.search.index import PatentIndex

    texts = [" ".join(pair) for pair in corpus.texts]
    words = texts if any(map(str.split, texts)) else None
    return PatentIndex.build(
        vectors, corpus.ids, spec, index_table(corpus), encoder, corpus.symbols(), words
    )


def index_table(corpus: Corpus) -> pd.DataFrame:
    """What an index shows of its patents, and filters by: all columns but texts and citations.

    A further column of the source that has the name of a result column is ``source_`` and its name.
    """
    frame, extra = corpus.frame(), corpus.extra
    for name in extra:
        if name not in frame:
            of_result = name in RESULT_COLUMNS
            frame[f"source_{name}" if of_result else name] = extra[name].to_numpy()
    return frame.assign(duplicate_group=corpus.duplicate_group)
