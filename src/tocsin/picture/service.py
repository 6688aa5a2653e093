"""The picture: the tracks of one realm as one view may see them.

Plots join the track of their identity. A plot that nothing can have flown to is held in doubt; the third
consistent one in a row ends the old track and starts another, so that one spoofed position changes nothing
and an aircraft that was truly elsewhere is not lost for ever.
"""

from __future__ import annotations

from collections import deque
from functools import partial
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from tocsin.core import Identity, InputError, TooLarge, join, seconds
from tocsin.policy import OBSERVATIONS

from .plots import Marks, Plots, firsts
from .sieve import in_flight
from .table import Table
from .tracks import COLUMNS, Counts, Delta, Tracks

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tocsin.core import Entropy, Label, Observations, Realm
    from tocsin.core.times import Micros
    from tocsin.policy import View

Array = np.ndarray[Any, Any]

MAX_TRACKS: Final = 100_000
MAX_LABELS: Final = 4096
REMEMBERED: Final = 65_536  # tracks gone, for readers that were away
_FEEDS: Final = 64


class Picture:
    """Takes what `view` may read in `realm`; anything else is as if it had never come, in every byte that is given out.

    `stale_s`: how long a track without plots is shown; `confirm`: plots that make one; `entropy`: where cursors begin.
    """

    def __init__(self, realm: Realm, view: View, *, entropy: Entropy, stale_s: float = 120, confirm: int = 2) -> None:
        self.realm, self.view = realm, view
        self._stale, self._confirm = seconds(stale_s), confirm
        self._table = Table()
        self._now: Micros = 0
        # A cursor out of an earlier run must not pass for one of this run's. Below 2^53, which JavaScript can hold.
        self._revision = self._floor = int.from_bytes(entropy.take(4), "big") << 20 | 1
        self._numbers = 0
        self._gone: deque[tuple[int, Array]] = deque()  # (revision, track numbers)
        self._remembered = 0  # numbers in `_gone`
        self._labels: list[Label] = []
        self._label_index: dict[Label, int] = {}
        self._joins: dict[tuple[int, int], int] = {}
        self._feeds: list[str] = []
        self._totals = Counts()

    def update(self, batch: Observations, now: Micros) -> Counts:
        """Take a batch at realm time `now` and say what became of each row.

        Raises `InputError` for a batch of another realm, `TooLarge` past `MAX_LABELS` labels in use at once.
        """
        if not self.view.may(batch.label, batch.realm, OBSERVATIONS):
            return Counts(withheld=len(batch))
        if batch.realm != self.realm:
            raise InputError("a batch of another realm came to this picture")
        self._advance(now)
        rows, counts = in_flight(batch, self._now, self._stale)
        label, feed = self._label(batch.label), self._feed(batch.feed)
        rows, slots = self._associate(batch, rows, counts)
        if len(rows):
            self._revision += 1
            Plots(self._table, batch, counts, self._stale, Marks(partial(self._touch, feed=feed, label=label), self._bury)).take(
                rows, slots
            )
            self._number(slots[firsts(slots)])
        self._totals.add(counts)
        return counts

    def tracks(self, now: Micros) -> Tracks:
        """The confirmed tracks whose last plot is not stale at `now`."""
        self._advance(now)
        return self._show(self._table["number"][self._table.slots()] > 0)

    def since(self, cursor: int, now: Micros) -> Delta:
        """What changed after `cursor`, which an earlier call of this picture gave; 0 asks for everything."""
        self._advance(now)
        table, slots = self._table, self._table.slots()
        full = not self._floor <= cursor <= self._revision
        shown = table["number"][slots] > 0
        changed = shown if full else shown & (table["revision"][slots] > cursor)
        gone = [numbers for revision, numbers in self._gone if revision > cursor and not full]
        return Delta(self._revision, self._show(changed), np.concatenate([np.empty(0, np.uint32), *gone]), full)

    def totals(self) -> dict[str, int]:
        """What became of all rows so far, and how many track numbers were given."""
        return {**self._totals.told(), "tracks": self._numbers}

    def numbers_of(self, identities: Iterable[str]) -> list[int]:
        """The track numbers, now, of aircraft by their identities' text; those that have no track are left out."""
        known = np.unique(np.array([Identity.parse(text) for text in identities], np.uint64))
        slots = self._table.find(known)
        numbers = self._table["number"][slots[slots >= 0]]
        return sorted(int(number) for number in numbers if number)

    def _show(self, mask: Array) -> Tracks:
        slots = self._table.slots()[mask]
        slots = slots[np.argsort(self._table["number"][slots])]
        return Tracks({name: self._table[name][slots] for name in COLUMNS}, tuple(self._labels), tuple(self._feeds))

    def _advance(self, now: Micros) -> None:
        self._now = max(self._now, now)
        slots = self._table.slots()
        old = slots[self._table["time"][slots] < self._now - self._stale]
        if len(old):
            self._revision += 1
            self._bury(old)
            self._table.remove(old)
        if len(self._labels) > MAX_LABELS // 2:
            self._forget_labels()

    def _bury(self, slots: Array) -> None:
        numbers = self._table["number"][slots]
        if not (numbers > 0).any():
            return
        self._gone.append((self._revision, np.sort(numbers[numbers > 0])))
        self._remembered += len(self._gone[-1][1])
        while self._remembered > REMEMBERED:
            self._floor, numbers = self._gone.popleft()
            self._remembered -= len(numbers)

    def _associate(self, batch: Observations, rows: Array, counts: Counts) -> tuple[Array, Array]:
        # The rows stand by identity.
        identity = batch["identity"][rows]
        first = firsts(identity)
        identities, group = identity[first], np.cumsum(first) - 1
        slots = self._table.find(identities)
        fresh = np.flatnonzero(slots < 0)[: max(MAX_TRACKS - len(self._table), 0)]
        if len(fresh):
            slots[fresh] = self._table.add(identities[fresh])
        found = slots[group]
        counts.crowded = int((found < 0).sum())
        return rows[found >= 0], found[found >= 0]

    def _number(self, slots: Array) -> None:
        """Give numbers to the slots that have become confirmed tracks, in the order of the slots."""
        table = self._table
        ready = np.sort(slots[(table["number"][slots] == 0) & (table["updates"][slots] >= self._confirm)])
        table["number"][ready] = np.arange(self._numbers + 1, self._numbers + 1 + len(ready), dtype=np.uint32)
        self._numbers += len(ready)

    def _feed(self, name: str) -> int:
        if name not in self._feeds and len(self._feeds) < _FEEDS:
            # The last bit is everyone's who comes too late, so that a stranger cannot use bits up for ever.
            self._feeds.append(name if len(self._feeds) < _FEEDS - 1 else "other feeds")
        return self._feeds.index(name) if name in self._feeds else _FEEDS - 1

    def _label(self, label: Label) -> int:
        if (index := self._label_index.get(label)) is None:
            if len(self._labels) >= MAX_LABELS:
                raise TooLarge("the number of labels in one picture", len(self._labels) + 1, MAX_LABELS)
            index = self._label_index[label] = len(self._labels)
            self._labels.append(label)
        return index

    def _touch(self, slots: Array, *, feed: int, label: int) -> None:
        """Note that a batch goes into these tracks: their label becomes the join, whatever it changes in them."""
        table = self._table
        fresh = table["updates"][slots] == 0
        table["label_of"][slots[fresh]] = label
        table["feeds"][slots] |= np.uint64(1) << np.uint64(feed)
        table["revision"][slots] = self._revision
        rest = slots[~fresh]
        had = table["label_of"][rest]
        alike = len(had) > 0 and bool((had == had[0]).all())
        for one in had[:1].tolist() if alike else np.unique(had).tolist():
            if (both := self._joins.get((one, label))) is None:
                both = self._joins[one, label] = self._label(join([self._labels[one], self._labels[label]]))
            table["label_of"][rest[had == one]] = both

    def _forget_labels(self) -> None:
        slots = self._table.slots()
        used, column = np.unique(self._table["label_of"][slots], return_inverse=True)
        self._table["label_of"][slots] = column
        self._labels = [self._labels[i] for i in used.tolist()]
        self._label_index = {label: i for i, label in enumerate(self._labels)}
        self._joins.clear()
