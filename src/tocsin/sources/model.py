"""What a feed is, and what it says of itself."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Final, Literal, NamedTuple, Protocol

import numpy as np

from tocsin.core import seconds

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from tocsin.core import Clock, Label, Observations, Realm
    from tocsin.core.times import Micros

    from .fence import Fence

    Emit = Callable[[Observations], Awaitable[None]]

State = Literal["ok", "late", "silent", "ended", "failed"]

OK_S: Final = 20.0
SILENT_S: Final = 120.0


class FeedStatus(NamedTuple):
    """How a feed is. `last` is the time of its newest observation (µs UTC), `says` one line for people, empty if all is well.

    `lateness_s` is how far `last` is behind the feed's clock, infinite before the first. `observations` counts
    rows handed on, `skipped` those that were not, by reason.
    """

    name: str
    state: State
    last: Micros | None
    lateness_s: float
    observations: int
    skipped: dict[str, int]
    says: str


class Feed(Protocol):
    """A connector that brings observations in. A plugin's class declares `api = 1`."""

    name: str
    realm: Realm

    async def run(self, emit: Emit) -> None:
        """Hand on batches until the feed ends or is cancelled; a source that fails is tried again, never raised."""
        ...

    def status(self) -> FeedStatus:
        """How it is now."""
        ...


class Counted:
    """What every feed of ours does: keep to the fence, count, and know how late it is."""

    api = 1

    def __init__(self, name: str, *, realm: Realm, label: Label, clock: Clock, fence: Fence | None = None) -> None:
        self.name, self.realm, self.label = name, realm, label
        self._clock, self._fence = clock, fence
        self._skipped: Counter[str] = Counter()
        self._observations = 0
        self._last: Micros | None = None
        self._over: Literal["ended", "failed"] | None = None
        self._says = ""

    def status(self) -> FeedStatus:
        """How it is now."""
        lateness = float("inf") if self._last is None else (self._clock.now() - self._last) / seconds(1)
        state: State = self._over or ("ok" if lateness <= OK_S else "late" if lateness <= SILENT_S else "silent")
        return FeedStatus(self.name, state, self._last, lateness, self._observations, dict(self._skipped), self._says)

    async def _give(self, batch: Observations, emit: Emit) -> None:
        if self._fence is not None:
            kept = self._fence.keep(batch)
            self._skipped["outside the fence"] += len(batch) - len(kept)
            batch = kept
        if not len(batch):
            return
        # A time from the future says nothing of how late the feed is.
        newest = min(int(np.max(batch["time"])), self._clock.now())
        self._last = newest if self._last is None else max(self._last, newest)
        self._observations += len(batch)
        await emit(batch)
