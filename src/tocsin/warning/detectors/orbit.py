"""Supporting orbits: aircraft that fly to and fro over one area, as tankers, radar aircraft and jammers do beside an operation."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Final, Literal

import numpy as np

from tocsin.core.times import SECOND

from ..episodes import Sighting, Timing
from ..geodesy import RADIUS_M, distances_m
from ..scene import Memory

if TYPE_CHECKING:
    from tocsin.core.observations import Array
    from tocsin.core.times import Micros

    from ..model import Place, Topic
    from ..scene import Scene

_SAMPLES: Final = 48
_LEAST: Final = 10


class OrbitParameters(Timing, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """An orbit is flown for `minutes` within `extent_min_km` to `extent_max_km`, over a way of `laps` times there and back.

    Above `floor_m`: holding patterns of airliners are lower and shorter. `near_km`: only orbits this near to one of `places` count;
    without places all do. `who`: whose aircraft.
    """

    places: tuple[str, ...] = ()
    who: Literal["military", "any"] = "military"
    minutes: float = 24.0
    extent_min_km: float = 25.0
    extent_max_km: float = 200.0
    laps: float = 1.25
    floor_m: float = 3500.0
    near_km: float = 400.0
    hold_s: float = 60.0
    quiet_s: float = 600.0
    update_minutes: float = 15.0

    def __post_init__(self) -> None:
        super().__post_init__()
        if not (5 <= self.minutes <= 120 and 1 <= self.extent_min_km < self.extent_max_km <= 1000 and 0.5 <= self.laps <= 20):
            raise ValueError("minutes is 5 to 120, extent_min_km 1 or more and below extent_max_km (at most 1000), laps 0.5 to 20")


class SupportingOrbits:
    """Remembers each aircraft's way of the last `minutes` in even samples, and tells the ways that lead nowhere."""

    api: ClassVar[int] = 1
    Parameters: ClassVar[type[Timing]] = OrbitParameters

    def __init__(self, topic: Topic, parameters: OrbitParameters) -> None:
        self._p = parameters
        self._near = tuple(p for p in topic.places if p.kind != "area" and (not parameters.places or p.name in parameters.places))
        # Orbits are flown anywhere near; that one place is not seen does not blind this detector.
        self.places: tuple[Place, ...] = topic.places_of("line")[:1] if not parameters.places else self._near
        self._every: Micros = round(parameters.minutes * 60 * SECOND / (_SAMPLES - 1))
        self._ways = Memory(parameters.minutes * 60, way=np.full((_SAMPLES, 3), np.nan), at=np.zeros(_SAMPLES, np.int64))

    def step(self, scene: Scene) -> list[Sighting]:
        """One sighting for each aircraft in an orbit."""
        p = self._p
        use = scene.who(p.who) & scene.airborne & (scene["altitude"] >= p.floor_m)
        rows = np.flatnonzero(use)
        if not len(rows):
            return []
        key = scene.key[rows]
        _, ways = self._ways.recall(key)
        self._sample(scene, rows, ways)
        self._ways.keep(key, scene.now, **ways)
        found = self._orbiting(scene.now, ways) & self._is_near(scene.position[rows])
        return [self._sighting(scene, int(rows[i]), ways["way"][i], ways["at"][i]) for i in np.flatnonzero(found)]

    def _sample(self, scene: Scene, rows: Array, ways: dict[str, Array]) -> None:
        # One sample in each span of time, whatever the rate of looks.
        due = scene.now // self._every != ways["at"][:, -1] // self._every
        for name, new in (("way", scene.position[rows]), ("at", np.full(len(rows), scene.now))):
            ways[name][due, :-1] = ways[name][due, 1:]
            ways[name][due, -1] = new[due]

    def _orbiting(self, now: Micros, ways: dict[str, Array]) -> Array:
        p, span = self._p, self._p.minutes * 60 * SECOND
        fresh = (ways["at"] > 0) & (ways["at"] >= now - 1.1 * span)
        oldest = np.where(fresh, ways["at"], now).min(axis=1)
        whole = (now - oldest >= 0.95 * span) & (fresh.sum(axis=1) >= _LEAST)
        found = np.zeros(len(whole), bool)
        for at in np.flatnonzero(whole).tolist():
            flown, extent = _shape(ways["way"][at][fresh[at]])
            found[at] = p.extent_min_km <= extent <= p.extent_max_km and flown >= 2 * p.laps * extent
        return found

    def _is_near(self, position: Array) -> Array:
        if not self._near:
            return np.ones(len(position), bool)
        away = [distances_m(position, point) for place in self._near for point in place.points]
        near: Array = np.min(away, axis=0) <= 1000.0 * self._p.near_km
        return near

    def _sighting(self, scene: Scene, row: int, way: Array, at: Array) -> Sighting:
        fresh = (at > 0) & (at >= scene.now - 1.1 * self._p.minutes * 60 * SECOND)
        minutes = (scene.now - int(at[fresh].min())) / SECOND / 60
        _, extent = _shape(way[fresh])
        rows = np.array([row])
        return Sighting(
            rows=rows,
            members=frozenset(scene.key[rows].tolist()),
            count=1,
            strength=1.0,
            text=f"one aircraft has orbited over {extent:.0f} km for {minutes:.0f} min",
            measures={"count": 1.0, "extent_km": extent, "minutes": minutes},
            does="orbits",
        )


def _shape(way: Array) -> tuple[float, float]:
    """How far a way (n, 3) was flown, and over what extent, both in km."""
    flown = RADIUS_M / 1000 * float(np.linalg.norm(np.diff(way, axis=0), axis=1).sum())
    # Twice the farthest from the middle: an even way along a leg and back again has its middle halfway.
    return flown, 2 * RADIUS_M / 1000 * float(np.linalg.norm(way - way.mean(axis=0), axis=1).max())
