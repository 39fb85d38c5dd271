"""Symbols and trees: by value against plain loops, by property, and every bad input."""

from __future__ import annotations

from collections import deque
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse
from shown import shown

from patentcl.core.errors import ConfigError, DataError
from patentcl.cpc import LEVELS, CpcTree, is_symbol, level_index, parse_symbol, truncate_symbol

SECTIONS = "ABCDEFGHY"
LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"


@st.composite
def symbols(draw: st.DrawFn) -> str:
    """A CPC symbol of any level in its normal form."""
    depth = draw(st.integers(1, 5))
    text = draw(st.sampled_from(SECTIONS))
    if depth > 1:
        text += f"{draw(st.integers(1, 99)):02d}"
    if depth > 2:
        text += draw(st.sampled_from(LETTERS))
    if depth > 3:
        text += f"{draw(st.integers(1, 9999))}/"
        if depth == 4:
            return text + "00"
        sub = draw(st.text("0123456789", min_size=2, max_size=6).filter(lambda s: s.strip("0")))
        text += sub
    return text


@st.composite
def trees(draw: st.DrawFn) -> CpcTree:
    """Any forest, also of uneven depth, from edges in any order."""
    n = draw(st.integers(1, 14))
    parents = [draw(st.integers(-1, i - 1)) for i in range(n)]
    names = draw(st.permutations([f"n{i}" for i in range(n)]))
    edges = [(names[i], names[p] if p >= 0 else None) for i, p in enumerate(parents)]
    return CpcTree.from_edges(draw(st.permutations(edges)))


def up(tree: CpcTree, node: int) -> set[int]:
    """A node and its ancestors."""
    out = set()
    while node >= 0:
        out.add(node)
        node = int(tree.parent[node])
    return out


# ---- symbols --------------------------------------------------------------------------------


@given(symbols())
def test_parse_gives_each_level_as_a_prefix(symbol: str) -> None:
    chain = parse_symbol(symbol)
    assert chain[-1] == symbol
    assert [len(s) for s in chain[:3]] == [1, 3, 4][: len(chain)]
    assert all(symbol.startswith(s) for s in chain[:3])
    if len(chain) > 3:
        assert chain[3] == symbol.split("/")[0] + "/00"
    assert [truncate_symbol(symbol, level) for level in LEVELS] == [
        *chain,
        *[None] * (5 - len(chain)),
    ]
    for i, ancestor in enumerate(chain):
        assert parse_symbol(ancestor) == chain[: i + 1]


@given(symbols(), st.text(" \t", max_size=3), st.text(" ", max_size=3))
def test_spaces_and_padding_do_not_count(symbol: str, around: str, inside: str) -> None:
    loose = around + symbol[:4] + inside + symbol[4:].replace("/", " / ") + around
    assert parse_symbol(loose) == parse_symbol(symbol)
    if "/" in symbol:
        head, sub = symbol[4:].split("/")
        padded = f"{symbol[:4]}{int(head):04d}/{sub}"
        assert parse_symbol(padded) == parse_symbol(symbol)


@pytest.mark.parametrize(
    ("text", "last"),
    [
        ("A01B33/000", "A01B33/00"),
        ("A01B  33/08", "A01B33/08"),
        ("Y10T74/18288", "Y10T74/18288"),
        ("A01B0/00", "A01B"),
        ("A01B0000/12", "A01B"),
        (" H ", "H"),
        ("G06F0016/22", "G06F16/22"),
    ],
)
def test_parse_oddities(text: str, last: str) -> None:
    assert parse_symbol(text)[-1] == last


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "a01b33/08",
        "I01B",
        "Z",
        "A1",
        "A01BB",
        "A01B33",
        "A01B33/",
        "A01B33/8",
        "A01B/08",
        "A01B33/08x",
        "A01B12345/00",
        "A01B33/1234567",
        "A01B0033080000",
        "A٠١B",
        "not a code",
        "A01B33/08\nB",
    ],
)
def test_what_is_not_a_symbol(text: str) -> None:
    assert not is_symbol(text)
    with pytest.raises(DataError, match="not a CPC or IPC symbol"):
        parse_symbol(text)


@pytest.mark.parametrize("value", [None, 3, float("nan"), b"A01B", ["A01B"]])
def test_only_text_is_a_symbol(value: object) -> None:
    assert not is_symbol(value)  # type: ignore[arg-type]
    with pytest.raises(DataError, match="not a CPC or IPC symbol"):
        parse_symbol(value)  # type: ignore[arg-type]


