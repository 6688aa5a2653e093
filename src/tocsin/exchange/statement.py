"""A recipient's statement as a file: the record, and what its recipient signed of it, for anyone who has the recipient's card."""

from __future__ import annotations

import contextlib
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec

from tocsin.core import BadRecord, InputError, decode, read_json

from . import receipts
from .errors import BadProof

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from tocsin.core import Record
    from tocsin.core.times import Micros

    from .card import Card

FORMAT = "tocsin-receipt-1"
MAX_BYTES = 16_000_000


class Statement(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`record`: signed bytes; `delivered`: the recipient's signed receipt; `read`, `read_proof`: its record that a person read it.

    What there is none of is empty.
    """

    format: str
    partner: str
    record: bytes
    delivered: bytes = b""
    read: bytes = b""
    read_proof: bytes = b""

    def text(self) -> str:
        """The file's text."""
        return msgspec.json.encode(self).decode() + "\n"


class Part(NamedTuple):
    """One thing that was signed: by whose card, when (µs of the signer's protocol time), and by whom there (its node, or a person)."""

    card: Card
    at: Micros
    by: str


class Said(NamedTuple):
    """What a statement shows of `record`; None: it says nothing of that."""

    record: Record
    partner: str
    delivered: Part | None
    read: Part | None


def parse(data: bytes) -> Statement:
    """The statement in a file; raises `InputError`."""
    if len(data) > MAX_BYTES:
        raise InputError(f"a receipt's file has at most {MAX_BYTES:,} bytes")
    try:
        read_json(data, max_bytes=MAX_BYTES)
        found = msgspec.json.decode(data, type=Statement)
    except (BadRecord, msgspec.DecodeError, UnicodeDecodeError):
        raise InputError("this is no receipt's file") from None
    if found.format != FORMAT or not (found.delivered or found.read):
        raise InputError("this is no receipt's file of a form that this version knows")
    return found


def check(found: Statement, cards: Sequence[Card]) -> Said:
    """What a statement shows, by one of `cards`; raises `BadProof`, `InputError` if none of them is the recipient's."""
    mine = [card for card in cards if card.partner == found.partner]
    if not mine:
        raise InputError(f"give the card of {found.partner[:40]!r}, who signed it (--card FILE)")
    record = decode(found.record)
    return Said(
        record,
        found.partner,
        _first(mine, partial(_delivered, found)) if found.delivered else None,
        _first(mine, partial(_read, found, record.id)) if found.read else None,
    )


def _first(cards: Sequence[Card], check: Callable[[Card], Part]) -> Part:
    # A partner that rotated its keys in between signed one part by the old card and the other by the new.
    for card in cards[:-1]:
        with contextlib.suppress(BadProof):
            return check(card)
    return check(cards[-1])


def _delivered(found: Statement, card: Card) -> Part:
    return Part(card, receipts.check(found.delivered, card, found.record).at, "node")


def _read(found: Statement, record: str, card: Card) -> Part:
    at = receipts.check_read(record, found.read, found.read_proof, card)
    return Part(card, at, decode(found.read).author)


def shown(said: Said) -> dict[str, Any]:
    """The same as JSON values."""
    return {
        "partner": said.partner,
        "record": said.record.id,
        "origin": said.record.origin,
        "delivered": _shown(said.delivered),
        "read": _shown(said.read),
    }


def _shown(part: Part | None) -> dict[str, Any] | None:
    return {"at": part.at, "by": part.by, "fingerprint": part.card.fingerprint()} if part is not None else None
