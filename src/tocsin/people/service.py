"""Users, sessions and the audit of acts, in the journal's database."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec
from sqlalchemy import bindparam, delete, func, insert, select, update

from tocsin.core import Clearance
from tocsin.core.times import HOUR, Micros
from tocsin.journal import Cost

from . import credentials
from .attempts import Attempts
from .errors import BadUser, LastAdministrator, NoSuchUser, UserExists, WrongCredentials
from .model import Act, Done, Role, Session, User
from .tables import acts, sessions, users

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sqlalchemy import Connection, Row

    from tocsin.core import Clock, Entropy
    from tocsin.journal import Journal

SESSION_LASTS: Micros = 12 * HOUR
NOBODY = "nobody"
"""Who the audit names for an attempt under a name that is nobody's: what was typed there may be a password."""
# Made once: every request asks it.
_SESSION = (
    select(users, sessions.c.expires)
    .join(sessions, sessions.c.user_key == users.c.key)
    .where(sessions.c.digest == bindparam("digest"), sessions.c.expires > bindparam("now"))
)
_ENCODER = msgspec.json.Encoder(order="deterministic")


class People:
    """The node's users and their sessions. Times are protocol time; `cost` is what checking a password takes."""

    def __init__(self, journal: Journal, clock: Clock, entropy: Entropy, *, cost: Cost | None = None) -> None:
        self._journal, self._clock = journal, clock
        self._entropy = entropy.child("people")
        self._passwords = credentials.Passwords(cost or Cost(), self._entropy.child("salts"))
        self._attempts = Attempts()

    async def add_user(self, name: str, password: str, roles: Iterable[str], clearance: Clearance, *, by: str = "") -> User:
        """A new user; raises `BadUser`, `UserExists`. `by`: whose act the audit is to name, if it is to."""
        shown, key = credentials.name_of(name)
        user = User(shown, _roles(roles), clearance)
        row = {
            "key": key,
            "name": shown,
            "password": await self._passwords.hash(password),
            "roles": _ENCODER.encode(user.roles).decode(),
            "clearance": _ENCODER.encode(clearance).decode(),
            "added_at": self._clock.now(),
        }

        def work(connection: Connection) -> None:
            if connection.scalar(select(users.c.key).where(users.c.key == key)) is not None:
                raise UserExists
            connection.execute(insert(users), [row])
            self._note(connection, by, Act.USER_ADD, shown)

        await self._journal.write(work)
        return user

    def users(self) -> list[User]:
        """Everyone who may log in, by name."""
        return [_user(row) for row in self._journal.read_rows(select(users).order_by(users.c.key))]

    async def change_user(
        self,
        name: str,
        *,
        password: str | None = None,
        roles: Iterable[str] | None = None,
        clearance: Clearance | None = None,
        by: str = "",
    ) -> User:
        """Exchange what is given; a new password ends the user's sessions. Raises `NoSuchUser`, `BadUser`, `LastAdministrator`."""
        key = credentials.key_of(name)
        changes: dict[str, Any] = {}
        if password is not None:
            changes["password"] = await self._passwords.hash(password)
        if roles is not None:
            changes["roles"] = _ENCODER.encode(_roles(roles)).decode()
        if clearance is not None:
            changes["clearance"] = _ENCODER.encode(clearance).decode()

        def work(connection: Connection) -> User:
            before = _find(connection, key)
            if changes:
                connection.execute(update(users).where(users.c.key == key).values(**changes))
            if password is not None:
                connection.execute(delete(sessions).where(sessions.c.user_key == key))
            after = _find(connection, key)
            _guard_administrators(connection, before, after)
            self._note(connection, by, Act.USER_CHANGE, after.name)
            return after

        return await self._journal.write(work)

    async def remove_user(self, name: str, *, by: str = "") -> None:
        """Remove a user, whose sessions end at once; raises `NoSuchUser`, `LastAdministrator`."""
        key = credentials.key_of(name)

        def work(connection: Connection) -> None:
            before = _find(connection, key)
            connection.execute(delete(sessions).where(sessions.c.user_key == key))
            connection.execute(delete(users).where(users.c.key == key))
            _guard_administrators(connection, before, None)
            self._note(connection, by, Act.USER_REMOVE, before.name)

        await self._journal.write(work)

    async def log_in(self, name: str, password: str) -> Session:
        """A session for the right credentials; raises `WrongCredentials`, `TooManyAttempts`."""
        key = credentials.key_of(name[:200])
        found = self._journal.read_rows(select(users).where(users.c.key == key))
        stored = found[0].password if found else None
        tally = self._attempts.begin(key, self._clock.now(), known=bool(found))
        if not await self._passwords.check(stored, password):
            await self._journal.write(lambda connection: self._note(connection, found[0].name if found else NOBODY, Act.SESSION_REFUSE, ""))
            raise WrongCredentials
        token = credentials.new_token(self._entropy)
        digest, now = credentials.digest_of(token), self._clock.now()
        again = await self._passwords.hash_again(password) if self._passwords.is_outdated(found[0].password) else None

        def work(connection: Connection) -> User:
            row = connection.execute(select(users).where(users.c.key == key)).one_or_none()
            if row is None or row.password != stored:
                # Removed, or given another password, while this one was being checked.
                raise WrongCredentials
            if again is not None:
                connection.execute(update(users).where(users.c.key == key).values(password=again))
            connection.execute(delete(sessions).where((sessions.c.expires <= now) | (sessions.c.digest == digest)))
            connection.execute(insert(sessions).values(digest=digest, user_key=key, expires=now + SESSION_LASTS))
            self._note(connection, row.name, Act.SESSION_OPEN, "")
            return _user(row)

        user = await self._journal.write(work)
        self._attempts.succeeded(tally)
        return Session(token, credentials.csrf_of(token), user, now + SESSION_LASTS)

    def session(self, token: str) -> Session | None:
        """The open session of `token`, with its user as of now; None if there is none, or it has expired."""
        found = self._journal.read_rows(_SESSION, {"digest": credentials.digest_of(token), "now": self._clock.now()})
        return Session(token, credentials.csrf_of(token), _user(found[0]), found[0].expires) if found else None

    async def log_out(self, token: str) -> None:
        """End a session; one that is not open changes nothing."""
        digest = credentials.digest_of(token)

        def work(connection: Connection) -> None:
            who = connection.scalar(
                select(users.c.name).join(sessions, sessions.c.user_key == users.c.key).where(sessions.c.digest == digest)
            )
            if who is not None:
                connection.execute(delete(sessions).where(sessions.c.digest == digest))
                self._note(connection, who, Act.SESSION_CLOSE, "")

        await self._journal.write(work)

    async def act(self, user: str, act: str, what: str) -> None:
        """Write into the audit that `user` did `act` to `what`: an id or a name, never content. Raises `BadUser` for an unknown act."""
        known = _act(act)
        await self._journal.write(lambda connection: self._note(connection, user, known, what))

    def acts(self, *, after: int = 0, limit: int = 500) -> list[Done]:
        """The audit, oldest first, past its first `after` lines."""
        rows = self._journal.read_rows(select(acts).order_by(acts.c.id).offset(after).limit(limit))
        return [Done(row.time, row.who, Act(row.act), row.what) for row in rows]

    def _note(self, connection: Connection, who: str, act: Act, what: str) -> None:
        if who:
            connection.execute(insert(acts).values(time=self._clock.now(), who=who[:120], act=act.value, what=what[:200]))


