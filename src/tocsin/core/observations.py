"""Observations as columns: what feeds sensed, without a Python object for each.

A batch has one feed, one realm and one label. Units are SI (metres, metres a second), degrees WGS 84 and
int64 microseconds UTC; what a feed did not say is null: NaN in float columns, and the `NULLS` elsewhere.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from .errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from .labels import Label
    from .realms import Realm

Array = np.ndarray[Any, Any]

COLUMNS: Final[Mapping[str, np.dtype[Any]]] = {
    "time": np.dtype("<i8"),  # µs UTC at which the position was sensed
    "identity": np.dtype("<u8"),  # see Identity
    "latitude": np.dtype("<f8"),
    "longitude": np.dtype("<f8"),
    "altitude": np.dtype("<f4"),  # m, pressure altitude where there is one
    "speed": np.dtype("<f4"),  # m/s over ground
    "course": np.dtype("<f4"),  # degrees true, 0 to 360
    "climb": np.dtype("<f4"),  # m/s, up positive
    "callsign": np.dtype("S8"),
    "type": np.dtype("S4"),  # ICAO type designator
    "squawk": np.dtype("<i2"),  # the four octal digits as an octal number
    "accuracy": np.dtype("<f4"),  # m, radius of containment
    "integrity": np.dtype("u1"),  # NIC 0 to 11
    "flags": np.dtype("<u2"),  # see FLAG
}
NULLS: Final[Mapping[str, Any]] = {"callsign": b"", "type": b"", "squawk": -1, "integrity": 255, "flags": 0, "identity": 0}


_IDENTITY = re.compile(r"([0-9a-fA-F]{1,6})|~([0-9a-fA-F]{1,14})|t([0-9]{1,17})")


class FLAG:
    """Bits of the `flags` column."""

    ON_GROUND = 1
    AIRBORNE = 2  # said to be in the air; neither bit: not said
    MILITARY = 4  # military or state aircraft, as the feed's register says
    MLAT = 8  # position computed by multilateration
    TISB = 16  # rebroadcast by a ground station
    SIMULATED = 32  # made by a scenario, never sensed


class Identity:
    """The `identity` column: what kind of number it is in the top byte, the number below it; 0 is unknown."""

    ICAO = 1 << 56  # a 24-bit aircraft address
    OTHER = 2 << 56  # an address that is not the aircraft's own (TIS-B, anonymous)
    TRACK = 3 << 56  # a radar's or simulator's track number
    NUMBER = (1 << 56) - 1

    @staticmethod
    def text(value: int) -> str:
        """`4b1815` for an ICAO address, `~4b1815` for another, `t17` for a track number, `?` for none."""
        number = int(value) & Identity.NUMBER
        kind = int(value) - number
        match kind:
            case Identity.ICAO:
                return f"{number:06x}"
            case Identity.OTHER:
                return f"~{number:06x}"
            case Identity.TRACK:
                return f"t{number}"
            case _:
                return "?"

    @staticmethod
    def parse(text: str) -> int:
        """The identity that `text` writes; raises `InputError`."""
        if (found := _IDENTITY.fullmatch(text)) is None or (found[3] and int(found[3]) > Identity.NUMBER):
            raise InputError(f"{text[:20]!r} is no aircraft address or track number")
        if found[1]:
            return Identity.ICAO | int(found[1], 16)
        return Identity.OTHER | int(found[2], 16) if found[2] else Identity.TRACK | int(found[3])


@dataclass(frozen=True, slots=True)
class Observations:
    """One batch. `columns` holds every name of `COLUMNS`, all of one length, in those dtypes."""

    feed: str
    realm: Realm
    label: Label
    columns: Mapping[str, Array]

    def __len__(self) -> int:
        return len(self.columns["time"])

    def __getitem__(self, name: str) -> Array:
        return self.columns[name]

    def select(self, rows: Array | slice) -> Observations:
        """The rows of a mask, an index array or a slice."""
        return Observations(self.feed, self.realm, self.label, {name: column[rows] for name, column in self.columns.items()})

    def replace(self, **columns: Array) -> Observations:
        """This batch with some columns exchanged."""
        return Observations(self.feed, self.realm, self.label, {**self.columns, **columns})


def build(feed: str, realm: Realm, label: Label, size: int, **columns: Any) -> Observations:
    """A batch of `size` rows out of whatever columns are known; the others are null.

    Raises `InputError` for a column that does not exist or has another length.
    """
    return Observations(feed, realm, label, fill(size, **columns))


def fill(size: int, **columns: Any) -> dict[str, Array]:
    """Every column at `size` rows, in the dtypes of `COLUMNS`: given ones converted, the others null.

    Raises `InputError` for a column that does not exist, has another shape, or cannot be converted.
    """
    if unknown := columns.keys() - COLUMNS.keys():
        raise InputError(f"no observation column {min(unknown)!r}")
    whole: dict[str, Array] = {}
    for name, dtype in COLUMNS.items():
        if (given := columns.get(name)) is None:
            whole[name] = np.full(size, NULLS.get(name, np.nan if dtype.kind == "f" else 0), dtype)
        else:
            try:
                # Not ascontiguousarray, which would make a column of one row out of a single number.
                whole[name] = np.asarray(given, dtype, order="C")
            except (ValueError, TypeError, OverflowError):
                raise InputError(f"observation column {name!r} holds what cannot be a {dtype.name}") from None
            if whole[name].shape != (size,):
                raise InputError(f"observation column {name!r} has the shape {whole[name].shape}, not {size} rows")
    return whole


def concat(batches: Iterable[Observations]) -> Observations:
    """Several batches of one feed, realm and label as one; raises `InputError` if they differ or there is none."""
    if not (found := list(batches)):
        raise InputError("no batches to put together")
    first = found[0]
    if any((b.feed, b.realm, b.label) != (first.feed, first.realm, first.label) for b in found):
        raise InputError("batches of different feeds, realms or labels stay apart")
    columns = {name: np.concatenate([b.columns[name] for b in found]) for name in COLUMNS}
    return Observations(first.feed, first.realm, first.label, columns)
