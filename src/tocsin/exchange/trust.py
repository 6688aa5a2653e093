"""Whose keys stand now: telling partners of new ones, following theirs, and answering a trial of the whole way."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from tocsin.core.times import SECOND, Micros

from . import seal, succession, wire
from .card import Following
from .errors import BadWire, Refused

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from .card import Card
    from .context import Context
    from .incoming import Inbox
    from .model import Partner
    from .outgoing import Grants

SPARE = SECOND  # between two answers to trials that failed, per partner


class Trust:
    """One node's side of it, towards every partner."""

    def __init__(self, context: Context, inboxes: Mapping[str, Inbox], grants: Grants, wake: Callable[[str], None]) -> None:
        self._context, self._inboxes, self._grants, self._wake = context, inboxes, grants, wake
        self._entropy = context.entropy.child("trials")
        self._excused: dict[str, Micros] = {}
        self.trials: dict[bytes, Trial] = {}

    def signer(self, partner: Partner) -> Card:
        """The card by which a partner's messages are checked: for a while after a rotation also the one before."""
        former = self._context.book.former(partner.id, self._context.settings.card_grace)
        return Following.of(partner.card, former) if former else partner.card

    async def introduce(self, partner: str) -> bool:
        """Send a partner this node's chain of cards, if it is not known to hold the newest; whether there was need."""
        if not self._context.untold(partner):
            return False
        await self._context.control(partner, wire.Succession(self._context.keys.links), introducing=True)
        return True

    async def open(self, data: bytes, partner: Partner) -> tuple[wire.Control, wire.Wire]:
        """A control message, checked; where it is a succession, by the card that it leads to. Raises `BadWire`, `Refused`."""
        if (links := links_of(data)) is None:
            return seal.open_control(data, self.signer(partner), self._context.me)
        return seal.open_control(data, succession.follow(partner.card, links), self._context.me)

    async def heed(self, partner: Partner, body: wire.Wire, sent_at: Micros) -> None:
        """A checked message of those that are about trust."""
        match body:
            case wire.Succession():
                await self.follow(partner, body)
            case wire.Known():
                await self.known(partner, body)
            case wire.Ping():
                await self.pinged(partner, body)
            case wire.Pong():
                self.ponged(partner, body, sent_at)

    async def follow(self, partner: Partner, body: wire.Succession) -> None:
        """Pin the card that a checked succession leads to, and say which card is held now."""
        context = self._context
        before = partner.card.era
        card = await context.book.follow(partner.id, body.links)
        if card.digest() != partner.card.digest():
            if card.era != before:
                # Whoever announced the prekeys of before may be the reason for the recovery.
                self._grants.prekeys.pop(partner.id, None)
            context.counts["cards_followed"] += 1
            await context.changed("partners")
        await context.control(partner.id, wire.Known(card.digest()))

    async def known(self, partner: Partner, body: wire.Known) -> None:
        """A partner says which of this node's cards it holds: what waited for that may go."""
        await self._context.book.was_told(partner.id, body.card)
        if not self._context.untold(partner.id):
            self._wake(partner.id)

    # Trials

    def begin(self, partner: Partner) -> Trial:
        """A new trial of the way to a partner and back."""
        context = self._context
        take = self._entropy.take
        drawn = [take(16), take(16), take(32), take(32), take(32)]
        trial = Trial.make(context.me, partner.card, self.prekey(partner.id), drawn, context.clock.now())
        self.trials[trial.ping.nonce] = trial
        return trial

    def prekey(self, partner: str) -> wire.Prekey | None:
        """The prekey that a partner announced, if it is still good."""
        found = self._grants.prekeys.get(partner)
        return found if found is not None and self._context.clock.now() < found.until else None

    async def pinged(self, partner: Partner, ping: wire.Ping) -> None:
        """Try what a partner sent, and say what came of it."""
        context = self._context
        held = partner.card.digest()
        try:
            key = seal.open_grant(ping.grant, partner.id, context.keys, context.prekeys)
            content = seal.unseal(wire.read(ping.envelope, wire.Envelope), key)
            if content.klass != wire.TEST or content.items or len(content.packed) != 32:
                raise Refused("malformed")
        except (BadWire, Refused) as error:
            reason = error.reason if isinstance(error, Refused) else "malformed"
            await context.control(partner.id, wire.Pong(ping.nonce, held, reason, b""))
            return
        echo = seal.seal(_content(hashlib.sha256(content.packed).digest()), key, ping.grant.epoch, context.me, self._entropy.take(32))
        await context.control(partner.id, wire.Pong(ping.nonce, held, "", echo))

    def ponged(self, partner: Partner, pong: wire.Pong, sent_at: Micros) -> None:
        """The answer to a trial of this node's."""
        trial = self.trials.get(pong.nonce)
        if trial is not None and trial.partner == partner.id:
            trial.answer(pong, sent_at, self._context.clock.now())

    async def excuse(self, data: bytes, partner: Partner, reason: str) -> None:
        """Tell a partner why its trial was refused, seldom: it is who it seems to be only as far as the relay knows."""
        context, now = self._context, self._context.clock.now()
        ping = ping_of(data)
        if ping is None or now - self._excused.get(partner.id, 0) < SPARE:
            return
        self._excused[partner.id] = now
        await context.control(partner.id, wire.Pong(ping.nonce, partner.card.digest(), reason, b""))


