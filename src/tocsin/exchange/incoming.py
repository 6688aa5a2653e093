"""Receiving from one partner: everything is checked before anything is used, and what is used is on disk first.

Records are taken in strictly in the order of their chain; what comes early is held, what is missing is asked
for. Observations are taken as they come; a hole is asked for once and otherwise noted as a gap.
"""

from __future__ import annotations

import asyncio
import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tocsin.core import LIVE, BadRealm, realms
from tocsin.core.times import SECOND, Micros

from . import seal, wire
from .errors import BadWire, Refused
from .inchain import InChain
from .keyring import Keyring
from .observations_in import ObservationsIn
from .receipts import Owed
from .records_in import RecordsIn
from .urgent import Early

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from sqlalchemy import Row

    from tocsin.journal import Kept

    from .card import Card
    from .context import Context
    from .transport import Arrival

CHAINS = 256  # chains that one partner may have with us
SKEW = 300 * SECOND  # how far a partner's clock may be ahead


@dataclass(frozen=True)
class _Held:
    header: wire.Header
    envelope: wire.Envelope
    epoch: bytes
    size: int


class Inbox:
    """What comes from one partner."""

    def __init__(self, context: Context, sender: str, rows: Sequence[Row[Any]], heard: Callable[[Sequence[Kept]], Awaitable[None]]) -> None:
        self._context, self._sender = context, sender
        self.keys = Keyring(context, sender)
        self.early = Early(context, self)
        self._held: dict[tuple[str, str, int], _Held] = {}
        self._locks = {wire.RECORDS: asyncio.Lock(), wire.OBSERVATIONS: asyncio.Lock()}
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
        self.records = RecordsIn(context, sender, self.chains, heard, self.owed, self.held)
        self.observations = ObservationsIn(context, sender, self.chains)

    def was_heard(self, sent_at: Micros) -> None:
        """A checked control message of `sent_at` came."""
        now = self._context.clock.now()
        # If this node's clock was set back, what was heard before stands in the future and says nothing any more.
        before = self.heard if self.heard is not None and self.heard <= now else 0
        self.heard = max(before, min(sent_at, now))

    def age(self) -> Micros | None:
        """How old the newest control message is; None if there was none, or if this node's clock was set back since."""
        now = self._context.clock.now()
        return None if self.heard is None or self.heard > now + SKEW else max(0, now - self.heard)

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
                    await self.observations.gap(one, first, last, "their node no longer has them")

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
        # A key's time may end while what it opens waits for its turn: its sender gives it again, or says that it has none.
        for epoch in {held.epoch for held in self._held.values()}:
            await self.keys.need(epoch)
        for one in list(self.chains.values()):
            stale = one.target > one.next and now - one.noticed_at >= settings.ask_again
            if one.klass == wire.RECORDS:
                # What is being taken in right now is no reason to ask.
                if stale and not self._locks[wire.RECORDS].locked():
                    await self._ask_records(one)
                continue
            async with self._locks[wire.OBSERVATIONS]:
                if stale and not self._waits(one):
                    await self.observations.too_many(one, one.skip_to(one.target, one.target_hash, now))
                await self.observations.ask(one)

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
            await self.records.take(one, header, payload, proofs)
        else:
            await self.observations.take(one, header, payload)

    async def _ask_records(self, one: InChain) -> None:
        context, now = self._context, self._context.clock.now()
        ahead = [first for tag, klass, first in self._held if (tag, klass) == (one.tag, wire.RECORDS)]
        if one.next in ahead:
            return  # it is here, and waits for its key
        last = min([one.target, *(first for first in ahead if first > one.next)]) - 1
        if last >= one.next and one.may_ask(now, context.settings.ask_again):
            context.counts["ranges_asked"] += 1
            await context.control(self._sender, wire.AskRange(one.tag, wire.RECORDS, one.next, last))
