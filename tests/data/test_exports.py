"""Exports of tools that people have, each by value, in the forms that they come in."""

from __future__ import annotations

import csv
import datetime
import io
import json
import warnings
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from patentcl.core.errors import DataError, DataWarning
from patentcl.data.columns import find_profile
from patentcl.data.corpus import Corpus
from patentcl.data.profiles import PROFILES

Table = Sequence[Sequence[object]]
DAY = datetime.date(2024, 1, 30)


def table(*rows: str) -> list[list[str]]:
    """Rows of cells; ^ is a line end inside of one."""
    return [row.replace("^", "\n").split("~") for row in rows]


def text(rows: Table, delimiter: str = ",", end: str = "\r\n", above: str = "") -> str:
    out = io.StringIO(newline="")
    csv.writer(out, delimiter=delimiter, lineterminator=end).writerows(rows)
    return above + out.getvalue()


def sheet(path: Path, *sheets: Table) -> Path:
    """A workbook of the least that the format asks for: every cell a text, or a number."""

    def cell(at: int, value: object) -> str:
        place = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"[at]
        if isinstance(value, int | float):
            return f'<c r="{place}1"><v>{value}</v></c>'.replace("1", "{row}", 1)
        inner = f"<is><t xml:space='preserve'>{escape(str(value))}</t></is>"
        return f'<c r="{place}{{row}}" t="inlineStr">{inner}</c>'

    names = range(1, len(sheets) + 1)
    head = '<?xml version="1.0" encoding="UTF-8"?>'
    main = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
    office = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
    package = "http://schemas.openxmlformats.org/package/2006/relationships"
    with zipfile.ZipFile(path, "w") as book:
        of = "".join(f'<sheet name="S{n}" sheetId="{n}" r:id="r{n}"/>' for n in names)
        book.writestr(
            "xl/workbook.xml",
            f'{head}<workbook xmlns="{main}" xmlns:r="{office}"><sheets>{of}</sheets></workbook>',
        )
        links = "".join(
            f'<Relationship Id="r{n}" Type="{office}/worksheet" Target="worksheets/s{n}.xml"/>'
            for n in names
        )
        book.writestr(
            "xl/_rels/workbook.xml.rels",
            f'{head}<Relationships xmlns="{package}">{links}</Relationships>',
        )
        book.writestr(
            "_rels/.rels",
            f'{head}<Relationships xmlns="{package}"><Relationship Id="w" '
            f'Type="{office}/officeDocument" Target="xl/workbook.xml"/></Relationships>',
        )
        for n, rows in zip(names, sheets, strict=True):
            lines = ""
            for i, row in enumerate(rows, 1):
                cells = "".join(cell(at, value) for at, value in enumerate(row) if value != "")
                lines += f'<row r="{i}">{cells.replace("{row}", str(i))}</row>'
            book.writestr(
                f"xl/worksheets/s{n}.xml",
                f'{head}<worksheet xmlns="{main}"><sheetData>{lines}</sheetData></worksheet>',
            )
    return path


def families(corpus: Corpus) -> list[int]:
    return corpus.duplicate_group.tolist()


def read(path: Path, **how: Any) -> tuple[list[dict[str, Any]], Corpus]:
    corpus = Corpus.read(path, **how)
    return pq.read_table(corpus.path).to_pylist(), corpus


# ---- one tool at a time -----------------------------------------------------------------------

