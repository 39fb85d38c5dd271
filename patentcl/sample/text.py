"""Titles and abstracts of the synthetic corpus: vocabulary, English inflection and grammar."""

from __future__ import annotations

import dataclasses
import itertools
import random
import re
from bisect import bisect
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import TypeVar

from patentcl.sample.grammar import (
    CLOSINGS,
    GENERIC,
    METHOD_OPENINGS,
    METHOD_TITLES,
    MIDDLES,
    OPENINGS,
    RANGES,
    RELATIONS,
    TITLES,
)
from patentcl.sample.words import AGRICULTURE_TO_TEXTILES
from patentcl.sample.words2 import BUILDING_TO_ELECTRICITY, CLASS_TITLES, FREQUENCY

T = TypeVar("T")

MIN_WORDS, MAX_WORDS = 60, 130
"""Length of an abstract."""


class Dice:
    """Random choices made from ``random.random()`` alone.

    That one method is promised to give the same numbers in every Python for the same seed; those
    built on it (choice, shuffle, sample) have changed between releases.
    """

    def __init__(self, seed: int) -> None:
        self.roll = random.Random(seed).random

    def below(self, n: int) -> int:
        """An integer from 0 to n - 1."""
        return int(self.roll() * n)

    def between(self, low: int, high: int) -> int:
        """An integer from low to high, both included."""
        return low + int(self.roll() * (high - low + 1))

    def chance(self, p: float) -> bool:
        """True with probability p."""
        return self.roll() < p

    def pick(self, items: Sequence[T]) -> T:
        """One of the items, each as likely."""
        return items[int(self.roll() * len(items))]

    def weighted(self, cumulative: Sequence[float]) -> int:
        """An index, drawn by the increments of a rising sequence."""
        return min(bisect(cumulative, self.roll() * cumulative[-1]), len(cumulative) - 1)

    def shuffled(self, items: Sequence[T]) -> list[T]:
        """The items in another order."""
        out = list(items)
        for i in range(len(out) - 1, 0, -1):
            j = int(self.roll() * (i + 1))
            out[i], out[j] = out[j], out[i]
        return out


# ---- inflection ---------------------------------------------------------------------------------

_DOUBLING_WORDS = """
admit allot begin chop commit compel confer control cut dip drop emit expel fit flag get grip
hit infer jam let log map occur permit pin plan plug pop prefer propel put refer repel rub run
set shed shut sit skip slip snap snip spin split step stir stop strip swap tap tip transfer
transmit trap trim wet wrap
"""
_DOUBLING = frozenset(_DOUBLING_WORDS.split())

_MASS_WORDS = """
water oil silica alumina sludge feed heat data biomass tissue polyethylene terephthalate silicon
silicone sucralose starch cellulose cellulase lecithin pectin rubber glass sand steel wool
concrete mortar insulation powder pulp kaolin seed pollen lipase endoglucanase phospholipase
siRNA RNA Oct4 Cas9 SiO2 Al2O3 levodopa ibuprofen naproxen glutamine rebaudioside glycol
butadiene monoxide dioxide carbon carbide carbonate chloride ammonia martensite bainite
austenite chromium anhydride air energy power crude annealing bombardment sampling scaling
segmentation descent media malware traffic epitaxy recovery saving integration economy assist
feedback plastic char vapor backpropagation oxide brine gas phosphate sewage cullet bitumen
equipment packaging cloth steam mud milk juice polysorbate citrate graphite polyisocyanate
freight talc phosphinate scrap propylene interference foam zirconia siloxane hydrogen pigment
photoresist lubricant rosin
"""
_MASS = frozenset(_MASS_WORDS.split())

_SAID_WITH_A = re.compile(r"(?:uni|use|usa|uti|eu|one|U[VS]|uro)", re.ASCII)
_SPELLED = re.compile(r"[A-Z][A-Z0-9]|[a-z][A-Z]|Fc")


def third(verb: str) -> str:
    """Give the third person of a verb phrase in the base form.

    Examples
    --------
    >>> third("carry the soil"), third("be fed past the head"), third("press on")
    ('carries the soil', 'is fed past the head', 'presses on')
    """
    head, _, rest = verb.partition(" ")
    if head == "be":
        head = "is"
    elif head == "have":
        head = "has"
    elif head[-1] == "y" and head[-2] not in "aeou":
        head = head[:-1] + "ies"
    elif head.endswith(("s", "x", "z", "ch", "sh", "go", "do")):
        head += "es"
    else:
        head += "s"
    return f"{head} {rest}" if rest else head


