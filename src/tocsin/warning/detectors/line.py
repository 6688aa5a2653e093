"""Line crossing, and the approach to a line with the time at which it will be reached."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, ClassVar, Literal, NamedTuple

import numpy as np

from tocsin.core.times import SECOND

from ..episodes import Sighting, Timing
from ..geodesy import RADIUS_M, Pieces, ahead_m, angle_between, crossings, cut, lengths, mean_course
from ..scene import Memory
from ..words import clock
from .groups import close_pairs, large_parts, parts, rising

if TYPE_CHECKING:
    from tocsin.core.observations import Array
    from tocsin.core.times import Micros

    from ..model import Place, Topic
    from ..scene import Scene

_JUMP_MS = 700.0
_SIDES = {"right": 1, "left": -1, "any": 0}


class LineParameters(Timing, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`mode` crossing counts who has crossed within `window_minutes`; approach counts who will, within `horizon_minutes`.

    `places`: names of lines, none means all. An approach is a group of `at_least` on like courses, each within `group_km`
    of another, that have held their course for `steady_s`; speeds in m/s.
    """

    mode: Literal["crossing", "approach"] = "crossing"
    places: tuple[str, ...] = ()
    who: Literal["military", "any"] = "military"
    at_least: int = 3
    full_at: int = 8
    window_minutes: float = 20.0
    horizon_minutes: float = 45.0
    steady_s: float = 120.0
    steady_tolerance: float = 12.0
    group_km: float = 20.0
    course_tolerance: float = 25.0
    gap_s: float = 300.0
    speed_min: float = 55.0

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 1 <= self.at_least <= self.full_at <= 500:
            raise ValueError("at_least is 1 or more, and full_at is not less")
        if not (1 <= self.window_minutes <= 240 and 1 <= self.horizon_minutes <= 240 and 0 <= self.steady_s <= 1800):
            raise ValueError("window_minutes and horizon_minutes are 1 to 240, steady_s 0 to 1800")
        if not (0 < self.group_km <= 200 and 0 < self.course_tolerance <= 90 and 0 < self.steady_tolerance <= 90):
            raise ValueError("group_km is 0 to 200, tolerances 0 to 90 degrees")
        if not (10 <= self.gap_s <= 1800 and self.speed_min >= 1):
            raise ValueError("gap_s is 10 to 1800, speed_min 1 or more")


class _Line(NamedTuple):
    place: Place
    pieces: Pieces
    side: int


class _Crossed(NamedTuple):
    time: Micros
    key: int


