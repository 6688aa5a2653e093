"""Group approach: who counts as coming to the line, and from when on."""

import msgspec
import pytest

from tests.warning.skies import OPEN, STAGING, START, TOPIC, TOWARD, VIEW, Transports, Way, tracks
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
