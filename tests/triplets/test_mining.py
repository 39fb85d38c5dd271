"""Triplets: each one checked by plain Python, repeated row for row; rules that leave nothing."""

from __future__ import annotations

import csv
import io
import json
import random
import re
import subprocess
import sys
import zipfile
from collections import Counter, defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from copies import copies
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from patentcl.core.errors import ConfigError, DataError, PatentclError
from patentcl.cpc import LEVELS, parse_symbol
from patentcl.data.corpus import Corpus
from patentcl.graph.duckdb import DuckDBGraph
from patentcl.triplets.mining import COLUMNS, LADDER, MiningResult, allot, mine_triplets
from patentcl.triplets.settings import MiningRules

if TYPE_CHECKING:
    from conftest import Loaded


@pytest.fixture(scope="module")
def graph(loaded: Loaded) -> Iterator[DuckDBGraph]:
    with DuckDBGraph(loaded.graph, read_only=True) as store:
        yield store


def rules(**changes: Any) -> MiningRules:
    return MiningRules(**{"triplets": 300, "per_anchor": 2, **changes})


class Checker:
    """What triplets must be like, from the corpus alone."""

    def __init__(self, corpus: Corpus) -> None:
        self.ids = set(corpus.ids)
        chains = {
            i: [parse_symbol(c) for c in codes]
            for i, codes in zip(corpus.ids, corpus.codes, strict=True)
        }
        self.at = {
            level: {i: {c[depth] for c in found if len(c) > depth} for i, found in chains.items()}
            for depth, level in enumerate(LEVELS)
        }
        self.cites = {i: set(c) for i, c in zip(corpus.ids, corpus.citations, strict=True)}
        self.refs = {i: cited & self.ids for i, cited in self.cites.items()}
        self.text = dict(zip(corpus.ids, copies(corpus.texts).tolist(), strict=True))
        self.year = {
            i: None if d is None else d.year
            for i, d in zip(corpus.ids, corpus.dates.tolist(), strict=True)
        }

    def common(self, a: str, b: str, level: str) -> set[str]:
        return self.at[level][a] & self.at[level][b]

    def deepest(self, a: str, b: str) -> str:
        return [level for level in LEVELS if self.common(a, b, level)][-1]

    def cited(self, a: str, b: str) -> bool:
        return b in self.cites[a] or a in self.cites[b]

    def check(
        self, result: MiningResult, wanted: MiningRules, among: set[str] | None = None
    ) -> None:
        assert tuple(result.triplets.column_names) == COLUMNS
        rows = result.triplets.to_pylist()
        assert rows and len(rows) <= wanted.triplets
        positives = defaultdict(set)
        for r in rows:
            positives[r["anchor_id"]].add(r["positive_id"])
        for r in rows:
            self.one(r, wanted, positives[r["anchor_id"]])
            assert {r["anchor_id"], r["positive_id"], r["negative_id"]} <= (among or self.ids)
        assert len({(r["anchor_id"], r["positive_id"]) for r in rows}) == len(rows)
        assert len({(r["anchor_id"], r["negative_id"]) for r in rows}) == len(rows)
        turns = Counter((r["anchor_id"], r["relation"]) for r in rows)
        assert max(turns.values()) <= wanted.per_anchor
        self.counts(result, wanted, rows)

    def one(self, r: dict[str, Any], wanted: MiningRules, positives: set[str]) -> None:
        a, p, n = r["anchor_id"], r["positive_id"], r["negative_id"]
        assert len({a, p, n}) == 3 and n not in positives
        assert len({self.text[a], self.text[p]}) == 2
        assert self.text[n] not in (self.text[a], self.text[p])
        assert self.common(a, p, wanted.shared_level)
        assert r["level"] == self.deepest(a, p)
        assert r["relation"] in wanted.relations
        assert (p in self.cites[a]) if r["relation"] == "cites" else not self.cited(a, p)
        shared = len(self.refs[a] & self.refs[p])
        if r["relation"] == "coupled":
            assert shared >= wanted.coupled_by
        elif r["relation"] == "class" and "coupled" in wanted.relations:
            assert shared < wanted.coupled_by
        assert not self.cited(a, n) and len(self.refs[a] & self.refs[n]) < wanted.coupled_by
        if r["hardness"] == "hard":
            assert self.common(a, n, "subclass") and not self.common(a, n, "group")
        elif r["hardness"] == "medium":
            assert self.common(a, n, "section") and not self.common(a, n, "class")
        else:
            assert r["hardness"] == "easy" and not self.common(a, n, "section")
        if r["relation"] == "class" and r["hardness"] != "easy":  # further off than the positive
            assert LEVELS.index(self.deepest(a, n)) < LEVELS.index(r["level"])
        ya, yn = self.year[a], self.year[n]
        gap = None if ya is None or yn is None else abs(ya - yn)
        if wanted.within_years is not None and gap is not None:
            assert gap <= wanted.within_years
        self.words(r, gap)

    def words(self, r: dict[str, Any], gap: int | None) -> None:
        """The rule says what is so."""
        match = re.fullmatch(
            r"(anchor cites positive|cite the same|same class), both (\S+); negative "
            r"(?:in (\S+), no group in common|in section (\S), another class|in another section)"
            r"(?:, (same year|\d+ years? apart))?",
            r["rule"],
        )
        assert match, r["rule"]
        relation, both, subclass, section, apart = match.groups()
        a, p, n = r["anchor_id"], r["positive_id"], r["negative_id"]
        words = {
            "cites": "anchor cites positive",
            "coupled": "cite the same",
            "class": "same class",
        }
        assert relation == words[r["relation"]]
        assert both in self.common(a, p, r["level"])
        assert r["hardness"] == ("hard" if subclass else "medium" if section else "easy")
        assert not subclass or subclass in self.common(a, n, "subclass")
        assert not section or section in self.common(a, n, "section")
        assert apart == (
            None
            if gap is None
            else "same year"
            if gap == 0
            else "1 year apart"
            if gap == 1
            else f"{gap} years apart"
        )

    def counts(self, result: MiningResult, wanted: MiningRules, rows: list[dict[str, Any]]) -> None:
        counts = result.counts
        found = Counter(r["hardness"] for r in rows)
        for kind in LADDER:
            assert counts[f"{kind} negatives found"] == found[kind]
        total = sum(counts[f"{kind} negatives wanted"] for kind in LADDER)
        assert total == len(rows) + counts["pairs without a negative, left out"]
        assert total == min(
            wanted.triplets, sum(counts.get(f"pairs by {r}", 0) for r in wanted.relations)
        )
        for kind in LADDER:
            share = wanted.negatives.get(kind, 0.0)
            assert abs(counts[f"{kind} negatives wanted"] - share * total) <= 1
        # What is wanted and not found is made up for by easier ones only.
        assert found["hard"] <= counts["hard negatives wanted"]
        assert (
            found["hard"] + found["medium"]
            <= counts["hard negatives wanted"] + counts["medium negatives wanted"]
        )
        assert counts["triplets"] == len(rows)
        assert counts["different negatives"] == len({r["negative_id"] for r in rows})


