"""CAP 1.2 alerts: what they say, and as XML.

Facts from the OASIS Common Alerting Protocol 1.2: order and number of elements, code values, the time form
(whole seconds and an offset, UTC written `-00:00`, never `Z`), `lat,lon` polygons and `lat,lon radius` circles in km.

Stricter than the standard where lax alerts have done harm: what is written always expires, after it was sent and
within a week; an exercise names itself in `note`; a restricted scope says the restriction; each language stands
once. What is read may lack the first and last of these, but nothing else that the standard asks for.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

from lxml import etree

from ..core.times import HOUR, SECOND, Micros
from . import cap_rules as rules
from .errors import BadCap, FileTooLarge

NAMESPACE = "urn:oasis:names:tc:emergency:cap:1.2"
MAX_BYTES = 900_000
_NSMAP: Any = {None: NAMESPACE}
_DECLARATION = '<?xml version="1.0" encoding="UTF-8"?>\n'

Point = tuple[float, float]
Pair = tuple[str, str]


@dataclass(frozen=True, kw_only=True, slots=True)
class CapArea:
    """Where: polygons of (latitude, longitude), closed or not; circles of (latitude, longitude, radius in km)."""

    description: str
    polygons: tuple[tuple[Point, ...], ...] = ()
    circles: tuple[tuple[float, float, float], ...] = ()
    geocodes: tuple[Pair, ...] = ()
    altitude_ft: float | None = None
    ceiling_ft: float | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class CapResource:
    """A file that belongs to the alert."""

    description: str
    mime_type: str
    size: int | None = None
    uri: str = ""
    deref_uri: str = ""
    digest: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class CapInfo:
    """What is said, in one language. Times in µs UTC, written in whole seconds."""

    event: str
    urgency: str
    severity: str
    certainty: str
    language: str = "en"
    categories: tuple[str, ...] = ("Security",)
    response_types: tuple[str, ...] = ()
    audience: str = ""
    event_codes: tuple[Pair, ...] = ()
    effective: Micros | None = None
    onset: Micros | None = None
    expires: Micros | None = None
    sender_name: str = ""
    headline: str = ""
    description: str = ""
    instruction: str = ""
    web: str = ""
    contact: str = ""
    parameters: tuple[Pair, ...] = ()
    resources: tuple[CapResource, ...] = ()
    areas: tuple[CapArea, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class CapMessage:
    """An alert. `references` are `sender,identifier,sent` of earlier ones, as `reference` gives them."""

    identifier: str
    sender: str
    sent: Micros
    status: str
    msg_type: str
    scope: str
    source: str = ""
    restriction: str = ""
    addresses: tuple[str, ...] = ()
    codes: tuple[str, ...] = ()
    note: str = ""
    references: tuple[str, ...] = ()
    incidents: tuple[str, ...] = ()
    infos: tuple[CapInfo, ...] = field(default=())


def write(message: CapMessage) -> str:
    """`message` as XML; raises `BadCap`, which names the element that does not fit, or `FileTooLarge`."""
    rules.check(message, written=True)
    alert = etree.Element(f"{{{NAMESPACE}}}alert", nsmap=_NSMAP)
    try:
        _add(
            alert,
            ("identifier", message.identifier),
            ("sender", message.sender),
            ("sent", rules.moment(message.sent)),
            ("status", message.status),
            ("msgType", message.msg_type),
            ("source", message.source),
            ("scope", message.scope),
            ("restriction", message.restriction),
            ("addresses", rules.joined(message.addresses)),
            *(("code", code) for code in message.codes),
            ("note", message.note),
            ("references", " ".join(message.references)),
            ("incidents", rules.joined(message.incidents)),
        )
        for info in message.infos:
            _write_info(_child(alert, "info"), info)
    except ValueError:
        raise BadCap("an alert holds a character that XML has no place for") from None
    text = _DECLARATION + etree.tostring(alert, encoding="unicode", pretty_print=True)
    if (size := len(text.encode())) > MAX_BYTES:
        raise FileTooLarge("an alert", size, MAX_BYTES)
    return text


def read(data: bytes) -> CapMessage:
    """The alert in `data`; raises `BadCap` or `FileTooLarge` for anything else.

    UTF-8 only; a document type, entities and everything outside the document are refused. A signature in it is
    passed over: it proves nothing here.
    """
    if len(data) > MAX_BYTES:
        raise FileTooLarge("an alert", len(data), MAX_BYTES)
    if b"<!DOCTYPE" in data or b"<!ENTITY" in data or b"\0" in data:
        raise BadCap("an alert has a document type, or is not UTF-8: refused")
    parser = etree.XMLParser(
        resolve_entities=False,
        no_network=True,
        load_dtd=False,
        dtd_validation=False,
        huge_tree=False,
        remove_comments=True,
        remove_pis=True,
    )
    try:
        root = etree.fromstring(data, parser)
    except (etree.XMLSyntaxError, ValueError) as error:
        line = getattr(error, "lineno", None)
        raise BadCap(f"an alert is not well-formed XML{f', line {line}' if line else ''}") from None
    document: Any = root.getroottree().docinfo
    if document.doctype or (document.encoding or "UTF-8").upper() not in ("UTF-8", "US-ASCII", "ASCII"):
        raise BadCap("an alert has a document type, or is not UTF-8: refused")
    if root.tag != f"{{{NAMESPACE}}}alert":
        raise BadCap("the document is no CAP 1.2 alert")
    message = _read_alert(rules.Reader(root, rules.ALERT))
    rules.check(message, written=False)
    return message


def reference(message: CapMessage) -> str:
    """How other alerts refer to `message`."""
    return f"{message.sender},{message.identifier},{rules.moment(message.sent)}"


def cancellation_of(message: CapMessage, *, identifier: str, sent: Micros, note: str) -> CapMessage:
    """The alert that takes `message` back, and with it all that `message` itself refers to.

    It says the same event and places in the same languages, that all is clear, and claims nothing else; so a
    reader that looks at no `msgType` is not alarmed by it. An exercise stays marked. Expires with `message`, or an
    hour after `sent` if that is later. Raises `BadCap` if `message` is a cancellation itself.
    """
    if message.msg_type == "Cancel":
        raise BadCap("a cancellation is not cancelled: send a new alert")
    note = note if message.status != "Exercise" or message.note in note else f"{message.note}: {note}"
    infos = tuple(
        replace(
            info,
            response_types=("AllClear",),
            urgency="Past",
            severity="Unknown",
            certainty="Unknown",
            effective=None,
            onset=None,
            expires=max(info.expires or 0, sent + HOUR),
            headline=f"CANCEL: {info.headline or info.event}",
            description=note,
            instruction="",
            resources=(),
        )
        for info in message.infos
    )
    earlier = tuple(dict.fromkeys((*message.references, reference(message))))
    return replace(message, identifier=identifier, sent=sent - sent % SECOND, msg_type="Cancel", note=note, references=earlier, infos=infos)


def _child(parent: etree._Element, name: str) -> etree._Element:
    return etree.SubElement(parent, f"{{{NAMESPACE}}}{name}")


def _add(parent: etree._Element, *pairs: tuple[str, str]) -> None:
    for name, text in pairs:
        if text:
            _child(parent, name).text = text


def _write_info(element: etree._Element, info: CapInfo) -> None:
    _add(
        element,
        ("language", info.language),
        *(("category", category) for category in info.categories),
        ("event", info.event),
        *(("responseType", response) for response in info.response_types),
        ("urgency", info.urgency),
        ("severity", info.severity),
        ("certainty", info.certainty),
        ("audience", info.audience),
    )
    _add_pairs(element, "eventCode", info.event_codes)
    _add(
        element,
        ("effective", rules.moment(info.effective)),
        ("onset", rules.moment(info.onset)),
        ("expires", rules.moment(info.expires)),
        ("senderName", info.sender_name),
        ("headline", info.headline),
        ("description", info.description),
        ("instruction", info.instruction),
        ("web", info.web),
        ("contact", info.contact),
    )
    _add_pairs(element, "parameter", info.parameters)
    for resource in info.resources:
        _add(
            _child(element, "resource"),
            ("resourceDesc", resource.description),
            ("mimeType", resource.mime_type),
            ("size", "" if resource.size is None else str(resource.size)),
            ("uri", resource.uri),
            ("derefUri", resource.deref_uri),
            ("digest", resource.digest),
        )
    for area in info.areas:
        place = _child(element, "area")
        _add(
            place,
            ("areaDesc", area.description),
            *(("polygon", rules.polygon(points)) for points in area.polygons),
            *(("circle", rules.circle(circle)) for circle in area.circles),
        )
        _add_pairs(place, "geocode", area.geocodes)
        _add(place, ("altitude", rules.decimal(area.altitude_ft)), ("ceiling", rules.decimal(area.ceiling_ft)))


def _add_pairs(parent: etree._Element, name: str, pairs: tuple[Pair, ...]) -> None:
    for key, value in pairs:
        _add(_child(parent, name), ("valueName", key), ("value", value))


def _read_alert(alert: rules.Reader) -> CapMessage:
    return CapMessage(
        identifier=alert.text("identifier"),
        sender=alert.text("sender"),
        sent=alert.required_time("sent"),
        status=alert.text("status"),
        msg_type=alert.text("msgType"),
        source=alert.text("source"),
        scope=alert.text("scope"),
        restriction=alert.text("restriction"),
        addresses=rules.split(alert.text("addresses")),
        codes=alert.texts("code"),
        note=alert.text("note"),
        references=tuple(alert.text("references").split()),
        incidents=rules.split(alert.text("incidents")),
        infos=tuple(_read_info(info) for info in alert.children("info", rules.INFO)),
    )


def _read_info(info: rules.Reader) -> CapInfo:
    return CapInfo(
        language=info.text("language") or "en-US",  # the standard's default
        categories=info.texts("category"),
        event=info.text("event"),
        response_types=info.texts("responseType"),
        urgency=info.text("urgency"),
        severity=info.text("severity"),
        certainty=info.text("certainty"),
        audience=info.text("audience"),
        event_codes=info.pairs("eventCode"),
        effective=info.time("effective"),
        onset=info.time("onset"),
        expires=info.time("expires"),
        sender_name=info.text("senderName"),
        headline=info.text("headline"),
        description=info.text("description"),
        instruction=info.text("instruction"),
        web=info.text("web"),
        contact=info.text("contact"),
        parameters=info.pairs("parameter"),
        resources=tuple(_read_resource(resource) for resource in info.children("resource", rules.RESOURCE)),
        areas=tuple(_read_area(area) for area in info.children("area", rules.AREA)),
    )


def _read_resource(resource: rules.Reader) -> CapResource:
    return CapResource(
        description=resource.text("resourceDesc"),
        mime_type=resource.text("mimeType"),
        size=resource.whole("size"),
        uri=resource.text("uri"),
        deref_uri=resource.text("derefUri"),
        digest=resource.text("digest"),
    )


def _read_area(area: rules.Reader) -> CapArea:
    return CapArea(
        description=area.text("areaDesc"),
        polygons=tuple(rules.read_polygon(text) for text in area.texts("polygon")),
        circles=tuple(rules.read_circle(text) for text in area.texts("circle")),
        geocodes=area.pairs("geocode"),
        altitude_ft=area.number("altitude"),
        ceiling_ft=area.number("ceiling"),
    )
