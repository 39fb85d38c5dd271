"""Numbers and tables by value."""

from __future__ import annotations

import numpy as np
import pytest

from patentcl.core.errors import ConfigError
from patentcl.core.tables import cell, latex_table, markdown_table, number, table, text_table

HEAD = ["", "one", "two"]
ROWS = [["long name", 1, 0.5], ["a|b_c", 12345, None]]


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.12345, "0.1235"),
        (-9.99999, "-10.0000"),
        (10.0, "10.00"),
        (-1234.5, "-1,234.50"),
        (float("nan"), "-"),
        (float("inf"), "-"),
    ],
)
def test_numbers(value: float, text: str) -> None:
    assert number(value) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (1234567, "1,234,567"),
        (np.int64(-1234), "-1,234"),
        (np.float32(0.5), "0.5000"),
        (0.5, "0.5000"),
        (None, "-"),
        (True, "True"),
        ("1234", "1234"),
    ],
)
def test_cells(value: object, text: str) -> None:
    assert cell(value) == text


def test_plain_text() -> None:
    assert text_table(HEAD, ROWS).split("\n") == [
        "              one     two",
        "---------  ------  ------",
        "long name       1  0.5000",
        "a|b_c      12,345       -",
    ]
    assert text_table(["", "one"], [["x", "12.5"]], indent="  ", rule=False).split("\n") == [
        "      one",
        "  x  12.5",
    ]
    assert text_table(None, [["patents", 1234], ["a", 1]]) == "patents  1,234\na            1"
    assert text_table(["a", "b"], []) == "a  b\n-  -"
    assert text_table(None, []) == ""


def test_markdown() -> None:
    assert markdown_table(HEAD, ROWS).split("\n") == [
        "|  | one | two |",
        "| --- | ---: | ---: |",
        "| long name | 1 | 0.5000 |",
        "| a\\|b_c | 12,345 | - |",
    ]
    assert markdown_table(["a"], [["two\nlines"]]).split("\n")[-1] == "| two lines |"


def test_latex() -> None:
    assert latex_table(HEAD, ROWS).split("\n") == [
        r"\begin{tabular}{lrr}",
        r"\toprule",
        r" & one & two \\",
        r"\midrule",
        r"long name & 1 & 0.5000 \\",
        r"a|b\_c & 12,345 & - \\",
        r"\bottomrule",
        r"\end{tabular}",
    ]


def test_forms_by_name() -> None:
    for form, make in (("text", text_table), ("markdown", markdown_table), ("latex", latex_table)):
        assert table(HEAD, ROWS, form) == make(HEAD, ROWS)
    with pytest.raises(ConfigError, match=r"unknown form of table: got Latex. Did you mean latex"):
        table(HEAD, ROWS, "Latex")


def test_rows_of_different_lengths_are_refused() -> None:
    with pytest.raises(ValueError, match="zip"):
        text_table(["a", "b"], [["only one"]])
