"""What receivers without a node are told: of what this node said, what both keys of release let each have, fetched with a token of its own.

A receiver has an order of its own, that in which it was told: what it may have only later comes later, and what others
are told leaves no hole in it. A thing is told once it is written down that it was, and shown again as it stands now:
without its content if it was recalled, not at all when its label has ended. Who has a record is told of its recall.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from tocsin.core import Recall, Report, WarningRecord, body_of, kind_of_id, realms
from tocsin.core.times import SECOND
from tocsin.journal.log import was_restored
from tocsin.people.tellings import Item
from tocsin.policy import TELL, Decision, Matter, matter_of

from .errors import NotFound, TooOften, UnknownCursor
from .filtered import whole
from .readers import SYSTEM

if TYPE_CHECKING:
    from tocsin.core import Clearance, Label, Realm, Record
    from tocsin.core.times import Micros
    from tocsin.journal import Kept
    from tocsin.people import Receiver

    from .service import Node

Json = dict[str, Any]
KINDS = ("report", "warning", "recall")
OF_REPORT = ("title", "text", "source", "grade", "topic", "indicator", "area")
OF_WARNING = (
    "warning", "version", "state", "topic", "level", "was", "sentence", "probabilities", "words", "confidence", "innocent", "base_rate",
    "cannot_see", "would_change", "issued_at", "eta", "eta_place", "area",
)  # fmt: skip
"""What is told of a report, and of a warning: no name of a person, no evidence with what sensed it."""
A_MINUTE = 120
"""How often one receiver may ask in a minute."""
MOST_BYTES = 1_048_576
"""About how large the texts of one page may be; one entry is always given."""
_MINUTE = 60 * SECOND
_PAGE = 500


class _Feed:
    """How far one receiver's feed of one realm has been followed in the journal."""

    def __init__(self) -> None:
        self.lock = asyncio.Lock()
        self.begin()

    def begin(self) -> None:
        """Know nothing yet: it is read from the start."""
        self.seen = dict.fromkeys(KINDS, -1)
        self.told: set[str] = set()
        self.recalled: set[str] = set()
        self.told_recalled: set[str] = set()
        self.ready: dict[int, Item] = {}
        self.waiting: set[int] = set()
        self.basis: tuple[object, ...] = ()


