"""What people ask about, in the forms that they have it in: texts, files, tables, corpora."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from patentcl.core.errors import DataError
from patentcl.data.characters import whole_text, whole_value
from patentcl.data.corpus import Corpus
from patentcl.data.opening import kind_of

Text = str | tuple[str, str]


def as_texts(queries: Any, read: Callable[[Any], Corpus]) -> tuple[list[Any], list[Text]]:
    """Names and texts of what is asked about, in its order.

    Patents of a file, a DataFrame or a Corpus go by their ids, texts by their numbers from 0. A str
    is a text, unless it is a single word that ends as the name of a file does. `read` reads files
    and DataFrames. Texts may be empty.
    """
    import pandas as pd

    if isinstance(queries, str):
        if not kind_of(Path(queries)) or any(c.isspace() for c in queries):
            return [0], [whole_text(queries)]
        queries = Path(queries)
    if isinstance(queries, Path | pd.DataFrame):
        queries = read(queries)
    if isinstance(queries, Corpus):
        return queries.ids.tolist(), list(queries.texts)
    try:
        texts = list(queries)
    except TypeError as error:
        raise DataError(
            "nothing that can be read as texts",
            got=type(queries).__name__,
            wanted="a text, a list of texts, a file, a DataFrame or a Corpus",
        ) from error
    return list(range(len(texts))), [whole_value(text) for text in texts]


def with_text(texts: Sequence[Text]) -> list[int]:
    """Positions of the texts that are not empty."""
    return [i for i, t in enumerate(texts) if (t if isinstance(t, str) else "".join(t)).strip()]
