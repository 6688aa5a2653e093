"""One watch per realm and view: what it may see, what its words may bear, and that nothing else can move it."""

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.warning.skies import OPEN, READER, START, TOPIC, VIEW, Transports, View, civil, night, together, tracks, watch
from tocsin.core import (
    FLAG,
    Clearance,
    Identity,
    InputError,
    Label,
    LabelPolicy,
    ManualClock,
    SeededEntropy,
    body_of,
    join,
    make,
    may_read,
)
from tocsin.core.times import SECOND
from tocsin.picture import Tracks
from tocsin.policy import Gate, SitePolicies
from tocsin.warning import FeedState, Place, Timing, Watch, detector_class
from tocsin.warning.said import Heard, Told
from tocsin.warning.scene import Scene
from tocsin.warning.series import Series

MINUTE = 60 * SECOND
BIRCH = Label("demo", 1, frozenset({"BIRCH"}), frozenset({"ASTER", "BIRCH"}), frozenset({"SENSOR"}))
HIDDEN = Label("demo", 1, frozenset({"DUNE"}), frozenset({"DUNE", "BIRCH"}))
OTHER_POLICY = Label("elsewhere", 0, frozenset({"ASTER"}), frozenset({"ASTER"}))


def cleared(*caveats):
    return View("0123456789abcdef", Clearance("demo", "ASTER", 2, frozenset(caveats)))


def bytes_of(steps):
    return [msgspec.json.encode((s.findings, s.warnings, s.assessment, s.offers), order="deterministic") for _, s in steps]


def said(steps):
    return [one for _, step in steps for one in (*step.findings, *step.warnings)]


# --- labels --------------------------------------------------------------------------------------------------------


def two_labels(now):
    sky = Transports().at(now, labels=(OPEN, BIRCH))
    sky.columns["label_of"][:] = np.arange(len(sky)) % 2
    return sky


def test_what_is_said_bears_the_join_of_what_it_came_from():
    steps = list(night(watch(view=cleared("SENSOR")), two_labels, minutes=8))
    whole = join([OPEN, BIRCH])
    warned = [one for _, step in steps for one in step.warnings]
    assert warned
    for one in warned:
        assert one.release.releasable_to == whole.releasable_to == {"ASTER", "BIRCH"}
        assert one.release.classification == 1
        assert one.release.caveats == {"SENSOR"}
        assert one.release.originators == {"ASTER", "BIRCH"}
    found = [one for _, step in steps for one in step.findings]
    assert all(one.label == one.release == warned[0].release for one in found)


def test_a_draft_is_releasable_to_its_own_node_alone():
    for one in (one for _, step in night(watch(), lambda now: Transports().at(now), minutes=8) for one in step.warnings):
        assert one.label.releasable_to == {"ASTER"}
        assert may_read(one.label, READER)
        assert not may_read(one.label, Clearance("demo", "BIRCH", 9, frozenset({"SENSOR"})))


def test_evidence_that_is_remembered_still_counts_in_the_label():
    # Birch's tracks are seen during take-off only; the surge rests on them for hours.
    def sky(now):
        labels = (OPEN, BIRCH)
        return Transports().at(now, labels=labels, label_of=1 if now < START + 3 * MINUTE else 0)

    last = [one for _, step in night(watch(view=cleared("SENSOR")), sky, minutes=36) for one in step.warnings][-1]
    assert last.release.releasable_to == {"ASTER", "BIRCH"}


def test_everything_said_makes_a_record_of_this_node():
    for one in said(night(watch(view=cleared("SENSOR")), two_labels, minutes=8)):
        said_by = {"realm": "exercise:lantern", "origin": "ASTER", "author": "node", "protocol_time": START, "realm_time": START}
        record = make(one.body, label=one.label, entropy=SeededEntropy(1), refs=one.refs, **said_by)
        assert body_of(record) == one.body


def test_a_warning_points_to_the_episodes_it_rests_on():
    steps = list(night(watch(), lambda now: Transports().at(now), minutes=8))
    episodes = {one.body.episode for _, step in steps for one in step.findings}
    last = [one for _, step in steps for one in step.warnings][-1]
    assert {ref.id for ref in last.refs} == {e.finding for e in last.body.evidence} <= episodes
    assert {ref.rel for ref in last.refs} == {"evidence"}


