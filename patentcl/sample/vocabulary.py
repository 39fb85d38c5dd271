"""The words of the synthetic corpus, read from data files, and how English inflects them."""

from __future__ import annotations

import dataclasses
import itertools
import json
import re
from functools import cache
from importlib.resources import files
from typing import Any

from patentcl.sample.dice import Dice


@cache
def table(name: str) -> Any:
    """One of the JSON files beside this module: ``grammar`` or ``tables``."""
    return json.loads(files("patentcl.sample").joinpath(f"{name}.json").read_text("utf-8"))


# ---- inflection ---------------------------------------------------------------------------------

_DOUBLING = frozenset(table("grammar")["doubling verbs"].split())
_MASS = frozenset(table("grammar")["mass nouns"].split())
_SAID_WITH_A = re.compile(r"(?:uni|use|usa|uti|eu|one|U[VS]|uro)", re.ASCII)
_SPELLED = re.compile(r"[A-Z][A-Z0-9]|[a-z][A-Z]|Fc")


def third(verb: str) -> str:
    """Give the third person of a verb phrase in the base form.

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

    >>> head_word("beverage machine"), head_word("compound of formula (I)")
    ('machine', 'compound')
    """
    before = thing.partition(" of ")[0].partition(" for ")[0].partition(" named ")[0]
    return before.rpartition(" ")[2]


def article(noun: str) -> str:
    """Put the indefinite article before a noun that takes one.

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


Forms = tuple[str, str, str]
"""A verb phrase in the base form, the third person and the -ing form."""


@dataclasses.dataclass(frozen=True)
class Part:
    """A component with its synonyms, and what it does."""

    names: tuple[str, ...]
    does: tuple[Forms, ...]
    era: int = 0
    """+1 for a word that came into use late, -1 for one that went out of use."""


@dataclasses.dataclass(frozen=True)
class Subgroup:
    """A subgroup of the classification and the components that mark it."""

    symbol: str
    title: str
    parts: tuple[Part, ...]


@dataclasses.dataclass
class Group:
    """A main group; trend is +1 where it grows over the years, -1 where it shrinks."""

    symbol: str
    title: str
    trend: int
    subgroups: list[Subgroup] = dataclasses.field(default_factory=list)


@dataclasses.dataclass
class Subclass:
    """A subclass of the classification with its own words."""

    symbol: str
    style: str
    title: str
    field: str
    things: tuple[str, ...] = ()
    parts: tuple[Part, ...] = ()
    gains: tuple[Forms, ...] = ()
    near: tuple[str, ...] = ()
    tags: tuple[tuple[str, float], ...] = ()
    groups: list[Group] = dataclasses.field(default_factory=list)


def _variants(text: str) -> tuple[str, ...]:
    """Spell out all synonyms: ``a|b c`` gives a c, b c."""
    choices = [token.split("|") for token in text.split()]
    return tuple(" ".join(words).replace("_", " ") for words in itertools.product(*choices))


def _verbs(text: str) -> tuple[Forms, ...]:
    return tuple((v, third(v), gerund(v)) for v in _variants(text))


def _parts(text: str) -> tuple[Part, ...]:
    parts = []
    for entry in text.split(";"):
        noun, _, function = entry.strip().partition(": ")
        era = {">": 1, "<": -1}.get(noun[0], 0)
        parts.append(Part(_variants(noun.lstrip("<>")), _verbs(function), era))
    return tuple(parts)


@cache
def read_tables() -> dict[str, Subclass]:
    """Read ``vocabulary.txt``, which tells its form: subclasses by symbol, in their order."""
    found: dict[str, Subclass] = {}
    source = files("patentcl.sample").joinpath("vocabulary.txt").read_text("utf-8")
    for line in source[source.index("\n# ") :].splitlines():
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
            now.groups.append(Group(f"{now.symbol}{number}", title, "-=+".index(trend) - 1))
        elif kind:
            title, _, parts = rest.partition(" = ")
            group = now.groups[-1]
            symbol = f"{group.symbol.partition('/')[0]}/{kind}"
            group.subgroups.append(Subgroup(symbol, title, _parts(parts)))
    return dict(sorted(found.items()))


@cache
def generic_parts() -> dict[str, tuple[Part, ...]]:
    """Components that many fields share, by style."""
    return {style: _parts(text) for style, text in table("grammar")["generic parts"].items()}


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


def cast(dice: Dice, part: Part, source: str = "") -> Actor:
    """Choose the words that one patent uses for a component of a subclass."""
    forms = dice.pick(part.does)
    return Actor(dice.pick(part.names), *forms, source)
