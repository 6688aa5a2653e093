"""Group approach: a formation, or a party that set out together, on its way to a watch line, and when it will be there.

Below 10,000 feet most keep to 250 knots (ICAO Annex 11, appendix 4): who is above flies away from who is not yet, and transports of
several types never fly alike. A party is told by where and when it set out, not by flying alike.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, NamedTuple

import numpy as np

from tocsin.core.times import HOUR, SECOND

from ..company import MILITARY
from ..episodes import Sighting, Timing
from ..geodesy import ahead_m, cut, distances_m, mean_course, nearest_m
from ..said import ANNOUNCED, weight_of
from ..scene import Memory
from ..words import clock
from .formation import TWIN_M, Formation, formations, pool
from .groups import close_pairs, median, parts
from .stream import StreamParameters, strength_of

if TYPE_CHECKING:
    from tocsin.core.observations import Array

    from ..company import Candidates
    from ..geodesy import Pieces
    from ..model import Place, Topic
    from ..scene import Scene

_KEEP_S = 3 * 3600.0
_PARTY_S = 3600.0
_SETTLED_S = 60.0
_LOW_M = 4500.0
_CLIMBS = 1.0
_SIDES = {"right": 1, "left": -1, "any": 0}


class ApproachParameters(StreamParameters, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A formation (parameters as of a stream) approaches a line if its leading `at_least` have come closer for `steady_s`.

    They must be further than `beyond_km` (or a seventh of the way, where that is short) outside every staging area, have covered
    `progress_min` of the way from the staging area that they were last in (or are nearest to), and be due within `horizon_minutes`.
    Those that are further than `wait_minutes` away, or do not point at the line, may be on a box of their own: they count from
    `progress_far` on. At `progress_full` it is beyond doubt.
    Not only formations: `party_at_least` military ones that left staging areas, low, within `party_minutes` count together, however
    they fly, while those of them that are out come closer and the others still climb.
    While an exercise is announced, only those count that come nearer to the line than was announced (`announced_km` if nothing was said).
    The topic announces it, or for `announced_hours` a claim about `exercise-announced` whose grade weighs `announced_least` (C3) or more.
    """

    horizon_minutes: float = 90.0
    steady_s: float = 180.0
    beyond_km: float = 15.0
    progress_min: float = 0.15
    progress_full: float = 0.4
    wait_minutes: float = 600.0
    progress_far: float = 0.4
    closing_min: float = 0.4
    party_at_least: int = 5
    party_minutes: float = 20.0
    announced_km: float = 40.0
    announced_hours: float = 48.0
    announced_least: float = 0.36
    hold_s: float = 30.0

    def __post_init__(self) -> None:
        super().__post_init__()
        if not (1 <= self.horizon_minutes <= 600 and 0 <= self.steady_s <= 1800 and 0 <= self.beyond_km <= 500):
            raise ValueError("horizon_minutes is 1 to 600, steady_s 0 to 1800, beyond_km 0 to 500")
        if not (1 <= self.wait_minutes <= 600 and self.progress_min <= self.progress_far <= 1):
            raise ValueError("wait_minutes is 1 to 600, progress_far at least progress_min and at most 1")
        if not (2 <= self.party_at_least <= 500 and 1 <= self.party_minutes <= 60):
            raise ValueError("party_at_least is 2 or more, party_minutes 1 to 60")
        if not (0 <= self.progress_min < self.progress_full <= 1 and 0 < self.closing_min <= 1 and 0 <= self.announced_km <= 5000):
            raise ValueError("progress_min is below progress_full, which is 1 at most; closing_min is 0 to 1, announced_km 0 to 5000")


class _Away(NamedTuple):
    """For each candidate how far (m) it is outside all staging areas, the one it came from, and when it was last low in one (0: never)."""

    outside: Array
    base: Array
    left: Array


class _Line:
    def __init__(self, place: Place, bases: tuple[Place, ...]) -> None:
        self.place = place
        self.pieces: Pieces = cut(place.points)
        self.side = _SIDES[place.from_side]
        self.from_base = np.array([float(nearest_m(self.pieces, _unit(base))[0][0]) for base in bases])
        # Since when each has come closer, and how far it was at the last look.
        self.memory = Memory(_KEEP_S, since=np.int64(0), distance=np.float64(np.nan), time=np.int64(0))


