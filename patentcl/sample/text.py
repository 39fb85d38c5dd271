"""Titles and abstracts of the synthetic corpus, from the sentence templates of ``grammar.json``.

Fields of a template: ``N1`` a component, with the article that its place in the text asks for;
``n1`` always with "the"; ``s1 b1 i1`` what it does (third person, base form, -ing form); ``o p``
components named before; ``T t h`` what the patent is about (with article, without, its head word);
``F`` its field; ``G gs g`` an effect (base form, third person, -ing form); ``Z Y`` thing and field
of a second subclass; ``rel`` how components are joined; ``dim len part temp`` ranges of figures.
Styles are mechanics, electronics, chemistry and information; templates under ``any`` serve all
but the chemical openings, those under ``mixed`` bring in a component of the second subclass.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

from patentcl.sample.dice import Dice
from patentcl.sample.vocabulary import Actor, Subclass, article, head_word, table

MIN_WORDS, MAX_WORDS = 60, 130
"""Length of an abstract."""
_GRAMMAR = table("grammar")


@dataclasses.dataclass
class Topic:
    """What one patent is about: its field of words, and the components that appear."""

    main: Subclass
    thing: str
    queue: list[Actor]
    others: list[Subclass]
    spare: Callable[[], Actor]
    """Gives one more component of the field when all have had their sentence."""


class Scene(dict[str, str]):
    """Fills the fields of a sentence template for one patent."""

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
            if letter in "Nn":
                return self._named(actor) if letter == "N" else self._definite(actor)
            return {"s": actor.third, "b": actor.base, "i": actor.gerund}[letter]
        if letter in "op":
            return self._definite(self._old(key))
        return self._fixed(key)

    def _fixed(self, key: str) -> str:
        dice, topic = self.dice, self.topic
        plain = {"t": topic.thing, "h": self.head, "F": topic.main.field, "Y": self.other.field}
        if key in plain:
            return plain[key]
        if key in "TZ":
            return article(topic.thing if key == "T" else dice.pick(self.other.things))
        if key in ("G", "gs", "g"):
            gain = self.gains.pop() if self.gains else dice.pick(topic.main.gains)
            return gain[("G", "gs", "g").index(key)]
        if key == "rel":
            return dice.pick(_GRAMMAR["relations"][topic.main.style])
        if key in _GRAMMAR["ranges"]:
            return measure(dice, dice.pick(_GRAMMAR["ranges"][key]))
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


def measure(dice: Dice, form: str) -> str:
    """Fill ``low-high-step unit`` with a range of figures that fits."""
    span, _, unit = form.partition(" ")
    low, high, step = (int(x) for x in span.split("-"))
    first = low + step * dice.below((high - low) // (2 * step) + 1)
    last = first + step * dice.between(1, (high - first) // step)
    return f"{first} to {last} {unit}"


def make_title(dice: Dice, topic: Topic) -> str:
    """Write a title of 1 to about 14 words."""
    method, style = _is_method(topic), topic.main.style
    forms = _GRAMMAR["method titles"] if method else _GRAMMAR["titles"][style]
    form = dice.pick([f for f in forms if topic.others or "{Y}" not in f])
    first, second = topic.queue[0], topic.queue[1]
    active = next((a for a in topic.queue if not a.base.startswith("be ")), None)
    other = dice.pick(topic.others or [topic.main]).field
    words = {"t": topic.thing, "a": article(topic.thing), "F": topic.main.field, "Y": other}
    words |= {"n": first.name, "m": article(second.name), "M": article(first.name)}
    words["i"] = active.gerund if active else f"use in {topic.main.field}"
    text = form.format_map(words)
    return text[0].upper() + text[1:]


def make_abstract(dice: Dice, topic: Topic) -> str:
    """Write an abstract of 60 to 130 words."""
    style = topic.main.style
    scene = Scene(dice, topic, numerals=style in ("mech", "elec") and dice.chance(0.2))
    aim = dice.between(MIN_WORDS + 4, MAX_WORDS - 38)
    openings, middles = _GRAMMAR["openings"], _GRAMMAR["middles"]
    if _is_method(topic):
        forms = _GRAMMAR["method openings"]
    else:
        forms = [*(openings["any"] if style != "chem" else ()), *openings[style]]
    text = [scene.sentence(dice.pick(forms))]
    words = text[0].count(" ") + 1
    forms = dice.shuffled([*middles["any"], *middles[style]])
    if topic.main.field.rpartition(" ")[2] in topic.thing:
        forms = [form for form in forms if "{F}" not in form]
    turns = [dice.below(3) for _ in topic.others]
    for turn, form in enumerate(forms):
        if words >= aim:
            break
        others = [o for o, t in zip(topic.others, turns, strict=True) if t == turn]
        added = [scene.about(dice.pick(middles["mixed"]), other) for other in others]
        for sentence in (*added, scene.sentence(form)):
            size = sentence.count(" ") + 1
            if sentence and words + size <= MAX_WORDS:
                text.append(sentence)
                words += size
    if words <= MAX_WORDS - 30 and (words < MIN_WORDS or dice.chance(0.65)):
        text.append(scene.sentence(dice.pick(_GRAMMAR["closings"])))
    return " ".join(text)
