"""A topic over recorded traffic: the same picture and watch as a node's, stepped by the recording's own time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec

from tocsin.core import InputError, SeededEntropy, WarningRecord, iso
from tocsin.core.times import SECOND, Micros, parse_iso

from ..errors import BadSeries
from ..service import Watch
from ..trial import NODE, REALM, VIEW, play
from .score import exact_interval
from .series_file import EVENT_COLUMNS, rows_of

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from tocsin.core.observations import Observations

    from ..model import Topic

_MONTH_US: Final = 30 * 24 * 3600 * SECOND
_AFTER: Final[Micros] = 15 * 60 * SECOND
"""A warning that comes within a quarter of an hour after an event's end is still about it."""


class Happening(msgspec.Struct, frozen=True):
    """Something that happened in a recording, from `start` to `end` (µs UTC)."""

    name: str
    start: Micros
    end: Micros


class Rang(msgspec.Struct, frozen=True, kw_only=True):
    """A warning that was drafted at `at`; `event`: what it was about, empty if nothing happened."""

    at: str
    level: str
    sentence: str
    event: str = ""


class Heard(msgspec.Struct, frozen=True, kw_only=True):
    """Whether an event rang, and how many minutes before its end."""

    name: str
    hit: bool
    first_alarm: str | None
    lead_minutes: float | None


class Recorded(msgspec.Struct, frozen=True, kw_only=True):
    """What a topic made of recorded traffic. `lead_minutes` of an event is until its end: the line reached, the drop done."""

    topic: str
    first: str
    last: str
    hours: float
    observations: int
    looks: int
    hits: int
    of: int
    interval: tuple[float, float]
    false_warnings: int
    false_warnings_per_30_days: float
    events: tuple[Heard, ...]
    warnings: tuple[Rang, ...]
    highest: float
    faults: tuple[str, ...]


def read_happenings(data: bytes, file: str) -> tuple[Happening, ...]:
    """Events with the columns name, start and end as ISO times (without a head line in that order), by their start; raises `BadSeries`."""
    found = []
    for line, row in rows_of(data, file, EVENT_COLUMNS[:3], bare=EVENT_COLUMNS):
        try:
            one = Happening(row["name"].strip(), parse_iso(row["start"].strip()), parse_iso(row["end"].strip()))
        except InputError:
            raise BadSeries(file, line, "start and end are times such as 2026-11-22T03:30:00Z") from None
        if not one.name or one.end < one.start:
            raise BadSeries(file, line, "an event has a name, and ends no earlier than it starts")
        found.append(one)
    return tuple(sorted(found, key=lambda e: (e.start, e.name)))


def backtest_recorded(
    topic: Topic,
    batch: Observations,
    happened: Sequence[Happening],
    *,
    clock_ns: Callable[[], int],
    every_s: float = 10.0,
    faults: Sequence[str] = (),
) -> Recorded:
    """Play a recording (rows by time, in realm `trial.REALM`) to a watch of `topic`, as it is placed, and judge when it rang."""
    watch = Watch(topic, REALM, VIEW, SeededEntropy(0), node=NODE)
    rang: list[tuple[Micros, Rang]] = []
    looks, highest = 0, 0.0
    for now, step, _ in play(batch, watch, every_s=every_s, clock_ns=clock_ns):
        looks += 1
        highest = max(highest, step.assessment.probabilities[topic.subject])
        bodies = [said.body for said in step.warnings]
        drafted = [body for body in bodies if isinstance(body, WarningRecord) and body.version == 1]
        rang += [(now, Rang(at=iso(now), level=b.level, sentence=b.sentence, event=_about(now, happened))) for b in drafted]
    first, last = (int(batch["time"][0]), int(batch["time"][-1])) if len(batch) else (0, 0)
    judged = [event for event in happened if event.end >= first and event.start <= last]
    events = tuple(_heard(event, rang) for event in judged)
    hits, wrong = sum(one.hit for one in events), sum(not one.event for _, one in rang)
    return Recorded(
        topic=topic.id,
        first=iso(first),
        last=iso(last),
        hours=round((last - first) / (3600 * SECOND), 3),
        observations=len(batch),
        looks=looks,
        hits=hits,
        of=len(events),
        interval=exact_interval(hits, len(events)),
        false_warnings=wrong,
        false_warnings_per_30_days=round(wrong * _MONTH_US / max(1, last - first), 3),
        events=events,
        warnings=tuple(one for _, one in rang),
        highest=round(highest, 6),
        faults=tuple(faults),
    )


def _about(now: Micros, happened: Sequence[Happening]) -> str:
    return next((event.name for event in happened if event.start <= now <= event.end + _AFTER), "")


def _heard(event: Happening, rang: Sequence[tuple[Micros, Rang]]) -> Heard:
    first = min((at for at, one in rang if one.event == event.name), default=None)
    if first is None:
        return Heard(name=event.name, hit=False, first_alarm=None, lead_minutes=None)
    return Heard(name=event.name, hit=True, first_alarm=iso(first), lead_minutes=round((event.end - first) / (60 * SECOND), 2))