def gerund(verb: str) -> str:
    """Give the -ing form of a verb phrase in the base form.

    Examples
    --------
    >>> gerund("cut the crop"), gerund("move it"), gerund("lie flat"), gerund("free the pawl")
    ('cutting the crop', 'moving it', 'lying flat', 'freeing the pawl')
    """
    head, _, rest = verb.partition(" ")
    if head in _DOUBLING:
        head += head[-1]
    elif head.endswith("ie"):
        head = head[:-2] + "y"
    elif head.endswith("e") and not head.endswith(("ee", "oe", "ye")) and head != "be":
        head = head[:-1]
    return f"{head}ing {rest}" if rest else f"{head}ing"


def head_word(thing: str) -> str:
    """The word by which a text goes on to call what it is about.

    Examples
    --------
    >>> head_word("beverage machine"), head_word("compound of formula (I)")
    ('machine', 'compound')
    """
    before = thing.partition(" of ")[0].partition(" for ")[0].partition(" named ")[0]
    return before.rpartition(" ")[2]


def article(noun: str) -> str:
    """Put the indefinite article before a noun that takes one.

    Examples
    --------
    >>> article("oil pump"), article("user unit"), article("LED chip"), article("drain water")
    ('an oil pump', 'a user unit', 'an LED chip', 'drain water')
    """
    if head_word(noun) in _MASS:
        return noun
    if _SAID_WITH_A.match(noun):
        return f"a {noun}"
    if _SPELLED.match(noun) and noun[0] != "i":
        return f"{'an' if noun[0] in 'AEFHILMNORSXe' else 'a'} {noun}"
    return f"{'an' if noun[0] in 'aeiouAEIOU' or noun.startswith('hour') else 'a'} {noun}"


# ---- vocabulary ---------------------------------------------------------------------------------


@dataclasses.dataclass(frozen=True)
class Part:
    """A component with its synonyms, and what it does in the base, third person and -ing form."""

    names: tuple[str, ...]
    does: tuple[tuple[str, str, str], ...]
    era: int = 0


@dataclasses.dataclass(frozen=True)
class Subgroup:
    """A subgroup of the classification and the components that mark it."""

    symbol: str
    title: str
    parts: tuple[Part, ...]


@dataclasses.dataclass(frozen=True)
class Group:
    """A main group; trend is +1 where it grows over the years, -1 where it shrinks."""

    symbol: str
    title: str
    trend: int
    subgroups: tuple[Subgroup, ...]


@dataclasses.dataclass
class Subclass:
    """A subclass of the classification with its own words."""

    symbol: str
    style: str
    title: str
    field: str
    things: tuple[str, ...] = ()
    parts: tuple[Part, ...] = ()
    gains: tuple[tuple[str, str, str], ...] = ()
    near: tuple[str, ...] = ()
    tags: tuple[tuple[str, float], ...] = ()
    groups: list[Group] = dataclasses.field(default_factory=list)


def _variants(text: str) -> tuple[str, ...]:
    """Spell out all synonyms: ``a|b c`` gives a c, b c."""
    choices = [token.split("|") for token in text.split()]
    return tuple(" ".join(words).replace("_", " ") for words in itertools.product(*choices))


def _verbs(text: str) -> tuple[tuple[str, str, str], ...]:
    return tuple((v, third(v), gerund(v)) for v in _variants(text))


def _parts(text: str) -> tuple[Part, ...]:
    parts = []
    for entry in text.split(";"):
        noun, _, function = entry.strip().partition(": ")
        era = {">": 1, "<": -1}.get(noun[0], 0)
        parts.append(Part(_variants(noun.lstrip("<>")), _verbs(function), era))
    return tuple(parts)


