"""Taking in one partner's observations: as they come, and whatever does not come is noted as a gap."""

from __future__ import annotations

import asyncio
import hashlib
from typing import TYPE_CHECKING

from tocsin.core import Gap, TocsinError
from tocsin.formats import columns
from tocsin.policy import OBSERVATIONS, RECEIVE

from . import chain, store, wire
from .errors import Refused

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from tocsin.core import Observations
    from tocsin.core.times import Micros

    from .context import Context
    from .inchain import InChain, Missing

INLINE_BYTES = 65_536  # packed observations above this are unpacked beside the event loop


class ObservationsIn:
    """What one partner observes. `chains` are all of that partner's."""

    def __init__(self, context: Context, sender: str, chains: dict[tuple[str, str], InChain]) -> None:
        self._context, self._sender, self._chains = context, sender, chains
        self._floor: Micros = 0  # of chains that were ended: whatever is as old is a replay
        self._ended: list[str] = []

    async def take(self, one: InChain, header: wire.Header, payload: wire.Payload) -> None:
        """Hand on one batch, and note where its chain has come; raises `Refused`."""
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
            await self.too_many(one, one.skip_to(header.first, header.before, now))
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
        older = [c for c in self._chains.values() if c.klass == wire.OBSERVATIONS and c.realm == realm]
        if sent_at <= max([self._floor, *(c.sent_at for c in older)]):
            raise Refused("replayed")
        one.realm = realm
        for old in older:
            self._floor = max(self._floor, old.sent_at)
            self._ended.append(old.tag)
            del self._chains[old.tag, old.klass]
            for hole in old.missing:
                await self.gap(old, hole.first, hole.last, "their node was started anew")
            # What it had not yet told of when it ended, nobody can know: this stands for it.
            last = max(old.target - 1, old.next)
            await self.gap(old, old.next, last, "their node was started anew, and whatever it had under way is gone")

    async def ask(self, one: InChain) -> None:
        """Ask for what is missing, and note as a gap what was asked for in vain."""
        context, now = self._context, self._context.clock.now()
        for hole in list(one.missing):
            if one.realm is not None and now - hole.since >= context.settings.give_up:
                one.missing.remove(hole)
                await self.gap(one, hole.first, hole.last, "they did not come when asked for")
            elif now >= hole.ask_at:
                hole.wait = max(context.settings.ask_again, 2 * hole.wait)
                hole.ask_at = now + hole.wait
                context.counts["ranges_asked"] += 1
                await context.control(self._sender, wire.AskRange(one.tag, wire.OBSERVATIONS, hole.first, hole.last))

    async def too_many(self, one: InChain, hole: Missing | None) -> None:
        """Note the hole, if any, that there was no room to wait for."""
        if hole is not None:
            await self.gap(one, hole.first, hole.last, "there were too many holes to wait for each")

    async def gap(self, one: InChain, first: int, last: int, reason: str) -> None:
        """Note that batches `first` to `last` will not come."""
        self._context.gaps[self._sender] += 1
        self._context.counts["gaps"] += 1
        self._context.counts["batches_missed"] += last - first + 1
        if one.realm is not None:
            await self._context.note(Gap(sender=self._sender, first=first, last=last, reason=reason), one.realm)
        await self._context.changed("links")

    async def save(self) -> None:
        """Keep where the chains of observations stand (those of records are kept with each record)."""
        moved = [one for one in self._chains.values() if one.klass == wire.OBSERVATIONS and one.unsaved and one.realm is not None]
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
