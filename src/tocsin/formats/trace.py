"""readsb's `trace_full`: one aircraft's day. Rows of time offset, latitude, longitude, feet, knots, degrees, bits, feet a minute."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import msgspec
import numpy as np

from ..core import FLAG
from . import salvage, values
from .errors import BadFile
from .readsb import MADE, MILITARY

if TYPE_CHECKING:
    from ..core.observations import Array
    from .parsed import Tally


class Details(msgspec.Struct, gc=False):
    """What is read of the object that a row bears now and then."""

    flight: str | None = None
    squawk: str | int | float | None = None
    nic: float | None = None
    rc: float | None = None


class Point(msgspec.Struct, array_like=True, gc=False):
    """One row; readsb appends more than is read here."""

    offset: float
    lat: float | None = None
    lon: float | None = None
    altitude: float | str | None = None
    gs: float | None = None
    track: float | None = None
    bits: int | None = None
    rate: float | None = None
    details: Details | None = None
    source: str | None = None


class Head(msgspec.Struct):
    """Whose trace it is, and the time that offsets count from, in seconds."""

    icao: str | None = None
    t: str | None = None
    dbFlags: int | None = None  # noqa: N815 (readsb's name)
    timestamp: float | None = None


class Trace(Head):
    """The file."""

    trace: list[Point] = []


_WHOLE = msgspec.json.Decoder(Trace)
_HEAD = msgspec.json.Decoder(Head)
_POINT = msgspec.json.Decoder(Point)
_LAST_COMMA = re.compile(rb',\s*"trace"\s*:\s*$')


def parse(data: bytes, tally: Tally) -> dict[str, Array]:
    """Observation columns of a `trace_full`. Call sign and squawk hold until the trace says another."""
    data = salvage.bounded(data, b"[", tally.caps.rows + 1, tally)
    try:
        head: Head = (whole := _WHOLE.decode(data))
        points = whole.trace
        tally.rows = len(points)
    except salvage.UNREADABLE as error:
        at = salvage.list_at(data, "trace")
        if at is None:
            tally.fault(BadFile(tally.name, *salvage.broken(error, len(data))))
            return values.observe(0, tally, time=[])
        points = salvage.rows(data, at, _POINT, tally, "row", error)
        head = _saved_head(data[:at], tally)
        tally.fault(BadFile(tally.name, *salvage.broken(error, len(data))))
    return _columns(head, points, tally)


def _saved_head(before: bytes, tally: Tally) -> Head:
    # readsb writes who and when before the list; without them no row can be used.
    try:
        return _HEAD.decode(_LAST_COMMA.sub(b"}", before))
    except salvage.UNREADABLE:
        tally.fault(BadFile(tally.name, "what stands before the list cannot be read"))
        return Head()


def _columns(head: Head, points: list[Point], tally: Tally) -> dict[str, Array]:
    size = len(points)
    start = values.micros(np.array([np.nan if head.timestamp is None else head.timestamp]))[0]
    feet, ground = values.feet([point.altitude for point in points], tally)
    callsign, bad = values.names(values.texts([p.details.flight or "" if p.details else "" for p in points], 9), 8)
    tally.nulled["call sign"] += int(bad.sum())
    squawk, bad_squawk = values.squawks(values.codes([p.details.squawk if p.details else None for p in points]))
    tally.nulled["squawk"] += int(bad_squawk.sum())
    kind, bad_kind = values.names(values.texts([head.t or ""], 4), 4)
    tally.nulled["type"] += int(bad_kind.sum())
    flags = np.where(ground, FLAG.ON_GROUND, np.where(np.isnan(feet), 0, FLAG.AIRBORNE))
    flags |= np.array([MADE.get(point.source, 0) for point in points], np.int64)
    military = bool(head.dbFlags and head.dbFlags & MILITARY)
    return values.observe(
        size,
        tally,
        time=start + values.numbers([point.offset for point in points]) * 1e6,
        identity=np.repeat(values.identities(values.texts([head.icao or ""], 7)), size),
        latitude=values.numbers([point.lat for point in points]),
        longitude=values.numbers([point.lon for point in points]),
        altitude=feet * values.FOOT,
        speed=values.numbers([point.gs for point in points]) * values.KNOT,
        course=values.numbers([point.track for point in points]),
        climb=values.numbers([point.rate for point in points]) * values.FOOT_PER_MINUTE,
        callsign=callsign[held(callsign != b"")],
        type=np.repeat(kind, size),
        squawk=squawk[held(squawk >= 0)],
        accuracy=values.numbers([p.details.rc if p.details else None for p in points]),
        integrity=values.integrities(values.numbers([p.details.nic if p.details else None for p in points]), tally),
        flags=flags | (FLAG.MILITARY if military else 0),
    )


def held(said: Array) -> Array:
    """For each row the index of the last row up to it where `said` is true, its own where there is none."""
    index = np.where(said, np.arange(len(said)), -1)
    last = np.maximum.accumulate(index) if len(index) else index
    return np.where(last >= 0, last, np.arange(len(said)))
