"""The recovery key: made with a node, kept away from it, and able to do one thing: introduce new keys after loss or theft.

It is 32 random bytes, written as words for paper. Both signing keys come out of it; a card holds the digest of their public
halves, so that nothing of them is known before they are used.
"""

from __future__ import annotations

import hashlib
import os
from typing import TYPE_CHECKING

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA65PrivateKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from tocsin.core import InputError

from . import wire, words

if TYPE_CHECKING:
    from pathlib import Path

    from tocsin.core import Entropy

SECRET_BYTES = 32
_ED25519_BYTES = 32


class RecoveryKey:
    """One recovery key; its secret shows only through `text`."""

    def __init__(self, secret: bytes) -> None:
        if len(secret) != SECRET_BYTES:
            raise InputError("a recovery key has 17 words")
        self._secret = secret
        self._ed25519 = Ed25519PrivateKey.from_private_bytes(_derive(secret, b"ed25519"))
        self._mldsa65 = MLDSA65PrivateKey.from_seed_bytes(_derive(secret, b"mldsa65"))

    def __repr__(self) -> str:
        return "RecoveryKey()"

    @staticmethod
    def make(entropy: Entropy) -> RecoveryKey:
        """A fresh one."""
        return RecoveryKey(entropy.take(SECRET_BYTES))

    def public(self) -> bytes:
        """The public halves: Ed25519 (32 bytes), then ML-DSA-65."""
        return self._ed25519.public_key().public_bytes_raw() + self._mldsa65.public_key().public_bytes_raw()

    def digest(self) -> bytes:
        """What a card holds: 32 bytes."""
        return digest_of(self.public())

    def sign(self, context: bytes, data: bytes) -> wire.Signatures:
        """Both signatures over `context` ‖ 0x00 ‖ `data`."""
        message = context + b"\x00" + data
        return wire.Signatures(self._ed25519.sign(message), self._mldsa65.sign(message))

    def text(self, partner: str) -> str:
        """What is printed and kept in a safe."""
        return (
            f"# Tocsin recovery key of {partner}. Whoever has it can take this node's place: print it or put it on a stick,\n"
            f"# keep it in a safe away from the node, and delete this file. It is needed once: tocsin partner recover\n"
            f"{words.to_words(self._secret)}\n"
        )

    @staticmethod
    def from_text(text: str) -> RecoveryKey:
        """The key that `text` wrote, or that somebody typed from paper; raises `InputError`."""
        lines = [line for line in text.splitlines() if not line.lstrip().startswith("#")]
        return RecoveryKey(words.from_words(" ".join(lines)))

    def write(self, path: Path, partner: str) -> None:
        """Write it to a file that must not be there yet, readable by its owner alone; raises `InputError`."""
        try:
            handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        except OSError as error:
            raise InputError(f"the recovery key cannot be written to {path}: {error.strerror}") from None
        with os.fdopen(handle, "w") as file:
            file.write(self.text(partner))


def digest_of(public: bytes) -> bytes:
    """SHA-256("tocsin recovery v1" ‖ 0x00 ‖ public halves)."""
    return hashlib.sha256(b"tocsin recovery v1\x00" + public).digest()


def halves(public: bytes) -> tuple[bytes, bytes]:
    """The Ed25519 and the ML-DSA-65 public key."""
    return public[:_ED25519_BYTES], public[_ED25519_BYTES:]


def _derive(secret: bytes, name: bytes) -> bytes:
    return HKDF(SHA256(), 32, b"", b"tocsin recovery v1 " + name).derive(secret)
