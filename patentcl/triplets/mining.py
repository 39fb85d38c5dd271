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

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from patentcl.core.errors import ConfigError, DataError
from patentcl.cpc import LEVELS
from patentcl.graph.duckdb import DuckDBGraph
from patentcl.graph.session import Graph
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
    graph: Graph, rules: MiningRules, seed: int = 0, among: Sequence[str] | None = None
) -> MiningResult:
    """Mine triplets by a set of rules.

    Parameters
    ----------
    graph : DuckDBGraph or Neo4jGraph
        Both give the same triplets: the store answers what is connected to what, and everything
        else happens in tables that are read from it.
    rules : MiningRules
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
    """
    with _mined(graph, rules, seed, among) as (tables, counts):
        return MiningResult(tables.table("mine_result"), counts)


def write_triplets(
    graph: Graph,
    rules: MiningRules,
    path: str | Path,
    seed: int = 0,
    among: Sequence[str] | None = None,
) -> dict[str, int]:
    """Mine as `mine_triplets` does, straight into a Parquet file; returns the counts.

    The triplets never stand in memory all at once: the graph's memory setting bounds what the
    search uses, and what it does not hold spills to disk.
    """
    with _mined(graph, rules, seed, among) as (tables, counts):
        reader = tables.batches("mine_result")
        with pq.ParquetWriter(path, reader.schema) as writer:
            for batch in reader:
                writer.write_batch(batch)
        return counts


@contextmanager
def _mined(
    graph: Graph, rules: MiningRules, seed: int, among: Sequence[str] | None
) -> Iterator[tuple[DuckDBGraph, dict[str, int]]]:
    """Tables triplet and filled, from which the result is read, and the counts."""
    if len(set(rules.relations)) < len(rules.relations):
        raise ConfigError(
            "a relation is named twice", where="mining.relations", got=", ".join(rules.relations)
        )
    with graph.mining_source() as tables:
        counts: dict[str, int] = {}
        _draw(tables, rules, seed, among, counts)
        _positives(tables, rules, counts)
        _negatives(tables, rules, counts)
        yield tables, counts


def _draw(
    graph: DuckDBGraph,
    rules: MiningRules,
    seed: int,
    among: Sequence[str] | None,
    counts: dict[str, int],
) -> None:
    """Fill table drawn: the patents that may be in a triplet, in random order."""
    graph.allow(among)
    counts["patents allowed"] = graph.count("allowed")
    if not graph.has("coded"):
        graph.create("coded", temporary=True)
    graph.run("mine_sampled", seed=str(seed), before=None)
    with_codes = counts["of them with codes"] = graph.count("drawn")
    if not with_codes:
        raise DataError(
            "no triplets can be mined: no patent has a code",
            got=f"{counts['patents allowed']} patents allowed, none of them with codes",
            fix="Give data with CPC or IPC codes",
        )
    if rules.before is not None:
        graph.run("mine_sampled", seed=str(seed), before=rules.before)
        counts[f"of them before {rules.before}"] = graph.count("drawn")
        if not graph.count("drawn"):
            raise DataError(
                f"no patent is left by the rule before={rules.before}",
                got=f"{with_codes} patents with codes before this rule, none after it",
                fix="Choose a later mining.before",
            )


# ---- positives --------------------------------------------------------------------------------


def _positives(graph: DuckDBGraph, rules: MiningRules, counts: dict[str, int]) -> None:
    """Fill table triplet: each relation gets an equal part; what one lacks goes to the others.

    First turns of the patents first in random order are what is chosen in the end, so the search
    may stop as soon as every relation has its part of them: looking further would change nothing.
    """
    drawn = graph.count("drawn")
    size = max(_SCOPE, int(_SCOPE_EACH * rules.triplets))
    while True:
        below = _KEYS - 1 if drawn <= 1.5 * size else int(size / drawn * _KEYS)
        graph.run("mine_scope", below=below)
        available = _candidates(graph, rules, below)
        if sum(available.values()) >= rules.triplets or below == _KEYS - 1:
            break
        size *= 4
    counts["patents looked at"] = graph.count("scope")
    counts |= {f"pairs by {relation}": count for relation, count in available.items()}
    if not sum(available.values()):
        _explain_no_pairs(graph, rules, counts)
    graph.execute(
        "CREATE OR REPLACE TEMP TABLE chosen (anchor INTEGER, positive INTEGER, "
        "relation VARCHAR, shared VARCHAR, turn BIGINT, draw BIGINT)"
    )
    for name, part in allot(available, rules.triplets).items():
        graph.run("mine_choose", relation=name, count=part)
    graph.execute("""
        CREATE OR REPLACE TEMP TABLE triplet AS
        SELECT row_number() OVER (ORDER BY draw, anchor, positive) AS triplet, anchor, positive,
               relation, shared, a.year, a.text_key AS kin, b.text_key AS kin_of_positive
        FROM chosen JOIN scope a ON a.p = anchor JOIN scope b ON b.p = positive""")


