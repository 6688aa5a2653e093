"""What detectors look at: the tracks of one moment that may be evidence here, and what is remembered of them.

A scene holds what several detectors need (unit vectors, kinds of sensing, who counts) and computes each once.
"""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any, Final, TypeVar

import numpy as np
from shapely.geometry import Point, Polygon

from tocsin.core import FLAG, Identity, Label, may_read, realms
from tocsin.core.times import SECOND

from .geodesy import RADIUS_M, headings, unit, vectors
from .model import TRANSPORTS
from .said import NOTHING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from tocsin.core import Clearance, Realm
    from tocsin.core.observations import Array
    from tocsin.core.times import Micros
    from tocsin.picture import Tracks

    from .company import Candidates, Company
    from .model import Place
    from .said import Heard

T = TypeVar("T")

KINDS: Final = ("ads-b", "mlat", "radar", "simulated", "tis-b", "count", "claim", "officer")
"""Kinds of sensing. ADS-B says whatever its sender likes; multilateration and radar measure where it came from;
counts and claims are somebody's word, an officer's sighting the floor's own."""
CLAIMED: Final = frozenset({"count", "claim"})
_TYPES = np.sort(np.array(TRANSPORTS, "S4").view("u4"))
_NAMELESS: Final = np.uint64(0xFF << 56)
_NEAR_M: Final = 60_000.0


