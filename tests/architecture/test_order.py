"""The order of imports, in one table of folders without exemptions."""

from __future__ import annotations

import pytest
from sources import PACKAGE, SOURCES, each_source, imports, own_imports

ORDER = (
    "core",
    "cpc sample",
    "metrics data search",
    "graph encoders maps",
    "triplets classification",
    "workspace",
    "evaluation",
    "pipeline",
    "cli",
    "__main__",
)
"""A folder imports only from lines above its own; those of one line do not know each other."""
RANK = {name: rank for rank, line in enumerate(ORDER) for name in line.split()}


def test_every_folder_has_its_place() -> None:
    assert {name.split(".")[0] for name in SOURCES} - {"__init__"} == set(RANK)
    assert all(
        p.is_dir() or p.stem in ("__init__", "__main__", "cpc")
        for p in PACKAGE.glob("[a-z_]*")
        if p.name != "__pycache__"
    )


@each_source
def test_imports_go_downwards(name: str) -> None:
    own = name.split(".")[0]
    if own == "__init__":
        pytest.skip("names everything, loads nothing")
    for other in own_imports(SOURCES[name]):
        assert other == own or RANK[other] < RANK[own], f"patentcl.{name} imports patentcl.{other}"


def test_no_module_needs_itself() -> None:
    """Imports inside functions and for types count too."""
    needs = {
        name: {n.removeprefix("patentcl.") for n in imports(path) if n.startswith("patentcl.")}
        & set(SOURCES)
        for name, path in SOURCES.items()
        if name != "__init__"
    }
    done: set[str] = set()
    while len(done) < len(needs):
        free = {n for n, of in needs.items() if n not in done and of <= done}
        assert free, f"a circle among {sorted(set(needs) - done)}"
        done |= free
