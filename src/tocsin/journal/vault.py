"""The vault: keys at rest, all under one master key that only the operator's secret opens.

Passphrase or key file → argon2id (RFC 9106) → unlocks the master key, which stays in memory and wraps
everything else. Each wrapping has a key of its own, HKDF-SHA256(master key, 32 random bytes), so that a
restored backup or a second process cannot repeat a nonce.
"""

from __future__ import annotations

import hmac
import os
import stat
from typing import TYPE_CHECKING

import msgspec
from argon2.low_level import Type, hash_secret_raw
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from tocsin.core import InputError

from .errors import Damaged, VaultExists, WrongSecret

if TYPE_CHECKING:
    from pathlib import Path

    from tocsin.core import Entropy

FILE = "vault.json"
_VERSION = b"\x01"
_SALT, _TAG = 32, 16
_MASTER = "tocsin vault master key v1"
_MOST_MEMORY_KIB = 4 * 1024 * 1024


class Cost(msgspec.Struct, frozen=True):
    """What argon2id is to cost: passes, KiB of memory, lanes. The default is RFC 9106's second recommendation."""

    passes: int = 3
    memory_kib: int = 65536
    lanes: int = 4


class _Stored(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    v: int
    salt: bytes
    cost: Cost
    master: bytes


class Vault:
    """Wraps and unwraps with a master key that is never written in the clear."""

    def __init__(self, master: bytes) -> None:
        self._master = master

    @staticmethod
    def create(folder: Path, secret: bytes, entropy: Entropy, *, cost: Cost | None = None) -> Vault:
        """A new vault in `folder` (made if need be) that `secret` opens; raises `VaultExists`, `InputError` for an empty secret."""
        if not secret:
            raise InputError("a vault needs a secret: give a passphrase or a key file that is not empty")
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        cost, salt, master = cost or Cost(), entropy.take(_SALT), AESGCM.generate_key(256)
        stored = _Stored(1, salt, cost, _seal(_from_secret(secret, salt, cost), master, _MASTER))
        _write_new(folder / FILE, msgspec.json.encode(stored))
        return Vault(master)

    @staticmethod
    def open(folder: Path, secret: bytes) -> Vault:
        """The vault in `folder`; raises `WrongSecret`, `InputError` if there is none, `Damaged` if it cannot be read."""
        try:
            stored = msgspec.json.decode((folder / FILE).read_bytes(), type=_Stored)
        except FileNotFoundError:
            raise InputError("there is no vault in this folder: make a node with tocsin init first") from None
        except (msgspec.DecodeError, UnicodeDecodeError, OSError):
            raise Damaged("the vault's file cannot be read: restore it from a backup") from None
        cost = stored.cost
        if stored.v != 1 or not (
            1 <= cost.passes <= 100 and 1 <= cost.lanes <= 64 and 8 * cost.lanes <= cost.memory_kib <= _MOST_MEMORY_KIB
        ):
            raise Damaged("the vault's file is of a version or cost that this Tocsin does not take")
        return Vault(_open(_from_secret(secret, stored.salt, cost), stored.master, _MASTER))

    def wrap(self, data: bytes, purpose: str) -> bytes:
        """`data` encrypted; only `unwrap` with the same purpose gives it back."""
        return _seal(self._master, data, purpose)

    def unwrap(self, data: bytes, purpose: str) -> bytes:
        """What `wrap` was given; raises `WrongSecret` if it was wrapped elsewhere, for another purpose, or altered."""
        return _open(self._master, data, purpose)

    def mac(self, data: bytes, purpose: str) -> bytes:
        """32 bytes that only this vault can make for `data` and `purpose`: HMAC-SHA256 under a key by HKDF-SHA256."""
        key = HKDF(SHA256(), 32, None, b"tocsin vault mac v1\x00" + purpose.encode()).derive(self._master)
        return hmac.digest(key, data, "sha256")

    def __repr__(self) -> str:
        return "Vault()"


def read_key_file(path: Path) -> bytes:
    """The secret in an operator's key file, of 32 bytes or more; raises `InputError` if it is missing, short or readable by others."""
    try:
        if stat.S_IMODE(path.stat().st_mode) & 0o077:
            raise InputError("the key file can be read by others: chmod 600 it, and make a new one if it was exposed")
        secret = path.read_bytes()
    except OSError as error:
        raise InputError(f"the key file cannot be read: {error.strerror}") from None
    if len(secret) < 32:
        raise InputError("the key file is shorter than 32 bytes: make one with at least 32 random bytes")
    return secret


def _from_secret(secret: bytes, salt: bytes, cost: Cost) -> bytes:
    return hash_secret_raw(secret, salt, cost.passes, cost.memory_kib, cost.lanes, 32, Type.ID)


def _seal(key: bytes, data: bytes, purpose: str) -> bytes:
    salt = AESGCM.generate_key(256)
    one_time, nonce = _one_time(key, salt)
    return _VERSION + salt + one_time.encrypt(nonce, data, _VERSION + purpose.encode())


def _open(key: bytes, data: bytes, purpose: str) -> bytes:
    if data[:1] == _VERSION and len(data) >= 1 + _SALT + _TAG:
        one_time, nonce = _one_time(key, data[1 : 1 + _SALT])
        try:
            return one_time.decrypt(nonce, data[1 + _SALT :], _VERSION + purpose.encode())
        except InvalidTag:
            pass
    raise WrongSecret("the secret is wrong, or what it should open was made elsewhere, for another purpose, or altered")


def _one_time(key: bytes, salt: bytes) -> tuple[AESGCM, bytes]:
    derived = HKDF(SHA256(), 44, salt, b"tocsin vault wrap v1").derive(key)
    return AESGCM(derived[:32]), derived[32:]


def _write_new(path: Path, data: bytes) -> None:
    # Whole or not at all: written aside, then linked, which fails if the name is taken.
    aside = path.with_suffix(".new")
    aside.unlink(missing_ok=True)
    handle = os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    try:
        os.link(aside, path)
    except FileExistsError:
        raise VaultExists("this folder has a vault already: use it, or choose another folder") from None
    finally:
        aside.unlink()
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
