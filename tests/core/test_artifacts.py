"""Folders that are complete or not there: whatever is cut, full, foreign or forbidden."""

from __future__ import annotations

import contextlib
import datetime
import errno
import itertools
import json
import os
import random
import resource
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from artifact_cases import NAMES, fill, record, version_of, write, write_beside
from hypothesis import given
from hypothesis import strategies as st

from patentcl.core import files, locks
from patentcl.core.artifacts import (
    FORMAT,
    MANIFEST,
    fingerprint,
    fingerprint_path,
    read_manifest,
    require,
    stage_of,
    writing,
    writing_files,
)
from patentcl.core.errors import DataError
from patentcl.core.files import replacing, switch


def hidden(folder: Path) -> list[str]:
    return sorted(p.name for p in folder.iterdir() if p.name.startswith("."))


# ---- fingerprints ---------------------------------------------------------------------------

plain = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text() | st.floats(allow_nan=False),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=12,
)


def shuffled(value: Any) -> Any:
    if isinstance(value, dict):
        items = [(k, shuffled(v)) for k, v in value.items()]
        random.Random(len(items)).shuffle(items)
        return dict(reversed(items))
    return [shuffled(v) for v in value] if isinstance(value, list) else value


@given(plain, plain)
def test_fingerprints_tell_values_apart_but_not_orders_of_keys(a: Any, b: Any) -> None:
    assert fingerprint(a) == fingerprint(shuffled(a)) == fingerprint(json.loads(json.dumps(a)))
    same = json.dumps(a, sort_keys=True) == json.dumps(b, sort_keys=True)
    assert (fingerprint(a) == fingerprint(b)) == same


def test_fingerprints_of_other_plain_things() -> None:
    assert fingerprint((1, 2)) == fingerprint([1, 2]) != fingerprint([2, 1])
    assert fingerprint(Path("a/b")) == fingerprint("a/b")
    assert fingerprint(datetime.date(2020, 1, 2)) == fingerprint("2020-01-02")
    assert fingerprint({"s": {"b", "a", "c"}}) == fingerprint({"s": ["a", "b", "c"]})
    assert len(fingerprint(1)) == 32


@pytest.mark.parametrize("value", [object(), {"a": lambda: 1}, [np.zeros(2)], {1j}])
def test_what_has_no_fixed_text_has_no_fingerprint(value: Any) -> None:
    with pytest.raises(TypeError, match="is not plain data"):
        fingerprint(value)


def make_tree(folder: Path) -> Path:
    (folder / "inner").mkdir(parents=True)
    (folder / "a.txt").write_text("one", encoding="utf-8")
    (folder / "inner" / "b.txt").write_text("two", encoding="utf-8")
    return folder


CHANGES: dict[str, Callable[[Path], object]] = {
    "content": lambda f: (f / "a.txt").write_text("ONE", encoding="utf-8"),
    "rename": lambda f: (f / "a.txt").rename(f / "c.txt"),
    "move": lambda f: (f / "a.txt").rename(f / "inner" / "a.txt"),
    "new file": lambda f: (f / "c.txt").write_bytes(b""),
    "lost file": lambda f: (f / "a.txt").unlink(),
    "bytes that wander to the next file": lambda f: (
        (f / "a.txt").write_text("on", encoding="utf-8"),
        (f / "inner" / "b.txt").write_text("etwo", encoding="utf-8"),
    ),
    "contents exchanged": lambda f: (
        (f / "a.txt").write_text("two", encoding="utf-8"),
        (f / "inner" / "b.txt").write_text("one", encoding="utf-8"),
    ),
}
NO_CHANGES: dict[str, Callable[[Path], object]] = {
    "time": lambda f: os.utime(f / "a.txt", (1, 1)),
    "mode": lambda f: (f / "a.txt").chmod(0o600),
    "hidden file": lambda f: (f / ".hidden").write_text("x", encoding="utf-8"),
    "hidden folder": lambda f: make_tree(f / "inner" / ".cache"),
    "manifest": lambda f: (f / MANIFEST).write_text("{}", encoding="utf-8"),
    "same content again": lambda f: (f / "a.txt").write_text("one", encoding="utf-8"),
}