class Scene:
    """The tracks at `now` that a view may be shown and that can be evidence in `realm`.

    Left out: what the reader may not be shown, positions that are not numbers, and in the live realm whatever is simulated: a made-up
    track never rings a real bell. `may` says by both keys whether what bears a label and is of a kind is shown; without it the label and
    `clearance` alone decide.
    """

    def __init__(
        self,
        tracks: Tracks,
        now: Micros,
        realm: Realm,
        clearance: Clearance,
        heard: Heard = NOTHING,
        company: Company | None = None,
        may: Callable[[Label, str], bool] | None = None,
    ) -> None:
        allowed = may or (lambda label, _: may_read(label, clearance))
        readable = np.array([allowed(label, "observations") for label in tracks.labels], bool)
        column = tracks.columns
        use = np.isfinite(column["latitude"]) & np.isfinite(column["longitude"])
        if len(readable):
            use &= readable[np.minimum(column["label_of"], len(readable) - 1)] & (column["label_of"] < len(readable))
        else:
            use &= False
        if not (realms.is_exercise(realm) or realms.is_replay(realm)):
            use &= column["flags"] & FLAG.SIMULATED == 0
        self.tracks = tracks if use.all() else tracks.select(use)
        self.now = now
        self._column: Mapping[str, Array] = self.tracks.columns
        self._who: dict[str, Array] = {}
        self._company = company
        self._shared: dict[object, Any] = {}
        self.series, self.told = heard.readable(allowed)

    def __len__(self) -> int:
        return len(self.tracks)

    def __getitem__(self, name: str) -> Array:
        return self._column[name]

    @cached_property
    def position(self) -> Array:
        """Unit vectors (n, 3)."""
        return vectors(self["latitude"], self["longitude"])

    @cached_property
    def key(self) -> Array:
        """A number for each track (uint64) that stays with the aircraft when its track is dropped and taken up again."""
        identity = self["identity"].astype("u8")
        return np.where(identity != 0, identity, _NAMELESS | self["number"].astype("u8"))

    @cached_property
    def once(self) -> tuple[Array, Array]:
        """Each key once, in order, and the first row of each."""
        keys, first = np.unique(self.key, return_index=True)
        return keys, first

    @cached_property
    def company(self) -> Company:
        """What the watch remembers of who may belong together; of a scene on its own nothing yet."""
        from .company import Company

        return self._company or Company()

    @cached_property
    def candidates(self) -> Candidates:
        """Who may be part of a group, at their places now."""
        return self.company.of(self)

    @cached_property
    def everyone(self) -> Candidates:
        """The same of all that fly, airliners too."""
        return self.company.everyone(self)

    def shared(self, key: object, work: Callable[[], T]) -> T:
        """What `work` gives, computed once for all detectors that ask under the same `key`."""
        if key not in self._shared:
            self._shared[key] = work()
        found: T = self._shared[key]
        return found

    @cached_property
    def airborne(self) -> Array:
        """Not known to be on the ground."""
        found: Array = self["flags"] & FLAG.ON_GROUND == 0
        return found

    @cached_property
    def kind(self) -> Array:
        """For each track an index into `KINDS`."""
        flags, what = self["flags"], self["identity"].astype("u8") & np.uint64(~Identity.NUMBER & (1 << 64) - 1)
        kind = np.full(len(self), KINDS.index("ads-b"), "u1")
        kind[(what == Identity.OTHER) | (flags & FLAG.TISB != 0)] = KINDS.index("tis-b")
        kind[flags & FLAG.MLAT != 0] = KINDS.index("mlat")
        kind[what == Identity.TRACK] = KINDS.index("radar")
        kind[flags & FLAG.SIMULATED != 0] = KINDS.index("simulated")
        return kind

    def who(self, who: str) -> Array:
        """Whose tracks count: `military` (marked military or state, simulated, bare radar tracks, military transport types, no type
        but a flight number of armed forces), or `any`.

        Between them `possible`: those too that say neither their type nor anything like a flight number.
        """
        if who not in self._who:
            if who == "any":
                self._who[who] = np.ones(len(self), bool)
            elif who == "possible":
                from .company import anonymous

                self._who[who] = self.who("military") | anonymous(self)
            else:
                from .company import of_forces

                marked = self["flags"] & (FLAG.MILITARY | FLAG.SIMULATED) != 0
                marked |= self.kind == KINDS.index("radar")
                marked |= among(self.type, _TYPES)
                self._who[who] = marked | of_forces(self)
        return self._who[who]

    @cached_property
    def type(self) -> Array:
        """The types as numbers, 0 where none is said: words of four letters take ten times as long to compare."""
        found: Array = np.ascontiguousarray(self["type"]).view("u4")
        return found

    def heading(self, rows: Array) -> Array:
        """Unit vectors (n, 3) along the course of those rows."""
        return headings(self["latitude"][rows], self["longitude"][rows], self["course"][rows])

    def labels(self, rows: Array) -> frozenset[Label]:
        """The labels of those rows."""
        return frozenset(self.tracks.labels[i] for i in set(self["label_of"][rows].tolist()))

    def feeds(self, rows: Array) -> frozenset[str]:
        """The feeds that contribute to those rows."""
        bits = int(np.bitwise_or.reduce(self["feeds"][rows].astype("u8"), initial=np.uint64(0)))
        return frozenset(name for bit, name in enumerate(self.tracks.feed_names) if bits >> bit & 1)

    def kinds(self, rows: Array) -> frozenset[str]:
        """The kinds of sensing behind those rows."""
        return frozenset(KINDS[i] for i in set(self.kind[rows].tolist()))

    def watched(self, place: Place, blind: Sequence[Place] = ()) -> bool:
        """Whether a place is seen: something flies within 60 km of each of its points, and no `blind` area covers it.

        Where nothing flies or nobody looks, silence says nothing.
        """
        reach = _NEAR_M + 1000.0 * (place.radius_km or 0.0)
        if not len(self) or any(_covers(area, place) for area in blind):
            return False
        least = np.cos(min(reach / RADIUS_M, np.pi))
        # The nearest is the one whose unit vector points most nearly the same way.
        return all(self._nearest(point) >= least for point in place.points)

    def _nearest(self, point: tuple[float, float]) -> float:
        """The cosine of the angle to the track that is nearest to a point."""
        return self.shared(("nearest", point), lambda: float((self.position @ unit(point)).max()))


def among(values: Array, ordered: Array) -> Array:
    """Which of `values` are in `ordered`, which is sorted: `np.isin` without its preparation."""
    if not len(ordered):
        return np.zeros(len(values), bool)
    at = np.searchsorted(ordered, values)
    at[at == len(ordered)] = 0
    found: Array = ordered[at] == values
    return found


