"""What travels: every structure of the protocol, as canonical MessagePack arrays.

A signed structure travels as the very bytes that were signed. `read` takes only the bytes that `write`
would give for what they hold, so that one structure has one encoding, and refuses extra or missing fields.
`docs/protocol.md` says the same for implementers in other languages.
"""

from __future__ import annotations

import re
from typing import Any, TypeVar, cast

import msgspec

from .errors import BadWire

VERSION = 1
MAX_PACKET = 3_500_000  # bytes of one message at the relay, whose max_payload is 4 MB
MAX_PAYLOAD = 3_000_000  # bytes before padding
MAX_URGENT = 262_144  # bytes of a packet that is shown ahead of its turn
MAX_ITEMS = 500  # records in one envelope
MAX_LIST = 256  # entries of a list in a control message
MAX_HELD = 1024  # records that one receipt names
MAX_QUESTIONS = 64  # records whose receipts are asked for at once
MAX_LINKS = 64  # links of one succession
MAX_TEST = 4096  # bytes of a trial's envelope
MAX_ORIGIN, MAX_NOTE, MAX_LINE = 120, 4096, 512  # characters and bytes of a log's name, a checkpoint and a cosignature
LAST = 2**53  # numbers in chains stay below it
RECORDS, OBSERVATIONS, CONTROL = "records", "observations", "control"
TEST = "test"  # the class of a trial's payload
CLASSES = (RECORDS, OBSERVATIONS, CONTROL)
NO_TAG = "0"  # the realm tag of control messages, which belong to no realm
ZERO = bytes(32)  # the chain before its first item
_PARTNER = re.compile(r"[A-Za-z0-9][A-Za-z0-9-]{0,31}")
_TAG = re.compile(r"0|[a-z2-7]{16}")

S = TypeVar("S", bound=msgspec.Struct)
_ENCODER = msgspec.msgpack.Encoder()


