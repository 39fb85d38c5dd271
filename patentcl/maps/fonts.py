"""Text on pictures as it is written: dollar signs start no formula, and no letter is a box."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from functools import lru_cache

from matplotlib import rc_context
from matplotlib.font_manager import FontProperties, findfont, fontManager, get_font

FONT = "DejaVu Sans"  # comes with matplotlib
log = logging.getLogger("patentcl")


@contextmanager
def plain_text(texts: Iterable[str]) -> Iterator[list[str]]:
    """Draw some texts as they are; gives the fonts that have their characters."""
    families = _families(frozenset("".join(texts)))
    with rc_context({"text.parse_math": False, "font.family": families}):
        yield families


@lru_cache(maxsize=8)
def _families(characters: frozenset[str]) -> list[str]:
    """DejaVu Sans and, for what it lacks, installed fonts; what none of them has is told."""
    missing = _missing(characters, findfont(FontProperties(family=[FONT])))
    found = [FONT]
    # Fonts of many languages have the names of pictograms, too; the plain ones come first.
    plain = [f for f in fontManager.ttflist if f.style == "normal" and f.weight == 400]
    for font in sorted(plain, key=lambda f: f.name) if missing else []:
        left = _missing(missing, font.fname)
        if len(left) < len(missing):
            missing, found = left, [*found, font.name]
        if not missing:
            break
    if missing:
        some = " ".join(sorted(missing)[:5])
        log.warning(
            "no installed font has %d characters of the map (%s), drawn as boxes: install one, "
            "such as Noto Sans CJK",
            len(missing),
            some,
        )
    return found


def _missing(characters: frozenset[str], path: str) -> frozenset[str]:
    try:
        has = get_font(path).get_charmap()
    except (OSError, RuntimeError):  # a font that matplotlib cannot read
        return characters
    return frozenset(c for c in characters if ord(c) not in has and c.isprintable())
