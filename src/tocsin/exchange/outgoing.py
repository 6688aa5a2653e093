"""Sending records: each partner has a courier that seals what the outbox owes it and leaves it at the relay.

An envelope is sealed for the audience that today's decision gives, not for whoever happens to be behind, so that
what one partner receives does not depend on what is said to others.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import OrderedDict
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

from tocsin.core import TocsinError
from tocsin.core.labels import ORCON
from tocsin.policy import OBSERVATIONS, Decision, Release, matter_of

from . import chain, seal, store, wire
from .catalogue import AHEAD
from .errors import RelayFull, RelayUnreachable
from .recalls import RECALL
from .urgent import Hurry

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tocsin.core import Label, Realm, Record
    from tocsin.policy import Matter

    from .catalogue import Catalogue
    from .context import Context
    from .model import Partner
    from .outstanding import Outstanding
    from .seal import Epoch

FIRST_WAIT_S, LONGEST_WAIT_S = 0.25, 5.0
MAX_BATCH_BYTES = 2_000_000  # of signed bytes in one envelope
SHARED = 16  # envelopes remembered, so that an audience's couriers seal once
_TROUBLES: dict[type[TocsinError], str] = {RelayFull: "relay_full", RelayUnreachable: "relay_away"}
SETTLED = 4096  # records whose decision is remembered
ASKED = 8  # ranges that a partner may have outstanding


class Releases:
    """Today's decisions, remembered until the book changes; those that may change with time are made anew each time."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._known: dict[tuple[Label, Realm, Matter], Release] = {}
        self._settled: OrderedDict[str, tuple[Release, frozenset[str]]] = OrderedDict()
        self._under = self._versions()
        context.book.listen(self._known.clear)
        context.book.listen(self._settled.clear)

    def of(self, label: Label, realm: Realm, matter: Matter = OBSERVATIONS) -> Release:
        """Who may have what bears `label` in `realm`."""
        gate, lasts = self._context.gate, self._lasts(label)
        # Only consents are about one record; all else is decided by label, kind and topic.
        key = label, realm, matter._replace(record="")
        if not lasts or (found := self._known.get(key)) is None:
            found = gate.decide(label, realm, self._context.book.clearances(), matter=matter)
            if len(self._known) >= 1024:
                self._known.clear()
            if lasts:
                self._known[key] = found
        return found

    def _lasts(self, label: Label) -> bool:
        return label.expires is None and not self._context.gate.by_time and ORCON not in label.caveats

    def _versions(self) -> tuple[int, int, int]:
        return self._context.gate.standing.version, self._context.recalls.version, self._context.wants.version

    def settled(self, record: Record) -> tuple[Release, frozenset[str]]:
        """`of_record` and `circle`, remembered while nothing changes that they rest on: an audience's couriers all ask."""
        if (under := self._versions()) != self._under:
            self._settled.clear()
            self._under = under
        if (found := self._settled.get(record.id)) is None:
            found = self.of_record(record), self.circle(record)
            if self._lasts(self._context.gate.label_of(record)):
                self._settled[record.id] = found
                if len(self._settled) > SETTLED:
                    self._settled.popitem(last=False)
        return found

    def basis(self) -> bytes:
        """What decisions rest on beside labels and clearances: a catalogue that was decided under another is gone through anew."""
        return self._context.gate.basis()

    def of_label(self, record: Record) -> Release:
        """Who may have `record` under the label that it bears now."""
        return self.of(self._context.gate.label_of(record), record.realm, matter_of(record))

    def of_record(self, record: Record) -> Release:
        """Who is sent `record` today: its label, whether it was recalled, and what each partner wants.

        A recall says nothing but an id to those who had what it recalls, so it goes to exactly those, whatever they are cleared for now.
        """
        if record.kind == RECALL:
            return self._of_recall(record)
        release = self.of_label(record)
        if self._context.recalls.recall_of(record) is not None:
            return Release(frozenset(), tuple(Decision(d.partner, False, "It was recalled.") for d in release.decisions))
        wants = self._context.wants
        if all(wants.wants(partner, record) for partner in release.audience):
            return release
        decisions = tuple(
            d if not d.allowed or wants.wants(d.partner, record) else Decision(d.partner, False, "It is not among what they subscribe to.")
            for d in release.decisions
        )
        return Release(frozenset(d.partner for d in decisions if d.allowed), decisions)

    def circle(self, record: Record) -> frozenset[str]:
        """The audience that `record` is sealed for: who may have it, whether or not each wants it."""
        return self.of_record(record).audience if record.kind == RECALL else self.of_label(record).audience

    def _of_recall(self, recall: Record) -> Release:
        told = recall.label.releasable_to
        decisions = tuple(
            Decision(name, True, "It had what this recalls.") if name in told else Decision(name, False, "It never had what this recalls.")
            for name in (partner.id for partner in self._context.book.partners())
        )
        return Release(frozenset(d.partner for d in decisions if d.allowed), decisions)


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


