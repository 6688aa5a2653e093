"""Simulated flights for exercises: transports that leave a staging area and form a stream, and quiet days before.

Everything here bears FLAG.SIMULATED and a track number for identity, never an aircraft's address. The flying is
plain: lift-off, acceleration, climb, turns of a few degrees of heading a second, great circles. How a stream
forms: each aircraft flies out less far than the one before and turns back by 180°, so that they come by the
joining point at the interval that their spacing asks for, however far apart they took off.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numpy as np

from tocsin.core import FLAG, Identity, InputError, SeededEntropy, seconds
from tocsin.core.observations import build, fill

from .sphere import bearing, destination, distance

if TYPE_CHECKING:
    from tocsin.core import Label, Observations, Realm
    from tocsin.core.times import Micros

Array = np.ndarray[Any, Any]
Place = tuple[float, float]

RHONE: Final[Place] = (46.23, 6.10)
"""The demonstration's staging area."""
EAST: Final[tuple[Place, Place]] = ((47.9, 9.0), (46.4, 11.2))
"""The demonstration's watch line."""
TOWARD: Final[Place] = (47.45, 9.66)
"""Where on that line the stream crosses."""

FIELD_M: Final = 430.0
_LIFT_OFF_MS, _CLIMB_OUT_MS = 70.0, 110.0
_TURN_M: Final = 4000.0  # radius: 2.3 degrees a second and 22 degrees of bank at 160 m/s
_STRAIGHT_M: Final = 2000.0  # that the last one flies out before its turn
_TYPES: Final = (b"C130", b"A400")


class Night(NamedTuple):
    """The demonstration's scene. Times in µs UTC: the leader's take-off, when it crosses the line, the last observation."""

    observations: Observations
    takeoff: Micros
    crossing: Micros
    ends: Micros


def night(*, feed: str, realm: Realm, label: Label, start: Micros, seed: int | str, quiet_hours: float = 0) -> Night:
    """A night from `start` on: quiet departures out of RHONE, after ten minutes a stream of twelve transports to EAST, 55 min in all.

    `quiet_hours` of departures before `start` give a surge detector its baseline.
    """
    takeoff = start + seconds(600)
    rows = transports(seed=seed, start=takeoff, staging=RHONE, toward=TOWARD)
    ends = int(rows["time"].max())
    quiet = departures(seed=seed, since=start - seconds(3600 * quiet_hours), until=ends, staging=RHONE)
    seen = quiet["time"] <= ends
    both = _by_time([rows, {name: column[seen] for name, column in quiet.items()}])
    leader = rows["identity"] == Identity.TRACK | 1
    flown = distance(RHONE[0], RHONE[1], rows["latitude"][leader], rows["longitude"][leader])
    crossing = int(rows["time"][leader][np.argmax(flown >= distance(*RHONE, *TOWARD))])
    return Night(build(feed, realm, label, len(both["time"]), **both), takeoff, crossing, ends)


def transports(
    *,
    seed: int | str,
    start: Micros,
    staging: Place,
    toward: Place,
    count: int = 12,
    spacing_m: float = 2100,
    speed_ms: float = 160,
    altitude_m: float = 5800,
    takeoff_interval_s: float = 20,
    step_s: float = 5,
    beyond_m: float = 70_000,
) -> dict[str, Array]:
    """Observation columns, by time, of `count` transports that fly from `staging` over `toward` and `beyond_m` on.

    The first takes off at `start`, each following one `takeoff_interval_s` later. In the stream they fly
    `spacing_m` apart, give or take some 200 m. Raises `InputError` for what cannot be flown: an interval too short
    for the spacing, a speed outside 110 to 250 m/s, a destination nearer than 50 km.
    """
    interval_s = spacing_m / speed_ms if speed_ms > 0 else 0.0
    if not (1 <= count <= 99 and 110 <= speed_ms <= 250 and takeoff_interval_s >= interval_s > 0 and step_s > 0):
        raise InputError(f"transports {spacing_m:g} m apart at {speed_ms:g} m/s cannot take off every {takeoff_interval_s:g} s")
    if not distance(*staging, *toward) >= 50_000:
        raise InputError("transports need 50 km or more to form a stream")
    generator = _generator(seed, "transports")
    shorter_m = (takeoff_interval_s - interval_s) * speed_ms / 2
    parts = []
    for i in range(count):
        path = _Path(staging, toward, _STRAIGHT_M + (count - 1 - i) * shorter_m, beyond_m)
        flight = _Flight(speed_ms, altitude_m, path.length, step_s)
        columns = flight.fly(generator, path)
        parts.append(_columns(columns, start + seconds(i * takeoff_interval_s), i + 1, b"LANTRN%02d" % (i + 1), _TYPES[i % 4 == 3]))
    return _by_time(parts)


