"""Second factors: one-time codes, passkeys, and recovery codes for the day the telephone is lost."""

from __future__ import annotations

import base64
import hashlib
import re
from typing import TYPE_CHECKING, Any, NamedTuple

from sqlalchemy import delete, func, insert, select, update

from . import credentials, passkeys, rows, totp
from .errors import BadFactor, NoPending, NoSuchUser, WrongFactor
from .model import Act, Factor
from .tables import factors, recovery_codes, users

if TYPE_CHECKING:
    from sqlalchemy import Connection, Row

    from tocsin.core import Clock, Entropy
    from tocsin.journal import Journal, Vault

    from .model import Security

MOST = 10
RECOVERY = 10
_PURPOSE = "second factor"


class Offered(NamedTuple):
    """A new one-time-code secret, as the app takes it: typed, or as a QR code's address."""

    secret: str
    address: str


class Added(NamedTuple):
    """A factor that was added; `recovery` holds new recovery codes if it is the user's first, shown this once."""

    factor: Factor
    recovery: tuple[str, ...]


class Factors:
    """The second factors of the node's users. Nothing here decides who has to have one."""

    def __init__(self, journal: Journal, clock: Clock, entropy: Entropy, vault: Vault | None, security: Security) -> None:
        self._journal, self._clock, self._entropy, self._vault, self._security = journal, clock, entropy, vault, security

    def become(self, security: Security) -> None:
        """Go by other settings from now on."""
        self._security = security

    def of(self, name: str) -> list[Factor]:
        """A user's factors, the oldest first."""
        return [_factor(row) for row in self._rows(credentials.key_of(name))]

    def ways(self, name: str) -> tuple[str, ...]:
        """How a user can prove a second factor: totp, passkey, recovery; empty if they have none."""
        key = credentials.key_of(name)
        kinds = {row.kind for row in self._rows(key)}
        if kinds and self.recovery_left(name):
            kinds.add("recovery")
        return tuple(way for way in ("passkey", "totp", "recovery") if way in kinds)

    def recovery_left(self, name: str) -> int:
        """How many recovery codes a user has left."""
        counted = select(func.count()).select_from(recovery_codes).where(recovery_codes.c.user_key == credentials.key_of(name))
        return int(self._journal.read_rows(counted)[0][0])

    # --- adding ---------------------------------------------------------------------------------------------

    def offer_totp(self, name: str, secret: bytes) -> Offered:
        """`secret` as an authenticator app takes it."""
        return Offered(totp.text_of(secret), totp.address_of(secret, name, self._security.issuer))

    def new_secret(self) -> bytes:
        """A secret for one-time codes."""
        return totp.new_secret(self._entropy)

    async def add_totp(self, name: str, secret: bytes, code: str, label: str = "", *, first_of: str | None = None) -> Added:
        """Add one-time codes, once the user has shown that the app has the secret; raises `WrongFactor`, `BadFactor`.

        `first_of`: it has to be the user's first factor, and their password stored so; raises `NoPending` if it is not.
        """
        now = self._clock.now()
        step = totp.step_of(secret, plain(code), now, after=-1)
        if step is None:
            raise WrongFactor
        sealed = self._sealed(secret)
        return await self._add(name, "totp", label or "one-time codes", sealed, None, step, first_of)

    def options_to_add(self, name: str, challenge: bytes) -> Any:
        """What the browser is asked to make a passkey for `name`."""
        key = credentials.key_of(name)
        handle = hashlib.sha256(b"tocsin user handle v1\0" + key.encode()).digest()
        existing = [row.credential for row in self._rows(key) if row.credential is not None]
        return passkeys.to_register(self._security, name, handle, challenge, existing)

    async def add_passkey(
        self, name: str, answer: dict[str, Any], challenge: bytes, label: str = "", *, first_of: str | None = None
    ) -> Added:
        """Add the passkey that the browser made; raises `BadFactor`, and `NoPending` as `add_totp`."""
        found = passkeys.registered(self._security, answer, challenge)
        return await self._add(name, "passkey", label or "passkey", found.public_key, found.credential, found.counter, first_of)

    async def _add(
        self, name: str, kind: str, label: str, secret: bytes, credential: bytes | None, counter: int, first_of: str | None
    ) -> Added:
        key, now = credentials.key_of(name), self._clock.now()
        codes = new_codes(self._entropy)
        row = {
            "id": f"factor--{self._entropy.take(8).hex()}",
            "user_key": key,
            "kind": kind,
            "name": label_of(label),
            "secret": secret,
            "credential": credential,
            "counter": counter,
            "added_at": now,
        }

        def work(connection: Connection) -> Added:
            user = rows.find(connection, key)
            count = connection.scalar(select(func.count()).select_from(factors).where(factors.c.user_key == key)) or 0
            stored = connection.scalar(select(users.c.password).where(users.c.key == key))
            if first_of is not None and (count or stored != first_of):
                raise NoPending
            if count >= MOST:
                raise BadFactor(f"a user has at most {MOST} second factors: remove one first")
            if credential is not None and connection.scalar(select(factors.c.id).where(factors.c.credential == credential)):
                raise BadFactor("this passkey is in use already")
            connection.execute(insert(factors), [row])
            if count == 0:
                _write_codes(connection, key, codes)
            rows.note(connection, now, user.name, Act.FACTOR_ADD, str(row["id"]))
            return Added(Factor(str(row["id"]), kind, str(row["name"]), now, None), codes if count == 0 else ())

        return await self._journal.write(work)

    async def new_recovery_codes(self, name: str) -> tuple[str, ...]:
        """New recovery codes in place of those there were; each works once."""
        key, codes = credentials.key_of(name), new_codes(self._entropy)

        def work(connection: Connection) -> None:
            user = rows.find(connection, key)
            if not connection.scalar(select(func.count()).select_from(factors).where(factors.c.user_key == key)):
                raise BadFactor("recovery codes stand in for a second factor: add one first")
            _write_codes(connection, key, codes)
            rows.note(connection, self._clock.now(), user.name, Act.FACTOR_RECOVER, "new codes")

        await self._journal.write(work)
        return codes

    async def remove(self, name: str, factor: str, *, by: str = "") -> None:
        """Remove one of a user's factors; with the last one their recovery codes go too. Raises `NoSuchUser`."""
        key = credentials.key_of(name)

        def work(connection: Connection) -> None:
            user = rows.find(connection, key)
            gone = connection.execute(delete(factors).where(factors.c.user_key == key, factors.c.id == factor))
            if not gone.rowcount:
                raise NoSuchFactor
            if not connection.scalar(select(func.count()).select_from(factors).where(factors.c.user_key == key)):
                connection.execute(delete(recovery_codes).where(recovery_codes.c.user_key == key))
            rows.note(connection, self._clock.now(), by or user.name, Act.FACTOR_REMOVE, f"{factor} of {user.name}")

        await self._journal.write(work)

    # --- proving --------------------------------------------------------------------------------------------

    def prove_code(self, connection: Connection, key: str, code: str) -> str:
        """Take a one-time or recovery code of the user `key`; gives totp or recovery. Raises `WrongFactor`.

        Runs in the commit of what the code is for: a code is used up exactly if that is done.
        """
        text, now = plain(code), self._clock.now()
        if text.isdigit() and len(text) == 6:
            for row in connection.execute(select(factors).where(factors.c.user_key == key, factors.c.kind == "totp")):
                step = totp.step_of(self._opened(row.secret), text, now, after=row.counter)
                if step is not None:
                    connection.execute(update(factors).where(factors.c.id == row.id).values(counter=step, used_at=now))
                    return "totp"
            raise WrongFactor
        digest = code_digest(key, text)
        found = connection.execute(delete(recovery_codes).where(recovery_codes.c.user_key == key, recovery_codes.c.digest == digest))
        if not found.rowcount:
            raise WrongFactor
        name = connection.scalar(select(users.c.name).where(users.c.key == key)) or key
        rows.note(connection, now, name, Act.FACTOR_RECOVER, "a code was used")
        return "recovery"

    def options_to_prove(self, name: str, challenge: bytes) -> Any:
        """What the browser is asked to prove one of the user's passkeys; raises `WrongFactor` if there is none."""
        existing = [row.credential for row in self._rows(credentials.key_of(name)) if row.credential is not None]
        if not existing:
            raise WrongFactor
        return passkeys.to_prove(self._security, challenge, existing)

    def prove_passkey(self, connection: Connection, key: str, answer: dict[str, Any], challenge: bytes) -> str:
        """Take a passkey's answer of the user `key`; gives passkey. Raises `WrongFactor`; runs in the commit of what it is for."""
        credential = passkeys.credential_of(answer)
        found = select(factors).where(factors.c.user_key == key, factors.c.credential == credential)
        row = connection.execute(found).one_or_none()
        if row is None:
            raise WrongFactor
        counter = passkeys.proven(self._security, answer, challenge, row.secret, row.counter)
        connection.execute(update(factors).where(factors.c.id == row.id).values(counter=counter, used_at=self._clock.now()))
        return "passkey"

    def _rows(self, key: str) -> list[Row[Any]]:
        return list(self._journal.read_rows(select(factors).where(factors.c.user_key == key).order_by(factors.c.added_at, factors.c.id)))

    def _sealed(self, secret: bytes) -> bytes:
        if self._vault is None:
            raise BadFactor("one-time codes need the node's vault, which seals their secrets")
        return self._vault.wrap(secret, _PURPOSE)

    def _opened(self, sealed: bytes) -> bytes:
        if self._vault is None:
            raise WrongFactor
        return self._vault.unwrap(sealed, _PURPOSE)


