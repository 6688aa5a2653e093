"""Worlds: what each realm's views see and conclude. One `World` a realm, one `Sight` a view of it.

Everything here is driven from outside with batches and times, so that a test or a back-test can step it
and get the same bytes again; the same work for every view, and nothing shared between realms.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import NamedTuple

import numpy as np

from tocsin.core import Clock, Entropy, Label, ManualClock, Observations, Realm, stream
from tocsin.core.times import SECOND, Micros
from tocsin.picture import Picture
from tocsin.policy import View
from tocsin.warning import FeedState, Said, Topic, Watch
from tocsin.warning.said import NOTHING, Heard

from .readers import may_show

STEP: Micros = 5 * SECOND
"""Realm time between two looks of the detectors."""
MAX_LEAP: Micros = 600 * SECOND


class FollowClock(ManualClock):
    """A realm's clock that follows its observations: no node but the one that conducts it has another.

    One batch moves it ten minutes at most, so that a wrong time in it does not carry the realm away.
    """

    def follow(self, batch: Observations) -> None:
        """Move on to the latest time in `batch`."""
        if len(batch):
            latest = int(np.max(batch["time"]))
            self.move_to(latest if self.now() == 0 else min(latest, self.now() + MAX_LEAP))


class DemoClock:
    """A demonstration's live clock: it stands at `start` until it is let go, then runs `speed` times as fast as `base`."""

    def __init__(self, base: Clock, start: Micros, speed: float) -> None:
        self._base, self._start, self._speed = base, start, speed
        self._zero: Micros | None = None

    def now(self) -> Micros:
        """Realm time now."""
        gone = 0 if self._zero is None else max(0, self._base.now() - self._zero)
        return self._start + int(gone * self._speed)

    def let_go(self, zero: Micros, speed: float | None = None) -> None:
        """Run from protocol time `zero` on, at another `speed` if one is given; what time it is by then does not jump."""
        self._start, self._zero, self._speed = self.now(), zero, speed or self._speed


@dataclass
class HeardFeed:
    """One feed as this node hears it, its own or a partner's."""

    name: str
    sender: str
    label: Label
    observations: int = 0
    last: Micros = 0

    def state(self, now: Micros) -> FeedState:
        """How late it is, in realm time."""
        late = max(0.0, (now - self.last) / SECOND) if self.last else None
        state = "silent" if late is None or late > 120 else "late" if late > 30 else "ok"
        return FeedState(name=self.name, state=state, lateness_s=late)


@dataclass
class Sight:
    """What one view of a realm sees: its picture, its watches, and the labels that went into it."""

    view: View
    clock: Clock
    picture: Picture
    watches: dict[str, Watch]
    labels: set[Label] = field(default_factory=set)
    last_step: Micros = 0


class SaidIn(NamedTuple):
    """Something that a view's watch said."""

    view: View
    said: Said


