"""Who may belong together: the aircraft that can be part of a group, where they are at this very moment.

A picture's plots are up to two minutes old, and each has its own age; at 200 m/s that is 24 km, more than a stream's
spacing. Here all are moved on along their course to now, and those of which nothing came for a while are kept for
four minutes, so that lost observations do not tear a group apart. Who says nothing of itself, but rose out of a staging
area, is taken for one of those that the area belongs to.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np

from tocsin.core.times import SECOND

from .geodesy import RADIUS_M, distances_m
from .operators import AIRLINES, FORCES
from .scene import Memory, among

if TYPE_CHECKING:
    from tocsin.core import Label
    from tocsin.core.observations import Array

    from .model import Place
    from .scene import Scene

MILITARY: Final = 2
"""Marked military or state, simulated, a bare radar track, of a type that air forces drop troops from, or out of a staging area."""
UNKNOWN: Final = 1
"""Says neither its type nor that it is an airline's."""
OTHER: Final = 0
_COAST_S: Final = 240.0
_ROSE_S: Final = 4 * 3600.0
_LOW_M: Final = 3000.0
_SPEEDS: Final = (55.0, 290.0)
_AIRLINES: Final = np.sort(np.array(sorted(AIRLINES), "S8").view("u8"))
_FORCES: Final = np.sort(np.array(sorted(FORCES), "S8").view("u8"))
_LETTERS: Final = np.array([b"\xff\xff\xff"], "S8").view("u8")[0]


class Candidates(NamedTuple):
    """Aircraft that may be part of a group, in flight and with a course. `row`: the scene's, -1 for one that the picture has lost.

    `position` and `heading` are unit vectors (n, 3) now; `what` MILITARY, UNKNOWN or OTHER; `first`: when it was first in the picture.
    """

    row: Array
    key: Array
    position: Array
    heading: Array
    course: Array
    speed: Array
    altitude: Array
    climb: Array
    what: Array
    label: Array

    def select(self, mask: Array) -> Candidates:
        """Some of them."""
        return Candidates(*(column[mask] for column in self))


def standing(scene: Scene) -> Array:
    """MILITARY, UNKNOWN or OTHER for each row of a scene."""
    what = np.full(len(scene), OTHER, "u1")
    blank = scene.type == 0
    if blank.any():
        what[blank] = np.where(_flies_as(scene["callsign"][blank], _AIRLINES), OTHER, UNKNOWN)
    what[scene.who("military")] = MILITARY
    return what


def of_forces(scene: Scene) -> Array:
    """Whether each row says no type, and a flight number of armed forces."""
    found: Array = np.asarray(scene.type == 0)
    if found.any():
        found[found] = _flies_as(scene["callsign"][found], _FORCES)
    return found


def _flies_as(callsign: Array, operators: Array) -> Array:
    # The designator of an operator, as a number, and a digit.
    digit = (callsign.view("u1").reshape(len(callsign), 8)[:, 3] - ord("0")).astype("u1") < 10
    found: Array = digit & among(callsign.view("u8") & _LETTERS, operators)
    return found


def anonymous(scene: Scene) -> Array:
    """Whether each row says neither its type nor anything that looks like a flight number: two or three letters and a digit."""
    found: Array = np.asarray(scene.type == 0)
    if found.any():
        callsign = scene["callsign"][found]
        digit = (callsign.view("u1").reshape(len(callsign), 8)[:, 2:4] - ord("0")).astype("u1") < 10
        found[found] = ~digit.any(axis=1)
    return found


