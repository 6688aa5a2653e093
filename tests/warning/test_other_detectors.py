"""Orbits, zones, airdrop profiles, silence and interference, each with what looks like it and is not."""

import numpy as np
import pytest
from geographiclib.geodesic import Geodesic

from tocsin.core import FLAG, Identity
from tocsin.core.times import SECOND
from tocsin.warning.detectors import detector_class, detector_names
from tocsin.warning.detectors.zone import Zone
from tocsin.warning.model import Place
from tocsin.warning.scene import Scene

from .skies import OPEN, READER, START, TOPIC, together, tracks

HERE = (46.5, 8.0)


def make(name, **parameters):
    kind = detector_class(name)
    return kind(TOPIC, kind.Parameters(**parameters))


def scene(sky, seconds, realm="exercise:x"):
    return Scene(sky, START + round(seconds * SECOND), realm, READER)


def sky(points, seconds, *, first=1, identity=Identity.TRACK, flags=FLAG.AIRBORNE | FLAG.MILITARY, age_s=0.0, **columns):
    """Aircraft at (latitude, longitude) `points`, military and in the air unless said otherwise."""
    at = np.array(points, float).reshape(-1, 2)
    return tracks(
        len(at),
        identity=identity + np.arange(first, first + len(at), dtype="u8"),
        latitude=at[:, 0],
        longitude=at[:, 1],
        time=START + round((seconds - age_s) * SECOND),
        flags=flags,
        **{"altitude": 6000.0, "speed": 140.0, "course": 90.0, "climb": 0.0, **columns},
    )


def moved(point, course, metres):
    found = Geodesic.WGS84.Direct(*point, course, metres)
    return found["lat2"], found["lon2"]


def run(detector, at, seconds, step=10.0):
    """What the detector said at each look that said anything: (seconds, sightings)."""
    looks = ((now, detector.step(scene(at(now), now))) for now in np.arange(0.0, seconds, step))
    return [(now, seen) for now, seen in looks if seen]


# --- orbits ----------------------------------------------------------------------------------------------------


def racetrack(now, leg_m=60_000.0, speed=150.0, centre=HERE):
    """A racetrack of two legs and quick turns, as points at a time."""
    lap = 2 * leg_m / speed
    gone = (now % lap) * speed
    along, back = (gone, False) if gone < leg_m else (2 * leg_m - gone, True)
    lat, lon = moved(centre, 90.0, along)
    return moved((lat, lon), 0.0, 12_000.0) if back else (lat, lon)


def test_a_racetrack_is_an_orbit_after_its_time_and_not_before():
    said = run(make("supporting-orbits", minutes=24), lambda now: sky([racetrack(now)], now), 3600, step=15)
    assert 0.95 * 24 * 60 <= said[0][0] <= 28 * 60
    assert said[-1][0] >= 3540
    (sighting,) = said[-1][1]
    assert 55 <= sighting.measures["extent_km"] <= 75


def test_a_straight_flight_is_no_orbit():
    assert not run(make("supporting-orbits"), lambda now: sky([moved(HERE, 80.0, now * 150.0)], now), 3600, step=30)


def test_an_airliners_holding_pattern_is_too_short_and_a_glider_too_low():
    assert not run(make("supporting-orbits", who="any"), lambda now: sky([racetrack(now, leg_m=9_000.0)], now), 3600, step=30)
    low = run(make("supporting-orbits", who="any"), lambda now: sky([racetrack(now)], now, altitude=2000.0), 3600, step=30)
    assert not low


def test_one_that_flies_out_and_home_once_is_no_orbit():
    def out_and_home(now):
        gone = now * 150.0
        return sky([moved(HERE, 90.0, gone if gone < 150_000 else 300_000 - gone)], now)

    assert not run(make("supporting-orbits"), out_and_home, 2000, step=30)


def test_an_orbit_far_from_every_place_does_not_count():
    far = run(make("supporting-orbits"), lambda now: sky([racetrack(now, centre=(20.0, -40.0))], now), 3000, step=30)
    assert not far


def test_an_orbit_is_told_alike_at_looks_of_every_rate():
    for step in (1.0, 60.0):
        said = run(make("supporting-orbits", minutes=10, laps=0.5), lambda now: sky([racetrack(now)], now), 1200, step=step)
        assert 570 <= said[0][0] <= 800


# --- zones -----------------------------------------------------------------------------------------------------

ZONE = Place("BOX", "area", ((46.0, 9.0), (46.0, 10.0), (47.0, 10.0), (47.0, 9.0)))


def zones(topic_places=(ZONE,), **parameters):
    import msgspec

    kind = detector_class("zone-entry")
    return kind(msgspec.structs.replace(TOPIC, places=topic_places), kind.Parameters(**{"at_least": 1, "hold_s": 0.0, **parameters}))


def test_entering_counts_once_while_inside_and_again_after_coming_back():
    way = [(46.5, 8.9), (46.5, 9.1), (46.5, 9.5), (46.5, 8.9), (46.5, 9.1)]
    detector = zones()
    counts = []
    for look, point in enumerate(way):
        detector.step(scene(sky([point], look * 200), look * 200))
        counts.append(len(detector._entered["BOX"]))
    assert counts == [0, 1, 1, 1, 2]