class Telling:
    """What the receivers of one node are told."""

    def __init__(self, node: Node) -> None:
        self._node = node
        self._feeds: dict[tuple[str, Micros, Realm], _Feed] = {}
        self._pace: dict[str, tuple[float, Micros]] = {}
        self._restored = was_restored(node.journal)

    # --- deciding -------------------------------------------------------------------------------------------

    def explain(self, receiver: Receiver, label: Label, realm: Realm, matter: Matter) -> Decision:
        """Whether `receiver` is told what bears `label`, and why; as `may`, which decides."""
        if not (both := self._both(receiver)):
            return Decision(receiver.clearance.partner, False, "It counts as one who is no partner of this node any more.", "label")
        decisions = self._node.gate.explain(label, realm, both, matter=matter, action=TELL).decisions
        return next((one for one in decisions if not one.allowed), decisions[0])

    def may(self, receiver: Receiver, label: Label, record: Record) -> bool:
        """Whether both keys let `receiver` be told `record`, which bears `label`: it, and the partner that it counts as."""
        if not (both := self._both(receiver)):
            return False
        decided = self._node.gate.decide(label, record.realm, both, matter=matter_of(record), action=TELL)
        return receiver.clearance.partner in decided.audience

    def _both(self, receiver: Receiver) -> list[Clearance]:
        node, partner = self._node, receiver.clearance.partner
        if partner == node.config.id:
            return [receiver.clearance, node.config.own]
        held = node.book.get(partner)
        return [receiver.clearance, held.clearance] if held is not None else []

    # --- telling --------------------------------------------------------------------------------------------

    def keep_pace(self, receiver: Receiver) -> None:
        """Count a request; raises `TooOften`."""
        now = self._node.clock.now()
        left, at = self._pace.get(receiver.name, (float(A_MINUTE), now))
        left = min(float(A_MINUTE), left + max(0, now - at) * A_MINUTE / _MINUTE)
        if left < 1:
            raise TooOften(1)
        self._pace[receiver.name] = (left - 1, now)

    async def page(self, receiver: Receiver, realm: Realm, after: str, limit: int) -> Json:
        """`{realm, entries, next, more}`: what `receiver` is told past the cursor `after` (empty: from the start).

        Raises `UnknownCursor` for one that it was never given in that realm, or after the backup of which the node was restored.
        """
        node, place = self._node, 0
        if after:
            found = node.people.tellings.place(receiver, realm, after)
            if found is None:
                raise UnknownCursor
            place = found
        page = _Page(limit)
        if not realms.is_replay(realm) and realm in node.journal.realms():
            feed = self._feeds.setdefault((receiver.name, receiver.added_at, realm), _Feed())
            async with feed.lock:
                try:
                    await self._follow(feed, receiver, realm)
                    await self._again(feed, receiver, realm, place, page)
                    await self._anew(feed, receiver, realm, page)
                except BaseException:
                    # What was written down is not known: the next request reads it again.
                    feed.begin()
                    raise
        return {"realm": realm, "entries": page.entries, "next": page.entries[-1]["cursor"] if page.entries else after, "more": page.full}

    def cap(self, receiver: Receiver, record: str) -> str:
        """The CAP 1.2 message of a warning's version that `receiver` was told; raises `NotFound`."""
        kept = self._node.journal.get(record)
        if kept is None or self._node.people.tellings.place(receiver, kept.record.realm, record) is None:
            raise NotFound
        body = body_of(kept.record)
        if not isinstance(body, WarningRecord) or not body.cap or whole(self._node).recall_of(kept.record) is not None:
            raise NotFound
        if not self.may(receiver, self._node.gate.label_of(kept.record), kept.record):
            raise NotFound
        return body.cap

    def told(self, record: str) -> list[Json]:
        """Who was told of `record` and when, and when that it is recalled."""
        rows: dict[tuple[str, Micros], Json] = {}
        for one in self._node.people.tellings.of(record):
            new = {"receiver": one.receiver, "partner": one.partner, "at": None, "recalled_at": None}
            row = rows.setdefault((one.receiver, one.since), new)
            row["at" if one.cursor == one.record else "recalled_at"] = one.at
        return list(rows.values())

    async def _again(self, feed: _Feed, receiver: Receiver, realm: Realm, place: int, page: _Page) -> None:
        while not page.full and (rows := self._node.people.tellings.to(receiver, realm, place, _PAGE)):
            place = rows[-1].place
            await asyncio.sleep(0)
            for row in rows:
                if not page.full and (entry := self._entry(feed, receiver, row.item)) is not None:
                    page.add(entry)

    async def _anew(self, feed: _Feed, receiver: Receiver, realm: Realm, page: _Page) -> None:
        new: dict[int, Item] = {}
        for index in sorted(feed.ready):
            if page.full:
                break
            item = feed.ready[index]
            recalls = item.cursor != item.record
            entry = None if not recalls and item.record in feed.recalled else self._entry(feed, receiver, item)
            if entry is not None:
                page.add(entry)
                new[index] = item
                feed.told.add(item.record)
            else:
                del feed.ready[index]
                if not recalls:
                    feed.waiting.add(index)
        await self._node.people.tellings.note(receiver, realm, list(new.values()))
        for index in new:
            del feed.ready[index]

    # --- following the journal ------------------------------------------------------------------------------

    async def _follow(self, feed: _Feed, receiver: Receiver, realm: Realm) -> None:
        node = self._node
        fresh: list[Kept] = []
        minute = node.clock.now() // _MINUTE if node.gate.by_time else 0
        basis = (node.gate.basis(), node.gate.standing.version, minute, *self._both(receiver))
        if not feed.basis:
            for row in node.people.tellings.to(receiver, realm):
                (feed.told if row.cursor == row.record else feed.told_recalled).add(row.record)
        if basis != feed.basis:
            waited = sorted(feed.waiting)
            for first in range(0, len(waited), _PAGE):
                fresh += node.journal.at(realm, waited[first : first + _PAGE])
                await asyncio.sleep(0)
            feed.waiting.clear()
            feed.basis = basis
        for kind in KINDS:
            while page := node.journal.records(realm, kind=kind, after=feed.seen[kind], limit=_PAGE):
                feed.seen[kind] = page[-1].index
                fresh += [kept for kept in page if kept.record.origin == node.config.id]
                await asyncio.sleep(0)
        for number, kept in enumerate(sorted(fresh, key=lambda one: one.index)):
            self._sort(feed, receiver, kept)
            if number % _PAGE == _PAGE - 1:
                await asyncio.sleep(0)

    def _sort(self, feed: _Feed, receiver: Receiver, kept: Kept) -> None:
        record = kept.record
        if record.kind == "recall":
            target = next((ref.id for ref in record.refs if ref.rel == "recalls"), "")
            feed.recalled.add(target)
            if target not in feed.told_recalled and (target in feed.told or self._may_have_had(receiver, target)):
                feed.told_recalled.add(target)
                feed.ready[kept.index] = Item(record.id, target)
        elif record.id not in feed.told and _is_said(record):
            if self.may(receiver, self._node.gate.label_of(record), record):
                feed.ready[kept.index] = Item(record.id, record.id)
            else:
                feed.waiting.add(kept.index)

    def _may_have_had(self, receiver: Receiver, record: str) -> bool:
        # What was told after the backup of which the node was restored is not written down here: who may be told of it, may have been.
        if not self._restored or (kept := self._node.journal.get(record)) is None:
            return False
        said = kept.record
        return said.origin == self._node.config.id and _is_said(said) and self.may(receiver, self._node.gate.label_of(said), said)

    # --- what an entry says ---------------------------------------------------------------------------------

    def _entry(self, feed: _Feed, receiver: Receiver, item: Item) -> Json | None:
        said = self._node.journal.get(item.cursor)
        if said is None:
            return None
        record = said.record
        row: Json = {"cursor": item.cursor, "record": item.record, "kind": kind_of_id(item.record)}
        row |= {"origin": record.origin, "protocol_time": record.protocol_time, "realm_time": record.realm_time}
        row |= {"status": realms.cap_status(record.realm), "exercise": realms.is_exercise(record.realm)}
        body = body_of(record)
        if isinstance(body, Recall):
            return row | {"recalled": True, "why": body.why}
        label = self._node.gate.label_of(record)
        if not self.may(receiver, label, record):
            return None
        row |= {"banner": self._node.gate.banner(label), "expires": label.expires, "recalled": record.id in feed.recalled}
        if row["recalled"]:
            return row
        # What it corrects is named to who was told that, as a ref to what is hidden is none.
        row["corrects"] = [ref.id for ref in record.refs if ref.rel == "corrects" and ref.id in feed.told]
        return row | _content(record, body)


class _Page:
    """One page, as far as it is filled."""

    def __init__(self, limit: int) -> None:
        self.entries: list[Json] = []
        self._limit, self._bytes = limit, 0

    @property
    def full(self) -> bool:
        """Whether nothing more goes into it."""
        return len(self.entries) >= self._limit or self._bytes >= MOST_BYTES

    def add(self, entry: Json) -> None:
        """Put one more entry at its end."""
        self.entries.append(entry)
        self._bytes += sum(len(value) for value in entry.values() if isinstance(value, str))


def _is_said(record: Record) -> bool:
    if record.author.startswith(SYSTEM):
        return False
    body = body_of(record)
    if isinstance(body, WarningRecord):
        # A draft that was dropped was never issued, and has no CAP message: of its end nobody has to be told.
        return body.state == "issued" or (body.state == "cancelled" and bool(body.cap))
    return isinstance(body, Report)


def _content(record: Record, body: Any) -> Json:
    if isinstance(body, Report):
        return {name: getattr(body, name) for name in OF_REPORT}
    return {name: getattr(body, name) for name in OF_WARNING} | {"cap": f"/api/v1/told/{record.id}/cap" if body.cap else None}
