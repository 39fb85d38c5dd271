"""The command line as a person uses it: outputs, exit codes, one line for each mistake."""

from __future__ import annotations

import io
import json
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest
from calling import Done
from calling import call as in_process
from tiny import write_tiny_encoder

from patentcl import Corpus, PatentClassifier, PatentIndex
from patentcl.cli.app import main
from patentcl.cli.found import write
from patentcl.cli.options import out
from patentcl.sample.writer import write_sample

Run = Callable[..., Done]


@pytest.fixture(scope="module")
def here(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cli")


@pytest.fixture(scope="module")
def cli(here: Path) -> Run:
    """Call the command line in this process."""

    def call(*arguments: object, code: int = 0) -> Done:
        return _checked(in_process(*arguments, cwd=here), code)

    return call


@pytest.fixture(scope="module")
def process(here: Path) -> Run:
    """Call it in a process of its own, where files may have `limit` KiB at most."""

    def call(*arguments: object, code: int = 0, limit: int | str = "unlimited") -> Done:
        command = [
            "bash",
            "-c",
            # Python keeps a compiled module that was cut off by the limit.
            f'export PYTHONDONTWRITEBYTECODE=1; ulimit -f {limit}; exec "$@"',
            "bash",
            sys.executable,
            "-m",
            "patentcl.cli.app",
            *map(str, arguments),
        ]
        done = subprocess.run(command, cwd=here, capture_output=True, text=True, timeout=300)
        return _checked(Done(done.returncode, done.stdout, done.stderr), code)

    return call


def _checked(done: Done, code: int) -> Done:
    assert done.returncode == code, done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    if code == 1:
        assert len([x for x in done.stderr.splitlines() if x.startswith("error: ")]) == 1, (
            done.stderr
        )
    return done


@pytest.fixture(scope="module")
def run(here: Path, cli: Run) -> Path:
    """Every verb in turn, each reading what the one before wrote."""
    write_sample(here / "tables", patents=300, seed=3)
    write_tiny_encoder(here / "model", [f"{t} {a}" for t, a in Corpus.read(here / "tables").texts])
    base = here / "verbs"
    cli("load", "tables", "--graph", f"duckdb://{base}/graph.duckdb")
    cli("mine", f"duckdb://{base}/graph.duckdb", "--out", base / "triplets", "--set", "triplets=32")
    cli(
        "train",
        base / "triplets",
        "--corpus",
        base,
        "--model",
        here / "model",
        "--out",
        base / "encoder",
        "--set",
        "max_length=32",
    )
    cli("embed", base, "--encoder", base / "encoder", "--out", base / "vectors")
    cli(
        "fit", base / "vectors", "--corpus", base, "--out", base / "classifier", "--set", "epochs=3"
    )
    cli("index", base / "vectors", "--corpus", base, "--out", base / "index", "--spec", "hnsw")
    cli("map", base / "vectors", "--corpus", base, "--out", base / "map", "--set", "method=pca")
    return base


def test_help_names_every_verb(cli: Run, process: Run) -> None:
    text = process("--help").stdout
    for verb in (
        "sample",
        "load",
        "mine",
        "train",
        "embed",
        "fit",
        "evaluate",
        "index",
        "similar",
        "classify",
        "map",
        "run",
        "doctor",
    ):
        assert f"\n  {verb} " in text
        assert "--help" in cli(verb, "--help").stdout


def test_sample_counts(cli: Run, here: Path) -> None:
    done = cli("sample", "counted", "--patents", 150, "--json")
    assert json.loads(done.stdout)["g_patent"] >= 150
    assert "not for findings" in done.stderr
    assert (here / "counted" / "g_patent.tsv.zip").is_file()


def test_load_reports_the_graph(cli: Run, run: Path, here: Path) -> None:
    done = cli("load", "tables", "--graph", "duckdb://again/g.duckdb", "--json", "--limit", 100)
    counts = json.loads(done.stdout)
    assert counts["patents"] == counts["graph: patents"] == 100
    assert (here / "again" / "corpus.parquet").is_file()


def test_similar_by_id_text_and_file(cli: Run, run: Path) -> None:
    ids = Corpus.read(run).ids.tolist()
    rows = [
        json.loads(x)
        for x in cli(
            "similar", "--id", ids[0], "--index", run / "index", "-k", 4, "--json"
        ).stdout.splitlines()
    ]
    assert [r["rank"] for r in rows] == [1, 2, 3, 4]
    assert ids[0] not in [r["patent_id"] for r in rows]
    text = cli("similar", "a battery with a housing", "--index", run / "index", "-k", 3).stdout
    assert len(text.splitlines()) == 3
    (run / "two.jsonl").write_text(
        '{"id": "a", "title": "battery"}\n{"id": "b", "title": "mower"}\n'
    )
    rows = [
        json.loads(x)
        for x in cli(
            "similar", "--file", run / "two.jsonl", "--index", run / "index", "-k", 2, "--json"
        ).stdout.splitlines()
    ]
    assert [r["query"] for r in rows] == ["a", "a", "b", "b"]


def test_a_run_stands_for_its_parts(cli: Run, run: Path) -> None:
    for verb, option, part in (
        ("similar", "--index", "index"),
        ("classify", "--model", "classifier"),
    ):
        call = (verb, "a battery with a housing", "--json", option)
        assert cli(*call, run).stdout == cli(*call, run / part).stdout != ""
    assert PatentIndex.load(run).meta.equals(PatentIndex.load(run / "index").meta)
    # Steps that were made of the parts are up to date for the run.
    trained = ("--model", run.parent / "model", "--set", "max_length=32")
    for verb, *more in (
        ("mine", "--set", "triplets=32"),
        ("train", *trained),
        ("fit", "--set", "epochs=3"),
        ("index", "--spec", "hnsw"),
    ):
        assert f"{verb}: skipped" in cli(verb, run, *more).stderr
    cli(
        "train",
        run / "none",
        *trained,
        "--out",
        run.parent / "views",
        "--set",
        "train.objectives={views: 1}",
        "--set",
        "train.loss=mnr",
    )  # no triplets are asked for where none are learned from
    labels = PatentClassifier.load(run).classes_.tolist()
    assert labels == PatentClassifier.load(run / "classifier").classes_.tolist()


def test_a_row_for_every_row_of_a_file(cli: Run, run: Path, here: Path) -> None:
    (here / "gap.csv").write_text("id,title,abstract\nx,Battery,A cell\ny,,\nz,Mower,A blade\n")
    call = ("similar", "--file", "gap.csv", "--index", run / "index", "-k", 1)
    done = cli(*call, "--json")
    rows = [json.loads(x) for x in done.stdout.splitlines()]
    assert [(r["query"], r["rank"]) for r in rows] == [("x", 1), ("y", None), ("z", 1)]
    assert done.stderr == "1 without title and abstract, so nothing is found for them: y\n"
    assert cli(*call).stdout.splitlines()[2:4] == ["y", "  nothing"]
    (here / "bare.csv").write_text("title,abstract\nBattery,A cell\n,\nMower,A blade\n")
    for file, ids in (("gap.csv", ["x", "y", "z"]), ("bare.csv", ["1", "2", "3"])):
        done = cli("classify", "--file", file, "--model", run / "classifier", "--json")
        rows = [json.loads(x) for x in done.stdout.splitlines()]
        assert [r["patent_id"] for r in rows] == ids and rows[1]["predicted"] == []


def test_similar_in_files(cli: Run, run: Path, here: Path) -> None:
    call = ("similar", "--file", "asked.csv", "--index", run / "index", "-k", 2, "--mode", "hybrid")
    (here / "asked.csv").write_text("id,title,abstract\nx,Battery <b>,A battery\ny,,\n")
    for suffix in ("csv", "xlsx", "jsonl", "parquet", "html"):
        done = cli(*call, "--why", "--before", 2030, "--out", f"found.{suffix}")
        assert "2 similar patents written to" in done.stderr and not done.stdout
    tables = [
        pd.read_csv(here / "found.csv"),
        pd.read_excel(here / "found.xlsx", engine="calamine"),
    ]
    tables += [
        pd.read_parquet(here / "found.parquet"),
        pd.read_json(here / "found.jsonl", lines=True),
    ]
    ids = tables[0]["patent_id"].astype(str).tolist()
    for table in tables:
        assert table["patent_id"].astype(str).tolist() == ids
        assert table["query"].tolist() == ["x", "x"]
        assert {"dense_rank", "bm25_rank", "shared_codes"} <= set(table)
    page = (here / "found.html").read_text()
    assert all(part in page for part in (*ids, "Battery &lt;b&gt;", "<dd>2030</dd>", "Nothing was"))
    assert "<script" not in page and "src=" not in page and page.count("https://") == 2
    assert "there already" in _error(cli(*call, "--out", "found.csv", code=1))
    assert ".parquet, .html" in _error(cli(*call, "--out", "found.txt", code=1))


def test_formulas_in_titles_stay_texts(tmp_path: Path) -> None:
    title = '=HYPERLINK("http://x","y")'
    one = pd.DataFrame(
        {"query": [0], "rank": [1], "id": ["US1"], "similarity": [0.5], "date": [None]}
    ).assign(title=title, codes=[["A01B1/00", "H"]])
    write(one, tmp_path / "a.xlsx", str, str)
    write(one, tmp_path / "a.csv", str, str)
    with zipfile.ZipFile(tmp_path / "a.xlsx") as book:
        assert b"<f>" not in book.read("xl/worksheets/sheet1.xml")
    assert pd.read_excel(tmp_path / "a.xlsx", engine="calamine")["title"].tolist() == [title]
    row = pd.read_csv(tmp_path / "a.csv").iloc[0]
    assert row["title"] == f"'{title}" and row["codes"] == "A01B1/00; H"


def test_similar_filters(cli: Run, run: Path) -> None:
    rows = [
        json.loads(x)
        for x in cli(
            "similar",
            "a device",
            "--index",
            run / "index",
            "-k",
            5,
            "--cpc",
            "H",
            "--before",
            "2015",
            "--json",
        ).stdout.splitlines()
    ]
    assert rows
    for r in rows:
        assert r["date"] < "2015" and any(c.startswith("H") for c in r["codes"])


def test_classify_text_and_file(cli: Run, run: Path) -> None:
    text = cli("classify", "a battery with a housing", "--model", run / "classifier").stdout
    assert text.splitlines()[0] == "text" and "like 0." in text
    assert "confident" in text.splitlines()[1]
    bare = cli("classify", "a battery", "--model", run / "classifier", "--evidence", 0).stdout
    assert "like 0." not in bare
    (run / "three.csv").write_text(
        "id,title,abstract\nx,Battery,A cell\ny,Mower,A blade\nz,Seat,A car\n"
    )
    lines = cli(
        "classify",
        "--file",
        run / "three.csv",
        "--model",
        run / "classifier",
        "--json",
        "--all-scores",
    ).stdout.splitlines()
    rows = [json.loads(x) for x in lines]
    tree = Corpus.read(run).tree
    assert [r["patent_id"] for r in rows] == ["x", "y", "z"]
    for r in rows:
        assert set(r) == {"patent_id", "predicted", "scores", "level", "evidence"}
        assert set(r["evidence"]) == set(r["predicted"])
        for near in r["evidence"].values():
            assert [set(n) for n in near] == [{"patent_id", "title", "similarity"}] * 3
        assert set(r["scores"]) == set(tree.symbols)
        for i, p in enumerate(tree.parent):  # a child is never likelier than its parent
            assert p < 0 or r["scores"][tree.symbols[i]] <= r["scores"][tree.symbols[p]] + 1e-5


def test_classify_into_a_file_goes_on_after_a_cut(
    cli: Run, run: Path, here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import pandas as pd

    from patentcl.core.resumable import ResumableFile

    table = "id,abstract\n" + "".join(f"p{i},a battery number {i}\n" for i in range(20))
    (here / "twenty.csv").write_text(table)
    call = ("classify", "--file", "twenty.csv", "--model", run / "classifier")
    monkeypatch.setattr("patentcl.cli.classify.STEP", 6)
    add = ResumableFile.add

    def cut_off(self: ResumableFile, text: str, items: int) -> None:
        add(self, text, items)
        if self.items == 12:
            raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(ResumableFile, "add", cut_off)
        done = cli(*call, "--out", "codes.jsonl", code=130)
    assert "interrupted" in done.stderr and not (here / "codes.jsonl").exists()
    assert "no such" in _error(cli(*call, "--out", "no/codes.jsonl", code=1))
    line = _error(cli(*call, "--out", "codes.jsonl", "--all-scores", code=1))
    assert "unfinished" in line and "options" in line
    done = cli(*call, "--out", "codes.jsonl")
    assert "resuming after 12 of 20 patents" in done.stderr and done.stdout == ""
    written = (here / "codes.jsonl").read_text()
    assert written == cli(*call, "--json").stdout
    names = [json.loads(x)["patent_id"] for x in written.splitlines()]
    assert names == [f"p{i}" for i in range(20)]  # in the order of the file
    assert not list(here.glob("codes.jsonl.part*"))
    assert "there already" in _error(cli(*call, "--out", "codes.jsonl", code=1))
    for kind in ("csv", "xlsx"):
        with monkeypatch.context() as patch:
            patch.setattr(ResumableFile, "add", cut_off)
            cli(*call, "--out", f"codes20.{kind}", code=130)
        assert "options" in _error(cli(*call, "--out", f"codes20.{kind}", "--long", code=1))
        assert "after 12 of 20" in cli(*call, "--out", f"codes20.{kind}").stderr
    tables = [
        pd.read_csv(here / "codes20.csv"),
        pd.read_excel(here / "codes20.xlsx", engine="calamine"),
    ]
    for table in tables:
        assert table["patent_id"].tolist() == names
    pd.testing.assert_frame_equal(*(table.astype(str) for table in tables))
    assert "wanted .jsonl, .csv, .xlsx" in _error(cli(*call, "--out", "codes.txt", code=1))


WIDE = """\
id,title,abstract,Applicant,predicted_class
x,"Battery
cell",A cell,=SUM(A1),old
y,,,@you,old
z,Mower,"A blade, a cut",-,old
"""


def test_classify_into_a_table(cli: Run, run: Path, here: Path) -> None:
    """A row a patent: the file's columns, then codes, titles and probabilities of each level."""
    import pandas as pd
    from python_calamine import CalamineWorkbook

    (here / "wide.csv").write_text(WIDE)
    call = ("classify", "--file", "wide.csv", "--model", run / "classifier")
    done = cli(*call, "--out", "wide_codes.csv")
    assert "1 without title and abstract, so without codes: y" in done.stderr
    table = pd.read_csv(here / "wide_codes.csv", dtype=str, keep_default_na=False)
    assert list(table)[:4] == ["patent_id", "title", "abstract", "Applicant"]
    assert table["patent_id"].tolist() == ["x", "y", "z"]  # in the file's order
    assert table["title"].tolist() == ["Battery cell", "", "Mower"]
    assert table["Applicant"].tolist() == ["=SUM(A1)", "@you", "-"]
    rows = [json.loads(x) for x in cli(*call, "--json").stdout.splitlines()]
    tree = Corpus.read(run).tree
    level_of = dict(zip(tree.symbols, (tree.levels[d] for d in tree.depth), strict=True))
    for mine, r in zip(table.to_dict("records"), rows, strict=True):
        likely = sorted(r["predicted"], key=lambda s: -r["scores"][s])
        for level in tree.levels:
            wanted = [s for s in likely if level_of[s] == level]
            assert mine[f"predicted_{level}"] == "; ".join(wanted)
            scores = mine[f"predicted_{level}_probability"].split("; ") if wanted else []
            assert [float(x) for x in scores] == [r["scores"][s] for s in wanted]
        assert mine["predicted_confident_level"] == (r["level"] or "")
        for part in filter(None, mine["predicted_evidence"].split("; ")):
            symbol, _, ids = part.partition(": ")
            assert ids.split() == [n["patent_id"] for n in r["evidence"][symbol]]
    cli(*call, "--out", "wide_codes.XLSX")
    book = CalamineWorkbook.from_path(here / "wide_codes.XLSX")
    cells = book.get_sheet_by_index(0).to_python()
    assert cells[0] == list(table)
    assert [list(map(_plain, row)) for row in cells[1:]] == [
        list(map(_plain, row)) for row in table.to_numpy().tolist()
    ]
    assert not list(here.glob("wide_codes.*part*"))


def _plain(value: object) -> object:
    """Numbers as numbers, however they are written."""
    try:
        return float(str(value))
    except ValueError:
        return value


def test_a_workbook_keeps_text_and_goes_on_in_another_sheet(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from python_calamine import CalamineWorkbook

    from patentcl.cli import codes

    rows = [["a", "b"], ["=1+1", 0.5], ["\x01 <&>", 10**15], ["x" * 40_000, True], [None, "+4"]]
    (tmp_path / "lines").write_text(codes.as_jsonl(rows))
    monkeypatch.setattr(codes, "SHEET_ROWS", 3)
    codes.write_sheet(tmp_path / "lines", tmp_path / "book.xlsx")
    book = CalamineWorkbook.from_path(tmp_path / "book.xlsx")
    first, second = (book.get_sheet_by_index(i).to_python() for i in (0, 1))
    assert first[:2] == [["a", "b"], ["=1+1", 0.5]]
    assert first[2][1] == "1000000000000000" and first[3] == ["x" * 32_767, True]
    assert second == [["a", "b"], ["", "+4"]]
    assert (
        "cut off at 32,767 characters, all that a cell of .xlsx holds: 1 text"
        in capsys.readouterr().err
    )


def test_classify_into_a_long_table(cli: Run, run: Path, here: Path) -> None:
    import pandas as pd

    (here / "two.csv").write_text('id,title,abstract\nx,Battery,A cell\ny,Mower,"A blade, a cut"\n')
    call = ("classify", "--file", "two.csv", "--model", run / "classifier")
    assert "row a code" in _error(cli(*call, "--out", "codes2.jsonl", "--long", code=1))
    cli(*call, "--out", "codes.csv", "--long")
    table = pd.read_csv(here / "codes.csv")
    assert list(table) == [
        "patent_id",
        "symbol",
        "level",
        "title",
        "probability",
        "sure",
        "evidence",
    ]
    rows = [json.loads(x) for x in cli(*call, "--json").stdout.splitlines()]
    for r in rows:
        mine = table[table["patent_id"] == r["patent_id"]]
        assert mine["symbol"].tolist() == r["predicted"]
        assert mine["probability"].tolist() == list(r["scores"].values())
        first = [of[0]["patent_id"] for of in r["evidence"].values()]
        assert [str(e).split()[0] for e in mine["evidence"]] == first


def test_evidence_needs_an_index(cli: Run, run: Path, here: Path) -> None:
    import shutil

    shutil.copytree(run / "classifier", here / "alone" / "classifier")
    call = ("classify", "a battery", "--model", "alone/classifier", "--encoder", run / "encoder")
    done = cli(*call, "--json")
    assert "no index and no corpus beside the classifier" in done.stderr
    assert json.loads(done.stdout)["evidence"] == {}
    named = json.loads(cli(*call, "--json", "--index", run / "index").stdout)
    assert any(named["evidence"].values())
    assert "patentcl index" in _error(cli(*call, "--index", "alone", code=1))
    assert "evidence is negative" in _error(cli(*call, "--evidence", -1, code=1))


@pytest.mark.parametrize("what", ["classifier", "index", "encoder"])
def test_evaluate_each_kind_of_folder(cli: Run, run: Path, what: str) -> None:
    shown = json.loads(cli("evaluate", run / what, "--json").stdout)
    for systems in shown.values():
        modes = ["dense", "bm25", "hybrid"] if what == "index" else [what]
        assert list(systems)[: len(modes) + 1] == [*modes, "chance"]
        for name, values in systems.items():
            least = -1 if name.startswith("hybrid less") else 0
            for row in values.values():
                assert row["value"] is None or least <= row["value"] <= 1
    assert what in cli("evaluate", run / what).stdout


def test_a_report_has_tables_and_pictures(cli: Run, run: Path) -> None:
    cli("evaluate", run / "classifier", "--report", run / "report")
    page = json.loads((run / "report" / "metrics.json").read_text())
    assert page["format"] == "patentcl-metrics" and page["data"]["levels"][-1] == "subclass"
    assert page["pictures"] and all((run / "report" / p).is_file() for p in page["pictures"])
    assert (run / "report" / "training.png").is_file()
    assert "training.png" in (run / "report" / "metrics.md").read_text()
    assert (run / "report" / "labels" / "statistics.md").is_file()
    line = _error(cli("evaluate", run / "index", "--report", run / "report2", code=1))
    assert "of a classifier only" in line


def test_doctor(process: Run) -> None:
    rows = json.loads(process("doctor", "--json").stdout)
    assert {"torch", "faiss", "gpu", "processor", "neo4j", "pipelines/"} <= {
        r["what"] for r in rows
    }


def test_run_dry_prints_a_plan_and_writes_nothing(cli: Run, run: Path, here: Path) -> None:
    done = cli("run", "quickstart", "--data", "tables", "--out", "nothing", "--dry")
    assert done.stdout == "" and "load: would run, not there yet" in done.stderr
    assert not (here / "nothing").exists()


# ---- mistakes -------------------------------------------------------------------------------


def _error(done: Done) -> str:
    return next(line for line in done.stderr.splitlines() if line.startswith("error: "))


def test_usage_errors_exit_2(cli: Run, run: Path) -> None:
    cli("similar", code=2)
    cli("similar", "a text", "--id", "1", code=2)
    cli("classify", code=2)
    cli("nosuchverb", code=2)
    cli("load", code=2)
    cli("run", "quickstart", "--nosuchoption", code=2)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["run", "quikstart"], ["no such recipe", "quikstart", "Did you mean quickstart"]),
        (
            ["run", "quickstart", "--set", "mining.triplet=3"],
            ["mine.triplet", "Did you mean triplets"],
        ),
        (["run", "quickstart", "--set", "seed"], ["name=value"]),
        (["run", "quickstart", "--data", "nowhere"], ["no such file or folder", "nowhere"]),
        (["load", "nowhere"], ["no such file or folder", "nowhere"]),
        (["load", "tables", "--graph", "postgres://x"], ["unknown kind of graph", "postgres://x"]),
        (["load", "tables", "--scheme", "uspc"], ["'cpc', 'ipc' or 'both'"]),
        (["mine", "duckdb://nowhere.duckdb"], ["no such graph", "nowhere.duckdb"]),
        (["train", "nowhere", "--corpus", "verbs"], ["no triplets there", "patentcl mine"]),
        (["embed", "nowhere"], ["no corpus there", "patentcl load"]),
        (["fit", "nowhere", "--corpus", "verbs"], ["no vectors there", "patentcl embed"]),
        (
            ["index", "verbs/vectors", "--corpus", "verbs", "--spec", "hnws"],
            ["no such index specification", "hnsw"],
        ),
        (["evaluate", "verbs/map"], ["nothing to evaluate", "'map'"]),
        (
            ["evaluate", "verbs/classifier", "--split", "tset"],
            ["unknown split", "Did you mean test"],
        ),
        (["evaluate", "verbs/classifier", "--metric", "hier_f2:micro"], ["hier_f2", "hier_f1"]),
        (["similar", "--id", "nosuch", "--index", "verbs/index"], ["nosuch"]),
        (["similar", "x", "--index", "verbs/index", "-k", "0"], ["k", "0"]),
        (["similar", "x", "--index", "verbs/index", "--before", "yesterday"], ["yesterday"]),
        (["similar", "x", "--index", "verbs/index", "--cpc", "Q99"], ["Q99"]),
        (["similar", "", "--index", "verbs/index"], ["a text is empty"]),
        (
            ["similar", "x", "--index", "verbs/index", "--encoder", "model"],
            ["not the one", "--encoder"],
        ),
        (["classify", "x", "--model", "verbs/nowhere"], ["no classifier there", "patentcl fit"]),
        (
            ["classify", "--file", "nowhere.csv", "--model", "verbs/classifier"],
            ["no such file", "nowhere.csv"],
        ),
        (
            ["map", "verbs/vectors", "--corpus", "verbs", "--set", "method=tsne"],
            ["method", "'umap' or 'pca'"],
        ),
        (["sample", "tables/g_patent.tsv.zip"], ["a file"]),
        (["sample", "new", "--patents", "3"], ["patents", "3"]),
    ],
)
def test_mistakes_are_one_clear_line(
    cli: Run, run: Path, arguments: list[str], words: list[str]
) -> None:
    line = _error(cli(*arguments, code=1))
    assert [w for w in words if w not in line] == []


