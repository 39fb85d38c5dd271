"""The synthetic corpus: its shape, its dirt, and that it comes out the same every time."""

from __future__ import annotations

import csv
import datetime
import hashlib
import io
import json
import os
import random
import re
import subprocess
import sys
import zipfile
from collections import Counter, defaultdict
from pathlib import Path

import numpy as np
import pytest

from patentcl.core.errors import ConfigError, DataError
from patentcl.cpc import parse_symbol
from patentcl.sample import vocabulary
from patentcl.sample.writer import COLUMNS, _make, write_sample

REAL = Path(os.environ.get("PATENTCL_TEST_DATA", Path(__file__).parents[3] / "shared" / "data"))


def read(folder: Path, name: str) -> list[list[str]]:
    """Rows of a table, header first, read by the csv module alone."""
    with zipfile.ZipFile(folder / f"{name}.tsv.zip") as archive:
        assert archive.namelist() == [f"{name}.tsv"]
        assert archive.testzip() is None
        raw = archive.read(f"{name}.tsv").decode("utf-8")
    return list(csv.reader(io.StringIO(raw, newline=""), delimiter="\t"))


def digest(folder: Path) -> dict[str, str]:
    return {p.name: hashlib.sha256(p.read_bytes()).hexdigest() for p in sorted(folder.iterdir())}


class Sample:
    """A sample with its tables as dictionaries."""

    def __init__(self, folder: Path, counts: dict[str, int]) -> None:
        self.folder, self.counts = folder, counts
        self.tables = {name: read(folder, name) for name in COLUMNS}
        rows = {name: table[1:] for name, table in self.tables.items()}
        self.patents = {
            r[0]: dict(zip(COLUMNS["g_patent"], r, strict=True)) for r in rows["g_patent"]
        }
        self.abstracts = {r[0]: r[1] for r in rows["g_patent_abstract"]}
        self.codes: dict[str, list[str]] = defaultdict(list)
        for r in rows["g_cpc_current"]:
            self.codes[r[0]].append(r[5])
        self.citations = rows["g_us_patent_citation"]
        self.inside = [(r[0], r[2]) for r in self.citations if r[2] in self.patents]

    def subclasses(self, patent: str) -> set[str]:
        return {c[:4] for c in self.codes[patent]} if patent in self.codes else set()


@pytest.fixture(scope="module")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Sample:
    folder = tmp_path_factory.mktemp("sample") / "corpus"
    return Sample(folder, write_sample(folder))


# ---- shape --------------------------------------------------------------------------------------


def test_counts_are_those_of_the_files(sample: Sample) -> None:
    for name, table in sample.tables.items():
        assert table[0] == COLUMNS[name]
        assert sample.counts[name] == len(table) - 1 > 0
        assert {len(row) for row in table} == {len(COLUMNS[name])}
    kinds = Counter(p["patent_type"] for p in sample.patents.values())
    for kind, number in kinds.items():
        assert sample.counts[kind.replace(" ", "_")] == number
    assert sum(kinds.values()) == len(sample.patents) == 5000  # so ids are unique, too
    assert sample.counts["withdrawn"] == sum(p["withdrawn"] == "1" for p in sample.patents.values())
    assert sample.counts["citations_inside"] == len(sample.inside)
    assert sample.counts["citations_dangling"] == len(sample.citations) - len(sample.inside)
    plain = [i for i, p in sample.patents.items() if p["patent_type"] != "design"]
    assert sample.counts["without_cpc"] == sum(i not in sample.codes for i in plain)
    about = json.loads((sample.folder / "sample.json").read_text())
    assert about["synthetic"] is True
    assert about["counts"] == sample.counts


def test_columns_and_quoting_are_those_of_the_real_tables(sample: Sample) -> None:
    folder = REAL / "patentsview-sample"
    if not folder.is_dir():
        pytest.skip(f"no real tables at {folder}")
    assert set(COLUMNS) - {p.name.partition(".")[0] for p in folder.iterdir()} == {"g_claims"}
    for name in set(COLUMNS) - {"g_claims"}:
        with zipfile.ZipFile(folder / f"{name}.tsv.zip") as archive:
            assert archive.namelist() == [f"{name}.tsv"]
            with archive.open(f"{name}.tsv") as file:
                header, first = file.readline(), file.readline()
        with zipfile.ZipFile(sample.folder / f"{name}.tsv.zip") as archive:
            ours = archive.read(f"{name}.tsv").split(b"\n", 2)
        assert ours[0] + b"\n" == header
        quoted = [[cell.startswith(b'"') for cell in row.split(b"\t")] for row in (first, ours[1])]
        assert quoted[0] == quoted[1]


