"""Reading every format by value, against the csv module and plain Python; and every bad input."""

from __future__ import annotations

import csv
import datetime
import gzip
import io
import json
import random
import re
import zipfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from patentcl.core.errors import ConfigError, DataError
from patentcl.cpc import LEVELS, is_symbol, parse_symbol
from patentcl.data.codes import MACROS
from patentcl.data.corpus import Corpus
from patentcl.data.options import ReadOptions
from patentcl.data.reading import read_patents
from patentcl.graph.duckdb import DuckDBGraph

if TYPE_CHECKING:
    from conftest import Loaded

Table = Sequence[Sequence[object]]

NEW = {
    "g_patent": [
        [
            "patent_id",
            "patent_type",
            "patent_date",
            "patent_title",
            "wipo_kind",
            "num_claims",
            "withdrawn",
            "filename",
        ],
        ["10000000", "utility", "2018-06-19", "Coherent LADAR", "B2", 20, 0, "a.xml"],
        ["0042", "utility", "1999-01-05", 'A "quoted"\ttitle\nof two lines', "A", 3, 0, "a.xml"],
        ["D345678", "design", "1994-04-05", "Chair", "S", 1, 0, "a.xml"],
        ["9999999", "utility", "2018-06-12", "Withdrawn", "B2", 5, 1, "a.xml"],
        ["RE12345", "reissue", "2001-02-30", "Pump", "E", 5, 0, "a.xml"],
    ],
    "g_patent_abstract": [
        ["patent_id", "patent_abstract"],
        ["0042", 'Says "so", with\ttab,\r\nline, and comma; "" too'],
        ["10000000", "A laser."],
        ["RE12345", ""],
        ["77", "of no patent"],
    ],
    "g_us_patent_citation": [
        [
            "patent_id",
            "citation_sequence",
            "citation_patent_id",
            "citation_date",
            "record_name",
            "wipo_kind",
            "citation_category",
        ],
        ["10000000", 0, "0042", "1999-01-01", "X", "A", ""],
        ["10000000", 1, "10000000", "2018-06-01", "X", "A", ""],
        ["10000000", 2, "D345678", "1994-04-01", "X", "A", ""],
        ["10000000", 3, "0042", "1999-01-01", "X", "A", ""],
        ["RE12345", 0, "3930270", "1976-01-01", "X", "A", ""],
        ["9999999", 0, "0042", "1999-01-01", "X", "A", ""],
    ],
    "g_cpc_current": [
        [
            "patent_id",
            "cpc_sequence",
            "cpc_section",
            "cpc_class",
            "cpc_subclass",
            "cpc_group",
            "cpc_type",
        ],
        ["10000000", 1, "G", "G01", "G01S", "G01S7/4917", "inventional"],
        ["10000000", 0, "G", "G01", "G01S", "G01S17/00", "inventional"],
        ["10000000", 2, "G", "G01", "G01S", "G01S7/4917", "additional"],
        ["0042", 0, "?", "?", "?", "nonsense", "inventional"],
        ["9999999", 0, "H", "H01", "H01L", "H01L21/02", "inventional"],
    ],
    "g_ipc_at_issue": [
        [
            "patent_id",
            "ipc_sequence",
            "classification_level",
            "section",
            "ipc_class",
            "subclass",
            "main_group",
            "subgroup",
            "symbol_position",
        ],
        ["0042", 0, "A", "A", "1", "B", "33", "08", "F"],
        ["0042", 1, "A", "b", "60", "k", "1", "", "L"],
        ["0042", 2, "A", "B", "60", "L", "", "", "L"],
        ["0042", 3, "A", "B", "600", "L", "1", "00", "L"],
        ["10000000", 0, "A", "H", "01", "L", "21", "02", "F"],
    ],
    "g_cpc_title": [
        [
            "cpc_subclass",
            "cpc_subclass_title",
            "cpc_group",
            "cpc_group_title",
            "cpc_class",
            "cpc_class_title",
        ],
        ["G01S", "Direction finding", "G01S7/4917", "Receivers", "G01", "Measuring"],
        ["G01S", "Direction finding", "G01S17/00", "Lidar", "G01", "Measuring"],
    ],
}


def dump(
    rows: Table, delimiter: str = "\t", end: str = "\n", quoting: Any = csv.QUOTE_NONNUMERIC
) -> bytes:
    text = io.StringIO(newline="")
    csv.writer(text, delimiter=delimiter, lineterminator=end, quoting=quoting).writerows(rows)
    return text.getvalue().encode()


