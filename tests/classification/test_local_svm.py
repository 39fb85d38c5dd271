"""Local SVMs against the definition: one scikit-learn SVM a node, one text at a time."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import sparse
from scipy.special import expit
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.svm import LinearSVC

from patentcl import CpcTree
from patentcl.classification.local_svm import PUBLISHED_MARGIN, PUBLISHED_THRESHOLD, LocalSVM
from patentcl.core.errors import ConfigError, DataError

LEAVES = ["A01B", "A01C", "A21B", "B60K", "B60L", "C07C"]
WORDS = {
    "A01B": "plough soil share",
    "A01C": "seed soil drill",
    "A21B": "oven bread dough",
    "B60K": "car engine shaft",
    "B60L": "car battery motor",
    "C07C": "acid ester solvent",
}


def texts_and_labels(tree: CpcTree, n: int, seed: int) -> tuple[list[str], sparse.csr_matrix]:
    """Patents with one leaf or two, words of theirs and some of others'."""
    rng = np.random.default_rng(seed)
    texts, codes = [], []
    for _ in range(n):
        own = list(rng.choice(LEAVES, rng.integers(1, 3), replace=False))
        words = [w for leaf in own for w in rng.choice(WORDS[leaf].split(), 2)]
        words += list(rng.choice(" ".join(WORDS.values()).split(), 3))
        texts.append(" ".join(rng.permutation(words)))
        codes.append(own)
    return texts, tree.encode(codes)


@pytest.fixture(scope="module")
def tree() -> CpcTree:
    return CpcTree.from_symbols(LEAVES)


@pytest.fixture(scope="module")
def data(tree: CpcTree) -> tuple[list[str], sparse.csr_matrix, list[str]]:
    texts, labels = texts_and_labels(tree, 160, 0)
    return texts, labels, texts_and_labels(tree, 40, 1)[0]


def naive(
    tree: CpcTree, texts: list[str], labels: sparse.csr_matrix, new: list[str], cut: float
) -> np.ndarray:
    """Margins, node by node and text by text; -inf where the parent did not pass the cut."""
    words = TfidfVectorizer()
    X, Z, Y = words.fit_transform(texts), words.transform(new), labels.toarray()
    out = np.full((len(new), len(tree)), -np.inf)
    for node, parent in enumerate(tree.parent):
        rows = np.arange(len(texts)) if parent < 0 else np.flatnonzero(Y[:, parent])
        y = Y[rows, node]
        model = None if y.all() else LinearSVC(random_state=0).fit(X[rows], y)
        for i in range(len(new)):
            if parent < 0 or out[i, parent] >= cut:
                out[i, node] = np.inf if model is None else model.decision_function(Z[i])[0]
    return out


@pytest.mark.parametrize("cut", [PUBLISHED_MARGIN, 0.1, -np.inf])
def test_margins_are_those_of_a_loop_over_nodes_and_texts(
    tree: CpcTree, data: tuple[list[str], sparse.csr_matrix, list[str]], cut: float
) -> None:
    texts, labels, new = data
    got = LocalSVM(tree).fit(texts, labels).margins(new, cut)
    want = naive(tree, texts, labels, new, cut)
    assert np.array_equal(np.isfinite(got), np.isfinite(want))
    assert np.isneginf(want).any() or cut == -np.inf
    # liblinear stops at a tolerance, and words that no patent of a node has change its path.
    np.testing.assert_allclose(got, want, atol=5e-3)


def test_kept_labels_are_those_of_the_published_rule(
    tree: CpcTree, data: tuple[list[str], sparse.csr_matrix, list[str]]
) -> None:
    texts, labels, new = data
    scores = LocalSVM(tree).fit(texts, labels).scores(new, least=PUBLISHED_THRESHOLD)
    margins = naive(tree, texts, labels, new, PUBLISHED_MARGIN)
    sure = np.abs(margins - PUBLISHED_MARGIN) > 5e-3
    kept = scores >= np.float32(PUBLISHED_THRESHOLD)
    assert np.array_equal(kept[sure], (margins >= PUBLISHED_MARGIN)[sure])
    assert tree.is_closed(sparse.csr_matrix(kept))


@pytest.mark.parametrize("mask", ["hard", "soft", "none"])
def test_probabilities_are_coherent(
    tree: CpcTree, data: tuple[list[str], sparse.csr_matrix, list[str]], mask: str
) -> None:
    texts, labels, new = data
    model = LocalSVM(tree, mask=mask).fit(texts, labels)
    scores, inner = model.scores(new), tree.parent >= 0
    assert (scores[:, inner] <= scores[:, tree.parent[inner]]).all()
    own = expit(model.margins(new))
    node = tree.index["A01B"]
    up, top = tree.parent[node], tree.parent[tree.parent[node]]
    want = (
        own[:, node] * own[:, up] * own[:, top]
        if mask == "soft"
        else np.minimum.reduce([own[:, node], own[:, up], own[:, top]])
    )
    np.testing.assert_allclose(scores[:, node], want, rtol=1e-5)


def test_only_children_and_nodes_without_a_patent(tree: CpcTree) -> None:
    texts = ["plough soil", "car engine", "plough share", "engine shaft"]
    labels = tree.encode([["A01B"], ["B60K"]] * 2)
    scores = LocalSVM(tree).fit(texts, labels).scores(["soil plough", "shaft"])
    column = tree.index
    assert np.array_equal(scores[:, column["B60K"]], scores[:, column["B"]])  # an only child here
    assert not scores[:, column["C"]].any() and not scores[:, column["A21B"]].any()


def test_a_tree_with_one_node() -> None:
    one = CpcTree.from_edges([("all", None)])
    labels = sparse.csr_matrix(np.ones((2, 1), dtype=bool))
    assert LocalSVM(one).fit(["a word", "another"], labels).scores(["word"]).tolist() == [[1.0]]


def test_state_gives_the_same_scores(
    tree: CpcTree, data: tuple[list[str], sparse.csr_matrix, list[str]]
) -> None:
    texts, labels, new = data
    model = LocalSVM(tree, cost=0.5, mask="soft").fit([*texts[:-1], "naïve Größe"], labels)
    again = LocalSVM.from_state(model.state(), tree, mask="soft")
    assert np.array_equal(model.scores(new), again.scores(new))
    assert all(t.dtype != object for t in model.state().values())


def test_blocks_are_the_scores_of_all(
    tree: CpcTree,
    data: tuple[list[str], sparse.csr_matrix, list[str]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    texts, labels, new = data
    model = LocalSVM(tree).fit(texts, labels)
    monkeypatch.setattr("patentcl.classification.local_svm.CHUNK", 7)
    parts = list(model.blocks(new))
    assert [start for start, _ in parts] == list(range(0, 40, 7))
    assert np.array_equal(np.concatenate([s for _, s in parts]), model.scores(new))


def test_mistakes(tree: CpcTree) -> None:
    labels = tree.encode([["A01B"], ["B60K"]])
    with pytest.raises(ConfigError, match="above 0"):
        LocalSVM(tree, cost=0)
    with pytest.raises(DataError, match="no text to train on has a word"):
        LocalSVM(tree).fit(["", "!"], labels)
    with pytest.raises(DataError, match="differ in length"):
        LocalSVM(tree).fit(["a plough"], labels)