def test_a_folder_in_the_way_is_not_overwritten(cli: Run, run: Path, here: Path) -> None:
    (here / "precious").mkdir()
    (here / "precious" / "thesis.tex").write_text("x")
    line = _error(cli("embed", run, "--encoder", run / "encoder", "--out", "precious", code=1))
    assert (
        "taken by something else" in line and (here / "precious" / "thesis.tex").read_text() == "x"
    )


def test_a_changed_classifier_file_is_refused(cli: Run, run: Path, here: Path) -> None:
    import shutil

    shutil.copytree(run / "classifier", run / "tampered")
    weights = run / "tampered" / "model.safetensors"
    data = bytearray(weights.read_bytes())
    data[-1] ^= 1
    weights.write_bytes(data)
    assert "model.safetensors" in _error(cli("classify", "x", "--model", run / "tampered", code=1))


def test_full_disk_is_one_line_and_leaves_nothing_half_written(
    process: Run, run: Path, here: Path
) -> None:
    """A limit on the size of files, in KiB, stands for a disk that fills up."""
    line = _error(
        process("load", "tables", "--graph", "duckdb://full/graph.duckdb", code=1, limit=300)
    )
    assert "disk is full" in line
    assert not (here / "full").exists() or list((here / "full").iterdir()) == []
    line = _error(
        process(
            "embed", run, "--encoder", run / "encoder", "--out", "full/vectors", code=1, limit=4
        )
    )
    assert "disk is full" in line
    assert not (here / "full").exists() or list((here / "full").iterdir()) == []


