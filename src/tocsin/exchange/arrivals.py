"""What comes from the relay: whose it is, what kind of message, and who in this node has to do with it."""

from __future__ import annotations

import hashlib
from functools import partial
from typing import TYPE_CHECKING

from tocsin.core import Restart
from tocsin.core.times import SECOND

from . import store, wire
from .errors import BadWire, Refused
from .incoming import SKEW
from .receipts import Credit, Questions, keep

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sqlalchemy import Connection

    from tocsin.core import Realm
    from tocsin.core.times import Micros

    from .context import Context
    from .incoming import Inbox
    from .model import Notary, Partner
    from .outgoing import Courier, Grants
    from .outstanding import Outstanding
    from .store import OutChain
    from .streaming import Streams
    from .transport import Arrival
    from .trust import Trust


LATE = 120 * SECOND  # control messages wait 60 s at a relay at most: older ones come from a clock that is behind
ANEW_EVERY = 60 * SECOND  # between two new chains to one partner in one realm


class Arrivals:
    """Hands each message on to whom it concerns; whatever does not fit is refused and counted."""

    def __init__(
        self,
        context: Context,
        inboxes: Mapping[str, Inbox],
        couriers: Mapping[str, Courier],
        outstanding: Outstanding,
        grants: Grants,
        streams: Streams,
        trust: Trust,
    ) -> None:
        self._trust = trust
        self._context, self._inboxes, self._couriers = context, inboxes, couriers
        self._outstanding, self._grants, self._streams = outstanding, grants, streams
        self.notary: Notary | None = None
        self._questions = Questions(context.journal)
        self.credit = Credit()
        self._starts = context.entropy.child("chain starts")
        self._anew: dict[tuple[str, Realm], Micros] = {}

    async def receive(self, arrival: Arrival) -> None:
        """One message as the relay delivered it."""
        digest = hashlib.sha256(arrival.data).digest()
        partner, inbox = self._context.partner(arrival.sender), self._inboxes.get(arrival.sender)
        if partner is None or inbox is None:
            await self._context.refuse(arrival.sender, "unknown-sender", digest)
        elif arrival.recipient != self._context.me or not wire.is_tag(arrival.tag) or arrival.klass not in wire.CLASSES:
            await self._context.refuse(arrival.sender, "readdressed", digest)
        elif arrival.klass == wire.CONTROL:
            await self._control(arrival, partner, inbox, digest)
        else:
            await inbox.packet(arrival, self._trust.signer(partner))

    async def _control(self, arrival: Arrival, partner: Partner, inbox: Inbox, digest: bytes) -> None:
        try:
            control, body = await self._trust.open(arrival.data, partner)
            if not self._in_time(control, inbox, again=arrival.again):
                return
            inbox.was_heard(control.sent_at)
            await self._heed(body, control.sent_at, partner, inbox, arrival.data)
        except BadWire:
            await self._context.refuse(partner.id, "malformed", digest)
        except Refused as refusal:
            await self._context.refuse(partner.id, refusal.reason, digest)
            await self._trust.excuse(arrival.data, partner, refusal.reason)

    def _in_time(self, control: wire.Control, inbox: Inbox, *, again: bool) -> bool:
        clocks, ahead = self._context.clock_off, control.sent_at - self._context.clock.now()
        if ahead > SKEW:
            clocks[control.sender] = ahead
        if not inbox.check_control(control, again=again):
            return False
        if ahead < -LATE and not again:
            clocks[control.sender] = ahead
        else:
            clocks.pop(control.sender, None)
        return True

    async def _heed(self, body: wire.Wire, sent_at: Micros, partner: Partner, inbox: Inbox, message: bytes) -> None:
        match body:
            case wire.Heartbeat():
                self._grants.learn(partner.id, body.prekey)
                await self.receipts(partner.id, body.have)
                inbox.heads(body.heads, sent_at)
            case wire.Receipt():
                await self.receipts(partner.id, body.have, body.held, message)
            case wire.AskReceipt():
                await self._answer(partner.id, body)
            case wire.Grant():
                await inbox.grant(body, self._trust.signer(partner))
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
            case wire.Urgent():
                await inbox.early.take(body.packet, self._trust.signer(partner))
            case wire.AskWitness() | wire.Witnessed():
                await self._witnessing(body, partner)
            case _:
                await self._trust.heed(partner, body, sent_at)

    async def _witnessing(self, body: wire.AskWitness | wire.Witnessed, partner: Partner) -> None:
        if self.notary is not None:
            await (self.notary.asked(partner, body) if isinstance(body, wire.AskWitness) else self.notary.answered(partner, body))

    async def _answer(self, partner: str, asked: wire.AskReceipt) -> None:
        if held := self._questions.answer(partner, asked, self._context.clock.now()):
            await self._context.control(partner, wire.Receipt((), held))

    def _ask(self, partner: str, ask: wire.AskRange) -> None:
        realm = self._outstanding.realm_of(partner, ask.tag)
        if realm is None:
            raise Refused("range")
        self._context.counts["ranges_answered"] += 1
        self._couriers[partner].ask(realm, ask.first, ask.last)

    async def receipts(self, partner: str, have: Sequence[wire.Have], held: Sequence[bytes] = (), message: bytes = b"") -> None:
        """Close what a partner says it holds, and keep the signed `message` if it names records; raises `Refused` (`receipt`) if
        its chain is not ours.
        """
        context, now = self._context, self._context.clock.now()
        closing: dict[Realm, wire.Have] = {}
        other: tuple[Realm, OutChain, int] | None = None
        for one in have:
            realm = self._outstanding.realm_of(partner, one.tag)
            to = self._outstanding.get(partner, realm) if realm else None
            if realm is None or to is None or one.next <= to.received or realm in closing:
                continue
            if store.hash_before(context.journal, partner, realm, one.next) != one.hash:
                # It holds what this journal does not know: it, or this node, was restored from an earlier state.
                other = realm, to, one.next
                break
            self.credit.grow(partner, one.next - to.received)
            closing[realm] = one
        kept = self.credit.spend(partner, len(held))
        if closing or kept:

            def work(connection: Connection) -> None:
                for realm, one in closing.items():
                    store.close(connection, partner, realm, one, now)
                if kept:
                    keep(connection, partner, message, now)

            await context.journal.write(work)
        for realm, one in closing.items():
            self._outstanding.closed(partner, realm, one.next)
        context.counts["receipts_kept"] += kept
        context.counts["receipts_not_kept"] += bool(held) and not kept
        if closing:
            if partner in self._couriers:
                self._couriers[partner].wake()
            await context.changed("ledger")
        if other is not None:
            await self._begin_anew(partner, *other)
            raise Refused("receipt")

    async def _begin_anew(self, partner: str, realm: Realm, to: OutChain, held: int) -> None:
        """Bring what no receipt has closed in a new chain, which the partner takes from its first item; at most one a minute."""
        context, now = self._context, self._context.clock.now()
        if now - self._anew.get((partner, realm), now - ANEW_EVERY) < ANEW_EVERY:
            return
        self._anew[partner, realm] = now
        start = self._starts.take(16)
        began = await context.journal.write(partial(store.begin_anew, partner=partner, realm=realm, start=start, now=now))
        self._outstanding.grew({(partner, realm): began})
        context.counts["chains_begun_anew"] += 1
        why = "They hold another chain of this node's than its journal knows: it was restored from an earlier state."
        await context.note(Restart(partner=partner, held=held, known=to.next, reason=why), realm)
        if partner in self._couriers:
            self._couriers[partner].wake()
        await context.changed("links")
