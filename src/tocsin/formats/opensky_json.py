"""OpenSky state vectors as JSON, as the package `traffic` ships them: a list of objects, or an object of columns.

Times in ms (seconds and ISO 8601 are understood too), feet, knots, feet a minute. A column is an object whose
keys are row numbers, or a list.
"""

from __future__ import annotations

import re
from operator import attrgetter
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np

from ..core import FLAG
from . import salvage, values
from .arrow import pa
from .errors import BadFile, FileTooLarge
from .opensky_csv import position_time

if TYPE_CHECKING:
    from ..core.observations import Array
    from .parsed import Tally

_VALUES_IN_A_ROW = 8


class State(msgspec.Struct, gc=False):
    """What is read of one state vector."""

    timestamp: float | str | None = None
    icao24: str | None = None
    callsign: str | None = None
    latitude: float | None = None
    longitude: float | None = None
    altitude: float | None = None
    groundspeed: float | None = None
    track: float | None = None
    vertical_rate: float | None = None
    squawk: str | float | None = None
    onground: bool | None = None
    last_position: float | str | None = None


_FIELDS = tuple(State.__struct_fields__)
_STATES = msgspec.json.Decoder(list[State])
_STATE = msgspec.json.Decoder(State)
_COLUMNS = msgspec.json.Decoder(dict[str, dict[str, Any] | list[Any]])
_ANY_KEY = re.compile(rb"[{,]\s*$")


def parse(data: bytes, tally: Tally) -> dict[str, Array]:
    """Observation columns of such a file, in its order."""
    if data.lstrip()[:1] == b"{":
        return _observe(_columns(data, tally), tally)
    data = salvage.bounded(data, b"{", tally.caps.rows, tally)
    try:
        states = _STATES.decode(data)
        tally.rows = len(states)
    except salvage.UNREADABLE as error:
        at = data.find(b"[")
        states = salvage.rows(data, at, _STATE, tally, "state vector", error) if at >= 0 else []
        tally.fault(BadFile(tally.name, *salvage.broken(error, len(data))))
    return _observe({name: list(map(attrgetter(name), states)) for name in _FIELDS}, tally)


def _columns(data: bytes, tally: Tally) -> dict[str, list[Any]]:
    """The columns by name, aligned by row."""
    data = salvage.bounded(data, b":", tally.caps.rows * _VALUES_IN_A_ROW, tally)
    try:
        whole: dict[str, Any] = _COLUMNS.decode(data)
    except salvage.UNREADABLE as error:
        whole = _saved_columns(data, error, tally)
    taken = {name: column for name, column in whole.items() if name in _FIELDS}
    if not taken:
        tally.fault(BadFile(tally.name, "holds no column of a state vector"))
        return {name: [] for name in _FIELDS}
    keyed = {n: column if isinstance(column, dict) else dict(enumerate(column)) for n, column in taken.items()}
    longest = max(keyed.values(), key=len)
    if len(rows := list(longest)) > tally.caps.rows:
        tally.fault(FileTooLarge(f"the number of rows in {tally.name}", len(rows), tally.caps.rows))
        rows = rows[: tally.caps.rows]
    tally.rows = len(rows)
    aligned = {}
    for name in _FIELDS:
        column = keyed.get(name, {})
        same = len(column) == len(rows) and all(a == b for a, b in zip(column, rows, strict=True))
        aligned[name] = _typed(list(column.values()) if same else [column.get(row) for row in rows], name, tally)
    return aligned


