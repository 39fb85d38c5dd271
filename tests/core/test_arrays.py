"""Checks of matrices, unit rows, exact neighbours."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from patentcl.core import arrays
from patentcl.core.arrays import (
    as_csr,
    best_columns,
    blocks,
    check_matrix,
    cosines,
    nearest,
    top_k,
    unit_rows,
)
from patentcl.core.errors import ConfigError, DataError

SEEDS = st.integers(0, 2**32 - 1)


def test_blocks_cover_all_rows_in_order() -> None:
    assert list(blocks(0, 4)) == []
    assert list(blocks(9, 4)) == [slice(0, 4), slice(4, 8), slice(8, 9)]


# ---- checks ---------------------------------------------------------------------------------


def test_floats_come_back_as_they_are_and_whole_numbers_as_float32() -> None:
    for dtype in (np.float16, np.float32, np.float64):
        x = np.ones((2, 3), dtype=dtype)
        assert check_matrix(x) is x
    found = check_matrix([[1, 2]])
    assert found.dtype == np.float32 and found.tolist() == [[1, 2]]


def test_memory_maps_stay_on_disk(tmp_path: Path) -> None:
    np.save(tmp_path / "x.npy", np.ones((5, 2), dtype=np.float16))
    x = np.load(tmp_path / "x.npy", mmap_mode="r")
    assert check_matrix(x, width=2) is x


@pytest.mark.parametrize(
    ("X", "options", "message"),
    [
        (
            [["a", "b"]],
            {},
            "X must hold real numbers: got dtype <U1; wanted float32 (n, d). Encode first.",
        ),
        ([[1j]], {}, "X must hold real numbers: got dtype complex128; wanted float32 (n, d)."),
        ([[True]], {}, "X must hold real numbers: got dtype bool; wanted float32 (n, d)."),
        ([[1]], {"whole": False}, "X must hold real numbers: got dtype int64; wanted float32"),
        ([1.0, 2.0], {}, "X must be a matrix: got shape (2,); wanted (n, d)."),
        ([[[1.0]]], {"width": 4}, "X must be a matrix: got shape (1, 1, 1); wanted (n, 4)."),
        ([[1.0], [1.0, 2.0]], {}, "X must be a matrix: got rows of different lengths;"),
        ([[1.0]], {"width": 2}, "X must have 2 columns: got shape (1, 1); wanted (n, 2). Encode"),
        (np.ones((0, 2)), {}, "X must not be empty: got shape (0, 2)."),
        (np.ones((2, 0)), {"empty": True}, "X must not be empty: got shape (2, 0)."),
        (
            [[1.0, 2], [3, np.nan], [np.inf, 0]],
            {},
            "X must be finite (in row 1, column 1): got nan (2 such rows). Encode these",
        ),
    ],
)
def test_what_is_no_matrix_of_vectors_is_one_clear_error(
    X: object, options: dict, message: str
) -> None:
    with pytest.raises(DataError) as caught:
        check_matrix(X, "X", fix="Encode first", **options)
    assert str(caught.value).startswith(message.removesuffix(" Encode first."))


def test_no_rows_where_that_is_allowed() -> None:
    assert check_matrix(np.ones((0, 2)), empty=True).shape == (0, 2)


def test_the_first_bad_row_is_found_in_any_block(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(arrays.blocks, "__defaults__", (2,))
    x = np.ones((7, 2))
    x[5, 1] = x[6, 0] = -np.inf
    with pytest.raises(DataError, match=r"row 5, column 1\): got -inf \(2 such rows\)"):
        check_matrix(x)
    x = np.ones((7, 2))
    x[3] = x[6] = 0
    with pytest.raises(DataError, match=r"in row 3\): got 2 such rows"):
        unit_rows(x)


# ---- unit rows ------------------------------------------------------------------------------


def test_unit_rows_by_value() -> None:
    found = unit_rows([[3, 4], [0, -2]])
    assert found.dtype == np.float32
    assert found.tolist() == [[np.float32(0.6), np.float32(0.8)], [0, -1]]


def test_the_type_of_unit_rows() -> None:
    for own, wanted in ((np.float16, "float32"), (np.float32, "float32"), (float, "float64")):
        assert unit_rows(np.ones((1, 3), dtype=own), dtype=None).dtype == wanted
        assert unit_rows(np.ones((1, 3), dtype=own)).dtype == np.float32
    assert unit_rows([[3.0, 4.0]], dtype=None).tolist() == [[0.6, 0.8]]


@given(SEEDS, st.sampled_from([np.float16, np.float32, np.float64]))
def test_unit_rows_have_length_1_and_are_fixed_to_the_bit(seed: int, dtype: type) -> None:
    rng = np.random.default_rng(seed)
    x = (rng.normal(size=(4, rng.integers(1, 40))) * 10 ** rng.uniform(-2, 2)).astype(dtype)
    x[x == 0] = 1
    once = unit_rows(x)
    assert np.allclose(np.linalg.norm(once.astype(float), axis=1), 1, atol=1e-6)
    wide = x.astype(np.float64)
    # rows of unit length already stay as they are: 1e-6 is all that they may be off
    assert np.allclose(
        once, wide / np.linalg.norm(wide, axis=1, keepdims=True), rtol=1.2e-6, atol=0
    )
    assert unit_rows(once).tobytes() == once.tobytes()


@pytest.mark.parametrize("size", [1e-300, 1e-320, 1e300, 1e-40])
def test_tiny_and_huge_rows_keep_their_direction(size: float) -> None:
    x = np.array([[3.0, 4.0], [0.0, 2.0]]) * [[size], [1.0]]
    assert np.allclose(unit_rows(x), [[0.6, 0.8], [0, 1]], atol=1e-3 if size == 1e-320 else 1e-7)


def test_zero_rows() -> None:
    x = np.array([[1.0, 0], [0, 0], [0, 0]])
    with pytest.raises(DataError) as caught:
        unit_rows(x, "the queries")
    assert str(caught.value) == (
        "the queries must not hold zero vectors, which have no direction (in row 1): "
        "got 2 such rows. Leave empty texts out."
    )
    assert unit_rows(x, zeros=True).tolist() == [[1, 0], [0, 0], [0, 0]]


def test_no_rows_have_no_direction_to_lose() -> None:
    assert unit_rows(np.ones((0, 3), dtype=np.float32)).shape == (0, 3)


def test_unit_rows_leave_their_input_alone() -> None:
    x = np.array([[2.0, 0.0]], dtype=np.float32)
    unit_rows(x)
    assert x.tolist() == [[2, 0]]
    one = np.array([[1.0, 0.0]], dtype=np.float32)
    assert not np.shares_memory(unit_rows(one), one)


def test_cosines_of_matching_rows() -> None:
    a = np.array([[1, 0], [1, 1], [0, 0]], dtype=np.float32)
    b = np.array([[0, 2], [2, 2], [1, 0]], dtype=np.float16)
    assert cosines(a, b) == pytest.approx([0, 1, np.nan], nan_ok=True)


# ---- the k best -----------------------------------------------------------------------------


def slow_best(scores: np.ndarray, k: int) -> np.ndarray:
    return np.array([sorted(range(len(s)), key=lambda j: (-s[j], j))[:k] for s in scores])


@given(SEEDS, st.integers(1, 8), st.booleans())
def test_the_best_columns_are_those_of_a_full_stable_sort(seed: int, k: int, tensor: bool) -> None:
    rng = np.random.default_rng(seed)
    scores = rng.integers(-2, 3, size=(rng.integers(1, 5), rng.integers(1, 9))).astype(np.float32)
    columns, values = best_columns(torch.from_numpy(scores) if tensor else scores, k)
    assert columns.tolist() == slow_best(scores, k).tolist()
    assert values.tolist() == np.take_along_axis(scores, columns, axis=1).tolist()
    assert values.dtype == np.float32


def test_no_scores_have_no_best() -> None:
    for shape, wanted in (((0, 3), (0, 2)), ((3, 0), (3, 0))):
        columns, values = best_columns(np.ones(shape, dtype=np.float32), 2)
        assert columns.shape == values.shape == wanted


@given(SEEDS, st.integers(1, 12), st.booleans(), st.booleans())
def test_nearest_is_a_full_sort_of_all_products(
    seed: int, k: int, leave_own: bool, tensor: bool
) -> None:
    rng = np.random.default_rng(seed)
    store = rng.integers(-2, 3, size=(rng.integers(2, 12), 3)).astype(np.float32)  # many ties
    own = rng.integers(-1, len(store), size=rng.integers(0, 6))
    queries = store[own]
    scores = queries @ store.T
    if leave_own:
        scores[np.flatnonzero(own >= 0), own[own >= 0]] = -np.inf
    kind = torch.from_numpy if tensor else np.asarray
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(arrays, "SCORES", 8)
        rows, products = nearest(kind(queries), kind(store), k, own if leave_own else None, block=2)
    k = min(k, len(store) - leave_own)
    assert rows.shape == products.shape == (len(own), k)
    assert rows.tolist() == slow_best(scores, k).tolist()
    assert products.tolist() == np.take_along_axis(scores, rows, axis=1).tolist()


def test_the_only_row_is_no_neighbour_of_itself() -> None:
    rows, products = nearest(np.ones((1, 2)), np.ones((1, 2)), 5, own=np.zeros(1, dtype=int))
    assert rows.shape == products.shape == (1, 0)


def test_scores_as_a_sparse_matrix() -> None:
    found = as_csr(np.array([[2, 0], [1, 2]]), np.array([[0.5, 0.25], [0.5, 0.0]]), 4)
    assert found.toarray().tolist() == [[0.25, 0, 0.5, 0], [0, 0.5, 0, 0]]
    assert found.indices.tolist() == [0, 2, 1, 2]


@given(SEEDS, st.integers(1, 8))
def test_top_k_keeps_scores_above_zero(seed: int, k: int) -> None:
    rng = np.random.default_rng(seed)
    scores = rng.integers(-2, 4, size=(3, 6)).astype(np.float32)
    kept = np.zeros_like(scores)
    for i, best in enumerate(slow_best(scores, k)):
        kept[i, best] = np.maximum(scores[i, best], 0)
    found = top_k(scores, k)
    assert found.toarray().tolist() == kept.tolist()
    assert (found.data > 0).all()
    assert top_k(np.empty((0, 4)), k).shape == (0, 4)


@pytest.mark.parametrize(
    "call", [lambda x: best_columns(x, 0), lambda x: nearest(x, x, 0), lambda x: top_k(x, -1)]
)
def test_k_below_1_is_refused(call: object) -> None:
    with pytest.raises(ConfigError, match="k must be at least 1: got"):
        call(np.ones((2, 2)))  # type: ignore[operator]
