"""How long a watch takes for each second of data: all detectors and the assessment over a full sky."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from tocsin.core import FLAG, Clearance, Identity, Label, SeededEntropy
from tocsin.core.times import SECOND
from tocsin.picture import Tracks
from tocsin.picture.tracks import COLUMNS
from tocsin.policy import View

from .geodesy import RADIUS_M
from .service import Watch
from .topics import shipped

if TYPE_CHECKING:
    from collections.abc import Callable

    from tocsin.core.observations import Array
    from tocsin.core.times import Micros

START: Final[Micros] = 1_795_313_400 * SECOND
_STREAM: Final = 12
_PRIMES: Final = (2.0, 3.0, 5.0, 7.0, 11.0, 13.0)
_SOUTH, _WEST, _HEIGHT, _WIDTH = 40.0, -5.0, 14.0, 24.0


def measure(
    clock_ns: Callable[[], int], *, tracks: int = 20_000, seconds: int = 60, military: float = 0.03, every_s: int = 5
) -> dict[str, float]:
    """Milliseconds that a watch of the shipped topic takes per second of data over `tracks` tracks, a share of them military.

    A stream of twelve is among them and rings on the way, so that the costly paths run too. No track says its type, the worst case:
    all may be part of a group. It looks every `every_s` as a node does (`node.worlds.STEP`). `clock_ns` gives nanoseconds. Gives
    `tracks`, `views`, `ms_per_second_of_data` (mean), `ms_worst`, and `rang` (1 if the stream was found).
    """
    label = Label("measure", 0, frozenset({"NODE"}), frozenset({"NODE"}))
    view = View("measure", Clearance("measure", "NODE", 0))
    watch = Watch(shipped("airborne-rapid-deployment"), "exercise:measure", view, SeededEntropy("measure"), node="NODE")
    spent, rang = [], 0.0
    for second in range(0, seconds + every_s, every_s):
        now = START + second * SECOND
        sky = full_sky(now, tracks, military, label)
        begun = clock_ns()
        step = watch.step(sky, now)
        spent.append((clock_ns() - begun) / 1e6)
        rang = max(rang, float(any(e.indicator == "aircraft-in-stream" for e in step.assessment.evidence)))
    # The first look prepares what later ones use.
    rest = spent[1:]
    return {
        "tracks": float(tracks),
        "views": 1.0,
        "ms_per_second_of_data": round(sum(rest) / len(rest) / every_s, 2),
        "ms_worst": round(max(rest), 2),
        "rang": rang,
    }


def full_sky(now: Micros, size: int, military: float, label: Label) -> Tracks:
    """`size` tracks over Europe at `now`, the same aircraft at every time, twelve of them a stream out of the topic's staging area."""
    row = np.arange(size)
    flown = (now - START) / SECOND
    course, speed = 360.0 * _even(row, 3), 120.0 + 120.0 * _even(row, 4)
    way = np.radians(course)
    latitude = _SOUTH + (_HEIGHT * _even(row, 1) + np.degrees(speed * flown * np.cos(way) / RADIUS_M)) % _HEIGHT
    longitude = _WEST + (_WIDTH * _even(row, 2) + np.degrees(speed * flown * np.sin(way) / RADIUS_M) / 0.7) % _WIDTH
    altitude = 2000.0 + 10_000.0 * _even(row, 5)
    flags = np.where(_even(row, 6) < military, FLAG.AIRBORNE | FLAG.MILITARY, FLAG.AIRBORNE)
    lead = slice(0, _STREAM)
    along = np.degrees((150.0 * flown + 2100.0 * row[lead][::-1] + 20_000.0) / RADIUS_M)
    latitude[lead], longitude[lead] = 46.23 + 0.342 * along, 6.10 + 0.940 * along / np.cos(np.radians(46.5))
    course[lead], speed[lead], altitude[lead] = 70.0, 150.0, 5800.0
    flags[lead] = FLAG.AIRBORNE | FLAG.SIMULATED
    given: dict[str, Array] = {
        "latitude": latitude,
        "longitude": longitude,
        "course": course,
        "speed": speed,
        "altitude": altitude,
        "flags": flags,
    }
    given |= {"number": row + 1, "identity": Identity.ICAO + 0x300000 + row, "time": np.full(size, now), "feeds": np.ones(size)}
    columns = {name: given[name].astype(dtype) if name in given else np.zeros(size, dtype) for name, dtype in COLUMNS.items()}
    return Tracks(columns, (label,), ("measure",))


def _even(row: Array, stride: int) -> Array:
    # Evenly spread without randomness: multiples of a prime's root (Weyl's equidistribution).
    spread: Array = (row + 1) * np.sqrt(_PRIMES[stride - 1]) % 1.0
    return spread