@pytest.fixture(scope="module")
def checker(loaded: Loaded) -> Checker:
    return Checker(loaded.corpus)


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"per_anchor": 1},
        {"per_anchor": 6, "triplets": 3000},
        {"relations": ("cites",)},
        {"relations": ("coupled",), "coupled_by": 1},
        {"relations": ("cites", "coupled", "class"), "per_anchor": 3},
        {"coupled_by": 1, "relations": ("class",), "triplets": 3000},
        {"relations": ("class",)},
        {"relations": ("class", "cites"), "triplets": 20},
        {"shared_level": "section"},
        {"shared_level": "class"},
        {"shared_level": "group"},
        {"shared_level": "subgroup"},
        {"within_years": 0},
        {"within_years": 1},
        {"within_years": None},
        {"negatives": {"easy": 1.0}},
        {"negatives": {"medium": 1.0}},
        {"negatives": {"hard": 1.0}},
        {"negatives": {"hard": 0.3, "easy": 0.7}},
    ],
    ids=str,
)
def test_every_triplet(graph: DuckDBGraph, checker: Checker, changes: dict[str, Any]) -> None:
    wanted = rules(**changes)
    checker.check(mine_triplets(graph, wanted, seed=4), wanted)


def test_a_run_leaves_nothing_to_the_next(graph: DuckDBGraph, loaded: Loaded) -> None:
    alone = rules(negatives={"easy": 1.0}, shared_level="section")
    with DuckDBGraph(loaded.graph, read_only=True) as fresh:
        first = mine_triplets(fresh, alone, seed=2)
    mine_triplets(graph, rules(negatives={"hard": 1.0}), seed=3)
    assert mine_triplets(graph, alone, seed=2).triplets.equals(first.triplets)


