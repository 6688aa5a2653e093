"""Receiving from one partner: everything is checked before anything is used, and what is used is on disk first.

Records are taken in strictly in the order of their chain; what comes early is held, what is missing is asked
for. Observations are taken as they come; a hole is asked for once and otherwise noted as a gap.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections import OrderedDict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tocsin.core import LIVE, BadRealm, Gap, InputError, Restart, TocsinError, decode, realms
from tocsin.core.times import SECOND, Micros
from tocsin.formats import columns
from tocsin.journal import Entry
from tocsin.policy import OBSERVATIONS, RECEIVE, matter_of

from . import chain, seal, store, wire
from .errors import BadWire, Refused
from .inchain import InChain, Missing
from .keyring import Keyring
from .receipts import Owed
from .urgent import Early

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from sqlalchemy import Connection, Row

    from tocsin.core import Observations
    from tocsin.journal import Kept

    from .card import Card
    from .context import Context
    from .transport import Arrival

CHAINS = 256  # chains that one partner may have with us
SKEW = 300 * SECOND  # how far a partner's clock may be ahead
INLINE_BYTES = 65_536  # packed observations above this are unpacked beside the event loop
REMEMBERED = 100_000  # ids by which doubling is measured


@dataclass(frozen=True)
class _Held:
    header: wire.Header
    envelope: wire.Envelope
    epoch: bytes
    size: int


class Inbox:
    """What comes from one partner."""

    def __init__(self, context: Context, sender: str, rows: Sequence[Row[Any]], heard: Callable[[Sequence[Kept]], Awaitable[None]]) -> None:
        self._context, self._sender, self._heard = context, sender, heard
        self.keys = Keyring(context, sender)
        self.early = Early(context, self)
        self._held: dict[tuple[str, str, int], _Held] = {}
        self._locks = {wire.RECORDS: asyncio.Lock(), wire.OBSERVATIONS: asyncio.Lock()}
        self._floor: Micros = 0  # of observation chains that were ended: whatever is as old is a replay
        self._ended: list[str] = []
        self._seen: OrderedDict[str, None] = OrderedDict()
        self.chains = {
            (row.tag, row.klass): InChain(
                row.tag, row.klass, row.realm, row.next, row.hash, row.sent_at, row.next, row.hash, relayed_at=row.sent_at
            )
            for row in rows
        }
        self.last_control: Micros = 0
        self.heard: Micros | None = None
        self.owed: asyncio.Event = asyncio.Event()  # a receipt is owed
        self.held = Owed()  # what the next receipts name

    # What came

    async def packet(self, arrival: Arrival, card: Card, *, by_file: bool = False) -> None:
        """A message of class records or observations, from the relay or out of a file."""
        digest = hashlib.sha256(arrival.data).digest()
        realm = LIVE
        try:
            header, envelope = seal.open_packet(arrival.data, card, self._context.me, arrival.tag, arrival.klass)
            if header.sent_at > self._context.clock.now() + SKEW:
                raise Refused("clock")
            async with self._locks[arrival.klass]:
                one = self._chain(arrival.tag, arrival.klass)
                realm = one.realm or LIVE
                await self._place(one, header, envelope, card, again=arrival.again, by_file=by_file)
        except BadWire:
            await self._context.refuse(self._sender, "malformed", digest, realm)
        except Refused as refusal:
            await self._context.refuse(self._sender, refusal.reason, digest, realm)

    def check_control(self, control: wire.Control, *, again: bool) -> bool:
        """Whether a checked control message is to be heeded; raises `Refused` (`replayed`, `clock`)."""
        if control.sent_at > self._context.clock.now() + SKEW:
            raise Refused("clock")
        if control.sent_at <= self.last_control:
            if again:
                return False
            raise Refused("replayed")
        self.last_control = control.sent_at
        return True

    async def grant(self, grant: wire.Grant, card: Card) -> None:
        """An epoch's key; what waited for it is taken in. Raises `Refused` (`grant`, `commitment`)."""
        if not await self.keys.learn(grant):
            return
        for klass, lock in self._locks.items():
            async with lock:
                for one in [found for found in self.chains.values() if found.klass == klass]:
                    await self._drain(one, card)
        await self.early.key_came()

    def lacks(self, header: wire.Header) -> bool:
        """Whether something before this is still missing in its chain."""
        one = self.chains.get((header.tag, header.klass))
        return header.first > (one.next if one else 0)

    def no_grant(self, epoch: bytes) -> None:
        """The sender has no key for this epoch any more: what waits for it is dropped, and asked for as a range."""
        self.keys.forget(epoch)
        for place in [place for place, held in self._held.items() if held.epoch == epoch]:
            del self._held[place]
            self._context.counts["held_dropped"] += 1

    def heads(self, heads: Sequence[wire.Head], sent_at: Micros) -> None:
        """Where the sender says that its chains stand; raises `Refused` (`chain`) if that cannot be together with what it sent."""
        now = self._context.clock.now()
        wrong = False
        for head in heads:
            one = self._chain(head.tag, head.klass)
            # A head that was told before the last packet came is only old.
            wrong |= head.next < one.next and sent_at > one.sent_at
            wrong |= head.next == one.next and head.hash != one.hash
            one.reaches(head.next, head.hash, now)
        if wrong:
            raise Refused("chain")

    async def gone(self, gone: wire.Gone) -> None:
        """Observations that the sender no longer holds."""
        async with self._locks[wire.OBSERVATIONS]:
            one = self.chains.get((gone.tag, wire.OBSERVATIONS))
            # Without a batch that was opened, its realm is unknown: the range is asked for again when it is known.
            if one is not None and one.realm is not None:
                for first, last in one.fill(gone.first, gone.last):
                    await self._gap(one, first, last, "their node no longer has them")

    # What is owed

    def have(self) -> tuple[wire.Have, ...]:
        """Receipts for all chains of records, the latest first."""
        found = [one for one in self.chains.values() if one.klass == wire.RECORDS and one.realm is not None]
        found.sort(key=lambda one: -one.sent_at)
        return tuple(wire.Have(one.tag, one.next, one.hash, tuple(one.refused)) for one in found[: self._context.settings.heads])

    async def tick(self) -> None:
        """Ask for what is missing and did not come; drop keys whose time is over."""
        settings, now = self._context.settings, self._context.clock.now()
        for epoch in await self.keys.tick():
            self.no_grant(epoch)
        for one in list(self.chains.values()):
            stale = one.target > one.next and now - one.noticed_at >= settings.ask_again
            if one.klass == wire.RECORDS:
                # What is being taken in right now is no reason to ask.
                if stale and not self._locks[wire.RECORDS].locked():
                    await self._ask_records(one)
                continue
            async with self._locks[wire.OBSERVATIONS]:
                if stale and not self._waits(one):
                    await self._too_many(one, one.skip_to(one.target, one.target_hash, now))
                await self._ask_observations(one)

    async def save(self) -> None:
        """Keep where the chains of observations stand (those of records are kept with each record)."""
        moved = [one for one in self.chains.values() if one.klass == wire.OBSERVATIONS and one.unsaved and one.realm is not None]
        ended, self._ended = self._ended, []
        if not moved and not ended:
            return
        rows = [(one.tag, one.realm or "", (one.next, one.hash, one.sent_at)) for one in moved]

        def work(connection: Connection) -> None:
            store.drop_in(connection, self._sender, ended, wire.OBSERVATIONS)
            for tag, realm, head in rows:
                store.save_in(connection, self._sender, tag, wire.OBSERVATIONS, realm, head)

        for one in moved:
            one.unsaved = False
        await self._context.journal.write(work)

    def behind(self) -> int:
        """How many records are known of that have not come."""
        return sum(one.behind() for one in self.chains.values() if one.klass == wire.RECORDS)

    # Placing

    def _chain(self, tag: str, klass: str) -> InChain:
        if (one := self.chains.get((tag, klass))) is None:
            if len(self.chains) >= CHAINS:
                # Chains that never came to anything make room.
                for key in [key for key, old in self.chains.items() if old.realm is None]:
                    del self.chains[key]
                if len(self.chains) >= CHAINS:
                    raise Refused("too-many-chains")
            one = self.chains[tag, klass] = InChain(tag, klass)
        return one

    async def _place(self, one: InChain, header: wire.Header, envelope: wire.Envelope, card: Card, *, again: bool, by_file: bool) -> None:
        now = self._context.clock.now()
        if one.had(header.first, header.count):
            if header.sent_at <= one.relayed_at and not again:
                raise Refused("replayed")
            # Sealed afresh by its sender, because a receipt did not reach it; or it came by file as well.
            one.sent_at = max(one.sent_at, header.sent_at)
            one.relayed_at = one.relayed_at if by_file else max(one.relayed_at, header.sent_at)
            self._context.counts["repeated"] += header.count
            self.owed.set()
            return
        if not by_file:
            one.relayed_at = max(one.relayed_at, header.sent_at)
        one.reaches(header.first + header.count, header.after, now)
        epoch = seal.read_head(envelope).epoch
        early = one.klass == wire.RECORDS and header.first > one.next
        if early or epoch not in self.keys:
            self._hold(header, envelope, epoch)
            await self.keys.need(epoch)
            if early:
                await self._ask_records(one)
            return
        await self._take(one, header, envelope, card)
        await self._drain(one, card)

    def _hold(self, header: wire.Header, envelope: wire.Envelope, epoch: bytes) -> None:
        settings = self._context.settings
        held = _Held(header, envelope, epoch, len(envelope.sealed) + 1024)
        room = len(self._held) < settings.held and sum(h.size for h in self._held.values()) + held.size <= settings.held_bytes
        if room:
            self._held[header.tag, header.klass, header.first] = held
        else:
            self._context.counts["held_dropped"] += 1

    def _waits(self, one: InChain) -> bool:
        return any(tag == one.tag and klass == one.klass for tag, klass, _ in self._held)

    async def _drain(self, one: InChain, card: Card) -> None:
        """Take in what was held and whose turn has come."""
        while True:
            turn = sorted(
                first
                for (tag, klass, first), held in self._held.items()
                if (tag, klass) == (one.tag, one.klass) and held.epoch in self.keys and (klass != wire.RECORDS or first <= one.next)
            )
            if not turn:
                return
            held = self._held.pop((one.tag, one.klass, turn[0]))
            if one.had(held.header.first, held.header.count):
                continue
            try:
                await self._take(one, held.header, held.envelope, card)
            except BadWire:
                await self._context.refuse(self._sender, "malformed", held.header.digest, one.realm or LIVE)
            except Refused as refusal:
                await self._context.refuse(self._sender, refusal.reason, held.header.digest, one.realm or LIVE)

    def opened(self, one: InChain | None, header: wire.Header, envelope: wire.Envelope, card: Card) -> tuple[wire.Payload, Sequence[bytes]]:
        """What an envelope holds, checked but for its place in the chain, and a proof for each record; raises `BadWire`, `Refused`."""
        payload = seal.unseal(envelope, self.keys[seal.read_head(envelope).epoch])
        if payload.klass != header.klass:
            raise Refused("malformed")
        try:
            realm = realms.parse(payload.realm)
        except BadRealm:
            raise Refused("realm") from None
        if realms.is_replay(realm) or (one is not None and one.realm not in {None, realm}):
            raise Refused("realm")
        return payload, seal.check_batch(payload, card)

    async def _take(self, one: InChain, header: wire.Header, envelope: wire.Envelope, card: Card) -> None:
        payload, proofs = self.opened(one, header, envelope, card)
        if one.klass == wire.RECORDS:
            await self._take_records(one, header, payload, proofs)
        else:
            await self._take_observations(one, header, payload)

    # Records

    async def _take_records(self, one: InChain, header: wire.Header, payload: wire.Payload, proofs: Sequence[bytes]) -> None:
        context, skip = self._context, one.next - header.first
        if len(payload.items) != header.count or (skip == 0 and header.before != one.hash):
            raise Refused("chain")
        hashes = [chain.item_hash(item) for item in payload.items[skip:]]
        after = chain.run(one.hash, hashes)
        if after != header.after:
            raise Refused("chain")
        entries: list[Entry] = []
        digests: list[bytes] = []
        refused: list[tuple[int, str, bytes]] = []
        for at in range(skip, header.count):
            item = payload.items[at]
            if item.state:
                context.counts["withdrawn"] += 1
                continue
            try:
                entries.append(self.entry(item.data, payload.kinds[at], payload.realm, proofs[at]))
                digests.append(hashes[at - skip])
            except Refused as refusal:
                refused.append((header.first + at, refusal.reason, hashlib.sha256(item.data).digest()))
        next_, sent_at = header.first + header.count, max(one.sent_at, header.sent_at)

        def also(connection: Connection, new: list[Kept]) -> None:
            store.note_receipts(connection, self._sender, new)
            store.save_in(connection, self._sender, one.tag, wire.RECORDS, payload.realm, (next_, after, sent_at))

        former = [c for c in self.chains.values() if c.klass == wire.RECORDS and c.realm == payload.realm] if one.realm is None else []
        kept = await context.journal.keep(entries, also)
        clashes = {hashlib.sha256(data).digest() for data in self._not_kept(entries, kept)}
        refused += [(-1, "identity", digest) for digest in clashes]
        self.held.add(digest for digest in digests if digest not in clashes)
        one.realm, one.sent_at = payload.realm, sent_at
        if held := max((c.next for c in former), default=0):
            why = "Their node was restored from an earlier state; what it said since comes in a new chain."
            await context.note(Restart(partner=self._sender, held=held, known=0, reason=why), payload.realm)
            context.counts["chains_begun_anew_by_partners"] += 1
        context.counts["advanced"] += header.count - skip
        one.came_to(next_, after, context.clock.now())
        self.owed.set()
        for seq, reason, digest in refused:
            if seq >= 0:
                one.refused.append(seq)
                context.counts["items_refused"] += 1
            await context.refuse(self._sender, reason, digest, payload.realm)
        if kept:
            context.counts["records_received"] += len(kept)
            await self.tell_records(kept)

    def entry(self, data: bytes, kind: str, realm: str, proof: bytes) -> Entry:
        """A record of this partner's, to be kept; raises `Refused`."""
        try:
            record = decode(data)
        except InputError:
            raise Refused("record") from None
        if record.kind != kind:
            raise Refused("record")
        if record.origin != self._sender or self._sender not in record.label.originators:
            raise Refused("origin")
        if record.realm != realm:
            raise Refused("realm")
        gate = self._context.gate
        if not gate.may(gate.label_of(record), self._context.clearance, realm=realm, action=RECEIVE, matter=matter_of(record)):
            raise Refused("label")
        for ref in record.refs:
            # Only its origin recalls or corrects a record.
            if ref.rel in {"recalls", "corrects"} and (held := self._context.journal.get(ref.id)) and held.record.origin != self._sender:
                raise Refused("recall" if ref.rel == "recalls" else "correction")
        # At once: what it lowers may come right behind it, in the same envelope.
        gate.standing.learn(record)
        return Entry(data, record, proof)

    def _not_kept(self, entries: Sequence[Entry], kept: Sequence[Kept]) -> list[bytes]:
        """Those whose id stands in the journal with other bytes; the same bytes held already are only counted."""
        new = {one.record.id for one in kept}
        for one in kept:
            if one.record.id in self._seen:
                self._context.counts["doubled"] += 1
            self._seen[one.record.id] = None
            if len(self._seen) > REMEMBERED:
                self._seen.popitem(last=False)
        clashes: list[bytes] = []
        for entry in entries:
            if entry.record.id in new:
                new.discard(entry.record.id)
            elif (held := self._context.journal.get(entry.record.id)) is not None and held.data == entry.data:
                self._context.counts["already_held"] += 1
            else:
                self._context.counts["items_refused"] += 1
                clashes.append(entry.data)
        return clashes

    async def tell_records(self, kept: Sequence[Kept]) -> None:
        """Tell whoever uses records that these are on disk."""
        await self._heard(kept)
        try:
            await self._context.sink.on_records(kept)
        except Exception:  # noqa: BLE001 - what a user of the exchange does wrong must not stop it
            self._context.counts["sink_failed"] += 1

    async def _ask_records(self, one: InChain) -> None:
        context, now = self._context, self._context.clock.now()
        ahead = [first for tag, klass, first in self._held if (tag, klass) == (one.tag, wire.RECORDS)]
        if one.next in ahead:
            return  # it is here, and waits for its key
        last = min([one.target, *(first for first in ahead if first > one.next)]) - 1
        if last >= one.next and one.may_ask(now, context.settings.ask_again):
            context.counts["ranges_asked"] += 1
            await context.control(self._sender, wire.AskRange(one.tag, wire.RECORDS, one.next, last))

    # Observations

    async def _take_observations(self, one: InChain, header: wire.Header, payload: wire.Payload) -> None:
        context, now = self._context, self._context.clock.now()
        if header.after != chain.step(header.before, hashlib.sha256(payload.packed).digest()):
            raise Refused("chain")
        if header.first == one.next and header.before != one.hash:
            raise Refused("chain")
        batch = await self._unpack(payload.packed)
        if batch.realm != payload.realm:
            raise Refused("realm")
        if one.realm is None:
            await self._begin(one, payload.realm, header.sent_at)
        if header.first >= one.next:
            await self._too_many(one, one.skip_to(header.first, header.before, now))
            one.came_to(header.first + 1, header.after, now)
        else:
            one.fill(header.first, header.first)
        one.sent_at = max(one.sent_at, header.sent_at)
        if not context.gate.may(batch.label, context.clearance, realm=batch.realm, action=RECEIVE, matter=OBSERVATIONS):
            raise Refused("label")
        context.counts["observations_received"] += len(batch)
        context.counts["batches_received"] += 1
        try:
            await context.sink.on_observations(batch, self._sender, header.sent_at)
        except Exception:  # noqa: BLE001 - what a user of the exchange does wrong must not stop it
            context.counts["sink_failed"] += 1

    async def _unpack(self, packed: bytes) -> Observations:
        try:
            return columns.unpack(packed) if len(packed) <= INLINE_BYTES else await asyncio.to_thread(columns.unpack, packed)
        except TocsinError:
            raise Refused("observations") from None

    async def _begin(self, one: InChain, realm: str, sent_at: Micros) -> None:
        """A chain opens; an earlier one of the same realm is over, since the sender was started anew."""
        older = [c for c in self.chains.values() if c.klass == wire.OBSERVATIONS and c.realm == realm]
        if sent_at <= max([self._floor, *(c.sent_at for c in older)]):
            raise Refused("replayed")
        one.realm = realm
        for old in older:
            self._floor = max(self._floor, old.sent_at)
            self._ended.append(old.tag)
            del self.chains[old.tag, old.klass]
            for hole in old.missing:
                await self._gap(old, hole.first, hole.last, "their node was started anew")
            # What it had not yet told of when it ended, nobody can know: this stands for it.
            last = max(old.target - 1, old.next)
            await self._gap(old, old.next, last, "their node was started anew, and whatever it had under way is gone")

    async def _ask_observations(self, one: InChain) -> None:
        context, now = self._context, self._context.clock.now()
        for hole in list(one.missing):
            if one.realm is not None and now - hole.since >= context.settings.give_up:
                one.missing.remove(hole)
                await self._gap(one, hole.first, hole.last, "they did not come when asked for")
            elif now >= hole.ask_at:
                hole.wait = max(context.settings.ask_again, 2 * hole.wait)
                hole.ask_at = now + hole.wait
                context.counts["ranges_asked"] += 1
                await context.control(self._sender, wire.AskRange(one.tag, wire.OBSERVATIONS, hole.first, hole.last))

    async def _too_many(self, one: InChain, hole: Missing | None) -> None:
        if hole is not None:
            await self._gap(one, hole.first, hole.last, "there were too many holes to wait for each")

    async def _gap(self, one: InChain, first: int, last: int, reason: str) -> None:
        self._context.gaps[self._sender] += 1
        self._context.counts["gaps"] += 1
        self._context.counts["batches_missed"] += last - first + 1
        if one.realm is not None:
            await self._context.note(Gap(sender=self._sender, first=first, last=last, reason=reason), one.realm)
        await self._context.changed("links")