LENS = table(
    "#~Jurisdiction~Kind~Display Key~Lens ID~Publication Date~Application Date~"
    "Earliest Priority Date~Title~Abstract~Applicants~Inventors~"
    "Simple Family Members~CPC Classifications~IPCR Classifications~Legal Status",
    "1~US~B1~US 11886193 B1~000-1~2024-01-30~2022-01-03~2021-05-04~Tilling machine~"
    "A machine tills soil.~ACME INC;;BETA LLC~ROE JANE~US 11886193 B1;;EP 4100000 A1~"
    "A01B33/00;;A61K2039/6075~A01B33/00~ACTIVE",
    "2~EP~A1~EP 4100000 A1~000-2~2023-02-01~2022-01-03~2021-05-04~"
    "Soil working apparatus~Rotating tines loosen earth under seedlings.~ACME INC~~"
    "US 11886193 B1;;EP 4100000 A1~~A01B33/08;; A01B35/00~PENDING",
)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_lens_csv(tmp_path: Path, encoding: str) -> None:
    path = tmp_path / "lens.csv"
    path.write_bytes(text(LENS).encode(encoding))
    rows, corpus = read(path)
    assert rows[0] == {
        "patent_id": "US 11886193 B1",
        "date": DAY,
        "type": None,
        "title": "Tilling machine",
        "abstract": "A machine tills soil.",
        "codes": ["A01B33/00", "A61K2039/6075"],
        "citations": [],
        "split": None,
        "applicants": "ACME INC; BETA LLC",
        "inventors": "ROE JANE",
        "country": "US",
        "kind": "B1",
        "status": "ACTIVE",
        "priority_date": "2021-05-04",
        "filing_date": "2022-01-03",
        "#": "1",
        "Lens ID": "000-1",
        "Simple Family Members": "US 11886193 B1;;EP 4100000 A1",
    }
    assert rows[1]["codes"] == ["A01B33/08", "A01B35/00"]  # IPC, where there is no CPC
    assert families(corpus) == [0, 0]


def test_lens_jsonl(tmp_path: Path) -> None:
    def record(number: str, title: list[dict[str, str]], cites: list[str]) -> dict[str, Any]:
        document = {"jurisdiction": "US", "doc_number": number, "kind": "B1"}
        return {
            "lens_id": f"000-{number}",
            "doc_key": f"US_{number}_B1_20240130",
            **document,
            "date_published": "2024-01-30",
            "abstract": [{"text": "Ein Text.", "lang": "de"}, {"text": "A text.", "lang": "en"}],
            "biblio": {
                "invention_title": title,
                "classifications_cpc": {"classifications": [{"symbol": "A01B33/00"}]},
                "references_cited": {
                    "citations": [
                        {"patcit": {"document_id": document | {"doc_number": c}}} for c in cites
                    ]
                },
                "parties": {"applicants": [{"extracted_name": {"value": "ACME INC"}}]},
            },
            "families": {"simple_family": {"members": [{"document_id": document}]}},
            "legal_status": {"patent_status": "ACTIVE"},
        }

    path = tmp_path / "lens.jsonl"
    lines = [
        record("7000001", [{"text": "Pumpe", "lang": "de"}, {"text": "Pump", "lang": "en"}], []),
        record("7000002", [{"text": "Säge", "lang": "de"}], ["7000001"]),
    ]
    path.write_text("\n".join(map(json.dumps, lines)))
    with warnings.catch_warnings():  # keys beside the symbols are no codes
        warnings.simplefilter("error", DataWarning)
        rows, _ = read(path)
    assert [r["codes"] for r in rows] == [["A01B33/00"]] * 2
    assert [(r["patent_id"], r["title"], r["abstract"]) for r in rows] == [
        ("US 7000001 B1", "Pump", "A text."),
        ("US 7000002 B1", "Säge", "A text."),
    ]
    assert [r["codes"] for r in rows] == [["A01B33/00"]] * 2
    assert rows[0]["date"] == DAY and rows[0]["applicants"] == "ACME INC"
    assert rows[0]["status"] == "ACTIVE" and rows[0]["country"] == "US"
    assert [len(r["citations"]) for r in rows] == [0, 1]


GOOGLE = table(
    "id~title~assignee~inventor/author~priority date~filing/creation date~"
    "publication date~grant date~result link~representative figure link",
    "US-9254383-B2~Pump~Acme~J. Roe~2001-01-02~2002-01-02~2024-01-30~2024-01-30~https://x~",
    "EP-1-A1~Saw~Beta~~2001-01-02~2002-01-02~~~https://y~",
)


def test_google_patents(tmp_path: Path) -> None:
    path = tmp_path / "gp.csv"
    path.write_text(text(GOOGLE, above="search URL:,https://patents.google.com/?q=(pump)\r\n"))
    rows, _ = read(path)
    assert [(r["patent_id"], r["title"], r["date"]) for r in rows] == [
        ("US-9254383-B2", "Pump", DAY),
        ("EP-1-A1", "Saw", None),
    ]
    assert rows[0]["applicants"] == "Acme" and rows[0]["filing_date"] == "2002-01-02"
    assert rows[0]["abstract"] == "" and rows[0]["codes"] == []


