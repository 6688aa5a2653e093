"""Airlift surge: more departures from a staging area than its own hour of the week explains."""

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

_KEEP_S: Final = 3600.0
_NOWHERE: Final = -1


class SurgeParameters(Timing, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A surge is `at_least` departures in `window_minutes` whose probability, by what is usual, is `p_value` at most.

    A departure is an aircraft first seen in the staging area below `ceiling_m`, or on its ground, that then climbs or leaves.
    `who` possible counts those too that say nothing of themselves, from `unknown_speed_min` m/s on.
    `usual_per_hour` is what is assumed before anything is learned, with the weight of `prior_hours` of watching.
    """

    places: tuple[str, ...] = ()
    who: Literal["military", "possible", "any"] = "military"
    at_least: int = 5
    full_at: int = 10
    window_minutes: float = 20.0
    p_value: float = 1e-4
    usual_per_hour: float = 0.3
    prior_hours: float = 4.0
    ceiling_m: float = 4500.0
    speed_min: float = 45.0
    unknown_speed_min: float = 75.0
    climb_min: float = 1.0
    hold_s: float = 0.0
    quiet_s: float = 600.0

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 1 <= self.at_least <= self.full_at <= 500:
            raise ValueError("at_least is 1 or more, and full_at is not less")
        if not (1 <= self.window_minutes <= 240 and 0 < self.p_value < 0.5):
            raise ValueError("window_minutes is 1 to 240, p_value above 0 and below 0.5")
        if not (0 < self.usual_per_hour <= 200 and 0.1 <= self.prior_hours <= 1000):
            raise ValueError("usual_per_hour is above 0 and at most 200, prior_hours 0.1 to 1000")


class _Departure(NamedTuple):
    time: Micros
    key: int
    labels: frozenset[Label]


class _Base:
    """One staging area: who left it lately, and what is usual there."""

    def __init__(self, place: Place, parameters: SurgeParameters) -> None:
        self.place = place
        self.log: deque[_Departure] = deque(maxlen=4096)
        self.baseline = Baseline(parameters.usual_per_hour, parameters.prior_hours)
        self.learned: frozenset[Label] = frozenset()
        self.slot: int | None = None
        self.slot_labels: frozenset[Label] = frozenset()
        self.count = 0
        self.looks = 0
        self.seen = 0
        self.rings = False


class AirliftSurge:
    """Counts departures from each staging area, each aircraft once an hour, and compares them with the area's own baseline."""

    api: ClassVar[int] = 1
    Parameters: ClassVar[type[Timing]] = SurgeParameters

    def __init__(self, topic: Topic, parameters: SurgeParameters) -> None:
        self.places: tuple[Place, ...] = topic.places_of("staging", parameters.places)
        self._p = parameters
        self._bases = [_Base(place, parameters) for place in self.places]
        self._window: Micros = round(parameters.window_minutes * 60 * SECOND)
        self._met = Memory(_KEEP_S, origin=np.int16(_NOWHERE), low=np.float32(np.nan), counted=np.bool_(False))

    def step(self, scene: Scene) -> list[Sighting]:
        """One sighting for each staging area out of which more leave than is usual."""
        rows = np.flatnonzero(scene.who(self._p.who))
        position, key = scene.position[rows], scene.key[rows]
        inside = [distances_m(position, base.place.points[0]) <= 1000.0 * (base.place.radius_km or 0.0) for base in self._bases]
        known, met = self._met.recall(key)
        self._meet(scene, rows, ~known, inside, met)
        leaving = self._leaving(scene, rows, inside, met)
        met["counted"] |= leaving
        met["low"] = np.fmin(met["low"], scene["altitude"][rows])
        self._met.keep(key, scene.now, **met)
        found = []
        for index, base in enumerate(self._bases):
            self._note(scene, base, rows[leaving & (met["origin"] == index)])
            if (sighting := self._surge(scene, base)) is not None:
                found.append(sighting)
        return found

    def _meet(self, scene: Scene, rows: Array, fresh: Array, inside: list[Array], met: dict[str, Array]) -> None:
        # Where an aircraft was first seen is where it came from, if it was low or on the ground there.
        height = scene["altitude"][rows]
        low = ~(height > self._p.ceiling_m) | ~scene.airborne[rows]
        for index, here in enumerate(inside):
            # One that has landed in the area leaves it afresh when it takes off.
            began = here & ((fresh & low) | (~scene.airborne[rows] & (met["origin"] != index)))
            met["origin"][began] = index
            met["counted"][began & ~fresh] = False

    def _leaving(self, scene: Scene, rows: Array, inside: list[Array], met: dict[str, Array]) -> Array:
        p, climb, height = self._p, scene["climb"][rows], scene["altitude"][rows]
        slowest = p.speed_min if p.who != "possible" else np.where(scene.who("military")[rows], p.speed_min, p.unknown_speed_min)
        flies = scene.airborne[rows] & ~(scene["speed"][rows] < slowest)
        rises = (climb >= p.climb_min) | (height >= met["low"] + 150.0)
        outside = np.zeros(len(rows), bool)
        for index, here in enumerate(inside):
            outside |= (met["origin"] == index) & ~here
        leaving: Array = (met["origin"] != _NOWHERE) & ~met["counted"] & flies & (rises | outside)
        return leaving

    def _note(self, scene: Scene, base: _Base, rows: Array) -> None:
        slot = scene.now // self._window
        if base.slot is not None and slot != base.slot:
            # What was not watched, or rang, teaches nothing: missing is not zero, and a surge is not usual.
            if base.looks and base.seen * 2 >= base.looks and not base.rings:
                base.baseline.learn(base.slot * self._window, base.count, self._window / 3.6e9)
                base.learned |= base.slot_labels
            base.count, base.looks, base.seen, base.rings, base.slot_labels = 0, 0, 0, False, frozenset()
        base.slot = slot
        base.looks += 1
        base.seen += scene.watched(base.place)
        base.count += len(rows)
        for row in rows:
            labels = scene.labels(np.array([row]))
            base.slot_labels |= labels
            base.log.append(_Departure(scene.now, int(scene.key[row]), labels))
        while base.log and base.log[0].time <= scene.now - self._window:
            base.log.popleft()

    def _surge(self, scene: Scene, base: _Base) -> Sighting | None:
        p = self._p
        members = frozenset(one.key for one in base.log)
        if (count := len(members)) < p.at_least:
            return None
        usual = base.baseline.usual(scene.now, count, self._window / 3.6e9)
        if usual.tail > p.p_value:
            return None
        base.rings = True
        return Sighting(
            key=base.place.name,
            rows=np.flatnonzero(np.isin(scene.key, np.fromiter(members, "u8", count))),
            members=members,
            count=count,
            strength=rising(count, p.at_least, p.full_at),
            text=f"{count} departures from {base.place.name} in {p.window_minutes:g} min; usual for {hour_of_week(usual.hour)}: "
            + (f"{usual.low} to {usual.high}" if usual.high > usual.low else f"{usual.low}"),
            place=base.place.name,
            measures={"count": float(count), "usual_low": float(usual.low), "usual_high": float(usual.high), "tail": usual.tail},
            labels=base.learned.union(*(one.labels for one in base.log)),
            since=base.log[0].time,
            does=f"left staging {base.place.name}",
        )
