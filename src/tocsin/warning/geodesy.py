"""Where a track crosses a line and when it will: vectorised geometry on unit vectors.

Positions become unit vectors (n-vectors, Gade 2010), on which great circles are planes through the centre:
no antimeridian and no pole is special. A watch line is first cut into pieces of at most 100 km along the
WGS 84 geodesic, between whose ends the great circle and the geodesic lie within a few metres of each other.
Distances are on a sphere of the mean radius, right to 0.6 %: good for times and groups, not for surveying.
"""

from __future__ import annotations

from functools import lru_cache
from itertools import pairwise
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np
import shapely
from geographiclib.geodesic import Geodesic

if TYPE_CHECKING:
    from tocsin.core.observations import Array

RADIUS_M: Final = 6_371_008.8
"""Mean radius of WGS 84 (2a + b) / 3, in m."""
_PIECE_M: Final = 100_000.0
_WGS84 = Geodesic.WGS84

Point = tuple[float, float]


class Pieces(NamedTuple):
    """A line cut into pieces: unit vectors of their first and last ends, and the normals of their planes; each (n, 3).

    `begin` and `end` are normals of the planes that stand across each piece at its ends: what is on both their sides is abreast of it.
    """

    first: Array
    last: Array
    normal: Array
    begin: Array
    end: Array


def vectors(latitude: Array, longitude: Array) -> Array:
    """Unit vectors (n, 3) of positions in degrees."""
    lat, lon = np.radians(np.asarray(latitude, "f8")), np.radians(np.asarray(longitude, "f8"))
    found, flat = np.empty((*lat.shape, 3)), np.cos(lat)
    found[..., 0], found[..., 1], found[..., 2] = flat * np.cos(lon), flat * np.sin(lon), np.sin(lat)
    return found


@lru_cache(maxsize=4096)
def unit(point: Point) -> Array:
    """The unit vector (3,) of a place that is asked for again and again; not to be written to."""
    found: Array = vectors(*np.array([point]).T)[0]
    found.flags.writeable = False
    return found


def headings(latitude: Array, longitude: Array, course: Array) -> Array:
    """Unit vectors (n, 3) that point along `course` (degrees true) at each position, tangent to the sphere."""
    lat, lon, way = (np.radians(np.asarray(a, "f8")) for a in (latitude, longitude, course))
    up, across = np.sin(lat), np.cos(lon)
    down, away = -up, np.sin(lon)
    north, east = np.cos(way), np.sin(way)
    found = np.empty((*lat.shape, 3))
    found[..., 0] = north * (down * across) + east * -away
    found[..., 1] = north * (down * away) + east * across
    found[..., 2] = north * np.cos(lat) + east * 0.0
    return found


def cut(points: tuple[Point, ...]) -> Pieces:
    """The line through `points` (latitude, longitude) as pieces along the geodesic."""
    fine: list[Point] = [points[0]]
    for (lat1, lon1), (lat2, lon2) in pairwise(points):
        line = _WGS84.InverseLine(lat1, lon1, lat2, lon2)  # type: ignore[no-untyped-call]
        count = max(1, int(np.ceil(line.s13 / _PIECE_M)))
        for step in range(1, count + 1):
            at = line.Position(line.s13 * step / count)
            fine.append((at["lat2"], at["lon2"]))
    ends = vectors(*np.array(fine).T)
    first, last = ends[:-1], ends[1:]
    normal = _cross(first, last)
    normal /= lengths(normal)[:, None]
    return Pieces(first, last, normal, begin=_cross(normal, first), end=_cross(last, normal))


def crossings(pieces: Pieces, before: Array, after: Array) -> Array:
    """For each way (n, 3) → (n, 3): +1 if it crosses the line from its right side to its left, -1 the other way, 0 if not.

    Sides are those of someone who looks along the line from its first point to its last. A position on the
    line itself counts as left of it, so that a way that ends there and one that begins there are one crossing.
    """
    side_before = before @ pieces.normal.T >= 0
    side_after = after @ pieces.normal.T >= 0
    way = _cross(before, after)
    ends = (way @ pieces.first.T >= 0) != (way @ pieces.last.T >= 0)
    # A plane cuts the sphere on the far side too: both must be in the hemisphere of the piece.
    near = (before + after) @ (pieces.first + pieces.last).T > 0
    crossed = (side_before != side_after) & ends & near
    signs: Array = np.where(crossed, np.where(side_after, 1, -1), 0).sum(axis=1)
    return signs


