"""Thresholds by leaving one event out: each event is judged by a threshold that was chosen without it."""

from __future__ import annotations

from statistics import median
from typing import TYPE_CHECKING, Final

import numpy as np
from msgspec.structs import replace

from .score import Score, exact_interval, score

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tocsin.core.observations import Array

    from .series_file import Event

_STEPS: Final = 60
_AROUND: Final = 30


def left_out(day: Array, scores: Array, events: Sequence[Event], first: int, last: int) -> tuple[str, int, float, Score]:
    """How a score does with thresholds chosen without the event that is judged.

    Chosen is the threshold with the most hits of the other events, then the fewest false episodes, on days that
    are not within thirty of the event left out. False episodes and alarm days are means over the folds. Gives how it
    was chosen, how many thresholds were tried, the median threshold, and the score.
    """
    known = scores[~np.isnan(scores) & (day >= first) & (day <= last)]
    if not len(known):
        return "leave-one-event-out", 0, float("inf"), score(day[:0], events, first, last)
    grid = np.unique(np.quantile(known, 1.0 - np.geomspace(0.0003, 0.2, _STEPS)))
    scores = np.nan_to_num(scores, nan=-np.inf)
    folds: list[tuple[float, Score]] = []
    for event in events:
        away = (day < event.start - _AROUND) | (day > event.end + _AROUND)
        others = [one for one in events if one is not event]
        best = max(grid.tolist(), key=lambda at: _worth(score(day[(scores >= at) & away], others, first, last)))
        folds.append((best, score(day[scores >= best], events, first, last)))
    rows = tuple(fold.events[index] for index, (_, fold) in enumerate(folds))
    hits = sum(row.hit for row in rows)
    whole = folds[0][1]
    result = replace(
        whole,
        hits=hits,
        interval=exact_interval(hits, len(rows)),
        events=rows,
        false_alarms=(),  # each fold has its own
        false_alarm_episodes=round(float(np.mean([fold.false_alarm_episodes for _, fold in folds]))),
        false_alarm_episodes_per_year=round(float(np.mean([fold.false_alarm_episodes_per_year for _, fold in folds])), 3),
        alarm_days_per_year=round(float(np.mean([fold.alarm_days_per_year for _, fold in folds])), 2),
        pre_event_alarms=round(float(np.mean([fold.pre_event_alarms for _, fold in folds]))),
        chance_of_pre_event_alarm=round(float(np.mean([fold.chance_of_pre_event_alarm for _, fold in folds])), 4),
    )
    return "leave-one-event-out", len(grid), median(at for at, _ in folds), result


def _worth(found: Score) -> tuple[int, float, float]:
    return found.hits, -found.false_alarm_episodes_per_year, -found.alarm_days_per_year
