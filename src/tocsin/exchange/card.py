"""Partner cards: who a partner is, as text that is carried by hand and compared over a telephone."""

from __future__ import annotations

import base64
import binascii
import hashlib
import tomllib

import msgspec
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA65PublicKey
from cryptography.hazmat.primitives.asymmetric.mlkem import MLKEM768PublicKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PublicKey
from cryptography.hazmat.primitives.hpke import MLKEM768X25519PublicKey

from tocsin.core import iso, parse_iso
from tocsin.core.times import Micros

from . import nkey, wire
from .errors import BadCard

MAX_BYTES = 32_768
KEM_BYTES = 1184 + 32
_FIELDS = ("partner", "name", "made", "ed25519", "mldsa65", "kem", "relay", "signed_ed25519", "signed_mldsa65")
_CONTEXT = b"tocsin card v1\x00"


class Card(msgspec.Struct, frozen=True):
    """A partner's public keys, signed by themselves.

    `kem` is an X-Wing public key (ML-KEM-768 ‖ X25519, 1,216 bytes), `relay` the name of its user at a relay, `made` when
    the card was made, in µs of protocol time.
    """

    partner: str
    name: str
    made: Micros
    ed25519: bytes
    mldsa65: bytes
    kem: bytes
    relay: str
    signatures: wire.Signatures = wire.Signatures(b"")

    def signed_bytes(self) -> bytes:
        """What the card's own signatures cover."""
        return _CONTEXT + msgspec.msgpack.encode([self.partner, self.name, self.made, self.ed25519, self.mldsa65, self.kem, self.relay])

    def identity(self) -> tuple[str, bytes, bytes, bytes, str]:
        """What does not change when a card is written out again: the partner's name to the protocol, and its keys."""
        return self.partner, self.ed25519, self.mldsa65, self.kem, self.relay

    def fingerprint(self) -> str:
        """Forty decimal digits in groups of five (133 bits of SHA-256 over name and keys), to be compared over a telephone."""
        number = (
            int.from_bytes(hashlib.sha256(b"tocsin fingerprint v1\x00" + msgspec.msgpack.encode(self.identity())).digest(), "big") % 10**40
        )
        digits = f"{number:040d}"
        return " ".join(digits[i : i + 5] for i in range(0, 40, 5))

    def verify(self, context: bytes, data: bytes, signatures: wire.Signatures, *, both: bool) -> bool:
        """Whether these keys signed `context` ‖ 0x00 ‖ `data`; with `both`, by Ed25519 and ML-DSA-65, else by Ed25519 alone."""
        message = context + b"\x00" + data
        try:
            Ed25519PublicKey.from_public_bytes(self.ed25519).verify(signatures.ed25519, message)
            if both:
                MLDSA65PublicKey.from_public_bytes(self.mldsa65).verify(signatures.mldsa65, message)
        except (InvalidSignature, ValueError):
            return False
        return both or not signatures.mldsa65

    def to_toml(self) -> str:
        """The card as text for a mail, a stick or a printed page."""
        lines = [f"# Tocsin partner card. Compare by telephone before adding it: {self.fingerprint()}"]
        values = [self.partner, self.name, iso(self.made), *map(_base64, (self.ed25519, self.mldsa65, self.kem)), self.relay]
        values += map(_base64, (self.signatures.ed25519, self.signatures.mldsa65))
        lines += [f"{field} = {_quoted(value)}" for field, value in zip(_FIELDS, values, strict=True)]
        return "\n".join(lines) + "\n"

    @staticmethod
    def from_toml(text: str) -> Card:
        """The card that `text` holds; raises `BadCard` unless it is whole and signed by the keys that it names."""
        if len(text) > MAX_BYTES:
            raise BadCard(f"a partner card has at most {MAX_BYTES:,} characters")
        try:
            found = tomllib.loads(text)
        except tomllib.TOMLDecodeError:
            raise BadCard("this is no partner card: it is not TOML") from None
        if set(found) != set(_FIELDS) or not all(isinstance(value, str) for value in found.values()):
            raise BadCard("this is no partner card: it should have exactly " + ", ".join(_FIELDS))
        try:
            ed25519, mldsa65, kem, signed, signed_too = (
                base64.b64decode(found[field], validate=True) for field in ("ed25519", "mldsa65", "kem", "signed_ed25519", "signed_mldsa65")
            )
        except binascii.Error:
            raise BadCard("a key in this partner card is not base64") from None
        signatures = wire.Signatures(signed, signed_too)
        card = Card(found["partner"], found["name"], parse_iso(found["made"]), ed25519, mldsa65, kem, found["relay"], signatures)
        card.check()
        return card

    def check(self) -> None:
        """Raises `BadCard` unless the card is well-formed and signed by its own keys."""
        if not wire.is_partner(self.partner):
            raise BadCard("a partner's name is 1 to 32 letters, digits and hyphens")
        if not 0 < len(self.name) <= 100 or not self.name.isprintable():
            raise BadCard("the name on a partner card has 1 to 100 printable characters")
        nkey.decode_user(self.relay)
        kem_public(self.kem)
        if not self.verify(_CONTEXT[:-1], self.signed_bytes()[len(_CONTEXT) :], self.signatures, both=True):
            raise BadCard("this partner card is not signed by the keys that it names: ask for it again")


def kem_public(data: bytes) -> MLKEM768X25519PublicKey:
    """An X-Wing public key out of its 1,216 bytes; raises `BadCard`."""
    try:
        if len(data) != KEM_BYTES:
            raise ValueError
        return MLKEM768X25519PublicKey(MLKEM768PublicKey.from_public_bytes(data[:1184]), X25519PublicKey.from_public_bytes(data[1184:]))
    except ValueError:
        raise BadCard("a KEM key is 1,216 bytes, ML-KEM-768 then X25519") from None


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode()


def _quoted(text: str) -> str:
    # A JSON string is a TOML basic string for every printable character.
    return msgspec.json.encode(text).decode()
