"""Classification symbols (CPC and IPC) and the tree they form.

A hierarchy is one integer array: ``CpcTree.symbols`` in topological order (parents first) and
``CpcTree.parent`` with ``parent[i] < i``, roots -1. Label sets are boolean CSR matrices
``(n_patents, n_nodes)``, closed under ancestors, with columns in tree order. With that, closure is
a product with one sparse matrix, coherence one ``minimum`` per depth, and hierarchical metrics
are sizes of sets.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import numpy as np
from scipy import sparse

from patentcl.core.errors import ConfigError, DataError, did_you_mean

LEVELS = ("section", "class", "subclass", "group", "subgroup")
"""Names of the levels that syntax alone gives, from the root down."""

# A01B33/08, "A01B  33/00", A01B, A01, A; not A01B0033080000, which offices store
_SYMBOL = re.compile(
    r"^\s*([A-HY])(?:\s*(\d{2})(?:\s*([A-Z])(?:\s*(\d{1,4})\s*/\s*(\d{2,6}))?)?)?\s*$", re.ASCII
)


def parse_symbol(text: str) -> tuple[str, ...]:
    """Split a CPC or IPC symbol into its chain of ancestors, from the section down to itself.

    Parameters
    ----------
    text : str
        For example ``"A01B33/08"``, ``"A01B  33/08"``, ``"A01B"``, ``"A01"`` or ``"A"``.

    Returns
    -------
    tuple of str
        One symbol per level of `LEVELS`, as deep as the text goes. A main group ends in ``/00``;
        a symbol such as ``A01B33/00`` therefore has four levels and ``A01B33/08`` has five.

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


def symbol_level(symbol: str) -> str:
    """Name the level of a symbol.

    Examples
    --------
    >>> symbol_level("A01B33/00")
    'group'
    """
    return LEVELS[len(parse_symbol(symbol)) - 1]


def level_index(level: str) -> int:
    """Position of a level in `LEVELS`; an unknown name raises ConfigError with the nearest ones."""
    if level not in LEVELS:
        raise ConfigError("unknown level", got=level, fix=did_you_mean(level, LEVELS))
    return LEVELS.index(level)


