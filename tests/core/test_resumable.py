"""A resumable file: complete or not there, and the same whatever cut it off."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from patentcl.core.errors import DataError
from patentcl.core.resumable import ResumableFile

ABOUT = {"input": "abc", "options": [1, None]}


def write(path: Path, steps: list[str], most: int | None = None) -> None:
    """Write steps that are not settled yet; after `most` of them the process is as good as dead."""
    with ResumableFile(path, ABOUT) as file:
        for step in steps[file.items :][:most]:
            file.add(step, 1)
        if most is None:
            file.finish()


@settings(max_examples=30, deadline=None)
@given(steps=st.lists(st.text(max_size=8), max_size=8), cut=st.integers(0, 8), junk=st.binary())
def test_a_cut_anywhere_leaves_the_same_file(
    tmp_path_factory: pytest.TempPathFactory, steps: list[str], cut: int, junk: bytes
) -> None:
    path = tmp_path_factory.mktemp("cut") / "out.jsonl"
    write(path, steps, cut)
    assert not path.exists()
    part = path.with_name("out.jsonl.part")
    with part.open("ab") as stream:
        stream.write(junk)  # the step that was under way
    write(path, steps)
    assert path.read_bytes() == "".join(steps).encode()
    assert [p.name for p in path.parent.iterdir()] == ["out.jsonl"]


def test_an_unfinished_file_of_something_else(tmp_path: Path) -> None:
    write(tmp_path / "a", ["x", "y"], 1)
    with pytest.raises(DataError, match="another input"):
        ResumableFile(tmp_path / "a", {**ABOUT, "input": "other"})
    write(tmp_path / "a", ["x", "y"])  # nothing was lost by the refusal
    assert (tmp_path / "a").read_text() == "xy"


def test_a_file_in_the_way_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "thesis").write_text("x")
    with pytest.raises(DataError, match="there already"):
        ResumableFile(tmp_path / "thesis", ABOUT)
    assert (tmp_path / "thesis").read_text() == "x"
    with pytest.raises(DataError, match="no such folder"):
        ResumableFile(tmp_path / "none" / "out", ABOUT)


def test_damaged_notes_and_a_shortened_file(tmp_path: Path) -> None:
    write(tmp_path / "a", ["long step", "y"], 1)
    (tmp_path / "a.part").write_text("lo")
    with pytest.raises(DataError, match="shorter than it was"):
        ResumableFile(tmp_path / "a", ABOUT)
    (tmp_path / "a.part.json").write_text("{")
    with pytest.raises(DataError, match="cannot be read"):
        ResumableFile(tmp_path / "a", ABOUT)


def test_notes_are_replaced_whole(tmp_path: Path) -> None:
    with ResumableFile(tmp_path / "a", ABOUT) as file:
        file.add("é\n", 5)
        state = json.loads((tmp_path / "a.part.json").read_text())
    assert state == {"about": ABOUT, "items": 5, "bytes": 3}
