"""What each detector sees, and what it must not."""

import numpy as np
import pytest

from tests.warning.skies import READER, START, TOPIC, TOWARD, Transports, Way, civil, together, tracks
from tocsin.core import FLAG, Identity, InputError
from tocsin.core.times import HOUR, SECOND
from tocsin.warning import Scene, detector_class, detector_names
from tocsin.warning.baseline import Baseline
from tocsin.warning.detectors import Detector
from tocsin.warning.detectors.groups import close_pairs, large_parts, parts
from tocsin.warning.detectors.line import LineCrossing, LineParameters
from tocsin.warning.detectors.stream import AircraftInStream, StreamParameters
from tocsin.warning.detectors.surge import AirliftSurge, SurgeParameters
from tocsin.warning.geodesy import vectors

MINUTE = 60 * SECOND
EXERCISE = "exercise:lantern"
MILITARY = FLAG.AIRBORNE | FLAG.MILITARY
TWISTED = [{"at_least": 0}, {"at_least": 9, "full_at": 3}, {"hold_s": -1.0}, {"quiet_s": 1.0}, {"update_minutes": 0.0}]


def scene(sky, now, realm=EXERCISE):
    return Scene(sky, now, realm, READER)


def trail(count=8, *, spacing=2100.0, missing=(), offset=0.0, **more):
    """Aircraft in trail at one moment, those of `missing` left out."""
    way = Way()
    row = np.array([i for i in range(count) if i not in missing])
    lat, lon, _ = way.at(100_000.0 - row * spacing)
    given = {"latitude": lat + offset, "longitude": lon, "course": 70.0, "speed": 150.0, "altitude": 5800.0, "flags": MILITARY}
    return tracks(len(row), **{"time": START, "identity": Identity.ICAO + 0xAE0000 + row.astype("u8"), **given, **more})


def streams(sky, **parameters):
    return AircraftInStream(TOPIC, StreamParameters(**parameters)).step(scene(sky, START))


# --- aircraft in stream --------------------------------------------------------------------------------------


def test_eight_in_trail_are_a_stream():
    (found,) = streams(trail(8))
    assert found.count == 8
    assert found.measures["spacing_m"] == pytest.approx(2100, rel=0.02)
    assert found.text.startswith("8 in trail, 2.1 km ± 0.0, course 070°, 292 kt, FL190")
    assert 0.5 < found.strength < 1.0


def test_fewer_than_asked_are_none():
    assert streams(trail(4)) == []
    assert len(streams(trail(4), at_least=4)) == 1


def test_one_that_is_not_seen_does_not_break_the_stream_but_two_breaks_do():
    assert streams(trail(10, missing=[4], spacing=6000))[0].count == 9
    assert [s.count for s in streams(trail(12, missing=[3, 9], spacing=6000))] == [8]


def test_wingmen_belong_to_it():
    pairs = together(trail(6), trail(6, offset=0.006, identity=Identity.ICAO + 0xAF0000 + np.arange(6, dtype="u8")))
    (found,) = streams(pairs)
    assert found.count == 12


def test_the_same_aircraft_seen_by_two_feeds_counts_once():
    twice = together(trail(8), trail(8, offset=0.0005, identity=Identity.TRACK + np.arange(1, 9, dtype="u8")))
    assert streams(twice)[0].count == 8


@pytest.mark.parametrize(
    "unlike",
    [
        {"course": np.arange(8) * 45.0},
        {"speed": np.array([80, 110, 150, 200, 270, 100, 140, 190.0])},
        {"altitude": np.arange(8) * 1500.0 + 1000},
        {"course": 160.0},
        {"course": np.nan},
        {"speed": np.nan},
        {"spacing": 12_000.0},
        {"spacing": 60.0},
        {"flags": FLAG.AIRBORNE},
        {"flags": FLAG.ON_GROUND | FLAG.MILITARY},
    ],
)
def test_what_is_unlike_a_stream_is_none(unlike):
    assert streams(trail(8, **unlike)) == []


def test_a_height_that_is_not_said_is_unlike_none():
    (found,) = streams(trail(8, altitude=np.nan))
    assert "FL" not in found.text


def test_civil_ones_count_only_if_asked_for_and_types_that_drop_troops_do_without_a_mark():
    assert len(streams(trail(8, flags=FLAG.AIRBORNE), who="any")) == 1
    assert len(streams(trail(8, flags=FLAG.AIRBORNE, type=b"A400"))) == 1
    assert streams(trail(8, flags=FLAG.AIRBORNE, type=b"A320")) == []