class Memory:
    """Columns remembered by track key from one look to the next, for `keep_s` after a track was last seen."""

    def __init__(self, keep_s: float, **nulls: Any) -> None:
        self._keep = round(keep_s * SECOND)
        self._nulls = {name: np.asarray(null) for name, null in nulls.items()}
        self._key = np.empty(0, "u8")
        self._seen = np.empty(0, "i8")
        self._columns = {name: np.empty((0, *null.shape), null.dtype) for name, null in self._nulls.items()}

    def __len__(self) -> int:
        return len(self._key)

    def recall(self, key: Array) -> tuple[Array, dict[str, Array]]:
        """Which of `key` are remembered, and their columns: nulls for those that are not."""
        if not len(self._key):
            blank = {name: np.empty((len(key), *null.shape), null.dtype) for name, null in self._nulls.items()}
            for name, column in blank.items():
                column[:] = self._nulls[name]
            return np.zeros(len(key), bool), blank
        at = np.searchsorted(self._key, key)
        at[at == len(self._key)] = 0
        known = self._key[at] == key
        found = {name: column[at] for name, column in self._columns.items()}
        if not known.all():
            fresh = ~known
            for name, column in found.items():
                column[fresh] = self._nulls[name]
        return known, found

    def others(self, key: Array, now: Micros) -> tuple[Array, dict[str, Array]]:
        """The keys that are remembered, not too old and not among `key`, and their columns."""
        stay = self._seen >= now - self._keep
        if len(self._key):
            at = np.searchsorted(self._key, key)
            at[at == len(self._key)] = 0
            stay[at[self._key[at] == key]] = False
        return self._key[stay], {name: column[stay] for name, column in self._columns.items()}

    def keep(self, key: Array, now: Micros, **columns: Array) -> None:
        """Remember these columns for these keys; others stay until they are too old. Of a key given twice the first counts."""
        if self._renew(key, now, columns):
            return
        first = np.argsort(key, kind="stable")
        key = key[first]
        if len(key) and (again := key[1:] == key[:-1]).any():
            once = np.append(True, ~again)
            key, first = key[once], first[once]
        at = np.searchsorted(key, self._key)
        at[at == len(key)] = 0
        stay = (self._seen >= now - self._keep) & ((key[at] != self._key) if len(key) else np.True_)
        whole = np.concatenate([key, self._key[stay]])
        order = np.argsort(whole, kind="stable")
        self._key = whole[order]
        self._seen = np.concatenate([np.full(len(key), now, "i8"), self._seen[stay]])[order]
        for name, column in self._columns.items():
            self._columns[name] = np.concatenate([columns[name][first].astype(column.dtype), column[stay]])[order]

    def _renew(self, key: Array, now: Micros, columns: Mapping[str, Array]) -> bool:
        """Keep those of `key` where they stand, if all are remembered, as at most looks; whether they are."""
        if not len(self._key):
            return not len(key)
        at = np.searchsorted(self._key, key)
        at[at == len(self._key)] = 0
        if not (self._key[at] == key).all():
            return False
        # Of several values for one place numpy keeps the last.
        at = at[::-1]
        self._seen[at] = now
        for name, column in self._columns.items():
            column[at] = columns[name][::-1]
        stay = self._seen >= now - self._keep
        if not stay.all():
            self._key, self._seen = self._key[stay], self._seen[stay]
            self._columns = {name: column[stay] for name, column in self._columns.items()}
        return True


def _covers(area: Place, place: Place) -> bool:
    # A part that nobody sees is enough: whatever comes may come there.
    shape = Polygon([(lon, lat) for lat, lon in area.points]) if area.kind == "area" else None  # type: ignore[no-untyped-call]
    return shape is not None and any(shape.covers(Point(lon, lat)) for lat, lon in place.points)  # type: ignore[no-untyped-call]