def test_debug_shows_where(here: Path, run: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "patentcl.cli.app", "run", "quikstart", "--debug"],
        cwd=here,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 1 and "Traceback" in done.stderr


def test_a_closed_pipe_is_no_error(here: Path, run: Path) -> None:
    command = f"{sys.executable} -m patentcl.cli.app doctor | head -1"
    done = subprocess.run(
        ["bash", "-o", "pipefail", "-c", command], cwd=here, capture_output=True, text=True
    )
    assert "Traceback" not in done.stderr and "rror" not in done.stderr


def test_results_on_stdout_notes_on_stderr(cli: Run, run: Path) -> None:
    done = cli("run", "quickstart", "--data", "tables", "--out", "nothing2", "--dry", "--json")
    assert json.loads(done.stdout)["stages"][0]["stage"] == "load"
    assert all(": would run" in line for line in done.stderr.splitlines())


def test_a_filter_that_leaves_nothing_says_what_passes(cli: Run, run: Path) -> None:
    total = len(Corpus.read(run))
    call = ("similar", "a device", "--index", run / "index")
    done = cli(*call, "--before", 1800, "--cpc", "H")
    assert done.stdout == "" and f"0 of {total} patents pass all filters (0 pass before" in (
        done.stderr
    )
    assert (
        f"{total} pass exclude-cpc B99Z"
        in cli(*call, "--before", 1800, "--exclude-cpc", "B99Z").stderr
    )
    assert "nothing found" not in cli(*call, "--cpc", "H").stderr


