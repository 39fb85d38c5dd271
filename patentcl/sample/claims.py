"""Claims of the synthetic corpus, from the parts that an abstract names and others of its field."""

from __future__ import annotations

from collections.abc import Iterator

from patentcl.sample.dice import Dice
from patentcl.sample.patent import Patent
from patentcl.sample.text import measure
from patentcl.sample.vocabulary import (
    Actor,
    article,
    cast,
    generic_parts,
    head_word,
    read_tables,
    table,
)

_FORMS, _RELATIONS = table("grammar")["claims"], table("grammar")["relations"]


def claim_rows(dice: Dice, corpus: list[Patent]) -> Iterator[tuple[object, ...]]:
    """Rows of g_claims: as many of each patent as g_patent says."""
    parts = {
        s.symbol: s.parts for t in read_tables().values() for g in t.groups for s in g.subgroups
    }
    for patent in corpus:
        if patent.topics:
            subclass = read_tables()[patent.topics[2]]
            own = [p for code in (patent.topics[0], *patent.topics[4:]) for p in parts[code]]
            pool = [
                cast(dice, p) for p in (*own, *subclass.parts, *generic_parts()[subclass.style])
            ]
            claims = _Claims(dice, patent, pool).all()
        else:
            claims = [(_FORMS["design"].format(t=patent.title.lower()), 0)]
        for i, (text, on) in enumerate(claims):
            number = str(i + 1)
            on_which = f"claim {on}" if on else ""
            yield patent.id, i, f"{number}. {text}", on_which, number, int(i == 0)


class _Claims:
    """Writes the claims of one patent."""

    def __init__(self, dice: Dice, patent: Patent, pool: list[Actor]) -> None:
        self.dice, self.number = dice, patent.claims
        self.subclass = read_tables()[patent.topics[2]]
        text = patent.abstract
        self.waiting = sorted(dice.shuffled(pool), key=lambda a: a.name in text, reverse=True)
        self.known: list[Actor] = []
        things = [t for t in self.subclass.things if t in text] or self.subclass.things
        self.thing = dice.pick(things) if patent.type != "plant" else patent.title
        self.head = head_word(self.thing)

    def all(self) -> list[tuple[str, int]]:
        """Texts, and the number of the claim that each depends on; 0 for none."""
        dice, out = self.dice, [(self._independent("first"), 0)]
        again = self.number * 2 // 3 if self.number > 6 and dice.chance(0.6) else self.number
        start = 1
        while len(out) < self.number:
            if len(out) == again:
                out.append((self._independent("second"), 0))
                start = len(out)
                continue
            on = start if dice.chance(0.6) else dice.between(start, len(out))
            claim = self._dependent(on), on
            if claim not in out:
                out.append(claim)
        return out

    def _new(self) -> Actor:
        self.known.append(self.waiting.pop(0))
        return self.known[-1]

    def _independent(self, kind: str) -> str:
        dice, field = self.dice, self.subclass.field
        form = dice.pick(_FORMS[kind])
        if field.partition(" ")[0] in self.thing:
            form = form.replace("{T} for {F}", "{T}")  # no "fan for fans"
        actors = [self._new() for _ in range(2)] if kind == "first" else self.known[:2]
        extra = [self._new()] if self.waiting and dice.chance(0.7) else []
        items = [
            f"{article(a.name)} {dice.pick(_FORMS['joins']).format(s=a.third, b=a.base)}"
            for a in actors + extra
        ]
        listed = "; ".join(items[:-1]) + "; and " + items[-1]
        text = form.format(T=article(self.thing), h=self.head, F=field, L=listed)
        return text[0].upper() + text[1:]

    def _dependent(self, on: int) -> str:
        dice, style = self.dice, self.subclass.style
        head = {"h": self.head, "k": on}
        if self.waiting and dice.chance(0.4):
            new = self._new()
            words = {"N": article(new.name), "s": new.third, "b": new.base}
            return dice.pick(_FORMS["adding"]).format(**head, **words)
        actor = dice.pick(self.known[:-1])
        form = dice.pick(_FORMS["limiting"])
        if "{r}" in form:
            figure, has = _FORMS["figures"][style]
            figures = measure(dice, dice.pick(table("grammar")["ranges"][figure]))
            return form.format(**head, n=actor.name, r=f"{has} {figures}")
        gain, relation = dice.pick(self.subclass.gains), dice.pick(_RELATIONS[style])
        words = {"n": actor.name, "m": self.known[-1].name, "s": actor.third}
        return form.format(**head, **words, G=gain[0], rel=relation)
