"""Convergence: transports that gather at staging areas, more than is usual there at that hour of the week."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, ClassVar, Final, Literal, NamedTuple

import numpy as np

from tocsin.core.times import SECOND

from ..baseline import Baseline
from ..episodes import Sighting, Timing
from ..geodesy import distances_m
from ..scene import Memory
from ..words import hour_of_week
from .groups import rising

if TYPE_CHECKING:
    from tocsin.core import Label
    from tocsin.core.observations import Array
    from tocsin.core.times import Micros

    from ..model import Place, Topic
    from ..scene import Scene

_KEEP_S: Final = 2 * 3600.0


class ConvergenceParameters(Timing, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A convergence is `at_least` arrivals in `window_minutes` at one staging area, of a probability of `p_value` at most by what is usual.

    An arrival is an aircraft that was seen `from_km` outside an area and is then inside it, below `ceiling_m` or on the ground.
    """

    places: tuple[str, ...] = ()
    who: Literal["military", "any"] = "military"
    at_least: int = 4
    full_at: int = 10
    window_minutes: float = 120.0
    p_value: float = 1e-3
    usual_per_hour: float = 0.4
    prior_hours: float = 4.0
    from_km: float = 25.0
    ceiling_m: float = 3000.0
    hold_s: float = 0.0
    quiet_s: float = 1200.0

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 1 <= self.at_least <= self.full_at <= 500:
            raise ValueError("at_least is 1 or more, and full_at is not less")
        if not (5 <= self.window_minutes <= 1440 and 0 < self.p_value < 0.5):
            raise ValueError("window_minutes is 5 to 1440, p_value above 0 and below 0.5")
        if not (0 < self.usual_per_hour <= 200 and 0.1 <= self.prior_hours <= 1000 and 0 <= self.from_km <= 500):
            raise ValueError("usual_per_hour is above 0 and at most 200, prior_hours 0.1 to 1000, from_km 0 to 500")


class _Arrival(NamedTuple):
    time: Micros
    key: int
    labels: frozenset[Label]


class _Area:
    def __init__(self, place: Place, parameters: ConvergenceParameters) -> None:
        self.place = place
        self.log: deque[_Arrival] = deque(maxlen=4096)
        self.outside = Memory(_KEEP_S, far=np.bool_(False))
        self.baseline = Baseline(parameters.usual_per_hour, parameters.prior_hours)
        self.slot: int | None = None
        self.count = 0
        self.learned: frozenset[Label] = frozenset()


class Convergence:
    """Counts arrivals at each staging area, each aircraft once, against what is usual there."""

    api: ClassVar[int] = 1
    Parameters: ClassVar[type[Timing]] = ConvergenceParameters

    def __init__(self, topic: Topic, parameters: ConvergenceParameters) -> None:
        self.places: tuple[Place, ...] = topic.places_of("staging", parameters.places)
        self._p = parameters
        self._areas = [_Area(place, parameters) for place in self.places]

    def step(self, scene: Scene) -> list[Sighting]:
        """One sighting for each staging area where more gather than is usual."""
        rows = np.flatnonzero(scene.who(self._p.who))
        key, position, height = scene.key[rows], scene.position[rows], scene["altitude"][rows]
        low = ~scene.airborne[rows] | (height <= self._p.ceiling_m)
        found = []
        for area in self._areas:
            arrived = self._arrived(scene, area, rows, key, position, low) if len(rows) or len(area.outside) else rows
            if (sighting := self._count(scene, area, arrived)) is not None:
                found.append(sighting)
        return found

    def _arrived(self, scene: Scene, area: _Area, rows: Array, key: Array, position: Array, low: Array) -> Array:
        apart = distances_m(position, area.place.points[0]) - 1000.0 * (area.place.radius_km or 0.0)
        _, before = area.outside.recall(key)
        arrives = before["far"] & (apart <= 0) & low
        far = (before["far"] | (apart >= 1000.0 * self._p.from_km)) & ~arrives
        area.outside.keep(key, scene.now, far=far)
        arrived: Array = rows[arrives]
        return arrived

    def _count(self, scene: Scene, area: _Area, rows: Array) -> Sighting | None:
        p, window = self._p, round(self._p.window_minutes * 60 * SECOND)
        for row in rows.tolist():
            area.log.append(_Arrival(scene.now, int(scene.key[row]), scene.labels(np.array([row]))))
        while area.log and area.log[0].time <= scene.now - window:
            area.log.popleft()
        members = frozenset(one.key for one in area.log)
        count = len(members)
        usual = area.baseline.usual(scene.now, count, window / 3.6e9) if count >= p.at_least else None
        rings = usual is not None and usual.tail <= p.p_value
        self._learn(scene, area, len(rows), window, rings=rings)
        if usual is None or not rings:
            return None
        return Sighting(
            key=area.place.name,
            rows=np.flatnonzero(np.isin(scene.key, np.fromiter(members, "u8", count))),
            members=members,
            count=count,
            strength=rising(count, p.at_least, p.full_at),
            text=f"{count} arrivals at {area.place.name} in {p.window_minutes:g} min; usual for {hour_of_week(usual.hour)}: "
            + (f"{usual.low} to {usual.high}" if usual.high > usual.low else f"{usual.low}"),
            place=area.place.name,
            measures={"count": float(count), "usual_low": float(usual.low), "usual_high": float(usual.high), "tail": usual.tail},
            labels=area.learned.union(*(one.labels for one in area.log)),
            since=area.log[0].time,
            does=f"gather at staging {area.place.name}",
        )

    def _learn(self, scene: Scene, area: _Area, count: int, window: Micros, *, rings: bool) -> None:
        slot = scene.now // window
        if area.slot is not None and slot != area.slot:
            # A gathering is not usual, and what nobody watched teaches nothing.
            if not rings and scene.watched(area.place):
                area.baseline.learn(area.slot * window, area.count, window / 3.6e9)
                area.learned = area.learned.union(*(one.labels for one in area.log))
            area.count = 0
        area.slot = slot
        area.count += count
