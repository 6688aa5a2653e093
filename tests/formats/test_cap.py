"""Alerts are CAP 1.2 by a schema written apart from the code, say what was meant, and hostile ones are refused."""

import dataclasses
import re
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lxml import etree

from tocsin.core import parse_iso
from tocsin.core.times import DAY, HOUR
from tocsin.formats import BadCap, FileTooLarge
from tocsin.formats.cap import MAX_BYTES, CapArea, CapInfo, CapMessage, CapResource, cancellation_of, read, reference, write

SENT = parse_iso("2026-11-22T03:11:42Z")


def sequence(text):
    """A sequence of elements as XML schema: `name:type` with ?, * or + for how often."""
    often = {"": "", "?": ' minOccurs="0"', "*": ' minOccurs="0" maxOccurs="unbounded"', "+": ' maxOccurs="unbounded"'}
    elements = []
    for word in text.split():
        name, kind, count = re.fullmatch(r"(\w+):([\w:]+)([?*+]?)", word).groups()
        elements.append(f'<xs:element name="{name}" type="{kind}"{often[count]}/>')
    return f"<xs:sequence>{''.join(elements)}</xs:sequence>"


def complex_type(name, text):
    return f'<xs:complexType name="{name}">{sequence(text)}</xs:complexType>'


def choice(name, words):
    values = "".join(f'<xs:enumeration value="{word}"/>' for word in words.split())
    return f'<xs:simpleType name="{name}"><xs:restriction base="xs:string">{values}</xs:restriction></xs:simpleType>'


def form(name, base, pattern):
    return f'<xs:simpleType name="{name}"><xs:restriction base="{base}"><xs:pattern value="{pattern}"/></xs:restriction></xs:simpleType>'


# From the tables of the standard (CAP 1.2, 3.2), not from our code.
SCHEMA = etree.XMLSchema(
    etree.fromstring(
        '<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema" xmlns="urn:oasis:names:tc:emergency:cap:1.2" '
        'targetNamespace="urn:oasis:names:tc:emergency:cap:1.2" elementFormDefault="qualified">'
        + form("When", "xs:dateTime", r"\d\d\d\d-\d\d-\d\dT\d\d:\d\d:\d\d[-+]\d\d:\d\d")
        + form("Name", "xs:string", r"[^\s,&lt;&amp;]+")
        + form("Polygon", "xs:string", r"-?\d+(\.\d+)?,-?\d+(\.\d+)?( -?\d+(\.\d+)?,-?\d+(\.\d+)?){3,}")
        + form("Circle", "xs:string", r"-?\d+(\.\d+)?,-?\d+(\.\d+)? \d+(\.\d+)?")
        + form("Earlier", "xs:string", r"[^\s,]+,[^\s,]+,[^\s,]+( [^\s,]+,[^\s,]+,[^\s,]+)*")
        + form("Word", "xs:string", r"[\s\S]*\S[\s\S]*")
        + choice("Status", "Actual Exercise System Test Draft")
        + choice("MsgType", "Alert Update Cancel Ack Error")
        + choice("Scope", "Public Restricted Private")
        + choice("Category", "Geo Met Safety Security Rescue Fire Health Env Transport Infra CBRNE Other")
        + choice("Response", "Shelter Evacuate Prepare Execute Avoid Monitor Assess AllClear None")
        + choice("Urgency", "Immediate Expected Future Past Unknown")
        + choice("Severity", "Extreme Severe Moderate Minor Unknown")
        + choice("Certainty", "Observed Likely Possible Unlikely Unknown")
        + complex_type("Pair", "valueName:Word value:Word")
        + complex_type("Area", "areaDesc:Word polygon:Polygon* circle:Circle* geocode:Pair* altitude:xs:decimal? ceiling:xs:decimal?")
        + complex_type("Resource", "resourceDesc:Word mimeType:Word size:xs:integer? uri:xs:anyURI? derefUri:Word? digest:Word?")
        + complex_type(
            "Info",
            "language:xs:language? category:Category+ event:Word responseType:Response* urgency:Urgency severity:Severity "
            "certainty:Certainty audience:Word? eventCode:Pair* effective:When? onset:When? expires:When? "
            "senderName:Word? headline:Word? description:Word? "
            "instruction:Word? web:xs:anyURI? contact:Word? parameter:Pair* resource:Resource* area:Area*",
        )
        + '<xs:element name="alert"><xs:complexType>'
        + sequence(
            "identifier:Name sender:Name sent:When status:Status msgType:MsgType source:Word? scope:Scope restriction:Word? "
            "addresses:Word? code:Word* note:Word? references:Earlier? incidents:Word? info:Info*"
        )
        + "</xs:complexType></xs:element></xs:schema>"
    )
)


