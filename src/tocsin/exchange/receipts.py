"""Signed receipts: what a partner says, under its signature, that it keeps. Its sender keeps that, and anyone can check it.

A receipt names records by the SHA-256 of their signed bytes, and only those that are on the recipient's disk, so that it shows
neither more nor less than it says, whatever the chain's numbers are. One serves a whole run of envelopes.
"""

from __future__ import annotations

import hashlib
from collections import Counter, deque
from typing import TYPE_CHECKING, NamedTuple

from sqlalchemy import insert, select

from tocsin.core import body_of, decode
from tocsin.core.times import SECOND, Micros

from . import seal, store, wire
from .errors import BadProof, BadWire, Refused
from .tables import outbox, signed_receipts

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from sqlalchemy import Connection

    from tocsin.journal import Journal

    from .card import Card

MOST_OWED = 50_000  # digests that wait to be told; past it the oldest are dropped, and told when asked for
MOST_CREDIT = 200_000  # digests that a partner may still tell of
AT_ONCE = 500  # rows that are looked through at a time
SPARE = SECOND  # between two answers to one partner's questions


class Owed:
    """What was taken in from one partner and has not been told to it under a signature."""

    def __init__(self) -> None:
        self._digests: deque[bytes] = deque(maxlen=MOST_OWED)

    def __bool__(self) -> bool:
        return bool(self._digests)

    def add(self, digests: Iterable[bytes]) -> None:
        """These are on disk."""
        self._digests.extend(digests)

    def take(self) -> tuple[bytes, ...]:
        """The oldest of them, as many as one receipt holds."""
        return tuple(self._digests.popleft() for _ in range(min(len(self._digests), wire.MAX_HELD)))

    def put_back(self, digests: Sequence[bytes]) -> None:
        """These could not be told."""
        self._digests.extendleft(reversed(digests[: MOST_OWED - len(self._digests)]))

    def some(self) -> tuple[bytes, ...]:
        """As `take`, but they stay: for a file, which may never arrive."""
        return tuple(self._digests)[: wire.MAX_HELD]


class Credit:
    """How much partners may still say of what was sent to them, so that nobody fills this node's disk with receipts."""

    def __init__(self) -> None:
        self._left: Counter[str] = Counter()

    def grow(self, partner: str, by: int) -> None:
        """So many records more were closed, or asked for."""
        self._left[partner] = min(MOST_CREDIT, self._left[partner] + by)

    def spend(self, partner: str, held: int) -> bool:
        """Whether a receipt of so many records is to be kept."""
        if not 0 < held <= self._left[partner]:
            return False
        self._left[partner] -= held
        return True


class Questions:
    """The recipient's side of a sender's question after receipts it never got."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal
        self._answered: dict[str, Micros] = {}

    def answer(self, partner: str, asked: wire.AskReceipt, now: Micros) -> tuple[bytes, ...]:
        """The digests of those records of `partner`'s own that are kept here; nothing within a second of the last answer."""
        if now - self._answered.get(partner, now - SPARE) < SPARE:
            return ()
        self._answered[partner] = now
        found = (self._journal.get(record) for record in asked.records)
        return tuple(hashlib.sha256(kept.data).digest() for kept in found if kept is not None and kept.record.origin == partner)


class Shown(NamedTuple):
    """A receipt that holds: when its partner signed it (µs of its protocol time), and the message that it stands in."""

    partner: str
    at: Micros
    message: bytes


def keep(connection: Connection, partner: str, message: bytes, now: Micros) -> None:
    """Keep a receipt as it came, once."""
    digest = hashlib.sha256(message).digest()
    held = (signed_receipts.c.partner == partner) & (signed_receipts.c.at == now) & (signed_receipts.c.digest == digest)
    if connection.execute(select(signed_receipts.c.at).where(held)).first() is None:
        connection.execute(insert(signed_receipts), [{"partner": partner, "at": now, "digest": digest, "message": message}])


def find(journal: Journal, partner: str, record: str, data: bytes) -> bytes | None:
    """The first receipt that `partner` gave for the record with the signed bytes `data`; None if none was kept."""
    rows = journal.read_rows(select(outbox.c.offered_at).where(outbox.c.record_id == record, outbox.c.partner == partner))
    if not rows:
        return None
    digest = hashlib.sha256(data).digest()
    where, place = signed_receipts.c.partner == partner, (signed_receipts.c.at, signed_receipts.c.digest)
    at, last = rows[0].offered_at or 0, b""
    while rows := journal.read_rows(
        select(signed_receipts).where(where, (place[0] > at) | ((place[0] == at) & (place[1] > last))).order_by(*place).limit(AT_ONCE)
    ):
        for row in rows:
            if digest in row.message:
                return bytes(row.message)
        at, last = rows[-1].at, rows[-1].digest
    return None


def sent_at(message: bytes) -> Micros:
    """When a receipt says that it was signed, unchecked; raises `BadProof`."""
    try:
        return wire.read(wire.read(message, wire.SignedControl).control, wire.Control).sent_at
    except BadWire:
        raise BadProof("this is no receipt") from None


def check(message: bytes, card: Card, data: bytes) -> Shown:
    """What a receipt shows of the record with the signed bytes `data`.

    Raises `BadProof` unless `card`'s partner signed, for the record's origin, that it keeps it.
    """
    try:
        control = wire.read(wire.read(message, wire.SignedControl).control, wire.Control)
        if control.kind != wire.CONTROL_KINDS[wire.Receipt]:
            raise BadProof("this is no receipt")
        _, body = seal.open_control(message, card, control.recipient)
        origin = decode(data).origin
    except BadWire:
        raise BadProof("this is no receipt") from None
    except Refused as refusal:
        whose = "another partner's" if refusal.reason == "sender" else "not signed by this partner's keys, or altered"
        raise BadProof(f"the receipt is {whose}") from None
    if control.recipient != origin:
        raise BadProof("the receipt was given to another than the record's origin")
    if not isinstance(body, wire.Receipt) or hashlib.sha256(data).digest() not in body.held:
        raise BadProof("the receipt is of other records")
    return Shown(card.partner, control.sent_at, message)


def check_read(record: str, data: bytes, proof: bytes, card: Card) -> Micros:
    """When a person of a partner's says to have read `record`; raises `BadProof` unless its signed record says so."""
    seal.verify_proof(data, proof, card)
    said = decode(data)
    rel = store.RECEIPTS.get(said.kind)
    body = body_of(said)
    if rel is None or body is None or body.state == "recalled" or not any(ref.rel == rel and ref.id == record for ref in said.refs):
        raise BadProof("what was signed does not say that this record was read")
    return said.protocol_time
