"""Aircraft in stream: several in trail with like course, speed and height, evenly enough spaced."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal

import numpy as np

from ..episodes import Sighting, Timing
from ..geodesy import mean_course
from .formation import Formation, Like, formations, pool
from .groups import median, rising

if TYPE_CHECKING:
    from ..model import Place, Topic
    from ..scene import Scene

_KNOT = 0.514444


class StreamParameters(Timing, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Who counts, how many make a stream (`at_least`) and how many make it beyond doubt (`full_at`), and how alike they must be.

    `who`: military (marked, of a military transport type, a bare radar track, simulated), possible (also those that say neither
    their type nor an airline's call sign), any. Spacing is between one aircraft and the next along the course; `gaps` of
    up to twice `spacing_max_km` are allowed, for an aircraft that is not seen; military ones may also be `headway_s` apart.
    `beside_km`: how far to the side of the one before (wingmen, drift). Of the others `unknown_at_least` make a stream, at
    most `unknown_km` apart and `unknown_m` in height.
    """

    who: Literal["military", "possible", "any"] = "military"
    at_least: int = 5
    full_at: int = 10
    course_tolerance: float = 20.0
    speed_tolerance: float = 0.2
    altitude_band_m: float = 900.0
    spacing_min_km: float = 0.3
    spacing_max_km: float = 8.0
    headway_s: float = 0.0
    beside_km: float = 1.5
    gaps: int = 1
    speed_min: float = 55.0
    speed_max: float = 280.0
    unknown_at_least: int = 4
    unknown_km: float = 12.5
    unknown_m: float = 450.0
    hold_s: float = 60.0

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 2 <= self.at_least <= self.full_at <= 500 or not 2 <= self.unknown_at_least <= 500:
            raise ValueError("at_least is 2 or more, and full_at is not less")
        if not 0 < self.spacing_min_km < self.spacing_max_km <= 50 or not 0 < self.beside_km <= 20:
            raise ValueError("spacing_min_km is above 0 and below spacing_max_km, which is 50 at most; beside_km is 20 at most")
        if not (0 < self.course_tolerance <= 90 and 0 < self.speed_tolerance <= 1 and self.altitude_band_m > 0 and 0 <= self.gaps <= 5):
            raise ValueError("course_tolerance is 0 to 90 degrees, speed_tolerance 0 to 1, gaps 0 to 5")
        if not 0 <= self.speed_min < self.speed_max:
            raise ValueError("speed_min is below speed_max")
        if not (0 <= self.headway_s <= 600 and 0 < self.unknown_km <= 50 and self.unknown_m > 0):
            raise ValueError("headway_s is 0 to 600, unknown_km 0 to 50, unknown_m above 0")

    def like(self) -> Like:
        """What makes two of them alike."""
        return Like(**{name: getattr(self, name) for name in Like.__struct_fields__})


class AircraftInStream:
    """Finds streams: pairs near each other and alike, chained along their course; the longest run of each chain counts."""

    api: ClassVar[int] = 1
    Parameters: ClassVar[type[Timing]] = StreamParameters

    def __init__(self, topic: Topic, parameters: StreamParameters) -> None:
        self.places: tuple[Place, ...] = topic.places_of("staging")
        self._p = parameters
        self._like = parameters.like()

    def step(self, scene: Scene) -> list[Sighting]:
        """One sighting for each stream, told by its members."""
        return [self._sighting(scene, one) for one in formations(scene, self._like)]

    def _sighting(self, scene: Scene, found: Formation) -> Sighting:
        p, some = self._p, pool(scene, self._like).select(found.members)
        course, speed = mean_course(some.course), float(np.mean(some.speed))
        known = some.altitude[np.isfinite(some.altitude)]
        measures = {
            "count": float(found.aircraft),
            "course": course,
            "speed_ms": speed,
            "spacing_m": found.spacing,
            "spread_m": found.spread,
        }
        at = ""
        if len(known):
            measures["altitude_m"] = median(known)
            at = f", FL{measures['altitude_m'] / 30.48:03.0f}"
        return Sighting(
            rows=some.row[some.row >= 0],
            members=frozenset(some.key.tolist()),
            labels=scene.company.labels(some),
            count=found.aircraft,
            strength=strength_of(found, p.at_least, p.full_at),
            text=f"{found.aircraft} in trail, {found.spacing / 1000:.1f} km ± {found.spread / 1000:.1f}, "
            f"course {round(course) % 360:03d}°, {speed / _KNOT:.0f} kt{at}: like course, speed and height",
            measures=measures,
            how="in a stream",
        )


def strength_of(found: Formation, at_least: int, full_at: int) -> float:
    """0.5 to 1 by the count; of those that say nothing of themselves each counts two thirds, but at least 0.5."""
    counted = found.military + (found.aircraft - found.military) * 2 // 3
    return rising(max(at_least, min(counted, full_at)), at_least, full_at) if full_at > at_least else 1.0
