"""Interference areas: many aircraft in one area whose positions have just become unsure, as jamming of satellite navigation makes them."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Final

import numpy as np

from ..episodes import Sighting, Timing
from ..geodesy import distances_m
from ..scene import Memory
from .groups import large_parts, parts, rising

if TYPE_CHECKING:
    from tocsin.core.observations import Array

    from ..model import Place, Topic
    from ..scene import Scene

_NULL: Final = 255


class InterferenceParameters(Timing, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Of the aircraft in a cell of `cell_km` that had a navigation integrity (NIC) of `good` or more within `memory_minutes`, a share.

    A sighting needs `at_least` of them that are now below `bad`, and `share` of all such aircraft in the cell. Those that were never good
    have old equipment and say nothing. Cells that touch are one area. `near_km`: how near to one of `places` it must be, if any are named.
    """

    places: tuple[str, ...] = ()
    near_km: float = 500.0
    cell_km: float = 100.0
    at_least: int = 3
    full_at: int = 10
    share: float = 0.3
    good: int = 7
    bad: int = 5
    memory_minutes: float = 60.0
    hold_s: float = 60.0
    quiet_s: float = 600.0

    def __post_init__(self) -> None:
        super().__post_init__()
        if not (1 <= self.at_least <= self.full_at <= 500 and 10 <= self.cell_km <= 1000 and 0 < self.share <= 1):
            raise ValueError("at_least is 1 or more and full_at not less, cell_km 10 to 1000, share above 0 and at most 1")
        if not (0 < self.bad <= self.good <= 11 and 1 <= self.memory_minutes <= 1440):
            raise ValueError("bad is above 0 and no more than good, which is at most 11; memory_minutes 1 to 1440")


class InterferenceAreas:
    """Compares each aircraft's integrity with the best that it had itself."""

    api: ClassVar[int] = 1
    Parameters: ClassVar[type[Timing]] = InterferenceParameters

    def __init__(self, topic: Topic, parameters: InterferenceParameters) -> None:
        self._p = parameters
        self._near = tuple(p for p in topic.places if p.name in parameters.places)
        self.places: tuple[Place, ...] = self._near or topic.places_of("line")
        self._best = Memory(parameters.memory_minutes * 60, best=np.int16(-1))

    def step(self, scene: Scene) -> list[Sighting]:
        """One sighting for each area."""
        p = self._p
        rows = np.flatnonzero((scene["integrity"] != _NULL) & scene.airborne)
        if not len(rows):
            return []
        key, now = scene.key[rows], scene["integrity"][rows].astype("i2")
        _, best = self._best.recall(key)
        was_good = best["best"] >= p.good
        self._best.keep(key, scene.now, best=np.maximum(best["best"], now))
        judged = rows[was_good | (now >= p.good)]
        bad = scene["integrity"][judged] < p.bad
        if int(bad.sum()) < p.at_least:
            return []
        return self._areas(scene, judged, bad)

    def _areas(self, scene: Scene, rows: Array, bad: Array) -> list[Sighting]:
        p = self._p
        # Rows of cells a fixed height high; in each as many cells round the globe as keep their width.
        high = p.cell_km / 111.2
        band = np.floor(scene["latitude"][rows] / high).astype("i8")
        wide = high / np.maximum(np.cos(np.radians((band + 0.5) * high)), 0.05)
        cell = band * 100_000 + np.floor(scene["longitude"][rows] % 360.0 / wide).astype("i8")
        cells, of = np.unique(cell, return_inverse=True)
        whole, spoilt = np.bincount(of), np.bincount(of, weights=bad)
        hit = np.flatnonzero((spoilt >= p.at_least) & (spoilt >= p.share * whole))
        if not len(hit):
            return []
        neighbours = [(i, j) for i in range(len(hit)) for j in range(i) if _touch(int(cells[hit[i]]), int(cells[hit[j]]))]
        part = parts(np.array(neighbours, np.int64).reshape(-1, 2), len(hit))
        found = []
        for index in large_parts(part, 1):
            mine = rows[np.isin(of, hit[part == index]) & bad]
            if self._is_near(scene.position[mine]):
                found.append(self._sighting(scene, mine, int(whole[hit[part == index]].sum())))
        return found

    def _is_near(self, position: Array) -> bool:
        away = [float(distances_m(position, point).min()) for place in self._near for point in place.points]
        return not away or min(away) <= 1000.0 * self._p.near_km

    def _sighting(self, scene: Scene, rows: Array, whole: int) -> Sighting:
        count = len(rows)
        return Sighting(
            rows=rows,
            members=frozenset(scene.key[rows].tolist()),
            count=count,
            strength=rising(count, self._p.at_least, self._p.full_at),
            text=f"{count} of {whole} aircraft in one area have lost the integrity of their positions",
            measures={"count": float(count), "share": count / max(1, whole)},
            does="lost the integrity of their positions",
        )


def _touch(one: int, other: int) -> bool:
    band, cell = divmod(one, 100_000)
    band2, cell2 = divmod(other, 100_000)
    return abs(band - band2) <= 1 and abs(cell - cell2) <= 1
