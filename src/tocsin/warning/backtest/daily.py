"""A topic over a daily series, on the engine that runs live, with a clock that shows it nothing but the past.

Each day the watch is shown the series as it stood on that day. Its alarms are the days on which its level
stands at the topic's `warn_at` or above. Nothing is fitted to the events: the topic's numbers are what they are.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple

import msgspec
import numpy as np

from tocsin.core import Clearance, Label, SeededEntropy
from tocsin.picture import Tracks
from tocsin.picture.tracks import COLUMNS
from tocsin.policy import View

from ..said import Heard
from ..series import DAY
from ..service import Watch
from .comparators import COMPARATORS
from .score import EventScore, FalseAlarm, Score, score
from .tuning import left_out

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tocsin.core.observations import Array
    from tocsin.core.times import Micros

    from ..model import Topic
    from ..series import Series
    from .series_file import DailyFile, Event

LABEL: Final = Label("backtest", 0, frozenset({"backtest"}), frozenset({"backtest"}))
_CLEARANCE: Final = Clearance("backtest", "backtest", 0)
_REALM: Final = "replay:backtest"
_PUBLISHED: Final[Micros] = DAY // 2
_ENOUGH: Final = 4
_NOTHING: Final = Tracks({name: np.empty(0, kind) for name, kind in COLUMNS.items()})


class Days(NamedTuple):
    """What the watch said, a row for each calendar day from the series' first to its last."""

    day: Array
    probability: Array  # of the topic's subject
    level: Array  # rank
    said: Array  # whether any indicator could say anything


class Reliability(msgspec.Struct, frozen=True):
    """One bin of forecasts: their mean, the share of days in it on which an event was, and how many days."""

    forecast: float
    observed: float
    days: int


class Result(msgspec.Struct, frozen=True, kw_only=True):
    """What a back-test over a daily series found. `baselines`: each comparator's score, by name. `says`: what a reader must know."""

    topic: str
    series: str
    first: str
    last: str
    days: int
    missing: int
    faults: tuple[str, ...]
    hits: int
    of: int
    interval: tuple[float, float]
    false_alarm_episodes: int
    false_alarm_episodes_per_year: float
    false_alarms: tuple[FalseAlarm, ...]
    alarm_days_per_year: float
    years: float
    events: tuple[EventScore, ...]
    pre_event_alarms: int
    chance_of_pre_event_alarm: float
    pre_event_p_value: float
    brier: float
    brier_of_base_rate: float
    reliability: tuple[Reliability, ...]
    configurations_tried: int
    baselines: dict[str, dict[str, Any]]
    says: tuple[str, ...]


def watch_days(topic: Topic, series: Series, seed: int = 0) -> Days:
    """What a watch of `topic` says on every calendar day of `series`, shown only what was published by then."""
    watch = Watch(topic, _REALM, View("backtest", _CLEARANCE), SeededEntropy(seed), node="backtest")
    first, last = int(series.day[0]), int(series.day[-1])
    day = np.arange(first, last + 1)
    probability, level, said = np.zeros(len(day)), np.zeros(len(day), int), np.zeros(len(day), bool)
    for at, today in enumerate(day.tolist()):
        step = watch.step(_NOTHING, today * DAY + _PUBLISHED, heard=Heard({series.name: series.until(today)}))
        found = step.assessment
        probability[at] = found.probabilities[topic.subject]
        level[at] = topic.rank(found.level)
        said[at] = any(lamp.state != "cannot say" for lamp in found.indicators)
    return Days(day, probability, level, said)


