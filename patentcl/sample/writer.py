"""A synthetic corpus in PatentsView's own file layout, for trying things and for tests.

The patents are invented: their words come from a vocabulary of some 70 CPC subclasses and a small
grammar. Codes are real, their titles reworded; labels, dates, citations and dirt follow the shapes
of the published tables. Figures measured on the sample say nothing about patents.
"""

from __future__ import annotations

import csv
import datetime
import io
import json
import zipfile
from collections.abc import Iterable
from pathlib import Path

from patentcl.core.errors import ConfigError, DataError
from patentcl.core.files import replacing, switch
from patentcl.sample.citations import cite
from patentcl.sample.claims import claim_rows
from patentcl.sample.dice import Dice
from patentcl.sample.patent import FIRST_DAY, Patent
from patentcl.sample.text import Topic, make_abstract, make_title
from patentcl.sample.topics import TopicChooser, choose_codes
from patentcl.sample.vocabulary import cast, read_tables, table

MIN_PATENTS, MAX_PATENTS = 100, 500_000

_TABLES = table("tables")
COLUMNS: dict[str, list[str]] = _TABLES["columns"]
"""Columns of each table, as PatentsView publishes them."""
# The first utility patent number of each year from 1995, and the one after the last of 2024.
_FIRST_NUMBER: list[int] = _TABLES["first utility number of each year"]
# Share of all patents, prefix, number range, kind codes before 2001 and since, of the rarer types.
_RARE_TYPES: list[tuple[str, float, str, int, int, str, str]] = _TABLES["rare types"]
_WEEKS = 1566  # Tuesdays from 1995-01-03 to 2024-12-31


# ---- public -------------------------------------------------------------------------------------


def write_sample(folder: str | Path, patents: int = 5000, seed: int = 0) -> dict[str, int]:
    """Write a synthetic corpus as PatentsView tables, NAME.tsv in NAME.tsv.zip each.

    The same number and seed give the same bytes on every machine and Python. The folder appears
    only when complete. ``sample.json`` beside the tables says that they are synthetic, and counts.

    Parameters
    ----------
    folder : path
        Is made, with its parents; an earlier sample there is replaced.
    patents : int
        Rows of g_patent, from 100 to 500,000.

    Returns
    -------
    dict of str to int
        Counts: patents by type, withdrawn, without_cpc, continuations, citations (also inside the
        set, dangling, self_citations, mutual_citations), rows of each table, subclasses.

    Raises
    ------
    ConfigError
        If patents is not such a number, or seed is negative.
    DataError
        If the folder is a file, holds anything else, or cannot be written.

    Examples
    --------
    >>> import tempfile
    >>> counts = write_sample(Path(tempfile.mkdtemp()) / "sample", patents=200)
    >>> counts["g_patent"]
    200
    """
    _check_number("patents", patents, MIN_PATENTS, MAX_PATENTS)
    _check_number("seed", seed, 0, None)
    target = Path(folder).expanduser().resolve()
    _check_target(target)
    tables, counts = _make(patents, seed)
    about = {"format": "patentcl-sample", "version": 1, "synthetic": True}
    about |= {"patents": patents, "seed": seed, "counts": counts}
    try:
        with replacing(target) as (part, lock):
            for name, rows in tables.items():
                _write_table(part / f"{name}.tsv.zip", name, rows)
            (part / "sample.json").write_text(json.dumps(about, indent=1) + "\n", encoding="utf-8")
            switch(part, target, lock)
    except OSError as error:
        raise DataError(
            "the sample cannot be written",
            where=folder,
            got=error.strerror or error,
            fix="Choose a folder that can be written, with room on its disk",
        ) from error
    return counts


# ---- folder and files ---------------------------------------------------------------------------


def _check_number(name: str, value: object, low: int, high: int | None) -> None:
    good = isinstance(value, int) and not isinstance(value, bool)
    if not good or value < low or (high is not None and value > high):  # type: ignore[operator]
        wanted = f"a whole number from {low:,}" + (f" to {high:,}" if high is not None else "")
        raise ConfigError(f"{name} is out of range", got=repr(value), wanted=wanted)