def test_flying_through_a_corner_between_two_looks_counts():
    detector = zones()
    assert not detector.step(scene(sky([(45.9, 9.9)], 0), 0))
    (sighting,) = detector.step(scene(sky([(46.1, 10.1)], 60, speed=400.0), 60))
    assert sighting.count == 1
    assert sighting.place == "BOX"


def test_passing_beside_does_not_count_nor_does_a_jump_across():
    detector = zones()
    detector.step(scene(sky([(45.8, 9.9)], 0), 0))
    assert not detector.step(scene(sky([(45.9, 10.2)], 60), 60))
    detector = zones()
    detector.step(scene(sky([(46.5, 5.0)], 0), 0))
    assert not detector.step(scene(sky([(46.5, 14.0)], 10), 10))


def test_the_antimeridian_runs_through_no_zone():
    place = Place("DATE", "area", ((10.0, 179.0), (10.0, -179.0), (12.0, -179.0), (12.0, 179.0)))
    zone = Zone(place)
    assert zone.holds(np.array([11.0, 11.0, 11.0]), np.array([179.5, -179.5, 0.0])).tolist() == [True, True, False]


def test_those_who_entered_are_forgotten_after_the_window():
    detector = zones(window_minutes=10)
    detector.step(scene(sky([(46.5, 8.9)], 0), 0))
    assert detector.step(scene(sky([(46.5, 9.1)], 100), 100))
    assert detector.step(scene(sky([(46.5, 9.2)], 600), 600))
    assert not detector.step(scene(sky([(46.5, 9.3)], 800), 800))


def test_too_few_say_nothing_and_civil_ones_do_not_count():
    many = [(46.5, 9.0 + 0.1 * i) for i in range(1, 6)]
    detector = zones(at_least=6)
    assert not detector.step(scene(sky(many, 0), 0))
    civil = sky(many, 0, identity=Identity.ICAO, flags=FLAG.AIRBORNE)
    assert not zones(at_least=1).step(scene(civil, 0))


# --- airdrop ---------------------------------------------------------------------------------------------------


def dropper(now, behind=0.0, *, turns=True, climbs=True, height=300.0, speed=65.0):
    """One aircraft: a run-in eastward to second 200, then a turn to the west and a climb."""
    now = now - behind
    run_in = min(now, 200.0) * speed
    point = moved(HERE, 90.0, run_in)
    if now <= 200:
        return point, {"course": 90.0, "altitude": height, "climb": 0.0, "speed": speed}
    after = now - 200
    if turns:
        point, course = moved(point, 270.0, after * 90.0), 270.0
    else:
        point, course = moved(point, 90.0, after * 90.0), 90.0
    return point, {"course": course, "altitude": height + (5.0 * after if climbs else 0.0), "climb": 5.0 if climbs else 0.0, "speed": 90.0}


def droppers(now, count=3, **how):
    one = [dropper(now, 20.0 * i, **how) for i in range(count) if now > 20.0 * i]
    if not one:
        return sky([(0.0, 0.0)], now)
    columns = {name: np.array([c[name] for _, c in one]) for name in ("course", "altitude", "climb", "speed")}
    return sky([p for p, _ in one], now, **columns)


@pytest.mark.parametrize("step", [1.0, 10.0, 30.0])
def test_a_slow_level_run_in_a_turn_back_and_a_climb_are_a_drop(step):
    said = run(make("airdrop-profile"), droppers, 500, step=step)
    assert said
    assert said[0][0] > 200
    assert max(s.count for _, seen in said for s in seen) == 3


def test_an_approach_that_goes_on_straight_is_no_drop():
    assert not run(make("airdrop-profile"), lambda now: droppers(now, turns=False), 600)


def test_a_low_pass_that_turns_and_stays_low_is_no_drop():
    assert not run(make("airdrop-profile"), lambda now: droppers(now, climbs=False), 600)


def test_a_fast_low_flight_is_no_drop():
    assert not run(make("airdrop-profile"), lambda now: droppers(now, speed=160.0), 600)


def test_free_fall_from_a_height_needs_no_climb():
    assert run(make("airdrop-profile"), lambda now: droppers(now, height=5000.0, speed=100.0, climbs=False), 600)


def test_a_landing_is_no_drop():
    def landing(now):
        height = max(0.0, 900.0 - 3.5 * now)
        return sky([moved(HERE, 90.0, 65.0 * now), moved(HERE, 90.0, 65.0 * now - 5000)], now, altitude=height, climb=-3.5, speed=65.0)

    assert not run(make("airdrop-profile"), landing, 400)


# --- silence ---------------------------------------------------------------------------------------------------

GROUP = [(46.5, 8.0 + 0.05 * i) for i in range(5)]
AROUND = [(46.3, 8.0 + 0.1 * i) for i in range(6)]