def test_a_stream_in_a_gentle_turn_is_one():
    row = np.arange(10)
    bend = np.radians(70 + row * 5.0)
    lat, lon = 46.5 - np.cumsum(np.cos(bend)) * 0.0189, 7.0 - np.cumsum(np.sin(bend)) * 0.0275
    sky = tracks(
        10, time=START, latitude=lat, longitude=lon, course=70 + row * 5.0, speed=150, altitude=5800, flags=FLAG.AIRBORNE | FLAG.MILITARY
    )
    assert streams(sky)[0].count >= 8


def test_two_streams_are_two():
    far = trail(6, offset=0.8, identity=Identity.ICAO + 0xAF0000 + np.arange(6, dtype="u8"))
    assert sorted(s.count for s in streams(together(trail(8), far))) == [6, 8]


def test_thousands_of_made_up_tracks_in_one_spot_do_not_stop_the_watch():
    chance = np.random.default_rng(3)
    size = 6000
    sky = tracks(
        size,
        time=START,
        latitude=46.5 + chance.normal(0, 0.01, size),
        longitude=7.0 + chance.normal(0, 0.01, size),
        course=chance.uniform(0, 360, size),
        speed=150,
        altitude=5000,
        flags=FLAG.MILITARY,
    )
    position = scene(sky, START).position
    assert len(close_pairs(position, 16_000.0)) <= 12 * size
    assert len(streams(sky)) <= 64


def test_close_pairs_are_those_within_reach():
    position = vectors(np.array([46.0, 46.01, 47.0]), np.array([7.0, 7.0, 7.0]))
    assert close_pairs(position, 2000.0).tolist() == [[0, 1]]
    assert parts(np.array([[0, 1]]), 3).tolist() == [0, 0, 1]
    assert large_parts(np.array([0, 1, 1, 2, 2, 2]), 2).tolist() == [2, 1]


# --- line crossing and approach ------------------------------------------------------------------------------


def crossings(skies, **parameters):
    detector = LineCrossing(TOPIC, LineParameters(**parameters))
    return [detector.step(scene(sky, now)) for now, sky in skies]


def flight(*minutes, count=6, back=False, way=None, **more):
    transports = Transports(count, way=Way(TOWARD, (46.23, 6.10)) if back else way or Way(), **more)
    return [(START + round(m * 60) * SECOND, transports.at(START + round(m * 60) * SECOND)) for m in minutes]


def test_three_that_cross_are_seen_and_two_are_not():
    found = crossings(flight(*np.arange(30, 40, 0.5)))
    counts = [s[0].count if s else 0 for s in found]
    assert counts[0] == 0
    assert counts[-1] == 6
    assert min(c for c in counts if c) >= 3


def test_only_the_side_they_come_from_counts():
    backward = np.arange(0, 12, 0.5)
    assert not any(crossings(flight(*backward, back=True, start=START - 240 * SECOND)))


@pytest.mark.parametrize("every", [1 / 60, 1 / 6, 1.0, 3.0])
def test_how_often_one_looks_does_not_lose_a_crossing(every):
    found = crossings(flight(*np.arange(30, 38.1, every)))
    assert found[-1][0].count == 6


def test_a_jump_is_no_crossing():
    skies = []
    for i, (lat, lon) in enumerate(((46.5, 7.0), (48.2, 12.0))):
        now = START + i * 10 * SECOND
        skies.append((now, tracks(5, time=now, latitude=lat, longitude=lon, flags=MILITARY)))
    assert not any(crossings(skies))


def test_a_long_silence_is_no_crossing():
    skies = flight(30, 40)
    assert not any(crossings(skies, gap_s=300))
    assert crossings(skies, gap_s=900)[-1][0].count == 6


def test_one_that_returns_to_its_place_counts_once():
    there = np.arange(32, 38, 0.5)
    found = crossings([*flight(*there), *[(START + 40 * MINUTE + i * SECOND, s) for i, (_, s) in enumerate(flight(36, 37))]])
    assert max(s[0].count for s in found if s) == 6


def test_civil_overflights_never_ring_the_line():
    skies = [(START + m * MINUTE, civil(START + m * MINUTE, count=800)) for m in range(60)]
    assert not any(crossings(skies))
    assert any(crossings(skies, who="any"))


def test_crossings_are_forgotten_after_the_window():
    found = crossings(flight(*np.arange(30, 70, 1.0)), window_minutes=10)
    assert found[-1] == []


def approach(skies, **parameters):
    return crossings(skies, **{"mode": "approach", "at_least": 5, **parameters})


def test_an_approach_says_when_the_first_will_be_there():
    found = approach(flight(*np.arange(5, 12, 0.25), count=8))
    (last,) = found[-1]
    assert last.place == "EAST"
    assert last.count == 8
    assert "the first reaches EAST at 02:33Z" in last.text
    etas = [s[0].eta for s in found if s]
    assert max(etas) - min(etas) <= 30 * SECOND