# --- non-interference ----------------------------------------------------------------------------------------------


def with_hidden(sky, hidden, label):
    """`sky` and beside it tracks that bear `label`, in one picture."""
    columns = {n: np.concatenate([sky.columns[n], hidden.columns[n]]) for n in sky.columns}
    columns["label_of"][len(sky) :] = len(sky.labels)
    columns["number"][len(sky) :] += 5000
    columns["identity"][len(sky) :] += np.uint64(1 << 20)
    return Tracks(columns, (*sky.labels, label), sky.feed_names)


@pytest.mark.parametrize("label", [HIDDEN, BIRCH, OTHER_POLICY])
def test_what_a_view_may_not_read_moves_no_byte(label):
    def hidden(now):
        return with_hidden(civil(now, count=40), Transports().at(now), label)

    assert bytes_of(night(watch(), hidden, minutes=10)) == bytes_of(night(watch(), lambda now: civil(now, count=40), minutes=10))


@given(st.integers(0, 2**32), st.integers(1, 40), st.booleans())
@settings(max_examples=12, deadline=None)
def test_whatever_is_hidden_a_warning_is_the_same_byte_for_byte(seed, count, military):
    def hidden(now):
        more = civil(now, count=count, seed=seed)
        more.columns["flags"][:] |= FLAG.MILITARY if military else 0
        return with_hidden(together(Transports().at(now)), more, HIDDEN)

    clear = night(watch(), lambda now: together(Transports().at(now)), minutes=5, every_s=15)
    assert bytes_of(night(watch(), hidden, minutes=5, every_s=15)) == bytes_of(clear)


def test_a_reader_who_may_read_it_is_warned():
    def shared(now):
        return with_hidden(civil(now, count=40), Transports().at(now), BIRCH)

    assert [s for _, s in night(watch(view=cleared("SENSOR")), shared, minutes=8) if s.warnings]


def test_simulated_tracks_never_ring_the_live_realm():
    steps = night(watch(realm="live"), lambda now: together(Transports().at(now), civil(now)), minutes=10)
    assert said(steps) == []


def test_realms_do_not_touch():
    one, two = watch(realm="exercise:one"), watch(realm="exercise:two")
    alone = bytes_of(night(watch(realm="exercise:two"), civil, minutes=5))
    both = []
    for (_, _), pair in zip(night(one, lambda now: Transports().at(now), minutes=5), night(two, civil, minutes=5), strict=True):
        both.append(pair)
    assert bytes_of(both) == alone


def test_a_label_number_past_the_table_is_left_out_and_not_guessed():
    def sky(now):
        broken = Transports().at(now)
        broken.columns["label_of"][:] = 7
        return broken

    assert said(night(watch(), sky, minutes=8)) == []


def test_a_picture_without_labels_says_nothing():
    assert said(night(watch(), lambda now: Transports().at(now, labels=()), minutes=8)) == []


# --- time ----------------------------------------------------------------------------------------------------------


def test_a_time_that_is_not_later_changes_nothing():
    one = watch()
    for _, step in night(one, lambda now: Transports().at(now), minutes=4):
        before = step
    for now in (START + 4 * MINUTE, START, 0):
        again = one.step(Transports().at(START + 4 * MINUTE), now)
        assert (again.findings, again.warnings) == ((), ())
        assert again.assessment == before.assessment


def test_before_the_first_look_there_is_an_assessment_that_says_so():
    found = watch().assessment()
    assert found.level == "NORMAL"
    assert found.confidence == "low"
    assert all(lamp.state == "cannot say" for lamp in found.indicators)
    assert found.to_json()["topic"] == TOPIC.id


def test_a_watch_can_be_left_for_a_week():
    one = watch()
    list(night(one, lambda now: Transports().at(now), minutes=6))
    later = START + 7 * 24 * 60 * MINUTE
    steps = list(night(one, civil, minutes=60, every_s=60, start=later))
    assert steps[-1][1].assessment.level == "NORMAL"


