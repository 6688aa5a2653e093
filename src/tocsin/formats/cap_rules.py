"""What CAP 1.2 asks of an alert: elements in order, code values, forms of times and places; read by `cap`."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final, NamedTuple

from ..core.times import DAY, SECOND, Micros
from .errors import BadCap

if TYPE_CHECKING:
    from lxml import etree

    from .cap import CapArea, CapInfo, CapMessage

LONGEST_LIFE: Final = 7 * DAY
MANY: Final = 100_000  # no limit of the standard's; the bytes are capped


class Slot(NamedTuple):
    """One element in a sequence, and how often it stands there."""

    name: str
    least: int
    most: int


def _slots(text: str) -> tuple[Slot, ...]:
    bounds = {"": (1, 1), "?": (0, 1), "*": (0, MANY), "+": (1, MANY)}
    return tuple(Slot(word.rstrip("?*+"), *bounds[word[len(word.rstrip("?*+")) :]]) for word in text.split())


ALERT = _slots("identifier sender sent status msgType source? scope restriction? addresses? code* note? references? incidents? info*")
INFO = _slots(
    "language? category+ event responseType* urgency severity certainty audience? eventCode* effective? onset? expires? "
    "senderName? headline? description? instruction? web? contact? parameter* resource* area*"
)
RESOURCE = _slots("resourceDesc mimeType size? uri? derefUri? digest?")
AREA = _slots("areaDesc polygon* circle* geocode* altitude? ceiling?")
_PAIR = _slots("valueName value")

CODES: Final[dict[str, frozenset[str]]] = {
    "status": frozenset({"Actual", "Exercise", "System", "Test", "Draft"}),
    "msgType": frozenset({"Alert", "Update", "Cancel", "Ack", "Error"}),
    "scope": frozenset({"Public", "Restricted", "Private"}),
    "category": frozenset(["Geo", "Met", "Safety", "Security", "Rescue", "Fire", "Health", "Env", "Transport", "Infra", "CBRNE", "Other"]),
    "responseType": frozenset(["Shelter", "Evacuate", "Prepare", "Execute", "Avoid", "Monitor", "Assess", "AllClear", "None"]),
    "urgency": frozenset({"Immediate", "Expected", "Future", "Past", "Unknown"}),
    "severity": frozenset({"Extreme", "Severe", "Moderate", "Minor", "Unknown"}),
    "certainty": frozenset({"Observed", "Likely", "Possible", "Unlikely", "Unknown"}),
}
_NAME = re.compile(r"[^\s,<&\x00-\x1f\x7f]{1,250}")
_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d[+-]\d\d:\d\d", re.ASCII)
_LANGUAGE = re.compile(r"[A-Za-z]{1,8}(?:-[A-Za-z0-9]{1,8})*")
_DECIMAL = re.compile(r"[+-]?(?:\d{1,9}(?:\.\d{0,15})?|\.\d{1,15})", re.ASCII)
_WORD = re.compile(r'"([^"]*)"|(\S+)')
_SIGNATURE = "{http://www.w3.org/2000/09/xmldsig#}Signature"


def check(message: CapMessage, *, written: bool) -> None:
    """Refuse, with `BadCap`, what the standard does not allow; for what we write ourselves also what is unwise."""
    for what, value in (("identifier", message.identifier), ("sender", message.sender)):
        if not _NAME.fullmatch(value):
            raise BadCap(f"an alert's {what} is empty, too long, or holds a space, comma, < or &")
    for what, value in (("status", message.status), ("msgType", message.msg_type), ("scope", message.scope)):
        _coded(what, value)
    for text in message.references:
        sender, _, rest = text.partition(",")
        identifier, _, sent = rest.partition(",")
        if not (_NAME.fullmatch(sender) and _NAME.fullmatch(identifier) and _TIME.fullmatch(sent)):
            raise BadCap("an alert's references are not sender,identifier,sent")
    if message.msg_type != "Alert" and not message.references:
        raise BadCap(f"an alert of msgType {message.msg_type} needs references to those it speaks of")
    if message.scope == "Restricted" and not message.restriction:
        raise BadCap("an alert of scope Restricted needs its restriction")
    if message.scope == "Private" and not message.addresses:
        raise BadCap("an alert of scope Private needs addresses")
    if any('"' in word for word in (*message.addresses, *message.incidents)):
        raise BadCap("an alert's addresses or incidents hold a quotation mark")
    for info in message.infos:
        _check_info(info, message.sent)
    if written:
        _check_written(message)


def _check_written(message: CapMessage) -> None:
    if message.status == "Exercise" and not message.note.strip():
        raise BadCap("an exercise's alert names the exercise in note")
    if message.restriction and message.scope != "Restricted":
        raise BadCap("an alert with a restriction has scope Restricted")
    if message.msg_type in ("Alert", "Update") and not message.infos:
        raise BadCap("an alert says nothing: it needs an info")
    languages = [info.language.lower() for info in message.infos]
    if len(set(languages)) != len(languages):
        raise BadCap("an alert has two infos in one language")
    for info in message.infos:
        if info.expires is None:
            raise BadCap("an alert's info needs expires")
        if info.expires - message.sent > LONGEST_LIFE:
            raise BadCap(f"an alert's info expires more than {LONGEST_LIFE // DAY} days after it is sent")
    if message.msg_type == "Error" and not message.note:
        raise BadCap("an alert of msgType Error says in note what was wrong")


def _check_info(info: CapInfo, sent: Micros) -> None:
    if not _LANGUAGE.fullmatch(info.language):
        raise BadCap("an info's language is no language tag")
    if not info.categories or not info.event.strip():
        raise BadCap("an info needs a category and an event")
    for category in info.categories:
        _coded("category", category)
    for response in info.response_types:
        _coded("responseType", response)
    for what, value in (("urgency", info.urgency), ("severity", info.severity), ("certainty", info.certainty)):
        _coded(what, value)
    if info.expires is not None and info.expires // SECOND <= sent // SECOND:
        raise BadCap("an info expires before, or when, the alert is sent")
    for key, value in (*info.event_codes, *info.parameters):
        if not key or not value:
            raise BadCap("an eventCode or parameter lacks its valueName or value")
    for resource in info.resources:
        if not resource.description or not resource.mime_type:
            raise BadCap("a resource needs resourceDesc and mimeType")
    for area in info.areas:
        _check_area(area)


def _check_area(area: CapArea) -> None:
    if not area.description:
        raise BadCap("an area needs areaDesc")
    if area.ceiling_ft is not None and (area.altitude_ft is None or area.ceiling_ft < area.altitude_ft):
        raise BadCap("an area's ceiling needs an altitude that is not above it")
    if any(value is not None and not abs(value) < 1e6 for value in (area.altitude_ft, area.ceiling_ft)):
        raise BadCap("an area's altitude or ceiling is out of range")
    for points in area.polygons:
        polygon(points)
    for ring in area.circles:
        circle(ring)
    if any(not key or not value for key, value in area.geocodes):
        raise BadCap("a geocode lacks its valueName or value")


def _coded(what: str, value: str) -> None:
    if value not in CODES[what]:
        raise BadCap(f"an alert's {what} is none of {', '.join(sorted(CODES[what]))}")


def moment(time: Micros | None) -> str:
    """`time` as CAP writes it, in whole seconds; empty for None. UTC is `-00:00` (CAP 1.2, 3.3.2)."""
    if time is None:
        return ""
    try:
        return (datetime(1970, 1, 1) + timedelta(seconds=time // SECOND)).isoformat() + "-00:00"
    except OverflowError:
        raise BadCap("an alert's time lies outside the calendar") from None


def read_moment(text: str, what: str) -> Micros:
    """µs UTC of a CAP time; raises `BadCap` for any other form, `Z` and fractions among them."""
    if not _TIME.fullmatch(text):
        raise BadCap(f"an alert's {what} is not of the form YYYY-MM-DDThh:mm:ss+hh:mm")
    try:
        return round((datetime.fromisoformat(text) - datetime(1970, 1, 1, tzinfo=UTC)).total_seconds()) * SECOND
    except (ValueError, OverflowError):
        raise BadCap(f"an alert's {what} is no time") from None


def polygon(points: tuple[tuple[float, float], ...]) -> str:
    """`points` as CAP writes them, closed if they were not; raises `BadCap` for fewer than three corners."""
    ring = points if points and points[0] == points[-1] else (*points, *points[:1])
    if len(ring) < 4:
        raise BadCap("a polygon needs at least four pairs, the last the same as the first")
    for latitude, longitude in ring:
        _on_earth(latitude, longitude)
    return " ".join(f"{decimal(latitude)},{decimal(longitude)}" for latitude, longitude in ring)


def read_polygon(text: str) -> tuple[tuple[float, float], ...]:
    """The pairs in `text`; raises `BadCap` if they are fewer than four, open, or nowhere."""
    points = tuple(_pair(word) for word in text.split())
    if len(points) < 4 or points[0] != points[-1]:
        raise BadCap("a polygon has fewer than four pairs, or is not closed")
    return points


def circle(ring: tuple[float, float, float]) -> str:
    """(latitude, longitude, radius in km) as CAP writes it."""
    latitude, longitude, radius = ring
    _on_earth(latitude, longitude)
    if not 0 <= radius <= 20_040:  # half the equator's length
        raise BadCap("a circle's radius is out of range")
    return f"{decimal(latitude)},{decimal(longitude)} {decimal(radius)}"


def read_circle(text: str) -> tuple[float, float, float]:
    """(latitude, longitude, radius in km) of `text`."""
    words = text.split()
    if len(words) != 2:
        raise BadCap("a circle is not of the form lat,lon radius")
    return (*_pair(words[0]), _number(words[1], "circle"))


def decimal(value: float | None) -> str:
    """`value` without exponent, to six places; empty for None."""
    if value is None:
        return ""
    text = f"{value:.6f}".rstrip("0").rstrip(".")
    return "0" if text == "-0" else text


def joined(words: tuple[str, ...]) -> str:
    """A list as CAP writes it: words with spaces in quotation marks."""
    return " ".join(f'"{word}"' if re.search(r"\s", word) or not word else word for word in words)


def split(text: str) -> tuple[str, ...]:
    """The words of such a list."""
    return tuple(found[1] if found[1] is not None else found[2] for found in _WORD.finditer(text))


def _pair(word: str) -> tuple[float, float]:
    latitude, comma, longitude = word.partition(",")
    point = (_number(latitude, "place"), _number(longitude, "place")) if comma else (91.0, 0.0)
    _on_earth(*point)
    return point


def _on_earth(latitude: float, longitude: float) -> None:
    if not (-90 <= latitude <= 90 and -180 <= longitude <= 180):
        raise BadCap("a place is not a latitude and longitude on Earth")


def _number(text: str, what: str) -> float:
    if not _DECIMAL.fullmatch(text):
        raise BadCap(f"a {what} holds something that is no decimal number")
    return float(text)


class Reader:
    """The children of one element, checked for order and number before anything is taken from them."""

    def __init__(self, element: etree._Element, slots: tuple[Slot, ...]) -> None:
        namespace = element.tag[: element.tag.index("}") + 1]
        places = {namespace + slot.name: index for index, slot in enumerate(slots)}
        self._found: dict[str, list[etree._Element]] = {slot.name: [] for slot in slots}
        self._name = element.tag.rpartition("}")[2]
        if _stray(element):
            raise BadCap(f"{self._name} holds text between its elements")
        last = 0
        for child in element:
            if child.tag == _SIGNATURE and self._name == "alert":
                continue
            index = places.get(child.tag)
            if index is None or index < last:
                raise BadCap(f"{self._name} holds an element that is unknown, or out of order, line {child.sourceline}")
            last = index
            self._found[slots[index].name].append(child)
        for slot in slots:
            if not slot.least <= len(self._found[slot.name]) <= slot.most:
                raise BadCap(f"{self._name} has {len(self._found[slot.name])} times {slot.name}")

    def texts(self, name: str) -> tuple[str, ...]:
        """The text of each element of that name."""
        for element in self._found[name]:
            if len(element):
                raise BadCap(f"{name} holds elements where text is needed, line {element.sourceline}")
        return tuple((element.text or "").strip() for element in self._found[name])

    def text(self, name: str) -> str:
        """The text of the element of that name, empty if there is none."""
        return next(iter(self.texts(name)), "")

    def time(self, name: str) -> Micros | None:
        """The time that it says, None if it is not there."""
        return read_moment(self.text(name), name) if self._found[name] else None

    def required_time(self, name: str) -> Micros:
        """The time that it says."""
        return read_moment(self.text(name), name)

    def number(self, name: str) -> float | None:
        """The number that it says, None if it is not there."""
        return _number(self.text(name), name) if self._found[name] else None

    def whole(self, name: str) -> int | None:
        """The whole number that it says, None if it is not there."""
        text = self.text(name)
        if text and not re.fullmatch(r"[0-9]{1,15}", text):
            raise BadCap(f"{name} is no whole number")
        return int(text) if text else None

    def children(self, name: str, slots: tuple[Slot, ...]) -> list[Reader]:
        """Readers of the elements of that name."""
        return [Reader(element, slots) for element in self._found[name]]

    def pairs(self, name: str) -> tuple[tuple[str, str], ...]:
        """(valueName, value) of each element of that name."""
        return tuple((pair.text("valueName"), pair.text("value")) for pair in self.children(name, _PAIR))


def _stray(element: etree._Element) -> bool:
    return any((text or "").strip() for text in (element.text, *(child.tail for child in element)))
