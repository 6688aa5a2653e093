"""How one card follows another without people: by the signature of the keys before it, or of the recovery key. Pure.

A rotation is signed by the keys that it ends and cannot touch the recovery digest; a recovery is signed by the recovery
key, ends every card before it and names the next recovery key. So a thief of a node's keys can be put out again, and a
card that claims a partner's name with other keys and no such signature is nobody's.
"""

from __future__ import annotations

import base64
import hashlib
from typing import TYPE_CHECKING

from tocsin.core import InputError

from . import card as cards
from . import recovery, wire
from .card import Card
from .errors import BadCard, BadWire, Refused

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .keys import NodeKeys
    from .recovery import RecoveryKey

SUCCESSION = b"tocsin succession v1"
ROTATED, RECOVERED = "rotated", "recovered"


def rotate(old: NodeKeys, before: Card, after: Card) -> wire.Link:
    """The link from `before` to `after`, signed by the keys of `before`."""
    signatures = old.sign(SUCCESSION, _signed(ROTATED, before.digest(), after), both=True)
    return wire.Link(wire.VERSION, ROTATED, after.to_toml(), b"", signatures)


def recover(key: RecoveryKey, after: Card) -> wire.Link:
    """The link to `after` from whatever card named this recovery key."""
    return wire.Link(wire.VERSION, RECOVERED, after.to_toml(), key.public(), key.sign(SUCCESSION, _signed(RECOVERED, wire.ZERO, after)))


def follow(held: Card, links: Sequence[wire.Link]) -> Card:
    """The newest card that `links` lead to from the one that is held; raises `Refused` (`succession`) if they do not lead from it."""
    card = held
    for link in links:
        try:
            after = Card.from_toml(link.card)
        except InputError:
            raise Refused("succession") from None
        if after.partner != held.partner or link.v != wire.VERSION:
            raise Refused("succession")
        if after.place == card.place and after.digest() == card.digest():
            continue
        if after.place <= held.place and card is held:
            # Links to what was before the card that is held.
            continue
        if not _holds(card, after, link):
            raise Refused("succession")
        card = after
    return card


def chain_to_text(links: Sequence[wire.Link]) -> str:
    """Links as text for a mail or a stick."""
    return (
        "# Tocsin chain of cards: it proves itself, nothing in it is secret\n"
        + base64.b64encode(wire.write(wire.Succession(tuple(links)))).decode()
    )


def chain_from_text(text: str) -> tuple[wire.Link, ...]:
    """The links that `chain_to_text` wrote; raises `BadCard`."""
    lines = "".join(line.strip() for line in text.splitlines() if not line.startswith("#"))
    try:
        found = wire.read(base64.b64decode(lines, validate=True), wire.Succession)
    except (ValueError, BadWire):
        raise BadCard("this is no chain of cards: ask for it again") from None
    if not wire.sane(found):
        raise BadCard("this chain of cards is empty or too long")
    return found.links


def _holds(before: Card, after: Card, link: wire.Link) -> bool:
    if link.kind == ROTATED:
        follows = after.place == (before.era, before.serial + 1) and before.recovery in {b"", after.recovery}
        return follows and before.verify(SUCCESSION, _signed(ROTATED, before.digest(), after), link.signatures, both=True)
    if link.kind != RECOVERED or after.era <= before.era or after.serial or not before.recovery:
        return False
    if recovery.digest_of(link.recovery) != before.recovery or after.recovery == before.recovery:
        return False
    keys = recovery.halves(link.recovery)
    return cards.verify(*keys, SUCCESSION, _signed(RECOVERED, wire.ZERO, after), link.signatures, both=True)


def _signed(kind: str, before: bytes, after: Card) -> bytes:
    return wire.write(wire.Linked(after.partner, kind, before, hashlib.sha256(after.signed_bytes()).digest()))