def area(**changes):
    usual = {"description": "The strait", "polygons": (((24.5, 119.25), (25, 120), (24, 121.125), (24.5, 119.25)),)}
    return CapArea(**{**usual, **changes})


def info(**changes):
    usual = {
        "event": "Airborne rapid deployment",
        "urgency": "Expected",
        "severity": "Severe",
        "certainty": "Possible",
        "expires": SENT + 2 * HOUR,
        "headline": "Twelve transports toward the line",
        "description": "About four times likelier than yesterday.",
        "parameters": (("tocsin:level", "high"),),
        "areas": (area(),),
    }
    return CapInfo(**{**usual, **changes})


def message(**changes):
    usual = {
        "identifier": "warning--1.v2",
        "sender": "aster.example",
        "sent": SENT,
        "status": "Actual",
        "msg_type": "Alert",
        "scope": "Restricted",
        "restriction": "REL TO ASTER, BIRCH",
        "infos": (info(), info(language="zh-Hant", event="空降", headline="十二架運輸機")),
    }
    return CapMessage(**{**usual, **changes})


FULL = message(
    msg_type="Update",
    scope="Private",
    restriction="",
    source="tocsin",
    addresses=("birch.example", "watch floor"),
    codes=("one", "two"),
    note="see the first",
    references=("aster.example,warning--1.v1,2026-11-22T02:00:00-00:00", "birch.example,b-9,2026-11-22T09:00:00+08:00"),
    incidents=("incident 1", "incident2"),
    infos=(
        info(
            categories=("Security", "Transport"),
            response_types=("Monitor", "Prepare"),
            audience="watch officers",
            event_codes=(("EVT", "ARD"),),
            effective=SENT,
            onset=SENT + HOUR,
            sender_name="ASTER watch",
            instruction="Acknowledge.",
            web="https://aster.example/w/1",
            contact="duty desk",
            resources=(CapResource(description="map", mime_type="image/png", size=512, uri="map.png", digest="ab12"),),
            areas=(area(circles=((24.25, 120.5, 12.5),), geocodes=(("X", "1"),), altitude_ft=1000.0, ceiling_ft=24000.5), area()),
        ),
    ),
)
EVERY = [
    message(),
    FULL,
    message(status="Exercise", note="exercise:night-1"),
    message(scope="Public", restriction=""),
    message(status="Test"),
]


@pytest.mark.parametrize("alert", EVERY)
def test_what_is_written_fits_the_schema_and_reads_back_the_same(alert):
    text = write(alert)
    SCHEMA.assertValid(etree.fromstring(text.encode()))
    assert read(text.encode()) == alert


def test_the_schema_of_these_tests_can_refuse():
    text = write(message())
    for old, new in (("<msgType>Alert</msgType>", ""), ("-00:00", "Z"), ("Severe", "Dire"), ("<event>", "<category>Met</category><event>")):
        assert SCHEMA.validate(etree.fromstring(text.replace(old, new).encode())) == (old == "<event>")
    turned = text.replace("<status>Actual</status>", "").replace("<scope>", "<status>Actual</status><scope>")
    assert not SCHEMA.validate(etree.fromstring(turned.encode()))


def test_times_are_whole_seconds_with_an_offset_and_never_z():
    text = write(message(sent=SENT + 999_999))
    assert "<sent>2026-11-22T03:11:42-00:00</sent>" in text
    assert not re.search(r"\d\.\d+[-+]|\dZ<", text)
    assert read(text.encode()).sent == SENT


