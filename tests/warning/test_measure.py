"""The measurement itself: it must see what it claims to have measured."""

import time

from tests.warning.skies import OPEN
from tocsin.core.times import SECOND
from tocsin.warning.measure import START, full_sky, measure


def test_it_measures_a_full_sky_in_which_something_rings():
    found = measure(time.perf_counter_ns, tracks=2000, seconds=70)
    assert found["tracks"] == 2000
    assert found["rang"] == 1.0
    assert 0 < 5 * found["ms_per_second_of_data"] <= found["ms_worst"] + 0.05


def test_the_clock_is_the_callers():
    ticks = iter(range(0, 10_000_000_000, 3_000_000))
    assert measure(lambda: next(ticks), tracks=50, seconds=5)["ms_per_second_of_data"] == 0.6


def test_the_sky_is_spread_and_flies_on():
    one, two = full_sky(START, 5000, 0.03, OPEN), full_sky(START + 60 * SECOND, 5000, 0.03, OPEN)
    assert len({(round(lat), round(lon)) for lat, lon in zip(one["latitude"], one["longitude"], strict=True)}) > 150
    assert (one["latitude"] != two["latitude"]).all()
    assert 0.01 < (one["flags"] & 4 > 0).mean() < 0.05