def test_an_approach_needs_a_steady_course():
    skies = flight(*np.arange(5, 6.9, 0.25), count=8)
    assert not any(approach(skies))
    weaving = []
    for i, (now, sky) in enumerate(flight(*np.arange(5, 15, 0.25), count=8)):
        sky.columns["course"][:] += 20.0 * (-1) ** i
        weaving.append((now, sky))
    assert not any(approach(weaving))


def test_those_who_fly_away_or_too_far_out_do_not_approach():
    assert not any(approach(flight(*np.arange(5, 15, 0.25), count=8, back=True, start=START - 3600 * SECOND)))
    assert not any(approach(flight(*np.arange(5, 12, 0.25), count=8), horizon_minutes=10))


def test_a_scattered_handful_is_no_group():
    apart = flight(*np.arange(12, 16, 0.25), count=8, spacing_m=15_000.0)
    assert not any(approach(apart, group_km=10))


# --- airlift surge -------------------------------------------------------------------------------------------


def surges(skies, **parameters):
    detector = AirliftSurge(TOPIC, SurgeParameters(**parameters))
    return [detector.step(scene(sky, now)) for now, sky in skies]


def departures(*minutes, **more):
    return flight(*minutes, **{"count": 8, **more})


def test_eight_departures_in_a_few_minutes_are_a_surge():
    (found,) = surges(departures(*np.arange(0, 5, 0.25)))[-1]
    assert found.text == "8 departures from RHÔNE in 20 min; usual for Sunday 02h: 0 to 1"
    assert found.measures["tail"] < 1e-4
    assert found.place == "RHÔNE"


def test_each_aircraft_departs_once():
    found = surges(departures(*np.arange(0, 18, 0.25)))
    assert max(s[0].count for s in found if s) == 8


def test_overflights_are_no_departures():
    way = Way((45.0, 4.0), (47.4, 8.2))
    assert not any(surges(departures(*np.arange(0, 40, 0.5), way=way)))


def test_high_ones_first_seen_over_the_area_are_no_departures():
    # As when a feed comes back: they are there at once, at height.
    assert not any(surges(departures(*np.arange(1, 8, 0.25), start=START - 900 * SECOND, way=Way((46.0, 5.0), TOWARD))))


def test_arrivals_are_no_departures():
    skies = []
    for m in np.arange(0, 20, 0.5):
        now = START + round(m * 60) * SECOND
        gone = 1.0 - m / 20
        sky = tracks(
            8, time=now, latitude=46.23 + 0.2 * gone, longitude=6.1, altitude=400 + 3000 * gone, climb=-5.0, speed=90, flags=FLAG.MILITARY
        )
        skies.append((now, sky))
    assert not any(surges(skies))


def test_a_landing_and_a_take_off_are_a_departure():
    def at(m, flags, altitude, climb, speed):
        given = {"altitude": altitude, "climb": climb, "speed": speed, "flags": flags | FLAG.MILITARY}
        return START + m * MINUTE, tracks(6, time=START + m * MINUTE, latitude=46.23, longitude=6.1, **given)

    skies = [at(0, FLAG.AIRBORNE, 9000, -5, 150), at(5, FLAG.AIRBORNE, 900, -5, 80), at(10, FLAG.ON_GROUND, 400, 0, 5)]
    assert not any(surges(skies))
    found = surges([*skies, at(30, FLAG.AIRBORNE, 700, 8, 80)])
    assert found[-1][0].count == 6


def test_what_is_usual_there_is_no_surge():
    detector = AirliftSurge(TOPIC, SurgeParameters(usual_per_hour=30, prior_hours=50))
    found = [detector.step(scene(sky, now)) for now, sky in departures(*np.arange(0, 5, 0.25))]
    assert not any(found)


def test_a_drop_out_and_a_new_number_are_no_second_departure():
    first = departures(*np.arange(0, 4, 0.25))
    renumbered = []
    for now, sky in departures(*np.arange(4, 8, 0.25)):
        sky.columns["number"][:] += 500
        renumbered.append((now, sky))
    found = surges([*first, *renumbered])
    assert max(s[0].count for s in found if s) == 8


# --- baseline ------------------------------------------------------------------------------------------------


def test_little_known_is_wide_and_much_known_is_narrow():
    little, much = Baseline(3.0, 1.0), Baseline(3.0, 1.0)
    for week in range(52):
        for slot in range(3):
            much.learn(START + week * 7 * 24 * HOUR + slot * 20 * MINUTE, 1, 1 / 3)
    assert little.usual(START, 6, 1 / 3).tail > 5 * much.usual(START, 6, 1 / 3).tail
    assert much.usual(START, 6, 1 / 3).high <= little.usual(START, 6, 1 / 3).high