def _saved_columns(data: bytes, error: Exception, tally: Tally) -> dict[str, Any]:
    repaired, odd = salvage.without_odd_numbers(data)
    if odd:
        try:
            whole: dict[str, Any] = _COLUMNS.decode(repaired)
        except salvage.UNREADABLE:
            pass
        else:
            tally.nulled["not a number"] += odd
            return whole
    tally.fault(BadFile(tally.name, *salvage.broken(error, len(data))))
    upto = salvage.byte_of(error) if isinstance(error, msgspec.DecodeError) else None
    intact = data if upto is None else data[:upto]
    at = intact.find(b"{")
    found = salvage.elements(intact, at, tally.caps.depth)
    saved: dict[str, Any] = {}
    for start, end in zip(found.starts.tolist(), found.ends.tolist(), strict=True):
        _save(saved, intact, start, intact[start:end])
    # The column in which the text breaks off: up to its last whole value.
    begin = int(found.ends[-1]) if len(found.ends) else at + 1
    opening, comma = intact.find(b":", begin), intact.rfind(b",")
    if found.end is None and 0 <= opening < comma:
        brace = next((place for place in (intact.find(b"{", opening), intact.find(b"[", opening)) if place >= 0), -1)
        if 0 <= brace < comma:
            _save(saved, intact, brace, intact[brace:comma] + (b"}" if intact[brace : brace + 1] == b"{" else b"]"))
    return saved


def _save(saved: dict[str, Any], data: bytes, start: int, column: bytes) -> None:
    name = re.search(rb'"([A-Za-z0-9_]{1,40})"\s*:\s*$', data[max(0, start - 64) : start])
    if name:
        try:
            value = msgspec.json.decode(column)
        except salvage.UNREADABLE:
            return
        saved[name[1].decode()] = value


def _typed(column: list[Any], name: str, tally: Tally) -> list[Any]:
    """The column with null, counted, wherever a value is of another kind than `State` says."""
    texts, truths = name in ("icao24", "callsign"), name == "onground"
    both = name in ("timestamp", "squawk", "last_position")
    allowed: tuple[type, ...] = (str,) if texts else (bool,) if truths else (int, float, str) if both else (int, float)
    kinds = set(map(type, column)) - {type(None), *allowed}
    if not kinds:
        return column
    bad = sum(1 for value in column if type(value) in kinds)
    tally.nulled["mistyped"] += bad
    index = next(i for i, value in enumerate(column) if type(value) in kinds)
    tally.fault(BadFile(tally.name, f"column {name} holds a value of another kind", f"taken as null, row {index:,}"))
    return [None if type(value) in kinds else value for value in column]


def _observe(columns: dict[str, list[Any]], tally: Tally) -> dict[str, Array]:
    callsign, bad = values.names(values.texts([value or "" for value in columns["callsign"]], 9), 8)
    tally.nulled["call sign"] += int(bad.sum())
    ground = np.array([-1 if value is None else value for value in columns["onground"]], np.int8)
    sensed = columns["last_position"]
    squawk, bad_squawk = values.squawks(values.codes(columns["squawk"]))
    tally.nulled["squawk"] += int(bad_squawk.sum())
    return values.observe(
        len(columns["timestamp"]),
        tally,
        time=position_time(_times(columns["timestamp"]), None if set(map(type, sensed)) <= {type(None)} else _times(sensed)),
        identity=values.identities(values.texts([value or "" for value in columns["icao24"]], 7)),
        latitude=values.numbers(columns["latitude"]),
        longitude=values.numbers(columns["longitude"]),
        altitude=values.numbers(columns["altitude"]) * values.FOOT,
        speed=values.numbers(columns["groundspeed"]) * values.KNOT,
        course=values.numbers(columns["track"]),
        climb=values.numbers(columns["vertical_rate"]) * values.FOOT_PER_MINUTE,
        callsign=callsign,
        squawk=squawk,
        flags=np.select([ground == 1, ground == 0], [FLAG.ON_GROUND, FLAG.AIRBORNE], 0),
    )


def _times(column: list[Any]) -> Array:
    """float64 µs of numbers, ISO 8601 texts or None."""
    if str not in set(map(type, column)):
        return values.micros(values.numbers(column))
    plain = values.micros(values.numbers([None if isinstance(value, str) else value for value in column]))
    written = pa.array([value if isinstance(value, str) else None for value in column], pa.string())
    return np.where(np.isnan(plain), values.iso_micros(written), plain)
