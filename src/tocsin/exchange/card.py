"""Partner cards: who a partner is, as text that is carried by hand and compared over a telephone."""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
import tomllib
from typing import Any

import msgspec
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA65PublicKey
from cryptography.hazmat.primitives.asymmetric.mlkem import MLKEM768PublicKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PublicKey
from cryptography.hazmat.primitives.hpke import MLKEM768X25519PublicKey

from tocsin.core import iso, parse_iso
from tocsin.core.times import Micros

from . import nkey, wire, words
from .errors import BadCard

MAX_BYTES = 32_768
KEM_BYTES = 1184 + 32
FINGERPRINT_BYTES = 16
_FIRST = ("partner", "name", "made", "ed25519", "mldsa65", "kem", "relay", "signed_ed25519", "signed_mldsa65")
_MORE = ("era", "serial", "recovery", "relays")
_CONTEXT, _CONTEXT_2 = b"tocsin card v1\x00", b"tocsin card v2\x00"
_RELAY = re.compile(r"(nats|tls)://[A-Za-z0-9._\[\]:-]{1,120}")


class Card(msgspec.Struct, frozen=True):
    """A partner's public keys, signed by themselves.

    `kem` is an X-Wing public key (ML-KEM-768 ‖ X25519, 1,216 bytes), `relay` the name of its user at a relay, `made` when
    the card was made, in µs of protocol time. `recovery` is the digest of its recovery keys (32 bytes, empty where there are
    none), `era` how often those were used, `serial` how often the keys were rotated since; `relays` where it meets partners.
    """

    partner: str
    name: str
    made: Micros
    ed25519: bytes
    mldsa65: bytes
    kem: bytes
    relay: str
    signatures: wire.Signatures = wire.Signatures(b"")
    era: int = 0
    serial: int = 0
    recovery: bytes = b""
    relays: tuple[str, ...] = ()

    @property
    def place(self) -> tuple[int, int]:
        """Where the card stands in its partner's chain of cards: a later one has a greater place."""
        return self.era, self.serial

    @property
    def is_first_form(self) -> bool:
        """Whether it is a card of the protocol's first form, which knew neither recovery nor rotation."""
        return not (self.era or self.serial or self.recovery or self.relays)

    def signed_bytes(self) -> bytes:
        """What the card's own signatures cover."""
        fields: list[Any] = [self.partner, self.name, self.made, self.ed25519, self.mldsa65, self.kem, self.relay]
        if self.is_first_form:
            return _CONTEXT + msgspec.msgpack.encode(fields)
        return _CONTEXT_2 + msgspec.msgpack.encode([*fields, self.era, self.serial, self.recovery, self.relays])

    def identity(self) -> tuple[str, bytes, bytes, bytes, str, bytes]:
        """What does not change when a card is written out again: the partner's name to the protocol, and its keys."""
        return self.partner, self.ed25519, self.mldsa65, self.kem, self.relay, self.recovery

    def digest(self) -> bytes:
        """SHA-256 over name and keys: 32 bytes that stand for them."""
        return hashlib.sha256(b"tocsin fingerprint v2\x00" + msgspec.msgpack.encode(self.identity())).digest()

    def fingerprint(self) -> str:
        """Eight words that stand for name and keys (128 bits of their digest) and a check word, to be compared over a telephone."""
        return words.to_words(self.digest()[:FINGERPRINT_BYTES])

    def verify(self, context: bytes, data: bytes, signatures: wire.Signatures, *, both: bool) -> bool:
        """Whether these keys signed `context` ‖ 0x00 ‖ `data`; with `both`, by Ed25519 and ML-DSA-65, else by Ed25519 alone."""
        return verify(self.ed25519, self.mldsa65, context, data, signatures, both=both)

    def to_toml(self) -> str:
        """The card as text for a mail, a stick or a printed page."""
        lines = [f"# Tocsin partner card. Compare by telephone before adding it: {self.fingerprint()}"]
        values = [self.partner, self.name, iso(self.made), *map(_base64, (self.ed25519, self.mldsa65, self.kem)), self.relay]
        values += map(_base64, (self.signatures.ed25519, self.signatures.mldsa65))
        lines += [f"{field} = {_quoted(value)}" for field, value in zip(_FIRST, values, strict=True)]
        if not self.is_first_form:
            lines += [f"era = {self.era}", f"serial = {self.serial}", f"recovery = {_quoted(_base64(self.recovery))}"]
            lines += [f"relays = [{', '.join(map(_quoted, self.relays))}]"]
        return "\n".join(lines) + "\n"

    @staticmethod
    def from_toml(text: str) -> Card:
        """The card that `text` holds; raises `BadCard` unless it is whole and signed by the keys that it names."""
        if len(text) > MAX_BYTES:
            raise BadCard(f"a partner card has at most {MAX_BYTES:,} characters")
        try:
            found = tomllib.loads(text)
        except (tomllib.TOMLDecodeError, RecursionError):
            raise BadCard("this is no partner card: it is not TOML") from None
        if set(found) not in ({*_FIRST}, {*_FIRST, *_MORE}) or not all(isinstance(found[field], str) for field in _FIRST):
            raise BadCard("this is no partner card: it should have exactly " + ", ".join(_FIRST) + " and maybe " + ", ".join(_MORE))
        era, serial, relays = found.get("era", 0), found.get("serial", 0), found.get("relays", [])
        if not (_is_count(era) and _is_count(serial) and isinstance(relays, list) and all(isinstance(one, str) for one in relays)):
            raise BadCard("era and serial of a partner card are numbers from 0, relays a list of addresses")
        try:
            ed25519, mldsa65, kem, signed, signed_too, recovery = (
                base64.b64decode(text, validate=True)
                for text in (*(found[field] for field in (*_FIRST[3:6], *_FIRST[7:])), found.get("recovery", ""))
            )
        except (binascii.Error, TypeError, ValueError):
            raise BadCard("a key in this partner card is not base64") from None
        card = Card(
            found["partner"], found["name"], parse_iso(found["made"]), ed25519, mldsa65, kem, found["relay"],
            wire.Signatures(signed, signed_too), era, serial, recovery, tuple(relays),
        )  # fmt: skip
        card.check()
        return card

    def check(self) -> None:
        """Raises `BadCard` unless the card is well-formed and signed by its own keys."""
        if not wire.is_partner(self.partner):
            raise BadCard("a partner's name is 1 to 32 letters, digits and hyphens")
        if not 0 < len(self.name) <= 100 or not self.name.isprintable():
            raise BadCard("the name on a partner card has 1 to 100 printable characters")
        if len(self.recovery) not in {0, 32}:
            raise BadCard("a recovery digest has 32 bytes")
        if len(self.relays) > 8 or not all(map(_RELAY.fullmatch, self.relays)):
            raise BadCard("a partner card names at most 8 relays, as tls://host:4222")
        nkey.decode_user(self.relay)
        kem_public(self.kem)
        context, _, rest = self.signed_bytes().partition(b"\x00")
        if not self.verify(context, rest, self.signatures, both=True):
            raise BadCard("this partner card is not signed by the keys that it names: ask for it again")


