"""What a notebook shows of a corpus."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from patentcl.core.tables import counted, html_summary, html_table
from patentcl.cpc import own_titles


def corpus_html(corpus: Any, further: list[str]) -> str:
    """Counts, years, splits and names of `further` columns; sections; the first three patents."""
    facts = [counted(len(corpus), "patents")]
    years = corpus.dates[~np.isnat(corpus.dates)].astype("datetime64[Y]")
    if years.size:
        undated = len(corpus) - years.size
        facts.append(f"{years.min()} to {years.max()}" + f" ({undated:,} undated)" * (undated > 0))
    codes = corpus.table(["codes"])["codes"].combine_chunks()
    facts.append(f"{pc.sum(pc.greater(pc.list_value_length(codes), 0)).as_py() or 0:,} with codes")
    facts += [
        f"{n:,} {split}" for split, n in pd.Series(corpus.split).value_counts().items() if split
    ]
    if further:
        facts.append(f"further columns {', '.join(further)}")
    letters = pc.utf8_slice_codeunits(pc.list_flatten(codes), 0, 1)
    pairs = pa.table({"row": pc.list_parent_indices(codes), "section": letters})
    once = pairs.group_by(["row", "section"]).aggregate([])["section"].to_pandas()
    each = once.value_counts().sort_index().sort_values(ascending=False, kind="stable")
    sections = [[s, own_titles().get(s, ""), n] for s, n in each.items()]
    few = next(corpus.batches(["patent_id", "date", "title", "codes"], 3)).to_pylist()
    patents = [[p["patent_id"], p["date"], p["title"], "; ".join(p["codes"][:4])] for p in few]
    counts = html_table(["section", "title", "patents"], sections) if sections else ""
    first = html_table(["id", "date", "title", "codes"], patents)
    return html_summary("Corpus", ", ".join(facts), counts, first)