class Trial:
    """One ping and what came back."""

    def __init__(self, partner: str, ping: wire.Ping, key: bytes, content: bytes, began: Micros) -> None:
        self.partner, self.ping, self.began = partner, ping, began
        self._key, self._content = key, content
        self.pong: wire.Pong | None = None
        self.offset: Micros = 0  # how far the partner's clock is ahead
        self.took: Micros = 0
        self.echoed = False

    @staticmethod
    def make(me: str, card: Card, prekey: wire.Prekey | None, drawn: list[bytes], now: Micros) -> Trial:
        """A trial out of random bytes: nonce (16), epoch id (16), key (32), content (32), salt (32)."""
        nonce, id_, key, content, salt = drawn
        epoch = seal.Epoch(id_, key, frozenset({card.partner}), now, now + 60 * SECOND)
        envelope = seal.seal(_content(content), key, id_, me, salt)
        return Trial(card.partner, wire.Ping(nonce, seal.make_grant(epoch, me, card, prekey), envelope), key, content, now)

    def answer(self, pong: wire.Pong, sent_at: Micros, now: Micros) -> None:
        """Take in the answer."""
        self.pong, self.took, self.offset = pong, now - self.began, sent_at - (self.began + now) // 2
        try:
            echo = seal.unseal(wire.read(pong.envelope, wire.Envelope), self._key) if pong.envelope else None
        except (BadWire, Refused):
            echo = None
        self.echoed = echo is not None and echo.klass == wire.TEST and echo.packed == hashlib.sha256(self._content).digest()


def links_of(data: bytes) -> tuple[wire.Link, ...] | None:
    """The links of a succession, unchecked; None for any other control message. Raises `BadWire`."""
    control = wire.read(wire.read(data, wire.SignedControl).control, wire.Control)
    return wire.read(control.body, wire.Succession).links if control.kind == "succession" else None


def ping_of(data: bytes) -> wire.Ping | None:
    """The ping that `data` seems to be."""
    try:
        control = wire.read(wire.read(data, wire.SignedControl).control, wire.Control)
        ping = wire.read(control.body, wire.Ping) if control.kind == "ping" else None
    except BadWire:
        return None
    return ping if ping is not None and wire.sane(ping) else None


def _content(data: bytes) -> wire.Payload:
    return wire.Payload(wire.TEST, "", (), (), data, wire.Signatures(b""))
