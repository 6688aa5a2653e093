"""Flights move as wholes onto one window, evenly, and the same way each time."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.sources.making import LABEL, T0, S, rows

from tocsin.core import InputError, SeededEntropy
from tocsin.core.observations import concat
from tocsin.sources import SWITZERLAND, load, retime, retimed, sample
from tocsin.sources.flights import APART_S

START = 2 * T0


@pytest.fixture(scope="module")
def day(cache):
    return load([sample(SWITZERLAND, cache)], feed="file", realm="replay:test", label=LABEL).observations


def moved(observations, window_s=3000, seed=1):
    return retimed(observations, start=START, window_s=window_s, entropy=SeededEntropy(seed))


def test_a_day_over_switzerland_fits_into_fifty_minutes(day):
    found = moved(day)
    after = found.observations
    assert len(after) >= 100_000
    assert len(np.unique(after["identity"])) == 842
    assert after["time"].min() >= START
    assert after["time"].max() <= START + 3000 * S
    assert (np.diff(after["time"]) >= 0).all()
    assert found.notes[0].endswith("flights were moved in time onto one window of 50 min")


def test_about_equally_many_are_in_the_air_throughout(day):
    counts = np.histogram(moved(day).observations["time"], bins=20)[0]
    assert counts.max() < 1.15 * counts.min()


def test_plots_do_not_come_all_on_one_beat(day):
    seconds = moved(day).observations["time"] // S % 10
    assert np.bincount(seconds.astype(int), minlength=10).max() < 0.2 * len(seconds)


def test_the_same_entropy_gives_the_same_and_another_another(day):
    a, b, c = moved(day).observations, moved(day).observations, moved(day, seed=2).observations
    assert all(a[name].tobytes() == b[name].tobytes() for name in a.columns)
    assert a["time"].tobytes() != c["time"].tobytes()


def test_within_a_flight_nothing_changes_but_the_time_of_all():
    flight = rows([0, 10, 25, 300], number=5)
    after = retime(flight, start=START, window_s=3000, entropy=SeededEntropy(1))
    assert np.diff(after["time"]).tolist() == np.diff(flight["time"]).tolist()
    assert after["identity"].tolist() == flight["identity"].tolist()


def test_one_aircraft_is_never_at_two_places():
    flights = concat([rows([k * 5000 + t for t in range(0, 300, 10)], number=5) for k in range(6)])
    after = moved(flights, window_s=1800).observations
    steps = np.diff(after["time"]) / S
    assert set(np.round(steps[steps < APART_S]).tolist()) == {10.0}
    assert len(after) >= 60


def test_flights_that_find_no_room_are_left_out_and_counted():
    flights = concat([rows([k * 5000 + t for t in range(0, 300, 10)], number=5) for k in range(6)])
    found = moved(flights, window_s=400)
    assert len(found.observations) == 30
    assert "5 flights were left out because their aircraft flies already throughout" in found.notes


def test_a_flight_longer_than_the_window_is_cut_and_counted():
    found = moved(rows(range(0, 1000, 10)), window_s=100)
    assert len(found.observations) == 11
    assert "1 flights longer than the window were cut" in found.notes


def test_a_pause_of_more_than_ten_minutes_ends_a_flight():
    assert moved(rows([0, 600])).notes[0].startswith("1 ")
    assert moved(rows([0, 600.1])).notes[0].startswith("2 ")


def test_nothing_becomes_nothing():
    assert len(moved(rows([])).observations) == 0


@pytest.mark.parametrize("window", [59, 0, -1, float("nan")])
def test_a_window_too_short_is_refused(window):
    with pytest.raises(InputError, match="60 s or longer"):
        moved(rows([0]), window_s=window)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.integers(1, 4), st.lists(st.floats(0, 20_000), min_size=1, max_size=20)), max_size=8), st.floats(60, 5000))
def test_whatever_comes_lies_within_the_window_and_no_row_is_made_up(flights, window):
    batch = concat([rows([]), *(rows(times, number=number) for number, times in flights)])
    after = moved(batch, window_s=window).observations
    assert len(after) <= len(batch)
    if len(after):
        assert after["time"].min() >= START - 1
        assert after["time"].max() <= START + window * S + 1
        assert set(after["identity"].tolist()) <= set(batch["identity"].tolist())
