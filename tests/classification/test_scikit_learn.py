"""PatentClassifier as scikit-learn wants an estimator to be.

scikit-learn's own checks run where they do not fit; those that fit do so with one class for each
sample, which is not this task, so their counterparts are written out for trees of labels.
"""

from __future__ import annotations

import copy
import pickle
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone, is_classifier
from sklearn.model_selection import GridSearchCV, KFold, cross_val_predict, cross_validate
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer
from sklearn.utils import estimator_checks
from sklearn.utils.validation import check_is_fitted

from patentcl import CpcTree, PatentClassifier
from patentcl.core.errors import DataError

LEAVES = ["A01B", "A01C", "B60K", "C07D"]
TREE = CpcTree.from_symbols(LEAVES)
QUICK: dict[str, Any] = {"hidden": 8, "epochs": 3, "batch_size": 32}
HEADS = ["levels", "flat", "tmm", "thmm", "knn", "levels+knn"]


def make(n: int, seed: int) -> tuple[np.ndarray, list[list[str]]]:
    rng = np.random.default_rng(seed)
    codes = [list(rng.choice(LEAVES, rng.integers(1, 3), replace=False)) for _ in range(n)]
    hot = np.array([[leaf in row for leaf in LEAVES] for row in codes], dtype=float)
    return (hot @ np.eye(4, 6) + rng.normal(0, 0.2, (n, 6))).astype(np.float32), codes


X, CODES = make(120, 0)
Y = TREE.encode(CODES)


@pytest.mark.parametrize(
    "check",
    [
        "check_parameters_default_constructible",
        "check_no_attributes_set_in_init",
        "check_get_params_invariance",
        "check_set_params",
        "check_estimator_repr",
        "check_do_not_raise_errors_in_init_or_set_params",
        "check_estimator_cloneable",
        "check_valid_tag_types",
        "check_estimator_tags_renamed",
        "check_mixin_order",
    ],
)
def test_checks_of_scikit_learn(check: str) -> None:
    getattr(estimator_checks, check)("PatentClassifier", PatentClassifier())


@pytest.fixture(scope="module", params=HEADS)
def fitted(request: pytest.FixtureRequest) -> PatentClassifier:
    return PatentClassifier(head=request.param, **QUICK).fit(X, Y, TREE)


def test_fit_returns_itself_and_leaves_parameters_alone() -> None:
    model = PatentClassifier(head="thmm", **QUICK)
    before = copy.deepcopy(model.get_params())
    x, y = X.copy(), Y.copy()
    assert model.fit(x, y, TREE) is model
    assert model.get_params() == before
    assert np.array_equal(x, X) and (y != Y).nnz == 0
    check_is_fitted(model)


def test_what_fit_adds_ends_in_an_underscore(fitted: PatentClassifier) -> None:
    added = {name for name in vars(fitted) if not name.startswith("_")} - set(fitted.get_params())
    assert {"tree_", "thresholds_", "classes_", "n_features_in_"} <= added
    assert all(name.endswith("_") for name in added)


def test_predicting_changes_nothing(fitted: PatentClassifier) -> None:
    before = {k: copy.deepcopy(v) for k, v in vars(fitted).items() if not k.startswith("_")}
    fitted.predict(X)
    fitted.predict_proba(X)
    fitted.score(X, Y)
    assert set(before) == {k for k in vars(fitted) if not k.startswith("_")}
    assert np.array_equal(before["thresholds_"], fitted.thresholds_)


def test_order_and_company_of_samples_do_not_matter(fitted: PatentClassifier) -> None:
    whole = fitted.predict_proba(X)
    order = np.random.default_rng(3).permutation(len(X))
    np.testing.assert_allclose(fitted.predict_proba(X[order]), whole[order], atol=1e-5)
    parts = np.concatenate([fitted.predict_proba(X[i : i + 7]) for i in range(0, len(X), 7)])
    np.testing.assert_allclose(parts, whole, atol=1e-5)


def test_any_layout_and_width_of_numbers_will_do(fitted: PatentClassifier) -> None:
    whole = fitted.predict_proba(X)
    strided = np.repeat(X, 2, axis=1)[:, ::2]
    for other in (np.asfortranarray(X), X.astype(np.float64), strided):
        np.testing.assert_allclose(fitted.predict_proba(other), whole, atol=1e-5)
    frozen = X.copy()
    frozen.setflags(write=False)
    np.testing.assert_allclose(fitted.predict_proba(frozen), whole, atol=1e-5)


def test_fitting_again_forgets_the_first_fit() -> None:
    other, codes = make(60, 9)
    model = PatentClassifier(head="levels", **QUICK)
    want = clone(model).fit(X, CODES).predict_proba(X)
    renamed = [[c.replace("A01B", "H04L") for c in row] for row in codes]
    model.fit(np.hstack([other, other]), renamed)
    got = model.fit(X, CODES).predict_proba(X)
    assert np.array_equal(got, want) and model.n_features_in_ == 6


