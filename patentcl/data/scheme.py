"""The levels below subgroups: dots of a published scheme, kept as parents in ``cpc.parquet``.

PatentsView's titles carry no dots. ``cpc_scheme.parquet``, ``.csv`` or ``.tsv`` beside them does:
symbol, indent_level (or level, or dots) and, where there is one, title, in the scheme's order.
"""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from patentcl.core.errors import DataError
from patentcl.cpc import LEVELS, CpcTree, own_titles, parse_symbol
from patentcl.data.files import pick_columns

_FILES = tuple(f"cpc_scheme.{kind}" for kind in ("parquet", "csv", "tsv"))
_COLUMNS = {"symbol": ("symbol",), "dots": ("indent_level", "level", "dots"), "title": ("title",)}


def find_scheme(source: Path) -> Path | None:
    """The scheme in a folder of patents, if there is one."""
    return next((p for name in _FILES if (p := source / name).is_file()), None)


def add_parents(cpc: Path, scheme: Path) -> int:
    """Write parents by the scheme into a ``cpc.parquet``, and the symbols that are missing between.

    Returns the number of symbols whose parent differs from what syntax says.
    """
    tree = _read_tree(scheme)
    known = pq.read_table(cpc).to_pandas().set_index("symbol")["title"].to_dict()
    parents: dict[str, str | None] = {}
    for symbol in known:
        node: str | None = symbol
        while node is not None and node not in parents:
            at = tree.index.get(node)
            if at is not None:
                parents[node] = tree.symbols[tree.parent[at]] if tree.parent[at] >= 0 else None
            else:
                parents[node] = by_syntax(node)
            node = parents[node]
    symbols = sorted(parents)
    own = own_titles()  # give way to those of the scheme
    brought = {s: title for s, title in known.items() if title != own.get(s)}
    titles = [
        brought.get(s) or (tree.titles[tree.index[s]] if s in tree.index else own.get(s, ""))
        for s in symbols
    ]
    table = {
        "symbol": symbols,
        "level": [LEVELS[len(parse_symbol(s)) - 1] for s in symbols],
        "title": titles,
        "parent": pa.array([parents[s] for s in symbols], pa.string()),
    }
    pq.write_table(pa.table(table), cpc)
    return sum(parents[s] != by_syntax(s) for s in symbols)


def by_syntax(symbol: str) -> str | None:
    """The symbol above another one, as its characters say; None above a section."""
    chain = parse_symbol(symbol)
    return chain[-2] if len(chain) > 1 else None


def _read_tree(path: Path) -> CpcTree:
    try:
        if path.suffix == ".parquet":
            frame = pq.read_table(path).to_pandas()
        else:
            separator = "\t" if path.suffix == ".tsv" else ","
            frame = pd.read_csv(path, sep=separator, dtype=str, keep_default_na=False)
    except (pa.ArrowInvalid, OSError, ValueError) as error:
        raise DataError("the scheme cannot be read", where=path, got=str(error)) from error
    names = pick_columns([str(c) for c in frame.columns], _COLUMNS, frozenset({"title"}), path)
    dots = pd.to_numeric(frame[names["dots"]], errors="coerce").fillna(0).astype(int)
    titles = frame[names["title"]].fillna("").tolist() if "title" in names else None
    try:
        return CpcTree.from_scheme(frame[names["symbol"]].tolist(), dots.tolist(), titles)
    except DataError as error:
        raise DataError(error.what, where=path, got=str(error)) from error
