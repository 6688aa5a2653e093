"""Sealing: epoch keys and their grants, envelopes, and the proofs that are kept with records. No I/O.

An envelope's own key comes out of the epoch key and 32 random bytes, so that neither a restored backup nor a
second process can repeat a nonce. What leaves is padded to size classes. Everything opened is checked
before anything in it is used.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from tocsin.core import InputError, TooLarge, decode
from tocsin.core.times import HOUR, Micros

from . import chain, merkle, wire
from .errors import BadCard, BadProof, BadWire, Refused
from .keys import hpke_wrap

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tocsin.core import Clock, Entropy

    from .card import Card
    from .keys import NodeKeys, Prekeys

HEADER, ROOT, GRANT, CONTROL = b"tocsin header v1", b"tocsin root v1", b"tocsin grant v1", b"tocsin control v1"
SMALLEST = 1024
LARGEST_AUDIENCES = 256  # epochs held at once, the least lately used goes first


@dataclass
class Epoch:
    """One audience's key for a while. It lives in memory alone; `granted` are the members that were sent it."""

    id: bytes
    key: bytes = field(repr=False)
    audience: frozenset[str]
    made_at: Micros
    until: Micros
    granted: set[str] = field(default_factory=set)

    def commitment(self) -> bytes:
        """SHA-256 that binds the key, the same for every member."""
        return commit(self.key)


def commit(key: bytes) -> bytes:
    """The commitment to an epoch key: SHA-256("tocsin epoch v1" ‖ 0x00 ‖ key)."""
    return hashlib.sha256(b"tocsin epoch v1\x00" + key).digest()


class Epochs:
    """The epochs that this node has begun since its start: one for each audience, anew after `rotate`."""

    def __init__(self, clock: Clock, entropy: Entropy, *, rotate: Micros = HOUR) -> None:
        self._clock, self._entropy, self._rotate = clock, entropy, rotate
        self._current: dict[frozenset[str], Epoch] = {}
        self._all: dict[bytes, Epoch] = {}

    def of(self, audience: frozenset[str]) -> Epoch:
        """The epoch to seal with for `audience` now."""
        now = self._clock.now()
        epoch = self._current.pop(audience, None)
        if epoch is None or now >= epoch.until:
            self._drop_old(now)
            epoch = Epoch(self._entropy.take(16), self._entropy.take(32), audience, now, now + self._rotate)
            self._all[epoch.id] = epoch
        self._current[audience] = epoch
        return epoch

    def get(self, id_: bytes) -> Epoch | None:
        """An epoch that was begun not long ago, for a member that asks again."""
        return self._all.get(id_)

    def end_all(self) -> None:
        """Forget every key: membership changed, and whatever is sealed next is sealed anew."""
        self._current.clear()
        self._all.clear()

    def _drop_old(self, now: Micros) -> None:
        for audience in list(self._current)[: max(0, len(self._current) - LARGEST_AUDIENCES + 1)]:
            self._all.pop(self._current.pop(audience).id, None)
        for past in [epoch for epoch in self._all.values() if now >= epoch.until + self._rotate]:
            del self._all[past.id]
            if self._current.get(past.audience) is past:
                del self._current[past.audience]


def make_grant(epoch: Epoch, sender: str, recipient: Card, prekey: wire.Prekey | None) -> wire.Grant:
    """The epoch's key for one member, wrapped to its prekey, or to its card's key where none is known."""
    public, id_ = (prekey.public, prekey.id) if prekey else (recipient.kem, b"")
    info = _grant_info(sender, recipient.partner, epoch.id, epoch.commitment())
    wrapped = hpke_wrap(epoch.key, public, info)
    return wire.Grant(epoch.id, epoch.commitment(), id_, wrapped, epoch.made_at, epoch.until)


def open_grant(grant: wire.Grant, sender: str, keys: NodeKeys, prekeys: Prekeys) -> bytes:
    """The epoch key in a grant whose signatures were checked; raises `Refused` (`prekey`, `grant`, `commitment`)."""
    pairs = [prekeys.get(grant.prekey)] if grant.prekey else keys.kems()
    if pairs == [None]:
        raise Refused("prekey")
    info = _grant_info(sender, keys.partner, grant.epoch, grant.commitment)
    key = next((key for pair in pairs if pair and (key := pair.open(grant.wrapped, info)) is not None), None)
    if key is None:
        raise Refused("grant")
    if len(key) != 32 or commit(key) != grant.commitment:
        raise Refused("commitment")
    return key


def _grant_info(sender: str, recipient: str, epoch: bytes, commitment: bytes) -> bytes:
    return b"\x00".join([GRANT, sender.encode(), recipient.encode(), epoch + commitment])


