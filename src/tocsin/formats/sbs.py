"""SBS BaseStation lines (port 30003): each message says some of what is known of an aircraft.

A row of observations for each message with a position (types 2 and 3, and any other that bears one), filled
with the latest that other messages of the same aircraft said before it: call sign and squawk however old, speed,
course, climb and ground bit if at most `FRESH_S` old. Times are the receiver's (columns 7 and 8), taken as UTC.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ..core import FLAG
from . import sheets, values
from .arrow import Column, Table, pa, pc

if TYPE_CHECKING:
    from ..core.observations import Array
    from .parsed import Tally

FRESH_S = 30.0
_HEADER = (
    "message,kind,session,aircraft,hex,flight,date,time,logged_date,logged_time,callsign,altitude,speed,course,"
    "latitude,longitude,climb,squawk,alert,emergency,spi,ground"
)
_LAYOUT = sheets.Layout(
    numbers=frozenset({"altitude", "speed", "course", "latitude", "longitude", "climb"}),
    texts=frozenset({"message", "kind", "hex", "date", "time", "callsign", "squawk", "ground"}),
    header=tuple(_HEADER.split(",")),
)
_OTHERS = ("SEL,", "ID,", "AIR,", "STA,", "CLK,")


def parse(data: bytes, tally: Tally) -> dict[str, Array]:
    """Observation columns of a recording of BaseStation lines."""
    table = sheets.read(data, _LAYOUT, tally, ignore=lambda line: line.startswith(_OTHERS))
    if table is None:
        return values.observe(0, tally, time=[])
    known = pc.and_(pc.equal(table["message"], b"MSG"), pc.match_substring_regex(table["kind"], "^[1-8]$")).fill_null(False)
    tally.skipped["other message"] += table.num_rows - int(pc.sum(known).as_py() or 0)
    table = table.filter(known)
    addresses, which = sheets.bytes_of(table["hex"], 7)
    identity = values.identities(addresses)[which]
    order = np.argsort(identity, kind="stable")
    back = np.empty_like(order)
    back[order] = np.arange(len(order))
    time = _times(table)
    latest = _Latest(order, back, identity, time)

    distinct, which = sheets.bytes_of(table["callsign"], 16)
    told, bad = values.names(distinct, 8)
    callsign = told[which]
    tally.nulled["call sign"] += int(bad[which].sum())
    codes, which = sheets.bytes_of(table["squawk"], 4)
    octal, bad = values.squawks(np.strings.strip(codes))
    squawk = octal[which]
    tally.nulled["squawk"] += int(bad[which].sum())
    ground = _truths(table["ground"])
    latitude, longitude = values.floats(table["latitude"]), values.floats(table["longitude"])
    position = ~np.isnan(latitude) & ~np.isnan(longitude)
    tally.skipped["no position of its own"] += int((~position).sum())
    held = {
        "altitude": latest.number(values.floats(table["altitude"])) * values.FOOT,
        "speed": latest.number(values.floats(table["speed"])) * values.KNOT,
        "course": latest.number(values.floats(table["course"])),
        "climb": latest.number(values.floats(table["climb"])) * values.FOOT_PER_MINUTE,
        "callsign": callsign[latest.said(callsign != b"")],
        "squawk": squawk[latest.said(squawk >= 0)],
    }
    bit = latest.number(ground)
    flags = np.select([bit == 1, bit == 0], [FLAG.ON_GROUND, FLAG.AIRBORNE], 0)
    whole = {"time": time, "identity": identity, "latitude": latitude, "longitude": longitude, "flags": flags, **held}
    return values.observe(int(position.sum()), tally, **{name: column[position] for name, column in whole.items()})


class _Latest:
    """For each message, which message of the same aircraft up to it was the last to say something."""

    def __init__(self, order: Array, back: Array, identity: Array, time: Array) -> None:
        self._order, self._back, self._time = order, back, time
        sorted_identity = identity[order]
        new = np.ones(len(order), bool)
        new[1:] = sorted_identity[1:] != sorted_identity[:-1]
        self._begin = np.maximum.accumulate(np.where(new, np.arange(len(order)), 0)) if len(order) else order

    def said(self, there: Array) -> Array:
        """Index of that message, or the message's own where there is none."""
        size = len(there)
        if not size:
            return np.zeros(0, np.int64)
        last = np.maximum.accumulate(np.where(there[self._order], np.arange(size), -1))
        last = np.where(last >= self._begin, last, np.arange(size))
        return self._order[last][self._back]

    def number(self, column: Array) -> Array:
        """`column` with each NaN replaced by the last number, if that is fresh."""
        source = self.said(~np.isnan(column))
        with np.errstate(invalid="ignore"):
            fresh = np.abs(self._time - self._time[source]) <= FRESH_S * 1e6
        return np.where(fresh, column[source], column)


def _times(table: Table) -> Array:
    date, time = (pc.if_else(pc.match_substring_regex(table[name], r"^[0-9/:. -]*$"), table[name], None) for name in ("date", "time"))
    return values.iso_micros(pc.binary_join_element_wise(date.cast(pa.string()), time.cast(pa.string()), " "))


def _truths(column: Column) -> Array:
    distinct, which = sheets.bytes_of(column, 8)
    return np.array([{b"-1": 1.0, b"1": 1.0, b"0": 0.0}.get(text.strip(), np.nan) for text in distinct.tolist()])[which]