ESPACENET = table(
    "No~Title~Inventors~Applicants~Publication number~Earliest priority~IPC~CPC~"
    "Publication date~Earliest publication~Family number~",
    "1~GROWING OF ALGAE~ROE JANE [US]~ACME [US]^BETA [DE]~US2024032481A1^EP1A1~"
    "2021-05-04~A01G33/00~A01G33/00 (EP,US)^C12N1/12 (US)~2024-01-30^2024-02-01~"
    "2024-01-30~85000001~",
    "2~PUMP~~~US7000002B2~2021-05-04~F04D1/00~~2024-01-30~2024-01-30~85000001~",
)
ABOVE = 'Espacenet search results\r\nQuery: "pump" AND ti\r\n\r\n\r\n\r\n\r\n\r\n'


@pytest.mark.parametrize("form", ["whole", "cut", "sheet", "cp1252"])
def test_espacenet(tmp_path: Path, form: str) -> None:
    path = tmp_path / ("e.xlsx" if form == "sheet" else "e.csv")
    table = [[str(v).replace("ACME", "ACMÉ") for v in row] for row in ESPACENET]
    if form == "sheet":
        sheet(path, [["nothing here"]], [["Espacenet"], ["Query"], *table])
    else:
        above = "" if form == "cut" else ABOVE
        code = "cp1252" if form == "cp1252" else "utf-8"
        path.write_bytes(text(table, ";", above=above).encode(code))
    rows, corpus = read(path)
    assert [(r["patent_id"], r["date"], r["codes"]) for r in rows] == [
        ("US2024032481A1", DAY, ["A01G33/00", "C12N1/12"]),
        ("US7000002B2", DAY, ["F04D1/00"]),
    ]
    assert rows[0]["applicants"] == "ACMÉ [US]; BETA [DE]" and rows[0]["family"] == "85000001"
    assert rows[0]["Publication number"].split() == ["US2024032481A1", "EP1A1"]
    assert rows[0]["priority_date"] == "2021-05-04" and "" not in rows[0]
    assert families(corpus) == [0, 0]


def test_patent_public_search(tmp_path: Path) -> None:
    rows = table(
        "Result #~Document ID~Date Published~Family ID~Pages~Title~CPCI~CPCA~Inventor~Assignee",
        "1~US 11886193 B1~1/30/2024~80000001~12~Tiller~A01B33/00;A01B35/00~B60K1/00~Roe; Jane~ACME",
        "2~US D1017512 S~2024-01-30~80000002~2~Chair~~~~",
    )
    path = tmp_path / "pps.csv"
    path.write_bytes(text(rows).encode("utf-8-sig"))
    got, _ = read(path)
    assert [(r["patent_id"], r["date"]) for r in got] == [
        ("US 11886193 B1", DAY),
        ("US D1017512 S", DAY),
    ]
    assert got[0]["codes"] == ["A01B33/00", "A01B35/00", "B60K1/00"]
    assert got[0]["family"] == "80000001" and got[0]["applicants"] == "ACME"


DERWENT = table(
    "Publication Number~Title~Title - DWPI~Abstract~Abstract - DWPI~IPC - Current~"
    "CPC - Current~Application Date~Publication Date~Cited Refs - Patent~"
    "DWPI Family Members",
    "US7000001B2~Pump~Pump having impeller~~A pump.~F04D 1/00 | F04D 29/22~F04D 1/00~"
    "2022-01-03~2024-01-30~US7000002B2 | US6000000A~US7000001B2 | EP1234567A1",
    "US7000002B2~~Saw with teeth~A saw.~~B23D 45/00~~~2024-01-30~~EP1234567A1",
)


@pytest.mark.parametrize("above", [0, 1, 3])
@pytest.mark.parametrize("suffix", [".csv", ".xlsx"])
def test_derwent(tmp_path: Path, above: int, suffix: str) -> None:
    path = tmp_path / f"d{suffix}"
    if suffix == ".xlsx":
        sheet(path, [*[[f"Derwent line {i}"] for i in range(above)], *DERWENT])
    else:
        path.write_text(text(DERWENT, above='"Derwent, Innovation"\r\n' * above))
    rows, corpus = read(path)
    assert [(r["patent_id"], r["title"], r["abstract"]) for r in rows] == [
        ("US7000001B2", "Pump", "A pump."),
        ("US7000002B2", "Saw with teeth", "A saw."),
    ]
    assert [r["codes"] for r in rows] == [["F04D1/00"], ["B23D45/00"]]
    assert rows[0]["citations"] == ["US6000000A", "US7000002B2"] and rows[0]["date"] == DAY
    assert families(corpus) == [0, 0]


