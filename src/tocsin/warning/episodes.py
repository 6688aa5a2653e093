"""From what a detector sees at one look to episodes: opened when it lasts, updated when it changes, closed when it is over.

A detector says at each look what it sees (`Sighting`). Sightings of the same thing are one episode, whatever
the rate of looks: they are told by their key, or by sharing half of their aircraft. An episode counts as
evidence once, at the strength of its peak.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import msgspec
import numpy as np

from tocsin.core import Finding, Identity, new_id
from tocsin.core.times import SECOND

from .geodesy import Point, hull

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tocsin.core import Entropy, Label
    from tocsin.core.observations import Array
    from tocsin.core.times import Micros

    from .model import Indicator
    from .scene import Scene

MAX_IDENTITIES = 64
MAX_MEMBERS = 4096


class Timing(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What every detector's parameters have.

    `hold_s`: how long a thing must last to be said; `quiet_s`: how long it must be gone to be over;
    `update_minutes`: how often an unchanged one is said again.
    """

    hold_s: float = 30.0
    quiet_s: float = 180.0
    update_minutes: float = 5.0

    def __post_init__(self) -> None:
        if not (0 <= self.hold_s <= 3600 and 10 <= self.quiet_s <= 86_400 and 0.5 <= self.update_minutes <= 1440):
            raise ValueError("hold_s is 0 to 3600, quiet_s 10 to 86400, update_minutes 0.5 to 1440")


@dataclass(frozen=True, slots=True, kw_only=True)
class Sighting:
    """What a detector sees at one look. `rows` are the scene's, those that are still tracked; `count` may be more.

    `members` are track keys. An empty `key` means that the thing is told by its members. `labels` beside the
    rows' own: of what else went into it, such as a learned baseline; `kinds` and `feeds` likewise, of what has no rows.
    `does` and `how` are its part of a sentence about the aircraft: "left staging RHÔNE", "in a stream".
    """

    rows: Array
    members: frozenset[int]
    count: int
    strength: float
    text: str
    key: str = ""
    place: str = ""
    measures: dict[str, float] = field(default_factory=dict)
    eta: Micros | None = None
    labels: frozenset[Label] = frozenset()
    since: Micros | None = None
    does: str = ""
    how: str = ""
    kinds: frozenset[str] = frozenset()
    feeds: frozenset[str] = frozenset()


@dataclass(slots=True)
class Episode:
    """One episode of one indicator. `labels`, `kinds` and `feeds` are of everything that ever was part of it."""

    id: str
    indicator: Indicator
    sighting: Sighting
    first: Micros
    last: Micros
    strength: float = 0.0
    opened: Micros | None = None
    closed: Micros | None = None
    members: set[int] = field(default_factory=set)
    labels: frozenset[Label] = frozenset()
    kinds: frozenset[str] = frozenset()
    feeds: frozenset[str] = frozenset()
    area: tuple[Point, ...] = ()
    centre: Point | None = None
    identities: tuple[str, ...] = ()
    said_at: Micros = 0
    said_count: int = 0
    said_text: str = ""
    said_strength: float = 0.0
    said_labels: frozenset[Label] = frozenset()

    def finding(self, state: str, topic: str) -> Finding:
        """This episode as a record's body."""
        return Finding(
            episode=self.id,
            state=state,
            indicator=self.indicator.id,
            detector=self.indicator.detector,
            topic=topic,
            text=self.sighting.text,
            since=self.first,
            until=self.last,
            strength=round(self.strength, 3),
            area=self.area,
            identities=self.identities,
            feeds=tuple(sorted(self.feeds)),
            measures={name: round(value, 3) for name, value in sorted(self.sighting.measures.items())},
        )


class Change(msgspec.Struct, frozen=True):
    """Something to say of an episode. `state`: opened, updated, closed."""

    state: str
    episode: Episode


