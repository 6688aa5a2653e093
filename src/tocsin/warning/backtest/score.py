"""How alarms did against events: hits, false episodes, lead times, and what chance alone would have done.

One alarm that lasts, or comes again within a week, is one episode. Days are whole numbers; dates of counts and of events
differ by a day between sources, so a day to either side of an event still belongs to it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

import msgspec
import numpy as np
from scipy.special import bdtrc, betaincinv

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tocsin.core.observations import Array

    from .series_file import Event

YEAR: Final = 365.25
GAP: Final = 7
SLACK: Final = 1
BEFORE: Final = 14
"""An alarm that begins in the fourteen days before an event, and not on its eve, is one before the event."""


class Episode(NamedTuple):
    """One alarm, from its first to its last day."""

    first: int
    last: int


class EventScore(msgspec.Struct, frozen=True, kw_only=True):
    """`lead_days`: how many days before the event's start the alarm began; negative: so many after it."""

    name: str
    tier: str
    start: str
    end: str
    hit: bool
    first_alarm: str | None
    lead_days: int | None


class FalseAlarm(msgspec.Struct, frozen=True):
    """An episode that touches no event: its first and last day, and on how many of its days the alarm stood."""

    first: str
    last: str
    days: int


class Score(msgspec.Struct, frozen=True, kw_only=True):
    """How one way to alarm did. `interval`: 95 %, exact (Clopper and Pearson 1934)."""

    hits: int
    of: int
    interval: tuple[float, float]
    false_alarm_episodes: int
    false_alarm_episodes_per_year: float
    false_alarms: tuple[FalseAlarm, ...]
    alarm_days_per_year: float
    events: tuple[EventScore, ...]
    pre_event_alarms: int
    chance_of_pre_event_alarm: float
    pre_event_p_value: float
    years: float


def exact_interval(hits: int, of: int, level: float = 0.95) -> tuple[float, float]:
    """The exact interval of a share (Clopper and Pearson 1934); (0, 1) of none."""
    if of == 0:
        return 0.0, 1.0
    low = 0.0 if hits == 0 else float(betaincinv(hits, of - hits + 1, (1 - level) / 2))
    high = 1.0 if hits == of else float(betaincinv(hits + 1, of - hits, (1 + level) / 2))
    return round(low, 4), round(high, 4)


def episodes(days: Array, gap: int = GAP) -> list[Episode]:
    """Alarm days (rising) as episodes: days no more than `gap` apart are one."""
    if not len(days):
        return []
    cuts = np.flatnonzero(np.diff(days) > gap)
    firsts, lasts = days[np.concatenate([[0], cuts + 1])], days[np.concatenate([cuts, [len(days) - 1]])]
    return [Episode(int(a), int(b)) for a, b in zip(firsts, lasts, strict=True)]


def score(alarm_days: Array, events: Sequence[Event], first: int, last: int) -> Score:
    """How alarms on `alarm_days` did against the events of the days `first` to `last`, which are all that is judged."""
    days = np.unique(alarm_days[(alarm_days >= first) & (alarm_days <= last)])
    judged = [event for event in events if event.end >= first and event.start <= last]
    found = episodes(days)
    true = {one for one in found for event in judged if _meets(one, event)}
    false = tuple(FalseAlarm(_date(one.first), _date(one.last), _within(days, one)) for one in found if one not in true)
    years = max(1, last - first + 1) / YEAR
    rows = tuple(_event(event, found) for event in judged)
    hits = sum(row.hit for row in rows)
    early, chance = _before(found, judged, first, last)
    return Score(
        hits=hits,
        of=len(judged),
        interval=exact_interval(hits, len(judged)),
        false_alarm_episodes=len(false),
        false_alarm_episodes_per_year=round(len(false) / years, 3),
        false_alarms=false,
        alarm_days_per_year=round(len(days) / years, 2),
        events=rows,
        pre_event_alarms=early,
        chance_of_pre_event_alarm=round(chance, 4),
        pre_event_p_value=round(float(bdtrc(early - 1, len(judged), chance)) if early else 1.0, 4),
        years=round(years, 3),
    )


def _within(days: Array, one: Episode) -> int:
    return int(((days >= one.first) & (days <= one.last)).sum())


def _meets(one: Episode, event: Event) -> bool:
    return one.first <= event.end + SLACK and one.last >= event.start - SLACK


def _event(event: Event, found: Sequence[Episode]) -> EventScore:
    mine = [one for one in found if _meets(one, event)]
    alarm = min((one.first for one in mine), default=None)
    return EventScore(
        name=event.name,
        tier=event.tier,
        start=_date(event.start),
        end=_date(event.end),
        hit=bool(mine),
        first_alarm=None if alarm is None else _date(alarm),
        lead_days=None if alarm is None else event.start - alarm,
    )


def _before(found: Sequence[Episode], events: Sequence[Event], first: int, last: int) -> tuple[int, float]:
    """How many events had an alarm begin in the fortnight before; and the share of other days of which that is true."""
    began = np.zeros(last - first + 1 + BEFORE, int)
    for one in found:
        began[one.first - first + BEFORE] = 1
    # For each day, the alarms that began from BEFORE days before it up to its eve, which is not one of them.
    whole = np.concatenate([[0], np.cumsum(began)])
    day = np.arange(last - first + 1)
    early = whole[day + BEFORE - SLACK] - whole[day] > 0
    free = np.ones(len(day), bool)
    for event in events:
        # An alarm that rang in an event is no alarm before a day that follows it.
        free[max(0, event.start - SLACK - first) : max(0, event.end + SLACK + BEFORE + 1 - first)] = False
    chance = float(early[free].mean()) if free.any() else 0.0
    return sum(bool(early[event.start - first]) for event in events if 0 <= event.start - first < len(early)), chance


def _date(day: int) -> str:
    return str(np.datetime64(day, "D"))