def test_codes_are_real_ones() -> None:
    path = REAL / "classification" / "cpc_scheme_2022_02.parquet"
    if not path.is_file():
        pytest.skip(f"no classification scheme at {path}")
    pq = pytest.importorskip("pyarrow.parquet")
    scheme = set(pq.read_table(path, columns=["symbol"])["symbol"].to_pylist())
    scheme = {s.replace(" ", "") for s in scheme}
    for subclass in vocabulary.read_tables().values():
        for group in subclass.groups:
            assert {group.symbol, *(s.symbol for s in group.subgroups)} <= scheme


def test_codes_titles_and_types(sample: Sample) -> None:
    titled = {row[2] for row in sample.tables["g_cpc_title"][1:]}
    assert len(titled) == sample.counts["g_cpc_title"]
    position: Counter[str] = Counter()
    for patent, sequence, section, class_, subclass, group, kind in sample.tables["g_cpc_current"][
        1:
    ]:
        assert parse_symbol(group)[:3] == (section, class_, subclass)
        assert group in titled
        assert int(sequence) == position[patent]
        position[patent] += 1
        assert kind in ("inventional", "additional")
        if section == "Y":
            assert kind == "additional"
        if sequence == "0":
            assert kind == "inventional"
    assert all(len(codes) == len(set(codes)) for codes in sample.codes.values())


def test_sections_tail_and_several_labels(sample: Sample) -> None:
    assert {c[0] for codes in sample.codes.values() for c in codes} == set("ABCDEFGHY")
    frequency = Counter(s for p in sample.codes for s in sample.subclasses(p))
    assert sample.counts["subclasses"] == len(frequency) >= 60
    ordered = sorted(frequency.values(), reverse=True)
    assert ordered[0] > 500
    assert sum(ordered[:10]) > 0.4 * sum(ordered)
    assert sum(n <= 25 for n in ordered) >= 8
    sizes = Counter(len(sample.subclasses(p)) for p in sample.codes)
    assert set(sizes) == {1, 2, 3, 4}
    assert 0.4 < 1 - sizes[1] / sum(sizes.values()) < 0.7
    groups = Counter(c for codes in sample.codes.values() for c in codes)
    assert sum(not c.endswith("/00") for c in groups.elements()) > 0.9 * groups.total()


def test_topics_drift_over_the_years(sample: Sample) -> None:
    early: Counter[str] = Counter()
    late: Counter[str] = Counter()
    for patent in sample.codes:
        date = sample.patents[patent]["patent_date"]
        counter = early if date < "2005" else late if date >= "2015" else None
        if counter is not None:
            counter.update(sample.subclasses(patent))
            counter["all"] += 1
    assert late["G06N"] / late["all"] > 1.3 * early["G06N"] / early["all"]
    assert late["G10L"] / late["all"] < 1.8 * early["G10L"] / early["all"]
    words = [
        " ".join(
            t for i, t in sample.abstracts.items() if lo <= sample.patents[i]["patent_date"] < hi
        )
        for lo, hi in (("1995", "2002"), ("2018", "2025"))
    ]
    for word in ("virtual cart", "hypervisor", "drone"):
        assert words[1].count(word) > words[0].count(word)


# ---- patents ------------------------------------------------------------------------------------


def test_ids_dates_and_kinds(sample: Sample) -> None:
    prefixes = {
        "utility": "",
        "design": "D",
        "plant": "PP",
        "reissue": "RE",
        "statutory invention registration": "H",
    }
    by_kind: dict[str, list[tuple[int, str]]] = defaultdict(list)
    for i, p in sample.patents.items():
        prefix = prefixes[p["patent_type"]]
        assert i.startswith(prefix)
        by_kind[prefix].append((int(i[len(prefix) :]), p["patent_date"]))
        assert "1995-01-03" <= p["patent_date"] <= "2024-12-31"
        assert datetime.date.fromisoformat(p["patent_date"]).strftime("%a") == "Tue"
        assert p["filename"] == f"synthetic{p['patent_date'][2:].replace('-', '')}.xml"
        assert int(p["num_claims"]) >= 1
        if prefix == "":
            allowed = {"A"} if p["patent_date"] < "2001" else {"B1", "B2"}
            assert p["wipo_kind"] in allowed
    assert set(by_kind) == set(prefixes.values())
    for rows in by_kind.values():
        dates = [date for _, date in sorted(rows)]
        assert dates == sorted(dates)
    assert list(sample.patents) == sorted(sample.patents)