def test_times_of_any_offset_are_read():
    text = write(message()).replace("2026-11-22T03:11:42-00:00", "2026-11-22T11:11:42+08:00")
    assert read(text.encode()).sent == SENT


@pytest.mark.parametrize(
    "moment",
    [
        "2026-11-22T03:11:42Z",
        "2026-11-22T03:11:42.5-00:00",
        "2026-11-22T03:11:42",
        "2026-11-22",
        "",
        "2026-02-30T03:11:42-00:00",
        "２026-11-22T03:11:42-00:00",
    ],
)
def test_times_of_any_other_form_are_refused(moment):
    text = write(message()).replace("2026-11-22T03:11:42-00:00", moment)
    with pytest.raises(BadCap):
        read(text.encode())


def test_there_is_one_info_for_each_language():
    assert [part.language for part in read(write(message()).encode()).infos] == ["en", "zh-Hant"]
    with pytest.raises(BadCap, match="two infos in one language"):
        write(message(infos=(info(), info(language="EN"))))


def test_an_open_polygon_is_closed_when_written():
    text = write(message(infos=(info(areas=(area(polygons=(((1, 2), (3, 4), (5, 6)),)),)),)))
    assert "<polygon>1,2 3,4 5,6 1,2</polygon>" in text


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"identifier": ""}, "identifier"),
        ({"identifier": "a b"}, "identifier"),
        ({"identifier": "a,b"}, "identifier"),
        ({"identifier": "a<b"}, "identifier"),
        ({"sender": "a&b"}, "sender"),
        ({"sender": "a\nb"}, "sender"),
        ({"status": "Real"}, "status"),
        ({"msg_type": "Warn"}, "msgType"),
        ({"scope": "Secret"}, "scope"),
        ({"status": "Exercise"}, "names the exercise in note"),
        ({"restriction": ""}, "restriction"),
        ({"scope": "Public"}, "scope Restricted"),
        ({"scope": "Private", "restriction": ""}, "addresses"),
        ({"msg_type": "Update"}, "references"),
        ({"msg_type": "Cancel"}, "references"),
        ({"msg_type": "Ack"}, "references"),
        ({"msg_type": "Error"}, "references"),
        ({"msg_type": "Update", "references": ("x",)}, "sender,identifier,sent"),
        ({"msg_type": "Update", "references": ("a,b,2026-11-22T03:11:42Z",)}, "sender,identifier,sent"),
        ({"infos": ()}, "info"),
        ({"infos": (info(expires=None),)}, "expires"),
        ({"infos": (info(expires=SENT),)}, "expires"),
        ({"infos": (info(expires=SENT - HOUR),)}, "expires"),
        ({"infos": (info(expires=SENT + 8 * DAY),)}, "7 days"),
        ({"infos": (info(event=" "),)}, "event"),
        ({"infos": (info(categories=()),)}, "category"),
        ({"infos": (info(categories=("War",)),)}, "category"),
        ({"infos": (info(urgency="Now"),)}, "urgency"),
        ({"infos": (info(severity=""),)}, "severity"),
        ({"infos": (info(certainty="Sure"),)}, "certainty"),
        ({"infos": (info(response_types=("Attack",)),)}, "responseType"),
        ({"infos": (info(language="en us"),)}, "language"),
        ({"infos": (info(parameters=(("", "x"),)),)}, "valueName"),
        ({"infos": (info(headline="bell\x07"),)}, "character"),
        ({"infos": (info(areas=(area(description=""),)),)}, "areaDesc"),
        ({"infos": (info(areas=(area(polygons=(((1, 2), (3, 4)),)),)),)}, "four pairs"),
        ({"infos": (info(areas=(area(polygons=(((1, 2), (3, 4), (91, 6)),)),)),)}, "on Earth"),
        ({"infos": (info(areas=(area(circles=((1, 181, 5),)),)),)}, "on Earth"),
        ({"infos": (info(areas=(area(circles=((1, 2, -5),)),)),)}, "radius"),
        ({"infos": (info(areas=(area(circles=((1, 2, float("nan")),)),)),)}, "radius"),
        ({"infos": (info(areas=(area(polygons=(((float("nan"), 2), (3, 4), (5, 6)),)),)),)}, "on Earth"),
        ({"infos": (info(areas=(area(ceiling_ft=100.0),)),)}, "ceiling"),
        ({"infos": (info(resources=(CapResource(description="", mime_type="x"),)),)}, "resourceDesc"),
        ({"sent": 10**20, "infos": (info(expires=10**20 + HOUR),)}, "calendar"),
    ],
)
def test_what_would_mislead_is_not_written(changes, says):
    with pytest.raises(BadCap, match=says):
        write(message(**changes))


