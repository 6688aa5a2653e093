"""The exchange of one node: says records, shares observations, takes in what partners say, and knows how each link stands."""

from __future__ import annotations

import asyncio
import hashlib
from typing import TYPE_CHECKING

from tocsin.core import InputError, TocsinError, encode, seconds
from tocsin.journal import Entry

from . import chain, seal, store, wire
from .context import Context
from .errors import BadWire, OpenRelay, Refused
from .incoming import Inbox
from .model import LedgerRow, Link, Settings
from .outgoing import Courier, Grants, Releases, Shared
from .streaming import Streams
from .tasks import end

if TYPE_CHECKING:
    from collections.abc import Coroutine

    from sqlalchemy import Connection

    from tocsin.core import Clearance, Clock, Entropy, Observations, Record
    from tocsin.core.times import Micros
    from tocsin.journal import Journal, Kept
    from tocsin.policy import Release

    from .book import Book
    from .keys import NodeKeys
    from .model import Partner, Sink
    from .transport import Arrival, Transport

DOWN = seconds(60)
SAVE_EVERY = seconds(5)


class Exchange:
    """One node's exchange with its partners.

    `clearance` is the node's own: a record whose label does not allow it is refused. `clock` is protocol time.
    """

    def __init__(
        self,
        keys: NodeKeys,
        book: Book,
        journal: Journal,
        transport: Transport,
        clock: Clock,
        entropy: Entropy,
        sink: Sink,
        *,
        clearance: Clearance,
        settings: Settings | None = None,
    ) -> None:
        if clearance.partner != keys.partner:
            raise InputError("the node's own clearance names another partner")
        self._context = Context(
            keys=keys,
            book=book,
            journal=journal,
            transport=transport,
            clock=clock,
            entropy=entropy,
            sink=sink,
            clearance=clearance,
            settings=settings or Settings(),
        )
        self._releases = Releases(self._context)
        self._grants = Grants(self._context)
        self._shared = Shared(self._context)
        self._streams = Streams(self._context, self._releases, self._grants, self._shared)
        self._inboxes: dict[str, Inbox] = {}
        self._couriers: dict[str, tuple[Courier, list[asyncio.Task[None]]]] = {}
        self._out: dict[tuple[str, str], store.OutChain] = {}
        self._realms: dict[tuple[str, str], str] = {}  # (partner, tag) of this node's chains of records
        self._tasks: set[asyncio.Task[None]] = set()
        self._running = False
        self._fitting = asyncio.Lock()
        book.listen(self._members_changed)

    async def start(self) -> None:
        """Take up where the node stopped, and connect; does not wait long for a relay that is away.

        Raises `OpenRelay` if the relay allows what it must refuse; nothing runs then.
        """
        self._running = True
        self._out = store.all_out(self._context.journal)
        for partner, realm in self._out:
            self._know(partner, realm)
        await self._fit_members()
        self._streams.start()
        self._spawn(self._tick(), "exchange-tick")
        names = [partner.id for partner in self._context.book.partners()]
        try:
            await self._context.transport.start(self._receive, self._link_changed, names)
        except OpenRelay:
            await self.stop()
            raise

    async def stop(self) -> None:
        """End; records that were said and not yet brought stay in the outbox."""
        self._running = False
        await self._context.transport.stop()
        await self._streams.stop()
        tasks = [*self._tasks, *(task for _, mine in self._couriers.values() for task in mine)]
        await end(tasks)
        self._tasks.clear()
        self._couriers.clear()
        for inbox in self._inboxes.values():
            await inbox.save()

    async def say(self, record: Record) -> tuple[Kept, Release]:
        """Keep a record of this node's and bring it to whoever may have it; answers once record and outbox are on disk.

        Saying a record again changes nothing. Raises `InputError` if it is of another origin, and what the journal raises.
        """
        if record.origin != self._context.me:
            raise InputError("a node says only what it originates")
        release = self._releases.of(record.label, record.realm)
        chains: dict[tuple[str, str], store.OutChain] = {}
        now = self._context.clock.now()

        def also(connection: Connection, new: list[Kept]) -> None:
            chains.update(store.enqueue(connection, new, [release] * len(new), now))

        kept = await self._context.journal.keep([Entry(encode(record), record)], also)
        for (partner, realm), to in chains.items():
            known = self._out.get((partner, realm))
            # Another `say` that committed later may have resumed earlier.
            if known is None or known.next < to.next:
                self._out[partner, realm] = store.OutChain(to.next, to.hash, known.received if known else to.received)
            self._know(partner, realm)
            if partner in self._couriers:
                self._couriers[partner][0].wake()
        if chains:
            await self._context.changed("ledger")
        one = kept[0] if kept else self._context.journal.get(record.id)
        if one is None:
            raise InputError("this record was erased; it is not said again")
        return one, release

    async def share(self, batch: Observations) -> Release:
        """Send observations to whoever may have them; never waits, and drops the oldest when too many wait."""
        return self._streams.share(batch)

    def ledger(self, record_id: str) -> list[LedgerRow]:
        """What became of a record of this node's towards each partner."""
        return store.ledger(self._context.journal, record_id)

    def links(self) -> list[Link]:
        """How things stand with each partner, in alphabetic order."""
        return [self._link(partner) for partner in self._context.book.partners()]

    def counters(self) -> dict[str, int]:
        """Everything counted since the start.

        `lost`: places in partners' chains that were passed without a record, a marker or a refusal. `doubled`: records
        that were kept twice. Both can only be 0 unless something is broken. `refused`, `gaps` as in `links`.
        """
        counts = self._context.counts
        accounted = sum(counts[name] for name in ("records_received", "withdrawn", "items_refused", "already_held"))
        fixed = {"lost": counts["advanced"] - accounted, "doubled": counts["doubled"], "refused": counts["refused"], "gaps": counts["gaps"]}
        fixed |= {"sent": counts["records_sent"], "received": counts["records_received"]}
        fixed["transport_failures"] = getattr(self._context.transport, "failures", 0)
        return dict(sorted(counts.items())) | fixed

    # Links

    def _link(self, partner: Partner) -> Link:
        context, inbox = self._context, self._inboxes.get(partner.id)
        heard = inbox.heard if inbox else None
        age = context.clock.now() - heard if heard is not None else None
        state = "down" if age is None or age > DOWN else "up" if age <= 3 * context.settings.heartbeat else "late"
        owed = sum(to.next - to.received for (name, _), to in self._out.items() if name == partner.id)
        behind = inbox.behind() if inbox else 0
        return Link(partner.id, state, heard, behind, owed, context.refused[partner.id], context.gaps[partner.id])

    def _link_changed(self, up: bool) -> None:
        if up:
            for courier, _ in self._couriers.values():
                courier.wake()
            self._streams.link_is_up()
            for partner in self._context.book.partners():
                self._spawn(self._beat(partner.id), "heartbeat")
        if self._running:
            self._spawn(self._context.changed("links"), "changed")

    def _members_changed(self) -> None:
        if self._running:
            self._spawn(self._fit_members(), "members")

    async def _fit_members(self) -> None:
        # One change at a time: a removal that is slow to end must not overtake the addition that follows it.
        async with self._fitting:
            await self._fit_members_now()

    async def _fit_members_now(self) -> None:
        context = self._context
        names = {partner.id for partner in context.book.partners()}
        for gone in self._couriers.keys() - names:
            _, tasks = self._couriers.pop(gone)
            await end(tasks)
            await self._streams.forget(gone)
            await self._inboxes.pop(gone).save()
        rows = store.all_in(context.journal)
        for name in sorted(names - self._couriers.keys()):
            inbox = self._inboxes[name] = Inbox(context, name, [row for row in rows if row.sender == name])
            courier = Courier(context, name, self._releases, self._grants, self._shared)
            tasks = [
                asyncio.create_task(courier.run(), name=f"courier-{name}"),
                asyncio.create_task(self._send_receipts(name, inbox), name=f"receipts-{name}"),
            ]
            self._couriers[name] = courier, tasks
        await context.transport.watch(names)
        await context.changed("links")

    def _know(self, partner: str, realm: str) -> None:
        self._realms[partner, chain.realm_tag(self._context.keys.tag_key, partner, realm, wire.RECORDS)] = realm

    def _spawn(self, work: Coroutine[None, None, None], name: str) -> None:
        task = asyncio.create_task(self._guard(work), name=name)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _guard(self, work: Coroutine[None, None, None]) -> None:
        try:
            await work
        except TocsinError:
            self._context.counts["task_troubles"] += 1

    # Time

    async def _tick(self) -> None:
        beat_at = saved_at = self._context.clock.now()
        states: dict[str, str] = {}
        while True:
            await asyncio.sleep(self._context.settings.tick_s)
            now = self._context.clock.now()
            try:
                for inbox in list(self._inboxes.values()):
                    await inbox.tick()
                if now - beat_at >= self._context.settings.heartbeat:
                    beat_at = now
                    for partner in self._context.book.partners():
                        self._spawn(self._beat(partner.id), "heartbeat")
                if now - saved_at >= SAVE_EVERY:
                    saved_at = now
                    for inbox in list(self._inboxes.values()):
                        await inbox.save()
            except TocsinError:
                self._context.counts["tick_troubles"] += 1
            found = {link.partner: link.state for link in self.links()}
            if found != states:
                states = found
                await self._context.changed("links")

    async def _beat(self, partner: str) -> None:
        if not self._context.transport.connected or (inbox := self._inboxes.get(partner)) is None:
            return
        await self._context.control(partner, lambda: self._heartbeat(partner, inbox))

    def _heartbeat(self, partner: str, inbox: Inbox) -> wire.Heartbeat:
        # From the database, not from memory: a courier may have brought what a `say` has committed and not yet noted here.
        most = self._context.settings.heads
        mine = [(to, realm) for (name, realm), to in store.all_out(self._context.journal).items() if name == partner]
        mine.sort(key=lambda one: (one[0].next == one[0].received, one[1]))
        heads = [
            wire.Head(chain.realm_tag(self._context.keys.tag_key, partner, realm, wire.RECORDS), wire.RECORDS, to.next, to.hash)
            for to, realm in mine[:most]
        ]
        return wire.Heartbeat((*heads, *self._streams.heads(partner)), inbox.have(), self._context.prekeys.current())

    async def _send_receipts(self, partner: str, inbox: Inbox) -> None:
        while True:
            await inbox.owed.wait()
            await asyncio.sleep(self._context.settings.receipt_s)
            inbox.owed.clear()
            if self._context.transport.connected:
                await self._context.control(partner, lambda: wire.Receipt(inbox.have()))

    # Arrivals

    async def _receive(self, arrival: Arrival) -> None:
        digest = hashlib.sha256(arrival.data).digest()
        partner, inbox = self._context.partner(arrival.sender), self._inboxes.get(arrival.sender)
        if partner is None or inbox is None:
            await self._context.refuse(arrival.sender, "unknown-sender", digest)
        elif arrival.recipient != self._context.me or not wire.is_tag(arrival.tag) or arrival.klass not in wire.CLASSES:
            await self._context.refuse(arrival.sender, "readdressed", digest)
        elif arrival.klass == wire.CONTROL:
            await self._control(arrival, partner, inbox, digest)
        else:
            await inbox.packet(arrival, partner.card)

    async def _control(self, arrival: Arrival, partner: Partner, inbox: Inbox, digest: bytes) -> None:
        try:
            control, body = seal.open_control(arrival.data, partner.card, self._context.me)
            if not inbox.check_control(control, again=arrival.again):
                return
            inbox.heard = max(inbox.heard or 0, min(control.sent_at, self._context.clock.now()))
            await self._heed(body, control.sent_at, partner, inbox)
        except BadWire:
            await self._context.refuse(partner.id, "malformed", digest)
        except Refused as refusal:
            await self._context.refuse(partner.id, refusal.reason, digest)

    async def _heed(self, body: wire.Wire, sent_at: Micros, partner: Partner, inbox: Inbox) -> None:
        match body:
            case wire.Heartbeat():
                self._grants.learn(partner.id, body.prekey)
                await self._receipts(partner.id, body.have)
                inbox.heads(body.heads, sent_at)
            case wire.Receipt():
                await self._receipts(partner.id, body.have)
            case wire.Grant():
                await inbox.grant(body, partner.card)
            case wire.AskGrant():
                await self._grants.answer(body, partner)
            case wire.NoGrant():
                inbox.no_grant(body.epoch)
            case wire.AskRange() if body.klass == wire.OBSERVATIONS:
                await self._streams.again(partner.id, body)
            case wire.AskRange():
                self._ask(partner.id, body)
            case wire.Gone():
                await inbox.gone(body)

    def _ask(self, partner: str, ask: wire.AskRange) -> None:
        realm = self._realms.get((partner, ask.tag))
        if realm is None:
            raise Refused("range")
        self._context.counts["ranges_answered"] += 1
        self._couriers[partner][0].ask(realm, ask.first, ask.last)

    async def _receipts(self, partner: str, have: tuple[wire.Have, ...]) -> None:
        for one in have:
            realm = self._realms.get((partner, one.tag))
            to = self._out.get((partner, realm)) if realm else None
            if realm is None or to is None or one.next <= to.received:
                continue
            if store.hash_before(self._context.journal, partner, realm, one.next) != one.hash:
                raise Refused("receipt")
            await self._close(partner, realm, one)
            to = self._out[partner, realm]
            to.received = max(to.received, one.next)
            await self._context.changed("ledger")

    async def _close(self, partner: str, realm: str, have: wire.Have) -> None:
        now = self._context.clock.now()
        await self._context.journal.write(lambda connection: store.close(connection, partner, realm, have, now))
