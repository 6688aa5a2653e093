"""Aircraft in stream: several in trail with like course, speed and height, evenly enough spaced."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal

import numpy as np

from ..episodes import Sighting, Timing
from ..geodesy import RADIUS_M, angle_between, mean_course
from .groups import close_pairs, large_parts, parts, rising

if TYPE_CHECKING:
    from tocsin.core.observations import Array

    from ..model import Place, Topic
    from ..scene import Scene

_TWIN_M = 150.0
_KNOT = 0.514444


class StreamParameters(Timing, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Who counts, how many make a stream (`at_least`) and how many make it beyond doubt (`full_at`), and how alike they must be.

    Spacing is between one aircraft and the next along the course; `gaps` of up to twice `spacing_max_km` are allowed, for
    an aircraft that is not seen. `beside_km`: how far to the side of the one before (wingmen, drift).
    """

    who: Literal["military", "any"] = "military"
    at_least: int = 5
    full_at: int = 10
    course_tolerance: float = 20.0
    speed_tolerance: float = 0.2
    altitude_band_m: float = 900.0
    spacing_min_km: float = 0.3
    spacing_max_km: float = 8.0
    beside_km: float = 1.5
    gaps: int = 1
    speed_min: float = 55.0
    speed_max: float = 280.0
    hold_s: float = 60.0

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 2 <= self.at_least <= self.full_at <= 500:
            raise ValueError("at_least is 2 or more, and full_at is not less")
        if not 0 < self.spacing_min_km < self.spacing_max_km <= 50 or not 0 < self.beside_km <= 20:
            raise ValueError("spacing_min_km is above 0 and below spacing_max_km, which is 50 at most; beside_km is 20 at most")
        if not (0 < self.course_tolerance <= 90 and 0 < self.speed_tolerance <= 1 and self.altitude_band_m > 0 and 0 <= self.gaps <= 5):
            raise ValueError("course_tolerance is 0 to 90 degrees, speed_tolerance 0 to 1, gaps 0 to 5")
        if not 0 <= self.speed_min < self.speed_max:
            raise ValueError("speed_min is below speed_max")


class AircraftInStream:
    """Finds streams: pairs near each other and alike, chained along their course; the longest run of each chain counts."""

    api: ClassVar[int] = 1
    Parameters: ClassVar[type[Timing]] = StreamParameters

    def __init__(self, topic: Topic, parameters: StreamParameters) -> None:
        self.places: tuple[Place, ...] = topic.places_of("staging")
        self._p = parameters

    def step(self, scene: Scene) -> list[Sighting]:
        """One sighting for each stream, told by its members."""
        p, speed = self._p, scene["speed"]
        use = scene.who(p.who) & scene.airborne & (speed >= p.speed_min) & (speed <= p.speed_max) & np.isfinite(scene["course"])
        rows = np.flatnonzero(use)
        if len(rows) < p.at_least:
            return []
        pairs = self._alike(scene, rows)
        part = parts(pairs, len(rows))
        runs = (self._longest_run(scene, rows[part == index]) for index in large_parts(part, p.at_least))
        return [run for run in runs if run is not None]

    def _alike(self, scene: Scene, rows: Array) -> Array:
        # Pairs of candidates that could be one and the next of a stream, as indexes into `rows`; one may be missing between them.
        p = self._p
        pairs = close_pairs(scene.position[rows], 2000.0 * p.spacing_max_km)
        one, two = rows[pairs[:, 0]], rows[pairs[:, 1]]
        speed, height = scene["speed"].astype("f8"), scene["altitude"]
        like = angle_between(scene["course"][one], scene["course"][two]) <= p.course_tolerance
        like &= np.abs(speed[one] - speed[two]) <= p.speed_tolerance * np.maximum(speed[one], speed[two])
        # An unknown height is unlike none.
        like &= ~(np.abs(height[one] - height[two]) > p.altitude_band_m)
        pairs, one, two = pairs[like], one[like], two[like]
        if not len(pairs):
            return pairs
        way = scene.heading(one) + scene.heading(two)
        way /= np.linalg.norm(way, axis=1, keepdims=True)
        apart = (scene.position[two] - scene.position[one]) * RADIUS_M
        along = np.abs(np.einsum("ij,ij->i", apart, way))
        beside = np.sqrt(np.maximum(0.0, np.einsum("ij,ij->i", apart, apart) - along**2))
        in_trail: Array = pairs[beside <= np.maximum(1000.0 * p.beside_km, 0.25 * along)]
        return in_trail

    def _longest_run(self, scene: Scene, rows: Array) -> Sighting | None:
        p = self._p
        way = scene.heading(rows).sum(axis=0)
        along = scene.position[rows] @ (way / np.linalg.norm(way)) * RADIUS_M
        order = np.argsort(-along, kind="stable")
        rows, along = rows[order], along[order]
        step = -np.diff(along)
        wide = np.flatnonzero(step > 1000.0 * p.spacing_max_km)
        # Between the gap before the run and the one after it lie `gaps` that the run may have.
        edges = [-1, *wide.tolist(), len(rows) - 1]
        runs = [(edges[i] + 1, edges[min(i + 1 + p.gaps, len(edges) - 1)] + 1) for i in range(len(edges) - 1)]
        start, end = max(runs, key=lambda run: (run[1] - run[0], -run[0]))
        rows, step = rows[start:end], step[start : end - 1]
        apart = np.linalg.norm(np.diff(scene.position[rows], axis=0), axis=1) * RADIUS_M
        # The same aircraft seen twice, as a radar's and as a transponder's track, is one.
        distinct = apart >= _TWIN_M
        count = 1 + int(distinct.sum())
        if count < p.at_least:
            return None
        # Wingmen fly beside one another: the stream is of their pairs and threes, at least half as many as aircraft.
        between = step[step >= 1000.0 * p.spacing_min_km]
        if len(between) + 1 < max(2, p.at_least / 2):
            return None
        return self._sighting(scene, rows, count, float(np.median(between)), float(np.std(between)))

    def _sighting(self, scene: Scene, rows: Array, count: int, spacing: float, spread: float) -> Sighting:
        p = self._p
        course, speed = mean_course(scene["course"][rows]), float(np.mean(scene["speed"][rows]))
        heights = scene["altitude"][rows]
        known = heights[np.isfinite(heights)]
        measures = {"count": float(count), "course": course, "speed_ms": speed, "spacing_m": spacing, "spread_m": spread}
        at = ""
        if len(known):
            measures["altitude_m"] = float(np.median(known))
            at = f", FL{measures['altitude_m'] / 30.48:03.0f}"
        return Sighting(
            rows=rows,
            members=frozenset(scene.key[rows].tolist()),
            count=count,
            strength=rising(count, p.at_least, p.full_at),
            text=f"{count} in trail, {spacing / 1000:.1f} km ± {spread / 1000:.1f}, course {round(course) % 360:03d}°, "
            f"{speed / _KNOT:.0f} kt{at}: like course, speed and height",
            measures=measures,
            how="in a stream",
        )