def test_designs_have_neither_codes_nor_abstract(sample: Sample) -> None:
    designs = {i for i, p in sample.patents.items() if p["patent_type"] == "design"}
    assert 0.03 < len(designs) / 5000 < 0.07
    ipc = {row[0] for row in sample.tables["g_ipc_at_issue"][1:]}
    assert not designs & (set(sample.abstracts) | set(sample.codes) | ipc)
    assert set(sample.abstracts) == set(sample.patents) - designs


def test_patents_without_codes_and_withdrawn(sample: Sample) -> None:
    bare = [i for i in sample.abstracts if i not in sample.codes]
    assert 0.02 < len(bare) / len(sample.abstracts) < 0.045
    fresh = [i for i in sample.abstracts if sample.patents[i]["patent_date"] >= "2024-07-09"]
    rate = sum(i not in sample.codes for i in fresh) / len(fresh)
    assert rate > 5 * len(bare) / len(sample.abstracts)
    ipc = {row[0] for row in sample.tables["g_ipc_at_issue"][1:]}
    assert sum(i in ipc for i in bare) > 0.75 * len(bare)
    assert 10 <= sample.counts["withdrawn"] <= 60


def test_length_and_variety_of_abstracts(sample: Sample) -> None:
    lengths = [len(t.split()) for t in sample.abstracts.values()]
    assert min(lengths) >= 60
    assert max(lengths) <= 130
    assert 80 <= np.mean(lengths) <= 105
    assert len(set(sample.abstracts.values())) > 0.97 * len(sample.abstracts)
    openings = Counter(" ".join(t.split()[:2]) for t in sample.abstracts.values())
    assert openings.most_common(1)[0][1] < 0.15 * len(lengths)
    for body in sample.abstracts.values():
        assert "{" not in body and "  " not in body and "|" not in body and "_" not in body
        assert body[-1] == "."


def test_continuations_are_near_copies(sample: Sample) -> None:
    assert 50 <= sample.counts["continuations"] <= 200
    by_title: dict[str, list[str]] = defaultdict(list)
    for i in sample.abstracts:
        by_title[sample.patents[i]["patent_title"]].append(i)
    pairs = 0
    cites = set(sample.inside)
    cited = 0
    for same in by_title.values():
        for k, a in enumerate(same):
            for b in same[:k]:
                x, y = set(sample.abstracts[a].split()), set(sample.abstracts[b].split())
                if len(x & y) > 0.8 * len(x | y):
                    pairs += 1
                    cited += (a, b) in cites or (b, a) in cites
    assert pairs > 0.6 * sample.counts["continuations"]
    assert cited < 0.3 * pairs


def test_claims(sample: Sample) -> None:
    claims: dict[str, list[list[str]]] = defaultdict(list)
    for row in sample.tables["g_claims"][1:]:
        claims[row[0]].append(row[1:])
    assert list(claims) == list(sample.patents)
    again = 0
    for patent, rows in claims.items():
        assert len(rows) == int(sample.patents[patent]["num_claims"])
        assert len({text for _, text, *_ in rows}) == len(rows)
        for i, (sequence, text, on, number, exemplary) in enumerate(rows):
            assert (sequence, number, exemplary) == (str(i), str(i + 1), str(int(i == 0)))
            assert text.startswith(f"{i + 1}. ") and text.endswith(".") and "{" not in text
            assert (i == 0) <= (on == "")
            assert on == "" or (f" {on}, " in text and int(on.removeprefix("claim ")) <= i)
        again += sum(on == "" for _, _, on, *_ in rows) > 1
    assert 0.3 < again / len(claims) < 0.6
    words = [set(re.findall(r"\w+", claims[i][0][1].lower())) for i in sample.codes]
    own = [set(sample.abstracts[i].lower().split()) for i in sample.codes]
    near = [len(w & o) for w, o in zip(words, own, strict=True)]
    far = [len(w & o) for w, o in zip(words, own[1:] + own[:1], strict=True)]
    assert np.mean(near) > 1.5 * np.mean(far)  # they claim what the abstract tells of