@given(st.sampled_from([1, 10, 60]), st.integers(0, 599))
@settings(max_examples=5, deadline=None)
def test_between_looks_of_one_step_probabilities_do_not_drift(tick, phase):
    one = watch()
    list(night(one, lambda now: Transports().at(now), minutes=12, every_s=15))
    # All of these lie in one ten-minute step, with nothing new to see.
    start = START + 20 * MINUTE + SECOND
    sky = Transports().at(start)
    seen = {
        tuple(sorted(one.step(sky, start + second * SECOND).assessment.probabilities.items()))
        for second in range(phase % 60 + 60, 180, tick)
    }
    assert len(seen) == 1


# --- what counts for how much --------------------------------------------------------------------------------------


def adsb(now, **more):
    sky = Transports(flags=FLAG.MILITARY, **more).at(now)
    sky.columns["identity"][:] = Identity.ICAO + 0xAE1000 + np.arange(len(sky), dtype="u8")
    return sky


def test_transponders_alone_cannot_ring_the_top_and_what_would_help_is_said():
    steps = list(night(watch(realm="live"), adsb, minutes=20))
    last = steps[-1][1].assessment
    assert last.probabilities["deployment"] >= TOPIC.levels[-1].up
    assert {step.assessment.level for _, step in steps} == {"NORMAL", "GUARDED", "ELEVATED"}
    assert "nothing but transponders says so" in last.because
    assert "anything but transponders" in last.would_change
    assert last.confidence != "high"


def test_a_radar_that_sees_them_too_lifts_the_cap():
    def sky(now):
        # From the tenth minute on half of them are radar tracks without a transponder.
        return Transports(flags=FLAG.MILITARY).at(now) if now > START + 10 * MINUTE else adsb(now)

    levels = [step.assessment.level for _, step in night(watch(realm="live"), sky, minutes=20)]
    assert levels[-1] == "HIGH"


def test_absence_counts_only_where_someone_looks():
    # A stream in the middle of nowhere known: no departures were seen.
    def far(now):
        return Transports(count=8, start=START - 600 * SECOND).at(now)

    seen_near = list(night(watch(), lambda now: together(far(now), civil(now)), minutes=22))
    alone = list(night(watch(), far, minutes=22))
    absent = [e for e in seen_near[-1][1].assessment.evidence if e.finding.startswith("absence-")]
    assert [e.indicator for e in absent] == ["airlift-surge"]
    assert absent[0].weight < 1
    assert absent[0].text.startswith("watched, not there")
    assert not [e for e in alone[-1][1].assessment.evidence if e.finding.startswith("absence-")]
    lamps = {lamp.id: lamp.state for lamp in alone[-1][1].assessment.indicators}
    assert lamps["airlift-surge"] == "cannot say"
    assert {lamp.id: lamp.state for lamp in seen_near[-1][1].assessment.indicators}["airlift-surge"] == "not seen"


def test_a_blind_area_is_said_and_makes_silence_worth_nothing():
    hole = Place("South-west", "area", ((46.0, 5.5), (46.0, 7.0), (47.0, 7.0), (47.0, 5.5)))
    steps = list(night(watch(), civil, minutes=1, coverage=[hole]))
    found = steps[-1][1].assessment
    assert "South-west: no feed." in found.cannot_see
    assert {lamp.id: lamp.state for lamp in found.indicators}["airlift-surge"] == "cannot say"
    assert found.confidence == "low"


def test_confidence_is_apart_from_likelihood():
    good = (FeedState(name="a", state="ok", lateness_s=1.0), FeedState(name="b", state="ok", lateness_s=1.0))
    bad = (FeedState(name="a", state="ok", lateness_s=1.0), FeedState(name="b", state="silent"))

    def grade(feeds, bits):
        def sky(now):
            return Transports().at(now, feed_names=("a", "b"), feeds=bits)

        return [step.assessment for _, step in night(watch(), sky, minutes=8, feeds=feeds)][-1]

    sure, one, late = grade(good, 3), grade(good, 1), grade(bad, 3)
    assert (sure.confidence, one.confidence, late.confidence) == ("high", "moderate", "moderate")
    assert sure.probabilities == one.probabilities == late.probabilities
    assert "b is silent" in late.because


def test_in_what_others_read_only_feeds_that_carry_the_evidence_go_by_name():
    feeds = (FeedState(name="radar", state="late", lateness_s=48.0), FeedState(name="secret-mast", state="late", lateness_s=70.0))
    steps = list(night(watch(), lambda now: Transports().at(now), minutes=8, feeds=feeds))
    body = [one for _, step in steps for one in step.warnings][-1].body
    assert "secret-mast" not in msgspec.json.encode(body).decode()
    assert "Another feed: 70 s late." in body.cannot_see
    assert any("Secret-mast" in one for one in steps[-1][1].assessment.cannot_see)