@pytest.mark.parametrize("name", CHANGES)
def test_fingerprints_of_folders_see(tmp_path: Path, name: str) -> None:
    before = fingerprint_path(make_tree(tmp_path / "f"))
    CHANGES[name](tmp_path / "f")
    assert fingerprint_path(tmp_path / "f") != before


@pytest.mark.parametrize("name", NO_CHANGES)
def test_fingerprints_of_folders_do_not_see(tmp_path: Path, name: str) -> None:
    before = fingerprint_path(make_tree(tmp_path / "f"))
    NO_CHANGES[name](tmp_path / "f")
    assert fingerprint_path(tmp_path / "f") == before


def test_fingerprints_do_not_depend_on_the_place(tmp_path: Path) -> None:
    one = fingerprint_path(make_tree(tmp_path / "one"))
    assert fingerprint_path(make_tree(tmp_path / ".hidden" / "two")) == one
    (tmp_path / "link").symlink_to(tmp_path / "one")
    assert fingerprint_path(tmp_path / "link") == one


def test_fingerprint_of_one_file_and_of_none(tmp_path: Path) -> None:
    make_tree(tmp_path / "f")
    file = tmp_path / "f" / "a.txt"
    before = fingerprint_path(file)
    os.utime(file, (1, 1))
    assert fingerprint_path(file) == before
    assert fingerprint_path(file.rename(tmp_path / "f" / "z.txt")) != before
    with pytest.raises(DataError, match=r"no such file or folder: got .*a\.txt"):
        fingerprint_path(file)


# ---- complete folders -----------------------------------------------------------------------


def test_a_folder_with_its_manifest(tmp_path: Path) -> None:
    target = tmp_path / "deep" / "down" / "vectors"
    about = record(1)
    with writing(target, about) as place:
        fill(place, 1)
        about["counts"] = {"vectors": 3}
        assert place.parent == target.with_name(".vectors.lock")
        assert not target.exists()
    assert sorted(p.name for p in target.iterdir()) == [*NAMES, MANIFEST]
    assert hidden(target.parent) == []
    manifest = require(target, "vectors", "embed CORPUS")
    assert manifest == read_manifest(target)
    assert manifest["format"] == FORMAT
    assert manifest["counts"] == {"vectors": 3}
    assert manifest["seconds"] >= 0
    assert manifest["libraries"]["python"] == ".".join(map(str, sys.version_info[:3]))
    assert {"patentcl", "numpy", "torch", "duckdb"} <= set(manifest["libraries"])
    assert datetime.datetime.fromisoformat(manifest["written"]).tzinfo is not None


