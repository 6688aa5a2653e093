"""Names, passwords and tokens: how they are written, stored and checked."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import re
import unicodedata
from typing import TYPE_CHECKING

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from .errors import BadUser, TooManyAttempts

if TYPE_CHECKING:
    from tocsin.core import Entropy
    from tocsin.journal import Cost

SHORTEST, LONGEST = 10, 1024
RESERVED = frozenset({"node", "operator", "nobody"})
_NAME = re.compile(r"\w(?:[\w .'@-]{0,62}\w\.?)?")
_AT_ONCE = 2  # each check takes `Cost.memory_kib`
_MOST_WAITING = 32


def name_of(text: str) -> tuple[str, str]:
    """A user's name as it is shown, and as it is compared; raises `BadUser`."""
    name = unicodedata.normalize("NFC", text)
    key = key_of(name)
    if not _NAME.fullmatch(name) or len(key) > 120:
        raise BadUser("a user's name has 1 to 64 letters, digits, spaces or . ' @ - and begins with a letter or digit")
    # A Cyrillic letter among Latin ones is there to be taken for somebody else.
    if len({unicodedata.name(letter, "?").split()[0] for letter in key if letter.isalpha()}) > 1:
        raise BadUser("a user's name is in one script: this one mixes letters that look alike")
    if key in RESERVED:
        raise BadUser(f"{key} is no user's name: it stands for what the node does by itself")
    return name, key


def key_of(text: str) -> str:
    """How names are compared: without case, and without the variants that look the same."""
    whole = text.encode("utf-8", "replace").decode()
    return unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", whole).casefold())


class Passwords:
    """Hashes and checks passwords with argon2id, a few at a time, outside the event loop."""

    def __init__(self, cost: Cost, entropy: Entropy) -> None:
        self._hasher = PasswordHasher(cost.passes, cost.memory_kib, cost.lanes)
        self._entropy = entropy
        self._gate = asyncio.Semaphore(_AT_ONCE)
        self._waiting = 0
        self._nobody = ""  # checked for names that are nobody's, so that they take as long

    async def hash(self, password: str) -> str:
        """What to store for `password`; raises `BadUser` if it is too short or too long."""
        text = _bytes_of(password)
        if len(password) < SHORTEST or len(text) > LONGEST:
            raise BadUser(f"a password has at least {SHORTEST} characters, and at most {LONGEST} bytes")
        return await self.hash_again(password)

    async def hash_again(self, password: str) -> str:
        """What to store for a password that was taken before, at today's cost."""
        salt = self._entropy.take(16)
        async with self._gate:
            return await asyncio.to_thread(self._hasher.hash, _bytes_of(password), salt=salt)

    async def check(self, stored: str | None, password: str) -> bool:
        """Whether `password` is the one `stored` was made from; the same work if there is none (`None`).

        Raises `TooManyAttempts` if too many wait already.
        """
        if self._waiting >= _MOST_WAITING:
            raise TooManyAttempts(1)
        self._waiting += 1
        try:
            async with self._gate:
                # Made at the first check, whoever's it is: a node that starts need not wait for it, and nobody's name takes no longer.
                self._nobody = self._nobody or await asyncio.to_thread(self._hasher.hash, b"nobody's", salt=bytes(16))
                right = await asyncio.to_thread(
                    self._verify, self._nobody if stored is None else stored, _bytes_of(password)[: LONGEST + 1]
                )
        finally:
            self._waiting -= 1
        return right and stored is not None

    def is_outdated(self, stored: str) -> bool:
        """Whether `stored` was made at another cost than today's."""
        return self._hasher.check_needs_rehash(stored)

    def _verify(self, stored: str, text: bytes) -> bool:
        try:
            return self._hasher.verify(stored, text)
        except (VerificationError, InvalidHashError):
            return False


def new_token(entropy: Entropy) -> str:
    """A session's token: 256 random bits in base64url."""
    return _text(entropy.take(32))


def digest_of(token: str) -> bytes:
    """What is stored of a token: SHA-256."""
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).digest()


def csrf_of(token: str) -> str:
    """The token that a session's changing requests bear: it follows from the session's, which a page's script never sees."""
    return _text(hashlib.sha256(b"tocsin csrf v1\0" + token.encode("utf-8", "surrogatepass")).digest())


def _bytes_of(password: str) -> bytes:
    # RFC 8265: the same password typed on another keyboard is the same.
    return unicodedata.normalize("NFC", password).encode("utf-8", "surrogatepass")


def _text(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()
