"""Every form that a table comes in: encodings, separators, headers, quotes, names of files."""

from __future__ import annotations

import bz2
import gzip
import json
import lzma
import os
import shutil
import zipfile
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from patentcl.core.errors import ConfigError, DataError, GraphError
from patentcl.data.corpus import Corpus
from patentcl.data.options import ReadOptions
from patentcl.data.reading import look, read_patents
from patentcl.graph.duckdb import DuckDBGraph

HEAD, ROWS = "patent_id,title,date", ["7000001,Pump,2001-02-03", "7000002,Saw,2004-05-06"]
PLAIN = "\n".join([HEAD, *ROWS]) + "\n"


def put(path: Path, content: str | bytes) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def read(path: Path, **how: Any) -> list[tuple[str, str]]:
    """Ids and titles; the dates of the usual table are checked."""
    corpus = Corpus.read(path, **how)
    return list(zip(corpus.ids.tolist(), corpus.titles, strict=True))


def check(path: Path, **how: Any) -> None:
    corpus = Corpus.read(path, **how)
    assert corpus.ids.tolist() == ["7000001", "7000002"] and corpus.titles == ["Pump", "Saw"]
    assert [str(d) for d in corpus.dates] == ["2001-02-03", "2004-05-06"]


# ---- text tables ------------------------------------------------------------------------------


@pytest.mark.parametrize("separator", [*",;\t|^~¦:", "\x01"])
@pytest.mark.parametrize("name", ["f.csv", "F.TSV"])
def test_separators(tmp_path: Path, separator: str, name: str) -> None:
    check(put(tmp_path / name, PLAIN.replace(",", separator)))


@pytest.mark.parametrize("separator", ["||", "~|~", "::", "§", " "])
def test_separators_with_characters_of_theirs_in_fields(tmp_path: Path, separator: str) -> None:
    rows = [row.replace("Pump", "A | pump ~ 1:2") for row in [HEAD, *ROWS]]
    quoted = "\n".join(separator.join(f'"{cell}"' for cell in row.split(",")) for row in rows)
    for content in [quoted, quoted.replace('"', "")][: 1 if separator == " " else 2]:
        corpus = Corpus.read(put(tmp_path / "f.txt", content))
        assert corpus.titles == ["A | pump ~ 1:2", "Saw"]
        assert [str(d) for d in corpus.dates] == ["2001-02-03", "2004-05-06"]


@pytest.mark.parametrize(
    "content",
    [
        "sep=;\r\n" + PLAIN.replace(",", ";").replace("\n", "\r\n"),
        "Search of today, by Roe\n\n\n" + PLAIN,
        'A title with one " in it\n' + PLAIN,
        PLAIN.replace("\n", "\r"),
        PLAIN.replace("\n", "\r\n"),
        "\ufeff" + PLAIN,
        '\ufeff"patent_id","title","date"\n' + "\n".join(ROWS),
        ",".join(["", HEAD]) + "\n" + "\n".join(f"{i},{r}" for i, r in enumerate(ROWS)),
        '"",' + HEAD + "\n" + "\n".join(f'"{i}",{r}' for i, r in enumerate(ROWS)),
        HEAD + "\n" + "\n".join(f'"{i}",{r}' for i, r in enumerate(ROWS)),
        PLAIN.replace("\n", ",\n"),
        HEAD + "\n" + "\n".join(f"{r}," for r in ROWS),
        HEAD + ",\n" + "\n".join(ROWS),
        '"Patent\nID",TITLE," date "\n' + "\n".join(ROWS),
        HEAD + ",note,Note\n" + "\n".join(f"{r},a,b" for r in ROWS),
        'x,"Patent\nID",title,date\r\n' + "".join(f"{i},{r}\r\n" for i, r in enumerate(ROWS)),
        PLAIN + "\nTotal: 2 records\n",
        f"Query:,pump\r\n{HEAD}\r\n{ROWS[0]}\r\nQuery:,saw\n{HEAD}\n{ROWS[1]}\n",
        PLAIN.replace("date", "date,note,x").replace("06\n", "06,a,b\n"),
        "".join('"' + line.replace("Pump", '""Pump""') + '"\n' for line in [HEAD, *ROWS]),
    ],
    ids=[
        "excel",
        "title",
        "quote",
        "mac",
        "dos",
        "mark",
        "quoted",
        "pandas",
        "r",
        "rows",
        "ended",
        "rows_ended",
        "head_ended",
        "lines",
        "doubled",
        "lines_dos",
        "remark",
        "joined",
        "short",
        "rows_as_fields",
    ],
)
def test_headers_and_line_ends(tmp_path: Path, content: str) -> None:
    check(put(tmp_path / "f.csv", content))


