"""Sending records: each partner has a courier that seals what the outbox owes it and leaves it at the relay.

An envelope is sealed for the audience that today's decision gives, not for whoever happens to be behind, so that
what one partner receives does not depend on what is said to others.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import OrderedDict
from typing import TYPE_CHECKING

from tocsin.core import TocsinError
from tocsin.policy import decide

from . import chain, seal, store, wire
from .errors import RelayFull, RelayUnreachable

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy import Connection

    from tocsin.core import Label, Realm
    from tocsin.policy import Release

    from .context import Context
    from .model import Partner
    from .outstanding import Outstanding
    from .seal import Epoch

FIRST_WAIT_S, LONGEST_WAIT_S = 0.25, 5.0
MAX_BATCH_BYTES = 2_000_000  # of signed bytes in one envelope
SHARED = 16  # envelopes remembered, so that an audience's couriers seal once
_TROUBLES: dict[type[TocsinError], str] = {RelayFull: "relay_full", RelayUnreachable: "relay_away"}
ASKED = 8  # ranges that a partner may have outstanding


class Releases:
    """Today's decisions, remembered until the book changes."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._known: dict[tuple[Label, Realm], Release] = {}
        context.book.listen(self._known.clear)

    def of(self, label: Label, realm: Realm) -> Release:
        """Who may have what bears `label` in `realm`."""
        if (found := self._known.get((label, realm))) is None:
            if len(self._known) >= 1024:
                self._known.clear()
            found = self._known[label, realm] = decide(label, realm, self._context.book.clearances())
        return found


class Grants:
    """Epochs, and who was sent each one's key."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self.epochs = seal.Epochs(context.clock, context.entropy.child("epochs"), rotate=context.settings.rotate)
        self.prekeys: dict[str, wire.Prekey] = {}  # what partners announced
        context.book.listen(self.epochs.end_all)

    async def ready(self, epoch: Epoch, partner: Partner) -> None:
        """Send `partner` the epoch's key unless it was sent before."""
        if partner.id not in epoch.granted and await self._send(epoch, partner):
            epoch.granted.add(partner.id)

    async def answer(self, ask: wire.AskGrant, partner: Partner) -> None:
        """Send the key again to a member that asks, or say that there is none for it."""
        self.learn(partner.id, ask.prekey)
        epoch = self.epochs.get(ask.epoch)
        if epoch is None or partner.id not in epoch.audience:
            self._context.counts["grants_denied"] += 1
            await self._context.control(partner.id, wire.NoGrant(ask.epoch))
        elif await self._send(epoch, partner):
            epoch.granted.add(partner.id)

    def learn(self, partner: str, prekey: wire.Prekey) -> None:
        """Wrap to this prekey from now on."""
        self.prekeys[partner] = prekey

    async def _send(self, epoch: Epoch, partner: Partner) -> bool:
        prekey = self.prekeys.get(partner.id)
        if prekey is not None and self._context.clock.now() >= prekey.until:
            prekey = None
        grant = seal.make_grant(epoch, self._context.me, partner.card, prekey)
        self._context.counts["grants_sent"] += 1
        return await self._context.control(partner.id, grant)


