"""Making bundles of what a partner is owed, and taking in those of partners: in any order, twice, late.

What a bundle brings goes the same way as what the relay brings: the same chains, the same checks, the same receipts. An
epoch of its own seals it, wrapped to the long-lived key on the partner's card: a prekey lives in memory for a day, a file may
lie longer. Who gets hold of that key later opens the file, and nothing else.
"""

from __future__ import annotations

import asyncio
import hashlib
from typing import TYPE_CHECKING, NamedTuple

from sqlalchemy import delete, func, insert, select

from tocsin.core import InputError, realms
from tocsin.core.times import DAY

from . import bundle, seal, store, wire
from .bundle import BadBundle, Message
from .errors import BadWire, Refused
from .tables import waiting
from .transport import Arrival

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sqlalchemy import Connection

    from .arrivals import Arrivals
    from .card import Card
    from .catalogue import Catalogue
    from .context import Context
    from .incoming import Inbox
    from .model import Partner
    from .outgoing import Packer
    from .outstanding import Outstanding

LASTS = 365 * DAY  # how long a bundle's key may be used
WAITING = 32  # bundles of one sender that may wait for an earlier one
ROOM = bundle.MAX_BYTES - 4_000_000  # of messages, so that one more and the manifest fit


class Made(NamedTuple):
    """What was written into a bundle. `more`: it is full, and another export brings the rest."""

    data: bytes
    records: int
    receipts: int
    more: bool


class TakenIn(NamedTuple):
    """What came of a bundle: records that are new, that were here, that were refused; `waiting`: an earlier bundle is missing."""

    sender: str
    taken: int
    repeated: int
    refused: int
    receipts: int
    waiting: bool


