"""Heads: layouts, masks and products against row-by-row transcriptions of their definitions."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from patentcl.classification.heads import HEADS, Head, HeadSettings, build_head
from patentcl.classification.heads.base import Layout, log1mexp
from patentcl.classification.heads.nodes import TmmHead, _buckets, _grouped, _grouped_outer
from patentcl.core.errors import ConfigError
from patentcl.cpc import CpcTree

SMALL = CpcTree.from_symbols(["A01B", "A01C", "B60K", "B60L", "B62D"])
UNEVEN = CpcTree.from_edges(
    [("r", None), ("s", None), ("a", "r"), ("b", "r"), ("a1", "a"), ("a2", "a"), ("a11", "a1")]
)
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
    got = head.path_logits(raw).numpy()
    np.testing.assert_allclose(got, np.log(product / (1 - product)), rtol=2e-3, atol=2e-3)


def test_path_logits_stay_finite_at_the_ends() -> None:
    head = build_head("levels", UNEVEN, 4, HeadSettings(hidden=0))
    for value in (-1e4, -80.0, 80.0, 1e4):
        raw = torch.full((2, len(UNEVEN)), value, requires_grad=True)
        logits = head.path_logits(raw)
        assert torch.isfinite(logits).all()
        logits.sum().backward()
        assert raw.grad is not None and torch.isfinite(raw.grad).all()


def test_log1mexp_by_value() -> None:
    x = -np.logspace(-6, 2, 50)
    got = log1mexp(torch.from_numpy(x)).numpy()
    np.testing.assert_allclose(got, np.log(-np.expm1(x)), rtol=1e-6, atol=1e-12)


def test_levels_is_a_linear_layer_for_each_level() -> None:
    """Side by side in one matrix, or one product a level: the same numbers."""
    torch.manual_seed(0)
    head = build_head("levels", SMALL, 6, HeadSettings(hidden=5)).eval()
    x = torch.randn(7, 6)
    weight, bias = head.trunk[1].weight, head.trunk[1].bias
    hidden = torch.nn.functional.gelu(x @ weight.T + bias)
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
    rate = np.array([0.6, 0.4, 0.5, 0.1, 0.3, 0.2, 0.1, 0.05, 0.05, 0.05])[: len(SMALL)]
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


@pytest.mark.parametrize(
    "kwargs,text",
    [
        ({"mask": "softt"}, "Did you mean soft"),
        ({"policy": "sibling"}, "siblings"),
        ({"hidden": -1}, "hidden=-1"),
        ({"layers": 0}, "layers=0"),
        ({"dropout": 1.0}, "dropout"),
        ({"input_dropout": -0.1}, "input_dropout"),
    ],
)
def test_bad_settings(kwargs: dict, text: str) -> None:
    with pytest.raises(ConfigError, match=text):
        HeadSettings(**kwargs)


def test_unknown_head_names_the_nearest() -> None:
    with pytest.raises(ConfigError, match="Did you mean levels"):
        build_head("level", SMALL, 4)


# ---- a network for each node ----------------------------------------------------------------


def naive_nodes(head: TmmHead, x: np.ndarray) -> np.ndarray:
    """Raw logits of one small network after the other, as the paper defines them."""
    tree, layout = head.tree, head.layout
    order = np.arange(len(tree)) if layout.order is None else layout.order
    place = {
        int(node): (d, k)
        for d, (a, b) in enumerate(layout.bounds)
        for k, node in enumerate(order[a:b])
    }
    weights = [
        {k: v.detach().numpy().astype(np.float64) for k, v in level.named_parameters()}
        for level in head.levels
    ]
    out = np.zeros((len(x), len(tree)))
    for i, row in enumerate(x.astype(np.float64)):
        hidden: dict[int, np.ndarray] = {}
        for node in range(len(tree)):  # parents come first
            d, k = place[node]
            w = weights[d]
            z = row @ w["first"][k] + w["first_bias"][k]
            if head.linked and tree.parent[node] >= 0:
                z = z + hidden[int(tree.parent[node])] @ w["above"][k]
            z = np.maximum(z, 0) @ w["second"][k] + w["second_bias"][k]
            hidden[node] = np.maximum(z, 0)
            two = np.array([0.0, hidden[node] @ w["out"][k] + w["out_bias"][k]])
            softmax = np.exp(two) / np.exp(two).sum()
            out[i, node] = np.log(softmax[1] / softmax[0])
    return out


def node_head(name: str, tree: CpcTree, **kwargs: object) -> TmmHead:
    torch.manual_seed(0)
    head = build_head(name, tree, 6, HeadSettings(hidden=5, **kwargs))
    assert isinstance(head, TmmHead)
    for p in head.parameters():  # larger than drawn, so that nothing vanishes
        p.data.mul_(3)
    return head.eval()


@pytest.mark.parametrize("name", ["tmm", "thmm"])
@pytest.mark.parametrize("tree", TREES)
def test_levels_of_networks_are_the_networks_one_by_one(name: str, tree: str) -> None:
    head = node_head(name, TREES[tree])
    x = torch.randn(9, 6, generator=torch.Generator().manual_seed(2))
    want = naive_nodes(head, x.numpy())
    np.testing.assert_allclose(head.raw(x).detach().numpy(), want, rtol=1e-4, atol=1e-5)
    # pairs: the same numbers where a node's whole path is active, 0 elsewhere
    forest = TREES[tree]
    active = forest.close(np.random.default_rng(1).random((9, len(forest))) < 0.3).toarray()
    got = head(x, torch.from_numpy(active)).detach().numpy()
    np.testing.assert_allclose(got, np.where(active, want, 0), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", ["tmm", "thmm"])
def test_pairs_have_the_gradients_of_all_nodes(name: str) -> None:
    head = node_head(name, UNEVEN)
    x = torch.randn(9, 6, generator=torch.Generator().manual_seed(2), requires_grad=True)
    targets = torch.from_numpy(UNEVEN.encode([["a11"], ["b"], ["s"]] * 3).toarray()).float()
    active = head.active(targets)
    assert active is not None

    def gradients(logits: torch.Tensor) -> list[torch.Tensor]:
        loss = (
            torch.nn.functional.binary_cross_entropy_with_logits(logits, targets, reduction="none")
            * active
        ).sum()
        return list(torch.autograd.grad(loss, [x, *head.parameters()]))

    for a, b in zip(gradients(head(x)), gradients(head(x, active)), strict=True):
        torch.testing.assert_close(a, b, rtol=1e-4, atol=1e-5)


@settings(deadline=None, max_examples=30)
@given(st.lists(st.integers(0, 9), min_size=1, max_size=8), st.integers(0, 99))
def test_buckets_cover_each_row_once(counts: list[int], seed: int) -> None:
    """The padded way of a GPU gives the numbers of the loop, forwards and backwards."""
    rng = np.random.default_rng(seed)
    rows = torch.from_numpy(rng.normal(size=(sum(counts), 3)))
    weight = torch.from_numpy(rng.normal(size=(len(counts), 3, 2)))
    grad = torch.from_numpy(rng.normal(size=(sum(counts), 2)))
    loop, outer = _grouped(rows, weight, tuple(counts)), _grouped_outer(rows, grad, tuple(counts))
    padded, padded_outer = torch.full_like(loop, np.nan), torch.zeros_like(outer)
    for groups, index, real in _buckets(tuple(counts), torch.device("cpu")):
        assert real.sum(dim=1).min() * 2 > real.shape[1] or real.shape[1] == 1
        padded[index[real]] = torch.bmm(rows[index], weight[groups])[real]
        padded_outer[groups] = torch.bmm(
            (rows[index] * real[..., None]).transpose(1, 2), grad[index]
        )
    torch.testing.assert_close(padded, loop)
    torch.testing.assert_close(padded_outer, outer)


@pytest.mark.parametrize("name", ["tmm", "thmm"])
@pytest.mark.parametrize("mask", ["none", "soft"])
@pytest.mark.parametrize("tree", TREES)
def test_top_down_leaves_out_only_what_is_unlikely(name: str, mask: str, tree: str) -> None:
    head = node_head(name, TREES[tree], mask=mask)
    x = torch.randn(40, 6, generator=torch.Generator().manual_seed(3))
    with torch.no_grad():
        whole = head.predict(x).numpy()
        np.testing.assert_allclose(head.predict(x, least=1e-30).numpy(), whole, atol=1e-5)
        part = head.predict(x, least=0.4).numpy()
        assert head.predict(x[:0], least=0.4).shape == (0, len(TREES[tree]))
    parent = TREES[tree].parent
    open_ = (parent < 0) | (whole[:, np.maximum(parent, 0)] >= 0.4)
    np.testing.assert_allclose(part, np.where(open_, whole, 0), atol=1e-5)
    assert (whole - part).max() < 0.4


def test_node_heads_need_a_width() -> None:
    with pytest.raises(ConfigError, match="needs a hidden width: got 0"):
        build_head("thmm", SMALL, 4, HeadSettings(hidden=0))


def test_heads_fill_in_their_own_settings() -> None:
    def filled(head: Head) -> tuple[int, float, str]:
        return head.hidden, head.dropout, head.policy

    assert filled(build_head("thmm", SMALL, 4)) == (64, 0.25, "siblings")
    assert filled(build_head("levels", SMALL, 4)) == (1024, 0.5, "path")
    kept = HeadSettings(hidden=7, dropout=0.0, policy="all")
    assert filled(build_head("tmm", SMALL, 4, kept)) == (7, 0.0, "all")


@pytest.mark.parametrize("name", ["tmm", "thmm"])
def test_one_node_after_the_other_without_gradients(name: str) -> None:
    """Prediction goes node by node through the cache; training all pairs at a time."""
    head = node_head(name, UNEVEN)
    x = torch.randn(40, 6, generator=torch.Generator().manual_seed(3))
    with torch.no_grad():
        whole = head.predict(x)
        for least in (1e-9, 0.2, 0.6):
            pruned = head.predict(x, least)
            parent = torch.from_numpy(np.maximum(UNEVEN.parent, 0)).long()
            kept = (whole[:, parent] >= least) | torch.from_numpy(UNEVEN.parent < 0)
            torch.testing.assert_close(pruned, torch.where(kept, whole, 0.0), rtol=1e-5, atol=1e-6)
    torch.testing.assert_close(head.predict(x, 0.2).detach(), pruned_of(head, x, 0.2))


def pruned_of(head: TmmHead, x: torch.Tensor, least: float) -> torch.Tensor:
    with torch.no_grad():
        return head.predict(x, least)


@pytest.mark.parametrize("name", ["tmm", "thmm"])
def test_half_precision_goes_through_grouped_products(name: str) -> None:
    head = node_head(name, UNEVEN)
    x = torch.randn(9, 6, generator=torch.Generator().manual_seed(2))
    active = torch.from_numpy(UNEVEN.encode([["a11"], ["b"], ["s"]] * 3).toarray())
    want = head(x, active)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        got = head(x, active)
    torch.testing.assert_close(got.float(), want, rtol=0.05, atol=0.05)
    got.float().sum().backward()
    assert all(torch.isfinite(p.grad).all() for p in head.parameters() if p.grad is not None)
