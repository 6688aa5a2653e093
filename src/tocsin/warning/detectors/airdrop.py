"""Airdrop profile: a slow, level run-in at the height of a drop, then a turn back and a climb."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, ClassVar, Literal, NamedTuple

import numpy as np

from tocsin.core.times import SECOND

from ..episodes import Sighting, Timing
from ..geodesy import angle_between, distances_m
from ..scene import Memory
from .groups import close_pairs, large_parts, parts, rising

if TYPE_CHECKING:
    from tocsin.core.observations import Array
    from tocsin.core.times import Micros

    from ..model import Place, Topic
    from ..scene import Scene


class AirdropParameters(Timing, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Two profiles. Static line: below `low_m` (pressure altitude; the ground below is not known) at `slow_min` to `slow_max` m/s.

    Free fall: above `high_m`, slower than `high_slow_max`. Either is level (no more than `level_ms` of climb or descent) on one course for
    `run_s`; then within `after_s` the course turns by `turn` degrees and, from a low run, the aircraft climbs by `climb_m`.
    Speeds and heights after US Army TC 3-21.220, Static Line Parachuting Techniques and Training: 110 to 150 knots, 500 to 1,500 feet.
    """

    who: Literal["military", "any"] = "military"
    places: tuple[str, ...] = ()
    near_km: float = 300.0
    at_least: int = 2
    full_at: int = 6
    low_m: float = 900.0
    slow_min: float = 50.0
    slow_max: float = 85.0
    high_m: float = 3000.0
    high_slow_max: float = 115.0
    level_ms: float = 2.5
    run_s: float = 45.0
    after_s: float = 360.0
    turn: float = 90.0
    climb_m: float = 200.0
    steady: float = 15.0
    group_km: float = 60.0
    window_minutes: float = 30.0
    hold_s: float = 0.0
    quiet_s: float = 900.0

    def __post_init__(self) -> None:
        super().__post_init__()
        if not (1 <= self.at_least <= self.full_at <= 500 and 0 < self.low_m < self.high_m and 10 <= self.slow_min < self.slow_max):
            raise ValueError("at_least is 1 or more and full_at not less, low_m below high_m, slow_min 10 or more and below slow_max")
        if not (10 <= self.run_s <= 900 and 30 <= self.after_s <= 1800 and 30 <= self.turn <= 180):
            raise ValueError("run_s is 10 to 900, after_s 30 to 1800, turn 30 to 180 degrees")


class _Drop(NamedTuple):
    time: Micros
    key: int
    position: Array


class AirdropProfile:
    """Follows each aircraft through run-in, turn and climb; those that did it near each other are one sighting."""

    api: ClassVar[int] = 1
    Parameters: ClassVar[type[Timing]] = AirdropParameters

    def __init__(self, topic: Topic, parameters: AirdropParameters) -> None:
        self._p = parameters
        self.places: tuple[Place, ...] = tuple(
            p for p in topic.places if (p.name in parameters.places if parameters.places else p.kind in {"line", "area"})
        )
        self._memory = Memory(
            parameters.after_s,
            begun=np.int64(0),
            course=np.float64(np.nan),
            height=np.float64(np.nan),
            ended=np.int64(0),
            low=np.bool_(False),
            where=np.zeros(3),
        )
        self._drops: deque[_Drop] = deque(maxlen=2048)

    def step(self, scene: Scene) -> list[Sighting]:
        """One sighting for each group of aircraft that have flown the profile near each other lately."""
        p = self._p
        rows = np.flatnonzero(scene.who(p.who) & scene.airborne & np.isfinite(scene["course"]) & np.isfinite(scene["altitude"]))
        if len(rows):
            rows = rows[self._is_near(scene.position[rows])]
        if len(rows):
            self._follow(scene, rows)
        while self._drops and self._drops[0].time < scene.now - p.window_minutes * 60 * SECOND:
            self._drops.popleft()
        return self._groups(scene)

    def _is_near(self, position: Array) -> Array:
        if not self.places:
            return np.ones(len(position), bool)
        away = [distances_m(position, point) for place in self.places for point in place.points]
        near: Array = np.min(away, axis=0) <= 1000.0 * self._p.near_km
        return near

    def _follow(self, scene: Scene, rows: Array) -> None:
        p, key = self._p, scene.key[rows]
        _, m = self._memory.recall(key)
        height, speed, course = (scene[name][rows].astype("f8") for name in ("altitude", "speed", "course"))
        level = ~(np.abs(scene["climb"][rows]) > p.level_ms)
        low = (height <= p.low_m) & (speed >= p.slow_min) & (speed <= p.slow_max)
        high = (height >= p.high_m) & (speed <= p.high_slow_max) & (speed >= p.slow_min)
        same = (angle_between(course, m["course"]) <= p.steady) & (np.abs(height - m["height"]) <= 120.0)
        runs = level & (low | high)
        running, starts = runs & same & (m["begun"] > 0), runs & ~(same & (m["begun"] > 0))
        long_enough = (m["begun"] > 0) & (scene.now - m["begun"] >= p.run_s * SECOND)
        m["ended"] = np.where(running & long_enough, scene.now, m["ended"])
        m["low"] = np.where(running, low, m["low"])
        m["where"][running] = scene.position[rows][running]
        done = ~running & (m["ended"] > 0) & (scene.now - m["ended"] <= p.after_s * SECOND)
        done &= (angle_between(course, m["course"]) >= p.turn) & (~m["low"] | (height - m["height"] >= p.climb_m))
        self._drops.extend(_Drop(scene.now, int(key[i]), m["where"][i].copy()) for i in np.flatnonzero(done))
        # A run that is too short, or whose turn never came, is forgotten; another begins afresh.
        over = done | (~running & (m["ended"] > 0) & (scene.now - m["ended"] > p.after_s * SECOND)) | (~running & (m["ended"] == 0))
        for name, null in (("begun", 0), ("ended", 0), ("course", np.nan), ("height", np.nan)):
            m[name] = np.where(over, null, m[name])
        fresh = starts & (m["ended"] == 0)
        m["begun"] = np.where(fresh, scene.now, m["begun"])
        m["course"], m["height"] = np.where(fresh, course, m["course"]), np.where(fresh, height, m["height"])
        self._memory.keep(key, scene.now, **m)

    def _groups(self, scene: Scene) -> list[Sighting]:
        p = self._p
        if len(self._drops) < p.at_least:
            return []
        newest = {drop.key: drop for drop in self._drops}
        drops = list(newest.values())
        position = np.stack([drop.position for drop in drops])
        part = parts(close_pairs(position, 1000.0 * p.group_km), len(drops))
        found = []
        for index in large_parts(part, p.at_least):
            mine = [drop for drop, number in zip(drops, part, strict=True) if number == index]
            members = frozenset(drop.key for drop in mine)
            count = len(mine)
            found.append(
                Sighting(
                    rows=np.flatnonzero(np.isin(scene.key, np.fromiter(members, "u8", count))),
                    members=members,
                    count=count,
                    strength=rising(count, p.at_least, p.full_at),
                    text=f"{count} flew a slow, level run-in and turned back",
                    measures={"count": float(count)},
                    since=min(drop.time for drop in mine),
                    does="flew a drop's run-in and turned back",
                )
            )
        return found