def _guard_administrators(connection: Connection, before: User, after: User | None) -> None:
    # Runs after the change in the same job: raising undoes the change.
    lost = Role.ADMINISTRATOR in before.roles and (after is None or Role.ADMINISTRATOR not in after.roles)
    mark = f'%"{Role.ADMINISTRATOR.value}"%'
    if lost and not connection.scalar(select(func.count()).select_from(users).where(users.c.roles.like(mark))):
        raise LastAdministrator


def _find(connection: Connection, key: str) -> User:
    row = connection.execute(select(users).where(users.c.key == key)).one_or_none()
    if row is None:
        raise NoSuchUser
    return _user(row)


def _user(row: Row[Any]) -> User:
    return User(row.name, msgspec.json.decode(row.roles, type=frozenset[Role]), msgspec.json.decode(row.clearance, type=Clearance))


def _roles(names: Iterable[str]) -> frozenset[Role]:
    try:
        found = frozenset(Role(name) for name in names)
    except ValueError:
        raise BadUser(f"a role is one of {', '.join(Role)}") from None
    if not found:
        raise BadUser(f"a user needs at least one role of {', '.join(Role)}")
    return found


def _act(name: str) -> Act:
    try:
        return Act(name)
    except ValueError:
        raise BadUser("the audit knows no such act: add it to people.model.Act") from None