def test_a_withdrawn_draft_goes_to_the_own_floor_alone():
    steps = list(night(watch(), lambda now: Transports(count=12 if now < START + 15 * MINUTE else 1).at(now), minutes=24 * 60, every_s=120))
    warned = [one for _, step in steps for one in step.warnings]
    assert [one.body.state for one in warned][-1] == "cancelled"
    assert warned[-1].label.releasable_to == {"ASTER"}
    assert warned[-1].body.cap == ""


@pytest.mark.parametrize("node", ["", "A B", "A,B", "<A>", "A&B"])
def test_a_node_that_cannot_send_alerts_is_refused_at_once(node):
    with pytest.raises(InputError, match="cannot send alerts"):
        watch(node=node)


def test_a_realm_that_is_none_is_refused():
    with pytest.raises(InputError):
        Watch(TOPIC, "production", VIEW, SeededEntropy(1), node="ASTER")


def test_an_empty_sky_is_no_error():
    assert said(night(watch(), lambda now: tracks(0), minutes=2)) == []


# --- a detector that fails -----------------------------------------------------------------------------------------


class Stumbles:
    """A plugin that raises at its looks from the third on."""

    api = 1
    Parameters = Timing

    def __init__(self, topic, parameters):
        self.places, self.looks = topic.places_of("staging"), 0

    def step(self, scene):
        self.looks += 1
        if self.looks > 2:
            raise KeyError("what a track said")
        return []


class NeverStarts(Stumbles):
    def __init__(self, topic, parameters):
        raise ZeroDivisionError


@pytest.mark.parametrize(("plugin", "fault"), [(Stumbles, "KeyError"), (NeverStarts, "ZeroDivisionError")])
def test_a_detector_that_raises_stops_nothing_and_its_lamp_says_why(monkeypatch, plugin, fault):
    from tocsin.warning import service

    def pick(name):
        return plugin if name == "airlift-surge" else detector_class(name)

    monkeypatch.setattr(service, "detector_class", pick)
    steps = list(night(watch(), lambda now: Transports().at(now), minutes=12, every_s=15))
    last = steps[-1][1].assessment
    lamp = next(one for one in last.indicators if one.id == "airlift-surge")
    assert (lamp.state, lamp.why) == ("cannot say", f"its detector failed ({fault})")
    assert any(f"Airlift surge: its detector failed ({fault})" in one for one in last.cannot_see)
    assert "what a track said" not in msgspec.json.encode(last).decode()
    assert {e.indicator for e in last.evidence} >= {"aircraft-in-stream", "approach-to-line"}


# --- both keys -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("unless", "rings"), [("", True), ('unless { context.kind == "observations" }', False)])
def test_what_the_sites_policies_keep_from_a_view_never_rings_there(tmp_path, unless, rings):
    (tmp_path / "a.cedar").write_text(f"permit(principal, action, resource) {unless};")
    gate = Gate(SitePolicies.read(tmp_path), LabelPolicy("demo", ("LOW", "MIDDLE", "HIGH")), ManualClock(START), node="ASTER")
    view = View("0123456789abcdef", READER, gate)
    steps = list(night(watch(view=view), lambda now: Transports().at(now), minutes=8))
    assert bool(said(steps)) is rings


def test_each_kind_of_thing_that_is_heard_is_asked_for_as_what_it_is():
    counts = Series("aircraft", np.array([1]), np.array([2.0]), OPEN)
    claim = Told("claim--1", "x", "paper", "", "B2", "document", START, START, "text", OPEN)
    heard = Heard({"aircraft": counts}, (claim,))
    for kind, left in (("count", (1, 0)), ("claim", (0, 1)), ("observations", (0, 0))):
        scene = Scene(
            tracks(3, latitude=46.0, longitude=7.0),
            START,
            "live",
            READER,
            heard,
            may=lambda label, asked, kind=kind: label == OPEN and asked == kind,
        )
        assert (len(scene.series), len(scene.told)) == left
        assert len(scene) == (3 if kind == "observations" else 0)
