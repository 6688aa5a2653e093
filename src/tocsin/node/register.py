"""The register: what each view may see in each realm, by what people ask for. Built at start, kept up with every record."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from msgspec import structs

from tocsin.core import Acknowledgement, Realm, Record, Rule, WarningRecord, body_of
from tocsin.journal import Journal, Kept
from tocsin.policy import Gate, View

from .readers import may_see
from .shelves import Shelf

_PAGE = 500
_PARSED = 2048


class Version(NamedTuple):
    """One version of a warning, in the record that said it."""

    record: Record
    body: WarningRecord


class Answer(NamedTuple):
    """One acknowledgement, in the record that said it."""

    record: Record
    body: Acknowledgement


class Standing(NamedTuple):
    """A rule with who stands behind it: in force with two persons and not withdrawn. `mode`: single if its node is set to one approver."""

    record: Record
    body: Rule
    agreed_by: tuple[str, ...]
    withdrawn: bool
    mode: str = ""

    @property
    def stands(self) -> bool:
        """Whether as many as it takes have agreed."""
        return not self.withdrawn and (len(set(self.agreed_by)) >= 2 or self.mode == "single")

    @property
    def says(self) -> str:
        """Who stands behind it, in words."""
        if self.mode == "single":
            return f"agreed by one person, {self.agreed_by[0]}: single-approver mode"
        return f"agreed by {' and '.join(dict.fromkeys(self.agreed_by))}" if self.stands else f"proposed by {self.agreed_by[0]}"

    def in_force(self, now: int) -> bool:
        """Whether it holds at `now` (protocol time)."""
        return self.stands and self.body.valid_from <= now < self.body.valid_until


class Read(NamedTuple):
    """A record with its body read, None if this version does not understand it, and its row in the journal."""

    row: int
    kept: Kept
    record: Record
    body: Any


class Register:
    """The shelves of every view, and the way from a row back to its record. What a reader is shown of it is `Filtered`'s matter."""

    def __init__(self, journal: Journal, node: str, gate: Gate) -> None:
        self._journal, self._node, self._gate = journal, node, gate
        self._basis = gate.basis()
        self._shelves: dict[str, dict[Realm, Shelf]] = {}
        self._views: dict[str, View] = {}
        self._seen: dict[Realm, int] = {}
        self._parsed: OrderedDict[tuple[Realm, int], Read] = OrderedDict()

    def open(self, view: View) -> None:
        """Begin to follow the journal for `view`; what others have followed already is looked through once more."""
        if view.id in self._views:
            return
        self._views[view.id] = view
        shelves = self._shelves[view.id] = {}
        for realm, seen in self._seen.items():
            for kept in self._pages(realm, -1, seen):
                self._place(shelves, view, kept, body_of(kept.record))

    def close(self, view: View) -> None:
        """Follow it no more."""
        self._views.pop(view.id, None)
        self._shelves.pop(view.id, None)

    def follow(self) -> None:
        """Take in what the journal has kept since; each record is looked at once for a view, unless the site's mind changes."""
        if (basis := self._gate.basis()) != self._basis:
            self._basis = basis
            self.forget()
        for realm in self._journal.realms():
            seen, size = self._seen.get(realm, -1), self._journal.size(realm)
            if seen >= size - 1:
                continue
            for kept in self._pages(realm, seen, size - 1):
                body = body_of(kept.record)
                for view in self._views.values():
                    self._place(self._shelves[view.id], view, kept, body)
            self._seen[realm] = size - 1

    def forget(self) -> None:
        """Look at everything again: what views may see has changed (a lowered label, other policies, another hour if they ask)."""
        self._seen.clear()
        self._parsed.clear()
        self._shelves = {view: {} for view in self._views}

    def shelf(self, view: View, realm: Realm) -> Shelf:
        """The shelf of `view` in `realm`; an empty one if there is nothing."""
        self.open(view)
        self.follow()
        return self._shelves[view.id].get(realm) or Shelf(view, self._gate)

    def shelves(self, view: View) -> dict[Realm, Shelf]:
        """Every shelf of `view` that holds something, by realm."""
        self.open(view)
        self.follow()
        return dict(self._shelves[view.id])

    def read(self, realm: Realm, rows: Sequence[int]) -> list[Read]:
        """The records at `rows`, in that order; erased ones are left out."""
        found = {kept.index: kept for kept in self._journal.at(realm, rows)}
        return [self._read(realm, row, found[row]) for row in rows if row in found]

    def _read(self, realm: Realm, row: int, kept: Kept) -> Read:
        known = self._parsed.get((realm, row))
        if known is None or known.kept is not kept:
            known = self._parsed[realm, row] = Read(row, kept, kept.record, body_of(kept.record))
            if len(self._parsed) > _PARSED:
                self._parsed.popitem(last=False)
        return known

    def _pages(self, realm: Realm, after: int, last: int) -> Iterator[Kept]:
        while after < last:
            upto = min(after + _PAGE, last)
            yield from self._journal.at(realm, range(after + 1, upto + 1))
            after = upto

    def _place(self, shelves: dict[Realm, Shelf], view: View, kept: Kept, body: Any) -> None:
        if may_see(kept.record, view, self._node):
            shelf = shelves.get(kept.record.realm)
            if shelf is None:
                shelf = shelves[kept.record.realm] = Shelf(view, self._gate)
            shelf.take(kept.index, kept.record, body, own=kept.record.origin == self._node)


def standing_of(said: Sequence[tuple[Record, Rule]]) -> Standing:
    """How a rule stands by its proposal, which comes first, and what was said of it afterwards."""
    record, body = said[0]
    agreed, withdrawn, mode = [record.author], False, ""
    for later, words in said[1:]:
        if later.origin != record.origin:
            continue
        withdrawn = withdrawn or words.state == "withdrawn"
        if words.state == "agreed" and structs.replace(words, mode="") == structs.replace(body, state="agreed"):
            agreed.append(later.author)
            mode = words.mode or mode
    return Standing(record, body, tuple(agreed), withdrawn=withdrawn, mode=mode)
