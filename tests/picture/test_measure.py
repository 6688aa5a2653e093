"""The measure measures: it needs a clock, keeps every aircraft, and gives figures that fit together."""

import time

import pytest

from tocsin.picture.measure import measure


def test_the_figures_are_those_of_the_clock_that_is_handed_in():
    ticks = iter(range(0, 10**12, 10_000_000))
    found = measure(lambda: next(ticks), tracks=100, steps=6)
    assert found == {"tracks": 100, "observations_per_s": pytest.approx(10_000), "update_ms": 10.0, "snapshot_ms": 10.0, "delta_ms": 10.0}


def test_fifteen_thousand_tracks_are_kept_up_with_by_far():
    # The target is 500,000 a second on a quiet machine; a test shares its machine with others.
    found = measure(time.perf_counter_ns, steps=6)
    assert found["tracks"] == 15_000
    assert found["observations_per_s"] > 100_000
