"""Claims and descriptions: split, told apart, read from every format, and kept with a corpus."""

from __future__ import annotations

import csv
import io
import json
import re
import zipfile
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from patentcl.data import fulltext
from patentcl.data.corpus import COLUMNS, Corpus
from patentcl.data.fulltext import REFERENCE, split_claims


@pytest.mark.parametrize(
    ("text", "claims"),
    [
        ("1. A pump. 2. The pump of claim 1.", ["A pump.", "The pump of claim 1."]),
        ("What is claimed is:\n\n1. A pump.\n2. A fan", ["A pump.", "A fan"]),
        ("1 . A pump\n2 . The pump of claim\n1 having\n3. teeth\n3) A fan", 3),
        ("1. A method of: 1. mixing; 2. stirring.\n2. The method of claim 1. 3. A kit.", 3),
        ("1. A pump as in Fig. 2. 2. A peptide of SEQ ID No. 3. 3. A fan of 3.5 m.", 3),
        ("1. A pump. | 2. A fan. |", ["A pump.", "A fan."]),
        ("1.A pump.\r2.A fan.\r3.A rod.", ["A pump.", "A fan.", "A rod."]),
        ("1.-2. (canceled) 3. A pump.", ["1.-2. (canceled)", "A pump."]),
        ("1. The rod according to\nclaim\n2. 2. A rod.", 2),
        ("A pump with 1. a rod and 2. a seal.", 1),
        ("2. A pump. 3. A fan.", 1),
        ('["1. A pump, new.", "The pump of claim 1"]', ["1. A pump, new.", "The pump of claim 1"]),
        ("['A pump\\'s rod', None]", ["A pump's rod"]),
        ("[a list that is none", ["[a list that is none"]),
        (
            "1. Polymer\n2. 4-Methylphenol.\n3. Use of 2.",
            ["Polymer", "4-Methylphenol.", "Use of 2."],
        ),
    ],
)
def test_claims_in_one_text(text: str, claims: list[str] | int) -> None:
    assert (len(split_claims(text)) if isinstance(claims, int) else split_claims(text)) == claims


@given(
    st.lists(st.sampled_from(["A pump of 3.", "The pump of claim 12.", "Rod (2) (5)"]), min_size=1),
    st.sampled_from([" ", "\n", "\n\n", "\r\n"]),
    st.sampled_from([".", ")", " ."]),
)
def test_what_was_joined_comes_apart(claims: list[str], end: str, mark: str) -> None:
    assert split_claims(end.join(f"{i}{mark} {c}" for i, c in enumerate(claims, 1))) == claims


@pytest.mark.parametrize(
    ("claim", "depends"),
    [
        ("The pump of claim 1, having a rod.", True),
        ("A pump according to Claims 1 to 3.", True),
        ("A pump as claimed in any of the preceding claims.", True),
        ("A pump as claimed in any one of claims 2-4", True),
        ("Pumpe nach Anspruch 1", True),
        ("Pompe selon la revendication 2", True),
        ("A pump having a rod.", False),
        ("A reclaim 2 unit", False),
        ("A method of processing insurance claims.", False),
    ],
)
def test_which_claims_depend(claim: str, depends: bool) -> None:
    assert bool(re.search(REFERENCE, claim)) is depends


ROWS = [
    {
        "id": "2",
        "title": "Pump",
        "claims": "1. The fan of claim 2. 2. A fan. 3. A rod.",
        "full_description": " Long. ",
    },
    {"id": "1", "title": "Fan", "claims": None, "full_description": None},
    {"id": "3", "title": "Rod", "claims": "A rod,\nof steel", "full_description": ""},
]
CLAIMS = [["The fan of claim 2.", "A fan.", "A rod."], [], ["A rod,\nof steel"]]


def check(corpus: Corpus) -> None:
    assert corpus.ids.tolist() == ["2", "1", "3"]
    assert corpus.claims == CLAIMS
    assert corpus.first_claims == ["A fan.", "", "A rod,\nof steel"]
    assert corpus.descriptions == ["Long.", "", ""]
    assert corpus.extra.columns.tolist() == []
    assert corpus.select(["3", "2"]).claims == [CLAIMS[2], CLAIMS[0]]


@pytest.mark.parametrize("kind", ["csv", "jsonl", "parquet", "frame"])
@pytest.mark.parametrize("form", [None, "list", "one"])
def test_plain_files(tmp_path: Path, kind: str, form: str | None) -> None:
    """As a text, as a list of claims, and as a list of one text that holds all."""
    lists = [[r["claims"]] if r["claims"] else None for r in ROWS] if form == "one" else CLAIMS
    rows = [r | {"claims": c} if form else r for r, c in zip(ROWS, lists, strict=True)]
    frame = pd.DataFrame(rows)
    path = tmp_path / f"patents.{kind}"
    if kind == "frame":
        return check(Corpus.read(frame))
    if kind == "csv":
        frame.to_csv(path, index=False)
    elif kind == "jsonl":
        path.write_text("".join(json.dumps(r) + "\n" for r in rows))
    else:
        frame.to_parquet(path)
    return check(Corpus.read(path))


