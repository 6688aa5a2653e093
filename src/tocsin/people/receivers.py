"""Receivers: organisations, persons and machines without a node that are told things. A feed's fetches them with a token of its own."""

from __future__ import annotations

import hmac
import re
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, get_args
from urllib.parse import urlsplit

from sqlalchemy import delete, insert, select, update

from tocsin.core.times import DAY, SECOND

from . import credentials, rows
from .attempts import Attempts
from .errors import BadUser, NoSuchUser, UserExists
from .model import Act
from .tables import receivers

if TYPE_CHECKING:
    from sqlalchemy import Connection, Row

    from tocsin.core import Clearance, Clock, Entropy
    from tocsin.core.times import Micros
    from tocsin.journal import Journal, Vault

Kind = Literal["mail", "feed", "webhook"]
FEED = "feed"
"""The kind that is told; what tells the others is not here yet, so that they stand in previews alone."""
LONGEST: Micros = 366 * DAY
COARSE: Micros = 60 * SECOND
MARK = "receiver:"
"""What a receiver's name begins with wherever people's names stand too; no user's name holds a colon."""
_PURPOSE = "receiver"
_MAIL = re.compile(r"[^@\s]{1,64}@[^@\s]{1,200}")
_TOKEN = re.compile(r"tocsin_told_([0-9a-f]{12})_[A-Za-z0-9_-]{43}")
_MOST_REFUSED = 256


class Receiver(NamedTuple):
    """Somebody who is told things. `clearance.partner` is whose they count as: what may not go to that partner goes not to them.

    A feed's `prefix` is how its token begins, and `expires` (protocol time, µs) until when that is good; empty and None if it has none.
    """

    name: str
    kind: str
    address: str
    clearance: Clearance
    added_by: str
    added_at: int
    prefix: str = ""
    expires: int | None = None
    used_at: int | None = None


class NoSuchReceiver(NoSuchUser):
    """Raised if no receiver has that name."""

    def __init__(self) -> None:
        Exception.__init__(self, "there is no receiver of that name")


