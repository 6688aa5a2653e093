"""Data keys, one or more for each day and class, and what is sealed under them.

Every opening of the journal makes keys of its own, so that no restored backup can repeat a nonce; deleting
a day's keys erases what they sealed, wherever copies of it are.
"""

from __future__ import annotations

import itertools
import threading
from typing import TYPE_CHECKING

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from sqlalchemy import delete, insert, select

from tocsin.core import InputError, TooLarge
from tocsin.core.times import DAY

from .errors import Damaged, Erased
from .tables import data_keys

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from tocsin.core.times import Micros

    from .vault import Vault

_NONCE = 12
_VERSION = b"\x01"
_MOST = 2**31 - 1  # what one call of AES-GCM takes


class OpeningKey:
    """A data key that was made earlier: it opens, and seals nothing more."""

    def __init__(self, key_id: int, key: bytes) -> None:
        self.id, self._cipher = key_id, AESGCM(key)

    def open(self, sealed: bytes, bound: bytes) -> bytes:
        """What `seal` was given; raises `Damaged` if either argument was altered."""
        try:
            return self._cipher.decrypt(sealed[:_NONCE], sealed[_NONCE:], bound)
        except (InvalidTag, ValueError):
            raise Damaged("stored content is not what was kept: restore the node's folder from its backup") from None


class SealingKey(OpeningKey):
    """A data key of this opening. No other process ever seals under it, so its nonces count from 0."""

    def __init__(self, key_id: int, key: bytes) -> None:
        super().__init__(key_id, key)
        self._nonces = itertools.count()

    def seal(self, data: bytes, bound: bytes) -> bytes:
        """`data` encrypted, and bound to `bound`; raises `TooLarge` past 2 GiB."""
        if len(data) > _MOST:
            raise TooLarge("what is to be sealed at once", len(data), _MOST)
        nonce = next(self._nonces).to_bytes(_NONCE, "big")
        return nonce + self._cipher.encrypt(nonce, data, bound)


class SealKeys:
    """The data keys, in memory as far as they were used.

    `fresh` ones belong to the writer's open group; they serve nobody else before they are on disk.
    """

    def __init__(self, vault: Vault) -> None:
        self._vault = vault
        self._lock = threading.Lock()
        self._known: dict[int, OpeningKey] = {}
        self._current: dict[tuple[int, str], SealingKey] = {}
        self._fresh: dict[tuple[int, str], SealingKey] = {}

    def current(self, day: int, klass: str) -> SealingKey | None:
        """The key that is on disk for sealing, if there is one since this opening."""
        with self._lock:
            return self._current.get((day, klass))

    def for_writing(self, connection: Connection, day: int, klass: str) -> SealingKey:
        """The key to seal with inside a job of the writer, made if need be."""
        if found := self._fresh.get((day, klass)) or self.current(day, klass):
            return found
        key = AESGCM.generate_key(256)
        wrapped = self._vault.wrap(key, _purpose(day, klass))
        key_id = connection.execute(insert(data_keys).values(day=day, klass=klass, wrapped=wrapped).returning(data_keys.c.id)).scalar_one()
        made = SealingKey(key_id, key)
        self._fresh[day, klass] = made
        return made

    def for_reading(self, connection: Connection, key_id: int) -> OpeningKey:
        """The key of that id; raises `Erased` if it is gone."""
        with self._lock:
            if found := self._known.get(key_id):
                return found
        row = connection.execute(select(data_keys).where(data_keys.c.id == key_id)).one_or_none()
        if row is None:
            raise Erased
        found = OpeningKey(row.id, self._vault.unwrap(row.wrapped, _purpose(row.day, row.klass)))
        with self._lock:
            return self._known.setdefault(key_id, found)

    def known(self, key_id: int) -> OpeningKey | None:
        """The key of that id if it is in memory."""
        with self._lock:
            return self._known.get(key_id)

    def erase(self, connection: Connection, day: int, klass: str) -> int:
        """Delete a day's keys of one class inside a job of the writer; how many there were."""
        result = connection.execute(delete(data_keys).where(data_keys.c.day == day, data_keys.c.klass == klass).returning(data_keys.c.id))
        gone = [row.id for row in result]
        self._fresh.pop((day, klass), None)
        with self._lock:
            self._current.pop((day, klass), None)
            for key_id in gone:
                self._known.pop(key_id, None)
        return len(gone)

    def forget_fresh(self) -> None:
        """A job or group was rolled back: keys made in it may not be on disk. Others are made when needed."""
        self._fresh.clear()

    def publish_fresh(self) -> None:
        """The group is on disk, and its keys with it."""
        with self._lock:
            self._current.update(self._fresh)
            self._known.update((key.id, key) for key in self._fresh.values())
        self._fresh.clear()


def day_of(time: Micros) -> int:
    """Days since 1970-01-01 UTC."""
    return time // DAY


def seal_row(key: SealingKey, bound: bytes, salt: bytes, proof: bytes, data: bytes) -> bytes:
    """A record's salt (32 bytes), proof and signed bytes as the column `sealed`."""
    return key.seal(b"".join((_VERSION, salt, len(proof).to_bytes(4, "big"), proof, data)), bound)


def open_row(key: OpeningKey, bound: bytes, sealed: bytes) -> tuple[bytes, bytes, bytes]:
    """Salt, proof and signed bytes out of the column `sealed`; raises `Damaged`."""
    plain = key.open(sealed, bound)
    if plain[:1] != _VERSION:
        raise Damaged("a record was stored by a newer Tocsin: update this one")
    end = 37 + int.from_bytes(plain[33:37], "big")
    return plain[1:33], plain[37:end], plain[end:]


def bound_of(realm: str, index: int, kind: str, record_id: str, leaf: bytes) -> bytes:
    """What a record's row is bound to: moved to another place in the journal it does not open."""
    return f"tocsin row v1\0{realm}\0{index}\0{kind}\0{record_id}\0".encode() + leaf


def seal_data(key: SealingKey, data: bytes, klass: str, day: int) -> bytes:
    """Content of a file: version, the key's id, nonce and ciphertext."""
    head = _VERSION + key.id.to_bytes(8, "big")
    return head + key.seal(data, _data_bound(head, klass, day))


def key_id_of(sealed: bytes) -> int:
    """Whose key `seal_data` used; raises `InputError` if this is no sealed content."""
    if sealed[:1] != _VERSION or len(sealed) < 9 + _NONCE + 16:
        raise InputError("this is not content that a journal sealed")
    return int.from_bytes(sealed[1:9], "big")


def open_data(key: OpeningKey, sealed: bytes, klass: str, day: int) -> bytes:
    """What `seal_data` was given; raises `Damaged`, also for another class or day."""
    return key.open(sealed[9:], _data_bound(sealed[:9], klass, day))


def _data_bound(head: bytes, klass: str, day: int) -> bytes:
    return b"tocsin data v1\0" + head + f"\0{day}\0{klass}".encode()


def _purpose(day: int, klass: str) -> str:
    return f"data key v1 {day} {klass}"