class Wire(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """Base of all structures: an array of its fields in the order in which they stand here."""


class Signatures(Wire, frozen=True):
    """An Ed25519 signature, and an ML-DSA-65 one where the protocol asks for both (else empty)."""

    ed25519: bytes
    mldsa65: bytes = b""


class Header(Wire, frozen=True):
    """What one recipient needs to place an envelope in its chain; the relay sees it, the recipient checks its signature.

    `first` is the sequence number of the first item, from 0; `before` and `after` the chain's hashes around the items;
    `digest` is SHA-256 of the envelope; `sent_at` the sender's protocol time in µs, growing within a chain.
    """

    v: int
    sender: str
    recipient: str
    tag: str
    klass: str
    first: int
    count: int
    before: bytes
    after: bytes
    digest: bytes
    sent_at: int


class Packet(Wire, frozen=True):
    """One message of class records or observations: a recipient's header, its signatures, and the envelope."""

    header: bytes
    signatures: Signatures
    envelope: bytes


class EnvelopeHead(Wire, frozen=True):
    """The clear part of an envelope. `salt` is 32 random bytes from which, with the epoch key, its own key comes."""

    v: int
    sender: str
    epoch: bytes
    salt: bytes


class Envelope(Wire, frozen=True):
    """A sealed batch: `sealed` is AES-256-GCM over the padded payload with the head's bytes as associated data."""

    head: bytes
    sealed: bytes


class Item(Wire, frozen=True):
    """One place in a chain of records. `state` 0: `data` is a record's signed bytes; 1: withdrawn, `data` is their SHA-256."""

    state: int
    data: bytes


class Payload(Wire, frozen=True):
    """What an envelope holds. Records: `items` with the `kinds` of each ("" where withdrawn). Observations: one `packed` batch."""

    klass: str
    realm: str
    kinds: tuple[str, ...]
    items: tuple[Item, ...]
    packed: bytes
    signatures: Signatures


class Root(Wire, frozen=True):
    """What a batch's signatures cover."""

    sender: str
    klass: str
    size: int
    root: bytes


class Proof(Wire, frozen=True):
    """What is kept with one record so that it verifies alone: its place in the batch, its path, the batch's signatures."""

    v: int
    sender: str
    klass: str
    size: int
    index: int
    path: tuple[bytes, ...]
    signatures: Signatures


class Grant(Wire, frozen=True):
    """An epoch key for one member: wrapped by HPKE to `prekey` (empty: its card's key), with the commitment that all members get."""

    epoch: bytes
    commitment: bytes
    prekey: bytes
    wrapped: bytes
    made_at: int
    until: int


class Prekey(Wire, frozen=True):
    """A short-lived X-Wing public key (ML-KEM-768 ‖ X25519, 1,216 bytes), to be used until `until`."""

    id: bytes
    public: bytes
    until: int


class Head(Wire, frozen=True):
    """How far a chain has come: `next` is the number of the next item, `hash` the chain's hash before it."""

    tag: str
    klass: str
    next: int
    hash: bytes


class Have(Wire, frozen=True):
    """A receipt: the recipient holds everything before `next`; `refused` are the latest numbers that it would not keep."""

    tag: str
    next: int
    hash: bytes
    refused: tuple[int, ...] = ()


class Heartbeat(Wire, frozen=True):
    """Every few seconds: the sender's chains for this recipient, what it holds of the recipient's, and its current prekey."""

    heads: tuple[Head, ...]
    have: tuple[Have, ...]
    prekey: Prekey


class Receipt(Wire, frozen=True):
    """What was taken in and is on disk. `held`: SHA-256 of the signed bytes of records that the sender of this keeps, each told once."""

    have: tuple[Have, ...]
    held: tuple[bytes, ...] = ()


class AskReceipt(Wire, frozen=True):
    """Which of these records, by id, does the recipient of this keep? The answer is a receipt."""

    records: tuple[str, ...]


class AskGrant(Wire, frozen=True):
    """The recipient of an envelope does not hold its epoch's key; `prekey` is where to wrap it."""

    epoch: bytes
    prekey: Prekey


class NoGrant(Wire, frozen=True):
    """The sender no longer has that epoch's key, or the asker is not among its members: ask for the range instead."""

    epoch: bytes


class AskRange(Wire, frozen=True):
    """Send items `first` to `last` of a chain again, sealed afresh, as today's labels allow."""

    tag: str
    klass: str
    first: int
    last: int


class Gone(Wire, frozen=True):
    """Observation batches `first` to `last` are no longer held by their sender."""

    tag: str
    first: int
    last: int


class Linked(Wire, frozen=True):
    """What a link's signatures cover: the digest of the card that it ends (zeros for a recovery), and of the new one's signed bytes."""

    partner: str
    kind: str
    before: bytes
    after: bytes


class Link(Wire, frozen=True):
    """How a card (as text) follows another. `kind`: rotated (signed by the keys before) or recovered (by the `recovery` keys)."""

    v: int
    kind: str
    card: str
    recovery: bytes
    signatures: Signatures


class Succession(Wire, frozen=True):
    """The sender's cards since its first, or the latest of them; the message itself is signed by the newest."""

    links: tuple[Link, ...]


class Known(Wire, frozen=True):
    """The digest of the card that the sender of this holds for its recipient."""

    card: bytes


class Ping(Wire, frozen=True):
    """A trial of the whole way: a grant, and a sealed envelope of class `test` whose content is to be sent back."""

    nonce: bytes
    grant: Grant
    envelope: bytes


class Pong(Wire, frozen=True):
    """The answer: which card is held for the asker, what came of its grant and envelope ("" or the check that said no), and the echo."""

    nonce: bytes
    card: bytes
    opened: str
    envelope: bytes


class Urgent(Wire, frozen=True):
    """A packet of a chain of records ahead of its turn, because what it holds cannot wait; it comes in its turn as well."""

    packet: bytes


class AskWitness(Wire, frozen=True):
    """A checkpoint of one of the sender's logs, for the recipient to cosign: `proof` leads from the tree of `old` leaves to it.

    An empty `note` asks what the recipient saw last.
    """

    origin: str
    old: int
    proof: tuple[bytes, ...]
    note: bytes


class Witnessed(Wire, frozen=True):
    """The answer: `status` as C2SP tlog-witness has it, `size` and `note` what was seen last, `line` the cosignature if there is one."""

    origin: str
    status: int
    size: int
    note: bytes
    line: bytes


class Control(Wire, frozen=True):
    """A control message's signed bytes. `kind` names what `body` holds; `sent_at` grows strictly per sender and recipient."""

    v: int
    sender: str
    recipient: str
    sent_at: int
    kind: str
    body: bytes


class SignedControl(Wire, frozen=True):
    """One message of class control."""

    control: bytes
    signatures: Signatures


CONTROLS: dict[str, type[Wire]] = {
    "heartbeat": Heartbeat,
    "receipt": Receipt,
    "ask-receipt": AskReceipt,
    "grant": Grant,
    "ask-grant": AskGrant,
    "no-grant": NoGrant,
    "ask-range": AskRange,
    "gone": Gone,
    "succession": Succession,
    "known": Known,
    "ping": Ping,
    "pong": Pong,
    "urgent": Urgent,
    "ask-witness": AskWitness,
    "witnessed": Witnessed,
}
SIGNED_TWICE = frozenset({"grant", "succession", "known", "ping", "pong"})  # control messages that bear both kinds of signature
CONTROL_KINDS = {shape: kind for kind, shape in CONTROLS.items()}
_DECODERS: dict[Any, msgspec.msgpack.Decoder[Any]] = {
    shape: msgspec.msgpack.Decoder(shape)
    for shape in (Header, Packet, EnvelopeHead, Envelope, Payload, Root, Proof, Control, SignedControl, Linked, *CONTROLS.values())
}


def write(value: Wire) -> bytes:
    """The one encoding of `value`."""
    return _ENCODER.encode(value)


def read(data: bytes, shape: type[S], *, cap: int = MAX_PACKET) -> S:
    """The structure that `data` is the one encoding of; raises `BadWire`."""
    name = shape.__name__.lower()
    if len(data) > cap:
        raise BadWire(f"{name} of {len(data):,} bytes")
    try:
        value = decoder_of(shape).decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise BadWire(name) from None
    if _ENCODER.encode(value) != data:
        raise BadWire(name)
    return value


def decoder_of(shape: type[S]) -> msgspec.msgpack.Decoder[S]:
    """The decoder of a structure, this module's or another's."""
    if (found := _DECODERS.get(shape)) is None:
        found = _DECODERS[shape] = msgspec.msgpack.Decoder(shape)
    return cast("msgspec.msgpack.Decoder[S]", found)


def sane(body: Wire) -> bool:
    """Whether a control message's figures are such as can be: numbers from 0 to 2^53, lists and keys of the right size."""
    match body:
        case Heartbeat(heads, have, prekey):
            return len(heads) <= MAX_LIST and all(map(_sane_head, heads)) and sane(Receipt(have)) and _sane_prekey(prekey)
        case Receipt(have, held):
            digests = len(held) <= MAX_HELD and all(len(one) == 32 for one in held)
            return digests and len(have) <= MAX_LIST and all(map(_sane_have, have))
        case AskReceipt(records):
            return 0 < len(records) <= MAX_QUESTIONS and all(0 < len(one) <= 80 for one in records)
        case AskGrant(epoch, prekey):
            return len(epoch) == 16 and _sane_prekey(prekey)
        case Grant(epoch, commitment, prekey):
            return len(epoch) == 16 and len(commitment) == 32 and len(prekey) in {0, 8}
        case NoGrant(epoch):
            return len(epoch) == 16
        case AskRange(tag, klass, first, last):
            return is_tag(tag) and klass in {RECORDS, OBSERVATIONS} and 0 <= first <= last < LAST
        case Gone(tag, first, last):
            return is_tag(tag) and 0 <= first <= last < LAST
        case Succession(links):
            return 0 < len(links) <= MAX_LINKS
        case Known(card):
            return len(card) == 32
        case Ping(nonce, grant, envelope):
            return len(nonce) == 16 and sane(grant) and len(envelope) <= MAX_TEST
        case Pong(nonce, card, opened, envelope):
            return len(nonce) == 16 and len(card) == 32 and len(opened) <= 40 and len(envelope) <= MAX_TEST
    return _sane_witnessing(body)


def _sane_witnessing(body: Wire) -> bool:
    match body:
        case Urgent(packet):
            return 0 < len(packet) <= MAX_URGENT
        case AskWitness(origin, old, proof, note):
            hashes = len(proof) < 64 and all(len(one) == 32 for one in proof)
            return len(origin) <= MAX_ORIGIN and 0 <= old < LAST and hashes and len(note) <= MAX_NOTE
        case Witnessed(origin, status, size, note, line):
            known = status in {200, 400, 403, 404, 409, 422}
            return len(origin) <= MAX_ORIGIN and known and 0 <= size < LAST and len(note) <= MAX_NOTE and len(line) <= MAX_LINE
    return False


def _sane_head(head: Head) -> bool:
    return is_tag(head.tag) and head.klass in {RECORDS, OBSERVATIONS} and 0 <= head.next < LAST and len(head.hash) == 32


def _sane_have(have: Have) -> bool:
    return is_tag(have.tag) and 0 <= have.next < LAST and len(have.hash) == 32 and len(have.refused) <= MAX_LIST


def _sane_prekey(prekey: Prekey) -> bool:
    return len(prekey.id) == 8 and len(prekey.public) == 1216


def is_partner(text: str) -> bool:
    """Whether `text` can name a partner: 1 to 32 letters, digits and hyphens, so that it can stand in a subject."""
    return _PARTNER.fullmatch(text) is not None


def is_tag(text: str) -> bool:
    """Whether `text` can be a realm tag: 16 letters and digits of lower-case base32, or `0`."""
    return _TAG.fullmatch(text) is not None


def subject(recipient: str, sender: str, tag: str, klass: str) -> str:
    """The subject under which `sender` leaves a message of `klass` for `recipient`."""
    return f"in.{recipient}.{sender}.{tag}.{klass}"


def stream_name(recipient: str, sender: str, klass: str) -> str:
    """The relay's stream for one pair and class; partners' names hold no underscore, so no two pairs share a name."""
    return f"IN_{recipient}_{sender}_{klass}"
