"""Sessions: opened by a login, ended by time, by their owner, by a security officer, or with the user."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import bindparam, delete, insert, or_, select, update

from tocsin.core.times import SECOND

from . import credentials, rows
from .errors import NoSuchUser, WrongCredentials
from .model import Act, OpenSession, Session
from .tables import sessions, users

if TYPE_CHECKING:
    from collections.abc import Callable

    from sqlalchemy import Connection, Row

    from tocsin.core import Clock, Entropy
    from tocsin.core.times import Micros
    from tocsin.journal import Journal

    from .model import Security, User

COARSE: Micros = 60 * SECOND
"""How exactly it is kept when a session was last used."""
# Made once: every request asks it.
_SESSION = (
    select(users, sessions.c.digest, sessions.c.expires, sessions.c.seen_at, sessions.c.factor, sessions.c.factor_at)
    .join(sessions, sessions.c.user_key == users.c.key)
    .where(sessions.c.digest == bindparam("digest"), sessions.c.expires > bindparam("now"))
)


class NoSuchSession(NoSuchUser):
    """Raised if there is no such session that the asker may end."""

    def __init__(self) -> None:
        Exception.__init__(self, "there is no such session")


class Sessions:
    """The open sessions of one node. Tokens are stored only as digests."""

    def __init__(self, journal: Journal, clock: Clock, entropy: Entropy, security: Security) -> None:
        self._journal, self._clock, self._entropy, self._security = journal, clock, entropy, security
        self._seen: dict[bytes, Micros] = {}

    def become(self, security: Security) -> None:
        """Go by other settings from now on."""
        self._security = security

    async def open(self, key: str, stored: str, prove: Callable[[Connection], str], *, again: str | None = None, what: str = "") -> Session:
        """A session for the user `key`, whose password must still be `stored`; `prove` gives how the second factor was proven.

        `again`: the same password at today's cost. Raises `WrongCredentials`, and what `prove` raises: then nothing is changed.
        """
        token = credentials.new_token(self._entropy)
        digest, now = credentials.digest_of(token), self._clock.now()
        expires = now + self._security.lasts

        def work(connection: Connection) -> tuple[User, str]:
            row = connection.execute(select(users).where(users.c.key == key)).one_or_none()
            if row is None or row.password != stored:
                # Removed, or given another password, while this one was being checked.
                raise WrongCredentials
            factor = prove(connection)
            if again is not None:
                connection.execute(update(users).where(users.c.key == key).values(password=again))
            self._sweep(connection, now, digest)
            values = {"opened_at": now, "seen_at": now, "factor": factor, "factor_at": now if factor else 0}
            connection.execute(insert(sessions).values(digest=digest, user_key=key, expires=expires, **values))
            rows.note(connection, now, row.name, Act.SESSION_OPEN, what or factor)
            return rows.user_of(row), factor

        user, factor = await self._journal.write(work)
        return Session(token, credentials.csrf_of(token), user, expires, id_of(digest), factor, now if factor else 0)

    def get(self, token: str) -> Session | None:
        """The open session of `token`, with its user as of now; None if there is none, it has expired, or lay idle for too long."""
        now = self._clock.now()
        found = self._journal.read_rows(_SESSION, {"digest": credentials.digest_of(token), "now": now})
        if not found:
            return None
        row = found[0]
        seen = max(row.seen_at, self._seen.get(row.digest, 0))
        if now >= seen + self._security.idle:
            return None
        if now >= seen + COARSE:
            self._seen[row.digest] = now
        user = rows.user_of(row)
        return Session(token, credentials.csrf_of(token), user, row.expires, id_of(row.digest), row.factor, row.factor_at)

    async def prove(self, token: str, prove: Callable[[Connection, str], str]) -> None:
        """Note that the session's second factor was proven now; raises what `prove` raises, `NoSuchSession`."""
        digest, now = credentials.digest_of(token), self._clock.now()

        def work(connection: Connection) -> None:
            row = connection.execute(_SESSION, {"digest": digest, "now": now}).one_or_none()
            if row is None:
                raise NoSuchSession
            factor = prove(connection, row.key)
            connection.execute(update(sessions).where(sessions.c.digest == digest).values(factor=factor, factor_at=now))
            rows.note(connection, now, row.name, Act.SESSION_PROVE, factor)

        await self._journal.write(work)

    async def close(self, token: str) -> None:
        """End a session; one that is not open changes nothing."""
        digest = credentials.digest_of(token)

        def work(connection: Connection) -> None:
            wanted = select(users.c.name).join(sessions, sessions.c.user_key == users.c.key).where(sessions.c.digest == digest)
            who = connection.scalar(wanted)
            if who is not None:
                connection.execute(delete(sessions).where(sessions.c.digest == digest))
                rows.note(connection, self._clock.now(), who, Act.SESSION_CLOSE, "")

        await self._journal.write(work)

    def of(self, name: str | None = None) -> list[OpenSession]:
        """The open sessions of a user, or of everybody; the newest first."""
        now = self._clock.now()
        wanted = select(users.c.name, sessions).join(sessions, sessions.c.user_key == users.c.key).where(sessions.c.expires > now)
        if name is not None:
            wanted = wanted.where(users.c.key == credentials.key_of(name))
        found = [self._shown(row) for row in self._journal.read_rows(wanted.order_by(sessions.c.opened_at.desc(), sessions.c.digest))]
        return [one for one in found if now < one.seen_at + self._security.idle]

    async def end(self, session: str, *, by: str, own: bool) -> None:
        """End one session by its id in the name of `by`, of their own alone if `own`; raises `NoSuchSession`."""
        known = self._journal.read_rows(select(users.c.key, users.c.name, sessions.c.digest).join(sessions))
        found = [row for row in known if id_of(row.digest) == session and (not own or row.key == credentials.key_of(by))]
        if not found:
            raise NoSuchSession

        def work(connection: Connection) -> None:
            connection.execute(delete(sessions).where(sessions.c.digest == found[0].digest))
            rows.note(connection, self._clock.now(), by, Act.SESSION_CLOSE if own else Act.SESSION_END, f"{session} of {found[0].name}")

        await self._journal.write(work)

    async def end_all(self, name: str, *, by: str) -> int:
        """End every session of a user in the name of `by`; how many there were."""
        key = credentials.key_of(name)

        def work(connection: Connection) -> int:
            user = rows.find(connection, key)
            gone = connection.execute(delete(sessions).where(sessions.c.user_key == key)).rowcount
            rows.note(connection, self._clock.now(), by, Act.SESSION_END, f"{gone} of {user.name}")
            return gone

        return await self._journal.write(work)

    async def tend(self) -> None:
        """Write down when sessions were last used, and remove those that are over."""
        seen, self._seen = self._seen, {}

        def work(connection: Connection) -> None:
            for digest, at in seen.items():
                connection.execute(update(sessions).where(sessions.c.digest == digest, sessions.c.seen_at < at).values(seen_at=at))
            self._sweep(connection, self._clock.now())

        await self._journal.write(work)

    def _sweep(self, connection: Connection, now: Micros, digest: bytes = b"") -> None:
        awake = [one for one, at in self._seen.items() if at + self._security.idle > now]
        idle = (sessions.c.seen_at <= now - self._security.idle) & sessions.c.digest.not_in(awake)
        connection.execute(delete(sessions).where(or_(sessions.c.expires <= now, idle, sessions.c.digest == digest)))

    def _shown(self, row: Row[Any]) -> OpenSession:
        seen = max(row.seen_at, self._seen.get(row.digest, 0))
        return OpenSession(id_of(row.digest), row.name, row.factor, row.opened_at, seen, row.expires)


def id_of(digest: bytes) -> str:
    """What a session is called in lists: a part of its digest, which opens nothing."""
    return digest[:8].hex()
