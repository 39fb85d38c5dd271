"""Digests of what a folder holds: every change is found before anything is parsed."""

from __future__ import annotations

import hashlib
import json
import logging
import os
import random
import subprocess
import threading
from pathlib import Path

import pytest
from artifact_cases import NAMES, fill, record, write, write_beside

from patentcl.core import artifacts, digests
from patentcl.core.artifacts import MANIFEST, opened, read_manifest, require, verify, writing
from patentcl.core.errors import DataError


def deep(target: Path) -> Path:
    """A folder with a folder in it, an empty file and a hidden one."""
    with writing(target, record(1)) as place:
        fill(place, 1)
        (place / "inner").mkdir()
        (place / "inner" / "c.bin").write_bytes(os.urandom(1 << 20))
        (place / "empty").touch()
        (place / ".hidden").write_text("x")
    return target


def test_the_manifest_states_sizes_and_digests_as_sha256sum_does(tmp_path: Path) -> None:
    manifest = read_manifest(deep(tmp_path / "v"))
    assert manifest is not None
    names = [*NAMES, "empty", "inner/c.bin"]
    done = subprocess.run(
        ["sha256sum", *names], cwd=tmp_path / "v", capture_output=True, text=True, check=True
    )
    lines = [line.split() for line in done.stdout.splitlines()]
    assert {n: d["sha256"] for n, d in manifest["contents"].items()} == {n: h for h, n in lines}
    assert manifest["contents"]["inner/c.bin"]["bytes"] == 1 << 20
    assert verify(tmp_path / "v") == manifest


@pytest.mark.parametrize("name", [*NAMES, "inner/c.bin"])
def test_any_flipped_bit_is_one_clear_error(tmp_path: Path, name: str) -> None:
    file = deep(tmp_path / "v") / name
    good, chance = file.read_bytes(), random.Random(name)
    for _ in range(20):
        bad = bytearray(good)
        bad[chance.randrange(len(bad))] ^= 1 << chance.randrange(8)
        file.write_bytes(bad)
        with pytest.raises(DataError, match=r"not as it was written .*got other content. Run the"):
            verify(tmp_path / "v")
    file.write_bytes(good)
    verify(tmp_path / "v")


def test_a_change_that_keeps_size_and_time_is_seen(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(digests, "_SETTLED", -1.0)  # as if the file were old: remembered
    write(tmp_path / "v", 1)
    file = tmp_path / "v" / "a.txt"
    before = file.stat()
    verify(tmp_path / "v")
    assert any(str(file) in key for key in digests._seen)
    file.write_bytes(file.read_bytes()[::-1])
    os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert file.stat().st_mtime_ns == before.st_mtime_ns
    with pytest.raises(DataError, match="other content"):
        verify(tmp_path / "v")


def test_a_file_is_read_once_in_a_process(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(digests, "_SETTLED", -1.0)
    write(tmp_path / "v", 1)
    verify(tmp_path / "v")
    read: list[object] = []
    monkeypatch.setattr(hashlib, "file_digest", lambda *given: read.append(given))
    verify(tmp_path / "v")
    assert read == []


def test_what_is_missing_short_or_long(tmp_path: Path) -> None:
    write(tmp_path / "v", 1)
    file = tmp_path / "v" / "b.bin"
    size = file.stat().st_size
    with file.open("ab") as stream:
        stream.write(b"x")
    with pytest.raises(DataError, match=rf"b.bin\): got {size + 1} bytes instead of {size}"):
        require(tmp_path / "v", "vectors", "embed CORPUS")
    file.unlink()
    with pytest.raises(DataError, match=r"b.bin\): got no such file"):
        verify(tmp_path / "v")
    file.mkdir()
    with pytest.raises(DataError, match=r"b.bin\): got no such file"):
        verify(tmp_path / "v")
    verify(tmp_path / "v", ["a.txt"])  # the other one is whole


def test_what_nobody_listed_and_a_card_that_was_edited_do_not_matter(tmp_path: Path) -> None:
    with writing(tmp_path / "v", record(1)) as place:
        fill(place, 1, (*NAMES, "README.md"))
    (tmp_path / "v" / "README.md").write_text("my own words")
    (tmp_path / "v" / "notes.txt").write_text("mine")
    verify(tmp_path / "v")


def test_files_beside_other_folders_are_checked_and_those_are_not(tmp_path: Path) -> None:
    write_beside(tmp_path, 1)
    write(tmp_path / "vectors", 1)
    (tmp_path / "vectors" / "a.txt").write_text("changed")
    verify(tmp_path)
    (tmp_path / "a.txt").write_text("changed")
    with pytest.raises(DataError, match="not as it was written"):
        verify(tmp_path)


def test_every_character_of_a_manifest_counts(tmp_path: Path) -> None:
    """Wherever one is changed, the manifest is refused, or says the same as before."""
    write(tmp_path / "v", 1)
    path = tmp_path / "v" / MANIFEST
    good, whole = path.read_bytes(), read_manifest(tmp_path / "v")
    refused = 0
    for at in range(len(good)):
        path.write_bytes(good[:at] + bytes([good[at] ^ 1]) + good[at + 1 :])
        try:
            assert verify(tmp_path / "v") == whole
        except DataError as error:
            refused += 1
            assert MANIFEST in str(error)
    assert refused > 0.5 * len(good)


def test_an_older_folder_loads_with_one_note(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    fill(tmp_path, 1)
    (tmp_path / MANIFEST).write_text(json.dumps({"format": 1, "stage": "embed"}))
    with caplog.at_level(logging.WARNING):
        for _ in range(2):
            assert require(tmp_path, "vectors", "embed CORPUS")["stage"] == "embed"
    assert [r.getMessage() for r in caplog.records] == [
        f"{tmp_path} is of an older patentcl: its files are not checked"
    ]


def test_a_folder_that_is_replaced_while_it_is_read_is_read_again(tmp_path: Path) -> None:
    write(tmp_path / "v", 1)
    versions = iter(range(2, 5))

    def read() -> tuple[str, str]:
        one = (tmp_path / "v" / "a.txt").read_text()
        if (version := next(versions, None)) is not None:
            write(tmp_path / "v", version)
        return one[-2], (tmp_path / "v" / "b.bin").read_text()[-2]

    assert opened(tmp_path / "v", read) == ("4", "4")


def test_what_cannot_be_read_is_not_tried_again(tmp_path: Path) -> None:
    write(tmp_path / "v", 1)
    calls: list[int] = []

    def read() -> None:
        calls.append(1)
        raise ValueError

    with pytest.raises(ValueError):
        opened(tmp_path / "v", read)
    assert len(calls) == 1


def test_threads_read_one_folder_at_once(tmp_path: Path) -> None:
    deep(tmp_path / "v")
    found: list[object] = []
    threads = [
        threading.Thread(target=lambda: found.append(verify(tmp_path / "v"))) for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [artifacts.read_manifest(tmp_path / "v")] * 8
