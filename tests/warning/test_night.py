"""A whole night: transports assemble, stream and come; what rings, when, and in which words."""

import msgspec
import pytest

from tests.warning.skies import START, TOPIC, Transports, Way, civil, night, together, watch
from tocsin.core.times import SECOND
from tocsin.warning import FeedState

FEEDS = (FeedState(name="birch", state="ok", lateness_s=1.1), FeedState(name="radar", state="late", lateness_s=48.0))
NAMES = ("birch", "radar")


def deployment(now, transports=None):
    return together((transports or Transports()).at(now, feed_names=NAMES, feeds=3), civil(now, feed_names=NAMES))


@pytest.fixture(scope="module")
def the_night():
    """Every (time, step) of the exercise night, stepped each 5 s for 70 minutes."""
    return list(night(watch(), deployment, minutes=70, feeds=FEEDS))


def said(the_night):
    return [(now, one.body) for now, step in the_night for one in step.warnings]


def test_twelve_transports_ring_high_well_before_they_reach_the_line(the_night):
    high = next(now for now, step in the_night if step.assessment.level == "HIGH")
    crossed = next(now for now, step in the_night for f in step.findings if f.body.indicator == "line-crossed")
    assert (crossed - high) / SECOND / 60 >= 25
    assert (high - START) / SECOND / 60 <= 10


def test_the_warning_says_who_left_where_and_where_to_in_words(the_night):
    body = next(body for _, body in said(the_night) if body.level == "HIGH")
    assert body.sentence.startswith(
        "Twelve transport-type aircraft left staging RHÔNE in a stream and hold course for watch line EAST. "
        "An airborne deployment is likely ("
    )
    assert body.sentence.endswith("Confidence moderate: two feeds agree, radar is late.")


def test_after_the_crossing_it_no_longer_says_that_they_come(the_night):
    last = said(the_night)[-1][1]
    assert "crossed watch line EAST" in last.sentence
    assert "hold course" not in last.sentence


def test_versions_are_few_and_count_up(the_night):
    versions = [body for _, body in said(the_night)]
    assert [body.version for body in versions] == list(range(1, len(versions) + 1))
    assert len(versions) <= 5
    assert len({body.warning for body in versions}) == 1
    assert list(dict.fromkeys(body.level for body in versions)) == ["ELEVATED", "HIGH"]


def test_the_time_of_arrival_is_right_to_a_minute(the_night):
    body = next(body for _, body in said(the_night) if body.level == "HIGH")
    way, transports = Way(), Transports()
    # Where the way meets the line, found by walking along it.
    metres = next(m for m in range(0, 500_000, 250) if _beyond(*way.at(m)[:2]))
    assert body.eta_place == "EAST"
    assert abs(body.eta - (START + metres / transports.speed * SECOND)) <= 60 * SECOND


def _beyond(latitude, longitude):
    (lat1, lon1), (lat2, lon2) = TOPIC.places[1].points
    return (longitude[0] - lon1) * (lat2 - lat1) - (latitude[0] - lat1) * (lon2 - lon1) < 0


def test_innocent_explanations_and_base_rate_are_there_and_something_is_always_unseen(the_night):
    for _, body in said(the_night):
        assert any("training" in one.lower() for one in body.innocent)
        assert "Before any evidence: routine 96 %, their training 4 %, deployment under 1 %." in body.base_rate
        assert "Transponders may be off." in body.cannot_see
        assert any(one.startswith("Radar: 48 s late") for one in body.cannot_see)


def test_the_evidence_is_weighed_and_placed(the_night):
    body = next(body for _, body in said(the_night) if body.level == "HIGH")
    by = {e.indicator: e for e in body.evidence}
    assert set(by) == {"airlift-surge", "aircraft-in-stream", "approach-to-line"}
    assert all(e.weight > 1.0 for e in by.values())
    assert max(by.values(), key=lambda e: e.weight).indicator == "approach-to-line"
    assert by["aircraft-in-stream"].feeds == NAMES
    assert 46.0 < by["aircraft-in-stream"].latitude < 47.0
    assert by["airlift-surge"].text == "12 departures from RHÔNE in 20 min; usual for Sunday 02h: 0 to 1"


def test_probabilities_add_up_and_every_word_is_the_tables(the_night):
    for _, step in the_night[::20]:
        assert sum(step.assessment.probabilities.values()) == pytest.approx(1.0, abs=1e-5)
        assert set(step.assessment.words) == set(step.assessment.probabilities)


def test_civil_traffic_alone_says_nothing():
    rang = [s for _, s in night(watch(), lambda now: civil(now, feed_names=NAMES), minutes=60) if s.findings or s.warnings]
    assert rang == []


def test_a_single_military_overflight_does_not_ring():
    one = Transports(count=1, start=START - 300 * SECOND)
    steps = [s for _, s in night(watch(), lambda now: together(one.at(now), civil(now)), minutes=60)]
    assert not any(s.findings or s.warnings for s in steps)


def test_a_stream_that_turns_away_falls_back_and_is_withdrawn():
    def sky(now):
        minutes = (now - START) / SECOND / 60
        return civil(now, feed_names=NAMES) if minutes > 12 else deployment(now)

    steps = list(night(watch(), sky, minutes=20 * 60, every_s=60))
    levels = [step.assessment.level for _, step in steps]
    assert "HIGH" in levels
    assert levels[-1] in {"NORMAL", "GUARDED"}
    bodies = [one.body for _, step in steps for one in step.warnings]
    assert bodies[-1].state == "cancelled"
    assert bodies[-1].version == len(bodies)
    # Down a rung at a time or more, and never up again without news.
    ranks = [TOPIC.rank(level) for level in levels]
    top = ranks.index(max(ranks))
    assert ranks[top:] == sorted(ranks[top:], reverse=True)


@pytest.mark.parametrize("every_s", [1, 10, 60])
def test_how_often_one_looks_moves_nothing_by_more_than_a_look(every_s):
    reached = {}
    for now, step in night(watch(), lambda now: Transports().at(now), minutes=14, every_s=every_s):
        reached.setdefault(step.assessment.level, now)
    # Against the exercise's own 5 s: each level within one look and the detectors' own 5 s.
    expected = {}
    for now, step in night(watch(), lambda now: Transports().at(now), minutes=14, every_s=5):
        expected.setdefault(step.assessment.level, now)
    assert reached["HIGH"] - expected["HIGH"] <= 2 * every_s * SECOND + 5 * SECOND
    assert abs(reached["HIGH"] - expected["HIGH"]) <= 2 * max(every_s, 5) * SECOND


def test_the_same_night_gives_the_same_bytes():
    def bodies():
        steps = night(watch(seed=5), deployment, minutes=8, feeds=FEEDS)
        return [msgspec.json.encode((s.findings, s.warnings, s.assessment), order="deterministic") for _, s in steps]

    assert bodies() == bodies()
