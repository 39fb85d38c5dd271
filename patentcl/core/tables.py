"""Tables as plain text, Markdown, LaTeX and HTML: numbers and cells in one way."""

from __future__ import annotations

import html
import math
import numbers
from collections.abc import Iterable, Sequence
from typing import Any

from patentcl.core.errors import choose

Row = Sequence[Any]


def number(value: float) -> str:
    """Four decimals below 10, two above; a dash where it is not finite.

    Examples
    --------
    >>> number(0.5), number(1234.5), number(float("nan"))
    ('0.5000', '1,234.50', '-')
    """
    if not math.isfinite(value):
        return "-"
    return f"{value:.4f}" if abs(value) < 10 else f"{value:,.2f}"


def counted(n: int, things: str) -> str:
    """How many of `things`, which is a plural in s.

    Examples
    --------
    >>> counted(1, "patents"), counted(1234, "patents")
    ('1 patent', '1,234 patents')
    """
    return f"{n:,} {things.removesuffix('s') if n == 1 else things}"


def cell(value: Any) -> str:
    """One value of a table: 1,234 for whole numbers, `number` for others, a dash for None."""
    if value is None:
        return "-"
    if isinstance(value, numbers.Real) and not isinstance(value, bool):
        return f"{value:,}" if isinstance(value, numbers.Integral) else number(float(value))
    return str(value)


def one_line(text: str, width: int | None = None) -> str:
    """A text without line breaks, cut with an ellipsis to at most `width` characters.

    Examples
    --------
    >>> one_line("Pump\\nwith an  impeller", 15)
    'Pump with an...'
    """
    text = " ".join(text.split())
    return text if width is None or len(text) <= width else f"{text[: width - 3].rstrip()}..."


def title_or_start(title: str | None, text: str, width: int) -> str:
    """A title in one line, or the first words of a text in brackets; "" where there is neither."""
    start = one_line(text, width - 2)
    return one_line(title or "", width) or (f"[{start}]" if start else "")


def _cells(head: Row, rows: Iterable[Row]) -> tuple[list[str], list[list[str]]]:
    return [str(name) for name in head], [[cell(value) for value in row] for row in rows]


def text_table(head: Row | None, rows: Iterable[Row], indent: str = "", rule: bool = True) -> str:
    """Columns padded to one width: the first flush left, the others flush right.

    Without a head there is no rule below it either.

    Examples
    --------
    >>> print(text_table(["", "one"], [["patents", 1234], ["share", 0.5]]))
                one
    -------  ------
    patents   1,234
    share    0.5000
    """
    names, lines = _cells(head or (), rows)
    if head is not None:
        lines = [names, *lines]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    if head is not None and rule:
        lines.insert(1, ["-" * width for width in widths])
    return "\n".join(
        indent
        + "  ".join(
            text.rjust(width) if i else text.ljust(width)
            for i, (text, width) in enumerate(zip(line, widths, strict=True))
        ).rstrip()
        for line in lines
    )


def markdown_table(head: Row, rows: Iterable[Row]) -> str:
    """A pipe table: the first column flush left, the others flush right."""
    names, lines = _cells(head, rows)
    rule = ["---"] + ["---:"] * (len(names) - 1)
    return "\n".join(
        "| " + " | ".join(text.replace("|", "\\|").replace("\n", " ") for text in line) + " |"
        for line in [names, rule, *lines]
    )


_LATEX = str.maketrans({c: rf"\{c}" for c in "%_&#${}"})


def latex_table(head: Row, rows: Iterable[Row]) -> str:
    """A tabular environment with the rules of booktabs."""
    names, lines = _cells(head, rows)
    first, *rest = (
        " & ".join(text.translate(_LATEX) for text in line) + r" \\" for line in [names, *lines]
    )
    begin = rf"\begin{{tabular}}{{l{'r' * (len(names) - 1)}}}"
    return "\n".join(
        [begin, r"\toprule", first, r"\midrule", *rest, r"\bottomrule", r"\end{tabular}"]
    )


def html_table(head: Row, rows: Iterable[Row]) -> str:
    """A table without colours of its own, so that a notebook's theme holds, light or dark.

    Examples
    --------
    >>> html_table(["title"], [["<script>"]]).count("&lt;script&gt;")
    1
    """
    names, lines = _cells(head, rows)
    direction = ' dir="auto" style="text-align:left"'  # Arabic and Hebrew titles
    made = [
        "".join(f"<{tag}{direction}>{html.escape(one_line(x, 100))}</{tag}>" for x in line)
        for tag, line in [("th", names), *(("td", line) for line in lines)]
    ]
    return f'<table style="color:inherit"><tr>{"</tr><tr>".join(made)}</tr></table>'


def html_summary(name: str, facts: str, *tables: str) -> str:
    """What a notebook shows of an object: its name, facts in a sentence, and `html_table` parts."""
    return f"<p><b>{html.escape(name)}</b>: {html.escape(facts)}</p>" + "".join(tables)


_FORMS = {"text": text_table, "markdown": markdown_table, "latex": latex_table, "html": html_table}


def table(head: Row, rows: Iterable[Row], form: str) -> str:
    """A table in one of the forms ``text``, ``markdown``, ``latex`` and ``html``."""
    return _FORMS[choose(form, _FORMS, "form of table")](head, rows)
