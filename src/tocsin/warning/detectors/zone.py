"""Zone entry: who has come into an area, or flown through a corner of it, within a window of time."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, ClassVar, Literal, NamedTuple

import numpy as np
import shapely
from shapely.geometry import Polygon

from tocsin.core.times import SECOND

from ..episodes import Sighting, Timing
from ..geodesy import RADIUS_M
from ..scene import Memory
from ..words import clock
from .groups import rising

if TYPE_CHECKING:
    from tocsin.core.observations import Array
    from tocsin.core.times import Micros

    from ..model import Place, Topic
    from ..scene import Scene

_JUMP_MS = 700.0


class ZoneParameters(Timing, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Who has entered one of `places` (areas; none means all) within `window_minutes`; `at_least` make a sighting, whole at `full_at`."""

    places: tuple[str, ...] = ()
    who: Literal["military", "any"] = "military"
    at_least: int = 3
    full_at: int = 12
    window_minutes: float = 60.0
    gap_s: float = 300.0
    quiet_s: float = 600.0

    def __post_init__(self) -> None:
        super().__post_init__()
        if not (1 <= self.at_least <= self.full_at <= 500 and 1 <= self.window_minutes <= 1440 and 10 <= self.gap_s <= 1800):
            raise ValueError("at_least is 1 or more and full_at not less, window_minutes 1 to 1440, gap_s 10 to 1800")


class Zone:
    """An area as a shape whose longitudes do not jump, and ways tested against it."""

    def __init__(self, place: Place) -> None:
        self.place = place
        self._east = place.points[0][1]
        longitude = self._turn(np.array([lon for _, lon in place.points]))
        latitude = np.array([lat for lat, _ in place.points])
        self.shape = Polygon(np.column_stack([longitude, latitude]))  # type: ignore[no-untyped-call]
        shapely.prepare(self.shape)  # type: ignore[no-untyped-call]

    def _turn(self, longitude: Array) -> Array:
        """Longitudes within half a turn of the area's first corner: no antimeridian runs through it."""
        turned: Array = (np.asarray(longitude, "f8") - self._east + 180.0) % 360.0 - 180.0 + self._east
        return turned

    def holds(self, latitude: Array, longitude: Array) -> Array:
        """Whether each position (degrees) is inside, or on the edge."""
        found: Array = shapely.intersects_xy(self.shape, self._turn(longitude), latitude)  # type: ignore[no-untyped-call]
        return found

    def met_by(self, before: Array, after: Array) -> Array:
        """Whether each way from `before` to `after` (n, 2: latitude, longitude in degrees) touches it anywhere.

        Ways are straight in latitude and longitude, which between two looks is right to some metres.
        """
        one = np.column_stack([self._turn(before[:, 1]), before[:, 0]])
        two = np.column_stack([self._turn(after[:, 1]), after[:, 0]])
        found: Array = shapely.intersects(self.shape, shapely.linestrings(np.stack([one, two], axis=1)))  # type: ignore[no-untyped-call]
        return found


class _Entered(NamedTuple):
    time: Micros
    key: int


class ZoneEntry:
    """Watches areas. An aircraft counts once while it is inside, and again when it comes back."""

    api: ClassVar[int] = 1
    Parameters: ClassVar[type[Timing]] = ZoneParameters

    def __init__(self, topic: Topic, parameters: ZoneParameters) -> None:
        self.places: tuple[Place, ...] = topic.places_of("area", parameters.places)
        self._p = parameters
        self._zones = [Zone(place) for place in self.places]
        self._last = Memory(parameters.gap_s, position=np.zeros(2), time=np.int64(0), inside=np.zeros(max(1, len(self._zones)), bool))
        self._entered: dict[str, deque[_Entered]] = {place.name: deque(maxlen=4096) for place in self.places}

    def step(self, scene: Scene) -> list[Sighting]:
        """One sighting for each area that enough have entered."""
        rows = np.flatnonzero(scene.who(self._p.who) & scene.airborne)
        key = scene.key[rows]
        position = np.column_stack([scene["latitude"][rows], scene["longitude"][rows]])
        time = scene["time"][rows].astype("i8")
        known, last = self._last.recall(key)
        newer = ~known | (time > last["time"])
        span = (time - last["time"]) / SECOND
        moved = np.radians(np.linalg.norm(position - last["position"], axis=1)) * RADIUS_M
        # Faster than anything flies, as far as a degree of latitude is long: a jump, not a way.
        way = known & newer & (span <= self._p.gap_s) & (moved <= 2 * _JUMP_MS * np.maximum(span, 1.0))
        for index, zone in enumerate(self._zones):
            inside = zone.holds(position[:, 0], position[:, 1])
            enters = newer & inside & ~last["inside"][:, index]
            through = way & ~inside & ~last["inside"][:, index]
            if through.any():
                enters[through] |= zone.met_by(last["position"][through], position[through])
            self._entered[zone.place.name].extend(_Entered(scene.now, int(k)) for k in key[enters])
            last["inside"][newer, index] = inside[newer]
        self._last.keep(key[newer], scene.now, position=position[newer], time=time[newer], inside=last["inside"][newer])
        return [found for zone in self._zones if (found := self._sighting(scene, zone.place)) is not None]

    def entered(self, place: str) -> frozenset[int]:
        """The track keys that entered a place within the window."""
        return frozenset(one.key for one in self._entered[place])

    def _sighting(self, scene: Scene, place: Place) -> Sighting | None:
        p, log = self._p, self._entered[place.name]
        while log and log[0].time < scene.now - p.window_minutes * 60 * SECOND:
            log.popleft()
        members = self.entered(place.name)
        if (count := len(members)) < p.at_least:
            return None
        return Sighting(
            key=place.name,
            rows=np.flatnonzero(np.isin(scene.key, np.fromiter(members, "u8", count))),
            members=members,
            count=count,
            strength=rising(count, p.at_least, p.full_at),
            text=f"{count} entered {place.name} since {clock(log[0].time)}",
            place=place.name,
            measures={"count": float(count)},
            since=log[0].time,
            does=f"entered {place.name}",
        )
