"""What partners want of what they may have: subscriptions narrow what is sent, and never widen it.

Warnings, recalls, requests and all else that is said to somebody always go; reports, claims, findings and
observations are what a subscription can leave out. What does not say where or of what it is fits any.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

import numpy as np
import shapely as _shapely

from tocsin.core import InputError, Subscription, body_of, encode

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from tocsin.core import Observations, Record
    from tocsin.journal import Journal, Kept

shapely: Any = _shapely  # it says nothing of its types
NARROWED = frozenset({"report", "claim", "finding"})
OBSERVATION = "observation"
SUBSCRIPTION = "subscription"
MOST = 32  # subscriptions of one holder
MOST_POINTS = 200
Area = tuple[tuple[float, float], ...]


class Wants:
    """Every partner's subscriptions in force."""

    def __init__(self, journal: Journal, me: str) -> None:
        self._me = me
        self.version = 0  # another number after each subscription
        self._held: dict[str, dict[str, Record]] = {}
        self._bodies: dict[str, tuple[Subscription, ...]] = {}
        for realm in journal.realms():
            after = -1
            while page := journal.records(realm, kind=SUBSCRIPTION, after=after):
                self.take(page)
                after = page[-1].index

    def take(self, kept: Iterable[Kept]) -> bool:
        """Take in records that were just kept; whether a subscription of a partner's was among them."""
        changed = False
        for one in kept:
            record = one.record
            if record.kind != SUBSCRIPTION or record.origin == self._me or not isinstance(body := body_of(record), Subscription):
                continue
            held = self._held.setdefault(record.origin, {})
            if body.state == "ended":
                held.pop(body.name, None)
            elif is_sound(body) and (body.name in held or len(held) < MOST):
                held[body.name] = record
            self._bodies[record.origin] = tuple(body for found in held.values() if isinstance(body := body_of(found), Subscription))
            changed = True
            self.version += 1
        return changed

    def of(self, partner: str) -> tuple[Subscription, ...]:
        """A partner's subscriptions; none means that it wants everything."""
        return self._bodies.get(partner, ())

    def digest(self, partner: str) -> bytes:
        """What a partner wants, as 32 bytes: the same as long as nothing changed."""
        held = self._held.get(partner, {})
        return hashlib.sha256(b"".join(hashlib.sha256(encode(held[name])).digest() for name in sorted(held))).digest()

    def wants(self, partner: str, record: Record) -> bool:
        """Whether a partner wants `record`, of those kinds that can be left out."""
        if record.kind not in NARROWED or not (held := self._bodies.get(partner)):
            return True
        return any(fits(one, record.kind, body_of(record)) for one in held)

    def rows(self, partner: str, batch: Observations) -> np.ndarray | None:
        """Which of a batch's observations a partner wants, as a mask; None for all of them."""
        held = self._bodies.get(partner)
        if not held:
            return None
        found = np.zeros(len(batch), bool)
        for one in held:
            if one.kinds and OBSERVATION not in one.kinds:
                continue
            if not one.area:
                return None
            found |= inside(one.area, batch["latitude"], batch["longitude"])
        return None if found.all() else found


def fits(one: Subscription, kind: str, body: Any) -> bool:
    """Whether a record of `kind` that says `body` is what a subscription asks for."""
    if one.kinds and kind not in one.kinds:
        return False
    for wanted, name in ((one.topics, "topic"), (one.indicators, "indicator")):
        said = getattr(body, name, "")
        if wanted and said and said not in wanted:
            return False
    area = getattr(body, "area", ())
    return not (one.area and area) or touch(one.area, area)


def check(one: Subscription) -> None:
    """Raises `InputError` for a subscription that cannot be meant."""
    if one.state not in {"in force", "ended"}:
        raise InputError("a subscription is in force or ended")
    if not 0 < len(one.name) <= 60 or not one.name.isprintable():
        raise InputError("a subscription's name has 1 to 60 printable characters")
    words = (*one.kinds, *one.topics, *one.indicators)
    if len(words) > 100 or not all(0 < len(word) <= 60 for word in words):
        raise InputError("a subscription names at most 100 kinds, topics and indicators, each of 1 to 60 characters")
    check_area(one.area)


def check_area(area: Area) -> None:
    """Raises `InputError` unless `area` is empty, or 3 to 200 points of latitude and longitude in degrees."""
    if area and not 3 <= len(area) <= MOST_POINTS:
        raise InputError(f"an area has 3 to {MOST_POINTS} points")
    if not all(-90 <= lat <= 90 and -180 <= lon <= 180 for lat, lon in area):
        raise InputError("an area's points are latitude and longitude in degrees")
    if area and not shapely.is_valid(_polygon(area)):
        raise InputError("an area's outline crosses itself")


def is_sound(one: Subscription) -> bool:
    """Whether `check` says nothing."""
    try:
        check(one)
    except InputError:
        return False
    return True


def inside(area: Area, latitude: np.ndarray, longitude: np.ndarray) -> np.ndarray:
    """Which points lie in an area whose sides are straight in degrees; one that spans more than 180 degrees crosses the antimeridian."""
    polygon = _polygon(area)
    found = shapely.contains_xy(polygon, longitude, latitude) | shapely.contains_xy(polygon, longitude + 360, latitude)
    return np.asarray(found, bool)


def touch(one: Area, other: Sequence[tuple[float, float]]) -> bool:
    """Whether two areas have a point in common; one that cannot be read touches any."""
    try:
        check_area(tuple(other))
    except InputError:
        return True
    a, b = _polygon(one), _polygon(tuple(other))
    return any(a.intersects(shapely.transform(b, lambda xy, by=by: xy + np.array([by, 0]))) for by in (-360, 0, 360))


def _polygon(area: Area) -> Any:
    longitudes = [lon for _, lon in area]
    crosses = max(longitudes) - min(longitudes) > 180
    return shapely.Polygon([(lon + 360 if crosses and lon < 0 else lon, lat) for lat, lon in area])