def test_orbit(tmp_path: Path) -> None:
    rows = [
        ["Orbit Intelligence"],
        [],
        [
            "Questel unique family ID (FAN)",
            "English title",
            "Abstract",
            "Publication numbers",
            "Publication dates",
            "IPC - International classification",
            "CPC - Cooperative classification",
            "Earliest priority date",
        ],
        [
            41234567,
            "(US7000001) Pump",
            "(US7000001) A pump lifts water.",
            "US7000001 B1 20240130 [US7000001]\nEP1234567 A1 20240201 [EP1234567]",
            "2024-01-30\n2024-02-01",
            "F04D-001/00\nF04D-029/22".replace("-0", "").replace("-", ""),
            "F04D1/00\nF04D29/22",
            "2021-05-04",
        ],
    ]
    got, _ = read(sheet(tmp_path / "o.xlsx", rows))
    assert (got[0]["patent_id"], got[0]["date"]) == ("US7000001 B1", DAY)
    assert (got[0]["title"], got[0]["abstract"]) == ("Pump", "A pump lifts water.")
    assert got[0]["codes"] == ["F04D1/00", "F04D29/22"]
    assert got[0]["family"] == "41234567" and got[0]["priority_date"] == "2021-05-04"


def test_patstat(tmp_path: Path) -> None:
    head = (
        "appln_id,appln_auth,appln_title,appln_abstract,publn_date,docdb_family_id,cpc_class_symbol"
    )
    rows = [
        head.split(","),
        ["17", "EP", "Pump", "Lifts water.", "2024-01-30", "900001", "F04B   1/02"],
        ["17", "EP", "Pump", "Lifts water.", "2024-01-30", "900001", "A01B  33/00"],
        ["18", "US", "Chair", "To sit on.", "2024-01-30", "900001", "A47C   1/00"],
    ]
    path = tmp_path / "p.csv"
    path.write_text(text(rows))
    got, corpus = read(path)
    assert [(r["patent_id"], r["date"], sorted(r["codes"])) for r in got] == [
        ("17", DAY, ["A01B33/00", "F04B1/02"]),
        ("18", DAY, ["A47C1/00"]),
    ]
    assert [r["country"] for r in got] == ["EP", "US"] and families(corpus) == [0, 0]


BIGQUERY = [
    {
        "publication_number": f"US-700000{i}-B2",
        "country_code": "US",
        "family_id": "55",
        "title_localized": [
            {"text": "Pumpe", "language": "de"},
            {"text": f"Pump {i}", "language": "en"},
        ],
        "abstract_localized": [{"text": f"Text {i} of this one.", "language": "en"}],
        "publication_date": date,
        "cpc": [
            {"code": "F04D1/00", "inventive": True, "first": True},
            {"code": "A01D34/68", "inventive": False, "first": False},
        ],
        "citation": [{"publication_number": c, "category": ""} for c in cited],
        "assignee": ["ACME", "BETA"],
    }
    for i, date, cited in ((1, 20240130, ["US-7000002-B2", ""]), (2, 0, []))
]


@pytest.mark.parametrize("form", ["b.jsonl", "b.parquet", "b.json", "frame"])
def test_bigquery(tmp_path: Path, form: str) -> None:
    path = tmp_path / form
    if form == "b.jsonl":
        path.write_text("\n".join(map(json.dumps, BIGQUERY)))
    elif form == "b.json":
        path.write_text(json.dumps(BIGQUERY, indent=1))
    else:
        pq.write_table(pa.Table.from_pylist(BIGQUERY), tmp_path / "b.parquet")
    if form == "frame":
        corpus = Corpus.read(pd.read_parquet(tmp_path / "b.parquet"))
    else:
        corpus = Corpus.read(path)
    assert corpus.ids.tolist() == ["US-7000001-B2", "US-7000002-B2"]
    assert corpus.texts == [("Pump 1", "Text 1 of this one."), ("Pump 2", "Text 2 of this one.")]
    assert corpus.dates.tolist() == [DAY, None]
    assert corpus.codes == [["F04D1/00", "A01D34/68"]] * 2
    assert corpus.citations == [["US-7000002-B2"], []]
    assert corpus.extra["country"].tolist() == ["US", "US"]
    assert families(corpus) == [0, 0]


