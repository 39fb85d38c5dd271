"""A run built from a table, as one does in a notebook."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest
from tiny import write_tiny_encoder

import patentcl
from patentcl import Corpus, PatentclError
from patentcl.sample import write_sample


def test_a_run_is_built_from_a_table_and_opened(tmp_path: Path) -> None:
    write_sample(tmp_path / "tables", patents=300, seed=1)
    corpus = Corpus.read(tmp_path / "tables")
    write_tiny_encoder(tmp_path / "model", [f"{t} {a}" for t, a in corpus.texts])
    table = pd.DataFrame(
        {
            "patent_id": corpus.ids,
            "title": [t for t, _ in corpus.texts],
            "abstract": [a for _, a in corpus.texts],
            "codes": corpus.codes,
        }
    )
    settings = [f"encoder.model={tmp_path / 'model'}", "fit.epochs=2", "map.method=pca"]
    lines: list[str] = []
    run = patentcl.Run.build(table, "pretrained", tmp_path / "run", settings, say=lines.append)
    assert isinstance(run, patentcl.Run) and len(run.corpus) == len(corpus)
    assert not any(": mine" in line or ": train" in line for line in lines)
    found = run.similar(f"{corpus.texts[5][0]}", k=3)
    assert len(found) == 3 and set(found["id"]) <= set(corpus.ids)
    again: list[str] = []
    patentcl.Run.build(table, "pretrained", tmp_path / "run", settings, say=again.append)
    assert all("skipped" in line for line in again), again
    assert len(patentcl.open_run(tmp_path / "run").vectors) == len(corpus)
    with pytest.raises(PatentclError, match="no run there"):
        patentcl.open_run(tmp_path / "tables")
