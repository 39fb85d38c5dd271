"""How long work reports how far it has come, and the lines shown where there is no terminal."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeAlias

if TYPE_CHECKING:
    from tqdm.auto import tqdm

Progress: TypeAlias = Callable[[int, int], None]
"""Called with how many items are done and how many there are."""
StageProgress: TypeAlias = Callable[[str, int, int], None]
"""Called with the name of the work, how many items are done and how many there are."""


def duration(seconds: float) -> str:
    """A time in words.

    Examples
    --------
    >>> duration(7.4), duration(139), duration(7500)
    ('7 s', '2 min 19 s', '2 h 5 min')
    """
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    minutes, rest = divmod(whole, 60)
    if minutes < 60:
        return f"{minutes} min {rest} s"
    return f"{minutes // 60} h {minutes % 60} min"


def progress_bar(**options: Any) -> tqdm:
    """A bar of tqdm for a terminal or a notebook; into a log it writes once a minute."""
    from tqdm.auto import tqdm

    seen = os.isatty(2) or "ipykernel" in sys.modules
    return tqdm(**({} if seen else {"mininterval": 60, "maxinterval": 60}), **options)


class ProgressLines:
    """A `StageProgress` that says a line now and then, with rate and time left.

    For logs and pipes, where a bar cannot be drawn. `say` gets a line every `every` seconds; work
    shorter than that stays silent.

    Examples
    --------
    >>> now = iter([0, 60])
    >>> lines = ProgressLines(print, clock=lambda: next(now))
    >>> lines("embed", 8, 3000)
    >>> lines("embed", 608, 3000)
    embed: 608 of 3,000 (20 %), 10.0/s, 3 min 59 s left
    """

    def __init__(
        self,
        say: Callable[[str], None],
        every: float = 60.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.say, self.every, self.clock = say, every, clock
        self._seen: dict[str, tuple[float, int, float, int]] = {}  # began, first, told, last

    def __call__(self, stage: str, done: int, total: int) -> None:
        now = self.clock()
        began, first, told, last = self._seen.get(stage, (now, done, now, done))
        if done < last:  # the same work anew
            began, first, told = now, done, now
        due = now - told >= self.every
        self._seen[stage] = began, first, now if due else told, done
        if not due:
            return
        text = f"{stage}: {done:,} of {total:,}"
        if total > 0:
            text += f" ({100 * done // total} %)"
        if done > first and now > began:
            rate = (done - first) / (now - began)
            text += f", {rate:,.1f}/s"
            if done < total:
                text += f", {duration((total - done) / rate)} left"
        self.say(text)
