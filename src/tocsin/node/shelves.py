"""Where a view's records are: numbers in place of records, so that a node's memory hardly grows with its journal.

A shelf holds two bytes or so a record and kind, twelve for each record that is looked up by a name (a warning's versions, its
answers, an episode's findings, a rule), and the names of what is open now. The records themselves stay in the journal.
"""

from __future__ import annotations

import hashlib
from array import array
from bisect import bisect_right
from collections import OrderedDict, defaultdict
from collections.abc import Iterator
from typing import Any

import numpy as np

from tocsin.core import Acknowledgement, Consent, Finding, Label, Record, Rule, WarningRecord, join
from tocsin.policy import Gate, View

from .search import Texts

MOST_OPEN = 1000
"""Warnings of one origin that are listed as open; the oldest are then found by their pages alone."""
REFERRED = frozenset({"recalls", "corrects", "answers", "serves", "receipt-of", "cancels"})
"""What is looked up from the record that is referred to."""
_CHUNK = 16
_FLUSH = 4096
Column = np.ndarray[Any, Any]


class Rows:
    """Growing row numbers, about two bytes each."""

    def __init__(self) -> None:
        self._bases: list[int] = []
        self._chunks: list[array[int]] = []
        self._starts: list[int] = []
        self._length = 0

    def __len__(self) -> int:
        return self._length

    def add(self, row: int) -> None:
        """One more, greater than all before."""
        base = row >> _CHUNK
        if not self._bases or self._bases[-1] != base:
            self._bases.append(base)
            self._chunks.append(array("H"))
            self._starts.append(self._length)
        self._chunks[-1].append(row & 0xFFFF)
        self._length += 1

    def slice(self, first: int, last: int) -> list[int]:
        """Those at the places `first` until `last`."""
        found: list[int] = []
        first, last = max(0, first), min(last, self._length)
        while first < last:
            chunk = bisect_right(self._starts, first) - 1
            start = self._starts[chunk]
            part = self._chunks[chunk][first - start : last - start]
            found += [(self._bases[chunk] << _CHUNK) | low for low in part]
            first += len(part)
        return found

    def place(self, row: int) -> int | None:
        """At which place `row` stands, None if it is not among them."""
        chunk = bisect_right(self._bases, row >> _CHUNK) - 1
        if chunk < 0 or self._bases[chunk] != row >> _CHUNK:
            return None
        at = bisect_right(self._chunks[chunk], row & 0xFFFF) - 1
        return self._starts[chunk] + at if at >= 0 and self._chunks[chunk][at] == row & 0xFFFF else None

    def newest(self, limit: int, before: int | None = None) -> list[int]:
        """The last `limit` of those below the place `before`, the newest first."""
        last = self._length if before is None else min(before, self._length)
        return self.slice(last - limit, last)[::-1]

    def backwards(self, page: int = 200) -> Iterator[int]:
        """All, the newest first."""
        last = self._length
        while last > 0:
            yield from self.newest(page, last)
            last -= page


class Places:
    """Rows by a name, twelve bytes each. A name that happens to share another's digest gives both: callers check."""

    def __init__(self) -> None:
        self._recent: dict[int, list[int]] = defaultdict(list)
        self._waiting = 0
        self._old: list[tuple[Column, Column]] = []

    def add(self, name: str, row: int) -> None:
        """One more row of `name`."""
        self._recent[_digest(name)].append(row)
        self._waiting += 1
        if self._waiting >= _FLUSH:
            self._flush()

    def of(self, name: str) -> list[int]:
        """The rows of `name`, growing."""
        key = _digest(name)
        found: list[int] = []
        for keys, rows in self._old:
            first, last = np.searchsorted(keys, key, "left"), np.searchsorted(keys, key, "right")
            found += rows[first:last].tolist()
        return sorted(found + self._recent.get(key, []))

    def _flush(self) -> None:
        pairs = [(key, row) for key, rows in self._recent.items() for row in rows]
        keys = np.array([key for key, _ in pairs], dtype=np.uint64)
        rows = np.array([row for _, row in pairs], dtype=np.uint32)
        # Runs of like size are merged, so that there are few however many rows there are.
        while self._old and len(self._old[-1][0]) <= 2 * len(keys):
            more, theirs = self._old.pop()
            keys, rows = np.concatenate([more, keys]), np.concatenate([theirs, rows])
        order = np.argsort(keys, kind="stable")
        self._old.append((keys[order], rows[order]))
        self._recent.clear()
        self._waiting = 0


class Shelf:
    """What one view may see of one realm, by where it is in the journal."""

    def __init__(self, view: View, gate: Gate) -> None:
        self.view, self._gate = view, gate
        self.every = Rows()
        self.kinds: dict[str, Rows] = defaultdict(Rows)
        self.places = Places()
        self.texts = Texts()
        self.label: Label | None = None  # the join of what makes the realm one that this view sees something in
        self._open: dict[str, OrderedDict[str, None]] = defaultdict(OrderedDict)
        self.own_rules: list[str] = []

    def take(self, row: int, record: Record, body: Any, *, own: bool) -> None:
        """Take in one record that the view may see; `own`: the node said it."""
        self.every.add(row)
        self.kinds[record.kind].add(row)
        if record.label.review is not None or self._gate.label_of(record).review is not None:
            self.kinds["label review"].add(row)
        if record.kind in {"warning", "report"}:
            label = self.view.ours(self._gate.label_of(record))
            self.label = label if self.label is None else join([self.label, label])
        self.texts.add(row, record, body)
        for ref in record.refs:
            if ref.rel in REFERRED:
                self.places.add(f"{ref.rel} {ref.id}", row)
        match body:
            case WarningRecord():
                self.places.add(f"warning {body.warning}", row)
                self._note_open(record.origin, body)
            case Acknowledgement():
                self.places.add(f"answer {body.warning}", row)
            case Consent():
                self.places.add(f"consent {body.record}", row)
            case Finding():
                self.places.add(f"episode {body.episode}", row)
            case Rule():
                about = next((ref.id for ref in record.refs if ref.rel in {"approves", "cancels"}), None)
                self.places.add(f"rule {about or record.id}", row)
                if about is None:
                    self.kinds["rule proposed"].add(row)
                    if own:
                        self.own_rules.append(record.id)
            case _:
                pass  # Kept and listed in the journal; no page asks for it by name.

    def open_warnings(self) -> list[str]:
        """The warnings that nobody has cancelled, each origin's newest."""
        return [warning for of_one in self._open.values() for warning in of_one]

    def _note_open(self, origin: str, body: WarningRecord) -> None:
        of_one = self._open[origin]
        if body.state == "cancelled":
            of_one.pop(body.warning, None)
        else:
            of_one[body.warning] = None
            of_one.move_to_end(body.warning)
            if len(of_one) > MOST_OPEN:
                of_one.popitem(last=False)


def _digest(name: str) -> int:
    return int.from_bytes(hashlib.blake2b(name.encode(), digest_size=8).digest())
