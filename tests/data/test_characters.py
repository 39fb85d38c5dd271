"""Half surrogates and NUL: read as cleaned texts, counted and shown, and never an error."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from patentcl.core.errors import DataWarning
from patentcl.data.characters import whole_value
from patentcl.data.corpus import Corpus

RECORD = {
    "patent_id": "1\0",
    "title": "A \ud800 pump\0",
    "abstract": "Back\\slash \\\\ud800 \U0001f600 \\u0000",
    "codes": ["A01B1/00\0", "H01M\udc00"],
    "citations": ["3\0"],
    "claims": ["A \udfff pump.", "The\0 pump of claim 1."],
    "applicant": "Q\0\ud800",
}
OTHER = {"patent_id": "3", "title": "Good", "codes": ["A01B"], "applicant": "R"}
READ = {
    "patent_id": "1",
    "title": "A \ufffd pump",
    "abstract": "Back\\slash \\\\ud800 \U0001f600 \\u0000",
    "codes": ["A01B1/00", "H01M"],
    "citations": ["3"],
    "claims": ["A \ufffd pump.", "The pump of claim 1."],
    "applicant": "Q\ufffd",
}


@pytest.mark.parametrize("form", ["jsonl", "json", "parquet", "frame", "records"])
def test_half_surrogates_and_nul_are_cleaned_counted_and_shown(tmp_path: Path, form: str) -> None:
    path: Any = tmp_path / f"in.{form}"
    if form == "jsonl":
        path.write_text("".join(json.dumps(r) + "\n" for r in (RECORD, OTHER)))
    elif form == "json":
        path.write_text(json.dumps([RECORD, OTHER], indent=1))
    elif form == "parquet":
        rows = [whole_value(r) for r in (RECORD, OTHER)]
        pq.write_table(pa.Table.from_pylist(rows), path)
    elif form == "frame":
        path = pd.DataFrame([RECORD, OTHER], dtype=object)
    with pytest.warns(DataWarning, match=r"texts with NUL characters, removed: 6, e.g. 1: "):
        corpus = Corpus.from_records([RECORD, OTHER]) if form == "records" else Corpus.read(path)
    rows = corpus.table(list(READ)).to_pylist()
    assert rows[0] == READ
    assert rows[1]["title"] == "Good" and rows[1]["codes"] == ["A01B"]


def test_half_surrogates_in_nested_columns_of_json(tmp_path: Path) -> None:
    record = {
        "publication_number": "US-1-B1",
        "title_localized": [{"text": "A \ud800 pump\0", "language": "en"}],
        "cpc": [{"code": "A01B1/00\0"}],
    }
    (tmp_path / "in.jsonl").write_text(json.dumps(record))
    with pytest.warns(DataWarning, match="NUL characters, removed: 2"):
        corpus = Corpus.read(tmp_path / "in.jsonl")
    assert (corpus.titles, corpus.codes) == (["A \ufffd pump"], [["A01B1/00"]])


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
def test_half_surrogates_in_text_tables(tmp_path: Path, encoding: str) -> None:
    table = "patent_id,title\n1,Caf\xe9 \ud800 pump \U0001f600\n3,Go\0od\n"
    (tmp_path / "in.csv").write_bytes(table.encode(encoding, "surrogatepass"))
    with pytest.warns(DataWarning) as said:
        corpus = Corpus.read(tmp_path / "in.csv")
    assert corpus.titles == ["Caf\xe9 \ufffd pump \U0001f600", "Good"]
    [message] = [str(w.message) for w in said if w.category is DataWarning]
    assert (
        "removed: 1, e.g. 3: Go\\0od; texts with characters that were lost, as U+FFFD: 1" in message
    )


def test_names_of_fields_may_hold_them() -> None:
    corpus = Corpus.from_records([{"patent_id": 1, "title": "A", "od\ud800d": "x"}])
    assert corpus.extra.columns.tolist() == ["od\ufffdd"]
