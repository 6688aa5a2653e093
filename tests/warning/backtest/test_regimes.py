"""Simulated series of years: the simulator itself, and the bars of daily peaks on what it makes."""

from itertools import pairwise

import numpy as np
import pytest
from tests.warning.backtest.making import START, counts, series
from tests.warning.backtest.regimes import DAYS, EXERCISES, REGIMES, simulated

from tocsin.core import Clearance
from tocsin.warning import shipped
from tocsin.warning.backtest.daily import _NOTHING, LABEL
from tocsin.warning.backtest.series_file import read_events, read_series
from tocsin.warning.detectors.daily import DailyPeak
from tocsin.warning.said import Heard
from tocsin.warning.scene import Scene
from tocsin.warning.series import DAY
from tocsin.warning.topics import parameters_of

TOPIC = shipped("daily-surge")
READER = Clearance("backtest", "backtest", 0)


def peaks(of, days=None):
    """The days on which the topic's peak of two days is seen, looked at day by day with nothing but the past."""
    detector, found = DailyPeak(TOPIC, parameters_of(TOPIC, "two-day-peak")), []
    for day in of.day.tolist() if days is None else days:
        scene = Scene(_NOTHING, day * DAY + DAY // 2, "replay:backtest", READER, Heard({of.name: of.until(day)}))
        found += [day] * bool(detector.step(scene))
    return found


@pytest.mark.parametrize("name", REGIMES)
def test_a_seed_gives_one_series_with_six_exercises_apart(name):
    read, events = simulated(REGIMES[name], 3)
    again, same = simulated(REGIMES[name], 3)
    assert (read.series.value == again.series.value).all()
    assert events == same
    assert len(events) == EXERCISES
    assert all(b.start - a.end > 90 for a, b in pairwise(events))
    assert read.missing == DAYS - len(read.series) > 0
    assert all(read.series.window(e.start - 1, e.end + 1).max(initial=0.0) >= 15 for e in events)


@pytest.mark.parametrize("name", ["plain", "steep", "another meaning"])
def test_most_exercises_stand_out_and_few_other_days_do(name):
    # Seeds that no setting was chosen on.
    read, events = simulated(REGIMES[name], 300)
    found = peaks(read.series)
    near = {day for event in events for day in range(event.start - 1, event.end + 3)}
    assert sum(any(event.start - 1 <= day <= event.end + 2 for day in found) for event in events) >= 5
    assert sum(day not in near for day in found) <= 0.02 * DAYS


def test_a_month_on_a_higher_level_is_no_peak():
    values = counts(600, seed=4)
    values[500:540] += 6
    before = [day for day in peaks(series(counts(600, seed=4))) if START + 500 <= day < START + 540]
    assert len([day for day in peaks(series(values)) if START + 500 <= day < START + 540]) <= len(before)


def test_a_peak_on_that_level_is_one():
    values = counts(600, seed=4)
    values[500:540] += 5
    values[530:532] = 110
    assert START + 531 in peaks(series(values))


def test_both_bars_hold_where_the_level_is_known():
    values = np.full(500, 20.0)
    values[::9] = 30
    values[480:482] = 55
    # Above the year's peaks, but less than three and a half times what the weeks before had.
    assert peaks(series(values)) == []
    values[480:482] = 90
    assert START + 481 in peaks(series(values))


def test_the_label_of_the_series_is_the_sightings():
    values = counts(500)
    values[480:482] = 120
    of = series(values)
    detector = DailyPeak(TOPIC, parameters_of(TOPIC, "two-day-peak"))
    day = START + 481
    (seen,) = detector.step(Scene(_NOTHING, day * DAY + DAY // 2, "replay:backtest", READER, Heard({of.name: of.until(day)})))
    assert seen.labels == {LABEL}
    assert seen.count == 240
    assert 0.75 <= seen.strength <= 1


def test_an_events_file_may_have_an_index_without_a_name_and_no_tier():
    found = read_events(b",name,start,end\n0,Alpha,2022-08-04,2022-08-07\n1,Beta,2023-04-08,2023-04-10\n", "events.csv")
    assert [(event.name, event.tier, event.end - event.start) for event in found] == [("Alpha", "", 3), ("Beta", "", 2)]


def test_date_and_count_columns_have_any_name():
    data = "\ufeffday of report,,PLA aircraft in ADIZ\n2024-01-01,x,7\n2024-01-02,y,\n2024-01-04,z,9\n".encode()
    read = read_series(data, "s.csv", date_column="day of report", count_column="PLA aircraft in ADIZ", name="aircraft", label=LABEL)
    assert read.series.value.tolist() == [7, 9]
    assert read.missing == 2
