"""Distances, bearings and destinations on the sphere, for whole columns at once.

Formulas: haversine and the direct problem on a sphere of the Earth's mean radius (Moritz, GRS 80), within
0.6 % of the ellipsoid at any distance. Degrees in and out, metres.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

Array = np.ndarray[Any, Any]
EARTH_M: Final = 6_371_008.8


def distance(latitude: ArrayLike, longitude: ArrayLike, to_latitude: ArrayLike, to_longitude: ArrayLike) -> Array:
    """Metres between points."""
    a, b = np.radians(np.asarray(latitude, float)), np.radians(np.asarray(to_latitude, float))
    across = np.sin(np.radians(np.subtract(to_longitude, longitude)) / 2)
    along = np.sin((b - a) / 2)
    return np.asarray(2 * EARTH_M * np.arcsin(np.sqrt(np.minimum(along**2 + np.cos(a) * np.cos(b) * across**2, 1.0))))


def bearing(latitude: ArrayLike, longitude: ArrayLike, to_latitude: ArrayLike, to_longitude: ArrayLike) -> Array:
    """Degrees true, 0 to 360, in which the great circle from the first points to the others sets out."""
    a, b = np.radians(np.asarray(latitude, float)), np.radians(np.asarray(to_latitude, float))
    turn = np.radians(np.subtract(to_longitude, longitude))
    east = np.sin(turn) * np.cos(b)
    north = np.cos(a) * np.sin(b) - np.sin(a) * np.cos(b) * np.cos(turn)
    return np.asarray(np.degrees(np.arctan2(east, north)) % 360.0)


def destination(latitude: ArrayLike, longitude: ArrayLike, course: ArrayLike, metres: ArrayLike) -> tuple[Array, Array]:
    """Latitudes and longitudes (-180 to 180) of the points so many metres away along the great circles that set out at `course`."""
    a, turn = np.radians(np.asarray(latitude, float)), np.radians(np.asarray(course, float))
    arc = np.asarray(metres, float) / EARTH_M
    b = np.arcsin(np.sin(a) * np.cos(arc) + np.cos(a) * np.sin(arc) * np.cos(turn))
    east = np.arctan2(np.sin(turn) * np.sin(arc) * np.cos(a), np.cos(arc) - np.sin(a) * np.sin(b))
    return np.degrees(b), (np.degrees(east) + np.asarray(longitude, float) + 540.0) % 360.0 - 180.0
