"""Where a scene is: staging areas, a watch line before them, and ways between, anywhere on Earth."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from ..sphere import bearing, distance
from .flying import Point, off
from .form import Staging

if TYPE_CHECKING:
    from collections.abc import Sequence


class Ground(NamedTuple):
    """A scene's places. `toward` is the point of the line that they make for, `way_m` from the first staging area to it."""

    staging: tuple[Staging, ...]
    line: tuple[Point, ...]
    toward: Point
    course: float
    way_m: float

    def base(self, index: int) -> Point:
        """The middle of a staging area."""
        area = self.staging[index % len(self.staging)]
        return area.lat, area.lon


def draw_ground(rng: np.random.Generator, *, way_km: tuple[float, float] = (280.0, 700.0)) -> Ground:
    """Places drawn anywhere between 58 degrees south and 72 north: one to three staging areas, a line of two to four points."""
    first = float(rng.uniform(-58, 72)), float(rng.uniform(-180, 180))
    course, way = float(rng.uniform(0, 360)), 1000.0 * float(rng.uniform(*way_km))
    areas = [first]
    more = int(rng.choice([0, 0, 1, 2]))
    areas += [off(first, course + float(rng.uniform(80, 280)), 1000.0 * float(rng.uniform(40, 140))) for _ in range(more)]
    toward = off(first, course, way)
    along = float(bearing(*toward, *first)) + 90.0 + float(rng.uniform(-20, 20))
    reach = 1000.0 * float(rng.uniform(90, 220))
    ends = [off(toward, along, -reach * float(rng.uniform(0.7, 1.0))), off(toward, along, reach * float(rng.uniform(0.7, 1.0)))]
    middle = [off(toward, along + 90.0, float(rng.uniform(-8_000, 8_000)))] if rng.random() < 0.4 else []
    line = [ends[0], *middle, ends[1]]
    if rng.random() < 0.5:
        line.reverse()
    staging = tuple(Staging(lat=round(lat, 4), lon=round(lon, 4), radius_km=round(float(rng.uniform(15, 45)), 1)) for lat, lon in areas)
    return Ground(staging, tuple((round(lat, 4), round(lon, 4)) for lat, lon in line), toward, course, way)


def way(rng: np.random.Generator, ground: Ground, begin: Point, path: str, beyond_m: float) -> list[Point]:
    """The points from `begin` over the line and `beyond_m` on. `path`: direct, dog-leg or coastal (three bends)."""
    toward = off(ground.toward, ground.course + 90.0, float(rng.uniform(-25_000, 25_000)))
    direct = float(distance(*begin, *toward))
    course = float(bearing(*begin, *toward))
    side = 1 if rng.random() < 0.5 else -1
    if path == "dog-leg":
        points = [
            begin,
            off(off(begin, course, direct * float(rng.uniform(0.35, 0.6))), course + 90.0 * side, direct * float(rng.uniform(0.15, 0.3))),
            toward,
        ]
    elif path == "coastal":
        bends = [(0.25, 0.08), (0.5, -0.06), (0.75, 0.07)]
        points = [begin, *(off(off(begin, course, direct * a), course + 90.0 * side, direct * b) for a, b in bends), toward]
    else:
        points = [begin, toward]
    last = float(bearing(*points[-2], *toward))
    arrives = float((bearing(*toward, *points[-2]) + 180.0) % 360.0)
    points.append(off(toward, arrives if abs(arrives - last) < 90 or abs(arrives - last) > 270 else last, beyond_m))
    return points


def first_reached(line: Sequence[Point], tracks: Sequence[tuple[np.ndarray, np.ndarray, np.ndarray]]) -> float | None:
    """The earliest time (s) at which any of some flights (time, latitude, longitude) crosses the line; None if none does."""
    best: float | None = None
    for time, latitude, longitude in tracks:
        step = _crossing(line, latitude, longitude)
        if step is not None and (best is None or time[step] < best):
            best = float(time[step])
    return best


def _crossing(line: Sequence[Point], latitude: np.ndarray, longitude: np.ndarray) -> int | None:
    def unit(lat: np.ndarray, lon: np.ndarray) -> np.ndarray:
        a, b = np.radians(lat), np.radians(lon)
        return np.stack([np.cos(a) * np.cos(b), np.cos(a) * np.sin(b), np.sin(a)], axis=-1)

    flown, ends = unit(latitude, longitude), unit(*np.array(line).T)
    hits = []
    for one, two in pairwise(ends):
        normal = np.cross(one, two)
        side = flown @ normal >= 0
        change = np.flatnonzero(side[1:] != side[:-1])
        for at in change:
            here = flown[at] + flown[at + 1]
            if np.cross(one, here) @ normal >= 0 and np.cross(here, two) @ normal >= 0 and here @ (one + two) > 0:
                hits.append(int(at) + 1)
                break
    return min(hits) if hits else None