def test_all_kinds_occur(graph: DuckDBGraph) -> None:
    rows = mine_triplets(graph, rules(), seed=0).triplets.to_pylist()
    assert {r["relation"] for r in rows} == {"cites", "class"}
    assert {r["hardness"] for r in rows} == set(LADDER)
    assert {"subclass", "group", "subgroup"} <= {r["level"] for r in rows}


def test_relations_share_the_triplets(graph: DuckDBGraph) -> None:
    result = mine_triplets(graph, rules(triplets=100), seed=0)
    got = Counter(r["relation"] for r in result.triplets.to_pylist())
    assert result.counts["pairs by cites"] > 50 and result.counts["pairs by class"] > 50
    lost = result.counts["pairs without a negative, left out"]
    assert 50 - lost <= got["cites"] <= 50 and 50 - lost <= got["class"] <= 50


def test_pairs_against_all_pairs(graph: DuckDBGraph, checker: Checker) -> None:
    """With room for all, each citation that fits is a candidate, and all who can have a pair."""
    everything = rules(triplets=10**6, per_anchor=50, relations=("cites",))
    result = mine_triplets(graph, everything)
    fit = {
        (a, b)
        for a in checker.ids
        for b in checker.cites[a] & checker.ids
        if a != b and checker.common(a, b, "subclass") and checker.text[a] != checker.text[b]
    }
    assert result.counts["pairs by cites"] == len(fit)
    got = {(r["anchor_id"], r["positive_id"]) for r in result.triplets.to_pylist()}
    assert got <= fit and len(fit) - len(got) == result.counts["pairs without a negative, left out"]
    by_class = mine_triplets(graph, rules(triplets=10**6, per_anchor=1, relations=("class",)))
    with_mate = {
        a
        for a in checker.ids
        for b in checker.ids
        if a != b
        and checker.common(a, b, "subclass")
        and checker.text[a] != checker.text[b]
        and not checker.cited(a, b)
    }
    # A patent whose next five round each ring are all citations or copies may go without.
    assert len(with_mate) * 0.97 <= by_class.counts["pairs by class"] <= len(with_mate)


def test_nobody_goes_without_who_need_not(graph: DuckDBGraph, checker: Checker) -> None:
    """A pair is left out only where no patent would do (so few that the whole row is seen)."""
    wanted = rules(
        triplets=10**6,
        per_anchor=1,
        relations=("cites",),
        negatives={"easy": 1.0},
        within_years=None,
    )
    result = mine_triplets(graph, wanted)
    assert result.counts["pairs without a negative, left out"] == 0


def test_among(graph: DuckDBGraph, loaded: Loaded, checker: Checker) -> None:
    corpus = loaded.corpus
    among = set(corpus.ids[corpus.split == "train"])
    wanted = rules()
    result = mine_triplets(graph, wanted, seed=1, among=sorted(among))
    checker.check(result, wanted, among)
    assert result.counts["patents allowed"] == len(among)
    assert result.counts["of them with codes"] == sum(bool(checker.at["section"][i]) for i in among)
    mixed = sorted(among)
    random.Random(0).shuffle(mixed)
    assert mine_triplets(graph, wanted, seed=1, among=mixed).triplets.equals(result.triplets)
    everyone = mine_triplets(graph, wanted, seed=1)
    assert everyone.triplets.equals(mine_triplets(graph, wanted, 1, list(corpus.ids)).triplets)