def test_unknown_level_is_named() -> None:
    with pytest.raises(ConfigError, match="Did you mean subclass"):
        level_index("subclas")


# ---- building -------------------------------------------------------------------------------


@given(st.lists(symbols(), min_size=1, max_size=20), st.sampled_from([None, *LEVELS]))
def test_from_symbols_holds_exactly_all_ancestors(found: list[str], level: str | None) -> None:
    depth = 5 if level is None else LEVELS.index(level) + 1
    tree = CpcTree.from_symbols(found, level=level)
    assert set(tree.symbols) == {s for x in found for s in parse_symbol(x)[:depth]}
    assert (tree.parent < np.arange(len(tree))).all()
    for i, symbol in enumerate(tree.symbols):
        chain = parse_symbol(symbol)
        assert tree.depth[i] == len(chain) - 1
        assert (
            (tree.parent[i] == -1) if len(chain) == 1 else tree.symbols[tree.parent[i]] == chain[-2]
        )
        assert [tree.symbols[c] for c in tree.path(i)] == list(chain)
    assert list(tree.depth) == sorted(tree.depth)  # a level is one slice of columns
    assert tree.levels == LEVELS[: int(tree.depth.max()) + 1]


@given(trees())
def test_ancestors_depth_and_leaves(tree: CpcTree) -> None:
    dense = tree.ancestors.toarray()
    parents = {int(p) for p in tree.parent}
    for i in range(len(tree)):
        assert set(np.flatnonzero(dense[i])) == up(tree, i)
        assert tree.depth[i] == len(up(tree, i)) - 1
        assert tree.is_leaf[i] == (i not in parents)
    for depth, name in enumerate(tree.levels):
        assert (
            tree.at_level(name).tolist()
            == tree.at_level(depth).tolist()
            == [i for i in range(len(tree)) if tree.depth[i] == depth]
        )


@given(trees())
def test_distance_is_that_of_a_walk(tree: CpcTree) -> None:
    top = len(tree)  # the root above the roots
    near: dict[int, list[int]] = {i: [] for i in range(top + 1)}
    for i, p in enumerate(tree.parent):
        p = top if p < 0 else int(p)
        near[i].append(p)
        near[p].append(i)
    for start in range(len(tree)):
        hops, queue = {start: 0}, deque([start])
        while queue:
            node = queue.popleft()
            for other in near[node]:
                if other not in hops:
                    hops[other] = hops[node] + 1
                    queue.append(other)
        assert [tree.distance(start, other) for other in range(len(tree))] == [
            hops[other] for other in range(len(tree))
        ]


@pytest.mark.parametrize(
    ("edges", "message"),
    [
        ([("a", "b"), ("b", "a")], "cycle"),
        ([("r", None), ("a", "b"), ("b", "c"), ("c", "a")], "cycle"),
        ([("a", "a")], "cycle"),
        ([("a", None), ("b", None), ("c", "a"), ("c", "b")], "two parents"),
        ([("a", None), ("a", "b"), ("b", None)], "two parents"),
        ([("a", "nowhere")], "no row of its own.*'nowhere'"),
        ([], "empty"),
    ],
)
def test_edges_that_make_no_tree(edges: list[tuple[str, str | None]], message: str) -> None:
    with pytest.raises(DataError, match=message):
        CpcTree.from_edges(edges)


@pytest.mark.parametrize(
    ("names", "parent", "message"),
    [
        (("a", "b"), [-1], "differ in length"),
        (("a", "b"), [[-1, 0]], "differ in length"),
        ((), [], "empty"),
        (("a", "a"), [-1, -1], "duplicate"),
        (("a", "b"), [1, -1], "before their children"),
        (("a",), [-2], "before their children"),
    ],
)
def test_arrays_that_make_no_tree(names: tuple[str, ...], parent: list[int], message: str) -> None:
    with pytest.raises(DataError, match=message):
        CpcTree(names, np.array(parent, dtype=np.int32))


def test_the_array_given_stays_writable() -> None:
    parent = np.array([-1, 0], dtype=np.int32)
    tree = CpcTree(("a", "b"), parent)
    parent[1] = -1
    assert tree.parent.tolist() == [-1, 0]
    with pytest.raises(ValueError, match="read-only"):
        tree.parent[0] = 0