# ---- citations ----------------------------------------------------------------------------------


def test_citations_follow_time_but_for_the_known_dirt(sample: Sample) -> None:
    date = {i: p["patent_date"] for i, p in sample.patents.items()}
    selves = [(a, b) for a, b in sample.inside if a == b]
    assert len(selves) == sample.counts["self_citations"] == 2
    backward = [(a, b) for a, b in sample.inside if a != b and date[b] >= date[a]]
    links = set(sample.inside)
    assert len(backward) == sample.counts["mutual_citations"] == 2
    assert all((b, a) in links for a, b in backward)
    for row in sample.citations:
        assert row[3][8:] == "01"
        if row[2] in date:
            assert row[3] == f"{date[row[2]][:7]}-01"
            assert row[5] == sample.patents[row[2]]["wipo_kind"]
        else:
            assert row[3] < date[row[0]]


def test_citations_follow_topic(sample: Sample) -> None:
    coded = [(a, b) for a, b in sample.inside if a in sample.codes and b in sample.codes and a != b]
    ids = sorted(sample.codes)
    rng = random.Random(3)
    chance = [(rng.choice(ids), rng.choice(ids)) for _ in range(20000)]

    def share(pairs: list[tuple[str, str]], cut: object) -> float:
        def labels(i: str) -> set[str]:
            return {
                c.partition("/")[0] if cut == "group" else c[:cut]  # type: ignore[misc]
                for c in sample.codes[i]
            }

        return sum(bool(labels(a) & labels(b)) for a, b in pairs) / len(pairs)

    assert share(coded, 4) > 0.85
    assert share(coded, 4) > 5 * share(chance, 4)
    assert share(coded, "group") > 0.65
    assert share(coded, "group") > 15 * share(chance, "group")


def test_citation_rows(sample: Sample) -> None:
    position: Counter[str] = Counter()
    seen = set()
    old = new = 0
    for patent, sequence, cited, _, name, _, category in sample.citations:
        assert int(sequence) == position[patent]
        position[patent] += 1
        assert (patent, cited) not in seen
        seen.add((patent, cited))
        assert name
        year = sample.patents[patent]["patent_date"][:4]
        allowed = (
            {""}
            if year < "2002"
            else {"cited by examiner", "cited by other"}
            if year < "2013"
            else {"cited by examiner", "cited by other", "cited by applicant"}
        )
        assert category in allowed
        if cited not in sample.patents and cited.isdigit():
            old += int(cited) < 3_930_271
            new += int(cited) > 5_377_362
    assert old > 1000  # before the tables begin
    assert new > 1000  # granted since, but not in this set
    assert 3 < len(sample.citations) / 5000 < 12
    lost = [r for r in sample.citations if r[0].startswith("D") and r[2].isdigit()]
    assert lost and all(sample.patents[r[0]]["patent_date"] < "2002" for r in lost)


# ---- dirt ---------------------------------------------------------------------------------------


def test_quotes_tabs_and_line_ends_come_back_as_they_were_meant(sample: Sample) -> None:
    meant, _ = _make(5000, 0)
    for name in COLUMNS:
        assert sample.tables[name][1:] == [[str(cell) for cell in row] for row in meant[name]]
    for mark, few in (('"', 50), ("\t", 20), ("\n", 30)):
        assert sum(mark in t for t in sample.abstracts.values()) >= few
        assert sum(mark in p["patent_title"] for p in sample.patents.values()) >= 5
    with zipfile.ZipFile(sample.folder / "g_patent_abstract.tsv.zip") as archive:
        raw = archive.read("g_patent_abstract.tsv")
    assert b'""' in raw and b"\r" not in raw


@pytest.mark.parametrize("number", [100, 137])
def test_the_smallest_samples_have_the_dirt_too(tmp_path: Path, number: int) -> None:
    counts = write_sample(tmp_path / "s", patents=number, seed=5)
    small = Sample(tmp_path / "s", counts)
    assert len(small.patents) == number
    for key in (
        "withdrawn",
        "without_cpc",
        "self_citations",
        "mutual_citations",
        "design",
        "plant",
        "reissue",
        "citations_inside",
        "citations_dangling",
    ):
        assert counts[key] >= 1, key
    everything = "".join(small.abstracts.values())
    assert '"' in everything and "\t" in everything and "\n" in everything