class Company:
    """Remembers, from one look of a watch to the next, who could be part of a group. `places`: the staging areas."""

    def __init__(self, places: tuple[Place, ...] = ()) -> None:
        self.places = places
        self._rose = Memory(_ROSE_S, rose=np.bool_(False))
        self._labels: list[Label] = []
        self._lost = Memory(
            _COAST_S,
            position=np.zeros(3),
            heading=np.zeros(3),
            course=np.float64(0),
            speed=np.float64(0),
            altitude=np.float64(0),
            climb=np.float64(0),
            what=np.uint8(0),
            label=np.int64(0),
            time=np.int64(0),
        )

    def labels(self, candidates: Candidates) -> frozenset[Label]:
        """The labels of those whom the picture has lost; the others' are the scene's to say."""
        return frozenset(self._labels[i] for i in set(candidates.label[candidates.row < 0].tolist()))

    def of(self, scene: Scene) -> Candidates:
        """Those of `scene` that are not known to be somebody else's, and those of them lost of late."""
        return self._of(scene, OTHER)

    @staticmethod
    def everyone(scene: Scene) -> Candidates:
        """All that fly in `scene`, whoever they are, and none that is lost."""
        return Company()._of(scene, OTHER - 1)

    def _of(self, scene: Scene, above: int) -> Candidates:
        speed, course = scene["speed"], scene["course"]
        use = scene.airborne & (speed >= _SPEEDS[0]) & (speed <= _SPEEDS[1]) & np.isfinite(course)
        what = standing(scene)
        if above == OTHER and self.places:
            what[self._risen(scene, what)] = MILITARY
        use &= what.astype("i2") > above
        rows = np.flatnonzero(use)
        heading = scene.heading(rows)
        columns = {
            "position": scene.position[rows],
            "heading": heading,
            "course": course[rows].astype("f8"),
            "speed": speed[rows].astype("f8"),
            "altitude": scene["altitude"][rows].astype("f8"),
            "climb": scene["climb"][rows].astype("f8"),
            "what": what[rows],
            "label": self._interned(scene, rows),
            "time": scene["time"][rows].astype("i8"),
        }
        key = scene.key[rows]
        others_key, others = self._lost.others(scene.key, scene.now)
        self._lost.keep(key, scene.now, **columns)
        whole = {name: np.concatenate([column, others[name]]) for name, column in columns.items()}
        age = np.minimum(np.maximum((scene.now - whole.pop("time")) / SECOND, 0.0), 2 * _COAST_S)
        way = whole["speed"] * age / RADIUS_M
        position, heading = whole["position"], whole["heading"]
        along, ahead = np.cos(way)[:, None], np.sin(way)[:, None]
        whole["position"] = along * position + ahead * heading
        whole["heading"] = along * heading - ahead * position
        climb = np.where(np.isfinite(whole["climb"]), whole["climb"], 0.0)
        whole["altitude"] = whole["altitude"] + climb * np.minimum(age, 30.0)
        row = np.concatenate([rows, np.full(len(others_key), -1)])
        return Candidates(row=row, key=np.concatenate([key, others_key]), **whole)

    def _risen(self, scene: Scene, what: Array) -> Array:
        # Those of nobody's that were seen low, or on the ground, in a staging area.
        rows = np.flatnonzero((what == UNKNOWN) & anonymous(scene))
        key = scene.key[rows]
        _, before = self._rose.recall(key)
        low = ~scene.airborne[rows] | (scene["altitude"][rows] <= _LOW_M)
        near = np.flatnonzero(low & ~before["rose"])
        for place in self.places if len(near) else ():
            inside = distances_m(scene.position[rows[near]], place.points[0]) <= 1000.0 * (place.radius_km or 0.0)
            before["rose"][near[inside]] = True
        self._rose.keep(key, scene.now, **before)
        found: Array = rows[before["rose"]]
        return found

    def _interned(self, scene: Scene, rows: Array) -> Array:
        # The picture numbers labels anew now and then: here each keeps its number for as long as the watch lives.
        known = {label: i for i, label in enumerate(self._labels)}
        number = np.zeros(len(scene.tracks.labels) or 1, "i8")
        for i in sorted(set(scene["label_of"][rows].tolist())):
            label = scene.tracks.labels[i]
            if label not in known:
                known[label] = len(self._labels)
                self._labels.append(label)
            number[i] = known[label]
        found: Array = number[scene["label_of"][rows]]
        return found