def test_no_such_level() -> None:
    tree = CpcTree.from_symbols(["A01B"])
    with pytest.raises(ConfigError, match="unknown level"):
        tree.at_level("group")
    for depth in (-1, 3):
        with pytest.raises(ConfigError, match="no such depth"):
            tree.at_level(depth)


def test_equality_and_hash() -> None:
    one, two = CpcTree.from_symbols(["A01B", "B60K"]), CpcTree.from_symbols(["B60K", "A01B", "A01"])
    assert one == two and hash(one) == hash(two)
    assert one != CpcTree.from_symbols(["A01B"])
    assert one != "A01B"


# ---- labels ---------------------------------------------------------------------------------


@given(trees(), st.data())
def test_closure(tree: CpcTree, data: st.DataObject) -> None:
    rows = data.draw(st.lists(st.sets(st.integers(0, len(tree) - 1)), max_size=5))
    labels = np.zeros((len(rows), len(tree)), dtype=bool)
    for i, row in enumerate(rows):
        labels[i, list(row)] = True
    closed = tree.close(labels)
    assert closed.dtype == bool
    naive = [set().union(*(up(tree, c) for c in row)) for row in rows]
    assert [set(np.flatnonzero(r)) for r in closed.toarray()] == naive
    assert (tree.close(closed) != closed).nnz == 0
    assert tree.is_closed(closed)
    assert tree.is_closed(sparse.csr_matrix(labels)) == (naive == [set(r) for r in rows])


@given(trees(), st.data())
def test_encode_decode(tree: CpcTree, data: st.DataObject) -> None:
    rows = data.draw(st.lists(st.lists(st.sampled_from(tree.symbols), max_size=6), max_size=5))
    labels = tree.encode(rows)
    assert labels.shape == (len(rows), len(tree))
    assert tree.is_closed(labels)
    whole, deepest = tree.decode(labels, deepest=False), tree.decode(labels)
    for row, full, deep in zip(rows, whole, deepest, strict=True):
        wanted = set().union(*(up(tree, tree.index[s]) for s in row))
        assert full == [tree.symbols[c] for c in sorted(wanted)]
        inner = {int(tree.parent[c]) for c in wanted}
        assert deep == [tree.symbols[c] for c in sorted(wanted - inner)]
    assert (tree.encode(deepest) != labels).nnz == 0


def test_stored_zeros_and_repeated_entries_are_no_labels() -> None:
    tree = CpcTree.from_symbols(["A01B", "B60K"])
    indices = np.array([0, 2, 4, 4], dtype=np.int32)
    labels = sparse.csr_matrix(
        (np.array([True, True, True, True]), indices, np.array([0, 4])), shape=(1, len(tree))
    )
    zeros = sparse.csr_matrix(
        (np.array([True, True, True, False]), np.array([0, 2, 4, 5]), [0, 4]), shape=(1, len(tree))
    )
    for matrix in (labels, zeros):
        assert tree.is_closed(matrix)
        assert tree.close(matrix).nnz == 3
        assert tree.decode(matrix) == [["A01B"]]
    assert labels.nnz == 4 and zeros.nnz == 4  # as they were


def test_encode_takes_the_nearest_ancestor() -> None:
    tree = CpcTree.from_symbols(["A01B33/00", "B60K"])
    got = tree.decode(tree.encode([["A01B33/08", "A01B 33/10"], ["A01C5/00"], ["B60K1/00"], []]))
    assert got == [["A01B33/00"], ["A01"], ["B60K"], []]


def test_encode_outside_the_tree() -> None:
    tree = CpcTree.from_symbols(["A01B"])
    for strange in ("H01L", "nonsense", None, float("nan")):
        with pytest.raises(DataError, match="outside the tree"):
            tree.encode([[strange]])  # type: ignore[list-item]
        assert tree.encode([[strange, "A01B"]], unknown="drop").sum() == 3  # type: ignore[list-item]
    with pytest.raises(ConfigError, match=r"outside the tree: got ignore\. Known: drop, raise"):
        tree.encode([["A01B"]], unknown="ignore")
    with pytest.raises(DataError, match="list of symbols"):
        tree.encode(["A01B"])