def test_before(graph: DuckDBGraph, loaded: Loaded, checker: Checker) -> None:
    days = sorted(d for d in loaded.corpus.dates.tolist() if d is not None)
    wanted = rules(before=str(days[len(days) * 2 // 3]))
    result = mine_triplets(graph, wanted, seed=1)
    older = {
        i
        for i, d in zip(loaded.corpus.ids, loaded.corpus.dates.tolist(), strict=True)
        if d is None or str(d) < str(wanted.before)
    }
    checker.check(result, wanted, older)
    assert result.counts[f"of them before {wanted.before}"] < result.counts["of them with codes"]


def test_nobody_before() -> None:
    records = [patent(n, "A01B1/00", date="2001-01-01") for n in "abc"]
    with pytest.raises(
        DataError,
        match=r"rule before=2001-01-01.*patents with codes before this rule: 3, after it: none",
    ):
        mine(records, before="2001-01-01")


def test_scopes_and_looks(
    graph: DuckDBGraph, checker: Checker, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Sizes that only large tables have: a part of the patents is looked at, in steps."""
    wanted = rules(triplets=40, per_anchor=1)
    for scope in (50, 120):
        monkeypatch.setattr("patentcl.triplets.mining._SCOPE", scope)
        monkeypatch.setattr("patentcl.triplets.mining._FEW", 0)
        result = mine_triplets(graph, wanted, seed=1)
        checker.check(result, wanted)
        assert result.counts["triplets"] >= 36
        assert result.counts["patents looked at"] <= result.counts["of them with codes"]
        assert mine_triplets(graph, wanted, seed=1).triplets.equals(result.triplets)


# ---- the same every time ----------------------------------------------------------------------


@pytest.mark.parametrize("relations", [("cites", "class"), ("coupled", "cites"), ("class",)])
def test_fewer_anchors_give_the_same(
    relations: tuple[str, ...], graph: DuckDBGraph, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Only as many anchors are tried as the triplets need; all of them give the same ones."""
    drawn = [(n, seed) for n in (8, 16, 17, 48, 150) for seed in range(2)]

    def found() -> list[MiningResult]:
        return [
            mine_triplets(graph, rules(triplets=n, relations=relations), seed) for n, seed in drawn
        ]

    few = found()
    monkeypatch.setattr("patentcl.triplets.mining._ANCHORS_EACH", dict.fromkeys(relations, 1e9))
    for one, other in zip(few, found(), strict=True):
        assert one.triplets.equals(other.triplets)
        pairs = [
            sum(v for k, v in r.counts.items() if k.startswith("pairs by")) for r in (one, other)
        ]
        assert pairs[0] <= pairs[1]


def test_the_same_row_for_row(graph: DuckDBGraph, loaded: Loaded) -> None:
    first, again = (mine_triplets(graph, rules(), seed=7) for _ in range(2))
    assert first.triplets.equals(again.triplets) and first.counts == again.counts
    other = mine_triplets(graph, rules(), seed=8)
    assert not first.triplets.equals(other.triplets)
    code = (
        "import sys, json; from patentcl import DuckDBGraph, MiningRules, mine_triplets\n"
        "g = DuckDBGraph(sys.argv[1], read_only=True); g.execute('SET threads = 1')\n"
        "r = mine_triplets(g, MiningRules(triplets=300, per_anchor=2), 7)\n"
        "print(json.dumps(r.triplets.to_pylist()))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(loaded.graph)], capture_output=True, text=True, check=True
    )
    assert json.loads(done.stdout) == first.triplets.to_pylist()


def test_the_same_from_rows_in_another_order(
    graph: DuckDBGraph, loaded: Loaded, tmp_path: Path
) -> None:
    for path in sorted(loaded.tables.glob("*.zip")):
        with zipfile.ZipFile(path) as archive:
            raw = archive.read(path.stem).decode()
        head, *rows = csv.reader(io.StringIO(raw, newline=""), delimiter="\t")
        random.Random(3).shuffle(rows)
        text = io.StringIO(newline="")
        csv.writer(text, delimiter="\t", lineterminator="\n").writerows([head, *rows])
        (tmp_path / path.stem).write_text(text.getvalue(), encoding="utf-8", newline="")
    shuffled = Corpus.read(tmp_path)
    with DuckDBGraph(":memory:") as other:
        other.load(shuffled.path)
        assert mine_triplets(other, rules(), 7).triplets.equals(
            mine_triplets(graph, rules(), 7).triplets
        )


# ---- rules that leave nothing -----------------------------------------------------------------


def mine(records: list[dict[str, Any]], **changes: Any) -> MiningResult:
    corpus = Corpus.from_records(records)
    with DuckDBGraph(":memory:") as store:
        store.load(corpus.path)
        result = mine_triplets(store, rules(**changes))
        Checker(corpus).check(result, rules(**changes))
        return result


def patent(
    name: str,
    *codes: str,
    cites: tuple[str, ...] = (),
    date: str | None = None,
    title: str | None = None,
) -> dict[str, Any]:
    return {
        "patent_id": name,
        "title": title or f"Invention {name}",
        "codes": list(codes),
        "citations": list(cites),
        "date": date,
    }


def test_no_codes() -> None:
    with pytest.raises(
        DataError, match=r"no patent has a code.*2 patents allowed, none of them with codes"
    ):
        mine([patent("a"), patent("b", cites=("a",))])


def test_none_allowed(graph: DuckDBGraph) -> None:
    with pytest.raises(DataError, match=r"no patent has a code.*0 patents allowed"):
        mine_triplets(graph, rules(), among=[])


def test_no_citations() -> None:
    records = [patent("a", "A01B1/00"), patent("b", "A01B1/02"), patent("c", "H01L1/00")]
    with pytest.raises(
        DataError, match=r"related by cites and share a subclass.*3 patents with codes before"
    ):
        mine(records, relations=("cites",))
    assert mine(records).counts["pairs by cites"] == 0


def test_nothing_shared() -> None:
    records = [
        patent("a", "A01B1/00", cites=("b",)),
        patent("b", "A01C1/00"),
        patent("c", "H01L1/00"),
    ]
    with pytest.raises(
        DataError, match=r"cites or class and share a subclass.*shared_level=section"
    ):
        mine(records)
    [row] = mine(records, shared_level="class", relations=("cites",)).triplets.to_pylist()
    assert row == {
        "anchor_id": "a",
        "positive_id": "b",
        "negative_id": "c",
        "relation": "cites",
        "level": "class",
        "hardness": "easy",
        "rule": "anchor cites positive, both A01; negative in another section",
    }


def test_no_negative() -> None:
    records = [patent("a", "A01B1/00"), patent("b", "A01B1/02")]
    with pytest.raises(
        DataError, match=r"no pair has a negative.*2 pairs before this rule, none after"
    ):
        mine(records)
    dated = [
        patent("a", "A01B1/00", date="1990-01-01"),
        patent("b", "A01B1/02", date="1990-01-01"),
        patent("c", "H01L1/00", date="2000-01-01"),
    ]
    with pytest.raises(DataError, match=r"no pair has a negative.*within_years=null"):
        mine(dated)
    assert mine(dated, within_years=None).triplets["rule"].to_pylist()[0].endswith("10 years apart")


def test_undated_patents_may_be_negatives() -> None:
    records = [
        patent("a", "A01B1/00", date="1990-01-01"),
        patent("b", "A01B1/02", date="1990-01-01"),
        patent("c", "H01L1/00"),
    ]
    assert len(mine(records, within_years=0).triplets) == 2


def test_near_copies_and_citations_are_no_negatives() -> None:
    text = "Pump with a piston that lifts water from a deep well"
    records = [
        patent("a", "A01B1/00", cites=("d",), title="One"),
        patent("b", "A01B1/02", title=text),
        patent("c", "H01L1/00", title=f"{text}."),
        patent("d", "H01L1/00", title="Four"),
    ]
    got = {
        (r["anchor_id"], r["negative_id"])
        for r in mine(records, relations=("class",), negatives={"easy": 1.0}).triplets.to_pylist()
    }
    assert ("a", "c") not in got  # a copy of the positive
    assert ("a", "d") not in got  # cited
    assert ("b", "d") in got


def test_a_pair_that_shares_its_subclass_alone_gets_no_hard_negative() -> None:
    records = [
        patent("a", "A01B1/00"),
        patent("b", "A01B3/00"),
        patent("c", "A01B5/00"),
        patent("d", "A21B1/00"),
        patent("e", "A21B2/00"),
        patent("f", "A21B3/00"),
        patent("g", "A01B7/00", cites=("a",)),
    ]
    for relation, hardness in (("class", "medium"), ("cites", "hard")):
        rows = mine(records, negatives={"hard": 1.0}, relations=(relation,)).triplets.to_pylist()
        assert {r["hardness"] for r in rows} == {hardness}


def test_subclasses_without_groups_are_never_hard() -> None:
    records = [patent(f"{s}{i}", s) for s in ("A01B", "A21B", "H01L") for i in range(4)]
    counts = mine(records).counts
    assert counts["hard negatives found"] == 0 and counts["medium negatives found"] > 0


# ---- settings ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"negatives": {"hard": 0.5}}, "sum to 1"),
        ({"negatives": {"tough": 1.0}}, "negatives"),
        ({"negatives": {"hard": 1.5, "easy": -0.5}}, "negatives"),
        ({"relations": ()}, "relations"),
        ({"relations": ("cited",)}, "relations"),
        ({"coupled_by": 0}, "coupled_by"),
        ({"before": "2015"}, "before"),
        ({"before": "2015-02-30"}, "a day such as"),
        ({"shared_level": "subclas"}, "shared_level"),
        ({"triplets": 0}, "triplets"),
        ({"per_anchor": 0}, "per_anchor"),
        ({"within_years": -1}, "within_years"),
        ({"triplet": 5}, "triplet"),
    ],
)
def test_rules_are_checked(changes: dict[str, Any], message: str) -> None:
    with pytest.raises((ValidationError, ConfigError), match=message):
        MiningRules(**changes)


def test_a_relation_named_twice(graph: DuckDBGraph) -> None:
    with pytest.raises((ConfigError, ValidationError), match="twice"):
        mine_triplets(graph, rules(relations=("cites", "cites")))


@given(
    st.dictionaries(st.sampled_from("abcd"), st.integers(0, 40), min_size=1), st.integers(0, 100)
)
def test_allot(available: dict[str, int], total: int) -> None:
    got = allot(available, total)
    assert got.keys() == available.keys() and all(0 <= got[k] <= available[k] for k in got)
    assert sum(got.values()) == min(total, sum(available.values()))
    # Even: whoever got less than another, by more than one, had no more.
    for a in got:
        for b in got:
            assert got[a] >= got[b] - 1 or got[a] == available[a]


# ---- real patents -----------------------------------------------------------------------------


def test_real_patents(real_data: Path) -> None:
    corpus = Corpus.read(
        real_data / "patentsview-sample", limit=40_000
    )  # 11,500 of them with codes
    with DuckDBGraph(":memory:") as store:
        store.load(corpus.path)
        wanted = MiningRules()
        result = mine_triplets(store, wanted, seed=0)
    assert result.counts["triplets"] > 9_900
    assert result.counts["different negatives"] >= 0.95 * result.counts["triplets"]
    Checker(corpus).check(result, wanted)


# ---- what callers try -----------------------------------------------------------------------


def test_a_corpus_an_address_and_a_dict_give_what_a_graph_and_rules_give(
    loaded: Loaded, graph: DuckDBGraph
) -> None:
    wanted = mine_triplets(graph, rules(triplets=80), seed=2)
    settings = {"triplets": 80, "per_anchor": 2}
    for source in (loaded.corpus, loaded.graph, f"duckdb://{loaded.graph}"):
        got = mine_triplets(source, settings, seed=2)
        assert got.triplets.equals(wanted.triplets) and got.counts == wanted.counts
    train = loaded.corpus.select("train")
    part = mine_triplets(train, settings)
    assert part.triplets.equals(mine_triplets(graph, settings, among=train.ids.tolist()).triplets)
    used = {i for role in COLUMNS[:3] for i in part.triplets[role].to_pylist()}
    assert used <= set(train.ids) < set(loaded.corpus.ids)


@pytest.mark.parametrize(
    ("source", "settings", "message"),
    [
        ([{"patent_id": "1"}], {}, "triplets are mined from a graph or a corpus: got list; wanted"),
        (None, {}, "triplets are mined from a graph or a corpus: got NoneType; wanted a DuckDBGr"),
        ("none.duckdb", {}, "no such graph: got none.duckdb."),
        (
            None,
            {"triplet": 5},
            "unknown setting 'triplet' (in mining rules). Did you mean triplets",
        ),
        (None, 5, "settings must be a mapping (in mining rules): got int"),
    ],
)
def test_what_cannot_be_mined(source: Any, settings: Any, message: str) -> None:
    with pytest.raises(PatentclError) as error:
        mine_triplets(source, settings)
    assert message in str(error.value)
