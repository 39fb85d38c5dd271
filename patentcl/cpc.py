"""Classification symbols (CPC and IPC) and the tree they form.

``CpcTree.symbols`` are in topological order, with ``parent[i] < i`` and roots -1. Label sets are
boolean CSR matrices ``(n_patents, n_nodes)``, closed under ancestors, with columns in tree order.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import cache, cached_property
from importlib import resources
from pathlib import Path

import numpy as np
from scipy import sparse

from patentcl.core.errors import ConfigError, DataError, choose
from patentcl.core.reading import read_table, reading
from patentcl.core.tables import counted, html_summary, html_table

LEVELS = ("section", "class", "subclass", "group", "subgroup")
"""Names of the levels that syntax alone gives, from the root down."""

# A01B33/08, "A01B  33/00", A01B, A01, A; not A01B0033080000, which offices store
_SYMBOL = re.compile(
    r"^\s*([A-HY])(?:\s*(\d{2})(?:\s*([A-Z])(?:\s*(\d{1,4})\s*/\s*(\d{2,6}))?)?)?\s*$", re.ASCII
)


@cache
def own_titles() -> dict[str, str]:
    """Short names of all sections, classes and subclasses, for where data bring no titles.

    They are patentcl's own words, from ``cpc.tsv``, and also cover what the IPC alone has.

    >>> own_titles()["A01D"]
    'Harvesting; mowing'
    """
    text = (resources.files("patentcl") / "cpc.tsv").read_text(encoding="utf-8")
    return {s: t for s, _, t in (line.partition("\t") for line in text.splitlines())}


def parse_symbol(text: str) -> tuple[str, ...]:
    """Split a CPC or IPC symbol into its ancestors, from the section down to itself.

    One symbol per level of `LEVELS`, as deep as the text goes. A main group ends in ``/00``:
    ``A01B33/00`` has four levels and ``A01B33/08`` has five.

    Raises
    ------
    DataError
        If the text is not a symbol.

    Examples
    --------
    >>> parse_symbol("A01B  33/08")
    ('A', 'A01', 'A01B', 'A01B33/00', 'A01B33/08')
    """
    match = _SYMBOL.match(text) if isinstance(text, str) else None
    if match is None:
        raise DataError("not a CPC or IPC symbol", got=repr(text), wanted="e.g. A01B33/08 or A01B")
    section, class_, letter, group, sub = match.groups()
    chain = [section]
    if class_:
        chain.append(section + class_)
    if letter:
        chain.append(chain[-1] + letter)
    if group and int(group):  # some IPC rows carry main group 0 for "none"
        head = f"{chain[-1]}{int(group)}"
        chain.append(f"{head}/00")
        if sub.strip("0"):
            chain.append(f"{head}/{sub}")
    return tuple(chain)


def is_symbol(text: str) -> bool:
    """Whether a text is a CPC or IPC symbol of any level."""
    return isinstance(text, str) and _SYMBOL.match(text) is not None


def level_index(level: str) -> int:
    """Position of a level in `LEVELS`; an unknown name raises ConfigError with the nearest ones."""
    return LEVELS.index(choose(level, LEVELS, "level"))


def truncate_symbol(symbol: str, level: str) -> str | None:
    """Return the ancestor of a symbol at a level, or None where the symbol is shallower."""
    chain = parse_symbol(symbol)
    depth = level_index(level)
    return chain[depth] if depth < len(chain) else None


@dataclass(frozen=True, eq=False)
class CpcTree:
    """A forest of labels in topological order.

    Parameters
    ----------
    symbols : sequence of str
        Unique node names, parents before their children.
    parent : array_like of int, shape (n_nodes,)
        Index of each node's parent; -1 at a root.
    titles : sequence of str, optional
        What each node means; where empty, `own_titles`, or an empty string.

    Notes
    -----
    The builders order nodes by depth and then by symbol, so that a level is one column slice. Any
    tree will do, not only a patent classification: see `from_edges`.

    Examples
    --------
    >>> tree = CpcTree.from_symbols(["A01B", "A01C", "B60K"])
    >>> tree.symbols
    ('A', 'B', 'A01', 'B60', 'A01B', 'A01C', 'B60K')
    >>> tree.parent.tolist()
    [-1, -1, 0, 1, 2, 2, 3]
    """

    symbols: tuple[str, ...]
    parent: np.ndarray
    titles: tuple[str, ...] = field(default=())

    def __post_init__(self) -> None:
        parent = np.array(self.parent, dtype=np.int32)  # a copy: the caller's array stays writable
        parent.setflags(write=False)
        object.__setattr__(self, "symbols", tuple(self.symbols))
        object.__setattr__(self, "parent", parent)
        titles, own = tuple(self.titles) or ("",) * len(self.symbols), own_titles()
        named = (t or own.get(s, "") for s, t in zip(self.symbols, titles, strict=False))
        object.__setattr__(
            self, "titles", tuple(named) if len(titles) == len(self.symbols) else titles
        )
        n, repeated = len(self.symbols), len(self.symbols) - len(set(self.symbols))
        if parent.shape != (n,) or len(self.titles) != n:
            got = f"{parent.size} parents, {len(self.titles)} titles"
            wanted = f"{n}, one for each symbol"
            raise DataError("tree arrays differ in length", got=got, wanted=wanted)
        if n == 0:
            raise DataError("the label tree is empty", wanted="at least one symbol")
        if repeated:
            raise DataError("duplicate symbols in the tree", got=f"{repeated} repeated")
        late = np.flatnonzero((parent >= np.arange(n)) | (parent < -1))
        if late.size:
            where, got = f"node {self.symbols[late[0]]!r}", f"parent {parent[late[0]]}"
            raise DataError("parents must come before their children", where=where, got=got)

    # ---- building ---------------------------------------------------------------------------

    @classmethod
    def from_symbols(
        cls, symbols: Iterable[str], titles: dict[str, str] | None = None, level: str | None = None
    ) -> CpcTree:
        """Build the tree of symbols of any level and all their ancestors, by syntax.

        It has five levels at most, and none below `level`. `titles` are by symbol.

        Raises
        ------
        DataError
            If a symbol cannot be parsed, or there is none.
        """
        depth = len(LEVELS) if level is None else level_index(level) + 1
        chains = {parse_symbol(s)[:depth] for s in set(symbols)}
        edges = (pair for chain in chains for pair in zip(chain, (None, *chain), strict=False))
        return cls.from_edges(edges, titles=titles)

    @classmethod
    def from_edges(
        cls, edges: Iterable[tuple[str, str | None]], titles: dict[str, str] | None = None
    ) -> CpcTree:
        """Build a tree from (child, parent) rows; the parent of a root is None.

        Raises
        ------
        DataError
            If a node has two parents, a parent is not itself a row's child, or there is a cycle.
        """
        up: dict[str, str | None] = {}
        for child, parent in edges:
            if up.setdefault(child, parent) != parent:
                got = f"{up[child]!r} and {parent!r}"
                raise DataError("a node has two parents", where=f"node {child!r}", got=got)
        depths: dict[str | None, int] = {None: -1}
        for start in up:
            path: dict[str, None] = {}  # in order
            node: str | None = start
            while node not in depths:
                assert node is not None
                if node in path:
                    raise DataError("the label tree has a cycle", where=f"node {node!r}")
                if node not in up:
                    fix = "If it is a root, add a row with it and no parent"
                    raise DataError("a parent has no row of its own", got=repr(node), fix=fix)
                path[node] = None
                node = up[node]
            for depth, item in enumerate(reversed(path), start=depths[node] + 1):
                depths[item] = depth
        order = sorted(up, key=lambda s: (depths[s], s))
        index = {s: i for i, s in enumerate(order)}
        above = np.array([-1 if (p := up[s]) is None else index[p] for s in order], dtype=np.int32)
        known = titles or {}
        return cls(tuple(order), above, tuple(known.get(s) or "" for s in order))

    @classmethod
    def from_scheme(
        cls, symbols: Sequence[str], dots: Sequence[int], titles: Sequence[str] | None = None
    ) -> CpcTree:
        """Build the tree of a published scheme, with the dot levels among subgroups.

        `symbols` are in the scheme's own order: a subgroup follows the one that it is indented
        under. `dots` are those before each title: 0 for a main group, 1 and more for subgroups;
        ignored above main groups, where syntax gives the parent.

        Raises
        ------
        DataError
            If the sequences differ in length, or a symbol cannot be parsed or comes twice.
        """
        given = symbols if titles is None else titles
        if not len(symbols) == len(dots) == len(given):
            got = f"{len(symbols)} symbols, {len(dots)} dots, {len(given)} titles"
            raise DataError("the columns of the scheme differ in length", got=got)
        chains = [parse_symbol(symbol) for symbol in symbols]
        groups = {chain[3] for chain in chains if len(chain) == 4}
        edges: dict[str, str | None] = {}
        stack: list[str] = []  # main group, then the open subgroup of each dot level
        for chain, dot in zip(chains, dots, strict=True):
            for child, parent in zip(chain[:3], (None, *chain), strict=False):
                edges.setdefault(child, parent)
            if len(chain) < 4:
                continue
            # Indexing codes such as A01C2001/048 stand, by their dots, among the subgroups of
            # A01C1/00; they have no main group of their own.
            guest = chain[3] not in groups and int(chain[3][4:-3]) >= 2000
            guest = guest and bool(stack) and stack[0].startswith(chain[2])
            if len(chain) == 4 or not (guest or stack[:1] == [chain[3]]):
                edges.setdefault(chain[3], chain[2])
                stack = [chain[3]]
            if len(chain) == 4:
                continue
            if chain[4] in edges:
                raise DataError("a symbol comes twice in the scheme", got=repr(chain[4]))
            stack = stack[: max(1, int(dot))]
            edges[chain[4]] = stack[-1]
            stack.append(chain[4])
        own = () if titles is None else zip((chain[-1] for chain in chains), titles, strict=True)
        return cls.from_edges(edges.items(), titles=dict(own))

    # ---- shape ------------------------------------------------------------------------------

    def __len__(self) -> int:
        return len(self.symbols)

    def _repr_html_(self) -> str:
        rows = []
        for level in self.levels:
            nodes = self.at_level(level)
            shown = f"{self.symbols[nodes[0]]} {self.titles[nodes[0]]}"
            rows.append([level, len(nodes), int(self.is_leaf[nodes].sum()), shown])
        head = ["level", "symbols", "without children", "the first"]
        return html_summary("CpcTree", counted(len(self), "symbols"), html_table(head, rows))

    def __eq__(self, other: object) -> bool:
        return (
            isinstance(other, CpcTree)
            and self.symbols == other.symbols
            and np.array_equal(self.parent, other.parent)
        )

    def __hash__(self) -> int:
        return hash((self.symbols, self.parent.tobytes()))

    @cached_property
    def index(self) -> dict[str, int]:
        """Column of each symbol."""
        return {s: i for i, s in enumerate(self.symbols)}

    @cached_property
    def depth(self) -> np.ndarray:
        """int32 (n_nodes,): 0 at a root."""
        depth = np.zeros(len(self), dtype=np.int32)
        for i, p in enumerate(self.parent):
            if p >= 0:
                depth[i] = depth[p] + 1
        return depth

    @cached_property
    def levels(self) -> tuple[str, ...]:
        """Names of the depths: those of `LEVELS` for a classification, else level0, level1, ...

        Below ``subgroup``, which is one dot, dot levels are subgroup2, subgroup3, ...
        """
        count = int(self.depth.max()) + 1
        if all(
            is_symbol(s) and len(parse_symbol(s)) == min(d + 1, len(LEVELS))
            for s, d in zip(self.symbols, self.depth, strict=True)
        ):
            dots = (f"subgroup{d}" for d in range(2, count - len(LEVELS) + 2))
            return (*LEVELS[:count], *dots)
        return tuple(f"level{i}" for i in range(count))

    def at_level(self, level: str | int) -> np.ndarray:
        """Columns (int64) of the nodes at a level, given by name or by depth."""
        if isinstance(level, str):
            return self.at_level(self.levels.index(choose(level, self.levels, "level")))
        if not 0 <= level < len(self.levels):
            wanted = f"0 to {len(self.levels) - 1}"
            raise ConfigError("no such depth in the tree", got=level, wanted=wanted)
        return np.flatnonzero(self.depth == level)

    @cached_property
    def is_leaf(self) -> np.ndarray:
        """bool (n_nodes,): nodes without children."""
        leaf = np.ones(len(self), dtype=bool)
        leaf[self.parent[self.parent >= 0]] = False
        return leaf

    @cached_property
    def ancestors(self) -> sparse.csr_matrix:
        """bool CSR (n_nodes, n_nodes): row i marks node i and all its ancestors."""
        row = node = np.arange(len(self))
        pairs = []
        while node.size:
            pairs.append((row, node))
            above = self.parent[node]
            row, node = row[above >= 0], above[above >= 0]
        rows, columns = (np.concatenate(part) for part in zip(*pairs, strict=True))
        ones = np.ones(len(rows), dtype=bool)
        out = sparse.csr_matrix((ones, (rows, columns)), shape=(len(self), len(self)))
        out.sort_indices()
        return out

    def path(self, node: int) -> list[int]:
        """Columns from the root down to a node, both included."""
        out = []
        while node >= 0:
            out.append(node)
            node = int(self.parent[node])
        return out[::-1]

    def distance(self, a: int, b: int) -> int:
        """Hops between two nodes; siblings are 2 apart, and roots hang under one common root."""
        return len(set(self.path(a)) ^ set(self.path(b)))

    # ---- labels -----------------------------------------------------------------------------

    def close(self, labels: sparse.spmatrix | np.ndarray) -> sparse.csr_matrix:
        """Add all ancestors to each row's labels; returns bool CSR (n_patents, n_nodes).

        Any non-zero entry of the labels (n_patents, n_nodes), sparse or dense, is a label.

        Raises
        ------
        DataError
            If the number of columns is not the number of nodes.
        """
        matrix = self._labels(labels)
        # Counts, not booleans: a boolean product may wrap, and int32 cannot here (depth is tiny).
        closed = (matrix.astype(np.int32) @ self.ancestors.astype(np.int32)).astype(bool)
        closed.sort_indices()
        return closed

    def _labels(self, labels: sparse.spmatrix | np.ndarray) -> sparse.csr_matrix:
        """Labels as a bool CSR copy in which every stored entry is a label, stored once."""
        matrix = sparse.csr_matrix(labels).astype(bool, copy=True)
        if matrix.shape[1] != len(self):
            got, wanted = f"{matrix.shape[1]} columns", f"{len(self)}, one for each node"
            raise DataError("labels do not match the tree", got=got, wanted=wanted)
        matrix.sum_duplicates()
        matrix.eliminate_zeros()
        return matrix

    def is_closed(self, labels: sparse.csr_matrix) -> bool:
        """Whether every label's ancestors are labels too."""
        return self.close(labels).nnz == self._labels(labels).nnz

    def encode(self, codes: Sequence[Iterable[str]], unknown: str = "raise") -> sparse.csr_matrix:
        """Turn one list of symbols for each patent into closed labels, bool CSR (n, n_nodes).

        A symbol deeper than the tree counts as its nearest ancestor in the tree. With `unknown` a
        symbol that has none is an error (``raise``) or left out (``drop``).

        Raises
        ------
        DataError
            If a symbol is outside the tree and is not to be dropped, or a list is one text.
        """
        choose(unknown, ("raise", "drop"), "way to treat labels outside the tree")
        known: dict[str, int] = {}
        indptr, indices = [0], []
        for row in codes:
            if isinstance(row, str):
                got = f"the text {row!r}"
                raise DataError("each patent needs a list of symbols", got=got, wanted=f"[{row!r}]")
            for symbol in row:
                if symbol not in known:
                    known[symbol] = self._column(symbol)
                    if known[symbol] < 0 and unknown == "raise":
                        fix = "Build the tree from all labels, or pass unknown='drop'"
                        raise DataError("label outside the tree", got=repr(symbol), fix=fix)
                column = known[symbol]
                if column >= 0:
                    indices.append(column)
            indptr.append(len(indices))
        columns, ones = np.array(indices, dtype=np.int32), np.ones(len(indices), dtype=bool)
        shape = (len(indptr) - 1, len(self))
        return self.close(sparse.csr_matrix((ones, columns, np.array(indptr)), shape=shape))

    def _column(self, symbol: str) -> int:
        """Column of a symbol, or of its nearest ancestor in the tree; -1 if there is none."""
        if symbol in self.index:
            return self.index[symbol]
        chain = parse_symbol(symbol) if is_symbol(symbol) else ()
        return next((self.index[s] for s in reversed(chain) if s in self.index), -1)

    def decode(self, labels: sparse.csr_matrix, deepest: bool = True) -> list[list[str]]:
        """Turn label rows (n_patents, n_nodes) back into symbols, in tree order.

        With `deepest`, symbols that the row also has a descendant of are left out.
        """
        matrix = self._labels(labels)  # columns sorted
        out = []
        for i in range(matrix.shape[0]):
            cols = matrix.indices[matrix.indptr[i] : matrix.indptr[i + 1]]
            if deepest:
                inner = set(self.parent[cols].tolist())
                cols = np.array([c for c in cols if c not in inner], dtype=int)
            out.append([self.symbols[c] for c in cols])
        return out

    # ---- scores -----------------------------------------------------------------------------

    def cohere(self, scores: np.ndarray) -> np.ndarray:
        """Lower each score (n_patents, n_nodes) to its parent's where it is above; raise none."""
        out = self._scores(scores)
        for d in range(1, int(self.depth.max()) + 1):
            cols = np.flatnonzero(self.depth == d)
            out[:, cols] = np.minimum(out[:, cols], out[:, self.parent[cols]])
        return out

    def lift(self, scores: np.ndarray) -> np.ndarray:
        """Raise each score to the largest below it: a parent is as likely as its best child."""
        out = self._scores(scores)
        for d in range(int(self.depth.max()), 0, -1):
            cols = np.flatnonzero(self.depth == d)
            # nodes are ordered by depth, not by parent: sort so that reduceat can take the maxima
            cols = cols[np.argsort(self.parent[cols], kind="stable")]
            parents, starts = np.unique(self.parent[cols], return_index=True)
            best = np.maximum.reduceat(out[:, cols], starts, axis=1)
            out[:, parents] = np.maximum(out[:, parents], best)
        return out

    def _scores(self, scores: np.ndarray) -> np.ndarray:
        out = np.array(scores, copy=True)
        if out.ndim != 2 or out.shape[1] != len(self):
            wanted = f"(n, {len(self)}), one column for each node"
            raise DataError("scores do not match the tree", got=f"shape {out.shape}", wanted=wanted)
        return out

    # ---- files ------------------------------------------------------------------------------

    def save(self, path: str | Path) -> None:
        """Write the tree as Parquet: symbol, parent, title."""
        import pyarrow as pa
        import pyarrow.parquet as pq

        parent = pa.array(self.parent, pa.int32())
        columns = {"symbol": list(self.symbols), "parent": parent, "title": list(self.titles)}
        pq.write_table(pa.table(columns), path)

    @classmethod
    def load(cls, path: str | Path) -> CpcTree:
        """Read a tree written by `save`; DataError if it is missing, damaged, or not a tree."""
        if not Path(path).exists():
            raise DataError("no such tree", got=path)
        table = read_table(Path(path))
        if not {"symbol", "parent", "title"} <= set(table.column_names):
            got, wanted = ", ".join(table.column_names), "columns symbol, parent, title"
            raise DataError("not a tree", where=path, got=got, wanted=wanted)
        symbols, titles = table["symbol"].to_pylist(), table["title"].to_pylist()
        with reading(path, "not a tree"):
            if not all(isinstance(each, str) for each in (*symbols, *titles)):
                raise TypeError("a symbol or title that is no text")
            return cls(symbols, table["parent"].to_numpy(), titles)
