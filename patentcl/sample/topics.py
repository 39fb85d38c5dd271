"""What the patents of the synthetic corpus are about: subclasses, components and codes."""

from __future__ import annotations

import itertools
from collections.abc import Iterable

from patentcl.sample.dice import Dice
from patentcl.sample.vocabulary import (
    Actor,
    Group,
    Part,
    Subclass,
    Subgroup,
    cast,
    generic_parts,
    read_tables,
    table,
)

YEARS = 30
"""Years of grant, from 1995."""

Choice = tuple[Subclass, Group, Subgroup]


class TopicChooser:
    """Draws what a patent is about, by the frequency of subclasses and the trend of groups."""

    def __init__(self, dice: Dice) -> None:
        self.dice = dice
        self.tables = read_tables()
        self.order: list[str] = table("tables")["subclasses by frequency"]
        self.generic = generic_parts()
        base = [_zipf(rank) for rank in range(len(self.order))]
        self.subclasses: list[list[float]] = []
        self.groups: list[dict[str, list[float]]] = []
        for year in range(YEARS):
            x = year / (YEARS - 1)
            total, line = 0.0, []
            inner: dict[str, list[float]] = {}
            for weight, symbol in zip(base, self.order, strict=True):
                groups = self.tables[symbol].groups
                shares = [
                    (1 + 0.75 * g.trend * (2 * x - 1)) / (k + 1.5) for k, g in enumerate(groups)
                ]
                inner[symbol] = list(itertools.accumulate(shares))
                plain = sum(1 / (k + 1.5) for k in range(len(groups)))
                total += weight * inner[symbol][-1] / plain
                line.append(total)
            self.subclasses.append(line)
            self.groups.append(inner)

    def choose(self, year: int) -> list[Choice]:
        """Draw one to four subclasses with a subgroup of each; the first is the main one."""
        dice = self.dice
        main = self._subclass(year)
        found = [main]
        roll = dice.roll()
        more = 0 if roll < 0.52 else 1 if roll < 0.84 else 2 if roll < 0.96 else 3
        while more:
            near = found[0].near
            symbol = dice.pick(near) if near and dice.chance(0.7) else self._subclass(year).symbol
            if symbol[0] != "Y" and all(symbol != s.symbol for s in found):
                found.append(self.tables[symbol])
            more -= 1
        out = []
        for subclass in found:
            group = subclass.groups[dice.weighted(self.groups[year][subclass.symbol])]
            size = len(group.subgroups)
            out.append((subclass, group, group.subgroups[min(dice.below(size), dice.below(size))]))
        return out

    def _subclass(self, year: int) -> Subclass:
        return self.tables[self.order[self.dice.weighted(self.subclasses[year])]]

    def actors(self, chosen: list[Choice], year: int) -> list[Actor]:
        """Cast the components: most from the main subgroup and subclass, some from the others."""
        dice = self.dice
        main, group, subgroup = chosen[0]
        own: dict[Part, str] = {}  # part -> subclass it comes from

        def add(parts: Iterable[Part], number: int, source: str) -> None:
            for part in self._some(parts, number, year):
                own.setdefault(part, source)

        add(subgroup.parts, dice.between(1, 2), main.symbol)
        first = next(iter(own))
        add([p for s in group.subgroups for p in s.parts], dice.below(3), main.symbol)
        add(main.parts, dice.between(1, 3), main.symbol)
        add(self.generic[main.style], dice.between(1, 2), "")
        for k, (other, _, other_subgroup) in enumerate(chosen[1:]):
            if dice.chance(0.25):  # a label that the text hardly shows, as in life
                continue
            add(other_subgroup.parts, dice.between(1, 2), other.symbol)
            add(other.parts, dice.below(3 - min(k, 2)), other.symbol)
        if dice.chance(0.35):  # words of a field that is not a label
            symbol = dice.pick(main.near) if main.near else main.symbol
            add(self.tables[symbol].parts, dice.between(1, 2), symbol)
        rest = dice.shuffled([p for p in own if p is not first])
        return [cast(dice, p, own[p]) for p in (first, *rest)]

    def _some(self, parts: Iterable[Part], number: int, year: int) -> list[Part]:
        """Draw components that are in use in a year."""
        pool = list(parts)
        return [
            p
            for p in self.dice.shuffled(pool)
            if not p.era or self.dice.chance(_in_use(p.era, year))
        ][:number] or pool[:1] * min(1, number)


def _zipf(rank: int) -> float:
    """Weight of a rank: about 1/rank, falling off faster in the tail."""
    x = rank / 38
    return 1 / ((rank + 3) * (1 + x * x * x * x))


def _in_use(era: int, year: int) -> float:
    """Probability that a late (+1) or early (-1) word is used in a year counted from 1995."""
    x = min(max((year - 5) / 15, 0.0), 1.0)
    return 0.08 + 0.92 * (x if era > 0 else 1 - x)


def choose_codes(dice: Dice, chosen: list[Choice]) -> list[tuple[str, str]]:
    """Turn the chosen subgroups into CPC codes with their type, some neighbours, and Y tags."""
    codes: dict[str, str] = {}
    for k, (subclass, group, subgroup) in enumerate(chosen):
        strong = k == 0 or dice.chance(0.4)
        codes.setdefault(subgroup.symbol, "inventional" if strong else "additional")
        for _ in range(dice.below(3 if k == 0 else 2)):
            other = group if dice.chance(0.7) else dice.pick(subclass.groups)
            symbol = other.symbol if dice.chance(0.1) else dice.pick(other.subgroups).symbol
            codes.setdefault(symbol, "inventional" if dice.chance(0.5) else "additional")
    room = 4 - len(chosen)
    for symbol, share in chosen[0][0].tags:
        new = symbol[:4]
        known = any(c.startswith(new) for c in codes)
        if dice.chance(share) and (known or room > 0):
            room -= not known
            codes[symbol] = "additional"
    return list(codes.items())