class Bundles:
    """The exchange of one node by file."""

    def __init__(
        self,
        context: Context,
        inboxes: Mapping[str, Inbox],
        outstanding: Outstanding,
        packer: Packer,
        catalogue: Catalogue,
        arrivals: Arrivals,
    ) -> None:
        self._context, self._inboxes, self._outstanding = context, inboxes, outstanding
        self._packer, self._catalogue, self._arrivals = packer, catalogue, arrivals
        self._entropy = context.entropy.child("bundles")
        self._one_at_a_time = asyncio.Lock()

    async def export(self, partner: str, since: int | None = None) -> Made:
        """A bundle of what `partner` has given no receipt for, or of everything from number `since` of each chain; raises `InputError`."""
        context = self._context
        known = context.partner(partner)
        if known is None:
            raise InputError(f"there is no partner {partner[:40]!r}")
        while await self._catalogue.more(partner):
            pass
        now = context.clock.now()
        epoch = seal.Epoch(self._entropy.take(16), self._entropy.take(32), frozenset({partner}), now, now + LASTS)
        messages = [self._control(partner, seal.make_grant(epoch, context.me, known.card, None))]
        have = self._inboxes[partner].have() if partner in self._inboxes else ()
        if have:
            messages.append(self._control(partner, wire.Receipt(have, self._inboxes[partner].held.some())))
        records, size, more = 0, 0, False
        for realm in context.journal.realms():
            to = self._outstanding.get(partner, realm)
            if to is None or realms.is_replay(realm):
                continue
            first = max(0, to.received if since is None else since)
            while first < to.next and not more:
                owed = store.between(context.journal, partner, realm, first, to.next - 1, wire.MAX_ITEMS)
                if not owed or owed[0].seq != first:
                    break
                found = self._packer.gather(partner, owed)
                if (message := self._packer.message(partner, found, epoch)) is None:
                    break
                messages.append(Message(message[0], wire.RECORDS, message[1]))
                await self._packer.note(partner, found)
                records, size, first = records + len(found.batch), size + len(message[1]), first + len(found.batch)
                more = size > ROOM or len(messages) >= bundle.MAX_MESSAGES
        return Made(bundle.write(context.keys, partner, messages, now), records, len(have), more)

    async def take_in(self, data: bytes) -> TakenIn:
        """Take in a bundle; raises `BadBundle` or `InputError`, and then nothing of it was used."""
        async with self._one_at_a_time:
            sender = bundle.sender_of(data)
            partner, inbox = self._context.partner(sender), self._inboxes.get(sender)
            if partner is None or inbox is None:
                raise BadBundle(f"{sender[:32]!r} is no partner of this node")
            card = self._signer(data, partner)
            found = await self._one(data, card, inbox)
            if found.waiting:
                await self._let_wait(sender, data)
            else:
                found = await self._those_that_waited(found, partner, inbox)
            return found

    def _signer(self, data: bytes, partner: Partner) -> Card:
        """The card by whose keys a bundle is signed, of those that its partner had when it was made; the pinned one if by none."""
        for card in self._context.book.believed_at(partner.id, bundle.made_at(data)):
            try:
                bundle.read(data, card, self._context.me)
            except BadBundle:
                continue
            return card
        return partner.card

    async def _one(self, data: bytes, card: Card, inbox: Inbox) -> TakenIn:
        _, messages = bundle.read(data, card, self._context.me)
        counts = self._context.counts
        before = {name: counts[name] for name in ("records_received", "already_held", "repeated", "refused", "items_refused", "withdrawn")}
        receipts = 0
        for one in messages:
            if one.klass == wire.CONTROL:
                receipts += await self._heed(one, card, inbox)
            elif one.klass == wire.RECORDS:
                arrival = Arrival(self._context.me, card.partner, one.tag, one.klass, one.data, again=True)
                await inbox.packet(arrival, card, by_file=True)
        grown = {name: counts[name] - was for name, was in before.items()}
        return TakenIn(
            card.partner,
            grown["records_received"],
            grown["already_held"] + grown["repeated"],
            max(grown["refused"], grown["items_refused"]),
            receipts,
            any(inbox.lacks(_header(one.data)) for one in messages if one.klass == wire.RECORDS),
        )

    async def _heed(self, one: Message, card: Card, inbox: Inbox) -> int:
        # Their time says nothing here: a file may be late, and what they say does no harm a second time.
        try:
            _, body = seal.open_control(one.data, card, self._context.me)
            if isinstance(body, wire.Grant):
                await inbox.grant(body, card)
            elif isinstance(body, wire.Receipt):
                await self._arrivals.receipts(card.partner, body.have, body.held, one.data)
                return len(body.have)
        except BadWire:
            await self._context.refuse(card.partner, "malformed", hashlib.sha256(one.data).digest())
        except Refused as refusal:
            await self._context.refuse(card.partner, refusal.reason, hashlib.sha256(one.data).digest())
        return 0

    async def _let_wait(self, sender: str, data: bytes) -> None:
        row = {"digest": hashlib.sha256(data).digest(), "sender": sender, "data": data, "at": self._context.clock.now()}

        def work(connection: Connection) -> None:
            if connection.execute(select(waiting.c.at).where(waiting.c.digest == row["digest"])).first() is not None:
                return
            if connection.execute(select(func.count()).where(waiting.c.sender == sender)).scalar_one() >= WAITING:
                raise InputError(f"{WAITING} bundles of {sender} wait for an earlier one already: take that one in first")
            connection.execute(insert(waiting), [row])

        await self._context.journal.write(work)

    async def _those_that_waited(self, found: TakenIn, partner: Partner, inbox: Inbox) -> TakenIn:
        while True:
            rows = self._context.journal.read_rows(select(waiting).where(waiting.c.sender == partner.id).order_by(waiting.c.at))
            moved = False
            for row in rows:
                try:
                    one = await self._one(row.data, self._signer(row.data, partner), inbox)
                except InputError:
                    one = None  # its sender has other keys now: it will never open
                if one is None or not one.waiting:
                    gone = delete(waiting).where(waiting.c.digest == row.digest)
                    await self._context.journal.write(lambda connection, gone=gone: connection.execute(gone))  # type: ignore[misc]
                    moved = True
                if one is not None:
                    found = found._replace(taken=found.taken + one.taken, refused=found.refused + one.refused)
            if not moved:
                return found._replace(waiting=False)

    def _control(self, partner: str, body: wire.Wire) -> Message:
        return Message(wire.NO_TAG, wire.CONTROL, seal.make_control(self._context.keys, partner, body, self._context.stamp()))


def _header(data: bytes) -> wire.Header:
    try:
        return wire.read(wire.read(data, wire.Packet).header, wire.Header)
    except BadWire:
        return _NONE


_NONE = wire.Header(0, "", "", "", "", 0, 0, b"", b"", b"", 0)
