"""Heads: layouts, masks and products against row-by-row transcriptions of their definitions."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from patentcl.cpc import CpcTree
from patentcl.errors import ConfigError
from patentcl.heads import HEADS, HeadSettings, Layout, _log1mexp, build_head

SMALL = CpcTree.from_symbols(["A01B", "A01C", "B60K", "B60L", "B62D"])
UNEVEN = CpcTree.from_edges([("r", None), ("s", None), ("a", "r"), ("b", "r"), ("a1", "a"),
                             ("a2", "a"), ("a11", "a1")])
SINGLE = CpcTree(("only",), np.array([-1]))
# Parents before children, but not sorted by depth: r, r/a, r/a/x, s, s/b.
MIXED = CpcTree(("r", "a", "x", "s", "b"), np.array([-1, 0, 1, -1, 3]))
TREES = {"small": SMALL, "uneven": UNEVEN, "single": SINGLE, "mixed": MIXED}


@st.composite
def trees(draw: st.DrawFn) -> CpcTree:
    """Forests in topological order, of any depth and order otherwise."""
    n = draw(st.integers(1, 12))
    parent = [-1] + [draw(st.integers(-1, i - 1)) for i in range(1, n)]
    return CpcTree(tuple(f"n{i}" for i in range(n)), np.array(parent))


def sigmoid(z: float) -> float:
    return 1 / (1 + np.exp(-z))


def naive(tree: CpcTree, logits: np.ndarray, mask: str) -> np.ndarray:
    """Probabilities node by node, as the definition reads."""
    out = np.zeros((len(logits), len(tree)))
    for i, row in enumerate(logits.astype(np.float64)):
        for node in range(len(tree)):
            own = [sigmoid(row[k]) for k in tree.path(node)]
            out[i, node] = np.prod(own) if mask == "soft" else min(own)
    return out


def naive_flat(tree: CpcTree, leaf_logits: np.ndarray) -> np.ndarray:
    leaves = [i for i in range(len(tree)) if i not in set(tree.parent.tolist())]
    out = np.zeros((len(leaf_logits), len(tree)))
    for i, row in enumerate(leaf_logits.astype(np.float64)):
        for node in range(len(tree)):
            below = [k for k, leaf in enumerate(leaves) if node in tree.path(leaf)]
            out[i, node] = max(sigmoid(row[k]) for k in below)
    return out


@pytest.mark.parametrize("name", TREES)
def test_layout_names_each_parent(name: str) -> None:
    tree = TREES[name]
    layout = Layout(tree)
    order = np.arange(len(tree)) if layout.order is None else layout.order
    assert sorted(order) == list(range(len(tree)))
    for depth, (start, stop) in enumerate(layout.bounds):
        nodes = order[start:stop]
        assert (tree.depth[nodes] == depth).all()
        if depth:
            above = order[slice(*layout.bounds[depth - 1])]
            assert np.array_equal(above[layout.parents[depth]], tree.parent[nodes])


@settings(deadline=None, max_examples=60)
@given(trees(), st.sampled_from(["none", "hard", "soft"]), st.integers(0, 99))
def test_masks_are_their_definitions(tree: CpcTree, mask: str, seed: int) -> None:
    head = build_head("levels", tree, 4, HeadSettings(hidden=0, mask=mask))
    logits = np.random.default_rng(seed).normal(0, 3, (3, len(tree))).astype(np.float32)
    got = head.probabilities(torch.from_numpy(logits)).numpy()
    np.testing.assert_allclose(got, naive(tree, logits, mask), rtol=1e-5, atol=1e-7)
    inner = tree.parent >= 0
    assert (got[:, inner] <= got[:, tree.parent[inner]]).all()


@settings(deadline=None, max_examples=40)
@given(trees(), st.integers(0, 99))
def test_flat_takes_the_likeliest_leaf(tree: CpcTree, seed: int) -> None:
    head = build_head("flat", tree, 4)
    assert head.columns.tolist() == np.flatnonzero(tree.is_leaf).tolist()
    logits = np.random.default_rng(seed).normal(0, 3, (3, len(head.columns))).astype(np.float32)
    got = head.probabilities(torch.from_numpy(logits)).numpy()
    np.testing.assert_allclose(got, naive_flat(tree, logits), rtol=1e-5, atol=1e-7)


@settings(deadline=None, max_examples=40)
@given(trees(), st.integers(0, 99))
def test_path_logits_are_those_of_the_products(tree: CpcTree, seed: int) -> None:
    head = build_head("levels", tree, 4, HeadSettings(hidden=0, mask="soft", policy="path"))
    raw = torch.from_numpy(np.random.default_rng(seed).normal(0, 2, (3, len(tree)))).float()
    product = naive(tree, raw.numpy(), "soft")
    got = head._path_logits(raw).numpy()
    np.testing.assert_allclose(got, np.log(product / (1 - product)), rtol=2e-3, atol=2e-3)


def test_path_logits_stay_finite_at_the_ends() -> None:
    head = build_head("levels", UNEVEN, 4, HeadSettings(hidden=0))
    for value in (-1e4, -80.0, 80.0, 1e4):
        raw = torch.full((2, len(UNEVEN)), value, requires_grad=True)
        logits = head._path_logits(raw)
        assert torch.isfinite(logits).all()
        logits.sum().backward()
        assert raw.grad is not None and torch.isfinite(raw.grad).all()


def test_log1mexp_by_value() -> None:
    x = -np.logspace(-6, 2, 50)
    got = _log1mexp(torch.from_numpy(x)).numpy()
    np.testing.assert_allclose(got, np.log(-np.expm1(x)), rtol=1e-6, atol=1e-12)


def test_levels_is_a_linear_layer_for_each_level() -> None:
    """Side by side in one matrix, or one product a level: the same numbers."""
    torch.manual_seed(0)
    head = build_head("levels", SMALL, 6, HeadSettings(hidden=5)).eval()
    x = torch.randn(7, 6)
    weight, bias = head.trunk[1].weight, head.trunk[1].bias
    hidden = torch.relu(x @ weight.T + bias)
    raw = head.raw(x)
    for level in SMALL.levels:
        columns = SMALL.at_level(level)
        by_level = hidden @ head.out.weight[columns].T + head.out.bias[columns]
        torch.testing.assert_close(raw[:, columns], by_level)


def test_siblings_policy_trains_a_node_on_patents_with_its_parent() -> None:
    head = build_head("levels", UNEVEN, 4, HeadSettings(policy="siblings"))
    targets = torch.from_numpy(UNEVEN.encode([["a1"], ["s"]]).toarray()).float()
    active = head.active(targets).numpy()
    for i in range(2):
        for node, parent in enumerate(UNEVEN.parent):
            assert active[i, node] == (parent < 0 or targets[i, parent] > 0)
    assert build_head("levels", UNEVEN, 4, HeadSettings(policy="all")).active(targets) is None


@pytest.mark.parametrize("mask,policy", [("soft", "path"), ("soft", "siblings"), ("none", "all")])
def test_start_at_gives_the_rates_before_any_training(mask: str, policy: str) -> None:
    rate = np.array([0.6, 0.4, 0.5, 0.1, 0.3, 0.2, 0.1, 0.05, 0.05, 0.05])[:len(SMALL)]
    rate = SMALL.cohere(rate[None])[0] * 0.95
    head = build_head("levels", SMALL, 4, HeadSettings(hidden=0, mask=mask, policy=policy))
    head.start_at(rate)
    with torch.no_grad():
        got = head.probabilities(head.raw(torch.zeros(1, 4))).numpy()[0]
    np.testing.assert_allclose(got, rate, rtol=0.05)


@pytest.mark.parametrize("name", HEADS)
@pytest.mark.parametrize("tree", TREES)
def test_every_head_learns_on_every_tree(name: str, tree: str) -> None:
    torch.manual_seed(1)
    forest = TREES[tree]
    head = build_head(name, forest, 4, HeadSettings(hidden=8, dropout=0.0))
    x = torch.randn(16, 4)
    y = torch.from_numpy(forest.close(np.eye(len(forest))[np.arange(16) % len(forest)]).toarray())
    y = y[:, torch.from_numpy(head.columns)].float()
    optimizer = torch.optim.Adam(head.parameters(), lr=0.02)
    losses = []
    for _ in range(60):
        loss = torch.nn.functional.binary_cross_entropy_with_logits(head(x), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < losses[0]
    scores = head.probabilities(head.raw(x)).detach()
    assert scores.shape == (16, len(forest)) and scores.dtype == torch.float32
    assert head.probabilities(head.raw(x[:0])).shape == (0, len(forest))


@pytest.mark.parametrize("kwargs,text", [
    ({"mask": "softt"}, "Did you mean soft"), ({"policy": "sibling"}, "siblings"),
    ({"hidden": -1}, "hidden=-1"), ({"layers": 0}, "layers=0"), ({"dropout": 1.0}, "dropout"),
    ({"input_dropout": -0.1}, "input_dropout")])
def test_bad_settings(kwargs: dict, text: str) -> None:
    with pytest.raises(ConfigError, match=text):
        HeadSettings(**kwargs)


def test_unknown_head_names_the_nearest() -> None:
    with pytest.raises(ConfigError, match="Did you mean levels"):
        build_head("level", SMALL, 4)
