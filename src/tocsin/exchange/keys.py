"""A node's own keys: two for signing, one for key agreement, one to log in at the relay, one that hides realms' names.

The long-term KEM key stands on the card and serves only until a partner has heard a prekey. Prekeys live in
memory alone and are dropped after their period, so that a seized node opens no grant made to one that is past.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA65PrivateKey
from cryptography.hazmat.primitives.asymmetric.mlkem import MLKEM768PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from cryptography.hazmat.primitives.hpke import AEAD, KDF, KEM, MLKEM768X25519PrivateKey, Suite

from tocsin.core import Denied, InputError
from tocsin.core.times import DAY, HOUR, Micros

from . import nkey, wire
from .card import Card, kem_public

if TYPE_CHECKING:
    from pathlib import Path
    from typing import Protocol

    from tocsin.core import Clock, Entropy

    class Wrapper(Protocol):
        """What keeps keys at rest: the journal's `Vault`."""

        def wrap(self, data: bytes, purpose: str) -> bytes:
            """`data` encrypted under a key that is bound to `purpose`."""
            ...

        def unwrap(self, data: bytes, purpose: str) -> bytes:
            """What `wrap` was given; raises `Denied`."""
            ...


FILE = "node.keys"
_PURPOSE = "exchange/node-keys"
_SUITE = Suite(KEM.MLKEM768_X25519, KDF.HKDF_SHA256, AEAD.AES_256_GCM)


