"""Flying one route: where an aircraft is, how high and how fast, from take-off to the end, by plain kinematics.

A route is great circles between points; turns are rounded by averaging positions over some 40 s, which at these
speeds is a turn of two to three degrees a second. Columns are SI; µs are added by whoever places the flight in time.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from ..sphere import bearing, destination, distance

if TYPE_CHECKING:
    from collections.abc import Sequence

Array = np.ndarray[Any, Any]
Point = tuple[float, float]
_GRID_S = 5.0
_ROUND = 9


class Profile(NamedTuple):
    """How a flight goes: `cruise` m/s, `height` m, `climb` m/s; what happens `end_m` before the last point on: `end_height`, `end_speed`.

    `airborne`: it is in the air already when it is first seen. `after_m`: how far past the drop it climbs out again.
    """

    cruise: float
    height: float
    climb: float
    end_m: float = 0.0
    end_height: float = 0.0
    end_speed: float = 0.0
    after_m: float = 0.0
    airborne: bool = False
    field: float = 50.0


class Flown(NamedTuple):
    """A flight every 5 s: seconds since it began, place, height (m), speed (m/s), course (degrees) and climb (m/s)."""

    time: Array
    latitude: Array
    longitude: Array
    altitude: Array
    speed: Array
    course: Array
    climb: Array


def length(route: Sequence[Point]) -> float:
    """Metres along a route."""
    points = np.array(route)
    return float(distance(points[:-1, 0], points[:-1, 1], points[1:, 0], points[1:, 1]).sum())


def fly(route: Sequence[Point], profile: Profile) -> Flown:
    """The flight along `route`."""
    whole = length(route)
    metres = np.linspace(0.0, whole, max(8, int(whole / 500.0)))
    speed = _speed(metres, whole, profile)
    spent = np.concatenate([[0.0], np.cumsum(np.diff(metres) / ((speed[1:] + speed[:-1]) / 2))])
    time = np.arange(0.0, spent[-1], _GRID_S)
    flown = np.interp(time, spent, metres)
    latitude, longitude = _rounded(*_along(route, flown))
    altitude = _height(time, whole - flown, profile)
    course = bearing(latitude[:-1], longitude[:-1], latitude[1:], longitude[1:])
    ground = distance(latitude[:-1], longitude[:-1], latitude[1:], longitude[1:]) / _GRID_S
    return Flown(time, latitude, longitude, altitude, _last(ground), _last(course), _last(np.diff(altitude) / _GRID_S))


def at(flown: Flown, time: Array) -> Flown:
    """The same flight at other times (s), between its own."""
    here = np.clip(time / _GRID_S, 0, len(flown.time) - 1)
    low = np.minimum(here.astype(int), max(len(flown.time) - 2, 0))
    part = here - low
    high = np.minimum(low + 1, len(flown.time) - 1)

    def between(column: Array) -> Array:
        return np.asarray(column[low] + part * (column[high] - column[low]))

    def around(column: Array) -> Array:
        turn = (column[high] - column[low] + 180.0) % 360.0 - 180.0
        return np.asarray(column[low] + part * turn)

    longitude = (around(flown.longitude) + 180.0) % 360.0 - 180.0
    return Flown(
        time,
        between(flown.latitude),
        longitude,
        between(flown.altitude),
        between(flown.speed),
        around(flown.course) % 360.0,
        between(flown.climb),
    )


def beside(flown: Flown, metres: float, up: float) -> Flown:
    """The same flight, so many metres to the right and higher."""
    latitude, longitude = destination(flown.latitude, flown.longitude, flown.course + 90.0, np.full(len(flown.time), metres))
    return flown._replace(latitude=latitude, longitude=longitude, altitude=np.maximum(flown.altitude + up, 0.0))


def off(point: Point, course: float, metres: float) -> Point:
    """The point so far from another."""
    latitude, longitude = destination(*point, course, metres)
    return float(latitude), float(longitude)


def detour(begin: Point, end: Point, extra_m: float, side: int) -> Point:
    """A point between two by which the way is `extra_m` longer."""
    direct = float(distance(*begin, *end))
    half = (direct + max(extra_m, 0.0)) / 2
    middle = off(begin, float(bearing(*begin, *end)), direct / 2)
    return off(middle, float(bearing(*begin, *end)) + 90.0 * side, float(np.sqrt(max(half**2 - (direct / 2) ** 2, 0.0))))


def _speed(metres: Array, whole: float, profile: Profile) -> Array:
    # From 75 m/s at lift-off by 0.5 m/s2 up to cruise: v^2 = v0^2 + 2 a s.
    speed = np.full(len(metres), profile.cruise)
    if not profile.airborne:
        speed = np.minimum(speed, np.sqrt(75.0**2 + 2 * 0.5 * metres))
    if profile.end_m:
        left = whole - metres
        # Slowing by 0.15 m/s2 before the end begins.
        slow = np.sqrt(profile.end_speed**2 + 2 * 0.15 * np.maximum(left - profile.end_m, 0.0))
        again = np.sqrt(profile.end_speed**2 + 2 * 0.15 * np.maximum(profile.after_m - left, 0.0))
        speed = np.minimum(speed, np.maximum(slow, again))
    return speed


def _height(time: Array, left: Array, profile: Profile) -> Array:
    height = np.full(len(time), profile.height)
    if not profile.airborne:
        height = np.minimum(height, profile.field + profile.climb * np.maximum(time - 10.0, 0.0))
    if profile.end_m:
        # Three degrees down to the end's height, and up again after it.
        down = profile.end_height + 0.052 * np.maximum(left - profile.end_m, 0.0)
        up = profile.end_height + 0.06 * np.maximum(profile.after_m - left, 0.0)
        height = np.minimum(height, np.maximum(down, up))
    return height


def _along(route: Sequence[Point], flown: Array) -> tuple[Array, Array]:
    points = np.array(route)
    legs = distance(points[:-1, 0], points[:-1, 1], points[1:, 0], points[1:, 1])
    ends = np.cumsum(legs)
    leg = np.minimum(np.searchsorted(ends, flown, side="right"), len(legs) - 1)
    before = ends[leg] - legs[leg]
    courses = bearing(points[:-1, 0], points[:-1, 1], points[1:, 0], points[1:, 1])
    return destination(points[leg, 0], points[leg, 1], courses[leg], flown - before)


def _rounded(latitude: Array, longitude: Array) -> tuple[Array, Array]:
    if len(latitude) < _ROUND + 2:
        return latitude, longitude
    lat, lon = np.radians(latitude), np.radians(longitude)
    parts = [np.cos(lat) * np.cos(lon), np.cos(lat) * np.sin(lon), np.sin(lat)]
    half = _ROUND // 2
    x, y, z = (np.convolve(np.pad(p, half, mode="reflect", reflect_type="odd"), np.full(_ROUND, 1 / _ROUND), "valid") for p in parts)
    return np.degrees(np.arctan2(z, np.hypot(x, y))), np.degrees(np.arctan2(y, x))


def _last(column: Array) -> Array:
    return np.append(column, column[-1]) if len(column) else np.zeros(1)
