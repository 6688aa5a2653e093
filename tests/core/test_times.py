"""Time: whole microseconds UTC, and clocks that are handed in."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tocsin.core import InputError, ManualClock, ScaledClock, iso, parse_iso, seconds
from tocsin.core.times import DAY, HOUR, LAST, SECOND

FIRST = -62_135_596_800 * SECOND


@given(st.integers(FIRST, LAST))
def test_a_time_that_is_written_is_read_back_exactly(time):
    assert parse_iso(iso(time)) == time


@pytest.mark.parametrize(
    ("time", "text"),
    [
        (0, "1970-01-01T00:00:00Z"),
        (1, "1970-01-01T00:00:00.000001Z"),
        (-1, "1969-12-31T23:59:59.999999Z"),
        (LAST, "9999-12-31T23:59:59.999999Z"),
        (20_000 * DAY + 3 * HOUR + 500_000, "2024-10-04T03:00:00.500000Z"),
    ],
)
def test_known_times(time, text):
    assert iso(time) == text
    assert parse_iso(text) == time


def test_an_offset_is_taken_into_account():
    assert parse_iso("2026-11-22T05:11:42+02:00") == parse_iso("2026-11-22T03:11:42Z") == parse_iso("2026-11-21T21:41:42-05:30")


@pytest.mark.parametrize("text", ["2026-11-22T03:11:42", "2026-11-22"])
def test_a_time_without_a_zone_is_refused(text):
    with pytest.raises(InputError, match="no zone"):
        parse_iso(text)


@pytest.mark.parametrize(
    "text", ["", "now", "2026-13-01T00:00:00Z", "2026-02-30T00:00:00Z", "10000-01-01T00:00:00Z", "1.5", "Z", "x" * 10_000]
)
def test_what_is_no_time_is_refused_in_one_short_line(text):
    with pytest.raises(InputError, match="no ISO 8601 time") as refusal:
        parse_iso(text)
    assert len(str(refusal.value)) < 100


@pytest.mark.parametrize("text", ["0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-12:00"])
def test_a_time_that_leaves_the_calendar_in_utc_is_refused(text):
    with pytest.raises(InputError, match="outside"):
        parse_iso(text)


@pytest.mark.parametrize("time", [LAST + 1, FIRST - 1, 2**63, 10**30, -(10**30)])
def test_a_time_outside_the_calendar_cannot_be_written(time):
    with pytest.raises(InputError, match="years 1 to 9999"):
        iso(time)


def test_seconds_round_to_microseconds():
    assert seconds(1) == SECOND
    assert seconds(0.0000014) == 1
    assert seconds(-0.5) == -SECOND // 2


@given(st.lists(st.integers(0, LAST), max_size=20))
def test_a_manual_clock_stands_until_moved_and_never_goes_back(moves):
    clock, latest = ManualClock(5), 5
    for move in moves:
        clock.move_to(move)
        latest = max(latest, move)
        assert clock.now() == clock.now() == latest


def test_a_scaled_clock_runs_faster_from_where_it_starts():
    base = ManualClock(100)
    clock = ScaledClock(base, 1_000_000, 60)
    assert clock.now() == 1_000_000
    base.move_to(100 + SECOND)
    assert clock.now() == 1_000_000 + 60 * SECOND


def test_two_scaled_clocks_with_the_same_zero_agree_whenever_they_are_made():
    base = ManualClock(100)
    first = ScaledClock(base, 0, 10, zero=50)
    base.move_to(7_000)
    assert first.now() == ScaledClock(base, 0, 10, zero=50).now() == 69_500