class Courier:
    """Brings one partner what the outbox owes it, in order, records before all else."""

    def __init__(
        self, context: Context, partner: str, outstanding: Outstanding, releases: Releases, grants: Grants, shared: Shared
    ) -> None:
        self._context, self._partner, self._outstanding = context, partner, outstanding
        self._releases, self._grants, self._shared = releases, grants, shared
        self._wake = asyncio.Event()
        self._wake.set()
        self._emptied = False
        self._asked: OrderedDict[tuple[str, int, int], None] = OrderedDict()

    def wake(self) -> None:
        """There may be something to bring, or a way to bring it."""
        self._wake.set()

    def ask(self, realm: Realm, first: int, last: int) -> None:
        """The partner asks for a range of its chain again; one that is asked for already is not put twice."""
        if len(self._asked) < ASKED:
            self._asked[realm, first, last] = None
        else:
            self._context.counts["asks_dropped"] += 1
        self._wake.set()

    async def run(self) -> None:
        """Until cancelled."""
        wait = FIRST_WAIT_S
        while True:
            await self._wake.wait()
            self._wake.clear()
            try:
                while await self._bring_some():
                    wait = FIRST_WAIT_S
                    if self._emptied:
                        await self._let_gather()
            except TocsinError as error:
                # The relay is away or full, or the journal cannot be read just now: what is owed stays owed.
                self._context.counts[_TROUBLES.get(type(error), "courier_troubles")] += 1
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(wait):
                        await self._wake.wait()
                wait = min(2 * wait, LONGEST_WAIT_S)
                self._wake.set()

    async def _let_gather(self) -> None:
        # What is said meanwhile goes into one envelope. All couriers go on at one moment, so that they find the same owed,
        # and seal it once; a lone record has left before this.
        every = self._context.settings.gather_s
        await asyncio.sleep(every - asyncio.get_running_loop().time() % every)

    async def _bring_some(self) -> bool:
        context = self._context
        partner = context.partner(self._partner)
        if partner is None or not context.transport.connected:
            return False
        if self._asked:
            (realm, first, last), _ = next(iter(self._asked.items()))
            owed = store.between(context.journal, self._partner, realm, first, last, wire.MAX_ITEMS)
            sent = await self._bring(partner, owed, again=True) if owed and owed[0].seq == first else 0
            del self._asked[realm, first, last]
            if sent and first + sent <= last:
                self._asked[realm, first + sent, last] = None
            return True
        owed = store.queued(context.journal, self._partner, wire.MAX_ITEMS)
        sent = await self._bring(partner, owed, again=False) if owed else 0
        self._emptied = sent == len(owed) < wire.MAX_ITEMS
        return sent > 0

    async def _bring(self, partner: Partner, owed: Sequence[store.Owed], *, again: bool) -> int:
        """Send one envelope with the first of `owed` that go to one audience; how many went."""
        context = self._context
        batch, items, kinds, audience = self._gather(partner, owed)
        realm = batch[0].realm
        before = store.hash_before(context.journal, partner.id, realm, batch[0].seq)
        if before is None or chain.run(before, [one.item for one in batch]) != batch[-1].after:
            # The outbox does not hold what was chained: sending it would only be refused.
            context.counts["outbox_damaged"] += 1
            return 0
        epoch = self._grants.epochs.of(audience)
        await self._grants.ready(epoch, partner)
        envelope = self._shared.envelope(epoch, realm, items, kinds)
        tag = self._outstanding.tag_of(partner.id, realm)
        packet = seal.make_packet(
            context.keys,
            recipient=partner.id,
            tag=tag,
            klass=wire.RECORDS,
            first=batch[0].seq,
            before=before,
            items=[one.item for one in batch],
            envelope=envelope,
            sent_at=context.stamp(),
        )
        await context.transport.send(partner.id, tag, wire.RECORDS, packet)
        context.counts["records_sent_again" if again else "records_sent"] += len(batch)
        gone = [one.record_id for one, item in zip(batch, items, strict=True) if item.state]
        went = [one.record_id for one, item in zip(batch, items, strict=True) if not item.state]
        now = context.clock.now()

        def note(connection: Connection) -> None:
            store.mark(connection, partner.id, went, "sent", None, now)
            store.mark(connection, partner.id, gone, "withdrawn", "Its label no longer allows it, or it was erased.", now)

        await context.journal.write(note)
        await context.changed("ledger")
        return len(batch)

    def _gather(
        self, partner: Partner, owed: Sequence[store.Owed]
    ) -> tuple[list[store.Owed], tuple[wire.Item, ...], tuple[str, ...], frozenset[str]]:
        batch: list[store.Owed] = []
        items: list[wire.Item] = []
        kinds: list[str] = []
        audience: frozenset[str] = frozenset()
        size = 0
        for one in owed:
            kept = self._context.journal.get(one.record_id)
            reach = self._releases.of(kept.record.label, kept.record.realm).audience if kept else frozenset()
            # A marker says nothing but that number so-and-so is void: it is between the two of us.
            allowed = partner.id in reach
            reach = reach if allowed else frozenset({partner.id})
            length = len(kept.data) if kept and allowed else 32
            if batch and (reach != audience or size + length > MAX_BATCH_BYTES):
                break
            audience, size = reach, size + length
            batch.append(one)
            items.append(wire.Item(0, kept.data) if kept and allowed else wire.Item(1, one.item))
            kinds.append(kept.record.kind if kept and allowed else "")
        return batch, tuple(items), tuple(kinds), audience


class Shared:
    """The envelopes made last: members of one audience that are owed the same get the same bytes."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._salts = context.entropy.child("envelope salts")
        self._made: OrderedDict[tuple[bytes, str, tuple[wire.Item, ...]], bytes] = OrderedDict()

    def envelope(self, epoch: Epoch, realm: Realm, items: tuple[wire.Item, ...], kinds: tuple[str, ...]) -> bytes:
        """The envelope of these records under this epoch."""
        key = epoch.id, realm, items
        if (found := self._made.get(key)) is None:
            found = self.seal(seal.payload_of(self._context.keys, realm, items, kinds), epoch)
            self._made[key] = found
            while len(self._made) > SHARED:
                self._made.popitem(last=False)
        return found

    def seal(self, payload: wire.Payload, epoch: Epoch) -> bytes:
        """A payload under a fresh key of this epoch."""
        self._context.counts["envelopes"] += 1
        return seal.seal(payload, epoch.key, epoch.id, self._context.me, self._salts.take(32))