HUPD = {
    "application_number": "13000001",
    "publication_number": "US20130290001A1-20131107",
    "title": "Infusion pump",
    "decision": "ACCEPTED",
    "date_published": "20240130",
    "main_cpc_label": "A61M51723",
    "cpc_labels": ["A61M51723", "F04D100"],
    "abstract": "A pump infuses.",
    "claims": "1. A pump. 2. The pump of claim 1.",
    "full_description": "It pumps.",
}


@pytest.mark.parametrize("form", ["folder", "one", "lines"])
def test_hupd(tmp_path: Path, form: str) -> None:
    other = HUPD | {"publication_number": "US20130290002A1-20131107", "title": "Saw"}
    source = tmp_path / "in"
    source.mkdir()
    if form == "lines":
        source = source / "h.jsonl"
        source.write_text("\n".join(map(json.dumps, [HUPD, other])))
    else:
        (source / "13000001.json").write_text(json.dumps(HUPD, indent=2))
        (source / "13000002.json").write_text(json.dumps(other))
    rows, corpus = read(source / "13000001.json" if form == "one" else source)
    assert [r["title"] for r in rows] == ["Infusion pump", "Saw"][: 1 if form == "one" else 2]
    assert rows[0]["patent_id"] == "US20130290001A1-20131107" and rows[0]["date"] == DAY
    assert rows[0]["codes"] == ["A61M", "F04D"] and rows[0]["status"] == "ACCEPTED"
    assert corpus.first_claims[0] == "A pump." and corpus.descriptions[0] == "It pumps."


def test_wipo_alpha(tmp_path: Path) -> None:
    folder = tmp_path / "in" / "A" / "01"
    folder.mkdir(parents=True)
    (folder / "WO1.xml").write_text(
        '<?xml version="1.0" encoding="iso-8859-1"?>'
        '<record cy="WO" an="X1" pn="WO000001" kind="A1">'
        '<ipcs ed="7" mc="A01B03300"><ipc ic="A01B03308"/></ipcs>'
        '<tis><ti xml:lang="FR">Pompe</ti><ti xml:lang="EN">Pump &amp; saw</ti></tis>'
        '<abs><ab xml:lang="EN">A pump.</ab></abs>'
        '<cls><cl xml:lang="EN">1. A device that pumps.</cl></cls></record>'
    )
    rows, corpus = read(tmp_path / "in")
    assert (rows[0]["patent_id"], rows[0]["title"], rows[0]["abstract"]) == (
        "WO000001",
        "Pump & saw",
        "A pump.",
    )
    assert rows[0]["codes"] == ["A01B33/00", "A01B33/08"] and corpus.first_claims == [
        "A device that pumps."
    ]
    (folder / "WO2.xml").write_text("<record>")
    with pytest.raises(DataError, match=r"not XML.*WO2\.xml"):
        Corpus.read(tmp_path / "in")


def test_profiles_do_not_take_each_other_s_tables() -> None:
    headers = {
        "Lens CSV": LENS[0],
        "Google Patents CSV": GOOGLE[0],
        "Espacenet": ESPACENET[0],
        "Derwent Innovation": DERWENT[0],
        "BigQuery patents": list(BIGQUERY[0]),
        "HUPD": list(HUPD),
    }
    for name, header in headers.items():
        assert find_profile(header).name == name
    for profile in PROFILES:  # all that it uses, under the names that it gives
        named = {
            n for spec in profile.roles.values() for a in spec.split(" | ") for n in a.split(" & ")
        }
        named |= {n.split(" / ")[0] for n in profile.signature.split(" & ")}
        assert find_profile(sorted(named)).name == profile.name
    for own in (
        ["patent_id", "title"],
        ["id", "title", "assignee"],
        ["#", "Title", "Publication Date"],
    ):
        assert find_profile(own).name == "own names"


# ---- what stands around a table, and between its lines ----------------------------------------


def test_padded_codes_and_serial_days_of_a_workbook(tmp_path: Path) -> None:
    rows = [list(row) for row in DERWENT]
    rows[1][6], rows[2][6] = "F04D000100 | F04D0029", "B23D-045/00"
    rows[1][8], rows[2][8] = 45321, 45321.0
    got, corpus = read(sheet(tmp_path / "d.xlsx", rows[:2], [rows[0], rows[2]], [["About"]]))
    assert [r["codes"] for r in got] == [["F04D1/00", "F04D29/00"], ["B23D45/00"]]
    assert [r["date"] for r in got] == [DAY, DAY]  # the sheets have one header
    assert corpus.extra["Title - DWPI"].tolist()[0] == "Pump having impeller"