class NoSuchFactor(NoSuchUser):
    """Raised if a user has no such factor."""

    def __init__(self) -> None:
        Exception.__init__(self, "there is no such second factor")


def new_codes(entropy: Entropy) -> tuple[str, ...]:
    """Recovery codes of 80 random bits each."""
    return tuple("-".join(re.findall("....", base64.b32encode(entropy.take(10)).decode().lower())) for _ in range(RECOVERY))


def code_digest(key: str, code: str) -> bytes:
    """What is stored of a recovery code: it holds 80 random bits, so that a fast hash will do."""
    return hashlib.sha256(b"tocsin recovery v1\0" + key.encode() + b"\0" + plain(code).encode("utf-8", "surrogatepass")).digest()


def plain(code: str) -> str:
    """A code as it was meant, however it was typed."""
    return "".join(code.split()).replace("-", "").lower()[:64]


def label_of(text: str) -> str:
    """What a user calls a factor; raises `BadFactor`."""
    label = text.strip()
    if not label or len(label) > 64 or not label.isprintable():
        raise BadFactor("a second factor's name has 1 to 64 printable characters")
    return label


def _write_codes(connection: Connection, key: str, codes: tuple[str, ...]) -> None:
    connection.execute(delete(recovery_codes).where(recovery_codes.c.user_key == key))
    connection.execute(insert(recovery_codes), [{"digest": code_digest(key, code), "user_key": key} for code in codes])


def _factor(row: Row[Any]) -> Factor:
    return Factor(row.id, row.kind, row.name, row.added_at, row.used_at)