class Packer:
    """Makes messages out of what a partner is owed, under today's decisions."""

    def __init__(self, context: Context, outstanding: Outstanding, releases: Releases, shared: Shared) -> None:
        self._context, self._outstanding, self._releases, self._shared = context, outstanding, releases, shared

    def gather(self, partner: str, owed: Sequence[store.Owed]) -> Gathered:
        """The first of `owed` that go to one audience, as items: a marker stands for what may no longer go."""
        batch: list[store.Owed] = []
        items: list[wire.Item] = []
        kinds: list[str] = []
        reasons: list[str] = []
        audience: frozenset[str] = frozenset()
        size, alone = 0, frozenset({partner})
        for one in owed:
            kept = self._context.journal.get(one.record_id)
            if kept is None:
                why, reach = "It was erased.", alone
            else:
                release, reach = self._releases.settled(kept.record)
                why = "" if partner in release.audience else _why_not(partner, release)
            # A marker says nothing but that number so-and-so is void: it is between the two of us.
            item = wire.Item(1, one.item) if kept is None or why else wire.Item(0, kept.data)
            reach = alone if item.state else reach
            size += len(item.data)
            if batch and (reach != audience or size > MAX_BATCH_BYTES):
                break
            audience = reach
            batch.append(one)
            items.append(item)
            kinds.append("" if kept is None or why else kept.record.kind)
            reasons.append(why)
        return Gathered(batch, items, kinds, reasons, audience)

    def message(self, partner: str, found: Gathered, epoch: Epoch) -> tuple[str, bytes] | None:
        """Tag and bytes of the message that brings what was gathered; None if the outbox does not hold what was chained."""
        context, batch = self._context, found.batch
        realm = batch[0].realm
        before = store.hash_before(context.journal, partner, realm, batch[0].seq)
        placed = [one.item for one in batch]
        if before is None or (after := chain.run(before, placed)) != batch[-1].after:
            context.counts["outbox_damaged"] += 1
            return None
        tag = self._outstanding.tag_of(partner, realm)
        return tag, seal.make_packet(
            context.keys,
            recipient=partner,
            tag=tag,
            klass=wire.RECORDS,
            first=batch[0].seq,
            before=before,
            items=placed,
            after=after,
            envelope=self._shared.envelope(epoch, realm, placed, tuple(found.items), tuple(found.kinds)),
            sent_at=context.stamp(),
        )

    async def note(self, partner: str, found: Gathered) -> None:
        """Note in the ledger that what was gathered has left."""
        note = partial(store.note_sent, partner=partner, went=found.batch, voids=found.reasons, now=self._context.clock.now())
        await self._context.journal.write(note)
        await self._context.changed("ledger")


def _why_not(partner: str, release: Release) -> str:
    return next((d.reason for d in release.decisions if d.partner == partner), "") or "It may not have it."


class Gathered(NamedTuple):
    """What one envelope is to hold: rows of the outbox, their items and kinds, why each is void (empty: it is not), and for whom it is."""

    batch: list[store.Owed]
    items: list[wire.Item]
    kinds: list[str]
    reasons: list[str]
    audience: frozenset[str]


class Courier:
    """Brings one partner what the outbox owes it, in order, records before all else."""

    def __init__(
        self, context: Context, partner: str, outstanding: Outstanding, grants: Grants, packer: Packer, catalogue: Catalogue
    ) -> None:
        self._context, self._partner, self._outstanding = context, partner, outstanding
        self._grants, self._packer, self._catalogue = grants, packer, catalogue
        self._wake = asyncio.Event()
        self._wake.set()
        self._emptied = False
        self._hurry = Hurry(context, outstanding, grants, packer)
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
        await self._hurry.show(partner)
        if self._asked:
            (realm, first, last), _ = next(iter(self._asked.items()))
            # What has not left yet comes in its turn.
            owed = store.between(context.journal, self._partner, realm, first, last, wire.MAX_ITEMS, unsent=False)
            sent = await self._bring(partner, owed, again=True) if owed and owed[0].seq == first else 0
            self._asked.pop((realm, first, last), None)
            if sent and first + sent <= last:
                self._asked[realm, first + sent, last] = None
            return True
        owed = store.queued(context.journal, self._partner, wire.MAX_ITEMS)
        sent = await self._bring(partner, owed, again=False) if owed else 0
        self._emptied = bool(owed) and sent == len(owed) < wire.MAX_ITEMS
        if owed:
            return sent > 0
        return self._outstanding.owed(self._partner) < AHEAD and await self._catalogue.more(self._partner)

    async def _bring(self, partner: Partner, owed: Sequence[store.Owed], *, again: bool) -> int:
        """Send one envelope with the first of `owed` that go to one audience; how many went."""
        context = self._context
        found = self._packer.gather(partner.id, owed)
        epoch = self._grants.epochs.of(found.audience)
        await self._grants.ready(epoch, partner)
        if (message := self._packer.message(partner.id, found, epoch)) is None:
            return 0
        tag, packet = message
        await context.send(partner.id, tag, wire.RECORDS, packet)
        context.counts["records_sent_again" if again else "records_sent"] += len(found.batch)
        await self._packer.note(partner.id, found)
        return len(found.batch)


class Shared:
    """The envelopes made last: members of one audience that are owed the same get the same bytes."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._salts = context.entropy.child("envelope salts")
        self._made: OrderedDict[tuple[bytes, str, bytes], bytes] = OrderedDict()

    def envelope(self, epoch: Epoch, realm: Realm, placed: Sequence[bytes], items: tuple[wire.Item, ...], kinds: tuple[str, ...]) -> bytes:
        """The envelope of these records under this epoch. `placed`: what each contributes to its chain, which stands for its bytes."""
        key = epoch.id, realm, b"".join([*placed, bytes(item.state for item in items)])
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