def seal(payload: wire.Payload, key: bytes, epoch: bytes, sender: str, salt: bytes) -> bytes:
    """An envelope's bytes. `key` and `epoch` are the epoch's, `salt` 32 fresh random bytes; raises `TooLarge`."""
    head = wire.write(wire.EnvelopeHead(wire.VERSION, sender, epoch, salt))
    own_key, nonce = _envelope_key(key, salt)
    return wire.write(wire.Envelope(head, AESGCM(own_key).encrypt(nonce, pad(wire.write(payload)), head)))


def read_head(envelope: wire.Envelope) -> wire.EnvelopeHead:
    """The clear part of an envelope; raises `BadWire`."""
    head = wire.read(envelope.head, wire.EnvelopeHead)
    if head.v != wire.VERSION or len(head.epoch) != 16 or len(head.salt) != 32:
        raise BadWire("envelope head")
    return head


def unseal(envelope: wire.Envelope, key: bytes) -> wire.Payload:
    """What an envelope holds, given its epoch's key; raises `Refused` (`altered`) or `BadWire`."""
    own_key, nonce = _envelope_key(key, read_head(envelope).salt)
    try:
        padded = AESGCM(own_key).decrypt(nonce, envelope.sealed, envelope.head)
    except (InvalidTag, ValueError):
        raise Refused("altered") from None
    return wire.read(unpad(padded), wire.Payload)


def _envelope_key(key: bytes, salt: bytes) -> tuple[bytes, bytes]:
    out = HKDF(SHA256(), 44, salt, b"tocsin envelope v1").derive(key)
    return out[:32], out[32:]


def pad(data: bytes) -> bytes:
    """`data` behind its length (4 bytes, big-endian), with zeros up to a size class: 2^k or 3·2^(k-1), at least 1,024."""
    if len(data) > wire.MAX_PAYLOAD:
        raise TooLarge("an envelope's payload", len(data), wire.MAX_PAYLOAD)
    size = SMALLEST
    while size < len(data) + 4:
        size = size * 3 // 2 if size & (size - 1) == 0 else size * 4 // 3
    return len(data).to_bytes(4, "big") + data + bytes(size - 4 - len(data))


def unpad(padded: bytes) -> bytes:
    """What `pad` was given; raises `BadWire`."""
    size = int.from_bytes(padded[:4], "big")
    if len(padded) < SMALLEST or size > len(padded) - 4 or padded.count(0, 4 + size) != len(padded) - 4 - size:
        raise BadWire("padding")
    return padded[4 : 4 + size]


def leaf_data(item: wire.Item) -> bytes:
    """What an item is as a Merkle leaf: signed bytes as they are; a marker is a text that no record can be."""
    return b"withdrawn\x00" + item.data if item.state else item.data


def sign_batch(keys: NodeKeys, klass: str, leaves: Sequence[bytes]) -> wire.Signatures:
    """The signatures over a batch's Merkle root: both kinds for records, Ed25519 for observations."""
    head = merkle.root([merkle.leaf_hash(leaf) for leaf in leaves])
    return keys.sign(ROOT, wire.write(wire.Root(keys.partner, klass, len(leaves), head)), both=klass == wire.RECORDS)


def payload_of(keys: NodeKeys, realm: str, items: tuple[wire.Item, ...], kinds: tuple[str, ...]) -> wire.Payload:
    """A payload of records, signed."""
    signatures = sign_batch(keys, wire.RECORDS, [leaf_data(item) for item in items])
    return wire.Payload(wire.RECORDS, realm, kinds, items, b"", signatures)


def payload_of_observations(keys: NodeKeys, realm: str, packed: bytes) -> wire.Payload:
    """A payload of one packed observation batch, signed."""
    return wire.Payload(wire.OBSERVATIONS, realm, (), (), packed, sign_batch(keys, wire.OBSERVATIONS, [packed]))


def check_batch(payload: wire.Payload, card: Card) -> list[bytes]:
    """Each record's proof bytes (none for observations) of a payload whose signatures hold; raises `Refused` (`malformed`, `signature`)."""
    records = payload.klass == wire.RECORDS
    if records:
        fits = 0 < len(payload.items) <= wire.MAX_ITEMS and len(payload.kinds) == len(payload.items) and not payload.packed
        fits = fits and all(item.state in {0, 1} and (not item.state or len(item.data) == 32) for item in payload.items)
    else:
        fits = payload.klass == wire.OBSERVATIONS and not payload.items and not payload.kinds and bool(payload.packed)
    if not fits:
        raise Refused("malformed")
    hashes = [merkle.leaf_hash(leaf_data(item)) for item in payload.items] if records else [merkle.leaf_hash(payload.packed)]
    head, paths = merkle.root_and_paths(hashes)
    signed = wire.write(wire.Root(card.partner, payload.klass, len(hashes), head))
    if not card.verify(ROOT, signed, payload.signatures, both=records):
        raise Refused("signature")
    if not records:
        return []
    return [
        wire.write(wire.Proof(wire.VERSION, card.partner, payload.klass, len(hashes), index, path, payload.signatures))
        for index, path in enumerate(paths)
    ]


