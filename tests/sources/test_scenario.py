"""The night flies as aircraft fly, forms its stream, crosses the line in time, and never passes for anything real."""

from itertools import pairwise

import numpy as np
import pytest
from shapely import LineString
from tests.picture.making import ASTER, OPEN
from tests.sources.making import LABEL, T0, S

from tocsin.core import FLAG, Identity, InputError, SeededEntropy
from tocsin.picture import Picture
from tocsin.sources.scenario import EAST, FIELD_M, RHONE, TOWARD, departures, night, transports
from tocsin.sources.sphere import bearing, destination, distance

MINUTE = 60 * S
REALM = "exercise:test"


@pytest.fixture(scope="module")
def scene():
    return night(feed="scenario", realm=REALM, label=LABEL, start=T0, seed=1)


@pytest.fixture(scope="module")
def stream(scene):
    rows = scene.observations
    return [rows.select(rows["identity"] == Identity.TRACK | number) for number in range(1, 13)]


def at(flight, time, *names):
    return [float(np.interp(time, flight["time"], flight[name])) for name in names]


def test_the_night_lasts_fifty_five_minutes_and_the_line_is_crossed_at_forty_five(scene):
    assert (scene.takeoff - T0) / MINUTE == 10
    assert 44 < (scene.crossing - T0) / MINUTE < 46
    assert (scene.ends - T0) / MINUTE < 55
    assert scene.observations["time"].max() == scene.ends
    assert (np.diff(scene.observations["time"]) >= 0).all()


def test_everything_is_simulated_and_bears_no_aircraft_address(scene):
    rows = scene.observations
    assert (rows["flags"] & FLAG.SIMULATED != 0).all()
    assert (rows["flags"] & FLAG.MILITARY != 0).all()
    assert (rows["identity"] & ~np.uint64(Identity.NUMBER) == Identity.TRACK).all()
    assert (rows.realm, rows.label) == (REALM, LABEL)
    assert set(np.unique(rows["type"])) == {b"C130", b"A400"}


def test_twelve_take_off_from_the_staging_area_one_after_another(stream, scene):
    assert [flight["callsign"][0] for flight in stream] == [b"LANTRN%02d" % number for number in range(1, 13)]
    for number, flight in enumerate(stream):
        assert 0 <= flight["time"][0] - scene.takeoff - number * 20 * S <= 5 * S
        assert distance(*RHONE, flight["latitude"][0], flight["longitude"][0]) < 1000
        assert abs(flight["altitude"][0] - FIELD_M) < 80


def test_they_fly_as_transports_fly(stream):
    for flight in stream:
        step = np.diff(flight["time"]) / S
        turn = np.abs((np.diff(flight["course"]) + 180) % 360 - 180) / step
        assert turn.max() <= 3.0
        assert 4 <= flight["climb"].max() <= 11
        assert flight["climb"].min() >= -1.5
        assert flight["speed"].min() >= 60
        assert flight["speed"].max() <= 168
        assert np.abs(np.diff(flight["speed"]) / step).max() < 2
        assert abs(flight["altitude"][-1] - 5800) < 60


def test_what_they_say_of_their_movement_is_how_they_move(stream):
    for flight in stream:
        step = np.diff(flight["time"]) / S
        moved = distance(flight["latitude"][:-1], flight["longitude"][:-1], flight["latitude"][1:], flight["longitude"][1:]) / step
        said = (flight["speed"][:-1] + flight["speed"][1:]) / 2
        assert np.abs(moved - said).mean() < 5
        course = bearing(flight["latitude"][:-1], flight["longitude"][:-1], flight["latitude"][1:], flight["longitude"][1:])
        assert np.abs((course - flight["course"][1:] + 180) % 360 - 180).mean() < 3
        risen = np.diff(flight["altitude"]) / step
        assert np.abs(risen - flight["climb"][1:]).mean() < 3


def test_they_form_a_stream_two_kilometres_apart_in_trail(stream, scene):
    time = scene.takeoff + 20 * MINUTE
    places = [at(flight, time, "latitude", "longitude", "course", "speed") for flight in stream]
    for ahead, behind in pairwise(places):
        assert 1500 < distance(*ahead[:2], *behind[:2]) < 2700
        assert abs((bearing(*behind[:2], *ahead[:2]) - ahead[2] + 180) % 360 - 180) < 6
        assert abs(ahead[3] - behind[3]) < 8
    assert np.mean([float(distance(*a[:2], *b[:2])) for a, b in pairwise(places)]) == pytest.approx(2100, abs=60)