def test_a_text_from_stdin(cli: Run, run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import io

    text = "a battery with a housing"
    for call in (
        ("similar", "--index", run / "index", "-k", 3),
        ("classify", "--model", run / "classifier"),
    ):
        monkeypatch.setattr(sys, "stdin", io.StringIO(f"{text}\n"))
        assert cli(*call, "-").stdout == cli(*call, text).stdout


def test_targets_and_options_are_checked_before_anything_is_loaded(
    cli: Run, run: Path, here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from patentcl.workspace.run import Run as Opened

    (here / "there.csv").write_text("mine\n")
    (here / "one.csv").write_text("id,abstract\nx,a battery\n")
    monkeypatch.setattr(Opened, "predictor", lambda *_: pytest.fail("loaded"))
    monkeypatch.setattr(Opened, "encoder_of", lambda *_: pytest.fail("loaded"))
    call = ("classify", "--model", run / "classifier")
    assert "there already" in _error(cli(*call, "--file", "one.csv", "--out", "there.csv", code=1))
    assert "no such file" in _error(cli(*call, "--file", "none.csv", code=1))
    assert "negative" in _error(cli(*call, "x", "--evidence", -1, code=1))
    assert "--file" in cli(*call, "x", "--out", "new.csv", code=2).stderr
    search = ("similar", "x", "--index", run / "index")
    assert "k is not" in _error(cli(*search, "-k", 0, code=1))
    assert "yesterday" in _error(cli(*search, "--before", "yesterday", code=1))
    assert "Q99" in _error(cli(*search, "--cpc", "Q99", code=1))


@pytest.mark.parametrize("error", [EOFError(), KeyError("x"), MemoryError(), RuntimeError("no")])
def test_an_error_that_nothing_explains_is_one_line(
    cli: Run, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    def fail() -> None:
        raise error

    monkeypatch.setattr("patentcl.cli.doctor.examine", fail)
    done = cli("doctor", code=1)
    assert done.stderr.startswith("error: ") and done.stderr.count("\n") == 1
    assert "Aborted" not in done.stderr


@pytest.mark.parametrize("encoding", ["cp1252", "ascii", "utf-8"])
def test_output_that_cannot_be_encoded_is_escaped(
    encoding: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """JSON says the same, whatever the output can hold; half a surrogate never ends a command."""
    title = "水 é 𝄞 half \ud800"
    stream = io.TextIOWrapper(io.BytesIO(), encoding=encoding)
    monkeypatch.setattr(sys, "stdout", stream)
    monkeypatch.setattr(sys, "argv", ["patentcl", "settings"])
    monkeypatch.setattr("patentcl.cli.app._quiet_libraries", lambda: None)
    monkeypatch.setattr(
        "patentcl.cli.app.app", lambda **_: out(json.dumps({"t": title}, ensure_ascii=False))
    )
    main()
    stream.flush()
    written = stream.buffer.getvalue().decode(encoding)  # type: ignore[attr-defined]
    assert json.loads(written) == {"t": title}
    assert ("é" in written) == (encoding != "ascii") and ("水" in written) == (encoding == "utf-8")


def test_the_first_words_stand_for_a_missing_title(monkeypatch: pytest.MonkeyPatch) -> None:
    from patentcl.cli.search import _lines

    monkeypatch.setenv("COLUMNS", "120")
    row = {"rank": 1, "similarity": 0.5, "id": "7", "date": "2001-02-03", "codes": ["A01D34/00"]}
    texts = {"7": "Provided is a mower with a blade, a deck and a motor that drives the blade."}
    for title, known, wanted in (
        ("Mower", texts, "Mower  "),
        ("", texts, "[Provided is a mower with a blade"),
        (None, {}, "(no title)"),
    ):
        [line] = _lines({**row, "title": title}, 1, known)
        assert f"  2001-02-03  {wanted}" in line and line.endswith("A01D34/00")