def _check_target(target: Path) -> None:
    """Refuse a target that is not a folder of ours; leave one that is as it stands."""
    if not target.exists():
        return
    if not target.is_dir():
        fix = "Name a folder that does not exist yet"
        raise DataError("the sample needs a folder", where=target, got="a file", fix=fix)
    found = sorted(p.name for p in target.iterdir())
    if not found:
        return
    ours = {f"{name}.tsv.zip" for name in COLUMNS} | {"sample.json"}
    strange = [name for name in found if name not in ours]
    try:
        about = json.loads((target / "sample.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        about = None
    if strange or not isinstance(about, dict) or about.get("format") != "patentcl-sample":
        raise DataError(
            "the folder is not empty and not a sample",
            where=target,
            got=(strange or found)[0],
            wanted="an empty or new folder",
            fix="Name another folder, or empty this one",
        )


def _write_table(path: Path, name: str, rows: Iterable[Iterable[object]]) -> None:
    """Write one table; stored, not deflated, since deflate differs between builds of zlib."""
    info = zipfile.ZipInfo(f"{name}.tsv", date_time=(2025, 1, 1, 0, 0, 0))
    info.create_system = 3  # as made on Unix, on whatever system
    info.external_attr = 0o100644 << 16
    info.compress_type = zipfile.ZIP_STORED
    with (
        zipfile.ZipFile(path, "w") as archive,
        archive.open(info, "w", force_zip64=name == "g_claims") as file,
        io.TextIOWrapper(file, encoding="utf-8", newline="") as text,
    ):
        # PatentsView's quoting: text always in quotes, numbers bare.
        writer = csv.writer(text, delimiter="\t", quoting=csv.QUOTE_NONNUMERIC, lineterminator="\n")
        writer.writerow(COLUMNS[name])
        writer.writerows(rows)


# ---- the whole corpus ---------------------------------------------------------------------------


def _make(
    patents: int, seed: int
) -> tuple[dict[str, Iterable[tuple[object, ...]]], dict[str, int]]:
    """Make all rows of all tables, and count what is in them; claims are made as they are read."""
    dice = Dice(seed)
    chooser = TopicChooser(dice)
    corpus = _number(dice, patents)
    plain = 0
    for position, patent in enumerate(corpus):
        if patent.type == "design":
            patent.title = dice.pick(_TABLES["designs"])
            continue
        if not _continue(dice, corpus, position):
            _write_text(dice, chooser, patent)
        plain += 1
        _dirty(patent, plain)
    _spoil(dice, corpus)
    citations, counts = cite(dice, corpus, _TABLES["surnames"], _FIRST_NUMBER[0])
    order = sorted(range(len(corpus)), key=lambda i: corpus[i].id)
    rows = {name: list[tuple[object, ...]]() for name in COLUMNS if name != "g_claims"}
    for i in order:
        _add_rows(dice, rows, corpus[i])
        rows["g_us_patent_citation"].extend(citations[i])
    rows["g_cpc_title"] = _title_rows()
    for kind in ("utility", *(r[0] for r in _RARE_TYPES)):
        counts[kind.replace(" ", "_")] = sum(p.type == kind for p in corpus)
    counts["withdrawn"] = sum(p.withdrawn for p in corpus)
    counts["without_cpc"] = sum(not p.codes for p in corpus if p.type != "design")
    counts["continuations"] = sum(p.parent >= 0 for p in corpus)
    counts["subclasses"] = len({code[:4] for p in corpus for code, _ in p.codes})
    counts.update((name, len(table)) for name, table in rows.items())
    counts["g_claims"] = sum(p.claims for p in corpus)
    claims = claim_rows(Dice(seed), [corpus[i] for i in order])
    return {**rows, "g_claims": claims}, counts


def _number(dice: Dice, patents: int) -> list[Patent]:
    """Draw types and dates; give numbers that rise with the date, in the order of the dates."""
    weeks: list[int] = []
    while len(weeks) < patents:
        week = dice.below(_WEEKS)
        if dice.chance(0.4 + 0.6 * week / _WEEKS):  # more patents each year
            weeks.append(week)
    weeks.sort()
    cumulative, total = [], 0.0
    for rare in _RARE_TYPES:
        total += rare[1]
        cumulative.append(total)
    cumulative.append(1.0)
    kinds = [dice.weighted(cumulative) for _ in weeks]
    # Statutory invention registrations ended in 2013.
    kinds = [4 if k == 3 and week > 940 else k for k, week in zip(kinds, weeks, strict=True)]
    # Even the smallest sample has one of each type.
    for kind in range(len(_RARE_TYPES)):
        kinds[patents * (4 - kind) // 5] = kind
    out = []
    for week, number, kind in zip(weeks, _numbers(dice, weeks, kinds), kinds, strict=True):
        late = week >= 313  # 2001: kind codes as today's
        inventor = dice.pick(_TABLES["surnames"])
        if kind < len(_RARE_TYPES):
            name, _, prefix, _, _, before, since = _RARE_TYPES[kind]
            out.append(Patent(f"{prefix}{number}", name, week, since if late else before, inventor))
        else:
            since = "B2" if dice.chance(0.85) else "B1"
            claims = 1 + dice.below(12) + dice.below(18)
            code = since if late else "A"
            out.append(Patent(str(number), "utility", week, code, inventor, claims=claims))
    return out


def _numbers(dice: Dice, weeks: list[int], kinds: list[int]) -> list[int]:
    """Spread numbers over the range of each type (of each year for utility patents)."""
    years = [(FIRST_DAY + datetime.timedelta(weeks=w)).year - FIRST_DAY.year for w in weeks]
    keys = [(k, y if k == len(_RARE_TYPES) else 0) for k, y in zip(kinds, years, strict=True)]
    size: dict[tuple[int, int], int] = {}
    for key in keys:
        size[key] = size.get(key, 0) + 1
    seen: dict[tuple[int, int], int] = {}
    out = []
    for key in keys:
        kind, year = key
        low, high = (
            _FIRST_NUMBER[year : year + 2] if kind == len(_RARE_TYPES) else _RARE_TYPES[kind][3:5]
        )
        rank = seen.get(key, 0)
        seen[key] = rank + 1
        out.append(low + int((rank + dice.roll()) * (high - low) / size[key]))
    return out


# ---- one patent ---------------------------------------------------------------------------------


def _write_text(dice: Dice, chooser: TopicChooser, patent: Patent) -> None:
    """Give a patent its topic, title, abstract and codes."""
    year = patent.date.year - FIRST_DAY.year
    chosen = chooser.choose(year)
    if patent.type == "plant":
        breeding = chooser.tables["A01H"]
        chosen = [(breeding, breeding.groups[-1], dice.pick(breeding.groups[-1].subgroups))]
    main, group, subgroup = chosen[0]
    actors = chooser.actors(chosen, year)
    while len(actors) < 4:
        extra = cast(dice, dice.pick(chooser.generic[main.style]))
        if all(extra.name != a.name for a in actors):
            actors.append(extra)
    pool = [
        *main.parts,
        *chooser.generic[main.style],
        *(p for c in chosen for s in c[1].subgroups for p in s.parts if not p.era),
    ]
    thing, others = dice.pick(main.things), [c[0] for c in chosen[1:]]
    topic = Topic(main, thing, actors, others, lambda: cast(dice, dice.pick(pool)))
    if patent.type == "plant":
        species = dice.pick(_TABLES["cultivars"])
        name = "".join(dice.pick(_TABLES["syllables"]) for _ in range(3)).capitalize()
        topic.thing = f"{species} plant named '{name}'"
        patent.title = topic.thing[0].upper() + topic.thing[1:]
    else:
        patent.title = make_title(dice, topic)
    patent.abstract = make_abstract(dice, topic)
    patent.codes = choose_codes(dice, chosen)
    own = (subgroup.symbol, group.symbol, main.symbol, main.symbol[0])
    patent.topics = (*own, *(c[2].symbol for c in chosen[1:]))


def _continue(dice: Dice, corpus: list[Patent], position: int) -> bool:
    """Make a patent the near-copy of one granted one to five years before, now and then."""
    patent = corpus[position]
    # The schedule makes sure of a few in the smallest sample.
    if patent.type != "utility" or not (dice.chance(0.025) or position in (60, 80)):
        return False
    step = 1 + dice.below(max(1, position // 5))
    parent = corpus[position - step] if step <= position else patent
    if parent.type != "utility" or not 26 <= patent.week - parent.week <= 400:
        return False
    patent.parent = position - step
    patent.inventor, patent.topics = parent.inventor, parent.topics
    patent.title, text = parent.title, " ".join(parent.abstract.split())
    for old, new in dice.shuffled(table("grammar")["rewordings"])[: dice.below(8)]:
        text = text.replace(old, new)
    patent.abstract = text.replace('"', "")
    patent.title = " ".join(parent.title.split()).replace('"', "")
    shorter = len(parent.codes) > 2 and dice.chance(0.2)
    patent.codes = parent.codes[:-1] if shorter else parent.codes[:]
    return True


def _dirty(patent: Patent, number: int) -> None:
    """Put quotes, tabs and line ends into some fields, by schedule: all samples have them."""
    text, title = patent.abstract, patent.title
    if number % 40 == 5:
        word = text.split(" ", 12)[10].strip(".,;:()")
        text = text.replace(f" {word}", f' so-called "{word}"', 1)
    if number % 90 == 11:
        text = text.replace(". ", ".\n", 1)
    if number % 120 == 17:
        text = text.replace(". ", ".\t", 1)
    if number % 130 == 23:
        head, _, rest = title.partition(" ")
        title = f'"{head}" {rest}'.strip()
    if number % 400 == 31:
        title = title.replace(" ", "\t", 1)
    if number % 400 == 77:
        title = title.replace(" ", "\n", 1)
    patent.abstract, patent.title = text, title


def _spoil(dice: Dice, corpus: list[Patent]) -> None:
    """Withdraw a few patents, and leave some without codes, mostly in the last half year."""
    for position, patent in enumerate(corpus):
        if patent.type != "utility":
            continue
        if dice.chance(0.005) or position in (33, 66):
            patent.withdrawn = 1
        fresh = patent.week > _WEEKS - 26
        if dice.chance(0.5 if fresh else 0.017) or position in (50, 51):
            patent.codes = []


# ---- rows ---------------------------------------------------------------------------------------


def _add_rows(dice: Dice, rows: dict[str, list[tuple[object, ...]]], patent: Patent) -> None:
    """Append a patent's own rows to the tables (not its citations)."""
    day = patent.date
    head = (patent.id, patent.type, day.isoformat(), patent.title, patent.kind)
    file = f"synthetic{day:%y%m%d}.xml"
    rows["g_patent"].append((*head, patent.claims, patent.withdrawn, file))
    if patent.type == "design":
        return
    rows["g_patent_abstract"].append((patent.id, patent.abstract))
    for i, (code, kind) in enumerate(patent.codes):
        subclass = code[:4]
        rows["g_cpc_current"].append((patent.id, i, code[0], code[:3], subclass, code, kind))
    if dice.chance(0.7 if patent.codes else 0.9):
        codes = [c for c, _ in patent.codes] or [patent.topics[0], *patent.topics[4:]]
        places = dict.fromkeys(_to_ipc(c) for c in codes if c[0] != "Y")
        for i, (section, class_, letter, group, sub) in enumerate(places):
            rows["g_ipc_at_issue"].append(
                (patent.id, i, "A", section, class_, letter, group, sub, "L" if i else "F")
            )


def _to_ipc(code: str) -> tuple[str, str, str, str, str]:
    """Cut a CPC code to IPC, whose subgroups mostly have two digits."""
    head, _, sub = code.partition("/")
    return code[0], code[1:3], code[3], head[4:], sub[:2]


def _title_rows() -> list[tuple[object, ...]]:
    """Make g_cpc_title: every group and subgroup of the vocabulary, in the order of the scheme."""
    classes = _TABLES["classes"]
    out: list[tuple[object, ...]] = []
    for symbol, subclass in read_tables().items():
        for group in sorted(subclass.groups, key=lambda g: int(g.symbol[4:].partition("/")[0])):
            entries = {group.symbol: group.title}
            for subgroup in sorted(group.subgroups, key=lambda s: s.symbol.partition("/")[2]):
                entries.setdefault(subgroup.symbol, subgroup.title)
            for code, title in entries.items():
                out.append((symbol, subclass.title, code, title, symbol[:3], classes[symbol[:3]]))
    return out