@given(trees(), st.integers(0, 2**32 - 1))
def test_cohere_and_lift(tree: CpcTree, seed: int) -> None:
    scores = np.random.default_rng(seed).random((4, len(tree)))
    before = scores.copy()
    low, high = tree.cohere(scores), tree.lift(scores)
    np.testing.assert_array_equal(scores, before)
    for i in range(len(tree)):
        np.testing.assert_array_equal(low[:, i], scores[:, sorted(up(tree, i))].min(axis=1))
        below = [j for j in range(len(tree)) if i in up(tree, j)]
        np.testing.assert_array_equal(high[:, i], scores[:, below].max(axis=1))
    np.testing.assert_array_equal(tree.cohere(low), low)
    np.testing.assert_array_equal(tree.lift(high), high)


def test_widths_are_checked() -> None:
    tree = CpcTree.from_symbols(["A01B"])
    for width in (2, 4):
        with pytest.raises(DataError, match="labels do not match"):
            tree.close(np.ones((1, width)))
        with pytest.raises(DataError, match="labels do not match"):
            tree.decode(sparse.csr_matrix(np.ones((1, width))))
        for method in (tree.cohere, tree.lift):
            with pytest.raises(DataError, match="scores do not match"):
                method(np.ones((1, width)))
    with pytest.raises(DataError, match="scores do not match"):
        tree.cohere(np.ones(3))


def test_a_single_node() -> None:
    tree = CpcTree.from_symbols(["H"], titles={"H": "Electricity"})
    assert (tree.symbols, tree.parent.tolist(), tree.titles) == (("H",), [-1], ("Electricity",))
    assert tree.levels == ("section",) and tree.is_leaf.all() and tree.distance(0, 0) == 0
    assert (
        tree.cohere(np.array([[0.3]])).tolist() == tree.lift(np.array([[0.3]])).tolist() == [[0.3]]
    )
    assert tree.decode(tree.encode([["H01L"], []])) == [["H"], []]


def test_roots_hang_under_one() -> None:
    tree = CpcTree.from_symbols(["A01B", "B60K"])
    assert tree.distance(tree.index["A"], tree.index["B"]) == 2
    assert tree.distance(tree.index["A01B"], tree.index["B60K"]) == 6


# ---- files ----------------------------------------------------------------------------------


@settings(max_examples=20)
@given(tree=trees())
def test_save_and_load(tree: CpcTree, tmp_path_factory: pytest.TempPathFactory) -> None:
    path = tmp_path_factory.mktemp("tree") / "tree.parquet"
    titled = CpcTree(tree.symbols, tree.parent, tuple(f"title {s}" for s in tree.symbols))
    titled.save(path)
    again = CpcTree.load(path)
    assert again == titled and again.titles == titled.titles