def truncate_symbol(symbol: str, level: str) -> str | None:
    """Return the ancestor of a symbol at a level, or None where the symbol is shallower.

    Examples
    --------
    >>> truncate_symbol("A01B33/08", "subclass")
    'A01B'
    """
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
        What each node means; empty strings where unknown.

    Notes
    -----
    The order is by depth and, within a depth, by symbol, so nodes of a level are one column slice.
    Any tree will do, not only a patent classification: see `from_edges`.

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
        object.__setattr__(self, "titles", tuple(self.titles) or ("",) * len(self.symbols))
        n = len(self.symbols)
        if parent.shape != (n,) or len(self.titles) != n:
            raise DataError(
                "tree arrays differ in length",
                got=f"{parent.size} parents, {len(self.titles)} titles",
                wanted=f"{n}, one for each symbol",
            )
        if n == 0:
            raise DataError("the label tree is empty", wanted="at least one symbol")
        if len(set(self.symbols)) != n:
            raise DataError(
                "duplicate symbols in the tree", got=f"{n - len(set(self.symbols))} repeated"
            )
        late = np.flatnonzero((parent >= np.arange(n)) | (parent < -1))
        if late.size:
            raise DataError(
                "parents must come before their children",
                where=f"node {self.symbols[late[0]]!r}",
                got=f"parent {parent[late[0]]}",
            )

    # ---- building ---------------------------------------------------------------------------

    @classmethod
    def from_symbols(
        cls, symbols: Iterable[str], titles: dict[str, str] | None = None, level: str | None = None
    ) -> CpcTree:
        """Build the tree of all ancestors of some symbols, by syntax (five levels at most).

        Parameters
        ----------
        symbols : iterable of str
            CPC or IPC symbols of any level, repeated or not.
        titles : dict, optional
            Titles by symbol.
        level : str, optional
            Cut the tree below this level.

        Raises
        ------
        DataError
            If a symbol cannot be parsed, or there is none.
        """
        depth = len(LEVELS) if level is None else level_index(level) + 1
        chains = {parse_symbol(s)[:depth] for s in set(symbols)}
        return cls.from_edges(
            (
                (chain[i], chain[i - 1] if i else None)
                for chain in chains
                for i in range(len(chain))
            ),
            titles=titles,
        )

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
                raise DataError(
                    "a node has two parents",
                    where=f"node {child!r}",
                    got=f"{up[child]!r} and {parent!r}",
                )
        depths: dict[str, int] = {}
        for start in up:
            path: list[str] = []
            node: str | None = start
            on_path: set[str] = set()
            while node is not None and node not in depths:
                if node in on_path:
                    raise DataError("the label tree has a cycle", where=f"node {node!r}")
                if node not in up:
                    raise DataError(
                        "a parent has no row of its own",
                        got=repr(node),
                        fix="If it is a root, add a row with it and no parent",
                    )
                path.append(node)
                on_path.add(node)
                node = up[node]
            depth = -1 if node is None else depths[node]
            for item in reversed(path):
                depth += 1
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

        Parameters
        ----------
        symbols : sequence of str
            In the scheme's own order, so that a subgroup follows the one it is indented under.
        dots : sequence of int
            Number of dots before the title: 0 for a main group, 1 and more for subgroups; ignored
            above main groups, where syntax gives the parent.
        titles : sequence of str, optional
            One for each symbol.

        Raises
        ------
        DataError
            If the sequences differ in length, or a symbol cannot be parsed or comes twice.
        """
        lengths = [len(symbols), len(dots), len(symbols) if titles is None else len(titles)]
        if len(set(lengths)) > 1:
            raise DataError(
                "the columns of the scheme differ in length",
                got=f"{lengths[0]} symbols, {lengths[1]} dots, {lengths[2]} titles",
            )
        edges: dict[str, str | None] = {}
        own = set(symbols)
        stack: list[str] = []  # main group, then the open subgroup of each dot level
        for symbol, dot in zip(symbols, dots, strict=True):
            chain = parse_symbol(symbol)
            upper = chain[:4]
            for i, s in enumerate(upper[:3]):
                edges.setdefault(s, upper[i - 1] if i else None)
            if len(chain) < 4:
                continue
            if len(chain) == 4:
                edges.setdefault(chain[3], chain[2])
                stack = [chain[3]]
                continue
            # Indexing codes such as A01C2001/048 stand, by their dots, among the subgroups of
            # A01C1/00; they have no main group of their own.
            guest = (
                chain[3] not in own
                and int(chain[3][4:-3]) >= 2000
                and bool(stack)
                and stack[0][:4] == chain[2]
            )
            if not guest and (not stack or stack[0] != chain[3]):
                edges.setdefault(chain[3], chain[2])
                stack = [chain[3]]
            if edges.get(chain[4]) is not None:
                raise DataError("a symbol comes twice in the scheme", got=repr(chain[4]))
            stack = stack[: max(1, int(dot))]
            edges[chain[4]] = stack[-1]
            stack.append(chain[4])
        named = (
            None
            if titles is None
            else dict(zip((parse_symbol(s)[-1] for s in symbols), titles, strict=True))
        )
        return cls.from_edges(edges.items(), titles=named)

    # ---- shape ------------------------------------------------------------------------------

    def __len__(self) -> int:
        return len(self.symbols)

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
        """Names of the depths: those of `LEVELS` for a classification, else level0, level1, ..."""
        count = int(self.depth.max()) + 1
        if count <= len(LEVELS) and all(
            is_symbol(s) and len(parse_symbol(s)) == d + 1
            for s, d in zip(self.symbols, self.depth, strict=True)
        ):
            return LEVELS[:count]
        return tuple(f"level{i}" for i in range(count))

    def at_level(self, level: str | int) -> np.ndarray:
        """Columns (int64) of the nodes at a level, given by name or by depth."""
        if isinstance(level, str):
            if level not in self.levels:
                raise ConfigError("unknown level", got=level, fix=did_you_mean(level, self.levels))
            level = self.levels.index(level)
        if not 0 <= level < len(self.levels):
            raise ConfigError(
                "no such depth in the tree", got=level, wanted=f"0 to {len(self.levels) - 1}"
            )
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
        rows, cols = [], []
        for i in range(len(self)):
            node = i
            while node >= 0:
                rows.append(i)
                cols.append(node)
                node = int(self.parent[node])
        data = np.ones(len(rows), dtype=bool)
        matrix = sparse.csr_matrix((data, (rows, cols)), shape=(len(self), len(self)), dtype=bool)
        matrix.sort_indices()
        return matrix

    def path(self, node: int) -> list[int]:
        """Columns from the root down to a node, both included."""
        out = []
        while node >= 0:
            out.append(node)
            node = int(self.parent[node])
        return out[::-1]

    def distance(self, a: int, b: int) -> int:
        """Hops between two nodes; siblings are 2 apart, and roots hang under one common root."""
        pa, pb = self.path(a), self.path(b)
        shared = 0
        for x, y in zip(pa, pb, strict=False):
            if x != y:
                break
            shared += 1
        return len(pa) + len(pb) - 2 * shared

    # ---- labels -----------------------------------------------------------------------------

    def close(self, labels: sparse.spmatrix | np.ndarray) -> sparse.csr_matrix:
        """Add all ancestors to each row's labels.

        Parameters
        ----------
        labels : sparse matrix or ndarray, shape (n_patents, n_nodes)
            Any non-zero entry is a label.

        Returns
        -------
        csr_matrix of bool, shape (n_patents, n_nodes)

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
            raise DataError(
                "labels do not match the tree",
                got=f"{matrix.shape[1]} columns",
                wanted=f"{len(self)}, one for each node",
            )
        matrix.sum_duplicates()
        matrix.eliminate_zeros()
        return matrix

    def is_closed(self, labels: sparse.csr_matrix) -> bool:
        """Whether every label's ancestors are labels too."""
        return self.close(labels).nnz == self._labels(labels).nnz

    def encode(self, codes: Sequence[Iterable[str]], unknown: str = "raise") -> sparse.csr_matrix:
        """Turn symbol lists into closed labels.

        Parameters
        ----------
        codes : sequence of iterables of str
            One list of symbols for each patent. A symbol deeper than the tree counts as its nearest
            ancestor in the tree.
        unknown : {"raise", "drop"}
            What to do with a symbol of which not even an ancestor is in the tree.

        Returns
        -------
        csr_matrix of bool, shape (n_patents, n_nodes)

        Raises
        ------
        DataError
            If a symbol is outside the tree and is not to be dropped, or a list is one text.
        """
        if unknown not in ("raise", "drop"):
            raise ConfigError(
                "unknown way to treat labels outside the tree", got=unknown, wanted="raise or drop"
            )
        found: dict[str, int] = {}

        def column(symbol: str) -> int:
            if symbol in self.index:
                return self.index[symbol]
            if is_symbol(symbol):
                for s in reversed(parse_symbol(symbol)):
                    if s in self.index:
                        return self.index[s]
            if unknown == "raise":
                raise DataError(
                    "label outside the tree",
                    got=repr(symbol),
                    fix="Build the tree from all labels, or pass unknown='drop'",
                )
            return -1

        indptr, indices = [0], []
        for row in codes:
            if isinstance(row, str):
                raise DataError(
                    "each patent needs a list of symbols",
                    got=f"the text {row!r}",
                    wanted=f"[{row!r}]",
                )
            for symbol in row:
                if symbol not in found:
                    found[symbol] = column(symbol)
                if found[symbol] >= 0:
                    indices.append(found[symbol])
            indptr.append(len(indices))
        data = np.ones(len(indices), dtype=np.int32)
        raw = sparse.csr_matrix(
            (data, np.asarray(indices, dtype=np.int32), np.asarray(indptr)),
            shape=(len(indptr) - 1, len(self)),
        )
        raw.sum_duplicates()
        return self.close(raw)

    def decode(self, labels: sparse.csr_matrix, deepest: bool = True) -> list[list[str]]:
        """Turn label rows back into symbols, in tree order.

        Parameters
        ----------
        labels : csr_matrix of bool, shape (n_patents, n_nodes)
        deepest : bool
            Leave out symbols that the row also has a descendant of.
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
        """Lower each score to its parent's where it is above; never raises one. Returns a copy.

        Parameters
        ----------
        scores : ndarray, shape (n_patents, n_nodes)
        """
        out = self._scores(scores)
        for d in range(1, int(self.depth.max()) + 1):
            cols = np.flatnonzero(self.depth == d)
            out[:, cols] = np.minimum(out[:, cols], out[:, self.parent[cols]])
        return out

    def lift(self, scores: np.ndarray) -> np.ndarray:
        """Raise each score to the largest below it: a parent is as likely as its likeliest child.

        Parameters
        ----------
        scores : ndarray, shape (n_patents, n_nodes)
        """
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
            raise DataError(
                "scores do not match the tree",
                got=f"shape {out.shape}",
                wanted=f"(n, {len(self)}), one column for each node",
            )
        return out

    # ---- files ------------------------------------------------------------------------------

    def save(self, path: str | Path) -> None:
        """Write the tree as Parquet: symbol, parent, title."""
        import pyarrow as pa
        import pyarrow.parquet as pq

        table = pa.table(
            {
                "symbol": list(self.symbols),
                "parent": pa.array(self.parent, pa.int32()),
                "title": list(self.titles),
            }
        )
        pq.write_table(table, path)

    @classmethod
    def load(cls, path: str | Path) -> CpcTree:
        """Read a tree written by `save`.

        Raises
        ------
        DataError
            If the file is missing, damaged, or not a tree.
        """
        import pyarrow as pa
        import pyarrow.parquet as pq

        try:
            table = pq.read_table(path)
        except FileNotFoundError as error:
            raise DataError("no such tree", got=path) from error
        except (pa.ArrowInvalid, OSError) as error:
            raise DataError("the tree cannot be read", where=path, got=str(error)) from error
        if not {"symbol", "parent", "title"} <= set(table.column_names):
            raise DataError(
                "not a tree",
                where=path,
                got=", ".join(table.column_names),
                wanted="columns symbol, parent, title",
            )
        return cls(
            tuple(table["symbol"].to_pylist()),
            table["parent"].to_numpy(),
            tuple(table["title"].to_pylist()),
        )