def verify_proof(data: bytes, proof: bytes, card: Card) -> None:
    """Raises `BadProof` unless `card`'s partner signed the record whose signed bytes are `data`: nothing else is needed to know it."""
    try:
        card.check()
        found = wire.read(proof, wire.Proof)
    except (BadWire, BadCard):
        raise BadProof("the proof or the card cannot be read") from None
    head = merkle.root_from_path(merkle.leaf_hash(data), found.index, found.size, found.path)
    if found.v != wire.VERSION or found.klass != wire.RECORDS or head is None or found.sender != card.partner:
        raise BadProof("the proof is of another record or another sender")
    if not card.verify(ROOT, wire.write(wire.Root(found.sender, found.klass, found.size, head)), found.signatures, both=True):
        raise BadProof("the record was not signed as it stands by this sender")
    try:
        origin = decode(data).origin
    except InputError:
        raise BadProof("what was signed is no record") from None
    if origin != card.partner:
        raise BadProof("the record names another origin than its signer")


def make_packet(
    keys: NodeKeys,
    *,
    recipient: str,
    tag: str,
    klass: str,
    first: int,
    before: bytes,
    items: Sequence[bytes],
    envelope: bytes,
    sent_at: Micros,
    after: bytes | None = None,
) -> bytes:
    """One message: the recipient's signed header, and the envelope that it shares with the others of its audience.

    `after`: where `items` bring the chain from `before`, if the caller has worked it out already.
    """
    digest, after = hashlib.sha256(envelope).digest(), after or chain.run(before, items)
    header = wire.write(wire.Header(wire.VERSION, keys.partner, recipient, tag, klass, first, len(items), before, after, digest, sent_at))
    return wire.write(wire.Packet(header, keys.sign(HEADER, header, both=klass == wire.RECORDS), envelope))


def make_control(keys: NodeKeys, recipient: str, body: wire.Wire, sent_at: Micros) -> bytes:
    """One control message; grants bear both kinds of signature."""
    kind = wire.CONTROL_KINDS[type(body)]
    control = wire.write(wire.Control(wire.VERSION, keys.partner, recipient, sent_at, kind, wire.write(body)))
    return wire.write(wire.SignedControl(control, keys.sign(CONTROL, control, both=kind in wire.SIGNED_TWICE)))


def open_control(data: bytes, sender: Card, me: str) -> tuple[wire.Control, wire.Wire]:
    """A control message from `sender` to `me`, checked; raises `BadWire` or `Refused` (`sender`, `readdressed`, `signature`)."""
    outer = wire.read(data, wire.SignedControl)
    control = wire.read(outer.control, wire.Control)
    if control.v != wire.VERSION or (shape := wire.CONTROLS.get(control.kind)) is None:
        raise BadWire("control")
    if control.sender != sender.partner:
        raise Refused("sender")
    if control.recipient != me:
        raise Refused("readdressed")
    if not sender.verify(CONTROL, outer.control, outer.signatures, both=control.kind in wire.SIGNED_TWICE):
        raise Refused("signature")
    body = wire.read(control.body, shape)
    if not wire.sane(body):
        raise BadWire("control")
    return control, body


def open_packet(data: bytes, sender: Card, me: str, tag: str, klass: str) -> tuple[wire.Header, wire.Envelope]:
    """A message's header and its envelope, still sealed, checked as far as that goes without a key.

    Raises `BadWire` or `Refused` (`sender`, `readdressed`, `signature`, `altered`).
    """
    packet = wire.read(data, wire.Packet)
    header = wire.read(packet.header, wire.Header)
    if header.v != wire.VERSION or not 0 < header.count <= wire.MAX_ITEMS or not 0 <= header.first < wire.LAST:
        raise BadWire("header")
    if len(header.before) != 32 or len(header.after) != 32 or (klass == wire.OBSERVATIONS and header.count != 1):
        raise BadWire("header")
    if header.sender != sender.partner:
        raise Refused("sender")
    if (header.recipient, header.tag, header.klass) != (me, tag, klass):
        raise Refused("readdressed")
    if not sender.verify(HEADER, packet.header, packet.signatures, both=klass == wire.RECORDS):
        raise Refused("signature")
    if hashlib.sha256(packet.envelope).digest() != header.digest:
        raise Refused("altered")
    envelope = wire.read(packet.envelope, wire.Envelope)
    if read_head(envelope).sender != sender.partner:
        raise Refused("sender")
    return header, envelope
