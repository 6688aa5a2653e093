"""The exchange of one node: says records, shares observations, takes in what partners say, and knows how each link stands."""

from __future__ import annotations

import asyncio
import contextlib
from functools import partial
from typing import TYPE_CHECKING

from tocsin.core import InputError, Label, Receipt, Ref, TocsinError, encode, seconds
from tocsin.journal import Entry

from . import pairing, receipts, store, wire
from .arrivals import Arrivals
from .bundling import Bundles
from .catalogue import Catalogue
from .context import Context
from .errors import OpenRelay
from .incoming import Inbox
from .model import LedgerRow, Link
from .outgoing import Courier, Grants, Packer, Releases, Shared
from .outstanding import Outstanding
from .recalls import RECALL, recalled_by
from .saying import Sayings
from .streaming import Streams
from .tasks import end
from .trust import Trust

if TYPE_CHECKING:
    from collections.abc import Coroutine, Iterator, Sequence

    from sqlalchemy import Connection

    from tocsin.core import Observations, Realm, Record, Subscription
    from tocsin.journal import Journal, Kept
    from tocsin.policy import Release

    from .bundling import Made, TakenIn
    from .model import Notary, Partner, Parts, Step
    from .saying import Chains

DOWN = seconds(60)
SAVE_EVERY = seconds(5)


