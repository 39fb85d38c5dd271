"""Citations of the synthetic corpus: they follow topic and time, and have the known dirt."""

from __future__ import annotations

from patentcl.sample.dice import Dice
from patentcl.sample.patent import Patent

Row = tuple[str, int, str, str, str, str, str]

_LEVELS = (0.55, 0.77, 0.92, 0.98, 1.0)
"""Cumulative: cited from the same subgroup, group, subclass, section, anywhere."""


def cite(
    dice: Dice, corpus: list[Patent], surnames: list[str], first_number: int
) -> tuple[list[list[Row]], dict[str, int]]:
    """Make the citation rows of each patent (corpus in the order of dates), and count them."""
    cited = _inside(dice, corpus)
    counts = {"citations": 0, "citations_inside": sum(map(len, cited))}
    counts["self_citations"] = _add_self(dice, cited)
    counts["mutual_citations"] = _add_mutual(corpus, cited)
    known = {p.id for p in corpus}
    rows: list[list[Row]] = []
    dangling = 0
    for position, patent in enumerate(corpus):
        earlier = [corpus[i] for i in cited[position]]  # whose dates are precise to the month
        entries = [(p.id, f"{p.date:%Y-%m}-01", p.inventor, p.kind) for p in earlier]
        for _ in range(_draw_count(dice, 3 if patent.type != "design" else 2)):
            entry = _outside(dice, patent, surnames, first_number)
            if entry[0] not in known and all(entry[0] != e[0] for e in entries):
                entries.append(entry)
                dangling += 1
        if patent.date.year < 2010:  # once sorted by number, later in the order of the papers
            entries.sort(key=lambda e: (len(e[0]), e[0]))
        else:
            entries = dice.shuffled(entries)
        rows.append(
            [
                (patent.id, k, id_, date, name, kind, _category(dice, patent.date.year))
                for k, (id_, date, name, kind) in enumerate(entries)
            ]
        )
        counts["citations"] += len(entries)
    counts["citations_inside"] += counts["self_citations"] + counts["mutual_citations"]
    counts["citations_dangling"] = dangling
    return rows, counts


def _draw_count(dice: Dice, mean: int) -> int:
    """A count with a long tail and about this mean."""
    count = 0
    while count < 60 and dice.roll() * (mean + 1) < mean:
        count += 1
    return count


def _inside(dice: Dice, corpus: list[Patent]) -> list[list[int]]:
    """Choose which earlier patents of the corpus each patent cites."""
    by_topic: dict[str, list[int]] = {"": []}
    cited: list[list[int]] = []
    waiting = 0  # patents from here on were granted in the week being done: not citable yet
    for patent in corpus:
        while corpus[waiting].week < patent.week:
            earlier = corpus[waiting]
            for topic in (*earlier.topics, "") if earlier.topics else (earlier.type,):
                by_topic.setdefault(topic, []).append(waiting)
            waiting += 1
        chosen: dict[int, None] = {}
        if patent.parent >= 0 and dice.chance(0.12):
            chosen[patent.parent] = None
        for _ in range(_draw_count(dice, 4 if patent.type != "design" else 1)):
            pool = by_topic.get(_topic(dice, patent), [])
            if pool:
                u = dice.roll()
                found = pool[len(pool) - 1 - int(u * u * len(pool))]
                if found != patent.parent:
                    chosen[found] = None
        cited.append(list(chosen))
    return cited


def _topic(dice: Dice, patent: Patent) -> str:
    """Where a citation is looked for: near the main code, or near another one."""
    if not patent.topics:
        return patent.type
    level = dice.weighted(_LEVELS)
    topics = patent.topics
    code = topics[4 + dice.below(len(topics) - 4)] if len(topics) > 4 and dice.chance(0.2) else ""
    if code:
        return (code, f"{code.partition('/')[0]}/00", code[:4], code[0], "")[level]
    return (*topics[:4], "")[level]


def _add_self(dice: Dice, cited: list[list[int]]) -> int:
    """Let very few patents cite themselves."""
    count = max(1, len(cited) // 2500)
    done: dict[int, None] = {}
    while len(done) < count:
        done[dice.below(len(cited))] = None
    for position in done:
        cited[position].append(position)
    return count


def _add_mutual(corpus: list[Patent], cited: list[list[int]]) -> int:
    """Let very few patents also cite one that cites them: those nearest in time."""
    gaps = sorted(
        (corpus[i].week - corpus[j].week, i, j)
        for i, row in enumerate(cited)
        for j in row
        if i != j
    )
    count = min(max(1, len(cited) // 2500), len(gaps))
    for _, later, earlier in gaps[:count]:
        cited[earlier].append(later)
    return count


def _outside(
    dice: Dice, patent: Patent, surnames: list[str], first_number: int
) -> tuple[str, str, str, str]:
    """A cited document that is not in the corpus; most from before 1976, when the tables begin."""
    name = dice.pick(surnames)
    if patent.type == "design":
        number = 150_000 + dice.below(200_000)
        # Design citations once lost their letter.
        lost = patent.date.year < 2002 and dice.chance(0.3)
        return f"{'' if lost else 'D'}{number}", _any_month(dice, 1950, 1994), name, "S"
    if dice.chance(0.35):
        number = 1_600_000 + dice.below(2_300_000)
        return str(number), _any_month(dice, 1926, 1975), name, "A"
    own = int(patent.id) if patent.id.isdigit() else first_number
    if dice.chance(0.45) or own <= first_number or patent.date.year == 1995:
        early = 3_930_271 + dice.below(first_number - 3_930_271)
        return str(early), _any_month(dice, 1976, 1994), name, "A"
    number = first_number + dice.below(own - first_number)
    last = patent.date.year - 1
    year = 1995 + int((last - 1995) * (number - first_number) / (own - first_number))
    return str(number), _any_month(dice, year, year), name, "A" if year < 2001 else "B2"


def _any_month(dice: Dice, first: int, last: int) -> str:
    return f"{dice.between(first, last)}-{dice.between(1, 12):02d}-01"


def _category(dice: Dice, year: int) -> str:
    """Who cited: not recorded before 2002; applicants told apart since 2013."""
    if year < 2002:
        return ""
    if dice.chance(0.4):
        return "cited by examiner"
    return "cited by other" if year < 2013 or dice.chance(0.05) else "cited by applicant"