def test_only_what_a_source_has(tmp_path: Path) -> None:
    frame = pd.DataFrame({"id": [1, 2], "title": ["Pump", "Fan"]})
    corpus = Corpus.read(frame)
    assert pq.read_schema(corpus.path).names == list(COLUMNS)
    assert (corpus.claims, corpus.first_claims, corpus.descriptions) == (
        [[], []],
        [""] * 2,
        [""] * 2,
    )
    for count in ([20, None], ["20", "3"], [20.0, np.nan]):
        numbers = Corpus.read(frame.assign(claims=count))  # how many there are
        assert numbers.claims == [[], []] and numbers.extra.columns.tolist() == ["claims"]
        assert str(numbers.extra["claims"].dropna().iloc[0]).startswith("20")
    first = Corpus.read(frame.assign(**{"First Claim": ["A rod of claim 7.", None], "n_claims": 3}))
    assert first.first_claims == ["A rod of claim 7.", ""] and first.claims == [[], []]
    assert first.extra.columns.tolist() == ["n_claims"]


HEAD = ["patent_id", "claim_sequence", "claim_text", "dependent", "claim_number", "exemplary"]
YEARS = {
    "g_patent": [
        ["patent_id", "patent_date", "patent_title", "withdrawn"],
        ["10000000", "2018-06-19", "Laser", 0],
        ["0042", "1999-01-05", "Rod", 0],
        ["D345678", "1994-04-05", "Chair", 0],
        ["9999999", "2018-06-12", "Withdrawn", 1],
        ["RE12345", "2001-02-03", "Pump", 0],
    ],
    "g_patent_abstract": [["patent_id", "patent_abstract"], ["0042", "A rod."]],
    "g_claims_1999": [
        HEAD,
        ["0042", 10, "11. The rod\tof claim 1.", "claim 1", "11", 0],
        ["0042", 2, '3. A "rod",\nnew.', "", "3", 1],
        ["0042", 0, "1. The rod of claim 3.", "claim 3", "1", 0],
        ["0042", 1, "  ", "", "2", 0],
        ["RE12345", 0, "2. A pump of claim 9.", "", "2", 0],  # the column decides
    ],
    "g_claims_2018": [
        HEAD,
        ["10000000", 0, "1. A laser.", "-1", "1", 1],
        ["9999999", 0, "1. Withdrawn.", "", "1", 1],
        ["77", 0, "1. Of no patent.", "", "1", 1],
        ["0042", 0, "1. A second time.", "", "1", 1],
    ],
    "g_detail_desc_text_1999": [
        ["patent_id", "description_text", "description_length"],
        ["0042", "Roads.\n", 7],
    ],
}


@pytest.mark.parametrize("suffix", [".tsv", ".tsv.zip"])
@pytest.mark.parametrize("at_once", [1, 1_000_000])
def test_patentsview(
    tmp_path: Path, suffix: str, at_once: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fulltext, "_AT_ONCE", at_once)
    (tmp_path / "in").mkdir()
    for name, rows in YEARS.items():
        text = io.StringIO()
        csv.writer(text, delimiter="\t", quoting=csv.QUOTE_NONNUMERIC).writerows(rows)
        path = tmp_path / "in" / f"{name}.tsv"
        if suffix == ".tsv":
            path.write_text(text.getvalue(), newline="")
        else:
            with zipfile.ZipFile(f"{path}.zip", "w") as archive:
                archive.writestr(path.name, text.getvalue())
    corpus = Corpus.read(tmp_path / "in")
    assert corpus.ids.tolist() == ["0042", "10000000", "D345678", "RE12345"]
    claims = ["The rod of claim 3.", '3. A "rod",\nnew.', "11. The rod\tof claim 1."]
    assert corpus.claims == [claims, ["A laser."], [], ["2. A pump of claim 9."]]
    assert corpus.first_claims == [claims[1], "A laser.", "", "2. A pump of claim 9."]
    assert corpus.descriptions == ["Roads.", "", "", ""]
    part = Corpus.read(corpus.path, limit=2)  # what PatentsView says of a claim stays
    assert part.claims == corpus.select(part.ids.tolist()).claims
    assert part.first_claims == corpus.select(part.ids.tolist()).first_claims