class _Seeds(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    partner: str
    ed25519: bytes
    mldsa65: bytes
    mlkem768: bytes
    x25519: bytes
    relay: bytes
    tags: bytes


@dataclass(frozen=True)
class KemKey:
    """An X-Wing key pair."""

    mlkem: MLKEM768PrivateKey
    x25519: X25519PrivateKey

    @staticmethod
    def make() -> KemKey:
        """A fresh pair, from the library's randomness."""
        return KemKey(MLKEM768PrivateKey.generate(), X25519PrivateKey.generate())

    def public(self) -> bytes:
        """1,216 bytes: the ML-KEM-768 public key, then the X25519 one."""
        return self.mlkem.public_key().public_bytes_raw() + self.x25519.public_key().public_bytes_raw()

    def open(self, wrapped: bytes, info: bytes) -> bytes | None:
        """What `hpke_wrap` wrapped to this key under `info`, or None."""
        try:
            return _SUITE.decrypt(wrapped, MLKEM768X25519PrivateKey(self.mlkem, self.x25519), info=info)
        except (InvalidTag, ValueError):
            return None


def hpke_wrap(data: bytes, public: bytes, info: bytes) -> bytes:
    """`data` wrapped to a KEM public key: HPKE base mode (RFC 9180), MLKEM768_X25519, HKDF-SHA256, AES-256-GCM."""
    return _SUITE.encrypt(data, kem_public(public), info=info)


def seeds_from(take: Entropy) -> dict[str, bytes]:
    """The seeds of a node's keys by name, drawn in this order."""
    sizes = {"ed25519": 32, "mldsa65": 32, "mlkem768": 64, "x25519": 32, "relay": 32, "tags": 32}
    return {name: take.take(size) for name, size in sizes.items()}


class NodeKeys:
    """A node's private keys. `partner` is its name to others; nothing here is ever shown."""

    def __init__(self, seeds: _Seeds) -> None:
        self.partner = seeds.partner
        self.tag_key = seeds.tags
        self._seeds = seeds
        self._ed25519 = Ed25519PrivateKey.from_private_bytes(seeds.ed25519)
        self._mldsa65 = MLDSA65PrivateKey.from_seed_bytes(seeds.mldsa65)
        self._relay = Ed25519PrivateKey.from_private_bytes(seeds.relay)
        self.kem = KemKey(MLKEM768PrivateKey.from_seed_bytes(seeds.mlkem768), X25519PrivateKey.from_private_bytes(seeds.x25519))

    def __repr__(self) -> str:
        return f"NodeKeys({self.partner!r})"

    @staticmethod
    def make(partner: str) -> NodeKeys:
        """Fresh keys for the node of that name, from the library's randomness."""
        if not wire.is_partner(partner):
            raise InputError("a node's name is 1 to 32 letters, digits and hyphens")
        kem = KemKey.make()
        return NodeKeys(
            _Seeds(
                partner=partner,
                ed25519=Ed25519PrivateKey.generate().private_bytes_raw(),
                mldsa65=MLDSA65PrivateKey.generate().private_bytes_raw(),
                mlkem768=kem.mlkem.private_bytes_raw(),
                x25519=kem.x25519.private_bytes_raw(),
                relay=Ed25519PrivateKey.generate().private_bytes_raw(),
                tags=Ed25519PrivateKey.generate().private_bytes_raw(),
            )
        )

    @staticmethod
    def from_seeds(partner: str, take: Entropy) -> NodeKeys:
        """Keys fixed by a seeded stream: for test vectors, never for a node."""
        return NodeKeys(_Seeds(partner=partner, **seeds_from(take)))

    @staticmethod
    def load(vault: Wrapper, folder: Path) -> NodeKeys:
        """The keys kept in `folder`; raises `InputError` if there are none, `Denied` if the vault cannot open them."""
        try:
            wrapped = (folder / FILE).read_bytes()
        except FileNotFoundError:
            raise InputError("this node has no keys yet: make them with tocsin init") from None
        try:
            return NodeKeys(msgspec.msgpack.decode(vault.unwrap(wrapped, _PURPOSE), type=_Seeds))
        except (msgspec.DecodeError, ValueError):
            raise Denied("the node's key file does not hold this node's keys") from None

    def save(self, vault: Wrapper, folder: Path) -> None:
        """Keep the keys in `folder`, wrapped by the vault, on disk before this returns; an older file is replaced whole."""
        beside = folder / (FILE + ".new")
        with beside.open("wb") as file:
            beside.chmod(0o600)
            file.write(vault.wrap(msgspec.msgpack.encode(self._seeds), _PURPOSE))
            file.flush()
            os.fsync(file.fileno())
        beside.replace(folder / FILE)

    def card(self, name: str, clock: Clock) -> Card:
        """This node's card, signed, under the name that people call it."""
        blank = Card(
            partner=self.partner,
            name=name,
            made=clock.now() // 1_000_000 * 1_000_000,
            ed25519=self._ed25519.public_key().public_bytes_raw(),
            mldsa65=self._mldsa65.public_key().public_bytes_raw(),
            kem=self.kem.public(),
            relay=self.relay_user,
        )
        context, _, rest = blank.signed_bytes().partition(b"\x00")
        card = msgspec.structs.replace(blank, signatures=self.sign(context, rest, both=True))
        card.check()
        return card

    def sign(self, context: bytes, data: bytes, *, both: bool) -> wire.Signatures:
        """Signatures over `context` ‖ 0x00 ‖ `data`: Ed25519, and ML-DSA-65 with `both`."""
        message = context + b"\x00" + data
        return wire.Signatures(self._ed25519.sign(message), self._mldsa65.sign(message) if both else b"")

    @property
    def relay_user(self) -> str:
        """The name of this node's user at a relay."""
        return nkey.encode_user(self._relay.public_key().public_bytes_raw())

    def sign_nonce(self, nonce: str) -> bytes:
        """The signature with which this node logs in at a relay (64 bytes)."""
        return self._relay.sign(nonce.encode())


class Prekeys:
    """This node's short-lived KEM keys: a new one every `period`, each dropped `grace` after its period."""

    def __init__(self, clock: Clock, entropy: Entropy, *, period: Micros = DAY, grace: Micros = HOUR) -> None:
        self._clock, self._entropy, self._period, self._grace = clock, entropy, period, grace
        self._held: dict[bytes, tuple[KemKey, wire.Prekey]] = {}

    def current(self) -> wire.Prekey:
        """The prekey to announce now; older ones past their grace are deleted."""
        now = self._clock.now()
        for past in [id_ for id_, (_, prekey) in self._held.items() if now >= prekey.until + self._grace]:
            del self._held[past]
        fresh = [prekey for _, prekey in self._held.values() if now < prekey.until - self._period // 4]
        if not fresh:
            key = KemKey.make()
            prekey = wire.Prekey(self._entropy.take(8), key.public(), now + self._period)
            self._held[prekey.id] = key, prekey
            return prekey
        return fresh[-1]

    def get(self, id_: bytes) -> KemKey | None:
        """The private half of a prekey that is still held."""
        self.current()
        held = self._held.get(id_)
        return held[0] if held else None
