"""Fills the tables of README.md from those of this folder: python benchmarks/readme.py"""

from __future__ import annotations

import re
from pathlib import Path

from patentcl.core.tables import markdown_table

ROOT = Path(__file__).resolve().parents[1]
README = ROOT / "README.md"
# <!-- from FILE: column, column | row | row -->, the table, <!-- end -->
MARK = re.compile(r"(<!-- from (\S+): (.*?) -->\n).*?(<!-- end -->)", re.DOTALL)


def filled(text: str) -> str:
    """The text with each marked table made anew: rows and columns of the file's first table."""

    def table(mark: re.Match[str]) -> str:
        lines = (ROOT / mark[2]).read_text(encoding="utf-8").splitlines()
        cells = [[c.strip() for c in x.split("|")[1:-1]] for x in lines if x[:1] == "|"]
        names, *rows = (part.strip() for part in mark[3].split("|"))
        head = cells[0]
        columns = [head.index(name) for name in names.split(", ")]
        first = {row[0]: row for row in reversed(cells)}
        body = [[name, *(first[name][i] for i in columns)] for name in rows]
        return mark[1] + markdown_table([head[0], *names.split(", ")], body) + "\n" + mark[4]

    return MARK.sub(table, text)


if __name__ == "__main__":
    README.write_text(filled(README.read_text(encoding="utf-8")), encoding="utf-8")