def test_an_alert_past_the_cap_is_not_written():
    with pytest.raises(FileTooLarge):
        write(message(infos=(info(description="x" * MAX_BYTES),)))


def test_a_cancellation_takes_back_the_alert_and_all_that_it_updated():
    first = message()
    update = message(identifier="warning--1.v3", msg_type="Update", references=(reference(first),), sent=SENT + HOUR)
    cancel = cancellation_of(update, identifier="warning--1.c", sent=SENT + HOUR + 500_000, note="Routine after all.")
    text = write(cancel)
    SCHEMA.assertValid(etree.fromstring(text.encode()))
    arrived = read(text.encode())
    assert arrived.msg_type == "Cancel"
    assert arrived.references == (reference(first), reference(update))
    assert (arrived.sender, arrived.scope, arrived.restriction) == (first.sender, first.scope, first.restriction)
    assert [(part.language, part.event, part.areas) for part in arrived.infos] == [(p.language, p.event, p.areas) for p in first.infos]
    assert {(part.urgency, part.severity, part.certainty, part.response_types) for part in arrived.infos} == {
        ("Past", "Unknown", "Unknown", ("AllClear",))
    }
    assert all(part.headline.startswith("CANCEL: ") for part in arrived.infos)
    assert all(part.expires > arrived.sent for part in arrived.infos)


def test_a_cancellation_lives_even_when_the_alert_is_long_over():
    late = cancellation_of(message(), identifier="c", sent=SENT + 30 * DAY, note="late")
    assert read(write(late).encode()).infos[0].expires == SENT + 30 * DAY + HOUR


def test_an_exercise_s_cancellation_is_an_exercise_too():
    drill = message(status="Exercise", note="exercise:night-1")
    assert cancellation_of(drill, identifier="c", sent=SENT + 1_000_000, note="over").note == "exercise:night-1: over"
    assert cancellation_of(drill, identifier="c", sent=SENT + 1_000_000, note="exercise:night-1 over").note == "exercise:night-1 over"


def test_a_cancellation_is_not_cancelled():
    cancel = cancellation_of(message(), identifier="c", sent=SENT + 1_000_000, note="over")
    with pytest.raises(BadCap):
        cancellation_of(cancel, identifier="d", sent=SENT + 2_000_000, note="no")


LAUGHS = b'<!DOCTYPE alert [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">]>'


@pytest.mark.parametrize(
    "hostile",
    [
        b"",
        b"not xml",
        b"<alert/>",
        b'<alert xmlns="urn:oasis:names:tc:emergency:cap:1.1"/>',
        b'<alert xmlns="urn:oasis:names:tc:emergency:cap:1.2"/>',
        b'<?xml version="1.0"?>' + LAUGHS + b'<alert xmlns="urn:oasis:names:tc:emergency:cap:1.2">&b;</alert>',
        b'<!DOCTYPE alert SYSTEM "file:///etc/passwd"><alert xmlns="urn:oasis:names:tc:emergency:cap:1.2"/>',
        b'<alert xmlns="urn:oasis:names:tc:emergency:cap:1.2"><identifier>&undefined;</identifier></alert>',
        b'<alert xmlns="urn:oasis:names:tc:emergency:cap:1.2">' + b"<info>" * 5_000,
        '<?xml version="1.0" encoding="UTF-16"?><alert xmlns="urn:oasis:names:tc:emergency:cap:1.2"/>'.encode("utf-16"),
        b'<?xml version="1.0" encoding="ISO-8859-1"?><alert xmlns="urn:oasis:names:tc:emergency:cap:1.2"/>',
        b'<?xml version="1.0" encoding="UTF-7"?>+ADw-+ACE-DOCTYPE alert+AD4-<alert/>',
        b"\xff\xfe\x00",
    ],
)
def test_hostile_documents_are_refused_in_one_line(hostile):
    begin = time.perf_counter()
    with pytest.raises(BadCap) as caught:
        read(hostile)
    assert str(caught.value).isprintable()
    assert time.perf_counter() - begin < 2