def ahead_m(pieces: Pieces, position: Array, heading: Array, *, reach_m: float) -> tuple[Array, Array]:
    """How far (m) each position (n, 3) is from the line if it keeps its heading (n, 3), and to which side it would cross.

    Infinite where it would not meet the line within `reach_m` (at most a quarter of the globe). Sides as in `crossings`.
    """
    way = _cross(position, heading)
    meet = _cross(way[:, None], pieces.normal)
    size = np.sqrt(np.add.reduce(meet * meet, axis=2))
    forward = np.einsum("ijk,ik->ij", meet, heading)
    # Of the two places where the way's plane meets the piece's, the one ahead.
    ahead = np.where(forward < 0, -1.0, 1.0) / np.where(size > 1e-12, size, 1.0)
    distance = RADIUS_M * np.arctan2(forward * ahead, np.einsum("ijk,ik->ij", meet, position) * ahead)
    past, short = (np.einsum("ijk,jk->ij", meet, end) * ahead >= 0 for end in (pieces.begin, pieces.end))
    meets = past & short & (size > 1e-12) & (distance >= 0) & (distance <= min(reach_m, RADIUS_M * np.pi / 2))
    distance[~meets] = np.inf
    nearest = distance.argmin(axis=1)
    best = distance[np.arange(len(position)), nearest]
    leftward = np.einsum("ij,ij->i", heading, pieces.normal[nearest]) > 0
    return best, np.where(np.isinf(best), 0, np.where(leftward, 1, -1)).astype("i1")


def _cross(a: Array, b: Array) -> Array:
    # numpy's own costs more in preparation than in work for the few rows that there are here.
    a0, a1, a2, b0, b1, b2 = a[..., 0], a[..., 1], a[..., 2], b[..., 0], b[..., 1], b[..., 2]
    first = a1 * b2 - a2 * b1
    found = np.empty((*first.shape, 3))
    found[..., 0], found[..., 1], found[..., 2] = first, a2 * b0 - a0 * b2, a0 * b1 - a1 * b0
    return found


def lengths(rows: Array) -> Array:
    """The lengths of vectors (n, 3): what `np.linalg.norm` gives, without its preparation."""
    found: Array = np.sqrt(np.add.reduce(rows * rows, axis=1))
    return found


def nearest_m(pieces: Pieces, position: Array) -> tuple[Array, Array]:
    """How far (m) each position (n, 3) is from the line, and on which side of its nearest piece: 1 left of it, -1 right of it."""
    height = position @ pieces.normal.T
    on = (position @ pieces.begin.T >= 0) & (position @ pieces.end.T >= 0)
    ends = np.maximum(position @ pieces.first.T, position @ pieces.last.T)
    apart = RADIUS_M * np.where(on, np.arcsin(np.minimum(np.abs(height), 1.0)), np.arccos(np.clip(ends, -1.0, 1.0)))
    row, nearest = np.arange(len(position)), apart.argmin(axis=1)
    return apart[row, nearest], np.where(height[row, nearest] >= 0, 1, -1).astype("i1")


def distances_m(position: Array, point: Point) -> Array:
    """Great-circle distances (m) of unit vectors (n, 3) from one point in degrees."""
    apart = lengths(position - unit(point))
    found: Array = 2 * RADIUS_M * np.arcsin(np.minimum(apart / 2, 1.0))
    return found


def chord(distance_m: float) -> float:
    """The straight line through the sphere of radius 1 that spans `distance_m` on the ground."""
    return float(2 * np.sin(min(distance_m / RADIUS_M, np.pi) / 2))


def angle_between(a: Array, b: Array) -> Array:
    """The smaller angle (degrees, 0 to 180) between two courses."""
    angle: Array = np.abs((a - b + 180.0) % 360.0 - 180.0)
    return angle


def mean_course(course: Array) -> float:
    """The mean of courses in degrees, 0 to 360; courses that cancel out give 0."""
    way = np.radians(np.asarray(course, "f8"))
    return float(np.degrees(np.arctan2(np.sin(way).sum(), np.cos(way).sum())) % 360.0)


def hull(latitude: Array, longitude: Array) -> tuple[Point, ...]:
    """The convex hull of positions as (latitude, longitude) points to four decimals, not closed; fewer than three stay as they are."""
    if len(latitude) == 0:
        return ()
    # Longitudes within half a turn of the first, so that a group across the antimeridian stays together.
    turn = (np.asarray(longitude, "f8") - longitude[0] + 180.0) % 360.0 - 180.0 + longitude[0]
    shape = shapely.convex_hull(shapely.multipoints(np.column_stack([turn, latitude])))  # type: ignore[no-untyped-call]
    # A ring ends where it began, which the dictionary leaves out.
    ring = shapely.get_coordinates(shape).tolist()
    return tuple(dict.fromkeys((round(y, 4), round((x + 180.0) % 360.0 - 180.0, 4)) for x, y in ring))