def test_load_refuses_what_is_no_tree(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no such tree"):
        CpcTree.load(tmp_path / "none.parquet")
    (tmp_path / "text.parquet").write_text("hello")
    with pytest.raises(DataError, match="cannot be read"):
        CpcTree.load(tmp_path / "text.parquet")
    pq.write_table(pa.table({"symbol": ["A"]}), tmp_path / "other.parquet")
    with pytest.raises(DataError, match="not a tree"):
        CpcTree.load(tmp_path / "other.parquet")


# ---- schemes --------------------------------------------------------------------------------


def test_dot_levels_of_a_small_scheme() -> None:
    rows = [
        ("A", 0),
        ("A01", 0),
        ("A01B", 0),
        ("A01B1/00", 0),
        ("A01B1/02", 1),
        ("A01B1/022", 2),
        ("A01B1/024", 2),
        ("A01B1/04", 3),
        ("A01B1/06", 1),
        ("A01B3/00", 0),
        ("A01B3/10", 1),
    ]
    tree = CpcTree.from_scheme(
        *zip(*rows, strict=True), titles=np.array([f"t{s}" for s, _ in rows])
    )  # type: ignore[arg-type]
    above = {
        s: tree.symbols[p] if p >= 0 else None
        for s, p in zip(tree.symbols, tree.parent, strict=True)
    }
    assert above == {
        "A": None,
        "A01": "A",
        "A01B": "A01",
        "A01B1/00": "A01B",
        "A01B1/02": "A01B1/00",
        "A01B1/022": "A01B1/02",
        "A01B1/024": "A01B1/02",
        "A01B1/04": "A01B1/024",
        "A01B1/06": "A01B1/00",
        "A01B3/00": "A01B",
        "A01B3/10": "A01B3/00",
    }
    assert tree.titles[tree.index["A01B1/04"]] == "tA01B1/04"
    assert tree.levels == (*LEVELS, "subgroup2", "subgroup3")


def test_indexing_codes_stand_among_the_subgroups_of_another_group() -> None:
    rows = [
        ("A01C1/00", 0),
        ("A01C1/04", 1),
        ("A01C1/046", 2),
        ("A01C2001/048", 2),
        ("A01C2001/049", 3),
        ("A01C1/05", 2),
        ("A01C1/06", 1),
        ("A01C2200/00", 0),
        ("A01C2200/10", 1),
        ("A01D3/10", 1),
        ("A01D2003/12", 2),
        ("A01C1/08", 1),
    ]
    tree = CpcTree.from_scheme(*zip(*rows, strict=True))  # type: ignore[arg-type]
    above = {s: tree.symbols[p] for s, p in zip(tree.symbols, tree.parent, strict=True) if p >= 0}
    assert above["A01C2001/048"] == "A01C1/04" and "A01C2001/00" not in above
    assert above["A01C2001/049"] == "A01C2001/048"
    assert above["A01C1/05"] == "A01C1/04"
    assert above["A01C2200/00"] == "A01C" and above["A01C2200/10"] == "A01C2200/00"
    # without a heading of its own, syntax gives the main group
    assert above["A01D3/10"] == "A01D3/00" and above["A01D3/00"] == "A01D"
    assert above["A01D2003/12"] == "A01D3/10"
    assert above["A01C1/08"] == "A01C1/00"


def test_schemes_that_do_not_fit() -> None:
    with pytest.raises(DataError, match="differ in length"):
        CpcTree.from_scheme(["A", "A01"], [0])
    with pytest.raises(DataError, match="differ in length"):
        CpcTree.from_scheme(["A"], [0], titles=["a", "b"])
    with pytest.raises(DataError, match="not a CPC"):
        CpcTree.from_scheme(["A", "?"], [0, 0])
    with pytest.raises(DataError, match="twice"):
        CpcTree.from_scheme(["A01B1/02", "A01B1/02"], [1, 1])


def test_the_whole_published_scheme(real_data: Path) -> None:
    table = pq.read_table(real_data / "classification" / "cpc_scheme_2022_02.parquet").to_pydict()
    names, titles = table["symbol"], table["title"]
    dots = [0 if d is None else int(d) for d in table["indent_level"]]
    tree = CpcTree.from_scheme(names, dots, titles)
    assert len(tree) == len(names) == 260_476
    # A stack of open headings, naively: pop until the top has fewer dots.
    above: dict[str, str] = {}
    stack: list[tuple[int, str]] = []
    for name, dot, kind in zip(names, dots, table["rank"], strict=True):
        if kind == "main_group":
            above[name] = name[:4]
            stack = [(0, name)]
        elif kind == "subgroup":
            while stack[-1][0] >= dot:
                stack.pop()
            above[name] = stack[-1][1]
            stack.append((dot, name))
        else:
            above[name] = {"section": "", "class": name[:1], "subclass": name[:3]}[kind]
    got = {
        s: tree.symbols[p] if p >= 0 else "" for s, p in zip(tree.symbols, tree.parent, strict=True)
    }
    assert got == above
    assert tree.titles[tree.index["A01B1/02"]].startswith("Spades")
    assert [tree.symbols[c] for c in tree.path(tree.index["H01L21/02013"])] == [
        "H",
        "H01",
        "H01L",
        "H01L21/00",
        "H01L21/02",
        "H01L21/02002",
        "H01L21/02005",
        "H01L21/02008",
        "H01L21/0201",
        "H01L21/02013",
    ]
    assert tree.ancestors.nnz == int((tree.depth + 1).sum())
    labels = tree.encode([["H01L21/02013", "A01B1/022"]])
    assert labels.nnz == 10 + 6
    assert tree.decode(labels) == [["A01B1/022", "H01L21/02013"]]


def test_a_notebook_shows_the_levels_of_a_tree() -> None:
    titles = {"A01": "<b>Farming</b> & more"}
    tree = CpcTree.from_symbols(["A01B", "A01C", "B60K"], titles=titles)
    text, (rows,) = shown(tree)
    assert text == "CpcTree: 7 symbols"
    assert [row[:3] for row in rows[1:]] == [
        ["section", "2", "0"],
        ["class", "2", "0"],
        ["subclass", "3", "3"],
    ]
    assert rows[2][3] == "A01 <b>Farming</b> & more"
