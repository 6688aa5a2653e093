"""What people say, as detectors see it: daily counts, graded claims and officers' own sightings, each with who said it first.

A grade is the Admiralty system's (AJP-2.1): reliability of the source A to F, credibility of what it says 1 to 6. F and 6 mean that
nobody can judge: they weigh as the middle does, and not as the worst.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from tocsin.core import Label
    from tocsin.core.times import Micros

    from .series import Series

RELIABILITY: Final = {"A": 1.0, "B": 0.85, "C": 0.6, "D": 0.3, "E": 0.1, "F": 0.5}
CREDIBILITY: Final = {"1": 1.0, "2": 0.85, "3": 0.6, "4": 0.3, "5": 0.05, "6": 0.5}
NEUTRAL: Final = 0.5
OWN: Final = frozenset({"sighting", "telephone"})
"""Channels by which a watch officer tells what was seen or heard; everything else is a claim out of a document."""
ANNOUNCED: Final = "exercise-announced"
"""What a claim is about that tells of an exercise announced beforehand."""
_GRADE: Final = re.compile(r"[A-F][1-6]")


class Told(NamedTuple):
    """One thing that somebody said, as a record holds it. `root`: who said it first; empty: nobody knows.

    `about`: the indicator that it asserts. `at`: when it was so, `said_at` when it was said, µs UTC. `label` is the record's.
    """

    record: str
    about: str
    source: str
    root: str
    grade: str
    channel: str
    at: Micros
    said_at: Micros
    text: str
    label: Label
    latitude: float | None = None
    longitude: float | None = None


class Heard(NamedTuple):
    """What a view has been told by `now`: daily counts by the name of their series, and what people said."""

    series: Mapping[str, Series] = {}
    told: tuple[Told, ...] = ()

    def readable(self, may: Callable[[Label, str], bool]) -> Heard:
        """What of it a reader is shown who `may` be shown what bears a label and is of a kind."""
        series = {name: one for name, one in self.series.items() if may(one.label, "count")}
        return Heard(series, tuple(one for one in self.told if may(one.label, "claim")))


NOTHING: Final = Heard()


def weight_of(grade: str) -> float:
    """How much a grade lets something count, 0 to 1: reliability times credibility; what is not graded is neutral on both."""
    if not _GRADE.fullmatch(grade):
        return NEUTRAL * NEUTRAL
    return RELIABILITY[grade[0]] * CREDIBILITY[grade[1]]


def independent(told: Iterable[Told]) -> list[Told]:
    """The best-graded of each independent origin, the best first. Those whose origin nobody knows are together one."""
    best: dict[str, Told] = {}
    for one in sorted(told, key=lambda t: (-weight_of(t.grade), t.said_at, t.record)):
        best.setdefault(one.root, one)
    return list(best.values())