class Following(Card, frozen=True):
    """A card for checking messages some of which may still bear the signatures of the card before it."""

    before: Card | None = None

    @staticmethod
    def of(card: Card, before: Card) -> Following:
        """`card`, with `before` valid beside it."""
        return Following(**msgspec.structs.asdict(card), before=before)

    def verify(self, context: bytes, data: bytes, signatures: wire.Signatures, *, both: bool) -> bool:
        """As `Card.verify`, by either card."""
        here = verify(self.ed25519, self.mldsa65, context, data, signatures, both=both)
        return here or (self.before is not None and self.before.verify(context, data, signatures, both=both))


def verify(ed25519: bytes, mldsa65: bytes, context: bytes, data: bytes, signatures: wire.Signatures, *, both: bool) -> bool:
    """Whether the holders of two raw public keys signed `context` ‖ 0x00 ‖ `data`, as `Card.verify`."""
    message = context + b"\x00" + data
    try:
        Ed25519PublicKey.from_public_bytes(ed25519).verify(signatures.ed25519, message)
        if both:
            MLDSA65PublicKey.from_public_bytes(mldsa65).verify(signatures.mldsa65, message)
    except (InvalidSignature, ValueError):
        return False
    return both or not signatures.mldsa65


def kem_public(data: bytes) -> MLKEM768X25519PublicKey:
    """An X-Wing public key out of its 1,216 bytes; raises `BadCard`."""
    try:
        if len(data) != KEM_BYTES:
            raise ValueError
        return MLKEM768X25519PublicKey(MLKEM768PublicKey.from_public_bytes(data[:1184]), X25519PublicKey.from_public_bytes(data[1184:]))
    except ValueError:
        raise BadCard("a KEM key is 1,216 bytes, ML-KEM-768 then X25519") from None


def _is_count(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value < wire.LAST


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode()


def _quoted(text: str) -> str:
    # A JSON string is a TOML basic string for every printable character.
    return msgspec.json.encode(text).decode()
