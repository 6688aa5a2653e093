"""Group approach: who counts as coming to the line, and from when on."""

import msgspec
import pytest
from geographiclib.geodesic import Geodesic

from tests.warning.skies import OPEN, STAGING, START, TOPIC, TOWARD, VIEW, Transports, Way, together, tracks
from tocsin.core.times import SECOND
from tocsin.warning.company import Company
from tocsin.warning.detectors.approach import GroupApproach
from tocsin.warning.said import ANNOUNCED, NOTHING, Heard, Told
from tocsin.warning.scene import Scene
from tocsin.warning.topics import parameters_of

USUAL = parameters_of(TOPIC, "approach-to-line")
MINUTE = 60 * SECOND


def said(grade="B2", hours=1.0, about=ANNOUNCED):
    """A claim of so many hours before the night begins that an exercise was announced."""
    at = START - round(hours * 60) * MINUTE
    return Heard(told=(Told("claim--1", about, "a ministry", "ministry", grade, "document", at, at, "An exercise.", OPEN),))


def first(sky=None, minutes=30, topic=TOPIC, heard=NOTHING, **changes):
    """The first sighting and the minute in which it was."""
    detector = GroupApproach(topic, msgspec.structs.replace(USUAL, **changes))
    company, sky = Company(topic.places_of("staging")), sky or Transports()
    for now in range(START, START + minutes * MINUTE, 15 * SECOND):
        scene = Scene(sky.at(now), now, "exercise:x", VIEW.clearance, heard, company)
        if seen := detector.step(scene):
            return seen[0], (now - START) / MINUTE
    return None, None


def test_a_stream_that_points_at_the_line_counts_from_a_fifth_of_the_way():
    seen, minute = first()
    assert seen.place == "EAST"
    assert 0.2 <= seen.measures["progress"] <= 0.25
    assert 5 <= minute <= 9


def test_the_time_of_arrival_is_that_of_its_course():
    seen, minute = first()
    away = (seen.eta - START) / MINUTE - minute
    assert away == pytest.approx(seen.measures["eta_s"] / 60, abs=0.1)
    assert 20 <= away <= 27


def test_who_is_far_off_is_waited_for_until_two_fifths_of_the_way():
    slow = Transports(speed=100.0)
    seen, _ = first(slow, minutes=60)
    assert seen.measures["eta_s"] <= 27 * 60 or seen.measures["progress"] >= 0.4
    impatient, _ = first(slow, minutes=60, wait_minutes=600)
    assert impatient.measures["progress"] < seen.measures["progress"]


def test_a_short_way_needs_less_room_beyond_the_base():
    # A seventh of the way counts where `beyond_km` would be more than that.
    assert first(beyond_km=500.0)[0] is not None


class OneByOne:
    """Transports out of the staging area `apart` seconds one after the other, each on a course and at a speed of its own."""

    def __init__(self, apart=90.0, count=8, speeds=(120.0, 215.0), turn=2.0, first=0.0):
        each = range(count)
        self.flights = [
            Transports(
                1, speed=speeds[i % len(speeds)], start=START + round((first + i * apart) * SECOND), first=1 + i, way=veering(turn * i)
            )
            for i in each
        ]

    def at(self, now):
        return together(*(flight.at(now) for flight in self.flights))


def veering(degrees):
    to = Geodesic.WGS84.Inverse(*STAGING, *TOWARD)
    at = Geodesic.WGS84.Direct(*STAGING, to["azi1"] + degrees, to["s12"])
    return Way(toward=(at["lat2"], at["lon2"]))


def test_a_party_of_several_speeds_comes_as_one():
    seen, minute = first(OneByOne(), minutes=40)
    assert seen.count >= 5
    assert minute <= 15
    alone, _ = first(OneByOne(), minutes=40, party_at_least=500)
    assert alone is None or alone.count < seen.count


def test_who_set_out_with_more_between_them_is_no_party():
    assert first(OneByOne(apart=420.0), minutes=60) == (None, None)


def test_fewer_than_a_party_are_none():
    assert first(OneByOne(count=4, speeds=(120.0, 215.0, 170.0, 260.0), turn=8.0), minutes=40) == (None, None)


def test_those_of_a_party_that_go_elsewhere_do_not_come():
    # Three to the line, the others the other way: too few come.
    assert first(OneByOne(count=6, speeds=(120.0, 215.0), turn=60.0), minutes=60) == (None, None)


def test_one_aircraft_that_two_feeds_see_is_one():
    class Twice(OneByOne):
        def at(self, now):
            again = super().at(now)
            twin = super().at(now)
            twin.columns["identity"][:] += 1000
            return together(again, twin)

    assert first(Twice(count=4, turn=8.0, speeds=(120.0, 215.0, 170.0, 260.0)), minutes=40) == (None, None)


def test_two_are_no_group():
    assert first(Transports(count=2)) == (None, None)


def test_nothing_comes_of_an_empty_sky():
    assert first(type("Empty", (), {"at": lambda self, now: tracks(0)})()) == (None, None)


def test_a_stream_on_its_way_back_does_not_come():
    assert first(Transports(way=Way(TOWARD, STAGING))) == (None, None)


def test_under_a_claimed_announcement_only_who_comes_near_the_line_counts():
    seen, _ = first(minutes=45, heard=said())
    assert seen.measures["distance_m"] < 40_000


@pytest.mark.parametrize("heard", [said("E5"), said(hours=60), said(hours=-3), said(about="training")])
def test_a_poor_an_old_an_early_or_another_claim_announces_nothing(heard):
    assert first(heard=heard)[1] == first()[1]