def test_a_copy_by_pickle_predicts_the_same(fitted: PatentClassifier) -> None:
    """As joblib sends it to other processes; files of patentcl never hold a pickle."""
    again = pickle.loads(pickle.dumps(fitted))
    assert np.array_equal(again.predict_proba(X), fitted.predict_proba(X))


def test_classes_and_kind() -> None:
    model = PatentClassifier()
    assert is_classifier(model) and model.__sklearn_tags__().target_tags.required
    model.fit(X, CODES)
    assert model.classes_.tolist() == list(TREE.symbols)
    assert model.predict_proba(X).shape == (len(X), len(model.classes_))


@pytest.mark.parametrize("y", [Y.toarray(), CODES], ids=["matrix", "symbols"])
def test_cross_validate(y: Any) -> None:
    params = {} if y is CODES else {"params": {"tree": TREE}}
    model = PatentClassifier(head="levels", **{**QUICK, "epochs": 20, "learning_rate": 0.02})
    # For lists of symbols scikit-learn cannot guess a way to split: it asks for one.
    found = cross_validate(
        model, X, y, cv=KFold(3), error_score="raise", return_train_score=True, **params
    )
    assert (found["test_score"] > 0.6).all() and (found["train_score"] > 0.6).all()


def test_grid_search_reaches_every_setting() -> None:
    grid = {"head": ["levels", "knn"], "neighbors": [3, 9], "threshold": ["level", 0.4]}
    search = GridSearchCV(PatentClassifier(**QUICK), grid, cv=2, error_score="raise")
    search.fit(X, Y.toarray(), tree=TREE)
    assert set(search.best_params_) == set(grid)
    assert search.best_estimator_.score(X, Y) == pytest.approx(search.score(X, Y))


def test_in_a_pipeline() -> None:
    steps = make_pipeline(FunctionTransformer(lambda x: x * 2), PatentClassifier(**QUICK))
    steps.fit(X, CODES)
    assert steps.predict(X).shape == (len(X), len(TREE))
    found = cross_val_predict(
        PatentClassifier(**QUICK),
        X,
        Y.toarray(),
        cv=2,
        params={"tree": TREE},
        method="predict_proba",
    )
    assert found.shape == (len(X), len(TREE))


@pytest.mark.parametrize(
    ("bad", "text"),
    [
        (X[:, 0], "X must be a matrix"),
        (X[:0], "not be empty|has no label"),
        (np.full_like(X, np.nan), "must be finite"),
        (np.full_like(X, np.inf), "must be finite"),
        (X.astype(complex), "real numbers"),
        (X.astype(object), "real numbers"),
    ],
)
def test_odd_samples_are_one_clear_error(bad: Any, text: str) -> None:
    with pytest.raises(DataError, match=text):
        PatentClassifier(**QUICK).fit(bad, CODES[: len(bad)])


def test_a_data_frame_with_symbols_as_columns_needs_no_tree() -> None:
    frame = pd.DataFrame(Y.toarray(), columns=list(TREE.symbols))[LEAVES].astype(int)
    model = PatentClassifier(head="levels", **{**QUICK, "epochs": 20, "learning_rate": 0.02})
    want = clone(model).fit(X, Y, TREE).predict_proba(X)
    assert np.array_equal(clone(model).fit(X, frame).predict_proba(X), want)
    found = cross_validate(model, X, frame, cv=3, error_score="raise")
    assert (found["test_score"] > 0.6).all()
    steps = make_pipeline(FunctionTransformer(lambda x: x * 2), model)
    grid = {"patentclassifier__epochs": np.arange(2, 4), "patentclassifier__alpha": [1, 2.0]}
    search = GridSearchCV(steps, grid, cv=2, error_score="raise").fit(X, frame)
    assert search.predict(X).shape == (len(X), len(TREE))


def test_symbols_below_the_level_count_as_their_ancestors(caplog: Any) -> None:
    deep = [[f"{code}1/02" for code in row] for row in CODES]
    model = PatentClassifier(head="knn")
    with caplog.at_level("WARNING", logger="patentcl"):
        got = clone(model).fit(X, deep)
    assert "4 of 4 symbols are below the level subclass" in caplog.text
    want = clone(model).fit(X, CODES)
    assert got.tree_ == want.tree_ == TREE and got.score(X, deep) == want.score(X, CODES)
    assert np.array_equal(got.predict_proba(X), want.predict_proba(X))
    frame = pd.DataFrame({f"{s}1/02": [s in row for row in CODES] for s in LEAVES})
    assert np.array_equal(clone(model).fit(X, frame).predict_proba(X), got.predict_proba(X))
    caplog.clear()
    assert clone(model).set_params(level="class").fit(X, CODES).tree_.levels[-1] == "class"
    for level in (None, "subgroup"):
        whole = clone(model).set_params(level=level).fit(X, deep)
        assert "A01B1/02" in whole.tree_.index
    given = CpcTree.from_symbols({s for row in deep for s in row})  # a tree is taken as it is
    assert clone(model).fit(X, deep, given).tree_ == given
