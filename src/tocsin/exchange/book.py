"""The book of partners: whose keys are pinned, what each may be shown, and whose keys are trusted no more."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec
from sqlalchemy import delete, insert, select, update

from tocsin.core import BadLabel, Clearance, InputError
from tocsin.core.times import DAY, HOUR
from tocsin.journal import Guard

from . import receipts, succession, words
from .card import FINGERPRINT_BYTES, Card
from .errors import BadCard, BadProof, NotThatCard, Spoofed
from .model import OldCard, Partner, Standing
from .seal import verify_proof
from .tables import partner_cards, partners, told

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from sqlalchemy import Connection

    from tocsin.core import Clock
    from tocsin.core.times import Micros
    from tocsin.journal import Journal, Kept

    from . import wire
    from .receipts import Shown

MOST = 200
LATE = 30 * DAY  # how long after a rotation files that were signed before it are taken
SLACK = HOUR  # by which a partner's clock may be behind, and what it signed still under way
PINNED, ROTATED, RECOVERED = "pinned", succession.ROTATED, succession.RECOVERED
REVOKED, EXCLUDED = "revoked", "excluded"


class Book:
    """Partners, kept in the journal's database and held in memory.

    Its rows are guarded: a card, a comparison or a revocation that somebody else wrote into the database, or took out of it, is
    noticed at the next start and before the next change, and nothing goes on (`Altered`). A partner that is revoked or excluded
    is none any more, but its cards stay, so that what it signed before still verifies.
    """

    def __init__(self, journal: Journal, clock: Clock) -> None:
        self._journal, self._clock = journal, clock
        self._listeners: list[Callable[[], None]] = []
        self._guard = Guard(journal, "partners", partners, partner_cards)
        self._guarded = self._guard.check()
        self._partners: dict[str, Partner] = {}
        self._standing: dict[str, Standing] = {}
        self._out: dict[str, Partner] = {}
        for row in journal.read_rows(select(partners).order_by(partners.c.partner)):
            partner = Partner(Card.from_toml(row.card), msgspec.json.decode(row.clearance, type=Clearance))
            _check(partner)
            (self._out if row.state in {REVOKED, EXCLUDED} else self._partners)[partner.id] = partner
            self._standing[partner.id] = Standing(row.state, row.changed_at or row.added_at, row.reason, row.compared_at, row.compared_by)
        self._cards: dict[str, list[OldCard]] = {}
        for row in journal.read_rows(select(partner_cards).order_by(partner_cards.c.partner, partner_cards.c.since)):
            self._cards.setdefault(row.partner, []).append(OldCard(Card.from_toml(row.card), row.how, row.since, row.until))
        self._told: dict[str, bytes] = {row.partner: row.card for row in journal.read_rows(select(told))}

    async def guard(self) -> None:
        """Guard the rows from now on, if they are of before there were guards."""
        if not self._guarded:
            await self._change(lambda _: None)

    async def _change(self, work: Callable[[Connection], None]) -> None:
        def guarded(connection: Connection) -> None:
            with self._guard.changing(connection):
                work(connection)

        await self._journal.write(guarded)
        self._guarded = True
        self._guard.noted()

    def partners(self) -> list[Partner]:
        """Every partner, in alphabetic order."""
        return [self._partners[name] for name in sorted(self._partners)]

    def put_out(self) -> list[Partner]:
        """Everyone who was a partner until revoked or excluded, in alphabetic order."""
        return [self._out[name] for name in sorted(self._out)]

    def get(self, partner: str) -> Partner | None:
        """The partner of that name."""
        return self._partners.get(partner)

    def standing(self, partner: str) -> Standing | None:
        """How this node came by a partner's card, and whether it was compared; also of those that are out."""
        return self._standing.get(partner)

    def clearances(self) -> list[Clearance]:
        """Every partner's clearance, in the partners' order."""
        return [partner.clearance for partner in self.partners()]

    def cards(self, partner: str) -> list[OldCard]:
        """Every card that was ever pinned for that name, the oldest first, with the time in which it stood."""
        found = list(self._cards.get(partner, []))
        now = self._partners.get(partner) or self._out.get(partner)
        if now is not None and (not found or found[-1].card.digest() != now.card.digest()):
            # A partner of before this table was kept.
            found.append(OldCard(now.card, PINNED, 0, self._standing[partner].since if partner in self._out else None))
        return found

    def verify(self, kept: Kept) -> OldCard:
        """The card, of those that its origin had at the record's time or later, by whose keys a kept record was signed.

        What was said before a rotation may have been sent, and so signed, after it; a card whose time was over cannot have signed it.
        Raises `BadProof` if none did.
        """
        for old in self.cards_at(kept.record.origin, kept.record.protocol_time):
            try:
                verify_proof(kept.data, kept.proof, old.card)
            except BadProof:
                continue
            return old
        raise BadProof("no card that this partner had at that time signed this record")

    def cards_at(self, partner: str, at: Micros) -> list[OldCard]:
        """The cards by which a partner may have signed at `at` (µs of its protocol time), the newest first: none whose time was over."""
        return [old for old in reversed(self.cards(partner)) if old.until is None or at <= old.until + SLACK]

    def believed_at(self, partner: str, at: Micros) -> list[Card]:
        """The cards by which something that comes late, and says that it was signed at `at`, may be believed, the newest first.

        Besides the card that is pinned those that only rotations came after, for a month: whoever was the reason for a recovery or a
        revocation, or found an old key later than that, gets nothing in by an earlier date.
        """
        found, now = self.cards(partner), self._clock.now()
        if partner not in self._partners:
            return []
        believed = [found[-1].card]
        for old, after in zip(reversed(found[:-1]), reversed(found), strict=False):
            if after.how != ROTATED or old.until is None or now > old.until + LATE:
                break
            if at <= old.until + SLACK:
                believed.append(old.card)
        return believed

    def witness_keys(self) -> dict[str, dict[bytes, Micros | None]]:
        """By partner, those that are out too: every Ed25519 key it had, and until when what it signed counts (None: it does)."""
        known = {*self._partners, *self._out, *self._cards}
        return {
            name: {old.card.ed25519: None if old.until is None else old.until + SLACK for old in self.cards(name)} for name in sorted(known)
        }

    def check_receipt(self, partner: str, message: bytes, data: bytes) -> tuple[Shown, OldCard]:
        """What a partner's receipt shows of the record with the signed bytes `data`, and by which of its cards; raises `BadProof`."""
        wrong = BadProof("no card that this partner had at that time signed this receipt")
        for old in self.cards_at(partner, receipts.sent_at(message)):
            try:
                return receipts.check(message, old.card, data), old
            except BadProof as error:
                wrong = error
        raise wrong

    def former(self, partner: str, grace: Micros) -> Card | None:
        """The card before a partner's, while what it signed with it may still be under way; None after a recovery."""
        found = self.cards(partner)
        if len(found) < 2 or found[-1].how != ROTATED or (until := found[-2].until) is None:
            return None
        return found[-2].card if self._clock.now() < until + grace else None

    async def add(self, card: Card, clearance: Clearance, *, again: bool = False) -> Partner:
        """Pin a card that was carried here by hand; `again` takes back one that was put out, with new keys.

        Raises `BadCard`, `BadLabel` if the clearance is another's, `Spoofed` if that name has other keys already or was
        put out, `InputError` if the book is full.
        """
        card.check()
        _check(partner := Partner(card, clearance))
        held, out = self._partners.get(card.partner), self._out.get(card.partner)
        if held is not None and held.card.digest() != card.digest():
            raise Spoofed(f"{card.partner} is pinned to other keys: remove it first, if you have the new fingerprint from a person")
        if out is not None and any(old.card.ed25519 == card.ed25519 for old in self.cards(card.partner)):
            raise Spoofed(f"{card.partner} was put out with these very keys: it has to make new ones")
        if out is not None and not again:
            raise Spoofed(f"{card.partner} was put out: say --again if it is to be a partner again under its new keys")
        if held is None and len(self._partners) >= MOST:
            raise InputError(f"this node knows {MOST} partners already, which is the most it takes")
        now = self._clock.now()
        standing = self._standing[card.partner] if held is not None else Standing(PINNED, now, "", None, "")
        await self._write(partner, standing, None if held is not None else OldCard(card, PINNED, now, None))
        return partner

    async def follow(self, partner: str, links: Sequence[wire.Link]) -> Card:
        """Pin the card that a partner's own links lead to, and give it; raises `Refused` (`succession`) if they lead nowhere."""
        held = self._partners[partner]
        card = succession.follow(held.card, links)
        if card.digest() == held.card.digest():
            return card
        now = self._clock.now()
        how = RECOVERED if card.era != held.card.era else ROTATED
        before = self._standing[partner]
        # Keys that a compared key signed for are as well known; those of a recovery key are to be compared anew.
        kept = (before.compared_at, before.compared_by) if how == ROTATED else (None, "")
        standing = Standing(how, now, "", *kept)
        await self._write(Partner(card, held.clearance), standing, OldCard(card, how, now, None))
        return card

    async def confirm(self, partner: str, said: str, by: str) -> Standing:
        """Note that a person read a partner's fingerprint back; raises `InputError` for no words, `NotThatCard` for other words."""
        if (held := self._partners.get(partner)) is None:
            raise InputError(f"there is no partner {partner[:40]!r}")
        if words.from_words(said) != held.card.digest()[:FINGERPRINT_BYTES]:
            raise NotThatCard(partner)
        standing = self._standing[partner]._replace(compared_at=self._clock.now(), compared_by=by)
        await self._write(held, standing, None)
        return standing

    def put_out_rows(self, connection: Connection, partner: str, state: str, reason: str) -> None:
        """In a transaction: note that a partner is out. `put_out_now` has to follow when it is on disk."""
        now = self._clock.now()
        values = {"state": state, "reason": reason[:200], "changed_at": now}
        with self._guard.changing(connection):
            connection.execute(update(partners).where(partners.c.partner == partner).values(**values))
            connection.execute(delete(told).where(told.c.partner == partner))
            current = (partner_cards.c.partner == partner) & partner_cards.c.until.is_(None)
            connection.execute(update(partner_cards).where(current).values(until=now))

    def put_out_now(self, partner: str, state: str, reason: str) -> None:
        """The memory's half of `put_out_rows`: from here on it is no partner."""
        self._guard.noted()
        held, now = self._partners.pop(partner), self._clock.now()
        cards = self.cards(partner) or [OldCard(held.card, PINNED, 0, None)]
        self._out[partner] = held
        self._standing[partner] = self._standing[partner]._replace(state=state, since=now, reason=reason[:200])
        self._cards[partner] = [*cards[:-1], cards[-1]._replace(until=cards[-1].until or now)]
        self._told.pop(partner, None)
        self._tell()

    async def remove(self, partner: str) -> None:
        """Unpin a partner: from now on it is sent nothing and nothing of it is taken; raises `InputError` if there is none."""
        if partner not in self._partners:
            raise InputError(f"there is no partner {partner[:40]!r}")
        now = self._clock.now()

        def drop(connection: Connection) -> None:
            connection.execute(delete(partners).where(partners.c.partner == partner))
            connection.execute(delete(told).where(told.c.partner == partner))
            current = (partner_cards.c.partner == partner) & partner_cards.c.until.is_(None)
            connection.execute(update(partner_cards).where(current).values(until=now))

        await self._change(drop)
        del self._partners[partner]
        del self._standing[partner]
        self._told.pop(partner, None)
        self._cards[partner] = [old._replace(until=old.until or now) for old in self._cards.get(partner, [])]
        self._tell()

    def told(self, partner: str) -> bytes:
        """The digest of this node's card that a partner is known to hold; empty if it never said."""
        return self._told.get(partner, b"")

    async def was_told(self, partner: str, card: bytes) -> None:
        """A partner says which of this node's cards it holds."""
        if partner not in self._partners or self._told.get(partner) == card:
            return
        row = {"partner": partner, "card": card, "at": self._clock.now()}

        def replace_row(connection: Connection) -> None:
            connection.execute(delete(told).where(told.c.partner == partner))
            connection.execute(insert(told), [row])

        await self._journal.write(replace_row)
        self._told[partner] = card

    def listen(self, listener: Callable[[], None]) -> None:
        """Call `listener` after each change of membership or of a card."""
        self._listeners.append(listener)

    async def _write(self, partner: Partner, standing: Standing, new: OldCard | None) -> None:
        name, now = partner.id, self._clock.now()
        row: dict[str, Any] = {
            "partner": name,
            "card": partner.card.to_toml(),
            "clearance": msgspec.json.encode(partner.clearance, order="deterministic").decode(),
            "added_at": now,
            "state": standing.state,
            "changed_at": standing.since,
            "reason": standing.reason,
            "compared_at": standing.compared_at,
            "compared_by": standing.compared_by,
        }
        before = self.cards(name) if new else []
        if new and before:
            # No two cards of one partner began at one moment, so that their order is known from the rows.
            new = new._replace(since=max(new.since, before[-1].since + 1))

        def work(connection: Connection) -> None:
            connection.execute(delete(partners).where(partners.c.partner == name))
            connection.execute(insert(partners), [row])
            if new:
                connection.execute(delete(partner_cards).where(partner_cards.c.partner == name))
                rows = [*(old._replace(until=old.until or now) for old in before), new]
                connection.execute(insert(partner_cards), [_card_row(old) for old in rows])

        await self._change(work)
        self._partners[name] = partner
        self._out.pop(name, None)
        self._standing[name] = standing
        if new:
            self._cards[name] = [*(old._replace(until=old.until or now) for old in before), new]
        self._tell()

    def _tell(self) -> None:
        for listener in self._listeners:
            listener()


def _card_row(old: OldCard) -> dict[str, Any]:
    text, digest = old.card.to_toml(), old.card.digest()
    return {"partner": old.card.partner, "digest": digest, "card": text, "how": old.how, "since": old.since, "until": old.until}


def _check(partner: Partner) -> None:
    if partner.clearance.partner != partner.id:
        raise BadLabel(f"this clearance is {partner.clearance.partner[:40]!r}'s, not {partner.id}'s")
    if partner.clearance.classification < 0:
        raise BadCard("a clearance below the lowest classification cannot be shown anything")
