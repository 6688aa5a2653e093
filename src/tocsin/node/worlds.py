"""Worlds: what each realm's views see and conclude. One `World` a realm, one `Sight` a view of it.

Everything here is driven from outside with batches and times, so that a test or a back-test can step it
and get the same bytes again; the same work for every view, and nothing shared between realms.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import NamedTuple

import numpy as np

from tocsin.core import Clock, Entropy, Label, ManualClock, Observations, Realm, may_read, stream
from tocsin.core.times import SECOND, Micros
from tocsin.picture import Picture
from tocsin.policy import View
from tocsin.warning import FeedState, Said, Topic, Watch

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
    picture: Picture
    watches: dict[str, Watch]
    labels: set[Label] = field(default_factory=set)


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
        self._topics = topics
        self._node = node
        self._entropy = entropy
        self._sights: dict[str, Sight] = {}
        self._feeds: dict[tuple[str, str, Label], HeardFeed] = {}
        self._last_step: Micros = 0

    def sight(self, view: View) -> Sight:
        """What `view` sees here; the first call opens its eyes."""
        if (found := self._sights.get(view.id)) is None:
            entropy = stream(self._entropy, self.realm, view.id)
            found = self._sights[view.id] = Sight(
                view,
                Picture(self.realm, view, entropy=entropy.child("picture")),
                {t.id: Watch(t, self.realm, view, entropy.child(t.id), node=self._node) for t in self._topics},
            )
        return found

    def sights(self) -> Iterator[Sight]:
        """Every view's."""
        yield from self._sights.values()

    def take(self, batch: Observations, sender: str) -> None:
        """Take in one batch, each view as much of it as it may read."""
        if isinstance(self.clock, FollowClock):
            self.clock.follow(batch)
        now = self.clock.now()
        heard = self._feeds.setdefault((sender, batch.feed, batch.label), HeardFeed(batch.feed, sender, batch.label))
        heard.observations += len(batch)
        if len(batch):
            heard.last = max(heard.last, min(now, int(np.max(batch["time"]))))
        for sight in self._sights.values():
            if may_read(batch.label, sight.view.clearance):
                sight.labels.add(batch.label)
                sight.picture.update(batch, now)

    def feeds(self, view: View) -> list[HeardFeed]:
        """The feeds that `view` may know of, each as far as it may: what came under other labels is not counted."""
        found: dict[tuple[str, str], HeardFeed] = {}
        for (sender, name, label), feed in self._feeds.items():
            if may_read(label, view.clearance):
                known = found.get((sender, name))
                found[sender, name] = (
                    feed
                    if known is None
                    else replace(known, observations=known.observations + feed.observations, last=max(known.last, feed.last))
                )
        return [found[key] for key in sorted(found)]

    def due(self) -> Iterable[Micros]:
        """The times at which the detectors are due to look, up to now: multiples of `STEP`, the latest alone after a long pause."""
        now = self.clock.now() // STEP * STEP
        if now <= self._last_step:
            return
        first = now if self._last_step == 0 or now - self._last_step > 12 * STEP else self._last_step + STEP
        yield from range(first, now + 1, STEP)

    def step(self, now: Micros) -> list[SaidIn]:
        """Let every view's watches look at `now`; what they say is still to be kept."""
        self._last_step = max(self._last_step, now)
        said: list[SaidIn] = []
        for sight in self._sights.values():
            tracks = sight.picture.tracks(now)
            feeds = [feed.state(now) for feed in self.feeds(sight.view)]
            for watch in sight.watches.values():
                step = watch.step(tracks, now, feeds)
                said += [SaidIn(sight.view, one) for one in (*step.findings, *step.warnings)]
        return said
