"""The book of partners: whose keys are pinned, and what each may be shown."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
from sqlalchemy import delete, insert, select

from tocsin.core import BadLabel, Clearance, InputError

from .card import Card
from .errors import BadCard
from .model import Partner
from .tables import partners

if TYPE_CHECKING:
    from collections.abc import Callable

    from sqlalchemy import Connection

    from tocsin.core import Clock
    from tocsin.journal import Journal

MOST = 200


class Book:
    """Partners, kept in the journal's database and held in memory.

    Cards are checked at every start, so that a row changed on disk cannot pin another key without the old one's
    fingerprint changing on screen; the rows themselves are not yet authenticated.
    """

    def __init__(self, journal: Journal, clock: Clock) -> None:
        self._journal, self._clock = journal, clock
        self._listeners: list[Callable[[], None]] = []
        rows = journal.read_rows(select(partners.c.card, partners.c.clearance).order_by(partners.c.partner))
        found = [Partner(Card.from_toml(row.card), msgspec.json.decode(row.clearance, type=Clearance)) for row in rows]
        self._partners = {partner.id: partner for partner in found}
        for partner in found:
            _check(partner)

    def partners(self) -> list[Partner]:
        """Every partner, in alphabetic order."""
        return [self._partners[name] for name in sorted(self._partners)]

    def get(self, partner: str) -> Partner | None:
        """The partner of that name."""
        return self._partners.get(partner)

    def clearances(self) -> list[Clearance]:
        """Every partner's clearance, in the partners' order."""
        return [partner.clearance for partner in self.partners()]

    async def add(self, card: Card, clearance: Clearance) -> Partner:
        """Pin a card that was carried here by hand.

        Raises `BadCard`, `BadLabel` if the clearance is another's, `InputError` if that name has other keys already.
        """
        card.check()
        _check(partner := Partner(card, clearance))
        held = self._partners.get(card.partner)
        if held is not None and held.card.identity() != card.identity():
            raise InputError(f"{card.partner} is pinned to other keys: remove it first, if you have the new fingerprint from a person")
        if held is None and len(self._partners) >= MOST:
            raise InputError(f"this node knows {MOST} partners already, which is the most it takes")
        row = {
            "partner": card.partner,
            "card": card.to_toml(),
            "clearance": msgspec.json.encode(clearance, order="deterministic").decode(),
            "added_at": self._clock.now(),
        }

        def replace_row(connection: Connection) -> None:
            connection.execute(delete(partners).where(partners.c.partner == card.partner))
            connection.execute(insert(partners), [row])

        await self._journal.write(replace_row)
        self._partners[card.partner] = partner
        self._tell()
        return partner

    async def remove(self, partner: str) -> None:
        """Unpin a partner: from now on it is sent nothing and nothing of it is taken; raises `InputError` if there is none."""
        if partner not in self._partners:
            raise InputError(f"there is no partner {partner[:40]!r}")
        await self._journal.write(lambda connection: connection.execute(delete(partners).where(partners.c.partner == partner)))
        del self._partners[partner]
        self._tell()

    def listen(self, listener: Callable[[], None]) -> None:
        """Call `listener` after each change of membership."""
        self._listeners.append(listener)

    def _tell(self) -> None:
        for listener in self._listeners:
            listener()


def _check(partner: Partner) -> None:
    if partner.clearance.partner != partner.id:
        raise BadLabel(f"this clearance is {partner.clearance.partner[:40]!r}'s, not {partner.id}'s")
    if partner.clearance.classification < 0:
        raise BadCard("a clearance below the lowest classification cannot be shown anything")
