"""How long a watch takes for each second of data: all detectors and the assessment over a full sky."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numpy as np
from msgspec.structs import replace

from tocsin.core import FLAG, Clearance, Identity, Label, SeededEntropy
from tocsin.core.times import SECOND
from tocsin.picture import Tracks
from tocsin.picture.tracks import COLUMNS
from tocsin.policy import View

from .detectors import detector_names
from .geodesy import RADIUS_M
from .model import Place
from .service import Watch
from .topics import shipped

if TYPE_CHECKING:
    from collections.abc import Callable

    from tocsin.core.observations import Array
    from tocsin.core.times import Micros

    from .model import Topic

START: Final[Micros] = 1_795_313_400 * SECOND
_STREAM: Final = 12
_PRIMES: Final = (2.0, 3.0, 5.0, 7.0, 11.0, 13.0)
_SOUTH, _WEST, _HEIGHT, _WIDTH = 40.0, -5.0, 14.0, 24.0


class Case(NamedTuple):
    """One sky to measure: how many `views` there are, which share of tracks is each one's own, is military, says nothing of itself."""

    views: int = 1
    own: float = 0.0
    military: float = 0.03
    nameless: float = 0.1


CASES: Final = {
    "one_view": Case(),
    "ten_views": Case(views=10, own=0.1),
    "all_nameless": Case(nameless=1.0),
    "all_military": Case(military=1.0),
}
"""What is measured: the sky that is expected, ten views that differ in a tenth of it, and two that somebody makes up to stop a watch."""


class Clocks(NamedTuple):
    """Nanoseconds of the wall's clock, and those that this process has used."""

    wall: Callable[[], int]
    cpu: Callable[[], int]


def measure(clocks: Clocks, *, tracks: int = 20_000, seconds: int = 60, every_s: int = 5) -> dict[str, Any]:
    """Milliseconds that every detector and the assessment take per second of data over `tracks` tracks.

    A stream of twelve is among them and rings on the way, so that the costly paths run too. It looks every `every_s` as a node does
    (`node.worlds.STEP`). Gives the figures of each of `CASES` under its name, and those of one view beside them.
    """
    times = range(0, seconds + every_s, every_s)
    found = {name: _measure(clocks, case, tracks, times) for name, case in CASES.items()}
    return {"tracks": tracks, "every_s": every_s, "detectors": len(every_detector().indicators), **found["one_view"], **found}


def _measure(clocks: Clocks, case: Case, tracks: int, times: range) -> dict[str, Any]:
    topic = every_detector()
    views = [View(f"measure-{number}", Clearance("measure", "NODE", 0)) for number in range(case.views)]
    watches = [Watch(topic, "exercise:measure", view, SeededEntropy("measure").child(view.id), node="NODE") for view in views]
    label = Label("measure", 0, frozenset({"NODE"}), frozenset({"NODE"}))
    spent, used, last = [], [], [False]
    for second in times:
        now = START + second * SECOND
        skies = [_shown(full_sky(now, tracks, case.military, label), number, case) for number in range(case.views)]
        begun, cpu = clocks.wall(), clocks.cpu()
        steps = [watch.step(sky, now) for watch, sky in zip(watches, skies, strict=True)]
        spent.append((clocks.wall() - begun) / 1e6)
        used.append((clocks.cpu() - cpu) / 1e6)
        last = [any(e.indicator == "aircraft-in-stream" for e in step.assessment.evidence) for step in steps]
    # The first look prepares what later ones use.
    return {
        "views": case.views,
        "ms_per_second_of_data": round(sum(spent[1:]) / times[-1], 2),
        "cpu_ms_per_second_of_data": round(sum(used[1:]) / times[-1], 2),
        "ms_per_look": round(sum(spent[1:]) / (len(times) - 1), 2),
        "cpu_ms_per_look": round(sum(used[1:]) / (len(times) - 1), 2),
        "ms_worst": round(max(spent[1:]), 2),
        "rang": all(last),
    }


def every_detector() -> Topic:
    """The shipped topic with one more indicator for each registered detector that it does not use."""
    topic = shipped("airborne-rapid-deployment")
    like = topic.indicators[-1]
    used = {indicator.detector for indicator in topic.indicators}
    series: dict[str, object] = {"series": "aircraft"}
    needs: dict[str, dict[str, object]] = {"asserted-indicator": {"about": "training"}, "daily-peak": series, "daily-lull": series}
    more = [
        replace(like, id=name, detector=name, absence=None, parameters=needs.get(name, {})) for name in detector_names() if name not in used
    ]
    approach = replace(like, id="line-approach", detector="line-crossing", absence=None, parameters={"mode": "approach"})
    area = Place("MEASURED", "area", ((45.0, 5.0), (49.0, 5.0), (49.0, 12.0), (45.0, 12.0)))
    return replace(topic, indicators=(*topic.indicators, *more, approach), places=(*topic.places, area), languages=("en",), translations={})


def _shown(sky: Tracks, number: int, case: Case) -> Tracks:
    """What one view sees of `sky`: a share of it are other aircraft elsewhere, and most say what they are."""
    size, column = len(sky), sky.columns
    row = np.arange(size)
    named = (_even(row, 5) >= case.nameless) & (column["flags"] & (FLAG.MILITARY | FLAG.SIMULATED) == 0)
    column["type"][named], column["callsign"][named], column["integrity"][:] = b"A320", b"DLH123", 8
    own = row >= size - round(case.own * size)
    column["identity"][own] += np.uint64((number + 1) << 17)
    column["longitude"][own] += 0.01 * number
    return sky


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