def departures(
    *, seed: int | str, since: Micros, until: Micros, staging: Place, every_s: float = 1200, step_s: float = 5, minutes: float = 14
) -> dict[str, Array]:
    """Observation columns, by time, of single aircraft that leave `staging` one about every `every_s` seconds, to anywhere.

    Each is seen for its first `minutes`. It is what is usual there: the baseline that a surge stands out from.
    """
    generator = _generator(seed, "departures")
    parts = []
    takeoff, number = since + seconds(every_s * generator.uniform(0.2, 0.8)), 101
    while takeoff < until:
        speed, altitude = generator.uniform(120, 150), generator.uniform(3500, 6500)
        path = _Path(staging, destination_of(staging, generator.uniform(0, 360), 400_000), 0.0, 0.0, turn=False)
        columns = _Flight(speed, altitude, 150 * 60 * minutes, step_s, seconds=60 * minutes).fly(generator, path)
        parts.append(_columns(columns, takeoff, number, b"RHONE%03d" % (number - 100), _TYPES[number % 2]))
        takeoff, number = takeoff + seconds(every_s * generator.uniform(0.8, 1.2)), number + 1
    return _by_time(parts)


def destination_of(place: Place, course: float, metres: float) -> Place:
    """The point so far from `place` at `course`."""
    latitude, longitude = destination(*place, course, metres)
    return float(latitude), float(longitude)


class _Path:
    """Where an aircraft is by the metres it has flown: out and back by a turn, to the joining point, then the great circle."""

    def __init__(self, staging: Place, toward: Place, straight_m: float, beyond_m: float, *, turn: bool = True) -> None:
        route = float(bearing(*staging, *toward))
        out = (route + 180) % 360
        joining = destination_of(staging, route - 90, 2 * _TURN_M) if turn else staging
        turning = destination_of(staging, out, straight_m)
        self._centre = destination_of(turning, route - 90, _TURN_M)
        back = destination_of(turning, route - 90, 2 * _TURN_M)
        arc = math.pi * _TURN_M if turn else 0.0
        self._ends = straight_m, straight_m + arc, straight_m + arc + (float(distance(*back, *joining)) if turn else 0.0)
        # Each straight leg by its place among the legs: from where, on which course, how many metres before it.
        self._legs = {
            0: (staging, out, 0.0),
            2: (back, _course(back, joining, route), self._ends[1]),
            3: (joining, _course(joining, toward, route), self._ends[2]),
        }
        self._out = out
        self.length = self._ends[2] + float(distance(*joining, *toward)) + beyond_m

    def at(self, metres: Array) -> tuple[Array, Array, Array]:
        """Latitudes, longitudes and courses."""
        leg = np.searchsorted(self._ends, metres, side="right")
        latitude, longitude, course = np.empty_like(metres), np.empty_like(metres), np.empty_like(metres)
        for index, (begin, heading, before) in self._legs.items():
            rows = leg == index
            flown = metres[rows] - before
            latitude[rows], longitude[rows] = destination(*begin, heading, flown)
            # The course of a great circle changes on the way: it is that back to the start, reversed.
            back = bearing(latitude[rows], longitude[rows], *begin)
            course[rows] = np.where(flown > 1, (back + 180) % 360, heading)
        rows = leg == 1
        turned = np.degrees((metres[rows] - self._ends[0]) / _TURN_M)
        latitude[rows], longitude[rows] = destination(*self._centre, self._out - 90 + turned, _TURN_M)
        course[rows] = (self._out + turned) % 360
        return latitude, longitude, course


