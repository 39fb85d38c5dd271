"""The one-line form of errors, and suggestions."""

from __future__ import annotations

import copy
import pickle

import pytest
from hypothesis import given
from hypothesis import strategies as st

from patentcl.core.errors import (
    ConfigError,
    DataError,
    GraphError,
    MissingExtra,
    PatentclError,
    choose,
    did_you_mean,
)


@pytest.mark.parametrize(
    ("parts", "line"),
    [
        ({}, "it broke."),
        ({"where": "a.tsv"}, "it broke (in a.tsv)."),
        ({"got": 3}, "it broke: got 3."),
        ({"wanted": "4"}, "it broke: wanted 4."),
        ({"got": 0, "wanted": "1 or more"}, "it broke: got 0; wanted 1 or more."),
        ({"got": ""}, "it broke: got ."),
        ({"fix": "Mend it"}, "it broke. Mend it."),
        ({"fix": "Mend it."}, "it broke. Mend it."),
        ({"fix": "Did you mean x?"}, "it broke. Did you mean x?"),
        ({"fix": ""}, "it broke."),
        (
            {"where": "f, line 2", "got": "x", "wanted": "y", "fix": "Try y"},
            "it broke (in f, line 2): got x; wanted y. Try y.",
        ),
    ],
)
def test_the_form_of_messages(parts: dict, line: str) -> None:
    error = PatentclError("it broke", **parts)
    assert str(error) == line
    assert (error.what, error.where, error.got, error.wanted, error.fix) == (
        "it broke",
        *(parts.get(k) for k in ("where", "got", "wanted", "fix")),
    )


@given(*[st.text()] * 5)
def test_a_message_is_one_line_whatever_it_is_about(
    what: str, where: str, got: str, wanted: str, fix: str
) -> None:
    text = str(DataError(what, where=where, got=got, wanted=wanted, fix=fix))
    assert "\n" not in text
    assert "\r" not in text


def test_newlines_of_other_libraries_become_spaces() -> None:
    assert str(DataError("bad", got="Binder Error:\n  LINE 1: x\r\n ^")) == (
        "bad: got Binder Error: LINE 1: x ^."
    )


@pytest.mark.parametrize("kind", [ConfigError, DataError, GraphError, MissingExtra])
def test_all_errors_share_a_base_and_survive_the_way_from_a_worker(
    kind: type[PatentclError],
) -> None:
    error = kind("it broke", where="f", got=1, wanted=2, fix="Mend it")
    assert isinstance(error, PatentclError)
    for other in (pickle.loads(pickle.dumps(error)), copy.copy(error)):
        assert type(other) is kind
        assert str(other) == str(error)
        assert vars(other) == vars(error)


@pytest.mark.parametrize(
    ("name", "known", "text"),
    [
        ("epoch", ["epochs", "batch_size"], "Did you mean epochs?"),
        ("EPOCHS", ["epochs"], "Did you mean epochs?"),
        ("a01b", ["A01B", "A01C"], "Did you mean A01B, A01C?"),
        ("zzz", ["one", "two"], "Known: one, two"),
        ("zzz", [], ""),
        (3, [1, 2], "Known: 1, 2"),
        ("x", {"x": 1, "X": 2}, "Did you mean X, x?"),
    ],
)
def test_suggestions(name: str, known: list[str], text: str) -> None:
    assert did_you_mean(name, known) == text


def test_at_most_n_suggestions() -> None:
    assert did_you_mean("name", [f"name{i}" for i in range(9)], n=2).count("name") == 2


@given(st.lists(st.text(min_size=1), min_size=1, unique=True), st.data())
def test_a_known_name_is_among_its_own_suggestions(known: list[str], data: st.DataObject) -> None:
    name = data.draw(st.sampled_from(known))
    assert name in did_you_mean(name, known, n=len(known))


def test_choose_returns_what_is_known_and_explains_what_is_not() -> None:
    assert choose("b", ("a", "b"), "letter") == "b"
    assert choose(2, {1: "x", 2: "y"}, "number") == 2
    with pytest.raises(ConfigError) as caught:
        choose("ump", ("umap", "pca"), "projection method")
    assert str(caught.value) == "unknown projection method: got ump. Did you mean umap?"
    with pytest.raises(ConfigError) as caught:
        choose(None, ("umap", "pca"), "method", where="map.method")
    assert str(caught.value) == "unknown method (in map.method): got None. Known: pca, umap."
    with pytest.raises(ConfigError, match=r"unknown level: got \['a'\]"):
        choose(["a"], {"b": 1}, "level")