def test_a_folder_is_readable_to_those_who_may_read_its_siblings(tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    write(tmp_path / "vectors", 1)
    assert (tmp_path / "vectors").stat().st_mode == (tmp_path / "other").stat().st_mode


def test_a_new_result_replaces_the_whole_of_the_old_one(tmp_path: Path) -> None:
    target = tmp_path / "v"
    with writing(target, record(1)) as place:
        fill(place, 1, (*NAMES, "old.txt"))
    write(target, 2)
    assert version_of(target) == 2
    assert not (target / "old.txt").exists()
    assert os.listdir(tmp_path) == ["v"]


def test_a_link_to_another_disk_stays_a_link(tmp_path: Path) -> None:
    (tmp_path / "scratch" / "v").mkdir(parents=True)
    (tmp_path / "v").symlink_to(tmp_path / "scratch" / "v")
    for version in (1, 2):
        write(tmp_path / "v", version)
        assert (tmp_path / "v").is_symlink()
        assert version_of(tmp_path / "scratch" / "v") == version
    assert sorted(os.listdir(tmp_path)) == ["scratch", "v"]


def test_names_with_signs_that_patterns_know(tmp_path: Path) -> None:
    target = tmp_path / "run [1] (*?)"
    write(target, 1)
    left_by_the_dead(tmp_path / f".{target.name}.lock")
    write(target, 2)
    assert version_of(target) == 2
    assert hidden(tmp_path) == []


def test_relative_places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    write(Path("v"), 1)
    (tmp_path / "elsewhere").mkdir()
    with writing("v", record(2)) as place:
        os.chdir(tmp_path / "elsewhere")
        fill(place, 2)
    assert version_of(tmp_path / "v") == 2


def test_files_beside_other_folders(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("mine", encoding="utf-8")
    write(tmp_path / "vectors", 7)
    write_beside(tmp_path, 1, (*NAMES, "old.txt"))
    assert read_manifest(tmp_path)["files"] == [*NAMES, "old.txt"]  # type: ignore[index]
    write_beside(tmp_path, 2)
    assert version_of(tmp_path) == 2
    assert sorted(os.listdir(tmp_path)) == sorted([*NAMES, MANIFEST, "notes.txt", "vectors"])
    assert (tmp_path / "notes.txt").read_text(encoding="utf-8") == "mine"
    assert version_of(tmp_path / "vectors") == 7


def test_folders_among_files_are_replaced_whole(tmp_path: Path) -> None:
    for version in (1, 2):
        with writing_files(tmp_path / "f", record(version)) as place:
            (place / "inner").mkdir()
            fill(place / "inner", version, (f"{version}.txt",))
    assert os.listdir(tmp_path / "f" / "inner") == ["2.txt"]


# ---- exceptions -----------------------------------------------------------------------------


class Broken(Exception):
    pass


def break_before(place: Path, _: dict[str, Any]) -> None:
    raise Broken


def break_after_one(place: Path, _: dict[str, Any]) -> None:
    fill(place, 2, NAMES[:1])
    raise Broken


def break_by_key(place: Path, _: dict[str, Any]) -> None:
    fill(place, 2)
    raise KeyboardInterrupt


def break_manifest(place: Path, about: dict[str, Any]) -> None:
    fill(place, 2)
    about["self"] = about  # cannot be written as JSON


@pytest.mark.parametrize("kind", [writing, writing_files])
@pytest.mark.parametrize("body", [break_before, break_after_one, break_by_key, break_manifest])
@pytest.mark.parametrize("old", [True, False])
def test_what_fails_leaves_the_old_result_as_it_was(
    tmp_path: Path, kind: Any, body: Any, old: bool
) -> None:
    target = tmp_path / "v"
    if old:
        (write if kind is writing else write_beside)(target, 1)
    about = record(2)
    with (
        pytest.raises((Broken, KeyboardInterrupt, ValueError, RecursionError)),
        kind(target, about) as place,
    ):
        body(place, about)
    assert version_of(target) == (1 if old else None)
    assert hidden(tmp_path) == []
    if target.exists():
        assert sorted(os.listdir(target)) == ([*NAMES, MANIFEST] if old else [])


@pytest.mark.parametrize("which", [1, 2])
def test_a_rename_that_fails_puts_the_old_result_back(
    tmp_path: Path, which: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = tmp_path / "v"
    write(target, 1)
    real, calls = Path.rename, itertools.count(1)

    def rename(self: Path, other: Any) -> Any:
        if next(calls) == which:
            raise OSError(errno.EIO, "input or output error")
        return real(self, other)

    monkeypatch.setattr(files, "_exchanged", lambda one, other: False)
    with replacing(target) as (fresh, lock), monkeypatch.context() as patch:
        fill(fresh, 2)
        patch.setattr(Path, "rename", rename)
        with pytest.raises(OSError, match="input or output"):
            switch(fresh, target, lock)
    assert version_of(target) == 1
    assert os.listdir(tmp_path) == ["v"]


# ---- kill -9 --------------------------------------------------------------------------------


def killed(tmp_path: Path, kind: str, old: bool, steps: str = "one step") -> list[Path]:
    """One folder for each moment at which writing was killed, and a last one where it was not."""
    base = tmp_path / kind
    done = subprocess.run(
        [
            sys.executable,
            Path(__file__).parents[1] / "artifact_cases.py",
            base,
            kind,
            "old" if old else "new",
            steps,
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    roots = sorted(base.iterdir(), key=lambda p: int(p.name))
    assert len(roots) > 10  # the moments were seen
    assert version_of(roots[-1] / "v") == 2
    return roots


@pytest.mark.parametrize(("steps", "expected"), [("one step", [1, 2]), ("two steps", [1, None, 2])])
def test_kill_at_every_moment_of_writing_a_folder(
    tmp_path: Path, steps: str, expected: list[int | None]
) -> None:
    states = []
    for root in killed(tmp_path, "write", True, steps):
        state = version_of(root / "v")  # also checks that all its files are of that version
        states.append(state)
        with pytest.raises(Broken), writing(root / "v", record(3)):
            raise Broken
        assert version_of(root / "v") == (state or 1)  # cut between the renames: the old is back
        assert os.listdir(root) == ["v"]
        write(root / "v", 3)
        assert version_of(root / "v") == 3
        assert os.listdir(root) == ["v"]
    assert [k for k, _ in itertools.groupby(states)] == expected


def test_kill_at_every_moment_of_writing_files(tmp_path: Path) -> None:
    states = []
    for root in killed(tmp_path, "write_beside", old=True):
        states.append(version_of(root / "v"))
        write_beside(root / "v", 3, (*NAMES, "new.txt"))
        assert version_of(root / "v", (*NAMES, "new.txt")) == 3
        assert {"notes.txt", "new.txt", MANIFEST, *NAMES} == set(os.listdir(root / "v"))
        assert (root / "v" / "notes.txt").read_text(encoding="utf-8") == "mine"
    assert [k for k, _ in itertools.groupby(states)] == [1, None, 2]


@pytest.mark.parametrize(("kind", "again"), [("write", write), ("write_beside", write_beside)])
def test_kill_at_every_moment_of_a_first_writing(
    tmp_path: Path, kind: str, again: Callable[[Path, int], None]
) -> None:
    for root in killed(tmp_path, kind, old=False):
        assert version_of(root / "v") in (None, 2)
        again(root / "v", 3)
        assert version_of(root / "v") == 3
        assert hidden(root) == hidden(root / "v") == []


def left_by_the_dead(lock: Path) -> None:
    """A lock whose owner, of this machine, is gone."""
    lock.mkdir()
    (lock / "new-1").mkdir()
    about = {"token": "0" * 16, "who": "u@h", "pid": 1, "command": "c", "since": "then"}
    (lock / ".owner").write_text(json.dumps({**about, "machine": locks._machine()}))


def test_only_leftovers_of_the_same_name_are_touched(tmp_path: Path) -> None:
    others = [".v.x.lock", f".v.x.lock-{'1' * 16}", ".x.v.lock"]
    for name in [*others, ".v.lock", f".v.lock-{'1' * 16}"]:
        left_by_the_dead(tmp_path / name)
    with pytest.raises(Broken), writing(tmp_path / "v", record(1)):
        raise Broken
    assert sorted(os.listdir(tmp_path)) == sorted(others)


# ---- foreign places -------------------------------------------------------------------------


def foreign_file(target: Path) -> None:
    target.write_text("mine", encoding="utf-8")


def foreign_folder(target: Path) -> None:
    target.mkdir()
    (target / "thesis.txt").write_text("mine", encoding="utf-8")


def hidden_only(target: Path) -> None:
    target.mkdir()
    (target / ".git").mkdir()


def other_stage(target: Path) -> None:
    with writing(target, {"stage": "fit"}) as place:
        fill(place, 1)


def whole_run(target: Path) -> None:
    with writing_files(target, {"stage": "load"}) as place:
        fill(place, 1)
    write(target / "vectors", 1)


def stages_inside(target: Path) -> None:
    write(target, 1)
    write(target / "vectors", 1)


def newer(target: Path) -> None:
    target.mkdir()
    (target / MANIFEST).write_text(json.dumps({"format": FORMAT + 1}), encoding="utf-8")


def listing(folder: Path) -> dict[str, bytes | None]:
    return {
        p.relative_to(folder).as_posix(): p.read_bytes() if p.is_file() else None
        for p in folder.rglob("*")
    }


@pytest.mark.parametrize(
    ("prepare", "message"),
    [
        (foreign_file, "taken by something else .*got a file"),
        (foreign_folder, f"taken by something else .*got a folder without {MANIFEST}"),
        (hidden_only, f"taken by something else .*got a folder without {MANIFEST}"),
        (other_stage, "taken by something else .*got a folder of the stage 'fit'"),
        (whole_run, "taken by something else .*got a folder of the stage 'load'"),
        (stages_inside, "taken by something else .*results of other stages in it"),
        (newer, "written by a newer patentcl"),
    ],
)
def test_what_is_not_an_earlier_result_of_the_stage_is_never_replaced(
    tmp_path: Path, prepare: Callable[[Path], None], message: str
) -> None:
    prepare(tmp_path / "v")
    before = listing(tmp_path)
    with pytest.raises(DataError, match=message), writing(tmp_path / "v", record(2)):
        pytest.fail("the body must not run")
    assert listing(tmp_path) == before


def test_an_empty_folder_will_do(tmp_path: Path) -> None:
    (tmp_path / "v").mkdir()
    write(tmp_path / "v", 1)
    assert version_of(tmp_path / "v") == 1


def test_variants_of_a_stage_by_field_or_as_older_manifests_name_them() -> None:
    assert stage_of({"stage": "embed"}) == ("embed", None)
    assert stage_of({"stage": "embed", "variant": "base"}) == ("embed", "base")
    assert stage_of({"stage": "embed-base"}) == ("embed", "base")


@pytest.mark.parametrize("about", [{"stage": "embed", "variant": "base"}, {"stage": "embed-base"}])
def test_a_stage_may_take_the_place_of_its_variant(tmp_path: Path, about: dict) -> None:
    with writing(tmp_path / "v", {**about, "version": 1}) as place:
        fill(place, 1)
    write(tmp_path / "v", 2)
    assert version_of(tmp_path / "v") == 2


@pytest.mark.parametrize("kind", [writing, writing_files])
def test_a_place_below_a_file(tmp_path: Path, kind: Any) -> None:
    (tmp_path / "f").write_text("mine", encoding="utf-8")
    with pytest.raises(DataError, match="taken by a file"), kind(tmp_path / "f" / "v", record(1)):
        pytest.fail("the body must not run")
    if kind is writing_files:
        with pytest.raises(DataError, match="taken by a file"), kind(tmp_path / "f", record(1)):
            pytest.fail("the body must not run")


def test_files_that_no_manifest_lists_are_never_overwritten(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("mine", encoding="utf-8")
    with pytest.raises(DataError, match=r"did not write would be overwritten \(in .*a.txt\)"):
        write_beside(tmp_path, 1)
    assert listing(tmp_path) == {"a.txt": b"mine"}
    (tmp_path / "a.txt").rename(tmp_path / "c.txt")
    write_beside(tmp_path, 1)
    before = listing(tmp_path)
    with pytest.raises(DataError, match=r"would be overwritten \(in .*c.txt\)"):
        write_beside(tmp_path, 2, (*NAMES, "c.txt"))
    assert listing(tmp_path) == before


def test_files_do_not_go_into_the_folder_of_another_stage(tmp_path: Path) -> None:
    other_stage(tmp_path / "v")
    before = listing(tmp_path)
    with pytest.raises(DataError, match="got a folder of the stage 'fit'"):
        write_beside(tmp_path / "v", 1)
    assert listing(tmp_path) == before


@pytest.mark.parametrize(
    "files", [["../outside.txt", "/etc/outside", "..", ".", "", 3, None], "a", 7]
)
def test_a_manifest_cannot_make_us_delete_elsewhere(tmp_path: Path, files: Any) -> None:
    (tmp_path / "outside.txt").write_text("mine", encoding="utf-8")
    write_beside(tmp_path / "v", 1)
    path = tmp_path / "v" / MANIFEST
    path.write_text(json.dumps({**json.loads(path.read_text()), "files": files}), encoding="utf-8")
    with contextlib.suppress(DataError):
        write_beside(tmp_path / "v", 2)
    assert (tmp_path / "outside.txt").read_text(encoding="utf-8") == "mine"
    assert (tmp_path / "v").is_dir()


# ---- a full disk, a forbidden one -----------------------------------------------------------


def save_npy(place: Path, X: np.ndarray) -> None:
    np.save(place / "x.npy", X)


def save_npz(place: Path, X: np.ndarray) -> None:
    np.savez(place / "x.npz", X=X)


def save_parquet(place: Path, X: np.ndarray) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    pq.write_table(pa.table({"x": X.ravel()}), place / "x.parquet")


def save_text(place: Path, X: np.ndarray) -> None:
    (place / "x.txt").write_text("x" * X.nbytes, encoding="utf-8")


def save_safetensors(place: Path, X: np.ndarray) -> None:
    from safetensors.numpy import save_file

    save_file({"x": X}, place / "x.safetensors")


def save_faiss(place: Path, X: np.ndarray) -> None:
    import faiss

    index = faiss.IndexFlatIP(X.shape[1])
    index.add(X)
    faiss.write_index(index, str(place / "x.faiss"))


def save_duckdb(place: Path, X: np.ndarray) -> None:
    import duckdb

    with duckdb.connect(str(place / "x.duckdb")) as con:
        con.execute("CREATE TABLE t AS SELECT range AS a, random() AS b FROM range(400000)")
        con.execute("CHECKPOINT")


def copy_duckdb(place: Path, X: np.ndarray) -> None:
    import duckdb

    with duckdb.connect() as con:
        con.execute(f"COPY (SELECT random() AS b FROM range(400000)) TO '{place}/x.parquet'")


SAVERS = [
    save_npy,
    save_npz,
    save_parquet,
    save_text,
    save_safetensors,
    save_faiss,
    save_duckdb,
    copy_duckdb,
]
SMALL = 1 << 20


@contextlib.contextmanager
def small_disk(place: Path) -> Iterator[Path]:
    """A real file system of 1 MiB, where that is permitted."""
    place.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={SMALL}", "tmpfs", str(place)]
    try:
        done = subprocess.run(mount, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        pytest.skip("no mount here")
    if done.returncode:
        pytest.skip(f"mounting is not permitted: {done.stderr.strip()}")
    try:
        yield place
    finally:
        subprocess.run(["umount", "-l", str(place)], check=True)


@contextlib.contextmanager
def small_files(place: Path) -> Iterator[Path]:
    """A limit of 1 MiB a file, which needs no permission."""
    place.mkdir()
    writes = sys.dont_write_bytecode  # a compiled module cut off by the limit would be kept
    sys.dont_write_bytecode = True
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (SMALL, hard))
    try:
        yield place
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        sys.dont_write_bytecode = writes


@pytest.mark.parametrize("limit", [small_disk, small_files])
@pytest.mark.parametrize("save", SAVERS)
def test_a_full_disk_is_one_clear_error_and_the_old_result_stays(
    tmp_path: Path, limit: Any, save: Any
) -> None:
    X = np.random.default_rng(0).normal(size=(3000, 128)).astype(np.float32)  # 1.5 MB
    with limit(tmp_path / "disk") as disk:
        write(disk / "v", 1)
        write_beside(disk / "files", 1)
        before = listing(disk)
        for kind, name in ((writing, "v"), (writing_files, "files")):
            with (
                pytest.raises(DataError, match="the disk is full, nothing was kept") as caught,
                kind(disk / name, record(2)) as place,
            ):
                save(place, X)
            assert "\n" not in str(caught.value)
            assert "Free some space" in str(caught.value)
            assert version_of(disk / name) == 1
        assert listing(disk) == before


@pytest.mark.parametrize("kind", [writing, writing_files])
def test_a_disk_that_is_full_to_the_last_page_when_the_manifest_comes(
    tmp_path: Path, kind: Any
) -> None:
    with small_disk(tmp_path / "disk") as disk:
        (write if kind is writing else write_beside)(disk / "v", 1)
        before = listing(disk)
        with (
            pytest.raises(DataError, match="the disk is full"),
            kind(disk / "v", record(2)) as place,
        ):
            fill(place, 2)
            with contextlib.suppress(OSError), (place / "a.txt").open("ab", 0) as stream:
                while True:
                    stream.write(b"x" * 4096)
        assert version_of(disk / "v") == 1
        assert listing(disk) == before


@pytest.mark.parametrize("kind", [writing, writing_files])
def test_a_disk_for_reading_only(tmp_path: Path, kind: Any) -> None:
    with small_disk(tmp_path / "disk") as disk:
        write(disk / "v", 1)
        subprocess.run(["mount", "-o", "remount,ro", str(disk)], check=True)
        with pytest.raises(DataError, match="no permission"), kind(disk / "v", record(2)):
            pytest.fail("the body must not run")
        assert version_of(disk / "v") == 1


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
@pytest.mark.parametrize("kind", [writing, writing_files])
def test_a_folder_that_may_not_be_written(tmp_path: Path, kind: Any) -> None:
    (tmp_path / "closed").mkdir(mode=0o555)
    with (
        pytest.raises(DataError, match=r"no permission \(in .*closed"),
        kind(tmp_path / "closed" / "v", record(1)),
    ):
        pytest.fail("the body must not run")


@pytest.mark.parametrize(
    "error", [PermissionError(errno.EACCES, "Permission denied", "/data/secret.tsv")]
)
def test_an_input_that_may_not_be_read_is_named_itself(tmp_path: Path, error: OSError) -> None:
    with (
        pytest.raises(DataError, match=r"no permission \(in /data/secret.tsv\)"),
        writing(tmp_path / "v", record(1)),
    ):
        raise error


# ---- manifests ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "the manifest cannot be read"),
        ("{", "the manifest cannot be read"),
        ("\xff", "the manifest cannot be read"),
        ("[" * 100_000, "the manifest cannot be read"),
        ("[]", "not a manifest of patentcl .*got format None"),
        ("{}", "not a manifest of patentcl .*got format None"),
        ('{"format": "2"}', "not a manifest of patentcl .*got format '2'"),
        (
            '{"format": 999}',
            f"newer patentcl .*got format 999; wanted format {FORMAT} or older. Upgrade",
        ),
    ],
)
def test_manifests_that_cannot_be_used(tmp_path: Path, content: str, message: str) -> None:
    (tmp_path / MANIFEST).write_text(content, encoding="latin-1")
    for read in (lambda: read_manifest(tmp_path), lambda: require(tmp_path, "index", "index V")):
        with pytest.raises(DataError, match=message) as caught:
            read()
        assert MANIFEST in str(caught.value)


def test_a_folder_in_place_of_a_manifest(tmp_path: Path) -> None:
    (tmp_path / MANIFEST).mkdir()
    with pytest.raises(DataError, match="the manifest cannot be read"):
        read_manifest(tmp_path)


def test_no_manifest(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x", encoding="utf-8")
    for place in (tmp_path, tmp_path / "nowhere", tmp_path / "file"):
        assert read_manifest(place) is None


def test_require_says_what_is_missing_and_how_to_make_it(tmp_path: Path) -> None:
    with pytest.raises(
        DataError,
        match=r"^no vectors there: got .*v\. Make one with: "
        r"patentcl embed CORPUS\.$",
    ):
        require(tmp_path / "v", "vectors", "embed CORPUS")
    (tmp_path / "v").mkdir()
    with pytest.raises(
        DataError,
        match=r"^the vectors folder is not complete \(in .*v\): got no "
        r"manifest.json\. Write it again with: patentcl embed",
    ):
        require(tmp_path / "v", "vectors", "embed CORPUS")
