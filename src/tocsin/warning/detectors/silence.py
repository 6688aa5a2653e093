"""Silence: several tracks that vanish together where others are still seen."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Final, Literal

import numpy as np

from tocsin.core.times import SECOND

from ..episodes import Sighting, Timing
from ..geodesy import RADIUS_M, chord
from ..scene import among
from .groups import close_pairs, large_parts, parts, rising

if TYPE_CHECKING:
    from tocsin.core import Label
    from tocsin.core.observations import Array
    from tocsin.core.times import Micros

    from ..model import Place, Topic
    from ..scene import Scene

_NO_ROWS: Final = np.empty(0, np.int64)


class SilenceParameters(Timing, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`at_least` aircraft of `who`, each within `group_km` of another, fall silent within `together_s` of each other.

    Silent: no plot for `silent_s`. It is no lost coverage if `others` other aircraft within `near_km`, no higher than the silent
    ones, were plotted since, and no more than `lost_share` of those around fell silent too. Aircraft below `floor_m` may have landed.
    """

    who: Literal["military", "any"] = "military"
    at_least: int = 3
    full_at: int = 8
    silent_s: float = 75.0
    together_s: float = 300.0
    group_km: float = 60.0
    near_km: float = 120.0
    others: int = 3
    lost_share: float = 0.3
    floor_m: float = 1500.0
    lasts_minutes: float = 20.0
    hold_s: float = 0.0
    quiet_s: float = 300.0

    def __post_init__(self) -> None:
        super().__post_init__()
        if not (2 <= self.at_least <= self.full_at <= 500 and 20 <= self.silent_s <= 1800 and 10 <= self.together_s <= 3600):
            raise ValueError("at_least is 2 or more and full_at not less, silent_s 20 to 1800, together_s 10 to 3600")
        if not (0 < self.group_km <= 500 and 0 < self.near_km <= 1000 and self.others >= 1 and 0 <= self.lost_share < 1):
            raise ValueError("group_km is up to 500, near_km up to 1000, others 1 or more, lost_share below 1")


class _Known:
    """The last that was seen of each aircraft: what is gone from the scene is still here."""

    def __init__(self) -> None:
        self.key = np.empty(0, "u8")
        self.time = np.empty(0, "i8")
        self.position = np.empty((0, 3))
        self.height = np.empty(0)
        self.counts = np.empty(0, bool)
        self.label = np.empty(0, "i4")
        self.labels: list[Label] = []

    def take(self, scene: Scene, counts: Array, keep: Micros) -> None:
        key, first = scene.once
        # The first part of what is known is the scene of the last look: at most looks the same aircraft in the same order.
        same = len(self.key) == len(key) and bool((self.key == key).all())
        stay = np.zeros(len(key), bool) if same else (self.time >= scene.now - keep) & ~among(self.key, key)
        index = {label: i for i, label in enumerate(self.labels)}
        for label in scene.tracks.labels:
            if label not in index:
                index[label] = len(self.labels)
                self.labels.append(label)
        of = np.array([index[label] for label in scene.tracks.labels] or [0], "i4")[scene["label_of"][first]]
        self.key = np.concatenate([key, self.key[stay]])
        self.time = np.concatenate([scene["time"][first].astype("i8"), self.time[stay]])
        self.position = np.concatenate([scene.position[first], self.position[stay]])
        self.height = np.concatenate([scene["altitude"][first].astype("f8"), self.height[stay]])
        self.counts = np.concatenate([counts[first], self.counts[stay]])
        self.label = np.concatenate([of, self.label[stay]])


class Silence:
    """Remembers everyone who was seen in the last while, and tells those who fell silent from feeds that did."""

    api: ClassVar[int] = 1
    Parameters: ClassVar[type[Timing]] = SilenceParameters

    def __init__(self, topic: Topic, parameters: SilenceParameters) -> None:
        self._p = parameters
        self.places: tuple[Place, ...] = topic.places_of("line")
        self._known = _Known()
        self._keep: Micros = round((parameters.lasts_minutes * 60 + parameters.silent_s) * SECOND)

    def step(self, scene: Scene) -> list[Sighting]:
        """One sighting for each group that fell silent together."""
        p, known = self._p, self._known
        known.take(scene, scene.who(p.who) & scene.airborne, self._keep)
        age = scene.now - known.time
        gone = age >= p.silent_s * SECOND
        candidates = np.flatnonzero(gone & known.counts & ~(known.height < p.floor_m))
        if len(candidates) < p.at_least:
            return []
        pairs = close_pairs(known.position[candidates], 1000.0 * p.group_km)
        times = known.time[candidates]
        pairs = pairs[np.abs(times[pairs[:, 0]] - times[pairs[:, 1]]) <= p.together_s * SECOND]
        part = parts(pairs, len(candidates))
        groups = [candidates[part == index] for index in large_parts(part, p.at_least)]
        return [self._sighting(group) for group in groups if self._covered(group, gone)]

    def _covered(self, group: Array, gone: Array) -> bool:
        """Whether those around are still plotted: then it is they who fell silent, and not whoever looks."""
        p, known = self._p, self._known
        middle = known.position[group].mean(axis=0)
        middle /= np.linalg.norm(middle)
        around = np.linalg.norm(known.position - middle, axis=1) <= chord(1000.0 * p.near_km)
        around[group] = False
        # Lower than the silent ones and still heard: the horizon has not hidden them.
        ceiling = float(np.nanmax(known.height[group])) if np.isfinite(known.height[group]).any() else np.inf
        since = int(known.time[group].max()) + round(p.silent_s / 2 * SECOND)
        heard = around & (known.time >= since) & ~(known.height > ceiling + 300.0)
        lost = around & gone & ~(known.height < p.floor_m)
        return int(heard.sum()) >= p.others and float(lost.sum()) <= p.lost_share * float(max(1, around.sum()))

    def _sighting(self, group: Array) -> Sighting:
        p, known = self._p, self._known
        count = len(group)
        spread = RADIUS_M / 1000 * float(np.linalg.norm(known.position[group] - known.position[group].mean(axis=0), axis=1).max())
        labels = frozenset(known.labels[i] for i in np.unique(known.label[group]))
        return Sighting(
            rows=_NO_ROWS,
            members=frozenset(known.key[group].tolist()),
            count=count,
            strength=rising(count, p.at_least, p.full_at),
            text=f"{count} within {spread:.0f} km fell silent together, while others near them are still seen",
            measures={"count": float(count), "spread_km": spread},
            labels=labels,
            since=int(known.time[group].min()),
            does="fell silent together",
        )
