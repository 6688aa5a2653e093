"""Invitations: a name, roles and clearance wait for the person, who brings their own password. Each works once."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from sqlalchemy import delete, insert, or_, select

from . import credentials, rows
from .errors import NoPending, NoSuchUser, UserExists
from .model import Act, User
from .tables import invitations, users

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sqlalchemy import Connection

    from tocsin.core import Clearance, Clock, Entropy
    from tocsin.journal import Journal

    from .logins import Logins
    from .model import Pending, Role, Security, Session
    from .service import People


class Invitation(NamedTuple):
    """An open invitation as lists show it; times in protocol time, µs."""

    id: str
    name: str
    roles: frozenset[Role]
    clearance: Clearance
    invited_by: str
    added_at: int
    expires: int


class NoSuchInvitation(NoSuchUser):
    """Raised if there is no such invitation."""

    def __init__(self) -> None:
        Exception.__init__(self, "there is no such invitation")


class NotInvited(NoPending):
    """Raised if an invitation's token is none, was used, or has expired."""

    def __init__(self) -> None:
        Exception.__init__(self, "this invitation is not good any more: ask for another one")


class Invitations:
    """The open invitations of one node; tokens are stored as digests."""

    def __init__(self, journal: Journal, clock: Clock, entropy: Entropy, security: Security, people: People, logins: Logins) -> None:
        self._journal, self._clock, self._entropy, self._security = journal, clock, entropy, security
        self._people, self._logins = people, logins

    def become(self, security: Security) -> None:
        """Go by other settings from now on."""
        self._security = security

    async def invite(self, name: str, roles: Iterable[str], clearance: Clearance, *, by: str) -> tuple[Invitation, str]:
        """Invite somebody, in place of an earlier invitation of that name; gives the token, this once. Raises `BadUser`, `UserExists`."""
        shown, key = credentials.name_of(name)
        token, now = credentials.new_token(self._entropy), self._clock.now()
        made = Invitation(
            f"invitation--{self._entropy.take(8).hex()}",
            shown,
            rows.roles_of(roles),
            clearance,
            by,
            now,
            now + self._security.invitation_lasts,
        )

        def work(connection: Connection) -> None:
            if connection.scalar(select(users.c.key).where(users.c.key == key)):
                raise UserExists
            connection.execute(delete(invitations).where(or_(invitations.c.user_key == key, invitations.c.expires <= now)))
            values = {
                "roles": rows.text(made.roles),
                "clearance": rows.text(clearance),
                "invited_by": by,
                "added_at": now,
                "expires": made.expires,
            }
            connection.execute(
                insert(invitations).values(digest=credentials.digest_of(token), id=made.id, user_key=key, name=shown, **values)
            )
            rows.note(connection, now, by, Act.INVITATION_ADD, shown)

        await self._journal.write(work)
        return made, token

    def every(self) -> list[Invitation]:
        """The open invitations, by name."""
        wanted = select(invitations).where(invitations.c.expires > self._clock.now()).order_by(invitations.c.user_key)
        return [
            Invitation(r.id, r.name, rows.roles_in(r.roles), rows.clearance_in(r.clearance), r.invited_by, r.added_at, r.expires)
            for r in self._journal.read_rows(wanted)
        ]

    async def withdraw(self, invitation: str, *, by: str) -> None:
        """Withdraw an invitation by its id or the name it is for; raises `NoSuchInvitation`."""
        fits = or_(invitations.c.id == invitation, invitations.c.user_key == credentials.key_of(invitation))

        def work(connection: Connection) -> None:
            name = connection.scalar(select(invitations.c.name).where(fits))
            if name is None:
                raise NoSuchInvitation
            connection.execute(delete(invitations).where(fits))
            rows.note(connection, self._clock.now(), by, Act.INVITATION_REMOVE, name)

        await self._journal.write(work)

    def look(self, token: str) -> Invitation:
        """What an invitation is for; raises `NotInvited`."""
        wanted = select(invitations.c.id).where(invitations.c.digest == credentials.digest_of(token))
        found = {row.id for row in self._journal.read_rows(wanted)}
        for one in self.every():
            if one.id in found:
                return one
        raise NotInvited

    async def accept(self, token: str, password: str) -> Session | Pending:
        """Become a user with a password of one's own, and log in; raises `NotInvited`, `BadUser`, `UserExists`."""
        self.look(token)
        hashed = await self._people.hashed(password)

        def work(connection: Connection) -> tuple[User, str]:
            now = self._clock.now()
            fits = (invitations.c.digest == credentials.digest_of(token)) & (invitations.c.expires > now)
            row = connection.execute(select(invitations).where(fits)).one_or_none()
            if row is None:
                raise NotInvited
            connection.execute(delete(invitations).where(fits))
            roles, clearance = rows.roles_in(row.roles), rows.clearance_in(row.clearance)
            user = self._people.insert(connection, row.name, row.user_key, hashed, roles, clearance)
            rows.note(connection, now, row.name, Act.INVITATION_ACCEPT, f"invited by {row.invited_by}")
            return user, row.user_key

        user, key = await self._journal.write(work)
        return await self._logins.admit(user, key, hashed)

    def end_of(self, connection: Connection, _: str, leaver: User) -> None:
        """End what a leaver had invited to."""
        connection.execute(delete(invitations).where(invitations.c.invited_by == leaver.name))
