"""What readsb and tar1090 write: `aircraft.json` (one moment, many aircraft), also as the v2 interfaces serve it.

Feet, knots, feet a minute. `alt_baro` may be `"ground"`, `seen_pos` is the age of the position in seconds, a
`~` before the address means that it is not the aircraft's own. An aircraft that stands in the file twice gives
two rows. Only positions the aircraft is said to have now are taken: `lastPosition` (stale) and `rr_lat` (the
receiver's own guess) are not.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import msgspec
import numpy as np

from ..core import FLAG
from . import salvage, values
from .errors import BadFile

if TYPE_CHECKING:
    from ..core.observations import Array
    from .parsed import Tally

_NAN = float("nan")
_NONE = msgspec.Raw(b"[]")
# How a position was made, by readsb's `type`.
MADE: dict[str | None, int] = {"mlat": FLAG.MLAT, "tisb_icao": FLAG.TISB, "tisb_trackfile": FLAG.TISB, "tisb_other": FLAG.TISB}
_NOW = re.compile(rb'"now"\s*:\s*([0-9]{1,20}(?:\.[0-9]{1,9})?)')
MILITARY = 1  # bit of dbFlags


class Plane(msgspec.Struct, gc=False):
    """What is read of one aircraft."""

    hex: str | None = None
    type: str | None = None
    flight: str | None = None
    t: str | None = None
    dbFlags: int | None = None  # noqa: N815 (readsb's name)
    alt_baro: float | str | None = None
    alt_geom: float | None = None
    gs: float | None = None
    track: float | None = None
    baro_rate: float | None = None
    geom_rate: float | None = None
    squawk: str | int | float | None = None
    lat: float | None = None
    lon: float | None = None
    nic: float | None = None
    rc: float | None = None
    seen_pos: float | None = None
    mlat: msgspec.Raw = _NONE
    tisb: msgspec.Raw = _NONE


class Moment(msgspec.Struct):
    """The file: `now` in seconds (readsb) or milliseconds (v2 interfaces), and one of the two lists."""

    now: float | None = None
    aircraft: list[Plane] | None = None
    ac: list[Plane] | None = None


_WHOLE = msgspec.json.Decoder(Moment)
_PLANE = msgspec.json.Decoder(Plane)


def parse(data: bytes, tally: Tally, undated: float | None = None) -> dict[str, Array]:
    """Observation columns of an `aircraft.json`. `undated` (µs) is the time of a file that does not say `now`."""
    data = salvage.bounded(data, b"{", tally.caps.rows + 1, tally)
    try:
        moment = _WHOLE.decode(data)
        planes, now = moment.aircraft if moment.aircraft is not None else moment.ac, moment.now
        tally.rows = len(planes or ())
        if planes is None:
            tally.fault(BadFile(tally.name, "holds no list aircraft or ac"))
    except salvage.UNREADABLE as error:
        planes, now = _saved(data, error, tally)
    return _columns(planes or [], now, undated, tally)


def _saved(data: bytes, error: Exception, tally: Tally) -> tuple[list[Plane], float | None]:
    at = salvage.list_at(data, "aircraft", "ac")
    if at is None:
        tally.fault(BadFile(tally.name, *salvage.broken(error, len(data))))
        return [], None
    planes = salvage.rows(data, at, _PLANE, tally, "aircraft", error)
    tally.fault(BadFile(tally.name, *salvage.broken(error, len(data))))
    # Before the list in readsb's files, after it in those of the v2 interfaces.
    stamps = _NOW.findall(data[:at]) or _NOW.findall(data[-512:])
    return planes, float(stamps[-1]) if stamps else None


def _columns(planes: list[Plane], now: float | None, undated: float | None, tally: Tally) -> dict[str, Array]:
    size = len(planes)
    moment = values.micros(np.array([_NAN if now is None else now]))[0]
    moment = undated if np.isnan(moment) and undated is not None else moment
    age = values.numbers([plane.seen_pos for plane in planes])
    said = [plane.alt_baro for plane in planes]
    barometric, ground = values.feet(said, tally)
    geometric = values.numbers([plane.alt_geom for plane in planes])
    rates = values.numbers([plane.baro_rate if plane.baro_rate is not None else plane.geom_rate for plane in planes])
    feet = np.where(np.isnan(barometric) & ~ground, geometric, barometric)
    callsign, bad_callsign = values.names(values.texts([plane.flight or "" for plane in planes], 9), 8)
    kind, bad_kind = values.names(values.texts([plane.t or "" for plane in planes], 4), 4)
    tally.nulled["call sign"] += int(bad_callsign.sum())
    tally.nulled["type"] += int(bad_kind.sum())
    squawk, bad_squawk = values.squawks(values.codes([plane.squawk for plane in planes]))
    tally.nulled["squawk"] += int(bad_squawk.sum())
    with np.errstate(invalid="ignore"):
        age = np.where((age >= 0) & (age < 1e9), age, 0.0)
    return values.observe(
        size,
        tally,
        time=np.full(size, moment) - age * 1e6,
        identity=values.identities(values.texts([plane.hex or "" for plane in planes], 7)),
        latitude=values.numbers([plane.lat for plane in planes]),
        longitude=values.numbers([plane.lon for plane in planes]),
        altitude=feet * values.FOOT,
        speed=values.numbers([plane.gs for plane in planes]) * values.KNOT,
        course=values.numbers([plane.track for plane in planes]),
        climb=rates * values.FOOT_PER_MINUTE,
        callsign=callsign,
        type=kind,
        squawk=squawk,
        accuracy=values.numbers([plane.rc for plane in planes]),
        integrity=values.integrities(values.numbers([plane.nic for plane in planes]), tally),
        flags=_flags(planes, ground, barometric),
    )


def _flags(planes: list[Plane], ground: Array, barometric: Array) -> Array:
    flags = np.where(ground, FLAG.ON_GROUND, np.where(np.isnan(barometric), 0, FLAG.AIRBORNE))
    flags |= np.array([FLAG.MILITARY if plane.dbFlags and plane.dbFlags & MILITARY else 0 for plane in planes], np.int64)
    flags |= np.array([MADE.get(plane.type, 0) for plane in planes], np.int64)
    # Fields that came by another way than `type` says.
    for bit, lists in ((FLAG.MLAT, [bytes(plane.mlat) for plane in planes]), (FLAG.TISB, [bytes(plane.tisb) for plane in planes])):
        flags[[index for index, fields in enumerate(lists) if len(fields) > 2 and b'"lat"' in fields]] |= bit
    return flags
