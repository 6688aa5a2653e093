"""The life of a warning: what people may do with it, in which order, and what CAP says at each step."""

import pytest
from msgspec.structs import replace

from tests.warning.skies import OPEN, START, TOPIC, Transports, night, watch
from tocsin.core import Denied, InputError, Label
from tocsin.core.times import SECOND
from tocsin.formats import cap
from tocsin.warning import BadStep, NotAgreed, Rule, StaysHere, lifecycle

MINUTE = 60 * SECOND


def rung(realm="exercise:lantern"):
    """The watch and the last version that it said after ten minutes of a stream."""
    one, last = watch(realm=realm), None
    for _, step in night(one, lambda now: Transports().at(now), minutes=10):
        for said in step.warnings:
            last = said
    return one, last


@pytest.fixture(scope="module")
def draft():
    return rung()[1].body


@pytest.fixture
def issued(draft):
    return lifecycle.approve(draft, by="R. Keel", now=START + 11 * MINUTE)


def read(text):
    return cap.read(text.encode())


def test_a_draft_holds_its_message_and_its_cancellation_before_anyone_approves(draft):
    message, gone = read(draft.cap), read(draft.cancellation)
    assert (message.status, message.msg_type, message.scope) == ("Exercise", "Alert", "Restricted")
    assert message.restriction
    assert "exercise:lantern" in message.note
    assert gone.msg_type == "Cancel"
    assert gone.references == (cap.reference(message),)
    assert gone.status == "Exercise"


def test_the_message_says_what_the_warning_says(draft):
    info, chinese = read(draft.cap).infos
    assert (info.language, chinese.language) == ("en", "zh-Hant")
    assert info.headline.startswith("EXERCISE HIGH: Twelve transport-type aircraft left staging RHÔNE")
    assert draft.sentence in info.description
    assert info.description.index("Could be innocent") < info.description.index("Why:") < info.description.index("Cannot see:")
    assert (info.urgency, info.severity, info.certainty) == ("Expected", "Severe", "Likely")
    assert info.expires == read(draft.cap).sent + 120 * MINUTE
    assert ("level", "HIGH") in info.parameters
    polygon = info.areas[0].polygons[0]
    assert len(polygon) >= 4
    assert polygon[0] == polygon[-1]


def test_approval_names_the_person_and_moves_the_message_to_now(draft, issued):
    assert (issued.state, issued.version, issued.approved_by, issued.issued_at) == (
        "issued",
        draft.version + 1,
        "R. Keel",
        START + 11 * MINUTE,
    )
    message = read(issued.cap)
    assert message.sent == START + 11 * MINUTE
    assert message.identifier == f"{draft.warning}.{issued.version}"
    assert message.infos[0].expires == message.sent + 120 * MINUTE
    assert read(issued.cancellation).references == (cap.reference(message),)


def test_approval_changes_nothing_of_what_was_said(draft, issued):
    same = {"version": 0, "state": "", "approved_by": "", "issued_at": None, "cap": "", "cancellation": ""}
    assert replace(issued, **same) == replace(draft, **same)


def test_a_cancellation_is_as_easy_and_refers_to_what_was_issued(issued):
    gone = lifecycle.cancel(issued, by="R. Keel", now=START + 20 * MINUTE, note="They turned back.")
    message = read(gone.cap)
    assert (gone.state, gone.version, gone.approved_by) == ("cancelled", issued.version + 1, "R. Keel")
    assert (message.msg_type, message.sent) == ("Cancel", START + 20 * MINUTE)
    assert message.references == (cap.reference(read(issued.cap)),)
    assert "They turned back." in message.note
    assert message.infos[0].response_types == ("AllClear",)


def test_a_cancelled_draft_sends_nothing(draft):
    gone = lifecycle.cancel(draft, by="R. Keel", now=START + 9 * MINUTE)
    assert (gone.state, gone.cap, gone.cancellation) == ("cancelled", "", "")