def backtest(topic: Topic, read: DailyFile, events: Sequence[Event]) -> tuple[Result, Days]:
    """How the topic's warnings would have done over the series, beside the comparators; and what it said day by day."""
    days = watch_days(topic, read.series)
    spoke = np.flatnonzero(days.said)
    # Before anything can be said nobody could have hit or cried wolf: every way is judged from the same day.
    first, last = int(days.day[spoke[0]] if len(spoke) else days.day[-1]), int(days.day[-1])
    mine = score(days.day[days.level >= topic.rank(topic.warn_at)], events, first, last)
    baselines, tried = _baselines(read.series, days, events, first, last)
    brier, plain, reliability = _calibration(days, events, first)
    result = Result(
        topic=topic.id,
        series=read.series.source,
        first=_date(int(days.day[0])),
        last=_date(last),
        days=len(read.series),
        missing=read.missing,
        faults=read.faults,
        hits=mine.hits,
        of=mine.of,
        interval=mine.interval,
        false_alarm_episodes=mine.false_alarm_episodes,
        false_alarm_episodes_per_year=mine.false_alarm_episodes_per_year,
        false_alarms=mine.false_alarms,
        alarm_days_per_year=mine.alarm_days_per_year,
        years=mine.years,
        events=mine.events,
        pre_event_alarms=mine.pre_event_alarms,
        chance_of_pre_event_alarm=mine.chance_of_pre_event_alarm,
        pre_event_p_value=mine.pre_event_p_value,
        brier=brier,
        brier_of_base_rate=plain,
        reliability=reliability,
        configurations_tried=tried,
        baselines=baselines,
        says=_says(mine, events, first, last),
    )
    return result, days


def _baselines(series: Series, days: Days, events: Sequence[Event], first: int, last: int) -> tuple[dict[str, dict[str, Any]], int]:
    counts = np.full(len(days.day), np.nan)
    counts[series.day - days.day[0]] = series.value
    judged = [event for event in events if event.end >= first and event.start <= last]
    found, tried = {}, 1
    for one in COMPARATORS:
        scores = one.score(counts)
        if len(judged) >= _ENOUGH:
            how, configurations, threshold, result = left_out(days.day, scores, judged, first, last)
        else:
            how, configurations, threshold = "textbook", 1, one.textbook
            result = score(days.day[np.nan_to_num(scores, nan=-np.inf) >= threshold], judged, first, last)
        tried += configurations
        row = {name: getattr(result, name) for name in _ROW}
        found[one.name] = {**row, "threshold": round(float(threshold), 4), "threshold_by": how, "what": one.says}
    return found, tried


_ROW: Final = (
    "hits",
    "of",
    "interval",
    "false_alarm_episodes_per_year",
    "alarm_days_per_year",
    "pre_event_alarms",
    "chance_of_pre_event_alarm",
)


def _calibration(days: Days, events: Sequence[Event], first: int) -> tuple[float, float, tuple[Reliability, ...]]:
    """Brier (1950) score of the subject's probability, of saying the base rate every day, and ten bins of forecasts."""
    use = days.day >= first
    day, forecast = days.day[use], days.probability[use]
    happened = np.zeros(len(day))
    for event in events:
        happened[(day >= event.start) & (day <= event.end)] = 1.0
    bins = np.minimum((forecast * 10).astype(int), 9)
    reliability = tuple(
        Reliability(round(float(forecast[bins == b].mean()), 4), round(float(happened[bins == b].mean()), 4), int((bins == b).sum()))
        for b in np.unique(bins)
    )
    plain = float(((happened.mean() - happened) ** 2).mean())
    return round(float(((forecast - happened) ** 2).mean()), 6), round(plain, 6), reliability


def _says(mine: Score, events: Sequence[Event], first: int, last: int) -> tuple[str, ...]:
    found = [f"n = {mine.of}: the share of events that were hit lies between {mine.interval[0]:.0%} and {mine.interval[1]:.0%} (95 %)."]
    if left := [event.name for event in events if event.end < first or event.start > last]:
        found.append(f"Not judged, since the series says nothing of their days: {', '.join(left)}.")
    if mine.of:
        before = f"{mine.pre_event_alarms} of {mine.of} events had an alarm begin in the fortnight before"
        chance = f"by chance that is so of {mine.chance_of_pre_event_alarm:.0%} of days"
        better = mine.pre_event_alarms > 0 and mine.pre_event_p_value < 0.05
        found.append(f"{before}; {chance}: " + ("more than chance." if better else "no better than chance, so it gives no early warning."))
    found.append("A hit says that the counts showed an event while it was on; leads are negative for an alarm that came after its start.")
    return tuple(found)


def _date(day: int) -> str:
    return str(np.datetime64(day, "D"))