# ---- the same every time ------------------------------------------------------------------------


def test_same_seed_same_bytes(tmp_path: Path) -> None:
    assert write_sample(tmp_path / "a", 300, seed=1) == write_sample(tmp_path / "b", 300, seed=1)
    write_sample(tmp_path / "c", 300, seed=2)
    a, b, c = (digest(tmp_path / n) for n in "abc")
    assert a == b
    assert all(a[n] != c[n] for n in a if n != "g_cpc_title.tsv.zip")
    assert a["g_cpc_title.tsv.zip"] == c["g_cpc_title.tsv.zip"]


def test_same_bytes_whatever_the_hash_seed(tmp_path: Path) -> None:
    code = "import sys; from patentcl.sample import write_sample; write_sample(sys.argv[1], 200)"
    for name in ("1", "2"):
        subprocess.run(
            [sys.executable, "-c", code, str(tmp_path / name)],
            check=True,
            env={**os.environ, "PYTHONHASHSEED": name, "TZ": f"UTC-{name}"},
        )
    assert digest(tmp_path / "1") == digest(tmp_path / "2")


# ---- learnable, not trivial ---------------------------------------------------------------------


def test_a_linear_classifier_learns_but_not_all(sample: Sample) -> None:
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.metrics import f1_score
    from sklearn.multiclass import OneVsRestClassifier
    from sklearn.preprocessing import MultiLabelBinarizer
    from sklearn.svm import LinearSVC

    ids = [i for i in sorted(sample.codes) if sample.patents[i]["withdrawn"] == "0"]
    random.Random(0).shuffle(ids)
    texts = [f"{sample.patents[i]['patent_title']}. {sample.abstracts[i]}" for i in ids]
    vectors = TfidfVectorizer(sublinear_tf=True, min_df=2).fit_transform(texts)
    cut = len(ids) * 4 // 5
    for level, low, high in ((4, 0.7, 0.95), (None, 0.4, 0.85)):
        truth = MultiLabelBinarizer().fit_transform(
            [
                sorted({c[:level] if level else c.partition("/")[0] for c in sample.codes[i]})
                for i in ids
            ]
        )
        present = truth[:cut].any(axis=0) & ~truth[:cut].all(axis=0)
        truth = truth[:, present]
        model = OneVsRestClassifier(LinearSVC()).fit(vectors[:cut], truth[:cut])
        score = f1_score(truth[cut:], model.predict(vectors[cut:]), average="micro")
        always = np.zeros_like(truth[cut:])
        always[:, np.argsort(-truth[:cut].sum(axis=0))[:2]] = 1
        chance = f1_score(truth[cut:], always, average="micro")
        assert low < score < high
        assert score > 3 * chance


# ---- vocabulary ---------------------------------------------------------------------------------


def test_vocabulary_is_whole() -> None:
    tables = vocabulary.read_tables()
    assert {s[0] for s in tables} == set("ABCDEFGHY")
    assert set(vocabulary.table("tables")["subclasses by frequency"]) == {
        s for s in tables if s[0] != "Y"
    }
    assert {s[:3] for s in tables} == set(vocabulary.table("tables")["classes"])
    symbols = {s.symbol for t in tables.values() for g in t.groups for s in g.subgroups}
    owner: dict[str, set[str]] = defaultdict(set)
    for table in tables.values():
        assert set(table.near) <= set(tables) and table.symbol not in table.near
        assert {tag for tag, _ in table.tags} <= symbols
        assert all(tag[0] == "Y" and 0 < share < 1 for tag, share in table.tags)
        nouns = [*table.parts, *(p for g in table.groups for s in g.subgroups for p in s.parts)]
        for part in nouns:
            for name in part.names:
                owner[name].add(table.symbol)
        if table.symbol[0] != "Y":
            assert len(table.groups) >= 1 and len(table.gains) >= 4
            assert len({n for p in nouns for n in p.names}) >= 10
    own = sum(len(s) == 1 for s in owner.values())
    assert own > 0.85 * len(owner)