@lru_cache(maxsize=1)
def read_tables() -> dict[str, Subclass]:
    """Read the vocabulary: subclasses by symbol, in the order of the classification."""
    found: dict[str, Subclass] = {}
    for line in (AGRICULTURE_TO_TEXTILES + BUILDING_TO_ELECTRICITY).splitlines():
        kind, _, rest = line.strip().partition(" ")
        if kind == "#":
            head, title, topic = rest.split(" | ")
            symbol, style = head.split()
            now = found[symbol] = Subclass(symbol, style, title, topic)
        elif kind == "thing":
            now.things = tuple(v for entry in rest.split(";") for v in _variants(entry))
        elif kind == "part":
            now.parts = _parts(rest)
        elif kind == "gain":
            now.gains = tuple(v for entry in rest.split(";") for v in _verbs(entry))
        elif kind == "near":
            now.near = tuple(rest.split())
        elif kind == "tags":
            now.tags = tuple((s, int(n) / 10) for s, n in (e.rsplit(":", 1) for e in rest.split()))
        elif kind == "@":
            number, trend, title = rest.split(" ", 2)
            now.groups.append(Group(f"{now.symbol}{number}", title, "-=+".index(trend) - 1, ()))
        elif kind:
            title, _, parts = rest.partition(" = ")
            group = now.groups[-1]
            stem = group.symbol.partition("/")[0]
            subgroup = Subgroup(f"{stem}/{kind}", title, _parts(parts))
            now.groups[-1] = Group(
                group.symbol, group.title, group.trend, (*group.subgroups, subgroup)
            )
    return dict(sorted(found.items()))


def class_titles() -> dict[str, str]:
    """Titles of the classes, by symbol."""
    return dict(line.split(" ", 1) for line in CLASS_TITLES.strip().splitlines())


def by_frequency() -> tuple[str, ...]:
    """Subclasses from the most to the least frequent."""
    return tuple(FREQUENCY.split())


@lru_cache(maxsize=1)
def generic_parts() -> dict[str, tuple[Part, ...]]:
    """Components that many fields share, by style."""
    return {style: _parts(text) for style, text in GENERIC.items()}


# ---- grammar ------------------------------------------------------------------------------------


@dataclasses.dataclass
class Actor:
    """A component as one patent calls it."""

    name: str
    base: str
    third: str
    gerund: str
    source: str = ""
    """The subclass it comes from; '' for a component that many fields share."""
    known: bool = False
    number: int = 0


@dataclasses.dataclass
class Topic:
    """What one patent is about: its field of words, and the components that appear."""

    main: Subclass
    thing: str
    queue: list[Actor]
    others: list[Subclass]
    spare: Callable[[], Actor]
    """Gives one more component of the field when all have had their sentence."""


def cast(dice: Dice, part: Part, source: str = "") -> Actor:
    """Choose the words that one patent uses for a component of a subclass."""
    base, does, doing = dice.pick(part.does)
    return Actor(dice.pick(part.names), base, does, doing, source)


class Scene(dict[str, str]):
    """Fills the fields of a sentence template for one patent; see `_sample_grammar` for them."""

    def __init__(self, dice: Dice, topic: Topic, numerals: bool) -> None:
        super().__init__()
        self.dice, self.topic, self.numerals = dice, topic, numerals
        self.known: list[Actor] = []
        self.waiting = list(topic.queue)
        self.here: dict[str, Actor] = {}
        self.head = head_word(topic.thing)
        self.other = topic.main
        self.gains = dice.shuffled(topic.main.gains)

    def about(self, template: str, other: Subclass) -> str:
        """Fill one template about another subclass, with a component of it; '' if there is none."""
        for actor in self.waiting:
            if actor.source == other.symbol:
                self.waiting.remove(actor)
                self.waiting.insert(0, actor)
                self.other = other
                return self.sentence(template)
        return ""

    def sentence(self, template: str) -> str:
        """Fill one template."""
        self.clear()
        self.here = {}
        if self.topic.main.field.partition(" ")[0] in self.topic.thing:
            template = template.replace("{T} for {F}", "{T}")  # no "fan for fans"
        text = template.format_map(self)
        return text[0].upper() + text[1:]

    def __missing__(self, key: str) -> str:
        letter, place = key[0], key[1:]
        if letter in "Nnsbi":
            actor = self._actor(place)
            return {
                "N": self._named,
                "n": self._definite,
                "s": lambda a: a.third,
                "b": lambda a: a.base,
                "i": lambda a: a.gerund,
            }[letter](actor)
        if letter in "op":
            return self._definite(self._old(key))
        return self._fixed(key)

    def _fixed(self, key: str) -> str:
        dice, topic = self.dice, self.topic
        if key == "T":
            return article(topic.thing)
        if key == "t":
            return topic.thing
        if key == "h":
            return self.head
        if key == "F":
            return topic.main.field
        if key == "Z":
            return article(dice.pick(self.other.things))
        if key == "Y":
            return self.other.field
        if key in ("G", "gs", "g"):
            gain = self.gains.pop() if self.gains else dice.pick(topic.main.gains)
            return gain[("G", "gs", "g").index(key)]
        if key == "rel":
            return dice.pick(RELATIONS[topic.main.style])
        if key in RANGES:
            return _measure(dice, dice.pick(RANGES[key]))
        raise KeyError(key)

    def _actor(self, place: str) -> Actor:
        if place not in self.here:
            self.here[place] = self.waiting.pop(0) if self.waiting else self._spare()
        return self.here[place]

    def _spare(self) -> Actor:
        """Bring in one more component that the text has not named yet, if there is one."""
        for _ in range(6):
            actor = self.topic.spare()
            if all(actor.name != a.name and actor.base != a.base for a in self.known):
                return actor
        return self.dice.pick([a for a in self.known if a not in self.here.values()] or self.known)

    def _old(self, key: str) -> Actor:
        free = [a for a in self.known if a not in self.here.values()]
        if not free:
            return self._actor(key)
        self.here[key] = self.dice.pick(free)
        return self.here[key]

    def _introduce(self, actor: Actor) -> None:
        if not actor.known:
            actor.known = True
            self.known.append(actor)
            actor.number = 10 * len(self.known) + 2

    def _mark(self, actor: Actor) -> str:
        return f" ({actor.number})" if self.numerals else ""

    def _named(self, actor: Actor) -> str:
        first = not actor.known
        self._introduce(actor)
        return (article(actor.name) if first else f"the {actor.name}") + self._mark(actor)

    def _definite(self, actor: Actor) -> str:
        self._introduce(actor)
        return f"the {actor.name}{self._mark(actor)}"


