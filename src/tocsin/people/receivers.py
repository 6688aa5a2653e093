"""Receivers: persons and machines without a node that are told things. Here they are known; the channels that tell them come later."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Literal, NamedTuple, get_args
from urllib.parse import urlsplit

from sqlalchemy import delete, insert, select

from . import credentials, rows
from .errors import BadUser, NoSuchUser, UserExists
from .model import Act
from .tables import receivers

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from tocsin.core import Clearance, Clock
    from tocsin.journal import Journal, Vault

Kind = Literal["mail", "feed", "webhook"]
_PURPOSE = "receiver"
_MAIL = re.compile(r"[^@\s]{1,64}@[^@\s]{1,200}")


class Receiver(NamedTuple):
    """Somebody who is told things. `clearance.partner` is whose they count as: what may not go to that partner goes not to them."""

    name: str
    kind: str
    address: str
    clearance: Clearance
    added_by: str
    added_at: int


class NoSuchReceiver(NoSuchUser):
    """Raised if no receiver has that name."""

    def __init__(self) -> None:
        Exception.__init__(self, "there is no receiver of that name")


class Receivers:
    """The receivers of one node; addresses are sealed by the vault."""

    def __init__(self, journal: Journal, clock: Clock, vault: Vault | None) -> None:
        self._journal, self._clock, self._vault = journal, clock, vault

    async def add(self, name: str, kind: str, address: str, clearance: Clearance, *, by: str) -> Receiver:
        """A new receiver; raises `BadUser`, `UserExists`."""
        shown, key = credentials.name_of(name)
        if kind not in get_args(Kind):
            raise BadUser(f"a receiver is told by {', '.join(get_args(Kind))}")
        _check(kind, address)
        if self._vault is None:
            raise BadUser("receivers need the node's vault, which seals their addresses")
        sealed, now = self._vault.wrap(address.encode(), _PURPOSE), self._clock.now()

        def work(connection: Connection) -> None:
            if connection.scalar(select(receivers.c.key).where(receivers.c.key == key)):
                raise UserExists
            values = {"kind": kind, "address": sealed, "clearance": rows.text(clearance), "added_by": by, "added_at": now}
            connection.execute(insert(receivers).values(key=key, name=shown, **values))
            rows.note(connection, now, by, Act.RECEIVER_ADD, shown)

        await self._journal.write(work)
        return Receiver(shown, kind, address, clearance, by, now)

    def every(self) -> list[Receiver]:
        """Every receiver, by name."""
        found = self._journal.read_rows(select(receivers).order_by(receivers.c.key)) if self._vault is not None else []
        return [Receiver(r.name, r.kind, self._opened(r.address), rows.clearance_in(r.clearance), r.added_by, r.added_at) for r in found]

    async def remove(self, name: str, *, by: str) -> None:
        """Remove a receiver; raises `NoSuchReceiver`."""
        key = credentials.key_of(name)

        def work(connection: Connection) -> None:
            if not connection.execute(delete(receivers).where(receivers.c.key == key)).rowcount:
                raise NoSuchReceiver
            rows.note(connection, self._clock.now(), by, Act.RECEIVER_REMOVE, name)

        await self._journal.write(work)

    def _opened(self, sealed: bytes) -> str:
        return self._vault.unwrap(sealed, _PURPOSE).decode() if self._vault is not None else ""


def _check(kind: str, address: str) -> None:
    if len(address) > 1000 or not address.isprintable():
        raise BadUser("an address has at most 1,000 printable characters")
    if kind == "mail" and not _MAIL.fullmatch(address):
        raise BadUser("a mail address is like desk@example.org")
    if kind == "webhook" and (urlsplit(address).scheme != "https" or not urlsplit(address).hostname):
        raise BadUser("a webhook's address begins with https://")
    if kind == "feed" and address:
        raise BadUser("a feed is fetched by its receiver: it has no address")
