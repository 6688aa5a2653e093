"""Episodes: opened when a thing lasts, updated when it changes, closed when it is over, and one for one thing."""

import numpy as np

from tests.warning.skies import READER, START, TOPIC, tracks
from tocsin.core import Label, SeededEntropy, body_of, make
from tocsin.core.times import SECOND
from tocsin.warning import Scene, Sighting, Timing
from tocsin.warning.episodes import Episodes

INDICATOR = TOPIC.indicator("aircraft-in-stream")
TIMING = Timing(hold_s=60, quiet_s=180, update_minutes=5)


def scene(seconds, size=20, **more):
    now = START + round(seconds * SECOND)
    return Scene(tracks(size, time=now, latitude=46.0 + np.arange(size) * 0.02, longitude=7.0, **more), now, "exercise:x", READER)


def sighting(*rows, **more):
    given = {"count": len(rows), "strength": 0.5, "text": f"{len(rows)} seen", **more}
    return Sighting(rows=np.array(rows, int), members=frozenset(rows), **given)


def episodes(timing=TIMING):
    return Episodes(INDICATOR, timing, SeededEntropy(1))


def states(changes):
    return [change.state for change in changes]


def test_it_opens_only_when_it_has_lasted():
    some = episodes()
    assert states(some.step([sighting(1, 2, 3)], scene(0))) == []
    assert states(some.step([sighting(1, 2, 3)], scene(59))) == []
    (change,) = some.step([sighting(1, 2, 3)], scene(60))
    assert change.state == "opened"
    assert change.episode.first == START
    assert some.open() == [change.episode]


def test_a_flicker_says_nothing():
    some = episodes()
    some.step([sighting(1, 2, 3)], scene(0))
    assert [states(some.step([], scene(t))) for t in (10, 100, 300)] == [[], [], []]
    assert some.open() == []


def test_what_does_not_change_is_not_said_again():
    some = episodes()
    for t in range(0, 3600, 10):
        changes = some.step([sighting(1, 2, 3)], scene(t))
        assert states(changes) == (["opened"] if t == 60 else [])


def test_other_words_are_said_at_most_every_five_minutes():
    some = episodes()
    said = [t for t in range(0, 1801, 10) if some.step([sighting(1, 2, 3, text=f"at {t}")], scene(t))]
    assert said == list(range(60, 1801, 300))


def test_a_material_change_is_said_at_once():
    some = episodes()
    for t in (0, 60):
        some.step([sighting(1, 2, 3)], scene(t))
    assert states(some.step([sighting(1, 2, 3, 4, 5)], scene(70))) == ["updated"]
    assert states(some.step([sighting(1, 2, 3, 4, 5, strength=0.9)], scene(80))) == ["updated"]


def test_a_new_label_is_a_material_change():
    secret = Label("demo", 2, frozenset({"BIRCH"}), frozenset({"ASTER", "BIRCH"}))
    open_label = tracks(1).labels[0]
    some = episodes()
    for t in (0, 60):
        some.step([sighting(1, 2)], scene(t))
    (change,) = some.step([sighting(1, 2)], scene(70, labels=(open_label, secret), label_of=np.arange(20) % 2))
    assert change.state == "updated"
    assert change.episode.labels == {open_label, secret}


def test_it_closes_after_quiet_and_a_gap_does_not_end_it():
    some = episodes()
    for t in (0, 60, 200, 380):
        some.step([sighting(1, 2, 3)], scene(t))
    assert states(some.step([], scene(560))) == []
    (change,) = some.step([], scene(561))
    assert change.state == "closed"
    assert change.episode.last == START + 380 * SECOND
    assert some.step([], scene(600)) == []


def test_the_same_aircraft_are_the_same_episode_and_others_another():
    some = episodes(Timing(hold_s=0))
    (first,) = some.step([sighting(1, 2, 3, 4)], scene(0))
    assert some.step([sighting(3, 4, 5, 6)], scene(10)) == []
    (second,) = some.step([sighting(3, 4, 5, 6), sighting(10, 11, 12)], scene(20))
    assert first.episode.id != second.episode.id
    assert [e.id for e in some.open()] == [first.episode.id, second.episode.id]


def test_a_stream_that_splits_stays_one_episode_and_its_larger_part_speaks():
    some = episodes(Timing(hold_s=0))
    some.step([sighting(*range(12))], scene(0))
    some.step([sighting(*range(5)), sighting(*range(5, 12))], scene(10))
    (only,) = some.open()
    assert only.sighting.count == 7


def test_the_same_group_on_its_way_to_two_lines_is_two_episodes():
    some = episodes(Timing(hold_s=0))
    assert len(some.step([sighting(1, 2, place="EAST"), sighting(1, 2, place="WEST")], scene(0))) == 2


def test_a_count_in_a_window_keeps_its_peak_and_a_group_its_latest():
    window, group = episodes(Timing(hold_s=0)), episodes(Timing(hold_s=0))
    window.step([sighting(1, 2, 3, 4, key="RHÔNE")], scene(0))
    window.step([sighting(3, key="RHÔNE")], scene(10))
    group.step([sighting(1, 2, 3, 4)], scene(0))
    group.step([sighting(3)], scene(10))
    assert window.open()[0].sighting.text == "4 seen"
    assert group.open()[0].sighting.text == "1 seen"


def test_strength_is_the_peak():
    some = episodes(Timing(hold_s=0))
    for t, strength in ((0, 0.5), (10, 0.9), (20, 0.6)):
        some.step([sighting(1, 2, strength=strength)], scene(t))
    assert some.open()[0].strength == 0.9


def test_the_order_of_sightings_does_not_matter():
    def ids(order):
        some = episodes(Timing(hold_s=0))
        seen = [sighting(1, 2, 3), sighting(10, 11, 12, 13), sighting(15, 16)]
        some.step([seen[i] for i in order], scene(0))
        return [(e.id, e.sighting.count) for e in some.open()]

    assert ids([0, 1, 2]) == ids([2, 1, 0])


def test_a_finding_makes_a_record_that_reads_back():
    some = episodes(Timing(hold_s=0))
    (change,) = some.step([sighting(1, 2, 3, measures={"count": 3.0, "eta_s": 1234.56789})], scene(0))
    finding = change.episode.finding("opened", TOPIC.id)
    label = Label("demo", 0, frozenset({"ASTER"}), frozenset({"ASTER"}))
    times = {"protocol_time": START, "realm_time": START}
    record = make(finding, realm="live", origin="ASTER", author="node", label=label, entropy=SeededEntropy(2), **times)
    assert body_of(record) == finding
    assert finding.measures["eta_s"] == 1234.568
    assert finding.identities == ("t2", "t3", "t4")
    assert finding.feeds == ("radar",)
    assert len(finding.area) == 2
