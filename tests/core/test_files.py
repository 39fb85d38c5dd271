"""One file whole or not at all; the errors of full disks are tested with the folders."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from patentcl.core.errors import DataError
from patentcl.core.files import replacing, settle, switch, whole_file, write_whole


def names(folder: Path) -> list[str]:
    return sorted(os.listdir(folder))


def test_text_and_bytes(tmp_path: Path) -> None:
    write_whole(tmp_path / "new" / "a.txt", "größe\n")
    write_whole(tmp_path / "b", b"\x00\n")
    assert (tmp_path / "new" / "a.txt").read_bytes() == "größe\n".encode()
    assert (tmp_path / "b").read_bytes() == b"\x00\n"
    assert names(tmp_path) == ["b", "new"] and names(tmp_path / "new") == ["a.txt"]


def test_the_old_file_stays_until_the_new_one_is_whole(tmp_path: Path) -> None:
    file = tmp_path / "a.txt"
    write_whole(file, "old")
    with whole_file(file) as part:
        part.write_text("new")
        assert part.name == "a.txt"
        assert file.read_text() == "old"
        assert len(names(tmp_path)) == 2
    assert file.read_text() == "new" and names(tmp_path) == ["a.txt"]


@pytest.mark.parametrize("old", [True, False])
@pytest.mark.parametrize("error", [KeyboardInterrupt, ValueError, OSError])
def test_an_error_leaves_what_was_there(tmp_path: Path, error: type, old: bool) -> None:
    file = tmp_path / "a.txt"
    if old:
        write_whole(file, "old")
    with pytest.raises(error), whole_file(file) as part:
        part.write_text("half")
        raise error
    assert names(tmp_path) == (["a.txt"] if old else [])
    assert not old or file.read_text() == "old"


def test_a_file_that_was_not_written_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError), whole_file(tmp_path / "a.txt"):
        pass
    assert names(tmp_path) == []


def test_a_full_disk_is_one_clear_error(tmp_path: Path) -> None:
    with (
        pytest.raises(DataError, match=r"the disk is full, the rest is kept \(in .*a\.txt"),
        whole_file(tmp_path / "a.txt", kept="the rest is kept"),
    ):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    assert names(tmp_path) == []


def test_a_folder_or_a_file_in_the_way(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    with pytest.raises(DataError, match="a folder is where a file is to be written"):
        write_whole(tmp_path / "folder", "x")
    (tmp_path / "file").write_text("mine")
    with pytest.raises(DataError, match="taken by a file"):
        write_whole(tmp_path / "file" / "a.txt", "x")
    assert names(tmp_path) == ["file", "folder"]


@pytest.mark.parametrize("mask", [0o022, 0o002, 0o077])
def test_modes_follow_the_umask_whatever_wrote_the_file(tmp_path: Path, mask: int) -> None:
    before = os.umask(mask)
    try:
        with whole_file(tmp_path / "a.txt") as part:
            os.close(os.open(part, os.O_CREAT | os.O_WRONLY, 0o600))  # as safetensors does
        with replacing(tmp_path / "folder") as (fresh, lock):
            (fresh / "inner").mkdir()
            for name in ("b", "inner/c"):
                (fresh / name).touch(0o600)
            settle(fresh)
            switch(fresh, tmp_path / "folder", lock)
    finally:
        os.umask(before)
    for name in ("a.txt", "folder/b", "folder/inner/c"):
        assert (tmp_path / name).stat().st_mode & 0o777 == 0o666 & ~mask


def test_a_link_keeps_pointing_to_what_is_replaced(tmp_path: Path) -> None:
    (tmp_path / "real").write_text("old")
    (tmp_path / "link").symlink_to(tmp_path / "real")
    write_whole(tmp_path / "link", "new")
    assert (tmp_path / "link").is_symlink() and (tmp_path / "real").read_text() == "new"
