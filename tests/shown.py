"""What a notebook shows of an object, parsed."""

from __future__ import annotations

from typing import Any
from xml.etree import ElementTree


def shown(value: Any) -> tuple[str, list[list[list[str]]]]:
    """The sentence and rows of each table of a ``_repr_html_``; other markup is an error."""
    root = ElementTree.fromstring(f"<x>{value._repr_html_()}</x>")
    assert {node.tag for node in root.iter()} == {"x", "p", "b", "table", "tr", "th", "td"}
    text = [[["".join(c.itertext()) for c in row] for row in t] for t in root.findall("table")]
    return "".join(root[0].itertext()), text
