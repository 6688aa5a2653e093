"""How far a chain from a partner has come, what is missing in it, and when to ask. Pure bookkeeping."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from tocsin.core.times import SECOND, Micros

from . import wire

if TYPE_CHECKING:
    from tocsin.core import Realm

LONGEST_ASK = 60 * SECOND
MISSING = 32  # ranges of observations that are waited for at once


@dataclass
class Missing:
    """Observation batches `first` to `last` that did not come in their turn."""

    first: int
    last: int
    since: Micros
    ask_at: Micros = 0
    wait: Micros = 0


@dataclass
class InChain:
    """One chain from one partner. `next` and `hash` are where it stands, `target` how far it is known to reach."""

    tag: str
    klass: str
    realm: Realm | None = None
    next: int = 0
    hash: bytes = wire.ZERO
    sent_at: Micros = 0
    target: int = 0
    target_hash: bytes = wire.ZERO
    noticed_at: Micros = 0
    ask_at: Micros = 0
    wait: Micros = 0
    missing: list[Missing] = field(default_factory=list)
    refused: deque[int] = field(default_factory=lambda: deque(maxlen=32))
    unsaved: bool = False
    relayed_at: Micros = 0  # the latest `sent_at` that came over the relay: a file's says nothing of what is under way there

    def had(self, first: int, count: int) -> bool:
        """Whether items `first` to `first + count - 1` were taken in before."""
        if self.klass == wire.RECORDS:
            return first + count <= self.next
        return first < self.next and not any(hole.first <= first <= hole.last for hole in self.missing)

    def reaches(self, next_: int, hash_: bytes, now: Micros) -> None:
        """The sender says that the chain comes to `next_`."""
        if next_ > self.target:
            if self.target <= self.next:
                self.noticed_at = now
            self.target, self.target_hash = next_, hash_

    def came_to(self, next_: int, hash_: bytes, now: Micros) -> None:
        """Items before `next_` were taken in: the next question may be asked at once."""
        self.next, self.hash, self.noticed_at = next_, hash_, now
        self.ask_at, self.wait, self.unsaved = 0, 0, True
        if self.target < next_:
            self.target, self.target_hash = next_, hash_

    def may_ask(self, now: Micros, again: Micros) -> bool:
        """Whether to ask now; each time that nothing comes of it, the wait to the next doubles."""
        if now < self.ask_at:
            return False
        self.wait = min(max(again, 2 * self.wait), LONGEST_ASK)
        self.ask_at = now + self.wait
        return True

    def behind(self) -> int:
        """How many items are known of that were not taken in."""
        return max(0, self.target - self.next) + sum(hole.last - hole.first + 1 for hole in self.missing)

    def skip_to(self, first: int, hash_: bytes, now: Micros) -> Missing | None:
        """Go on at `first`; what lies before is missing. Gives the oldest missing range if there are too many to wait for."""
        if first > self.next:
            self.missing.append(Missing(self.next, first - 1, now))
            self.next, self.hash, self.unsaved = first, hash_, True
        return self.missing.pop(0) if len(self.missing) > MISSING else None

    def fill(self, first: int, last: int) -> list[tuple[int, int]]:
        """Take `first` to `last` out of what is missing; the parts that were missing."""
        parts: list[tuple[int, int]] = []
        left: list[Missing] = []
        for hole in self.missing:
            low, high = max(first, hole.first), min(last, hole.last)
            if low > high:
                left.append(hole)
                continue
            parts.append((low, high))
            if hole.first < low:
                left.append(Missing(hole.first, low - 1, hole.since, hole.ask_at, hole.wait))
            if high < hole.last:
                left.append(Missing(high + 1, hole.last, hole.since, hole.ask_at, hole.wait))
        self.missing = left
        return parts