class Episodes:
    """The episodes of one indicator that are not over."""

    def __init__(self, indicator: Indicator, timing: Timing, entropy: Entropy) -> None:
        self._indicator = indicator
        self._hold = round(timing.hold_s * SECOND)
        self._quiet = round(timing.quiet_s * SECOND)
        self._again = round(timing.update_minutes * 60 * SECOND)
        self._entropy = entropy
        self._current: list[Episode] = []

    def open(self) -> list[Episode]:
        """Those that were said to be opened and are not closed, the oldest first."""
        return [episode for episode in self._current if episode.opened is not None]

    def step(self, sightings: Sequence[Sighting], scene: Scene) -> list[Change]:
        """Take in one look; gives what is to be said, in the order in which the episodes began."""
        if not sightings and not self._current:
            return []
        taken: set[str] = set()
        for sighting in sorted(sightings, key=lambda s: (-s.count, s.key, min(s.members, default=0))):
            episode = self._match(sighting)
            if episode is None:
                episode = Episode(new_id("episode", self._entropy), self._indicator, sighting, sighting.since or scene.now, scene.now)
                self._current.append(episode)
            _take(episode, sighting, scene, leads=episode.id not in taken)
            taken.add(episode.id)
        changes = [change for episode in self._current if (change := self._change(episode, scene.now)) is not None]
        self._current = [e for e in self._current if e.closed is None and scene.now - e.last <= self._quiet]
        return changes

    def _match(self, sighting: Sighting) -> Episode | None:
        if sighting.key:
            return next((e for e in self._current if e.sighting.key == sighting.key), None)
        best, share = None, 0.5
        for episode in (e for e in self._current if e.sighting.place == sighting.place):
            common = len(episode.members & sighting.members) / max(1, len(sighting.members))
            if common >= share and (best is None or common > share):
                best, share = episode, common
        return best

    def _change(self, episode: Episode, now: Micros) -> Change | None:
        if now - episode.last > self._quiet:
            if episode.opened is None:
                return None
            episode.closed = now
            return Change("closed", episode)
        if episode.opened is None:
            if episode.last - episode.first < self._hold:
                return None
            episode.opened, state = now, "opened"
        elif episode.last == now and (
            _is_other(episode) or (now - episode.said_at >= self._again and episode.sighting.text != episode.said_text)
        ):
            state = "updated"
        else:
            return None
        episode.said_at, episode.said_count, episode.said_strength = now, episode.sighting.count, episode.strength
        episode.said_labels, episode.said_text = episode.labels, episode.sighting.text
        return Change(state, episode)


def _is_other(episode: Episode) -> bool:
    if episode.labels != episode.said_labels:
        return True
    count = episode.sighting.count
    return abs(count - episode.said_count) >= max(2, 0.25 * episode.said_count) or episode.strength - episode.said_strength >= 0.1


def _take(episode: Episode, sighting: Sighting, scene: Scene, *, leads: bool) -> None:
    rows = sighting.rows
    episode.last = scene.now
    episode.strength = max(episode.strength, sighting.strength)
    if len(episode.members) < MAX_MEMBERS:
        episode.members |= sighting.members
    episode.labels |= scene.labels(rows) | sighting.labels
    episode.kinds |= scene.kinds(rows) | sighting.kinds
    episode.feeds |= scene.feeds(rows) | sighting.feeds
    # Of a thing that has split the largest part speaks for it; of a count in a window, which empties again, the highest.
    if not leads:
        return
    if not (sighting.key and sighting.count < episode.sighting.count):
        episode.sighting = sighting
    if len(rows):
        latitude, longitude = scene["latitude"][rows], scene["longitude"][rows]
        episode.area = hull(latitude, longitude)
        middle = scene.position[rows].mean(axis=0)
        episode.centre = (
            round(float(np.degrees(np.arctan2(middle[2], np.hypot(middle[0], middle[1])))), 4),
            round(float(np.degrees(np.arctan2(middle[1], middle[0]))), 4),
        )
        episode.identities = tuple(sorted(Identity.text(int(i)) for i in scene["identity"][rows]))[:MAX_IDENTITIES]
