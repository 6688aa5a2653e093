"""How likely each hypothesis is: a hidden-Markov forward filter at fixed steps.

Time is cut into steps (10 minutes). From one step to the next each hypothesis persists with its own
probability, and otherwise gives way to any of them in proportion to how often they begin; the base rates
are the distribution that this settles into, so evidence fades by persistence alone (Rabiner 1989, III.A for the
forward recursion). Within a step evidence multiplies: when in a step an item came, or how often anyone
looked, changes nothing.

An item of evidence counts once, at its peak strength s: its likelihoods are raised to s, so that s = 0 says
nothing and a doubtful source says less. Items of one group together make one hypothesis at most `cap` times
likelier against another.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np

from tocsin.core.times import HOUR, SECOND

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from tocsin.core.observations import Array
    from tocsin.core.times import Micros

    from .model import Topic

ABSENT: Final = "absent:"
"""Begins the sign of an indicator that was watched for and not seen."""
_LOOK_BACK: Final = 24 * HOUR


class Item(NamedTuple):
    """That an episode (or an absence) had reached `strength` in a step. A strength of 0 takes it back.

    `sign` is an indicator's id, or `ABSENT` and an indicator's id.
    """

    episode: str
    sign: str
    step: int
    strength: float


class Rates:
    """What a topic says about its hypotheses, as arrays in their order."""

    def __init__(self, topic: Topic) -> None:
        self.ids = tuple(h.id for h in topic.hypotheses)
        self.step: Micros = round(topic.step_minutes * 60 * SECOND)
        self.memory = round(topic.memory_hours * HOUR / self.step)
        self.base = np.array([h.base_rate for h in topic.hypotheses])
        self.base /= self.base.sum()
        stay = np.exp(-topic.step_minutes / 60.0 / np.array([h.persistence_hours for h in topic.hypotheses]))
        begin = self.base * (1.0 - stay)
        self.turn: Array = np.diag(stay) + np.outer(1.0 - stay, begin / begin.sum())
        self.log: dict[str, Array] = {}
        self.group: dict[str, str] = {}
        for indicator in topic.indicators:
            self._add(indicator.id, indicator.likelihoods, indicator.group)
            if indicator.absence is not None:
                self._add(ABSENT + indicator.id, indicator.absence.likelihoods, indicator.group)
        self.cap = {group.id: float(np.log(group.cap)) for group in topic.groups}
        self._gains: tuple[bytes, dict[str, float]] = (b"", {})

    def _add(self, sign: str, likelihoods: Mapping[str, float], group: str) -> None:
        self.log[sign] = np.log([likelihoods[name] for name in self.ids])
        self.group[sign] = group

    def by_name(self, probabilities: Array) -> dict[str, float]:
        """Probabilities under their hypotheses' ids, to six decimals."""
        return {name: round(float(p), 6) for name, p in zip(self.ids, probabilities, strict=True)}

    def gains(self, probabilities: Array) -> Mapping[str, float]:
        """For each sign, the bits that one may expect to learn from whether it is so. The last answer is kept: it is asked at every look,
        and probabilities change every ten minutes."""
        asked = probabilities.tobytes()
        if self._gains[0] != asked:
            self._gains = asked, {sign: information_gain(probabilities, np.exp(log)) for sign, log in self.log.items()}
        return self._gains[1]