def test_lines_that_are_no_patents(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    blank = ["Exported today", *[""] * (len(LENS[0]) - 1)]
    path = tmp_path / "lens.csv"
    path.write_text(text([*LENS[:2], LENS[0], LENS[2], blank, [""] * len(blank)]))
    with pytest.warns(
        DataWarning, match=r"without a number and a text, left out: 2, e\.g\. row 4:"
    ):
        rows, _ = read(path)
    assert [r["title"] for r in rows] == ["Tilling machine", "Soil working apparatus"]
    assert rows[1]["codes"] == ["A01B33/08", "A01B35/00"]
    assert "rows that repeat the header, left out: 1" in caplog.text
    frame = pd.DataFrame([[*row, "Smith"] for row in LENS[1:]], columns=[*LENS[0], "NPL Citations"])
    assert Corpus.read(frame).codes == [rows[0]["codes"], rows[1]["codes"]]


@pytest.mark.parametrize(
    "foot", ["~Total~2~", "Grand total~1~~", "~(c) A company 2024~~", "~Grand total: 2~~7"]
)
def test_what_stands_below_the_patents(tmp_path: Path, foot: str) -> None:
    rows = table("patent_id~title~abstract~date", "1~Pump~It is.~2001-02-03", foot)
    (path := tmp_path / "f.csv").write_text(text(rows))
    for each in (path, sheet(tmp_path / "f.xlsx", rows)):
        with pytest.warns(DataWarning, match=r"below the last number, left out: 1, e\.g\. row 2: "):
            assert [r["patent_id"] for r in read(each)[0]] == ["1"]


@pytest.mark.parametrize("line", ["~Saw~It saws.~", "~Saw~~2001-02-03"])
def test_a_patent_without_a_number_is_no_line_below(tmp_path: Path, line: str) -> None:
    (path := tmp_path / "f.csv").write_text(
        text(table("patent_id~title~abstract~date", "1~Pump~~2001-02-03", line))
    )
    with pytest.raises(DataError, match=r"patents without an id .* \(row 2\)"):
        read(path)


OTHER = {  # header and one patent: id, title, day, code and abstract, in the columns' own order
    "derwent index": (
        "PT~PN~TI~AB~DC~IP~PD~UT",
        "P~US2020123456-A1; CN1111111-A~Pump~NOVELTY - A vane.~Q56~F04D-001/00; F04D-029/22~"
        "US2020123456-A1   23 Apr 2020   F04D-001/00   202035   Pages: 12~D1",
        ("US2020123456-A1", "Pump", "2020-04-23", ["F04D1/00", "F04D29/22"], "NOVELTY - A vane."),
    ),
    "chinese": (
        "序号~标题 (中文)~摘要 (中文)~公开（公告）号~公开（公告）日~申请日~IPC~CPC~首权",
        "1~离心泵~一种离心泵。~CN101234567A~20080806~20070102~F04D1/00~F04D1/00;F04D29/22~首",
        ("CN101234567A", "离心泵", "2008-08-06", ["F04D1/00", "F04D29/22"], "一种离心泵。"),
    ),
    "japanese": (
        "文献番号~出願日~公知日~発明の名称~出願人/権利者~FI~要約",
        "特開2010-123456~2008/11/01~2010/06/03~遠心ポンプ~甲社~F04D1/00,F04D29/22~遠心ポンプを提供する。",
        (
            "特開2010-123456",
            "遠心ポンプ",
            "2010-06-03",
            ["F04D1/00", "F04D29/22"],
            "遠心ポンプを提供する。",
        ),
    ),
    "korean": (
        "No~출원번호~공개번호~공개일자~발명의명칭~초록~IPC분류~CPC분류",
        "1~10-2010-0001234~10-2011-0081234~2011. 7. 13.~원심 펌프~펌프이다.~F04D 1/00~F04D 29/22",
        ("10-2011-0081234", "원심 펌프", "2011-07-13", ["F04D29/22"], "펌프이다."),
    ),
    "german": (
        "Veröffentlichungsnummer~Veröffentlichungsdatum~Titel~IPC-Hauptklasse~Zusammenfassung",
        "DE102010000001A1~07.07.2011~Kreiselpumpe~F04D 1/00~Eine Pumpe.",
        ("DE102010000001A1", "Kreiselpumpe", "2011-07-07", ["F04D1/00"], "Eine Pumpe."),
    ),
}


@pytest.mark.parametrize("name", OTHER)
def test_tables_of_other_tools(tmp_path: Path, name: str) -> None:
    head, row, wanted = OTHER[name]
    encoding = {"chinese": "gb18030", "japanese": "cp932"}.get(name, "utf-8")
    (path := tmp_path / "f.csv").write_text(text(table(head, row)), encoding)
    [got] = read(path)[0]
    day = datetime.date.fromisoformat(wanted[2])
    found = [got[n] for n in ("patent_id", "title", "date", "codes", "abstract")]
    assert found == [*wanted[:2], day, *wanted[3:]]


def test_a_value_in_each_of_several_columns(tmp_path: Path) -> None:
    rows = table("id~publication_number~title~main_cpc~cpc_1~cpc_2~ipc1~citation_1~citation_2")
    rows += table(
        "1~7000001~Pump~F04D1/00~F04D29/22~B23D45/00~A01B1/00~~", "2~7000002~Saw~~~~~7000001~9"
    )
    (path := tmp_path / "f.csv").write_text(text(rows))
    (pump, saw), _ = read(path)
    assert pump["codes"] == ["F04D1/00", "F04D29/22", "B23D45/00"] and saw["codes"] == []
    assert (saw["patent_id"], saw["citations"]) == ("7000002", ["7000001", "9"])


def test_columns_of_texts_and_of_nested_values(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    values = [
        {"title": "Pump", "abstract": float("nan"), "cpc": "F04D1/00"},
        {"title": {"de": "Säge", "en": "Saw"}, "abstract": "Saws.", "cpc": ["F04D1/00"]},
        {"title": ["A", "fan"], "abstract": ["One.", "Two."], "cpc": {"inventive": ["B23D"]}},
    ]
    (path := tmp_path / "f.jsonl").write_text(
        "\n".join(
            json.dumps({"patent_id": i, **v, "ipc": [{"a": 1}]}) for i, v in enumerate(values)
        )
    )
    rows, _ = read(path)
    assert [r["title"] for r in rows] == ["Pump", "Saw", "A fan"]
    assert [r["abstract"] for r in rows] == ["", "Saws.", "One. Two."]
    assert [r["codes"] for r in rows] == [["F04D1/00"], ["F04D1/00"], ["B23D"]]
    assert "nothing that is known is in the nested column 'ipc'" in caplog.text


def test_month_first_with_a_time_and_a_number_before_a_first_claim(tmp_path: Path) -> None:
    path = tmp_path / "p.csv"
    path.write_text(
        "Document ID,CPCI,Title,Date Published\nUS 1 A,A01B,Pump,1/2/2024 12:00:00 AM\n"
    )
    assert read(path)[0][0]["date"] == datetime.date(2024, 1, 2)
    path.write_text("Publication Number,CPC - Current,Title,First Claim\nUS1A,A01B,x,1. A pump.\n")
    assert read(path)[1].first_claims == ["A pump."]


def test_patstat_keeps_order_of_codes_and_what_a_patent_has_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "p.csv"
    head = "appln_id,appln_title,cpc_class_symbol,appln_nr,person_name\n"
    path.write_text(head + "17,Pump,F04B   1/02,99,Roe\n17,Pump,A01B  33/00,99,Doe\n18,Saw,,7,\n")
    rows, corpus = read(path)
    assert [r["codes"] for r in rows] == [["F04B1/02", "A01B33/00"], []]
    assert corpus.extra.to_dict("list") == {"appln_nr": ["99", "7"]}
    assert "a patent has several: person_name" in caplog.text


@pytest.mark.parametrize("form", ["json", "python", "elements", "answer"])
def test_nested_values_in_other_clothes(tmp_path: Path, form: str) -> None:
    path = tmp_path / {"elements": "b.parquet", "answer": "b.json"}.get(form, "b.csv")
    if form == "answer":
        path.write_text(json.dumps({"total": 2, "results": BIGQUERY}))
    elif form == "elements":  # lists as BigQuery writes them where it infers none
        lists = [k for k, v in BIGQUERY[0].items() if isinstance(v, list)]
        rows = [r | {k: {"list": [{"element": v} for v in r[k]]} for k in lists} for r in BIGQUERY]
        pq.write_table(pa.Table.from_pylist(rows), path)
    else:
        frame = pd.DataFrame(BIGQUERY)
        if form == "json":
            frame = frame.map(lambda v: json.dumps(v) if isinstance(v, list) else v)
        frame.to_csv(path, index=False)
    rows, corpus = read(path)
    assert corpus.texts == [("Pump 1", "Text 1 of this one."), ("Pump 2", "Text 2 of this one.")]
    assert corpus.codes == [["F04D1/00", "A01D34/68"]] * 2
    assert corpus.citations == [["US-7000002-B2"], []]
    assert rows[0]["date"] == DAY and rows[0]["applicants"] == "ACME; BETA"


def test_an_answer_of_patentsview(tmp_path: Path) -> None:
    patent = {"patent_id": "7", "patent_title": "Pump", "patent_date": "2024-01-30"}
    patent["cpc_current"] = [{"cpc_sequence": 0, "cpc_group_id": "F04D1/00"}]  # type: ignore[assignment]
    patent["us_patent_citations"] = [{"citation_patent_id": "6"}]  # type: ignore[assignment]
    patent["assignees"] = [{"assignee_organization": "ACME"}]  # type: ignore[assignment]
    (tmp_path / "p.json").write_text(json.dumps({"error": False, "count": 1, "patents": [patent]}))
    rows, corpus = read(tmp_path / "p.json")
    assert (corpus.codes, corpus.citations) == ([["F04D1/00"]], [["6"]])
    assert rows[0]["date"] == DAY and rows[0]["applicants"] == "ACME"


def test_links_of_a_spreadsheet_and_columns_in_english(tmp_path: Path) -> None:
    path = tmp_path / "p.csv"
    link = '"=HYPERLINK(""https://x/US{0}B2""{1}""{0}"")"'
    path.write_text(
        "Patent No,Title (English),English Abstract\n"
        + f"{link.format(7000001, ',')},Pump,A.\n{link.format(7000002, ';')},Saw,B.\n"
    )
    corpus = Corpus.read(path)
    assert corpus.ids.tolist() == ["7000001", "7000002"]
    assert corpus.texts == [("Pump", "A."), ("Saw", "B.")]


def test_codes_of_hupd_as_a_table(tmp_path: Path) -> None:
    path = tmp_path / "p.csv"
    path.write_text("patent_number,title,cpc_label,ipc_label\n1,Pump,A61M51723,\n2,Saw,,B23D4500\n")
    assert Corpus.read(path).codes == [["A61M"], ["B23D"]]


def test_main_and_further_classes_of_depatisnet(tmp_path: Path) -> None:
    path = tmp_path / "d.csv"
    path.write_text(
        "Veröffentlichungsnummer;Veröffentlichungsdatum;Titel;IPC-Hauptklasse;IPC-Nebenklassen\n"
        "DE102009000001A1;30.01.2024;Pumpe;F04D 1/00 (2006.01);A01D 34/68 (2006.01), B23D 45/00\n"
        "DE102009000002A1;30.01.2024;Säge;B23D 45/00 (2006.01);\n",
        "cp1252",
    )
    rows, corpus = read(path)
    assert corpus.codes == [["F04D1/00", "A01D34/68", "B23D45/00"], ["B23D45/00"]]
    assert [r["date"] for r in rows] == [DAY, DAY]


def test_long_names_of_columns(tmp_path: Path) -> None:
    """Of the old export of Espacenet, and of PatSnap."""
    (tmp_path / "e.csv").write_text(
        '"Title";"Publication number";"International classification";'
        '"Cooperative patent classification"\n"Pump";"US7000001 (B2)";"F04D1/00";'
        '"F04D1/00 (EP,US); A01D34/68 (EP)"\n"Saw";"US7000002 (B2)";"B23D45/00";""\n'
    )
    assert Corpus.read(tmp_path / "e.csv").codes == [["F04D1/00", "A01D34/68"], ["B23D45/00"]]
    (tmp_path / "p.csv").write_text(
        "Publication Number,Title(Translated)(English),Abstract(Translated)(English)\nUS1,Pump,A.\n"
    )
    assert Corpus.read(tmp_path / "p.csv").texts == [("Pump", "A.")]