class World:
    """One realm on this node."""

    def __init__(self, realm: Realm, clock: Clock, topics: Sequence[Topic], *, node: str, entropy: Entropy) -> None:
        self.realm = realm
        self.clock = clock
        self.conducted_under: Label | None = None  # of an exercise that this node conducts: it is there before its first flight
        self.on_sight: Callable[[Sight], None] | None = None
        self._topics = topics
        self._node = node
        self._entropy = entropy
        self._sights: dict[str, Sight] = {}
        self._feeds: dict[tuple[str, str, Label], HeardFeed] = {}
        self._last_step: Micros = 0

    def time(self, view: View) -> Micros:
        """Realm time now, as `view` knows it: where observations move the clock, those alone that it may read."""
        return self.sight(view).clock.now()

    def sight(self, view: View) -> Sight:
        """What `view` sees here; the first call opens its eyes."""
        if (found := self._sights.get(view.id)) is None:
            entropy = stream(self._entropy, self.realm, view.id)
            found = self._sights[view.id] = Sight(
                view,
                FollowClock() if isinstance(self.clock, FollowClock) else self.clock,
                Picture(self.realm, view, entropy=entropy.child("picture")),
                {t.id: self.watch(view, t.id) for t in self._topics},
            )
            if self.on_sight is not None:
                self.on_sight(found)
        return found

    def watch(self, view: View, topic: str) -> Watch:
        """A new watch of one topic for `view`, which remembers nothing."""
        entropy = stream(self._entropy, self.realm, view.id).child(topic)
        return Watch(next(t for t in self._topics if t.id == topic), self.realm, view, entropy, node=self._node)

    def sights(self) -> Iterator[Sight]:
        """Every view's."""
        yield from self._sights.values()

    def take(self, batch: Observations, sender: str) -> bool:
        """Take in one batch, each view as much of it as it may read. Whether its label is new to one."""
        latest = int(np.max(batch["time"])) if len(batch) else 0
        if isinstance(self.clock, FollowClock):
            self.clock.follow(batch)
        elif latest:
            latest = min(latest, self.clock.now())
        heard = self._feeds.setdefault((sender, batch.feed, batch.label), HeardFeed(batch.feed, sender, batch.label))
        heard.observations += len(batch)
        heard.last = max(heard.last, latest)
        new = False
        for sight in self._sights.values():
            if may_show(batch.label, sight.view, batch.realm):
                new = new or batch.label not in sight.labels
                sight.labels.add(batch.label)
                if isinstance(sight.clock, FollowClock):
                    sight.clock.follow(batch)
                sight.picture.update(batch, sight.clock.now())
        return new

    def feeds(self, view: View) -> list[HeardFeed]:
        """The feeds that `view` may know of, each as far as it may: what came under other labels is not counted."""
        found: dict[tuple[str, str], HeardFeed] = {}
        for (sender, name, label), feed in self._feeds.items():
            if may_show(label, view, self.realm):
                known = found.get((sender, name))
                found[sender, name] = (
                    feed
                    if known is None
                    else replace(known, observations=known.observations + feed.observations, last=max(known.last, feed.last))
                )
        # A time past the view's own clock is one that the clock did not believe.
        now = self.time(view)
        return [replace(found[key], last=min(found[key].last, now)) for key in sorted(found)]

    def due(self) -> Iterable[Micros]:
        """The times at which the detectors are due to look, up to now: multiples of `STEP`, the latest alone after a long pause."""
        return _due(self.clock.now(), self._last_step)

    def looks_due(self) -> Iterator[tuple[Micros, Sequence[Sight] | None]]:
        """The times that are due, each with whose: everyone's, or, where observations move the clock, one view's by what it has read."""
        if not isinstance(self.clock, FollowClock):
            yield from ((now, None) for now in self.due())
            return
        for sight in list(self._sights.values()):
            for now in _due(sight.clock.now(), sight.last_step):
                yield now, (sight,)

    def step(
        self, now: Micros, sights: Sequence[Sight] | None = None, hear: Callable[[View, Realm], Heard] = lambda _view, _realm: NOTHING
    ) -> list[SaidIn]:
        """Let the watches of `sights`, or of every view, look at `now`; what they say is still to be kept. `hear`: what a view was told."""
        self._last_step = max(self._last_step, now)
        said: list[SaidIn] = []
        for sight in list(self._sights.values()) if sights is None else sights:
            sight.last_step = max(sight.last_step, now)
            tracks = sight.picture.tracks(now)
            feeds = [feed.state(now) for feed in self.feeds(sight.view)]
            heard = hear(sight.view, self.realm)
            for watch in sight.watches.values():
                step = watch.step(tracks, now, feeds, heard=heard)
                said += [SaidIn(sight.view, one) for one in (*step.findings, *step.warnings)]
        return said


def _due(now: Micros, last: Micros) -> Iterable[Micros]:
    now = now // STEP * STEP
    if now <= last:
        return ()
    first = now if last == 0 or now - last > 12 * STEP else last + STEP
    return range(first, now + 1, STEP)