class _Flight:
    """Speed and height by time: lift-off, climb-out, acceleration and climb to cruise."""

    def __init__(self, speed_ms: float, altitude_m: float, length_m: float, step_s: float, *, seconds: float | None = None) -> None:
        self._step_s, self._length_m, self._seconds = step_s, length_m, seconds
        self._time = np.arange(0.0, length_m / _LIFT_OFF_MS + 1)
        climb_out = np.minimum(_LIFT_OFF_MS + 1.0 * self._time, _CLIMB_OUT_MS)
        self._speed = np.minimum(climb_out + 0.35 * np.maximum(self._time - (_CLIMB_OUT_MS - _LIFT_OFF_MS), 0), speed_ms)
        self._flown = np.concatenate([[0.0], np.cumsum((self._speed[1:] + self._speed[:-1]) / 2)])
        # 9 m/s, less as the air thins, and gently into level flight.
        height, climb = [FIELD_M], []
        for _ in self._time:
            rate = min(9.0 - height[-1] / 2000.0, max((altitude_m - height[-1]) / 30.0, 0.0))
            climb.append(rate)
            height.append(height[-1] + rate)
        self._height, self._climb = np.array(height[:-1]), np.array(climb)

    def fly(self, generator: np.random.Generator, path: _Path) -> dict[str, Array]:
        """What is seen of one such flight, every `step_s`, with the noise of a good sensor."""
        phase, period, swing = generator.uniform(0, self._step_s), generator.uniform(300, 500), generator.uniform(60, 120)
        turn = generator.uniform(0, 2 * math.pi)
        whole = float(np.interp(self._length_m, self._flown, self._time)) if self._seconds is None else self._seconds
        time = np.arange(phase, whole, self._step_s)
        # Nobody holds station to the metre: a slow swing forth and back, which grows in after take-off.
        grown = np.minimum(time / 600.0, 1.0) * swing
        angle = 2 * math.pi * time / period + turn
        flown = np.maximum(np.interp(time, self._time, self._flown) + grown * np.sin(angle), 0.0)
        speed = np.interp(time, self._time, self._speed) + grown * 2 * math.pi / period * np.cos(angle)
        latitude, longitude, course = path.at(flown)
        size = len(time)
        latitude, longitude = destination(latitude, longitude, generator.uniform(0, 360, size), np.abs(generator.normal(0, 15, size)))
        return {
            "time": np.round(time * 1e6).astype(np.int64),
            "latitude": latitude,
            "longitude": longitude,
            "altitude": np.interp(time, self._time, self._height) + generator.normal(0, 8, size),
            "speed": speed + generator.normal(0, 0.5, size),
            "course": (course + generator.normal(0, 0.4, size)) % 360,
            "climb": np.interp(time, self._time, self._climb) + generator.normal(0, 0.2, size),
        }


def _columns(columns: dict[str, Array], takeoff: Micros, number: int, callsign: bytes, kind: bytes) -> dict[str, Array]:
    size = len(columns["time"])
    same = {
        "identity": np.full(size, Identity.TRACK | number, np.uint64),
        "callsign": np.full(size, callsign, "S8"),
        "type": np.full(size, kind, "S4"),
        "accuracy": np.full(size, 30.0),
        "flags": np.full(size, FLAG.SIMULATED | FLAG.MILITARY | FLAG.AIRBORNE, np.uint16),
    }
    return fill(size, **{**columns, **same, "time": columns["time"] + takeoff})


def _by_time(parts: list[dict[str, Array]]) -> dict[str, Array]:
    whole = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]} if parts else fill(0)
    order = np.argsort(whole["time"], kind="stable")
    return {name: column[order] for name, column in whole.items()}


def _course(begin: Place, end: Place, otherwise: float) -> float:
    return float(bearing(*begin, *end)) if float(distance(*begin, *end)) > 1 else otherwise


def _generator(seed: int | str, name: str) -> np.random.Generator:
    return np.random.Generator(np.random.PCG64(int.from_bytes(SeededEntropy(seed).child(name).take(16), "big")))