def test_all_of_them_cross_the_watch_line_out_of_the_west(stream, scene):
    line = LineString([(lon, lat) for lat, lon in EAST])
    crossings = []
    for flight in stream:
        path = LineString(np.column_stack([flight["longitude"], flight["latitude"]]))
        point = path.intersection(line)
        assert point.geom_type == "Point"
        assert distance(*TOWARD, point.y, point.x) < 3000
        crossings.append(flight["time"][np.argmax(flight["longitude"] > point.x)])
        assert flight["longitude"][-1] > point.x
    assert abs(crossings[0] - scene.crossing) < 30 * S
    assert (np.diff(crossings) > 0).all()


def test_the_same_seed_gives_the_same_night_and_another_another(scene):
    again = night(feed="scenario", realm=REALM, label=LABEL, start=T0, seed=1)
    other = night(feed="scenario", realm=REALM, label=LABEL, start=T0, seed=2)
    assert all(again.observations[name].tobytes() == scene.observations[name].tobytes() for name in scene.observations.columns)
    assert other.observations["latitude"].tobytes() != scene.observations["latitude"].tobytes()


def test_quiet_departures_leave_about_every_twenty_minutes():
    rows = departures(seed=1, since=T0, until=T0 + 600 * MINUTE, staging=RHONE)
    identities, first = np.unique(rows["identity"], return_index=True)
    assert 26 <= len(identities) <= 34
    gaps = np.diff(np.sort(rows["time"][first])) / MINUTE
    assert gaps.min() > 15
    assert gaps.max() < 25
    assert (distance(*RHONE, rows["latitude"][first], rows["longitude"][first]) < 1000).all()
    courses = [rows["course"][rows["identity"] == i][-1] for i in identities]
    assert np.ptp(courses) > 180


def test_the_hours_before_have_departures_too():
    before = night(feed="scenario", realm=REALM, label=LABEL, start=T0, seed=1, quiet_hours=3).observations
    early = before.select(before["time"] < T0)
    assert 7 <= len(np.unique(early["identity"])) <= 10
    assert early["time"].min() > T0 - 180 * MINUTE


def test_no_quiet_hours_and_no_time_give_nothing():
    assert len(departures(seed=1, since=T0, until=T0, staging=RHONE)["time"]) == 0


def test_a_picture_holds_the_whole_stream_without_a_kink(scene):
    picture = Picture(REALM, ASTER, entropy=SeededEntropy(1))
    rows = scene.observations.replace()
    rows = type(rows)(rows.feed, rows.realm, OPEN, rows.columns)
    edges = np.arange(T0, scene.crossing, 5 * S)
    cuts = np.searchsorted(rows["time"], edges)
    for i in range(len(edges) - 1):
        picture.update(rows.select(slice(cuts[i], cuts[i + 1])), int(edges[i + 1]))
    tracks = picture.tracks(int(edges[-1]))
    assert sum(name.startswith(b"LANTRN") for name in tracks["callsign"].tolist()) == 12
    totals = picture.totals()
    assert totals["accepted"] == cuts[-1] - cuts[0]
    assert totals["jump"] == totals["duplicate"] == totals["late"] == totals["ground"] == 0


@pytest.mark.parametrize(
    "wrong", [{"takeoff_interval_s": 10}, {"speed_ms": 60}, {"speed_ms": 0}, {"count": 0}, {"count": 100}, {"step_s": 0}, {"spacing_m": 0}]
)
def test_what_cannot_be_flown_is_refused(wrong):
    with pytest.raises(InputError, match="cannot take off"):
        transports(seed=1, start=T0, staging=RHONE, toward=TOWARD, **wrong)


def test_a_destination_too_near_for_a_stream_is_refused():
    near = tuple(float(x) for x in destination(*RHONE, 90, 20_000))
    with pytest.raises(InputError, match="50 km or more"):
        transports(seed=1, start=T0, staging=RHONE, toward=near)
