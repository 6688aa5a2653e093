"""Records: the bytes that were signed stay as they are; any version reads the header; what is unknown stays unknown."""

import json

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tocsin.core import (
    Acknowledgement,
    Approval,
    BadLabel,
    BadRealm,
    BadRecord,
    Claim,
    Clearance,
    Consent,
    Count,
    Evidence,
    Finding,
    Gap,
    InputError,
    Label,
    LogEntry,
    Recall,
    Receipt,
    Record,
    Ref,
    Refusal,
    Relabel,
    Report,
    Request,
    Requirement,
    Restart,
    Revocation,
    Rule,
    SeededEntropy,
    Subscription,
    TooLarge,
    WarningRecord,
    body_of,
    decode,
    encode,
    make,
    may_read,
)
from tocsin.core.records import VERSION
from tocsin.core.times import LAST

LABEL = Label("p", 1, frozenset({"ASTER"}), frozenset({"ASTER", "BIRCH"}), frozenset({"SENSOR"}))
REPORT = Report(title="a title", text="a text", source="a source", grade="B2", graded_by="mara")
BODIES = [
    REPORT,
    Claim(text="t", source="s", claimed_at=5),
    Count(series="aircraft", source="s", days=(1, 2), counts=(3.0, 4.0)),
    Finding(episode="e", state="opened", indicator="i", detector="d", topic="t", text="x", since=1, until=2, measures={"count": 12.0}),
    WarningRecord(
        warning="w", version=1, state="drafted", topic="t", level="guarded", was="quiet", sentence="s", probabilities={"deployment": 0.5},
        words={"deployment": "roughly even chance"}, confidence="low", innocent=("training",), base_rate="b",
        evidence=(Evidence(indicator="i", finding="f", text="x", weight=4.0, since=1, latitude=47.0, longitude=8.0),),
        cannot_see=(), would_change="w", drafted_at=3, area=((47.0, 8.0), (47.0, 9.0), (46.0, 8.0)),
    ),
    Acknowledgement(warning="w", state="read"),
    LogEntry(text="quiet so far"),
    Rule(
        name="night", topic="t", level="HIGH", audience=("BIRCH",), realms=("live",), valid_from=1, valid_until=2, state="proposed",
    ),
    Gap(sender="BIRCH", first=3, last=9, reason="conflated"),
    Relabel(record="report--1", digest="00", label=Label("p", 0, frozenset({"A"}), frozenset({"A"})), state="proposed", proposed_by="mara"),
    Consent(record="report--1", audience=("BIRCH",), until=9),
    Refusal(sender="BIRCH", reason="signature", digest="00"),
    Approval(
        proposal="proposal--1", act="journal:erase", what="report--1", digest="ab" * 32, state="asked", content="{}", proposed_by="mara",
        expires=9, note="n",
    ),
    Revocation(partner="BIRCH", card="ab" * 32, state="excluded", reason="stolen", agreed=("ASTER", "CEDAR")),
    Recall(why="mistaken"),
    Receipt(state="read"),
    Request(question="q", state="open", area=((47.0, 8.0), (47.0, 9.0), (46.0, 8.0)), wanted_by=5, priority="immediate"),
    Requirement(number="PIR-1", text="t", state="standing", valid_from=1, valid_until=2),
    Subscription(name="north", state="in force", kinds=("report",), topics=("t",)),
    Restart(partner="BIRCH", held=9, known=5, reason="restored"),
]  # fmt: skip


def made(body=REPORT, **changes):
    given = {
        "realm": "live",
        "origin": "ASTER",
        "author": "mara",
        "label": LABEL,
        "protocol_time": 20,
        "realm_time": 10,
        "entropy": SeededEntropy(1),
    }
    return make(body, **{**given, **changes})


def changed(**changes):
    """Signed bytes like a report's, but for some keys of the header."""
    header = json.loads(encode(made()))
    header.update(changes)
    return json.dumps({key: value for key, value in header.items() if value is not ...}).encode()


def relabelled(**changes):
    label = {**json.loads(encode(made()))["label"], **changes}
    return changed(label={key: value for key, value in label.items() if value is not ...})


@pytest.mark.parametrize("body", BODIES, ids=lambda body: type(body).__name__)
def test_every_kind_comes_back_as_it_was_said(body):
    record = made(body, refs=(Ref("about", "report--1"),))
    again = decode(encode(record))
    assert again == record
    assert body_of(again) == body
    assert encode(again) == encode(record)


def test_every_kind_that_can_be_said_is_tested_here():
    from tocsin.core import bodies

    assert {type(body) for body in BODIES} == set(bodies.BODIES.values())


