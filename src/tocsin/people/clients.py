"""Machine clients: known by a token of 256 random bits, or by a certificate that is pinned. None can do more than its owner."""

from __future__ import annotations

import hmac
import re
from typing import TYPE_CHECKING, Any, NamedTuple

from msgspec import structs
from sqlalchemy import delete, insert, select, update

from tocsin.core.times import DAY, SECOND

from . import credentials, rows
from .attempts import Attempts
from .errors import BadUser, NoSuchUser, TooManyAttempts, UserExists
from .model import Act, Role, User
from .roles import PRIVILEGED
from .tables import clients, users

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sqlalchemy import Connection, Row

    from tocsin.core import Clearance, Clock, Entropy
    from tocsin.core.times import Micros
    from tocsin.journal import Journal

LONGEST: Micros = 366 * DAY
COARSE: Micros = 60 * SECOND
MARK = "client:"
"""What a client's name begins with wherever people's names stand too; no user's name holds a colon."""
_TOKEN = re.compile(r"tocsin_([0-9a-f]{12})_[A-Za-z0-9_-]{43}")
_MOST_REFUSED = 256


class Client(NamedTuple):
    """A machine client as lists show it; times in protocol time, µs. `prefix`: how its token begins, `certificate`: its SHA-256."""

    name: str
    owner: str
    roles: frozenset[Role]
    clearance: Clearance
    prefix: str
    certificate: str
    added_at: int
    expires: int
    used_at: int | None


class NoSuchClient(NoSuchUser):
    """Raised if no machine client has that name."""

    def __init__(self) -> None:
        Exception.__init__(self, "there is no machine client of that name")


