"""The node's log towards its partners: checkpoints on a schedule, partners as witnesses, and witnessing theirs."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING, Any

from sqlalchemy import select

from tocsin.core import LIVE, Realm, TocsinError, realms
from tocsin.core.times import SECOND, Micros
from tocsin.exchange import Partner, wire
from tocsin.exchange.card import Card
from tocsin.exchange.tables import chains_out
from tocsin.journal import Answer, Audit, Log, Submission, Witness, audit
from tocsin.journal.log import WAITING
from tocsin.journal.witness import EQUIVOCATION, OTHER

if TYPE_CHECKING:
    from .service import Node

log = logging.getLogger("tocsin")
TICK_S = 1.0
AGAIN = 15 * SECOND  # before the same is asked of the same partner again


class Notary:
    """What one node does about logs: its own, and as a witness those of its partners."""

    def __init__(self, node: Node) -> None:
        self._node = node
        settings = node.config.log
        self.log = Log(node.journal, node.keys, node.clock, node.entropy, needed=settings.witnesses, witnesses_of=self.witnesses_of)
        self.witness = Witness(node.journal, node.keys, node.clock)
        self._due: Micros = 0
        self._waiting: set[Realm] = set()
        self._asked: dict[tuple[Realm, str], tuple[Submission, Micros]] = {}

    def witnesses_of(self, realm: Realm) -> Collection[str]:
        """Who may witness a realm's log: every partner for the live one, for an exercise those who were told of it, for a replay none."""
        names = {partner.id for partner in self._node.book.partners()}
        if realm == LIVE:
            return names
        if realms.is_replay(realm):
            return ()
        told = self._node.journal.read_rows(select(chains_out.c.partner).where(chains_out.c.realm == realm))
        return names & {row.partner for row in told}

    async def run(self) -> None:
        """Sign when it is time, and ask witnesses; until it is cancelled."""
        while True:
            try:
                await self.turn()
            except TocsinError as error:
                # The database may be in trouble; the next turn finds out.
                log.warning("the log's turn failed: %s", error)
            await asyncio.sleep(TICK_S)

    async def turn(self) -> None:
        """What is due now. The schedule is the clock's alone, so that when a checkpoint comes tells nothing."""
        now, every = self._node.clock.now(), self._node.config.log.every_s * SECOND
        if now >= self._due:
            self._due = now - now % every + every
            await self.sign()
        await self.ask()

    async def sign(self) -> None:
        """A checkpoint of every realm; the live log grows by padding where nothing was kept."""
        for realm in self._realms():
            await self._sign(realm)

    async def _sign(self, realm: Realm) -> None:
        waits = self.log.standing(realm).state == WAITING
        if await self.log.checkpoint(realm, idle=realm == LIVE) is None and waits:
            self._waiting.add(realm)
        else:
            self._waiting.discard(realm)

    async def ask(self) -> None:
        """Show every witness what it has not seen yet, or ask what it saw."""
        if (exchange := self._node.exchange) is None:
            return
        now = self._node.clock.now()
        for realm in self._realms():
            for partner in sorted(self.witnesses_of(realm)):
                if (submission := self.log.submission(realm, partner)) is None:
                    continue
                before, at = self._asked.get((realm, partner), (None, 0))
                if submission == before and now - at < AGAIN:
                    continue
                self._asked[realm, partner] = submission, now
                await exchange.tell(partner, wire.AskWitness(*submission))

    def _realms(self) -> Sequence[Realm]:
        return sorted({LIVE, *self._node.journal.realms()})

    async def asked(self, partner: Partner, body: wire.AskWitness) -> None:
        """A partner shows a checkpoint of its log; one that contradicts an earlier one raises an alarm."""
        given = Submission(body.origin, body.old, tuple(body.proof), body.note)
        answer, conflict = await self.witness.consider(partner.id, partner.card.ed25519, given)
        if (exchange := self._node.exchange) is None:
            return
        await exchange.tell(partner.id, wire.Witnessed(*answer))
        if conflict is not None:
            log.error("partner %s has signed two histories of its log", partner.id)
            await exchange.refuse(partner.id, EQUIVOCATION, conflict.digest)

    async def answered(self, partner: Partner, body: wire.Witnessed) -> None:
        """A partner says what it saw of this node's log."""
        realm = self.log.realm_of(body.origin)
        if realm is None or partner.id not in self.witnesses_of(realm):
            return
        before = self.log.submission(realm, partner.id)
        answer = Answer(body.origin, body.status, body.size, body.note, body.line)
        await self.log.heard(realm, partner.id, partner.card.ed25519, answer)
        if realm in self._waiting:
            # Its turn came before its witnesses were heard.
            await self._sign(realm)
        if body.status == OTHER and self.log.submission(realm, partner.id) != before:
            await self.ask()

    def audit(self, realm: Realm) -> Audit:
        """The whole log of a realm gone through again; takes a while."""
        node = self._node
        cards = [Card.from_toml(link.card) for link in node.keys.links]
        own = {node.keys.note_public(), *(card.ed25519 for card in cards)}
        if (former := node.keys.former) is not None:
            own.add(former.note_public())
        return audit(node.journal, self.log, realm, own, node.book.witness_keys())

    def standing(self) -> dict[str, Any]:
        """How every log is, this node's own and those that it witnesses."""
        own = [one._asdict() for one in self.log.standings()]
        seen = [
            {"partner": row.partner, "origin": row.origin, "size": row.size, "at": row.at, "two_histories": bool(row.against)}
            for row in self.witness.seen()
        ]
        return {"own": own, "witnessed": seen}
