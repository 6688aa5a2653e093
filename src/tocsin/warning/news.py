"""What changed since the last assessment that said something else: new evidence, evidence that faded, another level."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from . import words

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tocsin.core.times import Micros

    from .model import Topic


class Standing(NamedTuple):
    """What is compared. `evidence`: what counts, by id, with its indicator; `open`: which of it is seen now."""

    level: int
    evidence: Mapping[str, str]
    open: frozenset[str]
    probability: float


class News:
    """Keeps what was last said to have changed, until something else does."""

    def __init__(self, topic: Topic) -> None:
        self._topic = topic
        self._last: Standing | None = None
        self.said: tuple[str, ...] = ()
        self.at: Micros | None = None

    def step(self, now: Standing, time: Micros) -> None:
        """Compare with what stood when last something changed."""
        if self._last is None:
            self._last = now
            return
        if (found := self._between(self._last, now)) and found:
            self.said, self.at, self._last = tuple(found), time, now

    def _between(self, before: Standing, after: Standing) -> list[str]:
        names, titles = self._topic.level_names, {i.id: i.title for i in self._topic.indicators}
        found = []
        if after.level != before.level:
            found.append(f"The level is {names[after.level]}, it was {names[before.level]}.")
        come = [titles[i] for name, i in after.evidence.items() if name not in before.evidence]
        gone = [titles[i] for name, i in before.evidence.items() if name not in after.evidence]
        over = [titles[before.evidence[name]] for name in before.open - after.open if name in before.evidence and name in after.evidence]
        found += [f"New: {one}." for one in sorted(set(come))]
        found += [f"No longer seen: {one}." for one in sorted(set(over))]
        found += [f"Faded, counts no more: {one}." for one in sorted(set(gone))]
        if found:
            subject = self._topic.hypothesis(self._topic.subject).phrase
            was, now = words.percent(before.probability), words.percent(after.probability)
            found.append(words.sentence(f"{subject}: {was} before, {now} now"))
        return found
