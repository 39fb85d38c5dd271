"""Lines of progress where there is no terminal, with a clock of our own."""

from __future__ import annotations

import os
import sys

import pytest

from patentcl.core.progress import ProgressLines, duration, progress_bar


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0 s"),
        (59.4, "59 s"),
        (59.6, "1 min 0 s"),
        (3599.4, "59 min 59 s"),
        (3600, "1 h 0 min"),
        (90000, "25 h 0 min"),
    ],
)
def test_durations(seconds: float, text: str) -> None:
    assert duration(seconds) == text


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def told(reports: list[tuple[float, str, int, int]]) -> list[str]:
    lines: list[str] = []
    clock = Clock()
    progress = ProgressLines(lines.append, every=60, clock=clock)
    for clock.now, stage, done, total in reports:
        progress(stage, done, total)
    return lines


def test_short_work_is_silent() -> None:
    assert told([(t, "embed", t, 60) for t in range(60)]) == []


def test_a_line_a_minute_with_rate_and_time_left() -> None:
    assert told([(t, "embed", 10 * t, 3000) for t in range(301)]) == [
        "embed: 600 of 3,000 (20 %), 10.0/s, 4 min 0 s left",
        "embed: 1,200 of 3,000 (40 %), 10.0/s, 3 min 0 s left",
        "embed: 1,800 of 3,000 (60 %), 10.0/s, 2 min 0 s left",
        "embed: 2,400 of 3,000 (80 %), 10.0/s, 1 min 0 s left",
        "embed: 3,000 of 3,000 (100 %), 10.0/s",
    ]


def test_each_work_has_its_own_minute_and_may_start_anew() -> None:
    assert told(
        [
            (0, "a", 0, 100),
            (30, "b", 0, 10),
            (60, "a", 60, 100),
            (89, "b", 5, 10),
            (90, "b", 5, 10),
            (100, "a", 10, 100),  # anew
            (159, "a", 60, 100),
            (160, "a", 70, 100),
        ]
    ) == [
        "a: 60 of 100 (60 %), 1.0/s, 40 s left",
        "b: 5 of 10 (50 %), 0.1/s, 1 min 0 s left",
        "a: 70 of 100 (70 %), 1.0/s, 30 s left",
    ]


def test_work_that_resumes_is_measured_from_where_it_resumed() -> None:
    assert told([(0, "a", 900, 1000), (60, "a", 960, 1000)]) == [
        "a: 960 of 1,000 (96 %), 1.0/s, 40 s left"
    ]


def test_work_that_stands_still_and_work_of_unknown_size() -> None:
    assert told([(0, "a", 5, 10), (60, "a", 5, 10)]) == ["a: 5 of 10 (50 %)"]
    assert told([(0, "a", 0, 0), (60, "a", 30, 0)]) == ["a: 30 of 0, 0.5/s"]


@pytest.mark.parametrize("terminal", [True, False])
def test_a_bar_is_drawn_in_a_terminal_and_seldom_in_a_log(
    terminal: bool, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delitem(sys.modules, "ipykernel", raising=False)
    monkeypatch.setattr(os, "isatty", lambda _: terminal)
    clock = Clock()
    with progress_bar(desc="fit", total=1000) as bar:
        bar._time, bar.start_t, bar.last_print_t = clock, 0, 0
        for _ in range(1000):
            clock.now += 0.2
            bar.update()
    drawn = capsys.readouterr().err.count("fit:")
    assert (
        drawn > 500 if terminal else 3 <= drawn <= 6
    )  # at the start, each minute of 200 s, the end
