"""OpenSky state vectors as CSV: as the package `traffic` writes them, or as the OpenSky Network's database does.

`traffic`: feet, knots, feet a minute. The database: metres and metres a second, under other names.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ..core import FLAG
from . import sheets, values
from .arrow import Column, pa, pc
from .errors import BadFile

if TYPE_CHECKING:
    from ..core.observations import Array
    from .parsed import Tally

# Column of the file: column of observations, and what one of its units is in SI.
MEASURES: dict[str, tuple[str, float]] = {
    "latitude": ("latitude", 1.0),
    "longitude": ("longitude", 1.0),
    "altitude": ("altitude", values.FOOT),
    "groundspeed": ("speed", values.KNOT),
    "track": ("course", 1.0),
    "vertical_rate": ("climb", values.FOOT_PER_MINUTE),
    "lat": ("latitude", 1.0),
    "lon": ("longitude", 1.0),
    "baroaltitude": ("altitude", 1.0),
    "velocity": ("speed", 1.0),
    "heading": ("course", 1.0),
    "vertrate": ("climb", 1.0),
}
_TIMES = ("timestamp", "time")
_POSITION_TIMES = ("last_position", "lastposupdate")
_LAYOUT = sheets.Layout(
    numbers=frozenset(MEASURES) | frozenset(_POSITION_TIMES),
    texts=frozenset({"icao24", "callsign", "squawk"}),
    truths=frozenset({"onground"}),
    guessed=frozenset(_TIMES),
)


def parse(data: bytes, tally: Tally) -> dict[str, Array]:
    """Observation columns of an OpenSky CSV file."""
    table = sheets.read(data, _LAYOUT, tally)
    if table is None:
        return values.observe(0, tally, time=[])
    there = set(table.column_names)
    stamp = next((name for name in _TIMES if name in there), None)
    if stamp is None or "icao24" not in there or not there & {"latitude", "lat"} or not there & {"longitude", "lon"}:
        tally.fault(BadFile(tally.name, "the first row names no time, icao24, latitude and longitude"))
        return values.observe(0, tally, time=[])
    columns: dict[str, Array] = {}
    for name, (ours, unit) in MEASURES.items():
        # `heading` beside `track` is where the nose points, not the course.
        if name in there and ours not in columns:
            columns[ours] = values.floats(table[name]) * unit
    addresses, which = sheets.bytes_of(table["icao24"], 7)
    columns["identity"] = values.identities(addresses)[which]
    if "callsign" in there:
        columns["callsign"] = _callsigns(table["callsign"], tally)
    if "squawk" in there:
        columns["squawk"] = _squawks(table["squawk"], tally)
    if "onground" in there:
        ground = values.floats(table["onground"])
        columns["flags"] = np.select([ground == 1, ground == 0], [FLAG.ON_GROUND, FLAG.AIRBORNE], 0)
    sensed = next((values.floats(table[name]) for name in _POSITION_TIMES if name in there), None)
    columns["time"] = position_time(_times(table[stamp]), sensed)
    return values.observe(table.num_rows, tally, **columns)


def position_time(stated: Array, sensed: Array | None) -> Array:
    """µs at which the position was sensed: the time of the last position where it is said and not after the row's own."""
    if sensed is None:
        return stated
    own = values.micros(sensed)
    with np.errstate(invalid="ignore"):
        return np.where(own <= stated, own, stated)


def _times(column: Column) -> Array:
    kind = column.type
    if pa.types.is_integer(kind) or pa.types.is_floating(kind):
        return values.micros(values.floats(column))
    if pa.types.is_timestamp(kind):
        whole = column.cast(pa.timestamp("us", kind.tz), safe=False).cast(pa.int64())
        return values.floats(whole)
    if pa.types.is_string(kind) or pa.types.is_binary(kind):
        told = column.cast(pa.binary())
        printable = pc.if_else(pc.match_substring_regex(told, r"^[ -~]*$"), told, None)
        text = values.iso_micros(printable.cast(pa.string()))
        return np.where(np.isnan(text), values.micros(sheets.numbers_of(told)), text)
    return np.full(len(column), np.nan)


def _callsigns(column: Column, tally: Tally) -> Array:
    distinct, which = sheets.bytes_of(column, 16)
    told, bad = values.names(distinct, 8)
    tally.nulled["call sign"] += int(bad[which].sum())
    return told[which]


def _squawks(column: Column, tally: Tally) -> Array:
    distinct, which = sheets.bytes_of(column, 8)
    # 47.0 is what is left of 0047 in a column of numbers.
    codes = values.texts([text.decode().strip().removesuffix(".0") for text in distinct.tolist()], 4)
    told, bad = values.squawks(codes)
    tally.nulled["squawk"] += int(bad[which].sum())
    return told[which]
