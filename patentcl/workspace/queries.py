"""What people ask about, in the forms that they have it in: texts, files, tables, corpora."""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from patentcl.core.errors import DataError
from patentcl.data.characters import whole_text
from patentcl.data.corpus import Corpus
from patentcl.data.opening import kind_of
from patentcl.encoders.tokens import no_text

Text = str | tuple[str, str]


def as_texts(queries: Any, read: Callable[[Any], Corpus]) -> tuple[list[Any], list[Text]]:
    """Names and texts of what is asked about, in its order.

    Patents of a file, a DataFrame or a Corpus go by their ids, texts by their numbers from 0. A str
    is a text, unless it ends as the name of a file does, and is one word or a file that is there.
    `read` reads files and DataFrames. Texts may be empty; one that is missing (None, NaN) is.
    """
    import pandas as pd

    if isinstance(queries, str):
        is_path = os.path.isfile(queries) or not any(c.isspace() for c in queries)
        if not (kind_of(Path(queries)) and is_path):
            return [0], [whole_text(queries)]
        queries = Path(queries)
    if isinstance(queries, Path | pd.DataFrame):
        queries = read(queries)
    if isinstance(queries, Corpus):
        return queries.ids.tolist(), list(queries.texts)
    if isinstance(queries, Mapping) or not pd.api.types.is_list_like(queries):
        what, got = "nothing that can be read as texts", type(queries).__name__
        wanted = "a text, a list of texts, a file, a DataFrame or a Corpus"
        raise DataError(what, got=got, wanted=wanted)
    texts = [_whole(i, text) for i, text in enumerate(queries)]
    return list(range(len(texts))), texts


def full_texts(
    queries: Any, read: Callable[[Any], Corpus], level: int = 3
) -> tuple[list[Any], list[Text]]:
    """`as_texts` without those that are empty, of which a warning tells `level` calls above."""
    names, texts = as_texts(queries, read)
    full = with_text(texts)
    if texts and not full:
        raise DataError("a text is empty", got=f"{len(texts)} of {len(texts)}")
    if empty := [str(names[i]) for i in sorted(set(range(len(texts))) - set(full))]:
        some = f"{len(empty):,} without title and abstract, so nothing is found for them"
        warnings.warn(f"{some}: {', '.join(empty[:3])}", stacklevel=level)
    return [names[i] for i in full], [texts[i] for i in full]


def _whole(number: int, item: Any) -> Text:
    """A text, or a pair of texts, where what is missing is empty."""
    import pandas as pd

    is_pair = pd.api.types.is_list_like(item) and not isinstance(item, Mapping)
    parts = [
        "" if pd.api.types.is_scalar(p) and pd.isna(p) else p for p in (item if is_pair else [item])
    ]
    if len(parts) != 1 + is_pair or not all(isinstance(part, str) for part in parts):
        raise no_text(number, item)
    whole = [whole_text(part) for part in parts]
    return (whole[0], whole[1]) if is_pair else whole[0]


def with_text(texts: Sequence[Text]) -> list[int]:
    """Positions of the texts that are not empty."""
    return [i for i, t in enumerate(texts) if (t if isinstance(t, str) else "".join(t)).strip()]
