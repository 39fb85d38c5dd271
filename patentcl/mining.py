"""CPC-aware triplets from the patent graph: anchor, positive, negative.

A positive is related to its anchor (it is cited by it, or it shares a class) and carries a symbol
in common with it at a chosen level. Negatives stand on a ladder: easy (another section), medium
(same section, another class), hard (same subclass, no group in common), near the anchor in time.
Where class alone makes a positive, its negative shares less with the anchor than it does: a pair
that has only its subclass in common gets no hard negative, which would be just as near. What is
random comes from a key that depends on seed and patent id alone, so results repeat exactly.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import pyarrow as pa

from patentcl.config import MiningRules
from patentcl.cpc import LEVELS
from patentcl.errors import ConfigError, DataError
from patentcl.graph import Graph
from patentcl.graph_duckdb import DuckDBGraph

COLUMNS = ("anchor_id", "positive_id", "negative_id", "relation", "level", "hardness", "rule")
LADDER = ("hard", "medium", "easy")
# What a negative has in common with its anchor.
_NEGATIVE_SHARES = {"hard": "subclass", "medium": "section"}
_RING_TRIES = 4  # pairs round the ring beyond per_anchor, to get past near-copies and citations
_REACHES = (8, 128)  # a short look serves nearly all; the long one is for crowded or tiny classes


@dataclass(frozen=True)
class MiningResult:
    """Triplets and what happened on the way to them.

    Attributes
    ----------
    triplets : pyarrow.Table
        anchor_id, positive_id, negative_id, relation (cites | class), level (deepest level that
        anchor and positive share), hardness (hard | medium | easy), rule (in words, why this one).
    counts : dict
        Pool, candidates per relation, negatives wanted and found per hardness, triplets lost.
    """

    triplets: pa.Table
    counts: dict[str, int] = field(default_factory=dict)


def mine_triplets(graph: Graph, rules: MiningRules, seed: int = 0,
                  among: Sequence[str] | None = None) -> MiningResult:
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
    if len(set(rules.relations)) < len(rules.relations):
        raise ConfigError("a relation is named twice", where="mining.relations",
                          got=", ".join(rules.relations))
    with graph.mining_source() as tables:
        return _mine(tables, rules, seed, among)


def _mine(graph: DuckDBGraph, rules: MiningRules, seed: int,
          among: Sequence[str] | None) -> MiningResult:
    counts: dict[str, int] = {}
    graph.allow(among)
    counts["patents allowed"] = graph.count("allowed")
    graph.run("mine_pool", seed=str(seed))
    counts["of them with codes"] = graph.count("pool")
    if not counts["of them with codes"]:
        raise DataError("no triplets can be mined: no patent has a code",
                        got=f"{counts['patents allowed']} patents allowed, none of them with codes",
                        fix="Give data with CPC or IPC codes")
    graph.run("mine_edges")
    _positives(graph, rules, seed, counts)
    graph.run("mine_seats")
    return MiningResult(_negatives(graph, rules, counts), counts)


def _positives(graph: DuckDBGraph, rules: MiningRules, seed: int, counts: dict[str, int]) -> None:
    """Fill table chosen: each relation gets an equal part; what one lacks goes to the others."""
    graph.execute("CREATE OR REPLACE TEMP TABLE candidate (anchor INTEGER, positive INTEGER, "
                  "relation VARCHAR, shared VARCHAR, turn BIGINT)")
    graph.execute("CREATE OR REPLACE TEMP TABLE chosen (anchor INTEGER, positive INTEGER, "
                  "relation VARCHAR, shared VARCHAR, turn BIGINT, draw UBIGINT)")
    available: dict[str, int] = {}
    for relation in rules.relations:
        before = graph.count("candidate")
        extra = {"tries": rules.per_anchor + _RING_TRIES} if relation == "class" else {}
        graph.run(f"mine_{relation}", level=rules.shared_level, per_anchor=rules.per_anchor,
                  **extra)
        available[relation] = graph.count("candidate") - before
        counts[f"pairs by {relation}"] = available[relation]
    if not sum(available.values()):
        raise DataError(
            f"no two patents are related by {' or '.join(rules.relations)} and share a "
            f"{rules.shared_level}", got=f"{counts['of them with codes']} patents with codes "
            "before this rule, no pairs after it",
            fix="Try mining.shared_level=section or more relations")
    for name, part in allot(available, rules.triplets).items():
        graph.run("mine_choose", relation=name, count=part, seed=str(seed))


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


def _negatives(graph: DuckDBGraph, rules: MiningRules, counts: dict[str, int]) -> pa.Table:
    """Find each chosen pair a negative of its wanted hardness, or of the next easier one."""
    graph.execute("""
        CREATE OR REPLACE TEMP TABLE triplet AS
        SELECT row_number() OVER (ORDER BY draw, anchor, positive) AS triplet, anchor, positive,
               relation, shared FROM chosen""")
    total = graph.count("triplet")
    _deal_hardness(graph, rules, total, counts)
    graph.execute("CREATE OR REPLACE TEMP TABLE filled (triplet BIGINT, anchor INTEGER, "
                  "negative INTEGER, symbol VARCHAR, gap INTEGER, kind VARCHAR)")
    years = -1 if rules.within_years is None else rules.within_years
    for step, kind in enumerate(LADDER):
        before, looked = graph.count("filled"), False
        kinds = ", ".join(f"'{k}'" for k in LADDER[:step + 1])
        for reach in _REACHES:
            graph.execute(f"""
                CREATE OR REPLACE TEMP TABLE open AS
                SELECT triplet, anchor, positive FROM triplet
                SEMI JOIN (SELECT triplet FROM wanted WHERE kind IN ({kinds})) w USING (triplet)
                ANTI JOIN filled USING (triplet)""")
            if not graph.count("open"):
                break
            graph.run("mine_negatives", kind=kind, reach=reach, years=years)
            looked, had = True, -1
            while had != (had := graph.count("filled")):
                graph.run("mine_assign", kind=kind)
        had = -1
        while looked and had != (had := graph.count("filled")):  # else choice would be an older one
            graph.run("mine_assign_rest", kind=kind)
        counts[f"{kind} negatives found"] = graph.count("filled") - before
    counts["pairs without a negative, left out"] = total - graph.count("filled")
    table = graph.table("mine_result")
    if not table.num_rows:
        raise DataError("no pair has a negative",
                        got=f"{total} pairs before this rule, none after it",
                        fix="Try mining.within_years=null, or other shares of negatives")
    counts["triplets"] = table.num_rows
    counts["different negatives"] = len(table["negative_id"].unique())
    return table


def _deal_hardness(graph: DuckDBGraph, rules: MiningRules, total: int,
                   counts: dict[str, int]) -> None:
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
        deeper = LEVELS if shared is None else LEVELS[LEVELS.index(shared) + 1:]
        names = ", ".join(f"'{level}'" for level in deeper)
        graph.execute(f"""
            INSERT INTO wanted
            SELECT triplet, '{kind}' FROM triplet ANTI JOIN wanted USING (triplet)
            WHERE relation <> 'class' OR shared IN ({names})
            ORDER BY md5(triplet::VARCHAR), triplet LIMIT {end - graph.count("wanted")}""")
        counts[f"{kind} negatives wanted"], before = end - before, end