def test_rows_of_another_width(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path, wide = tmp_path / "f.csv", f"{HEAD},a,b\n"
    check(put(path, wide + f"{ROWS[0]},x,y\n{ROWS[1]}\nTotal: 2, as of today\n"))
    assert "left out: 1, e.g. 'Total: 2 as of today'" in caplog.text
    assert "filled up: 1, e.g. \"line 3: ['7000002', 'Saw', '2004-05-06']\"" in caplog.text
    for rows in (
        "1,Pump\nof steel,2001-02-03,x,y\n2,Saw,,,\n",
        "1,Pump,,,,z\n2,Saw,,,\n",
        "Note\n1,Pump,,,\n",
    ):
        with pytest.raises(DataError, match="wrong number of columns"):
            Corpus.read(put(path, wide + rows))


@pytest.mark.parametrize("text", [r"A \"wet\" pump, \"new\"", r"\"Wet\"", "no\nline\\, "])
def test_quotes_behind_backslashes(tmp_path: Path, text: str) -> None:
    rows = f'"1","{text}","a, b"\n"2","Saw of 3\\"","x"\n'
    corpus = Corpus.read(put(tmp_path / "f.csv", f"id,abstract,title\n{rows}"))
    assert corpus.texts == [("a, b", text.replace('\\"', '"').strip()), ("x", 'Saw of 3"')]


@pytest.mark.parametrize(
    "rows",
    [
        ['7000001, "Pump, wet", "of 3 m"', '7000002, "Saw", "x, y"'],
        ["7000001,'Pump, wet',of 3 m", "7000002,'Saw','x, y'"],
        ["'7000001','Pump, wet','of 3 m'", "'7000002',Saw,'x, y'"],
        ['"7000001","Pump, wet","of 3 m"', '"7000002","Saw","x, y"'],
    ],
)
@pytest.mark.parametrize("inner", ["", '"wet"'])
def test_quotes_of_other_tools(tmp_path: Path, rows: list[str], inner: str) -> None:
    rows = [row.replace("wet", f"so {inner} now") for row in rows]
    corpus = Corpus.read(put(tmp_path / "f.csv", "\n".join(["id, title,abstract", *rows])))
    assert corpus.ids.tolist() == ["7000001", "7000002"]
    assert corpus.titles == [" ".join(f"Pump, so {inner} now".split()), "Saw"]
    assert [a for _, a in corpus.texts] == ["of 3 m", "x, y"]


def test_a_name_that_lacks_in_the_header_moves_no_column(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="wrong number of columns"):
        Corpus.read(put(tmp_path / "f.csv", "id,title\n7000001,Pump,A.\n7000002,Saw,B.\n"))


def test_a_doubled_column_is_kept_or_refused(tmp_path: Path) -> None:
    path = put(tmp_path / "f.csv", HEAD + ",note,Note,,x\n" + f"{ROWS[0]},a,b,c,d\n")
    extra = Corpus.read(path).extra
    assert extra.to_dict("list") == {"note": ["a"], "Note (column 5)": ["b"], "x": ["d"]}
    with pytest.raises(DataError, match="two columns have one name"):
        Corpus.read(path, columns={"abstract": "note"})


@pytest.mark.parametrize(
    ("code", "title"),
    [
        ("utf-16", "Säge"),
        ("utf-16-le", "Säge"),
        ("utf-8-sig", "锯"),
        ("cp1252", "Säge für “Holz”"),
        ("cp1252", "Scie à l’eau"),
        ("gb18030", "一种用于木材的锯"),
        ("gb18030", "锯"),
        ("cp932", "この熱ポンプは圧縮機を備え、静かに動作する。"),
        ("cp949", "이 열 펌프는 압축기를 포함하며 조용하게 작동한다"),
        ("big5", "本發明公開一種熱泵，其包括壓縮機與風扇。"),
    ],
)
@pytest.mark.parametrize("rows", [1, 300])
def test_encodings(
    tmp_path: Path, code: str, title: str, rows: int, caplog: pytest.LogCaptureFixture
) -> None:
    lines = [
        HEAD,
        *(f"P{i},{'Pump ' * 1000}," for i in range(rows)),
        f"7000002,{title},",
    ]  # late in the file
    path = put(tmp_path / "f.csv", "\n".join(lines).encode(code))
    assert read(path)[-1] == ("7000002", title)
    assert ("read as" in caplog.text) == (code != "utf-8-sig")
    assert code in ("utf-16", "utf-8-sig") or code in caplog.text
    if rows == 1 and code in ("cp1252", "gb18030"):
        assert read(path, encoding="cp1251")[-1][1] != title


def test_encodings_that_are_named(tmp_path: Path) -> None:
    path = put(tmp_path / "f.csv", f"{HEAD}\n1,特許第一号,".encode("shift_jis"))
    assert read(path, encoding="shift_jis") == [("1", "特許第一号")]
    assert read(path, like={"encoding": "shift_jis"}) == [("1", "特許第一号")]
    check(put(tmp_path / "g.csv", PLAIN), like={"encoding": "shift_jis"})
    with pytest.raises(DataError, match=r"not UTF-8 \(in .*f\.csv, line 2\).*--encoding"):
        Corpus.read(path, encoding="utf-8")
    with pytest.raises(ConfigError, match="unknown encoding: got klingon"):
        ReadOptions(encoding="klingon")
    # One byte that is wrong does not make all other letters of a table wrong.
    spoilt = "\n".join([HEAD, *(f"P{i},Säge," for i in range(9))]).encode() + b"\n7,S\xe4ge,"
    with pytest.raises(DataError, match=r"not UTF-8 \(in .*f\.csv, line 11\)"):
        Corpus.read(put(path, spoilt))


def test_no_header(tmp_path: Path) -> None:
    for content in ("\n".join(ROWS), "x" * 200_000 + ",Pump\n", '7,"' + "x" * 200_000 + '"\n'):
        with pytest.raises(DataError, match=r"no header with names that are known .*f\.csv"):
            Corpus.read(put(tmp_path / "f.csv", content))
    with pytest.raises(DataError, match=r"Lens CSV, .*--columns"):
        Corpus.read(put(tmp_path / "f.csv", "name,price\nBolt,3\n"))


OLD = "id\ttype\tnumber\tdate\tabstract\ttitle\n"


@pytest.mark.parametrize(
    ("abstracts", "right"),
    [
        (['"Hot" melt', "A blade"], ['"Hot" melt', "A blade"]),
        (['"Smart pumps', "A saw", 'A drill of 3"'], ['"Smart pumps', "A saw", 'A drill of 3"']),
        (['"All of it"', "x"], ['"All of it"', "x"]),
        (['"A ""doubled"" one"', "x"], ['A "doubled" one', "x"]),
        (['"two\nlines"', "x"], ["two\nlines", "x"]),
        (['"a\ttab"', "x"], ["a\ttab", "x"]),
        (["plain", "x"], ["plain", "x"]),
    ],
)
def test_quotes_of_old_tables(tmp_path: Path, abstracts: list[str], right: list[str]) -> None:
    rows = "".join(f"{i}\tutility\t{i}\t2001-02-03\t{a}\tT{i}\n" for i, a in enumerate(abstracts))
    put(tmp_path / "patent.tsv", OLD + rows)
    corpus = Corpus.read(tmp_path)
    assert [a for _, a in corpus.texts] == right
    assert corpus.titles == [f"T{i}" for i in range(len(right))]


def test_quotes_of_new_tables(tmp_path: Path) -> None:
    head = "patent_id\tpatent_date\tpatent_title\n"
    put(tmp_path / "g_patent.tsv", head + '1\t\t"All of it"\n2\t\t"two\nlines"\n')
    put(tmp_path / "G_PATENT_ABSTRACT.TSV", "patent_id\tpatent_abstract\n")
    assert read(tmp_path) == [("1", "All of it"), ("2", "two lines")]


# ---- other kinds ------------------------------------------------------------------------------


def test_suffixes_and_packing(tmp_path: Path) -> None:
    check(put(tmp_path / "DATA.CSV.GZ", gzip.compress(PLAIN.encode())))
    check(put(tmp_path / "f.csv.bz2", bz2.compress(PLAIN.encode())))
    check(put(tmp_path / "f.csv.xz", lzma.compress(PLAIN.encode())))
    with pytest.raises(DataError, match=r"damaged or cut off .*g\.csv\.xz"):
        Corpus.read(put(tmp_path / "g.csv.xz", lzma.compress(PLAIN.encode())[:-9]))
    for inner in ("a/mine.CSV", "mine.tsv"):
        with zipfile.ZipFile(tmp_path / "Export.ZIP", "w") as archive:
            archive.writestr(inner, PLAIN)
        check(tmp_path / "Export.ZIP")


@pytest.mark.parametrize("suffix", ["zip", "tar", "tar.gz"])
def test_archives_of_a_file_for_each_patent(tmp_path: Path, suffix: str) -> None:
    for i, record in enumerate(records()):
        put(tmp_path / "in" / "2001" / f"{i}.json", json.dumps(record))
    kind = {"tar.gz": "gztar"}.get(suffix, suffix)
    check(Path(shutil.make_archive(str(tmp_path / "a"), kind, tmp_path / "in")))
    broken = put(tmp_path / f"b.{suffix}", b"no archive")
    with pytest.raises(DataError, match=r"damaged or cut off .*b\."):
        Corpus.read(broken)


def test_parts_of_a_table(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    for i, record in enumerate(records()):
        table = pa.table({k: pa.array([v.encode()], pa.binary()) for k, v in record.items()})
        (tmp_path / "in").mkdir(exist_ok=True)
        (tmp_path / "hf" / "data" / "test").mkdir(parents=True, exist_ok=True)
        pq.write_table(table, tmp_path / "in" / f"part-0000{i}.parquet")
    check(tmp_path / "in")  # text that is not marked as UTF-8
    os.replace(tmp_path / "in" / "part-00000.parquet", shard := tmp_path / "hf" / "data" / "x")
    shard.rename(shard.with_name("train-00000-of-00001-0a1b2c.parquet"))
    shutil.copy(tmp_path / "in" / "part-00001.parquet", tmp_path / "hf" / "data" / "new.parquet")
    (tmp_path / "in" / "part-00001.parquet").rename(tmp_path / "hf/data/test/0000.parquet")
    check(tmp_path / "hf")
    assert Corpus.read(tmp_path / "hf").split.tolist() == ["train", "test"]
    assert "named like no split or part: ['new.parquet']" in caplog.text


def test_numbered_parts_of_text_tables(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    put(tmp_path / "in" / "bq-000.csv.gz", gzip.compress(PLAIN[: PLAIN.index("7000002")].encode()))
    other = "date;title;patent_id\n2004-05-06;Saw;7000002"
    put(tmp_path / "in" / "bq-001.csv.gz", gzip.compress(other.encode()))
    put(tmp_path / "in" / "info.json", "{}")
    check(tmp_path / "in")
    assert "not read, as named like no split or part: ['info.json']" in caplog.text
    with zipfile.ZipFile(tmp_path / "f.zip", "w") as archive:
        for i, row in enumerate(ROWS):
            archive.writestr(f"part{i}.csv", f"{HEAD}\n{row}\n")
        archive.writestr("README.txt", "Terms")
    check(tmp_path / "f.zip")


def records() -> list[dict[str, str]]:
    return [dict(zip(HEAD.split(","), row.split(","), strict=True)) for row in ROWS]


@pytest.mark.parametrize("name", ["f.json", "f.jsonl", "F.JSON"])
@pytest.mark.parametrize("form", ["list", "lines", "pretty", "mark", "utf-16"])
def test_json(tmp_path: Path, name: str, form: str) -> None:
    lines = "\n".join(map(json.dumps, records()))
    content: str | bytes = {
        "list": json.dumps(records()),
        "lines": lines,
        "pretty": "\n".join(json.dumps(r, indent=1) for r in records()),
        "mark": "\ufeff" + lines,
        "utf-16": lines.encode("utf-16"),
    }[form]
    check(put(tmp_path / name, content))


@pytest.mark.parametrize("name", ["f.json", "f.jsonl"])
@pytest.mark.parametrize(
    "orient", ["key", "deep", "ids", "index", "columns", "list", "split", "rows"]
)
def test_one_json_value(tmp_path: Path, name: str, orient: str) -> None:
    frame = pd.DataFrame(records())
    values: dict[str, Any] = {
        "key": {"status": "ok", "found": records()},
        "deep": {"response": {"n": 2, "docs": [{"_id": "x", "_source": r} for r in records()]}},
        "ids": frame.set_index("patent_id").to_dict("index"),
        "list": frame.to_dict("list"),
        "rows": [list(frame), *frame.to_numpy().tolist()],
    }
    value = values.get(orient) or json.loads(frame.to_json(orient=orient))
    check(put(tmp_path / name, json.dumps(value, indent=1 if "n" in orient else None)))


@pytest.mark.parametrize("form", ["lines", "array", "pretty"])
def test_values_of_mongodb(tmp_path: Path, form: str) -> None:
    rows = [
        {
            "_id": {"$oid": f"5f{i}"},
            "publication_number": {"$numberLong": f"700000{i}"},
            "title": 'Says {"$oid": "x"}',
            "date": {"$date": day},
            "citations": [{"$numberLong": "7000001"}],
        }
        for i, day in enumerate(("2010-05-04T09:00:00Z", {"$numberLong": "1272963600000"}), 1)
    ]
    content = "\n".join(map(json.dumps, rows))
    if form != "lines":
        content = json.dumps(rows, indent=2 if form == "pretty" else None)
    corpus = Corpus.read(put(tmp_path / "m.json", content))
    assert corpus.ids.tolist() == ["7000001", "7000002"]
    assert corpus.titles == ['Says {"$oid": "x"}'] * 2 and corpus.citations == [[], ["7000001"]]
    assert [str(d) for d in corpus.dates] == ["2010-05-04"] * 2


@pytest.mark.parametrize("form", ["splits", "countries", "years", "viewer"])
def test_lists_of_records_side_by_side(tmp_path: Path, form: str) -> None:
    """All of them are read, not only the longest or the first one."""
    one, two = records()
    value: dict[str, Any] = {
        "splits": {"train": [one], "validation": [two]},
        "countries": {"n": 2, "US": [one], "EP": [two], "people": [{"id": "p1", "name": "Roe"}]},
        "years": {"info": "x", "patents": {"2001": [one], "2004": [two]}},
        "viewer": {
            "features": [{"feature_idx": 0, "name": "patent_id", "type": {"dtype": "string"}}],
            "rows": [{"row_idx": i, "row": r} for i, r in enumerate((one, two))],
        },
    }[form]
    path = put(tmp_path / "f.json", json.dumps(value))
    check(path)
    wanted = ["train", "dev"] if form == "splits" else ["", ""]
    assert Corpus.read(path).split.tolist() == wanted


@pytest.mark.parametrize("kind", ["json", "frame", "csv"])
def test_codes_in_parts_by_name(tmp_path: Path, kind: str) -> None:
    codes = [
        {"main": "F04D1/00", "further": ["A01D34/68"], "inventive": True},
        {"main": "F04D1/00", "further": "A01D34/68; B23D45/00", "inventive": False},
    ]
    rows = [{"id": i, "title": "Pump", "cpc": cpc} for i, cpc in enumerate(codes)]
    source: Any = pd.DataFrame(rows)
    if kind != "frame":
        path = put(tmp_path / f"f.{kind}", json.dumps(rows))
        if kind == "csv":
            source.to_csv(path, index=False)
        source = path
    corpus = Corpus.read(source)
    assert corpus.codes == [["F04D1/00", "A01D34/68"], ["F04D1/00", "A01D34/68", "B23D45/00"]]


def test_what_numpy_shows_of_nested_values(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Lists without commas, array(...) and nan; a cell that was cut off is said, and no error."""
    shown = """[{'code': 'F04D1/00', 'first': nan, 'tree': array([], dtype=object)}
 {'code': 'A01D34/68', 'first': True, 'tree': array(['a' 'b'],
 dtype=object)}]"""
    rows = [
        {
            "publication_number": "1",
            "title_localized": "Pump",
            "cpc": shown,
            "assignee": "['ACME' 'Roe & Co']",
        },
        {"publication_number": "2", "title_localized": "Saw", "cpc": "[{'code': 'B23D45/00', 'fir"},
    ]
    pd.DataFrame(rows).to_csv(tmp_path / "f.csv", index=False)
    with pytest.warns(match="codes that are not symbols, left out: 3 of 6"):
        corpus = Corpus.read(tmp_path / "f.csv")
    assert corpus.extra["applicants"].tolist()[0] == "ACME; Roe & Co"
    assert corpus.codes == [["F04D1/00", "A01D34/68"], ["B23D45/00"]]
    assert "nested values that are broken, in 'cpc': 1" in caplog.text


def test_a_column_named_rowid_is_one_like_others(tmp_path: Path) -> None:
    check(put(tmp_path / "f.csv", f"rowid,{HEAD}\nx,{ROWS[0]}\ny,{ROWS[1]}\n"))


def test_a_frame_with_codes_of_a_scheme_that_is_not_wanted() -> None:
    frame = pd.DataFrame({"id": [1], "title": ["Pump"], "cpc": ["F04D1/00"], "ipc": ["A01D34/68"]})
    assert Corpus.read(frame, scheme="cpc").codes == [["F04D1/00"]]
    frame = frame.rename(columns={"cpc": "codes"})
    assert Corpus.read(frame, scheme="ipc").codes == [["A01D34/68"]]


def test_hits_with_ids_of_their_own(tmp_path: Path) -> None:
    hits = [{"_id": f"US{i}A", "_source": {"inventionTitle": t}} for i, t in enumerate("AB")]
    path = put(tmp_path / "f.json", json.dumps({"hits": {"total": 2, "hits": hits}}))
    assert read(path) == [("US0A", "A"), ("US1A", "B")]


def test_one_patent_in_json(tmp_path: Path) -> None:
    cites = [{"id": f"{i}", "title": "Saw", "abstract": "x", "date": ""} for i in range(3)]
    one = {"id": "9", "title": "Pump", "citations": cites, "more": {"a": {"b": 1}}}
    assert read(put(tmp_path / "f.json", json.dumps(one, indent=1))) == [("9", "Pump")]


def test_json_that_is_not(tmp_path: Path) -> None:
    for content in ('[{"id": "1", "title": "a"}, {"id":', '{"id": "1"', "[1, 2]", '["a"]', "[]"):
        with pytest.raises(DataError, match=r"f\.json"):
            Corpus.read(put(tmp_path / "f.json", content))
    put(tmp_path / "in" / "1.json", '{"id": "1", "title": "a"}')
    put(tmp_path / "in" / "2.json", '{"id": "2", "title": ')
    with pytest.raises(DataError, match=r"not JSON .*2\.json"):
        Corpus.read(tmp_path / "in")


def test_spreadsheets_that_are_not(tmp_path: Path) -> None:
    other, unread = "of another kind than its name says", "spreadsheet cannot be read"
    for content, what in (PLAIN, other), ("PK", other), (b"\xd0\xcf\x11\xe0", unread):
        with pytest.raises(DataError, match=rf"{what} .*f\.xlsx"):
            Corpus.read(put(tmp_path / "f.xlsx", content))


@pytest.mark.parametrize("dev", ["validation", "val", "dev", "valid"])
@pytest.mark.parametrize("kind", ["parquet", "csv", "jsonl"])
def test_names_of_splits(tmp_path: Path, dev: str, kind: str) -> None:
    shards = {"train-00000-of-00002": "1", "train-00001-of-00002": "2", dev: "3", "test": "4"}
    if kind == "csv":
        shards = {"train": "1", dev: "3", "test": "4"}
    for stem, number in shards.items():
        path = tmp_path / "data" / f"{stem}.{kind}"
        path.parent.mkdir(exist_ok=True)
        if kind == "parquet":
            pq.write_table(pa.table({"id": [number], "title": ["Pump"]}), path)
        else:
            row = (
                f"id,title\n{number},Pump"
                if kind == "csv"
                else json.dumps({"id": number, "title": "Pump"})
            )
            put(path, row)
    corpus = Corpus.read(tmp_path)
    wanted = {"1": "train", "2": "train", "3": "dev", "4": "test"}
    assert dict(zip(corpus.ids, corpus.split, strict=True)) == {
        n: wanted[n] for n in sorted(shards.values())
    }
    for path in (tmp_path / "data").iterdir():
        path.rename(path.with_name(f"patents-{path.name}"))
    assert sorted(Corpus.read(tmp_path).split) == sorted(wanted[n] for n in shards.values())
    column = put(tmp_path / "f.csv", f"id,title,split\n1,Pump,TRAIN\n2,Saw,{dev}\n3,Axe,test\n")
    assert Corpus.read(column).split.tolist() == ["train", "dev", "test"]


# ---- paths are data ---------------------------------------------------------------------------

NAMES = ["in[1]", "a*b", "q?", "it's", "date=1999-09-09", "title=x", "split=test", "~", "{a,b}"]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("suffix", [".csv", ".tsv.gz", ".json", ".jsonl", ".parquet"])
def test_names_are_not_patterns(tmp_path: Path, name: str, suffix: str) -> None:
    other = PLAIN.replace("Pump", "WRONG")
    for trap in ("in1", "aXb", "qx", "a", "b"):
        put(tmp_path / name / f"{trap}{suffix}", other)
    path = tmp_path / name / f"{name}{suffix}"
    if suffix == ".parquet":
        pq.write_table(pa.Table.from_pylist(records()), path)
    elif suffix == ".json":
        put(path, json.dumps(records()))
    elif suffix == ".jsonl":
        put(path, "\n".join(map(json.dumps, records())))
    else:
        put(path, gzip.compress(PLAIN.replace(",", "\t").encode()) if "gz" in suffix else PLAIN)
    check(path)


@pytest.mark.parametrize("name", NAMES)
def test_folders_and_outputs_are_not_patterns(tmp_path: Path, name: str) -> None:
    source, out = tmp_path / name / "in", tmp_path / name / "out" / name
    out.mkdir(parents=True)
    head = "id\tdate\ttitle\tabstract\n"
    put(source / "patent.tsv", head + "7000001\t2001-02-03\tPump\t\n7000002\t2004-05-06\tSaw\t\n")
    read_patents(source, out, ReadOptions())
    corpus = Corpus(out / "corpus.parquet")
    assert corpus.titles == ["Pump", "Saw"] and corpus.split.tolist() == ["", ""]
    if "?" in name:  # DuckDB itself cannot write its log there
        with pytest.raises(GraphError, match=r"cannot lie below a name with a question mark"):
            DuckDBGraph(out / f"{name}.duckdb")
        return
    with DuckDBGraph(out / f"{name}.duckdb") as graph:
        graph.load(corpus.path)
        rows = graph.execute("SELECT date FROM patent ORDER BY patent_id").fetchall()
    assert [str(date) for (date,) in rows] == ["2001-02-03", "2004-05-06"]


# ---- what is asked ----------------------------------------------------------------------------


def test_columns_of_an_earlier_file(tmp_path: Path) -> None:
    path = put(tmp_path / "f.csv", "Nr,Heading,Summary\n7,Pump,It pumps.\n")
    named = {"patent_id": "Nr", "title": "Heading", "abstract": "Summary"}
    assert Corpus.read(path, like={"columns": named}).texts == [("Pump", "It pumps.")]
    check(put(tmp_path / "g.csv", PLAIN), like={"columns": named})
    with pytest.raises(DataError, match="column 'Nr' is missing"):
        Corpus.read(tmp_path / "g.csv", columns=named)


def test_looking_refuses_what_reading_would(tmp_path: Path) -> None:
    bad = [
        put(tmp_path / "a.csv", "name,price\nBolt,3\n"),
        put(tmp_path / "b.xlsx", "no"),
        put(tmp_path / "c.jsonl", "no"),
        put(tmp_path / "d.parquet", "no"),
        put(tmp_path / "e" / "patent.tsv", "id\ttitle\n1\tPump\n").parent,
        put(tmp_path / "f" / "x.csv", PLAIN).parent,
        tmp_path / "g",
    ]
    for path in bad:
        with pytest.raises(DataError) as looking:
            look(path, ReadOptions())
        with pytest.raises(DataError) as reading:
            read_patents(path, tmp_path, ReadOptions())
        assert str(looking.value) == str(reading.value)
    look(put(tmp_path / "g.csv", PLAIN), ReadOptions())
    put(tmp_path / "h" / "patent.tsv", OLD)
    look(tmp_path / "h", ReadOptions())
    with pytest.raises(DataError, match=r"x\.csv"):
        look(bad[5], ReadOptions())


def test_what_is_said(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = put(tmp_path / "f.csv", "One line above\nid;title;colour\n1;Pump;red\n")
    with caplog.at_level("INFO", "patentcl.data"):
        Corpus.read(path)
    said = caplog.messages
    assert said[0] == "f.csv: columns are separated by semicolons; the header is in line 2"
    assert said[1] == "f.csv: own names; patent_id = id; title = title"
    assert said[2] == "f.csv: kept as they are: colour"
    assert "none has an abstract" in said[3] and "none has a code" in said[3]
    assert "no citations" in said[4] and "no dates" in said[5]


@pytest.mark.parametrize("kind", ["frame", "parquet", "jsonl"])
def test_an_item_of_a_list_of_citations_is_taken_whole(tmp_path: Path, kind: str) -> None:
    lists = [['Smith, "Pumps" (1999)'], ["2", "US 7,000,001 B2"], [], ["it's [x]"], None]
    frame = pd.DataFrame({"patent_id": list("12345"), "title": "Pump", "citations": lists})
    path = tmp_path / f"in.{kind}"
    if kind == "parquet":
        frame.to_parquet(path)
    elif kind == "jsonl":
        frame.to_json(path, orient="records", lines=True)
    found = Corpus.read(frame if kind == "frame" else path)
    assert found.citations == [lists[0], ["US 7,000,001 B2"], [], lists[3], []]


def test_numbers_in_a_list_of_json_are_numbers(tmp_path: Path) -> None:
    row = {"patent_id": "1", "title": "Pump", "citations": [7000001], "codes": ["F04D1/00"]}
    row |= {"claims": ["1. A pump. 2. The pump of claim 1."], "words": ["wet"]}
    (tmp_path / "in.jsonl").write_text(json.dumps(row) + "\n")
    found = Corpus.read(tmp_path / "in.jsonl")
    assert (found.citations, found.codes) == ([["7000001"]], [["F04D1/00"]])
    assert found.claims == [["A pump.", "The pump of claim 1."]]
    assert found.extra["words"].tolist() == ['["wet"]']


def test_files_with_nothing_or_something_else_in_them(tmp_path: Path) -> None:
    nothing = ("a.json", "[]"), ("b.json", " { }\n"), ("c.jsonl", "[ ]\n")
    nothing += ("d.json", '{"total": 0,\n"data": [ ]}'), ("e.json", '{"hits":[],"max":null}')
    for name, content in nothing:
        with pytest.raises(DataError, match=rf"the table is empty \(in .*{name}\): got no rows"):
            Corpus.read(put(tmp_path / name, content))
    packed = gzip.compress(b"id,title\n1,Pump\n")
    for name, content, got in (
        ("a.csv", packed, "a spreadsheet, a packed file"),
        ("b.tsv", b"PK\3\4 and more", "a spreadsheet, a packed file"),
        ("c.json", b"PAR1", "a spreadsheet, a packed file"),
        ("d.csv.gz", gzip.compress(packed), "a spreadsheet, a packed file"),
        ("e.xls", b"<html><table>", "text"),
        ("f.xlsx", b"id,title\n1,Pump\n", "text"),
    ):
        (tmp_path / name).write_bytes(content)
        with pytest.raises(DataError, match=rf"another kind than its name .*{name}\): got {got}"):
            Corpus.read(tmp_path / name)


def test_a_mark_of_direction_before_a_title_goes(tmp_path: Path) -> None:
    rows = "id,title\n1,\u200fمضخة\u200f\n2,\u200eA pump\u200e\n"
    assert Corpus.read(put(tmp_path / "f.csv", rows)).titles == ["مضخة", "A pump"]


def test_rows_are_numbered_where_there_are_no_ids(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    rows = (
        "title,abstract\nPump,It pumps.\nPump,It pumps.\nSaw,\ntitle,abstract\n,\nFan,It blows.\n"
    )
    path = put(tmp_path / "f.csv", rows)
    with pytest.raises(
        DataError, match=r"'patent_id' is missing .* patent_id=row numbers the rows"
    ):
        Corpus.read(path)
    named = Corpus.read(path, columns={"patent_id": "row"})
    assert list(zip(named.ids, named.titles, strict=True)) == [
        ("1", "Pump"),
        ("2", "Pump"),
        ("3", "Saw"),
        ("6", "Fan"),
    ]
    assert Corpus.read(path, every_row=True).ids.tolist() == ["1", "2", "3", "5", "6"]
    assert "f.csv: rows are numbered: no column holds ids" in caplog.text
    frame = pd.DataFrame({"title": ["Saw", None], "codes": [["B23D"], ["A01B"]]})
    found = Corpus.read(frame, every_row=True)
    assert found.ids.tolist() == ["1", "2"] and found.table(["codes"])["codes"].to_pylist() == [
        ["B23D"],
        ["A01B"],
    ]
    own = put(tmp_path / "g.csv", "row,title\nx,Pump\n")
    assert Corpus.read(own, columns={"patent_id": "row"}).ids.tolist() == ["x"]
    for name in ("train", "test"):
        put(tmp_path / "splits" / f"{name}.csv", "title\nPump\nSaw\n")
    both = Corpus.read(tmp_path / "splits", columns={"patent_id": "row"})
    assert both.ids.tolist() == ["test-1", "test-2", "train-1", "train-2"]
    with pytest.raises(DataError, match="no header with names that are known"):
        Corpus.read(put(tmp_path / "h.csv", "name,price\nBolt,3\n"), every_row=True)
