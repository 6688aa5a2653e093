"""Evidence by absence: watched for, and not seen.

An absence counts once, after its indicator could have been seen for a while and was not; it is taken back
when the indicator is seen after all, and it begins anew when the other indicator that it goes with does.
Where nobody looks there is no absence: only nothing to say.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from tocsin.core.times import SECOND

from .filter import ABSENT, Item

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tocsin.core.times import Micros

    from .filter import Forward
    from .model import Topic


class Absent(NamedTuple):
    """One absence that counts. `since`: when watching for it began."""

    id: str
    indicator: str
    text: str
    since: Micros


class Absences:
    """The absences of one topic."""

    def __init__(self, topic: Topic) -> None:
        self._specs = {i.id: i.absence for i in topic.indicators if i.absence is not None}
        self._since: dict[str, Micros] = {}
        self._counting: dict[str, Absent] = {}
        self._past: dict[str, Absent] = {}
        self._number = 0

    def counting(self) -> Mapping[str, Absent]:
        """By id, those that count now or did and are still remembered."""
        return {**self._past, **{absent.id: absent for absent in self._counting.values()}}

    def step(
        self, seen: Mapping[str, bool], lately: Mapping[str, bool], watched: Mapping[str, bool], forward: Forward, now: Micros
    ) -> bool:
        """Take in which indicators are seen now, which were lately, and which could be; whether anything changed for the filter."""
        changed = False
        for name, spec in self._specs.items():
            counting = self._counting.get(name)
            alongside = spec.alongside is None or seen[spec.alongside]
            if lately[name]:
                self._since.pop(name, None)
                if counting is not None:
                    changed |= forward.add(Item(counting.id, ABSENT + name, forward.step_of(now), 0.0))
                    forward.end(counting.id, now)
                    del self._counting[name]
            elif not alongside or not watched[name]:
                self._since.pop(name, None)
                if counting is not None:
                    forward.end(counting.id, now)
                    self._past[counting.id] = self._counting.pop(name)
            elif counting is None:
                since = self._since.setdefault(name, now)
                if now - since >= spec.after_minutes * 60 * SECOND:
                    self._number += 1
                    self._counting[name] = Absent(f"absence-{self._number}-{name}", name, spec.text, since)
                    changed |= forward.add(Item(self._counting[name].id, ABSENT + name, forward.step_of(now), 1.0))
        counted = set(forward.counted(now)) if self._past else set()
        self._past = {name: absent for name, absent in self._past.items() if name in counted}
        return changed
