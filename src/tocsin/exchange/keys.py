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

from . import nkey, succession, wire
from .card import Card, kem_public

if TYPE_CHECKING:
    from pathlib import Path
    from typing import Protocol

    from tocsin.core import Clock, Entropy

    from .recovery import RecoveryKey

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
    recovery: bytes = b""
    era: int = 0
    serial: int = 0
    former: tuple[_Seeds, ...] = ()  # the keys before, while they still serve
    former_until: Micros = 0
    links: tuple[wire.Link, ...] = ()  # how the cards followed each other


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
        self._become(seeds)

    def _become(self, seeds: _Seeds) -> None:
        self.partner = seeds.partner
        self.tag_key = seeds.tags
        self._seeds = seeds
        self._ed25519 = Ed25519PrivateKey.from_private_bytes(seeds.ed25519)
        self._mldsa65 = MLDSA65PrivateKey.from_seed_bytes(seeds.mldsa65)
        self._relay = Ed25519PrivateKey.from_private_bytes(seeds.relay)
        self.kem = KemKey(MLKEM768PrivateKey.from_seed_bytes(seeds.mlkem768), X25519PrivateKey.from_private_bytes(seeds.x25519))
        self._digest = self._blank("", 0, ()).digest()

    def __repr__(self) -> str:
        return f"NodeKeys({self.partner!r})"

    @staticmethod
    def make(partner: str, recovery: bytes = b"") -> NodeKeys:
        """Fresh keys for the node of that name, from the library's randomness; `recovery` is its recovery key's digest."""
        if not wire.is_partner(partner):
            raise InputError("a node's name is 1 to 32 letters, digits and hyphens")
        return NodeKeys(_fresh(partner, Ed25519PrivateKey.generate().private_bytes_raw(), recovery, 0, 0))

    @staticmethod
    def from_seeds(partner: str, take: Entropy) -> NodeKeys:
        """Keys fixed by a seeded stream: for test vectors, never for a node."""
        found = seeds_from(take)
        return NodeKeys(
            _Seeds(partner, found["ed25519"], found["mldsa65"], found["mlkem768"], found["x25519"], found["relay"], found["tags"])
        )

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

    def card(self, name: str, clock: Clock, relays: tuple[str, ...] = ()) -> Card:
        """This node's card, signed, under the name that people call it; `relays` is where it meets partners."""
        blank = self._blank(name, clock.now() // 1_000_000 * 1_000_000, relays)
        context, _, rest = blank.signed_bytes().partition(b"\x00")
        card = msgspec.structs.replace(blank, signatures=self.sign(context, rest, both=True))
        card.check()
        return card

    def _blank(self, name: str, made: Micros, relays: tuple[str, ...]) -> Card:
        return Card(
            partner=self.partner,
            name=name,
            made=made,
            ed25519=self._ed25519.public_key().public_bytes_raw(),
            mldsa65=self._mldsa65.public_key().public_bytes_raw(),
            kem=self.kem.public(),
            relay=self.relay_user,
            era=self._seeds.era,
            serial=self._seeds.serial,
            recovery=self._seeds.recovery,
            relays=relays,
        )

    def digest(self) -> bytes:
        """What this node's card has as its `digest`."""
        return self._digest

    @property
    def links(self) -> tuple[wire.Link, ...]:
        """How this node's cards followed each other; empty while it has its first."""
        return self._seeds.links

    @property
    def place(self) -> tuple[int, int]:
        """Where this node's card stands among its cards."""
        return self._seeds.era, self._seeds.serial

    def rotated(self, name: str, clock: Clock, grace: Micros, relays: tuple[str, ...] = ()) -> NodeKeys:
        """New keys whose card these keys sign; these go on opening grants and logging in at relays until `grace` is over."""
        old, now = self._seeds, clock.now()
        former = msgspec.structs.replace(old, former=(), links=())
        fresh = _fresh(self.partner, old.tags, old.recovery, old.era, old.serial + 1)
        after = NodeKeys(msgspec.structs.replace(fresh, former=(former,), former_until=now + grace))
        link = succession.rotate(self, self.card(name, clock, relays), after.card(name, clock, relays))
        return NodeKeys(msgspec.structs.replace(after._seeds, links=(*old.links, link)[-wire.MAX_LINKS :]))

    def recovered(self, key: RecoveryKey, next_: RecoveryKey, name: str, clock: Clock, relays: tuple[str, ...] = ()) -> NodeKeys:
        """New keys that the recovery key introduces; nothing of these serves any more. Raises `Denied` if it is another node's key."""
        old = self._seeds
        if key.digest() != old.recovery:
            raise Denied("this is not the recovery key that this node's card names")
        return _recovered(self.partner, old.tags, old.era + 1, old.links, key, next_, name, clock, relays)

    @staticmethod
    def from_recovery(lost: Card, key: RecoveryKey, next_: RecoveryKey, clock: Clock) -> NodeKeys:
        """New keys for a node that lost all but its recovery key and a copy of its card; raises `Denied`."""
        if key.digest() != lost.recovery:
            raise Denied("this is not the recovery key that this card names")
        tags = Ed25519PrivateKey.generate().private_bytes_raw()
        return _recovered(lost.partner, tags, lost.era + 1, (), key, next_, lost.name, clock, lost.relays)

    def become(self, other: NodeKeys) -> None:
        """Be `other` from now on, wherever this object is held."""
        if other.partner != self.partner:
            raise InputError("a node's keys follow those of the same node")
        self._become(other._seeds)

    def end_former(self, now: Micros) -> bool:
        """Forget the keys before these if their grace is over; whether there was something to forget."""
        if not self._seeds.former or now < self._seeds.former_until:
            return False
        self._become(msgspec.structs.replace(self._seeds, former=(), former_until=0))
        return True

    @property
    def former(self) -> NodeKeys | None:
        """The keys before these, while they still serve."""
        return NodeKeys(self._seeds.former[0]) if self._seeds.former else None

    def kems(self) -> list[KemKey | None]:
        """The key pairs to which a grant may be wrapped where no prekey was known: this card's, and the one's before it."""
        former = self.former
        return [self.kem, former.kem] if former else [self.kem]

    def sign(self, context: bytes, data: bytes, *, both: bool) -> wire.Signatures:
        """Signatures over `context` ‖ 0x00 ‖ `data`: Ed25519, and ML-DSA-65 with `both`."""
        message = context + b"\x00" + data
        return wire.Signatures(self._ed25519.sign(message), self._mldsa65.sign(message) if both else b"")

    def note_public(self) -> bytes:
        """The Ed25519 key by which this node's notes are checked: the one on its card."""
        return self._ed25519.public_key().public_bytes_raw()

    def sign_note(self, text: bytes) -> bytes:
        """An Ed25519 signature over the text of a note; raises `InputError` for a byte 0, which all else that is signed holds."""
        if b"\x00" in text:
            raise InputError("a note holds no byte 0")
        return self._ed25519.sign(text)

    @property
    def relay_user(self) -> str:
        """The name of this node's user at a relay."""
        return nkey.encode_user(self._relay.public_key().public_bytes_raw())

    def sign_nonce(self, nonce: str) -> bytes:
        """The signature with which this node logs in at a relay (64 bytes)."""
        return self._relay.sign(nonce.encode())


def _fresh(partner: str, tags: bytes, recovery: bytes, era: int, serial: int) -> _Seeds:
    kem = KemKey.make()
    return _Seeds(
        partner=partner,
        ed25519=Ed25519PrivateKey.generate().private_bytes_raw(),
        mldsa65=MLDSA65PrivateKey.generate().private_bytes_raw(),
        mlkem768=kem.mlkem.private_bytes_raw(),
        x25519=kem.x25519.private_bytes_raw(),
        relay=Ed25519PrivateKey.generate().private_bytes_raw(),
        tags=tags,
        recovery=recovery,
        era=era,
        serial=serial,
    )


def _recovered(
    partner: str,
    tags: bytes,
    era: int,
    links: tuple[wire.Link, ...],
    key: RecoveryKey,
    next_: RecoveryKey,
    name: str,
    clock: Clock,
    relays: tuple[str, ...],
) -> NodeKeys:
    after = NodeKeys(_fresh(partner, tags, next_.digest(), era, 0))
    link = succession.recover(key, after.card(name, clock, relays))
    return NodeKeys(msgspec.structs.replace(after._seeds, links=(*links, link)[-wire.MAX_LINKS :]))


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