class Exchange:
    """One node's exchange with its partners."""

    def __init__(self, parts: Parts) -> None:
        if parts.clearance.partner != parts.keys.partner:
            raise InputError("the node's own clearance names another partner")
        self._context = Context(parts)
        self._releases = Releases(self._context)
        self._grants = Grants(self._context)
        self._shared = Shared(self._context)
        self._streams = Streams(self._context, self._releases, self._grants, self._shared)
        self._sayings = Sayings(parts.journal, parts.clock, self._enqueued)
        self._inboxes: dict[str, Inbox] = {}
        self._couriers: dict[str, Courier] = {}
        self._carriers: dict[str, list[asyncio.Task[None]]] = {}
        self._outstanding = Outstanding(self._context)
        self._packer = Packer(self._context, self._outstanding, self._releases, self._shared)
        self._catalogue = Catalogue(self._context, self._releases, self._outstanding)
        self._trust = Trust(self._context, self._inboxes, self._grants, self._go_on)
        self._arrivals = Arrivals(self._context, self._inboxes, self._couriers, self._outstanding, self._grants, self._streams, self._trust)
        self._bundles = Bundles(self._context, self._inboxes, self._outstanding, self._packer, self._catalogue, self._arrivals)
        self._tasks: set[asyncio.Task[None]] = set()
        self._running = False
        self._fitting = asyncio.Lock()
        parts.book.listen(self._members_changed)

    async def start(self) -> None:
        """Take up where the node stopped, and connect; does not wait long for a relay that is away.

        Raises `OpenRelay` if the relay allows what it must refuse; nothing runs then.
        """
        self._running = True
        self._outstanding.load()
        await self._fit_members()
        self._streams.start()
        self._spawn(self._tick(), "exchange-tick")
        self._spawn(self._acknowledge_all(), "recalls")
        names = [partner.id for partner in self._context.book.partners()]
        try:
            await self._context.transport.start(self._arrivals.receive, self._link_changed, names)
        except OpenRelay:
            await self.stop()
            raise

    async def stop(self) -> None:
        """End; records that were said and not yet brought stay in the outbox."""
        self._running = False
        await self._sayings.stop()
        await self._context.transport.stop()
        await self._streams.stop()
        await end([*self._tasks, *(task for mine in self._carriers.values() for task in mine)])
        self._tasks.clear()
        self._carriers.clear()
        self._couriers.clear()
        for inbox in self._inboxes.values():
            await inbox.observations.save()

    def call_notary(self, notary: Notary | None) -> None:
        """Hand what partners say of logs to `notary` from now on."""
        self._arrivals.notary = notary

    async def tell(self, partner: str, body: wire.Wire) -> bool:
        """Send another room's control message; whether the relay took it."""
        return await self._context.control(partner, body)

    async def refuse(self, partner: str, reason: str, digest: bytes) -> None:
        """Note what another room refused of a partner's."""
        await self._context.refuse(partner, reason, digest)

    async def say(self, record: Record) -> tuple[Kept, Release]:
        """Keep a record of this node's and bring it to whoever may have it; answers once record and outbox are on disk.

        Saying a record again changes nothing. Raises `InputError` if it is of another origin, and what the journal raises.
        """
        if record.origin != self._context.me:
            raise InputError("a node says only what it originates")
        release = self._releases.of_record(record)
        one = await self._sayings.keep(record, release) or self._context.journal.get(record.id)
        if one is None:
            raise InputError("this record was erased; it is not said again")
        self._context.gate.standing.learn(record)
        if self._releases.of_record(record).decisions != release.decisions:
            # The book changed meanwhile: whoever came too late for this decision gets it as a thing of the past.
            self._catalogue.again()
        return one, release

    async def _enqueued(self, chains: Chains, kept: Sequence[Kept]) -> None:
        self._context.recalls.take(kept)
        if any(one.record.kind == RECALL for one in kept):
            # What lies at the relay is to be asked for again, and is void then.
            self._grants.epochs.end_all()
        self._outstanding.grew(chains)
        for partner, _ in chains:
            if partner in self._couriers:
                self._couriers[partner].wake()
        if chains:
            await self._context.changed("ledger")

    async def share(self, batch: Observations) -> Release:
        """Send observations to whoever may have them; never waits, and drops the oldest when too many wait."""
        return self._streams.share(batch)

    async def introduce(self) -> None:
        """Tell every partner of this node's new keys, now rather than with the next heartbeat."""
        for partner in self._context.book.partners():
            self._spawn(self._beat(partner.id), "heartbeat")

    async def put_out(self, partner: str, record: Record, state: str, reason: str) -> Kept:
        """Keep `record`, which says that a partner is out (`state`: revoked, excluded), with that partner out from its commit on.

        Nothing is sent to it from before the commit; every audience it was in gets a new epoch. Raises `InputError` if it is none.
        """
        context = self._context
        if context.book.get(partner) is None:
            raise InputError(f"there is no partner {partner[:40]!r}")
        if partner in record.label.releasable_to:
            raise InputError("what says that a partner is out is not for that partner")
        context.barred.add(partner)

        release = self._releases.of(record.label, record.realm)
        chains: Chains = {}

        def out(connection: Connection, new: list[Kept]) -> None:
            chains.update(store.enqueue(connection, new, [release] * len(new), context.clock.now()))
            context.book.put_out_rows(connection, partner, state, reason)
            store.withhold_all(connection, partner, f"It is {state}.", context.clock.now())

        try:
            (kept,) = await context.journal.keep([Entry(encode(record), record)], out)
            context.book.put_out_now(partner, state, reason)
        finally:
            context.barred.discard(partner)
        self._grants.prekeys.pop(partner, None)
        await self._enqueued(chains, [kept])
        await context.changed("partners")
        return kept

    async def test(self, partner: str) -> list[Step]:
        """Try the whole way to a partner and back, step by step up to the first that fails."""
        known = self._context.book.get(partner)
        return await pairing.test(self._context, self._trust, known, self._inboxes.get(partner)) if known else [pairing.unknown(partner)]

    def ledger(self, record_id: str) -> list[LedgerRow]:
        """What became of a record of this node's towards each partner."""
        kept = self._context.journal.get(record_id)
        recall = self._context.recalls.recall_of(kept.record) if kept else None
        return store.ledger(self._context.journal, record_id, recall.id if recall else "")

    def receipt(self, partner: str, record_id: str) -> bytes | None:
        """The message in which a partner signed that it keeps a record of this node's; None if none was kept."""
        kept = self._context.journal.get(record_id)
        return receipts.find(self._context.journal, partner, record_id, kept.data) if kept else None

    async def ask_receipts(self, partner: str, records: Sequence[str]) -> bool:
        """Ask a partner to sign that it keeps these records of this node's, 64 at most; whether the relay took the question."""
        self._arrivals.credit.grow(partner, len(records))
        return await self._context.control(partner, wire.AskReceipt(tuple(records)))

    def holders(self, record_id: str) -> frozenset[str]:
        """The partners that have a record of this node's, or may have it: whom a recall goes to."""
        return store.holders(self._context.journal, record_id)

    def subscriptions(self, partner: str) -> tuple[Subscription, ...]:
        """What a partner wants of what it may have; nothing means everything."""
        return self._context.wants.of(partner)

    async def export_bundle(self, partner: str, since: int | None = None) -> Made:
        """A file of what `partner` is owed; raises `InputError`."""
        return await self._bundles.export(partner, since)

    async def take_in_bundle(self, data: bytes) -> TakenIn:
        """Take in a partner's file; raises `BadBundle`, and then nothing of it was used."""
        return await self._bundles.take_in(data)

    async def decide_anew(self, record_id: str) -> None:
        """A record's label has changed: whoever may have it now gets it."""
        await self._catalogue.offer(record_id)
        self._wake()

    async def _heard(self, kept: Sequence[Kept]) -> None:
        """What the exchange itself does about records of partners that are on disk."""
        context = self._context
        context.recalls.take(kept)
        if context.wants.take(kept):
            self._wake()
        for one in kept:
            if one.record.kind == RECALL:
                await self._acknowledge(one.record)

    async def _acknowledge(self, recall: Record) -> None:
        """Say to a recall's origin that what it recalls is hidden here."""
        if (target := recalled_by(recall)) is None:
            return
        context = self._context
        label = Label(recall.label.policy, recall.label.classification, frozenset({context.me}), frozenset({context.me, recall.origin}))
        record = context.record(Receipt(state="recalled"), recall.realm, label, (Ref("receipt-of", target), Ref("about", recall.id)))
        with contextlib.suppress(TocsinError):
            one, _ = await self.say(record)
            await context.sink.on_records([one])

    async def _acknowledge_all(self) -> None:
        # Between keeping a recall and saying so the node may have stopped.
        journal, me = self._context.journal, self._context.me
        for realm in journal.realms():
            recalls = [one.record for one in _every(journal, realm, RECALL) if one.record.origin != me]
            if recalls:
                mine = (one.record for one in _every(journal, realm, "receipt") if one.record.origin == me)
                said = {ref.id for record in mine for ref in record.refs if ref.rel == "about"}
                for recall in recalls:
                    if recall.id not in said:
                        await self._acknowledge(recall)

    def _wake(self) -> None:
        for courier in self._couriers.values():
            courier.wake()

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
        heard, age = (inbox.heard, inbox.age()) if inbox else (None, None)
        state = "down" if age is None or age > DOWN else "up" if age <= 3 * context.settings.heartbeat else "late"
        owed = self._outstanding.owed(partner.id)
        behind = inbox.behind() if inbox else 0
        clock = round(context.clock_off.get(partner.id, 0) / 1e6, 1)
        return Link(partner.id, state, heard, behind, owed, context.refused[partner.id], context.gaps[partner.id], clock)

    def _link_changed(self, up: bool) -> None:
        if up:
            self._wake()
            self._streams.link_is_up()
            for partner in self._context.book.partners():
                self._spawn(self._beat(partner.id), "heartbeat")
        if self._running:
            self._spawn(self._context.changed("links"), "changed")

    def _go_on(self, partner: str) -> None:
        if partner in self._couriers:
            self._couriers[partner].wake()
        self._streams.link_is_up()

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
            del self._couriers[gone]
            await end(self._carriers.pop(gone))
            await self._streams.forget(gone)
            await self._inboxes.pop(gone).observations.save()
        rows = store.all_in(context.journal)
        for name in sorted(names - self._couriers.keys()):
            inbox = self._inboxes[name] = Inbox(context, name, [row for row in rows if row.sender == name], self._heard)
            courier = self._couriers[name] = Courier(context, name, self._outstanding, self._grants, self._packer, self._catalogue)
            self._carriers[name] = [
                asyncio.create_task(courier.run(), name=f"courier-{name}"),
                asyncio.create_task(self._send_receipts(name, inbox), name=f"receipts-{name}"),
            ]
        self._wake()
        await context.transport.watch(names)
        await context.changed("links")

    def _spawn(self, work: Coroutine[None, None, None], name: str) -> None:
        task = asyncio.create_task(work, name=name)
        self._tasks.add(task)
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if task.cancelled() or (error := task.exception()) is None:
            return
        self._context.counts["task_troubles"] += 1
        if not isinstance(error, TocsinError):
            task.get_loop().call_exception_handler({"message": f"the task {task.get_name()} failed", "exception": error, "task": task})

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
                        await inbox.observations.save()
            except TocsinError:
                self._context.counts["tick_troubles"] += 1
            found = {link.partner: link.state for link in self.links()}
            if found != states:
                states = found
                await self._context.changed("links")

    async def _beat(self, partner: str) -> None:
        if not self._context.transport.connected or (inbox := self._inboxes.get(partner)) is None:
            return
        if not await self._trust.introduce(partner):
            await self._context.control(partner, lambda: self._heartbeat(partner, inbox))
        if inbox.held:
            inbox.owed.set()

    def _heartbeat(self, partner: str, inbox: Inbox) -> wire.Heartbeat:
        heads = self._outstanding.heads(partner, self._context.settings.heads)
        return wire.Heartbeat((*heads, *self._streams.heads(partner)), inbox.have(), self._context.prekeys.current())

    async def _send_receipts(self, partner: str, inbox: Inbox) -> None:
        while True:
            await inbox.owed.wait()
            await asyncio.sleep(self._context.settings.receipt_s)
            inbox.owed.clear()
            if not self._context.transport.connected:
                continue
            held = inbox.held.take()
            try:
                told = await self._context.control(partner, partial(_receipt, inbox, held))
            except TocsinError:
                # It has not heard of this node's new keys yet: the next heartbeat that goes there tries again.
                told = False
            if not told:
                inbox.held.put_back(held)
            elif inbox.held:
                inbox.owed.set()


def _receipt(inbox: Inbox, held: tuple[bytes, ...]) -> wire.Receipt:
    return wire.Receipt(inbox.have(), held)


def _every(journal: Journal, realm: Realm, kind: str) -> Iterator[Kept]:
    after = -1
    while page := journal.records(realm, kind=kind, after=after):
        yield from page
        after = page[-1].index