def test_inflection() -> None:
    verbs = {
        v
        for t in vocabulary.read_tables().values()
        for p in (*t.parts, *(p for g in t.groups for s in g.subgroups for p in s.parts))
        for v in p.does
    }
    forms = {base.split()[0]: (does.split()[0], doing.split()[0]) for base, does, doing in verbs}
    for base, expected in {
        "cut": ("cuts", "cutting"),
        "carry": ("carries", "carrying"),
        "press": ("presses", "pressing"),
        "be": ("is", "being"),
        "have": ("has", "having"),
        "tie": ("ties", "tying"),
        "free": ("frees", "freeing"),
        "propel": ("propels", "propelling"),
        "offer": ("offers", "offering"),
        "buy": ("buys", "buying"),
        "occupy": ("occupies", "occupying"),
    }.items():
        assert (vocabulary.third(base), vocabulary.gerund(base)) == expected
    assert len(forms) > 300
    for noun, expected in {
        "user terminal": "a user terminal",
        "EGR valve": "an EGR valve",
        "UV lamp": "a UV lamp",
        "eNB": "an eNB",
        "IoT hub": "an IoT hub",
        "hydraulic oil": "hydraulic oil",
        "hour meter": "an hour meter",
        "method for handling data": "a method for handling data",
    }.items():
        assert vocabulary.article(noun) == expected


# ---- bad input ----------------------------------------------------------------------------------


@pytest.mark.parametrize("number", [99, 0, -5, 500_001, 2.5, "1000", True, None])
def test_bad_number_of_patents(tmp_path: Path, number: object) -> None:
    with pytest.raises(ConfigError, match=r"patents is out of range.*100 to 500,000"):
        write_sample(tmp_path / "s", patents=number)  # type: ignore[arg-type]
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("seed", [-1, 1.0, "x", False])
def test_bad_seed(tmp_path: Path, seed: object) -> None:
    with pytest.raises(ConfigError, match="seed is out of range"):
        write_sample(tmp_path / "s", 100, seed=seed)  # type: ignore[arg-type]


def test_target_is_a_file(tmp_path: Path) -> None:
    (tmp_path / "s").write_text("mine")
    with pytest.raises(DataError, match=r"needs a folder.*a file"):
        write_sample(tmp_path / "s", 100)
    assert (tmp_path / "s").read_text() == "mine"


@pytest.mark.parametrize(
    "names", [["notes.txt"], ["g_patent.tsv.zip"], ["sample.json", "g_patent.tsv.zip"]]
)
def test_a_folder_of_something_else_is_left_alone(tmp_path: Path, names: list[str]) -> None:
    for name in names:
        (tmp_path / name).write_text("[1]")
    with pytest.raises(DataError, match="not empty and not a sample"):
        write_sample(tmp_path, 100)
    assert sorted(p.name for p in tmp_path.iterdir()) == sorted(names)


def test_an_older_sample_is_replaced_unless_files_were_added(tmp_path: Path) -> None:
    target = tmp_path / "new" / "sample"
    write_sample(target, 100)
    before = digest(target)
    write_sample(target, 120)
    assert digest(target) != before
    assert json.loads((target / "sample.json").read_text())["patents"] == 120
    (target / "thesis.docx").write_text("important")
    with pytest.raises(DataError, match=r"thesis\.docx"):
        write_sample(target, 100)
    assert (target / "thesis.docx").read_text() == "important"
    assert [p.name for p in target.parent.iterdir()] == ["sample"]


def test_an_empty_folder_is_used(tmp_path: Path) -> None:
    (tmp_path / "s").mkdir()
    assert write_sample(str(tmp_path / "s"), 100)["g_patent"] == 100


def test_nothing_is_left_of_a_write_that_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = tmp_path / "s"
    write_sample(target, 100)
    before = digest(target)

    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("patentcl.sample.writer.zipfile.ZipFile.open", full)
    with pytest.raises(DataError, match=r"cannot be written.*No space left"):
        write_sample(target, 120)
    assert digest(target) == before
    assert [p.name for p in tmp_path.iterdir()] == ["s"]


def test_parent_is_a_file(tmp_path: Path) -> None:
    (tmp_path / "f").write_text("x")
    with pytest.raises(DataError, match="taken by a file"):
        write_sample(tmp_path / "f" / "s", 100)