@given(
    title=st.text(max_size=50),
    text=st.text(max_size=200),
    times=st.tuples(st.integers(0, LAST), st.integers(0, LAST)),
    realm=st.sampled_from(["live", "exercise:a-1", "replay:x"]),
    rank=st.integers(0, 2**40),
    more=st.frozensets(st.sampled_from(["BIRCH", "CEDAR", "D U-N.E"])),
    seed=st.integers(),
)
def test_whatever_can_be_made_can_be_read(title, text, times, realm, rank, more, seed):
    label = Label("p", rank, frozenset({"ASTER"}) | more, frozenset({"ASTER"}) | more, more)
    body = Report(title=title, text=text, source="s")
    record = made(body, realm=realm, label=label, protocol_time=times[0], realm_time=times[1], entropy=SeededEntropy(seed))
    again = decode(encode(record))
    assert again == record
    assert body_of(again) == body


def test_the_same_record_is_always_the_same_bytes():
    a = Label("p", 1, frozenset(["ASTER", "BIRCH", "CEDAR"]), frozenset(["CEDAR", "BIRCH", "ASTER"]))
    b = Label("p", 1, frozenset(["CEDAR", "ASTER", "BIRCH"]), frozenset(["ASTER", "CEDAR", "BIRCH"]))
    assert encode(made(label=a)) == encode(made(label=b))


def test_another_writers_spelling_is_kept_byte_for_byte():
    spaced = b"  " + changed().replace(b'"body": {', b'"body": {  "later" : 1.50, ') + b"\n"
    record = decode(spaced)
    assert b'{  "later" : 1.50, ' in bytes(record.body)
    assert b'{  "later" : 1.50, ' in encode(record)
    assert body_of(record) == REPORT


def test_an_unknown_kind_has_a_header_and_a_label_and_is_not_understood():
    data = changed(kind="sighting", id="sighting--" + made().id.partition("--")[2], body={"anything": [1, {"deep": None}]})
    record = decode(data)
    assert (record.kind, record.origin, record.label, record.realm) == ("sighting", "ASTER", LABEL, "live")
    assert body_of(record) is None
    assert may_read(record.label, Clearance("p", "BIRCH", 1, frozenset({"SENSOR"})))
    assert not may_read(record.label, Clearance("p", "CEDAR", 1, frozenset({"SENSOR"})))
    assert json.loads(encode(record)) == json.loads(data)


def test_a_newer_version_has_a_header_and_is_not_understood():
    record = decode(changed(v=VERSION + 1, signature_hint="new", body={"title": "t", "text": "t", "source": "s"}))
    assert (record.v, record.label) == (VERSION + 1, LABEL)
    assert body_of(record) is None
    assert body_of(decode(changed(v=VERSION))) == REPORT


def test_a_body_of_the_wrong_shape_is_not_understood_and_nothing_fails():
    for body in ({}, [], None, 1, "x", {"title": 1, "text": "", "source": ""}, {"title": "t"}):
        assert body_of(decode(changed(body=body))) is None


def test_a_body_may_say_more_than_this_version_knows():
    body = {**json.loads(bytes(made().body)), "said_later": True}
    assert body_of(decode(changed(body=body))) == REPORT


@pytest.mark.parametrize(
    "data",
    [
        relabelled(embargo="2030"),
        relabelled(releasable_to=...),
        relabelled(classification=...),
        relabelled(originators=...),
        relabelled(policy=...),
        relabelled(classification="1"),
        relabelled(classification=-1),
        relabelled(classification=1.5),
        relabelled(classification=None),
        relabelled(releasable_to="ASTER"),
        relabelled(releasable_to=[1]),
        relabelled(caveats=None),
        changed(label=None),
        changed(label=...),
        changed(label={}),
    ],
)
def test_a_label_with_anything_unknown_missing_or_mistyped_refuses_the_record(data):
    with pytest.raises(BadRecord):
        decode(data)


@pytest.mark.parametrize("name", ["", "A\nB", "A, B", "A\u202eB", "x" * 65, " A", "A\x00", "\ud83d\udd14"])
def test_a_name_that_could_mislead_in_a_banner_refuses_the_record(name):
    for data in (
        relabelled(releasable_to=["ASTER", name]),
        relabelled(caveats=[name]),
        relabelled(originators=["ASTER", name]),
        relabelled(policy=name),
        changed(origin=name),
    ):
        with pytest.raises(BadRecord):
            decode(data)


def test_an_origin_outside_its_own_label_refuses_the_record():
    for data in (
        changed(origin="BIRCH"),
        relabelled(originators=["BIRCH"]),
        relabelled(originators=[]),
        relabelled(releasable_to=["BIRCH"]),
    ):
        with pytest.raises(BadRecord, match="origin"):
            decode(data)
    assert decode(relabelled(releasable_to=[])).label.releasable_to == frozenset()


@pytest.mark.parametrize("time", [-1, LAST + 1, 2**63, 10**30, 1.5, "20", None, True])
def test_a_time_that_no_calendar_has_refuses_the_record(time):
    for name in ("protocol_time", "realm_time"):
        with pytest.raises(BadRecord):
            decode(changed(**{name: time}))


