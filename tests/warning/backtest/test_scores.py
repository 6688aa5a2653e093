"""Alarms against events: what is a hit, what is false, and what chance would have done."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import nbinom

from tocsin.warning.backtest.comparators import COMPARATORS, ears_c1, ears_c3, farrington, nb_tail, persistence, raw_threshold
from tocsin.warning.backtest.score import BEFORE, episodes, exact_interval, score
from tocsin.warning.backtest.series_file import Event
from tocsin.warning.backtest.tuning import left_out

from .making import counts


def alarms(*days: int) -> np.ndarray:
    return np.array(days, np.int64)


def test_days_within_a_week_of_each_other_are_one_episode():
    assert [tuple(e) for e in episodes(alarms(1, 2, 9, 17, 30))] == [(1, 9), (17, 17), (30, 30)]
    assert episodes(alarms()) == []


def test_an_alarm_in_the_event_is_a_hit_and_its_lead_is_negative():
    found = score(alarms(101), [Event("A", 100, 102, "1")], 0, 365)
    assert (found.hits, found.of, found.false_alarm_episodes) == (1, 1, 0)
    assert found.events[0].lead_days == -1


def test_an_alarm_a_day_beside_the_event_is_a_hit_since_sources_date_a_day_apart():
    for day in (99, 103):
        assert score(alarms(day), [Event("A", 100, 102, "1")], 0, 365).hits == 1
    for day in (98, 104):
        missed = score(alarms(day), [Event("A", 100, 102, "1")], 0, 365)
        assert (missed.hits, missed.false_alarm_episodes) == (0, 1)


def test_an_alarm_that_stands_since_before_the_event_leads_it():
    found = score(alarms(90, 95, 100), [Event("A", 100, 102, "1")], 0, 365)
    assert (found.events[0].lead_days, found.hits, found.false_alarm_episodes) == (10, 1, 0)


def test_every_event_in_the_file_counts_whatever_its_tier_and_those_outside_are_not_judged():
    events = [Event("A", 100, 102, "1"), Event("B", 200, 201, "3"), Event("C", 900, 901, "1")]
    found = score(alarms(100, 200), events, 0, 365)
    assert (found.hits, found.of) == (2, 2)


def test_each_false_alarm_is_told_with_its_days():
    found = score(alarms(10, 11, 16, 60, 100), [Event("A", 99, 102, "1")], 0, 365)
    assert [(one.first, one.last, one.days) for one in found.false_alarms] == [
        ("1970-01-11", "1970-01-17", 3),
        ("1970-03-02", "1970-03-02", 1),
    ]
    assert found.false_alarm_episodes == len(found.false_alarms)


def test_rates_are_by_the_year():
    found = score(alarms(10, 11, 60, 500), [], 0, 730)
    assert found.false_alarm_episodes == 3
    assert found.false_alarm_episodes_per_year == pytest.approx(3 / (731 / 365.25), abs=1e-3)
    assert found.alarm_days_per_year == pytest.approx(4 / (731 / 365.25), abs=1e-2)


def test_an_alarm_in_the_fortnight_before_counts_as_before_and_chance_is_said_beside_it():
    event = Event("A", 200, 201, "1")
    found = score(alarms(200 - BEFORE), [event], 0, 399)
    assert found.pre_event_alarms == 1
    # Thirteen of the other days have that alarm in the fortnight before them, if the event had not been.
    assert 0 <= found.chance_of_pre_event_alarm < 0.05
    assert score(alarms(200 - BEFORE - 1), [event], 0, 399).pre_event_alarms == 0
    assert score(alarms(199), [event], 0, 399).pre_event_alarms == 0


def test_chance_of_an_alarm_before_is_the_share_of_days_that_have_one():
    found = score(alarms(100), [], 0, 364)
    assert found.chance_of_pre_event_alarm == pytest.approx((BEFORE - 1) / 365, abs=1e-4)


@pytest.mark.parametrize(("hits", "of", "low", "high"), [(1, 1, 0.025, 1.0), (6, 6, 0.5407, 1.0), (0, 6, 0.0, 0.4593), (0, 0, 0.0, 1.0)])
def test_the_exact_interval_is_clopper_and_pearsons(hits, of, low, high):
    assert exact_interval(hits, of) == pytest.approx((low, high), abs=1e-4)


@given(st.lists(st.integers(0, 400), max_size=40), st.lists(st.integers(0, 390), max_size=5, unique=True))
def test_hits_and_false_episodes_never_exceed_what_there_is(days, starts):
    events = [Event(f"E{start}", start, start + 3, "1") for start in starts]
    found = score(alarms(*days), events, 0, 400)
    assert 0 <= found.hits <= found.of == len(starts)
    assert 0 <= found.false_alarm_episodes <= len(episodes(np.unique(alarms(*days))))
    assert all((event.first_alarm is None) == (not event.hit) for event in found.events)


def test_a_comparator_at_a_day_does_not_depend_on_later_days():
    values = counts(500)
    values[200], values[333] = np.nan, 90.0
    for one in COMPARATORS:
        whole = one.score(values)
        for day in (120, 333, 450):
            np.testing.assert_array_equal(one.score(values[: day + 1])[: day + 1], whole[: day + 1])


def test_a_comparator_has_nothing_to_say_of_a_missing_day():
    values = counts(200)
    values[150] = np.nan
    for one in COMPARATORS:
        if one.name not in {"persistence"}:
            assert np.isnan(one.score(values)[150])


def test_the_raw_threshold_is_in_deviations_of_all_days_before():
    values = counts(100)
    before = values[:99]
    assert raw_threshold(values)[99] == pytest.approx((values[99] - before.mean()) / before.std(ddof=1))
    assert persistence(values)[99] == raw_threshold(values)[98]


def test_ears_looks_at_one_week():
    values = np.array([1.0, 2, 3, 4, 5, 6, 7, 30])
    assert ears_c1(values)[7] == pytest.approx((30 - 4) / np.std(values[:7], ddof=1))
    assert ears_c3(counts(60))[40] >= 0


def test_the_negative_binomial_tail_is_scipys():
    values = counts(100)
    values[99] = 40.0
    before = values[99 - 56 : 99]
    mean, var = before.mean(), before.var(ddof=1)
    size = mean**2 / (var - mean)
    assert nb_tail(values)[99] == pytest.approx(-np.log10(nbinom.sf(39, size, size / (size + mean))), rel=1e-6)


def test_farrington_needs_a_year_and_rises_with_the_count():
    values = counts(800)
    assert np.isnan(farrington(values)[:360]).all()
    more = values.copy()
    more[700] = 200.0
    assert farrington(more)[700] > max(1.0, farrington(values)[700])


def test_a_threshold_is_chosen_without_the_event_it_is_judged_by():
    day = np.arange(1000)
    scores = np.zeros(1000)
    events = [Event(f"E{at}", at, at + 1, "1") for at in (100, 300, 500, 700, 900)]
    for event, height in zip(events, (5.0, 5.0, 5.0, 5.0, 2.0), strict=True):
        scores[event.start] = height
    scores[[200, 400, 600]] = 3.0
    how, tried, threshold, found = left_out(day, scores, events, 0, 999)
    assert how == "leave-one-event-out"
    assert tried > 1
    # The four high ones set a bar that the low one, left out, does not reach: its own height never helps it.
    assert [row.hit for row in found.events] == [True, True, True, True, False]
    assert threshold <= 5.0
