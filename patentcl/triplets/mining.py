"""CPC-aware triplets from the patent graph: anchor, positive, negative.

A positive is related to its anchor (the anchor cites it, both cite the same documents, or they
share a class) and carries a symbol in common with it at a chosen level. Negatives stand on a
ladder: easy (another section), medium (same section, another class), hard (same subclass, no group
in common), near the anchor in time. A triplet that finds none of its kind goes down the ladder, and
that is counted. Where class alone makes a positive, its negative shares less with the anchor than
it does: a pair with only its subclass in common gets no hard negative, which would be just as near.

Never a negative: what the anchor cites or is cited by, what shares references with it as coupled
patents do, near-copies and family of anchor or positive, its other positives. What is random comes
from a key that depends on seed and patent id alone, so results repeat exactly.

Patents are looked at in random order, no more of them than the triplets asked for need: time and
memory follow the triplets, not the table.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from patentcl.core.errors import ConfigError, DataError, TooFew
from patentcl.core.locks import Scratch
from patentcl.core.settings import make_settings
from patentcl.core.tables import counted
from patentcl.cpc import LEVELS
from patentcl.data.corpus import Corpus
from patentcl.graph.database import Database
from patentcl.graph.duckdb import DuckDBGraph
from patentcl.graph.session import Graph, open_graph
from patentcl.triplets.settings import MiningRules

COLUMNS = ("anchor_id", "positive_id", "negative_id", "relation", "level", "hardness", "rule")
LADDER = ("hard", "medium", "easy")
# What a negative has in common with its anchor.
_NEGATIVE_SHARES = {"hard": "subclass", "medium": "section"}
_RING_TRIES = 4  # pairs round the ring beyond per_anchor, to get past near-copies and citations
_CROWD = 64  # documents with more citing patents bring no coupled pairs together
# How far along the row to look for a negative, both ways. Most find theirs next to them, so it goes
# in steps; the last is a look at all of it, for crowded classes.
_LOOKS = ((1, 1), (2, 3), (4, 8), (9, 24), (25, 128), (1, 128))
_FEW = 1000  # so few take the last look at once: steps would cost more than they spare
_SCOPE = 200_000  # patents looked at, at least; else so many for each triplet:
_SCOPE_EACH = 2.0
# Anchors tried for each pair wanted, before all of the scope are: nearly all have a mate by class.
_ANCHORS_EACH = {"cites": 2.0, "coupled": 2.0, "class": 1.05}
_KEYS = 2**63


@dataclass(frozen=True)
class MiningResult:
    """Triplets and what happened on the way to them.

    Attributes
    ----------
    triplets : pyarrow.Table
        anchor_id, positive_id, negative_id, relation (cites | coupled | class), level (deepest
        level that anchor and positive share), hardness (hard | medium | easy), rule (in words, why
        this one).
    counts : dict
        Pool, candidates per relation, negatives wanted and found per hardness, how many went down
        the ladder, triplets lost.
    """

    triplets: pa.Table
    counts: dict[str, int] = field(default_factory=dict)


def mine_triplets(
    graph: Graph | Corpus | str | Path,
    rules: MiningRules | Mapping[str, Any] | None = None,
    seed: int = 0,
    among: Sequence[str] | None = None,
) -> MiningResult:
    """Mine triplets by a set of rules.

    Parameters
    ----------
    graph : DuckDBGraph, Neo4jGraph, address of one, or Corpus
        All give the same triplets: the store says what is connected to what, and everything else
        happens in tables that are read from it. Of a corpus, a graph is made for the occasion, and
        only the patents of a part such as ``corpus.select("train")`` appear in triplets.
    rules : MiningRules or mapping, optional
        Such as ``{"triplets": 5000, "relations": ["class"]}``.
    seed : int
        The same data, rules and seed give the same triplets, row for row.
    among : sequence of str, optional
        Ids that may appear, as a rule the training split; None for all.

    Returns
    -------
    MiningResult

    Raises
    ------
    DataError
        If a rule leaves nothing; says which one, and how many were left before it.

    Examples
    --------
    >>> corpus = Corpus.from_records(
    ...     [{"patent_id": i, "title": i, "codes": [c]} for i, c in zip("abcd", ["A01B1/00"] * 2
    ...      + ["H01M4/00"] * 2)])
    >>> result = mine_triplets(corpus, {"relations": ["class"], "negatives": {"easy": 1}})
    >>> result.triplets.to_pandas()["rule"][0]
    'same class, both A01B1/00; negative in another section'
    """
    with _mined(graph, rules, seed, among) as (tables, counts):
        return MiningResult(tables.table("mine_result"), counts)


def write_triplets(
    graph: Graph | Corpus | str | Path,
    rules: MiningRules | Mapping[str, Any] | None,
    path: str | Path,
    seed: int = 0,
    among: Sequence[str] | None = None,
) -> dict[str, int]:
    """Mine as `mine_triplets` does, straight into a Parquet file; returns the counts.

    The triplets are never in memory all at once: the graph's memory setting bounds what the search
    uses, and what it does not hold spills to disk.
    """
    with _mined(graph, rules, seed, among) as (tables, counts):
        reader = tables.batches("mine_result")
        with pq.ParquetWriter(path, reader.schema) as writer:
            for batch in reader:
                writer.write_batch(batch)
        return counts


@contextmanager
def _opened(source: Any) -> Iterator[Graph]:
    """The graph that something is, names, or that is made of a corpus."""
    if isinstance(source, Corpus):
        with Scratch() as work, DuckDBGraph(Path(work) / "graph.duckdb") as made:
            made.load(source.path)
            yield made
    elif isinstance(source, str | Path):
        with open_graph(source) as opened:
            yield opened
    elif hasattr(source, "mining_source"):
        yield source
    else:
        raise DataError(
            "triplets are mined from a graph or a corpus",
            got=type(source).__name__,
            wanted="a DuckDBGraph, a Neo4jGraph, its address, or a Corpus",
            fix="Make a corpus with Corpus.read",
        )


@contextmanager
def _mined(
    source: Any, given: Any, seed: int, among: Sequence[str] | None
) -> Iterator[tuple[Database, dict[str, int]]]:
    """Tables triplet and filled, from which the result is read, and the counts."""
    rules = make_settings(MiningRules, {} if given is None else given, "mining rules")
    if len(set(rules.relations)) < len(rules.relations):
        raise ConfigError(
            "a relation is named twice", where="mining.relations", got=", ".join(rules.relations)
        )
    if among is None and isinstance(source, Corpus):
        among = source.ids.tolist()
    with _opened(source) as graph, graph.mining_source() as tables:
        counts: dict[str, int] = {}
        _sample(tables, rules, seed, among, counts)
        _positives(tables, rules, counts)
        _negatives(tables, rules, counts)
        yield tables, counts


def _sample(
    tables: Database,
    rules: MiningRules,
    seed: int,
    among: Sequence[str] | None,
    counts: dict[str, int],
) -> None:
    """Fill table sampled: the patents that may be in a triplet, in random order."""
    tables.allow(among)
    counts["patents allowed"] = tables.count("allowed")
    if not tables.has("coded"):
        tables.create("coded", temporary=True)
    tables.run("mine_sampled", seed=str(seed), before=None)
    with_codes = counts["of them with codes"] = tables.count("sampled")
    if not with_codes:
        raise TooFew(
            "no triplets can be mined: no patent has a code",
            got=f"{counts['patents allowed']} patents allowed, none of them with codes",
            fix="Give data with CPC or IPC codes",
        )
    if rules.before is not None:
        tables.run("mine_sampled", seed=str(seed), before=rules.before)
        counts[f"of them before {rules.before}"] = tables.count("sampled")
        if not tables.count("sampled"):
            raise DataError(
                f"no patent is left by the rule before={rules.before}",
                got=f"patents with codes before this rule: {with_codes}, after it: none",
                fix="Choose a later mining.before",
            )


# ---- positives --------------------------------------------------------------------------------


def _positives(tables: Database, rules: MiningRules, counts: dict[str, int]) -> None:
    """Fill table triplet: each relation gets an equal part; what one lacks goes to the others.

    First turns of the patents first in random order are what is chosen in the end, so the search
    may stop as soon as every relation has its part of them: looking further would change nothing.
    """
    sampled = tables.count("sampled")
    size = max(_SCOPE, int(_SCOPE_EACH * rules.triplets))
    while True:
        below = _KEYS - 1 if sampled <= 1.5 * size else int(size / sampled * _KEYS)
        tables.run("mine_scope", below=below)
        available = _candidates(tables, rules, below)
        if sum(available.values()) >= rules.triplets or below == _KEYS - 1:
            break
        size *= 4
    counts["patents looked at"] = tables.count("scope")
    counts |= {f"pairs by {relation}": count for relation, count in available.items()}
    if not sum(available.values()):
        _explain_no_pairs(tables, rules, counts)
    tables.execute(
        "CREATE OR REPLACE TEMP TABLE chosen (anchor INTEGER, positive INTEGER, "
        "relation VARCHAR, shared VARCHAR, turn BIGINT, random_key BIGINT)"
    )
    for name, part in allot(available, rules.triplets).items():
        tables.run("mine_choose", relation=name, count=part)
    tables.execute("""
        CREATE OR REPLACE TEMP TABLE triplet AS
        SELECT row_number() OVER (ORDER BY random_key, anchor, positive) AS triplet,
               anchor, positive, relation, shared, a.year, a.duplicate_group,
               b.duplicate_group AS duplicate_group_of_positive
        FROM chosen JOIN scope a ON a.p = anchor JOIN scope b ON b.p = positive""")


def _candidates(tables: Database, rules: MiningRules, below: int) -> dict[str, int]:
    """Fill table candidate from the scope; returns how many pairs each relation has.

    A relation tries the first anchors, and all of them if those have not enough of first turns.
    """
    tables.execute(
        "CREATE OR REPLACE TEMP TABLE candidate (anchor INTEGER, positive INTEGER, "
        "relation VARCHAR, turn BIGINT)"
    )
    part, scope = -(-rules.triplets // len(rules.relations)), tables.count("scope")
    anchors, firsts = dict.fromkeys(rules.relations, 0), dict.fromkeys(rules.relations, 0)
    available: dict[str, int] = dict.fromkeys(rules.relations, 0)
    wanted: dict[str, int] = dict.fromkeys(rules.relations, part)
    while lacking := [r for r in rules.relations if firsts[r] < wanted[r] and anchors[r] < below]:
        for relation in lacking:
            few = _ANCHORS_EACH[relation] * wanted[relation] / scope
            anchors[relation] = int(few * below) if not anchors[relation] and few < 0.8 else below
            tables.execute(f"DELETE FROM candidate WHERE relation = '{relation}'")
            # Of what anchors cite little is in the scope: it streams past the scope in memory.
            with tables.as_written() if relation == "cites" else nullcontext():
                tables.run(
                    f"mine_{relation}",
                    level=rules.shared_level,
                    per_anchor=rules.per_anchor,
                    below=anchors[relation],
                    **_extra(relation, rules),
                )
            [[available[relation], firsts[relation]]] = tables.execute(
                "SELECT count(*), count(*) FILTER (turn = 1) FROM candidate "
                f"WHERE relation = '{relation}'"
            ).fetchall()
        # What has not tried all anchors may have as many as are wanted.
        wanted = allot(
            {r: rules.triplets if anchors[r] < below else available[r] for r in rules.relations},
            rules.triplets,
        )
    return available


def _extra(relation: str, rules: MiningRules) -> dict[str, int]:
    if relation == "class":
        coupled = rules.coupled_by if "coupled" in rules.relations else 0
        return {"tries": rules.per_anchor + _RING_TRIES, "shared": coupled}
    if relation == "coupled":
        return {"shared": rules.coupled_by, "crowd": _CROWD}
    return {}


def _explain_no_pairs(tables: Database, rules: MiningRules, counts: dict[str, int]) -> None:
    """Say which rule left no pair, and how many pairs were left before it."""
    patents = counts.get(f"of them before {rules.before}", counts["of them with codes"])
    related = tables.execute("""
        SELECT count(*), count(*) FILTER (a.duplicate_group <> b.duplicate_group)
        FROM (SELECT p, unnest(refs) AS cited FROM scope) JOIN scope a USING (p)
        JOIN scope b ON b.p = cited""").fetchall()[0]
    names = " or ".join(rules.relations)
    if rules.relations == ("cites",) and related[0]:
        rule = f"shared_level={rules.shared_level}" if related[1] else "no near-copies or family"
        before = related[1] or related[0]
        raise TooFew(
            f"no two patents are related by cites and share a {rules.shared_level}",
            got=f"{counted(before, 'pairs')} of {patents} patents with codes "
            f"before the rule {rule}, none after it",
            fix="Try mine.shared_level=section or more relations",
        )
    raise TooFew(
        f"no two patents are related by {names} and share a {rules.shared_level}",
        got=f"{counted(patents, 'patents')} with codes before this rule, no pairs after it",
        fix="Try mine.shared_level=section or more relations",
    )


def allot(available: dict[str, int], total: int) -> dict[str, int]:
    """Divide a total evenly, at most what is there of each; the rest goes to those that have more.

    Examples
    --------
    >>> allot({"cites": 10, "class": 500}, 100)
    {'cites': 10, 'class': 90}
    """
    out = dict.fromkeys(available, 0)
    remaining = min(total, sum(available.values()))
    while remaining:
        open_ = [k for k in available if out[k] < available[k]]
        step = max(1, remaining // len(open_))
        for k in open_:
            give = min(step, available[k] - out[k], remaining)
            out[k] += give
            remaining -= give
    return out


# ---- negatives --------------------------------------------------------------------------------


def _negatives(tables: Database, rules: MiningRules, counts: dict[str, int]) -> None:
    """Find each pair a negative of its wanted hardness, or of the next easier one: table filled."""
    total = tables.count("triplet")
    _deal_hardness(tables, rules, total, counts)
    tables.execute(
        "CREATE OR REPLACE TEMP TABLE filled (triplet BIGINT, anchor INTEGER, "
        "negative INTEGER, symbol INTEGER, gap INTEGER, kind VARCHAR)"
    )
    tables.execute("CREATE OR REPLACE TEMP TABLE refused (triplet BIGINT, negative INTEGER)")
    years = -1 if rules.within_years is None else rules.within_years
    for step, kind in enumerate(LADDER):
        before = tables.count("filled")
        _fill(tables, kind, LADDER[: step + 1], years, rules.coupled_by)
        counts[f"{kind} negatives found"] = tables.count("filled") - before
    counts |= _down_the_ladder(tables)
    filled = tables.count("filled")
    counts["pairs without a negative, left out"] = total - filled
    if not filled:
        near = "" if years < 0 else f" within {years} years"
        raise TooFew(
            f"no pair has a negative{near}",
            got=f"{total} pairs before this rule, none after it",
            fix="Try mine.within_years=null, or other shares of negatives",
        )
    counts["triplets"] = filled
    counts["different negatives"] = tables.count("(SELECT DISTINCT negative FROM filled)")


def _fill(tables: Database, kind: str, kinds: Sequence[str], years: int, coupled_by: int) -> None:
    """Look for negatives of one kind for all open triplets that want it or a harder one."""
    names = ", ".join(f"'{k}'" for k in kinds)
    tables.execute(f"""
        CREATE OR REPLACE TEMP TABLE open AS
        SELECT triplet, anchor, positive, year, duplicate_group, duplicate_group_of_positive
        FROM triplet
        SEMI JOIN (SELECT triplet FROM wanted WHERE kind IN ({names})) w USING (triplet)""")
    made = False
    for first, last in _LOOKS:
        steps = [*range(first, last + 1), *range(-last, 1 - first)]
        tables.execute(
            "CREATE OR REPLACE TEMP TABLE open AS FROM open ANTI JOIN filled USING (triplet)"
        )
        count = tables.count("open")
        if not count:
            return
        if count <= _FEW and (first, last) != _LOOKS[-1]:
            continue
        if not made:
            tables.run("mine_slots", kind=kind)
            made = True
        with tables.as_written():  # the other way round, each pair walks a chain of all its likes
            tables.run("mine_negatives", kind=kind, steps=steps, years=years)
        tables.execute("CREATE OR REPLACE TEMP TABLE seen AS FROM choice")
        _assign(tables, kind, coupled_by, share=False)
    # Who finds all taken shares a negative with another anchor, never with its own.
    tables.execute("CREATE OR REPLACE TEMP TABLE choice AS FROM seen")
    _assign(tables, kind, coupled_by, share=True)


def _assign(tables: Database, kind: str, coupled_by: int, share: bool) -> None:
    """Give negatives out, round after round, until nobody has anything left to choose from."""
    while True:
        tables.run("mine_remaining", share=share)
        if not tables.count("choice"):
            return
        tables.run("mine_selected", share=share, shared=coupled_by)
        tables.execute(
            f"INSERT INTO filled SELECT triplet, anchor, negative, symbol, gap, '{kind}' "
            "FROM selected WHERE NOT coupled"
        )
        tables.execute("INSERT INTO refused SELECT triplet, negative FROM selected WHERE coupled")


def _deal_hardness(
    tables: Database, rules: MiningRules, total: int, counts: dict[str, int]
) -> None:
    """Write table wanted: which triplet is to have which kind of negative.

    In the stated shares, as far as there are pairs that can have the harder kinds.
    """
    tables.execute("CREATE OR REPLACE TEMP TABLE wanted (triplet BIGINT, kind VARCHAR)")
    shares = {str(kind): share for kind, share in rules.negatives.items()}
    upper, before = 0.0, 0
    for kind in LADDER:
        upper += shares.get(kind, 0.0)
        end = total if kind == LADDER[-1] else round(upper * total)
        shared = _NEGATIVE_SHARES.get(kind)
        deeper = LEVELS if shared is None else LEVELS[LEVELS.index(shared) + 1 :]
        names = ", ".join(f"'{level}'" for level in deeper)
        tables.execute(f"""
            INSERT INTO wanted
            SELECT triplet, '{kind}' FROM triplet ANTI JOIN wanted USING (triplet)
            WHERE relation <> 'class' OR shared IN ({names})
            ORDER BY md5(triplet::VARCHAR), triplet LIMIT {end - tables.count("wanted")}""")
        counts[f"{kind} negatives wanted"], before = end - before, end


def _down_the_ladder(tables: Database) -> dict[str, int]:
    """How many triplets were given an easier kind of negative than they were to have."""
    rows = {
        (a, b): n
        for a, b, n in tables.execute("""
        SELECT wanted.kind, filled.kind, count(*) FROM wanted JOIN filled USING (triplet)
        GROUP BY ALL""").fetchall()
    }
    return {
        f"{asked} wanted, {given} given": rows.get((asked, given), 0)
        for i, asked in enumerate(LADDER)
        for given in LADDER[i + 1 :]
    }
