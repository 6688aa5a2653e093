"""The back-catalogue: what a partner may have today of what was said before, in the order in which it was said.

Each partner's courier asks for a page when nothing else waits for the partner and its receipts have come, so that live
traffic is first and the rate is the partner's own. A page joins the partner's one chain of the realm; from then on it is sent,
asked for again and closed like all else. How far it has come is on disk.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import msgspec

from tocsin.core import realms

from . import store

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from tocsin.core import Realm
    from tocsin.journal import Kept
    from tocsin.policy import Decision

    from .context import Context
    from .outgoing import Releases
    from .outstanding import Outstanding

PAGE = 100
AHEAD = 200  # records without a receipt, past which nothing old is offered


class Catalogue:
    """What is still to be offered to each partner out of what was said."""

    def __init__(self, context: Context, releases: Releases, outstanding: Outstanding) -> None:
        self._context, self._releases, self._outstanding = context, releases, outstanding
        self._done: dict[str, bytes] = {}  # partner: the basis under which everything was looked through in this run
        # Whoever was out of the book for a while missed what was said meanwhile.
        context.book.listen(self.again)

    def again(self) -> None:
        """Something may have been missed: go on from where each partner's place on disk is."""
        self._done.clear()

    def basis(self, partner: str) -> bytes:
        """What decides over a partner's catalogue, as 32 bytes: what it is cleared for, what it wants, and the policy."""
        known = self._context.partner(partner)
        clearance = msgspec.json.encode(known.clearance if known else None, order="deterministic")
        return hashlib.sha256(clearance + self._context.wants.digest(partner) + self._releases.basis()).digest()

    async def more(self, partner: str) -> bool:
        """Look through one page for `partner` and put what it may have into its outbox; False when all was looked through."""
        basis = self.basis(partner)
        if self._done.get(partner) == basis:
            return False
        journal = self._context.journal
        places = store.catalogue_of(journal, partner)
        for realm in journal.realms():
            if realms.is_replay(realm):
                continue
            next_, under = places.get(realm, (0, b""))
            next_ = next_ if under == basis else 0
            if rows := store.said_after(journal, partner, realm, next_, PAGE):
                await self._offer(partner, realm, [row.record_id for row in rows if not row.placed], rows[-1].idx + 1, basis)
                return True
            if under != basis:
                await self._offer(partner, realm, [], 0, basis)
        self._done[partner] = basis
        return False

    async def offer(self, record_id: str) -> None:
        """Decide anew about one record for every partner: its label has changed."""
        if (kept := self._context.journal.get(record_id)) is not None:
            for partner in self._context.book.partners():
                await self._offer(partner.id, kept.record.realm, [record_id], None, b"")

    async def _offer(self, partner: str, realm: Realm, ids: list[str], next_: int | None, basis: bytes) -> None:
        found = [kept for one in ids if (kept := self._context.journal.get(one)) is not None]
        decided: list[tuple[Kept, Decision]] = []
        for kept in found:
            decision = next((d for d in self._releases.of_record(kept.record).decisions if d.partner == partner), None)
            if decision is not None:
                decided.append((kept, decision))
        now = self._context.clock.now()

        def work(connection: Connection) -> store.OutChain | None:
            to = store.offer(connection, partner, realm, decided, now)
            if next_ is not None:
                store.save_catalogue(connection, partner, realm, next_, basis)
            return to

        to = await self._context.journal.write(work)
        if to is not None:
            self._outstanding.grew({(partner, realm): to})
            self._context.counts["catalogue_offered"] += sum(decision.allowed for _, decision in decided)
            await self._context.changed("ledger")
