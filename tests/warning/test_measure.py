"""The measurement itself: it must see what it claims to have measured."""

import time

from tests.warning.skies import OPEN, VIEW
from tocsin.core import SeededEntropy
from tocsin.core.times import SECOND
from tocsin.warning import Watch, detector_names
from tocsin.warning.measure import CASES, START, Clocks, every_detector, full_sky, measure


def test_it_measures_a_full_sky_in_which_something_rings():
    found = measure(Clocks(time.perf_counter_ns, time.process_time_ns), tracks=600, seconds=70)
    assert found["tracks"] == 600
    assert {name: found[name]["views"] for name in CASES} == {"one_view": 1, "ten_views": 10, "all_nameless": 1, "all_military": 1}
    assert found["one_view"]["rang"]
    assert found["ten_views"]["rang"]
    for name in CASES:
        assert 0 < found[name]["ms_per_second_of_data"] <= found[name]["ms_per_look"] <= found[name]["ms_worst"]
        assert found[name]["cpu_ms_per_second_of_data"] > 0


def test_the_clocks_are_the_callers():
    wall, cpu = iter(range(0, 10_000_000_000, 3_000_000)), iter(range(0, 10_000_000_000, 2_000_000))
    found = measure(Clocks(lambda: next(wall), lambda: next(cpu)), tracks=50, seconds=10)
    assert (found["ms_per_second_of_data"], found["cpu_ms_per_second_of_data"]) == (0.6, 0.4)
    assert (found["ms_per_look"], found["cpu_ms_per_look"]) == (3.0, 2.0)


def test_every_registered_detector_is_measured():
    topic = every_detector()
    assert {indicator.detector for indicator in topic.indicators} == set(detector_names())
    watch = Watch(topic, "exercise:x", VIEW, SeededEntropy(1), node="ASTER")
    found = watch.step(full_sky(START, 300, 0.03, OPEN), START).assessment
    assert not [lamp.why for lamp in found.indicators if lamp.why]


def test_the_sky_is_spread_and_flies_on():
    one, two = full_sky(START, 5000, 0.03, OPEN), full_sky(START + 60 * SECOND, 5000, 0.03, OPEN)
    assert len({(round(lat), round(lon)) for lat, lon in zip(one["latitude"], one["longitude"], strict=True)}) > 150
    assert (one["latitude"] != two["latitude"]).all()
    assert 0.01 < (one["flags"] & 4 > 0).mean() < 0.05
