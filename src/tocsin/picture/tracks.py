"""What a picture gives: tracks in columns, changes since a cursor, and what became of each row."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numpy as np

from tocsin.core import Identity, join

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tocsin.core import Label

Array = np.ndarray[Any, Any]

COLUMNS: Final[Mapping[str, np.dtype[Any]]] = {
    "number": np.dtype("<u4"),  # of the track in its view, from 1, never given twice
    "identity": np.dtype("<u8"),  # see core.Identity
    "time": np.dtype("<i8"),  # µs UTC of the last plot
    "latitude": np.dtype("<f8"),
    "longitude": np.dtype("<f8"),
    "altitude": np.dtype("<f4"),  # m
    "speed": np.dtype("<f4"),  # m/s over ground; out of the last two plots where no feed says it
    "course": np.dtype("<f4"),  # degrees true; likewise
    "climb": np.dtype("<f4"),  # m/s
    "callsign": np.dtype("S8"),
    "type": np.dtype("S4"),
    "squawk": np.dtype("<i2"),
    "flags": np.dtype("<u2"),  # see core.FLAG
    "integrity": np.dtype("u1"),  # NIC 0 to 11; 255: not said
    "first_seen": np.dtype("<i8"),  # µs UTC of the first plot
    "updates": np.dtype("<u4"),  # plots accepted
    "feeds": np.dtype("<u8"),  # bit i: feed_names[i] has seen it
    "label_of": np.dtype("<u2"),  # index into labels
}


@dataclass(frozen=True, slots=True)
class Tracks:
    """Tracks at one moment, a row each, in order of their numbers. `columns` holds every name of `COLUMNS`."""

    columns: Mapping[str, Array]
    labels: tuple[Label, ...] = ()
    feed_names: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.columns["number"])

    def __getitem__(self, name: str) -> Array:
        return self.columns[name]

    def select(self, rows: Array | slice) -> Tracks:
        """The rows of a mask, an index array or a slice."""
        return Tracks({name: column[rows] for name, column in self.columns.items()}, self.labels, self.feed_names)

    def identity_text(self, row: int) -> str:
        """The identity of one row as people write it: `4b1815`."""
        return Identity.text(int(self.columns["identity"][row]))

    def feeds_of(self, rows: Array | slice) -> tuple[str, ...]:
        """The names of the feeds that have seen any of `rows`, in alphabetic order."""
        bits = int(np.bitwise_or.reduce(self.columns["feeds"][rows], initial=np.uint64(0)))
        return tuple(sorted(name for i, name in enumerate(self.feed_names) if bits >> i & 1))

    def label(self, rows: Array | slice) -> Label:
        """The label of anything made from `rows`: the join of theirs; raises `LabelMismatch` if there are none."""
        return join(self.labels[i] for i in np.unique(self.columns["label_of"][rows]).tolist())


class Delta(NamedTuple):
    """What changed. `full`: the cursor was too old or unknown, so `changed` holds everything and the reader starts over."""

    cursor: int
    changed: Tracks
    gone: Array
    full: bool


@dataclass(slots=True)
class Counts:
    """What became of the rows of a batch: every row is counted once. `withheld` is for the node itself, never for a reader."""

    accepted: int = 0
    null: int = 0  # no position, time or identity
    ground: int = 0  # on the ground, or neither height nor speed
    old: int = 0  # before what is shown at all
    future: int = 0  # ahead of the clock
    duplicate: int = 0  # this time or this very position is known already
    late: int = 0  # before the track's last plot
    jump: int = 0  # faster than anything flies
    crowded: int = 0  # a new track where the picture is full
    withheld: int = 0  # the view may not read it

    def add(self, other: Counts) -> None:
        """Add another's figures to these."""
        for field in fields(self):
            setattr(self, field.name, getattr(self, field.name) + getattr(other, field.name))

    def told(self) -> dict[str, int]:
        """By name, without `withheld`."""
        return {field.name: getattr(self, field.name) for field in fields(self) if field.name != "withheld"}
