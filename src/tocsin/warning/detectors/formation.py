"""Formations: aircraft that fly as one, in trail or side by side, out of whoever is in the air.

Two are linked if they are near, on like courses, at like speeds and heights. How near is near depends on who they are.
Transports may follow each other at two minutes. Of aircraft that say nothing of themselves only what airliners may
not do counts: closer than the 5 nautical miles of radar separation at one level (ICAO Doc 4444, 8.7.3), or a little
more if there are many; that is also asked of those that say they are airliners, should they fly so.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

import msgspec
import numpy as np

from ..company import MILITARY, OTHER, UNKNOWN
from ..geodesy import RADIUS_M, angle_between, lengths
from .groups import close_pairs, large_parts, median, parts

if TYPE_CHECKING:
    from tocsin.core.observations import Array

    from ..company import Candidates
    from ..scene import Scene

TWIN_M: Final = 150.0
"""Two tracks that are nearer are one aircraft, seen twice."""
_SEPARATION_M: Final = 9_260.0
_WHO: Final = {"military": MILITARY, "possible": UNKNOWN, "any": OTHER}


class Like(msgspec.Struct, frozen=True):
    """How alike two must be to be linked. `who`: the least that they must be; `headway_s`: how far apart in time military ones may be.

    For those that say nothing of themselves: `unknown_km` apart, `unknown_m` in height, at least `unknown_at_least` of them.
    """

    who: str = "military"
    at_least: int = 5
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


class Formation(NamedTuple):
    """Some candidates that fly as one, the first first. `count`: without the same one twice; metres between one and the next."""

    members: Array
    aircraft: int
    military: int
    spacing: float
    spread: float


def formations(scene: Scene, like: Like) -> list[Formation]:
    """The formations of a scene, the largest first."""
    found: list[Formation] = scene.shared(("formations", like), lambda: _find(pool(scene, like), like))
    return found


def pool(scene: Scene, like: Like) -> Candidates:
    """Those out of whom formations are made; `members` are their numbers."""
    return scene.everyone if like.who == "any" else scene.candidates


def _find(whole: Candidates, like: Like) -> list[Formation]:
    use = np.flatnonzero((whole.what >= _WHO[like.who]) & (whole.speed >= like.speed_min) & (whole.speed <= like.speed_max))
    if len(use) < min(like.at_least, like.unknown_at_least):
        return []
    some = whole.select(use) if len(use) < len(whole.row) else whole
    pairs = _linked(some, _near(some, like), like)
    part = parts(pairs, len(some.row))
    least = min(like.at_least, like.unknown_at_least) if like.who != "military" else like.at_least
    runs = (_longest_run(some, np.flatnonzero(part == index), like) for index in large_parts(part, least))
    return [run._replace(members=use[run.members]) for run in runs if run is not None]


def _near(some: Candidates, like: Like) -> Array:
    """Pairs that may be linked: military ones over their whole reach, the others as near as anybody else may be to count."""
    reach = 1000.0 * max(like.spacing_max_km * (1 + min(like.gaps, 1)), like.unknown_km if like.who != "military" else 0.0)
    military = np.flatnonzero(some.what == MILITARY)
    reach = max(reach, float(some.speed[military].max(initial=0.0)) * like.headway_s)
    if like.who != "possible" or len(military) == len(some.key):
        return close_pairs(some.position, reach)
    beside = max(like.beside_km, 0.12 * like.unknown_km)
    all_near = close_pairs(some.position, min(reach, 1001.0 * float(np.hypot(like.unknown_km, beside))))
    far = military[close_pairs(some.position[military], reach)] if len(military) > 1 else np.empty((0, 2), np.int64)
    both = np.isin(np.arange(len(some.key)), military)
    return np.concatenate([all_near[~(both[all_near[:, 0]] & both[all_near[:, 1]])], far])


def _linked(some: Candidates, pairs: Array, like: Like) -> Array:
    one, two = pairs[:, 0], pairs[:, 1]
    military = (some.what[one] == MILITARY) & (some.what[two] == MILITARY)
    if like.who == "any":
        military |= True
    speed = np.maximum(some.speed[one], some.speed[two])
    ok = angle_between(some.course[one], some.course[two]) <= np.where(military, like.course_tolerance, 0.6 * like.course_tolerance)
    ok &= np.abs(some.speed[one] - some.speed[two]) <= np.where(military, like.speed_tolerance, 0.5 * like.speed_tolerance) * speed
    pairs, one, two, military, speed = pairs[ok], one[ok], two[ok], military[ok], speed[ok]
    way = some.heading[one] + some.heading[two]
    way /= np.maximum(lengths(way), 1e-12)[:, None]
    apart = (some.position[two] - some.position[one]) * RADIUS_M
    along = np.abs(np.einsum("ij,ij->i", apart, way))
    beside = np.sqrt(np.maximum(0.0, np.einsum("ij,ij->i", apart, apart) - along**2))
    far = np.where(
        military,
        np.maximum(2000.0 * like.spacing_max_km if like.gaps else 1000.0 * like.spacing_max_km, like.headway_s * speed),
        1000.0 * like.unknown_km,
    )
    ok = (along <= far) & (beside <= np.maximum(1000.0 * like.beside_km, np.where(military, 0.25, 0.12) * along))
    # One that climbs behind another is lower by what it has yet to climb; an unknown height is unlike none.
    climbing = np.maximum(np.nan_to_num(some.climb[one]), np.nan_to_num(some.climb[two]))
    room = np.where(
        military, like.altitude_band_m + (np.clip(climbing, 0.0, 15.0) * along / speed if like.headway_s else 0.0), like.unknown_m
    )
    ok &= ~(np.abs(some.altitude[one] - some.altitude[two]) > room)
    found: Array = pairs[ok]
    return found


def _longest_run(some: Candidates, rows: Array, like: Like) -> Formation | None:
    way = some.heading[rows].sum(axis=0)
    along = some.position[rows] @ (way / max(float(np.linalg.norm(way)), 1e-12)) * RADIUS_M
    order = np.argsort(-along, kind="stable")
    rows, along = rows[order], along[order]
    step = -np.diff(along)
    speed = median(some.speed[rows])
    known = some.what[rows] == MILITARY
    wide = np.flatnonzero(step > max(1000.0 * like.spacing_max_km, like.headway_s * speed))
    # Between the gap before the run and the one after it lie `gaps` that the run may have.
    edges = [-1, *wide.tolist(), len(rows) - 1]
    runs = [(edges[i] + 1, edges[min(i + 1 + like.gaps, len(edges) - 1)] + 1) for i in range(len(edges) - 1)]
    start, end = max(runs, key=lambda run: (run[1] - run[0], -run[0]))
    rows, step, known = rows[start:end], step[start : end - 1], known[start:end]
    apart = lengths(np.diff(some.position[rows], axis=0)) * RADIUS_M
    # The same aircraft seen twice, as a radar's and as a transponder's track, is one.
    distinct = np.append(True, apart >= TWIN_M)
    count, military = int(distinct.sum()), int((distinct & known).sum())
    if like.who == "any":
        military = count
    between = step[step >= 1000.0 * like.spacing_min_km]
    if not len(between) or not _enough(count, military, median(between), speed, like):
        return None
    # Wingmen fly beside one another: the stream is of their pairs and threes, at least half as many as aircraft.
    if len(between) + 1 < max(2, min(like.at_least, count) / 2):
        return None
    return Formation(rows, count, military, median(between), float(np.std(between)))


def _enough(count: int, military: int, spacing: float, speed: float, like: Like) -> bool:
    if military >= like.at_least:
        # Three relief flights may leave in a row, but hardly four at two minutes, or five at five.
        late = spacing / speed if like.headway_s else 0.0
        return military >= (4 if late > 65.0 else 0) and military >= (5 if late > 150.0 else 0)
    if like.who == "military" or count < like.unknown_at_least:
        return False
    return count > like.unknown_at_least or spacing <= _SEPARATION_M