def _candidates(graph: DuckDBGraph, rules: MiningRules, below: int) -> dict[str, int]:
    """Fill table candidate from the scope; returns how many pairs each relation has.

    A relation tries the first anchors, and all of them if those have not enough of first turns.
    """
    graph.execute(
        "CREATE OR REPLACE TEMP TABLE candidate (anchor INTEGER, positive INTEGER, "
        "relation VARCHAR, turn BIGINT)"
    )
    part, scope = -(-rules.triplets // len(rules.relations)), graph.count("scope")
    anchors, firsts = dict.fromkeys(rules.relations, 0), dict.fromkeys(rules.relations, 0)
    available: dict[str, int] = dict.fromkeys(rules.relations, 0)
    wanted: dict[str, int] = dict.fromkeys(rules.relations, part)
    while lacking := [r for r in rules.relations if firsts[r] < wanted[r] and anchors[r] < below]:
        for relation in lacking:
            few = _ANCHORS_EACH[relation] * wanted[relation] / scope
            anchors[relation] = int(few * below) if not anchors[relation] and few < 0.8 else below
            graph.execute(f"DELETE FROM candidate WHERE relation = '{relation}'")
            # Of what anchors cite little is in the scope: it streams past the scope in memory.
            with graph.as_written() if relation == "cites" else nullcontext():
                graph.run(
                    f"mine_{relation}",
                    level=rules.shared_level,
                    per_anchor=rules.per_anchor,
                    below=anchors[relation],
                    **_extra(relation, rules),
                )
            [[available[relation], firsts[relation]]] = graph.execute(
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


def _explain_no_pairs(graph: DuckDBGraph, rules: MiningRules, counts: dict[str, int]) -> None:
    """Say which rule left no pair, and how many pairs were left before it."""
    patents = counts.get(f"of them before {rules.before}", counts["of them with codes"])
    related = graph.execute("""
        SELECT count(*), count(*) FILTER (a.text_key <> b.text_key)
        FROM (SELECT p, unnest(refs) AS cited FROM scope) JOIN scope a USING (p)
        JOIN scope b ON b.p = cited""").fetchall()[0]
    names = " or ".join(rules.relations)
    if rules.relations == ("cites",) and related[0]:
        rule = f"shared_level={rules.shared_level}" if related[1] else "no near-copies or family"
        left = related[1] or related[0]
        raise DataError(
            f"no two patents are related by cites and share a {rules.shared_level}",
            got=f"{left} pairs of {patents} patents with codes before the rule {rule}, "
            "none after it",
            fix="Try mining.shared_level=section or more relations",
        )
    raise DataError(
        f"no two patents are related by {names} and share a {rules.shared_level}",
        got=f"{patents} patents with codes before this rule, no pairs after it",
        fix="Try mining.shared_level=section or more relations",
    )


def allot(available: dict[str, int], total: int) -> dict[str, int]:
    """Divide a total evenly, at most what is there of each; the rest goes to those that have more.

    Examples
    --------
    >>> allot({"cites": 10, "class": 500}, 100)
    {'cites': 10, 'class': 90}
    """
    out = dict.fromkeys(available, 0)
    left = min(total, sum(available.values()))
    while left:
        open_ = [k for k in available if out[k] < available[k]]
        step = max(1, left // len(open_))
        for k in open_:
            give = min(step, available[k] - out[k], left)
            out[k] += give
            left -= give
    return out


# ---- negatives --------------------------------------------------------------------------------


def _negatives(graph: DuckDBGraph, rules: MiningRules, counts: dict[str, int]) -> None:
    """Find each pair a negative of its wanted hardness, or of the next easier one: table filled."""
    total = graph.count("triplet")
    _deal_hardness(graph, rules, total, counts)
    graph.execute(
        "CREATE OR REPLACE TEMP TABLE filled (triplet BIGINT, anchor INTEGER, "
        "negative INTEGER, symbol INTEGER, gap INTEGER, kind VARCHAR)"
    )
    graph.execute("CREATE OR REPLACE TEMP TABLE refused (triplet BIGINT, negative INTEGER)")
    years = -1 if rules.within_years is None else rules.within_years
    for step, kind in enumerate(LADDER):
        before = graph.count("filled")
        _fill(graph, kind, LADDER[: step + 1], years, rules.coupled_by)
        counts[f"{kind} negatives found"] = graph.count("filled") - before
    counts |= _down_the_ladder(graph)
    filled = graph.count("filled")
    counts["pairs without a negative, left out"] = total - filled
    if not filled:
        near = "" if years < 0 else f" within {years} years"
        raise DataError(
            f"no pair has a negative{near}",
            got=f"{total} pairs before this rule, none after it",
            fix="Try mining.within_years=null, or other shares of negatives",
        )
    counts["triplets"] = filled
    counts["different negatives"] = graph.count("(SELECT DISTINCT negative FROM filled)")


def _fill(graph: DuckDBGraph, kind: str, kinds: Sequence[str], years: int, coupled_by: int) -> None:
    """Look for negatives of one kind for all open triplets that want it or a harder one."""
    names = ", ".join(f"'{k}'" for k in kinds)
    graph.execute(f"""
        CREATE OR REPLACE TEMP TABLE open AS
        SELECT triplet, anchor, positive, year, kin, kin_of_positive FROM triplet
        SEMI JOIN (SELECT triplet FROM wanted WHERE kind IN ({names})) w USING (triplet)""")
    made = False
    for first, last in _LOOKS:
        steps = [*range(first, last + 1), *range(-last, 1 - first)]
        graph.execute(
            "CREATE OR REPLACE TEMP TABLE open AS FROM open ANTI JOIN filled USING (triplet)"
        )
        count = graph.count("open")
        if not count:
            return
        if count <= _FEW and (first, last) != _LOOKS[-1]:
            continue
        if not made:
            graph.run("mine_slots", kind=kind)
            made = True
        with graph.as_written():  # the other way round, each pair walks a chain of all its likes
            graph.run("mine_negatives", kind=kind, steps=steps, years=years)
        graph.execute("CREATE OR REPLACE TEMP TABLE seen AS FROM choice")
        _assign(graph, kind, coupled_by, share=False)
    # Who finds all taken shares a negative with another anchor, never with its own.
    graph.execute("CREATE OR REPLACE TEMP TABLE choice AS FROM seen")
    _assign(graph, kind, coupled_by, share=True)


def _assign(graph: DuckDBGraph, kind: str, coupled_by: int, share: bool) -> None:
    """Give negatives out, round after round, until nobody has anything left to choose from."""
    while True:
        graph.run("mine_remaining", share=share)
        if not graph.count("choice"):
            return
        graph.run("mine_selected", share=share, shared=coupled_by)
        graph.execute(
            f"INSERT INTO filled SELECT triplet, anchor, negative, symbol, gap, '{kind}' "
            "FROM pick WHERE NOT coupled"
        )
        graph.execute("INSERT INTO refused SELECT triplet, negative FROM pick WHERE coupled")


def _deal_hardness(
    graph: DuckDBGraph, rules: MiningRules, total: int, counts: dict[str, int]
) -> None:
    """Write table wanted: which triplet is to have which kind of negative.

    In the stated shares, as far as there are pairs that can have the harder kinds.
    """
    graph.execute("CREATE OR REPLACE TEMP TABLE wanted (triplet BIGINT, kind VARCHAR)")
    shares = {str(kind): share for kind, share in rules.negatives.items()}
    upper, before = 0.0, 0
    for kind in LADDER:
        upper += shares.get(kind, 0.0)
        end = total if kind == LADDER[-1] else round(upper * total)
        shared = _NEGATIVE_SHARES.get(kind)
        deeper = LEVELS if shared is None else LEVELS[LEVELS.index(shared) + 1 :]
        names = ", ".join(f"'{level}'" for level in deeper)
        graph.execute(f"""
            INSERT INTO wanted
            SELECT triplet, '{kind}' FROM triplet ANTI JOIN wanted USING (triplet)
            WHERE relation <> 'class' OR shared IN ({names})
            ORDER BY md5(triplet::VARCHAR), triplet LIMIT {end - graph.count("wanted")}""")
        counts[f"{kind} negatives wanted"], before = end - before, end


def _down_the_ladder(graph: DuckDBGraph) -> dict[str, int]:
    """How many triplets were given an easier kind of negative than they were to have."""
    rows = {
        (a, b): n
        for a, b, n in graph.execute("""
        SELECT wanted.kind, filled.kind, count(*) FROM wanted JOIN filled USING (triplet)
        GROUP BY ALL""").fetchall()
    }
    return {
        f"{asked} wanted, {given} given": rows.get((asked, given), 0)
        for i, asked in enumerate(LADDER)
        for given in LADDER[i + 1 :]
    }