class GroupApproach:
    """Watches formations on their way from staging areas to lines."""

    api: ClassVar[int] = 1
    Parameters: ClassVar[type[Timing]] = ApproachParameters

    def __init__(self, topic: Topic, parameters: ApproachParameters) -> None:
        self._bases = topic.places_of("staging")
        lines = topic.places_of("line")
        self.places: tuple[Place, ...] = lines
        self._p = parameters
        self._like = parameters.like()
        self._lines = [_Line(place, self._bases) for place in lines]
        self._announced = topic.announced
        self._origin = Memory(_KEEP_S, base=np.int16(-1), left=np.int64(0))

    def step(self, scene: Scene) -> list[Sighting]:
        """One sighting for each formation, or party, that comes to a line."""
        some = pool(scene, self._like)
        away = self._away(scene, some)
        found = formations(scene, self._like)
        sightings: list[Sighting] = []
        for line in self._lines:
            closing = self._closing(scene, line, some)
            party = self._party(scene, some, away, closing[1])
            whole = None if party is None else self._sighting(scene, line, party, away, closing)
            each = [self._sighting(scene, line, one, away, closing) for one in found]
            sightings += [one for one in each if one is not None and (whole is None or not one.members <= whole.members)]
            sightings += [] if whole is None else [whole]
        return sightings

    def _away(self, scene: Scene, some: Candidates) -> _Away:
        if not self._bases:
            size = len(some.key)
            return _Away(np.full(size, np.inf), np.zeros(size, int), np.zeros(size, "i8"))
        apart = np.stack([distances_m(some.position, base.points[0]) - 1000.0 * (base.radius_km or 0.0) for base in self._bases])
        nearest = apart.argmin(axis=0)
        outside = apart.min(axis=0)
        _, before = self._origin.recall(some.key)
        base = np.where(outside <= 0, nearest, before["base"])
        left = np.where((outside <= 0) & ~(some.altitude > _LOW_M), scene.now, before["left"])
        self._origin.keep(some.key, scene.now, base=base.astype("i2"), left=left)
        return _Away(outside, np.where(base >= 0, base, nearest), left)

    def _party(self, scene: Scene, some: Candidates, away: _Away, since: Array) -> Formation | None:
        p = self._p
        sets_out = (away.outside <= 0) & (some.climb >= _CLIMBS) & (away.left == scene.now)
        comes = (away.outside > 0) & (scene.now - since >= _SETTLED_S * SECOND) & (scene.now - away.left <= _PARTY_S * SECOND)
        members = np.flatnonzero((sets_out | comes) & (away.left > 0) & ((some.what == MILITARY) | (p.who == "any")))
        left, least = np.sort(away.left[members]), p.party_at_least
        if len(left) < least or (left[least - 1 :] - left[: 1 - least]).min() > p.party_minutes * 60 * SECOND:
            return None
        aircraft = len(np.unique(parts(close_pairs(some.position[members], TWIN_M), len(members))))
        return Formation(members, aircraft, aircraft, np.nan, np.nan) if aircraft >= least else None

    def _closing(self, scene: Scene, line: _Line, some: Candidates) -> tuple[Array, Array, Array]:
        distance, side = nearest_m(line.pieces, some.position)
        known, last = line.memory.recall(some.key)
        span = (scene.now - last["time"]) / SECOND
        nearer = known & (last["distance"] - distance >= self._p.closing_min * some.speed * span)
        # A look may come a second after the last: over less than half a minute places are too coarse to tell.
        early = known & (span < 30.0)
        since = np.where(nearer | early, last["since"], scene.now)
        line.memory.keep(
            some.key,
            scene.now,
            since=since,
            distance=np.where(early, last["distance"], distance),
            time=np.where(early, last["time"], scene.now),
        )
        return distance, since, side

    def _sighting(self, scene: Scene, line: _Line, found: Formation, away: _Away, closing: tuple[Array, Array, Array]) -> Sighting | None:
        p, members = self._p, found.members
        distance, since, side = closing
        whole = pool(scene, self._like)
        if line.side:
            members = members[side[members] == -line.side]
        # The leading ones speak for all: of a long stream the last may not have taken off.
        need = min(p.at_least, len(found.members))
        if len(members) < need:
            return None
        lead = members[np.argsort(distance[members], kind="stable")][:need]
        steady = scene.now - np.sort(since[lead])[-(need // 2) - 1]
        outside, base, _ = away
        way = line.from_base[base[lead]] if len(self._bases) else np.full(need, np.inf)
        beyond = np.minimum(1000.0 * p.beyond_km, way / 7.0)
        if steady < p.steady_s * SECOND or (outside[lead] < beyond).sum() > need // 2:
            return None
        progress = median(1.0 - distance[lead] / np.maximum(way, 1.0)) if len(self._bases) else 1.0
        first, speed, course = float(distance[lead[0]]), float(whole.speed[lead[0]]), mean_course(whole.course[lead])
        if progress < p.progress_min or self._announced_for(scene, first):
            return None
        straight, _ = ahead_m(line.pieces, whole.position[lead], whole.heading[lead], reach_m=2.5 * first + 50_000)
        ahead = straight[np.isfinite(straight)]
        meets = 2 * len(ahead) > need
        eta_s = (float(ahead.min()) if meets else first) / max(speed, 1.0)
        if eta_s > 60.0 * p.horizon_minutes or (progress < p.progress_far and not (meets and eta_s <= 60.0 * p.wait_minutes)):
            return None
        part = min(1.0, (progress - p.progress_min) / (p.progress_full - p.progress_min))
        eta = scene.now + round(eta_s) * SECOND
        some = whole.select(found.members)
        return Sighting(
            rows=some.row[some.row >= 0],
            members=frozenset(some.key.tolist()),
            labels=scene.company.labels(some),
            count=found.aircraft,
            strength=(0.5 + 0.5 * part) * (0.6 + 0.4 * strength_of(found, p.at_least, p.full_at)),
            text=f"{found.aircraft} on course {round(course) % 360:03d}°, {'steady' if meets else 'closer and closer'}; "
            f"{100 * progress:.0f} % of the way done; the first reaches {line.place.name} at {clock(eta)}",
            place=line.place.name,
            measures={"count": float(found.aircraft), "course": course, "eta_s": eta_s, "distance_m": first, "progress": progress},
            eta=eta,
            does=f"hold course for watch line {line.place.name}" if meets else f"come closer to watch line {line.place.name}",
        )

    def _announced_for(self, scene: Scene, metres: float) -> bool:
        p = self._p
        if metres >= 1000.0 * p.announced_km and any(
            one.about == ANNOUNCED and 0 <= scene.now - one.at <= p.announced_hours * HOUR and weight_of(one.grade) >= p.announced_least
            for one in scene.told
        ):
            return True
        return any(
            one.covers(scene.now) and metres >= 1000.0 * (self._p.announced_km if one.short_of_km is None else one.short_of_km)
            for one in self._announced
        )


def _unit(base: Place) -> Array:
    latitude, longitude = np.radians(np.array(base.points[0]))
    return np.array([[np.cos(latitude) * np.cos(longitude), np.cos(latitude) * np.sin(longitude), np.sin(latitude)]])