def test_steps_out_of_order_are_refused(draft, issued):
    gone = lifecycle.cancel(issued, by="R. Keel", now=START + 20 * MINUTE)
    for step in (
        lambda: lifecycle.approve(issued, by="R. Keel", now=START),
        lambda: lifecycle.approve(gone, by="R. Keel", now=START),
        lambda: lifecycle.cancel(gone, by="R. Keel", now=START),
        lambda: lifecycle.approve(draft, by="  ", now=START),
        lambda: lifecycle.cancel(issued, by="", now=START),
        lambda: lifecycle.cancel(replace(draft, state="updated"), by="R. Keel", now=START),
        lambda: lifecycle.approve(replace(draft, cap=""), by="R. Keel", now=START),
    ):
        with pytest.raises(BadStep) as caught:
            step()
        assert "\n" not in str(caught.value)
        assert isinstance(caught.value, InputError)


def test_versions_may_be_counted_by_the_one_who_keeps_them(draft, issued):
    assert lifecycle.approve(draft, by="R. Keel", now=START, version=9).version == 9
    assert lifecycle.cancel(issued, by="R. Keel", now=START, version=12).version == 12


@pytest.mark.parametrize(
    ("realm", "status", "scope"), [("exercise:lantern", "Exercise", "Restricted"), ("replay:swiss", "Test", "Private")]
)
def test_an_exercise_or_a_replay_is_never_actual(realm, status, scope):
    body = rung(realm)[1].body
    for text in (body.cap, body.cancellation):
        assert (read(text).status, read(text).scope) == (status, scope)
        assert read(text).note


def test_a_replays_warning_never_leaves():
    body = rung("replay:swiss")[1].body
    with pytest.raises(StaysHere, match="stays in the node"):
        lifecycle.approve(body, by="R. Keel", now=START)
    assert read(body.cap).addresses == ("ASTER",)


def test_a_live_warning_is_actual_and_restricted():
    from tocsin.core import FLAG

    one, last = watch(realm="live"), None
    sky = Transports(flags=FLAG.MILITARY)
    for _, step in night(one, sky.at, minutes=10):
        last = step.warnings[-1] if step.warnings else last
    message = read(last.body.cap)
    assert (message.status, message.scope, message.note) == ("Actual", "Restricted", "")
    assert last.body.level == "HIGH"


# --- updates and offers, together with the watch -----------------------------------------------------------------


def test_after_an_issue_the_watch_drafts_updates_that_refer_to_it():
    one, last = rung()
    out = lifecycle.approve(last.body, by="R. Keel", now=START + 6 * MINUTE)
    one.note(out)
    update = None
    for _, step in night(one, lambda now: Transports().at(now), minutes=34, start=START + 10 * MINUTE + SECOND):
        update = step.warnings[0].body if step.warnings and update is None else update
    assert (update.state, update.warning) == ("updated", out.warning)
    assert update.version == out.version + 1
    message = read(update.cap)
    assert (message.msg_type, message.references) == ("Update", (cap.reference(read(out.cap)),))
    again = lifecycle.approve(update, by="R. Keel", now=START + 40 * MINUTE)
    assert read(again.cancellation).references == (cap.reference(read(out.cap)), cap.reference(read(again.cap)))


def test_when_the_level_falls_an_issued_warning_is_offered_for_cancelling_and_not_ended_by_a_machine():
    one, last = rung()
    out = lifecycle.approve(last.body, by="R. Keel", now=START + 6 * MINUTE)
    one.note(out)
    quiet = list(night(one, lambda now: Transports(count=1).at(now), minutes=30 * 60, every_s=120, start=START + 11 * MINUTE))
    assert not any(w.body.state == "cancelled" for _, s in quiet for w in s.warnings)
    (offer,) = quiet[-1][1].offers
    assert offer.warning == out.warning
    assert "down to" in offer.reason
    one.note(lifecycle.cancel(out, by="R. Keel", now=START + 40 * MINUTE))
    later = START + 32 * 60 * MINUTE
    assert one.step(Transports(count=1).at(later), later).offers == ()


