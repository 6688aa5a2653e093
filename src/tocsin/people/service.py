"""People: users and the audit of acts, and the services that let them in, in the journal's database."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

from sqlalchemy import delete, insert, or_, select, update

from tocsin.journal import Cost

from . import credentials, rows
from .approvals import Approvals
from .attempts import Attempts
from .clients import Clients
from .errors import BadLogin, BadUser, FactorNeeded, NoSuchUser, UserExists
from .factors import Factors
from .invitations import Invitations
from .logins import Logins
from .model import Act, Done, Pending, Security, User
from .receivers import Receivers
from .sessions import Sessions
from .tables import acts, identities, invitations, sessions, users
from .tellings import Tellings

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from sqlalchemy import Connection

    from tocsin.core import Clearance, Clock, Entropy
    from tocsin.core.times import Micros
    from tocsin.journal import Journal, Vault

    from .model import Session
    from .oidc import Who


class People:
    """The node's users. Times are protocol time; `cost` is what checking a password takes.

    Its services are `sessions`, `factors`, `logins`, `clients`, `receivers`, `tellings`, `invitations` and
    `approvals`. `leaving` holds what else ends when a
    user is removed or loses a right: called with the connection, the user's key and the user, in the same commit.
    """

    def __init__(
        self, journal: Journal, clock: Clock, entropy: Entropy, *, cost: Cost | None = None, vault: Vault | None = None,
        security: Security | None = None,
    ) -> None:  # fmt: skip
        self._journal, self._clock = journal, clock
        self._entropy = entropy.child("people")
        self.security = security or Security()
        self._passwords = credentials.Passwords(cost or Cost(), self._entropy.child("salts"))
        self._attempts = Attempts()
        self.sessions = Sessions(journal, clock, self._entropy, self.security)
        self.factors = Factors(journal, clock, self._entropy.child("factors"), vault, self.security)
        self.logins = Logins(
            journal, clock, self._entropy.child("logins"), self.security, self.sessions, self.factors, self._passwords, self._attempts
        )
        self.clients = Clients(journal, clock, self._entropy.child("clients"))
        self.receivers = Receivers(journal, clock, self._entropy.child("receivers"), vault)
        self.tellings = Tellings(journal, clock)
        self.approvals = Approvals(journal, clock, self._entropy.child("approvals"), self.security)
        self.invitations = Invitations(journal, clock, self._entropy.child("invitations"), self.security, self, self.logins)
        self.leaving: list[Callable[[Connection, str, User], None]] = [self.invitations.end_of, self.approvals.end_of]

    def become(self, security: Security) -> None:
        """Let people in by other settings from now on; sessions that are open keep their end."""
        self.security = security
        for room in (self.sessions, self.factors, self.logins, self.approvals, self.invitations):
            room.become(security)

    # --- users ------------------------------------------------------------------------------------------------

    async def add_user(
        self, name: str, password: str, roles: Iterable[str], clearance: Clearance, *, by: str = "", same_as: str = ""
    ) -> User:
        """A new user; raises `BadUser`, `UserExists`. `by`: whose act the audit is to name, if it is to.

        `same_as`: another account of the same human being, so that the two are never two persons.
        """
        shown, key = credentials.name_of(name)
        wanted, other = rows.roles_of(roles), credentials.key_of(same_as)
        hashed = await self._passwords.hash(password)

        def work(connection: Connection) -> User:
            person = rows.find(connection, other).person if same_as else ""
            return self.insert(connection, shown, key, hashed, wanted, clearance, person=person, by=by)

        return await self._journal.write(work)

    def insert(
        self, connection: Connection, shown: str, key: str, hashed: str, roles: frozenset[Any], clearance: Clearance, *,
        person: str = "", by: str = "",
    ) -> User:  # fmt: skip
        """Add a user's row within a commit; raises `UserExists`."""
        if connection.scalar(select(users.c.key).where(users.c.key == key)) is not None:
            raise UserExists
        # An invitation of that name is over: it would let somebody in if this user were removed.
        connection.execute(delete(invitations).where(invitations.c.user_key == key))
        values = {"password": hashed, "roles": rows.text(roles), "clearance": rows.text(clearance), "person": person}
        connection.execute(insert(users), [{"key": key, "name": shown, "added_at": self._clock.now(), **values}])
        rows.note(connection, self._clock.now(), by, Act.USER_ADD, shown)
        return rows.find(connection, key)

    async def hashed(self, password: str) -> str:
        """What to store for `password`; raises `BadUser` if it is too short or too long."""
        return await self._passwords.hash(password)

    def users(self) -> list[User]:
        """Everyone who may log in, by name."""
        return [rows.user_of(row) for row in self._journal.read_rows(select(users).order_by(users.c.key))]

    def user(self, name: str) -> User | None:
        """One user by name."""
        found = self._journal.read_rows(select(users).where(users.c.key == credentials.key_of(name)))
        return rows.user_of(found[0]) if found else None

    async def change_user(
        self,
        name: str,
        *,
        password: str | None = None,
        roles: Iterable[str] | None = None,
        clearance: Clearance | None = None,
        same_as: str | None = None,
        by: str = "",
    ) -> User:
        """Exchange what is given; a new password ends the user's sessions. Raises `NoSuchUser`, `BadUser`, `LastAdministrator`."""
        key = credentials.key_of(name)
        changes: dict[str, Any] = {}
        if password is not None:
            changes["password"] = await self._passwords.hash(password)
        if roles is not None:
            changes["roles"] = rows.text(rows.roles_of(roles))
        if clearance is not None:
            changes["clearance"] = rows.text(clearance)

        def work(connection: Connection) -> User:
            before = rows.find(connection, key)
            if same_as is not None:
                changes["person"] = rows.find(connection, credentials.key_of(same_as)).person if same_as else ""
            if changes:
                connection.execute(update(users).where(users.c.key == key).values(**changes))
            if password is not None:
                connection.execute(delete(sessions).where(sessions.c.user_key == key))
            after = rows.find(connection, key)
            rows.guard_administrators(connection, before, after)
            rows.note(connection, self._clock.now(), by, Act.USER_CHANGE, after.name)
            return after

        return await self._journal.write(work)

    async def remove_user(self, name: str, *, by: str = "") -> None:
        """Remove a user; sessions, factors, machine clients and all that `leaving` holds end in the same commit.

        Raises `NoSuchUser`, `LastAdministrator`.
        """
        key = credentials.key_of(name)

        def work(connection: Connection) -> None:
            before = rows.find(connection, key)
            for end in self.leaving:
                end(connection, key, before)
            connection.execute(delete(sessions).where(sessions.c.user_key == key))
            connection.execute(delete(users).where(users.c.key == key))
            rows.guard_administrators(connection, before, None)
            rows.note(connection, self._clock.now(), by, Act.USER_REMOVE, before.name)

        await self._journal.write(work)

    def same_person(self, one: User, other: str) -> bool:
        """Whether the user called `other` is the same human being as `one`, through whatever account or machine client."""
        found = self.user(other)
        key = credentials.key_of(other)
        return key in {credentials.key_of(one.name), one.person} or (found is not None and found.person == one.person)

    # --- letting in -------------------------------------------------------------------------------------------

    async def log_in(self, name: str, password: str) -> Session:
        """A session for a password alone; raises `WrongCredentials`, `TooManyAttempts`, `FactorNeeded` if that is not enough."""
        answer = await self.logins.begin(name, password)
        if isinstance(answer, Pending):
            raise FactorNeeded(answer.ways)
        return answer

    async def admit_oidc(self, who: Who) -> Session | Pending:
        """Let in somebody whom the organisation's own login vouches for; their account is made at the first login and follows their groups.

        Raises `BadLogin` if that account was removed here, or the name is another account's.
        """
        shown, key = credentials.name_of(who.name)
        wanted = rows.roles_of(who.roles)
        person = "oidc:" + hashlib.sha256(f"{who.issuer}\0{who.subject}".encode()).hexdigest()
        fits = (identities.c.issuer == who.issuer) & (identities.c.subject == who.subject)

        def work(connection: Connection) -> tuple[User, str]:
            row = connection.execute(select(identities).where(fits)).one_or_none()
            if row is None:
                if connection.scalar(select(users.c.key).where(users.c.key == key)):
                    raise BadLogin("that name is another account's here: ask the node's administrator")
                user = self.insert(connection, shown, key, "", wanted, who.clearance, person=person, by=shown)
                now = self._clock.now()
                connection.execute(insert(identities).values(issuer=who.issuer, subject=who.subject, user_key=key, added_at=now))
                return user, key
            if row.user_key is None:
                raise BadLogin("this account was removed here: ask the node's administrator")
            before = rows.find(connection, row.user_key)
            if (before.roles, before.clearance) != (wanted, who.clearance):
                values = {"roles": rows.text(wanted), "clearance": rows.text(who.clearance)}
                connection.execute(update(users).where(users.c.key == row.user_key).values(**values))
                rows.note(connection, self._clock.now(), before.name, Act.USER_CHANGE, f"{before.name}: groups of the organisation's login")
            return rows.find(connection, row.user_key), str(row.user_key)

        user, found = await self._journal.write(work)
        stored = self._journal.read_rows(select(users.c.password).where(users.c.key == found))
        return await self.logins.admit(user, found, stored[0].password if stored else "", proven="oidc" if who.factor else "")

    async def readmit(self, subject: str, *, by: str = "") -> None:
        """Let an account of the organisation's login that was removed here be made again at its next login; raises `NoSuchUser`."""

        def work(connection: Connection) -> None:
            gone = (identities.c.subject == subject) & identities.c.user_key.is_(None)
            if not connection.execute(delete(identities).where(gone)).rowcount:
                raise NoSuchUser
            rows.note(connection, self._clock.now(), by, Act.USER_READMIT, subject)

        await self._journal.write(work)

    def removed(self) -> list[str]:
        """The subjects, as the organisation's login names them, of accounts that were removed here."""
        found = self._journal.read_rows(select(identities.c.subject).where(identities.c.user_key.is_(None)))
        return sorted(row.subject for row in found)

    def session(self, token: str) -> Session | None:
        """The open session of `token`, with its user as of now; None if there is none, or it is over."""
        return self.sessions.get(token)

    async def log_out(self, token: str) -> None:
        """End a session; one that is not open changes nothing."""
        await self.sessions.close(token)

    async def tend(self) -> None:
        """What is done now and then: remove what is over, write down when things were last used."""
        await self.sessions.tend()
        await self.clients.tend()
        await self.receivers.tend()

    # --- the audit --------------------------------------------------------------------------------------------

    async def act(self, user: str, act: str, what: str) -> None:
        """Write into the audit that `user` did `act` to `what`: an id or a name, never content. Raises `BadUser` for an unknown act."""
        known = _act(act)
        await self._journal.write(lambda connection: rows.note(connection, self._clock.now(), user, known, what))

    def acts(
        self,
        *,
        after: int = 0,
        limit: int = 500,
        who: str | None = None,
        act: str | Iterable[str] = (),
        since: Micros | None = None,
        until: Micros | None = None,
        newest: bool = False,
    ) -> list[Done]:
        """The audit past its first `after` lines of those that fit, oldest first, or newest first.

        `who`: one name; `act`: acts, or subjects (`user` for all `user:*`); `since`, `until`: protocol time, until not included.
        """
        wanted = select(acts)
        if who is not None:
            wanted = wanted.where(acts.c.who == who)
        if names := [act] if isinstance(act, str) else list(act):
            wanted = wanted.where(
                or_(*(acts.c.act == _act(n).value if ":" in n else acts.c.act.startswith(f"{n}:", autoescape=True) for n in names))
            )
        if since is not None:
            wanted = wanted.where(acts.c.time >= since)
        if until is not None:
            wanted = wanted.where(acts.c.time < until)
        wanted = wanted.order_by(acts.c.id.desc() if newest else acts.c.id).offset(after).limit(limit)
        return [Done(row.time, row.who, Act(row.act), row.what) for row in self._journal.read_rows(wanted)]


def _act(name: str) -> Act:
    try:
        return Act(name)
    except ValueError:
        raise BadUser("the audit knows no such act: add it to people.model.Act") from None