@pytest.mark.parametrize("key", ["id", "kind", "realm", "origin", "author", "protocol_time", "realm_time", "label"])
def test_a_header_without_its_keys_refuses_the_record(key):
    with pytest.raises(BadRecord):
        decode(changed(**{key: ...}))


@pytest.mark.parametrize("v", [0, -1, "1", None, 1.5])
def test_a_version_that_is_none_refuses_the_record(v):
    with pytest.raises(BadRecord):
        decode(changed(v=v))


@pytest.mark.parametrize("author", ["", "x" * 121, "a\nb", "\u202emara"])
def test_an_author_that_cannot_be_shown_refuses_the_record(author):
    with pytest.raises(BadRecord, match="author"):
        decode(changed(author=author))


def test_an_id_of_another_kind_or_none_refuses_the_record():
    number = made().id.partition("--")[2]
    for wrong in ("claim--" + number, "report-" + number, number, "report--" + number.upper(), "report--" + number + "\n", ""):
        with pytest.raises(InputError):
            decode(changed(id=wrong))
    with pytest.raises(BadRecord, match="another kind"):
        decode(changed(kind="claim"))


@pytest.mark.parametrize("realm", ["", "LIVE", "exercise:", "exercise:A", "replay", "live\n", "live;exercise:a"])
def test_a_realm_that_is_none_refuses_the_record(realm):
    with pytest.raises(BadRealm):
        decode(changed(realm=realm))


@pytest.mark.parametrize("data", [b"", b"{}", b"[]", b"null", b"1", b'"x"', b"{", changed() + b"{}", changed()[:-1], b"\xff" + changed()])
def test_bytes_that_are_no_record_are_refused(data):
    with pytest.raises(BadRecord):
        decode(data)


def test_a_key_that_stands_twice_refuses_the_record():
    for second in (b'"realm": "live"', b'"\\u0072ealm": "exercise:a"'):
        with pytest.raises(BadRecord, match="twice"):
            decode(changed().replace(b"{", b"{" + second + b", ", 1))
    with pytest.raises(BadRecord, match="twice"):
        decode(changed().replace(b'"releasable_to"', b'"caveats": [], "releasable_to": ["ASTER"], "releasable_to"'))


def test_a_record_too_large_or_too_deep_is_refused():
    with pytest.raises(TooLarge):
        decode(changed(body={"text": "x" * 1_100_000}))
    deep = 1
    for _ in range(40):
        deep = [deep]
    with pytest.raises(TooLarge):
        decode(changed(body=deep))


@given(st.data())
def test_one_altered_byte_is_read_or_refused_with_a_typed_error_and_quotes_no_content(data):
    good = encode(made(Report(title="TITLE", text="CONTENT", source="SOURCE")))
    at = data.draw(st.integers(0, len(good) - 1))
    bad = good[:at] + bytes([data.draw(st.integers(0, 255))]) + good[at + 1 :]
    said = ""
    try:
        body_of(decode(bad))
    except InputError as error:
        said = str(error)
    assert "CONTENT" not in said
    assert "\n" not in said


def test_a_header_that_does_not_fit_is_named_by_its_path_alone():
    with pytest.raises(BadRecord) as refusal:
        decode(changed(author=["SECRET"]))
    assert "$.author" in str(refusal.value)
    assert "SECRET" not in str(refusal.value)
    with pytest.raises(BadRecord) as refusal:
        decode(relabelled(**{"SECRET - at ": 1}))
    assert "SECRET" not in str(refusal.value)


def test_only_who_is_among_originators_and_readers_can_say_it():
    for label in (
        Label("p", 0, frozenset({"BIRCH"}), frozenset({"ASTER"})),
        Label("p", 0, frozenset({"ASTER"}), frozenset({"BIRCH"})),
        Label("p", 0, frozenset(), frozenset({"ASTER"})),
    ):
        with pytest.raises(BadLabel):
            made(label=label)
    assert made(label=Label("p", 0, frozenset({"ASTER"}), frozenset())).label.releasable_to == frozenset()


def test_a_record_in_no_realm_cannot_be_made():
    with pytest.raises(BadRealm):
        made(realm="training")


def test_a_record_that_nobody_would_take_cannot_be_made():
    for changes in ({"author": ""}, {"author": "a\nb"}, {"protocol_time": -1}, {"realm_time": LAST + 1}):
        with pytest.raises(BadRecord):
            made(**changes)
    with pytest.raises(BadRecord, match="plain characters"):
        made(label=Label("p", 0, frozenset({"ASTER"}), frozenset({"ASTER", "B, C"})))


def test_records_cannot_be_changed():
    with pytest.raises(AttributeError):
        made().realm = "exercise:a"
    assert isinstance(made(), Record)
    assert msgspec.structs.replace(made(), realm="exercise:a").realm == "exercise:a"
