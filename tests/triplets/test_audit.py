"""Reports on triplets against what plain loops count, and the files that a mining stage writes."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st
from making import make

from patentcl.core.errors import DataError
from patentcl.graph.duckdb import DuckDBGraph
from patentcl.pipeline.stages import MINE
from patentcl.triplets.audit import ROLES, cosines, leak_report, quality_report, render
from patentcl.triplets.mining import mine_triplets, write_triplets
from patentcl.triplets.settings import MiningRules

if TYPE_CHECKING:
    from conftest import Loaded

ids = st.sampled_from("abcdefgh")


def table(rows: list[tuple[str, str, str]], **more: list[str]) -> pa.Table:
    columns = {role: [r[i] for r in rows] for i, role in enumerate(ROLES)}
    return pa.table(
        {**columns, **more}, schema=pa.schema([(n, pa.string()) for n in [*columns, *more]])
    )


@given(
    st.lists(st.tuples(ids, ids, ids), min_size=1, max_size=4),
    st.lists(st.sampled_from(["train", "dev", "test"]), min_size=8, max_size=8),
    st.lists(st.integers(0, 5), min_size=8, max_size=8),
    st.dictionaries(ids, st.integers(0, 2)),
)
def test_leaks_by_counting(
    rows: list[tuple[str, str, str]], split: list[str], kin: list[int], family: dict[str, int]
) -> None:
    splits = pd.DataFrame({"patent_id": list("abcdefgh"), "split": split, "duplicate_group": kin})
    families = pd.DataFrame(
        {"patent_id": list(family), "family": list(family.values())},
        columns=["patent_id", "family"],
    )
    got = leak_report(table(rows), splits, families)
    used = {i for r in rows for i in r}
    where, key = dict(zip("abcdefgh", split, strict=True)), dict(zip("abcdefgh", kin, strict=True))
    for name in ("dev", "test"):
        held = {i for i in where if where[i] == name}
        assert got[name] == {
            "patents": len(held),
            "by id": len(held & used),
            "by family": sum(
                any(i in family and family[i] == family.get(h) for h in held) for i in used
            ),
            "by near-copy or family": sum(any(key[i] == key[h] for h in held) for i in used),
        }


def test_what_the_data_do_not_tell() -> None:
    splits = pd.DataFrame({"patent_id": ["a", "b", "c"], "split": ["train", "train", "dev"]})
    got = leak_report(table([("a", "b", "c")]), splits)
    assert got["dev"] == {
        "patents": 1,
        "by id": 1,
        "by family": None,
        "by near-copy or family": None,
    }
    quality = quality_report(
        table([("a", "b", "c")], relation=["cites"], level=["group"], hardness=["easy"]), {}
    )
    assert "not told" in render(got, quality) and "no splits" in render(None, quality)


def test_cosines_by_value() -> None:
    rng = np.random.default_rng(0)
    X, names = rng.normal(size=(30, 5)).astype(np.float16), np.array([f"p{i}" for i in range(30)])
    picked = rng.integers(0, 30, size=(40, 3))
    kinds = [("hard", "easy")[i % 2] for i in range(40)]
    got = cosines(table([tuple(names[r]) for r in picked], hardness=kinds), X, names)

    def cosine(i: int, j: int) -> float:
        x, y = X[i].astype(float), X[j].astype(float)
        return float(x @ y / np.linalg.norm(x) / np.linalg.norm(y))

    near = np.array([[cosine(a, p), cosine(a, n)] for a, p, n in picked])
    assert got["positive"] == pytest.approx(near[:, 0].mean(), abs=1e-5)
    assert got["negative"] == pytest.approx(near[:, 1].mean(), abs=1e-5)
    assert got["nearer"] == pytest.approx((near[:, 0] > near[:, 1]).mean())
    assert set(got["by hardness"]) == {"hard", "easy"}
    assert got["by hardness"]["easy"]["negative"] == pytest.approx(near[1::2, 1].mean(), abs=1e-5)
    with pytest.raises(DataError, match=r"no vector.*got p29"):
        cosines(table([("p0", "p1", "p29")], hardness=["hard"]), X[:29], names[:29])


def test_quality_of_mined_triplets(loaded: Loaded) -> None:
    with DuckDBGraph(loaded.graph, read_only=True) as graph:
        result = mine_triplets(graph, MiningRules(triplets=300), seed=2)
    rows, got = result.triplets.to_pylist(), quality_report(result.triplets, result.counts)
    assert got["distinct negatives"] == len({r["negative_id"] for r in rows})
    assert got["distinct negatives, share"] == got["distinct negatives"] / len(rows)
    for what, column in (("relations", "relation"), ("levels", "level")):
        assert got[what] == {
            v: sum(r[column] == v for r in rows) for v in {r[column] for r in rows}
        }
    for kind, row in got["hardness"].items():
        assert row["given"] == sum(r["hardness"] == kind for r in rows)
        lost = row["asked"] - row["given as asked"] - row.get("medium", 0) - row.get("easy", 0)
        assert 0 <= lost <= got["without a negative"]


@pytest.fixture
def folder(loaded: Loaded, tmp_path: Path) -> Path:
    shutil.copytree(loaded.folder, tmp_path / "work")
    (tmp_path / "work" / "manifest.json").write_text('{"format": 1, "stage": "load"}')
    return tmp_path / "work"


def mine(folder: Path, vectors: Path | None = None) -> dict[str, Any]:
    given = {"vectors": vectors} if vectors is not None else {}
    graph = folder / "graph.duckdb"
    return make(MINE, folder / "triplets", "mine.triplets=100", graph=graph, corpus=folder, **given)


def test_the_stage_writes_both(folder: Path) -> None:
    record = mine(folder)
    report = json.loads((folder / "triplets" / "report.json").read_text())
    assert report["leaks"]["test"]["by id"] == report["leaks"]["dev"]["by id"] == 0
    assert report["leaks"]["test"]["by near-copy or family"] == 0
    assert report["leaks"]["test"]["patents"] > 10 and report["quality"]["cosine"] is None
    assert record["results"]["leaks into dev and test"].startswith("by id 0, by family not told")
    assert "| hard |" in (folder / "triplets" / "report.md").read_text()


def test_a_leak_is_seen(folder: Path) -> None:
    """A graph whose near-copies have been forgotten mines copies of test patents."""
    splits = pq.read_table(folder / "splits.parquet").to_pandas()
    train = splits["split"] == "train"
    splits.loc[train.idxmax(), "duplicate_group"] = splits.loc[
        (splits["split"] == "test").idxmax(), "duplicate_group"
    ]
    used = splits.loc[train.idxmax(), "patent_id"]
    got = leak_report(table([(used, used, used)]), splits)
    assert got["test"]["by id"] == 0 and got["test"]["by near-copy or family"] == 1


def test_streamed_as_in_memory(loaded: Loaded, tmp_path: Path) -> None:
    rules = MiningRules(triplets=200, relations=("cites", "coupled", "class"))
    with DuckDBGraph(loaded.graph, read_only=True) as graph:
        counts = write_triplets(graph, rules, tmp_path / "t.parquet", 5)
        result = mine_triplets(graph, rules, 5)
    assert pq.read_table(tmp_path / "t.parquet").equals(result.triplets)
    assert counts == result.counts