def test_an_hour_of_the_week_has_its_own_rate():
    one = Baseline(0.3, 4.0)
    for week in range(30):
        one.learn(START + week * 7 * 24 * HOUR, 12, 1.0)
        for hour in range(1, 24):
            one.learn(START + week * 7 * 24 * HOUR + hour * HOUR, 0, 1.0)
    busy, idle = one.usual(START, 6, 1 / 3), one.usual(START + 5 * HOUR, 6, 1 / 3)
    assert busy.tail > 0.05
    assert idle.tail < 1e-4
    assert busy.high >= 4


def test_the_tail_is_a_tail():
    one = Baseline(3.0, 4.0)
    tails = [one.usual(START, count, 1 / 3).tail for count in range(12)]
    assert tails[0] == 1.0
    assert tails == sorted(tails, reverse=True)
    assert tails[-1] > 0


def test_the_tail_agrees_with_scipys_negative_binomial():
    from scipy.stats import nbinom

    one = Baseline(3.0, 4.0)
    for count in range(1, 8):
        assert one.usual(START, count, 1 / 3).tail == pytest.approx(nbinom.sf(count - 1, 12.0, 4 / (4 + 1 / 3)), rel=1e-9)


def test_the_week_begins_on_monday():
    assert Baseline.hour_of(START) == 6 * 24 + 2


def test_a_quiet_watched_night_teaches_and_an_unwatched_one_does_not():
    watched, blind = (AirliftSurge(TOPIC, SurgeParameters()) for _ in range(2))
    for m in range(0, 600, 2):
        now = START + m * MINUTE
        watched.step(scene(civil(now, count=400), now))
        blind.step(scene(tracks(0), now))
    assert watched._bases[0].baseline._hours.sum() > 8
    assert blind._bases[0].baseline._hours.sum() == 0


# --- the scene, and what is registered ------------------------------------------------------------------------


def test_what_is_simulated_is_never_evidence_in_the_live_realm():
    sky = together(trail(8, flags=FLAG.AIRBORNE | FLAG.MILITARY | FLAG.SIMULATED), civil(START, count=5))
    assert len(scene(sky, START, "live")) == 5
    assert len(scene(sky, START, "exercise:x")) == len(scene(sky, START, "replay:x")) == 13


def test_positions_that_are_no_numbers_are_left_out():
    assert len(scene(trail(8, latitude=np.nan), START)) == 0


def test_kinds_of_sensing_are_told_apart():
    sky = tracks(
        5,
        time=START,
        latitude=46.0,
        longitude=7.0,
        identity=np.array([Identity.ICAO + 1, Identity.OTHER + 1, Identity.TRACK + 1, Identity.ICAO + 2, Identity.ICAO + 3], "u8"),
        flags=np.array([0, 0, 0, FLAG.MLAT, FLAG.SIMULATED]),
    )
    one = scene(sky, START)
    assert [min(one.kinds(np.array([i]))) for i in range(5)] == ["ads-b", "tis-b", "radar", "mlat", "simulated"]


def test_a_place_is_watched_if_something_flies_near_it_and_no_blind_area_covers_it():
    from tocsin.warning import Place

    staging = TOPIC.places[0]
    near, far = tracks(1, time=START, latitude=46.5, longitude=6.4), tracks(1, time=START, latitude=50.0, longitude=12.0)
    blind = Place("hole", "area", ((46.0, 5.5), (46.0, 7.0), (47.0, 7.0), (47.0, 5.5)))
    assert scene(near, START).watched(staging)
    assert not scene(far, START).watched(staging)
    assert not scene(tracks(0), START).watched(staging)
    assert not scene(near, START).watched(staging, [blind])


def test_every_shipped_detector_is_registered_and_fits_the_interface():
    assert set(detector_names()) >= {"line-crossing", "aircraft-in-stream", "airlift-surge"}
    for name in detector_names():
        found: type[Detector] = detector_class(name)
        assert found.api == 1
        assert found.__doc__


def test_a_detector_that_is_not_registered_is_refused():
    with pytest.raises(InputError, match="0 detectors"):
        detector_class("crystal-ball")


@pytest.mark.parametrize("kind", [StreamParameters, LineParameters, SurgeParameters])
@pytest.mark.parametrize("wrong", TWISTED)
def test_parameters_that_make_no_sense_are_refused(kind, wrong):
    with pytest.raises(ValueError):
        kind(**wrong)
