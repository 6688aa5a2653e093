"""Logging in: password first, then the second factor; proving it again; adding factors. What is begun here is held in memory alone."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sqlalchemy import select

from tocsin.core.times import SECOND

from . import credentials, rows
from .errors import FactorNeeded, NoPending, TooManyAttempts, WrongCredentials, WrongFactor
from .model import Act, Pending
from .passkeys import CHALLENGE_BYTES
from .roles import PRIVILEGED
from .tables import users

if TYPE_CHECKING:
    from collections.abc import Callable

    from sqlalchemy import Connection

    from tocsin.core import Clock, Entropy
    from tocsin.core.times import Micros
    from tocsin.journal import Journal

    from .attempts import Attempts
    from .credentials import Passwords
    from .factors import Added, Factors, Offered
    from .model import Security, Session, User
    from .sessions import Sessions

PENDING_LASTS: Micros = 300 * SECOND
MOST_PENDING = 1000
TRIES = 5
NOBODY = "nobody"
"""Who the audit names for an attempt under a name that is nobody's: what was typed there may be a password."""


@dataclass
class _Begun:
    name: str
    key: str
    stored: str
    ways: tuple[str, ...]
    expires: Micros
    tries: int = TRIES
    challenge: bytes | None = None
    secret: bytes | None = None
    again: str | None = None


