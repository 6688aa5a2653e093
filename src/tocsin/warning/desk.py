"""The warning desk of one watch: which warning stands, when a new version of it is due, and when it should end.

A warning is drafted when the level reaches the topic's `warn_at`. A new version follows only if the level or
the evidence changes. When the level falls below `warn_at`, a draft that nobody issued is withdrawn; an issued
warning is never ended by a machine: its cancellation is offered to people.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from msgspec.structs import replace

from tocsin.core import WarningRecord, new_id
from tocsin.core.times import SECOND

from .assess import is_absence

if TYPE_CHECKING:
    from collections.abc import Callable

    from tocsin.core import Entropy
    from tocsin.core.times import Micros

    from .assess import Assessment
    from .model import Topic

_BETWEEN: Micros = 60 * SECOND
_ETA_MOVES: Micros = 300 * SECOND


class Offer(NamedTuple):
    """That an issued warning should be cancelled, and why. It stands until a person does it or the level rises again."""

    warning: str
    reason: str


class _Stand(NamedTuple):
    level: str
    findings: frozenset[str]
    eta: Micros | None
    aircraft: int


class Desk:
    """Keeps the one warning of a watch."""

    def __init__(self, topic: Topic, entropy: Entropy) -> None:
        self._topic = topic
        self._entropy = entropy
        self._bar = topic.rank(topic.warn_at)
        self.current: WarningRecord | None = None
        self.offer: Offer | None = None
        self.issued_cap = ""
        self._version = 0
        self._stand: _Stand | None = None
        self._said_at: Micros = 0
        self._hushed: _Stand | None = None

    def note(self, said: WarningRecord) -> None:
        """A person did something with the warning: issued it, or cancelled it."""
        if self.current is None or said.warning != self.current.warning:
            return
        self._version = max(self._version, said.version)
        if said.state == "cancelled":
            self._hushed, self._stand = self._stand, None
            self.current, self.offer, self.issued_cap = None, None, ""
            return
        if said.state == "issued":
            self.issued_cap = said.cap
        self.current = said

    def step(self, rank: int, now: Micros, assess: Callable[[], Assessment]) -> WarningRecord | None:
        """The version that is due now, if any. `assess` gives the assessment for the eyes of others."""
        if rank < self._bar:
            self._hushed = None
            return self._end(rank, now, assess) if self.current is not None else None
        self.offer = None
        level = self._topic.level_names[rank]
        if self.current is not None and self._stand is not None and now - self._said_at < _BETWEEN and level == self._stand.level:
            return None
        found = assess()
        stand = _Stand(level, frozenset(e.finding for e in found.evidence if not is_absence(e.finding)), found.eta, found.count)
        if self.current is None and self._hushed is not None and self._same_as_cancelled(stand):
            return None
        if self.current is not None and self._stand is not None and not _moved(self._stand, stand):
            return None
        return self._say(found, stand, now)

    def _say(self, found: Assessment, stand: _Stand, now: Micros) -> WarningRecord:
        first = self.current is None
        if first:
            self._version, self.issued_cap = 0, ""
        self._version += 1
        self._stand, self._said_at, self._hushed = stand, now, None
        # A late arrival estimate is better than none once the first is across: the last one said stays.
        eta, place = (found.eta, found.eta_place) if found.eta is not None or first else (self._kept.eta, self._kept.eta_place)
        self.current = WarningRecord(
            warning=new_id("warning", self._entropy) if first else self._kept.warning,
            version=self._version,
            state="updated" if self.issued_cap else "drafted",
            topic=found.topic,
            level=found.level,
            was=found.was if first or found.level != self._kept.level else self._kept.was,
            sentence=found.sentence,
            probabilities=found.probabilities,
            words=found.words,
            confidence=found.confidence,
            innocent=found.innocent,
            base_rate=found.base_rate,
            evidence=found.evidence,
            cannot_see=found.cannot_see,
            would_change=found.would_change,
            drafted_at=now if first else self._kept.drafted_at,
            eta=eta,
            eta_place=place,
            area=found.area,
            approved_by="",
            issued_at=None,
        )
        return self.current

    def _end(self, rank: int, now: Micros, assess: Callable[[], Assessment]) -> WarningRecord | None:
        if self.issued_cap:
            level = self._topic.level_names[rank]
            self.offer = Offer(self._kept.warning, f"The level is down to {level}.")
            return None
        self._version += 1
        found = assess()
        gone = replace(
            self._kept, version=self._version, state="cancelled", level=found.level, was=self._kept.level, sentence=found.sentence
        )
        self.current, self._stand, self._said_at = None, None, now
        return replace(gone, probabilities=found.probabilities, words=found.words)

    @property
    def _kept(self) -> WarningRecord:
        if self.current is None:
            raise AssertionError("no warning stands")
        return self.current

    def _same_as_cancelled(self, stand: _Stand) -> bool:
        # Somebody said no to this: it rings again only for a higher level or something not seen then.
        if self._hushed is None:
            return False
        ranks = self._topic.level_names
        return ranks.index(stand.level) <= ranks.index(self._hushed.level) and stand.findings <= self._hushed.findings


def _moved(before: _Stand, after: _Stand) -> bool:
    # Evidence that is no longer remembered is no news, nor are fewer aircraft; what has come is.
    if after.level != before.level or after.findings - before.findings or after.aircraft - before.aircraft >= max(2, before.aircraft // 4):
        return True
    return after.eta is not None and before.eta is not None and abs(after.eta - before.eta) >= _ETA_MOVES