class Forward:
    """The filter's state: what was concluded up to a step some time ago, and all evidence since.

    The last 24 hours are run afresh at each question, which costs little and lets one ask what would be if an item had not been.
    """

    def __init__(self, rates: Rates, start: Micros) -> None:
        self._rates = rates
        self._done = start // rates.step - 1
        self._state = rates.base
        # Strength by episode and step, and the step at which an episode stopped being counted with its group.
        self._items: dict[str, tuple[str, dict[int, float]]] = {}
        self._ends: dict[str, int] = {}

    def step_of(self, time: Micros) -> int:
        """The number of the step in which `time` lies."""
        return time // self._rates.step

    def add(self, item: Item) -> bool:
        """Take in an item; whether it changes anything. An item of a step that is long past counts in the first one still open."""
        step = max(item.step, self._done + 1)
        sign, strengths = self._items.setdefault(item.episode, (item.sign, {}))
        before = strengths.get(step)
        # Within a step the peak counts, whatever the order; only taking back goes down.
        now = 0.0 if item.strength == 0.0 else max(item.strength, before or 0.0)
        if (before if before is not None else self._strength(item.episode, step)) == now or sign != item.sign:
            return False
        strengths[step] = now
        return True

    def end(self, episode: str, time: Micros) -> None:
        """The episode is over: it shares its group's cap for as long as the topic remembers, and no longer."""
        self._ends.setdefault(episode, self.step_of(time) + self._rates.memory)

    def counted(self, time: Micros) -> list[str]:
        """The episodes that count now, in order of name."""
        step = self.step_of(time)
        return [e for e in sorted(self._items) if self._ends.get(e, step) >= step and self._strength(e, step) > 0]

    def posterior(self, time: Micros, without: str | None = None) -> Array:
        """Probabilities of the hypotheses in the step of `time`, as if the episode `without` had never been."""
        step = self.step_of(time)
        state = self._run(self._done, self._state, step, without)
        if without is None and step - self._done > 2 * _LOOK_BACK // self._rates.step:
            self._settle(step - _LOOK_BACK // self._rates.step)
        return state

    def _settle(self, step: int) -> None:
        self._state = self._run(self._done, self._state, step, None)
        self._done = step
        for episode in [e for e in self._items if self._ends.get(e, step + 1) < step]:
            del self._items[episode], self._ends[episode]

    def _run(self, done: int, state: Array, step: int, without: str | None) -> Array:
        rates = self._rates
        busy = {at for _, strengths in self._items.values() for at in strengths if at > done}
        for at in range(done + 1, step + 1):
            state = state @ rates.turn
            if at in busy:
                state = state * np.exp(self._evidence(at, without))
            state = state / state.sum()
        return state

    def _evidence(self, step: int, without: str | None) -> Array:
        # What the step adds: each group's capped sum as it is now, less what of it was known before.
        before: dict[str, Array] = {}
        after: dict[str, Array] = {}
        zero = np.zeros(len(self._rates.ids))
        for episode in sorted(self._items):
            if episode == without or self._ends.get(episode, step) < step:
                continue
            sign = self._items[episode][0]
            group, log = self._rates.group[sign], self._rates.log[sign]
            before[group] = before.get(group, zero) + log * self._strength(episode, step - 1)
            after[group] = after.get(group, zero) + log * self._strength(episode, step)
        whole = zero
        for group in sorted(after):
            whole = whole + self._capped(group, after[group]) - self._capped(group, before[group])
        added: Array = whole - whole.max()
        return added

    def _capped(self, group: str, log: Array) -> Array:
        spread = float(np.ptp(log))
        return log if spread <= self._rates.cap[group] else log * (self._rates.cap[group] / spread)

    def _strength(self, episode: str, step: int) -> float:
        strengths = self._items[episode][1]
        known = [at for at in strengths if at <= step]
        if not known:
            return 0.0
        return strengths[max(known)]


def entropy_bits(probabilities: Array) -> float:
    """Shannon entropy in bits."""
    some = probabilities[probabilities > 0]
    return float(-(some * np.log2(some)).sum())


def information_gain(probabilities: Array, likelihoods: Iterable[float]) -> float:
    """Expected gain (bits) of learning whether something is so that has these probabilities under each hypothesis (Lindley 1956)."""
    seen = np.array(list(likelihoods))
    gain = entropy_bits(probabilities)
    for chance in (seen, 1.0 - seen):
        if (whole := float(probabilities @ chance)) > 0:
            gain -= whole * entropy_bits(probabilities * chance / whole)
    return max(0.0, gain)
