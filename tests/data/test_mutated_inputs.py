"""A fixed sample of the mutations of ``tests/mutated_inputs.py``."""

from __future__ import annotations

from pathlib import Path

import mutated_inputs


def test_mutated_files_are_read_whole_or_refused(tmp_path: Path) -> None:
    ends = [mutated_inputs.attempt(tmp_path, number, seed=5) for number in range(60)]
    assert [end for end in ends if end[2] not in ("read", "refused")] == []
    assert {end[2] for end in ends} == {"read", "refused"}
    assert {name for name, _, _ in ends} == set(mutated_inputs.FORMATS)
