"""Taking in one partner's records: in the order of their chain, each one checked, all on disk before anybody is told of them."""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from typing import TYPE_CHECKING

from tocsin.core import InputError, Restart, decode
from tocsin.journal import Entry
from tocsin.policy import RECEIVE, matter_of

from . import chain, store, wire
from .errors import Refused

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Awaitable, Callable, Mapping, Sequence

    from sqlalchemy import Connection

    from tocsin.core import Label
    from tocsin.journal import Kept

    from .context import Context
    from .inchain import InChain
    from .receipts import Owed

REMEMBERED = 10_000  # ids by which doubling is measured

Allowed = dict[tuple["Label | None", str, str], bool]


class RecordsIn:
    """What one partner says. `chains` are all of that partner's; `owed` is set when a receipt is, and `named` gathers what it names."""

    def __init__(
        self,
        context: Context,
        sender: str,
        chains: Mapping[tuple[str, str], InChain],
        heard: Callable[[Sequence[Kept]], Awaitable[None]],
        owed: asyncio.Event,
        named: Owed,
    ) -> None:
        self._context, self._sender, self._chains, self._heard = context, sender, chains, heard
        self._owed, self._named = owed, named
        self._seen: OrderedDict[str, None] = OrderedDict()

    async def take(self, one: InChain, header: wire.Header, payload: wire.Payload, proofs: Sequence[bytes]) -> None:
        """Keep what comes next in a chain; raises `Refused` (`chain`) for what does not, and what the journal raises."""
        context, skip = self._context, one.next - header.first
        if len(payload.items) != header.count or (skip == 0 and header.before != one.hash):
            raise Refused("chain")
        hashes = [chain.item_hash(item) for item in payload.items[skip:]]
        after = chain.run(one.hash, hashes)
        if after != header.after:
            raise Refused("chain")
        entries: list[Entry] = []
        known: Allowed = {}
        digests: list[bytes] = []
        refused: list[tuple[int, str, bytes]] = []
        for at in range(skip, header.count):
            item = payload.items[at]
            if item.state:
                context.counts["withdrawn"] += 1
                continue
            try:
                entries.append(self.entry(item.data, payload.kinds[at], payload.realm, proofs[at], known))
                digests.append(hashes[at - skip])
            except Refused as refusal:
                refused.append((header.first + at, refusal.reason, hashlib.sha256(item.data).digest()))
        next_, sent_at = header.first + header.count, max(one.sent_at, header.sent_at)

        def also(connection: Connection, new: list[Kept]) -> None:
            store.note_receipts(connection, self._sender, new)
            store.save_in(connection, self._sender, one.tag, wire.RECORDS, payload.realm, (next_, after, sent_at))

        former = [c for c in self._chains.values() if c.klass == wire.RECORDS and c.realm == payload.realm] if one.realm is None else []
        kept = await context.journal.keep(entries, also)
        clashes = {hashlib.sha256(data).digest() for data in self._not_kept(entries, kept)}
        refused += [(-1, "identity", digest) for digest in clashes]
        self._named.add(digest for digest in digests if digest not in clashes)
        one.realm, one.sent_at = payload.realm, sent_at
        if held := max((c.next for c in former), default=0):
            why = "Their node was restored from an earlier state; what it said since comes in a new chain."
            await context.note(Restart(partner=self._sender, held=held, known=0, reason=why), payload.realm)
            context.counts["chains_begun_anew_by_partners"] += 1
        context.counts["advanced"] += header.count - skip
        one.came_to(next_, after, context.clock.now())
        self._owed.set()
        for seq, reason, digest in refused:
            if seq >= 0:
                one.refused.append(seq)
                context.counts["items_refused"] += 1
            await context.refuse(self._sender, reason, digest, payload.realm)
        if kept:
            context.counts["records_received"] += len(kept)
            await self.tell(kept)

    def entry(self, data: bytes, kind: str, realm: str, proof: bytes, known: Allowed | None = None) -> Entry:
        """A record of this partner's, to be kept; raises `Refused`. `known`: what the gate allowed at this same moment."""
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
        gate, matter = self._context.gate, matter_of(record)
        label = gate.label_of(record)
        # A batch's records bear few labels, and what is allowed does not rest on which of them asks.
        asked = label, matter.kind, matter.topic
        if (allowed := known.get(asked) if known is not None else None) is None:
            allowed = gate.may(label, self._context.clearance, realm=realm, action=RECEIVE, matter=matter)
            if known is not None:
                known[asked] = allowed
        if not allowed:
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

    async def tell(self, kept: Sequence[Kept]) -> None:
        """Tell whoever uses records that these are on disk."""
        await self._heard(kept)
        try:
            await self._context.sink.on_records(kept)
        except Exception:  # noqa: BLE001 - what a user of the exchange does wrong must not stop it
            self._context.counts["sink_failed"] += 1