class LineCrossing:
    """Watches lines. Remembers the last position of each track, so that no rate of looks misses a crossing."""

    api: ClassVar[int] = 1
    Parameters: ClassVar[type[Timing]] = LineParameters

    def __init__(self, topic: Topic, parameters: LineParameters) -> None:
        self.places: tuple[Place, ...] = topic.places_of("line", parameters.places)
        self._p = parameters
        self._lines = [_Line(place, cut(place.points), _SIDES[place.from_side]) for place in self.places]
        self._last = Memory(parameters.gap_s, position=np.zeros(3), time=np.int64(0))
        self._course = Memory(parameters.gap_s, course=np.float64(np.nan), since=np.int64(0))
        self._crossed: dict[str, deque[_Crossed]] = {place.name: deque(maxlen=4096) for place in self.places}

    def step(self, scene: Scene) -> list[Sighting]:
        """One sighting for each line that enough have crossed, or for each group that comes near one."""
        rows = np.flatnonzero(scene.who(self._p.who) & scene.airborne)
        found = self._crossings(scene, rows) if self._p.mode == "crossing" else self._approaches(scene, rows)
        return [sighting for sighting in found if sighting is not None]

    def _crossings(self, scene: Scene, rows: Array) -> list[Sighting | None]:
        key, position, time = scene.key[rows], scene.position[rows], scene["time"][rows].astype("i8")
        known, last = self._last.recall(key)
        newer = ~known | (time > last["time"])
        span = (time - last["time"]) / SECOND
        moved = lengths(position - last["position"]) * RADIUS_M
        # Faster than anything that carries troops is a jump from one aircraft to another, not a way that was flown.
        way = known & newer & (span <= self._p.gap_s) & (moved <= _JUMP_MS * np.maximum(span, 1.0)) & (moved > 0)
        for line in self._lines:
            if way.any():
                crossed = crossings(line.pieces, last["position"][way], position[way])
                hit = crossed == line.side if line.side else crossed != 0
                self._crossed[line.place.name].extend(_Crossed(scene.now, int(k)) for k in key[way][hit])
        self._last.keep(key[newer], scene.now, position=position[newer], time=time[newer])
        return [self._crossing(scene, line.place) for line in self._lines]

    def _crossing(self, scene: Scene, place: Place) -> Sighting | None:
        p, log = self._p, self._crossed[place.name]
        while log and log[0].time < scene.now - p.window_minutes * 60 * SECOND:
            log.popleft()
        members = frozenset(one.key for one in log)
        if len(members) < p.at_least:
            return None
        count = len(members)
        return Sighting(
            key=place.name,
            rows=np.flatnonzero(np.isin(scene.key, np.fromiter(members, "u8", count))),
            members=members,
            count=count,
            strength=rising(count, p.at_least, p.full_at),
            text=f"{count} crossed {place.name} since {clock(log[0].time)}",
            place=place.name,
            measures={"count": float(count)},
            since=log[0].time,
            does=f"crossed watch line {place.name}",
        )

    def _approaches(self, scene: Scene, rows: Array) -> list[Sighting | None]:
        p, speed = self._p, scene["speed"]
        rows = rows[np.isfinite(scene["course"][rows]) & (speed[rows] >= p.speed_min)]
        rows = rows[self._steady(scene, rows)]
        if len(rows) < p.at_least:
            return []
        found: list[Sighting | None] = []
        reach = float(speed[rows].max()) * p.horizon_minutes * 60.0
        heading = scene.heading(rows)
        for line in self._lines:
            distance, side = ahead_m(line.pieces, scene.position[rows], heading, reach_m=reach)
            eta_s = distance / speed[rows]
            coming = (eta_s <= p.horizon_minutes * 60.0) & ((side == line.side) | (line.side == 0))
            found += [self._approach(scene, line.place, rows[group], eta_s[group]) for group in self._groups(scene, rows, coming)]
        return found

    def _steady(self, scene: Scene, rows: Array) -> Array:
        key, course = scene.key[rows], scene["course"][rows].astype("f8")
        _, last = self._course.recall(key)
        # NaN for one never seen: it begins now. A course that has drifted past the tolerance begins anew.
        same = angle_between(course, last["course"]) <= self._p.steady_tolerance
        since = np.where(same, last["since"], scene.now)
        self._course.keep(key, scene.now, course=np.where(same, last["course"], course), since=since)
        return scene.now - since >= self._p.steady_s * SECOND

    def _groups(self, scene: Scene, rows: Array, coming: Array) -> list[Array]:
        at = np.flatnonzero(coming)
        if len(at) < self._p.at_least:
            return []
        pairs = close_pairs(scene.position[rows[at]], 1000.0 * self._p.group_km)
        course = scene["course"][rows[at]]
        pairs = pairs[angle_between(course[pairs[:, 0]], course[pairs[:, 1]]) <= self._p.course_tolerance]
        part = parts(pairs, len(at))
        return [at[part == index] for index in large_parts(part, self._p.at_least)]

    def _approach(self, scene: Scene, place: Place, rows: Array, eta_s: Array) -> Sighting:
        course, first, count = mean_course(scene["course"][rows]), float(eta_s.min()), len(rows)
        eta = scene.now + round(first) * SECOND
        lead = rows[int(np.argmin(eta_s))]
        return Sighting(
            rows=rows,
            members=frozenset(scene.key[rows].tolist()),
            count=count,
            strength=rising(count, self._p.at_least, self._p.full_at),
            text=f"{count} on course {round(course) % 360:03d}°, steady; the first reaches {place.name} at {clock(eta)}",
            place=place.name,
            measures={"count": float(count), "course": course, "eta_s": first, "distance_m": first * float(scene["speed"][lead])},
            eta=eta,
            does=f"hold course for watch line {place.name}",
        )
