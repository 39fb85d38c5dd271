"""Fixtures that several test files share."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

import pytest

from patentcl.corpus import Corpus, make_splits, write_splits
from patentcl.graph_duckdb import DuckDBGraph
from patentcl.reading import ReadOptions, read_patents
from patentcl.sample import write_sample


@dataclass(frozen=True)
class Loaded:
    """A sample and what was loaded from it; for reading only."""

    tables: Path
    """PatentsView tables, NAME.tsv.zip."""
    folder: Path
    """corpus.parquet, cpc.parquet, splits.parquet, graph.duckdb."""
    counts: dict[str, int]

    @property
    def corpus(self) -> Corpus:
        return Corpus(self.folder / "corpus.parquet")

    @property
    def graph(self) -> Path:
        return self.folder / "graph.duckdb"


@pytest.fixture(scope="session")
def loaded(tmp_path_factory: pytest.TempPathFactory) -> Loaded:
    """A sample of 400 patents with its corpus, splits and graph."""
    base = tmp_path_factory.mktemp("loaded")
    write_sample(base / "tables", patents=400, seed=1)
    folder = base / "load"
    folder.mkdir()
    counts = read_patents(base / "tables", folder, ReadOptions())
    corpus = Corpus(folder / "corpus.parquet")
    write_splits(folder / "splits.parquet", corpus, make_splits(corpus, seed=1))
    with DuckDBGraph(folder / "graph.duckdb") as graph:
        graph.load(corpus.path)
    return Loaded(base / "tables", folder, counts)


@pytest.fixture(scope="session")
def real_data() -> Path:
    """The folder of real patents; tests that ask for it are skipped where it is absent."""
    beside = Path(__file__).resolve().parents[2] / "shared" / "data"
    path = Path(os.environ.get("PATENTCL_TEST_DATA") or beside)
    if not path.is_dir():
        pytest.skip(f"no real patents at {path}; PATENTCL_TEST_DATA names another place")
    return path