def falls_silent(now, *, others=True, others_too=False, civil=True, height=6000.0):
    """Five military aircraft are plotted until second 100; six others go on unless `others_too`."""
    here = []
    if now <= 220:
        age = max(0.0, now - 100)
        here.append(sky(GROUP, now, age_s=age, altitude=height))
    if others and (not others_too or now <= 220):
        age = max(0.0, now - 100) if others_too else 0.0
        flags = FLAG.AIRBORNE if civil else FLAG.AIRBORNE | FLAG.MILITARY
        here.append(sky(AROUND, now, first=100, identity=Identity.ICAO, flags=flags, age_s=age, altitude=5000.0))
    return together(*here) if here else tracks(0)


def test_a_group_that_vanishes_while_others_are_seen_is_silence():
    said = run(make("silence"), falls_silent, 600)
    assert 175 <= said[0][0] <= 190
    assert said[0][1][0].count == 5
    assert said[0][1][0].labels == {OPEN}


def test_a_feed_that_is_lost_is_no_silence():
    assert not run(make("silence"), lambda now: falls_silent(now, others_too=True), 600)


def test_where_nobody_else_is_seen_silence_says_nothing():
    assert not run(make("silence"), lambda now: falls_silent(now, others=False), 600)


def test_aircraft_that_land_do_not_fall_silent():
    assert not run(make("silence"), lambda now: falls_silent(now, height=800.0), 600)


def test_others_that_are_higher_are_still_seen_when_the_low_ones_sink_behind_the_horizon():
    assert not run(make("silence"), lambda now: falls_silent(now, height=2500.0), 600)


def test_silence_is_told_for_a_while_and_then_forgotten():
    said = run(make("silence", lasts_minutes=5), falls_silent, 1200)
    assert said[-1][0] <= 100 + 5 * 60 + 75 + 10


def test_aircraft_that_vanish_one_by_one_are_no_silence():
    def one_by_one(now):
        gone = [p for i, p in enumerate(GROUP) if now <= 100 + 400 * i]
        here = [sky(AROUND, now, first=100, identity=Identity.ICAO, flags=FLAG.AIRBORNE, altitude=5000.0)]
        return together(*([sky(gone, now)] if gone else []), *here)

    assert not run(make("silence"), one_by_one, 1500)


# --- interference ----------------------------------------------------------------------------------------------


def crowd(now, bad_from=None, old=False, count=10):
    points = [(46.5 + 0.02 * i, 8.0 + 0.03 * i) for i in range(count)]
    nic = np.full(count, 8, "u1")
    if old:
        nic[:] = 0
    if bad_from is not None and now >= bad_from:
        nic[: count // 2] = 0
    return sky(points, now, identity=Identity.ICAO, flags=FLAG.AIRBORNE, integrity=nic)


def test_aircraft_that_lose_their_integrity_together_are_an_area():
    said = run(make("interference-areas"), lambda now: crowd(now, bad_from=300), 600)
    assert said[0][0] == 300
    assert said[0][1][0].count == 5


def test_old_equipment_that_never_was_good_says_nothing():
    assert not run(make("interference-areas"), lambda now: crowd(now, old=True), 600)


def test_one_aircraft_with_a_broken_receiver_is_no_area():
    def one(now):
        sky_ = crowd(now)
        nic = sky_.columns["integrity"].copy()
        nic[0] = 0 if now > 100 else 8
        return tracks(10, **{**sky_.columns, "integrity": nic})

    assert not run(make("interference-areas"), one, 600)


def test_what_says_nothing_of_its_integrity_is_left_out():
    assert not run(make("interference-areas"), lambda now: sky([(46.5, 8.0)] * 10, now), 300)


def test_cells_that_touch_are_one_area_and_the_antimeridian_is_no_wall():
    points = [(10.0 + 0.1 * i, 179.4 + 0.2 * i) for i in range(8)]
    points = [(lat, lon - 360 if lon > 180 else lon) for lat, lon in points]

    def at(now):
        return sky(points, now, identity=Identity.ICAO, flags=FLAG.AIRBORNE, integrity=8 if now < 60 else 2)

    said = run(make("interference-areas"), at, 120)
    assert sum(s.count for s in said[-1][1]) == 8


# --- all of them -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["airdrop-profile", "interference-areas", "silence", "supporting-orbits", "zone-entry"])
def test_each_is_registered_and_bears_an_empty_sky_and_nulls(name):
    assert name in detector_names()
    detector = make(name)
    assert detector.step(scene(tracks(0), 0)) == []
    nothing = tracks(3, latitude=np.nan, longitude=np.nan)
    assert detector.step(scene(nothing, 10)) == []
    bare = tracks(4, latitude=46.5, longitude=8.0, time=START)
    assert detector.step(scene(bare, 20)) == []


@pytest.mark.parametrize("name", ["airdrop-profile", "interference-areas", "silence", "supporting-orbits", "zone-entry"])
def test_parameters_that_cannot_be_are_refused(name):
    kind = detector_class(name).Parameters
    with pytest.raises(ValueError, match=r"at_least|minutes"):
        kind(**({"minutes": 1.0} if name == "supporting-orbits" else {"at_least": 0}))