class Receivers:
    """The receivers of one node; addresses are sealed by the vault, tokens are shown once and stored as digests."""

    def __init__(self, journal: Journal, clock: Clock, entropy: Entropy, vault: Vault | None) -> None:
        self._journal, self._clock, self._entropy, self._vault = journal, clock, entropy, vault
        self._attempts = Attempts()
        self._used: dict[str, Micros] = {}
        self._refused: dict[str, int] = {}

    async def add(
        self, name: str, kind: str, address: str, clearance: Clearance, *, lasts: Micros = 90 * DAY, by: str
    ) -> tuple[Receiver, str]:
        """A new receiver with its token, which is empty unless it is a feed; raises `BadUser`, `UserExists`."""
        shown, key = credentials.name_of(name)
        if kind not in get_args(Kind):
            raise BadUser(f"a receiver is told by {', '.join(get_args(Kind))}")
        _check(kind, address)
        if self._vault is None:
            raise BadUser("receivers need the node's vault, which seals their addresses")
        sealed, now = self._vault.wrap(address.encode(), _PURPOSE), self._clock.now()
        token, of_token = self._new_token(lasts) if kind == FEED else ("", {})

        def work(connection: Connection) -> None:
            if connection.scalar(select(receivers.c.key).where(receivers.c.key == key)):
                raise UserExists
            values = {"kind": kind, "address": sealed, "clearance": rows.text(clearance), "added_by": by, "added_at": now}
            connection.execute(insert(receivers).values(key=key, name=shown, **values, **of_token))
            rows.note(connection, now, by, Act.RECEIVER_ADD, shown)

        await self._journal.write(work)
        return self.get(shown), token

    async def renew(self, name: str, *, lasts: Micros = 90 * DAY, by: str) -> tuple[Receiver, str]:
        """A feed's new token; the old one ends at once. Raises `NoSuchReceiver`, `BadUser`."""
        if (found := self.get(name)).kind != FEED:
            raise BadUser(f"only a feed has a token: {found.name} is a {found.kind}")
        token, of_token = self._new_token(lasts)
        key = credentials.key_of(name)

        def work(connection: Connection) -> None:
            if not connection.execute(update(receivers).where(receivers.c.key == key).values(**of_token, used_at=None)).rowcount:
                raise NoSuchReceiver
            rows.note(connection, self._clock.now(), by, Act.RECEIVER_RENEW, found.name)

        await self._journal.write(work)
        self._used.pop(key, None)
        return self.get(name), token

    def get(self, name: str) -> Receiver:
        """One receiver by name; raises `NoSuchReceiver`."""
        if (row := self._row(receivers.c.key == credentials.key_of(name))) is None:
            raise NoSuchReceiver
        return self._shown(row)

    def every(self) -> list[Receiver]:
        """Every receiver, by name."""
        found = self._journal.read_rows(select(receivers).order_by(receivers.c.key)) if self._vault is not None else []
        return [self._shown(row) for row in found]

    async def remove(self, name: str, *, by: str) -> None:
        """Remove a receiver; its next request is refused. Raises `NoSuchReceiver`."""
        key = credentials.key_of(name)

        def work(connection: Connection) -> None:
            if not connection.execute(delete(receivers).where(receivers.c.key == key)).rowcount:
                raise NoSuchReceiver
            rows.note(connection, self._clock.now(), by, Act.RECEIVER_REMOVE, name)

        await self._journal.write(work)
        self._used.pop(key, None)

    def by_token(self, token: str) -> Receiver | None:
        """Whose `token` this is, as of now; None if nobody's, or it has expired. Raises `TooManyAttempts` after several wrong ones."""
        found = _TOKEN.fullmatch(token)
        row = self._row(receivers.c.prefix == found[1]) if found else None
        # The right token always gets in: with 256 bits nobody guesses one, and nobody shall lock another's receiver out.
        if row is not None and hmac.compare_digest(row.digest or b"", credentials.digest_of(token)):
            now = self._clock.now()
            if row.expires is None or now >= row.expires:
                return None
            if now >= (self._used.get(row.key) or row.used_at or 0) + COARSE:
                self._used[row.key] = now
            return self._shown(row)
        if row is not None and len(self._refused) < _MOST_REFUSED:
            self._refused[row.name] = self._refused.get(row.name, 0) + 1
        self._attempts.begin(found[1] if found else "", self._clock.now(), known=row is not None)
        return None

    async def tend(self) -> None:
        """Write down when feeds were last fetched, and which were refused."""
        used, refused, self._used, self._refused = self._used, self._refused, {}, {}

        def work(connection: Connection) -> None:
            for key, at in used.items():
                connection.execute(update(receivers).where(receivers.c.key == key).values(used_at=at))
            for name, times in refused.items():
                rows.note(connection, self._clock.now(), MARK + name, Act.RECEIVER_REFUSE, f"{times} wrong tokens")

        if used or refused:
            await self._journal.write(work)

    def _new_token(self, lasts: Micros) -> tuple[str, dict[str, Any]]:
        if not 0 < lasts <= LONGEST:
            raise BadUser("a receiver's token is good for a year at most")
        prefix = self._entropy.take(6).hex()
        token = f"tocsin_told_{prefix}_{credentials.new_token(self._entropy)}"
        return token, {"prefix": prefix, "digest": credentials.digest_of(token), "expires": self._clock.now() + lasts}

    def _row(self, condition: Any) -> Row[Any] | None:
        found = self._journal.read_rows(select(receivers).where(condition)) if self._vault is not None else []
        return found[0] if found else None

    def _shown(self, row: Row[Any]) -> Receiver:
        address = self._vault.unwrap(row.address, _PURPOSE).decode() if self._vault is not None else ""
        of_token = (row.prefix or "", row.expires, self._used.get(row.key, row.used_at))
        return Receiver(row.name, row.kind, address, rows.clearance_in(row.clearance), row.added_by, row.added_at, *of_token)


def _check(kind: str, address: str) -> None:
    if len(address) > 1000 or not address.isprintable():
        raise BadUser("an address has at most 1,000 printable characters")
    if kind == "mail" and not _MAIL.fullmatch(address):
        raise BadUser("a mail address is like desk@example.org")
    if kind == "webhook" and (urlsplit(address).scheme != "https" or not urlsplit(address).hostname):
        raise BadUser("a webhook's address begins with https://")
    if kind == FEED and address:
        raise BadUser("a feed is fetched by its receiver: it has no address")