def test_what_a_person_cancelled_does_not_come_back_by_itself():
    one, last = rung()
    out = lifecycle.approve(last.body, by="R. Keel", now=START + 6 * MINUTE)
    one.note(out)
    one.note(lifecycle.cancel(out, by="R. Keel", now=START + 11 * MINUTE))
    steps = list(night(one, lambda now: Transports().at(now), minutes=20, start=START + 11 * MINUTE))
    assert [w for _, s in steps for w in s.warnings] == []
    assert steps[-1][1].assessment.level == "HIGH"


def test_but_news_makes_a_new_warning():
    one, last = rung()
    out = lifecycle.approve(last.body, by="R. Keel", now=START + 6 * MINUTE)
    one.note(out)
    one.note(lifecycle.cancel(out, by="R. Keel", now=START + 11 * MINUTE))
    steps = list(night(one, lambda now: Transports().at(now), minutes=33, start=START + 11 * MINUTE))
    said = [w.body for _, s in steps for w in s.warnings]
    assert said[0].warning != out.warning
    assert (said[0].state, said[0].version) == ("drafted", 1)
    assert any(e.indicator == "line-crossed" for e in said[0].evidence)


def test_a_note_about_another_warning_changes_nothing():
    one, last = rung()
    one.note(replace(last.body, warning="warning--00000000-0000-4000-8000-000000000000", state="cancelled"))
    steps = list(night(one, lambda now: Transports().at(now), minutes=2, start=START + 11 * MINUTE))
    assert [w for _, s in steps for w in s.warnings] == []


# --- rules --------------------------------------------------------------------------------------------------------


RULE = Rule(
    name="night-pact",
    topic=TOPIC.id,
    level="HIGH",
    audience=frozenset({"BIRCH"}),
    realms=frozenset({"exercise:lantern"}),
    valid_from=START,
    valid_until=START + 60 * MINUTE,
    agreed_by=("R. Keel", "A. Marsh"),
)


def test_a_rule_agreed_beforehand_releases_without_a_person(draft):
    out = lifecycle.approve(draft, by="", now=START + 11 * MINUTE, rule=RULE, topic=TOPIC)
    assert out.state == "issued"
    assert out.approved_by == "rule night-pact, agreed by R. Keel and A. Marsh"


@pytest.mark.parametrize(
    ("changes", "now", "says"),
    [
        ({"topic": "other-topic"}, 7, "not about topic"),
        ({"realms": frozenset({"live"})}, 7, "does not cover this realm"),
        ({"agreed_by": ("R. Keel", "R. Keel")}, 7, "two persons"),
        ({"valid_until": START + 7 * MINUTE}, 7, "not valid at this time"),
        ({"valid_from": START + 8 * MINUTE}, 7, "not valid at this time"),
        ({"level": "SEVERE"}, 7, "begins at level"),
    ],
)
def test_a_rule_covers_what_it_says_and_nothing_else(draft, changes, now, says):
    with pytest.raises(NotAgreed, match=says) as caught:
        lifecycle.approve(draft, by="", now=START + now * MINUTE, rule=replace(RULE, **changes), topic=TOPIC)
    assert isinstance(caught.value, Denied)


def test_a_rule_does_not_cover_a_lower_level_or_an_unknown_topic(draft):
    with pytest.raises(NotAgreed, match="begins at level HIGH"):
        lifecycle.approve(replace(draft, level="ELEVATED"), by="", now=START + 11 * MINUTE, rule=RULE, topic=TOPIC)
    with pytest.raises(NotAgreed, match="not about topic"):
        lifecycle.approve(draft, by="", now=START + 11 * MINUTE, rule=RULE)


def test_a_rule_releases_to_its_audience_alone():
    release = Label(OPEN.policy, 1, frozenset({"ASTER"}), frozenset({"ASTER", "BIRCH", "CEDAR"}))
    assert lifecycle.release_label(release, RULE.audience, node="ASTER").releasable_to == {"ASTER", "BIRCH"}
    assert lifecycle.release_label(release, node="ASTER") == release
    with pytest.raises(StaysHere):
        lifecycle.release_label(release, node="DUNE")