def test_a_document_past_the_cap_is_not_even_parsed():
    with pytest.raises(FileTooLarge):
        read(b"<" * (MAX_BYTES + 1))


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("<status>Actual</status>", ""),
        ("<status>Actual</status>", "<status>Actual</status><status>Test</status>"),
        ("<scope>", "<colour>red</colour><scope>"),
        ("<scope>", '<scope xmlns="urn:other">Public</scope><scope>'),
        ("<scope>", "stray<scope>"),
        ("<event>", "<event><b/>"),
        ("<language>en</language>", "<urgency>Past</urgency>"),
        ("24.5,119.25</polygon>", "1,1</polygon>"),
        ("<polygon>24.5,119.25 ", "<polygon>24.5 "),
        ("<polygon>24.5,119.25 ", "<polygon>1e2,5 "),
        ("<urgency>Expected</urgency>", "<urgency>expected</urgency>"),
        ("<restriction>REL TO ASTER, BIRCH</restriction>", ""),
        ("<expires>2026-11-22T05:11:42-00:00</expires>", "<expires>2026-11-22T03:11:42-00:00</expires>"),
    ],
)
def test_a_document_that_breaks_the_standard_is_refused(old, new):
    text = write(message())
    assert old in text
    with pytest.raises(BadCap):
        read(text.replace(old, new).encode())


def test_what_others_leave_out_by_right_is_not_asked_of_them():
    text = write(message(status="Exercise", note="x"))
    text = re.sub(r"<note>.*</note>|<expires>.*</expires>|<language>.*</language>", "", text)
    SCHEMA.assertValid(etree.fromstring(text.encode()))
    arrived = read(text.encode())
    assert {part.language for part in arrived.infos} == {"en-US"}
    assert {part.expires for part in arrived.infos} == {None}


def test_comments_prefixes_and_a_signature_change_nothing():
    text = write(message())
    signature = '<Signature xmlns="http://www.w3.org/2000/09/xmldsig#"><SignedInfo/></Signature></alert>'
    dressed = text.replace("Actual", "Act<!-- hidden -->ual").replace("</alert>", signature).replace("<scope>", "<?php echo ?><scope>")
    assert read(dressed.encode()) == message()
    prefixed = re.sub(r"<(/?)(\w)", r"<\1cap:\2", text.split("\n", 1)[1]).replace("xmlns=", "xmlns:cap=")
    assert read(prefixed.encode()) == message()


@settings(max_examples=150, deadline=None, derandomize=True)
@given(
    st.lists(
        st.tuples(
            st.floats(0, 1), st.sampled_from([b"", b"<", b">", b"&", b'"', b"\x00", b"\xff", b"<info>", b"</info>", b"<!DOCTYPE x>", b"0"])
        ),
        min_size=1,
        max_size=3,
    )
)
def test_an_altered_document_is_read_or_refused(edits):
    data = bytearray(write(FULL).encode())
    for place, piece in edits:
        at = int(place * len(data))
        data[at : at + 1] = piece
    try:
        arrived = read(bytes(data))
    except (BadCap, FileTooLarge) as error:
        says = str(error)
    else:
        says = " "
        assert isinstance(arrived, CapMessage)
    assert says.isprintable()


@settings(max_examples=60, deadline=None, derandomize=True)
@given(st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"], exclude_characters="\ufffe\uffff"), min_size=1, max_size=60))
def test_any_text_survives(text):
    alert = message(infos=(info(headline="x" + text + "x", parameters=(("k" + text + "k", "v" + text + "v"),)),))
    assert read(write(alert).encode()) == alert


def test_messages_are_values():
    with pytest.raises(dataclasses.FrozenInstanceError):
        message().status = "Actual"
