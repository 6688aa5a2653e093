"""Putting one batch's plots on the tracks of their identities: duplicates, late plots, jumps and restarts.

Tracks whose plots all follow one another are updated together. Only those with a plot in doubt are gone
through plot by plot, and then all such tracks side by side.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numpy as np

from tocsin.core import FLAG
from tocsin.sources.sphere import bearing, distance

from .sieve import SEEN_TOO, SLOW_MS, fits

if TYPE_CHECKING:
    from collections.abc import Callable

    from tocsin.core import Observations
    from tocsin.core.times import Micros

    from .table import Table
    from .tracks import Counts

Array = np.ndarray[Any, Any]

PERSISTENT: Final = 3
"""Consistent plots in a row, all where the track cannot have flown, that end it and start another."""

MOST_TURNS: Final = 512
"""Plots of one track in one batch that are gone through one by one, if any of them is in doubt."""

_STICKY: Final = np.uint16(FLAG.MILITARY | FLAG.SIMULATED)
_BASE_US: Final = 4_000_000  # the least time between two plots that gives a speed worth having


class Marks(NamedTuple):
    """What the picture does with slots: note that a batch touched them (before their plots count), or end their tracks."""

    touch: Callable[[Array], None]
    bury: Callable[[Array], None]


class Plots:
    """One batch on its way into `table`; what becomes of its rows goes into `counts`."""

    def __init__(self, table: Table, batch: Observations, counts: Counts, stale: Micros, marks: Marks) -> None:
        self._table, self._batch, self._counts, self._stale, self._marks = table, batch, counts, stale, marks

    def take(self, rows: Array, slots: Array) -> None:
        """Plot `rows`, each on its slot; rows of one slot stand together, the earliest first."""
        rows, slots = self._without_late(rows, slots)
        rows, slots, before = self._without_resent(rows, slots)
        doubtful = before.known & ~(fits(before.metres, before.micros) & (before.micros <= self._stale))
        if not doubtful.any():
            self._accept(rows, slots, before)
            return
        troubled = np.isin(slots, slots[doubtful])
        calm = ~troubled
        self._accept(rows[calm], slots[calm], before.select(calm))
        self._one_by_one(rows[troubled], slots[troubled])

    def _without_late(self, rows: Array, slots: Array) -> tuple[Array, Array]:
        time, known = self._batch["time"][rows], self._table["updates"][slots] > 0
        last = np.where(known, self._table["time"][slots], np.iinfo(np.int64).min)
        late = time < last
        again = ~late & ((time == last) | _same_as_before(slots, time))
        self._counts.late += int(late.sum())
        self._counts.duplicate += int(again.sum())
        out = late | again
        if out.any():
            self._seen_too(rows[out & known], slots[out & known])
        return rows[~out], slots[~out]

    def _seen_too(self, rows: Array, slots: Array) -> None:
        """A plot that adds nothing still says that its feed sees the aircraft, if it is about where the track is."""
        apart = np.abs(self._batch["time"][rows] - self._table["time"][slots])
        near = (apart <= SEEN_TOO) & fits(self._metres(rows, slots), apart)
        if near.any():
            self._marks.touch(slots[near][firsts(slots[near])])

    def _without_resent(self, rows: Array, slots: Array) -> tuple[Array, Array, _Before]:
        # Receivers go on sending the last position of an aircraft they no longer hear, under new times.
        before = self._before(rows, slots)
        latitude, longitude = self._batch["latitude"][rows], self._batch["longitude"][rows]
        still = before.known & (latitude == before.latitude) & (longitude == before.longitude)
        resent = still & (self._batch["speed"][rows] > SLOW_MS)
        if not resent.any():
            return rows, slots, before
        self._counts.duplicate += int(resent.sum())
        rows, slots = rows[~resent], slots[~resent]
        return rows, slots, self._before(rows, slots)

    def _before(self, rows: Array, slots: Array) -> _Before:
        """What stood before each row: the row above if it is of the same slot, else the track."""
        table, batch = self._table, self._batch
        given = {name: batch[name][rows] for name in ("latitude", "longitude", "time")}
        before = {name: table[name][slots] for name in given}
        known = table["updates"][slots] > 0
        follows = np.flatnonzero(slots[1:] == slots[:-1])
        if len(follows):
            for name, column in before.items():
                column[follows + 1] = given[name][follows]
            known[follows + 1] = True
        metres = distance(before["latitude"], before["longitude"], given["latitude"], given["longitude"])
        return _Before(known, before["latitude"], before["longitude"], given["time"] - before["time"], metres)

    def _metres(self, rows: Array, slots: Array) -> Array:
        table, batch = self._table, self._batch
        return distance(table["latitude"][slots], table["longitude"][slots], batch["latitude"][rows], batch["longitude"][rows])

    def _accept(self, rows: Array, slots: Array, before: _Before) -> None:
        if not len(rows):
            return
        table, batch = self._table, self._batch
        touched = slots[firsts(slots)]
        fresh = table["updates"][slots] == 0
        self._marks.touch(touched)
        # Of several values for one slot the last is kept, so the first plot's time is written backwards.
        table["first_seen"][slots[fresh][::-1]] = batch["time"][rows[fresh]][::-1]
        for name in ("time", "latitude", "longitude"):
            table[name][slots] = batch[name][rows]
        for name, null in (("callsign", b""), ("type", b""), ("squawk", -1), ("integrity", 255)):
            said = batch[name][rows] != null
            table[name][slots[said]] = batch[name][rows[said]]
        for name in ("altitude", "climb"):
            said = ~np.isnan(batch[name][rows])
            table[name][slots[said]] = batch[name][rows[said]]
        self._motion(rows, slots, before)
        kept = table["flags"][slots] & _STICKY
        table["flags"][slots] = batch["flags"][rows]
        np.bitwise_or.at(table["flags"], slots, kept | (batch["flags"][rows] & _STICKY))
        np.add.at(table["updates"], slots, np.uint32(1))
        table["doubt_plots"][touched] = 0
        self._counts.accepted += len(rows)

    def _motion(self, rows: Array, slots: Array, before: _Before) -> None:
        table, batch = self._table, self._batch
        speed, course = batch["speed"][rows], batch["course"][rows]
        said = ~np.isnan(speed)
        # Two sensors do not agree to the metre: what a feed says is never replaced by what their plots make of it.
        silent = ~said & before.known & (before.micros >= _BASE_US) & (np.isnan(table["speed"][slots]) | table["derived"][slots])
        table["speed"][slots[said]] = speed[said]
        table["course"][slots[~np.isnan(course)]] = course[~np.isnan(course)]
        table["derived"][slots[said]] = False
        if silent.any():
            at, rows = slots[silent], rows[silent]
            table["speed"][at] = before.metres[silent] / (before.micros[silent] / 1e6)
            course = bearing(before.latitude[silent], before.longitude[silent], batch["latitude"][rows], batch["longitude"][rows])
            table["course"][at] = course
            table["derived"][at] = True

    def _one_by_one(self, rows: Array, slots: Array) -> None:
        starts = np.flatnonzero(np.r_[True, slots[1:] != slots[:-1]])
        rank = np.arange(len(slots)) - np.repeat(starts, np.diff(np.r_[starts, len(slots)]))
        # More plots of one aircraft than any sensor makes in the time that is shown: somebody wants us to be busy.
        few = rank < MOST_TURNS
        self._counts.jump += int((~few).sum())
        rows, slots, rank = rows[few], slots[few], rank[few]
        order = np.argsort(rank, kind="stable")
        for turn in np.split(order, np.cumsum(np.bincount(rank))[:-1]):
            self._step(rows[turn], slots[turn])

    def _step(self, rows: Array, slots: Array) -> None:
        """One plot each for slots that all differ."""
        table, time = self._table, self._batch["time"][rows]
        ended = slots[(table["updates"][slots] > 0) & (time - table["time"][slots] > self._stale)]
        self._marks.bury(ended)
        table.clear(ended)
        rows, slots, before = self._without_resent(rows, slots)
        jump = before.known & ~fits(before.metres, before.micros)
        self._accept(rows[~jump], slots[~jump], before.select(~jump))
        if jump.any():
            self._doubt(rows[jump], slots[jump])

    def _doubt(self, rows: Array, slots: Array) -> None:
        """Count plots that agree with each other and not with the track; enough of them in a row end it."""
        table, batch = self._table, self._batch
        since = batch["time"][rows] - table["doubt_time"][slots]
        place = batch["latitude"][rows], batch["longitude"][rows]
        metres = distance(table["doubt_latitude"][slots], table["doubt_longitude"][slots], *place)
        agree = (table["doubt_plots"][slots] > 0) & fits(metres, since) & (since <= self._stale)
        resent = agree & (metres == 0) & (batch["speed"][rows] > SLOW_MS)
        self._counts.duplicate += int(resent.sum())
        rows, slots, agree = rows[~resent], slots[~resent], agree[~resent]
        self._marks.touch(slots)
        table["doubt_first"][slots] = np.where(agree, table["doubt_first"][slots], batch["time"][rows])
        table["doubt_plots"][slots] = np.where(agree, table["doubt_plots"][slots] + 1, 1)
        for name in ("time", "latitude", "longitude"):
            table[f"doubt_{name}"][slots] = batch[name][rows]
        # A track that was never shown has no more right than two plots that contradict it.
        enough = np.where(table["number"][slots] > 0, PERSISTENT, PERSISTENT - 1)
        persistent = table["doubt_plots"][slots] >= enough
        self._counts.jump += int((~persistent).sum())
        self._begin(rows[persistent], slots[persistent])

    def _begin(self, rows: Array, slots: Array) -> None:
        """End the tracks of `slots` and start others out of the plots that contradicted them."""
        table = self._table
        kept = {"label_of": table["label_of"][slots], "first_seen": table["doubt_first"][slots], "updates": table["doubt_plots"][slots] - 1}
        self._marks.bury(slots)
        table.clear(slots)
        # The new track owes its being to plots of the old one's time, so it keeps the old one's label.
        for name, column in kept.items():
            table[name][slots] = column
        before = self._before(rows, slots)
        self._accept(rows, slots, before._replace(known=np.zeros(len(slots), bool)))


class _Before(NamedTuple):
    """What stood before each of some rows, where `known`: its place, µs and metres from there."""

    known: Array
    latitude: Array
    longitude: Array
    micros: Array
    metres: Array

    def select(self, mask: Array) -> _Before:
        return _Before(*(column[mask] for column in self))


def firsts(column: Array) -> Array:
    """Where a value stands that differs from the one above it: the first of each run, without the sort or the hashing of `np.unique`."""
    first = np.ones(len(column), bool)
    np.not_equal(column[1:], column[:-1], out=first[1:])
    return first


def _same_as_before(slots: Array, time: Array) -> Array:
    same = np.zeros(len(slots), bool)
    same[1:] = (slots[1:] == slots[:-1]) & (time[1:] == time[:-1])
    return same
