"""The area that a node watches. What lies outside never gets past the feed: nobody elsewhere is any of its business."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import shapely

from tocsin.core import InputError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tocsin.core import Observations

_SHAPELY: Final[Any] = shapely  # it says nothing of its types


class Fence:
    """A polygon of (latitude, longitude) points in degrees; its sides are straight on a plate carrée map.

    `dropped` counts the rows that were outside, or nowhere. Raises `InputError` for what is no simple polygon of
    three points or more, or is wider than half the world (a side across the antimeridian looks like that).
    """

    def __init__(self, points: Iterable[tuple[float, float]]) -> None:
        self.points = tuple((float(latitude), float(longitude)) for latitude, longitude in points)
        if len(set(self.points)) < 3:
            raise InputError("an area fence needs three points or more, as (latitude, longitude)")
        if not all(math.isfinite(a) and math.isfinite(b) and abs(a) <= 90 and abs(b) <= 180 for a, b in self.points):
            raise InputError("an area fence's points are latitude -90 to 90, longitude -180 to 180")
        east = [longitude for _, longitude in self.points]
        if max(east) - min(east) > 180:
            raise InputError("an area fence across the antimeridian or wider than half the world is not supported")
        self._area = _SHAPELY.Polygon([(longitude, latitude) for latitude, longitude in self.points])
        if not self._area.is_valid or not self._area.area:
            raise InputError("an area fence's sides cross each other, or hold no area")
        _SHAPELY.prepare(self._area)
        self.dropped = 0

    def keep(self, batch: Observations) -> Observations:
        """The rows inside; those on the border count as inside, those without a position as outside."""
        inside = np.asarray(_SHAPELY.intersects_xy(self._area, batch["longitude"], batch["latitude"]))
        self.dropped += len(batch) - int(inside.sum())
        return batch if inside.all() else batch.select(inside)