def _is_method(topic: Topic) -> bool:
    return head_word(topic.thing) in ("method", "technique", "process", "learning")


def _measure(dice: Dice, form: str) -> str:
    """Fill ``low-high-step unit`` with a range of figures that fits."""
    span, _, unit = form.partition(" ")
    low, high, step = (int(x) for x in span.split("-"))
    first = low + step * dice.below((high - low) // (2 * step) + 1)
    last = first + step * dice.between(1, (high - first) // step)
    return f"{first} to {last} {unit}"


def make_title(dice: Dice, topic: Topic) -> str:
    """Write a title of 1 to about 14 words."""
    forms = METHOD_TITLES if _is_method(topic) else TITLES[topic.main.style]
    form = dice.pick([f for f in forms if topic.others or "{Y}" not in f])
    first, second = topic.queue[0], topic.queue[1]
    active = next((a for a in topic.queue if not a.base.startswith("be ")), None)
    other = dice.pick(topic.others or [topic.main]).field
    text = form.format(
        t=topic.thing,
        a=article(topic.thing),
        n=first.name,
        m=article(second.name),
        M=article(first.name),
        F=topic.main.field,
        Y=other,
        i=active.gerund if active else f"use in {topic.main.field}",
    )
    return text[0].upper() + text[1:]


def make_abstract(dice: Dice, topic: Topic) -> str:
    """Write an abstract of 60 to 130 words."""
    style = topic.main.style
    scene = Scene(dice, topic, numerals=style in ("mech", "elec") and dice.chance(0.2))
    aim = dice.between(MIN_WORDS + 4, MAX_WORDS - 38)
    text = [scene.sentence(dice.pick(METHOD_OPENINGS if _is_method(topic) else OPENINGS[style]))]
    words = text[0].count(" ") + 1
    middles = dice.shuffled(MIDDLES[style])
    if topic.main.field.rpartition(" ")[2] in topic.thing:
        middles = [form for form in middles if "{F}" not in form]
    turns = [dice.below(3) for _ in topic.others]
    for turn, form in enumerate(middles):
        if words >= aim:
            break
        others = [o for o, t in zip(topic.others, turns, strict=True) if t == turn]
        added = [scene.about(dice.pick(MIDDLES["mixed"]), other) for other in others]
        for sentence in (*added, scene.sentence(form)):
            size = sentence.count(" ") + 1
            if sentence and words + size <= MAX_WORDS:
                text.append(sentence)
                words += size
    if words <= MAX_WORDS - 30 and (words < MIN_WORDS or dice.chance(0.65)):
        text.append(scene.sentence(dice.pick(CLOSINGS)))
    return " ".join(text)
