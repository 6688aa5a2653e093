"""What cannot wait for its turn: a warning that stands behind many records is shown at once, beside the chain.

The chain stays as it is: the same record comes in its turn and is found to be held. So priority costs no order, and loses nothing.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING, Final

from tocsin.core import TocsinError

from . import seal, store, wire
from .errors import Refused

if TYPE_CHECKING:
    from .card import Card
    from .context import Context
    from .incoming import Inbox
    from .model import Partner
    from .outgoing import Grants, Packer
    from .outstanding import Outstanding

KINDS: Final = frozenset({"warning", "recall"})  # as `tables.URGENT` has them
BEHIND: Final = wire.MAX_ITEMS  # with fewer records owed, the chain itself is as quick
AT_ONCE: Final = 4  # the newest that are shown
REMEMBERED: Final = 256
WAITING: Final = 8  # shown before their key had come


class Hurry:
    """Shows one partner what is urgent and waits behind more than an envelope of other records, the newest first, each once."""

    def __init__(self, context: Context, outstanding: Outstanding, grants: Grants, packer: Packer) -> None:
        self._context, self._outstanding, self._grants, self._packer = context, outstanding, grants, packer
        self._shown: OrderedDict[str, None] = OrderedDict()

    async def show(self, partner: Partner) -> None:
        """Show what is urgent now; raises what the journal raises."""
        if self._outstanding.owed(partner.id) <= BEHIND:
            return
        for one in store.urgent(self._context.journal, partner.id, AT_ONCE):
            if one.record_id in self._shown:
                continue
            found = self._packer.gather(partner.id, [one])
            if found.reasons[0]:
                continue
            epoch = self._grants.epochs.of(found.audience)
            await self._grants.ready(epoch, partner)
            message = self._packer.message(partner.id, found, epoch)
            fits = message is not None and len(message[1]) <= wire.MAX_URGENT
            if message is not None and fits and await self._context.control(partner.id, wire.Urgent(message[1])):
                self._context.counts["shown_early"] += 1
                self._shown[one.record_id] = None
                if len(self._shown) > REMEMBERED:
                    self._shown.popitem(last=False)


class Early:
    """Takes in what one partner shows ahead of its turn. Everything is checked as in the chain, but for its place there."""

    def __init__(self, context: Context, inbox: Inbox) -> None:
        self._context, self._inbox = context, inbox
        self._waiting: OrderedDict[bytes, Card] = OrderedDict()

    async def take(self, data: bytes, card: Card) -> None:
        """Keep the records of a packet of the chain that came before its turn; raises `BadWire`, `Refused`, what the journal raises."""
        tag = wire.read(wire.read(data, wire.Packet).header, wire.Header).tag
        header, envelope = seal.open_packet(data, card, self._context.me, tag, wire.RECORDS)
        one = self._inbox.chains.get((tag, wire.RECORDS))
        if one is not None and one.had(header.first, header.count):
            return
        epoch = seal.read_head(envelope).epoch
        if epoch not in self._inbox.keys:
            self._waiting[data] = card
            if len(self._waiting) > WAITING:
                self._waiting.popitem(last=False)
            await self._inbox.keys.need(epoch)
            return
        payload, proofs = self._inbox.opened(one, header, envelope, card)
        if len(payload.items) != header.count or not set(payload.kinds) <= KINDS:
            raise Refused("urgent")
        items, entry = enumerate(payload.items), self._inbox.records.entry
        entries = [entry(item.data, payload.kinds[at], payload.realm, proofs[at]) for at, item in items if not item.state]
        if kept := await self._context.journal.keep(entries):
            self._context.counts["taken_early"] += len(kept)
            await self._inbox.records.tell(kept)

    async def key_came(self) -> None:
        """A key was granted: look again at what waited."""
        waiting, self._waiting = self._waiting, OrderedDict()
        for data, card in waiting.items():
            try:
                await self.take(data, card)
            except TocsinError:
                # The same record comes in its turn, and is refused there with its reason.
                self._context.counts["early_refused"] += 1