class Clients:
    """The machine clients of one node. Tokens are shown once and stored as digests."""

    def __init__(self, journal: Journal, clock: Clock, entropy: Entropy) -> None:
        self._journal, self._clock, self._entropy = journal, clock, entropy
        self._attempts = Attempts()
        self._used: dict[str, Micros] = {}
        self._refused: dict[str, int] = {}

    async def add(
        self, name: str, roles: Iterable[str], clearance: Clearance, *, owner: str = "", lasts: Micros = 90 * DAY, certificate: str = "",
        by: str,
    ) -> tuple[Client, str]:  # fmt: skip
        """A new client of the user `owner` (empty: the operator's), with its token; the token is empty if it has a `certificate`.

        Raises `BadUser`, `UserExists`, `NoSuchUser`. A role that approves or administers is a person's, never a machine's.
        """
        shown, key = credentials.name_of(name)
        wanted, pinned = rows.roles_of(roles), fingerprint(certificate) if certificate else None
        if wanted & PRIVILEGED:
            raise BadUser(f"{min(wanted & PRIVILEGED)} is a person's role, not a machine's")
        if not 0 < lasts <= LONGEST:
            raise BadUser("a machine client is good for a year at most")
        token = "" if pinned else f"tocsin_{self._entropy.take(6).hex()}_{credentials.new_token(self._entropy)}"
        now, owned_by = self._clock.now(), credentials.key_of(owner) if owner else None
        row = {
            "key": key,
            "name": shown,
            "owner": owned_by,
            "roles": rows.text(wanted),
            "clearance": rows.text(clearance),
            "prefix": token.split("_")[1] if token else None,
            "digest": credentials.digest_of(token) if token else None,
            "certificate": pinned,
            "added_at": now,
            "expires": now + lasts,
        }

        def work(connection: Connection) -> None:
            if connection.scalar(select(clients.c.key).where(clients.c.key == key)):
                raise UserExists
            if pinned and connection.scalar(select(clients.c.key).where(clients.c.certificate == pinned)):
                raise BadUser("this certificate is another client's already")
            if owned_by is not None:
                above = rows.find(connection, owned_by)
                if not wanted <= above.roles | {Role.READER} or narrowed(clearance, above.clearance) != clearance:
                    raise BadUser("a machine client can do and see no more than its owner")
            connection.execute(insert(clients), [row])
            rows.note(connection, now, by, Act.CLIENT_ADD, shown)

        await self._journal.write(work)
        return next(one for one in self.every() if one.name == shown), token

    def every(self) -> list[Client]:
        """Every client, by name."""
        wanted = select(clients, users.c.name.label("owner_name")).outerjoin(users, users.c.key == clients.c.owner).order_by(clients.c.key)
        return [self._shown(row) for row in self._journal.read_rows(wanted)]

    async def remove(self, name: str, *, by: str) -> None:
        """Remove a client; its next request is refused. Raises `NoSuchClient`."""
        key = credentials.key_of(name)

        def work(connection: Connection) -> None:
            shown = connection.scalar(select(clients.c.name).where(clients.c.key == key))
            if shown is None:
                raise NoSuchClient
            connection.execute(delete(clients).where(clients.c.key == key))
            rows.note(connection, self._clock.now(), by, Act.CLIENT_REMOVE, shown)

        await self._journal.write(work)

    def by_token(self, token: str) -> User | None:
        """Whom `token` lets in, as of now; None if nobody. Raises `TooManyAttempts` after several wrong ones."""
        found = _TOKEN.fullmatch(token)
        row = self._row(clients.c.prefix == found[1]) if found else None
        # The right token always gets in: with 256 bits nobody guesses one, and nobody shall lock another's client out.
        if row is not None and hmac.compare_digest(row.digest or b"", credentials.digest_of(token)):
            return self._let_in(row)
        if row is not None and len(self._refused) < _MOST_REFUSED:
            self._refused[row.name] = self._refused.get(row.name, 0) + 1
        self._attempts.begin(found[1] if found else "", self._clock.now(), known=row is not None)
        return None

    def by_certificate(self, certificate: str) -> User | None:
        """Whom a certificate with this SHA-256 (hex) lets in, as of now; None if nobody."""
        row = self._row(clients.c.certificate == certificate)
        return self._let_in(row) if row is not None else None

    async def tend(self) -> None:
        """Write down when clients were last used, and which were refused."""
        used, refused, self._used, self._refused = self._used, self._refused, {}, {}

        def work(connection: Connection) -> None:
            for key, at in used.items():
                connection.execute(update(clients).where(clients.c.key == key).values(used_at=at))
            for name, times in refused.items():
                rows.note(connection, self._clock.now(), MARK + name, Act.CLIENT_REFUSE, f"{times} wrong tokens")

        if used or refused:
            await self._journal.write(work)

    def _row(self, condition: Any) -> Row[Any] | None:
        wanted = select(
            clients, users.c.key.label("owner_key"), users.c.roles.label("owner_roles"), users.c.clearance.label("owner_clearance"),
            users.c.person,
        ).outerjoin(users, users.c.key == clients.c.owner).where(condition)  # fmt: skip
        found = self._journal.read_rows(wanted)
        return found[0] if found else None

    def _let_in(self, row: Row[Any]) -> User | None:
        now = self._clock.now()
        if now >= row.expires:
            return None
        roles, clearance, person = rows.roles_in(row.roles), rows.clearance_in(row.clearance), MARK + row.key
        if row.owner is not None:
            # What the owner lost, their machine lost too.
            roles &= rows.roles_in(row.owner_roles) | {Role.READER}
            seen = narrowed(clearance, rows.clearance_in(row.owner_clearance))
            if seen is None:
                return None
            clearance, person = seen, row.person or row.owner_key
        if now >= (self._used.get(row.key) or row.used_at or 0) + COARSE:
            self._used[row.key] = now
        return User(MARK + row.name, roles - PRIVILEGED, clearance, person, machine=True)

    def _shown(self, row: Row[Any]) -> Client:
        return Client(
            row.name,
            row.owner_name or "",
            rows.roles_in(row.roles),
            rows.clearance_in(row.clearance),
            row.prefix or "",
            row.certificate or "",
            row.added_at,
            row.expires,
            self._used.get(row.key, row.used_at),
        )


def narrowed(one: Clearance, other: Clearance) -> Clearance | None:
    """What both clearances allow; None if they are of two policies or partners."""
    if (one.policy, one.partner) != (other.policy, other.partner):
        return None
    return structs.replace(
        one,
        classification=min(one.classification, other.classification),
        caveats=one.caveats & other.caveats,
        communities=tuple(name for name in one.communities if name in other.communities),
        terms=tuple(name for name in one.terms if name in other.terms),
    )


def fingerprint(text: str) -> str:
    """A certificate's SHA-256 as it is stored: 64 hex digits, however they were written; raises `BadUser`."""
    found = text.replace(":", "").strip().lower()
    if not re.fullmatch("[0-9a-f]{64}", found):
        raise BadUser("a certificate's fingerprint is its SHA-256: 64 hex digits")
    return found


__all__ = ["MARK", "Client", "Clients", "NoSuchClient", "TooManyAttempts", "fingerprint", "narrowed"]