def pack(path: Path, data: bytes) -> None:
    """Write bytes as the file's name says: zip, gz or plain."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.suffix == ".zip":
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr(path.with_suffix("").name, data)
    elif path.suffix == ".gz":
        path.write_bytes(gzip.compress(data))
    else:
        path.write_bytes(data)


def put(folder: Path, tables: Mapping[str, Table], suffix: str = ".tsv", **how: Any) -> Path:
    for name, rows in tables.items():
        pack(folder / f"{name}{suffix}", dump(rows, **how))
    return folder


class Read:
    """What was read: rows by id, counts, titles."""

    def __init__(self, source: Path, target: Path, **options: Any) -> None:
        target.mkdir(parents=True)
        self.counts = read_patents(source, target, ReadOptions(**options))
        assert sorted(p.name for p in target.iterdir()) == ["corpus.parquet", "cpc.parquet"]
        self.rows = pq.read_table(target / "corpus.parquet").to_pylist()
        self.ids = [r["patent_id"] for r in self.rows]
        self.by = {r["patent_id"]: r for r in self.rows}
        self.cpc = {
            r["symbol"]: (r["level"], r["title"])
            for r in pq.read_table(target / "cpc.parquet").to_pylist()
        }


@pytest.fixture
def read(tmp_path: Path) -> Callable[..., Read]:
    taken = iter(range(100))

    def inner(source: Path, **options: Any) -> Read:
        return Read(source, tmp_path / f"out{next(taken)}", **options)

    return inner


@pytest.fixture
def refuse(tmp_path: Path) -> Callable[..., str]:
    """Read what cannot be read; returns the message, and checks that nothing was left behind."""

    def inner(source: Path, **options: Any) -> str:
        target = tmp_path / "refused"
        target.mkdir()
        with pytest.raises(DataError) as caught:
            read_patents(source, target, ReadOptions(**options))
        assert list(target.iterdir()) == []
        target.rmdir()
        text = str(caught.value)
        assert "\n" not in text and "Traceback" not in text
        return text

    return inner


def changed(name: str, change: Callable[[list[list[object]]], Any]) -> dict[str, Table]:
    """The tables with one of them changed in place."""
    tables = {k: [list(r) for r in rows] for k, rows in NEW.items()}
    change(tables[name])
    return dict(tables)


# ---- PatentsView ----------------------------------------------------------------------------


@pytest.mark.parametrize("suffix", [".tsv", ".tsv.gz", ".tsv.zip"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_new_layout(tmp_path: Path, read: Callable[..., Read], suffix: str, end: str) -> None:
    got = read(put(tmp_path / "in", NEW, suffix, end=end))
    assert got.ids == [
        "0042",
        "10000000",
        "D345678",
        "RE12345",
    ]  # sorted as text, withdrawn left out
    assert got.by["0042"] == {
        "patent_id": "0042",
        "date": datetime.date(1999, 1, 5),
        "type": "utility",
        "title": 'A "quoted" title of two lines',
        "abstract": 'Says "so", with\ttab,\r\nline, and comma; "" too',
        "codes": ["A01B33/08", "B60K1/00", "B60L"],
        "citations": [],
        "split": None,
    }
    assert got.by["10000000"]["codes"] == ["G01S17/00", "G01S7/4917"]  # by sequence, each once
    assert got.by["10000000"]["citations"] == ["0042", "D345678"]
    assert got.by["RE12345"]["citations"] == ["3930270"]
    assert (got.by["D345678"]["title"], got.by["D345678"]["abstract"]) == ("Chair", "")
    assert got.by["RE12345"]["date"] is None
    assert got.counts == {
        "patents read": 5,
        "withdrawn, left out": 1,
        "without text, left out": 0,
        "patents": 4,
        "dates that cannot be read": 1,
        "codes that are not symbols, left out": 2,
        "codes": 5,
        "patents with codes": 2,
        "citations": 3,
        "citations of oneself, left out": 1,
        "citations inside the corpus": 2,
    }
    assert got.cpc["G01S7/4917"] == ("subgroup", "Receivers")
    assert got.cpc["G01S17/00"] == ("group", "Lidar")
    assert got.cpc["G01S7/00"] == ("group", "")
    assert got.cpc["G01S"] == ("subclass", "Direction finding")
    assert got.cpc["G01"] == ("class", "Measuring")
    assert got.cpc["G"] == ("section", "Physics")


@pytest.mark.parametrize(
    ("scheme", "first", "second"),
    [
        ("cpc", ["G01S17/00", "G01S7/4917"], []),
        ("ipc", ["H01L21/02"], ["A01B33/08", "B60K1/00", "B60L"]),
        ("both", ["G01S17/00", "G01S7/4917"], ["A01B33/08", "B60K1/00", "B60L"]),
    ],
)
def test_schemes(
    tmp_path: Path, read: Callable[..., Read], scheme: str, first: list[str], second: list[str]
) -> None:
    got = read(put(tmp_path / "in", NEW), scheme=scheme)
    assert got.by["10000000"]["codes"] == first
    assert got.by["0042"]["codes"] == second


def test_old_layout(tmp_path: Path, read: Callable[..., Read]) -> None:
    got = read(
        put(
            tmp_path / "in",
            {
                "patent": [
                    [
                        "id",
                        "type",
                        "number",
                        "country",
                        "date",
                        "abstract",
                        "title",
                        "kind",
                        "num_claims",
                        "filename",
                        "withdrawn",
                    ],
                    [
                        "0042",
                        "utility",
                        "42",
                        "US",
                        "1999-01-05",
                        "An abstract.",
                        "Pump",
                        "A",
                        1,
                        "f",
                        0,
                    ],
                    ["T100", "", "T1", "US", "1980", "", "Defence", "I4", 1, "f", 0],
                ],
                "uspatentcitation": [
                    [
                        "uuid",
                        "patent_id",
                        "citation_id",
                        "date",
                        "name",
                        "kind",
                        "country",
                        "category",
                        "sequence",
                    ],
                    ["u", "0042", "T100", "1980-01-01", "N", "A", "US", "x", 0],
                ],
                "cpc_current": [
                    [
                        "uuid",
                        "patent_id",
                        "section_id",
                        "subsection_id",
                        "group_id",
                        "subgroup_id",
                        "category",
                        "sequence",
                    ],
                    ["u", "0042", "F", "F04", "F04B", "F04B1/02", "inventional", 1],
                    ["u", "0042", "F", "F04", "F04B", "F04B9/00", "inventional", 0],
                ],
                "cpc_subsection": [["id", "title"], ["F04", "Machines"]],
                "cpc_group": [["id", "title"], ["F04B", "Pumps"]],
                "cpc_subgroup": [
                    ["id", "title"],
                    ["F04B1/02", "two\nlines"],
                    ["F04B9/00", "Drives"],
                ],
            },
        )
    )
    assert got.by["0042"] == {
        "patent_id": "0042",
        "date": datetime.date(1999, 1, 5),
        "type": "utility",
        "title": "Pump",
        "abstract": "An abstract.",
        "codes": ["F04B9/00", "F04B1/02"],
        "citations": ["T100"],
        "split": None,
    }
    assert got.by["T100"]["date"] == datetime.date(1980, 1, 1)
    assert got.by["T100"]["type"] is None
    assert {s: t for s, (_, t) in got.cpc.items()} == {
        "F": "Mechanical engineering",
        "F04": "Machines",
        "F04B": "Pumps",
        "F04B1/00": "",
        "F04B1/02": "two\nlines",
        "F04B9/00": "Drives",
    }


def test_names_of_columns_in_any_case_and_order(tmp_path: Path, read: Callable[..., Read]) -> None:
    tables = {
        name: [[*map(str.upper, map(str, rows[0]))][::-1], *(list(r)[::-1] for r in rows[1:])]
        for name, rows in NEW.items()
    }
    plain, mirrored = read(put(tmp_path / "a", NEW)), read(put(tmp_path / "b", tables))
    assert plain.rows == mirrored.rows and plain.counts == mirrored.counts


def test_the_least_that_is_needed(tmp_path: Path, read: Callable[..., Read]) -> None:
    got = read(
        put(
            tmp_path / "in",
            {
                "g_patent": [["patent_id", "patent_date", "patent_title"], ["1", "", "Pump"]],
                "g_patent_abstract": NEW["g_patent_abstract"][:1],
            },
        )
    )
    assert got.rows == [
        {
            "patent_id": "1",
            "date": None,
            "type": None,
            "title": "Pump",
            "abstract": "",
            "codes": [],
            "citations": [],
            "split": None,
        }
    ]
    assert got.counts["patents with codes"] == got.counts["citations"] == 0
    assert got.cpc == {}


def test_a_byte_order_mark(tmp_path: Path, read: Callable[..., Read]) -> None:
    folder = put(tmp_path / "in", NEW)
    for path in folder.iterdir():
        path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes())
    assert read(folder).rows == read(put(tmp_path / "plain", NEW)).rows


def test_letters_in_ids_late_in_a_long_file(tmp_path: Path, read: Callable[..., Read]) -> None:
    rows = [
        ["patent_id", "patent_date", "patent_title"],
        *([str(i), "2001-01-02", "Pump"] for i in range(1, 100_001)),
        ["D1000", "2001-01-02", "Chair"],
    ]
    ids = {"g_patent": rows, "g_patent_abstract": [["patent_id", "patent_abstract"]]}
    got = read(put(tmp_path / "in", ids))
    assert len(got.rows) == 100_001 and got.by["D1000"]["title"] == "Chair"
    assert got.by["100000"]["date"] == datetime.date(2001, 1, 2)
    lines = "\n".join(
        json.dumps({"patent_id": int(r[0]) if str(r[0]).isdigit() else r[0], "title": r[2]})
        for r in rows[1:]
    )
    pack(tmp_path / "late.jsonl", lines.encode())
    late = read(tmp_path / "late.jsonl").ids
    assert late == [r[0] for r in rows[1:]] and sorted(late) == got.ids


text = st.text(
    st.characters(exclude_categories=["Cs", "Cc"], include_characters="\t\n\r\"',\\"), max_size=12
)


@settings(
    max_examples=12, deadline=None, phases=[Phase.generate]
)  # shrinking would read files for long
@given(
    fields=st.lists(st.tuples(text, text), min_size=5, max_size=20),
    how=st.sampled_from([csv.QUOTE_NONNUMERIC, csv.QUOTE_ALL, csv.QUOTE_MINIMAL]),
)
def test_any_text_comes_back(
    fields: list[tuple[str, str]], how: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    rows = [(f"P{i:02}", f"x{a}x", f"x{b}x") for i, (a, b) in enumerate(fields)]
    if how == csv.QUOTE_MINIMAL:  # the csv module leaves a lone carriage return without quotes
        rows = [(i, a.replace("\r", ""), b.replace("\r", "")) for i, a, b in rows]
    base = tmp_path_factory.mktemp("text")
    pack(base / "f.csv", dump([("id", "title", "abstract"), *rows], delimiter=",", quoting=how))
    got = Read(base / "f.csv", base / "out")
    assert [(r["patent_id"], r["title"], r["abstract"]) for r in got.rows] == [
        (i, re.sub(r"[ \t\r\n\f\xa0]+", " ", title), abstract) for i, title, abstract in rows
    ]


def test_the_sample_against_the_csv_module(loaded: Loaded) -> None:
    def table(name: str) -> list[dict[str, str]]:
        with zipfile.ZipFile(loaded.tables / f"{name}.tsv.zip") as archive:
            raw = archive.read(f"{name}.tsv").decode()
        return list(csv.DictReader(io.StringIO(raw, newline=""), delimiter="\t"))

    abstracts = {r["patent_id"]: r["patent_abstract"].strip() for r in table("g_patent_abstract")}
    cpc: dict[str, list[tuple[int, str]]] = {}
    for r in table("g_cpc_current"):
        cpc.setdefault(r["patent_id"], []).append((int(r["cpc_sequence"]), r["cpc_group"]))
    ipc: dict[str, list[tuple[int, str]]] = {}
    for r in table("g_ipc_at_issue"):
        code = parse_symbol(
            f"{r['section']}{r['ipc_class']}{r['subclass']}{r['main_group']}/{r['subgroup']}"
        )[-1]
        ipc.setdefault(r["patent_id"], []).append((int(r["ipc_sequence"]), code))
    cited: dict[str, set[str]] = {}
    for r in table("g_us_patent_citation"):
        if r["patent_id"] != r["citation_patent_id"]:
            cited.setdefault(r["patent_id"], set()).add(r["citation_patent_id"])
    claims: dict[str, list[str]] = {}
    for r in table("g_claims"):
        of = claims.setdefault(r["patent_id"], [])
        of.append(r["claim_text"].removeprefix(f"{len(of) + 1}. "))
    wanted = [
        {
            "patent_id": r["patent_id"],
            "date": datetime.date.fromisoformat(r["patent_date"]),
            "type": r["patent_type"],
            "title": " ".join(r["patent_title"].split()),
            "abstract": abstracts.get(r["patent_id"], ""),
            "codes": list(
                dict.fromkeys(
                    c for _, c in sorted(cpc.get(r["patent_id"]) or ipc.get(r["patent_id"], []))
                )
            ),
            "citations": sorted(cited.get(r["patent_id"], ())),
            "split": None,
            "claims": claims[r["patent_id"]],
            "first_claim": claims[r["patent_id"]][0],
        }
        for r in table("g_patent")
        if r["withdrawn"] == "0"
    ]
    wanted.sort(key=lambda r: r["patent_id"])
    assert pq.read_table(loaded.folder / "corpus.parquet").to_pylist() == wanted
    assert loaded.counts["citations"] == sum(len(r["citations"]) for r in wanted)
    known = {r["patent_id"] for r in wanted}
    assert loaded.counts["citations inside the corpus"] == sum(
        c in known for r in wanted for c in r["citations"]
    )
    assert loaded.counts["codes"] == sum(len(r["codes"]) for r in wanted)


def test_row_order_changes_nothing(
    loaded: Loaded, tmp_path: Path, read: Callable[..., Read]
) -> None:
    shuffle_tables(loaded.tables, tmp_path / "in")
    got = read(tmp_path / "in")
    assert got.rows == pq.read_table(loaded.folder / "corpus.parquet").to_pylist()
    assert got.counts == loaded.counts
    some = [read(folder, limit=60) for folder in (loaded.tables, tmp_path / "in")]
    assert some[0].rows == some[1].rows and len(some[0].rows) == 60
    assert set(some[0].ids) < set(got.ids) and some[0].ids != got.ids[:60]
    assert set(read(loaded.tables, limit=20).ids) < set(some[0].ids)
    assert read(loaded.tables, limit=10**6).rows == got.rows


def shuffle_tables(source: Path, target: Path, seed: int = 3) -> None:
    """Write PatentsView tables again, with their rows in another order."""
    for path in sorted(source.glob("*.zip")):
        with zipfile.ZipFile(path) as archive:
            raw = archive.read(path.stem).decode()
        head, *rows = csv.reader(io.StringIO(raw, newline=""), delimiter="\t")
        random.Random(seed).shuffle(rows)
        pack(target / path.name, dump([head, *rows]))


# ---- plain files ----------------------------------------------------------------------------


FLAT = [
    ("001", "Pump", "Lifts water.", "2019-05-07", ["F04B1/02", "A01B  33/00"], ["7", "002"]),
    ("002", "", "Only an abstract", "2019", [], []),
    ("D3", "Chair", "", "", ["A47C"], ["001"]),
]


def check_flat(got: Read) -> None:
    assert got.ids == ["001", "002", "D3"]
    assert [(r["title"], r["abstract"]) for r in got.rows] == [r[1:3] for r in FLAT]
    assert [r["date"] for r in got.rows] == [
        datetime.date(2019, 5, 7),
        datetime.date(2019, 1, 1),
        None,
    ]
    assert [r["codes"] for r in got.rows] == [["F04B1/02", "A01B33/00"], [], ["A47C"]]
    assert [r["citations"] for r in got.rows] == [["002", "7"], [], ["001"]]


@pytest.mark.parametrize(
    "joined",
    [", ".join, ";".join, "|".join, str, json.dumps],
    ids=["comma", "semicolon", "bar", "python", "json"],
)
@pytest.mark.parametrize("name", ["f.csv", "f.tsv", "f.csv.gz", "f.tsv.gz"])
def test_separated_text(tmp_path: Path, read: Callable[..., Read], joined: Any, name: str) -> None:
    rows = [(*r[:4], joined(r[4]), joined(r[5])) for r in FLAT]
    head = ("patent_id", "title", "abstract", "date", "codes", "citations")
    pack(tmp_path / name, dump([head, *rows], delimiter="\t" if ".tsv" in name else ","))
    check_flat(read(tmp_path / name))


@pytest.mark.parametrize("name", ["f.jsonl", "f.ndjson", "f.jsonl.gz"])
def test_json_lines(tmp_path: Path, read: Callable[..., Read], name: str) -> None:
    head = ("patent_id", "title", "abstract", "date", "codes", "citations")
    rows = [dict(zip(head, r, strict=True)) for r in FLAT]
    rows[1]["codes"], rows[2]["citations"] = None, "001"  # null; and text where others have a list
    rows[2].pop("date")
    pack(tmp_path / name, "\n".join(json.dumps(r) for r in rows).encode())
    check_flat(read(tmp_path / name))


@pytest.mark.parametrize("kind", ["list", "text", "large"])
def test_parquet(tmp_path: Path, read: Callable[..., Read], kind: str) -> None:
    many = {
        "list": pa.list_(pa.string()),
        "text": pa.string(),
        "large": pa.large_list(pa.large_string()),
    }
    columns = {}
    for i, head in enumerate(("patent_id", "title", "abstract", "date", "codes", "citations")):
        values = [r[i] for r in FLAT]
        columns[head] = pa.array(
            [str(v) for v in values] if i > 3 and kind == "text" else values,
            many[kind] if i > 3 else pa.string(),
        )
    pq.write_table(pa.table(columns), tmp_path / "f.parquet")
    check_flat(read(tmp_path / "f.parquet"))


def test_parquet_with_numbers_and_days(tmp_path: Path, read: Callable[..., Read]) -> None:
    pq.write_table(
        pa.table(
            {
                "id": [7, 12],
                "title": ["a", "b"],
                "year": [1999, None],
                "date": pa.array([datetime.date(2001, 2, 3), None]),
                "labels": [["A01B"], None],
            }
        ),
        tmp_path / "f.parquet",
    )
    got = read(tmp_path / "f.parquet")
    assert [(r["patent_id"], r["date"], r["codes"]) for r in got.rows] == [
        ("7", datetime.date(2001, 2, 3), ["A01B"]),
        ("12", None, []),
    ]
    years = read(tmp_path / "f.parquet", columns={"date": "year"})
    assert years.by["7"]["date"] == datetime.date(1999, 1, 1)


def test_columns_named_by_the_user(
    tmp_path: Path, read: Callable[..., Read], refuse: Callable[..., str]
) -> None:
    rows = [
        ("PubNo", "Heading", "Summary", "title", "Klassen"),
        ("EP1", "Pump", "Lifts.", "not this", "F04B 1/02 ; A01B"),
    ]
    pack(tmp_path / "f.csv", dump(rows, delimiter=","))
    names = {"patent_id": "PubNo", "title": "Heading", "abstract": "Summary", "codes": "Klassen"}
    got = read(tmp_path / "f.csv", columns=names)
    assert got.rows == [
        {
            "patent_id": "EP1",
            "date": None,
            "type": None,
            "title": "Pump",
            "abstract": "Lifts.",
            "codes": ["F04B1/02", "A01B"],
            "citations": [],
            "split": None,
            "country": "EP",
        }
    ]
    message = refuse(tmp_path / "f.csv", columns=names | {"date": "Sumary"})
    assert "column 'Sumary' is missing" in message and "Did you mean Summary?" in message
    assert "f.csv" in message


def test_uspto_70k(tmp_path: Path, read: Callable[..., Read]) -> None:
    rows = [
        ("patent_id", "title", "abstract", "labels"),
        ("4000001", "Pump", "The 5\" pump, 'so called'.", "['F04B', 'A01B']"),
        ("4000002", "Chair", "A chair.", "['A47C']"),
    ]
    pack(tmp_path / "train.tsv", dump(rows, quoting=csv.QUOTE_MINIMAL))
    got = read(tmp_path / "train.tsv")
    assert [r["codes"] for r in got.rows] == [["F04B", "A01B"], ["A47C"]]
    assert got.by["4000001"]["abstract"] == "The 5\" pump, 'so called'."


@pytest.mark.parametrize("name", ["ipc_class_symbol", "IPC_CLASS_SYMBOL", "cpc_class_symbol"])
def test_patstat_has_a_row_for_each_code(
    tmp_path: Path, read: Callable[..., Read], name: str
) -> None:
    rows = [
        ("appln_id", "appln_title", "appln_abstract", name),
        ("17", "Pump", "Lifts, water.", "F04B   1/02"),
        ("17", "Pump", "Lifts, water.", "A01B  33/00"),
        ("18", "Chair", "A chair.", "A47C   1/00"),
        ("17", "Pump", "Lifts, water.", "A01B  33/00"),
    ]
    pack(tmp_path / "p.csv", dump(rows, delimiter=","))
    got = read(tmp_path / "p.csv")
    assert [(r["patent_id"], r["codes"]) for r in got.rows] == [
        ("17", ["F04B1/02", "A01B33/00"]),
        ("18", ["A47C1/00"]),
    ]


def test_the_scheme_chooses_among_columns(tmp_path: Path, read: Callable[..., Read]) -> None:
    pack(
        tmp_path / "f.csv",
        dump([("id", "title", "cpc", "ipc"), ("1", "Pump", "F04B", "A01B")], delimiter=","),
    )
    assert [
        read(tmp_path / "f.csv", scheme=s).rows[0]["codes"] for s in ("cpc", "ipc", "both")
    ] == [["F04B"], ["A01B"], ["F04B"]]


def test_a_folder_of_splits(
    tmp_path: Path, read: Callable[..., Read], refuse: Callable[..., str]
) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    for name, ids in (("train", ["1", "2"]), ("dev", ["3"]), ("test", ["4"])):
        pq.write_table(
            pa.table({"id": ids, "text": ["Pump"] * len(ids)}), folder / f"{name}.parquet"
        )
    assert [(r["patent_id"], r["split"]) for r in read(folder).rows] == [
        ("1", "train"),
        ("2", "train"),
        ("3", "dev"),
        ("4", "test"),
    ]
    pq.write_table(pa.table({"id": ["2"], "text": ["Pump"]}), folder / "dev.parquet")
    assert "duplicate patent ids" in refuse(folder)


def test_real_train_and_dev(real_data: Path, read: Callable[..., Read]) -> None:
    got = read(real_data / "classification")
    tables = {
        s: pq.read_table(real_data / "classification" / f"{s}.parquet").to_pylist()
        for s in ("train", "dev")
    }
    wanted = {r["patent_id"]: (s, r) for s, rows in tables.items() for r in rows}
    assert set(got.by) == set(wanted)
    for patent, row in got.by.items():
        split, source = wanted[patent]
        assert row["split"] == split
        assert row["codes"] == list(
            dict.fromkeys(parse_symbol(c)[-1] for c in source["codes"] if is_symbol(c))
        )
        assert str(row["date"])[:4] == source["date"][:4] if source["date"] else row["date"] is None
        assert row["abstract"] == source["abstract"].strip(" ")


CODE = r"\s?[A-HYa][0-9]{0,2} ?[A-Z]? {0,2}0{0,2}[0-9]{0,4} ?/? ?[0-9]{0,6}\s?"


@settings(max_examples=10, deadline=None)
@given(
    st.lists(
        st.from_regex(CODE, fullmatch=True) | st.text(st.characters(max_codepoint=126)),
        min_size=20,
        max_size=60,
    )
)
def test_codes_are_cleaned_as_they_are_parsed(texts: list[str]) -> None:
    texts = [t for t in texts if t.isascii() and "\0" not in t]
    with duckdb.connect() as con:
        con.execute(MACROS)
        got = con.execute("SELECT clean_symbol(t) FROM (SELECT unnest(?) AS t)", [texts]).fetchall()
    for text, (symbol,) in zip(texts, got, strict=True):
        if is_symbol(text.upper()):
            assert symbol == parse_symbol(text.upper())[-1]
        else:  # what has no slash but is understood has the same subclass
            assert symbol is None or (is_symbol(symbol) and "/" not in text)
            assert symbol is None or "".join(text.upper().split()).startswith(symbol[:4])


# ---- bad input ------------------------------------------------------------------------------


def test_no_such_source(tmp_path: Path, refuse: Callable[..., str]) -> None:
    assert "nowhere" in refuse(tmp_path / "nowhere")
    (tmp_path / "empty").mkdir()
    message = refuse(tmp_path / "empty")
    assert "no patents found" in message and "g_patent.tsv.zip" in message
    (tmp_path / "f.docx").write_text("x")
    message = refuse(tmp_path / "f.docx")
    assert "unknown kind of file" in message and ".xlsx" in message


def test_missing_tables(tmp_path: Path, refuse: Callable[..., str]) -> None:
    folder = put(tmp_path / "in", {k: v for k, v in NEW.items() if k != "g_patent_abstract"})
    message = refuse(folder)
    assert "table g_patent_abstract is missing" in message and str(folder) in message
    for scheme, name in (("cpc", "g_cpc_current"), ("ipc", "g_ipc_at_issue")):
        folder = put(tmp_path / scheme, {k: v for k, v in NEW.items() if k != name})
        message = refuse(folder, scheme=scheme)
        assert f"no {scheme.upper()} codes" in message and name in message


@pytest.mark.parametrize(
    ("name", "column"),
    [
        ("g_patent", "patent_id"),
        ("g_patent", "patent_date"),
        ("g_patent", "patent_title"),
        ("g_patent_abstract", "patent_abstract"),
        ("g_us_patent_citation", "citation_patent_id"),
        ("g_cpc_current", "cpc_group"),
        ("g_ipc_at_issue", "main_group"),
        ("g_cpc_title", "cpc_class_title"),
    ],
)
def test_missing_columns(
    tmp_path: Path, refuse: Callable[..., str], name: str, column: str
) -> None:
    def drop(rows: list[list[object]]) -> None:
        at = rows[0].index(column)
        for row in rows:
            del row[at]

    message = refuse(put(tmp_path / "in", changed(name, drop)))
    assert f"column {column!r} is missing" in message and f"{name}.tsv" in message


def test_missing_columns_of_plain_files(tmp_path: Path, refuse: Callable[..., str]) -> None:
    pack(tmp_path / "a.csv", b"title,abstract\nPump,Lifts\n")
    message = refuse(tmp_path / "a.csv")
    assert "column 'patent_id' is missing" in message and "a.csv" in message
    pack(tmp_path / "b.csv", b"id,codes\n1,A01B\n")
    assert "no text column" in refuse(tmp_path / "b.csv")
    pack(tmp_path / "c.csv", b"id,title,Title\n1,a,b\n")
    assert "two columns have one name" in refuse(tmp_path / "c.csv")


@pytest.mark.parametrize("share", [0.0, 0.02, 0.3, 0.6, 0.9, 0.999])
@pytest.mark.parametrize("kind", ["zip", "gz"])
def test_cut_off_files(
    tmp_path: Path, refuse: Callable[..., str], loaded: Loaded, share: float, kind: str
) -> None:
    folder = tmp_path / "in"
    for path in loaded.tables.glob("*.zip"):
        with zipfile.ZipFile(path) as archive:
            pack(folder / f"{path.stem}.{kind}", archive.read(path.stem))
    path = folder / f"g_patent_abstract.tsv.{kind}"
    path.write_bytes(path.read_bytes()[: int(path.stat().st_size * share)])
    message = refuse(folder)
    assert path.name in message
    assert f"the {kind} is damaged or cut off" in message or (
        kind == "gz" and share == 0.0 and "empty" in message
    )


def test_damaged_inside(tmp_path: Path, refuse: Callable[..., str]) -> None:
    folder = put(tmp_path / "in", NEW, ".tsv.zip")
    path = folder / "g_patent.tsv.zip"
    raw = bytearray(path.read_bytes())
    raw[60] ^= 0xFF
    path.write_bytes(bytes(raw))
    message = refuse(folder)
    assert "g_patent.tsv.zip" in message and "damaged" in message


def test_zips_of_no_or_two_tables(
    tmp_path: Path, read: Callable[..., Read], refuse: Callable[..., str]
) -> None:
    folder = put(tmp_path / "in", NEW, ".tsv.zip")
    path = folder / "g_patent.tsv.zip"
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("__MACOSX/._g_patent.tsv", "not a table")
        archive.writestr("readme.txt", "hello")
    assert len(read(folder).rows) == 4
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("more.tsv", "x")
    assert "must hold one table" in (message := refuse(folder)) and "2 tables" in message
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("readme.txt", "hello")
    assert "0 tables" in refuse(folder)


@pytest.mark.parametrize("suffix", [".tsv", ".tsv.gz", ".tsv.zip"])
@pytest.mark.parametrize("name", ["g_patent", "g_cpc_current"])
def test_nothing_in_a_file(
    tmp_path: Path, refuse: Callable[..., str], suffix: str, name: str
) -> None:
    folder = put(tmp_path / "in", NEW, suffix)
    pack(folder / f"{name}{suffix}", b"")
    message = refuse(folder)
    assert "the table is empty" in message and f"{name}{suffix}" in message


def test_nothing_but_a_header(tmp_path: Path, refuse: Callable[..., str]) -> None:
    message = refuse(put(tmp_path / "in", {**NEW, "g_patent": NEW["g_patent"][:1]}))
    assert "the table is empty" in message and "g_patent.tsv" in message
    pack(tmp_path / "f.csv", b"id,title\n")
    assert "the table is empty" in refuse(tmp_path / "f.csv")
    for name in ("f.csv", "f.jsonl", "f.parquet", "f.tsv.gz"):
        pack(tmp_path / name, b"")
        message = refuse(tmp_path / name)
        assert "empty" in message and name in message


def test_wrong_delimiter(tmp_path: Path, refuse: Callable[..., str]) -> None:
    folder = put(tmp_path / "in", NEW)
    pack(folder / "g_patent.tsv", dump(NEW["g_patent"], delimiter=","))
    message = refuse(folder)
    assert "not separated as expected" in message and "g_patent.tsv, line 1" in message
    assert "got ','; wanted '\\t'" in message


def test_not_utf8(tmp_path: Path, refuse: Callable[..., str]) -> None:
    folder = put(tmp_path / "in", NEW)
    rows = [["patent_id", "patent_abstract"], *([str(i), f"Text {i}"] for i in range(300))]
    raw = dump(rows)
    pack(folder / "g_patent_abstract.tsv", raw.replace(b"Text 123", "Caf\xe9".encode("latin-1")))
    message = refuse(folder)
    assert "not UTF-8" in message and "g_patent_abstract.tsv, line 125" in message


def test_wrong_number_of_columns(tmp_path: Path, refuse: Callable[..., str]) -> None:
    for extra, got in (([], "1"), (["a", "b"], "3")):

        def spoil(rows: list[list[object]], extra: list[object] = extra) -> None:  # type: ignore[assignment]
            rows.insert(2, ["5", *extra])

        message = refuse(put(tmp_path / got, changed("g_patent_abstract", spoil)))
        assert "wrong number of columns" in message and f"got {got}; wanted 2" in message
        # the abstract above it has a line end inside: lines of the file count
        assert "g_patent_abstract.tsv, line 4" in message


def test_a_quote_never_closed(tmp_path: Path, refuse: Callable[..., str]) -> None:
    folder = put(tmp_path / "in", NEW)
    path = folder / "g_patent.tsv"
    path.write_bytes(path.read_bytes().replace(b'"Chair"', b'"Chair'))
    message = refuse(folder)
    assert "g_patent.tsv" in message and "line" in message


def test_line_ends_without_quotes(tmp_path: Path, refuse: Callable[..., str]) -> None:
    pack(tmp_path / "f.csv", b"id,title,abstract\n1,a,b\r\rc\n")
    assert "line ends are mixed" in (message := refuse(tmp_path / "f.csv")) and "f.csv" in message


def test_bad_json_and_parquet(tmp_path: Path, refuse: Callable[..., str]) -> None:
    pack(tmp_path / "f.jsonl", b'{"id": "1", "title": "a"}\n{"id": "2", "title": \n{"id": "3"}\n')
    message = refuse(tmp_path / "f.jsonl")
    assert "not JSON" in message and "f.jsonl, line 2" in message
    pack(tmp_path / "f.jsonl", b'{"id": "1", "title": "a"}\n\n{"id": "2", "title": "caf\xe9"}\n')
    message = refuse(tmp_path / "f.jsonl")
    assert "not UTF-8" in message and "f.jsonl, line 3" in message
    pack(tmp_path / "f.jsonl", b'{"id": "1", "title": "a"}\n["2", "b"]\n')
    assert "f.jsonl" in refuse(tmp_path / "f.jsonl")
    pack(tmp_path / "f.parquet", b"PAR1 but no more")
    assert "f.parquet" in refuse(tmp_path / "f.parquet")


def test_duplicate_and_missing_ids(tmp_path: Path, refuse: Callable[..., str]) -> None:
    message = refuse(
        put(tmp_path / "a", changed("g_patent", lambda r: r.extend([r[1], r[2], r[2]])))
    )
    assert "duplicate patent ids" in message and "0042 3 times, and 1 more" in message
    message = refuse(put(tmp_path / "b", changed("g_patent", lambda r: r.append(["", *r[1][1:]]))))
    assert "patents without an id" in message and "1 row" in message


def test_codes_that_are_not_symbols(
    tmp_path: Path, read: Callable[..., Read], refuse: Callable[..., str]
) -> None:
    rows = [("id", "title", "codes"), ("1", "Pump", "X; Y; F04B"), ("2", "Chair", "X, 99")]
    pack(tmp_path / "f.csv", dump(rows, delimiter=","))
    got = read(tmp_path / "f.csv")
    assert [r["codes"] for r in got.rows] == [["Y", "F04B"], []]
    assert got.counts["codes that are not symbols, left out"] == 3
    pack(
        tmp_path / "f.csv",
        dump([rows[0], ("1", "Pump", "X"), ("2", "Chair", "X, 99")], delimiter=","),
    )
    message = refuse(tmp_path / "f.csv")
    assert "none of the codes is a CPC or IPC symbol" in message and "got '99'" in message


def test_one_code_written_in_two_ways_counts_once(
    tmp_path: Path, read: Callable[..., Read]
) -> None:
    rows = [
        ("id", "title", "codes"),
        ("1", "Pump", "F04B 1/02; F04B1/02; F04B0001/02; f04b1/02; A01B"),
    ]
    pack(tmp_path / "f.csv", dump(rows, delimiter=","))
    got = read(tmp_path / "f.csv")
    assert got.rows[0]["codes"] == ["F04B1/02", "A01B"]
    assert got.counts["codes"] == 2


def test_no_text_at_all(
    tmp_path: Path, refuse: Callable[..., str], read: Callable[..., Read]
) -> None:
    rows = [("id", "title"), ("1", ""), ("2", " ")]
    pack(tmp_path / "f.csv", dump(rows, delimiter=","))
    assert "no patent is left" in refuse(tmp_path / "f.csv")
    pack(tmp_path / "f.csv", dump([*rows, ("3", "Pump")], delimiter=","))
    assert read(tmp_path / "f.csv").counts["without text, left out"] == 2


def test_dates(tmp_path: Path, read: Callable[..., Read]) -> None:
    dates = [
        "2001-02-03",
        " 2001-02-03 ",
        "2001",
        "2001-02-30",
        "03.02.2001",
        "soon",
        "",
        "20010203",
    ]
    rows = [("id", "title", "date"), *((f"P{i}", "Pump", d) for i, d in enumerate(dates))]
    pack(tmp_path / "f.csv", dump(rows, delimiter=","))
    got = read(tmp_path / "f.csv")
    day = datetime.date(2001, 2, 3)
    assert [r["date"] for r in got.rows] == [
        day,
        day,
        datetime.date(2001, 1, 1),
        None,
        day,
        None,
        None,
        day,
    ]
    assert got.counts["dates that cannot be read"] == 2


def test_options_are_checked() -> None:
    with pytest.raises(ConfigError, match="Did you mean cpc"):
        ReadOptions(scheme="cpcs")
    with pytest.raises(ConfigError, match="at least 1"):
        ReadOptions(limit=0)
    with pytest.raises(ConfigError, match="Did you mean abstract"):
        ReadOptions(columns={"abstrakt": "x"})


# ---- the scheme -----------------------------------------------------------------------------

SCHEME = [
    ("symbol", "indent_level", "title"),
    ("G01S", "", "Direction finding by radio"),
    ("G01S7/00", "0", "Details"),
    ("G01S7/48", "1", "of lidar"),
    ("G01S7/491", "2", "Non-pulse"),
    ("G01S7/4917", "4", "superposing"),
    ("G01S17/00", "0", "Lidar"),
]


@pytest.mark.parametrize("kind", ["csv", "tsv", "parquet"])
def test_dot_levels_of_a_scheme(tmp_path: Path, kind: str) -> None:
    folder, out = put(tmp_path / "in", NEW), tmp_path / "out"
    if kind == "parquet":
        rows = SCHEME[1:]
        table = {"symbol": [r[0] for r in rows], "title": [r[2] for r in rows]}
        dots = [float(r[1]) if r[1] else None for r in rows]
        pq.write_table(pa.table({**table, "indent_level": dots}), folder / "cpc_scheme.parquet")
    else:
        pack(folder / f"cpc_scheme.{kind}", dump(SCHEME, delimiter="\t" if kind == "tsv" else ","))
    out.mkdir()
    counts = read_patents(folder, out, ReadOptions())
    assert counts["symbols placed by dots"] == 2  # /491 and /4917
    tree = Corpus(out / "corpus.parquet", level="subgroup").tree
    path = [tree.symbols[i] for i in tree.path(tree.index["G01S7/4917"])]
    assert path == ["G", "G01", "G01S", "G01S7/00", "G01S7/48", "G01S7/491", "G01S7/4917"]
    assert tree.levels == (*LEVELS, "subgroup2", "subgroup3")
    assert tree.titles[tree.index["G01S7/491"]] == "Non-pulse"
    assert tree.titles[tree.index["G01S7/4917"]] == "Receivers"  # the source's own title stays
    assert "A01B33/08" in tree.index  # not in the scheme: placed by syntax
    subclasses = Corpus(out / "corpus.parquet").tree
    assert subclasses.levels == LEVELS[:3]
    with DuckDBGraph(":memory:") as graph:
        graph.load(out / "corpus.parquet")


def test_schemes_that_cannot_be_read(tmp_path: Path, refuse: Callable[..., str]) -> None:
    folder = put(tmp_path / "in", NEW)
    for content, message in (
        (b"symbol,title\nA,a\n", "column 'indent_level' is missing"),
        (b"symbol,level\nnonsense,1\n", "not a CPC or IPC symbol"),
        (b"", "the scheme cannot be read"),
    ):
        (folder / "cpc_scheme.csv").write_bytes(content)
        assert message in (text := refuse(folder)) and "cpc_scheme.csv" in text
