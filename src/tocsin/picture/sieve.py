"""Which plots can belong to an aircraft in flight: the tests that need no track. Limits are here, in one place."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np

from tocsin.core import FLAG, seconds

from .tracks import Counts

if TYPE_CHECKING:
    from tocsin.core import Observations
    from tocsin.core.times import Micros

Array = np.ndarray[Any, Any]

AHEAD: Final[Micros] = seconds(5)  # how far a feed's clock may run ahead of ours
FASTEST_MS: Final = 450.0  # over ground: a fast jet with the wind behind it
SLACK_M: Final = 1000.0  # coarse positions and times that are rounded to the second
SLOW_MS: Final = 20.0  # slower and without height: a vehicle, or an aircraft that stands
SEEN_TOO: Final[Micros] = seconds(15)  # how far apart two feeds' plots say that both see the aircraft


def in_flight(batch: Observations, now: Micros, stale: Micros) -> tuple[Array, Counts]:
    """Row numbers that may be plotted, by identity and then time, and the counts of those that may not."""
    counts = Counts()
    rows = np.arange(len(batch))
    latitude, longitude, time = batch["latitude"], batch["longitude"], batch["time"]
    # Written so that a NaN fails.
    placed = (np.abs(latitude) <= 90) & (np.abs(longitude) <= 180) & (time > 0) & (batch["identity"] != 0)
    rows, counts.null = _keep(rows, placed)
    rows, counts.future = _keep(rows, time[rows] <= now + AHEAD)
    rows, counts.old = _keep(rows, time[rows] >= now - stale)
    rows, counts.ground = _keep(rows, ~_grounded(batch, rows))
    return rows[np.lexsort((time[rows], batch["identity"][rows]))], counts


def fits(metres: Array, micros: Array) -> Array:
    """Whether something can have flown so far in that time."""
    return np.asarray(metres <= FASTEST_MS * np.maximum(micros, 0) / 1e6 + SLACK_M)


def _grounded(batch: Observations, rows: Array) -> Array:
    flags, speed = batch["flags"][rows], batch["speed"][rows]
    no_height = np.isnan(batch["altitude"][rows])
    said_to_fly = (flags & FLAG.AIRBORNE) != 0
    return np.asarray(((flags & FLAG.ON_GROUND) != 0) | (no_height & ~said_to_fly & ~(speed >= SLOW_MS)))


def _keep(rows: Array, mask: Array) -> tuple[Array, int]:
    kept = rows[mask]
    return kept, len(rows) - len(kept)