class Logins:
    """The logins of one node, from the password to the session."""

    def __init__(
        self, journal: Journal, clock: Clock, entropy: Entropy, security: Security, sessions: Sessions, factors: Factors,
        passwords: Passwords, attempts: Attempts,
    ) -> None:  # fmt: skip
        self._journal, self._clock, self._entropy, self._security = journal, clock, entropy, security
        self._sessions, self._factors, self._passwords, self._attempts = sessions, factors, passwords, attempts
        self._begun: dict[bytes, _Begun] = {}

    def become(self, security: Security) -> None:
        """Go by other settings from now on."""
        self._security = security

    async def begin(self, name: str, password: str) -> Session | Pending:
        """A session for the right credentials, or what is still to be proven; raises `WrongCredentials`, `TooManyAttempts`.

        Whether a name is somebody's, and whether they have a second factor, shows only once the password is right.
        """
        key = credentials.key_of(name[:200])
        found = self._journal.read_rows(select(users).where(users.c.key == key))
        stored = (found[0].password or None) if found else None
        tally = self._attempts.begin(key, self._clock.now(), known=bool(found))
        if not await self._passwords.check(stored, password) or stored is None:
            await self._note(found[0].name if found else NOBODY, Act.SESSION_REFUSE)
            raise WrongCredentials
        again = await self._passwords.hash_again(password) if self._passwords.is_outdated(stored) else None
        answer = await self.admit(rows.user_of(found[0]), key, stored, again=again)
        self._attempts.succeeded(tally)
        return answer

    async def admit(self, user: User, key: str, stored: str, *, again: str | None = None, proven: str = "") -> Session | Pending:
        """Let in a user whose first factor holds: a session if nothing more is needed, or if `proven` says how it was proven elsewhere."""
        ways = self._factors.ways(user.name)
        if proven or not (ways or self.demands(user)):
            return await self._sessions.open(key, stored, lambda _: proven, again=again)
        now = self._clock.now()
        self._begun = {digest: one for digest, one in self._begun.items() if one.expires > now}
        if len(self._begun) >= MOST_PENDING:
            raise TooManyAttempts(PENDING_LASTS // SECOND)
        token = credentials.new_token(self._entropy)
        self._begun[credentials.digest_of(token)] = _Begun(user.name, key, stored, ways, now + PENDING_LASTS, again=again)
        return Pending(token, ways, not ways, now + PENDING_LASTS)

    def demands(self, user: User) -> bool:
        """Whether the node wants `user` to have a second factor."""
        wanted = self._security.second_factor
        return wanted == "required" or (wanted == "privileged" and not user.roles.isdisjoint(PRIVILEGED))

    # --- the second step of a login -------------------------------------------------------------------------

    async def with_code(self, pending: str, code: str) -> Session:
        """The session of a login whose one-time or recovery `code` holds; raises `NoPending`, `WrongFactor`, `TooManyAttempts`."""
        begun = self._of(pending, enrol=False)
        return await self._finish(pending, begun, lambda connection: self._factors.prove_code(connection, begun.key, code))

    def passkey_options(self, pending: str) -> Any:
        """What the browser is asked; each answer is good for one question."""
        begun = self._of(pending, enrol=False)
        begun.challenge = self._entropy.take(CHALLENGE_BYTES)
        return self._factors.options_to_prove(begun.name, begun.challenge)

    async def with_passkey(self, pending: str, answer: dict[str, Any]) -> Session:
        """The session of a login whose passkey's answer holds; raises `NoPending`, `WrongFactor`, `TooManyAttempts`."""
        begun = self._of(pending, enrol=False)
        challenge, begun.challenge = begun.challenge, None
        if challenge is None:
            raise WrongFactor
        return await self._finish(pending, begun, lambda connection: self._factors.prove_passkey(connection, begun.key, answer, challenge))

    # --- the first factor, where the node demands one ---------------------------------------------------------

    def enrol_totp(self, pending: str) -> Offered:
        """A secret for the app of a user who has to have a second factor."""
        begun = self._of(pending, enrol=True)
        begun.secret = begun.secret or self._factors.new_secret()
        return self._factors.offer_totp(begun.name, begun.secret)

    async def enrolled_totp(self, pending: str, code: str, label: str = "") -> tuple[Session, Added]:
        """Add it, and let the user in."""
        begun = self._of(pending, enrol=True)
        if begun.secret is None:
            raise WrongFactor
        secret = begun.secret
        self._spend(pending, begun)
        added = await self._factors.add_totp(begun.name, secret, code, label, first_of=begun.stored)
        return await self._finish(pending, begun, lambda _: "totp"), added

    def enrol_passkey(self, pending: str) -> Any:
        """What the browser of a user who has to have a second factor is asked."""
        begun = self._of(pending, enrol=True)
        begun.challenge = self._entropy.take(CHALLENGE_BYTES)
        return self._factors.options_to_add(begun.name, begun.challenge)

    async def enrolled_passkey(self, pending: str, answer: dict[str, Any], label: str = "") -> tuple[Session, Added]:
        """Add it, and let the user in."""
        begun = self._of(pending, enrol=True)
        challenge, begun.challenge = begun.challenge, None
        if challenge is None:
            raise WrongFactor
        self._spend(pending, begun)
        added = await self._factors.add_passkey(begun.name, answer, challenge, label, first_of=begun.stored)
        return await self._finish(pending, begun, lambda _: "passkey"), added

    # --- in an open session -----------------------------------------------------------------------------------

    def is_fresh(self, session: Session) -> bool:
        """Whether the session's second factor was proven within the last minutes."""
        return bool(session.factor) and self._clock.now() < session.factor_at + self._security.fresh

    def must_be_fresh(self, session: Session) -> None:
        """Raise `FactorNeeded` unless that is so; somebody without any factor passes, for they are about to add their first."""
        ways = self._factors.ways(session.user.name)
        if ways and not self.is_fresh(session):
            raise FactorNeeded(ways)

    async def prove_code(self, session: Session, code: str) -> None:
        """Prove the second factor again by a code."""
        await self._again(session, lambda connection, key: self._factors.prove_code(connection, key, code))

    def challenge(self, session: Session) -> bytes:
        """A challenge for a passkey in an open session, in place of an earlier one."""
        begun = self._at(session)
        begun.challenge = self._entropy.take(CHALLENGE_BYTES)
        return begun.challenge

    def take_challenge(self, session: Session) -> bytes:
        """The session's challenge, which is good once; raises `WrongFactor` if there is none."""
        begun = self._at(session)
        challenge, begun.challenge = begun.challenge, None
        if challenge is None:
            raise WrongFactor
        return challenge

    def secret(self, session: Session, *, new: bool) -> bytes:
        """The secret that the session is about to add as one-time codes; raises `WrongFactor` if none was offered."""
        begun = self._at(session)
        if new:
            begun.secret = self._factors.new_secret()
        if begun.secret is None:
            raise WrongFactor
        return begun.secret

    async def prove_passkey(self, session: Session, answer: dict[str, Any]) -> None:
        """Prove the second factor again by a passkey."""
        challenge = self.take_challenge(session)
        await self._again(session, lambda connection, key: self._factors.prove_passkey(connection, key, answer, challenge))

    # --- inside -----------------------------------------------------------------------------------------------

    def _of(self, pending: str, *, enrol: bool) -> _Begun:
        begun = self._begun.get(credentials.digest_of(pending))
        if begun is None or begun.expires <= self._clock.now() or begun.tries <= 0 or bool(begun.ways) == enrol:
            raise NoPending
        return begun

    def _at(self, session: Session) -> _Begun:
        # Under the session's id, which no pending token's digest has the length of.
        digest, now = session.id.encode(), self._clock.now()
        found = self._begun.get(digest)
        if found is None or found.expires <= now:
            self._begun = {d: one for d, one in self._begun.items() if one.expires > now}
            if len(self._begun) >= 2 * MOST_PENDING:
                raise TooManyAttempts(PENDING_LASTS // SECOND)
            found = self._begun[digest] = _Begun(session.user.name, "", "", (), now + PENDING_LASTS)
        return found

    def _spend(self, pending: str, begun: _Begun) -> None:
        # Counted before the work, so that many at once gain nothing.
        begun.tries -= 1
        if begun.tries <= 0:
            self._begun.pop(credentials.digest_of(pending), None)

    async def _finish(self, pending: str, begun: _Begun, prove: Callable[[Connection], str]) -> Session:
        tally = self._attempts.begin(f"factor of {begun.key}", self._clock.now(), known=True)
        self._spend(pending, begun)
        try:
            session = await self._sessions.open(begun.key, begun.stored, prove, again=begun.again)
        except WrongFactor:
            await self._note(begun.name, Act.FACTOR_REFUSE)
            raise
        self._attempts.succeeded(tally)
        self._begun.pop(credentials.digest_of(pending), None)
        return session

    async def _again(self, session: Session, prove: Callable[[Connection, str], str]) -> None:
        tally = self._attempts.begin(f"factor of {credentials.key_of(session.user.name)}", self._clock.now(), known=True)
        try:
            await self._sessions.prove(session.token, prove)
        except WrongFactor:
            await self._note(session.user.name, Act.FACTOR_REFUSE)
            raise
        self._attempts.succeeded(tally)

    async def _note(self, who: str, act: Act) -> None:
        await self._journal.write(lambda connection: rows.note(connection, self._clock.now(), who, act, ""))
